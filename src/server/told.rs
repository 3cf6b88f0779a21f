//! Warnings that are in the log already: what stays as it is from run to run is told once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What was told so far.
#[derive(Debug, Default)]
pub struct Told(Mutex<BTreeSet<String>>);

impl Told {
    /// Writes those into the log that are new.
    pub fn tell<'a>(&self, warnings: impl IntoIterator<Item = &'a str>) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in warnings {
            if told.insert(warning.to_owned()) {
                tracing::warn!("{warning}");
            }
        }
    }
}
