//! How a private MySQL is set up and started.

use super::ACCOUNT;
use super::program::Program;
use super::template::{self, failed};
use crate::error::{Error, Kind, Result};
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

/// Arguments beside those of both flavours.
pub(super) fn arguments(program: &Program) -> Vec<String> {
    let mut arguments = vec![
        // The folder compiled in is seldom there, and the server refuses to start without it.
        "--secure-file-priv=".to_owned(),
        "--loose-mysqlx=OFF".to_owned(),
        "--loose-innodb-redo-log-capacity=64M".to_owned(),
        "--loose-innodb-flush-method=nosync".to_owned(),
        "--loose-innodb-doublewrite=OFF".to_owned(),
    ];
    if program.unpacked {
        arguments.extend(template::unpacked_arguments(program));
    }
    arguments
}

/// Makes the system tables and the account in `data`, which must not exist.
pub(super) fn initialise(program: &Program, data: &Path, extra: &[String], log: &Path) -> Result<()> {
    let io = |error| Error::new(Kind::Source, "preparing MySQL's data folder").source(error);
    let account = log.with_extension("sql");
    fs::write(&account, ACCOUNT).map_err(io)?;
    let status = program
        .command()
        .args(["--no-defaults", "--initialize-insecure", "--skip-log-bin"])
        .arg(format!("--init-file={}", account.display()))
        .arg(format!("--datadir={}", data.display()))
        .args(template::common_arguments())
        .args(arguments(program))
        .args(extra)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(log).map_err(io)?)
        .status()
        .map_err(io)?;
    if !status.success() {
        return Err(failed("MySQL could not make its system tables", log));
    }
    fs::remove_file(&account).map_err(io)
}
