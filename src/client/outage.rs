//! Attempts of a request until it is answered, and telling the user once when the server is away.

use super::retry::{Attempts, Limits, Trouble};
use super::{Interrupt, Progress};
use crate::error::{Error, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a pause looks whether it shall end.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the first contact is tried: a wrong address is likelier than an outage, and the user waits.
const FIRST_CONTACT_MAX: Duration = Duration::from_secs(5);
/// How many attempts are made at least.
const ATTEMPTS_MIN: u32 = 3;
/// How long ending a run is tried; the server ends it by itself if this fails.
const FAREWELL_MAX: Duration = Duration::from_secs(3);

/// How patient a pull is with its server, and who is told.
pub(super) struct Patience<'a> {
    limits: Limits,
    progress: &'a dyn Progress,
    interrupt: &'a Interrupt,
    /// When the user was told of the outage that lasts.
    told: Mutex<Option<Instant>>,
}

impl<'a> Patience<'a> {
    /// Tries for `timeout` without anything getting on.
    pub(super) fn new(timeout: Duration, progress: &'a dyn Progress, interrupt: &'a Interrupt) -> Self {
        let limits = Limits { outage: timeout, attempts_min: ATTEMPTS_MIN };
        Self { limits, progress, interrupt, told: Mutex::default() }
    }

    /// The attempts of an operation of its own.
    pub(super) fn attempts(&self) -> Attempts {
        Attempts::new(self.limits)
    }

    /// Asks a server that has not answered yet.
    ///
    /// # Errors
    /// `request`'s last one, `Interrupted`.
    pub(super) fn first_contact<T>(&self, request: impl FnMut() -> Result<T>) -> Result<T> {
        self.within(Limits { outage: self.limits.outage.min(FIRST_CONTACT_MAX), attempts_min: 1 }, request)
    }

    /// Asks until there is an answer.
    ///
    /// # Errors
    /// `request`'s last one, `Interrupted`.
    pub(super) fn ask<T>(&self, request: impl FnMut() -> Result<T>) -> Result<T> {
        self.within(self.limits, request)
    }

    /// Says goodbye: a few attempts, whatever signal came, and nobody is told.
    ///
    /// # Errors
    /// `request`'s last one.
    pub(super) fn farewell<T>(&self, mut request: impl FnMut() -> Result<T>) -> Result<T> {
        let limits = Limits { outage: FAREWELL_MAX.min(self.limits.outage), attempts_min: 1 };
        let mut attempts = Attempts::new(limits);
        loop {
            let error = match request() {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(pause) = attempts.pause_after(&error, Instant::now(), chance()) else {
                return Err(error);
            };
            std::thread::sleep(pause);
        }
    }

    fn within<T>(&self, limits: Limits, mut request: impl FnMut() -> Result<T>) -> Result<T> {
        let mut attempts = Attempts::new(limits);
        loop {
            self.interrupt.check()?;
            let begun = Instant::now();
            let error = match request() {
                Ok(answer) => {
                    self.answered(begun);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let Some(pause) = attempts.pause_after(&error, Instant::now(), chance()) else {
                return Err(error);
            };
            self.tell(&error, limits);
            self.pause(pause)?;
        }
    }

    fn pause(&self, pause: Duration) -> Result<()> {
        let until = Instant::now() + pause;
        loop {
            self.interrupt.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    /// An attempt failed and another one follows: says so, once for all that goes wrong until something is answered.
    pub(super) fn failed(&self, error: &Error) {
        self.tell(error, self.limits);
    }

    /// Something that was begun at this moment was answered: what was wrong before is over.
    pub(super) fn answered(&self, begun: Instant) {
        let mut told = self.told();
        if told.is_some_and(|told| begun > told) {
            *told = None;
            tracing::info!("the server answers again");
        }
    }

    fn tell(&self, error: &Error, limits: Limits) {
        let trouble = Trouble::of(error);
        tracing::info!(%error, ?trouble, "trying again");
        let Some(limit) = limits.time(trouble) else { return };
        let mut told = self.told();
        if told.is_none() {
            *told = Some(Instant::now());
            let what = if trouble == Trouble::Crowded { "the server is busy" } else { "connection lost" };
            let text = format!("{what} ({}); trying again for up to {} s", error.what(), limit.as_secs());
            self.progress.note(&text);
        }
    }

    fn told(&self) -> MutexGuard<'_, Option<Instant>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Any number. Without the system's generator all pauses are the longest ones.
pub(super) fn chance() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    /// Keeps the notes.
    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Progress for Notes {
        fn step(&self, _: u32, _: u32, _: &str) {}
        fn loading(&self, _: u64) {}
        fn server(&self, _: &str) {}
        fn rows(&self, _: &str, _: i64) {}
        fn table_done(&self, _: &str, _: u64) {}
        fn loaded(&self) {}
        fn note(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    fn lost() -> Error {
        Error::new(Kind::Remote, "connection reset").retryable()
    }

    #[test]
    fn an_outage_is_told_once() {
        let (notes, interrupt) = (Notes::default(), Interrupt::default());
        let patience = Patience::new(Duration::from_secs(300), &notes, &interrupt);
        let mut left = 3;
        let answer = patience.ask(|| {
            left -= 1;
            if left > 0 { Err(lost()) } else { Ok("answer") }
        });
        assert_eq!(answer.unwrap(), "answer");
        let texts = notes.0.lock().unwrap().clone();
        assert_eq!(texts, ["connection lost (connection reset); trying again for up to 300 s"]);
    }

    #[test]
    fn what_was_asked_before_the_outage_does_not_end_it() {
        let (notes, interrupt) = (Notes::default(), Interrupt::default());
        let patience = Patience::new(Duration::from_secs(300), &notes, &interrupt);
        let before = Instant::now();
        patience.failed(&lost());
        patience.answered(before);
        patience.failed(&lost());
        assert_eq!(notes.0.lock().unwrap().len(), 1);
        patience.answered(Instant::now());
        patience.failed(&lost());
        assert_eq!(notes.0.lock().unwrap().len(), 2, "another outage");
    }

    #[test]
    fn a_signal_ends_the_pause() {
        let (notes, interrupt) = (Notes::default(), Interrupt::default());
        let patience = Patience::new(Duration::from_secs(300), &notes, &interrupt);
        let error = patience
            .ask(|| -> Result<()> {
                interrupt.raise(2);
                Err(lost())
            })
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted(2));
    }
}
