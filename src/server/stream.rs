//! Sending what a run's spool holds, as the dump stream of [`crate::wire::frame`].

use crate::error::{Error, Kind, Result};
use crate::server::http::{StreamReply, StreamWriter};
use crate::server::run::{Next, Run};
use crate::server::spool::Chunk;
use crate::wire::api::{Code, ErrorBody};
use crate::wire::frame::{Packer, Totals, Wait, abort_frame};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A client hears something at least this often.
const WAIT_EVERY: Duration = Duration::from_secs(10);

/// What is streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// One chunk.
    Chunk(u32),
    /// All chunks of the table, as they become known.
    Table,
}

/// The answer that streams `part` of a run's table. `done` is called when the stream has ended, however.
pub fn reply(
    run: Arc<Run>,
    table: usize,
    part: Part,
    request_id: String,
    done: impl FnOnce() + Send + 'static,
) -> StreamReply {
    let name = run.tables[table].table.name.clone();
    let done = Done(Some(Box::new(done)));
    StreamReply {
        content_type: "application/zstd",
        file_name: Some(format!("{name}.sql.zst")),
        write: Box::new(move |out| {
            let guard = run.stream();
            let begun = Instant::now();
            let mut stream = Stream { run: &run, table, out, totals: Totals::new(), rows: 0, bytes: 0 };
            let result = stream.send(part, &request_id);
            tracing::info!(
                peer = run.peer,
                run = run.id,
                table = name,
                chunk = if let Part::Chunk(number) = part { Some(number) } else { None },
                rows = stream.rows,
                bytes = stream.bytes,
                ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                outcome = if result.is_ok() { "sent" } else { "cut" },
                request_id,
                "dump"
            );
            drop(guard);
            drop(done);
            result
        }),
    }
}

/// Calls its action when dropped: an answer that is never streamed, because too many are, has ended as well.
struct Done(Option<Box<dyn FnOnce() + Send>>);

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            action();
        }
    }
}

struct Stream<'a> {
    run: &'a Arc<Run>,
    table: usize,
    out: &'a mut dyn StreamWriter,
    totals: Totals,
    rows: u64,
    bytes: u64,
}

impl Stream<'_> {
    fn send(&mut self, part: Part, request_id: &str) -> Result<()> {
        let sent = self.send_frames(part);
        if let Err(Failure::Run(error)) = &sent {
            let abort = abort_frame(error.code, &error.error, request_id)?;
            self.write(&abort)?;
            self.out.flush()?;
            return Err(Error::new(Kind::Busy, "the run failed while it was streamed"));
        }
        match sent {
            Err(Failure::Here(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn send_frames(&mut self, part: Part) -> Result<(), Failure> {
        let first = if let Part::Chunk(number) = part { number } else { 0 };
        let session = Packer::new(1)?.session(&self.run.tables[self.table].table.name, first)?;
        self.totals.add(session.rows, &session.digest);
        self.write(&session.bytes)?;
        let mut number = first;
        while let Some(chunk) = self.wait_for(number)? {
            self.send_chunk(&chunk)?;
            if part != Part::Table {
                break;
            }
            number += 1;
        }
        let end = self.totals.end()?;
        self.write(&end)?;
        Ok(())
    }

    /// The chunk of that number once it is there; none behind the last.
    fn wait_for(&mut self, number: u32) -> Result<Option<Arc<Chunk>>, Failure> {
        loop {
            match self.run.next_chunk(self.table, number as usize, WAIT_EVERY).map_err(Failure::Run)? {
                Next::Chunk(chunk) => return Ok(Some(chunk)),
                Next::End => return Ok(None),
                Next::NotYet(phase, rows) => {
                    let wait = self.totals.wait(Wait { phase, rows })?;
                    self.write(&wait)?;
                    self.out.flush()?;
                }
            }
        }
    }

    fn send_chunk(&mut self, chunk: &Arc<Chunk>) -> Result<(), Failure> {
        let sent = chunk.for_each_frame(|frame| self.write(frame));
        if let Err(error) = sent {
            return Err(match error.kind() {
                Kind::Busy => Failure::Run(ErrorBody {
                    error: error.what().to_owned(),
                    code: Code::RunGone,
                    request_id: self.run.id.clone(),
                }),
                _ => Failure::Here(error),
            });
        }
        for frame in chunk.summary() {
            self.totals.add(frame.rows, &frame.digest);
        }
        self.rows += chunk.rows();
        chunk.served();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write(bytes)?;
        self.bytes += bytes.len() as u64;
        self.run.sent(bytes.len() as u64);
        Ok(())
    }
}

/// Why a stream ended early.
enum Failure {
    /// The run failed: the client is told by an abort frame.
    Run(ErrorBody),
    /// The stream itself failed: there is nobody to tell.
    Here(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}
