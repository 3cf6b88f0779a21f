//! The lock that says whether a pull is at work: a file beside the state file, held by the operating system for as
//! long as the process lives.

use super::file::{folder, unwritable};
use crate::error::{Error, Kind, Result};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

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
pub(super) fn is_held(path: &Path) -> bool {
    match File::open(lock_path(path)) {
        Ok(lock) => lock.try_lock_shared().is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}
