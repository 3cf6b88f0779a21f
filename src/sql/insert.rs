//! Rows become multi-row `INSERT` or `REPLACE` statements of bounded size; keys of rows that are to go become `DELETE`
//! statements of the same build.
//!
//! The text is canonical (one spelling, always a column list, one row a line), so the reader in [`super::scan`]
//! compares the head as a whole and walks the rows without a parser:
//!
//! ```sql
//! INSERT INTO `users` (`id`,`name`) VALUES
//! (1,'a'),
//! (2,NULL);
//! DELETE FROM `users` WHERE (`id`) IN (
//! (1),
//! (2));
//! ```

use crate::error::{Context, Error, Kind, Result};
use crate::sql::literal::Form;
use crate::sql::{Ident, TableName};
use std::fmt;

/// Session settings under which statements of this module store what was read. They are the first frame of every
/// dump stream, so that `zstd -d | mysql` works; a client of ours compares this frame with its own copy of the
/// text and never runs it. Part of the stream's format: a change here is a new format version.
///
/// `unique_checks` stays as it is: switched off, MariaDB locks whole tables and gains nothing.
#[must_use]
pub fn session_preamble() -> &'static str {
    "SET NAMES utf8mb4;\n\
     SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES',\
     SESSION foreign_key_checks=0,SESSION time_zone='+00:00';\n"
}

/// What a statement does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `INSERT`: adds them; fails where a key is taken.
    Insert,
    /// `REPLACE`: adds them; a row whose key is taken is removed first.
    Replace,
    /// `DELETE`: removes every row that has these values.
    Delete,
}

impl Verb {
    /// What closes a statement.
    #[must_use]
    pub fn tail(self) -> &'static [u8] {
        match self {
            Self::Insert | Self::Replace => b";\n",
            Self::Delete => b");\n",
        }
    }
}

/// Everything of a statement that stands before the first row: ``INSERT INTO `t` (`a`,`b`) VALUES`` or
/// ``DELETE FROM `t` WHERE (`a`,`b`) IN (``, and a line break.
pub fn head<S: AsRef<str>>(verb: Verb, table: &TableName, columns: impl IntoIterator<Item = S>) -> String {
    let columns: Vec<String> =
        columns.into_iter().map(|name| Ident::new(name.as_ref()).to_string()).collect();
    let columns = columns.join(",");
    match verb {
        Verb::Insert => format!("INSERT INTO {table} ({columns}) VALUES\n"),
        Verb::Replace => format!("REPLACE INTO {table} ({columns}) VALUES\n"),
        Verb::Delete => format!("DELETE FROM {table} WHERE ({columns}) IN (\n"),
    }
}

/// How large a batch may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most rows of a statement; 0 counts as 1.
    pub rows_max: u64,
    /// Bytes of a statement at which it is closed. Only a single row may be larger.
    pub bytes_max: usize,
    /// Bytes that no statement may exceed, a single row or not: the smaller `max_allowed_packet`, less what the
    /// reader's own head is longer.
    pub statement_bytes_max: usize,
}

/// One complete statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its text, up to and including `;` and a line break. Always UTF-8.
    pub sql: Vec<u8>,
    /// Its rows, at least one.
    pub rows: u64,
}

/// Why a row could not be added. The rows before it are kept.
#[derive(Debug)]
pub enum RowError {
    /// The row alone makes a statement larger than `statement_bytes_max`.
    TooLarge {
        /// Bytes that its statement would take at least.
        bytes: usize,
        /// Bytes that a statement may have.
        most: usize,
    },
    /// A cell is not what its column can hold; the error names table and column.
    Cell(Error),
}

impl From<RowError> for Error {
    fn from(error: RowError) -> Self {
        match error {
            RowError::TooLarge { bytes, most } => Self::new(
                Kind::Integrity,
                format!("a row takes {bytes} bytes or more as a statement, and may take {most}"),
            )
            .hint("raise `max_allowed_packet` on the target, or exclude the table")
            .source(TooLarge),
            RowError::Cell(error) => error,
        }
    }
}

/// Marks the error of a row that no statement holds.
#[derive(Debug)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the row does not fit into a packet")
    }
}

impl std::error::Error for TooLarge {}

/// Whether a row was found that no statement holds.
#[must_use]
pub fn is_too_large(error: &Error) -> bool {
    matches!(std::error::Error::source(error), Some(cause) if cause.is::<TooLarge>())
}

/// Collects rows and hands out a [`Batch`] whenever one is full.
#[derive(Debug)]
pub struct InsertBatch {
    verb: Verb,
    table: String,
    columns: Vec<(String, Form)>,
    limits: BatchLimits,
    head: Vec<u8>,
    /// Head and rows so far, without the end.
    text: Vec<u8>,
    rows: u64,
    spare: Vec<u8>,
}

/// What stands between two rows.
const BETWEEN: &[u8] = b",\n";

impl InsertBatch {
    /// A builder for rows with these columns, in this order. Without columns (a table whose columns are all
    /// generated) rows are `()`.
    #[must_use]
    pub fn new(verb: Verb, table: &str, columns: &[(String, Form)], limits: BatchLimits) -> Self {
        let head = head(verb, &TableName::bare(table), columns.iter().map(|(name, _)| name)).into_bytes();
        Self {
            verb,
            table: table.to_owned(),
            columns: columns.to_vec(),
            limits,
            text: head.clone(),
            head,
            rows: 0,
            spare: Vec::new(),
        }
    }

    /// Adds a row; `cell(i)` is the cell of the `i`-th column. Gives the batch that is full because of it: with
    /// this row when it was the last that fits by number, without it when it did not fit by size.
    ///
    /// # Errors
    /// [`RowError`]; the row is left out, the builder stays usable.
    pub fn push<'a>(&mut self, cell: impl Fn(usize) -> Option<&'a [u8]>) -> Result<Option<Batch>, RowError> {
        let before = self.text.len();
        self.write_row(&cell).inspect_err(|_| self.text.truncate(before))?;
        let goal = self.limits.bytes_max.min(self.limits.statement_bytes_max);
        if self.rows > 0 && self.text.len() + self.verb.tail().len() > goal {
            let mut next = std::mem::take(&mut self.spare);
            next.extend_from_slice(&self.head);
            next.extend_from_slice(&self.text[before + BETWEEN.len()..]);
            self.text.truncate(before);
            let full = self.close(next);
            self.rows = 1;
            return Ok(Some(full));
        }
        self.rows += 1;
        Ok(if self.rows >= self.limits.rows_max { self.finish() } else { None })
    }

    /// The rows that are left, if there are any. The builder can be used again.
    pub fn finish(&mut self) -> Option<Batch> {
        if self.rows == 0 {
            return None;
        }
        let mut next = std::mem::take(&mut self.spare);
        next.extend_from_slice(&self.head);
        Some(self.close(next))
    }

    /// Takes a batch's buffer back for the next one. Buffers that a huge row has grown are let go.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= self.limits.bytes_max.saturating_mul(2) {
            buffer.clear();
            self.spare = buffer;
        }
    }

    /// Ends the statement in `text` and goes on with `next`, which has no rows yet.
    fn close(&mut self, next: Vec<u8>) -> Batch {
        self.text.extend_from_slice(self.verb.tail());
        Batch { sql: std::mem::replace(&mut self.text, next), rows: std::mem::take(&mut self.rows) }
    }

    fn write_row<'a>(&mut self, cell: &impl Fn(usize) -> Option<&'a [u8]>) -> Result<(), RowError> {
        if self.rows > 0 {
            self.text.extend_from_slice(BETWEEN);
        }
        let from = self.text.len();
        self.text.push(b'(');
        for index in 0..self.columns.len() {
            if index > 0 {
                self.text.push(b',');
            }
            let cell = cell(index);
            // Before writing as well, so that a cell far too large is not copied first.
            self.check_size(from, cell.map_or(0, <[u8]>::len))?;
            let (name, form) = &self.columns[index];
            form.write(cell, &mut self.text)
                .context(|| format!("table `{}`, column `{name}`", self.table))
                .map_err(RowError::Cell)?;
        }
        self.text.push(b')');
        self.check_size(from, 0)
    }

    /// Whether the row that begins at `from` fits into a statement of its own with `more` bytes added.
    fn check_size(&self, from: usize, more: usize) -> Result<(), RowError> {
        let bytes = self.head.len() + (self.text.len() - from) + more + self.verb.tail().len();
        let most = self.limits.statement_bytes_max;
        if bytes > most { Err(RowError::TooLarge { bytes, most }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::literal::tests::cell;
    use crate::sql::scan::{Expected, scan_insert};
    use proptest::prelude::*;

    const WIDE: BatchLimits =
        BatchLimits { rows_max: 1000, bytes_max: 1 << 20, statement_bytes_max: 1 << 20 };

    fn columns() -> Vec<(String, Form)> {
        vec![("id".into(), Form::Number), ("na`me".into(), Form::Utf8)]
    }

    fn row<'a>(cells: &'a [Option<&'a str>]) -> impl Fn(usize) -> Option<&'a [u8]> {
        |index| cells[index].map(str::as_bytes)
    }

    fn text(batch: Option<Batch>) -> String {
        String::from_utf8(batch.unwrap().sql).unwrap()
    }

    #[test]
    fn a_batch_is_one_statement_with_a_column_list() {
        let mut builder = InsertBatch::new(Verb::Insert, "us`ers", &columns(), WIDE);
        assert!(builder.push(row(&[Some("1"), Some("a'b")])).unwrap().is_none());
        assert!(builder.push(row(&[Some("2"), None])).unwrap().is_none());
        assert_eq!(
            text(builder.finish()),
            "INSERT INTO `us``ers` (`id`,`na``me`) VALUES\n(1,'a\\'b'),\n(2,NULL);\n"
        );
        assert!(builder.finish().is_none());
    }

    #[test]
    fn a_table_without_stored_columns_has_rows_too() {
        let mut builder = InsertBatch::new(Verb::Replace, "t", &[], WIDE);
        for _ in 0..2 {
            assert!(builder.push(|_| None).unwrap().is_none());
        }
        assert_eq!(text(builder.finish()), "REPLACE INTO `t` () VALUES\n(),\n();\n");
    }

    #[test]
    fn keys_of_rows_that_go_are_one_statement_too() {
        let mut builder = InsertBatch::new(Verb::Delete, "t", &columns(), WIDE);
        assert!(builder.push(row(&[Some("1"), Some("a")])).unwrap().is_none());
        assert!(builder.push(row(&[Some("2"), Some("b")])).unwrap().is_none());
        let text = text(builder.finish());
        assert_eq!(text, "DELETE FROM `t` WHERE (`id`,`na``me`) IN (\n(1,'a'),\n(2,'b'));\n");
        let expected = Expected::new(Verb::Delete, "t", ["id", "na`me"]);
        let scanned = scan_insert(text.as_bytes(), &expected).unwrap();
        assert_eq!((scanned.rows, scanned.values), (2, "(1,'a'),\n(2,'b'));\n"));
    }

    #[test]
    fn a_batch_closes_at_its_number_of_rows() {
        let limits = BatchLimits { rows_max: 2, ..WIDE };
        let mut builder = InsertBatch::new(Verb::Insert, "t", &columns(), limits);
        assert!(builder.push(row(&[Some("1"), None])).unwrap().is_none());
        let full = builder.push(row(&[Some("2"), None])).unwrap().unwrap();
        assert_eq!(full.rows, 2);
        builder.recycle(full.sql);
        assert!(builder.finish().is_none());
        assert!(builder.push(row(&[Some("3"), None])).unwrap().is_none());
        assert_eq!(text(builder.finish()), "INSERT INTO `t` (`id`,`na``me`) VALUES\n(3,NULL);\n");
    }

    #[test]
    fn a_row_larger_than_the_goal_travels_alone() {
        let limits = BatchLimits { bytes_max: 60, ..WIDE };
        let mut builder = InsertBatch::new(Verb::Insert, "t", &columns(), limits);
        let long = "x".repeat(100);
        assert!(builder.push(row(&[Some("1"), None])).unwrap().is_none());
        assert_eq!(builder.push(row(&[Some("2"), Some(&long)])).unwrap().unwrap().rows, 1);
        let alone = builder.push(row(&[Some("3"), None])).unwrap().unwrap();
        assert!(alone.rows == 1 && alone.sql.len() > 100);
        assert_eq!(text(builder.finish()), "INSERT INTO `t` (`id`,`na``me`) VALUES\n(3,NULL);\n");
    }

    #[test]
    fn a_row_that_fits_nowhere_is_refused_and_the_others_kept() {
        let head = "INSERT INTO `t` (`id`,`na``me`) VALUES\n".len();
        let limits = BatchLimits { statement_bytes_max: head + "(2,'12345');\n".len(), ..WIDE };
        let mut builder = InsertBatch::new(Verb::Insert, "t", &columns(), limits);
        assert!(builder.push(row(&[Some("1"), None])).unwrap().is_none());
        let error = builder.push(row(&[Some("2"), Some("123456")])).unwrap_err();
        assert!(matches!(error, RowError::TooLarge { bytes, most } if bytes == most + 1));
        assert!(builder.push(row(&[Some("2"), Some("12345")])).unwrap().is_some());
        assert_eq!(builder.finish().unwrap().sql.len(), limits.statement_bytes_max);
    }

    #[test]
    fn a_cell_that_cannot_be_names_its_column() {
        let mut builder = InsertBatch::new(Verb::Insert, "t", &columns(), WIDE);
        let error = Error::from(builder.push(row(&[Some("secret"), None])).unwrap_err());
        assert_eq!(error.what(), "table `t`, column `id`: a value of a numeric column is not a number");
        assert!(builder.finish().is_none());
    }

    proptest! {
        #[test]
        fn every_batch_scans_and_no_row_is_lost(
            cells in proptest::collection::vec((cell(), any::<bool>()), 0..6),
            rows in 0_u64..40,
            rows_max in 0_u64..12,
            bytes_max in 0_usize..1500,
        ) {
            let columns: Vec<_> =
                cells.iter().enumerate().map(|(at, ((form, _), _))| (format!("c`{at}"), *form)).collect();
            let limits = BatchLimits { rows_max, bytes_max, ..WIDE };
            let mut builder = InsertBatch::new(Verb::Insert, "t", &columns, limits);
            let expected = Expected::new(Verb::Insert, "t", columns.iter().map(|(name, _)| name));
            let mut seen = 0;
            for at in 0..=rows {
                let batch = if at == rows {
                    builder.finish()
                } else {
                    builder.push(|index| {
                        let ((_, bytes), null) = &cells[index];
                        (!null).then_some(bytes.as_slice())
                    }).unwrap()
                };
                let Some(batch) = batch else { continue };
                prop_assert!(batch.rows <= rows_max.max(1));
                prop_assert!(batch.rows == 1 || batch.sql.len() <= bytes_max);
                prop_assert_eq!(scan_insert(&batch.sql, &expected).unwrap().rows, batch.rows);
                seen += batch.rows;
                builder.recycle(batch.sql);
            }
            prop_assert_eq!(seen, rows);
        }
    }
}
