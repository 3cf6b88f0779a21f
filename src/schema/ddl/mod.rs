//! Statements that create tables, written from their structure as data.
//!
//! That structure may have come over the network from a server that means harm, so nothing of it is copied into a
//! statement: types are parsed and written anew from an allow-list, the engine is always InnoDB, names are quoted,
//! collations come from [`collation`], strings are re-quoted, expressions must be closed in
//! themselves, and there is no room for any table option.
//!
//! Texts rely on sessions with backslash escapes and without `ANSI_QUOTES`, which every session of ours is.

mod column;
mod key;
pub(super) mod types;
mod workspace;

pub use workspace::{WorkspaceOptions, workspace_table};

use super::expression::{check_closed, quote, strip_parentheses, without_introducers};
use super::model::{Check, Flavour, Generated, Table, TableKind, Version};
use super::{Column, collation};
use crate::error::{Context, Error, Kind, Result};
use crate::sql::{Ident, TableName};
use sha2::{Digest, Sha256};

/// Characters that a name may have.
pub const NAME_MAX: usize = 64;

/// The server that a statement is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Target {
    flavour: Flavour,
    version: Version,
}

impl Target {
    fn is_mysql(self) -> bool {
        self.flavour == Flavour::Mysql
    }

    /// Whether any expression may be a default.
    fn has_default_expressions(self) -> bool {
        !self.is_mysql() || self.version >= Version(8, 0, 13)
    }

    fn has_invisible_columns(self) -> bool {
        !self.is_mysql() || self.version >= Version(8, 0, 23)
    }

    fn has_functional_indexes(self) -> bool {
        self.is_mysql() && self.version >= Version(8, 0, 13)
    }

    /// The word for an index that the optimizer does not see.
    fn hidden_index(self) -> Option<&'static str> {
        match self.flavour {
            Flavour::Mysql => (self.version >= Version(8, 0, 0)).then_some("INVISIBLE"),
            Flavour::Mariadb => (self.version >= Version(10, 6, 0)).then_some("IGNORED"),
        }
    }

    /// Whether a CHECK may be there that rows need not pass.
    fn has_unenforced_checks(self) -> bool {
        self.is_mysql() && self.version >= Version(8, 0, 16)
    }

    /// Whether UNIQUE may be over whole TEXTs and BLOBs.
    fn has_long_unique(self) -> bool {
        !self.is_mysql() && self.version >= Version(10, 4, 3)
    }
}

/// A statement and what of the table it does not carry over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTable {
    /// The `CREATE TABLE` statement.
    pub sql: String,
    /// One line for each thing that was changed or left out.
    pub notes: Vec<String>,
}

/// The statement that creates `table` under `name` on a target: all columns, primary key, indexes, checks,
/// comments; no foreign keys (see `plan::load::add_key`), no partitions. A versioned table becomes an ordinary one.
///
/// # Errors
/// `Schema`, naming table and column, when something cannot be expressed on the target or is not what a server
/// would print.
pub fn create_table(
    table: &Table,
    name: &TableName,
    source: Flavour,
    target: (Flavour, Version),
) -> Result<String> {
    create_table_with_notes(table, name, source, target).map(|created| created.sql)
}

/// As [`create_table`], with what the statement does not carry over.
///
/// # Errors
/// As [`create_table`].
pub fn create_table_with_notes(
    table: &Table,
    name: &TableName,
    source: Flavour,
    target: (Flavour, Version),
) -> Result<CreateTable> {
    let target = Target { flavour: target.0, version: target.1 };
    render(table, name, source, target).context(|| format!("creating table `{}`", table.name))
}

fn render(table: &Table, name: &TableName, source: Flavour, target: Target) -> Result<CreateTable> {
    if table.kind == TableKind::Sequence {
        return Err(refuse("it is a sequence"));
    }
    if table.engine.is_empty() {
        return Err(refuse("its own server cannot open it"));
    }
    let mut notes = Vec::new();
    if table.kind == TableKind::SystemVersioned {
        notes.push("system versioning and history are left out".to_owned());
    }
    if table.partitioned {
        notes.push("partitions are left out".to_owned());
    }
    if !table.engine.eq_ignore_ascii_case("InnoDB") {
        notes.push(format!("engine {} becomes InnoDB", table.engine));
    }
    let columns: Vec<&Column> = table.columns.iter().filter(|column| !is_row_period(column)).collect();
    if columns.is_empty() {
        return Err(refuse("it has no columns"));
    }
    let mut lines = column_lines(&columns, source, target, &mut notes)?;
    for (line, column) in lines.iter_mut().zip(&columns) {
        if let Some(check) = table.checks.iter().find(|check| is_of_column(check, column, source, target)) {
            line.push_str(&format!(" {}", condition(check, target)?));
        }
    }
    lines.extend(key::definitions(table, &columns, target, &mut notes)?);
    lines.extend(checks(table, source, target)?);
    lines.extend(unenforced_checks(table, target, &mut notes)?);
    let mapped = collation::map(&table.collation, target.flavour, target.version)?;
    let charset = collation::charset_of(&mapped.name);
    let comment =
        if table.comment.is_empty() { String::new() } else { format!(" COMMENT={}", quote(&table.comment)) };
    let sql = format!(
        "CREATE TABLE {name} (\n  {}\n) ENGINE=InnoDB DEFAULT CHARACTER SET {charset} COLLATE {}{comment}",
        lines.join(",\n  "),
        mapped.name
    );
    Ok(CreateTable { sql, notes })
}

/// One line for each column, or one error that names all which the target cannot have.
fn column_lines(
    columns: &[&Column],
    source: Flavour,
    target: Target,
    notes: &mut Vec<String>,
) -> Result<Vec<String>> {
    let (mut lines, mut refused) = (Vec::new(), Vec::new());
    for column in columns {
        let line = column::definition(column, source, target, notes);
        match line.context(|| format!("column `{}`", column.name)) {
            Ok(line) => lines.push(line),
            Err(error) => refused.push(error),
        }
    }
    match refused.len() {
        0 => Ok(lines),
        1 => Err(refused.remove(0)),
        _ => Err(refuse(refused.iter().map(Error::what).collect::<Vec<_>>().join("; "))),
    }
}

/// The row-start and row-end columns of a versioned table.
fn is_row_period(column: &Column) -> bool {
    column.generated == Generated::Stored
        && matches!(column.expression.as_deref(), Some("ROW START" | "ROW END"))
}

fn refuse(what: impl Into<String>) -> Error {
    Error::new(Kind::Schema, what)
}

/// An expression that may stand between parentheses; the only way into a statement for one.
fn closed(expression: &str, flavour: Flavour) -> Result<String> {
    let inner = strip_parentheses(expression);
    check_closed(inner)?;
    Ok(match flavour {
        Flavour::Mariadb => without_introducers(inner),
        Flavour::Mysql => inner.to_owned(),
    })
}

fn checks(table: &Table, source: Flavour, target: Target) -> Result<Vec<String>> {
    table
        .checks
        .iter()
        .filter(|check| !is_json_check(table, check))
        .filter(|check| !table.columns.iter().any(|column| is_of_column(check, column, source, target)))
        .enumerate()
        .map(|(at, check)| {
            // A server's own names are for servers of its family. MySQL's hold for the whole schema, MariaDB's for the
            // table: several may be the same.
            let name = if source == target.flavour {
                Some(check.name.clone())
            } else if target.is_mysql() {
                long_name(table, at)
            } else {
                (!is_automatic(table, check)).then(|| check.name.clone())
            };
            let name = name.map(|name| format!("CONSTRAINT {} ", Ident::new(name))).unwrap_or_default();
            Ok(format!("{name}{}", condition(check, target)?))
        })
        .collect()
}

fn unenforced_checks(table: &Table, target: Target, notes: &mut Vec<String>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for check in &table.unenforced_checks {
        let name = Ident::new(check.name.as_str());
        if target.has_unenforced_checks() {
            lines.push(format!("CONSTRAINT {name} {} NOT ENFORCED", condition(check, target)?));
        } else {
            notes.push(format!("check {name} is left out: it is not enforced"));
        }
    }
    Ok(lines)
}

/// `CHECK (…)`.
fn condition(check: &Check, target: Target) -> Result<String> {
    let expression =
        closed(&check.expression, target.flavour).context(|| format!("check `{}`", check.name))?;
    Ok(format!("CHECK ({expression})"))
}

/// Whether the check is written behind its column: MariaDB names it after the column then.
fn is_of_column(check: &Check, column: &Column, source: Flavour, target: Target) -> bool {
    source == Flavour::Mariadb
        && !target.is_mysql()
        && check.name == column.name
        && column.data_type != "json"
}

/// A name for the check at that position of a table whose own name is so long that MySQL fails to make one of it
/// (`t_chk_1`). No other table's can have it, unless it has the digest as well.
fn long_name(table: &Table, at: usize) -> Option<String> {
    let suffix = format!("_chk_{}", at + 1);
    if table.name.chars().count() + suffix.len() <= NAME_MAX {
        return None;
    }
    let digest = Sha256::digest(table.name.as_bytes());
    let suffix = format!("_{:02x}{:02x}{:02x}{:02x}{suffix}", digest[0], digest[1], digest[2], digest[3]);
    let head: String = table.name.chars().take(NAME_MAX - suffix.len()).collect();
    Some(format!("{head}{suffix}"))
}

/// The check that MariaDB adds to its JSON columns by itself.
fn is_json_check(table: &Table, check: &Check) -> bool {
    table.columns.iter().filter(|column| column.data_type == "json").any(|column| {
        let valid = format!("json_valid({})", Ident::new(column.name.as_str()));
        check.expression.eq_ignore_ascii_case(&valid)
    })
}

/// Whether MySQL made the check's name up (`t_chk_1`).
fn is_automatic(table: &Table, check: &Check) -> bool {
    let number = check.name.strip_prefix(table.name.as_str()).and_then(|rest| rest.strip_prefix("_chk_"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
pub(in crate::schema) use column::written_anew;

#[cfg(test)]
pub(super) mod tests;
