//! Rows whose parents are kept.

use super::{FROM, PARENT, ROW, Statements};
use crate::error::{Error, Result};
use crate::plan::run::ROW_NUMBER_COLUMN;
use crate::plan::subset::base::number_key;
use crate::plan::subset::layout::when_condition;
use crate::plan::subset::{Direct, Edge, Restricted, Role};
use crate::sql::List;
use crate::sql::select::{InsertSelect, Join, JoinKind, Range, Select, WalkKey, column_of};

impl Statements<'_> {
    /// Lists the rows of a range of a table whose parents are kept.
    ///
    /// # Errors
    /// `Internal` when one of the tables has no list.
    pub fn kept_by_walk(&self, table: &str, range: Range) -> Result<InsertSelect> {
        let restricted = self.plan.table(table)?;
        let mut select = Select::all(self.rows_of(table)?, restricted.layout.expressions(Some(ROW)).into());
        select.alias = Some(ROW.to_owned());
        select.walk = Some((restricted.walk.clone(), range));
        self.join_lists(&mut select, &restricted.edges, None)?;
        self.listed(table, Role::Keys, select)
    }

    /// Lists the rows whose parent by `edges[by]` lies in a range of the parent's list, as far as their other parents
    /// are kept.
    ///
    /// # Errors
    /// `Internal` when one of the tables has no list.
    pub fn kept_by_parent(&self, table: &str, by: usize, range: Range) -> Result<InsertSelect> {
        let restricted = self.plan.table(table)?;
        let edge = edge_of(restricted, by)?;
        let parent = &edge.reference.references;
        let layout = &self.plan.table(parent)?.layout;
        let mut select = Select::all(self.kept(parent)?, restricted.layout.expressions(Some(ROW)).into());
        select.alias = Some(FROM.to_owned());
        select.walk = Some((number_key(), range));
        let on = edge.reference.columns.iter().zip(&edge.referenced);
        select.joins.push(Join {
            kind: JoinKind::Straight,
            table: self.rows_of(table)?,
            alias: ROW.to_owned(),
            index: edge.child_index.clone(),
            on: on
                .map(|(name, at)| {
                    format!("{} = {}", column_of(Some(ROW), name), column_of(Some(FROM), &layout.name(*at)))
                })
                .collect(),
            inner: None,
        });
        select.conditions.extend(when_condition(&edge.reference.when, Some(ROW)));
        self.join_lists(&mut select, &restricted.edges, Some(by))?;
        self.listed(table, Role::Keys, select)
    }

    /// Lists the rows of a range that have no parent by `edges[by]`, as far as their other parents are kept.
    ///
    /// # Errors
    /// `Internal` when one of the tables has no list.
    pub fn kept_without_parent(
        &self,
        table: &str,
        by: usize,
        walk: &WalkKey,
        range: Range,
    ) -> Result<InsertSelect> {
        let restricted = self.plan.table(table)?;
        let mut select = self.rows_without_parent(table, by, walk, range)?;
        select.list = restricted.layout.expressions(Some(ROW)).into();
        self.join_lists(&mut select, &restricted.edges, Some(by))?;
        self.listed(table, Role::Keys, select)
    }

    /// The rows of a range that have no parent by `edges[by]`; the list is to be filled in.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn rows_without_parent(
        &self,
        table: &str,
        by: usize,
        walk: &WalkKey,
        range: Range,
    ) -> Result<Select> {
        let edge = edge_of(self.plan.table(table)?, by)?;
        let mut select = Select::all(self.rows_of(table)?, List::default());
        select.alias = Some(ROW.to_owned());
        select.walk = Some((walk.clone(), range));
        let nulls = edge.nullable.iter().map(|name| format!("{} IS NULL", column_of(Some(ROW), name)));
        select.conditions = vec![nulls.collect::<Vec<_>>().join(" OR ")];
        Ok(select)
    }

    /// The kept rows of a restricted table without a list; the SELECT list is to be filled in, over `alias`.
    ///
    /// # Errors
    /// `Internal` when a parent has no list.
    pub fn direct(&self, direct: &Direct) -> Result<Select> {
        let mut select = Select::all(self.names.source(&direct.table.name), List::default());
        select.alias = Some(ROW.to_owned());
        self.join_lists(&mut select, &direct.edges, None)?;
        Ok(select)
    }

    /// Joins the lists of kept parents but for those inside a circle, and demands that each parent is kept that the
    /// row has.
    fn join_lists(&self, select: &mut Select, edges: &[Edge], but: Option<usize>) -> Result<()> {
        let outside = edges.iter().enumerate().filter(|(at, edge)| !edge.in_cycle && Some(*at) != but);
        for (at, edge) in outside {
            let alias = format!("{PARENT}{at}");
            let join = self.kept_parent(edge, &alias)?;
            let mut ways = vec![format!("{} IS NOT NULL", column_of(Some(&alias), ROW_NUMBER_COLUMN))];
            ways.extend(edge.nullable.iter().map(|name| format!("{} IS NULL", column_of(Some(ROW), name))));
            ways.extend(
                when_condition(&edge.reference.when, Some(ROW)).map(|when| format!("({when}) IS NOT TRUE")),
            );
            select.joins.push(join);
            select.conditions.push(ways.join(" OR "));
        }
        Ok(())
    }

    fn kept_parent(&self, edge: &Edge, alias: &str) -> Result<Join> {
        let parent = &edge.reference.references;
        let layout = &self.plan.table(parent)?.layout;
        let on = edge.referenced.iter().zip(&edge.reference.columns);
        Ok(Join {
            kind: JoinKind::Left,
            table: self.kept(parent)?,
            alias: alias.to_owned(),
            index: Some(edge.list_index.clone()),
            on: on
                .map(|(at, name)| {
                    format!("{} = {}", column_of(Some(alias), &layout.name(*at)), column_of(Some(ROW), name))
                })
                .collect(),
            inner: None,
        })
    }
}

fn edge_of(restricted: &Restricted, at: usize) -> Result<&Edge> {
    restricted.edges.get(at).ok_or_else(|| Error::internal("a reference that a table does not have"))
}
