//! The two ends of a fetch: a run of a server as [`Upstream`], a connection to the target as [`Sink`].

use super::Api;
use super::fetch::{FetchTable, Loaded, STATUS_WAIT_MAX, Sink, Upstream};
use crate::error::Result;
use crate::sql::digest::TableDigest;
use crate::target::load::{Begun, LoadPool, Loader, Removal};
use crate::target::reread::Compared;
use crate::wire::api::RunStatus;
use std::io::Read;
use std::time::Duration;

/// A run of a server.
pub(super) struct ServerRun<'a> {
    api: &'a Api,
    run: &'a str,
    wait: Duration,
}

impl<'a> ServerRun<'a> {
    /// The run `run`, followed by requests that may go `timeout` without progress.
    pub(super) fn new(api: &'a Api, run: &'a str, timeout: Duration) -> Self {
        // A long poll is a request without progress.
        Self { api, run, wait: STATUS_WAIT_MAX.min(timeout / 2) }
    }
}

impl Upstream for ServerRun<'_> {
    fn status(&self, seen: u64) -> Result<RunStatus> {
        self.api.status(self.run, seen, self.wait)
    }

    fn chunk(&self, table: &str, chunk: u32) -> Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.api.chunk(self.run, table, chunk)?))
    }

    fn cut(&self) {
        self.api.shutdown();
    }
}

/// A sink that can say what it takes back.
pub(super) trait Witness: Sink {
    /// As [`Sink::remove`], with the digest of the rows as they stood there.
    fn remove_compared(
        &mut self,
        table: &FetchTable,
        removal: &Removal<'_>,
        compared: Option<&Compared>,
    ) -> Result<TableDigest>;
}

/// One connection that loads into staging.
pub(super) struct StagingSink {
    pool: LoadPool,
    loader: Loader,
}

impl StagingSink {
    /// Connects.
    pub(super) fn open(pool: &LoadPool) -> Result<Self> {
        Ok(Self { pool: pool.clone(), loader: pool.loader()? })
    }
}

impl Witness for StagingSink {
    fn remove_compared(
        &mut self,
        table: &FetchTable,
        removal: &Removal<'_>,
        compared: Option<&Compared>,
    ) -> Result<TableDigest> {
        self.loader.remove(&table.target_name, removal, compared)
    }
}

impl Sink for StagingSink {
    fn begin(&mut self, table: &FetchTable, chunk: u32) -> Result<Option<Loaded>> {
        Ok(match self.loader.begin_chunk(&table.target_name, chunk)? {
            Begun::New => None,
            Begun::In(rows) => Some(Loaded { rows: rows.added, removed: rows.removed }),
        })
    }

    fn load(&mut self, table: &FetchTable, values: &str, rows: u64) -> Result<()> {
        self.loader.load_batch(&table.target_name, &table.target_columns, values, rows)
    }

    fn remove(&mut self, table: &FetchTable, removal: &Removal<'_>) -> Result<()> {
        self.remove_compared(table, removal, None).map(|_| ())
    }

    fn commit(&mut self, table: &FetchTable, chunk: u32) -> Result<()> {
        self.loader.commit_chunk(&table.target_name, chunk)
    }

    fn roll_back(&mut self) -> Result<()> {
        if let Err(error) = self.loader.rollback_chunk() {
            tracing::debug!(%error, "the connection is lost, and the chunk with it");
            self.loader = self.pool.loader()?;
        }
        Ok(())
    }

    fn restart(&mut self, table: &FetchTable) -> Result<()> {
        self.loader.restart_table(&table.target_name)
    }
}
