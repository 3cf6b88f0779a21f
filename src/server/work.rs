//! The work of a run: copies tables into its workspace, reads them, fills its spool. One thread of its own for the
//! run, and as many workers as the server's source connections allow.

use crate::db::Endpoint;
use crate::db::lock::LockKeeper;
use crate::error::{Context, Error, Kind, Result};
use crate::fault::phase;
use crate::plan::run::{Route, TablePlan};
use crate::schema::diff::is_transactional;
use crate::server::checkpoint::Begun;
use crate::server::copies;
use crate::server::encode::{Dumpable, Encoder};
use crate::server::leak::{self, LeakCheck, is_leak};
use crate::server::order::{Job, Jobs};
use crate::server::permits::Permits;
use crate::server::references::References;
use crate::server::run::{Run, RunSubset};
use crate::source::reader::{Reader, is_schema_change};
use crate::source::watch;
use crate::source::workspace::subset::{self, KeyTables};
use crate::source::workspace::{
    Home, Logging, Sanitized, Workspace, Writer, copy_table, is_unmasked, read_hint,
};
use crate::sql::{TableName, WorkspaceTable};
use crate::wire::api::{Code, TablePhase};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Why a run ends when a migration comes between.
const SCHEMA_CHANGED: &str = "a table changed its definition while it was read";

/// What all runs of a server share.
#[derive(Debug)]
pub struct Shared {
    /// The source.
    pub endpoint: Endpoint,
    /// The source server's own name: all connections of a run must reach it.
    pub server: String,
    /// Where workspaces are made.
    pub home: Home,
    /// Holds the locks that say which workspaces are alive.
    pub keeper: LockKeeper,
    /// Source connections in use over all runs.
    pub permits: Permits,
    /// Most workers of one run: one connection is left for each other run.
    pub workers_max: usize,
    /// Compresses.
    pub encoder: Encoder,
}

/// Drives a run to its end, whatever happens, and drops its workspace.
pub fn drive(shared: &Shared, run: &Arc<Run>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| drive_tables(shared, run)));
    let error = match outcome {
        // Workers that found no permit before the run was cancelled left tables undone.
        Ok(Ok(())) if run.is_cancelled() => Run::cancelled_error(),
        Ok(Ok(())) => return run.complete(),
        Ok(Err(error)) => error,
        Err(_) => Error::internal("a worker panicked"),
    };
    if run.is_cancelled() && error.kind() == Kind::Busy {
        tracing::debug!(run = run.id, "the run was ended while it worked");
    } else {
        tracing::error!(run = run.id, %error, hint = error.hint_text().map(tracing::field::display), "the run failed");
    }
    let (code, message) = for_caller(&error);
    run.fail(code, message);
}

/// What a caller is told: our own words about rules and rows, never a host, an account or a server's message.
fn for_caller(error: &Error) -> (Code, String) {
    if is_schema_change(error) || (error.kind() == Kind::Schema && error.is_retryable()) {
        return (Code::SchemaChanged, format!("{SCHEMA_CHANGED}; pull again"));
    }
    if watch::gave_way(error) {
        return (Code::SourceUnavailable, hinted(error));
    }
    match error.kind() {
        Kind::Config => (Code::ConfigInvalid, error.to_string()),
        Kind::Integrity if is_unmasked(error) => (Code::MasksFailed, error.to_string()),
        Kind::Integrity if is_leak(error) => (Code::LeakFound, told(error)),
        Kind::Integrity => (Code::RowTooLarge, error.to_string()),
        Kind::Source => {
            (Code::SourceUnavailable, "the source database failed; the server's log says why".to_owned())
        }
        Kind::Busy => (Code::RunEnded, "the run was ended".to_owned()),
        Kind::Privilege => (Code::Internal, "the server's database account lacks a right".to_owned()),
        _ => (Code::Internal, "the server failed; its log says why".to_owned()),
    }
}

/// An error of our own words with what to do about it.
pub(super) fn hinted(error: &Error) -> String {
    match error.hint_text() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// As [`hinted`], without the cause.
fn told(error: &Error) -> String {
    format!("{}; {}", error.what(), error.hint_text().unwrap_or_default())
}

fn drive_tables(shared: &Shared, run: &Arc<Run>) -> Result<()> {
    let copies = run.tables.iter().any(|plan| matches!(plan.route, Route::Copy(_)));
    let workspace = match copies {
        true => Some(Workspace::create(&shared.home, &shared.keeper, &run.id)?),
        false => None,
    };
    phase("run.begun");
    let result = watch::during(&run.statements, || {
        gather_originals(shared, run)?;
        run_workers(shared, run, workspace)
    });
    run.leak.iter().for_each(LeakCheck::forget);
    if result.is_err() {
        run.cancel();
    }
    result
}

/// Tells the leak check what rules replace, before the first row is encoded.
fn gather_originals(shared: &Shared, run: &Run) -> Result<()> {
    let Some(check) = &run.leak else { return Ok(()) };
    let permit = shared.permits.acquire(|| run.is_cancelled());
    let _permit = permit.ok_or_else(Run::cancelled_error)?;
    let mut reader = open_reader(shared, run)?;
    leak::gather(check, &mut reader, run, &shared.endpoint.database)
        .map_err(|error| read_hint(error, &shared.endpoint))
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

fn run_workers(shared: &Shared, run: &Arc<Run>, mut workspace: Option<Workspace>) -> Result<()> {
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
    let jobs = Jobs::new(&run.tables);
    let workers = shared.workers_max.min(run.tables.len()).max(1);
    let first_error = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let worked = catch_unwind(AssertUnwindSafe(|| work_off(shared, run, &places, &jobs)));
                let result = worked.unwrap_or_else(|_| Err(Error::internal("a worker panicked")));
                if let Err(error) = result {
                    first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    run.cancel();
                }
            });
        }
    });
    if let Some(workspace) = places.workspace {
        workspace.drop_now().context(|| "dropping the workspace")?;
        phase("workspace.dropped");
    }
    match first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        // Workers that found no permit left tables undone.
        None if run.is_cancelled() => Err(Run::cancelled_error()),
        None => check_references(shared, run),
    }
}

fn work_off(shared: &Shared, run: &Arc<Run>, places: &Places, jobs: &Jobs) -> Result<()> {
    while let Some(job) = jobs.next(|| run.is_cancelled()) {
        let Some(_permit) = shared.permits.acquire(|| run.is_cancelled()) else { break };
        if run.is_cancelled() {
            return Err(Run::cancelled_error());
        }
        match job {
            Job::Subset => {
                find_kept_rows(shared, run, places).map_err(|error| shared.home.hint(error))?;
                jobs.subset_done();
            }
            Job::Table(table) => {
                let plan = &run.tables[table];
                work_on(shared, run, places, table)
                    .map_err(|error| hint(shared, plan, error))
                    .context(|| format!("table `{}`", plan.table.name))?;
                phase("table.read");
                if run.references.has_child(table) {
                    run.enter(table, TablePhase::Check);
                } else {
                    run.finish_table(table);
                }
            }
        }
    }
    Ok(())
}

/// Takes rows back whose parents came or went while the tables were read; then every table is done.
fn check_references(shared: &Shared, run: &Arc<Run>) -> Result<()> {
    let mut permit = None;
    let open = || {
        permit = shared.permits.acquire(|| run.is_cancelled());
        open_reader(shared, run)
    };
    let rows = References::check(run, &shared.endpoint.database, open)?;
    if rows > 0 {
        tracing::info!(run = run.id, rows, "took back rows whose parents came or went while they were read");
    }
    phase("rows.checked");
    (0..run.tables.len()).filter(|at| run.references.has_child(*at)).for_each(|at| run.finish_table(at));
    Ok(())
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
fn hint(shared: &Shared, plan: &TablePlan, error: Error) -> Error {
    match plan.route {
        Route::Copy(_) => shared.home.hint(error),
        Route::Direct => read_hint(error, &shared.endpoint),
    }
}

fn work_on(shared: &Shared, run: &Arc<Run>, places: &Places, at: usize) -> Result<()> {
    let plan = &run.tables[at];
    match (plan.route, &places.workspace, places.by_table.get(&at)) {
        (Route::Copy(_), Some(workspace), Some(place)) => {
            run.enter(at, TablePhase::Copy);
            let (sanitized, begun) = copy(shared, run, workspace, place, places.kept.get(), at)?;
            phase("table.sanitized");
            run.enter(at, TablePhase::Dump);
            let mut reader = shared.home.open_reader(&run.id, &run.statements)?;
            check_server(shared, reader.server())?;
            check_definition(shared, &mut reader, plan)?;
            shared.encoder.dump(&mut reader, &Dumpable::Copied(&sanitized), run, at, begun)
        }
        (Route::Direct, _, _) => {
            run.enter(at, TablePhase::Dump);
            let unruled = plan
                .unruled()
                .ok_or_else(|| Error::internal("a ruled table was planned to be read directly"))?;
            let mut reader = open_reader(shared, run)?;
            // Before the snapshot.
            let mut begun = Begun::new(&reader.clock()?)?;
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
            shared.encoder.dump(&mut reader, &Dumpable::Direct(unruled, from), run, at, begun)?;
            reader.close_snapshot()?;
            check_definition(shared, &mut reader, plan)
        }
        (Route::Copy(_), _, _) => Err(Error::internal("a copy was planned without a workspace")),
    }
}

fn open_reader(shared: &Shared, run: &Run) -> Result<Reader> {
    let reader = Reader::open(&shared.endpoint, &run.id, &run.statements)?;
    check_server(shared, reader.server())?;
    Ok(reader)
}

/// Behind a load balancer two connections may reach two servers: a workspace that is here and not there, a table that
/// is newer there than here.
fn check_server(shared: &Shared, server: &str) -> Result<()> {
    if server == shared.server {
        return Ok(());
    }
    let what = format!(
        "a connection to the source reached {server}, and the server was started on {}",
        shared.server
    );
    Err(Error::new(Kind::Source, what)
        .hint("name one database server, not a balancer; after a failover start `backfill serve` again"))
}

/// A table whose definition changed between the plan and the end of its reading may have been read by both: rules and
/// literal forms were chosen for the old one.
fn check_definition(shared: &Shared, reader: &mut Reader, plan: &TablePlan) -> Result<()> {
    let name = TableName::qualified(shared.endpoint.database.as_str(), plan.table.name.as_str());
    if plan.fits(&reader.signature(&name)?) {
        return Ok(());
    }
    Err(Error::new(Kind::Schema, SCHEMA_CHANGED).retryable())
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
    let begun = Begun::new(&writer.clock()?)?;
    writer.create_table(&copies::workspace_ddl(plan, place, writer.flavour())?)?;
    let order = copies::order(plan, &shared.endpoint.database, place, writer.logging(), kept)?;
    let order = order.ok_or_else(|| Error::internal("a table that is read directly was to be copied"))?;
    let sanitized = copy_table(&mut writer, &order, |rows| {
        run.progress(at, rows);
        !run.is_cancelled()
    })?;
    Ok((sanitized, begun.read()))
}
