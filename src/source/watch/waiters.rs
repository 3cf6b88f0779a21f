//! Who waits for a table, by the server's list of sessions.

use crate::db::error::server_code;
use crate::db::{Connection, sessions};
use crate::error::Result;
use crate::sql::TableName;
use crate::sql::ident::string_literal;

/// A session's number.
pub(super) type Waiter = u64;

/// Who waits, where that cannot be seen.
pub(super) const SOMEBODY: Waiter = 0;

/// States of sessions that wait for those who use a table.
const TABLE_STATES: &str = "'Waiting for table metadata lock', 'Waiting for schema metadata lock', \
                            'Waiting for table level lock', 'Waiting for table flush'";
/// States of a `FLUSH TABLES WITH READ LOCK` or a backup that waits for every statement.
const SERVER_STATES: &str = "'Waiting for table flush', 'Waiting for global read lock', \
                             'Waiting for backup lock', 'Waiting for commit lock'";

/// Sessions that wait for `table`, as far as the account sees them; our own do not count. The server compares: what
/// others run may hold row data and does not come here.
pub(super) fn of(conn: &mut Connection, table: &TableName) -> Result<Vec<Waiter>> {
    let list = sessions::list(conn)?;
    conn.query(&query(list, table))
}

/// What a server says to a statement that may not wait for a lock.
const LOCK_WAIT_TIMEOUT: u16 = 1205;

/// A table that somebody waits for, found without any right: who comes next has to queue behind them. On MariaDB it does
/// not, on MySQL for a second.
pub(super) fn blocked<'a>(
    conn: &mut Connection,
    tables: impl Iterator<Item = &'a TableName>,
) -> Result<Option<&'a TableName>> {
    conn.execute("SET SESSION lock_wait_timeout = 0")?;
    for table in tables {
        match conn.query::<u8>(&format!("SELECT 1 FROM {table} LIMIT 0")) {
            Ok(_) => {}
            Err(error) if server_code(&error) == Some(LOCK_WAIT_TIMEOUT) => return Ok(Some(table)),
            // Gone, or not readable any more: whose locks we hold cannot have gone, so nobody waits.
            Err(error) if server_code(&error).is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
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
