//! What masks choose by: hex digits, from which a type takes an element of a list or an address.

use super::Row;
use super::pieces::random_hex;

/// Hex digits of a seed.
pub(super) const DIGITS: u64 = 64;

/// SQL of 64 hex digits, made anew wherever it is evaluated. `_column` is the SQL reference of the old value, `_purpose`
/// keeps types apart that choose by the same value.
pub(in crate::plan::sanitize) fn seed(_column: &str, _purpose: &str, _row: Row<'_>) -> String {
    random_hex(DIGITS)
}

/// SQL of a whole number below `count`, chosen by the seed's eight digits number `at`.
pub(super) fn below(seed: &str, at: usize, count: usize) -> String {
    format!("CONV(SUBSTR({seed}, {}, 8), 16, 10) % {count}", 1 + 8 * at)
}

/// SQL of one of these expressions, chosen in the same way.
pub(super) fn one_of(seed: &str, at: usize, choices: &[String]) -> String {
    format!("ELT(1 + {}, {})", below(seed, at, choices.len()), choices.join(", "))
}
