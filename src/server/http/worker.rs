//! The threads that take requests from the inner server, call the handler and send what it gives back.

use super::backend::TinyBackend;
use super::reply::{Handler, Reply, StreamReply};
use super::request::{self, Origin};
use super::stream::ChunkWriter;
use crate::server::answer::{self, Length};
use crate::server::slots::{Slot, Slots};
use crate::wire::api::Code;
use std::io::Write;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Pause after the inner server failed and could not be replaced.
const BACK_OFF: Duration = Duration::from_millis(200);

/// How a request ended whose answer nobody took.
const GONE: &str = "the client was gone";

/// What all workers share.
pub(super) struct Workers {
    backend: Arc<TinyBackend>,
    handler: Arc<dyn Handler>,
    streams: Slots,
    waits: Slots,
}

/// The way back to one client.
struct Outgoing {
    writer: Box<dyn Write + Send>,
    asked: Asked,
}

/// What the log says about a request.
struct Asked {
    request_id: String,
    method: String,
    /// Still encoded and without the query: fit for a log.
    path: String,
    peer: IpAddr,
    started: Instant,
}

impl Workers {
    pub(super) fn new(
        backend: Arc<TinyBackend>,
        handler: Arc<dyn Handler>,
        streams: Slots,
        waits: Slots,
    ) -> Self {
        Self { backend, handler, streams, waits }
    }

    /// One worker's life.
    pub(super) fn run(self: &Arc<Self>) {
        while !self.backend.is_stopping() {
            let current = self.backend.current();
            match current.tiny.recv() {
                Ok(tiny) => {
                    let _busy = self.backend.busy();
                    // The handler is guarded on its own; this is for the library's code around it.
                    if catch_unwind(AssertUnwindSafe(|| self.serve(tiny))).is_err() {
                        tracing::error!("a worker panicked while it read or answered a request");
                    }
                }
                // A woken worker sees that the server was replaced or stops; otherwise it died.
                Err(_) => {
                    if let Err(error) = self.backend.replace(current.generation) {
                        tracing::error!(%error, "the inner listener could not be replaced; trying on");
                        thread::sleep(BACK_OFF);
                    }
                }
            }
        }
    }

    fn serve(self: &Arc<Self>, mut tiny: tiny_http::Request) {
        let Some(origin) = request::origin(&tiny) else { return self.serve_inside(tiny) };
        let read = request::read(&mut tiny, &origin);
        let outgoing = Outgoing::new(tiny, origin);
        match read {
            Err(message) => {
                let reply = Reply::error(Code::BadRequest, message, &outgoing.asked.request_id);
                self.dispatch(reply, outgoing);
            }
            Ok(request) => {
                let reply = guarded(&outgoing.asked.request_id, || self.handler.handle(request));
                self.dispatch(reply, outgoing);
            }
        }
    }

    /// Requests that did not come through the gate: self-checks, or somebody of the same user who found the socket.
    fn serve_inside(&self, tiny: tiny_http::Request) {
        let id = tiny.headers().iter().find(|header| header.field.equiv(crate::server::gate::REQUEST_HEADER));
        let known = id.is_some_and(|header| self.backend.is_self_check(header.value.as_str()));
        let status = if known { 204 } else { 403 };
        if let Err(error) = tiny.respond(tiny_http::Response::empty(status)) {
            tracing::debug!(%error, "a self-check was not answered");
        }
    }

    /// Sends short answers here and the others on threads of their own.
    fn dispatch(self: &Arc<Self>, reply: Reply, outgoing: Outgoing) {
        match reply {
            Reply::Json { .. } | Reply::Empty(_) => outgoing.send(reply),
            Reply::Stream(stream) => match self.streams.take() {
                None => self.dispatch(too_many(&outgoing.asked.request_id), outgoing),
                Some(slot) => spawn("stream", move || outgoing.stream(stream, slot)),
            },
            Reply::Later(work) => match self.waits.take() {
                None => self.dispatch(too_many(&outgoing.asked.request_id), outgoing),
                Some(slot) => {
                    let workers = Arc::clone(self);
                    spawn("wait", move || {
                        let reply = guarded(&outgoing.asked.request_id, work);
                        // A stream that follows counts as a stream, no longer as a wait.
                        drop(slot);
                        workers.dispatch(reply, outgoing);
                    });
                }
            },
        }
    }
}

impl Outgoing {
    fn new(tiny: tiny_http::Request, origin: Origin) -> Self {
        let asked = Asked {
            request_id: origin.request_id,
            method: tiny.method().as_str().to_owned(),
            path: tiny.url().split('?').next().unwrap_or_default().to_owned(),
            peer: origin.peer,
            started: Instant::now(),
        };
        Self { writer: tiny.into_writer(), asked }
    }

    /// Sends a short answer.
    fn send(mut self, reply: Reply) {
        let (status, bytes) = reply_bytes(reply, &self.asked.request_id);
        let sent = self.writer.write_all(&bytes).and_then(|()| self.writer.flush());
        self.asked.log(status, if sent.is_ok() { "sent" } else { GONE });
    }

    /// Runs a stream to its end. Whatever goes wrong, the last chunk is sent only after success.
    fn stream(self, stream: StreamReply, _slot: Slot) {
        let Self { writer, asked } = self;
        let headers = stream.headers();
        let head = answer::head(200, &asked.request_id, Length::Chunked, &borrowed(&headers));
        let mut chunks = ChunkWriter::new(writer, head);
        let failure = match catch_unwind(AssertUnwindSafe(|| (stream.write)(&mut chunks))) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("a panic".to_owned()),
        };
        match failure {
            None => {
                let complete = chunks.finish().is_ok();
                asked.log(200, if complete { "complete" } else { GONE });
            }
            Some(_) if chunks.is_broken() => asked.log(200, GONE),
            Some(error) => {
                tracing::warn!(peer = %asked.peer, request_id = asked.request_id, error, "a stream failed");
                if chunks.has_begun() {
                    return asked.log(200, "cut short");
                }
                let reply = failed(&asked.request_id);
                Self { writer: chunks.into_inner(), asked }.send(reply);
            }
        }
    }
}

impl Asked {
    fn log(&self, status: u16, end: &str) {
        let Self { request_id, method, path, peer, started } = self;
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(method, path, status, ms, %peer, request_id, end, "request");
    }
}

fn borrowed<'h>(headers: &'h [(&'static str, String)]) -> Vec<(&'h str, &'h str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn reply_bytes(reply: Reply, request_id: &str) -> (u16, Vec<u8>) {
    match reply {
        Reply::Json { status, body, headers } => {
            (status, answer::json(status, request_id, &body, &borrowed(&headers), true))
        }
        Reply::Empty(status) => {
            let length = if status == 204 { Length::None } else { Length::Exact(0) };
            (status, answer::head(status, request_id, length, &[]))
        }
        // Only short answers come here.
        Reply::Stream(_) | Reply::Later(_) => reply_bytes(failed(request_id), request_id),
    }
}

fn guarded(request_id: &str, work: impl FnOnce() -> Reply) -> Reply {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!(request_id, "the handler panicked");
        failed(request_id)
    })
}

fn failed(request_id: &str) -> Reply {
    Reply::error(Code::Internal, "the server failed; its log says more under this request id", request_id)
}

fn too_many(request_id: &str) -> Reply {
    Reply::error(Code::TooManyRuns, "too many requests of this kind at once; come back later", request_id)
}

/// When there is no thread, the connection is closed and the gate answers.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(name.into()).spawn(work) {
        tracing::error!(%error, name, "no thread for an answer");
    }
}
