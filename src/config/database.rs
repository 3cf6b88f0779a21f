//! Which database is meant: `DATABASE_URL`, `DB_URL`, the `DB_*` of a framework, or `[database]`; one layer
//! decides, and its parts are never completed from another one.

use super::env::DATABASE_URLS;
use super::layers::{Layers, Origin, Setting, VarLayer};
use crate::db::{Endpoint, Tls, TlsMode};
use crate::error::{Error, Result};
use crate::secret::Secret;
use percent_encoding::percent_decode_str;
use std::path::{Path, PathBuf};
use url::Url;

const DEFAULT_PORT: u16 = 3306;

/// What says where a database is, part by part.
const PARTS: &[&str] = &["DB_HOST", "DB_PORT", "DB_DATABASE", "DB_USERNAME", "DB_PASSWORD", "DB_SOCKET"];

/// Products with a scheme or connection name of their own, for a message that names them.
const FOREIGN: &[(&str, &str)] = &[
    ("postgres", "PostgreSQL"),
    ("postgresql", "PostgreSQL"),
    ("pgsql", "PostgreSQL"),
    ("postgis", "PostgreSQL"),
    ("sqlite", "SQLite"),
    ("sqlite3", "SQLite"),
    ("sqlsrv", "SQL Server"),
    ("sqlserver", "SQL Server"),
    ("mssql", "SQL Server"),
    ("oracle", "Oracle"),
    ("mongodb", "MongoDB"),
    ("redis", "Redis"),
    ("jdbc", "a JDBC driver"),
];

/// `mysql2` and `trilogy` are the adapters of Rails.
const OURS: &[&str] = &["mysql", "mysql2", "trilogy", "mariadb"];

const TLS_MODES: &[(&str, TlsMode)] = &[
    ("disable", TlsMode::Disable),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-identity", TlsMode::VerifyIdentity),
];

/// The other spellings, of URL parameters.
const TLS_MODES_IN_URLS: &[(&str, TlsMode)] = &[
    ("disabled", TlsMode::Disable),
    ("preferred", TlsMode::Prefer),
    ("required", TlsMode::Require),
    ("verify-full", TlsMode::VerifyIdentity),
];

/// The database of the highest layer that names one; `folder` is what a relative `database.ca` is relative to.
pub(super) fn endpoint(layers: &Layers, folder: &Path) -> Result<Endpoint> {
    let tls = layers.choice(&[], "database.tls", TLS_MODES)?;
    let ca = layers.text(&[], "database.ca")?;
    let (mut endpoint, in_url) = address(layers)?;
    // The stricter one holds: a URL out of the environment must not take back what the file demands.
    let mode = tls.into_iter().chain(in_url).max_by_key(|mode| strictness(*mode)).unwrap_or_default();
    if let Some(ca) = &ca
        && strictness(mode) < strictness(TlsMode::VerifyCa)
    {
        return Err(ca
            .origin
            .error("has no effect, because certificates are not checked")
            .hint("set tls = \"verify-ca\" or \"verify-identity\" in [database]"));
    }
    endpoint.tls = Tls { mode, ca: ca.map(|ca| folder.join(ca.value.expose())) };
    Ok(endpoint)
}

/// Whether any layer names a database, rightly or wrongly.
pub(super) fn is_named(layers: &Layers) -> Result<bool> {
    let in_variables = layers
        .variables()
        .iter()
        .any(|layer| layer.first(DATABASE_URLS).is_some() || layer.first(PARTS).is_some());
    Ok(in_variables || layers.text(&[], "database.url")?.is_some())
}

fn strictness(mode: TlsMode) -> u8 {
    match mode {
        TlsMode::Disable => 0,
        TlsMode::Prefer => 1,
        TlsMode::Require => 2,
        TlsMode::VerifyCa => 3,
        TlsMode::VerifyIdentity => 4,
    }
}

/// The endpoint, without what `[database]` says about encryption, and what its URL says about it.
fn address(layers: &Layers) -> Result<(Endpoint, Option<TlsMode>)> {
    for layer in layers.variables() {
        if let Some(url) = layer.first(DATABASE_URLS) {
            return from_url(&url);
        }
        if let Some(endpoint) = from_parts(&layer)? {
            return Ok((endpoint, None));
        }
    }
    match layers.text(&[], "database.url")? {
        Some(url) => from_url(&url),
        None => Err(Error::config("no database is configured").hint(
            "set DATABASE_URL (or DB_DATABASE, DB_USERNAME, …) in the environment or .env, or `url` in [database]",
        )),
    }
}

/// The `DB_*` of one layer, if it has any that says where a database is.
fn from_parts(layer: &VarLayer<'_>) -> Result<Option<Endpoint>> {
    if let Some(Setting { value, origin }) = layer.first(&["DB_CONNECTION"]) {
        let name = value.expose().trim().to_ascii_lowercase();
        if !OURS.contains(&name.as_str()) {
            return Err(foreign(&origin, &name)
                .hint("set DATABASE_URL in the same place: it is looked at before the DB_* variables"));
        }
    }
    let Some(present) = layer.first(PARTS) else { return Ok(None) };
    let needed = |name: &'static str| {
        layer.first(&[name]).map(|setting| setting.value.expose().to_owned()).ok_or_else(|| {
            let what = format!("is set, but `{name}` is not set in the same place");
            present.origin.error(what).hint(
                "set all DB_* variables in one place, or DATABASE_URL: they are not put together from \
                 the environment, .env and the file",
            )
        })
    };
    let port = match layer.first(&["DB_PORT"]) {
        None => DEFAULT_PORT,
        Some(Setting { value, origin }) => parse_port(value.expose())
            .ok_or_else(|| origin.error("must be a port number").hint("3306 is the usual one"))?,
    };
    let host = layer.first(&["DB_HOST"]);
    Ok(Some(Endpoint {
        host: host.map_or_else(|| "127.0.0.1".to_owned(), |host| bare_host(host.value.expose().trim())),
        port,
        socket: layer.first(&["DB_SOCKET"]).map(|socket| PathBuf::from(socket.value.expose())),
        user: needed("DB_USERNAME")?,
        password: layer.first(&["DB_PASSWORD"]).map_or_else(|| Secret::new(""), |setting| setting.value),
        database: needed("DB_DATABASE")?,
        tls: Tls::default(),
    }))
}

fn parse_port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port != 0)
}

/// An IPv6 address without its brackets; anything else as it is.
fn bare_host(host: &str) -> String {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned()
}

/// "… is for PostgreSQL"; `name` is shown only if it is one of a known list.
fn foreign(origin: &Origin, name: &str) -> Error {
    let product = FOREIGN.iter().find(|(known, _)| *known == name).map(|(_, product)| *product);
    let product = product.unwrap_or("another kind of database");
    origin.error(format!("is for {product}; backfill reads MySQL and MariaDB only"))
}

const URL_HINT: &str = "write mysql://USER:PASSWORD@HOST:PORT/DATABASE; special characters in the user, the \
                        password or the database have to be percent-encoded (# is %23, / is %2F, ? is %3F)";

fn from_url(setting: &Setting<Secret>) -> Result<(Endpoint, Option<TlsMode>)> {
    let origin = &setting.origin;
    let bad = |what: &str| origin.error(what).hint(URL_HINT);
    let text = setting.value.expose().trim();
    // Parts of a broken URL are never shown: with an unescaped # or / the "host" is half of the password.
    let (scheme, _) = text.split_once(':').ok_or_else(|| bad("is not a URL"))?;
    let scheme = scheme.to_ascii_lowercase();
    let base = scheme.split('+').next().unwrap_or_default();
    if !OURS.contains(&base) {
        return Err(foreign(origin, base).hint(URL_HINT));
    }
    let url = Url::parse(text).map_err(|_| bad("is not a URL that can be read"))?;
    if url.fragment().is_some() {
        return Err(bad("has a `#` in it"));
    }
    let decoded = |part: &str, what: &str| match percent_decode_str(part).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(bad(&format!("has a {what} that is not UTF-8"))),
    };
    let user = decoded(url.username(), "user")?;
    let database =
        decoded(one_segment(url.path()).ok_or_else(|| bad("has a `/` in its database"))?, "database")?;
    let host = decoded(url.host_str().unwrap_or_default(), "host")?;
    if user.is_empty() {
        return Err(bad("names no user"));
    }
    if database.is_empty() {
        return Err(bad("names no database"));
    }
    let options = UrlOptions::read(&url, origin)?;
    let socket = options.socket.or_else(|| host.starts_with('/').then(|| PathBuf::from(&host)));
    if host.is_empty() && socket.is_none() {
        return Err(bad("names no host"));
    }
    if url.port() == Some(0) {
        return Err(bad("has the port 0"));
    }
    let endpoint = Endpoint {
        host: if host.is_empty() || host.starts_with('/') {
            "localhost".to_owned()
        } else {
            bare_host(&host)
        },
        port: url.port().unwrap_or(DEFAULT_PORT),
        socket,
        user,
        password: Secret::new(decoded(url.password().unwrap_or_default(), "password")?),
        database,
        tls: Tls::default(),
    };
    Ok((endpoint, options.tls))
}

/// `/app` and `/app/`; `None` if there is more.
fn one_segment(path: &str) -> Option<&str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    (!path.contains('/')).then_some(path)
}

/// What we take from a URL's query. Frameworks put much more there (charset, pool, reconnect, serverVersion,
/// …), which is theirs and says nothing about reaching the database.
#[derive(Default)]
struct UrlOptions {
    socket: Option<PathBuf>,
    tls: Option<TlsMode>,
}

impl UrlOptions {
    fn read(url: &Url, origin: &Origin) -> Result<Self> {
        let mut options = Self::default();
        for pair in url.query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Not as form data: a `+` in the path of a socket is a plus.
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name.to_ascii_lowercase().replace('_', "-").as_str() {
                "socket" | "unix-socket" if !value.is_empty() => {
                    options.socket = Some(PathBuf::from(value.as_ref()));
                }
                "ssl-mode" | "sslmode" => {
                    let word = value.to_ascii_lowercase().replace('_', "-");
                    let mut modes = TLS_MODES.iter().chain(TLS_MODES_IN_URLS);
                    let mode = modes.find(|(known, _)| *known == word).map(|(_, mode)| *mode);
                    options.tls = Some(mode.ok_or_else(|| {
                        origin
                            .error("has an ssl-mode that is not known")
                            .hint("use disable, prefer, require, verify-ca or verify-identity")
                    })?);
                }
                _ => {}
            }
        }
        Ok(options)
    }
}
