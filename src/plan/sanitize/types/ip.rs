//! `ip`: addresses of the ranges that are kept for documentation, of the old address's family.

use super::super::identity::HEX_DIGITS;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::room::{cannot_hold, integer_range, known_charset, problem, room, wide_bytes};
use super::seed::{below, one_of, seed};
use super::{Behaviour, Own, Place, Row, Unchanged};
use crate::schema::Column;

const NAME: &str = "ip";

/// 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24: how their addresses begin, and their first number.
const RANGES: [(&str, u32); 3] =
    [("192.0.2.", 0xC000_0200), ("198.51.100.", 0xC633_6400), ("203.0.113.", 0xCB00_7100)];
/// Hex digits of 2001:db8::/32.
const RANGE_OF_SIX: &str = "20010db8";
/// Hex digits in front of an IPv4 address inside an IPv6 one.
const MAPPED: &str = "00000000000000000000FFFF";

/// `203.0.113.254`
const WIDTH_OF_FOUR: u64 = 13;
/// `2001:db8:ffff:ffff:ffff:ffff:ffff:ffff`
const WIDTH_OF_SIX: u64 = 38;

/// The mask.
#[derive(Debug)]
pub(in crate::plan::sanitize) struct Ip;

/// How a column holds addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Both families as text.
    Text,
    /// IPv4 as text: there is no room for the other.
    TextOfFour,
    /// As `INET6_ATON` gives them, in `BINARY(16)` filled up with zeros.
    Bytes {
        padded: bool,
    },
    /// As `INET_ATON` gives them.
    Number,
    Inet4,
    Inet6,
}

impl Form {
    fn of(column: &Column) -> Option<Self> {
        let room = column.max_length.unwrap_or(0) / wide_bytes(column);
        Some(match column.data_type.as_str() {
            "inet4" => Self::Inet4,
            "inet6" => Self::Inet6,
            "binary" | "varbinary" if column.max_length == Some(16) => {
                Self::Bytes { padded: column.data_type == "binary" }
            }
            _ if integer_range(column).is_some_and(|(_, most)| most >= u32::MAX.into()) => Self::Number,
            _ if column.is_text() && room >= WIDTH_OF_SIX => Self::Text,
            _ if column.is_text() && room >= WIDTH_OF_FOUR => Self::TextOfFour,
            _ => return None,
        })
    }
}

/// The number of an IPv4 address.
fn four(seed: &str) -> String {
    let firsts = RANGES.map(|(_, first)| format!("'{first}'"));
    format!("CAST({} + 1 + {} AS UNSIGNED)", one_of(seed, 0, &firsts), below(seed, 1, 254))
}

/// The bytes of an IPv6 address.
fn six(seed: &str) -> String {
    format!("UNHEX(CONCAT('{RANGE_OF_SIX}', SUBSTR({seed}, 17, 24)))")
}

impl Ip {
    /// The SQL of a new address for `old`, a text with or without one, not yet in a column's character set.
    pub(super) fn text(old: &str, row: Row<'_>) -> String {
        let seed = seed(old, NAME, row);
        let (four, six) = (four(&seed), six(&seed));
        format!(
            "CASE WHEN {old} LIKE '::ffff:%.%' THEN CONCAT('::ffff:', INET_NTOA({four})) \
             WHEN {old} LIKE '%:%:%' THEN INET6_NTOA({six}) ELSE INET_NTOA({four}) END"
        )
    }

    fn bytes(old: &str, padded: bool, row: Row<'_>) -> String {
        let seed = seed(old, NAME, row);
        let (four, six) = (four(&seed), six(&seed));
        // BINARY(16) holds `INET6_ATON('1.2.3.4')` with twelve zero bytes behind it.
        let filled =
            if padded { format!(" AND SUBSTR(HEX({old}), 9) <> REPEAT('0', 24)") } else { String::new() };
        format!(
            "CASE WHEN LEFT(HEX({old}), 24) = '{MAPPED}' THEN UNHEX(CONCAT('{MAPPED}', HEX({four}))) \
             WHEN LENGTH({old}) = 16{filled} THEN {six} ELSE UNHEX(HEX({four})) END"
        )
    }
}

impl Behaviour for Ip {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        let column = place.one.column;
        known_charset(place.one)?;
        if Form::of(column).is_some() {
            return Ok(HEX_DIGITS);
        }
        if column.is_text() {
            let is = format!(
                "holds {} characters, results of `{NAME}` have up to {WIDTH_OF_FOUR}",
                room(place.one)?
            );
            return Err(problem(place.one, &is, "widen the column or use another type"));
        }
        if column.is_integer() {
            let is = format!("is `{}`, which cannot hold addresses as numbers", column.column_type);
            return Err(problem(place.one, &is, "use INT UNSIGNED or BIGINT, or another type"));
        }
        Err(cannot_hold(place.one))
    }

    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        let old = row.refs.column(&column.name);
        let four = || four(&seed(&old, NAME, row));
        match Form::of(column) {
            Some(Form::Text) | None => Cast::of(column).wrap(&Self::text(&old, row)),
            Some(Form::TextOfFour) => Cast::of(column).wrap(&format!("INET_NTOA({})", four())),
            Some(Form::Bytes { padded }) => Cast::of(column).wrap(&Self::bytes(&old, padded, row)),
            Some(Form::Number) => Cast::of(column).wrap(&four()),
            Some(Form::Inet4) => format!("CAST(INET_NTOA({}) AS INET4)", four()),
            Some(Form::Inet6) => {
                format!("CAST({} AS INET6)", Self::text(&format!("CAST({old} AS CHAR)"), row))
            }
        }
    }

    /// There are few addresses of IPv4: one of them may be chosen again.
    fn unchanged(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> Unchanged {
        if row.keyed.is_some() {
            return Unchanged::WhereMasked;
        }
        let old = row.refs.column(&column.name);
        let of_range = |(begin, first): (&str, u32)| match Form::of(column) {
            Some(Form::Bytes { .. }) => {
                let hex = format!("{:06X}", first >> 8);
                format!("LEFT(HEX({old}), 6) = '{hex}' OR SUBSTR(HEX({old}), 25, 6) = '{hex}'")
            }
            Some(Form::Number) => format!("{old} BETWEEN {first} AND {}", first + 255),
            Some(Form::Inet4 | Form::Inet6) => format!("CAST({old} AS CHAR) LIKE '%{begin}%'"),
            _ => format!("{old} LIKE '%{begin}%'"),
        };
        Unchanged::Where(RANGES.map(of_range).join(" OR "))
    }
}
