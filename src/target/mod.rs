//! The developer side: the only writer of the target database.
//!
//! A pull goes through this module from top to bottom:
//! 1. [`Target::open`], its guards, [`Target::plan`]: nothing is written;
//! 2. [`Target::claim`]: one pull at a time; [`Claimed::recover`] ends what a dead pull left in the middle;
//! 3. [`Claimed::prepare`]: staging is built complete and empty, so that every refusal comes now;
//! 4. [`staging::Staging::load_pool`] and one [`load::Loader`] per worker: rows;
//! 5. [`staging::Staging::build_indexes`], on request [`staging::Staging::reread`], [`staging::Staging::verify`];
//! 6. [`staging::Staging::swap`]: the one transaction that merges deltas into the application's tables, and the one
//!    statement that replaces the others.
//!
//! **The application's tables are whole at every moment**: until the merge is committed (without one, until the swap's
//! `RENAME`) they are the old ones, from it on the new ones, and whatever the process dies in, the next pull or
//! cleanup finishes from the journal.

pub mod binlog;
mod blockers;
pub mod definition;
mod doc;
mod evict;
pub mod fingerprint;
pub mod finish;
pub mod guard;
pub mod indexes;
pub mod journal;
mod keys;
pub mod load;
mod lock;
mod merge;
pub mod names;
mod no_member;
mod outside;
mod patience;
mod pool;
pub mod recover;
mod rehearse;
pub mod reread;
pub mod resume;
mod site;
pub mod staging;
pub mod swap;
pub mod sweep;
pub mod trigger;
pub mod verify;

use crate::db::flavour::ServerFacts;
use crate::db::introspect::load_schema;
use crate::db::lock::{HeldLock, LockKeeper};
use crate::db::{Connection, Endpoint, Role, unless_deadlocked};
use crate::error::{Context, Error, Kind, Result};
use crate::plan::load::{LoadPlan, Origin, RESERVED, Wanted};
use crate::schema::{ForeignKey, Schema};
use crate::sql::Ident;
use crate::sql::ident::string_literal;
use crate::wire::manifest::SourceIdentity;
use fingerprint::Fingerprint;
use recover::Recovered;
use site::Site;
use staging::{About, Core, Empty, PrepareOptions, RECORD_VERSION, Staging, Verified};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use sweep::Orphan;

/// Whether the target's database exists, as far as the account sees.
///
/// # Errors
/// As [`Connection::open`].
pub fn exists(endpoint: &Endpoint) -> Result<bool> {
    let mut conn = Connection::open_in(endpoint, Role::Target, None)?;
    Ok(canonical_name(&mut conn, &endpoint.database)?.is_some())
}

/// Creates the target's database.
///
/// # Errors
/// `Guard` for a schema of the server itself, `Privilege` with what to grant, the server's.
pub fn create(endpoint: &Endpoint) -> Result<()> {
    guard::check_schema_name(&endpoint.database)?;
    let mut conn = Connection::open_in(endpoint, Role::Target, None)?;
    let name = Ident::new(endpoint.database.as_str());
    conn.execute(&format!("CREATE SCHEMA IF NOT EXISTS {name} CHARACTER SET utf8mb4"))
        .map_err(|error| match error.kind() {
            Kind::Privilege => {
                error.hint(format!("create it as an administrator and grant ALL ON {name}.* to the account"))
            }
            _ => error,
        })
        .context(|| format!("creating database {name}"))?;
    Ok(())
}

/// The database's name as the server spells it.
fn canonical_name(conn: &mut Connection, database: &str) -> Result<Option<String>> {
    conn.query_first(&format!(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        string_literal(database)
    ))
}

/// A target database that can be looked at.
#[derive(Debug, Clone)]
pub struct Target {
    site: Arc<Site>,
}

impl Target {
    /// Connects and asks the server what it is. Nothing is changed.
    ///
    /// # Errors
    /// `Guard` for a schema of the server itself; as [`Connection::open`].
    pub fn open(endpoint: &Endpoint) -> Result<Self> {
        guard::check_schema_name(&endpoint.database)?;
        let mut conn = Connection::open(endpoint, Role::Target)?;
        let facts = ServerFacts::load(&mut conn)?;
        let mut endpoint = endpoint.clone();
        if let Some(name) = canonical_name(&mut conn, &endpoint.database)? {
            endpoint.database = name;
        }
        Ok(Self { site: Arc::new(Site { endpoint, facts }) })
    }

    /// What the server says about itself.
    #[must_use]
    pub fn facts(&self) -> &ServerFacts {
        &self.site.facts
    }

    /// Most bytes that the rows of one batch may have.
    #[must_use]
    pub fn batch_bytes_max(&self) -> u64 {
        load::batch_bytes_max(&self.site)
    }

    /// Refuses to go on if this server is the source's.
    ///
    /// # Errors
    /// As [`guard::check_not_source`].
    pub fn check_not_source(&self, source: &SourceIdentity) -> Result<()> {
        let mut conn = self.site.connect(None)?;
        guard::check_not_source(&mut conn, &self.site.facts, source)
    }

    /// The application's tables.
    ///
    /// # Errors
    /// As [`load_schema`].
    pub fn schema(&self) -> Result<Schema> {
        let mut schema = unless_deadlocked(|| {
            let mut conn = self.site.connect(Some(self.site.database()))?;
            load_schema(&mut conn, self.site.database())
        })?;
        let ours = |name: &str| name.to_lowercase().starts_with(RESERVED);
        schema.tables.retain(|name, _| !ours(name));
        schema.foreign_keys.retain(|key| !ours(&key.table));
        schema.triggers.retain(|trigger| !ours(&trigger.table));
        Ok(schema)
    }

    /// What tells later whether these tables are still the ones that they are now. Tables that do not exist are left
    /// out.
    ///
    /// # Errors
    /// The server's.
    pub fn fingerprints<S: AsRef<str>>(&self, names: &[S]) -> Result<BTreeMap<String, Fingerprint>> {
        let mut conn = self.site.connect(Some(self.site.database()))?;
        fingerprint::read(&self.site, &mut conn, names)
    }

    /// Plans the replacement of `wanted`; `schema` is [`Target::schema`], `source_keys` are the source's foreign keys.
    ///
    /// # Errors
    /// `Guard` for tables whose engines store elsewhere; as [`LoadPlan::new`]; the server's.
    pub fn plan(&self, schema: &Schema, wanted: Vec<Wanted>, source_keys: &[ForeignKey]) -> Result<LoadPlan> {
        let mut conn = self.site.connect(None)?;
        let elsewhere = outside::elsewhere(&mut conn, self.site.database())?;
        let plan = LoadPlan::new(schema, wanted, source_keys, elsewhere)?;
        let own = plan.tables.iter().filter(|table| table.origin == Origin::Own);
        guard::check_engines(
            own.filter_map(|t| schema.tables.get(&t.name)).map(|t| (t.name.as_str(), t.engine.as_str())),
        )?;
        Ok(plan)
    }

    /// Takes the lock that lets one pull (or cleanup) at a time change this database.
    ///
    /// # Errors
    /// `Busy` naming the connection that has it.
    pub fn claim(&self) -> Result<Claimed> {
        let keeper = LockKeeper::open(&self.site.endpoint, Role::Target)?;
        let lock = keeper
            .hold(&lock::pull_lock(self.site.database()))
            .context(|| format!("another pull into `{}` is running", self.site.database()))?;
        Ok(Claimed { site: Arc::clone(&self.site), keeper, lock })
    }
}

/// A target database that nobody else pulls into.
#[derive(Debug)]
pub struct Claimed {
    site: Arc<Site>,
    keeper: LockKeeper,
    lock: HeldLock,
}

impl Claimed {
    /// `Err` when the lock is gone, and with it the right to go on.
    ///
    /// # Errors
    /// `Busy`.
    pub fn check_alive(&self) -> Result<()> {
        self.lock.check().map_err(|error| {
            error
                .context("another pull may begin from now on, so this one stops")
                .hint("your data is as it was; pull again")
        })
    }

    /// Calls `action` once if the locks are lost.
    pub fn on_lost(&self, action: impl FnOnce() + Send + 'static) {
        self.keeper.on_lost(action);
    }

    /// Takes every swap that was interrupted to its end. To be called before anything else.
    ///
    /// # Errors
    /// `Busy` when a killed pull's statement still runs; `Integrity` when tables are gone; the server's.
    pub fn recover(&self) -> Result<Vec<Recovered>> {
        // Every step of it can be taken again.
        unless_deadlocked(|| recover::recover(&self.site))
    }

    /// What dead pulls left, at least `older_than` old, oldest first.
    ///
    /// # Errors
    /// The server's.
    pub fn orphans(&self, older_than: Duration) -> Result<Vec<Orphan>> {
        unless_deadlocked(|| sweep::list(&self.site, &mut self.site.connect(None)?, older_than))
            .context(|| "looking for what dead pulls left")
    }

    /// Drops one of them.
    ///
    /// # Errors
    /// The server's.
    pub fn drop_orphan(&self, orphan: &Orphan) -> Result<()> {
        sweep::drop(&self.site, &mut self.site.connect(None)?, orphan)
            .context(|| format!("dropping `{}`", orphan.name))
    }

    /// Takes over a staging that a pull loaded completely and could not swap. What that pull had made for old tables
    /// before it wrote its journal goes: this one makes it again.
    ///
    /// # Errors
    /// `Internal` when the orphan is not a complete staging; the server's.
    pub fn resume(&self, orphan: &Orphan) -> Result<Staging<Verified>> {
        let is_of_it = |other: &Orphan| !other.is_staging() && other.layout().id == orphan.layout().id;
        for other in self.orphans(Duration::ZERO)?.iter().filter(|other| is_of_it(other)) {
            self.drop_orphan(other)?;
        }
        let lock = self.keeper.hold(&orphan.layout().id.lock_name())?;
        let mut conn = self.site.connect(None)?;
        let about: Option<About> = doc::read(&mut conn, &orphan.layout().about())?;
        let about = about.filter(|about| {
            orphan.is_staging() && about.complete.is_some() && about.version == RECORD_VERSION
        });
        let about = about.ok_or_else(|| Error::internal(format!("`{}` is not complete", orphan.name)))?;
        let core = Core { site: Arc::clone(&self.site), about: Arc::new(about), lock };
        Ok(Staging { core, state: std::marker::PhantomData })
    }

    /// Builds staging for `plan`, after dropping what dead pulls of this database left: nobody else may have any.
    ///
    /// # Errors
    /// `Schema` or `Privilege` with everything that the target refuses; the server's. Nothing is left behind.
    pub fn prepare(&self, plan: LoadPlan, options: PrepareOptions<'_>) -> Result<Staging<Empty>> {
        self.lock.check()?;
        for orphan in self.orphans(Duration::ZERO)? {
            tracing::info!(name = orphan.name, "dropping what a dead pull left");
            self.drop_orphan(&orphan)?;
        }
        Staging::build(Arc::clone(&self.site), &self.keeper, plan, options)
            .map_err(|error| self.site.with_grant(error))
    }
}
