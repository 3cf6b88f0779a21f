//! Looks rows up at the source: plain `SELECT`s over a few hundred rows each, by index on both sides.

use super::sweep::{Candidate, Cells, Found, Now, Parent};
use crate::db::RowCells;
use crate::error::{Context, Error, Result};
use crate::plan::checked::{Checked, Checks, Compared};
use crate::plan::run::TablePlan;
use crate::plan::times::Times;
use crate::server::run::Run;
use crate::source::reader::Reader;
use crate::sql::literal::Form;
use crate::sql::lookup::Lookup;
use crate::sql::select::Bound;
use crate::sql::{Ident, TableName};
use crate::wire::moment::Moment;

/// The source of a run. Its connection is made when the first row is looked up.
pub(super) struct Source<'a, F: FnMut() -> Result<Reader>> {
    run: &'a Run,
    database: &'a str,
    open: F,
    reader: Option<Reader>,
}

impl<'a, F: FnMut() -> Result<Reader>> Source<'a, F> {
    /// `open` makes a connection.
    pub(super) fn new(run: &'a Run, database: &'a str, open: F) -> Self {
        Self { run, database, open, reader: None }
    }
}

impl<F: FnMut() -> Result<Reader>> Now for Source<'_, F> {
    fn find(&mut self, checked: &Checked, rows: &[Candidate]) -> Result<Vec<Found>> {
        if self.run.is_cancelled() {
            return Err(Run::cancelled_error());
        }
        let lookup = lookup(&self.run.tables, self.run.references.checks(), self.database, checked, rows)?;
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert((self.open)()?),
        };
        let (identity, referencing) = (checked.identity.len(), checked.cells.len());
        // The list of `lookup`: the row's own cells, its parent's, whether that is an earlier one, the row's times.
        let parent = identity + referencing;
        let earlier = parent + referencing;
        reader
            .look_up(&lookup, |result| {
                let mut found = Vec::new();
                while let Some(row) = result.next_row()? {
                    let cells = |from: usize, len: usize| -> Option<Cells> {
                        (from..from + len).map(|at| row.cell(at).map(<[u8]>::to_vec)).collect()
                    };
                    let Some(own) = cells(0, identity) else { continue };
                    let key = cells(parent, referencing);
                    found.push(Found {
                        identity: own,
                        // A row with NULL in it references nothing.
                        referencing: cells(identity, referencing),
                        parent: key.map(|key| Parent { key, is_earlier: row.cell(earlier) == Some(b"1") }),
                        moment: moment(row.cell(earlier + 1), row.cell(earlier + 2)),
                    });
                }
                Ok(found)
            })
            .context(|| format!("looking for parents of rows of table `{}`", checked.reference.table))
    }
}

/// From when on a delta has a row of these times: until the later one, a zero date being none. With NULL every delta has
/// it; so it has where both are zero.
fn moment(created: Option<&[u8]>, updated: Option<&[u8]>) -> Option<Moment> {
    std::str::from_utf8(created?.max(updated?)).ok()?.parse().ok()
}

fn lookup(
    tables: &[TablePlan],
    checks: &Checks,
    database: &str,
    checked: &Checked,
    rows: &[Candidate],
) -> Result<Lookup> {
    let plan = &tables[checked.child];
    let key = &checks.keys[checked.key];
    let name = |table: &str| TableName::qualified(database, table);
    let names = |plan: &TablePlan, cells: &[usize]| -> Vec<String> {
        cells.iter().map(|at| plan.columns[*at].0.clone()).collect()
    };
    let forms: Vec<Form> = checked.identity.iter().map(|at| plan.columns[*at].1).collect();
    let literals = |row: &Candidate| {
        let mut bound = Vec::with_capacity(forms.len());
        for (form, cell) in forms.iter().zip(&row.identity) {
            let mut literal = Vec::new();
            form.write(Some(cell), &mut literal)?;
            bound.push(String::from_utf8(literal).map_err(|_| Error::internal("a literal is not UTF-8"))?);
        }
        Ok(Bound(bound))
    };
    let reference = &checked.reference;
    let child = checked.identity.iter().chain(&checked.cells).map(|at| expression("c", plan, *at));
    let child = child.collect::<Result<Vec<_>>>()?;
    let parent_plan = &tables[key.table];
    let parent = key.compared.iter().map(|part| match part {
        Compared::Cell(column, _) => expression("p", parent_plan, *column),
        Compared::SortKey(at) => {
            let key = checks.sort_keys[*at];
            let name = Ident::new(parent_plan.columns[key.column].0.as_str());
            Ok(key.expression(&format!("p.{name}")))
        }
    });
    let parent = parent.collect::<Result<Vec<_>>>()?;
    let earlier = match &parent_plan.since {
        Some(since) => format!("NOT ({})", since.condition(Some("p"))),
        None => "0".to_owned(),
    };
    let times = plan.times.iter().flat_map(Times::columns);
    let times = times.map(|column| format!("c.{}", Ident::new(column.name.as_str())));
    let beside = std::iter::once(earlier).chain(times);
    Ok(Lookup {
        child: name(&reference.table),
        index: checked.index.clone(),
        parent: name(&reference.references),
        join: reference.columns.iter().cloned().zip(reference.referenced_columns.iter().cloned()).collect(),
        list: child.into_iter().chain(parent).chain(beside).collect(),
        identity: names(plan, &checked.identity),
        rows: rows.iter().map(literals).collect::<Result<_>>()?,
        when: reference.when.clone(),
    })
}

/// The column as it was read into frames, so that cells compare.
fn expression(alias: &str, plan: &TablePlan, at: usize) -> Result<String> {
    let name = &plan.columns[at].0;
    let column = plan.table.column(name);
    let column = column.ok_or_else(|| Error::internal(format!("column `{name}` is missing")))?;
    Ok(format!("{alias}.{}", Form::select_expression(column)))
}
