//! Statements that may be long: ended when their run ends, and giving way to sessions of the source that wait for them.
//!
//! Most statements of a run take milliseconds. A table without a usable key is copied or read by one that may take
//! minutes, and for so long it holds the table's metadata lock: an `ALTER` waits, and everybody behind it. So each
//! connection of a run registers what it runs, and one thread per run looks at the register a few times a second. That
//! costs the source nothing. Only while a statement on a source table is long, the thread asks the server, over a
//! connection of its own, whether anybody waits for that table; if so, the statement is ended.
//!
//! A snapshot in which the server keeps metadata locks holds up whoever changes a table that it has read. Those tables are
//! looked after from their first read on: as soon as anybody waits for one, the connections that hold it are ended, and the
//! run with them.
//!
//! A statement whose rows nobody wants any more, because one of them may not leave, is ended at once: the driver would read
//! the rest of them.
//!
//! Statements are ended by `KILL QUERY` from beside, with the account that runs them: that needs no right. What other
//! accounts do is seen with the PROCESS right only; without it a long statement is never found in the way, unless it is
//! watched closely: then a statement of our own is tried, which has to queue behind whoever waits.

mod register;
mod waiters;

pub use register::{Seat, Statements, gave_way};

use crate::db::{Connection, Endpoint, Role, kill};
use crate::error::{Error, Kind, Result};
use crate::sql::TableName;
use register::{Held, Long, Running};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use waiters::Waiter;

/// Time between two looks at the register.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A statement is long when it has run for so long.
const LONG: Duration = Duration::from_millis(500);
/// Who has been seen waiting for so long is given way to.
const WAITED: Duration = Duration::from_secs(1);
/// Time between two looks at the tables that a snapshot holds.
const LOOK_AT_HELD_EVERY: Duration = Duration::from_secs(1);
/// Time between two attempts to end the statements of an ended run.
const KILL_EVERY: Duration = Duration::from_millis(100);
/// Time without looks after the server could not be asked.
const REST_OF_LOOKS: Duration = Duration::from_secs(5);
/// Time until the next attempt after a statement could not be ended.
const REST_OF_KILLS: Duration = Duration::from_secs(1);

/// What the register asks for next.
enum Task {
    /// The work is done.
    Stop,
    /// These statements are to end: the run has ended, or nobody wants the rest of their rows.
    End(Vec<Running>),
    /// These statements have run for long, and these tables are held.
    Look { long: Vec<Long>, held: Vec<Held> },
}

/// Does `work` while a thread beside it watches over `statements`.
pub fn during<T>(statements: &Statements, work: impl FnOnce() -> T) -> T {
    /// Stops the thread even when the work panics, since the scope waits for it.
    struct Stop<'a>(&'a Statements);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.stop();
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| Watcher::new(statements).watch());
        let _stop = Stop(statements);
        work()
    })
}

/// The thread's state.
struct Watcher<'a> {
    statements: &'a Statements,
    /// A connection for each account that had a statement to look after.
    connections: Vec<(Arc<Endpoint>, Connection)>,
    /// Who waits for which statement, since when.
    seen: HashMap<(u64, Waiter), Instant>,
    quiet_until: Option<Instant>,
    looked_at_held: Option<Instant>,
}

impl<'a> Watcher<'a> {
    fn new(statements: &'a Statements) -> Self {
        Self {
            statements,
            connections: Vec::new(),
            seen: HashMap::new(),
            quiet_until: None,
            looked_at_held: None,
        }
    }

    fn watch(&mut self) {
        loop {
            match self.statements.next_task() {
                Task::Stop => return,
                Task::End(running) => running.iter().for_each(|statement| self.end(statement)),
                Task::Look { long, held } => {
                    self.look(&long);
                    self.look_at_held(&held);
                }
            }
        }
    }

    /// Ends a statement that nobody needs any more. It may not have reached the server yet, and a `KILL QUERY` that finds the
    /// connection idle is lost: the next task names it again.
    fn end(&mut self, statement: &Running) {
        if self.rests() {
            return;
        }
        if let Err(error) = self.kill(statement, false) {
            tracing::debug!(%error, connection = statement.connection, "a statement that nobody needs could not be ended; trying again");
            self.rest(REST_OF_KILLS);
        }
    }

    /// A server that could not be asked is left alone for a while.
    fn rest(&mut self, time: Duration) {
        self.quiet_until = Some(Instant::now() + time);
    }

    fn rests(&self) -> bool {
        self.quiet_until.is_some_and(|until| Instant::now() < until)
    }

    fn look(&mut self, long: &[Long]) {
        if self.rests() {
            return;
        }
        self.seen.retain(|(token, _), _| long.iter().any(|statement| statement.running.token == *token));
        for statement in long {
            if let Err(error) = self.look_at(statement) {
                tracing::warn!(%error, table = statement.table.table(), "whether sessions wait for a table could not be asked");
                self.rest(REST_OF_LOOKS);
                return;
            }
        }
    }

    fn look_at_held(&mut self, held: &[Held]) {
        let looked = self.looked_at_held.is_some_and(|at| at.elapsed() < LOOK_AT_HELD_EVERY);
        if held.is_empty() || looked || self.rests() {
            return;
        }
        self.looked_at_held = Some(Instant::now());
        if let Err(error) = self.try_held(held) {
            tracing::warn!(%error, "whether sessions wait for the tables of a snapshot could not be asked");
            self.rest(REST_OF_KILLS);
        }
    }

    fn try_held(&mut self, held: &[Held]) -> Result<()> {
        let Some(first) = held.first() else { return Ok(()) };
        let tables: BTreeSet<&TableName> = held.iter().flat_map(|held| &held.tables).collect();
        let blocked = self.with_connection(&first.account, |conn| {
            check_server(conn, &first.server)?;
            waiters::blocked(conn, tables.into_iter())
        })?;
        let Some(table) = blocked else { return Ok(()) };
        tracing::warn!(
            table = table.table(),
            "a session of the source waits for a table that the run's snapshot has read; the run gives way"
        );
        self.statements.give_way();
        for held in held {
            self.with_connection(&held.account, |conn| {
                check_server(conn, &held.server)?;
                kill::kill_connection_over(conn, held.connection).map(|_| ())
            })?;
        }
        Ok(())
    }

    fn look_at(&mut self, statement: &Long) -> Result<()> {
        let found = self.with_connection(&statement.running.account, |conn| {
            let mut found = waiters::of(conn, &statement.table)?;
            if found.is_empty() && statement.closely {
                let blocked = waiters::blocked(conn, std::iter::once(&statement.table))?;
                found.extend(blocked.map(|_| waiters::SOMEBODY));
            }
            Ok(found)
        })?;
        let (token, now) = (statement.running.token, Instant::now());
        self.seen.retain(|(of, waiter), _| *of != token || found.contains(waiter));
        let mut longest = Duration::ZERO;
        for waiter in found {
            let since = self.seen.entry((token, waiter)).or_insert(now);
            longest = longest.max(now.duration_since(*since));
        }
        if longest < WAITED {
            return Ok(());
        }
        // Whoever still waits when it is killed and has not ended a while later is counted anew.
        self.seen.retain(|(of, _), _| *of != token);
        if self.kill(&statement.running, true)? {
            tracing::info!(
                table = statement.table.table(),
                "a session of the source waits for a table that one long statement reads; the statement gives way"
            );
        }
        Ok(())
    }

    /// Kills a statement if it still runs; says whether it did. The register is locked meanwhile, so that the
    /// connection cannot have gone on to something else. Its next statement would be of the same run in any case.
    fn kill(&mut self, statement: &Running, gives_way: bool) -> Result<bool> {
        let statements = self.statements;
        self.with_connection(&statement.account, |conn| {
            check_server(conn, &statement.server)?;
            statements.if_running(statement.token, gives_way, || {
                kill::kill_query_over(conn, statement.connection).map(|_| ())
            })
        })
    }

    /// Does `work` over a connection of that account, opened on demand; a failed one is not used again.
    fn with_connection<T>(
        &mut self,
        account: &Arc<Endpoint>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let kept = self.connections.iter().position(|(of, _)| of == account);
        let mut conn = match kept {
            Some(at) => self.connections.swap_remove(at).1,
            None => {
                tracing::debug!(
                    "opening a connection beside a run's; it sees other accounts' sessions with PROCESS only"
                );
                Connection::open_in(account, Role::Source, None)?
            }
        };
        let done = work(&mut conn)?;
        self.connections.push((Arc::clone(account), conn));
        Ok(done)
    }
}

/// Numbers of connections mean something on one server only.
fn check_server(conn: &Connection, server: &str) -> Result<()> {
    if conn.server() == server {
        return Ok(());
    }
    Err(Error::new(Kind::Source, format!("a connection reached {}", conn.server())))
}
