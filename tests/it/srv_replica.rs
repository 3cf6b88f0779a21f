//! A source with a real replica: what a run makes is gone from it afterwards or never gets there, it goes on, and no raw
//! value of a ruled column is in any log on the way.

use crate::harness::{Account, Add, FLAVOURS, Servers, Site, exec, short, wait_for};
use crate::oracle;
use crate::readme::binlog_grant;
use crate::srv_http::Http;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::wire::api::TablePhase;
use mysql::prelude::Queryable;
use mysql::{Conn, Row};
use std::collections::BTreeSet;
use std::path::PathBuf;

const CANARY: &str = "canary-of-a-person";
const RULES: &str =
    "[sanitize.users]\nmail = \"email\"\nname = \"name\"\n[sanitize.people]\nmail = \"email\"\n";
/// What a copy holds in place of the canaries.
const MASKED: &str = "@example.test";

/// The schema that `temp_database` names here.
const WORK: &str = "work_of_replicated";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for gtid in [false, true] {
            // MariaDB always has GTIDs.
            if gtid && flavour == Flavour::Mariadb {
                continue;
            }
            let name = if gtid { "_gtid" } else { "" };
            add(
                format!("srv_replica::workspaces_go_from_replicas::{}{name}", short(flavour)),
                Box::new(move |servers| {
                    let pair = Pair::start(flavour, gtid);
                    let site = Site::between(&pair.primary, servers.target(flavour));
                    workspaces_go_from_replicas(&site, &pair);
                }),
            );
        }
        add(
            format!("srv_replica::logged_statements_need_the_right::{}", short(flavour)),
            Box::new(move |servers| logged_statements_need_the_right(servers, flavour)),
        );
    }
}

/// A primary and its replica. Both keep the text of statements beside the rows, and every log file.
struct Pair {
    primary: Server,
    replica: Server,
    gtid: bool,
}

impl Pair {
    fn start(flavour: Flavour, gtid: bool) -> Self {
        let mut arguments = match flavour {
            Flavour::Mariadb => {
                vec!["--log-slave-updates", "--binlog-annotate-row-events=ON", "--binlog-format=ROW"]
            }
            Flavour::Mysql => vec!["--binlog-rows-query-log-events=ON"],
        };
        if gtid {
            arguments.extend(["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]);
        }
        arguments.extend(["--log-bin=bin", "--relay-log=relay", "--relay-log-purge=0"]);
        let start = |id: u32| {
            let mut arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            arguments.push(format!("--server-id={id}"));
            Server::start(flavour, &Options { arguments, ..Options::default() }).unwrap()
        };
        let pair = Self { primary: start(21), replica: start(22), gtid };
        let from = pair.primary.endpoint("");
        let mut conn = pair.replica.connect().unwrap();
        match flavour {
            Flavour::Mariadb => {
                exec(
                    &mut conn,
                    &format!(
                        "CHANGE MASTER TO MASTER_HOST = '{}', MASTER_PORT = {}, MASTER_USER = '{}', \
                         MASTER_PASSWORD = '', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
                        from.host, from.port, from.user
                    ),
                );
                exec(&mut conn, "START SLAVE");
            }
            Flavour::Mysql => {
                let position = if gtid {
                    "SOURCE_AUTO_POSITION = 1"
                } else {
                    "SOURCE_AUTO_POSITION = 0, SOURCE_LOG_POS = 4"
                };
                exec(
                    &mut conn,
                    &format!(
                        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{}', SOURCE_PORT = {}, SOURCE_USER = '{}', \
                         SOURCE_PASSWORD = '', GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, {position}",
                        from.host, from.port, from.user
                    ),
                );
                exec(&mut conn, "START REPLICA");
            }
        }
        pair
    }

    /// Waits until the replica has done all that the primary logged; it must be well then.
    fn sync(&self, case: &str) -> Conn {
        let (mut primary, mut replica) = (self.primary.connect().unwrap(), self.replica.connect().unwrap());
        let (mariadb, text) = (self.primary.flavour() == Flavour::Mariadb, |conn: &mut Conn, query: &str| {
            conn.query_first::<Option<String>, _>(query).unwrap().flatten().unwrap_or_default()
        });
        let wait = if mariadb {
            let position = text(&mut primary, "SELECT @@gtid_binlog_pos");
            format!("SELECT MASTER_GTID_WAIT('{position}', 60)")
        } else if self.gtid {
            let set = text(&mut primary, "SELECT @@GLOBAL.gtid_executed");
            format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{set}', 60)")
        } else {
            let row: Row = primary.query_first("SHOW BINARY LOG STATUS").unwrap().unwrap();
            let (file, at): (String, u64) = (row.get(0).unwrap(), row.get(1).unwrap());
            format!("SELECT SOURCE_POS_WAIT('{file}', {at}, 60)")
        };
        let waited: Option<i64> = replica.query_first::<Option<i64>, _>(wait).unwrap().flatten();
        let (status, sql, errno) = if mariadb {
            ("SHOW SLAVE STATUS", "Slave_SQL_Running", "Last_SQL_Errno")
        } else {
            ("SHOW REPLICA STATUS", "Replica_SQL_Running", "Last_SQL_Errno")
        };
        let status: Row = replica.query_first(status).unwrap().unwrap();
        let error: Option<String> = status.get("Last_SQL_Error");
        assert_eq!(status.get::<i64, _>(errno), Some(0), "{case}: {error:?}");
        assert_eq!(status.get::<String, _>(sql).as_deref(), Some("Yes"), "{case}");
        assert!(
            waited.is_some_and(|waited| if self.gtid || mariadb { waited == 0 } else { waited >= 0 }),
            "{case}"
        );
        replica
    }

    /// The files of all logs of both servers that hold what comes after this moment.
    fn logs(&self) -> Logs {
        drop(self.sync("before"));
        for server in [&self.primary, &self.replica] {
            exec(&mut server.connect().unwrap(), "FLUSH BINARY LOGS");
        }
        exec(&mut self.sync("before"), "FLUSH RELAY LOGS");
        Logs { binlogs: self.files("bin."), relays: self.files("relay.") }
    }

    /// Log files of one kind of the primary and of the replica, oldest first.
    fn files(&self, prefix: &str) -> [BTreeSet<PathBuf>; 2] {
        [&self.primary, &self.replica].map(|server| {
            let folder: Option<String> = server.connect().unwrap().query_first("SELECT @@datadir").unwrap();
            let files = std::fs::read_dir(folder.unwrap()).unwrap().map(|entry| entry.unwrap().path());
            let number = |path: &PathBuf| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
            };
            files.filter(number).collect()
        })
    }
}

/// Log files as they were at one moment.
struct Logs {
    binlogs: [BTreeSet<PathBuf>; 2],
    relays: [BTreeSet<PathBuf>; 2],
}

/// What was logged meanwhile.
struct Logged {
    primary: Vec<u8>,
    replica: Vec<u8>,
    relay: Vec<u8>,
}

impl Logs {
    fn since(&self, pair: &Pair) -> Logged {
        let read = |before: &BTreeSet<PathBuf>, now: BTreeSet<PathBuf>| -> Vec<u8> {
            let last = before.last();
            let new = now.into_iter().filter(|file| !before.contains(file) || Some(file) == last);
            new.flat_map(|file| std::fs::read(file).unwrap()).collect()
        };
        let [primary, replica] = pair.files("bin.");
        let [_, relay] = pair.files("relay.");
        Logged {
            primary: read(&self.binlogs[0], primary),
            replica: read(&self.binlogs[1], replica),
            relay: read(&self.relays[1], relay),
        }
    }
}

fn holds(log: &[u8], needle: &str) -> bool {
    memchr::memmem::find(log, needle.as_bytes()).is_some()
}

/// Schemas and tables that are called like ours.
fn ours(conn: &mut Conn) -> Vec<String> {
    conn.query(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '\\_backfill\\_%' UNION ALL \
         SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_NAME LIKE '\\_backfill\\_%'",
    )
    .unwrap()
}

fn workspaces_go_from_replicas(site: &Site<'_>, pair: &Pair) {
    let mut conn = site.source_conn();
    exec(
        &mut conn,
        "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(90), name VARCHAR(90)) ENGINE=InnoDB",
    );
    exec(&mut conn, "CREATE TABLE people (mail VARCHAR(90) PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB");
    exec(&mut conn, &format!("INSERT INTO users VALUES (0, '{CANARY}', '{CANARY}')"));
    for step in 0..13 {
        let id = 1 << step;
        exec(
            &mut conn,
            &format!("INSERT INTO users SELECT id + {id}, CONCAT('{CANARY}', id + {id}), name FROM users"),
        );
    }
    exec(&mut conn, "INSERT INTO people SELECT mail, id FROM users");
    let rights = "SELECT, INSERT, UPDATE, CREATE, DROP";
    let may = binlog_grant(site.source.flavour());
    let ways = [
        ("", "`\\_backfill\\_temp\\_%`.*"),
        ("temp_strategy = \"tables\"", "{db}.*"),
        ("temp_database = \"work_of_replicated\"", "`work_of_replicated`.*"),
    ];
    for (server, on) in ways {
        let grants = ["SELECT ON {db}.*".to_owned(), format!("{rights} ON {on}")];
        let [read, write] = grants.each_ref().map(String::as_str);
        for format in ["ROW", "MIXED"] {
            exec(&mut conn, &format!("SET GLOBAL binlog_format = {format}"));
            let case = format!("{server} without the right, {format}");
            let logged = run(site, pair, &site.account(&[read, write]), server, &case);
            for log in [&logged.primary, &logged.relay, &logged.replica] {
                assert!(holds(log, MASKED) && holds(log, "User_"), "{case}: it was logged");
            }
        }
        let case = format!("{server} with the right");
        let logged = run(site, pair, &site.account(&[read, write, &may]), server, &case);
        for log in [&logged.primary, &logged.relay, &logged.replica] {
            assert!(holds(log, "_backfill_temp_"), "{case}: what it drops is logged");
            assert!(!holds(log, MASKED) && !holds(log, "CREATE TABLE"), "{case}: it was logged");
        }
        // A workspace that replicas never saw, and one that they did, of servers that died.
        for grants in [&[read, write][..], &[read, write, &may]] {
            let case = format!("{server}, killed, {} grants", grants.len());
            killed(site, pair, &site.account(grants), server, &case);
        }
    }
    // The account that makes the copies is the one that needs the right.
    let pattern = format!("{rights} ON `\\_backfill\\_temp\\_%`.*");
    let (main, temp) =
        (site.account(&["SELECT ON {db}.*"]), site.account(&["SELECT ON {db}.*", &pattern, &may]));
    let server = format!("temp_username = \"{0}\"\ntemp_password = \"pw-{0}\"", temp.user);
    let logged = run(site, pair, &main, &server, "an account for copies");
    assert!(!holds(&logged.primary, MASKED), "it was logged");
    // A schema for copies that replicas do not have.
    exec(&mut conn, &format!("DROP DATABASE {WORK}"));
    exec(&mut conn, "SET SESSION sql_log_bin = 0");
    exec(&mut conn, &format!("CREATE DATABASE {WORK}"));
    let account = site.account(&["SELECT ON {db}.*", &format!("{rights} ON {WORK}.*"), &may]);
    let server = format!("temp_database = \"{WORK}\"");
    let logged = run(site, pair, &account, &server, "a schema that replicas lack");
    assert!(holds(&logged.primary, "DROP TABLE IF EXISTS"));
}

/// A whole run; gives what was logged.
fn run(site: &Site<'_>, pair: &Pair, account: &Account<'_>, server: &str, case: &str) -> Logged {
    let logs = pair.logs();
    site.configure_server_as(&account.url(&site.source_db), server, RULES);
    let mut serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["users", "people"]);
    http.complete(&run);
    for table in ["users", "people"] {
        let dump = http.table(&run, table);
        assert_eq!(dump.rows, 8192, "{case}");
        assert!(dump.batches[0].1.contains(MASKED) && !dump.batches[0].1.contains(CANARY), "{case}");
    }
    assert_eq!(serve.stop(), Some(0), "{case}");
    check(site, pair, case);
    let logged = logs.since(pair);
    for log in [&logged.primary, &logged.relay, &logged.replica] {
        assert!(!holds(log, CANARY), "{case}: a raw value of a ruled column is in a log");
    }
    logged
}

/// A server that is killed with a workspace, and the next one, which drops it.
fn killed(site: &Site<'_>, pair: &Pair, account: &Account<'_>, server: &str, case: &str) {
    site.configure_server_as(&account.url(&site.source_db), server, RULES);
    let mut serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["users", "people"]);
    wait_for("the copy", || http.status(&run).tables.iter().any(|table| table.phase >= TablePhase::Copy));
    serve.kill9();
    // What its connections were at may still end; only then is all of it there to be dropped.
    let mut conn = site.source_conn();
    let connections = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = ?";
    wait_for("the server to notice the death", || {
        conn.exec_first::<u64, _, _>(connections, (&account.user,)).unwrap() == Some(0)
    });
    assert_eq!(site.serve().stop(), Some(0), "{case}");
    check(site, pair, case);
}

/// Nothing of ours is on either server, and the application's rows are the same on both.
fn check(site: &Site<'_>, pair: &Pair, case: &str) {
    let mut replica = pair.sync(case);
    assert_eq!(ours(&mut site.source_conn()), Vec::<String>::new(), "{case}: on the primary");
    assert_eq!(ours(&mut replica), Vec::<String>::new(), "{case}: on the replica");
    exec(&mut replica, &format!("USE {}", site.source_db));
    let mut primary = site.source_conn();
    for table in ["users", "people"] {
        let [here, there] = [&mut primary, &mut replica].map(|conn| oracle::digest(conn, table, &[]));
        assert_eq!(here, there, "{case}: `{table}` differs");
    }
}

fn logged_statements_need_the_right(servers: &Servers, flavour: Flavour) {
    let arguments =
        ["--log-bin=bin", "--server-id=23", "--binlog-format=STATEMENT"].map(str::to_owned).to_vec();
    let source = Server::start(flavour, &Options { arguments, ..Options::default() }).unwrap();
    let site = Site::between(&source, servers.target(flavour));
    let mut conn = site.source_conn();
    exec(
        &mut conn,
        "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(90), name VARCHAR(90)) ENGINE=InnoDB",
    );
    exec(&mut conn, "CREATE TABLE people (mail VARCHAR(90) PRIMARY KEY) ENGINE=InnoDB");
    let may = binlog_grant(flavour);
    let mut grants =
        vec!["SELECT ON {db}.*", "SELECT, INSERT, UPDATE, CREATE, DROP ON `\\_backfill\\_temp\\_%`.*"];
    for strategy in ["database", "tables"] {
        let account = site.account(&grants);
        let server = format!("temp_strategy = \"{strategy}\"");
        site.configure_server_as(&account.url(&site.source_db), &server, RULES);
        let (exit, printed) = site.serve_refused();
        assert_eq!(exit, 7, "{printed}");
        assert!(printed.contains(&format!("GRANT {}", may.split(" ON ").next().unwrap())), "{printed}");
        assert!(printed.contains("binlog_format"), "{printed}");
        assert_eq!(ours(&mut conn), Vec::<String>::new());
        grants = vec!["SELECT, INSERT, UPDATE, CREATE, DROP ON {db}.*"];
    }
    let account = site.account(&[grants[0], &may]);
    site.configure_server_as(&account.url(&site.source_db), "temp_strategy = \"tables\"", RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    http.complete(&http.begin(&["users"]));
}
