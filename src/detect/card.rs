//! Numbers of payment cards.

use super::number::Groups;
use super::{at as byte_at, before};
use std::ops::Range;

/// Numbers that payment providers give out for tests.
const TEST_NUMBERS: [u64; 16] = [
    4_111_111_111_111_111,
    4_242_424_242_424_242,
    4_012_888_888_881_881,
    4_000_056_655_665_556,
    4_000_000_000_000_002,
    5_555_555_555_554_444,
    5_105_105_105_105_100,
    5_200_828_282_828_210,
    2_223_003_122_003_222,
    378_282_246_310_005,
    371_449_635_398_431,
    6_011_111_111_111_117,
    6_011_000_990_139_424,
    30_569_309_025_904,
    3_530_111_333_300_000,
    3_566_002_020_360_505,
];

/// The card number that begins with the run of `len` digits at `start`: in one piece, or in groups as on the card.
pub(super) fn at(text: &[u8], start: usize, len: usize) -> Option<Range<usize>> {
    if !(len == 4 || (13..=19).contains(&len)) {
        return None;
    }
    let between: &[u8] = if len == 4 { b" -" } else { b"" };
    if len == 4 && !byte_at(text, start + len).is_some_and(|byte| between.contains(&byte)) {
        return None;
    }
    let number = Groups::read(text, start, between)?;
    let in_pieces = number.groups > 1;
    if in_pieces && (number.separator().is_none() || !is_printed(number.lens())) {
        return None;
    }
    let is_cut =
        is_joined(before(text, start)) || is_joined(byte_at(text, number.end)) || decimals(text, number.end);
    let is_card = !is_cut
        && is_issued(number.digits(), in_pieces)
        && luhn(number.digits())
        && !is_test(number.digits());
    is_card.then_some(start..number.end)
}

fn is_printed(lens: &[u8]) -> bool {
    matches!(lens, [4, 4, 4, 4] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 4, 3])
}

/// A longer number, a name or a word.
fn is_joined(byte: Option<u8>) -> bool {
    super::is_wordy(byte) || byte.is_some_and(|byte| b"-+$#".contains(&byte))
}

/// A fraction: `4929412345678.25`.
fn decimals(text: &[u8], end: usize) -> bool {
    byte_at(text, end).is_some_and(|byte| byte == b'.' || byte == b',')
        && byte_at(text, end + 1).is_some_and(|byte| byte.is_ascii_digit())
}

/// Whether an issuer gives out numbers of that beginning and length. Lengths that only few cards have count only where
/// the number is written in groups: in one piece they are rather ids.
fn is_issued(digits: &[u8], in_pieces: bool) -> bool {
    let first = digits.iter().take(4).fold(0_u16, |number, digit| number * 10 + u16::from(*digit));
    let lens: &[usize] = match first {
        3400..=3499 | 3700..=3799 => &[15],
        3000..=3059 | 3600..=3699 | 3800..=3999 => &[14],
        3528..=3589 | 2221..=2720 | 5100..=5599 => &[16],
        4000..=4999 | 6011 | 6440..=6599 | 6200..=6299 if in_pieces => &[16, 19],
        4000..=4999 | 6011 | 6440..=6599 | 6200..=6299 => &[16],
        5018 | 5020 | 5038 | 5612 | 5893 | 6304 | 6759 | 6761..=6763 if in_pieces => &[16, 19],
        _ => &[],
    };
    lens.contains(&digits.len())
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}

fn is_test(digits: &[u8]) -> bool {
    if digits.len() > 16 {
        return false;
    }
    let number = digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(*digit));
    // The account part is all zeros or all one digit.
    TEST_NUMBERS.contains(&number) || digits[1..digits.len() - 1].iter().all(|digit| *digit == digits[1])
}
