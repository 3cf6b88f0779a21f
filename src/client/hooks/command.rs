//! Hooks that are commands: run by `sh`, the event on their stdin and in their environment, ended with everything that
//! they started when they take too long or somebody interrupts them.

use super::{Event, LOOK_EVERY, check, failed};
use crate::client::Interrupt;
use crate::config::ENVIRONMENT_NAMES;
use crate::error::{Error, Result};
use crate::secret::Secret;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a command may take: what is started by a hook may rebuild a search index.
pub(super) const LIMIT: Duration = Duration::from_secs(300);
/// How long a command that is asked to end may take for that.
const GRACE: Duration = Duration::from_secs(2);

/// Variables of ours that say what a machine is called. They are no secrets, and without them a hook would take itself
/// for production.
const KEPT: [&str; 3] = ["BACKFILL_ENV", "APP_ENV", "RAILS_ENV"];

/// A command and its bounds.
pub(super) struct Hooked<'a> {
    pub(super) line: &'a Secret,
    pub(super) folder: &'a Path,
    pub(super) limit: Duration,
}

/// Runs the command to its end.
pub(super) fn run(hooked: &Hooked<'_>, event: &Event, interrupt: &Interrupt) -> Result<()> {
    check(interrupt)?;
    let json = event.json()?;
    let mut child = spawn(hooked, event).map_err(|error| {
        failed("cannot be run").source(error).hint(format!(
            "it is run by sh in {}; is the folder there, and sh on the PATH?",
            hooked.folder.display()
        ))
    })?;
    if let Some(stdin) = child.stdin.take() {
        feed(stdin, json);
    }
    let ended = wait(&mut child, hooked.limit, interrupt);
    if ended.is_err() {
        end_group(&mut child);
    }
    judge(ended?)
}

fn spawn(hooked: &Hooked<'_>, event: &Event) -> std::io::Result<Child> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(hooked.line.expose()).current_dir(hooked.folder);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    command
        .envs(event.variables())
        .stdin(Stdio::piped())
        // Our stdout is for our result.
        .stdout(std::io::stderr().as_fd().try_clone_to_owned()?)
        .stderr(Stdio::inherit())
        // A group of its own, so that all of it can be ended.
        .process_group(0)
        .spawn()
}

/// Whether a variable is one that we read, or may be one that another version of us reads.
fn is_ours(name: &OsStr) -> bool {
    let ours =
        name.as_bytes().starts_with(b"BACKFILL_") || ENVIRONMENT_NAMES.iter().any(|ours| name == *ours);
    ours && !KEPT.iter().any(|kept| name == *kept)
}

/// Writes the event beside the waiting: a command may read it late, in part or never.
fn feed(mut stdin: ChildStdin, json: Vec<u8>) {
    std::thread::spawn(move || {
        if let Err(error) = stdin.write_all(&json) {
            tracing::debug!(%error, "the hook did not read its event to the end");
        }
    });
}

/// Waits for the command to end by itself.
fn wait(child: &mut Child, limit: Duration, interrupt: &Interrupt) -> Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = look(child)? {
            return Ok(status);
        }
        check(interrupt)?;
        if begun.elapsed() >= limit {
            return Err(failed(format!("did not end within {} s and was ended", limit.as_secs()))
                .hint("what takes longer has to go on in the background: `long-command >/dev/null 2>&1 &`"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn look(child: &mut Child) -> Result<Option<ExitStatus>> {
    child.try_wait().map_err(|error| failed("cannot be watched").source(error))
}

/// Ends the command and everything of its group: asks first, then does not ask.
fn end_group(child: &mut Child) {
    let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    let begun = Instant::now();
    // A group that is gone already is what is wanted.
    let _ = kill_process_group(group, Signal::TERM);
    while begun.elapsed() < GRACE && matches!(look(child), Ok(None)) {
        std::thread::sleep(LOOK_EVERY);
    }
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}

fn judge(status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let error: Error = match (status.code(), status.signal()) {
        (Some(127), _) => failed("ended with exit code 127: its command was not found"),
        (Some(126), _) => failed("ended with exit code 126: its command cannot be executed"),
        (Some(code), _) => failed(format!("ended with exit code {code}")),
        (None, Some(signal)) => failed(format!("was ended by signal {signal}")),
        (None, None) => failed("did not end as processes do"),
    };
    Err(error.hint("what it printed stands above; it is run by sh, in the folder of the configuration file"))
}
