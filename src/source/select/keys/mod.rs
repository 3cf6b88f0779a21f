//! Sets of keys that may be far larger than memory: filled in any order, then read in the keys' order.
//!
//! All sets of a run share a [`Room`]. As long as what they hold fits into it nothing touches a disk. Beyond, the set that
//! grows puts what it has into a private file as a sorted run, which stays searchable: a few keys of it, one for each
//! 4 KiB, are remembered. A set that is complete is one such run, in memory or in the file.

mod growing;
mod shape;
mod sorted;

pub use growing::Growing;
pub use shape::KeyShape;
pub(super) use shape::{number_key, split_number};
pub use sorted::{Cursor, Keys};

use crate::spill::Store;
use std::collections::hash_map::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that the sets of one run hold in memory.
const ROOM_BYTES: usize = 64 << 20;

/// The memory that the sets of a run share, and the file for what does not fit.
#[derive(Debug)]
pub struct Room {
    most: usize,
    used: AtomicUsize,
    store: Store,
    /// Keyed at random: nobody can make keys that meet in one place.
    hasher: RandomState,
}

impl Room {
    /// Room for 64 MiB.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::of(ROOM_BYTES)
    }

    /// Room for `most` bytes.
    #[must_use]
    pub fn of(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            used: AtomicUsize::new(0),
            store: Store::default(),
            hasher: RandomState::new(),
        })
    }

    fn is_full(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.most
    }

    /// Whether so much of a complete set may stay in memory: half of the room is for sets that grow.
    fn has(&self, bytes: usize) -> bool {
        self.used.load(Ordering::Relaxed).saturating_add(bytes) <= self.most / 2
    }
}

/// A share of a room, given back when dropped.
#[derive(Debug)]
struct Share {
    room: Arc<Room>,
    bytes: usize,
}

impl Share {
    fn of(room: &Arc<Room>) -> Self {
        Self { room: Arc::clone(room), bytes: 0 }
    }

    fn set(&mut self, bytes: usize) {
        if bytes >= self.bytes {
            self.room.used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.room.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Appends a key behind its length.
fn write_record(key: &[u8], out: &mut Vec<u8>) {
    match u8::try_from(key.len()) {
        Ok(len) if len < u8::MAX => out.push(len),
        _ => {
            out.push(u8::MAX);
            out.extend_from_slice(&(key.len() as u64).to_le_bytes());
        }
    }
    out.extend_from_slice(key);
}

/// The key at `at`, and where the next one begins.
fn read_record(records: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (len, begin) = match *records.get(at)? {
        u8::MAX => {
            let bytes = records.get(at + 1..at + 9)?;
            (usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()?, at + 9)
        }
        len => (usize::from(len), at + 1),
    };
    let end = begin.checked_add(len)?;
    Some((records.get(begin..end)?, end))
}

#[cfg(test)]
mod tests;
