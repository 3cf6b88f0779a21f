//! Numbers, sizes, durations and moments as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `~1,234,567`: a number that a server estimated.
#[must_use]
pub fn estimate(number: u64) -> String {
    format!("~{}", count(number))
}

/// `1 table`, `2 tables`: a number and the word it counts.
#[must_use]
pub fn plural(number: u64, word: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {word}{ending}", count(number))
}

/// `512 B`, `1.5 KiB`, `20 MiB`: one decimal below ten, none above.
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut tenths = u128::from(number) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", tenths / 10, UNITS[unit])
    }
}

/// `0.4s`, `12s`, `3m 05s`, `2h 07m`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{}.{}s", seconds, duration.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `2026-11-22 16:46 CET` for seconds since the epoch, as clocks here show it; the bare number where no calendar
/// holds it.
#[must_use]
pub fn moment(unix_seconds: i64) -> String {
    moment_in(unix_seconds, TimeZone::try_system().unwrap_or(TimeZone::UTC))
}

fn moment_in(unix_seconds: i64, zone: TimeZone) -> String {
    Timestamp::from_second(unix_seconds).map_or_else(
        |_| unix_seconds.to_string(),
        |timestamp| timestamp.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z").to_string(),
    )
}

/// `2026-11-22T15:46:11Z` for seconds since the epoch, for programs; the bare number where no calendar holds it.
#[must_use]
pub fn rfc3339(unix_seconds: i64) -> String {
    Timestamp::from_second(unix_seconds)
        .map_or_else(|_| unix_seconds.to_string(), |timestamp| timestamp.to_string())
}

/// The text with control characters (but line ends and tabs) written as escapes.
#[must_use]
pub fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if harmless(c) {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
    }
    out.into()
}

/// At most `chars_max` characters, with `…` where something was cut.
#[must_use]
pub fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_thousands_separators() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(estimate(1500), "~1,500");
        assert_eq!(plural(1, "table"), "1 table");
        assert_eq!(plural(2000, "row"), "2,000 rows");
    }

    #[test]
    fn sizes_are_binary() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10 * 1024, "10 KiB"),
            (1024 * 1024 - 1, "1023 KiB"),
            (1024 * 1024, "1.0 MiB"),
            (5 * 1024 * 1024 * 1024, "5.0 GiB"),
            (u64::MAX, "15 EiB"),
        ] {
            assert_eq!(bytes(number), text, "{number}");
        }
    }

    #[test]
    fn durations_have_two_parts_at_most() {
        for (millis, text) in [
            (0, "0.0s"),
            (499, "0.4s"),
            (9_999, "9.9s"),
            (10_000, "10s"),
            (59_999, "59s"),
            (60_000, "1m 00s"),
            (185_000, "3m 05s"),
            (3_600_000, "1h 00m"),
            (7_620_000, "2h 07m"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn moments_are_shown_where_clocks_are() {
        assert_eq!(moment_in(0, TimeZone::UTC), "1970-01-01 00:00 UTC");
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        assert_eq!(moment_in(1_795_362_371, zone.clone()), "2026-11-22 16:46 CET");
        assert_eq!(moment_in(1_782_000_000, zone), "2026-06-21 02:00 CEST");
        assert_eq!(rfc3339(1_795_362_371), "2026-11-22T15:46:11Z");
        assert_eq!(rfc3339(i64::MAX), i64::MAX.to_string());
        assert_eq!(moment(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn control_characters_cannot_reach_the_terminal() {
        assert_eq!(plain("a\tb\nc é"), "a\tb\nc é");
        assert_eq!(plain("a\u{1b}[2Jb\r"), "a\\u{1b}[2Jb\\r");
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }
}
