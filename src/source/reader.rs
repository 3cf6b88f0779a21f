//! Reading production: plain `SELECT`s only, each short. Metadata locks are not held longer than a read, but for one
//! case, see [`Reader::begin_snapshot`].

use crate::db::introspect::{Signature, signatures};
use crate::db::{Connection, Endpoint, Role, Rows, unless_deadlocked};
use crate::error::{Error, Result};
use crate::fault::{first_step, lost_after};
use crate::schema::{Flavour, Version};
use crate::source::clock::{Clock, Clocks};
use crate::source::masking::Masking;
use crate::source::walk::Positions;
use crate::source::watch::{Seat, Statements};
use crate::sql::lookup::Lookup;
use crate::sql::select::Select;
use crate::sql::{Statement, TableName};
use mysql::prelude::FromRow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one read should take: whoever alters the table waits for it, and everybody behind them.
pub const READ_GOAL: Duration = Duration::from_millis(40);

/// Seconds of silence after which the server ends a connection that has a snapshot open: should this process stand still
/// or its host vanish, nobody says so, and the snapshot would hold what it holds for hours. The same for a result that is
/// not taken. A connection that waits for a slow client is not silent, see [`Reader::stay_alive`].
const LOST_SECONDS: u32 = 60;
/// How often it is heard from in that time.
const SIGNS_OF_LIFE: u32 = 6;

/// A connection that can only select.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
    seat: Seat,
    snapshot: Option<Locks>,
    /// What becomes of metadata locks, once the server was asked.
    locks: Option<Locks>,
    lost_seconds: u32,
    /// Whether the server knows after how long a silence we are lost.
    is_told_lost: bool,
    /// When the server was told that we are there.
    alive: Instant,
}

/// What becomes of metadata locks inside a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// They are given back after each read.
    GivenBack,
    /// The server keeps them until the snapshot is given up. Whoever waits for one ends the run, see
    /// [`crate::source::watch`].
    Kept,
}

impl Reader {
    /// Connects; statements carry the run's id, and are in `statements` while they run.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn open(endpoint: &Endpoint, run: &str, statements: &Arc<Statements>) -> Result<Self> {
        let mut conn = Connection::open(endpoint, Role::Source)?;
        conn.set_run(run);
        let seat = Seat::new(statements, endpoint, conn.server(), conn.id());
        let lost_seconds = lost_after(LOST_SECONDS);
        let alive = Instant::now();
        Ok(Self { conn, seat, snapshot: None, locks: None, lost_seconds, is_told_lost: false, alive })
    }

    /// The server's own name.
    #[must_use]
    pub fn server(&self) -> &str {
        self.conn.server()
    }

    /// Tells the session what masks need, before any is read.
    ///
    /// # Errors
    /// The server's.
    pub fn prepare(&mut self, masking: Masking<'_>) -> Result<()> {
        masking.prepare(&mut self.conn)
    }

    /// What the server is.
    #[must_use]
    pub fn version(&self) -> (Flavour, Version) {
        (self.conn.flavour(), self.conn.version())
    }

    /// What time it is, for what is read from now on.
    ///
    /// # Errors
    /// The server's.
    pub fn clock(&mut self, clocks: &Clocks) -> Result<Clock> {
        clocks.read(&mut self.conn)
    }

    /// Opens a snapshot: from now on every read of a transactional table sees this moment. Says whether it did: where
    /// metadata locks could not be given back inside a snapshot, there is none, and each read sees its own moment.
    ///
    /// # Errors
    /// The server's.
    pub fn open_snapshot(&mut self) -> Result<bool> {
        let locks = self.locks()?;
        if locks == Locks::GivenBack {
            self.begin_snapshot(locks)?;
        }
        Ok(locks == Locks::GivenBack)
    }

    /// Opens a snapshot, even one in which metadata locks are kept, as [`Reader::locks`] says.
    ///
    /// # Errors
    /// The server's.
    pub fn begin_snapshot(&mut self, locks: Locks) -> Result<()> {
        if !self.is_told_lost {
            let lost = self.lost_seconds;
            self.conn
                .execute(&format!("SET SESSION wait_timeout = {lost}, SESSION net_write_timeout = {lost}"))?;
            self.is_told_lost = true;
        }
        self.alive = Instant::now();
        // At READ COMMITTED the clause is ignored, on MariaDB without a warning.
        self.conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        self.conn.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")?;
        self.snapshot = Some(locks);
        Ok(())
    }

    /// Tables without a usable key are read whole by one statement: see [`Seat::watch_closely`].
    pub fn watch_closely(&mut self) {
        self.seat.watch_closely();
    }

    /// Says, also while a read goes on, whether it has to make way: see [`Seat::gives_way`].
    pub fn gives_way(&self) -> impl Fn() -> bool + use<> {
        self.seat.gives_way()
    }

    /// Whether `ROLLBACK TO SAVEPOINT` gives metadata locks back. MariaDB keeps them in any session that could write
    /// to a binlog (or to a Galera cluster), even in one that only reads.
    ///
    /// # Errors
    /// The server's.
    pub fn locks(&mut self) -> Result<Locks> {
        let locks = match self.locks {
            Some(known) => known,
            None => self.ask_locks()?,
        };
        self.locks = Some(locks);
        Ok(locks)
    }

    fn ask_locks(&mut self) -> Result<Locks> {
        if self.conn.flavour() == Flavour::Mysql || self.conn.execute("SET SESSION sql_log_bin = 0").is_ok() {
            return Ok(Locks::GivenBack);
        }
        let logs: Vec<(String, String)> =
            self.conn.query("SHOW SESSION VARIABLES WHERE Variable_name IN ('log_bin', 'wsrep_on')")?;
        let logs_nothing = logs.iter().all(|(_, value)| value.eq_ignore_ascii_case("OFF"));
        Ok(if logs_nothing { Locks::GivenBack } else { Locks::Kept })
    }

    /// Gives the snapshot up, if there is one.
    ///
    /// # Errors
    /// The server's.
    pub fn close_snapshot(&mut self) -> Result<()> {
        if self.snapshot.take().is_some() {
            self.conn.execute("ROLLBACK")?;
            self.seat.let_go();
        }
        Ok(())
    }

    /// Tells the server that we are there, if it is time to. Whoever waits while a snapshot is open calls it again and
    /// again.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn stay_alive(&mut self) -> Result<()> {
        if self.in_snapshot()
            && self.alive.elapsed() * SIGNS_OF_LIFE >= Duration::from_secs(self.lost_seconds.into())
        {
            self.conn.ping()?;
            self.alive = Instant::now();
        }
        Ok(())
    }

    /// Whether a snapshot is open.
    #[must_use]
    pub fn in_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Where the binlog was when the snapshot was opened; nothing on a server that does not say.
    ///
    /// # Errors
    /// The server's.
    pub(super) fn binlog_position(&mut self) -> Result<Vec<(String, String)>> {
        self.conn
            .query("SHOW STATUS WHERE Variable_name IN ('Binlog_snapshot_file', 'Binlog_snapshot_position')")
    }

    /// Whether every change of the source is in the server's own binlog, and in its order: then equal positions of
    /// snapshots are one moment. What a replica receives may not be logged again.
    ///
    /// # Errors
    /// The server's.
    pub(super) fn logs_all_changes(&mut self) -> Result<bool> {
        if self.conn.flavour() == Flavour::Mysql {
            return Ok(false);
        }
        let settings: Vec<(String, String)> = self.conn.query(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'log_slave_updates', 'wsrep_on', 'gtid_slave_pos')",
        )?;
        let replicas: Vec<(String, String)> =
            self.conn.query("SHOW GLOBAL STATUS WHERE Variable_name = 'Slaves_running'")?;
        let is = |name: &str, wanted: &str| {
            settings.iter().any(|(found, value)| found == name && value.eq_ignore_ascii_case(wanted))
        };
        let receives = is("wsrep_on", "ON")
            || !is("gtid_slave_pos", "")
            || replicas.iter().any(|(_, running)| running != "0");
        Ok(is("log_bin", "ON") && (is("log_slave_updates", "ON") || !receives))
    }

    /// What a table's columns look like now; nothing without such a table.
    ///
    /// # Errors
    /// The server's.
    pub fn signature(&mut self, table: &TableName) -> Result<Signature> {
        let schema = table.schema().unwrap_or_default();
        let mut found = unless_deadlocked(|| signatures(&mut self.conn, schema, Some(table.table())))?;
        Ok(found.remove(table.table()).unwrap_or_default())
    }

    /// Asks the server about itself, outside of any snapshot.
    pub(super) fn ask<T: FromRow>(&mut self, query: &str) -> Result<Vec<T>> {
        if self.in_snapshot() {
            return Err(Error::internal("a snapshot does not say what is true now"));
        }
        self.conn.query(query)
    }

    /// Where a step of a walk ends: the key cells of the one row that `select` gives, if there is one.
    ///
    /// # Errors
    /// As [`Reader::read`]; `Internal` when a cell is NULL (keys are not).
    pub fn position(&mut self, select: &Select) -> Result<Option<Vec<Vec<u8>>>> {
        self.read(select, |rows| last_cells(rows, select.list.len()))
    }

    /// Runs one `SELECT` and hands its rows to `consume`, which must read them to the end. Inside a snapshot the
    /// table's metadata lock is given back right after, the snapshot is kept.
    ///
    /// # Errors
    /// The server's; what `consume` says, and then the statement is ended, however many rows are left; `Busy` when the run has ended; one that [`crate::source::watch::gave_way`]
    /// knows when the read took long and somebody waited for the table. After an error inside a snapshot the snapshot
    /// must be given up.
    pub fn read<T>(
        &mut self,
        select: &Select,
        consume: impl FnOnce(&mut Rows<'_>) -> Result<T>,
    ) -> Result<T> {
        let Self { conn, seat, snapshot, .. } = self;
        let consume = |rows: &mut Rows<'_>| consume(rows).inspect_err(|_| seat.abandon());
        if *snapshot == Some(Locks::Kept) {
            select.tables().for_each(|table| seat.hold(table));
        }
        seat.run(Some(&select.from), || {
            let select = Statement::from(select);
            if snapshot.is_none() {
                return read_once(conn, &select, consume);
            }
            conn.execute("SAVEPOINT backfill_read")?;
            let read = read_once(conn, &select, consume);
            // Fails as well if the snapshot was lost; does nothing else where the server keeps locks.
            let released = conn.execute("ROLLBACK TO SAVEPOINT backfill_read");
            let value = read?;
            released?;
            Ok(value)
        })
    }

    /// As [`Reader::read`], for rows that are looked up beside their parents; a statement that gave way is tried again.
    /// Never inside a snapshot: what is true now is wanted.
    ///
    /// # Errors
    /// As [`Reader::read`]; `Internal` inside a snapshot.
    pub fn look_up<T>(
        &mut self,
        lookup: &Lookup,
        mut consume: impl FnMut(&mut Rows<'_>) -> Result<T>,
    ) -> Result<T> {
        if self.in_snapshot() {
            return Err(Error::internal("a snapshot does not say what is true now"));
        }
        let Self { conn, seat, .. } = self;
        seat.run_again(Some(&lookup.child), || consume(&mut conn.stream(lookup)?))
    }

    /// As [`Reader::look_up`], for rows that are looked up alone.
    ///
    /// # Errors
    /// As there.
    pub fn look_up_alone<T>(
        &mut self,
        select: &Select,
        mut consume: impl FnMut(&mut Rows<'_>) -> Result<T>,
    ) -> Result<T> {
        if self.in_snapshot() {
            return Err(Error::internal("a snapshot does not say what is true now"));
        }
        let Self { conn, seat, .. } = self;
        seat.run_again(Some(&select.from), || consume(&mut conn.stream(select)?))
    }
}

impl Positions for Reader {
    fn position(&mut self, select: &Select) -> Result<Option<Vec<Vec<u8>>>> {
        Self::position(self, select)
    }
}

/// Hands the rows of a `SELECT` on. One that is refused for a deadlock has given no row yet, and is asked again.
fn read_once<T>(
    conn: &mut Connection,
    select: &Statement<'_>,
    consume: impl FnOnce(&mut Rows<'_>) -> Result<T>,
) -> Result<T> {
    let mut consume = Some(consume);
    let read = unless_deadlocked(|| {
        let mut rows = conn.stream(select.again())?;
        Ok(consume.take().map(|consume| consume(&mut rows)))
    })?;
    read.unwrap_or_else(|| Err(Error::internal("the rows of a read were handed on twice")))
}

/// The cells of the last row, none of which may be NULL.
pub(super) fn last_cells(rows: &mut Rows<'_>, cells: usize) -> Result<Option<Vec<Vec<u8>>>> {
    use crate::db::RowCells;
    let mut last = None;
    while let Some(row) = rows.next_row()? {
        let cells = (0..cells).map(|at| row.cell(at).map(<[u8]>::to_vec)).collect::<Option<Vec<_>>>();
        last = Some(cells.ok_or_else(|| Error::internal("a key column holds NULL"))?);
    }
    Ok(last)
}

/// How many rows the next read asks for, so that a read takes about [`READ_GOAL`].
#[derive(Debug)]
pub struct Pace {
    rows: u64,
    rows_max: u64,
    goal: Duration,
}

impl Pace {
    /// Begins with about 256 KiB by the server's estimate of the row size.
    #[must_use]
    pub fn new(row_count: u64, bytes: u64, rows_max: u64, goal: Duration) -> Self {
        let row_bytes = (bytes / row_count.max(1)).clamp(1, 256 * 1024);
        let rows = first_step().unwrap_or(256 * 1024 / row_bytes).clamp(1, rows_max.min(2000));
        Self { rows, rows_max, goal }
    }

    /// Rows for the next read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Asks for no more than `rows` rows at a time.
    pub fn at_most(&mut self, rows: u64) {
        self.rows_max = self.rows_max.min(rows.max(1));
        self.rows = self.rows.min(self.rows_max);
    }

    /// Reads should take about `goal`.
    pub fn aim_at(&mut self, goal: Duration) {
        self.goal = goal;
    }

    /// Learns from a read of `rows` rows begun at `begun`.
    pub fn learn(&mut self, begun: Instant) {
        let took = begun.elapsed();
        if took > self.goal * 2 {
            self.rows = (self.rows / 2).max(1);
        } else if took < self.goal / 2 {
            self.rows = (self.rows * 2).min(self.rows_max);
        }
    }
}

/// The error that ends a run whose table changed its definition under a snapshot.
#[must_use]
pub fn is_schema_change(error: &Error) -> bool {
    // 1412 the definition changed after the snapshot, 1054 unknown column, 1146 no such table, 1176 no such index.
    matches!(crate::db::error::server_code(error), Some(1412 | 1054 | 1146 | 1176))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pace_follows_the_clock_within_bounds() {
        let mut pace = Pace::new(1000, 256_000, 4000, Duration::from_millis(40));
        assert_eq!(pace.rows(), 1024);
        pace.learn(Instant::now());
        assert_eq!(pace.rows(), 2048);
        pace.learn(Instant::now());
        pace.learn(Instant::now());
        assert_eq!(pace.rows(), 4000);
        let Some(long_ago) = Instant::now().checked_sub(Duration::from_secs(1)) else { return };
        pace.learn(long_ago);
        assert_eq!(pace.rows(), 2000);
    }

    #[test]
    fn huge_rows_begin_one_by_one() {
        assert_eq!(Pace::new(10, 100 << 20, 4000, READ_GOAL).rows(), 1);
        assert!(Pace::new(0, 0, 4000, READ_GOAL).rows() > 1);
    }
}
