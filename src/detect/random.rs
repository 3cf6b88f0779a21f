//! Long random texts: most secrets without a shape of their own, and checksums, which look the same.

/// The shortest that counts.
const LEN_MIN: usize = 32;
const LEN_MAX: usize = 512;

/// Whether a text is one random word.
pub(super) fn is_random(text: &[u8]) -> bool {
    if !(LEN_MIN..=LEN_MAX).contains(&text.len()) || is_uuid(text) {
        return false;
    }
    if text.iter().all(u8::is_ascii_hexdigit) {
        return !text.iter().all(u8::is_ascii_digit) && distinct(text) >= 8;
    }
    let body = text.trim_ascii_end();
    let padding = body.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let body = &body[..body.len() - padding];
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    body.iter().all(is_base64) && is_mixed(body)
}

/// Upper case, lower case and digits take turns everywhere, as they do in no name.
fn is_mixed(text: &[u8]) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 1,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 4,
    };
    let changes = text.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    let has = |wanted: u8| text.iter().filter(|byte| class(**byte) == wanted).count();
    [1, 2, 3].into_iter().all(|wanted| has(wanted) >= 3)
        && changes * 5 >= text.len() * 2
        && distinct(text) >= 16
}

fn distinct(text: &[u8]) -> u32 {
    text.iter().fold(0_u128, |seen, byte| seen | (1 << (byte & 127))).count_ones()
}

/// With hyphens, or without and of a version that there is.
fn is_uuid(text: &[u8]) -> bool {
    let is_hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    match text.len() {
        36 => text.split(|byte| *byte == b'-').map(<[u8]>::len).eq([8, 4, 4, 4, 12]) && is_hex(&text[..8]),
        32 => is_hex(text) && (b'1'..=b'8').contains(&text[12]) && b"89abAB".contains(&text[16]),
        _ => false,
    }
}
