//! Column types: read by a strict grammar, written from an allow-list.

use crate::error::{Error, Kind, Result};
use crate::schema::expression::{quote, take_literal};
use crate::schema::{Column, Flavour, Version};

/// How a type may be followed by parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Never.
    Bare,
    /// At most so many numbers.
    Numbers(usize),
    /// Exactly one number.
    Length,
    /// A list of strings.
    Members,
}

/// All types that backfill knows.
const TYPES: &[(&str, Shape)] = &[
    ("tinyint", Shape::Numbers(1)),
    ("smallint", Shape::Numbers(1)),
    ("mediumint", Shape::Numbers(1)),
    ("int", Shape::Numbers(1)),
    ("bigint", Shape::Numbers(1)),
    ("decimal", Shape::Numbers(2)),
    ("float", Shape::Numbers(2)),
    ("double", Shape::Numbers(2)),
    ("bit", Shape::Numbers(1)),
    ("date", Shape::Bare),
    ("datetime", Shape::Numbers(1)),
    ("timestamp", Shape::Numbers(1)),
    ("time", Shape::Numbers(1)),
    ("year", Shape::Numbers(1)),
    ("char", Shape::Length),
    ("varchar", Shape::Length),
    ("binary", Shape::Length),
    ("varbinary", Shape::Length),
    ("tinytext", Shape::Bare),
    ("text", Shape::Bare),
    ("mediumtext", Shape::Bare),
    ("longtext", Shape::Bare),
    ("tinyblob", Shape::Bare),
    ("blob", Shape::Bare),
    ("mediumblob", Shape::Bare),
    ("longblob", Shape::Bare),
    ("enum", Shape::Members),
    ("set", Shape::Members),
    ("json", Shape::Bare),
    ("uuid", Shape::Bare),
    ("inet4", Shape::Bare),
    ("inet6", Shape::Bare),
    ("vector", Shape::Length),
    ("geometry", Shape::Bare),
    ("point", Shape::Bare),
    ("linestring", Shape::Bare),
    ("polygon", Shape::Bare),
    ("multipoint", Shape::Bare),
    ("multilinestring", Shape::Bare),
    ("multipolygon", Shape::Bare),
    ("geometrycollection", Shape::Bare),
];

/// Comments that MariaDB puts behind types: compressed columns, times in an old format. Neither changes values.
const MARKS: &[&str] = &["/*M!100301 COMPRESSED*/", "/* mariadb-5.3 */", "/* mysql-5.6 */"];

/// A column's type in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::schema) struct ColumnType {
    /// One of [`TYPES`].
    pub(in crate::schema) name: &'static str,
    pub(in crate::schema) numbers: Vec<u32>,
    pub(in crate::schema) members: Vec<String>,
    pub(in crate::schema) unsigned: bool,
    zerofill: bool,
}

impl ColumnType {
    /// The type of a column.
    ///
    /// # Errors
    /// `Schema` when the text is no type that backfill knows, or is not the column's `data_type`.
    pub(in crate::schema) fn of(column: &Column) -> Result<Self> {
        let json = column.data_type == "json";
        let parsed = Self::parse(&column.column_type).filter(|parsed| {
            parsed.name == one_spelling(&column.data_type) || (json && parsed.name == "longtext")
        });
        match parsed {
            Some(_) if json => Ok(Self::bare("json")),
            Some(parsed) => Ok(parsed),
            None => Err(unknown(&column.column_type)),
        }
    }

    /// The type as the server stores it: MariaDB's JSON stays the text that it is.
    ///
    /// # Errors
    /// As [`ColumnType::of`].
    pub(in crate::schema) fn stored(column: &Column) -> Result<Self> {
        Self::of(column)?;
        Self::parse(&column.column_type).ok_or_else(|| unknown(&column.column_type))
    }

    fn bare(name: &'static str) -> Self {
        Self { name, numbers: Vec::new(), members: Vec::new(), unsigned: false, zerofill: false }
    }

    fn with_length(name: &'static str, length: u32) -> Self {
        Self { numbers: vec![length], ..Self::bare(name) }
    }

    /// Reads the whole text or nothing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut text = text.trim();
        for mark in MARKS {
            text = text.strip_suffix(mark).map_or(text, str::trim_end);
        }
        let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let word = one_spelling(word);
        let (name, shape) = *TYPES.iter().find(|(name, _)| *name == word)?;
        let mut parsed = Self::bare(name);
        let mut rest = rest;
        if let Some(inside) = rest.strip_prefix('(') {
            rest = match shape {
                Shape::Members => take_members(inside, &mut parsed.members)?,
                Shape::Numbers(_) | Shape::Length => take_numbers(inside, &mut parsed.numbers)?,
                Shape::Bare => return None,
            };
        }
        for (word, flag) in [(" unsigned", &mut parsed.unsigned), (" zerofill", &mut parsed.zerofill)] {
            if let Some(after) = rest.strip_prefix(word) {
                *flag = true;
                rest = after;
            }
        }
        (rest.is_empty() && parsed.fits(shape)).then_some(parsed)
    }

    fn fits(&self, shape: Shape) -> bool {
        let counted = match shape {
            Shape::Bare => true,
            Shape::Numbers(most) => self.numbers.len() <= most,
            Shape::Length => self.numbers.len() == 1,
            Shape::Members => !self.members.is_empty(),
        };
        counted && (!(self.unsigned || self.zerofill) || self.is_numeric())
    }

    pub(in crate::schema) fn is_integer(&self) -> bool {
        self.name.ends_with("int") && self.name != "point"
    }

    fn is_numeric(&self) -> bool {
        self.is_integer() || matches!(self.name, "decimal" | "float" | "double")
    }

    /// CHAR, VARCHAR, the TEXTs, ENUM and SET: what has a collation.
    pub(in crate::schema) fn is_character(&self) -> bool {
        matches!(self.name, "char" | "varchar" | "enum" | "set") || self.name.ends_with("text")
    }

    /// Types that MySQL indexes by prefix only and gives no literal default: the TEXTs and BLOBs.
    pub(super) fn is_long(&self) -> bool {
        self.name.ends_with("text") || self.name.ends_with("blob")
    }

    /// A geometry of whatever kind.
    pub(in crate::schema) fn is_spatial(&self) -> bool {
        matches!(self.name, "geometry" | "point" | "linestring" | "polygon" | "geometrycollection")
            || self.name.starts_with("multi")
    }

    /// Digits after the second of DATETIME and TIMESTAMP; none for others.
    pub(super) fn fraction(&self) -> Option<u32> {
        matches!(self.name, "datetime" | "timestamp").then(|| self.numbers.first().copied().unwrap_or(0))
    }

    /// The nearest type that the target has, and what to know about it. A replaced type that is text has
    /// the collation given with it.
    pub(in crate::schema) fn on(&self, flavour: Flavour, version: Version) -> Translated {
        let mysql = flavour == Flavour::Mysql;
        let vectors = if mysql { Version(9, 0, 0) } else { Version(11, 7, 0) };
        let (column_type, collation) = match self.name {
            // Text of an address or UUID has one spelling, so comparing without case takes nothing for equal.
            "uuid" if mysql || version < Version(10, 7, 0) => {
                (Self::with_length("char", 36), Some("ascii_general_ci"))
            }
            "inet6" if mysql || version < Version(10, 5, 0) => {
                (Self::with_length("varchar", 45), Some("ascii_general_ci"))
            }
            "inet4" if mysql || version < Version(10, 10, 0) => {
                (Self::with_length("varchar", 15), Some("ascii_general_ci"))
            }
            "vector" if version < vectors => {
                let bytes = self.numbers.first().map_or(0, |dimensions| dimensions.saturating_mul(4));
                (Self::with_length("varbinary", bytes), None)
            }
            _ => (self.clone(), None),
        };
        let replaced = column_type != *self;
        Translated { column_type: column_type.without_width(mysql), collation, replaced }
    }

    /// MySQL warns of display widths since 8.0.17. `tinyint(1)` stays: it means a boolean to many programs.
    fn without_width(mut self, mysql: bool) -> Self {
        let boolean = self.name == "tinyint" && self.numbers == [1];
        if self.name == "year" || (mysql && self.is_integer() && !self.zerofill && !boolean) {
            self.numbers.clear();
        }
        self
    }

    /// Text that holds every member, for values whose members cannot be written down.
    pub(super) fn as_text(&self) -> Self {
        let all = self.members.iter().map(|member| member.chars().count() + 1).sum::<usize>();
        Self::with_length("varchar", u32::try_from(all).unwrap_or(u32::MAX))
    }

    /// As SQL. Strings are written for sessions with backslash escapes, as all of ours are.
    pub(in crate::schema) fn sql(&self) -> String {
        let mut sql = self.name.to_owned();
        let inside: Vec<String> = if self.members.is_empty() {
            self.numbers.iter().map(u32::to_string).collect()
        } else {
            self.members.iter().map(|member| quote(member)).collect()
        };
        if !inside.is_empty() {
            sql.push('(');
            sql.push_str(&inside.join(","));
            sql.push(')');
        }
        if self.unsigned {
            sql.push_str(" unsigned");
        }
        if self.zerofill {
            sql.push_str(" zerofill");
        }
        sql
    }
}

/// A type as the target has it.
pub(in crate::schema) struct Translated {
    pub(in crate::schema) column_type: ColumnType,
    /// The collation of a type that became text.
    pub(in crate::schema) collation: Option<&'static str>,
    /// Whether it is another type now.
    pub(in crate::schema) replaced: bool,
}

/// MySQL 8 has a short name that nobody else reads.
fn one_spelling(word: &str) -> &str {
    if word == "geomcollection" { "geometrycollection" } else { word }
}

fn unknown(text: &str) -> Error {
    let shown: String = text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
    Error::new(Kind::Schema, format!("its type `{shown}` is none that backfill can create"))
}

fn take_numbers<'a>(text: &'a str, numbers: &mut Vec<u32>) -> Option<&'a str> {
    let (inside, rest) = text.split_once(')')?;
    for number in inside.split(',') {
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        numbers.push(number.parse().ok()?);
    }
    Some(rest)
}

fn take_members<'a>(text: &'a str, members: &mut Vec<String>) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let (member, after) = take_literal(rest)?;
        members.push(member);
        if let Some(end) = after.strip_prefix(')') {
            return Some(end);
        }
        rest = after.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MYSQL: (Flavour, Version) = (Flavour::Mysql, Version(9, 7, 0));
    const MYSQL_8: (Flavour, Version) = (Flavour::Mysql, Version(8, 4, 0));
    const MARIA: (Flavour, Version) = (Flavour::Mariadb, Version(10, 11, 0));

    #[test]
    fn types_are_read_and_written_back() {
        for text in [
            "int(11)",
            "int unsigned",
            "int(5) unsigned zerofill",
            "decimal(10,2)",
            "float unsigned",
            "double(10,4)",
            "varchar(255)",
            "char(0)",
            "enum('a','it''s','b,c)','é','\\\\')",
            "set('x','y')",
            "bit(8)",
            "datetime(3)",
            "timestamp",
            "geometrycollection",
            "vector(5)",
            "longtext",
        ] {
            assert_eq!(ColumnType::parse(text).unwrap().sql(), text);
        }
        assert_eq!(ColumnType::parse("geomcollection").unwrap().sql(), "geometrycollection");
        assert_eq!(ColumnType::parse("varchar(9) /*M!100301 COMPRESSED*/").unwrap().sql(), "varchar(9)");
    }

    #[test]
    fn anything_else_is_no_type() {
        for text in [
            "",
            "int)",
            "int(11",
            "int(11) unsigned, evil int",
            "int(-1)",
            "int(1e3)",
            "int(99999999999)",
            "decimal(1,2,3)",
            "varchar",
            "varchar()",
            "varchar(10) unsigned",
            "text(10)",
            "enum()",
            "enum('a'",
            "enum('a',)",
            "enum(\"a\")",
            "enum('a') charset latin1",
            "serial",
            "int /* x */",
            "INT",
            "point unsigned",
        ] {
            assert_eq!(ColumnType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_type_must_be_the_one_announced() {
        let column = |data_type: &str, column_type: &str| {
            let mut column = crate::schema::ddl::tests::column("c", column_type);
            data_type.clone_into(&mut column.data_type);
            column
        };
        assert_eq!(ColumnType::of(&column("json", "longtext")).unwrap().name, "json");
        assert_eq!(ColumnType::stored(&column("json", "longtext")).unwrap().name, "longtext");
        assert_eq!(
            ColumnType::of(&column("geomcollection", "geomcollection")).unwrap().sql(),
            "geometrycollection"
        );
        assert!(ColumnType::of(&column("int", "varchar(3)")).is_err());
        assert!(ColumnType::of(&column("json", "text")).is_err());
    }

    #[test]
    fn types_are_translated_where_the_target_lacks_them() {
        for (text, (flavour, version), expected) in [
            ("uuid", MYSQL, "char(36)"),
            ("uuid", MARIA, "uuid"),
            ("inet6", MYSQL, "varchar(45)"),
            ("inet4", MYSQL, "varchar(15)"),
            ("vector(3)", MYSQL, "vector(3)"),
            ("vector(3)", MYSQL_8, "varbinary(12)"),
            ("vector(3)", MARIA, "varbinary(12)"),
            ("int(11)", MYSQL, "int"),
            ("int(11)", MARIA, "int(11)"),
            ("tinyint(1)", MYSQL, "tinyint(1)"),
            ("tinyint(4)", MYSQL, "tinyint"),
            ("int(5) unsigned zerofill", MYSQL, "int(5) unsigned zerofill"),
            ("year(4)", MARIA, "year"),
            ("json", MARIA, "json"),
        ] {
            let translated = ColumnType::parse(text).unwrap().on(flavour, version);
            assert_eq!(translated.column_type.sql(), expected, "{text} on {flavour} {version}");
        }
    }

    proptest! {
        #[test]
        fn members_of_any_text_survive(members in proptest::collection::vec(".*", 1..5)) {
            let list: Vec<String> = members.iter().map(|m| quote(m)).collect();
            let parsed = ColumnType::parse(&format!("enum({})", list.join(",")));
            prop_assert_eq!(parsed.map(|p| p.members), Some(members));
        }

        #[test]
        fn nothing_is_written_that_was_not_parsed(text in "[a-z(),' 0-9;]{0,24}") {
            if let Some(parsed) = ColumnType::parse(&text) {
                prop_assert_eq!(ColumnType::parse(&parsed.sql()), Some(parsed));
            }
        }
    }
}
