//! `backfill install`: sets up one side, and says what the other one needs.

mod answers;
mod checks;
mod place;
mod tell;

use super::{Context, scan};
use crate::config::{Config, template};
use crate::error::Result;
use crate::install::Role;
use crate::install::files;
use crate::install::plan::{Change, Wanted, changes};
use crate::install::toml_file::NewRule;
use crate::scan::Finding;
use crate::ui::Screen;
use crate::ui::prompt;
use answers::{Answers, Rules};
use clap::{Args, ValueEnum};
use place::Place;
use serde::Serialize;
use std::process::ExitCode;

/// Options of `install`. Secrets come from standard input, the environment or a prompt, never from arguments, which
/// everybody on the machine can see.
#[derive(Debug, Clone, Default, Args)]
pub struct InstallArgs {
    /// Print the commented backfill.toml and end
    #[arg(long, exclusive = true)]
    pub print_config: bool,
    /// Which side this is [default: server where the environment is production or server.enabled is set]
    #[arg(long, value_enum)]
    pub role: Option<Role>,
    /// Make a new token, unless there is one
    #[arg(long, conflicts_with = "token_stdin")]
    pub generate_token: bool,
    /// Read the token from the first line of standard input
    #[arg(long)]
    pub token_stdin: bool,
    /// The database, mysql://USER@HOST:3306/DATABASE, if its account has no password
    #[arg(long, value_name = "URL", conflicts_with = "database_url_stdin")]
    pub database_url: Option<String>,
    /// Read the database's URL from the next line of standard input
    #[arg(long)]
    pub database_url_stdin: bool,
    /// Where the server is, without the route prefix: `https://app.example`
    #[arg(long, value_name = "URL")]
    pub source_url: Option<String>,
    /// Client: what this machine is called [default: local]
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Server: where copies are kept while they are masked
    #[arg(long, value_enum)]
    pub strategy: Option<Strategy>,
    /// Server: keep copies in this schema instead of one per run
    #[arg(long, value_name = "NAME")]
    pub temp_database: Option<String>,
    /// Server: whether the rules that a scan of the source proposes are written
    #[arg(long, value_enum)]
    pub rules: Option<RulesAnswer>,
    /// Show the token where the result is not read on a terminal
    #[arg(long)]
    pub show_token: bool,
    /// Show what would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not try out what was set up
    #[arg(long)]
    pub no_check: bool,
    /// Do not ask before files are written
    #[arg(short, long)]
    pub yes: bool,
}

/// `--strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// In a schema of their own.
    Database,
    /// In the source database.
    Tables,
    /// Nowhere: rows are masked while they are read.
    Select,
}

/// `--rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RulesAnswer {
    /// All of them.
    Accept,
    /// None of them.
    None,
}

/// Sets up this side. The exit code is that of the first check that failed, although files are written then.
///
/// # Errors
/// `Usage` without a terminal and without the flags that answer; `Config` for what is there and wrong, and for files
/// that cannot be written.
pub fn run(args: &InstallArgs, context: &Context) -> Result<ExitCode> {
    let screen = &context.screen;
    if args.print_config {
        return screen.raw(template().as_bytes()).map(|()| ExitCode::SUCCESS);
    }
    let place = Place::find(context)?;
    let known = place.load()?.known()?;
    let answers = answers::gather(args, &known, screen)?;
    // What was answered is checked like what is configured, before anything is written.
    let answered = place.answered(&answers)?;
    let after = answered.known()?;
    let (rules, scanned) = rules(&answers, &answered, screen)?;
    let wanted = answers.wanted(&known, rules);
    let planned = changes(&place.situation()?, &wanted)?;
    let written = !args.dry_run && write(&planned, args, screen)?;
    let mut report = Report::new(&answers, &planned, written, &wanted);
    let outlook = tell::Outlook {
        place: &place,
        answers: &answers,
        known: &after,
        scanned: &scanned,
        shows_token: args.show_token || screen.is_watched(),
    };
    outlook.tell(&mut report, screen)?;
    let is_set_up = written || planned.is_empty();
    if is_set_up && !args.no_check {
        checks::run(answers.role, &place.load()?, &mut report.checks);
        tell::checks(&report.checks, screen)?;
    }
    if is_set_up {
        tell::next_steps(answers.role, screen)?;
    }
    screen.json(&report)?;
    Ok(report.exit_code())
}

/// What a first scan of the source proposes, as far as it is wanted; and what came in the way.
fn rules(answers: &Answers, config: &Config, screen: &Screen) -> Result<(Vec<NewRule>, Scanned)> {
    if answers.role == Role::Client {
        return Ok((Vec::new(), Scanned::NotAsked));
    }
    let findings = match scan::scan(config) {
        Ok(scanned) => scanned.found.sensitive,
        Err(error) => return Ok((Vec::new(), Scanned::Failed(error.to_string()))),
    };
    let proposed: Vec<&Finding> = findings.iter().filter(|finding| finding.proposal.is_ok()).collect();
    let chosen = match answers.rules {
        _ if proposed.is_empty() => Vec::new(),
        Rules::None => Vec::new(),
        Rules::Accept => (0..proposed.len()).collect(),
        Rules::Ask => {
            let items: Vec<String> = proposed.iter().map(|finding| told(finding)).collect();
            screen.note("These columns look sensitive and have no rule. Rules that fit:");
            prompt::several(screen, "Which rules to write (space changes, enter goes on)", &items)?
        }
    };
    let rules = chosen.iter().filter_map(|at| new_rule(proposed[*at])).collect();
    Ok((rules, Scanned::Found { left: findings.len() - chosen.len() }))
}

fn told(finding: &Finding) -> String {
    let rule = finding.proposal.as_ref().map(crate::scan::Proposal::toml).unwrap_or_default();
    format!("{}.{} = {rule}   ({})", finding.table, finding.column, finding.category.words())
}

fn new_rule(finding: &Finding) -> Option<NewRule> {
    let toml = finding.proposal.as_ref().ok()?.toml();
    Some(NewRule { table: finding.table.clone(), column: finding.column.clone(), toml })
}

/// How a first scan went.
#[derive(Debug, Clone)]
enum Scanned {
    /// A client has no source.
    NotAsked,
    /// The source could not be looked at.
    Failed(String),
    /// It was, and so many columns stay without a rule.
    Found { left: usize },
}

/// Shows what changes, asks, and writes.
fn write(planned: &[Change], args: &InstallArgs, screen: &Screen) -> Result<bool> {
    if planned.is_empty() {
        return Ok(false);
    }
    if !args.yes {
        for change in planned {
            screen.note(&tell::change(change));
        }
        let question = match planned {
            [_] => "write this file?".to_owned(),
            _ => format!("write these {} files?", planned.len()),
        };
        if !prompt::confirm(screen, &question, "--yes")? {
            return Ok(false);
        }
    }
    planned.iter().try_for_each(files::write)?;
    Ok(true)
}

/// The result for programs.
#[derive(Debug, Serialize)]
struct Report {
    role: Role,
    written: bool,
    files: Vec<ReportedFile>,
    rules: usize,
    grants: Vec<String>,
    server_env: Vec<String>,
    client_env: Vec<String>,
    checks: Vec<checks::Check>,
}

#[derive(Debug, Serialize)]
struct ReportedFile {
    path: String,
    new: bool,
    what: String,
}

impl Report {
    fn new(answers: &Answers, planned: &[Change], written: bool, wanted: &Wanted) -> Self {
        let file = |change: &Change| ReportedFile {
            path: change.path.display().to_string(),
            new: change.is_new,
            what: change.what.clone(),
        };
        Self {
            role: answers.role,
            written,
            files: planned.iter().map(file).collect(),
            rules: wanted.rules.len(),
            grants: Vec::new(),
            server_env: Vec::new(),
            client_env: Vec::new(),
            checks: Vec::new(),
        }
    }

    fn exit_code(&self) -> ExitCode {
        let failed = self.checks.iter().find_map(|check| check.exit_code);
        failed.map_or(ExitCode::SUCCESS, ExitCode::from)
    }
}
