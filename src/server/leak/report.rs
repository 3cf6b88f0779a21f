//! What is told of a table that must not leave: where, what, and how often. Never a value.

use super::cell::Find;
use super::table::CheckedColumn;
use crate::error::Error;
use std::fmt;

/// The error of a table in which something was found.
pub(super) fn leak(table: &str, columns: &[CheckedColumn<'_>], rows: u64) -> Error {
    let (mut told, mut names) = (Vec::new(), Vec::new());
    for column in columns.iter().filter(|column| !column.found.is_empty()) {
        told.extend(column.found.iter().map(|(find, count)| counted(*find, *count, column.name)));
        names.push(format!("`{table}.{}`", column.name));
    }
    let (told, names) = (told.join(", "), names.join(", "));
    Error::integrity(format!("the leak check found in {rows} rows: {told}"))
        .hint(format!(
            "give {names} a rule, or correct the rows at the source; what may leave as it is belongs in \
             `leak_check_except` under [privacy]"
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
