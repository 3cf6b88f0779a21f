//! What a pull will do to the target: which tables it makes anew, which it merges rows into, which foreign keys the
//! new tables get, and which keys of tables that stay have to be moved from the old tables to the new ones. Pure.

mod merge;

pub use merge::can_merge;

use crate::error::{Error, Kind, Result};
use crate::schema::diff::is_transactional;
use crate::schema::{Flavour, ForeignKey, Schema, Table, ddl};
use crate::sql::{TableName, ident};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything of backfill on a target begins with this; a pulled table may not.
pub const RESERVED: &str = "_backfill_";

/// A table to pull.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The name on the target, spelled as the target spells it where the table exists.
    pub name: String,
    /// The columns that rows come with, in the order of the batches.
    pub columns: Vec<String>,
    /// The source's structure, for a table that the target lacks.
    pub missing: Option<Structure>,
    /// How its rows get into the table.
    pub way: Way,
}

/// How staged rows get into the application's table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The staged table takes the old one's place.
    #[default]
    Swap,
    /// A delta: the staged rows replace those with the same key, all others stay.
    Merge,
}

/// A table's structure and the family of the server that described it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Structure {
    /// Whose types and expressions they are.
    pub flavour: Flavour,
    /// The structure.
    pub table: Table,
}

/// Where a table's definition comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The target has the table and keeps its own definition.
    Own,
    /// The target lacks it: made from the source's structure.
    Source(Box<Structure>),
}

/// One table of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedTable {
    /// The name on the target.
    pub name: String,
    /// The columns that rows come with.
    pub columns: Vec<String>,
    /// Where the definition comes from.
    pub origin: Origin,
    /// Whether a chunk can be rolled back; where not, a failed chunk means loading the table again.
    pub transactional: bool,
    /// How its rows get into the table.
    #[serde(default)]
    pub way: Way,
}

impl PlannedTable {
    /// Whether the staged table takes the application's place for it; otherwise the application's table stays.
    #[must_use]
    pub fn is_swapped(&self) -> bool {
        self.way == Way::Swap
    }
}

/// A foreign key of a table that stays to one that is swapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideKey {
    /// The schema of the child table.
    pub schema: String,
    /// The key.
    pub key: ForeignKey,
}

/// The whole plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadPlan {
    /// The target's schema.
    pub database: String,
    /// The target server's family.
    pub flavour: Flavour,
    /// What is replaced, made or merged into; the position is the table's number.
    pub tables: Vec<PlannedTable>,
    /// Foreign keys of the tables that are swapped in, to each other and to tables that stay.
    pub keys: Vec<ForeignKey>,
    /// Foreign keys of tables that stay, merged ones among them, to those that are swapped in.
    pub outside: Vec<OutsideKey>,
    /// What the summary should say.
    pub notes: Vec<String>,
}

impl LoadPlan {
    /// Plans what becomes of `wanted` on a target with `schema`. `source_keys` are the source's, for tables
    /// that the target lacks; `elsewhere` are keys of tables in other schemas to tables of this one.
    ///
    /// # Errors
    /// `Schema` when a name is reserved, wanted twice, or neither on the target nor described, and when rows are to be
    /// merged into a table that does not allow it ([`can_merge`]).
    pub fn new(
        schema: &Schema,
        wanted: Vec<Wanted>,
        source_keys: &[ForeignKey],
        elsewhere: Vec<OutsideKey>,
    ) -> Result<Self> {
        let mut seen = BTreeSet::new();
        let mut tables = Vec::with_capacity(wanted.len());
        for table in wanted {
            if !seen.insert(table.name.clone()) {
                let what = format!("table `{}` is wanted twice", table.name);
                return Err(Error::new(Kind::Schema, what));
            }
            tables.push(planned(schema, table)?);
        }
        let mut notes = Vec::new();
        for table in &tables {
            notes.extend(notes_of_new(table, schema)?);
        }
        let keys = keys(schema, &tables, source_keys, &mut notes);
        let outside = outside(schema, &tables, elsewhere);
        Ok(Self { database: schema.database.clone(), flavour: schema.flavour, tables, keys, outside, notes })
    }

    /// Foreign keys of other tables to the plan's as `schema` has them now.
    #[must_use]
    pub fn outside_now(&self, schema: &Schema, elsewhere: Vec<OutsideKey>) -> Vec<OutsideKey> {
        outside(schema, &self.tables, elsewhere)
    }

    /// The numbers of the tables by their names.
    #[must_use]
    pub fn numbers(&self) -> BTreeMap<&str, usize> {
        self.tables.iter().enumerate().map(|(number, table)| (table.name.as_str(), number)).collect()
    }

    /// The tables that rows are merged into, with their numbers.
    pub fn merged(&self) -> impl Iterator<Item = (usize, &PlannedTable)> {
        self.tables.iter().enumerate().filter(|(_, table)| !table.is_swapped())
    }
}

/// What the definition of a new table does not carry over; fails where the target cannot express it.
fn notes_of_new(table: &PlannedTable, schema: &Schema) -> Result<Vec<String>> {
    let Origin::Source(source) = &table.origin else { return Ok(Vec::new()) };
    let name = TableName::bare(table.name.as_str());
    let server = (schema.flavour, schema.version);
    let made = ddl::create_table_with_notes(&source.table, &name, source.flavour, server)?;
    Ok(made.notes.into_iter().map(|note| format!("new table `{}`: {note}", table.name)).collect())
}

fn planned(schema: &Schema, wanted: Wanted) -> Result<PlannedTable> {
    let name = wanted.name;
    if name.to_lowercase().starts_with(RESERVED) {
        let what = format!("table `{name}` has a name that backfill keeps for itself");
        return Err(Error::new(Kind::Schema, what).hint("add it to exclude_tables"));
    }
    if wanted.way == Way::Merge
        && let Err(why) = can_merge(schema, &name, &wanted.columns)
    {
        let what = format!("the rows of table `{name}` cannot be merged into the target's: {why}");
        return Err(Error::new(Kind::Schema, what).hint("pull the table whole"));
    }
    let (origin, transactional) = match (schema.tables.get(&name), wanted.missing) {
        (Some(own), _) => (Origin::Own, is_transactional(&own.engine)),
        // Whatever the source uses, a new table is made for InnoDB.
        (None, Some(structure)) => (Origin::Source(Box::new(structure)), true),
        (None, None) => return Err(Error::new(Kind::Schema, format!("the target has no table `{name}`"))),
    };
    Ok(PlannedTable { name, columns: wanted.columns, origin, transactional, way: wanted.way })
}

fn keys(
    schema: &Schema,
    tables: &[PlannedTable],
    source: &[ForeignKey],
    notes: &mut Vec<String>,
) -> Vec<ForeignKey> {
    let by_name: BTreeMap<&str, &PlannedTable> = tables.iter().map(|t| (t.name.as_str(), t)).collect();
    let is_own = |name: &str| by_name.get(name).is_some_and(|t| t.origin == Origin::Own && t.is_swapped());
    let is_new = |name: &str| by_name.get(name).is_some_and(|t| t.origin != Origin::Own);
    let mut used: BTreeSet<String> = schema.foreign_keys.iter().map(|key| key.name.to_lowercase()).collect();
    let mut out: Vec<ForeignKey> =
        schema.foreign_keys.iter().filter(|key| is_own(&key.table)).cloned().collect();
    for key in source.iter().filter(|key| is_new(&key.table)) {
        let parent = &key.references;
        let followed = key.references_schema.is_none()
            && (by_name.contains_key(parent.as_str()) || schema.tables.contains_key(parent));
        if !followed {
            let (name, table) = (&key.name, &key.table);
            notes.push(format!("foreign key `{name}` of the new table `{table}` is left out: it leads to `{parent}`, which the target does not have"));
            continue;
        }
        let name = free_name(&key.name, &used);
        used.insert(name.to_lowercase());
        out.push(ForeignKey { name, ..key.clone() });
    }
    out
}

/// Constraint names are unique inside a schema; a new table's key gives way.
fn free_name(name: &str, used: &BTreeSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2_u32;
    while used.contains(&candidate.to_lowercase()) {
        let suffix = format!("_{number}");
        let head: String = name.chars().take(64 - suffix.len()).collect();
        candidate = format!("{head}{suffix}");
        number += 1;
    }
    candidate
}

fn outside(schema: &Schema, tables: &[PlannedTable], elsewhere: Vec<OutsideKey>) -> Vec<OutsideKey> {
    let swapped: BTreeMap<&str, &Origin> =
        tables.iter().filter(|t| t.is_swapped()).map(|t| (t.name.as_str(), &t.origin)).collect();
    let replaced = |name: &str| swapped.get(name).is_some_and(|origin| **origin == Origin::Own);
    let here = schema
        .foreign_keys
        .iter()
        .filter(|key| {
            key.references_schema.as_ref().is_none_or(|other| *other == schema.database)
                && replaced(&key.references)
                && !swapped.contains_key(key.table.as_str())
                && !key.table.to_lowercase().starts_with(RESERVED)
        })
        .map(|key| OutsideKey { schema: schema.database.clone(), key: key.clone() });
    let there = elsewhere.into_iter().filter(|other| replaced(&other.key.references));
    here.chain(there).collect()
}

/// What a foreign key may do; anything else in a manifest is not passed on to the target.
const ACTIONS: &[&str] = &["CASCADE", "SET NULL", "RESTRICT", "NO ACTION", "SET DEFAULT"];

/// `ADD CONSTRAINT … FOREIGN KEY …` under `name`, to `parent`, on a server of `flavour`. The action that its servers
/// mean when none is written is not written: MariaDB would turn a written RESTRICT into NO ACTION.
///
/// # Errors
/// `Schema` for an action that no server has.
pub fn add_key(key: &ForeignKey, name: &str, parent: &TableName, flavour: Flavour) -> Result<String> {
    let unwritten = match flavour {
        Flavour::Mysql => "NO ACTION",
        Flavour::Mariadb => "RESTRICT",
    };
    let action = |on: &str, text: &str| match ACTIONS.iter().find(|known| known.eq_ignore_ascii_case(text)) {
        Some(known) if *known == unwritten => Ok(String::new()),
        Some(known) => Ok(format!(" ON {on} {known}")),
        None => Err(Error::new(
            Kind::Schema,
            format!("foreign key `{}` of `{}` has an unknown action", key.name, key.table),
        )),
    };
    Ok(format!(
        "ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {parent} ({}){}{}",
        ident::Ident::new(name),
        ident::column_list(&key.columns),
        ident::column_list(&key.referenced_columns),
        action("DELETE", &key.on_delete)?,
        action("UPDATE", &key.on_update)?,
    ))
}

#[cfg(test)]
mod tests;
