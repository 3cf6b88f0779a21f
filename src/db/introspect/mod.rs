//! Reading a database's structure from `information_schema`: a handful of queries for the whole database, never
//! one per table (a schema with thousands of tables would take minutes).
//!
//! What the catalogs differ in is asked of the catalog itself (`Catalog`), not concluded from versions. What was
//! tried on the servers and is handled here:
//! - MySQL escapes expression texts once more and reads their UTF-8 as latin1 (`text`);
//! - MariaDB shows an account that may only SELECT no referential actions, though the keys: they are read from
//!   `SHOW CREATE TABLE` then, for the tables with foreign keys only;
//! - a broken table (a MERGE table whose parts are gone) has NULL for everything on MariaDB;
//! - triggers, routines and events are invisible to an account without rights on them: they then count as none;
//! - neither server's catalog holds characters beyond the BMP in defaults, comments and ENUM members (`?`);
//!   for defaults their tables are asked (`defaults`).

mod binary;
mod columns;
mod defaults;
mod extra;
mod keys;
mod signature;
mod tables;
mod text;

pub use signature::{Signature, signatures};

use super::connect::Connection;
use crate::error::{Context, Result};
use crate::schema::{Flavour, Schema};
use crate::sql::Ident;
use crate::sql::ident::string_literal;
use std::collections::BTreeSet;

/// Session settings that a catalog is read with; a server that does not know one keeps its own way.
/// Without the first MySQL answers with row estimates up to a day old and writes the ones that it had to compute
/// into its dictionary; the second makes generated invisible primary keys visible.
const SETTINGS: &[&str] = &[
    "SET SESSION information_schema_stats_expiry = 0",
    "SET SESSION show_gipk_in_create_table_and_information_schema = ON",
];

/// Everything about the tables of `database`.
///
/// # Errors
/// The server's, named by what was asked: an unknown database (1049), one that the account may not see (1044,
/// `Privilege`), connection failures.
pub fn load_schema(conn: &mut Connection, database: &str) -> Result<Schema> {
    load(conn, database).context(|| format!("reading the structure of `{database}`"))
}

fn load(conn: &mut Connection, database: &str) -> Result<Schema> {
    // information_schema has no error for a database that does not exist.
    conn.execute(&format!("SHOW TABLES FROM {} LIKE ''", Ident::new(database)))?;
    if conn.flavour() == Flavour::Mysql {
        for setting in SETTINGS {
            if let Err(error) = conn.execute(*setting) {
                tracing::debug!(%error, setting, "the server does not take this setting");
            }
        }
    }
    let catalog = Catalog::load(conn, database)?;
    let mut found = tables::load(conn, &catalog)?;
    columns::load(conn, &catalog, &mut found.tables)?;
    defaults::load(conn, &catalog, &mut found.tables);
    keys::load_indexes(conn, &catalog, &mut found.tables)?;
    keys::load_checks(conn, &catalog, &mut found.tables)?;
    found.tables.values_mut().for_each(columns::finish);
    let foreign_keys = keys::load_foreign_keys(conn, &catalog, &found.tables)?;
    let triggers = keys::load_triggers(conn, &catalog)?;
    Ok(Schema {
        database: database.to_owned(),
        flavour: conn.flavour(),
        version: conn.version(),
        tables: found.tables,
        foreign_keys,
        triggers,
        views: found.views,
        routines: count(conn, &catalog, "ROUTINES", "ROUTINE_SCHEMA")?,
        events: count(conn, &catalog, "EVENTS", "EVENT_SCHEMA")?,
    })
}

/// The names of all views of `database`.
///
/// # Errors
/// The server's, connection failures.
pub fn view_names(conn: &mut Connection, database: &str) -> Result<BTreeSet<String>> {
    let names: Vec<String> = conn
        .query(&format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_TYPE LIKE '%VIEW%'",
            string_literal(database)
        ))
        .context(|| format!("reading the views of `{database}`"))?;
    Ok(names.into_iter().collect())
}

/// Columns of the catalog that not every version has.
const OPTIONAL: &str = "'SRS_ID', 'EXPRESSION', 'LEVEL', 'ENFORCED', 'CHECK_CLAUSE', 'GENERATION_EXPRESSION', 'SRID', 'IS_VISIBLE', 'IGNORED'";

/// What this server's catalog can tell.
struct Catalog {
    /// The database's name as a literal.
    database: String,
    name: String,
    flavour: Flavour,
    /// (table, column), upper case.
    columns: BTreeSet<(String, String)>,
    /// Whether table names compare without case.
    fold_names: bool,
}

impl Catalog {
    fn load(conn: &mut Connection, database: &str) -> Result<Self> {
        let columns: Vec<(String, String)> = conn.query(&format!(
            "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = 'information_schema' AND COLUMN_NAME IN ({OPTIONAL})"
        ))?;
        let fold: u8 = conn.query_one("SELECT @@lower_case_table_names")?;
        Ok(Self {
            database: string_literal(database),
            name: database.to_owned(),
            flavour: conn.flavour(),
            columns: columns.into_iter().map(|(t, c)| (t.to_uppercase(), c.to_uppercase())).collect(),
            fold_names: fold != 0,
        })
    }

    /// Whether the catalog's `table` has that column.
    fn has(&self, table: &str, column: &str) -> bool {
        self.columns.contains(&(table.to_owned(), column.to_owned()))
    }

    /// `column` where the catalog has it, NULL otherwise.
    fn or_null(&self, table: &str, column: &'static str) -> &'static str {
        if self.has(table, column) { column } else { "NULL" }
    }

    fn same_name(&self, a: &str, b: &str) -> bool {
        a == b || (self.fold_names && a.to_lowercase() == b.to_lowercase())
    }
}

fn count(conn: &mut Connection, catalog: &Catalog, table: &str, column: &str) -> Result<u64> {
    let database = &catalog.database;
    conn.query_one(&format!("SELECT COUNT(*) FROM information_schema.{table} WHERE {column} = {database}"))
}
