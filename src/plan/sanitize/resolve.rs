//! Which rule applies to which column: names are looked up, `"*"` is spread over the tables, the specific rule wins.

use super::nearest::{did_you_mean, nearest};
use super::problem::{Problem, heading};
use super::{ANY_TABLE, Facts, Report, Rule};
use crate::schema::{Column, Generated, Schema, Table, TableKind};
use std::collections::{BTreeMap, HashMap};

/// A column and the rule that applies to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruled<'a> {
    pub rule: &'a Rule,
    pub table: &'a Table,
    pub column: &'a Column,
}

/// Ruled columns in table order, by table.
pub(super) type Resolved<'a> = BTreeMap<&'a str, Vec<Ruled<'a>>>;

pub(super) fn resolve<'a>(
    rules: &'a [Rule],
    schema: &'a Schema,
    facts: &Facts<'_>,
    report: &mut Report,
) -> Resolved<'a> {
    let mut columns: HashMap<(&str, &str), Ruled<'a>> = HashMap::new();
    for rule in distinct(rules, report) {
        if rule.table == ANY_TABLE {
            continue;
        }
        if let Some(ruled) = specific(rule, schema, facts, report) {
            columns.insert((&ruled.table.name, &ruled.column.name), ruled);
        }
    }
    for rule in distinct(rules, &mut Report::default()) {
        if rule.table == ANY_TABLE {
            for ruled in everywhere(rule, schema, facts, report) {
                columns.entry((&ruled.table.name, &ruled.column.name)).or_insert(ruled);
            }
        }
    }
    in_table_order(schema, &columns)
}

/// The rules without second ones for the same column, which are reported.
fn distinct<'a>(rules: &'a [Rule], report: &mut Report) -> Vec<&'a Rule> {
    let mut seen: HashMap<(&str, String), &Rule> = HashMap::new();
    let mut kept = Vec::new();
    for rule in rules {
        match seen.insert((&rule.table, rule.column.to_lowercase()), rule) {
            None => kept.push(rule),
            Some(first) => report.problems.push(Problem::new(
                rule,
                format!(
                    "column `{}` of table `{}` already has the rule {} (names compare without case)",
                    rule.column,
                    rule.table,
                    heading(first)
                ),
                "remove one of the two",
            )),
        }
    }
    kept
}

fn specific<'a>(
    rule: &'a Rule,
    schema: &'a Schema,
    facts: &Facts<'_>,
    report: &mut Report,
) -> Option<Ruled<'a>> {
    if facts.excluded.contains(&rule.table) {
        return None;
    }
    let found = find(rule, schema);
    found.map_err(|problem| report.problems.push(problem)).ok()
}

fn find<'a>(rule: &'a Rule, schema: &'a Schema) -> Result<Ruled<'a>, Problem> {
    let Some(table) = schema.tables.get(&rule.table) else {
        let guess = nearest(&rule.table, schema.tables.keys().map(String::as_str));
        let what = format!("there is no table `{}`{}", rule.table, did_you_mean(guess));
        return Err(Problem::new(rule, what, "correct the name or remove the rule"));
    };
    if table.kind == TableKind::Sequence {
        let what = format!("`{}` is a sequence, which is never copied", rule.table);
        return Err(Problem::new(rule, what, "remove the rule"));
    }
    let Some(column) = table.column(&rule.column) else {
        let guess = nearest(&rule.column, table.columns.iter().map(|column| column.name.as_str()));
        let what = format!("table `{}` has no column `{}`{}", rule.table, rule.column, did_you_mean(guess));
        return Err(Problem::new(rule, what, "correct the name or remove the rule"));
    };
    Ok(Ruled { rule, table, column })
}

/// The columns that a rule under `"*"` concerns. Generated ones follow the columns that they are made of.
fn everywhere<'a>(
    rule: &'a Rule,
    schema: &'a Schema,
    facts: &Facts<'_>,
    report: &mut Report,
) -> Vec<Ruled<'a>> {
    let tables = || schema.tables.values().filter(|table| table.kind != TableKind::Sequence);
    let all: Vec<Ruled<'a>> = tables()
        .filter_map(|table| table.column(&rule.column).map(|column| Ruled { rule, table, column }))
        .collect();
    if all.is_empty() {
        // Not an error: one file of such rules may serve many databases.
        let names = tables().flat_map(|table| &table.columns).map(|column| column.name.as_str());
        let guess = did_you_mean(nearest(&rule.column, names));
        report.warnings.push(format!(
            "{} protects nothing: no table has a column `{}`{guess}",
            heading(rule),
            rule.column
        ));
    }
    let (generated, found): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter(|ruled| !facts.excluded.contains(&ruled.table.name))
        .partition(|ruled| ruled.column.generated != Generated::No);
    for ruled in generated {
        report.warnings.push(format!(
            "{} does not apply to `{}`.`{}`, a generated column: rule the columns that it is made of",
            heading(rule),
            ruled.table.name,
            ruled.column.name
        ));
    }
    found
}

fn in_table_order<'a>(schema: &'a Schema, columns: &HashMap<(&str, &str), Ruled<'a>>) -> Resolved<'a> {
    let mut resolved = Resolved::new();
    for table in schema.tables.values() {
        let ruled: Vec<_> = table
            .columns
            .iter()
            .filter_map(|column| columns.get(&(table.name.as_str(), column.name.as_str())).copied())
            .collect();
        if !ruled.is_empty() {
            resolved.insert(&table.name, ruled);
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{column, generated, nullable, rule, schema, table};
    use super::super::{Facts, Mask, plan};
    use crate::schema::TableKind;
    use std::collections::BTreeSet;

    fn facts(excluded: &[&str]) -> Facts<'static> {
        let excluded: BTreeSet<_> = excluded.iter().map(ToString::to_string).collect();
        Facts { salt: "5a17", excluded, ..Facts::default() }
    }

    fn two_tables() -> crate::schema::Schema {
        schema(vec![
            table("a", vec![column("id", "int"), nullable("Token", "varchar(99)")]).key(&["id"]).done(),
            table("b", vec![column("id", "int"), nullable("token", "varchar(99)")]).key(&["id"]).done(),
            table("c", vec![column("x", "int"), generated("token", "varchar(99)", "`x`")]).done(),
            table("s", vec![column("start_value", "int")]).kind(TableKind::Sequence).done(),
        ])
    }

    #[test]
    fn a_star_rule_applies_everywhere_and_the_specific_one_wins() {
        let rules = [rule("*", "TOKEN", Mask::Null), rule("b", "token", Mask::Text)];
        let plan = plan(&rules, &two_tables(), &facts(&[])).unwrap();
        assert_eq!(plan.for_table("a").unwrap().column("token").unwrap().mask, Mask::Null);
        assert_eq!(plan.for_table("b").unwrap().column("token").unwrap().mask, Mask::Text);
        assert!(plan.for_table("c").is_none());
        assert!(plan.warnings().iter().any(|warning| warning.contains("`c`.`token`, a generated column")));
    }

    #[test]
    fn a_star_rule_without_a_column_is_a_warning_and_one_that_does_not_fit_names_the_table() {
        let planned = plan(&[rule("*", "tokne", Mask::Null)], &two_tables(), &facts(&[])).unwrap();
        let warning = "[sanitize.\"*\"] tokne protects nothing: no table has a column `tokne`; did you mean";
        assert!(planned.warnings()[0].starts_with(warning), "{:?}", planned.warnings());
        let error = plan(&[rule("*", "id", Mask::Text)], &two_tables(), &facts(&["b"])).unwrap_err();
        assert!(
            error.what().starts_with("[sanitize.\"*\"] id: column `id` of table `a` is `int`"),
            "{error}"
        );
        assert!(error.hint_text().unwrap().contains("write a rule for it under [sanitize.a]"), "{error:?}");
    }

    #[test]
    fn rules_for_excluded_tables_are_fine_whatever_they_say() {
        let rules = [rule("a", "nothing", Mask::Null), rule("gone", "x", Mask::Null)];
        let planned = plan(&rules, &two_tables(), &facts(&["a", "gone"])).unwrap();
        assert_eq!(planned.tables().count(), 0);
        let star = plan(&[rule("*", "token", Mask::Null)], &two_tables(), &facts(&["a"])).unwrap();
        assert!(star.for_table("a").is_none() && star.for_table("b").is_some());
    }

    #[test]
    fn bad_names_and_second_rules_are_refused() {
        for (rules, message) in [
            (vec![rule("aa", "token", Mask::Null)], "there is no table `aa`"),
            (vec![rule("a", "tokn", Mask::Null)], "did you mean `Token`?"),
            (vec![rule("s", "start_value", Mask::Null)], "is a sequence"),
            (
                vec![rule("a", "token", Mask::Null), rule("a", "TOKEN", Mask::Text)],
                "already has the rule [sanitize.a] token",
            ),
            (vec![rule("*", "token", Mask::Null), rule("*", "Token", Mask::Null)], "already has the rule"),
            (vec![rule("c", "token", Mask::Null)], "is generated"),
        ] {
            let error = plan(&rules, &two_tables(), &facts(&[])).unwrap_err();
            assert!(error.what().contains(message), "{error}");
        }
    }
}
