//! Removing what dead runs left behind. A workspace is dead when nobody holds its lock.

use crate::db::{Connection, Endpoint, Role, lock};
use crate::error::{Context, Result};
use crate::source::workspace::{WorkspaceName, drop_schema};
use crate::sql::TableName;
use crate::sql::ident::string_literal;
use std::collections::BTreeMap;

/// A workspace without a live run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its name.
    pub name: WorkspaceName,
    /// Its age in seconds by the database's clock.
    pub age: i64,
    /// Its tables inside `temp_database`; empty when it is a schema of its own.
    tables: Vec<TableName>,
}

impl Orphan {
    /// What it is, for a list: the schema, or so many tables of `temp_database`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.tables.first().and_then(TableName::schema) {
            Some(schema) => format!("{} ({} tables in {schema})", self.name, self.tables.len()),
            None => self.name.to_string(),
        }
    }
}

/// Dead workspaces older than `age_min` seconds.
///
/// # Errors
/// The server's.
pub fn list(endpoint: &Endpoint, temp_database: Option<&str>, age_min: i64) -> Result<Vec<Orphan>> {
    let mut conn = Connection::open_in(endpoint, Role::Workspace, None)?;
    let now: i64 = conn.query_one("SELECT UNIX_TIMESTAMP()")?;
    let mut found: BTreeMap<WorkspaceName, Vec<TableName>> = BTreeMap::new();
    let schemas: Vec<String> = conn.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")?;
    for schema in &schemas {
        if let Some(name) = WorkspaceName::parse(schema) {
            found.entry(name).or_default();
        }
    }
    if let Some(schema) = temp_database {
        let literal = string_literal(schema);
        let tables: Vec<String> = conn.query(&format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {literal}"
        ))?;
        for table in tables {
            if let Some(name) = WorkspaceName::parse_table(&table) {
                found.entry(name).or_default().push(TableName::qualified(schema, table));
            }
        }
    }
    let mut orphans = Vec::new();
    for (name, tables) in found {
        let age = now - name.created();
        if age >= age_min && lock::is_used(&mut conn, &name.lock())?.is_none() {
            orphans.push(Orphan { name, age, tables });
        }
    }
    Ok(orphans)
}

/// Drops a dead workspace; looks again first whether it still is dead. Says whether it was dropped.
///
/// # Errors
/// The server's.
pub fn drop(endpoint: &Endpoint, orphan: &Orphan) -> Result<bool> {
    // The binlog stays on: what a logged run made must go from replicas too.
    let mut conn = Connection::open_in(endpoint, Role::Workspace, None)?;
    if lock::is_used(&mut conn, &orphan.name.lock())?.is_some() {
        return Ok(false);
    }
    if orphan.tables.is_empty() {
        drop_schema(&mut conn, &orphan.name).context(|| format!("dropping {}", orphan.name))?;
    }
    for table in &orphan.tables {
        conn.execute(&format!("DROP TABLE IF EXISTS {table}")).context(|| format!("dropping {table}"))?;
    }
    Ok(true)
}

/// Drops all dead workspaces of any age; failures are logged, since a sweep must not keep a server from starting.
pub fn sweep(endpoint: &Endpoint, temp_database: Option<&str>) -> Result<usize> {
    let mut dropped = 0;
    for orphan in list(endpoint, temp_database, 0)? {
        match drop(endpoint, &orphan) {
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
