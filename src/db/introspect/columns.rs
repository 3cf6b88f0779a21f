//! Columns.

use super::extra::Extra;
use super::text::{expression, is_binary, lossy, mariadb_default, mysql_default};
use super::{Catalog, binary};
use crate::db::connect::Connection;
use crate::error::Result;
use crate::schema::{Column, Flavour, Generated, Table};
use std::collections::{BTreeMap, BTreeSet};

type Row = (
    String,
    String,
    String,
    Vec<u8>,
    Option<String>,
    Option<String>,
    String,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<u64>,
    Option<Vec<u8>>,
);

/// Fills in the columns of all tables.
pub(super) fn load(
    conn: &mut Connection,
    catalog: &Catalog,
    tables: &mut BTreeMap<String, Table>,
) -> Result<()> {
    let rows: Vec<Row> = conn.query(&format!(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE, \
         COLUMN_DEFAULT, EXTRA, {}, CHARACTER_MAXIMUM_LENGTH, COLUMN_COMMENT \
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} ORDER BY TABLE_NAME, ORDINAL_POSITION",
        catalog.or_null("COLUMNS", "GENERATION_EXPRESSION"),
        catalog.database
    ))?;
    let mut spatial = false;
    let mut unclear: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        // Columns of views have no table here.
        if let Some(table) = tables.get_mut(&row.0) {
            let extra = Extra::of(row.8.as_deref());
            if has_unclear_default(&row, &extra, catalog.flavour) {
                unclear.entry(row.0.clone()).or_default().insert(row.1.clone());
            }
            let column = column(row, extra, catalog.flavour);
            spatial |= is_spatial(&column.data_type);
            table.columns.push(column);
        }
    }
    binary::load_defaults(conn, catalog, &unclear, tables)?;
    if spatial { load_srids(conn, catalog, tables) } else { Ok(()) }
}

/// Whether the catalog may not tell the whole default.
fn has_unclear_default(row: &Row, extra: &Extra, flavour: Flavour) -> bool {
    let (data_type, default) = (row.2.to_lowercase(), row.7.as_deref());
    match flavour {
        _ if !is_binary(&data_type) || extra.has_default_expression => false,
        Flavour::Mysql => default.is_some(),
        Flavour::Mariadb => default.is_some_and(|text| text.starts_with(b"'") && text.contains(&b'?')),
    }
}

fn column(row: Row, extra: Extra, flavour: Flavour) -> Column {
    let (_, name, data_type, column_type, charset, collation, nullable, default, _, formula, length, comment) =
        row;
    let mysql = flavour == Flavour::Mysql;
    let data_type = data_type.to_lowercase();
    let Extra { generated, has_default_expression, is_invisible, is_auto_increment, on_update } = extra;
    let default = default.map(lossy).and_then(|raw| {
        if mysql {
            mysql_default(&raw, &data_type, has_default_expression)
        } else {
            mariadb_default(&raw, &data_type)
        }
    });
    let mut column = Column {
        name,
        column_type: lossy(column_type),
        charset,
        collation,
        nullable: nullable.eq_ignore_ascii_case("YES"),
        default: if generated == Generated::No { default } else { None },
        on_update,
        generated,
        expression: match generated {
            Generated::No => None,
            _ => formula.map(|raw| expression(&lossy(raw), mysql)),
        },
        invisible: is_invisible,
        auto_increment: is_auto_increment,
        max_length: None,
        srid: None,
        comment: comment.map(lossy).unwrap_or_default(),
        data_type,
    };
    if column.is_text() || column.is_binary() {
        column.max_length = length;
    }
    column
}

fn is_spatial(data_type: &str) -> bool {
    data_type == "point"
        || data_type == "linestring"
        || data_type == "polygon"
        || data_type.starts_with("geom")
        || data_type.starts_with("multi")
}

/// Fills in the spatial reference systems of columns that are bound to one.
fn load_srids(conn: &mut Connection, catalog: &Catalog, tables: &mut BTreeMap<String, Table>) -> Result<()> {
    let database = &catalog.database;
    let rows: Vec<(String, String, u32)> = if catalog.has("COLUMNS", "SRS_ID") {
        conn.query(&format!(
            "SELECT TABLE_NAME, COLUMN_NAME, SRS_ID FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = {database} AND SRS_ID IS NOT NULL"
        ))?
    } else if catalog.has("GEOMETRY_COLUMNS", "SRID") {
        conn.query(&format!(
            "SELECT G_TABLE_NAME, G_GEOMETRY_COLUMN, SRID FROM information_schema.GEOMETRY_COLUMNS \
             WHERE F_TABLE_SCHEMA = {database} AND G_TABLE_SCHEMA = {database} AND SRID > 0"
        ))?
    } else {
        Vec::new()
    };
    for (table, name, srid) in rows {
        let columns = tables.get_mut(&table).map(|table| &mut table.columns);
        if let Some(column) = columns.and_then(|all| all.iter_mut().find(|column| column.name == name)) {
            column.srid = Some(srid);
        }
    }
    Ok(())
}

/// What needs columns, keys and checks together: MariaDB's JSON columns, and the keys of versioned tables, which
/// the server extends by the row-end column (every current row has the same one).
pub(super) fn finish(table: &mut Table) {
    let Table { columns, checks, primary_key, indexes, .. } = table;
    for column in columns.iter_mut() {
        let valid = format!("json_valid({})", crate::sql::Ident::new(column.name.as_str()));
        if column.data_type == "longtext"
            && column.collation.as_deref() == Some("utf8mb4_bin")
            && checks.iter().any(|check| check.expression.eq_ignore_ascii_case(&valid))
        {
            "json".clone_into(&mut column.data_type);
            column.max_length = None;
        }
    }
    let is_period = |name: &str| columns.iter().any(|column| column.name == name && is_row_period(column));
    primary_key.retain(|name| !is_period(name));
    for index in indexes.iter_mut() {
        index.parts.retain(|part| !part.column.as_deref().is_some_and(is_period));
    }
    indexes.retain(|index| !index.parts.is_empty());
}

fn is_row_period(column: &Column) -> bool {
    matches!(column.expression.as_deref(), Some("ROW START" | "ROW END"))
}
