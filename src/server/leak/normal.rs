//! When two values are the same: without regard to case and white space. And which values tell anything at all.

/// Bytes of the longest value that is looked for.
pub(super) const BYTES_MAX: usize = 1024;
/// Characters of the shortest one.
const CHARS_MIN: usize = 6;
/// Digits of the shortest one that has no letters.
const DIGITS_MIN: usize = 8;

/// What can be said of a value that is worth looking for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// Words of letters only: a name, or a phrase.
    Words,
    /// It has digits or signs in it.
    Marked,
}

/// Writes the value as it is compared into `out`; none for one that could be in another column by chance: too short, a
/// single word (first names are also names of products), few digits, a date.
pub(super) fn normalised(value: &[u8], out: &mut Vec<u8>) -> Option<Telling> {
    out.clear();
    let value = value.trim_ascii();
    if !(CHARS_MIN..=BYTES_MAX).contains(&value.len()) {
        return None;
    }
    if value.is_ascii() {
        append_ascii(value, out);
    } else {
        append(std::str::from_utf8(value).ok()?, out);
    }
    telling(out)
}

fn append_ascii(value: &[u8], out: &mut Vec<u8>) {
    let mut was_space = false;
    for byte in value {
        let is_space = byte.is_ascii_whitespace();
        if !is_space {
            out.push(byte.to_ascii_lowercase());
        } else if !was_space {
            out.push(b' ');
        }
        was_space = is_space;
    }
}

fn append(value: &str, out: &mut Vec<u8>) {
    let mut was_space = false;
    let mut bytes = [0; 4];
    for character in value.trim().chars() {
        let is_space = character.is_whitespace();
        if !is_space {
            for lower in character.to_lowercase() {
                out.extend_from_slice(lower.encode_utf8(&mut bytes).as_bytes());
            }
        } else if !was_space {
            out.push(b' ');
        }
        was_space = is_space;
    }
}

fn telling(value: &[u8]) -> Option<Telling> {
    let (mut digits, mut letters, mut spaces, mut marks, mut chars) = (0, 0, 0, 0, 0);
    for byte in value {
        // The bytes that follow the first one of a character.
        if byte & 0xc0 == 0x80 {
            continue;
        }
        chars += 1;
        match byte {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'z' | 0x80.. => letters += 1,
            b' ' => spaces += 1,
            b'@' | b'_' | b'.' => marks += 1,
            _ => {}
        }
    }
    if letters == 0 {
        return (digits >= DIGITS_MIN && !is_date(value)).then_some(Telling::Marked);
    }
    match (digits + marks, spaces) {
        _ if chars < CHARS_MIN => None,
        (0, 0) => None,
        (0, _) => Some(Telling::Words),
        _ => Some(Telling::Marked),
    }
}

/// `1990-05-17`, `17.05.1990 12:30`: a date in a text tells nobody.
fn is_date(value: &[u8]) -> bool {
    let begins = value.splitn(3, |byte| matches!(byte, b'-' | b'.' | b'/')).map(<[u8]>::len);
    let parts: Vec<usize> = begins.collect();
    let [first, second, rest] = parts[..] else { return false };
    second == 2 && ((first == 4 && rest >= 2) || (first == 2 && rest >= 4)) && value.len() <= 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(value: &str) -> Option<(Telling, String)> {
        let mut out = b"from before".to_vec();
        let telling = normalised(value.as_bytes(), &mut out)?;
        Some((telling, String::from_utf8(out).unwrap()))
    }

    #[test]
    fn case_and_white_space_make_no_difference() {
        for value in ["Anna Berg", "  anna  BERG\r\n", "ANNA\tBERG", "anna\u{a0}berg "] {
            assert_eq!(of(value), Some((Telling::Words, "anna berg".into())), "{value:?}");
        }
        assert_eq!(of("JÖRG MÜLLER"), of("jörg\u{2003}müller"));
    }

    #[test]
    fn what_could_be_anywhere_by_chance_is_not_looked_for() {
        for value in [
            "",
            "open",
            "Jordan",
            "Constantinople",
            "Müller-Lüdenscheidt",
            "1",
            "1234567",
            "12 345",
            "a b",
            "x@y.z",
            "1990-05-17",
            "17.05.1990",
            "1990-05-17 12:30:00",
            "05/17/1990",
            "------------",
            "+49 30 12",
        ] {
            assert_eq!(of(value), None, "{value}");
        }
        for value in ["anna berg", "李小龙 先生甲"] {
            assert_eq!(of(value).unwrap().0, Telling::Words, "{value}");
        }
        for value in ["a@b.de", "berg_anna", "12 Elm St", "0171 1234567", "7f3a9c", "anna.berg", "12345678"] {
            assert_eq!(of(value).unwrap().0, Telling::Marked, "{value}");
        }
        assert_eq!(of(&"a1".repeat(513)), None, "too long");
    }

    proptest! {
        #[test]
        fn what_is_normalised_stays_as_it_is(value in any::<String>()) {
            if let Some((telling, text)) = of(&value) {
                // Letters whose lower case has another one are rare and do no harm.
                prop_assume!(text.is_ascii());
                prop_assert_eq!(of(&text), Some((telling, text)));
            }
        }
    }
}
