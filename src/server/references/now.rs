//! Looks rows up at the source: plain `SELECT`s over a few hundred rows each, by index on both sides. What is masked is
//! read by its mask, so that it compares with what was delivered.

use super::masked::Walk;
use super::sweep::{Candidate, Cells, Found, LOOKUP_ROWS, Now, Parent};
use crate::db::RowCells;
use crate::error::{Context, Result};
use crate::plan::checked::{Checked, Checks, Compared, Key};
use crate::plan::run::TablePlan;
use crate::plan::sanitize::{Refs, TableMasks};
use crate::plan::select_list;
use crate::plan::times::Times;
use crate::server::run::Run;
use crate::source::bound;
use crate::source::masking::Masking;
use crate::source::reader::Reader;
use crate::sql::literal::Form;
use crate::sql::lookup::Lookup;
use crate::sql::select::{Bound, Select, column_of};
use crate::sql::{Expr, Ident, List, TableName};
use crate::wire::moment::Moment;
use std::collections::HashSet;

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

    fn reader(&mut self) -> Result<&mut Reader> {
        match &mut self.reader {
            Some(reader) => Ok(reader),
            none => {
                let mut reader = (self.open)()?;
                let with_key = |masks: &&TableMasks| masks.key().is_some();
                // One key makes all masks of a run.
                if let Some(masks) =
                    self.run.tables.iter().filter_map(|plan| plan.masks.as_ref()).find(with_key)
                {
                    reader.prepare(Masking::of(masks))?;
                }
                Ok(none.insert(reader))
            }
        }
    }

    fn go_on(run: &Run) -> Result<()> {
        if run.is_cancelled() { Err(Run::cancelled_error()) } else { Ok(()) }
    }

    /// What names these rows at the source; rows that are gone are left out.
    fn names(&mut self, checked: &Checked, rows: &[Candidate]) -> Result<Vec<Bound>> {
        let plan = &self.run.tables[checked.child];
        if !checked.named_by_masks {
            return rows.iter().map(|row| literals(plan, &checked.identity, &row.identity)).collect();
        }
        let list = checked.identity.iter().map(|at| expression("c", plan, *at)).collect::<Result<_>>()?;
        let masks: HashSet<&Cells> = rows.iter().map(|row| &row.identity).collect();
        let (run, database) = (self.run, self.database);
        Walk { plan, database, alias: "c", list }.collect(
            self.reader()?,
            || Self::go_on(run),
            |cells, name| masks.contains(&owned(cells)?).then_some(name),
        )
    }

    fn find_by(&mut self, checked: &Checked, names: &[Bound]) -> Result<Vec<Found>> {
        Self::go_on(self.run)?;
        let checks = self.run.references.checks();
        let lookup = lookup(&self.run.tables, checks, self.database, checked, names)?;
        let (identity, referencing) = (checked.identity.len(), checked.cells.len());
        // The list of `lookup`: the row's own cells, its parent's, whether that is an earlier one, the row's times.
        let parent = identity + referencing;
        let earlier = parent + referencing;
        self.reader()?.look_up(&lookup, |result| {
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
    }

    /// The keys of the parents of these values that are older than the delta, where values are masks.
    fn earlier_masked(&mut self, checked: &Checked, values: &[Cells]) -> Result<Vec<Cells>> {
        let checks = self.run.references.checks();
        let key = &checks.keys[checked.key];
        let plan = &self.run.tables[key.table];
        // Without a key to walk each child is asked for its own parent.
        let (Some(since), Some(_)) = (&plan.since, &plan.walk) else { return Ok(Vec::new()) };
        let mut list: List = key_expressions(checks, key, plan)?.into_iter().collect();
        list.push(format!("NOT ({})", since.condition(Some("p"))));
        let values: HashSet<&Cells> = values.iter().collect();
        let (run, database) = (self.run, self.database);
        let is_wanted = |cells: &[Option<&[u8]>]| {
            let (earlier, key) = cells.split_last()?;
            let key = owned(key)?;
            (*earlier == Some(b"1") && values.contains(&key)).then_some(key)
        };
        Walk { plan, database, alias: "p", list }.collect(
            self.reader()?,
            || Self::go_on(run),
            |cells, _| is_wanted(cells),
        )
    }
}

fn owned(cells: &[Option<&[u8]>]) -> Option<Cells> {
    cells.iter().map(|cell| cell.map(<[u8]>::to_vec)).collect()
}

impl<F: FnMut() -> Result<Reader>> Now for Source<'_, F> {
    fn find(&mut self, checked: &Checked, rows: &[Candidate]) -> Result<Vec<Found>> {
        let context = || format!("looking for parents of rows of table `{}`", checked.reference.table);
        let mut found = Vec::new();
        for names in self.names(checked, rows).context(context)?.chunks(LOOKUP_ROWS) {
            found.extend(self.find_by(checked, names).context(context)?);
        }
        Ok(found)
    }

    fn earlier(&mut self, checked: &Checked, values: &[Cells]) -> Result<Vec<Cells>> {
        Self::go_on(self.run)?;
        let context = || format!("looking for earlier rows of table `{}`", checked.reference.references);
        if checked.masked {
            return self.earlier_masked(checked, values).context(context);
        }
        let checks = self.run.references.checks();
        let Some(select) = select_earlier(&self.run.tables, checks, self.database, checked, values)? else {
            return Ok(Vec::new());
        };
        self.reader()?
            .look_up_alone(&select, |result| {
                let mut found = Vec::new();
                while let Some(row) = result.next_row()? {
                    let key = (0..select.list.len()).map(|at| row.cell(at).map(<[u8]>::to_vec));
                    found.extend(key.collect::<Option<Cells>>());
                }
                Ok(found)
            })
            .context(context)
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
    rows: &[Bound],
) -> Result<Lookup> {
    let plan = &tables[checked.child];
    let key = &checks.keys[checked.key];
    let name = |table: &str| TableName::qualified(database, table);
    let names = |plan: &TablePlan, cells: &[usize]| -> Vec<String> {
        cells.iter().map(|at| plan.columns[*at].0.clone()).collect()
    };
    let reference = &checked.reference;
    let child = checked.identity.iter().chain(&checked.cells).map(|at| expression("c", plan, *at));
    let child = child.collect::<Result<Vec<_>>>()?;
    let parent_plan = &tables[key.table];
    let parent = key_expressions(checks, key, parent_plan)?;
    let earlier = match &parent_plan.since {
        Some(since) => format!("NOT ({})", since.condition(Some("p"))),
        None => "0".to_owned(),
    };
    let times = plan.times.iter().flat_map(Times::columns);
    let times = times.map(|column| format!("c.{}", Ident::new(column.name.as_str())));
    let beside = std::iter::once(earlier).chain(times).map(Expr::from);
    Ok(Lookup {
        child: name(&reference.table),
        index: checked.index.clone(),
        parent: name(&reference.references),
        join: reference.columns.iter().cloned().zip(reference.referenced_columns.iter().cloned()).collect(),
        list: child.into_iter().chain(parent).chain(beside).collect(),
        identity: names(plan, &checked.identity),
        rows: rows.to_vec(),
        when: reference.when.clone(),
    })
}

/// Those parents of these values that are older than the delta; none if there is no delta.
fn select_earlier(
    tables: &[TablePlan],
    checks: &Checks,
    database: &str,
    checked: &Checked,
    values: &[Cells],
) -> Result<Option<Select>> {
    let key = &checks.keys[checked.key];
    let (child, parent) = (&tables[checked.child], &tables[key.table]);
    let Some(since) = &parent.since else { return Ok(None) };
    let columns = &checked.reference.referenced_columns;
    let is_value = |value: &Cells| {
        let literals = literals(child, &checked.cells, value)?;
        let equal = columns.iter().zip(&literals.0);
        let terms: Vec<String> =
            equal.map(|(column, literal)| format!("{} = {literal}", column_of(Some("p"), column))).collect();
        Ok(format!("({})", terms.join(" AND ")))
    };
    let values: Vec<String> = values.iter().map(is_value).collect::<Result<_>>()?;
    let from = TableName::qualified(database, parent.table.name.as_str());
    let all = Select::all(from, key_expressions(checks, key, parent)?.into_iter().collect());
    let earlier = format!("NOT ({})", since.condition(Some("p")));
    let conditions = vec![values.join(" OR "), earlier];
    Ok(Some(Select { alias: Some("p".to_owned()), conditions, ..all }))
}

/// Cells of these columns as literals.
fn literals(plan: &TablePlan, columns: &[usize], cells: &[Vec<u8>]) -> Result<Bound> {
    let forms: Vec<Form> = columns.iter().map(|at| plan.columns[*at].1).collect();
    bound(&forms, cells.iter().map(|cell| Some(cell.as_slice())))
}

/// By what a parent's key is compared, of the table called `p`.
fn key_expressions(checks: &Checks, key: &Key, plan: &TablePlan) -> Result<Vec<Expr>> {
    let expressions = key.compared.iter().map(|part| match part {
        Compared::Cell(column, _) => expression("p", plan, *column),
        Compared::SortKey(at) => {
            let key = checks.sort_keys[*at];
            let name = Ident::new(plan.columns[key.column].0.as_str());
            Ok(key.expression(&format!("p.{name}")).into())
        }
    });
    expressions.collect()
}

/// The column as it is in frames, so that cells compare.
fn expression(alias: &str, plan: &TablePlan, at: usize) -> Result<Expr> {
    select_list::item(plan, &plan.columns[at].0, Refs::Of(&Ident::new(alias)))
}
