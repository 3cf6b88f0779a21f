//! What personal data and secrets look like: e-mail addresses, phone numbers, payment cards, IBANs, IP addresses,
//! tokens, password hashes. Pure functions over bytes: they allocate nothing, and every look is bounded, so that time
//! grows with the length of the text whatever is in it.
//!
//! They are careful rather than complete: what is taken for a phone number has the shape of one, and a number that
//! could as well be an id, a date or a version is left alone. What is harmless by definition is no find at all:
//! addresses at reserved domains, addresses of networks that are private or reserved, numbers made for tests. Text is
//! bytes in any charset that keeps ASCII as it is.

mod card;
mod email;
mod hash;
mod iban;
mod ip;
mod number;
mod phone;
mod random;
#[cfg(test)]
mod tests;
mod token;

pub use email::emails;

use std::fmt;
use std::ops::Range;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A phone number, international or in a common national shape.
    Phone,
    /// The number of a payment card.
    Card,
    /// An international bank account number.
    Iban,
    /// A public IP address.
    Ip,
    /// A secret whose shape tells what it is: a JWT, an API key, a private key.
    Token,
    /// A stored password.
    PasswordHash,
    /// A long random text: a secret without a shape of its own, or as well a checksum.
    RandomText,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::Ip,
        Self::Token,
        Self::PasswordHash,
        Self::RandomText,
    ];

    /// What one is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Phone => "phone number",
            Self::Card => "payment card number",
            Self::Iban => "IBAN",
            Self::Ip => "IP address",
            Self::Token => "token",
            Self::PasswordHash => "password hash",
            Self::RandomText => "long random text",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the whole text is, white space around it aside.
#[must_use]
pub fn whole(text: &[u8]) -> Option<Kind> {
    let text = text.trim_ascii();
    let is_all = |span: Range<usize>| span == (0..text.len());
    if let Some((kind, span)) = find(text)
        && is_all(span)
    {
        return Some(kind);
    }
    random::is_random(text).then_some(Kind::RandomText)
}

/// What the text contains: one of the finds, if there are several. [`Kind::RandomText`] is not looked for inside texts.
#[must_use]
pub fn contained(text: &[u8]) -> Option<Kind> {
    find(text).map(|(kind, _)| kind)
}

fn find(text: &[u8]) -> Option<(Kind, Range<usize>)> {
    // Hashes and tokens first: their parts may look like something else.
    (hash::find(text).map(|span| (Kind::PasswordHash, span)))
        .or_else(|| token::find(text).map(|span| (Kind::Token, span)))
        .or_else(|| emails(text).next().map(|span| (Kind::Email, span)))
        .or_else(|| number::find(text))
        .or_else(|| ip::find_v6(text).map(|span| (Kind::Ip, span)))
}

/// The byte at a place, if there is one.
fn at(text: &[u8], place: usize) -> Option<u8> {
    text.get(place).copied()
}

/// The byte before a place.
fn before(text: &[u8], place: usize) -> Option<u8> {
    place.checked_sub(1).and_then(|place| at(text, place))
}

/// Whether a word could go on with it.
fn is_wordy(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80)
}

/// How many bytes at the beginning of `text` satisfy `wanted`, at most `most`.
fn span_of(text: &[u8], most: usize, wanted: impl Fn(u8) -> bool) -> usize {
    text.iter().take(most).take_while(|byte| wanted(**byte)).count()
}
