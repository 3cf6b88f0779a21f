//! `[sanitize.TABLE]`: which columns are masked and how. Only the shape is checked here; whether the table
//! and column exist and the result fits is the sanitize planner's to say, with the schema at hand.

use super::entry::{misplaced, shown};
use super::keys;
use super::parse::{Walker, shown_key};
use crate::secret::Secret;
use toml::de::{DeTable, DeValue};

/// The names of the masks, as `[sanitize]` writes them.
pub const MASKS: [&str; 8] = ["email", "name", "phone", "text", "hash", "null", "address", "local_ip"];

/// One rule as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The table, in the case of the file.
    pub table: String,
    /// The column, in the case of the file.
    pub column: String,
    /// One of [`MASKS`].
    pub mask: String,
    /// Values that match one of these patterns stay as they are; `*` is any run of characters.
    pub exclude: Vec<String>,
    /// For `hash`: make one that no password matches.
    pub unusable: bool,
    /// The line of the file, from 1.
    pub line: usize,
}

impl Rule {
    /// `table.column`, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}

/// Reads the value of `sanitize`.
pub(super) fn read(walker: &mut Walker<'_>, at: usize, value: &DeValue<'_>, rules: &mut Vec<Rule>) {
    let DeValue::Table(tables) = value else {
        return walker.wrong_shape("`sanitize`", at, "a table of tables", value);
    };
    for (table, columns) in tables {
        let (at, table) = (table.span().start, table.get_ref().as_ref());
        if table == "*" {
            walker.refuse_not_yet(at, "[sanitize.\"*\"]", &keys::ANY_TABLE);
            continue;
        }
        match columns.get_ref() {
            DeValue::Table(columns) => read_table(walker, table, columns, rules),
            other => {
                let name = format!("`sanitize.{}`", shown(table));
                let found = super::parse::kind_of(other);
                let hint = misplaced(table)
                    .unwrap_or_else(|| "write [sanitize.TABLE], and COLUMN = \"TYPE\" below".to_owned());
                walker.refuse(at, format!("{name} must be a table of columns, found {found}"), hint);
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
            mask: String::new(),
            exclude: Vec::new(),
            unusable: false,
            line: walker.line(at),
        };
        if let Some(rule) = read_rule(walker, at, rule, value.get_ref()) {
            rules.push(rule);
        }
    }
}

fn read_rule(walker: &mut Walker<'_>, at: usize, rule: Rule, value: &DeValue<'_>) -> Option<Rule> {
    let name = format!("`sanitize.{}.{}`", shown(&rule.table), shown(&rule.column));
    match value {
        DeValue::String(mask) => with_mask(walker, at, &name, rule, mask),
        DeValue::Table(options) => {
            let Some((key, mask)) = options.iter().find(|(key, _)| key.get_ref() == "type") else {
                let hint = format!("add type = \"…\"; types are {}", MASKS.join(", "));
                walker.refuse(at, format!("{name} has no `type`"), hint);
                return None;
            };
            let DeValue::String(mask) = mask.get_ref() else {
                walker.wrong_shape(
                    &format!("`type` of {name}"),
                    key.span().start,
                    "a string",
                    mask.get_ref(),
                );
                return None;
            };
            let rule = with_mask(walker, key.span().start, &name, rule, mask)?;
            with_options(walker, &name, rule, options)
        }
        other => {
            let found = super::parse::kind_of(other);
            let hint = misplaced(&rule.column).unwrap_or_else(|| {
                format!("write {} = \"TYPE\"; types are {}", shown(&rule.column), MASKS.join(", "))
            });
            walker.refuse(at, format!("{name} must be a type or a table with `type`, found {found}"), hint);
            None
        }
    }
}

fn with_mask(walker: &mut Walker<'_>, at: usize, name: &str, rule: Rule, mask: &str) -> Option<Rule> {
    if MASKS.contains(&mask) {
        return Some(Rule { mask: mask.to_owned(), ..rule });
    }
    // The text is not shown: a top-level key below a [sanitize.…] header ends up here, token included.
    let hint = misplaced(&rule.column).unwrap_or_else(|| match keys::nearest(mask, &MASKS) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("types are {}", MASKS.join(", ")),
    });
    walker.refuse(at, format!("{name} has an unknown type"), hint);
    None
}

fn with_options(walker: &mut Walker<'_>, name: &str, mut rule: Rule, options: &DeTable<'_>) -> Option<Rule> {
    let mut good = true;
    for (key, value) in options {
        let at = key.span().start;
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("type", _) => {}
            ("exclude", list) => match walker.strings(&format!("`exclude` of {name}"), at, list) {
                Some(list) => rule.exclude = list.iter().map(Secret::expose).map(str::to_owned).collect(),
                None => good = false,
            },
            ("unusable", _) if rule.mask != "hash" => {
                let what = format!("{name} has `unusable`, which only the type `hash` has");
                walker.refuse(at, what, "leave it out");
                good = false;
            }
            ("unusable", DeValue::Boolean(flag)) => rule.unusable = *flag,
            ("unusable", other) => {
                walker.wrong_shape(&format!("`unusable` of {name}"), at, "true or false", other);
                good = false;
            }
            ("where", _) => {
                walker.refuse_not_yet(at, &format!("`where` of {name}"), &keys::RULE_WHERE);
                good = false;
            }
            (option, _) => {
                let known: &[&'static str] =
                    if rule.mask == "hash" { &["type", "exclude", "unusable"] } else { &["type", "exclude"] };
                let hint = match keys::nearest(option, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("options of the type `{}` are {}", rule.mask, known[1..].join(", ")),
                };
                let what = match shown_key(option) {
                    Some(option) => format!("{name} has an unknown option `{option}`"),
                    None => format!("{name} has an unknown option"),
                };
                walker.refuse(at, what, hint);
                good = false;
            }
        }
    }
    good.then_some(rule)
}
