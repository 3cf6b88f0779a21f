//! The lock that says whether a pull is at work: a file beside the state file, held by the operating system for as
//! long as the process lives.

use super::file::{folder, unwritable};
use crate::error::{Error, Kind, Result};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the lock is tried while others only ask.
const TRIES_MAX: u32 = 400;
/// How long between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// `.backfill-state.json.lock`, beside the state file.
fn lock_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder(path).join(format!(".{name}.lock"))
}

/// Takes the lock of a state file; it is given back with the value.
pub(super) fn take(path: &Path) -> Result<File> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(lock_path(path))
        .map_err(|error| unwritable(path, error))?;
    match take_from_askers(&lock) {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(Kind::Busy, format!("another pull is using {}", path.display()))
                .hint("wait for it (`backfill status`), or give this one another client.state_file"))
        }
        Err(TryLockError::Error(error)) => Err(unwritable(path, error)),
    }
}

/// Takes the lock from everybody but a pull: who only asks whether it is held has it for a moment, shared.
fn take_from_askers(lock: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..TRIES_MAX {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => lock.try_lock_shared()?,
            taken => return taken,
        }
        lock.unlock().map_err(TryLockError::Error)?;
        std::thread::sleep(PAUSE);
    }
    Err(TryLockError::WouldBlock)
}

/// Whether somebody holds the lock. A lock that cannot be asked counts as held: then nothing is called dead.
pub(super) fn is_held(path: &Path) -> bool {
    match File::open(lock_path(path)) {
        Ok(lock) => lock.try_lock_shared().is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_does_not_keep_a_pull_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        drop(take(&path).unwrap());
        let asker = File::open(lock_path(&path)).unwrap();
        asker.lock_shared().unwrap();
        let leaves = std::thread::spawn(move || {
            std::thread::sleep(PAUSE * 4);
            drop(asker);
        });
        let lock = take(&path).unwrap();
        leaves.join().unwrap();
        assert!(is_held(&path));
        assert_eq!(take(&path).unwrap_err().kind(), Kind::Busy);
        drop(lock);
        assert!(!is_held(&path));
    }
}
