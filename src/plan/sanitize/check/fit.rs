//! Whether a column can hold what its mask makes: kind, NULL, type, length, patterns.

use super::super::identity::{HEX_DIGITS, Identity};
use super::super::pattern::Pattern;
use super::super::problem::Problem;
use super::super::resolve::Ruled;
use super::super::types::{DISTINCT_HEX, Mask};
use crate::schema::{Column, Generated};

/// How many hex digits the identity gets in that column.
pub(super) fn digits(one: &Ruled<'_>, identity: &Identity, in_unique_index: bool) -> Result<u64, Problem> {
    not_generated(one)?;
    patterns(one)?;
    if one.rule.mask == Mask::Null {
        return null(one).map(|()| HEX_DIGITS);
    }
    let room = room(one)?;
    length(one, identity, room, in_unique_index)
}

fn problem(one: &Ruled<'_>, is: &str, fix: impl Into<String>) -> Problem {
    let what = format!("column `{}` of table `{}` {is}", one.column.name, one.table.name);
    Problem::new(one.rule, what, fix)
}

fn not_generated(one: &Ruled<'_>) -> Result<(), Problem> {
    if one.column.generated == Generated::No {
        return Ok(());
    }
    Err(problem(one, "is generated", "rule the columns that it is made of instead"))
}

fn null(one: &Ruled<'_>) -> Result<(), Problem> {
    if one.column.nullable {
        return Ok(());
    }
    Err(problem(one, "is NOT NULL, `null` cannot be stored", "use another type, or allow NULL in the column"))
}

/// The characters that the column holds. Results are ASCII, so in a binary column they are bytes.
fn room(one: &Ruled<'_>) -> Result<u64, Problem> {
    let column = one.column;
    let mask = one.rule.mask;
    let fix = "use type = \"null\" on a nullable column, or exclude the table";
    if !column.is_text() && !column.is_binary() {
        return Err(problem(
            one,
            &format!("is `{}`, which cannot hold results of `{mask}`", column.data_type),
            fix,
        ));
    }
    let strange = |name: &String| !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if column.charset.iter().chain(&column.collation).any(strange)
        || (column.is_text() && column.charset.is_none())
    {
        return Err(problem(one, "has a character set that is not known", fix));
    }
    if column.charset.as_deref() == Some("swe7") && mask == Mask::Email {
        return Err(problem(one, "has the character set swe7, which lacks `@`", "use the type `text`"));
    }
    Ok(column.max_length.unwrap_or(0) / wide_bytes(column))
}

/// TEXT columns are measured in bytes; so many make an ASCII character there.
fn wide_bytes(column: &Column) -> u64 {
    match column.charset.as_deref() {
        Some("ucs2" | "utf16" | "utf16le") if column.data_type.ends_with("text") => 2,
        Some("utf32") if column.data_type.ends_with("text") => 4,
        _ => 1,
    }
}

fn length(one: &Ruled<'_>, identity: &Identity, room: u64, in_unique_index: bool) -> Result<u64, Problem> {
    let mask = one.rule.mask;
    let shortest = if in_unique_index { DISTINCT_HEX } else { HEX_DIGITS };
    let needed = mask.width(identity, shortest);
    if needed > room {
        let why = reason(one, identity, in_unique_index);
        let is = format!("holds {room} characters, results of `{mask}` have up to {needed}{why}");
        return Err(problem(one, &is, "widen the column or use a shorter type"));
    }
    if !mask.reads_identity() {
        return Ok(HEX_DIGITS);
    }
    let fixed = needed - identity.width(shortest).min(needed);
    Ok(identity.hex_digits(room - fixed, in_unique_index).unwrap_or(shortest))
}

fn reason(one: &Ruled<'_>, identity: &Identity, in_unique_index: bool) -> &'static str {
    if !one.rule.mask.reads_identity() {
        ""
    } else if identity.is_number() {
        " (with the widest number that the identity may have)"
    } else if in_unique_index {
        " (the row's identity is a hash, of 20 digits at least because the column is in a unique index)"
    } else {
        " (the row's identity is a hash of 12 digits)"
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
    use super::super::super::fixture::{column, generated, nullable, schema, table};
    use super::super::super::{Facts, Rule, plan};
    use super::*;

    const HASH: Mask = Mask::Hash { unusable: false };

    fn with_charset(name: &str, ty: &str, charset: &str) -> Column {
        Column {
            charset: Some(charset.into()),
            collation: Some(format!("{charset}_general_ci")),
            ..column(name, ty)
        }
    }

    fn try_rule(column: Column, key: Column, mask: Mask, exclude: &[&str]) -> Result<(), String> {
        let rule = Rule {
            table: "t".into(),
            column: column.name.clone(),
            mask,
            exclude: exclude.iter().map(ToString::to_string).collect(),
        };
        let key_name = key.name.clone();
        let schema = schema(vec![table("t", vec![key, column]).key(&[&key_name]).done()]);
        let facts = Facts { salt: "5a17", ..Facts::default() };
        plan(&[rule], &schema, &facts).map(drop).map_err(|error| format!("{error:?}"))
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
    fn utf16_texts_count_two_bytes_a_character() {
        for (charset, room) in [("utf8mb4", 255), ("utf16", 127), ("utf32", 63)] {
            assert_eq!(255 / wide_bytes(&with_charset("c", "tinytext", charset)), room);
        }
        assert_eq!(wide_bytes(&with_charset("c", "varchar(255)", "utf32")), 1);
    }

    #[test]
    fn a_measured_identity_counts_instead_of_the_type() {
        let schema = schema(vec![
            table("t", vec![column("id", "bigint"), column("c", "varchar(20)")]).key(&["id"]).done(),
        ]);
        let rule = Rule { table: "t".into(), column: "c".into(), mask: Mask::Phone, exclude: Vec::new() };
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
