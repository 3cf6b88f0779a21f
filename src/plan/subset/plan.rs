//! What has to be done for a subset, and in which order.

use super::Limit;
use crate::error::Result;
use crate::plan::reference::Reference;
use crate::schema::Table;
use std::collections::{BTreeMap, BTreeSet};

/// What a subset is planned from.
#[derive(Debug, Clone, Copy)]
pub struct SubsetInputs<'a> {
    /// The served tables by name.
    pub served: &'a BTreeMap<String, Table>,
    /// The references between them.
    pub references: &'a [Reference],
    /// At most one limit per table; those of tables that are not served do nothing.
    pub limits: &'a [Limit],
    /// The server's clock, UTC, `YYYY-MM-DD HH:MM:SS`: one moment for the whole run, from which `keep_days` counts.
    pub moment: &'a str,
    /// The time zone that DATETIME and DATE columns are written in: an offset such as `+00:00`.
    pub datetime_timezone: &'a str,
}

/// Which tables are restricted, and how their kept rows are found.
#[derive(Debug, Clone, Default)]
pub struct SubsetPlan {
    restricted: BTreeSet<String>,
}

impl SubsetPlan {
    /// The plan for finding the kept rows of the restricted tables among `wanted`, or of all without it.
    ///
    /// # Errors
    /// `Config` when a limit cannot be worked: a column does not exist, a referenced column has no index.
    pub fn new(inputs: &SubsetInputs<'_>, wanted: Option<&BTreeSet<String>>) -> Result<Self> {
        let _ = (inputs, wanted);
        Ok(Self::default())
    }

    /// Whether only some rows of that table are kept. All others are whole.
    #[must_use]
    pub fn is_restricted(&self, table: &str) -> bool {
        self.restricted.contains(table)
    }
}
