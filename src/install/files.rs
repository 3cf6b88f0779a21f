//! Reading and writing the files of an installation: whole or not at all, never for more eyes than before.

use super::ignore::Ignoring;
use super::plan::{Change, Present};
use crate::error::{Error, Result};
use crate::secret::Secret;
use rustix::fs::{Gid, Uid};
use std::fs::{Metadata, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// For files with secrets.
const PRIVATE: u32 = 0o600;
/// For other files.
const SHARED: u32 = 0o644;

/// The file as it is. A link is followed: deployments keep one `.env` for all releases.
///
/// # Errors
/// `Config` for what is no regular file of text.
pub fn read(path: &Path) -> Result<Present> {
    let target = target(path)?;
    let text = match std::fs::read(&target) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| not_usable(path, "is not UTF-8 text"))?,
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed("cannot read", path, error)),
    };
    Ok(Present { path: path.to_owned(), text: text.map(Secret::new) })
}

/// Who but the owner may read the file; none if nobody or if there is no such file.
#[must_use]
pub fn readable_by_others(path: &Path) -> Option<u32> {
    let mode = std::fs::metadata(path).ok()?.mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// The `.gitignore` of `folder` and those of its parents up to the repository's root; none outside of repositories and
/// without a `.gitignore` there.
///
/// # Errors
/// As [`read`].
pub fn git_ignores(folder: &Path) -> Result<Option<(Present, Vec<Ignoring>)>> {
    let own = read(&folder.join(".gitignore"))?;
    let root = folder.ancestors().find(|parent| parent.join(".git").exists());
    let Some(root) = root else {
        let alone =
            own.text.as_ref().map(|text| Ignoring { below: String::new(), text: text.expose().to_owned() });
        return Ok(alone.map(|alone| (own, vec![alone])));
    };
    let mut found = Vec::new();
    for parent in folder.ancestors().take_while(|parent| parent.starts_with(root)) {
        let below = folder.strip_prefix(parent).unwrap_or(Path::new(""));
        let below =
            below.components().map(|part| format!("{}/", part.as_os_str().to_string_lossy())).collect();
        if let Some(text) = read(&parent.join(".gitignore"))?.text {
            found.push(Ignoring { below, text: text.expose().to_owned() });
        }
    }
    found.reverse();
    Ok(Some((own, found)))
}

/// Writes one file: the text beside it first, then its name. It keeps its mode and its owner.
///
/// # Errors
/// `Config` when it cannot be written, or is no longer as it was when the change was planned.
pub fn write(change: &Change) -> Result<()> {
    let path = &change.path;
    if read(path)?.text != change.before {
        return Err(not_usable(path, "was changed meanwhile").hint("run `backfill install` again"));
    }
    let target = target(path)?;
    let folder = target.parent().ok_or_else(|| not_usable(path, "is in no folder"))?;
    let old = std::fs::metadata(&target).ok();
    let put = |error| failed("cannot write", path, error);
    // A temporary file begins as 0600.
    let mut file = tempfile::Builder::new().prefix(".backfill-install-").tempfile_in(folder).map_err(put)?;
    file.write_all(change.text.expose().as_bytes()).map_err(put)?;
    let mode =
        old.as_ref().map_or(if change.is_private { PRIVATE } else { SHARED }, |old| old.mode() & 0o7777);
    if let Some(old) = &old {
        keep_owner(file.as_file(), old, path)?;
    }
    file.as_file().set_permissions(Permissions::from_mode(mode)).map_err(put)?;
    file.as_file().sync_all().map_err(put)?;
    match old {
        Some(_) => file.persist(&target).map(drop).map_err(|error| put(error.error))?,
        // What somebody else made in the meantime is not replaced.
        None => file.persist_noclobber(&target).map(drop).map_err(|error| put(error.error))?,
    }
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(put)
}

/// A file that root writes would otherwise be root's, and its application could not read it.
fn keep_owner(file: &std::fs::File, old: &Metadata, path: &Path) -> Result<()> {
    let new = file.metadata().map_err(|error| failed("cannot write", path, error))?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    rustix::fs::fchown(file, Some(Uid::from_raw(old.uid())), Some(Gid::from_raw(old.gid()))).map_err(
        |error| {
            failed("cannot keep the owner of", path, error.into()).hint("run this as the owner of the file")
        },
    )
}

/// Where the name leads; itself where there is nothing yet.
fn target(path: &Path) -> Result<PathBuf> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(failed("cannot read", path, error)),
        Ok(_) => {
            let target = path.canonicalize().map_err(|_| not_usable(path, "is a link that leads nowhere"))?;
            if target.is_file() { Ok(target) } else { Err(not_usable(path, "is no regular file")) }
        }
    }
}

fn not_usable(path: &Path, why: &str) -> Error {
    Error::config(format!("{} {why}", path.display()))
        .hint("move it away, or name others with --config and --env-file")
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::config(format!("{what} {}", path.display()))
        .source(error)
        .hint("check the folder and its permissions")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn planned(path: &Path, text: &str, is_private: bool) -> Change {
        let before = read(path).unwrap().text;
        Change {
            path: path.to_owned(),
            is_new: before.is_none(),
            text: text.into(),
            before,
            what: String::new(),
            is_private,
        }
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn new_files_are_private_where_secrets_are_and_old_modes_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (env, config) = (folder.path().join(".env"), folder.path().join("backfill.toml"));
        write(&planned(&env, "A=1", true)).unwrap();
        write(&planned(&config, "# x", false)).unwrap();
        assert_eq!((mode(&env), mode(&config)), (0o600, 0o644));
        std::fs::set_permissions(&env, Permissions::from_mode(0o440)).unwrap();
        write(&planned(&env, "A=2", true)).unwrap();
        assert_eq!((mode(&env), std::fs::read_to_string(&env).unwrap().as_str()), (0o440, "A=2"));
        assert_eq!(readable_by_others(&env), Some(0o440));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (link, real) = (folder.path().join(".env"), folder.path().join("shared.env"));
        std::fs::write(&real, "A=1").unwrap();
        symlink("shared.env", &link).unwrap();
        write(&planned(&link, "A=2", true)).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "A=2");
        std::fs::remove_file(&real).unwrap();
        assert!(read(&link).unwrap_err().to_string().contains("leads nowhere"));
        std::fs::create_dir(&real).unwrap();
        assert!(read(&link).unwrap_err().to_string().contains("is no regular file"));
    }

    #[test]
    fn what_changed_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let change = planned(&path, "A=2", true);
        std::fs::write(&path, "A=1").unwrap();
        assert!(write(&change).unwrap_err().to_string().contains("was changed meanwhile"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "A=1");
    }

    #[test]
    fn every_ignore_file_up_to_the_root_counts_and_none_outside() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        assert!(git_ignores(&inner).unwrap().is_none());
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        std::fs::write(folder.path().join(".gitignore"), "x").unwrap();
        std::fs::write(inner.join(".gitignore"), "y").unwrap();
        let (own, all) = git_ignores(&inner).unwrap().unwrap();
        assert_eq!(own.text, Some("y".into()));
        let all: Vec<(&str, &str)> = all.iter().map(|one| (one.below.as_str(), one.text.as_str())).collect();
        assert_eq!(all, [("a/b/", "x"), ("", "y")]);
    }
}
