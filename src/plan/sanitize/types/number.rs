//! `noise`: numbers move by a share of themselves.

use super::super::identity::HEX_DIGITS;
use super::super::problem::Problem;
use super::room::{cannot_hold, integer_range, numbers};
use super::{Behaviour, Own, Place, Row, Unchanged};
use crate::schema::Column;

/// Moves a number by a tenth to the whole of so many percent of it, either way, and by one unit of its last digit at
/// least. 0 stays 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Noise {
    /// From 1 to 100.
    pub percent: u32,
}

/// How a column counts.
enum Scale {
    /// So many decimals, and the greatest number as SQL.
    Decimals(u32, String),
    /// As floats do, up to that number.
    Float(&'static str),
}

impl Scale {
    fn of(column: &Column) -> Option<Self> {
        if let Some((_, most)) = integer_range(column) {
            return Some(Self::Decimals(0, most.to_string()));
        }
        let numbers = numbers(column);
        match (column.data_type.as_str(), numbers.as_slice()) {
            ("decimal", []) => Some(Self::decimals(10, 0)),
            ("decimal", [digits]) => Some(Self::decimals(*digits, 0)),
            ("decimal" | "float" | "double", [digits, decimals]) => Some(Self::decimals(*digits, *decimals)),
            ("float", _) => Some(Self::Float("3.4e38")),
            ("double", _) => Some(Self::Float("1.7e308")),
            _ => None,
        }
    }

    fn decimals(digits: u32, decimals: u32) -> Self {
        Self::Decimals(decimals, format!("1e{}", digits.saturating_sub(decimals)))
    }
}

impl Noise {
    /// `0.1`, as both servers read it.
    fn share(self) -> String {
        format!("{}.{:02}", self.percent / 100, self.percent % 100)
    }
}

impl Behaviour for Noise {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        match Scale::of(place.one.column) {
            Some(_) => Ok(HEX_DIGITS),
            None => Err(cannot_hold(place.one)),
        }
    }

    /// Away from zero only where the greatest step still fits; so nothing has to be cut, and the sign stays.
    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        let number = row.refs.column(&column.name);
        let share = self.share();
        let size = format!("ABS({number} * 1e0)");
        let sign = |most: &str| {
            format!("CASE WHEN {size} >= {most} / (1e0 + {share}) OR RAND() < 0.5 THEN -1 ELSE 1 END")
        };
        let part = format!("{share} * (0.1 + 0.9 * RAND())");
        match Scale::of(column) {
            Some(Scale::Decimals(decimals, most)) => {
                let exact = format!("DECIMAL(65,{decimals})");
                let unit = if decimals == 0 { "1".to_owned() } else { format!("1e-{decimals}") };
                let step = format!("CAST(GREATEST({unit}, {size} * {part}) AS {exact})");
                format!("CAST({number} AS {exact}) + SIGN({number}) * ({}) * {step}", sign(&most))
            }
            Some(Scale::Float(most)) => format!("{number} * (1e0 + ({}) * {part})", sign(most)),
            None => number,
        }
    }

    fn unchanged(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> Unchanged {
        let number = row.refs.column(&column.name);
        Unchanged::Where(match Scale::of(column) {
            Some(Scale::Decimals(..)) => format!("{number} = 0"),
            // The smallest floats have too few digits to move by a thousandth.
            _ => format!("ABS({number}) < 1e-30"),
        })
    }
}
