//! Named moments of a pull or of a run, for logs and for tests that end or hold the process at one of them.
//!
//! A test names a moment in [`KILL_AT`]; the process then ends there with SIGKILL, as a power cut or `kill -9`
//! would end it: no destructor runs, nothing is flushed. At the moments named in [`HOLD_AT`] it stops with SIGSTOP,
//! until the test has changed something beside it and sends SIGCONT. Without those variables a moment is one log line.
//! What no test could wait for, or would need large tables for, is set here as well: a limit, and the size of the first
//! step through a table.

use signal_hook::consts::{SIGKILL, SIGSTOP};
use signal_hook::low_level::raise;
use std::str::FromStr;

/// The environment variable with the moment at which the process ends; for tests only.
pub const KILL_AT: &str = "BACKFILL_TEST_KILL_AT";
/// The environment variable with the moments at which the process stops, by commas; for tests only.
pub const HOLD_AT: &str = "BACKFILL_TEST_HOLD_AT";

/// The environment variable with the seconds after which a source gives up on a snapshot whose reader says nothing; for
/// tests only.
pub const LOST_AFTER: &str = "BACKFILL_TEST_LOST_AFTER";

/// What a test has set instead of `seconds`.
#[must_use]
pub fn lost_after(seconds: u32) -> u32 {
    wish(LOST_AFTER).unwrap_or(seconds)
}

/// The environment variable with the rows that the first step of a walk asks for; for tests only.
pub const FIRST_STEP: &str = "BACKFILL_TEST_FIRST_STEP";

/// The rows of the first step, if a test has a wish.
#[must_use]
pub fn first_step() -> Option<u64> {
    wish(FIRST_STEP)
}

/// The environment variable with the size below which tables count as small when they are loaded; for tests only.
pub const SMALL_BYTES: &str = "BACKFILL_TEST_SMALL_BYTES";

/// What a test has set instead of `bytes`.
#[must_use]
pub fn small_bytes(bytes: u64) -> u64 {
    wish(SMALL_BYTES).unwrap_or(bytes)
}

/// The number that a test has set.
fn wish<T: FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Logs that `moment` is reached, and ends or stops the process if a test asked for it.
pub fn phase(moment: &'static str) {
    tracing::debug!(phase = moment, "reached");
    for (variable, signal) in [(KILL_AT, SIGKILL), (HOLD_AT, SIGSTOP)] {
        if std::env::var(variable).is_ok_and(|wanted| wanted.split(',').any(|wanted| wanted == moment)) {
            // To this very thread: one sent to the process may be taken by another, and this one would go on for a
            // while. If the system should refuse it, the test sees a process that went on.
            let _ = raise(signal);
        }
    }
}
