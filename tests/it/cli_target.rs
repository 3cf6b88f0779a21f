//! What a pull does to the target and what it leaves alone.

use crate::cli_common::{
    Out, account, client, decorate, expect_equal, expect_tidy, leftovers, picture, pull, pulled_rows, ready,
    refill, run, small, structure,
};
use crate::harness::{Add, FLAVOURS, Serve, Servers, Site, exec, short, wait_for};
use crate::oracle;
use backfill::schema::Flavour;
use mysql::prelude::Queryable;
use serde_json::Value;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        let mut case = |name: &str, test: fn(&Site<'_>, &Serve)| {
            add(
                format!("cli_target::{name}::{}", short(flavour)),
                Box::new(move |servers| {
                    let (site, serve) = ready(Site::new(servers, flavour, flavour));
                    test(&site, &serve);
                }),
            );
        };
        case("what_stays", what_stays);
        case("named_tables", named_tables);
        case("without_rights_to_schemas", without_rights_to_schemas);
        case("tables_in_use", tables_in_use);
        case("dry_run", dry_run);
        case("history", history);
        case("json", json);
        case("two_at_once", two_at_once);
        case("cleanup", cleanup);
        add(
            format!("cli_target::columns_differ::{}", short(flavour)),
            Box::new(move |servers| columns_differ(servers, flavour)),
        );
        add(
            format!("cli_target::triggers::{}", short(flavour)),
            Box::new(move |servers| triggers(servers, flavour)),
        );
        add(
            format!("cli_target::odd_tables::{}", short(flavour)),
            Box::new(move |servers| odd_tables(servers, flavour)),
        );
        add(
            format!("cli_target::nothing_there::{}", short(flavour)),
            Box::new(move |servers| nothing_there(servers, flavour)),
        );
    }
}

fn one(conn: &mut mysql::Conn, query: &str) -> i64 {
    conn.query_first(query).unwrap().unwrap()
}

/// Tables of the target's own, kept tables, excluded tables: rows and structure as before. Counters go on.
fn what_stays(site: &Site<'_>, serve: &Serve) {
    for conn in [&mut site.source_conn(), &mut site.target_conn()] {
        for table in ["migrations", "sessions", "jobs"] {
            exec(
                conn,
                &format!(
                    "CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY, what VARCHAR(20) NULL) ENGINE=InnoDB"
                ),
            );
        }
    }
    for table in ["migrations", "sessions", "jobs"] {
        exec(&mut site.source_conn(), &format!("INSERT INTO {table} VALUES (1, 'theirs'), (2, 'theirs')"));
        exec(&mut site.target_conn(), &format!("INSERT INTO {table} VALUES (1, 'mine')"));
    }
    exec(&mut site.source_conn(), "ALTER TABLE parents AUTO_INCREMENT = 5000");
    exec(&mut site.target_conn(), "ALTER TABLE children AUTO_INCREMENT = 70000");
    site.configure_client("", "exclude_tables = [\"sess*\", \"nothing\"]\n");
    site.configure_server("", "exclude_tables = [\"jobs\"]\n[privacy]\npolicy = \"open\"\n");
    let excluding = site.serve();
    let (before, whole) = picture(site);
    let out = pull(site, &excluding.url, &["--yes"]).good("the pull");
    assert!(out.stdout.contains("migrations") && out.stdout.contains("keep_tables"), "{}", out.all());
    expect_equal(site, "the pull");
    expect_tidy(site, &whole, "the pull");
    let (after, _) = picture(site);
    for table in ["migrations", "sessions", "jobs", "audit", "bookmarks", "scratchpad"] {
        assert_eq!(before[table], after[table], "{table}");
    }
    let mut conn = site.target_conn();
    exec(&mut conn, "INSERT INTO parents (name, email) VALUES ('next', 'next@x')");
    let id = one(&mut conn, "SELECT LAST_INSERT_ID()");
    assert!(id > 40, "AUTO_INCREMENT goes on after the greatest: {id}");
    exec(&mut conn, "INSERT INTO children (parent_id) VALUES (1)");
    let id = one(&mut conn, "SELECT LAST_INSERT_ID()");
    assert!(id > 80, "AUTO_INCREMENT goes on after the greatest: {id}");
    assert_eq!(one(&mut conn, "SELECT COUNT(*) FROM family"), 80 + 1, "the view");
    // bookmarks were not pulled: parent 1 and tag `b` are there in the new data too.
    assert!(
        conn.query_drop("INSERT INTO bookmarks VALUES (9, 4711, NULL)").is_err(),
        "the outside key holds"
    );
    drop(serve.log());
}

/// `--tables`: exactly these, and keys to and from the others are right.
fn named_tables(site: &Site<'_>, serve: &Serve) {
    let (before, whole) = picture(site);
    let out = pull(site, &serve.url, &["--yes", "--tables", "paren*"]).good("parents only");
    let (after, _) = picture(site);
    for table in ["children", "tags", "audit", "bookmarks", "scratchpad"] {
        assert_eq!(before[table], after[table], "{table}");
    }
    let rows = |conn: &mut mysql::Conn| oracle::rows(conn, "parents", &[]);
    assert_eq!(rows(&mut site.source_conn()), rows(&mut site.target_conn()));
    expect_tidy(site, &whole, "parents only");
    assert!(out.stdout.contains("1 table"), "{}", out.stdout);
    let mut conn = site.target_conn();
    assert!(
        conn.query_drop("INSERT INTO children VALUES (NULL, 123456, 1, 'x')").is_err(),
        "the child's key leads to the new table"
    );
    exec(&mut conn, "DELETE FROM parents WHERE id = 3");
    assert_eq!(one(&mut conn, "SELECT COUNT(*) FROM children WHERE parent_id = 3"), 0, "ON DELETE CASCADE");

    // The other way round: the child alone, whose parents are fewer on the target.
    refill(&mut conn, 5, "few");
    let out = pull(site, &serve.url, &["--yes", "--tables", "children", "--tables", "tags"]).good("children");
    assert!(out.stdout.contains("children_parent"), "the key that leaves the set is named:\n{}", out.all());
    assert_eq!(one(&mut conn, "SELECT COUNT(*) FROM children"), 80);
    assert_eq!(one(&mut conn, "SELECT COUNT(*) FROM parents"), 5);
    expect_tidy(site, &whole, "children");

    // Rows of an outside table that refer to nothing any more are counted.
    exec(&mut conn, "INSERT INTO tags VALUES ('only here', 1)");
    exec(&mut conn, "UPDATE bookmarks SET tag = 'only here' WHERE id = 1");
    let out = pull(site, &serve.url, &["--yes", "--tables", "tags"]).good("tags");
    assert!(out.stdout.contains("bookmarks_tag") && out.stdout.contains("1 row"), "{}", out.stdout);
    expect_tidy(site, &whole, "tags");
}

/// An account with all rights on its own database and none to make schemas: tables with a prefix, the same result.
fn without_rights_to_schemas(site: &Site<'_>, serve: &Serve) {
    let definers = match site.target.flavour() {
        Flavour::Mariadb => "SET USER ON *.*".to_owned(),
        Flavour::Mysql => "SUPER, SYSTEM_USER, SET_ANY_DEFINER ON *.*".to_owned(),
    };
    let url = account(site, "own", &[format!("ALL ON {}.*", site.target_db), definers]);
    exec(
        &mut site.target_conn(),
        "ALTER TABLE tags ADD CONSTRAINT positive CHECK (weight > 0), ADD CONSTRAINT tags_chk_1 CHECK (weight < 1000)",
    );
    let whole = structure(&mut site.target_conn());
    for round in ["first", "second"] {
        let mut command = site.pull_command(&serve.url, &["--yes"]);
        let out = run(command.env("DATABASE_URL", &url)).good(round);
        assert!(
            out.stdout.contains("1 foreign key added"),
            "{round}: keys are counted on this rung too:\n{}",
            out.stdout
        );
        expect_equal(site, round);
        expect_tidy(site, &whole, round);
        refill(&mut site.source_conn(), 44, round);
    }
    // Without the right to the triggers' owner: refused before anything, and told what is missing.
    let url = account(site, "less", &[format!("ALL ON {}.*", site.target_db)]);
    let before = picture(site);
    let mut command = site.pull_command(&serve.url, &["--yes"]);
    run(command.env("DATABASE_URL", &url)).refused("no right to the trigger", 7, &["trigger", "hint:"]);
    assert_eq!(before, picture(site));
    assert_eq!(leftovers(site), Vec::<String>::new());
}

/// An open transaction of the application's holds a table: told who, nothing changed, and the next pull swaps.
fn tables_in_use(site: &Site<'_>, serve: &Serve) {
    let (before, whole) = picture(site);
    let mut holder = site.target_conn();
    exec(&mut holder, "START TRANSACTION");
    let _: Option<i64> = holder.query_first("SELECT COUNT(*) FROM parents").unwrap();
    let id = holder.connection_id();
    let out = pull(site, &serve.url, &["--yes"]);
    out.refused("a table in use", 11, &[&format!("connection {id}"), "hint:"]);
    // Metadata locks and a snapshot are one thing; reading over another connection another.
    let now = picture(site);
    assert_eq!((&before, &whole), (&now.0, &now.1), "the target changed");
    exec(&mut holder, "ROLLBACK");
    pull(site, &serve.url, &["--yes"]).good("the next pull");
    expect_equal(site, "the next pull");
    expect_tidy(site, &whole, "the next pull");
}

/// Nothing changes anywhere: no run, no staging, no history; and the table is the documented one.
fn dry_run(site: &Site<'_>, serve: &Serve) {
    let doubled = (0..7).map(|n| 1000_u32 << n);
    for step in doubled {
        exec(
            &mut site.source_conn(),
            &format!("INSERT INTO children SELECT id + {step} * 10, parent_id, qty, label FROM children"),
        );
    }
    exec(&mut site.source_conn(), "ANALYZE TABLE children");
    exec(&mut site.source_conn(), "CREATE TABLE brand_new (id INT PRIMARY KEY, `Ä` INT) ENGINE=InnoDB");
    site.configure_server("", "[sanitize.parents]\nemail = \"email\"\n");
    let other = site.serve();
    let before = picture(site);
    let out = pull(site, &other.url, &["--dry-run"]).good("a dry run");
    assert_eq!(before, picture(site));
    assert_eq!(leftovers(site), Vec::<String>::new());
    let files: Vec<String> = std::fs::read_dir(site.path("client"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, ["backfill.toml"]);
    assert!(!other.log().contains("/runs") && !other.log().contains("dump"), "{}", other.log());

    let lines: Vec<Vec<&str>> = out.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["Table", "Rows", "Sanitized", "Limited", "Timestamps", "Note"], "{}", out.stdout);
    let line = |table: &str| {
        lines
            .iter()
            .find(|line| line.first() == Some(&table))
            .unwrap_or_else(|| panic!("{table}:\n{}", out.stdout))
            .clone()
    };
    let (children, parents, new) = (line("children"), line("parents"), line("brand_new"));
    assert!(children[1].starts_with('~') && children[1].contains(','), "{children:?}");
    assert_eq!(parents[2..5], ["email", "-", "yes"], "{parents:?}");
    assert!(new.contains(&"new"), "{new:?}");
    assert!(out.stdout.contains("Nothing was changed"), "{}", out.stdout);

    let json = pull(site, &other.url, &["--dry-run", "--json"]).good("a dry run as JSON");
    let object: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(object["tables"].as_array().unwrap().len(), 4, "{object}");
    pull(site, &serve.url, &["--dry-run", "--tables", "zzz"]).refused("unknown", 2, &["`zzz`"]);
}

fn history(site: &Site<'_>, serve: &Serve) {
    let status = |arguments: &[&str]| client(site, &[&["status"], arguments].concat()).good("status");
    assert!(status(&[]).stdout.contains("Nothing was pulled yet"));
    let empty: Value = serde_json::from_str(&status(&["--json"]).stdout).unwrap();
    assert_eq!((&empty["syncs"], &empty["last_successful"]), (&Value::Array(Vec::new()), &Value::Null));
    pull(site, &serve.url, &["--yes"]).good("a pull");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    pull(site, &format!("http://{nobody}"), &["--yes"]).refused("nobody there", 9, &[]);
    let mut holder = site.target_conn();
    exec(&mut holder, "CREATE TABLE parents_x (id INT)");
    for _ in 0..11 {
        pull(site, &serve.url, &["--yes", "--tables", "tags"]).good("a pull");
    }
    let out = status(&[]);
    let lines: Vec<Vec<&str>> = out.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "Mode", "Status", "Rows", "Tables", "Duration", "Started"], "{}", out.stdout);
    let shown: Vec<_> = lines.iter().filter(|line| line.get(1) == Some(&"FULL")).collect();
    assert_eq!(shown.len(), 10, "the last ten:\n{}", out.stdout);
    assert!(shown.iter().all(|line| line[2..5] == ["Complete", "3", "1"]), "{}", out.stdout);
    assert!(
        out.stdout.contains("Last successful sync") && out.stdout.contains(&site.source_db),
        "{}",
        out.stdout
    );
    let object: Value = serde_json::from_str(&status(&["--json"]).stdout).unwrap();
    assert_eq!(object["syncs"].as_array().unwrap().len(), 10);
    assert_eq!(object["last_successful"]["rows"], 3, "{object}");
}

/// `--json`: one object on stdout and nothing else, when it works and when it does not.
fn json(site: &Site<'_>, serve: &Serve) {
    let object = |out: &Out| -> Value {
        assert_eq!(out.stdout.trim_end().lines().count(), 1, "{}", out.stdout);
        serde_json::from_str(&out.stdout).unwrap()
    };
    let done = pull(site, &serve.url, &["--yes", "--json"]).good("a pull");
    let summary = object(&done);
    assert_eq!((&summary["tables"], &summary["rows"]), (&3.into(), &(40 + 80 + 3).into()), "{summary}");
    assert_eq!(summary["triggers"], 3, "{summary}");
    let dry = pull(site, &serve.url, &["--dry-run", "--json"]).good("a dry run");
    assert!(object(&dry)["tables"].is_array());
    let failed = pull(site, "http://127.0.0.1:1", &["--yes", "--json"]);
    let error = object(&failed);
    assert_eq!(failed.code, Some(9));
    assert_eq!(
        (&error["error"]["kind"], &error["error"]["exit_code"]),
        (&"remote".into(), &9.into()),
        "{error}"
    );
    assert!(error["error"]["message"].is_string() && error["error"]["hint"].is_string(), "{error}");
    let quiet = pull(site, &serve.url, &["--yes", "-q"]).good("a quiet pull");
    assert_eq!(quiet.stderr, "", "-q");
    for line in pull(site, &serve.url, &["--yes", "-v", "-v", "--log-format", "json"])
        .good("JSON logs")
        .stderr
        .lines()
    {
        if line.starts_with('{') {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
    object(&client(site, &["cleanup", "--force", "--json"]).good("cleanup"));
}

/// Two pulls into one database: the second is told, and the first is not disturbed.
fn two_at_once(site: &Site<'_>, serve: &Serve) {
    use crate::cli_proxy::{Answer, Gate, Proxy};
    let gate = Gate::default();
    let proxy = Proxy::start(&serve.url, {
        let gate = gate.clone();
        move |request, response| {
            if request.dump.is_some() {
                gate.hold();
            }
            Answer::Whole(response)
        }
    });
    let whole = structure(&mut site.target_conn());
    let mut first = site.pull_command(&proxy.url, &["--yes"]);
    let first =
        first.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    gate.wait();
    pull(site, &serve.url, &["--yes"]).refused("the same folder", 11, &["another pull", "hint:"]);
    // Another folder, the same database.
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(site.path("client/backfill.toml"), other.path().join("backfill.toml")).unwrap();
    let mut second = site.pull_command(&serve.url, &["--yes"]);
    run(second.current_dir(other.path())).refused("another folder", 11, &["another pull", &site.target_db]);
    let out = client(site, &["cleanup", "--force", "--max-age", "0"]);
    assert_eq!(out.code, Some(11), "cleanup while a pull is at work:\n{}", out.all());
    let status = client(site, &["status"]).good("status");
    assert!(status.stdout.contains("Running"), "{}", status.stdout);
    gate.open();
    Out::of(&first.wait_with_output().unwrap()).good("the first");
    expect_equal(site, "the first");
    expect_tidy(site, &whole, "the first");
}

/// `cleanup` drops what a dead pull left, asks first, leaves the young and everything that only looks like ours.
fn cleanup(site: &Site<'_>, serve: &Serve) {
    let whole = structure(&mut site.target_conn());
    let alike = format!("xbackfill_load_1_{}", site.target_db);
    exec(&mut site.target_conn(), &format!("CREATE DATABASE {alike}"));
    let mut command = site.pull_command(&serve.url, &["--yes"]);
    let killed = command.env(backfill::fault::KILL_AT, "load.done").output().unwrap();
    assert_eq!(killed.status.code(), None);
    assert_eq!(leftovers(site).len(), 1);
    let young = client(site, &["cleanup", "--force"]).good("younger than an hour");
    assert!(young.stdout.contains("Nothing is left behind"), "{}", young.stdout);
    assert_eq!(leftovers(site).len(), 1);
    wait_for("the dead pull's connections to end", || {
        let out = client(site, &["cleanup", "--max-age", "0"]);
        // Without a terminal it cannot ask.
        out.code == Some(2) && out.all().contains("--force")
    });
    assert_eq!(leftovers(site).len(), 1);
    let out = client(site, &["cleanup", "--force", "--max-age", "0"]).good("cleanup");
    assert!(out.stdout.contains("_backfill_load_") && out.stdout.contains("Dropped"), "{}", out.stdout);
    expect_tidy(site, &whole, "cleanup");
    let there: Vec<String> = site
        .target_conn()
        .query(format!("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{alike}'"))
        .unwrap();
    assert_eq!(there.len(), 1, "what only looks like ours stays");
    exec(&mut site.target_conn(), &format!("DROP DATABASE {alike}"));
}

/// Other column sets: extra ones get their defaults, missing ones are named, an impossible one is refused first.
fn columns_differ(servers: &Servers, flavour: Flavour) {
    let site = Site::new(servers, flavour, flavour);
    small(&mut site.source_conn(), 20, "src");
    small(&mut site.target_conn(), 5, "dst");
    let serve = site.serve();
    for statement in [
        "ALTER TABLE parents ADD COLUMN local_flag INT NOT NULL DEFAULT 7 FIRST",
        "ALTER TABLE parents ADD COLUMN loud VARCHAR(60) AS (UPPER(name)) STORED",
        "ALTER TABLE parents DROP COLUMN note",
        "ALTER TABLE parents MODIFY COLUMN email VARCHAR(150) NOT NULL AFTER updated_at",
        "ALTER TABLE children ADD COLUMN opinion TEXT NULL",
    ] {
        exec(&mut site.target_conn(), statement);
    }
    let whole = structure(&mut site.target_conn());
    let out = pull(&site, &serve.url, &["--yes"]).good("other columns");
    assert!(
        out.stdout.contains("`parents`") && out.stdout.contains("note"),
        "what is lost is named:\n{}",
        out.all()
    );
    expect_tidy(&site, &whole, "other columns");
    let mut conn = site.target_conn();
    assert_eq!(
        one(&mut conn, "SELECT COUNT(*) FROM parents WHERE local_flag = 7 AND loud = UPPER(name)"),
        20
    );
    assert_eq!(one(&mut conn, "SELECT COUNT(*) FROM children WHERE opinion IS NULL"), 40);
    let common = &["parents.note", "parents.local_flag", "parents.loud"];
    assert_eq!(
        oracle::rows(&mut site.source_conn(), "parents", common),
        oracle::rows(&mut conn, "parents", common)
    );

    exec(&mut conn, "ALTER TABLE parents ADD COLUMN needed INT NOT NULL");
    exec(&mut conn, "ALTER TABLE tags ADD COLUMN also_needed VARCHAR(5) NOT NULL");
    let before = picture(&site);
    let out = pull(&site, &serve.url, &["--yes"]);
    out.refused("a column that needs a value", 8, &["needed", "also_needed", "hint:"]);
    assert_eq!(before, picture(&site));
    assert!(
        !serve.log().contains("\"POST\" path=\"/api/backfill/runs\"")
            || serve.log().matches("method=\"POST\"").count() == 1,
        "refused before a run"
    );

    // A column that is too narrow: nothing is cut, and no value is shown.
    exec(&mut conn, "ALTER TABLE parents DROP COLUMN needed");
    exec(&mut conn, "ALTER TABLE tags DROP COLUMN also_needed, MODIFY COLUMN weight TINYINT NULL");
    exec(&mut site.source_conn(), "INSERT INTO tags VALUES ('Canary-Tag-Value', 4711)");
    let before = picture(&site);
    let out = pull(&site, &serve.url, &["--yes"]);
    assert!(matches!(out.code, Some(6 | 8 | 10)), "{:?}\n{}", out.code, out.all());
    assert!(
        out.stderr.contains("`tags`") && !out.all().contains("4711") && !out.all().contains("Canary-Tag"),
        "{}",
        out.all()
    );
    assert_eq!(before, picture(&site));
    assert_eq!(leftovers(&site), Vec::<String>::new());
}

/// Triggers come back with definer, mode, order and text, and fire afterwards, on tables of odd names too.
fn triggers(servers: &Servers, flavour: Flavour) {
    let (site, serve) = ready(Site::new(servers, flavour, flavour));
    let mut conn = site.target_conn();
    let definer = format!("'owner_{}'@'localhost'", site.target_db);
    exec(&mut conn, &format!("CREATE USER {definer}"));
    exec(&mut conn, &format!("GRANT ALL ON {}.* TO {definer}", site.target_db));
    exec(&mut conn, "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'");
    exec(
        &mut conn,
        &format!(
            "CREATE DEFINER={definer} TRIGGER \"odd 'name' \u{e4}\" BEFORE INSERT ON \"tags\" FOR EACH ROW \
             SET NEW.weight = IF(NEW.name LIKE 'loud%', LENGTH('\\' || \"NEW\".\"name\"), NEW.weight)"
        ),
    );
    exec(&mut conn, "SET SESSION sql_mode = 'STRICT_ALL_TABLES'");
    exec(
        &mut conn,
        "CREATE TRIGGER long_one AFTER UPDATE ON tags FOR EACH ROW BEGIN\n  -- a comment; with a semicolon\n  DECLARE n INT DEFAULT 0;\n  \
         WHILE n < 2 DO\n    INSERT INTO audit (what) VALUES (CONCAT('updated ', NEW.name, ' é'));\n    SET n = n + 1;\n  END WHILE;\nEND",
    );
    let whole = structure(&mut conn);
    pull(&site, &serve.url, &["--yes"]).good("the pull");
    expect_tidy(&site, &whole, "the pull");
    expect_equal(&site, "no trigger fired while loading");
    exec(&mut conn, "INSERT INTO tags VALUES ('loud1', 1)");
    assert_eq!(one(&mut conn, "SELECT weight FROM tags WHERE name = 'loud1'"), 6);
    exec(&mut conn, "UPDATE tags SET weight = 2 WHERE name = 'loud1'");
    assert_eq!(one(&mut conn, "SELECT COUNT(*) FROM audit WHERE what = 'updated loud1 é'"), 2);
    exec(&mut conn, &format!("DROP USER {definer}"));
}

/// MyISAM, a self-reference, a cycle, odd names, no primary key: all as they were and with the new rows.
fn odd_tables(servers: &Servers, flavour: Flavour) {
    let site = Site::new(servers, flavour, flavour);
    for (conn, mark) in [(&mut site.source_conn(), "src"), (&mut site.target_conn(), "dst")] {
        small(conn, 10, mark);
        for statement in [
            "CREATE TABLE my_isam (id INT NOT NULL PRIMARY KEY, body TEXT NULL, KEY b (body(10)), FULLTEXT KEY words (body)) ENGINE=MyISAM",
            "CREATE TABLE tree (id INT NOT NULL PRIMARY KEY, up INT NULL, CONSTRAINT tree_up FOREIGN KEY (up) REFERENCES tree (id)) ENGINE=InnoDB",
            "CREATE TABLE a (id INT NOT NULL PRIMARY KEY, b_id INT NULL) ENGINE=InnoDB",
            "CREATE TABLE b (id INT NOT NULL PRIMARY KEY, a_id INT NULL, CONSTRAINT to_a FOREIGN KEY (a_id) REFERENCES a (id)) ENGINE=InnoDB",
            "ALTER TABLE a ADD CONSTRAINT to_b FOREIGN KEY (b_id) REFERENCES b (id)",
            "CREATE TABLE `my ``odd`` table` (`the key` INT NOT NULL, `select` VARCHAR(9) NULL, UNIQUE KEY `the ``key` (`the key`)) ENGINE=InnoDB",
            "CREATE TABLE heap (n INT NULL, word VARCHAR(20) NULL, FULLTEXT KEY w (word)) ENGINE=InnoDB",
            "CREATE TABLE `größe` (id INT NOT NULL PRIMARY KEY, `maß` INT NULL) ENGINE=InnoDB",
        ] {
            exec(conn, statement);
        }
        exec(conn, &format!("INSERT INTO my_isam VALUES (1, '{mark} one'), (2, NULL)"));
        exec(conn, "INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 3)");
        exec(conn, "SET FOREIGN_KEY_CHECKS = 0");
        exec(conn, &format!("INSERT INTO a VALUES (1, 2), ({}, 1)", mark.len() + 5));
        exec(conn, "INSERT INTO b VALUES (2, 1), (1, NULL)");
        exec(conn, "SET FOREIGN_KEY_CHECKS = 1");
        exec(conn, &format!("INSERT INTO `my ``odd`` table` VALUES (0, '{mark}'), (-3, NULL)"));
        exec(conn, &format!("INSERT INTO heap VALUES (1, '{mark}'), (1, '{mark}'), (NULL, NULL)"));
        exec(conn, "INSERT INTO `größe` VALUES (0, 1)");
    }
    let serve = site.serve();
    let whole = structure(&mut site.target_conn());
    pull(&site, &serve.url, &["--yes", "--parallel", "1"]).good("one connection");
    expect_tidy(&site, &whole, "one connection");
    assert_eq!(
        oracle::contents(&mut site.source_conn(), &[]),
        oracle::contents(&mut site.target_conn(), &[])
    );
    pull(&site, &serve.url, &["--yes", "--parallel", "9"]).good("nine connections");
    expect_tidy(&site, &whole, "nine connections");
    assert_eq!(
        oracle::contents(&mut site.source_conn(), &[]),
        oracle::contents(&mut site.target_conn(), &[])
    );
}

/// No tables, no database: both are made; an excluded table comes without rows.
fn nothing_there(servers: &Servers, flavour: Flavour) {
    let site = Site::new(servers, flavour, flavour);
    small(&mut site.source_conn(), 30, "src");
    decorate(&mut site.source_conn());
    site.configure_server("", "exclude_tables = [\"audit\"]\n[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    pull(&site, &serve.url, &["--yes"]).good("into an empty database");
    expect_equal(&site, "into an empty database");
    let mut conn = site.target_conn();
    assert_eq!(one(&mut conn, "SELECT COUNT(*) FROM audit"), 0, "excluded: made without rows");
    assert_eq!(one(&mut conn, "SELECT COUNT(*) FROM bookmarks"), 2);
    exec(&mut conn, &format!("DROP DATABASE {}", site.target_db));
    site.configure_client("create_missing_tables = true", "");
    let out = pull(&site, &serve.url, &["--yes", "--json"]).good("without a database");
    assert!(serde_json::from_str::<Value>(&out.stdout).is_ok());
    expect_equal(&site, "without a database");
    assert_eq!(pulled_rows(&mut site.target_conn())["children"].len(), 60);

    site.configure_client("create_missing_tables = false", "");
    let mut conn = site.target_conn();
    exec(&mut conn, "SET FOREIGN_KEY_CHECKS = 0");
    exec(&mut conn, "DROP TABLE tags, audit");
    let refused = pull(&site, &serve.url, &["--yes", "--tables", "tags"]);
    refused.refused("nothing may be made", 2, &["`tags`", "create_missing_tables"]);
    pull(&site, &serve.url, &["--yes"]).good("without the missing ones");
    let left: Vec<String> = site.target_conn().query("SHOW TABLES LIKE 'audit'").unwrap();
    assert_eq!(left, Vec::<String>::new(), "create_missing_tables = false");
}
