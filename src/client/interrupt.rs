//! Ctrl-C and SIGTERM: the first asks the pull to stop and clean up, the second ends the process at once (what is
//! left over then is cleaned up by the next pull or by `backfill cleanup`).

use crate::error::{Error, Kind, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether somebody wants the work to stop. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens to the signals from now on.
    ///
    /// # Errors
    /// `Internal` when the system refuses the handlers.
    pub fn listen() -> Result<Self> {
        let interrupt = Self::default();
        let armed = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let code = i32::from(Kind::Interrupted(signal_number(signal)).exit_code());
            // In this order: the first signal arms what the second one triggers.
            flag::register_conditional_shutdown(signal, code, Arc::clone(&armed))
                .and_then(|_| flag::register(signal, Arc::clone(&armed)))
                .and_then(|_| {
                    let number = usize::from(signal_number(signal));
                    flag::register_usize(signal, Arc::clone(&interrupt.signal), number)
                })
                .map_err(|error| Error::internal("listening to signals").source(error))?;
        }
        Ok(interrupt)
    }

    /// The signal that came, if one came.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            number => Some(u8::try_from(number).unwrap_or(u8::MAX)),
        }
    }

    /// An error once a signal came.
    ///
    /// # Errors
    /// `Interrupted` with the signal's number.
    pub fn check(&self) -> Result<()> {
        match self.signal() {
            None => Ok(()),
            Some(signal) => Err(Error::new(Kind::Interrupted(signal), "interrupted; your data is as it was")),
        }
    }

    /// As if the signal had come.
    #[cfg(test)]
    pub(super) fn raise(&self, signal: u8) {
        self.signal.store(usize::from(signal), Ordering::Relaxed);
    }
}

fn signal_number(signal: i32) -> u8 {
    u8::try_from(signal).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_becomes_its_exit_code() {
        let interrupt = Interrupt::default();
        assert!(interrupt.check().is_ok());
        interrupt.clone().raise(15);
        assert_eq!(interrupt.check().unwrap_err().kind().exit_code(), 143);
    }
}
