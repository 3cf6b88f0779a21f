//! The key of keyed masks, and what becomes of it.
//!
//! The configured key (`privacy.key`) never leaves this process. From it two keys are derived by HMAC-SHA256, and from
//! neither can it be computed:
//! - the *session key*, which sessions of the source's server hold in the user variable [`KEY_VARIABLE`] while they mask;
//!   expressions name the variable, so statements, process lists, logs and the binlog never have the key itself;
//! - the *fingerprint*, part of the digest that tells clients when rows have to come again.
//!
//! The session key reaches the server as the XOR with a pad that the server made for this session and told in a result:
//! what a general log may write down (the statement) is worth nothing without what it does not (the result).

use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sql::KEY_VARIABLE;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write as _;
/// The user variable that holds the pad while the key is told.
const PAD: &str = "@backfill_pad";
/// Hex digits of a 64-bit word. A key has four words: as 64 digits it fills exactly one block of SHA-256.
const WORD_DIGITS: usize = 16;

/// What `privacy.key` gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskKey {
    /// 64 hex digits in upper case, as `HEX` makes them.
    session: Secret,
    fingerprint: String,
}

impl MaskKey {
    /// Derives what is used from what is configured. Its length was checked.
    ///
    /// # Errors
    /// None in practice: HMAC takes keys of any length.
    pub fn derive(configured: &Secret) -> Result<Self> {
        let session = hex(&hmac(configured, "backfill masks 1")?).to_uppercase();
        let mut fingerprint = hex(&hmac(configured, "backfill fingerprint 1")?);
        fingerprint.truncate(WORD_DIGITS);
        Ok(Self { session: Secret::new(session), fingerprint })
    }

    /// Tells one key from another, and nothing about either.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The statement that makes a pad, by a function that MariaDB has since 10.10.
    #[must_use]
    pub fn make_pad() -> String {
        format!("SET {PAD} = HEX(RANDOM_BYTES(32))")
    }

    /// The same for older servers: what nobody guesses who does not know the moment, the machine and the session.
    #[must_use]
    pub fn make_older_pad() -> String {
        format!(
            "SET {PAD} = UPPER(SHA2(CONCAT(UUID(), RAND(), CONNECTION_ID(), NOW(6), RAND(), UUID()), 256))"
        )
    }

    /// The query that tells the pad.
    #[must_use]
    pub fn read_pad() -> String {
        format!("SELECT {PAD}")
    }

    /// The statement that gives the session its key; none where `pad` is not one.
    #[must_use]
    pub fn tell(&self, pad: &str) -> Option<String> {
        let (pad, key) = (words(pad)?, words(self.session.expose())?);
        let word = |(at, (pad, key)): (usize, (u64, u64))| {
            let from = at * WORD_DIGITS + 1;
            format!(
                "LPAD(HEX(CAST(CONV(SUBSTR({PAD}, {from}, {WORD_DIGITS}), 16, 10) AS UNSIGNED) ^ {}), {WORD_DIGITS}, '0')",
                pad ^ key
            )
        };
        let words: Vec<_> = pad.into_iter().zip(key).enumerate().map(word).collect();
        Some(format!("SET {KEY_VARIABLE} = CAST(CONCAT({}) AS BINARY), {PAD} = NULL", words.join(", ")))
    }
}

/// The four words of 64 hex digits.
fn words(digits: &str) -> Option<[u64; 4]> {
    if digits.len() != 4 * WORD_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut words = [0; 4];
    for (at, word) in words.iter_mut().enumerate() {
        *word = u64::from_str_radix(&digits[at * WORD_DIGITS..(at + 1) * WORD_DIGITS], 16).ok()?;
    }
    Some(words)
}

fn hmac(key: &Secret, purpose: &str) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|_| Error::internal("a key of a length that HMAC does not take"))?;
    mac.update(purpose.as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> MaskKey {
        MaskKey::derive(&text.into()).unwrap()
    }

    #[test]
    fn keys_are_derived_by_hmac() {
        // RFC 4231, test case 2.
        assert_eq!(
            hex(&hmac(&"Jefe".into(), "what do ya want for nothing?").unwrap()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let (one, other) = (key("one"), key("other"));
        assert_ne!(one.session, other.session);
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert!(!one.session.expose().contains(&one.fingerprint().to_uppercase()));
        assert_eq!(one, key("one"), "the same in every run");
    }

    #[test]
    fn what_is_sent_is_worth_nothing_without_the_pad() {
        let key = key("one");
        let session = words(key.session.expose()).unwrap();
        let pad = "00000000000000010000000000000002000000000000000300000000000000AF";
        let sent = key.tell(pad).unwrap();
        for (word, pad) in session.into_iter().zip([1, 2, 3, 0xaf]) {
            assert!(sent.contains(&format!("^ {})", word ^ pad)), "{sent}");
            assert!(!sent.contains(&word.to_string()), "{sent}");
        }
        assert!(
            sent.starts_with(
                "SET @backfill_key = CAST(CONCAT(LPAD(HEX(CAST(CONV(SUBSTR(@backfill_pad, 1, 16)"
            )
        );
        for bad in ["", "12", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(key.tell(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_are_not_printed() {
        let key = key("one");
        let shown = format!("{key:?}");
        assert!(!shown.contains(key.session.expose()) && !shown.contains("one"), "{shown}");
    }
}
