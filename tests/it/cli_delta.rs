//! Pulls that bring only what changed: what arrives is what the source holds, and whatever a delta could not be trusted
//! with comes whole.

use crate::cli_common::{Out, client, pull, run};
use crate::harness::{Add, FLAVOURS, Serve, Site, exec, short};
use crate::oracle;
use backfill::fault::KILL_AT;
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::Value;

/// Users and posts go by their times, tags have none.
const TABLES: &[&str] = &[
    "CREATE TABLE users (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, mail VARCHAR(90) NOT NULL, name VARCHAR(60) NULL, \
     created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, UNIQUE KEY users_mail (mail), KEY (created_at), \
     KEY (updated_at)) ENGINE=InnoDB",
    "CREATE TABLE posts (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id INT NOT NULL, title VARCHAR(60) NULL, \
     created_at DATETIME(3) NULL, updated_at DATETIME(3) NULL, KEY posts_user (user_id), KEY (created_at), \
     KEY (updated_at), CONSTRAINT posts_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "CREATE TABLE tags (name VARCHAR(30) NOT NULL PRIMARY KEY, post_id INT NULL, \
     CONSTRAINT tags_post FOREIGN KEY (post_id) REFERENCES posts (id)) ENGINE=InnoDB",
];

/// What was written long ago, so long that no overlap and no time zone brings it again.
const OLD: &[&str] = &[
    "INSERT INTO users VALUES (1, 'a@x', 'Anna', '2025-01-01 10:00:00', '2025-01-01 10:00:00'), \
     (2, 'b@x', 'Ben', '2025-01-02 10:00:00', '2025-01-02 10:00:00'), \
     (3, 'c@x', 'Carl', '2025-01-03 10:00:00', '2025-01-03 10:00:00')",
    "INSERT INTO posts VALUES (1, 1, 'one', '2025-01-01 10:00:00.5', '2025-01-01 10:00:00.5'), \
     (2, 2, 'two', '2025-01-02 10:00:00', '2025-01-03 10:00:00')",
    "INSERT INTO tags VALUES ('red', 1), ('green', NULL)",
];

pub fn tests(add: &mut Add<'_>) {
    let mut case = |name: &str, source: Flavour, target: Flavour, test: fn(&Site<'_>)| {
        let direction = if source == target {
            short(source).into()
        } else {
            format!("{}_to_{}", short(source), short(target))
        };
        add(
            format!("cli_delta::{name}::{direction}"),
            Box::new(move |servers| {
                let site = Site::new(servers, source, target);
                let mut conn = site.source_conn();
                TABLES.iter().chain(OLD).for_each(|statement| exec(&mut conn, statement));
                test(&site);
            }),
        );
    };
    for source in FLAVOURS {
        for target in FLAVOURS {
            case("changes_arrive", source, target, changes_arrive);
        }
        case("zones_and_nulls", source, source, zones_and_nulls);
        case("full_heals", source, source, full_heals);
        case("tables_keep_their_own_checkpoints", source, source, tables_keep_their_own_checkpoints);
        case("changes_here_make_whole", source, source, changes_here_make_whole);
        case("changes_there_make_whole", source, source, changes_there_make_whole);
        case("another_source_makes_whole", source, source, another_source_makes_whole);
        case("a_clock_that_went_back_makes_whole", source, source, a_clock_that_went_back_makes_whole);
        case("without_a_state_it_is_full_and_asks", source, source, without_a_state_it_is_full_and_asks);
        case(
            "rows_that_no_pull_brought_are_asked_for",
            source,
            source,
            rows_that_no_pull_brought_are_asked_for,
        );
        case("two_targets_share_a_state_file", source, source, two_targets_share_a_state_file);
        case("nothing_new_is_left_alone", source, source, nothing_new_is_left_alone);
        case("a_dry_run_says_how", source, source, a_dry_run_says_how);
        case("an_interrupted_pull_is_told", source, source, an_interrupted_pull_is_told);
    }
}

/// Begins with a full pull.
fn first(site: &Site<'_>) -> Serve {
    let serve = site.serve();
    let summary = brought(site, &serve, &["--yes"]);
    assert_eq!(summary["mode"], "full", "{summary:#}");
    expect_equal(site, "the first pull");
    serve
}

/// What a pull with these arguments says of itself; it ends well.
#[track_caller]
fn brought(site: &Site<'_>, serve: &Serve, arguments: &[&str]) -> Value {
    said(&pull(site, &serve.url, &[&["--json"], arguments].concat()), serve)
}

#[track_caller]
fn said(out: &Out, serve: &Serve) -> Value {
    assert_eq!(out.code, Some(0), "{}\nserver:\n{}", out.all(), serve.log());
    serde_json::from_str(&out.stdout).unwrap()
}

/// A pull that asks nothing, since it is a delta.
#[track_caller]
fn delta(site: &Site<'_>, serve: &Serve) -> Value {
    let summary = brought(site, serve, &[]);
    assert_eq!(summary["mode"], "delta", "{summary:#}");
    summary
}

/// What a pull says of one table; null if it did not bring it.
fn of<'a>(summary: &'a Value, table: &str) -> &'a Value {
    let mut tables = summary["pulled"].as_array().unwrap().iter();
    tables.find(|entry| entry["table"] == table).unwrap_or(&Value::Null)
}

/// The table came whole, and this is why.
#[track_caller]
fn expect_whole(summary: &Value, table: &str, why: &str) {
    let entry = of(summary, table);
    assert_eq!(entry["mode"], "full", "{table}: {summary:#}");
    assert!(entry["why"].as_str().unwrap().contains(why), "{table}: {entry}");
}

#[track_caller]
fn expect_equal(site: &Site<'_>, what: &str) {
    let source = oracle::contents(&mut site.source_conn(), &[]);
    assert_eq!(source, oracle::contents(&mut site.target_conn(), &[]), "{what}");
}

fn one<T: mysql::prelude::FromValue>(conn: &mut Conn, query: &str) -> T {
    conn.query_first(query).unwrap().unwrap()
}

fn changes_arrive(site: &Site<'_>) {
    let serve = first(site);
    let mut source = site.source_conn();
    for round in 0..2 {
        for statement in [
            "INSERT INTO users (mail, name, created_at, updated_at) VALUES (UUID(), 'New', NOW(), NOW())",
            "INSERT INTO posts (user_id, title, created_at, updated_at) SELECT MAX(id), 'new', NOW(3), NOW(3) FROM users",
            "UPDATE users SET name = CONCAT(name, '!'), updated_at = NOW() WHERE id = 1",
            // Two rows change places in a unique index.
            "UPDATE users SET mail = 'nobody', updated_at = NOW() WHERE id = 2",
            "UPDATE users u, (SELECT mail FROM users WHERE id = 3) AS old SET u.mail = CONCAT('was-', old.mail) WHERE u.id = 2",
            "UPDATE users SET mail = CONCAT('is-', id, '-', UUID()), updated_at = NOW() WHERE id = 3",
            "UPDATE tags SET post_id = 2 WHERE name = 'green'",
        ] {
            exec(&mut source, statement);
        }
        let summary = delta(site, &serve);
        assert_eq!(of(&summary, "users")["mode"], "delta", "{summary:#}");
        assert_eq!(of(&summary, "posts")["mode"], "delta", "{summary:#}");
        expect_whole(&summary, "tags", "it lacks created_at");
        expect_equal(site, &format!("round {round}"));
        let posts: u64 = of(&summary, "posts")["rows"].as_u64().unwrap();
        assert!(posts <= round + 2, "old posts came again: {summary:#}");
    }
    // A value that moves from one row to another.
    exec(&mut source, "UPDATE users SET mail = 'hole', updated_at = NOW() WHERE id = 1");
    exec(&mut source, "UPDATE users SET mail = 'a@x', updated_at = NOW() WHERE id = 2");
    delta(site, &serve);
    expect_equal(site, "moved");
    let listed = run(site.command("client").args(["status"])).good("status");
    assert!(listed.stdout.contains("DELTA") && listed.stdout.contains("FULL"), "{}", listed.stdout);
}

/// `DATETIME` columns that an application writes far east and far west of UTC, and rows without times.
fn zones_and_nulls(site: &Site<'_>) {
    let mut source = site.source_conn();
    for (table, offset) in [("east", 9), ("west", -9)] {
        exec(&mut source, &format!("CREATE TABLE {table} LIKE posts"));
        exec(
            &mut source,
            &format!(
                "INSERT INTO {table} VALUES (1, 1, 'old', '2025-01-01 10:00:00', '2025-01-01 10:00:00'), \
                 (2, 1, 'now', NOW(3) + INTERVAL {offset} HOUR, NOW(3) + INTERVAL {offset} HOUR), (3, 1, 'none', NULL, NULL)"
            ),
        );
    }
    let serve = first(site);
    for (table, offset) in [("east", 9), ("west", -9)] {
        exec(
            &mut source,
            &format!("INSERT INTO {table} VALUES (4, 1, 'later', NOW(3) + INTERVAL {offset} HOUR, NULL)"),
        );
        exec(&mut source, &format!("UPDATE {table} SET title = 'changed' WHERE id = 3"));
    }
    let summary = delta(site, &serve);
    assert_eq!(
        (&of(&summary, "east")["mode"], &of(&summary, "west")["mode"]),
        (&"delta".into(), &"delta".into())
    );
    expect_equal(site, "in other zones");
}

/// What a delta cannot see, a full pull does.
fn full_heals(site: &Site<'_>) {
    let serve = first(site);
    let mut source = site.source_conn();
    exec(&mut source, "DELETE FROM posts WHERE id = 2");
    exec(&mut source, "UPDATE users SET name = 'unseen' WHERE id = 2");
    exec(&mut source, "UPDATE users SET name = 'seen', updated_at = NOW() WHERE id = 3");
    let summary = delta(site, &serve);
    assert_eq!(of(&summary, "users")["rows"], 1, "{summary:#}");
    let mut target = site.target_conn();
    assert_eq!(
        one::<u64>(&mut target, "SELECT COUNT(*) FROM posts WHERE id = 2"),
        1,
        "deleted, and not seen"
    );
    assert_eq!(one::<String>(&mut target, "SELECT name FROM users WHERE id = 2"), "Ben");
    assert_eq!(one::<String>(&mut target, "SELECT name FROM users WHERE id = 3"), "seen");

    pull(site, &serve.url, &["--full"]).refused("full without a yes", 2, &["--yes", "terminal"]);
    let summary = brought(site, &serve, &["--full", "--yes"]);
    assert_eq!(summary["mode"], "full");
    expect_whole(&summary, "users", "asked for");
    expect_equal(site, "after the full pull");
    // And on from there.
    exec(&mut source, "UPDATE users SET name = 'again', updated_at = NOW() WHERE id = 1");
    delta(site, &serve);
    expect_equal(site, "a delta after the full pull");
}

fn tables_keep_their_own_checkpoints(site: &Site<'_>) {
    let serve = first(site);
    let mut source = site.source_conn();
    let new = "INSERT INTO users (mail, created_at, updated_at) VALUES (UUID(), NOW(), NOW())";
    exec(&mut source, new);
    exec(&mut source, "UPDATE posts SET title = 'changed', updated_at = '2025-06-01 10:00:00' WHERE id = 1");
    let before = record(site, "posts");
    let summary = brought(site, &serve, &["--tables", "users"]);
    assert_eq!((&summary["mode"], &summary["tables"]), (&"delta".into(), &1.into()), "{summary:#}");
    assert_eq!(record(site, "posts"), before, "posts were not pulled");
    let after = record(site, "users")["checkpoint"].as_str().unwrap().to_owned();
    assert!(*after > *"2026", "{after}");
    let old: String = one(&mut site.target_conn(), "SELECT title FROM posts WHERE id = 1");
    assert_eq!(old, "one");
    let summary = delta(site, &serve);
    assert_eq!(of(&summary, "posts")["mode"], "delta", "{summary:#}");
    expect_equal(site, "all tables again");
    // A table that is replaced takes keys of other tables with it; those are still what the last pull left.
    brought(site, &serve, &["--tables", "users", "--full", "--yes"]);
    let summary = delta(site, &serve);
    assert_ne!(of(&summary, "posts")["mode"], "full", "{summary:#}");
    expect_equal(site, "after one table was replaced");
}

/// What the state file says of a table.
fn record(site: &Site<'_>, table: &str) -> Value {
    state(site)["targets"].as_array().unwrap().last().unwrap()["tables"][table].clone()
}

fn state(site: &Site<'_>) -> Value {
    serde_json::from_str(&std::fs::read_to_string(site.path("client/backfill-state.json")).unwrap()).unwrap()
}

fn changes_here_make_whole(site: &Site<'_>) {
    let serve = first(site);
    let (mut source, mut target) = (site.source_conn(), site.target_conn());
    exec(&mut target, "SET FOREIGN_KEY_CHECKS = 0");
    let (_, definition): (String, String) = target.query_first("SHOW CREATE TABLE posts").unwrap().unwrap();
    let made_anew = ["DROP TABLE posts", &definition];
    for (what, statements) in [
        ("truncated", &["TRUNCATE TABLE posts"][..]),
        ("emptied", &["DELETE FROM posts"]),
        ("altered", &["ALTER TABLE posts ADD COLUMN mine INT NULL"]),
        ("back", &["ALTER TABLE posts DROP COLUMN mine"]),
        ("made anew", &made_anew),
    ] {
        exec(&mut source, "UPDATE users SET name = CONCAT(name, '.'), updated_at = NOW() WHERE id = 1");
        // The server tells when a table was made by the second.
        let begun: String = one(&mut target, "SELECT CAST(NOW() AS CHAR)");
        crate::harness::wait_for("the next second", || {
            one::<String>(&mut target, "SELECT CAST(NOW() AS CHAR)") != begun
        });
        for statement in statements {
            exec(&mut target, statement);
        }
        let summary = delta(site, &serve);
        expect_whole(&summary, "posts", "since the last pull");
        assert_eq!(of(&summary, "users")["mode"], "delta", "{what}: {summary:#}");
        if what != "altered" {
            expect_equal(site, what);
        }
        let summary = delta(site, &serve);
        assert_ne!(of(&summary, "posts")["mode"], "full", "{what}, and pulled since: {summary:#}");
    }
}

fn changes_there_make_whole(site: &Site<'_>) {
    let mut serve = first(site);
    let mut source = site.source_conn();
    exec(&mut source, "UPDATE users SET name = 'x', updated_at = NOW() WHERE id = 1");
    exec(&mut source, "ALTER TABLE posts ADD KEY posts_title (title)");
    let summary = delta(site, &serve);
    expect_whole(&summary, "posts", "changed at the source");
    expect_equal(site, "a new key there");
    exec(&mut source, "UPDATE users SET name = 'y', updated_at = NOW() WHERE id = 1");
    assert_eq!(of(&delta(site, &serve), "posts")["why"], Value::Null, "once");

    serve.stop();
    site.configure_server("", "[privacy]\npolicy = \"open\"\n[sanitize.users]\nname = \"name\"\n");
    let serve = site.serve();
    exec(&mut source, "UPDATE posts SET title = 'z', updated_at = NOW(3) WHERE id = 1");
    let summary = delta(site, &serve);
    expect_whole(&summary, "users", "changed at the source");
    let names: Vec<String> = site.target_conn().query("SELECT name FROM users").unwrap();
    assert!(names.iter().all(|name| name.starts_with("User_")), "{names:?}");

    exec(&mut source, "UPDATE users SET name = 'raw', updated_at = NOW() WHERE id = 2");
    let summary = delta(site, &serve);
    assert_eq!(of(&summary, "users")["mode"], "delta", "{summary:#}");
    let names: Vec<String> = site.target_conn().query("SELECT name FROM users").unwrap();
    assert!(names.iter().all(|name| name.starts_with("User_")), "a delta is masked too: {names:?}");
}

fn another_source_makes_whole(site: &Site<'_>) {
    let mut serve = first(site);
    serve.stop();
    let other = format!("{}_other", site.source_db);
    let mut conn = site.source_conn();
    exec(&mut conn, &format!("CREATE DATABASE {other} CHARACTER SET utf8mb4"));
    let mut there = crate::harness::connect(site.source, &other);
    TABLES.iter().for_each(|statement| exec(&mut there, statement));
    exec(
        &mut there,
        "INSERT INTO users VALUES (7, 'z@x', 'Zoe', '2025-01-01 10:00:00', '2025-01-01 10:00:00')",
    );
    site.configure_server_as(&site.source.url(&other), "", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    pull(site, &serve.url, &[]).refused("another source", 2, &["--yes", "replace 3 tables"]);
    let summary = brought(site, &serve, &["--yes"]);
    assert_eq!(summary["mode"], "full");
    expect_whole(&summary, "users", "from another database");
    let contents = oracle::contents(&mut there, &[]);
    assert_eq!(contents, oracle::contents(&mut site.target_conn(), &[]));
    exec(&mut conn, &format!("DROP DATABASE {other}"));
}

/// Changes the state file.
fn rewrite(site: &Site<'_>, change: impl FnOnce(&mut Value)) {
    let mut state = state(site);
    change(&mut state);
    std::fs::write(site.path("client/backfill-state.json"), state.to_string()).unwrap();
}

fn a_clock_that_went_back_makes_whole(site: &Site<'_>) {
    let serve = first(site);
    rewrite(site, |state| {
        state["targets"][0]["tables"]["users"]["clock"] = "2199-01-01 00:00:00".into();
    });
    exec(&mut site.source_conn(), "UPDATE posts SET title = 'x', updated_at = NOW(3) WHERE id = 1");
    let summary = delta(site, &serve);
    expect_whole(&summary, "users", "clock went back");
    assert_eq!(of(&summary, "posts")["mode"], "delta", "{summary:#}");
    expect_equal(site, "a clock that went back");
}

fn without_a_state_it_is_full_and_asks(site: &Site<'_>) {
    let serve = first(site);
    let path = site.path("client/backfill-state.json");
    let good = std::fs::read(&path).unwrap();
    for damage in [None, Some("{"), Some("{\"version\":2,\"syncs\":[],\"targets\":[{}]}")] {
        match damage {
            None => std::fs::remove_file(&path).unwrap(),
            Some(text) => std::fs::write(&path, text).unwrap(),
        }
        let out = pull(site, &serve.url, &[]).refused("no state", 2, &["--yes", "replace 3 tables"]);
        assert_eq!(out.stderr.contains(".corrupt-"), damage.is_some(), "{}", out.stderr);
        pull(site, &serve.url, &["--tables", "tags"]).refused("one table", 2, &["replace 1 table of"]);
    }
    assert_eq!(brought(site, &serve, &["--yes"])["mode"], "full");
    exec(&mut site.source_conn(), "UPDATE users SET name = 'x', updated_at = NOW() WHERE id = 1");
    delta(site, &serve);
    expect_equal(site, "after the state was lost");
    // An older program's file: pulls are known, checkpoints are not.
    let old = r#"{"version": 1, "syncs": []}"#;
    std::fs::write(&path, old).unwrap();
    pull(site, &serve.url, &[]).refused("version 1", 2, &["--yes"]);
    // A state of an earlier pull is no harm: more rows come than needed.
    std::fs::write(&path, good).unwrap();
    brought(site, &serve, &["--yes"]);
    expect_equal(site, "an old state");
}

/// A delta asks nothing, but for replacing rows that no pull brought.
fn rows_that_no_pull_brought_are_asked_for(site: &Site<'_>) {
    let mut target = site.target_conn();
    exec(&mut target, TABLES[0]);
    exec(&mut target, TABLES[1]);
    exec(&mut target, TABLES[2]);
    exec(&mut target, "INSERT INTO tags VALUES ('mine', NULL)");
    let serve = site.serve();
    brought(site, &serve, &["--tables", "users,posts", "--yes"]);
    exec(&mut site.source_conn(), "UPDATE users SET name = 'x', updated_at = NOW() WHERE id = 1");
    let preview = pull(site, &serve.url, &["--dry-run"]).good("dry run");
    assert!(preview.stdout.contains("`tags` has rows that no pull brought"), "{}", preview.stdout);
    pull(site, &serve.url, &[]).refused("tags", 2, &["--yes", "`tags`", "no pull brought"]);
    let mine: Vec<String> = target.query("SELECT name FROM tags").unwrap();
    assert_eq!(mine, ["mine"]);
    // Without rows there is nothing to ask about.
    exec(&mut target, "DELETE FROM tags");
    delta(site, &serve);
    expect_equal(site, "tags are pulled for the first time");
    exec(&mut target, "INSERT INTO tags VALUES ('mine', NULL)");
    delta(site, &serve);
    expect_equal(site, "tags were pulled before");
}

fn two_targets_share_a_state_file(site: &Site<'_>) {
    let serve = first(site);
    let other = format!("{}_b", site.target_db);
    let mut conn = site.target_conn();
    exec(&mut conn, &format!("CREATE DATABASE {other} CHARACTER SET utf8mb4"));
    let elsewhere = |arguments: &[&str]| {
        let mut command = site.pull_command(&serve.url, &[&["--json"], arguments].concat());
        run(command.env("DATABASE_URL", site.target.url(&other)))
    };
    elsewhere(&[]).refused("another target", 2, &["--yes", &other]);
    assert_eq!(said(&elsewhere(&["--yes"]), &serve)["mode"], "full");
    for round in 0..2 {
        exec(
            &mut site.source_conn(),
            "INSERT INTO users (mail, created_at, updated_at) VALUES (UUID(), NOW(), NOW())",
        );
        if round == 0 {
            delta(site, &serve);
            expect_equal(site, "the first target");
        } else {
            assert_eq!(said(&elsewhere(&[]), &serve)["mode"], "delta");
        }
    }
    let there = oracle::contents(&mut crate::harness::connect(site.target, &other), &[]);
    assert_eq!(oracle::contents(&mut site.source_conn(), &[]), there, "the second target");
    delta(site, &serve);
    expect_equal(site, "the first target again");
    exec(&mut conn, &format!("DROP DATABASE {other}"));
}

fn nothing_new_is_left_alone(site: &Site<'_>) {
    exec(&mut site.source_conn(), "DROP TABLE tags");
    let serve = first(site);
    let made = |site: &Site<'_>| record(site, "users")["fingerprint"].clone();
    let before = made(site);
    let out = pull(site, &serve.url, &[]).good("nothing new");
    assert!(out.stdout.contains("Nothing is new in 2 tables"), "{}", out.all());
    let last = state(site)["syncs"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["mode"], &last["status"]), (&"delta".into(), &"complete".into()), "{last}");
    assert_eq!((&last["tables"], &last["unchanged"]), (&0.into(), &2.into()), "{last}");

    exec(&mut site.source_conn(), "UPDATE posts SET title = 'x', updated_at = NOW(3) WHERE id = 1");
    let summary = delta(site, &serve);
    assert_eq!(summary["unchanged"], serde_json::json!(["users"]), "{summary:#}");
    assert_eq!(of(&summary, "posts")["mode"], "delta", "{summary:#}");
    expect_equal(site, "one table is new");
    assert_eq!(made(site), before, "users were not touched");
}

fn a_dry_run_says_how(site: &Site<'_>) {
    let serve = first(site);
    let mut source = site.source_conn();
    exec(&mut source, "UPDATE users SET name = 'x', updated_at = NOW() WHERE id = 1");
    let before = (state(site), oracle::contents(&mut site.target_conn(), &[]));
    let out = pull(site, &serve.url, &["--dry-run"]).good("dry run");
    let line = |table: &str| out.stdout.lines().find(|line| line.starts_with(table)).unwrap().to_owned();
    assert!(line("users").contains("delta since 2025-01-03 09:55:00"), "{}", out.stdout);
    assert!(line("posts").contains("nothing new since 2025-01-03 10:00:00.000001"), "{}", out.stdout);
    assert!(line("tags").contains("whole: it lacks created_at"), "{}", out.stdout);
    let preview: Value =
        serde_json::from_str(&pull(site, &serve.url, &["--dry-run", "--json"]).good("json").stdout).unwrap();
    assert_eq!(preview["mode"], "delta", "{preview:#}");
    let full = pull(site, &serve.url, &["--dry-run", "--full"]).good("full");
    assert!(!full.stdout.contains("delta since"), "{}", full.stdout);
    assert_eq!(before, (state(site), oracle::contents(&mut site.target_conn(), &[])), "nothing was changed");
}

fn an_interrupted_pull_is_told(site: &Site<'_>) {
    let serve = first(site);
    for (moment, words) in
        [("load.done", "your data was not changed"), ("swap.renamed", "its tables are in place")]
    {
        exec(
            &mut site.source_conn(),
            "UPDATE users SET name = CONCAT(name, '.'), updated_at = NOW() WHERE id = 1",
        );
        let mut command = site.pull_command(&serve.url, &["--yes"]);
        let killed = command.env(KILL_AT, moment).output().unwrap();
        assert_eq!(killed.status.code(), None, "{moment}: not killed");
        let listed = client(site, &["status"]).good("status");
        assert!(listed.stdout.contains("Interrupted"), "{}", listed.stdout);
        let next = pull(site, &serve.url, &["--yes"]).good("the next pull");
        assert!(next.stderr.contains("was interrupted: ") && next.stderr.contains(words), "{}", next.all());
        expect_equal(site, moment);
        let once = pull(site, &serve.url, &["--yes"]).good("the pull after");
        assert!(!once.stderr.contains("was interrupted"), "{}", once.all());
    }
    // What was found out is not forgotten when the pull that found it goes no further.
    let mut command = site.pull_command(&serve.url, &["--full", "--yes"]);
    assert_eq!(command.env(KILL_AT, "swap.renamed").output().unwrap().status.code(), None);
    pull(site, &serve.url, &[]).refused("tables made anew", 2, &["its tables are in place", "--yes"]);
    let listed = client(site, &["status"]).good("status");
    assert!(listed.stdout.contains("was finished later, and its data is in place"), "{}", listed.stdout);
    let next = pull(site, &serve.url, &["--yes"]).good("the next pull");
    assert!(!next.stderr.contains("was interrupted"), "told once: {}", next.all());
}
