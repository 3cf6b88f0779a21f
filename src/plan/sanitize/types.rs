//! The mask types: one line of [`TYPES`] each. From its pieces follow the SQL expression, the longest result,
//! whether results are distinct by construction, and what they look like; so a new type is a line here.

use super::identity::{Identity, Refs};
use super::nearest::{did_you_mean, nearest};
use super::pattern::Token;
use crate::error::{Error, Result};
use std::fmt;

/// How a column is sanitized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mask {
    /// A random address at `example.test`.
    Email,
    /// `User_` and the row's identity.
    Name,
    /// `+1555` and the row's identity, seven digits at least.
    Phone,
    /// `text_` and 32 random hex digits.
    Text,
    /// A bcrypt hash, the same in every row.
    Hash {
        /// No password matches it; otherwise the password is `password`.
        unusable: bool,
    },
    /// NULL.
    Null,
    /// The row's identity and `Example St`.
    Address,
    /// A random address in 192.168.0.0/16.
    LocalIp,
}

/// A part of a masked value. All of them are ASCII, lower case where they are hexadecimal (so that collations that
/// ignore case keep them apart).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// Always the same; free of quotes and backslashes.
    Text(&'static str),
    /// `UUID()`: 36 characters.
    Uuid,
    /// So many random hex digits.
    RandomHex(u64),
    /// The row's identity.
    Id,
    /// The row's identity, padded with zeros to so many digits and never cut.
    PaddedId(u64),
    /// A random whole number between the two, both included.
    Number(u64, u64),
}

/// One mask type of the configuration.
#[derive(Debug)]
pub(super) struct MaskType {
    name: &'static str,
    mask: Mask,
    /// Empty for NULL.
    pieces: &'static [Piece],
}

/// The bcrypt hash of `password` at cost 10.
const PASSWORD: &str = "$2y$10$92IXUNpkjO0rOQ5byMi.Ye4oKoEa3Ro9llC/.og/at2.uheWG/igi";

/// Well-formed, so that frameworks read it, but its last character has padding bits set that bcrypt never sets.
const UNUSABLE: &str = "$2y$10$92IXUNpkjO0rOQ5byMi.Ye............................../";

const TYPES: &[MaskType] = &[
    MaskType { name: "email", mask: Mask::Email, pieces: &[Piece::Uuid, Piece::Text("@example.test")] },
    MaskType { name: "name", mask: Mask::Name, pieces: &[Piece::Text("User_"), Piece::Id] },
    MaskType { name: "phone", mask: Mask::Phone, pieces: &[Piece::Text("+1555"), Piece::PaddedId(7)] },
    MaskType { name: "text", mask: Mask::Text, pieces: &[Piece::Text("text_"), Piece::RandomHex(32)] },
    MaskType { name: "hash", mask: Mask::Hash { unusable: false }, pieces: &[Piece::Text(PASSWORD)] },
    MaskType { name: "hash", mask: Mask::Hash { unusable: true }, pieces: &[Piece::Text(UNUSABLE)] },
    MaskType { name: "null", mask: Mask::Null, pieces: &[] },
    MaskType { name: "address", mask: Mask::Address, pieces: &[Piece::Id, Piece::Text(" Example St")] },
    MaskType {
        name: "local_ip",
        mask: Mask::LocalIp,
        pieces: &[Piece::Text("192.168."), Piece::Number(0, 255), Piece::Text("."), Piece::Number(1, 254)],
    },
];

/// Hex digits that keep rows apart in practice: 80 bits.
pub(super) const DISTINCT_HEX: u64 = 20;

impl Mask {
    /// The type of that name; `unusable` is the option of `hash`.
    ///
    /// # Errors
    /// `Kind::Config` for an unknown name (with the nearest one) and for an option that the type does not have.
    pub fn parse(name: &str, unusable: bool) -> Result<Self> {
        let found = TYPES.iter().find(|entry| entry.name == name && entry.accepts(unusable));
        if let Some(entry) = found {
            return Ok(entry.mask);
        }
        if TYPES.iter().any(|entry| entry.name == name) {
            return Err(Error::config(format!("the type `{name}` has no option `unusable`"))
                .hint("only `hash` has it: { type = \"hash\", unusable = true }"));
        }
        let names = Self::names();
        let hint = format!("types are {}", names.join(", "));
        let guess = did_you_mean(nearest(name, names.iter().copied()));
        Err(Error::config(format!("unknown type `{name}`{guess}")).hint(hint))
    }

    /// All names that [`Mask::parse`] knows, in the documented order.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let mut names: Vec<_> = TYPES.iter().map(|entry| entry.name).collect();
        names.dedup();
        names
    }

    /// The name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        TYPES.iter().find(|entry| entry.mask == self).map_or("", |entry| entry.name)
    }

    pub(super) fn pieces(self) -> &'static [Piece] {
        TYPES.iter().find(|entry| entry.mask == self).map_or(&[], |entry| entry.pieces)
    }

    /// Whether the result depends on the row's identity.
    pub(super) fn reads_identity(self) -> bool {
        self.pieces().iter().any(|piece| matches!(piece, Piece::Id | Piece::PaddedId(_)))
    }

    /// The longest result in characters; `hex` digits make an identity that is not a number.
    pub(super) fn width(self, identity: &Identity, hex: u64) -> u64 {
        self.pieces().iter().map(|piece| piece.width(identity, hex)).sum()
    }

    /// How many characters of a result tell rows apart: everything up to the end of the first piece that differs
    /// in every row. None when no piece does.
    pub(super) fn distinct_within(self, identity: &Identity, hex: u64) -> Option<u64> {
        let mut before = 0;
        for piece in self.pieces() {
            if let Some(needed) = piece.distinct_within(identity) {
                return Some(before + needed);
            }
            before += piece.width(identity, hex);
        }
        None
    }

    /// What results look like when the identity is a number.
    pub(super) fn shape(self) -> Vec<Token> {
        let mut shape = Vec::new();
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => shape.extend(text.to_lowercase().chars().map(Token::One)),
                Piece::Id | Piece::PaddedId(_) => shape.push(Token::Digits),
                Piece::Uuid | Piece::RandomHex(_) | Piece::Number(..) => shape.push(Token::Any),
            }
        }
        shape
    }

    /// The SQL of a new value, not yet in the column's character set.
    pub(super) fn value(self, identity: &Identity, refs: Refs<'_>, salt: &str, hex: u64) -> String {
        let pieces: Vec<_> = self.pieces().iter().map(|piece| piece.sql(identity, refs, salt, hex)).collect();
        match pieces.as_slice() {
            [] => "NULL".to_owned(),
            [one] => one.clone(),
            many => format!("CONCAT({})", many.join(", ")),
        }
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl MaskType {
    fn accepts(&self, option_unusable: bool) -> bool {
        matches!(self.mask, Mask::Hash { unusable } if unusable == option_unusable)
            || (!matches!(self.mask, Mask::Hash { .. }) && !option_unusable)
    }
}

impl Piece {
    fn width(self, identity: &Identity, hex: u64) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Uuid => 36,
            Self::RandomHex(digits) => digits,
            Self::Id => identity.width(hex),
            Self::PaddedId(digits) => identity.width(hex).max(digits),
            Self::Number(_, to) => to.to_string().len() as u64,
        }
    }

    fn distinct_within(self, identity: &Identity) -> Option<u64> {
        match self {
            Self::Uuid => Some(36),
            Self::RandomHex(digits) => (digits >= DISTINCT_HEX).then_some(DISTINCT_HEX),
            Self::Id => identity.distinct_within(),
            Self::PaddedId(digits) => identity.distinct_within().map(|needed| needed.max(digits)),
            Self::Text(_) | Self::Number(..) => None,
        }
    }

    fn sql(self, identity: &Identity, refs: Refs<'_>, salt: &str, hex: u64) -> String {
        match self {
            Self::Text(text) => ascii(text),
            Self::Uuid => "UUID()".to_owned(),
            Self::RandomHex(digits) => random_hex(digits),
            Self::Id => identity.sql(refs, salt, hex, None),
            Self::PaddedId(digits) => identity.sql(refs, salt, hex, Some(digits)),
            Self::Number(0, to) => format!("FLOOR(RAND() * {})", to + 1),
            Self::Number(from, to) => format!("{from} + FLOOR(RAND() * {})", to - from + 1),
        }
    }
}

/// A literal of ours. The introducer keeps the server from converting `UUID()` to the literal's character set:
/// servers are known that then fold it to one value for all rows.
pub(super) fn ascii(text: &str) -> String {
    format!("_ascii'{text}'")
}

/// So many random hex digits (64 at most). `MD5` is missing on MySQL 9, and `RAND()` alone repeats itself.
pub(super) fn random_hex(digits: u64) -> String {
    format!("LEFT(SHA2(CONCAT(UUID(), RAND()), 256), {digits})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> Identity {
        Identity::Number { column: "id".into(), zerofill: false, nullable: false, unique: true, digits: 10 }
    }

    #[test]
    fn every_type_has_its_documented_expression() {
        let random = "LEFT(SHA2(CONCAT(UUID(), RAND()), 256), 32)";
        let padded = "LPAD(`id`, GREATEST(7, CHAR_LENGTH(`id`)), '0')";
        for (mask, sql, width) in [
            (Mask::Email, "CONCAT(UUID(), _ascii'@example.test')", 49),
            (Mask::Name, "CONCAT(_ascii'User_', `id`)", 15),
            (Mask::Phone, &format!("CONCAT(_ascii'+1555', {padded})"), 15),
            (Mask::Text, &format!("CONCAT(_ascii'text_', {random})"), 37),
            (
                Mask::Hash { unusable: false },
                "_ascii'$2y$10$92IXUNpkjO0rOQ5byMi.Ye4oKoEa3Ro9llC/.og/at2.uheWG/igi'",
                60,
            ),
            (Mask::Null, "NULL", 0),
            (Mask::Address, "CONCAT(`id`, _ascii' Example St')", 21),
            (
                Mask::LocalIp,
                "CONCAT(_ascii'192.168.', FLOOR(RAND() * 256), _ascii'.', 1 + FLOOR(RAND() * 254))",
                15,
            ),
        ] {
            assert_eq!(mask.value(&number(), Refs::Bare, "ab", 12), sql, "{mask}");
            assert_eq!(mask.width(&number(), 12), width, "{mask}");
        }
    }

    #[test]
    fn names_are_parsed_and_near_ones_suggested() {
        for (name, unusable, mask) in [
            ("email", false, Mask::Email),
            ("name", false, Mask::Name),
            ("phone", false, Mask::Phone),
            ("text", false, Mask::Text),
            ("hash", false, Mask::Hash { unusable: false }),
            ("hash", true, Mask::Hash { unusable: true }),
            ("null", false, Mask::Null),
            ("address", false, Mask::Address),
            ("local_ip", false, Mask::LocalIp),
        ] {
            let parsed = Mask::parse(name, unusable).unwrap();
            assert_eq!(parsed, mask);
            assert_eq!(parsed.name(), name);
        }
        let unknown = Mask::parse("emial", false).unwrap_err();
        assert_eq!(unknown.what(), "unknown type `emial`; did you mean `email`?");
        assert!(unknown.hint_text().unwrap().contains("local_ip"));
        assert_eq!(Mask::parse("zzzzzzzz", false).unwrap_err().what(), "unknown type `zzzzzzzz`");
        assert!(Mask::parse("Email", false).unwrap_err().what().contains("did you mean `email`"));
        let option = Mask::parse("email", true).unwrap_err();
        assert_eq!(option.kind(), crate::error::Kind::Config);
        assert!(option.what().contains("no option `unusable`"));
    }

    #[test]
    fn what_tells_rows_apart_is_known() {
        for (mask, within) in [
            (Mask::Email, Some(36)),
            (Mask::Name, Some(15)),
            (Mask::Phone, Some(15)),
            (Mask::Text, Some(25)),
            (Mask::Hash { unusable: true }, None),
            (Mask::Null, None),
            (Mask::Address, Some(10)),
            (Mask::LocalIp, None),
        ] {
            assert_eq!(mask.distinct_within(&number(), 12), within, "{mask}");
        }
    }

    #[test]
    fn the_unusable_hash_is_a_bcrypt_string_with_impossible_last_character() {
        let alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        for (hash, possible) in [(PASSWORD, true), (UNUSABLE, false)] {
            assert_eq!(hash.len(), 60);
            assert!(hash[7..].chars().all(|c| alphabet.contains(c)));
            // 31 characters hold 186 bits, the digest has 184: bcrypt leaves the last two zero.
            let last = alphabet.find(&hash[59..]).unwrap();
            assert_eq!(last % 4 == 0, possible);
        }
    }
}
