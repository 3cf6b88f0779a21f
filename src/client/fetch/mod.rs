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

use super::outage::{Patience, chance};
use super::retry::{Attempts, Trouble};
use super::{Progress, failure};
use crate::error::{Context, Error, Kind, Result};
use crate::sql::insert::Verb;
use crate::sql::scan::Expected;
use crate::target::load::Removal;
use crate::wire::api::{RunPhase, RunStatus};
use crate::wire::moment::Moment;
pub use schedule::Loaded;
use schedule::{Job, Schedule};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use stream::{Part, Wanted};

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
    /// Begins a chunk. What it did, if it is in already: a commit that seemed to fail had not.
    ///
    /// # Errors
    /// The target's.
    fn begin(&mut self, table: &FetchTable, chunk: u32) -> Result<Option<Loaded>>;

    /// Loads one batch: `values` is what stands after `VALUES`, rows of literals for `table`'s columns.
    ///
    /// # Errors
    /// The target's; a warning or another number of rows is an error too.
    fn load(&mut self, table: &FetchTable, values: &str, rows: u64) -> Result<()>;

    /// Takes rows of earlier chunks back.
    ///
    /// # Errors
    /// The target's; `Integrity` when it has another number of such rows.
    fn remove(&mut self, table: &FetchTable, removal: &Removal<'_>) -> Result<()>;

    /// Keeps the chunk.
    ///
    /// # Errors
    /// The target's.
    fn commit(&mut self, table: &FetchTable, chunk: u32) -> Result<()>;

    /// Takes the open chunk back, over a new connection if the old one is lost.
    ///
    /// # Errors
    /// The target's.
    fn roll_back(&mut self) -> Result<()>;

    /// Empties a table whose chunks cannot be taken back; all of them are to be loaded again.
    ///
    /// # Errors
    /// The target's.
    fn restart(&mut self, table: &FetchTable) -> Result<()>;
}

/// A table that is fetched.
#[derive(Debug, Clone)]
pub struct FetchTable {
    /// Its name at the source.
    pub name: String,
    /// Its name on the target.
    pub target_name: String,
    /// Its columns, in the order in which they were asked for.
    pub columns: Vec<String>,
    /// The same columns as the target spells them.
    pub target_columns: Vec<String>,
    /// How big the source thinks it is.
    pub bytes_estimate: u64,
    /// Whether a chunk can be rolled back on the target and so be fetched again alone; else the whole table is.
    pub transactional: bool,
    /// A delta: only rows of this moment or later were asked for, and they come as `REPLACE`.
    pub after: Option<Moment>,
    /// Its first chunks, so many, are in already and did this.
    pub loaded: (u32, Loaded),
}

impl FetchTable {
    /// A column as the target spells it.
    fn target_column(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|own| own == column)?;
        self.target_columns.get(at).map(String::as_str)
    }

    /// What its batches have to look like.
    fn expected(&self) -> Expected {
        let verb = if self.after.is_some() { Verb::Replace } else { Verb::Insert };
        Expected::new(verb, &self.name, &self.columns)
    }
}

/// What came of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its name at the source.
    pub name: String,
    /// Rows that are there now.
    pub rows: u64,
    /// Rows that were loaded and taken back, because the server found their parents missing at the end.
    pub removed: u64,
    /// Up to here the table was read for sure, as the server tells it.
    pub checkpoint: Option<Moment>,
}

/// What a fetch works with.
#[derive(Clone, Copy)]
pub(super) struct Fetch<'a> {
    /// The run.
    pub(super) upstream: &'a dyn Upstream,
    /// Its tables, in its order.
    pub(super) tables: &'a [FetchTable],
    /// Most bytes of one batch that are taken.
    pub(super) batch_bytes_max: u64,
    /// Who listens.
    pub(super) progress: &'a dyn Progress,
    /// How long it is tried.
    pub(super) patience: &'a Patience<'a>,
    /// Whether it may go on: nobody wants it to stop, and the target is still its own.
    pub(super) may_go_on: &'a (dyn Fn() -> Result<()> + Sync),
    /// Where it is noted how all tables are read at one moment, if they are.
    pub(super) snapshot: &'a OnceLock<String>,
}

/// Loads every chunk of a run and tells what is there of each table, in the run's order. One worker per sink.
///
/// # Errors
/// The first failure that repeating did not cure: the server's, the stream's (`Integrity`), the target's, or
/// `Interrupted`. Nothing is at work any more then.
pub(super) fn fetch(fetch: Fetch<'_>, sinks: Vec<Box<dyn Sink>>) -> Result<Vec<Fetched>> {
    let tables = fetch.tables;
    let mut schedule = Schedule::new(tables.iter().map(|table| (table.name.clone(), table.bytes_estimate)));
    for (at, FetchTable { name, loaded: (chunks, loaded), .. }) in tables.iter().enumerate() {
        schedule.resume(at, *chunks, *loaded);
        fetch.progress.rows(name, signed(loaded.rows) - signed(loaded.removed));
    }
    let shared = Shared {
        fetch,
        expected: tables.iter().map(FetchTable::expected).collect(),
        state: Mutex::new(State {
            schedule,
            efforts: vec![Effort::new(fetch.patience); tables.len()],
            complete: false,
            failure: None,
        }),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        scope.spawn(|| shared.guarded(Shared::follow));
        for mut sink in sinks {
            let shared = &shared;
            scope.spawn(move || shared.guarded(|shared| shared.work(&mut *sink)));
        }
        shared.watch();
    });
    let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failure {
        Some(error) => Err(error),
        None => state.schedule.totals(),
    }
}

/// What the threads share.
struct Shared<'a> {
    fetch: Fetch<'a>,
    expected: Vec<Expected>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    schedule: Schedule,
    /// What the tables' chunks cost.
    efforts: Vec<Effort>,
    /// The server has nothing more to announce.
    complete: bool,
    /// The first failure; with it, everybody stops.
    failure: Option<Error>,
}

/// The attempts at what a table has not got yet, and how far they came.
#[derive(Debug, Clone, Copy)]
struct Effort {
    attempts: Attempts,
    /// The chunk, and how many of its rows.
    furthest: (u32, u64),
}

impl Effort {
    fn new(patience: &Patience<'_>) -> Self {
        Self { attempts: patience.attempts(), furthest: (0, 0) }
    }

    /// The attempts came so far. Only what is further than ever counts: the same half of a chunk, fetched again and
    /// again, is no progress.
    fn came_to(&mut self, chunk: u32, rows: u64) {
        if (chunk, rows) <= self.furthest {
            return;
        }
        if chunk > self.furthest.0 {
            self.attempts.done();
        } else {
            self.attempts.got_on();
        }
        self.furthest = (chunk, rows);
    }
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
    fn watch(&self) {
        let mut state = self.lock();
        while !state.is_over() {
            if let Err(error) = (self.fetch.may_go_on)() {
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
            self.fetch.upstream.cut();
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
        let mut attempts = self.fetch.patience.attempts();
        while !self.lock().is_over() {
            let asked = Instant::now();
            match self.fetch.upstream.status(seen) {
                Ok(status) => {
                    attempts.got_on();
                    self.fetch.patience.answered(asked);
                    if self.announce(&status)? {
                        return Ok(());
                    }
                    if status.version == seen {
                        self.pause(POLL_EVERY_MIN.saturating_sub(asked.elapsed()));
                    }
                    seen = status.version;
                }
                Err(error) => match attempts.pause_after(&error, Instant::now(), chance()) {
                    Some(pause) if !self.lock().is_over() => {
                        self.fetch.patience.failed(&error);
                        self.pause(pause);
                    }
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    /// Takes a status in; tells whether it is the last one.
    fn announce(&self, status: &RunStatus) -> Result<bool> {
        if status.phase == RunPhase::Failed {
            return Err(failure::run_failed(status.error.as_ref()));
        }
        if let Some(snapshot) = &status.snapshot {
            // The same in every status.
            let _ = self.fetch.snapshot.set(snapshot.clone());
        }
        let mut state = self.lock();
        let ended = state.schedule.announce(status)?;
        if status.phase == RunPhase::Complete {
            if !state.schedule.is_announced() {
                return Err(Error::integrity("the server's run is complete without all its tables"));
            }
            state.complete = true;
        }
        let (complete, doing) = (state.complete, state.schedule.server());
        drop(state);
        self.fetch.progress.server(&doing);
        self.changed.notify_all();
        for (at, rows) in ended {
            self.fetch.progress.table_done(&self.fetch.tables[at].name, rows);
        }
        Ok(complete)
    }

    /// A worker: loads chunks until there are none left.
    fn work(&self, sink: &mut dyn Sink) -> Result<()> {
        while let Some(job) = self.next() {
            let Some(loaded) = self.load(sink, job)? else {
                self.begin_again(job);
                continue;
            };
            let done = self.lock().schedule.loaded(job, loaded);
            self.changed.notify_all();
            if let Some(rows) = done {
                self.fetch.progress.table_done(&self.table(job).name, rows);
            }
        }
        Ok(())
    }

    /// A table was emptied.
    fn begin_again(&self, job: Job) {
        let mut state = self.lock();
        let was = state.schedule.restart(job.table);
        // Before another worker has the table and may tell that it is done.
        self.fetch.progress.rows(&self.table(job).name, signed(was.removed) - signed(was.rows));
        drop(state);
        self.changed.notify_all();
    }

    fn table(&self, job: Job) -> &FetchTable {
        &self.fetch.tables[job.table]
    }

    /// Waits for a chunk; none when everything is over.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.is_over() {
                return None;
            }
            if let Some(job) = state.schedule.take() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Loads a chunk, again where that may help. None: its table cannot take a chunk back and was emptied.
    fn load(&self, sink: &mut dyn Sink, job: Job) -> Result<Option<Loaded>> {
        let table = self.table(job);
        let mut loaded = Loaded::default();
        loop {
            let (begun, mut refused) = (Instant::now(), false);
            let error = match self.load_once(sink, job, &mut loaded, &mut refused) {
                Ok(()) => {
                    self.fetch.patience.answered(begun);
                    self.lock().efforts[job.table].came_to(job.chunk + 1, 0);
                    return Ok(Some(loaded));
                }
                Err(error) => error,
            };
            let Some(pause) = self.pause_after(&error, refused, job, loaded) else { return Err(error) };
            if let Err(second) = sink.roll_back() {
                // It says less than what made it necessary.
                tracing::debug!(error = %second, "rolling back failed too");
                return Err(error);
            }
            if !self.pause(pause) {
                return Err(error);
            }
            if !table.transactional {
                self.fetch.progress.rows(&table.name, signed(loaded.removed) - signed(loaded.rows));
                return sink.restart(table).map(|()| None);
            }
        }
    }

    /// How long to pause before a chunk is loaded again; none if that would not help.
    fn pause_after(&self, error: &Error, refused: bool, job: Job, loaded: Loaded) -> Option<Duration> {
        let mut state = self.lock();
        // Bytes that were damaged on the way may come whole the next time; rows that the target does not take will be
        // the same rows.
        if state.is_over() || (refused && Trouble::of(error) == Trouble::Damaged) {
            return None;
        }
        let effort = &mut state.efforts[job.table];
        effort.came_to(job.chunk, loaded.rows + loaded.removed);
        let pause = effort.attempts.pause_after(error, Instant::now(), chance());
        drop(state);
        pause.inspect(|_| match Trouble::of(error) {
            Trouble::Damaged => {
                let table = &self.table(job).name;
                tracing::warn!(%error, table, chunk = job.chunk, "fetching the chunk again");
            }
            _ => self.fetch.patience.failed(error),
        })
    }

    /// Loads a chunk in one transaction. `loaded` is what the attempt has done, `refused` says whether it was the target
    /// that failed.
    fn load_once(
        &self,
        sink: &mut dyn Sink,
        job: Job,
        loaded: &mut Loaded,
        refused: &mut bool,
    ) -> Result<()> {
        let table = self.table(job);
        let context = || format!("loading chunk {} of `{}`", job.chunk, table.name);
        let progress = self.fetch.progress;
        let stream = self.fetch.upstream.chunk(&table.name, job.chunk)?;
        let is_in = sink.begin(table, job.chunk).context(context)?;
        progress.rows(&table.name, signed(loaded.removed) - signed(loaded.rows));
        *loaded = is_in.unwrap_or_default();
        if is_in.is_some() {
            progress.rows(&table.name, signed(loaded.rows) - signed(loaded.removed));
            return Ok(());
        }
        let wanted = Wanted {
            table,
            chunk: job.chunk,
            expected: &self.expected[job.table],
            batch_bytes_max: self.fetch.batch_bytes_max,
        };
        stream::read_parts(stream, &wanted, |part| {
            match part {
                Part::Rows { values, rows } => {
                    sink.load(table, values, rows).inspect_err(|_| *refused = true)?;
                    loaded.rows += rows;
                    progress.rows(&table.name, signed(rows));
                }
                Part::Removal { columns, values, rows } => {
                    let columns: Vec<&str> =
                        columns.iter().filter_map(|column| table.target_column(column)).collect();
                    let removal = Removal { columns: &columns, values, rows };
                    sink.remove(table, &removal).inspect_err(|_| *refused = true)?;
                    loaded.removed += rows;
                    progress.rows(&table.name, -signed(rows));
                }
            }
            if self.lock().is_over() { Err(stopped()) } else { Ok(()) }
        })
        .context(context)?;
        sink.commit(table, job.chunk).context(context)
    }
}

fn signed(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Ends a worker's chunk because somebody else failed; that one's error is the one that is told.
fn stopped() -> Error {
    Error::new(Kind::Remote, "stopped because something else failed")
}
