//! Sanitizing: from rules to checked, rendered SQL expressions.
//!
//! A rule says how one column is masked. [`plan`] resolves rules against the schema, checks everything that can be
//! known before a row is read (and reports all problems at once), and gives per table a [`TableMasks`], which
//! renders the masks as assignments of an UPDATE or as items of a SELECT list. Masking itself is SQL that the
//! database runs; nothing here sees a value.
//!
//! Without a key masks are made anew in every run. With one ([`MaskKey`]) those that stand for a person are functions of
//! the old values, and a session has to be told the key before their expressions run in it.

mod check;
#[cfg(test)]
pub(crate) mod fixture;
mod forbidden;
mod identity;
mod key;
mod mentions;
mod pattern;
mod probe;
mod problem;
mod proof;
mod render;
mod resolve;
mod sensitive;
mod types;

pub use forbidden::{Forbidden, WHOLE_BYTES_MAX};
pub use identity::Refs;
pub use key::MaskKey;
pub use proof::{ColumnProof, Fails};
pub use render::{MaskedColumn, TableMasks};
pub use sensitive::{Category, category, is_called};
pub use types::{
    COMMON, Expression, Fixed, Json, Keep, Mask, MaskType, Noise, OptionSpec, OptionValue, Parsed, Refusal,
    Shift, TYPES, Token, Truncate, names, parse,
};

use super::nearest;
use crate::error::{Error, Result};
use crate::schema::{Column, ForeignKey, Schema, Table};
use mentions::mentions;
use problem::Problem;
use render::same;
use std::collections::{BTreeMap, BTreeSet};

/// The table name of rules that apply by column name in any table.
pub const ANY_TABLE: &str = "*";

/// One entry of `[sanitize]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The table, or [`ANY_TABLE`].
    pub table: String,
    /// The column; compared without case.
    pub column: String,
    /// What its values become.
    pub mask: Mask,
    /// Values that match one of these stay: `*` is any run of characters, everything else literal.
    pub exclude: Vec<String>,
    /// Rows for which this is false keep their value (`where`).
    pub condition: Option<Expression>,
}

/// What a plan needs to know beyond rules and schema.
#[derive(Debug, Clone, Default)]
pub struct Facts<'a> {
    /// Hex digits that key the hashes of natural keys where there is no `key`: random per run. They are part of the
    /// statements, so of a general log where one is kept.
    pub salt: &'a str,
    /// Makes masks functions of the old values, the same in every run; without it they are made anew in each.
    pub key: Option<&'a MaskKey>,
    /// Characters of the widest value (sign included) of the integer that is a table's identity, by table, where it
    /// was measured. Otherwise the type's widest value counts.
    pub widest_id_digits: BTreeMap<String, u64>,
    /// Tables that `exclude_tables` covers, existing ones and those that only rules name. Their rules are not checked.
    pub excluded: BTreeSet<String>,
    /// The `[[relations]]`: columns of theirs are as much out of bounds as those of declared foreign keys.
    pub relations: &'a [ForeignKey],
    /// Whether masks are set by UPDATE (`mask_at = "update"`): then masks that read each other are refused.
    pub by_update: bool,
}

/// The checked rules.
#[derive(Debug, Clone, Default)]
pub struct SanitizePlan {
    tables: BTreeMap<String, TableMasks>,
    warnings: Vec<String>,
    key: Option<MaskKey>,
}

impl SanitizePlan {
    /// The masks of that table; none if no rule concerns it.
    #[must_use]
    pub fn for_table(&self, name: &str) -> Option<&TableMasks> {
        self.tables.get(name)
    }

    /// Whether values of that column tell those of a ruled one: it is ruled, or generated from one that is.
    #[must_use]
    pub fn is_told_by(&self, table: &Table, column: &str) -> bool {
        let Some(masks) = self.for_table(&table.name) else { return false };
        let mut telling: Vec<&str> = masks.columns.iter().map(|masked| masked.name.as_str()).collect();
        // Generated columns may be made of each other.
        loop {
            let made_of = |one: &&Column| {
                let expression = one.expression.as_deref().unwrap_or_default();
                !telling.contains(&one.name.as_str()) && telling.iter().any(|name| mentions(expression, name))
            };
            match table.columns.iter().find(made_of) {
                Some(one) => telling.push(&one.name),
                None => return telling.iter().any(|name| same(name, column)),
            }
        }
    }

    /// The key of the masks; none where they are made anew in every run.
    #[must_use]
    pub fn key(&self) -> Option<&MaskKey> {
        self.key.as_ref()
    }

    /// All tables with masks, by name.
    pub fn tables(&self) -> impl Iterator<Item = &TableMasks> {
        self.tables.values()
    }

    /// What the user should know about the rules, although nothing is refused.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Checks the rules against the schema and prepares their expressions.
///
/// # Errors
/// `Kind::Config` with every problem of every rule; `Kind::Internal` if the salt is not hexadecimal.
pub fn plan(rules: &[Rule], schema: &Schema, facts: &Facts<'_>) -> Result<SanitizePlan> {
    if facts.salt.is_empty() || !facts.salt.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::internal("the salt of masks is not hexadecimal"));
    }
    let mut report = Report::default();
    let resolved = resolve::resolve(rules, schema, facts, &mut report);
    let mut tables = BTreeMap::new();
    for (name, ruled) in &resolved {
        if let Some(masks) = check::table(ruled, &resolved, schema, facts, &mut report) {
            tables.insert((*name).to_owned(), masks);
        }
    }
    if !report.problems.is_empty() {
        return Err(problem::join(report.problems));
    }
    check::warn_of_unlike_phones(&tables, &mut report);
    Ok(SanitizePlan { tables, warnings: report.warnings, key: facts.key.cloned() })
}

/// The column whose widest value decides how long masks with identity get: measure it for
/// [`Facts::widest_id_digits`]. None where the identity is not a number.
#[must_use]
pub fn measured_column(table: &Table) -> Option<&Column> {
    match identity::Identity::of(table, |_| false, None) {
        identity::Identity::Number { column, .. } => table.column(&column),
        _ => None,
    }
}

/// What checks find.
#[derive(Debug, Default)]
struct Report {
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::fixture::{column, nullable, rule, schema, table};
    use super::*;
    use crate::error::Kind;

    fn facts() -> Facts<'static> {
        Facts { salt: "5a17", ..Facts::default() }
    }

    fn users() -> Schema {
        let users =
            table("users", vec![column("id", "bigint(20) unsigned"), column("email", "varchar(255)")])
                .key(&["id"])
                .unique(&["email"])
                .done();
        schema(vec![users, table("jobs", vec![column("id", "int"), nullable("note", "json")]).done()])
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let rules = [
            rule("user", "email", Mask::Email),
            rule("users", "emial", Mask::Email),
            rule("users", "email", Mask::Hash { unusable: false }),
            rule("jobs", "note", Mask::Text),
        ];
        let error = plan(&rules, &users(), &facts()).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        let lines: Vec<_> = error.what().lines().collect();
        assert_eq!(lines.len(), 5, "{error}");
        assert_eq!(lines[0], "4 rules cannot be applied:");
        for (line, start) in lines[1..].iter().zip([
            "  [sanitize.user] email: there is no table `user`; did you mean `users`?",
            "  [sanitize.users] emial: table `users` has no column `emial`; did you mean `email`?",
            "  [sanitize.jobs] note: column `note` of table `jobs` is `json`",
            "  [sanitize.users] email: column `email` of table `users` is in the unique index `u0`",
        ]) {
            assert!(line.starts_with(start), "{line}");
        }
    }

    #[test]
    fn one_problem_reads_as_one_sentence_with_a_hint() {
        let error = plan(&[rule("jobs", "note", Mask::Name)], &users(), &facts()).unwrap_err();
        assert!(error.what().starts_with("[sanitize.jobs] note: column `note`"), "{error}");
        assert!(error.hint_text().unwrap().contains("null"));
    }

    #[test]
    fn tables_without_rules_have_no_masks() {
        let plan = plan(&[rule("users", "email", Mask::Email)], &users(), &facts()).unwrap();
        assert!(plan.for_table("users").is_some());
        assert!(plan.for_table("jobs").is_none());
        assert_eq!(plan.tables().count(), 1);
    }

    #[test]
    fn a_salt_that_could_end_the_literal_is_refused() {
        for salt in ["", "ab'", "zz"] {
            let facts = Facts { salt, ..Facts::default() };
            assert_eq!(plan(&[], &users(), &facts).unwrap_err().kind(), Kind::Internal, "{salt}");
        }
    }

    #[test]
    fn masks_that_read_each_other_are_refused_for_updates_only() {
        let schema = schema(vec![
            table("t", vec![column("a", "varchar(99)"), column("b", "varchar(99)")]).key(&["a", "b"]).done(),
        ]);
        let rules = [rule("t", "a", Mask::Name), rule("t", "b", Mask::Name)];
        assert!(plan(&rules, &schema, &facts()).is_ok());
        let error = plan(&rules, &schema, &Facts { by_update: true, ..facts() }).unwrap_err();
        assert!(error.what().contains("read each other"), "{error}");
    }

    #[test]
    fn keeping_everything_is_a_warning() {
        let mut rule = rule("users", "email", Mask::Email);
        for (pattern, warned) in [("*", true), ("**", true), ("*@example.com", false)] {
            rule.exclude = vec!["x".into(), pattern.into()];
            let plan = plan(std::slice::from_ref(&rule), &users(), &facts()).unwrap();
            let warning = "[sanitize.users] email: exclude = [\"*\"] keeps every value";
            assert_eq!(plan.warnings().iter().any(|text| text.starts_with(warning)), warned, "{pattern}");
        }
    }

    #[test]
    fn phones_that_do_not_match_are_told() {
        let key = MaskKey::derive(&"k".repeat(32).as_str().into()).unwrap();
        let facts = Facts { key: Some(&key), ..facts() };
        let of =
            |name: &str| table(name, vec![column("id", "int"), column("phone", "varchar(40)")]).key(&["id"]);
        let rules = ["calls", "users"].map(|table| rule(table, "phone", Mask::Phone));
        let warned = |users: Table| {
            let schema = schema(vec![of("calls").done(), users]);
            plan(&rules, &schema, &facts).unwrap().warnings().join("; ")
        };
        let unlike = warned(of("users").unique(&["phone"]).done());
        let expected = "`phone` of `users`.`phone` has 25 digits, because a unique index needs them, and that of \
            `calls`.`phone` has 10: ";
        assert!(unlike.starts_with(expected), "{unlike}");
        assert_eq!(warned(of("users").done()), "");
    }

    #[test]
    fn what_is_computed_of_a_ruled_column_tells_it() {
        let computed = |name: &str, expression: &str| Column {
            generated: crate::schema::Generated::Virtual,
            expression: Some(expression.into()),
            ..column(name, "varchar(99)")
        };
        let columns = vec![
            column("id", "int"),
            column("mail", "varchar(99)"),
            computed("last", "upper(`low`)"),
            computed("low", "lower(`MAIL`)"),
            computed("other", "concat(`id`,'mail')"),
        ];
        let users = table("users", columns).key(&["id"]).done();
        let plan =
            plan(&[rule("users", "mail", Mask::Email)], &schema(vec![users.clone()]), &facts()).unwrap();
        let told: Vec<&str> = ["id", "Mail", "last", "low", "other"]
            .into_iter()
            .filter(|name| plan.is_told_by(&users, name))
            .collect();
        assert_eq!(told, ["Mail", "last", "low"]);
    }

    #[test]
    fn only_numbers_are_measured() {
        let name = |table: &Table| measured_column(table).map(|column| column.name.clone());
        assert_eq!(name(&users().tables["users"]).as_deref(), Some("id"));
        let natural = table("t", vec![column("k", "varchar(9)")]).key(&["k"]).done();
        assert_eq!(name(&natural), None);
    }
}
