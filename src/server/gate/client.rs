//! The client's connection: a socket that never blocks, with TLS or without. Every wait has a deadline and ends at
//! once when the gate is cut.

use super::socket::{Ready, Signal, wait};
use rustix::event::PollFlags;
use rustls::{ServerConfig, ServerConnection};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a client that was answered may take to close its side, and how much more it may send meanwhile.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1 << 20;

/// Idle time after which the system begins to ask whether the client is still there, and how often it then asks.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// One accepted connection.
pub(super) struct Client {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
}

impl Client {
    /// Takes an accepted socket over. `stall` is how long sent bytes may stay without the client's acknowledgement.
    pub(super) fn new(
        socket: TcpStream,
        tls: Option<&Arc<ServerConfig>>,
        stall: Duration,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let options = SockRef::from(&socket);
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL);
        options.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        options.set_tcp_user_timeout(Some(stall))?;
        #[cfg(not(target_os = "linux"))]
        let _ = stall;
        let tls = match tls {
            None => None,
            Some(config) => {
                Some(Box::new(ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?))
            }
        };
        Ok(Self { socket, tls })
    }

    /// Reads what is there; `WouldBlock` when nothing is, 0 when the client has closed its side.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.read(buffer) };
        loop {
            match flush_tls(tls, &mut self.socket) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            tls.read_tls(&mut self.socket)?;
            if let Err(error) = tls.process_new_packets() {
                // The alert that says why; the connection ends whether it arrives or not.
                let _ = flush_tls(tls, &mut self.socket);
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
        }
    }

    /// Writes as much as goes out; `WouldBlock` when nothing does.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.write(bytes) };
        flush_tls(tls, &mut self.socket)?;
        let taken = tls.writer().write(bytes)?;
        match flush_tls(tls, &mut self.socket) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Sends what TLS holds back; `WouldBlock` when some of it stays.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |tls| flush_tls(tls, &mut self.socket))
    }

    /// Whether TLS holds bytes back.
    pub(super) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Reads once, waiting for bytes until `deadline`.
    pub(super) fn read_until(
        &mut self,
        buffer: &mut [u8],
        cut: &Signal,
        deadline: Instant,
    ) -> io::Result<usize> {
        loop {
            match self.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let unsent = if self.has_unsent() { PollFlags::OUT } else { PollFlags::empty() };
                    self.wait(PollFlags::IN | unsent, cut, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Writes all, waiting for the client until `deadline`.
    pub(super) fn write_all(&mut self, mut bytes: &[u8], cut: &Signal, deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() || self.has_unsent() {
            let written = if bytes.is_empty() { self.flush().map(|()| 0) } else { self.write(bytes) };
            match written {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(PollFlags::OUT, cut, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait(&self, flags: PollFlags, cut: &Signal, deadline: Instant) -> io::Result<()> {
        match wait(&self.socket, flags, cut, deadline)? {
            Ready::Socket => Ok(()),
            Ready::Deadline => Err(ErrorKind::TimedOut.into()),
            Ready::Cut => Err(ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Ends the connection so that the client can still read all that was sent: closing a socket with unread input
    /// makes the system throw away what is under way. Takes a bounded time.
    pub(super) fn close(mut self, cut: &Signal) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        let deadline = Instant::now() + LINGER;
        let sent = self.write_all(&[], cut, deadline).and_then(|()| self.socket.shutdown(Shutdown::Write));
        if sent.is_err() {
            return;
        }
        let mut scrap = vec![0; 16 << 10];
        let mut left = LINGER_BYTES;
        while let Ok(count) = self.read_until(&mut scrap, cut, deadline) {
            left = left.saturating_sub(count);
            if count == 0 || left == 0 {
                return;
            }
        }
    }

    /// Ends the connection at once and throws away what the client did not take.
    pub(super) fn reset(self) {
        // If it fails, the system goes on sending for a while; that is all.
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn flush_tls(tls: &mut ServerConnection, socket: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        if tls.write_tls(socket)? == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}
