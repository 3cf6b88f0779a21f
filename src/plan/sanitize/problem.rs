//! One thing that is wrong with a rule, and all of them in one error.

use super::resolve::Ruled;
use super::{ANY_TABLE, Rule};
use crate::error::Error;

/// Why a rule cannot be applied, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// `[sanitize.users] email`
    heading: String,
    what: String,
    fix: String,
}

impl Problem {
    /// `what` names table and column; both are fragments.
    pub fn new(rule: &Rule, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { heading: heading(rule), what: what.into(), fix: fix.into() }
    }

    /// The same for one column that a rule concerns; a rule for every table can be overridden there.
    pub fn of(one: &Ruled<'_>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        let mut fix = fix.into();
        if one.rule.table == ANY_TABLE {
            let table = toml_key(&one.table.name);
            fix.push_str(&format!("; or write a rule for it under [sanitize.{table}], which wins there"));
        }
        Self::new(one.rule, what, fix)
    }
}

/// The rule as the configuration file spells it.
pub(super) fn heading(rule: &Rule) -> String {
    format!("[sanitize.{}] {}", toml_key(&rule.table), toml_key(&rule.column))
}

fn toml_key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { format!("{name:?}") }
}

/// One error of them all.
pub(super) fn join(problems: Vec<Problem>) -> Error {
    if let [one] = problems.as_slice() {
        return Error::config(format!("{}: {}", one.heading, one.what)).hint(one.fix.clone());
    }
    let mut what = format!("{} rules cannot be applied:", problems.len());
    for problem in problems {
        what.push_str(&format!("\n  {}: {} ({})", problem.heading, problem.what, problem.fix));
    }
    Error::config(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sanitize::Mask;

    #[test]
    fn headings_are_valid_toml() {
        for (table, column, expected) in [
            ("users", "email", "[sanitize.users] email"),
            ("*", "remember_token", "[sanitize.\"*\"] remember_token"),
            ("my table", "e\"mail", "[sanitize.\"my table\"] \"e\\\"mail\""),
        ] {
            let rule = Rule {
                table: table.into(),
                column: column.into(),
                mask: Mask::Null,
                exclude: Vec::new(),
                condition: None,
            };
            assert_eq!(heading(&rule), expected);
        }
    }
}
