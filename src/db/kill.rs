//! Ending what another connection does. The driver reads an abandoned result to its end, so a long statement is
//! only stopped from a connection beside it.

use super::connect::Connection;
use super::endpoint::Endpoint;
use super::error::server_code;
use super::session::Role;
use crate::error::{Context, Result};

/// The server's error number for a connection that does not exist (any more).
const NO_SUCH_CONNECTION: u16 = 1094;

/// Ends the statement that connection `id` runs; the connection stays. Says whether there was such a connection.
///
/// # Errors
/// Connection failures; `Privilege` when the connection belongs to another account.
pub fn kill_query(endpoint: &Endpoint, role: Role, id: u32) -> Result<bool> {
    kill_query_over(&mut Connection::open_in(endpoint, role, None)?, id)
}

/// As [`kill_query`], over a connection that is open; both must be on one server.
///
/// # Errors
/// As [`kill_query`].
pub fn kill_query_over(conn: &mut Connection, id: u32) -> Result<bool> {
    match conn.execute(&format!("KILL QUERY {id}")) {
        Ok(_) => Ok(true),
        Err(error) if server_code(&error) == Some(NO_SUCH_CONNECTION) => Ok(false),
        Err(error) => Err(error).context(|| format!("ending what connection {id} does")),
    }
}

/// Ends connection `id` and whatever it holds. Says whether there was such a connection.
///
/// # Errors
/// As [`kill_query`].
pub fn kill_connection_over(conn: &mut Connection, id: u32) -> Result<bool> {
    match conn.execute(&format!("KILL {id}")) {
        Ok(_) => Ok(true),
        Err(error) if server_code(&error) == Some(NO_SUCH_CONNECTION) => Ok(false),
        Err(error) => Err(error).context(|| format!("ending connection {id}")),
    }
}
