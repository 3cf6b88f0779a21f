//! What a session of the source's server must be told before mask expressions run in it: with `privacy.key` the key
//! that they read, else nothing.
//!
//! The key stands in a user variable of the session, for as long as that lives. Who may look there: an account that
//! reads `performance_schema.user_variables_by_thread` (on MariaDB the performance schema is off unless it was switched
//! on), or the memory of the server. It is not in any statement: neither process lists, `events_statements_*`, the
//! general log, the slow log nor the binlog have it (tried on both servers). The binlog writes user variables down for
//! statements that are logged as such: copies are made at READ COMMITTED, where rows are logged, and nothing at all
//! where the account may set `sql_log_bin`. A parameter of a prepared statement would not do: the general logs of both
//! servers write it into the text.

use crate::db::Connection;
use crate::db::error::server_code;
use crate::error::{Context, Error, Result};
use crate::plan::sanitize::{MaskKey, SanitizePlan, TableMasks};

/// The server has no such function; the second is said to accounts that may not know.
const NO_SUCH_FUNCTION: [u16; 2] = [1305, 1370];

/// What sessions are told.
#[derive(Debug, Clone, Copy)]
pub struct Masking<'a> {
    key: Option<&'a MaskKey>,
}

impl<'a> Masking<'a> {
    /// What the expressions of these masks need.
    #[must_use]
    pub fn of(masks: &'a TableMasks) -> Self {
        Self { key: masks.key() }
    }

    /// What the expressions of all masks of a plan need.
    #[must_use]
    pub fn of_all(plan: &'a SanitizePlan) -> Self {
        Self { key: plan.key() }
    }

    /// Tells the session, once: it is kept as long as the connection.
    ///
    /// # Errors
    /// The server's.
    pub fn prepare(self, conn: &mut Connection) -> Result<()> {
        let Some(key) = self.key else { return Ok(()) };
        tell(key, conn).context(|| "giving the session its key for masks")
    }
}

fn tell(key: &MaskKey, conn: &mut Connection) -> Result<()> {
    match conn.execute(&MaskKey::make_pad()) {
        Err(error) if server_code(&error).is_some_and(|code| NO_SUCH_FUNCTION.contains(&code)) => {
            conn.execute(&MaskKey::make_older_pad())?;
        }
        made => {
            made?;
        }
    }
    let pad: String = conn.query_one(&MaskKey::read_pad())?;
    let statement = key.tell(&pad).ok_or_else(|| Error::internal("the server made no pad for a key"))?;
    conn.execute(&statement).map(|_| ())
}
