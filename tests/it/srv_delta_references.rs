//! Rows of a delta refer to parents of earlier pulls, and to some that come while it is read.

use crate::harness::{Add, FLAVOURS, Serve, Site, exec, is_held, let_go, short, wait_for};
use crate::oracle;
use crate::srv_delta::begin;
use crate::srv_http::{Http, load};
use backfill::fault::HOLD_AT;
use backfill::wire::api::TableStatus;
use mysql::Conn;
use mysql::prelude::Queryable;

/// Read from the last to the first, masked ones before all others: each child after its parent.
const TABLES: &[(&str, &str)] = &[
    // Without `created_at`: always whole.
    ("a_labels", "id INT PRIMARY KEY, parent_id INT NULL, FOREIGN KEY (parent_id) REFERENCES g_parents (id)"),
    (
        "b_children",
        "id INT PRIMARY KEY, parent_id INT NULL, {times}, FOREIGN KEY (parent_id) REFERENCES g_parents (id)",
    ),
    (
        "c_items",
        "id VARCHAR(20) PRIMARY KEY, shop INT NULL, sku VARCHAR(20) NULL, {times}, \
         FOREIGN KEY (shop, sku) REFERENCES h_products (shop, sku)",
    ),
    ("g_parents", "id INT PRIMARY KEY, name VARCHAR(90) NULL, {times}"),
    (
        "h_products",
        "shop INT NOT NULL, sku VARCHAR(20) NOT NULL, {times}, PRIMARY KEY (sku, shop), UNIQUE KEY (shop, sku)",
    ),
];

/// What each pull is after, before the first checkpoint.
const AFTER: &str = "2026-03-10 10:00:00";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (way, rules) in [("direct", ""), ("masked", "[sanitize.g_parents]\nname = \"text\"\n")] {
            add(
                format!("srv_delta_references::old_and_new_parents::{way}_{}", short(flavour)),
                Box::new(move |servers| old_and_new_parents(&Site::new(servers, flavour, flavour), rules)),
            );
        }
        add(
            format!("srv_delta_references::masked_keys_of_parents::{}", short(flavour)),
            Box::new(move |servers| masked_keys_of_parents(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn prepare(conn: &mut Conn) {
    exec(conn, "SET FOREIGN_KEY_CHECKS = 0");
    for (table, definition) in TABLES {
        let definition = definition.replace("{times}", "created_at DATETIME NULL, updated_at TIMESTAMP NULL");
        exec(conn, &format!("CREATE TABLE {table} ({definition}) ENGINE=InnoDB"));
    }
    exec(conn, "SET FOREIGN_KEY_CHECKS = 1");
    let (old, new) =
        ("'2026-03-01 00:00:00', '2026-03-09 00:00:00'", "'2026-03-10 11:00:00', '2026-03-10 12:00:00'");
    for statement in [
        format!(
            "INSERT INTO g_parents VALUES (1, 'n', {old}), (2, 'n', {new}), (3, 'n', {old}), (4, 'n', {old})"
        ),
        format!("INSERT INTO h_products VALUES (1, 'old', {old}), (1, 'new', {new}), (2, 'old', {old})"),
        "INSERT INTO a_labels VALUES (1, 1), (2, 2), (3, NULL)".to_owned(),
        format!(
            "INSERT INTO b_children VALUES (1, 1, {old}), (2, 1, {new}), (3, 2, {new}), (4, 3, {new}), (5, 4, {new})"
        ),
        format!(
            "INSERT INTO c_items VALUES ('a', 1, 'old', {old}), ('b', 1, 'OLD', {new}), ('c', 1, 'new', {new}), ('d', 2, 'old', {new})"
        ),
    ] {
        exec(conn, &statement);
    }
    // A row that dangles at the source and stays.
    exec(conn, "SET FOREIGN_KEY_CHECKS = 0");
    exec(conn, &format!("INSERT INTO b_children VALUES (6, 99, {new})"));
    exec(conn, "SET FOREIGN_KEY_CHECKS = 1");
}

/// Parents come, change and go while their children are not read yet. Two seconds ago: a look at the clock serves for
/// one, and what is younger than it proves nothing.
const MEANWHILE: &[&str] = &[
    "INSERT INTO g_parents VALUES (10, 'n', UTC_TIMESTAMP() - INTERVAL 2 SECOND, UTC_TIMESTAMP() - INTERVAL 2 SECOND)",
    "INSERT INTO b_children VALUES (10, 10, UTC_TIMESTAMP() - INTERVAL 2 SECOND, UTC_TIMESTAMP() - INTERVAL 2 SECOND)",
    "INSERT INTO a_labels VALUES (10, 10)",
    // An old parent that the delta would have had.
    "UPDATE g_parents SET updated_at = UTC_TIMESTAMP() - INTERVAL 2 SECOND WHERE id = 3",
    "INSERT INTO h_products VALUES (1, 'born', UTC_TIMESTAMP() - INTERVAL 2 SECOND, UTC_TIMESTAMP() - INTERVAL 2 SECOND)",
    "INSERT INTO c_items VALUES ('z', 1, 'born', UTC_TIMESTAMP() - INTERVAL 2 SECOND, UTC_TIMESTAMP() - INTERVAL 2 SECOND)",
];

fn old_and_new_parents(site: &Site<'_>, rules: &str) {
    let mut source = site.source_conn();
    prepare(&mut source);
    site.structure_to_target();
    site.configure_server("", &format!("[privacy]\npolicy = \"open\"\n{rules}"));
    let mut target = site.target_conn();
    // What an earlier pull has brought.
    exec(&mut target, "SET FOREIGN_KEY_CHECKS = 0");
    let old = "'2026-03-01 00:00:00', '2026-03-09 00:00:00'";
    for statement in [
        format!("INSERT INTO g_parents VALUES (1, 'n', {old}), (3, 'n', {old}), (4, 'n', {old})"),
        format!("INSERT INTO h_products VALUES (1, 'old', {old}), (2, 'old', {old})"),
        format!("INSERT INTO b_children VALUES (1, 1, {old})"),
        format!("INSERT INTO c_items VALUES ('a', 1, 'old', {old})"),
    ] {
        exec(&mut target, &statement);
    }
    let mut command = site.command("server");
    let mut serve = Serve::start(command.env(HOLD_AT, "table.read").args(["-v", "serve", "--threads", "1"]));
    let first = pull(&serve, &mut target, &[Some(AFTER); 4], TABLES.len(), |read| {
        // Products, then parents.
        if read == 2 {
            MEANWHILE.iter().for_each(|statement| exec(&mut source, statement));
        }
    });
    let removed: Vec<u64> = first.iter().map(|status| status.removed).collect();
    assert_eq!(removed, [1, 2, 1, 0, 0], "label 10; children 4 and 10; item z");
    assert_eq!(ids(&mut target, "a_labels"), ["1", "2", "3"]);
    assert_eq!(ids(&mut target, "b_children"), ["1", "2", "3", "5", "6"]);
    assert_eq!(ids(&mut target, "c_items"), ["a", "b", "c", "d"]);
    // What was taken back comes again, although the table's other rows are younger.
    let checkpoint = |at: usize| first[at].checkpoint.map(|moment| moment.to_string());
    assert_eq!(first[0].checkpoint, None);
    assert_eq!(checkpoint(1).as_deref(), Some("2026-03-10 11:59:59.999999"), "before child 4, not at it");
    serve.stop();
    let serve = site.serve();
    let after: Vec<_> = (1..5).map(checkpoint).collect();
    let after: Vec<_> = after.iter().map(Option::as_deref).collect();
    let second = pull(&serve, &mut target, &after, 0, |_| ());
    assert!(second.iter().all(|status| status.removed == 0), "{second:?}");
    let except: &[&str] = if rules.is_empty() { &[] } else { &["g_parents.name"] };
    assert_eq!(oracle::contents(&mut target, except), oracle::contents(&mut source, except));
}

/// The key is masked together with what references it: the same, although no index leads from a mask to a parent.
fn masked_keys_of_parents(site: &Site<'_>) {
    let mut source = site.source_conn();
    prepare(&mut source);
    site.structure_to_target();
    let rules = "key = \"key-of-the-tests-0123456789-abcdef\"\n[sanitize.g_parents]\nid = \"token\"\n\
        [sanitize.a_labels]\nparent_id = \"token\"\n[sanitize.b_children]\nparent_id = \"token\"\n";
    site.configure_server("", &format!("[privacy]\npolicy = \"open\"\n{rules}"));
    let mut target = site.target_conn();
    exec(&mut target, "SET FOREIGN_KEY_CHECKS = 0");
    let mut command = site.command("server");
    let serve = Serve::start(command.env(HOLD_AT, "table.read").args(["-v", "serve", "--threads", "1"]));
    let first = pull(&serve, &mut target, &[Some(AFTER); 4], TABLES.len(), |read| {
        // Masked parents are read first.
        if read == 1 {
            MEANWHILE.iter().for_each(|statement| exec(&mut source, statement));
        }
    });
    let removed: Vec<u64> = first.iter().map(|status| status.removed).collect();
    assert_eq!(removed, [1, 2, 0, 0, 0], "label 10; children 4 and 10\n{}", serve.log());
    // Of its parents only those of the delta are here; the others an earlier pull would have brought.
    assert_eq!(ids(&mut target, "a_labels"), ["1", "2", "3"]);
    assert_eq!(ids(&mut target, "b_children"), ["2", "3", "5", "6"]);
    let checkpoint = first[1].checkpoint.map(|moment| moment.to_string());
    assert_eq!(checkpoint.as_deref(), Some("2026-03-10 11:59:59.999999"), "before child 4, not at it");
}

fn ids(conn: &mut Conn, table: &str) -> Vec<String> {
    conn.query(format!("SELECT CAST(id AS CHAR) FROM {table} ORDER BY CAST(id AS CHAR) + 0, id")).unwrap()
}

/// A delta of all tables but the first, which comes whole. The server stops so many times; `read` is called with how
/// many tables are read.
fn pull(
    serve: &Serve,
    target: &mut Conn,
    after: &[Option<&str>],
    held: usize,
    mut read: impl FnMut(usize),
) -> Vec<TableStatus> {
    let http = Http::new(serve);
    let names: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    let wanted: Vec<_> =
        names.iter().copied().zip(std::iter::once(None).chain(after.iter().copied())).collect();
    let run = begin(&http, &wanted);
    for step in 1..=held {
        wait_for("a table that is read", || is_held(serve.pid()));
        read(step);
        let_go(serve.pid());
    }
    let status = http.complete(&run);
    exec(target, "DELETE FROM a_labels");
    for name in names {
        load(target, &http.table(&run, name));
    }
    http.delete(&format!("runs/{run}"));
    status.tables
}
