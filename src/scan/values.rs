//! What sampled values look like. They are counted as they come by, and none is kept.

use crate::detect::{self, Kind};
use crate::plan::sanitize::Category;
use crate::schema::Column;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Of kinds whose shape may be chance, so many values of a hundred have to look like it.
const PERCENT_MIN: u64 = 5;
/// Of random text, which may as well be a checksum.
const RANDOM_PERCENT_MIN: u64 = 50;
/// And so many at least, unless there are no others.
const HITS_MIN: u64 = 2;

/// What some values of a column look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// What they are, or hold.
    pub kind: Kind,
    /// Whether it is only a part of them.
    pub is_part: bool,
    /// How many of them.
    pub hits: u64,
    /// Of how many that were not empty.
    pub values: u64,
}

impl Sighting {
    /// What the column seems to hold.
    #[must_use]
    pub fn category(&self) -> Category {
        match self.kind {
            _ if self.is_part => Category::Content,
            Kind::Email => Category::Email,
            Kind::Phone => Category::Phone,
            Kind::Card | Kind::Iban => Category::BankAccount,
            Kind::Ip => Category::IpAddress,
            Kind::Token | Kind::RandomText => Category::Secret,
            Kind::PasswordHash => Category::Password,
        }
    }
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match (self.is_part, self.hits) {
            (false, 1) => "looks like",
            (false, _) => "look like",
            (true, 1) => "contains",
            (true, _) => "contain",
        };
        let name = self.kind.name();
        let what = if self.hits == 1 {
            let article = if name.starts_with(['e', 'I']) { "an" } else { "a" };
            format!("{article} {name}")
        } else {
            let ending = if name.ends_with(['s', 'h']) { "es" } else { "s" };
            format!("{name}{ending}")
        };
        write!(f, "{} of {} sampled values {verb} {what}", self.hits, self.values)
    }
}

/// Sightings by table and column.
#[derive(Debug, Clone, Default)]
pub struct Sightings(BTreeMap<String, BTreeMap<String, Sighting>>);

impl Sightings {
    /// Adds what was seen of a column.
    pub fn add(&mut self, table: &str, column: &str, sighting: Sighting) {
        self.0.entry(table.to_owned()).or_default().insert(column.to_owned(), sighting);
    }

    /// What was seen of a column.
    #[must_use]
    pub fn of(&self, table: &str, column: &str) -> Option<&Sighting> {
        self.0.get(table)?.get(column)
    }
}

/// Counts what values of one column look like.
#[derive(Debug, Default)]
pub struct Tally {
    is_json: bool,
    values: u64,
    whole: BTreeMap<Kind, u64>,
    part: BTreeMap<Kind, u64>,
}

impl Tally {
    /// For values of `column`.
    #[must_use]
    pub fn new(column: &Column) -> Self {
        Self { is_json: column.data_type == "json", ..Self::default() }
    }

    /// Looks at one value, or at its beginning.
    pub fn look(&mut self, value: &[u8]) {
        if value.trim_ascii().is_empty() {
            return;
        }
        self.values += 1;
        if self.is_json {
            let mut kinds: BTreeSet<Kind> = strings(value).filter_map(kind_in).collect();
            // Numbers stand outside of strings.
            kinds.extend(detect::contained(value));
            kinds.into_iter().for_each(|kind| *self.part.entry(kind).or_default() += 1);
        } else if let Some(kind) = detect::whole(value) {
            *self.whole.entry(kind).or_default() += 1;
        } else if let Some(kind) = detect::contained(value) {
            *self.part.entry(kind).or_default() += 1;
        }
    }

    /// What the values look like; none if that is nothing or may be chance.
    #[must_use]
    pub fn sighting(&self) -> Option<Sighting> {
        let of = |kind| {
            let count = |counts: &BTreeMap<Kind, u64>| counts.get(&kind).copied().unwrap_or(0);
            let (whole, part) = (count(&self.whole), count(&self.part));
            let is_part = part > whole;
            let hits = if is_part { whole + part } else { whole };
            Sighting { kind, is_part, hits, values: self.values }
        };
        let seen = Kind::ALL.into_iter().map(of).filter(is_no_chance);
        // Of two that are as frequent, the first of the kinds is the more personal one.
        seen.rev().max_by_key(|one| one.hits)
    }
}

fn kind_in(text: &[u8]) -> Option<Kind> {
    detect::whole(text).or_else(|| detect::contained(text))
}

fn is_no_chance(sighting: &Sighting) -> bool {
    let Sighting { kind, hits, values, .. } = *sighting;
    let percent_min = match kind {
        // One is enough: nothing else has these shapes.
        Kind::Email | Kind::Iban | Kind::Token | Kind::PasswordHash => return hits > 0,
        Kind::Phone | Kind::Card | Kind::Ip => PERCENT_MIN,
        Kind::RandomText => RANDOM_PERCENT_MIN,
    };
    hits > 0 && hits * 100 >= values * percent_min && (hits >= HITS_MIN || hits == values)
}

/// The strings of a JSON document that are values, still escaped. A document that was cut short is read to its end.
fn strings(document: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = document;
    std::iter::from_fn(move || {
        loop {
            let open = rest.iter().position(|byte| *byte == b'"')?;
            let text = &rest[open + 1..];
            let end = string_end(text);
            rest = text.get(end + 1..).unwrap_or_default();
            if rest.trim_ascii_start().first() != Some(&b':') {
                return Some(&text[..end]);
            }
        }
    })
}

fn string_end(text: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tally(column_type: &str, values: &[&str]) -> Option<String> {
        let mut tally = Tally::new(&Column::new("c", column_type));
        values.iter().for_each(|value| tally.look(value.as_bytes()));
        tally.sighting().map(|sighting| format!("{sighting} ({})", sighting.category().words()))
    }

    #[test]
    fn what_most_values_are_counts_or_what_they_contain() {
        let words = |count: usize| vec!["nothing of interest"; count];
        let mut some = words(198);
        some.extend(["anna@firma.de", " bert@firma.de "]);
        assert_eq!(
            tally("varchar(90)", &some).unwrap(),
            "2 of 200 sampled values look like e-mail addresses (an e-mail address)"
        );
        let mut one = words(3);
        one.extend(["", "   ", "write to anna@firma.de, please"]);
        assert_eq!(
            tally("text", &one).unwrap(),
            "1 of 4 sampled values contains an e-mail address (a text with personal data in it)"
        );
        let both = ["anna@firma.de", "call anna@firma.de", "or bert@firma.de today"];
        assert_eq!(
            tally("text", &both).unwrap(),
            "3 of 3 sampled values contain e-mail addresses (a text with personal data in it)"
        );
        assert_eq!(tally("text", &words(9)), None);
        assert_eq!(tally("text", &[]), None);
    }

    #[test]
    fn what_may_be_chance_has_to_be_frequent() {
        let phones = ["+49 170 1234567", "+49 170 7654321"];
        let mut rare = vec!["x"; 98];
        rare.extend(phones);
        assert_eq!(tally("varchar(30)", &rare), None);
        let mut frequent = vec!["x"; 8];
        frequent.extend(phones);
        assert_eq!(
            tally("varchar(30)", &frequent).unwrap(),
            "2 of 10 sampled values look like phone numbers (a phone number)"
        );
        assert!(tally("varchar(30)", &phones[..1]).is_some());
        assert_eq!(tally("varchar(30)", &[phones[0], "x"]), None);
    }

    #[test]
    fn strings_of_json_are_looked_into() {
        let documents = [
            r#"{"anna@firma.de": "a key is no value", "n": "x"}"#,
            r#"{"contact": {"mail": "anna@firma.de"}, "note": "say \"hi\""}"#,
        ];
        assert_eq!(
            tally("json", &documents[1..]).unwrap(),
            "1 of 1 sampled values contains an e-mail address (a text with personal data in it)"
        );
        let found: Vec<&[u8]> = strings(documents[1].as_bytes()).collect();
        assert_eq!(found, [&b"anna@firma.de"[..], b"say \\\"hi\\\""]);
        assert_eq!(strings(br#"["cut sho"#).collect::<Vec<_>>(), [b"cut sho"]);
        assert_eq!(strings(br#"{"only": 1, "keys" : 2}"#).count(), 0);
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_there_is_no_panic(bytes: Vec<u8>, json in r#"[\[\]{}",:\\a@1.]{0,60}"#) {
            for column in ["json", "text"] {
                let mut tally = Tally::new(&Column::new("c", column));
                tally.look(&bytes);
                tally.look(json.as_bytes());
                let _ = tally.sighting().map(|sighting| sighting.to_string());
            }
        }
    }
}
