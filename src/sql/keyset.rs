//! Rows named by their keys inside a `SELECT`: the keys travel as JSON, the server makes a table of them and looks each
//! up in the index of the key. Nothing is written for it, and 10,000 keys cost what reading as many rows costs, where an
//! IN list of them is searched again for each row.
//!
//! Every value is written in ASCII: integers as JSON numbers, bytes and text as hexadecimal digits, the rest as the
//! server prints it. What makes the column's value of that again stands in the join condition: text gets the column's
//! own character set and collation, so that the lookup is one by index and compares as the column does.

use super::select::column_of;
use crate::error::{Error, Kind, Result};
use crate::schema::{Column, Flavour, Version};
use crate::sql::literal::number_len;
use std::fmt;

/// Most keys of one statement.
pub const KEYS_MAX: u64 = 10_000;
/// Most bytes of the JSON of one statement, far below the smallest `max_allowed_packet` in use; a single key may have
/// more.
const JSON_BYTES_MAX: usize = 512 * 1024;
/// What the keys are called in a statement.
const ALIAS: &str = "backfill_keys";
/// The number of a key in its statement, from 1. As those of [`cell_name`], no column of a table has that name.
const ORDINAL: &str = "_backfill_n";

/// Whether a server can make a table of JSON: MariaDB from 10.6 on, MySQL from 8.0.4 on.
#[must_use]
pub fn is_supported(flavour: Flavour, version: Version) -> bool {
    match flavour {
        Flavour::Mariadb => version >= Version(10, 6, 0),
        Flavour::Mysql => version >= Version(8, 0, 4),
    }
}

/// How the values of one column are passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// A JSON number, as one of the integer types.
    Integer {
        /// Whether it has no sign.
        unsigned: bool,
    },
    /// As the server prints it, made into this type again.
    Cast(String),
    /// FLOAT and DOUBLE.
    Float,
    /// Hexadecimal digits of bytes.
    Bytes,
    /// Hexadecimal digits of a bit string.
    Bits,
    /// Hexadecimal digits of text in this character set, compared by this collation.
    Text {
        /// The character set.
        charset: String,
        /// The collation.
        collation: Option<String>,
    },
}

impl Passed {
    /// How values of that column are passed.
    ///
    /// # Errors
    /// `Schema` when values of its type cannot be looked up.
    pub fn of(column: &Column) -> Result<Self> {
        let cast = |to: &str| Ok(Self::Cast(to.to_owned()));
        match column.data_type.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
                Ok(Self::Integer { unsigned: column.column_type.contains("unsigned") })
            }
            "year" => Ok(Self::Integer { unsigned: false }),
            "decimal" => Ok(Self::Cast(decimal_type(&column.column_type))),
            "float" | "double" => Ok(Self::Float),
            "date" => cast("DATE"),
            "datetime" | "timestamp" => cast("DATETIME(6)"),
            "time" => cast("TIME(6)"),
            "uuid" | "inet4" | "inet6" => cast(&column.data_type.to_uppercase()),
            "bit" => Ok(Self::Bits),
            "enum" | "set" => Ok(Self::text(column)),
            _ if column.is_binary() => Ok(Self::Bytes),
            _ if column.is_text() => Ok(Self::text(column)),
            _ => Err(Error::new(
                Kind::Schema,
                format!("rows cannot be looked up by column `{}` ({})", column.name, column.column_type),
            )),
        }
    }

    fn text(column: &Column) -> Self {
        let charset = column.charset.clone().unwrap_or_else(|| "binary".to_owned());
        match charset.as_str() {
            "binary" => Self::Bytes,
            _ => Self::Text { charset, collation: column.collation.clone() },
        }
    }

    /// The type of the JSON table's column.
    fn declared(&self) -> &'static str {
        match self {
            Self::Integer { unsigned: true } => "BIGINT UNSIGNED",
            Self::Integer { unsigned: false } => "BIGINT",
            Self::Float => "DOUBLE",
            Self::Cast(_) | Self::Bits => "VARCHAR(100) CHARACTER SET ascii",
            Self::Bytes | Self::Text { .. } => "LONGTEXT CHARACTER SET ascii",
        }
    }

    /// The value again, of the JSON table's column.
    fn value(&self, column: &str) -> String {
        match self {
            Self::Integer { .. } | Self::Float => column.to_owned(),
            Self::Cast(to) => format!("CAST({column} AS {to})"),
            Self::Bytes => format!("UNHEX({column})"),
            Self::Bits => format!("CAST(CONV({column}, 16, 10) AS UNSIGNED)"),
            Self::Text { charset, collation } => {
                let collate = collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default();
                format!("CONVERT(UNHEX({column}) USING {charset}){collate}")
            }
        }
    }

    fn write(&self, cell: &[u8], out: &mut String) -> Result<()> {
        match self {
            Self::Integer { .. } if is_integer(cell) => push_ascii(cell, out),
            Self::Float if number_len(cell) == Some(cell.len()) => quoted(|out| push_ascii(cell, out), out),
            Self::Cast(_) if cell.iter().all(is_plain) => quoted(|out| push_ascii(cell, out), out),
            Self::Bytes | Self::Bits | Self::Text { .. } => quoted(|out| push_hex(cell, out), out),
            _ => return Err(Error::integrity("a value of a key is not what its column can hold")),
        }
        Ok(())
    }
}

/// The JSON table's own name of the column at that position.
fn cell_name(at: usize) -> String {
    format!("_backfill_k{at}")
}

/// `DECIMAL(40,20)` of `decimal(40,20) unsigned`.
fn decimal_type(column_type: &str) -> String {
    let end = column_type.find(')').map_or(column_type.len(), |at| at + 1);
    column_type[..end].to_uppercase()
}

/// As JSON writes integers: without zeros in front.
fn is_integer(cell: &[u8]) -> bool {
    let digits = cell.strip_prefix(b"-").unwrap_or(cell);
    let zeros = digits.len() > 1 && digits[0] == b'0';
    !digits.is_empty() && !zeros && digits.iter().all(u8::is_ascii_digit)
}

/// Neither JSON nor SQL have another meaning for it inside quotes.
fn is_plain(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'+' | b':' | b'.')
}

fn quoted(write: impl FnOnce(&mut String), out: &mut String) {
    out.push('"');
    write(out);
    out.push('"');
}

fn push_ascii(cell: &[u8], out: &mut String) {
    out.extend(cell.iter().copied().map(char::from));
}

fn push_hex(cell: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    out.reserve(cell.len() * 2);
    cell.iter().for_each(|byte| out.extend([digit(byte >> 4), digit(*byte)]));
}

/// A table of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTable {
    columns: Vec<Passed>,
    json: String,
    rows: u64,
}

impl KeyTable {
    /// An empty one.
    #[must_use]
    pub fn new(columns: Vec<Passed>) -> Self {
        Self { columns, json: String::new(), rows: 0 }
    }

    /// Adds a key: a cell for each column as the server printed it, none for NULL.
    ///
    /// # Errors
    /// `Integrity` when a cell is not what its column can hold. The value is not in it.
    pub fn push<'a>(&mut self, cells: impl IntoIterator<Item = Option<&'a [u8]>>) -> Result<()> {
        self.json.push_str(if self.rows == 0 { "[" } else { ",[" });
        for (at, (passed, cell)) in self.columns.iter().zip(cells).enumerate() {
            if at > 0 {
                self.json.push(',');
            }
            match cell {
                Some(cell) => passed.write(cell, &mut self.json)?,
                None => self.json.push_str("null"),
            }
        }
        self.json.push(']');
        self.rows += 1;
        Ok(())
    }

    /// How many keys it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether a statement should not get more of them.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows >= KEYS_MAX || self.json.len() >= JSON_BYTES_MAX
    }

    /// Whether a statement gets as many keys again.
    #[must_use]
    pub fn is_half_full(&self) -> bool {
        self.rows >= KEYS_MAX / 2 || self.json.len() >= JSON_BYTES_MAX / 2
    }

    /// The value of the key's column at that position, to compare with columns of other tables.
    #[must_use]
    pub fn value(&self, at: usize) -> String {
        let column = column_of(Some(ALIAS), &cell_name(at));
        self.columns.get(at).map_or(column.clone(), |passed| passed.value(&column))
    }

    /// The number of a key among those of its statement, from 1.
    #[must_use]
    pub fn ordinal() -> String {
        column_of(Some(ALIAS), ORDINAL)
    }
}

impl fmt::Display for KeyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JSON_TABLE('[{}]', '$[*]' COLUMNS ({ORDINAL} FOR ORDINALITY", self.json)?;
        for (at, passed) in self.columns.iter().enumerate() {
            write!(f, ", {} {} PATH '$[{at}]'", cell_name(at), passed.declared())?;
        }
        write!(f, ")) AS {ALIAS}")
    }
}

/// The rows of a table that some keys name: what a [`Select`](super::select::Select) is driven by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLookup {
    /// The keys.
    pub keys: KeyTable,
    /// The table's columns that they are values of.
    pub columns: Vec<String>,
    /// The index that the rows are looked up by; none leaves the choice to the server.
    pub index: Option<String>,
}

impl KeyLookup {
    /// The join condition, over columns of `alias`.
    pub(super) fn condition(&self, alias: Option<&str>) -> String {
        let columns = self.columns.iter().enumerate();
        let terms: Vec<String> = columns
            .map(|(at, column)| format!("{} = {}", column_of(alias, column), self.keys.value(at)))
            .collect();
        terms.join(" AND ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::TableName;
    use crate::sql::select::{Join, JoinKind, Select};

    fn text(charset: &str, collation: &str) -> Column {
        Column {
            charset: Some(charset.into()),
            collation: Some(collation.into()),
            ..Column::new("c", "varchar(9)")
        }
    }

    #[test]
    fn keys_drive_the_statement() {
        let mut keys = KeyTable::new(vec![
            Passed::Integer { unsigned: true },
            Passed::of(&text("latin1", "latin1_bin")).unwrap(),
        ]);
        keys.push([Some(b"18446744073709551615".as_slice()), Some(b"a'\\\xe9")]).unwrap();
        keys.push([Some(b"0".as_slice()), None]).unwrap();
        let select = Select {
            alias: Some("t".into()),
            keys: Some(KeyLookup {
                keys,
                columns: vec!["a".into(), "b".into()],
                index: Some("PRIMARY".into()),
            }),
            joins: vec![Join {
                kind: JoinKind::Left,
                table: TableName::qualified("app", "p"),
                alias: "p".into(),
                index: None,
                on: vec!["`p`.`id` = `t`.`p`".into()],
                inner: None,
            }],
            ..Select::all(TableName::qualified("app", "t"), [KeyTable::ordinal(), "`t`.`x`".into()].into())
        };
        assert_eq!(
            select.to_string(),
            "SELECT `backfill_keys`.`_backfill_n`, `t`.`x` FROM \
             JSON_TABLE('[[18446744073709551615,\"61275ce9\"],[0,null]]', '$[*]' COLUMNS (_backfill_n FOR ORDINALITY, \
             _backfill_k0 BIGINT UNSIGNED PATH '$[0]', _backfill_k1 LONGTEXT CHARACTER SET ascii PATH '$[1]')) AS backfill_keys \
             STRAIGHT_JOIN `app`.`t` AS `t` FORCE INDEX (`PRIMARY`) ON `t`.`a` = `backfill_keys`.`_backfill_k0` AND \
             `t`.`b` = CONVERT(UNHEX(`backfill_keys`.`_backfill_k1`) USING latin1) COLLATE latin1_bin \
             LEFT JOIN `app`.`p` AS `p` ON `p`.`id` = `t`.`p`"
        );
    }

    #[test]
    fn every_type_is_passed_so_that_nothing_is_lost() {
        let passed = |column: &Column, cell: &[u8]| {
            let passed = Passed::of(column).unwrap();
            let mut json = String::new();
            passed.write(cell, &mut json).unwrap();
            (json, passed.value("k"))
        };
        for (column, cell, json, value) in [
            (Column::new("c", "int(11)"), &b"-5"[..], "-5", "k"),
            (Column::new("c", "year"), b"2024", "2024", "k"),
            (Column::new("c", "decimal(40,20) unsigned"), b"0.50", "\"0.50\"", "CAST(k AS DECIMAL(40,20))"),
            (Column::new("c", "double"), b"1.5e-7", "\"1.5e-7\"", "k"),
            (Column::new("c", "date"), b"0000-00-00", "\"0000-00-00\"", "CAST(k AS DATE)"),
            (
                Column::new("c", "timestamp(3)"),
                b"2024-01-01 00:00:00.001",
                "\"2024-01-01 00:00:00.001\"",
                "CAST(k AS DATETIME(6))",
            ),
            (Column::new("c", "time"), b"-838:59:59", "\"-838:59:59\"", "CAST(k AS TIME(6))"),
            (Column::new("c", "inet6"), b"fe80::1", "\"fe80::1\"", "CAST(k AS INET6)"),
            (Column::new("c", "bit(13)"), b"\x1f\xff", "\"1fff\"", "CAST(CONV(k, 16, 10) AS UNSIGNED)"),
            (Column::new("c", "varbinary(9)"), b"\0\"", "\"0022\"", "UNHEX(k)"),
            (
                text("sjis", "sjis_bin"),
                b"\x83\\",
                "\"835c\"",
                "CONVERT(UNHEX(k) USING sjis) COLLATE sjis_bin",
            ),
            (
                text("utf8mb4", "utf8mb4_bin"),
                b"",
                "\"\"",
                "CONVERT(UNHEX(k) USING utf8mb4) COLLATE utf8mb4_bin",
            ),
        ] {
            assert_eq!(passed(&column, cell), (json.to_owned(), value.to_owned()), "{}", column.column_type);
        }
        assert!(Passed::of(&Column::new("c", "geometry")).is_err());
    }

    #[test]
    fn what_could_end_the_json_or_the_literal_is_refused() {
        for (column, cells) in [
            ("int", &["", "-", "01", "1]", "1'", "x"][..]),
            ("decimal(9,2)", &["1\"", "'", "\\", "[1]", "é"]),
            ("double", &["nan", "1,2", ""]),
        ] {
            let passed = Passed::of(&Column::new("c", column)).unwrap();
            for cell in cells {
                assert!(passed.write(cell.as_bytes(), &mut String::new()).is_err(), "{column} {cell:?}");
            }
        }
    }

    #[test]
    fn older_servers_make_no_tables_of_json() {
        assert!(
            !is_supported(Flavour::Mysql, Version(5, 7, 44))
                && is_supported(Flavour::Mysql, Version(8, 0, 4))
        );
        assert!(
            !is_supported(Flavour::Mariadb, Version(10, 5, 29))
                && is_supported(Flavour::Mariadb, Version(10, 6, 0))
        );
    }

    #[test]
    fn a_statement_gets_so_many_keys_and_no_more() {
        let mut keys = KeyTable::new(vec![Passed::Integer { unsigned: false }]);
        for _ in 0..KEYS_MAX {
            assert!(!keys.is_full());
            keys.push([Some(b"1".as_slice())]).unwrap();
        }
        assert!(keys.is_full() && keys.rows() == KEYS_MAX);
        let mut long = KeyTable::new(vec![Passed::Bytes]);
        long.push([Some(vec![0; JSON_BYTES_MAX].as_slice())]).unwrap();
        assert!(long.is_full());
    }
}
