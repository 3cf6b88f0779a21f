//! The statements of a subset. Each reads source tables at most inside a plain `SELECT` or an `INSERT … SELECT`, and
//! each takes the range of the rows that it works on.

use super::base::number_key;
use super::layout::{own_name, when_condition};
use super::plan::{Base, Direct, Edge, Restricted, Role, SubsetPlan};
use super::want::{Phase, Want};
use crate::error::{Error, Result};
use crate::plan::run::ROW_NUMBER_COLUMN;
use crate::sql::select::{InsertSelect, Join, JoinKind, Range, Select, WalkKey, column_of};
use crate::sql::{Ident, TableName};
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
    pub places: &'a BTreeMap<(Role, String), TableName>,
}

impl Names<'_> {
    /// The place of a working table.
    ///
    /// # Errors
    /// `Internal` when it was given none.
    pub fn place(&self, role: Role, table: &str) -> Result<TableName> {
        let place = self.places.get(&(role, table.to_owned())).cloned();
        place.ok_or_else(|| Error::internal(format!("no place for the {role:?} rows of table `{table}`")))
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
            Ok(Restricted { base: Some(_), .. }) => self.names.place(Role::Base, table),
            _ => Ok(self.names.source(table)),
        }
    }

    /// The list of a table's kept rows, once it is complete.
    ///
    /// # Errors
    /// `Internal` when it has none.
    pub fn kept(&self, table: &str) -> Result<TableName> {
        let cyclic = self.plan.table(table)?.cyclic;
        self.names.place(if cyclic { Role::Kept } else { Role::Keys }, table)
    }

    /// Copies rows of a table without a key.
    ///
    /// # Errors
    /// `Internal` when the plan has no such copy.
    pub fn base(&self, table: &str, limit: Option<u64>) -> Result<InsertSelect> {
        let restricted = self.plan.table(table)?;
        let columns: Vec<String> = restricted
            .table
            .columns
            .iter()
            .map(|column| column.name.clone())
            .filter(|name| name != ROW_NUMBER_COLUMN)
            .collect();
        let list = columns.iter().map(|name| column_of(None, name)).collect();
        let mut select = Select::all(self.names.source(table), list);
        if let Some(Base::Wanted(want)) = &restricted.base {
            select.conditions.clone_from(&want.conditions);
            select.order_by = want.order(want.ranked_by().unwrap_or_default(), |name| column_of(None, name));
            select.limit = limit;
        }
        Ok(InsertSelect { into: self.names.place(Role::Base, table)?, columns, select, ignore: false })
    }

    /// How many rows of a table that no walk is possible on pass its limit.
    ///
    /// # Errors
    /// `Internal` when the plan has no such copy.
    pub fn base_count(&self, table: &str, want: &Want) -> Select {
        Select {
            conditions: want.conditions.clone(),
            ..Select::all(self.names.source(table), vec!["COUNT(*)".to_owned()])
        }
    }

    /// Counts the rows of a range that pass a limit.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn count(&self, table: &str, want: &Want, range: Range) -> Result<Select> {
        let restricted = self.plan.table(table)?;
        Ok(Select {
            walk: Some((restricted.walk.clone(), range)),
            order_by: vec!["NULL".to_owned()],
            ..Select { conditions: want.conditions.clone(), ..self.rows(table, vec!["COUNT(*)".into()])? }
        })
    }

    /// Lists the first `limit` wanted rows of a range of an index.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn wanted(
        &self,
        table: &str,
        want: &Want,
        phase: &Phase,
        range: Range,
        limit: Option<u64>,
    ) -> Result<InsertSelect> {
        let layout = &self.plan.table(table)?.layout;
        let mut select = self.rows(table, layout.expressions(None))?;
        select.conditions.clone_from(&phase.conditions);
        let others = want.conditions.iter().filter(|condition| !phase.conditions.contains(condition));
        select.conditions.extend(others.cloned());
        select.walk = Some((phase.key.clone(), range));
        select.descending = want.descending();
        select.limit = limit;
        self.listed(table, Role::Keys, select)
    }

    /// Where the next rows of a phase end: positions in its index.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn wanted_bound(&self, table: &str, want: &Want, phase: &Phase, range: Range) -> Result<Select> {
        let list = phase.key.columns.iter().map(|name| column_of(None, name)).collect();
        let mut select = self.rows(table, list)?;
        select.conditions.clone_from(&phase.conditions);
        select.walk = Some((phase.key.clone(), range));
        select.descending = want.descending();
        Ok(select)
    }

    /// Notes the best rows of a range of the key.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn ranked(&self, table: &str, want: &Want, range: Range, limit: u64) -> Result<InsertSelect> {
        let restricted = self.plan.table(table)?;
        let mut select = self.rows(table, restricted.layout.expressions(None))?;
        select.conditions.clone_from(&want.conditions);
        select.walk = Some((restricted.walk.clone(), range));
        select.order_by = want.order(want.ranked_by().unwrap_or_default(), |name| column_of(None, name));
        select.limit = Some(limit);
        Ok(InsertSelect { ignore: false, ..self.listed(table, Role::Ranked, select)? })
    }

    /// Lists the best of the rows that were noted.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn best(&self, table: &str, want: &Want, limit: u64) -> Result<InsertSelect> {
        let layout = &self.plan.table(table)?.layout;
        let list = layout.names().iter().map(|name| column_of(None, name)).collect();
        let mut select = Select::all(self.names.place(Role::Ranked, table)?, list);
        select.order_by = want.order(want.ranked_by().unwrap_or_default(), |name| {
            let own = layout.own_name_of(name);
            own.map_or_else(|| "NULL".to_owned(), |own| column_of(None, &own))
        });
        select.limit = Some(limit);
        self.listed(table, Role::Keys, select)
    }

    /// Lists rows of a copy that has the wanted rows only.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn all_of_base(&self, table: &str, range: Range) -> Result<InsertSelect> {
        let restricted = self.plan.table(table)?;
        let mut select = self.rows(table, restricted.layout.expressions(None))?;
        select.walk = Some((restricted.walk.clone(), range));
        self.listed(table, Role::Keys, select)
    }

    /// Lists the parents of all rows of a range of a table with `all = true`.
    ///
    /// # Errors
    /// `Internal` when the parent has no list.
    pub fn parents_of_all(&self, all: &Direct, edge: &Edge, range: Range) -> Result<InsertSelect> {
        let mut select = Select::all(self.names.source(&all.table.name), Vec::new());
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
        select.list = self.plan.table(parent)?.layout.expressions(Some(PARENT));
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

    /// Lists the rows of a range of a table whose parents are kept.
    ///
    /// # Errors
    /// `Internal` when one of the tables has no list.
    pub fn kept_by_walk(&self, table: &str, range: Range) -> Result<InsertSelect> {
        let restricted = self.plan.table(table)?;
        let mut select = Select::all(self.rows_of(table)?, restricted.layout.expressions(Some(ROW)));
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
        let mut select = Select::all(self.kept(parent)?, restricted.layout.expressions(Some(ROW)));
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
        select.list = restricted.layout.expressions(Some(ROW));
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
        let mut select = Select::all(self.rows_of(table)?, Vec::new());
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
        let mut select = Select::all(self.names.source(&direct.table.name), Vec::new());
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

    /// Notes which of the rows of a range of a list, all behind number `pinned`, have a parent by `edge` that is in
    /// no list.
    ///
    /// # Errors
    /// `Internal` when one of the tables is in no circle.
    pub fn loose(&self, table: &str, edge: &Edge, pinned: u64, range: Range) -> Result<InsertSelect> {
        let mut select = self.list(Role::Keys, table, range)?;
        let parent = &edge.reference.references;
        select.joins.push(Join {
            kind: JoinKind::Left,
            table: self.names.place(Role::Keys, parent)?,
            alias: PARENT.to_owned(),
            index: Some(edge.list_index.clone()),
            on: self.held_matches(table, edge, FROM, PARENT)?,
            inner: None,
        });
        select.conditions = self.may_go(table, edge, FROM, pinned)?;
        select.conditions.push(format!("{} IS NULL", column_of(Some(PARENT), ROW_NUMBER_COLUMN)));
        self.removed(table, FROM, select)
    }

    /// Notes which rows of a list, all behind number `pinned`, lost their last parent by `edge` with the rows of a
    /// range of the parent's removed ones.
    ///
    /// # Errors
    /// `Internal` when one of the tables is in no circle.
    pub fn loosened(&self, table: &str, edge: &Edge, pinned: u64, range: Range) -> Result<InsertSelect> {
        let parent = &edge.reference.references;
        let keys = self.names.place(Role::Keys, parent)?;
        let removed = self.names.place(Role::Removed, parent)?;
        let number = |alias| column_of(Some(alias), ROW_NUMBER_COLUMN);
        let of = |alias| column_of(Some(alias), &own_name(0));
        let straight = |table: TableName, alias: &str, index: &str, on: Vec<String>| Join {
            kind: JoinKind::Straight,
            table,
            alias: alias.to_owned(),
            index: Some(index.to_owned()),
            on,
            inner: None,
        };
        let mut select = self.list(Role::Removed, parent, range)?;
        let held_index = edge.held_index.as_deref().unwrap_or("PRIMARY");
        select.joins = vec![
            straight(keys.clone(), PARENT, "PRIMARY", vec![format!("{} = {}", number(PARENT), of(FROM))]),
            straight(
                self.names.place(Role::Keys, table)?,
                ROW,
                held_index,
                self.held_matches(table, edge, ROW, PARENT)?,
            ),
            // Another parent that is still there: columns that are not unique may be referenced.
            Join {
                kind: JoinKind::Left,
                table: keys,
                alias: "o".to_owned(),
                index: Some(edge.list_index.clone()),
                on: self
                    .held_matches(table, edge, ROW, "o")?
                    .into_iter()
                    .chain([format!("{} IS NULL", of("r"))])
                    .collect(),
                inner: Some(Box::new(Join {
                    kind: JoinKind::Left,
                    table: removed,
                    alias: "r".to_owned(),
                    index: None,
                    on: vec![format!("{} = {}", of("r"), number("o"))],
                    inner: None,
                })),
            },
        ];
        select.conditions = self.may_go(table, edge, ROW, pinned)?;
        select.conditions.push(format!("{} IS NULL", number("o")));
        self.removed(table, ROW, select)
    }

    /// Lists what is left of a range of a list.
    ///
    /// # Errors
    /// `Internal` when the table is in no circle.
    pub fn survivors(&self, table: &str, range: Range) -> Result<InsertSelect> {
        let mut select = self.list(Role::Keys, table, range)?;
        let names = self.plan.table(table)?.layout.names();
        select.list = names.iter().map(|name| column_of(Some(FROM), name)).collect();
        let removed = column_of(Some("r"), &own_name(0));
        select.joins.push(Join {
            kind: JoinKind::Left,
            table: self.names.place(Role::Removed, table)?,
            alias: "r".to_owned(),
            index: None,
            on: vec![format!("{removed} = {}", column_of(Some(FROM), ROW_NUMBER_COLUMN))],
            inner: None,
        });
        select.conditions.push(format!("{removed} IS NULL"));
        self.listed(table, Role::Kept, select)
    }

    /// The source rows of a range of a complete list; the SELECT list is to be filled in, over `alias`.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn kept_rows(&self, table: &str, range: Range) -> Result<Select> {
        let restricted = self.plan.table(table)?;
        let mut select = Select::all(self.kept(table)?, Vec::new());
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
        let mut select = Select::all(self.names.place(role, table)?, Vec::new());
        select.alias = Some(FROM.to_owned());
        select.walk = Some((number_key(), range));
        Ok(select)
    }

    fn rows(&self, table: &str, list: Vec<String>) -> Result<Select> {
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

    fn removed(&self, table: &str, alias: &str, mut select: Select) -> Result<InsertSelect> {
        select.list = vec![column_of(Some(alias), ROW_NUMBER_COLUMN)];
        let into = self.names.place(Role::Removed, table)?;
        Ok(InsertSelect { into, columns: vec![own_name(0)], select, ignore: true })
    }

    /// A row of the child's list has a parent by `edge`, and was not pulled in.
    fn may_go(&self, table: &str, edge: &Edge, alias: &str, pinned: u64) -> Result<Vec<String>> {
        let layout = &self.plan.table(table)?.layout;
        let held = edge.held.as_deref().unwrap_or_default().iter();
        let mut conditions = vec![format!("{} > {pinned}", column_of(Some(alias), ROW_NUMBER_COLUMN))];
        conditions
            .extend(held.map(|at| format!("{} IS NOT NULL", column_of(Some(alias), &layout.name(*at)))));
        Ok(conditions)
    }

    /// The parent's listed values are those that the child's list holds.
    fn held_matches(&self, child: &str, edge: &Edge, alias: &str, parent_alias: &str) -> Result<Vec<String>> {
        let (own, parent) =
            (&self.plan.table(child)?.layout, &self.plan.table(&edge.reference.references)?.layout);
        let held = edge.held.as_deref().unwrap_or_default().iter();
        Ok(held
            .zip(&edge.referenced)
            .map(|(held, at)| {
                let value = column_of(Some(alias), &own.name(*held));
                format!("{} = {value}", column_of(Some(parent_alias), &parent.name(*at)))
            })
            .collect())
    }
}

fn edge_of(restricted: &Restricted, at: usize) -> Result<&Edge> {
    restricted.edges.get(at).ok_or_else(|| Error::internal("a reference that a table does not have"))
}

/// What the kept source rows are called in [`Statements::kept_rows`] and [`Statements::direct`].
#[must_use]
pub fn row_alias() -> Ident {
    Ident::new(ROW)
}
