//! Loading the rows: from a new run, or on from where an earlier pull stopped, and anew where the server has lost the
//! run. A staging is loaded from one run only: whoever cannot go on with the very run drops what is there.

use super::failure;
use super::fetch::{Fetch, FetchTable, Fetched, Loaded as Rows, Sink, fetch};
use super::identity;
use super::link::{ServerRun, StagingSink};
use super::outage::Patience;
use super::retry::Trouble;
use super::select::Selection;
use super::verify::{Ledger, Recording};
use super::work::Work;
use crate::config::Binlog;
use crate::error::{Error, Kind, Result};
use crate::fault::small_bytes;
use crate::plan::load::LoadPlan;
use crate::random;
use crate::target::binlog::BinlogMode;
use crate::target::load::LoadPool;
use crate::target::reread::Origins;
use crate::target::resume::{Loading, StagedChunk};
use crate::target::staging::{Empty, PrepareOptions, Staging};
use crate::target::sweep::Orphan;
use crate::wire::api::{RunPhase, RunRequest};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A table of less than this is small: a few hundred pages, which an index more makes no slower to fill than a statement that
/// builds it afterwards.
const SMALL_BYTES: u64 = 1 << 20;

/// How often a pull begins anew by itself because the server has lost its run.
const RESTARTS_MAX: u32 = 2;

/// A staging with all its rows.
pub(super) struct Loaded {
    pub(super) staging: Staging<Empty>,
    /// With `--verify`: what arrived.
    pub(super) ledger: Option<Arc<Ledger>>,
    /// What is there of each table, in the order of the request.
    pub(super) fetched: Vec<Fetched>,
    /// What was decided about the binlog.
    pub(super) binlog: Option<String>,
    /// How the source read all tables at one moment, if it did.
    pub(super) snapshot: Option<String>,
    /// What the summary should say.
    pub(super) notes: Vec<String>,
}

/// What is to be loaded.
pub(super) struct Load<'a> {
    pub(super) work: &'a Work<'a>,
    pub(super) selection: &'a Selection,
    pub(super) plan: &'a LoadPlan,
    pub(super) tables: &'a [FetchTable],
    pub(super) request: &'a RunRequest,
    /// Names the data; see [`Load::label`].
    pub(super) data: &'a str,
}

/// A staging that an earlier pull began to load, and the run that it was loaded from.
struct Partial {
    staging: Staging<Empty>,
    run: String,
    /// The tables, with what is in already.
    tables: Vec<FetchTable>,
    note: String,
}

/// Whether a pull that ended with `error` can be gone on with: the server has not refused and nothing was wrong with
/// the data, one side could not be reached any more.
pub(super) fn can_go_on(error: &Error) -> bool {
    Trouble::of(error) == Trouble::Outage
}

impl Load<'_> {
    /// Loads every row.
    ///
    /// # Errors
    /// The server's, the stream's, the target's, `Interrupted`. Where [`can_go_on`] says so, staging and run are kept.
    pub(super) fn run(&self) -> Result<Loaded> {
        let mut restarts = 0;
        let mut partial = self.take_over()?;
        loop {
            let error = match self.attempt(partial.take()) {
                Ok(mut loaded) => {
                    if restarts > 0 {
                        loaded.notes.push(
                            "the server lost the run while it was loaded (a restart?): everything was fetched anew"
                                .to_owned(),
                        );
                    }
                    return Ok(loaded);
                }
                Err(error) if failure::is_gone(&error) && restarts < RESTARTS_MAX => error,
                Err(error) if can_go_on(&error) => return Err(with_kept_hint(error)),
                Err(error) => return Err(error),
            };
            restarts += 1;
            tracing::info!(%error, "the run is gone");
            self.work.pull.progress.note("the server has lost the run; beginning anew");
            self.check_source()?;
        }
    }

    /// Loads into a new staging, or goes on with `partial`.
    fn attempt(&self, partial: Option<Partial>) -> Result<Loaded> {
        let pull = self.work.pull;
        let mut notes = Vec::new();
        let (mut staging, going_on) = match partial {
            Some(Partial { staging, run, tables, note }) => {
                pull.progress.note(&note);
                notes.push(note);
                (staging, Some((run, tables)))
            }
            None => {
                pull.step(4, "building the new tables, empty, to see whether the target takes them")?;
                let small = self.small();
                let options =
                    PrepareOptions { parallel: pull.config.parallel, prefixed: false, small: &small };
                (self.work.claimed.prepare(self.plan.clone(), options)?, None)
            }
        };
        let word = if self.tables.len() == 1 { "table" } else { "tables" };
        pull.step(5, &format!("loading {} {word}", self.tables.len()))?;
        let ledger = self.ledger(&staging)?;
        let pool = self.pool(&staging)?;
        // Before production has any work: what the target refuses it refuses now.
        let sinks = self.sinks(&pool, ledger.as_ref())?;
        let (run, tables) = match going_on {
            Some((run, tables)) => (run, tables),
            None => (self.begin(&mut staging)?, self.tables.to_vec()),
        };
        let estimate = self.selection.pulled.iter().map(|pulled| pulled.entry.rows_expected()).sum();
        pull.progress.loading(estimate);
        let snapshot = OnceLock::new();
        let fetched = self.fetch((&run, &tables), &snapshot, sinks);
        pull.progress.loaded();
        if fetched.as_ref().is_err_and(can_go_on) {
            tracing::info!(run, "the run is kept for the next pull");
        } else {
            // In this order: a staging that has more than rows must not be gone on with.
            let ended = if fetched.is_ok() { staging.end_loading() } else { Ok(()) };
            self.end(&run);
            ended?;
        }
        let fetched = fetched?;
        let binlog = pool.binlog();
        let state = if binlog.off { "off" } else { "on" };
        let binlog = binlog.why.map(|why| format!("{state} ({why})"));
        Ok(Loaded { staging, ledger, fetched, binlog, snapshot: snapshot.into_inner(), notes })
    }

    fn fetch(
        &self,
        (run, tables): (&str, &[FetchTable]),
        snapshot: &OnceLock<String>,
        sinks: Vec<Box<dyn Sink>>,
    ) -> Result<Vec<Fetched>> {
        let pull = self.work.pull;
        // A fetch that fails cuts its connections, and only those.
        let api = self.work.api.anew();
        let may_go_on = || {
            pull.interrupt.check()?;
            self.work.claimed.check_alive()
        };
        let work = Fetch {
            upstream: &ServerRun::new(&api, run, pull.config.timeout),
            tables,
            batch_bytes_max: self.work.target.batch_bytes_max(),
            progress: pull.progress,
            patience: &self.patience(),
            may_go_on: &may_go_on,
            snapshot,
        };
        fetch(work, sinks)
    }

    fn patience(&self) -> Patience<'_> {
        let pull = self.work.pull;
        Patience::new(pull.config.timeout, pull.progress, pull.interrupt)
    }

    /// Has a run made and writes it down in the staging.
    fn begin(&self, staging: &mut Staging<Empty>) -> Result<String> {
        // The same for every attempt: an answer that is lost must not leave a second run at the server.
        let key = random::hex(16)?;
        let created = self.patience().ask(|| self.work.api.create_run(self.request, &key))?;
        let noted = if created.tables == self.request.tables {
            staging.begin_loading(Loading { run: created.run.clone(), label: self.label() })
        } else {
            Err(Error::integrity("the server's run has other tables or columns than those asked for"))
        };
        match noted {
            Ok(()) => Ok(created.run),
            Err(error) => {
                self.end(&created.run);
                Err(error)
            }
        }
    }

    /// Ends a run; the server does it by itself later if this fails.
    fn end(&self, run: &str) {
        if let Err(error) = self.patience().farewell(|| self.work.api.end_run(run)) {
            tracing::warn!(%error, run, "the server ends the run by itself later");
        }
    }

    /// What this data is called while it is loaded: another server, other tables, columns, rules, times or batches are
    /// other data.
    fn label(&self) -> String {
        let request = serde_json::to_string(self.request).unwrap_or_default();
        let hash = Sha256::digest(format!("{}\n{request}", self.data).as_bytes());
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What an earlier pull had begun to load, if this one can go on with it. What it cannot use is dropped, and its run
    /// ended: nobody else waits for it.
    fn take_over(&self) -> Result<Option<Partial>> {
        let mut found = None;
        for orphan in self.work.claimed.orphans(Duration::ZERO)? {
            let Some(loading) = &orphan.loading else { continue };
            if found.is_none() && self.may_go_on_with(loading) {
                found = self.partial(&orphan, loading)?;
                if found.is_some() {
                    continue;
                }
            }
            self.end(&loading.run);
            self.work.claimed.drop_orphan(&orphan)?;
        }
        Ok(found)
    }

    /// `--verify` compares with what arrived, and of rows that another process loaded nobody knows that.
    fn may_go_on_with(&self, loading: &Loading) -> bool {
        let pull = self.work.pull;
        !pull.fresh && !pull.verify && loading.label == self.label()
    }

    /// The orphan, if the server still has its run and the target is what it was.
    fn partial(&self, orphan: &Orphan, loading: &Loading) -> Result<Option<Partial>> {
        let status = match self.patience().ask(|| self.work.api.status(&loading.run, 0, Duration::ZERO)) {
            Ok(status) => status,
            Err(error) if failure::is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let same =
            status.tables.iter().map(|table| &table.name).eq(self.tables.iter().map(|table| &table.name));
        if status.phase == RunPhase::Failed || !same {
            return Ok(None);
        }
        let Some(staging) = self.work.claimed.take_over(orphan, self.plan)? else { return Ok(None) };
        let mut tables = self.tables.to_vec();
        let chunks = staging.chunks()?;
        let in_order = chunks.iter().all(|chunk| self.count(&mut tables, chunk));
        let known = tables.iter().zip(&status.tables).all(|(table, known)| table.loaded.0 <= known.chunks);
        if !in_order || !known {
            return Ok(None);
        }
        let rows: u64 = tables.iter().map(|table| table.loaded.1.rows).sum();
        let minutes = orphan.age_seconds / 60;
        let note = format!(
            "going on with a pull that stopped, begun {minutes} minutes ago: {rows} of its rows are here already"
        );
        Ok(Some(Partial { staging, run: loading.run.clone(), tables, note }))
    }

    /// Counts a chunk that is in; false if it does not follow those before it.
    fn count(&self, tables: &mut [FetchTable], staged: &StagedChunk) -> bool {
        let name = self.plan.tables.get(staged.table).map(|table| table.name.as_str());
        let Some(table) = tables.iter_mut().find(|table| Some(table.target_name.as_str()) == name) else {
            return false;
        };
        let (chunks, Rows { rows, removed }) = table.loaded;
        let all = Rows { rows: rows + staged.rows.added, removed: removed + staged.rows.removed };
        table.loaded = (chunks + 1, all);
        chunks == staged.chunk
    }

    /// Before a new run: the server may have come back with other rules or tables, or be another one.
    fn check_source(&self) -> Result<()> {
        let manifest = self.patience().ask(|| self.work.api.manifest())?;
        let digest =
            |name: &str| manifest.tables.iter().find(|entry| entry.table.name == name).map(|e| &e.digest);
        let same =
            |entry: &crate::wire::manifest::TableEntry| digest(&entry.table.name) == Some(&entry.digest);
        let all_same = self.selection.pulled.iter().all(|pulled| same(&pulled.entry));
        if identity::source(&manifest) != identity::source(self.work.manifest) || !all_same {
            let what = "the server lost the run, and its tables or rules are others now";
            return Err(Error::new(Kind::Remote, what).hint("your data is as it was; pull again"));
        }
        self.work.target.check_not_source(&manifest.identity)
    }

    /// What `--verify` writes down while loading.
    fn ledger(&self, staging: &Staging<Empty>) -> Result<Option<Arc<Ledger>>> {
        if !self.work.pull.verify {
            return Ok(None);
        }
        Ok(Some(Ledger::new(staging.compared(&self.origins())?)))
    }

    /// The tables whose rows are few, as far as the server's estimates tell.
    fn small(&self) -> BTreeSet<String> {
        let max = small_bytes(SMALL_BYTES);
        let pulled = self.selection.pulled.iter().filter(|pulled| pulled.entry.table.bytes < max);
        pulled.map(|pulled| pulled.target_name.clone()).collect()
    }

    /// What is behind each loaded column at the source.
    fn origins(&self) -> Origins<'_> {
        let mut origins = Origins::new();
        for pulled in &self.selection.pulled {
            let table = &pulled.entry.table;
            let columns = pulled.columns.iter().filter_map(|(name, _)| table.column(name)).collect();
            origins.insert(&pulled.target_name, columns);
        }
        origins
    }

    fn pool(&self, staging: &Staging<Empty>) -> Result<LoadPool> {
        let binlog = match self.work.pull.config.binlog {
            Binlog::Auto => BinlogMode::Auto,
            Binlog::Off => BinlogMode::Off,
            Binlog::On => BinlogMode::On,
        };
        staging.load_pool(binlog, &self.origins())
    }

    fn sinks(&self, pool: &LoadPool, ledger: Option<&Arc<Ledger>>) -> Result<Vec<Box<dyn Sink>>> {
        let parallel = self.work.pull.config.parallel.clamp(1, self.tables.len().max(1));
        let sink = |_| {
            let sink = StagingSink::open(pool)?;
            Ok(match ledger {
                None => Box::new(sink) as Box<dyn Sink>,
                Some(ledger) => Box::new(Recording::new(sink, ledger)),
            })
        };
        (0..parallel).map(sink).collect()
    }
}

/// Says that the way so far is not lost.
fn with_kept_hint(error: Error) -> Error {
    let kept = "what was loaded is kept: pull again within the server's idle_timeout (15 minutes if not set) to go on \
                where this stopped";
    let hint = match error.hint_text() {
        Some(hint) => format!("{hint}; {kept}"),
        None => kept.to_owned(),
    };
    error.hint(hint)
}
