//! The small strict front between the network and the HTTP library.
//!
//! The library behind it can be killed, hung or filled up by one odd request, so nothing reaches it unchecked: the
//! gate accepts connections (and survives every error of that), caps them, reads one request per connection with
//! limits on size and time, refuses all but plain HTTP/1.1, and passes a newly written request on over a unix
//! socket. It then carries the answer's bytes as they are, watches the client meanwhile and closes both sides as
//! soon as one of them ends.

mod accept;
mod client;
mod connection;
mod forward;
mod head;
pub(super) mod socket;
#[cfg(test)]
mod tests;
pub mod tls;

use super::slots::{Slot, Slots};
use crate::error::{Error, Kind, Result};
use crate::wire::api::Code;
use client::Client;
use connection::Surroundings;
use head::Refusal;
use rustls::ServerConfig;
use socket::Signal;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Carries the client's address to the backend; what a client sends under this name goes no further.
pub(super) const PEER_HEADER: &str = "Backfill-Peer";

/// Carries the request's id to the backend.
pub(super) const REQUEST_HEADER: &str = "Backfill-Request";

/// Connections beyond the cap that may wait for their refusal to be read.
const REFUSALS: usize = 32;

/// Stack of a connection's thread: its buffers are on the heap.
const STACK: usize = 512 << 10;

/// The gate's limits.
#[derive(Debug, Clone)]
pub struct GateOptions {
    /// Connections at a time; more are answered with 503.
    pub max_connections: usize,
    /// Bytes of a request's head.
    pub max_head: usize,
    /// Bytes of a request's body.
    pub max_body: usize,
    /// For the whole head (and the TLS handshake before it).
    pub head_timeout: Duration,
    /// For the whole body.
    pub body_timeout: Duration,
    /// A client that takes nothing of its answer for so long is cut off.
    pub stall_timeout: Duration,
    /// HTTPS when given; see [`tls::load`].
    pub tls: Option<Arc<ServerConfig>>,
}

impl Default for GateOptions {
    fn default() -> Self {
        Self {
            max_connections: 256,
            max_head: 16 << 10,
            max_body: 1 << 20,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(120),
            tls: None,
        }
    }
}

/// Where checked requests go.
pub trait Backend: Send + Sync + 'static {
    /// A new connection to the backend, which serves one request.
    ///
    /// # Errors
    /// When the backend cannot be reached now; the client is told to come back.
    fn connect(&self) -> io::Result<UnixStream>;
}

/// A running gate.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    stop: Arc<Signal>,
    cut: Arc<Signal>,
    connections: Slots,
    accepting: Option<JoinHandle<()>>,
}

/// Listens on `address`; port 0 lets the system choose.
///
/// # Errors
/// `Kind::Config` when the address cannot be used.
pub fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
        Error::new(Kind::Config, format!("listening on {address}"))
            .hint("choose another address or port with `bind` under [server]")
            .source(error)
    })
}

impl Gate {
    /// Begins to accept connections from `listener`.
    ///
    /// # Errors
    /// `Kind::Internal` when the system gives no thread or no socket.
    pub fn start(listener: TcpListener, options: GateOptions, backend: Arc<dyn Backend>) -> Result<Self> {
        let address = listener.local_addr().map_err(starting)?;
        listener.set_nonblocking(true).map_err(starting)?;
        let stop = Arc::new(Signal::new().map_err(starting)?);
        let cut = Arc::new(Signal::new().map_err(starting)?);
        let door = Door {
            connections: Slots::new(options.max_connections),
            refusals: Slots::new(REFUSALS),
            options: Arc::new(options),
            backend,
            stop: Arc::clone(&stop),
            cut: Arc::clone(&cut),
            turning_away: AtomicBool::new(false),
        };
        let connections = door.connections.clone();
        let accepting = thread::Builder::new()
            .name("gate".into())
            .spawn({
                let stop = Arc::clone(&stop);
                move || accept::run(&listener, &stop, |socket, peer| door.admit(socket, peer))
            })
            .map_err(starting)?;
        Ok(Self { address, stop, cut, connections, accepting: Some(accepting) })
    }

    /// The address it listens on, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Connections that are served now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.taken()
    }

    /// Closes the listening socket and the connections that wait for a request; what is being answered goes on.
    pub fn stop_accepting(&mut self) {
        self.stop.raise();
        if let Some(accepting) = self.accepting.take() {
            // It ends after its current step; a panic in it was logged by the panic hook.
            let _ = accepting.join();
        }
    }

    /// Waits until all connections have ended; false when `deadline` came first.
    #[must_use]
    pub fn wait_idle(&self, deadline: Instant) -> bool {
        self.connections.wait_free(deadline)
    }

    /// Ends every connection at once.
    pub fn cut(&self) {
        self.cut.raise();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop_accepting();
        self.cut();
    }
}

fn starting(error: io::Error) -> Error {
    Error::internal("starting the gate").source(error)
}

/// Decides what happens to an accepted connection.
struct Door {
    connections: Slots,
    refusals: Slots,
    options: Arc<GateOptions>,
    backend: Arc<dyn Backend>,
    stop: Arc<Signal>,
    cut: Arc<Signal>,
    /// Whether the last connection was turned away: a flood is logged once.
    turning_away: AtomicBool,
}

impl Door {
    fn admit(&self, socket: TcpStream, peer: SocketAddr) {
        let peer = peer.ip().to_canonical();
        match self.connections.take() {
            Some(slot) => {
                self.turning_away.store(false, Ordering::Relaxed);
                self.spawn(socket, peer, slot, connection::serve);
            }
            None => self.turn_away(socket, peer),
        }
    }

    /// Tells the client on a thread, so that a slow one does not hold up the others; when there are too many even of
    /// those, the socket is just closed.
    fn turn_away(&self, socket: TcpStream, peer: IpAddr) {
        if !self.turning_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%peer, limit = self.options.max_connections, "too many connections");
        }
        let Some(slot) = self.refusals.take() else { return };
        self.spawn(socket, peer, slot, |client, peer, gate| {
            let refusal = Refusal::new(503, Code::TooManyRuns, "too many connections; come back later");
            connection::refuse(client, peer, &refusal, &super::net::new_request_id(), gate);
        });
    }

    fn spawn(
        &self,
        socket: TcpStream,
        peer: IpAddr,
        slot: Slot,
        serve: fn(Client, IpAddr, &Surroundings<'_>),
    ) {
        let (options, backend) = (Arc::clone(&self.options), Arc::clone(&self.backend));
        let (stop, cut) = (Arc::clone(&self.stop), Arc::clone(&self.cut));
        let served = thread::Builder::new().name("connection".into()).stack_size(STACK).spawn(move || {
            let _slot = slot;
            match Client::new(socket, options.tls.as_ref(), options.stall_timeout) {
                Ok(client) => {
                    let gate = Surroundings { options: &options, backend: &*backend, stop: &stop, cut: &cut };
                    serve(client, peer, &gate);
                }
                Err(error) => tracing::debug!(%peer, %error, "the connection could not be set up"),
            }
        });
        if let Err(error) = served {
            tracing::error!(%peer, %error, "no thread for a connection");
        }
    }
}
