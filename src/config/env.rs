//! Environment variables: their names, those of `.env` files, and how a `.env` is parsed.
//!
//! A `.env` is data here; nothing is ever put into the environment of the process.

use crate::error::{Error, Result};
use crate::secret::Secret;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

pub(super) const TOKEN: &str = "BACKFILL_TOKEN";
pub(super) const ENVIRONMENT: &[&str] = &["BACKFILL_ENV", "APP_ENV", "RAILS_ENV"];
pub(super) const SERVER_ENABLED: &str = "BACKFILL_SERVER_ENABLED";
pub(super) const TEMP_STRATEGY: &str = "BACKFILL_TEMP_STRATEGY";
pub(super) const TEMP_DATABASE: &str = "BACKFILL_TEMP_DATABASE";
pub(super) const TEMP_USERNAME: &str = "BACKFILL_TEMP_USERNAME";
pub(super) const TEMP_PASSWORD: &str = "BACKFILL_TEMP_PASSWORD";
pub(super) const MASK_KEY: &str = "BACKFILL_MASK_KEY";
pub(super) const SOURCE_URL: &str = "BACKFILL_SOURCE_URL";
pub(super) const DATABASE_URLS: &[&str] = &["DATABASE_URL", "DB_URL"];

/// Every variable that is read.
pub const NAMES: &[&str] = &[
    TOKEN,
    ENVIRONMENT[0],
    ENVIRONMENT[1],
    ENVIRONMENT[2],
    SERVER_ENABLED,
    TEMP_STRATEGY,
    TEMP_DATABASE,
    TEMP_USERNAME,
    TEMP_PASSWORD,
    SOURCE_URL,
    DATABASE_URLS[0],
    DATABASE_URLS[1],
    "DB_CONNECTION",
    "DB_HOST",
    "DB_PORT",
    "DB_DATABASE",
    "DB_USERNAME",
    "DB_PASSWORD",
    "DB_SOCKET",
    MASK_KEY,
];

/// The variables of one layer that are ours and not empty.
#[derive(Default)]
pub(super) struct Vars(BTreeMap<&'static str, Secret>);

impl Vars {
    /// Keeps what is ours and set; an empty variable counts as unset.
    pub(super) fn pick<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut vars = BTreeMap::new();
        for (name, value) in all {
            if let Some(name) = NAMES.iter().copied().find(|ours| *ours == name) {
                if value.is_empty() {
                    vars.remove(name);
                } else {
                    vars.insert(name, Secret::new(value));
                }
            }
        }
        Self(vars)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// One assignment of a `.env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvEntry {
    /// The variable.
    pub name: String,
    /// Its value, as it is read.
    pub value: Secret,
    /// The lines that it takes, from 0, with what stands in them behind it.
    pub lines: Range<usize>,
}

/// Parses the text of a `.env`; `file` is only for messages. A variable that is set twice has its last value,
/// as for Laravel, Rails and Node.
pub(super) fn parse(text: &str, file: &Path) -> Result<Vars> {
    let found = entries(text, file)?;
    Ok(Vars::pick(found.iter().map(|entry| (entry.name.as_str(), entry.value.expose()))))
}

/// Every assignment of a `.env`, in its order; `file` is only for messages.
///
/// A line that cannot be read is an error only if it may be about us: the file is shared with a framework
/// whose parser may be more lenient.
///
/// # Errors
/// `Kind::Config` with file and line.
pub fn entries(text: &str, file: &Path) -> Result<Vec<EnvEntry>> {
    // The parser takes a trailing blank without a newline for an open value, and chokes on a byte order mark.
    let text = format!("{}\n", text.trim_start_matches('\u{feff}').trim_end());
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let taken = Rc::new(Cell::new(0));
    let mut entries = dotenvy::from_read_iter(LineByLine { lines: &lines, taken: Rc::clone(&taken), at: 0 });
    let mut found = Vec::new();
    loop {
        let from = taken.get();
        let Some(entry) = entries.next() else { break };
        let (first, raw) = entry_lines(&lines, from, taken.get());
        let one_line = raw.trim_end().lines().count() == 1;
        let place = format!("{} line {first}", file.display());
        let name = NAMES.iter().find(|name| **name == name_of(&raw));
        if let Some(name) = name.filter(|_| has_bare_dollar(&raw)) {
            let what = format!("{place}: `{name}` has a `$` that reads as the start of a variable");
            return Err(Error::config(what).hint("put the value in single quotes"));
        }
        match entry {
            Ok((name, value)) => {
                found.push(EnvEntry { name, value: Secret::new(value), lines: first - 1..taken.get() });
            }
            Err(_) if one_line && !may_be_ours(name_of(&raw)) => {
                tracing::debug!("{place}: skipped an unreadable line that is not about us");
            }
            Err(_) => {
                let what = if one_line { "this is not NAME=value" } else { "a quote that does not end" };
                return Err(Error::config(format!("{place}: {what}"))
                    .hint("put values with blanks, quotes or other special characters in single quotes"));
            }
        }
    }
    Ok(found)
}

/// Hands out one line per read, so that the lines that an entry took can be counted.
struct LineByLine<'a> {
    lines: &'a [&'a str],
    taken: Rc<Cell<usize>>,
    at: usize,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(line) = self.lines.get(self.taken.get()) else { return Ok(0) };
        let rest = &line.as_bytes()[self.at..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        if self.at == line.len() {
            self.taken.set(self.taken.get() + 1);
            self.at = 0;
        }
        Ok(n)
    }
}

/// The number (from 1) of the first line of an entry, and its text, without what was skipped before it.
fn entry_lines(lines: &[&str], from: usize, to: usize) -> (usize, String) {
    let skipped = |line: &&&str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let first = from + lines[from..to].iter().take_while(skipped).count();
    (first + 1, lines[first.min(to)..to].concat())
}

/// What stands where the name of a variable is expected.
fn name_of(entry: &str) -> &str {
    let entry = entry.trim_start();
    let entry = entry.strip_prefix("export ").unwrap_or(entry).trim_start();
    entry.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).next().unwrap_or("")
}

/// Our variables and what may have been meant as one of them.
fn may_be_ours(name: &str) -> bool {
    NAMES.contains(&name) || name.is_empty() || name.starts_with("BACKFILL")
}

/// Whether an entry has a `$name` outside single quotes: the parser would replace it, most frameworks would
/// not, and a password would silently be another one. `${name}` means the same everywhere.
fn has_bare_dollar(entry: &str) -> bool {
    let value = entry.split_once('=').map_or("", |(_, value)| value);
    let (mut single, mut double, mut blank) = (false, false, true);
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '\\' if !single => {
                chars.next();
            }
            '#' if blank && !single && !double => return false,
            '$' if !single && chars.peek() != Some(&'{') => return true,
            _ => {}
        }
        blank = c.is_whitespace();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vars> {
        parse(text, Path::new(".env"))
    }

    fn value(text: &str, name: &str) -> Option<String> {
        read(text).unwrap().get(name).map(|value| value.expose().to_owned())
    }

    #[test]
    fn values_are_read_as_frameworks_read_them() {
        let table = [
            ("DB_PASSWORD=plain\n", Some("plain")),
            ("DB_PASSWORD=plain", Some("plain")),
            ("DB_PASSWORD=plain ", Some("plain")),
            ("\u{feff}DB_PASSWORD=plain\r\nAPP_ENV=local\r\n", Some("plain")),
            ("export DB_PASSWORD='a b#c$d'", Some("a b#c$d")),
            ("DB_PASSWORD=\"a b\" # note", Some("a b")),
            ("DB_PASSWORD=a # it costs $5", Some("a")),
            ("DB_PASSWORD=a#b", Some("a#b")),
            ("DB_PASSWORD=\"pa\\$word\"", Some("pa$word")),
            ("DB_USERNAME=me\nDB_PASSWORD=${DB_USERNAME}-pw", Some("me-pw")),
            ("DB_PASSWORD=one\nDB_PASSWORD=two", Some("two")),
            ("DB_PASSWORD=", None),
            ("DB_PASSWORD=\"\"", None),
            ("DB_PASSWORD=one\nDB_PASSWORD=", None),
            ("# DB_PASSWORD=no\n", None),
            ("", None),
            ("APP_NAME=My own App\nDB_PASSWORD=plain", Some("plain")),
            ("some words\n\nDB_PASSWORD=plain", Some("plain")),
            ("DB_PASSWORD='two\nlines'", Some("two\nlines")),
        ];
        for (text, expected) in table {
            assert_eq!(value(text, "DB_PASSWORD").as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_about_us_that_cannot_be_read_are_named_by_line_without_their_text() {
        let table = [
            ("A=1\n\n# x\nDB_PASSWORD=s3cret word\n", ".env line 4: this is not NAME=value"),
            ("BACKFILL_TOKEN s3cret\n", ".env line 1: this is not NAME=value"),
            ("BACKFILL-TOKEN=s3cret\n", ".env line 1: this is not NAME=value"),
            ("=s3cret\n", ".env line 1: this is not NAME=value"),
            ("A=1\nAPP_NAME='s3cret\nDB_PASSWORD=s3cret\n", ".env line 2: a quote that does not end"),
            (
                "DB_PASSWORD=s3$cret\n",
                ".env line 1: `DB_PASSWORD` has a `$` that reads as the start of a variable",
            ),
            (
                "A=1\nDB_PASSWORD=\"s3$cret\"\n",
                ".env line 2: `DB_PASSWORD` has a `$` that reads as the start of a variable",
            ),
        ];
        for (text, expected) in table {
            let error = read(text).err().unwrap();
            assert_eq!(error.to_string(), expected, "{text:?}");
            assert!(!format!("{error:?}").contains("s3"), "{error:?}");
        }
    }

    #[test]
    fn a_line_longer_than_the_parsers_buffer_is_one_line() {
        let text = format!("A={}\nDB_HOST=h\nDB_PASSWORD=x y", "z".repeat(100_000));
        let error = read(&text).err().unwrap();
        assert_eq!(error.to_string(), ".env line 3: this is not NAME=value");
    }
}
