//! What is run or called after a pull, and what it is told.
//!
//! By then the pull is over and its history written: a hook that fails, hangs or is not there changes nothing of that.
//! It is told names of tables, counts and times; never a row, a token or a password.

mod command;
mod post;

use super::Interrupt;
use super::summary::Summary;
use crate::config::{Action, Hook};
use crate::error::{Error, Kind, Result};
use crate::wire::moment::Moment;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a signal is looked for while a hook works.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What happened, as hooks are told: the fields are those of the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// `sync_completed` or `sync_failed`.
    event: &'static str,
    /// `full` or `delta`; none when the pull failed before that was decided.
    mode: Option<&'static str>,
    /// Whether the mode is `full`.
    is_full_sync: Option<bool>,
    /// Rows that were loaded, by table.
    tables: BTreeMap<String, u64>,
    /// All of these rows.
    rows_synced: u64,
    /// How long the pull took, milliseconds.
    duration_ms: u64,
    /// Up to where the source was read at least, of all tables that the next delta goes on from.
    checkpoint: Option<Moment>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

/// Why a pull failed, as it is printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Failure {
    kind: &'static str,
    exit_code: u8,
    message: String,
    hint: Option<String>,
}

impl Event {
    /// A pull is in place.
    #[must_use]
    pub fn completed(summary: &Summary) -> Self {
        Self {
            event: "sync_completed",
            mode: Some(summary.mode),
            is_full_sync: Some(summary.mode == "full"),
            tables: summary.tables_rows.clone(),
            rows_synced: summary.rows,
            duration_ms: summary.duration_ms,
            checkpoint: summary.checkpoint,
            error: None,
        }
    }

    /// A pull failed. None for a pull that did not begin (its command line, its configuration or a guard forbade it)
    /// and for one that somebody interrupted: who did that knows.
    #[must_use]
    pub fn failed(error: &Error, duration: Duration) -> Option<Self> {
        if matches!(error.kind(), Kind::Usage | Kind::Config | Kind::Guard | Kind::Interrupted(_)) {
            return None;
        }
        Some(Self {
            event: "sync_failed",
            mode: None,
            is_full_sync: None,
            tables: BTreeMap::new(),
            rows_synced: 0,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            checkpoint: None,
            error: Some(Failure {
                kind: error.kind().name(),
                exit_code: error.kind().exit_code(),
                message: error.to_string(),
                hint: error.hint_text().map(str::to_owned),
            }),
        })
    }

    fn json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::internal("writing an event as JSON").source(error))
    }

    /// The environment variables that a command is told the event by; what is not known has none. The names of the
    /// tables are in the JSON alone, since an environment is small.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let error = self.error.as_ref();
        let all = [
            ("BACKFILL_EVENT", Some(self.event.to_owned())),
            ("BACKFILL_EVENT_MODE", self.mode.map(str::to_owned)),
            ("BACKFILL_EVENT_IS_FULL_SYNC", self.is_full_sync.map(|is| is.to_string())),
            ("BACKFILL_EVENT_TABLES", Some(self.tables.len().to_string())),
            ("BACKFILL_EVENT_ROWS_SYNCED", Some(self.rows_synced.to_string())),
            ("BACKFILL_EVENT_DURATION_MS", Some(self.duration_ms.to_string())),
            ("BACKFILL_EVENT_CHECKPOINT", self.checkpoint.map(|checkpoint| checkpoint.to_string())),
            ("BACKFILL_EVENT_ERROR", error.map(|error| error.message.clone())),
            ("BACKFILL_EVENT_EXIT_CODE", error.map(|error| error.exit_code.to_string())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Runs a hook to its end.
///
/// # Errors
/// `Hook` when it fails, cannot be run or takes too long; `Interrupted` when somebody interrupts it.
pub fn run(hook: &Hook, event: &Event, interrupt: &Interrupt) -> Result<()> {
    let done = match &hook.action {
        Action::Command { line, folder } => {
            command::run(&command::Hooked { line, folder, limit: command::LIMIT }, event, interrupt)
        }
        Action::Post { url, host } => {
            post::run(&post::Hooked { url, host, limit: post::LIMIT }, event, interrupt)
        }
    };
    done.map_err(|error| error.context(&hook.origin))
}

/// An error of a hook.
fn failed(what: impl Into<String>) -> Error {
    Error::new(Kind::Hook, what)
}

/// An error once a signal came.
fn check(interrupt: &Interrupt) -> Result<()> {
    match interrupt.signal() {
        None => Ok(()),
        Some(signal) => Err(Error::new(Kind::Interrupted(signal), "was interrupted")),
    }
}

#[cfg(test)]
mod tests;
