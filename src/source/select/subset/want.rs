//! The wanted rows of drivers.

use super::engine::{Engine, key_at, key_shape, lookup_of, no_keys};
use super::link::key_cells;
use super::ranking::Ranking;
use crate::error::Result;
use crate::plan::subset::{Phase, Restricted, Want, Way};
use crate::schema::Column;
use crate::source::bound;
use crate::source::walk::{Walk, Walker};
use crate::sql::keyset::{KEYS_MAX, KeyTable};
use crate::sql::literal::Form;
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
            let mut select = context.own_rows(table, ["COUNT(*)"]);
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
        let mut select = self.context.own_rows(table, ["1"]);
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

    /// No index has the order. Where it is known here, the rows are walked in the order of ties and the best of them
    /// remembered; else the server has to choose.
    fn want_ranked(&mut self, table: &str, want: &Want, order: &[String], most: u64) -> Result<()> {
        if most == 0 {
            return Ok(());
        }
        let restricted = self.context.plan.table(table)?;
        if let Some((by, ranking)) = self.ranking(restricted, want, order, most) {
            return self.want_best(restricted, want, by, ranking);
        }
        let best = Best { table, order: want.order(order, |name| column_of(None, name)), most };
        if most <= KEYS_MAX / 2 && self.want_chosen(restricted, want, &best)? {
            return Ok(());
        }
        // More than can be chosen among by their keys: one statement, which sorts the whole table.
        tracing::info!(
            table,
            rows = most,
            "one statement has to sort the table: no index has the order of its limit"
        );
        let select = Select {
            conditions: want.conditions.clone(),
            ..best.of(self.context.own_rows(table, key_cells(restricted, None)))
        };
        self.list(table, &select).map(|_| ())
    }

    /// What ranks the rows of a table by the first column of an order, where that can be done here: what comes behind it
    /// has to be how the rows are walked.
    fn ranking<'p>(
        &self,
        restricted: &'p Restricted,
        want: &Want,
        order: &[String],
        most: u64,
    ) -> Option<(&'p Column, Ranking)> {
        let (first, ties) = order.split_first()?;
        let walked = restricted.walk.columns.iter().filter(|name| *name != first);
        let by = restricted.table.column(first).filter(|_| ties.iter().eq(walked))?;
        Some((by, Ranking::new(by, want.descending(), most, &self.room)?))
    }

    /// Lists the best rows of a walk. Once there are enough, only better ones are asked for.
    fn want_best(
        &mut self,
        restricted: &Restricted,
        want: &Want,
        by: &Column,
        mut ranking: Ranking,
    ) -> Result<()> {
        let (context, table) = (self.context, &restricted.table.name);
        let (shape, form) = (key_shape(restricted), Form::of(by)?);
        let mut bounds = Select::step(
            context.source(table),
            key_cells(restricted, None).into(),
            &restricted.walk,
            Range::default(),
            1,
        );
        bounds.descending = want.descending();
        self.walk(Walk::along(&restricted.table, bounds)?, |engine, range| {
            let better = ranking.worst().map(|worst| better(want, by, form, worst)).transpose()?;
            let mut select = context.own_rows(table, [column_of(None, &by.name)]);
            select.list.extend(key_cells(restricted, None));
            select.conditions = want.conditions.iter().cloned().chain(better).collect();
            select.walk = Some((restricted.walk.clone(), range));
            select.descending = want.descending();
            engine.asker.read(&select, |row| ranking.offer(row.cell(0), &key_at(&shape, row, 1)?))?;
            Ok(false)
        })?;
        let lists = &mut self.lists;
        ranking.each(|key| lists.pull_in(table, key).map(|_| ()))
    }

    /// Lists the best rows as the server orders them: those of each range are noted, and when there are many, the best of
    /// those are chosen, by a statement over their keys. Says whether that can be done: so many keys have to fit into one
    /// statement.
    fn want_chosen(&mut self, restricted: &Restricted, want: &Want, best: &Best<'_>) -> Result<bool> {
        let context = self.context;
        let rows = || best.of(context.own_rows(best.table, key_cells(restricted, None)));
        let mut noted = no_keys(restricted)?;
        let mut fits = true;
        let walk = Walk::over(&restricted.table, context.source(best.table), &restricted.walk)?;
        self.walk(walk, |engine, range| {
            if noted.is_half_full() {
                let candidates = std::mem::replace(&mut noted, no_keys(restricted)?);
                let select = Select { keys: Some(lookup_of(restricted, candidates)), ..rows() };
                fits = engine.note(restricted, &select, &mut noted)?;
            }
            let conditions = want.conditions.clone();
            let select = Select { conditions, walk: Some((restricted.walk.clone(), range)), ..rows() };
            fits = fits && engine.note(restricted, &select, &mut noted)?;
            Ok(!fits)
        })?;
        if fits {
            self.list(best.table, &Select { keys: Some(lookup_of(restricted, noted)), ..rows() })?;
        }
        Ok(fits)
    }

    /// Notes the rows of a statement without listing them; says whether all of them fit into another.
    fn note(&mut self, restricted: &Restricted, select: &Select, noted: &mut KeyTable) -> Result<bool> {
        let (cells, mut fits) = (restricted.walk.columns.len(), true);
        self.asker.read(select, |row| {
            fits = fits && !noted.is_full();
            if fits { noted.push((0..cells).map(|at| row.cell(at))) } else { Ok(()) }
        })?;
        Ok(fits)
    }
}

/// Which rows are better than one with the value `worst`. Of rows as good the first ones come first.
fn better(want: &Want, by: &Column, form: Form, worst: Option<&[u8]>) -> Result<String> {
    let name = column_of(None, &by.name);
    let Some(worst) = worst else {
        // NULLs are the lowest.
        return Ok(if want.descending() { format!("{name} IS NOT NULL") } else { "1 = 0".to_owned() });
    };
    let worst = bound(&[form], std::iter::once(Some(worst)))?.0.concat();
    Ok(match want.descending() {
        true => format!("{name} > {worst}"),
        false => format!("({name} < {worst} OR {name} IS NULL)"),
    })
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
