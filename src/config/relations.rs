//! `[[relations]]`: foreign keys that the schema does not declare. Only the shape is checked here; whether tables and
//! columns exist and fit is the subset planner's to say, with the schema at hand.

use super::entry::{Written, unknown_option};
use super::keys::RELATION_OPTIONS;
use super::parse::{Walker, kind_of};
use toml::de::{DeTable, DeValue};

/// One entry of `[[relations]]` as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relation {
    /// The child, in the case of the file.
    pub table: String,
    /// The child's columns; at least one.
    pub columns: Vec<String>,
    /// The parent.
    pub references: String,
    /// The parent's columns, as many as `columns`.
    pub referenced_columns: Vec<String>,
    /// Columns of the child and the values that they have in the rows that it holds for. Empty: all rows.
    pub when: Vec<(String, String)>,
    /// The line of the file, from 1.
    pub line: usize,
}

/// Reads the value of `relations`.
pub(super) fn read(walker: &mut Walker<'_>, at: usize, value: &DeValue<'_>, relations: &mut Vec<Relation>) {
    const HINT: &str = "write [[relations]] on a line of its own and `table`, `columns`, `references` and \
                        `referenced_columns` below";
    let DeValue::Array(entries) = value else {
        let what = format!("`relations` must be a list of tables, found {}", kind_of(value));
        return walker.refuse(at, what, HINT);
    };
    for (number, entry) in entries.iter().enumerate() {
        // The place of `[[relations]]` itself is known for the first entry only; each has its own span.
        let at = entry.span().start;
        match entry.get_ref() {
            DeValue::Table(options) => relations.extend(read_relation(walker, at, number + 1, options)),
            other => {
                let found = kind_of(other);
                walker.refuse(at, format!("`relations` must be a list of tables, found {found} in it"), HINT);
            }
        }
    }
}

fn read_relation(
    walker: &mut Walker<'_>,
    at: usize,
    number: usize,
    options: &DeTable<'_>,
) -> Option<Relation> {
    let entry = format!("relation {number}");
    let mut relation = Relation { line: walker.line(at), ..Relation::default() };
    let mut good = true;
    for (option, value) in options {
        let (at, option) = (option.span().start, option.get_ref().as_ref());
        if !RELATION_OPTIONS.contains(&option) {
            unknown_option(walker, at, &entry, option, RELATION_OPTIONS);
            good = false;
            continue;
        }
        let name = format!("`{option}` of {entry}");
        let written = Written { walker, name, at, value: value.get_ref() };
        good &= read_option(&mut relation, option, written).is_some();
    }
    for needed in &RELATION_OPTIONS[..4] {
        if !options.iter().any(|(option, _)| option.get_ref() == needed) {
            let hint =
                "`table` and `columns` are the child's, `references` and `referenced_columns` the parent's";
            walker.refuse(at, format!("{entry} has no `{needed}`"), hint);
            good = false;
        }
    }
    if good && relation.columns.len() != relation.referenced_columns.len() {
        let what = format!(
            "{entry} has {} columns and {} referenced columns",
            relation.columns.len(),
            relation.referenced_columns.len()
        );
        walker.refuse(at, what, "name one referenced column for each column, in the same order");
        good = false;
    }
    good.then_some(relation)
}

/// Sets one option of `relation`; `None` if it is not as it must be, which is noted.
fn read_option(relation: &mut Relation, option: &str, written: Written<'_, '_, '_>) -> Option<()> {
    match option {
        "table" => relation.table = written.name()?,
        "columns" => relation.columns = written.names()?,
        "references" => relation.references = written.name()?,
        "referenced_columns" => relation.referenced_columns = written.names()?,
        // The only one that is left.
        _ => relation.when = when(written)?,
    }
    Some(())
}

fn when(written: Written<'_, '_, '_>) -> Option<Vec<(String, String)>> {
    let DeValue::Table(table) = written.value else {
        let what = format!("must be a table of columns and values, found {}", kind_of(written.value));
        return written.refuse(&what, "write when = { COLUMN = \"VALUE\" }");
    };
    if table.is_empty() {
        return written.refuse("must not be empty", "leave it out: the relation then holds for every row");
    }
    let mut pairs = Vec::with_capacity(table.len());
    for (column, value) in table {
        let value = Written {
            walker: written.walker,
            name: format!("a value in {}", written.name),
            at: column.span().start,
            value: value.get_ref(),
        };
        pairs.push((column.get_ref().to_string(), value.comparand()?));
    }
    Some(pairs)
}
