//! What is told of a table that must not leave: where, what, and how often. Never a value.

use super::cell::Find;
use super::table::CheckedColumn;
use crate::error::Error;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What was found in one table.
#[derive(Debug)]
pub(super) struct TableFinds {
    table: String,
    found: String,
    /// Columns that need a rule.
    names: Vec<String>,
}

impl TableFinds {
    /// What was found in so many rows, which are the whole table or its beginning.
    pub(super) fn new(table: &str, columns: &[CheckedColumn<'_>], rows: u64, is_whole: bool) -> Self {
        let (mut told, mut names) = (Vec::new(), Vec::new());
        for column in columns.iter().filter(|column| !column.found.is_empty()) {
            told.extend(column.found.iter().map(|(find, count)| counted(*find, *count, column.name)));
            names.push(format!("`{table}.{}`", column.name));
        }
        let first = if is_whole { "" } else { "the first " };
        let found = format!("the leak check found in {first}{rows} rows: {}", told.join(", "));
        Self { table: table.to_owned(), found, names }
    }
}

/// What was found in the tables of a run.
#[derive(Debug, Default)]
pub(super) struct Finds(Mutex<BTreeMap<String, TableFinds>>);

impl Finds {
    pub(super) fn add(&self, finds: TableFinds) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(finds.table.clone(), finds);
    }

    /// The error of a run that ended with `first`, the leak of one table: the finds in all that were looked at.
    pub(super) fn tell(&self, first: Error) -> Error {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tables.len() < 2 {
            return first;
        }
        let found: Vec<String> =
            tables.values().map(|finds| format!("table `{}`: {}", finds.table, finds.found)).collect();
        error(found.join("; "), tables.values().flat_map(|finds| &finds.names))
    }
}

/// The error of a table in which something was found.
pub(super) fn leak(finds: &TableFinds) -> Error {
    error(finds.found.clone(), &finds.names)
}

fn error<'a>(what: String, names: impl IntoIterator<Item = &'a String>) -> Error {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    Error::integrity(what)
        .hint(format!(
            "give {} a rule, or correct the rows at the source; what may leave as it is belongs in `leak_check_except` under \
             [privacy]; what the run had not read when it ended may hold more",
            names.join(", ")
        ))
        .source(Leak)
}

fn counted(find: Find, count: u64, column: &str) -> String {
    let what = match find {
        Find::Original => "a value that a rule replaces elsewhere".to_owned(),
        Find::Looks(kind) => {
            let name = kind.name();
            let an = name.starts_with(['a', 'e', 'i', 'o', 'u', 'I']);
            format!("{} {name}", if an { "an" } else { "a" })
        }
    };
    let cells = if count == 1 { "cell" } else { "cells" };
    format!("{what} in {count} {cells} of column `{column}`")
}

/// Marks the error of a leak.
#[derive(Debug)]
struct Leak;

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("personal data would have left")
    }
}

impl std::error::Error for Leak {}

/// Whether the leak check found something.
#[must_use]
pub fn is_leak(error: &Error) -> bool {
    matches!(std::error::Error::source(error), Some(cause) if cause.is::<Leak>())
}
