//! `[sanitize.TABLE]`: which columns are masked and how. Only shapes are read here: which types and options there are,
//! whether table and column exist, and whether results fit, is the sanitize planner's to say. What it finds wrong
//! comes back through [`Rule::refuse`], which knows file and line.

use super::entry::{misplaced, shown};
use super::parse::{Walker, kind_of};
use crate::error::Error;
use crate::secret::Secret;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// How deep tables and lists of options may be nested.
const DEPTH_MAX: usize = 4;

/// One rule as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The table, in the case of the file; `*` for any.
    pub table: String,
    /// The column, in the case of the file.
    pub column: String,
    /// The type. A top-level key below a `[sanitize.…]` header ends up here, token included: it is not to be shown.
    pub kind: Secret,
    /// The options beside the type, in the order of the file.
    pub options: Vec<RuleOption>,
    /// The file.
    pub file: PathBuf,
    /// The line of the file, from 1.
    pub line: usize,
}

/// One option of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOption {
    /// The name.
    pub name: String,
    /// The value.
    pub value: RuleValue,
    /// The line of the file, from 1.
    pub line: usize,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleValue {
    /// A string.
    Text(Secret),
    /// A whole number.
    Integer(i64),
    /// A decimal number, as it is written.
    Decimal(Secret),
    /// `true` or `false`.
    Boolean(bool),
    /// A list.
    List(Vec<RuleValue>),
    /// A table.
    Table(Vec<RuleOption>),
}

impl Rule {
    /// The error that `what` is wrong with this rule, at `option` if it is about one. `what` and `hint` hold no values.
    #[must_use]
    pub fn refuse(&self, option: Option<&str>, what: &str, hint: &str) -> Error {
        let named = self.options.iter().find(|given| option == Some(given.name.as_str()));
        let line = named.map_or(self.line, |option| option.line);
        let what =
            format!("{} line {line}: {} {what}", self.file.display(), name_of(&self.table, &self.column));
        // A key of the top of the file, written below a [sanitize.…] header, looks like a column.
        let hint = misplaced(&self.column).filter(|_| option.is_none()).unwrap_or_else(|| hint.to_owned());
        Error::config(what).hint(hint)
    }
}

/// Reads the value of `sanitize`.
pub(super) fn read(walker: &mut Walker<'_>, at: usize, value: &DeValue<'_>, rules: &mut Vec<Rule>) {
    let DeValue::Table(tables) = value else {
        return walker.wrong_shape("`sanitize`", at, "a table of tables", value);
    };
    for (table, columns) in tables {
        let (at, table) = (table.span().start, table.get_ref().as_ref());
        match columns.get_ref() {
            DeValue::Table(columns) => read_table(walker, table, columns, rules),
            other => {
                let name = format!("`sanitize.{}`", shown(table));
                let hint = misplaced(table)
                    .unwrap_or_else(|| "write [sanitize.TABLE], and COLUMN = \"TYPE\" below".to_owned());
                walker.refuse(
                    at,
                    format!("{name} must be a table of columns, found {}", kind_of(other)),
                    hint,
                );
            }
        }
    }
}

fn read_table(walker: &mut Walker<'_>, table: &str, columns: &DeTable<'_>, rules: &mut Vec<Rule>) {
    for (column, value) in columns {
        let at = column.span().start;
        let rule = Rule {
            table: table.to_owned(),
            column: column.get_ref().to_string(),
            kind: Secret::new(""),
            options: Vec::new(),
            file: PathBuf::new(),
            line: walker.line(at),
        };
        if let Some(rule) = read_rule(walker, at, rule, value.get_ref()) {
            rules.push(rule);
        }
    }
}

fn read_rule(walker: &mut Walker<'_>, at: usize, rule: Rule, value: &DeValue<'_>) -> Option<Rule> {
    let name = name_of(&rule.table, &rule.column);
    match value {
        DeValue::String(kind) => Some(Rule { kind: Secret::new(kind.as_ref()), ..rule }),
        DeValue::Table(options) => {
            let Some((key, kind)) = options.iter().find(|(key, _)| key.get_ref() == "type") else {
                walker.refuse(at, format!("{name} has no `type`"), "add type = \"…\"");
                return None;
            };
            let DeValue::String(text) = kind.get_ref() else {
                let named = format!("`type` of {name}");
                walker.wrong_shape(&named, key.span().start, "a string", kind.get_ref());
                return None;
            };
            let mut given = read_options(walker, &name, options, 0)?;
            given.retain(|option| option.name != "type");
            let line = walker.line(key.span().start);
            Some(Rule { kind: Secret::new(text.as_ref()), options: given, line, ..rule })
        }
        other => {
            let hint = misplaced(&rule.column)
                .unwrap_or_else(|| format!("write {} = \"TYPE\"", shown(&rule.column)));
            let found = kind_of(other);
            walker.refuse(at, format!("{name} must be a type or a table with `type`, found {found}"), hint);
            None
        }
    }
}

/// The options of a table, in the order of the file.
fn read_options(
    walker: &mut Walker<'_>,
    name: &str,
    table: &DeTable<'_>,
    depth: usize,
) -> Option<Vec<RuleOption>> {
    let mut options = Vec::with_capacity(table.len());
    for (key, value) in table {
        let at = key.span().start;
        let value = read_value(walker, name, at, value.get_ref(), depth)?;
        options.push((at, RuleOption { name: key.get_ref().to_string(), value, line: walker.line(at) }));
    }
    options.sort_by_key(|(at, _)| *at);
    Some(options.into_iter().map(|(_, option)| option).collect())
}

fn read_value(
    walker: &mut Walker<'_>,
    name: &str,
    at: usize,
    value: &DeValue<'_>,
    depth: usize,
) -> Option<RuleValue> {
    let refused = |walker: &mut Walker<'_>, what: &str| {
        walker.refuse(
            at,
            format!("{name} has an option {what}"),
            "the README shows every type and its options",
        );
        None
    };
    if depth > DEPTH_MAX {
        return refused(walker, "that is nested too deeply");
    }
    match value {
        DeValue::String(text) => Some(RuleValue::Text(Secret::new(text.as_ref()))),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Some(RuleValue::Integer(number)),
            Err(_) => refused(walker, "that is out of range"),
        },
        DeValue::Float(number) => Some(RuleValue::Decimal(Secret::new(number.as_str()))),
        DeValue::Boolean(flag) => Some(RuleValue::Boolean(*flag)),
        DeValue::Array(items) => items
            .iter()
            .map(|item| read_value(walker, name, item.span().start, item.get_ref(), depth + 1))
            .collect::<Option<_>>()
            .map(RuleValue::List),
        DeValue::Table(table) => read_options(walker, name, table, depth + 1).map(RuleValue::Table),
        DeValue::Datetime(_) => refused(walker, "that is a date: write it in double quotes"),
    }
}

fn name_of(table: &str, column: &str) -> String {
    format!("`sanitize.{}.{}`", shown(table), shown(column))
}
