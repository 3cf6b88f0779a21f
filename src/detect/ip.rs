//! Public IP addresses.

use super::{at as byte_at, before};
use core::net::{Ipv4Addr, Ipv6Addr};
use memchr::memchr_iter;
use std::ops::Range;

/// The address whose first digit is at `start`.
pub(super) fn v4_at(text: &[u8], start: usize) -> Option<Range<usize>> {
    let (mut octets, mut place) = ([0_u8; 4], start);
    for (at, octet) in octets.iter_mut().enumerate() {
        if at > 0 {
            if byte_at(text, place) != Some(b'.') {
                return None;
            }
            place += 1;
        }
        let len = super::span_of(&text[place..], 4, |byte| byte.is_ascii_digit());
        if !(1..=3).contains(&len) || (len > 1 && text[place] == b'0') {
            return None;
        }
        let number =
            text[place..place + len].iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
        *octet = u8::try_from(number).ok()?;
        place += len;
    }
    let is_address = !is_version(text, start) && !goes_on(text, place) && is_public_v4(octets.into());
    is_address.then_some(start..place)
}

/// `Chrome/120.0.0.1`, `v1.2.3.4`, `lib-1.2.3.4`.
fn is_version(text: &[u8], start: usize) -> bool {
    match before(text, start) {
        Some(b'/') => before(text, start - 1) != Some(b'/'),
        Some(byte) => byte.is_ascii_alphanumeric() || b"-_.".contains(&byte),
        None => false,
    }
}

fn goes_on(text: &[u8], end: usize) -> bool {
    let next = byte_at(text, end);
    super::is_wordy(next)
        || next == Some(b'-')
        || (next == Some(b'.') && byte_at(text, end + 1).is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

/// Not one of a private, reserved or documentation network (RFC 6890), not the address of a network, and not four
/// small numbers, which are rather a version.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let is_reserved = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_reserved && d != 0 && [a, b, c, d].iter().any(|octet| *octet >= 32)
}

/// The first public IPv6 address.
pub(super) fn find_v6(text: &[u8]) -> Option<Range<usize>> {
    // The longest has 39 bytes.
    const LEN_MAX: usize = 39;
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    // A public one begins with a full group.
    memchr_iter(b':', text).filter(|colon| *colon >= 4).find_map(|colon| {
        let start = colon - 4;
        let begins =
            matches!(text[start], b'2' | b'3') && text[start..colon].iter().all(u8::is_ascii_hexdigit);
        let previous = before(text, start);
        if !begins || super::is_wordy(previous) || previous == Some(b':') {
            return None;
        }
        let len = super::span_of(&text[start..], LEN_MAX + 1, is_part);
        let span = start..start + len;
        let address: Ipv6Addr = std::str::from_utf8(&text[span.clone()]).ok()?.parse().ok()?;
        let groups = text[span.clone()].split(|byte| *byte == b':').filter(|group| !group.is_empty()).count();
        (groups >= 3 && !super::is_wordy(byte_at(text, span.end)) && is_public_v6(address)).then_some(span)
    })
}

/// Global unicast, but for the documentation networks.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000 && (first, second) != (0x2001, 0x0db8) && !(first == 0x3fff && second < 0x1000)
}
