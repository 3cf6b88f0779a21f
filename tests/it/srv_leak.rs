//! No value of a ruled column leaves the server: not in a stream, an answer, a log, an error, nor in the binlog.

use crate::fixture::{self, RULES};
use crate::harness::{Add, FLAVOURS, Serve, Site, exec, short};
use crate::srv_http::Http;
use backfill::wire::api::{Code, RunPhase};
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::json;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for mask_at in ["update", "copy"] {
            add(
                format!("srv_leak::no_canary_leaves_the_server::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| {
                    no_canary_leaves_the_server(&Site::new(servers, flavour, flavour), mask_at);
                }),
            );
        }
        add(
            format!("srv_leak::no_raw_value_reaches_the_binlog::{}", short(flavour)),
            Box::new(move |servers| no_raw_value_reaches_the_binlog(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// Everything that came out of the server, in the clear.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    fn add(&mut self, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((what.into(), bytes.into()));
    }

    fn expect_none_of(&self, canaries: &[&str]) {
        for (what, bytes) in &self.0 {
            for canary in canaries {
                let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
                for needle in [canary.to_lowercase(), hex] {
                    let lower = String::from_utf8_lossy(bytes).to_lowercase();
                    if let Some(at) = lower.find(&needle) {
                        let around: String =
                            lower[..at].chars().rev().take(80).collect::<Vec<_>>().iter().rev().collect();
                        panic!("`{canary}` in {what}, behind: {around}");
                    }
                }
            }
        }
    }
}

fn ask_for_everything(http: &Http, serve: &Serve, seen: &mut Seen) {
    seen.add("the manifest", http.get("manifest").body);
    let run = http.begin(&http.tables());
    let status = http.complete(&run);
    seen.add("the run's status", http.get(&format!("runs/{run}")).body);
    for table in &status.tables {
        let stream = http.stream(&run, &table.name);
        seen.add(format!("the stream of {}", table.name), zstd::decode_all(&stream[..]).unwrap());
        seen.add(format!("the frames of {}", table.name), stream);
    }
    seen.add("an answer to an unknown chunk", http.get(&format!("dump/users?run={run}&chunk=999")).body);
    http.delete(&format!("runs/{run}"));
    // A run that fails while it reads: the row does not fit.
    let small = json!({"tables": [{"name": "users"}, {"name": "blobs"}], "batch_bytes": 4096});
    let failed = http.post("runs", &small).json()["run"].as_str().unwrap().to_owned();
    let status = http.finished(&failed);
    assert_eq!(status.error.map(|error| error.code), Some(Code::RowTooLarge));
    seen.add("the status of a failed run", http.get(&format!("runs/{failed}")).body);
    seen.add("the stream of a failed run", http.get(&format!("dump/users?run={failed}")).body);
    http.delete(&format!("runs/{failed}"));
    seen.add("the log", serve.log());
}

fn no_canary_leaves_the_server(site: &Site<'_>, mask_at: &str) {
    let mut conn = site.source_conn();
    fixture::load(&mut conn, 300);
    // The key itself is ruled, in more rows than one range has.
    exec(
        &mut conn,
        "CREATE TABLE people (mail VARCHAR(120) NOT NULL, born INT NOT NULL, PRIMARY KEY (mail, born)) ENGINE=InnoDB",
    );
    exec(&mut conn, "INSERT INTO people SELECT CONCAT('canary-key-', id, email), id FROM users");
    for step in 0..4 {
        let born = format!("born + {}", 1000 << step);
        exec(&mut conn, &format!("INSERT INTO people SELECT CONCAT(mail, 'x', {born}), {born} FROM people"));
    }
    let rules = format!("{RULES}[sanitize.people]\nmail = \"email\"\n");
    site.configure_server(&format!("mask_at = \"{mask_at}\""), &rules);
    let serve = Serve::start(site.command("server").args(["-vv", "serve"]));
    let http = Http::new(&serve);
    let mut seen = Seen::default();
    ask_for_everything(&http, &serve, &mut seen);

    seen.add("the log at the end", serve.log());
    seen.expect_none_of(&["canary", "10.99.1.", "M\u{fc}ller"]);
    let users = seen.0.iter().find(|(what, _)| what == "the stream of users").unwrap();
    let users = String::from_utf8_lossy(&users.1);
    assert!(users.contains("anna10@yourcompany.com") && users.contains("User_300"), "excluded values stay");
}

fn no_raw_value_reaches_the_binlog(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let canary = format!("LEAK-of-{}-", site.source_db);
    exec(
        &mut conn,
        "CREATE TABLE people (mail VARCHAR(120) NOT NULL PRIMARY KEY, name VARCHAR(90) NOT NULL, n INT NOT NULL) ENGINE=InnoDB",
    );
    exec(&mut conn, &format!("INSERT INTO people VALUES ('{canary}0', '{canary}name', 0)"));
    for step in 0..13 {
        exec(
            &mut conn,
            &format!(
                "INSERT INTO people SELECT CONCAT('{canary}', n + {0}), name, n + {0} FROM people",
                1 << step
            ),
        );
    }
    let account = site
        .account(&["SELECT ON {db}.*", "SELECT, INSERT, UPDATE, CREATE, DROP ON `\\_backfill\\_temp\\_%`.*"]);
    exec(&mut conn, "FLUSH BINARY LOGS");
    let before = binlog_files(&mut conn);
    site.configure_server_as(
        &account.url(&site.source_db),
        "mask_at = \"update\"",
        "[sanitize.people]\nmail = \"email\"\nname = \"name\"\n",
    );
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["people"]);
    let status = http.complete(&run);
    assert_eq!((status.phase, status.tables[0].rows), (RunPhase::Complete, 8192));
    drop(serve);
    exec(&mut conn, "FLUSH BINARY LOGS");
    let mut written = Vec::new();
    for file in binlog_files(&mut conn).into_iter().filter(|file| !before[..before.len() - 1].contains(file))
    {
        written.extend(std::fs::read(&file).unwrap());
    }
    let holds = |needle: &str| memchr::memmem::find(&written, needle.as_bytes()).is_some();
    assert!(holds("@example.test") && holds("User_"), "the workspace was logged");
    assert!(!holds(&canary), "a raw value of a ruled column is in the binlog");
}

/// Paths of the server's binlog files, oldest first.
fn binlog_files(conn: &mut Conn) -> Vec<String> {
    let base: Option<String> = conn.query_first("SELECT @@log_bin_basename").unwrap();
    let base = base.unwrap();
    let folder = base.rsplit_once('/').unwrap().0;
    let rows: Vec<mysql::Row> = conn.query("SHOW BINARY LOGS").unwrap();
    rows.iter().map(|row| format!("{folder}/{}", row.get::<String, _>(0).unwrap())).collect()
}
