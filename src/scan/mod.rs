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
mod tests;
