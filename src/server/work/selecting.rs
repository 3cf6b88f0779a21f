//! A run in one snapshot: every table is read from the source itself, ruled columns by their masks. Nothing is written.
//!
//! A connection of the snapshot belongs to one worker for as long as the run goes on, and so does its permit. Tables that
//! know no snapshots come last, over connections that have given theirs up: each read of them sees its own moment.

use super::{
    Shared, check_references, gather_originals, open_reader, schema_changed, table_read, work_side_by_side,
};
use crate::error::{Context, Error, Result};
use crate::fault::phase;
use crate::plan::run::{Route, TablePlan};
use crate::plan::sanitize::Refs;
use crate::plan::select_list::SelectList;
use crate::plan::subset::row_alias;
use crate::schema::diff::is_transactional;
use crate::server::checkpoint::Begun;
use crate::server::dumpable::Dumpable;
use crate::server::order::{Job, Jobs};
use crate::server::permits::Permit;
use crate::server::run::Run;
use crate::source::masking::{self, Masking};
use crate::source::reader::Reader;
use crate::source::select::subset::{self, Kept};
use crate::source::snapshot::{Birth, Lockable, Snapshot, SnapshotLock, births};
use crate::source::watch;
use crate::source::workspace::read_hint;
use crate::sql::TableName;
use crate::wire::api::TablePhase;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What the workers of a run share.
struct Scene<'a> {
    shared: &'a Shared,
    run: &'a Arc<Run>,
    jobs: Jobs,
    /// When the snapshot was opened.
    begun: Begun,
    /// The kept rows of restricted tables, once they are known.
    kept: OnceLock<Kept>,
    /// When each table was made, from before the snapshot.
    births: BTreeMap<String, Birth>,
    /// Beside the snapshot: what is true now.
    beside: Mutex<Reader>,
}

/// One worker's connection, and its permit.
struct Seat<'a> {
    reader: Reader,
    _permit: Permit<'a>,
}

/// Works a run off.
pub(super) fn run_in_snapshot(shared: &Shared, lock: SnapshotLock, run: &Arc<Run>) -> Result<()> {
    phase("run.begun");
    watch::during(&run.statements, || {
        gather_originals(shared, run)?;
        let (scene, seats) = open(shared, lock, run).map_err(|error| read_hint(error, &shared.endpoint))?;
        work_side_by_side(run, seats, |seat| scene.work_off(seat))?;
        drop(scene);
        check_references(shared, run)
    })
}

fn open<'a>(shared: &'a Shared, lock: SnapshotLock, run: &'a Arc<Run>) -> Result<(Scene<'a>, Vec<Seat<'a>>)> {
    let permit = shared.permits.acquire(|| run.is_cancelled()).ok_or_else(Run::cancelled_error)?;
    let mut permits = vec![permit];
    let wanted = shared.workers_max.min(run.tables.len());
    while permits.len() < wanted
        && let Some(permit) = shared.permits.acquire_free()
    {
        permits.push(permit);
    }
    let database = &shared.endpoint.database;
    let mut beside = open_reader(shared, run)?;
    let births = births(&mut beside, database, None)?;
    let tables = read_tables(run, database);
    let lockable = Lockable { endpoint: &shared.endpoint, tables: &tables };
    let lockable = (lock == SnapshotLock::Tables).then_some(lockable);
    let snapshot = Snapshot::open(|| open_reader(shared, run), permits.len(), lockable, &shared.clocks)?;
    let Snapshot { readers, means, clock } = snapshot;
    tracing::info!(run = run.id, snapshot = %means, "all tables are read at one moment");
    run.opened_snapshot(means.to_string());
    phase("snapshot.opened");
    let scene = Scene {
        shared,
        run,
        jobs: Jobs::new(&run.tables, |plan| !is_transactional(&plan.table.engine)),
        begun: Begun::new(&clock)?.read(),
        kept: OnceLock::new(),
        births,
        beside: Mutex::new(beside),
    };
    let seats = readers.into_iter().zip(permits).map(|(mut reader, permit)| {
        reader.watch_closely();
        Seat { reader, _permit: permit }
    });
    Ok((scene, seats.collect()))
}

/// Every table that the run reads inside its snapshot.
fn read_tables(run: &Run, database: &str) -> Vec<TableName> {
    let read = run.tables.iter().map(|plan| plan.table.name.as_str());
    let looked_at = run.subset.plan.tables().map(|(name, _)| name.as_str());
    let names: BTreeSet<&str> = read.chain(looked_at).collect();
    names.into_iter().map(|name| TableName::qualified(database, name)).collect()
}

impl Scene<'_> {
    fn work_off(&self, mut seat: Seat<'_>) -> Result<()> {
        let run = self.run;
        loop {
            let mut alive = Ok(());
            let job = self.jobs.next(|| {
                alive = seat.reader.stay_alive();
                alive.is_err() || run.is_cancelled()
            });
            alive?;
            let Some(job) = job else { break };
            match job {
                Job::Subset => {
                    self.find_kept_rows(&mut seat.reader)?;
                    self.jobs.subset_done();
                }
                Job::Table(table) => {
                    let plan = &run.tables[table];
                    self.read(&mut seat.reader, table)
                        .map_err(|error| read_hint(error, &self.shared.endpoint))
                        .context(|| format!("table `{}`", plan.table.name))?;
                    table_read(run, table);
                }
            }
        }
        seat.reader.close_snapshot()
    }

    fn find_kept_rows(&self, reader: &mut Reader) -> Result<()> {
        let (run, database) = (self.run, &self.shared.endpoint.database);
        let kept = subset::find(reader, database, &run.subset.plan, &mut || !run.is_cancelled())?;
        self.check_subset()?;
        self.kept.set(kept).map_err(|_| Error::internal("the kept rows were found twice"))?;
        phase("subset.listed");
        Ok(())
    }

    fn read(&self, reader: &mut Reader, at: usize) -> Result<()> {
        let plan = &self.run.tables[at];
        self.run.enter(at, TablePhase::Dump);
        let is_inside = is_transactional(&plan.table.engine);
        let begun = if is_inside {
            self.begun
        } else {
            reader.close_snapshot()?;
            Begun::new(&reader.clock(&self.shared.clocks)?)?
        };
        if let Some(masks) = &plan.masks {
            reader.prepare(Masking::of(masks))?;
        }
        let what = self.dumpable(plan)?;
        let dumped = self.shared.encoder.dump(reader, &what, self.run, at, begun);
        dumped.map_err(|error| masking::explain(error, &plan.table.name, plan.masks.as_ref()))?;
        self.check_table(plan, is_inside)
    }

    fn dumpable<'b>(&'b self, plan: &'b TablePlan) -> Result<Dumpable<'b>> {
        let from = TableName::qualified(self.shared.endpoint.database.as_str(), plan.table.name.as_str());
        match (plan.route, plan.unruled()) {
            (Route::Direct, Some(unruled)) => Ok(Dumpable::Direct(unruled, from)),
            (Route::Masked, _) if plan.restricted => {
                let kept = self.kept.get();
                let kept =
                    kept.ok_or_else(|| Error::internal("a restricted table came before its kept rows"))?;
                let list = SelectList::new(plan, Refs::Of(&row_alias()))?;
                Ok(Dumpable::Masked(list, from, Some(kept)))
            }
            (Route::Masked, _) => Ok(Dumpable::Masked(SelectList::new(plan, Refs::Bare)?, from, None)),
            (Route::Direct | Route::Copy(_), _) => {
                Err(Error::internal("a table was planned to be copied or read directly that must be masked"))
            }
        }
    }

    /// The same of the tables that only decide which rows are kept, and are not read to be sent.
    fn check_subset(&self) -> Result<()> {
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let now = births(&mut beside, &self.shared.endpoint.database, None)?;
        let is_other = |(name, _): (&String, _)| now.get(name) != self.births.get(name);
        if self.run.subset.plan.tables().any(is_other) { Err(schema_changed()) } else { Ok(()) }
    }

    /// A table that changed its definition between the plan and the end of its reading may have been read by both. One that
    /// was exchanged for another of the same shape looks as it did: but it was made at another time.
    fn check_table(&self, plan: &TablePlan, is_inside: bool) -> Result<()> {
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let (database, name) = (&self.shared.endpoint.database, &plan.table.name);
        super::check_definition(self.shared, &mut beside, plan)?;
        let now = births(&mut beside, database, Some(name))?;
        if is_inside && now.get(name) != self.births.get(name) {
            return Err(schema_changed());
        }
        Ok(())
    }
}
