//! The main job in all four directions: what arrives is what was there, but for what the rules mask.

use crate::fixture::{self, RULED, RULES};
use crate::harness::{Add, FLAVOURS, Site, short};
use crate::oracle;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for source in FLAVOURS {
        for target in FLAVOURS {
            let direction = format!("{}_to_{}", short(source), short(target));
            add(
                format!("directions::everything_arrives::{direction}"),
                Box::new(move |servers| {
                    let site = Site::new(servers, source, target);
                    fixture::load(&mut site.source_conn(), 1200);
                    site.configure_server("", RULES);
                    everything_arrives(&site);
                }),
            );
        }
    }
}

fn everything_arrives(site: &Site<'_>) {
    let before = oracle::contents(&mut site.source_conn(), &[]);
    let serve = site.serve();
    let printed = site.pull(&serve);
    // A second pull replaces what the first made, by the same way.
    site.pull(&serve);
    assert_eq!(before, oracle::contents(&mut site.source_conn(), &[]), "production changed");

    let expected = oracle::contents(&mut site.source_conn(), RULED);
    let arrived = oracle::contents(&mut site.target_conn(), RULED);
    for (table, rows) in &expected {
        assert_eq!(Some(rows), arrived.get(table), "table {table}\n{printed}");
    }
    rules_hold(site);
    keys_and_triggers_hold(site);
}

/// What each of the eight types makes of a value, NULL and `exclude` included.
fn rules_hold(site: &Site<'_>) {
    let mut conn = site.target_conn();
    let one = |conn: &mut mysql::Conn, query: &str| conn.query_first::<i64, _>(query).unwrap().unwrap();
    let users = one(&mut conn, "SELECT COUNT(*) FROM users");
    for (what, condition) in [
        ("email", "email LIKE '%@example.test' OR email LIKE '%@yourcompany.com'"),
        ("name", "name = CONCAT('User_', id)"),
        ("phone", "phone = CONCAT('+1555', LPAD(id, 7, '0'))"),
        ("password", "password = '$2y$10$92IXUNpkjO0rOQ5byMi.Ye4oKoEa3Ro9llC/.og/at2.uheWG/igi'"),
        ("notes", "notes REGEXP '^text_[0-9a-f]{32}$' OR (notes IS NULL AND id % 7 = 0)"),
        ("token", "token IS NULL"),
        ("home", "home = CONCAT(id, ' Example St')"),
        ("last_ip", "last_ip REGEXP '^192\\\\.168\\\\.[0-9]+\\\\.[0-9]+$'"),
    ] {
        let held = one(&mut conn, &format!("SELECT COUNT(*) FROM users WHERE {condition}"));
        assert_eq!(held, users, "rule {what}");
    }
    assert_eq!(one(&mut conn, "SELECT COUNT(DISTINCT email) FROM users"), users);
    let staff = one(&mut conn, "SELECT COUNT(*) FROM users WHERE email LIKE '%@yourcompany.com'");
    assert_eq!(staff, users / 10, "excluded mails stay");
}

fn keys_and_triggers_hold(site: &Site<'_>) {
    let keys = "SELECT CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS \
                WHERE CONSTRAINT_SCHEMA = DATABASE() AND UNIQUE_CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1, 2";
    let source: Vec<(String, String, String)> = site.source_conn().query(keys).unwrap();
    let target: Vec<(String, String, String)> = site.target_conn().query(keys).unwrap();
    assert_eq!(source, target, "foreign keys");
    let indexes = "SELECT TABLE_NAME, INDEX_NAME, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX), MIN(NON_UNIQUE) \
                   FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() GROUP BY 1, 2 ORDER BY 1, 2";
    let source: Vec<(String, String, String, i64)> = site.source_conn().query(indexes).unwrap();
    let target: Vec<(String, String, String, i64)> = site.target_conn().query(indexes).unwrap();
    assert_eq!(source, target, "indexes");
    let left: Vec<String> = site
        .target_conn()
        .query(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '\\_backfill\\_%' \
             AND 1 = (SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'dev\\_%')",
        )
        .unwrap();
    assert_eq!(left, Vec::<String>::new(), "nothing is left behind");
}
