//! `keep` and `truncate`: a part of a text stays. They count characters, not bytes.

use super::super::identity::HEX_DIGITS;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::options::{Options, Refusal, missing};
use super::room::{known_charset, problem};
use super::{Behaviour, Mask, Own, Place, Row, Unchanged};
use crate::schema::Column;

/// Most characters that stay: longer ones are whole values.
const KEPT_MAX: u32 = 1000;

/// The first and last characters stay, all others become `mask`. A text that is not longer than what would stay is
/// masked whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keep {
    /// Characters that stay at the beginning.
    pub first: u32,
    /// Characters that stay at the end.
    pub last: u32,
    /// What the others become; ASCII, so that no value gets longer.
    pub mask: char,
}

/// Everything behind the first `length` characters is cut off; shorter texts stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Truncate {
    /// In characters.
    pub length: u32,
}

pub(super) fn make_keep(options: &mut Options<'_>) -> Result<Mask, Refusal> {
    let first = options.number("first", 0, KEPT_MAX)?.unwrap_or(0);
    let last = options.number("last", 0, KEPT_MAX)?.unwrap_or(0);
    if first == 0 && last == 0 {
        return Err(missing("keep", "first` or `last", "first = 1, or last = 4"));
    }
    let mask = options.text("mask")?.unwrap_or("*");
    let mut characters = mask.chars();
    match (characters.next(), characters.next()) {
        (Some(mask), None) if mask.is_ascii_graphic() && mask != '\'' && mask != '\\' => {
            Ok(Mask::Keep(Keep { first, last, mask }))
        }
        _ => Err(Refusal::of(
            "mask",
            "has `mask`, which must be one character of ASCII, no quote and no backslash",
            "write mask = \"*\"",
        )),
    }
}

fn text_only(place: &Place<'_>) -> Result<u64, Problem> {
    let (column, mask) = (place.one.column, &place.one.rule.mask);
    if !column.is_text() {
        let is = format!("is `{}`: `{mask}` counts the characters of texts", column.data_type);
        return Err(problem(place.one, &is, "use another type"));
    }
    known_charset(place.one).map(|()| HEX_DIGITS)
}

impl Behaviour for Keep {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        text_only(place)
    }

    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        let text = row.refs.column(&column.name);
        let (length, mask) = (format!("CHAR_LENGTH({text})"), self.mask);
        let stays = self.first + self.last;
        let masked = format!("REPEAT(_ascii'{mask}', {length} - {stays})");
        let parts = match (self.first, self.last) {
            (first, 0) => format!("LEFT({text}, {first}), {masked}"),
            (0, last) => format!("{masked}, RIGHT({text}, {last})"),
            (first, last) => format!("LEFT({text}, {first}), {masked}, RIGHT({text}, {last})"),
        };
        Cast::of(column).wrap(&format!(
            "CASE WHEN {length} > {stays} THEN CONCAT({parts}) ELSE REPEAT(_ascii'{mask}', {length}) END"
        ))
    }

    fn unchanged(&self, _column: &Column, _own: &Own<'_>, _row: Row<'_>) -> Unchanged {
        Unchanged::WhereMasked
    }
}

impl Behaviour for Truncate {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        let column = place.one.column;
        if column.max_length.is_some_and(|most| most <= u64::from(self.length)) {
            let is = format!("holds {} characters at most: nothing would be cut", self.length);
            return Err(problem(place.one, &is, "write a smaller `length`"));
        }
        text_only(place)
    }

    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        Cast::of(column).wrap(&format!("LEFT({}, {})", row.refs.column(&column.name), self.length))
    }

    fn unchanged(&self, _column: &Column, _own: &Own<'_>, _row: Row<'_>) -> Unchanged {
        Unchanged::WhereMasked
    }
}
