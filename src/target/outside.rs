//! Foreign keys of tables that are not pulled to tables that are, in this schema and in others.

use crate::db::Connection;
use crate::error::Result;
use crate::plan::load::OutsideKey;
use crate::schema::ForeignKey;
use crate::sql::TableName;
use crate::sql::ident::string_literal;
use std::collections::BTreeMap;

/// One column of a key: child schema, child table, key, column, parent table, parent column, ON DELETE, ON UPDATE.
type Row = (String, String, String, String, String, String, String, String);

/// Keys of other schemas' tables to tables of `database`, as far as the account sees them.
pub(super) fn elsewhere(conn: &mut Connection, database: &str) -> Result<Vec<OutsideKey>> {
    let mut found = by_parent(conn, database)?;
    found.retain(|outside| outside.schema != database);
    Ok(found)
}

/// Keys of all tables to tables of the schema `parent`, as far as the account sees them.
fn by_parent(conn: &mut Connection, parent: &str) -> Result<Vec<OutsideKey>> {
    let literal = string_literal(parent);
    let rows: Vec<Row> = conn.query(&format!(
        "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, \
         k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE FROM information_schema.KEY_COLUMN_USAGE k \
         JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA \
         AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
         WHERE k.REFERENCED_TABLE_SCHEMA = {literal} \
         ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
    ))?;
    let mut keys: BTreeMap<(String, String, String), OutsideKey> = BTreeMap::new();
    for (schema, table, name, column, references, referenced, on_delete, on_update) in rows {
        // Staging of an interrupted pull is nobody's child.
        if super::names::parse(&schema).is_some() {
            continue;
        }
        let entry = keys.entry((schema.clone(), table.clone(), name.clone())).or_insert_with(|| OutsideKey {
            schema,
            key: ForeignKey {
                name,
                table,
                columns: Vec::new(),
                references_schema: Some(parent.to_owned()),
                references,
                referenced_columns: Vec::new(),
                on_delete,
                on_update,
            },
        });
        entry.key.columns.push(column);
        entry.key.referenced_columns.push(referenced);
    }
    Ok(keys.into_values().collect())
}

/// Keys that lead to one of `olds` (schema, table, and what the table is called now in `database`), as far as the
/// account sees them: of tables that came to sight only after the swap.
pub(super) fn to_old_tables(
    conn: &mut Connection,
    database: &str,
    olds: &[(TableName, String)],
) -> Result<Vec<OutsideKey>> {
    let Some(schema) = olds.first().and_then(|(old, _)| old.schema()) else { return Ok(Vec::new()) };
    let mut found = by_parent(conn, schema)?;
    found.retain_mut(|outside| {
        let parent = &outside.key.references;
        // A server that does not tell names by their case may spell them in two ways.
        let folded = |old: &TableName| old.table().to_lowercase() == parent.to_lowercase();
        let found = olds.iter().find(|(old, _)| old.table() == parent);
        let Some((_, live)) = found.or_else(|| olds.iter().find(|(old, _)| folded(old))) else {
            return false;
        };
        outside.key.references.clone_from(live);
        outside.key.references_schema = Some(database.to_owned());
        true
    });
    // Keys between the old tables go with them.
    let is_old = |outside: &OutsideKey| {
        olds.iter()
            .any(|(old, _)| old.schema() == Some(outside.schema.as_str()) && old.table() == outside.key.table)
    };
    found.retain(|outside| !is_old(outside));
    Ok(found)
}
