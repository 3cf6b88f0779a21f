//! `shift`: dates move by whole days, never by none.

use super::super::identity::{HEX_DIGITS, Identity};
use super::super::problem::Problem;
use super::room::cannot_hold;
use super::{Behaviour, Distinct, Own, Place, Row, Unchanged};
use crate::schema::Column;

/// Most days: a year of TIMESTAMP's range must be left in the middle.
pub(super) const DAYS_MAX: u32 = 3650;

/// Moves a date by one to so many days, either way. The time of day stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shift {
    /// Most days.
    pub days: u32,
}

/// First and last whole year of a type.
fn years(column: &Column) -> (u32, u32) {
    // TIMESTAMP ends in January 2038, whatever newer versions hold: the target may be an older one.
    if column.data_type == "timestamp" { (1970, 2037) } else { (1, 9999) }
}

fn has_no_day(date: &str) -> String {
    format!("YEAR({date}) = 0 OR MONTH({date}) = 0 OR DAY({date}) = 0")
}

impl Behaviour for Shift {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        if place.one.column.is_temporal() { Ok(HEX_DIGITS) } else { Err(cannot_hold(place.one)) }
    }

    /// Servers answer sums with impossible dates by NULL or an error, each in its own way: `0000-00-00` stays, dates
    /// without year, month or day become it, and 30 February counts as the month's last day. Near the ends of the
    /// type's range there is one way to go.
    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        let date = row.refs.column(&column.name);
        let (first, last) = years(column);
        let reach = self.days.div_ceil(365) + 1;
        let cast = column.column_type.replace("timestamp", "datetime").to_uppercase();
        let zero = if column.data_type == "date" { "0000-00-00" } else { "0000-00-00 00:00:00" };
        let possible = format!(
            "CASE WHEN DAY({date}) > DAY(LAST_DAY({date})) \
             THEN MAKEDATE(YEAR({date}), 1) + INTERVAL MONTH({date}) MONTH - INTERVAL 1 DAY ELSE {date} END"
        );
        let sign = format!(
            "CASE WHEN YEAR({date}) > {} THEN -1 WHEN YEAR({date}) < {} THEN 1 WHEN RAND() < 0.5 THEN -1 ELSE 1 END",
            last - reach,
            first + reach
        );
        format!(
            "CASE WHEN {} THEN CAST('{zero}' AS {cast}) \
             ELSE {possible} + INTERVAL ({sign}) * (1 + FLOOR(RAND() * {})) DAY END",
            has_no_day(&date),
            self.days
        )
    }

    fn distinct(&self, _identity: &Identity, _hex: u64) -> Distinct {
        Distinct::No
    }

    fn unchanged(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> Unchanged {
        Unchanged::Where(has_no_day(&row.refs.column(&column.name)))
    }
}
