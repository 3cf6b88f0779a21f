//! The whole server over real sockets: gate, inner listener, workers, streams.

use super::*;
use crate::error::Kind;
use crate::wire::api::{Code, ErrorBody};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

const PATIENCE: Duration = Duration::from_secs(30);

/// A server whose handler knows a few paths; `go` and `seen` let a test talk with what runs in it.
struct Site {
    server: Server,
    go: Sender<()>,
    seen: Receiver<String>,
}

fn site(options: HttpOptions) -> Site {
    let (go, wait) = channel();
    let (tell, seen) = channel();
    let wait = Arc::new(Mutex::new(wait));
    let tell = Mutex::new(tell);
    let listener = crate::server::gate::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let handler = move |request: Request| {
        let tell = tell.lock().unwrap().clone();
        answer(&request, &wait, tell)
    };
    Site { server: Server::start(listener, options, Arc::new(handler)).unwrap(), go, seen }
}

fn answer(request: &Request, wait: &Arc<Mutex<Receiver<()>>>, tell: Sender<String>) -> Reply {
    let wait = Arc::clone(wait);
    let pause = move || wait.lock().unwrap().recv_timeout(PATIENCE).unwrap();
    let stream = |write: super::reply::StreamBody| {
        Reply::Stream(StreamReply {
            content_type: "application/zstd",
            file_name: Some("a.zst".into()),
            write,
        })
    };
    match request.path[0].as_str() {
        "echo" => Reply::json(200, &format!("{request:?}")).unwrap(),
        "body" => Reply::Json { status: 201, body: request.body.clone(), headers: Vec::new() },
        "empty" => Reply::Empty(204),
        "panic" => panic!("on purpose"),
        "whole" => stream(Box::new(|out| out.write(&vec![b'x'; 300_000]))),
        "broken" => stream(Box::new(|out| {
            out.write(&vec![b'x'; 100_000])?;
            out.flush()?;
            Err(Error::internal("on purpose"))
        })),
        "torn" => stream(Box::new(|out| {
            out.write(&vec![b'x'; 100_000])?;
            out.flush()?;
            panic!("on purpose")
        })),
        "early" => stream(Box::new(|out| {
            out.write(b"too little to be sent")?;
            Err(Error::internal("on purpose"))
        })),
        "paused" => stream(Box::new(move |out| {
            out.write(b"first")?;
            out.flush()?;
            pause();
            out.write(b"second")
        })),
        "endless" => stream(Box::new(move |out| {
            let ended = loop {
                if let Err(error) = out.write(&[b'x'; 10_000]) {
                    break error;
                }
            };
            tell.send(format!("{:?}", ended.kind())).unwrap();
            Err(ended)
        })),
        "later" => Reply::later(move || {
            tell.send("waiting".into()).unwrap();
            pause();
            Reply::json(200, &"done").unwrap()
        }),
        "later-panic" => Reply::later(|| panic!("on purpose")),
        "later-stream" => Reply::later(move || stream(Box::new(|out| out.write(b"streamed")))),
        other => Reply::error(Code::NotFound, &format!("no {other}"), &request.request_id),
    }
}

impl Site {
    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.server.local_addr())
    }

    fn get(&self, path: &str) -> ureq::http::Response<ureq::Body> {
        agent().get(self.url(path)).call().unwrap()
    }

    fn status(&self, path: &str) -> u16 {
        self.get(path).status().as_u16()
    }

    fn raw(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.server.local_addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn raw_get(&self, path: &str) -> TcpStream {
        self.raw(&format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent()
}

fn error_code(response: &mut ureq::http::Response<ureq::Body>) -> Code {
    let body: ErrorBody = serde_json::from_slice(&response.body_mut().read_to_vec().unwrap()).unwrap();
    assert_eq!(response.headers()["x-request-id"], body.request_id.as_str());
    body.code
}

fn all(response: ureq::http::Response<ureq::Body>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    response.into_body().into_reader().read_to_end(&mut bytes).map(|_| bytes)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn handlers_see_decoded_requests_with_the_real_peer() {
    let site = site(HttpOptions::default());
    let mut response = agent()
        .get(site.url("echo/a%2Fb/%C3%A4?x=1%262&y=a+b"))
        .header("Authorization", "Bearer secret-token")
        .header("Backfill-Protocol", "1")
        .header("Backfill-Peer", "6.6.6.6")
        .header("X-Forwarded-For", "6.6.6.6")
        .call()
        .unwrap();
    let text: String = serde_json::from_slice(&response.body_mut().read_to_vec().unwrap()).unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap();
    let expected = format!(
        "Request {{ method: \"GET\", path: [\"echo\", \"a/b\", \"ä\"], query: [(\"x\", \"1&2\"), (\"y\", \"a b\")], \
         authorization: Some(***), protocol: Some(\"1\"), body: [], peer: 127.0.0.1, request_id: \"{id}\" }}"
    );
    assert_eq!(text, expected);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["backfill-protocol"], "1");
    assert_eq!(response.headers()["content-type"], "application/json");
}

#[test]
fn bodies_of_every_size_up_to_the_limit_arrive() {
    let site = site(HttpOptions::default());
    for size in [0, 1, 1024, 1025, 70_000, 1 << 20] {
        let body: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let response = agent().post(site.url("body")).send(&body[..]).unwrap();
        assert_eq!(response.status(), 201);
        assert!(all(response).unwrap() == body, "{size}");
    }
    let mut response = agent().post(site.url("body")).send(&vec![0; (1 << 20) + 1][..]).unwrap();
    assert_eq!((response.status().as_u16(), error_code(&mut response)), (413, Code::BadRequest));
}

#[test]
fn odd_paths_are_refused_or_just_names() {
    let site = site(HttpOptions::default());
    for (path, status) in
        [("%", 400), ("%zz", 400), ("%00", 400), ("%ff", 400), ("echo?a=%ff", 400), ("..%2f..%2fetc", 404)]
    {
        let mut text = String::new();
        site.raw_get(path).read_to_string(&mut text).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {text}");
    }
    let mut text = String::new();
    site.raw_get("../../etc/passwd").read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 404 "), "{text}");
}

#[test]
fn a_huge_content_length_harms_nobody() {
    let site = site(HttpOptions::default());
    for method in ["POST", "GET", "DELETE"] {
        for length in ["1000000000000000", "1000000000000", "99999999999999999999999999"] {
            let mut text = String::new();
            let mut stream =
                site.raw(&format!("{method} /empty HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
            stream.read_to_string(&mut text).unwrap();
            assert!(text.starts_with("HTTP/1.1 413 ") || text.starts_with("HTTP/1.1 400 "), "{text}");
        }
    }
    assert_eq!(site.status("empty"), 204);
}

#[test]
fn a_whole_stream_is_complete() {
    let site = site(HttpOptions::default());
    let response = site.get("whole");
    assert_eq!(response.headers()["content-type"], "application/zstd");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"a.zst\"");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(all(response).unwrap().len(), 300_000);
}

#[test]
fn a_stream_that_fails_never_looks_complete() {
    let site = site(HttpOptions::default());
    for path in ["broken", "torn"] {
        for connection in ["keep-alive", "close"] {
            let started = Instant::now();
            let response = agent().get(site.url(path)).header("Connection", connection).call().unwrap();
            assert_eq!(response.status(), 200);
            let error = all(response).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{path} {connection}: {error}");
            assert!(started.elapsed() < Duration::from_secs(10), "at once, not by a timeout");
        }
        let mut bytes = Vec::new();
        site.raw_get(path).read_to_end(&mut bytes).unwrap();
        assert!(bytes.ends_with(b"xx\r\n"), "no last chunk");
    }
    assert_eq!(site.status("empty"), 204);
}

#[test]
fn a_stream_that_fails_before_its_first_byte_is_an_error_answer() {
    let site = site(HttpOptions::default());
    let mut response = site.get("early");
    assert_eq!((response.status().as_u16(), error_code(&mut response)), (500, Code::Internal));
}

#[test]
fn bytes_arrive_while_the_stream_is_still_being_written() {
    let site = site(HttpOptions::default());
    for te in ["", "TE: identity\r\n", "TE: identity, trailers\r\nConnection: TE\r\n", "TE: chunked;q=0\r\n"]
    {
        let mut stream = site.raw(&format!("GET /paused HTTP/1.1\r\nHost: a\r\n{te}\r\n"));
        let mut text = String::new();
        // The handler waits for this test, so the first piece can only come before the stream's end.
        while !text.ends_with("00000005\r\nfirst\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            text.push(byte[0].into());
        }
        site.go.send(()).unwrap();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.ends_with("00000006\r\nsecond\r\n0\r\n\r\n"), "{te}: {text}");
    }
    let mut text = String::new();
    site.raw("GET /paused HTTP/1.0\r\nHost: a\r\n\r\n").read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 505 "), "{text}");
}

#[test]
fn a_handler_that_panics_costs_one_answer_and_no_worker() {
    let site = site(HttpOptions { workers: 1, ..HttpOptions::default() });
    for path in ["panic", "panic", "later-panic"] {
        let mut response = site.get(path);
        assert_eq!((response.status().as_u16(), error_code(&mut response)), (500, Code::Internal), "{path}");
    }
    assert_eq!(site.status("empty"), 204);
}

#[test]
fn streams_and_waits_are_counted_and_block_nobody_else() {
    let site = site(HttpOptions { workers: 1, max_streams: 1, max_waits: 1, ..HttpOptions::default() });
    let stream = site.get("paused");
    let waiting = thread::spawn({
        let url = site.url("later");
        move || agent().get(url).call().unwrap().body_mut().read_to_string().unwrap()
    });
    assert_eq!(site.seen.recv_timeout(PATIENCE).unwrap(), "waiting");
    assert_eq!(site.server.streams(), 1);
    for path in ["whole", "later"] {
        let mut response = site.get(path);
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(
            (response.status().as_u16(), error_code(&mut response)),
            (503, Code::TooManyRuns),
            "{path}"
        );
    }
    assert_eq!(site.status("empty"), 204, "the only worker is free");
    site.go.send(()).unwrap();
    site.go.send(()).unwrap();
    assert_eq!(all(stream).unwrap(), b"firstsecond");
    assert_eq!(waiting.join().unwrap(), "\"done\"");
    until("places come back", || site.server.streams() == 0);
    assert_eq!(all(site.get("later-stream")).unwrap(), b"streamed");
}

#[test]
fn a_stream_whose_client_left_ends_with_an_error() {
    let site = site(HttpOptions::default());
    let mut stream = site.raw_get("endless");
    stream.read_exact(&mut [0; 1000]).unwrap();
    drop(stream);
    assert_eq!(site.seen.recv_timeout(PATIENCE).unwrap(), format!("{:?}", Kind::Remote));
    until("its place comes back", || site.server.streams() == 0);
}

#[test]
fn the_inner_socket_is_private_and_takes_requests_of_the_gate_only() {
    let site = site(HttpOptions::default());
    let path = site.server.backend.socket_path();
    let folder = path.parent().unwrap().to_owned();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET /empty HTTP/1.1\r\nBackfill-Request: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 403 "), "{text}");
    assert!(site.server.shutdown(PATIENCE));
    assert!(!folder.exists());
}

#[test]
fn a_lost_inner_socket_is_replaced_by_the_next_request() {
    let site = site(HttpOptions { self_check: Duration::from_secs(3600), ..HttpOptions::default() });
    for generation in 1..4 {
        std::fs::remove_file(site.server.backend.socket_path()).unwrap();
        assert_eq!(site.status("empty"), 204);
        assert_eq!(site.server.backend.current().generation, generation);
    }
}

#[test]
fn a_lost_inner_socket_is_replaced_by_the_self_check() {
    let site = site(HttpOptions { self_check: Duration::from_millis(20), ..HttpOptions::default() });
    std::fs::remove_file(site.server.backend.socket_path()).unwrap();
    until("replaced without any request", || site.server.backend.current().generation == 1);
    assert_eq!(site.status("empty"), 204);
}

#[test]
fn an_inner_server_that_does_not_answer_is_replaced() {
    let site = site(HttpOptions { self_check: Duration::from_millis(20), ..HttpOptions::default() });
    let path = site.server.backend.socket_path();
    // Somebody else answers on the socket, and not what a living server would say.
    std::fs::remove_file(&path).unwrap();
    let impostor = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let answering = thread::spawn(move || {
        for _ in 0..3 {
            let (mut stream, _) = impostor.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\n\r\n");
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    until("replaced", || site.server.backend.current().generation == 1);
    answering.join().unwrap();
    assert_eq!(site.status("empty"), 204);
}

#[test]
fn what_runs_may_end_within_the_grace() {
    let site = site(HttpOptions::default());
    let address = site.server.local_addr();
    let mut stream = site.get("paused").into_body().into_reader();
    let mut first = [0; 5];
    stream.read_exact(&mut first).unwrap();
    let stopping = thread::spawn(move || site.server.shutdown(PATIENCE));
    until("the door closes", || TcpStream::connect(address).is_err());
    site.go.send(()).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "second");
    assert!(stopping.join().unwrap());
}

#[test]
fn what_runs_longer_than_the_grace_is_cut_short() {
    let site = site(HttpOptions::default());
    let mut stream = site.get("endless").into_body().into_reader();
    stream.read_exact(&mut [0; 1000]).unwrap();
    let started = Instant::now();
    assert!(!site.server.shutdown(Duration::from_millis(50)));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(site.seen.recv_timeout(PATIENCE).unwrap(), format!("{:?}", Kind::Remote));
    let error = std::io::copy(&mut stream, &mut std::io::sink()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error}");
}

/// Runs in a process of its own: the limit on open files holds for all threads.
#[test]
fn running_out_of_files_passes() {
    const CHILD: &str = "BACKFILL_TEST_FEW_FILES";
    if std::env::var_os(CHILD).is_some() {
        return with_few_files();
    }
    let name = "server::http::tests::running_out_of_files_passes";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {text}", output.status);
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the child ran the test: {text}");
}

fn with_few_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let site = site(HttpOptions { self_check: Duration::from_millis(100), ..HttpOptions::default() });
    assert_eq!(site.status("empty"), 204);
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    // Clients and server share the limit here, so both run dry.
    let mut held = Vec::new();
    while let Ok(mut stream) = TcpStream::connect(site.server.local_addr()) {
        let _ = stream.write_all(b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
        held.push(stream);
    }
    assert!(held.len() > 5, "{} connections", held.len());
    thread::sleep(Duration::from_millis(500));
    drop(held);
    until("it answers again", || {
        agent().get(site.url("empty")).call().is_ok_and(|response| response.status() == 204)
    });
}
