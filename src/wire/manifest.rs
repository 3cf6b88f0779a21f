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
    /// A limit restricts it.
    pub has_limit: bool,
    /// At least one column has a rule.
    pub has_sanitization: bool,
    /// Names of the columns with a rule.
    pub sanitized_columns: Vec<String>,
    /// Hex digest over columns, keys and rules: changes when a delta could not be trusted.
    pub digest: String,
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
