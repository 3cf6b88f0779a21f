//! An HTTP proxy between the two sides that changes what the tests want changed.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What the client asked.
pub struct Request {
    /// Path and query.
    pub path: String,
    /// How many dumps were asked for before this one; none for other requests.
    pub dump: Option<u32>,
}

impl Request {
    /// The table of a dump, decoded as far as the tests' names need it.
    pub fn table(&self) -> Option<String> {
        let rest = self.path.split("/dump/").nth(1)?;
        Some(rest.split('?').next()?.replace("%20", " "))
    }

    /// The chunk of a dump.
    pub fn chunk(&self) -> u32 {
        self.path.split("chunk=").nth(1).and_then(|n| n.split('&').next()?.parse().ok()).unwrap_or(0)
    }
}

/// The server's answer, as far as it is passed on.
#[derive(Clone)]
pub struct Response {
    pub status: String,
    /// Header lines without those of the connection.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Response {
    /// Status line and headers, for a body said to have `length` bytes; the connection ends behind it.
    pub fn head(&self, length: usize) -> String {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        for line in &self.headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str(&format!("Content-Length: {length}\r\nConnection: close\r\n\r\n"));
        head
    }
}

/// What the client gets.
pub enum Answer {
    /// This.
    Whole(Response),
    /// Head and body as they are, but the length says `extra` bytes more, and then the connection ends.
    Short(Response, usize),
    /// This much of the body, and then nothing until the client gives up.
    Stall(Response),
    /// The connection ends at once.
    Close,
}

/// What a test does with an answer.
pub type Change = dyn Fn(&Request, Response) -> Answer + Send + Sync;

/// A running proxy; it stops when dropped.
pub struct Proxy {
    pub url: String,
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// In front of the server at `upstream` (`http://host:port`).
    pub fn start(
        upstream: &str,
        change: impl Fn(&Request, Response) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let change: Arc<Change> = Arc::new(change);
        let dumps = Arc::new(AtomicU32::new(0));
        std::thread::spawn({
            let over = Arc::clone(&over);
            move || {
                for stream in listener.incoming() {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let (Ok(stream), upstream, change, dumps) =
                        (stream, upstream.clone(), Arc::clone(&change), Arc::clone(&dumps))
                    else {
                        continue;
                    };
                    // A client that goes away is no concern of the test's.
                    std::thread::spawn(move || serve(stream, &upstream, &*change, &dumps));
                }
            }
        });
        Self { url: format!("http://{address}"), address, over }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// One request and what the server answers to it.
pub struct Exchange {
    /// `GET`, `POST`, `DELETE`.
    pub method: String,
    /// Path and query.
    pub path: String,
    pub response: Response,
}

/// Reads one request from the client, asks the server and reads its whole answer. None: one of the two went away.
pub fn exchange(client: &mut TcpStream, upstream: &str) -> Option<Exchange> {
    client.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let (head, rest) = read_head(client)?;
    let mut lines = head.lines();
    let first = lines.next()?.to_owned();
    let mut words = first.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !is_header(line, "connection")).collect();
    let length = headers.iter().find(|line| is_header(line, "content-length"));
    let length: usize = length.map_or(0, |line| line.split(':').nth(1).unwrap().trim().parse().unwrap());
    let mut body = rest;
    while body.len() < length {
        let mut more = [0; 4096];
        let count = client.read(&mut more).ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&more[..count]);
    }

    let mut server = TcpStream::connect(upstream).ok()?;
    server.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    server
        .write_all(format!("{first}\r\n{}\r\nConnection: close\r\n\r\n", headers.join("\r\n")).as_bytes())
        .ok()?;
    server.write_all(&body).ok()?;
    let mut bytes = Vec::new();
    server.read_to_end(&mut bytes).ok()?;
    Some(Exchange { method, path, response: parse(&bytes)? })
}

fn serve(mut client: TcpStream, upstream: &str, change: &Change, dumps: &AtomicU32) -> Option<()> {
    let Exchange { path, response, .. } = exchange(&mut client, upstream)?;
    let dump = path.contains("/dump/").then(|| dumps.fetch_add(1, Ordering::Relaxed));
    match change(&Request { path, dump }, response) {
        Answer::Whole(response) => {
            send(&mut client, &response, response.body.len())?;
        }
        Answer::Short(response, extra) => {
            send(&mut client, &response, response.body.len() + extra)?;
        }
        Answer::Stall(response) => {
            send(&mut client, &response, response.body.len() + 1_000_000)?;
            // Ends when the client closes.
            let _ = client.read(&mut [0; 16]);
        }
        Answer::Close => {}
    }
    client.shutdown(Shutdown::Both).ok()
}

fn read_head(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            return Some((String::from_utf8(bytes[..at].to_vec()).ok()?, bytes[at + 4..].to_vec()));
        }
        let mut more = [0; 4096];
        let count = stream.read(&mut more).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&more[..count]);
    }
}

fn is_header(line: &str, name: &str) -> bool {
    line.split(':').next().is_some_and(|found| found.trim().eq_ignore_ascii_case(name))
}

fn parse(bytes: &[u8]) -> Option<Response> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..at].to_vec()).ok()?;
    let mut lines = head.lines();
    let status = lines.next()?.split_once(' ')?.1.to_owned();
    let headers: Vec<String> = lines.map(str::to_owned).collect();
    let chunked = headers.iter().any(|line| is_header(line, "transfer-encoding"));
    let body = &bytes[at + 4..];
    let body = if chunked { dechunk(body) } else { body.to_vec() };
    let of_connection = |line: &String| {
        ["connection", "transfer-encoding", "content-length"].iter().any(|name| is_header(line, name))
    };
    Some(Response {
        status,
        headers: headers.into_iter().filter(|line| !of_connection(line)).collect(),
        body,
    })
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(at) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..at])
            .ok()
            .and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(size @ 1..) = size else { break };
        let end = (at + 2 + size).min(bytes.len());
        out.extend_from_slice(&bytes[at + 2..end]);
        bytes = bytes.get(end + 2..).unwrap_or_default();
    }
    out
}

fn send(client: &mut TcpStream, response: &Response, length: usize) -> Option<()> {
    client.write_all(response.head(length).as_bytes()).ok()?;
    client.write_all(&response.body).ok()
}

/// A server that answers everything with the same bytes, whatever is asked.
pub fn always(answer: &'static str) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                if read_head(&mut stream).is_some() {
                    let _ = stream.write_all(answer.as_bytes());
                    let _ = stream.shutdown(Shutdown::Write);
                }
            }
        }
    });
    Proxy { url: format!("http://{address}"), address, over }
}

/// A plain TCP forwarder to `target` (`host:port`); its own port. It lives as long as the test program.
pub fn forward(target: String) -> u16 {
    forward_to(Arc::new(Mutex::new(target)))
}

/// As [`forward`], with a target that may change between two connections.
pub fn forward_to(target: Arc<Mutex<String>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(near), Ok(far)) = (stream, connect_to(&target)) else { continue };
            for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    port
}

fn connect_to(target: &Mutex<String>) -> std::io::Result<TcpStream> {
    let address = target.lock().unwrap().clone();
    TcpStream::connect(address)
}

/// Lets a test wait until a request has come, and holds that request until the test goes on.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<(bool, bool)>, Condvar)>);

impl Gate {
    /// The proxy's side: says that it is here and waits (at most a minute).
    pub fn hold(&self) {
        let (lock, changed) = &*self.0;
        let mut state = lock.lock().unwrap();
        state.0 = true;
        changed.notify_all();
        let _ = changed.wait_timeout_while(state, Duration::from_secs(60), |state| !state.1).unwrap();
    }

    /// The test's side: waits until somebody is held.
    pub fn wait(&self) {
        let (lock, changed) = &*self.0;
        let state = lock.lock().unwrap();
        let (state, _) =
            changed.wait_timeout_while(state, Duration::from_secs(60), |state| !state.0).unwrap();
        assert!(state.0, "nobody came to the gate");
    }

    /// Lets everybody through.
    pub fn open(&self) {
        let (lock, changed) = &*self.0;
        lock.lock().unwrap().1 = true;
        changed.notify_all();
    }
}
