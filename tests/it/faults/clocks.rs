//! Clocks that were wrong and were put right: what is left over from the future is found and dropped all the same, and
//! a history from the future is only a history.

use super::Ground;
use crate::cli_common::client;
use crate::harness::{Add, FLAVOURS, Servers, Site, exec, short};
use backfill::fault::KILL_AT;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("faults::clocks::{}", short(flavour)),
            Box::new(move |servers| put_right(servers, flavour)),
        );
    }
}

fn schemas(conn: &mut Conn, like: &str) -> Vec<String> {
    conn.exec("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE ?", (like,))
        .unwrap()
}

fn put_right(servers: &Servers, flavour: Flavour) {
    // A source of its own: a `serve` of another test, on a shared one, would sweep as well.
    let source = Server::start(flavour, &Options::default()).unwrap();
    let mut ground = Ground::new(Site::between(&source, servers.target(flavour)));
    let before = ground.before();

    let mut conn = source.connect().unwrap();
    exec(&mut conn, "CREATE DATABASE _backfill_temp_9999999999_00ab12cd");
    ground.serve.stop();
    ground.serve = ground.site.serve();
    let left = schemas(&mut conn, r"\_backfill\_temp\_%");
    assert_eq!(left, Vec::<String>::new(), "a workspace of the future:\n{}", ground.serve.log());

    // The laptop's clock decides nothing: it only dates the history.
    let mut command = ground.site.pull_command(&ground.serve.url, &["--yes"]);
    let killed = command.env(KILL_AT, "load.first_batch").output().unwrap();
    assert_eq!(killed.status.code(), None, "{}", crate::harness::both(&killed));
    let state = ground.site.path("client/backfill-state.json");
    let text = std::fs::read_to_string(&state).unwrap();
    let (head, rest) = text.split_once("\"started\": ").unwrap();
    let (_, rest) = rest.split_once(',').unwrap();
    std::fs::write(&state, format!("{head}\"started\": 99999999999,{rest}")).unwrap();
    let status = client(&ground.site, &["status"]).good("a history from the future");
    assert!(status.stdout.contains("Interrupted"), "{}", status.stdout);
    ground.next_pull(&before, "a history from the future");
}
