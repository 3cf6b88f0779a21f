//! Lists of rows that grow while statements are read: rows go into them one by one, so that no statement's rows are held
//! beside them.

use crate::error::Result;
use crate::plan::subset::{Step, SubsetPlan};
use crate::source::select::keys::{Growing, Keys, Room};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The lists of all tables.
pub(super) struct Lists {
    room: Arc<Room>,
    /// Rows that are listed so far, by table.
    listed: BTreeMap<String, Growing>,
    /// Those of them whose parents are still to be found; only of tables that pull in parents.
    fresh: BTreeMap<String, Growing>,
}

impl Lists {
    /// Empty ones for the tables of a plan.
    pub(super) fn new(plan: &SubsetPlan, room: &Arc<Room>) -> Self {
        let pulling = plan.steps().iter().filter_map(|step| match step {
            Step::Up(tables) => Some(tables),
            _ => None,
        });
        let fresh = pulling.flatten().map(|table| (table.clone(), Growing::new(room))).collect();
        Self { room: Arc::clone(room), listed: BTreeMap::new(), fresh }
    }

    /// Lists a row that is wanted or pulled in; says whether it is new.
    pub(super) fn pull_in(&mut self, table: &str, key: &[u8]) -> Result<bool> {
        if !self.keep(table, key)? {
            return Ok(false);
        }
        if let Some(fresh) = self.fresh.get_mut(table) {
            fresh.insert(key)?;
        }
        Ok(true)
    }

    /// Lists a row whose parents are kept; says whether it is new.
    pub(super) fn keep(&mut self, table: &str, key: &[u8]) -> Result<bool> {
        if !self.listed.contains_key(table) {
            self.listed.insert(table.to_owned(), Growing::new(&self.room));
        }
        self.listed.get_mut(table).map_or(Ok(false), |listed| listed.insert(key))
    }

    /// The rows listed so far; from now on the list is empty.
    pub(super) fn take(&mut self, table: &str) -> Result<Keys> {
        self.listed.remove(table).map_or_else(|| Ok(Keys::empty(&self.room)), Growing::finish)
    }

    /// The rows listed since this was last asked, of a table that pulls in parents.
    pub(super) fn take_fresh(&mut self, table: &str) -> Result<Keys> {
        match self.fresh.get_mut(table) {
            Some(fresh) => std::mem::replace(fresh, Growing::new(&self.room)).finish(),
            None => Ok(Keys::empty(&self.room)),
        }
    }
}
