//! Multi-row inserts, value by value.

use std::fmt::{Display, Write};

/// The text of rows as it grows.
pub(super) struct Rows {
    sql: String,
    head: usize,
}

impl Rows {
    /// An insert into `table`, a quoted name, without rows as yet.
    pub(super) fn new(table: &str, columns: &str) -> Self {
        let sql = format!("INSERT INTO {table} ({columns}) VALUES");
        Self { head: sql.len(), sql }
    }

    /// How long the statement is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.sql.len()
    }

    /// The statement, if there are rows.
    pub(super) fn finish(self) -> Option<String> {
        (self.sql.len() > self.head).then_some(self.sql)
    }

    pub(super) fn row(&mut self) -> Row<'_> {
        self.sql.push_str(if self.sql.len() > self.head { ",\n(" } else { "\n(" });
        Row { sql: &mut self.sql, started: false }
    }
}

/// One row: its values in the order of the columns, then [`Row::end`].
pub(super) struct Row<'a> {
    sql: &'a mut String,
    started: bool,
}

impl Row<'_> {
    /// A number, or whatever else needs no quotes.
    pub(super) fn raw(&mut self, value: impl Display) -> &mut Self {
        if self.started {
            self.sql.push_str(", ");
        }
        self.started = true;
        // Writing to a String cannot fail.
        let _ = write!(self.sql, "{value}");
        self
    }

    pub(super) fn text(&mut self, value: impl Display) -> &mut Self {
        let value = value.to_string().replace('\\', "\\\\").replace('\'', "''").replace('\0', "\\0");
        self.raw(format_args!("'{value}'"))
    }

    pub(super) fn hex(&mut self, bytes: &[u8]) -> &mut Self {
        let mut digits = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            let _ = write!(digits, "{byte:02x}");
        }
        self.raw(format_args!("x'{digits}'"))
    }

    /// The value, or NULL.
    pub(super) fn text_or_null(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => self.raw("NULL"),
        }
    }

    pub(super) fn raw_or_null(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.raw(value),
            None => self.raw("NULL"),
        }
    }

    pub(super) fn time(&mut self, value: jiff::civil::DateTime) -> &mut Self {
        self.text(value.strftime("%Y-%m-%d %H:%M:%S"))
    }

    pub(super) fn end(&mut self) {
        self.sql.push(')');
    }
}
