//! The leak check: strings of columns without a rule are looked at while they are serialized, and a table in which
//! personal data is found ends the run.
//!
//! Two things are looked for. What the run itself masks: before the first table is read, the values that rules replace
//! are read once from every served table (`gather`) and kept as keyed hashes (`originals`); the same value in another
//! column is a leak, whatever it looks like. And what has the shape of personal data or of a secret ([`crate::detect`]).
//! What is found is counted, by column and kind, to the end of the table, or of its chunk where one statement reads the
//! whole table; a value is never kept nor told. The first table that is done ends the run; what others have found by then
//! is told with it.
//!
//! Nothing of a batch with a find leaves: a chunk is sealed only while its table is clean.

mod cell;
mod gather;
mod normal;
mod originals;
mod report;
mod table;

pub(super) use gather::gather;
pub use report::is_leak;
pub(super) use table::TableCheck;

use crate::error::{Error, Result};
use crate::plan::originals::OriginalsPlan;
use crate::plan::policy::Keep;
use crate::plan::run::TablePlan;
use originals::Originals;
use report::Finds;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a run's leak check does.
#[derive(Debug, Clone)]
pub struct LeakPlan {
    /// Where the values are that rules replace.
    pub originals: OriginalsPlan,
    /// Columns that are not looked at.
    pub except: Keep,
}

/// The leak check of one run.
#[derive(Debug)]
pub struct LeakCheck {
    plan: LeakPlan,
    /// There while tables are read.
    originals: Mutex<Option<Arc<Originals>>>,
    finds: Finds,
}

impl LeakCheck {
    /// A check whose values are not gathered yet.
    #[must_use]
    pub fn new(plan: LeakPlan) -> Self {
        Self { plan, originals: Mutex::default(), finds: Finds::default() }
    }

    /// The check of one table.
    ///
    /// # Errors
    /// `Internal` before the values were gathered.
    pub(super) fn table<'a>(&'a self, plan: &'a TablePlan) -> Result<TableCheck<'a>> {
        let originals = self.originals().clone();
        let originals =
            originals.ok_or_else(|| Error::internal("a table came before what its leak check looks for"))?;
        Ok(TableCheck::new(plan, originals, &self.plan.except, &self.finds))
    }

    /// The error of a run whose tables are read no more: with a leak that ended it stands what else was found.
    pub(super) fn tell(&self, error: Error) -> Error {
        if is_leak(&error) { self.finds.tell(error) } else { error }
    }

    /// Lets the gathered values go: every table is read, and the run may wait long for its client.
    pub(super) fn forget(&self) {
        *self.originals() = None;
    }

    fn originals(&self) -> MutexGuard<'_, Option<Arc<Originals>>> {
        self.originals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
