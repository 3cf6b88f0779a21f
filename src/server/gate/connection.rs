//! One connection from its first byte to its last: read the head, read the body, hand both on, pump the answer.

use super::client::Client;
use super::forward::{Exchange, Outcome};
use super::head::{self, Head, Refusal};
use super::socket::Signal;
use super::{Backend, GateOptions};
use crate::server::{answer, net};
use crate::wire::api::Code;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Instant;

/// What a connection needs to know of its gate.
pub(super) struct Surroundings<'g> {
    pub(super) options: &'g GateOptions,
    pub(super) backend: &'g dyn Backend,
    /// No new requests.
    pub(super) stop: &'g Signal,
    /// Nothing any more.
    pub(super) cut: &'g Signal,
}

/// A request that was read whole.
struct Received {
    head: Head,
    body: Vec<u8>,
}

/// Why there is no request.
enum Failed {
    /// The client gets an answer that says so.
    Refused(Refusal),
    /// Nobody is there to be told.
    Gone(io::Error),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Serves the one request of a connection.
pub(super) fn serve(mut client: Client, peer: IpAddr, gate: &Surroundings<'_>) {
    let request_id = net::new_request_id();
    let received = match receive(&mut client, gate) {
        Ok(received) => received,
        Err(Failed::Refused(refusal)) => return refuse(client, peer, &refusal, &request_id, gate),
        Err(Failed::Gone(error)) => {
            tracing::debug!(%peer, request_id, %error, "connection ended before its request");
            return;
        }
    };
    let mut bytes = received.head.forwarded(peer, &request_id);
    bytes.extend_from_slice(&received.body);
    let backend = match gate.backend.connect() {
        Ok(backend) => backend,
        Err(error) => {
            tracing::error!(%peer, request_id, %error, "the backend cannot be reached");
            let refusal = Refusal::new(503, Code::Internal, "the server cannot answer now");
            return refuse(client, peer, &refusal, &request_id, gate);
        }
    };
    let outcome = Exchange::new(&mut client, backend, &bytes)
        .and_then(|exchange| exchange.run(gate.cut, gate.options.stall_timeout));
    match outcome {
        Ok(Outcome::Done) => client.close(gate.cut),
        Ok(Outcome::NoAnswer) => {
            let refusal = Refusal::new(500, Code::Internal, "the server failed to answer");
            refuse(client, peer, &refusal, &request_id, gate);
        }
        Ok(Outcome::ClientGone) => tracing::debug!(%peer, request_id, "the client went away"),
        Ok(Outcome::Stalled) => {
            tracing::warn!(%peer, request_id, "the client read nothing for too long and was cut off");
            client.reset();
        }
        Ok(Outcome::Cut) => tracing::debug!(%peer, request_id, "cut off: the server stops"),
        Err(error) => tracing::warn!(%peer, request_id, %error, "the exchange failed"),
    }
}

/// Answers with an error of the gate's own and ends the connection.
pub(super) fn refuse(
    mut client: Client,
    peer: IpAddr,
    refusal: &Refusal,
    request_id: &str,
    gate: &Surroundings<'_>,
) {
    tracing::debug!(%peer, request_id, status = refusal.status, why = refusal.message, "refused");
    let body = answer::error_body(refusal.code, refusal.message, request_id);
    let bytes = answer::json(refusal.status, request_id, &body, refusal.headers(), refusal.with_body);
    if client.write_all(&bytes, gate.cut, Instant::now() + gate.options.head_timeout).is_ok() {
        client.close(gate.cut);
    }
}

fn receive(client: &mut Client, gate: &Surroundings<'_>) -> Result<Received, Failed> {
    let options = gate.options;
    let mut bytes = Vec::new();
    let length = receive_head(client, &mut bytes, gate)?;
    let head = head::parse(&bytes[..length], options.max_body)?;
    // What follows the body is a second request, which this connection does not serve.
    let mut body = bytes.split_off(length);
    body.truncate(head.content_length);
    let deadline = Instant::now() + options.body_timeout;
    if head.expects_continue && body.len() < head.content_length {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n", gate.cut, deadline).map_err(Failed::Gone)?;
    }
    let mut filled = body.len();
    body.resize(head.content_length, 0);
    while filled < body.len() {
        match client.read_until(&mut body[filled..], gate.cut, deadline) {
            Ok(0) => return Err(Failed::Gone(ErrorKind::UnexpectedEof.into())),
            Ok(count) => filled += count,
            Err(error) => return Err(late(error, "the request's body took too long")),
        }
    }
    Ok(Received { head, body })
}

/// Reads until the head is complete and returns its length. The deadline is for all of it: a byte now and then
/// buys no time.
fn receive_head(client: &mut Client, bytes: &mut Vec<u8>, gate: &Surroundings<'_>) -> Result<usize, Failed> {
    let deadline = Instant::now() + gate.options.head_timeout;
    let mut piece = vec![0; gate.options.max_head];
    loop {
        let room = gate.options.max_head - bytes.len();
        if room == 0 {
            return Err(Refusal::too_large().into());
        }
        let seen = bytes.len();
        match client.read_until(&mut piece[..room], gate.stop, deadline) {
            Ok(0) => return Err(Failed::Gone(ErrorKind::UnexpectedEof.into())),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            // A connection that was opened in reserve needs no answer.
            Err(error) if bytes.is_empty() => return Err(Failed::Gone(error)),
            Err(error) => return Err(late(error, "the request's headers took too long")),
        }
        if let Some(length) = head::end(bytes, seen)? {
            return Ok(length);
        }
    }
}

fn late(error: io::Error, message: &'static str) -> Failed {
    if error.kind() == ErrorKind::TimedOut {
        Failed::Refused(Refusal::new(408, Code::BadRequest, message))
    } else {
        Failed::Gone(error)
    }
}
