//! Proves range by range that a copy is masked, by comparing it with its source. An UPDATE that did not reach its rows,
//! or an expression that gives values back, is found here and not by whoever receives the data.
//!
//! The first ranges are compared whole (they are small, the pace is still being found), of every other one its first
//! rows: one statement masks a range, and how many rows it reached is counted, so what goes wrong in a range goes wrong in
//! its beginning. The comparison is a plain `SELECT` at READ COMMITTED: it locks nothing, and reads so many rows by key
//! that nobody who alters the table waits longer than for a copied range (5 ruled columns: 10 µs a row on both servers).

use super::{CopyOrder, Writer};
use crate::error::{Context, Error, Result};
use crate::plan::sanitize::{ColumnProof, Fails};
use crate::sql::Ident;
use crate::sql::select::{Compare, Range};
use std::fmt;

/// Ranges of which more rows are compared.
const FIRST_RANGES: u64 = 3;
/// Most rows of each of those.
const FIRST_ROWS: u64 = 5000;
/// Rows of every other range that are compared.
const NEXT_ROWS: u64 = 256;

/// The counts of one table so far.
#[derive(Debug)]
pub(super) struct Proof {
    columns: Vec<Counted>,
    read: Vec<String>,
    /// Whether copy and source can be compared row by row.
    has_key: bool,
    ranges: u64,
}

#[derive(Debug)]
struct Counted {
    proof: ColumnProof,
    masked: u64,
    unmasked: u64,
}

impl Counted {
    fn unmasked(&self, order: &CopyOrder<'_>) -> Error {
        unmasked(&order.table.name, &self.proof.column, self.unmasked, self.masked)
    }
}

impl Proof {
    /// Nothing counted yet. A copy that is walked by a number of its own has no key in common with its source, and a
    /// masked key is another one: there the masks are proven by less. Such tables are masked by one statement, either
    /// while they are copied, so that no raw value was ever in the copy, or with the number of rows counted.
    pub fn new(order: &CopyOrder<'_>) -> Self {
        let masks = order.masks;
        let is_ruled = |name: &String| masks.is_some_and(|masks| masks.column(name).is_some());
        let walk = order.walk.as_ref();
        let has_key = walk.is_some_and(|key| !key.columns.iter().any(is_ruled))
            && order.copy_walk.columns.iter().all(|name| order.table.column(name).is_some());
        let (proofs, read) = masks.map_or_else(Default::default, |masks| {
            masks.proofs(&Ident::new(Compare::COPY), &Ident::new(Compare::SOURCE))
        });
        let columns = proofs.into_iter().map(|proof| Counted { proof, masked: 0, unmasked: 0 }).collect();
        Self { columns, read, has_key, ranges: 0 }
    }

    /// Compares a range that was just masked.
    ///
    /// # Errors
    /// `Integrity` when a column holds values of the source that it must not hold; the server's.
    pub fn look(&mut self, writer: &mut Writer, order: &CopyOrder<'_>, range: &Range) -> Result<()> {
        let Some(index) = order.walk.as_ref().filter(|_| self.has_key && !self.columns.is_empty()) else {
            return Ok(());
        };
        let conditions = |counted: &Counted| [counted.proof.masked.clone(), counted.proof.unmasked.clone()];
        let compare = Compare {
            copy: order.into.clone(),
            read: self.read.clone(),
            walk: (order.copy_walk.clone(), range.clone()),
            limit: if self.ranges < FIRST_RANGES { FIRST_ROWS } else { NEXT_ROWS },
            source: order.from.clone(),
            index: index.index.clone(),
            conditions: self.columns.iter().flat_map(conditions).collect(),
        };
        let counts = writer
            .compare(&compare)
            .context(|| format!("comparing masked rows of table `{}` with the source", order.table.name))?;
        self.ranges += 1;
        for (counted, pair) in self.columns.iter_mut().zip(counts.chunks(2)) {
            counted.masked += pair.first().copied().unwrap_or(0);
            counted.unmasked += pair.get(1).copied().unwrap_or(0);
            if counted.proof.fails == Fails::Any && counted.unmasked > 0 {
                return Err(counted.unmasked(order));
            }
        }
        Ok(())
    }

    /// The last word, when all ranges were compared.
    ///
    /// # Errors
    /// `Integrity` when no value of a column was masked.
    pub fn finish(&self, order: &CopyOrder<'_>) -> Result<()> {
        for counted in self.columns.iter().filter(|one| (1..one.masked).contains(&one.unmasked)) {
            tracing::warn!(
                table = order.table.name,
                column = counted.proof.column,
                unchanged = counted.unmasked,
                of = counted.masked,
                "an expression gave values back as they are"
            );
        }
        let failed = |counted: &&Counted| counted.masked > 0 && counted.unmasked == counted.masked;
        match self.columns.iter().find(failed) {
            Some(counted) => Err(counted.unmasked(order)),
            None => Ok(()),
        }
    }
}

/// The error for a column whose rows hold the source's values after masking: so many of those that were looked at.
#[must_use]
pub fn unmasked(table: &str, column: &str, unmasked: u64, of: u64) -> Error {
    Error::integrity(format!(
        "{unmasked} of {of} rows of table `{table}` that were looked at hold the source's value in column `{column}` after \
         masking; nothing of the table is served",
    ))
    .hint(format!(
        "correct the rule of `{column}` under [sanitize.{table}]; values that may stay belong in its `exclude` or `where`"
    ))
    .source(Unmasked)
}

/// Marks the error of a table that was not masked.
#[derive(Debug)]
struct Unmasked;

impl fmt::Display for Unmasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the masks failed")
    }
}

impl std::error::Error for Unmasked {}

/// Whether a table was found not to be masked.
#[must_use]
pub fn is_unmasked(error: &Error) -> bool {
    matches!(std::error::Error::source(error), Some(cause) if cause.is::<Unmasked>())
}
