//! What time it is at the source, and how long its oldest open transaction has been at work.

use crate::db::error::server_code;
use crate::db::{Connection, unless_deadlocked};
use crate::error::Result;
use std::time::Duration;

/// A look at the source's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// UTC, `YYYY-MM-DD HH:MM:SS.ffffff`.
    pub now: String,
    /// The age of the oldest transaction that may still write; zero without one, and where the account may not look. What
    /// it has written cannot be read yet, and says that it is so old.
    pub oldest_open: Duration,
}

/// `trx_started` is told in whole seconds, begun ones, and in the time zone of the server's system, whatever the session's. In the hour that this zone has
/// twice in autumn the earlier one is taken. Transactions that cannot write do not count: ours are among them.
const OLDEST_OPEN: &str = "SELECT TIMESTAMPDIFF(MICROSECOND, MIN(IF(CONVERT_TZ(utc - INTERVAL 1 HOUR, '+00:00', 'SYSTEM') = told, \
     utc - INTERVAL 1 HOUR, utc)), UTC_TIMESTAMP(6)) FROM (SELECT trx_started AS told, \
     CONVERT_TZ(trx_started, 'SYSTEM', '+00:00') AS utc FROM information_schema.INNODB_TRX \
     WHERE trx_is_read_only = 0) AS open_transactions";

/// What a server says to accounts without PROCESS, and one without InnoDB.
const MAY_NOT_LOOK: &[u16] = &[1044, 1045, 1109, 1142, 1227];

impl Clock {
    /// Looks at the clock first and at transactions then: one that begins between the two is younger than the clock.
    pub(super) fn read(conn: &mut Connection) -> Result<Self> {
        unless_deadlocked(|| Self::look(conn))
    }

    fn look(conn: &mut Connection) -> Result<Self> {
        let now = conn.query_one("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%d %H:%i:%s.%f')")?;
        let oldest: Option<i64> = match conn.query_one(OLDEST_OPEN) {
            Ok(age) => age,
            Err(error) if server_code(&error).is_some_and(|code| MAY_NOT_LOOK.contains(&code)) => None,
            Err(error) => return Err(error),
        };
        let age = oldest.and_then(|age| u64::try_from(age).ok()).unwrap_or(0);
        Ok(Self { now, oldest_open: Duration::from_micros(age) })
    }
}
