//! Removing what dead runs left behind. A workspace is dead when nobody holds its lock.

use crate::db::{Connection, lock, unless_deadlocked};
use crate::error::{Context, Result};
use crate::source::workspace::{Home, Layout, change, drop_tables};
use crate::sql::ident::string_literal;
use crate::sql::workspace::drop_schema;
use crate::sql::{WorkspaceName, WorkspaceTable};
use std::collections::BTreeMap;

/// A workspace without a live run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its name.
    pub name: WorkspaceName,
    /// Its age in seconds by the database's clock.
    pub age: i64,
    remains: Remains,
}

/// What is left of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remains {
    /// A schema of its own.
    Schema,
    /// Numbered tables of one schema.
    Tables { schema: String, tables: Vec<WorkspaceTable> },
}

impl Orphan {
    /// What it is, for a list: the schema, or so many tables of another one.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.remains {
            Remains::Schema => self.name.to_string(),
            Remains::Tables { schema, tables } => {
                format!("{} ({} tables in {schema})", self.name, tables.len())
            }
        }
    }
}

/// Dead workspaces older than `age_min` seconds, of whatever layout: the configuration may have been another one when
/// they were made.
///
/// # Errors
/// The server's.
pub fn list(home: &Home, age_min: i64) -> Result<Vec<Orphan>> {
    unless_deadlocked(|| look(home, age_min))
}

fn look(home: &Home, age_min: i64) -> Result<Vec<Orphan>> {
    let mut conn = home.connect()?;
    let now: i64 = conn.query_one("SELECT UNIX_TIMESTAMP()")?;
    let schemas: Vec<String> = conn.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")?;
    let mut found: Vec<(WorkspaceName, Remains)> = schemas
        .iter()
        .filter_map(|schema| WorkspaceName::parse(schema))
        .map(|name| (name, Remains::Schema))
        .collect();
    found.extend(tables_in(&mut conn, home.source())?);
    if let Layout::Shared { temp_database } = home.layout() {
        found.extend(tables_in(&mut conn, temp_database)?);
    }
    let mut orphans = Vec::new();
    for (name, remains) in found {
        // One of the future was made before the clock was put right.
        let age = (now - name.created()).max(0);
        if age >= age_min && lock::is_used(&mut conn, &name.lock())?.is_none() {
            orphans.push(Orphan { name, age, remains });
        }
    }
    Ok(orphans)
}

/// Workspaces whose tables are in `schema`.
fn tables_in(conn: &mut Connection, schema: &str) -> Result<Vec<(WorkspaceName, Remains)>> {
    let names: Vec<String> = conn.query(&format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
        string_literal(schema)
    ))?;
    let mut found: BTreeMap<WorkspaceName, Vec<WorkspaceTable>> = BTreeMap::new();
    for (name, table) in names.iter().filter_map(|table| WorkspaceTable::recognise(schema, table)) {
        found.entry(name).or_default().push(table);
    }
    let remains = |tables| Remains::Tables { schema: schema.to_owned(), tables };
    Ok(found.into_iter().map(|(name, tables)| (name, remains(tables))).collect())
}

/// Drops a dead workspace; looks again first whether it still is dead. Says whether it was dropped.
///
/// # Errors
/// The server's.
pub fn drop(home: &Home, orphan: &Orphan) -> Result<bool> {
    // The binlog stays on: what a logged run made must go from replicas too.
    let mut conn = home.connect()?;
    if lock::is_used(&mut conn, &orphan.name.lock())?.is_some() {
        return Ok(false);
    }
    let dropped = match &orphan.remains {
        Remains::Schema => change(&mut conn, &drop_schema(&orphan.name)),
        Remains::Tables { tables, .. } => drop_tables(&mut conn, tables),
    };
    dropped.map_err(|error| home.hint(error)).context(|| format!("dropping {}", orphan.name))?;
    Ok(true)
}

/// Drops all dead workspaces of any age; failures are logged, since a sweep must not keep a server from starting.
///
/// # Errors
/// The server's, if it cannot even be asked what there is.
pub fn sweep(home: &Home) -> Result<usize> {
    let mut dropped = 0;
    for orphan in list(home, 0)? {
        match drop(home, &orphan) {
            Ok(true) => {
                tracing::info!(workspace = %orphan.name, age_s = orphan.age, "dropped an orphaned workspace");
                dropped += 1;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(workspace = %orphan.name, %error, "could not drop an orphaned workspace");
            }
        }
    }
    Ok(dropped)
}
