//! What is left of tables that reference each other in a circle. Only lists are read: no statement names the source.

use super::{FROM, PARENT, ROW, Statements};
use crate::error::Result;
use crate::plan::run::ROW_NUMBER_COLUMN;
use crate::plan::subset::layout::own_name;
use crate::plan::subset::{Edge, Role};
use crate::sql::TableName;
use crate::sql::select::{InsertSelect, Join, JoinKind, Range, Select, column_of};

impl Statements<'_> {
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
            table: self.names.name(Role::Keys, parent)?,
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
        let keys = self.names.name(Role::Keys, parent)?;
        let removed = self.names.name(Role::Removed, parent)?;
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
                self.names.name(Role::Keys, table)?,
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
            table: self.names.name(Role::Removed, table)?,
            alias: "r".to_owned(),
            index: None,
            on: vec![format!("{removed} = {}", column_of(Some(FROM), ROW_NUMBER_COLUMN))],
            inner: None,
        });
        select.conditions.push(format!("{removed} IS NULL"));
        self.listed(table, Role::Kept, select)
    }

    fn removed(&self, table: &str, alias: &str, mut select: Select) -> Result<InsertSelect> {
        select.list = [column_of(Some(alias), ROW_NUMBER_COLUMN)].into();
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
