//! One entry of `[[relations]]` against the schema.

use super::{Ground, Named, Report, column};
use crate::plan::reference::Relation;
use crate::schema::{Column, ForeignKey, IndexKind, IndexPart, Table};

const REMOVE: &str = "correct it or remove the relation";

/// The relation, if it is to be followed: both ends are served and nothing is wrong.
pub(super) fn check(
    relation: &Relation,
    before: &[Relation],
    ground: Ground<'_>,
    report: &mut Report,
) -> Option<Relation> {
    let heading = relation.key.name.clone();
    let child = match ground.table(&relation.key.table, &heading, report) {
        Some(Named::NotServed(_)) => return None,
        Some(Named::Served(table)) => Some(table),
        None => None,
    };
    let parent = ground.table(&relation.key.references, &heading, report);
    let problems = report.problems.len();
    let child = child?;
    let columns = named(child, &relation.key.columns, &heading, report);
    check_when(child, relation, &heading, report);
    match parent? {
        Named::NotServed(reason) => {
            report.warnings.push(format!(
                "{heading} of `{}` is not followed: `{}` {reason}",
                child.name, relation.key.references
            ));
            None
        }
        Named::Served(parent) => {
            let referenced = named(parent, &relation.key.referenced_columns, &heading, report);
            if let (Some(columns), Some(referenced)) = (columns, referenced) {
                check_key(parent, &referenced, &heading, report);
                for (column, referenced) in columns.into_iter().zip(referenced) {
                    check_types((child, column), (parent, referenced), &heading, report);
                }
            }
            warn_if_known(relation, before, ground, report);
            (report.problems.len() == problems).then(|| relation.clone())
        }
    }
}

/// The columns of these names; `None` after noting those that do not exist.
fn named<'a>(
    table: &'a Table,
    names: &[String],
    heading: &str,
    report: &mut Report,
) -> Option<Vec<&'a Column>> {
    let found: Vec<_> = names.iter().map(|name| column(table, name, heading, report)).collect();
    found.into_iter().collect()
}

/// The columns of `when` exist, and their values can be told from each other. A server takes a text that it compares
/// with a number for 0.
fn check_when(child: &Table, relation: &Relation, heading: &str, report: &mut Report) {
    for (name, value) in &relation.when {
        let Some(column) = column(child, name, heading, report) else { continue };
        let wrong = if is_number(column) && value.trim().parse::<f64>().is_err() {
            "the value in `when` is no number"
        } else if class(column).is_none() && !column.is_text() {
            "it cannot be compared with a value"
        } else {
            continue;
        };
        report.problem(
            heading,
            format!(
                "column `{}` of table `{}` is `{}`, and {wrong}",
                column.name, child.name, column.data_type
            ),
            REMOVE,
        );
    }
}

/// A reference leads to one row at most.
fn check_key(parent: &Table, referenced: &[&Column], heading: &str, report: &mut Report) {
    let is_same = |names: Vec<String>| {
        names.len() == referenced.len()
            && names.iter().all(|name| referenced.iter().any(|column| same(&column.name, name)))
    };
    let whole = |part: &IndexPart| if part.prefix.is_none() { part.column.clone() } else { None };
    let unique = parent
        .indexes
        .iter()
        .filter(|index| index.unique && index.kind == IndexKind::Btree)
        .filter_map(|index| index.parts.iter().map(whole).collect::<Option<Vec<String>>>());
    if !std::iter::once(parent.primary_key.clone()).chain(unique).any(is_same) {
        let list: Vec<String> = referenced.iter().map(|column| format!("`{}`", column.name)).collect();
        report.problem(
            heading,
            format!(
                "{} of table `{}` is neither its primary key nor a unique key",
                list.join(", "),
                parent.name
            ),
            "name all columns of such a key in `referenced_columns`",
        );
    }
}

fn check_types(child: (&Table, &Column), parent: (&Table, &Column), heading: &str, report: &mut Report) {
    let (a, b) = (class(child.1), class(parent.1));
    if a.is_some() && a == b {
        return;
    }
    let shown = |(table, column): (&Table, &Column)| {
        let collation = column.collation.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
        format!("`{}`.`{}` ({}{collation})", table.name, column.name, column.data_type)
    };
    report.problem(
        heading,
        format!("{} and {} do not compare like values of one key", shown(child), shown(parent)),
        "both must be integers, or of the same type, texts with the same collation: correct it or remove the relation",
    );
}

/// Columns of one class compare with each other as the values of one key do; none cannot be keys.
fn class(column: &Column) -> Option<String> {
    let data_type = column.data_type.as_str();
    let class = match data_type {
        _ if column.is_integer() => "integer".to_owned(),
        "char" | "varchar" => format!("text {}", column.collation.as_deref().unwrap_or_default()),
        // Values compare as text, sort by number: only the very same list does both alike.
        "enum" | "set" => {
            format!("{} {}", column.column_type, column.collation.as_deref().unwrap_or_default())
        }
        "binary" | "varbinary" => "binary".to_owned(),
        "decimal" | "float" | "double" | "bit" | "date" | "datetime" | "timestamp" | "time" | "year"
        | "uuid" | "inet4" | "inet6" => data_type.to_owned(),
        _ => return None,
    };
    Some(class)
}

fn is_number(column: &Column) -> bool {
    column.is_integer()
        || matches!(column.data_type.as_str(), "decimal" | "float" | "double" | "bit" | "year")
}

fn warn_if_known(relation: &Relation, before: &[Relation], ground: Ground<'_>, report: &mut Report) {
    let key = &relation.key;
    let declared = ground.schema.foreign_keys.iter().find(|declared| leads_alike(declared, key));
    let twice = before.iter().find(|other| leads_alike(&other.key, key) && other.when == relation.when);
    if let Some(declared) = declared {
        report.warnings.push(format!(
            "{} of `{}` is not needed: the foreign key `{}` says the same",
            key.name, key.table, declared.name
        ));
    } else if let Some(other) = twice {
        report.warnings.push(format!("{} is the same as {}", key.name, other.key.name));
    }
}

/// Whether both connect the same columns of the same tables, in whatever order.
fn leads_alike(a: &ForeignKey, b: &ForeignKey) -> bool {
    let pairs = |key: &ForeignKey| {
        let lower = |name: &String| name.to_lowercase();
        let mut pairs: Vec<_> =
            key.columns.iter().map(lower).zip(key.referenced_columns.iter().map(lower)).collect();
        pairs.sort();
        pairs
    };
    a.references_schema == b.references_schema
        && a.table == b.table
        && a.references == b.references
        && pairs(a) == pairs(b)
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}
