//! Waiting on sockets: a `poll` with a deadline, and a signal that wakes every thread that polls it.

use rustix::event::{PollFd, PollFlags, Timespec};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// Can be raised once; from then on it is readable for everyone who polls it.
#[derive(Debug)]
pub(in crate::server) struct Signal {
    sender: UnixStream,
    receiver: UnixStream,
}

impl Signal {
    pub(in crate::server) fn new() -> io::Result<Self> {
        let (sender, receiver) = UnixStream::pair()?;
        Ok(Self { sender, receiver })
    }

    pub(in crate::server) fn raise(&self) {
        // Fails only when it was raised before.
        let _ = self.sender.shutdown(Shutdown::Both);
    }

    /// Waits for the signal; false when `deadline` came first.
    pub(in crate::server) fn wait(&self, deadline: Instant) -> io::Result<bool> {
        let mut fds = [PollFd::new(self, PollFlags::IN)];
        poll(&mut fds, Some(deadline))
    }
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

/// Waits until one of `fds` is ready; false when `deadline` came first.
pub(super) fn poll(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match rustix::event::poll(fds, timeout.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a wait on a client ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    Socket,
    Deadline,
    Cut,
}

/// Waits for `flags` on `socket`, for `cut` or for `deadline`.
pub(super) fn wait(
    socket: impl AsFd,
    flags: PollFlags,
    cut: &Signal,
    deadline: Instant,
) -> io::Result<Ready> {
    let mut fds = [PollFd::new(&socket, flags), PollFd::new(cut, PollFlags::IN)];
    let ready = poll(&mut fds, Some(deadline))?;
    Ok(match (ready, fds[1].revents().is_empty()) {
        (false, _) => Ready::Deadline,
        (true, false) => Ready::Cut,
        (true, true) => Ready::Socket,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_raised_signal_wakes_those_who_wait_and_stays_raised() {
        let signal = std::sync::Arc::new(Signal::new().unwrap());
        assert!(!signal.wait(Instant::now()).unwrap());
        let waiting = std::thread::spawn({
            let signal = std::sync::Arc::clone(&signal);
            move || signal.wait(Instant::now() + Duration::from_secs(30)).unwrap()
        });
        signal.raise();
        assert!(waiting.join().unwrap());
        assert!(signal.wait(Instant::now()).unwrap());
        signal.raise();
    }
}
