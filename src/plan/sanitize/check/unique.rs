//! Whether unique indexes still hold: after masking, no two rows may have equal values in all parts of one.

use super::super::Report;
use super::super::identity::Identity;
use super::super::mentions::{mentions, only_changes_case};
use super::super::problem::{Problem, heading};
use super::super::render::{MaskedColumn, same};
use super::super::resolve::Ruled;
use super::super::types::Mask;
use crate::schema::{Generated, Table};

/// The primary key or a unique index.
pub(super) struct Key<'a> {
    table: &'a Table,
    /// `the primary key`, `the unique index `x``
    label: String,
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    Column {
        name: &'a str,
        prefix: Option<u64>,
    },
    /// A functional part, or a generated column.
    Computed {
        name: Option<&'a str>,
        expression: &'a str,
    },
}

/// All of the table's.
pub(super) fn keys(table: &Table) -> Vec<Key<'_>> {
    let primary = (!table.primary_key.is_empty()).then(|| Key {
        table,
        label: "the primary key".to_owned(),
        parts: table.primary_key.iter().map(|name| Part::of_column(table, name, None)).collect(),
    });
    let indexes = table.indexes.iter().filter(|index| index.unique).map(|index| Key {
        table,
        label: format!("the unique index `{}`", index.name),
        parts: index
            .parts
            .iter()
            .filter_map(|part| match (&part.column, &part.expression) {
                (Some(name), _) => Some(Part::of_column(table, name, part.prefix)),
                (None, Some(expression)) => Some(Part::Computed { name: None, expression }),
                (None, None) => None,
            })
            .collect(),
    });
    primary.into_iter().chain(indexes).collect()
}

impl<'a> Part<'a> {
    fn of_column(table: &'a Table, name: &'a str, prefix: Option<u32>) -> Self {
        match table.column(name) {
            Some(column) if column.generated != Generated::No => match &column.expression {
                Some(expression) => Self::Computed { name: Some(name), expression },
                None => Self::Column { name, prefix: prefix.map(u64::from) },
            },
            _ => Self::Column { name, prefix: prefix.map(u64::from) },
        }
    }

    fn reads(&self, column: &str) -> bool {
        match self {
            Self::Column { name, .. } => same(name, column),
            Self::Computed { expression, .. } => mentions(expression, column),
        }
    }
}

impl Key<'_> {
    /// Whether the column itself is a part.
    pub fn has(&self, column: &str) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Column { name, .. } => same(name, column),
            Part::Computed { expression, .. } => only_changes_case(expression, column),
        })
    }

    fn reads(&self, column: &str) -> bool {
        self.parts.iter().any(|part| part.reads(column))
    }

    /// Whether it holds because a part of it is a key by itself that no rule changes.
    fn follows_from(&self, other: &Self, columns: &[MaskedColumn]) -> bool {
        other.parts.iter().all(|part| match part {
            Part::Column { name, prefix: None } => {
                self.has_whole(name)
                    && other.table.column(name).is_some_and(|column| !column.nullable)
                    && !columns.iter().any(|ruled| same(&ruled.name, name))
            }
            _ => false,
        })
    }

    fn has_whole(&self, column: &str) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Column { name, prefix: None } if same(name, column)))
    }
}

/// What a mask does to the values of a part.
enum Strength {
    /// Rows differ in this part alone, or are NULL there, which every unique index allows.
    Distinct,
    /// The same but for values that `exclude` keeps; those differ as they did.
    DistinctOrKept,
    /// Rows may be equal.
    Weak(String),
    /// The server computes something from masked values that we cannot follow.
    Unknown,
}

/// Reports every rule that may break a unique index.
pub(super) fn check(
    ruled: &[Ruled<'_>],
    columns: &[MaskedColumn],
    identity: &Identity,
    keys: &[Key<'_>],
    report: &mut Report,
) {
    for (at, key) in keys.iter().enumerate() {
        let implied = keys.iter().enumerate().any(|(other, by)| other != at && key.follows_from(by, columns));
        let touched: Vec<_> = columns.iter().filter(|column| key.reads(&column.name)).collect();
        if implied || touched.is_empty() {
            continue;
        }
        let strengths: Vec<_> =
            touched.iter().map(|column| (*column, strength(column, identity, key))).collect();
        if strengths.iter().any(|(_, strength)| matches!(strength, Strength::Distinct)) {
            continue;
        }
        for (column, strength) in strengths {
            let Some(one) = ruled.iter().find(|one| one.column.name == column.name) else { continue };
            match strength {
                Strength::Weak(why) => report.problems.push(refuse(one, key, &why)),
                Strength::Unknown => report.warnings.push(format!(
                    "{}: {} of table `{}` is computed from masked values; if they collide, the load fails",
                    heading(one.rule),
                    key.label,
                    one.table.name
                )),
                Strength::Distinct | Strength::DistinctOrKept => {}
            }
        }
    }
}

fn refuse(one: &Ruled<'_>, key: &Key<'_>, why: &str) -> Problem {
    let what =
        format!("column `{}` of table `{}` is in {}, and {why}", one.column.name, one.table.name, key.label);
    let fix = if one.column.nullable {
        "use `email`, `text` or `null`"
    } else {
        "use `email` or `text`, which differ in every row"
    };
    Problem::new(one.rule, what, fix)
}

/// The best that the key's parts of that column do.
fn strength(column: &MaskedColumn, identity: &Identity, key: &Key<'_>) -> Strength {
    let direct = key.parts.iter().find_map(|part| match part {
        Part::Column { name, prefix } if same(name, &column.name) => Some(*prefix),
        Part::Computed { expression, .. } if only_changes_case(expression, &column.name) => Some(None),
        _ => None,
    });
    match direct {
        Some(prefix) => direct_strength(column, identity, prefix),
        None => match direct_strength(column, identity, None) {
            Strength::Weak(why) => Strength::Weak(why),
            _ => Strength::Unknown,
        },
    }
}

fn direct_strength(column: &MaskedColumn, identity: &Identity, prefix: Option<u64>) -> Strength {
    let mask = column.mask;
    if column.kept.iter().any(super::Pattern::matches_all) {
        return Strength::DistinctOrKept;
    }
    if mask != Mask::Null {
        match mask.distinct_within(identity, column.hex) {
            None => return Strength::Weak(not_distinct(mask)),
            Some(needed) if prefix.is_some_and(|prefix| prefix < needed) => {
                return Strength::Weak(format!(
                    "the index covers only the first {} characters of it, `{mask}` needs {needed} to differ",
                    prefix.unwrap_or_default()
                ));
            }
            Some(_) => {}
        }
        if kept_may_equal_new(column, identity) {
            return Strength::Weak(format!(
                "values that `exclude` keeps may equal new ones (`{}`)",
                mask.shape()
            ));
        }
    }
    if column.kept.is_empty() { Strength::Distinct } else { Strength::DistinctOrKept }
}

fn not_distinct(mask: Mask) -> String {
    if mask.reads_identity() {
        format!("`{mask}` reads the row's identity, which no key of the table makes unique")
    } else {
        format!("results of `{mask}` are not distinct")
    }
}

/// Random values and hashes never meet an old value; a text around a number may.
fn kept_may_equal_new(column: &MaskedColumn, identity: &Identity) -> bool {
    let shape = column.mask.shape();
    column.mask.reads_identity()
        && identity.is_number()
        && column.kept.iter().any(|pattern| pattern.overlaps(&shape))
}
