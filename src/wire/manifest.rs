//! The manifest: what the server has and would send. Structure travels as data, never as SQL to be run: the
//! client writes its own `CREATE TABLE` from it.

use crate::schema::{Flavour, ForeignKey, Table, Version};
use serde::{Deserialize, Serialize};

/// Most bytes of a manifest that a client reads.
pub const MANIFEST_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Answer of `GET /manifest`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Protocol version of the server.
    pub protocol: u32,
    /// Version of the server program.
    pub backfill: String,
    /// Name of the source database.
    pub database: String,
    /// Family of the source server.
    pub flavour: Flavour,
    /// Version of the source server.
    pub version: Version,
    /// The source's clock, UTC, `YYYY-MM-DD HH:MM:SS`.
    pub server_time: String,
    /// Who the source is, so that a client can tell whether its target is the same database.
    pub identity: SourceIdentity,
    /// All tables that can be pulled, by name.
    pub tables: Vec<TableEntry>,
    /// Foreign keys between the tables above, and those that lead out of them.
    pub foreign_keys: Vec<ForeignKey>,
    /// Tables that the configuration excludes, with their structure (a client that lacks them makes them empty).
    pub excluded: Vec<Table>,
    /// Tables that are not served and why (`sequence`, `engine FEDERATED stores elsewhere`).
    pub left_out: Vec<LeftOut>,
    /// Names of `tables`, parents first; cycles are broken anywhere.
    pub table_order: Vec<String>,
    /// What is not copied, for the summary.
    pub not_copied: NotCopied,
    /// What the operator should know: columns that look sensitive and have no rule, foreign keys not followed.
    pub warnings: Vec<String>,
}

/// One table of the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Structure and estimated size.
    #[serde(flatten)]
    pub table: Table,
    /// `created_at` and `updated_at` exist.
    pub has_timestamps: bool,
    /// Only some of its rows come.
    pub has_limit: bool,
    /// Why: its own limit, or those of tables around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited: Option<Limited>,
    /// At least one column has a rule.
    pub has_sanitization: bool,
    /// Names of the columns with a rule.
    pub sanitized_columns: Vec<String>,
    /// Hex digest over columns, keys and rules: changes when a delta could not be trusted.
    pub digest: String,
    /// The table can be asked for with `after`: temporal `created_at` and `updated_at` without rules, a primary key,
    /// no limit that restricts it.
    #[serde(default)]
    pub can_delta: bool,
    /// How many rows are of the moment that the manifest was asked for with `after` or later, or do not say when they were
    /// made or changed: a delta from there on brings these, and those of the same second where a column has no fractions.
    /// 10,000 stands for so many or more. None where no `after` was given, and where no indexes lead with both columns: to
    /// count the rows would mean reading the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta_count: Option<u64>,
}

impl TableEntry {
    /// Rows that will come, roughly.
    #[must_use]
    pub fn rows_expected(&self) -> u64 {
        self.limited.as_ref().map_or(self.table.row_count, |limited| limited.rows)
    }
}

/// Why only some rows of a table come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limited {
    /// Its own limit in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Parents of which only some rows come: rows that refer to others stay away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follows: Vec<String>,
    /// Tables whose rows bring the rows along that they refer to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pulled_in_by: Vec<String>,
    /// Rows expected, roughly.
    pub rows: u64,
}

impl Limited {
    /// In a line: `1000 rows by created_at desc; more pulled in by orders`.
    #[must_use]
    pub fn note(&self) -> String {
        let list = |lead: &str, names: &[String]| {
            (!names.is_empty()).then(|| format!("{lead} {}", names.join(", ")))
        };
        let parts = [
            self.limit.clone(),
            list("follows", &self.follows),
            list("more pulled in by", &self.pulled_in_by),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// A table that is not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Things of the source that are counted, not copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCopied {
    /// Views.
    pub views: u64,
    /// Triggers.
    pub triggers: u64,
    /// Stored procedures and functions.
    pub routines: u64,
    /// Events.
    pub events: u64,
}

/// Facts that tell one database server from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceIdentity {
    /// The name of a lock that the server holds on the source as long as it runs: a target on which
    /// `IS_USED_LOCK` of it says anything is the source.
    pub nonce: String,
    /// MySQL's `@@server_uuid`; none on MariaDB.
    pub server_uuid: Option<String>,
    /// MariaDB's `@@server_uid` (11.x) where there is one.
    pub server_uid: Option<String>,
    /// Galera's `wsrep_cluster_state_uuid` where there is one.
    pub cluster_id: Option<String>,
    /// `@@hostname` and `@@port` as the server knows itself; used for finding out whether the target's
    /// primary is the source, never as the only proof.
    pub hostname: String,
    /// See `hostname`.
    pub port: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_why_in_a_line() {
        let limited = Limited {
            limit: Some("10 rows by id desc".into()),
            pulled_in_by: vec!["log".into(), "orders".into()],
            ..Limited::default()
        };
        assert_eq!(limited.note(), "10 rows by id desc; more pulled in by log, orders");
        let follower = Limited { follows: vec!["users".into()], ..Limited::default() };
        assert_eq!(follower.note(), "follows users");
    }
}
