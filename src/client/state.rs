//! What this machine remembers of its pulls: a JSON file, replaced as a whole, and a lock that says whether a pull
//! is at work.
//!
//! The lock is a file beside the state file, held by the operating system for as long as the process lives; so an
//! entry `running` without a held lock belongs to a process that died, whatever its number is used for now.
//! The file holds names and numbers only: no row data, no address with a password, no token.

use crate::error::{Error, Kind, Result};
use crate::random;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Version of the file's form.
const VERSION: u32 = 1;
/// How many pulls are remembered.
const SYNCS_MAX: usize = 50;
/// Most bytes of a state file that are read.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest reason of a failure that is kept, in characters.
const REASON_CHARS_MAX: usize = 300;

/// What was pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every row of every table.
    Full,
    /// Rows changed since the last pull.
    Delta,
}

/// How a pull ended, or that it has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status", content = "reason")]
pub enum Outcome {
    /// At work.
    Running,
    /// Everything is in place.
    Complete,
    /// Stopped by the user, or its process died.
    Interrupted,
    /// Failed, and why.
    Failed(String),
}

/// One pull.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// Names it.
    pub id: String,
    /// Full or delta.
    pub mode: Mode,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Rows loaded.
    pub rows: u64,
    /// Tables replaced.
    pub tables: u64,
    /// When it began, seconds since the epoch.
    pub started: i64,
    /// How long it took, milliseconds; of an unfinished one 0.
    pub duration_ms: u64,
    /// Name of the source database.
    pub source: String,
}

/// The file's form.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    syncs: Vec<Sync>,
}

/// Only what decides whether the rest can be read.
#[derive(Debug, Deserialize)]
struct Head {
    version: u32,
}

/// What was read from a state file.
#[derive(Debug, Default)]
pub struct History {
    /// Oldest first.
    pub syncs: Vec<Sync>,
    /// Whether a pull is at work now.
    pub active: bool,
    /// Said when the file was damaged and set aside.
    pub remark: Option<String>,
}

/// Reads a history for showing it; nothing is written but a damaged file's new name. Entries of processes that
/// died are `Interrupted`.
///
/// # Errors
/// `Config` when the file cannot be read or is of a newer version of backfill.
pub fn read_history(path: &Path) -> Result<History> {
    let active = is_active(path);
    let (mut syncs, remark) = read(path)?;
    if !active {
        mark_dead(&mut syncs);
    }
    Ok(History { syncs, active, remark })
}

/// The state of a pull that is at work: holds the lock, writes the history.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    syncs: Vec<Sync>,
    _lock: File,
}

impl State {
    /// Takes the lock, reads the history and tries whether it can be written. The second value is said to the
    /// user: a damaged file was set aside.
    ///
    /// # Errors
    /// `Busy` when another pull uses the file; `Config` when its folder cannot be written or the file is of a
    /// newer version.
    pub fn open(path: &Path) -> Result<(Self, Option<String>)> {
        let lock = take_lock(path)?;
        let (mut syncs, remark) = read(path)?;
        mark_dead(&mut syncs);
        let state = Self { path: path.to_owned(), syncs, _lock: lock };
        state.scratch_file()?;
        Ok((state, remark))
    }

    /// Notes that a pull began and gives its id.
    ///
    /// # Errors
    /// `Config` when the file cannot be written.
    pub fn begin(&mut self, mode: Mode, source: &str, tables: u64) -> Result<String> {
        let id = new_id()?;
        self.syncs.push(Sync {
            id: id.clone(),
            mode,
            outcome: Outcome::Running,
            rows: 0,
            tables,
            started: unix_now(),
            duration_ms: 0,
            source: source.to_owned(),
        });
        self.write()?;
        Ok(id)
    }

    /// Notes how the pull `id` ended.
    ///
    /// # Errors
    /// `Config` when the file cannot be written.
    pub fn finish(&mut self, id: &str, outcome: Outcome, rows: u64, duration: Duration) -> Result<()> {
        if let Some(sync) = self.syncs.iter_mut().find(|sync| sync.id == id) {
            sync.outcome = outcome;
            sync.rows = rows;
            sync.duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        }
        self.write()
    }

    fn scratch_file(&self) -> Result<tempfile::NamedTempFile> {
        // Made for the owner alone (0600) by the crate.
        tempfile::NamedTempFile::new_in(folder(&self.path)).map_err(|error| unwritable(&self.path, error))
    }

    /// Replaces the file: a reader sees the old one or the new one, also after a power cut.
    fn write(&mut self) -> Result<()> {
        let surplus = self.syncs.len().saturating_sub(SYNCS_MAX);
        self.syncs.drain(..surplus);
        let document = Document { version: VERSION, syncs: self.syncs.clone() };
        let mut text = serde_json::to_vec_pretty(&document)
            .map_err(|error| Error::internal("writing the state as JSON").source(error))?;
        text.push(b'\n');
        let mut file = self.scratch_file()?;
        file.write_all(&text)
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| unwritable(&self.path, error))?;
        file.persist(&self.path).map_err(|error| unwritable(&self.path, error.error))?;
        File::open(folder(&self.path))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| unwritable(&self.path, error))
    }
}

/// Why a pull failed, short enough for the history.
#[must_use]
pub fn outcome_of(error: &Error) -> Outcome {
    match error.kind() {
        Kind::Interrupted(_) => Outcome::Interrupted,
        _ => Outcome::Failed(error.what().chars().take(REASON_CHARS_MAX).collect()),
    }
}

fn mark_dead(syncs: &mut [Sync]) {
    for sync in syncs.iter_mut().filter(|sync| sync.outcome == Outcome::Running) {
        sync.outcome = Outcome::Interrupted;
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `.backfill-state.json.lock`, beside the state file.
fn lock_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder(path).join(format!(".{name}.lock"))
}

fn take_lock(path: &Path) -> Result<File> {
    let lock_path = lock_path(path);
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| unwritable(path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(Kind::Busy, format!("another pull is using {}", path.display()))
                .hint("wait for it (`backfill status`), or give this one another client.state_file"))
        }
        Err(TryLockError::Error(error)) => Err(unwritable(path, error)),
    }
}

/// Whether somebody holds the lock. A lock that cannot be asked counts as held: then nothing is called dead.
fn is_active(path: &Path) -> bool {
    match File::open(lock_path(path)) {
        Ok(lock) => lock.try_lock_shared().is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

fn read(path: &Path) -> Result<(Vec<Sync>, Option<String>)> {
    use std::io::Read;
    let mut text = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text));
    match opened {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        Err(error) => {
            return Err(Error::config(format!("reading the state file {}", path.display()))
                .source(error)
                .hint("check its rights, or set client.state_file"));
        }
        Ok(_) => {}
    }
    if let Ok(head) = serde_json::from_slice::<Head>(&text)
        && head.version > VERSION
    {
        let version = head.version;
        return Err(Error::config(format!(
            "the state file {} has form {version}, this backfill knows {VERSION}",
            path.display()
        ))
        .hint("update backfill on this machine, or move the file away"));
    }
    match serde_json::from_slice::<Document>(&text) {
        Ok(document) => Ok((document.syncs, None)),
        Err(_) => set_aside(path).map(|remark| (Vec::new(), Some(remark))),
    }
}

/// Gives a damaged file another name; the history begins anew.
fn set_aside(path: &Path) -> Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder(path).join(format!("{name}.corrupt-{}", unix_now()));
    std::fs::rename(path, &aside).map_err(|error| unwritable(path, error))?;
    Ok(format!("the state file {} was damaged; it is now {}", path.display(), aside.display()))
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::config(format!("cannot write the state file {}", path.display()))
        .source(error)
        .hint("make its folder writable, or set client.state_file")
}

fn unix_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn new_id() -> Result<String> {
    random::hex(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_in(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("backfill-state.json")
    }

    #[test]
    fn a_pull_is_remembered_with_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = state_in(&folder);
        let (mut state, remark) = State::open(&path).unwrap();
        assert_eq!(remark, None);
        let id = state.begin(Mode::Full, "app", 3).unwrap();

        let history = read_history(&path).unwrap();
        assert!(history.active);
        assert_eq!(history.syncs[0].outcome, Outcome::Running);

        state.finish(&id, Outcome::Failed("no".into()), 7, Duration::from_millis(1500)).unwrap();
        drop(state);
        let history = read_history(&path).unwrap();
        assert!(!history.active);
        let sync = &history.syncs[0];
        assert_eq!((sync.rows, sync.tables, sync.duration_ms), (7, 3, 1500));
        assert_eq!(sync.outcome, Outcome::Failed("no".into()));
        assert_eq!((sync.source.as_str(), sync.mode), ("app", Mode::Full));
    }

    #[test]
    fn a_running_entry_without_a_lock_is_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let path = state_in(&folder);
        let (mut state, _) = State::open(&path).unwrap();
        state.begin(Mode::Full, "app", 1).unwrap();
        drop(state);
        assert_eq!(read_history(&path).unwrap().syncs[0].outcome, Outcome::Interrupted);
        let (state, _) = State::open(&path).unwrap();
        assert_eq!(state.syncs[0].outcome, Outcome::Interrupted);
    }

    #[test]
    fn two_pulls_cannot_use_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = state_in(&folder);
        let _first = State::open(&path).unwrap();
        assert_eq!(State::open(&path).unwrap_err().kind(), Kind::Busy);
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        for text in ["", "{", "[]", r#"{"version":1}"#, "\u{0}\u{0}"] {
            let folder = tempfile::tempdir().unwrap();
            let path = state_in(&folder);
            std::fs::write(&path, text).unwrap();
            let history = read_history(&path).unwrap();
            assert!(history.syncs.is_empty());
            assert!(history.remark.unwrap().contains(".corrupt-"), "{text:?}");
            assert!(!path.exists());
            let kept = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
            assert_eq!(std::fs::read_to_string(kept).unwrap(), text);
        }
    }

    #[test]
    fn a_newer_form_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = state_in(&folder);
        let text = r#"{"version":2,"pulls":{}}"#;
        std::fs::write(&path, text).unwrap();
        let error = State::open(&path).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.hint_text().unwrap().contains("update backfill"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn the_last_fifty_are_kept_and_only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = state_in(&folder);
        let (mut state, _) = State::open(&path).unwrap();
        let ids: Vec<_> = (0..60).map(|_| state.begin(Mode::Full, "app", 1).unwrap()).collect();
        let syncs = read_history(&path).unwrap().syncs;
        assert_eq!(syncs.len(), SYNCS_MAX);
        assert_eq!(syncs.first().unwrap().id, ids[10]);
        assert_eq!(syncs.last().unwrap().id, ids[59]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_is_missing_is_said_before_the_pull() {
        let folder = tempfile::tempdir().unwrap();
        let error = State::open(&folder.path().join("none/state.json")).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.hint_text().unwrap().contains("client.state_file"));
    }

    #[test]
    fn without_a_file_there_is_no_history() {
        let folder = tempfile::tempdir().unwrap();
        let history = read_history(&state_in(&folder)).unwrap();
        assert!(history.syncs.is_empty() && !history.active && history.remark.is_none());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn interruptions_are_no_failures() {
        assert_eq!(outcome_of(&Error::new(Kind::Interrupted(2), "x")), Outcome::Interrupted);
        let long = Error::new(Kind::Remote, "é".repeat(1000));
        assert_eq!(outcome_of(&long), Outcome::Failed("é".repeat(REASON_CHARS_MAX)));
    }
}
