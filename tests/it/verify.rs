//! `pull --verify`: what is read back is what arrived, in all four directions and whatever the types; and a staged
//! row that somebody changes is found before it is swapped in.

use crate::cli_common::{self, Out, account, expect_equal, leftovers, picture, small};
use crate::fixture::{self, RULES};
use crate::harness::{Add, FLAVOURS, Servers, Site, exec, rustix_pid, short, wait_for};
use backfill::fault::HOLD_AT;
use backfill::schema::Flavour;
use mysql::prelude::Queryable;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use std::io::Read;
use std::process::{Child, Stdio};

/// Types and values that the fixture does not have and that servers write or pad each in its own way.
const KINDS: &[&str] = &[
    "CREATE TABLE kinds (id INT(6) UNSIGNED ZEROFILL NOT NULL PRIMARY KEY, n DECIMAL(12,4) NULL, f FLOAT NULL, \
     d DOUBLE NULL, rounded FLOAT(7,2) NULL, c CHAR(8) NULL, v VARCHAR(8) NULL, latin TEXT CHARACTER SET latin1 NULL, \
     sjis VARCHAR(20) CHARACTER SET sjis NULL, wide VARCHAR(20) CHARACTER SET utf16 NULL, b BIT(20) NULL, fix BINARY(4) NULL, \
     t TIME(3) NULL, ts TIMESTAMP(6) NULL, dt DATETIME(6) NULL, e ENUM('a','B') NULL, s SET('x','y') NULL, g GEOMETRY NULL) ENGINE=InnoDB",
    "INSERT INTO kinds VALUES (1, -0.5, -0e0, -0e0, 1.235, 'ab  ', 'ab  ', 'caf\u{e9}', '\u{8868}\u{ff3c}', 'a\u{1f980}', b'101', x'0100', \
     '-00:00:00.500', '2024-01-01 00:00:00.100000', '2024-01-01 00:00:00.000001', 'B', 'y,x', ST_GeomFromText('LINESTRING(0 0,1.5 2)')), \
     (2, 99999999.9999, 3.4028234e38, 5e-324, -99999.99, '', '', '', '', '', 0, '', '-00:00:00', NULL, '0000-00-00', 'a', '', NULL), \
     (3, NULL, 1.17549435e-38, 1e22, 0.1, ' ', '\t', 'x', 'x', 'x', b'11111111111111111111', x'00', '838:59:58.999', \
     '1970-01-01 00:00:01', '9999-12-31 23:59:59.999999', NULL, NULL, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),POLYGON((0 0,1 0,1 1,0 0)))')), \
     (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
];

/// Types of MariaDB alone, which are text on MySQL.
const ADDRESSES: &[&str] = &[
    "CREATE TABLE addresses (id INT NOT NULL PRIMARY KEY, u UUID NULL, v4 INET4 NULL, v6 INET6 NULL) ENGINE=InnoDB",
    "INSERT INTO addresses VALUES (1, '123E4567-e89b-12d3-a456-426655440000', '10.0.0.1', '2001:DB8::0001'), (2, NULL, NULL, NULL)",
];

/// The same table as a target may have it: wider, narrower, in another character set.
const OTHER_KINDS: &str = "CREATE TABLE kinds (id BIGINT NOT NULL PRIMARY KEY, n DECIMAL(20,8) NULL, f DOUBLE NULL, d DOUBLE NULL, \
     rounded FLOAT NULL, c VARCHAR(9) NULL, v CHAR(9) NULL, latin TEXT CHARACTER SET utf8mb4 NULL, \
     sjis VARCHAR(20) CHARACTER SET sjis NULL, wide VARCHAR(30) CHARACTER SET utf8mb4 NULL, b BIT(40) NULL, fix VARBINARY(9) NULL, \
     t TIME(6) NULL, ts DATETIME(6) NULL, dt DATETIME(6) NULL, e ENUM('B','a') NULL, s SET('x','y') NULL, g GEOMETRY NULL) ENGINE=InnoDB";

pub fn tests(add: &mut Add<'_>) {
    for source in FLAVOURS {
        for target in FLAVOURS {
            let direction = format!("{}_to_{}", short(source), short(target));
            add(
                format!("verify::what_arrives_is_what_is_there::{direction}"),
                Box::new(move |servers| whole(servers, source, target)),
            );
            add(
                format!("verify::other_types_are_compared_as_far_as_they_can::{direction}"),
                Box::new(move |servers| other_types(servers, source, target)),
            );
        }
    }
    add(
        "verify::a_kept_staging_was_verified_or_is_not_used".into(),
        Box::new(|servers| kept(&Site::new(servers, Flavour::Mysql, Flavour::Mariadb))),
    );
    for target in FLAVOURS {
        for prefixed in [false, true] {
            let rung = if prefixed { "prefixed" } else { "schemas" };
            add(
                format!("verify::a_changed_row_is_found::{rung}::{}", short(target)),
                Box::new(move |servers| changed(&Site::new(servers, target, target), prefixed)),
            );
        }
    }
}

/// Pulls with `--verify` and gives what the summary says about it.
fn verified(site: &Site<'_>, url: &str) -> Value {
    let out = cli_common::pull(site, url, &["--yes", "--verify", "--json"]).good("pull --verify");
    let summary: Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(summary["verified"]["rows"], summary["rows"], "{summary}");
    summary["verified"].clone()
}

fn whole(servers: &Servers, source: Flavour, target: Flavour) {
    let site = Site::new(servers, source, target);
    let mut conn = site.source_conn();
    fixture::load(&mut conn, 1200);
    KINDS.iter().for_each(|statement| exec(&mut conn, statement));
    if source == Flavour::Mariadb {
        ADDRESSES.iter().for_each(|statement| exec(&mut conn, statement));
    }
    let tables = if source == Flavour::Mariadb { 13 } else { 12 };
    site.configure_server("", RULES);
    let serve = site.serve();
    // JSON is MySQL's own there; everywhere else it is text.
    let partly = match target {
        Flavour::Mysql => json!([{"table": "users", "columns": 17, "left_out": ["settings"]}]),
        Flavour::Mariadb => json!([]),
    };
    for what in ["new tables", "tables that exist"] {
        let verified = verified(&site, &serve.url);
        assert_eq!(verified["tables"], tables, "{what}: {verified}");
        assert_eq!(verified["partly"], partly, "{what}");
    }
}

fn other_types(servers: &Servers, source: Flavour, target: Flavour) {
    let site = Site::new(servers, source, target);
    KINDS.iter().for_each(|statement| exec(&mut site.source_conn(), statement));
    exec(&mut site.target_conn(), OTHER_KINDS);
    let serve = site.serve();
    let left_out = ["v", "latin", "wide", "e"];
    let partly = json!([{"table": "kinds", "columns": 18, "left_out": left_out}]);
    assert_eq!(verified(&site, &serve.url)["partly"], partly);
}

/// Changes one cell of a staged row and keeps the number of rows: found with `--verify`, and only with it.
fn changed(site: &Site<'_>, prefixed: bool) {
    small(&mut site.source_conn(), 40, "src");
    small(&mut site.target_conn(), 15, "dst");
    let serve = site.serve();
    let url = if prefixed {
        account(site, "verify", &[format!("ALL ON {}.*", site.target_db)])
    } else {
        site.target.url(&site.target_db)
    };
    let pull = |arguments: &[&str]| {
        let mut command = site.pull_command(&serve.url, arguments);
        command.env("DATABASE_URL", &url).env(HOLD_AT, "keys.built");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let before = picture(site);
    let go_on = |child: Child| {
        kill_process(rustix_pid(child.id()), Signal::CONT).unwrap();
        Out::of(&child.wait_with_output().unwrap())
    };

    let mut child = pull(&["--yes", "--verify"]);
    held(&mut child);
    change(site, prefixed);
    let words = ["not what arrived in 1 of 3 tables: `parents` (40 rows arrived, 40 read back)"];
    let out = go_on(child).refused("a changed row", 10, &words);
    assert!(!out.all().contains("canary-changed"), "a value is shown:\n{}", out.all());
    assert!(picture(site) == before, "the target is not as it was");
    assert_eq!(leftovers(site), Vec::<String>::new());

    let mut child = pull(&["--yes"]);
    held(&mut child);
    change(site, prefixed);
    go_on(child).good("without --verify nobody looks");
    let query = "SELECT COUNT(*) FROM parents WHERE note = 'canary-changed'";
    assert_eq!(site.target_conn().query_first::<u64, _>(query).unwrap(), Some(1), "the change went in");

    let mut child = pull(&["--yes", "--verify"]);
    held(&mut child);
    let out = go_on(child).good("an unchanged staging");
    assert!(out.stdout.contains("rows of 3 tables read back as they arrived."), "{}", out.stdout);
    expect_equal(site, "after a verified pull");
}

/// A staging that could not be swapped is used with `--verify` only if it was read back already.
fn kept(site: &Site<'_>) {
    small(&mut site.source_conn(), 40, "src");
    small(&mut site.target_conn(), 15, "dst");
    let serve = site.serve();
    let mut reader = site.target_conn();
    let mut blocked = |arguments: &[&str]| {
        exec(&mut reader, "START TRANSACTION");
        exec(&mut reader, "SELECT * FROM parents");
        cli_common::pull(site, &serve.url, arguments).refused("somebody reads the table", 11, &[]);
        exec(&mut reader, "ROLLBACK");
    };
    let again = || {
        let out = cli_common::pull(site, &serve.url, &["--yes", "--verify", "--json"]).good("again");
        let summary: Value = serde_json::from_str(&out.stdout).unwrap();
        expect_equal(site, "a later pull");
        summary
    };
    blocked(&["--yes"]);
    let summary = again();
    assert_eq!(summary["verified"]["rows"], 123, "nobody had read that staging back: {summary}");
    blocked(&["--yes", "--verify"]);
    let summary = again();
    assert_eq!(summary["verified"], Value::Null, "{summary}");
    assert!(summary["notes"].to_string().contains("had loaded and verified"), "{summary}");
}

/// Waits until the process has stopped itself.
fn held(child: &mut Child) {
    let stat = format!("/proc/{}/stat", child.id());
    wait_for("the pull to stop", || {
        if child.try_wait().unwrap().is_some() {
            let mut text = String::new();
            child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
            panic!("the pull ended before the moment:\n{text}");
        }
        let text = std::fs::read_to_string(&stat).unwrap();
        text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    });
}

/// One cell of the staged `parents`.
fn change(site: &Site<'_>, prefixed: bool) {
    let mut conn = site.target_conn();
    let tables: Vec<String> = if prefixed {
        conn.query(
            "SELECT DISTINCT TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
             AND TABLE_NAME LIKE '\\_backfill\\_load\\_%' AND COLUMN_NAME = 'email'",
        )
        .unwrap()
    } else {
        leftovers(site).iter().map(|schema| format!("{schema}.parents")).collect()
    };
    assert_eq!(tables.len(), 1, "{tables:?}");
    exec(&mut conn, &format!("UPDATE {} SET note = 'canary-changed' WHERE id = 7", tables[0]));
}
