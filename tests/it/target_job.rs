//! The work of a pull on its target, without a server and a network: given rows are staged, merged and swapped in,
//! in this process or in one that dies on the way.

use crate::harness::Site;
use backfill::db::{Endpoint, Tls};
use backfill::error::Result;
use backfill::fault::KILL_AT;
use backfill::plan::load::{Wanted, Way};
use backfill::target::binlog::BinlogMode;
use backfill::target::load::Begun;
use backfill::target::reread::Origins;
use backfill::target::staging::PrepareOptions;
use backfill::target::swap::SwapReport;
use backfill::target::{Claimed, Target};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// The environment variable that makes this program do one job instead of running tests.
const JOB: &str = "BACKFILL_TEST_JOB";

/// Rows for tables of one target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    host: String,
    port: u16,
    pub user: String,
    pub password: String,
    database: String,
    /// The second rung of the ladder.
    pub prefixed: bool,
    pub tables: Vec<JobTable>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobTable {
    pub name: String,
    pub columns: Vec<String>,
    /// Each `(…)`.
    pub rows: Vec<String>,
    pub merge: bool,
}

impl Job {
    /// Nothing to do yet, as the administrator of the site's target.
    pub fn new(site: &Site<'_>) -> Self {
        let endpoint = site.target.endpoint(&site.target_db);
        Self {
            host: endpoint.host,
            port: endpoint.port,
            user: endpoint.user,
            password: endpoint.password.expose().to_owned(),
            database: endpoint.database,
            prefixed: false,
            tables: Vec::new(),
        }
    }

    /// With a delta for `table`; `columns` by spaces.
    pub fn merge(self, table: &str, columns: &str, rows: &[&str]) -> Self {
        self.table(table, columns, rows, true)
    }

    /// With all rows of `table`.
    pub fn swap(self, table: &str, columns: &str, rows: &[&str]) -> Self {
        self.table(table, columns, rows, false)
    }

    fn table(mut self, name: &str, columns: &str, rows: &[&str], merge: bool) -> Self {
        self.tables.push(JobTable {
            name: name.to_owned(),
            columns: columns.split(' ').map(str::to_owned).collect(),
            rows: rows.iter().map(|row| (*row).to_owned()).collect(),
            merge,
        });
        self
    }

    /// The same on that rung of the ladder.
    pub fn on_rung(self, prefixed: bool) -> Self {
        Self { prefixed, ..self }
    }

    /// The target.
    pub fn target(&self) -> Target {
        Target::open(&Endpoint {
            host: self.host.clone(),
            port: self.port,
            socket: None,
            user: self.user.clone(),
            password: self.password.as_str().into(),
            database: self.database.clone(),
            tls: Tls::default(),
        })
        .unwrap()
    }

    /// Does it.
    pub fn run(&self) -> Result<SwapReport> {
        let target = self.target();
        let schema = target.schema()?;
        let claimed = target.claim()?;
        claimed.recover()?;
        let wanted = self.tables.iter().map(|table| Wanted {
            name: table.name.clone(),
            columns: table.columns.clone(),
            missing: None,
            way: if table.merge { Way::Merge } else { Way::Swap },
        });
        let plan = target.plan(&schema, wanted.collect(), &[])?;
        let staging = claimed.prepare(
            plan,
            PrepareOptions { parallel: 2, prefixed: self.prefixed, small: &BTreeSet::new() },
        )?;
        let mut loader = staging.load_pool(BinlogMode::Auto, &Origins::new())?.loader()?;
        for table in self.tables.iter().filter(|table| !table.rows.is_empty()) {
            assert_eq!(loader.begin_chunk(&table.name, 0)?, Begun::New);
            loader.load_batch(&table.name, &table.columns, &table.rows.join(","), table.rows.len() as u64)?;
            loader.commit_chunk(&table.name, 0)?;
        }
        let expected: BTreeMap<String, u64> =
            self.tables.iter().map(|table| (table.name.clone(), table.rows.len() as u64)).collect();
        let (staging, _) = staging.build_indexes(2)?;
        staging.verify(&expected, "a job", 2)?.swap()
    }

    /// Does it in a process of its own that is killed at `moment`.
    pub fn run_and_die(&self, moment: &str) {
        let status = Command::new(std::env::current_exe().unwrap())
            .env(JOB, serde_json::to_string(self).unwrap())
            .env(KILL_AT, moment)
            .status()
            .unwrap();
        assert_eq!(status.code(), None, "{moment}: the job was not killed");
    }

    /// Takes the lock of a pull, as soon as a killed one is gone.
    pub fn claim(&self) -> Claimed {
        let target = self.target();
        for _ in 0..600 {
            match target.claim() {
                Ok(claimed) => return claimed,
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        panic!("a killed job still has its lock");
    }
}

/// In the process of [`Job::run_and_die`]: does the job.
pub fn as_child() -> Option<ExitCode> {
    let job: Job = serde_json::from_str(&std::env::var(JOB).ok()?).unwrap();
    let done = job.run();
    eprintln!("the job came to its end: {done:?}");
    Some(ExitCode::SUCCESS)
}
