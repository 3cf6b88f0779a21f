//! What must hold before anything is written: this environment may be pulled into, the target is a database of the
//! user's, not the source itself, and its tables store their rows where they say. Nothing overrides a guard.

use crate::db::Connection;
use crate::db::error::server_code;
use crate::db::flavour::ServerFacts;
use crate::db::lock::is_used;
use crate::error::{Error, Kind, Result};
use crate::schema::Flavour;
use crate::schema::diff::stores_locally;
use crate::wire::manifest::SourceIdentity;

/// Schemas that belong to the server.
const SYSTEM_SCHEMAS: &[&str] = &["mysql", "information_schema", "performance_schema", "sys"];

fn refused(what: impl Into<String>) -> Error {
    Error::new(Kind::Guard, what)
}

/// The environment must be one that may be pulled into.
///
/// # Errors
/// `Guard` with the environment and the list.
pub fn check_environment(environment: &str, allowed: &[String]) -> Result<()> {
    if allowed.iter().any(|name| name == environment) {
        return Ok(());
    }
    let list = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
    Err(refused(format!("the environment is `{environment}`, and a pull may only replace data in: {list}"))
        .hint(
            "set BACKFILL_ENV (or APP_ENV) to what this machine is; client.allowed_environments is the list",
        ))
}

/// The server's own schemas are no targets.
///
/// # Errors
/// `Guard`.
pub fn check_schema_name(database: &str) -> Result<()> {
    if SYSTEM_SCHEMAS.iter().any(|name| name.eq_ignore_ascii_case(database)) {
        return Err(refused(format!("`{database}` belongs to the database server itself"))
            .hint("name the application's database in DATABASE_URL or DB_DATABASE"));
    }
    Ok(())
}

/// No table may keep its rows somewhere else: emptying a copy of such a table may empty what it points to.
///
/// # Errors
/// `Guard` with every table and its engine.
pub fn check_engines<'a>(tables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<()> {
    let elsewhere: Vec<String> = tables
        .into_iter()
        .filter(|(_, engine)| !stores_locally(engine))
        .map(|(table, engine)| match engine {
            "" => format!("`{table}` (broken: it has no engine)"),
            engine => format!("`{table}` ({engine})"),
        })
        .collect();
    if elsewhere.is_empty() {
        return Ok(());
    }
    Err(refused(format!("tables of the target store their rows elsewhere: {}", elsewhere.join(", ")))
        .hint("add them to exclude_tables, or leave them out of --tables"))
}

/// The target must not be the server that the data comes from, by any name.
///
/// # Errors
/// `Guard` with what gave it away; the server's, connection failures.
pub fn check_not_source(conn: &mut Connection, facts: &ServerFacts, source: &SourceIdentity) -> Result<()> {
    if is_used(conn, &source.nonce)?.is_some() {
        return Err(same("a lock that the backfill server holds on its source is held here"));
    }
    if let Some(proof) = same_ids(facts, source) {
        return Err(same(proof));
    }
    if replicates(conn, source)? {
        return Err(same(
            "the target is a replica of it: what is written here is lost or breaks replication",
        ));
    }
    Ok(())
}

fn same(proof: &str) -> Error {
    refused(format!("the target is the source database's own server ({proof})"))
        .hint("point DATABASE_URL or DB_* at the local database")
}

fn same_ids(facts: &ServerFacts, source: &SourceIdentity) -> Option<&'static str> {
    let equal = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) => !a.is_empty() && a.eq_ignore_ascii_case(b),
        _ => false,
    };
    [
        (equal(&facts.server_uuid, &source.server_uuid), "equal server_uuid"),
        (equal(&facts.server_uid, &source.server_uid), "equal server_uid"),
        (equal(&facts.cluster_id, &source.cluster_id), "both in one Galera cluster"),
    ]
    .into_iter()
    .find_map(|(is, proof)| is.then_some(proof))
}

/// Whether the target's primary is the source. An account that may not ask is no replication account.
fn replicates(conn: &mut Connection, source: &SourceIdentity) -> Result<bool> {
    let statements: &[&str] = match conn.flavour() {
        Flavour::Mysql => &["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"],
        Flavour::Mariadb => &["SHOW ALL SLAVES STATUS"],
    };
    for statement in statements {
        match conn.query::<mysql::Row>(*statement) {
            Ok(rows) => return Ok(rows.iter().any(|row| is_primary(row, source))),
            Err(error) if server_code(&error).is_some() => {
                tracing::debug!(%error, statement, "replication status is not readable");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn is_primary(row: &mysql::Row, source: &SourceIdentity) -> bool {
    let cell = |names: &[&str]| -> Option<String> {
        let columns = row.columns_ref();
        let at = columns.iter().position(|c| names.iter().any(|n| c.name_str().eq_ignore_ascii_case(n)))?;
        row.get_opt::<Option<String>, usize>(at).and_then(Result::ok).flatten()
    };
    let uuid = cell(&["Source_UUID", "Master_UUID"]).filter(|uuid| !uuid.is_empty());
    if uuid.is_some() && source.server_uuid.is_some() {
        return uuid == source.server_uuid;
    }
    let host = cell(&["Source_Host", "Master_Host"]).unwrap_or_default();
    let port = cell(&["Source_Port", "Master_Port"]).and_then(|port| port.parse::<u16>().ok());
    !source.hostname.is_empty() && host.eq_ignore_ascii_case(&source.hostname) && port == Some(source.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Version;

    #[test]
    fn an_environment_must_be_on_the_list() {
        let allowed = ["local".to_owned(), "staging".to_owned()];
        assert!(check_environment("local", &allowed).is_ok());
        for (environment, list) in [("production", &allowed[..]), ("Local", &allowed[..]), ("local", &[])] {
            let error = check_environment(environment, list).unwrap_err();
            assert_eq!(error.kind(), Kind::Guard);
            assert!(error.what().contains(environment), "{error}");
        }
        let message = check_environment("production", &allowed).unwrap_err().to_string();
        assert!(message.contains("local, staging"), "{message}");
    }

    #[test]
    fn schemas_of_the_server_are_no_targets() {
        for name in ["mysql", "MySQL", "information_schema", "performance_schema", "sys"] {
            assert_eq!(check_schema_name(name).unwrap_err().kind(), Kind::Guard, "{name}");
        }
        assert!(check_schema_name("mysql_app").is_ok());
    }

    #[test]
    fn only_engines_that_keep_their_own_rows_are_taken() {
        assert!(check_engines([("a", "InnoDB"), ("b", "Aria"), ("c", "MyISAM")]).is_ok());
        for engine in ["MRG_MYISAM", "FEDERATED", "SPIDER", "CONNECT", "BLACKHOLE", "S3", "", "new"] {
            let error = check_engines([("fine", "InnoDB"), ("odd", engine)]).unwrap_err();
            assert_eq!(error.kind(), Kind::Guard, "{engine}");
            assert!(error.what().contains("`odd`") && !error.what().contains("fine"), "{error}");
        }
    }

    fn facts(uuid: Option<&str>, uid: Option<&str>, cluster: Option<&str>) -> ServerFacts {
        let own = |text: Option<&str>| text.map(str::to_owned);
        ServerFacts {
            flavour: Flavour::Mysql,
            version: Version(8, 0, 0),
            log_bin: None,
            sql_log_bin_settable: false,
            binlog_format: None,
            binlog_format_settable: false,
            max_allowed_packet: None,
            max_connections: None,
            max_user_connections: None,
            lower_case_table_names: None,
            server_uuid: own(uuid),
            server_uid: own(uid),
            cluster_id: own(cluster),
            wsrep_on: None,
            hostname: None,
            port: None,
            read_only: None,
            super_read_only: None,
            local_infile: None,
            innodb_page_size: None,
        }
    }

    #[test]
    fn equal_ids_give_the_source_away_and_missing_ones_do_not() {
        let table = [
            (Some("u"), None, None, Some("U"), None, None, true),
            (Some("u"), None, None, Some("v"), None, None, false),
            (None, None, None, None, None, None, false),
            (Some(""), None, None, Some(""), None, None, false),
            (None, Some("x"), None, None, Some("x"), None, true),
            (None, None, Some("c"), None, None, Some("c"), true),
            (Some("u"), None, Some("c"), Some("v"), None, Some("d"), false),
        ];
        for (uuid, uid, cluster, source_uuid, source_uid, source_cluster, expected) in table {
            let source = facts(source_uuid, source_uid, source_cluster).identity("nonce");
            let found = same_ids(&facts(uuid, uid, cluster), &source).is_some();
            assert_eq!(found, expected, "{source:?}");
        }
    }
}
