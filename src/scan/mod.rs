//! Columns that seem to hold something personal and have no rule, and a rule that fits each. By names and types alone:
//! no value is read here. Pure; what only the database can say comes in through a function.

pub mod propose;
mod written;

pub use propose::Proposal;
pub use written::lines;

use crate::error::{Error, Kind, Result};
use crate::plan::sanitize::{ANY_TABLE, Category, Facts, Rule, SanitizePlan, candidates, plan};
use crate::schema::{Column, Schema, Table};
use std::collections::BTreeMap;

/// A column that seems to hold something personal and has no rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Its full type: `varchar(90)`.
    pub column_type: String,
    /// What it seems to hold.
    pub category: Category,
    /// A rule that can be applied, or why there is none.
    pub proposal: Result<Proposal, String>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The whole schema.
    pub schema: &'a Schema,
    /// The tables that are served, by name.
    pub served: &'a BTreeMap<String, Table>,
    /// The rules that there are.
    pub rules: &'a [Rule],
    /// As for [`plan`].
    pub facts: &'a Facts<'a>,
}

/// Tries the masks of one more rule on the database; it refuses them with `Config`.
pub type Accepts<'a> = &'a mut dyn FnMut(&SanitizePlan) -> Result<()>;

/// Looks at every served table. Each proposal was checked together with the rules of its table and with the proposals
/// for the columns before it.
///
/// # Errors
/// What `accepts` says; `Internal` when a proposal cannot even be read.
pub fn scan(ground: Ground<'_>, accepts: Accepts<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for table in ground.served.values() {
        let unruled = unruled(table, ground.rules);
        if unruled.is_empty() {
            continue;
        }
        let alone = alone(table, ground.schema);
        let mut rules: Vec<Rule> =
            ground.rules.iter().filter(|rule| concerns(rule, table)).cloned().collect();
        for (column, category) in unruled {
            let proposal = fitting(table, column, category, &mut rules, &alone, ground.facts, accepts)?;
            findings.push(Finding {
                table: table.name.clone(),
                column: column.name.clone(),
                column_type: column.column_type.clone(),
                category,
                proposal,
            });
        }
    }
    Ok(findings)
}

/// The columns of a table that seem to hold something personal and have no rule, `"*"` included.
#[must_use]
pub fn unruled<'a>(table: &'a Table, rules: &[Rule]) -> Vec<(&'a Column, Category)> {
    let is_ruled = |column: &Column| {
        rules.iter().any(|rule| {
            (rule.table == ANY_TABLE || rule.table == table.name)
                && table.column(&rule.column).is_some_and(|ruled| ruled.name == column.name)
        })
    };
    candidates(table).filter(|(column, _)| !is_ruled(column)).collect()
}

/// Whether a rule concerns the table.
#[must_use]
pub fn concerns(rule: &Rule, table: &Table) -> bool {
    rule.table == table.name || (rule.table == ANY_TABLE && table.column(&rule.column).is_some())
}

/// The schema as far as rules of one table are checked against it.
fn alone(table: &Table, schema: &Schema) -> Schema {
    let keys = schema.foreign_keys.iter();
    let keys = keys.filter(|key| key.table == table.name || key.references == table.name);
    Schema {
        database: schema.database.clone(),
        flavour: schema.flavour,
        version: schema.version,
        tables: [(table.name.clone(), table.clone())].into(),
        foreign_keys: keys.cloned().collect(),
        triggers: Vec::new(),
        views: 0,
        routines: 0,
        events: 0,
    }
}

/// The first proposal that holds; it joins `rules`.
fn fitting(
    table: &Table,
    column: &Column,
    category: Category,
    rules: &mut Vec<Rule>,
    alone: &Schema,
    facts: &Facts<'_>,
    accepts: Accepts<'_>,
) -> Result<Result<Proposal, String>> {
    let mut refusal = None;
    for proposal in propose::proposals(category, column) {
        rules.push(proposal.rule(&table.name, &column.name)?);
        match plan(rules, alone, facts).and_then(|planned| accepts(&planned)) {
            Ok(()) => return Ok(Ok(proposal)),
            Err(error) if error.kind() == Kind::Config => {
                refusal = Some(reason(&error));
            }
            Err(error) => return Err(error),
        }
        rules.pop();
    }
    Ok(Err(refusal.unwrap_or_else(|| "no type of rule is made for it".to_owned())))
}

/// What is wrong, without the place, which the reader sees already.
fn reason(error: &Error) -> String {
    error.what().split_once(": ").map_or(error.what(), |(_, what)| what).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sanitize::Mask;
    use crate::plan::sanitize::fixture::{column, foreign_key, generated, nullable, schema, table};

    fn facts() -> Facts<'static> {
        Facts { salt: "5a17", by_update: true, ..Facts::default() }
    }

    fn rule(table: &str, column: &str) -> Rule {
        Rule {
            table: table.into(),
            column: column.into(),
            mask: Mask::Email,
            exclude: Vec::new(),
            condition: None,
        }
    }

    fn find(schema: &Schema, rules: &[Rule]) -> Vec<(String, String)> {
        let facts = facts();
        let ground = Ground { schema, served: &schema.tables, rules, facts: &facts };
        let findings = scan(ground, &mut |_| Ok(())).unwrap();
        // What is proposed is never refused.
        let mut all = rules.to_vec();
        for finding in &findings {
            if let Ok(proposal) = &finding.proposal {
                all.push(proposal.rule(&finding.table, &finding.column).unwrap());
            }
        }
        plan(&all, schema, &facts).unwrap();
        let shown = |finding: Finding| {
            let proposal = finding.proposal.map_or_else(|why| format!("none: {why}"), |one| one.toml());
            (format!("{}.{}", finding.table, finding.column), proposal)
        };
        findings.into_iter().map(shown).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn proposals_fit_type_length_nullability_and_unique_indexes() {
        let users = table(
            "users",
            vec![
                column("id", "bigint"),
                column("email", "varchar(190)"),
                column("mail", "varchar(20)"),
                nullable("correo", "varchar(10)"),
                column("name", "varchar(90)"),
                column("phone", "bigint"),
                nullable("handynummer", "bigint"),
                column("tel", "bigint"),
                column("password", "varchar(255)"),
                column("senha", "char(32)"),
                column("token", "binary(16)"),
                nullable("api_token", "char(64)"),
                column("birthday", "date"),
                column("iban", "varchar(34)"),
                column("salary", "decimal(10,2)"),
                column("last_ip", "varchar(45)"),
                column("plz", "char(5)"),
                nullable("religion", "varchar(20)"),
                generated("email_lower", "varchar(190)", "lower(`email`)"),
            ],
        )
        .key(&["id"])
        .unique(&["email"])
        .unique(&["mail"])
        .unique(&["tel"])
        .unique(&["token"])
        .done();
        assert_eq!(
            find(&schema(vec![users]), &[]),
            pairs(&[
                ("users.email", "\"email\""),
                ("users.mail", "{ type = \"sql\", expression = \"LEFT(SHA2({id}, 256), 20)\" }"),
                ("users.correo", "\"null\""),
                ("users.name", "\"name\""),
                ("users.phone", "{ type = \"fixed\", value = 0 }"),
                ("users.handynummer", "\"null\""),
                ("users.tel", "{ type = \"sql\", expression = \"{id}\" }"),
                ("users.password", "\"hash\""),
                ("users.senha", "{ type = \"fixed\", value = \"\" }"),
                ("users.token", "{ type = \"sql\", expression = \"UNHEX(LEFT(SHA2({id}, 256), 32))\" }"),
                ("users.api_token", "\"null\""),
                ("users.birthday", "{ type = \"shift\", days = 180 }"),
                ("users.iban", "{ type = \"keep\", first = 2 }"),
                ("users.salary", "{ type = \"noise\", percent = 20 }"),
                ("users.last_ip", "\"local_ip\""),
                ("users.plz", "{ type = \"truncate\", length = 2 }"),
                ("users.religion", "\"null\""),
            ])
        );
    }

    #[test]
    fn ruled_columns_are_left_out_also_by_a_rule_for_any_table() {
        let schema = schema(vec![
            table(
                "a",
                vec![column("id", "int"), column("Email", "varchar(99)"), column("mail", "varchar(99)")],
            )
            .key(&["id"])
            .done(),
            table("b", vec![column("id", "int"), column("email", "varchar(99)")]).key(&["id"]).done(),
        ]);
        assert_eq!(find(&schema, &[rule("*", "email")]), pairs(&[("a.mail", "\"email\"")]));
        assert_eq!(
            find(&schema, &[rule("a", "EMAIL")]),
            pairs(&[("a.mail", "\"email\""), ("b.email", "\"email\"")])
        );
    }

    #[test]
    fn where_no_rule_can_be_applied_the_reason_is_told() {
        let mut schema = schema(vec![
            table("people", vec![column("email", "varchar(99)")]).key(&["email"]).done(),
            table("visits", vec![column("id", "int"), nullable("email", "varchar(99)")]).key(&["id"]).done(),
        ]);
        schema.foreign_keys = vec![foreign_key(("visits", "email"), ("people", "email"))];
        let found = find(&schema, &[]);
        assert!(
            found[0].1.starts_with("none: column `email` of table `people` is referenced by"),
            "{found:?}"
        );
        assert_eq!(found[1], ("visits.email".to_owned(), "\"null\"".to_owned()));
    }

    #[test]
    fn what_the_database_refuses_is_not_proposed() {
        let schema = schema(vec![
            table("t", vec![column("id", "int"), column("email", "varchar(99)")]).key(&["id"]).done(),
        ]);
        let facts = facts();
        let ground = Ground { schema: &schema, served: &schema.tables, rules: &[], facts: &facts };
        let mut asked = 0;
        let mut second = |_: &SanitizePlan| {
            asked += 1;
            if asked == 2 { Ok(()) } else { Err(Error::config("no")) }
        };
        let findings = scan(ground, &mut second).unwrap();
        assert_eq!(findings[0].proposal.as_ref().unwrap().toml(), "\"text\"");
        let findings =
            scan(ground, &mut |_| Err(Error::config("[sanitize.t]: masked values break it"))).unwrap();
        assert_eq!(findings[0].proposal, Err("masked values break it".to_owned()));
        assert!(scan(ground, &mut |_| Err(Error::new(Kind::Source, "gone"))).is_err());
    }
}
