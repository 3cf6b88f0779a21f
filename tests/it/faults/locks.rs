//! The connection that holds a pull's locks ends, and nothing else: another pull may begin from then on, so this one
//! must not change anything any more.

use super::moments::held_pull;
use super::{Before, Ground, Side, attempt, expect_none};
use crate::cli_common::{refill, run};
use crate::harness::{Add, FLAVOURS, Servers, Site, short, wait_for};
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::sync::Mutex;

/// The last moments at which nothing is changed yet.
const LAST: &[&str] = &["keys.built", "swap.journal_written"];

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("faults::locks::alone::{}", short(flavour)),
            Box::new(move |servers| alone(servers, flavour)),
        );
        add(
            format!("faults::locks::another_pull::{}", short(flavour)),
            Box::new(move |servers| another_pull(servers, flavour)),
        );
    }
}

/// Ends the connection that holds the lock of the pull into the site's target.
fn end_lock_connection(conn: &mut Conn, site: &Site<'_>) {
    let lock = backfill::db::lock::lock_name(&format!("backfill:pull:{}", site.target_db));
    let holder = |conn: &mut Conn| -> Option<u64> {
        conn.query_first::<Option<u64>, _>(format!("SELECT IS_USED_LOCK('{lock}')")).unwrap().flatten()
    };
    let id = holder(conn).expect("a pull holds its lock");
    conn.query_drop(format!("KILL {id}")).unwrap();
    wait_for("the lock to be free", || holder(conn).is_none());
}

/// It gives up with the old data; what it had loaded is swapped by the next pull.
fn alone(servers: &Servers, flavour: Flavour) {
    let mut ground = Ground::new(Site::new(servers, flavour, flavour));
    let url = ground.site.target.url(&ground.site.target_db);
    let mut conn = ground.site.target.connect().unwrap();
    let failed = Mutex::default();
    for moment in LAST {
        attempt(&failed, moment, || {
            let before = ground.before();
            let out = held_pull(&ground, &url, moment, |_| end_lock_connection(&mut conn, &ground.site));
            let words = ["another pull may have begun", "lock `", "died", "hint: pull again"];
            out.refused(moment, 11, &words);
            before.expect_whole(&ground.site, Side::Old, moment);
            let next = ground.next_pull(&before, moment);
            assert!(next.all().contains("without a new download"), "{moment}: {}", next.all());
        });
    }
    expect_none(failed);
}

/// Another pull brings newer rows meanwhile: they stay.
fn another_pull(servers: &Servers, flavour: Flavour) {
    let mut ground = Ground::new(Site::new(servers, flavour, flavour));
    let url = ground.site.target.url(&ground.site.target_db);
    let mut conn = ground.site.target.connect().unwrap();
    ground.refill();
    let site = &ground.site;
    // A checkout of its own: pulls of one folder are kept apart before they come to the database.
    std::fs::create_dir(site.path("other")).unwrap();
    std::fs::copy(site.path("client/backfill.toml"), site.path("other/backfill.toml")).unwrap();
    let mut newer = None;
    let out = held_pull(&ground, &url, "keys.built", |_| {
        end_lock_connection(&mut conn, site);
        refill(&mut site.source_conn(), 30, "newer");
        let before = Before::of(site);
        let mut other = site.command("other");
        run(other.env("BACKFILL_SOURCE_URL", &ground.serve.url).args(["pull", "--yes"]))
            .good("the other pull");
        before.expect_whole(site, Side::New, "the other pull");
        newer = Some(before);
    });
    assert_ne!(out.code, Some(0), "{}", out.all());
    newer.unwrap().expect_whole(site, Side::New, "after the first pull has ended");
}
