//! `token`: hex digits in place of a value, in integer columns a number. With a key they are a function of it, so a key
//! can be masked together with everything that references it.

use super::super::identity::{HEX_DIGITS, Identity};
use super::super::problem::Problem;
use super::super::render::Cast;
use super::super::resolve::Ruled;
use super::options::{Options, Refusal};
use super::permute;
use super::pieces::random_hex;
use super::room::{problem, room};
use super::{Behaviour, DISTINCT_HEX, Distinct, Mask, Own, Place, Row, Unchanged};
use crate::schema::Column;

/// Digits of a hash.
const DIGITS_MAX: u32 = 64;
/// Digits where the rule does not say.
const DIGITS: u32 = 32;

/// Hex digits in a text; in a binary column half as many bytes, which they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    /// How many. Columns that are too short for them get 20 or 12.
    pub length: u32,
}

impl Token {
    fn fit_number(self, place: &Place<'_>) -> Result<u64, Problem> {
        let column = place.one.column;
        let refuse = |is: String, fix: &str| Err(problem(place.one, &is, fix));
        if !place.keyed {
            let is = format!("is `{}`: without a key a token is random hex digits", column.data_type);
            return refuse(is, "write a `key` under [privacy], or use `noise`, `fixed` or `digits`");
        }
        if permute::bits(column).is_none() {
            let is = format!("is `{}`, which has too few numbers to hide one among them", column.data_type);
            return refuse(is, "use INT or BIGINT, or another type of rule");
        }
        if self.length != DIGITS {
            return refuse("holds numbers, and `length` counts hex digits".to_owned(), "leave `length` out");
        }
        if place.in_unique_index && place.one.rule.condition.is_some() {
            let is = "is in a unique index, and a number that `where` keeps may be another one's token";
            return refuse(is.to_owned(), "leave `where` out");
        }
        Ok(self.length.into())
    }

    /// The hex digits that the column holds.
    pub(in crate::plan::sanitize) fn room(one: &Ruled<'_>) -> Result<u64, Problem> {
        let room = room(one)?;
        Ok(if one.column.is_binary() { 2 * room } else { room })
    }
}

impl Default for Token {
    fn default() -> Self {
        Self { length: DIGITS }
    }
}

pub(super) fn make(options: &mut Options<'_>) -> Result<Mask, Refusal> {
    let least = u32::try_from(HEX_DIGITS).unwrap_or(DIGITS);
    let length = options.number("length", least, DIGITS_MAX)?.unwrap_or(DIGITS);
    if length % 2 != 0 {
        return Err(Refusal::of(
            "length",
            "has an odd `length`",
            "two digits are a byte: write an even number",
        ));
    }
    Ok(Mask::Token(Token { length }))
}

impl Behaviour for Token {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        let column = place.one.column;
        if column.is_integer() {
            return self.fit_number(place);
        }
        let room = Self::room(place.one)?;
        let least = if place.in_unique_index { DISTINCT_HEX } else { HEX_DIGITS };
        let length = u64::from(self.length);
        if length < least {
            let is = format!("is in a unique index: a `length` of {length} digits does not keep rows apart");
            return Err(problem(place.one, &is, format!("write length = {least} or more")));
        }
        // Short ones are the beginnings of long ones.
        let mut digits = [length, DISTINCT_HEX, HEX_DIGITS].into_iter();
        digits.find(|digits| (least..=length.min(room)).contains(digits)).ok_or_else(|| {
            let why = if place.in_unique_index { " in a unique index" } else { "" };
            let is = format!("has room for {room} hex digits, a token has {least} at least{why}");
            problem(place.one, &is, "widen the column or use another type")
        })
    }

    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        let value = row.refs.column(&column.name);
        if let Some(bits) = permute::bits(column) {
            return Cast::of(column).wrap(&permute::sql(&value, bits));
        }
        let digits = match row.keyed {
            Some(reading) => format!("LEFT({}, {})", reading.hash(&value, "token"), row.hex),
            None => random_hex(row.hex),
        };
        match column.is_binary() {
            true => Cast::of(column).wrap(&format!("UNHEX({digits})")),
            false => Cast::of(column).wrap(&digits),
        }
    }

    fn distinct(&self, _identity: &Identity, _hex: u64) -> Distinct {
        Distinct::Within(DISTINCT_HEX)
    }

    fn unchanged(&self, column: &Column, _own: &Own<'_>, _row: Row<'_>) -> Unchanged {
        // A permutation may leave a number where it is.
        if column.is_integer() { Unchanged::WhereMasked } else { Unchanged::Never }
    }
}
