//! The work of a run: copies tables into its workspace, reads them, fills its spool. One thread of its own for the
//! run, and as many workers as the server's source connections allow.

use crate::db::Endpoint;
use crate::db::lock::LockKeeper;
use crate::error::{Context, Error, Kind, Result};
use crate::fault::phase;
use crate::plan::run::{MaskAt, ROW_NUMBER_COLUMN, Route, TablePlan};
use crate::schema::ddl::{self, WorkspaceOptions};
use crate::schema::diff::is_transactional;
use crate::schema::{Check, Column, Flavour, Generated};
use crate::server::encode::{Dumpable, Encoder};
use crate::server::permits::Permits;
use crate::server::references::References;
use crate::server::run::Run;
use crate::source::reader::{Reader, is_schema_change};
use crate::source::workspace::{CopyOrder, Logging, Sanitized, Workspace, Writer, copy_table};
use crate::sql::TableName;
use crate::sql::select::WalkKey;
use crate::wire::api::{Code, TablePhase};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a run ends when a migration comes between.
const SCHEMA_CHANGED: &str = "a table changed its definition while it was read";

/// What all runs of a server share.
#[derive(Debug)]
pub struct Shared {
    /// The source.
    pub endpoint: Endpoint,
    /// The source server's own name: all connections of a run must reach it.
    pub server: String,
    /// Where workspaces go instead of schemas of their own.
    pub temp_database: Option<String>,
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
    match error.kind() {
        Kind::Config => (Code::ConfigInvalid, error.to_string()),
        Kind::Integrity => (Code::RowTooLarge, error.to_string()),
        Kind::Source => {
            (Code::SourceUnavailable, "the source database failed; the server's log says why".to_owned())
        }
        Kind::Busy => (Code::RunEnded, "the run was ended".to_owned()),
        Kind::Privilege => (Code::Internal, "the server's database account lacks a right".to_owned()),
        _ => (Code::Internal, "the server failed; its log says why".to_owned()),
    }
}

fn drive_tables(shared: &Shared, run: &Arc<Run>) -> Result<()> {
    let copies = run.tables.iter().any(|plan| matches!(plan.route, Route::Copy(_)));
    let workspace = match copies {
        true => Some(Workspace::create(
            &shared.endpoint,
            shared.temp_database.as_deref(),
            &shared.keeper,
            &run.id,
        )?),
        false => None,
    };
    let result = run_workers(shared, run, workspace);
    if result.is_err() {
        run.cancel();
    }
    result
}

/// A run's workspace and the places of its copies; workers share it.
struct Places {
    workspace: Option<Workspace>,
    by_table: HashMap<usize, TableName>,
    /// Whether the log says already that there are no snapshots.
    warned: AtomicBool,
}

fn run_workers(shared: &Shared, run: &Arc<Run>, mut workspace: Option<Workspace>) -> Result<()> {
    let mut by_table = HashMap::new();
    if let Some(workspace) = &mut workspace {
        for (at, plan) in run.tables.iter().enumerate() {
            if matches!(plan.route, Route::Copy(_)) {
                by_table.insert(at, workspace.place(&plan.table.name));
            }
        }
    }
    let places = Places { workspace, by_table, warned: AtomicBool::new(false) };
    let queue = Mutex::new(queue(&run.tables));
    let workers = shared.workers_max.min(run.tables.len()).max(1);
    let first_error = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let worked = catch_unwind(AssertUnwindSafe(|| work_off(shared, run, &places, &queue)));
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
    }
    match first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        // Workers that found no permit left tables undone.
        None if run.is_cancelled() => Err(Run::cancelled_error()),
        None => check_references(shared, run),
    }
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
    (0..run.tables.len()).filter(|at| run.references.has_child(*at)).for_each(|at| run.finish_table(at));
    Ok(())
}

/// Positions of tables, last first to be worked on: the largest begin first, copies before what is read directly.
fn queue(tables: &[TablePlan]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by_key(|at| (matches!(tables[*at].route, Route::Copy(_)), tables[*at].table.bytes));
    order
}

fn work_off(shared: &Shared, run: &Arc<Run>, places: &Places, queue: &Mutex<Vec<usize>>) -> Result<()> {
    loop {
        let permit = shared.permits.acquire(|| run.is_cancelled());
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (Some(_permit), Some(table)) = (permit, next) else {
            return Ok(());
        };
        if run.is_cancelled() {
            return Err(Run::cancelled_error());
        }
        let plan = &run.tables[table];
        work_on(shared, run, places, table).context(|| format!("table `{}`", plan.table.name))?;
        phase("table.read");
        if run.references.has_child(table) {
            run.enter(table, TablePhase::Check);
        } else {
            run.finish_table(table);
        }
    }
}

fn work_on(shared: &Shared, run: &Arc<Run>, places: &Places, at: usize) -> Result<()> {
    let plan = &run.tables[at];
    match (plan.route, &places.workspace, places.by_table.get(&at)) {
        (Route::Copy(mask_at), Some(workspace), Some(place)) => {
            run.enter(at, TablePhase::Copy);
            let sanitized = copy(shared, run, workspace, place, at, mask_at)?;
            run.enter(at, TablePhase::Dump);
            let mut reader = open_reader(shared, run)?;
            check_definition(shared, &mut reader, plan)?;
            shared.encoder.dump(&mut reader, &Dumpable::Copied(&sanitized), run, at)
        }
        (Route::Direct, _, _) => {
            run.enter(at, TablePhase::Dump);
            let unruled = plan
                .unruled()
                .ok_or_else(|| Error::internal("a ruled table was planned to be read directly"))?;
            let mut reader = open_reader(shared, run)?;
            if is_transactional(&plan.table.engine) {
                let opened = reader.open_snapshot()?;
                if !opened && !places.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        run = run.id,
                        "tables without rules are not read at one moment: inside a snapshot this server would keep \
                         metadata locks, unless the account may set sql_log_bin (GRANT BINLOG ADMIN)"
                    );
                }
            }
            let from = TableName::qualified(shared.endpoint.database.as_str(), plan.table.name.as_str());
            shared.encoder.dump(&mut reader, &Dumpable::Direct(unruled, from), run, at)?;
            reader.close_snapshot()?;
            check_definition(shared, &mut reader, plan)
        }
        (Route::Copy(_), _, _) => Err(Error::internal("a copy was planned without a workspace")),
    }
}

fn open_reader(shared: &Shared, run: &Run) -> Result<Reader> {
    let reader = Reader::open(&shared.endpoint, &run.id)?;
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
    place: &TableName,
    at: usize,
    mask_at: MaskAt,
) -> Result<Sanitized> {
    let plan = &run.tables[at];
    let mut writer = Writer::open(&shared.endpoint, workspace, &run.id)?;
    check_server(shared, writer.server())?;
    // A raw value that is written to a logged workspace is on every replica and in every backup.
    let mask_at = if writer.logging() == Logging::On { MaskAt::Copy } else { mask_at };
    writer.create_table(&workspace_ddl(plan, place, writer.flavour())?)?;
    let order = CopyOrder {
        table: &plan.table,
        from: TableName::qualified(shared.endpoint.database.as_str(), plan.table.name.as_str()),
        into: place.clone(),
        columns: plan.table.stored_columns().collect(),
        masks: plan.masks.as_ref(),
        mask_at,
        walk: unlogged_walk(plan, writer.logging()),
        copy_walk: plan.copy_walk(),
    };
    copy_table(&mut writer, &order, |rows| {
        run.progress(at, rows);
        !run.is_cancelled()
    })
}

/// The key to copy by, unless its values must not be written down: a statement that copies a range names the range's
/// ends, and the binlog may keep the text of statements beside their rows (`binlog_annotate_row_events`,
/// `binlog_rows_query_log_events`). Then the table is copied by one statement.
fn unlogged_walk(plan: &TablePlan, logging: Logging) -> Option<WalkKey> {
    let is_ruled = |name: &String| plan.masks.as_ref().is_some_and(|masks| masks.column(name).is_some());
    plan.walk.clone().filter(|key| logging == Logging::Off || !key.columns.iter().any(is_ruled))
}

fn workspace_ddl(plan: &TablePlan, place: &TableName, flavour: Flavour) -> Result<String> {
    let walk = plan.copy_walk();
    let checks = checks_of_copy(plan);
    let options = WorkspaceOptions {
        key: Some(if plan.needs_row_number() { &[] } else { walk.columns.as_slice() }),
        checks: &checks,
        row_number: plan.needs_row_number().then_some(ROW_NUMBER_COLUMN),
        ..WorkspaceOptions::default()
    };
    ddl::workspace_table(&plan.table, place, flavour, &options)
}

/// The CHECKs that masked values have to pass in the copy. Generated columns are not copied, so what mentions one can
/// only be checked by the target.
fn checks_of_copy(plan: &TablePlan) -> Vec<&str> {
    let Some(masks) = &plan.masks else { return Vec::new() };
    let computed = |column: &&Column| column.generated != Generated::No;
    let computed: Vec<&str> =
        plan.table.columns.iter().filter(computed).map(|column| column.name.as_str()).collect();
    let checkable = |check: &&Check| !computed.iter().any(|name| check.expression.contains(name));
    masks.checks.iter().filter(checkable).map(|check| check.name.as_str()).collect()
}
