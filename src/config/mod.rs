//! What is true: command line, environment, `.env`, file and defaults, merged and checked.
//!
//! [`Config::load`] finds and reads the files and checks their shape (unknown keys, types, keys of features
//! that this version lacks). Each command then asks for what it uses: [`Config::serve`], [`Config::pull`],
//! [`Config::database`] and so on check only that and give true types.
//!
//! No message ever contains a value: with a typo anywhere, any value may be the token. Messages name the key
//! or variable, the file and the line.

mod database;
mod entry;
mod env;
mod file;
mod hooks;
mod keys;
mod known;
mod layers;
mod limits;
mod parse;
mod privacy;
mod pull;
mod relations;
mod rules;
mod serve;
mod template;
#[cfg(test)]
mod tests;
mod values;

pub use env::{EnvEntry, NAMES as ENVIRONMENT_NAMES, entries as env_entries};
pub use file::{CONFIG_NAME, ENV_NAME};
pub use hooks::{Action, Hook, Hooks};
pub use known::Known;
pub use limits::{Direction, Limit};
pub use privacy::{KeepList, Policy};
pub use pull::{Binlog, Environment, PullConfig};
pub use relations::Relation;
pub use rules::{Rule, RuleOption, RuleValue};
pub use serve::{MaskAt, ServeConfig, SnapshotLock, TempStrategy, TlsFiles};
pub use template::template;
pub use values::{IpRange, Patterns};

use crate::db::Endpoint;
use crate::error::{Context, Error, Result};
use crate::secret::Secret;
use layers::{Layers, Setting};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Fewest characters of a token.
pub const TOKEN_MIN: usize = 32;

/// Fewest characters of the key of masks: 32 hex digits are 128 bits.
pub const MASK_KEY_MIN: usize = 32;

/// Flags of the command line that are settings too; they win over every other layer.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `serve --bind`.
    pub bind: Option<SocketAddr>,
    /// `serve --threads`.
    pub threads: Option<usize>,
    /// `pull --parallel`.
    pub parallel: Option<usize>,
}

/// Where the layers come from. The environment is data, so that tests need not touch the process's.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--env-file`.
    pub env_file: Option<PathBuf>,
    /// Where the search for files starts, and what paths of flags are relative to; absolute.
    pub directory: PathBuf,
    /// The environment; only [`ENVIRONMENT_NAMES`] matter.
    pub environment: BTreeMap<String, String>,
    /// The command line.
    pub overrides: Overrides,
}

impl Sources {
    /// The current folder and the environment of this process.
    ///
    /// # Errors
    /// `Kind::Config` if a variable of ours is not UTF-8 or the current folder is gone.
    pub fn of_process(
        config: Option<PathBuf>,
        env_file: Option<PathBuf>,
        overrides: Overrides,
    ) -> Result<Self> {
        let directory = std::env::current_dir()
            .map_err(|error| Error::config("cannot find out the current folder").source(error))?;
        let mut environment = BTreeMap::new();
        for name in ENVIRONMENT_NAMES {
            match std::env::var(name) {
                Ok(value) => drop(environment.insert((*name).to_owned(), value)),
                Err(std::env::VarError::NotPresent) => {}
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(
                        Error::config(format!("`{name}` is not UTF-8 text")).hint("correct or unset it")
                    );
                }
            }
        }
        Ok(Self { config, env_file, directory, environment, overrides })
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("config", &self.config)
            .field("env_file", &self.env_file)
            .field("directory", &self.directory)
            .field("environment", &self.environment.keys().collect::<Vec<_>>())
            .field("overrides", &self.overrides)
            .finish()
    }
}

/// The merged settings, their shape checked and their meaning not yet.
pub struct Config {
    layers: Layers,
    overrides: Overrides,
    folder: PathBuf,
    file: Option<PathBuf>,
    env_file: Option<PathBuf>,
}

impl Config {
    /// Finds and reads the files.
    ///
    /// # Errors
    /// `Kind::Config`: a named file that cannot be read, a file of a parent folder that others can write, broken
    /// syntax, an unknown key, a value of the wrong type, a key or variable of a feature that this version lacks.
    pub fn load(sources: Sources) -> Result<Self> {
        let directory = &sources.directory;
        let config = file::config(sources.config.as_deref(), directory)?;
        let dot_env = file::dot_env(sources.env_file.as_deref(), config.as_ref(), directory)?;
        let folder = config.as_ref().and_then(|found| found.path.parent()).unwrap_or(directory).to_owned();

        let shown = |path: &Path| path.strip_prefix(directory).unwrap_or(path).to_owned();
        let mut layers = Layers {
            environment: env::Vars::pick(sources.environment.iter().map(|(k, v)| (k.as_str(), v.as_str()))),
            ..Layers::default()
        };
        if let Some(found) = &dot_env {
            layers.dot_env_file = shown(&found.path);
            layers.dot_env = env::parse(&found.text, &layers.dot_env_file)?;
        }
        if let Some(found) = &config {
            layers.file = parse::parse(&found.text, shown(&found.path))?;
        }
        Ok(Self {
            layers,
            overrides: sources.overrides,
            folder,
            file: config.map(|found| found.path),
            env_file: dot_env.map(|found| found.path),
        })
    }

    /// The configuration file, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The `.env` that was read, if there is one.
    #[must_use]
    pub fn env_file(&self) -> Option<&Path> {
        self.env_file.as_deref()
    }

    /// The folder that relative paths are relative to: the configuration file's, or the current one.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database: the source for serve and scan, the target for pull.
    ///
    /// # Errors
    /// `Kind::Config` if there is none, or it is not for MySQL or MariaDB, or incomplete.
    pub fn database(&self) -> Result<Endpoint> {
        database::endpoint(&self.layers, &self.folder)
    }

    /// The sanitize rules, in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.layers.file.rules
    }

    /// Foreign keys that the schema does not declare, in the order of the file.
    #[must_use]
    pub fn relations(&self) -> &[Relation] {
        &self.layers.file.relations
    }

    /// The tables that are left out.
    ///
    /// # Errors
    /// `Kind::Config` for a pattern that cannot be used.
    pub fn exclude_tables(&self) -> Result<Patterns> {
        self.patterns("exclude_tables", &[])
    }

    /// Where pull keeps its history; the file may not exist yet.
    ///
    /// # Errors
    /// `Kind::Config` if it is empty.
    pub fn state_file(&self) -> Result<PathBuf> {
        let setting = self.layers.text(&[], "client.state_file")?;
        let name = setting.as_ref().map_or("backfill-state.json", |setting| setting.value.expose());
        Ok(self.folder.join(name))
    }

    /// What this side is called, and where that was said.
    ///
    /// # Errors
    /// `Kind::Config` if it is empty.
    pub fn environment(&self) -> Result<Environment> {
        Ok(match self.layers.text(env::ENVIRONMENT, "environment")? {
            Some(Setting { value, origin }) => {
                Environment { name: value.expose().trim().to_owned(), origin: origin.to_string() }
            }
            None => Environment { name: "production".to_owned(), origin: "default".to_owned() },
        })
    }

    /// The tokens, each checked; at least one.
    fn tokens(&self) -> Result<Vec<Secret>> {
        const HINT: &str = "make one with `openssl rand -hex 32`, and give both sides the same \
                            (`backfill install --print-config` shows where)";
        let Some(Setting { value: tokens, origin }) = self.layers.list(&[env::TOKEN], "token") else {
            return Err(
                Error::config("no token is set: BACKFILL_TOKEN, or `token` in backfill.toml").hint(HINT)
            );
        };
        if tokens.is_empty() {
            return Err(origin.error("is an empty list").hint(HINT));
        }
        for (at, token) in tokens.iter().enumerate() {
            let wrong = |what: String| {
                let error = if tokens.len() > 1 {
                    Error::config(format!("entry {} {what}", at + 1)).context(&origin)
                } else {
                    origin.error(what)
                };
                Err(error.hint(HINT))
            };
            let token = token.expose();
            if token.chars().count() < TOKEN_MIN {
                return wrong(format!("has fewer than {TOKEN_MIN} characters"));
            }
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return wrong("has characters that a token cannot have, such as blanks".to_owned());
            }
        }
        Ok(tokens)
    }

    fn route_prefix(&self) -> Result<String> {
        match self.layers.text(&[], "server.route_prefix")? {
            None => Ok("api/backfill".to_owned()),
            Some(Setting { value, origin }) => values::route_prefix(value.expose()).ok_or_else(|| {
                origin
                    .error("must be a path such as \"api/backfill\"")
                    .hint("letters, digits and - . _ ~ between single slashes")
            }),
        }
    }

    fn patterns(&self, path: &'static str, default: &[&str]) -> Result<Patterns> {
        match self.layers.list(&[], path) {
            None => Patterns::new(default),
            Some(Setting { value, origin }) => {
                let texts: Vec<&str> = value.iter().map(Secret::expose).collect();
                Patterns::new(&texts).context(|| origin)
            }
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("file", &self.file)
            .field("env_file", &self.env_file)
            .field("overrides", &self.overrides)
            .field("environment", &self.layers.environment.names().collect::<Vec<_>>())
            .field("dot_env", &self.layers.dot_env.names().collect::<Vec<_>>())
            .field("keys", &self.layers.file.values.keys().collect::<Vec<_>>())
            .field("rules", &self.layers.file.rules.len())
            .field("limits", &self.layers.file.limits.len())
            .field("relations", &self.layers.file.relations.len())
            .finish()
    }
}
