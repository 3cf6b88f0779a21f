//! The inner listener: a `tiny_http` server on a unix socket in a folder that only this user may enter. It is
//! replaced by a new one on a new socket whenever it cannot be reached or does not answer: its accept thread ends
//! for good on the first error and says so to nobody.

use crate::error::{Error, Result};
use crate::server::gate::{Backend, REQUEST_HEADER, socket::Signal};
use crate::server::slots::{Slot, Slots};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a connect, and each step of a self-check, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Self-checks without an answer after which the listener is replaced.
const MAX_SILENCE: u32 = 3;

/// The inner server that runs now.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) tiny: Arc<tiny_http::Server>,
    /// Counts replacements.
    pub(super) generation: u64,
    path: PathBuf,
}

/// Keeps an inner server running.
pub(super) struct TinyBackend {
    folder: TempDir,
    current: Mutex<Current>,
    /// One place per worker, taken while it answers.
    busy: Slots,
    workers: usize,
    /// Request id of self-checks; nobody outside knows it, and the gate writes this header itself.
    check_id: String,
    stopping: AtomicBool,
}

impl TinyBackend {
    pub(super) fn start(workers: usize) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("backfill-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| starting(error).hint("TMPDIR must name a folder that can be written to"))?;
        let current = listen(folder.path(), 0).map_err(starting)?;
        let random = getrandom::u64().map_err(|error| starting(io::Error::other(error.to_string())))?;
        let check_id = format!("self-check-{random:016x}");
        let (current, stopping) = (Mutex::new(current), AtomicBool::new(false));
        Ok(Self { folder, current, busy: Slots::new(workers), workers, check_id, stopping })
    }

    pub(super) fn current(&self) -> Current {
        self.lock().clone()
    }

    /// Replaces the inner server, unless somebody else has done so since `generation`.
    pub(super) fn replace(&self, generation: u64) -> io::Result<()> {
        let mut current = self.lock();
        if current.generation != generation || self.is_stopping() {
            return Ok(());
        }
        let next = listen(self.folder.path(), generation + 1)?;
        let old = std::mem::replace(&mut *current, next);
        drop(current);
        tracing::error!(replacements = generation + 1, "the inner listener had died and was replaced");
        self.wake(&old.tiny);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // Replaced in one assignment, so never half changed.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, tiny: &tiny_http::Server) {
        // Each call wakes one waiting worker.
        for _ in 0..self.workers {
            tiny.unblock();
        }
    }

    /// Marks a worker as busy while the returned value lives.
    pub(super) fn busy(&self) -> Option<Slot> {
        self.busy.take()
    }

    pub(super) fn is_self_check(&self, request_id: &str) -> bool {
        request_id == self.check_id
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Ends the workers after their current request.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake(&self.current().tiny);
    }

    /// Waits until no worker is busy; false when `deadline` came first.
    pub(super) fn wait_idle(&self, deadline: Instant) -> bool {
        self.busy.wait_free(deadline)
    }

    /// Asks the inner server for a sign of life.
    fn check(&self) -> io::Result<()> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request =
            format!("GET / HTTP/1.1\r\nConnection: close\r\n{REQUEST_HEADER}: {}\r\n\r\n", self.check_id);
        stream.write_all(request.as_bytes())?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        if answer == *b"HTTP/1.1 204" { Ok(()) } else { Err(io::Error::other("an unexpected answer")) }
    }
}

impl Backend for TinyBackend {
    fn connect(&self) -> io::Result<UnixStream> {
        let current = self.current();
        connect(&current.path).or_else(|_| {
            self.replace(current.generation)?;
            connect(&self.current().path)
        })
    }
}

impl fmt::Debug for TinyBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TinyBackend").field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}

fn starting(error: io::Error) -> Error {
    Error::internal("starting the inner listener").source(error)
}

fn listen(folder: &Path, generation: u64) -> io::Result<Current> {
    let path = folder.join(format!("http-{generation}.sock"));
    let tiny = tiny_http::Server::http_unix(&path).map_err(io::Error::other)?;
    Ok(Current { tiny: Arc::new(tiny), generation, path })
}

/// Connects within [`PATIENCE`]: a full queue would otherwise hold the caller for good.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket.into())
}

/// The thread that checks the inner server now and then.
#[derive(Debug)]
pub(super) struct Supervisor {
    stop: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    pub(super) fn start(backend: Arc<TinyBackend>, interval: Duration) -> Result<Self> {
        let stop = Arc::new(Signal::new().map_err(starting)?);
        let thread = thread::Builder::new()
            .name("self-check".into())
            .spawn({
                let stop = Arc::clone(&stop);
                move || supervise(&backend, &stop, interval)
            })
            .map_err(starting)?;
        Ok(Self { stop, thread: Some(thread) })
    }

    pub(super) fn stop(&mut self) {
        self.stop.raise();
        if let Some(thread) = self.thread.take() {
            // Its steps are short and bounded.
            let _ = thread.join();
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop();
    }
}

fn supervise(backend: &TinyBackend, stop: &Signal, interval: Duration) {
    let mut silent = 0;
    while !stop.wait(Instant::now() + interval).unwrap_or(false) {
        let generation = backend.current().generation;
        match backend.check() {
            Ok(()) => silent = 0,
            // Busy workers answer late; that is no fault of the listener.
            Err(_) if backend.busy.is_full() => {}
            Err(error) => {
                silent += 1;
                tracing::warn!(%error, silent, "the inner listener does not answer");
                if silent >= MAX_SILENCE {
                    silent = 0;
                    if let Err(error) = backend.replace(generation) {
                        tracing::error!(%error, "the inner listener could not be replaced; trying on");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
impl TinyBackend {
    /// Where clients of the inner server connect.
    pub(super) fn socket_path(&self) -> PathBuf {
        self.current().path
    }
}
