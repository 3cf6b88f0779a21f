//! What `install` says.

use super::answers::Answers;
use super::checks::Check;
use super::place::Place;
use super::{Report, Scanned};
use crate::config::{Known, TempStrategy};
use crate::db::{Connection, Endpoint, Role as Session};
use crate::error::{Error, Result};
use crate::install::grants::{self, Grantee, SourceGrants};
use crate::install::lines::{self, Agreed, HIDDEN_TOKEN};
use crate::install::plan::Change;
use crate::install::{Role, files};
use crate::schema::{Flavour, Version};
use crate::source::workspace::{Home, Layout};
use crate::ui::Screen;
use crate::ui::format::plural;

/// What is told about both sides.
pub(super) struct Outlook<'a> {
    pub(super) place: &'a Place,
    pub(super) answers: &'a Answers,
    /// As it is after the answers.
    pub(super) known: &'a Known,
    pub(super) scanned: &'a Scanned,
    pub(super) shows_token: bool,
}

/// One file, in a line.
pub(super) fn change(change: &Change) -> String {
    let verb = if change.is_new { "create" } else { "update" };
    format!("{verb} {}: {}", change.path.display(), change.what)
}

impl Outlook<'_> {
    /// Files, lines for both sides, rights, how it is run; the same goes into the report.
    pub(super) fn tell(&self, report: &mut Report, screen: &Screen) -> Result<()> {
        self.files(report, screen)?;
        self.scanned(screen)?;
        let token = self.known.token.as_ref().filter(|_| self.shows_token);
        let url = self.answers.source_url.clone();
        let url = url.or_else(|| {
            self.known.source_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned())
        });
        let environment = self.known.environment.as_ref().filter(|_| self.answers.role == Role::Client);
        let agreed = Agreed {
            token: token.map_or(HIDDEN_TOKEN, |token| token.expose()),
            source_url: url.as_deref(),
            environment: environment.map_or("local", |environment| environment.name.as_str()),
        };
        report.server_env = lines::server_env(agreed);
        report.client_env = lines::client_env(agreed);
        block(screen, "The server's .env:", &report.server_env)?;
        block(screen, "The client's .env:", &report.client_env)?;
        if token.is_none() {
            screen.result(&format!(
                "\nThe token is not shown here; usually it is in {} (--show-token shows it).",
                self.place.env.display()
            ))?;
        }
        if let Some(endpoint) = &self.known.database {
            report.grants = match self.answers.role {
                Role::Server => self.source_grants(endpoint, screen)?,
                Role::Client => target_grants(endpoint, screen)?,
            };
        }
        if self.answers.role == Role::Server {
            self.running(screen)?;
        }
        Ok(())
    }

    fn files(&self, report: &Report, screen: &Screen) -> Result<()> {
        if report.files.is_empty() {
            return screen.result("Everything is written already.");
        }
        let verb = if report.written { "Written:" } else { "Not written:" };
        let told: Vec<String> = report
            .files
            .iter()
            .map(|file| format!("{} {}: {}", if file.new { "new" } else { "changed" }, file.path, file.what))
            .collect();
        block(screen, verb, &told)?;
        if let Some(mode) = files::readable_by_others(&self.place.env).filter(|_| report.written) {
            let env = self.place.env.display();
            screen.warn(&format!(
                "{env} keeps its mode {mode:04o}: others on this machine may read the secrets in it. If nobody has to: chmod 600 {env}"
            ));
        }
        Ok(())
    }

    fn scanned(&self, screen: &Screen) -> Result<()> {
        match self.scanned {
            Scanned::NotAsked | Scanned::Found { left: 0 } => Ok(()),
            Scanned::Found { left } => screen.result(&format!(
                "\nStill without a rule: {} that by name and type may be sensitive. `backfill scan` shows more.",
                plural(*left as u64, "column")
            )),
            Scanned::Failed(why) => screen.result(&format!(
                "\nRules could not be proposed, for the source could not be looked at ({why}). Run `backfill install` again when that works."
            )),
        }
    }

    fn source_grants(&self, endpoint: &Endpoint, screen: &Screen) -> Result<Vec<String>> {
        let layout = match &self.known.temp_strategy {
            None | Some(TempStrategy::Database) => Layout::Schema,
            Some(TempStrategy::TempDatabase(name)) => Layout::Shared { temp_database: name.clone() },
            Some(TempStrategy::Tables) => Layout::Tables,
            Some(TempStrategy::Select) => return self.read_grants(endpoint, screen),
        };
        let home = Home::new(endpoint, layout, self.known.temp_account.as_ref())?;
        let (main, server) = whoami(endpoint, Session::Source);
        let temp = self.known.temp_account.as_ref();
        let temp = temp.map(|account| whoami(&endpoint.with_account(account), Session::Source).0);
        let grants = grants::source(&home, &main, temp.as_ref(), server);
        tell_grants(grants, server, screen)
    }

    /// Where nothing is written.
    fn read_grants(&self, endpoint: &Endpoint, screen: &Screen) -> Result<Vec<String>> {
        let (main, server) = whoami(endpoint, Session::Source);
        tell_grants(grants::read_only(&endpoint.database, &main, server), server, screen)
    }

    fn running(&self, screen: &Screen) -> Result<()> {
        let program =
            std::env::current_exe().map_err(|error| Error::internal("finding this program").source(error))?;
        let unit = lines::systemd_unit(&program, self.place.folder());
        let told: Vec<String> = unit.lines().map(str::to_owned).collect();
        block(screen, "To keep it running, /etc/systemd/system/backfill.service:", &told)?;
        let location = lines::nginx_location(&self.known.route_prefix, "127.0.0.1:8765");
        let told: Vec<String> = location.lines().map(str::to_owned).collect();
        block(screen, "It listens on this machine alone; behind HTTPS of nginx, for example:", &told)
    }
}

fn tell_grants(
    grants: SourceGrants,
    server: Option<(Flavour, Version)>,
    screen: &Screen,
) -> Result<Vec<String>> {
    let on = server.map_or_else(String::new, |(flavour, version)| format!(" ({flavour} {version})"));
    block(screen, &format!("Rights on the source{on}:"), &grants.needed)?;
    let useful: Vec<String> =
        grants.useful.iter().flat_map(|(what, grant)| [format!("-- {what}"), grant.clone()]).collect();
    block(screen, "And if they can be had:", &useful)?;
    let useful = grants.useful.into_iter().map(|(_, grant)| grant);
    Ok(grants.needed.into_iter().chain(useful).collect())
}

fn target_grants(endpoint: &Endpoint, screen: &Screen) -> Result<Vec<String>> {
    let (account, _) = whoami(endpoint, Session::Target);
    let grants = grants::target(&endpoint.database, &account);
    block(screen, "Rights on the target:", &grants)?;
    Ok(grants)
}

/// The account as the server knows it, and what the server is; a guess where it does not answer.
fn whoami(endpoint: &Endpoint, role: Session) -> (Grantee, Option<(Flavour, Version)>) {
    let guess = || {
        let is_here =
            endpoint.socket.is_some() || matches!(endpoint.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        let host = if is_here { "localhost" } else { "%" };
        Grantee { user: endpoint.user.clone(), host: host.to_owned() }
    };
    let Ok(mut conn) = Connection::open_in(endpoint, role, None) else { return (guess(), None) };
    let server = (conn.flavour(), conn.version());
    let told: Option<String> = conn.query_one("SELECT CURRENT_USER()").ok();
    (told.as_deref().and_then(Grantee::parse).unwrap_or_else(guess), Some(server))
}

/// What was tried, and how it went.
pub(super) fn checks(checks: &[Check], screen: &Screen) -> Result<()> {
    let told: Vec<String> = checks
        .iter()
        .flat_map(|check| {
            let found = check.found.as_ref().map(|found| format!("ok      {}: {found}", check.name));
            let error = check.error.as_ref().map(|error| format!("FAILED  {}: {error}", check.name));
            let hint = check.hint.as_ref().map(|hint| format!("        {hint}"));
            [found, error, hint].into_iter().flatten()
        })
        .collect();
    block(screen, "Tried out:", &told)
}

/// What comes next.
pub(super) fn next_steps(role: Role, screen: &Screen) -> Result<()> {
    let steps: &[&str] = match role {
        Role::Server => &[
            "backfill scan           # what looks sensitive and has no rule",
            "backfill serve --plan   # what pulls would do here; nothing is written",
            "backfill serve",
        ],
        Role::Client => &[
            "backfill pull --dry-run # what would happen",
            "backfill pull           # asks, then replaces the tables",
            "backfill status         # the last pulls",
        ],
    };
    block(screen, "Next:", &steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>())
}

fn block(screen: &Screen, title: &str, lines: &[String]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("  {line}").trim_end().to_owned()).collect();
    screen.result(&format!("\n{title}\n{}", lines.join("\n")))
}
