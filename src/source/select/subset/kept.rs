//! What was found, and how it is read.

use crate::db::RowCells;
use crate::error::{Error, Result};
use crate::sql::select::Select;
use std::marker::PhantomData;

/// The kept rows of all restricted tables. Threads may share it.
#[derive(Debug)]
pub struct Kept {}

impl Kept {
    /// How many rows of a table are kept; none when it is whole, or when that shows only when they are read.
    #[must_use]
    pub fn rows(&self, table: &str) -> Option<u64> {
        let _ = table;
        None
    }

    /// Reads `list`, expressions over columns of [`row_alias`](crate::plan::subset::row_alias), of the kept rows of a
    /// table; none when the table is whole.
    ///
    /// # Errors
    /// `Internal` when a parent's list is missing.
    pub fn reading(&self, table: &str, list: Vec<String>) -> Result<Option<Reading<'_>>> {
        let _ = (table, list);
        Err(Error::internal("not built yet"))
    }
}

/// The kept rows of a table, piece by piece.
#[derive(Debug)]
pub struct Reading<'a> {
    of: PhantomData<&'a Kept>,
}

impl<'a> Reading<'a> {
    /// The next piece, of about `rows` rows and never more than 10,000 keys; none at the end. Each kept row is in one
    /// piece. A table without a key is one piece, whatever `rows` says.
    ///
    /// # Errors
    /// `Internal` when a temporary file cannot be read.
    pub fn next(&mut self, rows: u64) -> Result<Option<Piece<'a>>> {
        let _ = (rows, self.of);
        Ok(None)
    }
}

/// One statement, and which of its rows are kept.
#[derive(Debug)]
pub struct Piece<'a> {
    /// What to read. Behind the expressions of the list others may follow, which only [`Piece::keeps`] needs.
    pub select: Select,
    of: PhantomData<&'a Kept>,
}

impl Piece<'_> {
    /// Whether the row is kept. To be asked for every row of the statement, in the order of reading.
    ///
    /// # Errors
    /// `Internal` when a temporary file cannot be read.
    pub fn keeps(&mut self, row: &impl RowCells) -> Result<bool> {
        let _ = (row, self.of);
        Ok(true)
    }
}
