//! What this machine remembers of its pulls: a JSON file, replaced as a whole, and a lock that says whether a pull
//! is at work.
//!
//! The lock is a file beside the state file, held by the operating system for as long as the process lives; so an
//! entry `running` without a held lock belongs to a process that died, whatever its number is used for now.
//! The file holds names and numbers only: no row data, no address with a password, no token.

mod file;
mod history;
mod lock;
mod records;

pub use history::{Fate, History, Mode, Outcome, Sync, outcome_of, read_history};
pub use records::{Pair, Records, TableRecord, TargetRecord};

use crate::error::Result;
use crate::random;
use file::Content;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The state of a pull that is at work: holds the lock, writes the history.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    content: Content,
    /// Pulls whose process died and of which nobody was told yet.
    died: Vec<String>,
    _lock: File,
}

/// A pull that begins.
#[derive(Debug, Clone, Copy)]
pub struct Begun<'a> {
    /// Full or delta.
    pub mode: Mode,
    /// Name of the source database.
    pub source: &'a str,
    /// The target, without account and password.
    pub target: &'a str,
    /// How many tables are replaced or brought up to date.
    pub tables: u64,
    /// How many are left alone, because nothing in them is new.
    pub unchanged: u64,
    /// Whether `--tables` named them.
    pub selected: bool,
}

impl State {
    /// Takes the lock, reads the history and tries whether it can be written. The second value is said to the
    /// user: a damaged file was set aside.
    ///
    /// # Errors
    /// `Busy` when another pull uses the file; `Config` when its folder cannot be written or the file is of a
    /// newer version.
    pub fn open(path: &Path) -> Result<(Self, Option<String>)> {
        let lock = lock::take(path)?;
        let (mut content, remark) = file::read(path)?;
        let died = history::mark_dead(&mut content.syncs);
        file::scratch(path)?;
        Ok((Self { path: path.to_owned(), content, died, _lock: lock }, remark))
    }

    /// What is known of the targets.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.content.records
    }

    /// Pulls whose process died and of which nobody was told yet.
    #[must_use]
    pub fn died(&self) -> Vec<&Sync> {
        self.content.syncs.iter().filter(|sync| self.died.contains(&sync.id)).collect()
    }

    /// Notes what was found out about the data after the pull `id`; written by [`State::keep`] or with the next change.
    pub fn note_fate(&mut self, id: &str, fate: Fate) {
        if let Some(sync) = self.sync(id) {
            sync.fate = Some(fate);
        }
    }

    /// Writes down what was noted, whatever becomes of this pull.
    ///
    /// # Errors
    /// `Config` when the file cannot be written.
    pub fn keep(&mut self) -> Result<()> {
        self.write()
    }

    /// Notes that a pull began and gives its id.
    ///
    /// # Errors
    /// `Config` when the file cannot be written.
    pub fn begin(&mut self, begun: Begun<'_>) -> Result<String> {
        let id = random::hex(4)?;
        self.content.syncs.push(Sync {
            id: id.clone(),
            mode: begun.mode,
            outcome: Outcome::Running,
            rows: 0,
            tables: begun.tables,
            unchanged: begun.unchanged,
            started: unix_now(),
            duration_ms: 0,
            source: begun.source.to_owned(),
            target: begun.target.to_owned(),
            selected: begun.selected,
            fate: Some(Fate::Untouched),
        });
        self.write()?;
        Ok(id)
    }

    /// Notes that the pull `id` is about to change the target's data.
    ///
    /// # Errors
    /// `Config` when the file cannot be written.
    pub fn swapping(&mut self, id: &str) -> Result<()> {
        self.note_fate(id, Fate::Unknown);
        self.write()
    }

    /// Notes how the pull `id` failed, and what was found out about the data, if anything.
    ///
    /// # Errors
    /// `Config` when the file cannot be written.
    pub fn fail(&mut self, id: &str, outcome: Outcome, fate: Option<Fate>, duration: Duration) -> Result<()> {
        if let Some(sync) = self.sync(id) {
            (sync.outcome, sync.duration_ms) = (outcome, millis(duration));
            // What had not been touched still is not.
            if sync.fate == Some(Fate::Unknown) {
                sync.fate = fate.or(sync.fate);
            }
        }
        self.write()
    }

    /// Notes that the pull `id` is complete, with what it left in the target.
    ///
    /// # Errors
    /// `Config` when the file cannot be written.
    pub fn complete(&mut self, id: &str, rows: u64, duration: Duration, left: TargetRecord) -> Result<()> {
        if let Some(sync) = self.sync(id) {
            (sync.outcome, sync.rows, sync.duration_ms) = (Outcome::Complete, rows, millis(duration));
            sync.fate = None;
        }
        self.content.records.note(left);
        self.write()
    }

    fn sync(&mut self, id: &str) -> Option<&mut Sync> {
        self.content.syncs.iter_mut().find(|sync| sync.id == id)
    }

    fn write(&mut self) -> Result<()> {
        file::write(&self.path, &mut self.content)
    }
}

/// Seconds since the epoch by this machine's clock: for showing, never for deciding.
#[must_use]
pub fn unix_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
