//! Opening a connection and running statements on it.

use super::deadline;
use super::endpoint::{Endpoint, TlsMode};
use super::error::{from_mysql, server_code};
use super::identify::{identify, server_name};
use super::rows::Rows;
use super::session::{self, Role, Setting};
use crate::error::{Context, Error, Kind, Result};
use crate::schema::{Flavour, Version};
use crate::sql::Statement;
use mysql::consts::CapabilityFlags;
use mysql::prelude::{FromRow, Queryable};
use mysql::{Conn, OptsBuilder, SslOpts};
use std::time::Duration;

/// How long one address may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may be silent at a time until a connection is set up. A database that a cloud has put to sleep
/// takes about half of that to wake.
const SETUP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long sent bytes may stay unacknowledged before the connection counts as dead.
const UNACKNOWLEDGED_MS_MAX: u32 = 60_000;
/// Result rows may be larger than the server's own packet limit.
const PACKET_BYTES_MAX: usize = 1 << 30;

/// Numbers that a best-effort setting may be refused with: unknown variable, missing right, read-only variable,
/// wrong value, cannot change inside this session.
const SETTING_REFUSED: &[u16] = &[1193, 1227, 1229, 1231, 1238, 1621];

/// What a statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Rows changed or inserted.
    pub affected: u64,
    /// Warnings raised.
    pub warnings: u16,
}

/// A warning as far as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Only a note.
    pub is_note: bool,
    /// Its number.
    pub code: u16,
    /// The column that it names.
    pub column: Option<String>,
}

/// The column of "Data truncated for column 'x' at row 1".
fn named_column(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("column '")?;
    Some(rest.rsplit_once("' at row")?.0)
}

/// A connection with its session settings in place. It never reconnects: what was set or locked would be lost.
pub struct Connection {
    conn: Conn,
    role: Role,
    flavour: Flavour,
    version: Version,
    server: String,
    tag: String,
    /// Whether the session was given the key of masks.
    has_key: bool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("flavour", &self.flavour)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects, finds out what the server is, and applies the settings of `role`.
    ///
    /// # Errors
    /// `Source` or `Target` (by role) when the server cannot be reached or is neither MySQL nor MariaDB,
    /// `Privilege` when it refuses the account.
    pub fn open(endpoint: &Endpoint, role: Role) -> Result<Self> {
        Self::open_in(endpoint, role, Some(&endpoint.database))
    }

    /// As [`Connection::open`] with another default schema, or none.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn open_in(endpoint: &Endpoint, role: Role, schema: Option<&str>) -> Result<Self> {
        Self::open_within(endpoint, role, schema, SETUP_TIMEOUT)
    }

    /// As [`Connection::open_in`], with another limit on the server's silence while the connection is set up: after
    /// accepting it, in the handshake, in TLS, in the first settings. Statements afterwards have no limit.
    ///
    /// # Errors
    /// As [`Connection::open`]; the error for silence is retryable.
    pub fn open_within(
        endpoint: &Endpoint,
        role: Role,
        schema: Option<&str>,
        silence_max: Duration,
    ) -> Result<Self> {
        let explain = |error| deadline::explain(error, silence_max);
        let conn = connect(endpoint, schema, silence_max)
            .map_err(|error| explain(connect_error(error, endpoint, kind_of(role))))
            .context(|| format!("connecting to {}", endpoint.describe()))?;
        Self::set_up(conn, role)
            .map_err(explain)
            .context(|| format!("setting up a session on {}", endpoint.describe()))
    }

    fn set_up(mut conn: Conn, role: Role) -> Result<Self> {
        let kind = kind_of(role);
        let (flavour, version) = identify(&mut conn, kind)?;
        let server = server_name(&mut conn, kind)?;
        let mut connection =
            Self { conn, role, flavour, version, server, tag: "/* backfill */ ".to_owned(), has_key: false };
        connection.apply_settings()?;
        deadline::lift(&connection.conn)?;
        Ok(connection)
    }

    fn apply_settings(&mut self) -> Result<()> {
        for group in session::groups(self.role, self.flavour) {
            match self.execute(&session::statement(&group)) {
                Ok(_) => {}
                Err(error) if server_code(&error).is_some() => {
                    group.into_iter().try_for_each(|setting| self.apply(setting))?;
                }
                Err(error) => return Err(error.context("the first settings")),
            }
        }
        Ok(())
    }

    fn apply(&mut self, setting: &Setting) -> Result<()> {
        match self.execute(setting.sql) {
            Ok(_) => Ok(()),
            Err(error)
                if !setting.required && server_code(&error).is_some_and(|c| SETTING_REFUSED.contains(&c)) =>
            {
                tracing::debug!(setting = setting.sql, "the server does not take this setting");
                Ok(())
            }
            Err(error) => Err(error.context(setting.sql)),
        }
    }

    /// Names the run in a comment before every statement, so that a DBA sees whose it is.
    pub fn set_run(&mut self, run: &str) {
        self.tag = format!("/* backfill run={run} */ ");
    }

    /// The server's family.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The server's own name: host, port and server id as it knows them. Two connections with different names are on
    /// different servers, whatever address both were opened with.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The server's number for this connection.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.conn.connection_id()
    }

    /// Runs the statement that gives the session the key of masks: from now on others may read it.
    ///
    /// # Errors
    /// As [`Connection::execute`].
    pub fn give_key(&mut self, sql: &str) -> Result<()> {
        self.execute(sql)?;
        self.has_key = true;
        Ok(())
    }

    /// What is sent. A mask that is made without its key would be NULL, and nobody would be told.
    fn text_of(&self, statement: &Statement<'_>) -> Result<String> {
        if statement.reads_key() && !self.has_key {
            return Err(Error::internal(
                "a statement needs the key of masks, and its session was not given it",
            ));
        }
        Ok(format!("{}{}", self.tag, statement.sql()))
    }

    /// Runs exactly one statement without a result set.
    ///
    /// # Errors
    /// The server's, stripped of values; connection failures.
    pub fn execute<'s>(&mut self, statement: impl Into<Statement<'s>>) -> Result<Done> {
        let kind = kind_of(self.role);
        let text = self.text_of(&statement.into())?;
        self.conn.query_drop(text).map_err(|error| from_mysql(error, kind))?;
        Ok(Done { affected: self.conn.affected_rows(), warnings: self.conn.warnings() })
    }

    /// Runs a statement that is already complete (a batch), without a copy for the tag.
    ///
    /// # Errors
    /// As [`Connection::execute`].
    pub fn execute_batch(&mut self, sql: &str) -> Result<Done> {
        let kind = kind_of(self.role);
        self.conn.query_drop(sql).map_err(|error| from_mysql(error, kind))?;
        Ok(Done { affected: self.conn.affected_rows(), warnings: self.conn.warnings() })
    }

    /// All rows of a small result.
    ///
    /// # Errors
    /// The server's, stripped of values; `Internal` when a row has another shape than `T`.
    pub fn query<'s, T: FromRow>(&mut self, statement: impl Into<Statement<'s>>) -> Result<Vec<T>> {
        let kind = kind_of(self.role);
        let text = self.text_of(&statement.into())?;
        let mut result = self.conn.query_iter(text).map_err(|error| from_mysql(error, kind))?;
        let mut rows = Vec::new();
        for row in result.by_ref() {
            let row = row.map_err(|error| from_mysql(error, kind))?;
            let row = mysql::from_row_opt(row)
                .map_err(|_| Error::internal("the database answered a query with a row of another shape"))?;
            rows.push(row);
        }
        Ok(rows)
    }

    /// The first row of a small result.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub fn query_first<'s, T: FromRow>(&mut self, statement: impl Into<Statement<'s>>) -> Result<Option<T>> {
        Ok(self.query(statement)?.into_iter().next())
    }

    /// The one row that a query must have.
    ///
    /// # Errors
    /// As [`Connection::query`]; `Internal` without a row.
    pub fn query_one<'s, T: FromRow>(&mut self, statement: impl Into<Statement<'s>>) -> Result<T> {
        self.query_first(statement)?
            .ok_or_else(|| Error::internal("the database answered a query without a row"))
    }

    /// A result row by row. It must be read to its end: dropping it early reads the rest from the server.
    ///
    /// # Errors
    /// As [`Connection::execute`].
    pub fn stream<'s>(&mut self, statement: impl Into<Statement<'s>>) -> Result<Rows<'_>> {
        let kind = kind_of(self.role);
        let text = self.text_of(&statement.into())?;
        let result = self.conn.query_iter(text).map_err(|error| from_mysql(error, kind))?;
        Ok(Rows::new(result, kind))
    }

    /// Warnings of the last statement, without their text, which may quote values.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub fn warnings(&mut self) -> Result<Vec<Warning>> {
        let rows: Vec<(String, u16, String)> = self.query("SHOW WARNINGS")?;
        let warning = |(level, code, message): (String, u16, String)| Warning {
            is_note: level.eq_ignore_ascii_case("note"),
            code,
            column: named_column(&message).map(str::to_owned),
        };
        Ok(rows.into_iter().map(warning).collect())
    }

    /// Asks whether the server still answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn ping(&mut self) -> Result<()> {
        let kind = kind_of(self.role);
        self.conn.ping().map_err(|error| from_mysql(error, kind))
    }
}

fn kind_of(role: Role) -> Kind {
    match role {
        Role::Source | Role::Workspace => Kind::Source,
        Role::Target => Kind::Target,
    }
}

fn connect(endpoint: &Endpoint, schema: Option<&str>, silence_max: Duration) -> Result<Conn, mysql::Error> {
    let options =
        |ssl| options(endpoint, schema, ssl).read_timeout(Some(silence_max)).write_timeout(Some(silence_max));
    let loopback = endpoint.socket.is_some() || is_loopback(&endpoint.host);
    match endpoint.tls.mode {
        TlsMode::Disable => Conn::new(options(None)),
        // Nobody listens in on loopback, and TLS there costs a quarter of the throughput.
        TlsMode::Prefer if loopback => Conn::new(options(None)),
        TlsMode::Prefer => match Conn::new(options(Some(ssl(endpoint)))) {
            Err(mysql::Error::DriverError(mysql::DriverError::TlsNotSupported)) => Conn::new(options(None)),
            other => other,
        },
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyIdentity => {
            Conn::new(options(Some(ssl(endpoint))))
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn ssl(endpoint: &Endpoint) -> SslOpts {
    let mode = endpoint.tls.mode;
    SslOpts::default()
        .with_root_cert_path(endpoint.tls.ca.clone())
        .with_danger_accept_invalid_certs(matches!(mode, TlsMode::Prefer | TlsMode::Require))
        .with_danger_skip_domain_validation(!matches!(mode, TlsMode::VerifyIdentity))
}

fn options(endpoint: &Endpoint, schema: Option<&str>, ssl: Option<SslOpts>) -> OptsBuilder {
    let base = OptsBuilder::new()
        .user(Some(endpoint.user.clone()))
        .pass(Some(endpoint.password.expose()))
        .db_name(schema)
        // The driver would otherwise reconnect to whatever socket of that path exists on this machine.
        .prefer_socket(false)
        .max_allowed_packet(Some(PACKET_BYTES_MAX))
        .tcp_connect_timeout(Some(CONNECT_TIMEOUT))
        .tcp_keepalive_time_ms(Some(30_000))
        .tcp_user_timeout_ms(Some(UNACKNOWLEDGED_MS_MAX))
        // An UPDATE then counts the rows it matched, not only those that it changed.
        .additional_capabilities(CapabilityFlags::CLIENT_FOUND_ROWS)
        .connect_attrs(Some(std::collections::HashMap::from([("program_name", "backfill")])))
        .stmt_cache_size(0)
        .ssl_opts(ssl);
    match &endpoint.socket {
        Some(path) => base.socket(Some(path.to_string_lossy().into_owned())),
        None => base.ip_or_hostname(Some(endpoint.host.clone())).tcp_port(endpoint.port),
    }
}

fn connect_error(error: mysql::Error, endpoint: &Endpoint, kind: Kind) -> Error {
    // MySQL asks accounts that do not exist for any kind of authentication, so that nobody can tell.
    if matches!(error, mysql::Error::DriverError(mysql::DriverError::UnknownAuthPlugin(_))) {
        let what = format!(
            "the server refuses the account `{}`, or asks it for an authentication that backfill does not know",
            endpoint.user
        );
        return Error::new(Kind::Privilege, what).hint(
            "check the user name in DATABASE_URL or DB_*; the account must use caching_sha2_password, \
             mysql_native_password, ed25519 or parsec",
        );
    }
    let error = from_mysql(error, kind);
    match server_code(&error) {
        Some(1045 | 1698) => error.hint(
            "check user name and password in DATABASE_URL (special characters as %XX) or DB_*, and that the account \
             may come from this host",
        ),
        Some(1044) => error.hint(format!(
            "the account has no right on the database; GRANT SELECT ON {}.* TO it",
            crate::sql::Ident::new(endpoint.database.as_str())
        )),
        Some(1049) => error.hint("check the database name in DATABASE_URL or DB_DATABASE"),
        Some(_) => error,
        None => error.hint("check host and port, and that the database server is running"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_gives_away_its_column_and_nothing_else() {
        assert_eq!(named_column("Data truncated for column 'a'b' at row 7"), Some("a'b"));
        assert_eq!(named_column("Incorrect integer value: 'x'"), None);
    }
}
