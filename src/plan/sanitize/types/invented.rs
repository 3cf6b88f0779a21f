//! Names, addresses and companies from the lists of [`super::lists`], chosen by a seed.

use super::super::identity::HEX_DIGITS;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::lists::{BUSINESSES, CITIES, COMPANIES, FIRST_NAMES, LAST_NAMES, STREETS};
use super::room::{problem, room};
use super::seed::{below, one_of, seed};
use super::{Behaviour, Own, Place, Row, Unchanged};
use crate::schema::Column;
use crate::sql::ident::string_literal;

/// What is invented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invented {
    /// `Amara`
    FirstName,
    /// `Lindqvist`
    LastName,
    /// A first and a last name.
    FullName,
    /// A number and a street that there is not.
    Street,
    /// A city that there is.
    City,
    /// `Coppermoth Trading`
    Company,
}

/// A part of an invented value; a space stands between two.
enum Part {
    /// From 1 to this.
    Number(usize),
    One(&'static [&'static str]),
}

impl Part {
    fn width(&self) -> usize {
        match self {
            Self::Number(most) => most.to_string().len(),
            Self::One(list) => list.iter().map(|entry| entry.len()).max().unwrap_or(0),
        }
    }

    fn sql(&self, seed: &str, at: usize) -> String {
        match self {
            Self::Number(most) => format!("1 + {}", below(seed, at, *most)),
            Self::One(list) => one_of(seed, at, &literals(list)),
        }
    }

    /// The condition that a text is of the list; none for numbers.
    fn has(&self, text: &str) -> Option<String> {
        match self {
            Self::Number(_) => None,
            Self::One(list) => Some(format!("{text} IN ({})", literals(list).join(", "))),
        }
    }
}

fn literals(list: &[&str]) -> Vec<String> {
    list.iter().map(|entry| string_literal(entry)).collect()
}

impl Invented {
    /// The name in the configuration.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::FullName => "full_name",
            Self::Street => "street",
            Self::City => "city",
            Self::Company => "company",
        }
    }

    fn parts(self) -> &'static [Part] {
        match self {
            Self::FirstName => &[Part::One(FIRST_NAMES)],
            Self::LastName => &[Part::One(LAST_NAMES)],
            Self::FullName => &[Part::One(FIRST_NAMES), Part::One(LAST_NAMES)],
            Self::Street => &[Part::Number(199), Part::One(STREETS)],
            Self::City => &[Part::One(CITIES)],
            Self::Company => &[Part::One(COMPANIES), Part::One(BUSINESSES)],
        }
    }

    /// The longest result in characters.
    fn width(self) -> u64 {
        let parts = self.parts();
        (parts.iter().map(Part::width).sum::<usize>() + parts.len() - 1) as u64
    }

    /// The SQL of a new value for `old`, not yet in a column's character set.
    pub(super) fn sql(self, old: &str, row: Row<'_>) -> String {
        let seed = seed(old, self.name(), row);
        let parts: Vec<_> = self.parts().iter().enumerate().map(|(at, part)| part.sql(&seed, at)).collect();
        match parts.as_slice() {
            [one] => one.clone(),
            many => format!("CONCAT({})", many.join(", ' ', ")),
        }
    }
}

impl Behaviour for Invented {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        let (room, needed) = (room(place.one)?, self.width());
        if needed > room {
            let is = format!("holds {room} characters, results of `{}` have up to {needed}", self.name());
            return Err(problem(place.one, &is, "widen the column or use a shorter type"));
        }
        Ok(HEX_DIGITS)
    }

    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        Cast::of(column).wrap(&self.sql(&row.refs.column(&column.name), row))
    }

    /// Real values may be on a list too, and be chosen by chance; what is not on it has to change.
    fn unchanged(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> Unchanged {
        if row.keyed.is_some() {
            return Unchanged::WhereMasked;
        }
        let old = row.refs.column(&column.name);
        let texts = match self.parts() {
            [_] => vec![old],
            _ => vec![
                format!("SUBSTRING_INDEX({old}, ' ', 1)"),
                format!("SUBSTR({old}, LOCATE(' ', {old}) + 1)"),
            ],
        };
        let on_lists: Vec<_> =
            self.parts().iter().zip(&texts).filter_map(|(part, text)| part.has(text)).collect();
        Unchanged::Where(on_lists.join(" AND "))
    }
}
