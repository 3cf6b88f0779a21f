//! Walks through the rows of a statement that [`super::scan`] has passed, cell by cell and without a copy.

use super::literal::number_len;
use memchr::{memchr, memchr2};

/// One cell, as it stands in the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literal<'a> {
    /// `NULL`.
    Null,
    /// A number without quotes.
    Number(&'a [u8]),
    /// What stands between the quotes of a string, escapes and doubled quotes included.
    Quoted(&'a [u8]),
    /// The digits of `x'…'`, with or without an introducer.
    Hex(&'a [u8]),
    /// The digits of `b'…'`.
    Bits(&'a [u8]),
}

impl Literal<'_> {
    /// Appends the bytes that the literal means, none for `NULL`; a number is its text.
    pub fn append_to(self, out: &mut Vec<u8>) {
        match self {
            Self::Null => {}
            Self::Number(text) => out.extend_from_slice(text),
            Self::Quoted(text) => unquote(text, out),
            Self::Hex(digits) => {
                out.extend(digits.chunks_exact(2).map(|pair| (nibble(pair[0]) << 4) | nibble(pair[1])));
            }
            Self::Bits(digits) => {
                let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| (byte << 1) | (bit & 1));
                let (first, rest) = digits.split_at(digits.len() % 8);
                out.extend((!first.is_empty()).then(|| byte(first)));
                out.extend(rest.chunks_exact(8).map(byte));
            }
        }
    }
}

/// What comes next in the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// The row's next cell.
    Cell(Literal<'a>),
    /// The row has no more cells.
    RowEnd,
}

/// The tokens of [`super::scan::Scanned::values`]. It trusts the scanner: other text ends it early or is walked
/// through in some way, never with a panic.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    rest: &'a [u8],
}

impl<'a> Cells<'a> {
    /// Over what stands after `VALUES`.
    #[must_use]
    pub fn new(values: &'a str) -> Self {
        Self { rest: values.as_bytes() }
    }

    /// Cuts off the first `len` bytes and as many of the `after` that follow as there are.
    fn take(&mut self, len: usize, after: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest.get(after..).unwrap_or_default();
        taken
    }

    /// What stands before the next quote, which goes too.
    fn digits(&mut self, prefix: usize) -> Option<&'a [u8]> {
        self.take(prefix, 0);
        let len = memchr(b'\'', self.rest)?;
        Some(self.take(len, 1))
    }

    fn quoted(&mut self) -> Option<&'a [u8]> {
        self.take(1, 0);
        let mut len = 0;
        loop {
            let rest = self.rest.get(len..)?;
            len += memchr2(b'\'', b'\\', rest)?;
            // An escaped byte and the second of two quotes are part of the text, whatever they are.
            if self.rest[len] == b'\\' || self.rest.get(len + 1) == Some(&b'\'') {
                len += 2;
            } else {
                return Some(self.take(len, 1));
            }
        }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let literal = match *self.rest.first()? {
                b'(' | b',' | b'\n' => {
                    self.take(1, 0);
                    continue;
                }
                b')' => {
                    self.take(1, 0);
                    return Some(Token::RowEnd);
                }
                b'\'' => Literal::Quoted(self.quoted()?),
                b'N' => {
                    self.take(4, 0);
                    Literal::Null
                }
                b'x' => Literal::Hex(self.digits(2)?),
                b'b' => Literal::Bits(self.digits(2)?),
                b'_' => {
                    let introducer = memchr(b'\'', self.rest)?;
                    Literal::Hex(self.digits(introducer + 1)?)
                }
                b';' => return None,
                _ => {
                    let len = number_len(self.rest)?;
                    Literal::Number(self.take(len, 0))
                }
            };
            return Some(Token::Cell(literal));
        }
    }
}

/// Reads a string literal as both servers do with backslash escapes on.
fn unquote(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr2(b'\'', b'\\', text) {
        out.extend_from_slice(&text[..at]);
        let Some(&second) = text.get(at + 1) else { return };
        match (text[at], second) {
            (b'\\', b'0') => out.push(0),
            (b'\\', b'n') => out.push(b'\n'),
            (b'\\', b'r') => out.push(b'\r'),
            (b'\\', b't') => out.push(b'\t'),
            (b'\\', b'b') => out.push(8),
            (b'\\', b'Z') => out.push(0x1a),
            // For patterns: these two keep their backslash.
            (b'\\', b'%' | b'_') => out.extend_from_slice(&[b'\\', second]),
            _ => out.push(second),
        }
        text = &text[at + 2..];
    }
    out.extend_from_slice(text);
}

fn nibble(digit: u8) -> u8 {
    // The scanner lets hexadecimal digits through and nothing else; letters have bit 6 set.
    (digit & 15) + 9 * (digit >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::insert::{BatchLimits, InsertBatch, Verb};
    use crate::sql::literal::Form;
    use crate::sql::literal::tests::cell;
    use crate::sql::scan::{Expected, scan_insert};
    use proptest::prelude::*;

    /// Rows of values, none for `NULL`.
    fn rows(values: &str) -> Vec<Vec<Option<Vec<u8>>>> {
        let (mut rows, mut row) = (Vec::new(), Vec::new());
        for token in Cells::new(values) {
            match token {
                Token::Cell(Literal::Null) => row.push(None),
                Token::Cell(literal) => {
                    let mut value = Vec::new();
                    literal.append_to(&mut value);
                    row.push(Some(value));
                }
                Token::RowEnd => rows.push(std::mem::take(&mut row)),
            }
        }
        assert!(row.is_empty(), "a row without an end");
        rows
    }

    #[test]
    fn every_literal_gives_its_value() {
        for (text, value) in [
            ("-1.5e-7", &b"-1.5e-7"[..]),
            ("'a\\'b''c\\\\'", b"a'b'c\\"),
            ("'\\0\\n\\r\\t\\b\\Z\\%\\_\\x\\\"'", b"\0\n\r\t\x08\x1a\\%\\_x\""),
            ("'),\n(;'", b"),\n(;"),
            ("''", b""),
            ("''''", b"'"),
            ("x''", b""),
            ("x'00fFa0'", b"\x00\xff\xa0"),
            ("_latin1 x'e9'", b"\xe9"),
            ("b''", b""),
            ("b'101'", b"\x05"),
            ("b'0000000111111111'", b"\x01\xff"),
            ("b'111111111'", b"\x01\xff"),
        ] {
            let cell = Some(value.to_vec());
            assert_eq!(rows(&format!("({text},NULL);\n")), [[cell.clone(), None]], "{text}");
            assert_eq!(rows(&format!("(NULL),\n({text});\n")), [[None], [cell]], "{text}");
        }
        assert_eq!(rows("(),\n();\n"), [[], []] as [[Option<Vec<u8>>; 0]; 2]);
    }

    proptest! {
        #[test]
        fn what_a_batch_was_made_of_comes_back(
            cells in proptest::collection::vec((cell(), any::<bool>()), 0..6),
            count in 1_usize..5,
        ) {
            let columns: Vec<_> =
                cells.iter().enumerate().map(|(at, ((form, _), _))| (format!("c{at}"), *form)).collect();
            let limits = BatchLimits { rows_max: 9, bytes_max: 1 << 20, statement_bytes_max: 1 << 20 };
            let mut batch = InsertBatch::new(Verb::Insert, "t", &columns, limits);
            for _ in 0..count {
                batch.push(|at| (!cells[at].1).then_some(cells[at].0.1.as_slice())).unwrap();
            }
            let statement = batch.finish().unwrap();
            let expected = Expected::new(Verb::Insert, "t", columns.iter().map(|(name, _)| name));
            let scanned = scan_insert(&statement.sql, &expected).unwrap();
            let row: Vec<Option<Vec<u8>>> = cells
                .iter()
                .map(|((form, bytes), null)| {
                    let exponent = *form == Form::Float && !bytes.contains(&b'e');
                    let bytes = if exponent { [bytes, &b"e0"[..]].concat() } else { bytes.clone() };
                    (!null).then_some(bytes)
                })
                .collect();
            prop_assert_eq!(rows(scanned.values), vec![row; count]);
        }

        #[test]
        fn text_that_was_not_scanned_makes_no_panic(text in "[(),\n;'\\\\xb_N0-9a-f.é-]{0,40}") {
            let mut out = Vec::new();
            for token in Cells::new(&text) {
                if let Token::Cell(literal) = token {
                    literal.append_to(&mut out);
                }
            }
        }
    }
}
