//! One cell: whether it is text, and what is found in it.

use super::originals::Originals;
use crate::detect;
use crate::schema::Column;
use memchr::{memchr, memchr2};

/// What was found in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Find {
    /// A value that a rule replaces elsewhere.
    Original,
    /// What looks like personal data or a secret.
    Looks(detect::Kind),
}

/// How the text of a column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As it is: UTF-8, or of a character set whose letters beyond ASCII are not compared.
    Plain,
    /// Each byte a character.
    Latin1,
    /// ASCII with zero bytes in between, and what else there is in `ucs2` and the like.
    Wide,
    /// Text only if it is valid UTF-8.
    Bytes,
}

impl Reading {
    /// None for what holds no text: numbers, dates, lists of words in the definition.
    pub(super) fn of(column: &Column) -> Option<Self> {
        if column.is_binary() {
            return Some(Self::Bytes);
        }
        if !column.is_text() && !matches!(column.data_type.as_str(), "json" | "inet4" | "inet6") {
            return None;
        }
        Some(match column.charset.as_deref() {
            Some("latin1") => Self::Latin1,
            Some("ucs2" | "utf16" | "utf16le" | "utf32") => Self::Wide,
            Some("binary") => Self::Bytes,
            _ => Self::Plain,
        })
    }

    fn text<'a>(self, cell: &'a [u8], out: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        match self {
            Self::Latin1 if !cell.is_ascii() => {
                out.clear();
                let mut bytes = [0; 4];
                for byte in cell {
                    out.extend_from_slice(char::from(*byte).encode_utf8(&mut bytes).as_bytes());
                }
                Some(out)
            }
            Self::Plain | Self::Latin1 => Some(cell),
            Self::Wide => {
                out.clear();
                out.extend(cell.iter().filter(|byte| **byte != 0));
                Some(out)
            }
            Self::Bytes => std::str::from_utf8(cell).is_ok().then_some(cell),
        }
    }
}

/// Room to work in.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    text: Vec<u8>,
    value: Vec<u8>,
}

/// What is found in a cell; one find of each cell counts.
pub(super) fn look(
    cell: &[u8],
    reading: Reading,
    originals: &Originals,
    scratch: &mut Scratch,
) -> Option<Find> {
    let Scratch { text, value } = scratch;
    let text = reading.text(cell, text)?;
    if has_original(text, originals, value) {
        return Some(Find::Original);
    }
    detect::contained(text).map(Find::Looks)
}

/// The whole cell, an address inside it, or a string of a JSON document.
fn has_original(text: &[u8], originals: &Originals, scratch: &mut Vec<u8>) -> bool {
    if originals.holds(text, scratch) || detect::emails(text).any(|at| originals.holds(&text[at], scratch)) {
        return true;
    }
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
        && strings(text).any(|string| match memchr(b'\\', string) {
            None => originals.holds(string, scratch),
            Some(_) => unescaped(string).is_some_and(|string| originals.holds(string.as_bytes(), scratch)),
        })
}

/// What stands between the quotes of a JSON document.
fn strings(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let begin = memchr(b'"', rest)? + 1;
        let mut end = begin;
        loop {
            end += memchr2(b'"', b'\\', rest.get(end..)?)?;
            if rest[end] == b'"' {
                break;
            }
            end += 2;
        }
        let string = &rest[begin..end];
        rest = &rest[end + 1..];
        Some(string)
    })
}

/// Nothing for a string that is longer than what is looked for.
fn unescaped(string: &[u8]) -> Option<String> {
    // `\u00fc` is six bytes for two.
    if string.len() > super::normal::BYTES_MAX * 6 {
        return None;
    }
    let quoted = [b"\"", string, b"\""].concat();
    serde_json::from_slice(&quoted).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Kind;

    fn found(cell: &[u8], reading: Reading) -> Option<Find> {
        let mut originals = Originals::new();
        for value in ["Jörg Müller", "anna@web.de", "12 Elm St"] {
            originals.add(value.as_bytes(), &mut Vec::new());
        }
        look(cell, reading, &originals, &mut Scratch::default())
    }

    #[test]
    fn values_are_found_in_every_form_that_a_cell_may_have() {
        for (cell, reading) in [
            (&b"J\xc3\xb6rg  m\xc3\xbcller"[..], Reading::Plain),
            (b"J\xf6rg M\xfcller", Reading::Latin1),
            (b"\x001\x002\x00 \x00E\x00l\x00m\x00 \x00S\x00t", Reading::Wide),
            (b"12 elm st", Reading::Bytes),
            (b"write to ANNA@web.de, please", Reading::Plain),
            (br#"{"a": ["x", "12 ELM st"]}"#, Reading::Plain),
            (br#" [1, "\"", "J\u00f6rg\tM\u00fcller"]"#, Reading::Plain),
        ] {
            assert_eq!(found(cell, reading), Some(Find::Original), "{}", String::from_utf8_lossy(cell));
        }
    }

    #[test]
    fn other_cells_pass_and_shapes_are_named() {
        assert_eq!(found(b"mail bob@web.de", Reading::Plain), Some(Find::Looks(Kind::Email)));
        assert_eq!(found(br#"{"ip": "85.214.132.117"}"#, Reading::Plain), Some(Find::Looks(Kind::Ip)));
        for (cell, reading) in [
            (&b"Elm St"[..], Reading::Plain),
            (b"12 Elm St 4", Reading::Plain),
            (b"bob@web.de \xff", Reading::Bytes),
            (br#"{"a": "\u00zz", "b": "open"#, Reading::Plain),
            (br#"["\"#, Reading::Plain),
            (b"", Reading::Wide),
        ] {
            assert_eq!(found(cell, reading), None, "{}", String::from_utf8_lossy(cell));
        }
    }

    #[test]
    fn columns_are_read_by_their_type() {
        let of = |data_type: &str, charset: Option<&str>| {
            Reading::of(&Column { charset: charset.map(str::to_owned), ..Column::new("c", data_type) })
        };
        assert_eq!(of("varchar", Some("utf8mb4")), Some(Reading::Plain));
        assert_eq!(of("text", Some("latin1")), Some(Reading::Latin1));
        assert_eq!(of("char", Some("utf16")), Some(Reading::Wide));
        assert_eq!((of("blob", None), of("json", None)), (Some(Reading::Bytes), Some(Reading::Plain)));
        for other in ["int", "decimal", "datetime", "enum", "set", "bit", "point", "uuid"] {
            assert_eq!(of(other, None), None, "{other}");
        }
    }
}
