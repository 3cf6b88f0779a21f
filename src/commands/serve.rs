//! `backfill serve`: hands out sanitized copies of the configured database until it is told to stop.

use crate::commands::{Context, plan, rules};
use crate::config::{self, Overrides, ServeConfig, TempStrategy};
use crate::db::Role;
use crate::db::lock::LockKeeper;
use crate::error::{Context as _, Error, Kind, Result};
use crate::plan::policy::Policy;
use crate::plan::reference::Relation;
use crate::plan::run::{MaskAt, Strategy};
use crate::plan::sanitize::MaskKey;
use crate::plan::subset::{Direction, Limit};
use crate::random;
use crate::schema::ForeignKey;
use crate::server::auth::Access;
use crate::server::catalog::{Catalog, CatalogSettings};
use crate::server::encode::Encoder;
use crate::server::explain::explain;
use crate::server::gate::GateOptions;
use crate::server::http::{HttpOptions, Server};
use crate::server::permits::Permits;
use crate::server::runs::{Limits, Registry};
use crate::server::service::{Endpoints, Service};
use crate::server::told::Told;
use crate::server::work::{Means, Shared};
use crate::server::{gate, net};
use crate::source::clock::Clocks;
use crate::source::snapshot::{self, SnapshotLock};
use crate::source::sweep;
use crate::source::workspace::{Home, Layout, Workspace};
use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Options of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// Address to listen on [default: server.bind]
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<SocketAddr>,
    /// Connections to the source over all runs [default: server.threads]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
    /// Show what pulls would do to the source, per table, and end; nothing is written and nobody is served
    #[arg(long)]
    pub plan: bool,
    /// With --plan: the statements too
    #[arg(long, requires = "plan")]
    pub sql: bool,
}

/// Streams may go on for so long after the first signal.
const GRACE: Duration = Duration::from_secs(30);
/// Manifests and plans that are made at a time, each over a connection to the source.
const LOOKS_MAX: usize = 2;
/// Time between two looks at idle runs.
const REAP_EVERY: Duration = Duration::from_secs(1);
/// Time between two sweeps of orphaned workspaces.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// Serves until SIGINT or SIGTERM, or shows the plan.
///
/// # Errors
/// `Config` when the configuration is invalid or does not fit the database; `Source` and `Privilege` when the database
/// cannot be used; `Busy` when the connection that holds the server's locks is lost.
pub fn run(args: &ServeArgs, context: &Context) -> Result<()> {
    let overrides = Overrides { bind: args.bind, threads: args.threads.map(usize::from), parallel: None };
    let config = context.load(overrides)?.serve()?;
    if args.plan {
        let catalog = Catalog::take(&catalog_settings(&config)?)?;
        let home = workspace_home(&config)?;
        let explained = explain(&catalog, home.as_ref().map(Home::layout))?;
        return plan::show(&explained, &config.database.database, args.sql, context);
    }
    let keeper = LockKeeper::open(&config.database, Role::Workspace)?;
    let settings = catalog_settings(&config)?;
    let nonce = keeper.hold(&settings.nonce).context(|| "marking the source as a source")?;
    let catalog = Catalog::take(&settings)?;
    check_connections(&config, &catalog)?;
    catalog.undecided().check(|_| true)?;
    let told = Told::default();
    told.tell(catalog.warnings().iter().map(String::as_str));
    let means = means(&config)?;
    match &means {
        Means::Copies(home) => {
            let copied = catalog.copied();
            sweep(home);
            // Who only reads needs no right on workspaces.
            if !copied.is_empty() {
                Workspace::try_out(home, &keeper, copied)?;
            }
        }
        Means::Select(_) => snapshot::try_out(&config.database)?,
    }
    let listener = gate::bind(config.bind)?;
    let (tables, ruled) = catalog.counts();
    let service = Arc::new(service(&config, settings, keeper, means, catalog.server.clone(), told)?);
    let server = Server::start(listener, http_options(&config)?, Arc::new(Endpoints(Arc::clone(&service))))?;
    // Before anybody is told that it listens.
    let stop = listen_for_signals()?;
    context.screen.result(&format!(
        "listening on {}://{}/{} (database `{}`: {tables} tables, {ruled} with rules)",
        if config.tls.is_some() { "https" } else { "http" },
        server.local_addr(),
        config.route_prefix,
        config.database.database
    ))?;
    let result = wait(&service, &stop);
    tracing::info!("stopping: no new requests, streams have {} s to end", GRACE.as_secs());
    let quiet = server.shutdown(if service.runs.is_empty() { Duration::ZERO } else { grace(&result) });
    service.runs.end_all("the server stops");
    if !quiet {
        tracing::warn!("streams were cut when the server stopped");
    }
    drop(nonce);
    result.map(|_| ())
}

/// Production needs its connections for itself.
fn check_connections(config: &ServeConfig, catalog: &Catalog) -> Result<()> {
    match catalog.connections_max {
        Some(allowed) if config.threads as u64 * 2 > allowed => Err(Error::config(format!(
            "server.threads = {} is more than half of the {allowed} connections that the source allows",
            config.threads
        ))
        .hint("lower server.threads, or raise max_connections on the source")),
        _ => Ok(()),
    }
}

fn means(config: &ServeConfig) -> Result<Means> {
    Ok(match workspace_home(config)? {
        Some(home) => Means::Copies(home),
        None => Means::Select(match config.snapshot_lock {
            config::SnapshotLock::None => SnapshotLock::None,
            config::SnapshotLock::Tables => SnapshotLock::Tables,
        }),
    })
}

/// Where workspaces are made, and as whom; none where nothing is copied.
pub(super) fn workspace_home(config: &ServeConfig) -> Result<Option<Home>> {
    let layout = match &config.temp_strategy {
        TempStrategy::Database => Layout::Schema,
        TempStrategy::TempDatabase(name) => Layout::Shared { temp_database: name.clone() },
        TempStrategy::Tables => Layout::Tables,
        TempStrategy::Select => return Ok(None),
    };
    Home::new(&config.database, layout, config.temp_account.as_ref()).map(Some)
}

/// Drops what dead runs left; that it cannot be done keeps nobody from serving.
fn sweep(home: &Home) {
    if let Err(error) = sweep::sweep(home) {
        tracing::warn!(%error, "orphaned workspaces could not be looked for");
    }
}

/// A server that lost its locks has nothing to wait for.
fn grace(result: &Result<i32>) -> Duration {
    if result.is_ok() { GRACE } else { Duration::ZERO }
}

fn service(
    config: &ServeConfig,
    settings: CatalogSettings,
    keeper: LockKeeper,
    means: Means,
    server: String,
    told: Told,
) -> Result<Service> {
    let shared = Shared {
        endpoint: config.database.clone(),
        server,
        means,
        keeper,
        permits: Permits::new(config.threads),
        workers_max: config.threads.saturating_sub(config.max_runs.saturating_sub(1)).max(1),
        clocks: Clocks::default(),
        encoder: Encoder::new(config.compression_level)?,
    };
    let limits = Limits {
        runs_max: config.max_runs,
        idle_timeout: config.idle_timeout,
        stall_timeout: config.stall_timeout,
        spool_bytes_max: config.spool_max,
    };
    Ok(Service {
        prefix: config.route_prefix.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        access: Access::new(&config.tokens, config.allow_ips.clone()),
        settings,
        runs: Registry::new(Arc::new(shared), limits),
        batch_rows_max: config.chunk_size,
        looks: Permits::new(LOOKS_MAX),
        told,
    })
}

fn http_options(config: &ServeConfig) -> Result<HttpOptions> {
    let tls = config.tls.as_ref().map(|files| gate::tls::load(&files.certificate, &files.key)).transpose()?;
    let defaults = GateOptions::default();
    let files = net::raise_file_limit()?;
    let gate = GateOptions {
        max_connections: net::connections_within(files, defaults.max_connections),
        stall_timeout: config.stall_timeout,
        tls,
        ..defaults
    };
    Ok(HttpOptions { gate, ..HttpOptions::default() })
}

pub(super) fn catalog_settings(config: &ServeConfig) -> Result<CatalogSettings> {
    Ok(CatalogSettings {
        endpoint: config.database.clone(),
        exclude: config.exclude_tables.clone(),
        rules: rules::planned(&config.rules)?,
        mask_key: config.mask_key.as_ref().map(MaskKey::derive).transpose()?,
        limits: config.limits.iter().map(limit).collect(),
        relations: config.relations.iter().enumerate().map(|(at, one)| relation(at + 1, one)).collect(),
        datetime_timezone: config.datetime_timezone.clone(),
        strategy: match (&config.temp_strategy, config.mask_at) {
            (TempStrategy::Select, _) => Strategy::Select,
            (_, config::MaskAt::Update) => Strategy::Copies(MaskAt::Update),
            (_, config::MaskAt::Copy) => Strategy::Copies(MaskAt::Copy),
        },
        policy: match config.policy {
            crate::config::Policy::Open => Policy::Open,
            crate::config::Policy::Warn => Policy::Warn,
            crate::config::Policy::Strict => Policy::Strict,
        },
        keep: rules::kept(&config.keep)?,
        leak_check: config.leak_check.as_ref().map(rules::kept).transpose()?,
        nonce: format!("backfill:source:{}", random::hex(16)?),
    })
}

fn limit(limit: &config::Limit) -> Limit {
    Limit {
        table: limit.table.clone(),
        all: limit.all,
        max_rows: limit.max_rows,
        order_by: limit.order_by.clone(),
        direction: match limit.direction {
            config::Direction::Asc => Direction::Asc,
            config::Direction::Desc => Direction::Desc,
        },
        keep_days: limit.keep_days,
        condition: limit.condition.clone(),
        percent: limit.percent,
    }
}

/// The relation of that number, from 1.
pub(super) fn relation(number: usize, relation: &config::Relation) -> Relation {
    Relation {
        key: ForeignKey {
            name: format!("relation {number}"),
            table: relation.table.clone(),
            columns: relation.columns.clone(),
            references_schema: None,
            references: relation.references.clone(),
            referenced_columns: relation.referenced_columns.clone(),
            on_delete: "NO ACTION".to_owned(),
            on_update: "NO ACTION".to_owned(),
        },
        when: relation.when.clone(),
    }
}

/// Signals from now on. After the first the next one ends the process at once: what it leaves behind is swept by the next
/// start.
struct Stop {
    signals: Receiver<i32>,
    at_once: Arc<AtomicBool>,
}

fn listen_for_signals() -> Result<Stop> {
    let listening = |error| Error::internal("listening for signals").source(error);
    let at_once = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&at_once)).map_err(listening)?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(listening)?;
    let (sender, received) = channel();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if sender.send(signal).is_err() {
                    return;
                }
            }
        })
        .map_err(|error| Error::internal("starting the signal thread").source(error))?;
    Ok(Stop { signals: received, at_once })
}

/// Waits for a signal, and meanwhile ends idle runs and sweeps.
fn wait(service: &Service, stop: &Stop) -> Result<i32> {
    let mut swept = Instant::now();
    loop {
        match stop.signals.recv_timeout(REAP_EVERY) {
            Ok(signal) => {
                stop.at_once.store(true, Ordering::Release);
                return Ok(signal);
            }
            Err(RecvTimeoutError::Disconnected) => return Err(Error::internal("the signal thread ended")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if service.runs.shared().keeper.lost() {
            return Err(Error::new(Kind::Source, "the connection that holds the server's locks was lost, and with it the proof that its workspaces are alive")
                .hint("start `backfill serve` again (a supervisor like systemd should)"));
        }
        service.runs.reap();
        if swept.elapsed() >= SWEEP_EVERY {
            swept = Instant::now();
            service.runs.shared().means.home().into_iter().for_each(sweep);
        }
    }
}
