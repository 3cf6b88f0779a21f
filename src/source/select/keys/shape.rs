//! Keys as bytes that sort as they are meant to: integers by their value, everything else by its bytes, column by
//! column. Two keys of one table are equal exactly where their bytes are.

use crate::error::{Error, Result};
use crate::schema::Column;

/// What the cells of a key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyShape(Vec<Part>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Integer,
    Bytes,
}

/// In front of NULL, which comes first.
const NULL: u8 = 0;
/// In front of bytes.
const BYTES: u8 = 1;
/// In front of an integer of no bytes: 0. Greater ones have more bytes and a greater mark, negative ones a smaller.
const ZERO: u8 = 0x80;
/// Behind a 0 that is one of the bytes; an end is followed by 0.
const ESCAPED: u8 = 0xff;

impl KeyShape {
    /// Keys of these columns.
    #[must_use]
    pub fn of<'a>(columns: impl IntoIterator<Item = &'a Column>) -> Self {
        let part = |column: &Column| match column.is_integer() || column.data_type == "year" {
            true => Part::Integer,
            false => Part::Bytes,
        };
        Self(columns.into_iter().map(part).collect())
    }

    /// Keys of one number.
    #[must_use]
    pub fn number() -> Self {
        Self(vec![Part::Integer])
    }

    /// One key's cells behind another's.
    #[must_use]
    pub fn then(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).copied().collect())
    }

    /// How many cells a key has.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.0.len()
    }

    /// Appends a key whose cells the server gave, none for NULL.
    ///
    /// # Errors
    /// `Integrity` when a cell of an integer column is no integer. The value is not in it.
    pub fn encode<'a>(
        &self,
        cells: impl IntoIterator<Item = Option<&'a [u8]>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        for (part, cell) in self.0.iter().zip(cells) {
            match (part, cell) {
                (_, None) => out.push(NULL),
                (Part::Integer, Some(cell)) => write_integer(cell, out)?,
                (Part::Bytes, Some(cell)) => write_bytes(cell, out),
            }
        }
        Ok(())
    }

    /// The cells of a key.
    ///
    /// # Errors
    /// `Internal` when it is no key of this shape.
    pub fn decode(&self, mut key: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut cells = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            let read = match part {
                _ if key.first() == Some(&NULL) => Some((None, &key[1..])),
                Part::Integer => read_integer(key),
                Part::Bytes => read_bytes(key),
            };
            let (cell, rest) = read.ok_or_else(|| Error::internal("a key does not read back"))?;
            cells.push(cell);
            key = rest;
        }
        Ok(cells)
    }
}

/// The key of a number.
pub(in crate::source::select) fn number_key(number: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(9);
    push_integer(i128::from(number), &mut key);
    key
}

/// The number of such a key, and what stands behind it.
pub(in crate::source::select) fn split_number(key: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = parse_integer(key)?;
    Some((u64::try_from(number).ok()?, rest))
}

fn write_integer(cell: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let number = std::str::from_utf8(cell).ok().and_then(|text| text.parse::<i128>().ok());
    let number = number.filter(|number| number.unsigned_abs() <= u128::from(u64::MAX));
    let number = number.ok_or_else(|| Error::integrity("a value of an integer column is no integer"))?;
    push_integer(number, out);
    Ok(())
}

fn push_integer(number: i128, out: &mut Vec<u8>) {
    let bytes = number.unsigned_abs().to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    // At most 8 by the callers.
    let len = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    if number < 0 {
        out.push(ZERO - len);
        out.extend(bytes.iter().map(|byte| !byte));
    } else {
        out.push(ZERO + len);
        out.extend_from_slice(bytes);
    }
}

fn parse_integer(key: &[u8]) -> Option<(i128, &[u8])> {
    let (mark, rest) = key.split_first()?;
    let (bytes, rest) = rest.split_at_checked(usize::from(mark.abs_diff(ZERO)))?;
    let negative = *mark < ZERO;
    let value = |byte: &u8| i128::from(if negative { !*byte } else { *byte });
    let number = bytes.iter().fold(0, |number: i128, byte| (number << 8) | value(byte));
    Some((if negative { -number } else { number }, rest))
}

fn read_integer(key: &[u8]) -> Option<(Option<Vec<u8>>, &[u8])> {
    let (number, rest) = parse_integer(key)?;
    Some((Some(number.to_string().into_bytes()), rest))
}

fn write_bytes(cell: &[u8], out: &mut Vec<u8>) {
    out.push(BYTES);
    for part in cell.split_inclusive(|byte| *byte == 0) {
        out.extend_from_slice(part);
        if part.last() == Some(&0) {
            out.push(ESCAPED);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn read_bytes(key: &[u8]) -> Option<(Option<Vec<u8>>, &[u8])> {
    let mut rest = key.strip_prefix(&[BYTES])?;
    let mut cell = Vec::new();
    loop {
        let at = memchr::memchr(0, rest)?;
        cell.extend_from_slice(&rest[..at]);
        let behind = *rest.get(at + 1)?;
        rest = &rest[at + 2..];
        if behind != ESCAPED {
            return Some((Some(cell), rest));
        }
        cell.push(0);
    }
}
