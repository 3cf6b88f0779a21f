//! `--verify`: keeps the digest of every row that the target took, to be compared with what it gives back.

use super::fetch::{FetchTable, Loaded, Sink};
use super::link::Witness;
use super::summary::{Partly, Verified};
use crate::error::Result;
use crate::sql::digest::{RowHasher, TableDigest};
use crate::target::load::Removal;
use crate::target::reread::Compared;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What arrived in each table and stays there.
#[derive(Debug)]
pub(super) struct Ledger {
    compared: Vec<Compared>,
    /// By the table's name on the target.
    sent: Mutex<BTreeMap<String, TableDigest>>,
}

impl Ledger {
    /// Empty, for these tables.
    pub(super) fn new(compared: Vec<Compared>) -> Arc<Self> {
        Arc::new(Self { compared, sent: Mutex::default() })
    }

    /// What arrived, table by table.
    pub(super) fn sent(&self) -> Vec<(Compared, TableDigest)> {
        let sent = self.lock();
        let digest = |table: &str| sent.get(table).copied().unwrap_or_default();
        self.compared.iter().map(|compared| (compared.clone(), digest(&compared.table))).collect()
    }

    /// What to tell when everything was read back as it arrived.
    pub(super) fn verified(&self, took: Duration) -> Verified {
        let partly = self.compared.iter().filter(|compared| !compared.left_out.is_empty());
        Verified {
            tables: self.compared.len() as u64,
            rows: self.lock().values().map(|digest| digest.rows()).sum(),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            partly: partly
                .map(|compared| Partly {
                    table: compared.table.clone(),
                    columns: compared.columns() as u64,
                    left_out: compared.left_out.clone(),
                })
                .collect(),
        }
    }

    fn compared(&self, table: &str) -> Option<&Compared> {
        self.compared.iter().find(|compared| compared.table == table)
    }

    fn hasher(&self, table: &str) -> RowHasher {
        self.compared(table).map_or_else(|| RowHasher::new(Vec::new()), Compared::hasher)
    }

    fn keep(&self, table: &str, came: TableDigest, went: TableDigest) {
        let mut sent = self.lock();
        let entry = sent.entry(table.to_owned()).or_default();
        *entry = entry.and(came).without(went);
    }

    /// A table was emptied.
    fn forget(&self, table: &str) {
        self.lock().remove(table);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, TableDigest>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sink that writes every chunk it keeps into the ledger.
pub(super) struct Recording<S> {
    inner: S,
    ledger: Arc<Ledger>,
    /// The open chunk's rows.
    chunk: RowHasher,
    /// Rows of earlier chunks that the open one takes back.
    removed: TableDigest,
}

impl<S: Witness> Recording<S> {
    /// In front of `inner`.
    pub(super) fn new(inner: S, ledger: &Arc<Ledger>) -> Self {
        Self {
            inner,
            ledger: Arc::clone(ledger),
            chunk: RowHasher::new(Vec::new()),
            removed: TableDigest::default(),
        }
    }

    fn keep(&mut self, table: &FetchTable) {
        self.ledger.keep(&table.target_name, self.chunk.take(), std::mem::take(&mut self.removed));
    }
}

impl<S: Witness> Sink for Recording<S> {
    fn begin(&mut self, table: &FetchTable, chunk: u32) -> Result<Option<Loaded>> {
        let is_in = self.inner.begin(table, chunk)?;
        if is_in.is_none() {
            self.chunk = self.ledger.hasher(&table.target_name);
            self.removed = TableDigest::default();
        } else {
            // The commit that seemed to fail had not: the rows of the attempt before are in.
            self.keep(table);
        }
        Ok(is_in)
    }

    fn load(&mut self, table: &FetchTable, values: &str, rows: u64) -> Result<()> {
        self.inner.load(table, values, rows)?;
        self.chunk.statement(values);
        Ok(())
    }

    fn remove(&mut self, table: &FetchTable, removal: &Removal<'_>) -> Result<()> {
        let compared = self.ledger.compared(&table.target_name);
        self.removed = self.removed.and(self.inner.remove_compared(table, removal, compared)?);
        Ok(())
    }

    fn commit(&mut self, table: &FetchTable, chunk: u32) -> Result<()> {
        self.inner.commit(table, chunk)?;
        self.keep(table);
        Ok(())
    }

    fn roll_back(&mut self) -> Result<()> {
        self.inner.roll_back()
    }

    fn restart(&mut self, table: &FetchTable) -> Result<()> {
        self.inner.restart(table)?;
        self.ledger.forget(&table.target_name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};

    /// Answers `begin` and `commit` from a script; takes all rows.
    #[derive(Default)]
    struct Scripted {
        is_in: bool,
        commit_fails: bool,
    }

    impl Sink for Scripted {
        fn begin(&mut self, _: &FetchTable, _: u32) -> Result<Option<Loaded>> {
            Ok(self.is_in.then(Loaded::default))
        }

        fn load(&mut self, _: &FetchTable, _: &str, _: u64) -> Result<()> {
            Ok(())
        }

        fn remove(&mut self, table: &FetchTable, removal: &Removal<'_>) -> Result<()> {
            self.remove_compared(table, removal, None).map(|_| ())
        }

        fn commit(&mut self, _: &FetchTable, _: u32) -> Result<()> {
            if self.commit_fails { Err(Error::new(Kind::Target, "gone").retryable()) } else { Ok(()) }
        }

        fn roll_back(&mut self) -> Result<()> {
            Ok(())
        }

        fn restart(&mut self, _: &FetchTable) -> Result<()> {
            Ok(())
        }
    }

    impl Witness for Scripted {
        fn remove_compared(
            &mut self,
            _: &FetchTable,
            removal: &Removal<'_>,
            _: Option<&Compared>,
        ) -> Result<TableDigest> {
            let mut hasher = RowHasher::new(Vec::new());
            hasher.statement(removal.values.trim_end().trim_end_matches(");"));
            Ok(hasher.take())
        }
    }

    fn table() -> FetchTable {
        FetchTable {
            name: "t".into(),
            target_name: "t".into(),
            columns: vec!["a".into()],
            target_columns: vec!["a".into()],
            bytes_estimate: 0,
            transactional: true,
            after: None,
            loaded: Default::default(),
        }
    }

    fn rows(recording: &Recording<Scripted>) -> u64 {
        recording.ledger.verified(Duration::ZERO).rows
    }

    #[test]
    fn only_what_was_kept_is_in_the_ledger() {
        let mut recording = Recording::new(Scripted::default(), &Ledger::new(Vec::new()));
        assert!(recording.begin(&table(), 0).unwrap().is_none());
        recording.load(&table(), "(1),\n(2);\n", 2).unwrap();
        recording.roll_back().unwrap();
        assert!(recording.begin(&table(), 0).unwrap().is_none());
        recording.load(&table(), "(1),\n(2),\n(3);\n", 3).unwrap();
        assert_eq!(rows(&recording), 0, "not before the commit");
        recording.commit(&table(), 0).unwrap();
        assert_eq!(rows(&recording), 3, "rows that were rolled back do not count");
    }

    #[test]
    fn rows_that_are_taken_back_leave_the_ledger_with_their_chunk() {
        let mut recording = Recording::new(Scripted::default(), &Ledger::new(Vec::new()));
        recording.begin(&table(), 0).unwrap();
        recording.load(&table(), "(1),\n(2),\n(3);\n", 3).unwrap();
        recording.commit(&table(), 0).unwrap();
        let removal = Removal { columns: &["a"], values: "(1),\n(3));\n", rows: 2 };
        for _ in 0..2 {
            recording.begin(&table(), 1).unwrap();
            recording.remove(&table(), &removal).unwrap();
            assert_eq!(rows(&recording), 3, "not before the commit");
            recording.roll_back().unwrap();
        }
        recording.begin(&table(), 1).unwrap();
        recording.remove(&table(), &removal).unwrap();
        recording.commit(&table(), 1).unwrap();
        assert_eq!(rows(&recording), 1);
        recording.restart(&table()).unwrap();
        assert_eq!(rows(&recording), 0, "a table that was emptied");
    }

    #[test]
    fn a_commit_that_only_seemed_to_fail_counts_once() {
        let mut recording = Recording::new(Scripted::default(), &Ledger::new(Vec::new()));
        recording.begin(&table(), 0).unwrap();
        recording.load(&table(), "(1),\n(2);\n", 2).unwrap();
        recording.inner.commit_fails = true;
        assert!(recording.commit(&table(), 0).is_err());
        recording.roll_back().unwrap();
        recording.inner.is_in = true;
        assert!(recording.begin(&table(), 0).unwrap().is_some());
        assert_eq!(rows(&recording), 2);
        assert!(recording.begin(&table(), 0).unwrap().is_some());
        assert_eq!(rows(&recording), 2, "and not twice");
    }
}
