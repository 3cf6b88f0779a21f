//! Defaults of binary columns. The catalogs print them as text: MySQL's ends at the first zero byte, MariaDB's has `?`
//! for what is no character. `SHOW CREATE TABLE` has every byte, so tables with such defaults, which are few, are asked
//! for it.

use super::Catalog;
use crate::db::connect::Connection;
use crate::db::error::server_code;
use crate::error::{Context, Result};
use crate::schema::Table;
use crate::schema::expression::unescaped;
use crate::sql::{Ident, TableName};
use memchr::memmem;
use std::collections::{BTreeMap, BTreeSet};

/// The server's error number for a table that is not there.
const NO_SUCH_TABLE: u16 = 1146;

/// Sets the defaults of these columns, by table; one that cannot be found out stays none.
pub(super) fn load_defaults(
    conn: &mut Connection,
    catalog: &Catalog,
    unclear: &BTreeMap<String, BTreeSet<String>>,
    tables: &mut BTreeMap<String, Table>,
) -> Result<()> {
    for (table, columns) in unclear {
        let name = TableName::qualified(catalog.name.as_str(), table.as_str());
        let shown = conn.query_one(&format!("SHOW CREATE TABLE {name}"));
        // Dropped since it was listed.
        if shown.as_ref().is_err_and(|error| server_code(error) == Some(NO_SUCH_TABLE)) {
            continue;
        }
        let (_, create): (String, Vec<u8>) =
            shown.context(|| format!("reading the defaults of `{table}`"))?;
        let all = tables.get_mut(table).map(|table| &mut table.columns);
        for column in all.into_iter().flatten().filter(|column| columns.contains(&column.name)) {
            column.default = default_of(&create, &column.name);
        }
    }
    Ok(())
}

/// The default of a column in the text of `SHOW CREATE TABLE`, as a hexadecimal literal.
fn default_of(create: &[u8], column: &str) -> Option<String> {
    let text = shown(create, column)?;
    if let Some(literal) = hexadecimal(text) {
        return Some(literal);
    }
    let bytes = unquoted(text.strip_prefix(b"'")?)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(if digits.is_empty() { "''".to_owned() } else { format!("0x{digits}") })
}

/// The default of a column in that text if it stands there as a hexadecimal literal.
pub(super) fn hexadecimal_default_of(create: &[u8], column: &str) -> Option<String> {
    hexadecimal(shown(create, column)?)
}

/// What follows `DEFAULT` in a column's line.
fn shown<'a>(create: &'a [u8], column: &str) -> Option<&'a [u8]> {
    let head = format!("  {} ", Ident::new(column));
    let mut lines = create.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(head.as_bytes()))?;
    let at = memmem::find(line, b" DEFAULT ")? + b" DEFAULT ".len();
    Some(&line[at..])
}

fn hexadecimal(text: &[u8]) -> Option<String> {
    let digits = text.strip_prefix(b"0x")?;
    let count = digits.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    Some(format!("0x{}", String::from_utf8_lossy(&digits[..count])))
}

/// What a text in quotes stands for, behind the first quote.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    loop {
        match bytes.next()? {
            b'\\' => {
                let byte = bytes.next()?;
                value.push(u8::try_from(unescaped(char::from(byte))).ok()?);
            }
            b'\'' if bytes.peek() == Some(&b'\'') => value.extend(bytes.next()),
            b'\'' => return Some(value),
            byte => value.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_default_is_found() {
        let create = b"CREATE TABLE `t` (\n  `i``d` int NOT NULL,\n  `a` binary(4) NOT NULL DEFAULT 'ab\\0\\0',\n  \
            `c` binary(3) NOT NULL DEFAULT '\\0\xff\\0' COMMENT ' DEFAULT ''x''',\n  `d` varbinary(5) DEFAULT 0x00C328,\n  \
            `it``s` varbinary(9) DEFAULT '''\\0\\\\\\n' INVISIBLE,\n  `n` varbinary(9) DEFAULT '',\n  `x` binary(2) DEFAULT NULL\n)";
        for (column, default) in [
            ("a", Some("0x61620000")),
            ("c", Some("0x00ff00")),
            ("d", Some("0x00C328")),
            ("it`s", Some("0x27005c0a")),
            ("n", Some("''")),
            ("x", None),
            ("i`d", None),
            ("gone", None),
        ] {
            assert_eq!(default_of(create, column).as_deref(), default, "{column}");
        }
    }
}
