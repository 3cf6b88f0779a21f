//! What masks choose by: hex digits, from which a type takes a list's element or an address. With a key they are a
//! function of the old value (see [`super::keyed`]), without one they are random.

use super::Row;
use super::pieces::random_hex;

/// Hex digits of a seed.
pub(super) const DIGITS: u64 = 64;

/// SQL of 64 hex digits; random ones are made anew wherever it is evaluated. `column` is the SQL reference of the old
/// value, `purpose` keeps types apart that choose by the same value.
pub(in crate::plan::sanitize) fn seed(column: &str, purpose: &str, row: Row<'_>) -> String {
    match row.keyed {
        Some(reading) => reading.hash(column, purpose),
        None => random_hex(DIGITS),
    }
}

/// SQL of a whole number below `count`, chosen by the seed's eight digits number `at`.
pub(super) fn below(seed: &str, at: usize, count: usize) -> String {
    format!("CONV(SUBSTR({seed}, {}, 8), 16, 10) % {count}", 1 + 8 * at)
}

/// SQL of one of these expressions, chosen in the same way.
pub(super) fn one_of(seed: &str, at: usize, choices: &[String]) -> String {
    format!("ELT(1 + {}, {})", below(seed, at, choices.len()), choices.join(", "))
}
