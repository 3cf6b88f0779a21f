//! What production gives away and gives up, however it is set up and whoever asks.

use crate::harness::{Add, FLAVOURS, Site, exec, large_table, short, wait_for, wide_table};
use crate::srv_http::Http;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::wire::api::Code;
use mysql::Conn;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    add(
        "review_source::excluded_whatever_their_letters".into(),
        Box::new(|servers| {
            let options =
                Options { arguments: vec!["--lower-case-table-names=1".into()], ..Options::default() };
            let source = Server::start(Flavour::Mariadb, &options).unwrap();
            excluded_whatever_their_letters(&Site::between(&source, servers.target(Flavour::Mariadb)));
        }),
    );
    add(
        "review_source::few_connections_however_many_ask".into(),
        Box::new(|servers| {
            let source = Server::start(Flavour::Mariadb, &Options::default()).unwrap();
            few_connections(&Site::between(&source, servers.target(Flavour::Mariadb)));
        }),
    );
    for flavour in FLAVOURS {
        add(
            format!("review_source::servers_that_close_idle_connections::{}", short(flavour)),
            Box::new(move |_| servers_that_close_idle_connections(flavour)),
        );
        add(
            format!("review_source::names_that_change_places::{}", short(flavour)),
            Box::new(move |servers| names_that_change_places(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// `AuditLog` is stored as `auditlog` where the server folds names.
fn excluded_whatever_their_letters(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE AuditLog (id INT PRIMARY KEY)");
    exec(&mut conn, "CREATE TABLE Orders (id INT PRIMARY KEY)");
    site.configure_server("", "exclude_tables = [\"AuditLog\"]\n[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    let http = Http::new(&serve);
    assert_eq!(http.tables(), ["orders"]);
    assert_eq!(http.get("dump/auditlog").status, 403);
}

fn few_connections(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE t (id INT PRIMARY KEY)");
    let serve = site.serve();
    exec(&mut conn, "FLUSH STATUS");
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| assert_eq!(Http::new(&serve).get("manifest").status, 200));
        }
    });
    let most: Option<(String, u32)> = conn.query_first("SHOW STATUS LIKE 'Max_used_connections'").unwrap();
    let (_, most) = most.unwrap();
    // This one, the keeper of locks, two that look, and what the last of them left to be closed.
    assert!(most <= 6, "{most} connections at a time");
}

/// Everybody waits: the loaders for the server's copy, the keeper of locks for everything.
fn servers_that_close_idle_connections(flavour: Flavour) {
    let options = Options { arguments: vec!["--wait-timeout=1".into()], ..Options::default() };
    let (source, target) =
        (Server::start(flavour, &options).unwrap(), Server::start(flavour, &options).unwrap());
    let site = Site::between(&source, &target);
    let mut conn = site.source_conn();
    exec(&mut conn, "SET SESSION wait_timeout = 600");
    large_table(&mut conn, "idle");
    site.configure_server("", "[sanitize.idle]\nmail = \"email\"\n");
    let serve = site.serve();
    site.pull(&serve);
    let rows = |conn: &mut Conn| conn.query_first::<u32, _>("SELECT COUNT(*) FROM idle").unwrap();
    assert_eq!(rows(&mut conn), rows(&mut site.target_conn()));
}

/// A migration that swaps the names of two columns while rows are copied: rules go by name, and from then on the other
/// column is masked.
fn names_that_change_places(site: &Site<'_>) {
    let mut conn = site.source_conn();
    wide_table(&mut conn, "ruled", 13);
    exec(&mut conn, "ALTER TABLE ruled ADD COLUMN other VARCHAR(190) NULL");
    exec(&mut conn, "ALTER TABLE ruled MODIFY mail VARCHAR(190) NULL");
    site.configure_server("", "[sanitize.ruled]\nmail = \"email\"\n");
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["ruled"]);
    wait_for("the copy to begin", || http.status(&run).tables[0].rows > 0);
    exec(&mut conn, "ALTER TABLE ruled RENAME COLUMN mail TO other, RENAME COLUMN other TO mail");
    let failed = http.finished(&run);
    assert_eq!(failed.error.map(|error| error.code), Some(Code::SchemaChanged));
    assert_eq!(failed.tables[0].chunks, 0, "nothing of it is served");
}
