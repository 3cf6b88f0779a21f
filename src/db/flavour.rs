//! Facts of a server that decisions depend on, asked once per connection's life. What a server does not know is
//! none, never an error.

use super::connect::Connection;
use super::error::server_code;
use crate::error::{Error, Result};
use crate::schema::{Flavour, Version};
use crate::wire::manifest::SourceIdentity;
use std::collections::BTreeMap;

/// Unknown system variable.
const UNKNOWN_VARIABLE: u16 = 1193;
/// Numbers with which a server says that this account or this moment cannot set a variable: missing right,
/// GLOBAL only, no right in general, read-only variable, refused inside a session.
const NOT_SETTABLE: &[u16] = &[1045, 1227, 1229, 1231, 1238, 1621];

const VARIABLES: &str = "'log_bin', 'sql_log_bin', 'binlog_format', 'max_allowed_packet', 'max_connections', \
     'max_user_connections', 'lower_case_table_names', 'server_uuid', 'server_uid', 'hostname', 'port', 'read_only', \
     'super_read_only', 'wsrep_on', 'local_infile', 'innodb_page_size', 'version_comment'";

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its family.
    pub flavour: Flavour,
    /// Its version.
    pub version: Version,
    /// Whether it writes a binary log.
    pub log_bin: Option<bool>,
    /// Whether this account may switch the binary log off for its session.
    pub sql_log_bin_settable: bool,
    /// `ROW`, `MIXED` or `STATEMENT`; none where there is no choice any more.
    pub binlog_format: Option<String>,
    /// Whether this account may choose the format for its session.
    pub binlog_format_settable: bool,
    /// Bytes of the largest statement.
    pub max_allowed_packet: Option<u64>,
    /// Most connections at once.
    pub max_connections: Option<u64>,
    /// Most connections of this account at once; none without such a limit.
    pub max_user_connections: Option<u64>,
    /// 0: table names compare with case; 1: stored in lower case; 2: compare without case.
    pub lower_case_table_names: Option<u8>,
    /// MySQL's own id.
    pub server_uuid: Option<String>,
    /// MariaDB's own id (10.11.9, 11.1.6 and later).
    pub server_uid: Option<String>,
    /// Id of the Galera cluster that it belongs to.
    pub cluster_id: Option<String>,
    /// Whether replication by Galera is on.
    pub wsrep_on: Option<bool>,
    /// Its own name for its machine.
    pub hostname: Option<String>,
    /// Its own port, 0 without TCP.
    pub port: Option<u16>,
    /// Whether ordinary accounts may not write.
    pub read_only: Option<bool>,
    /// Whether nobody may write (MySQL).
    pub super_read_only: Option<bool>,
    /// Whether `LOAD DATA LOCAL` is allowed.
    pub local_infile: Option<bool>,
    /// Bytes of an InnoDB page, which bounds key lengths.
    pub innodb_page_size: Option<u64>,
}

impl ServerFacts {
    /// Asks the server.
    ///
    /// # Errors
    /// The server's, connection failures. Unknown variables are no error.
    pub fn load(conn: &mut Connection) -> Result<Self> {
        let rows: Vec<(String, String)> =
            conn.query(&format!("SHOW VARIABLES WHERE Variable_name IN ({VARIABLES})"))?;
        let values = Values(rows.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect());
        let cluster: Option<(String, String)> =
            conn.query_first("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'")?;
        Ok(Self {
            flavour: conn.flavour(),
            version: conn.version(),
            log_bin: values.flag("log_bin"),
            sql_log_bin_settable: settable(conn, "sql_log_bin")?,
            binlog_format: values.text("binlog_format"),
            binlog_format_settable: settable(conn, "binlog_format")?,
            max_allowed_packet: values.number("max_allowed_packet"),
            max_connections: values.number("max_connections"),
            max_user_connections: values.number("max_user_connections").filter(|&most| most > 0),
            lower_case_table_names: values.number("lower_case_table_names"),
            server_uuid: values.text("server_uuid"),
            server_uid: values.text("server_uid"),
            cluster_id: cluster.map(|(_, id)| id).filter(|id| !id.is_empty()),
            wsrep_on: values.flag("wsrep_on"),
            hostname: values.text("hostname"),
            port: values.number("port"),
            read_only: values.flag("read_only"),
            super_read_only: values.flag("super_read_only"),
            local_infile: values.flag("local_infile"),
            innodb_page_size: values.number("innodb_page_size"),
        })
    }

    /// Whether table names compare without case.
    #[must_use]
    pub fn folds_table_names(&self) -> bool {
        self.lower_case_table_names.is_some_and(|mode| mode != 0)
    }

    /// Who the server is, for the manifest; `nonce` is the name of the lock that serve holds on it.
    #[must_use]
    pub fn identity(&self, nonce: impl Into<String>) -> SourceIdentity {
        SourceIdentity {
            nonce: nonce.into(),
            server_uuid: self.server_uuid.clone(),
            server_uid: self.server_uid.clone(),
            cluster_id: self.cluster_id.clone(),
            hostname: self.hostname.clone().unwrap_or_default(),
            port: self.port.unwrap_or(0),
        }
    }
}

/// Variables by lower-case name.
struct Values(BTreeMap<String, String>);

impl Values {
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.0.get(name)?.parse().ok()
    }

    /// `ON`, or one of the several ways of saying that something is read-only (MariaDB 12 has `READ_ONLY_…`).
    fn flag(&self, name: &str) -> Option<bool> {
        let value = self.0.get(name)?;
        Some(!matches!(value.to_ascii_uppercase().as_str(), "OFF" | "0" | "NO" | ""))
    }
}

/// Whether this session may set `variable`, found out by setting it to what it is: rights are checked first.
fn settable(conn: &mut Connection, variable: &str) -> Result<bool> {
    match conn.execute(&format!("SET SESSION {variable} = @@SESSION.{variable}")) {
        Ok(_) => Ok(true),
        Err(error) => match server_code(&error) {
            Some(UNKNOWN_VARIABLE) => Ok(false),
            Some(code) if NOT_SETTABLE.contains(&code) => Ok(false),
            _ => Err(error),
        },
    }
}

/// The server's clock, UTC, `YYYY-MM-DD HH:MM:SS`.
///
/// # Errors
/// The server's, connection failures.
pub fn server_time(conn: &mut Connection) -> Result<String> {
    let now: Option<String> = conn.query_one("SELECT CAST(UTC_TIMESTAMP() AS CHAR)")?;
    now.ok_or_else(|| Error::internal("the server does not tell the time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(name: &str, value: &str) -> Values {
        Values(BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn variables_are_read_in_every_spelling() {
        for (value, expected) in
            [("ON", true), ("OFF", false), ("1", true), ("0", false), ("READ_ONLY_NO_LOCK", true)]
        {
            assert_eq!(values("read_only", value).flag("read_only"), Some(expected), "{value}");
        }
        assert_eq!(values("a", "1").flag("b"), None);
        assert_eq!(values("port", "3306").number::<u16>("port"), Some(3306));
        assert_eq!(values("port", "99999").number::<u16>("port"), None);
        assert_eq!(values("server_uid", "").text("server_uid"), None);
    }
}
