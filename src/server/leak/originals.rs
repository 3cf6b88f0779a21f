//! The values that rules replace, as keyed hashes: 64 bits each, the key random and of this run alone, so that nothing
//! in the process's memory says what they were.

use super::normal::{Telling, normalised};
use std::hash::{BuildHasher, RandomState};

/// Slots of the largest table: 72 MiB.
const SLOTS_MAX: usize = 1 << 23;
const SLOTS_FIRST: usize = 1 << 10;
/// Words that more values than this share are a phrase (`not available`) and nobody's name.
const PHRASE: u8 = 50;
/// In a slot's note: words only. The rest counts.
const WORDS: u8 = 0x80;

/// The set. It holds every value as long as there is room; then every second one, every fourth: which ones is decided by
/// their hashes, so each value is found with the same chance, and a column that was copied is found for certain.
#[derive(Debug)]
pub(super) struct Originals {
    key: RandomState,
    /// Hashes; 0 is a free slot.
    slots: Vec<u64>,
    notes: Vec<u8>,
    used: usize,
    slots_max: usize,
    /// One of so many values is kept, as a power of two.
    thinned: u32,
}

impl Originals {
    pub(super) fn new() -> Self {
        Self::with_room(SLOTS_MAX)
    }

    fn with_room(slots_max: usize) -> Self {
        let first = SLOTS_FIRST.min(slots_max);
        Self {
            key: RandomState::new(),
            slots: vec![0; first],
            notes: vec![0; first],
            used: 0,
            slots_max,
            thinned: 0,
        }
    }

    /// How many values are held.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// One of so many values is looked for; 1: all of them.
    pub(super) fn one_in(&self) -> u64 {
        1 << self.thinned
    }

    /// Puts a value in, if it tells anything.
    pub(super) fn add(&mut self, value: &[u8], scratch: &mut Vec<u8>) {
        let Some(telling) = normalised(value, scratch) else { return };
        let hash = self.hash(scratch);
        if self.is_kept(hash) {
            let words = if telling == Telling::Words { WORDS } else { 0 };
            self.put(hash, words | 1);
            self.make_room();
        }
    }

    /// Whether the value is one of them.
    pub(super) fn holds(&self, value: &[u8], scratch: &mut Vec<u8>) -> bool {
        if self.used == 0 || normalised(value, scratch).is_none() {
            return false;
        }
        let hash = self.hash(scratch);
        let place = self.place(hash);
        let is_phrase = self.notes[place] & WORDS != 0 && self.notes[place] & !WORDS > PHRASE;
        self.slots[place] == hash && !is_phrase
    }

    fn hash(&self, value: &[u8]) -> u64 {
        self.key.hash_one(value).max(1)
    }

    fn is_kept(&self, hash: u64) -> bool {
        hash.trailing_zeros() >= self.thinned
    }

    /// Where the hash is, or the free slot where it belongs. There always is a free one.
    fn place(&self, hash: u64) -> usize {
        let last = self.slots.len() - 1;
        // Thinned hashes differ in their upper bits.
        let mut place = usize::try_from(hash >> 32).unwrap_or(0) & last;
        while self.slots[place] != 0 && self.slots[place] != hash {
            place = (place + 1) & last;
        }
        place
    }

    fn put(&mut self, hash: u64, note: u8) {
        let place = self.place(hash);
        if self.slots[place] == 0 {
            self.slots[place] = hash;
            self.notes[place] = note;
            self.used += 1;
        } else {
            let sum = (self.notes[place] & !WORDS).saturating_add(note & !WORDS).min(!WORDS);
            self.notes[place] = note & WORDS | sum;
        }
    }

    /// Keeps a fifth of the slots free.
    fn make_room(&mut self) {
        while self.used * 5 > self.slots.len() * 4 {
            let more = self.slots.len() * 2;
            let slots = if more <= self.slots_max { more } else { self.slots.len() };
            if slots == self.slots.len() {
                self.thinned += 1;
            }
            let old = std::mem::replace(&mut self.slots, vec![0; slots]);
            let notes = std::mem::replace(&mut self.notes, vec![0; slots]);
            self.used = 0;
            for (hash, note) in old.into_iter().zip(notes) {
                if hash != 0 && self.is_kept(hash) {
                    self.put(hash, note);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(originals: &mut Originals, value: &str) {
        originals.add(value.as_bytes(), &mut Vec::new());
    }

    fn holds(originals: &Originals, value: &str) -> bool {
        originals.holds(value.as_bytes(), &mut Vec::new())
    }

    #[test]
    fn values_are_found_as_they_compare_and_others_are_not() {
        let mut originals = Originals::new();
        assert!(!holds(&originals, "Anna Berg"));
        for number in 0..5000 {
            add(&mut originals, &format!("Anna Berg {number}"));
        }
        add(&mut originals, "open");
        assert_eq!((originals.len(), originals.one_in()), (5000, 1));
        assert!((0..5000).all(|number| holds(&originals, &format!(" ANNA  berg {number}"))));
        assert!((5000..90_000).all(|number| !holds(&originals, &format!("Anna Berg {number}"))));
        assert!(!holds(&originals, "open"));
    }

    #[test]
    fn a_full_set_holds_an_even_part_of_the_values() {
        let mut originals = Originals::with_room(1 << 12);
        for number in 0..40_000 {
            add(&mut originals, &format!("user{number}@web.de"));
        }
        assert_eq!(originals.slots.len(), 1 << 12);
        assert_eq!(originals.one_in(), 16);
        let found = (0..40_000).filter(|number| holds(&originals, &format!("user{number}@web.de"))).count();
        assert_eq!(found, originals.len());
        assert!((2000..3000).contains(&found), "{found} of 40000");
        assert!((40_000..80_000).all(|number| !holds(&originals, &format!("user{number}@web.de"))));
    }

    #[test]
    fn words_that_many_values_share_are_a_phrase() {
        let mut originals = Originals::new();
        for _ in 0..50 {
            add(&mut originals, "not available");
            add(&mut originals, "Anna Berg");
            add(&mut originals, "anna@web.de");
        }
        assert!(holds(&originals, "Not available"));
        for _ in 0..300 {
            add(&mut originals, "not available");
            add(&mut originals, "anna@web.de");
        }
        assert!(!holds(&originals, "Not available"));
        assert!(holds(&originals, "Anna Berg") && holds(&originals, "anna@web.de"));
    }

    #[test]
    fn each_set_has_a_key_of_its_own() {
        let (one, other) = (Originals::new(), Originals::new());
        assert_ne!(one.hash(b"anna berg"), other.hash(b"anna berg"));
    }
}
