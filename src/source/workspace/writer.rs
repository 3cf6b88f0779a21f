//! The writing connection of a workspace, and whether what it writes reaches the binlog.

use super::{Home, Workspace};
use crate::db::Connection;
use crate::error::{Context, Error, Kind, Result};
use crate::schema::Flavour;
use crate::source::clock::{Clock, Clocks};
use crate::source::masking::Masking;
use crate::source::reader::last_cells;
use crate::source::walk::Positions;
use crate::source::watch::{Seat, Statements};
use crate::sql::WorkspaceTable;
use crate::sql::select::{Compare, InsertSelect, Range, Select, WalkKey};
use crate::sql::workspace::CreateTable;
use std::sync::Arc;

/// Whether rows written to a workspace reach the binlog, and with it replicas and backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logging {
    /// They do not.
    Off,
    /// They do: raw values must never be written.
    On,
}

/// A connection that writes into one workspace. What a statement writes to is a [`WorkspaceTable`], which no other
/// table's name can become; source tables are read through [`InsertSelect`] and [`Select`] only.
#[derive(Debug)]
pub struct Writer {
    conn: Connection,
    seat: Seat,
    logging: Logging,
    home: Home,
}

impl Writer {
    /// Connects for the workspace's run; statements are in `statements` while they run.
    ///
    /// # Errors
    /// As [`Connection::open`]; `Privilege` when the server logs statements and the account may not change that.
    pub fn open(workspace: &Workspace, run: &str, statements: &Arc<Statements>) -> Result<Self> {
        let home = workspace.home().clone();
        let mut conn = home.connect()?;
        conn.set_run(run);
        let logging = quiet_binlog(&mut conn)?;
        let seat = Seat::new(statements, home.endpoint(), conn.server(), conn.id());
        Ok(Self { conn, seat, logging, home })
    }

    /// The server's own name.
    #[must_use]
    pub fn server(&self) -> &str {
        self.conn.server()
    }

    /// Whether what is written here is logged.
    #[must_use]
    pub fn logging(&self) -> Logging {
        self.logging
    }

    /// The server's family.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.conn.flavour()
    }

    /// Tells the session what masks need. Before the first statement that has some.
    ///
    /// # Errors
    /// The server's.
    pub fn prepare(&mut self, masking: Masking<'_>) -> Result<()> {
        masking.prepare(&mut self.conn)
    }

    /// What time it is at the source, for what is copied from now on.
    ///
    /// # Errors
    /// The server's.
    pub fn clock(&mut self, clocks: &Clocks) -> Result<Clock> {
        clocks.read(&mut self.conn)
    }

    /// Makes a workspace table from DDL rendered by [`crate::schema::ddl`].
    ///
    /// # Errors
    /// The server's.
    pub fn create_table(&mut self, table: &CreateTable) -> Result<()> {
        self.execute(&table.to_string()).map(|_| ()).context(|| "creating a workspace table")
    }

    /// Copies rows; says how many. A statement that gave way left nothing behind and is tried again.
    ///
    /// # Errors
    /// The server's; `Busy` when the run has ended; one that [`crate::source::watch::gave_way`] knows.
    pub fn copy(&mut self, statement: &InsertSelect) -> Result<u64> {
        let Self { conn, seat, home, .. } = self;
        let sql = statement.to_string();
        let done = seat.run_again(statement.select.source_table(home.source()), || conn.execute(&sql));
        Ok(done.map_err(|error| home.hint(error))?.affected)
    }

    /// The one row that a short `SELECT` gives, as bytes; none without a row.
    ///
    /// # Errors
    /// As [`Writer::copy`]; `Internal` when a cell is NULL (keys are not).
    pub fn position(&mut self, select: &Select) -> Result<Option<Vec<Vec<u8>>>> {
        let Self { conn, seat, home, .. } = self;
        seat.run_again(select.source_table(home.source()), || {
            last_cells(&mut conn.stream(&select.to_string())?, select.list.len())
        })
        .map_err(|error| home.hint(error))
    }

    /// The number that a short `SELECT` gives; 0 without a row.
    ///
    /// # Errors
    /// The server's; `Internal` when it is no number.
    pub fn number(&mut self, select: &Select) -> Result<u64> {
        let Some(cells) = self.position(select)? else { return Ok(0) };
        let text = cells.first().and_then(|cell| std::str::from_utf8(cell).ok());
        text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            Error::internal("the database answered a question for a number with something else")
        })
    }

    /// What [`Compare`] counts, one number for each condition.
    ///
    /// # Errors
    /// The server's.
    pub fn compare(&mut self, compare: &Compare) -> Result<Vec<u64>> {
        let Self { conn, seat, home, .. } = self;
        let row: mysql::Row = seat
            .run_again(Some(&compare.source), || conn.query_one(&compare.to_string()))
            .map_err(|error| home.hint(error))?;
        (0..compare.conditions.len())
            .map(|at| row.get_opt(at).and_then(std::result::Result::ok))
            .collect::<Option<_>>()
            .ok_or_else(|| Error::internal("a count is no number"))
    }

    /// Sets columns of the rows of a workspace table that lie in `range`.
    ///
    /// # Errors
    /// The server's; `Busy` when the run has ended.
    pub fn update(
        &mut self,
        table: &WorkspaceTable,
        assignments: &str,
        key: &WalkKey,
        range: &Range,
    ) -> Result<u64> {
        self.execute(&Self::update_statement(table, assignments, key, range))
    }

    /// What [`Writer::update`] runs.
    pub(super) fn update_statement(
        table: &WorkspaceTable,
        assignments: &str,
        key: &WalkKey,
        range: &Range,
    ) -> String {
        let condition = key.condition(range).map(|condition| format!(" WHERE {condition}"));
        format!("UPDATE {table} SET {assignments}{}", condition.unwrap_or_default())
    }

    /// Runs a statement that names no source table, again after a deadlock; says how many rows it was about.
    fn execute(&mut self, statement: &str) -> Result<u64> {
        let Self { conn, seat, home, .. } = self;
        let done = seat.run_again(None, || conn.execute(statement));
        Ok(done.map_err(|error| home.hint(error))?.affected)
    }
}

/// Keeps what `conn` writes out of the binlog where the account may.
pub(super) fn quiet_binlog(conn: &mut Connection) -> Result<Logging> {
    let log_bin: i64 = conn.query_one("SELECT @@log_bin")?;
    if log_bin == 0 || conn.execute("SET SESSION sql_log_bin = 0").is_ok() {
        return Ok(Logging::Off);
    }
    let format: String = conn.query_one("SELECT @@binlog_format")?;
    if format.eq_ignore_ascii_case("STATEMENT") && conn.execute("SET SESSION binlog_format = 'ROW'").is_err()
    {
        let right = match conn.flavour() {
            Flavour::Mariadb => "BINLOG ADMIN (before 10.5: SUPER)",
            Flavour::Mysql => "SESSION_VARIABLES_ADMIN (before 8.0.14: SUPER)",
        };
        return Err(Error::new(
            Kind::Privilege,
            "the server logs statements (binlog_format=STATEMENT), under which a copy without locks is not possible",
        )
        .hint(format!("GRANT {right} ON *.* to the account, or set binlog_format=ROW on the server")));
    }
    Ok(Logging::On)
}

impl Positions for Writer {
    fn position(&mut self, select: &Select) -> Result<Option<Vec<Vec<u8>>>> {
        Self::position(self, select)
    }
}
