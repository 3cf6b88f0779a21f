//! `backfill status`: what was pulled, by the history alone: no server, no database and no token is needed.

mod report;
mod words;

use super::Context;
use crate::client::state::{History, Sync, read_history};
use crate::config::Overrides;
use crate::error::Result;
use report::Report;

/// How many pulls are shown.
const SHOWN_MAX: usize = 10;

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
    let shown = shown(&history);
    if shown.is_empty() {
        screen.result("Nothing was pulled yet. `backfill pull` does it.")?;
    } else {
        screen.table(&words::table(&shown))?;
        screen.result("")?;
        for sentence in words::sentences(&history) {
            screen.result(&sentence)?;
        }
    }
    screen.json(&Report::new(&history, &shown))
}

/// The last pulls, newest first.
fn shown(history: &History) -> Vec<&Sync> {
    history.syncs.iter().rev().take(SHOWN_MAX).collect()
}

/// The last full pull into the target of the last successful one: rows that the source deleted since then may still be
/// there.
fn last_full(history: &History) -> Option<&Sync> {
    let target = &history.last_successful()?.target;
    history.last_full(target)
}

#[cfg(test)]
mod tests;
