//! The dump stream, format 1: what `dump/{table}` answers. This header is its specification.
//!
//! A stream is a sequence of zstd frames, so that `zstd -d` makes plain SQL of it. *Data frames* are independent
//! zstd frames with content size and checksum; each holds one batch. *Skippable frames* (magic `0x184D2A50`,
//! length little-endian, ignored by every zstd tool) hold one JSON object each, written without white space and
//! with the keys in the order shown here; any other spelling is refused.
//!
//! ```text
//! {"v":1,"table":"users","chunk":0,"seq":1,"rows":5000,"bytes":1048576,"packed":201322,"sha256":"…"}   a data frame follows
//! {"v":1,"table":"users","chunk":9,"seq":1,"rows":0,"removes":{"columns":["id"],"rows":12},"bytes":…              a data frame that takes rows back follows
//! {"v":1,"wait":{"phase":"copy","rows":120000}}                                                   nothing ready yet
//! {"v":1,"end":true,"frames":214,"rows":1000000,"sha256":"…"}                                     complete; nothing follows
//! {"v":1,"abort":{"code":"internal","message":"…","request_id":"…"}}                              failed
//! ```
//!
//! - Every data frame has its header directly in front. `bytes` and `sha256` are of the decompressed batch,
//!   `packed` is the length of the data frame itself.
//! - Order: a stream begins with the *session frame*: the first chunk's number, `seq` 0, no rows, and
//!   [`crate::sql::insert::session_preamble`] as its content. Batches count from `seq` 1 within each chunk. The
//!   stream of one chunk holds that chunk; the stream of a table holds chunks 0, 1, 2… A chunk has at least one
//!   batch: one without rows is a batch of 0 rows and 0 bytes. So the frames of a chunk are the same bytes in
//!   either stream and can be made once and stored.
//! - A *removal* takes rows of earlier frames back: rows whose parents are not in the result, because they came or
//!   went while the tables were read. Its header has `removes` behind `rows`, which is 0: the columns that name the
//!   rows, and how many rows they name. The batch is one `DELETE FROM … WHERE (columns) IN (…)` of literals (see
//!   [`crate::sql::insert`]). Removals stand in chunks of their own behind all others of the table.
//! - Waits may stand between any two of them.
//! - A frame's digest is the SHA-256 of its JSON followed by its data frame (of the JSON alone for a wait). The
//!   end frame's `sha256` is over the digests of all waits and data frames in order, `frames` and `rows` count
//!   data frames (the session frame is one) and their rows.
//! - After an abort comes the start of a data frame and nothing else, so that `zstd -d` fails too.
//!
//! A stream without its end frame is a failed stream, whatever HTTP said.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{Aborted, Caps, Event, FrameReader, HEADER_BYTES_MAX, Scope};
pub use write::{EncodedFrame, FrameId, Packer, Totals, abort_frame};

use crate::wire::api::{Code, TablePhase};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The `v` of every header.
pub const FORMAT: u32 = 1;

/// First bytes of a skippable frame.
const SKIPPABLE_MAGIC: [u8; 4] = 0x184D_2A50_u32.to_le_bytes();
/// First bytes of a data frame.
const DATA_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// A SHA-256.
pub type Digest = [u8; 32];

/// What a server says while a table is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// What is being done with the table.
    pub phase: TablePhase,
    /// Rows done so far in this phase.
    pub rows: u64,
}

/// Which rows a removal takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removes {
    /// The columns whose values name the rows, at least one.
    pub columns: Vec<String>,
    /// How many rows of the table have these values, at least one.
    pub rows: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataHeader<'a> {
    v: u32,
    table: Cow<'a, str>,
    chunk: u32,
    seq: u32,
    rows: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removes: Option<Cow<'a, Removes>>,
    bytes: u64,
    packed: u64,
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitHeader {
    v: u32,
    wait: Wait,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndHeader {
    v: u32,
    end: bool,
    frames: u64,
    rows: u64,
    sha256: String,
}

#[derive(Debug, Serialize)]
struct AbortHeader<'a> {
    v: u32,
    abort: Abort<'a>,
}

#[derive(Debug, Serialize)]
struct Abort<'a> {
    code: Code,
    message: &'a str,
    request_id: &'a str,
}

fn hex(digest: &[u8]) -> String {
    digest
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|d| char::from_digit(d.into(), 16))
        .collect()
}
