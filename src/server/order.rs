//! What of a run is worked when: the subset first, tables that it does not concern beside it, the others behind it; tables
//! that cannot be in a snapshot when all others are taken.

use crate::plan::run::{Route, TablePlan};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a waiting worker looks whether the run has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Finding the kept rows of restricted tables.
    Subset,
    /// The table at that position.
    Table(usize),
}

/// The jobs of a run.
#[derive(Debug)]
pub struct Jobs {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Whether nobody took the subset yet.
    subset: bool,
    /// Whether somebody is at it.
    finding: bool,
    /// Last first: the largest begin first, copies before what is read directly.
    ready: Vec<usize>,
    /// Behind the subset, in the same order.
    held: Vec<usize>,
    /// Behind all others.
    last: Vec<usize>,
}

impl Jobs {
    /// The jobs for `tables`, of which some come last.
    #[must_use]
    pub fn new(tables: &[TablePlan], is_last: impl Fn(&TablePlan) -> bool) -> Self {
        let mut order: Vec<usize> = (0..tables.len()).collect();
        order.sort_by_key(|at| (matches!(tables[*at].route, Route::Copy(_)), tables[*at].table.bytes));
        let subset = tables.iter().any(|plan| plan.restricted);
        let (last, others): (Vec<_>, Vec<_>) = order.into_iter().partition(|at| is_last(&tables[*at]));
        let (held, ready): (Vec<_>, Vec<_>) = others.into_iter().partition(|at| tables[*at].restricted);
        let state = State { subset, finding: false, ready, held, last };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next job; waits where one may come, and asks `ended` meanwhile. None when there are no more, or the run has ended.
    pub fn next(&self, mut ended: impl FnMut() -> bool) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if ended() {
                return None;
            }
            if std::mem::take(&mut state.subset) {
                state.finding = true;
                return Some(Job::Subset);
            }
            if let Some(table) = state.ready.pop() {
                return Some(Job::Table(table));
            }
            if state.held.is_empty() && !state.finding {
                return state.last.pop().map(Job::Table);
            }
            let waited = self.changed.wait_timeout(state, LOOK_EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The kept rows are known.
    pub fn subset_done(&self) {
        let mut state = self.lock();
        let held = std::mem::take(&mut state.held);
        state.ready.extend(held);
        state.finding = false;
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::run::{MaskAt, Strategy};
    use crate::schema::{Column, Table};

    fn table(name: &str, bytes: u64, restricted: bool) -> TablePlan {
        let table = Table { bytes, ..Table::new(name, vec![Column::new("id", "int")]) };
        TablePlan::new(&table, None, None, restricted, Strategy::Copies(MaskAt::Update), Vec::new()).unwrap()
    }

    #[test]
    fn restricted_tables_wait_for_the_subset_and_others_do_not() {
        let jobs = Jobs::new(&[table("a", 1, true), table("b", 2, false), table("c", 3, true)], |_| false);
        let next = || jobs.next(|| false);
        assert_eq!(next(), Some(Job::Subset));
        assert_eq!(next(), Some(Job::Table(1)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(next);
            jobs.subset_done();
            assert_eq!(waiting.join().unwrap(), Some(Job::Table(2)));
        });
        assert_eq!(next(), Some(Job::Table(0)));
        assert_eq!(next(), None);
    }

    #[test]
    fn the_last_come_behind_restricted_ones_however_large_they_are() {
        let tables = [table("a", 9, true), table("b", 1, false), table("c", 5, false)];
        let jobs = Jobs::new(&tables, |plan| plan.table.name != "b");
        let next = || jobs.next(|| false);
        assert_eq!((next(), next()), (Some(Job::Subset), Some(Job::Table(1))));
        jobs.subset_done();
        assert_eq!((next(), next(), next()), (Some(Job::Table(0)), Some(Job::Table(2)), None));
    }

    #[test]
    fn an_ended_run_keeps_nobody_waiting() {
        let jobs = Jobs::new(&[table("a", 1, true)], |_| false);
        assert_eq!(jobs.next(|| false), Some(Job::Subset));
        assert_eq!(jobs.next(|| true), None);
    }
}
