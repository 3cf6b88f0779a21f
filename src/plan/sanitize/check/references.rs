//! Columns of foreign keys: masked on one side only, rows would no longer find each other.
//!
//! With a key, `token` makes equal masks of equal values: it may mask a column that is referenced together with every
//! column that references it.

use super::super::problem::Problem;
use super::super::render::same;
use super::super::resolve::{Resolved, Ruled};
use super::super::types::{Mask, Reading, Token, token_bits};
use super::super::{ANY_TABLE, Facts};
use crate::plan::problem::toml_key;
use crate::schema::{Column, ForeignKey, Schema};

/// What a ruled column is in foreign keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// In none whose ends have to stay equal.
    None,
    /// In one that is masked at both ends.
    Key,
}

/// The other end of a foreign key's column.
struct End<'a> {
    key: &'a ForeignKey,
    table: &'a str,
    column: &'a str,
    /// Whether the ruled column is the one that is referenced.
    is_child: bool,
}

/// Reports what is wrong with a rule on a column that references or is referenced. Keys into other schemas do not
/// count: they are not copied.
pub(super) fn check(
    one: &Ruled<'_>,
    schema: &Schema,
    resolved: &Resolved<'_>,
    facts: &Facts<'_>,
    problems: &mut Vec<Problem>,
) -> Side {
    let ends = ends(one, schema, facts);
    let Some(first) = ends.first() else { return Side::None };
    if let (Some(_), Mask::Token(token)) = (facts.key, &one.rule.mask) {
        let copied = ends.into_iter().filter(|end| !facts.excluded.contains(end.table)).collect::<Vec<_>>();
        if let Some(problem) = apart(one, token, &copied, schema, resolved) {
            problems.push(problem);
        }
        return Side::Key;
    }
    let with_token = "with a `key` under [privacy], `token` on both ends keeps rows together";
    if first.is_child {
        let is = format!("is referenced by table `{}` (foreign key `{}`)", first.table, first.key.name);
        let fix = format!(
            "leave this column as it is and rule the columns that tell who a row is about; {with_token}"
        );
        problems.push(lost(one, &is, fix));
    } else if one.rule.mask != Mask::Null || !one.column.nullable {
        let is = format!("references table `{}` (foreign key `{}`)", first.table, first.key.name);
        let fix = format!(
            "only `null` on a nullable column keeps such a key whole: use it or remove the rule; {with_token}"
        );
        problems.push(lost(one, &is, fix));
    }
    Side::None
}

/// The other ends of the column's foreign keys, those that reference it first.
fn ends<'a>(one: &Ruled<'_>, schema: &'a Schema, facts: &Facts<'a>) -> Vec<End<'a>> {
    let keys = || {
        let all = schema.foreign_keys.iter().chain(facts.relations);
        all.filter(|key| key.references_schema.is_none())
    };
    let pairs = |key: &'a ForeignKey| key.columns.iter().zip(&key.referenced_columns);
    let children = keys().filter(|key| key.references == one.table.name).flat_map(move |key| {
        pairs(key).map(move |(column, of)| (of, End { key, table: &key.table, column, is_child: true }))
    });
    let parents = keys().filter(|key| key.table == one.table.name).flat_map(move |key| {
        pairs(key).map(move |(of, column)| (of, End { key, table: &key.references, column, is_child: false }))
    });
    let of_this = |(of, end): (&String, End<'a>)| same(of, &one.column.name).then_some(end);
    children.chain(parents).filter_map(of_this).collect()
}

/// Why masks would not be equal at all ends although the values are.
fn apart(
    one: &Ruled<'_>,
    token: &Token,
    ends: &[End<'_>],
    schema: &Schema,
    resolved: &Resolved<'_>,
) -> Option<Problem> {
    if !one.rule.exclude.is_empty() || one.rule.condition.is_some() {
        let is = "is in a foreign key, and `exclude` or `where` would keep values at one end of it";
        return Some(lost(one, is, "remove `exclude` and `where`"));
    }
    if Reading::of_key(one.column).is_none() {
        let collation = one.column.collation.as_deref().unwrap_or(&one.column.data_type);
        let is =
            format!("is in a foreign key, and what is equal under `{collation}` need not have equal masks");
        return Some(lost(
            one,
            &is,
            "leave this column as it is and rule the columns that tell who a row is about",
        ));
    }
    if let Some(problem) = short(one, token) {
        return Some(problem);
    }
    let column_of = |end: &End<'_>| schema.tables.get(end.table).and_then(|table| table.column(end.column));
    let lacking: Vec<&End<'_>> = ends.iter().filter(|end| !has_rule(one, end, resolved)).collect();
    if !lacking.is_empty() {
        return Some(lacking_rules(one, &lacking));
    }
    let other = ends.iter().find(|end| column_of(end).is_some_and(|column| !alike(one.column, column)))?;
    let is = format!(
        "and `{}`.`{}` at the other end of foreign key `{}` are of different types or collations",
        other.table, other.column, other.key.name
    );
    Some(lost(one, &is, "make them alike, or leave both as they are"))
}

/// Columns of different lengths must not have masks of different lengths.
fn short(one: &Ruled<'_>, token: &Token) -> Option<Problem> {
    let digits = Token::room(one).ok()?;
    if digits >= u64::from(token.length) {
        return None;
    }
    let is =
        format!("is in a foreign key and holds {digits} hex digits, not all {} of the token", token.length);
    Some(lost(one, &is, format!("write length = {} in the rules of all columns of the key", digits / 2 * 2)))
}

/// Whether the other end is masked in the same way.
fn has_rule(one: &Ruled<'_>, end: &End<'_>, resolved: &Resolved<'_>) -> bool {
    let rules = resolved.get(end.table).into_iter().flatten();
    rules.into_iter().any(|other| same(&other.column.name, end.column) && other.rule.mask == one.rule.mask)
}

fn lacking_rules(one: &Ruled<'_>, lacking: &[&End<'_>]) -> Problem {
    let mut names: Vec<String> =
        lacking.iter().map(|end| format!("`{}`.`{}`", end.table, end.column)).collect();
    names.dedup();
    let mut lines: Vec<String> = lacking
        .iter()
        .map(|end| {
            format!(
                "[sanitize.{}] {} = {}",
                toml_key(end.table),
                toml_key(end.column),
                written(&one.rule.mask)
            )
        })
        .collect();
    lines.dedup();
    let is = format!("is in foreign keys together with {}, which lack this rule", names.join(", "));
    let mut fix = format!("add {}", lines.join(" and "));
    if one.rule.table != ANY_TABLE && lacking.iter().all(|end| same(end.column, &one.column.name)) {
        fix.push_str(&format!(", or write the rule once under [sanitize.\"{ANY_TABLE}\"]"));
    }
    lost(one, &is, fix)
}

/// The rule as the configuration file spells it.
fn written(mask: &Mask) -> String {
    match mask {
        Mask::Token(token) if *token != Token::default() => {
            format!("{{ type = \"token\", length = {} }}", token.length)
        }
        _ => format!("\"{mask}\""),
    }
}

/// Whether equal values of both columns are read as the same and have the same masks. BINARY pads with zero bytes to its
/// length, numbers stay in the range of their type.
fn alike(a: &Column, b: &Column) -> bool {
    let length = |column: &Column| (column.data_type == "binary").then_some(column.max_length);
    token_bits(a) == token_bits(b)
        && a.charset == b.charset
        && a.collation == b.collation
        && length(a) == length(b)
}

fn lost(one: &Ruled<'_>, is: &str, fix: impl Into<String>) -> Problem {
    let what = format!(
        "column `{}` of table `{}` {is}: masked, rows would lose each other",
        one.column.name, one.table.name
    );
    Problem::of(one, what, fix)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{column, foreign_key, nullable, rule, schema, table};
    use super::super::super::{Facts, MaskKey, Refs, Rule, plan};
    use super::*;

    #[test]
    fn only_null_on_the_childs_side_is_allowed() {
        let parent = || table("p", vec![nullable("code", "varchar(99)")]).done();
        let child = |column| table("c", vec![column]).done();
        let referenced = "is referenced by table `c` (foreign key `c_code_fk`)";
        let references = "references table `p` (foreign key `c_code_fk`)";
        for (on, mask, column, refused) in [
            ("p", Mask::Text, nullable("code", "varchar(99)"), Some(referenced)),
            ("p", Mask::Null, nullable("code", "varchar(99)"), Some(referenced)),
            ("c", Mask::Text, nullable("CODE", "varchar(99)"), Some(references)),
            ("c", Mask::Null, nullable("CODE", "varchar(99)"), None),
            ("c", Mask::Text, column("code", "varchar(99)"), Some(references)),
        ] {
            let rule = rule(on, "code", mask.clone());
            let key = foreign_key(("c", "code"), ("p", "code"));
            let mut declared = schema(vec![parent(), child(column.clone())]);
            declared.foreign_keys.push(key.clone());
            let plain = schema(vec![parent(), child(column)]);
            let facts = Facts { salt: "5a17", ..Facts::default() };
            let relations = [key];
            let related = Facts { relations: &relations, ..facts.clone() };
            for (schema, facts) in [(&declared, &facts), (&plain, &related)] {
                match (plan(std::slice::from_ref(&rule), schema, facts), refused) {
                    (Ok(_), None) => {}
                    (Err(error), Some(part)) => assert!(error.what().contains(part), "{error}"),
                    (result, _) => panic!("{on} {mask}: {result:?}"),
                }
            }
            assert!(plan(&[rule], &plain, &facts).is_ok());
        }
    }

    /// Rules on tables `p` (key `code`), `c` and `d` (both reference it by `code`).
    fn tokens(on: &[(&str, Mask)], column: &Column, child: &Column, excluded: &[&str]) -> Result<(), String> {
        let tables = vec![
            table("p", vec![column.clone()]).key(&["code"]).done(),
            table("c", vec![child.clone()]).done(),
            table("d", vec![column.clone()]).done(),
        ];
        let mut schema = schema(tables);
        schema.foreign_keys = ["c", "d"].map(|name| foreign_key((name, "code"), ("p", "code"))).into();
        let rules: Vec<Rule> = on.iter().map(|(table, mask)| rule(table, "code", mask.clone())).collect();
        let key = MaskKey::derive(&"k".into()).unwrap();
        let excluded = excluded.iter().map(ToString::to_string).collect();
        let facts = Facts { salt: "5a17", key: Some(&key), excluded, ..Facts::default() };
        plan(&rules, &schema, &facts).map(drop).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn with_a_key_token_masks_a_key_with_all_that_references_it() {
        let token = |length| Mask::Token(Token { length });
        let all = |mask: &Mask| ["p", "c", "d"].map(|table| (table, mask.clone()));
        let text = || column("code", "varchar(40)");
        let under = |collation: &str| Column { collation: Some(collation.into()), ..text() };
        let length = |ty: &str| column("code", ty);
        for (rules, column, child, excluded, refused) in [
            (all(&token(32)).to_vec(), text(), text(), &[][..], None),
            (vec![("*", token(32))], text(), text(), &[], None),
            (all(&token(32)).to_vec(), text(), length("varchar(60)"), &[], None),
            (all(&token(32)).to_vec(), length("binary(16)"), length("binary(16)"), &[], None),
            (vec![("p", token(32)), ("c", token(32))], text(), text(), &["d"], None),
            (
                vec![("p", token(32)), ("c", token(32))],
                text(),
                text(),
                &[],
                Some("together with `d`.`code`, which lack this rule"),
            ),
            (
                vec![("p", token(32))],
                text(),
                text(),
                &[],
                Some("add [sanitize.c] code = \"token\" and [sanitize.d] code"),
            ),
            (vec![("p", token(32))], text(), text(), &[], Some("once under [sanitize.\"*\"]")),
            (
                vec![("c", token(20))],
                text(),
                text(),
                &[],
                Some("[sanitize.p] code = { type = \"token\", length = 20 }"),
            ),
            (vec![("*", token(32)), ("d", token(20))], text(), text(), &[], Some("which lack this rule")),
            (vec![("*", Mask::Email)], text(), text(), &[], Some("`token` on both ends keeps rows together")),
            (
                all(&token(32)).to_vec(),
                text(),
                under("utf8mb4_bin"),
                &[],
                Some("different types or collations"),
            ),
            (
                all(&token(32)).to_vec(),
                under("utf8mb4_turkish_ci"),
                text(),
                &[],
                Some("under `utf8mb4_turkish_ci`"),
            ),
            (all(&token(32)).to_vec(), length("varchar(27)"), text(), &[], Some("write length = 26")),
            (all(&token(26)).to_vec(), length("char(26)"), text(), &[], None),
            (all(&token(12)).to_vec(), text(), text(), &[], Some("write length = 20 or more")),
            (all(&token(32)).to_vec(), length("int"), length("int"), &[], None),
            (
                all(&token(32)).to_vec(),
                length("int"),
                length("bigint"),
                &[],
                Some("different types or collations"),
            ),
            (all(&token(32)).to_vec(), length("smallint"), length("smallint"), &[], Some("too few numbers")),
            (all(&token(30)).to_vec(), length("int"), length("int"), &[], Some("leave `length` out")),
        ] {
            match (tokens(&rules, &column, &child, excluded), refused) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.contains(part), "{part}: {error}"),
                (result, _) => panic!("{rules:?} {}: {result:?}", column.column_type),
            }
        }
    }

    #[test]
    fn values_of_keys_are_read_so_that_equal_ones_have_equal_masks() {
        let with = |referenced: bool, collation: &str| {
            let column = Column { collation: Some(collation.into()), ..column("code", "varchar(40)") };
            let parent = table("p", vec![column.clone()]).key(&["code"]).done();
            let mut schema = schema(vec![parent, table("c", vec![column]).done()]);
            if referenced {
                schema.foreign_keys.push(foreign_key(("c", "code"), ("p", "code")));
            }
            let rule = rule("*", "code", Mask::Token(Token::default()));
            let key = MaskKey::derive(&"k".into()).unwrap();
            let facts = Facts { salt: "5a17", key: Some(&key), ..Facts::default() };
            let plan = plan(&[rule], &schema, &facts).unwrap();
            let sql = |name| plan.for_table(name).unwrap().select_expression("code", Refs::Bare);
            assert_eq!(sql("p"), sql("c"));
            (sql("p"), !plan.for_table("p").unwrap().demanding().is_empty())
        };
        for (referenced, collation, refuses) in [
            (true, "utf8mb4_general_ci", true),
            (false, "utf8mb4_general_ci", false),
            (true, "utf8mb4_bin", false),
        ] {
            let (sql, plain) = with(referenced, collation);
            assert_eq!(
                (sql.sql().contains("EXP(710"), plain),
                (refuses, refuses),
                "{referenced} {collation}: {sql:?}"
            );
        }
    }

    #[test]
    fn keys_into_other_schemas_do_not_count() {
        let mut schema = schema(vec![table("c", vec![column("code", "varchar(99)")]).done()]);
        let mut key = foreign_key(("c", "code"), ("p", "code"));
        key.references_schema = Some("other".into());
        schema.foreign_keys.push(key);
        let rule = rule("c", "code", Mask::Text);
        assert!(plan(&[rule], &schema, &Facts { salt: "5a17", ..Facts::default() }).is_ok());
    }
}
