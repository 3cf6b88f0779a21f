//! The script of a pull, from the first guard to the last line of the history.
//!
//! Up to the swap nothing of the application's is touched: whatever fails or is interrupted before leaves the data as
//! it was, and what was staged is dropped.

use super::api::{Api, Remote};
use super::failure::same_protocol;
use super::identity;
use super::outage::Patience;
use super::select::{Selection, Wishes, select};
use super::state::{Begun, Mode, Pair, State, TargetRecord, outcome_of, unix_now};
use super::summary::{Preview, Summary};
use super::work::Work;
use super::{Interrupt, Progress};
use crate::config::PullConfig;
use crate::db::flavour::ServerFacts;
use crate::db::introspect::view_names;
use crate::db::{Connection, Role, unless_deadlocked};
use crate::error::{Context, Result};
use crate::schema::Schema;
use crate::schema::diff::TargetSide;
use crate::target::{self, Claimed, Target, guard};
use crate::wire::manifest::Manifest;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How many steps are counted out to the user.
const STEPS: u32 = 8;

/// Asks the user a question that is answered with yes or no.
pub type Confirm<'a> = &'a dyn Fn(&str) -> Result<bool>;

/// A pull that can be made or shown.
#[derive(Clone, Copy)]
pub struct Pull<'a> {
    /// What is true.
    pub config: &'a PullConfig,
    /// `--tables`; empty for all.
    pub tables: &'a [String],
    /// `--verify`: read back what was loaded, before it is swapped in.
    pub verify: bool,
    /// `--fresh`: nothing of an earlier pull is used.
    pub fresh: bool,
    /// Who listens.
    pub progress: &'a dyn Progress,
    /// Who may stop it.
    pub interrupt: &'a Interrupt,
}

/// What is known before anything is changed.
struct Known {
    manifest: Manifest,
    /// None: the database does not exist.
    target: Option<Target>,
    facts: ServerFacts,
    views: BTreeSet<String>,
}

impl Pull<'_> {
    /// What a pull would do. Changes nothing anywhere.
    ///
    /// # Errors
    /// As [`Pull::run`], as far as it goes.
    pub fn preview(&self) -> Result<Preview> {
        self.check_environment()?;
        let api = self.api();
        let manifest = self.manifest(&api)?;
        let known = unless_deadlocked(|| self.look(&manifest))?;
        let schema = self.schema(&known)?;
        let selection = self.select(&known, &schema)?;
        Ok(Preview::new(&known.manifest, self.config.database.describe(), selection))
    }

    /// Pulls. None if the user said no.
    ///
    /// # Errors
    /// Every kind; the target's data is as it was unless the message says otherwise.
    pub fn run(&self, confirm: Confirm<'_>) -> Result<Option<Summary>> {
        let begun = Instant::now();
        self.step(1, "checking environment and history")?;
        self.check_environment()?;
        let (mut state, remark) = State::open(&self.config.state_file)?;
        self.remark(remark);

        let api = self.api();
        self.step(2, &format!("asking {} for the manifest", api.base()))?;
        let manifest = self.manifest(&api)?;
        self.step(3, &format!("looking at the target {}", self.config.database.describe()))?;
        let known = unless_deadlocked(|| self.look(&manifest))?;
        let claimed = self.claim(known.target.as_ref())?;
        let schema = self.schema(&known)?;
        let selection = self.select(&known, &schema)?;
        if !confirm(&self.question(&known, &selection))? {
            return Ok(None);
        }
        let (target, claimed) = match (known.target, claimed) {
            (Some(target), Some(claimed)) => (target, claimed),
            _ => self.create_database()?,
        };

        let tables = selection.pulled.len() + selection.empty.len();
        let id = state.begin(Begun {
            mode: Mode::Full,
            source: &manifest.database,
            target: &self.config.database.describe(),
            tables: tables as u64,
            unchanged: 0,
            selected: !self.tables.is_empty(),
        })?;
        let work = Work { pull: self, api: &api, manifest: &manifest, target: &target, claimed: &claimed };
        let done = work.stage(&schema, &selection).and_then(|staged| work.swap(staged));
        let duration = begun.elapsed();
        match done {
            Ok(mut summary) => {
                let left = TargetRecord {
                    pair: Pair {
                        target: identity::target(target.facts(), &self.config.database),
                        source: identity::source(&manifest),
                    },
                    target_name: self.config.database.describe(),
                    source_name: manifest.database.clone(),
                    used: unix_now(),
                    tables: BTreeMap::new(),
                };
                if let Err(error) = state.complete(&id, summary.rows, duration, left) {
                    summary.notes.push(format!("the data is in place, the history is not written: {error}"));
                }
                summary.id = id;
                summary.duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                let left = selection.left_alone.iter().map(|(table, why)| format!("`{table}`: {why}"));
                summary.notes.extend(left.chain(selection.notes).chain(manifest.warnings));
                Ok(Some(summary))
            }
            Err(error) => {
                work.clean_up(&error);
                if let Err(second) = state.fail(&id, outcome_of(&error), None, duration) {
                    tracing::warn!(error = %second, "the history is not written");
                }
                Err(error)
            }
        }
    }

    /// Begins a step, unless somebody wants to stop.
    pub(super) fn step(&self, number: u32, what: &str) -> Result<()> {
        self.interrupt.check()?;
        self.progress.step(number, STEPS, what);
        Ok(())
    }

    fn remark(&self, remark: Option<String>) {
        if let Some(text) = remark {
            self.progress.note(&text);
        }
    }

    fn check_environment(&self) -> Result<()> {
        let environment = &self.config.environment;
        guard::check_environment(&environment.name, &self.config.allowed_environments)
            .context(|| format!("by {}", environment.origin))
    }

    pub(super) fn remote(&self) -> Remote {
        Remote {
            base: self.config.api_base().to_string(),
            token: self.config.token.clone(),
            timeout: self.config.timeout,
        }
    }

    pub(super) fn api(&self) -> Api {
        Api::new(&self.remote())
    }

    fn manifest(&self, api: &Api) -> Result<Manifest> {
        let patience = Patience::new(self.config.timeout, self.progress, self.interrupt);
        let manifest = patience.first_contact(|| api.manifest())?;
        same_protocol(manifest.protocol, api.base())?;
        tracing::info!(
            server = manifest.backfill,
            source = manifest.database,
            tables = manifest.tables.len(),
            "manifest received"
        );
        Ok(manifest)
    }

    /// Finds out what the target is, and that it is not the source, over a connection that changes nothing.
    fn look(&self, manifest: &Manifest) -> Result<Known> {
        let endpoint = &self.config.database;
        guard::check_schema_name(&endpoint.database)?;
        let mut conn = Connection::open_in(endpoint, Role::Target, None)?;
        let facts = ServerFacts::load(&mut conn)?;
        guard::check_not_source(&mut conn, &facts, &manifest.identity)?;
        let target = if target::exists(endpoint)? { Some(Target::open(endpoint)?) } else { None };
        let views = view_names(&mut conn, &endpoint.database)?;
        Ok(Known { manifest: manifest.clone(), target, facts, views })
    }

    /// Makes sure that nobody else pulls into the target, and ends what a dead pull left in the middle.
    fn claim(&self, target: Option<&Target>) -> Result<Option<Claimed>> {
        let Some(target) = target else { return Ok(None) };
        let claimed = target.claim()?;
        for recovered in claimed.recover()? {
            let tables = recovered.tables;
            self.progress.note(&match (recovered.left_behind, recovered.swapped) {
                (Some(left), _) => left,
                (None, true) => format!("an interrupted swap of {tables} tables was completed"),
                (None, false) => {
                    format!("an interrupted swap of {tables} tables was undone; the data is as it was")
                }
            });
        }
        Ok(Some(claimed))
    }

    fn create_database(&self) -> Result<(Target, Claimed)> {
        target::create(&self.config.database)?;
        let target = Target::open(&self.config.database)?;
        let claimed = target.claim()?;
        Ok((target, claimed))
    }

    /// The target's tables; none where there is no database yet.
    fn schema(&self, known: &Known) -> Result<Schema> {
        match &known.target {
            Some(target) => target.schema(),
            None => Ok(Schema {
                database: self.config.database.database.clone(),
                flavour: known.facts.flavour,
                version: known.facts.version,
                tables: BTreeMap::new(),
                foreign_keys: Vec::new(),
                triggers: Vec::new(),
                views: 0,
                routines: 0,
                events: 0,
            }),
        }
    }

    fn select(&self, known: &Known, schema: &Schema) -> Result<Selection> {
        let wishes = Wishes {
            tables: self.tables,
            keep: &self.config.keep_tables,
            exclude: &self.config.exclude_tables,
            create_missing: self.config.create_missing_tables,
        };
        let folds_names = known.facts.folds_table_names();
        select(&known.manifest, TargetSide { schema, views: &known.views, folds_names }, wishes)
    }

    fn question(&self, known: &Known, selection: &Selection) -> String {
        let endpoint = &self.config.database;
        let host = match &endpoint.socket {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", endpoint.host, endpoint.port),
        };
        let new = selection.pulled.iter().filter(|pulled| pulled.is_new).count() + selection.empty.len();
        let replaced = selection.pulled.len() + selection.empty.len() - new;
        let name = &endpoint.database;
        match (&known.target, replaced, new) {
            (None, _, new) => format!("create database `{name}` on {host} with {new} tables?"),
            (Some(_), 0, new) => format!("create {new} tables in `{name}` on {host}?"),
            (Some(_), replaced, 0) => format!("replace {replaced} tables of `{name}` on {host}?"),
            (Some(_), replaced, new) => {
                format!("replace {replaced} tables of `{name}` on {host} and create {new}?")
            }
        }
    }
}
