//! What is left of tables that reference each other in a circle. All rows that may be kept are listed first and have a
//! number each; who references whom is a set of pairs of such numbers. Then rows go whose parents are gone.

mod rows;

use super::base::each_named;
use super::engine::{Engine, ROW_BYTES};
use super::link::Name;
use crate::error::Result;
use crate::plan::subset::Edge;
use crate::source::select::keys::{Growing, Keys};
use rows::{Bits, Circle};
use std::collections::BTreeMap;

impl Engine<'_> {
    /// Lists the rows of tables in a circle whose parents are kept.
    pub(super) fn down_cycle(&mut self, tables: &[String]) -> Result<()> {
        let (mut circle, first) = self.candidates(tables)?;
        let plan = self.context.plan;
        let mut edges = Vec::new();
        for table in tables {
            edges.extend(plan.table(table)?.edges.iter().filter(|edge| edge.in_cycle));
        }
        for (at, edge) in edges.iter().enumerate() {
            circle.add_reference();
            self.pair(&mut circle, &first, at, edge)?;
        }
        let gone = circle.follow()?;
        for table in tables {
            let kept = self.kept.remove(&Name::of(table)).unwrap_or_else(|| Keys::empty(&self.room));
            let mut left = Growing::new(&self.room);
            let (mut cursor, mut number) = (kept.cursor(), first.get(table).copied().unwrap_or(0));
            while let Some(key) = cursor.next_key()? {
                if !gone.get(number) {
                    left.insert(key)?;
                }
                number += 1;
            }
            self.kept.insert(Name::of(table), left.finish()?);
        }
        Ok(())
    }

    /// Lists what may be kept, and the number of each table's first row. What was pulled in stays, whatever becomes of its
    /// parents.
    fn candidates(&mut self, tables: &[String]) -> Result<(Circle, BTreeMap<String, u64>)> {
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
        Ok((Circle::new(&self.room, pinned), first))
    }

    /// Notes the pairs of one reference, and which rows have lost all their parents by it.
    fn pair(
        &mut self,
        circle: &mut Circle,
        numbers: &BTreeMap<String, u64>,
        at: usize,
        edge: &Edge,
    ) -> Result<()> {
        let table = &edge.reference.table;
        let parents = Name::of(&edge.reference.references);
        let first = numbers.get(table).copied().unwrap_or(0);
        let first_parent = numbers.get(&edge.reference.references).copied().unwrap_or(0);
        let name = Name::of(table);
        let next = |engine: &Self, done, rows| engine.kept_batch(&name, done, rows);
        self.batches(ROW_BYTES, next, |engine, done, rows| {
            // By row: the one parent that is there so far.
            let mut there: BTreeMap<usize, Option<u64>> = BTreeMap::new();
            engine.parents(table, edge, rows, false)?.each(|row, parent| {
                let known = there.entry(row).or_default();
                let Some((parent, kept)) = parent.zip(engine.kept.get(&parents)) else { return Ok(()) };
                each_named(&engine.bases, edge, parent, |parent| {
                    let Some(rank) = kept.rank(parent)? else { return Ok(()) };
                    let (parent, child) = (first_parent + rank, first + done + row as u64);
                    circle.add(at, parent, child, *known)?;
                    known.get_or_insert(parent);
                    Ok(())
                })
            })?;
            for (row, _) in there.iter().filter(|(_, parent)| parent.is_none()) {
                circle.lose(first + done + *row as u64);
            }
            Ok(())
        })
    }
}
