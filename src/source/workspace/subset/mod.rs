//! Finding out which rows of the restricted tables are kept, in the run's workspace.
//!
//! Every statement is an `INSERT … SELECT` or a `SELECT`: nothing else may name a source table, and nothing else is
//! needed. What takes part of a source table takes a range of it, so that nobody waits longer than a range's read.
//!
//! What a test of the library does:
//! ```ignore
//! let plan = SubsetPlan::new(&SubsetInputs { served, references, limits, moment, datetime_timezone }, None)?;
//! let mut workspace = Workspace::create(&endpoint, None, &keeper, "test")?;
//! let mut writer = Writer::open(&endpoint, &workspace, "test")?;
//! let kept = subset::compute(&mut writer, &mut workspace, &endpoint.database, &plan, || true)?;
//! for table in served.keys() {
//!     // None: the table is whole. Works for tables without a key too.
//!     if let Some(select) = kept.select(table, &["rid"])? {
//!         let rows: Vec<i64> = conn.query(select.to_string())?;
//!     }
//! }
//! ```

mod down;
mod engine;
mod want;

use super::{Workspace, Writer};
use crate::error::Result;
use crate::plan::subset::{Names, Role, Statements, SubsetPlan, row_alias};
use crate::sql::select::{Range, Select, column_of};
use crate::sql::{TableName, WorkspaceTable};
use engine::Engine;
use std::collections::BTreeMap;

/// Where a subset's tables are in a workspace.
#[derive(Debug, Clone, Default)]
pub struct Places(BTreeMap<(Role, String), WorkspaceTable>);

/// The kept rows of one table: a workspace table that holds their keys.
#[derive(Debug, Clone)]
pub struct KeyTable {
    name: TableName,
    rows: u64,
}

impl KeyTable {
    /// How many rows are kept.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Where the list is; its rows are numbered.
    #[must_use]
    pub fn name(&self) -> &TableName {
        &self.name
    }
}

/// The kept rows of all restricted tables.
#[derive(Debug)]
pub struct KeyTables {
    plan: SubsetPlan,
    schema: String,
    places: Places,
    tables: BTreeMap<String, KeyTable>,
}

impl KeyTables {
    /// The lists of `plan`, with so many rows each.
    ///
    /// # Errors
    /// `Internal` when a list has no place.
    pub fn new(
        plan: &SubsetPlan,
        from_schema: &str,
        places: Places,
        rows: impl Fn(Role, &str) -> u64,
    ) -> Result<Self> {
        let mut tables = BTreeMap::new();
        let names = places.statements(plan, from_schema).names;
        for (name, restricted) in plan.tables() {
            let role = if restricted.cyclic { Role::Kept } else { Role::Keys };
            let list = KeyTable { name: names.name(role, name)?, rows: rows(role, name) };
            tables.insert(name.clone(), list);
        }
        Ok(Self { plan: plan.clone(), schema: from_schema.to_owned(), places, tables })
    }

    /// The keys of that table; none when it is whole or has no usable key.
    #[must_use]
    pub fn get(&self, table: &str) -> Option<&KeyTable> {
        self.tables.get(table)
    }

    /// All, by table.
    pub fn tables(&self) -> impl Iterator<Item = (&String, &KeyTable)> {
        self.tables.iter()
    }

    /// The source rows that are kept of a table, in a range of its list; the SELECT list is to be filled in, over
    /// `row_alias`.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn rows(&self, table: &str, range: Range) -> Result<Select> {
        self.statements().kept_rows(table, range)
    }

    /// The same for a restricted table without a list, all at once; none for other tables.
    ///
    /// # Errors
    /// `Internal` when a parent's list is missing.
    pub fn direct_rows(&self, table: &str) -> Result<Option<Select>> {
        self.plan.direct(table).map(|direct| self.statements().direct(direct)).transpose()
    }

    /// Reads columns of the kept rows of a table from the source; none for a table that is whole.
    ///
    /// # Errors
    /// `Internal` when a list is missing.
    pub fn select(&self, table: &str, columns: &[&str]) -> Result<Option<Select>> {
        let rows = match self.get(table) {
            Some(_) => Some(self.rows(table, Range::default())?),
            None => self.direct_rows(table)?,
        };
        let alias = row_alias();
        let list = columns.iter().map(|name| column_of(Some(alias.as_str()), name)).collect();
        Ok(rows.map(|rows| Select { list, ..rows }))
    }

    fn statements(&self) -> Statements<'_> {
        self.places.statements(&self.plan, &self.schema)
    }
}

/// Gives the subset's tables their places.
pub fn place(workspace: &mut Workspace, plan: &SubsetPlan) -> Places {
    Places::new(plan, |name| workspace.place(name))
}

impl Places {
    /// Asks `place` for a place for each table of the plan, by a name that no copy has.
    pub fn new(plan: &SubsetPlan, mut place: impl FnMut(&str) -> WorkspaceTable) -> Self {
        let tables = plan.work_tables().into_iter().enumerate();
        // Copies are named as their tables.
        let tables =
            tables.map(|(at, work)| ((work.role, work.table), place(&format!("_backfill_subset_{at}"))));
        Self(tables.collect())
    }

    /// The statements of `plan`, whose tables are here.
    #[must_use]
    pub fn statements<'a>(&'a self, plan: &'a SubsetPlan, from_schema: &'a str) -> Statements<'a> {
        Statements { plan, names: Names { schema: from_schema, places: &self.0 } }
    }
}

/// Finds the kept rows of the restricted tables of `from_schema`. Between two statements `go_on` is asked whether to.
///
/// # Errors
/// The server's; `Busy` when `go_on` says no.
pub fn compute(
    writer: &mut Writer,
    workspace: &mut Workspace,
    from_schema: &str,
    plan: &SubsetPlan,
    go_on: impl FnMut() -> bool,
) -> Result<KeyTables> {
    let places = place(workspace, plan);
    fill(writer, places, from_schema, plan, go_on)
}

/// As [`compute`], with the places given before.
///
/// # Errors
/// As [`compute`].
pub fn fill(
    writer: &mut Writer,
    places: Places,
    from_schema: &str,
    plan: &SubsetPlan,
    mut go_on: impl FnMut() -> bool,
) -> Result<KeyTables> {
    let mut engine = Engine::new(writer, places.statements(plan, from_schema), &mut go_on);
    engine.run()?;
    let rows = engine.into_rows();
    KeyTables::new(plan, from_schema, places, |role, table| {
        rows.get(&(role, table.to_owned())).copied().unwrap_or(0)
    })
}
