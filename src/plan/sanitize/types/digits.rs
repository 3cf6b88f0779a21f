//! `digits`: every digit becomes another one, all else stays, so that numbers keep their shape.

use super::super::identity::HEX_DIGITS;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::room::{cannot_hold, integer_range, problem, room};
use super::seed::{DIGITS, seed};
use super::{Behaviour, Own, Place, Row, Unchanged};
use crate::schema::{Column, Flavour};
use crate::sql::ident::string_literal;

const NAME: &str = "digits";
/// Widest column: the server looks at every digit of a value one by one, and longer texts are no numbers.
const CHARACTERS_MAX: u64 = 1000;
/// Any digit, whatever the script.
const DIGIT: &str = r"\p{Nd}";

/// The mask.
#[derive(Debug)]
pub(in crate::plan::sanitize) struct Digits;

/// The seed's digits as decimal ones.
fn decimal(seed: &str) -> String {
    "abcdef"
        .chars()
        .zip(0..)
        .fold(seed.to_owned(), |sql, (letter, digit)| format!("REPLACE({sql}, '{letter}', '{digit}')"))
}

/// Value and seed stand one behind the other, so the digit to take is always at the same distance: the first from
/// there that is not the old one. The two different digits at the end are for a value's last character. Everything
/// behind the value is cut off again. Digits for which the seed is too short become 0.
fn text(old: &str, room: u64, row: Row<'_>) -> String {
    let old = format!("CONVERT({old} USING utf8mb4)");
    let reach = room.min(DIGITS);
    let ahead = format!(r"({DIGIT})(?=[\s\S]{{{}}}\1*(?!\1)([0-9]))", reach - 1);
    let taken = match row.flavour {
        Flavour::Mariadb => r"\2",
        Flavour::Mysql => "$2",
    };
    let both = format!(
        "CONCAT(RPAD({old}, {reach}, ' '), LEFT({}, {reach}), '01')",
        decimal(&seed(&old, NAME, row))
    );
    let (ahead, taken) = (string_literal(&ahead), string_literal(taken));
    let begin = format!("LEFT(REGEXP_REPLACE({both}, {ahead}, {taken}), LEAST({reach}, CHAR_LENGTH({old})))");
    match room > reach {
        true => {
            let digit = string_literal(DIGIT);
            format!("CONCAT({begin}, REGEXP_REPLACE(SUBSTR({old}, {}), {digit}, '0'))", reach + 1)
        }
        false => begin,
    }
}

/// Another number of as many digits. As exact decimals: the integers of a column have no room for what is between.
fn number(old: &str, most: i128, row: Row<'_>) -> String {
    let exact = |sql: &str| format!("CAST({sql} AS DECIMAL(65,0))");
    let size = format!("ABS({})", exact(old));
    let least = exact(&format!("RPAD('1', CHAR_LENGTH({size}), '0')"));
    let count = format!("(LEAST({least} * 10, {}) - {least})", most + 1);
    let step = exact(&format!("CONV(SUBSTR({}, 1, 15), 16, 10)", seed(old, NAME, row)));
    format!(
        "CASE WHEN {old} < 0 THEN -1 ELSE 1 END * \
         ({least} + ({size} - {least} + 1 + {step} % ({count} - 1)) % {count})"
    )
}

impl Behaviour for Digits {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        let column = place.one.column;
        if integer_range(column).is_some() {
            return Ok(HEX_DIGITS);
        }
        if !column.is_text() {
            return Err(cannot_hold(place.one));
        }
        let room = room(place.one)?;
        if room > CHARACTERS_MAX {
            let is = format!(
                "holds {room} characters: `{NAME}` is for numbers, in columns of up to {CHARACTERS_MAX}"
            );
            return Err(problem(
                place.one,
                &is,
                "use the type `text`, or `null` where the column may be NULL",
            ));
        }
        Ok(HEX_DIGITS)
    }

    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        let old = row.refs.column(&column.name);
        Cast::of(column).wrap(&match integer_range(column) {
            Some((_, most)) => number(&old, most, row),
            None => text(&old, column.max_length.unwrap_or(0).max(1), row),
        })
    }

    fn unchanged(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> Unchanged {
        if column.is_integer() {
            return Unchanged::Never;
        }
        let old = format!("LEFT(CONVERT({} USING utf8mb4), {DIGITS})", row.refs.column(&column.name));
        Unchanged::Where(format!("{old} NOT REGEXP {}", string_literal(DIGIT)))
    }
}
