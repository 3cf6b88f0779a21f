//! Which chunk is loaded next. Pure: it knows tables, what the server announced and what was loaded.
//!
//! The biggest table goes first, so that no big one is left alone at the end; one writer per table at a time, because
//! two on one table wait for each other on both servers (AUTO_INCREMENT locks, page splits at the same place).

use super::Fetched;
use crate::error::{Error, Result};
use crate::wire::api::{RunStatus, TablePhase};
use crate::wire::moment::Moment;
use std::collections::HashMap;

/// Most tables that are named as those that the server is busy with: limits concern all of them at once.
const NAMES_MAX: usize = 8;

/// One chunk to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Index of the table in the run.
    pub(super) table: usize,
    /// The chunk's ordinal.
    pub(super) chunk: u32,
}

/// What one chunk did, or all chunks of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Rows added.
    pub rows: u64,
    /// Rows of earlier chunks taken back.
    pub removed: u64,
}

#[derive(Debug)]
struct Entry {
    name: String,
    bytes_estimate: u64,
    /// What the server does with it.
    phase: TablePhase,
    /// Chunks `0..announced` can be fetched.
    announced: u32,
    /// Chunks `0..loaded` are loaded.
    loaded: u32,
    /// Somebody is loading chunk `loaded`.
    taken: bool,
    /// What was done.
    done: Loaded,
    /// What all chunks do, once the server knows.
    announced_end: Option<Loaded>,
    /// Up to where the server has read for sure, once it knows.
    checkpoint: Option<Moment>,
}

impl Entry {
    /// Rows that are there.
    fn rows(&self) -> u64 {
        self.done.rows.saturating_sub(self.done.removed)
    }

    fn is_done(&self) -> bool {
        self.announced_end.is_some() && !self.taken && self.loaded == self.announced
    }
}

/// The state of a run's loading.
#[derive(Debug)]
pub(super) struct Schedule {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    /// Indexes of `entries`, biggest first.
    order: Vec<usize>,
}

impl Schedule {
    /// A schedule for tables with their estimated sizes, in the run's order.
    pub(super) fn new(tables: impl IntoIterator<Item = (String, u64)>) -> Self {
        let entries: Vec<Entry> = tables
            .into_iter()
            .map(|(name, bytes_estimate)| Entry {
                name,
                bytes_estimate,
                phase: TablePhase::Waiting,
                announced: 0,
                loaded: 0,
                taken: false,
                done: Loaded::default(),
                announced_end: None,
                checkpoint: None,
            })
            .collect();
        let by_name = entries.iter().enumerate().map(|(at, entry)| (entry.name.clone(), at)).collect();
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(entries[at].bytes_estimate));
        Self { entries, by_name, order }
    }

    /// The first `chunks` chunks of a table are in already.
    pub(super) fn resume(&mut self, table: usize, chunks: u32, done: Loaded) {
        let entry = &mut self.entries[table];
        entry.announced = chunks;
        entry.loaded = chunks;
        entry.done = done;
    }

    /// A table was emptied by the worker that has it: it begins again. Tells what was in it.
    pub(super) fn restart(&mut self, table: usize) -> Loaded {
        let entry = &mut self.entries[table];
        entry.taken = false;
        entry.loaded = 0;
        std::mem::take(&mut entry.done)
    }

    /// Takes in what the server announced. Tells the tables, with their rows, whose end was loaded before the server
    /// knew that it was the end.
    ///
    /// # Errors
    /// `Integrity` when it takes something back, or speaks of a table that was not asked for.
    pub(super) fn announce(&mut self, status: &RunStatus) -> Result<Vec<(usize, u64)>> {
        let mut ended = Vec::new();
        for table in &status.tables {
            let Some(&at) = self.by_name.get(&table.name) else {
                return Err(Error::integrity("the server's run has a table that was not asked for"));
            };
            let entry = &mut self.entries[at];
            let all = Loaded { rows: table.rows, removed: table.removed };
            let was_done = entry.is_done();
            let took_back = table.chunks < entry.announced
                || entry.announced_end.is_some_and(|end| {
                    table.phase != TablePhase::Done || end != all || table.chunks != entry.announced
                });
            if took_back {
                return Err(Error::integrity(format!(
                    "table `{}`: the server took back what it had announced",
                    entry.name
                )));
            }
            entry.announced = table.chunks;
            entry.phase = table.phase;
            if table.phase == TablePhase::Done {
                entry.announced_end = Some(all);
                entry.checkpoint = table.checkpoint;
            }
            if !was_done && entry.is_done() {
                ended.push((at, entry.rows()));
            }
        }
        Ok(ended)
    }

    /// What the server is busy with, in a line.
    pub(super) fn server(&self) -> String {
        let names = |phase: TablePhase| {
            let mut names = self.entries.iter().filter(|e| e.phase == phase).map(|e| e.name.as_str());
            let shown: Vec<&str> = names.by_ref().take(NAMES_MAX).collect();
            match names.count() {
                0 => shown.join(", "),
                more => format!("{} and {more} more", shown.join(", ")),
            }
        };
        let (copy, dump) = (names(TablePhase::Copy), names(TablePhase::Dump));
        let checks = self.entries.iter().any(|entry| entry.phase == TablePhase::Check);
        match (copy.is_empty(), dump.is_empty()) {
            (true, true) if checks => "server looks for rows without parents".to_owned(),
            (true, true) => String::new(),
            (false, true) => format!("server copies {copy}"),
            (true, false) => format!("server reads {dump}"),
            (false, false) => format!("server copies {copy}, reads {dump}"),
        }
    }

    /// The next chunk to load, if one is there now; it is the caller's until [`Schedule::loaded`].
    pub(super) fn take(&mut self) -> Option<Job> {
        let entries = &mut self.entries;
        let table = self
            .order
            .iter()
            .copied()
            .find(|&at| !entries[at].taken && entries[at].loaded < entries[at].announced)?;
        entries[table].taken = true;
        Some(Job { table, chunk: entries[table].loaded })
    }

    /// A chunk was loaded. Tells the table's rows if that was its end.
    pub(super) fn loaded(&mut self, job: Job, loaded: Loaded) -> Option<u64> {
        let entry = &mut self.entries[job.table];
        entry.taken = false;
        entry.loaded = job.chunk + 1;
        entry.done.rows += loaded.rows;
        entry.done.removed += loaded.removed;
        entry.is_done().then_some(entry.rows())
    }

    /// Whether the server has told how every table ends.
    pub(super) fn is_announced(&self) -> bool {
        self.entries.iter().all(|entry| entry.announced_end.is_some())
    }

    /// Whether every table is loaded to its end.
    pub(super) fn is_done(&self) -> bool {
        self.entries.iter().all(Entry::is_done)
    }

    /// What is there of each table: what the server sent, less what it took back.
    ///
    /// # Errors
    /// `Integrity` naming the first table that is not complete.
    pub(super) fn totals(&self) -> Result<Vec<Fetched>> {
        self.entries
            .iter()
            .map(|entry| {
                let Entry { name, done, announced_end, checkpoint, .. } = entry;
                let end =
                    announced_end.ok_or_else(|| Error::integrity(format!("table `{name}` never ended")))?;
                if !entry.is_done() || end.rows != done.rows {
                    return Err(Error::integrity(format!(
                        "table `{name}`: {} rows arrived, the server sent {}",
                        done.rows, end.rows
                    )));
                }
                if end.removed != done.removed || end.removed > end.rows {
                    return Err(Error::integrity(format!(
                        "table `{name}`: {} of {} rows were taken back, the server took back {}",
                        done.removed, done.rows, end.removed
                    )));
                }
                Ok(Fetched {
                    name: name.clone(),
                    rows: end.rows - end.removed,
                    removed: end.removed,
                    checkpoint: *checkpoint,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::wire::api::{RunPhase, TableStatus};
    use proptest::prelude::*;

    fn status(tables: &[(&str, TablePhase, u64, u32)]) -> RunStatus {
        RunStatus {
            run: "r".into(),
            version: 1,
            phase: RunPhase::Running,
            tables: tables
                .iter()
                .map(|&(name, phase, rows, chunks)| TableStatus {
                    name: name.into(),
                    phase,
                    rows,
                    removed: 0,
                    chunks,
                    checkpoint: None,
                })
                .collect(),
            error: None,
            snapshot: None,
        }
    }

    fn rows(rows: u64) -> Loaded {
        Loaded { rows, removed: 0 }
    }

    fn schedule(tables: &[(&str, u64)]) -> Schedule {
        Schedule::new(tables.iter().map(|&(name, bytes)| (name.to_owned(), bytes)))
    }

    #[test]
    fn the_biggest_table_goes_first_and_has_one_writer() {
        let mut schedule = schedule(&[("small", 1), ("big", 9)]);
        assert_eq!(schedule.take(), None);
        let both = [("small", TablePhase::Dump, 0, 2), ("big", TablePhase::Dump, 0, 2)];
        schedule.announce(&status(&both)).unwrap();
        let first = schedule.take().unwrap();
        assert_eq!((first.table, first.chunk), (1, 0));
        let second = schedule.take().unwrap();
        assert_eq!((second.table, second.chunk), (0, 0));
        assert_eq!(schedule.take(), None, "each table has its writer");
        assert_eq!(schedule.loaded(first, rows(5)), None);
        assert_eq!(schedule.take(), Some(Job { table: 1, chunk: 1 }));
    }

    #[test]
    fn every_table_is_told_to_be_done_once() {
        let mut late = schedule(&[("t", 1)]);
        assert_eq!(late.announce(&status(&[("t", TablePhase::Dump, 0, 1)])).unwrap(), []);
        let job = late.take().unwrap();
        assert_eq!(late.loaded(job, rows(7)), None, "more chunks may follow");
        let done = status(&[("t", TablePhase::Done, 7, 1)]);
        assert_eq!(late.announce(&done).unwrap(), [(0, 7)]);
        assert_eq!(late.announce(&done).unwrap(), []);

        let mut early = schedule(&[("t", 1)]);
        assert_eq!(early.announce(&done).unwrap(), []);
        let job = early.take().unwrap();
        assert_eq!(early.loaded(job, rows(7)), Some(7));
        assert_eq!(early.announce(&done).unwrap(), []);
    }

    #[test]
    fn what_the_server_does_is_told_in_a_line_however_many_tables_there_are() {
        let names: Vec<String> = (0..2000).map(|n| format!("t{n}")).collect();
        let mut many = schedule(&names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
        assert_eq!(many.server(), "");
        let copied: Vec<_> = names.iter().map(|name| (name.as_str(), TablePhase::Copy, 0, 0)).collect();
        many.announce(&status(&copied)).unwrap();
        assert_eq!(many.server(), "server copies t0, t1, t2, t3, t4, t5, t6, t7 and 1992 more");
        // A status may tell only what is new.
        let rest: Vec<_> = names[1..].iter().map(|name| (name.as_str(), TablePhase::Done, 0, 0)).collect();
        many.announce(&status(&rest)).unwrap();
        assert_eq!(many.server(), "server copies t0");
        many.announce(&status(&[("t0", TablePhase::Dump, 0, 0)])).unwrap();
        assert_eq!(many.server(), "server reads t0");
    }

    #[test]
    fn a_table_without_chunks_is_done_when_the_server_says_so() {
        let mut schedule = schedule(&[("empty", 0)]);
        assert!(!schedule.is_done());
        schedule.announce(&status(&[("empty", TablePhase::Done, 0, 0)])).unwrap();
        assert!(schedule.is_done());
        assert_eq!(
            schedule.totals().unwrap(),
            [Fetched { name: "empty".into(), rows: 0, removed: 0, checkpoint: None }]
        );
    }

    #[test]
    fn rows_must_be_those_that_the_server_sent() {
        let mut schedule = schedule(&[("t", 1)]);
        schedule.announce(&status(&[("t", TablePhase::Done, 10, 1)])).unwrap();
        let job = schedule.take().unwrap();
        assert!(!schedule.is_done(), "a chunk that is taken is not loaded");
        assert_eq!(schedule.loaded(job, rows(9)), Some(9));
        let error = schedule.totals().unwrap_err();
        assert_eq!(error.kind(), Kind::Integrity);
        assert!(error.what().contains("9 rows arrived, the server sent 10"), "{error}");
    }

    #[test]
    fn rows_that_are_taken_back_are_counted_like_those_that_arrive() {
        let done = |removed| {
            let mut status = status(&[("t", TablePhase::Done, 10, 2)]);
            status.tables[0].removed = removed;
            status
        };
        let totals = |announced, removed| {
            let mut schedule = schedule(&[("t", 1)]);
            schedule.announce(&done(announced)).unwrap();
            let job = schedule.take().unwrap();
            assert_eq!(schedule.loaded(job, rows(10)), None);
            let job = schedule.take().unwrap();
            schedule.loaded(job, Loaded { rows: 0, removed });
            schedule.totals()
        };
        assert_eq!(
            totals(3, 3).unwrap(),
            [Fetched { name: "t".into(), rows: 7, removed: 3, checkpoint: None }]
        );
        assert_eq!(totals(3, 2).unwrap_err().kind(), Kind::Integrity);
        assert_eq!(totals(11, 11).unwrap_err().kind(), Kind::Integrity);
        let mut changed = schedule(&[("t", 1)]);
        changed.announce(&done(1)).unwrap();
        assert_eq!(changed.announce(&done(2)).unwrap_err().kind(), Kind::Integrity);
    }

    #[test]
    fn what_was_announced_cannot_be_taken_back() {
        let later = [
            status(&[("t", TablePhase::Done, 10, 2)]),
            status(&[("t", TablePhase::Done, 11, 3)]),
            status(&[("t", TablePhase::Dump, 10, 3)]),
            status(&[("t", TablePhase::Done, 10, 4)]),
            status(&[("other", TablePhase::Done, 10, 3)]),
        ];
        for later in later {
            let mut schedule = schedule(&[("t", 1)]);
            schedule.announce(&status(&[("t", TablePhase::Done, 10, 3)])).unwrap();
            assert_eq!(schedule.announce(&later).unwrap_err().kind(), Kind::Integrity, "{later:?}");
        }
    }

    proptest! {
        /// Whatever the order of announcing and finishing, every chunk is handed out exactly once, in order.
        #[test]
        fn every_chunk_is_loaded_once(chunks in prop::collection::vec(0u32..5, 1..6), picks in prop::collection::vec(any::<(bool, u8)>(), 0..200)) {
            let names: Vec<String> = (0..chunks.len()).map(|at| format!("t{at}")).collect();
            let mut schedule = Schedule::new(names.iter().map(|name| (name.clone(), 1)));
            let mut seen = vec![0u32; chunks.len()];
            let mut working = Vec::new();
            let mut announced = vec![0u32; chunks.len()];
            for (announce, pick) in picks.into_iter().chain((0..255).map(|pick| (pick % 2 == 0, pick))) {
                if announce {
                    let at = usize::from(pick) % chunks.len();
                    announced[at] = (announced[at] + 1).min(chunks[at]);
                    let tables: Vec<_> = (0..chunks.len())
                        .map(|at| {
                            let phase = if announced[at] == chunks[at] { TablePhase::Done } else { TablePhase::Dump };
                            (names[at].as_str(), phase, u64::from(chunks[at]) * 2, announced[at])
                        })
                        .collect();
                    schedule.announce(&status(&tables)).unwrap();
                }
                if let Some(job) = schedule.take() {
                    prop_assert_eq!(job.chunk, seen[job.table]);
                    seen[job.table] += 1;
                    working.push(job);
                } else if !working.is_empty() {
                    let job = working.swap_remove(usize::from(pick) % working.len());
                    schedule.loaded(job, rows(2));
                }
            }
            while let Some(job) = working.pop().or_else(|| schedule.take()) {
                if seen[job.table] == job.chunk {
                    seen[job.table] += 1;
                }
                schedule.loaded(job, rows(2));
            }
            if announced == chunks {
                prop_assert!(schedule.is_done());
                prop_assert_eq!(&seen, &chunks);
                prop_assert!(schedule.totals().is_ok());
            }
        }
    }
}
