//! What has to be done for a subset, and in which order.

use super::build::Builder;
use super::layout::{Layout, numbers};
use super::order::Concerned;
use super::want::Want;
use super::{Limit, base};
use crate::error::{Error, Result};
use crate::plan::reference::Reference;
use crate::schema::Table;
use crate::sql::select::WalkKey;
use std::collections::{BTreeMap, BTreeSet};

/// What a subset is planned from.
#[derive(Debug, Clone, Copy)]
pub struct SubsetInputs<'a> {
    /// The served tables by name.
    pub served: &'a BTreeMap<String, Table>,
    /// The references between them.
    pub references: &'a [Reference],
    /// At most one limit per table; those of tables that are not served do nothing.
    pub limits: &'a [Limit],
    /// The server's clock, UTC, `YYYY-MM-DD HH:MM:SS`: one moment for the whole run, from which `keep_days` counts.
    pub moment: &'a str,
    /// The time zone that DATETIME and DATE columns are written in: an offset such as `+00:00`.
    pub datetime_timezone: &'a str,
}

/// Which tables are restricted, and how their kept rows are found.
#[derive(Debug, Clone, Default)]
pub struct SubsetPlan {
    pub(super) restricted: BTreeSet<String>,
    pub(super) tables: BTreeMap<String, Restricted>,
    pub(super) direct: BTreeMap<String, Direct>,
    pub(super) all: BTreeMap<String, Direct>,
    pub(super) steps: Vec<Step>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Copies the rows of a table without a key: all of them, or the wanted ones.
    Base(String),
    /// Lists the wanted rows of a driver.
    Want(String),
    /// Lists the parents of all rows of a table with `all = true`.
    ParentsOfAll(String),
    /// Lists the parents of the rows listed so far in these tables, until there are no more. Children come first.
    Up(Vec<String>),
    /// Adds the rows of a table whose parents are kept.
    Down(String),
    /// The same for tables that reference each other in a circle, or themselves.
    DownCycle(Vec<String>),
}

/// A table of which a list of rows is made.
#[derive(Debug, Clone)]
pub struct Restricted {
    /// The structure of what rows are read from: the source table, or a copy with a number for each row.
    pub table: Table,
    /// The structure of the source table.
    pub source: Table,
    /// Which rows are copied first; none for a table that has a key.
    pub base: Option<Base>,
    /// The key that identifies rows.
    pub walk: WalkKey,
    /// For a driver.
    pub want: Option<Want>,
    /// What the list holds.
    pub layout: Layout,
    /// The references to other such tables.
    pub edges: Vec<Edge>,
    /// Whether it is part of a circle.
    pub cyclic: bool,
}

/// Which rows of a table without a key are copied.
#[derive(Debug, Clone)]
pub enum Base {
    /// All.
    Whole,
    /// The wanted ones, since nothing else can be kept.
    Wanted(Box<Want>),
}

/// A table whose rows are looked at without a list of them.
#[derive(Debug, Clone)]
pub struct Direct {
    /// Its structure.
    pub table: Table,
    /// The key to walk it by.
    pub walk: Option<WalkKey>,
    /// Its references to tables with a list.
    pub edges: Vec<Edge>,
}

/// A reference to a table with a list.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The reference.
    pub reference: Reference,
    /// Those of the child's columns that can be NULL.
    pub nullable: Vec<String>,
    /// Where the child's list has them; none if it does not need them.
    pub held: Option<Vec<usize>>,
    /// Where the parent's list has the referenced columns.
    pub referenced: Vec<usize>,
    /// The parent's list's index over them.
    pub list_index: String,
    /// The child's list's index over its columns; only in circles.
    pub held_index: Option<String>,
    /// The index by which parents are found in their own table.
    pub parent_index: String,
    /// The index by which children are found in their own table.
    pub child_index: Option<String>,
    /// How to walk the child's rows that reference nothing, where that is possible.
    pub nulls: Option<WalkKey>,
    /// Whether both tables are part of the same circle.
    pub in_cycle: bool,
}

/// What a table of the workspace is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The rows of a table without a key.
    Base,
    /// Rows among which the wanted ones are chosen.
    Ranked,
    /// The list of rows; in a circle those that may be kept.
    Keys,
    /// Numbers of rows of that list that are not kept; only in circles.
    Removed,
    /// What is left; only in circles.
    Kept,
}

/// A table that the workspace needs.
#[derive(Debug, Clone)]
pub struct WorkTable {
    /// What for.
    pub role: Role,
    /// For which table.
    pub table: String,
    /// Its columns and indexes; rows are numbered by [`ROW_NUMBER_COLUMN`](crate::plan::run::ROW_NUMBER_COLUMN).
    pub structure: Table,
}

impl SubsetPlan {
    /// The plan for finding the kept rows of the restricted tables among `wanted`, or of all without it.
    ///
    /// # Errors
    /// `Config` when a limit cannot be worked: a column does not exist, a referenced column has no index.
    pub fn new(inputs: &SubsetInputs<'_>, wanted: Option<&BTreeSet<String>>) -> Result<Self> {
        let concerned = Concerned::new(inputs, wanted);
        Builder { inputs, concerned: &concerned, plan: Self::default() }.build()
    }

    /// Whether only some rows of that table are kept. All others are whole.
    #[must_use]
    pub fn is_restricted(&self, table: &str) -> bool {
        self.restricted.contains(table)
    }

    /// Whether there is nothing to find out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.direct.is_empty()
    }

    /// What is done, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// A table with a list.
    ///
    /// # Errors
    /// `Internal` when it has none.
    pub fn table(&self, name: &str) -> Result<&Restricted> {
        self.tables.get(name).ok_or_else(|| Error::internal(format!("table `{name}` has no list of rows")))
    }

    /// All tables with a list.
    pub fn tables(&self) -> impl Iterator<Item = (&String, &Restricted)> {
        self.tables.iter()
    }

    /// The table whose parents are all needed.
    ///
    /// # Errors
    /// `Internal` when it is not one.
    pub fn all(&self, name: &str) -> Result<&Direct> {
        self.all.get(name).ok_or_else(|| Error::internal(format!("table `{name}` has no `all`")))
    }

    /// All restricted tables without a list.
    pub fn directs(&self) -> impl Iterator<Item = (&String, &Direct)> {
        self.direct.iter()
    }

    /// The references that lead to a table with a list.
    pub fn references_to<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a Edge> {
        let listed = self.tables.values().flat_map(|restricted| &restricted.edges);
        let direct = self.direct.values().chain(self.all.values()).flat_map(|direct| &direct.edges);
        listed.chain(direct).filter(move |edge| edge.reference.references == table)
    }

    /// Restricted tables without a list: their kept rows are copied by condition.
    #[must_use]
    pub fn direct(&self, name: &str) -> Option<&Direct> {
        self.direct.get(name)
    }

    /// The tables that the workspace needs.
    #[must_use]
    pub fn work_tables(&self) -> Vec<WorkTable> {
        let mut found = Vec::new();
        for (name, restricted) in &self.tables {
            let mut add = |role, structure| found.push(WorkTable { role, table: name.clone(), structure });
            if restricted.base.is_some() {
                add(Role::Base, base::without_number(&restricted.table));
            }
            if restricted.want.as_ref().is_some_and(Want::is_ranked) {
                add(Role::Ranked, restricted.layout.heap(name));
            }
            add(Role::Keys, restricted.layout.structure(name));
            if restricted.cyclic {
                add(Role::Removed, numbers(name));
                add(Role::Kept, restricted.layout.structure(name));
            }
        }
        found
    }

    /// The source columns whose values are written into the workspace, or into statements that write there.
    pub fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        let listed = self.tables.iter().flat_map(|(name, restricted)| {
            let copied = restricted.table.columns.iter().filter(|_| restricted.base.is_some());
            let copied = copied.map(|column| column.name.as_str());
            let found = restricted.want.iter().flat_map(Want::columns_named);
            let held = restricted.layout.columns_held();
            held.chain(found).chain(copied).map(|column| (name.as_str(), column))
        });
        // Statements name the ends of ranges.
        let walked = self.all.iter().flat_map(|(name, all)| {
            let columns = all.walk.iter().flat_map(|key| &key.columns);
            columns.map(|column| (name.as_str(), column.as_str()))
        });
        listed.chain(walked)
    }
}
