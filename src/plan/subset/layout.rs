//! The list of a table's kept rows: which values of each row it holds, under which names.
//!
//! Its columns have names that no source column has, so that expressions over the source's bare column names stay
//! right in a statement that joins both.

use crate::plan::run::ROW_NUMBER_COLUMN;
use crate::schema::{Column, Generated, Index, IndexKind, IndexPart, Table};
use crate::sql::ident::string_literal;
use crate::sql::select::column_of;

/// The list's index over the key of the rows.
pub const KEY_INDEX: &str = "backfill_key";

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    column: String,
    /// Holds only where these columns have these values, else NULL.
    when: Vec<(String, String)>,
}

/// What a list of rows holds.
#[derive(Debug, Clone)]
pub struct Layout {
    values: Vec<Value>,
    columns: Vec<Column>,
    key: Vec<usize>,
    indexes: Vec<Vec<usize>>,
    charset: (String, String),
}

impl Layout {
    /// A list of rows of `table` that `key` identifies.
    #[must_use]
    pub fn new(table: &Table, key: &[String]) -> Self {
        let mut layout = Self {
            values: Vec::new(),
            columns: Vec::new(),
            key: Vec::new(),
            indexes: Vec::new(),
            charset: (table.charset.clone(), table.collation.clone()),
        };
        layout.key = layout.add(table, key, &[]);
        layout
    }

    /// Adds the values of `names`, as far as `when` holds; says where they are in the list.
    pub fn add(&mut self, table: &Table, names: &[String], when: &[(String, String)]) -> Vec<usize> {
        names.iter().filter_map(|name| self.add_one(table.column(name)?, when)).collect()
    }

    fn add_one(&mut self, column: &Column, when: &[(String, String)]) -> Option<usize> {
        let value = Value { column: column.name.clone(), when: when.to_vec() };
        if let Some(at) = self.values.iter().position(|known| *known == value) {
            return Some(at);
        }
        let at = self.values.len();
        self.columns.push(Column {
            name: own_name(at),
            nullable: column.nullable || !when.is_empty(),
            default: None,
            on_update: None,
            generated: Generated::No,
            expression: None,
            invisible: false,
            auto_increment: false,
            comment: String::new(),
            ..column.clone()
        });
        self.values.push(value);
        Some(at)
    }

    /// Makes rows of the list quick to find by these values; gives the index's name.
    pub fn index(&mut self, values: &[usize]) -> String {
        if self.key.starts_with(values) {
            return KEY_INDEX.to_owned();
        }
        let at = self.indexes.iter().position(|known| known == values).unwrap_or_else(|| {
            self.indexes.push(values.to_vec());
            self.indexes.len() - 1
        });
        index_name(at)
    }

    /// The list's own names of all values.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// The list's own name of one value.
    #[must_use]
    pub fn name(&self, at: usize) -> String {
        own_name(at)
    }

    /// The list's own name of that source column's value.
    #[must_use]
    pub fn own_name_of(&self, column: &str) -> Option<String> {
        let held = |value: &Value| value.column == column && value.when.is_empty();
        self.values.iter().position(held).map(own_name)
    }

    /// All values as expressions over a row of the source, in the order of [`Layout::names`].
    #[must_use]
    pub fn expressions(&self, alias: Option<&str>) -> Vec<String> {
        self.values
            .iter()
            .map(|value| {
                let column = column_of(alias, &value.column);
                match when_condition(&value.when, alias) {
                    Some(condition) => format!("CASE WHEN {condition} THEN {column} END"),
                    None => column,
                }
            })
            .collect()
    }

    /// The key's columns in the source and, beside each, in the list.
    #[must_use]
    pub fn key(&self) -> Vec<(String, String)> {
        self.key.iter().map(|at| (self.values[*at].column.clone(), own_name(*at))).collect()
    }

    /// The source columns whose values the list holds.
    pub fn columns_held(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| value.column.as_str())
    }

    /// The structure of the list; its rows are numbered by [`ROW_NUMBER_COLUMN`].
    #[must_use]
    pub fn structure(&self, name: &str) -> Table {
        Table {
            charset: self.charset.0.clone(),
            collation: self.charset.1.clone(),
            indexes: self.definitions(),
            ..Table::new(name, self.columns.clone())
        }
    }

    /// The same without indexes, for rows among which the kept ones are still to be chosen.
    #[must_use]
    pub fn heap(&self, name: &str) -> Table {
        Table { indexes: Vec::new(), ..self.structure(name) }
    }

    fn definitions(&self) -> Vec<Index> {
        let index = |name: String, unique: bool, values: &[usize]| Index {
            name,
            unique,
            kind: IndexKind::Btree,
            parts: values.iter().map(|at| part(&own_name(*at))).collect(),
        };
        let mut indexes = vec![index(KEY_INDEX.to_owned(), true, &self.key)];
        indexes
            .extend(self.indexes.iter().enumerate().map(|(at, values)| index(index_name(at), false, values)));
        indexes
    }
}

/// A list of the numbers of rows of another list.
#[must_use]
pub fn numbers(name: &str) -> Table {
    let index = Index {
        name: KEY_INDEX.to_owned(),
        unique: true,
        kind: IndexKind::Btree,
        parts: vec![part(&own_name(0))],
    };
    Table { indexes: vec![index], ..Table::new(name, vec![Column::new(&own_name(0), "bigint(20) unsigned")]) }
}

/// The condition that a reference holds for a row; none if it holds for all.
#[must_use]
pub fn when_condition(when: &[(String, String)], alias: Option<&str>) -> Option<String> {
    let terms: Vec<String> = when
        .iter()
        .map(|(column, value)| format!("{} = {}", column_of(alias, column), string_literal(value)))
        .collect();
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

/// Whether a column of that name would be mistaken for one of a list.
#[must_use]
pub fn is_own_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == ROW_NUMBER_COLUMN
        || name.strip_prefix("_backfill_c").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
}

fn part(column: &str) -> IndexPart {
    IndexPart { column: Some(column.to_owned()), expression: None, prefix: None, descending: false }
}

/// What the value at that position is called in a list.
#[must_use]
pub fn own_name(at: usize) -> String {
    format!("_backfill_c{at}")
}

fn index_name(at: usize) -> String {
    format!("backfill_{at}")
}
