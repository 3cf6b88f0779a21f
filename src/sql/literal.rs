//! How a cell becomes an SQL literal: the one place that decides it, by the *declared* type of the column and
//! never by the flags of a result set (a MariaDB UUID carries the binary flag and is text).
//!
//! Cells come from the text protocol read with `character_set_results=NULL`: text arrives in the bytes that it is
//! stored in, in the column's own character set. A literal written here stores the same value again in a session
//! with `SET NAMES utf8mb4` and `sql_mode='NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES'`
//! (backslash escapes on, see [`super::insert::session_preamble`]).
//!
//! Every literal is valid UTF-8 and free of NUL, line breaks and Ctrl-Z, so a statement is a Rust `str` and passes
//! through a `mysql` client's pipe unharmed. Text of a character set that does not agree with UTF-8 goes as
//! hexadecimal with an introducer, since a trip through `utf8mb4` changes characters (4,465 of 19,472 in sjis).
//! MySQL 9.7 warns about introducers of character sets that it means to drop (1287) and about codes without a
//! character (1300), and stores the bytes as they are.

use crate::error::{Error, Kind, Result};
use crate::schema::Column;
use crate::sql::Ident;

/// Every character set that an introducer may name: those of MySQL and MariaDB, as both spell them.
pub const CHARSETS: [&str; 41] = [
    "armscii8", "ascii", "big5", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866",
    "cp932", "dec8", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8",
    "keybcs2", "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7",
    "tis620", "ucs2", "ujis", "utf16", "utf16le", "utf32", "utf8mb3", "utf8mb4",
];

/// Those whose codes below 128 are not ASCII on both servers (in sjis the backslash alone); in all others, the
/// many-byte ones included, bytes below 128 are the ASCII characters and come back from a plain literal as they
/// were.
const NOT_ASCII: [&str; 6] = ["sjis", "swe7", "ucs2", "utf16", "utf16le", "utf32"];

/// What stands for a cell of no member in the result of [`Form::select_column`]. No member is like it: servers take
/// trailing spaces off members, and no character of more bytes is this one byte.
pub const NO_MEMBER: &[u8] = b" ";

/// How the cells of one column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Integers and DECIMAL: the text as it is, after a check that it is a number.
    Number,
    /// FLOAT and DOUBLE: a number that always carries an exponent. Without one the server reads a DECIMAL, which
    /// knows no -0 and at most 65 digits.
    Float,
    /// Bytes: `x'…'`. BINARY, VARBINARY, BLOBs, BIT, spatial types, VECTOR.
    Hex,
    /// Text in `utf8mb4` or `utf8mb3`, and JSON: `'…'`.
    Utf8,
    /// Text in the named character set, whose first 128 codes are ASCII: `'…'` if it has only those, else as
    /// [`Form::Charset`].
    Ascii(&'static str),
    /// Text in the named character set: `_name x'…'`.
    Charset(&'static str),
    /// An ENUM in the named character set that has an empty member. A cell of no member looks the same, so it is read as
    /// [`NO_MEMBER`] and written `0`; all others as text.
    Member(&'static str),
    /// What a server only ever writes in ASCII without quotes: dates, times, years, UUID, INET4, INET6.
    Quoted,
}

impl Form {
    /// The form for a column.
    ///
    /// # Errors
    /// [`Kind::Schema`] when the type or the character set is not known; it names the column and what it has.
    pub fn of(column: &Column) -> Result<Self> {
        match column.data_type.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" => Ok(Self::Number),
            "float" | "double" => Ok(Self::Float),
            "bit" | "vector" => Ok(Self::Hex),
            "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
            | "geometry" | "geometrycollection" | "geomcollection" => Ok(Self::Hex),
            "date" | "time" | "datetime" | "timestamp" | "year" | "uuid" | "inet4" | "inet6" => {
                Ok(Self::Quoted)
            }
            "json" => column.charset.as_deref().map_or(Ok(Self::Utf8), |name| Self::of_charset(column, name)),
            "enum" if column.has_empty_member() => {
                let name = column.charset.as_deref().unwrap_or("binary");
                known_charset(name).map(Self::Member).ok_or_else(|| unknown_charset(column))
            }
            "enum" | "set" => Self::of_charset(column, column.charset.as_deref().unwrap_or("binary")),
            _ if column.is_binary() => Ok(Self::Hex),
            _ if column.is_text() => match column.charset.as_deref() {
                Some(name) => Self::of_charset(column, name),
                None => Err(schema_error(column, "has no character set")),
            },
            _ => Err(schema_error(column, "is of a type that backfill cannot copy")),
        }
    }

    fn of_charset(column: &Column, name: &str) -> Result<Self> {
        known_charset(name).map(Self::in_charset).ok_or_else(|| unknown_charset(column))
    }

    /// Text in one of [`CHARSETS`].
    fn in_charset(name: &'static str) -> Self {
        match name {
            "utf8mb3" | "utf8mb4" => Self::Utf8,
            "binary" => Self::Hex,
            _ if NOT_ASCII.contains(&name) => Self::Charset(name),
            _ => Self::Ascii(name),
        }
    }

    /// How the column is named in the SELECT list, so that its text carries the whole value.
    #[must_use]
    pub fn select_expression(column: &Column) -> String {
        Self::select_column(column, Ident::new(column.name.as_str()).to_string())
    }

    /// The same under another name for the column, as one with an alias.
    #[must_use]
    pub fn select_column(column: &Column, name: String) -> String {
        if column.has_empty_member() {
            // As bytes: of two texts one would be converted. A number compares with an ENUM's index.
            let no_member: String = NO_MEMBER.iter().map(|byte| format!("{byte:02x}")).collect();
            return format!("IF({name}=0,x'{no_member}',CAST({name} AS BINARY))");
        }
        if column.is_integer() && column.column_type.contains("zerofill") {
            // Masks are read without the zeros, and values have to be what is compared with them.
            return format!("{name}+0");
        }
        Self::select_value(column, name)
    }

    /// The same for a value that stands for the column: something in parentheses. The text protocol rounds FLOAT to six
    /// digits, as a DOUBLE it is exact (`+0e0` would do as well, but makes 0 of -0). DOUBLE itself is exact on both
    /// servers as it stands.
    #[must_use]
    pub fn select_value(column: &Column, value: String) -> String {
        if column.data_type == "float" { format!("{value}*1e0") } else { value }
    }

    /// Appends the literal for `cell` (none: `NULL`) to `out`. Nothing is appended on an error.
    ///
    /// # Errors
    /// [`Kind::Integrity`] when the bytes are not what a column of this form can hold. The value is not in it.
    pub fn write(self, cell: Option<&[u8]>, out: &mut Vec<u8>) -> Result<()> {
        let Some(cell) = cell else {
            out.extend_from_slice(b"NULL");
            return Ok(());
        };
        match self {
            Self::Number => out.extend_from_slice(checked_number(cell)?),
            Self::Float => {
                out.extend_from_slice(checked_number(cell)?);
                if !cell.iter().any(|byte| matches!(byte, b'e' | b'E')) {
                    out.extend_from_slice(b"e0");
                }
            }
            Self::Member(_) if cell == NO_MEMBER => out.push(b'0'),
            Self::Member(charset) => return Self::in_charset(charset).write(Some(cell), out),
            Self::Hex => write_hex(cell, out),
            Self::Utf8 if std::str::from_utf8(cell).is_ok() => write_quoted(cell, out),
            Self::Utf8 => write_introduced("utf8mb4", cell, out),
            Self::Ascii(_) if cell.is_ascii() => write_quoted(cell, out),
            Self::Ascii(name) | Self::Charset(name) => write_introduced(name, cell, out),
            Self::Quoted if cell.iter().all(|byte| is_plain(*byte)) => {
                out.push(b'\'');
                out.extend_from_slice(cell);
                out.push(b'\'');
            }
            Self::Quoted => {
                return Err(Error::integrity(
                    "a value of a date, time, UUID or INET column is not plain text",
                ));
            }
        }
        Ok(())
    }
}

/// The name of a character set as [`CHARSETS`] has it.
fn known_charset(name: &str) -> Option<&'static str> {
    let name = if name == "utf8" { "utf8mb3" } else { name };
    CHARSETS.into_iter().find(|known| *known == name)
}

fn unknown_charset(column: &Column) -> Error {
    schema_error(column, "is of a character set that backfill does not know")
}

fn schema_error(column: &Column, problem: &str) -> Error {
    let charset = column.charset.as_deref().map(|name| format!(", character set {name}")).unwrap_or_default();
    Error::new(Kind::Schema, format!("column `{}` ({}{charset}) {problem}", column.name, column.column_type))
        .hint("leave the table out with `exclude_tables`")
}

/// How many bytes at the front of `text` are a number as the servers print it: `-12`, `0.50`, `1e-7`. None if
/// it does not begin with one.
#[must_use]
pub fn number_len(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

fn checked_number(cell: &[u8]) -> Result<&[u8]> {
    if number_len(cell) == Some(cell.len()) {
        Ok(cell)
    } else {
        Err(Error::integrity("a value of a numeric column is not a number"))
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'\'' && byte != b'\\'
}

/// Bytes looked at in one step: small enough that a dirty block is cheap, wide enough for vector instructions.
const BLOCK: usize = 32;

/// What follows the backslash for bytes that a string literal may not hold as they are.
fn escape_of(byte: u8) -> Option<u8> {
    match byte {
        0 => Some(b'0'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        0x1a => Some(b'Z'),
        b'\'' | b'\\' => Some(byte),
        _ => None,
    }
}

fn write_quoted(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'\'');
    for block in text.chunks(BLOCK) {
        // Without branches, so that the compiler makes vector instructions of it.
        let dirty = block
            .iter()
            .fold(false, |dirty, &byte| dirty | (byte < b' ') | (byte == b'\'') | (byte == b'\\'));
        if dirty {
            for &byte in block {
                match escape_of(byte) {
                    Some(letter) => out.extend_from_slice(&[b'\\', letter]),
                    None => out.push(byte),
                }
            }
        } else {
            out.extend_from_slice(block);
        }
    }
    out.push(b'\'');
}

fn write_introduced(charset: &str, text: &[u8], out: &mut Vec<u8>) {
    if !text.is_empty() {
        out.push(b'_');
        out.extend_from_slice(charset.as_bytes());
        out.push(b' ');
    }
    write_hex(text, out);
}

/// The empty value is `''`, which both servers take wherever `x''` would stand.
fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if bytes.is_empty() {
        out.extend_from_slice(b"''");
        return;
    }
    out.reserve(bytes.len() * 2 + 3);
    out.extend_from_slice(b"x'");
    let mut pairs = [0; BLOCK * 2];
    for block in bytes.chunks(BLOCK) {
        for (pair, &byte) in pairs.chunks_exact_mut(2).zip(block) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        out.extend_from_slice(&pairs[..block.len() * 2]);
    }
    out.push(b'\'');
}

/// Reads a literal back, for tests of everything that writes them.
#[cfg(test)]
pub(super) mod read_back {
    /// The bytes that the literal stores, none for `NULL`; numbers come back as their text.
    pub fn value(literal: &str) -> Option<Vec<u8>> {
        if literal == "NULL" {
            return None;
        }
        if let Some(quoted) = literal.strip_prefix('\'') {
            return Some(unescape(quoted.strip_suffix('\'').unwrap().as_bytes()));
        }
        if let Some(at) = literal.find("x'") {
            let digits = literal[at + 2..].strip_suffix('\'').unwrap();
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            return Some(digits.as_bytes().chunks(2).map(byte).collect());
        }
        Some(literal.into())
    }

    fn unescape(text: &[u8]) -> Vec<u8> {
        let mut bytes = text.iter().copied();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            out.push(if byte == b'\\' {
                match bytes.next().unwrap() {
                    b'0' => 0,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b'Z' => 0x1a,
                    other => other,
                }
            } else {
                assert_ne!(byte, b'\'', "an unescaped quote");
                byte
            });
        }
        out
    }
}

#[cfg(test)]
pub(super) mod tests;
