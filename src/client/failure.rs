//! What a failed request means: every way in which a server can be wrong, absent or hidden behind something else,
//! as an error with a hint. Pure, so that each case has a test.

use crate::error::{Error, Kind, Result};
use crate::wire::PROTOCOL;
use crate::wire::api::{Code, ErrorBody};
use crate::wire::frame::Aborted;
use serde::Deserialize;
use std::time::Duration;

/// Longest text of a server that is repeated, in bytes: its lists of columns and tables are long.
const REPEATED_BYTES_MAX: usize = 8 * 1024;

/// The head of an answer, as far as it decides anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<String>,
    pub(super) protocol: Option<String>,
}

/// [`crate::wire::api::ErrorBody`] with a code that a newer server may have invented.
#[derive(Debug, Deserialize)]
struct LooseBody {
    error: String,
    code: String,
    #[serde(default)]
    request_id: String,
}

/// Marks the error of a run that has ended already.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HTTP 410")
    }
}

impl std::error::Error for Gone {}

/// Marks the answer of a server that has no time now.
#[derive(Debug)]
struct Later {
    /// All its places for runs are taken.
    crowded: bool,
    /// For so many seconds.
    seconds: Option<u32>,
}

impl std::fmt::Display for Later {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Later {}

fn cause<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    std::error::Error::source(error)?.downcast_ref()
}

/// Whether the error says that the run is no more.
pub(super) fn is_gone(error: &Error) -> bool {
    let aborted = cause::<Aborted>(error);
    cause::<Gone>(error).is_some()
        || aborted.is_some_and(|Aborted(code)| matches!(code, Code::RunGone | Code::RunEnded))
}

/// Whether the server has no place for another run.
pub(super) fn is_crowded(error: &Error) -> bool {
    cause::<Later>(error).is_some_and(|later| later.crowded)
}

/// How long the server asked to be left alone.
pub(super) fn asked_pause(error: &Error) -> Option<Duration> {
    let seconds = cause::<Later>(error)?.seconds?;
    Some(Duration::from_secs(seconds.into()))
}

/// Marks the error of a name that nobody knows.
#[derive(Debug)]
struct NoHost;

impl std::fmt::Display for NoHost {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

impl std::error::Error for NoHost {}

fn remote(what: impl Into<String>) -> Error {
    Error::new(Kind::Remote, what)
}

/// No answer at all.
///
/// `reached`: the server has answered before, so that its name is right and the network is not there for a moment.
pub(super) fn unreachable(error: ureq::Error, base: &str, reached: bool) -> Error {
    let error = match error {
        ureq::Error::HostNotFound => no_host(base),
        ureq::Error::Timeout(_) => timed_out(base),
        ureq::Error::Io(error) => broken(&error, base),
        ureq::Error::ConnectionFailed => {
            remote(format!("cannot connect to {base}")).hint(START_HINT).retryable()
        }
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) | ureq::Error::TlsRequired => {
            remote(format!("no TLS connection with {base}")).source(error).hint(TLS_HINT)
        }
        ureq::Error::RequireHttpsOnly(_) | ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            Error::config(format!("{base} is not an address that can be asked"))
                .source(error)
                .hint("check client.source_url and server.route_prefix")
        }
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            remote(format!("{base} does not answer as an HTTP server does"))
                .source(error)
                .hint("check host, port and http/https of client.source_url")
        }
        error => remote(format!("the request to {base} failed")).source(error).retryable(),
    };
    if reached && cause::<NoHost>(&error).is_some() { error.retryable() } else { error }
}

const START_HINT: &str =
    "is `backfill serve` running there? check host and port of client.source_url (BACKFILL_SOURCE_URL)";
const TLS_HINT: &str = "check http/https and the host name in client.source_url; a certificate of an own authority \
     must be trusted by this machine";

fn no_host(base: &str) -> Error {
    remote(format!("the host name of {base} is not known here"))
        .source(NoHost)
        .hint("check client.source_url (BACKFILL_SOURCE_URL) and your network or VPN")
}

fn timed_out(base: &str) -> Error {
    remote(format!("{base} did not answer in time"))
        .hint("check that the server is up; a slow one may need a larger client.timeout")
        .retryable()
}

/// An I/O error while connecting, sending or reading.
pub(super) fn broken(error: &std::io::Error, base: &str) -> Error {
    use std::io::ErrorKind as Io;
    if let Some(inner) = error.get_ref() {
        if matches!(inner.downcast_ref::<ureq::Error>(), Some(ureq::Error::Timeout(_))) {
            return timed_out(base);
        }
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return remote(format!("no TLS connection with {base}: {tls}")).hint(TLS_HINT);
        }
    }
    match error.kind() {
        Io::ConnectionRefused => remote(format!("connection refused by {base}")).hint(START_HINT).retryable(),
        Io::HostUnreachable | Io::NetworkUnreachable | Io::NetworkDown => {
            remote(format!("{base} is not reachable from here")).hint("check your network or VPN").retryable()
        }
        Io::TimedOut | Io::WouldBlock => timed_out(base),
        // The standard library has no kind for this.
        _ if error.to_string().starts_with("failed to lookup address") => no_host(base),
        _ => remote(format!("the connection with {base} broke ({error})"))
            .hint("the server or something between may have been restarted; try again")
            .retryable(),
    }
}

/// The server's protocol version, if it told one, must be ours. An answer without one is not judged here: it is
/// of a proxy, or its content type will tell.
pub(super) fn expect_protocol(answer: &Answer, base: &str) -> Result<()> {
    match answer.protocol.as_deref().map(str::trim) {
        None => Ok(()),
        Some(text) => match text.parse::<u32>() {
            Ok(version) => same_protocol(version, base),
            Err(_) => Err(remote(format!("{base} names a protocol version that is no number"))),
        },
    }
}

/// Says which side is behind.
pub(super) fn same_protocol(theirs: u32, base: &str) -> Result<()> {
    let error = |hint: &str| {
        Err(remote(format!("{base} speaks protocol {theirs}, this backfill speaks {PROTOCOL}")).hint(hint))
    };
    match theirs.cmp(&PROTOCOL) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => error("update backfill on this machine"),
        std::cmp::Ordering::Less => error("update backfill on the server"),
    }
}

/// A success must carry what was asked for.
pub(super) fn expect_type(answer: &Answer, expected: &str, base: &str) -> Result<()> {
    let found = answer.content_type.as_deref().unwrap_or("nothing");
    if media_type(found).eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(remote(format!("{base} answered with {} instead of {expected}", cut(media_type(found))))
        .hint("something else answers there (a login page, a proxy, another program); check client.source_url and server.route_prefix"))
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// A success whose JSON cannot be read. The text of serde's error may quote what was read, so only its place is
/// repeated.
pub(super) fn unreadable_json(error: &serde_json::Error, base: &str) -> Error {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Io => {
            let io = std::io::Error::from(error.io_error_kind().unwrap_or(std::io::ErrorKind::Other));
            broken(&io, base)
        }
        serde_json::error::Category::Eof => {
            remote(format!("the answer of {base} was cut short at {place}")).retryable()
        }
        serde_json::error::Category::Syntax => remote(format!("the answer of {base} is not JSON ({place})"))
            .hint("something between may change answers; check client.source_url and the proxy"),
        serde_json::error::Category::Data => {
            remote(format!("the answer of {base} is not what this version of backfill reads ({place})"))
                .hint("bring both sides to the same version of backfill")
        }
    }
}

/// An answer that is not a success.
pub(super) fn refused(answer: &Answer, body: &[u8], base: &str) -> Error {
    if (300..400).contains(&answer.status) {
        let to = answer.location.as_deref().map_or_else(String::new, |to| format!(" to {}", cut(to)));
        return remote(format!("{base} redirects{to}; redirects are not followed"))
            .hint("set client.source_url to the final address");
    }
    let parsed = serde_json::from_slice::<LooseBody>(body).ok();
    match parsed {
        Some(body) => {
            let code = serde_json::from_value::<Code>(serde_json::Value::String(body.code.clone())).ok();
            by_code(code, answer, &body, base)
        }
        None => by_status(answer, base),
    }
}

/// A run that failed at the server while it was followed.
pub(super) fn run_failed(body: Option<&ErrorBody>) -> Error {
    let Some(body) = body else {
        return remote("the server's run failed without saying why").hint("look into the server's log");
    };
    let loose = LooseBody {
        error: body.error.clone(),
        code: serde_json::to_value(body.code)
            .ok()
            .and_then(|code| code.as_str().map(str::to_owned))
            .unwrap_or_default(),
        request_id: body.request_id.clone(),
    };
    let error = by_code(Some(body.code), &Answer::default(), &loose, "the server");
    // Asking again gets the same answer, whatever the code would mean for a request.
    let lasting = Error::new(error.kind(), error.what());
    let lasting = if is_gone(&error) { lasting.source(Gone) } else { lasting };
    match error.hint_text() {
        Some(hint) => lasting.hint(hint),
        None => lasting,
    }
}

/// The answer of a backfill server.
fn by_code(code: Option<Code>, answer: &Answer, body: &LooseBody, base: &str) -> Error {
    let request = match body.request_id.as_str() {
        "" => String::new(),
        id => format!(", request {}", cut(id)),
    };
    let what = format!("{base} says: {} ({}{request})", cut(&body.error), cut(&body.code));
    match code {
        Some(Code::Unauthorized) => remote(what).hint(TOKEN_HINT),
        Some(Code::AddressDenied) => {
            remote(what).hint("add this machine's address to server.allow_ips on the server")
        }
        Some(Code::TableExcluded | Code::TableUnknown) => {
            Error::usage(what).hint("`backfill pull --dry-run` lists the tables that can be pulled")
        }
        Some(Code::ProtocolMismatch) => remote(what).hint("bring both sides to the same version of backfill"),
        Some(Code::TooManyRuns) => busy(what, answer, true),
        Some(Code::SourceUnavailable) => remote(what)
            .source(Later { crowded: false, seconds: retry_after(answer) })
            .hint("the server cannot reach its database; look into its log")
            .retryable(),
        Some(Code::RunGone | Code::RunEnded) => remote(what)
            .source(Gone)
            .hint("the run was ended by the server (stopped, restarted or idle for too long); start again"),
        Some(Code::NotFound) => remote(what).hint(
            "server.route_prefix must be the same on both sides, and client.source_url the part before it",
        ),
        Some(Code::ConfigInvalid) => {
            remote(what).hint("the server's configuration has to be corrected; its log says where")
        }
        Some(Code::SchemaChanged) => {
            remote(what).hint("a migration ran on the source meanwhile; start again when it is done")
        }
        Some(Code::RowTooLarge) => remote(what).hint(
            "raise max_allowed_packet on the target (the source's does not matter), or exclude the table",
        ),
        Some(Code::MasksFailed) => {
            Error::integrity(what).hint("a rule of the server has to be corrected; its log says which")
        }
        Some(Code::LeakFound) => Error::integrity(what).hint(
            "nothing was replaced here; whoever runs the server has to decide what becomes of that column",
        ),
        Some(Code::Internal) => remote(what).hint("the server's log has the details under that id"),
        Some(Code::BadRequest) if answer.status == 505 => remote(what)
            .hint("the proxy in front must speak HTTP/1.1 to the server (nginx: proxy_http_version 1.1)"),
        Some(Code::BadRequest | Code::MethodNotAllowed) | None => {
            remote(what).hint("bring both sides to the same version of backfill")
        }
    }
}

const TOKEN_HINT: &str = "check `token` (BACKFILL_TOKEN): it must be the same on both sides";
const PREFIX_HINT: &str =
    "this is not a backfill server's API; check server.route_prefix (both sides) and client.source_url";

/// An error answer of something else, or of a server that had no time for a body.
fn by_status(answer: &Answer, base: &str) -> Error {
    let status = answer.status;
    let what = format!("{base} answered with HTTP {status}");
    match status {
        401 | 407 => remote(what).hint(TOKEN_HINT),
        403 => remote(what).hint("a proxy or firewall in front of the server refuses this machine"),
        404 | 405 => remote(what).hint(PREFIX_HINT),
        410 => remote(what).source(Gone),
        413 => {
            remote(what).hint("a proxy in front of the server limits request bodies; allow at least 1 MiB")
        }
        426 => remote(what).hint("bring both sides to the same version of backfill"),
        429 | 503 => busy(what, answer, false),
        502 | 504 => remote(what)
            .hint("the proxy in front cannot reach the server; is `backfill serve` running?")
            .retryable(),
        500.. => remote(what).hint("look into the server's log").retryable(),
        _ => remote(what).hint(PREFIX_HINT),
    }
}

fn busy(what: String, answer: &Answer, crowded: bool) -> Error {
    let seconds = retry_after(answer);
    let when = match seconds {
        Some(seconds) => format!("try again in {seconds} seconds"),
        None => "try again later".to_owned(),
    };
    Error::new(Kind::Busy, what).source(Later { crowded, seconds }).hint(when).retryable()
}

/// Seconds to wait; a date instead is not read.
fn retry_after(answer: &Answer) -> Option<u32> {
    answer.retry_after.as_deref()?.trim().parse().ok()
}

/// Text of a server, short enough to print.
fn cut(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.len() <= REPEATED_BYTES_MAX {
        return text;
    }
    let most = &text[..text.floor_char_boundary(REPEATED_BYTES_MAX)];
    // Between two words, if there are any.
    let kept = most.rsplit_once(' ').map_or(most, |(kept, _)| kept);
    format!("{kept} … (cut here: {} characters more)", text[kept.len()..].chars().count())
}

#[cfg(test)]
mod tests;
