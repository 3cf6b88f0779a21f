//! Reading a table into chunks of frames: rows are serialized by the worker that reads them, batches are digested and
//! compressed by a pool of CPU threads, frames come back in order.
//!
//! A chunk is a half-open key range, read in one pass of several short reads; the walk goes on behind the last key that
//! was read, so chunks are complete and disjoint by construction. The pool's tasks never wait for anything.

use crate::error::{Context, Error, Kind, Result};
use crate::plan::run::{TablePlan, Unruled};
use crate::schema::Table;
use crate::server::references::Recorder;
use crate::server::run::{BatchSize, Run};
use crate::server::spool::{Chunk, ChunkWriter};
use crate::source::reader::{Pace, READ_GOAL, Reader};
use crate::source::workspace::{Sanitized, bound, key_forms};
use crate::sql::insert::{Batch, BatchLimits, InsertBatch, RowError, Verb};
use crate::sql::literal::Form;
use crate::sql::select::{Range, Select, WalkKey};
use crate::sql::{Ident, TableName};
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
/// Most rows of one read.
const READ_ROWS_MAX: u64 = 50_000;

/// What may be encoded: nothing else leaves this process.
#[derive(Debug)]
pub enum Dumpable<'a> {
    /// A table without rules, read straight from the source.
    Direct(Unruled<'a>, TableName),
    /// A copy whose every row is sanitized.
    Copied(&'a Sanitized),
}

impl Dumpable<'_> {
    fn name(&self) -> &TableName {
        match self {
            Self::Direct(_, name) => name,
            Self::Copied(copy) => copy.table(),
        }
    }

    fn walk(&self, plan: &TablePlan) -> Option<WalkKey> {
        match self {
            Self::Direct(..) => plan.walk.clone(),
            Self::Copied(copy) => Some(copy.walk().clone()),
        }
    }
}

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

    /// Reads a whole table of a run into sealed chunks.
    ///
    /// # Errors
    /// The source's; `Integrity` for a row that no statement can hold; `Busy` when the run was ended.
    pub fn dump(&self, reader: &mut Reader, what: &Dumpable<'_>, run: &Arc<Run>, at: usize) -> Result<()> {
        let plan = &run.tables[at];
        let mut dump = Dump::new(self, what, plan, run, at)?;
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
    walk: Option<Walk>,
    batch: InsertBatch,
    recorder: Recorder<'a>,
    open: Option<OpenChunk>,
    chunks: u32,
    rows: u64,
}

/// Where a walk stands.
struct Walk {
    key: WalkKey,
    forms: Vec<Form>,
    /// Positions of the key's columns in the SELECT list.
    cells: Vec<usize>,
    range: Range,
    pace: Pace,
}

impl<'a> Dump<'a> {
    fn new(
        encoder: &'a Encoder,
        what: &Dumpable<'_>,
        plan: &'a TablePlan,
        run: &'a Arc<Run>,
        at: usize,
    ) -> Result<Self> {
        let mut list = select_list(&plan.table, &plan.columns)?;
        let walk = what.walk(plan).map(|key| Walk::new(key, plan, &mut list)).transpose()?;
        let recorder = Recorder::new(&run.references, at, &plan.columns, &mut list);
        if list.is_empty() {
            // A table whose columns are all generated: its rows are counted.
            list.push("1".to_owned());
        }
        let batch = InsertBatch::new(Verb::Insert, &plan.table.name, &plan.columns, limits(run.batch));
        let from = what.name().clone();
        Ok(Self { encoder, run, at, plan, from, list, walk, batch, recorder, open: None, chunks: 0, rows: 0 })
    }

    /// Does one read; says whether there may be more rows.
    fn read_on(&mut self, reader: &mut Reader) -> Result<bool> {
        if self.run.is_cancelled() {
            return Err(Run::cancelled_error());
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => OpenChunk::new(self.run.spool.begin_chunk()?, self.chunks),
        };
        let more = match &self.walk {
            Some(_) => self.read_step(reader, &mut open)?,
            None => self.read_all(reader, &mut open)?,
        };
        self.run.progress(self.at, self.rows);
        if open.is_full() && more {
            self.seal(open)?;
        } else {
            self.open = Some(open);
        }
        Ok(more)
    }

    fn read_all(&mut self, reader: &mut Reader, open: &mut OpenChunk) -> Result<bool> {
        let select = Select::all(self.from.clone(), self.list.clone());
        let Self { batch, recorder, encoder, plan, rows, run, .. } = self;
        reader.read(&select, |result| {
            while let Some(row) = result.next_row()? {
                if run.is_cancelled() {
                    return Err(Run::cancelled_error());
                }
                *rows += 1;
                recorder.row(&row)?;
                if let Some(full) = push(batch, plan, &row)? {
                    open.submit(encoder, &plan.table.name, full)?;
                }
            }
            Ok(false)
        })
    }

    fn read_step(&mut self, reader: &mut Reader, open: &mut OpenChunk) -> Result<bool> {
        let Self { batch, recorder, encoder, plan, rows, walk, list, from, .. } = self;
        let Some(walk) = walk else { return Ok(false) };
        let asked = walk.pace.rows();
        let select = Select::step(from.clone(), list.clone(), &walk.key, walk.range.clone(), asked);
        let begun = Instant::now();
        let (count, last) = reader.read(&select, |result| {
            let (mut count, mut last) = (0, None);
            while let Some(row) = result.next_row()? {
                count += 1;
                recorder.row(&row)?;
                if let Some(full) = push(batch, plan, &row)? {
                    open.submit(encoder, &plan.table.name, full)?;
                }
                last = Some(row);
            }
            Ok((count, last))
        })?;
        walk.pace.learn(begun);
        *rows += count;
        if let Some(row) = last {
            use crate::db::RowCells;
            let after = bound(&walk.forms, walk.cells.iter().map(|cell| row.cell(*cell)))?;
            walk.range = Range { after: Some(after), up_to: None };
        }
        Ok(count == asked)
    }

    /// Ends the chunk: every row read so far is in it. A chunk without rows has an empty batch.
    fn seal(&mut self, mut open: OpenChunk) -> Result<()> {
        let rest =
            self.batch.finish().or_else(|| open.is_empty().then(|| Batch { sql: Vec::new(), rows: 0 }));
        if let Some(rest) = rest {
            open.submit(self.encoder, &self.plan.table.name, rest)?;
        }
        let chunk = open.seal()?;
        self.chunks += 1;
        self.run.add_chunk(self.at, chunk);
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        if let Some(open) = self.open.take() {
            self.seal(open)?;
        }
        self.recorder.finish()
    }
}

impl Walk {
    /// Key columns that are not sent are read as well, behind those that are.
    fn new(key: WalkKey, plan: &TablePlan, list: &mut Vec<String>) -> Result<Self> {
        let mut cells = Vec::with_capacity(key.columns.len());
        let mut forms = Vec::with_capacity(key.columns.len());
        for name in &key.columns {
            let sent = plan.columns.iter().position(|(column, _)| column == name);
            cells.push(sent.unwrap_or(list.len()));
            if sent.is_none() {
                list.push(Ident::new(name.as_str()).to_string());
            }
        }
        if plan.table.column(&key.columns[0]).is_some() {
            forms = key_forms(&plan.table, &key)?;
        } else {
            // The number that a copy was given.
            forms.push(Form::Number);
        }
        let pace = Pace::new(plan.table.row_count, plan.table.bytes, READ_ROWS_MAX, READ_GOAL);
        Ok(Self { key, forms, cells, range: Range::default(), pace })
    }
}

/// How the columns that are sent are read.
pub(super) fn select_list(table: &Table, columns: &[(String, Form)]) -> Result<Vec<String>> {
    columns
        .iter()
        .map(|(name, _)| {
            let column =
                table.column(name).ok_or_else(|| Error::internal(format!("column `{name}` is missing")))?;
            Ok(Form::select_expression(column))
        })
        .collect()
}

/// The limits of a run's statements.
pub(super) fn limits(size: BatchSize) -> BatchLimits {
    BatchLimits {
        rows_max: size.rows_max,
        bytes_max: BATCH_BYTES_GOAL.min(size.statement_bytes_max),
        statement_bytes_max: size.statement_bytes_max,
    }
}

fn push(batch: &mut InsertBatch, plan: &TablePlan, row: &mysql::Row) -> Result<Option<Batch>> {
    use crate::db::RowCells;
    batch.push(|at| row.cell(at)).map_err(|error| match error {
        RowError::TooLarge { bytes } => too_large(plan, row, bytes),
        RowError::Cell(error) => error,
    })
}

/// Names the row as far as its key is no personal data: a number that the database made.
fn too_large(plan: &TablePlan, row: &mysql::Row, bytes: usize) -> Error {
    use crate::db::RowCells;
    let key = plan.walk.as_ref().map(|walk| walk.columns.clone()).unwrap_or_default();
    let which = match key.as_slice() {
        [name] if plan.table.column(name).is_some_and(crate::schema::Column::is_integer) => {
            let at = plan.columns.iter().position(|(column, _)| column == name);
            let value = at.and_then(|at| row.cell(at)).map(|cell| String::from_utf8_lossy(cell).into_owned());
            format!("the row with {name} = {}", value.unwrap_or_default())
        }
        [] => "a row".to_owned(),
        names => format!("a row (key: {})", names.join(", ")),
    };
    Error::new(
        Kind::Integrity,
        format!(
            "{which} of table `{}` takes {bytes} bytes or more as a statement, more than a packet may have",
            plan.table.name
        ),
    )
    .hint("raise max_allowed_packet on the target (and on the source), or exclude the table")
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
    begun: Instant,
}

impl OpenChunk {
    fn new(writer: ChunkWriter, number: u32) -> Self {
        Self { writer, number, seq: 1, pending: VecDeque::new(), bytes: 0, begun: Instant::now() }
    }

    fn is_empty(&self) -> bool {
        self.seq == 1
    }

    fn is_full(&self) -> bool {
        self.bytes >= CHUNK_BYTES_MAX || self.begun.elapsed() >= CHUNK_TIME_MAX
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
