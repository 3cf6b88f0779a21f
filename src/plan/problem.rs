//! One thing that is wrong with an entry of the configuration, and all of them in one error.

use crate::error::Error;

/// Why an entry cannot be applied, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Where it stands: `[sanitize.users] email`.
    heading: String,
    what: String,
    fix: String,
}

impl Problem {
    /// `what` names table and column; `what` and `fix` are fragments.
    pub fn under(heading: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { heading: heading.into(), what: what.into(), fix: fix.into() }
    }
}

/// A key as the configuration file spells it.
pub(super) fn toml_key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { format!("{name:?}") }
}

/// One error of them all; `entries` is what they are called.
pub(super) fn join(problems: Vec<Problem>, entries: &str) -> Error {
    if let [one] = problems.as_slice() {
        return Error::config(format!("{}: {}", one.heading, one.what)).hint(one.fix.clone());
    }
    let mut what = format!("{} {entries} cannot be applied:", problems.len());
    for problem in problems {
        what.push_str(&format!("\n  {}: {} ({})", problem.heading, problem.what, problem.fix));
    }
    Error::config(what)
}
