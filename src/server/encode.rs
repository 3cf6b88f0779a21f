//! Reading a table into chunks of frames: rows are serialized by the worker that reads them, batches are digested and
//! compressed by a pool of CPU threads, frames come back in order.
//!
//! A chunk is a half-open key range, read in one pass of several short reads; the walk goes on behind the last key that
//! was read, so chunks are complete and disjoint by construction. A table without a key is read by one statement, and its
//! chunks are what that gives one after another: see `outlet`. The pool's tasks never wait for anything.

mod chunk;
mod outlet;

use crate::error::{Error, Result};
use crate::server::checkpoint::Begun;
use crate::server::dumpable::Dumpable;
use crate::server::passage::Passage;
use crate::server::run::{BatchSize, Run};
use crate::server::steps::{KeptSteps, Steps};
use crate::source::reader::Reader;
use crate::sql::insert::BatchLimits;
use crate::sql::select::Select;
use crate::sql::{List, TableName};
use outlet::Outlet;

/// Bytes of SQL at which a batch is closed: large enough that a statement's fixed cost vanishes, small enough that
/// many are in flight within a bounded memory.
pub const BATCH_BYTES_GOAL: usize = 1 << 20;

/// The CPU side: a pool, and zstd's level.
#[derive(Debug)]
pub struct Encoder {
    pool: rayon::ThreadPool,
    level: i32,
}

impl Encoder {
    /// A pool with a thread for each core.
    ///
    /// # Errors
    /// `Internal` when threads cannot be made.
    pub fn new(level: i32) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .thread_name(|at| format!("encode-{at}"))
            // Without a handler a panic in the pool ends the process. Whoever waits for the batch is told.
            .panic_handler(|_| tracing::error!("encoding a batch panicked"))
            .build()
            .map_err(|error| Error::internal("starting the encoder's threads").source(error))?;
        Ok(Self { pool, level })
    }

    /// Reads what a run wants of a table into sealed chunks. `begun` is when the table's first row was read.
    ///
    /// # Errors
    /// The source's; `Integrity` for a row that no statement can hold, and for what the leak check finds; `Config` for a
    /// table that one statement reads and that the spool cannot take; `Busy` when the run was ended.
    pub fn dump(
        &self,
        reader: &mut Reader,
        what: &Dumpable<'_>,
        run: &Run,
        at: usize,
        begun: Begun,
    ) -> Result<()> {
        let mut dump = Dump::new(self, what, run, at, begun)?;
        while dump.read_on(reader)? {}
        dump.outlet.finish(reader)
    }
}

/// A table being read.
struct Dump<'a> {
    run: &'a Run,
    from: TableName,
    list: List,
    conditions: Vec<String>,
    steps: Option<Steps>,
    kept: Option<KeptSteps<'a>>,
    outlet: Outlet<'a>,
}

impl<'a> Dump<'a> {
    fn new(encoder: &'a Encoder, what: &Dumpable<'a>, run: &'a Run, at: usize, begun: Begun) -> Result<Self> {
        let plan = &run.tables[at];
        let mut list = what.list(plan)?;
        let passage = Passage::new(what, run, at, begun, &mut list)?;
        let (from, conditions) = (what.name().clone(), what.conditions(plan));
        let cell = |name: &str| what.cell(plan, name);
        let steps = |key| Steps::new(from.clone(), key, plan, cell, conditions.clone(), &mut list);
        let steps = what.walk(plan).map(steps).transpose()?;
        if list.is_empty() {
            // A table whose columns are all generated: its rows are counted.
            list.push("1");
        }
        let kept = what.kept(plan, &list)?.map(|reading| KeptSteps::new(reading, plan));
        let outlet = Outlet::new(encoder, run, at, passage);
        Ok(Self { run, from, list, conditions, steps, kept, outlet })
    }

    /// Does one read; says whether there may be more rows.
    fn read_on(&mut self, reader: &mut Reader) -> Result<bool> {
        check_cancelled(self.run)?;
        let more = match (&self.steps, &self.kept) {
            (Some(_), _) => self.read_step(reader)?,
            (None, Some(_)) => self.read_kept(reader)?,
            (None, None) => self.read_all(reader)?,
        };
        self.outlet.end_read(more, reader)?;
        Ok(more)
    }

    fn read_all(&mut self, reader: &mut Reader) -> Result<bool> {
        let all = Select::all(self.from.clone(), self.list.clone());
        let select = Select { conditions: self.conditions.clone(), ..all };
        let Self { run, outlet, .. } = self;
        outlet.begin_open_end(reader)?;
        let gives_way = reader.gives_way();
        reader.read(&select, |result| {
            while let Some(row) = result.next_row()? {
                check_cancelled(run)?;
                outlet.row(&row)?;
                outlet.pour(&gives_way)?;
            }
            Ok(false)
        })
    }

    fn read_step(&mut self, reader: &mut Reader) -> Result<bool> {
        let Self { outlet, steps, list, .. } = self;
        let Some(steps) = steps else { return Ok(false) };
        let step = steps.next(reader, list)?;
        let (count, last) = reader.read(&step.select, |result| {
            let (mut count, mut last) = (0, None);
            while let Some(row) = result.next_row()? {
                count += 1;
                outlet.row(&row)?;
                last = Some(row);
            }
            Ok((count, last))
        })?;
        steps.go_on(&step, count, last.as_ref())
    }

    /// Reads the next piece of the rows that are kept.
    fn read_kept(&mut self, reader: &mut Reader) -> Result<bool> {
        let Self { run, outlet, kept, .. } = self;
        let Some(mut piece) = kept.as_mut().map(KeptSteps::next).transpose()?.flatten() else {
            return Ok(false);
        };
        let select = piece.select.clone();
        let has_open_end = select.keys.is_none();
        if has_open_end {
            outlet.begin_open_end(reader)?;
        }
        let gives_way = reader.gives_way();
        reader.read(&select, |result| {
            while let Some(row) = result.next_row()? {
                check_cancelled(run)?;
                if piece.keeps(&row)? {
                    outlet.row(&row)?;
                }
                if has_open_end {
                    outlet.pour(&gives_way)?;
                }
            }
            Ok(())
        })?;
        kept.iter_mut().for_each(KeptSteps::worked);
        Ok(true)
    }
}

fn check_cancelled(run: &Run) -> Result<()> {
    if run.is_cancelled() { Err(Run::cancelled_error()) } else { Ok(()) }
}

/// The limits of a run's statements.
pub(super) fn limits(size: BatchSize) -> BatchLimits {
    BatchLimits {
        rows_max: size.rows_max,
        bytes_max: BATCH_BYTES_GOAL.min(size.statement_bytes_max),
        statement_bytes_max: size.statement_bytes_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;

    #[test]
    fn a_panic_in_the_pool_is_told_to_who_waits_and_ends_nothing_else() {
        let encoder = Encoder::new(1).unwrap();
        let (done, result) = bounded::<()>(1);
        encoder.pool.spawn(move || {
            let _done = done;
            panic!("as if a batch could not be encoded");
        });
        assert!(result.recv().is_err());
        let (done, result) = bounded(1);
        encoder.pool.spawn(move || done.send(1).unwrap());
        assert_eq!(result.recv(), Ok(1));
    }
}
