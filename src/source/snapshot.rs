//! One moment of the source, seen by several connections where that can be had for sure, else by one.
//!
//! - On MariaDB with a binlog each connection is told where the binlog was when its snapshot was opened. Equal positions
//!   are one moment; where they differ somebody committed in between, and all are opened again.
//! - Elsewhere the run's tables are locked against writing for as long as it takes to open the snapshots, if the operator
//!   allows that. Who has written to one of them and not committed yet is waited for, but shortly.
//! - Else one connection reads everything, one table after another.
//!
//! Comparing positions of the binlog *around* the opening proves nothing, so it is not tried on MySQL.

use crate::db::error::server_code;
use crate::db::{Connection, Endpoint, Role};
use crate::error::{Error, Kind, Result};
use crate::schema::Flavour;
use crate::source::clock::{Clock, Clocks};
use crate::source::reader::{Locks, Reader};
use crate::sql::TableName;
use crate::sql::ident::string_literal;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Barrier};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// How often snapshots are opened at once until their positions are equal; then only half as many are tried.
const ATTEMPTS: usize = 5;
/// Seconds that MySQL may take to lock tables, the fewest that it can be told. Whoever wants to write to them waits for so
/// long, and one whose transaction has written to others of them may be told of a deadlock.
const LOCK_SECONDS: u32 = 1;
/// Seconds after which the server takes the locks back from a connection that says nothing.
const LOCK_IDLE_SECONDS: u32 = 5;
/// How often MariaDB is asked to lock them at once or not at all, and the time between: nobody can be part of a deadlock with
/// one who never waits.
const LOCK_ATTEMPTS: usize = 50;
const LOCK_EVERY: Duration = Duration::from_millis(10);
/// Error numbers for a lock that was not to be had in time.
const NOT_IN_TIME: &[u16] = &[1205, 1213];

/// Whether tables may be locked while snapshots are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotLock {
    /// Never.
    None,
    /// `LOCK TABLES … READ` of the run's tables.
    Tables,
}

/// By what means the connections of a run see one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// There is only one.
    One,
    /// They were opened at one position of the binlog.
    Position(usize),
    /// They were opened while the tables were locked.
    Locked(usize),
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("one connection"),
            Self::Position(count) => write!(f, "{count} connections at one binlog position"),
            Self::Locked(count) => write!(f, "{count} connections under LOCK TABLES"),
        }
    }
}

/// One moment of the source.
#[derive(Debug)]
pub struct Snapshot {
    /// Those who see it; at least one.
    pub readers: Vec<Reader>,
    /// How that is known.
    pub means: Means,
    /// The source's clock, from before.
    pub clock: Clock,
}

/// What may be locked, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Lockable<'a> {
    /// The account that reads.
    pub endpoint: &'a Endpoint,
    /// Every table that is read.
    pub tables: &'a [TableName],
}

impl Snapshot {
    /// Opens a snapshot over up to so many connections, which `connect` makes: all to one server.
    ///
    /// # Errors
    /// What `connect` says of the first one; the server's.
    pub fn open(
        connect: impl Fn() -> Result<Reader>,
        connections: usize,
        lockable: Option<Lockable<'_>>,
        clocks: &Clocks,
    ) -> Result<Self> {
        let mut first = connect()?;
        let clock = first.clock(clocks)?;
        let locks = first.locks()?;
        let by_position = connections > 1 && first.logs_all_changes()?;
        let mut readers = vec![first];
        if by_position || (connections > 1 && lockable.is_some()) {
            more(&mut readers, connect, connections);
        }
        let mut means = Means::One;
        if by_position && let Some(count) = at_one_position(&mut readers, locks)? {
            means = Means::Position(count);
        } else if let Some(lockable) = lockable.filter(|_| readers.len() > 1) {
            match under_locks(&mut readers, locks, lockable) {
                Ok(()) => means = Means::Locked(readers.len()),
                Err(error) => {
                    let hint = error.hint_text().map(tracing::field::display);
                    tracing::warn!(%error, hint, "the tables could not be locked; one connection reads them all");
                }
            }
        }
        match means {
            Means::Position(count) => readers.truncate(count),
            Means::Locked(_) => {}
            Means::One => {
                readers.truncate(1);
                readers.iter_mut().try_for_each(|reader| reader.begin_snapshot(locks))?;
            }
        }
        Ok(Self { readers, means, clock })
    }
}

/// Connects as often as wanted, or as the server lets us.
fn more(readers: &mut Vec<Reader>, connect: impl Fn() -> Result<Reader>, wanted: usize) {
    while readers.len() < wanted {
        match connect().and_then(|mut reader| reader.locks().map(|_| reader)) {
            Ok(reader) => readers.push(reader),
            Err(error) => {
                tracing::info!(%error, connections = readers.len(), "the source takes no more connections");
                return;
            }
        }
    }
}

/// Opens snapshots at one position; says over how many of the readers, the first ones. None: it could not be done over
/// two, and no snapshot is open.
fn at_one_position(readers: &mut [Reader], locks: Locks) -> Result<Option<usize>> {
    let mut count = readers.len();
    while count > 1 {
        let chosen = &mut readers[..count];
        for _ in 0..ATTEMPTS {
            let mut positions = open_at_once(chosen, locks)?;
            positions.dedup();
            if let [one] = positions.as_slice()
                && one.len() == 2
            {
                return Ok(Some(count));
            }
            chosen.iter_mut().try_for_each(Reader::close_snapshot)?;
        }
        count /= 2;
    }
    tracing::info!(
        "the source commits too often for several snapshots at one position; one connection reads all tables"
    );
    Ok(None)
}

/// Opens a snapshot over each reader, as close to each other as can be.
fn open_at_once(readers: &mut [Reader], locks: Locks) -> Result<Vec<Vec<(String, String)>>> {
    let start = Barrier::new(readers.len());
    std::thread::scope(|scope| {
        let open = |reader: &'_ mut Reader| {
            start.wait();
            reader.begin_snapshot(locks)?;
            reader.binlog_position()
        };
        let opening: Vec<_> = readers.iter_mut().map(|reader| scope.spawn(move || open(reader))).collect();
        let joined = opening.into_iter().map(ScopedJoinHandle::join);
        joined
            .map(|opened| opened.unwrap_or_else(|_| Err(Error::internal("opening a snapshot panicked"))))
            .collect()
    })
}

/// Opens snapshots while nobody can write to the tables. Without autocommit InnoDB locks them too, and waits for those who
/// have written to them and not committed yet: on MariaDB `LOCK TABLES` alone would not.
fn under_locks(readers: &mut [Reader], locks: Locks, lockable: Lockable<'_>) -> Result<()> {
    let mut conn = Connection::open(lockable.endpoint, Role::Source)?;
    if readers.iter().any(|reader| reader.server() != conn.server()) {
        return Err(Error::new(Kind::Source, format!("a connection reached {}", conn.server())));
    }
    // Should this process stand still or its host vanish, the server lets go by itself.
    conn.execute(&format!("SET SESSION wait_timeout = {LOCK_IDLE_SECONDS}"))?;
    conn.execute("SET SESSION innodb_table_locks = 1")?;
    conn.execute("SET SESSION autocommit = 0")?;
    let tables: Vec<String> = lockable.tables.iter().map(|table| format!("{table} READ")).collect();
    lock(&mut conn, &format!("LOCK TABLES {}", tables.join(", ")))
        .map_err(|error| explain(error, lockable))?;
    let opened = readers.iter_mut().try_for_each(|reader| reader.begin_snapshot(locks));
    // The locks go with the connection, whatever this says.
    let unlocked = conn.execute("UNLOCK TABLES");
    if let Err(error) = opened.and(unlocked.map(|_| ())) {
        readers.iter_mut().try_for_each(Reader::close_snapshot)?;
        return Err(error);
    }
    Ok(())
}

fn lock(conn: &mut Connection, statement: &str) -> Result<()> {
    let is_patient = conn.flavour() == Flavour::Mysql;
    let (seconds, attempts) = if is_patient { (LOCK_SECONDS, 1) } else { (0, LOCK_ATTEMPTS) };
    conn.execute(&format!("SET SESSION lock_wait_timeout = {seconds}"))?;
    conn.execute(&format!("SET SESSION innodb_lock_wait_timeout = {seconds}"))?;
    for _ in 1..attempts {
        match conn.execute(statement) {
            Err(error) if server_code(&error).is_some_and(|code| NOT_IN_TIME.contains(&code)) => {
                // Locks that were got before the one that was not.
                conn.execute("UNLOCK TABLES")?;
                conn.execute("ROLLBACK")?;
                std::thread::sleep(LOCK_EVERY);
            }
            other => return other.map(|_| ()),
        }
    }
    conn.execute(statement).map(|_| ())
}

fn explain(error: Error, lockable: Lockable<'_>) -> Error {
    let Endpoint { user, database, .. } = lockable.endpoint;
    match error.kind() {
        Kind::Privilege => error.hint(format!(
            "GRANT LOCK TABLES ON {}.* to the account `{user}`, or leave server.snapshot_lock out",
            crate::sql::Ident::new(database.as_str())
        )),
        _ => error.hint("somebody was writing to them all the time; the next run tries again"),
    }
}

/// Opens a snapshot and gives it up again. Tells the operator what becomes of metadata locks.
///
/// # Errors
/// The server's.
pub fn try_out(source: &Endpoint) -> Result<()> {
    let mut reader = Reader::open(source, "none", &Arc::default())?;
    let locks = reader.locks()?;
    if locks == Locks::Kept {
        tracing::warn!("{KEEPS_LOCKS}");
    }
    reader.begin_snapshot(locks)?;
    reader.close_snapshot()
}

/// What it means that the server keeps metadata locks.
const KEEPS_LOCKS: &str = "inside a snapshot this server keeps metadata locks of tables that were read, unless the account \
     may set sql_log_bin (GRANT BINLOG ADMIN): who wants to change such a table waits for about a second, then the run gives \
     way and has to be pulled again";

/// When a table was made, as the server tells it.
pub type Birth = Option<String>;

/// When the tables of a schema were made, or one of them.
///
/// # Errors
/// The server's; inside a snapshot it is asked what was true then, so that is refused.
pub fn births(reader: &mut Reader, schema: &str, table: Option<&str>) -> Result<BTreeMap<String, Birth>> {
    let one = table.map(|table| format!(" AND TABLE_NAME = {}", string_literal(table))).unwrap_or_default();
    let rows: Vec<(String, Birth)> = reader.ask(&format!(
        "SELECT TABLE_NAME, DATE_FORMAT(CREATE_TIME, '%Y-%m-%d %H:%i:%s') FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = {}{one}",
        string_literal(schema)
    ))?;
    Ok(rows.into_iter().collect())
}
