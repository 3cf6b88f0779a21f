//! Where the rows of a table go: through its passage into chunks, one after another.
//!
//! A chunk is sealed between two reads, when it is full. Room for it is asked for only when there is something to write: the
//! first read for it goes ahead, and the worker waits for room before it reads on. With the last rows of the run it does
//! not wait, since a snapshot may be open and nothing is left that could be read.
//!
//! A statement without an end in sight (all rows of a table without a key) is not begun before there is room for a chunk.
//! Inside it chunks are sealed as they are full, and the next one may have to wait for room while the statement is open:
//! for how long, the spool says. A table that its client does not take by then is refused. Where the leak check has
//! found something the statement ends with the chunk: what it found so far is told, and nobody waits for rows that may
//! not leave.

use super::Encoder;
use super::chunk::OpenChunk;
use crate::error::{Error, Result};
use crate::server::passage::Passage;
use crate::server::run::Run;
use crate::source::reader::Reader;
use crate::sql::insert::Batch;

/// The way out for the rows of one table.
pub(super) struct Outlet<'a> {
    encoder: &'a Encoder,
    run: &'a Run,
    at: usize,
    passage: Passage<'a>,
    open: Option<OpenChunk>,
    sealed: u32,
    rows: u64,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(encoder: &'a Encoder, run: &'a Run, at: usize, passage: Passage<'a>) -> Self {
        Self { encoder, run, at, passage, open: None, sealed: 0, rows: 0 }
    }

    /// A row was read.
    ///
    /// # Errors
    /// `Integrity` for a row that may not leave; `Busy` when the run has ended.
    pub(super) fn row(&mut self, row: &mysql::Row) -> Result<()> {
        self.rows += 1;
        let batch = self.passage.row(row)?;
        let (encoder, table) = (self.encoder, self.table());
        let open = self.chunk()?;
        open.count_row();
        match batch {
            Some(batch) => open.submit(encoder, table, batch),
            None => Ok(()),
        }
    }

    /// A read has ended; there may be `more` rows. While room is waited for, `reader` stays alive.
    ///
    /// # Errors
    /// As [`Outlet::row`]; the source's, when the connection was lost; `Integrity` when no value of a column was masked.
    pub(super) fn end_read(&mut self, more: bool, reader: &mut Reader) -> Result<()> {
        self.run.progress(self.at, self.rows);
        if !more || !self.passage.is_clean() {
            return Ok(());
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        if !open.is_empty() {
            open.wait_for_room(|| reader.stay_alive())?;
        }
        if open.is_full() {
            self.seal()?;
        }
        Ok(())
    }

    /// A statement is about to be run that may give any number of rows: waits for room before.
    ///
    /// # Errors
    /// `Busy` when the run has ended; the source's, when the connection was lost.
    pub(super) fn begin_open_end(&mut self, reader: &mut Reader) -> Result<()> {
        self.chunk()?.wait_for_room(|| reader.stay_alive())
    }

    /// Seals the chunk inside such a statement, if it is full. `gives_way` says whether the statement has to end.
    ///
    /// # Errors
    /// `Integrity` for what the leak check has found, or when no value of a column was masked; `Config` when the client
    /// does not make room; `Busy` when the run has ended.
    pub(super) fn pour(&mut self, gives_way: &impl Fn() -> bool) -> Result<()> {
        let Some(open) = self.open.as_mut().filter(|open| open.is_full()) else { return Ok(()) };
        self.passage.check_leak_so_far()?;
        if !open.wait_shortly(gives_way)? && !gives_way() {
            return Err(self.no_room());
        }
        self.seal()?;
        self.run.progress(self.at, self.rows);
        Ok(())
    }

    /// All rows were read.
    ///
    /// # Errors
    /// `Integrity` with what the leak check found, or when no value of a column was masked; `Busy` when the run has ended; the
    /// source's, when the connection was lost.
    pub(super) fn finish(mut self, reader: &mut Reader) -> Result<()> {
        self.passage.check_leak()?;
        let has_rows = self.open.as_ref().is_some_and(|open| !open.has_no_rows());
        if has_rows || self.sealed == 0 {
            let is_last = self.run.is_all_begun();
            let open = self.chunk()?;
            if has_rows && !is_last {
                open.wait_for_room(|| reader.stay_alive())?;
            }
            self.seal()?;
        }
        self.run.prove(self.at, self.passage.checkpoint());
        self.passage.finish()
    }

    fn table(&self) -> &'a str {
        &self.run.tables[self.at].table.name
    }

    /// The open chunk.
    fn chunk(&mut self) -> Result<&mut OpenChunk> {
        Ok(match &mut self.open {
            Some(open) => open,
            none => none.insert(OpenChunk::new(self.run.spool.begin_chunk()?, self.sealed)),
        })
    }

    /// Ends the chunk: every row read so far is in it. A chunk without rows has an empty batch.
    fn seal(&mut self) -> Result<()> {
        self.passage.check_masks()?;
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let rest =
            self.passage.rest().or_else(|| open.is_empty().then(|| Batch { sql: Vec::new(), rows: 0 }));
        if let Some(rest) = rest {
            open.submit(self.encoder, self.table(), rest)?;
        }
        let chunk = open.seal()?;
        self.sealed += 1;
        self.run.add_chunk(self.at, chunk);
        Ok(())
    }

    fn no_room(&self) -> Error {
        let limits = self.run.spool.limits();
        Error::config(format!(
            "one statement reads the whole table, and for {} s there was no room for more of it: the {} MiB that \
             server.spool_max leaves a run are full of what its client has not taken",
            limits.open_wait_max.as_secs(),
            limits.bytes_max >> 20,
        ))
        .hint(
            "raise server.spool_max (divided by server.max_runs) to the size of what is sent, or give the table a primary \
             key whose columns have no rule, so that it is read in short pieces",
        )
    }
}
