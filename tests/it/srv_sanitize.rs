//! What rules make of rows of every shape, and which rules are refused before anything is copied.

use crate::fixture::{self, RULED, RULES};
use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::oracle;
use crate::srv_http::{Http, load_all};
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for mask_at in ["update", "copy"] {
            add(
                format!("srv_sanitize::all_types_and_only_ruled_columns::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| all_types(&Site::new(servers, flavour, flavour), mask_at)),
            );
            add(
                format!("srv_sanitize::keys_of_every_shape::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| keys_of_every_shape(&Site::new(servers, flavour, flavour), mask_at)),
            );
            add(
                format!("srv_sanitize::odd_values_beside_rules_stay::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| odd_values_stay(&Site::new(servers, flavour, flavour), mask_at)),
            );
        }
        add(
            format!("srv_sanitize::rules_that_do_not_fit_are_refused::{}", short(flavour)),
            Box::new(move |servers| rules_that_do_not_fit(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn count(conn: &mut Conn, from: &str) -> u64 {
    conn.query_first(format!("SELECT COUNT(*) FROM {from}")).unwrap().unwrap()
}

fn all_hold(site: &Site<'_>, table: &str, conditions: &[&str]) {
    let mut target = site.target_conn();
    let rows = count(&mut target, table);
    assert_eq!(rows, count(&mut site.source_conn(), table), "{table}");
    for condition in conditions {
        assert_eq!(count(&mut target, &format!("{table} WHERE {condition}")), rows, "{table}: {condition}");
    }
}

fn all_types(site: &Site<'_>, mask_at: &str) {
    let mut source = site.source_conn();
    fixture::load(&mut source, 250);
    exec(
        &mut source,
        "UPDATE users SET phone = NULL, last_ip = NULL, updated_at = updated_at WHERE id % 9 = 0",
    );
    load_all(site, mask_at, RULES);
    all_hold(
        site,
        "users",
        &[
            "IF(id % 10 = 0, email LIKE 'anna%@yourcompany.com', email REGEXP '^[0-9a-f-]{36}@example[.]test$')",
            "name = CONCAT('User_', id)",
            "IF(id % 9 = 0, phone IS NULL AND last_ip IS NULL, phone = CONCAT('+1555', LPAD(id, 7, '0')))",
            "password = '$2y$10$92IXUNpkjO0rOQ5byMi.Ye4oKoEa3Ro9llC/.og/at2.uheWG/igi'",
            "IF(id % 7 = 0, notes IS NULL, notes REGEXP '^text_[0-9a-f]{32}$')",
            "token IS NULL",
            "home = CONCAT(id, ' Example St')",
            "last_ip IS NULL OR last_ip REGEXP '^192[.]168[.][0-9]{1,3}[.][0-9]{1,3}$'",
            "updated_at = '2024-10-27 01:30:00'",
        ],
    );
    // Everything that has no rule is as it was; the trigger counted what was loaded, as triggers do.
    let except = [RULED, &["counters.value"]].concat();
    let (mut before, mut after) =
        (oracle::contents(&mut source, &except), oracle::contents(&mut site.target_conn(), &except));
    for contents in [&mut before, &mut after] {
        contents.remove("counters");
    }
    assert!(before == after, "columns without a rule changed");
}

fn keys_of_every_shape(site: &Site<'_>, mask_at: &str) {
    let mut source = site.source_conn();
    let uuid = site.source.flavour() == Flavour::Mariadb;
    let mut tables = vec![
        (
            "k_int",
            "nr INT NOT NULL, name VARCHAR(90), PRIMARY KEY (nr)",
            "(-5, 'c'), (0, 'd'), (12345678, 'e')",
        ),
        (
            "k_text",
            "code VARCHAR(40) NOT NULL, name VARCHAR(90), PRIMARY KEY (code)",
            "('anna@real.de', 'c'), ('', 'd')",
        ),
        (
            "k_two",
            "a INT NOT NULL, b VARCHAR(9) NOT NULL, name VARCHAR(90), PRIMARY KEY (a, b)",
            "(1, '2:3', 'c'), (1, '2', 'd'), (12, '3', 'e')",
        ),
        (
            "k_binary",
            "id BINARY(16) NOT NULL, name VARCHAR(90), PRIMARY KEY (id)",
            "(x'00ff27', 'c'), (x'ffffffffffffffffffffffffffffffff', 'd')",
        ),
        ("k_none", "x INT, name VARCHAR(90)", "(1, 'c'), (1, 'c'), (NULL, NULL)"),
        ("k_none_id", "id INT, name VARCHAR(90)", "(7, 'c'), (7, 'c'), (NULL, 'd')"),
        (
            "k_ruled",
            "name VARCHAR(90) NOT NULL, n INT, PRIMARY KEY (name)",
            "('anna', 1), ('bert', 2), ('carl', 3)",
        ),
    ];
    if uuid {
        tables.push((
            "k_uuid",
            "id UUID NOT NULL, name VARCHAR(90), PRIMARY KEY (id)",
            "(UUID(), 'c'), (UUID(), 'd')",
        ));
    }
    let mut rules = String::new();
    for (table, columns, rows) in &tables {
        exec(
            &mut source,
            &format!(
                "CREATE TABLE {table} ({columns}, touched TIMESTAMP NOT NULL DEFAULT '2001-02-03 04:05:06' \
                 ON UPDATE CURRENT_TIMESTAMP, edited DATETIME NULL ON UPDATE CURRENT_TIMESTAMP) ENGINE=InnoDB"
            ),
        );
        let names: Vec<&str> = columns
            .split(", ")
            .filter_map(|column| column.split_once(' ').map(|(name, _)| name))
            .filter(|name| *name != "PRIMARY" && !name.ends_with(')'))
            .collect();
        exec(&mut source, &format!("INSERT INTO {table} ({}) VALUES {rows}", names.join(", ")));
        rules.push_str(&format!("[sanitize.{table}]\nname = \"name\"\n"));
    }
    load_all(site, mask_at, &rules);
    let hex = "name REGEXP '^User_[0-9a-f]{12,32}$'";
    let untouched = "touched = '2001-02-03 04:05:06' AND edited IS NULL";
    all_hold(site, "k_int", &["name = CONCAT('User_', nr)", untouched]);
    for table in ["k_text", "k_two", "k_binary", "k_ruled"].into_iter().chain(uuid.then_some("k_uuid")) {
        all_hold(site, table, &[hex, untouched]);
        let mut target = site.target_conn();
        let distinct: Option<u64> =
            target.query_first(format!("SELECT COUNT(DISTINCT name) FROM {table}")).unwrap();
        assert_eq!(distinct, Some(count(&mut target, table)), "{table}");
    }
    all_hold(site, "k_none", &["IF(x IS NULL, name IS NULL, name REGEXP '^User_[0-9a-f]{12}$')", untouched]);
    all_hold(
        site,
        "k_none_id",
        &["IF(id IS NULL, name REGEXP '^User_[0-9a-f]{12}$', name = 'User_7')", untouched],
    );
    let names: Vec<String> = tables.iter().map(|(table, ..)| format!("{table}.name")).collect();
    let except: Vec<&str> = names.iter().map(String::as_str).collect();
    let contents =
        (oracle::contents(&mut source, &except), oracle::contents(&mut site.target_conn(), &except));
    assert!(contents.0 == contents.1, "keys or other columns changed");
}

fn odd_values_stay(site: &Site<'_>, mask_at: &str) {
    let mut source = site.source_conn();
    exec(
        &mut source,
        "CREATE TABLE odd (id INT NOT NULL PRIMARY KEY, mail VARCHAR(90) NOT NULL, e ENUM('a','b') NOT NULL, s SET('x','y') NULL, \
         d DATE NULL, dt DATETIME(6) NULL, ts TIMESTAMP(3) NULL, t TIME(6) NULL, y YEAR NULL, f FLOAT NULL, g DOUBLE NULL, n DECIMAL(65,30) NULL, \
         bits BIT(60) NULL, raw VARBINARY(90) NULL, fix BINARY(5) NULL, p POINT NULL, j JSON NULL, \
         l VARCHAR(90) CHARACTER SET latin1 NULL, k VARCHAR(90) CHARACTER SET sjis NULL, u VARCHAR(90) CHARACTER SET utf16 NULL, \
         z INT(6) ZEROFILL NULL, c CHAR(9) NULL, `back``tick` TEXT NULL, sum INT AS (id * 2) STORED, UNIQUE (mail)) ENGINE=InnoDB",
    );
    exec(&mut source, "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'");
    for row in [
        "(1, 'a@b.c', 'nope', 'x,y', '0000-00-00', '2024-02-31 00:00:00.000001', '1970-01-01 00:00:01.001', '-838:59:59', 0, 1e-38, 1e308, 0.1, \
          b'101', x'00ff275c', x'01', ST_GeomFromText('POINT(1 -2)'), '{\"a\": \"\\u00e9\"}', 'caf\u{e9}', '\u{8868}\u{30bd}', '\u{1f980}', 7, 'x ', '`')",
        "(2, 'b@b.c', 'a', '', '2024-02-30', '0000-00-00', '2038-01-19 03:14:07', '838:59:58.999999', 2155, 0.0105162525, 0.1, -1, \
          0, '', '', NULL, '[]', '', '', '', 0, '', '\\\\ ''\\n')",
        "(3, 'c@b.c', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    ] {
        exec(
            &mut source,
            &format!(
                "INSERT INTO odd (id, mail, e, s, d, dt, ts, t, y, f, g, n, bits, raw, fix, p, j, l, k, u, z, c, `back``tick`) VALUES {row}"
            ),
        );
    }
    site.structure_to_target();
    site.configure_server(&format!("mask_at = \"{mask_at}\""), "[sanitize.odd]\nmail = \"email\"\n");
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["odd"]);
    http.complete(&run);
    let mut target = site.target_conn();
    for (_, sql) in http.table(&run, "odd").batches {
        // Members of no name come with a warning, as the design has it.
        exec(&mut target, &sql);
    }
    let except = ["odd.mail"];
    assert_eq!(oracle::rows(&mut source, "odd", &except), oracle::rows(&mut target, "odd", &except));
}

fn rules_that_do_not_fit(site: &Site<'_>) {
    let mut conn = site.source_conn();
    fixture::load(&mut conn, 20);
    exec(
        &mut conn,
        "CREATE TABLE strict (id INT PRIMARY KEY, mail VARCHAR(20) NOT NULL, hash VARCHAR(90) NOT NULL, code VARCHAR(90) NOT NULL, \
         state VARCHAR(90), made VARCHAR(90) AS (CONCAT(code, 'x')) STORED, count INT, UNIQUE (hash), CONSTRAINT known CHECK (state LIKE 'canary%')) ENGINE=InnoDB",
    );
    exec(
        &mut conn,
        "INSERT INTO strict (id, mail, hash, code, state) VALUES (1, 'canary-mail', 'canary-hash', 'canary-code', 'canary-state')",
    );
    for (rule, named) in [
        ("[sanitize.user]\nemail = \"email\"", "did you mean `users`"),
        ("[sanitize.users]\nemial = \"email\"", "did you mean `email`"),
        ("[sanitize.users]\nemail = \"emial\"", "email"),
        ("[sanitize.users]\nemail = \"null\"", "NOT NULL"),
        ("[sanitize.strict]\nmail = \"email\"", "mail"),
        ("[sanitize.strict]\nmade = \"text\"", "generated"),
        ("[sanitize.strict]\nhash = \"hash\"", "unique"),
        ("[sanitize.strict]\ncount = \"text\"", "int"),
        ("[sanitize.strict]\nstate = \"text\"", "known"),
        ("[sanitize.orders]\nsku = \"name\"", "sku"),
        ("[sanitize.orders]\nuser_id = \"null\"", "user_id"),
    ] {
        site.configure_server("", &format!("{rule}\n"));
        let (exit, printed) = site.serve_refused();
        assert_eq!(exit, 3, "{rule}: {printed}");
        let (table, column) = rule.trim_start_matches("[sanitize.").split_once("]\n").unwrap();
        let column = column.split(' ').next().unwrap();
        for word in [named, table, column] {
            assert!(printed.contains(word), "{rule}: `{word}` is not in:\n{printed}");
        }
        assert!(printed.contains("hint") || printed.contains("rules cannot"), "{rule}: {printed}");
        assert!(!printed.contains("canary"), "{rule}: {printed}");
    }
}
