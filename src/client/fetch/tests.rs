//! Fetching from a server that lives in this file, into a target that does too.

use super::*;
use crate::client::Interrupt;
use crate::client::retry::DAMAGED_MAX;
use crate::wire::api::{Code, ErrorBody, TablePhase, TableStatus};
use crate::wire::frame::{FrameId, Packer, Removes, Totals};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How long attempts go on.
const PATIENCE: Duration = Duration::from_secs(2);

/// The stream of a chunk whose rows are `(from)` to `(to - 1)`, two to a batch.
fn chunk_stream(table: &str, chunk: u32, from: u64, to: u64) -> Vec<u8> {
    let mut packer = Packer::new(1).unwrap();
    let mut frames = vec![packer.session(table, chunk).unwrap()];
    let numbers: Vec<u64> = (from..to).collect();
    for (at, rows) in numbers.chunks(2).enumerate() {
        let values: Vec<String> = rows.iter().map(|n| format!("({n})")).collect();
        let sql = format!("INSERT INTO `{table}` (`id`) VALUES\n{};\n", values.join(",\n"));
        let id = FrameId { table, chunk, seq: u32::try_from(at).unwrap() + 1 };
        frames.push(packer.batch(id, rows.len() as u64, sql.as_bytes()).unwrap());
    }
    let mut totals = Totals::new();
    let mut bytes = Vec::new();
    for frame in frames {
        totals.add(frame.rows, &frame.digest);
        bytes.extend_from_slice(&frame.bytes);
    }
    bytes.extend_from_slice(&totals.end().unwrap());
    bytes
}

/// What goes wrong with a request for a chunk.
type Fault = Box<dyn Fn(Vec<u8>) -> Result<Vec<u8>> + Send + Sync>;

/// Tables of `chunks` chunks with three rows each.
struct Server {
    tables: Vec<(String, u32)>,
    rows_claimed: u64,
    steps: Mutex<Vec<RunStatus>>,
    faults: Mutex<HashMap<(String, u32), Vec<Fault>>>,
    /// Rows that the last chunk of each table takes back, as the status tells it.
    removed: u64,
    requests: AtomicU32,
    cut: AtomicBool,
    hangs: bool,
    /// What the target has of each table from an earlier pull.
    loaded: (u32, Loaded),
}

impl Server {
    fn new(tables: &[(&str, u32)]) -> Self {
        Self {
            tables: tables.iter().map(|&(name, chunks)| (name.to_owned(), chunks)).collect(),
            rows_claimed: 3,
            steps: Mutex::default(),
            faults: Mutex::default(),
            removed: 0,
            requests: AtomicU32::new(0),
            cut: AtomicBool::new(false),
            hangs: false,
            loaded: Default::default(),
        }
    }

    fn fault(
        self,
        table: &str,
        chunk: u32,
        fault: impl Fn(Vec<u8>) -> Result<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.faults.lock().unwrap().entry((table.to_owned(), chunk)).or_default().push(Box::new(fault));
        self
    }

    fn state(&self, version: u64, phase: RunPhase, chunks: impl Fn(u32) -> u32) -> RunStatus {
        let tables = self.tables.iter().map(|(name, all)| TableStatus {
            name: name.clone(),
            phase: if chunks(*all) == *all { TablePhase::Done } else { TablePhase::Dump },
            rows: u64::from(*all) * self.rows_claimed,
            removed: if chunks(*all) == *all { self.removed } else { 0 },
            chunks: chunks(*all),
            checkpoint: None,
        });
        RunStatus { run: "r".into(), version, phase, tables: tables.collect(), error: None, snapshot: None }
    }
}

impl Upstream for Server {
    fn status(&self, seen: u64) -> Result<RunStatus> {
        if self.hangs && seen > 0 {
            while !self.cut.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            return Err(Error::new(Kind::Remote, "cut").retryable());
        }
        if let Some(step) = self.steps.lock().unwrap().pop() {
            return Ok(step);
        }
        Ok(match seen {
            0 => self.state(1, RunPhase::Running, |all| all.min(1)),
            _ => self.state(2, RunPhase::Complete, |all| all),
        })
    }

    fn chunk(&self, table: &str, chunk: u32) -> Result<Box<dyn Read + Send>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let from = u64::from(chunk) * 3;
        let bytes = chunk_stream(table, chunk, from, from + 3);
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            faults.get_mut(&(table.to_owned(), chunk)).and_then(Vec::pop)
        };
        let bytes = match fault {
            Some(fault) => fault(bytes)?,
            None => bytes,
        };
        Ok(Box::new(std::io::Cursor::new(bytes)))
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

/// What all connections of the target share: rows that were committed.
#[derive(Default)]
struct Target {
    rows: Mutex<BTreeMap<String, Vec<String>>>,
    chunks: Mutex<Vec<(String, u32, Loaded)>>,
    /// How many commits are done and yet answered with an error.
    lost_commits: AtomicU32,
    refused: AtomicBool,
}

#[derive(Default)]
struct Connection {
    target: Arc<Target>,
    open: Vec<String>,
    going: Vec<String>,
}

impl Sink for Connection {
    fn begin(&mut self, table: &FetchTable, chunk: u32) -> Result<Option<Loaded>> {
        assert!(self.open.is_empty(), "a chunk was left open");
        let chunks = self.target.chunks.lock().unwrap();
        Ok(chunks.iter().find(|(name, n, _)| *name == table.name && *n == chunk).map(|(.., loaded)| *loaded))
    }

    fn load(&mut self, table: &FetchTable, values: &str, rows: u64) -> Result<()> {
        if table.name == "bad" && self.target.refused.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Target, "the disk is full"));
        }
        if table.name == "narrow" {
            return Err(Error::integrity("the target changed values"));
        }
        assert_eq!(values.matches('(').count() as u64, rows);
        self.open.extend(values.split(",\n").map(|row| row.trim_end_matches(";\n").to_owned()));
        Ok(())
    }

    fn remove(&mut self, _: &FetchTable, removal: &Removal<'_>) -> Result<()> {
        assert_eq!(removal.columns, ["id"]);
        let values = removal.values.strip_suffix(");\n").unwrap();
        self.going.extend(values.split(",\n").map(str::to_owned));
        Ok(())
    }

    fn commit(&mut self, table: &FetchTable, chunk: u32) -> Result<()> {
        let loaded = Loaded { rows: self.open.len() as u64, removed: self.going.len() as u64 };
        let mut rows = self.target.rows.lock().unwrap();
        let of_table = rows.entry(table.name.clone()).or_default();
        of_table.append(&mut self.open);
        of_table.retain(|row| !self.going.contains(row));
        self.going.clear();
        self.target.chunks.lock().unwrap().push((table.name.clone(), chunk, loaded));
        let lost = |n: u32| n.checked_sub(1);
        match self.target.lost_commits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lost) {
            Ok(_) => Err(Error::new(Kind::Target, "the database connection broke").retryable()),
            Err(_) => Ok(()),
        }
    }

    fn roll_back(&mut self) -> Result<()> {
        self.going.clear();
        self.open.clear();
        Ok(())
    }

    fn restart(&mut self, table: &FetchTable) -> Result<()> {
        assert!(!table.transactional, "only what cannot be rolled back is emptied");
        self.target.rows.lock().unwrap().remove(&table.name);
        self.target.chunks.lock().unwrap().retain(|(name, ..)| *name != table.name);
        Ok(())
    }
}

/// Counts rows as a bar would.
#[derive(Default)]
struct Counter(Mutex<BTreeMap<String, i64>>);

impl Progress for Counter {
    fn step(&self, _: u32, _: u32, _: &str) {}
    fn loading(&self, _: u64) {}
    fn server(&self, _: &str) {}
    fn rows(&self, table: &str, rows: i64) {
        *self.0.lock().unwrap().entry(table.to_owned()).or_default() += rows;
    }
    fn table_done(&self, table: &str, rows: u64) {
        let counted = self.0.lock().unwrap().get(table).copied().unwrap_or(0);
        assert_eq!(counted, i64::try_from(rows).unwrap());
    }
    fn loaded(&self) {}
    fn note(&self, _: &str) {}
}

fn run(server: &Server, target: &Arc<Target>, interrupt: &Interrupt) -> Result<Vec<Fetched>> {
    let result = run_to_its_end(server, target, interrupt);
    assert_eq!(server.cut.load(Ordering::Relaxed), result.is_err(), "connections are cut on failure only");
    result
}

fn run_to_its_end(server: &Server, target: &Arc<Target>, interrupt: &Interrupt) -> Result<Vec<Fetched>> {
    let tables: Vec<FetchTable> = server
        .tables
        .iter()
        .map(|(name, chunks)| FetchTable {
            name: name.clone(),
            target_name: name.clone(),
            columns: vec!["id".into()],
            target_columns: vec!["id".into()],
            bytes_estimate: u64::from(*chunks),
            transactional: name != "myisam",
            after: None,
            loaded: server.loaded,
        })
        .collect();
    let sinks = (0..3)
        .map(|_| {
            Box::new(Connection { target: Arc::clone(target), ..Connection::default() }) as Box<dyn Sink>
        })
        .collect();
    let progress = Counter::default();
    let work = Fetch {
        upstream: server,
        tables: &tables,
        batch_bytes_max: 1 << 20,
        progress: &progress,
        patience: &Patience::new(PATIENCE, &progress, interrupt),
        may_go_on: &|| interrupt.check(),
        snapshot: &OnceLock::new(),
    };
    fetch(work, sinks)
}

fn fetched(name: &str, rows: u64) -> Fetched {
    Fetched { name: name.into(), rows, removed: 0, checkpoint: None }
}

fn numbers(count: u64) -> Vec<String> {
    (0..count).map(|n| format!("({n})")).collect()
}

#[test]
fn every_chunk_arrives_once_and_in_order() {
    let server = Server::new(&[("users", 4), ("posts", 1), ("empty", 0)]);
    let target = Arc::default();
    let totals = run(&server, &target, &Interrupt::default()).unwrap();
    assert_eq!(totals, [fetched("users", 12), fetched("posts", 3), fetched("empty", 0)]);
    let rows = target.rows.lock().unwrap();
    assert_eq!((&rows["users"], &rows["posts"]), (&numbers(12), &numbers(3)));
    assert_eq!(server.requests.load(Ordering::Relaxed), 5);
}

#[test]
fn a_damaged_or_cut_chunk_is_fetched_again() {
    let flip = |mut bytes: Vec<u8>| {
        let at = bytes.len() - 40;
        bytes[at] ^= 1;
        Ok(bytes)
    };
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() / 2);
        Ok(bytes)
    };
    let server = Server::new(&[("users", 2), ("posts", 1)]).fault("users", 1, flip).fault("users", 1, cut);
    let server = server.fault("posts", 0, |_| Err(Error::new(Kind::Remote, "502").retryable()));
    let target = Arc::default();
    run(&server, &target, &Interrupt::default()).unwrap();
    assert_eq!(target.rows.lock().unwrap()["users"], numbers(6));
    assert_eq!(server.requests.load(Ordering::Relaxed), 3 + 3);
}

#[test]
fn the_third_damage_of_a_chunk_is_final() {
    let mut server = Server::new(&[("users", 1)]);
    for _ in 0..4 {
        server = server.fault("users", 0, |mut bytes| {
            let at = bytes.len() - 40;
            bytes[at] ^= 1;
            Ok(bytes)
        });
    }
    let error = run(&server, &Arc::default(), &Interrupt::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
    assert!(error.what().starts_with("loading chunk 0 of `users`"), "{error}");
    assert_eq!(server.requests.load(Ordering::Relaxed), DAMAGED_MAX);
}

#[test]
fn a_chunk_that_never_gets_further_is_given_up_in_time() {
    let mut server = Server::new(&[("users", 1)]);
    for _ in 0..10_000 {
        server = server.fault("users", 0, |bytes| Ok(bytes[..bytes.len() - 1].to_vec()));
    }
    let error = run(&server, &Arc::default(), &Interrupt::default()).unwrap_err();
    assert!(error.is_retryable() && error.what().starts_with("loading chunk 0 of `users`"), "{error}");
    assert!(server.requests.load(Ordering::Relaxed) > 2);
}

#[test]
fn a_table_that_cannot_be_rolled_back_is_loaded_again_as_a_whole() {
    let cut = |bytes: Vec<u8>| Ok(bytes[..bytes.len() - 1].to_vec());
    let server = Server::new(&[("myisam", 3)]).fault("myisam", 2, cut).fault("myisam", 1, cut);
    let target = Arc::default();
    let totals = run(&server, &target, &Interrupt::default()).unwrap();
    assert_eq!(totals, [fetched("myisam", 9)]);
    assert_eq!(target.rows.lock().unwrap()["myisam"], numbers(9));
    assert_eq!(server.requests.load(Ordering::Relaxed), 2 + 3 + 3);
}

#[test]
fn a_table_that_is_loaded_again_and_again_ends_too() {
    let mut server = Server::new(&[("myisam", 2)]);
    for _ in 0..10_000 {
        server = server.fault("myisam", 1, |bytes| Ok(bytes[..bytes.len() - 1].to_vec()));
    }
    assert!(run(&server, &Arc::default(), &Interrupt::default()).unwrap_err().is_retryable());
}

#[test]
fn only_what_is_missing_is_fetched() {
    let server = Server { loaded: (2, Loaded { rows: 6, removed: 0 }), ..Server::new(&[("users", 3)]) };
    server.steps.lock().unwrap().push(server.state(2, RunPhase::Complete, |all| all));
    let target = Arc::default();
    let totals = run(&server, &target, &Interrupt::default()).unwrap();
    assert_eq!(totals, [fetched("users", 9)]);
    assert_eq!(target.rows.lock().unwrap()["users"], numbers(9)[6..]);
    assert_eq!(server.requests.load(Ordering::Relaxed), 1);
}

#[test]
fn rows_that_the_target_changes_are_not_tried_again() {
    let server = Server::new(&[("narrow", 1)]);
    let error = run(&server, &Arc::default(), &Interrupt::default()).unwrap_err();
    assert!(error.what().contains("changed values"), "{error}");
    assert_eq!(server.requests.load(Ordering::Relaxed), 1);
}

#[test]
fn a_commit_whose_answer_was_lost_is_not_loaded_twice() {
    let server = Server::new(&[("users", 2)]);
    let target = Arc::new(Target { lost_commits: AtomicU32::new(1), ..Target::default() });
    let totals = run(&server, &target, &Interrupt::default()).unwrap();
    assert_eq!(totals, [fetched("users", 6)]);
    assert_eq!(target.rows.lock().unwrap()["users"], numbers(6));
}

/// The stream of chunk 1 of `users`, which takes rows back.
fn removal_stream(columns: &[&str], rows: u64, sql: &str) -> Vec<u8> {
    let mut packer = Packer::new(1).unwrap();
    let removes = Removes { columns: columns.iter().map(ToString::to_string).collect(), rows };
    let id = FrameId { table: "users", chunk: 1, seq: 1 };
    let frames = [packer.session("users", 1).unwrap(), packer.removal(id, &removes, sql.as_bytes()).unwrap()];
    let mut totals = Totals::new();
    let mut bytes = Vec::new();
    for frame in frames {
        totals.add(frame.rows, &frame.digest);
        bytes.extend_from_slice(&frame.bytes);
    }
    bytes.extend_from_slice(&totals.end().unwrap());
    bytes
}

fn with_removal(claimed: u64, stream: &[u8]) -> Server {
    let mut server = Server { removed: claimed, ..Server::new(&[("users", 2)]) };
    // Three rows in the one chunk that has some.
    server.steps = Mutex::new(vec![server.state(2, RunPhase::Complete, |all| all)]);
    server.steps.lock().unwrap()[0].tables[0].rows = 3;
    for _ in 0..DAMAGED_MAX {
        let stream = stream.to_vec();
        server = server.fault("users", 1, move |_| Ok(stream.clone()));
    }
    server
}

#[test]
fn rows_that_the_server_takes_back_are_gone_and_counted() {
    let two = removal_stream(&["id"], 2, "DELETE FROM `users` WHERE (`id`) IN (\n(0),\n(2));\n");
    let target = Arc::new(Target { lost_commits: AtomicU32::new(2), ..Target::default() });
    let totals = run(&with_removal(2, &two), &target, &Interrupt::default()).unwrap();
    assert_eq!(totals, [Fetched { name: "users".into(), rows: 1, removed: 2, checkpoint: None }]);
    assert_eq!(target.rows.lock().unwrap()["users"], ["(1)"]);
}

#[test]
fn a_removal_that_is_not_what_it_should_be_is_refused() {
    let good = "DELETE FROM `users` WHERE (`id`) IN (\n(0));\n";
    for (claimed, columns, rows, sql) in [
        (2, &["id"][..], 1, good),
        (0, &["id"], 1, good),
        (1, &["name"], 1, "DELETE FROM `users` WHERE (`name`) IN (\n(0));\n"),
        (1, &["id", "id"], 1, "DELETE FROM `users` WHERE (`id`,`id`) IN (\n(0,0));\n"),
        (1, &["id"], 1, "DELETE FROM `posts` WHERE (`id`) IN (\n(0));\n"),
        (1, &["id"], 1, "DELETE FROM `users`;\n"),
        (1, &["id"], 1, "DELETE FROM `users` WHERE (`id`) IN (\n(0)) OR (1);\n"),
        (1, &["id"], 1, "DELETE FROM `users` WHERE (`id`) IN (\n(0),\n(1));\n"),
        (1, &["id"], 1, "INSERT INTO `users` (`id`) VALUES\n(9);\n"),
    ] {
        let server = with_removal(claimed, &removal_stream(columns, rows, sql));
        let error = run_to_its_end(&server, &Arc::default(), &Interrupt::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Integrity, "{sql}");
    }
}

#[test]
fn the_first_error_stops_everybody_and_is_the_one_told() {
    let server = Server { hangs: true, ..Server::new(&[("users", 4), ("bad", 3)]) };
    let target = Arc::new(Target { refused: AtomicBool::new(true), ..Target::default() });
    let error = run(&server, &target, &Interrupt::default()).unwrap_err();
    assert_eq!((error.kind(), error.what()), (Kind::Target, "loading chunk 0 of `bad`: the disk is full"));
}

#[test]
fn rows_that_the_scan_refuses_are_not_loaded() {
    let server = Server::new(&[("users", 1)]);
    for _ in 0..DAMAGED_MAX {
        server.faults.lock().unwrap().entry(("users".into(), 0)).or_default().push(Box::new(|_| {
            let mut packer = Packer::new(1).unwrap();
            let mut totals = Totals::new();
            let sql = b"INSERT INTO `users` (`id`) VALUES\n(sleep(1));\n";
            let id = FrameId { table: "users", chunk: 0, seq: 1 };
            let frames = [packer.session("users", 0).unwrap(), packer.batch(id, 1, sql).unwrap()];
            let mut bytes = Vec::new();
            for frame in frames {
                totals.add(frame.rows, &frame.digest);
                bytes.extend(frame.bytes);
            }
            bytes.extend(totals.end().unwrap());
            Ok(bytes)
        }));
    }
    let target = Arc::default();
    let error = run(&server, &target, &Interrupt::default()).unwrap_err();
    assert!(error.what().contains("not plain rows"), "{error}");
    assert!(target.rows.lock().unwrap().is_empty());
}

#[test]
fn a_signal_ends_it() {
    let server = Server { hangs: true, ..Server::new(&[("users", 2)]) };
    let interrupt = Interrupt::default();
    let other = interrupt.clone();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&server, &Arc::default(), &interrupt));
        while server.requests.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        other.raise(15);
        assert_eq!(running.join().unwrap().unwrap_err().kind(), Kind::Interrupted(15));
    });
}

#[test]
fn a_failed_run_is_told_with_the_servers_words() {
    let server = Server::new(&[("users", 1)]);
    let error =
        ErrorBody { error: "table changed".into(), code: Code::SchemaChanged, request_id: "q7".into() };
    server
        .steps
        .lock()
        .unwrap()
        .push(RunStatus { error: Some(error), ..server.state(1, RunPhase::Failed, |_| 0) });
    let error = run(&server, &Arc::default(), &Interrupt::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Remote);
    assert!(error.what().contains("table changed") && error.what().contains("q7"), "{error}");
}

#[test]
fn fewer_rows_than_the_server_counted_is_an_error() {
    let server = Server { rows_claimed: 4, ..Server::new(&[("users", 2)]) };
    // The connections are cut on failure only, and this one is found out after a good end.
    let tables = [FetchTable {
        name: "users".into(),
        target_name: "users".into(),
        columns: vec!["id".into()],
        target_columns: vec!["id".into()],
        bytes_estimate: 1,
        transactional: true,
        after: None,
        loaded: Default::default(),
    }];
    let (progress, interrupt) = (Counter::default(), Interrupt::default());
    let work = Fetch {
        upstream: &server,
        tables: &tables,
        batch_bytes_max: 1 << 20,
        progress: &progress,
        patience: &Patience::new(PATIENCE, &progress, &interrupt),
        may_go_on: &|| Ok(()),
        snapshot: &OnceLock::new(),
    };
    let error = fetch(work, vec![Box::new(Connection::default())]).unwrap_err();
    assert!(error.what().contains("6 rows arrived, the server sent 8"), "{error}");
}

#[test]
fn a_run_that_is_complete_without_a_table_is_refused() {
    let server = Server::new(&[("users", 2)]);
    server.steps.lock().unwrap().push(server.state(5, RunPhase::Complete, |_| 1));
    let error = run(&server, &Arc::default(), &Interrupt::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
}
