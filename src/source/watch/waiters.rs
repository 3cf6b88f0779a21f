//! Who waits for a table, by the server's list of sessions.

use crate::db::Connection;
use crate::error::Result;
use crate::schema::{Flavour, Version};
use crate::sql::TableName;
use crate::sql::ident::string_literal;

/// A session's number.
pub(super) type Waiter = u64;

/// Since when MySQL has a list that can be read without stopping everybody who connects.
const QUIET_LIST: Version = Version(8, 0, 22);

/// States of sessions that wait for those who use a table.
const TABLE_STATES: &str = "'Waiting for table metadata lock', 'Waiting for schema metadata lock', \
                            'Waiting for table level lock', 'Waiting for table flush'";
/// States of a `FLUSH TABLES WITH READ LOCK` or a backup that waits for every statement.
const SERVER_STATES: &str = "'Waiting for table flush', 'Waiting for global read lock', \
                             'Waiting for backup lock', 'Waiting for commit lock'";

/// Sessions that wait for `table`, as far as the account sees them; our own do not count. The server compares: what
/// others run may hold row data and does not come here.
pub(super) fn of(conn: &mut Connection, table: &TableName) -> Result<Vec<Waiter>> {
    let list = list(conn)?;
    conn.query(&query(list, table))
}

fn list(conn: &mut Connection) -> Result<&'static str> {
    if conn.flavour() == Flavour::Mysql && conn.version() >= QUIET_LIST {
        let on: u8 = conn.query_one("SELECT @@performance_schema")?;
        if on == 1 {
            return Ok("performance_schema.processlist");
        }
    }
    Ok("information_schema.PROCESSLIST")
}

/// A waiter is known by what it runs: nobody but the holder of a plugin or of more rights is told which table it
/// waits for.
fn query(list: &str, table: &TableName) -> String {
    let (schema, name) = (string_literal(table.schema().unwrap_or_default()), string_literal(table.table()));
    format!(
        "SELECT ID FROM {list} WHERE ID <> CONNECTION_ID() AND INFO IS NOT NULL \
         AND INFO NOT LIKE '/* backfill%' AND (\
         (STATE IN ({TABLE_STATES}) AND LOCATE({name}, INFO) > 0 AND (DB = {schema} OR LOCATE({schema}, INFO) > 0)) \
         OR (STATE IN ({SERVER_STATES}) AND (INFO LIKE '%FLUSH%TABLES%' OR INFO LIKE '%BACKUP STAGE%')))"
    )
}
