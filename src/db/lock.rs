//! Named locks of the server (`GET_LOCK`): what marks a running serve, a run's workspace and a pull as alive.
//!
//! The server frees them when their connection ends, whatever happened to the process, so they need a connection
//! of their own that nothing else uses, and somebody who asks every few seconds whether it still lives: when it
//! died, all locks are gone and whoever relied on one must stop.

use super::connect::Connection;
use super::endpoint::Endpoint;
use super::session::Role;
use crate::error::{Context, Error, Kind, Result};
use crate::sql::ident::string_literal;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the connection is asked whether it and its locks still live.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Longest name that both servers take, in characters.
const NAME_CHARS_MAX: usize = 64;
/// A lock may become free between asking for it and asking who has it.
const ATTEMPTS: u32 = 3;

type Callback = Box<dyn FnOnce() + Send>;

/// A connection that holds any number of named locks and watches over them.
///
/// The connection ends when the keeper and every [`HeldLock`] of it are gone.
#[derive(Clone)]
pub struct LockKeeper(Arc<Keeper>);

struct Keeper {
    state: Arc<State>,
    /// Dropped to stop the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    id: u32,
    lost: AtomicBool,
    inner: Mutex<Inner>,
    callbacks: Mutex<Vec<Callback>>,
}

struct Inner {
    conn: Connection,
    held: BTreeSet<String>,
}

impl std::fmt::Debug for LockKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockKeeper").field("id", &self.id()).field("lost", &self.lost()).finish()
    }
}

impl LockKeeper {
    /// Opens the connection (without a default schema) and starts watching it.
    ///
    /// # Errors
    /// As [`Connection::open`]; `Internal` when no thread can be started.
    pub fn open(endpoint: &Endpoint, role: Role) -> Result<Self> {
        Self::open_every(endpoint, role, KEEPALIVE)
    }

    /// As [`LockKeeper::open`], asking at another interval.
    ///
    /// # Errors
    /// As [`LockKeeper::open`].
    pub fn open_every(endpoint: &Endpoint, role: Role, interval: Duration) -> Result<Self> {
        let conn = Connection::open_in(endpoint, role, None)?;
        let state = Arc::new(State {
            id: conn.id(),
            lost: AtomicBool::new(false),
            inner: Mutex::new(Inner { conn, held: BTreeSet::new() }),
            callbacks: Mutex::new(Vec::new()),
        });
        let (stop, stopped) = bounded(0);
        let watched = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("lock-keeper".to_owned())
            .spawn(move || watch(&watched, &stopped, interval))
            .map_err(|error| Error::internal("starting the thread that keeps locks").source(error))?;
        Ok(Self(Arc::new(Keeper { state, stop: Some(stop), thread: Some(thread) })))
    }

    /// Takes the lock `name` without waiting; names longer than 64 characters are hashed (see [`lock_name`]).
    ///
    /// # Errors
    /// `Busy` naming the connection that has it, connection failures (the keeper counts as lost then).
    pub fn hold(&self, name: &str) -> Result<HeldLock> {
        let name = lock_name(name);
        self.0.state.take(&name).context(|| format!("taking the lock `{name}`"))?;
        Ok(HeldLock { keeper: Arc::clone(&self.0), name, released: false })
    }

    /// Whether the connection died: then every lock of this keeper is gone, and its owner must stop.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.0.state.is_lost()
    }

    /// Calls `action` once when the connection is found dead, at once if it already was. It runs on the watching
    /// thread and must be short: cancel something, do not wait for it.
    pub fn on_lost(&self, action: impl FnOnce() + Send + 'static) {
        lock(&self.0.state.callbacks).push(Box::new(action));
        if self.lost() {
            self.0.state.call_back();
        }
    }

    /// The server's number of the connection: what others see as the locks' holder.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.state.id
    }
}

/// One lock; dropping it frees the lock.
pub struct HeldLock {
    keeper: Arc<Keeper>,
    name: String,
    released: bool,
}

impl std::fmt::Debug for HeldLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HeldLock").field(&self.name).finish()
    }
}

impl HeldLock {
    /// The name that the server knows the lock by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the connection died and the lock with it.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.keeper.state.is_lost()
    }

    /// `Err` once the lock is gone: for the steps of long work.
    ///
    /// # Errors
    /// `Busy`, retryable.
    pub fn check(&self) -> Result<()> {
        if self.lost() {
            return Err(gone(&self.name));
        }
        Ok(())
    }

    /// As [`HeldLock::check`] for this lock and `also`, names of others of the same keeper; asks the server over `conn`,
    /// since whoever watches the lock's connection misses it only a while after it died.
    ///
    /// # Errors
    /// `Busy`, retryable; the server's.
    pub fn confirm(&self, conn: &mut Connection, also: &[&str]) -> Result<()> {
        self.check()?;
        for name in also.iter().chain([&self.name.as_str()]) {
            if is_used(conn, name)? != Some(u64::from(self.keeper.state.id)) {
                return Err(gone(name));
            }
        }
        Ok(())
    }

    /// Frees the lock and says whether that worked.
    ///
    /// # Errors
    /// Connection failures; the lock is free then too.
    pub fn release(mut self) -> Result<()> {
        self.released = true;
        self.keeper.state.give_back(&self.name)
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        if self.released || self.lost() {
            return;
        }
        if let Err(error) = self.keeper.state.give_back(&self.name) {
            tracing::debug!(%error, lock = self.name, "the lock went with its connection");
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The last owner may have been a callback, which runs on that very thread.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("the thread that keeps locks panicked");
            }
        }
    }
}

impl State {
    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    fn take(&self, name: &str) -> Result<()> {
        let mut inner = lock(&self.inner);
        if self.is_lost() {
            return Err(Error::new(Kind::Busy, "the connection that holds locks died").retryable());
        }
        // The server would count a second GET_LOCK of one connection as success.
        if inner.held.contains(name) {
            return Err(taken_by(u64::from(self.id)));
        }
        match get_lock(&mut inner.conn, name) {
            Ok(()) => {
                inner.held.insert(name.to_owned());
                Ok(())
            }
            Err(error) => {
                drop(inner);
                // Only a broken connection takes the other locks along, not a name that the server refuses.
                if error.kind() != Kind::Busy && error.is_retryable() {
                    self.lose();
                }
                Err(error)
            }
        }
    }

    fn give_back(&self, name: &str) -> Result<()> {
        let mut inner = lock(&self.inner);
        inner.held.remove(name);
        let released: Option<u8> =
            inner.conn.query_one(&format!("SELECT RELEASE_LOCK({})", string_literal(name)))?;
        match released {
            Some(1) => Ok(()),
            _ => Err(Error::internal(format!("the lock `{name}` was not held any more"))),
        }
    }

    /// Asks for every lock, not only whether the server answers: a proxy may have put another connection in place.
    fn verify(&self) -> Result<()> {
        let mut inner = lock(&self.inner);
        let Inner { conn, held } = &mut *inner;
        let id: u32 = conn.query_one("SELECT CONNECTION_ID()")?;
        for name in held.iter() {
            if is_used(conn, name)? != Some(u64::from(id)) {
                return Err(Error::new(Kind::Busy, format!("the lock `{name}` is not held any more")));
            }
        }
        Ok(())
    }

    fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.call_back();
    }

    fn call_back(&self) {
        let callbacks = std::mem::take(&mut *lock(&self.callbacks));
        for callback in callbacks {
            callback();
        }
    }
}

fn watch(state: &State, stopped: &Receiver<()>, interval: Duration) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
        if let Err(error) = state.verify() {
            tracing::warn!(%error, "the connection that holds locks died");
            state.lose();
        }
        if state.is_lost() {
            return;
        }
    }
}

/// A panic elsewhere leaves nothing here half done: every state that the mutex guards is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone(name: &str) -> Error {
    Error::new(Kind::Busy, format!("the connection that held the lock `{name}` died"))
        .hint("start again")
        .retryable()
}

fn taken_by(holder: u64) -> Error {
    Error::new(Kind::Busy, format!("it is held by connection {holder}"))
        .hint(format!("wait until it ends, or look at it: SHOW PROCESSLIST lists connection {holder}"))
}

fn get_lock(conn: &mut Connection, name: &str) -> Result<()> {
    let literal = string_literal(name);
    for _ in 0..ATTEMPTS {
        let got: Option<u8> = conn.query_one(&format!("SELECT GET_LOCK({literal}, 0)"))?;
        match got {
            Some(1) => return Ok(()),
            Some(_) => {}
            None => return Err(Error::internal(format!("the server has no lock of the name `{name}`"))),
        }
        if let Some(holder) = is_used(conn, name)? {
            return Err(taken_by(holder));
        }
    }
    Err(Error::new(Kind::Busy, "others keep taking it").retryable())
}

/// The connection that holds the lock `name` on that server; none if it is free. Names are hashed as by
/// [`LockKeeper::hold`].
///
/// # Errors
/// The server's, connection failures.
pub fn is_used(conn: &mut Connection, name: &str) -> Result<Option<u64>> {
    conn.query_one(&format!("SELECT IS_USED_LOCK({})", string_literal(&lock_name(name))))
}

/// The name as the server gets it: itself up to 64 characters, else `backfill:` and 48 hex digits of its SHA-256.
#[must_use]
pub fn lock_name(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let hex: String = digest.iter().take(24).map(|byte| format!("{byte:02x}")).collect();
    format!("backfill:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_hashed_and_stay_apart() {
        let short = "é".repeat(64);
        assert_eq!(lock_name(&short), short);
        let (a, b) = (lock_name(&"a".repeat(65)), lock_name(&"a".repeat(66)));
        assert_ne!(a, b);
        assert_eq!(a, lock_name(&"a".repeat(65)));
        assert!(a.chars().count() <= NAME_CHARS_MAX && a.starts_with("backfill:"));
        assert_eq!(lock_name(&a), a, "a hashed name is a name");
    }
}
