//! From the text of `backfill.toml` to settings of the right shape, each with its line.
//!
//! The text is walked by hand as a spanned table instead of through serde: serde's and toml's own messages
//! show the source line or the value ("invalid type: string \"…\""), and that value may be the token.

use super::keys::{self, Key, Shape};
use super::limits::{self, Limit};
use super::relations::{self, Relation};
use super::rules::{self, Rule};
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::de::{DeInteger, DeTable, DeValue};

/// Longest unknown key that is shown. A token has at least one character more, so one that was pasted where
/// a key belongs is never printed.
const KEY_SHOWN_MAX: usize = 31;

/// A value of the right shape; text is kept as a secret, whatever the key.
#[derive(Clone)]
pub(super) enum Raw {
    Text(Secret),
    List(Vec<Secret>),
    Integer(i64),
    Boolean(bool),
}

/// What a configuration file says.
#[derive(Default)]
pub(super) struct FileSettings {
    /// The file, as messages show it.
    pub file: PathBuf,
    /// By the key's path; the number is the line.
    pub values: BTreeMap<&'static str, (Raw, usize)>,
    /// From `[sanitize]`, in the order of the file.
    pub rules: Vec<Rule>,
    /// From `[limits]`, in the order of the file.
    pub limits: Vec<Limit>,
    /// From `[[relations]]`, in the order of the file.
    pub relations: Vec<Relation>,
}

/// Reads `text`; `file` is only for messages.
pub(super) fn parse(text: &str, file: PathBuf) -> Result<FileSettings> {
    let mut walker = Walker { text, problems: Vec::new() };
    let mut settings = FileSettings { file, ..FileSettings::default() };
    match DeTable::parse(text) {
        Ok(table) => walker.top(table.get_ref(), &mut settings),
        Err(error) => walker.syntax(&error),
    }
    settings.rules.sort_by_key(|rule| rule.line);
    settings.limits.sort_by_key(|limit| limit.line);
    settings.rules.iter_mut().for_each(|rule| rule.file.clone_from(&settings.file));
    match walker.first_problem(&settings.file) {
        Some(error) => Err(error),
        None => Ok(settings),
    }
}

/// Collects what is wrong, so that the first problem of the file is the one reported.
pub(super) struct Walker<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

struct Problem {
    line: usize,
    what: String,
    hint: String,
}

impl Walker<'_> {
    /// The line, from 1, of a byte offset.
    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    /// Notes a problem. `what` and `hint` are made of key names and fixed text only.
    pub(super) fn refuse(&mut self, offset: usize, what: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem { line: self.line(offset), what: what.into(), hint: hint.into() });
    }

    fn first_problem(mut self, file: &std::path::Path) -> Option<Error> {
        self.problems.sort_by_key(|problem| problem.line);
        let more = self.problems.len().saturating_sub(1);
        let first = self.problems.into_iter().next()?;
        let more = match more {
            0 => String::new(),
            1 => " (one more problem after this one)".to_owned(),
            n => format!(" ({n} more problems after this one)"),
        };
        let what = format!("{} line {}: {}{more}", file.display(), first.line, first.what);
        Some(Error::config(what).hint(first.hint))
    }

    fn syntax(&mut self, error: &toml::de::Error) {
        let offset = error.span().map_or(0, |span| span.start);
        // Only the message: Display adds the source line. The parser makes messages of fixed text.
        let hint = match error.message() {
            "duplicate key" => "write every key and every [table] once",
            _ => "strings are written in double quotes: key = \"value\"",
        };
        self.refuse(offset, error.message(), hint);
    }

    fn top(&mut self, table: &DeTable<'_>, settings: &mut FileSettings) {
        for (name, value) in table {
            let (at, name) = (name.span().start, name.get_ref().as_ref());
            if name == keys::SANITIZE {
                rules::read(self, at, value.get_ref(), &mut settings.rules);
            } else if name == keys::LIMITS {
                limits::read(self, at, value.get_ref(), &mut settings.limits);
            } else if name == keys::RELATIONS {
                relations::read(self, at, value.get_ref(), &mut settings.relations);
            } else if let Some(section) = keys::TABLES.iter().find(|table| **table == name) {
                match value.get_ref() {
                    DeValue::Table(inner) => self.section(section, inner, settings),
                    other => self.refuse(
                        at,
                        format!("`{section}` must be a table, found {}", kind_of(other)),
                        format!("write [{section}] on a line of its own and its keys below"),
                    ),
                }
            } else {
                self.key("", at, name, value.get_ref(), settings);
            }
        }
    }

    fn section(&mut self, section: &'static str, table: &DeTable<'_>, settings: &mut FileSettings) {
        for (name, value) in table {
            self.key(section, name.span().start, name.get_ref(), value.get_ref(), settings);
        }
    }

    fn key(
        &mut self,
        section: &str,
        at: usize,
        name: &str,
        value: &DeValue<'_>,
        settings: &mut FileSettings,
    ) {
        let Some(key) = keys::find(section, name) else {
            let what = match (section, shown_key(name)) {
                ("", Some(name)) => format!("unknown key `{name}`"),
                ("", None) => "unknown key".to_owned(),
                (section, Some(name)) => format!("unknown key `{section}.{name}`"),
                (section, None) => format!("unknown key in [{section}]"),
            };
            return self.refuse(at, what, keys::advice(section, name));
        };
        if let Some(raw) = self.value(key, at, value) {
            settings.values.insert(key.path, (raw, self.line(at)));
        }
    }

    fn value(&mut self, key: &Key, at: usize, value: &DeValue<'_>) -> Option<Raw> {
        let name = format!("`{}`", key.path);
        match (key.shape, value) {
            (Shape::Text | Shape::TextOrList | Shape::Size, DeValue::String(text)) => {
                Some(Raw::Text(Secret::new(text.as_ref())))
            }
            (Shape::Integer | Shape::Size, DeValue::Integer(number)) => match integer(number) {
                Some(number) => Some(Raw::Integer(number)),
                None => {
                    self.refuse(at, format!("{name} is out of range"), "write a smaller number");
                    None
                }
            },
            (Shape::Boolean, DeValue::Boolean(flag)) => Some(Raw::Boolean(*flag)),
            (Shape::List | Shape::TextOrList, DeValue::Array(_)) => {
                self.strings(&name, at, value).map(Raw::List)
            }
            (shape, other) => {
                self.wrong_shape(&name, at, shape.expected(), other);
                None
            }
        }
    }

    /// A list of strings, or `None` after noting why it is not one.
    pub(super) fn strings(&mut self, name: &str, at: usize, value: &DeValue<'_>) -> Option<Vec<Secret>> {
        let DeValue::Array(items) = value else {
            self.wrong_shape(name, at, Shape::List.expected(), value);
            return None;
        };
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => list.push(Secret::new(text.as_ref())),
                other => {
                    let found = kind_of(other);
                    let what = format!("{name} must be a list of strings, found {found} in it");
                    self.refuse(item.span().start, what, "write every entry in double quotes");
                    return None;
                }
            }
        }
        Some(list)
    }

    /// Notes that a value has the wrong type, without showing it.
    pub(super) fn wrong_shape(&mut self, name: &str, at: usize, expected: &str, found: &DeValue<'_>) {
        let hint = match (expected, found) {
            ("an integer" | "a number" | "true or false", DeValue::String(_)) => "write it without quotes",
            ("a list of strings", DeValue::String(_)) => "write it in brackets: [\"…\"]",
            ("a string", DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)) => {
                "write it in double quotes"
            }
            _ => "`backfill install --print-config` shows every key with an example",
        };
        self.refuse(at, format!("{name} must be {expected}, found {}", kind_of(found)), hint);
    }
}

pub(super) fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// An unknown key, if it is fit to be shown: a word, and too short to be a token.
pub(super) fn shown_key(name: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (name.len() <= KEY_SHOWN_MAX && name.chars().all(is_plain)).then_some(name)
}

/// The type of a value, for messages; never the value.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
