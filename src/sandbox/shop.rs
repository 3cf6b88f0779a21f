//! The demo shop: tables as real applications have them, full of people who do not exist.
//!
//! The tables are in `testdata/shop.sql`, the rows are made here: a row is a function of its table and number
//! alone, so every load of one [`Scale`] is the same, on both flavours. Mail addresses are under names reserved
//! for examples, phone numbers in ranges reserved for fiction.

mod insert;
mod people;
mod rows;

use crate::error::{Error, Kind, Result};
use crate::sql::Ident;
use jiff::civil::{DateTime, date};
use mysql::Conn;
use mysql::prelude::Queryable;

const TABLES: &str = include_str!("../../testdata/shop.sql");

/// How many rows of what there are; orders and activity need users. Tables not named here follow from these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// Rows of `users`; the first [`Scale::STAFF`] are staff with addresses at `yourcompany.com`.
    pub users: u64,
    /// Rows of `products`; each has two variants.
    pub products: u64,
    /// Rows of `orders`; each has one to five items, three on average.
    pub orders: u64,
    /// Rows of `activity_log`.
    pub activity: u64,
    /// Rows of `page_views`, the table without a key.
    pub page_views: u64,
    /// When the newest row was made; all others go back from here over three years.
    pub newest: DateTime,
}

impl Scale {
    /// How many of the users work for the shop.
    pub const STAFF: u64 = 5;
}

impl Default for Scale {
    /// The shop of the demo: about 13,000 rows.
    fn default() -> Self {
        Self {
            users: 800,
            products: 150,
            orders: 2000,
            activity: 3000,
            page_views: 1000,
            newest: date(2026, 6, 1).at(12, 0, 0, 0),
        }
    }
}

/// Everything that makes the shop, statement by statement: tables, rows in multi-row inserts of at most about
/// 512 KiB, then view and trigger. For a session set up as [`load`] does it.
pub fn statements(scale: &Scale) -> impl Iterator<Item = String> {
    let (tables, rest): (Vec<_>, Vec<_>) =
        definitions().partition(|statement| statement.starts_with("CREATE TABLE"));
    tables
        .into_iter()
        .map(str::to_owned)
        .chain(rows::inserts(scale))
        .chain(rest.into_iter().map(str::to_owned))
}

/// Makes `database`, which must not exist, and the shop in it; leaves `connection` in it.
///
/// # Errors
/// Kind `Source`, naming the statement that the server refused.
pub fn load(connection: &mut Conn, database: &str, scale: &Scale) -> Result<()> {
    let database = Ident::new(database);
    let setup = [
        format!("CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"),
        format!("USE {database}"),
        "SET NAMES utf8mb4".to_owned(),
        "SET SESSION time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0"
            .to_owned(),
    ];
    for statement in setup.into_iter().chain(statements(scale)) {
        connection.query_drop(&statement).map_err(|error| {
            let start: String = statement.chars().take_while(|c| !matches!(c, '(' | '\n')).take(80).collect();
            Error::new(Kind::Source, format!("loading the shop, at {}", start.trim_end())).source(error)
        })?;
    }
    connection
        .query_drop("SET SESSION sql_mode = DEFAULT, foreign_key_checks = 1, time_zone = DEFAULT")
        .map_err(|error| Error::new(Kind::Source, "ending the shop's session settings").source(error))
}

/// The `[sanitize]` part of a configuration that fits the shop: each simple type where it belongs, and two that keep
/// something of the value. `orders`.`token` has no rule, which is warned about.
#[must_use]
pub fn rules_toml() -> &'static str {
    r#"[sanitize.users]
email = { type = "email", exclude = ["*@yourcompany.com"] }
name = "name"
nickname = "name"
phone = "phone"
password = "hash"
address = "address"
birthday = { type = "shift", days = 90 }
settings = { type = "json", paths = { "$.contact.also" = "email" } }
avatar = "null"
remember_token = "null"
last_ip = "local_ip"

[sanitize.sessions]
ip_address = "local_ip"
user_agent = "null"
payload = "text"

[sanitize.orders]
ship_to = "address"
note = "text"

[sanitize."order notes"]
text = "text"

[sanitize.activity_log]
payload = "text"
ip = "null"
"#
}

/// The `[limits]` part: two tables of which few rows are wanted, one of them with followers.
#[must_use]
pub fn limits_toml() -> &'static str {
    r#"[limits]
orders = { max_rows = 300, order_by = "created_at" }
activity_log = { max_rows = 500 }
"#
}

/// The statements of `shop.sql`, without comments and closing semicolons.
fn definitions() -> impl Iterator<Item = &'static str> {
    TABLES.split(";\n").map(without_comments).filter(|statement| !statement.is_empty())
}

fn without_comments(mut statement: &str) -> &str {
    loop {
        statement = statement.trim();
        match statement.strip_prefix("--") {
            Some(comment) => statement = comment.split_once('\n').map_or("", |(_, rest)| rest),
            None => return statement,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeSet, HashSet};

    fn small() -> Scale {
        Scale { users: 60, products: 12, orders: 90, activity: 50, page_views: 20, ..Scale::default() }
    }

    #[test]
    fn definitions_are_whole_statements() {
        let starts: Vec<&str> =
            definitions().map(|statement| statement.split('`').next().unwrap_or_default().trim()).collect();
        assert_eq!(starts.iter().filter(|start| **start == "CREATE TABLE").count(), 13);
        assert_eq!(starts[13..], ["CREATE VIEW", "CREATE TRIGGER"]);
        assert_eq!(without_comments("-- a\n-- b;\nCREATE x"), "CREATE x");
        assert_eq!(without_comments("-- only"), "");
    }

    #[test]
    fn the_same_scale_makes_the_same_shop() {
        let first: Vec<String> = statements(&small()).collect();
        assert_eq!(first, statements(&small()).collect::<Vec<_>>());
        let other = Scale { users: 61, ..small() };
        assert_ne!(first, statements(&other).collect::<Vec<_>>());
    }

    #[test]
    fn statements_stay_small_and_carry_every_row() {
        let scale = Scale { activity: 20_000, ..small() };
        let inserts: Vec<String> =
            statements(&scale).filter(|s| s.starts_with("INSERT INTO `activity_log`")).collect();
        assert!(inserts.len() > 1 && inserts.iter().all(|insert| insert.len() < 600 * 1024));
        let rows: usize = inserts.iter().map(|insert| insert.matches("\n(").count()).sum();
        assert_eq!(rows, 20_000);
    }

    #[test]
    fn mail_addresses_are_unique_and_reserved() {
        let inserts: String = statements(&Scale { users: 3000, ..small() })
            .filter(|s| s.starts_with("INSERT INTO `users`"))
            .collect();
        let addresses: Vec<&str> =
            inserts.split('\'').filter(|text| text.contains('@') && !text.contains(' ')).collect();
        assert_eq!(addresses.len(), 3000);
        assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), 3000);
        let staff = addresses.iter().filter(|address| address.ends_with("@yourcompany.com")).count();
        assert_eq!(staff as u64, Scale::STAFF);
        let reserved = |address: &&&str| {
            [".example", "@example.org", "@example.net"].iter().any(|end| address.ends_with(end))
        };
        assert_eq!(addresses.iter().filter(reserved).count() + staff, 3000);
    }

    #[test]
    fn rules_name_existing_columns_and_every_simple_type() {
        let rules: toml::Table = toml::from_str(rules_toml()).unwrap();
        let mut types = BTreeSet::new();
        for (table, columns) in rules["sanitize"].as_table().unwrap() {
            let start = format!("CREATE TABLE `{table}` (");
            let definition = definitions().find(|statement| statement.starts_with(&start)).unwrap_or(TABLES);
            for (column, rule) in columns.as_table().unwrap() {
                assert!(definition.contains(&format!("\n  `{column}` ")), "{table}.{column}");
                types.insert(rule.as_str().or_else(|| rule["type"].as_str()).unwrap().to_owned());
            }
        }
        let all = ["address", "email", "hash", "json", "local_ip", "name", "null", "phone", "shift", "text"];
        assert_eq!(types.iter().map(String::as_str).collect::<Vec<_>>(), all);
    }
}
