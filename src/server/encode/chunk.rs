//! A chunk being filled: batches go to the pool, frames come back in order.

use super::Encoder;
use crate::error::{Context, Error, Result};
use crate::server::spool::{Chunk, ChunkWriter};
use crate::sql::insert::Batch;
use crate::wire::frame::{EncodedFrame, FrameId, Packer};
use crossbeam_channel::{Receiver, bounded};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of SQL at which a chunk ends.
const CHUNK_BYTES_MAX: u64 = 16 << 20;
/// Time at which a chunk ends.
const CHUNK_TIME_MAX: Duration = Duration::from_secs(5);
/// Batches of one table that are being compressed at a time.
const IN_FLIGHT_MAX: usize = 3;

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
pub(super) struct OpenChunk {
    writer: ChunkWriter,
    number: u32,
    seq: u32,
    pending: VecDeque<Receiver<Result<EncodedFrame>>>,
    bytes: u64,
    rows: u64,
    /// When it began to be read, but for the time that was waited for room.
    begun: Instant,
}

impl OpenChunk {
    pub(super) fn new(writer: ChunkWriter, number: u32) -> Self {
        Self { writer, number, seq: 1, pending: VecDeque::new(), bytes: 0, rows: 0, begun: Instant::now() }
    }

    /// A row was read that is in this chunk, or would be.
    pub(super) fn count_row(&mut self) {
        self.rows += 1;
    }

    /// Whether no row was read for it.
    pub(super) fn has_no_rows(&self) -> bool {
        self.rows == 0
    }

    /// Whether it has no batch.
    pub(super) fn is_empty(&self) -> bool {
        self.seq == 1
    }

    /// A chunk without rows waits for some.
    pub(super) fn is_full(&self) -> bool {
        self.rows > 0 && (self.bytes >= CHUNK_BYTES_MAX || self.begun.elapsed() >= CHUNK_TIME_MAX)
    }

    /// Waits for room in the spool, as [`ChunkWriter::wait_for_room`].
    pub(super) fn wait_for_room(&mut self, meanwhile: impl FnMut() -> Result<()>) -> Result<()> {
        let waited = Instant::now();
        self.writer.wait_for_room(meanwhile)?;
        self.begun += waited.elapsed();
        Ok(())
    }

    /// As [`ChunkWriter::wait_shortly`].
    pub(super) fn wait_shortly(&mut self, gives_way: impl Fn() -> bool) -> Result<bool> {
        self.writer.wait_shortly(gives_way)
    }

    /// Sends a batch to the pool; waits for the oldest when enough are under way.
    pub(super) fn submit(&mut self, encoder: &Encoder, table: &str, batch: Batch) -> Result<()> {
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

    pub(super) fn seal(mut self) -> Result<Arc<Chunk>> {
        while !self.pending.is_empty() {
            self.take_oldest()?;
        }
        Ok(self.writer.seal())
    }
}
