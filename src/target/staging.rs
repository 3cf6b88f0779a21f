//! Staging: the new tables, beside the old ones and invisible to the application until the swap.
//!
//! `Staging<Empty>` is built complete first, with every index, CHECK and foreign key, so that whatever the target
//! refuses is refused before a byte is fetched; then what slows loading down is dropped again, of tables that are not
//! small. Loaded, it becomes
//! `Staging<Indexed>`, counted, `Staging<Verified>`; only that can be swapped.

use super::definition::{Definition, IndexDefinition};
use super::names::{Ladder, Layout, Purpose, StagingId};
use super::resume::Loading;
use super::site::Site;
use super::{doc, rehearse};
use crate::db::lock::{HeldLock, LockKeeper};
use crate::db::{Connection, Done};
use crate::error::{Context, Kind, Result};
use crate::fault::phase;
use crate::plan::load::LoadPlan;
use crate::random;
use crate::schema::Flavour;
use crate::sql::Ident;
use crate::sql::ident::string_literal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

/// Version of the records that a pull leaves in its schemas.
pub(super) const RECORD_VERSION: u32 = 1;

/// Tables are there, without rows, indexes that can wait, and foreign keys.
#[derive(Debug)]
pub struct Empty;
/// Rows, indexes and foreign keys are in.
#[derive(Debug)]
pub struct Indexed;
/// Every table has as many rows as were sent.
#[derive(Debug)]
pub struct Verified;

/// A pull's staging in one of its states.
#[derive(Debug)]
pub struct Staging<S> {
    pub(super) core: Core,
    pub(super) state: PhantomData<S>,
}

/// What every state has.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) site: Arc<Site>,
    pub(super) about: Arc<About>,
    pub(super) lock: HeldLock,
}

/// What later pulls and cleanup have to know about a staging; kept in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) version: u32,
    pub(super) layout: Layout,
    pub(super) plan: LoadPlan,
    /// By table number: what was made.
    pub(super) built: Vec<Built>,
    /// Set while rows are loaded: from where, so that a later pull can go on.
    #[serde(default)]
    pub(super) loading: Option<Loading>,
    /// Set when every row is in and counted: what the caller calls this data.
    pub(super) complete: Option<String>,
}

/// One table as it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Built {
    /// Digest of the definition of the application's table, which is replaced or merged into; none for a new table.
    pub(super) replaces: Option<String>,
    /// Indexes to be built when the rows are in.
    pub(super) deferred: Vec<IndexDefinition>,
    /// How many could have been deferred and were not, since the table is small.
    #[serde(default)]
    pub(super) kept_indexes: u64,
    /// Whether its foreign keys are there from the start.
    #[serde(default)]
    pub(super) has_keys: bool,
    /// CHECKs as (name, text) to be added after the swap: their names are taken until then.
    pub(super) late_checks: Vec<(String, String)>,
}

/// How staging is to be made.
#[derive(Debug, Clone, Copy)]
pub struct PrepareOptions<'a> {
    /// Connections to use.
    pub parallel: usize,
    /// Use tables with a prefix even if the account may create schemas.
    pub prefixed: bool,
    /// Tables with so few rows that they are loaded as quickly with their indexes and keys: dropping and building those
    /// costs the server more.
    pub small: &'a BTreeSet<String>,
}

impl Staging<Empty> {
    pub(super) fn build(
        site: Arc<Site>,
        keeper: &LockKeeper,
        plan: LoadPlan,
        options: PrepareOptions<'_>,
    ) -> Result<Self> {
        let mut conn = site.connect(Some(site.database()))?;
        let id = new_id(&mut conn)?;
        let lock = keeper.hold(&id.lock_name())?;
        let layout = place(&site, &mut conn, id, options.prefixed)?;
        phase("staging.created");
        let built = rehearse::build(&site, &mut conn, &layout, &plan, options);
        let about = built.and_then(|built| {
            let about = About {
                version: RECORD_VERSION,
                layout: layout.clone(),
                plan,
                built,
                loading: None,
                complete: None,
            };
            doc::write(&mut conn, &layout.about(), &about)?;
            Ok(about)
        });
        match about {
            Ok(about) => {
                phase("staging.rehearsed");
                Ok(Self { core: Core { site, about: Arc::new(about), lock }, state: PhantomData })
            }
            Err(error) => {
                if let Err(left) = remove(&site, &mut conn, &layout) {
                    tracing::warn!(error = %left, staging = layout.base(Purpose::Load), "staging is left behind");
                }
                Err(error)
            }
        }
    }
}

impl<S> Staging<S> {
    /// The schema (or name prefix) that the new tables are in, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        self.core.about.layout.base(Purpose::Load)
    }

    /// Whether staging is in a schema of its own or in tables beside the application's.
    #[must_use]
    pub fn ladder(&self) -> Ladder {
        self.core.about.layout.ladder
    }

    /// The plan that it was made by.
    #[must_use]
    pub fn plan(&self) -> &LoadPlan {
        &self.core.about.plan
    }

    /// `Err` when the lock that marks this pull as alive is gone.
    ///
    /// # Errors
    /// `Busy`.
    pub fn check_alive(&self) -> Result<()> {
        self.core.lock.check()
    }

    pub(super) fn into_state<T>(self) -> Staging<T> {
        Staging { core: self.core, state: PhantomData }
    }
}

/// The database's clock and four random bytes.
fn new_id(conn: &mut Connection) -> Result<StagingId> {
    let unix: u64 = conn.query_one("SELECT UNIX_TIMESTAMP()")?;
    Ok(StagingId { unix, rand: random::number()? })
}

/// Makes the schema with its record tables, or the record tables alone where the account may not make schemas.
fn place(site: &Site, conn: &mut Connection, id: StagingId, prefixed: bool) -> Result<Layout> {
    let layout = |ladder| Layout { database: site.database().to_owned(), ladder, id };
    if !prefixed {
        let own = layout(Ladder::Schemas);
        match create_schemas(site, conn, &own) {
            Ok(()) => return Ok(own),
            Err(error) if error.kind() == Kind::Privilege => {
                tracing::info!(%error, "the account may not create schemas: staging goes into the target's own");
                for purpose in [Purpose::Load, Purpose::Old] {
                    // The account may create and not drop; then this stays, empty, and cleanup names it.
                    if let Err(error) = drop_schema(conn, &own.base(purpose)) {
                        tracing::debug!(%error, "an empty schema may be left behind");
                    }
                }
            }
            Err(error) => return Err(error),
        }
    }
    let prefixed = layout(Ladder::Prefixed);
    create_records(conn, &prefixed)?;
    Ok(prefixed)
}

fn create_schemas(site: &Site, conn: &mut Connection, layout: &Layout) -> Result<()> {
    create_schema(conn, site.database(), &layout.base(Purpose::Load))?;
    create_records(conn, layout)?;
    // The old tables' schema is made by the swap; whether it can be made is found out now.
    create_schema(conn, site.database(), &layout.base(Purpose::Old))?;
    drop_schema(conn, &layout.base(Purpose::Old)).map(|_| ())
}

/// A schema with the defaults of `model`.
pub(super) fn create_schema(conn: &mut Connection, model: &str, name: &str) -> Result<()> {
    let (charset, collation): (String, String) = conn.query_one(&format!(
        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA \
         WHERE SCHEMA_NAME = {}",
        string_literal(model)
    ))?;
    let encryption = default_encryption(conn, model)?;
    conn.execute(&format!(
        "CREATE SCHEMA {} CHARACTER SET {charset} COLLATE {collation}{encryption}",
        Ident::new(name)
    ))
    .context(|| format!("creating schema `{name}`"))?;
    Ok(())
}

fn default_encryption(conn: &mut Connection, model: &str) -> Result<&'static str> {
    if conn.flavour() != Flavour::Mysql || conn.version().0 < 8 {
        return Ok("");
    }
    let encrypted: Option<String> = conn.query_first(&format!(
        "SELECT DEFAULT_ENCRYPTION FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        string_literal(model)
    ))?;
    Ok(if encrypted.as_deref() == Some("YES") { " ENCRYPTION 'Y'" } else { "" })
}

fn create_records(conn: &mut Connection, layout: &Layout) -> Result<()> {
    doc::create(conn, &layout.about())?;
    doc::write(conn, &layout.about(), &Claim::of(layout))?;
    conn.execute(&format!(
        "CREATE TABLE {} (table_number INT UNSIGNED NOT NULL, chunk INT UNSIGNED NOT NULL, \
         rows_added BIGINT UNSIGNED NOT NULL, rows_removed BIGINT UNSIGNED NOT NULL, \
         PRIMARY KEY (table_number, chunk)) ENGINE=InnoDB",
        layout.chunks()
    ))?;
    Ok(())
}

/// What is known about a staging from its first moment: whose it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) version: u32,
    pub(super) layout: Layout,
}

impl Claim {
    fn of(layout: &Layout) -> Self {
        Self { version: RECORD_VERSION, layout: layout.clone() }
    }
}

pub(super) fn drop_schema(conn: &mut Connection, name: &str) -> Result<Done> {
    conn.execute(&format!("DROP SCHEMA IF EXISTS {}", Ident::new(name)))
}

/// Drops a pull's staging, wherever it is.
pub(super) fn remove(site: &Site, conn: &mut Connection, layout: &Layout) -> Result<()> {
    conn.execute(&format!("DROP TABLE IF EXISTS {}", layout.scratch()))?;
    match layout.ladder {
        Ladder::Schemas => drop_schema(conn, &layout.base(Purpose::Load)).map(|_| ()),
        Ladder::Prefixed => {
            let mut names = of_layout(site, conn, layout, Purpose::Load)?;
            // The record goes last: it says whose the others are.
            let about = layout.about();
            names.retain(|name| *name != about.table());
            drop_tables(conn, layout, &names)?;
            conn.execute(&format!("DROP TABLE IF EXISTS {about}")).map(|_| ())
        }
    }
}

/// Tables in the target's own schema that belong to this pull.
pub(super) fn of_layout(
    site: &Site,
    conn: &mut Connection,
    layout: &Layout,
    purpose: Purpose,
) -> Result<Vec<String>> {
    let all = site.tables(conn, &layout.database)?;
    Ok(all
        .into_iter()
        .filter(|name| super::names::parse(name).is_some_and(|p| p.id == layout.id && p.purpose == purpose))
        .collect())
}

/// Drops tables of the target's own schema by name, all of which are ours.
pub(super) fn drop_tables(conn: &mut Connection, layout: &Layout, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = names.iter().map(|name| layout.live(name).to_string()).collect();
    conn.execute(&format!("DROP TABLE IF EXISTS {}", list.join(", ")))?;
    Ok(())
}

/// Definitions of the tables that will be replaced, as digests by name; what they are compared by before the swap.
pub(super) fn fingerprint(text: &str) -> String {
    doc::digest(&Definition::fingerprint(text))
}

/// Names to numbers, for the loader.
pub(super) fn numbers(plan: &LoadPlan) -> BTreeMap<String, usize> {
    plan.tables.iter().enumerate().map(|(number, table)| (table.name.clone(), number)).collect()
}
