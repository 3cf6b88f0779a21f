//! What masks choose by: hex digits, from which a type takes a list's element or an address.

use super::Row;
use super::pieces::random_hex;

/// Hex digits of a seed.
const DIGITS: u64 = 64;

/// SQL of 64 hex digits, made anew wherever it is evaluated. `_column` is the SQL reference of the old value, `_purpose`
/// keeps types apart that choose by the same value.
pub(in crate::plan::sanitize) fn seed(_column: &str, _purpose: &str, _row: Row<'_>) -> String {
    random_hex(DIGITS)
}
