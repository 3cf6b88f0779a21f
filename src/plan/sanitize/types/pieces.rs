//! Masks that are put together from pieces. From a mask's pieces follow the SQL expression, the longest result,
//! whether results are distinct by construction, and what they look like.

use super::super::identity::{HEX_DIGITS, Identity};
use super::super::pattern::Token;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::room::{problem, room};
use super::{Behaviour, Distinct, Own, Place, Reading, Row, Unchanged};
use crate::schema::Column;

/// A part of a masked value. All of them are ASCII, lower case where they are hexadecimal (so that collations that
/// ignore case keep them apart).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// Always the same; free of quotes and backslashes.
    Text(&'static str),
    /// 32 random hex digits, written as a UUID is: 36 characters.
    Uuid,
    /// So many random hex digits.
    RandomHex(u64),
    /// The row's identity.
    Id,
    /// The row's identity, padded with zeros to so many digits and never cut.
    PaddedId(u64),
    /// A random whole number between the two, both included.
    Number(u64, u64),
    /// Hex digits of the keyed hash of the old value: so many, or fewer where the column is short.
    Keyed(&'static str, u64),
    /// Decimal digits of the keyed hash of the old value.
    KeyedDigits(&'static str),
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

pub(super) const KEYED_EMAIL: Pieces = Pieces(&[Piece::Keyed("email", 32), Piece::Text("@example.test")]);
pub(super) const KEYED_NAME: Pieces = Pieces(&[Piece::Text("User_"), Piece::Keyed("name", DISTINCT_HEX)]);
pub(super) const KEYED_PHONE: Pieces = Pieces(&[Piece::Text("+1555"), Piece::KeyedDigits("phone")]);
pub(super) const KEYED_TEXT: Pieces = Pieces(&[Piece::Text("text_"), Piece::Keyed("text", 32)]);
pub(super) const KEYED_ADDRESS: Pieces =
    Pieces(&[Piece::Keyed("address", DISTINCT_HEX), Piece::Text(" Example St")]);

/// Decimal digits of a keyed phone number.
const PHONE_DIGITS: u64 = 10;
/// The same where they have to keep rows apart: 83 bits.
const DISTINCT_PHONE_DIGITS: u64 = 25;

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

    /// The SQL of a new value, not yet in the column's character set; `old` is that of the old one.
    pub(in crate::plan::sanitize) fn sql(&self, old: &str, row: Row<'_>) -> String {
        let pieces: Vec<_> = self.0.iter().map(|piece| piece.sql(old, row)).collect();
        match pieces.as_slice() {
            [one] => one.clone(),
            many => format!("CONCAT({})", many.join(", ")),
        }
    }

    /// How many digits of a keyed hash there may be, the most first; none where there is no such hash.
    fn keyed_digits(&self, in_unique_index: bool) -> Option<Vec<u64>> {
        self.0.iter().find_map(|piece| match piece {
            Piece::Keyed(_, most) if in_unique_index => Some(vec![*most, DISTINCT_HEX]),
            Piece::Keyed(_, most) => Some(vec![*most, DISTINCT_HEX, HEX_DIGITS]),
            Piece::KeyedDigits(_) if in_unique_index => Some(vec![DISTINCT_PHONE_DIGITS]),
            Piece::KeyedDigits(_) => Some(vec![PHONE_DIGITS]),
            _ => None,
        })
    }

    /// How many digits of a keyed hash results have where there is room for them.
    pub(in crate::plan::sanitize) fn most_digits(&self) -> u64 {
        self.keyed_digits(false).and_then(|digits| digits.first().copied()).unwrap_or(HEX_DIGITS)
    }

    /// How many digits of a keyed hash the column holds.
    fn fit_keyed(&self, place: &Place<'_>, digits: &[u64]) -> Result<u64, Problem> {
        let room = room(place.one)?;
        let fits = |digits: &&u64| self.width(place.identity, **digits) <= room;
        digits.iter().find(fits).copied().ok_or_else(|| {
            let mask = &place.one.rule.mask;
            let needed = digits.last().map_or(0, |least| self.width(place.identity, *least));
            let why = if place.in_unique_index { " in a unique index, with a key" } else { " with a key" };
            let is = format!("holds {room} characters, results of `{mask}` have {needed}{why}");
            problem(place.one, &is, "widen the column or use another type, such as `token`")
        })
    }

    fn is_random(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Uuid | Piece::RandomHex(_) | Piece::Keyed(..)))
    }
}

impl Behaviour for Pieces {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        if let Some(digits) = self.keyed_digits(place.in_unique_index) {
            return self.fit_keyed(place, &digits);
        }
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
        Cast::of(column).wrap(&self.sql(&row.refs.column(&column.name), row))
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
                Piece::Uuid
                | Piece::RandomHex(_)
                | Piece::Number(..)
                | Piece::Keyed(..)
                | Piece::KeyedDigits(_) => shape.push(Token::Any),
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
    if !place.one.rule.mask.behaviour(place.keyed).reads_identity() {
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
            Self::Keyed(..) | Self::KeyedDigits(_) => hex,
        }
    }

    fn distinct_within(self, identity: &Identity) -> Option<u64> {
        match self {
            Self::Uuid => Some(36),
            Self::RandomHex(digits) => (digits >= DISTINCT_HEX).then_some(DISTINCT_HEX),
            Self::Id => identity.distinct_within(),
            Self::PaddedId(digits) => identity.distinct_within().map(|needed| needed.max(digits)),
            Self::Keyed(..) => Some(DISTINCT_HEX),
            Self::KeyedDigits(_) => Some(DISTINCT_PHONE_DIGITS),
            Self::Text(_) | Self::Number(..) => None,
        }
    }

    fn sql(self, old: &str, row: Row<'_>) -> String {
        let Row { identity, refs, salt, hex, .. } = row;
        // Only keyed masks have such pieces.
        let reading = row.keyed.unwrap_or(Reading::Bytes);
        match self {
            Self::Text(text) => ascii(text),
            Self::Uuid => random_uuid(),
            Self::RandomHex(digits) => random_hex(digits),
            Self::Id => identity.sql(refs, salt, hex, None),
            Self::PaddedId(digits) => identity.sql(refs, salt, hex, Some(digits)),
            Self::Keyed(purpose, _) => format!("LEFT({}, {hex})", reading.hash(old, purpose)),
            Self::KeyedDigits(purpose) => reading.digits(old, purpose, hex),
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

/// So many random hex digits (64 at most). `MD5` is missing on MySQL 9, and `RAND()` alone repeats itself. `UUID()` alone
/// tells the address of the server's network card and the moment; its hash with something random tells neither.
pub(in crate::plan::sanitize) fn random_hex(digits: u64) -> String {
    format!("LEFT(SHA2(CONCAT(UUID(), RAND()), 256), {digits})")
}

/// Random digits with hyphens where a UUID has them, set from the last to the first.
fn random_uuid() -> String {
    let hyphens = [21, 17, 13, 9];
    hyphens.iter().fold(random_hex(32), |digits, at| format!("INSERT({digits}, {at}, 0, '-')"))
}

#[cfg(test)]
mod tests {
    use super::super::super::identity::Refs;
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
            (
                Mask::Email,
                format!(
                    "CONCAT(INSERT(INSERT(INSERT(INSERT({random}, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), \
                     _ascii'@example.test')"
                )
                .as_str(),
                49,
            ),
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
            let pieces = mask.pieces(false).unwrap();
            assert_eq!(pieces.sql("`c`", row(&number(), 12, None)), sql, "{mask}");
            // A UUID alone tells the address of the server's network card.
            assert!(!sql.replace("SHA2(CONCAT(UUID(), RAND()), 256)", "").contains("UUID"), "{mask}");
            assert_eq!(pieces.width(&number(), 12), width, "{mask}");
        }
    }

    fn row(identity: &Identity, hex: u64, keyed: Option<Reading>) -> Row<'_> {
        Row { identity, refs: Refs::Bare, salt: "ab", hex, flavour: Flavour::Mariadb, keyed }
    }

    #[test]
    fn with_a_key_types_are_functions_of_the_old_value() {
        let hash = |purpose| Reading::Bytes.hash("`c`", purpose);
        let phone = |digits| Reading::Bytes.digits("`c`", "phone", digits);
        for (mask, hex, sql, width, within) in [
            (Mask::Email, 32, format!("CONCAT(LEFT({}, 32), _ascii'@example.test')", hash("email")), 45, 20),
            (Mask::Name, 20, format!("CONCAT(_ascii'User_', LEFT({}, 20))", hash("name")), 25, 25),
            (Mask::Phone, 10, format!("CONCAT(_ascii'+1555', {})", phone(10)), 15, 30),
            (Mask::Phone, 25, format!("CONCAT(_ascii'+1555', {})", phone(25)), 30, 30),
            (Mask::Text, 32, format!("CONCAT(_ascii'text_', LEFT({}, 32))", hash("text")), 37, 25),
            (
                Mask::Address,
                20,
                format!("CONCAT(LEFT({}, 20), _ascii' Example St')", hash("address")),
                31,
                20,
            ),
        ] {
            let pieces = mask.pieces(true).unwrap();
            assert_eq!(pieces.sql("`c`", row(&Identity::Random, hex, Some(Reading::Bytes))), sql, "{mask}");
            assert_eq!(pieces.width(&Identity::Random, hex), width, "{mask}");
            assert_eq!(mask.behaviour(true).distinct(&Identity::Random, hex), Distinct::Within(within));
            assert!(!mask.behaviour(true).reads_identity(), "{mask}");
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
            assert_eq!(mask.behaviour(false).distinct(&number(), 12), within, "{mask}");
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
