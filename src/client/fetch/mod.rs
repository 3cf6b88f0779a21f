//! Fetches a run's chunks over several connections at once, checks every byte and hands the rows to the target.
//!
//! One thread follows the run's status, each worker has a connection to the target of its own, and the calling
//! thread watches for Ctrl-C. A chunk is one transaction: what fails on the way is rolled back and fetched again, for
//! a chunk is always the same bytes. The first error that stays stops everybody and is the result; what the others
//! then meet (cut connections) is not. Each worker holds one batch at a time, so memory does not depend on the data.

mod schedule;
mod stream;
#[cfg(test)]
mod tests;

use super::{Interrupt, Progress, failure};
use crate::error::{Context, Error, Kind, Result};
use crate::sql::insert::Verb;
use crate::sql::scan::Expected;
use crate::wire::api::{RunPhase, RunStatus, TablePhase};
use schedule::{Job, Schedule};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often one chunk or one status request is tried.
const ATTEMPTS_MAX: u32 = 3;
/// How long the first repetition waits; each further one twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(400);
/// How long a status request waits for news at the server.
pub(super) const STATUS_WAIT_MAX: Duration = Duration::from_secs(30);
/// How often the calling thread looks for a signal.
const WATCH_EVERY: Duration = Duration::from_millis(100);
/// A server that answers a long poll at once without news is asked no more often than this.
const POLL_EVERY_MIN: Duration = Duration::from_millis(200);

/// Where chunks come from: one run of a server.
pub trait Upstream: Sync {
    /// How far the run is, see [`super::Api::status`].
    ///
    /// # Errors
    /// As there.
    fn status(&self, seen: u64) -> Result<RunStatus>;

    /// A chunk's dump stream.
    ///
    /// # Errors
    /// As [`super::Api::chunk`].
    fn chunk(&self, table: &str, chunk: u32) -> Result<Box<dyn Read + Send>>;

    /// Makes all requests that are under way fail.
    fn cut(&self);
}

/// Where rows go: one connection to the target.
pub trait Sink: Send {
    /// Begins a chunk of `table`.
    ///
    /// # Errors
    /// The target's.
    fn begin(&mut self, table: &str) -> Result<()>;

    /// Loads one batch: `values` is what stands after `VALUES`, it has `rows` rows.
    ///
    /// # Errors
    /// The target's; a warning or another number of rows is an error too.
    fn load(&mut self, values: &str, rows: u64) -> Result<()>;

    /// Keeps the chunk.
    ///
    /// # Errors
    /// The target's.
    fn commit(&mut self) -> Result<()>;

    /// Takes the chunk back. False where that cannot be done (a table without transactions holds part of it now).
    ///
    /// # Errors
    /// The target's.
    fn roll_back(&mut self) -> Result<bool>;
}

/// A table that is fetched.
#[derive(Debug, Clone)]
pub struct FetchTable {
    /// Its name.
    pub name: String,
    /// Its columns, in the order in which they were asked for.
    pub columns: Vec<String>,
    /// How big the source thinks it is.
    pub bytes_estimate: u64,
}

/// Loads every chunk of a run and gives the rows per table, in the run's order. One worker per sink.
///
/// # Errors
/// The first failure that repeating did not cure: the server's, the stream's (`Integrity`), the target's, or
/// `Interrupted`. Nothing is at work any more then.
pub fn fetch(
    upstream: &dyn Upstream,
    tables: &[FetchTable],
    sinks: Vec<Box<dyn Sink>>,
    progress: &dyn Progress,
    interrupt: &Interrupt,
) -> Result<Vec<(String, u64)>> {
    let schedule = Schedule::new(tables.iter().map(|table| (table.name.clone(), table.bytes_estimate)));
    let shared = Shared {
        upstream,
        expected: tables.iter().map(|t| Expected::new(Verb::Insert, &t.name, &t.columns)).collect(),
        progress,
        state: Mutex::new(State { schedule, complete: false, failure: None }),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        scope.spawn(|| shared.guarded(Shared::follow));
        for mut sink in sinks {
            let shared = &shared;
            scope.spawn(move || shared.guarded(|shared| shared.work(&mut *sink)));
        }
        shared.watch(interrupt);
    });
    let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failure {
        Some(error) => Err(error),
        None => state.schedule.totals(),
    }
}

/// What the threads share.
struct Shared<'a> {
    upstream: &'a dyn Upstream,
    expected: Vec<Expected>,
    progress: &'a dyn Progress,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    schedule: Schedule,
    /// The server has nothing more to announce.
    complete: bool,
    /// The first failure; with it, everybody stops.
    failure: Option<Error>,
}

impl State {
    fn is_over(&self) -> bool {
        self.failure.is_some() || (self.complete && self.schedule.is_done())
    }
}

impl Shared<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked left an error behind; the data is whole between two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a thread's work; its error, or its panic, stops everybody.
    fn guarded(&self, work: impl FnOnce(&Self) -> Result<()>) {
        let result = catch_unwind(AssertUnwindSafe(|| work(self)))
            .unwrap_or_else(|_| Err(Error::internal("a thread that fetches stopped unexpectedly")));
        if let Err(error) = result {
            self.fail(error);
        }
    }

    fn fail(&self, error: Error) {
        let mut state = self.lock();
        if state.failure.is_none() {
            state.failure = Some(error);
        } else {
            tracing::debug!(%error, "also failed");
        }
        self.changed.notify_all();
    }

    /// Waits for the end, looking out for signals. Cuts the connections when it is not a good one.
    fn watch(&self, interrupt: &Interrupt) {
        let mut state = self.lock();
        while !state.is_over() {
            if let Err(error) = interrupt.check() {
                state.failure = Some(error);
                self.changed.notify_all();
                break;
            }
            let (next, _) =
                self.changed.wait_timeout(state, WATCH_EVERY).unwrap_or_else(PoisonError::into_inner);
            state = next;
        }
        if state.failure.is_some() {
            drop(state);
            self.upstream.cut();
        }
    }

    /// Waits so long, less if everything stops; tells whether to go on.
    fn pause(&self, duration: Duration) -> bool {
        let until = Instant::now() + duration;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.is_over() || left.is_zero() {
                return !state.is_over();
            }
            let (next, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = next;
        }
    }

    /// Follows the run until the server has announced everything.
    fn follow(&self) -> Result<()> {
        let mut seen = 0;
        let mut attempt = 1;
        while !self.lock().is_over() {
            let asked = Instant::now();
            match self.upstream.status(seen) {
                Ok(status) => {
                    attempt = 1;
                    if self.announce(&status)? {
                        return Ok(());
                    }
                    if status.version == seen {
                        self.pause(POLL_EVERY_MIN.saturating_sub(asked.elapsed()));
                    }
                    seen = status.version;
                }
                Err(error) if error.is_retryable() && attempt < ATTEMPTS_MAX => {
                    tracing::warn!(%error, attempt, "asking again how far the run is");
                    self.pause(pause_before(attempt + 1));
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes a status in; tells whether it is the last one.
    fn announce(&self, status: &RunStatus) -> Result<bool> {
        if status.phase == RunPhase::Failed {
            return Err(failure::run_failed(status.error.as_ref()));
        }
        self.progress.server(&doing(status));
        let mut state = self.lock();
        state.schedule.announce(status)?;
        if status.phase == RunPhase::Complete {
            if !state.schedule.is_announced() {
                return Err(Error::integrity("the server's run is complete without all its tables"));
            }
            state.complete = true;
        }
        let complete = state.complete;
        drop(state);
        self.changed.notify_all();
        Ok(complete)
    }

    /// A worker: loads chunks until there are none left.
    fn work(&self, sink: &mut dyn Sink) -> Result<()> {
        while let Some((job, table)) = self.next() {
            let rows = self.load(sink, job, &table)?;
            let done = self.lock().schedule.loaded(job, rows);
            self.changed.notify_all();
            if let Some(rows) = done {
                self.progress.table_done(&table, rows);
            }
        }
        Ok(())
    }

    /// Waits for a chunk; none when everything is over.
    fn next(&self) -> Option<(Job, String)> {
        let mut state = self.lock();
        loop {
            if state.is_over() {
                return None;
            }
            if let Some(job) = state.schedule.take() {
                let table = state.schedule.name(job.table).to_owned();
                return Some((job, table));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Loads a chunk, again where that may help.
    fn load(&self, sink: &mut dyn Sink, job: Job, table: &str) -> Result<u64> {
        let mut attempt = 1;
        loop {
            let mut rows = 0;
            let error = match self.load_once(sink, job, table, &mut rows) {
                Ok(()) => return Ok(rows),
                Err(error) => error,
            };
            self.progress.rows(table, -i64::try_from(rows).unwrap_or(i64::MAX));
            let worth_it = error.is_retryable() || error.kind() == Kind::Integrity;
            // A roll-back that fails says less than what made it necessary.
            let taken_back = matches!(sink.roll_back(), Ok(true));
            if !worth_it || !taken_back || attempt >= ATTEMPTS_MAX || self.lock().is_over() {
                return Err(error);
            }
            tracing::warn!(%error, table, chunk = job.chunk, attempt, "fetching the chunk again");
            attempt += 1;
            if !self.pause(pause_before(attempt)) {
                return Err(error);
            }
        }
    }

    /// Loads a chunk in one transaction; `rows` counts what was loaded, also when it fails.
    fn load_once(&self, sink: &mut dyn Sink, job: Job, table: &str, rows: &mut u64) -> Result<()> {
        let stream = self.upstream.chunk(table, job.chunk)?;
        let context = || format!("loading chunk {} of `{table}`", job.chunk);
        sink.begin(table).context(context)?;
        stream::read_batches(stream, table, job.chunk, &self.expected[job.table], |values, count| {
            sink.load(values, count)?;
            *rows += count;
            self.progress.rows(table, i64::try_from(count).unwrap_or(i64::MAX));
            if self.lock().is_over() { Err(stopped()) } else { Ok(()) }
        })
        .context(context)?;
        sink.commit().context(context)
    }
}

/// Ends a worker's chunk because somebody else failed; that one's error is the one that is told.
fn stopped() -> Error {
    Error::new(Kind::Remote, "stopped because something else failed")
}

/// Doubles with every attempt, with up to half as much again by chance, so that several clients do not come back
/// at the same moment.
fn pause_before(attempt: u32) -> Duration {
    let base = PAUSE_FIRST * 2u32.saturating_pow(attempt.saturating_sub(2));
    let chance = getrandom::u32().unwrap_or_default() % 512;
    base + base * chance / 1024
}

/// What the server is busy with, in a line.
fn doing(status: &RunStatus) -> String {
    let names = |phase: TablePhase| {
        let names: Vec<&str> =
            status.tables.iter().filter(|t| t.phase == phase).map(|t| t.name.as_str()).collect();
        names
    };
    let (copy, dump) = (names(TablePhase::Copy), names(TablePhase::Dump));
    match (copy.is_empty(), dump.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!("server copies {}", copy.join(", ")),
        (true, false) => format!("server reads {}", dump.join(", ")),
        (false, false) => format!("server copies {}, reads {}", copy.join(", "), dump.join(", ")),
    }
}
