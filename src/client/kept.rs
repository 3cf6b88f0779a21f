//! What is written beside a staging that is complete: by it a later pull knows it again if the swap could not be made,
//! and what to remember once it is.

use crate::error::{Error, Result};
use crate::wire::moment::Moment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A complete staging: which data it is and what came of loading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Names the data: source, tables, columns, rules, and from when on the rows of each were asked for.
    pub(super) data: String,
    /// Its rows were read back.
    pub(super) verified: bool,
    /// What came.
    #[serde(flatten)]
    pub(super) brought: Brought,
}

/// What came of loading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Brought {
    /// The source's clock before.
    pub(super) clock: Moment,
    /// This machine's clock afterwards, seconds since the epoch.
    pub(super) loaded: i64,
    /// By the tables' names at the source.
    pub(super) tables: BTreeMap<String, BroughtTable>,
}

/// What came of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BroughtTable {
    /// Rows that are there.
    pub(super) rows: u64,
    /// Up to here it was read for sure, as the server tells it.
    pub(super) checkpoint: Option<Moment>,
}

impl Brought {
    /// Rows of all tables.
    pub(super) fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}

impl Kept {
    /// The label of the staging.
    pub(super) fn label(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::internal("writing a label as JSON").source(error))
    }

    /// What a label says; none if it names other data, or in another way.
    pub(super) fn read(label: &str, data: &str) -> Option<Self> {
        serde_json::from_str(label).ok().filter(|kept: &Self| kept.data == data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_as_it_was_written() {
        let moment = |text: &str| text.parse::<Moment>().unwrap();
        let checkpoint = Some(moment("2026-11-22 09:59:58.5"));
        let tables =
            [("a", BroughtTable { rows: 5, checkpoint }), ("b", BroughtTable { rows: 7, checkpoint: None })];
        let brought = Brought {
            clock: moment("2026-11-22 10:00:00"),
            loaded: 1_795_342_800,
            tables: tables.map(|(name, table)| (name.to_owned(), table)).into(),
        };
        assert_eq!(brought.rows(), 12);
        for verified in [false, true] {
            let kept = Kept { data: "data".into(), verified, brought: brought.clone() };
            let label = kept.label().unwrap();
            assert_eq!(Kept::read(&label, "data"), Some(kept));
            assert_eq!(Kept::read(&label, "other"), None);
        }
        for label in ["", "data:12", "data:12:verified", r#"{"data":"data"}"#, "[]"] {
            assert_eq!(Kept::read(label, "data"), None, "{label}");
        }
    }
}
