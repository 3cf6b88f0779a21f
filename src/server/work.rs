//! The work of a run: reads its tables and fills its spool, through copies in a workspace or in one snapshot. One thread
//! of its own for the run, and as many workers as the server's source connections allow.

mod copying;
mod selecting;

use crate::db::Endpoint;
use crate::db::lock::LockKeeper;
use crate::error::{Error, Kind, Result};
use crate::fault::phase;
use crate::plan::run::TablePlan;
use crate::server::encode::Encoder;
use crate::server::ending;
use crate::server::leak;
use crate::server::permits::Permits;
use crate::server::references::References;
use crate::server::run::Run;
use crate::source::clock::Clocks;
use crate::source::reader::Reader;
use crate::source::snapshot::SnapshotLock;
use crate::source::workspace::{Home, read_hint};
use crate::sql::TableName;
use crate::wire::api::TablePhase;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// What all runs of a server share.
#[derive(Debug)]
pub struct Shared {
    /// The source.
    pub endpoint: Endpoint,
    /// The source server's own name: all connections of a run must reach it.
    pub server: String,
    /// How tables are masked.
    pub means: Means,
    /// Holds the locks that say which workspaces are alive.
    pub keeper: LockKeeper,
    /// Source connections in use over all runs.
    pub permits: Permits,
    /// Most workers of one run: one connection is left for each other run.
    pub workers_max: usize,
    /// The source's clock.
    pub clocks: Clocks,
    /// Compresses.
    pub encoder: Encoder,
}

/// How the tables of a server's runs are masked.
#[derive(Debug)]
pub enum Means {
    /// In copies, which are made there.
    Copies(Home),
    /// While they are read in one snapshot; nothing is written.
    Select(SnapshotLock),
}

impl Means {
    /// Where workspaces are made, if any are.
    #[must_use]
    pub fn home(&self) -> Option<&Home> {
        match self {
            Self::Copies(home) => Some(home),
            Self::Select(_) => None,
        }
    }
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
    let (code, message) = ending::for_caller(&error);
    run.fail(code, message);
}

fn drive_tables(shared: &Shared, run: &Arc<Run>) -> Result<()> {
    let result = match &shared.means {
        Means::Copies(home) => copying::run_in_copies(shared, home, run),
        Means::Select(lock) => selecting::run_in_snapshot(shared, *lock, run),
    };
    let result = match &run.leak {
        Some(check) => {
            check.forget();
            result.map_err(|error| check.tell(error))
        }
        None => result,
    };
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

/// Has each of `seats` work on a thread of its own; the first error ends the run, and its cause is given.
fn work_side_by_side<T: Send>(
    run: &Arc<Run>,
    seats: Vec<T>,
    work: impl Fn(T) -> Result<()> + Sync,
) -> Result<()> {
    let first_error: Mutex<Option<Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for seat in seats {
            scope.spawn(|| {
                let worked = catch_unwind(AssertUnwindSafe(|| work(seat)));
                let result = worked.unwrap_or_else(|_| Err(Error::internal("a worker panicked")));
                if let Err(error) = result {
                    keep_cause(&mut first_error.lock().unwrap_or_else(PoisonError::into_inner), error);
                    run.cancel();
                }
            });
        }
    });
    match first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        // Workers that found no permit left tables undone.
        None if run.is_cancelled() => Err(Run::cancelled_error()),
        None => Ok(()),
    }
}

/// Of several errors the first is the cause, but for those that only say that the run has ended.
fn keep_cause(first: &mut Option<Error>, error: Error) {
    let is_echo = |error: &Error| error.kind() == Kind::Busy;
    if first.as_ref().is_none_or(|first| is_echo(first) && !is_echo(&error)) {
        *first = Some(error);
    }
}

/// A table is read to its end.
fn table_read(run: &Run, table: usize) {
    phase("table.read");
    if run.references.has_child(table) {
        run.enter(table, TablePhase::Check);
    } else {
        run.finish_table(table);
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
    phase("rows.checked");
    (0..run.tables.len()).filter(|at| run.references.has_child(*at)).for_each(|at| run.finish_table(at));
    Ok(())
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
    Err(schema_changed())
}

fn schema_changed() -> Error {
    Error::new(Kind::Schema, ending::SCHEMA_CHANGED).retryable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_first_error_that_is_no_echo() {
        let mut kept = None;
        for (error, cause) in [
            (Run::cancelled_error(), Kind::Busy),
            (Error::integrity("a row is too large"), Kind::Integrity),
            (Run::cancelled_error(), Kind::Integrity),
            (Error::new(Kind::Source, "gone"), Kind::Integrity),
        ] {
            keep_cause(&mut kept, error);
            assert_eq!(kept.as_ref().map(Error::kind), Some(cause));
        }
    }
}
