//! The server's list of sessions.

use super::connect::Connection;
use crate::error::Result;
use crate::schema::{Flavour, Version};

/// Since when MySQL has a list that can be read without stopping everybody who connects.
const QUIET_LIST: Version = Version(8, 0, 22);

/// What MySQL says when its old list of sessions, or its list of transactions, cannot be read: one of them runs a
/// statement with characters outside of `utf8mb3`, which these lists are kept in. Rows are made before they are filtered,
/// so one such session is enough.
pub const UNREADABLE: u16 = 3854;

/// The table to read sessions from. Its columns are `ID`, `USER`, `HOST`, `DB`, `COMMAND`, `TIME`, `STATE` and `INFO`;
/// other accounts' sessions are in it with the right PROCESS only.
///
/// # Errors
/// The server's.
pub fn list(conn: &mut Connection) -> Result<&'static str> {
    if conn.flavour() == Flavour::Mysql && conn.version() >= QUIET_LIST {
        let on: u8 = conn.query_one("SELECT @@performance_schema")?;
        if on == 1 {
            return Ok("performance_schema.processlist");
        }
    }
    Ok("information_schema.PROCESSLIST")
}
