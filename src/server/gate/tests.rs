//! The gate over real sockets, with a backend that each test plays itself.

use super::*;
use crate::wire::api::ErrorBody;
use std::io::{ErrorKind, Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

const PATIENCE: Duration = Duration::from_secs(30);
const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// Hands the backend's end of every connection to the test.
struct Fake(Mutex<Sender<UnixStream>>);

impl Backend for Fake {
    fn connect(&self) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        theirs.set_read_timeout(Some(PATIENCE))?;
        theirs.set_write_timeout(Some(PATIENCE))?;
        self.0.lock().unwrap().send(theirs).map_err(io::Error::other)?;
        Ok(ours)
    }
}

fn start(options: GateOptions) -> (Gate, Receiver<UnixStream>) {
    let (sender, receiver) = channel();
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (Gate::start(listener, options, Arc::new(Fake(Mutex::new(sender)))).unwrap(), receiver)
}

fn quick() -> GateOptions {
    GateOptions { head_timeout: Duration::from_millis(400), ..GateOptions::default() }
}

fn connect(gate: &Gate) -> TcpStream {
    let stream = TcpStream::connect(gate.local_addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn open(gate: &Gate, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = connect(gate);
    stream.write_all(bytes.as_ref()).unwrap();
    stream
}

fn rest(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Status and error code of an answer of the gate's own.
fn refusal(answer: &str) -> (u16, Code) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    let body: ErrorBody = serde_json::from_str(body).unwrap();
    assert!(head.contains(&format!("\r\nX-Request-Id: {}\r\n", body.request_id)), "{head}");
    (head[9..12].parse().unwrap(), body.code)
}

/// Reads one forwarded head.
fn forwarded(backend: &mut UnixStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        backend.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// Writes until the gate closes its end; false when it just took too long.
fn writes_until_closed(backend: &mut UnixStream) -> bool {
    loop {
        // A reset when the gate had not read all, a broken pipe otherwise.
        if let Err(error) = backend.write_all(&[b'x'; 1 << 16]) {
            return matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
        }
    }
}

#[test]
fn a_request_goes_through_and_the_bytes_come_back_unchanged() {
    let (gate, backends) = start(GateOptions::default());
    let mut client = open(&gate, "POST /a?b=%20 HTTP/1.1\r\nHost: a\r\nTE: x\r\nContent-Length: 4\r\n\r\nab");
    client.write_all(b"cd").unwrap();
    let mut backend = backends.recv_timeout(PATIENCE).unwrap();
    let head = forwarded(&mut backend);
    assert!(head.starts_with("POST /a?b=%20 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nBackfill-Peer: 127.0.0.1\r\n") && !head.contains("TE:"), "{head}");
    let mut body = [0; 4];
    backend.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"abcd");
    backend.write_all(b"anything, even no HTTP").unwrap();
    drop(backend);
    assert_eq!(rest(&mut client), "anything, even no HTTP");
}

#[test]
fn odd_requests_are_refused_and_never_reach_the_backend() {
    let (gate, backends) = start(quick());
    let post = |headers: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n{body}");
    let table = [
        (413, post("Content-Length: 1000000000000000", "")),
        (501, post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        (501, post("Transfer-Encoding: identity", "")),
        (400, post("Content-Length: 5\r\nContent-Length: 6", "abcdef")),
        (400, post("Content-Length: 5, 5", "abcde")),
        (400, post("Content-Length: 5\r\n folded: x", "abcde")),
        (400, post("Content-Length : 5", "abcde")),
        (400, post("X: a\0b", "")),
        (400, "GET / HTTP/1.1\nHost: a\n\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\rGET / HTTP/1.1\r\n\r\n".to_owned()),
        (505, "GET / HTTP/1.0\r\nHost: a\r\n\r\n".to_owned()),
        (400, "GET /\r\n\r\n".to_owned()),
        (431, format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(64))),
        (431, format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(1 << 20))),
        (431, format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "y".repeat(1 << 20))),
    ];
    for (status, request) in table {
        let mut client = connect(&gate);
        // The gate answers before it has read all of the long ones, and stops reading at some point.
        let _ = client.write_all(request.as_bytes());
        let answer = rest(&mut client);
        let shown = &request[..request.len().min(90)];
        assert_eq!(refusal(&answer).0, status, "{shown:?}");
    }
    assert!(backends.try_recv().is_err());
    assert_eq!(forwarded_after(&gate, &backends), "GET /x HTTP/1.1", "and it still works");
}

fn forwarded_after(gate: &Gate, backends: &Receiver<UnixStream>) -> String {
    let _client = open(gate, GET);
    let head = forwarded(&mut backends.recv_timeout(PATIENCE).unwrap());
    head.lines().next().unwrap().to_owned()
}

#[test]
fn a_head_that_trickles_in_is_cut_off_by_a_total_deadline() {
    let (gate, backends) = start(quick());
    let started = Instant::now();
    let mut client = connect(&gate);
    let mut writer = client.try_clone().unwrap();
    let trickle = thread::spawn(move || {
        // Each byte comes well before the deadline; together they take far longer.
        for byte in GET.replace("/x", &"x".repeat(1000).replacen('x', "/", 1)).bytes() {
            if writer.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(refusal(&rest(&mut client)), (408, Code::BadRequest));
    let elapsed = started.elapsed();
    assert!(elapsed >= quick().head_timeout && elapsed < Duration::from_secs(10), "{elapsed:?}");
    assert!(backends.try_recv().is_err());
    drop(client);
    trickle.join().unwrap();
}

#[test]
fn a_body_that_stays_away_is_cut_off() {
    let options = GateOptions { body_timeout: Duration::from_millis(300), ..GateOptions::default() };
    let (gate, backends) = start(options);
    let mut client = open(&gate, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(refusal(&rest(&mut client)), (408, Code::BadRequest));
    assert!(backends.try_recv().is_err());
}

#[test]
fn a_silent_connection_is_closed_without_a_word() {
    let (gate, _backends) = start(quick());
    assert_eq!(rest(&mut connect(&gate)), "");
}

#[test]
fn connections_beyond_the_cap_are_told_to_come_back() {
    let (gate, backends) = start(GateOptions { max_connections: 2, ..GateOptions::default() });
    let held = [open(&gate, GET), open(&gate, GET)];
    let served = [backends.recv_timeout(PATIENCE).unwrap(), backends.recv_timeout(PATIENCE).unwrap()];
    let answer = rest(&mut open(&gate, GET));
    assert_eq!(refusal(&answer), (503, Code::TooManyRuns));
    assert!(answer.contains("\r\nRetry-After: "), "{answer}");
    assert_eq!(gate.connections(), 2);
    drop((held, served));
    assert!(gate.wait_idle(Instant::now() + PATIENCE));
    assert_eq!(forwarded_after(&gate, &backends), "GET /x HTTP/1.1");
}

#[test]
fn a_flood_of_connections_leaves_the_gate_usable() {
    let (gate, backends) = start(GateOptions { max_connections: 4, ..quick() });
    let flood: Vec<TcpStream> = (0..200).map(|_| connect(&gate)).collect();
    drop(flood);
    assert!(gate.wait_idle(Instant::now() + PATIENCE));
    // Refusals have places of their own, so the next one may still find the flood's connections being served.
    let served = (0..100).any(|_| {
        let _client = open(&gate, GET);
        backends.recv_timeout(Duration::from_millis(300)).is_ok()
    });
    assert!(served);
}

#[test]
fn a_second_request_on_the_connection_is_ignored() {
    let (gate, backends) = start(GateOptions::default());
    let mut client = open(&gate, format!("{GET}GET /second HTTP/1.1\r\nHost: a\r\n\r\n"));
    let mut backend = backends.recv_timeout(PATIENCE).unwrap();
    forwarded(&mut backend);
    client.write_all(b"GET /third HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    backend.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    backend.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(rest(&mut client), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(rest(&mut backend), "");
    assert!(backends.try_recv().is_err());
}

#[test]
fn bytes_after_the_body_do_not_get_into_the_backend() {
    let (gate, backends) = start(GateOptions::default());
    let _client =
        open(&gate, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET /x HTTP/1.1\r\n\r\n");
    let mut backend = backends.recv_timeout(PATIENCE).unwrap();
    forwarded(&mut backend);
    backend.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(rest(&mut backend), "ab");
}

#[test]
fn continue_is_said_when_the_client_waits_for_it() {
    let (gate, backends) = start(GateOptions::default());
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut client = open(&gate, head);
    let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut interim = vec![0; expected.len()];
    client.read_exact(&mut interim).unwrap();
    assert_eq!(interim, expected);
    client.write_all(b"ab").unwrap();
    let mut backend = backends.recv_timeout(PATIENCE).unwrap();
    assert!(!forwarded(&mut backend).contains("Expect"));
    let mut refused = open(&gate, head.replace("Content-Length: 2", "Content-Length: 2000000"));
    assert_eq!(refusal(&rest(&mut refused)), (413, Code::BadRequest));
}

#[test]
fn a_client_that_is_still_sending_can_read_its_refusal() {
    let (gate, _backends) = start(GateOptions::default());
    let mut client = open(&gate, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    client.peek(&mut [0]).unwrap();
    // The gate has answered. It still takes what comes, or these writes would fail and many clients never read.
    for _ in 0..5 {
        client.write_all(&[b'x'; 100_000]).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(refusal(&rest(&mut client)), (413, Code::BadRequest));
}

#[test]
fn the_backend_learns_at_once_that_the_client_left() {
    let (gate, backends) = start(GateOptions::default());
    let client = open(&gate, GET);
    let mut backend = backends.recv_timeout(PATIENCE).unwrap();
    forwarded(&mut backend);
    drop(client);
    // The backend was silent all the time; only the gate could see the client leave.
    assert_eq!(backend.read(&mut [0]).unwrap(), 0);
    assert_eq!(backend.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let options = GateOptions { stall_timeout: Duration::from_millis(300), ..GateOptions::default() };
    let (gate, backends) = start(options);
    let mut client = open(&gate, GET);
    let mut backend = backends.recv_timeout(PATIENCE).unwrap();
    forwarded(&mut backend);
    assert!(writes_until_closed(&mut backend));
    assert!(gate.wait_idle(Instant::now() + PATIENCE));
    assert!(io::copy(&mut client, &mut io::sink()).is_err(), "the connection was reset");
}

#[test]
fn a_slow_backend_is_no_stall() {
    let options = GateOptions { stall_timeout: Duration::from_millis(100), ..GateOptions::default() };
    let (gate, backends) = start(options);
    let mut client = open(&gate, GET);
    let mut backend = backends.recv_timeout(PATIENCE).unwrap();
    forwarded(&mut backend);
    for _ in 0..2 {
        backend.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        thread::sleep(Duration::from_millis(300));
    }
    drop(backend);
    assert_eq!(rest(&mut client), "");
}

#[test]
fn a_backend_without_an_answer_gives_an_error_of_the_gate() {
    let (gate, backends) = start(GateOptions::default());
    let mut client = open(&gate, GET);
    drop(backends.recv_timeout(PATIENCE).unwrap());
    assert_eq!(refusal(&rest(&mut client)), (500, Code::Internal));
    drop(backends);
    assert_eq!(refusal(&rest(&mut open(&gate, GET))), (503, Code::Internal));
}

#[test]
fn stopping_closes_the_door_and_cutting_ends_the_rest() {
    let (mut gate, backends) = start(GateOptions::default());
    // Accepted before the next one, and still without a request when the door closes.
    let mut idle = connect(&gate);
    let mut client = open(&gate, GET);
    let mut backend = backends.recv_timeout(PATIENCE).unwrap();
    forwarded(&mut backend);
    gate.stop_accepting();
    assert_eq!(rest(&mut idle), "");
    assert_eq!(TcpStream::connect(gate.local_addr()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    backend.write_all(b"still here").unwrap();
    let mut text = [0; 10];
    client.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"still here");
    assert!(!gate.wait_idle(Instant::now()));
    gate.cut();
    assert!(gate.wait_idle(Instant::now() + PATIENCE));
    assert_eq!(rest(&mut client), "");
    assert_eq!(backend.read(&mut [0]).unwrap(), 0);
}

#[test]
fn an_address_in_use_is_a_configuration_error() {
    let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = bind(first.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.hint_text().is_some());
}

/// A self-signed certificate for `localhost` and its key, made for this test only.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBbTCCARKgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1iYWNrZmls
bCB0ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAYMRYwFAYD
VQQDDA1iYWNrZmlsbCB0ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELj+z
Ys43jdKvsC2Eqq6inszWM0sSaFs3FwmERXYs7rNx96wQE8Bii8+3wHeABZjcjh4v
yh5T206ZcRtcYRaR56NLMEkwDAYDVR0TAQH/BAIwADAaBgNVHREEEzARgglsb2Nh
bGhvc3SHBH8AAAEwHQYDVR0OBBYEFHnDdZZiTuhCJJD3AJNDExbiBwPZMAoGCCqG
SM49BAMCA0kAMEYCIQC8RxwmRvNQjKJzWNr3jw1QDS1c/eTEf4leGUBET5y4ywIh
AMm2LqIME2DBfIwB9PbsW6nv/EwJxjrnXhiGcP64oXkJ
-----END CERTIFICATE-----
";
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzajioNSKXFp8IudO
jsS9ixJ8iT7zgJy5Tk4pvtW0UuuhRANCAAQuP7NizjeN0q+wLYSqrqKezNYzSxJo
WzcXCYRFdizus3H3rBATwGKLz7fAd4AFmNyOHi/KHlPbTplxG1xhFpHn
-----END PRIVATE KEY-----
";

fn tls_config(certificate: &str, key: &str) -> Result<Arc<ServerConfig>> {
    let folder = tempfile::tempdir().unwrap();
    let paths = [folder.path().join("cert.pem"), folder.path().join("key.pem")];
    std::fs::write(&paths[0], certificate).unwrap();
    std::fs::write(&paths[1], key).unwrap();
    tls::load(&paths[0], &paths[1])
}

fn tls_agent() -> ureq::Agent {
    let certificate = ureq::tls::Certificate::from_pem(CERTIFICATE.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::new_with_certs(&[certificate]))
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let config = ureq::Agent::config_builder().proxy(None).tls_config(tls).timeout_global(Some(PATIENCE));
    config.build().new_agent()
}

#[test]
fn https_carries_requests_large_answers_and_truncation() {
    let tls = Some(tls_config(CERTIFICATE, KEY).unwrap());
    let (gate, backends) = start(GateOptions { tls, ..GateOptions::default() });
    let body = vec![b'x'; 5_000_000];
    let answering = thread::spawn({
        let body = body.clone();
        move || {
            for missing in [0, 1000] {
                let mut backend = backends.recv_timeout(PATIENCE).unwrap();
                forwarded(&mut backend);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                backend.write_all(head.as_bytes()).unwrap();
                backend.write_all(&body[missing..]).unwrap();
            }
        }
    });
    let url = format!("https://localhost:{}/x", gate.local_addr().port());
    let fetch = || {
        let mut bytes = Vec::new();
        let response = tls_agent().get(&url).header("Host", "localhost").call().unwrap();
        response.into_body().into_reader().read_to_end(&mut bytes).map(|_| bytes)
    };
    assert!(fetch().unwrap() == body);
    assert_eq!(fetch().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    answering.join().unwrap();
}

#[test]
fn https_clients_are_held_to_the_same_limits() {
    let tls = Some(tls_config(CERTIFICATE, KEY).unwrap());
    let options = GateOptions { tls, stall_timeout: Duration::from_millis(300), ..quick() };
    let (gate, backends) = start(options);
    let mut silent = connect(&gate);
    assert_eq!(rest(&mut silent), "", "a handshake that never begins");
    let mut plain = open(&gate, GET);
    let mut alert = Vec::new();
    plain.read_to_end(&mut alert).unwrap();
    assert!(!alert.starts_with(b"HTTP"), "plain HTTP on the HTTPS port");
    let url = format!("https://localhost:{}/x", gate.local_addr().port());
    let asking = thread::spawn(move || tls_agent().get(&url).call().unwrap());
    let mut backend = backends.recv_timeout(PATIENCE).unwrap();
    forwarded(&mut backend);
    backend.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").unwrap();
    let unread = asking.join().unwrap();
    assert!(writes_until_closed(&mut backend), "a client that reads nothing");
    assert!(gate.wait_idle(Instant::now() + PATIENCE));
    drop(unread);
}

#[test]
fn certificates_that_cannot_be_used_are_configuration_errors() {
    let garbage = KEY.replace("MIGH", "AAAA");
    for (certificate, key) in [("", KEY), (CERTIFICATE, ""), (KEY, KEY), (CERTIFICATE, garbage.as_str())] {
        let error = tls_config(certificate, key).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.hint_text().is_some() && !error.to_string().contains("BEGIN"), "{error}");
    }
}
