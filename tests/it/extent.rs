//! How much is tried. A quick run tries everything on one family or the other where what is tried has little to do with
//! the database; a full one (`make test-full`) everything on both.

use backfill::schema::Flavour;
use std::str::FromStr;

/// The number that a variable asks for.
pub fn number<T: FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// Whether everything is tried on both families.
fn is_full() -> bool {
    number::<u8>("BACKFILL_TEST_FULL").is_some_and(|full| full > 0)
}

/// Those of `items` that are tried on this family: every other one, and the rest on the other.
pub fn share<T>(flavour: Flavour, items: impl IntoIterator<Item = T>) -> Vec<T> {
    let is_mine = |at: usize| is_full() || at.is_multiple_of(2) == (flavour == Flavour::Mariadb);
    items.into_iter().enumerate().filter(|(at, _)| is_mine(*at)).map(|(_, item)| item).collect()
}

/// The families on which something dear is tried, if one is enough: that one, or both.
pub fn on_one(flavour: Flavour) -> Vec<Flavour> {
    crate::harness::FLAVOURS.into_iter().filter(|one| is_full() || *one == flavour).collect()
}
