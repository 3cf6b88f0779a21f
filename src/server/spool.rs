//! Where sanitized frames wait for clients: memory first, then private files that have no name.
//!
//! A chunk is read from the database to its end whatever the client does; what it made waits here. When a run has
//! used up its room, only the *next* chunk waits. A chunk that was served stays until its room is needed, so that
//! a client can ask for the very same bytes again.

use crate::error::{Error, Kind, Result};
use crate::wire::frame::EncodedFrame;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time between two looks at what else there is to do, while a chunk waits for room.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Room for the frames of one run.
#[derive(Debug)]
pub struct Spool {
    /// Most bytes held before the next chunk has to wait.
    bytes_max: u64,
    /// Most bytes held in memory; frames beyond it go to files.
    memory_bytes_max: u64,
    used: Mutex<Used>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Used {
    total: u64,
    memory: u64,
    closed: bool,
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
    pub fn new(bytes_max: u64, memory_bytes_max: u64) -> Arc<Self> {
        Arc::new(Self { bytes_max, memory_bytes_max, used: Mutex::default(), freed: Condvar::new() })
    }

    /// Waits until there is room for another chunk, then begins it. Calls `meanwhile` again and again while it waits.
    ///
    /// # Errors
    /// `Interrupted`-like `Busy` when the spool was closed meanwhile: the run has ended; what `meanwhile` says.
    pub fn begin_chunk(self: &Arc<Self>, mut meanwhile: impl FnMut() -> Result<()>) -> Result<ChunkWriter> {
        let mut used = self.lock();
        while used.total >= self.bytes_max && !used.closed {
            if let Some(victim) = next_served(&mut used) {
                drop(used);
                victim.evict();
                used = self.lock();
                continue;
            }
            used = self.freed.wait_timeout(used, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
            drop(used);
            meanwhile()?;
            used = self.lock();
        }
        if used.closed {
            return Err(Error::new(Kind::Busy, "the run has ended"));
        }
        drop(used);
        Ok(ChunkWriter {
            spool: Arc::clone(self),
            frames: Vec::new(),
            summary: Vec::new(),
            bytes: 0,
            memory: 0,
            file: None,
        })
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
        let in_memory = used.memory + bytes <= self.memory_bytes_max;
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
}

impl ChunkWriter {
    /// Adds a frame.
    ///
    /// # Errors
    /// `Internal` when a private file cannot be made or written (disk full).
    pub fn push(&mut self, frame: EncodedFrame) -> Result<()> {
        let len = frame.bytes.len();
        let bytes = len as u64;
        self.bytes += bytes;
        self.summary.push(FrameSummary { rows: frame.rows, removed: frame.removed, digest: frame.digest });
        if self.spool.book(bytes) {
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

    /// Ends the chunk: from now on it can be served.
    #[must_use]
    pub fn seal(mut self) -> Arc<Chunk> {
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
        self.spool.give_back(self.bytes, self.memory);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(byte: u8, len: usize) -> EncodedFrame {
        EncodedFrame {
            bytes: vec![byte; len],
            rows: 1,
            removed: 0,
            digest: [byte; 32],
            raw_bytes: len as u64,
        }
    }

    fn contents(chunk: &Chunk) -> Vec<u8> {
        let mut all = Vec::new();
        chunk
            .for_each_frame(|bytes| {
                all.extend_from_slice(bytes);
                Ok(())
            })
            .unwrap();
        all
    }

    #[test]
    fn frames_beyond_memory_come_back_from_files_in_order() {
        let spool = Spool::new(1000, 10);
        let mut writer = spool.begin_chunk(|| Ok(())).unwrap();
        for byte in 1..=4 {
            writer.push(frame(byte, 6)).unwrap();
        }
        let chunk = writer.seal();
        let expected: Vec<u8> = (1..=4).flat_map(|byte| [byte; 6]).collect();
        assert_eq!(contents(&chunk), expected);
        assert_eq!(chunk.rows(), 4);
        assert_eq!(spool.bytes(), 24);
        drop(chunk);
        assert_eq!(spool.bytes(), 0);
    }

    #[test]
    fn a_full_spool_makes_room_from_served_chunks_only() {
        let spool = Spool::new(10, 100);
        let mut writer = spool.begin_chunk(|| Ok(())).unwrap();
        writer.push(frame(1, 12)).unwrap();
        let first = writer.seal();
        let waiting = std::thread::spawn({
            let spool = Arc::clone(&spool);
            move || spool.begin_chunk(|| Ok(())).map(|writer| writer.seal().rows())
        });
        assert_eq!(contents(&first).len(), 12);
        first.served();
        assert_eq!(waiting.join().unwrap().unwrap(), 0);
        assert_eq!(first.for_each_frame(|_| Ok(())).unwrap_err().kind(), Kind::Busy);
    }

    #[test]
    fn closing_wakes_who_waits() {
        let spool = Spool::new(0, 0);
        let waiting = std::thread::spawn({
            let spool = Arc::clone(&spool);
            move || spool.begin_chunk(|| Ok(())).map(|_| ())
        });
        spool.close();
        assert!(waiting.join().unwrap().is_err());
    }
}
