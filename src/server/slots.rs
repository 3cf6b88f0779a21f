//! Counted places: at most so many connections, streams or threads at once, and a way to wait until all are free.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A fixed number of places.
#[derive(Debug, Clone)]
pub(super) struct Slots(Arc<State>);

#[derive(Debug)]
struct State {
    limit: usize,
    taken: Mutex<usize>,
    freed: Condvar,
}

/// One taken place; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<State>);

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self(Arc::new(State { limit, taken: Mutex::new(0), freed: Condvar::new() }))
    }

    /// A place, unless all are taken.
    pub(super) fn take(&self) -> Option<Slot> {
        let mut taken = self.0.lock();
        if *taken >= self.0.limit {
            return None;
        }
        *taken += 1;
        Some(Slot(Arc::clone(&self.0)))
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        *self.0.lock()
    }

    /// Whether every place is taken.
    pub(super) fn is_full(&self) -> bool {
        self.taken() >= self.0.limit
    }

    /// Waits until all places are free; false when `deadline` came first.
    pub(super) fn wait_free(&self, deadline: Instant) -> bool {
        let mut taken = self.0.lock();
        while *taken > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            taken = self.0.freed.wait_timeout(taken, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl State {
    /// A number cannot be left half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.0.lock();
        *taken = taken.saturating_sub(1);
        self.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn places_are_counted_and_come_back() {
        let slots = Slots::new(2);
        let first = slots.take().unwrap();
        let second = slots.take().unwrap();
        assert!(slots.take().is_none() && slots.is_full());
        drop(first);
        assert_eq!(slots.taken(), 1);
        assert!(!slots.wait_free(Instant::now()));
        let waiting = std::thread::spawn({
            let slots = slots.clone();
            move || slots.wait_free(Instant::now() + Duration::from_secs(30))
        });
        drop(second);
        assert!(waiting.join().unwrap());
    }
}
