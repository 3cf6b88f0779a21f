//! The writing connection of a workspace, and whether what it writes reaches the binlog.

use super::{Workspace, grant_hint};
use crate::db::{Connection, Endpoint, Role};
use crate::error::{Context, Error, Kind, Result};
use crate::schema::Flavour;
use crate::sql::TableName;
use crate::sql::select::{Compare, InsertSelect, Range, Select, WalkKey};

/// Whether rows written to a workspace reach the binlog, and with it replicas and backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logging {
    /// They do not.
    Off,
    /// They do: raw values must never be written.
    On,
}

/// A connection that writes into one workspace. Each method checks nothing but takes names that only
/// [`Workspace::place`] makes, and reads source tables through [`InsertSelect`] and [`Select`] only.
#[derive(Debug)]
pub struct Writer {
    conn: Connection,
    logging: Logging,
    grant_pattern: String,
}

impl Writer {
    /// Connects for the workspace's run.
    ///
    /// # Errors
    /// As [`Connection::open`]; `Privilege` when the server logs statements and the account may not change that.
    pub fn open(endpoint: &Endpoint, workspace: &Workspace, run: &str) -> Result<Self> {
        let mut conn = Connection::open_in(endpoint, Role::Workspace, None)?;
        conn.set_run(run);
        let logging = quiet_binlog(&mut conn)?;
        Ok(Self { conn, logging, grant_pattern: workspace.grant_pattern() })
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

    /// Makes a workspace table from DDL rendered by [`crate::schema::ddl`].
    ///
    /// # Errors
    /// The server's.
    pub fn create_table(&mut self, ddl: &str) -> Result<()> {
        self.conn
            .execute(ddl)
            .map(|_| ())
            .map_err(|error| grant_hint(error, &self.grant_pattern))
            .context(|| "creating a workspace table")
    }

    /// Copies rows; says how many.
    ///
    /// # Errors
    /// The server's.
    pub fn copy(&mut self, statement: &InsertSelect) -> Result<u64> {
        Ok(self.conn.execute(&statement.to_string())?.affected)
    }

    /// The one row that a short `SELECT` gives, as bytes; none without a row.
    ///
    /// # Errors
    /// The server's; `Internal` when a cell is NULL (keys are not).
    pub fn position(&mut self, select: &Select) -> Result<Option<Vec<Vec<u8>>>> {
        use crate::db::RowCells;
        let mut rows = self.conn.stream(&select.to_string())?;
        let mut position = None;
        while let Some(row) = rows.next_row()? {
            let cells =
                (0..select.list.len()).map(|at| row.cell(at).map(<[u8]>::to_vec)).collect::<Option<Vec<_>>>();
            position = Some(cells.ok_or_else(|| Error::internal("a key column holds NULL"))?);
        }
        Ok(position)
    }

    /// What [`Compare`] counts, one number for each condition.
    ///
    /// # Errors
    /// The server's.
    pub fn compare(&mut self, compare: &Compare) -> Result<Vec<u64>> {
        let row: mysql::Row = self.conn.query_one(&compare.to_string())?;
        (0..compare.conditions.len())
            .map(|at| row.get_opt(at).and_then(std::result::Result::ok))
            .collect::<Option<_>>()
            .ok_or_else(|| Error::internal("a count is no number"))
    }

    /// Sets columns of the rows of a workspace table that lie in `range`.
    ///
    /// # Errors
    /// The server's.
    pub fn update(
        &mut self,
        table: &TableName,
        assignments: &str,
        key: &WalkKey,
        range: &Range,
    ) -> Result<u64> {
        let mut statement = format!("UPDATE {table} SET {assignments}");
        if let Some(condition) = key.condition(range) {
            statement.push_str(&format!(" WHERE {condition}"));
        }
        Ok(self.conn.execute(&statement)?.affected)
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
        return Err(Error::new(
            Kind::Privilege,
            "the server logs statements (binlog_format=STATEMENT), under which a copy without locks is not possible",
        )
        .hint("GRANT the right to set sql_log_bin (MariaDB: BINLOG ADMIN; MySQL: SESSION_VARIABLES_ADMIN) to the account, or set binlog_format=ROW on the server"));
    }
    Ok(Logging::On)
}
