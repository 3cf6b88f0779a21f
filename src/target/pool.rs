//! The same work on many tables, over a few connections.

use crate::db::Connection;
use crate::error::{Error, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether the first failure ends the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnError {
    /// Nothing new is begun; what runs is finished.
    Stop,
    /// Everything is tried, for a full list of what fails.
    GoOn,
}

/// Does `work` for every item over at most `threads` connections made by `open`. The results are in the order of
/// the items; none for an item that was not begun.
pub(super) fn each<T: Sync, R: Send>(
    open: impl Fn() -> Result<Connection> + Sync,
    threads: usize,
    items: &[T],
    on_error: OnError,
    work: impl Fn(&mut Connection, &T) -> Result<R> + Sync,
) -> Vec<Option<Result<R>>> {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let results = Mutex::new(items.iter().map(|_| None).collect::<Vec<_>>());
    let put = |at: usize, result: Result<R>| {
        if result.is_err() && on_error == OnError::Stop {
            stopped.store(true, Ordering::Relaxed);
        }
        let mut results = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        results[at] = Some(result);
    };
    let take = || {
        if stopped.load(Ordering::Relaxed) {
            return None;
        }
        let at = next.fetch_add(1, Ordering::Relaxed);
        (at < items.len()).then_some(at)
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                let Some(mut at) = take() else { return };
                let mut conn = match open() {
                    Ok(conn) => conn,
                    Err(error) => {
                        stopped.store(true, Ordering::Relaxed);
                        return put(at, Err(error));
                    }
                };
                loop {
                    put(at, work(&mut conn, &items[at]));
                    match take() {
                        Some(another) => at = another,
                        None => return,
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// As [`each`], stopping at the first failure and returning it.
pub(super) fn try_each<T: Sync, R: Send>(
    open: impl Fn() -> Result<Connection> + Sync,
    threads: usize,
    items: &[T],
    work: impl Fn(&mut Connection, &T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let mut out = Vec::with_capacity(items.len());
    let mut unbegun = false;
    let mut results = each(open, threads, items, OnError::Stop, work);
    if let Some(at) = results.iter().position(|result| matches!(result, Some(Err(_))))
        && let Some(Err(error)) = results.swap_remove(at)
    {
        return Err(error);
    }
    for result in results {
        match result {
            Some(result) => out.push(result?),
            None => unbegun = true,
        }
    }
    if unbegun { Err(Error::internal("work on the target was not begun")) } else { Ok(out) }
}
