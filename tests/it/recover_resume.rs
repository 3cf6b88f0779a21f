//! A pull that dies, and the next one, which goes on where it stopped, or begins anew where that cannot be.

use crate::cli_common::{client, leftovers};
use crate::harness::{Add, FLAVOURS, Serve, Site, exec, short, wait_for};
use crate::recover_link::{FOR_GOOD, Link, chunks_of, count};
use crate::recover_pull::{end, expect_whole, mark, start, two_tables};
use mysql::prelude::Queryable;

/// A test on a site with a big table and a little one.
type Case = fn(&Site<'_>);

pub fn tests(add: &mut Add<'_>) {
    let cases: [(&str, Case); 9] = [
        ("killed", killed),
        ("network_gone_for_good", network_gone_for_good),
        ("table_without_transactions", table_without_transactions),
        ("run_expired", run_expired),
        ("server_restarted", server_restarted),
        ("something_else_is_wanted", something_else_is_wanted),
        ("target_changed", target_changed),
        ("nothing_of_it_is_wanted", nothing_of_it_is_wanted),
        ("cleaned_up", cleaned_up),
    ];
    for flavour in FLAVOURS {
        for (name, test) in cases {
            add(
                format!("recover_resume::{name}::{}", short(flavour)),
                Box::new(move |servers| {
                    let site = two_tables(servers, flavour);
                    site.configure_server("max_runs = 50", "[privacy]\npolicy = \"open\"\n");
                    test(&site);
                }),
            );
        }
    }
}

/// A pull that is killed with `big`'s chunk 0 and all of `little` in, when the server has read everything.
fn kill_a_pull(site: &Site<'_>, serve: &Serve) -> Link {
    let link = Link::to(&serve.url);
    let gate = link.hold("chunk=1");
    let mut child = start(site, &link, &[]);
    gate.wait();
    wait_for("the first chunks to be in", || staged(site).len() == 2);
    child.kill().unwrap();
    child.wait().unwrap();
    link.go_away(0);
    gate.open();
    wait_for("the dead pull's connections to end", || {
        let mut conn = site.target.connect().unwrap();
        let lock = backfill::db::lock::lock_name(&format!("backfill:pull:{}", site.target_db));
        let holder: Option<Option<u64>> = conn.query_first(format!("SELECT IS_USED_LOCK('{lock}')")).unwrap();
        holder.flatten().is_none()
    });
    let requests = link.take_requests();
    assert_eq!(count(&requests, "POST", "/runs"), 1);
    link
}

/// The chunks that are in this site's staging, as (table's number, chunk).
fn staged(site: &Site<'_>) -> Vec<(u32, u32)> {
    let mut conn = site.target_conn();
    let schemas = leftovers(site);
    let of = |schema: &String| {
        let marks = format!("SELECT table_number, chunk FROM {schema}._backfill_chunks ORDER BY 1, 2");
        conn.query::<(u32, u32), _>(marks).unwrap_or_default()
    };
    schemas.iter().flat_map(of).collect()
}

/// The next pull over the link goes on: no new run, only what is missing, all of it from the first run.
fn expect_goes_on(site: &Site<'_>, link: &Link, what: &str) {
    link.take_requests();
    let out = end(start(site, link, &[])).good(what);
    assert!(out.stdout.contains("going on with a pull that stopped"), "{what}: {}", out.all());
    let requests = link.take_requests();
    assert_eq!(count(&requests, "POST", "/runs"), 0, "{what}: {requests:?}");
    assert_eq!(chunks_of(&requests, "little"), [] as [u32; 0], "{what}: {requests:?}");
    let chunks = chunks_of(&requests, "big");
    assert!(chunks.first() == Some(&1) && chunks.is_sorted(), "{what}: {requests:?}");
    assert_eq!(count(&requests, "DELETE", "/runs/"), 1, "{what}");
    expect_whole(site, what);
}

/// The next pull makes a new run, ends the old one if `ends`, and takes nothing of what is there.
fn expect_begins_anew(site: &Site<'_>, link: &Link, arguments: &[&str], ends: usize, what: &str) {
    mark(site, 5);
    link.take_requests();
    let out = end(start(site, link, arguments)).good(what);
    assert!(!out.stdout.contains("going on"), "{what}: {}", out.all());
    let requests = link.take_requests();
    assert_eq!(count(&requests, "POST", "/runs"), 1, "{what}: {requests:?}");
    assert_eq!(count(&requests, "DELETE", "/runs/"), 1 + ends, "{what}: {requests:?}");
    let marks: Vec<u32> = site.target_conn().query("SELECT DISTINCT a FROM big").unwrap();
    assert_eq!(marks, [5], "{what}: rows of one run");
    expect_whole(site, what);
}

fn killed(site: &Site<'_>) {
    let serve = site.serve();
    let link = kill_a_pull(site, &serve);
    assert_eq!(staged(site), [(0, 0), (1, 0)]);
    expect_goes_on(site, &link, "killed");
    assert_eq!(serve.log().matches("run begun").count(), 1);
}

fn network_gone_for_good(site: &Site<'_>) {
    site.configure_client("timeout = 5", "");
    let serve = site.serve();
    let link = Link::to(&serve.url);
    let gate = link.hold("chunk=1");
    let child = start(site, &link, &[]);
    gate.wait();
    wait_for("the first chunks to be in", || staged(site).len() == 2);
    link.go_away(FOR_GOOD);
    gate.open();
    let out = end(child).refused("gone", 9, &["hint:", "what was loaded is kept", "idle_timeout"]);
    assert!(out.stderr.contains("connection lost"), "{}", out.stderr);
    assert_eq!(leftovers(site).len(), 1);
    link.come_back();
    expect_goes_on(site, &link, "gone");
}

/// Nobody knows which rows of a chunk were in: the table begins again, from the same run.
fn table_without_transactions(site: &Site<'_>) {
    exec(&mut site.target_conn(), "ALTER TABLE big ENGINE = MyISAM");
    let serve = site.serve();
    let link = kill_a_pull(site, &serve);
    let out = end(start(site, &link, &[])).good("MyISAM");
    assert!(out.stdout.contains("going on with a pull that stopped"), "{}", out.all());
    let requests = link.take_requests();
    assert_eq!(count(&requests, "POST", "/runs"), 0);
    assert_eq!(chunks_of(&requests, "big")[..2], [0, 1]);
    expect_whole(site, "MyISAM");
}

fn run_expired(site: &Site<'_>) {
    site.configure_server("idle_timeout = 6", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    let link = kill_a_pull(site, &serve);
    wait_for("the server to end the run", || serve.log().contains("nobody asked about it any more"));
    expect_begins_anew(site, &link, &[], 1, "expired");
}

fn server_restarted(site: &Site<'_>) {
    let mut serve = site.serve();
    let link = kill_a_pull(site, &serve);
    serve.kill9();
    serve = site.serve();
    link.lead_to(&serve.url);
    expect_begins_anew(site, &link, &[], 1, "restarted");
}

fn something_else_is_wanted(site: &Site<'_>) {
    let serve = site.serve();
    let link = kill_a_pull(site, &serve);
    mark(site, 5);
    end(start(site, &link, &["--tables", "big"])).good("another set of tables");
    let requests = link.take_requests();
    assert_eq!((count(&requests, "POST", "/runs"), count(&requests, "DELETE", "/runs/")), (1, 2));
    expect_begins_anew(site, &link, &[], 0, "all tables again");
}

fn target_changed(site: &Site<'_>) {
    let serve = site.serve();
    let link = kill_a_pull(site, &serve);
    exec(&mut site.target_conn(), "ALTER TABLE big ADD KEY a_and_b (a, b)");
    expect_begins_anew(site, &link, &[], 1, "a migration");
    let (_, text): (String, String) =
        site.target_conn().query_first("SHOW CREATE TABLE big").unwrap().unwrap();
    assert!(text.contains("a_and_b"), "the migration is undone: {text}");
}

fn nothing_of_it_is_wanted(site: &Site<'_>) {
    let serve = site.serve();
    for argument in ["--fresh", "--verify"] {
        mark(site, 1);
        let link = kill_a_pull(site, &serve);
        expect_begins_anew(site, &link, &[argument], 1, argument);
    }
}

/// `cleanup` leaves alone what a pull can go on with until it is as old as asked for, and a live pull's always.
fn cleaned_up(site: &Site<'_>) {
    let serve = site.serve();
    let link = kill_a_pull(site, &serve);
    client(site, &["cleanup", "--force"]).good("cleanup");
    let gate = link.hold("chunk=1");
    let child = start(site, &link, &[]);
    gate.wait();
    client(site, &["cleanup", "--force", "--max-age", "0"]).refused("a live pull", 11, &["another pull"]);
    gate.open();
    let out = end(child).good("after a cleanup");
    assert!(out.stdout.contains("going on with a pull that stopped"), "{}", out.all());
    expect_whole(site, "after a cleanup");

    let link = kill_a_pull(site, &serve);
    client(site, &["cleanup", "--force", "--max-age", "0"]).good("cleanup");
    assert_eq!(leftovers(site), Vec::<String>::new());
    expect_begins_anew(site, &link, &[], 0, "cleaned up");
}
