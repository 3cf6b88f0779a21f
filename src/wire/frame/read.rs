//! The reading half: nothing of a stream is believed before it was checked, nothing is allocated before its size
//! was compared with a cap.

use super::write::{Totals, to_json};
use super::{
    DATA_MAGIC, DataHeader, Digest, EndHeader, FORMAT, Removes, SKIPPABLE_MAGIC, Wait, WaitHeader, hex,
};
use crate::error::{Context, Error, Kind, Result};
use crate::sql::insert::session_preamble;
use crate::wire::api::Code;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::{ErrorKind, Read};
use zstd::bulk::Decompressor;
use zstd::zstd_safe::{compress_bound, find_frame_compressed_size, get_frame_content_size};

/// Longest JSON of a skippable frame that a reader takes, in bytes.
pub const HEADER_BYTES_MAX: u32 = 64 * 1024;

/// Longest text of an abort frame that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 500;

/// What a reader is ready to take.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Bytes of one decompressed batch.
    pub batch_bytes_max: u64,
    /// Bytes of one header; [`HEADER_BYTES_MAX`] unless there is a reason.
    pub header_bytes_max: u32,
}

/// Which stream is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All chunks of the table, from 0.
    Table,
    /// This chunk alone.
    Chunk(u32),
}

/// What a stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A batch that agrees with its header; at least one row.
    Batch {
        /// The chunk it belongs to.
        chunk: u32,
        /// Its rows as the server counted them.
        rows: u64,
        /// Its text, not yet scanned.
        sql: &'a [u8],
    },
    /// A statement that takes rows back. Nothing but others of its kind follows.
    Removal {
        /// The chunk it belongs to.
        chunk: u32,
        /// What it takes back; its columns are not looked at yet.
        removes: Removes,
        /// Its text, not yet scanned.
        sql: &'a [u8],
    },
    /// The table is not ready yet.
    Wait(Wait),
    /// The stream is complete, all counts and digests hold.
    End {
        /// Data frames, with the session frame.
        frames: u64,
        /// Rows of all batches.
        rows: u64,
    },
}

/// Where in the stream a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

/// Reads one stream. Buffers are reused from batch to batch; `source` should have a buffer of its own.
pub struct FrameReader<R> {
    source: R,
    table: String,
    scope: Scope,
    caps: Caps,
    state: State,
    /// Chunk and number of the data frame before.
    last: Option<(u32, u32)>,
    /// Rows were taken back: no more can come.
    removing: bool,
    totals: Totals,
    json: Vec<u8>,
    packed: Vec<u8>,
    batch: Vec<u8>,
    decompressor: Decompressor<'static>,
}

/// What one skippable frame came to.
enum Step {
    Batch {
        chunk: u32,
        rows: u64,
    },
    Removal {
        chunk: u32,
        removes: Removes,
    },
    /// The session frame or a chunk without rows.
    Nothing,
    Wait(Wait),
    End,
}

impl<R: Read> FrameReader<R> {
    /// A reader of the stream of `table` that `scope` says.
    ///
    /// # Errors
    /// [`Kind::Internal`] when zstd cannot be set up.
    pub fn new(source: R, table: impl Into<String>, scope: Scope, caps: Caps) -> Result<Self> {
        let decompressor =
            Decompressor::new().map_err(|error| Error::internal("starting decompression").source(error))?;
        Ok(Self {
            source,
            table: table.into(),
            scope,
            caps,
            state: State::Open,
            last: None,
            removing: false,
            totals: Totals::new(),
            json: Vec::new(),
            packed: Vec::new(),
            batch: Vec::new(),
            decompressor,
        })
    }

    /// The next event. After [`Event::End`] and after an error there is none: do not ask.
    ///
    /// # Errors
    /// [`Kind::Integrity`] when something is not as announced, retryable when the stream is only cut short;
    /// [`Kind::Remote`] when the server gave up, speaks another format, or cannot be read from.
    pub fn next_event(&mut self) -> Result<Event<'_>> {
        if self.state != State::Open {
            return Err(Error::internal(format!(
                "the dump stream of `{}` was read past its end",
                self.table
            )));
        }
        let step = loop {
            match self.step() {
                Ok(Step::Nothing) => {}
                Ok(step) => break step,
                Err(error) => {
                    self.state = State::Failed;
                    return Err(error.context(format_args!("dump stream of `{}`", self.table)));
                }
            }
        };
        Ok(match step {
            Step::Batch { chunk, rows } => Event::Batch { chunk, rows, sql: &self.batch },
            Step::Removal { chunk, removes } => Event::Removal { chunk, removes, sql: &self.batch },
            Step::Wait(wait) => Event::Wait(wait),
            Step::Nothing | Step::End => {
                self.state = State::Ended;
                Event::End { frames: self.totals.frames, rows: self.totals.rows }
            }
        })
    }

    fn step(&mut self) -> Result<Step> {
        let json = self.read_json()?;
        let step = self.take_header(&json);
        self.json = json;
        step
    }

    fn take_header(&mut self, json: &[u8]) -> Result<Step> {
        let probe: Probe = parse(json)?;
        if probe.v != FORMAT {
            return Err(wrong_version(probe.v));
        }
        if probe.abort.is_some() {
            return Err(aborted(json));
        }
        if probe.wait.is_some() {
            let header: WaitHeader = parse_canonical(json)?;
            self.totals.add_wait(json);
            return Ok(Step::Wait(header.wait));
        }
        if probe.end.is_some() {
            return self.check_end(&parse_canonical(json)?).map(|()| Step::End);
        }
        let header: DataHeader<'_> = parse_canonical(json)?;
        let place = format!("chunk {}, frame {}", header.chunk, header.seq);
        self.check_place(&header).and_then(|()| self.take_data(&header, json)).context(|| place)
    }

    /// The JSON of the next skippable frame, in the buffer that `step` gives back.
    fn read_json(&mut self) -> Result<Vec<u8>> {
        let mut start = [0; 8];
        read_exact(&mut self.source, &mut start)?;
        let [a, b, c, d, len @ ..] = start;
        if [a, b, c, d] != SKIPPABLE_MAGIC {
            return Err(Error::integrity("something else stands where a frame header should"));
        }
        let len = u32::from_le_bytes(len);
        if len > self.caps.header_bytes_max {
            return Err(Error::integrity(format!("a frame header of {len} bytes is too long")));
        }
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        read_into(&mut self.source, len.into(), &mut json)?;
        Ok(json)
    }

    fn check_place(&self, header: &DataHeader<'_>) -> Result<()> {
        if header.table != self.table {
            return Err(Error::integrity("the frame is of another table"));
        }
        let here = (header.chunk, header.seq);
        let first_chunk = match self.scope {
            Scope::Table => 0,
            Scope::Chunk(chunk) => chunk,
        };
        match header.removes {
            None if self.removing => {
                return Err(Error::integrity("a batch follows rows that were taken back"));
            }
            Some(_) if !self.removing && header.seq != 1 => {
                return Err(Error::integrity("rows are taken back in a chunk that has rows"));
            }
            _ => {}
        }
        let in_order = match self.last {
            None => here == (first_chunk, 0),
            Some((chunk, seq)) => {
                let follows = Some(here) == seq.checked_add(1).map(|next| (chunk, next));
                let next_chunk = self.scope == Scope::Table
                    && seq > 0
                    && Some(here) == chunk.checked_add(1).map(|next| (next, 1));
                follows || next_chunk
            }
        };
        if in_order { Ok(()) } else { Err(Error::integrity("the frame is out of order")) }
    }

    fn take_data(&mut self, header: &DataHeader<'_>, json: &[u8]) -> Result<Step> {
        self.check_sizes(header)?;
        self.packed.clear();
        read_into(&mut self.source, header.packed, &mut self.packed)?;
        self.unpack(header)?;
        if hex(&Sha256::digest(&self.batch)) != header.sha256 {
            return Err(Error::integrity("the SHA-256 of the batch is not the one announced"));
        }
        if header.seq == 0 && self.batch != session_preamble().as_bytes() {
            return Err(Error::integrity("the session settings are not the ones that belong to this format"));
        }
        let digest: Digest = Sha256::new().chain_update(json).chain_update(&self.packed).finalize().into();
        self.totals.add(header.rows, &digest);
        self.last = Some((header.chunk, header.seq));
        Ok(match (&header.removes, header.rows) {
            (Some(removes), _) => {
                self.removing = true;
                Step::Removal { chunk: header.chunk, removes: removes.clone().into_owned() }
            }
            (None, 0) => Step::Nothing,
            (None, rows) => Step::Batch { chunk: header.chunk, rows },
        })
    }

    fn check_sizes(&self, header: &DataHeader<'_>) -> Result<()> {
        let problem = if header.bytes > self.caps.batch_bytes_max {
            format!(
                "a batch of {} bytes is larger than the {} asked for",
                header.bytes, self.caps.batch_bytes_max
            )
        } else if header.packed > usize::try_from(header.bytes).map_or(0, compress_bound) as u64 {
            format!("{} compressed bytes are more than a batch of {} can take", header.packed, header.bytes)
        } else if let Some(removes) = &header.removes {
            let is_whole = removes.rows > 0 && !removes.columns.is_empty() && header.bytes > 0;
            if is_whole && header.seq > 0 && header.rows == 0 {
                return Ok(());
            }
            "a removal that takes nothing back, or is something else as well".to_owned()
        } else if (header.seq == 0 && header.rows > 0)
            || (header.seq > 0 && (header.rows == 0) != (header.bytes == 0))
        {
            format!("{} rows in {} bytes", header.rows, header.bytes)
        } else {
            return Ok(());
        };
        Err(Error::integrity(problem))
    }

    /// Decompresses `packed` into `batch` after a look at what zstd itself says about its size.
    fn unpack(&mut self, header: &DataHeader<'_>) -> Result<()> {
        let one_frame = self.packed.starts_with(&DATA_MAGIC)
            && find_frame_compressed_size(&self.packed).is_ok_and(|len| len == self.packed.len());
        if !one_frame {
            return Err(Error::integrity(
                "the header is not followed by one zstd frame of the length announced",
            ));
        }
        if !matches!(get_frame_content_size(&self.packed), Ok(Some(bytes)) if bytes == header.bytes) {
            return Err(Error::integrity("the zstd frame is not of the size announced"));
        }
        self.batch.clear();
        // Fits: it was compared with the cap, and the compressed bytes are here.
        self.batch.reserve(usize::try_from(header.bytes).unwrap_or(usize::MAX));
        self.decompressor
            .decompress_to_buffer(&self.packed, &mut self.batch)
            .map_err(|error| Error::integrity("the zstd frame is damaged").source(error))?;
        Ok(())
    }

    fn check_end(&mut self, end: &EndHeader) -> Result<()> {
        let problem = if self.last.is_none_or(|(_, seq)| seq == 0) {
            "it ends before its first batch".to_owned()
        } else if end.frames != self.totals.frames {
            format!("{} frames announced, {} came", end.frames, self.totals.frames)
        } else if end.rows != self.totals.rows {
            format!("{} rows announced, {} came", end.rows, self.totals.rows)
        } else if !end.end || end.sha256 != self.totals.sha256() {
            "the SHA-256 over all frames is not the one announced".to_owned()
        } else {
            let mut after = Vec::new();
            self.source.by_ref().take(1).read_to_end(&mut after).map_err(unreadable)?;
            if after.is_empty() {
                return Ok(());
            }
            "something follows its end".to_owned()
        };
        Err(Error::integrity(problem))
    }
}

/// Just enough of a header to know its version and what it is.
#[derive(Deserialize)]
struct Probe {
    v: u32,
    wait: Option<IgnoredAny>,
    end: Option<IgnoredAny>,
    abort: Option<IgnoredAny>,
}

/// An abort as it arrives: its code may be newer than this program.
#[derive(Deserialize)]
struct AbortReceived {
    abort: AbortText,
}

#[derive(Deserialize)]
struct AbortText {
    code: serde_json::Value,
    message: String,
    request_id: String,
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T> {
    // The parser's own message may quote what it read.
    serde_json::from_slice(json).map_err(|_| Error::integrity("a frame header is not as it should be"))
}

/// Parses and makes sure that the bytes are the only ones that say so.
fn parse_canonical<'a, T: Deserialize<'a> + Serialize>(json: &'a [u8]) -> Result<T> {
    let header: T = parse(json)?;
    if to_json(&header)? == json {
        Ok(header)
    } else {
        Err(Error::integrity("a frame header is not spelled as it should be"))
    }
}

fn wrong_version(v: u32) -> Error {
    let (age, side) = if v > FORMAT { ("newer", "this side") } else { ("older", "the server") };
    Error::new(Kind::Remote, format!("format {v} is {age} than format {FORMAT}, which this version reads"))
        .hint(format!("update backfill on {side}"))
}

fn aborted(json: &[u8]) -> Error {
    let AbortReceived { abort } = match parse(json) {
        Ok(received) => received,
        Err(error) => return error,
    };
    let error = Error::new(Kind::Remote, format!("the server gave up: {}", shown(&abort.message)))
        .hint(format!("the server's log says more about request {}", shown(&abort.request_id)));
    let Ok(code) = serde_json::from_value::<Code>(abort.code) else { return error };
    let error = error.source(Aborted(code));
    if code.status() == 503 { error.retryable() } else { error }
}

/// The cause of a stream's error: the server ended it with this code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted(pub Code);

impl std::fmt::Display for Aborted {
    /// Nothing: the message says it.
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Aborted {}

/// A server's text without anything that could move a cursor or fill a screen.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect()
}

fn cut_short() -> Error {
    Error::integrity("it stops without an end frame")
        .hint("the connection or the server broke off; try again")
        .retryable()
}

fn unreadable(error: std::io::Error) -> Error {
    let remote = |what: &str| Error::new(Kind::Remote, what).retryable();
    match error.kind() {
        ErrorKind::UnexpectedEof => cut_short(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => remote("the server did not go on in time")
            .hint("check that the server is up; a slow one may need a larger client.timeout"),
        _ => remote("reading from the server")
            .source(error)
            .hint("the server or something between may have been restarted; try again"),
    }
}

fn read_exact(source: &mut impl Read, buffer: &mut [u8]) -> Result<()> {
    source.read_exact(buffer).map_err(unreadable)
}

/// Appends `len` bytes; memory grows with what arrives, not with what is announced.
fn read_into(source: &mut impl Read, len: u64, buffer: &mut Vec<u8>) -> Result<()> {
    let read = source.by_ref().take(len).read_to_end(buffer).map_err(unreadable)?;
    if read as u64 == len { Ok(()) } else { Err(cut_short()) }
}
