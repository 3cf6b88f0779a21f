//! A request as handlers see it: decoded, bounded, and with the client's real address.

use crate::secret::Secret;
use crate::server::gate::{PEER_HEADER, REQUEST_HEADER};
use crate::wire::PROTOCOL_HEADER;
use percent_encoding::percent_decode_str;
use std::io::Read;
use std::net::IpAddr;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` or `DELETE`.
    pub method: String,
    /// The path's segments, decoded one by one: a slash inside one was `%2F`. `/` is one empty segment. They are
    /// names, not file names: `..` may well be among them.
    pub path: Vec<String>,
    /// The query's pairs in their order, decoded (`+` is a space).
    pub query: Vec<(String, String)>,
    /// The `Authorization` header.
    pub authorization: Option<Secret>,
    /// The `Backfill-Protocol` header.
    pub protocol: Option<String>,
    /// The whole body; empty but for `POST`.
    pub body: Vec<u8>,
    /// The client's address as the gate saw it.
    pub peer: IpAddr,
    /// Ties the answer to log lines; 8 hex digits.
    pub request_id: String,
}

impl Request {
    /// The first value of a query parameter.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What the gate wrote into the head, before anything is decoded.
pub(super) struct Origin {
    pub(super) peer: IpAddr,
    pub(super) request_id: String,
}

/// Who asked; `None` when the request did not come through the gate.
pub(super) fn origin(tiny: &tiny_http::Request) -> Option<Origin> {
    let peer = header(tiny, PEER_HEADER)?.parse().ok()?;
    Some(Origin { peer, request_id: header(tiny, REQUEST_HEADER)?.to_owned() })
}

/// Reads body and head; the error is a message for the caller.
pub(super) fn read(tiny: &mut tiny_http::Request, origin: &Origin) -> Result<Request, &'static str> {
    let length = tiny.body_length().unwrap_or(0);
    let mut body = Vec::with_capacity(length);
    // The gate sends exactly the announced length, unless the client went away in between.
    let read = tiny.as_reader().take(length as u64).read_to_end(&mut body);
    if read.is_err() || body.len() != length {
        return Err("the request's body is incomplete");
    }
    let (path, query) = tiny.url().split_once('?').unwrap_or((tiny.url(), ""));
    Ok(Request {
        method: tiny.method().as_str().to_owned(),
        path: segments(path).ok_or("the path is not percent-encoded UTF-8")?,
        query: pairs(query).ok_or("the query is not percent-encoded UTF-8")?,
        authorization: header(tiny, "Authorization").map(Secret::new),
        protocol: header(tiny, PROTOCOL_HEADER).map(str::to_owned),
        body,
        peer: origin.peer,
        request_id: origin.request_id.clone(),
    })
}

fn header<'r>(tiny: &'r tiny_http::Request, name: &'static str) -> Option<&'r str> {
    tiny.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.as_str())
}

fn segments(path: &str) -> Option<Vec<String>> {
    path.strip_prefix('/')?.split('/').map(decode).collect()
}

fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        Some((decode(&key.replace('+', " "))?, decode(&value.replace('+', " "))?))
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

/// Strict: every `%` begins two hex digits, the result is UTF-8 without NUL.
fn decode(text: &str) -> Option<String> {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'%', rest) {
        let digits = rest.get(at + 1..at + 3)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        rest = &rest[at + 3..];
    }
    let decoded = percent_decode_str(text).decode_utf8().ok()?.into_owned();
    (!decoded.contains('\0')).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn segments_are_decoded_one_by_one() {
        let table: [(&str, Option<&[&str]>); 12] = [
            ("/", Some(&[""])),
            ("/api/backfill/manifest", Some(&["api", "backfill", "manifest"])),
            ("/dump/a%2Fb", Some(&["dump", "a/b"])),
            ("/dump/%C3%A4%20x", Some(&["dump", "ä x"])),
            ("/dump/a+b", Some(&["dump", "a+b"])),
            ("/a/../%2e%2E/b", Some(&["a", "..", "..", "b"])),
            ("//a/", Some(&["", "a", ""])),
            ("/%252e", Some(&["%2e"])),
            ("/%", None),
            ("/%4", None),
            ("/%zz", None),
            ("/%00", None),
        ];
        for (path, expected) in table {
            let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
            assert_eq!(segments(path), expected, "{path}");
        }
        assert_eq!(segments("/%ff"), None);
        assert_eq!(segments("a"), None);
    }

    #[test]
    fn queries_are_decoded_in_order() {
        let found = pairs("a=1&&b=x%26y=z&c&a=two+words%2B").unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(found, [("a", "1"), ("b", "x&y=z"), ("c", ""), ("a", "two words+")]);
        assert_eq!(pairs("a=%f"), None);
        assert_eq!(pairs(""), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in "[^\\x00]{0,20}") {
            let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
            prop_assert_eq!(decode(&encoded.to_string()), Some(text));
        }

        #[test]
        fn nothing_panics(text in "[ -~]{0,40}") {
            let _ = (segments(&text), pairs(&text));
        }
    }
}
