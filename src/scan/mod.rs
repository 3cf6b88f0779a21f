//! Columns that nobody has decided about, which of them seem to hold something personal and why, and a rule that fits each
//! of those. By names, types and what sampled values look like; of a value nothing is kept. Pure; what only the database
//! can say comes in through a function.

pub mod propose;
mod strict;
pub mod values;
mod written;

pub use propose::Proposal;
pub use strict::refusal;
pub use values::{Sighting, Sightings};
pub use written::{keep_lines, lines};

use crate::error::{Error, Kind, Result};
use crate::plan::policy::{Keep, undecided};
use crate::plan::sanitize::{ANY_TABLE, Category, Facts, Rule, SanitizePlan, category, plan};
use crate::schema::{Column, ForeignKey, Schema, Table};
use std::collections::BTreeMap;
use std::fmt;

/// What a scan finds. Nobody has decided about any of these columns: neither a rule nor `privacy.keep` names it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Those that seem to hold something personal.
    pub sensitive: Vec<Finding>,
    /// The others.
    pub others: Vec<Unremarkable>,
}

/// A column that seems to hold something personal.
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
    /// Why it seems so; at least one.
    pub reasons: Vec<Reason>,
    /// A rule that can be applied, or why there is none.
    pub proposal: Result<Proposal, String>,
}

/// A column that nothing speaks against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unremarkable {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Its full type.
    pub column_type: String,
}

/// Why a column seems to hold what it seems to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// By its name (and its table's).
    Name,
    /// By its type, which is for nothing else.
    Type,
    /// By what values of it look like.
    Values(Sighting),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name"),
            Self::Type => f.write_str("type"),
            Self::Values(sighting) => sighting.fmt(f),
        }
    }
}

impl Found {
    /// Whether everything is decided.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sensitive.is_empty() && self.others.is_empty()
    }

    /// What concerns these tables.
    #[must_use]
    pub fn of_tables(&self, is_wanted: impl Fn(&str) -> bool) -> Self {
        Self {
            sensitive: self.sensitive.iter().filter(|one| is_wanted(&one.table)).cloned().collect(),
            others: self.others.iter().filter(|one| is_wanted(&one.table)).cloned().collect(),
        }
    }

    /// Table and column of everything, in order of the tables' names.
    #[must_use]
    pub fn columns(&self) -> Vec<(&str, &str)> {
        let sensitive = self.sensitive.iter().map(|one| (one.table.as_str(), one.column.as_str()));
        let others = self.others.iter().map(|one| (one.table.as_str(), one.column.as_str()));
        let mut all: Vec<_> = sensitive.chain(others).collect();
        all.sort_by_key(|(table, _)| *table);
        all
    }
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
    /// What they come to.
    pub masks: &'a SanitizePlan,
    /// The columns that are declared harmless.
    pub keep: &'a Keep,
    /// What sampled values look like.
    pub seen: &'a Sightings,
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
pub fn scan(ground: Ground<'_>, accepts: Accepts<'_>) -> Result<Found> {
    let mut found = Found::default();
    for table in ground.served.values() {
        look_at(table, ground, accepts, &mut found)?;
    }
    Ok(found)
}

fn look_at(table: &Table, ground: Ground<'_>, accepts: Accepts<'_>, found: &mut Found) -> Result<()> {
    let mut trial: Option<Trial<'_>> = None;
    for column in undecided(table, ground.masks.for_table(&table.name), ground.keep) {
        let (name, ty) = (column.name.clone(), column.column_type.clone());
        let Some((category, reasons)) = suspicion(table, column, ground.seen) else {
            found.others.push(Unremarkable { table: table.name.clone(), column: name, column_type: ty });
            continue;
        };
        let trial = trial.get_or_insert_with(|| Trial::new(table, &ground));
        let proposal = trial.fitting(column, category, ground.facts, accepts)?;
        let table = table.name.clone();
        found.sensitive.push(Finding { table, column: name, column_type: ty, category, reasons, proposal });
    }
    Ok(())
}

/// What the column seems to hold, and why. A name says more about it than its values.
fn suspicion(table: &Table, column: &Column, seen: &Sightings) -> Option<(Category, Vec<Reason>)> {
    let by_name = category(&table.name, column);
    let sighting = seen.of(&table.name, &column.name);
    let is_type = matches!(column.data_type.as_str(), "inet4" | "inet6");
    let named = by_name.map(|_| if is_type { Reason::Type } else { Reason::Name });
    let category = by_name.or_else(|| sighting.map(Sighting::category))?;
    Some((category, named.into_iter().chain(sighting.copied().map(Reason::Values)).collect()))
}

/// Whether a rule concerns the table.
#[must_use]
pub fn concerns(rule: &Rule, table: &Table) -> bool {
    rule.table == table.name || (rule.table == ANY_TABLE && table.column(&rule.column).is_some())
}

/// The rules of one table, to which those that fit are added.
struct Trial<'a> {
    table: &'a Table,
    rules: Vec<Rule>,
    /// The schema as far as rules of the table are checked against it.
    alone: Schema,
    relations: Vec<ForeignKey>,
}

impl<'a> Trial<'a> {
    fn new(table: &'a Table, ground: &Ground<'_>) -> Self {
        let Schema { database, flavour, version, foreign_keys, .. } = ground.schema;
        // A key that has rules was checked together with its other ends, which are not here.
        let is_open = |key: &&ForeignKey| {
            let is_ruled = |table: &str, columns: &[String]| {
                let masks = ground.masks.for_table(table);
                masks.is_some_and(|masks| columns.iter().any(|column| masks.column(column).is_some()))
            };
            !is_ruled(&key.table, &key.columns) && !is_ruled(&key.references, &key.referenced_columns)
        };
        let keys = foreign_keys.iter();
        let keys = keys.filter(|key| key.table == table.name || key.references == table.name).filter(is_open);
        let relations = ground.facts.relations.iter().filter(is_open).cloned().collect();
        let alone = Schema {
            database: database.clone(),
            flavour: *flavour,
            version: *version,
            tables: [(table.name.clone(), table.clone())].into(),
            foreign_keys: keys.cloned().collect(),
            triggers: Vec::new(),
            views: 0,
            routines: 0,
            events: 0,
        };
        let rules = ground.rules.iter().filter(|rule| concerns(rule, table)).cloned().collect();
        Self { table, rules, alone, relations }
    }

    /// The first proposal that holds; its rule stays.
    fn fitting(
        &mut self,
        column: &Column,
        category: Category,
        facts: &Facts<'_>,
        accepts: Accepts<'_>,
    ) -> Result<Result<Proposal, String>> {
        let mut refusal = None;
        let facts = &Facts { relations: &self.relations, ..facts.clone() };
        for proposal in propose::proposals(category, column) {
            self.rules.push(proposal.rule(&self.table.name, &column.name)?);
            match plan(&self.rules, &self.alone, facts).and_then(|planned| accepts(&planned)) {
                Ok(()) => return Ok(Ok(proposal)),
                Err(error) if error.kind() == Kind::Config => {
                    refusal = Some(reason(&error));
                }
                Err(error) => return Err(error),
            }
            self.rules.pop();
        }
        Ok(Err(refusal.unwrap_or_else(|| "no type of rule is made for it".to_owned())))
    }
}

/// What is wrong, without the place, which the reader sees already.
fn reason(error: &Error) -> String {
    error.what().split_once(": ").map_or(error.what(), |(_, what)| what).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sanitize::fixture::{self, column, foreign_key, generated, nullable, schema, table};
    use crate::plan::sanitize::{Mask, MaskKey, parse};

    fn facts() -> Facts<'static> {
        Facts { salt: "5a17", by_update: true, ..Facts::default() }
    }

    fn rule(table: &str, column: &str) -> Rule {
        fixture::rule(table, column, Mask::Email)
    }

    /// What is found with these rules, patterns and sightings.
    fn found(
        schema: &Schema,
        rules: &[Rule],
        keep: &[&str],
        seen: &Sightings,
        accepts: Accepts<'_>,
    ) -> Result<Found> {
        let (facts, keep) = (facts(), Keep::new(keep).unwrap());
        let masks = plan(rules, schema, &facts).unwrap();
        let served = &schema.tables;
        scan(Ground { schema, served, rules, masks: &masks, keep: &keep, seen, facts: &facts }, accepts)
    }

    fn find(schema: &Schema, rules: &[Rule]) -> Vec<(String, String)> {
        let facts = facts();
        let findings = found(schema, rules, &[], &Sightings::default(), &mut |_| Ok(())).unwrap().sensitive;
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
                ("users.name", "\"full_name\""),
                ("users.phone", "\"digits\""),
                ("users.handynummer", "\"digits\""),
                ("users.tel", "{ type = \"sql\", expression = \"{id}\" }"),
                ("users.password", "\"hash\""),
                ("users.senha", "{ type = \"fixed\", value = \"\" }"),
                ("users.token", "\"token\""),
                ("users.api_token", "\"null\""),
                ("users.birthday", "{ type = \"shift\", days = 180 }"),
                ("users.iban", "{ type = \"keep\", first = 2 }"),
                ("users.salary", "{ type = \"noise\", percent = 20 }"),
                ("users.last_ip", "\"ip\""),
                ("users.plz", "{ type = \"truncate\", length = 2 }"),
                ("users.religion", "\"null\""),
            ])
        );
    }

    #[test]
    fn names_and_addresses_get_what_looks_like_them_where_rows_need_not_differ() {
        let columns = vec![
            column("id", "int"),
            column("first_name", "varchar(40)"),
            column("nachname", "varchar(40)"),
            column("username", "varchar(40)"),
            column("full_name", "varchar(40)"),
            column("nickname", "varchar(40)"),
            column("strasse", "varchar(60)"),
            column("address", "varchar(60)"),
            column("birthplace", "varchar(60)"),
            column("ip", "varbinary(16)"),
            column("ssn", "bigint"),
            column("imei", "varchar(40)"),
        ];
        let people = table("staff", columns).key(&["id"]).unique(&["full_name"]).done();
        assert_eq!(
            find(&schema(vec![people]), &[]),
            pairs(&[
                ("staff.first_name", "\"first_name\""),
                ("staff.nachname", "\"last_name\""),
                ("staff.username", "\"name\""),
                ("staff.full_name", "\"name\""),
                ("staff.nickname", "\"name\""),
                ("staff.strasse", "\"street\""),
                ("staff.address", "\"address\""),
                ("staff.birthplace", "\"city\""),
                ("staff.ip", "\"ip\""),
                ("staff.ssn", "\"digits\""),
                ("staff.imei", "\"token\""),
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
    fn keys_that_are_masked_with_their_other_ends_are_in_nobodys_way() {
        let mut schema = schema(vec![
            table("people", vec![column("code", "varchar(64)"), column("email", "varchar(99)")])
                .key(&["code"])
                .done(),
            table("visits", vec![column("id", "int"), column("person", "varchar(64)")]).key(&["id"]).done(),
        ]);
        schema.foreign_keys = vec![foreign_key(("visits", "person"), ("people", "code"))];
        let token = |table: &str, column: &str| Rule {
            mask: parse("token", &[]).unwrap().mask,
            ..rule(table, column)
        };
        let rules = [token("people", "code"), token("visits", "person")];
        let key = MaskKey::derive(&"k".repeat(32).as_str().into()).unwrap();
        let facts = Facts { key: Some(&key), ..facts() };
        let masks = plan(&rules, &schema, &facts).unwrap();
        let (keep, seen) = (Keep::default(), Sightings::default());
        let ground = Ground {
            schema: &schema,
            served: &schema.tables,
            rules: &rules,
            masks: &masks,
            keep: &keep,
            seen: &seen,
            facts: &facts,
        };
        let found = scan(ground, &mut |_| Ok(())).unwrap();
        let proposals: Vec<_> =
            found.sensitive.into_iter().map(|finding| finding.proposal.map(|one| one.toml())).collect();
        assert_eq!(proposals, [Ok("\"email\"".to_owned())]);
    }

    #[test]
    fn what_the_database_refuses_is_not_proposed() {
        let schema = schema(vec![
            table("t", vec![column("id", "int"), column("email", "varchar(99)")]).key(&["id"]).done(),
        ]);
        let none = Sightings::default();
        let mut asked = 0;
        let mut second = |_: &SanitizePlan| {
            asked += 1;
            if asked == 2 { Ok(()) } else { Err(Error::config("no")) }
        };
        let findings = found(&schema, &[], &[], &none, &mut second).unwrap().sensitive;
        assert_eq!(findings[0].proposal.as_ref().unwrap().toml(), "\"text\"");
        let breaks = &mut |_: &SanitizePlan| Err(Error::config("[sanitize.t]: masked values break it"));
        let findings = found(&schema, &[], &[], &none, breaks).unwrap().sensitive;
        assert_eq!(findings[0].proposal, Err("masked values break it".to_owned()));
        let gone = &mut |_: &SanitizePlan| Err(Error::new(Kind::Source, "gone"));
        assert!(found(&schema, &[], &[], &none, gone).is_err());
    }

    #[test]
    fn what_is_kept_is_passed_over_and_what_was_seen_is_a_reason() {
        let columns = vec![
            column("id", "int"),
            column("email", "varchar(99)"),
            column("contact", "varchar(99)"),
            column("remarks", "text"),
            column("last_ip", "varchar(45)"),
            column("state", "varchar(9)"),
        ];
        let schema = schema(vec![table("t", columns).key(&["id"]).done()]);
        let mut seen = Sightings::default();
        let sighting =
            |is_part, hits| Sighting { kind: crate::detect::Kind::Email, is_part, hits, values: 9 };
        seen.add("t", "email", sighting(false, 9));
        seen.add("t", "contact", sighting(false, 4));
        seen.add("t", "remarks", sighting(true, 1));
        let found = found(&schema, &[], &["*.id", "t.last_*"], &seen, &mut |_| Ok(())).unwrap();
        let told = |one: &Finding| {
            let reasons: Vec<String> = one.reasons.iter().map(Reason::to_string).collect();
            format!("{}: {} = {}", one.column, reasons.join(" + "), one.proposal.as_ref().unwrap().toml())
        };
        assert_eq!(
            found.sensitive.iter().map(told).collect::<Vec<_>>(),
            [
                "email: name + 9 of 9 sampled values look like e-mail addresses = \"email\"",
                "contact: 4 of 9 sampled values look like e-mail addresses = \"email\"",
                "remarks: 1 of 9 sampled values contains an e-mail address = \"text\"",
            ]
        );
        assert_eq!(found.others.iter().map(|one| one.column.as_str()).collect::<Vec<_>>(), ["state"]);
        assert_eq!(found.columns(), [("t", "email"), ("t", "contact"), ("t", "remarks"), ("t", "state")]);
        assert!(found.of_tables(|name| name != "t").is_empty() && !found.of_tables(|_| true).is_empty());
    }
}
