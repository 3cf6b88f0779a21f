//! All statements of a plan, each over everything that it may be about: what a run does range by range. For looking at.

use super::Statements;
use crate::error::Result;
use crate::plan::run::ROW_NUMBER_COLUMN;
use crate::plan::subset::plan::{Base, Edge, Restricted, Step};
use crate::plan::subset::want::{Want, Way};
use crate::schema::Flavour;
use crate::schema::ddl::{WorkspaceOptions, workspace_table};
use crate::sql::select::{InsertSelect, Range};
use crate::sql::workspace::CreateTable;
use std::fmt;

impl Statements<'_> {
    /// The tables that the plan needs in the workspace.
    ///
    /// # Errors
    /// `Internal` when one has no place; `Schema` when it cannot be made on a server of that flavour.
    pub fn create_tables(&self, flavour: Flavour) -> Result<Vec<CreateTable>> {
        let create = |work: crate::plan::subset::WorkTable| {
            let options = WorkspaceOptions {
                key: Some(&[]),
                extra_indexes: &work.structure.indexes,
                row_number: Some(ROW_NUMBER_COLUMN),
                ..WorkspaceOptions::default()
            };
            workspace_table(&work.structure, &self.names.place(work.role, &work.table)?, flavour, &options)
        };
        self.plan.work_tables().into_iter().map(create).collect()
    }

    /// What a step runs. Children are looked for in one of two ways, whichever costs less when it comes to it; the
    /// one that walks the table is shown.
    ///
    /// # Errors
    /// `Internal` when a table of the step has no list.
    pub fn of_step(&self, step: &Step) -> Result<Vec<InsertSelect>> {
        match step {
            Step::Base(table) => {
                let limit = match &self.plan.table(table)?.base {
                    Some(Base::Wanted(want)) => want.limit.max_rows,
                    _ => None,
                };
                Ok(vec![self.base(table, limit)?])
            }
            Step::Want(table) => match &self.plan.table(table)?.want {
                Some(want) => self.of_want(table, want),
                None => Ok(vec![self.all_of_base(table, Range::default())?]),
            },
            Step::ParentsOfAll(table) => {
                let all = self.plan.all(table)?;
                all.edges.iter().map(|edge| self.parents_of_all(all, edge, Range::default())).collect()
            }
            Step::Up(tables) => self.of_edges(
                tables,
                |edge| edge.held.is_some(),
                |table, edge| self.parents(table, edge, Range::default()),
            ),
            Step::Down(table) => Ok(vec![self.kept_by_walk(table, Range::default())?]),
            Step::DownCycle(tables) => self.of_circle(tables),
        }
    }

    fn of_want(&self, table: &str, want: &Want) -> Result<Vec<InsertSelect>> {
        let most = want.limit.max_rows;
        match &want.way {
            Way::Along(phases) => {
                phases.iter().map(|phase| self.wanted(table, want, phase, Range::default(), most)).collect()
            }
            Way::Ranked(_) => {
                let most = most.unwrap_or(u64::MAX);
                Ok(vec![
                    self.ranked(table, want, Range::default(), most, None)?,
                    self.best(table, want, most)?,
                ])
            }
        }
    }

    fn of_circle(&self, tables: &[String]) -> Result<Vec<InsertSelect>> {
        let mut all = Vec::new();
        for table in tables {
            all.push(self.kept_by_walk(table, Range::default())?);
        }
        all.extend(self.of_edges(
            tables,
            |edge| edge.in_cycle,
            |table, edge| self.loose(table, edge, 0, Range::default()),
        )?);
        all.extend(self.of_edges(
            tables,
            |edge| edge.in_cycle,
            |table, edge| self.loosened(table, edge, 0, Range::default()),
        )?);
        for table in tables {
            all.push(self.survivors(table, Range::default())?);
        }
        Ok(all)
    }

    fn of_edges(
        &self,
        tables: &[String],
        which: fn(&Edge) -> bool,
        render: impl Fn(&str, &Edge) -> Result<InsertSelect>,
    ) -> Result<Vec<InsertSelect>> {
        let mut all = Vec::new();
        for table in tables {
            let Restricted { edges, .. } = self.plan.table(table)?;
            for edge in edges.iter().filter(|edge| which(edge)) {
                all.push(render(table, edge)?);
            }
        }
        Ok(all)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base(table) => write!(f, "copying table `{table}`, which has no key"),
            Self::Want(table) => write!(f, "finding the rows of table `{table}` that its limit wants"),
            Self::ParentsOfAll(table) => write!(f, "finding the parents of all rows of table `{table}`"),
            Self::Up(_) => f.write_str("finding the parents of wanted rows"),
            Self::Down(table) => write!(f, "finding the rows of table `{table}` whose parents are kept"),
            Self::DownCycle(tables) => {
                write!(f, "finding the rows of tables `{}` whose parents are kept", tables.join("`, `"))
            }
        }
    }
}
