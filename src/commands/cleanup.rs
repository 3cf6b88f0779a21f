//! `backfill cleanup`: drops what dead runs and pulls left in the configured database's server.

use super::Context;
use crate::commands::serve::workspace_home;
use crate::config::{Config, Overrides};
use crate::db::Endpoint;
use crate::error::Result;
use crate::source::sweep;
use crate::source::workspace::{Home, Layout};
use crate::target::{self, Claimed, Target};
use crate::ui::format::{duration, plural};
use crate::ui::prompt::confirm;
use crate::ui::table::{Align, Table};
use clap::Args;
use serde::Serialize;
use std::time::Duration;

/// Options of `cleanup`.
#[derive(Debug, Clone, Default, Args)]
pub struct CleanupArgs {
    /// Do not ask before something is dropped
    #[arg(long, visible_alias = "yes", overrides_with = "force")]
    pub force: bool,
    /// Leave alone what is younger
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    pub max_age: u32,
}

/// Something that can be dropped, for the list.
#[derive(Debug, Serialize)]
struct Leftover {
    what: &'static str,
    name: String,
    age_seconds: u64,
}

/// The result for programs.
#[derive(Debug, Default, Serialize)]
struct Report {
    swaps_finished: usize,
    dropped: Vec<Leftover>,
    declined: bool,
}

/// What was found.
struct Found {
    workspaces: Vec<sweep::Orphan>,
    stagings: Vec<target::sweep::Orphan>,
}

/// Finishes interrupted swaps, then lists and drops orphaned workspaces and stagings.
///
/// # Errors
/// `Busy` while a pull is at work on the database; `Usage` when it cannot ask; the server's.
pub fn run(args: &CleanupArgs, context: &Context) -> Result<()> {
    let screen = &context.screen;
    let config = context.load(Overrides::default())?;
    let endpoint = config.database()?;
    let age_min = Duration::from_secs(u64::from(args.max_age) * 60);
    let claimed = claim(&endpoint)?;

    let mut report = Report::default();
    if let Some(claimed) = &claimed {
        for recovered in claimed.recover()? {
            match recovered.left_behind {
                Some(left) => screen.result(&left)?,
                None => report.swaps_finished += 1,
            }
        }
        if report.swaps_finished > 0 {
            screen
                .result(&format!("Finished {}.", plural(report.swaps_finished as u64, "interrupted swap")))?;
        }
    }
    let home = home(&config, &endpoint)?;
    let found = find(&home, claimed.as_ref(), age_min)?;
    let leftovers = found.list();
    if leftovers.is_empty() {
        screen.result(&format!("Nothing is left behind that is older than {} minutes.", args.max_age))?;
        return screen.json(&report);
    }
    screen.table(&table_of(&leftovers))?;
    let question = format!("drop {}?", plural(leftovers.len() as u64, "leftover"));
    if !args.force && !confirm(screen, &question, "--force")? {
        screen.result("Nothing was dropped.")?;
        return screen.json(&Report { declined: true, ..report });
    }
    report.dropped = found.drop_all(&home, claimed.as_ref())?;
    screen.result(&format!("Dropped {}.", plural(report.dropped.len() as u64, "leftover")))?;
    screen.json(&report)
}

/// The pull lock of the database; none if there is no such database.
fn claim(endpoint: &Endpoint) -> Result<Option<Claimed>> {
    if target::exists(endpoint)? { Target::open(endpoint)?.claim().map(Some) } else { Ok(None) }
}

/// Where workspaces may be. Only a serving side has a schema or an account for them; the pulling side's configuration
/// need not be good for serving.
fn home(config: &Config, endpoint: &Endpoint) -> Result<Home> {
    match config.serve().map(|serve| workspace_home(&serve)) {
        Ok(Ok(Some(home))) => Ok(home),
        Ok(Err(error)) => Err(error),
        // Nothing is copied any more; it may have been.
        Ok(Ok(None)) | Err(_) => Home::new(endpoint, Layout::Schema, None),
    }
}

fn find(home: &Home, claimed: Option<&Claimed>, age_min: Duration) -> Result<Found> {
    let seconds = i64::try_from(age_min.as_secs()).unwrap_or(i64::MAX);
    Ok(Found {
        workspaces: sweep::list(home, seconds)?,
        stagings: claimed.map(|claimed| claimed.orphans(age_min)).transpose()?.unwrap_or_default(),
    })
}

impl Found {
    fn list(&self) -> Vec<Leftover> {
        self.workspaces.iter().map(workspace).chain(self.stagings.iter().map(staging)).collect()
    }

    /// Drops everything that still is dead; what came to life meanwhile stays.
    fn drop_all(&self, home: &Home, claimed: Option<&Claimed>) -> Result<Vec<Leftover>> {
        let mut dropped = Vec::new();
        for orphan in &self.workspaces {
            if sweep::drop(home, orphan)? {
                dropped.push(workspace(orphan));
            }
        }
        if let Some(claimed) = claimed {
            for orphan in &self.stagings {
                claimed.drop_orphan(orphan)?;
                dropped.push(staging(orphan));
            }
        }
        Ok(dropped)
    }
}

fn workspace(orphan: &sweep::Orphan) -> Leftover {
    Leftover {
        what: "workspace",
        name: orphan.describe(),
        age_seconds: u64::try_from(orphan.age).unwrap_or_default(),
    }
}

fn staging(orphan: &target::sweep::Orphan) -> Leftover {
    Leftover { what: "staging", name: orphan.name.clone(), age_seconds: orphan.age_seconds }
}

fn table_of(leftovers: &[Leftover]) -> Table {
    let mut table = Table::new(&[("What", Align::Left), ("Name", Align::Left), ("Age", Align::Right)]);
    for left in leftovers {
        table.row(vec![
            left.what.to_owned(),
            left.name.clone(),
            duration(Duration::from_secs(left.age_seconds)),
        ]);
    }
    table
}
