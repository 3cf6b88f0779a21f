//! A run's workspace: where copies live while they are sanitized and read. The only thing on the source's server that
//! is ever written.
//!
//! A workspace is a schema of its own, or numbered tables inside a schema: `temp_database`, or the source's own. There
//! too nothing else can be written or dropped: every statement that does takes a [`WorkspaceTable`], which cannot be
//! made for another name. A server-side lock named after the workspace says that its run is alive: it goes away with
//! the process, however that dies, and then anybody may drop what is left.

mod copy;
mod home;
mod proof;
pub mod subset;
mod writer;

pub use copy::{CopyOrder, Sanitized, copy_statements, copy_table};
pub use home::{Home, Layout, binlog_right, read_grant, read_hint};
pub use proof::{is_unmasked, unmasked};
pub use writer::{Logging, Writer};

use crate::db::lock::{HeldLock, LockKeeper};
use crate::db::{Connection, unless_deadlocked};
use crate::error::{Context, Result};
use crate::random;
use crate::sql::ident::string_literal;
use crate::sql::select::{InsertSelect, Range, Select, WalkKey};
use crate::sql::workspace::{CreateTable, drop_schema, drop_table};
use crate::sql::{Ident, TableName, WorkspaceName, WorkspaceTable};
use std::sync::Arc;

/// A live workspace; dropped on the server when this value is dropped.
#[derive(Debug)]
pub struct Workspace {
    home: Home,
    name: WorkspaceName,
    contents: Contents,
    lock: Option<HeldLock>,
    gone: bool,
}

/// What there is to drop.
#[derive(Debug)]
enum Contents {
    /// A schema of its own with all that is in it.
    Schema,
    /// These tables of this schema.
    Tables { schema: String, tables: Vec<WorkspaceTable> },
}

impl Workspace {
    /// Makes the workspace of a run: a schema of its own, or nothing yet inside another one (`temp_database` is made
    /// when missing).
    ///
    /// # Errors
    /// `Privilege` with the GRANT that is missing; the server's.
    pub fn create(home: &Home, keeper: &LockKeeper, run: &str) -> Result<Self> {
        Self::begin(home, keeper, run).map_err(|error| home.hint(error)).context(|| "creating the workspace")
    }

    fn begin(home: &Home, keeper: &LockKeeper, run: &str) -> Result<Self> {
        let mut conn = home.connect()?;
        conn.set_run(run);
        let now: i64 = conn.query_one("SELECT UNIX_TIMESTAMP()")?;
        let name = WorkspaceName::new(now, random::number()?);
        let lock = keeper.hold(&name.lock()).context(|| "locking the workspace's name")?;
        let contents = match home.layout() {
            Layout::Schema => Contents::Schema,
            Layout::Tables => Contents::Tables { schema: home.source().to_owned(), tables: Vec::new() },
            Layout::Shared { temp_database } => {
                // It stays, so replicas get it too: what is dropped inside it is dropped there as well.
                create_when_missing(&mut conn, temp_database)?;
                Contents::Tables { schema: temp_database.clone(), tables: Vec::new() }
            }
        };
        writer::quiet_binlog(&mut conn)?;
        // What the account may not drop would stay for ever: dropping what is not there finds out.
        match &contents {
            Contents::Schema => {
                change(&mut conn, &drop_schema(&name))
                    .map_err(|error| home.pattern_hint(&mut conn, error))?;
                let create = format!("CREATE DATABASE {} CHARACTER SET utf8mb4", Ident::new(name.as_str()));
                change(&mut conn, &create)?;
            }
            Contents::Tables { schema, .. } => {
                change(&mut conn, &drop_table(&WorkspaceTable::numbered(schema, &name, 0)))?;
            }
        }
        Ok(Self { home: home.clone(), name, contents, lock: Some(lock), gone: false })
    }

    /// Makes a workspace with a table in it, does to it whatever runs do, reads none of the rows of `sources`, and drops
    /// it: what the account may not do is better found out at start than by the first run.
    ///
    /// # Errors
    /// As [`Workspace::create`].
    pub fn try_out<'a>(
        home: &Home,
        keeper: &LockKeeper,
        sources: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        let mut workspace = Self::create(home, keeper, "start")?;
        let tried = workspace
            .try_statements(sources)
            .map_err(|error| home.hint(error))
            .context(|| "trying out a workspace");
        workspace.drop_now()?;
        tried
    }

    fn try_statements<'a>(&mut self, sources: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let place = self.place("backfill_start");
        let key = WalkKey { index: "PRIMARY".to_owned(), columns: vec!["id".to_owned()] };
        let select = Select::all(place.name().clone(), ["`id`"].into());
        let mut writer = Writer::open(self, "start", &Arc::default())?;
        let definition = "(`id` INT NOT NULL PRIMARY KEY) ENGINE=InnoDB".to_owned();
        writer.create_table(&CreateTable::new(place.clone(), definition))?;
        let columns = key.columns.clone();
        writer.copy(&InsertSelect { into: place.clone(), columns, select: select.clone(), ignore: false })?;
        writer.update(&place, &["`id` = 1"].into(), &key, &Range::default())?;
        writer.position(&select)?;
        for table in sources {
            let from = TableName::qualified(self.home.source(), table);
            writer.position(&Select { limit: Some(0), ..Select::all(from, ["1"].into()) })?;
        }
        Ok(())
    }

    /// The workspace's name.
    #[must_use]
    pub fn name(&self) -> &WorkspaceName {
        &self.name
    }

    /// Where it was made.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Gives a copy of the table `table` its place.
    pub fn place(&mut self, table: &str) -> WorkspaceTable {
        match &mut self.contents {
            Contents::Schema => WorkspaceTable::inside(&self.name, table),
            Contents::Tables { schema, tables } => {
                let place = WorkspaceTable::numbered(schema, &self.name, tables.len());
                tables.push(place.clone());
                place
            }
        }
    }

    /// Drops everything.
    ///
    /// # Errors
    /// The server's; the sweep of a later start tries again.
    pub fn drop_now(mut self) -> Result<()> {
        self.drop_once().map_err(|error| self.home.hint(error))
    }

    fn drop_once(&mut self) -> Result<()> {
        if self.gone {
            return Ok(());
        }
        self.gone = true;
        // With the binlog on: dropping a logged workspace unlogged would leave it on replicas for ever.
        let mut conn = self.home.connect()?;
        match &self.contents {
            Contents::Schema => change(&mut conn, &drop_schema(&self.name))?,
            Contents::Tables { tables, .. } => drop_tables(&mut conn, tables)?,
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

/// Makes or drops a schema or a table of ours, again after a deadlock.
pub(in crate::source) fn change(conn: &mut Connection, statement: &str) -> Result<()> {
    unless_deadlocked(|| conn.execute(statement)).map(|_| ())
}

/// Drops each of `tables`, whatever happens to the others; the first failure counts.
pub(in crate::source) fn drop_tables(conn: &mut Connection, tables: &[WorkspaceTable]) -> Result<()> {
    let mut outcome = Ok(());
    for table in tables {
        let dropped = change(conn, &drop_table(table)).context(|| format!("dropping {table}"));
        outcome = outcome.and(dropped);
    }
    outcome
}

fn create_when_missing(conn: &mut Connection, schema: &str) -> Result<()> {
    let literal = string_literal(schema);
    let look = format!("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {literal}");
    let found: Option<String> = unless_deadlocked(|| conn.query_first(&look))?;
    if found.is_some() {
        return Ok(());
    }
    let create = format!("CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4", Ident::new(schema));
    change(conn, &create).context(|| format!("creating temp_database `{schema}`"))
}
