//! What time it is at the source, and how long its oldest open transaction has been at work.

use crate::db::error::server_code;
use crate::db::sessions::UNREADABLE;
use crate::db::{Connection, unless_deadlocked, unless_met};
use crate::error::{Error, Result};
use std::time::Duration;

/// A look at the source's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// UTC, `YYYY-MM-DD HH:MM:SS.ffffff`.
    pub now: String,
    /// The age of the oldest transaction that may still write; zero without one, and where the account may not look;
    /// [`AGE_UNREAD`] where the list could not be read. What it has written cannot be read yet, and says that it is so
    /// old.
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

/// What is taken for the oldest transaction's age while the list cannot be read: a delta brings a day more than it has to
/// rather than lose a row.
pub const AGE_UNREAD: Duration = Duration::from_secs(24 * 3600);

impl Clock {
    /// Looks at the clock first and at transactions then: one that begins between the two is younger than the clock.
    pub(super) fn read(conn: &mut Connection) -> Result<Self> {
        unless_deadlocked(|| Self::look(conn))
    }

    fn look(conn: &mut Connection) -> Result<Self> {
        let now = conn.query_one("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%d %H:%i:%s.%f')")?;
        Ok(Self { now, oldest_open: oldest_open(conn)? })
    }
}

/// MySQL cannot show its transactions while one of them runs a statement with characters outside of `utf8mb3`, whichever
/// column is asked for: an emoji that is being inserted is enough. Most such statements are short.
fn oldest_open(conn: &mut Connection) -> Result<Duration> {
    let code = |error: &Error| server_code(error).unwrap_or_default();
    match unless_met(UNREADABLE, || conn.query_one::<Option<i64>>(OLDEST_OPEN)) {
        Ok(age) => {
            Ok(age.and_then(|age| u64::try_from(age).ok()).map_or(Duration::ZERO, Duration::from_micros))
        }
        Err(error) if MAY_NOT_LOOK.contains(&code(&error)) => Ok(Duration::ZERO),
        Err(error) if code(&error) == UNREADABLE => {
            tracing::warn!(
                "the source's open transactions could not be read for what one of them runs; the next delta begins a day earlier"
            );
            Ok(AGE_UNREAD)
        }
        Err(error) => Err(error),
    }
}
