//! How many source connections are in use over all runs.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often a waiter looks whether it still wants a permit.
const LOOK: Duration = Duration::from_millis(200);

/// A counting semaphore.
#[derive(Debug)]
pub struct Permits {
    free: Mutex<usize>,
    given_back: Condvar,
}

/// One of the permits; given back when dropped.
#[derive(Debug)]
pub struct Permit<'a>(&'a Permits);

impl Permits {
    /// So many permits.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), given_back: Condvar::new() }
    }

    /// Waits for a permit; none once `given_up` says so.
    pub fn acquire(&self, given_up: impl Fn() -> bool) -> Option<Permit<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if given_up() {
                return None;
            }
            if *free > 0 {
                *free -= 1;
                return Some(Permit(self));
            }
            free = self.given_back.wait_timeout(free, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Permits {
    /// A permit if one is free.
    pub fn acquire_free(&self) -> Option<Permit<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Permit(self))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
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
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| permits.acquire(|| false).is_some());
            drop(first);
            assert!(waiter.join().unwrap());
        });
    }
}
