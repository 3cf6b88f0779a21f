//! One pull at a time for one target database, and one connection at a time that swaps.

use crate::db::Connection;
use crate::db::lock::{HeldLock, is_used, lock_name};
use crate::error::{Error, Kind, Result};
use crate::sql::ident::string_literal;

/// Longest wait for the connection of a pull that was killed: its statement ends within its own lock timeout.
const SWAP_WAIT_SECONDS: u32 = 30;

/// The lock that a pull holds from its first look at the target to its end. Table and schema names may compare
/// without case, so the lock does always.
pub(super) fn pull_lock(database: &str) -> String {
    format!("backfill:pull:{}", database.to_lowercase())
}

fn swap_lock(database: &str) -> String {
    lock_name(&format!("backfill:swap:{}", database.to_lowercase()))
}

/// Takes the swap lock for this very connection. A killed pull's connection keeps it until its last statement is
/// over, so whoever has it is alone.
///
/// # Errors
/// `Busy` naming the connection that has it.
pub(super) fn take_swap_lock(conn: &mut Connection, database: &str) -> Result<()> {
    let name = swap_lock(database);
    let got: Option<u8> =
        conn.query_one(&format!("SELECT GET_LOCK({}, {SWAP_WAIT_SECONDS})", string_literal(&name)))?;
    if got == Some(1) {
        return Ok(());
    }
    let holder = is_used(conn, &name)?.map_or_else(String::new, |id| format!(" (connection {id})"));
    Err(Error::new(Kind::Busy, format!("another swap of `{database}` is still running{holder}"))
        .hint("try again when it is over")
        .retryable())
}

/// The server still knows this pull as the one that may change `database`; `staging` is the lock of its staging.
///
/// # Errors
/// `Busy` when a lock went with its connection; the server's.
pub(super) fn check_still_ours(conn: &mut Connection, staging: &HeldLock, database: &str) -> Result<()> {
    staging.confirm(conn, &[&pull_lock(database)]).map_err(|error| match error.kind() {
        Kind::Busy => error
            .context("another pull may have begun since, so nothing was changed")
            .hint("pull again: what was loaded is kept and swapped then, unless that pull dropped it"),
        _ => error,
    })
}
