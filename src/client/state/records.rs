//! What is known of the targets that this machine pulled into: per table how far the source was read, and by what a
//! later pull knows that nothing but new rows came since. Names, digests and times only.

use crate::plan::delta::Last;
use crate::target::fingerprint::Fingerprint;
use crate::wire::moment::Moment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many targets are remembered.
const TARGETS_MAX: usize = 10;

/// Which database was pulled into, and from which: a record holds for exactly this pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The target's identity: its server and database.
    pub target: String,
    /// The source's identity: its server and database.
    pub source: String,
}

/// One table as the last pull left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRecord {
    /// Up to here its rows were read for sure, the overlap not yet subtracted; none where no delta can go by it.
    pub checkpoint: Option<Moment>,
    /// The manifest's digest of its columns, keys and rules.
    pub digest: String,
    /// Digest of the pulled columns' names.
    pub columns: String,
    /// The target's table after the pull; none where it could not be looked at.
    pub fingerprint: Option<Fingerprint>,
    /// The source's clock at that pull.
    pub clock: Moment,
    /// When every row of it was pulled, seconds since the epoch: rows that the source deleted since are still here.
    pub pulled_whole: i64,
    /// The pull.
    pub sync: String,
}

impl TableRecord {
    /// What it says about the source.
    #[must_use]
    pub fn last(&self) -> Last<'_> {
        let Self { checkpoint, digest, columns, clock, .. } = self;
        Last { checkpoint: *checkpoint, digest, columns, clock: *clock }
    }

    /// From when on a delta asks for rows; none if the table comes whole.
    #[must_use]
    pub fn since(&self, overlap: Duration) -> Option<Moment> {
        self.last().since(overlap)
    }
}

/// A target, as pulls from one source left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// Target and source.
    #[serde(flatten)]
    pub pair: Pair,
    /// The target, `host:port/database`, for showing.
    pub target_name: String,
    /// Name of the source database, for showing.
    pub source_name: String,
    /// When it was pulled into last, seconds since the epoch.
    pub used: i64,
    /// By the tables' names at the source.
    pub tables: BTreeMap<String, TableRecord>,
}

/// All targets that are remembered, the one used last at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Records(Vec<TargetRecord>);

impl Records {
    /// What pulls from this source left in this target.
    #[must_use]
    pub fn of(&self, pair: &Pair) -> Option<&TargetRecord> {
        self.0.iter().find(|record| record.pair == *pair)
    }

    /// What the last pull into this target left, from whatever source.
    #[must_use]
    pub fn last_into(&self, target: &str) -> Option<&TargetRecord> {
        self.0.iter().rev().find(|record| record.pair.target == target)
    }

    /// The target that was pulled into last.
    #[must_use]
    pub fn last(&self) -> Option<&TargetRecord> {
        self.0.last()
    }

    /// Whether a table of this target was ever pulled, from whatever source.
    #[must_use]
    pub fn knows(&self, target: &str, table: &str) -> bool {
        self.0.iter().any(|record| record.pair.target == target && record.tables.contains_key(table))
    }

    /// Notes what a pull left: its tables' records replace the old ones, other tables keep theirs.
    pub fn note(&mut self, pulled: TargetRecord) {
        let old = self.0.iter().position(|record| record.pair == pulled.pair).map(|at| self.0.remove(at));
        let mut tables = old.map(|record| record.tables).unwrap_or_default();
        tables.extend(pulled.tables);
        self.0.push(TargetRecord { tables, ..pulled });
        let surplus = self.0.len().saturating_sub(TARGETS_MAX);
        self.0.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(target: &str, source: &str, tables: &[(&str, &str)]) -> TargetRecord {
        let table = |sync: &str| TableRecord {
            checkpoint: None,
            digest: "d".into(),
            columns: "c".into(),
            fingerprint: None,
            clock: "2026-11-22 10:00:00".parse().unwrap(),
            pulled_whole: 0,
            sync: sync.into(),
        };
        TargetRecord {
            pair: Pair { target: target.into(), source: source.into() },
            target_name: target.into(),
            source_name: source.into(),
            used: 0,
            tables: tables.iter().map(|(name, sync)| ((*name).to_owned(), table(sync))).collect(),
        }
    }

    #[test]
    fn a_pull_replaces_the_records_of_its_own_tables_only() {
        let mut records = Records::default();
        records.note(record("a", "s", &[("users", "1"), ("posts", "1")]));
        records.note(record("b", "s", &[("users", "2")]));
        records.note(record("a", "s", &[("users", "3"), ("tags", "3")]));
        let pair = Pair { target: "a".into(), source: "s".into() };
        let tables = &records.of(&pair).unwrap().tables;
        let syncs: Vec<&str> = tables.values().map(|table| table.sync.as_str()).collect();
        assert_eq!(syncs, ["1", "3", "3"]);
        assert_eq!(records.of(&Pair { target: "b".into(), ..pair }).unwrap().tables["users"].sync, "2");
        assert_eq!(records.last().unwrap().pair.target, "a");
    }

    #[test]
    fn sources_are_kept_apart_and_tables_are_known_from_any() {
        let mut records = Records::default();
        records.note(record("a", "one", &[("users", "1")]));
        records.note(record("a", "two", &[("posts", "2")]));
        assert_eq!(records.last_into("a").unwrap().pair.source, "two");
        assert!(records.knows("a", "users") && records.knows("a", "posts"));
        assert!(!records.knows("b", "users") && !records.knows("a", "tags"));
        assert_eq!(records.of(&Pair { target: "a".into(), source: "three".into() }), None);
    }

    #[test]
    fn only_the_latest_targets_are_kept() {
        let mut records = Records::default();
        for number in 0..12 {
            records.note(record(&format!("t{number}"), "s", &[]));
        }
        records.note(record("t2", "s", &[]));
        let kept: Vec<&str> = records.0.iter().map(|record| record.pair.target.as_str()).collect();
        assert_eq!(kept, ["t3", "t4", "t5", "t6", "t7", "t8", "t9", "t10", "t11", "t2"]);
    }
}
