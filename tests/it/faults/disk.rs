//! Full disks: the target's while rows are loaded, indexes built and tables swapped.
//!
//! The target keeps its tables in one file that may not grow; a table of the test's fills it at a moment of the pull.

use super::moments::held_pull;
use super::{Before, Ground, Side, attempt, expect_none};
use crate::cli_common::refill;
use crate::harness::{Add, FLAVOURS, Servers, Site, exec, short};
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::cell::RefCell;
use std::sync::Mutex;

/// The table is full (which is what the server says of its disk).
const FULL: u16 = 1114;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("faults::disk_of_the_target::{}", short(flavour)),
            Box::new(move |servers| of_the_target(servers, flavour)),
        );
    }
}

/// Moments behind which the pull needs room, and whether it is then before the new tables are in place.
/// MariaDB finds room for single pages in a file that is full.
const NEEDS_ROOM: &[(&str, Side)] = &[
    ("staging.rehearsed", Side::Old),
    ("load.first_batch", Side::Old),
    ("load.done", Side::Old),
    ("keys.built", Side::Old),
    ("swap.renamed", Side::New),
];
const NEEDS_MUCH_ROOM: usize = 2;

/// The pull says so and ends; when there is room again, the next one succeeds.
fn of_the_target(servers: &Servers, flavour: Flavour) {
    let mut arguments =
        vec!["--innodb-file-per-table=OFF", "--innodb-data-file-path=ibdata1:12M:autoextend:max:24M"];
    if flavour == Flavour::Mariadb {
        // Else dropping a table needs room in the very file.
        arguments.push("--innodb-undo-tablespaces=2");
    }
    let arguments = arguments.into_iter().map(str::to_owned).collect();
    let target = Server::start(flavour, &Options { arguments, ..Options::default() }).unwrap();
    let mut ground = Ground::new(Site::between(servers.source(flavour), &target));
    let url = target.url(&ground.site.target_db);
    // MySQL writes the tablespace into definitions when it alters tables: from here on they are the same.
    ground.site.pull(&ground.serve);
    let failed = Mutex::default();
    let moments = match flavour {
        Flavour::Mariadb => &NEEDS_ROOM[..NEEDS_MUCH_ROOM],
        Flavour::Mysql => NEEDS_ROOM,
    };
    for (moment, side) in moments {
        attempt(&failed, moment, || {
            // The last keys may fit in all the same.
            let refused = (0..3).any(|_| has_no_room(&mut ground, &target, &url, moment, *side));
            assert!(refused || *side == Side::New, "{moment}: there was always room");
        });
    }
    // MariaDB 10.11 dies of that.
    if flavour == Flavour::Mysql {
        attempt(&failed, "merging", || merging(&ground, &target, &url));
    }
    expect_none(failed);
}

/// Takes all room at this moment of a pull; false if what a busy server purged meanwhile was room enough.
fn has_no_room(ground: &mut Ground<'_>, target: &Server, url: &str, moment: &str, side: Side) -> bool {
    ground.refill();
    longer(&ground.site);
    let before = Before::of(&ground.site);
    let filler = Filler::new(target);
    let out = held_pull(ground, url, moment, |_| filler.fill());
    let refused = out.code != Some(0);
    if refused {
        out.refused(moment, 6, &["hint: the database has no room left"]);
        assert_eq!(before.side(&ground.site, moment), side, "{moment}");
    }
    drop(filler);
    ground.next_pull(&before, moment);
    refused
}

/// Rows that need room of their own, short enough to stay in their pages: MariaDB 10.11 crashes when there is none for a
/// long one.
fn longer(site: &Site<'_>) {
    let longer = "UPDATE parents SET note = REPEAT(CONCAT(note, ' '), 300)";
    exec(&mut site.source_conn(), longer);
}

/// The rows that are merged into a table have no room there: the whole transaction is taken back, and what was loaded
/// is dropped, since it takes room as well.
fn merging(ground: &Ground<'_>, target: &Server, url: &str) {
    // So many that no room which the old rows leave will do.
    refill(&mut ground.site.source_conn(), 300, "many");
    longer(&ground.site);
    let before = Before::of(&ground.site);
    let filler = Filler::new(target);
    let out = held_pull(ground, url, "merge.triggers_dropped", |_| filler.fill());
    out.refused("merging", 6, &["merging into table `parents`", "hint: the database has no room left"]);
    before.expect_whole(&ground.site, Side::Old, "merging");
    drop(filler);
    ground.next_pull(&before, "merging");
}

/// Tables that take all room; dropped with the value.
struct Filler(RefCell<Conn>);

impl Filler {
    /// With so many rows at a time.
    const TABLES: [(&str, usize); 2] = [("large", 64), ("small", 1)];

    fn new(server: &Server) -> Self {
        let mut conn = server.connect().unwrap();
        exec(&mut conn, "CREATE DATABASE filler");
        for (table, _) in Self::TABLES {
            let columns =
                "id INT AUTO_INCREMENT PRIMARY KEY, pad VARCHAR(7000) CHARACTER SET latin1 NOT NULL";
            exec(&mut conn, &format!("CREATE TABLE filler.{table} ({columns}) ENGINE=InnoDB"));
        }
        Self(RefCell::new(conn))
    }

    /// In large pieces first, then in small ones.
    fn fill(&self) {
        self.wait_for_dropped_tables();
        for (table, rows) in Self::TABLES {
            let rows = vec!["(REPEAT('x', 7000))"; rows].join(", ");
            let insert = format!("INSERT INTO filler.{table} (pad) VALUES {rows}");
            let mut conn = self.0.borrow_mut();
            let error = std::iter::repeat_with(|| conn.query_drop(&insert)).find_map(Result::err);
            let Some(mysql::Error::MySqlError(error)) = error else { panic!("{error:?}") };
            assert_eq!(error.code, FULL, "{error}");
        }
    }
}

impl Filler {
    /// MariaDB gives the room of dropped tables back a while later. It would wait for ever for what open transactions still
    /// hold, as those of a pull that is held have been seen to.
    fn wait_for_dropped_tables(&self) {
        let mut conn = self.0.borrow_mut();
        // 1193: MySQL does so at once, and knows neither variable.
        if conn.query_drop("SET SESSION max_statement_time = 10").is_ok() {
            let _ = conn.query_drop("SET GLOBAL innodb_max_purge_lag_wait = 0");
            exec(&mut conn, "SET SESSION max_statement_time = 0");
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = self.0.borrow_mut().query_drop("DROP DATABASE filler");
        self.wait_for_dropped_tables();
    }
}
