//! A run through copies: each table that has rules or limits is copied into the run's workspace, masked there, and read
//! from there.

use super::{
    Shared, check_definition, check_references, check_server, gather_originals, open_reader, table_read,
    work_side_by_side,
};
use crate::error::{Context, Error, Result};
use crate::fault::phase;
use crate::plan::run::{Route, TablePlan};
use crate::schema::diff::is_transactional;
use crate::server::checkpoint::Begun;
use crate::server::copies;
use crate::server::dumpable::Dumpable;
use crate::server::order::{Job, Jobs};
use crate::server::permits::Permit;
use crate::server::run::{Run, RunSubset};
use crate::source::reader::Reader;
use crate::source::watch;
use crate::source::workspace::subset::{self, KeyTables};
use crate::source::workspace::{Home, Logging, Sanitized, Workspace, Writer, copy_table, read_hint};
use crate::sql::{TableName, WorkspaceTable};
use crate::wire::api::TablePhase;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Works a run off, and drops its workspace.
pub(super) fn run_in_copies(shared: &Shared, home: &Home, run: &Arc<Run>) -> Result<()> {
    let copies = run.tables.iter().any(|plan| matches!(plan.route, Route::Copy(_)));
    let workspace = match copies {
        true => Some(Workspace::create(home, &shared.keeper, &run.id)?),
        false => None,
    };
    phase("run.begun");
    watch::during(&run.statements, || {
        gather_originals(shared, run)?;
        run_workers(shared, home, run, workspace)
    })
}

/// A run's workspace and the places of its copies; workers share it.
struct Places {
    workspace: Option<Workspace>,
    by_table: HashMap<usize, WorkspaceTable>,
    /// Where the lists of kept rows go.
    lists: subset::Places,
    /// The kept rows of restricted tables, once they are known.
    kept: OnceLock<KeyTables>,
    /// Whether the log says already that there are no snapshots.
    warned: AtomicBool,
}

fn run_workers(shared: &Shared, home: &Home, run: &Arc<Run>, mut workspace: Option<Workspace>) -> Result<()> {
    let mut by_table = HashMap::new();
    let mut lists = subset::Places::default();
    if let Some(workspace) = &mut workspace {
        lists = subset::place(workspace, &run.subset.plan);
        for (at, plan) in run.tables.iter().enumerate() {
            if matches!(plan.route, Route::Copy(_)) {
                by_table.insert(at, workspace.place(&plan.table.name));
            }
        }
    }
    let places = Places { workspace, by_table, lists, kept: OnceLock::new(), warned: AtomicBool::new(false) };
    let jobs = Jobs::new(&run.tables, |_| false);
    let workers = shared.workers_max.min(run.tables.len()).max(1);
    let worked = work_side_by_side(run, vec![(); workers], |()| work_off(shared, home, run, &places, &jobs));
    if let Some(workspace) = places.workspace {
        workspace.drop_now().context(|| "dropping the workspace")?;
        phase("workspace.dropped");
    }
    worked?;
    check_references(shared, run)
}

/// What a worker keeps from one table to the next unless somebody else wants it: its permit, and the connection that it
/// reads the source with. A schema of thousands of small tables would spend more on connections than on rows.
struct Seat<'a> {
    // Closed before the permit is given back.
    reader: Option<Reader>,
    _permit: Permit<'a>,
}

fn work_off(shared: &Shared, home: &Home, run: &Arc<Run>, places: &Places, jobs: &Jobs) -> Result<()> {
    let mut seat = None;
    while let Some(job) = next_job(shared, run, jobs, &mut seat) {
        let seat = match &mut seat {
            Some(seat) => seat,
            None => match shared.permits.acquire(|| run.is_cancelled()) {
                Some(permit) => seat.insert(Seat { reader: None, _permit: permit }),
                None => break,
            },
        };
        if run.is_cancelled() {
            return Err(Run::cancelled_error());
        }
        match job {
            Job::Subset => {
                seat.reader = None;
                find_kept_rows(shared, run, places).map_err(|error| home.hint(error))?;
                jobs.subset_done();
            }
            Job::Table(table) => {
                let plan = &run.tables[table];
                work_on(shared, home, run, places, (table, &mut seat.reader))
                    .map_err(|error| hint(shared, home, plan, error))
                    .context(|| format!("table `{}`", plan.table.name))?;
                table_read(run, table);
            }
        }
    }
    Ok(())
}

/// The next job. A worker that has to wait for one, or whose permit is wanted elsewhere, leaves its seat.
fn next_job(shared: &Shared, run: &Run, jobs: &Jobs, seat: &mut Option<Seat<'_>>) -> Option<Job> {
    let mut waits = false;
    jobs.next(|| {
        if waits || shared.permits.is_wanted() {
            *seat = None;
        }
        waits = true;
        run.is_cancelled()
    })
}

/// Finds out which rows the restricted tables keep.
fn find_kept_rows(shared: &Shared, run: &Arc<Run>, places: &Places) -> Result<()> {
    for (at, _) in run.tables.iter().enumerate().filter(|(_, plan)| plan.restricted) {
        run.enter(at, TablePhase::Copy);
    }
    let workspace = places.workspace.as_ref();
    let workspace = workspace.ok_or_else(|| Error::internal("limits were planned without a workspace"))?;
    let mut writer = Writer::open(workspace, &run.id, &run.statements)?;
    check_server(shared, writer.server())?;
    refuse_logged(&run.subset, writer.logging())?;
    let database = &shared.endpoint.database;
    let go_on = || !run.is_cancelled();
    let kept = subset::fill(&mut writer, places.lists.clone(), database, &run.subset.plan, go_on)?;
    places.kept.set(kept).map_err(|_| Error::internal("the kept rows were found twice"))?;
    phase("subset.listed");
    Ok(())
}

/// Lists of rows hold keys, and what limits order by. A ruled column's values must not be logged on the way.
fn refuse_logged(subset: &RunSubset, logging: Logging) -> Result<()> {
    if logging == Logging::Off || subset.ruled.is_empty() {
        return Ok(());
    }
    let what = format!(
        "limits need the values of {} in the workspace, which have a rule or are computed of what has one, and the server \
         logs what is written there",
        subset.ruled.join(", ")
    );
    Err(Error::config(what).hint(
        "GRANT the right to set sql_log_bin (MariaDB: BINLOG ADMIN; MySQL: SESSION_VARIABLES_ADMIN) to the account, or \
         order the limit by another column",
    ))
}

/// A right may be taken away while a server runs.
fn hint(shared: &Shared, home: &Home, plan: &TablePlan, error: Error) -> Error {
    match plan.route {
        Route::Copy(_) => home.hint(error),
        Route::Direct | Route::Masked => read_hint(error, &shared.endpoint),
    }
}

/// Works on a table; `reader` is the worker's connection to the source, if it has one.
fn work_on(
    shared: &Shared,
    home: &Home,
    run: &Arc<Run>,
    places: &Places,
    (at, reader): (usize, &mut Option<Reader>),
) -> Result<()> {
    let plan = &run.tables[at];
    match (plan.route, &places.workspace, places.by_table.get(&at)) {
        (Route::Copy(_), Some(workspace), Some(place)) => {
            // Copying takes a connection of its own kind, and a permit is for one.
            *reader = None;
            run.enter(at, TablePhase::Copy);
            let (sanitized, begun) = copy(shared, run, workspace, place, places.kept.get(), at)?;
            phase("table.sanitized");
            run.enter(at, TablePhase::Dump);
            let mut reader = home.open_reader(&run.id, &run.statements)?;
            check_server(shared, reader.server())?;
            check_definition(shared, &mut reader, plan)?;
            shared.encoder.dump(&mut reader, &Dumpable::Copied(&sanitized), run, at, begun)
        }
        (Route::Direct, _, _) => {
            run.enter(at, TablePhase::Dump);
            let unruled = plan
                .unruled()
                .ok_or_else(|| Error::internal("a ruled table was planned to be read directly"))?;
            let reader = match reader {
                Some(reader) => reader,
                None => reader.insert(open_reader(shared, run)?),
            };
            // Before the snapshot.
            let mut begun = Begun::new(&reader.clock(&shared.clocks)?)?;
            if is_transactional(&plan.table.engine) {
                let opened = reader.open_snapshot()?;
                if opened {
                    begun = begun.read();
                }
                if !opened && !places.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        run = run.id,
                        "tables without rules are not read at one moment: inside a snapshot this server would keep \
                         metadata locks, unless the account may set sql_log_bin (GRANT BINLOG ADMIN)"
                    );
                }
            }
            let from = TableName::qualified(shared.endpoint.database.as_str(), plan.table.name.as_str());
            shared.encoder.dump(reader, &Dumpable::Direct(unruled, from), run, at, begun)?;
            reader.close_snapshot()?;
            check_definition(shared, reader, plan)
        }
        (Route::Copy(_) | Route::Masked, _, _) => {
            Err(Error::internal("a copy was planned without a workspace"))
        }
    }
}

fn copy(
    shared: &Shared,
    run: &Run,
    workspace: &Workspace,
    place: &WorkspaceTable,
    kept: Option<&KeyTables>,
    at: usize,
) -> Result<(Sanitized, Begun)> {
    let plan = &run.tables[at];
    let mut writer = Writer::open(workspace, &run.id, &run.statements)?;
    check_server(shared, writer.server())?;
    let begun = Begun::new(&writer.clock(&shared.clocks)?)?;
    writer.create_table(&copies::workspace_ddl(plan, place, writer.flavour())?)?;
    let order = copies::order(plan, &shared.endpoint.database, place, writer.logging(), kept)?;
    let order = order.ok_or_else(|| Error::internal("a table that is read directly was to be copied"))?;
    let sanitized = copy_table(&mut writer, &order, |rows| {
        run.progress(at, rows);
        !run.is_cancelled()
    })?;
    Ok((sanitized, begun.read()))
}
