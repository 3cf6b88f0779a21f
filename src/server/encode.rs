//! Reading a table into chunks of frames: rows are serialized by the worker that reads them, batches are digested and
//! compressed by a pool of CPU threads, frames come back in order.
//!
//! A chunk is a half-open key range, read in one pass of several short reads; the walk goes on behind the last key that
//! was read, so chunks are complete and disjoint by construction. The pool's tasks never wait for anything.

use crate::error::{Context, Error, Result};
use crate::plan::run::TablePlan;
use crate::server::checkpoint::Begun;
use crate::server::dumpable::Dumpable;
use crate::server::passage::Passage;
use crate::server::run::{BatchSize, Run};
use crate::server::spool::{Chunk, ChunkWriter};
use crate::server::steps::{KeptSteps, Steps};
use crate::source::reader::Reader;
use crate::sql::TableName;
use crate::sql::insert::{Batch, BatchLimits};
use crate::sql::select::Select;
use crate::wire::frame::{EncodedFrame, FrameId, Packer};
use crossbeam_channel::{Receiver, bounded};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of SQL at which a batch is closed: large enough that a statement's fixed cost vanishes, small enough that
/// many are in flight within a bounded memory.
pub const BATCH_BYTES_GOAL: usize = 1 << 20;
/// Bytes of SQL at which a chunk ends.
const CHUNK_BYTES_MAX: u64 = 16 << 20;
/// Time at which a chunk ends.
const CHUNK_TIME_MAX: Duration = Duration::from_secs(5);
/// Batches of one table that are being compressed at a time.
const IN_FLIGHT_MAX: usize = 3;

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
    /// The source's; `Integrity` for a row that no statement can hold, and for what the leak check finds; `Busy` when the run was ended.
    pub fn dump(
        &self,
        reader: &mut Reader,
        what: &Dumpable<'_>,
        run: &Arc<Run>,
        at: usize,
        begun: Begun,
    ) -> Result<()> {
        let plan = &run.tables[at];
        let mut dump = Dump::new(self, what, plan, run, at, begun)?;
        while dump.read_on(reader)? {}
        dump.finish()
    }
}

/// A table being read.
struct Dump<'a> {
    encoder: &'a Encoder,
    run: &'a Arc<Run>,
    at: usize,
    plan: &'a TablePlan,
    from: TableName,
    list: Vec<String>,
    conditions: Vec<String>,
    steps: Option<Steps>,
    kept: Option<KeptSteps<'a>>,
    passage: Passage<'a>,
    open: Option<OpenChunk>,
    chunks: u32,
    rows: u64,
}

impl<'a> Dump<'a> {
    fn new(
        encoder: &'a Encoder,
        what: &Dumpable<'a>,
        plan: &'a TablePlan,
        run: &'a Arc<Run>,
        at: usize,
        begun: Begun,
    ) -> Result<Self> {
        let mut list = what.list(plan)?;
        let passage = Passage::new(what, run, at, begun, &mut list)?;
        let (from, conditions) = (what.name().clone(), what.conditions(plan));
        let cell = |name: &str| what.cell(plan, name);
        let steps = |key| Steps::new(from.clone(), key, plan, cell, conditions.clone(), &mut list);
        let steps = what.walk(plan).map(steps).transpose()?;
        if list.is_empty() {
            // A table whose columns are all generated: its rows are counted.
            list.push("1".to_owned());
        }
        let kept = what.kept(plan, &list)?.map(|reading| KeptSteps::new(reading, plan));
        let (open, chunks, rows) = (None, 0, 0);
        Ok(Self { encoder, run, at, plan, from, list, conditions, steps, kept, passage, open, chunks, rows })
    }

    /// Does one read; says whether there may be more rows.
    fn read_on(&mut self, reader: &mut Reader) -> Result<bool> {
        if self.run.is_cancelled() {
            return Err(Run::cancelled_error());
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => OpenChunk::new(self.run.spool.begin_chunk(|| reader.stay_alive())?, self.chunks),
        };
        let more = match (&self.steps, &self.kept) {
            (Some(_), _) => self.read_step(reader, &mut open)?,
            (None, Some(_)) => self.read_kept(reader, &mut open)?,
            (None, None) => self.read_all(reader, &mut open)?,
        };
        self.run.progress(self.at, self.rows);
        if more && open.is_full() && self.passage.is_clean() {
            self.seal(open)?;
        } else {
            self.open = Some(open);
        }
        Ok(more)
    }

    fn read_all(&mut self, reader: &mut Reader, open: &mut OpenChunk) -> Result<bool> {
        let all = Select::all(self.from.clone(), self.list.clone());
        let select = Select { conditions: self.conditions.clone(), ..all };
        let Self { passage, encoder, plan, rows, run, .. } = self;
        reader.read(&select, |result| {
            while let Some(row) = result.next_row()? {
                if run.is_cancelled() {
                    return Err(Run::cancelled_error());
                }
                *rows += 1;
                if let Some(full) = passage.row(&row)? {
                    open.submit(encoder, &plan.table.name, full)?;
                }
            }
            Ok(false)
        })
    }

    fn read_step(&mut self, reader: &mut Reader, open: &mut OpenChunk) -> Result<bool> {
        let Self { passage, encoder, plan, rows, steps, list, .. } = self;
        let Some(steps) = steps else { return Ok(false) };
        let step = steps.next(reader, list)?;
        let (count, last) = reader.read(&step.select, |result| {
            let (mut count, mut last) = (0, None);
            while let Some(row) = result.next_row()? {
                count += 1;
                if let Some(full) = passage.row(&row)? {
                    open.submit(encoder, &plan.table.name, full)?;
                }
                last = Some(row);
            }
            Ok((count, last))
        })?;
        *rows += count;
        open.rows += count;
        steps.go_on(&step, count, last.as_ref())
    }

    /// Reads the next piece of the rows that are kept.
    fn read_kept(&mut self, reader: &mut Reader, open: &mut OpenChunk) -> Result<bool> {
        let Self { passage, encoder, plan, rows, kept, run, .. } = self;
        let Some(mut piece) = kept.as_mut().map(KeptSteps::next).transpose()?.flatten() else {
            return Ok(false);
        };
        let select = piece.select.clone();
        let before = *rows;
        reader.read(&select, |result| {
            while let Some(row) = result.next_row()? {
                if run.is_cancelled() {
                    return Err(Run::cancelled_error());
                }
                if !piece.keeps(&row)? {
                    continue;
                }
                *rows += 1;
                if let Some(full) = passage.row(&row)? {
                    open.submit(encoder, &plan.table.name, full)?;
                }
            }
            Ok(())
        })?;
        open.rows += *rows - before;
        kept.iter_mut().for_each(KeptSteps::worked);
        Ok(true)
    }

    /// Ends the chunk: every row read so far is in it. A chunk without rows has an empty batch.
    fn seal(&mut self, mut open: OpenChunk) -> Result<()> {
        self.passage.check_masks()?;
        let rest =
            self.passage.rest().or_else(|| open.is_empty().then(|| Batch { sql: Vec::new(), rows: 0 }));
        if let Some(rest) = rest {
            open.submit(self.encoder, &self.plan.table.name, rest)?;
        }
        let chunk = open.seal()?;
        self.chunks += 1;
        self.run.add_chunk(self.at, chunk);
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.passage.check_leak()?;
        if let Some(open) = self.open.take() {
            self.seal(open)?;
        }
        self.run.prove(self.at, self.passage.checkpoint());
        self.passage.finish()
    }
}

/// The limits of a run's statements.
pub(super) fn limits(size: BatchSize) -> BatchLimits {
    BatchLimits {
        rows_max: size.rows_max,
        bytes_max: BATCH_BYTES_GOAL.min(size.statement_bytes_max),
        statement_bytes_max: size.statement_bytes_max,
    }
}

thread_local! {
    /// Each thread of the pool keeps its compressor: making one costs more than compressing a batch.
    static PACKER: RefCell<Option<(i32, Packer)>> = const { RefCell::new(None) };
}

fn pack(id: FrameId<'_>, batch: &Batch, level: i32) -> Result<EncodedFrame> {
    PACKER.with_borrow_mut(|kept| {
        let mut packer = match kept.take() {
            Some((made_for, packer)) if made_for == level => packer,
            _ => Packer::new(level)?,
        };
        let frame = packer.batch(id, batch.rows, &batch.sql);
        *kept = Some((level, packer));
        frame
    })
}

/// A chunk being filled.
struct OpenChunk {
    writer: ChunkWriter,
    number: u32,
    seq: u32,
    pending: VecDeque<Receiver<Result<EncodedFrame>>>,
    bytes: u64,
    rows: u64,
    begun: Instant,
}

impl OpenChunk {
    fn new(writer: ChunkWriter, number: u32) -> Self {
        Self { writer, number, seq: 1, pending: VecDeque::new(), bytes: 0, rows: 0, begun: Instant::now() }
    }

    fn is_empty(&self) -> bool {
        self.seq == 1
    }

    /// A chunk without rows waits for some: a delta may read for long and find none.
    fn is_full(&self) -> bool {
        self.rows > 0 && (self.bytes >= CHUNK_BYTES_MAX || self.begun.elapsed() >= CHUNK_TIME_MAX)
    }

    /// Sends a batch to the pool; waits for the oldest when enough are under way.
    fn submit(&mut self, encoder: &Encoder, table: &str, batch: Batch) -> Result<()> {
        self.bytes += batch.sql.len() as u64;
        while self.pending.len() >= IN_FLIGHT_MAX {
            self.take_oldest()?;
        }
        let (done, result) = bounded(1);
        let (table, chunk, seq, level) = (table.to_owned(), self.number, self.seq, encoder.level);
        encoder.pool.spawn(move || {
            // A worker that gave up does not listen any more.
            let _ = done.send(pack(FrameId { table: &table, chunk, seq }, &batch, level));
        });
        self.seq += 1;
        self.pending.push_back(result);
        Ok(())
    }

    fn take_oldest(&mut self) -> Result<()> {
        let Some(oldest) = self.pending.pop_front() else { return Ok(()) };
        let frame = oldest.recv().map_err(|_| Error::internal("an encoder thread panicked"))?;
        self.writer.push(frame.context(|| "encoding a batch")?)
    }

    fn seal(mut self) -> Result<Arc<Chunk>> {
        while !self.pending.is_empty() {
            self.take_oldest()?;
        }
        Ok(self.writer.seal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
