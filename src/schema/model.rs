//! The types of a schema. They travel in the manifest, so their serialized names are part of the API.

use super::ddl::types::ColumnType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Character sets with characters beyond the BMP (above U+FFFF).
pub const BEYOND_BMP: [&str; 5] = ["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"];

/// Which of the two families a server belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// MariaDB, any version.
    Mariadb,
    /// MySQL and what is built from it (Percona Server, Aurora).
    Mysql,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mariadb => "MariaDB",
            Self::Mysql => "MySQL",
        })
    }
}

/// A server version, `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u16, pub u16, pub u16);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Everything that introspection learns about one database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The database's name.
    pub database: String,
    /// Its server's family.
    pub flavour: Flavour,
    /// Its server's version.
    pub version: Version,
    /// By name. Base tables, system-versioned tables and sequences; views are only counted.
    pub tables: BTreeMap<String, Table>,
    /// Of all tables, in the order (table, name).
    pub foreign_keys: Vec<ForeignKey>,
    /// Of all tables, in the order (table, firing order).
    pub triggers: Vec<Trigger>,
    /// How many views there are (never copied, only counted).
    pub views: u64,
    /// How many stored procedures and functions there are.
    pub routines: u64,
    /// How many events there are.
    pub events: u64,
}

/// What kind of thing a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// An ordinary table.
    Base,
    /// A MariaDB table `WITH SYSTEM VERSIONING`: only its current rows are copied.
    SystemVersioned,
    /// A MariaDB sequence: not copied, listed.
    Sequence,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The bare name.
    pub name: String,
    /// Ordinary, versioned or a sequence.
    pub kind: TableKind,
    /// As the server spells it: `InnoDB`, `MyISAM`, `MRG_MYISAM`… Empty where the server says NULL (a broken table).
    pub engine: String,
    /// The table's default character set.
    pub charset: String,
    /// The table's default collation.
    pub collation: String,
    /// In table order, invisible and generated ones included.
    pub columns: Vec<Column>,
    /// The primary key's columns in key order; empty without one.
    pub primary_key: Vec<String>,
    /// All indexes but the primary key: unique ones first, then by name.
    pub indexes: Vec<Index>,
    /// Names of indexes that the optimizer does not see (`INVISIBLE`, `IGNORED`): a statement that asks for one fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden_indexes: Vec<String>,
    /// By name, the comments of the indexes that have one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub index_comments: BTreeMap<String, String>,
    /// Columns of which the primary key holds only the beginning, and how much of it, in characters or bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub primary_prefixes: BTreeMap<String, u32>,
    /// Columns by which the primary key is sorted from the greatest to the least.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_descending: Vec<String>,
    /// CHECK constraints, table and column level. MariaDB's automatic `json_valid` checks are here too.
    pub checks: Vec<Check>,
    /// CHECK constraints that rows need not pass (MySQL's `NOT ENFORCED`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unenforced_checks: Vec<Check>,
    /// Rows as the server estimates them.
    pub row_count: u64,
    /// Data bytes (without indexes) as the server estimates them.
    pub bytes: u64,
    /// Whether the table is partitioned.
    pub partitioned: bool,
    /// The table's comment.
    pub comment: String,
    /// Seconds since the epoch when the server says that the table was made; none where it does not say.
    pub created: Option<i64>,
}

impl Table {
    /// An ordinary InnoDB table in `utf8mb4` with these columns and nothing else.
    #[must_use]
    pub fn new(name: &str, columns: Vec<Column>) -> Self {
        Self {
            name: name.to_owned(),
            kind: TableKind::Base,
            engine: "InnoDB".to_owned(),
            charset: "utf8mb4".to_owned(),
            collation: "utf8mb4_general_ci".to_owned(),
            columns,
            primary_key: Vec::new(),
            indexes: Vec::new(),
            hidden_indexes: Vec::new(),
            index_comments: BTreeMap::new(),
            primary_prefixes: BTreeMap::new(),
            primary_descending: Vec::new(),
            checks: Vec::new(),
            unenforced_checks: Vec::new(),
            row_count: 0,
            bytes: 0,
            partitioned: false,
            comment: String::new(),
            created: None,
        }
    }

    /// The column of that name. Column names compare without case on every server.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name) || same_name(&column.name, name))
    }

    /// Columns that rows are read from and written to: all but generated ones, invisible ones included.
    pub fn stored_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.generated == Generated::No)
    }

    /// The indexes that a statement may ask for.
    pub fn usable_indexes(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| !self.hidden_indexes.contains(&index.name))
    }

    /// Whether the table has both `created_at` and `updated_at` (any case), temporal.
    #[must_use]
    pub fn has_timestamps(&self) -> bool {
        ["created_at", "updated_at"].iter().all(|name| self.column(name).is_some_and(Column::is_temporal))
    }

    /// A key that visits every row once in a server-defined order: the primary key, else the first unique index
    /// over whole NOT NULL columns. Empty if there is none.
    #[must_use]
    pub fn row_key(&self) -> Vec<String> {
        if !self.primary_key.is_empty() {
            return self.primary_key.clone();
        }
        self.indexes
            .iter()
            .filter(|index| index.unique && index.kind == IndexKind::Btree)
            .find_map(|index| {
                index
                    .parts
                    .iter()
                    .map(|part| match (&part.column, part.prefix) {
                        (Some(name), None) if self.column(name).is_some_and(|c| !c.nullable) => {
                            Some(name.clone())
                        }
                        _ => None,
                    })
                    .collect::<Option<Vec<_>>>()
            })
            .unwrap_or_default()
    }
}

fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Whether and how a column is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generated {
    /// An ordinary column.
    No,
    /// Computed when read.
    Virtual,
    /// Computed when written (`STORED`, `PERSISTENT`), and the row-start and row-end columns of versioned tables.
    Stored,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name.
    pub name: String,
    /// The bare type, lower case: `varchar`, `bigint`, `json`, `uuid`.
    /// A MariaDB `LONGTEXT` with a `json_valid` check of its own is reported as `json`.
    pub data_type: String,
    /// The full type as the server writes it: `varchar(255)`, `bigint(20) unsigned`, `enum('a','b')`.
    #[serde(rename = "type")]
    pub column_type: String,
    /// The character set of character columns (ENUM and SET too); none for others.
    pub charset: Option<String>,
    /// The collation of character columns.
    pub collation: Option<String>,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// The default as an SQL expression that both servers read (`'x'`, `0`, `current_timestamp()`, `(uuid())`);
    /// none without one and for an explicit NULL.
    pub default: Option<String>,
    /// The expression of `ON UPDATE`, if there is one (`current_timestamp(3)`).
    pub on_update: Option<String>,
    /// Computed or not.
    pub generated: Generated,
    /// The expression of a generated column, without outer parentheses; none for others.
    pub expression: Option<String>,
    /// `INVISIBLE`.
    pub invisible: bool,
    /// `AUTO_INCREMENT`.
    pub auto_increment: bool,
    /// Longest value in characters (character types) or bytes (binary types); none for others.
    pub max_length: Option<u64>,
    /// Spatial reference system of a spatial column that is bound to one.
    pub srid: Option<u32>,
    /// The comment.
    pub comment: String,
}

impl Column {
    /// A NOT NULL column of that full type (`varchar(90)`), without character set, default and attributes.
    #[must_use]
    pub fn new(name: &str, column_type: &str) -> Self {
        Self {
            name: name.to_owned(),
            data_type: column_type.chars().take_while(char::is_ascii_alphanumeric).collect(),
            column_type: column_type.to_owned(),
            charset: None,
            collation: None,
            nullable: false,
            default: None,
            on_update: None,
            generated: Generated::No,
            expression: None,
            invisible: false,
            auto_increment: false,
            max_length: None,
            srid: None,
            comment: String::new(),
        }
    }

    /// DATE, DATETIME or TIMESTAMP.
    #[must_use]
    pub fn is_temporal(&self) -> bool {
        matches!(self.data_type.as_str(), "date" | "datetime" | "timestamp")
    }

    /// One of the integer types.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        matches!(self.data_type.as_str(), "tinyint" | "smallint" | "mediumint" | "int" | "bigint")
    }

    /// CHAR, VARCHAR or one of the TEXTs.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(
            self.data_type.as_str(),
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext"
        )
    }

    /// An ENUM with the empty text as a member, which a cell without a member looks like.
    #[must_use]
    pub fn has_empty_member(&self) -> bool {
        self.data_type == "enum"
            && ColumnType::of(self).is_ok_and(|parsed| parsed.members.iter().any(String::is_empty))
    }

    /// An ENUM or SET whose members the catalog may have printed with losses: it prints `?` for a character beyond the
    /// BMP, which it does not know.
    #[must_use]
    pub fn has_doubtful_member(&self) -> bool {
        matches!(self.data_type.as_str(), "enum" | "set")
            && self.column_type.contains('?')
            && self.charset.as_deref().is_some_and(|name| BEYOND_BMP.contains(&name))
    }

    /// BINARY, VARBINARY or one of the BLOBs.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        matches!(
            self.data_type.as_str(),
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob"
        )
    }
}

/// How an index is organised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexKind {
    /// The ordinary kind (HASH of the MEMORY engine counts here).
    Btree,
    /// FULLTEXT.
    Fulltext,
    /// SPATIAL.
    Spatial,
    /// Anything else (MariaDB's VECTOR).
    Other,
}

/// One index other than the primary key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The name.
    pub name: String,
    /// UNIQUE.
    pub unique: bool,
    /// How it is organised.
    pub kind: IndexKind,
    /// In index order.
    pub parts: Vec<IndexPart>,
}

/// One part of an index: a column, a prefix of one, or an expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPart {
    /// The column; none for an expression.
    pub column: Option<String>,
    /// The expression of a functional part, without outer parentheses.
    pub expression: Option<String>,
    /// The indexed prefix in characters or bytes; none for the whole column.
    pub prefix: Option<u32>,
    /// DESC.
    pub descending: bool,
}

/// A CHECK constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The constraint's name (for MariaDB column checks: the column's).
    pub name: String,
    /// The condition as the server prints it.
    pub expression: String,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The child table.
    pub table: String,
    /// The child's columns.
    pub columns: Vec<String>,
    /// The parent's schema when it is not the database itself.
    pub references_schema: Option<String>,
    /// The parent table.
    pub references: String,
    /// The parent's columns, in the order of `columns`.
    pub referenced_columns: Vec<String>,
    /// `CASCADE`, `SET NULL`, `RESTRICT`, `NO ACTION`, `SET DEFAULT`.
    pub on_delete: String,
    /// As `on_delete`.
    pub on_update: String,
}

/// A trigger; only its existence is used on the source, its text on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The trigger's name.
    pub name: String,
    /// The table it is on.
    pub table: String,
    /// `BEFORE` or `AFTER`.
    pub timing: String,
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub event: String,
}
