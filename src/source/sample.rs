//! A few rows of a table, to see what its values look like: short reads from the ends and the middle of its key, each of
//! so many rows, so many bytes and so much time at most.

use super::survey::Survey;
use crate::db::RowCells;
use crate::error::{Context, Result};
use crate::plan::walk::walk_key;
use crate::schema::{Column, Table};
use crate::sql::select::{Bound, Range, Select, WalkKey};
use crate::sql::{Ident, List, TableName};

/// Characters that are read of a text.
const CHARS_MAX: u32 = 500;
/// Characters that are read of a JSON document.
const JSON_CHARS_MAX: u32 = 4000;
/// Bytes that the rows of one table should have: cells are cut short, but the server reads them whole.
const BYTES_MAX: u64 = 16 << 20;
/// Rows that are read at least, however large they are.
const ROWS_MIN: u64 = 3;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampled {
    /// Rows were read, if there are any.
    Read,
    /// The server was not fast enough, and was left alone.
    TookTooLong,
}

/// Whether values of the column are looked at: texts, binary strings and JSON.
#[must_use]
pub fn is_sampled(column: &Column) -> bool {
    column.is_text() || column.is_binary() || column.data_type == "json"
}

impl Survey {
    /// Shows `look` values of `columns` of the table, with their position, out of at most `rows` rows. Only what
    /// [`is_sampled`] can be asked for.
    ///
    /// # Errors
    /// The server's.
    pub fn sample(
        &mut self,
        table: &Table,
        columns: &[&Column],
        rows: u64,
        look: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<Sampled> {
        if columns.is_empty() {
            return Ok(Sampled::Read);
        }
        let read = self.briefly(|survey| survey.read_parts(table, columns, rows, look));
        match read.context(|| format!("reading some rows of table `{}`", table.name))? {
            Some(()) => Ok(Sampled::Read),
            None => Ok(Sampled::TookTooLong),
        }
    }

    fn read_parts(
        &mut self,
        table: &Table,
        columns: &[&Column],
        rows: u64,
        look: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<()> {
        let from = TableName::qualified(self.schema.database.as_str(), table.name.as_str());
        let list: List = columns.iter().map(|column| beginning(column)).collect();
        let rows = affordable(table, rows);
        let Some(key) = walk_key(table) else {
            return self.show(&Select { limit: Some(rows), ..Select::all(from, list) }, look).map(|_| ());
        };
        let part = |range, rows| Select::step(from.clone(), list.clone(), &key, range, rows);
        if table.row_count <= rows {
            return self.show(&part(Range::default(), rows), look).map(|_| ());
        }
        let third = (rows / 3).max(1);
        if self.show(&part(Range::default(), third), look)? < third {
            // Fewer than the server believed.
            return Ok(());
        }
        self.show(&Select { descending: true, ..part(Range::default(), third) }, look)?;
        if let Some(middle) = self.middle(&from, table, &key)? {
            let range = Range { after: Some(Bound(vec![middle])), up_to: None };
            self.show(&part(range, third), look)?;
        }
        Ok(())
    }

    /// Half way between the least and the greatest key, where that is a number; two index dives.
    fn middle(&mut self, from: &TableName, table: &Table, key: &WalkKey) -> Result<Option<String>> {
        let [name] = key.columns.as_slice() else { return Ok(None) };
        if !table.column(name).is_some_and(Column::is_integer) {
            return Ok(None);
        }
        let id = Ident::new(name.as_str());
        let ends: Option<(Option<i128>, Option<i128>)> =
            self.conn.query_first(&format!("SELECT MIN({id}), MAX({id}) FROM {from}"))?;
        let Some((Some(least), Some(greatest))) = ends else { return Ok(None) };
        Ok(Some((least + (greatest - least) / 2).to_string()))
    }

    /// Reads the rows of one statement and says how many there were.
    fn show(&mut self, select: &Select, look: &mut dyn FnMut(usize, &[u8])) -> Result<u64> {
        let mut rows = self.conn.stream(select)?;
        let mut count = 0;
        while let Some(row) = rows.next_row()? {
            count += 1;
            for at in 0..select.list.len() {
                if let Some(cell) = row.cell(at) {
                    look(at, cell);
                }
            }
        }
        Ok(count)
    }
}

/// The beginning of a value, texts in UTF-8.
fn beginning(column: &Column) -> String {
    let name = Ident::new(column.name.as_str());
    if column.is_binary() {
        return format!("LEFT({name}, {CHARS_MAX})");
    }
    let chars = if column.data_type == "json" { JSON_CHARS_MAX } else { CHARS_MAX };
    format!("CONVERT(LEFT({name}, {chars}) USING utf8mb4)")
}

/// As many of `rows` rows as have about [`BYTES_MAX`] bytes.
fn affordable(table: &Table, rows: u64) -> u64 {
    let row_bytes = (table.bytes / table.row_count.max(1)).max(1);
    rows.min(BYTES_MAX / row_bytes).max(ROWS_MIN.min(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_many_as_asked_for_and_fewer_where_they_are_large() {
        let table = |row_count, bytes| Table { row_count, bytes, ..Table::new("t", Vec::new()) };
        for (row_count, bytes, rows, expected) in [
            (1_000_000, 100 << 20, 200, 200),
            (1000, 1000 << 20, 200, 16),
            (10, 10 << 30, 200, 3),
            (10, 10 << 30, 1, 1),
            (0, 0, 200, 200),
            (0, 64 << 20, 200, 3),
        ] {
            assert_eq!(affordable(&table(row_count, bytes), rows), expected, "{row_count} {bytes} {rows}");
        }
    }

    #[test]
    fn values_are_cut_short_on_the_server() {
        let cut = |ty: &str| beginning(&Column::new("a`b", ty));
        assert_eq!(cut("longtext"), "CONVERT(LEFT(`a``b`, 500) USING utf8mb4)");
        assert_eq!(cut("json"), "CONVERT(LEFT(`a``b`, 4000) USING utf8mb4)");
        assert_eq!(cut("longblob"), "LEFT(`a``b`, 500)");
        for (ty, sampled) in
            [("varchar(9)", true), ("json", true), ("blob", true), ("int", false), ("enum('a')", false)]
        {
            assert_eq!(is_sampled(&Column::new("c", ty)), sampled, "{ty}");
        }
    }
}
