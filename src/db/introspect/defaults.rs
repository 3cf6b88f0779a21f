//! Defaults that the catalog does not print as they are.
//!
//! Tried on MariaDB 10.11 and MySQL 9.7: the catalogs are `utf8mb3`, so a character beyond the BMP is printed as `?`;
//! MariaDB prints `?` too for the bytes of a binary default that are no characters, MySQL ends one at its first zero
//! byte. `DEFAULT(column)` gives the value itself, and does so for a table without rows beside a row of another
//! (NULL then where the column is NOT NULL: what the catalog printed is kept).

use crate::db::connect::Connection;
use crate::error::Result;
use crate::schema::diff::stores_locally;
use crate::schema::expression::quote;
use crate::schema::{Column, Flavour, Generated, Table};
use crate::sql::{Ident, TableName};

/// Character sets with characters beyond the BMP.
const BEYOND_BMP: [&str; 5] = ["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"];

/// Whether the default that the catalog has `printed` for the column may have been another one.
pub(super) fn is_doubtful(column: &Column, printed: &str, flavour: Flavour) -> bool {
    let is_expression = column.default.as_ref().is_some_and(|default| default.starts_with('('));
    if column.generated != Generated::No || is_expression {
        return false;
    }
    if column.is_binary() {
        return match flavour {
            Flavour::Mariadb => printed.contains('?'),
            Flavour::Mysql => printed.starts_with("0x"),
        };
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
    let value = if column.is_binary() {
        format!("HEX(DEFAULT({name}))")
    } else {
        format!("CONVERT(DEFAULT({name}) USING utf8mb4)")
    };
    let value: Option<String> =
        conn.query_one(&format!("SELECT {value} FROM (SELECT 1) AS one LEFT JOIN {table} ON TRUE LIMIT 1"))?;
    Ok(value.map(|value| match value.as_str() {
        digits if column.is_binary() && !digits.is_empty() => format!("0x{digits}"),
        text => quote(text),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_lost_something_is_asked_for() {
        for (data_type, charset, printed, default, mariadb, mysql) in [
            ("varchar(9)", Some("utf8mb4"), "a?", Some("'a?'"), true, true),
            ("varchar(9)", Some("utf8mb4"), "a", Some("'a'"), false, false),
            ("varchar(9)", Some("utf8mb4"), "concat('?')", Some("(concat('?'))"), false, false),
            ("varchar(9)", Some("latin1"), "a?", Some("'a?'"), false, false),
            ("char(9)", Some("utf16"), "?", Some("'?'"), true, true),
            ("binary(3)", None, "'a?'", None, true, false),
            ("binary(3)", None, "0x61", None, false, true),
            ("varbinary(3)", None, "0x", Some("''"), false, true),
            ("int", None, "5", Some("5"), false, false),
        ] {
            let column = Column {
                charset: charset.map(str::to_owned),
                default: default.map(str::to_owned),
                ..Column::new("c", data_type)
            };
            let asked =
                [Flavour::Mariadb, Flavour::Mysql].map(|flavour| is_doubtful(&column, printed, flavour));
            assert_eq!(asked, [mariadb, mysql], "{data_type} {printed}");
        }
    }
}
