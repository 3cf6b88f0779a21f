//! What `pull` needs to know.

use super::layers::{Origin, Setting};
use super::{Config, Hooks, Patterns, env};
use crate::db::Endpoint;
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// Tables that remember which migrations ran: the target's own stay, where they exist.
pub(super) const KEEP_TABLES: [&str; 10] = [
    "migrations",
    "schema_migrations",
    "ar_internal_metadata",
    "django_migrations",
    "flyway_schema_history",
    "alembic_version",
    "_prisma_migrations",
    "knex_migrations*",
    "phinxlog",
    "doctrine_migration_versions",
];

/// The configuration of `pull`, checked.
#[derive(Debug, Clone)]
pub struct PullConfig {
    /// The target.
    pub database: Endpoint,
    /// The (first) token.
    pub token: Secret,
    /// What this side is called.
    pub environment: Environment,
    /// What it has to be called for a pull.
    pub allowed_environments: Vec<String>,
    /// Where the server is, without the route prefix; see [`PullConfig::api_base`].
    pub source_url: Url,
    /// Path before every endpoint, without slashes around it.
    pub route_prefix: String,
    /// Tables that are not pulled.
    pub exclude_tables: Patterns,
    /// Tables that are not replaced where they exist.
    pub keep_tables: Patterns,
    /// How long one request may make no progress.
    pub timeout: Duration,
    /// Connections to the target.
    pub parallel: usize,
    /// Most rows of one batch.
    pub chunk_size: u32,
    /// Where the history is kept.
    pub state_file: PathBuf,
    /// Whether tables that the target lacks are created.
    pub create_missing_tables: bool,
    /// Whether the target's binlog records the load.
    pub binlog: Binlog,
    /// So much before its checkpoint a delta begins.
    pub delta_overlap: Duration,
    /// What is run afterwards.
    pub hooks: Hooks,
}

impl PullConfig {
    /// The URL before every endpoint, with a slash at its end, for [`Url::join`].
    #[must_use]
    pub fn api_base(&self) -> Url {
        let mut url = self.source_url.clone();
        url.set_path(&format!("{}/{}/", self.source_url.path().trim_end_matches('/'), self.route_prefix));
        url
    }
}

/// What a machine is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `local`, `staging`, `production`, …
    pub name: String,
    /// Where that was said, for messages: "`APP_ENV` in .env".
    pub origin: String,
}

/// `client.binlog`: whether the target's binlog records the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binlog {
    /// Not where that is allowed and harms nobody.
    Auto,
    /// Not where that is allowed.
    Off,
    /// Always.
    On,
}

impl Config {
    /// What `pull` needs, all of it checked.
    ///
    /// # Errors
    /// `Kind::Config` with the key or variable, its place, and what to do; `Kind::Usage` for flags.
    pub fn pull(&self) -> Result<PullConfig> {
        let layers = &self.layers;
        let route_prefix = self.route_prefix()?;
        let token = self.tokens()?.into_iter().next();
        let binlog = [("auto", Binlog::Auto), ("off", Binlog::Off), ("on", Binlog::On)];
        Ok(PullConfig {
            source_url: self.source_url(&route_prefix)?,
            route_prefix,
            token: token.ok_or_else(|| Error::internal("a checked list of tokens is empty"))?,
            database: self.database()?,
            environment: self.environment()?,
            allowed_environments: self.allowed_environments(),
            exclude_tables: self.exclude_tables()?,
            keep_tables: self.patterns("client.keep_tables", &KEEP_TABLES)?,
            timeout: self.seconds("client.timeout", 300)?,
            parallel: layers.number(
                self.overrides.parallel.map(|n| ("--parallel", n)),
                "client.parallel",
                4,
                1..=64,
            )?,
            chunk_size: layers.number(None, "client.chunk_size", 5000, 1..=1_000_000)?,
            state_file: self.state_file()?,
            create_missing_tables: layers.boolean(&[], "client.create_missing_tables", true)?,
            binlog: layers.choice(&[], "client.binlog", &binlog)?.unwrap_or(Binlog::Auto),
            delta_overlap: self.seconds("client.delta_overlap", 300)?,
            hooks: self.hooks()?,
        })
    }

    /// The names under which this side may be replaced.
    fn allowed_environments(&self) -> Vec<String> {
        match self.layers.list(&[], "client.allowed_environments") {
            None => vec!["local".to_owned(), "staging".to_owned()],
            Some(setting) => setting.value.iter().map(|name| name.expose().to_owned()).collect(),
        }
    }

    pub(super) fn source_url(&self, route_prefix: &str) -> Result<Url> {
        let setting = self.layers.text(&[env::SOURCE_URL], "client.source_url")?;
        let Some(Setting { value, origin }) = setting else {
            return Err(Error::config("no source is configured")
                .hint("set `source_url` in [client], or BACKFILL_SOURCE_URL, to the URL of the server"));
        };
        let allow_http = self.layers.boolean(&[], "client.allow_http", false)?;
        check_source_url(value.expose(), &origin, allow_http, route_prefix)
    }
}

fn check_source_url(text: &str, origin: &Origin, allow_http: bool, route_prefix: &str) -> Result<Url> {
    const SHAPE: &str = "write https://HOST, with a port or a path before the route prefix if there is one";
    let bad = |what: &str| Err(origin.error(what).hint(SHAPE));
    let Ok(url) = Url::parse(text.trim()) else { return bad("is not a URL") };
    let Some(host) = url.host() else { return bad("is not a URL with a host") };
    if !matches!(url.scheme(), "http" | "https") {
        return bad("must begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return bad("must not have a user or password in it; the token is sent instead");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return bad("must not have a `?` or `#` in it");
    }
    if url.scheme() == "http" && !allow_http && !is_loopback(&host) {
        return Err(origin.error("is plain http to another machine").hint(
            "use https; or set allow_http = true in [client] if nobody can listen on the way (VPN, tunnel)",
        ));
    }
    if url.path().trim_end_matches('/').ends_with(&format!("/{route_prefix}")) {
        return Err(origin
            .error("ends with the route prefix, which is added to it")
            .hint("leave the route prefix out of it, or change `route_prefix` in [server]"));
    }
    Ok(url)
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.to_canonical().is_loopback(),
    }
}
