//! Pulls that merge one table and swap the others: at every moment of the merge and of the swap behind it the program is
//! killed, asked to stop, or loses its database connections; and somebody uses the table that is merged into.

use super::moments::{end_connections, held_pull};
use super::{Ground, Side, attempt, expect_none};
use crate::cli_common::{account, run};
use crate::cli_kill::SWAP;
use crate::extent::share;
use crate::harness::{Add, FLAVOURS, Servers, Site, exec, rustix_pid, short};
use crate::target_merge_kill::MERGE;
use backfill::fault::KILL_AT;
use backfill::schema::Flavour;
use rustix::process::{Signal, kill_process};
use std::sync::Mutex;

/// The table of the fixture that has times; the others come whole.
const MERGED: &str = "parents";

/// Moments at which the pull has a connection that it cannot do without: of the transaction and of what leads to it.
const NEEDS_ITS_CONNECTION: &[&str] =
    &["swap.journal_written", "merge.journal_written", "merge.triggers_dropped", "merge.replaced"];

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (name, test) in [
            ("killed", killed as fn(&mut Ground<'_>, &str)),
            ("stopped", stopped),
            ("loses_connections", loses_connections),
        ] {
            add(
                format!("faults::delta::{name}::{}", short(flavour)),
                Box::new(move |servers| at_moments(servers, flavour, test)),
            );
        }
        add(
            format!("faults::delta::table_in_use::{}", short(flavour)),
            Box::new(move |servers| table_in_use(servers, flavour)),
        );
    }
}

/// The moments of a pull that merges and swaps, in order.
fn moments() -> Vec<&'static str> {
    let (written, rest) = SWAP.split_first().unwrap();
    [written].into_iter().chain(MERGE).chain(rest).copied().collect()
}

/// Which data the merged table and the others have when everything ends at a moment.
fn sides(moment: &str) -> (Side, Side) {
    let at = |moment: &str| moments().iter().position(|known| *known == moment).unwrap();
    let side = |first: &str| if at(moment) < at(first) { Side::Old } else { Side::New };
    (side("merge.committed"), side("swap.renamed"))
}

/// A ground whose next pulls are deltas.
fn ground(servers: &Servers, flavour: Flavour) -> Ground<'_> {
    let ground = Ground::new(Site::new(servers, flavour, flavour));
    ground.site.pull(&ground.serve);
    ground
}

fn at_moments(servers: &Servers, flavour: Flavour, test: fn(&mut Ground<'_>, &str)) {
    let mut ground = ground(servers, flavour);
    let failed = Mutex::default();
    for moment in share(flavour, moments()) {
        attempt(&failed, moment, || test(&mut ground, moment));
    }
    expect_none(failed);
}

fn killed(ground: &mut Ground<'_>, moment: &str) {
    let before = ground.before();
    let mut command = ground.site.pull_command(&ground.serve.url, &["--yes"]);
    let out = run(command.env(KILL_AT, moment));
    assert_eq!(out.code, None, "{moment}: not killed:\n{}", out.all());
    assert_eq!(before.sides(&ground.site, MERGED, moment), sides(moment), "{moment}");
    ground.next_pull(&before, moment);
}

/// From the journal on it goes to its end.
fn stopped(ground: &mut Ground<'_>, moment: &str) {
    let url = ground.site.target.url(&ground.site.target_db);
    let before = ground.before();
    let signal = if moment.len().is_multiple_of(2) { Signal::INT } else { Signal::TERM };
    let strike = |child: &mut std::process::Child| kill_process(rustix_pid(child.id()), signal).unwrap();
    held_pull(ground, &url, moment, strike).good(moment);
    before.expect_whole(&ground.site, Side::New, moment);
}

/// An account for the pull alone, so that its connections can be told from the test's.
fn loses_connections(ground: &mut Ground<'_>, moment: &str) {
    let user = format!("own_{}", ground.site.target_db);
    let url = account(&ground.site, "own", &["ALL ON *.*".into()]);
    let before = ground.before();
    let mut conn = ground.site.target.connect().unwrap();
    let out = held_pull(ground, &url, moment, |_| end_connections(&mut conn, &user));
    if NEEDS_ITS_CONNECTION.contains(&moment) {
        out.refused(moment, 6, &["the database connection broke", "hint:"]);
        before.expect_whole(&ground.site, Side::Old, moment);
    } else {
        out.good(moment);
        assert_eq!(before.side(&ground.site, moment), Side::New, "{moment}");
    }
    ground.refill();
    ground.next_pull(&before.and_now(&ground.site), moment);
}

/// Somebody else's transaction on the table that is merged into: nothing is changed, and what was loaded is merged as
/// soon as it is over.
fn table_in_use(servers: &Servers, flavour: Flavour) {
    let mut ground = ground(servers, flavour);
    let url = ground.site.target.url(&ground.site.target_db);
    let before = ground.before();
    // In no schema: only the transaction itself tells that it is about this one.
    let mut blocker = ground.site.target.connect().unwrap();
    let out = held_pull(&ground, &url, "keys.built", |_| {
        exec(&mut blocker, "START TRANSACTION");
        let row = format!("{}.{MERGED} SET note = 'open' WHERE id = 1", ground.site.target_db);
        exec(&mut blocker, &format!("UPDATE {row}"));
    });
    let id = format!("connection {} ", blocker.connection_id());
    out.refused("in use", 11, &["are in use", &id, "what was loaded is kept"]);
    exec(&mut blocker, "ROLLBACK");
    before.expect_whole(&ground.site, Side::Old, "in use");
    let next = ground.next_pull(&before, "in use");
    assert!(next.all().contains("without a new download"), "{}", next.all());
}
