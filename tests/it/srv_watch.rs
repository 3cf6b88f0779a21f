//! Long statements on production tables: they end when their run ends, and give way to sessions that wait for them.
//!
//! A statement is made long by what it computes for each row, so that ending it leaves little to undo: patterns of
//! `exclude` are searched for in long texts that begin like them everywhere.

use crate::harness::{
    Account, Add, FLAVOURS, Serve, Site, connect, exec, large_table, short, wait_for, workspaces_with,
};
use crate::oracle;
use crate::srv_http::Http;
use backfill::sandbox::{Options, Server};
use backfill::source::reader::Reader;
use backfill::source::watch::{self, Statements};
use backfill::sql::TableName;
use backfill::sql::select::Select;
use backfill::wire::api::{Code, RunPhase};
use mysql::Conn;
use mysql::prelude::Queryable;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows whose copy takes minutes.
const LONG: u32 = 2048;
/// Rows whose copy takes some seconds.
const SHORT: u32 = 128;
/// Far above what ending a statement takes, far below what the statement takes.
const BOUND: Duration = Duration::from_secs(25);
const READ: &str = "SELECT ON {db}.*";
const WORKSPACE: &str = "SELECT, INSERT, UPDATE, CREATE, DROP ON `\\_backfill\\_temp\\_%`.*";
const PROCESS: &str = "PROCESS ON *.*";

pub fn tests(add: &mut Add<'_>) {
    type Case = fn(&Site<'_>);
    let cases: [(&str, Case); 8] = [
        ("an_ended_run_ends_its_statements", an_ended_run_ends_its_statements),
        ("an_ended_run_ends_its_masking", an_ended_run_ends_its_masking),
        ("a_failed_table_ends_the_others", a_failed_table_ends_the_others),
        ("whoever_waits_again_and_again_ends_the_run", whoever_waits_again_and_again_ends_the_run),
        ("a_copy_that_gave_way_is_made_again", a_copy_that_gave_way_is_made_again),
        ("a_myisam_copy_gives_way_to_writers", a_myisam_copy_gives_way_to_writers),
        ("without_the_right_to_look_nothing_changes", without_the_right_to_look_nothing_changes),
        ("a_direct_read_gives_way", a_direct_read_gives_way),
    ];
    for flavour in FLAVOURS {
        for (name, case) in cases {
            add(
                format!("srv_watch::{name}::{}", short(flavour)),
                Box::new(move |servers| case(&Site::new(servers, flavour, flavour))),
            );
        }
        add(
            format!("srv_watch::a_copy_gives_way_to_a_backup::{}", short(flavour)),
            Box::new(move |servers| {
                let source = Server::start(flavour, &Options::default()).unwrap();
                a_copy_gives_way_to_a_backup(&Site::between(&source, servers.target(flavour)));
            }),
        );
    }
}

/// A table without a key, and with a rule whose values take long to compute. Its name is its workspace's mark, and
/// tests share servers.
fn slow(site: &Site<'_>) -> String {
    format!("slow_{}", site.source_db)
}

fn prepare(site: &Site<'_>, rows: u32, engine: &str) {
    let mut conn = site.source_conn();
    let slow = slow(site);
    exec(&mut conn, &format!("CREATE TABLE {slow} (n INT NOT NULL, note MEDIUMTEXT) ENGINE={engine}"));
    exec(&mut conn, &format!("INSERT INTO {slow} VALUES (1, REPEAT('a', 30000))"));
    let mut there = 1;
    while there < rows {
        exec(&mut conn, &format!("INSERT INTO {slow} SELECT n + {there}, note FROM {slow}"));
        there *= 2;
    }
    exec(&mut conn, &format!("ANALYZE TABLE {slow}"));
}

fn rules(site: &Site<'_>) -> String {
    let patterns: Vec<String> = (0..120).map(|at| format!("\"*ab{at}*\"")).collect();
    format!("[sanitize.{}]\nnote = {{ type = \"text\", exclude = [{}] }}\n", slow(site), patterns.join(", "))
}

/// An account that may serve, with these rights besides.
fn serving_account<'a>(site: &Site<'a>, more: &[&str]) -> Account<'a> {
    let mut grants = vec![READ, WORKSPACE];
    grants.extend(more);
    site.account(&grants)
}

fn serve(site: &Site<'_>, account: &Account<'_>) -> Serve {
    site.configure_server_as(
        &account.url(&site.source_db),
        "mask_at = \"copy\"\nmax_runs = 1\n",
        &rules(site),
    );
    site.serve()
}

/// Begins a run and waits until the long statement runs.
fn long_copy(site: &Site<'_>, http: &Http, others: &[&str]) -> String {
    let mut tables = vec![slow(site)];
    tables.extend(others.iter().map(|&name| name.to_owned()));
    let run = http.begin(&tables);
    let mut conn = site.source_conn();
    wait_for("the long statement", || running(&mut conn, &run, "INSERT INTO") == 1);
    run
}

/// How many statements of the run that begin so are running.
fn running(conn: &mut Conn, run: &str, begin: &str) -> u64 {
    conn.query_first(format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '/* backfill run={run} */ {begin}%'"
    ))
    .unwrap()
    .unwrap()
}

/// Nothing of the run is running, and its workspace is gone.
fn nothing_is_left(site: &Site<'_>, run: &str) {
    let mut conn = site.source_conn();
    assert_eq!(running(&mut conn, run, ""), 0);
    assert_eq!(workspaces_with(&mut conn, &slow(site)), Vec::<String>::new());
}

/// Lines that would alarm somebody who reads the log.
fn alarms(serve: &Serve) -> Vec<String> {
    let alarming = |line: &&str| line.contains("ERROR") || line.contains("WARN");
    let expected = |line: &&str| line.contains("streams were cut");
    serve.log().lines().filter(alarming).filter(|line| !expected(line)).map(str::to_owned).collect()
}

fn times_given_way(serve: &Serve) -> usize {
    serve.log().matches("the statement gives way").count()
}

/// A session of somebody else, who may alter tables and waits for so long.
fn migrator(site: &Site<'_>, patience: Duration) -> Conn {
    let mut conn = connect(site.source, &site.source_db);
    exec(&mut conn, &format!("SET SESSION lock_wait_timeout = {}", patience.as_secs()));
    conn
}

fn an_ended_run_ends_its_statements(site: &Site<'_>) {
    prepare(site, LONG, "InnoDB");
    let before = oracle::digest(&mut site.source_conn(), &slow(site), &[]);
    let account = serving_account(site, &[]);
    let mut serve = serve(site, &account);
    let http = Http::new(&serve);

    let run = long_copy(site, &http, &[]);
    let begun = Instant::now();
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    nothing_is_left(site, &run);

    let run = long_copy(site, &http, &[]);
    let begun = Instant::now();
    assert_eq!(serve.stop(), Some(0), "{}", serve.log());
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    nothing_is_left(site, &run);
    assert_eq!(alarms(&serve), Vec::<String>::new());
    assert_eq!(oracle::digest(&mut site.source_conn(), &slow(site), &[]), before);
}

/// The `UPDATE` that masks a copy is as long; it needs an account that may keep raw rows out of the binlog.
fn an_ended_run_ends_its_masking(site: &Site<'_>) {
    prepare(site, LONG, "InnoDB");
    site.configure_server("mask_at = \"update\"", &rules(site));
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&[slow(site)]);
    let mut conn = site.source_conn();
    wait_for("the masking", || running(&mut conn, &run, "UPDATE") == 1);
    let begun = Instant::now();
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    nothing_is_left(site, &run);
    assert_eq!(alarms(&serve), Vec::<String>::new());
}

/// A table that somebody has locked fails after a few seconds, while the long statement is running.
fn a_failed_table_ends_the_others(site: &Site<'_>) {
    prepare(site, LONG, "InnoDB");
    let mut locking = site.source_conn();
    exec(&mut locking, "CREATE TABLE locked (id INT PRIMARY KEY) ENGINE=InnoDB");
    let account = serving_account(site, &[]);
    let serve = serve(site, &account);
    let http = Http::new(&serve);
    exec(&mut locking, "LOCK TABLES locked WRITE");
    let run = long_copy(site, &http, &["locked"]);
    let begun = Instant::now();
    let status = http.finished(&run);
    let error = status.error.unwrap();
    assert_eq!(error.code, Code::SourceUnavailable, "{}", serve.log());
    assert!(error.error.contains("stayed locked"), "{}", error.error);
    assert!(serve.log().contains("1205"), "{}", serve.log());
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    nothing_is_left(site, &run);
}

fn whoever_waits_again_and_again_ends_the_run(site: &Site<'_>) {
    prepare(site, LONG, "InnoDB");
    let before = oracle::digest(&mut site.source_conn(), &slow(site), &[]);
    let account = serving_account(site, &[PROCESS]);
    let serve = serve(site, &account);
    let http = Http::new(&serve);
    let run = long_copy(site, &http, &[]);
    let mut migrator = migrator(site, BOUND);
    let mut altered = 0;
    let begun = Instant::now();
    while http.status(&run).phase == RunPhase::Running {
        // Fails when it has to wait for longer than the session waits.
        exec(&mut migrator, &format!("ALTER TABLE {} COMMENT 'number {altered}'", slow(site)));
        altered += 1;
        assert!(begun.elapsed() < 4 * BOUND, "{}", serve.log());
    }
    let error = http.status(&run).error.unwrap();
    assert_eq!(error.code, Code::SourceUnavailable, "{}", serve.log());
    for word in [&slow(site), "gave way", "waited for the table", "primary key", "exclude"] {
        assert!(error.error.contains(word), "{}", error.error);
    }
    assert_eq!(times_given_way(&serve), 3, "{}", serve.log());
    let mut conn = site.source_conn();
    nothing_is_left(site, &run);
    assert_eq!(oracle::digest(&mut conn, &slow(site), &[]), before);
}

/// The run completes, and every row arrives masked.
fn completes(site: &Site<'_>, http: &Http, run: &str) {
    http.complete(run);
    let dump = http.table(run, &slow(site));
    let rows: Option<u64> =
        site.source_conn().query_first(format!("SELECT COUNT(*) FROM {}", slow(site))).unwrap();
    assert_eq!(Some(dump.rows), rows);
    assert!(dump.batches.iter().all(|(_, sql)| !sql.contains("aaaaaaaaaaaa")), "raw text was served");
}

fn alter(site: &Site<'_>, migrator: &mut Conn) {
    exec(migrator, &format!("ALTER TABLE {} COMMENT 'changed'", slow(site)));
}

fn a_copy_that_gave_way_is_made_again(site: &Site<'_>) {
    gives_way_once(site, "InnoDB", |migrator| alter(site, migrator));
}

fn a_myisam_copy_gives_way_to_writers(site: &Site<'_>) {
    gives_way_once(site, "MyISAM", |writer| {
        exec(writer, &format!("UPDATE {} SET n = n + 1 LIMIT 1", slow(site)));
    });
}

fn a_copy_gives_way_to_a_backup(site: &Site<'_>) {
    gives_way_once(site, "InnoDB", |backup| {
        exec(backup, "FLUSH TABLES WITH READ LOCK");
        exec(backup, "UNLOCK TABLES");
    });
}

fn gives_way_once(site: &Site<'_>, engine: &str, other: impl FnOnce(&mut Conn)) {
    prepare(site, SHORT, engine);
    let account = serving_account(site, &[PROCESS]);
    let serve = serve(site, &account);
    let http = Http::new(&serve);
    let run = long_copy(site, &http, &[]);
    other(&mut migrator(site, BOUND));
    completes(site, &http, &run);
    assert_eq!(times_given_way(&serve), 1, "{}", serve.log());
    assert_eq!(alarms(&serve), Vec::<String>::new());
}

fn without_the_right_to_look_nothing_changes(site: &Site<'_>) {
    prepare(site, SHORT, "InnoDB");
    let account = serving_account(site, &[]);
    let serve = serve(site, &account);
    let http = Http::new(&serve);
    let run = long_copy(site, &http, &[]);
    // It waits for the whole statement.
    alter(site, &mut migrator(site, 10 * BOUND));
    completes(site, &http, &run);
    assert_eq!(times_given_way(&serve), 0, "{}", serve.log());
    assert_eq!(alarms(&serve), Vec::<String>::new());
}

/// A direct read that has handed rows on is not begun again: it fails.
fn a_direct_read_gives_way(site: &Site<'_>) {
    large_table(&mut site.source_conn(), "direct");
    let statements = Arc::new(Statements::default());
    let endpoint = site.source.endpoint(&site.source_db);
    let mut reader = Reader::open(&endpoint, "test", &statements).unwrap();
    let list = ["id", "pad"].map(|name| format!("`{name}`")).into();
    let select = Select::all(TableName::qualified(site.source_db.as_str(), "direct"), list);
    let read = std::thread::scope(|scope| {
        watch::during(&statements, || {
            reader.read(&select, |rows| {
                let mut count = 0;
                while rows.next_row()?.is_some() {
                    if count == 0 {
                        scope.spawn(|| {
                            exec(&mut migrator(site, BOUND), "ALTER TABLE direct COMMENT 'changed'");
                        });
                    }
                    count += 1;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(count)
            })
        })
    });
    let error = read.unwrap_err();
    assert!(watch::gave_way(&error) && error.is_retryable(), "{error}");
    assert!(error.hint_text().unwrap().contains("primary key"));
    // The connection is as good as before.
    let one = Select { limit: Some(1), ..select };
    let count = reader.read(&one, |rows| Ok(rows.next_row()?.into_iter().count())).unwrap();
    assert_eq!(count, 1);
    statements.end();
    assert!(reader.read(&one, |_| Ok(())).is_err(), "an ended run reads no more");
}
