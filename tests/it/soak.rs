//! Many delta pulls in a row while the application writes and everything dies at random: the rows are the source's at
//! the end.
//!
//! `BACKFILL_SOAK_PULLS` says how many pulls, `BACKFILL_SOAK_SEED` which ones; a failure prints its seed. The seed
//! decides what is done; what it meets depends on the machine.

use crate::cli_common::{Out, leftovers, pull, structure};
use crate::cli_kill::{STAGING, SWAP, wait_for_connections_to_end};
use crate::extent::number;
use crate::harness::{Add, FLAVOURS, Serve, Servers, Site, short, wait_for};
use crate::oracle;
use crate::recover_link::Link;
use crate::soak_writers::{self as application, CANARY, DELTAS, KEYS, RULED, RULES, WHOLE, Writers};
use crate::subset_shape::Dice;
use crate::target_merge_kill::MERGE;
use backfill::fault::KILL_AT;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Pulls that end well, of each flavour.
const PULLS: u32 = 15;
const PULLS_WITH_DELETES: u32 = 8;
/// Moments of a run at which the server dies; without limits no rows are listed.
const RUN: [&str; 5] = ["run.begun", "table.sanitized", "table.read", "workspace.dropped", "rows.checked"];
/// Between these a pull has its deltas in and its whole tables not.
const WINDOW: [&str; 3] = ["merge.committed", "swap.triggers_dropped", "swap.renamed"];
/// What is told of a failure.
const TOLD: usize = 6;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (name, deletes) in [("deltas", false), ("deletes_and_full", true)] {
            add(
                format!("soak::{name}::{}", short(flavour)),
                Box::new(move |servers| soak(servers, flavour, deletes)),
            );
        }
    }
}

fn soak(servers: &Servers, flavour: Flavour, deletes: bool) {
    let asked: Option<u32> = number("BACKFILL_SOAK_PULLS");
    let pulls = match asked {
        // A soak for hours is of deltas.
        Some(asked) if !deletes => asked,
        _ if deletes => PULLS_WITH_DELETES,
        _ => PULLS,
    };
    // A test tries the same each time, a long soak something new.
    let chosen = if asked.is_some() { any_number() } else { 1 + u64::from(flavour == Flavour::Mysql) };
    let seed = number("BACKFILL_SOAK_SEED").unwrap_or(chosen);
    // A source of its own: transactions that stay open here are none of the other tests' business.
    let options =
        Options { arguments: vec!["--log-bin=bin".into(), "--server-id=17".into()], ..Options::default() };
    let source = Server::start(flavour, &options).unwrap();
    let mut soak = Soak::new(Site::between(&source, servers.target(flavour)), seed, deletes);
    let result = catch_unwind(AssertUnwindSafe(|| soak.run_for(pulls)));
    if let Err(panic) = result {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        let told = &soak.done[soak.done.len().saturating_sub(TOLD)..];
        panic!(
            "BACKFILL_SOAK_SEED={seed}, pull {} of {pulls}, done last: {told:#?}\n{}",
            soak.pulls,
            text.unwrap_or_default()
        );
    }
}

/// Another one each time.
fn any_number() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A source that is written to, a server that is restarted now and then behind one address, and a target.
struct Soak<'a> {
    site: Site<'a>,
    serve: Serve,
    link: Link,
    dice: Dice,
    seed: u64,
    /// Writers delete rows as well, which only a full pull sees.
    deletes: bool,
    /// Pulls that ended well.
    pulls: u32,
    /// Pulls that were killed.
    killed: u32,
    /// The last mark in the source, and the one that the target has for sure.
    marked: u32,
    arrived: u32,
    /// A pull was killed with its deltas in and its whole tables not. The next one finishes that and then loads the same
    /// mark once more; killed as well, it leaves that for a third one to use (`recover_kept::of_their_moment`). So
    /// the mark has not arrived for sure before a pull ends well.
    open: bool,
    /// What the target looked like while it had the mark that arrived.
    before: BTreeMap<String, (u64, String)>,
    /// How long a pull took that nobody disturbed.
    took: Duration,
    done: Vec<String>,
}

impl<'a> Soak<'a> {
    fn new(site: Site<'a>, seed: u64, deletes: bool) -> Self {
        application::create(&mut site.source_conn());
        let privacy = format!("[privacy]\npolicy = \"open\"\n{RULES}");
        site.configure_server("max_runs = 50\nidle_timeout = 60", &privacy);
        // The server sees open transactions; what is left is that a statement begins a moment before its transaction.
        site.configure_client("timeout = 30\ndelta_overlap = 2", "");
        let serve = site.serve();
        let link = Link::to(&serve.url);
        Self {
            site,
            serve,
            link,
            dice: Dice::new(seed),
            seed,
            deletes,
            pulls: 0,
            killed: 0,
            marked: 0,
            arrived: 0,
            open: false,
            before: BTreeMap::new(),
            took: Duration::from_secs(1),
            done: Vec::new(),
        }
    }

    fn run_for(&mut self, pulls: u32) {
        pull(&self.site, &self.link.url, &["--yes"]).good("the first pull");
        application::decorate(&mut self.site.target_conn());
        let whole = structure(&mut self.site.target_conn());
        let writers = Writers::start(self.site.source, &self.site.source_db, self.seed, self.deletes);
        while self.pulls < pulls {
            self.step();
        }
        assert!(writers.stop() > pulls, "the writers hardly wrote");
        assert!(self.killed >= pulls / 10, "hardly a pull was killed: {} of {pulls}", self.killed);
        self.note("the last pull");
        let arguments: &[&str] = if self.deletes { &["--full", "--yes"] } else { &[] };
        let out = pull(&self.site, &self.link.url, &[&["--json"], arguments].concat());
        let summary = self.ended_well(&out);
        assert_eq!(summary["mode"], if self.deletes { "full" } else { "delta" }, "{summary:#}");
        self.expect_the_same();
        let mut target = self.site.target_conn();
        assert_eq!(whole, structure(&mut target), "the target's structure");
        assert_eq!(leftovers(&self.site), Vec::<String>::new(), "left behind");
    }

    fn note(&mut self, what: impl Into<String>) {
        self.done.push(what.into());
    }

    /// One pull, disturbed or not, and what has to hold after it.
    fn step(&mut self) {
        // Closes what earlier pulls left open, so that a long soak does not run out of files.
        self.link.go_away(0);
        // A pull that goes on with a killed one brings what that one began to bring.
        if self.marked == self.arrived {
            self.marked += 1;
            application::mark(&mut self.site.source_conn(), self.marked);
            self.before = digests(&mut self.site.target_conn());
        }
        match self.dice.roll(100) {
            0..40 => self.undisturbed(),
            40..65 => {
                let moments = [STAGING, SWAP, MERGE].concat();
                let moment = *self.dice.pick(&moments);
                self.note(format!("the pull dies at {moment}"));
                let mut command = self.command();
                let output = command.env(KILL_AT, moment).output().unwrap();
                self.judge(&output, Some(moment));
            }
            65..80 => {
                let after = self.some_time();
                self.note(format!("the pull dies after {after:?}"));
                let mut child = spawn(&mut self.command());
                std::thread::sleep(after);
                let _ = child.kill();
                let output = child.wait_with_output().unwrap();
                self.judge(&output, None);
            }
            80..87 => {
                let after = self.some_time();
                self.note(format!("the server dies after {after:?}"));
                let child = spawn(&mut self.command());
                std::thread::sleep(after);
                self.serve.kill9();
                self.restart();
                self.must_succeed(child);
            }
            87..93 => self.server_dies_at_a_moment(),
            _ => {
                let bytes = self.dice.roll(4_000);
                self.note(format!("the network ends after {bytes} bytes of a dump"));
                self.link.cut("/dump/", bytes);
                self.undisturbed();
            }
        }
    }

    fn some_time(&mut self) -> Duration {
        self.took * u32::try_from(self.dice.roll(110)).unwrap() / 100
    }

    fn command(&self) -> Command {
        self.site.pull_command(&self.link.url, &["--json"])
    }

    fn undisturbed(&mut self) {
        self.note("a pull");
        let began = Instant::now();
        let output = self.command().output().unwrap();
        self.took = began.elapsed().min(Duration::from_secs(5));
        self.arrive(&Out::of(&output));
    }

    fn server_dies_at_a_moment(&mut self) {
        let moment = *self.dice.pick(&RUN);
        self.note(format!("the server dies at {moment}"));
        self.serve.stop();
        let mut command = self.site.command("server");
        self.serve = Serve::start(command.env(KILL_AT, moment).args(["-v", "serve"]));
        self.link.lead_to(&self.serve.url);
        let mut child = spawn(&mut self.command());
        let serve = &mut self.serve;
        wait_for("the server to die, or the pull to end", || {
            serve.ended().is_some() || child.try_wait().unwrap().is_some()
        });
        self.restart();
        self.must_succeed(child);
    }

    /// Another server at the same address.
    fn restart(&mut self) {
        self.serve = self.site.serve();
        self.link.lead_to(&self.serve.url);
    }

    fn must_succeed(&mut self, child: Child) {
        self.arrive(&Out::of(&child.wait_with_output().unwrap()));
    }

    /// A pull that may have been killed.
    fn judge(&mut self, output: &Output, moment: Option<&str>) {
        if output.status.code().is_some() {
            return self.arrive(&Out::of(output));
        }
        self.killed += 1;
        wait_for_connections_to_end(&self.site);
        let mut target = self.site.target_conn();
        let (mut marks, whole) = marks(&mut target);
        let mark = marks.pop_first().unwrap();
        assert_eq!(marks, BTreeSet::new(), "tables of different pulls: {mark}");
        let (old, new) = (self.arrived.to_string(), self.marked.to_string());
        assert!(mark == old || mark == new, "the mark {mark} is neither {old} nor {new}");
        if mark == old {
            assert_eq!(whole, old, "{WHOLE} is newer than the others");
            assert_eq!(self.before, digests(&mut target), "the old rows changed");
        } else if whole == old {
            assert!(moment.is_none_or(|moment| WINDOW.contains(&moment)), "{WHOLE} stayed behind");
            self.open = true;
        } else {
            assert_eq!(whole, new);
            if !self.open {
                self.arrived = self.marked;
            }
        }
        if self.dice.chance(60) {
            self.note("the next pull");
            self.undisturbed();
        }
    }

    fn ended_well(&self, out: &Out) -> Value {
        assert_eq!(out.code, Some(0), "{}\nserver:\n{}", out.all(), tail(&self.serve.log()));
        serde_json::from_str(&out.stdout).unwrap()
    }

    /// A pull ended well.
    fn arrive(&mut self, out: &Out) {
        let summary = self.ended_well(out);
        for entry in summary["pulled"].as_array().unwrap() {
            let table = entry["table"].as_str().unwrap();
            let way = if table == WHOLE { "full" } else { "delta" };
            assert_eq!(entry["mode"], way, "{table}: {summary:#}");
        }
        let mut target = self.site.target_conn();
        let (arrived, whole) = marks(&mut target);
        let expected = self.marked.to_string();
        assert_eq!((arrived, &whole), (BTreeSet::from([expected.clone()]), &expected), "marks: {summary:#}");
        expect_no_orphans(&mut target);
        if !self.deletes {
            self.expect_only_known(&mut target);
        }
        let fired: Vec<String> = target.query("SELECT DISTINCT what FROM audit").unwrap();
        assert_eq!(fired, Vec::<String>::new(), "triggers fired");
        (self.arrived, self.open) = (self.marked, false);
        self.pulls += 1;
    }

    /// Where nothing is deleted, the source has every row that the target has.
    fn expect_only_known(&self, target: &mut Conn) {
        let mut source = self.site.source_conn();
        for table in DELTAS.iter().chain([&WHOLE]) {
            let ids = |conn: &mut Conn| -> BTreeSet<i64> {
                conn.query(format!("SELECT id FROM {table}")).unwrap().into_iter().collect()
            };
            let (here, there) = (ids(target), ids(&mut source));
            let unknown: Vec<_> = here.difference(&there).collect();
            assert!(unknown.is_empty(), "{table}: the source has no {unknown:?}");
        }
    }

    /// Both ends hold the same rows, but for what rules change, and that is changed.
    fn expect_the_same(&self) {
        let mut source = oracle::contents(&mut self.site.source_conn(), RULED);
        let mut target = oracle::contents(&mut self.site.target_conn(), RULED);
        target.remove("audit");
        for (table, rows) in &mut source {
            let there: BTreeSet<_> = std::mem::take(rows).into_iter().collect();
            let here: BTreeSet<_> = target.remove(table).unwrap().into_iter().collect();
            let lost: Vec<_> = there.difference(&here).take(5).collect();
            let other: Vec<_> = here.difference(&there).take(5).collect();
            assert!(
                lost.is_empty() && other.is_empty(),
                "{table}: {} and {} rows; only at the source: {lost:#?}\nonly here: {other:#?}",
                there.len(),
                here.len()
            );
        }
        assert!(target.is_empty(), "tables that the source lacks: {:?}", target.keys());
        let leaked: Option<u64> = self
            .site
            .target_conn()
            .query_first(format!(
                "SELECT COUNT(*) FROM people WHERE mail LIKE '%{CANARY}' OR phone IS NOT NULL"
            ))
            .unwrap();
        assert_eq!(leaked, Some(0), "values that a rule has to change");
    }
}

/// No row without its parent.
fn expect_no_orphans(target: &mut Conn) {
    for (child, column, parent) in KEYS {
        let query = format!(
            "SELECT c.id FROM {child} c LEFT JOIN {parent} p ON p.id = c.{column} \
             WHERE c.{column} IS NOT NULL AND p.id IS NULL"
        );
        let orphans: Vec<i64> = target.query(query).unwrap();
        assert_eq!(orphans, Vec::<i64>::new(), "{child} without {parent}");
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// The marks of all tables that come by their times, and that of the one that comes whole.
fn marks(conn: &mut Conn) -> (BTreeSet<String>, String) {
    let mut mark = |table: &str| -> String {
        let name: Option<String> =
            conn.query_first(format!("SELECT name FROM {table} WHERE id = 1")).unwrap();
        let name = name.unwrap_or_else(|| panic!("{table} has lost its first row"));
        name.strip_prefix("mark ").unwrap_or("0").to_owned()
    };
    (DELTAS.iter().map(|table| mark(table)).collect(), mark(WHOLE))
}

fn digests(conn: &mut Conn) -> BTreeMap<String, (u64, String)> {
    let tables = DELTAS.iter().chain([&WHOLE]);
    tables.map(|table| ((*table).to_owned(), oracle::digest(conn, table, &[]))).collect()
}
