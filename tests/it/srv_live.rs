//! Production changes while it is read: a pull never has a row without its parent that production did not have, and
//! every row that nobody touched.

use crate::cli_common::{Out, account};
use crate::harness::{Add, FLAVOURS, Serve, Site, connect, exec, is_held, let_go, short};
use backfill::fault::HOLD_AT;
use backfill::plan::checked::{SortKey, pads};
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::Value;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One worker reads from the last name to the first, masked tables before others: parents and children of every
/// kind are read in either order.
const TABLES: &[&str] = &[
    "CREATE TABLE b_shops (id INT NOT NULL PRIMARY KEY, name VARCHAR(30) NULL) ENGINE=InnoDB",
    // Direct, child of a direct table and of itself; referenced by number and by a name that ignores case.
    "CREATE TABLE k_users (id INT NOT NULL PRIMARY KEY, code VARCHAR(30) NOT NULL, boss_id INT NULL, \
     home_id INT NULL, UNIQUE KEY (code), FOREIGN KEY (boss_id) REFERENCES k_users (id), \
     FOREIGN KEY (home_id) REFERENCES b_shops (id)) ENGINE=InnoDB",
    // Direct, child of a direct table that is read before it, and of one that is read after it.
    "CREATE TABLE e_orders (id INT NOT NULL PRIMARY KEY, user_id INT NOT NULL, shop_id INT NOT NULL, \
     FOREIGN KEY (user_id) REFERENCES k_users (id) ON DELETE CASCADE, \
     FOREIGN KEY (shop_id) REFERENCES b_shops (id)) ENGINE=InnoDB",
    // Ruled parent with a composite key, ruled child of it and of a direct table.
    "CREATE TABLE d_products (shop INT NOT NULL, sku VARCHAR(30) NOT NULL, name VARCHAR(90) NOT NULL, \
     PRIMARY KEY (shop, sku)) ENGINE=InnoDB",
    "CREATE TABLE h_items (id INT NOT NULL PRIMARY KEY, order_id INT NOT NULL, shop INT NULL, sku VARCHAR(30) NULL, \
     note VARCHAR(90) NULL, FOREIGN KEY (order_id) REFERENCES e_orders (id) ON DELETE CASCADE, \
     FOREIGN KEY (shop, sku) REFERENCES d_products (shop, sku)) ENGINE=InnoDB",
    // Direct child of a ruled parent.
    "CREATE TABLE f_reviews (id INT NOT NULL PRIMARY KEY, shop INT NOT NULL, sku VARCHAR(30) NOT NULL, \
     FOREIGN KEY (shop, sku) REFERENCES d_products (shop, sku) ON DELETE CASCADE) ENGINE=InnoDB",
    // Without a key of its own.
    "CREATE TABLE g_labels (code VARCHAR(30) NOT NULL, n INT NULL, \
     FOREIGN KEY (code) REFERENCES k_users (code)) ENGINE=InnoDB",
    // A cycle.
    "CREATE TABLE l_left (id INT NOT NULL PRIMARY KEY, right_id INT NULL) ENGINE=InnoDB",
    "CREATE TABLE r_right (id INT NOT NULL PRIMARY KEY, left_id INT NULL, \
     FOREIGN KEY (left_id) REFERENCES l_left (id)) ENGINE=InnoDB",
    "ALTER TABLE l_left ADD FOREIGN KEY (right_id) REFERENCES r_right (id)",
];

pub const RULES: &str = "[sanitize.d_products]\nname = \"text\"\n[sanitize.h_items]\nnote = \"text\"\n";

/// Columns that are masked.
const RULED: &[&str] = &["d_products.name", "h_items.note"];

/// Rows up to this number are never touched.
pub const STILL: u32 = 300;

/// What a pull loads into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// New tables, by staging schemas.
    Schemas,
    /// The account may make no schema: staging tables with a prefix.
    Prefixed,
    /// Its tables have no transactions, nor foreign keys.
    MyIsam,
}

/// Table and the column by which its rows are told apart.
pub const NUMBERED: &[(&str, &str)] = &[
    ("k_users", "id"),
    ("e_orders", "id"),
    ("b_shops", "id"),
    ("d_products", "shop"),
    ("h_items", "id"),
    ("f_reviews", "id"),
    ("g_labels", "n"),
    ("l_left", "id"),
    ("r_right", "id"),
];

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for target in [Target::Schemas, Target::Prefixed, Target::MyIsam] {
            add(
                format!("srv_live::between_any_two_tables::{target:?}::{}", short(flavour)),
                Box::new(move |servers| {
                    between_any_two_tables(&Site::new(servers, flavour, flavour), target);
                }),
            );
        }
        add(
            format!("srv_live::sort_keys_compare_as_the_server_does::{}", short(flavour)),
            Box::new(move |servers| {
                sort_keys_compare_as_the_server_does(&Site::new(servers, flavour, flavour));
            }),
        );
        add(
            format!("srv_live::under_writers::{}", short(flavour)),
            Box::new(move |servers| under_writers(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// Sort keys are equal exactly where values are, whatever the collation: that is what references are compared by.
fn sort_keys_compare_as_the_server_does(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let mut collations: Vec<(String, String)> = conn
        .query(
            "SELECT COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE CHARACTER_SET_NAME IN \
             ('utf8mb4', 'utf8mb3', 'utf8', 'latin1', 'latin2', 'ascii', 'ucs2', 'utf16', 'sjis', 'gbk', 'cp1251')",
        )
        .unwrap();
    if site.source.flavour() == Flavour::Mariadb {
        // Those of many character sets are listed elsewhere.
        let more: Vec<(String, String)> = conn
            .query(
                "SELECT FULL_COLLATION_NAME, CHARACTER_SET_NAME FROM \
                 information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE FULL_COLLATION_NAME LIKE 'utf8mb4_uca%'",
            )
            .unwrap();
        assert!(more.len() > 20, "{}", more.len());
        collations.extend(more);
    }
    assert!(collations.len() > 100, "{}", collations.len());
    let values = [
        "a", "A", "a ", "a  ", "á", "b", "ss", "ß", "", " ", "a\\t", "ae", "æ", "I", "ı", "i", "İ", "x-y",
        "xy", "e\u{301}", "é", "00", "0", "ÿ", "Ａ", "lj", "ll", "ch", "c", "h", "ж",
    ];
    for (collation, charset) in collations {
        exec(&mut conn, "DROP TABLE IF EXISTS words");
        exec(
            &mut conn,
            &format!("CREATE TABLE words (v VARCHAR(30) CHARACTER SET {charset} COLLATE {collation} NULL)"),
        );
        for value in values {
            // Not every character set has every letter.
            let _ = conn.query_drop(format!("INSERT INTO words VALUES ('{value}')"));
        }
        let key = SortKey { table: 0, column: 0, pads: pads(&collation) };
        let (a, b) = (key.expression("a.v"), key.expression("b.v"));
        // To these 'á' is 'a', and their sort keys tell them apart: a row too many is looked up at the source, and stays.
        let is_finer = collation.contains("uca1400") && collation.ends_with("_ai_cs");
        let right = if is_finer { "(a.v = b.v) >= ({a} = {b})" } else { "(a.v = b.v) <=> ({a} = {b})" };
        let right = right.replace("{a}", &a).replace("{b}", &b);
        let query = format!("SELECT HEX(a.v), HEX(b.v) FROM words a JOIN words b ON NOT ({right})");
        let wrong: Option<(String, String)> = conn.query_first(query).unwrap();
        assert_eq!(wrong, None, "{collation}");
    }
}

/// Statements that make one row of each table, numbered `n`, each the child of those before it.
pub fn family(n: u32) -> Vec<String> {
    vec![
        format!("INSERT INTO b_shops VALUES ({n}, 'shop {n}')"),
        format!("INSERT INTO k_users VALUES ({n}, 'user-{n}', NULL, {n})"),
        format!("INSERT INTO d_products VALUES ({n}, 'sku-{n}', 'product {n}')"),
        format!("INSERT INTO e_orders VALUES ({n}, {n}, {n})"),
        // The server does not mind the case.
        format!("INSERT INTO h_items VALUES ({n}, {n}, {n}, 'SKU-{n}', 'note {n}')"),
        format!("INSERT INTO f_reviews VALUES ({n}, {n}, 'Sku-{n}')"),
        format!("INSERT INTO g_labels VALUES ('USER-{n}', {n}), ('user-{n}', {n})"),
        format!("INSERT INTO l_left VALUES ({n}, NULL)"),
        format!("INSERT INTO r_right VALUES ({n}, {n})"),
        format!("UPDATE l_left SET right_id = {n} WHERE id = {n}"),
        // Somebody without a name that is referenced, below.
        format!("INSERT INTO k_users VALUES ({}, 'below-{n}', {n}, NULL)", n + 1),
        format!("INSERT INTO e_orders VALUES ({}, {}, {n})", n + 1, n + 1),
        format!("INSERT INTO h_items VALUES ({}, {}, NULL, 'SKU-{n}', 'note {n}')", n + 1, n + 1),
    ]
}

/// Statements that remove a family again, children first or by CASCADE.
pub fn end_of_family(n: u32) -> Vec<String> {
    vec![
        format!("UPDATE l_left SET right_id = NULL WHERE id = {n}"),
        format!("DELETE FROM r_right WHERE id = {n}"),
        format!("DELETE FROM l_left WHERE id = {n}"),
        format!("DELETE FROM g_labels WHERE n = {n}"),
        // Moves to a parent that stays, then its old one goes and takes its orders and their items along.
        format!("UPDATE h_items SET shop = 1, sku = 'sku-1' WHERE id = {n}"),
        format!("DELETE FROM k_users WHERE id = {}", n + 1),
        format!("DELETE FROM k_users WHERE id = {n}"),
        format!("DELETE FROM b_shops WHERE id = {n}"),
        format!("DELETE FROM d_products WHERE shop = {n}"),
    ]
}

pub fn do_all(conn: &mut Conn, statements: &[String]) {
    statements.iter().for_each(|statement| exec(conn, statement));
}

/// Families at rest, some of whose rows dangle.
pub fn prepare(site: &Site<'_>) {
    let mut conn = site.source_conn();
    TABLES.iter().for_each(|statement| exec(&mut conn, statement));
    exec(&mut conn, "START TRANSACTION");
    for n in (1..STILL).step_by(2) {
        do_all(&mut conn, &family(n));
    }
    exec(&mut conn, "COMMIT");
    // Rows that have dangled all along, with children of their own.
    exec(&mut conn, "SET FOREIGN_KEY_CHECKS = 0");
    exec(&mut conn, "UPDATE e_orders SET user_id = 5000000 WHERE id = 11");
    exec(&mut conn, "UPDATE h_items SET sku = 'never' WHERE id = 21");
    exec(&mut conn, "UPDATE g_labels SET code = 'nobody' WHERE n = 31");
    exec(&mut conn, "UPDATE r_right SET left_id = 5000000 WHERE id = 41");
    exec(&mut conn, "SET FOREIGN_KEY_CHECKS = 1");
    site.configure_server("", RULES);
}

/// Rows of `conn` that lack a parent, as table, foreign key and number. The keys are the source's.
pub fn dangling(site: &Site<'_>, conn: &mut Conn) -> Vec<String> {
    type Part = (String, String, String, String, String);
    let parts: Vec<Part> = site
        .source_conn()
        .query(
            "SELECT CONSTRAINT_NAME, TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME \
             FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() \
             AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 2, 1, ORDINAL_POSITION",
        )
        .unwrap();
    let mut found = Vec::new();
    for key in parts.chunk_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1)) {
        let (_, child, _, parent, _) = &key[0];
        let on: Vec<String> = key.iter().map(|part| format!("p.{} = c.{}", part.4, part.2)).collect();
        let set: Vec<String> = key.iter().map(|part| format!("c.{} IS NOT NULL", part.2)).collect();
        let number = NUMBERED.iter().find(|(table, _)| table == child).unwrap().1;
        let query = format!(
            "SELECT DISTINCT c.{number} FROM {child} c LEFT JOIN {parent} p ON {} WHERE {} AND p.{} IS NULL ORDER BY 1",
            on.join(" AND "),
            set.join(" AND "),
            key[0].4
        );
        let numbers: Vec<u32> = conn.query(query).unwrap();
        found.extend(numbers.iter().map(|n| format!("{child}.{} {n}", key[0].2)));
    }
    assert_eq!(parts.len(), 12, "columns of foreign keys");
    found
}

/// What must hold after every pull.
fn check(site: &Site<'_>, what: &str) {
    let mut target = site.target_conn();
    let always = ["e_orders.user_id 11", "g_labels.code 31", "h_items.shop 21", "r_right.left_id 41"];
    assert_eq!(dangling(site, &mut target), always, "{what}");
    let mut source = site.source_conn();
    for (table, number) in NUMBERED {
        let contents = |conn: &mut Conn| still_rows(conn, table, number, &[]);
        assert_eq!(contents(&mut source), contents(&mut target), "{what}: {table}");
    }
}

/// The rows of a table that nobody touches, without what is masked.
pub fn still_rows(conn: &mut Conn, table: &str, number: &str, masked: &[&str]) -> Vec<String> {
    let query = format!("SELECT * FROM {table} WHERE {number} <= {STILL}");
    let is_masked = |column: &str| {
        let name = format!("{table}.{column}");
        RULED.iter().chain(masked).any(|masked| *masked == name)
    };
    let mut rows = Vec::new();
    for row in conn.query_iter(query).unwrap() {
        let row = row.unwrap();
        let columns = row.columns_ref().iter().enumerate();
        let shown = columns.filter(|(_, column)| !is_masked(&column.name_str()));
        rows.push(shown.map(|(at, column)| format!("{}={:?} ", column.name_str(), row[at])).collect());
    }
    rows.sort_unstable();
    rows
}

pub fn pull(site: &Site<'_>, serve: &Serve, arguments: &[&str]) -> Child {
    let mut command = site.pull_command(&serve.url, arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Tables of an engine whose every statement counts at once.
fn without_transactions(site: &Site<'_>) {
    site.structure_to_target();
    let mut conn = site.target_conn();
    let keys: Vec<(String, String)> = conn
        .query(
            "SELECT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.TABLE_CONSTRAINTS \
             WHERE CONSTRAINT_SCHEMA = DATABASE() AND CONSTRAINT_TYPE = 'FOREIGN KEY'",
        )
        .unwrap();
    for (table, key) in keys {
        exec(&mut conn, &format!("ALTER TABLE {table} DROP FOREIGN KEY {key}"));
    }
    for (table, _) in NUMBERED {
        exec(&mut conn, &format!("ALTER TABLE {table} ENGINE=MyISAM"));
    }
}

/// Between the reading of any two tables whole families come and go.
fn between_any_two_tables(site: &Site<'_>, target: Target) {
    prepare(site);
    let url = match target {
        Target::Schemas => site.target.url(&site.target_db),
        Target::Prefixed => account(site, "live", &[format!("ALL ON {}.*", site.target_db)]),
        Target::MyIsam => {
            without_transactions(site);
            site.target.url(&site.target_db)
        }
    };
    let mut conn = connect(site.source, &site.source_db);
    // Each step's own number, even ones apart.
    let (doomed, born) = (|step: u32| 1001 + step * 10, |step: u32| 2001 + step * 10);
    for verify in [true, false] {
        for step in 0..20 {
            do_all(&mut conn, &family(doomed(step)));
        }
        let mut command = site.command("server");
        let serve = Serve::start(command.env(HOLD_AT, "table.read").args(["-v", "serve", "--threads", "1"]));
        let arguments = if verify { &["--yes", "--json", "--verify"][..] } else { &["--yes", "--json"] };
        let mut command = site.pull_command(&serve.url, arguments);
        command.env("DATABASE_URL", &url).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut steps = 0;
        while child.try_wait().unwrap().is_none() {
            if is_held(serve.pid()) {
                do_all(&mut conn, &end_of_family(doomed(steps)));
                do_all(&mut conn, &family(born(steps)));
                steps += 1;
                let_go(serve.pid());
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let out = Out::of(&child.wait_with_output().unwrap()).good("a pull of a moving source");
        assert_eq!(steps, 9, "moments between tables");
        let summary: Value = serde_json::from_str(&out.stdout).unwrap();
        let notes = summary["notes"].to_string();
        assert!(notes.contains("came or went while the tables were read: left out"), "{notes}");
        for table in ["e_orders", "h_items", "f_reviews", "g_labels", "k_users", "l_left", "r_right"] {
            assert!(notes.contains(&format!("of `{table}`")), "{table}: {notes}");
        }
        check(site, &format!("{notes}\n{}", serve.log()));
        let engines: Vec<String> = site
            .target_conn()
            .query("SELECT DISTINCT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()")
            .unwrap();
        assert_eq!(engines, [if target == Target::MyIsam { "MyISAM" } else { "InnoDB" }]);
        // Everything that is left goes, for the next round.
        drop(serve);
        for step in 0..20 {
            do_all(&mut conn, &end_of_family(doomed(step)));
            do_all(&mut conn, &end_of_family(born(step)));
        }
    }
}

/// Families come and go all the time.
fn under_writers(site: &Site<'_>) {
    prepare(site);
    let serve = site.serve();
    let stop = AtomicBool::new(false);
    let written = AtomicU64::new(0);
    let errors = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        for writer in 0..2_u32 {
            let mut conn = connect(site.source, &site.source_db);
            let (stop, written, errors) = (&stop, &written, &errors);
            scope.spawn(move || {
                let mut n = 10_001 + writer * 1_000_000;
                while !stop.load(Ordering::Acquire) {
                    let alive = 40;
                    let mut statements = family(n);
                    if n >= 10_001 + writer * 1_000_000 + alive {
                        statements.extend(end_of_family(n - alive));
                    }
                    for statement in &statements {
                        if let Err(error) = conn.query_drop(statement) {
                            errors.lock().unwrap().push(format!("{error} in: {statement}"));
                        }
                    }
                    written.fetch_add(1, Ordering::AcqRel);
                    n += 2;
                }
            });
        }
        for round in 0..8 {
            let arguments = if round % 2 == 0 { &["--yes", "--verify"][..] } else { &["--yes"] };
            let out = Out::of(&pull(site, &serve, arguments).wait_with_output().unwrap());
            let out = out.good("a pull under writers");
            check(site, &format!("round {round}\n{}", out.all()));
        }
    });
    assert!(written.load(Ordering::Acquire) > 20, "the writers wrote");
    let errors = errors.into_inner().unwrap();
    assert!(errors.is_empty(), "{errors:?}");
}

/// Stops the writers even when the test fails, so that it ends.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
