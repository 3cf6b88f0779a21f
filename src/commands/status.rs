//! `backfill status`: what was pulled.

use super::Context;
use crate::client::state::{Outcome, Sync, read_history};
use crate::config::Overrides;
use crate::error::Result;
use crate::ui::format::{count, duration, moment, plural, shortened};
use crate::ui::table::{Align, Table};
use serde::Serialize;
use std::time::Duration;

/// How many pulls are shown.
const SHOWN_MAX: usize = 10;
/// Longest reason that is shown, in characters.
const REASON_CHARS_MAX: usize = 70;

/// The result for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    active: bool,
    syncs: Vec<&'a Sync>,
    last_successful: Option<&'a Sync>,
}

/// Shows the last pulls.
///
/// # Errors
/// `Config` when the configuration or the state file cannot be read.
pub fn run(context: &Context) -> Result<()> {
    let path = context.load(Overrides::default())?.state_file()?;
    let history = read_history(&path)?;
    let screen = &context.screen;
    if let Some(remark) = &history.remark {
        screen.warn(remark);
    }
    let last = history.last_successful();
    let syncs: Vec<&Sync> = history.syncs.iter().rev().take(SHOWN_MAX).collect();
    if syncs.is_empty() {
        screen.result("Nothing was pulled yet. `backfill pull` does it.")?;
    } else {
        screen.table(&table_of(&syncs))?;
        screen.result("")?;
        screen.result(&sentence(last))?;
    }
    screen.json(&Report { active: history.active, syncs, last_successful: last })
}

fn sentence(last: Option<&Sync>) -> String {
    match last {
        None => "No pull was successful yet.".to_owned(),
        Some(sync) => format!(
            "Last successful sync: {} from `{}` ({}, {}).",
            moment(sync.started),
            sync.source,
            plural(sync.tables, "table"),
            plural(sync.rows, "row"),
        ),
    }
}

fn table_of(syncs: &[&Sync]) -> Table {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::state::{History, Mode};

    fn sync(id: &str, outcome: Outcome, rows: u64) -> Sync {
        Sync {
            id: id.into(),
            mode: Mode::Full,
            outcome,
            rows,
            tables: 2,
            started: 0,
            duration_ms: rows,
            source: "app".into(),
            unchanged: 0,
            target: "localhost:3306/dev".into(),
            selected: false,
            fate: None,
        }
    }

    #[test]
    fn every_end_is_told_in_words() {
        let failed = Outcome::Failed("loading `users`: the table is full".into());
        let syncs = [
            sync("a", Outcome::Running, 0),
            sync("b", failed, 1500),
            sync("c", Outcome::Complete, 12_345),
            sync("d", Outcome::Interrupted, 0),
        ];
        let text = table_of(&syncs.iter().collect::<Vec<_>>()).render(None);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0].split_whitespace().collect::<Vec<_>>(),
            ["ID", "Mode", "Status", "Rows", "Tables", "Duration", "Started"]
        );
        assert!(lines[1].contains("Running") && lines[1].contains(" - "), "{text}");
        assert!(lines[2].contains("Failed: loading `users`: the table is full"), "{text}");
        assert!(lines[3].contains("12,345") && lines[3].contains("12s"), "{text}");
        assert!(lines[4].contains("Interrupted"), "{text}");
    }

    #[test]
    fn the_last_success_is_the_newest_complete_one() {
        let history = History {
            syncs: vec![
                sync("a", Outcome::Complete, 1),
                sync("b", Outcome::Complete, 2),
                sync("c", Outcome::Interrupted, 3),
            ],
            ..History::default()
        };
        assert_eq!(history.last_successful().unwrap().id, "b");
        assert!(sentence(history.last_successful()).contains("2 tables, 2 rows"));
        assert!(sentence(None).contains("No pull"));
    }
}
