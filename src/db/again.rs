//! Looking once more after a deadlock. MySQL ends even a single SELECT on its catalog with 1213 now and then, while
//! other sessions create and drop schemas beside it (seen at the start of a pull on 9.7). Nothing was done then, and the
//! next look succeeds. The same holds for single statements that change something: each is a transaction of its own, which a
//! deadlock undoes.

use super::error::server_code;
use crate::error::Result;
use std::time::Duration;

const DEADLOCK: u16 = 1213;
/// How often a look is tried.
const ATTEMPTS: u32 = 5;
/// Shortest pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Does `look`, again after a deadlock. It must be harmless to repeat, and outside any transaction, unless its caller finds
/// out whether that is still there.
///
/// # Errors
/// Those of `look`; a deadlock only if it came at every attempt.
pub fn unless_deadlocked<T>(look: impl FnMut() -> Result<T>) -> Result<T> {
    unless_met(DEADLOCK, look)
}

/// Does `look`, again when the server says `passing`, the number of an error that comes and goes.
///
/// # Errors
/// Those of `look`; `passing` only if it came at every attempt.
pub fn unless_met<T>(passing: u16, mut look: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempt = 1;
    loop {
        match look() {
            Err(error) if server_code(&error) == Some(passing) && attempt < ATTEMPTS => {
                tracing::debug!(%error, attempt, "looking again");
                pause(PAUSE);
                attempt += 1;
            }
            other => return other,
        }
    }
}

/// Waits for `least`, and up to twice as long by chance, so that two who met do not meet again.
pub fn pause(least: Duration) {
    let chance = getrandom::u32().unwrap_or_default() % 1024;
    std::thread::sleep(least + least * chance / 1024);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::error::from_mysql;
    use crate::error::{Error, Kind};

    fn server_error(code: u16) -> Error {
        let error = mysql::MySqlError { state: "40001".into(), message: "no".into(), code };
        from_mysql(mysql::Error::MySqlError(error), Kind::Target)
    }

    #[test]
    fn a_deadlock_is_looked_past_and_nothing_else() {
        let mut left = 2;
        let found = unless_deadlocked(|| {
            if left == 0 {
                return Ok("found");
            }
            left -= 1;
            Err(server_error(1213))
        });
        assert_eq!(found.unwrap(), "found");
        for (code, looks) in [(1213, ATTEMPTS), (1205, 1)] {
            let mut count = 0;
            let ended = unless_deadlocked(|| -> Result<()> {
                count += 1;
                Err(server_error(code))
            });
            assert_eq!((server_code(&ended.unwrap_err()), count), (Some(code), looks));
        }
    }
}
