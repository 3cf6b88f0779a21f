//! Clocks that were wrong and were put right: what is left over from the future is found and dropped all the same, and
//! a history from the future is only a history.

use super::Ground;
use crate::cli_common::{account, client, expect_equal, pull, ready, run};
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
            Box::new(move |servers| {
                // A server of its own: a `serve` of another test, on a shared one, would sweep as well, and what every
                // connection begins with is a setting of the whole server.
                let own = Server::start(flavour, &Options::default()).unwrap();
                put_right(&own, servers, flavour);
                source_jumps(&own, servers, flavour);
                target_was_in_the_future(&own, servers, flavour);
            }),
        );
    }
}

fn schemas(conn: &mut Conn, like: &str) -> Vec<String> {
    conn.exec("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE ?", (like,))
        .unwrap()
}

fn put_right(source: &Server, servers: &Servers, flavour: Flavour) {
    let mut ground = Ground::new(Site::between(source, servers.target(flavour)));
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

/// Shifts the clock that every ordinary account's new sessions see.
fn shift(server: &Server, days: i32) {
    let text = format!("SET timestamp = UNIX_TIMESTAMP() + {days} * 86400");
    exec(&mut server.connect().unwrap(), &format!("SET GLOBAL init_connect = '{text}'"));
}

/// An account without the rights over the whole server that would spare it the shifted clock.
const ORDINARY: [&str; 2] = ["ALL ON {db}.*", r"ALL ON `\_backfill\_%`.*"];

/// The source's clock goes forth and back between deltas, and the application writes by it: every row arrives.
fn source_jumps(source: &Server, servers: &Servers, flavour: Flavour) {
    let site = Site::between(source, servers.target(flavour));
    let own = site.account(&ORDINARY);
    let (site, mut serve) = ready(site);
    let url = own.url(&site.source_db);
    let mut conn = site.source_conn();
    for (round, days) in [0, 30, -30, 0, 400, 0].into_iter().enumerate() {
        let what = format!("round {round}, {days} days");
        shift(source, days);
        serve.stop();
        site.configure_server_as(&url, "max_runs = 50", "[privacy]\npolicy = \"open\"\n");
        serve = site.serve();
        let clock = format!("NOW() + INTERVAL {days} DAY");
        let row = format!("'new', '{round}@new', NULL, {clock}, {clock}");
        exec(
            &mut conn,
            &format!("INSERT INTO parents (name, email, note, created_at, updated_at) SELECT {row}"),
        );
        exec(
            &mut conn,
            &format!("UPDATE parents SET name = '{round}', updated_at = {clock} WHERE id = {round} + 1"),
        );
        pull(&site, &serve.url, &["--yes"]).good(&what);
        expect_equal(&site, &what);
    }
    shift(source, 0);
}

/// A pull died while the target's clock was ahead: what it left has a date in the future, and is dropped by the next.
fn target_was_in_the_future(target: &Server, servers: &Servers, flavour: Flavour) {
    let mut ground = Ground::new(Site::between(servers.source(flavour), target));
    // Triggers belong to the administrator: an ordinary account may not make them again.
    for trigger in ["parents_first", "parents_second", "tags_gone"] {
        exec(&mut ground.site.target_conn(), &format!("DROP TRIGGER {trigger}"));
    }
    let grants = ORDINARY.map(|grant| grant.replace("{db}", &ground.site.target_db));
    let url = account(&ground.site, "ordinary", &grants);
    let before = ground.before();
    shift(target, 400);
    let mut command = ground.site.pull_command(&ground.serve.url, &["--yes"]);
    let killed = run(command.env(KILL_AT, "staging.rehearsed").env("DATABASE_URL", url));
    assert_eq!(killed.code, None, "not killed:\n{}", killed.all());
    shift(target, 0);
    let mut conn = target.connect().unwrap();
    let left = schemas(&mut conn, r"\_backfill\_load\_%");
    let now: u64 = conn.query_first("SELECT UNIX_TIMESTAMP()").unwrap().unwrap();
    let date = left[0].split('_').nth(3).unwrap().parse::<u64>().unwrap();
    assert!(left.len() == 1 && date > now + 86_400, "not from the future: {left:?}");
    ground.next_pull(&before, "a staging of the future");
    assert_eq!(schemas(&mut conn, r"\_backfill\_%"), Vec::<String>::new());
}
