//! Randomness from the system, for names, tokens and salts. Pure modules are given it, they never ask.

use crate::error::{Error, Result};

/// So many random bytes as lower-case hexadecimal digits.
///
/// # Errors
/// `Internal` when the system gives none.
pub fn hex(bytes: usize) -> Result<String> {
    let mut random = vec![0u8; bytes];
    getrandom::fill(&mut random).map_err(none)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A random number.
///
/// # Errors
/// As [`hex`].
pub fn number() -> Result<u32> {
    getrandom::u32().map_err(none)
}

fn none(error: getrandom::Error) -> Error {
    Error::internal(format!("the system gives no random numbers ({error})"))
}
