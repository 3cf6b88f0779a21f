//! A proxy that does harm between client and server, at chosen places of chosen answers. What it does goes by counting
//! requests and bytes, never by time.

use crate::cli_proxy::{Exchange, Response, exchange};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The requests of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// `GET manifest`.
    Manifest,
    /// `POST runs`.
    Begin,
    /// `GET runs/{id}`.
    Status,
    /// `GET dump/{table}` of one table, whatever chunk.
    Dump(&'static str),
    /// `DELETE runs/{id}`.
    End,
}

impl Ask {
    fn is(self, exchange: &Exchange) -> bool {
        let path = exchange.path.split('?').next().unwrap_or_default();
        match self {
            Self::Manifest => path.ends_with("/manifest"),
            Self::Begin => exchange.method == "POST",
            Self::Status => exchange.method == "GET" && path.contains("/runs/"),
            Self::Dump(table) => path.ends_with(&format!("/dump/{table}")),
            Self::End => exchange.method == "DELETE",
        }
    }
}

/// A place in an answer. Frames are those of a dump, from 0; each has a header before its data.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// Before the first byte.
    Start,
    /// In the middle of the status line.
    Head,
    /// At the first byte of the body.
    Body,
    /// In the middle of the body.
    Middle,
    /// In the middle of a frame's header.
    Header(usize),
    /// In the middle of a frame's data.
    Data(usize),
    /// Between this frame's data and the next frame's header.
    After(usize),
    /// Before the end frame.
    BeforeEnd,
    /// In the middle of the end frame.
    InEnd,
}

/// What is done there.
#[derive(Debug, Clone, Copy)]
pub enum Harm {
    /// The connection ends.
    Cut,
    /// Nothing comes any more, until the client gives up.
    Stall,
    /// One bit is another one.
    Flip,
    /// A proper answer that ends here.
    Shorten,
    /// Bytes that nobody sent stand here.
    Garbage,
    /// Something else answers, with this status and this page.
    Answer(&'static str, &'static str, &'static str),
}

/// Which of the requests meet it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Once,
    Always,
}

/// One fault.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub ask: Ask,
    pub place: Place,
    pub harm: Harm,
    pub times: Times,
}

/// A proxy in front of a backfill server that commits one fault; it stops when dropped.
pub struct FaultyServer {
    pub url: String,
    met: Arc<AtomicU64>,
    _gate: Gate,
}

impl FaultyServer {
    /// In front of the server at `upstream` (`http://host:port`).
    pub fn start(upstream: &str, fault: Fault) -> Self {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let met = Arc::new(AtomicU64::new(0));
        let gate = Gate::open({
            let met = Arc::clone(&met);
            move |mut client| {
                let Some(exchange) = exchange(&mut client, &upstream) else { return };
                let turn = fault.ask.is(&exchange).then(|| met.fetch_add(1, Ordering::SeqCst));
                let _ = if turn.is_some_and(|turn| turn == 0 || fault.times == Times::Always) {
                    commit(&mut client, &exchange.response, fault)
                } else {
                    client.write_all(&whole(&exchange.response))
                };
                let _ = client.shutdown(Shutdown::Both);
            }
        });
        Self { url: format!("http://{}", gate.address), met, _gate: gate }
    }

    /// How many of the requests came that the fault is about.
    pub fn met(&self) -> u64 {
        self.met.load(Ordering::SeqCst)
    }
}

fn whole(response: &Response) -> Vec<u8> {
    let mut bytes = response.head(response.body.len()).into_bytes();
    bytes.extend(&response.body);
    bytes
}

fn commit(client: &mut TcpStream, response: &Response, fault: Fault) -> std::io::Result<()> {
    let mut bytes = whole(response);
    let head = bytes.len() - response.body.len();
    let at = position(fault.place, head, &response.body);
    match fault.harm {
        Harm::Cut => client.write_all(&bytes[..at]),
        Harm::Stall => {
            client.write_all(&bytes[..at])?;
            // Ends when the client closes.
            client.read(&mut [0; 16]).map(|_| ())
        }
        Harm::Flip => {
            bytes[at] ^= 1;
            client.write_all(&bytes)
        }
        Harm::Shorten => {
            let body = &response.body[..at - head];
            client.write_all(response.head(body.len()).as_bytes())?;
            client.write_all(body)
        }
        Harm::Garbage => {
            client.write_all(&bytes[..at])?;
            client.write_all(&[0xA5; 4096])
        }
        Harm::Answer(status, kind, page) => {
            let answer = Response {
                status: status.to_owned(),
                headers: vec![format!("Content-Type: {kind}")],
                body: page.as_bytes().to_vec(),
            };
            client.write_all(&whole(&answer))
        }
    }
}

/// The number of the byte, from the first of the status line.
fn position(place: Place, head: usize, body: &[u8]) -> usize {
    let frames = frames(body);
    let data = |frame: usize| frames[frame].1..frames[frame + 1].0;
    let middle = |from: usize, to: usize| head + from + (to - from) / 2;
    let last = *frames.last().unwrap_or(&(0, 0));
    match place {
        Place::Start => 0,
        Place::Head => 7,
        Place::Body => head,
        Place::Middle => middle(0, body.len()),
        Place::Header(frame) => middle(frames[frame].0, frames[frame].1),
        Place::Data(frame) => middle(data(frame).start, data(frame).end),
        Place::After(frame) => head + data(frame).end,
        Place::BeforeEnd => head + last.0,
        Place::InEnd => middle(last.0, last.1),
    }
}

/// Where the headers of a dump's frames begin and end: zstd's skippable frames.
fn frames(body: &[u8]) -> Vec<(usize, usize)> {
    const MAGIC: [u8; 4] = 0x184D_2A50_u32.to_le_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(from) = body[at..].windows(4).position(|four| four == MAGIC).map(|n| at + n) {
        let Some(size) = body.get(from + 4..from + 8) else { break };
        let to = from + 8 + u32::from_le_bytes(size.try_into().unwrap()) as usize;
        found.push((from, to));
        at = to.min(body.len());
    }
    found
}

/// Accepts connections, each served on a thread of its own, until it is dropped.
struct Gate {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Gate {
    fn open(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let serve = Arc::new(serve);
        std::thread::spawn({
            let over = Arc::clone(&over);
            move || {
                for stream in listener.incoming().take_while(|_| !over.load(Ordering::SeqCst)) {
                    let serve = Arc::clone(&serve);
                    // A client that goes away is no concern of the test's.
                    stream.into_iter().for_each(|stream| {
                        let serve = Arc::clone(&serve);
                        std::thread::spawn(move || serve(stream));
                    });
                }
            }
        });
        Self { address, over }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}
