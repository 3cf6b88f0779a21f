//! Which statements a run's connections are running.

#[cfg(test)]
mod tests;

use super::{KILL_EVERY, LONG, LOOK_EVERY, Task};
use crate::db::{Endpoint, error::server_code, unless_deadlocked};
use crate::error::{Error, Kind, Result};
use crate::sql::TableName;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The server's error number for a statement that was ended by `KILL QUERY`.
const INTERRUPTED: u16 = 1317;
/// How often a statement is tried that can be tried again.
const ATTEMPTS: u32 = 3;
/// Time for the others before a statement is tried again. Whoever waits for a lock is served before it anyway.
const PAUSE: Duration = Duration::from_secs(1);

/// The statements of one run that are running.
#[derive(Debug, Default)]
pub struct Statements {
    state: Mutex<State>,
    changed: Condvar,
    ended: AtomicBool,
    gave_way: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    next_token: u64,
    running: BTreeMap<u64, Entry>,
    /// By connection.
    held: BTreeMap<u32, Held>,
    stopped: bool,
}

/// What a connection keeps other sessions from changing as long as its snapshot is open.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// The connection.
    pub(super) connection: u32,
    /// The server's own name.
    pub(super) server: Arc<str>,
    /// Whose connection it is.
    pub(super) account: Arc<Endpoint>,
    /// The tables that it has read.
    pub(super) tables: BTreeSet<TableName>,
}

#[derive(Debug)]
struct Entry {
    statement: Running,
    /// The source table that it reads.
    table: Option<TableName>,
    begun: Instant,
    closely: bool,
    gave_way: bool,
    /// Nobody wants the rest of its rows.
    is_abandoned: bool,
}

/// A statement that is running.
#[derive(Debug, Clone)]
pub(super) struct Running {
    /// Its number in the register.
    pub(super) token: u64,
    /// The server's number of its connection, on that server.
    pub(super) connection: u32,
    /// The server's own name.
    pub(super) server: Arc<str>,
    /// Who runs it.
    pub(super) account: Arc<Endpoint>,
}

/// A statement that has run for long and reads a source table.
#[derive(Debug)]
pub(super) struct Long {
    pub(super) running: Running,
    pub(super) table: TableName,
    /// Whether waiters are looked for without the right to see them, too.
    pub(super) closely: bool,
}

/// Marks the error of a statement that gave way.
#[derive(Debug)]
struct GaveWay;

impl fmt::Display for GaveWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session of the source waited for the table")
    }
}

impl std::error::Error for GaveWay {}

/// Whether the error is that of a statement which gave way to a session of the source.
#[must_use]
pub fn gave_way(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<GaveWay>)
}

fn gave_way_error() -> Error {
    Error::new(Kind::Source, "the long statement that reads it gave way")
        .source(GaveWay)
        .hint(
            "give the table a primary key whose columns have no rule, so that it is read in short pieces; or exclude \
             it, or pull when nobody changes tables or takes backups",
        )
        .retryable()
}

fn snapshot_gave_way_error() -> Error {
    Error::new(Kind::Source, "a session of the source waited for a table that the run's snapshot had read")
        .source(GaveWay)
        .hint(
            "pull again when nobody changes tables; or GRANT BINLOG ADMIN (SUPER before MariaDB 10.5.2) to the server's \
             account, so that it can give tables back while its snapshot is open",
        )
        .retryable()
}

fn ended_error() -> Error {
    Error::new(Kind::Busy, "the run has ended")
}

impl Statements {
    /// The run has ended: statements end, no other begins.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    /// Whether the run has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The watching thread is needed no longer.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits for something to do.
    pub(super) fn next_task(&self) -> Task {
        // Ending the run does not take the lock and its call may be missed: nothing waits longer than a look.
        let mut state = self.lock();
        let has_ended = || self.has_ended();
        let is_to_end = |entry: &Entry| entry.is_abandoned || has_ended();
        let pause = if state.running.values().any(is_to_end) { KILL_EVERY } else { LOOK_EVERY };
        if !state.stopped {
            state = self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.stopped {
            return Task::Stop;
        }
        let to_end = state.running.values().filter(|entry| is_to_end(entry));
        let to_end: Vec<Running> = to_end.map(|entry| entry.statement.clone()).collect();
        if self.has_ended() || !to_end.is_empty() {
            return Task::End(to_end);
        }
        let long = |entry: &Entry| match &entry.table {
            Some(table) if entry.begun.elapsed() >= LONG => {
                Some(Long { running: entry.statement.clone(), table: table.clone(), closely: entry.closely })
            }
            _ => None,
        };
        let held = if self.gave_way() { Vec::new() } else { state.held.values().cloned().collect() };
        Task::Look { long: state.running.values().filter_map(long).collect(), held }
    }

    /// The run gives way: none of its statements counts any more.
    pub(super) fn give_way(&self) {
        self.gave_way.store(true, Ordering::Release);
    }

    fn gave_way(&self) -> bool {
        self.gave_way.load(Ordering::Acquire)
    }

    /// Calls `kill` if the statement still runs, and keeps it from ending (here) meanwhile.
    pub(super) fn if_running(
        &self,
        token: u64,
        gives_way: bool,
        kill: impl FnOnce() -> Result<()>,
    ) -> Result<bool> {
        let mut state = self.lock();
        let Some(entry) = state.running.get_mut(&token) else { return Ok(false) };
        kill()?;
        entry.gave_way |= gives_way;
        Ok(true)
    }

    /// The rest of what this connection is reading is not wanted.
    fn abandon(&self, connection: u32) {
        let mut state = self.lock();
        let of_connection = |entry: &&mut Entry| entry.statement.connection == connection;
        state.running.values_mut().filter(of_connection).for_each(|entry| entry.is_abandoned = true);
        drop(state);
        self.changed.notify_all();
    }

    /// Whether what this connection is running has to make way for others.
    fn gives_way(&self, connection: u32) -> bool {
        let of_connection = |entry: &&Entry| entry.statement.connection == connection;
        self.gave_way() || self.lock().running.values().filter(of_connection).any(|entry| entry.gave_way)
    }

    fn enter(&self, seat: &Seat, table: Option<&TableName>) -> Result<Entered<'_>> {
        let mut state = self.lock();
        if self.has_ended() {
            return Err(ended_error());
        }
        if self.gave_way() {
            return Err(snapshot_gave_way_error());
        }
        let token = state.next_token;
        state.next_token += 1;
        let statement = Running {
            token,
            connection: seat.connection,
            server: Arc::clone(&seat.server),
            account: Arc::clone(&seat.account),
        };
        let entry = Entry {
            statement,
            table: table.cloned(),
            begun: Instant::now(),
            closely: seat.closely,
            gave_way: false,
            is_abandoned: false,
        };
        state.running.insert(token, entry);
        Ok(Entered { statements: self, token })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Strikes a statement off the register when dropped.
struct Entered<'a> {
    statements: &'a Statements,
    token: u64,
}

impl Entered<'_> {
    fn gave_way(&self) -> bool {
        self.statements.lock().running.get(&self.token).is_some_and(|entry| entry.gave_way)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.statements.lock().running.remove(&self.token);
    }
}

/// One connection of a run, as the register knows it.
#[derive(Debug)]
pub struct Seat {
    statements: Arc<Statements>,
    connection: u32,
    server: Arc<str>,
    account: Arc<Endpoint>,
    closely: bool,
}

impl Seat {
    /// A seat for connection number `connection` of `account`.
    #[must_use]
    pub fn new(statements: &Arc<Statements>, account: &Endpoint, server: &str, connection: u32) -> Self {
        Self {
            statements: Arc::clone(statements),
            connection,
            server: Arc::from(server),
            account: Arc::new(account.clone()),
            closely: false,
        }
    }

    /// Its statements may last as long as a table is large. So who waits for one is looked for even without the right to see
    /// that.
    pub fn watch_closely(&mut self) {
        self.closely = true;
    }

    /// The rest of the rows that it is reading is not wanted: ends the statement from beside. The driver reads a result to
    /// its end, whatever becomes of the rows.
    pub fn abandon(&self) {
        self.statements.abandon(self.connection);
    }

    /// Says, also while a statement of its is open, whether that has to make way for others. It was told to end then, and
    /// does so when its rows are read on.
    pub fn gives_way(&self) -> impl Fn() -> bool + use<> {
        let (statements, connection) = (Arc::clone(&self.statements), self.connection);
        move || statements.gives_way(connection)
    }

    /// Runs a statement that may be long. `from` is the table that it reads, if it reads one; tables outside the
    /// account's database are our own, and nobody waits for them.
    ///
    /// # Errors
    /// What `statement` says. What the source says because the statement was ended from beside is replaced by the reason:
    /// `Busy` when the run has ended; one that [`gave_way`] knows, retryable.
    pub fn run<T>(&self, from: Option<&TableName>, statement: impl FnOnce() -> Result<T>) -> Result<T> {
        let source = from.filter(|table| table.schema() == Some(self.account.database.as_str()));
        let entered = self.statements.enter(self, source)?;
        let result = statement();
        let gave_way = entered.gave_way();
        drop(entered);
        result.map_err(|error| {
            if error.kind() != Kind::Source {
                return error;
            }
            if self.statements.has_ended() {
                return ended_error();
            }
            if self.statements.gave_way() {
                return snapshot_gave_way_error();
            }
            if gave_way && server_code(&error) == Some(INTERRUPTED) { gave_way_error() } else { error }
        })
    }

    /// Its snapshot is about to keep a lock on this table; tables outside the account's database are our own.
    pub fn hold(&self, table: &TableName) {
        if table.schema() != Some(self.account.database.as_str()) {
            return;
        }
        let mut state = self.statements.lock();
        let held = state.held.entry(self.connection).or_insert_with(|| Held {
            connection: self.connection,
            server: Arc::clone(&self.server),
            account: Arc::clone(&self.account),
            tables: BTreeSet::new(),
        });
        if !held.tables.contains(table) {
            held.tables.insert(table.clone());
        }
    }

    /// Its snapshot is gone, and the locks with it.
    pub fn let_go(&self) {
        self.statements.lock().held.remove(&self.connection);
    }

    /// As [`Seat::run`] for a statement of which nothing is left when it is ended: one that gave way is tried again, and
    /// so is one that met a deadlock.
    ///
    /// # Errors
    /// As [`Seat::run`], after the last attempt.
    pub fn run_again<T>(
        &self,
        from: Option<&TableName>,
        mut statement: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        for _ in 1..ATTEMPTS {
            match self.run_past_deadlocks(from, &mut statement) {
                Err(error) if gave_way(&error) => self.pause()?,
                other => return other,
            }
        }
        self.run_past_deadlocks(from, &mut statement)
    }

    fn run_past_deadlocks<T>(
        &self,
        from: Option<&TableName>,
        statement: &mut impl FnMut() -> Result<T>,
    ) -> Result<T> {
        unless_deadlocked(|| self.run(from, &mut *statement))
    }

    fn pause(&self) -> Result<()> {
        let until = Instant::now() + PAUSE;
        while !self.statements.has_ended() {
            let left = until.saturating_duration_since(Instant::now()).min(LOOK_EVERY);
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left);
        }
        Err(ended_error())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.let_go();
    }
}
