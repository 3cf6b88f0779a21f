//! The connection test of `backfill install` on a client: each way in which a server or a database can be absent, wrong
//! or hidden gets a diagnosis of its own.

use crate::cli_common::small;
use crate::cli_install::install;
use crate::cli_proxy::{Answer, Proxy, Response};
use crate::harness::{Add, FLAVOURS, Site, TOKEN, short};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("cli_install_checks::every_failure_has_its_diagnosis::{}", short(flavour)),
            Box::new(move |servers| diagnoses(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// A check's error and hint in one text; empty if it went well.
fn diagnosis(
    site: &Site<'_>,
    source_url: &str,
    token: &str,
    database_url: &str,
    check: &str,
) -> (Option<i32>, String) {
    std::fs::remove_dir_all(site.path("probe")).ok();
    std::fs::create_dir(site.path("probe")).unwrap();
    std::fs::write(site.path("probe/backfill.toml"), "[client]\ntimeout = 2\n").unwrap();
    let arguments = [
        "--role",
        "client",
        "--yes",
        "--json",
        "--token-stdin",
        "--database-url-stdin",
        "--source-url",
        source_url,
    ];
    let out = install(site, "probe", &arguments, &format!("{token}\n{database_url}\n"));
    assert!(site.path("probe/.env").exists(), "{}", out.all());
    let report: serde_json::Value =
        serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {}", out.all()));
    let found = report["checks"].as_array().unwrap().iter().find(|one| one["name"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check}: {report}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (out.code, format!("{} | {}", text("error"), text("hint")))
}

/// Answers every request with this text and closes; its address.
fn canned(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

fn diagnoses(site: &Site<'_>) {
    small(&mut site.source_conn(), 3, "x");
    let serve = site.serve();
    let database = site.target.url(&site.target_db);
    let server = |url: &str, token: &str| diagnosis(site, url, token, &database, "backfill server");
    let (code, fine) = server(&serve.url, TOKEN);
    assert_eq!((code, fine.as_str()), (Some(0), " | "));

    // Bound and not listening: nobody else gets the port, and who connects is refused.
    let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    bound.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let free = bound.local_addr().unwrap().as_socket().unwrap();
    // It accepts connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let newer = Proxy::start(&serve.url, |_, response| {
        let headers =
            response.headers.iter().filter(|line| !line.to_lowercase().starts_with("backfill-protocol"));
        let headers = headers.cloned().chain(["Backfill-Protocol: 99".to_owned()]).collect();
        Answer::Whole(Response { headers, ..response })
    });
    let html =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    let not_found = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    let bad_gateway = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let moved = "HTTP/1.1 301 Moved\r\nLocation: https://www.app.example/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (what, url, token, words) in [
        ("DNS", "https://no-such-host.invalid".to_owned(), TOKEN, &["host name", "is not known here"][..]),
        ("refused", format!("http://{free}"), TOKEN, &["connection refused", "`backfill serve` running"]),
        ("TLS", serve.url.replace("http://", "https://"), TOKEN, &["no TLS connection", "http/https"]),
        ("401", serve.url.clone(), "another-token-0123456789-0123456789", &["unauthorized", "token"]),
        ("prefix", format!("{}/else", serve.url), TOKEN, &["not_found", "route_prefix"]),
        ("404 of another program", canned(not_found), TOKEN, &["404", "route_prefix"]),
        ("a page", canned(html), TOKEN, &["text/html", "something else answers there"]),
        ("a proxy without its server", canned(bad_gateway), TOKEN, &["502"]),
        ("a redirect", canned(moved), TOKEN, &["https://www.app.example/", "redirects are not followed"]),
        ("no HTTP", canned("SSH-2.0-OpenSSH_9\r\n"), TOKEN, &["does not answer as an HTTP server"]),
        ("silence", format!("http://{}", silent.local_addr().unwrap()), TOKEN, &["did not answer in time"]),
        (
            "a newer server",
            newer.url.clone(),
            TOKEN,
            &["speaks protocol 99", "update backfill on this machine"],
        ),
    ] {
        let (code, text) = server(&url, token);
        assert_eq!(code, Some(9), "{what}: {text}");
        for word in words {
            assert!(text.contains(word), "{what}: `{word}` is not in: {text}");
        }
    }

    let target = |url: &str| diagnosis(site, &serve.url, TOKEN, url, "target database");
    let (_, place) = database.split_once('@').unwrap();
    for (what, url, code, words) in [
        ("DNS", "mysql://u:pw@no-such-host.invalid/app".to_owned(), 6, &["no-such-host.invalid"][..]),
        ("refused", format!("mysql://u:pw@{free}/app"), 6, &["refused", "server is running"]),
        ("denied", format!("mysql://nobody:hunter2@{place}"), 7, &["user name"]),
    ] {
        let (found, text) = target(&url);
        assert_eq!(found, Some(code), "{what}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
        for word in words {
            assert!(text.contains(word), "{what}: `{word}` is not in: {text}");
        }
    }
    let (code, text) = target(&site.target.url("not_there_yet"));
    assert_eq!((code, text.as_str()), (Some(0), " | "), "a pull makes it");
}
