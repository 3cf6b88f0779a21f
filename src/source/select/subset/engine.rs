//! Working the steps of a plan one after the other.

use super::base::{BaseRows, each_named};
use super::kept::Kept;
use super::link::{Context, Link, Name, columns_of, held};
use super::lists::Lists;
use crate::db::RowCells;
use crate::error::{Context as _, Error, Result};
use crate::plan::subset::{Edge, Restricted, Step, row_alias};
use crate::source::reader::{Pace, READ_GOAL, Reader};
use crate::source::select::keys::{Cursor, Growing, KeyShape, Keys, Room};
use crate::source::walk::{Walk, Walker, check};
use crate::sql::List;
use crate::sql::keyset::{KEYS_MAX, KeyLookup, KeyTable, Passed};
use crate::sql::select::{Range, Select};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most bytes of the keys of one statement.
const BATCH_BYTES: usize = 128 * 1024;
/// What a row that is looked up counts for when the first batch is cut.
pub(super) const ROW_BYTES: u64 = 200;
/// What the parent's rows are called.
pub(super) const PARENT: &str = "p";

/// Works a plan. What statements give goes into the sets row by row: its parts are borrowed one by one for that.
pub(super) struct Engine<'a> {
    pub(super) asker: Asker<'a>,
    pub(super) context: Context<'a>,
    pub(super) room: Arc<Room>,
    pub(super) lists: Lists,
    /// Complete sets.
    pub(super) kept: BTreeMap<Name, Keys>,
    /// Tables without a key.
    pub(super) bases: BTreeMap<String, BaseRows>,
}

/// Asks the source, as long as the run goes on.
pub(super) struct Asker<'a> {
    reader: &'a mut Reader,
    go_on: &'a mut dyn FnMut() -> bool,
}

impl Asker<'_> {
    /// Hands the rows of a statement to `each`.
    pub(super) fn read(
        &mut self,
        select: &Select,
        mut each: impl FnMut(&dyn RowCells) -> Result<()>,
    ) -> Result<()> {
        check(&mut *self.go_on)?;
        self.reader.read(select, |rows| {
            while let Some(row) = rows.next_row()? {
                each(&row)?;
            }
            Ok(())
        })
    }

    /// The number in the first cell of the only row; 0 without a row.
    pub(super) fn number(&mut self, select: &Select) -> Result<u64> {
        let mut number = 0;
        self.read(select, |row| {
            let text = row.cell(0).and_then(|cell| std::str::from_utf8(cell).ok());
            number = text
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| Error::internal("a count is no number"))?;
            Ok(())
        })?;
        Ok(number)
    }
}

impl<'a> Engine<'a> {
    pub(super) fn new(
        reader: &'a mut Reader,
        context: Context<'a>,
        go_on: &'a mut dyn FnMut() -> bool,
    ) -> Self {
        let room = Room::new();
        let lists = Lists::new(context.plan, &room);
        let (kept, bases) = (BTreeMap::new(), BTreeMap::new());
        Self { asker: Asker { reader, go_on }, context, room, lists, kept, bases }
    }

    /// Works all steps.
    pub(super) fn run(mut self) -> Result<Kept> {
        let plan = self.context.plan;
        for step in plan.steps() {
            match step {
                Step::Base(table) => self.base(table),
                Step::Want(table) => self.want(table),
                Step::ParentsOfAll(table) => self.parents_of_all(table),
                Step::Up(tables) => self.up(tables),
                Step::Down(table) => self.down(table),
                Step::DownCycle(tables) => self.down_cycle(tables),
            }
            .context(|| step.to_string())?;
        }
        for (table, _) in plan.tables() {
            self.settle(table)?;
        }
        for (_, direct) in plan.directs() {
            self.settle_parents(&direct.edges)?;
        }
        Ok(Kept::new(plan, self.context.database, self.kept))
    }

    /// Works rows in batches that one statement takes, as `next` gives them: it is told how many are done and how many to
    /// give. Each row counts for so many bytes when the first batch is cut.
    pub(super) fn batches(
        &mut self,
        bytes: u64,
        next: impl Fn(&Self, u64, u64) -> Result<Vec<Vec<u8>>>,
        mut work: impl FnMut(&mut Self, u64, &[Vec<u8>]) -> Result<()>,
    ) -> Result<()> {
        let (mut done, mut pace) = (0, Pace::new(1, bytes, KEYS_MAX, READ_GOAL));
        loop {
            let batch = next(self, done, pace.rows())?;
            if batch.is_empty() {
                return Ok(());
            }
            let begun = Instant::now();
            work(self, done, &batch)?;
            done += batch.len() as u64;
            pace.learn(begun);
        }
    }

    /// Some rows of a complete list, behind the first `done`.
    pub(super) fn kept_batch(&self, name: &Name, done: u64, rows: u64) -> Result<Vec<Vec<u8>>> {
        self.kept.get(name).map_or(Ok(Vec::new()), |kept| batch(&mut kept.behind(done)?, rows))
    }

    /// Lists rows whose key is in the first cells of a statement; says how many are new.
    pub(super) fn list(&mut self, table: &str, select: &Select) -> Result<u64> {
        let shape = key_shape(self.context.plan.table(table)?);
        let (lists, mut added) = (&mut self.lists, 0);
        self.asker.read(select, |row| {
            added += u64::from(lists.pull_in(table, &key_at(&shape, row, 0)?)?);
            Ok(())
        })?;
        Ok(added)
    }

    /// Completes the list of a table.
    pub(super) fn settle(&mut self, table: &str) -> Result<()> {
        let name = Name::of(table);
        if !self.kept.contains_key(&name) {
            self.kept.insert(name, self.lists.take(table)?);
        }
        Ok(())
    }

    /// Completes what tells whether the parents of rows are kept.
    pub(super) fn settle_parents(&mut self, edges: &[Edge]) -> Result<()> {
        for edge in edges.iter().filter(|edge| !edge.in_cycle) {
            self.settle(&edge.reference.references)?;
            self.settle_names(edge)?;
        }
        Ok(())
    }

    fn parents_of_all(&mut self, table: &str) -> Result<()> {
        let context = self.context;
        let all = context.plan.all(table)?;
        let work = |engine: &mut Self, range: Range| {
            for edge in &all.edges {
                let mut select = context.rows(table, List::default());
                select.walk = all.walk.clone().map(|key| (key, range.clone()));
                select.order_by = vec!["NULL".to_owned()];
                select.conditions = held(edge, Some(row_alias().as_str())).into_iter().collect();
                let link = Link::add(&mut select, &context, edge, PARENT, true)?;
                let mut parents = Growing::new(&engine.room);
                engine.asker.read(&select, |row| match link.parent(row)? {
                    Some(parent) => parents.insert(&parent).map(|_| ()),
                    None => Ok(()),
                })?;
                let parents = parents.finish()?;
                let mut parents = parents.cursor();
                while let Some(parent) = parents.next_key()? {
                    engine.pull_in(edge, parent)?;
                }
            }
            Ok(false)
        };
        match &all.walk {
            Some(key) => self.walk(Walk::over(&all.table, context.source(table), key)?, work),
            None => work(self, Range::default()).map(|_| ()),
        }
    }

    /// Lists the rows of a parent that are named so.
    fn pull_in(&mut self, edge: &Edge, parent: &[u8]) -> Result<()> {
        let lists = &mut self.lists;
        each_named(&self.bases, edge, parent, |row| {
            lists.pull_in(&edge.reference.references, row).map(|_| ())
        })
    }

    /// Lists parents of listed rows until there are no more.
    fn up(&mut self, tables: &[String]) -> Result<()> {
        let context = self.context;
        loop {
            let mut news = false;
            for table in tables {
                let rows = self.lists.take_fresh(table)?;
                news |= rows.rows() > 0;
                for edge in context.plan.table(table)?.edges.iter().filter(|edge| edge.held.is_some()) {
                    let next = |_: &Self, done, most| batch(&mut rows.behind(done)?, most);
                    self.batches(ROW_BYTES, next, |engine, _, rows| {
                        engine.parents(table, edge, rows, true)?.each(|_, parent| match parent {
                            Some(parent) => engine.pull_in(edge, parent),
                            None => Ok(()),
                        })
                    })?;
                }
            }
            if !news {
                return Ok(());
            }
        }
    }
}

impl Walker for Engine<'_> {
    type Conn = Reader;

    const GOAL: Duration = READ_GOAL;

    fn conn(&mut self) -> &mut Reader {
        self.asker.reader
    }

    fn check(&mut self) -> Result<()> {
        check(&mut *self.asker.go_on)
    }
}

/// The key in the cells from `first` on.
pub(super) fn key_at(shape: &KeyShape, row: &dyn RowCells, first: usize) -> Result<Vec<u8>> {
    let mut key = Vec::new();
    shape.encode((first..first + shape.cells()).map(|at| row.cell(at)), &mut key)?;
    Ok(key)
}

/// The keys that one statement takes, `rows` at most.
pub(super) fn batch(keys: &mut Cursor<'_>, rows: u64) -> Result<Vec<Vec<u8>>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while (batch.len() as u64) < rows && bytes < BATCH_BYTES {
        let Some(key) = keys.next_key()? else { break };
        bytes += key.len();
        batch.push(key.to_vec());
    }
    Ok(batch)
}

/// What the keys of a table are.
pub(super) fn key_shape(restricted: &Restricted) -> KeyShape {
    match restricted.base {
        Some(_) => KeyShape::number(),
        None => KeyShape::of(&columns_of(&restricted.source, &restricted.walk.columns)),
    }
}

/// Rows of a table by their keys.
pub(super) fn lookup(restricted: &Restricted, rows: &[Vec<u8>]) -> Result<KeyLookup> {
    let shape = key_shape(restricted);
    let mut keys = no_keys(restricted)?;
    for row in rows {
        keys.push(shape.decode(row)?.iter().map(Option::as_deref))?;
    }
    Ok(lookup_of(restricted, keys))
}

/// An empty table for keys of a table's rows.
pub(super) fn no_keys(restricted: &Restricted) -> Result<KeyTable> {
    let columns = columns_of(&restricted.source, &restricted.walk.columns);
    Ok(KeyTable::new(columns.iter().map(Passed::of).collect::<Result<_>>()?))
}

/// The rows that keys name.
pub(super) fn lookup_of(restricted: &Restricted, keys: KeyTable) -> KeyLookup {
    KeyLookup { keys, columns: restricted.walk.columns.clone(), index: Some(restricted.walk.index.clone()) }
}
