//! Two servers of one family: one with the data set, one for the copies.

use crate::data::{self, DATABASE};
use crate::ways::COPY;
use backfill::error::{Error, Kind, Result};
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use mysql::prelude::Queryable;
use std::path::PathBuf;
use std::process::Command;

/// Size of each buffer pool: the data set fits.
const BUFFER_POOL_MIB: u32 = 2048;

/// Where everything happens.
#[derive(Debug)]
pub struct Ground {
    pub source: Server,
    pub target: Server,
    scale: f64,
}

impl Ground {
    /// Starts two servers and makes the data set, which is kept for the next time.
    pub fn prepare(flavour: Flavour, scale: f64, kept: PathBuf) -> Result<Self> {
        let log = match flavour {
            Flavour::Mariadb => ["--innodb-log-file-size=1G".to_owned(), "--log-bin=bin".into()],
            Flavour::Mysql => ["--innodb-redo-log-capacity=2G".to_owned(), "--log-bin=bin".into()],
        };
        let arguments = [log.to_vec(), vec!["--server-id=1".into(), "--local-infile=ON".into()]].concat();
        let options = |folder| Options {
            folder,
            buffer_pool_mib: BUFFER_POOL_MIB,
            arguments: arguments.clone(),
            ..Options::default()
        };
        let source = Server::start(flavour, &options(Some(kept)))?;
        let target = Server::start(flavour, &options(None))?;
        data::fill(&mut source.connect()?, scale)?;
        Ok(Self { source, target, scale })
    }

    /// Empties the target.
    pub fn clear(&self) -> Result<()> {
        let mut conn = self.target.connect()?;
        for statement in [
            format!("DROP DATABASE IF EXISTS {COPY}"),
            format!("CREATE DATABASE {COPY} CHARACTER SET utf8mb4"),
            "FLUSH BINARY LOGS".into(),
        ] {
            conn.query_drop(statement).map_err(of_target)?;
        }
        Ok(())
    }

    /// Every row has arrived.
    pub fn check(&self) -> Result<()> {
        let mut conn = self.target.connect()?;
        for (table, _) in data::TABLES {
            let count: Option<u64> =
                conn.query_first(format!("SELECT COUNT(*) FROM {COPY}.{table}")).map_err(of_target)?;
            let expected = data::rows(table, self.scale);
            if count != Some(expected) {
                let text = format!("{table} has {} rows of {expected}", count.unwrap_or_default());
                return Err(Error::new(Kind::Integrity, text));
            }
        }
        Ok(())
    }

    /// How the programs of others reach the source.
    pub fn source_options(&self, command: &mut Command) {
        options(&self.source, DATABASE, command);
    }

    /// How the programs of others reach the target.
    pub fn target_options(&self, command: &mut Command) {
        options(&self.target, COPY, command);
    }
}

fn options(server: &Server, database: &str, command: &mut Command) {
    let endpoint = server.endpoint(database);
    command
        .env("MYSQL_PWD", endpoint.password.expose())
        .arg(format!("--host={}", endpoint.host))
        .arg(format!("--port={}", endpoint.port))
        .arg(format!("--user={}", endpoint.user));
}

fn of_target(error: mysql::Error) -> Error {
    Error::new(Kind::Target, "the bench's target").source(error)
}
