//! Going on with what a pull had begun to load: while rows come in, the record of a staging says from which run and of
//! what data they are, and every chunk says in its own transaction that it is in.
//!
//! Two runs are never mixed: a staging is loaded from the one run that its record names, and the record is taken away
//! before anything but rows is added.

use super::names::Layout;
use super::staging::{About, Core, Empty, RECORD_VERSION, Staging};
use super::sweep::Orphan;
use super::{Claimed, doc, swap};
use crate::db::Connection;
use crate::error::Result;
use crate::plan::load::LoadPlan;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where the rows of a staging come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loading {
    /// The server's run.
    pub run: String,
    /// What the caller calls this data; a pull that wants other data must not go on.
    pub label: String,
}

/// What a chunk did to its table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkRows {
    /// Rows added.
    pub added: u64,
    /// Rows of earlier chunks taken back.
    pub removed: u64,
}

/// A chunk that is in a staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedChunk {
    /// The table's number in the plan.
    pub table: usize,
    /// The chunk's ordinal.
    pub chunk: u32,
    /// What it did.
    pub rows: ChunkRows,
}

impl Staging<Empty> {
    /// Writes down where the rows come from. From now on a later pull may go on.
    ///
    /// # Errors
    /// The server's.
    pub fn begin_loading(&mut self, loading: Loading) -> Result<()> {
        self.note_loading(Some(loading))
    }

    /// All rows are in, or no more will come: nobody may go on any more.
    ///
    /// # Errors
    /// The server's.
    pub fn end_loading(&mut self) -> Result<()> {
        self.note_loading(None)
    }

    fn note_loading(&mut self, loading: Option<Loading>) -> Result<()> {
        let Core { site, about, lock } = &mut self.core;
        lock.check()?;
        let now = About { loading, ..(**about).clone() };
        doc::write(&mut site.connect(None)?, &now.layout.about(), &now)?;
        *about = Arc::new(now);
        Ok(())
    }

    /// The chunks that are in, table by table and in order.
    ///
    /// # Errors
    /// The server's.
    pub fn chunks(&self) -> Result<Vec<StagedChunk>> {
        let mut conn = self.core.site.connect(None)?;
        let rows: Vec<(u64, u32, u64, u64)> = conn.query(&format!(
            "SELECT table_number, chunk, rows_added, rows_removed FROM {} ORDER BY table_number, chunk",
            self.core.about.layout.chunks()
        ))?;
        let staged = |(table, chunk, added, removed)| StagedChunk {
            table: usize::try_from(table).unwrap_or(usize::MAX),
            chunk,
            rows: ChunkRows { added, removed },
        };
        Ok(rows.into_iter().map(staged).collect())
    }
}

impl Claimed {
    /// Takes over a staging that a dead pull was loading, if `plan` would build the same and the target's tables are
    /// what they were. Tables that have no transactions are emptied: nobody knows what is in them.
    ///
    /// # Errors
    /// `Busy` when somebody else has it; the server's.
    pub fn take_over(&self, orphan: &Orphan, plan: &LoadPlan) -> Result<Option<Staging<Empty>>> {
        if !orphan.is_staging() {
            return Ok(None);
        }
        let lock = self.keeper.hold(&orphan.layout().id.lock_name())?;
        let mut conn = self.site.connect(Some(self.site.database()))?;
        let about: Option<About> = doc::read(&mut conn, &orphan.layout().about())?;
        let fits = |about: &About| {
            about.version == RECORD_VERSION
                && about.complete.is_none()
                && about.loading.is_some()
                && about.plan == *plan
        };
        let Some(about) = about.filter(fits) else { return Ok(None) };
        if !swap::changed(&self.site, &mut conn, &about)?.is_empty() {
            return Ok(None);
        }
        for (number, table) in about.plan.tables.iter().enumerate().filter(|(_, t)| !t.transactional) {
            empty(&mut conn, &about.layout, number, &table.name)?;
        }
        let core = Core { site: Arc::clone(&self.site), about: Arc::new(about), lock };
        Ok(Some(Staging { core, state: std::marker::PhantomData }))
    }
}

/// Empties a table of a staging. Its chunks first: one that is not in must not count as one that is.
pub(super) fn empty(conn: &mut Connection, layout: &Layout, number: usize, table: &str) -> Result<()> {
    let chunks = layout.chunks();
    conn.execute(&format!("DELETE FROM {chunks} WHERE table_number = {number}"))?;
    conn.execute(&format!("TRUNCATE TABLE {}", layout.staged(number, table))).map(|_| ())
}
