//! Hooks that are addresses: the event is posted to them as JSON, without any token of ours.

use super::{Event, LOOK_EVERY, check, failed};
use crate::client::{Interrupt, api};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crossbeam_channel::RecvTimeoutError;
use std::time::Duration;
use ureq::Agent;

/// How long everything may take.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// An address and its bounds.
pub(super) struct Hooked<'a> {
    pub(super) url: &'a Secret,
    pub(super) host: &'a str,
    pub(super) limit: Duration,
}

/// Posts the event and waits for an answer.
pub(super) fn run(hooked: &Hooked<'_>, event: &Event, interrupt: &Interrupt) -> Result<()> {
    check(interrupt)?;
    let agent = agent(hooked.limit);
    let request = agent.post(hooked.url.expose()).header("Content-Type", "application/json");
    let json = event.json()?;
    let (answer, answered) = crossbeam_channel::bounded(1);
    // Beside the waiting, so that a signal ends it. Then nobody listens any more.
    std::thread::spawn(move || {
        let status = request.send(&json[..]).map(|answer| answer.status().as_u16());
        let _ = answer.send(status);
    });
    loop {
        match answered.recv_timeout(LOOK_EVERY) {
            Ok(Ok(200..300)) => return Ok(()),
            Ok(Ok(status)) => return Err(refused(status, hooked.host)),
            Ok(Err(error)) => return Err(unreachable(error, hooked)),
            Err(RecvTimeoutError::Timeout) => check(interrupt)?,
            Err(RecvTimeoutError::Disconnected) => return Err(Error::internal("a hook's thread is gone")),
        }
    }
}

fn agent(limit: Duration) -> Agent {
    api::careful_agent().timeout_global(Some(limit)).build().new_agent()
}

fn refused(status: u16, host: &str) -> Error {
    let error = failed(format!("{host} answered with HTTP {status}"));
    match status {
        300..400 => error.hint("redirects are not followed; configure the final address"),
        _ => error.hint("check its address; the event is posted as application/json"),
    }
}

/// The text of an error may repeat the address, which is a secret of its owner: only causes that cannot are told.
fn unreachable(error: ureq::Error, hooked: &Hooked<'_>) -> Error {
    let Hooked { host, limit, .. } = hooked;
    let error = match error {
        ureq::Error::HostNotFound => failed(format!("there is no host {host}")),
        ureq::Error::Timeout(_) => failed(format!("{host} did not answer within {} s", limit.as_secs())),
        ureq::Error::Io(error) => failed(format!("the connection with {host} failed")).source(error),
        ureq::Error::Rustls(error) => failed(format!("no TLS connection with {host}")).source(error),
        ureq::Error::Tls(why) => failed(format!("no TLS connection with {host}: {why}")),
        ureq::Error::ConnectionFailed => failed(format!("cannot connect to {host}")),
        _ => failed(format!("{host} cannot be posted to, or does not answer as an HTTP server does")),
    };
    error.hint("check its address and your network; no proxy of the environment is used")
}
