//! One chunk's stream: frames, then statements, then rows of literals. Whatever is not that ends it.

use crate::error::{Error, Result};
use crate::sql::scan::{Expected, scan_insert};
use crate::wire::frame::{Caps, Event, FrameReader, HEADER_BYTES_MAX, Scope};
use std::io::{BufReader, Read};

/// Buffer between the HTTP body and the frame reader, which reads headers of a few bytes.
const BUFFER_BYTES: usize = 128 * 1024;

/// Hands every batch of the chunk to `load` as (text after `VALUES`, rows), until the end frame has confirmed
/// them all.
///
/// # Errors
/// [`FrameReader::next_event`]'s and [`scan_insert`]'s; `Integrity` when a batch has other rows than announced; what
/// `load` says.
pub(super) fn read_batches(
    source: Box<dyn Read + Send>,
    table: &str,
    chunk: u32,
    expected: &Expected,
    batch_bytes_max: u64,
    mut load: impl FnMut(&str, u64) -> Result<()>,
) -> Result<()> {
    let caps = Caps { batch_bytes_max, header_bytes_max: HEADER_BYTES_MAX };
    let source = BufReader::with_capacity(BUFFER_BYTES, source);
    let mut frames = FrameReader::new(source, table, Scope::Chunk(chunk), caps)?;
    loop {
        match frames.next_event()? {
            Event::Wait(_) => {}
            Event::End { .. } => return Ok(()),
            Event::Batch { rows, sql, .. } => {
                let scanned = scan_insert(sql, expected)?;
                if scanned.rows != rows {
                    return Err(Error::integrity(format!(
                        "a batch has {} rows and was announced with {rows}",
                        scanned.rows
                    )));
                }
                load(scanned.values, rows)?;
            }
        }
    }
}
