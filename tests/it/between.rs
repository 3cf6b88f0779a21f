//! Stands between a `serve` and its database, tells the kinds of statements that pass, and answers one of a chosen kind
//! with an error of its own, as the database might, or does something before it passes.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The command that carries a statement, and the one that says nothing.
const QUERY: u8 = 3;
const PING: u8 = 14;

/// The proxy.
pub struct Between {
    /// Where it listens on loopback.
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    kinds: Mutex<BTreeSet<String>>,
    refusal: Mutex<Option<Refusal>>,
    meddling: Mutex<Option<(String, Meddling)>>,
    stopped: AtomicBool,
    pings: AtomicU64,
    silent: AtomicBool,
}

type Meddling = Box<dyn FnOnce() + Send>;

struct Refusal {
    kind: String,
    code: u16,
    times: u32,
}

impl Between {
    /// In front of the server at this port.
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::Acquire) {
                    return;
                }
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.stand_between(&client, &server));
            }
        });
        Self { port, state }
    }

    /// What passed since the last call, each kind once.
    pub fn take_kinds(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.state.kinds.lock().unwrap())
    }

    /// The next statements of this kind fail with this error, and do not reach the server.
    pub fn refuse(&self, kind: &str, code: u16, times: u32) {
        *self.state.refusal.lock().unwrap() = Some(Refusal { kind: kind.to_owned(), code, times });
    }

    /// Does this before the next statement of this kind passes.
    pub fn before_next(&self, kind: &str, meddling: impl FnOnce() + Send + 'static) {
        *self.state.meddling.lock().unwrap() = Some((kind.to_owned(), Box::new(meddling)));
    }

    /// How many pings have passed.
    pub fn pings(&self) -> u64 {
        self.state.pings.load(Ordering::Acquire)
    }

    /// From now on nothing passes, and nobody is told: as if the client's host had vanished.
    pub fn go_silent(&self) {
        self.state.silent.store(true, Ordering::Release);
    }

    /// Refuses nothing more; says how many statements were still to be refused.
    pub fn left(&self) -> u32 {
        self.state.refusal.lock().unwrap().take().map_or(0, |refusal| refusal.times)
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Release);
        // So that it looks.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl State {
    fn stand_between(&self, client: &TcpStream, server: &TcpStream) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = std::io::copy(&mut &*server, &mut &*client);
                let _ = client.shutdown(Shutdown::Both);
            });
            while let Some(packet) = read_packet(client) {
                if self.silent.load(Ordering::Acquire) {
                    continue;
                }
                let done = match self.refused(&packet) {
                    // The server is silent: it waits for this very statement.
                    Some(code) => (&*client).write_all(&error_packet(code)),
                    None => (&*server).write_all(&packet),
                };
                if done.is_err() {
                    break;
                }
            }
            if !self.silent.load(Ordering::Acquire) {
                let _ = server.shutdown(Shutdown::Both);
            }
        });
    }

    /// The error that a packet of the client is answered with; none if it passes.
    fn refused(&self, packet: &[u8]) -> Option<u16> {
        if packet.get(3..) == Some(&[0, PING]) {
            self.pings.fetch_add(1, Ordering::AcqRel);
        }
        // The packets of a login have higher numbers.
        let (&[_, _, _, 0, QUERY], statement) = packet.split_first_chunk::<5>()? else { return None };
        let kind = kind(&String::from_utf8_lossy(statement));
        let meddling = self.meddling.lock().unwrap().take_if(|(of, _)| *of == kind);
        if let Some((_, meddling)) = meddling {
            meddling();
        }
        let mut refusal = self.refusal.lock().unwrap();
        let code = match refusal.as_mut() {
            Some(refusal) if refusal.times > 0 && refusal.kind == kind => {
                refusal.times -= 1;
                Some(refusal.code)
            }
            _ => None,
        };
        self.kinds.lock().unwrap().insert(kind);
        code
    }
}

/// What statements of one kind have in common: all but numbers, names of workspaces and what comes after WHERE.
fn kind(statement: &str) -> String {
    let statement = statement.rsplit_once("*/ ").map_or(statement, |(_, statement)| statement);
    let statement = statement.split(" WHERE ").next().unwrap_or_default();
    let in_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut kind = String::new();
    for piece in statement.split_inclusive(|letter| !in_word(letter)) {
        let word = piece.trim_end_matches(|letter| !in_word(letter));
        let differs =
            word.starts_with("_backfill_temp_") || word.contains(|letter: char| letter.is_ascii_digit());
        kind.push_str(if differs { "#" } else { word });
        kind.push_str(&piece[word.len()..]);
    }
    kind
}

fn read_packet(mut from: &TcpStream) -> Option<Vec<u8>> {
    let mut packet = vec![0; 4];
    from.read_exact(&mut packet).ok()?;
    let length = u32::from_le_bytes([packet[0], packet[1], packet[2], 0]);
    packet.resize(4 + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut packet[4..]).ok()?;
    Some(packet)
}

fn error_packet(code: u16) -> Vec<u8> {
    let mut body = vec![0xff];
    body.extend(code.to_le_bytes());
    body.extend(b"#40001refused by the test");
    let mut packet = u32::try_from(body.len()).unwrap().to_le_bytes()[..3].to_vec();
    packet.push(1);
    packet.extend(body);
    packet
}
