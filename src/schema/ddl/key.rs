//! Primary keys and indexes.

use super::types::ColumnType;
use super::{Target, closed, refuse};
use crate::error::{Context, Result};
use crate::schema::collation::charset_of;
use crate::schema::expression::quote;
use crate::schema::{Column, Flavour, Generated, Index, IndexKind, IndexPart, Table};
use crate::sql::Ident;

/// Bytes that an InnoDB key of ordinary pages may have.
const KEY_BYTES_MAX: u32 = 3072;

/// Lines for the primary key and all indexes that the target can have.
pub(super) fn definitions(
    table: &Table,
    columns: &[&Column],
    target: Target,
    notes: &mut Vec<String>,
) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    lines.extend(primary_key(table, columns)?);
    for index in &table.indexes {
        match impossible(index, columns, target).context(|| format!("index `{}`", index.name))? {
            None => {
                let line = definition(index, columns).context(|| format!("index `{}`", index.name))?;
                lines.push(format!("{line}{}", attributes(table, &index.name, target, notes)));
            }
            Some(why) => notes.push(format!("index `{}` is left out: {why}", index.name)),
        }
    }
    lines.extend(key_of_counter(table, columns));
    Ok(lines)
}

/// What follows an index's parts.
fn attributes(table: &Table, index: &str, target: Target, notes: &mut Vec<String>) -> String {
    let mut sql = String::new();
    if let Some(comment) = table.index_comments.get(index) {
        sql.push_str(&format!(" COMMENT {}", quote(comment)));
    }
    if table.hidden_indexes.iter().any(|name| name == index) {
        match target.hidden_index() {
            Some(word) => sql.push_str(&format!(" {word}")),
            None => notes.push(format!("index `{index}` becomes visible to the optimizer")),
        }
    }
    sql
}

fn find<'a>(columns: &[&'a Column], name: &str) -> Result<&'a Column> {
    columns
        .iter()
        .find(|column| column.name == name || column.name.to_lowercase() == name.to_lowercase())
        .copied()
        .ok_or_else(|| refuse(format!("there is no column `{name}`")))
}

fn primary_key(table: &Table, columns: &[&Column]) -> Result<Option<String>> {
    let mut parts = Vec::new();
    for name in &table.primary_key {
        let column = find(columns, name).context(|| "the primary key")?;
        let mut part = Ident::new(column.name.as_str()).to_string();
        if let Some(prefix) = table.primary_prefixes.get(name) {
            part.push_str(&format!("({prefix})"));
        } else if ColumnType::of(column)?.is_long() {
            if table.primary_key.len() > 1 {
                return Err(refuse(format!("the primary key has only a prefix of column `{name}`")));
            }
            // A source that does not tell the prefix. The longest one that fits is at least as long, and what is
            // unique in a shorter one is unique in a longer one.
            part.push_str(&format!("({})", prefix_max(column)));
        }
        if table.primary_descending.contains(name) {
            part.push_str(" DESC");
        }
        parts.push(part);
    }
    Ok((!parts.is_empty()).then(|| format!("PRIMARY KEY ({})", parts.join(", "))))
}

/// The longest prefix of a column that an index can have, in characters (bytes for binary columns).
fn prefix_max(column: &Column) -> u32 {
    let bytes = bytes_of_character(column);
    let stored = match column.data_type.as_str() {
        "tinytext" | "tinyblob" => 255,
        _ => KEY_BYTES_MAX,
    };
    KEY_BYTES_MAX.min(stored) / bytes
}

/// Most bytes of a character; 1 for what is not text.
fn bytes_of_character(column: &Column) -> u32 {
    match column.collation.as_deref().map(charset_of) {
        Some("utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030") => 4,
        Some("utf8mb3" | "utf8" | "ujis" | "eucjpms") => 3,
        Some("ucs2" | "big5" | "gbk" | "gb2312" | "sjis" | "cp932" | "euckr") => 2,
        _ => 1,
    }
}

/// Whether a part of an index is longer than a part may be.
fn is_too_long(part: &IndexPart, column: &Column) -> bool {
    let length = part.prefix.map(u64::from).or(column.max_length).unwrap_or_default();
    length.saturating_mul(bytes_of_character(column).into()) > u64::from(KEY_BYTES_MAX)
}

/// Why the target cannot have an index; none when it can.
fn impossible(index: &Index, columns: &[&Column], target: Target) -> Result<Option<&'static str>> {
    if index.kind == IndexKind::Other {
        return Ok(Some("it is of a kind of its own"));
    }
    for part in &index.parts {
        let Some(name) = &part.column else {
            if !target.has_functional_indexes() {
                return Ok(Some("the target has no indexes over expressions"));
            }
            continue;
        };
        let column = find(columns, name)?;
        let column_type = ColumnType::of(column)?;
        // MariaDB makes a hash of what is unique and longer.
        let long_unique = index.unique && target.has_long_unique();
        if index.kind == IndexKind::Btree
            && !column_type.is_long()
            && is_too_long(part, column)
            && !long_unique
        {
            return Ok(Some("the target cannot index so long a column"));
        }
        if index.kind != IndexKind::Btree || part.prefix.is_some() && column_type.name != "json" {
            continue;
        }
        if column_type.name == "json" && target.is_mysql() {
            return Ok(Some("the target cannot index JSON"));
        }
        if column_type.is_long() && !long_unique {
            return Ok(Some("the target cannot index whole texts"));
        }
    }
    Ok(None)
}

/// One index as a line of `CREATE TABLE`.
pub(super) fn definition(index: &Index, columns: &[&Column]) -> Result<String> {
    let word = match (index.kind, index.unique) {
        (IndexKind::Fulltext, _) => "FULLTEXT KEY",
        (IndexKind::Spatial, _) => "SPATIAL KEY",
        (IndexKind::Other, _) => return Err(refuse("it is of a kind that backfill cannot create")),
        (IndexKind::Btree, true) => "UNIQUE KEY",
        (IndexKind::Btree, false) => "KEY",
    };
    if index.parts.is_empty() {
        return Err(refuse("it has no parts"));
    }
    let parts = index.parts.iter().map(|part| part_sql(part, columns)).collect::<Result<Vec<_>>>()?;
    Ok(format!("{word} {} ({})", Ident::new(index.name.as_str()), parts.join(", ")))
}

fn part_sql(part: &IndexPart, columns: &[&Column]) -> Result<String> {
    let mut sql = match (&part.column, &part.expression) {
        (Some(name), None) => Ident::new(find(columns, name)?.name.as_str()).to_string(),
        // Only MySQL has these.
        (None, Some(expression)) => format!("({})", closed(expression, Flavour::Mysql)?),
        _ => return Err(refuse("a part of it is neither a column nor an expression")),
    };
    if let Some(prefix) = part.prefix {
        sql.push_str(&format!("({prefix})"));
    }
    if part.descending {
        sql.push_str(" DESC");
    }
    Ok(sql)
}

/// InnoDB wants AUTO_INCREMENT to lead a key, other engines do not: an index for it where there is none.
fn key_of_counter(table: &Table, columns: &[&Column]) -> Option<String> {
    let counter = columns.iter().find(|column| column.auto_increment && column.generated == Generated::No)?;
    let leads = |first: Option<&String>| first.is_some_and(|name| name.eq_ignore_ascii_case(&counter.name));
    let led = leads(table.primary_key.first())
        || table.indexes.iter().any(|index| {
            index.kind == IndexKind::Btree && leads(index.parts.first().and_then(|part| part.column.as_ref()))
        });
    (!led).then(|| format!("KEY ({})", Ident::new(counter.name.as_str())))
}
