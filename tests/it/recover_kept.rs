//! What a killed pull had loaded completely, and what later pulls make of it: it is used for what it is, rows of the
//! moment at which they were loaded, and never after newer ones.

use crate::cli_common::{Out, leftovers, pull, run};
use crate::cli_kill::wait_for_connections_to_end;
use crate::harness::{Add, FLAVOURS, Serve, Site, exec, short, wait_for};
use backfill::db::lock::lock_name;
use backfill::fault::KILL_AT;
use mysql::prelude::Queryable;
use std::process::Stdio;

/// A test on a site that was pulled into.
type Case = fn(&Site<'_>, &Serve);

/// Moments at which everything is loaded and nothing changed.
const LOADED: [&str; 3] = ["swap.journal_written", "merge.journal_written", "merge.replaced"];

pub fn tests(add: &mut Add<'_>) {
    let cases: [(&str, Case); 4] = [
        ("of_their_moment", of_their_moment),
        ("not_after_another_pull", not_after_another_pull),
        ("looks_when_all_is_over", looks_when_all_is_over),
        ("no_swap_is_passed_by", no_swap_is_passed_by),
    ];
    for flavour in FLAVOURS {
        for (name, test) in cases {
            add(
                format!("recover_kept::{name}::{}", short(flavour)),
                Box::new(move |servers| {
                    let site = Site::new(servers, flavour, flavour);
                    application(&site);
                    let serve = site.serve();
                    pull(&site, &serve.url, &["--yes"]).good("the first pull");
                    test(&site, &serve);
                }),
            );
        }
    }
}

/// `posts` come by their times, `tags` whole.
fn application(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(
        &mut conn,
        "CREATE TABLE posts (id INT NOT NULL PRIMARY KEY, mark INT NOT NULL, created_at TIMESTAMP NULL, \
         updated_at TIMESTAMP NULL)",
    );
    exec(&mut conn, "CREATE TABLE tags (id INT NOT NULL PRIMARY KEY, mark INT NOT NULL)");
    exec(&mut conn, "INSERT INTO posts VALUES (1, 0, NOW(), NOW()), (2, 0, NOW(), NOW())");
    exec(&mut conn, "INSERT INTO tags VALUES (1, 0), (2, 0)");
    site.structure_to_target();
}

/// Marks every row of both tables.
fn mark(site: &Site<'_>, mark: u32) {
    let mut conn = site.source_conn();
    exec(&mut conn, &format!("UPDATE posts SET mark = {mark}, updated_at = NOW()"));
    exec(&mut conn, &format!("UPDATE tags SET mark = {mark}"));
}

/// The marks of both tables at the target.
fn marks(site: &Site<'_>) -> [Vec<u32>; 2] {
    let mut conn = site.target_conn();
    ["posts", "tags"].map(|table| conn.query(format!("SELECT DISTINCT mark FROM {table}")).unwrap())
}

/// A pull that is killed at `moment`.
fn killed(site: &Site<'_>, serve: &Serve, arguments: &[&str], moment: &str) {
    let out = run(site.pull_command(&serve.url, arguments).env(KILL_AT, moment));
    assert_eq!(out.code, None, "{moment}: not killed:\n{}", out.all());
    wait_for_connections_to_end(site);
}

/// Whether a pull used what another had loaded.
fn used_what_was_kept(out: &Out) -> bool {
    out.stdout.contains("without a new download")
}

/// A pull finishes the swap of one that was killed, loads everything anew, and is killed as well. What it had loaded is
/// newer than what is in place by then, and older than what the source has when the next pull uses it: that one brings
/// it and says so, and the one after it brings the rest.
fn of_their_moment(site: &Site<'_>, serve: &Serve) {
    for (round, moment) in (0..).zip(LOADED) {
        let now = 3 * round + 1;
        mark(site, now);
        killed(site, serve, &[], "merge.committed");
        assert_eq!(
            marks(site),
            [[now], [now.saturating_sub(1)]],
            "{moment}: the tables that come whole are open"
        );

        mark(site, now + 1);
        killed(site, serve, &[], moment);
        assert_eq!(marks(site), [[now], [now]], "{moment}: what the first one had begun is finished");

        mark(site, now + 2);
        let out = pull(site, &serve.url, &[]).good(moment);
        assert!(used_what_was_kept(&out), "{moment}: {}", out.all());
        assert!(out.stdout.contains("pull again for what"), "{moment}: {}", out.all());
        assert_eq!(marks(site), [[now + 1], [now + 1]], "{moment}: rows of the second one's moment");
        assert_eq!(leftovers(site), Vec::<String>::new(), "{moment}");

        let out = pull(site, &serve.url, &[]).good("the rest");
        assert!(!used_what_was_kept(&out), "{moment}: {}", out.all());
        assert_eq!(marks(site), [[now + 2], [now + 2]], "{moment}: the rest");
    }
}

/// Whole tables of one moment are asked for as those of any other. What was loaded is gone as soon as another pull
/// brings anything: it would be older than what is in place.
fn not_after_another_pull(site: &Site<'_>, serve: &Serve) {
    for (round, other) in
        (0..).zip([&["--yes", "--tables", "tags"], &["--yes", "--full", "--fresh"] as &[&str]])
    {
        let now = 2 * round + 1;
        mark(site, now);
        killed(site, serve, &["--yes", "--full"], "swap.journal_written");
        mark(site, now + 1);
        pull(site, &serve.url, other).good("another pull");
        assert_eq!(leftovers(site), Vec::<String>::new(), "{other:?}");
        let out = pull(site, &serve.url, &["--yes", "--full"]).good("the same pull again");
        assert!(!used_what_was_kept(&out), "{other:?}: {}", out.all());
        assert_eq!(marks(site), [[now + 1], [now + 1]], "{other:?}");
    }
}

/// The connection of a killed pull may still be at work, here before its journal is there: nobody looks before it is
/// over.
fn looks_when_all_is_over(site: &Site<'_>, serve: &Serve) {
    mark(site, 1);
    let mut conn = site.target.connect().unwrap();
    let lock = lock_name(&format!("backfill:swap:{}", site.target_db));
    let got: Option<u8> = conn.query_first(format!("SELECT GET_LOCK('{lock}', 0)")).unwrap();
    assert_eq!(got, Some(1));
    let mut command = site.pull_command(&serve.url, &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let waiting = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND STATE = 'User lock'",
        site.target_db
    );
    wait_for("the pull to wait", || {
        assert!(child.try_wait().unwrap().is_none(), "it does not wait");
        conn.query_first::<u8, _>(&waiting).unwrap() == Some(1)
    });
    assert_eq!(leftovers(site), Vec::<String>::new(), "it has begun to load");
    drop(conn);
    Out::of(&child.wait_with_output().unwrap()).good("when it is over");
    assert_eq!(marks(site), [[1], [1]]);
}

/// An open swap whose pull seems to live is no reason to load: finished later, it would bring its older rows back.
fn no_swap_is_passed_by(site: &Site<'_>, serve: &Serve) {
    mark(site, 1);
    killed(site, serve, &[], "merge.committed");
    let mut conn = site.target.connect().unwrap();
    let staged = leftovers(site).into_iter().find(|name| name.starts_with("_backfill_load_")).unwrap();
    let got: Option<u8> = conn.query_first(format!("SELECT GET_LOCK('{staged}', 0)")).unwrap();
    assert_eq!(got, Some(1));
    mark(site, 2);
    let words = ["is not over", &staged.replace("_load_", "_old_"), "hint: pull again"];
    pull(site, &serve.url, &[]).refused("a swap is open", 11, &words);
    assert_eq!(marks(site), [[1], [0]], "nothing was changed");
    exec(&mut conn, &format!("DO RELEASE_LOCK('{staged}')"));
    pull(site, &serve.url, &[]).good("when it is over");
    assert_eq!(marks(site), [[2], [2]]);
    assert_eq!(leftovers(site), Vec::<String>::new());
}
