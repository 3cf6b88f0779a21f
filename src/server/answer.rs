//! The bytes of an answer: status line, headers, JSON error bodies. The gate and the HTTP layer share it, so that
//! every answer of the server has the same headers and no third-party code decides about framing.

use crate::wire::api::{Code, ErrorBody};
use crate::wire::{PROTOCOL, PROTOCOL_HEADER};
use std::fmt::Write;

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes follow.
    Exact(usize),
    /// Chunked transfer coding.
    Chunked,
    /// There is no body and none is announced (204).
    None,
}

/// An answer's status line and headers, with the empty line that ends them.
///
/// Every connection serves one request, so `Connection: close` is always there. Headers whose name or value could
/// break the framing are left out.
pub(super) fn head(status: u16, request_id: &str, length: Length, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    let mut put = |name: &str, value: &str| {
        if is_header_text(name) && is_header_text(value) {
            // Writing to a string does not fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
    };
    put("Server", "backfill");
    if let Some(date) = http_date() {
        put("Date", &date);
    }
    put("Connection", "close");
    put("Cache-Control", "no-store");
    put("X-Content-Type-Options", "nosniff");
    put(PROTOCOL_HEADER, &PROTOCOL.to_string());
    put("X-Request-Id", request_id);
    match length {
        Length::Exact(bytes) => put("Content-Length", &bytes.to_string()),
        Length::Chunked => put("Transfer-Encoding", "chunked"),
        Length::None => {}
    }
    for (name, value) in headers {
        put(name, value);
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// A whole answer with a JSON body; `with_body` is false for a `HEAD` request.
pub(super) fn json(
    status: u16,
    request_id: &str,
    body: &[u8],
    headers: &[(&str, &str)],
    with_body: bool,
) -> Vec<u8> {
    let mut all = vec![("Content-Type", "application/json")];
    all.extend_from_slice(headers);
    let mut bytes = head(status, request_id, Length::Exact(body.len()), &all);
    if with_body {
        bytes.extend_from_slice(body);
    }
    bytes
}

/// The JSON body of an error answer.
pub(super) fn error_body(code: Code, message: &str, request_id: &str) -> Vec<u8> {
    let body = ErrorBody { error: message.to_owned(), code, request_id: request_id.to_owned() };
    // Two strings and an enum always serialize; an empty body would only mean a less helpful answer.
    serde_json::to_vec(&body).unwrap_or_default()
}

fn http_date() -> Option<String> {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&jiff::Timestamp::now()).ok()
}

fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_answer_is_complete_and_parses() {
        let body = error_body(Code::NotFound, "no such path", "00c0ffee");
        let bytes = json(404, "00c0ffee", &body, &[("Retry-After", "1")], true);
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(&bytes).unwrap() else { panic!("cut") };
        let find = |name: &str| {
            let found = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).unwrap();
            std::str::from_utf8(found.value).unwrap().to_owned()
        };
        assert_eq!((response.code, response.version), (Some(404), Some(1)));
        assert_eq!(find("content-length"), (bytes.len() - length).to_string());
        assert_eq!(find("connection"), "close");
        assert_eq!(find("cache-control"), "no-store");
        assert_eq!(find("backfill-protocol"), "1");
        assert_eq!(find("x-request-id"), "00c0ffee");
        assert_eq!(find("retry-after"), "1");
        assert!(find("date").ends_with(" GMT"), "{}", find("date"));
        let parsed: ErrorBody = serde_json::from_slice(&bytes[length..]).unwrap();
        assert_eq!((parsed.code, parsed.request_id.as_str()), (Code::NotFound, "00c0ffee"));
    }

    #[test]
    fn a_header_that_would_split_the_answer_is_left_out() {
        let bytes = head(200, "x", Length::Chunked, &[("X-A", "1\r\nX-B: 2"), ("X\nC", "3"), ("X-D", "4")]);
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("X-A") && !text.contains("X-B") && !text.contains("C: 3"), "{text}");
        assert!(text.contains("X-D: 4\r\n"), "{text}");
    }

    #[test]
    fn a_head_request_gets_the_length_but_no_body() {
        let bytes = json(405, "x", b"{}", &[], false);
        assert!(bytes.ends_with(b"\r\n\r\n"));
        assert!(String::from_utf8(bytes).unwrap().contains("Content-Length: 2\r\n"));
    }
}
