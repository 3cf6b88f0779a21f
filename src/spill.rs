//! What does not fit into memory: a private file without a name that pieces are written to and read back from; made
//! when the first piece comes.

use crate::error::{Error, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

/// Where a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins.
    pub at: u64,
    /// How many bytes it has.
    pub len: usize,
}

/// The file; all that belongs to one run is written into one.
#[derive(Debug, Default)]
pub struct Store {
    inner: Mutex<Option<Inner>>,
}

#[derive(Debug)]
struct Inner {
    file: std::sync::Arc<File>,
    end: u64,
}

impl Store {
    /// Keeps `bytes`.
    ///
    /// # Errors
    /// `Internal` when the file cannot be made or written (disk full).
    pub fn put(&self, bytes: &[u8]) -> Result<Piece> {
        let (file, at) = self.place(bytes.len() as u64).map_err(failed)?;
        file.write_all_at(bytes, at).map_err(failed)?;
        Ok(Piece { at, len: bytes.len() })
    }

    fn place(&self, len: u64) -> std::io::Result<(std::sync::Arc<File>, u64)> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = match &mut *inner {
            Some(inner) => inner,
            empty => empty.insert(Inner { file: tempfile::tempfile()?.into(), end: 0 }),
        };
        let at = inner.end;
        inner.end += len;
        Ok((std::sync::Arc::clone(&inner.file), at))
    }

    /// Reads a piece, or a part of one, into `buffer`.
    ///
    /// # Errors
    /// `Internal` when the file cannot be read.
    pub fn read(&self, piece: Piece, buffer: &mut Vec<u8>) -> Result<()> {
        let file = {
            let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.as_ref().map(|inner| std::sync::Arc::clone(&inner.file))
        };
        let file = file.ok_or_else(|| Error::internal("nothing was written that could be read back"))?;
        buffer.resize(piece.len, 0);
        file.read_exact_at(buffer, piece.at)
            .map_err(|error| Error::internal("reading a temporary file back").source(error))
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::internal("writing to a temporary file")
        .source(error)
        .hint("make room in the folder for temporary files (TMPDIR)")
}
