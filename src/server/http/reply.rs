//! What a handler gives back.

use super::request::Request;
use super::stream::StreamWriter;
use crate::error::{Error, Result};
use crate::server::answer;
use crate::wire::api::Code;
use serde::Serialize;
use std::fmt;

/// Decides what is answered. Called on a worker thread, so it should be quick: what takes long goes into
/// [`Reply::Later`] or [`Reply::Stream`]. A panic is answered with 500 and harms nobody else.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request) -> Reply;
}

impl<F: Fn(Request) -> Reply + Send + Sync + 'static> Handler for F {
    fn handle(&self, request: Request) -> Reply {
        self(request)
    }
}

/// An answer, or the work that makes one.
pub enum Reply {
    /// A JSON body.
    Json {
        /// HTTP status.
        status: u16,
        /// The body, serialized.
        body: Vec<u8>,
        /// Headers besides the usual ones.
        headers: Vec<(&'static str, String)>,
    },
    /// A status without a body.
    Empty(u16),
    /// A body of unknown length, written on a thread of its own.
    Stream(StreamReply),
    /// Work that may wait, done on a thread of its own; what it returns is answered.
    Later(Box<dyn FnOnce() -> Reply + Send>),
}

/// A streamed answer with status 200.
pub struct StreamReply {
    /// `Content-Type` of the body.
    pub content_type: &'static str,
    /// Name under which a browser would save it; characters that are not safe there are replaced.
    pub file_name: Option<String>,
    /// Writes the body. Nothing is sent before its first full piece or flush: an error until then is answered with
    /// 500, a later one ends the connection without the end of the body.
    pub write: StreamBody,
}

/// Writes a streamed body.
pub type StreamBody = Box<dyn FnOnce(&mut dyn StreamWriter) -> Result<()> + Send>;

impl Reply {
    /// A JSON answer.
    ///
    /// # Errors
    /// `Kind::Internal` when `body` does not serialize.
    pub fn json(status: u16, body: &impl Serialize) -> Result<Self> {
        let body =
            serde_json::to_vec(body).map_err(|error| Error::internal("writing an answer").source(error))?;
        Ok(Self::Json { status, body, headers: Vec::new() })
    }

    /// An error answer with the code's status. `message` is for the caller: no row data, no server's message.
    #[must_use]
    pub fn error(code: Code, message: &str, request_id: &str) -> Self {
        let headers = match code {
            Code::Unauthorized => vec![("WWW-Authenticate", "Bearer".to_owned())],
            Code::TooManyRuns | Code::SourceUnavailable => vec![("Retry-After", "5".to_owned())],
            _ => Vec::new(),
        };
        Self::Json { status: code.status(), body: answer::error_body(code, message, request_id), headers }
    }

    /// Work for a thread of its own.
    pub fn later(work: impl FnOnce() -> Reply + Send + 'static) -> Self {
        Self::Later(Box::new(work))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { status, .. } => write!(f, "Json({status})"),
            Self::Empty(status) => write!(f, "Empty({status})"),
            Self::Stream(_) => f.write_str("Stream"),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

impl StreamReply {
    /// The headers that describe the body.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Content-Type", self.content_type.to_owned())];
        if let Some(name) = &self.file_name {
            headers.push(("Content-Disposition", format!("attachment; filename=\"{}\"", safe(name))));
        }
        headers
    }
}

/// A file name of letters, digits, `.`, `_` and `-` that does not begin with a dot.
fn safe(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().map(keep).collect();
    if name.starts_with('.') { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_harmless() {
        let table = [
            ("users.sql.zst", "users.sql.zst"),
            ("../etc/passwd", "_.._etc_passwd"),
            ("a\"; x=\r\nb", "a___x___b"),
            ("käse", "k_se"),
        ];
        for (name, expected) in table {
            assert_eq!(safe(name), expected, "{name}");
        }
    }

    #[test]
    fn error_replies_carry_their_status_and_headers() {
        let Reply::Json { status, headers, .. } = Reply::error(Code::TooManyRuns, "later", "x") else {
            panic!("no JSON")
        };
        assert_eq!((status, headers), (503, vec![("Retry-After", "5".to_owned())]));
        let Reply::Json { status, headers, .. } = Reply::error(Code::Unauthorized, "no", "x") else {
            panic!("no JSON")
        };
        assert_eq!((status, headers), (401, vec![("WWW-Authenticate", "Bearer".to_owned())]));
    }
}
