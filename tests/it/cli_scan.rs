//! `backfill scan` beside real sources: what it finds, that what it proposes is taken by `serve`, and that no value is
//! shown.

use crate::cli_common::{Out, run};
use crate::harness::{Add, FLAVOURS, Serve, Site, exec, short};
use crate::tables::rule;
use backfill::plan::sanitize::{Facts, Mask, plan};
use backfill::sandbox::shop::{self, Scale};
use backfill::schema::Check;
use backfill::source::sample::Sampled;
use backfill::source::survey::Survey;
use mysql::prelude::Queryable;

/// Shapes that the usual masks do not fit as they are.
const AWKWARD: &[&str] = &[
    "CREATE TABLE people (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(30) NOT NULL, \
     telefono BIGINT NOT NULL, handynummer VARCHAR(12) NULL, geburtsdatum DATE NOT NULL, iban VARCHAR(34) NOT NULL, \
     password VARCHAR(20) NOT NULL, api_token CHAR(20) CHARACTER SET ascii NOT NULL, access_key BINARY(16) NOT NULL, \
     session_secret JSON NOT NULL, ip VARBINARY(16) NOT NULL, sexo CHAR(1) NOT NULL DEFAULT 'x' CHECK (sexo IN ('x', 'y')), \
     plz CHAR(5) NOT NULL, gehalt DECIMAL(9,2) NOT NULL, UNIQUE KEY people_email (email), UNIQUE KEY people_phone (telefono), \
     UNIQUE KEY people_token (api_token), UNIQUE KEY people_key (access_key)) ENGINE=InnoDB",
    "CREATE TABLE logins (email VARCHAR(60) NOT NULL PRIMARY KEY, last_login_ip VARCHAR(45) NULL) ENGINE=InnoDB",
    "CREATE TABLE visits (id INT NOT NULL PRIMARY KEY, login_email VARCHAR(60) NOT NULL, \
     emailed_at DATETIME NULL, mail_count INT NOT NULL DEFAULT 0, address_id CHAR(36) NULL, \
     is_email_verified TINYINT(1) NOT NULL DEFAULT 0, email_template VARCHAR(40) NULL, \
     CONSTRAINT visits_login FOREIGN KEY (login_email) REFERENCES logins (email)) ENGINE=InnoDB",
    "INSERT INTO people VALUES (1, 'anna@canary.example', 491701234567, '0170canary', '1980-05-17', 'DE00CANARY1234', \
     'canary-pw', 'canary-token-1', 'canary-key-00001', '{\"s\": \"canary\"}', x'7f000001', 'y', '10115', 1234.56), \
     (2, 'bert@canary.example', 491707654321, NULL, '1990-01-01', 'DE00CANARY9999', 'canary-pw2', 'canary-token-2', \
     'canary-key-00002', '{}', x'7f000002', 'x', '20095', 9999.99)",
    "INSERT INTO logins VALUES ('anna@canary.example', '198.51.100.7')",
    "INSERT INTO visits (id, login_email) VALUES (1, 'anna@canary.example')",
];

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("cli_scan::proposals_for_the_shop_are_served_and_nothing_is_left::{}", short(flavour)),
            Box::new(move |servers| the_shop(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_scan::awkward_columns_get_rules_that_are_served::{}", short(flavour)),
            Box::new(move |servers| awkward(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_scan::values_are_a_reason_and_are_never_shown::{}", short(flavour)),
            Box::new(move |servers| values(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_scan::a_check_fails_until_every_column_is_decided_about::{}", short(flavour)),
            Box::new(move |servers| check(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_scan::a_table_that_cannot_be_read_in_time_is_left_alone::{}", short(flavour)),
            Box::new(move |servers| in_time(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_scan::what_is_wrong_is_told_as_by_serve::{}", short(flavour)),
            Box::new(move |servers| wrong(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn scan(site: &Site<'_>, arguments: &[&str]) -> Out {
    run(site.command("server").arg("scan").args(arguments))
}

fn report(out: &Out) -> serde_json::Value {
    serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {}", out.stdout))
}

/// `table.column` and the rule, of every column.
fn found(report: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("none").to_owned();
    let columns = report["columns"].as_array().unwrap().iter();
    columns
        .map(|one| (format!("{}.{}", text(&one["table"]), text(&one["column"])), text(&one["rule"])))
        .collect()
}

fn the_shop(site: &Site<'_>) {
    let database = format!("shop_{}", site.source_db);
    let scale =
        Scale { users: 60, products: 10, orders: 80, activity: 90, page_views: 20, ..Scale::default() };
    shop::load(&mut site.source.connect().unwrap(), &database, &scale).unwrap();
    let url = site.source.url(&database);
    site.configure_server_as(&url, "", "");

    let out = scan(site, &["--json"]);
    assert_eq!(out.code, Some(1), "{}", out.all());
    let columns = found(&report(&out));
    for expected in [
        ("users.email", "\"email\""),
        ("users.name", "\"full_name\""),
        ("users.phone", "\"phone\""),
        ("users.password", "\"hash\""),
        ("users.address", "\"address\""),
        ("users.birthday", "{ type = \"shift\", days = 180 }"),
        ("users.last_ip", "\"ip\""),
        ("sessions.ip_address", "\"ip\""),
    ] {
        assert!(
            columns.iter().any(|(column, rule)| (column.as_str(), rule.as_str()) == expected),
            "{columns:?}"
        );
    }
    assert!(
        columns.iter().all(|(column, _)| !column.contains("_id") && !column.ends_with("_at")),
        "{columns:?}"
    );

    let text = scan(site, &[]);
    assert_eq!(text.code, Some(1));
    assert!(text.stdout.contains("[sanitize.users]\nemail = \"email\"\n"), "{}", text.stdout);
    assert!(!text.all().contains('@'), "a value is shown: {}", text.all());

    site.configure_server_as(&url, "", report(&out)["toml"].as_str().unwrap());
    let serve = site.serve();
    let pulled = site.pull(&serve);
    assert!(!serve.log().contains("looks sensitive"), "{}", serve.log());
    assert!(!pulled.contains("looks sensitive"), "{pulled}");
    let clean = scan(site, &[]);
    assert_eq!(clean.code, Some(0), "{}", clean.all());
    assert!(clean.stdout.contains("every column that looks sensitive has a rule"), "{}", clean.stdout);
    exec(&mut site.source.connect().unwrap(), &format!("DROP DATABASE {database}"));
}

fn awkward(site: &Site<'_>) {
    let mut conn = site.source_conn();
    AWKWARD.iter().for_each(|statement| exec(&mut conn, statement));
    site.configure_server("", "");
    let out = scan(site, &["--json"]);
    assert_eq!(out.code, Some(1), "{}", out.all());
    assert!(!out.all().to_lowercase().contains("canary"), "a value is shown: {}", out.all());
    let columns = found(&report(&out));
    let names: Vec<&str> = columns.iter().map(|(column, _)| column.as_str()).collect();
    assert_eq!(
        names,
        [
            "logins.email",
            "logins.last_login_ip",
            "people.email",
            "people.telefono",
            "people.handynummer",
            "people.geburtsdatum",
            "people.iban",
            "people.password",
            "people.api_token",
            "people.access_key",
            "people.session_secret",
            "people.ip",
            "people.sexo",
            "people.plz",
            "people.gehalt",
            "visits.login_email",
        ]
    );
    // A key that rows find each other by cannot be masked, and no mask passes this CHECK.
    let none: Vec<&str> =
        columns.iter().filter(|(_, rule)| rule == "none").map(|(column, _)| column.as_str()).collect();
    assert_eq!(none, ["logins.email", "people.sexo", "visits.login_email"], "{}", out.stdout);

    site.configure_server("", report(&out)["toml"].as_str().unwrap());
    let serve = site.serve();
    site.pull(&serve);
    pulled_without_values(site, &serve);
    let left = scan(site, &["--json"]);
    assert_eq!(left.code, Some(1));
    assert_eq!(found(&report(&left)).len(), none.len());
}

/// Nothing of the people came along but what no rule can be applied to.
fn pulled_without_values(site: &Site<'_>, serve: &Serve) {
    let rows: Vec<mysql::Row> = site.target_conn().query("SELECT * FROM people").unwrap();
    assert_eq!(rows.len(), 2, "{}", serve.log());
    for row in rows {
        let cells = row.unwrap();
        let text: String = cells.iter().map(|cell| format!("{cell:?} ")).collect();
        assert!(!text.to_lowercase().contains("canary") && !text.contains("4917"), "{text}");
    }
}

/// Values with this in them are looked at; it must not come out anywhere.
const CANARY: &str = "canary20261123";

/// Columns whose names say nothing: of 900 rows the last 100 have something in them.
const NAMELESS: &[&str] = &[
    "CREATE TABLE numbers (n INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
    "INSERT INTO numbers VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
    "CREATE TABLE odds (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, a VARCHAR(90) CHARACTER SET latin1 NOT NULL, \
     b TEXT NOT NULL, c JSON NOT NULL, d BLOB NULL, e VARCHAR(90) NOT NULL, f VARCHAR(90) NOT NULL, g INT NOT NULL DEFAULT 1, \
     h VARCHAR(90) NOT NULL) ENGINE=InnoDB",
    "INSERT INTO odds (a, b, c, d, e, f, h) SELECT IF(last, CONCAT('{}.', at, '@firma.de'), 'none'), \
     IF(last, CONCAT('Rückruf bei {}', at, '@firma.de, eilig'), 'nichts'), IF(last, CONCAT('{\"who\": {\"x\": \"{}@haus.de\"}}'), '{}'), \
     IF(last, '{}@haus.de', NULL), '$2y$10$Kx8dPq3vWz1LmN0bTr5yEuJhG7sFaC2oXiV9kZlB4wQeR6tYpSdAm', \
     CONCAT('+49 170 55', LPAD(at, 5, '0')), CONCAT('note ', at) \
     FROM (SELECT x.n * 100 + y.n * 10 + z.n AS at, x.n = 8 AS last FROM numbers x, numbers y, numbers z WHERE x.n < 9) AS rows_of \
     ORDER BY at",
    "CREATE TABLE keyless (v VARCHAR(90) NULL) ENGINE=InnoDB",
    "INSERT INTO keyless VALUES (NULL), ('GB82 WEST 1234 5698 7654 32'), ('')",
    "ANALYZE TABLE odds",
];

fn values(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let braces = |statement: &str| statement.replace("'{}')", "'<empty>')").replace("{}", CANARY);
    for statement in NAMELESS {
        conn.query_iter(braces(statement).replace("<empty>", "{}"))
            .unwrap_or_else(|e| panic!("{e}: {statement}"));
    }
    site.configure_server("", "[privacy]\nkeep = [\"numbers.*\", \"*.f\"]\n");
    let out = scan(site, &["--json", "--sample", "30"]);
    assert_eq!(out.code, Some(1), "{}", out.all());
    let reasons: Vec<String> = report(&out)["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{}: {}", one["column"].as_str().unwrap(), one["because_of"][0].as_str().unwrap()))
        .collect();
    // A third of the rows that are looked at is from the end of the key.
    assert_eq!(
        reasons,
        [
            "v: 1 of 1 sampled values looks like an IBAN",
            "a: 10 of 30 sampled values look like e-mail addresses",
            "b: 10 of 30 sampled values contain e-mail addresses",
            "c: 10 of 30 sampled values contain e-mail addresses",
            "d: 10 of 10 sampled values look like e-mail addresses",
            "e: 30 of 30 sampled values look like password hashes",
        ],
        "{}",
        out.all()
    );
    // Who writes to the rows and has not committed is not waited for.
    exec(&mut conn, "START TRANSACTION");
    exec(&mut conn, "UPDATE odds SET g = g + 1");
    let text = scan(site, &[]);
    exec(&mut conn, "ROLLBACK");
    assert!(text.stdout.contains("sampled values contain e-mail addresses"), "{}", text.stdout);
    for shown in [&out, &text] {
        let all = shown.all();
        for value in [CANARY, "firma", "haus", "2y$10", "GB82", "R\u{fc}ckruf"] {
            assert!(!all.contains(value), "a value is shown: {all}");
        }
    }
    // What it proposes is served.
    site.configure_server("", report(&out)["toml"].as_str().unwrap());
    site.pull(&site.serve());
    let names_only = scan(site, &["--no-sample"]);
    assert_eq!(names_only.code, Some(0), "{}", names_only.all());
}

/// Whoever locked the table, or a disk that is slow, ends the read and not the scan.
fn in_time(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE held (id INT NOT NULL PRIMARY KEY, v VARCHAR(37) NOT NULL) ENGINE=InnoDB");
    exec(&mut conn, "INSERT INTO held VALUES (1, 'a'), (2, 'b')");
    let mut survey = Survey::take(&site.source.endpoint(&site.source_db)).unwrap();
    let held = survey.schema.tables["held"].clone();
    let columns = [held.column("v").unwrap()];
    let mut seen = Vec::new();
    let mut look = |at: usize, value: &[u8]| seen.push((at, value.to_vec()));
    exec(&mut conn, "LOCK TABLES held WRITE");
    assert_eq!(survey.sample(&held, &columns, 10, &mut look).unwrap(), Sampled::TookTooLong);
    exec(&mut conn, "UNLOCK TABLES");
    assert_eq!(survey.sample(&held, &columns, 10, &mut look).unwrap(), Sampled::Read);
    assert_eq!(seen, [(0, b"a".to_vec()), (0, b"b".to_vec())]);
    // A CHECK that no row passes, and that the server takes seconds to find out.
    let mut schema = survey.schema.clone();
    let slow = Check { name: "slow".into(), expression: "SLEEP(1.5) + CHAR_LENGTH(`v`) < 0".into() };
    schema.tables.get_mut("held").unwrap().checks.push(slow);
    let planned =
        plan(&[rule("held", "v", Mask::Text)], &schema, &Facts { salt: "5a17", ..Facts::default() });
    survey.probe_masks(&planned.unwrap()).unwrap();
}

/// In CI there is a database and the file, and no server.
fn check(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(
        &mut conn,
        "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(90) NOT NULL, state VARCHAR(9) NOT NULL, \
         big_state VARCHAR(9) AS (UPPER(state))) ENGINE=InnoDB",
    );
    exec(&mut conn, "CREATE TABLE skipped (id INT PRIMARY KEY, iban VARCHAR(40)) ENGINE=InnoDB");
    std::fs::create_dir(site.path("ci")).unwrap();
    let configure = |rest: &str| {
        let url = site.source.url(&site.source_db);
        let text = format!("exclude_tables = [\"skipped\"]\n{rest}");
        std::fs::write(site.path("ci/backfill.toml"), text).unwrap();
        move |arguments: &[&str]| {
            run(site.command("ci").env("DATABASE_URL", &url).args(["scan", "--check"]).args(arguments))
        }
    };
    let columns = |out: &Out| found(&report(out)).into_iter().map(|(column, _)| column).collect::<Vec<_>>();

    let check = configure("");
    let out = check(&["--json"]);
    assert_eq!(out.code, Some(1), "{}", out.all());
    assert_eq!(columns(&out), ["users.email", "users.id", "users.state"]);
    let lines = report(&out)["toml"].as_str().unwrap().to_owned();
    assert_eq!(
        lines,
        "[sanitize.users]\nemail = \"email\"\n\n[privacy]\nkeep = [\n    \"users.id\",\n    \"users.state\",\n]\n"
    );
    assert!(check(&[]).stdout.contains(&lines));
    let check = configure(&lines);
    check(&[]).good("everything is decided about");

    // The migration of this branch.
    exec(&mut conn, "ALTER TABLE users ADD phone VARCHAR(30) NOT NULL, ADD rank_of INT NOT NULL");
    let out = check(&["--json"]);
    assert_eq!(
        (out.code, columns(&out)),
        (Some(1), vec!["users.phone".to_owned(), "users.rank_of".to_owned()])
    );

    // With a list, what is in it passes; the file has only the rules.
    let check = configure("[sanitize.users]\nemail = \"email\"\nphone = \"phone\"\n");
    let list = ["--list", "columns.txt"];
    check(&list).refused("without the list", 2, &["columns.txt cannot be read", "--write"]);
    check(&["--list", "columns.txt", "--write"]).good("the list is written");
    let written = std::fs::read_to_string(site.path("ci/columns.txt")).unwrap();
    let lines: Vec<&str> = written.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, ["users.id", "users.rank_of", "users.state"]);
    check(&list).good("everything is listed");
    exec(&mut conn, "ALTER TABLE users ADD flags INT NOT NULL, DROP state, DROP big_state");
    let out = check(&["--list", "columns.txt", "--json"]);
    assert_eq!((out.code, columns(&out)), (Some(1), vec!["users.flags".to_owned()]));
    assert!(out.stderr.contains("a line for a column that is gone: users.state"), "{}", out.stderr);
}

fn wrong(site: &Site<'_>) {
    exec(&mut site.source_conn(), "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(90)) ENGINE=InnoDB");
    site.configure_server("", "[sanitize.users]\nemial = \"email\"\n");
    let out = scan(site, &[]);
    assert_eq!(out.code, Some(3), "{}", out.all());
    assert!(out.stderr.contains("has no column `emial`"), "{}", out.stderr);

    let account = site.account(&[]);
    site.configure_server_as(&account.url(&site.source_db), "", "");
    let out = scan(site, &[]);
    assert_eq!(out.code, Some(7), "{}", out.all());
    assert!(out.stderr.contains("GRANT SELECT ON"), "{}", out.stderr);

    site.configure_server(
        "",
        "[sanitize.users]\nemail = \"email\"\n[privacy]\nkeep = [\"a.b\", \"canary-secret\"]\n",
    );
    let out = scan(site, &[]).refused("a bad pattern", 3, &["`privacy.keep`", "entry 2 is not a pattern"]);
    assert!(!out.all().contains("canary"), "{}", out.all());

    // Excluded tables are not served, so nothing of theirs is missing.
    site.configure_server("", "exclude_tables = [\"users\"]\n");
    assert_eq!(scan(site, &[]).code, Some(0));
}
