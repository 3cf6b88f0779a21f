//! The steps in which a table is read: each a short `SELECT` of the rows behind the last one.

use crate::db::RowCells;
use crate::error::Result;
use crate::plan::run::TablePlan;
use crate::source::reader::{Pace, READ_GOAL, Reader};
use crate::source::select::subset::{Piece, Reading};
use crate::source::{bound, key_forms};
use crate::sql::literal::Form;
use crate::sql::select::{Range, Select, WalkKey};
use crate::sql::{Ident, List, TableName};
use std::time::Instant;

/// Most rows of one step.
const STEP_ROWS_MAX: u64 = 50_000;

/// Where a walk along a table's key stands.
pub(super) struct Steps {
    from: TableName,
    key: WalkKey,
    forms: Vec<Form>,
    /// Positions of the key's columns in the SELECT list.
    cells: Vec<usize>,
    /// Which rows of a step are wanted; all without it.
    conditions: Vec<String>,
    range: Range,
    pace: Pace,
    begun: Instant,
}

/// One step.
pub(super) struct Step {
    /// What to read.
    pub(super) select: Select,
    /// How many rows there are if others follow; none: it is known whether they do.
    full: Option<u64>,
}

impl Steps {
    /// All steps of `from`. Key columns that are not sent as they are, which `cell` says, are read as well, behind those
    /// that are sent.
    pub(super) fn new(
        from: TableName,
        key: WalkKey,
        plan: &TablePlan,
        cell: impl Fn(&str) -> Option<usize>,
        conditions: Vec<String>,
        list: &mut List,
    ) -> Result<Self> {
        let mut cells = Vec::with_capacity(key.columns.len());
        let mut forms = Vec::with_capacity(key.columns.len());
        for name in &key.columns {
            let sent = cell(name);
            cells.push(sent.unwrap_or(list.len()));
            if sent.is_none() {
                list.push(Ident::new(name.as_str()).to_string());
            }
        }
        if plan.table.column(&key.columns[0]).is_some() {
            forms = key_forms(&plan.table, &key)?;
        } else {
            // The number that a copy was given.
            forms.push(Form::Number);
        }
        let pace = Pace::new(plan.table.row_count, plan.table.bytes, STEP_ROWS_MAX, READ_GOAL);
        let (range, begun) = (Range::default(), Instant::now());
        Ok(Self { from, key, forms, cells, conditions, range, pace, begun })
    }

    /// The next step. Where only some rows are wanted its end is looked for first, whatever they are: so many wanted rows
    /// could be far apart, and one statement would read for minutes.
    pub(super) fn next(&mut self, reader: &mut Reader, list: &List) -> Result<Step> {
        self.begun = Instant::now();
        let rows = self.pace.rows();
        let (from, range) = (self.from.clone(), self.range.clone());
        if self.conditions.is_empty() {
            let select = Select::step(from, list.clone(), &self.key, range, rows);
            return Ok(Step { select, full: Some(rows) });
        }
        let key = self.key.columns.iter().map(|name| Ident::new(name.as_str()).to_string()).collect();
        let ends = Select::step(from.clone(), key, &self.key, range, 1);
        let end = reader.position(&Select { offset: rows - 1, ..ends })?;
        self.range.up_to = match end {
            Some(cells) => Some(bound(&self.forms, cells.iter().map(|cell| Some(cell.as_slice())))?),
            None => None,
        };
        let walk = Some((self.key.clone(), self.range.clone()));
        let select = Select { walk, conditions: self.conditions.clone(), ..Select::all(from, list.clone()) };
        Ok(Step { select, full: None })
    }

    /// Goes on behind the step, which had so many rows; says whether there may be more.
    pub(super) fn go_on(&mut self, step: &Step, rows: u64, last: Option<&impl RowCells>) -> Result<bool> {
        self.pace.learn(self.begun);
        let Some(full) = step.full else {
            let more = self.range.up_to.is_some();
            self.range = Range { after: self.range.up_to.take(), up_to: None };
            return Ok(more);
        };
        if let Some(row) = last {
            let after = bound(&self.forms, self.cells.iter().map(|cell| row.cell(*cell)))?;
            self.range = Range { after: Some(after), up_to: None };
        }
        Ok(rows == full)
    }
}

/// Where the reading of a restricted table's kept rows stands.
pub(super) struct KeptSteps<'a> {
    reading: Reading<'a>,
    pace: Pace,
    begun: Instant,
}

impl<'a> KeptSteps<'a> {
    pub(super) fn new(reading: Reading<'a>, plan: &TablePlan) -> Self {
        let pace = Pace::new(plan.table.row_count, plan.table.bytes, STEP_ROWS_MAX, READ_GOAL);
        Self { reading, pace, begun: Instant::now() }
    }

    /// The next piece; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'a>>> {
        self.begun = Instant::now();
        self.reading.next(self.pace.rows())
    }

    /// The piece was read.
    pub(super) fn worked(&mut self) {
        self.pace.learn(self.begun);
    }
}
