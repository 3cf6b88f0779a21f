//! The network between a client and its server, at one address whatever is behind it: it can be away, be cut in the
//! middle of an answer, hold a request, and it remembers what was asked.

use crate::cli_proxy::Gate;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A running link; it stops when dropped.
pub struct Link {
    pub url: String,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// `host:port` of the server.
    server: String,
    /// Connections are taken and closed at once, so many more times.
    away: u32,
    /// The next answer to a request with such a path ends after so many bytes, headers included.
    cuts: Vec<(String, usize)>,
    /// Requests with such a path wait here, the first one only, and none of this run.
    hold: Option<(String, String, Gate)>,
    /// Connections that are open.
    open: Vec<TcpStream>,
    /// How often everything was cut.
    cut_all: u32,
    /// Methods and paths, in order.
    requests: Vec<String>,
    over: bool,
}

/// A network that is away until somebody says otherwise.
pub const FOR_GOOD: u32 = u32::MAX;

impl Link {
    /// To the server at `url`.
    pub fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        std::thread::spawn({
            let state = Arc::clone(&state);
            move || {
                for client in listener.incoming() {
                    if state.lock().unwrap().over {
                        return;
                    }
                    let (Ok(client), state) = (client, Arc::clone(&state)) else { continue };
                    std::thread::spawn(move || carry(client, &state));
                }
            }
        });
        let link = Self { url: format!("http://{address}"), address, state };
        link.lead_to(url);
        link
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on it leads to another server.
    pub fn lead_to(&self, url: &str) {
        self.state().server = url.trim_start_matches("http://").to_owned();
    }

    /// Cuts everything that is open; the next `times` connections are cut as well.
    pub fn go_away(&self, times: u32) {
        let mut state = self.state();
        state.away = times;
        state.cut_all += 1;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// It is there again.
    pub fn come_back(&self) {
        self.state().away = 0;
    }

    /// Cuts the next answer to a request for `path` after so many bytes.
    pub fn cut(&self, path: &str, bytes: usize) {
        self.state().cuts.push((path.to_owned(), bytes));
    }

    /// Holds the next request for `path` until the gate opens.
    pub fn hold(&self, path: &str) -> Gate {
        self.hold_but_not(path, "nothing")
    }

    /// As [`Link::hold`], but lets requests pass that belong to the run that was asked for last.
    pub fn hold_in_another_run(&self, path: &str) -> Gate {
        let run_of = |line: &String| line.split("run=").nth(1)?.split('&').next().map(str::to_owned);
        let last = self.state().requests.iter().rev().find_map(run_of);
        self.hold_but_not(path, &last.unwrap())
    }

    fn hold_but_not(&self, path: &str, run: &str) -> Gate {
        let gate = Gate::default();
        self.state().hold = Some((path.to_owned(), run.to_owned(), gate.clone()));
        gate
    }

    /// What was asked since this was called last: `GET /path?query`.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.state().over = true;
        let _ = TcpStream::connect(self.address);
    }
}

/// The chunks of `table` among requests, in order.
pub fn chunks_of(requests: &[String], table: &str) -> Vec<u32> {
    let of_table = requests.iter().filter(|line| line.contains(&format!("/dump/{table}?")));
    of_table.filter_map(|line| line.split("chunk=").nth(1)?.parse().ok()).collect()
}

/// How many requests have this method and such a path.
pub fn count(requests: &[String], method: &str, path: &str) -> usize {
    requests.iter().filter(|line| line.starts_with(method) && line.contains(path)).count()
}

/// One connection is one request: the server closes after each.
fn carry(mut client: TcpStream, state: &Mutex<State>) -> Option<()> {
    let cut_all = {
        let mut state = state.lock().unwrap();
        if state.away > 0 {
            state.away = if state.away == FOR_GOOD { FOR_GOOD } else { state.away - 1 };
            return None;
        }
        state.open.push(client.try_clone().ok()?);
        state.cut_all
    };
    client.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let mut head = vec![0; 64 * 1024];
    let mut filled = 0;
    while !head[..filled].windows(4).any(|four| four == b"\r\n\r\n") {
        filled += client.read(head.get_mut(filled..)?).ok().filter(|count| *count > 0)?;
    }
    let line = String::from_utf8_lossy(&head[..filled]).lines().next()?.to_owned();
    let asked = line.rsplit_once(' ')?.0.to_owned();
    let (server, cut, gate) = {
        let mut state = state.lock().unwrap();
        state.requests.push(asked.clone());
        let cut = state.cuts.iter().position(|(path, _)| asked.contains(path));
        let cut = cut.map(|at| state.cuts.remove(at).1);
        let is_held = |path: &str, run: &str| asked.contains(path) && !asked.contains(run);
        let gate = state.hold.take_if(|(path, run, _)| is_held(path, run)).map(|(.., gate)| gate);
        (state.server.clone(), cut, gate)
    };
    if let Some(gate) = gate {
        gate.hold();
    }
    let mut server = TcpStream::connect(server).ok()?;
    {
        let mut state = state.lock().unwrap();
        if state.cut_all != cut_all {
            return None;
        }
        state.open.push(server.try_clone().ok()?);
    }
    server.write_all(&head[..filled]).ok()?;
    let (mut up_from, mut up_to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut up_from, &mut up_to);
        let _ = up_to.shutdown(Shutdown::Write);
    });
    let _ = match cut {
        Some(bytes) => std::io::copy(&mut Read::by_ref(&mut server).take(bytes as u64), &mut client),
        None => std::io::copy(&mut server, &mut client),
    };
    let _ = client.shutdown(Shutdown::Both);
    server.shutdown(Shutdown::Both).ok()
}
