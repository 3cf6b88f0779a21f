//! Columns of the source that nobody has decided about, as `privacy.policy` sees them.

use crate::error::Result;
use crate::plan::policy::{self, Policy};
use crate::scan::{Found, Ground, refusal, scan};
use crate::schema::Table;
use std::collections::BTreeMap;

/// What there is to say about them.
#[derive(Debug)]
pub struct Undecided {
    /// What `strict` refuses to serve.
    refused: Found,
    /// What is told, by table.
    told: BTreeMap<String, String>,
    /// What is odd about `privacy.keep`.
    odd: Vec<String>,
}

impl Undecided {
    /// Of all served tables. Rules that would fit are checked against the schema, not tried on the source.
    ///
    /// # Errors
    /// `Internal` when a rule that would fit cannot even be read.
    pub fn of(policy: Policy, ground: Ground<'_>) -> Result<Self> {
        let tell = match policy {
            Policy::Open => |_: &Table, _: Ground<'_>| None,
            Policy::Warn => |table: &Table, ground: Ground<'_>| {
                policy::warning(table, ground.masks.for_table(&table.name), ground.keep)
            },
            Policy::Strict => |table: &Table, ground: Ground<'_>| {
                policy::refusal(table, ground.masks.for_table(&table.name), ground.keep)
            },
        };
        let told =
            ground.served.values().filter_map(|table| Some((table.name.clone(), tell(table, ground)?)));
        Ok(Self {
            told: told.collect(),
            odd: if policy == Policy::Open { Vec::new() } else { ground.keep.warnings(ground.schema) },
            refused: match policy {
                Policy::Open | Policy::Warn => Found::default(),
                Policy::Strict => scan(ground, &mut |_| Ok(()))?,
            },
        })
    }

    /// What the operator should know.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.odd.iter().chain(self.told.values()).cloned()
    }

    /// What is told of these tables.
    #[must_use]
    pub fn of_tables(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<&str> {
        let wanted = self.told.iter().filter(|(table, _)| is_wanted(table));
        wanted.map(|(_, warning)| warning.as_str()).collect()
    }

    /// Whether these tables may be served.
    ///
    /// # Errors
    /// `Config` with every column of theirs that nobody has decided about, and the lines to add.
    pub fn check(&self, is_wanted: impl Fn(&str) -> bool) -> Result<()> {
        refusal(&self.refused.of_tables(is_wanted)).map_or(Ok(()), Err)
    }
}
