//! Which failures are worth another attempt, how long to pause before it, and when to give up. Pure: the caller brings
//! the clock and the chance.
//!
//! An outage is survived by time, not by number: attempts go on until [`Limits::outage`] has passed since the first
//! failure without anything getting on. Counted from the failure and not from the last success, so that a laptop that
//! slept for an hour has the whole time when it wakes up. Pauses double up to [`PAUSE_MAX`] and are drawn evenly between
//! zero and that ("full jitter"): many clients of a server that was away must not come back at the same moment.

use super::failure;
use crate::error::{Error, Kind};
use std::time::{Duration, Instant};

/// Most that the first pause can be.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// Most that any pause can be, but for one that the server asks for.
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// How long a server without a free place is asked again: it takes the place of an abandoned run after ten seconds.
const BUSY_MAX: Duration = Duration::from_secs(60);
/// How often the same bytes may arrive damaged.
pub(super) const DAMAGED_MAX: u32 = 3;
/// How often the target may refuse the same chunk because others hold its rows, or lose the connection.
const REFUSED_MAX: u32 = 10;

/// What kind of trouble an attempt met, as far as the next attempt is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server or the way to it is away for a moment.
    Outage,
    /// The server has no place for another run.
    Crowded,
    /// Bytes were damaged on the way.
    Damaged,
    /// The target's server could not do it now: a deadlock, a lock, a lost connection.
    Target,
    /// The next attempt would meet the same.
    Lasting,
}

impl Trouble {
    /// What `error` is.
    pub(super) fn of(error: &Error) -> Self {
        match (error.kind(), error.is_retryable()) {
            _ if failure::is_gone(error) => Self::Lasting,
            (Kind::Target, true) => Self::Target,
            (Kind::Busy, true) if failure::is_crowded(error) => Self::Crowded,
            (_, true) => Self::Outage,
            (Kind::Integrity, false) => Self::Damaged,
            (_, false) => Self::Lasting,
        }
    }
}

/// How long an operation is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Longest time without anything getting on.
    pub(super) outage: Duration,
    /// So many attempts are made whatever time they take: one alone may wait for longer than that.
    pub(super) attempts_min: u32,
}

impl Limits {
    /// How long trouble of this kind may last; none where attempts are counted.
    pub(super) fn time(self, trouble: Trouble) -> Option<Duration> {
        match trouble {
            Trouble::Outage => Some(self.outage),
            Trouble::Crowded => Some(self.outage.min(BUSY_MAX)),
            Trouble::Damaged | Trouble::Target | Trouble::Lasting => None,
        }
    }
}

/// The failed attempts of one operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts {
    limits: Limits,
    /// Since it last got on: how many failed, and when the first one did.
    failed: u32,
    since: Option<Instant>,
    damaged: u32,
    refused: u32,
}

impl Attempts {
    /// Of an operation that nobody has tried yet.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, failed: 0, since: None, damaged: 0, refused: 0 }
    }

    /// It got further than ever: an outage that was is over.
    pub(super) fn got_on(&mut self) {
        self.failed = 0;
        self.since = None;
    }

    /// It came to its end, and another one follows.
    pub(super) fn done(&mut self) {
        *self = Self::new(self.limits);
    }

    /// How long to pause before the next attempt; none if there shall be none. `chance` is any number.
    pub(super) fn pause_after(&mut self, error: &Error, now: Instant, chance: u32) -> Option<Duration> {
        let trouble = Trouble::of(error);
        match trouble {
            Trouble::Lasting => return None,
            Trouble::Damaged => self.damaged += 1,
            Trouble::Target => self.refused += 1,
            Trouble::Outage | Trouble::Crowded => {}
        }
        if self.damaged >= DAMAGED_MAX || self.refused >= REFUSED_MAX {
            return None;
        }
        let most = PAUSE_MAX.min(PAUSE_FIRST.saturating_mul(2u32.saturating_pow(self.failed)));
        self.failed = self.failed.saturating_add(1);
        let pause = failure::asked_pause(error).unwrap_or_default() + fraction(most, chance);
        let Some(limit) = self.limits.time(trouble) else { return Some(pause) };
        let gone = now.saturating_duration_since(*self.since.get_or_insert(now));
        let left = limit.saturating_sub(gone);
        // A server that asks for more patience than there is is not asked again; chance alone must not end it early.
        if failure::asked_pause(error).is_some_and(|asked| asked > left) {
            return None;
        }
        if left.is_zero() {
            return (self.failed < self.limits.attempts_min).then_some(pause);
        }
        Some(pause.min(left))
    }
}

/// Evenly between nothing and all of `most`.
fn fraction(most: Duration, chance: u32) -> Duration {
    most.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::failure::Answer;

    const LIMITS: Limits = Limits { outage: Duration::from_secs(300), attempts_min: 3 };

    fn lost() -> Error {
        Error::new(Kind::Remote, "connection reset").retryable()
    }

    fn crowded(retry_after: &str) -> Error {
        let head = Answer { status: 503, retry_after: Some(retry_after.into()), ..Answer::default() };
        failure::refused(&head, br#"{"error":"full","code":"too_many_runs","request_id":"r"}"#, "http://x")
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn pauses_double_up_to_their_maximum() {
        let (mut attempts, begun) = (Attempts::new(LIMITS), Instant::now());
        let pauses: Vec<u128> =
            (0..8).map(|_| attempts.pause_after(&lost(), begun, u32::MAX).unwrap().as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
        attempts.got_on();
        assert_eq!(attempts.pause_after(&lost(), begun, u32::MAX), Some(PAUSE_FIRST));
        assert_eq!(attempts.pause_after(&lost(), begun, 0), Some(Duration::ZERO));
    }

    #[test]
    fn an_outage_is_survived_by_time_from_its_first_failure() {
        let (mut attempts, begun) = (Attempts::new(LIMITS), Instant::now());
        for second in 0..300 {
            assert!(attempts.pause_after(&lost(), begun + seconds(second), 7).is_some(), "{second}");
        }
        assert_eq!(attempts.pause_after(&lost(), begun + seconds(300), 7), None);
        attempts.got_on();
        assert!(attempts.pause_after(&lost(), begun + seconds(9_000), 7).is_some(), "a new outage");
    }

    #[test]
    fn attempts_that_take_long_are_made_all_the_same() {
        let (mut attempts, begun) = (Attempts::new(LIMITS), Instant::now());
        assert!(attempts.pause_after(&lost(), begun, 7).is_some());
        assert!(attempts.pause_after(&lost(), begun + seconds(400), 7).is_some());
        assert_eq!(attempts.pause_after(&lost(), begun + seconds(800), 7), None);
    }

    #[test]
    fn no_pause_goes_beyond_the_end() {
        let (mut attempts, begun) = (Attempts::new(LIMITS), Instant::now());
        for _ in 0..9 {
            attempts.pause_after(&lost(), begun, 0);
        }
        assert_eq!(attempts.pause_after(&lost(), begun + seconds(299), u32::MAX), Some(seconds(1)));
    }

    #[test]
    fn what_the_server_asks_for_is_the_least_pause() {
        let (mut attempts, begun) = (Attempts::new(LIMITS), Instant::now());
        assert_eq!(attempts.pause_after(&crowded("7"), begun, 0), Some(seconds(7)));
        assert_eq!(attempts.pause_after(&crowded("61"), begun, 0), None, "more than a place is waited for");
        assert_eq!(attempts.pause_after(&crowded("7"), begun + seconds(60), 0), None);
    }

    #[test]
    fn damage_and_refusals_are_counted() {
        let (mut attempts, now) = (Attempts::new(LIMITS), Instant::now());
        let damaged = Error::integrity("a bit flipped");
        let tries = (0..9).take_while(|_| {
            attempts.got_on();
            attempts.pause_after(&damaged, now, 1).is_some()
        });
        assert_eq!(tries.count(), 2);
        let (mut attempts, deadlock) = (Attempts::new(LIMITS), Error::new(Kind::Target, "1213").retryable());
        assert_eq!((0..99).take_while(|_| attempts.pause_after(&deadlock, now, 1).is_some()).count(), 9);
    }

    #[test]
    fn what_cannot_be_cured_is_not_tried_again() {
        let code = |status, code: &str| {
            let body = format!(r#"{{"error":"x","code":"{code}","request_id":"r"}}"#);
            failure::refused(&Answer { status, ..Answer::default() }, body.as_bytes(), "http://x")
        };
        let status = |status| failure::refused(&Answer { status, ..Answer::default() }, b"", "http://x");
        let lasting = [
            code(401, "unauthorized"),
            code(403, "address_denied"),
            code(403, "table_excluded"),
            code(404, "not_found"),
            code(410, "run_gone"),
            code(410, "run_ended"),
            code(426, "protocol_mismatch"),
            code(500, "config_invalid"),
            code(500, "schema_changed"),
            status(404),
            status(401),
            Error::new(Kind::Schema, "narrow"),
            Error::new(Kind::Target, "the disk is full"),
        ];
        for error in lasting {
            assert_eq!(Attempts::new(LIMITS).pause_after(&error, Instant::now(), 1), None, "{error}");
        }
        for error in [status(502), status(503), status(504), status(429), code(503, "source_unavailable")] {
            assert!(Attempts::new(LIMITS).pause_after(&error, Instant::now(), 1).is_some(), "{error}");
        }
    }
}
