//! Stored passwords.

use memchr::memchr_iter;
use std::ops::Range;

/// The hash of the word `password`, which masks and test data use.
const HASH_OF_PASSWORD: &[u8] = b"$2y$10$92IXUNpkjO0rOQ5byMi.Ye4oKoEa3Ro9llC/.og/at2.uheWG/igi";

const BCRYPT_LEN: usize = 60;
/// How far a hash is followed.
const LEN_MAX: usize = 512;

/// How a kind of hash begins, and how long it is at least, the beginning included.
const SHAPES: [(&[u8], usize); 22] = [
    (b"$2a$", 60),
    (b"$2b$", 60),
    (b"$2x$", 60),
    (b"$2y$", 60),
    (b"$argon2i$", 40),
    (b"$argon2d$", 40),
    (b"$argon2id$", 40),
    (b"$P$", 34),
    (b"$H$", 34),
    (b"$S$", 55),
    (b"$1$", 26),
    (b"$5$", 46),
    (b"$6$", 89),
    (b"$7$", 40),
    (b"$y$", 40),
    (b"$scrypt$", 40),
    (b"$s0$", 40),
    (b"$apr1$", 30),
    (b"$A$005$", 40),
    (b"$pbkdf2$", 40),
    (b"$pbkdf2-sha256$", 40),
    (b"$pbkdf2-sha512$", 40),
];

/// As [`SHAPES`], where the first `$` comes behind a name.
const NAMED: [(&[u8], usize); 8] = [
    (b"pbkdf2_sha256", 50),
    (b"pbkdf2_sha1", 40),
    (b"pbkdf2:sha256:", 50),
    (b"pbkdf2:sha512:", 50),
    (b"scrypt:", 60),
    (b"scrypt", 60),
    (b"argon2", 40),
    (b"bcrypt_sha256", 60),
];

/// The first stored password.
pub(super) fn find(text: &[u8]) -> Option<Range<usize>> {
    memchr_iter(b'$', text).find_map(|dollar| {
        let start = name_start(text, dollar);
        let word = word(&text[start..]);
        let shapes: &[(&[u8], usize)] = if start == dollar { &SHAPES } else { &NAMED };
        let known = shapes.iter().any(|(begin, least)| word.starts_with(begin) && word.len() >= *least);
        (known && word != HASH_OF_PASSWORD).then_some(start..start + word.len())
    })
}

/// The word at the beginning of a text. All of the bcrypt family are of one length, and may end in a full stop.
fn word(text: &[u8]) -> &[u8] {
    let most = if text.starts_with(b"$2") { BCRYPT_LEN } else { LEN_MAX };
    let len = super::span_of(text, most, is_part);
    let after = text[..len].iter().rev().take_while(|byte| matches!(byte, b',' | b':')).count();
    &text[..len - after]
}

/// Where the name before the first `$` begins.
fn name_start(text: &[u8], dollar: usize) -> usize {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_' || **byte == b':';
    dollar - text[..dollar].iter().rev().take(32).take_while(is_name).count()
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"$./+=,_:-".contains(&byte)
}
