//! Defaults with characters beyond the BMP.
//!
//! Both catalogs are `utf8mb3` and print `?` for such a character, MariaDB's `SHOW CREATE TABLE` too (tried on 10.11; that
//! of MySQL 9.7 has bytes). `DEFAULT(column)` gives the value itself, and does so for a table without rows beside a row
//! of another (NULL then where the column is NOT NULL: MySQL's definition tells it, of MariaDB what the catalog printed
//! is kept).

use super::{Catalog, binary};
use crate::db::connect::Connection;
use crate::error::Result;
use crate::schema::diff::stores_locally;
use crate::schema::expression::{literal_value, quote};
use crate::schema::{BEYOND_BMP, Column, Flavour, Table};
use crate::sql::{Ident, TableName};
use std::collections::BTreeMap;

/// Asks for the defaults that the catalog may have printed with losses. What cannot be had stays as it is there.
pub(super) fn load(conn: &mut Connection, catalog: &Catalog, tables: &mut BTreeMap<String, Table>) {
    // To open a table of another engine may mean to connect to another server.
    for table in tables.values_mut().filter(|table| stores_locally(&table.engine)) {
        let from = TableName::qualified(catalog.name.as_str(), table.name.as_str());
        for column in table.columns.iter_mut().filter(|column| is_doubtful(column)) {
            match default_of(conn, &from, column) {
                Ok(Some(default)) => column.default = Some(default),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, table = %from, "its defaults cannot be asked for"),
            }
        }
    }
}

fn is_doubtful(column: &Column) -> bool {
    let charset = column.charset.as_deref();
    let text = column.default.as_deref().and_then(literal_value);
    text.is_some_and(|text| text.contains('?')) && charset.is_some_and(|name| BEYOND_BMP.contains(&name))
}

fn default_of(conn: &mut Connection, table: &TableName, column: &Column) -> Result<Option<String>> {
    let name = Ident::new(column.name.as_str());
    let value: Option<String> = conn.query_one(&format!(
        "SELECT CONVERT(DEFAULT({name}) USING utf8mb4) FROM (SELECT 1) AS one LEFT JOIN {table} ON TRUE LIMIT 1"
    ))?;
    if value.is_some() || conn.flavour() == Flavour::Mariadb {
        return Ok(value.map(|text| quote(&text)));
    }
    let (_, create): (String, Vec<u8>) = conn.query_one(&format!("SHOW CREATE TABLE {table}"))?;
    Ok(binary::hexadecimal_default_of(&create, &column.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_lost_something_is_asked_for() {
        for (column_type, charset, default, asked) in [
            ("varchar(9)", Some("utf8mb4"), Some("'a?'"), true),
            ("char(9)", Some("utf16"), Some("'?'"), true),
            ("varchar(9)", Some("utf8mb4"), Some("'a'"), false),
            ("varchar(9)", Some("utf8mb4"), Some("(concat('?'))"), false),
            ("varchar(9)", Some("latin1"), Some("'a?'"), false),
            ("binary(3)", None, Some("'a?'"), false),
            ("int", None, Some("5"), false),
        ] {
            let column = Column {
                charset: charset.map(str::to_owned),
                default: default.map(str::to_owned),
                ..Column::new("c", column_type)
            };
            assert_eq!(is_doubtful(&column), asked, "{column_type} {default:?}");
        }
    }
}
