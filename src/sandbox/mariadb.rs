//! How a private MariaDB is set up and started.

use super::ACCOUNT;
use super::program::Program;
use super::template::{self, failed};
use crate::error::{Error, Kind, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// What makes the system tables, in this order. The help tables, the sys schema and the test database that
/// `mariadb-install-db` adds are left out: nobody asks for them, and they take twice as long as the rest.
const SYSTEM_TABLES: [&[&str]; 4] = [
    &["mysql_system_tables.sql", "mariadb_system_tables.sql"],
    &["mysql_performance_tables.sql", "mariadb_performance_tables.sql"],
    &["mysql_system_tables_data.sql", "mariadb_system_tables_data.sql"],
    &["maria_add_gis_sp_bootstrap.sql"],
];

/// Arguments beside those of both flavours.
pub(super) fn arguments(program: &Program) -> Vec<String> {
    let mut arguments = vec![
        "--loose-innodb-log-file-size=64M".to_owned(),
        "--loose-innodb-flush-method=nosync".to_owned(),
        "--loose-innodb-doublewrite=OFF".to_owned(),
    ];
    if program.unpacked {
        arguments.extend(template::unpacked_arguments(program));
        arguments.push(format!("--character-sets-dir={}", program.share().join("charsets").display()));
    }
    arguments
}

/// Makes the system tables and the account in `data`, which must not exist.
pub(super) fn initialise(program: &Program, data: &Path, extra: &[String], log: &Path) -> Result<()> {
    let io = |error| Error::new(Kind::Source, "preparing MariaDB's data folder").source(error);
    fs::create_dir_all(data).map_err(io)?;
    let script = bootstrap_script(program)?;
    let mut child = program
        .command()
        .args(["--no-defaults", "--bootstrap", "--enforce-storage-engine=", "--max-allowed-packet=8M"])
        .arg(format!("--datadir={}", data.display()))
        // Not the system's folder: starting removes the temporary tables of every server that uses it.
        .arg(format!("--tmpdir={}", data.display()))
        .args(template::common_arguments())
        .args(arguments(program))
        .args(extra)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(File::create(log).map_err(io)?)
        .spawn()
        .map_err(io)?;
    // A server that stops early closes the pipe; its log says why, the broken pipe does not.
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(&script));
    let status = child.wait().map_err(io)?;
    if !status.success() {
        return Err(failed("MariaDB could not make its system tables", log));
    }
    written.transpose().map_err(io)?;
    Ok(())
}

fn bootstrap_script(program: &Program) -> Result<Vec<u8>> {
    let share = program.share();
    // Without a socket user, root may come in without a password.
    let mut script =
        b"create database if not exists mysql;\nuse mysql;\nset @auth_root_socket=null;\n".to_vec();
    for names in SYSTEM_TABLES {
        let text = names.iter().find_map(|name| fs::read(share.join(name)).ok()).ok_or_else(|| {
            Error::new(Kind::Source, format!("MariaDB's {} is not in {}", names[0], share.display()))
                .hint(super::way_out(crate::schema::Flavour::Mariadb))
        })?;
        script.extend(text);
        script.push(b'\n');
    }
    script.extend(b"flush privileges;\n");
    script.extend(ACCOUNT.as_bytes());
    Ok(script)
}
