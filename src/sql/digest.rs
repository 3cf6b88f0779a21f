//! A digest of a table's rows that does not depend on their order, taken of the statements that are loaded and of
//! the rows that are read back.
//!
//! Each row is hashed by SHA-256 over the values of its cells, and the sum of all hashes is kept. What two servers
//! may write differently and mean the same (`0.50` and `.5`, `-0`, digits after a second) is brought to one form by
//! the column's [`Canon`]. A column whose values may come back as others has none and is not compared.

use super::cells::{Cells, Literal, Token};
use super::literal::{NO_MEMBER, number_len};
use crate::schema::Column;
use sha2::{Digest, Sha256};

/// The form that a column's values are compared in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canon {
    /// Integers and DECIMAL: without zeros that mean nothing, and no -0.
    Number,
    /// FLOAT: the bits of the 4-byte number, 0 for -0 (MariaDB keeps no -0).
    Single,
    /// DOUBLE: the bits of the 8-byte number, 0 for -0.
    Double,
    /// BIT: without leading zero bytes.
    Bits,
    /// Dates and times: without trailing zeros after the second, and no -0.
    Time,
    /// An ENUM that has an empty member: a cell of no member apart from that one.
    Member,
    /// Everything else: the bytes.
    Bytes,
}

impl Canon {
    /// The form for values of `source` that are stored in `target`; none where the target may give back other
    /// values than it was given: native JSON, another character set, another type, trailing blanks.
    #[must_use]
    pub fn of(source: &Column, target: &Column) -> Option<Self> {
        let same_type = source.column_type == target.column_type;
        let may = |canon, condition: bool| condition.then_some(canon);
        match (family(source), family(target)) {
            (Family::Number, Family::Number) => Some(Self::Number),
            (Family::Float, Family::Float) => {
                let canon = if target.data_type == "float" { Self::Single } else { Self::Double };
                // FLOAT(7,2) rounds.
                may(canon, same_type || !target.column_type.contains('('))
            }
            (Family::Bit, Family::Bit) => Some(Self::Bits),
            // BINARY is padded.
            (Family::Binary, Family::Binary) => may(Self::Bytes, same_type || target.data_type != "binary"),
            (Family::Members, Family::Members) => {
                // Members are found without regard to case and given back as the target spells them.
                let canon = if target.has_empty_member() { Self::Member } else { Self::Bytes };
                may(canon, same_type && charset(source) == charset(target))
            }
            (Family::Text | Family::Members, Family::Text) => {
                // CHAR gives back no trailing blanks; native JSON is written anew.
                let keeps = match target.data_type.as_str() {
                    "char" => source.data_type == "char",
                    _ => target.column_type != "json",
                };
                may(Self::Bytes, keeps && charset(source) == charset(target))
            }
            (Family::Time(source), Family::Time(target)) => may(Self::Time, source == target),
            // Printed in ASCII, as it was sent.
            (Family::Address, Family::Text) => {
                may(Self::Bytes, target.column_type != "json" && agrees_with_ascii(target))
            }
            (Family::Address, Family::Address) => may(Self::Bytes, source.data_type == target.data_type),
            _ => None,
        }
    }

    /// Brings the value at the end of `row`, which begins at `from`, to this form. What is not of the type stays.
    pub fn apply(self, row: &mut Vec<u8>, from: usize) {
        match self {
            Self::Number => number(row, from),
            Self::Single => float(row, from, |number| u64::from((number as f32 + 0.0).to_bits())),
            Self::Double => float(row, from, |number| (number + 0.0).to_bits()),
            Self::Bits => {
                let zeros = row[from..].iter().take_while(|byte| **byte == 0).count();
                row.drain(from..from + zeros);
            }
            Self::Time => {
                trim_fraction(row, from);
                if row[from..].first() == Some(&b'-') && is_zero(&row[from..]) {
                    row.remove(from);
                }
            }
            Self::Member | Self::Bytes => {}
        }
    }

    /// Whether the value surely is in its form already, as almost all numbers are. Cheaper than to see it unchanged.
    #[must_use]
    pub fn is_kept(self, value: &[u8]) -> bool {
        match self {
            Self::Number => {
                matches!(value, [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit))
            }
            Self::Bytes => true,
            _ => false,
        }
    }
}

/// Types whose literals mean the same to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Number,
    Float,
    Bit,
    Binary,
    Text,
    Members,
    Time(TimeKind),
    Address,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeKind {
    Date,
    /// DATETIME and TIMESTAMP: every session is in UTC.
    Moment,
    Time,
    Year,
    /// YEAR(2) of old MariaDB tables.
    ShortYear,
}

fn family(column: &Column) -> Family {
    match column.data_type.as_str() {
        "decimal" => Family::Number,
        _ if column.is_integer() => Family::Number,
        "float" | "double" => Family::Float,
        "bit" => Family::Bit,
        "date" => Family::Time(TimeKind::Date),
        "datetime" | "timestamp" => Family::Time(TimeKind::Moment),
        "time" => Family::Time(TimeKind::Time),
        "year" if column.column_type == "year(2)" => Family::Time(TimeKind::ShortYear),
        "year" => Family::Time(TimeKind::Year),
        "uuid" | "inet4" | "inet6" => Family::Address,
        "enum" | "set" => Family::Members,
        "json" => Family::Text,
        _ if column.is_text() => Family::Text,
        // BLOBs, spatial types and VECTOR.
        _ => Family::Binary,
    }
}

/// The character set in which equal text is equal bytes; MySQL's JSON names none.
fn charset(column: &Column) -> &str {
    match column.charset.as_deref() {
        None | Some("utf8" | "utf8mb3" | "utf8mb4") => "utf8",
        Some(other) => other,
    }
}

/// Whether text in ASCII is stored in the same bytes.
fn agrees_with_ascii(column: &Column) -> bool {
    !matches!(column.charset.as_deref(), Some("ucs2" | "utf16" | "utf16le" | "utf32"))
}

fn is_zero(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, b'1'..=b'9'))
}

fn trim_fraction(row: &mut Vec<u8>, from: usize) {
    if !row[from..].contains(&b'.') {
        return;
    }
    while row.last() == Some(&b'0') {
        row.pop();
    }
    if row.last() == Some(&b'.') {
        row.pop();
    }
}

fn number(row: &mut Vec<u8>, from: usize) {
    let text = &row[from..];
    if number_len(text) != Some(text.len()) || text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return;
    }
    trim_fraction(row, from);
    let signed = usize::from(row[from] == b'-');
    let zeros = row[from + signed..].iter().take_while(|byte| **byte == b'0').count();
    let kept = if is_zero(&row[from..]) { 0 } else { signed };
    row.drain(from + kept..from + signed + zeros);
}

fn float(row: &mut Vec<u8>, from: usize, bits: impl Fn(f64) -> u64) {
    if let Some(number) = std::str::from_utf8(&row[from..]).ok().and_then(|text| text.parse().ok()) {
        row.truncate(from);
        row.extend_from_slice(&bits(number).to_le_bytes());
    }
}

/// How many rows, and the sum of their hashes. Two tables with the same rows have the same, whatever the order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableDigest {
    rows: u64,
    sum: u128,
}

impl TableDigest {
    /// How many rows.
    #[must_use]
    pub fn rows(self) -> u64 {
        self.rows
    }

    /// The digest of both tables' rows together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, sum: self.sum.wrapping_add(other.sum) }
    }

    /// The digest without these rows, which were among them.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self { rows: self.rows.wrapping_sub(other.rows), sum: self.sum.wrapping_sub(other.sum) }
    }
}

/// Takes the digest of rows that pass by.
pub struct RowHasher {
    canons: Vec<Option<Canon>>,
    /// The row in canonical form.
    row: Vec<u8>,
    digest: TableDigest,
}

impl std::fmt::Debug for RowHasher {
    // Without the row.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowHasher").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl RowHasher {
    /// For rows with such columns; those without a form are passed over.
    #[must_use]
    pub fn new(canons: Vec<Option<Canon>>) -> Self {
        Self { canons, row: Vec::new(), digest: TableDigest::default() }
    }

    /// Takes in the rows of a statement (see [`super::scan::Scanned::values`]), whose cells are all columns.
    pub fn statement(&mut self, values: &str) {
        let mut column = 0;
        for token in Cells::new(values) {
            match token {
                Token::Cell(literal) => {
                    if let Some(canon) = self.canons.get(column).copied().flatten() {
                        let is_null = literal == Literal::Null;
                        self.cell(canon, is_null, |row| match (canon, literal) {
                            // It is read back as this.
                            (Canon::Member, Literal::Number(_)) => row.extend_from_slice(NO_MEMBER),
                            _ => literal.append_to(row),
                        });
                    }
                    column += 1;
                }
                Token::RowEnd => {
                    self.end_row();
                    column = 0;
                }
            }
        }
    }

    /// Takes in a row that was read: `cell(n)` is the value of the n-th column that has a form.
    pub fn row<'a>(&mut self, cell: impl Fn(usize) -> Option<&'a [u8]>) {
        let mut compared = 0;
        for column in 0..self.canons.len() {
            let Some(canon) = self.canons[column] else { continue };
            let value = cell(compared);
            self.cell(canon, value.is_none(), |row| row.extend_from_slice(value.unwrap_or_default()));
            compared += 1;
        }
        self.end_row();
    }

    /// The digest of all rows so far, and begins anew.
    pub fn take(&mut self) -> TableDigest {
        std::mem::take(&mut self.digest)
    }

    fn cell(&mut self, canon: Canon, is_null: bool, append: impl FnOnce(&mut Vec<u8>)) {
        self.row.push(u8::from(is_null));
        if is_null {
            return;
        }
        // The length before the value: no two rows are written the same.
        let length_at = self.row.len();
        self.row.extend_from_slice(&[0; 8]);
        let from = self.row.len();
        append(&mut self.row);
        canon.apply(&mut self.row, from);
        let length = (self.row.len() - from) as u64;
        self.row[length_at..from].copy_from_slice(&length.to_le_bytes());
    }

    fn end_row(&mut self) {
        let hash = Sha256::digest(&self.row);
        self.row.clear();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        self.digest.rows += 1;
        self.digest.sum = self.digest.sum.wrapping_add(u128::from_le_bytes(half));
    }
}

#[cfg(test)]
mod tests;
