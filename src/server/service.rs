//! The endpoints: which request gets which answer.

use crate::error::{Error, Kind};
use crate::server::auth::Access;
use crate::server::catalog::{Catalog, CatalogSettings};
use crate::server::ending::hinted;
use crate::server::http::{Handler, Reply, Request};
use crate::server::permits::Permits;
use crate::server::run::{BatchSize, Run, Shown};
use crate::server::runs::Registry;
use crate::server::stream::{self, Part};
use crate::server::told::Told;
use crate::wire::api::{Code, Format, RunCreated, RunRequest, RunTable};
use crate::wire::moment::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait of a long poll.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Bytes that a client may put in front of a statement instead of ours, and the protocol around it.
const STATEMENT_MARGIN: u64 = 4096;

/// Most bytes of a batch that a client may ask for: `max_allowed_packet` cannot be larger.
const BATCH_BYTES_MAX: u64 = 1 << 30;

/// What the endpoints need.
#[derive(Debug)]
pub struct Service {
    /// Segments of the route prefix.
    pub prefix: Vec<String>,
    /// Who may ask.
    pub access: Access,
    /// What catalogs are made by.
    pub settings: CatalogSettings,
    /// The runs.
    pub runs: Registry,
    /// Most rows of a batch.
    pub batch_rows_max: u32,
    /// Looks at the source at a time; each is a connection besides those of runs.
    pub looks: Permits,
    /// Which warnings the log has.
    pub told: Told,
}

/// Answers requests for a shared [`Service`].
#[derive(Debug, Clone)]
pub struct Endpoints(pub Arc<Service>);

impl Handler for Endpoints {
    fn handle(&self, request: Request) -> Reply {
        let service = &self.0;
        let path = request.path.clone();
        let inside: Option<Vec<&str>> = path
            .strip_prefix(service.prefix.as_slice())
            .map(|inside| inside.iter().map(String::as_str).collect());
        if inside.as_deref() == Some(&["health"]) {
            return service.health(&request);
        }
        if let Err(denied) = service.access.check(&request) {
            tracing::warn!(peer = %request.peer, request_id = request.request_id, reason = denied.message, "request denied");
            return Reply::error(denied.code, denied.message, &request.request_id);
        }
        let Some(inside) = inside else { return not_found(&request) };
        match (inside.as_slice(), request.method.as_str()) {
            (["manifest"], "GET") => later(service, request, Service::manifest),
            (["runs"], "POST") => later(service, request, Service::begin_run),
            (["runs", id], "GET") => service.clone().run_status(id, &request),
            (["runs", id], "DELETE") => {
                let (service, id) = (Arc::clone(service), (*id).to_owned());
                Reply::later(move || service.end_run(&id, &request.request_id))
            }
            (["dump", table], "GET") => service.clone().dump(table, request),
            (["manifest" | "runs"] | ["runs" | "dump", _], _) => Reply::error(
                Code::MethodNotAllowed,
                "this path does not take that method",
                &request.request_id,
            ),
            _ => not_found(&request),
        }
    }
}

fn not_found(request: &Request) -> Reply {
    Reply::error(Code::NotFound, "there is nothing at this path", &request.request_id)
}

/// Work that asks the source, on a thread of its own.
fn later(
    service: &Arc<Service>,
    request: Request,
    work: fn(&Service, &Request) -> Result<Reply, Refusal>,
) -> Reply {
    let service = Arc::clone(service);
    Reply::later(move || {
        work(&service, &request).unwrap_or_else(|refusal| refusal.reply(&request.request_id))
    })
}

impl Service {
    fn health(&self, request: &Request) -> Reply {
        match self.access.check_address(request.peer) {
            Ok(()) => Reply::Json { status: 200, body: b"{\"status\":\"ok\"}".to_vec(), headers: Vec::new() },
            Err(denied) => Reply::error(denied.code, denied.message, &request.request_id),
        }
    }

    /// The source as it is now. Requests wait for each other: production must not run out of connections because many
    /// ask at once.
    fn look(&self) -> Result<Catalog, Error> {
        let _permit = self.looks.acquire(|| false);
        Catalog::take(&self.settings)
    }

    fn manifest(&self, request: &Request) -> Result<Reply, Refusal> {
        let after = Asked::of(request)?;
        let _permit = self.looks.acquire(|| false);
        let catalog = Catalog::take(&self.settings)?;
        let mut manifest = catalog.manifest();
        catalog.count_news(&self.settings.endpoint, &mut manifest, |table| after.of_table(table))?;
        tracing::info!(peer = %request.peer, tables = catalog.counts().0, request_id = request.request_id, "manifest");
        Ok(Reply::json(200, &manifest)?)
    }

    fn begin_run(&self, request: &Request) -> Result<Reply, Refusal> {
        let wanted: RunRequest = serde_json::from_slice(&request.body).map_err(|error| {
            Refusal::bad_request(format!("the body is not a run request ({})", shape_only(&error)))
        })?;
        let run = self.start(&wanted, request)?;
        let tables = run.tables.iter().zip(&wanted.tables).map(|(plan, asked)| RunTable {
            name: plan.table.name.clone(),
            columns: Some(plan.columns.iter().map(|(name, _)| name.clone()).collect()),
            after: asked.after,
        });
        Ok(Reply::json(201, &RunCreated { run: run.id.clone(), tables: tables.collect() })?)
    }

    fn start(&self, wanted: &RunRequest, request: &Request) -> Result<Arc<Run>, Refusal> {
        let catalog = self.look()?;
        let plan = catalog.plan_run(wanted).map_err(Refusal::of_plan)?;
        // A migration may have added columns since the server started.
        let names: BTreeSet<&str> = wanted.tables.iter().map(|table| table.name.as_str()).collect();
        let is_wanted = |name: &str| names.contains(name);
        self.told.tell(catalog.undecided().of_tables(is_wanted));
        let batch = self.batch_size(wanted, catalog.packet_bytes_max)?;
        let key = request.query_value("key").map(str::to_owned);
        self.runs.begin(key, request.peer.to_string(), plan, batch).map_err(|error| match error.kind() {
            Kind::Busy => Refusal { code: Code::TooManyRuns, message: error.what().to_owned() },
            _ => error.into(),
        })
    }

    /// The smaller of both sides' rows; the bytes that the client's database takes, since nobody sends a statement to
    /// the source. A caller that does not say gets what the source itself would take.
    fn batch_size(&self, wanted: &RunRequest, packet_bytes_max: u64) -> Result<BatchSize, Refusal> {
        let rows_max = wanted.batch_rows.unwrap_or(u32::MAX).min(self.batch_rows_max);
        let of_source = packet_bytes_max.saturating_sub(STATEMENT_MARGIN);
        let bytes = wanted.batch_bytes.unwrap_or(of_source).min(BATCH_BYTES_MAX);
        if rows_max == 0 || bytes < STATEMENT_MARGIN {
            return Err(Refusal::bad_request("batch_rows and batch_bytes are too small".to_owned()));
        }
        Ok(BatchSize {
            rows_max: rows_max.into(),
            statement_bytes_max: usize::try_from(bytes).unwrap_or(usize::MAX),
        })
    }

    fn run_status(self: Arc<Self>, id: &str, request: &Request) -> Reply {
        let Some(run) = self.runs.get(id) else { return run_gone(&request.request_id) };
        let number = |name: &str| request.query_value(name).map(str::parse::<u64>).transpose();
        let (Ok(wait), Ok(seen)) = (number("wait"), number("seen")) else {
            return Reply::error(
                Code::BadRequest,
                "`wait` and `seen` are whole numbers",
                &request.request_id,
            );
        };
        let shown = match request.query_value("tables") {
            None | Some("all") => Shown::All,
            Some("changed") => Shown::Changed,
            Some(_) => {
                let message = "`tables` is `all` or `changed`";
                return Reply::error(Code::BadRequest, message, &request.request_id);
            }
        };
        let wait = Duration::from_secs(wait.unwrap_or(0)).min(WAIT_MAX);
        let request_id = request.request_id.clone();
        let status = move || {
            let status = run.status(seen, wait, shown);
            Reply::json(200, &status).unwrap_or_else(|error| Refusal::from(error).reply(&request_id))
        };
        if wait.is_zero() { status() } else { Reply::later(status) }
    }

    fn end_run(&self, id: &str, request_id: &str) -> Reply {
        if self.runs.end(id, "the client ended it") { Reply::Empty(204) } else { run_gone(request_id) }
    }

    fn dump(self: Arc<Self>, table: &str, request: Request) -> Reply {
        let (part, after) = match part(&request).and_then(|part| Ok((part, after(&request)?))) {
            Ok(asked) => asked,
            Err(refusal) => return refusal.reply(&request.request_id),
        };
        match request.query_value("run") {
            Some(_) if after.is_some() => Reply::error(
                Code::BadRequest,
                "a run was begun with what it is `after`: ask for its tables without it",
                &request.request_id,
            ),
            Some(id) => match self.runs.get(id) {
                Some(run) => dump_of(run, table, part, &request),
                None => run_gone(&request.request_id),
            },
            None if part != Part::Table => Reply::error(
                Code::BadRequest,
                "a chunk belongs to a run: name it with `run`",
                &request.request_id,
            ),
            None => {
                let table = table.to_owned();
                Reply::later(move || self.dump_alone(&table, after, &request))
            }
        }
    }

    /// A table without a run: a run of its own that ends with the stream.
    fn dump_alone(self: Arc<Self>, table: &str, after: Option<Moment>, request: &Request) -> Reply {
        let wanted = RunRequest {
            tables: vec![RunTable { name: table.to_owned(), columns: None, after }],
            format: Format::Sql,
            batch_rows: None,
            batch_bytes: None,
        };
        let run = match self.start(&wanted, request) {
            Ok(run) => run,
            Err(refusal) => return refusal.reply(&request.request_id),
        };
        let ended = {
            let run = Arc::clone(&run);
            move || {
                self.runs.end(&run.id, "its stream ended");
            }
        };
        Reply::Stream(stream::reply(run, 0, Part::Table, request.request_id.clone(), ended))
    }
}

fn part(request: &Request) -> Result<Part, Refusal> {
    if request.query_value("format").is_some_and(|format| format != "sql") {
        return Err(Refusal::bad_request("`format` is `sql` in this version".to_owned()));
    }
    match request.query_value("chunk").map(str::parse::<u32>) {
        None => Ok(Part::Table),
        Some(Ok(number)) => Ok(Part::Chunk(number)),
        Some(Err(_)) => Err(Refusal::bad_request("`chunk` is a whole number".to_owned())),
    }
}

/// The moment that a delta begins at.
fn after(request: &Request) -> Result<Option<Moment>, Refusal> {
    request.query_value("after").map(moment).transpose()
}

fn moment(text: &str) -> Result<Moment, Refusal> {
    text.parse().map_err(|error: Error| Refusal::bad_request(format!("`after`: {error}")))
}

/// What a manifest is asked to count: `after=MOMENT` for all tables, `after[TABLE]=MOMENT` for one.
struct Asked {
    all: Option<Moment>,
    by_table: BTreeMap<String, Moment>,
}

impl Asked {
    fn of(request: &Request) -> Result<Self, Refusal> {
        let mut by_table = BTreeMap::new();
        for (key, value) in &request.query {
            let table = key.strip_prefix("after[").and_then(|rest| rest.strip_suffix(']'));
            if let Some(table) = table {
                by_table.insert(table.to_owned(), moment(value)?);
            }
        }
        Ok(Self { all: after(request)?, by_table })
    }

    fn of_table(&self, table: &str) -> Option<Moment> {
        self.by_table.get(table).copied().or(self.all)
    }
}

fn dump_of(run: Arc<Run>, table: &str, part: Part, request: &Request) -> Reply {
    let Some(at) = run.position(table) else {
        return Reply::error(Code::TableUnknown, "the run does not have this table", &request.request_id);
    };
    let first = if let Part::Chunk(number) = part { number } else { 0 };
    match run.ends_before(at, first) {
        Err(error) => return Reply::error(error.code, &error.error, &request.request_id),
        Ok(true) if part != Part::Table => {
            return Reply::error(Code::NotFound, "the table has no such chunk", &request.request_id);
        }
        Ok(_) => {}
    }
    Reply::Stream(stream::reply(run, at, part, request.request_id.clone(), || ()))
}

fn run_gone(request_id: &str) -> Reply {
    Reply::error(Code::RunGone, "there is no such run (any more)", request_id)
}

/// serde's message without what it quotes.
fn shape_only(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// An answer that is an error, in the caller's words.
struct Refusal {
    code: Code,
    message: String,
}

impl Refusal {
    fn bad_request(message: String) -> Self {
        Self { code: Code::BadRequest, message }
    }

    fn of_plan(error: Error) -> Self {
        let code = match error.kind() {
            Kind::Guard => Code::TableExcluded,
            Kind::Usage if error.what().starts_with("there is no table") => Code::TableUnknown,
            Kind::Usage => Code::BadRequest,
            _ => return error.into(),
        };
        Self { code, message: error.to_string() }
    }

    fn reply(self, request_id: &str) -> Reply {
        Reply::error(self.code, &self.message, request_id)
    }
}

impl From<Error> for Refusal {
    /// Our own words about the configuration are for the caller; everything else is for the log.
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Config | Kind::Schema => {
                tracing::error!(%error, hint = error.hint_text().map(tracing::field::display), "the configuration does not fit the database");
                Self { code: Code::ConfigInvalid, message: hinted(&error) }
            }
            Kind::Source | Kind::Privilege => {
                tracing::error!(%error, hint = error.hint_text().map(tracing::field::display), "the source database failed");
                let message = "the source database cannot be used; the server's log says why";
                Self { code: Code::SourceUnavailable, message: message.to_owned() }
            }
            _ => {
                tracing::error!(%error, "a request failed");
                Self { code: Code::Internal, message: "the server failed; its log says why".to_owned() }
            }
        }
    }
}
