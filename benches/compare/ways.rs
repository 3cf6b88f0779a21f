//! The ways to get a copy that are compared.

use crate::data::{DATABASE, RULES};
use crate::ground::Ground;
use crate::watch::{Usage, Watch};
use backfill::error::{Error, Kind, Result};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The database that copies go to.
pub const COPY: &str = "shop_dev";
const TOKEN: &str = "bench-0123456789-abcdefghijklmnopqrstuvwxyz";
/// Connections and threads of every way that has a setting for it.
const PARALLEL: usize = 4;

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `serve` and `pull`, with these lines under `[server]`; masked or not.
    Backfill { name: &'static str, server: &'static str, masked: bool },
    /// One dump into one client.
    Mysqldump,
    /// Files of parallel readers, loaded by parallel writers.
    Mydumper,
}

/// All of them, in the order of the report.
pub const WAYS: [Way; 6] = [
    Way::Backfill { name: "backfill, not sanitized", server: "", masked: false },
    Way::Backfill { name: "backfill, `select`", server: "temp_strategy = \"select\"\n", masked: true },
    Way::Backfill {
        name: "backfill, `database`, masks in the copy",
        server: "mask_at = \"copy\"\n",
        masked: true,
    },
    Way::Backfill { name: "backfill, `database`, masks by UPDATE", server: "", masked: true },
    Way::Mysqldump,
    Way::Mydumper,
];

/// What a copy took.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// From the first command to the end of the last one.
    pub wall: Duration,
    /// Of the side at the source; nothing where one program does all.
    pub server: Usage,
    /// Of the side at the target.
    pub client: Usage,
}

impl Way {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backfill { name, .. } => name,
            Self::Mysqldump => "mysqldump \\| mysql, not sanitized",
            Self::Mydumper => "mydumper + myloader, not sanitized",
        }
    }

    /// Whether its programs are here.
    pub fn is_there(self) -> bool {
        let programs: &[&str] = match self {
            Self::Backfill { .. } => &[],
            Self::Mysqldump => &["mysqldump", "mysql"],
            Self::Mydumper => &["mydumper", "myloader"],
        };
        programs.iter().all(|name| {
            std::env::var_os("PATH")
                .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
        })
    }

    /// Copies the data set into an empty database.
    pub fn copy(self, ground: &Ground) -> Result<Cost> {
        match self {
            Self::Backfill { server, masked, .. } => pull(ground, server, masked),
            Self::Mysqldump => piped(ground),
            Self::Mydumper => by_files(ground),
        }
    }
}

fn pull(ground: &Ground, server: &str, masked: bool) -> Result<Cost> {
    let folder = tempfile::tempdir().map_err(of_files)?;
    let write = |name: &str, text: String| write_private(&folder.path().join(name), &text);
    let rules = if masked { RULES } else { "[privacy]\npolicy = \"open\"\n" };
    write(
        "server.toml",
        format!(
            "token = \"{TOKEN}\"\n[database]\nurl = \"{}\"\n[server]\nenabled = true\nbind = \"127.0.0.1:0\"\n\
             threads = {PARALLEL}\n{server}{rules}",
            ground.source.url(DATABASE)
        ),
    )?;
    write(
        "client.toml",
        format!(
            "token = \"{TOKEN}\"\nenvironment = \"local\"\n[database]\nurl = \"{}\"\n[client]\nparallel = {PARALLEL}\n\
             state_file = \"state.json\"\n",
            ground.target.url(COPY)
        ),
    )?;
    let mut serve = backfill(folder.path(), "server.toml");
    let mut serve = Running(spawn(serve.args(["--quiet", "serve"]).stdout(Stdio::piped()))?);
    let mut line = String::new();
    if let Some(stdout) = serve.0.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(of_files)?;
    }
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned);
    let url = url.ok_or_else(|| Error::new(Kind::Source, "`backfill serve` does not start"))?;
    let address = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");

    let begun = Instant::now();
    let mut pull = backfill(folder.path(), "client.toml");
    pull.env("BACKFILL_SOURCE_URL", address).args(["--quiet", "pull", "--yes"]);
    let pull = spawn(pull.stdout(Stdio::null()).stderr(Stdio::piped()))?;
    let watch = Watch::over(serve.0.id());
    let client = finish(pull, "backfill pull")?;
    let wall = begun.elapsed();
    Ok(Cost { wall, server: watch.end(), client })
}

fn backfill(folder: &Path, config: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backfill"));
    command.current_dir(folder).stdin(Stdio::null()).arg("--config").arg(folder.join(config));
    command
}

/// `mysqldump | mysql`, with the settings that their manuals advise for InnoDB.
fn piped(ground: &Ground) -> Result<Cost> {
    let begun = Instant::now();
    let mut dump = Command::new("mysqldump");
    ground.source_options(&mut dump);
    dump.args(["--single-transaction", "--quick", "--no-tablespaces", DATABASE]);
    let mut dump = Running(spawn(dump.stdout(Stdio::piped()).stderr(Stdio::null()))?);
    let text = dump.0.stdout.take().ok_or_else(|| Error::internal("a pipe without an end"))?;
    let watch = Watch::over(dump.0.id());
    let mut load = Command::new("mysql");
    ground.target_options(&mut load);
    let load = spawn(load.arg(COPY).stdin(text).stdout(Stdio::null()).stderr(Stdio::piped()))?;
    let client = finish(load, "mysql")?;
    Ok(Cost { wall: begun.elapsed(), server: watch.end(), client })
}

fn by_files(ground: &Ground) -> Result<Cost> {
    let folder = tempfile::tempdir().map_err(of_files)?;
    let begun = Instant::now();
    let threads = PARALLEL.to_string();
    let mut dump = Command::new("mydumper");
    ground.source_options(&mut dump);
    dump.args(["--database", DATABASE, "--threads", &threads, "--trx-consistency-only", "--outputdir"]);
    dump.arg(folder.path().join("dump")).stdout(Stdio::null()).stderr(Stdio::piped());
    let server = finish(spawn(&mut dump)?, "mydumper")?;
    let mut load = Command::new("myloader");
    ground.target_options(&mut load);
    load.args(["--database", COPY, "--threads", &threads, "--directory"]).arg(folder.path().join("dump"));
    let client = finish(spawn(load.stdout(Stdio::null()).stderr(Stdio::piped()))?, "myloader")?;
    Ok(Cost { wall: begun.elapsed(), server, client })
}

/// Waits for a program; its last words if it failed.
fn finish(child: Child, name: &str) -> Result<Usage> {
    let mut child = Running(child);
    let watch = Watch::over(child.0.id());
    let mut words = String::new();
    if let Some(mut stderr) = child.0.stderr.take() {
        // What cannot be read is not told.
        let _ = stderr.read_to_string(&mut words);
    }
    let status = child.0.wait().map_err(of_files)?;
    if status.success() {
        return Ok(watch.end());
    }
    let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word").to_owned();
    Err(Error::new(Kind::Target, format!("{name}: {status}: {last}")))
}

fn spawn(command: &mut Command) -> Result<Child> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|error| Error::internal(format!("starting {name}")).source(error))
}

fn of_files(error: std::io::Error) -> Error {
    Error::internal("the bench's own files").source(error)
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(of_files)
}

/// A program that does not outlive the bench.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let id = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
