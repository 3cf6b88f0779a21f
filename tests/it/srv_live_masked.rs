//! As in `srv_live`, with keys that are masked together with what references them: rows come and go between the reading of
//! any two tables, and no row comes without its parent that production does not have so.

use crate::cli_common::Out;
use crate::harness::{Add, FLAVOURS, Serve, Site, exec, is_held, let_go, short};
use crate::srv_live::{do_all, pull};
use backfill::fault::HOLD_AT;
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::Value;

/// One worker reads from the last name to the first: both children of `d_people` with keys of their own before it, and
/// the others after what they reference. Rows are told apart by `n`, which is not masked.
const TABLES: &[&str] = &[
    "CREATE TABLE d_people (code VARCHAR(40) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, \
     boss VARCHAR(40) COLLATE utf8mb4_bin NULL, n INT NOT NULL, \
     FOREIGN KEY (boss) REFERENCES d_people (code)) ENGINE=InnoDB",
    // Named by what references.
    "CREATE TABLE c_cards (code VARCHAR(40) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, n INT NOT NULL, \
     FOREIGN KEY (code) REFERENCES d_people (code)) ENGINE=InnoDB",
    // Named by a number without a rule.
    "CREATE TABLE e_notes (id INT NOT NULL PRIMARY KEY, code VARCHAR(40) COLLATE utf8mb4_bin NULL, n INT NOT NULL, \
     FOREIGN KEY (code) REFERENCES d_people (code)) ENGINE=InnoDB",
    // Named by a masked number, which is referenced.
    "CREATE TABLE f_lists (id BIGINT UNSIGNED ZEROFILL NOT NULL PRIMARY KEY, code VARCHAR(40) COLLATE utf8mb4_bin NOT NULL, \
     n INT NOT NULL, FOREIGN KEY (code) REFERENCES d_people (code)) ENGINE=InnoDB",
    "CREATE TABLE b_lines (id INT NOT NULL PRIMARY KEY, list_id BIGINT UNSIGNED ZEROFILL NOT NULL, n INT NOT NULL, \
     FOREIGN KEY (list_id) REFERENCES f_lists (id)) ENGINE=InnoDB",
];

const RULES: &str = "[privacy]\npolicy = \"open\"\nkey = \"key-of-the-tests-0123456789-abcdef\"\n\
    [sanitize.d_people]\ncode = \"token\"\nboss = \"token\"\n[sanitize.c_cards]\ncode = \"token\"\n\
    [sanitize.e_notes]\ncode = \"token\"\n[sanitize.f_lists]\nid = \"token\"\ncode = \"token\"\n\
    [sanitize.b_lines]\nlist_id = \"token\"\n";

/// Child, its column, parent, its column.
const REFERENCES: &[(&str, &str, &str, &str)] = &[
    ("b_lines", "list_id", "f_lists", "id"),
    ("c_cards", "code", "d_people", "code"),
    ("d_people", "boss", "d_people", "code"),
    ("e_notes", "code", "d_people", "code"),
    ("f_lists", "code", "d_people", "code"),
];

/// Rows up to this number are never touched.
const STILL: u32 = 100;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("srv_live_masked::between_any_two_tables::{}", short(flavour)),
            Box::new(move |servers| between_any_two_tables(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn family(n: u32) -> Vec<String> {
    vec![
        format!("INSERT INTO d_people VALUES ('p-{n}', NULL, {n}), ('q-{n}', 'p-{n}', {n})"),
        format!("INSERT INTO c_cards VALUES ('p-{n}', {n})"),
        format!("INSERT INTO e_notes VALUES ({n}, 'q-{n}', {n})"),
        format!("INSERT INTO f_lists VALUES ({n}, 'p-{n}', {n})"),
        format!("INSERT INTO b_lines VALUES ({n}, {n}, {n})"),
    ]
}

fn end_of_family(n: u32) -> Vec<String> {
    let tables = ["b_lines", "f_lists", "e_notes", "c_cards"];
    let mut statements: Vec<String> =
        tables.iter().map(|table| format!("DELETE FROM {table} WHERE n = {n}")).collect();
    statements.push(format!("DELETE FROM d_people WHERE n = {n} ORDER BY boss DESC"));
    statements
}

fn dangling(conn: &mut Conn) -> Vec<String> {
    let mut found = Vec::new();
    for (child, column, parent, of) in REFERENCES {
        let numbers: Vec<u32> = conn
            .query(format!(
                "SELECT c.n FROM {child} c LEFT JOIN {parent} p ON p.{of} = c.{column} \
                 WHERE c.{column} IS NOT NULL AND p.{of} IS NULL ORDER BY 1"
            ))
            .unwrap();
        found.extend(numbers.iter().map(|n| format!("{child}.{column} {n}")));
    }
    found
}

fn still_rows(conn: &mut Conn) -> Vec<Vec<u32>> {
    let tables = ["b_lines", "c_cards", "d_people", "e_notes", "f_lists"];
    let rows = |table| conn.query(format!("SELECT n FROM {table} WHERE n <= {STILL} ORDER BY n")).unwrap();
    tables.into_iter().map(rows).collect()
}

fn between_any_two_tables(site: &Site<'_>) {
    let mut source = site.source_conn();
    TABLES.iter().for_each(|statement| exec(&mut source, statement));
    (1..=STILL).for_each(|n| do_all(&mut source, &family(n)));
    // Rows that have dangled all along.
    exec(&mut source, "SET FOREIGN_KEY_CHECKS = 0");
    exec(&mut source, "UPDATE b_lines SET list_id = 5000000 WHERE n = 11");
    exec(&mut source, "UPDATE c_cards SET code = 'nobody' WHERE n = 21");
    exec(&mut source, "UPDATE e_notes SET code = 'nobody' WHERE n = 31");
    exec(&mut source, "UPDATE f_lists SET code = 'nobody' WHERE n = 41");
    exec(&mut source, "SET FOREIGN_KEY_CHECKS = 1");
    let always = ["b_lines.list_id 11", "c_cards.code 21", "e_notes.code 31", "f_lists.code 41"];
    assert_eq!(dangling(&mut source), always);
    site.configure_server("", RULES);
    let (doomed, born) = (|step: u32| 1001 + step, |step: u32| 2001 + step);
    (0..9).for_each(|step| do_all(&mut source, &family(doomed(step))));
    let mut command = site.command("server");
    let serve = Serve::start(command.env(HOLD_AT, "table.read").args(["-v", "serve", "--threads", "1"]));
    let mut child = pull(site, &serve, &["--yes", "--json", "--verify"]);
    let mut steps = 0;
    while child.try_wait().unwrap().is_none() {
        if is_held(serve.pid()) {
            do_all(&mut source, &end_of_family(doomed(steps)));
            do_all(&mut source, &family(born(steps)));
            steps += 1;
            let_go(serve.pid());
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let out = Out::of(&child.wait_with_output().unwrap()).good("a pull of a moving source");
    assert_eq!(steps, 5, "moments between tables");
    let summary: Value = serde_json::from_str(&out.stdout).unwrap();
    let notes = summary["notes"].to_string();
    for table in ["b_lines", "c_cards", "e_notes", "f_lists"] {
        assert!(notes.contains(&format!("of `{table}`")), "{table}: {notes}\n{}", serve.log());
    }
    let mut target = site.target_conn();
    assert_eq!(dangling(&mut target), always, "{notes}");
    assert_eq!(still_rows(&mut target), still_rows(&mut source), "{notes}");
    let raw: u32 =
        target.query_first("SELECT COUNT(*) FROM d_people WHERE code LIKE '%-%'").unwrap().unwrap();
    assert_eq!(raw, 0, "keys are masked");
}
