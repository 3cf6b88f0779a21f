//! Strategy `select`: nothing is written on the source, all tables are of one moment, and no rule is missed.

use crate::cli_common::{Out, run};
use crate::harness::{Account, Add, FLAVOURS, Serve, Servers, Site, exec, is_held, let_go, short, wait_for};
use backfill::fault::HOLD_AT;
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

const SELECT: &str = "SELECT ON {db}.*";
const RULES: &str = "[sanitize.debits]\nwho = \"email\"\n[sanitize.credits]\nwho = \"text\"\n";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for lock in [false, true] {
            let name = if lock { "under_locks" } else { "by_itself" };
            add(
                format!("srv_select::a_ledger_adds_up_{name}::{}", short(flavour)),
                Box::new(move |servers| a_ledger_adds_up(servers, flavour, lock)),
            );
        }
    }
}

/// A serving site whose account may select, and what else `more` says.
fn serve<'a>(site: &Site<'a>, more: &[&str], server: &str, rest: &str) -> (Account<'a>, Serve) {
    let grants: Vec<&str> = std::iter::once(SELECT).chain(more.iter().copied()).collect();
    let account = site.account(&grants);
    let server = format!("temp_strategy = \"select\"\n{server}");
    site.configure_server_as(&account.url(&site.source_db), &server, rest);
    let serve = site.serve();
    (account, serve)
}

/// Every transfer is a row on each side, and moves an amount between two balances.
fn ledger(conn: &mut Conn) {
    exec(
        conn,
        "CREATE TABLE debits (id INT NOT NULL PRIMARY KEY, amount INT NOT NULL, who VARCHAR(90) NOT NULL) ENGINE=InnoDB",
    );
    exec(
        conn,
        "CREATE TABLE credits (id INT NOT NULL PRIMARY KEY, amount INT NOT NULL, who VARCHAR(90) NOT NULL) ENGINE=InnoDB",
    );
    exec(conn, "CREATE TABLE balances (id INT NOT NULL PRIMARY KEY, amount INT NOT NULL) ENGINE=InnoDB");
    exec(conn, "CREATE TABLE turnovers (id INT NOT NULL PRIMARY KEY, amount INT NOT NULL) ENGINE=InnoDB");
    exec(conn, "INSERT INTO balances VALUES (1, 0), (2, 0)");
    exec(conn, "INSERT INTO turnovers VALUES (1, 0)");
    (1..200).for_each(|id| transfer(conn, id));
}

fn transfer(conn: &mut Conn, id: u32) {
    try_transfer(conn, id).unwrap();
}

fn try_transfer(conn: &mut Conn, id: u32) -> mysql::Result<()> {
    let amount = id % 97 + 1;
    for statement in [
        "START TRANSACTION".to_owned(),
        format!("INSERT INTO debits VALUES ({id}, {amount}, 'a{id}@real.example')"),
        format!("UPDATE balances SET amount = amount - {amount} WHERE id = 1"),
        format!("UPDATE turnovers SET amount = amount + {amount}"),
        format!("UPDATE balances SET amount = amount + {amount} WHERE id = 2"),
        format!("INSERT INTO credits VALUES ({id}, {amount}, 'b{id}@real.example')"),
        "COMMIT".to_owned(),
    ] {
        conn.query_drop(statement)?;
    }
    Ok(())
}

/// How many transfers a database has; panics if its tables are not of one moment.
fn transfers(conn: &mut Conn) -> u64 {
    let side = |conn: &mut Conn, table: &str| -> (u64, i64) {
        conn.query_first(format!("SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM {table}")).unwrap().unwrap()
    };
    let (debits, credits) = (side(conn, "debits"), side(conn, "credits"));
    assert_eq!(debits, credits);
    assert_eq!(side(conn, "balances"), (2, 0));
    assert_eq!(side(conn, "turnovers"), (1, debits.1));
    debits.0
}

/// What is committed after the snapshot was opened is in no table, and every pull beside writers adds up.
fn a_ledger_adds_up(servers: &Servers, flavour: Flavour, lock: bool) {
    // MariaDB needs no locks where it has a binlog.
    let source = if lock { servers.target(flavour) } else { servers.source(flavour) };
    let site = Site::between(source, if lock { servers.source(flavour) } else { servers.target(flavour) });
    let mut conn = site.source_conn();
    ledger(&mut conn);
    let (lock_right, setting) =
        if lock { ("LOCK TABLES ON {db}.*", "snapshot_lock = \"tables\"") } else { (SELECT, "") };
    let means = match (flavour, lock) {
        (_, true) => "4 connections under LOCK TABLES",
        (Flavour::Mariadb, false) => "4 connections at one binlog position",
        (Flavour::Mysql, false) => "one connection",
    };
    let (account, quiet) = serve(&site, &[lock_right], setting, RULES);
    drop(quiet);
    let held = Serve::start(site.command("server").env(HOLD_AT, "snapshot.opened").args(["-v", "serve"]));
    let mut pull = site.pull_command(&held.url, &["--yes", "--json"]);
    let pull = pull.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the snapshot", || is_held(held.pid()));
    transfer(&mut conn, 1000);
    let_go(held.pid());
    let out = Out::of(&pull.wait_with_output().unwrap()).good(&held.log());
    assert!(held.log().contains(&format!("snapshot={means}")), "{}", held.log());
    assert!(out.stdout.contains(means), "{}", out.all());
    assert_eq!(transfers(&mut site.target_conn()), 199);
    assert_eq!(transfers(&mut conn), 200);
    let raw = "SELECT COUNT(*) FROM (SELECT who FROM debits UNION ALL SELECT who FROM credits) AS w WHERE who LIKE '%real%'";
    assert_eq!(site.target_conn().query_first(raw).unwrap(), Some(0));
    drop(held);

    // Who waits for a lock of ours on MySQL may be told of a deadlock, and has to try again; nobody else ever.
    let may_fail = lock && flavour == Flavour::Mysql;
    let serve = site.serve();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = |from: u32| {
            let (mut conn, stop) = (site.source_conn(), &stop);
            move || {
                let ids = (from..).take_while(|_| !stop.load(Ordering::Relaxed));
                ids.for_each(|id| {
                    while let Err(error) = try_transfer(&mut conn, id) {
                        assert!(may_fail && error.to_string().contains("1213"), "{error}");
                        exec(&mut conn, "ROLLBACK");
                    }
                });
            }
        };
        let writers = [scope.spawn(writer(10_000)), scope.spawn(writer(1_000_000))];
        let pulls: Vec<u64> = (0..3)
            .map(|_| {
                run(&mut site.pull_command(&serve.url, &["--yes"])).good(&serve.log());
                transfers(&mut site.target_conn())
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert!(pulls[0] < pulls[2], "nobody wrote meanwhile: {pulls:?}");
    });
    drop(account);
}
