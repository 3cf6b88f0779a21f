//! Finding and reading `backfill.toml` and `.env`: the only place of the configuration that touches files.

use crate::error::{Error, Result};
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The name of the configuration file.
pub const CONFIG_NAME: &str = "backfill.toml";

/// The name of the file with environment variables.
pub const ENV_NAME: &str = ".env";

/// The most that is read of either file.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A file that was read.
pub(super) struct Found {
    /// Where it is, absolute if the starting folder was.
    pub path: PathBuf,
    pub text: String,
    /// Whether it was come upon in a parent of the starting folder.
    pub in_parent: bool,
}

/// Reads the file that was named, or else looks for [`CONFIG_NAME`] from `directory` upwards.
pub(super) fn config(named: Option<&Path>, directory: &Path) -> Result<Option<Found>> {
    if let Some(named) = named {
        return read_named(&directory.join(named), "--config").map(Some);
    }
    for (depth, folder) in directory.ancestors().enumerate() {
        let in_parent = depth > 0;
        if let Some(found) = read_if_there(folder.join(CONFIG_NAME), in_parent, "--config")? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Reads the file that was named, or else the [`ENV_NAME`] beside the configuration, or else the one in
/// `directory`.
pub(super) fn dot_env(
    named: Option<&Path>,
    config: Option<&Found>,
    directory: &Path,
) -> Result<Option<Found>> {
    if let Some(named) = named {
        return read_named(&directory.join(named), "--env-file").map(Some);
    }
    let beside = config.and_then(|config| config.path.parent());
    let in_parent = config.is_some_and(|config| config.in_parent);
    read_if_there(beside.unwrap_or(directory).join(ENV_NAME), in_parent, "--env-file")
}

fn read_named(path: &Path, flag: &str) -> Result<Found> {
    let text = open(path).and_then(|file| read(file, path));
    Ok(Found { text: text.map_err(|error| error.context(flag))?, path: path.to_owned(), in_parent: false })
}

/// Reads a regular file, if there is one; one in a parent folder has to be trustworthy.
fn read_if_there(path: PathBuf, in_parent: bool, flag: &str) -> Result<Option<Found>> {
    let Some(target) = present(std::fs::metadata(&path), &path)? else { return Ok(None) };
    if !target.is_file() {
        return Ok(None); // A folder: Python's virtual environments are called .env too.
    }
    let file = open(&path)?;
    if in_parent {
        // The open file is checked, and the link that led to it: the name may have changed hands meanwhile.
        let user = rustix::process::geteuid().as_raw();
        for metadata in [file.metadata(), std::fs::symlink_metadata(&path)] {
            let metadata = metadata.map_err(|error| unreadable(&path, error))?;
            if let Some(reason) = distrust(user, &metadata) {
                let what = format!("{} was found in a parent folder, but {reason}", path.display());
                let hint = format!("name it with {flag} to use it, or make it yours: chown, chmod go-w");
                return Err(Error::config(what).hint(hint));
            }
        }
    }
    let text = read(file, &path)?;
    Ok(Some(Found { path, text, in_parent }))
}

/// `None` where there is no such file, or none that we could even look at.
fn present(metadata: std::io::Result<Metadata>, path: &Path) -> Result<Option<Metadata>> {
    match metadata {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => Ok(None),
            _ => Err(unreadable(path, error)),
        },
    }
}

fn distrust(user: u32, metadata: &Metadata) -> Option<&'static str> {
    // A symbolic link has no permissions of its own: its mode is always 0777.
    let mode = if metadata.is_symlink() { 0 } else { metadata.mode() };
    reason(user, metadata.uid(), mode)
}

/// Why a file of `owner` with `mode` is not trusted by `user`.
fn reason(user: u32, owner: u32, mode: u32) -> Option<&'static str> {
    if owner != user && owner != 0 {
        Some("belongs to another user")
    } else if mode & 0o022 != 0 {
        Some("others than its owner can write it")
    } else {
        None
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| unreadable(path, error))
}

fn read(file: File, path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Error::config(format!("{} is larger than 4 MiB", path.display()))
            .hint("this does not look like a configuration file"));
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::config(format!("{} is not UTF-8 text", path.display())).hint("save it as UTF-8"))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::config(format!("cannot read {}", path.display()))
        .hint("check the path and its permissions")
        .source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_file_is_trusted_if_it_is_ours_or_roots_and_nobody_else_writes_it() {
        let table = [
            (1000, 1000, 0o644, None),
            (1000, 0, 0o600, None),
            (0, 0, 0o644, None),
            (1000, 1001, 0o600, Some("belongs to another user")),
            (0, 1000, 0o600, Some("belongs to another user")),
            (1000, 1000, 0o664, Some("others than its owner can write it")),
            (1000, 0, 0o646, Some("others than its owner can write it")),
        ];
        for (user, owner, mode, expected) in table {
            assert_eq!(reason(user, owner, mode), expected, "{user} {owner} {mode:o}");
        }
    }

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_nearest_file_upwards_is_found_and_an_untrusted_one_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let (parent, here) = (root.path().join("a"), root.path().join("a/b"));
        std::fs::create_dir_all(&here).unwrap();

        write(&parent.join(CONFIG_NAME), "# parent", 0o644);
        let found = config(None, &here).unwrap().unwrap();
        assert!(found.in_parent);
        assert_eq!(found.text, "# parent");

        write(&parent.join(CONFIG_NAME), "# parent", 0o664);
        let error = config(None, &here).err().unwrap();
        let expected = format!(
            "{} was found in a parent folder, but others than its owner can write it",
            parent.join(CONFIG_NAME).display()
        );
        assert_eq!(error.to_string(), expected);
        assert!(config(None, &parent).unwrap().is_some(), "in the current folder it is taken as it is");
        assert!(config(Some(Path::new("../backfill.toml")), &here).is_ok(), "a named one too");

        write(&here.join(CONFIG_NAME), "# here", 0o666);
        let found = config(None, &here).unwrap().unwrap();
        assert!(!found.in_parent);
        assert_eq!(found.text, "# here");
    }

    #[test]
    fn a_dot_env_beside_a_configuration_in_a_parent_is_checked_like_it() {
        let root = tempfile::tempdir().unwrap();
        let here = root.path().join("b");
        std::fs::create_dir(&here).unwrap();
        write(&root.path().join(CONFIG_NAME), "", 0o644);
        write(&root.path().join(ENV_NAME), "A=1", 0o620);
        let found = config(None, &here).unwrap();
        assert!(dot_env(None, found.as_ref(), &here).is_err());
        write(&root.path().join(ENV_NAME), "A=1", 0o600);
        assert_eq!(dot_env(None, found.as_ref(), &here).unwrap().unwrap().text, "A=1");
        std::fs::remove_file(root.path().join(ENV_NAME)).unwrap();
        write(&here.join(ENV_NAME), "A=2", 0o600);
        assert!(
            dot_env(None, found.as_ref(), &here).unwrap().is_none(),
            "only the one beside the file counts"
        );
        assert_eq!(dot_env(None, None, &here).unwrap().unwrap().text, "A=2");
    }

    #[test]
    fn folders_and_dead_links_of_these_names_are_not_files() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(ENV_NAME)).unwrap();
        assert!(dot_env(None, None, root.path()).unwrap().is_none());
        symlink("nowhere", root.path().join(CONFIG_NAME)).unwrap();
        assert!(read_if_there(root.path().join(CONFIG_NAME), true, "--config").unwrap().is_none());
    }

    #[test]
    fn a_link_in_a_parent_folder_leads_to_a_trusted_file_or_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let here = root.path().join("b");
        std::fs::create_dir(&here).unwrap();
        let real = root.path().join("real.toml");
        write(&real, "", 0o644);
        symlink(&real, root.path().join(CONFIG_NAME)).unwrap();
        assert!(config(None, &here).unwrap().is_some());
        write(&real, "", 0o666);
        assert!(config(None, &here).is_err());
    }

    #[test]
    fn a_named_file_has_to_be_there_and_to_be_text() {
        let root = tempfile::tempdir().unwrap();
        let error = config(Some(Path::new("no.toml")), root.path()).err().unwrap();
        let path = root.path().join("no.toml");
        let expected =
            format!("--config: cannot read {}: No such file or directory (os error 2)", path.display());
        assert_eq!(error.to_string(), expected);
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        let error = dot_env(Some(&path), None, root.path()).err().unwrap();
        assert_eq!(error.to_string(), format!("--env-file: {} is not UTF-8 text", path.display()));
    }
}
