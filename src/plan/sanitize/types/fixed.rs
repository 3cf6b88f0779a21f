//! `fixed`: the same value in every row.

use super::super::identity::HEX_DIGITS;
use super::super::pattern::Pattern;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::super::resolve::Ruled;
use super::expression::literal;
use super::options::{OptionValue, Options, Refusal, missing, wrong};
use super::room::{
    ANOTHER_TYPE, cannot_hold, integer_range, is_unsigned, known_charset, numbers, problem, wide_bytes,
};
use super::{Behaviour, Mask, Own, Place, Row, Unchanged};
use crate::schema::Column;
use crate::schema::expression::take_literal;

/// The value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fixed {
    /// A text; in date columns a date, in ENUM columns a member.
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// 1 or 0, in JSON `true` or `false`.
    Boolean(bool),
}

pub(super) fn make(options: &mut Options<'_>) -> Result<Mask, Refusal> {
    let value = options.take("value").ok_or_else(|| missing("fixed", "value", "value = \"…\""))?;
    let fixed = Fixed::of(value).ok_or_else(|| wrong("value", "a string, a number or a boolean", value))?;
    Ok(Mask::Fixed(fixed))
}

/// Not `inf`, not `nan`.
fn is_plain(number: &str) -> bool {
    number.bytes().any(|byte| byte.is_ascii_digit())
}

impl Fixed {
    /// None for what is no single value.
    pub(super) fn of(value: &OptionValue) -> Option<Self> {
        Some(match value {
            OptionValue::Text(text) => Self::Text(text.clone()),
            OptionValue::Integer(number) => Self::Number(number.to_string()),
            OptionValue::Decimal(number) if is_plain(number) => Self::Number(number.replace('_', "")),
            OptionValue::Boolean(flag) => Self::Boolean(*flag),
            _ => return None,
        })
    }

    /// Whether values can be written for the column at all.
    pub(super) fn column_is_possible(one: &Ruled<'_>) -> Result<(), Problem> {
        if matches!(
            one.column.data_type.as_str(),
            "set" | "bit" | "time" | "year" | "uuid" | "inet4" | "inet6"
        ) {
            return Err(cannot_hold(one));
        }
        known_charset(one)
    }

    fn number(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Number(number) => Some(number),
            Self::Boolean(flag) => Some(if *flag { "1" } else { "0" }),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number),
            Self::Boolean(_) => None,
        }
    }

    /// The document that holds only this value.
    pub(super) fn json(&self) -> String {
        match self {
            Self::Text(text) => literal(text),
            Self::Number(number) => number.clone(),
            Self::Boolean(flag) => flag.to_string(),
        }
    }

    /// What a column of that type cannot do with it; none if it can hold it.
    pub(super) fn misfit(&self, column: &Column) -> Option<String> {
        let kind = column.data_type.as_str();
        if column.is_text() {
            return self.text().map_or_else(|| Some("a text".to_owned()), |text| misfit_text(text, column));
        }
        if column.is_binary() {
            let text = self.text()?;
            let room = column.max_length.unwrap_or(0);
            return (text.len() as u64 > room).then(|| format!("{room} bytes at most"));
        }
        if let Some((least, most)) = integer_range(column) {
            let number = self.number().and_then(|number| number.parse::<i128>().ok());
            let fits = number.is_some_and(|number| (least..=most).contains(&number));
            return (!fits).then(|| format!("a whole number from {least} to {most}"));
        }
        match kind {
            "decimal" => misfit_decimal(self.number(), column),
            "float" | "double" => {
                let number = self.number().and_then(|number| number.parse::<f64>().ok());
                let most = if kind == "float" { f64::from(f32::MAX) } else { f64::MAX };
                let fits = number
                    .is_some_and(|number| number.abs() <= most && !(number < 0.0 && is_unsigned(column)));
                (!fits).then(|| "a number in its range".to_owned())
            }
            "enum" => {
                let member =
                    self.text().is_some_and(|text| members(column).iter().any(|member| member == text));
                (!member).then(|| "one of its members".to_owned())
            }
            "date" | "datetime" | "timestamp" => misfit_date(self.text(), kind),
            "json" => match self {
                Self::Text(text) => serde_json::from_str::<serde::de::IgnoredAny>(text)
                    .is_err()
                    .then(|| "a JSON document".to_owned()),
                _ => None,
            },
            _ => Some("nothing of this kind".to_owned()),
        }
    }
}

fn misfit_text(text: &str, column: &Column) -> Option<String> {
    let charset = column.charset.as_deref().unwrap_or("utf8mb4");
    if !Pattern::new(text).fits_charset(charset) {
        return Some(format!("characters of {charset}"));
    }
    // TEXT columns count bytes; four of them hold every character of every set.
    let is_long = column.data_type.ends_with("text");
    let characters = text.chars().count() as u64;
    let needed = match (is_long, text.is_ascii()) {
        (false, _) => characters,
        (true, true) => characters * wide_bytes(column),
        (true, false) => characters * 4,
    };
    let room = column.max_length.unwrap_or(0);
    (needed > room).then(|| format!("{room} characters at most"))
}

fn misfit_decimal(number: Option<&str>, column: &Column) -> Option<String> {
    let (digits, decimals) = match numbers(column).as_slice() {
        [] => (10, 0),
        [digits] => (*digits, 0),
        [digits, decimals, ..] => (*digits, *decimals),
    };
    let fits = number.is_some_and(|number| {
        let negative = number.starts_with('-');
        let unsigned = number.trim_start_matches(['-', '+']);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        is_digits(whole)
            && is_digits(fraction)
            && whole.trim_start_matches('0').len() <= (digits.saturating_sub(decimals)) as usize
            && fraction.trim_end_matches('0').len() <= decimals as usize
            && !(negative && is_unsigned(column))
    });
    (!fits).then(|| format!("a number of {digits} digits, {decimals} of them decimals"))
}

/// `2000-01-31`, and `2000-01-31 23:59:59` where there is a time.
fn misfit_date(text: Option<&str>, kind: &str) -> Option<String> {
    let with_time = kind != "date";
    let years = if kind == "timestamp" { 1971..=2037 } else { 1000..=9999 };
    let is_time = |time: &str| parts(time, ':').is_some_and(|(h, m, s)| h < 24 && m < 60 && s < 60);
    let fits = text.is_some_and(|text| match text.split_once(' ') {
        None => is_date(text, years),
        Some((date, time)) => with_time && is_date(date, years) && is_time(time),
    });
    let expected = if with_time { "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS" } else { "YYYY-MM-DD" };
    (!fits).then(|| format!("a date like {expected}"))
}

fn is_date(text: &str, years: std::ops::RangeInclusive<u32>) -> bool {
    let Some((year, month, day)) = parts(text, '-') else { return false };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    text.len() == 10 && years.contains(&year) && (1..=12).contains(&month) && (1..=last).contains(&day)
}

fn parts(text: &str, separator: char) -> Option<(u32, u32, u32)> {
    let numbers: Option<Vec<u32>> = text
        .split(separator)
        .map(|part| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?)
        .collect();
    match numbers?.as_slice() {
        [a, b, c] => Some((*a, *b, *c)),
        _ => None,
    }
}

/// The members of an ENUM.
fn members(column: &Column) -> Vec<String> {
    let Some(list) = column.column_type.strip_prefix("enum(").and_then(|rest| rest.strip_suffix(')')) else {
        return Vec::new();
    };
    let mut members = Vec::new();
    let mut rest = list;
    while let Some((member, after)) = take_literal(rest) {
        members.push(member);
        rest = after.trim_start_matches(',');
    }
    members
}

impl Behaviour for Fixed {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        let column = place.one.column;
        Self::column_is_possible(place.one)?;
        match self.misfit(column) {
            None => Ok(HEX_DIGITS),
            Some(takes) => {
                let is = format!("is `{}` and takes {takes}; `value` is something else", column.data_type);
                Err(problem(place.one, &is, format!("correct `value`, or {ANOTHER_TYPE}")))
            }
        }
    }

    fn value(&self, column: &Column, _own: &Own<'_>, _row: Row<'_>) -> String {
        if column.data_type == "json" {
            let document = match self {
                Self::Text(text) => literal(text),
                other => format!("'{}'", other.json()),
            };
            return Cast::of(column).wrap(&document);
        }
        if column.is_text() || column.is_binary() || column.data_type == "enum" {
            let text = self.text().or(self.number()).unwrap_or_default();
            return Cast::of(column).wrap(&literal(text));
        }
        match (self.number(), self.text()) {
            (Some(number), _) => number.to_owned(),
            (None, text) => Cast::of(column).wrap(&literal(text.unwrap_or_default())),
        }
    }

    fn unchanged(&self, _column: &Column, _own: &Own<'_>, _row: Row<'_>) -> Unchanged {
        Unchanged::WhereMasked
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::column;
    use super::*;

    fn value(text: &str) -> Fixed {
        match text {
            "true" | "false" => Fixed::Boolean(text == "true"),
            quoted if quoted.starts_with('"') => Fixed::Text(quoted.trim_matches('"').to_owned()),
            number => Fixed::Number(number.to_owned()),
        }
    }

    #[test]
    fn values_have_to_fit() {
        let latin1 = |column: Column| Column { charset: Some("latin1".into()), ..column };
        for (column, given, fits) in [
            (column("c", "varchar(3)"), "\"äöü\"", true),
            (column("c", "varchar(2)"), "\"äöü\"", false),
            (column("c", "varchar(3)"), "5", true),
            (column("c", "varchar(9)"), "true", false),
            (latin1(column("c", "varchar(9)")), "\"日\"", false),
            (column("c", "tinytext"), &format!("\"{}\"", "ä".repeat(100)), false),
            (column("c", "varbinary(3)"), "\"äö\"", false),
            (column("c", "tinyint unsigned"), "255", true),
            (column("c", "tinyint unsigned"), "-1", false),
            (column("c", "tinyint(1)"), "false", true),
            (column("c", "int"), "1.5", false),
            (column("c", "int"), "\"1\"", false),
            (column("c", "decimal(5,2)"), "999.99", true),
            (column("c", "decimal(5,2)"), "1000", false),
            (column("c", "decimal(5,2)"), "1.001", false),
            (column("c", "decimal(5,2) unsigned"), "-1", false),
            (column("c", "decimal(5,2)"), "1e2", false),
            (column("c", "float"), "1e39", false),
            (column("c", "double"), "1e39", true),
            (column("c", "enum('a','it''s')"), "\"it's\"", true),
            (column("c", "enum('a','b')"), "\"c\"", false),
            (column("c", "date"), "\"2024-02-29\"", true),
            (column("c", "date"), "\"2023-02-29\"", false),
            (column("c", "date"), "\"2023-02-28 00:00:00\"", false),
            (column("c", "datetime(3)"), "\"1900-01-01 23:59:59\"", true),
            (column("c", "timestamp"), "\"1900-01-01 23:59:59\"", false),
            (column("c", "json"), "\"[1]\"", true),
            (column("c", "json"), "\"[1\"", false),
            (column("c", "json"), "5", true),
            (column("c", "uuid"), "\"x\"", false),
        ] {
            assert_eq!(value(given).misfit(&column).is_none(), fits, "{} {given}", column.column_type);
        }
    }
}
