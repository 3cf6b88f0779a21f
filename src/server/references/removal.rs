//! Rows that go, as chunks behind all others of their table.

use super::sweep::Removals;
use crate::error::{Context, Error, Result};
use crate::plan::checked::Checked;
use crate::server::encode::limits;
use crate::server::run::Run;
use crate::sql::insert::{Batch, InsertBatch, Verb};
use crate::sql::literal::Form;
use crate::wire::frame::{FrameId, Packer, Removes};
use crate::wire::moment::Moment;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// zstd's level: what goes is little.
const LEVEL: i32 = 1;

/// Collects rows that go and puts them into the run's chunks.
pub(super) struct TakenBack<'a> {
    run: &'a Arc<Run>,
    packer: Packer,
    /// By table.
    open: BTreeMap<usize, Open>,
}

/// A statement being filled.
struct Open {
    cells: Vec<usize>,
    columns: Vec<String>,
    batch: InsertBatch,
    /// How many rows each identity in the statement stands for.
    rows: VecDeque<u64>,
}

impl<'a> TakenBack<'a> {
    /// Nothing yet.
    ///
    /// # Errors
    /// `Internal` when zstd cannot be set up.
    pub(super) fn new(run: &'a Arc<Run>) -> Result<Self> {
        Ok(Self { run, packer: Packer::new(LEVEL)?, open: BTreeMap::new() })
    }

    /// Puts the rest into chunks.
    ///
    /// # Errors
    /// `Busy` when the run has ended; `Internal` when the spool cannot be written.
    pub(super) fn finish(mut self) -> Result<()> {
        let open = std::mem::take(&mut self.open);
        open.into_iter().try_for_each(|(table, open)| self.close(table, open))
    }

    fn close(&mut self, table: usize, mut open: Open) -> Result<()> {
        match open.batch.finish() {
            Some(batch) => self.add(table, &mut open, &batch),
            None => Ok(()),
        }
    }

    fn add(&mut self, table: usize, open: &mut Open, batch: &Batch) -> Result<()> {
        let identities = usize::try_from(batch.rows).unwrap_or(usize::MAX).min(open.rows.len());
        let removes = Removes { columns: open.columns.clone(), rows: open.rows.drain(..identities).sum() };
        let name = &self.run.tables[table].table.name;
        let id = FrameId { table: name, chunk: self.run.chunks(table), seq: 1 };
        let frame = self.packer.removal(id, &removes, &batch.sql).context(|| "encoding a removal")?;
        let mut chunk = self.run.spool.begin_chunk()?;
        chunk.wait_for_room(|| Ok(()))?;
        chunk.push(frame)?;
        self.run.add_chunk(table, chunk.seal());
        Ok(())
    }
}

impl Removals for TakenBack<'_> {
    fn remove(&mut self, checked: &Checked, identity: &[Vec<u8>], rows: u64) -> Result<()> {
        let table = checked.child;
        let mut open = match self.open.remove(&table) {
            Some(open) if open.cells == checked.identity => open,
            other => {
                if let Some(other) = other {
                    self.close(table, other)?;
                }
                Open::new(self.run, checked)
            }
        };
        open.rows.push_back(rows);
        let full = open.batch.push(|at| identity.get(at).map(Vec::as_slice)).map_err(Error::from)?;
        if let Some(batch) = full {
            self.add(table, &mut open, &batch)?;
        }
        self.open.insert(table, open);
        Ok(())
    }

    fn comes_again(&mut self, checked: &Checked, moment: Moment) {
        self.run.take_back(checked.child, moment);
    }
}

impl Open {
    fn new(run: &Run, checked: &Checked) -> Self {
        let plan = &run.tables[checked.child];
        let columns: Vec<(String, Form)> =
            checked.identity.iter().map(|at| plan.columns[*at].clone()).collect();
        Self {
            cells: checked.identity.clone(),
            batch: InsertBatch::new(Verb::Delete, &plan.table.name, &columns, limits(run.batch)),
            columns: columns.into_iter().map(|(name, _)| name).collect(),
            rows: VecDeque::new(),
        }
    }
}
