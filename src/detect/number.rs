//! One walk over the digits of a text for everything that is made of them.

use super::{Kind, before, card, iban, ip, phone};
use std::ops::Range;

/// The first phone number, card, IBAN or IPv4 address.
pub(super) fn find(text: &[u8]) -> Option<(Kind, Range<usize>)> {
    let mut from = 0;
    while let Some(next) = text[from..].iter().position(u8::is_ascii_digit) {
        let start = from + next;
        let len = run(&text[start..]);
        if let Some(found) = at_run(text, start, len) {
            return Some(found);
        }
        from = start + len;
    }
    None
}

/// What begins with, or just before, the run of digits at `start`.
fn at_run(text: &[u8], start: usize, len: usize) -> Option<(Kind, Range<usize>)> {
    let previous = before(text, start);
    if len >= 2 && previous.is_some_and(|byte| byte.is_ascii_uppercase()) {
        return iban::at(text, start).map(|span| (Kind::Iban, span));
    }
    if previous.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80) {
        return None;
    }
    if len <= 3
        && super::at(text, start + len) == Some(b'.')
        && let Some(span) = ip::v4_at(text, start)
    {
        return Some((Kind::Ip, span));
    }
    card::at(text, start, len)
        .map(|span| (Kind::Card, span))
        .or_else(|| phone::at(text, start, len).map(|span| (Kind::Phone, span)))
}

/// How many digits a text begins with.
pub(super) fn run(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Digits in groups, without what stands between them.
pub(super) struct Groups {
    pub(super) digits: [u8; Groups::DIGITS_MAX],
    pub(super) count: usize,
    /// How long each group is.
    pub(super) lens: [u8; Groups::MAX],
    pub(super) groups: usize,
    /// What stands before each group but the first.
    pub(super) separators: [u8; Groups::MAX],
    /// Where the last group ends.
    pub(super) end: usize,
}

impl Groups {
    const DIGITS_MAX: usize = 20;
    const MAX: usize = 8;

    /// The groups that begin at `start`, one byte of `between` from each other; none when they go on for too long.
    pub(super) fn read(text: &[u8], start: usize, between: &[u8]) -> Option<Self> {
        let mut groups = Self {
            digits: [0; Self::DIGITS_MAX],
            count: 0,
            lens: [0; Self::MAX],
            groups: 0,
            separators: [0; Self::MAX],
            end: start,
        };
        let mut place = start;
        loop {
            let len = super::span_of(&text[place..], Self::DIGITS_MAX + 1, |byte| byte.is_ascii_digit());
            if groups.count + len > Self::DIGITS_MAX || groups.groups == Self::MAX {
                return None;
            }
            for digit in &text[place..place + len] {
                groups.digits[groups.count] = digit - b'0';
                groups.count += 1;
            }
            groups.lens[groups.groups] = u8::try_from(len).ok()?;
            groups.groups += 1;
            groups.end = place + len;
            let separator = super::at(text, groups.end);
            let follows = super::at(text, groups.end + 1).is_some_and(|byte| byte.is_ascii_digit());
            match separator.filter(|byte| follows && between.contains(byte)) {
                Some(separator) if groups.groups < Self::MAX => {
                    groups.separators[groups.groups] = separator;
                    place = groups.end + 1;
                }
                Some(_) => return None,
                None => return Some(groups),
            }
        }
    }

    /// The lengths of the groups.
    pub(super) fn lens(&self) -> &[u8] {
        &self.lens[..self.groups]
    }

    /// All digits.
    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[..self.count]
    }

    /// What stands between all groups, where that is the same everywhere.
    pub(super) fn separator(&self) -> Option<u8> {
        let separators = self.separators.get(1..self.groups)?;
        let first = *separators.first()?;
        separators.iter().all(|one| *one == first).then_some(first)
    }
}
