//! Deltas: exactly the rows that were made or changed since a moment, as `REPLACE`, whatever the columns' types, the
//! server's time zone and the way by which rows travel.

use crate::harness::{Add, FLAVOURS, Serve, Servers, Site, exec, short};
use crate::oracle;
use crate::srv_http::{Dump, Http, decode, encoded, load};
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::wire::api::Code;
use backfill::wire::frame::Scope;
use backfill::wire::manifest::Manifest;
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::{Value, json};

/// What deltas of these tests begin at.
pub const AFTER: &str = "2026-03-10 10:00:00.250000";

/// Name, definition of key and times, digits of the fractions of both.
const TABLES: &[(&str, &str, [usize; 2])] = &[
    ("stamps", "n INT PRIMARY KEY, created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL", [0, 0]),
    ("fine_stamps", "n INT PRIMARY KEY, created_at TIMESTAMP(6) NULL, updated_at TIMESTAMP(1) NULL", [6, 1]),
    ("dates", "n INT PRIMARY KEY, created_at DATETIME NULL, updated_at DATETIME NULL", [0, 0]),
    ("set_dates", "n INT PRIMARY KEY, created_at DATETIME(3) NOT NULL, updated_at DATETIME NOT NULL", [3, 0]),
    (
        "mixed",
        "n INT PRIMARY KEY, `Created_AT` DATETIME(2) NULL, `UPDATED_at` TIMESTAMP(6) NOT NULL DEFAULT '2000-01-01'",
        [2, 6],
    ),
    (
        "listed",
        "n INT PRIMARY KEY, created_at DATETIME(6), updated_at DATETIME(6), KEY (created_at), KEY (updated_at)",
        [6, 6],
    ),
    (
        "pairs",
        "n INT NOT NULL, s VARCHAR(20) NOT NULL DEFAULT 'x', created_at DATETIME, updated_at DATETIME, PRIMARY KEY (s, n)",
        [0, 0],
    ),
    // No key to walk by.
    (
        "unwalked",
        "n INT NOT NULL, e ENUM('b', 'a') NOT NULL DEFAULT 'a', created_at DATETIME, updated_at DATETIME, PRIMARY KEY (e, n)",
        [0, 0],
    ),
    ("without_snapshot", "n INT PRIMARY KEY, created_at DATETIME, updated_at DATETIME", [0, 0]),
    // Ruled.
    ("people", "n INT PRIMARY KEY, created_at TIMESTAMP NULL, updated_at DATETIME(6) NULL", [0, 6]),
    (
        "unwalked_people",
        "n INT NOT NULL, e ENUM('b', 'a') NOT NULL DEFAULT 'a', created_at DATETIME, updated_at DATETIME, PRIMARY KEY (e, n)",
        [0, 0],
    ),
];

const RULES: &str = "exclude_tables = [\"expected_*\"]\n[privacy]\npolicy = \"open\"\n[sanitize.people]\nsecret = \"name\"\n\
                     [sanitize.unwalked_people]\nsecret = \"text\"\n";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("srv_delta::rows_are_those_that_changed::{}", short(flavour)),
            Box::new(move |servers| rows_are_those_that_changed(servers, flavour)),
        );
        add(
            format!("srv_delta::news_are_counted::{}", short(flavour)),
            Box::new(move |servers| news_are_counted(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("srv_delta::what_cannot_be_asked_is_refused::{}", short(flavour)),
            Box::new(move |servers| what_cannot_be_asked(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// A run of tables, each with what it is after.
pub fn begin(http: &Http, tables: &[(&str, Option<&str>)]) -> String {
    let tables: Vec<Value> = tables
        .iter()
        .map(|(name, after)| match after {
            Some(after) => json!({"name": name, "after": after}),
            None => json!({"name": name}),
        })
        .collect();
    let answer = http.post("runs", &json!({"tables": tables}));
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["tables"][0]["after"], tables[0]["after"]);
    answer.json()["run"].as_str().unwrap().to_owned()
}

/// Checks that all statements of a dump are of that verb.
fn is_all(dump: &Dump, verb: &str) {
    for (_, sql) in &dump.batches {
        let head: String = sql.chars().take(40).collect();
        assert!(sql.is_empty() || sql.starts_with(verb) || sql.starts_with("SET "), "{head}");
    }
}

/// A server whose sessions are far from UTC unless they say otherwise.
fn source(flavour: Flavour) -> Server {
    let arguments = vec!["--default-time-zone=+05:30".to_owned(), "--server-id=31".to_owned()];
    Server::start(flavour, &Options { arguments, ..Options::default() }).unwrap()
}

fn prepare(conn: &mut Conn) {
    for (table, definition, digits) in TABLES {
        let engine = if *table == "without_snapshot" { "MyISAM" } else { "InnoDB" };
        let columns = format!("{definition}, secret VARCHAR(90) NOT NULL DEFAULT 'raw'");
        exec(conn, &format!("CREATE TABLE {table} ({columns}) ENGINE={engine}"));
        let not_null = |at: usize| {
            let column = definition
                .split(',')
                .find(|text| text.to_lowercase().contains(["created_at", "updated_at"][at]));
            column.unwrap().contains("NOT NULL")
        };
        let values = |at: usize| {
            let all = [
                None,
                Some("0000-00-00 00:00:00"),
                Some("2001-01-01 00:00:00"),
                Some("2026-03-10 09:59:59.999999"),
                Some("2026-03-10 10:00:00"),
                Some("2026-03-10 10:00:00.249999"),
                Some(AFTER),
                Some("2026-03-10 15:29:59"),
                Some("2037-12-31 00:00:00"),
            ];
            all.into_iter().filter(move |value| value.is_some() || !not_null(at))
        };
        let literal = |value: Option<&str>, digits: usize| match value {
            // Cut here, since one server rounds and the other cuts.
            Some(value) => format!(
                "'{}'",
                value.chars().take(if digits == 0 { 19 } else { 20 + digits }).collect::<String>()
            ),
            None => "NULL".to_owned(),
        };
        let mut rows = Vec::new();
        for created in values(0) {
            for updated in values(1) {
                let n = rows.len() + 1;
                rows.push(format!("({n}, {}, {})", literal(created, digits[0]), literal(updated, digits[1])));
            }
        }
        exec(conn, &format!("INSERT INTO {table} (n, created_at, updated_at) VALUES {}", rows.join(", ")));
        exec(conn, &format!("CREATE TABLE expected_{table} LIKE {table}"));
        let told = |column: &str, digits: usize| {
            let after: String = AFTER.chars().take(if digits == 0 { 19 } else { 20 + digits }).collect();
            format!("CAST({column} AS CHAR) >= '{after}'")
        };
        let zero = |column: &str| format!("CAST({column} AS CHAR) LIKE '0000%'");
        exec(
            conn,
            &format!(
                "INSERT INTO expected_{table} SELECT * FROM {table} WHERE CASE \
                 WHEN created_at <=> NULL OR updated_at <=> NULL THEN 1 \
                 WHEN {} OR {} THEN 1 ELSE {} AND {} END",
                told("created_at", digits[0]),
                told("updated_at", digits[1]),
                zero("created_at"),
                zero("updated_at"),
            ),
        );
        let counts: (u64, u64) = conn
            .query_first(format!(
                "SELECT (SELECT COUNT(*) FROM {table}), (SELECT COUNT(*) FROM expected_{table})"
            ))
            .unwrap()
            .unwrap();
        assert!(counts.0 > counts.1 && counts.1 > 20, "{table}: {counts:?}");
    }
}

fn rows_are_those_that_changed(servers: &Servers, flavour: Flavour) {
    let source = source(flavour);
    let site = Site::between(&source, servers.target(flavour));
    let mut conn = site.source_conn();
    prepare(&mut conn);
    let before = oracle::contents(&mut conn, &[]);
    for server in ["", "mask_at = \"copy\"", "temp_strategy = \"tables\"", "temp_strategy = \"select\""] {
        site.configure_server(server, RULES);
        let serve = site.serve();
        let http = Http::new(&serve);
        let manifest = http.manifest();
        for (table, ..) in TABLES {
            let entry = manifest.tables.iter().find(|entry| entry.table.name == *table).unwrap();
            assert!(entry.can_delta, "{table}");
        }
        let wanted: Vec<_> = TABLES.iter().map(|(table, ..)| (*table, Some(AFTER))).collect();
        let run = begin(&http, &wanted);
        http.complete(&run);
        let mut target = site.target_conn();
        for (table, ..) in TABLES {
            let dump = http.table(&run, table);
            is_all(&dump, "REPLACE INTO ");
            exec(&mut target, &format!("DROP TABLE IF EXISTS {table}"));
            let shown: (String, String) =
                conn.query_first(format!("SHOW CREATE TABLE {table}")).unwrap().unwrap();
            exec(&mut target, &shown.1);
            load(&mut target, &dump);
            let ruled = table.ends_with("people");
            let raw = format!("{table}.secret");
            let except: &[&str] = if ruled { &[&raw, &format!("expected_{raw}")] } else { &[] };
            let expected = oracle::rows(&mut conn, &format!("expected_{table}"), except);
            assert_eq!(oracle::rows(&mut target, table, except), expected, "{server} {table}");
            // As often as it comes.
            load(&mut target, &dump);
            assert_eq!(oracle::rows(&mut target, table, except), expected, "{server} {table}");
            if ruled {
                let leaked = target.query_first(format!("SELECT COUNT(*) FROM {table} WHERE secret = 'raw'"));
                assert_eq!(leaked.unwrap(), Some(0), "{server} {table}");
            }
        }
        http.delete(&format!("runs/{run}"));
        // Without a run, and whole.
        let alone = http.get(&format!("dump/dates?after={}", encoded(AFTER)));
        let alone = decode("dates", Scope::Table, &alone.body).unwrap();
        is_all(&alone, "REPLACE INTO ");
        let rows: u64 = conn.query_first("SELECT COUNT(*) FROM expected_dates").unwrap().unwrap();
        assert_eq!(alone.rows, rows);
        let whole = decode("dates", Scope::Table, &http.get("dump/dates").body).unwrap();
        is_all(&whole, "INSERT INTO ");
        assert!(whole.rows > rows);
    }
    assert_eq!(oracle::contents(&mut conn, &[]), before, "the source was written to");
}

fn what_cannot_be_asked(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let times = "created_at DATETIME NULL, updated_at DATETIME NULL";
    for table in [
        format!("good (id INT PRIMARY KEY, {times})"),
        format!("keyless (id INT, {times})"),
        "dated (id INT PRIMARY KEY, created_at DATE NULL, updated_at DATETIME NULL)".to_owned(),
        "half (id INT PRIMARY KEY, created_at DATETIME NULL)".to_owned(),
        format!("limited (id INT PRIMARY KEY, {times})"),
        format!("ruled (id INT PRIMARY KEY, {times})"),
        format!("ruled_key (id VARCHAR(99) PRIMARY KEY, {times})"),
        "computed (id INT PRIMARY KEY, created_at DATETIME NULL, updated_at DATETIME AS (created_at) STORED)"
            .to_owned(),
    ] {
        exec(&mut conn, &format!("CREATE TABLE {table} ENGINE=InnoDB"));
    }
    // MariaDB has no computed keys.
    let computed_key = match site.source.flavour() {
        Flavour::Mariadb => "VARCHAR(50) PRIMARY KEY, name VARCHAR(40)",
        Flavour::Mysql => "VARCHAR(50) AS (CONCAT(name, 'x')) STORED NOT NULL PRIMARY KEY, name VARCHAR(40)",
    };
    exec(&mut conn, &format!("CREATE TABLE computed_key (id {computed_key}, {times}) ENGINE=InnoDB"));
    let rule = if site.source.flavour() == Flavour::Mariadb { "id" } else { "name" };
    site.configure_server(
        "",
        &format!("[privacy]\npolicy = \"open\"\n[sanitize.ruled]\ncreated_at = \"null\"\n[sanitize.ruled_key]\nid = \"text\"\n\
         [sanitize.computed_key]\n{rule} = \"text\"\n[limits]\nlimited = {{ max_rows = 1 }}\n"),
    );
    let serve: Serve = site.serve();
    let http = Http::new(&serve);
    let manifest = http.manifest();
    let can: Vec<&str> = manifest
        .tables
        .iter()
        .filter(|entry| entry.can_delta)
        .map(|entry| entry.table.name.as_str())
        .collect();
    assert_eq!(can, ["good"]);
    let after = encoded(AFTER);
    for (table, why) in [
        ("keyless", "no primary key"),
        ("dated", "neither TIMESTAMP nor DATETIME"),
        ("half", "no column `updated_at`"),
        ("limited", "limits keep only some"),
        ("ruled", "`created_at` has a rule"),
        ("ruled_key", "`id` of its primary key"),
        ("computed", "`updated_at` is generated"),
        ("computed_key", "`id` of its primary key"),
    ] {
        for answer in [
            http.get(&format!("dump/{table}?after={after}")),
            http.post("runs", &json!({"tables": [{"name": "good"}, {"name": table, "after": AFTER}]})),
        ] {
            assert_eq!(answer.code(), Code::BadRequest, "{table}");
            assert!(answer.text().contains(why) && answer.text().contains(table), "{}", answer.text());
        }
        assert_eq!(http.get(&format!("dump/{table}")).status, 200, "{table}");
    }
    for spelled in
        ["", "now", "2026-03-10", "2026-03-10T10:00:00", "2026-02-30 10:00:00", "2026-03-10 10:00:00'"]
    {
        let answer = http.get(&format!("dump/good?after={}", encoded(spelled)));
        assert_eq!(answer.code(), Code::BadRequest, "{spelled}");
        let answer = http.post("runs", &json!({"tables": [{"name": "good", "after": spelled}]}));
        assert_eq!(answer.code(), Code::BadRequest, "{spelled}");
    }
    let keyless = json!({"tables": [{"name": "good", "after": AFTER, "columns": ["created_at"]}]});
    let answer = http.post("runs", &keyless);
    assert_eq!(answer.code(), Code::BadRequest);
    assert!(answer.text().contains("needs column `id`"), "{}", answer.text());
    let run = http.begin(&["good"]);
    assert_eq!(http.get(&format!("dump/good?run={run}&after={after}")).code(), Code::BadRequest);
}

fn news_are_counted(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let indexes = "KEY c (created_at), KEY u (updated_at, id)";
    for (table, kind, indexes) in [
        ("few", "DATETIME NULL", indexes),
        ("stamps", "TIMESTAMP(6) NULL", indexes),
        ("odd `name]", "DATETIME NULL", indexes),
        ("many", "DATETIME NULL", indexes),
        ("zeros", "DATETIME NOT NULL", indexes),
        ("half", "DATETIME NULL", "KEY c (created_at), KEY u (id, updated_at)"),
    ] {
        let table = table.replace('`', "``");
        exec(
            &mut conn,
            &format!(
                "CREATE TABLE `{table}` (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, created_at {kind}, \
                 updated_at {kind}, {indexes}) ENGINE=InnoDB"
            ),
        );
        let known = "('2026-03-10 09:59:59', '2026-03-10 10:00:00'), ('2026-03-10 10:00:01', '2026-03-10 10:00:00'), \
                     ('2026-03-10 09:00:00', '2026-03-10 12:00:00'), ('0000-00-00 00:00:00', '2026-03-10 09:00:00'), \
                     ('0000-00-00 00:00:00', '0000-00-00 00:00:00')";
        let unknown = ", (NULL, '2026-03-10 12:00:00'), (NULL, NULL), ('2026-03-10 09:00:00', NULL)";
        let unknown = if kind.ends_with("NOT NULL") { "" } else { unknown };
        exec(&mut conn, &format!("INSERT INTO `{table}` (created_at, updated_at) VALUES {known}{unknown}"));
    }
    for table in ["many", "zeros"] {
        exec(&mut conn, &format!("DELETE FROM {table} WHERE id > 4"));
        for _ in 0..12 {
            exec(
                &mut conn,
                &format!(
                    "INSERT INTO {table} (created_at, updated_at) SELECT created_at, updated_at FROM {table}"
                ),
            );
        }
    }
    let before = oracle::contents(&mut conn, &[]);
    let serve = site.serve();
    let http = Http::new(&serve);
    let counts = |query: &str| -> Vec<(String, Option<u64>)> {
        let answer = http.get(&format!("manifest{query}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let manifest: Manifest = serde_json::from_slice(&answer.body).unwrap();
        manifest.tables.into_iter().map(|entry| (entry.table.name, entry.delta_count)).collect()
    };
    let expected = |counts: &[(&str, Option<u64>)]| -> Vec<(String, Option<u64>)> {
        counts.iter().map(|(table, count)| ((*table).to_owned(), *count)).collect()
    };
    let none = ["few", "half", "many", "odd `name]", "stamps", "zeros"].map(|table| (table, None));
    assert_eq!(counts(""), expected(&none));
    // Rows 2 and 3 by time, 5 with zero dates, 6, 7 and 8 with NULL. Of so many zero dates nobody says.
    let all = [
        ("few", Some(6)),
        ("half", None),
        ("many", Some(8192)),
        ("odd `name]", Some(6)),
        ("stamps", Some(6)),
        ("zeros", Some(8192)),
    ];
    let after = encoded("2026-03-10 10:00:00.000001");
    assert_eq!(counts(&format!("?after={after}")), expected(&all));
    // More than are counted, and one table by one.
    let early = encoded("2026-03-01 00:00:00");
    let one_by_one =
        format!("?after[many]={early}&after[{}]={after}&after[gone]={after}", encoded("odd `name]"));
    let mut some = none;
    some[2].1 = Some(10_000);
    some[3].1 = Some(6);
    assert_eq!(counts(&one_by_one), expected(&some));
    exec(&mut conn, "INSERT INTO zeros (created_at, updated_at) SELECT '0000-00-00', updated_at FROM zeros");
    let zeros = counts(&format!("?after={after}")).pop().unwrap();
    assert_eq!(zeros.1, None, "too many zero dates to tell");
    for query in ["?after=now", "?after[few]=2026-03-10", "?after[few]="] {
        assert_eq!(http.get(&format!("manifest{query}")).code(), Code::BadRequest, "{query}");
    }
    assert_eq!(oracle::rows(&mut conn, "many", &[]), before["many"]);
}
