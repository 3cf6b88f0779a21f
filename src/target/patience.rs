//! Waiting for tables that somebody else uses: short attempts with pauses between them, because a statement that
//! waits for a table keeps everybody behind it waiting too.

use super::blockers;
use crate::db::Connection;
use crate::db::error::server_code;
use crate::error::{Error, Kind, Result};
use crate::sql::TableName;
use std::time::Duration;

/// Somebody else has the lock, or two waited for each other.
const LOCKED: &[u16] = &[1205, 1213];

/// Pauses in seconds between attempts at something that is lost if it cannot be done.
const PAUSES: &[u64] = &[1, 2, 4, 8, 16];

/// Whether the server gave up waiting for a lock.
pub(super) fn is_locked(error: &Error) -> bool {
    server_code(error).is_some_and(|code| LOCKED.contains(&code))
}

/// Runs a statement, again after a pause as long as it meets a lock.
///
/// # Errors
/// `Busy` naming who uses `tables` when the last attempt met one too; the server's.
pub(super) fn execute(conn: &mut Connection, sql: &str, tables: &[TableName]) -> Result<()> {
    let mut pauses = PAUSES.iter();
    loop {
        match conn.execute(sql) {
            Ok(_) => return Ok(()),
            Err(error) if is_locked(&error) => match pauses.next() {
                Some(&seconds) => {
                    tracing::info!(%error, seconds, "a table is in use; trying again");
                    std::thread::sleep(Duration::from_secs(seconds));
                }
                None => return Err(busy(conn, tables)?),
            },
            Err(error) => return Err(error),
        }
    }
}

fn busy(conn: &mut Connection, tables: &[TableName]) -> Result<Error> {
    let who = blockers::describe(conn, tables, &[conn.id()])?;
    let names: Vec<String> = tables.iter().map(TableName::to_string).collect();
    Ok(Error::new(Kind::Busy, format!("tables are in use ({}): {who}", names.join(", ")))
        .hint("end these connections or their transactions and pull again"))
}
