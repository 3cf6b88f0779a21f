//! One column's definition.

use super::types::{ColumnType, Translated};
use super::{Target, closed, refuse};
use crate::error::{Context, Result};
use crate::schema::collation::{self, Fit};
use crate::schema::expression::{
    current_timestamp, is_bit_literal, is_hex_literal, is_number, literal_value, quote, uses_sequence,
};
use crate::schema::{Column, Flavour, Generated};
use crate::sql::Ident;

/// `` `name` type … ``, with what is changed or left out added to `notes`.
pub(super) fn definition(
    column: &Column,
    source: Flavour,
    target: Target,
    notes: &mut Vec<String>,
) -> Result<String> {
    let original = ColumnType::of(column)?;
    let Translated { column_type, collation, replaced } = original.on(target.flavour, target.version);
    if replaced {
        notes.push(format!("column `{}`: {} becomes {}", column.name, original.sql(), column_type.sql()));
    }
    if let Some(note) = written_anew(column, target.flavour) {
        notes.push(format!("column `{}`: {note}", column.name));
    }
    let mut sql = format!("{} {}", Ident::new(column.name.as_str()), column_type.sql());
    if let Some(collation) = collation {
        sql.push_str(&character_set(collation));
    } else if column_type.is_character() {
        let mapped = mapped_collation(column, target)?;
        if mapped.fit > Fit::Equal {
            notes.push(format!("column `{}`: collation {}: {}", column.name, mapped.name, mapped.fit.note()));
        }
        sql.push_str(&character_set(&mapped.name));
    }
    if let Some(srid) = column.srid.filter(|_| column_type.is_spatial()) {
        match (source, target.flavour) {
            (_, Flavour::Mariadb) => sql.push_str(&format!(" REF_SYSTEM_ID={srid}")),
            (Flavour::Mysql, Flavour::Mysql) if target.version.0 >= 8 => {
                sql.push_str(&format!(" SRID {srid}"));
            }
            // MariaDB does not hold values to it, MySQL does.
            _ => notes.push(format!("column `{}`: SRID {srid} is left out", column.name)),
        }
    }
    match column.generated {
        Generated::No => plain(&mut sql, column, &column_type, target, notes)?,
        generated => computed(&mut sql, column, generated, target)?,
    }
    invisible(&mut sql, column, target, notes);
    if !column.comment.is_empty() {
        sql.push_str(&format!(" COMMENT {}", quote(&column.comment)));
    }
    Ok(sql)
}

/// What becomes of documents that MariaDB keeps as text, in a JSON column of MySQL.
pub(in crate::schema) fn written_anew(column: &Column, target: Flavour) -> Option<&'static str> {
    let is_text = column.data_type == "json" && column.column_type != "json";
    (is_text && target == Flavour::Mysql).then_some(
        "JSON is text at the source; here keys are sorted, of equal keys the last stays, and numbers become what fits \
         into 64 bits",
    )
}

fn character_set(collation: &str) -> String {
    format!(" CHARACTER SET {} COLLATE {collation}", collation::charset_of(collation))
}

fn mapped_collation(column: &Column, target: Target) -> Result<collation::Mapped> {
    let name = column.collation.as_deref().ok_or_else(|| refuse("it is text without a collation"))?;
    collation::map(name, target.flavour, target.version)
}

fn plain(
    sql: &mut String,
    column: &Column,
    column_type: &ColumnType,
    target: Target,
    notes: &mut Vec<String>,
) -> Result<()> {
    // Written out either way: TIMESTAMP reads nothing as NOT NULL.
    sql.push_str(if column.nullable { " NULL" } else { " NOT NULL" });
    if column.auto_increment {
        sql.push_str(" AUTO_INCREMENT");
        return Ok(());
    }
    if let Some(default) = &column.default {
        match default_sql(default, column_type, target)? {
            Some(default) => sql.push_str(&format!(" DEFAULT {default}")),
            None => notes.push(format!("column `{}`: its default cannot be kept", column.name)),
        }
    }
    if let Some(on_update) = &column.on_update {
        let fraction = column_type.fraction().ok_or_else(|| refuse("ON UPDATE on a type that has none"))?;
        current_timestamp(on_update).ok_or_else(|| refuse("an ON UPDATE that is not CURRENT_TIMESTAMP"))?;
        sql.push_str(&format!(" ON UPDATE {}", now(fraction)));
    }
    Ok(())
}

fn now(fraction: u32) -> String {
    if fraction == 0 { "current_timestamp()".to_owned() } else { format!("current_timestamp({fraction})") }
}

/// The default as SQL; none where the target cannot have it: an expression before MySQL 8.0.13, the next value of
/// a sequence (sequences are not copied).
fn default_sql(default: &str, column_type: &ColumnType, target: Target) -> Result<Option<String>> {
    let literal = if let Some(value) = literal_value(default) {
        Some(quote(&value))
    } else if is_number(default) || is_bit_literal(default) || is_hex_literal(default) {
        Some(default.to_owned())
    } else {
        None
    };
    if let Some(literal) = literal {
        let as_expression = target.is_mysql()
            && (column_type.is_long()
                || column_type.is_spatial()
                || matches!(column_type.name, "json" | "vector"));
        return Ok(match (as_expression, target.has_default_expressions()) {
            (false, _) => Some(literal),
            (true, true) => Some(format!("({literal})")),
            (true, false) => None,
        });
    }
    if let Some(text) = current_timestamp(default) {
        return Ok(match column_type.fraction() {
            // MySQL wants the column's own number of digits.
            Some(fraction) if target.is_mysql() => Some(now(fraction)),
            Some(_) => Some(text),
            None => target.has_default_expressions().then(|| format!("({text})")),
        });
    }
    let expression = closed(default, target.flavour).context(|| "its default")?;
    let possible = target.has_default_expressions() && !uses_sequence(&expression);
    Ok(possible.then(|| format!("({expression})")))
}

fn computed(sql: &mut String, column: &Column, generated: Generated, target: Target) -> Result<()> {
    let expression = column.expression.as_deref().ok_or_else(|| refuse("it is generated from nothing"))?;
    let expression = closed(expression, target.flavour).context(|| "its expression")?;
    let kind = if generated == Generated::Virtual { "VIRTUAL" } else { "STORED" };
    sql.push_str(&format!(" GENERATED ALWAYS AS ({expression}) {kind}"));
    // MariaDB has no NOT NULL on generated columns.
    if target.is_mysql() && !column.nullable {
        sql.push_str(" NOT NULL");
    }
    Ok(())
}

fn invisible(sql: &mut String, column: &Column, target: Target, notes: &mut Vec<String>) {
    if !column.invisible {
        return;
    }
    let generated = column.generated != Generated::No;
    let filled = column.nullable || column.default.is_some() || column.auto_increment || generated;
    if target.has_invisible_columns() && (target.is_mysql() || filled) {
        sql.push_str(" INVISIBLE");
    } else {
        notes.push(format!("column `{}` becomes visible", column.name));
    }
}
