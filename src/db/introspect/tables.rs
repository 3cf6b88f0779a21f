//! Tables and their sizes.

use super::Catalog;
use super::text::lossy;
use crate::db::connect::Connection;
use crate::error::Result;
use crate::schema::{Table, TableKind};
use crate::sql::workspace::is_workspace_table;
use std::collections::BTreeMap;

/// What `information_schema.TABLES` holds of one database.
pub(super) struct Found {
    pub(super) tables: BTreeMap<String, Table>,
    pub(super) views: u64,
}

type Row = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<u64>,
    Option<u64>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<i64>,
);

pub(super) fn load(conn: &mut Connection, catalog: &Catalog) -> Result<Found> {
    let rows: Vec<Row> = conn.query(&format!(
        "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, TABLE_ROWS, DATA_LENGTH, CREATE_OPTIONS, \
         TABLE_COMMENT, CAST(UNIX_TIMESTAMP(CREATE_TIME) AS SIGNED) \
         FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
        catalog.database
    ))?;
    let mut found = Found { tables: BTreeMap::new(), views: 0 };
    for row in rows {
        // What a run of ours keeps beside an application's tables is no part of them, on whichever side.
        if is_workspace_table(&row.0) {
            continue;
        }
        let kind = match row.1.as_str() {
            "BASE TABLE" => TableKind::Base,
            "SYSTEM VERSIONED" => TableKind::SystemVersioned,
            "SEQUENCE" => TableKind::Sequence,
            other => {
                found.views += u64::from(other.contains("VIEW"));
                continue;
            }
        };
        found.tables.insert(row.0.clone(), table(row, kind));
    }
    Ok(found)
}

fn table(
    (name, _, engine, collation, rows, bytes, options, comment, created): Row,
    kind: TableKind,
) -> Table {
    let collation = collation.unwrap_or_default();
    let options = options.map(lossy).unwrap_or_default();
    Table {
        name,
        kind,
        engine: engine.unwrap_or_default(),
        charset: charset_of(&collation).to_owned(),
        collation,
        columns: Vec::new(),
        primary_key: Vec::new(),
        indexes: Vec::new(),
        hidden_indexes: Vec::new(),
        index_comments: BTreeMap::new(),
        primary_prefixes: BTreeMap::new(),
        primary_descending: Vec::new(),
        checks: Vec::new(),
        unenforced_checks: Vec::new(),
        row_count: rows.unwrap_or(0),
        bytes: bytes.unwrap_or(0),
        partitioned: options.split_whitespace().any(|word| word == "partitioned"),
        comment: comment.map(lossy).unwrap_or_default(),
        created,
    }
}

/// A collation's character set: every collation but `binary` is named after its own.
fn charset_of(collation: &str) -> &str {
    collation.split_once('_').map_or(collation, |(charset, _)| charset)
}
