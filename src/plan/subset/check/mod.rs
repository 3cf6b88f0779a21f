//! Every check of limits and relations that needs no row: what fails here would fail later, in the middle of a run.

mod condition;
mod limit;
mod relation;

use super::Limit;
use crate::error::Result;
use crate::plan::nearest::{did_you_mean, nearest};
use crate::plan::problem::{Problem, join};
use crate::plan::reference::Relation;
use crate::plan::run::Selection;
use crate::schema::{Schema, Table, TableKind};

/// Longest name out of a value that a message shows. A token is longer.
const SHOWN_MAX: usize = 31;

/// What limits and relations are checked against.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The source.
    pub schema: &'a Schema,
    /// Its tables as the configuration sorts them.
    pub selection: &'a Selection,
    /// Whether `exclude_tables` covers a name, that of an existing table or not.
    pub is_excluded: &'a dyn Fn(&str) -> bool,
}

/// Limits and relations that fit the schema.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checked {
    /// The limits of served tables; columns are spelled as the table spells them.
    pub limits: Vec<Limit>,
    /// The relations between served tables.
    pub relations: Vec<Relation>,
    /// What the user should know, although nothing is refused.
    pub warnings: Vec<String>,
}

/// Checks limits and relations. Those of excluded tables are not looked at.
///
/// # Errors
/// `Kind::Config` with every problem of every entry.
pub fn check(limits: &[Limit], relations: &[Relation], ground: Ground<'_>) -> Result<Checked> {
    let mut report = Report::default();
    let limits = limits.iter().filter_map(|limit| limit::check(limit, ground, &mut report)).collect();
    let mut followed: Vec<Relation> = Vec::new();
    for one in relations {
        if let Some(relation) = relation::check(one, &followed, ground, &mut report) {
            followed.push(relation);
        }
    }
    if report.problems.is_empty() {
        Ok(Checked { limits, relations: followed, warnings: report.warnings })
    } else {
        Err(join(report.problems, "limits and relations"))
    }
}

/// What checks find.
#[derive(Debug, Default)]
struct Report {
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Report {
    fn problem(&mut self, heading: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.problems.push(Problem::under(heading, what, fix));
    }
}

/// A table that an entry names.
enum Named<'a> {
    Served(&'a Table),
    /// Excluded, or not served for what it is; the reason reads on from "which".
    NotServed(String),
}

impl<'a> Ground<'a> {
    /// The table of that name; `None` after noting that there is none.
    fn table(self, name: &str, heading: &str, report: &mut Report) -> Option<Named<'a>> {
        if (self.is_excluded)(name) {
            return Some(Named::NotServed("is excluded".to_owned()));
        }
        if let Some((_, reason)) = self.selection.left_out.iter().find(|(left_out, _)| left_out == name) {
            return Some(Named::NotServed(format!("is not served: {reason}")));
        }
        if let Some(table) = self.selection.served.get(name) {
            return Some(Named::Served(table));
        }
        let tables = self.schema.tables.values().filter(|table| table.kind != TableKind::Sequence);
        let guess = nearest(name, tables.map(|table| table.name.as_str()));
        let what = format!("there is no table {}{}", shown(name), did_you_mean(guess));
        report.problem(heading, what, "correct the name or remove the entry");
        None
    }
}

/// The table's own spelling of that column; `None` after noting that there is none.
fn column<'a>(
    table: &'a Table,
    name: &str,
    heading: &str,
    report: &mut Report,
) -> Option<&'a crate::schema::Column> {
    let found = table.column(name);
    if found.is_none() {
        let guess = nearest(name, table.columns.iter().map(|column| column.name.as_str()));
        let what = format!("table `{}` has no column {}{}", table.name, shown(name), did_you_mean(guess));
        report.problem(heading, what, "correct the name");
    }
    found
}

/// A name that stands in the file as a value, if it is fit to be shown.
fn shown(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '$');
    if name.len() <= SHOWN_MAX && name.chars().all(plain) {
        format!("`{name}`")
    } else {
        "of that name".to_owned()
    }
}

#[cfg(test)]
mod tests;
