//! What is left of tables that reference each other in a circle. All rows that may be kept are listed first and have a
//! number each; who references whom is a set of pairs of such numbers. Then rows go whose parents are gone.

use super::base::each_named;
use super::engine::{Engine, ROW_BYTES};
use super::link::Name;
use crate::error::{Error, Result};
use crate::plan::subset::Edge;
use crate::source::select::keys::{Growing, Keys, number_key, split_number};
use std::collections::{BTreeMap, HashMap};

/// The rows of a circle.
struct Circle {
    /// The number of each table's first row.
    first: BTreeMap<String, u64>,
    /// By number: rows that stay whatever becomes of their parents.
    pinned: Bits,
    /// By number: rows that are gone.
    gone: Bits,
    /// Gone, but their children do not know yet.
    news: Vec<u64>,
    /// By reference: parent and child.
    pairs: Vec<Growing>,
    /// By reference and child: how many parents it still has, of those with more than one.
    several: HashMap<(usize, u64), u64>,
}

impl Engine<'_> {
    /// Lists the rows of tables in a circle whose parents are kept.
    pub(super) fn down_cycle(&mut self, tables: &[String]) -> Result<()> {
        let mut circle = self.candidates(tables)?;
        let plan = self.context.plan;
        let mut edges = Vec::new();
        for table in tables {
            edges.extend(plan.table(table)?.edges.iter().filter(|edge| edge.in_cycle));
        }
        for (at, edge) in edges.iter().enumerate() {
            circle.pairs.push(Growing::new(&self.room));
            self.pair(&mut circle, at, edge)?;
        }
        circle.follow()?;
        for table in tables {
            let kept = self.kept.remove(&Name::of(table)).unwrap_or_else(|| Keys::empty(&self.room));
            let mut left = Growing::new(&self.room);
            let (mut cursor, mut number) = (kept.cursor(), circle.first.get(table).copied().unwrap_or(0));
            while let Some(key) = cursor.next_key()? {
                if !circle.gone.get(number) {
                    left.insert(key)?;
                }
                number += 1;
            }
            self.kept.insert(Name::of(table), left.finish()?);
        }
        Ok(())
    }

    /// Lists what may be kept. What was pulled in stays, whatever becomes of its parents.
    fn candidates(&mut self, tables: &[String]) -> Result<Circle> {
        let (mut first, mut rows) = (BTreeMap::new(), 0);
        let mut pinned = Bits::default();
        for table in tables {
            let listed = self.lists.take(table)?;
            self.down(table)?;
            let sets = [listed, self.lists.take(table)?];
            let all = Keys::union(&self.room, &sets)?;
            first.insert(table.clone(), rows);
            let mut cursor = sets[0].cursor();
            while let Some(key) = cursor.next_key()? {
                if let Some(rank) = all.rank(key)? {
                    pinned.set(rows + rank);
                }
            }
            rows += all.rows();
            self.kept.insert(Name::of(table), all);
        }
        let (gone, news) = (Bits::default(), Vec::new());
        Ok(Circle { first, pinned, gone, news, pairs: Vec::new(), several: HashMap::new() })
    }

    /// Notes the pairs of one reference, and which rows have lost all their parents by it.
    fn pair(&mut self, circle: &mut Circle, at: usize, edge: &Edge) -> Result<()> {
        let table = &edge.reference.table;
        let parents = Name::of(&edge.reference.references);
        let first = circle.first.get(table).copied().unwrap_or(0);
        let first_parent = circle.first.get(&edge.reference.references).copied().unwrap_or(0);
        let name = Name::of(table);
        let next = |engine: &Self, done, rows| engine.kept_batch(&name, done, rows);
        self.batches(ROW_BYTES, next, |engine, done, rows| {
            // By row: how many of its parents are there.
            let mut there: BTreeMap<usize, u64> = BTreeMap::new();
            engine.parents(table, edge, rows, false)?.each(|row, parent| {
                let count = there.entry(row).or_default();
                let Some((parent, kept)) = parent.zip(engine.kept.get(&parents)) else { return Ok(()) };
                each_named(&engine.bases, edge, parent, |parent| {
                    if let Some(rank) = kept.rank(parent)?
                        && circle.add(at, first_parent + rank, first + done + row as u64)?
                    {
                        *count += 1;
                    }
                    Ok(())
                })
            })?;
            for (row, count) in there {
                let child = first + done + row as u64;
                match count {
                    0 => circle.lose(child),
                    1 => {}
                    several => drop(circle.several.insert((at, child), several)),
                }
            }
            Ok(())
        })
    }
}

impl Circle {
    /// Notes a pair; says whether it is new.
    fn add(&mut self, at: usize, parent: u64, child: u64) -> Result<bool> {
        let mut pair = number_key(parent);
        pair.extend(number_key(child));
        match self.pairs.get_mut(at) {
            Some(pairs) => pairs.insert(&pair),
            None => Err(Error::internal("a reference that a circle does not have")),
        }
    }

    fn lose(&mut self, row: u64) {
        if !self.pinned.get(row) && !self.gone.get(row) {
            self.gone.set(row);
            self.news.push(row);
        }
    }

    /// Takes away the children of what is gone, until nothing more is.
    fn follow(&mut self) -> Result<()> {
        let pairs = std::mem::take(&mut self.pairs);
        let pairs = pairs.into_iter().map(Growing::finish).collect::<Result<Vec<Keys>>>()?;
        while let Some(parent) = self.news.pop() {
            let parent = number_key(parent);
            for (at, pairs) in pairs.iter().enumerate() {
                let mut cursor = pairs.from(&parent)?;
                while let Some(rest) =
                    cursor.next_key()?.and_then(|pair| pair.strip_prefix(parent.as_slice()))
                {
                    let Some((child, _)) = split_number(rest) else { break };
                    let left = self.several.get_mut(&(at, child)).map_or(0, |left| {
                        *left -= 1;
                        *left
                    });
                    if left == 0 {
                        self.lose(child);
                    }
                }
            }
        }
        Ok(())
    }
}

/// A bit for each row.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn get(&self, at: u64) -> bool {
        self.0.get((at / 64) as usize).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn set(&mut self, at: u64) {
        let word = (at / 64) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (at % 64);
    }
}
