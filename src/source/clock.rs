//! What time it is at the source, and how long its oldest open transaction has been at work.

use crate::db::error::server_code;
use crate::db::sessions::UNREADABLE;
use crate::db::{Connection, pause, unless_deadlocked, unless_met};
use crate::error::{Error, Result};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A look at the source's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// UTC, `YYYY-MM-DD HH:MM:SS.ffffff`.
    pub now: String,
    /// The age of the oldest transaction that may still write; zero without one, and where the account may not look;
    /// [`AGE_UNREAD`] where the list could not be read as it is now. What it has written cannot be read yet, and says that it is so
    /// old.
    pub oldest_open: Duration,
}

/// The oldest transaction that can write; ours cannot. `trx_started` is told in whole seconds, begun ones, and in the time
/// zone of the server's system, whatever the session's. In the hour that this zone has twice in autumn the earlier one is
/// taken.
const OLDEST_OPEN: &str = "TIMESTAMPDIFF(MICROSECOND, MIN(IF(is_read_only, NULL, IF(CONVERT_TZ(utc - INTERVAL 1 HOUR, '+00:00', 'SYSTEM') = told, \
     utc - INTERVAL 1 HOUR, utc))), UTC_TIMESTAMP(6)) FROM (SELECT trx_started AS told, \
     CONVERT_TZ(trx_started, 'SYSTEM', '+00:00') AS utc, trx_is_read_only AS is_read_only, \
     trx_mysql_thread_id AS session, trx_query AS query \
     FROM information_schema.INNODB_TRX) AS open_transactions";

/// The list is a copy that the server makes anew only when nobody has read the old one for a tenth of a second, so that
/// one who asks all the time lets nobody see what is new (tried on MariaDB 10.11 and MySQL 9.7). A copy is made after we
/// asked if it shows our own transaction running the very statement that asks.
const COPY_KEPT: Duration = Duration::from_millis(100);
/// How often an old copy is answered with a pause of a tenth to two tenths of a second before it counts as unread.
const LOOKS: u32 = 20;

/// What a server says to accounts without PROCESS, and one without InnoDB.
const MAY_NOT_LOOK: &[u16] = &[1044, 1045, 1109, 1142, 1227];

/// What is taken for the oldest transaction's age while the list cannot be read: a delta brings a day more than it has to
/// rather than lose a row.
pub const AGE_UNREAD: Duration = Duration::from_secs(24 * 3600);

/// How long a look serves everybody: an earlier one only makes deltas bring a little more, while looks in quick
/// succession would keep each other's copies old.
const LOOK_KEPT: Duration = Duration::from_secs(1);

/// Looks at one source's clock, shared by all who read from it.
#[derive(Debug, Default)]
pub struct Clocks(Mutex<Option<(Instant, Clock)>>);

impl Clocks {
    /// What time it was a second ago at most, at the server of `conn`, which is outside any transaction. Who asks while
    /// another looks waits for that look.
    pub(super) fn read(&self, conn: &mut Connection) -> Result<Clock> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, clock)) = &*kept
            && at.elapsed() < LOOK_KEPT
        {
            return Ok(clock.clone());
        }
        let at = Instant::now();
        let clock = unless_deadlocked(|| look(conn))?;
        *kept = Some((at, clock.clone()));
        Ok(clock)
    }
}

/// Looks at the clock first and at transactions then: one that begins between the two is younger than the clock.
fn look(conn: &mut Connection) -> Result<Clock> {
    let now = conn.query_one("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%d %H:%i:%s.%f')")?;
    Ok(Clock { now, oldest_open: oldest_open(conn)? })
}

/// MySQL cannot show its transactions while one of them runs a statement with characters outside of `utf8mb3`, whichever
/// column is asked for: an emoji that is being inserted is enough. Most such statements are short.
fn oldest_open(conn: &mut Connection) -> Result<Duration> {
    let code = |error: &Error| server_code(error).unwrap_or_default();
    let why = match unless_met(UNREADABLE, || look_at_transactions(conn)) {
        Ok(Some(age)) => return Ok(age),
        Ok(None) => "somebody else reads their list all the time",
        Err(error) if MAY_NOT_LOOK.contains(&code(&error)) => return Ok(Duration::ZERO),
        Err(error) if code(&error) == UNREADABLE => "the server cannot show what one of them runs",
        Err(error) => return Err(error),
    };
    tracing::warn!(
        "the source's open transactions could not be read: {why}; the next delta begins a day earlier"
    );
    Ok(AGE_UNREAD)
}

/// The age of the oldest open transaction; none if only old copies of their list were to be had.
fn look_at_transactions(conn: &mut Connection) -> Result<Option<Duration>> {
    conn.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")?;
    let looked = look_until_fresh(conn);
    // Whatever was met: the session goes on without it.
    conn.execute("ROLLBACK")?;
    looked
}

fn look_until_fresh(conn: &mut Connection) -> Result<Option<Duration>> {
    for _ in 0..LOOKS {
        let number = getrandom::u64().unwrap_or_default();
        let mark = format!("'look {number:016x}'");
        let (is_fresh, age): (Option<u8>, Option<i64>) = conn.query_one(&format!(
            "SELECT MAX(session = CONNECTION_ID() AND query LIKE CONCAT('%', {mark}, '%')), {OLDEST_OPEN}"
        ))?;
        if is_fresh == Some(1) {
            let age = age.and_then(|age| u64::try_from(age).ok());
            return Ok(Some(age.map_or(Duration::ZERO, Duration::from_micros)));
        }
        pause(COPY_KEPT);
    }
    Ok(None)
}
