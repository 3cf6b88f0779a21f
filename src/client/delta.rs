//! Deltas as a pull sees them: what it asks the source about, how each table comes, and what is remembered afterwards.
//! What decides is [`crate::plan::delta`]'s.

use super::kept::Brought;
use super::select::{Pulled, Selection};
use super::state::{Mode, Pair, Records, TableRecord};
use crate::error::{Error, Result};
use crate::plan::delta::{Facts, Here, How, decide};
use crate::target::fingerprint::Fingerprint;
use crate::wire::manifest::Manifest;
use crate::wire::moment::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// What earlier pulls left, and what is wished for now.
#[derive(Debug, Clone)]
pub(super) struct Past {
    records: Records,
    /// The target's identity.
    target: String,
    /// `client.delta_overlap`.
    overlap: Duration,
    /// `--full`: the past does not count.
    full: bool,
}

/// What the target has of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnTable {
    /// What it is known by, and whether it has rows.
    pub(super) fingerprint: Fingerprint,
    /// Why rows cannot be merged into it, if so.
    pub(super) no_merge: Option<&'static str>,
}

impl Past {
    pub(super) fn new(records: &Records, target: String, overlap: Duration, full: bool) -> Self {
        Self { records: records.clone(), target, overlap, full }
    }

    /// From when on the source is to count the rows of its tables, by their names there.
    pub(super) fn news(&self) -> BTreeMap<String, Moment> {
        let last = self.records.last_into(&self.target).filter(|_| !self.full);
        let tables = last.into_iter().flat_map(|record| &record.tables);
        tables
            .filter_map(|(name, record)| Some((name.clone(), record.last().news_since(self.overlap)?)))
            .collect()
    }

    /// Decides how each table comes. `own` are the target's tables by their names there.
    ///
    /// # Errors
    /// `Remote` when the server's clock cannot be read.
    pub(super) fn decide(
        &self,
        selection: &mut Selection,
        manifest: &Manifest,
        pair: &Pair,
        own: &BTreeMap<String, OwnTable>,
    ) -> Result<()> {
        let clock = clock(manifest)?;
        let (record, newest) = (self.records.of(pair), self.records.last_into(&self.target));
        for pulled in &mut selection.pulled {
            let last = record.and_then(|record| record.tables.get(pulled.name()));
            let is_still = |now: &Fingerprint| {
                last.and_then(|last| last.fingerprint.as_ref()).is_some_and(|then| now.is_still(then))
            };
            let here = own.get(&pulled.target_name).map_or(Here::Missing, |own| Here::Table {
                is_still: is_still(&own.fingerprint),
                merges: own.no_merge.map_or(Ok(()), Err),
            });
            pulled.how = decide(&Facts {
                entry: &pulled.entry,
                columns: &pulled.columns_digest(),
                last: last.map(TableRecord::last),
                other_source: newest.is_some_and(|newest| newest.pair != *pair),
                here,
                full: self.full,
                clock,
                overlap: self.overlap,
            });
        }
        let (unchanged, pulled): (Vec<Pulled>, Vec<Pulled>) = std::mem::take(&mut selection.pulled)
            .into_iter()
            .partition(|pulled| matches!(pulled.how, How::Nothing { .. }));
        (selection.unchanged, selection.pulled) = (unchanged, pulled);
        Ok(())
    }

    /// The target's identity.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Tables that would lose rows which no pull brought: they have some, and are replaced for the first time.
    pub(super) fn strangers(&self, selection: &Selection, own: &BTreeMap<String, OwnTable>) -> Vec<String> {
        let is_stranger = |pulled: &&Pulled| {
            matches!(pulled.how, How::Whole(_))
                && own.get(&pulled.target_name).is_some_and(|own| !own.fingerprint.is_empty)
                && !self.records.knows(&self.target, pulled.name())
        };
        selection.pulled.iter().filter(is_stranger).map(|pulled| pulled.target_name.clone()).collect()
    }

    /// Tables that this pull leaves alone and an earlier one brought. Foreign keys that lead from them to tables that are
    /// replaced are made anew, which looks as if somebody had altered them.
    pub(super) fn staying(&self, pair: &Pair, selection: &Selection) -> Vec<String> {
        let is_replaced = |pulled: &Pulled| matches!(pulled.how, How::Whole(_)) && !pulled.is_new;
        if !selection.pulled.iter().any(is_replaced) {
            return Vec::new();
        }
        let is_pulled = |name: &str| selection.pulled.iter().any(|pulled| pulled.name() == name);
        let known = self.records.of(pair).into_iter().flat_map(|record| record.tables.keys());
        known.filter(|name| !is_pulled(name)).cloned().collect()
    }

    /// What to remember of a pull whose tables are in place. `fingerprints` are the target's tables now, `stayed` those of
    /// [`Past::staying`] as they were just before.
    pub(super) fn left(
        &self,
        pulled: &[Pulled],
        pair: &Pair,
        brought: &Brought,
        (stayed, fingerprints): (&BTreeMap<String, Fingerprint>, &BTreeMap<String, Fingerprint>),
        sync: &str,
    ) -> BTreeMap<String, TableRecord> {
        let old = |name: &str| self.records.of(pair).and_then(|record| record.tables.get(name));
        let record = |pulled: &Pulled| {
            let is_delta = pulled.how.after().is_some();
            let before = old(pulled.name()).filter(|_| is_delta);
            let told = brought.tables.get(pulled.name()).and_then(|table| table.checkpoint);
            TableRecord {
                // What was read before still is: a delta that brought nothing with a time moves nothing.
                checkpoint: told.or(before.and_then(|before| before.checkpoint)),
                digest: pulled.entry.digest.clone(),
                columns: pulled.columns_digest(),
                fingerprint: fingerprints.get(&pulled.target_name).cloned(),
                clock: brought.clock,
                pulled_whole: before.map_or(brought.loaded, |before| before.pulled_whole),
                sync: sync.to_owned(),
            }
        };
        let stays = |(name, before): (&String, &Fingerprint)| {
            let known = old(name)
                .filter(|known| known.fingerprint.as_ref().is_some_and(|then| before.is_still(then)))?;
            let now = fingerprints.get(name).cloned();
            Some((name.clone(), TableRecord { fingerprint: now, ..known.clone() }))
        };
        let pulled = pulled.iter().map(|pulled| (pulled.name().to_owned(), record(pulled)));
        stayed.iter().filter_map(stays).chain(pulled).collect()
    }
}

/// The source's clock.
pub(super) fn clock(manifest: &Manifest) -> Result<Moment> {
    manifest.server_time.parse().map_err(|_| Error::integrity("the manifest's time is none"))
}

/// Delta if at least one table does not come whole.
pub(super) fn mode(selection: &Selection) -> Mode {
    let is_delta = |pulled: &Pulled| pulled.how.after().is_some();
    let less = !selection.unchanged.is_empty() || selection.pulled.iter().any(is_delta);
    if less { Mode::Delta } else { Mode::Full }
}

#[cfg(test)]
#[path = "delta_tests.rs"]
mod tests;
