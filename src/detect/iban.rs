//! International bank account numbers.

use super::{at as byte_at, before};
use std::ops::Range;

const LEN_MAX: usize = 34;

/// Two letters of a country and how long its numbers are, in the registry's order.
const COUNTRIES: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20\
EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21\
LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27\
SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

/// The number whose two check digits are at `digits`: in one piece or in groups of four.
pub(super) fn at(text: &[u8], digits: usize) -> Option<Range<usize>> {
    let start = digits.checked_sub(2)?;
    let len = length(text.get(start..digits)?)?;
    if super::is_wordy(before(text, start)) {
        return None;
    }
    let (mut number, mut count, mut place) = ([0_u8; LEN_MAX], 0, start);
    while count < len {
        let byte = byte_at(text, place)?;
        if byte == b' ' && count % 4 == 0 && before(text, place) != Some(b' ') {
            place += 1;
            continue;
        }
        if !byte.is_ascii_digit() && !byte.is_ascii_uppercase() {
            return None;
        }
        number[count] = byte;
        count += 1;
        place += 1;
    }
    let is_iban = !super::is_wordy(byte_at(text, place)) && checks(&number[..len]);
    is_iban.then_some(start..place)
}

fn length(country: &[u8]) -> Option<usize> {
    let entry = COUNTRIES.chunks_exact(4).find(|entry| &entry[..2] == country)?;
    Some(usize::from(entry[2] - b'0') * 10 + usize::from(entry[3] - b'0'))
}

fn checks(number: &[u8]) -> bool {
    let (head, account) = number.split_at(4);
    let rest = account.iter().chain(head).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    // An account of zeros is a placeholder.
    rest == 1 && account.iter().any(|byte| *byte != b'0')
}
