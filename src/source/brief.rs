//! Reads at production that are nice to have: one that takes long is given up, and the server is left alone.

use super::survey::Survey;
use crate::db::error::server_code;
use crate::error::Result;
use crate::schema::Flavour;

/// Seconds that a statement may take.
const SECONDS_MAX: u32 = 2;
/// Numbers of the errors that a read which takes too long ends with: interrupted by its time limit (MariaDB, MySQL), or
/// after waiting for a lock on the table's definition.
const TOO_LONG: [u16; 3] = [1969, 3024, 1205];

impl Survey {
    /// What `read` gives, each statement of which has two seconds; none if one took longer.
    ///
    /// # Errors
    /// As `read` has; the server's.
    pub(super) fn briefly<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        self.limit_time(SECONDS_MAX)?;
        let read = read(self);
        let lifted = self.limit_time(0);
        match read {
            Err(error) if server_code(&error).is_some_and(|code| TOO_LONG.contains(&code)) => {
                lifted.map(|()| None)
            }
            read => read.and_then(|found| lifted.map(|()| Some(found))),
        }
    }

    /// How long statements may take from now on; 0: for ever.
    fn limit_time(&mut self, seconds: u32) -> Result<()> {
        let setting = match self.schema.flavour {
            Flavour::Mariadb => format!("SET SESSION max_statement_time = {seconds}"),
            Flavour::Mysql => format!("SET SESSION max_execution_time = {}", seconds * 1000),
        };
        self.conn.execute(&setting).map(|_| ())
    }
}
