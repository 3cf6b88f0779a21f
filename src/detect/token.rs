//! Secrets that say by their shape what they are.

use memchr::memmem;
use std::ops::Range;
use std::sync::LazyLock;

/// The shortest of them.
const LEN_MIN: usize = 20;
/// How far a secret is followed.
const LEN_MAX: usize = 4096;

/// How keys of services begin, and how many more bytes there are at least.
const PREFIXES: [(&[u8], usize); 31] = [
    (b"sk_live_", 20),
    (b"rk_live_", 20),
    (b"whsec_", 24),
    (b"AKIA", 16),
    (b"ASIA", 16),
    (b"ghp_", 36),
    (b"gho_", 36),
    (b"ghu_", 36),
    (b"ghs_", 36),
    (b"ghr_", 36),
    (b"github_pat_", 40),
    (b"glpat-", 20),
    (b"xoxa-", 20),
    (b"xoxb-", 20),
    (b"xoxp-", 20),
    (b"xoxr-", 20),
    (b"xoxs-", 20),
    (b"xapp-", 20),
    (b"AIza", 35),
    (b"ya29.", 40),
    (b"SG.", 60),
    (b"npm_", 36),
    (b"pypi-", 60),
    (b"shpat_", 32),
    (b"shpss_", 32),
    (b"dop_v1_", 64),
    (b"hf_", 34),
    (b"sk-ant-", 32),
    (b"sk-proj-", 32),
    (b"sk-", 40),
    (b"key-", 32),
];

/// The first secret.
pub(super) fn find(text: &[u8]) -> Option<Range<usize>> {
    let mut from = 0;
    // A word of that length covers every place that is a multiple of it.
    while let Some(probe) = text.get(from + LEN_MIN - 1) {
        if !is_part(*probe) {
            from += LEN_MIN;
            continue;
        }
        let back = text[from..from + LEN_MIN - 1].iter().rev().take_while(|byte| is_part(**byte)).count();
        let start = from + LEN_MIN - 1 - back;
        let len = super::span_of(&text[start..], LEN_MAX, is_part);
        if let Some(found) = in_word(&text[start..start + len]) {
            return Some(start + found.start..start + found.end);
        }
        from = start + len;
    }
    private_key(text)
}

/// What words of this kind are made of.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn in_word(word: &[u8]) -> Option<Range<usize>> {
    if word.len() < LEN_MIN {
        return None;
    }
    let is_known = |(begin, more): &(&[u8], usize)| {
        word.strip_prefix(*begin).is_some_and(|rest| rest.len() >= *more && is_mixed(rest))
    };
    (PREFIXES.iter().any(is_known) || is_jwt(word)).then_some(0..word.len())
}

/// Not a name: letters and digits take turns. A placeholder of one byte is none either.
fn is_mixed(text: &[u8]) -> bool {
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits >= 2 && digits < text.len() && text.iter().any(|byte| byte != &text[0])
}

/// Three parts in base64, the first two of which are JSON objects.
fn is_jwt(word: &[u8]) -> bool {
    let mut parts = word.split(|byte| *byte == b'.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    header.starts_with(b"eyJ") && claims.starts_with(b"eyJ") && header.len() >= 16
}

/// A private key in PEM.
fn private_key(text: &[u8]) -> Option<Range<usize>> {
    static FINDER: LazyLock<memmem::Finder<'static>> =
        LazyLock::new(|| memmem::Finder::new(" PRIVATE KEY-----"));
    let begun = FINDER.find(text)? + FINDER.needle().len();
    // `-----BEGIN RSA PRIVATE KEY-----`: the longest has one word more.
    let from = begun.saturating_sub(64);
    let start = from + memmem::rfind(&text[from..begun], b"-----BEGIN ")?;
    let end = FINDER.find(&text[begun..]).map_or(text.len(), |end| begun + end + FINDER.needle().len());
    Some(start..end)
}
