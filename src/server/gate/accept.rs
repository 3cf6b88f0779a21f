//! The accept loop. No error ends it: connections that died while they waited are skipped, and while the system is
//! out of files or memory it waits a little and goes on.

use super::socket::{Signal, poll};
use rustix::event::{PollFd, PollFlags};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long the loop waits after an error that would come again at once.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Where connections come from. Seam for tests: a real listener's errors cannot be ordered.
pub(super) trait Accept: Send + 'static {
    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)>;
    /// What becomes readable when a connection waits.
    fn fd(&self) -> BorrowedFd<'_>;
}

impl Accept for TcpListener {
    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

/// Hands every connection to `admit` until `stop` is raised. The source must not block.
pub(super) fn run(source: &impl Accept, stop: &Signal, admit: impl Fn(TcpStream, SocketAddr)) {
    let mut failing = false;
    loop {
        let mut fds =
            [PollFd::from_borrowed_fd(source.fd(), PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        let polled = poll(&mut fds, None);
        if polled.is_ok() && !fds[1].revents().is_empty() {
            return;
        }
        match polled.and_then(|_| source.accept()) {
            Ok((socket, peer)) => {
                if failing {
                    tracing::info!("connections are accepted again");
                }
                failing = false;
                admit(socket, peer);
            }
            Err(error) if is_over_at_once(error.kind()) => {}
            Err(error) => {
                if !failing {
                    tracing::error!(%error, "connections cannot be accepted; trying on");
                }
                failing = true;
                if stop.wait(Instant::now() + BACK_OFF).unwrap_or(false) {
                    return;
                }
            }
        }
    }
}

/// Errors that concern one connection which is gone already, or nothing at all.
fn is_over_at_once(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex, mpsc};

    struct Flaky {
        listener: TcpListener,
        errors: Mutex<VecDeque<io::Error>>,
    }

    impl Accept for Flaky {
        fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
            match self.errors.lock().unwrap().pop_front() {
                Some(error) => Err(error),
                None => self.listener.accept(),
            }
        }

        fn fd(&self) -> BorrowedFd<'_> {
            self.listener.as_fd()
        }
    }

    #[test]
    fn no_error_ends_the_loop() {
        use rustix::io::Errno;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let errors =
            [Errno::CONNABORTED, Errno::MFILE, Errno::NFILE, Errno::PROTO, Errno::PERM, Errno::NOBUFS];
        let count = errors.len();
        let source =
            Flaky { listener, errors: Mutex::new(errors.into_iter().map(io::Error::from).collect()) };
        let stop = Arc::new(Signal::new().unwrap());
        let (sender, admitted) = mpsc::channel();
        let accepting = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                run(&source, &stop, |_, peer| sender.send(peer).unwrap());
                source.errors.into_inner().unwrap().len()
            }
        });
        let client = TcpStream::connect(address).unwrap();
        let peer = admitted.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        stop.raise();
        assert_eq!(accepting.join().unwrap(), 0, "of {count} errors");
    }
}
