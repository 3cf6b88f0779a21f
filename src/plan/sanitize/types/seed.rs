//! What masks choose by: hex digits, from which a type takes a list's element or an address. With a key they are a
//! function of the old value (see [`super::keyed`]), without one they are random.

use super::Row;
use super::pieces::random_hex;

/// Hex digits of a seed.
const DIGITS: u64 = 64;

/// SQL of 64 hex digits; random ones are made anew wherever it is evaluated. `column` is the SQL reference of the old
/// value, `purpose` keeps types apart that choose by the same value.
pub(in crate::plan::sanitize) fn seed(column: &str, purpose: &str, row: Row<'_>) -> String {
    match row.keyed {
        Some(reading) => reading.hash(column, purpose),
        None => random_hex(DIGITS),
    }
}
