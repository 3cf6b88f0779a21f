//! A document kept in a table of its own: JSON in parts small enough for any packet limit, with a digest, written
//! in one transaction. It is there completely or not at all.

use crate::db::Connection;
use crate::error::{Context, Error, Result};
use crate::sql::TableName;
use crate::sql::ident::string_literal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Characters of one part; as a hexadecimal literal at most eight times as many bytes.
const PART_CHARS: usize = 32 * 1024;

/// Creates the table for a document.
pub(super) fn create(conn: &mut Connection, table: &TableName) -> Result<()> {
    conn.execute(&format!(
        "CREATE TABLE {table} (seq INT UNSIGNED NOT NULL PRIMARY KEY, part MEDIUMTEXT NOT NULL) \
         ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    ))
    .context(|| format!("creating the record {table}"))?;
    Ok(())
}

/// Writes the document, in place of one that may be there.
pub(super) fn write<T: Serialize>(conn: &mut Connection, table: &TableName, document: &T) -> Result<()> {
    conn.execute("START TRANSACTION")?;
    match put(conn, table, document) {
        Ok(()) => conn.execute("COMMIT").map(|_| ()),
        Err(error) => {
            conn.execute("ROLLBACK")?;
            Err(error)
        }
    }
}

/// As [`write`], as a part of the transaction that is open.
pub(super) fn put<T: Serialize>(conn: &mut Connection, table: &TableName, document: &T) -> Result<()> {
    let json = serde_json::to_string(document)
        .map_err(|error| Error::internal("a record of the pull cannot be written").source(error))?;
    conn.execute(&format!("DELETE FROM {table}"))?;
    let mut part = |seq: usize, text: &str| {
        conn.execute(&format!("INSERT INTO {table} (seq, part) VALUES ({seq}, {})", string_literal(text)))
    };
    part(0, &digest(&json))?;
    let chars: Vec<char> = json.chars().collect();
    for (at, chunk) in chars.chunks(PART_CHARS).enumerate() {
        part(at + 1, &chunk.iter().collect::<String>())?;
    }
    Ok(())
}

/// The document; none when the table is empty.
///
/// # Errors
/// `Integrity` when what is there is not what was written, the server's.
pub(super) fn read<T: DeserializeOwned>(conn: &mut Connection, table: &TableName) -> Result<Option<T>> {
    let parts: Vec<String> = conn.query(&format!("SELECT part FROM {table} ORDER BY seq"))?;
    let Some((sum, parts)) = parts.split_first() else { return Ok(None) };
    let json = parts.concat();
    let damaged = || Error::integrity(format!("the record in {table} is damaged or of another version"));
    if digest(&json) != *sum {
        return Err(damaged());
    }
    serde_json::from_str(&json).map(Some).map_err(|error| damaged().source(error))
}

/// Hex SHA-256 of a text.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
