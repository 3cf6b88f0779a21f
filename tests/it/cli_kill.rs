//! A pull that dies: whatever the moment, every table is afterwards the old or the new one, all of them the same,
//! and the next pull or cleanup makes everything whole.

use crate::cli_common::{
    account, client, expect_equal, expect_tidy, leftovers, picture, pull, pulled_rows, ready, refill, run,
    structure,
};
use crate::cli_proxy::{Answer, Gate, Proxy};
use crate::harness::{Add, FLAVOURS, Serve, Site, exec, rustix_pid, short, wait_for};
use backfill::fault::KILL_AT;
use backfill::schema::Flavour;
use mysql::prelude::Queryable;
use rustix::process::{Signal, kill_process};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Every moment that a pull names, in order.
pub const STAGING: &[&str] =
    &["staging.created", "staging.rehearsed", "load.first_batch", "load.done", "indexes.built", "keys.built"];
pub const SWAP: &[&str] = &[
    "swap.journal_written",
    "swap.triggers_dropped",
    "swap.renamed",
    "swap.triggers_created",
    "swap.outside_keys_dropped",
    "swap.outside_keys_added",
    "swap.journal_done",
    "swap.staging_dropped",
    "swap.old_dropped",
];

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (name, moments, prefixed) in
            [("staging", STAGING, false), ("swap", SWAP, false), ("swap_prefixed", SWAP, true)]
        {
            add(
                format!("cli_kill::{name}::{}", short(flavour)),
                Box::new(move |servers| at_moments(Site::new(servers, flavour, flavour), moments, prefixed)),
            );
        }
        let mut case = |name: &str, test: fn(&Site<'_>, &mut Serve)| {
            add(
                format!("cli_kill::{name}::{}", short(flavour)),
                Box::new(move |servers| {
                    let (site, mut serve) = ready(Site::new(servers, flavour, flavour));
                    test(&site, &mut serve);
                }),
            );
        };
        case("any_moment", any_moment);
        case("signals", signals);
        case("before_the_journal", before_the_journal);
        case("server_dies", server_dies);
    }
}

/// Kills a pull at each moment, looks, and lets a pull or a cleanup end it, in turns.
fn at_moments(site: Site<'_>, moments: &[&str], prefixed: bool) {
    let (site, serve) = ready(site);
    let url = if prefixed {
        // The triggers of the fixture belong to the administrator.
        let definers = match site.target.flavour() {
            Flavour::Mariadb => "SET USER ON *.*".to_owned(),
            Flavour::Mysql => "SUPER, SYSTEM_USER, SET_ANY_DEFINER ON *.*".to_owned(),
        };
        account(&site, "small", &[format!("ALL ON {}.*", site.target_db), definers])
    } else {
        site.target.url(&site.target_db)
    };
    let whole = structure(&mut site.target_conn());
    for (round, moment) in moments.iter().enumerate() {
        refill(&mut site.source_conn(), 20 + u32::try_from(round).unwrap(), moment);
        let new = pulled_rows(&mut site.source_conn());
        let old = pulled_rows(&mut site.target_conn());
        assert_ne!(old, new);
        let own = own_rows(&site);

        let mut command = site.pull_command(&serve.url, &["--yes"]);
        let output = command.env("DATABASE_URL", &url).env(KILL_AT, moment).output().unwrap();
        if prefixed && *moment == "swap.triggers_dropped" {
            // On this rung triggers move with their tables and are never away.
            assert!(output.status.success(), "{moment}: {output:?}");
            continue;
        }
        assert_eq!(output.status.code(), None, "{moment}: not killed: {}", crate::harness::both(&output));
        let now = wait_until_quiet(&site);
        assert!(now == old || now == new, "{moment}: neither the old nor the new tables");
        let renamed = moments.iter().position(|m| *m == "swap.renamed").is_some_and(|at| round >= at);
        assert_eq!(now == new, renamed, "{moment}: the wrong side of the swap");
        assert_eq!(own, own_rows(&site), "{moment}: rows of target-only tables");
        let staged_inside =
            leftovers(&site).iter().any(|name| name.ends_with("_about") || name.ends_with("_journal"));
        assert_eq!(staged_inside, prefixed, "{moment}: the rung of the ladder");

        if round % 2 == 0 {
            let mut next = site.command("client");
            next.env("DATABASE_URL", &url).args(["cleanup", "--force", "--max-age", "0"]);
            run(&mut next).good(&format!("{moment}: cleanup"));
            let after = pulled_rows(&mut site.target_conn());
            assert_eq!(after, now, "{moment}: cleanup changed rows");
            expect_tidy(&site, &whole, &format!("{moment}: after cleanup"));
            views_and_triggers_work(&site, moment);
        } else {
            let mut next = site.pull_command(&serve.url, &["--yes"]);
            run(next.env("DATABASE_URL", &url)).good(&format!("{moment}: the next pull"));
            expect_equal(&site, &format!("{moment}: the next pull"));
            expect_tidy(&site, &whole, &format!("{moment}: after the next pull"));
            views_and_triggers_work(&site, moment);
        }
        let status = client(&site, &["status"]).good("status");
        assert!(status.stdout.contains("Interrupted"), "{moment}: {}", status.stdout);
    }
}

/// Everything is loaded, and a pull dies while it tries the triggers or before it has written the journal: the next one
/// swaps what is there.
fn before_the_journal(site: &Site<'_>, serve: &mut Serve) {
    let whole = structure(&mut site.target_conn());
    let mut reader = site.target_conn();
    exec(&mut reader, "START TRANSACTION");
    exec(&mut reader, "SELECT * FROM parents");
    pull(site, &serve.url, &["--yes"]).refused("somebody reads a table", 11, &[]);
    exec(&mut reader, "ROLLBACK");

    let staged = leftovers(site).into_iter().find(|name| name.starts_with("_backfill_load_")).unwrap();
    let old = staged.replace("_load_", "_old_");
    let mut conn = site.target_conn();
    exec(&mut conn, &format!("CREATE TABLE {staged}_scratch LIKE parents"));
    exec(&mut conn, &format!("CREATE DATABASE {old}"));
    exec(&mut conn, &format!("CREATE TABLE {old}._backfill_journal LIKE {staged}._backfill_about"));
    let next = pull(site, &serve.url, &["--yes"]).good("the next pull");
    assert!(next.all().contains("had loaded"), "{}", next.all());
    expect_equal(site, "the next pull");
    expect_tidy(site, &whole, "the next pull");
}

/// Rows of the tables that no pull touches, but for what the triggers write.
fn own_rows(site: &Site<'_>) -> Vec<Vec<String>> {
    let mut conn = site.target_conn();
    ["bookmarks", "scratchpad", "audit"].map(|table| crate::oracle::rows(&mut conn, table, &[])).into()
}

/// The pulled tables as soon as no connection of a killed pull is at work any more.
pub fn wait_until_quiet(site: &Site<'_>) -> crate::oracle::Contents {
    wait_for_connections_to_end(site);
    pulled_rows(&mut site.target_conn())
}

/// Waits until the target has missed the connections of a killed pull.
pub fn wait_for_connections_to_end(site: &Site<'_>) {
    let mut conn = site.target_conn();
    wait_for("connections of the killed pull to end", || {
        let busy: Option<u64> = conn
            .query_first(format!(
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND ID <> CONNECTION_ID()",
                site.target_db
            ))
            .unwrap();
        // The connection that holds the pull's lock is in no schema; the server may take a moment to miss its client.
        let lock = backfill::db::lock::lock_name(&format!("backfill:pull:{}", site.target_db));
        let holder: Option<Option<u64>> = conn.query_first(format!("SELECT IS_USED_LOCK('{lock}')")).unwrap();
        busy == Some(0) && holder.flatten().is_none()
    });
}

/// Triggers fire in their order, keys to and from outside hold, the view answers. Leaves no trace.
fn views_and_triggers_work(site: &Site<'_>, what: &str) {
    let mut conn = site.target_conn();
    exec(&mut conn, "START TRANSACTION");
    let last: u64 = conn.query_first("SELECT MAX(id) FROM audit").unwrap().unwrap();
    exec(&mut conn, "INSERT INTO parents (id, name, email) VALUES (9999, 'x', 'x@x')");
    let fired: Vec<String> =
        conn.query(format!("SELECT what FROM audit WHERE id > {last} ORDER BY id")).unwrap();
    assert_eq!(fired, ["first 9999", "second 9999"], "{what}");
    exec(&mut conn, "INSERT INTO bookmarks VALUES (77, 9999, NULL)");
    exec(&mut conn, "UPDATE parents SET id = 9998 WHERE id = 9999");
    let moved: Option<i32> = conn.query_first("SELECT parent_id FROM bookmarks WHERE id = 77").unwrap();
    assert_eq!(moved, Some(9998), "{what}: ON UPDATE CASCADE from outside");
    for refused in [
        "INSERT INTO bookmarks VALUES (78, 123456, NULL)",
        "INSERT INTO children VALUES (NULL, 123456, 1, 'x')",
    ] {
        assert!(conn.query_drop(refused).is_err(), "{what}: {refused}");
    }
    let rows: Vec<(i32, String)> = conn.query("SELECT id, name FROM family").unwrap();
    assert!(!rows.is_empty(), "{what}: the view");
    exec(&mut conn, "ROLLBACK");
}

/// Kills pulls at moments that nobody chose.
fn any_moment(site: &Site<'_>, serve: &mut Serve) {
    let whole = structure(&mut site.target_conn());
    let begun = Instant::now();
    pull(site, &serve.url, &["--yes", "--full"]).good("a whole pull");
    let length = begun.elapsed();
    // A pull that was killed between its last count and its swap leaves what it loaded, and the next one swaps that
    // in: the tables of any round may come, all of them of the same.
    let mut known = vec![pulled_rows(&mut site.target_conn())];
    for round in 1..=6_u32 {
        refill(&mut site.source_conn(), 30 + round, &format!("r{round}"));
        known.push(pulled_rows(&mut site.source_conn()));
        let mut child = quiet(site.pull_command(&serve.url, &["--yes", "--full"])).spawn().unwrap();
        // The moment is the point here; nothing that follows depends on which one it is.
        std::thread::sleep(length * (2 + round) / 8);
        child.kill().unwrap();
        child.wait().unwrap();
        let now = wait_until_quiet(site);
        assert!(known.contains(&now), "round {round}: neither the old nor the new tables");
    }
    client(site, &["cleanup", "--force", "--max-age", "0"]).good("cleanup");
    pull(site, &serve.url, &["--yes", "--full"]).good("the pull after all");
    expect_equal(site, "after all");
    expect_tidy(site, &whole, "after all");
    views_and_triggers_work(site, "after all");
}

fn quiet(mut command: Command) -> Command {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Ctrl-C and SIGTERM while rows are loaded: 130 and 143, soon, and the target is as before.
fn signals(site: &Site<'_>, serve: &mut Serve) {
    let before = picture(site);
    // It must not end because its own patience does, nor because the held answer comes.
    site.configure_client("timeout = 300", "");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let gate = Gate::default();
        let proxy = Proxy::start(&serve.url, {
            let gate = gate.clone();
            move |request, response| {
                if request.table().as_deref() == Some("parents") {
                    gate.hold();
                }
                Answer::Whole(response)
            }
        });
        let mut command = site.pull_command(&proxy.url, &["--yes"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        gate.wait();
        kill_process(rustix_pid(child.id()), signal).unwrap();
        let begun = Instant::now();
        let out = crate::cli_common::Out::of(&child.wait_with_output().unwrap());
        gate.open();
        assert!(begun.elapsed() < Duration::from_secs(40), "it took {:?}", begun.elapsed());
        out.refused("a signal", code, &["interrupted"]);
        assert_eq!(before.0, picture(site).0, "the target changed");
        expect_tidy(site, &before.1, "a signal");
        let status = client(site, &["status"]).good("status");
        assert!(status.stdout.contains("Interrupted"), "{}", status.stdout);
        wait_until_quiet(site);
    }
    pull(site, &serve.url, &["--yes"]).good("the next pull");
    expect_equal(site, "the next pull");
}

/// The server is killed in the middle and stays away: a remote error, nothing lost, and its next start removes its
/// workspace.
fn server_dies(site: &Site<'_>, serve: &mut Serve) {
    site.configure_server("max_runs = 50", "[sanitize.parents]\nnote = \"text\"\n");
    site.configure_client("timeout = 3", "");
    // Enough that the copy can be seen at work.
    let mut conn = site.source_conn();
    for doubling in 0..11 {
        let step = 100_000 << doubling;
        exec(
            &mut conn,
            &format!(
                "INSERT INTO parents SELECT id + {step}, name, CONCAT(id + {step}, '@x'), note, NULL, NULL FROM parents"
            ),
        );
    }
    serve.stop();
    *serve = site.serve();
    let before = picture(site);
    let mut command = site.pull_command(&serve.url, &["--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let workspace = loop {
        if let Some(workspace) = workspace_in_use(&mut conn, &site.source_db) {
            break workspace;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "the copy was never seen");
    };
    serve.kill9();
    let out = crate::cli_common::Out::of(&child.wait_with_output().unwrap());
    out.refused("the server died", 9, &[&serve.url, "hint:"]);
    assert_eq!(before.0, picture(site).0, "the target changed");
    assert_eq!(leftovers(site).len(), 1, "what was staged is kept: the server might have come back");

    let mut there = || -> bool {
        let found: Option<u8> = conn
            .query_first(format!(
                "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{workspace}'"
            ))
            .unwrap();
        found.is_some()
    };
    // Another test's `serve` on this server may have swept it already.
    *serve = site.serve();
    wait_for("the next start to remove the workspace", || !there());
    pull(site, &serve.url, &["--yes", "--tables", "children,tags"]).good("the next pull");
    pull(site, &serve.url, &["--yes"]).good("the pull after it");
    let rows = |conn: &mut mysql::Conn| crate::oracle::rows(conn, "parents", &["parents.note"]);
    assert_eq!(rows(&mut site.source_conn()), rows(&mut site.target_conn()));
    expect_tidy(site, &before.1, "the next pull");
}

/// The workspace that a statement about `database` is writing to.
fn workspace_in_use(conn: &mut mysql::Conn, database: &str) -> Option<String> {
    let statements: Vec<String> = conn
        .query("SELECT INFO FROM information_schema.PROCESSLIST WHERE INFO LIKE '%\\_backfill\\_temp\\_%' AND ID <> CONNECTION_ID()")
        .unwrap();
    let statement = statements.into_iter().find(|text| text.contains(&format!("`{database}`")))?;
    let from = statement.find("_backfill_temp_")?;
    let name = statement[from..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
    Some(name.to_owned())
}
