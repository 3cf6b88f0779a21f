//! Requests and answers of the HTTP API as JSON (paths: `{prefix}/manifest`, `runs`, `runs/{id}`,
//! `dump/{table}`, `health`).

use crate::wire::moment::Moment;
use serde::{Deserialize, Serialize};

/// Every code that an error answer may carry, with its HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request is malformed.
    BadRequest,
    /// The token is missing or wrong.
    Unauthorized,
    /// The table is excluded by the server's configuration.
    TableExcluded,
    /// The caller's address is not in `allow_ips`.
    AddressDenied,
    /// No such path.
    NotFound,
    /// No such table.
    TableUnknown,
    /// The path exists, not with this method.
    MethodNotAllowed,
    /// The run has ended or never was.
    RunGone,
    /// The two sides speak different protocol versions.
    ProtocolMismatch,
    /// The server's configuration does not fit its database (any more).
    ConfigInvalid,
    /// A defect or an unexpected failure of the server.
    Internal,
    /// The source database cannot be reached or failed.
    SourceUnavailable,
    /// Too many runs at once; come back later.
    TooManyRuns,
    /// A table of the run changed its definition while it was read.
    SchemaChanged,
    /// A row is larger than both sides' packets allow.
    RowTooLarge,
    /// Rows hold their source's values after masking: nothing of the table is served.
    MasksFailed,
    /// The leak check found personal data in columns without a rule.
    LeakFound,
    /// The run was ended: by the client, by an idle limit or because the server stops.
    RunEnded,
}

impl Code {
    /// The HTTP status that goes with the code. The last four appear in run status and abort frames, and as
    /// statuses only where a stream had not begun.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::TableExcluded | Self::AddressDenied => 403,
            Self::NotFound | Self::TableUnknown => 404,
            Self::MethodNotAllowed => 405,
            Self::RunGone | Self::RunEnded => 410,
            Self::ProtocolMismatch => 426,
            Self::ConfigInvalid
            | Self::Internal
            | Self::SchemaChanged
            | Self::RowTooLarge
            | Self::MasksFailed
            | Self::LeakFound => 500,
            Self::SourceUnavailable | Self::TooManyRuns => 503,
        }
    }
}

/// Body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// For the caller; details are in the server's log only.
    pub error: String,
    /// For programs.
    pub code: Code,
    /// Finds the server's log line.
    pub request_id: String,
}

/// How rows are written in a dump stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Multi-row `INSERT` statements.
    #[default]
    Sql,
}

/// Body of `POST /runs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// What is wanted; at least one table.
    pub tables: Vec<RunTable>,
    /// How.
    #[serde(default)]
    pub format: Format,
    /// Most rows of one batch that the client takes; the smaller of both sides' numbers holds.
    #[serde(default)]
    pub batch_rows: Option<u32>,
    /// Most bytes of one batch that the client takes (its database's packet limit); the smaller holds.
    #[serde(default)]
    pub batch_bytes: Option<u64>,
}

/// One table of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunTable {
    /// The table's name.
    pub name: String,
    /// The columns wanted, in this order; absent: all that are not generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// A delta: only rows whose `created_at` or `updated_at` is this or later, or NULL; they come as `REPLACE`. Only for
    /// tables whose entry in the manifest says `can_delta`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Moment>,
}

/// Answer of `POST /runs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCreated {
    /// The run's id.
    pub run: String,
    /// Its tables, in the order in which they were asked for, columns filled in.
    pub tables: Vec<RunTable>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunPhase {
    /// Tables are copied, sanitized and read.
    Running,
    /// Every table is read to its end; chunks wait to be fetched.
    Complete,
    /// The run failed; `error` says why.
    Failed,
}

/// How far one table of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TablePhase {
    /// Not begun.
    Waiting,
    /// Being copied into the workspace (and masked there).
    Copy,
    /// Being read into frames.
    Dump,
    /// Read; which of its rows have lost their parents meanwhile is not known yet.
    Check,
    /// All its chunks are known.
    Done,
}

/// Answer of `GET /runs/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStatus {
    /// The run's id.
    pub run: String,
    /// Counts changes: ask again with `seen=` this number to wait for the next one.
    pub version: u64,
    /// The whole run.
    pub phase: RunPhase,
    /// Each table, in the run's order; with `tables=changed` those that have changed since the version that was seen.
    pub tables: Vec<TableStatus>,
    /// Why the run failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
    /// By what means all tables are read at one moment, in words; none where each is read at its own, and before the
    /// snapshot is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// One table in a [`RunStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStatus {
    /// The table's name.
    pub name: String,
    /// How far it is.
    pub phase: TablePhase,
    /// Rows handled in this phase so far; in `done` the rows of all chunks.
    pub rows: u64,
    /// How many of the rows sent the last chunks take back, because their parents are not in the result: known in `done`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub removed: u64,
    /// Chunks `0..chunks` can be fetched now.
    pub chunks: u32,
    /// Known in `done`, of a table whose entry says `can_delta`: up to here its rows were read for sure. The smaller of the
    /// source's clock when reading began (and of its oldest open transaction, where the account may look) and the
    /// greatest `created_at` or `updated_at` delivered, in the columns' own terms. The next delta is asked for from
    /// this less an overlap. None: nothing was delivered that could tell; what was true before still is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Moment>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_in_snake_case() {
        let body = ErrorBody { error: "no".into(), code: Code::TableExcluded, request_id: "r1".into() };
        let json = serde_json::to_string(&body).unwrap();
        assert_eq!(json, r#"{"error":"no","code":"table_excluded","request_id":"r1"}"#);
    }

    #[test]
    fn a_request_with_unknown_keys_is_refused() {
        assert!(serde_json::from_str::<RunRequest>(r#"{"tables":[],"what":1}"#).is_err());
    }
}
