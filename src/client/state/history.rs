//! The pulls of this machine, and how they ended.

use super::records::Records;
use super::{file, lock};
use crate::error::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Longest reason of a failure that is kept, in characters.
const REASON_CHARS_MAX: usize = 300;

/// What was pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every row of every table.
    Full,
    /// Of at least one table only the rows that changed since the last pull, or nothing because none did.
    Delta,
}

impl Mode {
    /// `FULL` or `DELTA`, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Delta => "DELTA",
        }
    }

    /// `full` or `delta`, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Delta => "delta",
        }
    }
}

/// How a pull ended, or that it has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status", content = "reason")]
pub enum Outcome {
    /// At work.
    Running,
    /// Everything is in place.
    Complete,
    /// Stopped by the user, or its process died.
    Interrupted,
    /// Failed, and why.
    Failed(String),
}

/// What a pull that did not end well left of the target's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The pull had not begun to change it.
    Untouched,
    /// The pull had begun to: the next one finds out.
    Unknown,
    /// A later pull finished what this one had begun: the new data is in place.
    Completed,
    /// A later pull found the data as it was before, or made it so.
    Undone,
}

/// One pull.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// Names it.
    pub id: String,
    /// Full or delta.
    pub mode: Mode,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Rows loaded.
    pub rows: u64,
    /// Tables replaced or brought up to date.
    pub tables: u64,
    /// Tables left alone because nothing in them was new.
    #[serde(default)]
    pub unchanged: u64,
    /// When it began, seconds since the epoch.
    pub started: i64,
    /// How long it took, milliseconds; of an unfinished one 0.
    pub duration_ms: u64,
    /// Name of the source database.
    pub source: String,
    /// The target, `host:port/database`; empty in entries of old versions.
    #[serde(default)]
    pub target: String,
    /// Whether `--tables` named its tables.
    #[serde(default)]
    pub selected: bool,
    /// What is known of the data, unless it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
}

impl Sync {
    /// Whether it brought every row of every table.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.outcome == Outcome::Complete && self.mode == Mode::Full && !self.selected
    }
}

/// What was read from a state file.
#[derive(Debug, Default)]
pub struct History {
    /// Oldest first.
    pub syncs: Vec<Sync>,
    /// What is known of the targets.
    pub records: Records,
    /// Whether a pull is at work now.
    pub active: bool,
    /// Said when the file was damaged and set aside.
    pub remark: Option<String>,
}

impl History {
    /// The newest pull that ended well.
    #[must_use]
    pub fn last_successful(&self) -> Option<&Sync> {
        self.syncs.iter().rev().find(|sync| sync.outcome == Outcome::Complete)
    }

    /// The newest pull that brought everything into `target`: rows deleted at the source since then may still be
    /// there.
    #[must_use]
    pub fn last_full(&self, target: &str) -> Option<&Sync> {
        self.syncs.iter().rev().find(|sync| sync.is_whole() && sync.target == target)
    }
}

/// Reads a history for showing it; nothing is written but a damaged file's new name. Entries of processes that
/// died are `Interrupted`.
///
/// # Errors
/// `Config` when the file cannot be read or is of a newer version of backfill.
pub fn read_history(path: &Path) -> Result<History> {
    let active = lock::is_held(path);
    let (mut content, remark) = file::read(path)?;
    if !active {
        mark_dead(&mut content.syncs);
    }
    Ok(History { syncs: content.syncs, records: content.records, active, remark })
}

/// Nobody holds the lock: who is still called running has died. Gives the ids of those.
pub(super) fn mark_dead(syncs: &mut [Sync]) -> Vec<String> {
    let running = syncs.iter_mut().filter(|sync| sync.outcome == Outcome::Running);
    running
        .map(|sync| {
            sync.outcome = Outcome::Interrupted;
            sync.id.clone()
        })
        .collect()
}

/// Why a pull failed, short enough for the history.
#[must_use]
pub fn outcome_of(error: &Error) -> Outcome {
    match error.kind() {
        Kind::Interrupted(_) => Outcome::Interrupted,
        _ => Outcome::Failed(error.what().chars().take(REASON_CHARS_MAX).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interruptions_are_no_failures() {
        assert_eq!(outcome_of(&Error::new(Kind::Interrupted(2), "x")), Outcome::Interrupted);
        let long = Error::new(Kind::Remote, "é".repeat(1000));
        assert_eq!(outcome_of(&long), Outcome::Failed("é".repeat(REASON_CHARS_MAX)));
    }
}
