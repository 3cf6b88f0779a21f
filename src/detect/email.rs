//! E-mail addresses.

use super::{at, before};
use memchr::memchr_iter;
use std::ops::Range;

const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 253;
/// Domains that are nobody's, and all below them (RFC 2606, RFC 6761).
const RESERVED: [&str; 7] =
    ["example.com", "example.org", "example.net", "example", "test", "invalid", "localhost"];
/// Names that belong to a service and not to a person.
const NOBODY: [&str; 5] = ["git", "noreply", "no-reply", "donotreply", "do-not-reply"];
/// `icon@2x.png` is a file.
const FILES: [&str; 10] = ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html"];

/// Where the e-mail addresses in a text are that can belong to somebody.
pub fn emails(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    memchr_iter(b'@', text).filter_map(|sign| around(text, sign))
}

fn around(text: &[u8], sign: usize) -> Option<Range<usize>> {
    let local_len = text[..sign].iter().rev().take(LOCAL_MAX).take_while(|byte| is_local(**byte)).count();
    let local = trim_dots(&text[sign - local_len..sign])?;
    let domain = domain(&text[sign + 1..])?;
    let is_nobody = NOBODY.iter().any(|name| local.eq_ignore_ascii_case(name.as_bytes()));
    let is_address = before(text, sign) != Some(b'.') && !is_nobody && !is_reserved(domain);
    is_address.then_some(sign - local.len()..sign + 1 + domain.len())
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+-'".contains(&byte) || byte >= 0x80
}

/// A name does not begin with punctuation: it belongs to the text around it.
fn trim_dots(local: &[u8]) -> Option<&[u8]> {
    let first = local.iter().position(|byte| !b".'-%".contains(byte))?;
    Some(&local[first..])
}

/// The domain at the beginning of a text.
fn domain(text: &[u8]) -> Option<&[u8]> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80;
    let (mut end, mut last) = (0, None);
    loop {
        let label = super::span_of(&text[end..], 64, is_part);
        if label == 0 || label > 63 || text[end] == b'-' {
            break;
        }
        last = Some(end);
        end += label;
        if at(text, end) != Some(b'.') || end > DOMAIN_MAX {
            break;
        }
        end += 1;
    }
    let last = last.filter(|last| *last > 0)?;
    let top = top_level(&text[last..end])?;
    Some(&text[..last + top])
}

/// How much of the last label is a top-level domain: what other letters follow is the next word of a script without
/// spaces.
fn top_level(label: &[u8]) -> Option<usize> {
    if label[0] >= 0x80 || label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--")) {
        return Some(label.len());
    }
    let letters = super::span_of(label, 64, |byte| byte.is_ascii_alphabetic());
    let ends = letters == label.len() || label[letters] >= 0x80 || label[letters] == b'-';
    let is_file = FILES.iter().any(|file| label[..letters].eq_ignore_ascii_case(file.as_bytes()));
    (letters >= 2 && ends && !is_file).then_some(letters)
}

fn is_reserved(domain: &[u8]) -> bool {
    RESERVED.iter().any(|reserved| {
        let Some(start) = domain.len().checked_sub(reserved.len()) else { return false };
        domain[start..].eq_ignore_ascii_case(reserved.as_bytes()) && (start == 0 || domain[start - 1] == b'.')
    })
}
