//! Who holds the tables that the swap waits for. Only what helps to find them: number, account, command, seconds;
//! never the text of a statement, which holds values.

use super::site::unless_code;
use crate::db::{Connection, sessions};
use crate::error::Result;
use crate::schema::Flavour;
use crate::sql::TableName;
use crate::sql::ident::string_literal;

/// Most connections that are named.
const NAMED_MAX: usize = 10;

type Row = (u64, Option<String>, Option<String>, Option<String>, Option<i64>);

/// Describes the connections that use one of `tables`, as far as the account may look. Connections of this program
/// are not among them.
pub(super) fn describe(conn: &mut Connection, tables: &[TableName], own: &[u32]) -> Result<String> {
    let (mut rows, sure) = match exact(conn, tables)? {
        Some(rows) if !rows.is_empty() => (rows, true),
        _ => (by_schema(conn, tables)?, false),
    };
    let is_other = |(id, ..): &Row| u32::try_from(*id).map_or(true, |id| !own.contains(&id));
    rows.retain(is_other);
    if rows.is_empty() {
        rows = by_transaction(conn)?;
        rows.retain(is_other);
    }
    if rows.is_empty() {
        return Ok("the account may not see which connections hold them".to_owned());
    }
    let named: Vec<String> = rows.iter().take(NAMED_MAX).map(line).collect();
    let more = match rows.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let how = if sure { "held by" } else { "possibly held by" };
    Ok(format!("{how} {}{more}", named.join("; ")))
}

fn line((id, user, host, command, seconds): &Row) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
    // The port only makes two lines of one client differ.
    let host = text(host).split(':').next().unwrap_or("?").to_owned();
    format!("connection {id} ({}@{host}, {}, {} s)", text(user), text(command), seconds.unwrap_or(0))
}

/// Holders of metadata locks; none where the server does not show them to this account.
fn exact(conn: &mut Connection, tables: &[TableName]) -> Result<Option<Vec<Row>>> {
    let names = |schema: &str, table: &str| {
        let pairs: Vec<String> = tables
            .iter()
            .map(|name| {
                let in_schema = string_literal(name.schema().unwrap_or_default());
                format!("({schema} = {in_schema} AND {table} = {})", string_literal(name.table()))
            })
            .collect();
        pairs.join(" OR ")
    };
    if tables.is_empty() {
        return Ok(None);
    }
    let sql = match conn.flavour() {
        Flavour::Mysql => format!(
            "SELECT DISTINCT t.PROCESSLIST_ID, t.PROCESSLIST_USER, t.PROCESSLIST_HOST, t.PROCESSLIST_COMMAND, \
             t.PROCESSLIST_TIME FROM performance_schema.metadata_locks m \
             JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID \
             WHERE m.OBJECT_TYPE = 'TABLE' AND m.LOCK_STATUS = 'GRANTED' AND t.PROCESSLIST_ID IS NOT NULL \
             AND t.PROCESSLIST_ID <> CONNECTION_ID() AND ({}) ORDER BY t.PROCESSLIST_TIME DESC",
            names("m.OBJECT_SCHEMA", "m.OBJECT_NAME")
        ),
        Flavour::Mariadb => format!(
            "SELECT DISTINCT p.ID, p.USER, p.HOST, p.COMMAND, p.TIME FROM information_schema.METADATA_LOCK_INFO m \
             JOIN information_schema.PROCESSLIST p ON p.ID = m.THREAD_ID \
             WHERE p.ID <> CONNECTION_ID() AND ({}) ORDER BY p.TIME DESC",
            names("m.TABLE_SCHEMA", "m.TABLE_NAME")
        ),
    };
    // No right, no such table (the plugin is not loaded), unknown column (another version).
    unless_code(conn.query::<Row>(&sql), &[1044, 1054, 1109, 1142, 1143, 1146, 1227])
}

/// Connections whose default schema is that of the tables: the best that every account sees.
fn by_schema(conn: &mut Connection, tables: &[TableName]) -> Result<Vec<Row>> {
    let mut schemas: Vec<String> = tables.iter().filter_map(TableName::schema).map(string_literal).collect();
    schemas.sort();
    schemas.dedup();
    if schemas.is_empty() {
        return Ok(Vec::new());
    }
    let list = sessions::list(conn)?;
    let rows = conn.query(&format!(
        "SELECT ID, USER, HOST, COMMAND, TIME FROM {list} WHERE ID <> CONNECTION_ID() AND DB IN ({}) ORDER BY TIME DESC",
        schemas.join(", ")
    ));
    Ok(unless_code(rows, &[sessions::UNREADABLE])?.unwrap_or_default())
}

/// Connections with an open transaction, whatever their default schema is: all that a server without a list of
/// metadata locks tells of those that use a table from elsewhere.
fn by_transaction(conn: &mut Connection) -> Result<Vec<Row>> {
    let list = sessions::list(conn)?;
    let rows = conn.query(&format!(
        "SELECT p.ID, p.USER, p.HOST, p.COMMAND, p.TIME FROM information_schema.INNODB_TRX t \
         JOIN {list} p ON p.ID = t.TRX_MYSQL_THREAD_ID WHERE p.ID <> CONNECTION_ID() ORDER BY t.TRX_STARTED"
    ));
    // No right to see the transactions of others.
    Ok(unless_code(rows, &[sessions::UNREADABLE, 1227])?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_connection_and_nothing_it_does() {
        let own = |text: &str| Some(text.to_owned());
        let row = (7, own("app"), own("10.0.0.3:51234"), own("Sleep"), Some(340));
        assert_eq!(line(&row), "connection 7 (app@10.0.0.3, Sleep, 340 s)");
        assert_eq!(line(&(8, None, None, None, None)), "connection 8 (?@?, ?, 0 s)");
    }
}
