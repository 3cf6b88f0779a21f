//! The fault matrix: whatever fails, at whatever moment, the target is afterwards what it was or what the source has,
//! never a mixture, and the next pull succeeds.
//!
//! Each file is one kind of fault; each says what it leaves to tests elsewhere:
//!
//! | fault | here | elsewhere |
//! |---|---|---|
//! | the wire between client and server | `wire` | `cli_stream` (damage and hostile streams), `cli_bad_input` |
//! | a killed client | `moments` (every moment has a test), `delta` | `cli_kill`, `target_merge_kill` |
//! | a killed server, one that is asked to stop | `moments` | `cli_kill::server_dies`, `srv_kill` |
//! | a client that is asked to stop | `moments`, `delta` | `cli_kill::signals` |
//! | database connections that end | `moments`, `delta`, `locks` (that of the locks alone) | `db_silence` (silent ones) |
//! | a full disk on the target | `disk` | |
//! | no room for the program's own files | `files` | |
//! | tables in use on the target | `delta` | `cli_target::tables_in_use`, `verify::kept` |
//! | clocks that jump or were put right | `clocks` | `cli_delta` (a clock that went back) |
//! | several servers and pulls, cleanup | | `srv_kill`, `srv_tables`, `cli_target` |

mod clocks;
mod delta;
mod disk;
mod files;
mod locks;
mod moments;
mod wire;

use crate::cli_common::{
    Out, PULLED, expect_equal, expect_tidy, pull, pulled_rows, ready, refill, structure,
};
use crate::cli_kill::wait_until_quiet;
use crate::harness::{Add, Serve, Site};
use crate::oracle::{self, Contents};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// The tests of all files.
pub fn tests(add: &mut Add<'_>) {
    clocks::tests(add);
    delta::tests(add);
    disk::tests(add);
    files::tests(add);
    locks::tests(add);
    moments::tests(add);
    wire::tests(add);
}

/// A served source and a target with things of its own.
pub struct Ground<'a> {
    pub site: Site<'a>,
    pub serve: Serve,
    round: u32,
}

/// Which data the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Old,
    New,
}

/// Tries one cell of the matrix; one that fails does not keep the others from being tried.
pub fn attempt(failed: &Mutex<Vec<String>>, what: &str, cell: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(cell)) {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        failed.lock().unwrap().push(format!("{what}: {}", text.unwrap_or_default()));
    }
}

/// No cell failed.
pub fn expect_none(failed: Mutex<Vec<String>>) {
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} cells failed:\n{}", failed.len(), failed.join("\n----\n"));
}

/// Rows and structure of the target before a fault, and rows of the source.
pub struct Before {
    old: Contents,
    new: Contents,
    structure: BTreeSet<String>,
}

impl<'a> Ground<'a> {
    pub fn new(site: Site<'a>) -> Self {
        // Several frames of each table.
        site.configure_client("timeout = 1\nchunk_size = 10", "");
        let (site, serve) = ready(site);
        Self { site, serve, round: 0 }
    }

    /// Fills the source anew, so that the target's rows are other ones, and takes down what both have.
    pub fn before(&mut self) -> Before {
        self.refill();
        Before::of(&self.site)
    }

    /// Fills the source anew.
    pub fn refill(&mut self) {
        self.round += 1;
        refill(&mut self.site.source_conn(), 40, &format!("round{}-", self.round));
    }

    /// A pull without faults succeeds, and the target has what the source has and all that was its own.
    pub fn next_pull(&self, before: &Before, what: &str) -> Out {
        let out = pull(&self.site, &self.serve.url, &["--yes"]).good(&format!("{what}: the next pull"));
        before.expect_whole(&self.site, Side::New, &format!("{what}: the next pull"));
        out
    }
}

impl Before {
    pub fn of(site: &Site<'_>) -> Self {
        let mut conn = site.target_conn();
        let old = oracle::contents(&mut conn, &[]);
        let mut new = old.clone();
        new.extend(pulled_rows(&mut site.source_conn()));
        assert_ne!(old, new, "a test that could not tell old from new");
        Self { old, new, structure: structure(&mut conn) }
    }

    /// The same with what both have by now.
    pub fn and_now(&self, site: &Site<'_>) -> Self {
        Self { structure: self.structure.clone(), ..Self::of(site) }
    }

    /// Every row of every table is as it was, or those of the pulled tables are the source's. Triggers and keys may
    /// still be on their way: the next pull brings them.
    pub fn side(&self, site: &Site<'_>, what: &str) -> Side {
        let now = Self::now(site);
        if now == self.old {
            return Side::Old;
        }
        if now == self.new {
            return Side::New;
        }
        let mixed: Vec<&str> =
            PULLED.into_iter().filter(|table| now.get(*table) != self.old.get(*table)).collect();
        panic!("{what}: neither the old rows nor the new ones; not the old ones: {mixed:?}");
    }

    /// As [`Before::side`] for one of the pulled tables, and for all others together.
    pub fn sides(&self, site: &Site<'_>, table: &str, what: &str) -> (Side, Side) {
        let now = Self::now(site);
        let side = |is_one: bool| {
            let part = |all: &Contents| -> Contents {
                let part = all.iter().filter(|(name, _)| (*name == table) == is_one);
                part.map(|(name, rows)| (name.clone(), rows.clone())).collect()
            };
            let (old, new) = (part(&now) == part(&self.old), part(&now) == part(&self.new));
            assert_ne!(old, new, "{what}: `{table}` {is_one}: neither the old rows nor the new ones");
            if new { Side::New } else { Side::Old }
        };
        (side(true), side(false))
    }

    /// The target's rows when nobody is at work there any more.
    fn now(site: &Site<'_>) -> Contents {
        wait_until_quiet(site);
        let mut now = oracle::contents(&mut site.target_conn(), &[]);
        // What an interrupted pull left in the schema itself, where it may make no other.
        now.retain(|table, _| !table.starts_with("_backfill_"));
        now
    }

    /// The target has the rows of this side, its triggers, keys and views. After the new data came nothing of ours is
    /// left; a pull that failed may leave what the next one goes on with.
    pub fn expect_whole(&self, site: &Site<'_>, side: Side, what: &str) {
        assert_eq!(self.side(site, what), side, "{what}");
        match side {
            Side::Old => assert_eq!(structure(&mut site.target_conn()), self.structure, "{what}"),
            Side::New => {
                expect_tidy(site, &self.structure, what);
                expect_equal(site, what);
            }
        }
    }
}
