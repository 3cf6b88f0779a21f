//! Phone numbers: international ones, and national ones in shapes that hardly anything else has.

use super::number::Groups;
use super::{before, is_wordy};
use std::ops::Range;

/// What may stand inside a number, one at a time.
const BETWEEN: &[u8] = b" -./";

/// The phone number that begins with, or just before, the digits at `start`.
pub(super) fn at(text: &[u8], start: usize, len: usize) -> Option<Range<usize>> {
    let span = match before(text, start) {
        Some(b'+') => international(text, start),
        Some(b'(') => in_parentheses(text, start),
        Some(byte) if b".-/:+*=#$,&".contains(&byte) => None,
        _ => national(text, start, len),
    }?;
    let stands_alone = !is_wordy(before(text, span.start)) && !goes_on(text, span.end);
    stands_alone.then_some(span)
}

/// Whether what ends there is part of something longer.
fn goes_on(text: &[u8], end: usize) -> bool {
    let next = super::at(text, end);
    let after = super::at(text, end + 1);
    is_wordy(next)
        || next.is_some_and(|byte| b"%:=+*&@".contains(&byte))
        || (next.is_some_and(|byte| b",.-/".contains(&byte))
            && after.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

/// `+49 30 1234567`, `+44 (0) 20 7946 0958`, `+15552345678`.
fn international(text: &[u8], start: usize) -> Option<Range<usize>> {
    let head = Groups::read(text, start, BETWEEN)?;
    if before(text, start - 1) == Some(b'+') || head.digits().first() == Some(&0) {
        return None;
    }
    // The area in parentheses splits the number.
    let rest = text[head.end..].trim_ascii_start();
    let opened = head.groups == 1 && head.count <= 3 && rest.first() == Some(&b'(');
    let (end, tail) = if opened {
        let tail = after_parenthesis(text, text.len() - rest.len() + 1)?;
        (tail.1, tail.0)
    } else {
        (head.end, 0)
    };
    let count = head.count + tail;
    let is_phone = (9..=15).contains(&count) && !is_made_up(text, start, end);
    is_phone.then_some(start - 1..end)
}

/// How many digits there are from the area code at `start` on, its closing parenthesis in between, and where they end.
fn after_parenthesis(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let area = super::number::run(&text[start..]);
    let close = start + area;
    if !(1..=5).contains(&area) || super::at(text, close) != Some(b')') {
        return None;
    }
    let skip = super::span_of(&text[close + 1..], 2, |byte| byte == b' ' || byte == b'-');
    let number = Groups::read(text, close + 1 + skip, BETWEEN)?;
    (number.count > 0).then_some((area + number.count, number.end))
}

/// `(212) 456-7890`, `(030) 1234567`, `(11) 91234-5678`.
fn in_parentheses(text: &[u8], start: usize) -> Option<Range<usize>> {
    let area = super::number::run(&text[start..]);
    let is_year = area == 4 && (text[start..].starts_with(b"19") || text[start..].starts_with(b"20"));
    let (count, end) = after_parenthesis(text, start)?;
    let number = Groups::read(text, end - last_run(text, end), b"")?;
    let is_phone = area >= 2 && !is_year && (9..=12).contains(&count) && number.count >= 2;
    (is_phone && !is_made_up(text, start, end)).then_some(start - 1..end)
}

fn last_run(text: &[u8], end: usize) -> usize {
    text[..end].iter().rev().take_while(|byte| byte.is_ascii_digit()).count()
}

/// `212-456-7890`, `06 12 34 56 78`, `030 1234567`, `0171/1234567`, `090-1234-5678`.
fn national(text: &[u8], start: usize, len: usize) -> Option<Range<usize>> {
    let begins = text[start] == b'0' && (2..=5).contains(&len) || len == 3;
    if !begins || !super::at(text, start + len).is_some_and(|byte| BETWEEN.contains(&byte)) {
        return None;
    }
    let number = Groups::read(text, start, BETWEEN)?;
    let [first, second, ..] = number.digits() else { return None };
    let separator = number.separator();
    let is_phone = match (number.lens(), separator) {
        // North America: neither area nor exchange begins with 0 or 1.
        ([3, 3, 4], Some(b'-' | b'.')) => *first >= 2 && number.digits()[3] >= 2,
        // France and others: five pairs.
        ([2, 2, 2, 2, 2], Some(b' ' | b'.' | b'-')) => *first == 0 && *second != 0,
        // Elsewhere: the area's zero, then few groups.
        ([3..=5, rest @ ..], _) => *first == 0 && *second != 0 && is_grouped(rest, &number),
        _ => false,
    };
    (is_phone && !is_made_up(text, start, number.end)).then_some(start..number.end)
}

fn is_grouped(rest: &[u8], number: &Groups) -> bool {
    let separators = &number.separators[1..number.groups];
    let plain = separators.iter().skip(1).all(|one| *one == b' ' || *one == b'-');
    // Points alone would make it an amount or a version.
    let first = separators.first().is_some_and(|one| *one != b'.');
    let lens = (1..=4).contains(&rest.len()) && rest.iter().all(|len| (2..=8).contains(len));
    lens && first && plain && (10..=12).contains(&number.count)
}

/// Numbers that nobody has: all of `+1555…`, the 555-01xx of every area of North America, one digit or a few pairs
/// over and over.
fn is_made_up(text: &[u8], start: usize, end: usize) -> bool {
    let mut digits = [0_u8; 24];
    let mut count = 0;
    for byte in text[start..end].iter().filter(|byte| byte.is_ascii_digit()).take(24) {
        digits[count] = *byte;
        count += 1;
    }
    let digits = &digits[..count];
    let national = digits.strip_prefix(b"1").unwrap_or(digits);
    let is_fictional =
        national.len() == 10 && (national.starts_with(b"555") || national[3..].starts_with(b"55501"));
    let is_mask = digits.starts_with(b"1555");
    let tail = &digits[digits.len().saturating_sub(6)..];
    is_fictional || is_mask || tail.iter().all(|digit| *digit == tail[0])
}
