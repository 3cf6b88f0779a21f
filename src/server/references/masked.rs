//! Rows that are named by masks. No index leads from a mask to its row, so the table's key is walked at the source in
//! short reads, and masked on the way: once for many rows, and only when some lack their parents.

use crate::db::RowCells;
use crate::error::{Error, Result};
use crate::plan::run::TablePlan;
use crate::source::reader::{Pace, READ_GOAL, Reader};
use crate::source::{bound, key_forms};
use crate::sql::select::{Bound, Range, Select, column_of};
use crate::sql::{List, TableName};
use std::time::Instant;

/// Most rows of one read.
const ROWS_MAX: u64 = 20_000;

/// A table whose rows are all looked at.
pub(super) struct Walk<'a> {
    /// The table.
    pub(super) plan: &'a TablePlan,
    /// Its database.
    pub(super) database: &'a str,
    /// What it is called in the expressions.
    pub(super) alias: &'a str,
    /// What is read of each row: expressions.
    pub(super) list: List,
}

impl Walk<'_> {
    /// The keys of those rows whose cells, in the order of the list, `is_wanted`, and what that makes of them. The source
    /// is asked again and again, each time after `go_on` has let it.
    pub(super) fn collect<T>(
        self,
        reader: &mut Reader,
        go_on: impl Fn() -> Result<()>,
        wanted: impl Fn(&[Option<&[u8]>], Bound) -> Option<T>,
    ) -> Result<Vec<T>> {
        let Self { plan, database, alias, mut list } = self;
        let key =
            plan.walk.as_ref().ok_or_else(|| Error::internal("a table without a key was to be walked"))?;
        let forms = key_forms(&plan.table, key)?;
        let cells = list.len();
        list.extend(key.columns.iter().map(|name| column_of(Some(alias), name)));
        let from = TableName::qualified(database, plan.table.name.as_str());
        let mut pace = Pace::new(plan.table.row_count, plan.table.bytes, ROWS_MAX, READ_GOAL);
        let (mut found, mut range) = (Vec::new(), Range::default());
        loop {
            go_on()?;
            let begun = Instant::now();
            let step = Select::step(from.clone(), list.clone(), key, range.clone(), pace.rows());
            let step = Select { alias: Some(alias.to_owned()), ..step };
            let (here, last, rows) = reader.look_up_alone(&step, |result| {
                let (mut here, mut last, mut rows) = (Vec::new(), None, 0);
                while let Some(row) = result.next_row()? {
                    let position = bound(&forms, (cells..list.len()).map(|at| row.cell(at)))?;
                    let listed: Vec<Option<&[u8]>> = (0..cells).map(|at| row.cell(at)).collect();
                    here.extend(wanted(&listed, position.clone()));
                    last = Some(position);
                    rows += 1;
                }
                Ok((here, last, rows))
            })?;
            found.extend(here);
            if last.is_none() || rows < pace.rows() {
                return Ok(found);
            }
            range.after = last;
            pace.learn(begun);
        }
    }
}
