//! The file of `scan --check --list`: columns that somebody has looked at, one a line, committed beside the code.

use crate::error::{Error, Result};
use crate::plan::policy::{Keep, pattern_of};
use crate::scan::Found;
use crate::schema::Schema;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const HEAD: &str = "\
# Columns without a rule that `backfill scan --check --list` lets pass. A column that is neither here nor decided about in
# backfill.toml fails the check. Written by `backfill scan --check --list FILE --write`: look at what it adds before you
# commit it.
";

/// The file.
pub(super) struct ColumnList {
    path: PathBuf,
    /// Its lines.
    lines: BTreeSet<String>,
    /// What passes; nothing where the file is about to be written anew.
    pub(super) known: Keep,
}

/// What writing the file changed.
pub(super) struct Written {
    /// The file.
    pub path: PathBuf,
    /// How many columns it has.
    pub columns: usize,
    /// Lines that it did not have.
    pub added: Vec<String>,
    /// How many lines went.
    pub removed: usize,
}

impl ColumnList {
    /// Reads the file. One that is to be written need not exist.
    pub(super) fn read(path: &Path, is_to_be_written: bool) -> Result<Self> {
        let shown = path.display();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if is_to_be_written && error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(Error::usage(format!("{shown} cannot be read"))
                    .source(error)
                    .hint("`backfill scan --check --list FILE --write` makes it"));
            }
        };
        let numbered: Vec<(usize, &str)> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
            .collect();
        let patterns: Vec<String> = numbered.iter().map(|(_, line)| pattern(line)).collect();
        let known = Keep::new(&patterns).map_err(|at| {
            Error::usage(format!("{shown} line {}: not a column", numbered[at].0 + 1))
                .hint("each line is TABLE.COLUMN, or a comment that begins with #")
        })?;
        let lines = numbered.into_iter().map(|(_, line)| line.to_owned()).collect();
        let known = if is_to_be_written { Keep::default() } else { known };
        Ok(Self { path: path.to_owned(), lines, known })
    }

    /// Writes the file: everything that was found.
    pub(super) fn write(self, found: &Found) -> Result<Written> {
        let lines: BTreeSet<String> =
            found.columns().into_iter().map(|(table, column)| line(table, column)).collect();
        let mut text = HEAD.to_owned();
        lines.iter().for_each(|line| text.extend([line, "\n"]));
        std::fs::write(&self.path, text).map_err(|error| {
            Error::usage(format!("{} cannot be written", self.path.display()))
                .source(error)
                .hint("make its folder, or name another file")
        })?;
        Ok(Written {
            columns: lines.len(),
            added: lines.difference(&self.lines).cloned().collect(),
            removed: self.lines.difference(&lines).count(),
            path: self.path,
        })
    }
}

/// The line for a column. What a line cannot hold, or nobody would see, is written as `\uXXXX`, as in TOML.
fn line(table: &str, column: &str) -> String {
    let mut line = String::new();
    for c in pattern_of(table, column).chars() {
        match c {
            // Writing to a string cannot fail.
            _ if c.is_control() => drop(write!(line, "\\u{:04X}", u32::from(c))),
            _ => line.push(c),
        }
    }
    match line.strip_prefix('#') {
        Some(rest) => format!("[#]{rest}"),
        None => line,
    }
}

/// The pattern of a line. A backslash before anything but such a number is the pattern's own.
fn pattern(line: &str) -> String {
    let (mut pattern, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('\\') {
        pattern.push_str(&rest[..at]);
        rest = &rest[at..];
        let hex = rest.strip_prefix("\\u").and_then(|hex| hex.get(..4));
        let control = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        let taken = match control {
            Some(control) => {
                pattern.push(control);
                "\\uXXXX".len()
            }
            None => {
                let pair = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                pattern.push_str(&rest[..pair]);
                pair
            }
        };
        rest = &rest[taken..];
    }
    pattern + rest
}

/// What to say about lines whose columns are gone: a column of that name would pass unseen if it came again.
pub(super) fn stale(known: &Keep, schema: &Schema) -> Vec<String> {
    let stale = known.stale(schema);
    match stale.as_slice() {
        [] => Vec::new(),
        [(line, _)] => vec![format!("the list has a line for a column that is gone: {line}")],
        [(line, _), ..] => vec![format!(
            "the list has {} lines for columns that are gone, such as {line}; --write removes them",
            stale.len()
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Unremarkable;

    fn found(columns: &[(&str, &str)]) -> Found {
        let other = |(table, column): &(&str, &str)| Unremarkable {
            table: (*table).to_owned(),
            column: (*column).to_owned(),
            column_type: "int".to_owned(),
        };
        Found { sensitive: Vec::new(), others: columns.iter().map(other).collect() }
    }

    #[test]
    fn what_is_written_is_read_back_whatever_names_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("columns.txt");
        let names = [
            ("users", "id"),
            ("#t", "#c"),
            ("a\nb", "c\u{1}"),
            (" x ", " y "),
            ("s*", "[q]"),
            ("a.b", "c"),
            ("n\u{85}", "\\u0041"),
        ];
        let written = ColumnList::read(&path, true).unwrap().write(&found(&names)).unwrap();
        assert_eq!((written.columns, written.added.len(), written.removed), (7, 7, 0));
        let list = ColumnList::read(&path, false).unwrap();
        for (table, column) in names {
            assert!(list.known.covers(table, column), "{table}.{column}");
        }
        for (table, column) in [("users", "iban"), ("sx", "[q]"), ("a b", "c\u{1}"), ("n\u{86}", "\\u0041")] {
            assert!(!list.known.covers(table, column), "{table}.{column}");
        }
        let lines: Vec<&String> = list.lines.iter().collect();
        assert!(lines.is_sorted() && lines.contains(&&"users.id".to_owned()), "{lines:?}");

        let again = ColumnList::read(&path, true).unwrap();
        assert!(!again.known.covers("users", "id"), "what is written anew is looked at anew");
        let written = again.write(&found(&[("users", "id"), ("users", "iban")])).unwrap();
        assert_eq!((written.columns, written.added, written.removed), (2, vec!["users.iban".to_owned()], 6));
    }

    #[test]
    fn a_list_that_cannot_be_used_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("columns.txt");
        let missing = ColumnList::read(&path, false).err().unwrap();
        assert!(missing.hint_text().unwrap().contains("--write"), "{missing}");
        std::fs::write(&path, "# a comment\n\nusers.id\nusers\n").unwrap();
        let error = ColumnList::read(&path, false).err().unwrap();
        assert!(error.what().ends_with("columns.txt line 4: not a column"), "{error}");
    }
}
