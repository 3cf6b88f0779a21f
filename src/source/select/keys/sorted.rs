//! Complete sets: keys in order, in blocks that are in memory or in the file.

use super::{Room, Share, read_record, write_record};
use crate::error::{Error, Result};
use crate::spill::Piece;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Bytes of one block: what a search reads of the file.
const BLOCK_BYTES: usize = 4096;

/// A complete set of keys, in order. Threads may share it.
#[derive(Debug)]
pub struct Keys {
    share: Share,
    blocks: Vec<Block>,
    rows: u64,
}

#[derive(Debug)]
struct Block {
    first: Box<[u8]>,
    /// How many keys there are before it.
    rank: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Box<[u8]>),
    File(Piece),
}

impl Keys {
    /// An empty set.
    #[must_use]
    pub fn empty(room: &Arc<Room>) -> Self {
        Self { share: Share::of(room), blocks: Vec::new(), rows: 0 }
    }

    /// The keys of several sets.
    ///
    /// # Errors
    /// `Internal` when the file cannot be read or written.
    pub fn union(room: &Arc<Room>, sets: &[Self]) -> Result<Self> {
        merge(room, sets, false)
    }

    /// How many keys there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether the key is in it.
    ///
    /// # Errors
    /// `Internal` when the file cannot be read.
    pub fn contains(&self, key: &[u8]) -> Result<bool> {
        Ok(self.rank(key)?.is_some())
    }

    /// How many keys come before that one, if it is in the set.
    ///
    /// # Errors
    /// `Internal` when the file cannot be read.
    pub fn rank(&self, key: &[u8]) -> Result<Option<u64>> {
        let mut cursor = self.from(key)?;
        let rank = cursor.rank;
        Ok(cursor.next()?.filter(|found| *found == key).map(|_| rank))
    }

    /// All keys, in order.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor { keys: self, block: 0, records: Vec::new(), at: 0, rank: 0 }
    }

    /// The keys from `key` on.
    ///
    /// # Errors
    /// `Internal` when the file cannot be read.
    pub fn from(&self, key: &[u8]) -> Result<Cursor<'_>> {
        let block = self.blocks.partition_point(|block| &*block.first <= key).saturating_sub(1);
        let mut cursor = self.at_block(block)?;
        while let Some((found, next)) = read_record(&cursor.records, cursor.at) {
            if found >= key {
                break;
            }
            (cursor.at, cursor.rank) = (next, cursor.rank + 1);
        }
        Ok(cursor)
    }

    /// The keys behind the first `rank` of them.
    ///
    /// # Errors
    /// `Internal` when the file cannot be read.
    pub fn behind(&self, rank: u64) -> Result<Cursor<'_>> {
        let block = self.blocks.partition_point(|block| block.rank <= rank).saturating_sub(1);
        let mut cursor = self.at_block(block)?;
        while cursor.rank < rank && cursor.next()?.is_some() {}
        Ok(cursor)
    }

    /// The keys of a block and those behind them.
    fn at_block(&self, block: usize) -> Result<Cursor<'_>> {
        let mut cursor = Cursor { block, ..self.cursor() };
        if let Some(found) = self.blocks.get(block) {
            cursor.rank = found.rank;
            cursor.load()?;
        }
        Ok(cursor)
    }
}

/// Where a reading of keys stands.
#[derive(Debug)]
pub struct Cursor<'a> {
    keys: &'a Keys,
    /// The block after the one whose records are here.
    block: usize,
    records: Vec<u8>,
    at: usize,
    rank: u64,
}

impl Cursor<'_> {
    /// The next key; none at the end.
    ///
    /// # Errors
    /// `Internal` when the file cannot be read.
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        if self.at >= self.records.len() && !self.load()? {
            return Ok(None);
        }
        let (key, next) = read_record(&self.records, self.at)
            .ok_or_else(|| Error::internal("keys do not read back from a temporary file"))?;
        (self.at, self.rank) = (next, self.rank + 1);
        Ok(Some(key))
    }

    /// Takes the next block; says whether there is one.
    fn load(&mut self) -> Result<bool> {
        let Some(block) = self.keys.blocks.get(self.block) else { return Ok(false) };
        match &block.place {
            Place::Memory(records) => {
                self.records.clear();
                self.records.extend_from_slice(records);
            }
            Place::File(piece) => self.keys.share.room.store.read(*piece, &mut self.records)?,
        }
        (self.block, self.at) = (self.block + 1, 0);
        Ok(true)
    }
}

/// Makes a set of keys that come in order.
pub(super) struct Writer {
    keys: Keys,
    records: Vec<u8>,
    first: Vec<u8>,
    before: u64,
    /// Whether everything goes to the file, even what would fit.
    to_file: bool,
}

impl Writer {
    pub(super) fn new(room: &Arc<Room>, to_file: bool) -> Self {
        Self { keys: Keys::empty(room), records: Vec::new(), first: Vec::new(), before: 0, to_file }
    }

    /// Adds a key that is greater than all before.
    pub(super) fn push(&mut self, key: &[u8]) -> Result<()> {
        if self.records.is_empty() {
            self.first.clear();
            self.first.extend_from_slice(key);
        }
        write_record(key, &mut self.records);
        self.keys.rows += 1;
        if self.records.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<()> {
        let share = &mut self.keys.share;
        let index = self.first.len() + size_of::<Block>();
        let (place, held) = if self.to_file || !share.room.has(self.records.len() + index) {
            (Place::File(share.room.store.put(&self.records)?), index)
        } else {
            (Place::Memory(self.records.as_slice().into()), self.records.len() + index)
        };
        share.set(share.bytes + held);
        self.keys.blocks.push(Block { first: self.first.as_slice().into(), rank: self.before, place });
        self.before = self.keys.rows;
        self.records.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Keys> {
        if !self.records.is_empty() {
            self.end_block()?;
        }
        Ok(self.keys)
    }
}

/// One set of several.
pub(super) fn merge(room: &Arc<Room>, sets: &[Keys], to_file: bool) -> Result<Keys> {
    let mut cursors: Vec<Cursor<'_>> = sets.iter().map(Keys::cursor).collect();
    let mut heads = BinaryHeap::new();
    let mut advance = |at: usize, heads: &mut BinaryHeap<Reverse<(Vec<u8>, usize)>>| -> Result<()> {
        if let Some(key) = cursors[at].next()? {
            heads.push(Reverse((key.to_vec(), at)));
        }
        Ok(())
    };
    for at in 0..sets.len() {
        advance(at, &mut heads)?;
    }
    let mut writer = Writer::new(room, to_file);
    let mut last: Option<Vec<u8>> = None;
    while let Some(Reverse((key, at))) = heads.pop() {
        advance(at, &mut heads)?;
        if last.as_ref() != Some(&key) {
            writer.push(&key)?;
            last = Some(key);
        }
    }
    writer.finish()
}
