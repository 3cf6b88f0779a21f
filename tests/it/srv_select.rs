//! Strategy `select`: nothing is written on the source, all tables are of one moment, and no rule is missed.

use crate::between::Between;
use crate::cli_common::{Out, run};
use crate::harness::{
    Account, Add, FLAVOURS, Serve, Servers, Site, exec, is_held, large_table, let_go, short, wait_for,
    wide_table,
};
use crate::oracle;
use crate::srv_http::Http;
use backfill::fault::{HOLD_AT, LOST_AFTER};
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::wire::api::{Code, RunPhase};
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
        add(
            format!("srv_select::a_read_only_server_gives_the_same_rows::{}", short(flavour)),
            Box::new(move |servers| a_read_only_server_gives_the_same_rows(servers, flavour)),
        );
        add(
            format!("srv_select::definitions_change_meanwhile::{}", short(flavour)),
            Box::new(move |servers| definitions_change_meanwhile(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("srv_select::a_full_spool_keeps_no_snapshot_open::{}", short(flavour)),
            Box::new(move |servers| {
                a_full_spool_keeps_no_snapshot_open(&Site::new(servers, flavour, flavour));
            }),
        );
        add(
            format!("srv_select::nobody_waits_for_a_client_that_stalls::{}", short(flavour)),
            Box::new(move |servers| {
                nobody_waits_for_a_client_that_stalls(&Site::new(servers, flavour, flavour));
            }),
        );
        add(
            format!("srv_select::a_host_that_vanishes_is_given_up::{}", short(flavour)),
            Box::new(move |servers| a_host_that_vanishes_is_given_up(&Site::new(servers, flavour, flavour))),
        );
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

/// Masks of every kind that are the same in every run, on a key and on a table without one.
const SAME_RULES: &str = "[privacy]\npolicy = \"open\"\nkey = \"0123456789abcdef0123456789abcdef\"\n\
    [sanitize.users]\nemail = { type = \"email\", exclude = [\"user1*\"] }\nname = \"name\"\nphone = \"phone\"\n\
    password = \"hash\"\nnotes = \"text\"\nlast_ip = \"null\"\n\
    legacy = { type = \"sql\", expression = \"UPPER({column})\", where = \"id > 3\" }\n\
    [sanitize.\"order notes\"]\nkey = \"token\"\n\
    [sanitize.measures]\nf = { type = \"sql\", expression = \"{column} / 3\" }\nt = \"null\"\n\
    [sanitize.old_style]\nnote = \"text\"\n";
const SAME_LIMITS: &str = "[limits]\norders = { max_rows = 7 }\n";

/// A server that takes no writes, from an account that may select: the rows are those that copies give, and the server's
/// binlog is where it was.
fn a_read_only_server_gives_the_same_rows(servers: &Servers, flavour: Flavour) {
    let arguments = vec!["--log-bin=bin".into(), "--server-id=31".into()];
    let source = Server::start(flavour, &Options { arguments, ..Options::default() }).unwrap();
    let site = Site::between(&source, servers.target(flavour));
    crate::fixture::load(&mut site.source_conn(), 40);
    let rules = format!("{SAME_RULES}{SAME_LIMITS}");
    site.configure_server("mask_at = \"copy\"", &rules);
    let copied = {
        let serve = site.serve();
        site.pull(&serve);
        oracle::contents(&mut site.target_conn(), &[])
    };
    let (account, reading) = serve(&site, &[], "", &rules);
    drop(reading);
    let mut root = site.source_conn();
    let (read_only, position) = match flavour {
        Flavour::Mariadb => ("SET GLOBAL read_only = 1", "SHOW MASTER STATUS"),
        Flavour::Mysql => ("SET GLOBAL super_read_only = 1", "SHOW BINARY LOG STATUS"),
    };
    exec(&mut root, read_only);
    let before: Vec<mysql::Row> = root.query(position).unwrap();
    let schemas: Vec<String> = root.query("SHOW DATABASES").unwrap();
    let serve = site.serve();
    site.pull(&serve);
    let after: Vec<mysql::Row> = root.query(position).unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert_eq!(root.query::<String, _>("SHOW DATABASES").unwrap(), schemas);
    let read = oracle::contents(&mut site.target_conn(), &[]);
    assert!(copied.len() >= 11 && read.len() == copied.len());
    for (table, rows) in &copied {
        assert_eq!(Some(rows), read.get(table), "{table}");
    }
    let log = serve.log();
    assert!(log.contains("`old_style` is not read at the moment of the others: MyISAM"), "{log}");
    assert_eq!(log.matches("ERROR").count(), 0, "{log}");
    drop(account);
    exec(
        &mut root,
        if flavour == Flavour::Mysql { "SET GLOBAL super_read_only = 0" } else { "SET GLOBAL read_only = 0" },
    );
    exec(&mut root, "SET GLOBAL read_only = 0");
}

/// What changes between the snapshot and the reading ends the run; so does a mask that gives everything back.
fn definitions_change_meanwhile(site: &Site<'_>) {
    let mut conn = site.source_conn();
    for table in ["first", "second", "third"] {
        exec(
            &mut conn,
            &format!(
                "CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY, mail VARCHAR(90) NOT NULL) ENGINE=InnoDB"
            ),
        );
        exec(
            &mut conn,
            &format!("INSERT INTO {table} VALUES (1, 'one@real.example'), (2, 'two@real.example')"),
        );
    }
    let rules = |rule: &str| format!("[sanitize.first]\nmail = {rule}\n");
    let (account, quiet) = serve(site, &[], "", &rules("\"email\""));
    drop(quiet);
    // Another table of the same shape, made in another second.
    exec(&mut conn, "CREATE TABLE other LIKE first");
    wait_for("another second", || {
        let made = "SELECT COUNT(DISTINCT CREATE_TIME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()";
        let seconds: Option<u32> = conn.query_first(made).unwrap();
        if seconds == Some(1) {
            exec(&mut conn, "DROP TABLE other");
            exec(&mut conn, "CREATE TABLE other LIKE first");
        }
        seconds != Some(1)
    });
    for change in [
        "ALTER TABLE first MODIFY mail VARCHAR(91) NOT NULL, ADD KEY (mail), ALGORITHM=COPY",
        "TRUNCATE first",
        "RENAME TABLE first TO gone, other TO first, gone TO other",
        "DROP TABLE first",
    ] {
        let held = Serve::start(site.command("server").env(HOLD_AT, "snapshot.opened").args(["serve"]));
        let mut pull = site.pull_command(&held.url, &["--yes"]);
        let pull = pull.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for("the snapshot", || is_held(held.pid()));
        exec(&mut conn, change);
        let_go(held.pid());
        let out = Out::of(&pull.wait_with_output().unwrap());
        assert_ne!(out.code, Some(0), "{change}: {}", out.all());
        assert!(out.stderr.contains("changed its definition"), "{change}: {}\n{}", out.all(), held.log());
    }
    assert_eq!(site.target_conn().query::<String, _>("SHOW TABLES").unwrap(), [""; 0]);

    let rule = "[sanitize.second]\nmail = { type = \"sql\", expression = \"CONCAT({column}, '')\" }\n";
    site.configure_server_as(&account.url(&site.source_db), "temp_strategy = \"select\"", rule);
    let serve = site.serve();
    let out = run(&mut site.pull_command(&serve.url, &["--yes"]));
    assert!(out.stderr.contains("hold the source's value in column `mail`"), "{}", out.all());
    assert!(!serve.log().contains("real.example") && !out.all().contains("real.example"));
}

/// A run whose client does not fetch waits inside its snapshot, between two chunks of a table. Who changes that table waits
/// for a second or so, and the run ends: at once where the server keeps locks, else when it reads on.
fn nobody_waits_for_a_client_that_stalls(site: &Site<'_>) {
    let mut conn = site.source_conn();
    large_table(&mut conn, "halved");
    let rules = "[sanitize.halved]\nmail = \"email\"\n";
    let (_account, serve) = serve(site, &[], "spool_max = \"2MiB\"\n", rules);
    let http = Http::new(&serve);
    let run = http.begin(&["halved"]);
    wait_for("a full spool", || http.status(&run).tables[0].chunks == 1);
    exec(&mut conn, "SET SESSION lock_wait_timeout = 50");
    exec(&mut conn, "ALTER TABLE halved MODIFY mail VARCHAR(91) NOT NULL, ADD KEY (mail), ALGORITHM=COPY");
    let expected = match site.source.flavour() {
        Flavour::Mariadb => {
            assert!(serve.log().contains("the run gives way"), "{}", serve.log());
            Code::SourceUnavailable
        }
        Flavour::Mysql => {
            assert_eq!(http.status(&run).phase, RunPhase::Running, "{}", serve.log());
            Code::SchemaChanged
        }
    };
    // Makes room for the next chunk, if there is still one to be read.
    http.get(&format!("dump/halved?run={run}&chunk=0"));
    let error = http.finished(&run).error.unwrap();
    assert_eq!(error.code, expected, "{}", serve.log());
    if expected == Code::SourceUnavailable {
        assert!(error.error.contains("GRANT BINLOG ADMIN"), "{}", error.error);
    }
}

/// What is read to its end waits for nobody: neither behind the last row of a table, nor for a table without rows, nor
/// with the last rows of the run.
fn a_full_spool_keeps_no_snapshot_open(site: &Site<'_>) {
    let mut conn = site.source_conn();
    wide_table(&mut conn, "wide", 10);
    exec(&mut conn, "CREATE TABLE hollow (id INT NOT NULL PRIMARY KEY, note VARCHAR(9)) ENGINE=InnoDB");
    exec(&mut conn, "CREATE TABLE few (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
    exec(&mut conn, "INSERT INTO few VALUES (1), (2)");
    let one_by_one = "spool_max = \"1MiB\"\nthreads = 1\nmax_runs = 1\n";
    let (_account, serve) = serve(site, &[], one_by_one, "[privacy]\npolicy = \"open\"\n");
    let http = Http::new(&serve);
    for tables in [["wide", "hollow"], ["wide", "few"]] {
        let run = http.begin(&tables);
        let status = http.complete(&run);
        assert!(status.tables.iter().all(|table| table.chunks == 1), "{:?}", status.tables);
        let rows = http.table(&run, tables[1]).rows;
        assert_eq!(rows, if tables[1] == "few" { 2 } else { 0 });
        assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    }
}

/// While a client stalls the source hears from us, for longer than it waits for a silent one. When nothing is heard any
/// more, what the snapshot holds is free again: nobody on the source's side has to end a connection.
fn a_host_that_vanishes_is_given_up(site: &Site<'_>) {
    let mut conn = site.source_conn();
    large_table(&mut conn, "halved");
    let account = site.account(&[SELECT]);
    let port = site.source.endpoint(&site.source_db).port;
    let between = Between::before(port);
    let url = account.url(&site.source_db).replace(&format!(":{port}/"), &format!(":{}/", between.port));
    let server = "temp_strategy = \"select\"\nspool_max = \"2MiB\"\n";
    site.configure_server_as(&url, server, "[sanitize.halved]\nmail = \"email\"\n");
    let mut serve = Serve::start(site.command("server").env(LOST_AFTER, "3").args(["serve"]));
    let http = Http::new(&serve);
    let run = http.begin(&["halved"]);
    wait_for("a full spool", || http.status(&run).tables[0].chunks == 1);
    let mut snapshots = || -> u32 {
        let of_account = format!(
            "SELECT COUNT(*) FROM information_schema.INNODB_TRX AS t JOIN information_schema.PROCESSLIST AS p \
             ON p.ID = t.trx_mysql_thread_id WHERE p.USER = '{}'",
            account.user
        );
        conn.query_first(of_account).unwrap().unwrap()
    };
    // Six signs of life in the time of silence after which a connection is ended.
    wait_for("signs of life", || between.pings() >= 9);
    assert_eq!((snapshots(), http.status(&run).phase), (1, RunPhase::Running), "{}", serve.log());
    between.go_silent();
    wait_for("the source to give the snapshot up", || snapshots() == 0);
    exec(&mut conn, "SET SESSION lock_wait_timeout = 5");
    exec(&mut conn, "ALTER TABLE halved ADD COLUMN more INT NULL");
    serve.kill9();
}
