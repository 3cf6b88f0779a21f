//! [`Api`] against a server of a few lines that answers whatever a test wants.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

/// Answers one connection with `reply` and hands back the request's head; `reply` of none leaves it unanswered
/// until the other side goes away.
fn serve_once(reply: Option<Vec<u8>>) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = read_head(&stream);
        match reply {
            Some(bytes) => stream.write_all(&bytes).unwrap(),
            None => {
                let _ = stream.read(&mut [0]);
            }
        }
        head
    });
    (address, thread)
}

fn read_head(stream: &TcpStream) -> String {
    let mut head = String::new();
    let mut length = 0;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    head + std::str::from_utf8(&body).unwrap()
}

fn reply(status: &str, headers: &str, body: &str) -> Option<Vec<u8>> {
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    );
    Some(text.into_bytes())
}

fn api(address: SocketAddr) -> Api {
    Api::new(&remote(address))
}

fn remote(address: SocketAddr) -> Remote {
    Remote {
        base: format!("http://{address}/api/backfill/"),
        token: Secret::new("t".repeat(32)),
        timeout: Duration::from_millis(300),
    }
}

const JSON: &str = "Content-Type: application/json\r\nBackfill-Protocol: 1\r\n";

#[test]
fn requests_carry_token_protocol_and_encoded_names() {
    let (address, thread) = serve_once(reply("200 OK", "Content-Type: application/zstd\r\n", "stream"));
    let mut bytes = Vec::new();
    api(address).chunk("r/1", "or der?", 3).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"stream");
    let head = thread.join().unwrap();
    assert!(head.starts_with("GET /api/backfill/dump/or%20der%3F?run=r%2F1&chunk=3 HTTP/1.1\r\n"), "{head}");
    let lower = head.to_lowercase();
    assert!(lower.contains(&format!("authorization: bearer {}\r\n", "t".repeat(32))), "{head}");
    assert!(lower.contains("backfill-protocol: 1\r\n"), "{head}");
}

#[test]
fn a_run_is_created_followed_and_ended() {
    let (address, thread) = serve_once(reply("201 Created", JSON, r#"{"run":"r1","tables":[]}"#));
    let request = RunRequest {
        tables: vec![],
        format: crate::wire::api::Format::Sql,
        batch_rows: Some(10),
        batch_bytes: None,
    };
    assert_eq!(api(address).create_run(&request, "k1").unwrap().run, "r1");
    let head = thread.join().unwrap();
    assert!(
        head.starts_with("POST /api/backfill/runs?key=k1 HTTP/1.1") && head.contains(r#""batch_rows":10"#),
        "{head}"
    );

    let body = r#"{"run":"r1","version":4,"phase":"running","tables":[]}"#;
    let (address, thread) = serve_once(reply("200 OK", JSON, body));
    assert_eq!(api(address).status("r1", 3, Duration::from_secs(30)).unwrap().version, 4);
    assert!(thread.join().unwrap().starts_with("GET /api/backfill/runs/r1?wait=30&seen=3&tables=changed "));

    let (address, thread) = serve_once(reply("204 No Content", "", ""));
    api(address).end_run("r1").unwrap();
    assert!(thread.join().unwrap().starts_with("DELETE /api/backfill/runs/r1 "));

    let gone = r#"{"error":"gone","code":"run_gone","request_id":"r"}"#;
    let (address, _thread) = serve_once(reply("410 Gone", JSON, gone));
    api(address).end_run("r1").unwrap();
}

#[test]
fn failures_of_the_other_side_are_named() {
    let cases = [
        (reply("302 Found", "Location: https://x.example/login\r\n", ""), "https://x.example/login"),
        (reply("200 OK", "Content-Type: text/html\r\n", "<html>"), "text/html"),
        (reply("200 OK", JSON, "{\"run\":"), "cut short"),
        (reply("200 OK", JSON, "{]"), "not JSON"),
        (reply("200 OK", JSON, "{}"), "not what this version"),
        (reply("200 OK", "Content-Type: application/json\r\nBackfill-Protocol: 7\r\n", "{}"), "protocol 7"),
        (Some(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()), "as an HTTP server does"),
        (Some(b"HTTP/1.1 200 OK\r\nContent-Ty".to_vec()), "broke"),
        (
            Some(format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: 100\r\n\r\n{{").into_bytes()),
            "the connection with",
        ),
        (None, "in time"),
    ];
    for (answer, needle) in cases {
        let (address, thread) = serve_once(answer);
        let error = api(address).status("r", 0, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains(needle), "{needle}: {error}");
        assert!(error.to_string().starts_with("following the run: "), "{error}");
        drop(thread);
    }
}

#[test]
fn a_closed_port_asks_whether_serve_runs() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = api(address).manifest().unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (Kind::Remote, true));
    assert!(error.hint_text().unwrap().contains("backfill serve"), "{error:?}");
}

#[test]
fn a_name_that_does_not_exist_is_said_so() {
    let remote = Remote {
        base: "http://no-such-host.invalid/api".into(),
        token: Secret::new("t"),
        timeout: Duration::from_secs(5),
    };
    let error = Api::new(&remote).manifest().unwrap_err();
    assert!(error.to_string().contains("is not known here"), "{error}");
}

#[test]
fn an_answer_beyond_its_cap_is_refused() {
    let (address, _thread) = serve_once(reply("200 OK", JSON, &" ".repeat(4096)));
    let api = api(address);
    let error = api.ask::<RunStatus>("x", 100, || api.get("runs/r")).unwrap_err();
    assert!(error.to_string().contains("larger than 100 bytes"), "{error}");
}

#[test]
fn shutdown_wakes_a_blocked_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut remote = remote(listener.local_addr().unwrap());
    remote.timeout = Duration::from_secs(600);
    let api = Api::new(&remote);
    let other = api.clone();
    let waiting = std::thread::spawn(move || other.status("r", 0, Duration::from_secs(30)));
    let (stream, _) = listener.accept().unwrap();
    read_head(&stream);
    api.shutdown();
    assert!(waiting.join().unwrap().is_err());
}

#[test]
fn debug_shows_no_token() {
    let api = api("127.0.0.1:1".parse().unwrap());
    assert!(!format!("{api:?}").contains("ttt"));
}

#[test]
fn what_is_asked_about_fits_into_a_request() {
    assert_eq!(query(&BTreeMap::new()), "");
    let moment: Moment = "2026-11-22 10:00:00".parse().unwrap();
    let odd = BTreeMap::from([("a&b]".to_owned(), moment), ("users".to_owned(), moment)]);
    assert_eq!(
        query(&odd),
        "?after[a%26b%5D]=2026-11-22%2010%3A00%3A00&after[users]=2026-11-22%2010%3A00%3A00"
    );
    let many: BTreeMap<String, Moment> = (0..1000).map(|n| (format!("table_{n}"), moment)).collect();
    let query = query(&many);
    assert!(query.len() <= QUERY_BYTES_MAX && query.len() > QUERY_BYTES_MAX - 100, "{}", query.len());
    assert!(query.starts_with("?after[table_0]="));
}
