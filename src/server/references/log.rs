//! What was delivered of each row, as far as references need it: some cells in the order of reading. It is written
//! always and read only when something is missing, so it is made small by what costs least: numbers are kept as numbers.

use crate::error::{Error, Result};
use crate::spill::{Piece, Store};
use std::ops::Range;

/// Bytes of one block.
const BLOCK_BYTES: usize = 256 * 1024;
/// A rest that is no larger stays in memory as it is.
const SMALL_BYTES: usize = 4 * 1024;
/// Most digits of a number that is kept as one.
const DIGITS_MAX: usize = 18;

/// A log being written.
#[derive(Default)]
pub(super) struct Writer {
    rows: Vec<u8>,
    blocks: Vec<Piece>,
}

impl std::fmt::Debug for Writer {
    // Without the rows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

impl Writer {
    /// Adds a row.
    pub(super) fn add<'a>(
        &mut self,
        cells: impl Iterator<Item = Option<&'a [u8]>>,
        store: &Store,
    ) -> Result<()> {
        cells.for_each(|cell| write_cell(cell, &mut self.rows));
        if self.rows.len() >= BLOCK_BYTES { self.write(store) } else { Ok(()) }
    }

    fn write(&mut self, store: &Store) -> Result<()> {
        self.blocks.push(store.put(&self.rows)?);
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
        let mut rows = Vec::new();
        for block in &self.blocks {
            store.read(*block, &mut rows)?;
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
        let (mut cells, mut digits) = (Vec::with_capacity(self.cells), Vec::new());
        while !text.is_empty() {
            cells.clear();
            digits.clear();
            for _ in 0..self.cells {
                cells.push(read_cell(&mut text, &mut digits)?);
            }
            let row: Vec<Option<&[u8]>> = cells.iter().map(|cell| cell.bytes(&digits)).collect();
            each(*number, &row)?;
            *number += 1;
        }
        Ok(())
    }
}

/// A cell that was read back.
enum Cell<'a> {
    Null,
    Text(&'a [u8]),
    /// Where its digits are.
    Number(Range<usize>),
}

impl<'a> Cell<'a> {
    fn bytes(&self, digits: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text),
            Self::Number(at) => digits.get(at.clone()),
        }
    }
}

fn damaged() -> Error {
    Error::internal("what was delivered does not read back from a temporary file")
}

/// The number that is written as these bytes and in no other way.
fn number(cell: &[u8]) -> Option<u64> {
    if cell.len() > DIGITS_MAX || !matches!(cell, [b'1'..=b'9', ..] | b"0") {
        return None;
    }
    cell.iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

/// 0 is NULL, an even code the length of the text behind it and one, an odd code a number.
fn write_cell(cell: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(cell) = cell else { return out.push(0) };
    if let Some(number) = number(cell) {
        return write_code(number << 1 | 1, out);
    }
    write_code((cell.len() as u64 + 1) << 1, out);
    out.extend_from_slice(cell);
}

fn read_cell<'a>(text: &mut &'a [u8], digits: &mut Vec<u8>) -> Result<Cell<'a>> {
    let code = read_code(text).ok_or_else(damaged)?;
    if code & 1 == 1 {
        let from = digits.len();
        digits.extend_from_slice((code >> 1).to_string().as_bytes());
        return Ok(Cell::Number(from..digits.len()));
    }
    let Some(length) = (code >> 1).checked_sub(1) else { return Ok(Cell::Null) };
    let length = usize::try_from(length).map_err(|_| damaged())?;
    let (cell, rest) = text.split_at_checked(length).ok_or_else(damaged)?;
    *text = rest;
    Ok(Cell::Text(cell))
}

/// Seven bits a byte, the lowest first.
fn write_code(mut code: u64, out: &mut Vec<u8>) {
    while code >= 0x80 {
        out.push((code as u8 & 0x7f) | 0x80);
        code >>= 7;
    }
    out.push(code as u8);
}

fn read_code(text: &mut &[u8]) -> Option<u64> {
    let mut code = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = text.split_first()?;
        *text = rest;
        code |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(code);
        }
    }
    None
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

    fn cell() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "-?[0-9]{0,20}[.]?[0-9]?".prop_map(String::into_bytes),
            any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        ]
    }

    proptest! {
        #[test]
        fn every_cell_comes_back(rows in proptest::collection::vec(
            proptest::collection::vec(proptest::option::of(cell()), 3),
            0..50,
        )) {
            prop_assert_eq!(round_trip(&rows, 3), rows);
        }
    }
}
