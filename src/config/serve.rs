//! What `serve` needs to know.

use super::layers::Setting;
use super::values;
use super::{Config, IpRange, KeepList, Limit, Patterns, Policy, Relation, Rule, env};
use crate::db::{Account, Endpoint};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Longest name of a schema on either server, in characters.
const SCHEMA_NAME_MAX: usize = 64;

/// Schemas of the servers themselves.
const SYSTEM_SCHEMAS: [&str; 4] = ["mysql", "information_schema", "performance_schema", "sys"];

/// The configuration of `serve`, checked.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// The source.
    pub database: Endpoint,
    /// Any of these opens the door; at least one, each of [`super::TOKEN_MIN`] characters or more.
    pub tokens: Vec<Secret>,
    /// Tables that are not served.
    pub exclude_tables: Patterns,
    /// How columns are masked, in the order of the file; checked in shape only.
    pub rules: Vec<Rule>,
    /// Which rows are wanted, in the order of the file; checked in shape only.
    pub limits: Vec<Limit>,
    /// Foreign keys that the schema does not declare, in the order of the file; checked in shape only.
    pub relations: Vec<Relation>,
    /// The time zone of DATETIME columns, as an offset: `+00:00`.
    pub datetime_timezone: String,
    /// What happens to columns without a rule.
    pub policy: Policy,
    /// Columns that are declared harmless; checked in shape only.
    pub keep: KeepList,
    /// Makes masks functions of the old values, of [`super::MASK_KEY_MIN`] characters or more; none makes them anew in
    /// every run.
    pub mask_key: Option<Secret>,
    /// Whether columns without a rule are looked at for leaks; then which are not, checked in shape only.
    pub leak_check: Option<KeepList>,
    /// Where to listen. Not loopback only if `server.allow_http` is set.
    pub bind: SocketAddr,
    /// Path before every endpoint, without slashes around it.
    pub route_prefix: String,
    /// Source connections in use over all runs.
    pub threads: usize,
    /// Where copies are kept.
    pub temp_strategy: TempStrategy,
    /// Who makes them; none: the source's own account.
    pub temp_account: Option<Account>,
    /// Most rows of one batch.
    pub chunk_size: u32,
    /// Who may ask; empty: anybody. See [`ServeConfig::allows`].
    pub allow_ips: Vec<IpRange>,
    /// Runs at a time.
    pub max_runs: usize,
    /// A run that nobody asks about for so long ends.
    pub idle_timeout: Duration,
    /// A stream that nobody reads for so long ends.
    pub stall_timeout: Duration,
    /// Bytes of sanitized frames that may wait for clients.
    pub spool_max: u64,
    /// When columns are masked, where copies are kept.
    pub mask_at: MaskAt,
    /// What may be locked while snapshots are opened, where nothing is copied.
    pub snapshot_lock: SnapshotLock,
    /// zstd's.
    pub compression_level: i32,
    /// HTTPS with this certificate; none: plain HTTP.
    pub tls: Option<TlsFiles>,
}

/// The PEM files of a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl ServeConfig {
    /// Whether `allow_ips` lets this address in.
    #[must_use]
    pub fn allows(&self, address: std::net::IpAddr) -> bool {
        self.allow_ips.is_empty() || self.allow_ips.iter().any(|range| range.contains(address))
    }
}

/// `server.temp_strategy` and `server.temp_database`: where the copies of a run are kept on the source's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TempStrategy {
    /// In a schema of their own.
    Database,
    /// In this schema, never the source.
    TempDatabase(String),
    /// Beside the source's tables.
    Tables,
    /// Nowhere: tables are masked while they are read.
    Select,
}

/// `server.snapshot_lock`: what may be locked while the snapshots of a run are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotLock {
    /// Nothing.
    None,
    /// The run's tables, against writing.
    Tables,
}

/// What [`TempStrategy`] is spelled as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Database,
    Tables,
    Select,
}

/// `server.mask_at`: when columns are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskAt {
    /// By `UPDATE` on the copy.
    Update,
    /// While copying.
    Copy,
}

impl Config {
    /// What `serve` needs, all of it checked.
    ///
    /// # Errors
    /// `Kind::Config` with the key or variable, its place, and what to do; `Kind::Usage` for flags.
    pub fn serve(&self) -> Result<ServeConfig> {
        if !self.layers.boolean(&[env::SERVER_ENABLED], "server.enabled", false)? {
            return Err(Error::config("the server is not enabled here: `server.enabled` is false").hint(
                "set enabled = true in [server], or BACKFILL_SERVER_ENABLED=true, where data may be served",
            ));
        }
        let tokens = self.tokens()?;
        let policy = self.policy()?;
        let database = self.database()?;
        let tls = self.tls_files()?;
        let temp_strategy = self.temp_strategy(&database)?;
        let layers = &self.layers;
        let seconds = |path, default| self.seconds(path, default);
        Ok(ServeConfig {
            tokens,
            exclude_tables: self.exclude_tables()?,
            rules: self.rules().to_vec(),
            limits: self.layers.file.limits.clone(),
            relations: self.layers.file.relations.clone(),
            datetime_timezone: self.datetime_timezone()?,
            policy,
            keep: self.keep(),
            mask_key: self.mask_key()?,
            leak_check: self.leak_check()?,
            bind: self.bind(tls.is_some())?,
            route_prefix: self.route_prefix()?,
            threads: layers.number(
                self.overrides.threads.map(|n| ("--threads", n)),
                "server.threads",
                8,
                1..=256,
            )?,
            snapshot_lock: self.snapshot_lock(&temp_strategy)?,
            temp_account: self.temp_account(Some(&temp_strategy))?,
            mask_at: self.mask_at_with(&temp_strategy)?,
            temp_strategy,
            database,
            chunk_size: layers.number(None, "server.chunk_size", 5000, 1..=1_000_000)?,
            allow_ips: self.allow_ips()?,
            max_runs: layers.number(None, "server.max_runs", 2, 1..=1000)?,
            idle_timeout: seconds("server.idle_timeout", 900)?,
            stall_timeout: seconds("server.stall_timeout", 120)?,
            spool_max: layers.size("server.spool_max", 1024 * MIB, MIB)?,
            compression_level: layers.number(None, "server.compression_level", 1, 1..=19)?,
            tls,
        })
    }

    /// A number of seconds, from one to a week.
    pub(super) fn seconds(&self, path: &'static str, default: u32) -> Result<Duration> {
        let seconds: u32 = self.layers.number(None, path, default, 1..=7 * 24 * 3600)?;
        Ok(Duration::from_secs(seconds.into()))
    }

    fn mask_at(&self) -> Result<MaskAt> {
        let words = [("update", MaskAt::Update), ("copy", MaskAt::Copy)];
        Ok(self.layers.choice(&[], "server.mask_at", &words)?.unwrap_or(MaskAt::Update))
    }

    /// Whether masks are set by `UPDATE`.
    ///
    /// # Errors
    /// `Kind::Config` for an unknown word.
    pub fn masks_by_update(&self) -> Result<bool> {
        Ok(self.temp_word()? != Word::Select && self.mask_at()? == MaskAt::Update)
    }

    fn mask_at_with(&self, strategy: &TempStrategy) -> Result<MaskAt> {
        let written = self.layers.text(&[], "server.mask_at")?;
        match written.filter(|_| *strategy == TempStrategy::Select) {
            Some(setting) => Err(without_copies(&setting)),
            None => self.mask_at(),
        }
    }

    fn snapshot_lock(&self, strategy: &TempStrategy) -> Result<SnapshotLock> {
        let words = [("none", SnapshotLock::None), ("tables", SnapshotLock::Tables)];
        let lock = self.layers.choice(&[], "server.snapshot_lock", &words)?.unwrap_or(SnapshotLock::None);
        match self.layers.text(&[], "server.snapshot_lock")? {
            Some(setting) if lock == SnapshotLock::Tables && *strategy != TempStrategy::Select => {
                Err(setting
                    .origin
                    .error("has no effect: only temp_strategy = \"select\" reads all tables at one moment")
                    .hint("leave it out of [server], or set temp_strategy = \"select\""))
            }
            _ => Ok(lock),
        }
    }

    fn datetime_timezone(&self) -> Result<String> {
        match self.layers.text(&[], "server.datetime_timezone")? {
            None => Ok("+00:00".to_owned()),
            Some(Setting { value, origin }) => values::offset(value.expose().trim()).ok_or_else(|| {
                origin
                    .error("must be an offset from UTC, from -12:59 to +14:00")
                    .hint("such as \"+00:00\" or \"-05:00\"; names of time zones are not understood, but for \"UTC\"")
            }),
        }
    }

    fn temp_word(&self) -> Result<Word> {
        let words = [("database", Word::Database), ("tables", Word::Tables), ("select", Word::Select)];
        let word = self.layers.choice(&[env::TEMP_STRATEGY], "server.temp_strategy", &words)?;
        Ok(word.unwrap_or(Word::Database))
    }

    pub(super) fn temp_strategy(&self, source: &Endpoint) -> Result<TempStrategy> {
        let word = self.temp_word()?;
        let temp_database = self.layers.text(&[env::TEMP_DATABASE], "server.temp_database")?;
        match (word, temp_database) {
            (Word::Database, None) => Ok(TempStrategy::Database),
            (Word::Database, Some(setting)) => {
                temp_database_name(&setting, source).map(TempStrategy::TempDatabase)
            }
            (Word::Tables, None) => Ok(TempStrategy::Tables),
            (Word::Select, None) => Ok(TempStrategy::Select),
            (Word::Select, Some(setting)) => Err(without_copies(&setting)),
            (Word::Tables, Some(setting)) => Err(setting
                .origin
                .error(
                    "has no effect: with temp_strategy = \"tables\" copies are kept in the source database",
                )
                .hint("leave one of the two out of [server]")),
        }
    }

    /// Both or neither.
    pub(super) fn temp_account(&self, strategy: Option<&TempStrategy>) -> Result<Option<Account>> {
        let username = self.layers.text(&[env::TEMP_USERNAME], "server.temp_username")?;
        let password = self.layers.text(&[env::TEMP_PASSWORD], "server.temp_password")?;
        match (username, password) {
            (None, None) => Ok(None),
            (Some(setting), _) | (None, Some(setting)) if strategy == Some(&TempStrategy::Select) => {
                Err(without_copies(&setting))
            }
            (Some(username), _) if username.value.expose().trim().is_empty() => {
                Err(username.origin.error("must not be empty").hint("name the account, or leave both out"))
            }
            (Some(username), Some(password)) => Ok(Some(Account {
                user: username.value.expose().trim().to_owned(),
                password: password.value,
            })),
            (Some(one), None) | (None, Some(one)) => Err(one
                .origin
                .error("is only half of an account: `server.temp_username` and `server.temp_password` go together")
                .hint("set BACKFILL_TEMP_USERNAME and BACKFILL_TEMP_PASSWORD, best in .env, or leave both out")),
        }
    }

    fn tls_files(&self) -> Result<Option<TlsFiles>> {
        let path = |key| -> Result<Option<PathBuf>> {
            let setting = self.layers.text(&[], key)?;
            Ok(setting.map(|setting| self.folder.join(setting.value.expose())))
        };
        match (path("server.tls_cert")?, path("server.tls_key")?) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (None, None) => Ok(None),
            _ => Err(Error::config(
                "`server.tls_cert` and `server.tls_key` go together, and one of them is missing",
            )
            .hint("name the PEM files of the certificate and of its key in [server]")),
        }
    }

    fn bind(&self, tls: bool) -> Result<SocketAddr> {
        let allow_http = self.layers.boolean(&[], "server.allow_http", false)?;
        let written = self.layers.text(&[], "server.bind")?;
        let (address, subject, kind) = match (self.overrides.bind, written) {
            (Some(address), _) => (address, "`--bind`".to_owned(), Kind::Usage),
            (None, None) => return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 8765))),
            (None, Some(Setting { value, origin })) => {
                let address = value.expose().trim().parse().map_err(|_| {
                    origin
                        .error("must be an IP address and a port")
                        .hint("such as 127.0.0.1:8765, 0.0.0.0:8765 or [::1]:8765")
                })?;
                (address, origin.to_string(), Kind::Config)
            }
        };
        if !tls && !allow_http && !address.ip().to_canonical().is_loopback() {
            let what = format!(
                "{subject} is not a loopback address, and plain HTTP would carry the token and the data"
            );
            return Err(Error::new(kind, what).hint(
                "set tls_cert and tls_key in [server]; or put a proxy that speaks HTTPS in front and set allow_http = true; or stay on 127.0.0.1",
            ));
        }
        Ok(address)
    }

    fn allow_ips(&self) -> Result<Vec<IpRange>> {
        let Some(Setting { value, origin }) = self.layers.list(&[], "server.allow_ips") else {
            return Ok(Vec::new());
        };
        let parse = |(at, text): (usize, &Secret)| {
            IpRange::parse(text.expose().trim()).ok_or_else(|| {
                Error::config(format!("entry {} is not an address or a range of addresses", at + 1))
                    .context(&origin)
                    .hint("such as \"192.0.2.7\" or \"10.0.0.0/8\", with no bits set after the prefix")
            })
        };
        value.iter().enumerate().map(parse).collect()
    }
}

fn without_copies(setting: &Setting<Secret>) -> Error {
    setting
        .origin
        .error("has no effect: with temp_strategy = \"select\" nothing is copied")
        .hint("leave one of the two out of [server]")
}

/// A schema that may be written to and whose tables of ours may be dropped.
fn temp_database_name(setting: &Setting<Secret>, source: &Endpoint) -> Result<String> {
    let Setting { value, origin } = setting;
    let name = value.expose().trim();
    let lower = name.to_lowercase();
    let wrong = |what: &str| {
        Err(origin
            .error(what)
            .hint("name a schema that is for nothing else, or leave it out: one is made per run"))
    };
    if name.is_empty() {
        wrong("must not be empty")
    } else if lower == source.database.to_lowercase() {
        // Schema names differ by case on some servers and not on others; the source is never written to.
        wrong("is the source database, which is never written to")
    } else if SYSTEM_SCHEMAS.contains(&lower.as_str()) {
        wrong("is a schema of the server itself")
    } else if lower.starts_with("_backfill_") {
        wrong("begins with `_backfill_`, and such schemas are dropped as leftovers")
    } else if name.chars().count() > SCHEMA_NAME_MAX || name.chars().any(char::is_control) {
        wrong("is not a name that a schema can have")
    } else {
        Ok(name.to_owned())
    }
}
