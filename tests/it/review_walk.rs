//! Tables are read in steps along their keys: whatever the key's type, order and length, every row comes once.

use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::oracle;
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for ruled in [false, true] {
            let way = if ruled { "copied" } else { "direct" };
            add(
                format!("review_walk::keys_of_every_kind::{way}_{}", short(flavour)),
                Box::new(move |servers| {
                    let site = Site::new(servers, flavour, flavour);
                    keys(&mut site.source_conn(), flavour);
                    arrives(&site, ruled);
                }),
            );
        }
        add(
            format!("review_walk::keys_longer_than_a_sort_compares::{}", short(flavour)),
            Box::new(move |servers| {
                let site = Site::new(servers, flavour, flavour);
                long_keys(&mut site.source_conn(), flavour);
                arrives(&site, false);
            }),
        );
    }
}

fn arrives(site: &Site<'_>, ruled: bool) {
    if ruled {
        let tables: Vec<String> = site.source_conn().query("SHOW TABLES").unwrap();
        let rules: String =
            tables.iter().map(|table| format!("[sanitize.{table}]\npad = \"null\"\n")).collect();
        site.configure_server("", &rules);
    }
    let serve = site.serve();
    let printed = site.pull(&serve);
    let (mut source, mut target) = (site.source_conn(), site.target_conn());
    let tables: Vec<String> = source.query("SHOW TABLES").unwrap();
    assert!(!tables.is_empty());
    for table in tables {
        let pad = format!("{table}.pad");
        let except = if ruled { vec![pad.as_str()] } else { Vec::new() };
        let (expected, arrived) =
            (oracle::rows(&mut source, &table, &except), oracle::rows(&mut target, &table, &except));
        assert_eq!(expected.len(), arrived.len(), "rows of {table}\n{printed}");
        assert!(expected == arrived, "contents of {table}\n{printed}");
    }
}

/// Rows so wide that the first steps read one, two, four of them.
fn table(conn: &mut Conn, name: &str, columns: &str, key: &str, rows: &[&str]) {
    exec(conn, &format!("CREATE TABLE {name} ({columns}, pad MEDIUMTEXT, {key}) ENGINE=InnoDB"));
    for row in rows {
        exec(conn, &format!("INSERT INTO {name} VALUES ({row}, REPEAT('x', 250000))"));
    }
    exec(conn, &format!("ANALYZE TABLE {name}"));
}

fn keys(conn: &mut Conn, flavour: Flavour) {
    let pk = "PRIMARY KEY (k)";
    table(
        conn,
        "years",
        "k YEAR NOT NULL, n INT NOT NULL",
        "PRIMARY KEY (k, n)",
        &["0, 1", "0, 2", "0, 3", "1901, 1", "1901, 2", "2000, -1", "2000, 5", "2155, 0"],
    );
    table(
        conn,
        "times",
        "k TIME(3) NOT NULL",
        pk,
        &["'-838:59:59'", "'-00:00:00.5'", "0", "'00:00:00.001'", "'12:00'", "'838:59:59'"],
    );
    table(
        conn,
        "moments",
        "k DATETIME(6) NOT NULL",
        pk,
        &[
            "'0000-00-00'",
            "'0000-01-00'",
            "'2024-02-31'",
            "'2024-03-01'",
            "'2024-03-01 00:00:00.000001'",
            "'9999-12-31 23:59:59'",
        ],
    );
    table(
        conn,
        "stamps",
        "k TIMESTAMP(2) NOT NULL",
        pk,
        &[
            "0",
            "'1970-01-01 00:00:01'",
            "'2024-10-27 00:30:00'",
            "'2024-10-27 01:30:00'",
            "'2038-01-19 03:14:07'",
        ],
    );
    table(
        conn,
        "numbers",
        "k BIGINT UNSIGNED NOT NULL",
        pk,
        &["0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615"],
    );
    table(
        conn,
        "decimals",
        "k DECIMAL(40,20) NOT NULL",
        pk,
        &["-1", "-0.00000000000000000001", "0", "0.1", "12345678901234567890.00000000000000000001"],
    );
    table(
        conn,
        "bytes",
        "k VARBINARY(20) NOT NULL",
        pk,
        &["''", "x'00'", "x'0000'", "'a'", "'a '", "x'6100'", "x'ff'"],
    );
    table(conn, "fixed", "k BINARY(3) NOT NULL", pk, &["''", "x'0001'", "'a'", "'ab'", "x'ffffff'"]);
    for (name, charset, collation, values) in [
        ("ci", "utf8mb4", "utf8mb4_general_ci", ["''", "'a'", "'ab'", "'B'", "'é1'", "'ß'", "'z|'"]),
        ("bin", "utf8mb4", "utf8mb4_bin", ["''", "'a'", "'A'", "'é'", "'🦀'", "'a\\t'", "'\\\\'"]),
        ("german", "latin1", "latin1_german2_ci", ["''", "'ae1'", "'ä2'", "'oe'", "'z'", "'ß9'", "'ss8'"]),
        ("japan", "sjis", "sjis_japanese_ci", ["''", "'a'", "'ソ'", "'表'", "'能'", "'ア'", "'z'"]),
        ("wide", "ucs2", "ucs2_general_ci", ["''", "'a'", "'é'", "'表'", "'z'", "'ä2'", "'0'"]),
    ] {
        let columns =
            format!("k VARCHAR(20) CHARACTER SET {charset} COLLATE {collation} NOT NULL, n INT NOT NULL");
        let rows: Vec<String> =
            values.iter().flat_map(|value| [format!("{value}, 1"), format!("{value}, 2")]).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        table(conn, &format!("text_{name}"), &columns, "PRIMARY KEY (k, n)", &rows);
    }
    let grid: Vec<String> = (0..4).flat_map(|a| (0..4).map(move |b| format!("{a}, {b}"))).collect();
    let grid: Vec<&str> = grid.iter().map(String::as_str).collect();
    table(conn, "mixed", "a INT NOT NULL, b INT NOT NULL", "PRIMARY KEY (a, b DESC)", &grid);
    // A generated key is not in the copies.
    exec(
        conn,
        "CREATE TABLE computed (a INT NOT NULL, pad MEDIUMTEXT, g INT AS (a * 2) STORED, PRIMARY KEY (a)) ENGINE=InnoDB",
    );
    if flavour == Flavour::Mysql {
        exec(
            conn,
            "ALTER TABLE computed MODIFY g INT AS (a * 2) STORED NOT NULL, DROP PRIMARY KEY, ADD PRIMARY KEY (g)",
        );
    }
    exec(conn, "INSERT INTO computed (a, pad) VALUES (3, 'x'), (1, 'y'), (2, NULL)");
}

/// Many short rows whose keys begin alike for longer than `max_sort_length`, and indexes that are in no order.
fn long_keys(conn: &mut Conn, flavour: Flavour) {
    let fill = |conn: &mut Conn, table: &str| {
        if flavour == Flavour::Mysql {
            exec(conn, "SET SESSION cte_max_recursion_depth = 100000");
        }
        exec(
            conn,
            &format!(
                "INSERT INTO {table} WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) \
                 SELECT CONCAT(REPEAT('p', 300), LPAD(i * 7919 % 4001, 6, '0')) FROM n"
            ),
        );
        exec(conn, &format!("ANALYZE TABLE {table}"));
    };
    exec(
        conn,
        "CREATE TABLE half (name VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, PRIMARY KEY (name(400))) \
         ENGINE=InnoDB",
    );
    fill(conn, "half");
    if flavour == Flavour::Mariadb {
        exec(
            conn,
            "CREATE TABLE hashed (name VARCHAR(2000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, UNIQUE KEY (name)) \
             ENGINE=InnoDB",
        );
        fill(conn, "hashed");
    }
}
