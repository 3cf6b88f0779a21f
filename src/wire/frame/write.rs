//! The writing half: batches become frames that can be stored, frames become streams.

use super::{
    Abort, AbortHeader, DATA_MAGIC, DataHeader, Digest, EndHeader, FORMAT, Removes, SKIPPABLE_MAGIC, Wait,
    WaitHeader, hex,
};
use crate::error::{Error, Result};
use crate::sql::insert::session_preamble;
use crate::wire::api::Code;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

/// Longest message of an abort frame, in characters.
const ABORT_CHARS_MAX: usize = 2000;

/// Which frame of a stream.
#[derive(Debug, Clone, Copy)]
pub struct FrameId<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The chunk's number, from 0.
    pub chunk: u32,
    /// The batch's number in its chunk, from 1.
    pub seq: u32,
}

/// A data frame with its header, ready to be sent and to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// Header and data frame as they stand in the stream.
    pub bytes: Vec<u8>,
    /// Rows of the batch.
    pub rows: u64,
    /// Rows that it takes back.
    pub removed: u64,
    /// Bytes of the batch before compression.
    pub raw_bytes: u64,
    /// What goes into [`Totals::add`].
    pub digest: Digest,
}

/// Makes data frames. Holds a compressor and its buffer: one per thread.
pub struct Packer {
    compressor: Compressor<'static>,
    packed: Vec<u8>,
}

impl Packer {
    /// A packer at a zstd compression level (1 is fast, 19 is small).
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`] when zstd refuses the level.
    pub fn new(level: i32) -> Result<Self> {
        let compressor = Compressor::new(level).and_then(|mut compressor| {
            compressor.include_checksum(true)?;
            compressor.include_contentsize(true)?;
            Ok(compressor)
        });
        Ok(Self { compressor: compressor.map_err(zstd_error)?, packed: Vec::new() })
    }

    /// Encodes one batch of `rows` rows. A chunk without rows is one batch with 0 rows and no text.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`] for a batch whose rows and text do not fit together, and when zstd fails.
    pub fn batch(&mut self, id: FrameId<'_>, rows: u64, sql: &[u8]) -> Result<EncodedFrame> {
        if id.seq == 0 || (rows == 0) != sql.is_empty() {
            return Err(Error::internal(format!(
                "a batch of `{}` that the dump stream has no place for",
                id.table
            )));
        }
        self.encode(id, rows, None, sql)
    }

    /// Encodes a statement that takes rows back.
    ///
    /// # Errors
    /// As [`Packer::batch`].
    pub fn removal(&mut self, id: FrameId<'_>, removes: &Removes, sql: &[u8]) -> Result<EncodedFrame> {
        if id.seq == 0 || removes.rows == 0 || removes.columns.is_empty() || sql.is_empty() {
            return Err(Error::internal(format!(
                "a removal of `{}` that the dump stream has no place for",
                id.table
            )));
        }
        self.encode(id, 0, Some(removes), sql)
    }

    /// Encodes the session frame with which the stream of `table` that begins with `chunk` has to begin.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`] when zstd fails.
    pub fn session(&mut self, table: &str, chunk: u32) -> Result<EncodedFrame> {
        self.encode(FrameId { table, chunk, seq: 0 }, 0, None, session_preamble().as_bytes())
    }

    fn encode(
        &mut self,
        id: FrameId<'_>,
        rows: u64,
        removes: Option<&Removes>,
        sql: &[u8],
    ) -> Result<EncodedFrame> {
        self.packed.clear();
        self.packed.reserve(compress_bound(sql.len()));
        self.compressor.compress_to_buffer(sql, &mut self.packed).map_err(zstd_error)?;
        assemble(id, rows, removes, sql, &self.packed)
    }
}

fn zstd_error(error: std::io::Error) -> Error {
    Error::internal("compressing a frame").source(error)
}

/// Puts the header in front of a batch that zstd has packed.
pub(super) fn assemble(
    id: FrameId<'_>,
    rows: u64,
    removes: Option<&Removes>,
    sql: &[u8],
    packed: &[u8],
) -> Result<EncodedFrame> {
    let raw_bytes = sql.len() as u64;
    let json = to_json(&DataHeader {
        v: FORMAT,
        table: Cow::Borrowed(id.table),
        chunk: id.chunk,
        seq: id.seq,
        rows,
        removes: removes.map(Cow::Borrowed),
        bytes: raw_bytes,
        packed: packed.len() as u64,
        sha256: hex(&Sha256::digest(sql)),
    })?;
    let digest = Sha256::new().chain_update(&json).chain_update(packed).finalize().into();
    let mut bytes = skippable(&json, packed.len())?;
    bytes.extend_from_slice(packed);
    let removed = removes.map_or(0, |removes| removes.rows);
    Ok(EncodedFrame { bytes, rows, removed, raw_bytes, digest })
}

/// Counts what a stream has carried; both ends keep one and must come to the same end frame.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    pub(super) frames: u64,
    pub(super) rows: u64,
    digests: Sha256,
}

impl Totals {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a data frame, the session frame too, by what [`EncodedFrame`] says of it.
    pub fn add(&mut self, rows: u64, digest: &Digest) {
        self.frames += 1;
        self.rows += rows;
        self.digests.update(digest);
    }

    /// Makes and counts a wait frame.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`] if it cannot be written as JSON.
    pub fn wait(&mut self, wait: Wait) -> Result<Vec<u8>> {
        let json = to_json(&WaitHeader { v: FORMAT, wait })?;
        self.add_wait(&json);
        skippable(&json, 0)
    }

    pub(super) fn add_wait(&mut self, json: &[u8]) {
        self.digests.update(Sha256::digest(json));
    }

    /// The digest over everything that was counted, in hexadecimal.
    pub(super) fn sha256(&self) -> String {
        hex(&self.digests.clone().finalize())
    }

    /// The end frame.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`] if it cannot be written as JSON.
    pub fn end(&self) -> Result<Vec<u8>> {
        let (frames, rows) = (self.frames, self.rows);
        skippable(&to_json(&EndHeader { v: FORMAT, end: true, frames, rows, sha256: self.sha256() })?, 0)
    }
}

/// The frame that ends a stream that cannot be completed; close the connection after it. `message` is shown to
/// the client's user: no data, no server internals.
///
/// # Errors
/// [`crate::error::Kind::Internal`] if it cannot be written as JSON.
pub fn abort_frame(code: Code, message: &str, request_id: &str) -> Result<Vec<u8>> {
    let message: String = message.chars().take(ABORT_CHARS_MAX).collect();
    let abort = Abort { code, message: &message, request_id };
    let mut bytes = skippable(&to_json(&AbortHeader { v: FORMAT, abort })?, DATA_MAGIC.len())?;
    // A bare skippable frame at the end of its input is fine for `zstd -d`; a data frame cut short is not.
    bytes.extend_from_slice(&DATA_MAGIC);
    Ok(bytes)
}

pub(super) fn to_json(header: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(header).map_err(|error| Error::internal("writing a frame header").source(error))
}

/// A skippable frame around `json`, with room for `more` bytes after it.
fn skippable(json: &[u8], more: usize) -> Result<Vec<u8>> {
    let len = u32::try_from(json.len()).map_err(|_| Error::internal("a frame header of over 4 GiB"))?;
    let mut bytes = Vec::with_capacity(SKIPPABLE_MAGIC.len() + 4 + json.len() + more);
    bytes.extend_from_slice(&SKIPPABLE_MAGIC);
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(json);
    Ok(bytes)
}
