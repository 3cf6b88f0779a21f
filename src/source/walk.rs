//! Working rows in ranges: each found by one short read, small enough that nobody waits long for what is done with it.

use crate::error::{Error, Kind, Result};
use crate::plan::run::ROW_NUMBER_COLUMN;
use crate::schema::Table;
use crate::source::reader::Pace;
use crate::sql::literal::Form;
use crate::sql::select::{Bound, Range, Select, WalkKey};
use crate::sql::{Ident, TableName};
use std::time::{Duration, Instant};

/// How long the `INSERT … SELECT` of one range should take; nobody who alters the table waits longer.
const COPY_GOAL: Duration = Duration::from_millis(80);
/// Most rows of one range.
const COPY_ROWS_MAX: u64 = 20_000;

/// What a row of a list counts for when the first range is cut.
const LIST_ROW_BYTES: u64 = 100;

/// A connection that finds the ends of ranges.
pub(super) trait Positions {
    /// The key cells of the one row that `select` gives, if there is one.
    fn position(&mut self, select: &Select) -> Result<Option<Vec<Vec<u8>>>>;
}

/// Who works rows in ranges, over a connection, as long as the work is wanted.
pub(super) trait Walker {
    /// What finds the ends of ranges.
    type Conn: Positions;

    /// How long the work on one range should take.
    const GOAL: Duration = COPY_GOAL;

    /// The connection.
    fn conn(&mut self) -> &mut Self::Conn;

    /// Asked before each statement: refuses when the work is not wanted any more.
    fn check(&mut self) -> Result<()>;

    /// Works `walk` range by range, until `work` says that it is enough.
    fn walk(&mut self, mut walk: Walk, mut work: impl FnMut(&mut Self, Range) -> Result<bool>) -> Result<()> {
        walk.pace.aim_at(Self::GOAL);
        self.check()?;
        while let Some(range) = walk.next(self.conn())? {
            let enough = work(self, range)?;
            walk.worked();
            if enough {
                break;
            }
            self.check()?;
        }
        Ok(())
    }
}

/// Refuses when `go_on` says no.
pub(super) fn check(go_on: &mut dyn FnMut() -> bool) -> Result<()> {
    if go_on() { Ok(()) } else { Err(Error::new(Kind::Busy, "the run has ended")) }
}

/// Rows that are worked in ranges, and how far they are.
#[derive(Debug)]
pub(super) struct Walk {
    bounds: Select,
    forms: Vec<Form>,
    pace: Pace,
    after: Option<Bound>,
    until: Option<Bound>,
    begun: Instant,
    /// Whether what is left is one range, so that its end need not be looked for.
    at_once: bool,
    finished: bool,
}

impl Walk {
    /// A walk over all rows of `from`, whose structure is `table`.
    pub fn over(table: &Table, from: TableName, key: &WalkKey) -> Result<Self> {
        let list = key.columns.iter().map(|name| Ident::new(name.as_str()).to_string()).collect();
        Self::along(table, Select::step(from, list, key, Range::default(), 1))
    }

    /// A walk along the key of `bounds`, whose SELECT list is the key's columns.
    pub fn along(table: &Table, bounds: Select) -> Result<Self> {
        let key = bounds.walk.as_ref().map(|(key, _)| key.clone());
        let key = key.ok_or_else(|| Error::internal("a walk without a key"))?;
        let forms = key_forms(table, &key)?;
        let pace = Pace::new(table.row_count, table.bytes, COPY_ROWS_MAX, COPY_GOAL);
        Ok(Self::new(bounds, forms, pace))
    }

    /// A walk over a list of numbered rows, behind number `after` up to `until`.
    pub fn numbers(list: TableName, after: u64, until: u64) -> Self {
        let bounds = Select::step(list, [number_column()].into(), &number_key(), Range::default(), 1);
        let number = |number: u64| Some(Bound(vec![number.to_string()]));
        let pace = Pace::new(1, LIST_ROW_BYTES, COPY_ROWS_MAX, COPY_GOAL);
        // Levels of a deep tree have few rows each.
        let at_once = until.saturating_sub(after) <= pace.rows();
        let walk = Self::new(bounds, vec![Form::Number], pace);
        Self { after: number(after), until: number(until), at_once, finished: until <= after, ..walk }
    }

    fn new(bounds: Select, forms: Vec<Form>, pace: Pace) -> Self {
        let begun = Instant::now();
        Self { bounds, forms, pace, after: None, until: None, begun, at_once: false, finished: false }
    }

    /// Begins with ranges so small that they stand for about as many rows as usual, where each row leads to `weight`
    /// others.
    pub fn with_weight(self, weight: u64) -> Self {
        let pace = Pace::new(1, weight.max(1).saturating_mul(LIST_ROW_BYTES), COPY_ROWS_MAX, COPY_GOAL);
        Self { pace, at_once: false, ..self }
    }

    /// Begins with ranges as for rows of `table`, which are read whole.
    pub fn with_rows_of(self, table: &Table) -> Self {
        let pace = Pace::new(table.row_count, table.bytes, COPY_ROWS_MAX, COPY_GOAL);
        Self { pace, at_once: false, ..self }
    }

    /// Makes no range larger than `rows`.
    pub fn at_most(&mut self, rows: u64) {
        self.pace.at_most(rows);
    }

    /// The next range; none at the end. Found on the rows that are walked, whatever becomes of them elsewhere.
    pub fn next(&mut self, conn: &mut impl Positions) -> Result<Option<Range>> {
        if self.finished {
            return Ok(None);
        }
        self.begun = Instant::now();
        let mut select = self.bounds.clone();
        if let Some((_, range)) = &mut select.walk {
            *range = Range { after: self.after.clone(), up_to: self.until.clone() };
        }
        select.limit = Some(1);
        select.offset = self.pace.rows().saturating_sub(1);
        let position = if self.at_once { None } else { conn.position(&select)? };
        let up_to = match position {
            Some(cells) => Some(bound(&self.forms, cells.iter().map(|cell| Some(cell.as_slice())))?),
            None => {
                self.finished = true;
                self.until.clone()
            }
        };
        Ok(Some(Range { after: std::mem::replace(&mut self.after, up_to.clone()), up_to }))
    }

    /// Learns how long the range took that [`Walk::next`] gave.
    pub fn worked(&mut self) {
        self.pace.learn(self.begun);
    }
}

/// The key of lists whose rows are numbered.
fn number_key() -> WalkKey {
    WalkKey { index: "PRIMARY".to_owned(), columns: vec![ROW_NUMBER_COLUMN.to_owned()] }
}

fn number_column() -> String {
    Ident::new(ROW_NUMBER_COLUMN).to_string()
}

/// Reads the greatest number of a list.
pub(super) fn last_number(list: TableName) -> Select {
    let last = Select::step(list, [number_column()].into(), &number_key(), Range::default(), 1);
    Select { descending: true, ..last }
}

/// How the key's columns are written as literals.
pub fn key_forms(table: &Table, key: &WalkKey) -> Result<Vec<Form>> {
    key.columns
        .iter()
        .map(|name| {
            let column = table
                .column(name)
                .ok_or_else(|| Error::internal(format!("key column `{name}` is missing")))?;
            Form::of(column)
        })
        .collect()
}

/// A position from the key cells of a row.
pub fn bound<'a>(forms: &[Form], cells: impl Iterator<Item = Option<&'a [u8]>>) -> Result<Bound> {
    let mut literals = Vec::with_capacity(forms.len());
    for (form, cell) in forms.iter().zip(cells) {
        let mut literal = Vec::new();
        form.write(cell, &mut literal)?;
        literals.push(String::from_utf8(literal).map_err(|_| Error::internal("a literal is not UTF-8"))?);
    }
    Ok(Bound(literals))
}
