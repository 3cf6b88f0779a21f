//! One run as the server sees it: its plan, how far each table is, its sealed chunks. Workers write to it, status
//! requests and streams read from it and wait on it.

use crate::error::{Error, Kind, Result};
use crate::plan::checked::Checks;
use crate::plan::run::TablePlan;
use crate::plan::subset::SubsetPlan;
use crate::server::leak::{LeakCheck, LeakPlan};
use crate::server::references::References;
use crate::server::spool::{Chunk, Spool};
use crate::source::watch::Statements;
use crate::wire::api::{Code, ErrorBody, RunPhase, RunStatus, TablePhase, TableStatus};
use crate::wire::moment::Moment;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How batches of a run are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSize {
    /// Most rows of a batch.
    pub rows_max: u64,
    /// Most bytes of a statement, a single row or not.
    pub statement_bytes_max: usize,
}

/// What a run does.
#[derive(Debug)]
pub struct RunPlan {
    /// Its tables in the order in which they were asked for.
    pub tables: Vec<TablePlan>,
    /// Which rows the restricted ones keep.
    pub subset: RunSubset,
    /// What is checked at its end.
    pub checks: Checks,
    /// What its leak check does; none where there is none.
    pub leak: Option<LeakPlan>,
}

/// How the kept rows of a run's restricted tables are found.
#[derive(Debug, Default)]
pub struct RunSubset {
    /// The plan; empty for a run without restricted tables.
    pub plan: SubsetPlan,
    /// Columns with rules whose values the plan writes into the workspace: they must not be logged.
    pub ruled: Vec<String>,
}

/// A run.
#[derive(Debug)]
pub struct Run {
    /// Its id: 32 hex digits.
    pub id: String,
    /// Who asked for it.
    pub peer: String,
    /// Its tables in the order in which they were asked for.
    pub tables: Vec<TablePlan>,
    /// Which rows its restricted tables keep.
    pub subset: RunSubset,
    /// What its rows reference.
    pub references: References,
    /// What looks at its rows before they leave.
    pub leak: Option<LeakCheck>,
    /// How batches are cut.
    pub batch: BatchSize,
    /// Where frames wait.
    pub spool: Arc<Spool>,
    /// What its connections are running.
    pub statements: Arc<Statements>,
    begun: Instant,
    state: Mutex<State>,
    changed: Condvar,
    cancelled: AtomicBool,
    asked: Mutex<Instant>,
    streams: AtomicUsize,
    bytes_sent: AtomicU64,
    positions: HashMap<String, usize>,
}

#[derive(Debug)]
struct State {
    version: u64,
    phase: RunPhase,
    tables: Vec<TableState>,
    error: Option<ErrorBody>,
    snapshot: Option<Opened>,
    ended: bool,
}

/// A snapshot that all tables are read in.
#[derive(Debug)]
struct Opened {
    means: String,
    at: Instant,
}

/// Which tables a status tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All.
    All,
    /// Those that have changed since the version that was seen: of thousands, the few that were worked on meanwhile.
    Changed,
}

#[derive(Debug)]
struct TableState {
    /// The run's version of its last change.
    changed: u64,
    phase: TablePhase,
    rows: u64,
    chunks: Vec<Arc<Chunk>>,
    checkpoint: Option<Moment>,
}

/// What a stream finds when it asks for a chunk.
#[derive(Debug)]
pub enum Next {
    /// The chunk.
    Chunk(Arc<Chunk>),
    /// Not there yet; how far the table is.
    NotYet(TablePhase, u64),
    /// The table has no such chunk: it ends before it.
    End,
}

impl Run {
    /// A run about to begin.
    #[must_use]
    pub fn new(id: String, peer: String, plan: RunPlan, batch: BatchSize, spool: Arc<Spool>) -> Self {
        let RunPlan { tables, subset, checks, leak } = plan;
        let states = tables
            .iter()
            .map(|_| TableState {
                changed: 1,
                phase: TablePhase::Waiting,
                rows: 0,
                chunks: Vec::new(),
                checkpoint: None,
            })
            .collect();
        Self {
            id,
            peer,
            references: References::new(checks, tables.len()),
            leak: leak.map(LeakCheck::new),
            positions: tables.iter().enumerate().map(|(at, plan)| (plan.table.name.clone(), at)).collect(),
            tables,
            subset,
            batch,
            spool,
            statements: Arc::default(),
            begun: Instant::now(),
            state: Mutex::new(State {
                version: 1,
                phase: RunPhase::Running,
                tables: states,
                error: None,
                snapshot: None,
                ended: false,
            }),
            changed: Condvar::new(),
            cancelled: AtomicBool::new(false),
            asked: Mutex::new(Instant::now()),
            streams: AtomicUsize::new(0),
            bytes_sent: AtomicU64::new(0),
        }
    }

    /// The position of a table in the run.
    #[must_use]
    pub fn position(&self, table: &str) -> Option<usize> {
        self.positions.get(table).copied()
    }

    // What workers say.

    /// All tables are read in one snapshot, by these means.
    pub fn opened_snapshot(&self, means: String) {
        self.change(|state| state.snapshot = Some(Opened { means, at: Instant::now() }));
    }

    /// For how long a snapshot has been open that is still read from.
    #[must_use]
    pub fn snapshot_age(&self) -> Option<Duration> {
        let state = self.lock();
        let is_open = state.phase == RunPhase::Running;
        state.snapshot.as_ref().filter(|_| is_open).map(|opened| opened.at.elapsed())
    }

    /// A table entered a phase; its row count begins again.
    pub fn enter(&self, table: usize, phase: TablePhase) {
        self.change_table(table, |table| {
            table.phase = phase;
            table.rows = 0;
        });
    }

    /// How many rows of a table are handled in its phase.
    ///
    /// Wakes nobody: who waits, waits for a chunk or a phase, and reads come twenty times a second.
    pub fn progress(&self, table: usize, rows: u64) {
        self.lock().tables[table].rows = rows;
    }

    /// A chunk is sealed and can be fetched.
    pub fn add_chunk(&self, table: usize, chunk: Arc<Chunk>) {
        self.change_table(table, |table| table.chunks.push(chunk));
    }

    /// How far the rows of a table prove that it was read.
    pub fn prove(&self, table: usize, checkpoint: Option<Moment>) {
        self.lock().tables[table].checkpoint = checkpoint;
    }

    /// A row of this moment was taken back: it has to come again. The checkpoint is before that moment: of a table that is
    /// quiet since, only what is behind its checkpoint is news.
    pub fn take_back(&self, table: usize, moment: Moment) {
        let checkpoint = &mut self.lock().tables[table].checkpoint;
        *checkpoint = checkpoint.map(|proven| proven.min(moment.before(Moment::TICK)));
    }

    /// All chunks of a table are there.
    pub fn finish_table(&self, table: usize) {
        self.change_table(table, |table| {
            table.phase = TablePhase::Done;
            table.rows = table.chunks.iter().map(|chunk| chunk.rows()).sum();
        });
    }

    /// Whether no table is left whose reading has not begun.
    #[must_use]
    pub fn is_all_begun(&self) -> bool {
        self.lock().tables.iter().all(|table| table.phase >= TablePhase::Dump)
    }

    /// How many chunks of a table are known.
    #[must_use]
    pub fn chunks(&self, table: usize) -> u32 {
        u32::try_from(self.lock().tables[table].chunks.len()).unwrap_or(u32::MAX)
    }

    /// All tables are done.
    pub fn complete(&self) {
        self.change(|state| state.phase = RunPhase::Complete);
    }

    /// The run failed; the first failure counts. Nothing more is read or served.
    pub fn fail(&self, code: Code, message: String) {
        self.change(|state| {
            if state.phase != RunPhase::Failed {
                state.phase = RunPhase::Failed;
                state.error = Some(ErrorBody { error: message, code, request_id: self.id.clone() });
                // Nobody can fetch them any more.
                state.tables.iter_mut().for_each(|table| table.chunks = Vec::new());
            }
        });
        self.cancel();
    }

    /// Whether workers should stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// The error for work given up because the run was cancelled.
    #[must_use]
    pub fn cancelled_error() -> Error {
        Error::new(Kind::Busy, "the run has ended")
    }

    /// Asks workers to stop at the next read; what they have running on the source is ended.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.statements.end();
        self.spool.close();
        self.changed.notify_all();
    }

    /// Ends the run for good: chunks are let go, streams end.
    pub fn end(&self) {
        self.fail(Code::RunEnded, "the run was ended".to_owned());
        self.change(|state| {
            state.ended = true;
            for table in &mut state.tables {
                table.chunks = Vec::new();
            }
        });
    }

    // What requests ask.

    /// How far the run is; waits up to `wait` for a version above `seen`.
    pub fn status(self: &Arc<Self>, seen: Option<u64>, wait: Duration, shown: Shown) -> RunStatus {
        // Who waits is there.
        let _present = self.stream();
        let deadline = Instant::now() + wait;
        let mut state = self.lock();
        while seen.is_some_and(|seen| state.version <= seen) && state.phase == RunPhase::Running {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.snapshot(&state, if shown == Shown::All { 0 } else { seen.unwrap_or(0) })
    }

    /// The run, with its tables that have changed since.
    fn snapshot(&self, state: &State, since: u64) -> RunStatus {
        let tables = self.tables.iter().zip(&state.tables).filter(|(_, table)| table.changed > since);
        let tables = tables.map(|(plan, table)| TableStatus {
            name: plan.table.name.clone(),
            phase: table.phase,
            rows: table.rows,
            removed: match table.phase {
                TablePhase::Done => table.chunks.iter().map(|chunk| chunk.removed()).sum(),
                _ => 0,
            },
            chunks: u32::try_from(table.chunks.len()).unwrap_or(u32::MAX),
            checkpoint: table.checkpoint.filter(|_| table.phase == TablePhase::Done),
        });
        RunStatus {
            run: self.id.clone(),
            version: state.version,
            phase: state.phase,
            tables: tables.collect(),
            error: state.error.clone(),
            snapshot: state.snapshot.as_ref().map(|opened| opened.means.clone()),
        }
    }

    /// Whether a table is known to end before a chunk.
    ///
    /// # Errors
    /// The run's failure, with its code.
    pub fn ends_before(&self, table: usize, chunk: u32) -> Result<bool, ErrorBody> {
        self.touch();
        let state = self.lock();
        if let Some(error) = &state.error {
            return Err(error.clone());
        }
        let table = &state.tables[table];
        Ok(table.phase == TablePhase::Done && chunk as usize >= table.chunks.len())
    }

    /// A table's chunk; waits up to `wait` for it.
    ///
    /// # Errors
    /// The run's failure, with its code.
    pub fn next_chunk(&self, table: usize, chunk: usize, wait: Duration) -> Result<Next, ErrorBody> {
        self.touch();
        let deadline = Instant::now() + wait;
        let mut state = self.lock();
        loop {
            if let Some(error) = &state.error {
                return Err(error.clone());
            }
            let table = &state.tables[table];
            if let Some(chunk) = table.chunks.get(chunk) {
                return Ok(Next::Chunk(Arc::clone(chunk)));
            }
            if table.phase == TablePhase::Done {
                return Ok(Next::End);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Next::NotYet(table.phase, table.rows));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Counts a stream, or a wait for news, for as long as the guard lives: meanwhile the run is not idle.
    #[must_use]
    pub fn stream(self: &Arc<Self>) -> StreamGuard {
        self.streams.fetch_add(1, Ordering::AcqRel);
        StreamGuard(Arc::clone(self))
    }

    /// Books bytes that went out.
    pub fn sent(&self, bytes: u64) {
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How long nobody has asked about the run; none while a stream is open.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        if self.streams.load(Ordering::Acquire) > 0 {
            return None;
        }
        Some(self.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed())
    }

    /// Rows, bytes sent and time, for the log line of a finished run.
    #[must_use]
    pub fn bill(&self) -> (u64, u64, Duration) {
        let rows = self.lock().tables.iter().map(|table| table.rows).sum();
        (rows, self.bytes_sent.load(Ordering::Relaxed), self.begun.elapsed())
    }

    /// Whether the run failed or was ended.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.lock().phase == RunPhase::Failed
    }

    /// How the run stands, in a word for the log.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        let state = self.lock();
        match state.phase {
            RunPhase::Failed => "failed",
            RunPhase::Complete => "complete",
            RunPhase::Running if state.tables.iter().all(|table| table.phase == TablePhase::Done) => {
                "complete"
            }
            RunPhase::Running => "cut short",
        }
    }

    fn touch(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_table(&self, table: usize, change: impl FnOnce(&mut TableState)) {
        self.change(|state| {
            let changed = state.version + 1;
            let table = &mut state.tables[table];
            change(table);
            table.changed = changed;
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        change(&mut state);
        state.version += 1;
        drop(state);
        self.changed.notify_all();
    }
}

/// Keeps a run from counting as idle.
#[derive(Debug)]
pub struct StreamGuard(Arc<Run>);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.touch();
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}
