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
use crate::error::{Context, Error, Kind, Result};
use crate::plan::originals::OriginalsPlan;
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

    /// What the conditions need by which values are told that masks replace.
    #[must_use]
    pub fn of_originals(plan: &'a OriginalsPlan) -> Self {
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

/// A number is out of range: how mask expressions refuse a value.
const OUT_OF_RANGE: u16 = 1690;

/// Tells a rule of `table` that does not fit its column from a fault of the server.
pub fn explain(error: Error, table: &str, masks: Option<&TableMasks>) -> Error {
    // 1048 NOT NULL, 1062 duplicate, 1264/1265/1366/1406 does not fit, 1292/1411/1441 is no value of the type, 1690 out
    // of range, 3140/3141 no JSON, 3819/4025 CHECK.
    let code = server_code(&error);
    let demanding = masks.map(TableMasks::demanding).unwrap_or_default();
    if code == Some(OUT_OF_RANGE) && !demanding.is_empty() {
        let takes = |(column, takes): &(&str, String)| format!("`token` of column `{column}` takes {takes}");
        let takes: Vec<String> = demanding.iter().map(takes).collect();
        let what = format!("table `{table}` has a value that its rules do not take: {}", takes.join("; "));
        return error.with_kind(Kind::Config).context(what).hint(
            "leave such a column and those that reference it without the rule, or give texts a collation that ends with _bin",
        );
    }
    match code {
        Some(
            1048 | 1062 | 1264 | 1265 | 1292 | 1366 | 1406 | 1411 | 1441 | 1690 | 3140 | 3141 | 3819 | 4025,
        ) if masks.is_some() => error.with_kind(Kind::Config).hint(format!(
            "a rule under [sanitize.{table}] makes values that the table does not take; choose another type"
        )),
        _ => error,
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
    conn.give_key(&statement)
}
