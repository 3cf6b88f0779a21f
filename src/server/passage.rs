//! What every row of a table passes on its way into a batch: the proof that it is masked, the leak check, and those who
//! remember something of it.

use crate::db::RowCells;
use crate::error::{Error, Kind, Result};
use crate::plan::run::TablePlan;
use crate::plan::subset::row_alias;
use crate::server::checkpoint::{Begun, Passed};
use crate::server::dumpable::Dumpable;
use crate::server::encode::limits;
use crate::server::leak::TableCheck;
use crate::server::proof::Proof;
use crate::server::references::Recorder;
use crate::server::run::Run;
use crate::sql::List;
use crate::sql::insert::{Batch, InsertBatch, RowError, TooLarge, Verb};
use crate::wire::moment::Moment;

/// The way of one table's rows.
pub(super) struct Passage<'a> {
    plan: &'a TablePlan,
    proof: Proof,
    leak: Option<TableCheck<'a>>,
    recorder: Recorder<'a>,
    passed: Option<Passed>,
    batch: InsertBatch,
}

impl<'a> Passage<'a> {
    /// No row has passed yet; adds what is needed of each beside what is sent to the SELECT list.
    pub(super) fn new(
        what: &Dumpable<'_>,
        run: &'a Run,
        at: usize,
        begun: Begun,
        list: &mut List,
    ) -> Result<Self> {
        let plan = &run.tables[at];
        let verb = if plan.since.is_some() { Verb::Replace } else { Verb::Insert };
        Ok(Self {
            plan,
            proof: Proof::new(what.forbidden(), plan, list),
            leak: run.leak.as_ref().map(|check| check.table(plan)).transpose()?,
            passed: plan.times.as_ref().map(|times| Passed::new(begun, plan, times, list)),
            recorder: Recorder::new(&run.references, at, &plan.columns, what.refs(&row_alias()), list),
            batch: InsertBatch::new(verb, &plan.table.name, &plan.columns, limits(run.batch)),
        })
    }

    /// Lets a row pass; gives a batch that is full.
    ///
    /// # Errors
    /// `Integrity` for a row that is not masked, and for one that no statement can hold.
    pub(super) fn row(&mut self, row: &mysql::Row) -> Result<Option<Batch>> {
        self.proof.row(row)?;
        self.recorder.row(row)?;
        self.passed.iter_mut().for_each(|passed| passed.row(row));
        if !self.leak.as_mut().is_none_or(|leak| leak.row(row)) {
            return Ok(None);
        }
        self.batch.push(|at| row.cell(at)).map_err(|error| match error {
            RowError::TooLarge { bytes, most } => too_large(self.plan, row, bytes, most),
            RowError::Cell(error) => error,
        })
    }

    /// The rows that have not filled a batch.
    pub(super) fn rest(&mut self) -> Option<Batch> {
        self.batch.finish()
    }

    /// Whether the rows so far were masked.
    ///
    /// # Errors
    /// `Integrity` when they were not.
    pub(super) fn check_masks(&self) -> Result<()> {
        self.proof.check()
    }

    /// Whether the leak check has found nothing so far. What was found is counted to the end of the table, and nothing
    /// is sealed any more.
    pub(super) fn is_clean(&self) -> bool {
        self.leak.as_ref().is_none_or(TableCheck::is_clean)
    }

    /// All rows have passed.
    ///
    /// # Errors
    /// `Integrity` with what the leak check found.
    pub(super) fn check_leak(&mut self) -> Result<()> {
        self.leak.as_mut().map_or(Ok(()), TableCheck::finish)
    }

    /// No more rows pass than those that did, if the leak check has found something in them.
    ///
    /// # Errors
    /// `Integrity` with what it found so far.
    pub(super) fn check_leak_so_far(&self) -> Result<()> {
        self.leak.as_ref().map_or(Ok(()), TableCheck::so_far)
    }

    /// How far the rows prove that the table was read.
    pub(super) fn checkpoint(&self) -> Option<Moment> {
        self.passed.as_ref().and_then(Passed::checkpoint)
    }

    /// The table is read to its end.
    ///
    /// # Errors
    /// `Internal` when what is remembered cannot be kept.
    pub(super) fn finish(self) -> Result<()> {
        self.proof.finish();
        self.recorder.finish()
    }
}

/// Names the row as far as its key is no personal data: a number that the database made.
fn too_large(plan: &TablePlan, row: &mysql::Row, bytes: usize, most: usize) -> Error {
    let key = plan.walk.as_ref().map(|walk| walk.columns.clone()).unwrap_or_default();
    let which = match key.as_slice() {
        [name] if plan.table.column(name).is_some_and(crate::schema::Column::is_integer) => {
            let at = plan.columns.iter().position(|(column, _)| column == name);
            let value = at.and_then(|at| row.cell(at)).map(|cell| String::from_utf8_lossy(cell).into_owned());
            format!("the row with {name} = {}", value.unwrap_or_default())
        }
        [] => "a row".to_owned(),
        names => format!("a row (key: {})", names.join(", ")),
    };
    Error::new(
        Kind::Integrity,
        format!(
            "{which} of table `{}` takes {bytes} bytes or more as a statement, and the target's max_allowed_packet has \
             room for {most}",
            plan.table.name
        ),
    )
    .hint("raise max_allowed_packet on the target, or exclude the table")
    .source(TooLarge)
}
