//! Sets of 64-bit hashes that are far larger than memory may be: filled in any order, then read sorted.
//!
//! A buffer of bounded size is sorted and written out when it is full; reading merges what was written. What came a
//! moment ago is not taken again: children of one parent mostly stand together.

use crate::error::Result;
use crate::spill::{Piece, Store};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Most hashes of one buffer: 512 KiB.
const BUFFER_MAX: usize = 64 * 1024;
/// A set that is no larger stays in memory: a schema may have hundreds of tables.
const SMALL_MAX: usize = 1024;
/// Places for hashes that came a moment ago.
const RECENT: usize = 4096;
/// Bytes that a merge reads ahead, over all its runs.
const AHEAD_BYTES: usize = 4 << 20;
/// Bytes of one hash.
const WIDTH: usize = 8;

/// A set being filled.
#[derive(Debug)]
pub(super) struct Collector {
    buffer: Vec<u64>,
    recent: Vec<u64>,
    runs: Vec<Piece>,
    buffer_max: usize,
}

impl Collector {
    pub(super) fn new() -> Self {
        Self::with_buffer(BUFFER_MAX)
    }

    fn with_buffer(buffer_max: usize) -> Self {
        Self { buffer: Vec::new(), recent: vec![0; RECENT], runs: Vec::new(), buffer_max }
    }

    /// Adds a hash, which must not be 0.
    pub(super) fn add(&mut self, hash: u64, store: &Store) -> Result<()> {
        let place = &mut self.recent[hash as usize % RECENT];
        if *place == hash {
            return Ok(());
        }
        *place = hash;
        self.buffer.push(hash);
        if self.buffer.len() >= self.buffer_max { self.write(store) } else { Ok(()) }
    }

    fn write(&mut self, store: &Store) -> Result<()> {
        self.sort();
        let mut bytes = Vec::with_capacity(self.buffer.len() * WIDTH);
        self.buffer.iter().for_each(|hash| bytes.extend_from_slice(&hash.to_le_bytes()));
        self.runs.push(store.put(&bytes)?);
        self.buffer.clear();
        Ok(())
    }

    fn sort(&mut self) {
        self.buffer.sort_unstable();
        self.buffer.dedup();
    }

    /// The set, with as little memory as may be.
    pub(super) fn finish(mut self, store: &Store) -> Result<Set> {
        self.sort();
        if self.buffer.len() > SMALL_MAX || (!self.runs.is_empty() && !self.buffer.is_empty()) {
            self.write(store)?;
        }
        self.buffer.shrink_to_fit();
        Ok(Set { small: self.buffer, runs: self.runs })
    }
}

/// A set that is complete: either small and in memory, or sorted runs in the store.
#[derive(Debug, Default)]
pub(super) struct Set {
    small: Vec<u64>,
    runs: Vec<Piece>,
}

impl Set {
    /// Whether the hash is in it. Some reads of eight bytes; for a few questions only.
    pub(super) fn contains(&self, hash: u64, store: &Store) -> Result<bool> {
        if self.small.binary_search(&hash).is_ok() {
            return Ok(true);
        }
        let mut bytes = Vec::new();
        for run in &self.runs {
            let (mut low, mut high) = (0, run.len / WIDTH);
            while low < high {
                let middle = low + (high - low) / 2;
                store.read(Piece { at: run.at + (middle * WIDTH) as u64, len: WIDTH }, &mut bytes)?;
                match number(&bytes).cmp(&hash) {
                    std::cmp::Ordering::Equal => return Ok(true),
                    std::cmp::Ordering::Less => low = middle + 1,
                    std::cmp::Ordering::Greater => high = middle,
                }
            }
        }
        Ok(false)
    }

    /// Reads it in ascending order, each hash once.
    fn sorted<'a>(&'a self, store: &'a Store) -> Result<Sorted<'a>> {
        let ahead = (AHEAD_BYTES / self.runs.len().max(1)).clamp(1024, 64 * 1024) / WIDTH * WIDTH;
        let mut sorted = Sorted { store, heads: BinaryHeap::new(), sources: Vec::new(), last: None, ahead };
        sorted.sources.push(Source { ready: self.small.clone(), next: 0, rest: Piece { at: 0, len: 0 } });
        sorted.sources.extend(self.runs.iter().map(|run| Source { ready: Vec::new(), next: 0, rest: *run }));
        for at in 0..sorted.sources.len() {
            sorted.refill(at)?;
        }
        Ok(sorted)
    }
}

/// Eight bytes as a number; `read` gave exactly as many.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// One run being read.
struct Source {
    ready: Vec<u64>,
    next: usize,
    rest: Piece,
}

/// A merge of all runs.
struct Sorted<'a> {
    store: &'a Store,
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    sources: Vec<Source>,
    last: Option<u64>,
    ahead: usize,
}

impl Sorted<'_> {
    /// Puts the next hash of a run where it is compared with the others'.
    fn refill(&mut self, at: usize) -> Result<()> {
        let source = &mut self.sources[at];
        if source.next == source.ready.len() {
            let len = source.rest.len.min(self.ahead);
            if len == 0 {
                return Ok(());
            }
            let mut bytes = Vec::new();
            self.store.read(Piece { at: source.rest.at, len }, &mut bytes)?;
            source.rest = Piece { at: source.rest.at + len as u64, len: source.rest.len - len };
            source.ready.clear();
            source.ready.extend(bytes.chunks_exact(WIDTH).map(number));
            source.next = 0;
        }
        self.heads.push(Reverse((source.ready[source.next], at)));
        source.next += 1;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<u64>> {
        while let Some(Reverse((hash, at))) = self.heads.pop() {
            self.refill(at)?;
            if self.last != Some(hash) {
                self.last = Some(hash);
                return Ok(Some(hash));
            }
        }
        Ok(None)
    }
}

/// What is in one set and not in another, in ascending order.
pub(super) struct Difference<'a> {
    of: Sorted<'a>,
    without: Sorted<'a>,
    head: Option<u64>,
}

impl<'a> Difference<'a> {
    pub(super) fn new(of: &'a Set, without: &'a Set, store: &'a Store) -> Result<Self> {
        let of = of.sorted(store)?;
        let mut without = without.sorted(store)?;
        let head = without.next()?;
        Ok(Self { of, without, head })
    }

    /// The next of them, at most `count`; none when that was all.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<u64>> {
        let mut found = Vec::new();
        while found.len() < count {
            let Some(hash) = self.of.next()? else { break };
            while self.head.is_some_and(|head| head < hash) {
                self.head = self.without.next()?;
            }
            if self.head != Some(hash) {
                found.push(hash);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(hashes: &[u64], buffer: usize, store: &Store) -> Set {
        let mut collector = Collector::with_buffer(buffer);
        hashes.iter().for_each(|hash| collector.add(*hash, store).unwrap());
        collector.finish(store).unwrap()
    }

    fn difference(of: &Set, without: &Set, store: &Store, count: usize) -> Vec<u64> {
        let mut difference = Difference::new(of, without, store).unwrap();
        let mut all = Vec::new();
        loop {
            let some = difference.take(count).unwrap();
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    #[test]
    fn a_large_set_goes_to_the_store_and_a_small_one_does_not() {
        let store = Store::default();
        let hashes: Vec<u64> = (1..200_000).rev().collect();
        let large = set(&hashes, BUFFER_MAX, &store);
        assert!(large.small.is_empty() && large.runs.len() == 4);
        let small = set(&hashes[..500], BUFFER_MAX, &store);
        assert!(small.runs.is_empty() && small.small.len() == 500);
        assert_eq!(difference(&small, &large, &store, 7), [0; 0]);
        assert_eq!(difference(&large, &small, &store, 70_000).len(), hashes.len() - 500);
        assert!(large.contains(1, &store).unwrap() && large.contains(199_999, &store).unwrap());
        assert!(!large.contains(200_000, &store).unwrap());
    }

    proptest! {
        #[test]
        fn what_is_missing_is_found_whatever_the_order(
            // From a small range, so that both sets share some.
            children in proptest::collection::vec(1u64..60, 0..120),
            parents in proptest::collection::vec(1u64..60, 0..120),
            buffers in (1usize..20, 1usize..20),
            count in 1usize..9,
        ) {
            let store = Store::default();
            // Spread over the whole width, so that the order of bytes matters.
            let spread = |hashes: &[u64]| hashes.iter().map(|h| h.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect::<Vec<_>>();
            let (children, parents) = (spread(&children), spread(&parents));
            let (of, without) = (set(&children, buffers.0, &store), set(&parents, buffers.1, &store));
            let known: BTreeSet<u64> = parents.iter().copied().collect();
            let expected: BTreeSet<u64> = children.iter().copied().filter(|h| !known.contains(h)).collect();
            prop_assert_eq!(difference(&of, &without, &store, count), expected.into_iter().collect::<Vec<_>>());
            for child in children {
                prop_assert_eq!(without.contains(child, &store).unwrap(), known.contains(&child));
            }
        }
    }
}
