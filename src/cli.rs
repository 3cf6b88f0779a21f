//! What was typed on the command line, and which command it means.

use crate::commands::cleanup::CleanupArgs;
use crate::commands::install::InstallArgs;
use crate::commands::pull::PullArgs;
use crate::commands::scan::ScanArgs;
use crate::commands::serve::ServeArgs;
use crate::commands::{self, Context};
use crate::error::{Error, Result};
use crate::ui::log::LogFormat;
use crate::ui::{Screen, log};
use clap::{Args, CommandFactory, Parser, Subcommand};
use signal_hook::consts::signal::SIGXFSZ;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// A safe copy of production for developers.
#[derive(Debug, Parser)]
#[command(name = "backfill", version, about, long_about = LONG_ABOUT, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

const LONG_ABOUT: &str = "\
A safe copy of production for developers: sanitized MySQL and MariaDB data, foreign keys included, in one command.

`backfill serve` runs beside the production database and hands out sanitized copies; `backfill pull` fetches one \
into a local or staging database.";

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    /// Configuration file [default: backfill.toml here or in a parent folder]
    #[arg(long, value_name = "PATH", global = true)]
    config: Option<PathBuf>,
    /// File with environment variables [default: .env beside the configuration]
    #[arg(long, value_name = "PATH", global = true)]
    env_file: Option<PathBuf>,
    /// Print the result as one JSON object on stdout
    #[arg(long, global = true)]
    json: bool,
    /// Log more; twice for still more
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    /// Log errors only and show no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// How log lines are written
    #[arg(long, value_enum, default_value_t, value_name = "FORM", global = true)]
    log_format: LogFormat,
}

impl Cli {
    /// For [`log::start`]: a server that nobody watches logs what it does.
    fn verbosity(&self) -> i8 {
        let serves = matches!(self.command, Some(Command::Serve(_)));
        if self.global.quiet {
            -1
        } else {
            i8::try_from(self.global.verbose).unwrap_or(i8::MAX).saturating_add(serves.into())
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hand out sanitized copies of the configured database over HTTP
    Serve(ServeArgs),
    /// Replace the tables of the configured database by a sanitized copy of the source's
    Pull(PullArgs),
    /// Show the last pulls
    Status,
    /// Drop what dead runs and pulls left behind in the configured database
    Cleanup(CleanupArgs),
    /// Set up one side: configuration, token, rights, rules; or print a commented configuration
    Install(InstallArgs),
    /// List columns of the source that look sensitive and have no rule; exit code 1 if there are any
    Scan(ScanArgs),
    /// See a pull from end to end on throwaway servers
    Demo,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    Man {
        /// The command [default: backfill itself]
        command: Option<String>,
    },
}

/// Runs the program and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    quiet_panics();
    outlive_file_limits();
    // A panic is a defect; it ends like every other defect, without the panic's text (which may quote a row).
    std::panic::catch_unwind(start).unwrap_or_else(|_| {
        let screen = Screen::new(false, false);
        let error = Error::internal("backfill stopped unexpectedly");
        screen.error(&error);
        ExitCode::from(error.kind().exit_code())
    })
}

fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, ToString::to_string);
        Screen::new(false, false).warn(&format!("backfill: panicked at {place}"));
    }));
}

/// A file that grows beyond what `ulimit -f` allows ends in an error that says which, as on a full disk, not in a death by
/// signal that leaves everything lying about.
fn outlive_file_limits() {
    let listening = signal_hook::flag::register(SIGXFSZ, Arc::default());
    if let Err(error) = listening {
        tracing::debug!(%error, "a limit of the size of files will end the process");
    }
}

fn start() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error),
    };
    let screen = Screen::new(cli.global.json, cli.global.quiet);
    match run(cli, &screen) {
        Ok(code) => code,
        Err(error) => {
            screen.error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// Help and version are printed and are fine; everything else is a usage error.
fn not_parsed(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let usage = Error::usage(first.trim_start_matches("error: ")).hint("see `backfill --help`");
        Screen::new(true, false).error(&usage);
        return ExitCode::from(usage.kind().exit_code());
    }
    // Nobody is left to tell when the terminal is closed.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn run(cli: Cli, screen: &Screen) -> Result<ExitCode> {
    log::start(cli.verbosity(), cli.global.log_format, screen.bars())?;
    // Both TLS users of the program (HTTP and databases) must find the same provider; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let context =
        Context { config: cli.global.config, env_file: cli.global.env_file, screen: screen.clone() };
    let done = match cli.command {
        None => screen.raw(Cli::command().render_help().to_string().as_bytes()),
        Some(Command::Serve(args)) => commands::serve::run(&args, &context),
        Some(Command::Pull(args)) => commands::pull::run(&args, &context),
        Some(Command::Status) => commands::status::run(&context),
        Some(Command::Cleanup(args)) => commands::cleanup::run(&args, &context),
        Some(Command::Install(args)) => return commands::install::run(&args, &context),
        Some(Command::Scan(args)) => return commands::scan::run(&args, &context),
        Some(Command::Demo) => commands::demo::run(&context),
        Some(Command::Completions { shell }) => completions(shell, screen),
        Some(Command::Man { command }) => man(command.as_deref(), screen),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn completions(shell: clap_complete::Shell, screen: &Screen) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "backfill", &mut script);
    screen.raw(&script)
}

fn man(name: Option<&str>, screen: &Screen) -> Result<()> {
    let mut program = Cli::command();
    program.build();
    let command = match name {
        None => program,
        Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
            Error::usage(format!("there is no command `{name}`")).hint("see `backfill --help`")
        })?,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Error::internal("writing the manual page").source(error))?;
    screen.raw(&page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> std::result::Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("backfill").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn pull_takes_lists_and_both_words_for_yes() {
        for (line, tables, yes) in [
            ("pull", vec![], false),
            ("pull --tables a,b --tables c* --yes", vec!["a", "b", "c*"], true),
            ("pull --force --tables a", vec!["a"], true),
            ("pull -y", vec![], true),
            ("pull --yes --force -y", vec![], true),
        ] {
            let Ok(Cli { command: Some(Command::Pull(args)), .. }) = parse(line) else {
                panic!("{line}");
            };
            assert_eq!((args.tables, args.yes), (tables.iter().map(ToString::to_string).collect(), yes));
        }
    }

    #[test]
    fn global_options_stand_on_both_sides_of_the_command() {
        for line in ["--json -vv status", "status --json -v -v"] {
            let cli = parse(line).unwrap();
            assert!(cli.global.json);
            assert_eq!(cli.verbosity(), 2);
        }
        assert_eq!(parse("-q serve").unwrap().verbosity(), -1);
        assert_eq!(parse("serve").unwrap().verbosity(), 1);
    }

    #[test]
    fn what_is_wrong_is_a_usage_error() {
        for line in [
            "nonsense",
            "pull --nonsense",
            "pull --parallel 0",
            "pull --parallel 65",
            "-q -v status",
            "install --print-config --yes",
            "install --generate-token --token-stdin",
            "install --role both",
            "scan --list columns.txt",
            "scan --check --write",
            "scan --sample 5 --no-sample",
            "scan --sample 0",
            "cleanup --max-age -1",
            "--log-format xml status",
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.use_stderr(), "{line}");
        }
        assert!(parse("").unwrap().command.is_none());
    }
}
