//! Whether what was set up works: each thing by itself, so that one answer does not hide another.

use crate::client::{Api, Remote};
use crate::commands::serve::{catalog_settings, workspace_home};
use crate::config::{Config, PullConfig, ServeConfig};
use crate::db::error::server_code;
use crate::db::lock::LockKeeper;
use crate::db::{Connection, Endpoint, Role as Session};
use crate::error::{Context as _, Error, Result};
use crate::install::Role;
use crate::server::catalog::Catalog;
use crate::source::workspace::Workspace;
use crate::target::guard;
use serde::Serialize;

/// "Unknown database".
const UNKNOWN_DATABASE: u16 = 1049;

/// One thing that was tried.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// What.
    pub(super) name: &'static str,
    /// What was found, if it works.
    pub(super) found: Option<String>,
    /// What is wrong.
    pub(super) error: Option<String>,
    /// What to do about it.
    pub(super) hint: Option<String>,
    #[serde(skip)]
    pub(super) exit_code: Option<u8>,
}

impl Check {
    fn of(name: &'static str, result: Result<String>) -> Self {
        match result {
            Ok(found) => Self { name, found: Some(found), error: None, hint: None, exit_code: None },
            Err(error) => Self {
                name,
                found: None,
                error: Some(error.to_string()),
                hint: error.hint_text().map(str::to_owned),
                exit_code: Some(error.kind().exit_code()),
            },
        }
    }
}

/// Tries out the side.
pub(super) fn run(role: Role, config: &Config, checks: &mut Vec<Check>) {
    match role {
        Role::Server => server(config, checks),
        Role::Client => client(config, checks),
    }
}

/// What `serve` does at its start, but for listening.
fn server(config: &Config, checks: &mut Vec<Check>) {
    let serve = match config.serve() {
        Ok(serve) => serve,
        Err(error) => {
            checks.push(Check::of("configuration", Err(error)));
            // The database may be wrong all the same.
            let reached = config.database().and_then(|endpoint| connected(&endpoint, Session::Source));
            return checks.push(Check::of("source database", reached));
        }
    };
    checks.push(Check::of("configuration", Ok("complete".to_owned())));
    match catalog_settings(&serve).and_then(|settings| Catalog::take(&settings)) {
        Err(error) => checks.push(Check::of("source database", Err(error))),
        Ok(catalog) => {
            let (tables, ruled) = catalog.counts();
            let found = format!("`{}`: {tables} tables, {ruled} with rules", serve.database.database);
            checks.push(Check::of("source database", catalog.undecided().check(|_| true).map(|()| found)));
            checks.push(Check::of("rights for copies", copies(&serve, &catalog)));
        }
    }
}

fn copies(serve: &ServeConfig, catalog: &Catalog) -> Result<String> {
    let Some(home) = workspace_home(serve)? else {
        return Ok("none needed: rows are masked while they are read".to_owned());
    };
    let copied = catalog.copied();
    if copied.is_empty() {
        return Ok("none needed: no table has a rule or a limit".to_owned());
    }
    let keeper = LockKeeper::open(&serve.database, Session::Workspace)?;
    Workspace::try_out(&home, &keeper, copied)?;
    Ok("a copy was made, masked, read and dropped".to_owned())
}

/// What a pull needs before its first question.
fn client(config: &Config, checks: &mut Vec<Check>) {
    let pull = match config.pull() {
        Ok(pull) => pull,
        Err(error) => return checks.push(Check::of("configuration", Err(error))),
    };
    checks.push(Check::of("configuration", Ok("complete".to_owned())));
    checks.push(Check::of("environment", environment(&pull)));
    checks.push(Check::of("backfill server", manifest(&pull)));
    checks.push(Check::of("target database", target(&pull.database)));
}

fn environment(pull: &PullConfig) -> Result<String> {
    let name = &pull.environment.name;
    guard::check_environment(name, &pull.allowed_environments)
        .context(|| format!("by {}", pull.environment.origin))?;
    Ok(format!("`{name}` may be replaced"))
}

fn manifest(pull: &PullConfig) -> Result<String> {
    let base = pull.api_base().to_string();
    let remote = Remote { base, token: pull.token.clone(), timeout: pull.timeout };
    let manifest = Api::new(&remote).manifest()?;
    Ok(format!("serves `{}`, {} tables", manifest.database, manifest.tables.len()))
}

/// The server and the account; a database that is missing is made by the first pull.
fn target(endpoint: &Endpoint) -> Result<String> {
    match connected(endpoint, Session::Target) {
        Err(error) if server_code(&error) == Some(UNKNOWN_DATABASE) => {
            Connection::open_in(endpoint, Session::Target, None)?;
            Ok(format!("`{}` does not exist yet: the first pull offers to make it", endpoint.database))
        }
        other => other,
    }
}

fn connected(endpoint: &Endpoint, role: Session) -> Result<String, Error> {
    let conn = Connection::open(endpoint, role)?;
    Ok(format!("`{}` on {} {}", endpoint.database, conn.flavour(), conn.version()))
}
