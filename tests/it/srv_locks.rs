//! Writers and `ALTER`s on production go on as if nobody read it, whether clients read or not.
//!
//! Lock waits are looked for as events (errors 1205 and 3024, sessions that InnoDB lists as waiting), not on a clock:
//! a lock that we held while a client is stalled would be waited for without end.

use crate::harness::{Add, FLAVOURS, Serve, Site, connect, exec, short, wait_for, wide_table};
use crate::oracle;
use crate::srv_http::{Http, decode, load};
use backfill::wire::api::{Code, RunPhase, TablePhase};
use backfill::wire::frame::Scope;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Scope as Threads;
use std::time::Duration;

const TABLES: [&str; 3] = ["ruled", "direct", "plain_myisam"];
const RULES: &str = "[sanitize.ruled]\nmail = \"email\"\n";
/// Little room: after the first chunk of a table the server waits for its clients.
const TIGHT: &str = "spool_max = \"1MiB\"\nmax_runs = 1\n";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (way, server) in [
            ("update", "mask_at = \"update\""),
            ("copy", "mask_at = \"copy\""),
            ("tables", "temp_strategy = \"tables\""),
        ] {
            add(
                format!("srv_locks::nobody_waits_while_tables_are_copied::{way}_{}", short(flavour)),
                Box::new(move |servers| {
                    nobody_waits_while_tables_are_copied(&Site::new(servers, flavour, flavour), server);
                }),
            );
        }
        add(
            format!("srv_locks::who_waits_is_seen::{}", short(flavour)),
            Box::new(move |servers| who_waits_is_seen(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("srv_locks::nobody_waits_while_parents_are_looked_up::{}", short(flavour)),
            Box::new(move |servers| {
                nobody_waits_while_parents_are_looked_up(&Site::new(servers, flavour, flavour));
            }),
        );
        add(
            format!("srv_locks::nobody_waits_while_limits_are_worked::{}", short(flavour)),
            Box::new(move |servers| {
                nobody_waits_while_limits_are_worked(&Site::new(servers, flavour, flavour));
            }),
        );
        add(
            format!("srv_locks::nobody_waits_while_clients_stall::{}", short(flavour)),
            Box::new(move |servers| nobody_waits_while_clients_stall(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn prepare(site: &Site<'_>, doublings: u32) {
    let mut conn = site.source_conn();
    wide_table(&mut conn, "ruled", doublings);
    exec(&mut conn, "CREATE TABLE direct LIKE ruled");
    exec(&mut conn, "INSERT INTO direct SELECT * FROM ruled");
    exec(&mut conn, "CREATE TABLE plain_myisam LIKE ruled");
    exec(&mut conn, "ALTER TABLE plain_myisam ENGINE=MyISAM");
    exec(&mut conn, "INSERT INTO plain_myisam SELECT * FROM ruled WHERE id < 2000");
    exec(&mut conn, "CREATE TABLE unrelated (id INT PRIMARY KEY) ENGINE=InnoDB");
    exec(&mut conn, "ANALYZE TABLE direct, plain_myisam");
}

/// A session of the application, impatient.
fn application(site: &Site<'_>) -> Conn {
    let mut conn = connect(site.source, &site.source_db);
    exec(&mut conn, "SET SESSION innodb_lock_wait_timeout = 1");
    exec(&mut conn, "SET SESSION lock_wait_timeout = 3");
    // Nobody waits for another's parents either.
    exec(&mut conn, "SET SESSION foreign_key_checks = 0");
    conn
}

/// Writers on every table, and a look-out for sessions of theirs that wait for row locks.
struct Writers {
    stop: AtomicBool,
    written: [AtomicU64; TABLES.len()],
    waits: Mutex<Vec<String>>,
    ids: Mutex<Vec<u32>>,
    errors: Mutex<Vec<String>>,
}

impl Writers {
    fn new() -> Self {
        Self {
            stop: AtomicBool::new(false),
            written: Default::default(),
            waits: Mutex::default(),
            ids: Mutex::default(),
            errors: Mutex::default(),
        }
    }

    fn start<'scope>(&'scope self, scope: &'scope Threads<'scope, '_>, site: &'scope Site<'_>) {
        for (at, table) in TABLES.iter().enumerate() {
            let mut conn = application(site);
            self.ids.lock().unwrap().push(conn.connection_id());
            scope.spawn(move || {
                let result = self.write(&mut conn, table, at);
                self.errors.lock().unwrap().extend(result.err().map(|error| format!("{table}: {error}")));
            });
        }
        scope.spawn(|| self.look_out(&mut site.source_conn()));
    }

    /// Changes, adds and removes odd rows all over the table; even ones stay as they are.
    fn write(&self, conn: &mut Conn, table: &str, at: usize) -> mysql::Result<()> {
        let rows: u32 = conn.query_first(format!("SELECT MAX(id) FROM {table}"))?.unwrap();
        let mut id = 1;
        while !self.stop.load(Ordering::Acquire) {
            conn.query_drop(format!("UPDATE {table} SET a = a + 1, b = -a WHERE id = {id}"))?;
            conn.query_drop(format!("DELETE FROM {table} WHERE id = {}", id + 2))?;
            conn.query_drop(format!("INSERT INTO {table} (id, a, b) VALUES ({}, 5, -5)", id + 2))?;
            conn.query_drop(format!("INSERT INTO {table} (a, b) VALUES (7, -7)"))?;
            self.written[at].fetch_add(1, Ordering::AcqRel);
            // Steps of a prime that is even after doubling keep ids odd.
            id = ((id + 2 * 7919) % (rows & !1)) | 1;
        }
        Ok(())
    }

    fn look_out(&self, conn: &mut Conn) {
        let ids = self.ids.lock().unwrap().clone();
        while !self.stop.load(Ordering::Acquire) {
            self.waits.lock().unwrap().extend(waiting(conn, &ids));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until every writer has done some more.
    fn go_on(&self) {
        let before: Vec<u64> = self.written.iter().map(|count| count.load(Ordering::Acquire)).collect();
        wait_for("every writer to go on", || {
            self.check();
            self.written.iter().zip(&before).all(|(now, before)| now.load(Ordering::Acquire) > before + 20)
        });
    }

    fn check(&self) {
        let errors = self.errors.lock().unwrap();
        assert!(errors.is_empty(), "{errors:?}");
        let waits = self.waits.lock().unwrap().clone();
        assert!(waits.is_empty(), "a writer waited for a lock: {}", waits.join("\n"));
    }
}

/// What these sessions do where they wait for the lock of a row; `ALTER`s of the tests make them wait for tables. Not from
/// `INNODB_TRX`: whoever reads that all the time reads an old copy.
fn waiting(conn: &mut Conn, ids: &[u32]) -> Vec<String> {
    let (_, _, status): (String, String, String) =
        conn.query_first("SHOW ENGINE INNODB STATUS").unwrap().unwrap();
    let transactions = status.split("---TRANSACTION ").skip(1);
    let waits = transactions.filter(|told| told.contains("LOCK WAIT") && told.contains("RECORD LOCKS"));
    waits
        .filter(|told| ids.iter().any(|id| told.contains(&format!("thread id {id},"))))
        .map(str::to_owned)
        .collect()
}

/// The look-out of these tests sees what it looks for.
fn who_waits_is_seen(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE held (id INT PRIMARY KEY, a INT) ENGINE=InnoDB");
    exec(&mut conn, "INSERT INTO held VALUES (1, 1)");
    let mut holder = site.source_conn();
    exec(&mut holder, "BEGIN");
    exec(&mut holder, "UPDATE held SET a = 2");
    let mut waiter = site.source_conn();
    let ids = [waiter.connection_id()];
    std::thread::scope(|scope| {
        scope.spawn(move || waiter.query_drop("UPDATE held SET a = 3").unwrap());
        wait_for("the wait", || waiting(&mut conn, &ids).len() == 1);
        assert!(waiting(&mut conn, &[holder.connection_id()]).is_empty());
        exec(&mut holder, "COMMIT");
    });
}

/// Stops the writers even when the test fails, so that it ends.
struct Stop<'a>(&'a Writers);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Release);
    }
}

/// No row that was never whole, and all rows that nobody touched.
fn rows_are_right(site: &Site<'_>, table: &str) {
    let mut target = site.target_conn();
    let one = |conn: &mut Conn, query: String| conn.query_first::<u64, _>(query).unwrap().unwrap();
    let torn = one(&mut target, format!("SELECT COUNT(*) FROM {table} WHERE a + b <> 0"));
    assert_eq!(torn, 0, "{table}");
    exec(&mut target, &format!("DELETE FROM {table} WHERE id % 2 = 1 OR a <> 0"));
    let mut source = site.source_conn();
    exec(&mut source, &format!("DELETE FROM {table} WHERE id % 2 = 1 OR a <> 0"));
    let ruled = ["ruled.mail"];
    assert_eq!(
        oracle::digest(&mut source, table, &ruled),
        oracle::digest(&mut target, table, &ruled),
        "{table}"
    );
}

fn nobody_waits_while_tables_are_copied(site: &Site<'_>, server: &str) {
    prepare(site, 11);
    site.structure_to_target();
    site.configure_server(server, RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    let writers = Writers::new();
    let dumps = std::thread::scope(|scope| {
        let _stop = Stop(&writers);
        writers.start(scope, site);
        writers.go_on();
        let run = http.begin(&TABLES);
        wait_for("the copy to begin", || {
            http.status(&run).tables.iter().any(|table| table.phase >= TablePhase::Copy && table.rows > 0)
        });
        // The copying statements name their columns, so another one changes nothing for them.
        let mut application = application(site);
        exec(&mut application, "ALTER TABLE unrelated ADD COLUMN more INT NULL");
        exec(&mut application, "ALTER TABLE ruled ADD COLUMN more INT NULL");
        let status = http.complete(&run);
        writers.go_on();
        writers.check();
        let dumps: Vec<_> = TABLES.iter().map(|table| http.table(&run, table)).collect();
        for (dump, table) in dumps.iter().zip(&status.tables) {
            assert_eq!((dump.rows, dump.removed), (table.rows, table.removed), "{}", table.name);
        }
        dumps
    });
    let mut target = site.target_conn();
    for dump in &dumps {
        load(&mut target, dump);
    }
    let raw: Option<u64> =
        target.query_first("SELECT COUNT(*) FROM ruled WHERE mail NOT LIKE '%@example.test'").unwrap();
    assert_eq!(raw, Some(0));
    exec(&mut target, "ALTER TABLE ruled ADD COLUMN more INT NULL");
    for table in TABLES {
        rows_are_right(site, table);
    }
}

/// Thousands of rows dangle: each is looked up at the source, while both tables are written to and altered.
fn nobody_waits_while_parents_are_looked_up(site: &Site<'_>) {
    prepare(site, 13);
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE parents (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
    exec(&mut conn, "INSERT INTO parents VALUES (5), (7)");
    exec(&mut conn, "SET FOREIGN_KEY_CHECKS = 0");
    for table in ["direct", "ruled"] {
        exec(&mut conn, &format!("ALTER TABLE {table} ADD FOREIGN KEY (a) REFERENCES parents (id)"));
    }
    site.structure_to_target();
    site.configure_server("", RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    let tables = [&TABLES[..], &["parents"]].concat();
    let writers = Writers::new();
    let run = std::thread::scope(|scope| {
        let _stop = Stop(&writers);
        writers.start(scope, site);
        writers.go_on();
        let run = http.begin(&tables);
        let is_checking = || {
            let status = http.status(&run);
            assert_ne!(status.phase, RunPhase::Failed, "{:?}", status.error);
            status.tables.iter().all(|table| table.phase >= TablePhase::Check)
                && status.tables.iter().any(|table| table.phase == TablePhase::Check)
        };
        wait_for("the lookups to begin", is_checking);
        let mut application = application(site);
        let mut altered = 0;
        while is_checking() {
            for table in ["direct", "parents"] {
                exec(&mut application, &format!("ALTER TABLE {table} ADD COLUMN more_{altered} INT NULL"));
            }
            altered += 1;
        }
        assert!(altered > 0, "the lookups were over too soon");
        http.complete(&run);
        writers.go_on();
        writers.check();
        run
    });
    let mut target = site.target_conn();
    for table in &tables {
        load(&mut target, &http.table(&run, table));
    }
    let mut source = site.source_conn();
    // Rows that nobody touched dangle as they do at the source.
    for table in ["direct", "ruled"] {
        let still = format!("SELECT COUNT(*) FROM {table} WHERE id % 2 = 0 AND a = 0");
        let counts = [&mut source, &mut target].map(|conn| conn.query_first::<u64, _>(&still).unwrap());
        assert!(counts[0] > Some(10_000) && counts[0] == counts[1], "{table}: {counts:?}");
    }
}

/// Most rows that the limit wants by itself.
const WANTED: usize = 9000;
/// Every kind of step at once: a limit whose order no index has, what it pulls in from its own table, a table that
/// follows it, and a circle of two whose rows go by levels.
const LIMITS: &str = "[limits]\nruled = { max_rows = 9000, order_by = \"b\" }\n\
    [[relations]]\ntable = \"ruled\"\ncolumns = [\"a\"]\nreferences = \"ruled\"\nreferenced_columns = [\"id\"]\n\
    [[relations]]\ntable = \"direct\"\ncolumns = [\"id\"]\nreferences = \"ruled\"\nreferenced_columns = [\"id\"]\n\
    [[relations]]\ntable = \"direct\"\ncolumns = [\"a\"]\nreferences = \"plain_myisam\"\nreferenced_columns = [\"id\"]\n\
    [[relations]]\ntable = \"plain_myisam\"\ncolumns = [\"id\"]\nreferences = \"direct\"\nreferenced_columns = [\"id\"]\n";

/// Lets the limit want even rows only, which no writer touches, and those refer to even rows; says how many are kept.
fn want_even_rows(site: &Site<'_>) -> usize {
    let mut conn = site.source_conn();
    exec(&mut conn, "UPDATE ruled SET a = id DIV 4 * 2, b = 1 WHERE id % 2 = 0");
    let rows: Vec<(u64, u64)> =
        conn.query("SELECT id, a FROM ruled WHERE id % 2 = 0 ORDER BY id DESC").unwrap();
    let mut left: HashMap<u64, u64> = rows.iter().copied().collect();
    let mut kept = 0;
    for (wanted, _) in &rows[..WANTED] {
        let mut next = *wanted;
        while let Some(parent) = left.remove(&next) {
            kept += 1;
            next = parent;
        }
    }
    assert!(kept > WANTED && !left.is_empty(), "{kept} kept, {} not", left.len());
    kept
}

fn nobody_waits_while_limits_are_worked(site: &Site<'_>) {
    prepare(site, 13);
    let kept = want_even_rows(site);
    site.configure_server("", &format!("{RULES}{LIMITS}"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let writers = Writers::new();
    std::thread::scope(|scope| {
        let _stop = Stop(&writers);
        writers.start(scope, site);
        writers.go_on();
        let run = http.begin(&TABLES);
        let is_searching = || {
            let status = http.status(&run);
            assert_ne!(status.phase, RunPhase::Failed, "{:?}", status.error);
            status.tables.iter().all(|table| table.phase <= TablePhase::Copy && table.rows == 0)
        };
        let mut application = application(site);
        let mut altered = 0;
        while is_searching() {
            for table in ["ruled", "direct"] {
                exec(&mut application, &format!("ALTER TABLE {table} ADD COLUMN more_{altered} INT NULL"));
            }
            altered += 1;
        }
        assert!(altered > 1, "the kept rows were found too soon");
        let status = http.complete(&run);
        writers.go_on();
        writers.check();
        assert_eq!(status.tables[0].rows, kept as u64);
    });
}

fn nobody_waits_while_clients_stall(site: &Site<'_>) {
    prepare(site, 13);
    site.configure_server(TIGHT, RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    let writers = Writers::new();
    std::thread::scope(|scope| {
        let _stop = Stop(&writers);
        writers.start(scope, site);
        let run = http.begin(&TABLES);
        // The table that is read directly has filled the room, the copy waits for some.
        wait_for("a chunk of the table that is read directly", || http.status(&run).tables[1].chunks == 1);
        wait_for("the end of the copy", || http.status(&run).tables[0].phase == TablePhase::Dump);
        // One client reads a little and stops, nobody else reads: the run cannot go on.
        let mut slow = http.open(&format!("dump/direct?run={run}&chunk=0"));
        slow.read_exact(&mut [0; 1000]).unwrap();
        writers.go_on();
        let mut application = application(site);
        exec(&mut application, "ALTER TABLE unrelated ADD COLUMN more INT NULL");
        exec(&mut application, "ALTER TABLE ruled ADD INDEX by_a (a)");
        writers.go_on();
        let status = http.status(&run);
        assert_eq!(status.phase, RunPhase::Running, "{:?}", status.error);
        // Its chunks are not all read yet, and its snapshot is open; still it can be altered.
        exec(
            &mut application,
            "ALTER TABLE direct ADD INDEX by_a (a), ADD COLUMN more INT NULL FIRST, FORCE",
        );
        writers.go_on();
        writers.check();
        drop(slow);
        a_changed_table_ends_the_run(site, &serve, &http, &run);
    });
    writers.check();
}

fn a_changed_table_ends_the_run(site: &Site<'_>, serve: &Serve, http: &Http, run: &str) {
    std::thread::scope(|scope| {
        let next = scope.spawn(|| http.get(&format!("dump/direct?run={run}&chunk=1")));
        // Room is made by fetching; then the next read finds another definition.
        let mut fetched = [0; TABLES.len()];
        wait_for("the run to go on and fail", || {
            let status = http.status(run);
            for (at, table) in status.tables.iter().enumerate() {
                while fetched[at] < table.chunks {
                    let path = format!("dump/{}?run={run}&chunk={}", table.name, fetched[at]);
                    let answer = http.get(&path);
                    assert!(
                        answer.status == 200 || answer.code() == Code::SchemaChanged,
                        "{}",
                        answer.text()
                    );
                    fetched[at] += 1;
                }
            }
            status.phase == RunPhase::Failed
        });
        let answer = next.join().unwrap();
        assert!(answer.status == 200 && answer.cut);
        let error = decode("direct", Scope::Chunk(1), &answer.body).unwrap_err().to_string();
        assert!(error.contains("changed its definition"), "{error}");
        assert!(zstd::decode_all(&answer.body[..]).is_err(), "`zstd -d` must fail too");
    });
    let status = http.finished(run);
    assert_eq!(status.phase, RunPhase::Failed);
    assert_eq!(status.error.unwrap().code, Code::SchemaChanged, "{}", serve.log());
    assert_eq!(http.get(&format!("dump/direct?run={run}&chunk=0")).code(), Code::SchemaChanged);
    // The next run sees the new definition.
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    assert!(
        http.manifest()
            .tables
            .iter()
            .any(|entry| entry.table.name == "direct" && entry.table.indexes.len() == 1)
    );
    site.structure_to_target();
    let mut target = site.target_conn();
    let again = decode("direct", Scope::Table, &http.get("dump/direct").body).unwrap();
    load(&mut target, &again);
}
