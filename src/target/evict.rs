//! Rows that a merge has to remove: the former owners of unique values that staged rows have now, and the rows that
//! referred to them, as their foreign keys say.
//!
//! A row that is in staging itself is never among them: it gets the values that it came with. Everybody else who
//! owned such a value has lost it at the source, by being deleted or by a change that no timestamp tells.
//! The keys of all these rows are collected first, in a table per application table, level by level: only children of
//! what the last level found are looked at.

use super::finish::{MovedKey, child_name};
use super::merge::{MergeTable, Merging, pairs};
use crate::db::Connection;
use crate::error::Result;
use crate::plan::load::OutsideKey;
use crate::sql::{Ident, TableName};

/// The column that says in which level a row was found.
const LEVEL: &str = "`_backfill_level`";

/// A foreign key between two tables that are merged into.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// Positions in [`Merging::tables`].
    pub(super) child: usize,
    pub(super) parent: usize,
    pub(super) columns: Vec<String>,
    pub(super) referenced: Vec<String>,
    /// What ON DELETE says: the child's columns become NULL; otherwise the child goes.
    pub(super) set_null: bool,
}

/// Makes the tables for the keys, empty.
pub(super) fn create(conn: &mut Connection, tables: &[MergeTable]) -> Result<()> {
    for table in tables {
        // An earlier attempt with the same staging may have made it.
        conn.execute(&format!("DROP TABLE IF EXISTS {}", table.evicted))?;
        if table.evicts {
            let key = table.list(&table.live, &table.primary_key);
            conn.execute(&format!(
                "CREATE TABLE {} ({LEVEL} INT UNSIGNED NOT NULL DEFAULT 0, PRIMARY KEY ({}), KEY ({LEVEL})) \
                 ENGINE=InnoDB SELECT {key} FROM {} WHERE FALSE",
                table.evicted,
                table.key_list(),
                table.live
            ))?;
        }
    }
    Ok(())
}

/// Finds every row that goes. To be called before anything is changed.
pub(super) fn collect(conn: &mut Connection, merging: &Merging) -> Result<()> {
    let mut found = 0;
    for table in &merging.tables {
        for index in &table.unique {
            found += conn.execute(&owners(table, index))?.affected;
        }
        if !table.unique.is_empty() && found > 0 {
            found -= conn.execute(&keep_staged(table, 0))?.affected;
        }
    }
    let mut level = 0_u32;
    while found > 0 {
        found = 0;
        for reference in merging.references.iter().filter(|reference| !reference.set_null) {
            found += conn.execute(&children(merging, reference, level))?.affected;
        }
        level += 1;
        if found > 0 {
            for table in merging.tables.iter().filter(|table| table.evicts) {
                found -= conn.execute(&keep_staged(table, level))?.affected;
            }
        }
    }
    Ok(())
}

/// Rows whose values in the unique `index` staged rows with another key have.
fn owners(table: &MergeTable, index: &[String]) -> String {
    let (live, staged) = (&table.live, &table.staged);
    let other: Vec<String> = table
        .primary_key
        .iter()
        .map(|name| {
            let name = Ident::new(name.as_str());
            format!("{live}.{name} <> {staged}.{name}")
        })
        .collect();
    format!(
        "INSERT IGNORE INTO {} ({}) SELECT {} FROM {staged} STRAIGHT_JOIN {live} ON {} WHERE {}",
        table.evicted,
        table.key_list(),
        table.list(live, &table.primary_key),
        pairs(live, index, staged, index),
        other.join(" OR ")
    )
}

/// Takes back what is in staging itself.
fn keep_staged(table: &MergeTable, level: u32) -> String {
    let (evicted, staged) = (&table.evicted, &table.staged);
    let same = pairs(staged, &table.primary_key, evicted, &table.primary_key);
    format!(
        "DELETE {evicted} FROM {evicted} STRAIGHT_JOIN {staged} ON {same} WHERE {evicted}.{LEVEL} = {level}"
    )
}

/// Rows that refer to rows of that level.
fn children(merging: &Merging, reference: &Reference, level: u32) -> String {
    let (child, parent) = (&merging.tables[reference.child], &merging.tables[reference.parent]);
    let alias = &parent.alias;
    format!(
        "INSERT IGNORE INTO {} ({}, {LEVEL}) SELECT {}, {} FROM {} AS {alias} STRAIGHT_JOIN {} ON {} \
         WHERE {alias}.{LEVEL} = {level}",
        child.evicted,
        child.key_list(),
        child.list(&child.live, &child.primary_key),
        level + 1,
        parent.evicted,
        child.live,
        pairs(&child.live, &reference.columns, alias, &reference.referenced),
    )
}

/// Removes the rows of `table` that were found; how many there were.
pub(super) fn remove(conn: &mut Connection, table: &MergeTable) -> Result<u64> {
    if !table.evicts {
        return Ok(0);
    }
    let (evicted, live) = (&table.evicted, &table.live);
    let same = pairs(live, &table.primary_key, evicted, &table.primary_key);
    Ok(conn.execute(&format!("DELETE {live} FROM {evicted} STRAIGHT_JOIN {live} ON {same}"))?.affected)
}

/// Takes the references of the rows of `merging.tables[child]` that lead to removed rows away, where the key says so.
/// No other column changes, as when the server does it. How many rows there were.
pub(super) fn unlink(conn: &mut Connection, merging: &Merging, child: usize) -> Result<u64> {
    let mut rows = 0;
    let to_null = |reference: &&Reference| reference.child == child && reference.set_null;
    for reference in merging.references.iter().filter(to_null) {
        let (child, parent) = (&merging.tables[reference.child], &merging.tables[reference.parent]);
        let (live, staged) = (&child.live, &child.staged);
        let column = |name: &String| format!("{live}.{}", Ident::new(name.as_str()));
        let nulled = reference.columns.iter().map(|name| format!("{} = NULL", column(name)));
        let held = child.on_update.iter().filter(|name| !reference.columns.contains(name));
        let held = held.map(|name| format!("{0} = {0}", column(name)));
        let sql = format!(
            "UPDATE {} STRAIGHT_JOIN {live} ON {} LEFT JOIN {staged} ON {} SET {} WHERE {staged}.{} IS NULL",
            parent.evicted,
            pairs(live, &reference.columns, &parent.evicted, &reference.referenced),
            pairs(staged, &child.primary_key, live, &child.primary_key),
            nulled.chain(held).collect::<Vec<_>>().join(", "),
            Ident::new(child.primary_key[0].as_str()),
        );
        rows += conn.execute(&sql)?.affected;
    }
    Ok(rows)
}

/// Counts the rows of tables that are not merged into and refer to a removed row.
pub(super) fn dangling(conn: &mut Connection, merging: &Merging, database: &str) -> Vec<MovedKey> {
    let mut out = Vec::new();
    for (parent, outside) in &merging.outside {
        let (parent, key) = (&merging.tables[*parent], &outside.key);
        let counted = count(conn, parent, outside)
            .inspect_err(|error| tracing::warn!(%error, "counting rows without parent"))
            .ok();
        if counted != Some(0) {
            out.push(MovedKey {
                table: child_name(outside, database),
                name: key.name.clone(),
                references: key.references.clone(),
                dangling: counted,
            });
        }
    }
    out
}

fn count(conn: &mut Connection, parent: &MergeTable, outside: &OutsideKey) -> Result<u64> {
    let key = &outside.key;
    let child = TableName::qualified(outside.schema.as_str(), key.table.as_str());
    let same = pairs(&child, &key.columns, &parent.evicted, &key.referenced_columns);
    conn.query_one(&format!("SELECT COUNT(*) FROM {} STRAIGHT_JOIN {child} ON {same}", parent.evicted))
}
