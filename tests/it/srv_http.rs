//! Asks a `backfill serve` over HTTP, as any client could, and reads what it streams.

use crate::harness::{Serve, Site, TOKEN, comes_true};
use backfill::error::Error;
use backfill::wire::api::{Code, ErrorBody, RunPhase, RunStatus};
use backfill::wire::frame::{Caps, Event, FrameReader, HEADER_BYTES_MAX, Scope};
use backfill::wire::manifest::Manifest;
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::{Value, json};
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use ureq::Agent;

/// Lines of a server's log that a failed test shows.
const LOG_LINES: usize = 100;

/// One server.
pub struct Http {
    agent: Agent,
    /// Before every path.
    pub base: String,
    /// The server's log: answers to callers say that it tells why.
    log: Arc<Mutex<String>>,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The connection ended before the body did.
    pub cut: bool,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The code of an error answer whose status fits the code.
    pub fn code(&self) -> Code {
        let body: ErrorBody =
            serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no error: {}", self.text()));
        assert_eq!(self.status, body.code.status(), "{}", self.text());
        assert!(!body.error.is_empty() && !body.request_id.is_empty(), "{}", self.text());
        body.code
    }
}

impl Http {
    pub fn new(serve: &Serve) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .max_idle_connections(0)
            .build();
        Self { agent: config.into(), base: format!("{}/api/backfill", serve.url), log: serve.log_handle() }
    }

    /// The log's last lines.
    fn log(&self) -> String {
        let log = self.log.lock().unwrap();
        let from = log.lines().count().saturating_sub(LOG_LINES);
        log.lines().skip(from).collect::<Vec<_>>().join("\n")
    }

    /// The answer, if it has this status.
    fn expect(&self, answer: Answer, status: u16) -> Answer {
        assert_eq!(answer.status, status, "{}\nserver:\n{}", answer.text(), self.log());
        answer
    }

    /// A request with any method, headers and body.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}/{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = match method {
            "POST" | "PUT" | "PATCH" => self.agent.run(request.body(body).unwrap()),
            _ => self.agent.run(request.body(()).unwrap()),
        }
        .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut body = Vec::new();
        let cut = answer.body_mut().as_reader().read_to_end(&mut body).is_err();
        Answer { status: answer.status().as_u16(), headers, body, cut }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("Authorization", &bearer())], b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        self.ask("POST", path, &[("Authorization", &bearer()), ("Content-Type", "application/json")], &body)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[("Authorization", &bearer())], b"")
    }

    pub fn manifest(&self) -> Manifest {
        let answer = self.expect(self.get("manifest"), 200);
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Names of all tables that are served.
    pub fn tables(&self) -> Vec<String> {
        self.manifest().tables.into_iter().map(|entry| entry.table.name).collect()
    }

    /// Begins a run; gives its id.
    pub fn begin(&self, tables: &[impl AsRef<str>]) -> String {
        let tables: Vec<Value> = tables.iter().map(|name| json!({"name": name.as_ref()})).collect();
        let answer = self.expect(self.post("runs", &json!({"tables": tables})), 201);
        answer.json()["run"].as_str().unwrap().to_owned()
    }

    pub fn status(&self, run: &str) -> RunStatus {
        let answer = self.expect(self.get(&format!("runs/{run}")), 200);
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Waits until the run does not go on any more.
    pub fn finished(&self, run: &str) -> RunStatus {
        let ends = comes_true(|| self.status(run).phase != RunPhase::Running);
        assert!(ends, "the run does not end\nserver:\n{}", self.log());
        self.status(run)
    }

    /// Waits until all tables are read; panics when the run failed.
    pub fn complete(&self, run: &str) -> RunStatus {
        let status = self.finished(run);
        assert_eq!(status.phase, RunPhase::Complete, "{:?}\nserver:\n{}", status.error, self.log());
        status
    }

    /// The bytes of one table's stream.
    pub fn stream(&self, run: &str, table: &str) -> Vec<u8> {
        let answer = self.expect(self.get(&format!("dump/{}?run={run}", encoded(table))), 200);
        answer.body
    }

    /// One table of a run, checked and decoded.
    pub fn table(&self, run: &str, table: &str) -> Dump {
        decode(table, Scope::Table, &self.stream(run, table)).unwrap()
    }

    /// The bytes of one chunk.
    pub fn chunk(&self, run: &str, table: &str, chunk: u32) -> Vec<u8> {
        let answer = self.expect(self.get(&format!("dump/{}?run={run}&chunk={chunk}", encoded(table))), 200);
        answer.body
    }

    /// An answer that is read at the caller's pace.
    pub fn open(&self, path: &str) -> impl Read + use<> {
        let answer =
            self.agent.get(format!("{}/{path}", self.base)).header("Authorization", bearer()).call().unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().into_reader()
    }
}

pub fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

/// A name as a path segment.
pub fn encoded(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A stream that agreed with itself.
#[derive(Debug)]
pub struct Dump {
    /// Each batch: its chunk and its statement.
    pub batches: Vec<(u32, String)>,
    pub rows: u64,
    /// Rows that the last batches take back.
    pub removed: u64,
}

/// Reads a stream with every check that a client makes.
pub fn decode(table: &str, scope: Scope, bytes: &[u8]) -> Result<Dump, Error> {
    let caps = Caps { batch_bytes_max: 128 << 20, header_bytes_max: HEADER_BYTES_MAX };
    let mut reader = FrameReader::new(bytes, table, scope, caps)?;
    let mut batches = Vec::new();
    let mut removed = 0;
    loop {
        match reader.next_event()? {
            Event::Batch { chunk, sql, .. } => {
                batches.push((chunk, String::from_utf8(sql.to_vec()).unwrap()));
            }
            Event::Removal { chunk, removes, sql } => {
                removed += removes.rows;
                batches.push((chunk, String::from_utf8(sql.to_vec()).unwrap()));
            }
            Event::Wait(_) => {}
            Event::End { rows, .. } => return Ok(Dump { batches, rows, removed }),
        }
    }
}

/// Runs the statements of a dump in the schema of `conn`.
pub fn load(conn: &mut Conn, dump: &Dump) {
    conn.query_drop("SET FOREIGN_KEY_CHECKS = 0").unwrap();
    for (_, sql) in &dump.batches {
        conn.query_drop(sql)
            .unwrap_or_else(|error| panic!("{error}: {}", sql.chars().take(300).collect::<String>()));
        // Notes come from generated columns that the target computes anew.
        let warnings: Vec<(String, u16, String)> = conn.query("SHOW WARNINGS").unwrap();
        assert!(warnings.iter().all(|(level, ..)| level == "Note"), "{warnings:?}");
    }
}

/// Serves with these rules and loads every table into the target schema, without a client.
pub fn load_all(site: &Site<'_>, mask_at: &str, rules: &str) {
    site.structure_to_target();
    site.configure_server(&format!("mask_at = \"{mask_at}\""), rules);
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&http.tables());
    http.complete(&run);
    let mut target = site.target_conn();
    for table in http.tables() {
        load(&mut target, &http.table(&run, &table));
    }
    http.delete(&format!("runs/{run}"));
}
