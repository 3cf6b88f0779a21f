//! Indexes, checks, foreign keys and triggers.

use super::Catalog;
use super::text::{expression, lossy, referential_actions};
use crate::db::connect::Connection;
use crate::db::error::server_code;
use crate::error::{Context, Result};
use crate::schema::{Check, Flavour, ForeignKey, Index, IndexKind, IndexPart, Table, Trigger};
use crate::sql::TableName;
use std::collections::{BTreeMap, BTreeSet};

type Tables = BTreeMap<String, Table>;

/// The server's error number for a table that is not there.
const NO_SUCH_TABLE: u16 = 1146;

type IndexRow =
    (String, u8, String, u32, Option<String>, Option<String>, Option<u32>, String, Vec<u8>, Option<Vec<u8>>);

/// Fills in primary keys and indexes, unique ones first, then by name: MySQL's catalog has no order of its own.
pub(super) fn load_indexes(conn: &mut Connection, catalog: &Catalog, tables: &mut Tables) -> Result<()> {
    let mut rows: Vec<IndexRow> = conn.query(&format!(
        "SELECT TABLE_NAME, NON_UNIQUE, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, COLLATION, SUB_PART, INDEX_TYPE, \
         INDEX_COMMENT, {} \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {}",
        catalog.or_null("STATISTICS", "EXPRESSION"),
        catalog.database
    ))?;
    rows.sort_by(|a, b| (&a.0, a.1, &a.2, a.3).cmp(&(&b.0, b.1, &b.2, b.3)));
    for row in rows {
        if let Some(table) = tables.get_mut(&row.0) {
            add_part(table, row, catalog.flavour == Flavour::Mysql);
        }
    }
    load_hidden(conn, catalog, tables)
}

fn load_hidden(conn: &mut Connection, catalog: &Catalog, tables: &mut Tables) -> Result<()> {
    // MySQL before 8.0 and MariaDB before 10.6 have no such indexes.
    let hidden = match catalog.flavour {
        Flavour::Mysql if catalog.has("STATISTICS", "IS_VISIBLE") => "IS_VISIBLE = 'NO'",
        Flavour::Mariadb if catalog.has("STATISTICS", "IGNORED") => "IGNORED = 'YES'",
        _ => return Ok(()),
    };
    let rows: Vec<(String, String)> = conn.query(&format!(
        "SELECT DISTINCT TABLE_NAME, INDEX_NAME FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA = {} AND {hidden} ORDER BY TABLE_NAME, INDEX_NAME",
        catalog.database
    ))?;
    for (table, index) in rows {
        if let Some(table) = tables.get_mut(&table) {
            table.hidden_indexes.push(index);
        }
    }
    Ok(())
}

fn add_part(table: &mut Table, row: IndexRow, mysql: bool) {
    let (_, non_unique, name, _, column, order, prefix, index_type, comment, formula) = row;
    if name.eq_ignore_ascii_case("PRIMARY") {
        table.primary_prefixes.extend(column.clone().zip(prefix));
        table.primary_descending.extend(column.clone().filter(|_| order.as_deref() == Some("D")));
        table.primary_key.extend(column);
        return;
    }
    if !comment.is_empty() {
        table.index_comments.insert(name.clone(), lossy(comment));
    }
    let kind = match index_type.to_ascii_uppercase().as_str() {
        "BTREE" | "HASH" | "RTREE" => IndexKind::Btree,
        "FULLTEXT" => IndexKind::Fulltext,
        "SPATIAL" => IndexKind::Spatial,
        _ => IndexKind::Other,
    };
    let part = IndexPart {
        column,
        expression: formula.map(|raw| expression(&lossy(raw), mysql)),
        // A spatial index reports the size of a bounding box.
        prefix: if kind == IndexKind::Btree { prefix } else { None },
        descending: order.as_deref() == Some("D"),
    };
    match table.indexes.last_mut() {
        Some(index) if index.name == name => index.parts.push(part),
        _ => table.indexes.push(Index { name, unique: non_unique == 0, kind, parts: vec![part] }),
    }
}

/// Fills in CHECK constraints, by name; those that are not enforced apart from the others.
pub(super) fn load_checks(conn: &mut Connection, catalog: &Catalog, tables: &mut Tables) -> Result<()> {
    // MySQL before 8.0.16 and MariaDB before 10.3.10 have no such catalog.
    if !catalog.has("CHECK_CONSTRAINTS", "CHECK_CLAUSE") {
        return Ok(());
    }
    let database = &catalog.database;
    let mysql = catalog.flavour == Flavour::Mysql;
    let sql = if mysql {
        format!(
            "SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE, t.ENFORCED = 'YES' \
             FROM information_schema.TABLE_CONSTRAINTS t JOIN information_schema.CHECK_CONSTRAINTS c \
             ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME \
             WHERE t.TABLE_SCHEMA = {database} AND t.CONSTRAINT_TYPE = 'CHECK'"
        )
    } else {
        format!(
            "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, TRUE FROM information_schema.CHECK_CONSTRAINTS \
             WHERE CONSTRAINT_SCHEMA = {database}"
        )
    };
    let mut rows: Vec<(String, String, Vec<u8>, bool)> = conn.query(&sql)?;
    rows.sort();
    for (table, name, clause, enforced) in rows {
        if let Some(table) = tables.get_mut(&table) {
            let checks = if enforced { &mut table.checks } else { &mut table.unenforced_checks };
            checks.push(Check { name, expression: expression(&lossy(clause), mysql) });
        }
    }
    Ok(())
}

/// One column of a foreign key: constraint, child, child's column, position, parent's schema, parent, its column.
type KeyRow = (String, String, String, u32, String, String, String);

/// (table, constraint) to (on delete, on update).
type Actions = BTreeMap<(String, String), (String, String)>;

pub(super) fn load_foreign_keys(
    conn: &mut Connection,
    catalog: &Catalog,
    tables: &Tables,
) -> Result<Vec<ForeignKey>> {
    // Both conditions on the schema: MariaDB opens every table of the server without the first, and joins a
    // constraint's name to other tables' keys without the table's name.
    let database = &catalog.database;
    let mut rows: Vec<KeyRow> = conn.query(&format!(
        "SELECT CONSTRAINT_NAME, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, REFERENCED_TABLE_SCHEMA, \
         REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
         WHERE TABLE_SCHEMA = {database} AND CONSTRAINT_SCHEMA = {database} AND REFERENCED_TABLE_NAME IS NOT NULL"
    ))?;
    rows.sort_by(|a, b| (&a.1, &a.0, a.3).cmp(&(&b.1, &b.0, b.3)));
    let mut keys: Vec<ForeignKey> = Vec::new();
    for (name, table, column, _, parent_schema, parent, parent_column) in rows {
        match keys.last_mut() {
            Some(key) if key.name == name && key.table == table => {
                key.columns.push(column);
                key.referenced_columns.push(parent_column);
            }
            _ => keys.push(foreign_key(
                catalog,
                tables,
                name,
                table,
                column,
                parent_schema,
                parent,
                parent_column,
            )),
        }
    }
    let actions = if keys.is_empty() { Actions::new() } else { load_actions(conn, catalog, &keys)? };
    for key in &mut keys {
        if let Some((delete, update)) = actions.get(&(key.table.clone(), key.name.clone())) {
            key.on_delete.clone_from(delete);
            key.on_update.clone_from(update);
        }
    }
    Ok(keys)
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row of the catalog")]
fn foreign_key(
    catalog: &Catalog,
    tables: &Tables,
    name: String,
    table: String,
    column: String,
    parent_schema: String,
    parent: String,
    parent_column: String,
) -> ForeignKey {
    let inside = catalog.same_name(&parent_schema, &catalog.name);
    // With lower_case_table_names = 2 keys spell their parents in lower case, tables keep their letters.
    let spelled = if inside && !tables.contains_key(&parent) {
        tables.keys().find(|known| catalog.same_name(known, &parent)).cloned()
    } else {
        None
    };
    ForeignKey {
        name,
        table,
        columns: vec![column],
        references_schema: (!inside).then_some(parent_schema),
        references: spelled.unwrap_or(parent),
        referenced_columns: vec![parent_column],
        on_delete: "RESTRICT".to_owned(),
        on_update: "RESTRICT".to_owned(),
    }
}

fn load_actions(conn: &mut Connection, catalog: &Catalog, keys: &[ForeignKey]) -> Result<Actions> {
    let rows: Vec<(String, String, String, String)> = conn.query(&format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE \
         FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {}",
        catalog.database
    ))?;
    let mut actions: Actions =
        rows.into_iter().map(|(t, c, delete, update)| ((t, c), (delete, update))).collect();
    let unseen: BTreeSet<&str> = keys
        .iter()
        .filter(|key| !actions.contains_key(&(key.table.clone(), key.name.clone())))
        .map(|key| key.table.as_str())
        .collect();
    for table in unseen {
        let name = TableName::qualified(catalog.name.as_str(), table);
        let shown = conn.query_one(&format!("SHOW CREATE TABLE {name}"));
        // Dropped since it was listed: whoever asks for it is told so by its columns.
        if shown.as_ref().is_err_and(|error| server_code(error) == Some(NO_SUCH_TABLE)) {
            continue;
        }
        let (_, create): (String, Vec<u8>) =
            shown.context(|| format!("reading the foreign keys of `{table}`"))?;
        for (constraint, delete, update) in referential_actions(&lossy(create)) {
            actions.insert((table.to_owned(), constraint), (delete, update));
        }
    }
    Ok(actions)
}

pub(super) fn load_triggers(conn: &mut Connection, catalog: &Catalog) -> Result<Vec<Trigger>> {
    let rows: Vec<(String, String, String, String, u32)> = conn.query(&format!(
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER \
         FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {}",
        catalog.database
    ))?;
    let mut triggers: Vec<(u8, u32, Trigger)> = rows
        .into_iter()
        .map(|(name, table, timing, event, order)| {
            let moment = u8::from(timing != "BEFORE");
            (moment, order, Trigger { name, table, timing, event })
        })
        .collect();
    triggers.sort_by(|a, b| {
        (&a.2.table, &a.2.event, a.0, a.1, &a.2.name).cmp(&(&b.2.table, &b.2.event, b.0, b.1, &b.2.name))
    });
    Ok(triggers.into_iter().map(|(_, _, trigger)| trigger).collect())
}
