//! What a table's columns look like, in few words: to notice that somebody changed one meanwhile.

use crate::db::Connection;
use crate::error::Result;
use crate::sql::ident::string_literal;
use std::collections::BTreeMap;

/// Name of each column of a table, and its type, collation and attributes in a text, in table order.
pub type Signature = Vec<(String, String)>;

/// The signature of each table of `database`, or only of `table`. A table that does not exist has none.
///
/// # Errors
/// The server's.
pub fn signatures(
    conn: &mut Connection,
    database: &str,
    table: Option<&str>,
) -> Result<BTreeMap<String, Signature>> {
    type Row = (String, String, String, Option<String>, String);
    let only = table.map(|name| format!(" AND TABLE_NAME = {}", string_literal(name))).unwrap_or_default();
    let rows: Vec<Row> = conn.query(&format!(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME, EXTRA FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = {}{only} ORDER BY TABLE_NAME, ORDINAL_POSITION",
        string_literal(database)
    ))?;
    let mut signatures: BTreeMap<String, Signature> = BTreeMap::new();
    for (table, column, column_type, collation, extra) in rows {
        let text = format!("{column_type} {} {extra}", collation.unwrap_or_default());
        signatures.entry(table).or_default().push((column, text));
    }
    Ok(signatures)
}
