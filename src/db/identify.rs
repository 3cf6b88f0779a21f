//! What a server is, by its own word.

use super::error::from_mysql;
use crate::error::{Error, Kind, Result};
use crate::schema::{Flavour, Version};
use mysql::Conn;
use mysql::prelude::Queryable;

/// Which server it is, by its own word.
pub(super) fn server_name(conn: &mut Conn, kind: Kind) -> Result<String> {
    let name: Option<String> = conn
        .query_first("SELECT CONCAT(@@hostname, ':', @@port, ' (server id ', @@server_id, ')')")
        .map_err(|error| from_mysql(error, kind))?;
    Ok(name.unwrap_or_default())
}

/// Which family and version the server is, by its own word.
pub(super) fn identify(conn: &mut Conn, kind: Kind) -> Result<(Flavour, Version)> {
    let row: Option<(String, String)> =
        conn.query_first("SELECT @@version, @@version_comment").map_err(|error| from_mysql(error, kind))?;
    let (version, comment) = row.ok_or_else(|| Error::new(kind, "the server does not tell its version"))?;
    let known = parse_version(&version, &comment);
    known.ok_or_else(|| {
        Error::new(
            kind,
            format!("the server is neither MySQL nor MariaDB (it says `{version}`, `{comment}`)"),
        )
        .hint("backfill reads and writes MySQL 5.7 or newer and MariaDB 10.3 or newer")
    })
}

/// Servers that speak the protocol without being MySQL or MariaDB, by what their version strings contain.
const OTHERS: &[&str] =
    &["tidb", "vitess", "planetscale", "clickhouse", "oceanbase", "starrocks", "doris", "singlestore"];

fn parse_version(version: &str, comment: &str) -> Option<(Flavour, Version)> {
    let both = format!("{version} {comment}").to_lowercase();
    if OTHERS.iter().any(|name| both.contains(name)) {
        return None;
    }
    let flavour = if both.contains("mariadb") { Flavour::Mariadb } else { Flavour::Mysql };
    // Old MariaDB servers hide behind `5.5.5-` where replication of MySQL would choke on a higher number.
    let plain = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = plain.split(['.', '-']).map(|part| part.parse::<u16>().ok());
    let version = Version(numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0));
    Some((flavour, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_apart_by_their_own_word() {
        let table = [
            ("9.7.0", "MySQL Community Server - GPL", Some((Flavour::Mysql, Version(9, 7, 0)))),
            ("8.0.36-28", "Percona Server (GPL)", Some((Flavour::Mysql, Version(8, 0, 36)))),
            ("10.11.6-MariaDB-0+deb12u1", "Debian 12", Some((Flavour::Mariadb, Version(10, 11, 6)))),
            ("5.5.5-10.3.39-MariaDB", "", Some((Flavour::Mariadb, Version(10, 3, 39)))),
            ("8.0.11-TiDB-v7.5.0", "TiDB Server", None),
            ("rubbish", "", None),
        ];
        for (version, comment, expected) in table {
            assert_eq!(parse_version(version, comment), expected, "{version}");
        }
    }
}
