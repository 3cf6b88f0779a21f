//! Where sanitized frames wait for clients: memory first, then private files that have no name.
//!
//! What one read makes waits here, whatever the client does. A chunk begins without room: frames that a read has
//! already made go to a file, and room for them is waited for afterwards ([`ChunkWriter::wait_for_room`]), with no statement
//! open. Whoever has nothing to write waits for nothing, and who has nothing left to read need not wait either. So a run
//! uses at most its room, the chunks that had some when they began, and one read of each connection.
//!
//! A statement that is as long as its table cannot be put off. It waits while it is open, before others do, and only for
//! so long ([`ChunkWriter::wait_shortly`]): it holds the table's metadata lock. Its patience is that of streams with a client
//! who does not read (`server.stall_timeout`), but never more than [`OPEN_WAIT_MAX`], and it ends as soon as a session
//! waits for the table.
//!
//! A chunk that was served stays until its room is needed, so that a client can ask for the very same bytes again.

#[cfg(test)]
mod tests;

use crate::error::{Error, Kind, Result};
use crate::wire::frame::EncodedFrame;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// No open statement waits longer at a time for its client to take what is there.
pub const OPEN_WAIT_MAX: Duration = Duration::from_secs(30);
/// Time between two looks at what else there is to do, while a chunk waits for room.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Room for the frames of one run.
#[derive(Debug)]
pub struct Spool {
    limits: SpoolLimits,
    used: Mutex<Used>,
    freed: Condvar,
}

/// Limits of a spool.
#[derive(Debug, Clone, Copy)]
pub struct SpoolLimits {
    /// Most bytes held before the next chunk has to wait.
    pub bytes_max: u64,
    /// Most bytes held in memory; frames beyond it go to files.
    pub memory_bytes_max: u64,
    /// How long an open statement waits at a time for its client.
    pub open_wait_max: Duration,
}

#[derive(Debug, Default)]
struct Used {
    total: u64,
    memory: u64,
    closed: bool,
    /// How many open statements wait for room.
    open_waiting: usize,
    /// Served chunks, oldest first: the first to go when room is needed.
    served: Vec<std::sync::Weak<Chunk>>,
}

/// One chunk, sealed: its frames as they go over the wire, and what its end frame needs.
#[derive(Debug)]
pub struct Chunk {
    frames: Mutex<Option<Vec<Stored>>>,
    /// Headers of the frames in order: rows and digests for the end frame.
    summary: Vec<FrameSummary>,
    bytes: u64,
    memory: u64,
    spool: Arc<Spool>,
}

/// What an end frame has to say about one data frame.
#[derive(Debug, Clone, Copy)]
pub struct FrameSummary {
    /// Rows in the frame.
    pub rows: u64,
    /// Rows that it takes back.
    pub removed: u64,
    /// The frame's digest (see [`crate::wire::frame`]).
    pub digest: [u8; 32],
}

#[derive(Debug, Clone)]
enum Stored {
    Memory(Arc<Vec<u8>>),
    File { file: Arc<File>, at: u64, len: usize },
}

impl Spool {
    /// An empty spool.
    #[must_use]
    pub fn new(limits: SpoolLimits) -> Arc<Self> {
        Arc::new(Self { limits, used: Mutex::default(), freed: Condvar::new() })
    }

    /// What it may hold.
    #[must_use]
    pub fn limits(&self) -> SpoolLimits {
        self.limits
    }

    /// Begins a chunk, whether there is room for it or not.
    ///
    /// # Errors
    /// `Busy` when the spool was closed: the run has ended.
    pub fn begin_chunk(self: &Arc<Self>) -> Result<ChunkWriter> {
        let has_room = self.look(false)?.is_none();
        Ok(ChunkWriter {
            spool: Arc::clone(self),
            frames: Vec::new(),
            summary: Vec::new(),
            bytes: 0,
            memory: 0,
            file: None,
            has_room,
        })
    }

    /// Looks for room, and lets served chunks go for it. Gives nothing if there is some, else what to wait with. Open
    /// statements come first.
    fn look(&self, is_open: bool) -> Result<Option<MutexGuard<'_, Used>>> {
        loop {
            let mut used = self.lock();
            if used.closed {
                return Err(Error::new(Kind::Busy, "the run has ended"));
            }
            if used.open_waiting > 0 && !is_open {
                return Ok(Some(used));
            }
            if used.total < self.limits.bytes_max {
                return Ok(None);
            }
            let Some(victim) = next_served(&mut used) else { return Ok(Some(used)) };
            drop(used);
            victim.evict();
        }
    }

    /// Waits for room as long as `goes_on`, which is asked again and again; says whether there is some.
    fn wait(&self, is_open: bool, mut goes_on: impl FnMut() -> Result<bool>) -> Result<bool> {
        while let Some(used) = self.look(is_open)? {
            drop(self.freed.wait_timeout(used, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner));
            if !goes_on()? {
                return Ok(self.look(is_open)?.is_none());
            }
        }
        Ok(true)
    }

    /// Wakes whoever waits for room; no chunk begins any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.freed.notify_all();
    }

    /// Bytes held now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books `bytes`; says whether they may stay in memory.
    fn book(&self, bytes: u64) -> bool {
        let mut used = self.lock();
        used.total += bytes;
        let in_memory = used.memory + bytes <= self.limits.memory_bytes_max;
        if in_memory {
            used.memory += bytes;
        }
        in_memory
    }

    fn give_back(&self, bytes: u64, memory: u64) {
        let mut used = self.lock();
        used.total = used.total.saturating_sub(bytes);
        used.memory = used.memory.saturating_sub(memory);
        drop(used);
        self.freed.notify_all();
    }
}

fn next_served(used: &mut Used) -> Option<Arc<Chunk>> {
    while !used.served.is_empty() {
        if let Some(chunk) = used.served.remove(0).upgrade() {
            return Some(chunk);
        }
    }
    None
}

/// A chunk being written.
#[derive(Debug)]
pub struct ChunkWriter {
    spool: Arc<Spool>,
    frames: Vec<Stored>,
    summary: Vec<FrameSummary>,
    bytes: u64,
    memory: u64,
    file: Option<Arc<File>>,
    /// Whether its bytes count.
    has_room: bool,
}

impl ChunkWriter {
    /// Waits until there is room for the chunk, and calls `meanwhile` again and again. No statement may be open.
    ///
    /// # Errors
    /// `Busy` when the run has ended; what `meanwhile` says.
    pub fn wait_for_room(&mut self, mut meanwhile: impl FnMut() -> Result<()>) -> Result<()> {
        if !self.has_room {
            self.spool.wait(false, || meanwhile().map(|()| true))?;
            self.take_room();
        }
        Ok(())
    }

    /// As [`ChunkWriter::wait_for_room`] inside an open statement: before all others, but only for so long as the spool's
    /// limits say, and until the statement `gives_way`. Says whether there is room.
    ///
    /// # Errors
    /// `Busy` when the run has ended.
    pub fn wait_shortly(&mut self, gives_way: impl Fn() -> bool) -> Result<bool> {
        if !self.has_room {
            let spool = Arc::clone(&self.spool);
            let _first = OpenWaiting::new(&spool);
            let until = Instant::now() + spool.limits.open_wait_max;
            if !spool.wait(true, || Ok(Instant::now() < until && !gives_way()))? {
                return Ok(false);
            }
            self.take_room();
        }
        Ok(true)
    }

    fn take_room(&mut self) {
        self.has_room = true;
        self.spool.lock().total += self.bytes;
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// `Internal` when a private file cannot be made or written (disk full).
    pub fn push(&mut self, frame: EncodedFrame) -> Result<()> {
        let len = frame.bytes.len();
        let bytes = len as u64;
        self.bytes += bytes;
        self.summary.push(FrameSummary { rows: frame.rows, removed: frame.removed, digest: frame.digest });
        if self.has_room && self.spool.book(bytes) {
            self.memory += bytes;
            self.frames.push(Stored::Memory(Arc::new(frame.bytes)));
            return Ok(());
        }
        let stored = self.write_to_file(&frame.bytes).map_err(|error| {
            Error::internal("writing a frame to the spool's temporary file")
                .source(error)
                .hint("make room in the folder for temporary files (TMPDIR), or lower server.spool_max")
        })?;
        self.frames.push(stored);
        Ok(())
    }

    fn write_to_file(&mut self, bytes: &[u8]) -> std::io::Result<Stored> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = Arc::new(tempfile::tempfile()?);
                self.file = Some(Arc::clone(&file));
                file
            }
        };
        let mut writer = &*file;
        let at = writer.seek(SeekFrom::End(0))?;
        writer.write_all(bytes)?;
        Ok(Stored::File { file, at, len: bytes.len() })
    }

    /// Ends the chunk: from now on it can be served. Without room it takes some that is not there.
    #[must_use]
    pub fn seal(mut self) -> Arc<Chunk> {
        if !self.has_room {
            self.take_room();
        }
        let chunk = Chunk {
            frames: Mutex::new(Some(std::mem::take(&mut self.frames))),
            summary: std::mem::take(&mut self.summary),
            bytes: std::mem::take(&mut self.bytes),
            memory: std::mem::take(&mut self.memory),
            spool: Arc::clone(&self.spool),
        };
        Arc::new(chunk)
    }
}

impl Drop for ChunkWriter {
    fn drop(&mut self) {
        if self.has_room {
            self.spool.give_back(self.bytes, self.memory);
        }
    }
}

/// An open statement waits: no other chunk gets room before it.
struct OpenWaiting<'a>(&'a Spool);

impl<'a> OpenWaiting<'a> {
    fn new(spool: &'a Spool) -> Self {
        spool.lock().open_waiting += 1;
        Self(spool)
    }
}

impl Drop for OpenWaiting<'_> {
    fn drop(&mut self) {
        self.0.lock().open_waiting -= 1;
        self.0.freed.notify_all();
    }
}

impl Chunk {
    /// What the end frame has to say about each frame, in order.
    #[must_use]
    pub fn summary(&self) -> &[FrameSummary] {
        &self.summary
    }

    /// Rows of all frames.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.summary.iter().map(|frame| frame.rows).sum()
    }

    /// Rows of earlier chunks that this one takes back.
    #[must_use]
    pub fn removed(&self) -> u64 {
        self.summary.iter().map(|frame| frame.removed).sum()
    }

    /// Bytes of all frames as they go over the wire.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hands each frame's bytes to `each`, in order.
    ///
    /// # Errors
    /// What `each` says; `Busy` when the chunk had to make room; `Internal` when a private file cannot be read.
    pub fn for_each_frame(&self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let frames = self
            .frames
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or_else(|| Error::new(Kind::Busy, "the chunk was fetched before and is gone"))?;
        let mut buffer = Vec::new();
        for frame in &frames {
            match frame {
                Stored::Memory(bytes) => each(bytes)?,
                Stored::File { file, at, len } => {
                    buffer.resize(*len, 0);
                    file.read_exact_at(&mut buffer, *at).map_err(|error| {
                        Error::internal("reading a frame back from the spool").source(error)
                    })?;
                    each(&buffer)?;
                }
            }
        }
        Ok(())
    }

    /// Marks the chunk as one that may go when room is needed.
    pub fn served(self: &Arc<Self>) {
        self.spool.lock().served.push(Arc::downgrade(self));
        self.spool.freed.notify_all();
    }

    /// Gives the chunk's room back; it cannot be served any more.
    fn evict(&self) {
        let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner).take();
        if frames.is_some() {
            self.spool.give_back(self.bytes, self.memory);
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.evict();
    }
}
