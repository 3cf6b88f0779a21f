//! How many source connections are in use over all runs.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a waiter looks whether it still wants a permit.
const LOOK: Duration = Duration::from_millis(200);

/// A counting semaphore.
#[derive(Debug)]
pub struct Permits {
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// How many wait for one.
    waiting: usize,
}

/// One of the permits; given back when dropped.
#[derive(Debug)]
pub struct Permit<'a>(&'a Permits);

impl Permits {
    /// So many permits.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { state: Mutex::new(State { free: count, waiting: 0 }), given_back: Condvar::new() }
    }

    /// Waits for a permit; none once `given_up` says so.
    pub fn acquire(&self, given_up: impl Fn() -> bool) -> Option<Permit<'_>> {
        let mut state = self.lock();
        loop {
            if given_up() {
                return None;
            }
            if state.free > 0 {
                state.free -= 1;
                return Some(Permit(self));
            }
            state.waiting += 1;
            state = self.given_back.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    /// A permit if one is free.
    pub fn acquire_free(&self) -> Option<Permit<'_>> {
        let mut state = self.lock();
        state.free = state.free.checked_sub(1)?;
        Some(Permit(self))
    }

    /// Whether somebody waits for a permit: who has one that it does not need at the moment gives it back.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.lock().waiting > 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_come_back_and_waiters_may_give_up() {
        let permits = Permits::new(1);
        let first = permits.acquire(|| false).unwrap();
        assert!(permits.acquire(|| true).is_none() && permits.acquire_free().is_none());
        assert!(!permits.is_wanted());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| permits.acquire(|| false).is_some());
            while !permits.is_wanted() {
                std::thread::yield_now();
            }
            drop(first);
            assert!(waiter.join().unwrap());
        });
        assert!(!permits.is_wanted());
    }
}
