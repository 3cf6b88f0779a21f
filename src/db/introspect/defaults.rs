//! Defaults of text that the catalog does not print as they are.
//!
//! Tried on MariaDB 10.11 and MySQL 9.7: the catalogs are `utf8mb3`, so a character beyond the BMP is printed as `?`, by
//! MariaDB's `SHOW CREATE TABLE` too. `DEFAULT(column)` gives the value itself, and does so for a table without rows beside
//! a row of another (NULL then where the column is NOT NULL: what the catalog printed is kept). Binary defaults are read by
//! [`super::binary`].

use crate::db::connect::Connection;
use crate::error::Result;
use crate::schema::diff::stores_locally;
use crate::schema::expression::quote;
use crate::schema::{Column, Generated, Table};
use crate::sql::{Ident, TableName};

/// Character sets with characters beyond the BMP.
const BEYOND_BMP: [&str; 5] = ["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"];

/// Whether the default that the catalog has `printed` for the column may have been another one.
pub(super) fn is_doubtful(column: &Column, printed: &str) -> bool {
    let is_expression = column.default.as_ref().is_some_and(|default| default.starts_with('('));
    if column.generated != Generated::No || is_expression {
        return false;
    }
    let charset = column.charset.as_deref();
    printed.contains('?') && charset.is_some_and(|name| BEYOND_BMP.contains(&name))
}

/// Asks a table for the defaults of these columns. What cannot be had stays as the catalog printed it.
pub(super) fn ask(conn: &mut Connection, database: &str, table: &mut Table, columns: &[String]) {
    // To open a table of another engine may mean to connect to another server.
    if !stores_locally(&table.engine) {
        return;
    }
    let from = TableName::qualified(database, table.name.as_str());
    for column in table.columns.iter_mut().filter(|column| columns.contains(&column.name)) {
        match default_of(conn, &from, column) {
            Ok(Some(default)) => column.default = Some(default),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, table = %from, "its defaults cannot be asked for"),
        }
    }
}

fn default_of(conn: &mut Connection, table: &TableName, column: &Column) -> Result<Option<String>> {
    let name = Ident::new(column.name.as_str());
    let value: Option<String> =
        conn.query_one(&format!("SELECT CONVERT(DEFAULT({name}) USING utf8mb4) FROM (SELECT 1) AS one LEFT JOIN {table} ON TRUE LIMIT 1"))?;
    Ok(value.map(|value| quote(&value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_lost_something_is_asked_for() {
        for (data_type, charset, printed, default, asked) in [
            ("varchar(9)", Some("utf8mb4"), "a?", Some("'a?'"), true),
            ("varchar(9)", Some("utf8mb4"), "a", Some("'a'"), false),
            ("varchar(9)", Some("utf8mb4"), "concat('?')", Some("(concat('?'))"), false),
            ("varchar(9)", Some("latin1"), "a?", Some("'a?'"), false),
            ("char(9)", Some("utf16"), "?", Some("'?'"), true),
            ("binary(3)", None, "'a?'", None, false),
            ("int", None, "5", Some("5"), false),
        ] {
            let column = Column {
                charset: charset.map(str::to_owned),
                default: default.map(str::to_owned),
                ..Column::new("c", data_type)
            };
            assert_eq!(is_doubtful(&column, printed), asked, "{data_type} {printed}");
        }
    }
}
