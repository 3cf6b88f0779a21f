//! What was delivered of each row, as far as references need it: some cells in the order of reading, packed. It is
//! written always and read only when something is missing.

use super::store::{Piece, Store};
use crate::error::{Error, Result};

/// Bytes of one block before it is packed.
const BLOCK_BYTES: usize = 256 * 1024;
/// A rest that is no larger stays in memory as it is.
const SMALL_BYTES: usize = 4 * 1024;
/// zstd's level.
const LEVEL: i32 = 1;

/// A log being written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    rows: Vec<u8>,
    blocks: Vec<Piece>,
}

impl Writer {
    /// Adds a row.
    pub(super) fn add<'a>(
        &mut self,
        cells: impl Iterator<Item = Option<&'a [u8]>>,
        store: &Store,
    ) -> Result<()> {
        for cell in cells {
            write_length(cell.map_or(0, |cell| cell.len() as u64 + 1), &mut self.rows);
            self.rows.extend_from_slice(cell.unwrap_or_default());
        }
        if self.rows.len() >= BLOCK_BYTES { self.write(store) } else { Ok(()) }
    }

    fn write(&mut self, store: &Store) -> Result<()> {
        let packed = zstd::bulk::compress(&self.rows, LEVEL)
            .map_err(|error| Error::internal("packing what was delivered").source(error))?;
        // Its size in front: a row may be larger than a block.
        let mut block = (self.rows.len() as u64).to_le_bytes().to_vec();
        block.extend_from_slice(&packed);
        self.blocks.push(store.put(&block)?);
        self.rows.clear();
        Ok(())
    }

    pub(super) fn finish(mut self, cells: usize, store: &Store) -> Result<Log> {
        if self.rows.len() > SMALL_BYTES {
            self.write(store)?;
        }
        self.rows.shrink_to_fit();
        Ok(Log { cells, blocks: self.blocks, rest: self.rows })
    }
}

/// A complete log.
#[derive(Debug)]
pub(super) struct Log {
    cells: usize,
    blocks: Vec<Piece>,
    rest: Vec<u8>,
}

impl Log {
    /// Hands every row to `each`, with its number, in the order of reading.
    pub(super) fn for_each(
        &self,
        store: &Store,
        mut each: impl FnMut(u64, &[Option<&[u8]>]) -> Result<()>,
    ) -> Result<()> {
        let mut number = 0;
        let (mut packed, mut rows) = (Vec::new(), Vec::new());
        for block in &self.blocks {
            store.read(*block, &mut packed)?;
            unpack(&packed, &mut rows)?;
            self.rows(&rows, &mut number, &mut each)?;
        }
        self.rows(&self.rest, &mut number, &mut each)
    }

    fn rows(
        &self,
        mut text: &[u8],
        number: &mut u64,
        each: &mut impl FnMut(u64, &[Option<&[u8]>]) -> Result<()>,
    ) -> Result<()> {
        let mut cells = Vec::with_capacity(self.cells);
        while !text.is_empty() {
            cells.clear();
            for _ in 0..self.cells {
                cells.push(read_cell(&mut text)?);
            }
            each(*number, &cells)?;
            *number += 1;
        }
        Ok(())
    }
}

fn unpack(block: &[u8], rows: &mut Vec<u8>) -> Result<()> {
    let (size, packed) = block.split_first_chunk::<8>().ok_or_else(damaged)?;
    let size = usize::try_from(u64::from_le_bytes(*size)).map_err(|_| damaged())?;
    *rows = zstd::bulk::decompress(packed, size).map_err(|error| damaged().source(error))?;
    Ok(())
}

fn damaged() -> Error {
    Error::internal("what was delivered does not read back from a temporary file")
}

/// Seven bits a byte, the lowest first.
fn write_length(mut length: u64, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push((length as u8 & 0x7f) | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

fn read_length(text: &mut &[u8]) -> Option<u64> {
    let mut length = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = text.split_first()?;
        *text = rest;
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

fn read_cell<'a>(text: &mut &'a [u8]) -> Result<Option<&'a [u8]>> {
    let length = read_length(text).and_then(|length| usize::try_from(length).ok()).ok_or_else(damaged)?;
    let Some(length) = length.checked_sub(1) else { return Ok(None) };
    let (cell, rest) = text.split_at_checked(length).ok_or_else(damaged)?;
    *text = rest;
    Ok(Some(cell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Rows = Vec<Vec<Option<Vec<u8>>>>;

    fn round_trip(rows: &Rows, cells: usize) -> Rows {
        let store = Store::default();
        let mut writer = Writer::default();
        for row in rows {
            writer.add(row.iter().map(Option::as_deref), &store).unwrap();
        }
        let log = writer.finish(cells, &store).unwrap();
        let mut back = Vec::new();
        log.for_each(&store, |number, cells| {
            assert_eq!(number, back.len() as u64);
            back.push(cells.iter().map(|cell| cell.map(<[u8]>::to_vec)).collect());
            Ok(())
        })
        .unwrap();
        back
    }

    #[test]
    fn many_and_large_rows_come_back_in_order() {
        let mut rows: Rows =
            (0..100_000).map(|at: u32| vec![Some(at.to_string().into_bytes()), None]).collect();
        rows.push(vec![Some(vec![7; 3 * BLOCK_BYTES]), Some(Vec::new())]);
        rows.push(vec![None, None]);
        assert!(round_trip(&rows, 2) == rows);
    }

    proptest! {
        #[test]
        fn every_cell_comes_back(rows in proptest::collection::vec(
            proptest::collection::vec(proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)), 3),
            0..50,
        )) {
            prop_assert_eq!(round_trip(&rows, 3), rows);
        }
    }
}
