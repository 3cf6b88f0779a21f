//! Which parents rows have.

use super::base::edge_id;
use super::engine::{Engine, PARENT, key_at, lookup};
use super::link::{Link, exact, held, name_of};
use crate::db::RowCells;
use crate::error::{Error, Result};
use crate::plan::subset::{Edge, row_alias};
use crate::source::select::keys::{Growing, KeyShape, Keys, number_key, split_number};
use crate::sql::keyset::{KeyLookup, KeyTable, Passed};
use crate::sql::select::Select;

/// The parents of several rows: pairs of a row's number and what names the parent. A row may have many, where what is
/// referenced is not unique.
pub(super) struct Parents(Keys);

impl Parents {
    /// Notes a parent of a row; none for one that is not there.
    fn add(pairs: &mut Growing, row: usize, parent: Option<&[u8]>) -> Result<()> {
        let mut pair = number_key(row as u64);
        pair.extend_from_slice(parent.unwrap_or_default());
        pairs.insert(&pair).map(|_| ())
    }

    /// Hands out the rows that reference something, each with its parents.
    pub(super) fn each(&self, mut each: impl FnMut(usize, Option<&[u8]>) -> Result<()>) -> Result<()> {
        let mut cursor = self.0.cursor();
        while let Some(pair) = cursor.next_key()? {
            let (row, parent) = split_number(pair).ok_or_else(lost)?;
            // A name has a byte at least.
            each(usize::try_from(row).map_err(|_| lost())?, Some(parent).filter(|name| !name.is_empty()))?;
        }
        Ok(())
    }
}

fn lost() -> Error {
    Error::internal("a row that belongs to no key")
}

/// Which of the keys of its statement a row is of, from 0; its first cell says so.
fn ordinal(row: &dyn RowCells) -> Result<usize> {
    let text = row.cell(0).and_then(|cell| std::str::from_utf8(cell).ok());
    let number = text.and_then(|text| text.parse::<usize>().ok()).and_then(|number| number.checked_sub(1));
    number.ok_or_else(lost)
}

impl Engine<'_> {
    /// The parents by `edge` of some rows of a table: nothing for rows that reference nothing.
    pub(super) fn parents(
        &mut self,
        table: &str,
        edge: &Edge,
        rows: &[Vec<u8>],
        must_exist: bool,
    ) -> Result<Parents> {
        let context = self.context;
        let restricted = context.plan.table(table)?;
        if restricted.base.is_some() {
            return self.parents_of_base(table, edge, rows);
        }
        let mut select = context.rows(table, [KeyTable::ordinal()]);
        select.keys = Some(lookup(restricted, rows)?);
        select.conditions = held(edge, Some(row_alias().as_str())).into_iter().collect();
        let link = Link::add(&mut select, &context, edge, PARENT, must_exist)?;
        let mut found = Growing::new(&self.room);
        self.asker
            .read(&select, |row| Parents::add(&mut found, ordinal(row)?, link.parent(row)?.as_deref()))?;
        found.finish().map(Parents)
    }

    /// As [`Engine::parents`] for rows without a key: what they reference is passed instead. It may be far longer than a
    /// key, so that one statement may not take all rows.
    pub(super) fn parents_of_base(&mut self, table: &str, edge: &Edge, rows: &[Vec<u8>]) -> Result<Parents> {
        let base = self.bases.get(table).ok_or_else(|| Error::internal("a table that was not read"))?;
        let id = edge_id(edge);
        let parts = base.layout.held.iter().find(|(of, _, _)| *of == id);
        let (_, flag, part) = parts.ok_or_else(|| Error::internal("a reference that was not read"))?;
        let passed: Vec<Passed> = part.columns.iter().map(Passed::of).collect::<Result<_>>()?;
        let (_, columns) = name_of(self.context.plan, edge)?;
        let mut select =
            Select::all(self.context.source(&edge.reference.references), [KeyTable::ordinal()].into());
        select.alias = Some(PARENT.to_owned());
        select.list.extend(columns.iter().map(|column| exact(column, Some(PARENT))));
        let (shape, index) = (KeyShape::of(&columns), self.context.parent_index(edge)?);
        let mut found = Growing::new(&self.room);
        let mut rows = rows.iter().enumerate().peekable();
        while rows.peek().is_some() {
            let (mut keys, mut passing) = (KeyTable::new(passed.clone()), Vec::new());
            while !keys.is_full()
                && let Some((at, row)) = rows.next()
            {
                let cells = base.record(split_number(row).map_or(0, |(position, _)| position))?;
                if cells.get(flag + 1).and_then(Option::as_deref) == Some(b"1") {
                    keys.push(part.cells(&cells).iter().map(Option::as_deref))?;
                    passing.push(at);
                }
            }
            if passing.is_empty() {
                break;
            }
            let columns = edge.reference.referenced_columns.clone();
            select.keys = Some(KeyLookup { keys, columns, index: index.clone() });
            let mut alone = vec![true; passing.len()];
            self.asker.read(&select, |row| {
                let at = ordinal(row)?;
                *alone.get_mut(at).ok_or_else(lost)? = false;
                Parents::add(&mut found, passing[at], Some(&key_at(&shape, row, 1)?))
            })?;
            let alone = passing.iter().zip(alone).filter(|(_, alone)| *alone);
            alone.map(|(row, _)| row).try_for_each(|row| Parents::add(&mut found, *row, None))?;
        }
        found.finish().map(Parents)
    }
}
