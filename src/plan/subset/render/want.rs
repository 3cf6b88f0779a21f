//! Wanted rows, and copies of tables without a key.

use super::Statements;
use crate::error::Result;
use crate::plan::run::ROW_NUMBER_COLUMN;
use crate::plan::subset::{Base, Phase, Role, Want};
use crate::sql::List;
use crate::sql::select::{InsertSelect, Range, Select, column_of};

impl Statements<'_> {
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
            ..Select::all(self.names.source(table), ["COUNT(*)"].into())
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
            ..Select { conditions: want.conditions.clone(), ..self.rows(table, ["COUNT(*)"].into())? }
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
        let mut select = self.rows(table, layout.expressions(None).into())?;
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

    /// Notes the best rows of a range of the key, but none that comes behind `worst`, a value of the first column of
    /// the order.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn ranked(
        &self,
        table: &str,
        want: &Want,
        range: Range,
        limit: u64,
        worst: Option<&str>,
    ) -> Result<InsertSelect> {
        let restricted = self.plan.table(table)?;
        let mut select = self.rows(table, restricted.layout.expressions(None).into())?;
        select.conditions.clone_from(&want.conditions);
        let order = want.ranked_by().unwrap_or_default();
        if let (Some(by), Some(worst)) = (order.first(), worst) {
            let by = column_of(None, by);
            select.conditions.push(match want.descending() {
                true => format!("{by} >= {worst}"),
                false => format!("{by} <= {worst} OR {by} IS NULL"),
            });
        }
        select.walk = Some((restricted.walk.clone(), range));
        select.order_by = want.order(order, |name| column_of(None, name));
        select.limit = Some(limit);
        self.listed(table, Role::Ranked, select)
    }

    /// Reads the value of the last of the `limit` best rows that were noted, in the first column of the order. NULLs
    /// are passed over: a value that is too good to be the last only spares less.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn worst(&self, table: &str, want: &Want, limit: u64) -> Result<Select> {
        let mut select = self.noted(table, want)?;
        let by = want.ranked_by().and_then(|order| order.first());
        let by = by.and_then(|by| self.plan.table(table).ok()?.layout.own_name_of(by));
        let by = column_of(None, &by.unwrap_or_default());
        select.conditions = vec![format!("{by} IS NOT NULL")];
        select.list = [by].into();
        (select.limit, select.offset) = (Some(1), limit.saturating_sub(1));
        Ok(select)
    }

    /// Lists the best of the rows that were noted.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn best(&self, table: &str, want: &Want, limit: u64) -> Result<InsertSelect> {
        let names = self.plan.table(table)?.layout.names();
        let list = names.iter().map(|name| column_of(None, name)).collect();
        let select = Select { list, limit: Some(limit), ..self.noted(table, want)? };
        self.listed(table, Role::Keys, select)
    }

    /// The rows that were noted, best first; the SELECT list is to be filled in.
    fn noted(&self, table: &str, want: &Want) -> Result<Select> {
        let layout = &self.plan.table(table)?.layout;
        let mut select = Select::all(self.names.name(Role::Ranked, table)?, List::default());
        select.order_by = want.order(want.ranked_by().unwrap_or_default(), |name| {
            let own = layout.own_name_of(name);
            own.map_or_else(|| "NULL".to_owned(), |own| column_of(None, &own))
        });
        Ok(select)
    }

    /// Lists rows of a copy that has the wanted rows only.
    ///
    /// # Errors
    /// `Internal` when the table has no list.
    pub fn all_of_base(&self, table: &str, range: Range) -> Result<InsertSelect> {
        let restricted = self.plan.table(table)?;
        let mut select = self.rows(table, restricted.layout.expressions(None).into())?;
        select.walk = Some((restricted.walk.clone(), range));
        self.listed(table, Role::Keys, select)
    }
}
