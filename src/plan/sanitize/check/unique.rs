//! Whether unique indexes still hold: after masking, no two rows may have equal values in all parts of one.

use super::super::Report;
use super::super::identity::Identity;
use super::super::mentions::{mentions, only_changes_case};
use super::super::pattern::Pattern;
use super::super::problem::{Problem, heading};
use super::super::render::{MaskedColumn, same};
use super::super::resolve::Ruled;
use super::super::types::{Distinct, Mask};
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
        expression: &'a str,
    },
}

/// All of the table's.
pub(super) fn keys(table: &Table) -> Vec<Key<'_>> {
    let primary = (!table.primary_key.is_empty()).then(|| Key {
        table,
        label: "the primary key".to_owned(),
        parts: table
            .primary_key
            .iter()
            .map(|name| Part::of_column(table, name, table.primary_prefixes.get(name).copied()))
            .collect(),
    });
    let indexes = table.indexes.iter().filter(|index| index.unique).map(|index| Key {
        table,
        label: format!("the unique index `{}`", index.name),
        parts: index
            .parts
            .iter()
            .filter_map(|part| match (&part.column, &part.expression) {
                (Some(name), _) => Some(Part::of_column(table, name, part.prefix)),
                (None, Some(expression)) => Some(Part::Computed { expression }),
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
                Some(expression) => Self::Computed { expression },
                None => Self::Column { name, prefix: prefix.map(u64::from) },
            },
            _ => Self::Column { name, prefix: prefix.map(u64::from) },
        }
    }

    fn reads(&self, column: &str) -> bool {
        match self {
            Self::Column { name, .. } => same(name, column),
            Self::Computed { expression } => mentions(expression, column),
        }
    }
}

impl Key<'_> {
    /// Whether the column itself is a part.
    pub fn has(&self, column: &str) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Column { name, .. } => same(name, column),
            Part::Computed { expression } => only_changes_case(expression, column),
        })
    }

    fn reads(&self, column: &str) -> bool {
        self.parts.iter().any(|part| part.reads(column))
    }

    /// Whether it holds because a part of it is a key by itself that no rule changes.
    fn follows_from(&self, other: &Self, columns: &[MaskedColumn]) -> bool {
        !other.parts.is_empty()
            && other.parts.iter().all(|part| match part {
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
    /// The same but for values that `exclude` keeps, or that the key makes new ones of: those differ as they did.
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
                    "{}: {} of table `{}` depends on masked values that may collide; if they do, the run fails",
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
        "use `email`, `text`, `token` or `null`"
    } else {
        "use `email`, `text` or `token`"
    };
    Problem::of(one, what, fix)
}

/// The best that the key's parts of that column do.
fn strength(column: &MaskedColumn, identity: &Identity, key: &Key<'_>) -> Strength {
    let direct = key.parts.iter().find_map(|part| match part {
        Part::Column { name, prefix } if same(name, &column.name) => Some(*prefix),
        Part::Computed { expression } if only_changes_case(expression, &column.name) => Some(None),
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
    let mask = &column.mask;
    if column.kept.iter().any(Pattern::matches_all) {
        return Strength::DistinctOrKept;
    }
    if *mask != Mask::Null {
        match column.behaviour().distinct(identity, column.hex) {
            Distinct::No => return Strength::Weak(not_distinct(mask)),
            Distinct::Perhaps => return Strength::Unknown,
            Distinct::Within(needed) if prefix.is_some_and(|prefix| prefix < needed) => {
                return Strength::Weak(format!(
                    "the index covers only the first {} characters of it, `{mask}` needs {needed} to differ",
                    prefix.unwrap_or_default()
                ));
            }
            Distinct::Within(_) => {}
        }
        if kept_may_equal_new(column, identity) {
            return Strength::Weak(format!(
                "values that `exclude` or `where` keep may equal new ones of `{mask}`"
            ));
        }
    }
    // What follows from the old values differs where they did.
    let alone = column.kept.is_empty() && column.condition.is_none() && !column.follows_value();
    if alone { Strength::Distinct } else { Strength::DistinctOrKept }
}

fn not_distinct(mask: &Mask) -> String {
    if mask.behaviour(false).reads_identity() && mask.pieces(false).is_some() {
        format!("`{mask}` reads the row's identity, which no key of the table makes unique")
    } else {
        format!("results of `{mask}` are not distinct")
    }
}

/// Random values and hashes never meet an old value; a text around a number may. What `where` keeps may look like
/// anything.
fn kept_may_equal_new(column: &MaskedColumn, identity: &Identity) -> bool {
    let behaviour = column.behaviour();
    let shape = behaviour.shape();
    behaviour.reads_identity()
        && identity.is_number()
        && (column.condition.is_some() || column.kept.iter().any(|pattern| pattern.overlaps(&shape)))
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{column, generated, nullable, rule, rule_but, schema, table};
    use super::super::super::types::Token;
    use super::super::super::{Facts, MaskKey, Rule, plan};
    use super::*;

    const HASH: Mask = Mask::Hash { unusable: false };

    /// Columns: id, a, b (NOT NULL), n (nullable), low (generated, `lower(a)`), active (generated from n).
    fn base(key: &[&str], uniques: &[&[&str]]) -> Table {
        let builder = table(
            "t",
            vec![
                column("id", "int"),
                column("a", "varchar(99)"),
                column("b", "varchar(99)"),
                nullable("n", "varchar(99)"),
                generated("low", "varchar(99)", "lower(`a`)"),
                generated("active", "varchar(99)", "if(`id` > 0,`n`,NULL)"),
            ],
        );
        uniques.iter().fold(builder.key(key), |builder, parts| builder.unique(parts)).done()
    }

    fn problems(table: Table, rules: &[(&str, Mask, &[&str])]) -> Result<Vec<String>, String> {
        let rules: Vec<_> = rules
            .iter()
            .map(|(column, mask, exclude)| rule_but("t", column, mask.clone(), exclude))
            .collect();
        plan(&rules, &schema(vec![table]), &Facts { salt: "5a17", ..Facts::default() })
            .map(|plan| plan.warnings().to_vec())
            .map_err(|error| error.what().to_owned())
    }

    #[test]
    fn one_ruled_column() {
        let id: &[&str] = &["id"];
        let keep: &[&str] = &["*@x.de"];
        for (key, unique, rule, refused) in [
            (id, &["a"][..], ("a", Mask::Email, keep), None),
            (id, &["a"], ("a", Mask::Text, &[][..]), None),
            (id, &["a"], ("A", Mask::Name, &[]), None),
            (id, &["a"], ("a", HASH, &[]), Some("results of `hash` are not distinct")),
            (id, &["a"], ("a", HASH, &["*"]), None),
            (id, &["a"], ("a", Mask::LocalIp, &[]), Some("results of `local_ip` are not distinct")),
            (id, &["n"], ("n", Mask::Null, &[]), None),
            (id, &["n"], ("n", Mask::Null, keep), None),
            (id, &["b"], ("a", HASH, &[]), None),
            // Composite ones hold if one part does.
            (id, &["b", "a"], ("a", Mask::Email, keep), None),
            (id, &["b", "a"], ("a", HASH, &[]), Some("the unique index `u0`")),
            (id, &["id", "a"], ("a", HASH, &[]), None),
            // The key itself.
            (&["a"], &[], ("a", Mask::Email, &[]), None),
            (&["a"], &[], ("a", HASH, &[]), Some("in the primary key")),
            (&["a", "b"], &[], ("a", HASH, &[]), Some("in the primary key")),
            // No key makes the identity unique, unless it is random per row.
            (&[], &["n"], ("n", Mask::Name, &[]), Some("which no key of the table makes unique")),
            // Prefixes.
            (id, &["a(36)"], ("a", Mask::Email, &[]), None),
            (
                id,
                &["a(35)"],
                ("a", Mask::Email, &[]),
                Some("the first 35 characters of it, `email` needs 36"),
            ),
            (id, &["a(25)"], ("a", Mask::Text, &[]), None),
            (id, &["a(24)"], ("a", Mask::Text, &[]), Some("needs 25")),
            (id, &["a(16)"], ("a", Mask::Name, &[]), None),
            (id, &["a(15)"], ("a", Mask::Name, &[]), Some("`name` needs 16")),
            (&["b"], &["a(25)"], ("a", Mask::Name, &[]), None),
            (&["b"], &["a(24)"], ("a", Mask::Name, &[]), Some("`name` needs 25")),
            (id, &["a(11)"], ("a", Mask::Address, &[]), None),
            // Kept values that look like new ones.
            (id, &["a"], ("a", Mask::Name, &["user_*"]), Some("may equal new ones of `name`")),
            (id, &["a"], ("a", Mask::Name, &["*@x.de"]), None),
            (id, &["a"], ("a", Mask::Name, &["admin*"]), None),
            (&["b"], &["a"], ("a", Mask::Name, &["user_*"]), None),
            // Computed parts.
            (id, &["low"], ("a", HASH, &[]), Some("results of `hash` are not distinct")),
            (id, &["low"], ("a", Mask::Email, &[]), None),
            (id, &["=upper(`a`)"], ("a", HASH, &[]), Some("results of `hash` are not distinct")),
            (id, &["=left(`a`,3)"], ("a", HASH, &[]), Some("results of `hash` are not distinct")),
        ] {
            let label = format!("{key:?} {unique:?} {rule:?}");
            let uniques: Vec<&[&str]> = if unique.is_empty() { Vec::new() } else { vec![unique] };
            match (problems(base(key, &uniques), &[rule]), refused) {
                (Ok(warnings), None) => {
                    assert!(warnings.iter().all(|w| w.contains("exclude")), "{warnings:?}");
                }
                (Err(error), Some(part)) => assert!(error.contains(part), "{label}: {error}"),
                (result, _) => panic!("{label}: {result:?}"),
            }
        }
    }

    #[test]
    fn with_a_key_rows_differ_where_their_values_did() {
        let key = MaskKey::derive(&"k".into()).unwrap();
        let (id, token): (&[&str], _) = (&["id"], || Mask::Token(Token { length: 32 }));
        for (unique, rules, refused) in [
            (&["a"][..], vec![("a", Mask::Email)], None),
            (&["a"], vec![("a", Mask::Name)], None),
            (&["a"], vec![("a", Mask::Phone)], None),
            (&["a"], vec![("a", token())], None),
            (&["b", "a"], vec![("a", Mask::Email)], None),
            (&["b", "a"], vec![("a", Mask::Email), ("b", token())], None),
            // Two rows of one address are told apart by `b` alone.
            (&["b", "a"], vec![("a", Mask::Email), ("b", HASH)], Some("results of `hash` are not distinct")),
            (&["low"], vec![("a", Mask::Email)], None),
            (&["a(20)"], vec![("a", token())], None),
            (&["a(19)"], vec![("a", token())], Some("`token` needs 20")),
            (&["a(29)"], vec![("a", Mask::Phone)], Some("`phone` needs 30")),
        ] {
            let rules: Vec<Rule> = rules.into_iter().map(|(column, mask)| rule("t", column, mask)).collect();
            let facts = Facts { salt: "5a17", key: Some(&key), ..Facts::default() };
            match (plan(&rules, &schema(vec![base(id, &[unique])]), &facts), refused) {
                (Ok(_), None) => {}
                (Err(error), Some(part)) => assert!(error.what().contains(part), "{unique:?}: {error}"),
                (result, _) => panic!("{unique:?} {rules:?}: {result:?}"),
            }
        }
    }

    #[test]
    fn several_ruled_columns_of_one_index() {
        let keep: &[&str] = &["*@x.de"];
        for (rules, refused) in [
            (vec![("a", Mask::Email, &[][..]), ("b", HASH, &[][..])], None),
            (vec![("a", Mask::Email, keep), ("b", Mask::Text, keep)], None),
            (vec![("a", Mask::Email, keep), ("b", Mask::Text, &[])], None),
            (vec![("a", Mask::Email, keep), ("b", HASH, &[])], Some("column `b`")),
            (vec![("a", HASH, &[]), ("b", HASH, &[])], Some("2 rules")),
        ] {
            match (problems(base(&["id"], &[&["a", "b"]]), &rules), refused) {
                (Ok(_), None) => {}
                (Err(error), Some(part)) => assert!(error.contains(part), "{rules:?}: {error}"),
                (result, _) => panic!("{rules:?}: {result:?}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_followed_is_a_warning() {
        for (unique, column) in [("=left(`a`,3)", "a"), ("active", "n")] {
            let warnings = problems(base(&["id"], &[&[unique]]), &[(column, Mask::Email, &[])]).unwrap();
            assert!(warnings[0].contains("`u0` of table `t` depends on masked values"), "{warnings:?}");
        }
    }

    #[test]
    fn digits_of_hashed_identities_grow_in_unique_indexes() {
        let rule = |exclude: &[&str]| rule_but("t", "a", Mask::Name, exclude);
        for (unique, ty, expected) in [
            (false, "varchar(99)", Some("256), 12)")),
            (true, "varchar(99)", Some("256), 32)")),
            (true, "varchar(30)", Some("256), 25)")),
            (true, "varchar(25)", Some("256), 20)")),
            (true, "varchar(24)", None),
            (false, "varchar(17)", Some("256), 12)")),
        ] {
            let builder = table("t", vec![column("k", "binary(16)"), column("a", ty)]).key(&["k"]);
            let table = if unique { builder.unique(&["a"]) } else { builder }.done();
            let facts = Facts { salt: "5a17", ..Facts::default() };
            match (plan(&[rule(&[])], &schema(vec![table]), &facts), expected) {
                (Ok(plan), Some(sql)) => {
                    let masks = plan.for_table("t").unwrap();
                    assert!(
                        masks.select_expression("a", crate::plan::sanitize::Refs::Bare).sql().contains(sql)
                    );
                }
                (Err(error), None) => assert!(error.what().contains("of 20 digits at least"), "{error}"),
                (result, _) => panic!("{ty}: {result:?}"),
            }
        }
    }
}
