//! Sets that are being filled.

use super::sorted::{Keys, Writer, merge};
use super::{Room, Share, read_record, write_record};
use crate::error::Result;
use std::hash::BuildHasher;
use std::sync::Arc;

/// A set puts nothing into the file as long as it holds less than this, however full the room is.
const LEAST_BYTES: usize = 1 << 20;
/// Runs in the file that are searched one after the other before they are made one.
const RUNS_MAX: usize = 8;

/// A set of keys being filled, in any order.
#[derive(Debug)]
pub struct Growing {
    share: Share,
    /// The keys, in the order in which they came.
    records: Vec<u8>,
    /// A hash table: where keys begin in `records`, plus one; 0 where there is none.
    slots: Vec<u32>,
    rows: usize,
    runs: Vec<Keys>,
    least: usize,
}

impl Growing {
    /// An empty set.
    #[must_use]
    pub fn new(room: &Arc<Room>) -> Self {
        let least = LEAST_BYTES.min(room.most / 4);
        Self {
            share: Share::of(room),
            records: Vec::new(),
            slots: Vec::new(),
            rows: 0,
            runs: Vec::new(),
            least,
        }
    }

    /// How many keys there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.runs.iter().map(Keys::rows).sum::<u64>() + self.rows as u64
    }

    /// Adds a key; says whether it is new.
    ///
    /// # Errors
    /// `Internal` when the file cannot be written or read.
    pub fn insert(&mut self, key: &[u8]) -> Result<bool> {
        if (self.rows + 1) * 4 > self.slots.len() * 3 {
            self.widen();
        }
        let slot = self.slot(key);
        if self.slots[slot] != 0 {
            return Ok(false);
        }
        for run in &self.runs {
            if run.contains(key)? {
                return Ok(false);
            }
        }
        // Kept far below 4 GiB by the room.
        self.slots[slot] = u32::try_from(self.records.len()).unwrap_or(u32::MAX - 1) + 1;
        write_record(key, &mut self.records);
        self.rows += 1;
        self.share.set(self.records.capacity() + self.slots.len() * size_of::<u32>());
        if self.share.room.is_full() && self.records.len() >= self.least {
            self.spill()?;
        }
        Ok(true)
    }

    /// Where the key is, or is to be.
    fn slot(&self, key: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.share.room.hasher.hash_one(key) as usize & mask;
        while self.slots[slot] != 0 && self.record(self.slots[slot] - 1) != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn record(&self, at: u32) -> &[u8] {
        read_record(&self.records, at as usize).map_or(&[], |(key, _)| key)
    }

    fn widen(&mut self) {
        let wider = (self.slots.len() * 2).max(16);
        let taken: Vec<u32> = std::mem::replace(&mut self.slots, vec![0; wider]);
        for at in taken.into_iter().filter(|at| *at != 0) {
            let slot = self.slot(self.record(at - 1));
            self.slots[slot] = at;
        }
    }

    /// Puts what is in memory into the file.
    fn spill(&mut self) -> Result<()> {
        let room = Arc::clone(&self.share.room);
        let run = self.sorted(true)?;
        self.runs.push(run);
        (self.records, self.slots, self.rows) = (Vec::new(), Vec::new(), 0);
        self.share.set(0);
        if self.runs.len() > RUNS_MAX {
            self.runs = vec![merge(&room, &self.runs, true)?];
        }
        Ok(())
    }

    /// What is in memory, in order.
    fn sorted(&self, to_file: bool) -> Result<Keys> {
        let mut order: Vec<u32> = self.slots.iter().filter(|at| **at != 0).map(|at| at - 1).collect();
        order.sort_unstable_by(|a, b| self.record(*a).cmp(self.record(*b)));
        let mut writer = Writer::new(&self.share.room, to_file);
        for at in order {
            writer.push(self.record(at))?;
        }
        writer.finish()
    }

    /// The set, complete.
    ///
    /// # Errors
    /// As [`Growing::insert`].
    pub fn finish(mut self) -> Result<Keys> {
        if self.runs.is_empty() {
            return self.sorted(false);
        }
        if self.rows > 0 {
            self.spill()?;
        }
        match self.runs.len() {
            1 => Ok(self.runs.remove(0)),
            _ => merge(&self.share.room, &self.runs, false),
        }
    }
}
