//! Reading result rows as raw cells. The serializer sees [`RowCells`] only, so that another way of reading the
//! protocol can take the driver's place.

use super::error::from_mysql;
use crate::error::{Kind, Result};
use mysql::{QueryResult, Row, Text, Value};

/// The cells of one row.
pub trait RowCells {
    /// The bytes of cell `index` as the server sent them; none for NULL and for an index that does not exist.
    fn cell(&self, index: usize) -> Option<&[u8]>;
}

impl RowCells for Row {
    fn cell(&self, index: usize) -> Option<&[u8]> {
        match self.as_ref(index) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

/// A running query's rows, by text protocol.
pub struct Rows<'a> {
    result: QueryResult<'a, 'a, 'a, Text>,
    kind: Kind,
}

impl<'a> Rows<'a> {
    pub(super) fn new(result: QueryResult<'a, 'a, 'a, Text>, kind: Kind) -> Self {
        Self { result, kind }
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    /// The server's, stripped of values, and connection failures; the rows before it are incomplete then.
    pub fn next_row(&mut self) -> Result<Option<Row>> {
        self.result.next().transpose().map_err(|error| from_mysql(error, self.kind))
    }
}
