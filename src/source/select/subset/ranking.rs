//! The best rows by a column whose order is known here: numbers and dates. Rows are offered in the order that settles ties,
//! and no more than about twice as many as are wanted are remembered, in a set that may be larger than memory.

use crate::error::{Error, Result};
use crate::schema::Column;
use crate::source::select::keys::{Growing, Room, number_key};
use std::sync::Arc;

/// Rows beyond the wanted ones that are remembered at least before the best are chosen.
const MORE_MIN: u64 = 1000;
/// In place of the length of a value: NULL.
const NULL: u8 = u8::MAX;

/// The best rows so far.
#[derive(Debug)]
pub(super) struct Ranking {
    room: Arc<Room>,
    most: u64,
    order: Order,
    descending: bool,
    offered: u64,
    noted: Growing,
    /// The last of the best, as soon as there are enough.
    worst: Option<Vec<u8>>,
}

/// How values of a column compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// By their value.
    Number,
    /// By their text, which is of one length.
    Text,
}

impl Order {
    fn of(column: &Column) -> Option<Self> {
        match column.data_type.as_str() {
            "decimal" | "year" => Some(Self::Number),
            _ if column.is_integer() => Some(Self::Number),
            "date" | "datetime" | "timestamp" => Some(Self::Text),
            _ => None,
        }
    }
}

impl Ranking {
    /// The `most` best rows by `column`, of which the first offered come first where values are equal; none where the
    /// server alone knows the order.
    pub(super) fn new(column: &Column, descending: bool, most: u64, room: &Arc<Room>) -> Option<Self> {
        let (order, noted) = (Order::of(column)?, Growing::new(room));
        let room = Arc::clone(room);
        Some(Self { room, most, order, descending, offered: 0, noted, worst: None })
    }

    /// Offers a row: its value, and its key.
    pub(super) fn offer(&mut self, value: Option<&[u8]>, key: &[u8]) -> Result<()> {
        let entry = self.entry(value, key)?;
        self.offered += 1;
        if self.worst.as_ref().is_some_and(|worst| *worst < entry) {
            return Ok(());
        }
        self.noted.insert(&entry)?;
        if self.noted.rows() >= self.most.saturating_mul(2).max(self.most.saturating_add(MORE_MIN)) {
            self.choose()?;
        }
        Ok(())
    }

    /// The value of the last of the best rows: rows to come must be better. None as long as any may be among the best.
    pub(super) fn worst(&self) -> Option<Option<&[u8]>> {
        self.worst.as_deref().and_then(split).map(|(value, _)| value)
    }

    /// Hands out the keys of the best rows.
    pub(super) fn each(self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let noted = self.noted.finish()?;
        let (mut cursor, mut left) = (noted.cursor(), self.most);
        while left > 0
            && let Some(entry) = cursor.next_key()?
        {
            each(split(entry).ok_or_else(lost)?.1)?;
            left -= 1;
        }
        Ok(())
    }

    /// Forgets all but the best rows.
    fn choose(&mut self) -> Result<()> {
        let noted = std::mem::replace(&mut self.noted, Growing::new(&self.room)).finish()?;
        let mut cursor = noted.cursor();
        while self.noted.rows() < self.most
            && let Some(entry) = cursor.next_key()?
        {
            self.noted.insert(entry)?;
            if self.noted.rows() == self.most {
                self.worst = Some(entry.to_vec());
            }
        }
        Ok(())
    }

    /// Bytes that sort as rows are good, with value and key behind.
    fn entry(&self, value: Option<&[u8]>, key: &[u8]) -> Result<Vec<u8>> {
        let mut entry = Vec::with_capacity(key.len() + 48);
        match (self.order, value) {
            (_, None) => entry.push(0),
            (Order::Text, Some(text)) => {
                entry.push(1);
                entry.extend_from_slice(text);
            }
            (Order::Number, Some(number)) => push_number(number, &mut entry)?,
        }
        if self.descending {
            entry.iter_mut().for_each(|byte| *byte = !*byte);
        }
        entry.extend(number_key(self.offered));
        let rank = u8::try_from(entry.len()).map_err(|_| lost())?;
        entry.extend_from_slice(value.unwrap_or_default());
        entry.extend_from_slice(key);
        // Shorter than the rank.
        let len = value.map_or(Ok(NULL), |value| u8::try_from(value.len()).map_err(|_| lost()))?;
        entry.extend([rank, len]);
        Ok(entry)
    }
}

/// The value and the key of an entry.
fn split(entry: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (rest, ends) = entry.split_last_chunk::<2>()?;
    let [rank, len] = *ends;
    let rest = rest.get(usize::from(rank)..)?;
    if len == NULL {
        return Some((None, rest));
    }
    let (value, key) = rest.split_at_checked(usize::from(len))?;
    Some((Some(value), key))
}

fn lost() -> Error {
    Error::internal("a row of an order does not read back")
}

/// A number of a column as bytes that sort by its value: numbers of one column have as many digits behind the point.
fn push_number(number: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let (negative, digits) = match number.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, number),
    };
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = &digits[zeros..];
    let whole = digits.iter().position(|digit| *digit == b'.').unwrap_or(digits.len());
    if !digits.iter().all(|digit| digit.is_ascii_digit() || *digit == b'.') {
        return Err(Error::integrity("a value of a number column is no number"));
    }
    // More digits before the point are more, and of a number below 0 less.
    let whole = u8::try_from(whole).map_err(|_| lost())?;
    match negative {
        true => out.extend([1, !whole]),
        false => out.extend([2, whole]),
    }
    out.extend(digits.iter().map(|digit| if negative { !digit } else { *digit }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn best(column: &str, descending: bool, most: u64, values: &[Option<String>]) -> Vec<usize> {
        let room = Room::of(64 * 1024);
        let mut ranking = Ranking::new(&Column::new("c", column), descending, most, &room).unwrap();
        for (at, value) in values.iter().enumerate() {
            ranking.offer(value.as_deref().map(str::as_bytes), at.to_string().as_bytes()).unwrap();
        }
        let mut found = Vec::new();
        let note = |key: &[u8]| {
            found.push(std::str::from_utf8(key).unwrap().parse().unwrap());
            Ok(())
        };
        ranking.each(note).unwrap();
        found
    }

    fn texts(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|value| (*value != "NULL").then(|| (*value).to_owned())).collect()
    }

    #[test]
    fn numbers_and_dates_come_in_their_order() {
        for (column, ascending) in [
            (
                "bigint",
                &["NULL", "-9223372036854775808", "-10", "-9", "0", "1", "9", "18446744073709551615"][..],
            ),
            ("int", &["NULL", "0000", "0007", "0010"]),
            ("year", &["0000", "1901", "2155"]),
            (
                "decimal",
                &["NULL", "-10.00", "-9.99", "-0.10", "-0.09", "0.00", "0.01", "0.10", "9.99", "10.00"],
            ),
            (
                "datetime",
                &["NULL", "0000-00-00 00:00:00.000", "2024-02-30 00:00:00.000", "2024-02-30 00:00:00.001"],
            ),
            ("date", &["NULL", "0000-00-00", "1000-01-01", "9999-12-31"]),
        ] {
            let values = texts(ascending);
            let up: Vec<usize> = (0..values.len()).collect();
            let down: Vec<usize> = up.iter().rev().copied().collect();
            assert_eq!(best(column, false, 99, &values), up, "{column}");
            assert_eq!(best(column, true, 99, &values), down, "{column}");
        }
    }

    #[test]
    fn what_only_the_server_can_order_is_left_to_it() {
        for column in ["varchar", "char", "time", "float", "double", "enum", "set", "bit", "uuid", "inet6"] {
            assert!(Ranking::new(&Column::new("c", column), true, 1, &Room::new()).is_none(), "{column}");
        }
    }

    #[test]
    fn what_must_be_better_is_told_once_there_are_enough() {
        let mut ranking = Ranking::new(&Column::new("c", "int"), true, 2, &Room::new()).unwrap();
        for number in 0..=MORE_MIN {
            assert_eq!(ranking.worst(), None);
            ranking.offer(Some(number.to_string().as_bytes()), b"k").unwrap();
        }
        ranking.offer(None, b"k").unwrap();
        assert_eq!(ranking.worst(), Some(Some((MORE_MIN - 1).to_string().as_bytes())));
        assert!(ranking.offer(Some(b"x"), b"k").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_best_are_those_of_a_stable_sort(
            numbers in proptest::collection::vec(proptest::option::of(-20_i64..20), 0..3_000),
            most in 1_u64..1_500,
            descending: bool,
        ) {
            let values: Vec<Option<String>> =
                numbers.iter().map(|number| number.map(|number| number.to_string())).collect();
            let mut expected: Vec<usize> = (0..numbers.len()).collect();
            match descending {
                true => expected.sort_by_key(|at| std::cmp::Reverse(numbers[*at])),
                false => expected.sort_by_key(|at| numbers[*at]),
            }
            expected.truncate(usize::try_from(most).unwrap());
            prop_assert_eq!(best("int", descending, most, &values), expected);
        }
    }
}
