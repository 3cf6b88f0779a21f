//! What is in a database, by SQL alone: each cell as hexadecimal of its bytes, made by the server and independent of
//! everything that backfill does with rows.

use mysql::Conn;
use mysql::prelude::Queryable;
use std::collections::BTreeMap;

/// Every row of every table: table name to its rows, sorted.
pub type Contents = BTreeMap<String, Vec<String>>;

/// Columns to leave out, as `table.column`.
pub type Except<'a> = &'a [&'a str];

/// How JSON documents are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json {
    /// By their bytes.
    AsStored,
    /// By what they mean: MySQL sorts keys and writes numbers its own way.
    Parsed,
}

/// The contents of the schema that `conn` is in.
pub fn contents(conn: &mut Conn, except: Except<'_>) -> Contents {
    contents_with(conn, except, Json::Parsed)
}

/// As [`contents`], with JSON compared in a way of one's own.
pub fn contents_with(conn: &mut Conn, except: Except<'_>, json: Json) -> Contents {
    let tables: Vec<String> = conn
        .query(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
             AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND ENGINE IS NOT NULL ORDER BY 1",
        )
        .unwrap();
    let mut all = columns(conn, None, except);
    let mut of = |table: &String| rows_with(conn, table, &all.remove(table).unwrap_or_default(), json);
    tables.into_iter().map(|table| (table.clone(), of(&table))).collect()
}

/// The rows of one table, sorted.
pub fn rows(conn: &mut Conn, table: &str, except: Except<'_>) -> Vec<String> {
    let columns = columns_of(conn, table, except);
    rows_with(conn, table, &columns, Json::Parsed)
}

fn rows_with(conn: &mut Conn, table: &str, columns: &[Column], json: Json) -> Vec<String> {
    let list: Vec<String> = columns.iter().map(Column::expression).collect();
    let quoted = table.replace('`', "``");
    let mut rows: Vec<String> = Vec::new();
    let query =
        format!("SELECT {} FROM `{quoted}`", if list.is_empty() { "1".into() } else { list.join(", ") });
    for row in conn.query_iter(query).unwrap() {
        let row = row.unwrap();
        let cells = columns.iter().enumerate().map(|(at, column)| {
            let cell: Option<String> = row.get_opt(at).unwrap().unwrap();
            format!(
                "{}={}",
                column.name,
                cell.map_or_else(|| "NULL".to_owned(), |text| column.normal(&text, json))
            )
        });
        rows.push(cells.collect::<Vec<_>>().join(" "));
    }
    rows.sort_unstable();
    rows
}

/// One number and one digest for a large table: order does not matter, every cell does.
pub fn digest(conn: &mut Conn, table: &str, except: Except<'_>) -> (u64, String) {
    let columns = columns_of(conn, table, except);
    let cells: Vec<String> =
        columns.iter().map(|column| format!("IFNULL({}, 'N')", column.expression())).collect();
    let row = format!("SHA2(CONCAT_WS('|', {}), 256)", cells.join(", "));
    let sum =
        |from: u32| format!("CAST(SUM(CAST(CONV(SUBSTR({row}, {from}, 12), 16, 10) AS UNSIGNED)) AS CHAR)");
    let query = format!("SELECT COUNT(*), CONCAT({}, '-', {}) FROM `{table}`", sum(1), sum(13));
    conn.query_first::<(u64, Option<String>), _>(query)
        .unwrap()
        .map(|(n, d)| (n, d.unwrap_or_default()))
        .unwrap()
}

struct Column {
    name: String,
    data_type: String,
    is_json: bool,
}

impl Column {
    fn expression(&self) -> String {
        let name = format!("`{}`", self.name.replace('`', "``"));
        match self.data_type.as_str() {
            _ if self.is_json => format!("CONVERT({name} USING utf8mb4)"),
            "float" => format!("CAST({name}*1e0 AS CHAR)"),
            "double" => format!("CAST({name} AS CHAR)"),
            "bit" => format!("HEX({name}+0)"),
            // An ENUM without a member looks like one whose member is empty.
            "enum" | "set" => format!(
                "CONCAT(HEX(CAST({name} AS BINARY)), IF(CAST({name} AS UNSIGNED) = 0, ' (index 0)', ''))"
            ),
            "uuid" | "inet4" | "inet6" => format!("HEX(CAST(CAST({name} AS CHAR) AS BINARY))"),
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
            | "multipolygon" | "geometrycollection" | "geomcollection" | "vector" => bytes(&name),
            _ => bytes(&format!("CAST({name} AS BINARY)")),
        }
    }

    /// What two servers may write differently and mean the same.
    fn normal(&self, text: &str, json: Json) -> String {
        match self.data_type.as_str() {
            _ if self.is_json && json == Json::Parsed => {
                serde_json::from_str::<serde_json::Value>(text).unwrap().to_string()
            }
            // What MySQL computes it prints in a few digits too few for a DOUBLE, but enough for a FLOAT.
            "float" => format!("{:08x}", (text.parse::<f64>().unwrap() as f32).to_bits()),
            "double" => format!("{:016x}", text.parse::<f64>().unwrap().to_bits()),
            _ => text.to_owned(),
        }
    }
}

/// HEX gives NULL for more than fits into a packet.
fn bytes(value: &str) -> String {
    format!(
        "IF(LENGTH({value}) > 100000, CONCAT(LENGTH({value}), ' bytes ', SHA2({value}, 256)), HEX({value}))"
    )
}

fn columns_of(conn: &mut Conn, table: &str, except: Except<'_>) -> Vec<Column> {
    columns(conn, Some(table), except).remove(table).unwrap_or_default()
}

/// The columns of each table, or of one: a catalog is slow to ask, for one table as for all.
fn columns(conn: &mut Conn, table: Option<&str>, except: Except<'_>) -> BTreeMap<String, Vec<Column>> {
    let only = table.map_or_else(String::new, |_| " AND TABLE_NAME = ?".to_owned());
    let table: Vec<&str> = table.into_iter().collect();
    // MariaDB's JSON is text with such a check; only there checks belong to tables.
    let is_mariadb: Option<bool> = conn.query_first("SELECT VERSION() LIKE '%MariaDB%'").unwrap();
    let checks: Vec<(String, String)> = match is_mariadb {
        Some(true) => {
            let query = "SELECT TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()";
            conn.exec(format!("{query}{only}"), table.clone()).unwrap()
        }
        _ => Vec::new(),
    };
    let query = "SELECT TABLE_NAME, COLUMN_NAME, LOWER(DATA_TYPE) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()";
    let mut columns: Vec<(String, String, String)> = conn.exec(format!("{query}{only}"), table).unwrap();
    // Two servers do not order names alike.
    columns.sort();
    let mut all: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for (table, name, data_type) in columns {
        if !except.contains(&format!("{table}.{name}").as_str()) {
            let check = (table, format!("json_valid(`{name}`)"));
            let is_json = data_type == "json" || checks.contains(&check);
            all.entry(check.0).or_default().push(Column { name, data_type, is_json });
        }
    }
    all
}
