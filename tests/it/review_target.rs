//! What a server that dies leaves half dropped does not keep later pulls from working; what somebody else's tables
//! still need is not dropped.

use crate::cli_common::{account, run};
use crate::harness::{Add, FLAVOURS, Servers, Site, both, exec, short};
use backfill::fault::KILL_AT;
use backfill::schema::Flavour;
use mysql::prelude::Queryable;
use std::time::{Duration, Instant};

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("review_target::old_tables_dropped_in_part::{}", short(flavour)),
            Box::new(move |servers| old_tables_dropped_in_part(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("review_target::what_others_run_is_no_matter::{}", short(flavour)),
            Box::new(move |servers| what_others_run(servers, flavour)),
        );
        add(
            format!("review_target::children_that_the_account_does_not_see::{}", short(flavour)),
            Box::new(move |servers| unseen_children(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// Dropping several tables is not one step on every server: when it dies meanwhile, some are gone.
fn old_tables_dropped_in_part(site: &Site<'_>) {
    let names = ["a", "b"].map(|name| format!("{name}_of_{}", site.source_db));
    let mut source = site.source_conn();
    for name in &names {
        exec(&mut source, &format!("CREATE TABLE {name} (id INT PRIMARY KEY)"));
    }
    let serve = site.serve();
    site.pull(&serve);
    let mut target = site.target_conn();
    for (round, gone) in [&names[..1], &names[..]].into_iter().enumerate() {
        for name in &names {
            exec(&mut source, &format!("INSERT INTO {name} VALUES ({round})"));
        }
        let mut command = site.pull_command(&serve.url, &["--yes"]);
        let output = command.env(KILL_AT, "swap.staging_dropped").output().unwrap();
        assert_eq!(output.status.code(), None, "not killed: {}", both(&output));
        for name in gone {
            for schema in schemas_with(&mut target, name) {
                exec(&mut target, &format!("DROP TABLE {schema}.{name}"));
            }
        }
        let printed = site.pull(&serve);
        assert!(printed.contains("was completed"), "{printed}");
        for name in &names {
            let rows: Option<usize> = target.query_first(format!("SELECT COUNT(*) FROM {name}")).unwrap();
            assert_eq!(rows, Some(round + 1));
            assert_eq!(schemas_with(&mut target, name), Vec::<String>::new(), "left behind");
        }
    }
}

/// A table of another schema refers to a pulled one, and the account does not see it: its parent is not dropped under
/// it. With the rights to it, the next pull leads its key to the new table and drops what was kept.
fn unseen_children(site: &Site<'_>) {
    let parents = format!("parents_of_{}", site.source_db);
    let mut source = site.source_conn();
    exec(&mut source, &format!("CREATE TABLE {parents} (id INT PRIMARY KEY)"));
    exec(&mut source, &format!("INSERT INTO {parents} VALUES (1), (2)"));
    let serve = site.serve();
    site.pull(&serve);
    let (mut target, other) = (site.target_conn(), format!("other_{}", site.target_db));
    exec(&mut target, &format!("CREATE DATABASE {other}"));
    exec(
        &mut target,
        &format!(
            "CREATE TABLE {other}.child (parent INT, CONSTRAINT child_of_{other} FOREIGN KEY (parent) \
             REFERENCES {}.{parents} (id))",
            site.target_db
        ),
    );
    exec(&mut target, &format!("INSERT INTO {other}.child VALUES (2)"));
    let grants = [format!("ALL ON {}.*", site.target_db), "ALL ON `\\_backfill\\_%`.*".to_owned()];
    let url = account(site, "blind", &grants);
    let pull = || run(site.pull_command(&serve.url, &["--yes"]).env("DATABASE_URL", &url));
    exec(&mut source, &format!("INSERT INTO {parents} VALUES (3)"));
    let out = pull().good("with a child unseen");
    assert!(out.stdout.contains("does not see") && out.stdout.contains("grant the account"), "{}", out.all());
    let rows = |conn: &mut mysql::Conn| conn.query_first(format!("SELECT COUNT(*) FROM {parents}")).unwrap();
    assert_eq!(rows(&mut target), Some(3));
    assert_eq!(schemas_with(&mut target, &parents).len(), 1, "the parent of the unseen child was dropped");
    let refused = target.query_drop(format!("INSERT INTO {other}.child VALUES (77)"));
    assert!(refused.is_err(), "the child was left without its key");

    site.pull(&serve);
    assert_eq!(schemas_with(&mut target, &parents), Vec::<String>::new(), "left behind");
    exec(&mut target, &format!("INSERT INTO {other}.child VALUES (3)"));
    assert_eq!(rows(&mut target), Some(3));
    exec(&mut target, &format!("DROP DATABASE {other}"));
}

/// MySQL lists what sessions and transactions run in a character set that not all of it has: the lists cannot be read then
/// (3854).
fn what_others_run(servers: &Servers, flavour: Flavour) {
    // Only a server with a binlog is asked for its replicas; the sources have one.
    let other = if flavour == Flavour::Mysql { Flavour::Mariadb } else { Flavour::Mysql };
    let site = Site::between(servers.source(other), servers.source(flavour));
    let table = format!("emoji_of_{}", site.source_db);
    exec(&mut site.source_conn(), &format!("CREATE TABLE {table} (id INT PRIMARY KEY)"));
    let serve = site.serve();
    let mut other = site.target_conn();
    exec(&mut other, "SET NAMES utf8mb4");
    exec(&mut other, "CREATE TABLE of_my_own (id INT PRIMARY KEY)");
    exec(&mut other, "BEGIN");
    exec(&mut other, "INSERT INTO of_my_own VALUES (1)");
    let id = other.connection_id();
    std::thread::scope(|scope| {
        scope.spawn(move || other.query_drop("SELECT SLEEP(60) /* \u{1f600} */"));
        let mut conn = site.target_conn();
        let listed =
            format!("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {id} AND COMMAND = 'Query'");
        let deadline = Instant::now() + Duration::from_secs(30);
        while matches!(conn.query_first::<u8, _>(&listed), Ok(None)) {
            assert!(Instant::now() < deadline, "the other session does not run");
        }
        let out = run(&mut site.pull_command(&serve.url, &["--yes"]));
        exec(&mut conn, &format!("KILL QUERY {id}"));
        out.good("beside a session that runs an emoji");
    });
}

/// Schemas of ours with a table of that name.
fn schemas_with(conn: &mut mysql::Conn, table: &str) -> Vec<String> {
    conn.exec(
        "SELECT TABLE_SCHEMA FROM information_schema.TABLES WHERE TABLE_NAME = ? AND TABLE_SCHEMA LIKE '\\_backfill\\_%'",
        (table,),
    )
    .unwrap()
}
