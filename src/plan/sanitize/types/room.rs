//! What a column can hold, for the checks of the types.

use super::super::problem::Problem;
use super::super::resolve::Ruled;
use super::Mask;
use crate::schema::Column;

/// What to do about a column that cannot hold results.
pub(super) const ANOTHER_TYPE: &str = "use a type for such values (the README has a table of them), or \"null\" where the column may be NULL, or exclude the table";

/// A problem of the ruled column; `is` follows its name.
pub(in crate::plan::sanitize) fn problem(one: &Ruled<'_>, is: &str, fix: impl Into<String>) -> Problem {
    let what = format!("column `{}` of table `{}` {is}", one.column.name, one.table.name);
    Problem::of(one, what, fix)
}

/// The problem of a column whose type cannot hold results of its mask.
pub(super) fn cannot_hold(one: &Ruled<'_>) -> Problem {
    let is = format!("is `{}`, which cannot hold results of `{}`", one.column.data_type, one.rule.mask);
    problem(one, &is, ANOTHER_TYPE)
}

/// The characters that a text column holds, or the bytes of a binary one.
pub(super) fn room(one: &Ruled<'_>) -> Result<u64, Problem> {
    let column = one.column;
    if !column.is_text() && !column.is_binary() {
        return Err(cannot_hold(one));
    }
    known_charset(one)?;
    if column.charset.as_deref() == Some("swe7") && one.rule.mask == Mask::Email {
        return Err(problem(one, "has the character set swe7, which lacks `@`", "use the type `text`"));
    }
    Ok(column.max_length.unwrap_or(0) / wide_bytes(column))
}

/// Character set and collation become part of statements.
pub(super) fn known_charset(one: &Ruled<'_>) -> Result<(), Problem> {
    let column = one.column;
    let strange = |name: &String| !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if column.charset.iter().chain(&column.collation).any(strange)
        || (column.is_text() && column.charset.is_none())
    {
        return Err(problem(one, "has a character set that is not known", ANOTHER_TYPE));
    }
    Ok(())
}

/// TEXT columns are measured in bytes; so many make an ASCII character there.
pub(super) fn wide_bytes(column: &Column) -> u64 {
    match column.charset.as_deref() {
        Some("ucs2" | "utf16" | "utf16le") if column.data_type.ends_with("text") => 2,
        Some("utf32") if column.data_type.ends_with("text") => 4,
        _ => 1,
    }
}

/// The numbers in the parentheses of a type: `decimal(10,2)` has 10 and 2.
pub(super) fn numbers(column: &Column) -> Vec<u32> {
    let inside = column.column_type.split(['(', ')']).nth(1).unwrap_or_default();
    inside.split(',').filter_map(|number| number.trim().parse().ok()).collect()
}

/// Whether negative numbers do not fit.
pub(super) fn is_unsigned(column: &Column) -> bool {
    column.column_type.contains("unsigned") || column.column_type.contains("zerofill")
}

/// Bits of an integer type.
pub(super) fn integer_bits(column: &Column) -> Option<u32> {
    Some(match column.data_type.as_str() {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    })
}

/// The least and the greatest number of an integer column.
pub(in crate::plan::sanitize) fn integer_range(column: &Column) -> Option<(i128, i128)> {
    let bits = integer_bits(column)?;
    Some(match is_unsigned(column) {
        true => (0, (1 << bits) - 1),
        false => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::column;
    use super::*;

    #[test]
    fn utf16_texts_count_two_bytes_a_character() {
        let with_charset =
            |ty: &str, charset: &str| Column { charset: Some(charset.into()), ..column("c", ty) };
        for (charset, room) in [("utf8mb4", 255), ("utf16", 127), ("utf32", 63)] {
            assert_eq!(255 / wide_bytes(&with_charset("tinytext", charset)), room);
        }
        assert_eq!(wide_bytes(&with_charset("varchar(255)", "utf32")), 1);
    }

    #[test]
    fn ranges_of_integers_are_known() {
        for (ty, range) in [
            ("tinyint(3) unsigned", Some((0, 255))),
            ("smallint", Some((-32768, 32767))),
            ("mediumint unsigned", Some((0, 16_777_215))),
            ("bigint unsigned", Some((0, i128::from(u64::MAX)))),
            ("bigint", Some((i128::from(i64::MIN), i128::from(i64::MAX)))),
            ("decimal(9,2)", None),
        ] {
            assert_eq!(integer_range(&column("c", ty)), range, "{ty}");
        }
        assert_eq!(numbers(&column("c", "decimal(10,2) unsigned")), [10, 2]);
    }
}
