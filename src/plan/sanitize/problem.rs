//! How a rule is named in a message, and all problems of rules in one error.

use super::resolve::Ruled;
use super::{ANY_TABLE, Rule};
use crate::error::Error;
pub(super) use crate::plan::problem::Problem;
use crate::plan::problem::{join as join_all, toml_key};

impl Problem {
    /// `what` names table and column; both are fragments.
    pub fn new(rule: &Rule, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::under(heading(rule), what, fix)
    }

    /// The same for one column that a rule concerns; a rule for every table can be overridden there.
    pub(super) fn of(one: &Ruled<'_>, what: impl Into<String>, fix: impl Into<String>) -> Self {
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

/// One error of them all.
pub(super) fn join(problems: Vec<Problem>) -> Error {
    join_all(problems, "rules")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sanitize::Mask;
    use crate::plan::sanitize::fixture::rule;

    #[test]
    fn headings_are_valid_toml() {
        for (table, column, expected) in [
            ("users", "email", "[sanitize.users] email"),
            ("*", "remember_token", "[sanitize.\"*\"] remember_token"),
            ("my table", "e\"mail", "[sanitize.\"my table\"] \"e\\\"mail\""),
        ] {
            let rule = rule(table, column, Mask::Null);
            assert_eq!(heading(&rule), expected);
        }
    }
}
