//! What `install` has to know: from flags, from standard input, from what is configured, or by asking. Without a
//! terminal nothing is asked, and every flag that lacks is named at once.

use super::{InstallArgs, RulesAnswer, Strategy};
use crate::config::{Known, TempStrategy};
use crate::error::{Error, Result};
use crate::install::Role;
use crate::install::env_file::Variable;
use crate::install::plan::Wanted;
use crate::install::toml_file::{NewRule, Setting};
use crate::random;
use crate::secret::Secret;
use crate::ui::Screen;
use crate::ui::prompt;
use std::io::BufRead;
use url::Url;

/// Random bytes of a token: 64 characters.
const TOKEN_BYTES: usize = 32;
/// What a client is called unless it is said.
const ENVIRONMENT: &str = "local";
/// Longest line that is read from standard input.
const LINE_BYTES_MAX: u64 = 16 * 1024;
/// Files that belong to nobody's repository.
const PRIVATE_FILES: [&str; 3] = [".env", "backfill-state.json", ".backfill-state.json.lock"];

/// What was answered; none where what is configured stays.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) role: Role,
    pub(super) token: Option<Secret>,
    pub(super) database_url: Option<Secret>,
    pub(super) source_url: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) strategy: Option<Strategy>,
    pub(super) temp_database: Option<String>,
    pub(super) rules: Rules,
}

/// Whether proposed rules are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    Accept,
    None,
    Ask,
}

impl Answers {
    /// The variables of the `.env`.
    pub(super) fn variables(&self) -> Vec<Variable> {
        let is_client = self.role == Role::Client;
        let text = |text: &Option<String>| {
            text.as_ref().filter(|_| is_client).map(|text| Secret::new(text.as_str()))
        };
        [
            ("BACKFILL_TOKEN", self.token.clone()),
            ("DATABASE_URL", self.database_url.clone()),
            ("BACKFILL_SOURCE_URL", text(&self.source_url)),
            ("BACKFILL_ENV", text(&self.environment)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(Variable { name, value: value? }))
        .collect()
    }

    /// The variables that stand for what goes into `[server]`.
    pub(super) fn server_variables(&self) -> Vec<(&'static str, String)> {
        let strategy = self.strategy.map(|strategy| ("BACKFILL_TEMP_STRATEGY", strategy.word().to_owned()));
        let database = self.temp_database.clone().map(|name| ("BACKFILL_TEMP_DATABASE", name));
        strategy.into_iter().chain(database).collect()
    }

    /// What the files are to have.
    pub(super) fn wanted(&self, known: &Known, rules: Vec<NewRule>) -> Wanted {
        let mut settings = Vec::new();
        if self.role == Role::Server {
            if !known.is_server {
                settings.push(Setting { key: "enabled", value: true.into() });
            }
            if let Some(strategy) = self.strategy {
                settings.push(Setting { key: "temp_strategy", value: strategy.word().into() });
            }
            if let Some(name) = &self.temp_database {
                settings.push(Setting { key: "temp_database", value: name.as_str().into() });
            }
        }
        Wanted { variables: self.variables(), settings, rules, private: PRIVATE_FILES.to_vec() }
    }
}

impl Strategy {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Tables => "tables",
            Self::Select => "select",
        }
    }

    fn of(strategy: &TempStrategy) -> Self {
        match strategy {
            TempStrategy::Tables => Self::Tables,
            TempStrategy::Select => Self::Select,
            TempStrategy::Database | TempStrategy::TempDatabase(_) => Self::Database,
        }
    }
}

/// Everything that has to be known.
pub(super) fn gather(args: &InstallArgs, known: &Known, screen: &Screen) -> Result<Answers> {
    let given = Given::read(args)?;
    let mut gathering = Gathering { args, known, screen, missing: Vec::new() };
    let role = gathering.role()?;
    let answers = Answers {
        role,
        token: gathering.token(role, given.token)?,
        database_url: gathering.database_url(role, given.database_url)?,
        source_url: gathering.source_url(role)?,
        environment: gathering.environment(role)?,
        strategy: gathering.strategy(role)?,
        temp_database: args.temp_database.clone(),
        rules: gathering.rules(role),
    };
    gathering.finish()?;
    Ok(answers)
}

/// Secrets that came with the command.
struct Given {
    token: Option<Secret>,
    database_url: Option<Secret>,
}

impl Given {
    fn read(args: &InstallArgs) -> Result<Self> {
        let mut input = std::io::Read::take(std::io::stdin().lock(), LINE_BYTES_MAX);
        let mut next = |wanted: bool, what: &str| -> Result<Option<Secret>> {
            if !wanted {
                return Ok(None);
            }
            let mut line = String::new();
            let read = input.read_line(&mut line);
            let line = Secret::new(line);
            match read {
                Ok(_) if !line.expose().trim().is_empty() => Ok(Some(Secret::new(line.expose().trim()))),
                Ok(_) => Err(Error::usage(format!("standard input has no line with {what}"))),
                Err(_) => Err(Error::usage(format!("{what} cannot be read from standard input as text"))),
            }
        };
        let token = next(args.token_stdin, "the token")?;
        let from_stdin = next(args.database_url_stdin, "the URL of the database")?;
        let from_flag = args.database_url.as_deref().map(without_password).transpose()?;
        Ok(Self { token, database_url: from_stdin.or(from_flag) })
    }
}

/// Arguments are seen by everybody on the machine and stay in histories.
fn without_password(text: &str) -> Result<Secret> {
    let parsed = Url::parse(text).ok();
    if parsed.is_some_and(|url| url.password().is_none()) {
        return Ok(Secret::new(text));
    }
    Err(Error::usage("--database-url is not a URL without a password")
        .hint("pass a URL with a password by --database-url-stdin, or as DATABASE_URL in the environment"))
}

struct Gathering<'a> {
    args: &'a InstallArgs,
    known: &'a Known,
    screen: &'a Screen,
    missing: Vec<&'static str>,
}

impl Gathering<'_> {
    /// With a terminal the answer of `ask`; without one the flag is noted as missing.
    fn ask<T>(&mut self, flag: &'static str, ask: impl FnOnce(&Screen) -> Result<T>) -> Result<Option<T>> {
        if self.screen.can_ask() {
            return ask(self.screen).map(Some);
        }
        self.missing.push(flag);
        Ok(None)
    }

    fn finish(self) -> Result<()> {
        if !self.args.yes && !self.args.dry_run && !self.screen.can_ask() {
            return Err(lacking(&[self.missing, vec!["--yes (or --dry-run)"]].concat()));
        }
        if self.missing.is_empty() { Ok(()) } else { Err(lacking(&self.missing)) }
    }

    fn role(&mut self) -> Result<Role> {
        if let Some(role) = self.args.role {
            return Ok(role);
        }
        let environment = self.known.environment.as_ref();
        // Unset means production.
        let is_production = environment.is_none_or(|one| one.name.to_lowercase().starts_with("prod"));
        let offered = if self.known.is_server || is_production { Role::Server } else { Role::Client };
        if !self.screen.can_ask() {
            if !self.known.is_server && environment.is_none() {
                self.missing.push("--role server|client");
            }
            return Ok(offered);
        }
        let items = [
            "server: beside the production database, hands out sanitized copies",
            "client: a developer's or a staging machine, pulls them",
        ];
        let at = usize::from(offered == Role::Client);
        let chosen = prompt::choose(self.screen, "Which side is this machine?", &items, at)?;
        Ok(if chosen == 0 { Role::Server } else { Role::Client })
    }

    fn token(&mut self, role: Role, given: Option<Secret>) -> Result<Option<Secret>> {
        if given.is_some() {
            return Ok(given.filter(|given| self.known.token.as_ref() != Some(given)));
        }
        if self.known.token.is_some() {
            return Ok(None);
        }
        if self.args.generate_token {
            return generated().map(Some);
        }
        let entered = |screen: &Screen| prompt::secret(screen, "The token that the other side has");
        if role == Role::Client {
            return self.ask("--token-stdin", entered);
        }
        self.ask("--generate-token or --token-stdin", |screen| {
            let items = ["make a new token", "enter the one that the other side has"];
            match prompt::choose(screen, "Both sides share one token", &items, 0)? {
                0 => generated(),
                _ => entered(screen),
            }
        })
    }

    fn database_url(&mut self, role: Role, given: Option<Secret>) -> Result<Option<Secret>> {
        if given.is_some() || self.known.database.is_some() {
            return Ok(given);
        }
        let question = match role {
            Role::Server => "The database to serve (mysql://USER:PASSWORD@HOST:3306/DATABASE; not shown)",
            Role::Client => "The database to pull into (mysql://USER:PASSWORD@HOST:3306/DATABASE; not shown)",
        };
        self.ask("--database-url-stdin or --database-url", |screen| prompt::secret(screen, question))
    }

    fn source_url(&mut self, role: Role) -> Result<Option<String>> {
        if self.args.source_url.is_some() || self.known.source_url.is_some() || role == Role::Server {
            return Ok(self.args.source_url.clone());
        }
        self.ask("--source-url", |screen| {
            prompt::line(screen, "Where the server is (https://app.example)", None)
        })
    }

    fn environment(&mut self, role: Role) -> Result<Option<String>> {
        if self.args.environment.is_some() || self.known.environment.is_some() || role == Role::Server {
            return Ok(self.args.environment.clone());
        }
        if !self.screen.can_ask() {
            return Ok(Some(ENVIRONMENT.to_owned()));
        }
        prompt::line(self.screen, "What this machine is called", Some(ENVIRONMENT)).map(Some)
    }

    fn strategy(&mut self, role: Role) -> Result<Option<Strategy>> {
        let is_known = self.known.temp_strategy.as_ref().map(Strategy::of);
        if role == Role::Client || self.args.temp_database.is_some() {
            return Ok(None);
        }
        if self.args.strategy.is_some() || is_known.is_some() || !self.screen.can_ask() {
            // The default needs no line of its own.
            let is_news = |strategy: &Strategy| *strategy != is_known.unwrap_or(Strategy::Database);
            return Ok(self.args.strategy.filter(is_news));
        }
        let items = [
            "in a schema of their own (no right to write to your database is needed)",
            "in tables of your database (for accounts that can have no other schema)",
            "nowhere: rows are masked while they are read (for accounts that may only read, and for replicas)",
        ];
        let chosen = prompt::choose(self.screen, "Where are copies kept while they are masked?", &items, 0)?;
        Ok(match chosen {
            1 => Some(Strategy::Tables),
            2 => Some(Strategy::Select),
            _ => None,
        })
    }

    fn rules(&mut self, role: Role) -> Rules {
        match self.args.rules {
            Some(RulesAnswer::Accept) => Rules::Accept,
            Some(RulesAnswer::None) => Rules::None,
            None if role == Role::Client => Rules::None,
            None if self.screen.can_ask() => Rules::Ask,
            None => {
                self.missing.push("--rules accept|none");
                Rules::None
            }
        }
    }
}

fn generated() -> Result<Secret> {
    random::hex(TOKEN_BYTES).map(Secret::new)
}

fn lacking(flags: &[&str]) -> Error {
    Error::usage("there is no terminal to ask, and not everything is known")
        .hint(format!("answer beforehand with {}", flags.join(", ")))
}
