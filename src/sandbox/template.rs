//! Data folders with system tables and nothing else.
//!
//! Making one takes MySQL two to three seconds, copying one a twentieth of a second. So each is made once for each
//! version, kept beside the unpacked servers, and copied.

use super::program::{Program, folder_name, servers_folder};
use super::{mariadb, mysql};
use crate::error::{Error, Kind, Result};
use crate::schema::Flavour;
use std::fs;
use std::io;
use std::path::Path;

/// Part of a template's name; to be raised whenever what is put into one changes.
const EDITION: u32 = 1;

/// Server options that hold for the life of a data folder and so are needed when it is made.
const LASTING: [&str; 3] = ["--lower-case-table-names", "--innodb-page-size", "--innodb-undo-tablespaces"];

/// Makes `data`, which must not exist, for a server that will run with `arguments`.
pub(super) fn make(flavour: Flavour, program: &Program, arguments: &[String], data: &Path) -> Result<()> {
    let lasting = lasting(arguments);
    let log = data.with_extension("init.log");
    let initialise = |data: &Path, log: &Path| match flavour {
        Flavour::Mariadb => mariadb::initialise(program, data, &lasting, log),
        Flavour::Mysql => mysql::initialise(program, data, &lasting, log),
    };
    let Some(servers) = servers_folder() else { return initialise(data, &log) };
    let template = servers.join(template_name(flavour, &program.version, &lasting));
    if !template.is_dir() {
        let fresh = tempfile::Builder::new().prefix(".template-").tempdir_in(&servers).map_err(unusable)?;
        initialise(&fresh.path().join("data"), &fresh.path().join("log"))?;
        // Whoever was quicker made the same.
        if let Err(error) = fs::rename(fresh.path().join("data"), &template)
            && !template.is_dir()
        {
            return Err(unusable(error));
        }
    }
    copy(&template, data).map_err(|error| {
        Error::new(Kind::Source, format!("copying {} to {}", template.display(), data.display()))
            .source(error)
            .hint("is the disk full? a data folder takes about 200 MB")
    })
}

fn unusable(error: io::Error) -> Error {
    Error::new(Kind::Source, "preparing a data folder for a throwaway server").source(error)
}

/// What `arguments` say about the folder itself.
fn lasting(arguments: &[String]) -> Vec<String> {
    let of_the_folder = |argument: &&String| {
        let name = argument.split('=').next().unwrap_or_default().replace('_', "-");
        LASTING.contains(&name.as_str())
    };
    arguments.iter().filter(of_the_folder).cloned().collect()
}

fn template_name(flavour: Flavour, version: &str, lasting: &[String]) -> String {
    let mut name = format!("template-{}-{version}-{EDITION}", folder_name(flavour));
    for argument in lasting {
        name.extend(argument.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }));
    }
    name
}

/// Copies a folder; leaves out `auto.cnf`, which holds the identity of one MySQL server.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else if entry.file_name() != "auto.cnf" {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Arguments of both flavours, for making a folder and for serving it. All durability against a crash of the
/// machine is given up; a killed server still recovers.
pub(super) fn common_arguments() -> Vec<String> {
    let mut arguments = vec![
        "--loose-innodb-flush-log-at-trx-commit=2".to_owned(),
        "--loose-innodb-buffer-pool-dump-at-shutdown=OFF".to_owned(),
        "--loose-innodb-buffer-pool-load-at-startup=OFF".to_owned(),
        "--loose-sync-binlog=0".to_owned(),
    ];
    // Both refuse to run as root unless told that this is meant.
    if rustix::process::geteuid().is_root() {
        arguments.push("--user=root".to_owned());
    }
    arguments
}

/// Where an unpacked server's files are, since the paths compiled into it do not hold.
pub(super) fn unpacked_arguments(program: &Program) -> Vec<String> {
    vec![
        format!("--basedir={}", program.base.display()),
        format!("--lc-messages-dir={}", program.share().display()),
        format!("--plugin-dir={}", program.base.join("lib/mysql/plugin").display()),
    ]
}

/// An error that ends with the last lines of a server's log.
pub(super) fn failed(what: &str, log: &Path) -> Error {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(8)..].join("\n  ");
    Error::new(Kind::Source, if last.is_empty() { what.to_owned() } else { format!("{what}:\n  {last}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_folder_name_their_own_template() {
        let arguments =
            ["--local-infile=ON", "--lower_case_table_names=1", "--innodb-page-size=8K"].map(str::to_owned);
        let lasting = lasting(&arguments);
        assert_eq!(lasting, &arguments[1..]);
        assert_eq!(template_name(Flavour::Mysql, "9.7.4", &[]), format!("template-mysql-9.7.4-{EDITION}"));
        assert_eq!(
            template_name(Flavour::Mysql, "9.7.4", &lasting),
            format!("template-mysql-9.7.4-{EDITION}--lower-case-table-names-1--innodb-page-size-8K")
        );
    }

    #[test]
    fn a_copy_is_whole_but_for_the_identity() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        fs::create_dir_all(from.join("mysql")).unwrap();
        fs::write(from.join("mysql/user.ibd"), "rows").unwrap();
        fs::write(from.join("auto.cnf"), "server-uuid").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("mysql/user.ibd")).unwrap(), "rows");
        assert!(!to.join("auto.cnf").exists());
    }

    #[test]
    fn a_failure_shows_the_end_of_the_log() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let text: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
        fs::write(log.path(), text.join("\n")).unwrap();
        let error = failed("it stopped", log.path());
        assert!(error.what().starts_with("it stopped:\n  line 12\n") && error.what().ends_with("line 19"));
        assert_eq!(failed("it stopped", Path::new("/nowhere/log")).what(), "it stopped");
    }
}
