//! Tables without a key under strategy `select`: one statement reads each, however large it is. It ends when a row of it
//! may not leave, it gives its rows away in many chunks, and it waits for its client only so long.

use crate::harness::{Add, FLAVOURS, Serve, Site, connect, exec, short, wait_for, wide_table};
use crate::oracle;
use crate::srv_http::{Http, load};
use backfill::wire::api::{Code, ErrorBody, RunPhase};
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub fn tests(add: &mut Add<'_>) {
    type Case = fn(&Site<'_>);
    let cases: [(&str, Case); 2] = [
        ("a_row_that_may_not_leave_ends_its_statement", a_row_that_may_not_leave_ends_its_statement),
        ("a_large_table_is_many_chunks", a_large_table_is_many_chunks),
    ];
    for flavour in FLAVOURS {
        for (name, case) in cases {
            add(
                format!("srv_unkeyed::{name}::{}", short(flavour)),
                Box::new(move |servers| case(&Site::new(servers, flavour, flavour))),
            );
        }
    }
}

fn serve(site: &Site<'_>, server: &str, rest: &str) -> Serve {
    site.configure_server(&format!("temp_strategy = \"select\"\n{server}"), rest);
    site.serve()
}

/// How many statements of the run are running.
fn running(conn: &mut Conn, run: &str) -> u64 {
    conn.query_first(format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '/* backfill run={run} */%'"
    ))
    .unwrap()
    .unwrap()
}

/// The first row may not leave, and the last ones take about a second each: there are many patterns, and the text begins
/// like them everywhere. Those between are for the server, which tries masks on the first thousand rows.
fn a_row_that_may_not_leave_ends_its_statement(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(
        &mut conn,
        "CREATE TABLE slow (n INT NOT NULL, mail VARCHAR(90), pad MEDIUMTEXT, note MEDIUMTEXT) ENGINE=InnoDB",
    );
    exec(&mut conn, "INSERT INTO slow VALUES (1, 'canary@real.de', REPEAT('-', 40000), '')");
    exec(&mut conn, "INSERT INTO slow VALUES (2, NULL, '', '')");
    for _ in 0..10 {
        exec(&mut conn, "INSERT INTO slow SELECT n + 1, mail, pad, note FROM slow WHERE n > 1");
    }
    // The pad fills what the server collects before it sends.
    exec(
        &mut conn,
        "INSERT INTO slow SELECT n, mail, REPEAT('-', 40000), REPEAT('a', 20000) FROM slow LIMIT 256 OFFSET 1",
    );
    let begin = "a".repeat(60);
    let patterns: Vec<String> = (0..80).map(|at| format!("{{column}} LIKE '%{begin}b{at}%'")).collect();
    let rules = format!(
        "[sanitize.slow]\nnote = {{ type = \"sql\", expression = \"IF({}, 'x', 'y')\" }}\n",
        patterns.join(" OR ")
    );
    let checked = "[privacy]\nleak_check = true\nleak_check_except = [\"slow.pad\"]\n";
    let unchecked = serve(site, "", &rules);
    let small = json!({"tables": [{"name": "slow"}], "batch_bytes": 32768});
    let error = ends_early(site, &unchecked, &small);
    assert_eq!(error.code, Code::RowTooLarge, "{}", unchecked.log());
    assert!(error.error.contains("table `slow`"), "{}", error.error);
    drop(unchecked);

    let checked = serve(site, "", &format!("{checked}{rules}"));
    let error = ends_early(site, &checked, &json!({"tables": [{"name": "slow"}]}));
    assert_eq!(error.code, Code::LeakFound, "{}", checked.log());
    for words in [
        "table `slow`: the leak check found in the first ",
        "an e-mail address in 1 cell of column `mail`",
        "may hold more",
    ] {
        assert!(error.error.contains(words), "{}", error.error);
    }
}

/// A run fails long before its table could be read, and leaves no statement behind.
fn ends_early(site: &Site<'_>, serve: &Serve, wanted: &Value) -> ErrorBody {
    let http = Http::new(serve);
    let run = http.post("runs", wanted).json()["run"].as_str().unwrap().to_owned();
    let status = http.finished(&run);
    assert_eq!(status.tables[0].chunks, 0, "{}", serve.log());
    assert_eq!(running(&mut site.source_conn(), &run), 0, "{}", serve.log());
    status.error.unwrap()
}

/// A table of 40 MB without a key.
fn heap(conn: &mut Conn) {
    wide_table(conn, "heap", 13);
    exec(conn, "ALTER TABLE heap MODIFY id INT NOT NULL, DROP PRIMARY KEY");
}

const RULES: &str = "[privacy]\npolicy = \"open\"\n";

fn a_large_table_is_many_chunks(site: &Site<'_>) {
    let mut conn = site.source_conn();
    heap(&mut conn);
    site.structure_to_target();
    a_client_that_takes_them_makes_room(site);
    a_client_that_does_not_ends_the_run(site);
    nobody_waits_for_the_client(site);
}

/// The table's stream is the table, in more than one chunk.
fn arrived(site: &Site<'_>, http: &Http, run: &str) {
    let dump = http.table(run, "heap");
    let chunks: BTreeSet<u32> = dump.batches.iter().map(|(chunk, _)| *chunk).collect();
    assert!(chunks.len() > 1, "{chunks:?}");
    let mut target = site.target_conn();
    exec(&mut target, "TRUNCATE heap");
    load(&mut target, &dump);
    let [sent, there] = [&mut target, &mut site.source_conn()].map(|conn| oracle::digest(conn, "heap", &[]));
    assert_eq!(sent, there);
}

/// The table is far larger than what may wait for the client.
const TIGHT: &str = "spool_max = \"2MiB\"\n";

fn a_client_that_takes_them_makes_room(site: &Site<'_>) {
    let serve = serve(site, TIGHT, RULES);
    let http = Http::new(&serve);
    let run = http.begin(&["heap"]);
    arrived(site, &http, &run);
    http.complete(&run);
}

fn a_client_that_does_not_ends_the_run(site: &Site<'_>) {
    let serve = serve(site, &format!("{TIGHT}stall_timeout = 1\n"), RULES);
    let http = Http::new(&serve);
    let run = http.begin(&["heap"]);
    let error = http.finished(&run).error.unwrap();
    assert_eq!(error.code, Code::ConfigInvalid, "{}", serve.log());
    for word in ["table `heap`", "server.spool_max", "1 MiB"] {
        assert!(error.error.contains(word), "{}", error.error);
    }
    assert_eq!(running(&mut site.source_conn(), &run), 0);
}

/// Whoever waits for the table does not wait for as long as the statement would for its client. What becomes of the run
/// depends on what the server had sent by then.
fn nobody_waits_for_the_client(site: &Site<'_>) {
    let serve = serve(site, TIGHT, RULES);
    let http = Http::new(&serve);
    let run = http.begin(&["heap"]);
    wait_for("a full spool", || http.status(&run).tables[0].chunks == 1);
    assert_eq!(http.status(&run).phase, RunPhase::Running, "{}", serve.log());
    let mut migrator = connect(site.source, &site.source_db);
    exec(&mut migrator, "SET SESSION lock_wait_timeout = 20");
    exec(&mut migrator, "ALTER TABLE heap COMMENT 'changed'");
    http.finished(&run);
    assert!(serve.log().contains("the statement gives way"), "{}", serve.log());
}
