//! Reads a request's head strictly. Pure: bytes in, a checked [`Head`] or a [`Refusal`] out.
//!
//! What two parsers could read differently is refused, not repaired: bare line feeds, folded lines, repeated or odd
//! lengths, any transfer coding. Of the headers only those that the API uses are kept, and the request that goes on
//! to the backend is written anew from them, so nothing a client sends steers the backend's framing.

use super::{PEER_HEADER, REQUEST_HEADER};
use crate::wire::PROTOCOL_HEADER;
use crate::wire::api::Code;
use std::net::IpAddr;

/// Most headers of one request.
pub(super) const MAX_HEADERS: usize = 64;

/// A checked request head: all that goes on to the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    method: &'static str,
    target: String,
    authorization: Option<String>,
    protocol: Option<String>,
    /// Bytes of body that the client announced; within the limit.
    pub(super) content_length: usize,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
}

/// Why the gate does not let a request through, as the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: Code,
    pub(super) message: &'static str,
    /// False for the answer to a `HEAD` request, which must not have a body.
    pub(super) with_body: bool,
}

impl Refusal {
    pub(super) const fn new(status: u16, code: Code, message: &'static str) -> Self {
        Self { status, code, message, with_body: true }
    }

    pub(super) const fn bad(message: &'static str) -> Self {
        Self::new(400, Code::BadRequest, message)
    }

    /// The head is larger than the limits.
    pub(super) const fn too_large() -> Self {
        Self::new(431, Code::BadRequest, "the request's headers are too large")
    }

    /// Headers that this answer needs besides the usual ones.
    pub(super) fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.status {
            405 => &[("Allow", "GET, POST, DELETE")],
            503 => &[("Retry-After", "5")],
            _ => &[],
        }
    }
}

/// Where the head ends in `bytes`, of which the first `seen` were looked at before; `None` while it goes on.
///
/// # Errors
/// A [`Refusal`] as soon as a byte shows up that no strict parser accepts, long before the head's end.
pub(super) fn end(bytes: &[u8], seen: usize) -> Result<Option<usize>, Refusal> {
    for (at, &byte) in bytes.iter().enumerate().skip(seen) {
        let previous = at.checked_sub(1).map(|before| bytes[before]);
        match (previous, byte) {
            (None, first) if !first.is_ascii_alphabetic() => {
                return Err(Refusal::bad("this is not an HTTP request"));
            }
            (_, 0) => return Err(Refusal::bad("a NUL byte in the request's head")),
            (Some(b'\r'), b'\n') if bytes[..=at].ends_with(b"\r\n\r\n") => return Ok(Some(at + 1)),
            (Some(b'\r'), b'\n') => {}
            (Some(b'\r'), _) | (_, b'\n') => return Err(Refusal::bad("lines must end with CR LF")),
            _ => {}
        }
    }
    Ok(None)
}

/// Parses a whole head, empty line included; `max_body` is the most bytes that a body may have.
///
/// # Errors
/// A [`Refusal`] that says what is not accepted.
pub(super) fn parse(bytes: &[u8], max_body: usize) -> Result<Head, Refusal> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut slots);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(Refusal::bad("the request's head is incomplete")),
        Err(error) => return Err(refusal_of(error)),
    }
    if request.version != Some(1) {
        return Err(version_refusal());
    }
    let method = method(request.method.unwrap_or_default())?;
    let target = target(request.path.unwrap_or_default())?;
    let headers = Headers(request.headers);
    if headers.one("Transfer-Encoding")?.is_some() {
        return Err(Refusal::new(501, Code::BadRequest, "transfer codings are not accepted in requests"));
    }
    check_host(headers.one("Host")?)?;
    let length = content_length(headers.one("Content-Length")?, method, max_body)?;
    Ok(Head {
        method,
        target,
        authorization: headers.text("Authorization")?,
        protocol: headers.text(PROTOCOL_HEADER)?,
        content_length: length,
        expects_continue: expects_continue(headers.one("Expect")?)?,
    })
}

impl Head {
    /// The head as the backend gets it.
    pub(super) fn forwarded(&self, peer: IpAddr, request_id: &str) -> Vec<u8> {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: backfill\r\nConnection: close\r\n{PEER_HEADER}: {peer}\r\n\
             {REQUEST_HEADER}: {request_id}\r\n",
            self.method, self.target
        );
        let optional = [("Authorization", &self.authorization), (PROTOCOL_HEADER, &self.protocol)];
        for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if self.content_length > 0 {
            text.push_str(&format!("Content-Length: {}\r\n", self.content_length));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// Headers by name; every header that the gate looks at may occur once only.
struct Headers<'h>(&'h [httparse::Header<'h>]);

impl<'h> Headers<'h> {
    fn one(&self, name: &str) -> Result<Option<&'h [u8]>, Refusal> {
        let mut found = self.0.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Refusal::bad("a header that may occur once occurs twice")),
            (first, None) => Ok(first.map(|header| header.value.trim_ascii())),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let Some(value) = self.one(name)? else { return Ok(None) };
        if !value.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            return Err(Refusal::bad("a header has bytes other than printable ASCII"));
        }
        Ok(Some(String::from_utf8_lossy(value).into_owned()))
    }
}

fn refusal_of(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::Version => version_refusal(),
        httparse::Error::TooManyHeaders => Refusal::too_large(),
        _ => Refusal::bad("the request's head is malformed"),
    }
}

fn version_refusal() -> Refusal {
    Refusal::new(505, Code::BadRequest, "only HTTP/1.1 is spoken here")
}

fn method(text: &str) -> Result<&'static str, Refusal> {
    let known = ["GET", "POST", "DELETE"];
    known.into_iter().find(|name| *name == text).ok_or(Refusal {
        with_body: text != "HEAD",
        ..Refusal::new(405, Code::MethodNotAllowed, "only GET, POST and DELETE are accepted")
    })
}

fn target(text: &str) -> Result<String, Refusal> {
    if !text.starts_with('/') {
        return Err(Refusal::bad("the request's target must be a path"));
    }
    if !text.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'#') {
        return Err(Refusal::bad("the request's target has bytes that must be percent-encoded"));
    }
    Ok(text.to_owned())
}

fn check_host(value: Option<&[u8]>) -> Result<(), Refusal> {
    match value {
        None => Err(Refusal::bad("the Host header is missing")),
        Some(host) if host.iter().any(|byte| !(0x21..0x7f).contains(byte) || b",/@".contains(byte)) => {
            Err(Refusal::bad("the Host header is malformed"))
        }
        Some(_) => Ok(()),
    }
}

fn content_length(value: Option<&[u8]>, method: &str, max_body: usize) -> Result<usize, Refusal> {
    let Some(digits) = value else { return Ok(0) };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::bad("the Content-Length is not a number"));
    }
    // More digits than a number holds are too large as well.
    let length = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    if length > 0 && method != "POST" {
        return Err(Refusal::bad("only POST requests may have a body"));
    }
    if length > max_body {
        return Err(Refusal::new(413, Code::BadRequest, "the request's body is too large"));
    }
    Ok(length)
}

fn expects_continue(value: Option<&[u8]>) -> Result<bool, Refusal> {
    match value {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(Refusal::new(417, Code::BadRequest, "this expectation is not known here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX_BODY: usize = 1 << 20;

    fn read(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
        match end(bytes, 0)? {
            None => Ok(None),
            Some(length) => parse(&bytes[..length], MAX_BODY).map(Some),
        }
    }

    fn status(text: &str) -> u16 {
        match read(text.as_bytes()) {
            Ok(Some(_)) => 200,
            Ok(None) => 0,
            Err(refusal) => refusal.status,
        }
    }

    #[test]
    fn only_what_the_api_needs_goes_on() {
        let head = read(
            b"POST /api/backfill/runs?x=1 HTTP/1.1\r\nHost: a:1\r\nAuthorization: Bearer t \r\nTE: identity\r\n\
              Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\nBackfill-Peer: 6.6.6.6\r\n\
              Backfill-Request: evil\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nKeep-Alive: 9\r\n\
              Proxy-Connection: x\r\nCookie: c\r\nX-Odd: \xff\r\nbackfill-protocol: 1\r\nContent-Length: 7\r\n\r\n",
        );
        let forwarded = head.unwrap().unwrap().forwarded("192.0.2.1".parse().unwrap(), "0000abcd");
        let expected = "POST /api/backfill/runs?x=1 HTTP/1.1\r\nHost: backfill\r\nConnection: close\r\n\
             Backfill-Peer: 192.0.2.1\r\nBackfill-Request: 0000abcd\r\nAuthorization: Bearer t\r\n\
             Backfill-Protocol: 1\r\nContent-Length: 7\r\n\r\n";
        assert_eq!(String::from_utf8(forwarded).unwrap(), expected);
    }

    #[test]
    fn each_oddity_has_its_status() {
        let table = [
            (200, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            (200, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
            (200, "DELETE /a%20b?c=d&e HTTP/1.1\r\nhOsT: [::1]:80\r\n\r\n"),
            (200, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1048576\r\n\r\n"),
            (0, "GET / HTTP/1.1\r\nHost: a\r\n"),
            (505, "GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
            (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
            (505, "PRI * HTTP/2.0\r\n\r\n"),
            (405, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
            (405, "PUT / HTTP/1.1\r\nHost: a\r\n\r\n"),
            (405, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
            (405, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
            (505, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"),
            (400, "GET / HTTP/1.1\nHost: a\n\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n"),
            (400, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "\u{16}\u{3}\u{1}"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nauthorization: y\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: \u{e9}\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"),
            (501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n"),
            (501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"),
            (413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"),
            (413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000\r\n\r\n"),
            (413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
            (417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n"),
        ];
        for (expected, text) in table {
            assert_eq!(status(text), expected, "{text:?}");
        }
    }

    #[test]
    fn as_many_headers_as_allowed_and_not_one_more() {
        let with = |count: usize| {
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-A: b\r\n".repeat(count.saturating_sub(1)))
        };
        assert_eq!(status(&with(MAX_HEADERS)), 200);
        assert_eq!(status(&with(MAX_HEADERS + 1)), 431);
    }

    #[test]
    fn the_end_is_found_whatever_the_pieces() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second";
        let expected = bytes.len() - "GET /second".len();
        for cut in 0..bytes.len() {
            let found = end(&bytes[..cut], 0).unwrap().or_else(|| end(bytes, cut).unwrap());
            assert_eq!(found, Some(expected), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes);
            let _ = parse(&bytes, MAX_BODY);
        }

        #[test]
        fn what_passes_is_clean(
            line in "(GET|POST|DELETE) /[ -~]{0,12} HTTP/1\\.[01]",
            headers in proptest::collection::vec("(Host|X|TE|Content-Length|Transfer-Encoding)[ :]{1,2}[\\x00-\\xff]{0,6}", 0..5),
            end in "(\r\n|\n|\r\n\r\n)",
        ) {
            let text = format!("{line}\r\nHost: a\r\n{}{end}\r\n", headers.join("\r\n"));
            if let Ok(Some(head)) = read(text.as_bytes()) {
                let sent = head.forwarded("::1".parse().unwrap(), "00000000");
                let sent = String::from_utf8(sent).unwrap();
                prop_assert!(sent.is_ascii());
                prop_assert_eq!(sent.matches("\r\n\r\n").count(), 1);
                prop_assert!(sent.ends_with("\r\n\r\n"));
                prop_assert!(!sent.contains("Transfer-Encoding") && !sent.contains("\r\nTE"));
                prop_assert!(sent.lines().count() <= 10);
            }
        }
    }
}
