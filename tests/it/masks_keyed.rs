//! Keyed masks: the same value has the same mask wherever it stands, references hold, and the key is in no log.

use crate::cli_common::{pull, run};
use crate::harness::{Add, FLAVOURS, Serve, Servers, Site, exec, short};
use crate::oracle;
use crate::tables::{column, nullable, rule, schema, table};
use backfill::db::{Connection, Role};
use backfill::error::Kind;
use backfill::plan::sanitize::{Facts, Mask, MaskKey, Refs, Rule, Token, plan};
use backfill::sandbox::{Options, Server};
use backfill::schema::{Column, Flavour};
use backfill::source::masking::Masking;
use backfill::sql::select::Select;
use backfill::sql::{KEY_VARIABLE, TableName};
use mysql::prelude::Queryable;
use mysql::{Conn, Row};
use serde_json::Value;
use std::collections::BTreeSet;

const KEY: &str = "key-of-the-tests-0123456789-abcdef";
const OTHER_KEY: &str = "another-key-0123456789-0123456789-x";

pub fn tests(add: &mut Add<'_>) {
    add(
        "masks_keyed::values_have_the_same_masks_on_both_servers".to_owned(),
        Box::new(values_have_the_same_masks_on_both_servers),
    );
    add(
        "masks_keyed::numbers_are_permuted_alike_on_both_servers".to_owned(),
        Box::new(numbers_are_permuted_alike_on_both_servers),
    );
    for flavour in FLAVOURS {
        add(
            format!("masks_keyed::references_hold_and_no_log_has_the_key::{}", short(flavour)),
            Box::new(move |servers| {
                let annotate = match flavour {
                    Flavour::Mariadb => "--binlog-annotate-row-events=ON",
                    Flavour::Mysql => "--binlog-rows-query-log-events=ON",
                };
                let logs =
                    ["--general-log=ON", "--slow-query-log=ON", "--long-query-time=0", "--log-output=FILE"];
                let arguments = ["--log-bin=bin", "--binlog-format=MIXED", "--server-id=18", annotate];
                let arguments = logs.into_iter().chain(arguments).map(str::to_owned).collect();
                let source = Server::start(flavour, &Options { arguments, ..Options::default() }).unwrap();
                references_hold_and_no_log_has_the_key(&Site::between(&source, servers.target(flavour)));
            }),
        );
    }
}

/// The columns of a table whose values are read in every way: name, type, character set and collation.
const COLUMNS: &[(&str, &str, &str, &str)] = &[
    ("ci", "varchar(60)", "utf8mb4", "utf8mb4_general_ci"),
    ("uni", "varchar(60)", "utf8mb4", "utf8mb4_unicode_ci"),
    ("latin", "varchar(60)", "latin1", "latin1_swedish_ci"),
    ("wide", "varchar(60)", "utf16", "utf16_general_ci"),
    ("padded", "char(60)", "utf8mb4", "utf8mb4_general_ci"),
    ("bin", "varchar(60)", "utf8mb4", "utf8mb4_bin"),
    ("bytes", "varbinary(60)", "", ""),
];

/// Values, each the hexadecimal of its UTF-8: `Anna@X.de`, `anna@x.de`, `é`, `É`, `a `, `a`, and nothing.
const VALUES: &[&str] = &["416e6e6140582e6465", "616e6e6140782e6465", "c3a9", "c389", "6120", "61", ""];

fn columns() -> Vec<Column> {
    let text = |(name, ty, charset, collation): &(&str, &str, &str, &str)| {
        let own = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Column { charset: own(charset), collation: own(collation), ..nullable(name, ty) }
    };
    COLUMNS.iter().map(text).collect()
}

/// The masks of every value in every column: per column, per value.
fn masks_of(server: &Server, database: &str, mask: &Mask) -> Vec<Vec<Option<String>>> {
    let mut all = vec![column("n", "int")];
    all.extend(columns());
    let rules: Vec<Rule> =
        columns().into_iter().map(|column| rule("v", &column.name, mask.clone())).collect();
    let key = MaskKey::derive(&KEY.into()).unwrap();
    let facts = Facts { salt: "5a17", key: Some(&key), ..Facts::default() };
    let plan = plan(&rules, &schema(vec![table("v", all).key(&["n"]).done()]), &facts).unwrap();
    let masks = plan.for_table("v").unwrap();
    let mut conn = Connection::open(&server.endpoint(database), Role::Workspace).unwrap();
    // NULL would be the mask of everything.
    let from = TableName::bare("v");
    let without = conn.query::<Row>(masks.probe(&from));
    assert_eq!(without.unwrap_err().kind(), Kind::Internal);
    // What merely spells the key is no mask.
    let spelled =
        Select { conditions: vec![format!("`ci` = '{KEY_VARIABLE}'")], ..Select::all(from, ["1"].into()) };
    assert!(conn.query::<Row>(&spelled).unwrap().is_empty());
    Masking::of(masks).prepare(&mut conn).unwrap();
    let hex = |(name, ..): &(&str, &str, &str, &str)| {
        // Bytes of each set's own encoding are compared as texts.
        let expression = masks.select_expression(name, Refs::Bare);
        let expression = expression.sql();
        match *name {
            "bytes" => format!("HEX({expression})"),
            _ => format!("HEX(CONVERT({expression} USING utf8mb4))"),
        }
    };
    let list: Vec<String> = COLUMNS.iter().map(hex).collect();
    let rows: Vec<Row> = conn.query(&format!("SELECT {} FROM v ORDER BY n", list.join(", "))).unwrap();
    let columns = 0..COLUMNS.len();
    columns.map(|at| rows.iter().map(|row| row.get(at).unwrap()).collect()).collect()
}

fn values_have_the_same_masks_on_both_servers(servers: &Servers) {
    let sites = FLAVOURS.map(|flavour| Site::new(servers, flavour, flavour));
    for site in &sites {
        let mut conn = site.source_conn();
        let definition = |(name, ty, charset, collation): &(&str, &str, &str, &str)| match *charset {
            "" => format!("{name} {ty} NULL"),
            _ => format!("{name} {ty} CHARACTER SET {charset} COLLATE {collation} NULL"),
        };
        let columns: Vec<String> = COLUMNS.iter().map(definition).collect();
        exec(&mut conn, &format!("CREATE TABLE v (n INT PRIMARY KEY, {}) ENGINE=InnoDB", columns.join(", ")));
        for (n, value) in VALUES.iter().enumerate() {
            let text = format!("CONVERT(x'{value}' USING utf8mb4), ").repeat(COLUMNS.len() - 1);
            exec(&mut conn, &format!("INSERT INTO v VALUES ({n}, {text} x'{value}')"));
        }
        exec(&mut conn, &format!("INSERT INTO v (n) VALUES ({})", VALUES.len()));
    }
    let token = Mask::Token(Token::default());
    for mask in [Mask::Email, Mask::Name, Mask::Phone, Mask::Text, Mask::Address, token] {
        let [maria, mysql] = [0, 1].map(|at| masks_of(sites[at].source, &sites[at].source_db, &mask));
        assert_eq!(maria, mysql, "{mask}");
        let of = |name: &str| &maria[COLUMNS.iter().position(|column| column.0 == name).unwrap()];
        for name in ["uni", "latin", "wide", "padded"] {
            assert_eq!(of(name), of("ci"), "{mask} {name}");
        }
        let (ci, bin) = (of("ci"), of("bin"));
        // Small letters and what is not ASCII have one mask in all texts; capitals where they are told apart have their own.
        assert!(ci[0] == ci[1] && bin[0] != bin[1] && bin[1..] == ci[1..], "{mask}");
        assert!(ci[2] != ci[3] && ci[4] == ci[5] && bin[4] == bin[5], "{mask}: {ci:?}");
        // Bytes are what they are.
        let bytes = of("bytes");
        let expected = [&bin[0], &bin[1], &bin[2], &bin[3]];
        if !matches!(mask, Mask::Token(_)) {
            assert!(bytes[..4].iter().eq(expected) && bytes[4] != bytes[5], "{mask}: {bytes:?}");
        }
        assert!(maria.iter().all(|column| column[VALUES.len()].is_none()), "{mask}: NULL stays");
    }
}

/// Whole numbers become other ones, no two the same, the same on both servers.
fn numbers_are_permuted_alike_on_both_servers(servers: &Servers) {
    let key = MaskKey::derive(&KEY.into()).unwrap();
    for (ty, bits) in [("int", 30), ("bigint unsigned", 52)] {
        let masked = FLAVOURS.map(|flavour| {
            let site = Site::new(servers, flavour, flavour);
            let mut conn = site.source_conn();
            exec(&mut conn, &format!("CREATE TABLE v (n {ty} NOT NULL PRIMARY KEY) ENGINE=InnoDB"));
            exec(&mut conn, "INSERT INTO v VALUES (0), (1), (2), (3), (4), (5), (6), (7)");
            for power in 3..bits {
                // Some numbers of every size, and all small ones.
                let more = if power < 9 { "" } else { " WHERE n < 8" };
                exec(&mut conn, &format!("INSERT INTO v SELECT n + {} FROM v{more}", 1_u64 << power));
            }
            exec(&mut conn, &format!("INSERT INTO v VALUES ({})", (1_u64 << bits) - 1));
            let columns = vec![column("n", ty)];
            let rule = rule("v", "n", Mask::Token(Token::default()));
            let facts = Facts { salt: "5a17", key: Some(&key), ..Facts::default() };
            let plan = plan(&[rule], &schema(vec![table("v", columns).key(&["n"]).done()]), &facts).unwrap();
            let masks = plan.for_table("v").unwrap();
            let mut conn = Connection::open(&site.source.endpoint(&site.source_db), Role::Workspace).unwrap();
            Masking::of(masks).prepare(&mut conn).unwrap();
            let masked = masks.select_expression("n", Refs::Bare);
            conn.query::<(u64, u64)>(&format!("SELECT n, {} FROM v ORDER BY n", masked.sql())).unwrap()
        });
        assert_eq!(masked[0], masked[1], "{ty}");
        let results: BTreeSet<u64> = masked[0].iter().map(|(_, masked)| *masked).collect();
        assert!(results.len() > 600 && results.len() == masked[0].len(), "{ty}: {}", results.len());
        assert!(results.iter().all(|number| *number < 1 << bits), "{ty}");
        let large = results.iter().filter(|number| **number >= 1 << (bits - 1)).count();
        assert!((results.len() / 3..results.len() * 2 / 3).contains(&large), "{ty}: {large}");
        assert!(masked[0].iter().filter(|(old, new)| old == new).count() < 3, "{ty}");
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE customers (code VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, \
     parent VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL, mail VARCHAR(90) NOT NULL UNIQUE, \
     created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, \
     CONSTRAINT customers_parent FOREIGN KEY (parent) REFERENCES customers (code)) ENGINE=InnoDB",
    "CREATE TABLE invoices (id INT NOT NULL PRIMARY KEY, contact VARCHAR(90) CHARACTER SET latin1 NULL, \
     customer_code VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL, \
     created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, \
     CONSTRAINT invoices_customer FOREIGN KEY (customer_code) REFERENCES customers (code)) ENGINE=InnoDB",
    "CREATE TABLE members (customer_code VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, \
     kind INT NOT NULL, phone VARCHAR(30) NOT NULL, PRIMARY KEY (customer_code, kind), UNIQUE KEY (phone, kind), \
     CONSTRAINT members_customer FOREIGN KEY (customer_code) REFERENCES customers (code)) ENGINE=InnoDB",
    "CREATE TABLE devices (uuid BINARY(16) NOT NULL PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE visits (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL, before_id BIGINT UNSIGNED NULL, device BINARY(16) NOT NULL, \
     CONSTRAINT visits_device FOREIGN KEY (device) REFERENCES devices (uuid), \
     CONSTRAINT visits_before FOREIGN KEY (before_id) REFERENCES visits (id)) ENGINE=InnoDB",
    "INSERT INTO customers VALUES ('Raw-Anna', NULL, 'anna@raw.example', '2025-01-01', '2025-01-01'), \
     ('raw-ben', 'RAW-ANNA', 'ben@raw.example', '2025-01-02', '2025-01-02'), \
     ('raw-carl', 'raw-ben', 'carl@raw.example', '2025-01-03', '2025-01-03')",
    "INSERT INTO invoices VALUES (1, 'Anna@Raw.example', 'raw-anna', '2025-01-01', '2025-01-01'), \
     (2, 'BEN@raw.example', 'RAW-BEN', '2025-01-01', '2025-01-01'), (3, NULL, NULL, '2025-01-01', '2025-01-01')",
    "INSERT INTO members VALUES ('raw-anna', 1, '+49 1'), ('raw-anna', 2, '+49 1'), ('raw-ben', 1, '+49 2')",
    "INSERT INTO devices VALUES (UNHEX(REPEAT('52', 16)), 1), (UNHEX(REPEAT('53', 16)), 2)",
    "INSERT INTO visits VALUES (1, 1, NULL, UNHEX(REPEAT('52', 16))), (2, 2, 1, UNHEX(REPEAT('53', 16))), \
     (4503599627370495, 3, 2, UNHEX(REPEAT('52', 16)))",
];

const RULES: &str = "[sanitize.\"*\"]\ncustomer_code = \"token\"\n\
     [sanitize.customers]\ncode = \"token\"\nparent = \"token\"\nmail = \"email\"\n\
     [sanitize.invoices]\ncontact = \"email\"\n[sanitize.members]\nphone = \"phone\"\n\
     [sanitize.devices]\nuuid = \"token\"\n[sanitize.visits]\nid = \"token\"\nbefore_id = \"token\"\ndevice = \"token\"\n";

/// What rows are to each other, without the values that say so.
const JOINS: &[&str] = &[
    "SELECT CONCAT(a.created_at, ' ', b.created_at) FROM customers a JOIN customers b ON b.code = a.parent ORDER BY 1",
    "SELECT CONCAT(i.id, ' ', c.created_at) FROM invoices i JOIN customers c ON c.code = i.customer_code ORDER BY 1",
    "SELECT CONCAT(i.id, ' ', c.created_at) FROM invoices i JOIN customers c \
     ON c.mail = CONVERT(i.contact USING utf8mb4) ORDER BY 1",
    "SELECT CONCAT(m.kind, ' ', c.created_at) FROM members m JOIN customers c ON c.code = m.customer_code ORDER BY 1",
    "SELECT CONCAT(COUNT(*), ' ', COUNT(DISTINCT phone)) FROM members",
    "SELECT CONCAT(a.n, ' ', b.n) FROM visits a JOIN visits b ON b.id = a.before_id ORDER BY 1",
    "SELECT CONCAT(v.n, ' ', d.n) FROM visits v JOIN devices d ON d.uuid = v.device ORDER BY 1",
];

#[track_caller]
fn expect_equal_joins(site: &Site<'_>, joins: &[&str], what: &str) {
    let (mut source, mut target) = (site.source_conn(), site.target_conn());
    for join in joins {
        let of = |conn: &mut Conn| conn.query::<String, _>(*join).unwrap();
        let found = of(&mut source);
        assert!(!found.is_empty(), "{join}");
        assert_eq!(of(&mut target), found, "{what}: {join}");
    }
}

fn configure(site: &Site<'_>, url: &str, key: &str, rest: &str) {
    site.configure_server_as(url, "", &format!("{RULES}{rest}[privacy]\nkey = \"{key}\"\n"));
}

#[track_caller]
fn brought(site: &Site<'_>, serve: &Serve, arguments: &[&str]) -> Value {
    let out = pull(site, &serve.url, &[&["--json"], arguments].concat());
    assert_eq!(out.code, Some(0), "{}\nserver:\n{}", out.all(), serve.log());
    serde_json::from_str(&out.stdout).unwrap()
}

fn of<'a>(summary: &'a Value, table: &str) -> &'a Value {
    let mut tables = summary["pulled"].as_array().unwrap().iter();
    tables.find(|entry| entry["table"] == table).unwrap_or(&Value::Null)
}

fn references_hold_and_no_log_has_the_key(site: &Site<'_>) {
    let mut conn = site.source_conn();
    TABLES.iter().for_each(|statement| exec(&mut conn, statement));
    // What this account writes is logged.
    let account = site
        .account(&["SELECT ON {db}.*", "SELECT, INSERT, UPDATE, CREATE, DROP ON `\\_backfill\\_temp\\_%`.*"]);
    let url = account.url(&site.source_db);
    configure(site, &url, KEY, "");
    let serve = Serve::start(site.command("server").args(["-vv", "serve"]));
    assert_eq!(brought(site, &serve, &["--yes"])["mode"], "full");
    expect_equal_joins(site, JOINS, "the first pull");
    let first = oracle::contents(&mut site.target_conn(), &[]);
    for (table, rows) in &first {
        // Hexadecimal of `raw`, whatever the case, and of the devices.
        for raw in ["726177", "524157", "526177", &"52".repeat(8), &"53".repeat(8)] {
            assert!(rows.iter().all(|row| !row.to_lowercase().contains(raw)), "{table}: {rows:?}");
        }
    }

    // A masked key is no reason to pull the table whole: its rows replace those of last time.
    exec(
        &mut conn,
        "INSERT INTO customers VALUES ('raw-dora', 'raw-ANNA', 'dora@raw.example', NOW(), NOW())",
    );
    exec(&mut conn, "UPDATE customers SET parent = NULL, updated_at = NOW() WHERE code = 'raw-ben'");
    let summary = brought(site, &serve, &[]);
    // The two, and the one that was the newest last time: a delta begins a little before it.
    let customers = of(&summary, "customers");
    assert_eq!((&customers["mode"], &customers["rows"]), (&"delta".into(), &3.into()), "{summary:#}");
    expect_equal_joins(site, JOINS, "a delta");
    let merged = oracle::contents(&mut site.target_conn(), &[]);
    drop(serve);

    // Another process, all rows once more: each mask as before.
    let serve = site.serve();
    brought(site, &serve, &["--yes", "--full"]);
    assert_eq!(oracle::contents(&mut site.target_conn(), &[]), merged);
    assert_eq!(first["devices"], merged["devices"]);
    let log = serve.log();
    drop(serve);
    expect_no_key(&mut conn, &log);

    // With another key tables come whole, and every mask is another one.
    configure(site, &site.source.url(&site.source_db), OTHER_KEY, "");
    let serve = site.serve();
    let summary = brought(site, &serve, &["--yes"]);
    let customers = of(&summary, "customers");
    assert!(customers["why"].as_str().unwrap_or_default().contains("rules"), "{summary:#}");
    expect_equal_joins(site, JOINS, "with another key");
    let mut target = site.target_conn();
    let other = oracle::rows(&mut target, "devices", &[]);
    assert!(other.iter().all(|row| !merged["devices"].contains(row)));
    drop(serve);

    // Limits choose by what the source holds.
    let limits = "[limits]\ninvoices = { max_rows = 1, where = \"id < 3\" }\n";
    configure(site, &site.source.url(&site.source_db), OTHER_KEY, limits);
    let serve = site.serve();
    brought(site, &serve, &["--yes", "--full"]);
    let kept: Vec<String> = target.query(JOINS[1]).unwrap();
    assert_eq!(kept, ["2 2025-01-02 00:00:00"]);

    // What the collation may take for equal to something else is refused.
    exec(&mut conn, "INSERT INTO customers VALUES ('raw-é', NULL, 'e@raw.example', NOW(), NOW())");
    let out = run(&mut site.pull_command(&serve.url, &["--yes", "--full"]));
    out.refused(
        "a key that is not ASCII",
        9,
        &["table `customers`", "`token` of column `code` takes printable ASCII"],
    );
}

/// Reads every log of the source's server.
fn expect_no_key(conn: &mut Conn, of_serve: &str) {
    // The way that was not taken: what is a parameter is in the log.
    conn.exec_drop("SET @told = ?", ("told-as-a-parameter",)).unwrap();
    exec(conn, "FLUSH BINARY LOGS");
    let value = |conn: &mut Conn, name: &str| -> String {
        conn.query_first(format!("SELECT {name}")).unwrap().unwrap()
    };
    let folder = value(conn, "@@datadir");
    let mut files: Vec<_> = ["@@general_log_file", "@@slow_query_log_file"]
        .map(|name| std::path::Path::new(&folder).join(value(conn, name)))
        .into();
    let logs: Vec<Row> = conn.query("SHOW BINARY LOGS").unwrap();
    files.extend(logs.iter().map(|row| std::path::Path::new(&folder).join(row.get::<String, _>(0).unwrap())));
    let (mut named, mut secrets) = (0, vec![KEY.to_owned()]);
    // With a pad of zeros the session's key shows in the clear.
    let shown = MaskKey::derive(&KEY.into()).unwrap().tell(&"0".repeat(64)).unwrap();
    let words: Vec<u64> =
        shown.split("^ ").skip(1).map(|rest| rest.split(')').next().unwrap().parse().unwrap()).collect();
    assert_eq!(words.len(), 4);
    for word in words {
        secrets.extend([word.to_string(), format!("{word:016X}"), format!("{word:016x}")]);
    }
    let general = std::fs::read(&files[0]).unwrap();
    assert!(memchr::memmem::find(&general, b"told-as-a-parameter").is_some());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        named += usize::from(memchr::memmem::find(&bytes, b"@backfill_key").is_some());
        for secret in &secrets {
            assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "{}", file.display());
        }
    }
    assert!(named >= 3, "the masks are in the general log, the slow log and the binlog: {named}");
    assert!(secrets.iter().all(|secret| !of_serve.contains(secret.as_str())));
}
