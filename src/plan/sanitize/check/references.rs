//! Columns of foreign keys: masked on one side only, rows would no longer find each other.

use super::super::problem::Problem;
use super::super::render::same;
use super::super::resolve::Ruled;
use super::super::types::Mask;
use crate::schema::{ForeignKey, Schema};

/// The problem of a rule on a column that references or is referenced. Keys into other schemas do not count: they
/// are not copied.
pub(super) fn check(one: &Ruled<'_>, schema: &Schema, relations: &[ForeignKey]) -> Option<Problem> {
    let keys = || schema.foreign_keys.iter().chain(relations).filter(|key| key.references_schema.is_none());
    let has = |columns: &[String]| columns.iter().any(|name| same(name, &one.column.name));
    if let Some(key) = keys().find(|key| key.references == one.table.name && has(&key.referenced_columns)) {
        return Some(problem(
            one,
            &format!("is referenced by table `{}` (foreign key `{}`)", key.table, key.name),
            "leave this column as it is and rule the columns that tell who a row is about",
        ));
    }
    let key = keys().find(|key| key.table == one.table.name && has(&key.columns))?;
    if one.rule.mask == Mask::Null && one.column.nullable {
        return None;
    }
    Some(problem(
        one,
        &format!("references table `{}` (foreign key `{}`)", key.references, key.name),
        "only `null` on a nullable column keeps such a key whole: use it or remove the rule",
    ))
}

fn problem(one: &Ruled<'_>, is: &str, fix: &str) -> Problem {
    let what = format!(
        "column `{}` of table `{}` {is}: masked, rows would lose each other",
        one.column.name, one.table.name
    );
    Problem::of(one, what, fix)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{column, foreign_key, nullable, schema, table};
    use super::super::super::{Facts, Rule, plan};
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
            let rule = Rule {
                table: on.into(),
                column: "code".into(),
                mask: mask.clone(),
                exclude: Vec::new(),
                condition: None,
            };
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

    #[test]
    fn keys_into_other_schemas_do_not_count() {
        let mut schema = schema(vec![table("c", vec![column("code", "varchar(99)")]).done()]);
        let mut key = foreign_key(("c", "code"), ("p", "code"));
        key.references_schema = Some("other".into());
        schema.foreign_keys.push(key);
        let rule = Rule {
            table: "c".into(),
            column: "code".into(),
            mask: Mask::Text,
            exclude: Vec::new(),
            condition: None,
        };
        assert!(plan(&[rule], &schema, &Facts { salt: "5a17", ..Facts::default() }).is_ok());
    }
}
