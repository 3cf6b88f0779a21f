//! The wanted rows of drivers, and tables without a key.

use super::engine::Engine;
use crate::error::Result;
use crate::plan::subset::{Base, Phase, Restricted, Role, Want, Way};
use crate::plan::walk::sorts_as_it_compares;
use crate::source::walk::{Walk, Walker, bound};
use crate::sql::literal::Form;
use crate::sql::select::Range;

impl Engine<'_> {
    /// Copies a table without a key: no range of it can be named, so in one statement.
    pub(super) fn base(&mut self, table: &str) -> Result<()> {
        let statements = self.statements;
        let limit = match &statements.plan.table(table)?.base {
            Some(Base::Wanted(want)) if want.limit.percent.is_some() => {
                let passing = self.number(&statements.base_count(table, want))?;
                Some(want.limit.wanted_rows(passing))
            }
            Some(Base::Wanted(want)) => want.limit.max_rows,
            _ => None,
        };
        self.add(Role::Base, table, &statements.base(table, limit)?).map(|_| ())
    }

    /// Lists the wanted rows of a driver.
    pub(super) fn want(&mut self, table: &str) -> Result<()> {
        let statements = self.statements;
        let restricted = statements.plan.table(table)?;
        let Some(want) = &restricted.want else {
            return self.all_of_base(table);
        };
        let most = self.most(table, want)?;
        if let (Some(young), Some(most)) = (&want.young, most)
            && !self.are_more_than(table, want, young, most)?
        {
            return self.want_along(table, want, std::slice::from_ref(young), None);
        }
        match (&want.way, most) {
            (Way::Along(phases), most) => self.want_along(table, want, phases, most),
            (Way::Ranked(_), Some(most)) => self.want_ranked(table, want, most),
            (Way::Ranked(_), None) => self.want_ranked(table, want, u64::MAX),
        }
    }

    fn all_of_base(&mut self, table: &str) -> Result<()> {
        let statements = self.statements;
        let until = self.last_number(statements.names.name(Role::Base, table)?)?;
        let base = statements.names.name(Role::Base, table)?;
        self.walk_numbers(base, 0, until, |engine, range| {
            engine.add(Role::Keys, table, &statements.all_of_base(table, range)?).map(|_| ())
        })
    }

    /// How many rows are wanted at most; none: all that pass.
    fn most(&mut self, table: &str, want: &Want) -> Result<Option<u64>> {
        if want.limit.percent.is_none() {
            return Ok(want.limit.max_rows);
        }
        let statements = self.statements;
        let restricted = statements.plan.table(table)?;
        let walk = Walk::over(&restricted.table, statements.rows_of(table)?, &restricted.walk)?;
        let mut passing = 0;
        self.walk(walk, |engine, range| {
            passing += engine.number(&statements.count(table, want, range)?)?;
            Ok(false)
        })?;
        Ok(Some(want.limit.wanted_rows(passing)))
    }

    /// Whether more than `most` rows lie in a part of an index; reads no more than that many entries.
    fn are_more_than(&mut self, table: &str, want: &Want, part: &Phase, most: u64) -> Result<bool> {
        let mut select = self.statements.wanted_bound(table, want, part, Range::default())?;
        select.list = ["1"].into();
        (select.limit, select.offset) = (Some(1), most);
        Ok(self.number(&select)? > 0)
    }

    fn want_along(&mut self, table: &str, want: &Want, phases: &[Phase], most: Option<u64>) -> Result<()> {
        let statements = self.statements;
        let structure = &statements.plan.table(table)?.table;
        let mut left = most;
        for phase in phases {
            if left == Some(0) {
                break;
            }
            let bounds = statements.wanted_bound(table, want, phase, Range::default())?;
            let mut walk = Walk::along(structure, bounds)?;
            if let Some(left) = left {
                walk.at_most(left);
            }
            self.walk(walk, |engine, range| {
                let statement = statements.wanted(table, want, phase, range, left)?;
                let added = engine.add(Role::Keys, table, &statement)?;
                left = left.map(|left| left.saturating_sub(added));
                Ok(left == Some(0))
            })?;
        }
        Ok(())
    }

    fn want_ranked(&mut self, table: &str, want: &Want, most: u64) -> Result<()> {
        if most == 0 {
            return Ok(());
        }
        let statements = self.statements;
        let restricted = statements.plan.table(table)?;
        let walk = Walk::over(&restricted.table, statements.rows_of(table)?, &restricted.walk)?;
        let form = order_form(restricted, want)?;
        let (mut worst, mut noted) = (None, 0);
        self.walk(walk, |engine, range| {
            let statement = statements.ranked(table, want, range, most, worst.as_deref())?;
            noted += engine.add(Role::Ranked, table, &statement)?;
            // Each time as many rows are noted as are wanted, fewer of those to come are good enough.
            if let Some(form) = form.filter(|_| noted >= most) {
                noted = 0;
                worst = engine.worst(table, want, most, form)?.or(worst.take());
            }
            Ok(false)
        })?;
        self.add(Role::Keys, table, &statements.best(table, want, most)?).map(|_| ())
    }

    /// A value behind which no row can be wanted any more; none as long as too few are noted.
    fn worst(&mut self, table: &str, want: &Want, most: u64, form: Form) -> Result<Option<String>> {
        let select = self.statements.worst(table, want, most)?;
        self.check()?;
        let Some(cells) = self.writer.position(&select)? else { return Ok(None) };
        let worst = bound(&[form], cells.iter().map(|cell| Some(cell.as_slice())))?;
        Ok(worst.0.into_iter().next())
    }
}

/// How values of the order's first column are written; none where that would not compare as the column sorts.
fn order_form(restricted: &Restricted, want: &Want) -> Result<Option<Form>> {
    let first = want.ranked_by().and_then(|order| order.first());
    let column = first.and_then(|name| restricted.table.column(name));
    column.filter(|column| sorts_as_it_compares(column)).map(Form::of).transpose()
}
