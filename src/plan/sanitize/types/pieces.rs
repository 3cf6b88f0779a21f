//! Masks that are put together from pieces. From a mask's pieces follow the SQL expression, the longest result,
//! whether results are distinct by construction, and what they look like.

use super::super::identity::{HEX_DIGITS, Identity, Refs};
use super::super::pattern::Token;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::room::{problem, room};
use super::{Behaviour, Distinct, Own, Place, Row, Unchanged};
use crate::schema::Column;

/// A part of a masked value. All of them are ASCII, lower case where they are hexadecimal (so that collations that
/// ignore case keep them apart).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
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

/// The pieces of one mask, in order.
#[derive(Debug)]
pub(in crate::plan::sanitize) struct Pieces(&'static [Piece]);

/// The bcrypt hash of `password` at cost 10.
const PASSWORD: &str = "$2y$10$92IXUNpkjO0rOQ5byMi.Ye4oKoEa3Ro9llC/.og/at2.uheWG/igi";

/// Well-formed, so that frameworks read it, but its last character has padding bits set that bcrypt never sets.
const UNUSABLE: &str = "$2y$10$92IXUNpkjO0rOQ5byMi.Ye............................../";

pub(super) const EMAIL: Pieces = Pieces(&[Piece::Uuid, Piece::Text("@example.test")]);
pub(super) const NAME: Pieces = Pieces(&[Piece::Text("User_"), Piece::Id]);
pub(super) const PHONE: Pieces = Pieces(&[Piece::Text("+1555"), Piece::PaddedId(7)]);
pub(super) const TEXT: Pieces = Pieces(&[Piece::Text("text_"), Piece::RandomHex(32)]);
pub(super) const HASH: Pieces = Pieces(&[Piece::Text(PASSWORD)]);
pub(super) const UNUSABLE_HASH: Pieces = Pieces(&[Piece::Text(UNUSABLE)]);
pub(super) const ADDRESS: Pieces = Pieces(&[Piece::Id, Piece::Text(" Example St")]);
pub(super) const LOCAL_IP: Pieces =
    Pieces(&[Piece::Text("192.168."), Piece::Number(0, 255), Piece::Text("."), Piece::Number(1, 254)]);

/// Hex digits that keep rows apart in practice: 80 bits.
pub(in crate::plan::sanitize) const DISTINCT_HEX: u64 = 20;

/// The mask without a value.
#[derive(Debug)]
pub(in crate::plan::sanitize) struct Null;

impl Behaviour for Null {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        if place.one.column.nullable {
            return Ok(HEX_DIGITS);
        }
        let fix = "use another type, or allow NULL in the column";
        Err(problem(place.one, "is NOT NULL, `null` cannot be stored", fix))
    }

    fn value(&self, _column: &Column, _own: &Own<'_>, _row: Row<'_>) -> String {
        "NULL".to_owned()
    }

    fn unchanged(&self, _column: &Column, _own: &Own<'_>, _row: Row<'_>) -> Unchanged {
        Unchanged::Never
    }
}

impl Pieces {
    /// The longest result in characters; `hex` digits make an identity that is not a number.
    fn width(&self, identity: &Identity, hex: u64) -> u64 {
        self.0.iter().map(|piece| piece.width(identity, hex)).sum()
    }

    /// The SQL of a new value, not yet in the column's character set.
    pub(in crate::plan::sanitize) fn sql(&self, row: Row<'_>) -> String {
        let pieces: Vec<_> =
            self.0.iter().map(|piece| piece.sql(row.identity, row.refs, row.salt, row.hex)).collect();
        match pieces.as_slice() {
            [one] => one.clone(),
            many => format!("CONCAT({})", many.join(", ")),
        }
    }

    fn is_random(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Uuid | Piece::RandomHex(_)))
    }
}

impl Behaviour for Pieces {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        let (mask, identity) = (&place.one.rule.mask, place.identity);
        let room = room(place.one)?;
        let shortest = if place.in_unique_index { DISTINCT_HEX } else { HEX_DIGITS };
        let needed = self.width(identity, shortest);
        if needed > room {
            let why = reason(place);
            let is = format!("holds {room} characters, results of `{mask}` have up to {needed}{why}");
            return Err(problem(place.one, &is, "widen the column or use a shorter type"));
        }
        if !self.reads_identity() {
            return Ok(HEX_DIGITS);
        }
        let fixed = needed - identity.width(shortest).min(needed);
        Ok(identity.hex_digits(room - fixed, place.in_unique_index).unwrap_or(shortest))
    }

    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        Cast::of(column).wrap(&self.sql(row))
    }

    fn reads_identity(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Id | Piece::PaddedId(_)))
    }

    /// Everything up to the end of the first piece that differs in every row.
    fn distinct(&self, identity: &Identity, hex: u64) -> Distinct {
        let mut before = 0;
        for piece in self.0 {
            if let Some(needed) = piece.distinct_within(identity) {
                return Distinct::Within(before + needed);
            }
            before += piece.width(identity, hex);
        }
        Distinct::No
    }

    fn shape(&self) -> Vec<Token> {
        let mut shape = Vec::new();
        for piece in self.0 {
            match piece {
                Piece::Text(text) => shape.extend(text.to_lowercase().chars().map(Token::One)),
                Piece::Id | Piece::PaddedId(_) => shape.push(Token::Digits),
                Piece::Uuid | Piece::RandomHex(_) | Piece::Number(..) => shape.push(Token::Any),
            }
        }
        shape
    }

    fn unchanged(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> Unchanged {
        if self.is_random() || (self.reads_identity() && *row.identity == Identity::Random) {
            return Unchanged::Never;
        }
        match self.0 {
            // Random, and few enough of them to meet one by chance.
            [Piece::Text(begin), Piece::Number(..), ..] => {
                Unchanged::Where(format!("{} LIKE '{begin}%'", row.refs.column(&column.name)))
            }
            _ => Unchanged::WhereMasked,
        }
    }
}

fn reason(place: &Place<'_>) -> &'static str {
    if !place.one.rule.mask.behaviour().reads_identity() {
        ""
    } else if place.identity.is_number() {
        " (with the widest number that the identity may have)"
    } else if place.in_unique_index {
        " (the row's identity is a hash, of 20 digits at least because the column is in a unique index)"
    } else {
        " (the row's identity is a hash of 12 digits)"
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
pub(in crate::plan::sanitize) fn ascii(text: &str) -> String {
    format!("_ascii'{text}'")
}

/// So many random hex digits (64 at most). `MD5` is missing on MySQL 9, and `RAND()` alone repeats itself.
pub(in crate::plan::sanitize) fn random_hex(digits: u64) -> String {
    format!("LEFT(SHA2(CONCAT(UUID(), RAND()), 256), {digits})")
}

#[cfg(test)]
mod tests {
    use super::super::Mask;
    use super::*;
    use crate::schema::Flavour;

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
            (Mask::Address, "CONCAT(`id`, _ascii' Example St')", 21),
            (
                Mask::LocalIp,
                "CONCAT(_ascii'192.168.', FLOOR(RAND() * 256), _ascii'.', 1 + FLOOR(RAND() * 254))",
                15,
            ),
        ] {
            let row =
                Row { identity: &number(), refs: Refs::Bare, salt: "ab", hex: 12, flavour: Flavour::Mariadb };
            assert_eq!(mask.pieces().unwrap().sql(row), sql, "{mask}");
            assert_eq!(mask.pieces().unwrap().width(&number(), 12), width, "{mask}");
        }
    }

    #[test]
    fn what_tells_rows_apart_is_known() {
        for (mask, within) in [
            (Mask::Email, Distinct::Within(36)),
            (Mask::Name, Distinct::Within(15)),
            (Mask::Phone, Distinct::Within(15)),
            (Mask::Text, Distinct::Within(25)),
            (Mask::Hash { unusable: true }, Distinct::No),
            (Mask::Null, Distinct::No),
            (Mask::Address, Distinct::Within(10)),
            (Mask::LocalIp, Distinct::No),
        ] {
            assert_eq!(mask.behaviour().distinct(&number(), 12), within, "{mask}");
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
