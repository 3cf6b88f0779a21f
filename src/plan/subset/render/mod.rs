//! The statements of a subset. Each reads source tables at most inside a plain `SELECT` or an `INSERT … SELECT`, and
//! each takes the range of the rows that it works on.

mod circle;
mod down;
mod step;
mod want;

use super::base::number_key;
use super::layout::when_condition;
use super::plan::{Direct, Edge, Restricted, Role, SubsetPlan};
use crate::error::{Error, Result};
use crate::sql::select::{InsertSelect, Join, JoinKind, Range, Select, column_of};
use crate::sql::{Ident, List, TableName, WorkspaceTable};
use std::collections::BTreeMap;

/// What the rows that are looked at are called in a statement.
const ROW: &str = "t";
/// What the list that leads to other rows is called.
const FROM: &str = "f";
/// What the parent's rows are called.
const PARENT: &str = "p";

/// Where the tables of a subset are.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The source schema.
    pub schema: &'a str,
    /// The places of [`SubsetPlan::work_tables`].
    pub places: &'a BTreeMap<(Role, String), WorkspaceTable>,
}

impl Names<'_> {
    /// The place of a working table.
    ///
    /// # Errors
    /// `Internal` when it was given none.
    pub fn place(&self, role: Role, table: &str) -> Result<WorkspaceTable> {
        let place = self.places.get(&(role, table.to_owned())).cloned();
        place.ok_or_else(|| Error::internal(format!("no place for the {role:?} rows of table `{table}`")))
    }

    /// The name to read a working table by.
    ///
    /// # Errors
    /// As [`Names::place`].
    pub fn name(&self, role: Role, table: &str) -> Result<TableName> {
        Ok(self.place(role, table)?.name().clone())
    }

    fn source(&self, table: &str) -> TableName {
        TableName::qualified(self.schema, table)
    }
}

/// Renders the statements of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Statements<'a> {
    /// The plan.
    pub plan: &'a SubsetPlan,
    /// Where its tables are.
    pub names: Names<'a>,
}

impl Statements<'_> {
    /// What the rows of a table are read from.
    ///
    /// # Errors
    /// `Internal` when the copy that stands for it has no place.
    pub fn rows_of(&self, table: &str) -> Result<TableName> {
        match self.plan.table(table) {
            Ok(Restricted { base: Some(_), .. }) => self.names.name(Role::Base, table),
            _ => Ok(self.names.source(table)),
        }
    }

    /// The list of a table's kept rows, once it is complete.
    ///
    /// # Errors
    /// `Internal` when it has none.
    pub fn kept(&self, table: &str) -> Result<TableName> {
        let cyclic = self.plan.table(table)?.cyclic;
        self.names.name(if cyclic { Role::Kept } else { Role::Keys }, table)
    }

    /// Lists the parents of all rows of a range of a table with `all = true`.
    ///
    /// # Errors
    /// `Internal` when the parent has no list.
    pub fn parents_of_all(&self, all: &Direct, edge: &Edge, range: Range) -> Result<InsertSelect> {
        let mut select = Select::all(self.names.source(&all.table.name), List::default());
        select.alias = Some(ROW.to_owned());
        select.walk = all.walk.clone().map(|key| (key, range));
        let columns = &edge.reference.columns;
        select.joins = vec![self.parent_rows(edge, columns.iter().map(|name| column_of(Some(ROW), name)))?];
        select.conditions = when_condition(&edge.reference.when, Some(ROW)).into_iter().collect();
        self.list_parents(edge, select)
    }

    /// Lists the parents of listed rows.
    ///
    /// # Errors
    /// `Internal` when one of the tables has no list.
    pub fn parents(&self, child: &str, edge: &Edge, range: Range) -> Result<InsertSelect> {
        let layout = &self.plan.table(child)?.layout;
        let held = edge.held.as_deref().unwrap_or_default();
        let mut select = self.list(Role::Keys, child, range)?;
        let columns = held.iter().map(|at| column_of(Some(FROM), &layout.name(*at)));
        select.joins = vec![self.parent_rows(edge, columns)?];
        self.list_parents(edge, select)
    }

    fn list_parents(&self, edge: &Edge, mut select: Select) -> Result<InsertSelect> {
        let parent = &edge.reference.references;
        select.list = self.plan.table(parent)?.layout.expressions(Some(PARENT)).into();
        self.listed(parent, Role::Keys, select)
    }

    /// The parents' own rows, found by these values of the child.
    fn parent_rows(&self, edge: &Edge, values: impl Iterator<Item = String>) -> Result<Join> {
        let referenced = edge.reference.referenced_columns.iter();
        Ok(Join {
            kind: JoinKind::Straight,
            table: self.rows_of(&edge.reference.references)?,
            alias: PARENT.to_owned(),
            index: Some(edge.parent_index.clone()),
            on: referenced
                .zip(values)
                .map(|(name, value)| format!("{} = {value}", column_of(Some(PARENT), name)))
                .collect(),
            inner: None,
        })
    }

    /// The source rows of a range of a complete list; the SELECT list is to be filled in, over `alias`.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn kept_rows(&self, table: &str, range: Range) -> Result<Select> {
        let restricted = self.plan.table(table)?;
        let mut select = Select::all(self.kept(table)?, List::default());
        select.alias = Some(FROM.to_owned());
        select.walk = Some((number_key(), range));
        let key = restricted.layout.key();
        select.joins.push(Join {
            kind: JoinKind::Straight,
            table: self.rows_of(table)?,
            alias: ROW.to_owned(),
            index: Some(restricted.walk.index.clone()),
            on: key
                .iter()
                .map(|(column, own)| {
                    format!("{} = {}", column_of(Some(ROW), column), column_of(Some(FROM), own))
                })
                .collect(),
            inner: None,
        });
        Ok(select)
    }

    /// A range of a list by its numbers.
    fn list(&self, role: Role, table: &str, range: Range) -> Result<Select> {
        let mut select = Select::all(self.names.name(role, table)?, List::default());
        select.alias = Some(FROM.to_owned());
        select.walk = Some((number_key(), range));
        Ok(select)
    }

    fn rows(&self, table: &str, list: List) -> Result<Select> {
        Ok(Select::all(self.rows_of(table)?, list))
    }

    fn listed(&self, table: &str, role: Role, select: Select) -> Result<InsertSelect> {
        Ok(InsertSelect {
            into: self.names.place(role, table)?,
            columns: self.plan.table(table)?.layout.names(),
            select,
            // A row may be met twice: by two ways, or because it moved meanwhile.
            ignore: true,
        })
    }
}

/// What the kept source rows are called in [`Statements::kept_rows`] and [`Statements::direct`].
#[must_use]
pub fn row_alias() -> Ident {
    Ident::new(ROW)
}
