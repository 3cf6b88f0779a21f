//! A point in time as the source's columns spell it: how deltas are asked for, and how far a pull has read.

use crate::error::{Error, Result};
use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A date and time of day to the microsecond, without a zone: of a `TIMESTAMP` column it is UTC, of a `DATETIME`
/// column whatever the application writes there. Spelled `2026-11-22 10:00:00.123456`; the fraction may have fewer
/// digits, or be missing with its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(DateTime);

impl Moment {
    /// The smallest step between two moments.
    pub const TICK: Duration = Duration::from_micros(1);

    /// The moment so much before; the first there is, at most.
    #[must_use]
    pub fn before(self, distance: Duration) -> Self {
        let distance = SignedDuration::try_from(distance).unwrap_or(SignedDuration::MAX);
        Self(self.0.saturating_sub(distance))
    }

    /// The moment so much after; the last there is, at most.
    #[must_use]
    pub fn after(self, distance: Duration) -> Self {
        let distance = SignedDuration::try_from(distance).unwrap_or(SignedDuration::MAX);
        Self(self.0.saturating_add(distance))
    }

    /// The last moment up to this one that has no more than so many digits of a second's fraction.
    #[must_use]
    pub fn floor(self, digits: u8) -> Self {
        let step = 10_i32.pow(9 - u32::from(digits.min(6)));
        let time = self.0.time();
        let fraction = time.subsec_nanosecond();
        Self(self.0.with().subsec_nanosecond(fraction - fraction % step).build().unwrap_or(self.0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.0.date(), self.0.time());
        write!(f, "{:04}-{:02}-{:02} ", date.year(), date.month(), date.day())?;
        write!(f, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        match time.subsec_nanosecond() / 1000 {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        }
    }
}

impl FromStr for Moment {
    type Err = Error;

    /// # Errors
    /// `Usage` for any other spelling, and for days that no calendar has, zero dates among them.
    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::usage("a time must be spelled `2026-11-22 10:00:00` or `2026-11-22 10:00:00.123456`");
        let shape = |at: usize, byte: u8| match at {
            4 | 7 => byte == b'-',
            10 => byte == b' ',
            13 | 16 => byte == b':',
            19 => byte == b'.',
            _ => byte.is_ascii_digit(),
        };
        let spelled =
            matches!(text.len(), 19 | 21..=26) && text.bytes().enumerate().all(|(at, b)| shape(at, b));
        let parsed: Option<DateTime> = if spelled { text.parse().ok() } else { None };
        // The parser takes a sixtieth second for the one before it.
        parsed.filter(|_| &text[17..19] != "60" && &text[..4] != "0000").map(Self).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Moment {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn moments_are_written_as_they_are_read() {
        for text in [
            "2026-11-22 10:00:00",
            "2026-11-22 10:00:00.000001",
            "0001-01-01 00:00:00",
            "9999-12-31 23:59:59.999999",
        ] {
            assert_eq!(moment(text).to_string(), text);
        }
        assert_eq!(moment("2026-11-22 10:00:00.5").to_string(), "2026-11-22 10:00:00.500000");
        assert!(moment("2026-11-22 10:00:00") < moment("2026-11-22 10:00:00.1"));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10:00:00",
            "2026-11-22 10:00",
            "2026-11-22 10:00:00.",
            "2026-02-30 10:00:00",
            "2026-11-22 10:00:00.1234567",
            "2026-11-22 10:00:00Z",
            "0000-00-00 00:00:00",
            "2026-11-22 24:00:00",
            "2026-11-22 10:00:60",
            "2026-00-10 10:00:00",
            "2026-11-22 10:00:00'--",
            "２026-11-22 10:00:0",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }

    #[test]
    fn fractions_are_cut_to_what_a_column_keeps() {
        let fine = moment("2026-11-22 10:00:00.987654");
        for (digits, text) in [
            (0, "2026-11-22 10:00:00"),
            (1, "2026-11-22 10:00:00.900000"),
            (3, "2026-11-22 10:00:00.987000"),
            (6, "2026-11-22 10:00:00.987654"),
            (9, "2026-11-22 10:00:00.987654"),
        ] {
            assert_eq!(fine.floor(digits), moment(text), "{digits}");
        }
    }

    #[test]
    fn what_is_before_the_first_moment_is_the_first() {
        assert_eq!(
            moment("2026-03-01 00:04:59").before(Duration::from_secs(300)).to_string(),
            "2026-02-28 23:59:59"
        );
        let tick = Duration::from_micros(1);
        assert_eq!(moment("2026-02-28 23:59:59.999999").after(tick).to_string(), "2026-03-01 00:00:00");
        assert!(moment("0001-01-01 00:00:00").before(Duration::MAX) < moment("0001-01-01 00:00:00"));
    }
}
