//! The history in words.

use super::last_full;
use crate::client::state::{Fate, History, Outcome, Sync};
use crate::ui::format::{count, duration, moment, plural, shortened};
use crate::ui::table::{Align, Table};
use std::time::Duration;

/// Longest reason that is shown, in characters.
const REASON_CHARS_MAX: usize = 70;

/// One line per pull.
pub(super) fn table(syncs: &[&Sync]) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("Mode", Align::Left),
        ("Status", Align::Left),
        ("Rows", Align::Right),
        ("Tables", Align::Right),
        ("Duration", Align::Right),
        ("Started", Align::Left),
    ]);
    for sync in syncs {
        table.row(vec![
            sync.id.clone(),
            sync.mode.name().to_owned(),
            outcome(&sync.outcome),
            count(sync.rows),
            count(sync.tables),
            match (&sync.outcome, sync.duration_ms) {
                (Outcome::Running | Outcome::Interrupted, 0) => "-".to_owned(),
                (_, millis) => duration(Duration::from_millis(millis)),
            },
            moment(sync.started),
        ]);
    }
    table
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Running => "Running".to_owned(),
        Outcome::Complete => "Complete".to_owned(),
        Outcome::Interrupted => "Interrupted".to_owned(),
        Outcome::Failed(reason) => format!("Failed: {}", shortened(reason, REASON_CHARS_MAX)),
    }
}

/// What the table does not say.
pub(super) fn sentences(history: &History) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(history.syncs.last().and_then(unfinished));
    lines.push(last_successful(history));
    lines.extend(deletions(history));
    lines.extend(next(history));
    lines
}

/// What became of the data, if the newest pull did not end well.
fn unfinished(sync: &Sync) -> Option<String> {
    let how = match &sync.outcome {
        Outcome::Running | Outcome::Complete => return None,
        Outcome::Interrupted => "was interrupted",
        Outcome::Failed(_) => "failed",
    };
    let data = match sync.fate? {
        Fate::Untouched | Fate::Undone => "the data is as it was before it",
        Fate::Completed => "what it had begun was finished later, and its data is in place",
        Fate::Unknown => {
            "it was about to replace tables, and the next `backfill pull` finishes or undoes that"
        }
    };
    Some(format!("The last pull {how}: {data}."))
}

fn last_successful(history: &History) -> String {
    match history.last_successful() {
        None => "No pull was successful yet.".to_owned(),
        Some(sync) => {
            let target =
                if sync.target.is_empty() { String::new() } else { format!(" into {}", sync.target) };
            format!(
                "Last successful sync: {} from `{}`{target} ({}, {}).",
                moment(sync.started),
                sync.source,
                plural(sync.tables, "table"),
                plural(sync.rows, "row"),
            )
        }
    }
}

/// Until when deletions at the source have been seen; nothing where the last pull saw them all.
fn deletions(history: &History) -> Option<String> {
    let last = history.last_successful()?;
    match last_full(history) {
        Some(full) if full.id == last.id => None,
        Some(full) => Some(format!(
            "Last full pull: {}. Rows that the source deleted since may still be here; `backfill pull --full` \
             removes them.",
            moment(full.started)
        )),
        None => Some(
            "No full pull of all tables is remembered: rows that the source deleted may still be here; \
             `backfill pull --full` removes them."
                .to_owned(),
        ),
    }
}

/// What the next delta would pull, as far as this side knows.
fn next(history: &History) -> Option<String> {
    let tables = &history.records.last()?.tables;
    let known: Vec<_> = tables.values().filter_map(|table| table.checkpoint).collect();
    let whole = (tables.len() - known.len()) as u64;
    match (known.iter().min(), whole) {
        (None, 0) => None,
        (None, _) => Some(format!("Next: {}, whole.", plural(whole, "table"))),
        (Some(earliest), _) => {
            let deltas = plural(known.len() as u64, "table");
            let whole =
                if whole > 0 { format!(", and {} whole", plural(whole, "table")) } else { String::new() };
            Some(format!(
                "Next: of {deltas} what changed since {earliest} or later (the source's time){whole}."
            ))
        }
    }
}
