//! Which tables a pull replaces, which it makes empty, which it leaves alone, and which columns come along. Pure:
//! the manifest, the target's schema and the wishes in, a [`Selection`] or one clear refusal out.

use crate::config::Patterns;
use crate::error::{Error, Kind, Result};
use crate::schema::{Column, Schema, Table};
use crate::wire::manifest::{Manifest, TableEntry};
use std::collections::BTreeSet;

/// How unlike two names may be for one to be suggested for the other (1 is equal).
const ALIKE_MIN: f64 = 0.75;

/// What is wished for.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// `--tables`: names and globs; empty for all.
    pub tables: &'a [String],
    /// `client.keep_tables`.
    pub keep: &'a Patterns,
    /// `exclude_tables` of this side.
    pub exclude: &'a Patterns,
    /// `client.create_missing_tables`.
    pub create_missing: bool,
}

/// A table whose rows are fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled {
    /// The source's table.
    pub entry: TableEntry,
    /// Its name on the target.
    pub target_name: String,
    /// The columns that are fetched, as the source spells them.
    pub columns: Vec<String>,
    /// Whether the target lacks it.
    pub is_new: bool,
    /// Columns of the source that the target's table lacks.
    pub lost_columns: Vec<String>,
}

/// The decision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Replaced (or made) with the source's rows, in the manifest's order.
    pub pulled: Vec<Pulled>,
    /// Excluded and missing on the target: made without rows.
    pub empty: Vec<Table>,
    /// Of the source and left alone, with the reason.
    pub left_alone: Vec<(String, String)>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Decides. `folds` says that the target compares table names without case.
///
/// # Errors
/// `Usage` for a wish that names no table, or nothing to pull; `Schema` listing every column that the target
/// demands and the source lacks.
pub fn select(manifest: &Manifest, target: &Schema, folds: bool, wishes: Wishes<'_>) -> Result<Selection> {
    let wanted = wanted(manifest, wishes)?;
    let mut selection = Selection::default();
    let mut refusals = Vec::new();
    for entry in &manifest.tables {
        let name = &entry.table.name;
        if !wanted.contains(name.as_str()) {
            continue;
        }
        let own = find(target, name, folds);
        match own {
            Some(own) if wishes.keep.is_match(&own.name) => {
                selection.left_alone.push((name.clone(), "kept (keep_tables)".to_owned()));
            }
            Some(own) => match match_columns(&entry.table, own) {
                Ok((columns, lost_columns)) => selection.pulled.push(Pulled {
                    entry: entry.clone(),
                    target_name: own.name.clone(),
                    columns,
                    is_new: false,
                    lost_columns,
                }),
                Err(refusal) => refusals.push(refusal),
            },
            None if wishes.create_missing => selection.pulled.push(Pulled {
                entry: entry.clone(),
                target_name: if folds { name.to_lowercase() } else { name.clone() },
                columns: entry.table.stored_columns().map(|column| column.name.clone()).collect(),
                is_new: true,
                lost_columns: Vec::new(),
            }),
            None => {
                let why = "not here, and client.create_missing_tables is false";
                selection.left_alone.push((name.clone(), why.to_owned()));
            }
        }
    }
    if !refusals.is_empty() {
        return Err(Error::new(
            Kind::Schema,
            format!("columns of the target have no value to take: {}", refusals.join("; ")),
        )
        .hint("run the migrations of both sides to the same point, or give these columns a default"));
    }
    if selection.pulled.is_empty() {
        return Err(Error::usage("there is no table to pull").hint(match selection.left_alone.first() {
            Some((name, why)) => format!("`{name}`: {why}"),
            None => "the server serves no table".to_owned(),
        }));
    }
    if wishes.tables.is_empty() && wishes.create_missing {
        selection.empty = missing_excluded(manifest, target, folds, wishes);
    }
    notes(manifest, &mut selection);
    Ok(selection)
}

/// The target's table of that name.
fn find<'a>(target: &'a Schema, name: &str, folds: bool) -> Option<&'a Table> {
    if !folds {
        return target.tables.get(name);
    }
    let name = name.to_lowercase();
    target.tables.values().find(|table| table.name.to_lowercase() == name)
}

/// Names of the tables that are wished for.
fn wanted<'a>(manifest: &'a Manifest, wishes: Wishes<'_>) -> Result<BTreeSet<&'a str>> {
    let served = || {
        manifest.tables.iter().map(|e| e.table.name.as_str()).filter(|name| !wishes.exclude.is_match(name))
    };
    if wishes.tables.is_empty() {
        return Ok(served().collect());
    }
    let mut out = BTreeSet::new();
    for wish in wishes.tables {
        let pattern = Patterns::new(std::slice::from_ref(wish))
            .map_err(|_| Error::usage(format!("`{wish}` is neither a table nor a pattern")))?;
        let found: Vec<&str> = served().filter(|name| *name == wish || pattern.is_match(name)).collect();
        if found.is_empty() {
            return Err(no_table(manifest, wishes.exclude, wish));
        }
        out.extend(found);
    }
    Ok(out)
}

/// Why a wish names no table that is served.
fn no_table(manifest: &Manifest, exclude: &Patterns, wish: &str) -> Error {
    let served = || manifest.tables.iter().map(|entry| entry.table.name.as_str());
    if served().any(|name| name == wish) && exclude.is_match(wish) {
        return Error::usage(format!("table `{wish}` is excluded by exclude_tables on this side"))
            .hint("take it out of exclude_tables, or out of --tables");
    }
    if manifest.excluded.iter().any(|table| table.name == wish) {
        return Error::usage(format!("table `{wish}` is excluded by the server"))
            .hint("take it out of exclude_tables on the server, or out of --tables");
    }
    if let Some(left) = manifest.left_out.iter().find(|left| left.name == wish) {
        return Error::usage(format!("table `{wish}` is not served: {}", left.reason));
    }
    let error = Error::usage(format!("the source has no table `{wish}`"));
    let nearest = served()
        .map(|name| (strsim::jaro_winkler(name, wish), name))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((_, name)) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint("`backfill pull --dry-run` lists the tables that can be pulled"),
    }
}

/// The source's columns that the target's table takes, and those that it lacks.
fn match_columns(source: &Table, target: &Table) -> Result<(Vec<String>, Vec<String>), String> {
    let mut columns = Vec::new();
    let mut lost = Vec::new();
    for column in source.stored_columns() {
        match target.column(&column.name) {
            Some(own) if own.generated == crate::schema::Generated::No => columns.push(column.name.clone()),
            // What the target computes itself needs no value.
            Some(_) => {}
            None => lost.push(column.name.clone()),
        }
    }
    let needy: Vec<String> = target
        .stored_columns()
        .filter(|own| needs_value(own) && !columns.iter().any(|name| same_column(own, name)))
        .map(|own| format!("`{}`.`{}`", target.name, own.name))
        .collect();
    if !needy.is_empty() {
        return Err(needy.join(", "));
    }
    if columns.is_empty() {
        return Err(format!("`{}` (no column of the source is there)", target.name));
    }
    Ok((columns, lost))
}

fn needs_value(column: &Column) -> bool {
    !column.nullable && column.default.is_none() && !column.auto_increment
}

fn same_column(column: &Column, name: &str) -> bool {
    column.name.to_lowercase() == name.to_lowercase()
}

/// Structures of tables that are excluded, by either side, and missing here.
fn missing_excluded(manifest: &Manifest, target: &Schema, folds: bool, wishes: Wishes<'_>) -> Vec<Table> {
    let here = manifest.tables.iter().map(|e| &e.table).filter(|table| wishes.exclude.is_match(&table.name));
    manifest
        .excluded
        .iter()
        .chain(here)
        .filter(|table| find(target, &table.name, folds).is_none())
        .cloned()
        .collect()
}

fn notes(manifest: &Manifest, selection: &mut Selection) {
    let notes = &mut selection.notes;
    for pulled in &selection.pulled {
        if !pulled.lost_columns.is_empty() {
            notes.push(format!(
                "`{}`: the target lacks columns, which are not copied: {}",
                pulled.target_name,
                pulled.lost_columns.join(", ")
            ));
        }
    }
    for left in &manifest.left_out {
        notes.push(format!("`{}` is not served: {}", left.name, left.reason));
    }
    let pulled: BTreeSet<&str> = selection.pulled.iter().map(|p| p.entry.table.name.as_str()).collect();
    for key in manifest.foreign_keys.iter().filter(|key| pulled.contains(key.table.as_str())) {
        let parent = match &key.references_schema {
            Some(schema) => format!("{schema}.{}", key.references),
            None if pulled.contains(key.references.as_str()) => continue,
            None => key.references.clone(),
        };
        notes.push(format!(
            "foreign key `{}` of `{}` leads to `{parent}`, which is not pulled: rows may refer to nothing there",
            key.name, key.table
        ));
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
