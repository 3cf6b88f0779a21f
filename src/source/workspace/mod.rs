//! A run's workspace: where copies live while they are sanitized and read. The only thing on the source's server that
//! is ever written.
//!
//! A workspace is a schema of its own, or tables with a prefix inside `temp_database`. A server-side lock named after
//! it says that its run is alive: it goes away with the process, however that dies, and then anybody may drop it.

mod copy;
mod name;
mod proof;
mod writer;

pub use copy::{CopyOrder, Sanitized, bound, copy_table, key_forms};
pub use name::WorkspaceName;
pub use proof::is_unmasked;
pub use writer::{Logging, Writer};

use crate::db::lock::{HeldLock, LockKeeper};
use crate::db::{Connection, Endpoint, Role};
use crate::error::{Context, Error, Kind, Result};
use crate::random;
use crate::sql::ident::string_literal;
use crate::sql::select::{InsertSelect, Range, Select, WalkKey};
use crate::sql::{Ident, TableName};

/// What rights on the schemas of all runs are granted on.
pub const SCHEMA_PATTERN: &str = "`\\_backfill\\_temp\\_%`";

/// A live workspace; dropped on the server when this value is dropped.
#[derive(Debug)]
pub struct Workspace {
    endpoint: Endpoint,
    name: WorkspaceName,
    shared_schema: Option<String>,
    tables: Vec<TableName>,
    lock: Option<HeldLock>,
    gone: bool,
}

impl Workspace {
    /// Makes the workspace of a run: a schema of its own, or nothing yet inside `temp_database` (made when missing).
    ///
    /// # Errors
    /// `Privilege` with the GRANT that is missing; the server's.
    pub fn create(
        endpoint: &Endpoint,
        temp_database: Option<&str>,
        keeper: &LockKeeper,
        run: &str,
    ) -> Result<Self> {
        if let Some(schema) = temp_database {
            refuse_source(endpoint, schema)?;
        }
        let mut conn = Connection::open_in(endpoint, Role::Workspace, None)?;
        conn.set_run(run);
        let now: i64 = conn.query_one("SELECT UNIX_TIMESTAMP()")?;
        let name = WorkspaceName::new(now, random::number()?);
        let lock = keeper.hold(&name.lock()).context(|| "locking the workspace's name")?;
        writer::quiet_binlog(&mut conn)?;
        match temp_database {
            Some(schema) => create_when_missing(&mut conn, schema)?,
            None => conn
                .execute(&format!("CREATE DATABASE {} CHARACTER SET utf8mb4", Ident::new(name.as_str())))
                .map(|_| ())
                .map_err(|error| grant_hint(error, SCHEMA_PATTERN))
                .context(|| "creating the workspace")?,
        }
        Ok(Self {
            endpoint: endpoint.clone(),
            name,
            shared_schema: temp_database.map(str::to_owned),
            tables: Vec::new(),
            lock: Some(lock),
            gone: false,
        })
    }

    /// Makes a workspace with a table in it, writes to it and drops it: what the account may not do is better found
    /// out at start than by the first run.
    ///
    /// # Errors
    /// As [`Workspace::create`].
    pub fn try_out(endpoint: &Endpoint, temp_database: Option<&str>, keeper: &LockKeeper) -> Result<()> {
        let mut workspace = Self::create(endpoint, temp_database, keeper, "start")?;
        let tried = workspace.try_statements();
        workspace.drop_now()?;
        tried
    }

    fn try_statements(&mut self) -> Result<()> {
        let place = self.place("backfill_start");
        let key = WalkKey { index: "PRIMARY".to_owned(), columns: vec!["id".to_owned()] };
        let select = Select::all(place.clone(), vec!["`id`".to_owned()]);
        let mut writer = Writer::open(&self.endpoint, self, "start")?;
        writer
            .create_table(&format!("CREATE TABLE {place} (`id` INT NOT NULL PRIMARY KEY) ENGINE=InnoDB"))?;
        let columns = key.columns.clone();
        let copied = writer.copy(&InsertSelect { into: place.clone(), columns, select: select.clone() });
        copied
            .and_then(|_| writer.update(&place, "`id` = 1", &key, &Range::default()))
            .and_then(|_| writer.position(&select))
            .map(|_| ())
            .map_err(|error| grant_hint(error, &self.grant_pattern()))
            .context(|| "trying out a workspace")
    }

    /// What rights have to be granted on.
    fn grant_pattern(&self) -> String {
        match &self.shared_schema {
            Some(schema) => Ident::new(schema.as_str()).to_string(),
            None => SCHEMA_PATTERN.to_owned(),
        }
    }

    /// The workspace's name.
    #[must_use]
    pub fn name(&self) -> &WorkspaceName {
        &self.name
    }

    /// Gives a copy of the table `table` its place. Inside `temp_database` names are numbered, since a prefix could
    /// make a name longer than 64 characters.
    pub fn place(&mut self, table: &str) -> TableName {
        let place = match &self.shared_schema {
            Some(schema) => {
                TableName::qualified(schema.as_str(), format!("{}_{}", self.name, self.tables.len()))
            }
            None => TableName::qualified(self.name.as_str(), table),
        };
        self.tables.push(place.clone());
        place
    }

    /// Drops everything.
    ///
    /// # Errors
    /// The server's; the sweep of a later start tries again.
    pub fn drop_now(mut self) -> Result<()> {
        self.drop_once().map_err(|error| grant_hint(error, &self.grant_pattern()))
    }

    fn drop_once(&mut self) -> Result<()> {
        if self.gone {
            return Ok(());
        }
        self.gone = true;
        // With the binlog on: dropping a logged workspace unlogged would leave it on replicas for ever.
        let mut conn = Connection::open_in(&self.endpoint, Role::Workspace, None)?;
        match &self.shared_schema {
            None => drop_schema(&mut conn, &self.name)?,
            Some(_) => {
                for table in &self.tables {
                    conn.execute(&format!("DROP TABLE IF EXISTS {table}"))?;
                }
            }
        }
        self.lock = None;
        tracing::debug!(workspace = %self.name, "workspace dropped");
        Ok(())
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = self.drop_once() {
            tracing::warn!(workspace = %self.name, %error, "the workspace could not be dropped; a sweep will try again");
        }
    }
}

/// Drops a workspace schema, whatever its state. The type of `name` says that it is one of ours.
pub(super) fn drop_schema(conn: &mut Connection, name: &WorkspaceName) -> Result<()> {
    conn.execute(&format!("DROP DATABASE IF EXISTS {}", Ident::new(name.as_str()))).map(|_| ())
}

fn refuse_source(endpoint: &Endpoint, schema: &str) -> Result<()> {
    if schema.to_lowercase() == endpoint.database.to_lowercase() {
        return Err(Error::config("server.temp_database is the source database itself")
            .hint("name another database, or leave temp_database out"));
    }
    Ok(())
}

fn create_when_missing(conn: &mut Connection, schema: &str) -> Result<()> {
    let literal = string_literal(schema);
    let found: Option<String> = conn.query_first(&format!(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {literal}"
    ))?;
    if found.is_some() {
        return Ok(());
    }
    conn.execute(&format!("CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4", Ident::new(schema)))
        .map(|_| ())
        .map_err(|error| grant_hint(error, &Ident::new(schema).to_string()))
        .context(|| format!("creating temp_database `{schema}`"))
}

/// Names the statement that grants what is missing, or what else is in the way.
#[must_use]
pub fn grant_hint(error: Error, pattern: &str) -> Error {
    if error.kind() == Kind::Privilege && error.hint_text().is_none() {
        return error.hint(format!(
            "the account of DATABASE_URL needs SELECT on its database, and GRANT SELECT, INSERT, UPDATE, CREATE, DROP ON \
             {pattern}.*"
        ));
    }
    // 1290 and 1836: the server or its whole group is read-only.
    if matches!(crate::db::error::server_code(&error), Some(1290 | 1836)) {
        return error.hint(
            "rules need a place for masked copies: serve from a server that takes writes, such as the primary",
        );
    }
    error
}
