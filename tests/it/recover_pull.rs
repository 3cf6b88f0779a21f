//! A pull that is disturbed on its way and gets through by itself.

use crate::cli_common::{Out, leftovers};
use crate::cli_proxy::{Answer, Proxy};
use crate::harness::{
    Add, FLAVOURS, Serve, Servers, Site, exec, is_held, large_table, let_go, rustix_pid, short, wait_for,
};
use crate::oracle;
use crate::recover_link::{Link, chunks_of, count};
use backfill::schema::Flavour;
use mysql::prelude::Queryable;
use rustix::process::{Signal, kill_process};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A test on a site with a big table and a little one.
type Case = fn(&Site<'_>);

pub fn tests(add: &mut Add<'_>) {
    let cases: [(&str, Case); 9] = [
        ("cut_in_the_middle", cut_in_the_middle),
        ("away_for_a_while", away_for_a_while),
        ("busy_answers", busy_answers),
        ("lost_answer_to_a_new_run", lost_answer_to_a_new_run),
        ("server_restarts", server_restarts),
        ("table_without_transactions", table_without_transactions),
        ("stopped_and_continued", stopped_and_continued),
        ("asleep_for_too_long", asleep_for_too_long),
        ("target_connections_killed", target_connections_killed),
    ];
    for flavour in FLAVOURS {
        for (name, test) in cases {
            add(
                format!("recover_pull::{name}::{}", short(flavour)),
                Box::new(move |servers| {
                    test(&two_tables(servers, flavour));
                }),
            );
        }
    }
}

/// A site with a big table and a little one, at the source with rows.
pub fn two_tables(servers: &Servers, flavour: Flavour) -> Site<'_> {
    let site = Site::new(servers, flavour, flavour);
    large_table(&mut site.source_conn(), "big");
    exec(&mut site.source_conn(), "CREATE TABLE little (id INT PRIMARY KEY, a INT NOT NULL)");
    exec(&mut site.source_conn(), "INSERT INTO little VALUES (1, 0), (2, 0)");
    site.structure_to_target();
    site
}

/// Starts a pull over the link.
pub fn start(site: &Site<'_>, link: &Link, arguments: &[&str]) -> Child {
    let mut command = site.pull_command(&link.url, arguments);
    command.arg("--yes").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for its end.
pub fn end(child: Child) -> Out {
    Out::of(&child.wait_with_output().unwrap())
}

/// Both tables are the source's, all rows are of one moment, and nothing is left behind.
#[track_caller]
pub fn expect_whole(site: &Site<'_>, what: &str) {
    let (mut source, mut target) = (site.source_conn(), site.target_conn());
    for table in ["big", "little"] {
        assert_eq!(
            oracle::digest(&mut source, table, &[]),
            oracle::digest(&mut target, table, &[]),
            "{what}: {table}"
        );
    }
    assert_eq!(leftovers(site), Vec::<String>::new(), "{what}: left behind");
}

/// How often the user was told of an outage.
fn told(out: &Out) -> usize {
    out.stderr.matches("connection lost").count()
}

fn cut_in_the_middle(site: &Site<'_>) {
    let serve = site.serve();
    let link = Link::to(&serve.url);
    for bytes in [1, 40, 3_000, 1_000_000] {
        link.cut("chunk=1", bytes);
    }
    link.cut("/manifest", 200);
    link.cut("POST", 100);
    link.cut("GET /api/backfill/runs/", 150);
    let out = end(start(site, &link, &[])).good("cut");
    let requests = link.take_requests();
    let fetched = chunks_of(&requests, "big");
    assert_eq!(fetched.iter().filter(|chunk| **chunk == 1).count(), 5, "{fetched:?}");
    assert_eq!(fetched.iter().filter(|chunk| **chunk == 0).count(), 1, "only what failed: {fetched:?}");
    assert!(told(&out) >= 1, "{}", out.stderr);
    assert_eq!(serve.log().matches("run begun").count(), 1, "one run: {}", serve.log());
    expect_whole(site, "cut");
}

fn away_for_a_while(site: &Site<'_>) {
    site.configure_client("timeout = 300", "");
    let serve = site.serve();
    let link = Link::to(&serve.url);
    let gate = link.hold("/dump/big?");
    let child = start(site, &link, &[]);
    gate.wait();
    link.go_away(12);
    gate.open();
    let out = end(child).good("away");
    assert_eq!(told(&out), 1, "one outage, one message:\n{}", out.stderr);
    assert!(out.stderr.contains("trying again for up to 300 s"), "{}", out.stderr);
    let requests = link.take_requests();
    assert_eq!(count(&requests, "POST", "/runs"), 1);
    expect_whole(site, "away");
}

/// Every kind of request gets a refusal of each kind first.
fn busy_answers(site: &Site<'_>) {
    let serve = site.serve();
    let refusals =
        ["503 Service Unavailable", "502 Bad Gateway", "429 Too Many Requests", "504 Gateway Timeout"];
    let seen: [AtomicU32; 4] = Default::default();
    let proxy = Proxy::start(&serve.url, move |request, mut response| {
        let kind =
            ["/manifest", "/runs?", "/runs/", "/dump/big"].iter().position(|p| request.path.contains(p));
        let times = kind.map_or(9, |kind| seen[kind].fetch_add(1, Ordering::Relaxed) as usize);
        if let Some(refusal) = refusals.get(times) {
            response.status = (*refusal).to_owned();
            response.headers = vec!["Content-Type: text/html".into()];
            if times == 0 {
                response.headers.push("Retry-After: 1".into());
            }
            response.body = b"<html>later</html>".to_vec();
        }
        Answer::Whole(response)
    });
    let output = site.pull_command(&proxy.url, &["--yes"]).output().unwrap();
    Out::of(&output).good("busy");
    assert_eq!(serve.log().matches("run begun").count(), 1, "one run: {}", serve.log());
    expect_whole(site, "busy");
}

fn lost_answer_to_a_new_run(site: &Site<'_>) {
    site.configure_server("max_runs = 1", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    let link = Link::to(&serve.url);
    link.cut("POST", 0);
    link.cut("POST", 20);
    end(start(site, &link, &[])).good("lost answers");
    assert_eq!(count(&link.take_requests(), "POST", "/runs"), 3);
    assert_eq!(serve.log().matches("run begun").count(), 1, "{}", serve.log());
    expect_whole(site, "lost answers");
}

/// Marks every row of both tables, so that rows of two runs can be told apart.
pub fn mark(site: &Site<'_>, mark: u32) {
    exec(&mut site.source_conn(), &format!("UPDATE big SET a = {mark}"));
    exec(&mut site.source_conn(), &format!("UPDATE little SET a = {mark}"));
}

fn restart(site: &Site<'_>, serve: &mut Serve, link: &Link) {
    serve.kill9();
    *serve = site.serve();
    link.lead_to(&serve.url);
}

/// Killed when the first chunk is in, and again: the pull begins anew with what is there then.
fn server_restarts(site: &Site<'_>) {
    let mut serve = site.serve();
    let link = Link::to(&serve.url);
    let mut gate = link.hold("chunk=1");
    let child = start(site, &link, &[]);
    for round in 1..=2 {
        gate.wait();
        mark(site, round);
        restart(site, &mut serve, &link);
        let next = link.hold_in_another_run("chunk=1");
        gate.open();
        gate = next;
    }
    gate.open();
    let out = end(child).good("restarts");
    assert!(out.stdout.contains("the server lost the run"), "{}", out.all());
    let mut conn = site.target_conn();
    let marks: Vec<u32> = conn.query("SELECT DISTINCT a FROM big").unwrap();
    assert_eq!(marks, [2], "rows of one run");
    expect_whole(site, "restarts");

    // Without end it ends.
    let mut gate = link.hold("chunk=1");
    let child = start(site, &link, &[]);
    for _ in 1..=3 {
        gate.wait();
        restart(site, &mut serve, &link);
        let next = link.hold_in_another_run("chunk=1");
        gate.open();
        gate = next;
    }
    end(child).refused("restarts without end", 9, &["run_gone", "hint:", "start again"]);
    expect_whole(site, "restarts without end");
}

fn table_without_transactions(site: &Site<'_>) {
    exec(&mut site.target_conn(), "ALTER TABLE big ENGINE = MyISAM");
    let serve = site.serve();
    let link = Link::to(&serve.url);
    link.cut("chunk=1", 1_000_000);
    end(start(site, &link, &[])).good("a table without transactions");
    let chunks = chunks_of(&link.take_requests(), "big");
    assert_eq!(chunks[..4], [0, 1, 0, 1], "all of it again");
    let mut conn = site.target_conn();
    let (_, text): (String, String) = conn.query_first("SHOW CREATE TABLE big").unwrap().unwrap();
    assert!(text.contains("ENGINE=MyISAM"), "{text}");
    expect_whole(site, "a table without transactions");
}

fn stop(child: &Child) {
    kill_process(rustix_pid(child.id()), Signal::STOP).unwrap();
    wait_for("the process to stop", || is_held(child.id()));
}

/// Its connections died meanwhile, its run did not.
fn stopped_and_continued(site: &Site<'_>) {
    site.configure_client("timeout = 2", "");
    let serve = site.serve();
    let link = Link::to(&serve.url);
    let gate = link.hold("chunk=1");
    let child = start(site, &link, &[]);
    gate.wait();
    stop(&child);
    link.go_away(0);
    gate.open();
    // Longer than all its patience.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let_go(child.id());
    end(child).good("stopped");
    assert_eq!(serve.log().matches("run begun").count(), 1, "{}", serve.log());
    expect_whole(site, "stopped");
}

/// The server has ended its run meanwhile.
fn asleep_for_too_long(site: &Site<'_>) {
    site.configure_server("idle_timeout = 15", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    let link = Link::to(&serve.url);
    let gate = link.hold("chunk=1");
    let child = start(site, &link, &[]);
    gate.wait();
    stop(&child);
    link.go_away(0);
    gate.open();
    wait_for("the server to end the run", || serve.log().contains("nobody asked about it any more"));
    mark(site, 7);
    let_go(child.id());
    let out = end(child).good("asleep");
    assert!(out.stdout.contains("the server lost the run"), "{}", out.all());
    assert_eq!(serve.log().matches("run begun").count(), 2, "{}", serve.log());
    expect_whole(site, "asleep");
}

/// Connections that load are replaced; without the one that holds the lock the pull stops, and the next one goes on.
fn target_connections_killed(site: &Site<'_>) {
    let serve = site.serve();
    let link = Link::to(&serve.url);
    let mut admin = site.target.connect().unwrap();
    let gate = link.hold("chunk=1");
    let child = start(site, &link, &[]);
    gate.wait();
    let kill = |admin: &mut mysql::Conn, ids: Vec<u64>| {
        assert!(!ids.is_empty());
        ids.iter().for_each(|id| exec(admin, &format!("KILL {id}")));
    };
    let loading = format!("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{}'", site.target_db);
    let ids = admin.query(&loading).unwrap();
    kill(&mut admin, ids);
    gate.open();
    end(child).good("loading connections killed");
    expect_whole(site, "loading connections killed");

    mark(site, 3);
    let before = oracle::digest(&mut site.target_conn(), "big", &[]);
    let gate = link.hold("chunk=1");
    let child = start(site, &link, &[]);
    gate.wait();
    let lock = backfill::db::lock::lock_name(&format!("backfill:pull:{}", site.target_db));
    let holder: u64 = admin.query_first(format!("SELECT IS_USED_LOCK('{lock}')")).unwrap().unwrap();
    kill(&mut admin, vec![holder]);
    end(child).refused("the lock is lost", 11, &["the connection that held the lock", "hint:", "pull again"]);
    gate.open();
    assert_eq!(before, oracle::digest(&mut site.target_conn(), "big", &[]), "the target changed");
    link.take_requests();
    end(start(site, &link, &[])).good("the next pull");
    assert_eq!(count(&link.take_requests(), "POST", "/runs"), 0, "it goes on");
    expect_whole(site, "the lock is lost");
}
