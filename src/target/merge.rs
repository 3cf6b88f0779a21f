//! The merge: one transaction in which the staged rows of all deltas take the places of those with the same key.
//!
//! It does what `REPLACE INTO t (…) SELECT … FROM staging` would do, in three steps that can each be counted: the rows
//! that go for good ([`super::evict`]), the old versions of the staged rows, then one plain `INSERT`. All old versions
//! are gone before the first new one comes, so values of unique columns may have moved between rows in any way; and
//! whatever still is in the way is an error, where `REPLACE` would remove it without a word.

use super::evict::{self, Reference};
use super::journal::{Journal, MergedTable};
use super::names::Layout;
use super::site::Site;
use super::{doc, finish};
use crate::db::Connection;
use crate::db::error::server_code;
use crate::error::{Context, Error, Kind, Result};
use crate::fault::phase;
use crate::plan::load::{LoadPlan, OutsideKey};
use crate::schema::{ForeignKey, Schema};
use crate::sql::ident::column_list;
use crate::sql::{Ident, TableName};
use std::collections::BTreeSet;
use std::fmt::Display;

/// A value that a unique index has already.
const DUPLICATE: u16 = 1062;

/// One table that rows are merged into.
#[derive(Debug, Clone)]
pub(super) struct MergeTable {
    pub(super) name: String,
    pub(super) live: TableName,
    pub(super) staged: TableName,
    /// Where the keys of rows go that are removed.
    pub(super) evicted: TableName,
    /// The name under which that is read by a statement that may write to it: a locked table needs two names then.
    pub(super) alias: Ident,
    /// Whether any can be.
    pub(super) evicts: bool,
    pub(super) primary_key: Vec<String>,
    /// Columns that rows come with.
    pub(super) columns: Vec<String>,
    /// The columns of each unique index.
    pub(super) unique: Vec<Vec<String>>,
    /// Columns that the server would change with any other.
    pub(super) on_update: Vec<String>,
}

impl MergeTable {
    /// `columns`, as a select list from `table`.
    pub(super) fn list(&self, table: &TableName, columns: &[String]) -> String {
        let of = |name: &String| format!("{table}.{}", Ident::new(name.as_str()));
        columns.iter().map(of).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn key_list(&self) -> String {
        column_list(&self.primary_key)
    }
}

/// `a.x = b.y AND …` for columns of two tables.
pub(super) fn pairs(a: impl Display, xs: &[String], b: impl Display, ys: &[String]) -> String {
    let one = |(x, y): (&String, &String)| {
        format!("{a}.{} = {b}.{}", Ident::new(x.as_str()), Ident::new(y.as_str()))
    };
    xs.iter().zip(ys).map(one).collect::<Vec<_>>().join(" AND ")
}

/// All that is merged in one transaction.
#[derive(Debug, Clone)]
pub(super) struct Merging {
    /// In the order of the journal's `merges`.
    pub(super) tables: Vec<MergeTable>,
    /// Keys between them over which rows go.
    pub(super) references: Vec<Reference>,
    /// Keys of other tables to those from which rows may go; with the parent's position.
    pub(super) outside: Vec<(usize, OutsideKey)>,
}

impl Merging {
    /// What the plan wants merged into the tables of `schema`; `elsewhere` are keys of other schemas' tables to them.
    pub(super) fn new(schema: &Schema, elsewhere: &[OutsideKey], layout: &Layout, plan: &LoadPlan) -> Self {
        let mut tables: Vec<MergeTable> = plan
            .merged()
            .filter_map(|(number, planned)| {
                let table = schema.tables.get(&planned.name)?;
                let unique = table.indexes.iter().filter(|index| index.unique);
                let columns = |index: &crate::schema::Index| {
                    index.parts.iter().filter_map(|part| part.column.clone()).collect::<Vec<_>>()
                };
                Some(MergeTable {
                    name: planned.name.clone(),
                    live: layout.live(&planned.name),
                    staged: layout.staged(number, &planned.name),
                    evicted: layout.evicted(number),
                    alias: Ident::new(format!("_backfill_parent{number}")),
                    evicts: false,
                    primary_key: table.primary_key.clone(),
                    columns: planned.columns.clone(),
                    unique: unique.map(columns).collect(),
                    on_update: table
                        .columns
                        .iter()
                        .filter(|column| column.on_update.is_some())
                        .map(|column| column.name.clone())
                        .collect(),
                })
            })
            .collect();
        let references = references(schema, &tables);
        for number in evicting(&tables, &references) {
            tables[number].evicts = true;
        }
        let references = references.into_iter().filter(|reference| tables[reference.parent].evicts).collect();
        let outside = outside(schema, elsewhere, &tables);
        Self { tables, references, outside }
    }

    /// What `LOCK TABLES` has to name for the merge, beside the application's own tables.
    pub(super) fn locks(&self, journal: &Journal) -> Vec<String> {
        let mut out = vec![format!("{} WRITE", journal.layout.journal())];
        for table in &self.tables {
            out.push(format!("{} WRITE", table.staged));
            if table.evicts {
                out.push(format!("{} WRITE", table.evicted));
                out.push(format!("{} AS {} READ", table.evicted, table.alias));
            }
        }
        out
    }

    /// Merges everything and notes it in the journal, or does nothing. Triggers are away meanwhile: on a server that
    /// let the tables be locked, nobody writes a row that would miss one.
    pub(super) fn apply(&self, site: &Site, conn: &mut Connection, journal: &mut Journal) -> Result<()> {
        let triggers = journal.triggers_of(true);
        finish::drop_triggers(conn, &journal.layout.database, &triggers)?;
        phase("merge.triggers_dropped");
        // START TRANSACTION would give locked tables back.
        conn.execute("SET SESSION autocommit = 0")?;
        let done = self.write(conn, journal).and_then(|merged| {
            phase("merge.replaced");
            conn.execute("COMMIT").map(|_| merged)
        });
        match done {
            Ok(merged) => *journal = merged,
            Err(error) => {
                let undone =
                    conn.execute("ROLLBACK").and_then(|_| conn.execute("SET SESSION autocommit = 1"));
                if let Err(second) = undone {
                    // With the connection the transaction is gone, too.
                    tracing::debug!(error = %second, "taking the merge back");
                }
                return Err(error);
            }
        }
        phase("merge.committed");
        conn.execute("SET SESSION autocommit = 1")?;
        finish::back(site, conn, journal)
    }

    /// The transaction's statements; the journal as it is when they are committed.
    fn write(&self, conn: &mut Connection, journal: &Journal) -> Result<Journal> {
        evict::collect(conn, self).context(|| "looking for rows whose unique values moved")?;
        let mut merged = Vec::with_capacity(self.tables.len());
        for (at, table) in self.tables.iter().enumerate() {
            let done =
                merge_one(conn, self, at).context(|| format!("merging into table `{}`", table.name))?;
            merged.push(done);
        }
        let journal = Journal { merged: Some(merged), ..journal.clone() };
        doc::put(conn, &journal.layout.journal(), &journal)?;
        Ok(journal)
    }
}

fn merge_one(conn: &mut Connection, merging: &Merging, at: usize) -> Result<MergedTable> {
    let table = &merging.tables[at];
    let (live, staged) = (&table.live, &table.staged);
    let removed = evict::remove(conn, table)?;
    let unlinked = evict::unlink(conn, merging, at)?;
    let same = pairs(live, &table.primary_key, staged, &table.primary_key);
    let replaced =
        conn.execute(&format!("DELETE {live} FROM {staged} STRAIGHT_JOIN {live} ON {same}"))?.affected;
    let rows = conn
        .execute(&format!(
            "INSERT INTO {live} ({}) SELECT {} FROM {staged}",
            column_list(&table.columns),
            table.list(staged, &table.columns)
        ))
        .map_err(|error| match server_code(&error) {
            Some(DUPLICATE) => in_the_way(),
            _ => error,
        })?
        .affected;
    Ok(MergedTable { table: table.name.clone(), rows, replaced, removed, unlinked })
}

fn in_the_way() -> Error {
    Error::new(Kind::Integrity, "two rows have the same value in a unique index")
        .hint("pull again with --full, which compares whole tables; nothing was changed")
}

/// Keys between tables that are merged into, over rows that may go.
fn references(schema: &Schema, tables: &[MergeTable]) -> Vec<Reference> {
    let position = |name: &str| tables.iter().position(|table| table.name == name);
    let here = schema.foreign_keys.iter().filter(|key| is_here(schema, key));
    here.filter_map(|key| {
        Some(Reference {
            child: position(&key.table)?,
            parent: position(&key.references)?,
            columns: key.columns.clone(),
            referenced: key.referenced_columns.clone(),
            set_null: key.on_delete.eq_ignore_ascii_case("SET NULL"),
        })
    })
    .collect()
}

fn is_here(schema: &Schema, key: &ForeignKey) -> bool {
    key.references_schema.as_ref().is_none_or(|name| *name == schema.database)
}

/// Tables from which rows may go: those with unique indexes, and what refers to them.
fn evicting(tables: &[MergeTable], references: &[Reference]) -> BTreeSet<usize> {
    let mut out: BTreeSet<usize> =
        (0..tables.len()).filter(|&number| !tables[number].unique.is_empty()).collect();
    loop {
        let more: Vec<usize> = references
            .iter()
            .filter(|r| !r.set_null && out.contains(&r.parent) && !out.contains(&r.child))
            .map(|r| r.child)
            .collect();
        if more.is_empty() {
            return out;
        }
        out.extend(more);
    }
}

/// Keys of tables that are not merged into to those from which rows may go.
fn outside(schema: &Schema, elsewhere: &[OutsideKey], tables: &[MergeTable]) -> Vec<(usize, OutsideKey)> {
    let is_merged = |name: &str| tables.iter().any(|table| table.name == name);
    let here = schema
        .foreign_keys
        .iter()
        .filter(|key| is_here(schema, key) && !is_merged(&key.table))
        .map(|key| OutsideKey { schema: schema.database.clone(), key: key.clone() });
    let parent = |outside: &OutsideKey| {
        let parent = tables.iter().position(|table| table.evicts && table.name == outside.key.references)?;
        let known = &tables[parent].primary_key;
        let is_known = |name: &String| known.iter().any(|own| own.eq_ignore_ascii_case(name));
        outside.key.referenced_columns.iter().all(is_known).then_some(parent)
    };
    here.chain(elsewhere.iter().cloned())
        .filter_map(|outside| parent(&outside).map(|parent| (parent, outside)))
        .collect()
}
