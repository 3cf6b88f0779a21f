//! The history for programs: keys and words that stay, whatever becomes of the state file's form.

use super::last_full;
use crate::client::state::{Fate, History, Mode, Outcome, Sync};
use crate::ui::format::rfc3339;
use crate::wire::moment::Moment;
use serde::Serialize;
use std::collections::BTreeMap;

/// The whole object.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    /// Whether a pull is at work.
    active: bool,
    /// Newest first.
    syncs: Vec<Entry<'a>>,
    last_successful: Option<Entry<'a>>,
    last_full: Option<Entry<'a>>,
    next: Option<Next<'a>>,
}

/// One pull.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    id: &'a str,
    mode: Mode,
    /// `running`, `complete`, `interrupted` or `failed`.
    status: &'static str,
    /// Why it failed.
    reason: Option<&'a str>,
    /// What became of the data, if it did not end well and that is known.
    data: Option<Fate>,
    rows: u64,
    tables: u64,
    /// Tables that were left alone because nothing in them was new.
    unchanged: u64,
    /// Whether `--tables` named its tables.
    selected: bool,
    duration_ms: u64,
    started: String,
    source: &'a str,
    /// None in entries of old versions.
    target: Option<&'a str>,
}

/// What the next delta goes on from.
#[derive(Debug, Serialize)]
struct Next<'a> {
    source: &'a str,
    target: &'a str,
    tables: BTreeMap<&'a str, Known>,
}

/// What is known of one table.
#[derive(Debug, Serialize)]
struct Known {
    /// Up to where the source was read; none where all rows come again.
    checkpoint: Option<Moment>,
    /// When all rows came last.
    pulled_whole: String,
}

impl<'a> Report<'a> {
    /// The history as of now; `shown` are its last pulls.
    pub(super) fn new(history: &'a History, shown: &[&'a Sync]) -> Self {
        Self {
            active: history.active,
            syncs: shown.iter().map(|sync| Entry::of(sync)).collect(),
            last_successful: history.last_successful().map(Entry::of),
            last_full: last_full(history).map(Entry::of),
            next: history.records.last().map(|record| Next {
                source: &record.source_name,
                target: &record.target_name,
                tables: record
                    .tables
                    .iter()
                    .map(|(name, table)| {
                        let pulled_whole = rfc3339(table.pulled_whole);
                        (name.as_str(), Known { checkpoint: table.checkpoint, pulled_whole })
                    })
                    .collect(),
            }),
        }
    }
}

impl<'a> Entry<'a> {
    fn of(sync: &'a Sync) -> Self {
        let (status, reason) = match &sync.outcome {
            Outcome::Running => ("running", None),
            Outcome::Complete => ("complete", None),
            Outcome::Interrupted => ("interrupted", None),
            Outcome::Failed(reason) => ("failed", Some(reason.as_str())),
        };
        let has_failed = matches!(sync.outcome, Outcome::Interrupted | Outcome::Failed(_));
        Self {
            id: &sync.id,
            mode: sync.mode,
            status,
            reason,
            data: sync.fate.filter(|_| has_failed),
            rows: sync.rows,
            tables: sync.tables,
            unchanged: sync.unchanged,
            selected: sync.selected,
            duration_ms: sync.duration_ms,
            started: rfc3339(sync.started),
            source: &sync.source,
            target: Some(sync.target.as_str()).filter(|target| !target.is_empty()),
        }
    }
}
