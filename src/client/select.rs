//! Which tables a pull replaces, which it makes empty, which it leaves alone. Pure: the manifest, the target's schema
//! and the wishes in, a [`Selection`] or one clear refusal out. What fits together is [`diff`]'s to say.

use crate::config::Patterns;
use crate::error::{Error, Result};
use crate::plan::delta::{How, Why};
use crate::schema::ddl::create_table;
use crate::schema::diff::{self, Action, Allowed, Comparison, Severity, SourceSide, TargetSide};
use crate::schema::{Schema, Table};
use crate::sql::TableName;
use crate::wire::manifest::{Manifest, TableEntry};
use sha2::{Digest, Sha256};
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
    /// The columns that are fetched: name at the source, name on the target.
    pub columns: Vec<(String, String)>,
    /// Whether the target lacks it.
    pub is_new: bool,
    /// Columns of the source that the target's table lacks.
    pub lost_columns: Vec<String>,
    /// How its rows come: [`select`] says whole, the records of earlier pulls tell what needs less.
    pub how: How,
}

impl Pulled {
    /// Its name at the source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.entry.table.name
    }

    /// Digest of the columns that are fetched, by both names.
    #[must_use]
    pub fn columns_digest(&self) -> String {
        let mut hash = Sha256::new();
        for name in self.columns.iter().flat_map(|(from, to)| [from, to]) {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The decision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Replaced, made or brought up to date with the source's rows, in the manifest's order.
    pub pulled: Vec<Pulled>,
    /// Left as they are: nothing in them is new.
    pub unchanged: Vec<Pulled>,
    /// Excluded and missing on the target: made without rows.
    pub empty: Vec<Table>,
    /// Of the source and left alone, with the reason.
    pub left_alone: Vec<(String, String)>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Those of the notes that may be the reason if a row does not fit.
    pub misfits: Vec<String>,
}

/// Decides.
///
/// # Errors
/// `Usage` for a wish that names no table, or nothing to pull; as [`Comparison::check`], listing all that does not
/// fit.
pub fn select(manifest: &Manifest, target: TargetSide<'_>, wishes: Wishes<'_>) -> Result<Selection> {
    let wanted = wanted(manifest, wishes)?;
    let mut selection = Selection::default();
    let mut entries = Vec::new();
    for entry in manifest.tables.iter().filter(|entry| wanted.contains(entry.table.name.as_str())) {
        let name = &entry.table.name;
        if wishes.create_missing || is_there(target, name) {
            entries.push(entry);
        } else {
            let why = "not here, and client.create_missing_tables is false";
            selection.left_alone.push((name.clone(), why.to_owned()));
        }
    }
    let tables: Vec<&Table> = entries.iter().map(|entry| &entry.table).collect();
    let comparison = diff::compare(
        SourceSide { tables: &tables, flavour: manifest.flavour },
        target,
        Allowed { create_missing: wishes.create_missing, keep: &|name| wishes.keep.is_match(name) },
    );
    comparison.check()?;
    take(&entries, target, &comparison, &mut selection);
    if selection.pulled.is_empty() {
        return Err(Error::usage("there is no table to pull").hint(match selection.left_alone.first() {
            Some((name, why)) => format!("`{name}`: {why}"),
            None => "the server serves no table".to_owned(),
        }));
    }
    if wishes.tables.is_empty() && wishes.create_missing {
        take_excluded(manifest, target, wishes, &mut selection);
    }
    notes(manifest, &comparison, &mut selection);
    Ok(selection)
}

/// Whether the target has a table of that name.
fn is_there(target: TargetSide<'_>, name: &str) -> bool {
    if !target.folds_names {
        return target.schema.tables.contains_key(name);
    }
    let name = name.to_lowercase();
    target.schema.tables.keys().any(|own| own.to_lowercase() == name)
}

/// Sorts what was compared into what is pulled and what stays.
fn take(entries: &[&TableEntry], target: TargetSide<'_>, comparison: &Comparison, selection: &mut Selection) {
    for (entry, compared) in entries.iter().zip(&comparison.tables) {
        if compared.action == Action::Keep {
            selection.left_alone.push((compared.target_name.clone(), "kept (keep_tables)".to_owned()));
            continue;
        }
        let own = target.schema.tables.get(&compared.target_name);
        let is_lost = |name: &str| own.is_some_and(|own| own.column(name).is_none());
        let lost = entry.table.stored_columns().filter(|column| is_lost(&column.name));
        let is_new = compared.action == Action::Create;
        selection.pulled.push(Pulled {
            entry: (*entry).clone(),
            target_name: compared.target_name.clone(),
            columns: compared.columns.clone(),
            is_new,
            lost_columns: lost.map(|column| column.name.clone()).collect(),
            how: How::Whole(if is_new { Why::New } else { Why::Asked }),
        });
    }
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

/// Structures of tables that are excluded, by either side, and missing here. One that cannot be made is no reason
/// to refuse the pull: nobody asked for its rows.
fn take_excluded(manifest: &Manifest, target: TargetSide<'_>, wishes: Wishes<'_>, selection: &mut Selection) {
    let here = manifest.tables.iter().map(|e| &e.table).filter(|table| wishes.exclude.is_match(&table.name));
    let missing = manifest.excluded.iter().chain(here).filter(|table| !is_there(target, &table.name));
    for table in missing.filter(|table| !target.views.contains(&table.name)) {
        if let Some(other) = same_on_target(table, target, selection) {
            let why = format!("the target does not tell it from `{other}`");
            selection.notes.push(format!("`{}` is excluded, and not made here either: {why}", table.name));
            continue;
        }
        let Schema { flavour, version, .. } = *target.schema;
        let name = TableName::bare(table.name.as_str());
        match create_table(table, &name, manifest.flavour, (flavour, version)) {
            Ok(_) => selection.empty.push(table.clone()),
            Err(error) => {
                selection
                    .notes
                    .push(format!("`{}` is excluded, and not made here either: {error}", table.name));
            }
        }
    }
}

/// The name of a table that is made or replaced already and that the target would take for `table`.
fn same_on_target<'a>(table: &Table, target: TargetSide<'_>, selection: &'a Selection) -> Option<&'a str> {
    let pulled = selection.pulled.iter().map(|pulled| pulled.target_name.as_str());
    let made = selection.empty.iter().map(|empty| empty.name.as_str());
    let name = table.name.to_lowercase();
    pulled.chain(made).find(|other| target.folds_names && other.to_lowercase() == name)
}

fn notes(manifest: &Manifest, comparison: &Comparison, selection: &mut Selection) {
    // What is kept is told among what is left alone.
    let kept: BTreeSet<&str> = comparison
        .tables
        .iter()
        .filter(|table| table.action == Action::Keep)
        .map(|table| table.name.as_str())
        .collect();
    let told = |severity| {
        comparison
            .of(severity)
            .filter(|finding| !kept.contains(finding.table.as_str()))
            .map(ToString::to_string)
    };
    selection.misfits = told(Severity::Warning).collect();
    selection.notes.extend(selection.misfits.iter().cloned().chain(told(Severity::Note)));
    for left in &manifest.left_out {
        selection.notes.push(format!("`{}` is not served: {}", left.name, left.reason));
    }
    let pulled: BTreeSet<&str> = selection.pulled.iter().map(|p| p.entry.table.name.as_str()).collect();
    for key in manifest.foreign_keys.iter().filter(|key| pulled.contains(key.table.as_str())) {
        let parent = match &key.references_schema {
            Some(schema) => format!("{schema}.{}", key.references),
            None if pulled.contains(key.references.as_str()) => continue,
            None => key.references.clone(),
        };
        selection.notes.push(format!(
            "foreign key `{}` of `{}` leads to `{parent}`, which is not pulled: rows may refer to nothing there",
            key.name, key.table
        ));
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
