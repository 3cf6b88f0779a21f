//! Whether the rows of a run fit together: tables are read at moments of their own, so a child may be delivered whose
//! parent came or went in between.
//!
//! Each row passes the [`Recorder`] on its way into frames, which keeps a hash of every referencing and every referenced
//! value, and of rows that reference something the few cells that name it and its references. When all tables are read,
//! `sweep` takes the difference; mostly there is none, and the source is not asked anything. Rows that are left
//! without parents are looked up again at the source, and those that do not dangle there are taken back by
//! removals.
//!
//! Memory is bounded whatever the size of the tables: what is kept goes to one private file per run.

mod log;
mod masked;
mod now;
mod removal;
mod set;
mod sweep;
#[cfg(test)]
mod tests;

use crate::db::RowCells;
use crate::error::{Error, Result};
use crate::plan::checked::{Checks, Compared, SortKey};
use crate::plan::sanitize::Refs;
use crate::server::run::Run;
use crate::source::reader::Reader;
use crate::spill::Store;
use crate::sql::List;
use crate::sql::ident::string_literal;
use crate::sql::literal::Form;
use log::Log;
use now::Source;
use removal::TakenBack;
use set::{Collector, Set};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, OnceLock};
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

    /// The hash of what is compared, never 0; none when a part is NULL.
    fn hash<'a>(
        &self,
        compared: &[Compared],
        cell: impl Fn(Compared) -> Option<&'a [u8]>,
        spare: &mut Vec<u8>,
    ) -> Option<u64> {
        let mut hasher = self.hasher.build_hasher();
        for part in compared {
            let mut bytes = cell(*part)?;
            if let Compared::Cell(_, canon) = part
                && !canon.is_kept(bytes)
            {
                spare.clear();
                spare.extend_from_slice(bytes);
                canon.apply(spare, 0);
                bytes = spare;
            }
            // One part has no neighbour that it could be mistaken for.
            if compared.len() > 1 {
                hasher.write_usize(bytes.len());
            }
            hasher.write(bytes);
        }
        Some(hasher.finish().max(1))
    }
}

/// Which cells of a table are logged: columns, sort keys, and for each reference that holds for some rows only whether
/// it does.
#[derive(Debug)]
struct Layout {
    /// Positions of columns, ascending.
    columns: Vec<usize>,
    sort_keys: Vec<(usize, SortKey)>,
    conditional: Vec<usize>,
}

impl Layout {
    fn new(checks: &Checks, table: usize) -> Self {
        let of_table = checks.references.iter().enumerate().filter(|(_, checked)| checked.child == table);
        let conditional = of_table.filter(|(_, checked)| !checked.reference.when.is_empty());
        Self {
            columns: checks.columns(table),
            sort_keys: checks.sort_keys_of(table).collect(),
            conditional: conditional.map(|(at, _)| at).collect(),
        }
    }

    /// Where the log has the cells of these columns.
    fn logged(&self, columns: &[usize]) -> Vec<usize> {
        columns.iter().filter_map(|column| self.columns.binary_search(column).ok()).collect()
    }

    /// Where the log has what is compared.
    fn compared(&self, part: Compared) -> Option<usize> {
        match part {
            Compared::Cell(column, _) => self.columns.binary_search(&column).ok(),
            Compared::SortKey(key) => self.sort_key(key).map(|at| self.columns.len() + at),
        }
    }

    fn sort_key(&self, key: usize) -> Option<usize> {
        self.sort_keys.iter().position(|(at, _)| *at == key)
    }

    /// Where the log says whether the reference holds for a row; none if it holds for all.
    fn condition(&self, reference: usize) -> Option<usize> {
        let at = self.conditional.iter().position(|conditional| *conditional == reference)?;
        Some(self.columns.len() + self.sort_keys.len() + at)
    }
}

/// Remembers the rows of one table as they pass.
#[derive(Debug)]
pub struct Recorder<'a> {
    references: &'a References,
    table: usize,
    layout: Layout,
    /// Where the sort keys begin in the SELECT list; conditions follow.
    beside: usize,
    children: Vec<End>,
    keys: Vec<End>,
    log: Option<log::Writer>,
    spare: Vec<u8>,
}

/// One end of a reference: what is compared, and what it was.
#[derive(Debug)]
struct End {
    /// Position of the reference or of the key.
    at: usize,
    compared: Vec<Compared>,
    /// The cell that says whether a row counts.
    condition: Option<usize>,
    seen: Collector,
}

impl<'a> Recorder<'a> {
    /// A recorder for the table at this position; adds what it needs beside `columns`, which are sent, to the SELECT
    /// list, where columns are named by `refs`.
    pub fn new(
        references: &'a References,
        table: usize,
        columns: &[(String, Form)],
        refs: Refs<'_>,
        list: &mut List,
    ) -> Self {
        let checks = &references.checks;
        let layout = Layout::new(checks, table);
        let beside = list.len();
        let name = |key: &SortKey| refs.column(&columns[key.column].0);
        list.extend(layout.sort_keys.iter().map(|(_, key)| key.expression(&name(key))));
        let whens =
            layout.conditional.iter().map(|at| condition(&checks.references[*at].reference.when, refs));
        list.extend(whens);
        let children = checks.references.iter().enumerate().filter(|(_, checked)| checked.child == table);
        let children = children.map(|(at, checked)| End {
            at,
            compared: checked.compared.clone(),
            condition: layout.condition(at).map(|logged| beside + logged - layout.columns.len()),
            seen: Collector::new(),
        });
        let keys = checks.keys.iter().enumerate().filter(|(_, key)| key.table == table);
        let keys = keys.map(|(at, key)| End {
            at,
            compared: key.compared.clone(),
            condition: None,
            seen: Collector::new(),
        });
        Self {
            references,
            table,
            beside,
            children: children.collect(),
            keys: keys.collect(),
            log: checks.has_child(table).then(log::Writer::default),
            layout,
            spare: Vec::new(),
        }
    }

    /// Takes a row in.
    ///
    /// # Errors
    /// `Internal` when the temporary file cannot be written.
    pub fn row(&mut self, row: &impl RowCells) -> Result<()> {
        let Self { references, layout, beside, children, keys, log, spare, .. } = self;
        let store = &references.store;
        let cell = |part| match part {
            Compared::Cell(column, _) => row.cell(column),
            Compared::SortKey(key) => row.cell(*beside + layout.sort_key(key)?),
        };
        for end in children.iter_mut().chain(keys) {
            if end.condition.is_some_and(|at| row.cell(at) != Some(b"1")) {
                continue;
            }
            if let Some(hash) = references.hash(&end.compared, cell, spare) {
                end.seen.add(hash, store)?;
            }
        }
        let Some(log) = log else { return Ok(()) };
        let rest = *beside..*beside + layout.sort_keys.len() + layout.conditional.len();
        log.add(layout.columns.iter().copied().chain(rest).map(|at| row.cell(at)), store)
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
        if let Some(log) = self.log {
            let Layout { columns, sort_keys, conditional } = &self.layout;
            let log = log.finish(columns.len() + sort_keys.len() + conditional.len(), store)?;
            self.references.logs[self.table].set(log).map_err(|_| twice())?;
        }
        Ok(())
    }
}

/// 1 for rows whose columns have these values.
fn condition(when: &[(String, String)], refs: Refs<'_>) -> String {
    let terms: Vec<String> = when
        .iter()
        .map(|(column, value)| format!("{} = {}", refs.column(column), string_literal(value)))
        .collect();
    format!("({})", terms.join(" AND "))
}
