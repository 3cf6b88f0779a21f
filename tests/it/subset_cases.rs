//! Limits on tables of every shape that the random schemas do not have: keys of every type, odd names, long chains.

use crate::harness::{Add, FLAVOURS, Servers, connect, exec, short};
use crate::subset_select::{Selected, assert_refusal, is_refused};
use backfill::db::introspect::load_schema;
use backfill::db::lock::LockKeeper;
use backfill::db::{Connection, Role};
use backfill::plan::reference::{Relation, references};
use backfill::plan::run::Selection;
use backfill::plan::subset::check::{Ground, check};
use backfill::plan::subset::{Direction, Limit, SubsetInputs, SubsetPlan, row_alias};
use backfill::schema::Flavour;
use backfill::source::workspace::{Home, Layout, Workspace, Writer, subset};
use backfill::sql::select::Range;
use mysql::Conn;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        let mut case = |name: &str, test: fn(&mut Place<'_>)| {
            add(
                format!("subset_cases::{name}::{}", short(flavour)),
                Box::new(move |servers| test(&mut Place::new(servers, flavour))),
            );
        };
        case("keys_of_every_type", keys_of_every_type);
        case("names_of_every_kind", names_of_every_kind);
        case("tables_of_every_kind", tables_of_every_kind);
        case("long_chains_are_followed_to_their_end", long_chains);
        case("time_zones_reach_from_the_earliest_to_the_latest", time_zones);
        case("values_of_when_are_compared_as_the_column_compares", values_of_when);
        case("conditions_stand_as_they_were_written", conditions);
    }
}

/// A schema of its own, and the limits for it. Every table has a column `rid` that tells its rows apart.
struct Place<'a> {
    servers: &'a Servers,
    flavour: Flavour,
    database: String,
    zone: &'static str,
    /// What the tables are said to hold: rows, and bytes.
    size: (u64, u64),
    conn: Conn,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let _ = self.conn.query_drop(format!("DROP DATABASE IF EXISTS {}", self.database));
    }
}

impl<'a> Place<'a> {
    fn new(servers: &'a Servers, flavour: Flavour) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let database = format!("subset_case_{number}");
        let server = servers.source(flavour);
        exec(&mut server.connect().unwrap(), &format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"));
        let conn = connect(server, &database);
        Self { servers, flavour, database, zone: "+00:00", size: (0, 0), conn }
    }

    fn exec(&mut self, sql: &str) {
        exec(&mut self.conn, sql);
    }

    fn plan(&self, limits: &[Limit], relations: &[Relation]) -> SubsetPlan {
        let endpoint = self.servers.source(self.flavour).endpoint(&self.database);
        let mut schema =
            load_schema(&mut Connection::open(&endpoint, Role::Source).unwrap(), &self.database).unwrap();
        for table in schema.tables.values_mut() {
            (table.row_count, table.bytes) = self.size;
        }
        let selection = Selection::new(&schema, |_| false);
        let ground = Ground { schema: &schema, selection: &selection, is_excluded: &|_| false };
        let checked = check(limits, relations, ground).unwrap();
        let references = references(&selection.served, &schema.foreign_keys, &checked.relations);
        let inputs = SubsetInputs {
            served: &selection.served,
            references: &references,
            limits: &checked.limits,
            moment: "2024-03-15 12:00:00",
            datetime_timezone: self.zone,
        };
        SubsetPlan::new(&inputs, None).unwrap()
    }

    /// The `rid`s of the kept rows of `tables`, each sorted.
    fn kept(&mut self, limits: &[Limit], relations: &[Relation], tables: &[&str]) -> Vec<Vec<i64>> {
        let endpoint = self.servers.source(self.flavour).endpoint(&self.database);
        let keeper = LockKeeper::open(&endpoint, Role::Workspace).unwrap();
        let plan = self.plan(limits, relations);
        let mut workspace =
            Workspace::create(&Home::new(&endpoint, Layout::Schema, None).unwrap(), &keeper, "test").unwrap();
        let mut writer = Writer::open(&workspace, "test", &std::sync::Arc::default()).unwrap();
        let kept = subset::compute(&mut writer, &mut workspace, &self.database, &plan, || true).unwrap();
        let found: Vec<Vec<i64>> = tables.iter().map(|table| self.rows(&kept, table)).collect();
        drop(writer);
        workspace.drop_now().unwrap();
        match Selected::find(&endpoint, &plan) {
            Err(error) if is_refused(&plan) => assert_refusal(&error),
            selected => {
                let mut selected = selected.unwrap();
                for (table, expected) in tables.iter().zip(&found) {
                    selected.assert_looked_up(&mut self.conn, table);
                    let rows = selected.numbers(table, "rid").unwrap().map(|mut rows| {
                        rows.sort_unstable();
                        rows
                    });
                    assert!(rows.is_none_or(|rows| rows == *expected), "`{table}` by strategy `select`");
                }
            }
        }
        found
    }

    fn rows(&mut self, kept: &subset::KeyTables, table: &str) -> Vec<i64> {
        let select = match kept.get(table) {
            Some(_) => Some(kept.rows(table, Range::default()).unwrap()),
            None => kept.direct_rows(table).unwrap(),
        };
        let mut rows: Vec<i64> = match select {
            Some(mut select) => {
                select.list = [format!("{}.`rid`", row_alias())].into();
                self.conn.query(select.to_string()).unwrap()
            }
            None => self.conn.query(format!("SELECT rid FROM `{}`", table.replace('`', "``"))).unwrap(),
        };
        rows.sort_unstable();
        rows
    }
}

fn at_most(table: &str, rows: u64, order_by: Option<&str>) -> Limit {
    Limit {
        table: table.to_owned(),
        max_rows: Some(rows),
        order_by: order_by.map(str::to_owned),
        ..Limit::default()
    }
}

/// Types of keys with six values in ascending order.
const TYPES: &[(&str, [&str; 6])] = &[
    ("TINYINT", ["-128", "-1", "0", "1", "2", "127"]),
    (
        "BIGINT UNSIGNED",
        [
            "0",
            "1",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551614",
            "18446744073709551615",
        ],
    ),
    (
        "DECIMAL(40,20)",
        ["-1.5", "0", "0.00000000000000000001", "1", "99999999999999999999", "99999999999999999999.5"],
    ),
    ("FLOAT", ["-1e30", "-0.1", "0", "0.1", "16777216", "3.4e38"]),
    ("DOUBLE", ["-1e300", "-0.1", "0", "0.1", "9007199254740993", "1.7976931348623157e308"]),
    ("BIT(13)", ["b'0'", "b'1'", "b'10'", "b'100'", "b'1000'", "b'1111111111111'"]),
    (
        "DATE",
        ["'0000-00-00'", "'1000-01-01'", "'2024-02-30'", "'2024-03-01'", "'2024-03-02'", "'9999-12-31'"],
    ),
    (
        "DATETIME(6)",
        [
            "'0000-00-00'",
            "'2024-01-01'",
            "'2024-01-01 00:00:00.000001'",
            "'2024-01-01 00:00:01'",
            "'2024-01-02'",
            "'9999-12-31 23:59:59.999999'",
        ],
    ),
    (
        "TIMESTAMP(3)",
        [
            "'1970-01-01 00:00:01'",
            "'2024-03-31 01:30:00'",
            "'2024-03-31 02:30:00'",
            "'2024-10-27 01:30:00'",
            "'2024-10-27 01:30:00.001'",
            "'2037-01-01'",
        ],
    ),
    (
        "TIME(2)",
        ["'-838:59:59'", "'-00:00:00.01'", "'00:00:00'", "'00:00:00.01'", "'01:00:00'", "'838:59:59'"],
    ),
    ("YEAR", ["0", "1901", "1999", "2000", "2024", "2155"]),
    ("ENUM('z','y','x','a b','o''brien','')", ["'z'", "'y'", "'x'", "'a b'", "'o''brien'", "6"]),
    ("SET('q','p','o')", ["0", "1", "2", "3", "4", "7"]),
    ("CHAR(5) CHARACTER SET latin1", ["''", "'a'", "'b'", "'b b'", "'c'", "'\u{fc}'"]),
    ("VARCHAR(20) COLLATE utf8mb4_bin", ["''", "'A'", "'a'", "'a\\\\'", "'a''b'", "'\u{1f980}'"]),
    (
        "VARCHAR(20) CHARACTER SET sjis",
        ["'a'", "'b'", "'c'", "_sjis x'835c'", "_sjis x'835c5c'", "_sjis x'8f5c'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET utf16 COLLATE utf16_bin",
        ["'a'", "'b'", "'c'", "'d'", "'\u{e9}'", "'\u{fffd}'"],
    ),
    ("BINARY(4)", ["x'00'", "x'0000ff'", "x'27'", "x'5c'", "x'5c27'", "x'ffffffff'"]),
    ("VARBINARY(9)", ["''", "x'00'", "x'0000'", "x'20'", "x'5c27'", "x'ff'"]),
    (
        "UUID",
        [
            "'00000000-0000-0000-0000-000000000001'",
            "'00000000-0000-0000-0000-000000000002'",
            "'11111111-0000-1000-8000-000000000001'",
            "'21111111-0000-1000-8000-000000000001'",
            "'31111111-0000-1000-8000-000000000001'",
            "'f1111111-0000-1000-8000-000000000001'",
        ],
    ),
    ("INET6", ["'::'", "'::1'", "'2001:db8::'", "'2001:db8::1'", "'fe80::'", "'ffff::'"]),
    ("INET4", ["'0.0.0.0'", "'0.0.0.1'", "'10.0.0.1'", "'127.0.0.1'", "'192.168.0.1'", "'255.255.255.255'"]),
];

/// A driver of six rows of which the last three are wanted, a child of it, and a driver below whose one row pulls in
/// the first.
fn keys_of_every_type(place: &mut Place<'_>) {
    let mariadb = place.flavour == Flavour::Mariadb;
    let types = TYPES.iter().filter(|(sql, _)| mariadb || !matches!(*sql, "UUID" | "INET6" | "INET4"));
    for (sql, values) in types {
        place.exec("SET FOREIGN_KEY_CHECKS = 0");
        place.exec("DROP TABLE IF EXISTS parents, children, pulling");
        place.exec("SET FOREIGN_KEY_CHECKS = 1");
        place.exec(&format!(
            "CREATE TABLE parents (rid INT NOT NULL, id {sql} NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB"
        ));
        place.exec(&format!(
            "CREATE TABLE children (rid INT NOT NULL PRIMARY KEY, parent {sql} NULL, \
             FOREIGN KEY (parent) REFERENCES parents (id)) ENGINE=InnoDB"
        ));
        place.exec("CREATE TABLE pulling LIKE children");
        place.exec("ALTER TABLE pulling ADD FOREIGN KEY (parent) REFERENCES parents (id)");
        for (at, value) in values.iter().enumerate() {
            place.exec(&format!("INSERT INTO parents VALUES ({at}, {value})"));
            place.exec(&format!("INSERT INTO children VALUES ({at}, {value})"));
        }
        place.exec("INSERT INTO children VALUES (9, NULL)");
        place.exec(&format!("INSERT INTO pulling VALUES (1, {})", values[0]));
        for size in [(0, 0), (10, 1 << 32), (1_000_000, 1 << 50)] {
            place.size = size;
            for limit in [
                at_most("parents", 3, None),
                at_most("parents", 3, Some("rid")),
                at_most("parents", 3, Some("id")),
            ] {
                let all = Limit { table: "pulling".to_owned(), all: true, ..Limit::default() };
                let found = place.kept(&[limit.clone(), all], &[], &["parents", "children"]);
                assert_eq!(found, [vec![0, 3, 4, 5], vec![0, 3, 4, 5, 9]], "{sql}, {size:?}, {limit:?}");
            }
        }
    }
}

fn names_of_every_kind(place: &mut Place<'_>) {
    let long = "l".repeat(64);
    for statement in [
        format!("CREATE TABLE `{long}` (rid INT NOT NULL, `{long}` INT NOT NULL PRIMARY KEY) ENGINE=InnoDB"),
        format!(
            "CREATE TABLE `order ``by` (rid INT NOT NULL, `select` INT NOT NULL, `with ``tick` INT NULL, `t` INT NULL, \
             PRIMARY KEY (`select`), KEY `an ``index` (`with ``tick`), FOREIGN KEY (`with ``tick`) REFERENCES `{long}` (`{long}`)) ENGINE=InnoDB"
        ),
        "CREATE TABLE `f` (rid INT NOT NULL, `p` INT NOT NULL PRIMARY KEY, `f` INT NULL, `p0` INT NULL, \
         FOREIGN KEY (`f`) REFERENCES `order ``by` (`select`), FOREIGN KEY (`p0`) REFERENCES `f` (`p`)) ENGINE=InnoDB"
            .to_owned(),
        format!("INSERT INTO `{long}` VALUES (1, 1), (2, 2)"),
        "INSERT INTO `order ``by` VALUES (1, 1, 1, 5), (2, 2, 2, 4), (3, 3, NULL, 6)".to_owned(),
        "INSERT INTO `f` VALUES (1, 1, 1, NULL), (2, 2, 2, NULL), (3, 3, 3, 1), (4, 4, 3, 2)".to_owned(),
    ] {
        place.exec(&statement);
    }
    let tables = [long.as_str(), "order `by", "f"];
    let found = place.kept(&[at_most(&long, 1, None)], &[], &tables);
    assert_eq!(found, [vec![2], vec![2, 3], vec![2, 4]]);
    let condition = "`with ``tick` = 1 OR `order ``by`.`t` = 6";
    let limit =
        Limit { table: "order `by".to_owned(), condition: Some(condition.to_owned()), ..Limit::default() };
    assert_eq!(place.kept(&[limit], &[], &tables), [vec![1, 2], vec![1, 3], vec![1, 3]]);
}

fn tables_of_every_kind(place: &mut Place<'_>) {
    let mut statements = vec![
        "CREATE TABLE gate (rid INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
        "INSERT INTO gate VALUES (1), (2)",
        "CREATE TABLE isam (rid INT NOT NULL PRIMARY KEY, gate_id INT NULL) ENGINE=MyISAM",
        "CREATE TABLE parted (rid INT NOT NULL PRIMARY KEY, gate_id INT NULL) ENGINE=InnoDB PARTITION BY HASH (rid) PARTITIONS 3",
        "CREATE TABLE made (rid INT NOT NULL PRIMARY KEY, twice INT AS (rid * 2) STORED UNIQUE, gate_id INT NULL, \
         at INT AS (gate_id + 1) VIRTUAL, FOREIGN KEY (gate_id) REFERENCES gate (rid)) ENGINE=InnoDB",
        "CREATE TABLE below (rid INT NOT NULL PRIMARY KEY, gate_id INT NULL, twice INT AS (rid * 2) STORED, \
         FOREIGN KEY (twice) REFERENCES made (twice), FOREIGN KEY (gate_id) REFERENCES gate (rid)) ENGINE=InnoDB",
        "CREATE TABLE falling (rid INT NOT NULL, gate_id INT NULL, PRIMARY KEY (rid DESC), KEY (gate_id DESC), \
         FOREIGN KEY (gate_id) REFERENCES gate (rid)) ENGINE=InnoDB",
        "CREATE TABLE hidden (rid INT NOT NULL PRIMARY KEY, gate_id INT NULL INVISIBLE, FOREIGN KEY (gate_id) REFERENCES gate (rid)) ENGINE=InnoDB",
    ];
    let mut tables = vec!["isam", "parted", "made", "below", "falling", "hidden"];
    if place.flavour == Flavour::Mariadb {
        statements.push("CREATE TABLE versioned (rid INT NOT NULL PRIMARY KEY, gate_id INT NULL, FOREIGN KEY (gate_id) REFERENCES gate (rid)) ENGINE=InnoDB WITH SYSTEM VERSIONING");
        statements.push("CREATE TABLE aria (rid INT NOT NULL PRIMARY KEY, gate_id INT NULL) ENGINE=Aria");
        tables.extend(["versioned", "aria"]);
    }
    for statement in statements {
        place.exec(statement);
    }
    for table in &tables {
        place.exec(&format!("INSERT INTO {table} (rid, gate_id) VALUES (1, 1), (2, 2), (3, NULL), (4, 2)"));
    }
    if place.flavour == Flavour::Mariadb {
        // What was is not there any more.
        place.exec("INSERT INTO versioned (rid, gate_id) VALUES (5, 2)");
        place.exec("DELETE FROM versioned WHERE rid = 5");
    }
    let relations: Vec<Relation> = ["isam", "parted", "aria"]
        .iter()
        .filter(|t| tables.contains(t))
        .map(|table| to_gate(table))
        .collect();
    for size in [(0, 0), (10, 1 << 32), (1_000_000, 1 << 50)] {
        place.size = size;
        let found = place.kept(&[at_most("gate", 1, None)], &relations, &tables);
        assert_eq!(found, vec![vec![2, 3, 4]; tables.len()], "{size:?}");
        for order_by in [None, Some("rid"), Some("gate_id")] {
            let limits: Vec<Limit> = tables.iter().map(|table| at_most(table, 2, order_by)).collect();
            let found = place.kept(&limits, &relations, &tables);
            let expected = if order_by == Some("gate_id") { vec![2, 4] } else { vec![3, 4] };
            assert_eq!(found, vec![expected; tables.len()], "{size:?} by {order_by:?}");
        }
    }
    let by_generated = Limit { direction: Direction::Asc, ..at_most("made", 2, Some("at")) };
    assert_eq!(place.kept(&[by_generated], &[], &["made"]), [vec![1, 3]]);
}

fn to_gate(table: &str) -> Relation {
    let key = crate::tables::foreign_key((table, "gate_id"), ("gate", "rid"));
    Relation { key, when: Vec::new() }
}

/// MariaDB ends a recursive query after a thousand steps and says nothing.
fn long_chains(place: &mut Place<'_>) {
    const LENGTH: i64 = 2500;
    place.exec("CREATE TABLE gate (rid INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
    place.exec(
        "CREATE TABLE chain (rid INT NOT NULL PRIMARY KEY, before_it INT NULL, gate_id INT NULL, \
         FOREIGN KEY (before_it) REFERENCES chain (rid), FOREIGN KEY (gate_id) REFERENCES gate (rid)) ENGINE=InnoDB",
    );
    place.exec("INSERT INTO gate VALUES (1), (2)");
    let rows: Vec<String> = (2..=LENGTH).map(|at| format!("({at}, {}, NULL)", at - 1)).collect();
    place.exec("INSERT INTO chain VALUES (1, NULL, 1)");
    place.exec(&format!("INSERT INTO chain VALUES {}", rows.join(",")));
    place.exec("INSERT INTO chain VALUES (-1, NULL, 2), (-2, -1, NULL)");
    let up = place.kept(&[at_most("chain", 1, None)], &[], &["chain"]);
    assert_eq!(up, [(1..=LENGTH).collect::<Vec<_>>()]);
    let down = place.kept(&[at_most("gate", 1, None)], &[], &["gate", "chain"]);
    assert_eq!(down, [vec![2], vec![-2, -1]]);
}

fn time_zones(place: &mut Place<'_>) {
    place.exec("CREATE TABLE log (rid INT NOT NULL PRIMARY KEY, created_at DATETIME NULL, at TIMESTAMP NULL) ENGINE=InnoDB");
    for (rid, hours) in (-40..=16).enumerate() {
        let time = format!("'2024-03-15 12:00:00' + INTERVAL {hours} HOUR");
        place.exec(&format!("INSERT INTO log VALUES ({rid}, {time}, {time})"));
    }
    for (zone, hours) in
        [("+00:00", 0), ("+05:30", 6), ("-05:00", -5), ("-12:59", -12), ("+13:00", 13), ("+14:00", 14)]
    {
        place.zone = zone;
        let day = |order_by: &str| Limit {
            table: "log".to_owned(),
            keep_days: Some(1),
            order_by: Some(order_by.to_owned()),
            ..Limit::default()
        };
        let young = |hours: i64| vec![(40 - 24 + hours..=56).collect::<Vec<_>>()];
        assert_eq!(place.kept(&[day("created_at")], &[], &["log"]), young(hours), "{zone}");
        assert_eq!(place.kept(&[day("at")], &[], &["log"]), young(0), "{zone}");
    }
}

fn conditions(place: &mut Place<'_>) {
    for statement in [
        "CREATE TABLE teams (rid INT NOT NULL PRIMARY KEY, open INT NOT NULL) ENGINE=InnoDB",
        "CREATE TABLE users (rid INT NOT NULL PRIMARY KEY, mail VARCHAR(90) NULL, team INT NULL, at DATE NULL) ENGINE=InnoDB",
        "INSERT INTO teams VALUES (1, 1), (2, 0)",
        "INSERT INTO users VALUES (1, 'a@x.de', 1, '2024-01-01'), (2, 'b\\\\@x.de', 2, '2024-01-02'), (3, 'c''@x.de', 1, NULL), \
         (4, 'gr\u{f6}\u{df}e)@x.de', 2, '2024-02-30'), (5, NULL, 1, '0000-00-00')",
    ] {
        place.exec(statement);
    }
    let other = format!("`{}`.teams", place.database);
    for (condition, kept) in [
        ("mail LIKE 'a%' OR mail LIKE 'b%'", vec![1, 2]),
        ("mail = 'b\\\\@x.de'", vec![2]),
        ("mail = 'c''@x.de' OR mail = \"a@x.de\"", vec![1, 3]),
        ("mail = 'GR\u{d6}\u{df}E)@x.de'", vec![4]),
        (&*format!("team IN (SELECT rid FROM {other} WHERE open = 1)"), vec![1, 3, 5]),
        ("users.team = 2 AND `users`.`at` > '2024-01-31'", vec![4]),
        ("mail IS NULL", vec![5]),
        ("at < '1000-01-01'", vec![5]),
        ("0", vec![]),
        ("NULL", vec![]),
        ("rid & 1 XOR rid > 3", vec![1, 3, 4]),
        (&*format!("EXISTS (SELECT 1 FROM {other} WHERE teams.rid = users.team AND open = 0)"), vec![2, 4]),
    ] {
        let limit = |max_rows, order_by: Option<&str>| Limit {
            table: "users".to_owned(),
            condition: Some(condition.to_owned()),
            max_rows,
            order_by: order_by.map(str::to_owned),
            ..Limit::default()
        };
        for limit in [limit(None, None), limit(Some(9), None), limit(Some(9), Some("mail"))] {
            let found = place.kept(std::slice::from_ref(&limit), &[], &["users"]);
            assert_eq!(found, std::slice::from_ref(&kept), "{limit:?}");
        }
    }
}

/// A value stands for what a column of its type holds.
fn values_of_when(place: &mut Place<'_>) {
    place.exec("CREATE TABLE gate (rid INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
    place.exec("INSERT INTO gate VALUES (1), (2)");
    place.exec(
        "CREATE TABLE notes (rid INT NOT NULL PRIMARY KEY, gate_id INT NOT NULL, flag BIT(1) NULL, yes TINYINT(1) NULL, \
         kind ENUM('App\\\\Post','it''s') NULL, price DECIMAL(9,2) NULL, big BIGINT UNSIGNED NULL, fix BINARY(2) NULL, \
         words TEXT NULL, day DATE NULL, latin VARCHAR(9) CHARACTER SET latin1 NULL, next INT AS (gate_id + 1) VIRTUAL) ENGINE=InnoDB",
    );
    place.exec(
        "INSERT INTO notes (rid, gate_id, flag, yes, kind, price, big, fix, words, day, latin) VALUES \
         (1, 1, b'1', 1, 'App\\\\Post', 2.5, 18446744073709551615, 'ab', 'Post', '2024-02-01', '\u{e9}'), \
         (2, 1, b'0', 0, 'it''s', 2.51, 18446744073709551614, 'ba', 'Comment', '2024-02-02', 'x'), \
         (3, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (4, 2, b'1', 1, 'it''s', 0, 0, '', '', NULL, '')",
    );
    for (column, value) in [
        ("flag", "1"),
        ("yes", "1"),
        ("kind", "App\\Post"),
        ("price", "2.50"),
        ("big", "18446744073709551615"),
        ("fix", "ab"),
        ("words", "Post"),
        ("day", "2024-02-01"),
        ("latin", "\u{e9}"),
    ] {
        let relation = Relation { when: vec![(column.to_owned(), value.to_owned())], ..to_gate("notes") };
        for size in [(0, 0), (10, 1 << 32), (1_000_000, 1 << 50)] {
            place.size = size;
            let found = place.kept(&[at_most("gate", 1, None)], std::slice::from_ref(&relation), &["notes"]);
            assert_eq!(found, [vec![2, 3, 4]], "{column} = {value}");
        }
    }
    let mut virtual_one = to_gate("notes");
    virtual_one.key.columns = vec!["next".to_owned()];
    let found = place.kept(&[at_most("gate", 1, None)], &[virtual_one], &["notes"]);
    assert_eq!(found, [vec![1, 2, 3]], "a computed column may reference");
}
