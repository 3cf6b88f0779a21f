//! A schema of very many small tables is pulled: a subset of all of them into an empty schema, and everything over what is
//! there then.
//!
//! `BACKFILL_TEST_TABLES=2000` says how many; `make test-full` does.

use crate::extent::number;
use crate::harness::{Add, FLAVOURS, Servers, Site, exec, short};
use crate::oracle;
use backfill::schema::Flavour;
use mysql::prelude::Queryable;

/// As many as a test has time for: a pull spends its time in statements about one table each, most of it in the target's
/// `CREATE`, `RENAME` and `DROP`.
const TABLES: usize = 80;
/// Each other table refers to one made so many before it.
const APART: usize = 7;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("thousands::of_tables_arrive::{}", short(flavour)),
            Box::new(move |servers| arrive(servers, flavour)),
        );
    }
}

fn arrive(servers: &Servers, flavour: Flavour) {
    let tables: usize = number("BACKFILL_TEST_TABLES").unwrap_or(TABLES);
    let site = Site::new(servers, flavour, flavour);
    let mut conn = site.source_conn();
    for n in 0..tables {
        let key = match n.checked_sub(APART).filter(|_| n % 2 == 0) {
            Some(parent) => format!(", CONSTRAINT k{n} FOREIGN KEY (up) REFERENCES t{parent} (id)"),
            None => String::new(),
        };
        exec(
            &mut conn,
            &format!("CREATE TABLE t{n} (id INT NOT NULL PRIMARY KEY, up INT, t VARCHAR(9), KEY t (t){key})"),
        );
        exec(&mut conn, &format!("INSERT INTO t{n} VALUES (1, 1, 'a'), ({}, 1, NULL)", n + 2));
    }
    // Of each parent one row is kept, which no child refers to.
    let limits: String = (1..tables).step_by(2).map(|n| format!("t{n} = {{ max_rows = 1 }}\n")).collect();
    let rest = format!("[privacy]\npolicy = \"open\"\n[limits]\n{limits}");
    site.configure_server("temp_strategy = \"select\"", &rest);
    let printed = site.pull(&site.serve());
    let mut target = site.target_conn();
    for (table, rows) in [("t0", 2), ("t1", 1), ("t8", 0), ("t15", 1)] {
        let found: Option<u64> = target.query_first(format!("SELECT COUNT(*) FROM {table}")).unwrap();
        assert_eq!(found, Some(rows), "{table}\n{printed}");
    }
    site.configure_server("", "[privacy]\npolicy = \"open\"\n");
    let printed = site.pull(&site.serve());
    let here = oracle::contents(&mut conn, &[]);
    assert_eq!(here.len(), tables);
    assert!(here == oracle::contents(&mut target, &[]), "{printed}");
}
