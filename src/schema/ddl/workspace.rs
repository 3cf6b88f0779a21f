//! The reduced tables of a run's workspace: what rows need, and nothing that would change them.

use super::key::definition;
use super::types::ColumnType;
use super::{closed, refuse};
use crate::error::{Context, Result};
use crate::schema::{Column, Flavour, Index, Table};
use crate::sql::ident::column_list;
use crate::sql::workspace::CreateTable;
use crate::sql::{Ident, WorkspaceTable};

/// What a workspace table has besides its columns.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkspaceOptions<'a> {
    /// The columns of its primary key; none: the table's own.
    pub key: Option<&'a [String]>,
    /// Names of the table's indexes that it gets.
    pub indexes: &'a [&'a str],
    /// More indexes of its own.
    pub extra_indexes: &'a [Index],
    /// Names of the table's CHECKs that it gets.
    pub checks: &'a [&'a str],
    /// A column of that name in front that numbers the rows: the primary key of a table without one.
    pub row_number: Option<&'a str>,
}

/// The statement that creates the reduced form of `table` on its own server: the stored columns with their types
/// and collations as they are, visible, without defaults, AUTO_INCREMENT and ON UPDATE; nothing generated; InnoDB.
///
/// # Errors
/// `Schema`, naming table and column, for a key or index over columns that are not stored, for names that do
/// not exist, and for what a server would not print.
pub fn workspace_table(
    table: &Table,
    name: &WorkspaceTable,
    flavour: Flavour,
    options: &WorkspaceOptions<'_>,
) -> Result<CreateTable> {
    definition_of(table, flavour, options)
        .map(|definition| CreateTable::new(name.clone(), definition))
        .context(|| format!("the workspace's copy of table `{}`", table.name))
}

/// What follows the table's name.
fn definition_of(table: &Table, flavour: Flavour, options: &WorkspaceOptions<'_>) -> Result<String> {
    let columns: Vec<&Column> = table.stored_columns().collect();
    if columns.is_empty() {
        return Err(refuse("it has no stored columns"));
    }
    let mut lines = Vec::new();
    if let Some(number) = options.row_number {
        if table.column(number).is_some() {
            return Err(refuse(format!("it has a column `{number}` already")));
        }
        lines.push(format!("{} bigint unsigned NOT NULL AUTO_INCREMENT", Ident::new(number)));
    }
    for column in &columns {
        lines.push(column_sql(column).context(|| format!("column `{}`", column.name))?);
    }
    lines.extend(keys(table, &columns, options)?);
    for name in options.indexes {
        let index = table.indexes.iter().find(|index| index.name == *name);
        let index = index.ok_or_else(|| refuse(format!("there is no index `{name}`")))?;
        lines.push(definition(index, &columns).context(|| format!("index `{name}`"))?);
    }
    for index in options.extra_indexes {
        lines.push(definition(index, &columns).context(|| format!("index `{}`", index.name))?);
    }
    for name in options.checks {
        let check = table.checks.iter().find(|check| check.name == *name);
        let check = check.ok_or_else(|| refuse(format!("there is no check `{name}`")))?;
        // Without its name: on MySQL names of checks hold for the whole schema.
        lines.push(format!(
            "CHECK ({})",
            closed(&check.expression, flavour).context(|| format!("check `{name}`"))?
        ));
    }
    // Strings in checks are read in the table's own character set.
    let default = match (is_plain(&table.charset), is_plain(&table.collation)) {
        (true, true) => format!(" DEFAULT CHARACTER SET {} COLLATE {}", table.charset, table.collation),
        _ => return Err(refuse("it has no collation")),
    };
    Ok(format!("(\n  {}\n) ENGINE=InnoDB{default}", lines.join(",\n  ")))
}

fn column_sql(column: &Column) -> Result<String> {
    let mut column_type = ColumnType::stored(column)?;
    if column.has_doubtful_member() && !column.has_empty_member() {
        column_type = column_type.as_text();
    }
    let mut sql = format!("{} {}", Ident::new(column.name.as_str()), column_type.sql());
    if column_type.is_character() {
        let charset = column.charset.as_deref().filter(|name| is_plain(name));
        let collation = column.collation.as_deref().filter(|name| is_plain(name));
        let (Some(charset), Some(collation)) = (charset, collation) else {
            return Err(refuse("it is text without a collation"));
        };
        sql.push_str(&format!(" CHARACTER SET {charset} COLLATE {collation}"));
    }
    sql.push_str(if column.nullable { " NULL" } else { " NOT NULL" });
    if column_type.name == "timestamp" && !column.nullable {
        // Without explicit_defaults_for_timestamp the first one would get ON UPDATE CURRENT_TIMESTAMP.
        sql.push_str(" DEFAULT '2000-01-01 00:00:00'");
    }
    Ok(sql)
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn keys(table: &Table, columns: &[&Column], options: &WorkspaceOptions<'_>) -> Result<Vec<String>> {
    let key = options.key.unwrap_or(&table.primary_key);
    let mut names = Vec::new();
    for name in key {
        let column = columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase());
        let column = column.ok_or_else(|| refuse(format!("its key column `{name}` is not stored")))?;
        if ColumnType::stored(column)?.is_long() {
            return Err(refuse(format!("its key column `{name}` is too long for a key")));
        }
        names.push(column.name.as_str());
    }
    let number = options.row_number.map(|number| column_list([number]));
    Ok(match (names.is_empty(), number) {
        (true, None) => Vec::new(),
        (true, Some(number)) => vec![format!("PRIMARY KEY ({number})")],
        (false, None) => vec![format!("PRIMARY KEY ({})", column_list(names))],
        (false, Some(number)) => {
            vec![format!("PRIMARY KEY ({})", column_list(names)), format!("UNIQUE KEY ({number})")]
        }
    })
}
