//! What a run of all tables would do, told before anything is done: `serve --plan`.

use super::catalog::Catalog;
use super::{copies, dumpable};
use crate::error::Result;
use crate::plan::originals::{OriginalsPlan, RuledTable};
use crate::plan::run::{MaskAt, Route, TablePlan};
use crate::plan::sanitize::{MaskedColumn, Refs};
use crate::plan::select_list::SelectList;
use crate::plan::subset::Step;
use crate::server::run::RunPlan;
use crate::source::workspace::subset::{KeyTables, Places};
use crate::source::workspace::{Layout, Logging, copy_statements};
use crate::sql::select::{Range, Select};
use crate::sql::{TableName, WorkspaceName, WorkspaceTable};
use crate::wire::api::{Format, RunRequest, RunTable};
use crate::wire::manifest::TableEntry;
use serde::Serialize;

/// What a run would do.
#[derive(Debug, Default, Serialize)]
pub struct Explained {
    /// Its tables, parents first.
    pub tables: Vec<ExplainedTable>,
    /// How the rows that limits keep are found, step by step; empty without limits.
    pub limits: Vec<ExplainedStep>,
    /// What the leak check reads besides, each statement over the whole table; none where there is no leak check.
    pub leak_check: Option<Vec<String>>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// One table.
#[derive(Debug, Serialize)]
pub struct ExplainedTable {
    /// Its name.
    pub table: String,
    /// Rows that would be sent, roughly.
    pub rows_estimate: u64,
    /// Bytes of data that these rows take at the source, roughly.
    pub bytes_estimate: u64,
    /// By which way its rows travel.
    pub way: &'static str,
    /// Why only some rows would be sent; empty for a whole table.
    pub limited: String,
    /// Its ruled columns.
    pub masks: Vec<ExplainedMask>,
    /// What would be run for it, each statement over the whole table: a run does so range by range.
    pub statements: Vec<String>,
}

/// What becomes of a ruled column.
#[derive(Debug, Serialize)]
pub struct ExplainedMask {
    /// Its name.
    pub column: String,
    /// The type of its rule, and which values stay.
    pub by: String,
}

/// One step of finding the rows that limits keep.
#[derive(Debug, Serialize)]
pub struct ExplainedStep {
    /// What it does.
    pub step: String,
    /// What would be run, each statement over everything it is about: a run does so range by range.
    pub statements: Vec<String>,
}

/// Explains a run of all tables. The workspace in statements is a made-up one of that layout, if there is one.
///
/// # Errors
/// As [`Catalog::plan_run`].
pub fn explain(catalog: &Catalog, layout: Option<&Layout>) -> Result<Explained> {
    let manifest = catalog.manifest();
    let mut explained = Explained { warnings: manifest.warnings, ..Explained::default() };
    if manifest.tables.is_empty() {
        return Ok(explained);
    }
    let wanted = |name: &String| RunTable { name: name.clone(), columns: None, after: None };
    let request = RunRequest {
        tables: manifest.table_order.iter().map(wanted).collect(),
        format: Format::default(),
        batch_rows: None,
        batch_bytes: None,
    };
    let RunPlan { tables, subset, leak, .. } = catalog.plan_run(&request)?;
    explained.leak_check = leak.map(|leak| gathering(&leak.originals, &manifest.database));
    let entry = |plan: &TablePlan| manifest.tables.iter().find(|entry| entry.table.name == plan.table.name);
    let Some(layout) = layout else {
        let step = |step: &Step| ExplainedStep { step: step.to_string(), statements: Vec::new() };
        explained.limits = subset.plan.steps().iter().map(step).collect();
        for (plan, entry) in tables.iter().filter_map(|plan| Some((plan, entry(plan)?))) {
            explained.tables.push(told(plan, entry, vec![reading(plan, &manifest.database)?]));
        }
        return Ok(explained);
    };
    let mut places = MadeUp::new(layout, &manifest.database);
    let lists = Places::new(&subset.plan, |name| places.next(name));
    let kept = KeyTables::new(&subset.plan, &manifest.database, lists.clone(), |_, _| 0)?;
    let statements = lists.statements(&subset.plan, &manifest.database);
    if !subset.plan.steps().is_empty() {
        let made = statements.create_tables(manifest.flavour)?;
        let made = made.iter().map(ToString::to_string).collect();
        explained.limits.push(ExplainedStep { step: "making lists of rows".to_owned(), statements: made });
    }
    for step in subset.plan.steps() {
        let run = statements.of_step(step)?.iter().map(ToString::to_string).collect();
        explained.limits.push(ExplainedStep { step: step.to_string(), statements: run });
    }
    for plan in &tables {
        let Some(entry) = entry(plan) else { continue };
        let place = places.next(&plan.table.name);
        let order = copies::order(plan, &manifest.database, &place, Logging::Off, Some(&kept))?;
        let statements = match order {
            None => vec![reading(plan, &manifest.database)?],
            Some(order) => {
                let mut all = vec![copies::workspace_ddl(plan, &place, manifest.flavour)?.to_string()];
                all.extend(copy_statements(&order)?);
                all
            }
        };
        explained.tables.push(told(plan, entry, statements));
    }
    Ok(explained)
}

fn told(plan: &TablePlan, entry: &TableEntry, statements: Vec<String>) -> ExplainedTable {
    let (rows, all) = (entry.rows_expected(), entry.table.row_count);
    let masks = plan.masks.as_ref().map(|masks| masks.columns.as_slice()).unwrap_or_default();
    let share = u128::from(entry.table.bytes) * u128::from(rows.min(all)) / u128::from(all.max(1));
    ExplainedTable {
        table: entry.table.name.clone(),
        rows_estimate: rows,
        bytes_estimate: u64::try_from(share).unwrap_or(u64::MAX),
        way: match (plan.route, masks.is_empty()) {
            (Route::Direct, _) => "read directly",
            (Route::Masked, true) => "read by key",
            (Route::Masked, false) => "masked while read",
            (Route::Copy(_), true) => "copied",
            (Route::Copy(MaskAt::Update), false) => "copied, masked by UPDATE",
            (Route::Copy(MaskAt::Copy), false) => "masked while copied",
        },
        limited: entry.limited.as_ref().map(crate::wire::manifest::Limited::note).unwrap_or_default(),
        masks: masks.iter().map(mask).collect(),
        statements,
    }
}

/// What becomes of a column. Patterns and conditions are the operator's own words.
fn mask(column: &MaskedColumn) -> ExplainedMask {
    let mut by = column.mask.name().to_owned();
    let keeps: Vec<&str> = column.exclude().collect();
    if !keeps.is_empty() {
        by.push_str(&format!(", keeps {}", keeps.join(", ")));
    }
    if column.has_condition() {
        by.push_str(", unless its `where` is false");
    }
    ExplainedMask { column: column.name.clone(), by }
}

/// How a table is read at the source; of a restricted one the rows that are kept, by their keys.
fn reading(plan: &TablePlan, schema: &str) -> Result<String> {
    let from = TableName::qualified(schema, plan.table.name.as_str());
    let list = match plan.route {
        Route::Masked => SelectList::new(plan, Refs::Bare)?.sent().clone(),
        Route::Direct | Route::Copy(_) => dumpable::select_list(&plan.table, &plan.columns)?,
    };
    let walk = plan.walk.clone().filter(|_| !plan.restricted).map(|key| (key, Range::default()));
    Ok(Select { walk, ..Select::all(from, list) }.to_string())
}

/// How the values that rules replace are read.
fn gathering(originals: &OriginalsPlan, schema: &str) -> Vec<String> {
    let statement = |ruled: &RuledTable| {
        let from = TableName::qualified(schema, ruled.plan.table.name.as_str());
        let walk = ruled.plan.walk.clone().map(|key| (key, Range::default()));
        Select { walk, ..Select::all(from, ruled.list.clone()) }.to_string()
    };
    originals.tables().iter().map(statement).collect()
}

/// Places in a workspace that is never made.
struct MadeUp<'a> {
    layout: &'a Layout,
    source: &'a str,
    name: WorkspaceName,
    number: usize,
}

impl<'a> MadeUp<'a> {
    fn new(layout: &'a Layout, source: &'a str) -> Self {
        Self { layout, source, name: WorkspaceName::new(0, 0), number: 0 }
    }

    fn next(&mut self, table: &str) -> WorkspaceTable {
        let number = self.number;
        self.number += 1;
        match self.layout {
            Layout::Schema => WorkspaceTable::inside(&self.name, table),
            Layout::Tables => WorkspaceTable::numbered(self.source, &self.name, number),
            Layout::Shared { temp_database } => WorkspaceTable::numbered(temp_database, &self.name, number),
        }
    }
}
