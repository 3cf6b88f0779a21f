//! The server and schema that are written to, and small questions to them.

use super::definition::Definition;
use crate::db::error::server_code;
use crate::db::flavour::ServerFacts;
use crate::db::{Connection, Endpoint, Role};
use crate::error::{Context, Error, Kind, Result};
use crate::schema::Flavour;
use crate::sql::ident::string_literal;
use crate::sql::{Ident, TableName};
use std::collections::BTreeSet;

/// Where connections of a pull go.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) endpoint: Endpoint,
    pub(super) facts: ServerFacts,
}

impl Site {
    /// A connection that may change the target; `schema` is its default schema.
    pub(super) fn connect(&self, schema: Option<&str>) -> Result<Connection> {
        let mut conn = Connection::open_in(&self.endpoint, Role::Target, schema)?;
        if conn.flavour() == Flavour::Mysql {
            // Generated invisible primary keys are part of a definition; servers before 8.0.30 have none.
            let shown = conn.execute("SET SESSION show_gipk_in_create_table_and_information_schema = ON");
            unless_code(shown, &[1193, 1227])?;
        }
        Ok(conn)
    }

    pub(super) fn database(&self) -> &str {
        &self.endpoint.database
    }

    /// Says which statement gives the account what it lacks, unless the error says it already.
    pub(super) fn with_grant(&self, error: Error) -> Error {
        if error.kind() != Kind::Privilege || error.hint_text().is_some() {
            return error;
        }
        let database = Ident::new(self.database());
        error.hint(format!("give the account what it lacks: GRANT ALL ON {database}.* TO the account"))
    }

    /// A table or schema name as it compares on this server.
    pub(super) fn fold(&self, name: &str) -> String {
        if self.facts.folds_table_names() { name.to_lowercase() } else { name.to_owned() }
    }

    /// Names of all tables of `schema`, folded; empty if there is no such schema.
    pub(super) fn tables(&self, conn: &mut Connection, schema: &str) -> Result<BTreeSet<String>> {
        let names: Vec<String> = conn.query(&format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
            string_literal(schema)
        ))?;
        Ok(names.iter().map(|name| self.fold(name)).collect())
    }
}

/// The server's refusals with one of `codes` are let go.
pub(super) fn unless_code<T>(result: Result<T>, codes: &[u16]) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if server_code(&error).is_some_and(|code| codes.contains(&code)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text of `SHOW CREATE TABLE`.
pub(super) fn show_create(conn: &mut Connection, table: &TableName) -> Result<String> {
    let row: Option<mysql::Row> = conn.query_first(&format!("SHOW CREATE TABLE {table}"))?;
    let text = row.and_then(|row| row.get_opt::<Vec<u8>, usize>(1)).and_then(Result::ok);
    // MariaDB writes defaults of binary columns as they are; nothing that is read from here is inside a default.
    text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .ok_or_else(|| Error::new(Kind::Target, format!("the definition of {table} cannot be read")))
}

/// The table's definition, taken apart.
pub(super) fn definition(conn: &mut Connection, table: &TableName) -> Result<Definition> {
    Definition::parse(&show_create(conn, table)?).context(|| format!("reading the definition of {table}"))
}
