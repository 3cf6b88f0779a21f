//! Answers requests that came through the gate.
//!
//! `tiny_http` reads them from a unix socket in a private folder; a few worker threads call the [`Handler`] and send
//! short answers. What takes long never runs on a worker: streams and long polls get threads of their own, counted,
//! so that a request for a run's status is answered while every stream is busy. Answers are written by this module,
//! framing included: a stream that fails ends without its last chunk and thus never looks complete.

mod backend;
mod reply;
mod request;
mod stream;
#[cfg(test)]
mod tests;
mod worker;

pub use reply::{Handler, Reply, StreamReply};
pub use request::Request;
pub use stream::StreamWriter;

use super::gate::{Gate, GateOptions};
use super::slots::Slots;
use crate::error::{Error, Result};
use backend::{Supervisor, TinyBackend};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use worker::Workers;

/// How long threads get to notice that their client was cut off.
const AFTER_CUT: Duration = Duration::from_secs(2);

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Threads that call the handler.
    pub workers: usize,
    /// Streams at a time; more are answered with 503.
    pub max_streams: usize,
    /// Long polls (and other [`Reply::Later`]) at a time; more are answered with 503.
    pub max_waits: usize,
    /// Time between two checks that the inner listener still answers.
    pub self_check: Duration,
    /// The limits of the gate in front.
    pub gate: GateOptions,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            workers: 8,
            max_streams: 64,
            max_waits: 64,
            self_check: Duration::from_secs(10),
            gate: GateOptions::default(),
        }
    }
}

/// A running HTTP server: gate, inner listener, workers.
#[derive(Debug)]
pub struct Server {
    gate: Gate,
    backend: Arc<TinyBackend>,
    supervisor: Supervisor,
    threads: Vec<JoinHandle<()>>,
    streams: Slots,
    waits: Slots,
}

impl Server {
    /// Begins to serve on `listener` (see [`super::gate::bind`]).
    ///
    /// # Errors
    /// `Kind::Internal` when the private folder, its socket or a thread cannot be made.
    pub fn start(listener: TcpListener, options: HttpOptions, handler: Arc<dyn Handler>) -> Result<Self> {
        let workers = options.workers.max(1);
        let backend = Arc::new(TinyBackend::start(workers)?);
        let streams = Slots::new(options.max_streams);
        let waits = Slots::new(options.max_waits);
        let shared = Arc::new(Workers::new(Arc::clone(&backend), handler, streams.clone(), waits.clone()));
        let parts = start_threads(&shared, workers).and_then(|threads| {
            let supervisor = Supervisor::start(Arc::clone(&backend), options.self_check)?;
            let gate = Gate::start(listener, options.gate, Arc::<TinyBackend>::clone(&backend))?;
            Ok((threads, supervisor, gate))
        });
        match parts {
            Ok((threads, supervisor, gate)) => {
                Ok(Self { gate, backend, supervisor, threads, streams, waits })
            }
            Err(error) => {
                backend.stop();
                Err(error)
            }
        }
    }

    /// The address it listens on, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.gate.local_addr()
    }

    /// Streams that run now.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.taken()
    }

    /// Stops: accepts nothing more, lets what runs go on for `grace`, then cuts it off. Says whether everything
    /// ended by itself.
    pub fn shutdown(mut self, grace: Duration) -> bool {
        self.stop(grace)
    }

    /// Streams and waits whose clients are cut off end with their next write; one that never writes is left behind.
    fn stop(&mut self, grace: Duration) -> bool {
        self.gate.stop_accepting();
        let by_itself = self.gate.wait_idle(Instant::now() + grace);
        self.gate.cut();
        let deadline = Instant::now() + AFTER_CUT;
        let ended =
            self.gate.wait_idle(deadline) & self.streams.wait_free(deadline) & self.waits.wait_free(deadline);
        if !ended {
            tracing::warn!("some answers did not end when their clients were cut off");
        }
        self.supervisor.stop();
        self.backend.stop();
        if self.backend.wait_idle(deadline) {
            for thread in self.threads.drain(..) {
                // Workers catch panics; one that ended otherwise has nothing left to tell.
                let _ = thread.join();
            }
        }
        by_itself
    }
}

fn start_threads(workers: &Arc<Workers>, count: usize) -> Result<Vec<JoinHandle<()>>> {
    let start = |_| {
        let workers = Arc::clone(workers);
        thread::Builder::new().name("http".into()).spawn(move || workers.run())
    };
    (0..count)
        .map(start)
        .collect::<std::io::Result<_>>()
        .map_err(|error| Error::internal("starting a worker").source(error))
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.backend.is_stopping() {
            self.stop(Duration::ZERO);
        }
    }
}
