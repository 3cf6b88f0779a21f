//! A schema of very many small tables is pulled, and nothing on the way takes the square of their number.
//!
//! `BACKFILL_TEST_TABLES=2000` says how many.

use crate::harness::{Add, FLAVOURS, Servers, Site, exec, short};
use crate::oracle;
use backfill::schema::Flavour;

/// As many as a test has time for: a pull spends its time in statements about one table each.
const TABLES: usize = 150;
/// Each table refers to one made so many before it.
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
    let number = std::env::var("BACKFILL_TEST_TABLES").ok().and_then(|text| text.parse().ok());
    let tables: usize = number.unwrap_or(TABLES);
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
    let serve = site.serve();
    let printed = site.pull(&serve);
    let here = oracle::contents(&mut conn, &[]);
    assert_eq!(here.len(), tables);
    assert!(here == oracle::contents(&mut site.target_conn(), &[]), "{printed}");
}
