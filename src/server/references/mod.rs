//! Whether the rows of a run fit together: tables are read at moments of their own, so a child may be delivered whose
//! parent came or went in between.
//!
//! Each row passes the [`Recorder`] on its way into frames, which keeps a hash of every referencing and every referenced
//! value, and of rows that reference something the few cells that name it and its references. When all tables are read,
//! [`sweep`] takes the difference; mostly there is none, and the source is not asked anything. Rows that are left
//! without parents are looked up again at the source, and those that do not dangle there are taken back by
//! [`removal`]s.
//!
//! Memory is bounded whatever the size of the tables: what is kept goes to one private file per run.

mod log;
mod now;
mod removal;
mod set;
mod store;
mod sweep;
#[cfg(test)]
mod tests;

use crate::db::RowCells;
use crate::error::{Error, Result};
use crate::plan::checked::Checks;
use crate::server::run::Run;
use crate::source::reader::Reader;
use crate::sql::Ident;
use crate::sql::ident::string_literal;
use log::Log;
use now::Source;
use removal::TakenBack;
use set::{Collector, Set};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, OnceLock};
use store::Store;
use sweep::sweep;

/// What one run knows about its references.
#[derive(Debug)]
pub struct References {
    checks: Checks,
    store: Store,
    /// Keyed at random: nobody can make rows whose hashes are equal.
    hasher: RandomState,
    /// By reference: what its rows reference.
    children: Vec<OnceLock<Set>>,
    /// By key: what is there.
    keys: Vec<OnceLock<Set>>,
    /// By table.
    logs: Vec<OnceLock<Log>>,
}

impl References {
    /// Nothing recorded yet, for a run of so many tables.
    #[must_use]
    pub fn new(checks: Checks, tables: usize) -> Self {
        Self {
            store: Store::default(),
            hasher: RandomState::new(),
            children: checks.references.iter().map(|_| OnceLock::new()).collect(),
            keys: checks.keys.iter().map(|_| OnceLock::new()).collect(),
            logs: (0..tables).map(|_| OnceLock::new()).collect(),
            checks,
        }
    }

    /// Whether rows of the table at this position may have to be taken back.
    #[must_use]
    pub fn has_child(&self, table: usize) -> bool {
        self.checks.has_child(table)
    }

    /// Puts into chunks of their own what has to be taken back, once all tables of the run are read; says how many rows.
    /// `open` connects to the source, if that is needed.
    ///
    /// # Errors
    /// The source's; `Busy` when the run has ended; `Internal` for the temporary file.
    pub fn check(run: &Arc<Run>, database: &str, open: impl FnMut() -> Result<Reader>) -> Result<u64> {
        if run.references.checks.references.is_empty() {
            return Ok(0);
        }
        let mut taken_back = TakenBack::new(run)?;
        let rows = sweep(&run.references, &mut Source::new(run, database, open), &mut taken_back)?;
        taken_back.finish()?;
        Ok(rows)
    }

    fn checks(&self) -> &Checks {
        &self.checks
    }

    /// The hash of a value of several cells, never 0; none when one is NULL.
    fn hash<'a>(&self, cells: impl Iterator<Item = Option<&'a [u8]>>) -> Option<u64> {
        let mut hasher = self.hasher.build_hasher();
        for cell in cells {
            let cell = cell?;
            hasher.write_usize(cell.len());
            hasher.write(cell);
        }
        Some(hasher.finish().max(1))
    }
}

/// Which cells of a table are logged, and where they stand in its SELECT list.
#[derive(Debug)]
struct Layout {
    /// Positions of columns, ascending.
    columns: Vec<usize>,
    /// References that hold for some rows only: each has a cell behind the columns that says whether.
    conditional: Vec<usize>,
}

impl Layout {
    fn new(checks: &Checks, table: usize) -> Self {
        let of_table = checks.references.iter().enumerate().filter(|(_, checked)| checked.child == table);
        let conditional = of_table.filter(|(_, checked)| !checked.reference.when.is_empty());
        Self { columns: checks.cells(table), conditional: conditional.map(|(at, _)| at).collect() }
    }

    /// Where the log has the cells of these columns.
    fn logged(&self, columns: &[usize]) -> Vec<usize> {
        columns.iter().filter_map(|column| self.columns.binary_search(column).ok()).collect()
    }

    /// Where the log says whether the reference holds for a row; none if it holds for all.
    fn condition(&self, reference: usize) -> Option<usize> {
        let at = self.conditional.iter().position(|conditional| *conditional == reference)?;
        Some(self.columns.len() + at)
    }
}

/// Remembers the rows of one table as they pass.
#[derive(Debug)]
pub struct Recorder<'a> {
    references: &'a References,
    table: usize,
    children: Vec<End>,
    keys: Vec<End>,
    log: Option<(log::Writer, Vec<usize>)>,
}

/// One end of a reference: which cells, and what they were.
#[derive(Debug)]
struct End {
    /// Position of the reference or of the key.
    at: usize,
    cells: Vec<usize>,
    /// The cell that says whether a row counts.
    condition: Option<usize>,
    seen: Collector,
}

impl<'a> Recorder<'a> {
    /// A recorder for the table at this position; adds what it needs beside the columns to the SELECT list.
    pub fn new(references: &'a References, table: usize, list: &mut Vec<String>) -> Self {
        let checks = &references.checks;
        let layout = Layout::new(checks, table);
        let mut cells = layout.columns.clone();
        let mut children = Vec::new();
        for (at, checked) in checks.references.iter().enumerate().filter(|(_, c)| c.child == table) {
            let condition = (!checked.reference.when.is_empty()).then(|| {
                list.push(condition(&checked.reference.when));
                cells.push(list.len() - 1);
                list.len() - 1
            });
            children.push(End { at, cells: checked.cells.clone(), condition, seen: Collector::new() });
        }
        let keys = checks.keys.iter().enumerate().filter(|(_, key)| key.table == table);
        let keys = keys.map(|(at, key)| End {
            at,
            cells: key.cells.clone(),
            condition: None,
            seen: Collector::new(),
        });
        let log = checks.has_child(table).then(|| (log::Writer::default(), cells));
        Self { references, table, children, keys: keys.collect(), log }
    }

    /// Takes a row in.
    ///
    /// # Errors
    /// `Internal` when the temporary file cannot be written.
    pub fn row(&mut self, row: &impl RowCells) -> Result<()> {
        let Self { references, children, keys, log, .. } = self;
        let store = &references.store;
        for end in children.iter_mut().chain(keys) {
            if end.condition.is_some_and(|at| row.cell(at) != Some(b"1")) {
                continue;
            }
            if let Some(hash) = references.hash(end.cells.iter().map(|at| row.cell(*at))) {
                end.seen.add(hash, store)?;
            }
        }
        match log {
            Some((log, cells)) => log.add(cells.iter().map(|at| row.cell(*at)), store),
            None => Ok(()),
        }
    }

    /// The table is read to its end.
    ///
    /// # Errors
    /// As [`Recorder::row`].
    pub fn finish(self) -> Result<()> {
        let store = &self.references.store;
        let twice = || Error::internal("a table was read twice");
        for end in self.children {
            self.references.children[end.at].set(end.seen.finish(store)?).map_err(|_| twice())?;
        }
        for end in self.keys {
            self.references.keys[end.at].set(end.seen.finish(store)?).map_err(|_| twice())?;
        }
        if let Some((log, cells)) = self.log {
            let log = log.finish(cells.len(), store)?;
            self.references.logs[self.table].set(log).map_err(|_| twice())?;
        }
        Ok(())
    }
}

/// 1 for rows whose columns have these values.
fn condition(when: &[(String, String)]) -> String {
    let terms: Vec<String> = when
        .iter()
        .map(|(column, value)| format!("{} = {}", Ident::new(column.as_str()), string_literal(value)))
        .collect();
    format!("({})", terms.join(" AND "))
}
