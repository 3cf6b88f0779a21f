//! Production changes while limits pick rows of it: lists of kept rows are older than the rows that are copied, and a
//! pull is still without a row that lacks its parent, unless production has it so.

use crate::cli_common::Out;
use crate::harness::{Add, FLAVOURS, Serve, Site, connect, exec, is_held, let_go, short};
use crate::srv_live::{
    NUMBERED, RULES, STILL, Stop, dangling, do_all, end_of_family, family, prepare, pull, still_rows,
};
use backfill::fault::HOLD_AT;
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::Value;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Beside what [`crate::srv_live`] has: notes on two kinds of rows, tags on notes.
const TABLES: &[&str] = &[
    "CREATE TABLE m_notes (id INT NOT NULL PRIMARY KEY, kind VARCHAR(10) NOT NULL, of_id INT NULL, words VARCHAR(90) \
     NULL, KEY (kind, of_id)) ENGINE=InnoDB",
    "CREATE TABLE a_tags (id INT NOT NULL PRIMARY KEY, note_id INT NOT NULL, KEY (note_id)) ENGINE=InnoDB",
];

/// Drivers above and below, ruled and not, in a circle. Of what moves, each picks some.
const LIMITS: &str = r#"
[limits]
k_users = { where = "id <= 60 OR (id > 1000 AND id % 3 <> 0)" }
h_items = { where = "id <= 40 OR (id > 1000 AND id % 4 = 0)", order_by = "id", direction = "asc", max_rows = 100000 }
d_products = { where = "shop < 200 OR shop > 1000" }
l_left = { where = "id <= 60 OR id % 7 <> 0" }
[[relations]]
table = "m_notes"
columns = ["of_id"]
references = "k_users"
referenced_columns = ["id"]
when = { kind = "user" }
[[relations]]
table = "m_notes"
columns = ["of_id"]
references = "e_orders"
referenced_columns = ["id"]
when = { kind = "order" }
[[relations]]
table = "a_tags"
columns = ["note_id"]
references = "m_notes"
referenced_columns = ["id"]
[sanitize.m_notes]
words = "text"
"#;

/// Rows without parents of the relations above.
const LOOSE: &[(&str, &str)] = &[
    ("m_notes of users", "m_notes c LEFT JOIN k_users p ON p.id = c.of_id WHERE c.kind = 'user' AND c.of_id"),
    (
        "m_notes of orders",
        "m_notes c LEFT JOIN e_orders p ON p.id = c.of_id WHERE c.kind = 'order' AND c.of_id",
    ),
    ("a_tags", "a_tags c LEFT JOIN m_notes p ON p.id = c.note_id WHERE c.note_id"),
];

/// A user at rest who is not kept.
const NOT_KEPT: u32 = 251;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for strategy in ["database", "tables"] {
            add(
                format!("srv_live_limits::under_writers::{strategy}::{}", short(flavour)),
                Box::new(move |servers| under_writers(&Site::new(servers, flavour, flavour), strategy)),
            );
        }
        add(
            format!("srv_live_limits::behind_the_lists::{}", short(flavour)),
            Box::new(move |servers| behind_the_lists(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// A family of [`crate::srv_live`] with notes, half of which say another thing later.
fn noted(n: u32) -> Vec<String> {
    let mut statements = family(n);
    let below = n + 1;
    statements.extend([
        format!("INSERT INTO m_notes VALUES ({n}, 'user', {n}, 'words {n}')"),
        format!("INSERT INTO m_notes VALUES ({below}, 'order', {below}, 'words {below}')"),
        format!("INSERT INTO a_tags VALUES ({n}, {n}), ({below}, {below})"),
    ]);
    statements
}

/// Rows of a family get other parents: kept ones, ones that no limit picks, others of the family.
fn moves(n: u32) -> Vec<String> {
    let parent = match n % 3 {
        0 => 1,
        1 => NOT_KEPT,
        _ => n + 1,
    };
    vec![
        format!("UPDATE e_orders SET user_id = {parent} WHERE id = {n}"),
        format!("UPDATE m_notes SET kind = 'order', of_id = {n} WHERE id = {n}"),
        format!("UPDATE a_tags SET note_id = {} WHERE id = {n}", n + 1),
        format!("UPDATE k_users SET boss_id = 3 WHERE id = {}", n + 1),
        // Not to the family's other order: an item that is wanted would keep the user beside it.
        format!("UPDATE h_items SET order_id = 1 WHERE id = {}", n + 1),
    ]
}

/// The family goes, by a DELETE on every table.
fn end(n: u32) -> Vec<String> {
    let tables = ["a_tags", "m_notes", "f_reviews"];
    let mut statements: Vec<String> =
        tables.iter().map(|table| format!("DELETE FROM {table} WHERE id IN ({n}, {})", n + 1)).collect();
    statements.push(format!("DELETE FROM h_items WHERE id = {}", n + 1));
    statements.push(format!("UPDATE h_items SET shop = 1, sku = 'sku-1' WHERE id = {n}"));
    statements.push(format!("DELETE FROM e_orders WHERE id = {n}"));
    statements.extend(end_of_family(n));
    statements
}

/// What a quiet pull gives of the rows at rest.
struct Quiet {
    dangling: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn tables() -> impl Iterator<Item = (&'static str, &'static str)> {
    NUMBERED.iter().copied().chain([("m_notes", "id"), ("a_tags", "id")])
}

fn all_dangling(site: &Site<'_>, conn: &mut Conn) -> Vec<String> {
    let mut found = dangling(site, conn);
    for (name, join) in LOOSE {
        let ids: Vec<u32> =
            conn.query(format!("SELECT c.id FROM {join} IS NOT NULL AND p.id IS NULL ORDER BY 1")).unwrap();
        found.extend(ids.iter().map(|id| format!("{name} {id}")));
    }
    found
}

impl Quiet {
    fn of(site: &Site<'_>) -> Self {
        let mut conn = site.target_conn();
        let rows = tables().map(|(table, number)| still_rows(&mut conn, table, number, &["m_notes.words"]));
        let rows = rows.collect();
        Self { dangling: all_dangling(site, &mut conn), rows }
    }

    /// Makes the source and pulls it before anything moves.
    fn prepare(site: &Site<'_>, server: &str) -> (Self, Serve) {
        prepare(site);
        let mut conn = site.source_conn();
        do_all(&mut conn, &TABLES.iter().map(|sql| (*sql).to_owned()).collect::<Vec<_>>());
        exec(&mut conn, "START TRANSACTION");
        for n in (1..STILL).step_by(2) {
            do_all(&mut conn, &noted(n)[family(n).len()..]);
        }
        exec(&mut conn, "COMMIT");
        site.configure_server(server, &format!("{LIMITS}{RULES}"));
        let serve = site.serve();
        site.pull(&serve);
        let quiet = Self::of(site);
        let at_source = all_dangling(site, &mut conn);
        assert!(quiet.dangling.iter().all(|row| at_source.contains(row)), "{:?}", quiet.dangling);
        assert!(!quiet.dangling.is_empty(), "some wanted rows dangle");
        for ((table, _), rows) in tables().zip(&quiet.rows) {
            let all: usize = conn.query_first(format!("SELECT COUNT(*) FROM {table}")).unwrap().unwrap();
            let whole = table == "b_shops";
            assert!(!rows.is_empty() && (rows.len() < all) != whole, "{table}: {} of {all}", rows.len());
        }
        let not_kept: u64 = site
            .target_conn()
            .query_first(format!("SELECT COUNT(*) FROM k_users WHERE id = {NOT_KEPT}"))
            .unwrap()
            .unwrap();
        assert_eq!(not_kept, 0, "a user that is not kept");
        (quiet, serve)
    }

    fn check(&self, site: &Site<'_>, what: &str) {
        let now = Self::of(site);
        assert_eq!(now.dangling, self.dangling, "{what}");
        for ((table, _), (now, quiet)) in tables().zip(now.rows.iter().zip(&self.rows)) {
            assert_eq!(now, quiet, "{what}: {table}");
        }
    }
}

/// Families come, move and go all the time.
fn under_writers(site: &Site<'_>, strategy: &str) {
    let (quiet, serve) = Quiet::prepare(site, &format!("temp_strategy = \"{strategy}\""));
    let stop = AtomicBool::new(false);
    let written = AtomicU64::new(0);
    let errors = Mutex::new(Vec::new());
    let mut live = 0;
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        for writer in 0..2_u32 {
            let mut conn = connect(site.source, &site.source_db);
            let (stop, written, errors) = (&stop, &written, &errors);
            scope.spawn(move || {
                let first = 10_001 + writer * 1_000_000;
                for n in (first..).step_by(2) {
                    if stop.load(Ordering::Acquire) {
                        break;
                    }
                    let mut statements = noted(n);
                    for (age, act) in [(20, moves as fn(u32) -> Vec<String>), (40, end)] {
                        if n >= first + age {
                            statements.extend(act(n - age));
                        }
                    }
                    for statement in &statements {
                        if let Err(error) = conn.query_drop(statement) {
                            errors.lock().unwrap().push(format!("{error} in: {statement}"));
                        }
                    }
                    written.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        for round in 0..6 {
            let arguments = if round % 2 == 0 { &["--yes", "--verify"][..] } else { &["--yes"] };
            let out = Out::of(&pull(site, &serve, arguments).wait_with_output().unwrap());
            let out = out.good("a pull under writers");
            quiet.check(site, &format!("round {round}\n{}", out.all()));
            let query = "SELECT COUNT(*) FROM e_orders WHERE id > 10000";
            live += site.target_conn().query_first::<u64, _>(query).unwrap().unwrap();
        }
    });
    assert!(written.load(Ordering::Acquire) > 20, "the writers wrote");
    assert!(live > 0, "some of what moves is kept");
    let errors = errors.into_inner().unwrap();
    assert!(errors.is_empty(), "{errors:?}");
}

/// Once the lists are made, and then between the copies of any two tables: kept parents go, fresh ones come and get
/// kept children, children move to parents that are not kept, fresh children come to those.
fn behind_the_lists(site: &Site<'_>) {
    let (quiet, serve) = Quiet::prepare(site, "");
    drop(serve);
    let mut conn = site.source_conn();
    let (doomed, moved, born) =
        (|step: u32| 1001 + step * 10, |step: u32| 3001 + step * 10, |step: u32| 5001 + step * 10);
    let steps_max = 20;
    for step in 0..steps_max {
        do_all(&mut conn, &noted(doomed(step)));
        do_all(&mut conn, &noted(moved(step)));
    }
    let mut command = site.command("server");
    let held = command.env(HOLD_AT, "subset.listed,table.read").args(["-v", "serve", "--threads", "1"]);
    let serve = Serve::start(held);
    let mut child = pull(site, &serve, &["--yes", "--json", "--verify"]);
    let mut step = 0;
    while child.try_wait().unwrap().is_none() {
        if is_held(serve.pid()) {
            let (old, new) = (moved(step), born(step));
            do_all(&mut conn, &end(doomed(step)));
            do_all(&mut conn, &noted(new));
            do_all(&mut conn, &moves(old));
            // To parents that came behind the lists.
            exec(&mut conn, &format!("UPDATE e_orders SET user_id = {new} WHERE id = {}", old + 1));
            exec(
                &mut conn,
                &format!("UPDATE f_reviews SET shop = {new}, sku = 'sku-{new}' WHERE id = {old}"),
            );
            exec(&mut conn, &format!("UPDATE l_left SET right_id = {new} WHERE id = {old}"));
            // A fresh child of a parent that is not kept.
            exec(&mut conn, &format!("INSERT INTO e_orders VALUES ({}, {NOT_KEPT}, {NOT_KEPT})", new + 2));
            step += 1;
            let_go(serve.pid());
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let out = Out::of(&child.wait_with_output().unwrap()).good("a pull of a moving source");
    assert_eq!(step, 12, "moments behind the lists and between tables");
    let summary: Value = serde_json::from_str(&out.stdout).unwrap();
    let notes = summary["notes"].to_string();
    for table in ["e_orders", "h_items", "f_reviews", "l_left", "m_notes", "a_tags"] {
        assert!(notes.contains(&format!("of `{table}`")), "{table}: {notes}");
    }
    quiet.check(site, &format!("{notes}\n{}", serve.log()));
    let fresh: u64 = site
        .target_conn()
        .query_first(format!("SELECT COUNT(*) FROM e_orders WHERE user_id = {NOT_KEPT}"))
        .unwrap()
        .unwrap();
    assert_eq!(fresh, 0, "orders of a user that is not kept");
}
