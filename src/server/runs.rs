//! All runs of a server: who may begin one, which are alive, which are forgotten.

use crate::error::{Error, Kind, Result};
use crate::random;
use crate::server::run::{BatchSize, Run, RunPlan};
use crate::server::spool::{OPEN_WAIT_MAX, Spool, SpoolLimits};
use crate::server::work::{self, Shared};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No run lives longer, whoever asks about it.
const RUN_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// No snapshot is kept open longer: the source cannot clean up behind it, and everything else slows down.
const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(4 * 3600);
/// A run that nobody asked about for so long, and whose client does not wait for an answer either, makes room for a new
/// one when there is no other: its client was probably killed.
const ABANDONED: Duration = Duration::from_secs(10);
/// Frames of all runs that may be held in memory; more go to private files.
const SPOOL_MEMORY_BYTES: u64 = 48 << 20;

/// Limits of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Runs at a time.
    pub runs_max: usize,
    /// A run that nobody asks about for so long ends.
    pub idle_timeout: Duration,
    /// A client that takes nothing for so long is not waited for where that holds something up.
    pub stall_timeout: Duration,
    /// Bytes of frames waiting, over all runs.
    pub spool_bytes_max: u64,
}

/// The runs that are alive.
#[derive(Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    limits: Limits,
    runs: Mutex<HashMap<String, Alive>>,
}

#[derive(Debug)]
struct Alive {
    /// What its client chose to know it by.
    key: Option<String>,
    run: Arc<Run>,
    begun: Instant,
    thread: Option<JoinHandle<()>>,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new(shared: Arc<Shared>, limits: Limits) -> Self {
        Self { shared, limits, runs: Mutex::default() }
    }

    /// What all runs share.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Begins a run: its work starts at once. A client that did not get the answer asks again with the same `key`, and
    /// gets the run that is there.
    ///
    /// # Errors
    /// `Busy` when too many are alive.
    pub fn begin(
        &self,
        key: Option<String>,
        peer: String,
        plan: RunPlan,
        batch: BatchSize,
    ) -> Result<Arc<Run>> {
        self.end_abandoned();
        let mut runs = self.lock();
        let known = |alive: &&Alive| key.is_some() && alive.key == key && !alive.run.has_failed();
        if let Some(alive) = runs.values().find(known) {
            return Ok(Arc::clone(&alive.run));
        }
        // A failed run only waits for its client to hear of it.
        let busy = runs.values().filter(|alive| !alive.run.has_failed()).count();
        if busy >= self.limits.runs_max {
            return Err(Error::new(Kind::Busy, format!("{busy} runs are going on, more are not allowed"))
                .hint("wait for one to end, or raise server.max_runs"));
        }
        let share = u64::try_from(self.limits.runs_max.max(1)).unwrap_or(1);
        let spool = Spool::new(SpoolLimits {
            bytes_max: self.limits.spool_bytes_max / share,
            memory_bytes_max: SPOOL_MEMORY_BYTES / share,
            open_wait_max: self.limits.stall_timeout.min(OPEN_WAIT_MAX),
        });
        let run = Arc::new(Run::new(random::hex(16)?, peer, plan, batch, spool));
        let thread = std::thread::Builder::new()
            .name(format!("run-{}", &run.id[..8]))
            .spawn({
                let (shared, run) = (Arc::clone(&self.shared), Arc::clone(&run));
                move || work::drive(&shared, &run)
            })
            .map_err(|error| Error::internal("starting a run's thread").source(error))?;
        tracing::info!(run = run.id, peer = run.peer, tables = run.tables.len(), "run begun");
        runs.insert(
            run.id.clone(),
            Alive { key, run: Arc::clone(&run), begun: Instant::now(), thread: Some(thread) },
        );
        Ok(run)
    }

    /// When all places are taken: ends the run that has been left alone for the longest time, if that is long enough.
    fn end_abandoned(&self) {
        let longest = {
            let runs = self.lock();
            if runs.len() < self.limits.runs_max {
                return;
            }
            let idle = runs.iter().filter_map(|(id, alive)| Some((alive.run.idle()?, id.clone())));
            idle.filter(|(idle, _)| *idle >= ABANDONED).max()
        };
        if let Some((_, id)) = longest {
            self.end(&id, "its client was gone and another one came");
        }
    }

    /// The run of that id, if it is alive.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Run>> {
        self.lock().get(id).map(|alive| Arc::clone(&alive.run))
    }

    /// Ends a run and waits until its workspace is dropped; says whether there was one.
    pub fn end(&self, id: &str, why: &str) -> bool {
        let Some(alive) = self.lock().remove(id) else { return false };
        finish(alive, why);
        true
    }

    /// Ends runs that nobody asks about any more, and those that are too old.
    pub fn reap(&self) {
        let forgotten: Vec<(String, &str)> = self
            .lock()
            .iter()
            .filter_map(|(id, alive)| {
                let idle = alive.run.idle().is_some_and(|idle| idle >= self.limits.idle_timeout);
                let old = alive.begun.elapsed() >= RUN_AGE_MAX;
                let late = alive.run.snapshot_age().is_some_and(|age| age >= SNAPSHOT_AGE_MAX);
                let why = match (old, late) {
                    (true, _) => "too old",
                    (false, true) => "its snapshot was open for too long",
                    (false, false) => "nobody asked about it any more",
                };
                (idle || old || late).then(|| (id.clone(), why))
            })
            .collect();
        for (id, why) in forgotten {
            self.end(&id, why);
        }
    }

    /// Whether any run is alive.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Ends all runs and waits until their workspaces are dropped.
    pub fn end_all(&self, why: &str) {
        let all: Vec<Alive> = self.lock().drain().map(|(_, alive)| alive).collect();
        for alive in &all {
            alive.run.cancel();
        }
        for alive in all {
            finish(alive, why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Alive>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn finish(mut alive: Alive, why: &str) {
    let outcome = alive.run.outcome();
    let (rows, bytes, took) = alive.run.bill();
    alive.run.end();
    if alive.thread.take().is_some_and(|thread| thread.join().is_err()) {
        tracing::error!(run = alive.run.id, "the run's thread panicked");
    }
    tracing::info!(
        run = alive.run.id,
        peer = alive.run.peer,
        tables = alive.run.tables.len(),
        rows,
        bytes_sent = bytes,
        ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        outcome,
        why,
        "run ended"
    );
}
