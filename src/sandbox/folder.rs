//! The folder of one private server: its data, log and socket.

use super::program::servers_folder;
use crate::error::{Error, Kind, Result};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The kernel takes no longer path for a unix socket.
const SOCKET_PATH_MAX: usize = 107;

/// Where a server lives. Dropping it removes it, unless the caller named the place.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    kept: bool,
    socket: PathBuf,
    /// Removes the socket where it could not be in the folder.
    _socket_folder: Option<TempDir>,
    /// Locked while we live, so that nobody sweeps the folder.
    _lock: File,
}

impl Folder {
    /// Takes `place`, which is kept afterwards, or makes a folder that is removed afterwards.
    pub(super) fn new(place: Option<&Path>) -> Result<Self> {
        Self::make(place)
            .map_err(|error| Error::new(Kind::Source, "making a folder for a throwaway server").source(error))
    }

    fn make(place: Option<&Path>) -> io::Result<Self> {
        let (path, lock) = match place {
            Some(place) => {
                fs::create_dir_all(place)?;
                let path = std::path::absolute(place)?;
                let lock = lock(&path)?;
                (path, lock)
            }
            None => throwaway()?,
        };
        fs::create_dir_all(path.join("tmp"))?;
        let (socket, socket_folder) = socket(&path)?;
        Ok(Self { path, kept: place.is_some(), socket, _socket_folder: socket_folder, _lock: lock })
    }

    /// The server's data folder; may not exist yet.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Where it puts temporary tables. A MariaDB that starts removes all of them from its folder, those of other
    /// servers too, so none may share the system's.
    pub(super) fn tmp(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// Its error log.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Its unix socket.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether it stays when dropped, so that the server must be stopped with care.
    pub(super) fn kept(&self) -> bool {
        self.kept
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "a throwaway server's folder stays behind");
        }
    }
}

/// A new folder beside the unpacked servers, or in the system's folder for temporary files.
fn throwaway() -> io::Result<(PathBuf, File)> {
    let Some(servers) = servers_folder() else {
        let path = tempfile::Builder::new().prefix("backfill-").tempdir()?.keep();
        let lock = lock(&path)?;
        return Ok((path, lock));
    };
    let run = servers.join("run");
    fs::create_dir_all(&run)?;
    // Between making a folder and locking it, it looks like one left behind.
    let making = File::create(run.join(".lock"))?;
    making.lock()?;
    sweep(&run);
    let path = tempfile::Builder::new().prefix("").rand_bytes(6).tempdir_in(&run)?.keep();
    let lock = lock(&path)?;
    Ok((path, lock))
}

fn lock(path: &Path) -> io::Result<File> {
    let file = File::create(path.join("lock"))?;
    file.try_lock().map_err(|error| io::Error::other(format!("{} is in use: {error}", path.display())))?;
    Ok(file)
}

/// Removes what runs left behind that were killed: folders that nobody holds the lock of.
fn sweep(run: &Path) {
    let Ok(entries) = fs::read_dir(run) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if lock(&path).is_ok() && fs::remove_dir_all(&path).is_ok() {
            tracing::debug!(folder = %path.display(), "removed what an earlier run left behind");
        }
    }
}

fn socket(path: &Path) -> io::Result<(PathBuf, Option<TempDir>)> {
    let socket = path.join("s");
    if socket.as_os_str().len() <= SOCKET_PATH_MAX {
        return Ok((socket, None));
    }
    let folder = tempfile::Builder::new().prefix("backfill-").tempdir_in("/tmp")?;
    Ok((folder.path().join("s"), Some(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_always_fits_the_kernel() {
        let root = tempfile::tempdir().unwrap();
        let (near, none) = socket(root.path()).unwrap();
        assert_eq!((near, none.is_none()), (root.path().join("s"), true));
        let (far, some) = socket(&root.path().join("x".repeat(100))).unwrap();
        assert!(far.as_os_str().len() <= SOCKET_PATH_MAX && some.is_some());
    }

    #[test]
    fn sweeping_spares_what_is_in_use() {
        let run = tempfile::tempdir().unwrap();
        let (left, used) = (run.path().join("left"), run.path().join("used"));
        for path in [&left, &used] {
            fs::create_dir_all(path.join("data")).unwrap();
        }
        let _held = lock(&used).unwrap();
        sweep(run.path());
        assert!(!left.exists() && used.exists());
    }

    #[test]
    fn a_named_place_is_kept_and_used_by_one() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("place");
        let folder = Folder::new(Some(&place)).unwrap();
        assert!(Folder::new(Some(&place)).unwrap_err().to_string().contains("in use"));
        drop(folder);
        assert!(place.exists() && Folder::new(Some(&place)).is_ok());
    }
}
