//! One chunk's stream: frames, then statements, then rows of literals. Whatever is not that ends it.

use super::FetchTable;
use crate::error::{Error, Result};
use crate::sql::insert::Verb;
use crate::sql::scan::{Expected, scan_insert};
use crate::wire::frame::{Caps, Event, FrameReader, HEADER_BYTES_MAX, Removes, Scope};
use std::io::{BufReader, Read};

/// Buffer between the HTTP body and the frame reader, which reads headers of a few bytes.
const BUFFER_BYTES: usize = 128 * 1024;

/// One statement of a chunk.
pub(super) enum Part<'a> {
    /// Rows that are added.
    Rows {
        /// What stands after `VALUES`.
        values: &'a str,
        /// How many.
        rows: u64,
    },
    /// Rows that are taken back.
    Removal {
        /// The columns that name them, each one of the table's.
        columns: &'a [String],
        /// What stands after `IN (`.
        values: &'a str,
        /// How many.
        rows: u64,
    },
}

/// Which chunk of which table is read, and what may be in it.
pub(super) struct Wanted<'a> {
    pub(super) table: &'a FetchTable,
    pub(super) chunk: u32,
    pub(super) expected: &'a Expected,
    pub(super) batch_bytes_max: u64,
}

/// Hands every statement of the chunk to `load`, until the end frame has confirmed them all.
///
/// # Errors
/// [`FrameReader::next_event`]'s and [`scan_insert`]'s; `Integrity` when a batch has other rows than announced, or
/// names columns that the table does not have; what `load` says.
pub(super) fn read_parts(
    source: Box<dyn Read + Send>,
    wanted: &Wanted<'_>,
    mut load: impl FnMut(Part<'_>) -> Result<()>,
) -> Result<()> {
    let Wanted { table, chunk, expected, batch_bytes_max } = *wanted;
    let caps = Caps { batch_bytes_max, header_bytes_max: HEADER_BYTES_MAX };
    let source = BufReader::with_capacity(BUFFER_BYTES, source);
    let mut frames = FrameReader::new(source, table.name.as_str(), Scope::Chunk(chunk), caps)?;
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
                load(Part::Rows { values: scanned.values, rows })?;
            }
            Event::Removal { removes, sql, .. } => {
                check_columns(table, &removes)?;
                let scanned = scan_insert(sql, &Expected::new(Verb::Delete, &table.name, &removes.columns))?;
                if scanned.rows > removes.rows {
                    return Err(Error::integrity("a removal names more rows than it was announced with"));
                }
                load(Part::Removal {
                    columns: &removes.columns,
                    values: scanned.values,
                    rows: removes.rows,
                })?;
            }
        }
    }
}

fn check_columns(table: &FetchTable, removes: &Removes) -> Result<()> {
    let columns = &removes.columns;
    let known = columns.iter().all(|column| table.columns.contains(column));
    let twice = columns.iter().enumerate().any(|(at, column)| columns[..at].contains(column));
    if known && !twice {
        return Ok(());
    }
    Err(Error::integrity("rows are taken back by columns that were not asked for"))
}
