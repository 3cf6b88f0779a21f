//! Tables without a key: their rows are copied into the workspace with a number each, and that copy stands for the
//! table.

use crate::plan::reference::Reference;
use crate::plan::run::ROW_NUMBER_COLUMN;
use crate::schema::{Column, Generated, Index, IndexKind, IndexPart, Table};
use crate::sql::select::WalkKey;
use std::collections::BTreeMap;

/// The copy's key.
#[must_use]
pub fn number_key() -> WalkKey {
    WalkKey { index: "PRIMARY".to_owned(), columns: vec![ROW_NUMBER_COLUMN.to_owned()] }
}

/// The structure of the copy: all columns as plain ones, a number in front, and an index for each set of columns that
/// is followed.
#[must_use]
pub fn numbered(source: &Table, references: &[Reference]) -> Table {
    let mut columns = vec![Column::new(ROW_NUMBER_COLUMN, "bigint(20) unsigned")];
    let plain = source.columns.iter().filter(|column| !is_row_period(column));
    columns.extend(plain.map(|column| Column {
        generated: Generated::No,
        expression: None,
        ..column.clone()
    }));
    let followed = references.iter().filter_map(|reference| {
        if reference.references == source.name { Some(&reference.referenced_columns) } else { None }
    });
    let mut indexes: Vec<Index> = Vec::new();
    for columns in followed {
        let index = Index {
            name: format!("backfill_{}", indexes.len()),
            unique: false,
            kind: IndexKind::Btree,
            parts: columns
                .iter()
                .map(|name| IndexPart {
                    column: Some(name.clone()),
                    expression: None,
                    prefix: None,
                    descending: false,
                })
                .collect(),
        };
        if !indexes.iter().any(|known| known.parts == index.parts) {
            indexes.push(index);
        }
    }
    Table {
        columns,
        primary_key: vec![ROW_NUMBER_COLUMN.to_owned()],
        indexes,
        hidden_indexes: Vec::new(),
        index_comments: BTreeMap::new(),
        primary_prefixes: BTreeMap::new(),
        primary_descending: Vec::new(),
        unenforced_checks: Vec::new(),
        engine: "InnoDB".to_owned(),
        partitioned: false,
        ..source.clone()
    }
}

/// The row-start and row-end columns of a versioned table.
fn is_row_period(column: &Column) -> bool {
    matches!(column.expression.as_deref(), Some("ROW START" | "ROW END"))
}

/// The same without the number, which the statement that creates it adds by itself.
#[must_use]
pub fn without_number(numbered: &Table) -> Table {
    Table {
        columns: numbered.columns.iter().filter(|column| column.name != ROW_NUMBER_COLUMN).cloned().collect(),
        primary_key: Vec::new(),
        ..numbered.clone()
    }
}
