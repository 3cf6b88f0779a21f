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
mod tests {
    use super::*;
    use crate::sql::insert::{BatchLimits, InsertBatch, Verb};
    use crate::sql::literal::Form;
    use crate::sql::literal::tests::cell;
    use crate::sql::scan::{Expected, scan_insert};
    use proptest::prelude::*;

    fn column(column_type: &str, charset: Option<&str>) -> Column {
        Column { charset: charset.map(Into::into), ..Column::new("c", column_type) }
    }

    #[test]
    fn what_comes_back_as_it_went_is_compared() {
        for (source, target, canon) in [
            ("int(11)", "bigint", Some(Canon::Number)),
            ("decimal(10,2)", "decimal(12,4)", Some(Canon::Number)),
            ("int", "varchar(20)", None),
            ("int", "double", None),
            ("float", "float", Some(Canon::Single)),
            ("float", "double", Some(Canon::Double)),
            ("double", "float", Some(Canon::Single)),
            ("float(7,2)", "float(7,2)", Some(Canon::Single)),
            ("float(7,4)", "float(7,2)", None),
            ("bit(3)", "bit(40)", Some(Canon::Bits)),
            ("bit(8)", "binary(1)", None),
            ("binary(16)", "varbinary(16)", Some(Canon::Bytes)),
            ("varbinary(16)", "binary(16)", None),
            ("binary(16)", "binary(16)", Some(Canon::Bytes)),
            ("point", "geometry", Some(Canon::Bytes)),
            ("vector(3)", "varbinary(12)", Some(Canon::Bytes)),
            ("date", "datetime", None),
            ("datetime", "timestamp(3)", Some(Canon::Time)),
            ("time", "time(6)", Some(Canon::Time)),
            ("year(4)", "year", Some(Canon::Time)),
            ("year(2)", "year", None),
            ("uuid", "uuid", Some(Canon::Bytes)),
            ("uuid", "char(36)", Some(Canon::Bytes)),
            ("inet4", "varchar(15)", Some(Canon::Bytes)),
            ("inet6", "longtext", Some(Canon::Bytes)),
            ("inet6", "varbinary(16)", None),
            ("uuid", "json", None),
            ("varchar(9)", "longtext", Some(Canon::Bytes)),
            ("varchar(9)", "char(9)", None),
            ("char(9)", "char(12)", Some(Canon::Bytes)),
            ("enum('a','b')", "enum('a','b')", Some(Canon::Bytes)),
            ("enum('a','b')", "enum('b','a')", None),
            ("enum('a')", "text", Some(Canon::Bytes)),
            ("text", "json", None),
            ("json", "json", None),
            ("json", "longtext", Some(Canon::Bytes)),
        ] {
            let found = Canon::of(&column(source, None), &column(target, None));
            assert_eq!(found, canon, "{source} into {target}");
        }
    }

    #[test]
    fn text_is_compared_in_one_character_set() {
        for (source, target, compared) in [
            ("utf8mb3", "utf8mb4", true),
            ("latin1", "latin1", true),
            ("latin1", "utf8mb4", false),
            ("sjis", "cp932", false),
        ] {
            let canon = Canon::of(&column("text", Some(source)), &column("text", Some(target)));
            assert_eq!(canon.is_some(), compared, "{source} into {target}");
        }
        for (target, compared) in [("ascii", true), ("latin1", true), ("utf16", false)] {
            let canon = Canon::of(&column("uuid", None), &column("char(36)", Some(target)));
            assert_eq!(canon.is_some(), compared, "uuid into {target}");
        }
    }

    fn canonical(canon: Canon, value: &str) -> Vec<u8> {
        let mut row = b"00.".to_vec();
        row.extend_from_slice(value.as_bytes());
        canon.apply(&mut row, 3);
        row.split_off(3)
    }

    #[test]
    fn values_that_mean_the_same_are_the_same() {
        for (canon, a, b) in [
            (Canon::Number, "0", "-0.00"),
            (Canon::Number, "007", "7.0"),
            (Canon::Number, "-0.50", "-00.5"),
            (Canon::Number, "100", "100.000"),
            (Canon::Single, "0.0105162525", "1.0516252368688583e-2"),
            (Canon::Single, "-0e0", "0"),
            (Canon::Double, "0.1e0", "1e-1"),
            (Canon::Double, "-0", "0e0"),
            (Canon::Bits, "\0\0a", "a"),
            (Canon::Time, "10:00:00.120000", "10:00:00.12"),
            (Canon::Time, "10:00:00", "10:00:00.000"),
            (Canon::Time, "-00:00:00", "00:00:00.0"),
        ] {
            assert_eq!(canonical(canon, a), canonical(canon, b).as_slice(), "{canon:?} {a} {b}");
        }
    }

    #[test]
    fn values_that_differ_stay_different() {
        for (canon, a, b) in [
            (Canon::Number, "10", "1"),
            (Canon::Number, "1", "-1"),
            (Canon::Number, "0.05", "0.5"),
            (Canon::Number, "9007199254740993", "9007199254740992"),
            (Canon::Number, "1e1", "10"),
            (Canon::Single, "16777216", "16777218"),
            (Canon::Double, "0.1", "0.10000000000000002"),
            (Canon::Double, "x", "y"),
            (Canon::Time, "10:00:00.12", "10:00:00.012"),
            (Canon::Time, "2020-01-10", "2020-01-01"),
            (Canon::Time, "-00:00:01", "00:00:01"),
            (Canon::Bytes, "a ", "a"),
        ] {
            assert_ne!(canonical(canon, a), canonical(canon, b), "{canon:?} {a} {b}");
        }
    }

    fn of_rows(canons: &[Option<Canon>], values: &str) -> TableDigest {
        let mut hasher = RowHasher::new(canons.to_vec());
        hasher.statement(values);
        hasher.take()
    }

    #[test]
    fn a_digest_knows_rows_and_not_their_order() {
        let canons = [Some(Canon::Bytes), Some(Canon::Bytes)];
        let digest = |values: &str| of_rows(&canons, values);
        let one = digest("('a','b'),\n('c',NULL);\n");
        assert_eq!(one.rows(), 2);
        assert_eq!(one, digest("('c',NULL),\n('a','b');\n"));
        assert_eq!(one, digest("('a','b');\n").and(digest("('c',NULL);\n")));
        for other in [
            "('a','b');\n",
            "('a','b'),\n('c','');\n",
            "('b','a'),\n('c',NULL);\n",
            "('ab',''),\n('c',NULL);\n",
            "('a',NULL),\n('c','b');\n",
            "('a','b'),\n('a','b');\n",
        ] {
            assert_ne!(one, digest(other), "{other}");
        }
        assert_ne!(
            digest("('a','b'),\n('a','b');\n"),
            digest("('c','d'),\n('c','d');\n"),
            "no pair cancels out"
        );
    }

    #[test]
    fn a_column_without_a_form_is_passed_over() {
        let canons = [Some(Canon::Number), None, Some(Canon::Bytes)];
        let mut read = RowHasher::new(canons.to_vec());
        read.row(|at| [Some(&b"1"[..]), Some(b"x")][at]);
        assert_eq!(of_rows(&canons, "(1,'{}','x');\n"), read.take());
        let nothing = of_rows(&[None], "(1),\n(2);\n");
        assert_eq!((nothing.rows(), nothing), (2, of_rows(&[None], "(3),\n(4);\n")));
    }

    proptest! {
        /// What is written for cells and the cells themselves, as they would be read back, have one digest.
        #[test]
        fn what_is_in_its_form_is_left_as_it_is(value in "[-+]?[0-9]{0,3}[.eE]?[0-9]{0,3}|.{0,6}") {
            for canon in [Canon::Number, Canon::Single, Canon::Double, Canon::Bits, Canon::Time, Canon::Bytes] {
                let mut row = value.clone().into_bytes();
                canon.apply(&mut row, 0);
                prop_assert!(!canon.is_kept(value.as_bytes()) || row == value.as_bytes(), "{canon:?}");
            }
        }

        #[test]
        fn a_statement_and_its_rows_agree(
            cells in proptest::collection::vec((cell(), any::<bool>(), any::<bool>()), 1..6),
        ) {
            let columns: Vec<_> =
                cells.iter().enumerate().map(|(at, ((form, _), ..))| (format!("c{at}"), *form)).collect();
            let canons: Vec<Option<Canon>> = cells
                .iter()
                .map(|((form, _), _, compared)| {
                    let canon = match form {
                        Form::Number => Canon::Number,
                        Form::Float => Canon::Double,
                        Form::Quoted => Canon::Time,
                        _ => Canon::Bytes,
                    };
                    compared.then_some(canon)
                })
                .collect();
            let limits = BatchLimits { rows_max: 9, bytes_max: 1 << 20, statement_bytes_max: 1 << 20 };
            let mut batch = InsertBatch::new(Verb::Insert, "t", &columns, limits);
            let value = |at: usize| (!cells[at].1).then_some(cells[at].0.1.as_slice());
            batch.push(value).unwrap();
            let statement = batch.finish().unwrap();
            let expected = Expected::new(Verb::Insert, "t", columns.iter().map(|(name, _)| name));
            let sent = of_rows(&canons, scan_insert(&statement.sql, &expected).unwrap().values);

            let compared: Vec<usize> = (0..cells.len()).filter(|at| canons[*at].is_some()).collect();
            let mut read = RowHasher::new(canons);
            read.row(|at| value(compared[at]));
            prop_assert_eq!(sent, read.take());
        }
    }
}
