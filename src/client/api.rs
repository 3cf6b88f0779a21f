//! Requests to a backfill server, and what their failures mean to the person at the other end.
//!
//! No request is repeated here: `retry` says which failures are worth another attempt, the caller decides. Redirects are not followed (they would carry the token elsewhere) and no proxy is taken from the
//! environment (production data would go through it).

use super::failure::{self, Answer};
use crate::error::{Context, Error, Kind, Result};
use crate::secret::Secret;
use crate::wire::api::{RunCreated, RunRequest, RunStatus};
use crate::wire::manifest::{MANIFEST_BYTES_MAX, Manifest};
use crate::wire::moment::Moment;
use crate::wire::{PROTOCOL, PROTOCOL_HEADER};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use ureq::config::ConfigBuilder;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::typestate::AgentScope;
use ureq::{Agent, Body, http};

/// How long finding and reaching the server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long ending a run may take altogether; the server ends it by itself if this fails.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer to `POST runs` and `GET runs/{id}`: tables by the ten thousand fit.
const ANSWER_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Most bytes of an error answer that are read.
const ERROR_BYTES_MAX: u64 = 64 * 1024;
/// A stream or a long poll that is silent for so long is lost, whatever `client.timeout` allows: the server says
/// something at least every 30 seconds. A laptop that changed its network would wait in vain for the rest.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Longest query that is sent; proxies take request lines of 8 KiB.
const QUERY_BYTES_MAX: usize = 6 * 1024;
/// Buffer for what arrives, per connection.
const INPUT_BUFFER_BYTES: usize = 1024 * 1024;

/// Everything but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where the server is and how to talk to it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// The address before every endpoint: `https://app.example/api/backfill`, with or without a slash at its end.
    pub base: String,
    /// The bearer token.
    pub token: Secret,
    /// How long one request may go without progress.
    pub timeout: Duration,
}

/// A server that can be asked. Cloning shares its connections.
#[derive(Clone)]
pub struct Api {
    agent: Agent,
    base: Arc<str>,
    token: Arc<Secret>,
    timeout: Duration,
    /// It has answered before.
    reached: Arc<AtomicBool>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Api {
    /// Prepares to talk to the server; nothing is sent yet.
    #[must_use]
    pub fn new(remote: &Remote) -> Self {
        Self {
            agent: agent(remote.base.starts_with("https://"), remote.timeout),
            base: remote.base.trim_end_matches('/').into(),
            token: Arc::new(remote.token.clone()),
            timeout: remote.timeout,
            reached: Arc::default(),
        }
    }

    /// The same server over connections of its own.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { agent: agent(self.base.starts_with("https://"), self.timeout), ..self.clone() }
    }

    /// The address of the API, for messages.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What the server has and would send.
    ///
    /// # Errors
    /// `Remote` and `Busy` as the server answers; `Remote` when it speaks another protocol version.
    pub fn manifest(&self) -> Result<Manifest> {
        self.manifest_after(&BTreeMap::new())
    }

    /// As [`Api::manifest`], with the number of rows that each of these tables has from its moment on, where the server
    /// can tell.
    ///
    /// # Errors
    /// As there.
    pub fn manifest_after(&self, after: &BTreeMap<String, Moment>) -> Result<Manifest> {
        let path = format!("manifest{}", query(after));
        self.ask("asking for the manifest", MANIFEST_BYTES_MAX, || self.get(&path))
    }

    /// Starts a run. Attempts with the same `key` start it once.
    ///
    /// # Errors
    /// `Busy` when the server has too many; `Usage` when it does not know a table; else `Remote`.
    pub fn create_run(&self, request: &RunRequest, key: &str) -> Result<RunCreated> {
        let body = serde_json::to_vec(request)
            .map_err(|error| Error::internal("writing the run request").source(error))?;
        self.ask("starting a run", ANSWER_BYTES_MAX, || {
            self.head(self.agent.post(self.url(&format!("runs?key={}", segment(key)))))
                .header("Content-Type", "application/json")
                .send(&body[..])
        })
    }

    /// How far the run is: at once, or when its version is no longer `seen`, at most `wait` later. With the tables that
    /// have changed since `seen`, in its order; 0 for all.
    ///
    /// # Errors
    /// `Remote` as the server answers, retryable where another attempt may help.
    pub fn status(&self, run: &str, seen: u64, wait: Duration) -> Result<RunStatus> {
        let path = format!("runs/{}?wait={}&seen={seen}&tables=changed", segment(run), wait.as_secs());
        self.ask("following the run", ANSWER_BYTES_MAX, || self.get_lively(&path))
    }

    /// One chunk's dump stream.
    ///
    /// # Errors
    /// `Remote` as the server answers, retryable where another attempt may help. Reading the stream can fail
    /// later; only its end frame says that it is complete.
    pub fn chunk(&self, run: &str, table: &str, chunk: u32) -> Result<impl Read + Send + use<>> {
        let path = format!("dump/{}?run={}&chunk={chunk}", segment(table), segment(run));
        let what = || format!("fetching chunk {chunk} of `{table}`");
        let answer = self.send(|| self.get_lively(&path)).context(what)?;
        failure::expect_type(&answer_head(&answer), "application/zstd", &self.base).context(what)?;
        Ok(Timed(answer.into_body().into_with_config().limit(u64::MAX).reader()))
    }

    /// Ends the run; the server drops its workspace. A run that is gone already is no error.
    ///
    /// # Errors
    /// `Remote` as the server answers.
    pub fn end_run(&self, run: &str) -> Result<()> {
        let sent = self.send(|| {
            self.head(self.agent.delete(self.url(&format!("runs/{}", segment(run)))))
                .config()
                .timeout_global(Some(END_TIMEOUT))
                .build()
                .call()
        });
        match sent {
            Err(error) if !failure::is_gone(&error) => Err(error.context("ending the run")),
            _ => Ok(()),
        }
    }

    /// Cuts every connection of this handle and its clones, so that threads blocked in a read return at once.
    /// It cannot be used afterwards.
    pub fn shutdown(&self) {
        self.agent.clone().shutdown();
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    fn head<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        request
            .header("Authorization", format!("Bearer {}", self.token.expose()))
            .header(PROTOCOL_HEADER, PROTOCOL.to_string())
    }

    fn get(&self, path: &str) -> Result<http::Response<Body>, ureq::Error> {
        self.head(self.agent.get(self.url(path))).call()
    }

    /// As [`Api::get`] where the server is never silent for long.
    fn get_lively(&self, path: &str) -> Result<http::Response<Body>, ureq::Error> {
        self.head(self.agent.get(self.url(path)))
            .config()
            .timeout_per_read(Some(self.timeout.min(SILENCE_MAX)))
            .build()
            .call()
    }

    /// Sends a request and reads its answer as JSON of at most `bytes_max`.
    fn ask<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        bytes_max: u64,
        request: impl FnOnce() -> Result<http::Response<Body>, ureq::Error>,
    ) -> Result<T> {
        let answer = self.send(request).context(|| what)?;
        self.json(answer, bytes_max).context(|| what)
    }

    fn json<T: serde::de::DeserializeOwned>(
        &self,
        answer: http::Response<Body>,
        bytes_max: u64,
    ) -> Result<T> {
        failure::expect_type(&answer_head(&answer), "application/json", &self.base)?;
        let body = Timed(answer.into_body().into_with_config().limit(u64::MAX).reader());
        let mut reader = body.take(bytes_max + 1);
        let parsed = serde_json::from_reader(std::io::BufReader::new(&mut reader));
        if reader.limit() == 0 {
            return Err(Error::new(Kind::Remote, format!("the answer is larger than {bytes_max} bytes"))
                .hint("exclude tables on the server, or update both sides"));
        }
        parsed.map_err(|error| failure::unreadable_json(&error, &self.base))
    }

    /// Sends a request; any answer but a success is an error.
    fn send(
        &self,
        request: impl FnOnce() -> Result<http::Response<Body>, ureq::Error>,
    ) -> Result<http::Response<Body>> {
        let reached = self.reached.load(Ordering::Relaxed);
        let mut answer = request().map_err(|error| failure::unreachable(error, &self.base, reached))?;
        let head = answer_head(&answer);
        failure::expect_protocol(&head, &self.base)?;
        if answer.status().is_success() {
            self.reached.store(true, Ordering::Relaxed);
            return Ok(answer);
        }
        let mut body = Vec::new();
        // A body that cannot be read says no more than the status does.
        let _ = answer.body_mut().as_reader().take(ERROR_BYTES_MAX).read_to_end(&mut body);
        Err(failure::refused(&head, &body, &self.base))
    }
}

/// A body whose timeouts look like timeouts: the HTTP client wraps them in errors of no kind.
struct Timed<R>(R);

impl<R: Read> Read for Timed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
            if matches!(inner, Some(ureq::Error::Timeout(_))) {
                return std::io::Error::from(std::io::ErrorKind::TimedOut);
            }
            error
        })
    }
}

fn answer_head(answer: &http::Response<Body>) -> Answer {
    let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    Answer {
        status: answer.status().as_u16(),
        content_type: header("Content-Type"),
        location: header("Location"),
        retry_after: header("Retry-After"),
        protocol: header(PROTOCOL_HEADER),
    }
}

/// `?after[TABLE]=MOMENT&…`, no longer than servers and proxies take it. What has no room is not asked about: its rows
/// come without being counted first.
fn query(after: &BTreeMap<String, Moment>) -> String {
    let mut query = String::new();
    for (table, moment) in after {
        let lead = if query.is_empty() { '?' } else { '&' };
        let part = format!("{lead}after[{}]={}", segment(table), segment(&moment.to_string()));
        if query.len() + part.len() <= QUERY_BYTES_MAX {
            query.push_str(&part);
        }
    }
    query
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

fn agent(https_only: bool, timeout: Duration) -> Agent {
    careful_agent()
        .https_only(https_only)
        .accept("application/json, application/zstd")
        .input_buffer_size(INPUT_BUFFER_BYTES)
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(timeout))
        .timeout_per_write(Some(timeout))
        .build()
        .new_agent()
}

/// What every request has: no redirects, no proxy, and the authorities of this machine.
pub(super) fn careful_agent() -> ConfigBuilder<AgentScope> {
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(crypto)
        // Companies run authorities of their own: what the machine trusts is trusted.
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("backfill/", env!("CARGO_PKG_VERSION")))
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
