//! Databases that take a connection and say nothing, or stop in the middle of the handshake.

use crate::harness::{Add, FLAVOURS, Servers, Site, both, exec, short, wait_for};
use backfill::db::{Connection, Endpoint, Role, TlsMode};
use backfill::error::Kind;
use backfill::schema::Flavour;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Silence that these tests put up with.
const LIMIT: Duration = Duration::from_millis(300);
/// Far beyond the limit, even where every step of the set-up waits for it once.
const BOUND: Duration = Duration::from_secs(20);

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (name, mode) in modes(flavour) {
            add(
                format!("db_silence::a_handshake_that_stops_is_given_up::{name}_{}", short(flavour)),
                Box::new(move |servers| a_handshake_that_stops_is_given_up(servers, flavour, *mode)),
            );
        }
        add(
            format!("db_silence::statements_may_take_longer::{}", short(flavour)),
            Box::new(move |servers| statements_may_take_longer(servers, flavour)),
        );
    }
    add(
        "db_silence::every_command_gives_up".into(),
        Box::new(|servers| every_command_gives_up(&Site::new(servers, Flavour::Mariadb, Flavour::Mysql))),
    );
}

/// The MariaDB of the tests has no certificate.
fn modes(flavour: Flavour) -> &'static [(&'static str, TlsMode)] {
    match flavour {
        Flavour::Mariadb => &[("plain", TlsMode::Disable)],
        Flavour::Mysql => &[("plain", TlsMode::Disable), ("tls", TlsMode::Require)],
    }
}

/// Stands between a client and a database, and says nothing any more after `passed` bytes of the database.
fn proxy(database: SocketAddr, passed: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(database).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let rest = server;
        let mut to = client;
        let limit = u64::try_from(passed).unwrap();
        let _ = std::io::copy(&mut (&rest).take(limit), &mut to);
        // Until the client hangs up, which ends the other direction and this one.
        let _ = std::io::copy(&mut &rest, &mut std::io::sink());
        let _ = to.flush();
    });
    address
}

fn endpoint(servers: &Servers, flavour: Flavour, mode: TlsMode) -> Endpoint {
    let mut endpoint = servers.source(flavour).endpoint("mysql");
    endpoint.tls.mode = mode;
    endpoint
}

/// What a connection needs of the server before its session stands, and how much of that is let through.
fn a_handshake_that_stops_is_given_up(servers: &Servers, flavour: Flavour, mode: TlsMode) {
    let database = endpoint(servers, flavour, mode);
    let address = SocketAddr::new(database.host.parse().unwrap(), database.port);
    let mut given_up = 0;
    // Nothing; within the greeting; behind it; and on through TLS, authentication and the settings.
    for passed in [0, 10, 40, 90, 100, 110, 150, 300, 700, 1000, 1300, 1600, 1900, 2200, 2500, 3000, 4000] {
        let through = proxy(address, passed);
        let endpoint = Endpoint { port: through.port(), ..database.clone() };
        let begun = Instant::now();
        let role = if passed % 20 == 0 { Role::Source } else { Role::Target };
        let opened = Connection::open_within(&endpoint, role, None, LIMIT);
        assert!(begun.elapsed() < BOUND, "{passed} bytes: {:?}", begun.elapsed());
        let Err(error) = opened else { break };
        given_up += 1;
        assert_eq!(error.kind(), if passed % 20 == 0 { Kind::Source } else { Kind::Target });
        assert!(error.is_retryable(), "{error}");
        let text = error.to_string();
        let place = format!("127.0.0.1:{}", through.port());
        assert!(text.contains(&place) && text.contains("said nothing for 0.3 s"), "{passed} bytes: {text}");
        assert!(error.hint_text().unwrap().contains("stuck"), "{error:?}");
    }
    assert!(given_up >= 8, "only {given_up} places to stop at were tried");
}

fn statements_may_take_longer(servers: &Servers, flavour: Flavour) {
    let socket = servers.source(flavour).socket().map(std::path::Path::to_path_buf);
    assert!(socket.is_some());
    let over_tcp = modes(flavour).iter().map(|(_, mode)| (*mode, None));
    for (mode, socket) in over_tcp.chain([(TlsMode::Disable, socket)]) {
        let endpoint = Endpoint { socket, ..endpoint(servers, flavour, mode) };
        let limit = Duration::from_secs(1);
        // A busy server may be silent for so long by itself.
        let mut conn = None;
        wait_for("a connection", || {
            conn = match Connection::open_within(&endpoint, Role::Source, None, limit) {
                Err(error) if error.is_retryable() => None,
                opened => Some(opened.unwrap()),
            };
            conn.is_some()
        });
        let mut conn = conn.unwrap();
        let slept: u8 = conn.query_one("SELECT SLEEP(1.5)").unwrap();
        assert_eq!(slept, 0, "{mode:?} {:?}", endpoint.socket);
    }
}

/// With the limit that users get, all at a time.
fn every_command_gives_up(site: &Site<'_>) {
    exec(&mut site.source_conn(), "CREATE TABLE t (id INT PRIMARY KEY)");
    let serve = site.serve();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("127.0.0.1:{}", silent.local_addr().unwrap().port());
    std::thread::scope(|scope| {
        for (side, arguments, code) in [
            ("server", &["serve"][..], 5),
            ("client", &["cleanup", "--force"], 6),
            ("client", &["pull", "--yes"], 6),
        ] {
            let mut command = site.command(side);
            command.env("BACKFILL_SOURCE_URL", &serve.url).args(arguments);
            command.env("DATABASE_URL", format!("mysql://x:pw-y@{place}/app"));
            let place = &place;
            scope.spawn(move || {
                let output = command.output().unwrap();
                let text = both(&output);
                assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
                assert!(text.contains(place) && text.contains("said nothing for 30 s"), "{text}");
                assert!(!text.contains("pw-y"), "{text}");
            });
        }
    });
}
