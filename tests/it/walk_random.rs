//! Tables are read in ranges that are complete and disjoint, whatever their keys hold: random keys of random types,
//! sparse, skewed, composite, in every collation's order, read by the program in steps of 1, 2, 4, … rows.
//!
//! Each seed makes a set of tables on each server; `BACKFILL_TEST_SEED=7` runs that seed alone.

use crate::harness::{Add, FLAVOURS, Servers, Site, exec, short};
use crate::oracle;
use crate::subset_shape::Dice;
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::collections::BTreeSet;

/// Tables of one seed.
const TABLES: usize = 24;
/// Row counts at which steps that double end with the last row, just before it and just behind it.
const COUNTS: [usize; 12] = [0, 1, 2, 3, 4, 7, 8, 15, 30, 31, 62, 127];

/// What a key's columns are made of.
const TYPES: [&str; 14] = [
    "INT",
    "BIGINT UNSIGNED",
    "TINYINT",
    "DECIMAL(30,10)",
    "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci",
    "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german2_ci",
    "CHAR(6) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "VARBINARY(6)",
    "BINARY(3)",
    "DATETIME(6)",
    "TIME(2)",
    "ENUM('z', 'a', 'M', '2', '10')",
    "FLOAT",
];

/// The same of a collation that only one family has, in which blanks at the end count.
fn own_type(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Mariadb => "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_nopad_as_ci",
        Flavour::Mysql => "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_ci",
    }
}

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("walk_random::every_row_comes_once::{}", short(flavour)),
            Box::new(move |servers| every_row_comes_once(servers, flavour)),
        );
    }
}

fn every_row_comes_once(servers: &Servers, flavour: Flavour) {
    let seed = std::env::var("BACKFILL_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let site = Site::new(servers, flavour, flavour);
    let mut conn = site.source_conn();
    let mut dice = Dice::new(seed);
    let tables: Vec<String> =
        (0..TABLES).map(|number| table(&mut conn, &mut dice, number, flavour)).collect();
    pretend_wide_rows(&mut conn, &tables, flavour);
    let limits: String = tables.iter().map(|name| format!("{name} = {{ where = \"n >= 0\" }}\n")).collect();
    let limits = format!("[limits]\n{limits}[privacy]\npolicy = \"open\"\n");
    for (way, server, rest) in [
        ("direct", "chunk_size = 5", "[privacy]\npolicy = \"open\"\n"),
        ("copied", "", limits.as_str()),
        ("select", "temp_strategy = \"select\"", limits.as_str()),
    ] {
        site.configure_server(server, rest);
        let serve = site.serve();
        site.pull(&serve);
        for name in &tables {
            let sent = oracle::rows(&mut conn, name, &[]);
            let arrived = oracle::rows(&mut site.target_conn(), name, &[]);
            let made: Option<(String, String)> =
                conn.query_first(format!("SHOW CREATE TABLE {name}")).unwrap();
            assert_eq!(sent, arrived, "BACKFILL_TEST_SEED={seed}, {way}: {}", made.unwrap().1);
        }
    }
}

/// Makes a table with a random key and random rows.
fn table(conn: &mut Conn, dice: &mut Dice, number: usize, flavour: Flavour) -> String {
    let name = format!("t{number}");
    let known: Vec<&str> = TYPES.into_iter().chain([own_type(flavour)]).collect();
    let types: Vec<&str> = (0..=dice.roll(3)).map(|_| *dice.pick(&known)).collect();
    let columns: Vec<String> =
        types.iter().enumerate().map(|(at, column_type)| format!("k{at} {column_type} NOT NULL")).collect();
    let parts: Vec<String> =
        types.iter().enumerate().map(|(at, column_type)| part(dice, at, column_type)).collect();
    let word = if dice.chance(70) { "PRIMARY KEY" } else { "UNIQUE KEY" };
    exec(
        conn,
        &format!(
            "CREATE TABLE {name} (n INT NOT NULL, {}, {word} ({})) ENGINE=InnoDB STATS_PERSISTENT=1 STATS_AUTO_RECALC=0",
            columns.join(", "),
            parts.join(", ")
        ),
    );
    let narrow = dice.chance(40);
    let rows: Vec<String> = (0..*dice.pick(&COUNTS))
        .map(|n| {
            // Where the first columns have few values, much hangs on the last.
            let values: Vec<String> =
                (0..types.len()).map(|at| value(dice, types[at], narrow && at + 1 < types.len())).collect();
            format!("({n}, {})", values.join(", "))
        })
        .collect();
    if !rows.is_empty() {
        // What is equal by collation is one key.
        exec(conn, &format!("INSERT IGNORE INTO {name} VALUES {}", rows.join(", ")));
    }
    name
}

fn part(dice: &mut Dice, at: usize, column_type: &str) -> String {
    let prefix = if column_type.starts_with("VARCHAR") && dice.chance(15) { "(2)" } else { "" };
    let order = if dice.chance(15) { " DESC" } else { "" };
    format!("k{at}{prefix}{order}")
}

fn value(dice: &mut Dice, column_type: &str, few: bool) -> String {
    const LETTERS: [&str; 20] = [
        "a", "A", "ä", "Ä", "b", "B", "z", "Z", "ß", "s", "ss", "é", "E", " ", "''", "\\\\", "%", "_", "0",
        "-",
    ];
    let reach = if few || dice.chance(50) { 3 } else { 2_000_000_000 };
    let kind = column_type.split(['(', ' ']).next().unwrap();
    match kind {
        "INT" => dice.between(-reach, reach).to_string(),
        "TINYINT" => dice.between(-reach.min(128), reach.min(127)).to_string(),
        "BIGINT" => {
            let near = *dice.pick(&[4, 9_223_372_036_854_775_807, 18_446_744_073_709_551_611_u64]);
            let off = u64::try_from(dice.between(0, 4)).unwrap();
            if dice.chance(50) { near + off } else { near - off }.to_string()
        }
        "DECIMAL" => format!("{}.{:010}", dice.between(-reach, reach), dice.between(0, 3)),
        "VARCHAR" | "CHAR" => {
            let length = dice.roll(if few { 2 } else { 6 });
            format!("'{}'", (0..length).map(|_| *dice.pick(&LETTERS)).collect::<String>())
        }
        "VARBINARY" | "BINARY" => {
            let length = dice.roll(4);
            let bytes: String =
                (0..length).map(|_| *dice.pick(&["00", "20", "27", "5c", "61", "ff"])).collect();
            format!("x'{bytes}'")
        }
        "DATETIME" => format!(
            "'{}-01-{:02} 00:00:00.{:06}'",
            dice.pick(&["0000", "1969", "2024", "9999"]),
            dice.between(1, 28),
            dice.between(0, 3)
        ),
        "TIME" => {
            format!("'{}{}:00:00.{:02}'", dice.pick(&["", "-"]), dice.between(0, 838), dice.between(0, 2))
        }
        "ENUM" => format!("'{}'", dice.pick(&["z", "a", "M", "2", "10"])),
        _ => format!("{}e-1", dice.between(-reach, reach)),
    }
}

/// Has the server estimate that rows are so wide that one is read first, then two, four, …
fn pretend_wide_rows(conn: &mut Conn, tables: &[String], flavour: Flavour) {
    let list = tables.join(", ");
    exec(conn, &format!("ANALYZE TABLE {list}"));
    exec(
        conn,
        "UPDATE mysql.innodb_table_stats SET n_rows = 1, clustered_index_size = 64 WHERE database_name = DATABASE()",
    );
    exec(conn, &format!("FLUSH TABLES {list}"));
    match flavour {
        // It keeps what it knows of a table until the table gets another name.
        Flavour::Mariadb => {
            for name in tables {
                exec(conn, &format!("RENAME TABLE {name} TO renamed, renamed TO {name}"));
            }
        }
        Flavour::Mysql => exec(conn, "SET SESSION information_schema_stats_expiry = 0"),
    }
    let estimates: BTreeSet<(u64, u64)> = conn
        .query_iter(
            "SELECT TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()",
        )
        .unwrap()
        .map(|row| mysql::from_row(row.unwrap()))
        .collect();
    assert_eq!(estimates, BTreeSet::from([(1, 64 * 16 * 1024)]));
}
