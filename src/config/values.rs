//! Values with a meaning of their own: table patterns, address ranges, sizes, the route prefix.

use crate::error::{Error, Result};
use crate::glob::Glob;
use std::net::IpAddr;

/// Patterns of table names: `*` is any run of characters, `?` one character, `[ab]` one of these,
/// `{a,b}` either. Names are compared with their case.
#[derive(Debug, Clone)]
pub struct Patterns {
    texts: Vec<String>,
    globs: Vec<Glob>,
}

impl Patterns {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// `Kind::Config`; the message tells which pattern by its place in the list, from 1.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self> {
        let glob = |(at, pattern): (usize, &S)| Glob::new(pattern.as_ref()).ok_or_else(|| unusable(at + 1));
        let globs = patterns.iter().enumerate().map(glob).collect::<Result<_>>()?;
        let texts = patterns.iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        Ok(Self { texts, globs })
    }

    /// Whether one of the patterns matches the whole name.
    #[must_use]
    pub fn is_match(&self, table: &str) -> bool {
        self.globs.iter().any(|glob| glob.is_match(table))
    }

    /// Whether one of the patterns matches the whole name on a server that compares table names without case.
    #[must_use]
    pub fn is_match_folded(&self, table: &str) -> bool {
        self.globs.iter().any(|glob| glob.is_match_folded(table))
    }

    /// The patterns as written.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether there is no pattern, so that nothing matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

fn unusable(entry: usize) -> Error {
    Error::config(format!("entry {entry} is not a pattern that can be used"))
        .hint("`*` is any run of characters, `?` is one; brackets and braces have to be closed")
}

/// A range of addresses, `10.0.0.0/8` or a single `10.1.2.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    network: IpAddr,
    prefix: u8,
}

impl IpRange {
    /// Reads `ADDRESS` or `ADDRESS/BITS`. `None` if it is neither, or if the address has bits set beyond the
    /// prefix (`10.0.0.5/8`: one of the two numbers is a mistake, and the range would be wider than meant).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().ok()?;
        let width = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match bits {
            None => width,
            Some(bits) if !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit()) => {
                bits.parse().ok()?
            }
            Some(_) => return None,
        };
        let range = Self { network, prefix };
        (prefix <= width && range.masked(network) == value_of(network)).then_some(range)
    }

    /// Whether `address` is in the range. An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`, as a socket for
    /// both families reports it) counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.network.is_ipv4() && self.masked(address) == value_of(self.network)
    }

    fn masked(&self, address: IpAddr) -> u128 {
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let host_bits = width.saturating_sub(u32::from(self.prefix));
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        value_of(address) & mask
    }
}

fn value_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Bytes of `1048576`, `512 KiB`, `1GiB`, `2GB` (decimal); `None` if it is none of these or too large.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "tib" | "t" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// The route prefix without slashes around it; `None` if it is empty or has anything in it that would have to
/// be escaped in a path, or would climb out of it.
pub(super) fn route_prefix(text: &str) -> Option<String> {
    let trimmed = text.trim_matches('/');
    let safe = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let good = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(safe);
    trimmed.split('/').all(good).then(|| trimmed.to_owned())
}

/// An offset from UTC as both servers write it, `+05:30`; none if `text` is no such offset. `UTC` is `+00:00`.
pub(super) fn offset(text: &str) -> Option<String> {
    if text == "UTC" {
        return Some("+00:00".to_owned());
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str| {
        let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if two { digits.parse::<u32>().ok() } else { None }
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let most = match sign {
        "+" => 14 * 60,
        "-" => 12 * 60 + 59,
        _ => return None,
    };
    (minutes < 60 && hours * 60 + minutes <= most).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_whole_names() {
        let patterns = Patterns::new(&["telescope_*", "failed_jobs", "log_{a,b}"]).unwrap();
        for (name, expected) in [
            ("telescope_entries", true),
            ("telescope_", true),
            ("telescope", false),
            ("my_telescope_x", false),
            ("failed_jobs", true),
            ("failed_jobs_2", false),
            ("log_b", true),
            ("a/b", false),
        ] {
            assert_eq!(patterns.is_match(name), expected, "{name}");
        }
        let folding = Patterns::new(&["Audit*"]).unwrap();
        assert!(!folding.is_match("audit_log") && folding.is_match_folded("audit_log"));
        assert!(!folding.is_match_folded("my_audit_log"));
        assert!(Patterns::new(&["*"]).unwrap().is_match("a/b.c"), "a slash is nothing special in a name");
        assert!(!Patterns::new::<&str>(&[]).unwrap().is_match(""));
    }

    #[test]
    fn a_bad_pattern_is_named_by_its_place() {
        let error = Patterns::new(&["fine", "s3cret["]).err().unwrap();
        assert_eq!(error.to_string(), "entry 2 is not a pattern that can be used");
        assert!(!format!("{error:?}").contains("s3cret"));
    }

    #[test]
    fn address_ranges_hold_what_they_say() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", Some(true)),
            ("10.0.0.0/8", "11.0.0.1", Some(false)),
            ("10.0.0.0/8", "::ffff:10.1.1.1", Some(true)),
            ("0.0.0.0/0", "203.0.113.9", Some(true)),
            ("0.0.0.0/0", "::1", Some(false)),
            ("::/0", "2001:db8::1", Some(true)),
            ("::/0", "10.0.0.1", Some(false)),
            ("192.0.2.7", "192.0.2.7", Some(true)),
            ("192.0.2.7", "192.0.2.8", Some(false)),
            ("192.0.2.7/32", "192.0.2.7", Some(true)),
            ("2001:db8::/32", "2001:db8:1::1", Some(true)),
            ("2001:db8::/32", "2001:db9::1", Some(false)),
            ("10.0.0.5/8", "10.0.0.5", None),
            ("10.0.0.0/33", "10.0.0.0", None),
            ("10.0.0.0/+8", "10.0.0.0", None),
            ("10.0.0.0/", "10.0.0.0", None),
            ("10.0.0", "10.0.0.0", None),
            ("example.com", "10.0.0.0", None),
            ("", "10.0.0.0", None),
        ];
        for (range, address, expected) in table {
            let found = IpRange::parse(range).map(|range| range.contains(address.parse().unwrap()));
            assert_eq!(found, expected, "{address} in {range}");
        }
    }

    #[test]
    fn sizes_have_units() {
        let table = [
            ("1GiB", Some(1 << 30)),
            ("512 MiB", Some(512 << 20)),
            ("64m", Some(64 << 20)),
            ("2GB", Some(2_000_000_000)),
            ("1048576", Some(1_048_576)),
            ("7b", Some(7)),
            ("1.5GiB", None),
            ("GiB", None),
            ("-1", None),
            ("", None),
            ("1 parsec", None),
            ("99999999999TiB", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }

    #[test]
    fn the_route_prefix_has_no_slashes_around_it_and_nothing_odd_inside() {
        let table = [
            ("api/backfill", Some("api/backfill")),
            ("/api/backfill/", Some("api/backfill")),
            ("x", Some("x")),
            ("", None),
            ("/", None),
            ("a//b", None),
            ("a/../b", None),
            ("a b", None),
            ("a?b", None),
            ("a%2fb", None),
        ];
        for (text, expected) in table {
            assert_eq!(route_prefix(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn offsets_are_signed_hours_and_minutes() {
        for good in ["+00:00", "-00:00", "+05:30", "+14:00", "-12:59", "-05:00"] {
            assert_eq!(offset(good).as_deref(), Some(good));
        }
        assert_eq!(offset("UTC").as_deref(), Some("+00:00"));
        for bad in [
            "",
            "+",
            "0:00",
            "00:00",
            "+0:00",
            "+1:00",
            "+14:01",
            "-13:00",
            "+01:60",
            "+01:0",
            "+01:000",
            "Europe/Paris",
            "é1:00",
            "+1a:00",
            "++1:00",
        ] {
            assert_eq!(offset(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_range_contains_exactly_the_addresses_that_share_its_prefix(
            network: u32, address: u32, prefix in 0u8..=32
        ) {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            let text = format!("{}/{prefix}", std::net::Ipv4Addr::from(network & mask));
            let range = IpRange::parse(&text).unwrap();
            let inside = address & mask == network & mask;
            prop_assert_eq!(range.contains(std::net::Ipv4Addr::from(address).into()), inside);
        }
    }
}
