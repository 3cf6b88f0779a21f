//! Carries one request to the backend and the answer's bytes back, watching the client all the time.

use super::client::Client;
use super::socket::{Signal, poll};
use rustix::event::{PollFd, PollFlags};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const BUFFER: usize = 128 << 10;

/// Bytes that a client may send after its request before it is cut off.
const MAX_SURPLUS: usize = 64 << 10;

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The backend closed its side and the client got all it wrote. Whether that was a whole answer, the answer's
    /// own framing says.
    Done,
    /// The backend closed its side without a single byte.
    NoAnswer,
    /// The client went away.
    ClientGone,
    /// The client read nothing for too long.
    Stalled,
    /// The gate is being shut down.
    Cut,
}

/// One request on its way.
pub(super) struct Exchange<'e> {
    client: &'e mut Client,
    backend: UnixStream,
    request: &'e [u8],
    answer: Vec<u8>,
    /// Of `answer`: read from the backend, not yet taken by the client.
    waiting: std::ops::Range<usize>,
    /// Bytes of the answer so far.
    received: u64,
    backend_ended: bool,
    surplus: usize,
    /// When the client last took something, or was last not owed anything.
    progress: Instant,
}

impl<'e> Exchange<'e> {
    pub(super) fn new(client: &'e mut Client, backend: UnixStream, request: &'e [u8]) -> io::Result<Self> {
        backend.set_nonblocking(true)?;
        Ok(Self {
            client,
            backend,
            request,
            answer: vec![0; BUFFER],
            waiting: 0..0,
            received: 0,
            backend_ended: false,
            surplus: 0,
            progress: Instant::now(),
        })
    }

    /// Runs to the end. The backend's socket is closed when this returns, whatever the reason, so that who writes
    /// the answer learns at once that nobody reads it.
    pub(super) fn run(mut self, cut: &Signal, stall: Duration) -> io::Result<Outcome> {
        loop {
            if self.backend_ended && !self.owes_client() {
                return Ok(if self.received == 0 { Outcome::NoAnswer } else { Outcome::Done });
            }
            let Some(ready) = self.wait(cut, stall)? else { return Ok(Outcome::Stalled) };
            if ready.cut {
                return Ok(Outcome::Cut);
            }
            if ready.client_reads && !self.client_is_there() {
                return Ok(Outcome::ClientGone);
            }
            if ready.backend {
                self.send_request();
                self.receive_answer();
            }
            if self.send_answer().is_err() {
                return Ok(Outcome::ClientGone);
            }
        }
    }

    fn owes_client(&self) -> bool {
        !self.waiting.is_empty() || self.client.has_unsent()
    }

    fn wait(&self, cut: &Signal, stall: Duration) -> io::Result<Option<Wakened>> {
        let mut client = PollFlags::IN;
        client.set(PollFlags::OUT, self.owes_client());
        let mut backend = PollFlags::empty();
        backend.set(PollFlags::IN, self.waiting.is_empty() && !self.backend_ended);
        backend.set(PollFlags::OUT, !self.request.is_empty());
        let mut fds = [
            PollFd::new(&*self.client, client),
            PollFd::new(cut, PollFlags::IN),
            PollFd::new(&self.backend, backend),
        ];
        // A closed backend is always ready, so it is left out while nothing is wanted from it.
        let wanted = if backend.is_empty() { 2 } else { 3 };
        let deadline = self.owes_client().then(|| self.progress + stall);
        if !poll(&mut fds[..wanted], deadline)? {
            return Ok(None);
        }
        Ok(Some(Wakened {
            client_reads: fds[0].revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
            cut: !fds[1].revents().is_empty(),
            backend: wanted == 3 && !fds[2].revents().is_empty(),
        }))
    }

    /// Throws away what the client sends after its request; false when it went away or sends too much.
    fn client_is_there(&mut self) -> bool {
        let mut scrap = [0; 4 << 10];
        loop {
            match self.client.read(&mut scrap) {
                Ok(0) => return false,
                Ok(count) => {
                    self.surplus += count;
                    if self.surplus > MAX_SURPLUS {
                        return false;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    fn send_request(&mut self) {
        while !self.request.is_empty() {
            match self.backend.write(self.request) {
                Ok(count) => self.request = &self.request[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It does not want the rest; its answer says why.
                Err(_) => self.request = &[],
            }
        }
    }

    fn receive_answer(&mut self) {
        if !self.waiting.is_empty() || self.backend_ended {
            return;
        }
        match self.backend.read(&mut self.answer) {
            Ok(0) => self.backend_ended = true,
            Ok(count) => {
                self.waiting = 0..count;
                self.received += count as u64;
                self.progress = Instant::now();
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.backend_ended = true,
        }
    }

    fn send_answer(&mut self) -> io::Result<()> {
        while self.owes_client() {
            let sent = if self.waiting.is_empty() {
                self.client.flush().map(|()| 0)
            } else {
                self.client.write(&self.answer[self.waiting.clone()])
            };
            match sent {
                Ok(count) => {
                    self.waiting.start += count;
                    self.progress = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What a wait ended with.
struct Wakened {
    client_reads: bool,
    cut: bool,
    backend: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    /// Here the system's own timeout is too long to be what ends it.
    #[test]
    fn a_client_that_reads_nothing_stalls_the_exchange() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _unread = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut client = Client::new(listener.accept().unwrap().0, None, Duration::from_secs(3600)).unwrap();
        let (backend, mut answering) = UnixStream::pair().unwrap();
        let writing = std::thread::spawn(move || while answering.write_all(&[b'x'; 1 << 16]).is_ok() {});
        let exchange = Exchange::new(&mut client, backend, b"").unwrap();
        let outcome = exchange.run(&Signal::new().unwrap(), Duration::from_millis(200)).unwrap();
        assert_eq!(outcome, Outcome::Stalled);
        writing.join().unwrap();
    }
}
