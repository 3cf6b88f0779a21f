//! The state file: a version, the pulls, and what is known of the targets. Read with distrust, replaced as a whole.

use super::history::Sync;
use super::records::Records;
use super::unix_now;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// Version of the file's form. Version 1 knew no targets.
const VERSION: u32 = 2;
/// How many pulls are remembered.
pub(super) const SYNCS_MAX: usize = 50;
/// Most bytes of a state file that are read.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Oldest first.
    pub(super) syncs: Vec<Sync>,
    pub(super) records: Records,
}

/// The file's form.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    syncs: Vec<Sync>,
    #[serde(default)]
    targets: Records,
}

/// Only what decides whether the rest can be read.
#[derive(Debug, Deserialize)]
struct Head {
    version: u32,
}

/// Reads the file; none is an empty one. The second value is said to the user: a damaged file was set aside.
pub(super) fn read(path: &Path) -> Result<(Content, Option<String>)> {
    let mut text = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text));
    match opened {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Content::default(), None)),
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
        Ok(Document { syncs, targets, .. }) => Ok((Content { syncs, records: targets }, None)),
        Err(_) => set_aside(path).map(|remark| (Content::default(), Some(remark))),
    }
}

/// Gives a damaged file another name; the history begins anew.
fn set_aside(path: &Path) -> Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder(path).join(format!("{name}.corrupt-{}", unix_now()));
    std::fs::rename(path, &aside).map_err(|error| unwritable(path, error))?;
    Ok(format!("the state file {} was damaged; it is now {}", path.display(), aside.display()))
}

/// Replaces the file: a reader sees the old one or the new one, also after a power cut.
pub(super) fn write(path: &Path, content: &mut Content) -> Result<()> {
    let surplus = content.syncs.len().saturating_sub(SYNCS_MAX);
    content.syncs.drain(..surplus);
    let document =
        Document { version: VERSION, syncs: content.syncs.clone(), targets: content.records.clone() };
    let mut text = serde_json::to_vec_pretty(&document)
        .map_err(|error| Error::internal("writing the state as JSON").source(error))?;
    text.push(b'\n');
    let mut file = scratch(path)?;
    file.write_all(&text)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| unwritable(path, error))?;
    file.persist(path).map_err(|error| unwritable(path, error.error))?;
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(|error| unwritable(path, error))
}

/// A file in the same folder, made for the owner alone (0600) by the crate.
pub(super) fn scratch(path: &Path) -> Result<tempfile::NamedTempFile> {
    tempfile::NamedTempFile::new_in(folder(path)).map_err(|error| unwritable(path, error))
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::config(format!("cannot write the state file {}", path.display()))
        .source(error)
        .hint("make its folder writable and room in it, or set client.state_file")
}
