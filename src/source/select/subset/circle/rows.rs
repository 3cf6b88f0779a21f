//! The rows of a circle by number, who references whom, and what becomes of that. Memory is a few bits for each row; the
//! pairs share the room of all lists.

use crate::error::{Error, Result};
use crate::source::select::keys::{Growing, Keys, Room, number_key, split_number};
use std::sync::Arc;

/// Most rows that are remembered one by one; the others are bits.
const NEXT_MAX: usize = 1 << 16;

/// The rows of a circle.
pub(super) struct Circle {
    room: Arc<Room>,
    /// Rows that stay whatever becomes of their parents.
    pinned: Bits,
    /// Rows that are gone.
    gone: Bits,
    news: News,
    /// By reference.
    pairs: Vec<Pairs<Growing>>,
}

/// The pairs of one reference.
struct Pairs<T> {
    /// Parent and child.
    children: T,
    /// Child and parent, where it has more than one.
    parents: T,
}

impl Circle {
    /// A circle without references.
    pub(super) fn new(room: &Arc<Room>, pinned: Bits) -> Self {
        let news = News::of(NEXT_MAX);
        Self { room: Arc::clone(room), pinned, gone: Bits::default(), news, pairs: Vec::new() }
    }

    /// One more reference: its place is the number of those before it.
    pub(super) fn add_reference(&mut self) {
        let set = || Growing::new(&self.room);
        let pairs = Pairs { children: set(), parents: set() };
        self.pairs.push(pairs);
    }

    /// Notes a pair of that reference; `known` is another parent of the child that was noted before.
    pub(super) fn add(&mut self, at: usize, parent: u64, child: u64, known: Option<u64>) -> Result<()> {
        let pairs = self.pairs.get_mut(at);
        let pairs = pairs.ok_or_else(|| Error::internal("a reference that a circle does not have"))?;
        pairs.children.insert(&pair(parent, child))?;
        if let Some(known) = known.filter(|known| *known != parent) {
            pairs.parents.insert(&pair(child, known))?;
            pairs.parents.insert(&pair(child, parent))?;
        }
        Ok(())
    }

    /// The row has no parent.
    pub(super) fn lose(&mut self, row: u64) {
        if !self.pinned.get(row) && !self.gone.get(row) {
            self.gone.set(row);
            self.news.push(row);
        }
    }

    /// Takes away the children of what is gone, until nothing more is; says what is gone then.
    pub(super) fn follow(mut self) -> Result<Bits> {
        let finish = |pairs: Pairs<Growing>| -> Result<Pairs<Keys>> {
            Ok(Pairs { children: pairs.children.finish()?, parents: pairs.parents.finish()? })
        };
        let pairs = std::mem::take(&mut self.pairs).into_iter().map(finish).collect::<Result<Vec<_>>>()?;
        while let Some(parent) = self.news.pop() {
            for Pairs { children, parents } in &pairs {
                each_of(children, parent, |child| {
                    if !self.has_parent(parents, child)? {
                        self.lose(child);
                    }
                    Ok(true)
                })?;
            }
        }
        Ok(self.gone)
    }

    /// Whether one of its several parents is left; a child with one that is gone has none.
    fn has_parent(&self, parents: &Keys, child: u64) -> Result<bool> {
        let mut is_left = false;
        if parents.rows() > 0 {
            each_of(parents, child, |parent| {
                is_left |= !self.gone.get(parent);
                Ok(!is_left)
            })?;
        }
        Ok(is_left)
    }
}

fn pair(one: u64, other: u64) -> Vec<u8> {
    let mut pair = number_key(one);
    pair.extend(number_key(other));
    pair
}

/// Goes through what a row is paired with, as long as `each` says.
fn each_of(pairs: &Keys, row: u64, mut each: impl FnMut(u64) -> Result<bool>) -> Result<()> {
    let row = number_key(row);
    let mut cursor = pairs.from(&row)?;
    while let Some(rest) = cursor.next_key()?.and_then(|pair| pair.strip_prefix(row.as_slice())) {
        let Some((other, _)) = split_number(rest) else { break };
        if !each(other)? {
            break;
        }
    }
    Ok(())
}

/// Rows that are gone, but their children do not know yet.
struct News {
    next: Vec<u64>,
    most: usize,
    /// Those for which there is no place in `next`.
    others: Bits,
    has_others: bool,
}

impl News {
    fn of(most: usize) -> Self {
        Self { next: Vec::new(), most, others: Bits::default(), has_others: false }
    }

    fn push(&mut self, row: u64) {
        if self.next.len() < self.most {
            self.next.push(row);
        } else {
            self.others.set(row);
            self.has_others = true;
        }
    }

    fn pop(&mut self) -> Option<u64> {
        if self.next.is_empty() && self.has_others {
            self.others.take(self.most, &mut self.next);
            self.has_others = self.next.len() == self.most;
        }
        self.next.pop()
    }
}

/// A bit for each row.
#[derive(Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn get(&self, at: u64) -> bool {
        self.0.get((at / 64) as usize).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    pub(super) fn set(&mut self, at: u64) {
        let word = (at / 64) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (at % 64);
    }

    /// Clears the first `most` bits that are set, and names them.
    fn take(&mut self, most: usize, taken: &mut Vec<u64>) {
        for (at, word) in self.0.iter_mut().enumerate() {
            while *word != 0 {
                if taken.len() == most {
                    return;
                }
                taken.push(at as u64 * 64 + u64::from(word.trailing_zeros()));
                *word &= *word - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROWS: u64 = 200;

    /// What is gone, worked out by looking at every row again and again.
    fn model(pinned: &[u64], lost: &[u64], references: &[Vec<(u64, u64)>]) -> Vec<u64> {
        let mut gone: Vec<u64> = lost.iter().copied().filter(|row| !pinned.contains(row)).collect();
        loop {
            let loses = |row: &u64| {
                !pinned.contains(row)
                    && !gone.contains(row)
                    && references.iter().any(|pairs| {
                        let mut parents = pairs.iter().filter(|(_, child)| child == row).peekable();
                        parents.peek().is_some() && parents.all(|(parent, _)| gone.contains(parent))
                    })
            };
            let more: Vec<u64> = (0..ROWS).filter(loses).collect();
            if more.is_empty() {
                gone.sort_unstable();
                gone.dedup();
                return gone;
            }
            gone.extend(more);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn rows_go_with_the_last_of_their_parents(
            pinned in prop::collection::vec(0..ROWS, 0..20),
            lost in prop::collection::vec(0..ROWS, 0..20),
            references in prop::collection::vec(prop::collection::vec((0..ROWS, 0..ROWS), 0..300), 0..3),
            most in 1..5_usize,
        ) {
            let mut bits = Bits::default();
            pinned.iter().for_each(|row| bits.set(*row));
            let mut circle = Circle::new(&Room::of(4096), bits);
            // So few are remembered that most are bits.
            circle.news = News::of(most);
            for (at, pairs) in references.iter().enumerate() {
                circle.add_reference();
                let mut known = std::collections::HashMap::new();
                for (parent, child) in pairs {
                    circle.add(at, *parent, *child, known.get(child).copied()).unwrap();
                    known.entry(*child).or_insert(*parent);
                }
            }
            lost.iter().for_each(|row| circle.lose(*row));
            let gone = circle.follow().unwrap();
            let gone: Vec<u64> = (0..ROWS).filter(|row| gone.get(*row)).collect();
            prop_assert_eq!(gone, model(&pinned, &lost, &references));
        }
    }
}
