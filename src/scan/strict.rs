//! What `privacy.policy = "strict"` says to columns that nobody has decided about.

use super::{Found, keep_lines, lines};
use crate::error::Error;

/// Most columns that are named in the sentence; the lines to add name them all.
const NAMED_MAX: usize = 8;

/// The refusal to serve what was found, with the lines to add; none if everything is decided.
#[must_use]
pub fn refusal(found: &Found) -> Option<Error> {
    let columns = found.columns();
    let named = columns.iter().take(NAMED_MAX);
    let named = named.map(|(table, column)| format!("`{table}.{column}`")).collect::<Vec<_>>().join(", ");
    let (subject, verb) = match columns.len() {
        0 => return None,
        1 => (format!("column {named}"), "has"),
        count if count > NAMED_MAX => (format!("{count} columns ({named}, …)"), "have"),
        count => (format!("{count} columns ({named})"), "have"),
    };
    let what = format!(
        "privacy.policy is \"strict\", and {subject} {verb} neither a rule nor an entry in privacy.keep"
    );
    let gap = if found.sensitive.iter().any(|one| one.proposal.is_ok()) { "\n" } else { "" };
    let hint = format!(
        "decide about each column; these lines for the server's backfill.toml are a beginning (below the [table]s and in \
         the list `keep` that are there already):\n\n{}{gap}{}",
        lines(&found.sensitive),
        keep_lines(found)
    );
    Some(Error::config(what).hint(hint.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::super::Unremarkable;
    use super::*;
    use crate::error::Kind;

    fn others(count: usize) -> Found {
        let other =
            |at| Unremarkable { table: "orders".into(), column: format!("c{at}"), column_type: "int".into() };
        Found { sensitive: Vec::new(), others: (0..count).map(other).collect() }
    }

    #[test]
    fn columns_are_named_and_all_of_them_are_in_the_lines() {
        assert!(refusal(&Found::default()).is_none());
        let one = refusal(&others(1)).unwrap();
        assert_eq!(one.kind(), Kind::Config);
        assert_eq!(
            one.what(),
            "privacy.policy is \"strict\", and column `orders.c0` has neither a rule nor an entry in privacy.keep"
        );
        assert!(one.hint_text().unwrap().ends_with(":\n\n[privacy]\nkeep = [\n    \"orders.c0\",\n]"));
        let many = refusal(&others(20)).unwrap();
        assert!(
            many.what().contains("20 columns (`orders.c0`, ") && many.what().contains(", …) have neither")
        );
        assert!(!many.what().contains("c12") && many.hint_text().unwrap().contains("\"orders.c19\","));
    }
}
