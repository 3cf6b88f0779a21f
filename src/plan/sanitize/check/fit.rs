//! Whether a column can hold what its mask makes: kind, NULL, type, length, patterns, conditions.

use super::super::nearest::{did_you_mean, nearest};
use super::super::pattern::Pattern;
use super::super::problem::Problem;
use super::super::resolve::Ruled;
use super::super::types::{Expression, Own, Place, problem};
use crate::schema::Generated;

/// How many hex digits the identity gets in that column.
pub(super) fn digits(place: &Place<'_>) -> Result<u64, Problem> {
    let one = place.one;
    if one.column.generated != Generated::No {
        return Err(problem(one, "is generated", "rule the columns that it is made of instead"));
    }
    patterns(one)?;
    if let Some(condition) = &one.rule.condition {
        known_columns(one, &place.own, "where", condition)?;
        bare_text(one, condition)?;
    }
    one.rule.mask.behaviour(place.keyed).fit(place)
}

/// Every name in an expression has to be a stored column of the row.
pub(in crate::plan::sanitize) fn known_columns(
    one: &Ruled<'_>,
    own: &Own<'_>,
    option: &str,
    expression: &Expression,
) -> Result<(), Problem> {
    let Some(name) = expression.unknown_column(own) else { return Ok(()) };
    let is = match one.table.column(name) {
        Some(_) => format!("has `{option}`, which reads the generated column `{name}`: copies have none"),
        None => {
            let guess = did_you_mean(nearest(name, own.table.iter().map(String::as_str)));
            format!("has `{option}`, in which `{name}` is no column of the table{guess}")
        }
    };
    Err(problem(one, &is, "name stored columns of the same row; texts are written in quotes"))
}

/// A text alone is no condition: most texts count as false, and every row would keep its value.
fn bare_text(one: &Ruled<'_>, condition: &Expression) -> Result<(), Problem> {
    let column = condition.only_column(&one.column.name).and_then(|name| one.table.column(name));
    match column {
        Some(column) if !column.is_integer() && column.data_type != "bit" => Err(problem(
            one,
            &format!("has `where`, which is nothing but the column `{}`", column.name),
            "compare it: where = \"… = '…'\"",
        )),
        _ => Ok(()),
    }
}

fn patterns(one: &Ruled<'_>) -> Result<(), Problem> {
    if one.rule.exclude.is_empty() {
        return Ok(());
    }
    let column = one.column;
    if !column.is_text() && !column.is_binary() && !matches!(column.data_type.as_str(), "enum" | "set") {
        let is = format!("is `{}`: the patterns of `exclude` compare text", column.data_type);
        return Err(problem(one, &is, "remove `exclude`"));
    }
    let charset = column.charset.as_deref().unwrap_or("binary");
    if one.rule.exclude.iter().any(|text| !Pattern::new(text).fits_charset(charset)) {
        let is = format!("has the character set {charset}, which lacks a character of an `exclude` pattern");
        return Err(problem(one, &is, "no value can match that pattern: remove or correct it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{column, generated, nullable, rule, rule_but, schema, table};
    use super::super::super::{Facts, plan};
    use crate::plan::sanitize::{Mask, MaskKey, Token};
    use crate::schema::Column;

    const HASH: Mask = Mask::Hash { unusable: false };

    fn with_charset(name: &str, ty: &str, charset: &str) -> Column {
        Column {
            charset: Some(charset.into()),
            collation: Some(format!("{charset}_general_ci")),
            ..column(name, ty)
        }
    }

    fn try_rule(column: Column, key: Column, mask: Mask, exclude: &[&str]) -> Result<(), String> {
        let rule = rule_but("t", &column.name, mask, exclude);
        let key_name = key.name.clone();
        let schema = schema(vec![table("t", vec![key, column]).key(&[&key_name]).done()]);
        let facts = Facts { salt: "5a17", ..Facts::default() };
        plan(&[rule], &schema, &facts).map(drop).map_err(|error| format!("{error:?}"))
    }

    fn token() -> Mask {
        Mask::Token(Token::default())
    }

    #[test]
    fn types_and_lengths_must_fit() {
        let int = || column("id", "int(10) unsigned");
        let uuid = || column("id", "binary(16)");
        for (column, key, mask, refused) in [
            (column("c", "varchar(49)"), int(), Mask::Email, None),
            (column("c", "varchar(48)"), int(), Mask::Email, Some("holds 48 characters")),
            (column("c", "varchar(15)"), int(), Mask::Name, None),
            (column("c", "varchar(14)"), int(), Mask::Name, Some("have up to 15 (with the widest number")),
            (column("c", "varchar(17)"), uuid(), Mask::Name, None),
            (column("c", "varchar(16)"), uuid(), Mask::Name, Some("a hash of 12 digits")),
            (column("c", "varchar(17)"), uuid(), Mask::Phone, None),
            (column("c", "varchar(15)"), uuid(), Mask::Phone, Some("have up to 17")),
            (column("c", "char(37)"), int(), Mask::Text, None),
            (column("c", "char(36)"), int(), Mask::Text, Some("have up to 37")),
            (column("c", "char(60)"), int(), HASH, None),
            (column("c", "char(59)"), int(), HASH, Some("have up to 60")),
            (column("c", "varbinary(60)"), int(), HASH, None),
            (column("c", "binary(16)"), int(), Mask::Text, Some("holds 16 characters")),
            (column("c", "varbinary(16)"), int(), Mask::LocalIp, None),
            (column("c", "varchar(21)"), int(), Mask::Address, None),
            (column("c", "varchar(20)"), int(), Mask::Address, Some("have up to 21")),
            (column("c", "char(12)"), int(), token(), None),
            (column("c", "char(11)"), int(), token(), Some("has room for 11 hex digits")),
            (column("c", "binary(6)"), int(), token(), None),
            (column("c", "binary(5)"), int(), token(), Some("has room for 10 hex digits")),
            (column("c", "bigint"), int(), token(), Some("without a key a token is random hex digits")),
            (nullable("c", "json"), int(), token(), Some("is `json`")),
            (column("c", "text"), int(), Mask::Email, None),
            (column("c", "blob"), int(), Mask::Email, None),
            (with_charset("c", "tinytext", "utf32"), int(), HASH, None),
            (with_charset("c", "tinytext", "weird'"), int(), HASH, Some("not known")),
            (with_charset("c", "tinytext", "swe7"), int(), Mask::Email, Some("lacks `@`")),
            (nullable("c", "json"), int(), Mask::Text, Some("is `json`")),
            (nullable("c", "enum('a')"), int(), Mask::Text, Some("is `enum`")),
            (nullable("c", "date"), int(), Mask::Name, Some("is `date`")),
            (nullable("c", "int"), int(), Mask::Phone, Some("is `int`")),
            (nullable("c", "uuid"), int(), Mask::Email, Some("is `uuid`")),
            (nullable("c", "json"), int(), Mask::Null, None),
            (nullable("c", "date"), int(), Mask::Null, None),
            (column("c", "date"), int(), Mask::Null, Some("is NOT NULL")),
            (generated("c", "varchar(99)", "`id`"), int(), Mask::Email, Some("is generated")),
        ] {
            let label = format!("{} {mask}", column.column_type);
            match (try_rule(column, key, mask, &[]), refused) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => {
                    assert!(
                        error.contains(part) && error.contains("[sanitize.t] c: column `c` of table `t`")
                    );
                    assert!(error.contains("hint: "), "{error}");
                }
                (result, _) => panic!("{label}: {result:?}"),
            }
        }
    }

    #[test]
    fn keyed_masks_are_as_long_as_those_of_other_columns_or_a_warning_says_so() {
        let key = MaskKey::derive(&"k".into()).unwrap();
        let facts = Facts { salt: "5a17", key: Some(&key), ..Facts::default() };
        for (ty, unique, mask, expected) in [
            ("varchar(45)", false, Mask::Email, Ok(None)),
            ("varchar(44)", false, Mask::Email, Ok(Some("have 20 digits and not 32"))),
            ("varchar(25)", false, Mask::Email, Ok(Some("have 12 digits and not 32"))),
            ("varchar(24)", false, Mask::Email, Err("results of `email` have 25 with a key")),
            ("varchar(32)", true, Mask::Email, Err("have 33 in a unique index, with a key")),
            ("varchar(15)", false, Mask::Phone, Ok(None)),
            ("varchar(29)", true, Mask::Phone, Err("results of `phone` have 30 in a unique index")),
            ("varchar(30)", true, Mask::Phone, Ok(None)),
            ("varchar(17)", false, Mask::Name, Ok(Some("have 12 digits and not 20"))),
            ("varbinary(16)", false, token(), Ok(None)),
            ("varchar(31)", false, token(), Ok(Some("have 20 digits and not 32"))),
        ] {
            let builder = table("t", vec![column("id", "int"), column("c", ty)]).key(&["id"]);
            let table = if unique { builder.unique(&["c"]) } else { builder }.done();
            let rule = rule("t", "c", mask);
            match (plan(&[rule], &schema(vec![table]), &facts), expected) {
                (Ok(plan), Ok(warned)) => {
                    let warning = plan.warnings().first().map(String::as_str);
                    assert_eq!(warning.is_some(), warned.is_some(), "{ty}: {warning:?}");
                    assert!(warned.is_none_or(|part| plan.warnings()[0].contains(part)), "{warning:?}");
                }
                (Err(error), Err(part)) => assert!(error.what().contains(part), "{error}"),
                (result, _) => panic!("{ty}: {result:?}"),
            }
        }
    }

    #[test]
    fn a_measured_identity_counts_instead_of_the_type() {
        let schema = schema(vec![
            table("t", vec![column("id", "bigint"), column("c", "varchar(20)")]).key(&["id"]).done(),
        ]);
        let rule = rule("t", "c", Mask::Phone);
        let mut facts = Facts { salt: "5a17", ..Facts::default() };
        assert!(plan(std::slice::from_ref(&rule), &schema, &facts).is_err());
        facts.widest_id_digits.insert("t".into(), 15);
        assert!(plan(std::slice::from_ref(&rule), &schema, &facts).is_ok());
        facts.widest_id_digits.insert("t".into(), 16);
        assert!(plan(&[rule], &schema, &facts).is_err());
    }

    #[test]
    fn patterns_need_text_that_can_match() {
        let key = || column("id", "int");
        for (column, pattern, refused) in [
            (nullable("c", "varchar(99)"), "日*", None),
            (nullable("c", "enum('a')"), "a*", None),
            (nullable("c", "varbinary(99)"), "é*", None),
            (nullable("c", "date"), "2020*", Some("patterns of `exclude` compare text")),
            (
                Column { nullable: true, ..with_charset("c", "varchar(99)", "latin1") },
                "日*",
                Some("lacks a character"),
            ),
        ] {
            match (try_rule(column, key(), Mask::Null, &[pattern]), refused) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.contains(part), "{error}"),
                (result, _) => panic!("{pattern}: {result:?}"),
            }
        }
    }
}
