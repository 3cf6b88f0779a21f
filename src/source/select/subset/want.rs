//! The wanted rows of drivers.

use super::engine::{Engine, batch, key_at, key_shape, lookup};
use super::link::key_cells;
use crate::error::Result;
use crate::plan::subset::{Phase, Restricted, Want, Way};
use crate::source::select::keys::Growing;
use crate::source::walk::{Walk, Walker};
use crate::sql::keyset::KEYS_MAX;
use crate::sql::select::{Range, Select, column_of};

impl Engine<'_> {
    /// Lists the wanted rows of a driver.
    pub(super) fn want(&mut self, table: &str) -> Result<()> {
        let restricted = self.context.plan.table(table)?;
        let Some(want) = restricted.want.as_ref().filter(|_| restricted.base.is_none()) else {
            // Those of a table without a key were listed when it was read.
            return Ok(());
        };
        let most = self.most(table, restricted, want)?;
        if let (Some(young), Some(most)) = (&want.young, most)
            && !self.are_more_than(table, young, most)?
        {
            return self.want_along(table, want, std::slice::from_ref(young), None);
        }
        match &want.way {
            Way::Along(phases) => self.want_along(table, want, phases, most),
            Way::Ranked(order) => self.want_ranked(table, want, order, most.unwrap_or(u64::MAX)),
        }
    }

    /// How many rows are wanted at most; none: all that pass.
    fn most(&mut self, table: &str, restricted: &Restricted, want: &Want) -> Result<Option<u64>> {
        if want.limit.percent.is_none() {
            return Ok(want.limit.max_rows);
        }
        let context = self.context;
        let walk = Walk::over(&restricted.table, context.source(table), &restricted.walk)?;
        let mut passing = 0;
        self.walk(walk, |engine, range| {
            let mut select = context.own_rows(table, vec!["COUNT(*)".to_owned()]);
            select.conditions.clone_from(&want.conditions);
            select.walk = Some((restricted.walk.clone(), range));
            select.order_by = vec!["NULL".to_owned()];
            passing += engine.asker.number(&select)?;
            Ok(false)
        })?;
        Ok(Some(want.limit.wanted_rows(passing)))
    }

    /// Whether more than `most` rows lie in a part of an index; reads no more than that many entries.
    fn are_more_than(&mut self, table: &str, part: &Phase, most: u64) -> Result<bool> {
        let mut select = self.context.own_rows(table, vec!["1".to_owned()]);
        select.conditions.clone_from(&part.conditions);
        select.walk = Some((part.key.clone(), Range::default()));
        (select.limit, select.offset) = (Some(1), most);
        Ok(self.asker.number(&select)? > 0)
    }

    fn want_along(&mut self, table: &str, want: &Want, phases: &[Phase], most: Option<u64>) -> Result<()> {
        let context = self.context;
        let restricted = context.plan.table(table)?;
        let mut left = most;
        for phase in phases {
            if left == Some(0) {
                break;
            }
            let list = phase.key.columns.iter().map(|name| column_of(None, name)).collect();
            let mut bounds = Select::step(context.source(table), list, &phase.key, Range::default(), 1);
            bounds.conditions.clone_from(&phase.conditions);
            bounds.descending = want.descending();
            let mut walk = Walk::along(&restricted.table, bounds)?;
            if let Some(left) = left {
                walk.at_most(left);
            }
            self.walk(walk, |engine, range| {
                let mut select = context.own_rows(table, key_cells(restricted, None));
                select.conditions.clone_from(&phase.conditions);
                let others = want.conditions.iter().filter(|other| !phase.conditions.contains(other));
                select.conditions.extend(others.cloned());
                select.walk = Some((phase.key.clone(), range));
                select.descending = want.descending();
                select.limit = left;
                let added = engine.list(table, &select)?;
                left = left.map(|left| left.saturating_sub(added));
                Ok(left == Some(0))
            })?;
        }
        Ok(())
    }

    /// No index has the order. The best rows of each range are noted; when there are many, the best of those are chosen,
    /// by a statement over their keys.
    fn want_ranked(&mut self, table: &str, want: &Want, order: &[String], most: u64) -> Result<()> {
        if most == 0 {
            return Ok(());
        }
        let context = self.context;
        let restricted = context.plan.table(table)?;
        let best = Best { table, order: want.order(order, |name| column_of(None, name)), most };
        if most > KEYS_MAX / 2 {
            // More than can be chosen among by their keys: one statement, which sorts the whole table.
            let select = Select {
                conditions: want.conditions.clone(),
                ..best.of(context.own_rows(table, key_cells(restricted, None)))
            };
            return self.list(table, &select).map(|_| ());
        }
        let mut noted = Growing::new(&self.room);
        let walk = Walk::over(&restricted.table, context.source(table), &restricted.walk)?;
        self.walk(walk, |engine, range| {
            let mut select = best.of(context.own_rows(table, key_cells(restricted, None)));
            select.conditions.clone_from(&want.conditions);
            select.walk = Some((restricted.walk.clone(), range));
            engine.note(restricted, &select, &mut noted)?;
            if noted.rows() + most > KEYS_MAX {
                let chosen = Growing::new(&engine.room);
                let candidates = std::mem::replace(&mut noted, chosen);
                let select = engine.best_of(restricted, &best, candidates)?;
                engine.note(restricted, &select, &mut noted)?;
            }
            Ok(false)
        })?;
        let select = self.best_of(restricted, &best, noted)?;
        self.list(table, &select).map(|_| ())
    }

    fn best_of(&mut self, restricted: &Restricted, best: &Best<'_>, noted: Growing) -> Result<Select> {
        let noted = noted.finish()?;
        let (mut cursor, mut rows) = (noted.cursor(), Vec::new());
        loop {
            let some = batch(&mut cursor, KEYS_MAX)?;
            if some.is_empty() {
                break;
            }
            rows.extend(some);
        }
        let mut select = best.of(self.context.own_rows(best.table, key_cells(restricted, None)));
        select.keys = Some(lookup(restricted, &rows)?);
        Ok(select)
    }

    /// Notes the rows of a statement without listing them.
    fn note(&mut self, restricted: &Restricted, select: &Select, noted: &mut Growing) -> Result<()> {
        let shape = key_shape(restricted);
        self.asker.read(select, |row| noted.insert(&key_at(&shape, row, 0)?).map(|_| ()))
    }
}

/// Which rows come first.
struct Best<'a> {
    table: &'a str,
    order: Vec<String>,
    most: u64,
}

impl Best<'_> {
    fn of(&self, select: Select) -> Select {
        Select { order_by: self.order.clone(), limit: Some(self.most), ..select }
    }
}
