//! What the server has and would send, as of now: schema, selection, checked rules. Made at start, for every manifest
//! and for every run, since migrations happen while a server runs.

use crate::config::Patterns;
use crate::db::introspect::Signature;
use crate::db::{Endpoint, unless_deadlocked};
use crate::error::{Error, Result};
use crate::plan::originals::OriginalsPlan;
use crate::plan::policy::{Keep, Policy};
use crate::plan::reference::Relation;
use crate::plan::run::{MaskAt, Selection, Strategy, TablePlan, is_copied_unruled};
use crate::plan::sanitize::{ANY_TABLE, Facts, MaskKey, Rule, SanitizePlan, plan};
use crate::plan::subset::Limit;
use crate::plan::subset::check::{Ground, check};
use crate::plan::times::Times;
use crate::random;
use crate::scan::{self, Sightings};
use crate::schema::diff::is_transactional;
use crate::schema::graph::KeyGraph;
use crate::schema::{ForeignKey, Schema, Table};
use crate::server::checkpoint::{exactly_since, since};
use crate::server::digest::digest;
use crate::server::leak::LeakPlan;
use crate::server::limits::CheckedLimits;
use crate::server::run::RunPlan;
use crate::server::undecided::Undecided;
use crate::source::news;
use crate::source::survey::Survey;
use crate::source::workspace::read_hint;
use crate::wire::PROTOCOL;
use crate::wire::api::{RunRequest, RunTable};
use crate::wire::manifest::{LeftOut, Manifest, NotCopied, SourceIdentity, TableEntry};
use crate::wire::moment::Moment;
use std::collections::{BTreeMap, BTreeSet};

/// `max_allowed_packet` where a server does not tell it: the smallest default of any version.
const PACKET_BYTES_DEFAULT: u64 = 4 << 20;

/// What a catalog is made by.
#[derive(Debug, Clone)]
pub struct CatalogSettings {
    /// The source.
    pub endpoint: Endpoint,
    /// Excluded tables.
    pub exclude: Patterns,
    /// The rules.
    pub rules: Vec<Rule>,
    /// Makes masks functions of the old values; none makes them anew in every run.
    pub mask_key: Option<MaskKey>,
    /// Which rows are wanted, at most one limit per table.
    pub limits: Vec<Limit>,
    /// Foreign keys that the schema does not declare.
    pub relations: Vec<Relation>,
    /// The time zone that DATETIME columns are written in, for `keep_days`: an offset such as `+00:00`.
    pub datetime_timezone: String,
    /// How rows travel that are not sent as they are.
    pub strategy: Strategy,
    /// What happens to columns without a rule.
    pub policy: Policy,
    /// Columns that are declared harmless.
    pub keep: Keep,
    /// Whether columns without a rule are looked at for leaks, and which are not.
    pub leak_check: Option<Keep>,
    /// Name of the lock that this server holds on the source.
    pub nonce: String,
}

/// The source as it is now, and the plan for it.
#[derive(Debug)]
pub struct Catalog {
    schema: Schema,
    selection: Selection,
    sanitize: SanitizePlan,
    limits: CheckedLimits,
    signatures: BTreeMap<String, Signature>,
    identity: SourceIdentity,
    server_time: String,
    strategy: Strategy,
    undecided: Undecided,
    leak: Option<LeakPlan>,
    /// The source server's own name.
    pub server: String,
    /// The source's packet limit in bytes.
    pub packet_bytes_max: u64,
    /// Connections that the source allows altogether; none where it does not say.
    pub connections_max: Option<u64>,
}

impl Catalog {
    /// Looks at the source and checks every rule against it.
    ///
    /// # Errors
    /// `Config` when a rule does not fit (any more); the source's.
    pub fn take(settings: &CatalogSettings) -> Result<Self> {
        unless_deadlocked(|| Self::look(settings)).map_err(|error| read_hint(error, &settings.endpoint))
    }

    fn look(settings: &CatalogSettings) -> Result<Self> {
        let mut survey = Survey::take(&settings.endpoint)?;
        let folds = survey.facts.folds_table_names();
        let is_excluded = |name: &str| match folds {
            // Such a server may have stored other letters than those that the table was made with.
            true => settings.exclude.is_match_folded(name),
            false => settings.exclude.is_match(name),
        };
        let selection = Selection::new(&survey.schema, is_excluded);
        let salt = random::hex(16)?;
        let concerns = |rule: &Rule, table: &Table| match rule.table.as_str() {
            ANY_TABLE => table.column(&rule.column).is_some(),
            name => name == table.name,
        };
        let is_ruled = |table: &&Table| settings.rules.iter().any(|rule| concerns(rule, table));
        let widest = survey.widest_ids(selection.served.values().filter(is_ruled))?;
        let excluded = settings.rules.iter().map(|rule| &rule.table).filter(|name| is_excluded(name));
        let excluded = excluded.chain(selection.excluded.iter().map(|table| &table.name)).cloned().collect();
        let relations: Vec<ForeignKey> =
            settings.relations.iter().map(|relation| relation.key.clone()).collect();
        let facts = Facts {
            salt: &salt,
            key: settings.mask_key.as_ref(),
            widest_id_digits: widest,
            excluded,
            relations: &relations,
            by_update: settings.strategy == Strategy::Copies(MaskAt::Update),
        };
        let sanitize = plan(&settings.rules, &survey.schema, &facts)?;
        let ground = Ground { schema: &survey.schema, selection: &selection, is_excluded: &is_excluded };
        let checked = check(&settings.limits, &settings.relations, ground)?;
        survey.probe_masks(&sanitize)?;
        let keep = settings.keep.on_server(folds);
        let undecided = Undecided::of(
            settings.policy,
            scan::Ground {
                schema: &survey.schema,
                served: &selection.served,
                rules: &settings.rules,
                masks: &sanitize,
                keep: &keep,
                seen: &Sightings::default(),
                facts: &facts,
            },
        )?;
        survey.try_conditions(&settings.endpoint, &checked)?;
        let limits = CheckedLimits::new(
            checked,
            &selection.served,
            &survey.schema.foreign_keys,
            &survey.server_time,
            &settings.datetime_timezone,
        )?;
        Ok(Self {
            leak: leak_plan(settings, folds, &selection, &sanitize)?,
            identity: survey.facts.identity(&settings.nonce),
            server: survey.server().to_owned(),
            packet_bytes_max: survey.facts.max_allowed_packet.unwrap_or(PACKET_BYTES_DEFAULT),
            connections_max: survey.facts.max_connections,
            server_time: survey.server_time,
            undecided,
            schema: survey.schema,
            signatures: survey.signatures,
            selection,
            sanitize,
            limits,
            strategy: settings.strategy,
        })
    }

    /// The served tables that runs copy into a workspace as things are now.
    #[must_use]
    pub fn copied(&self) -> Vec<&str> {
        let copied = |table: &&Table| {
            let (masks, limited) = (self.sanitize.for_table(&table.name), self.limits.restrict(&table.name));
            self.strategy != Strategy::Select && (masks.is_some() || limited || is_copied_unruled(table))
        };
        self.selection.served.values().filter(copied).map(|table| table.name.as_str()).collect()
    }

    /// What the operator should know.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.sanitize.warnings().to_vec();
        warnings.extend(self.undecided.warnings());
        let excepted = self.leak.iter().map(|leak| &leak.except);
        warnings.extend(
            excepted.flat_map(|except| except.stale_warnings("privacy.leak_check_except", &self.schema)),
        );
        warnings.extend(
            self.selection
                .left_out
                .iter()
                .map(|(name, reason)| format!("table `{name}` is not served: {reason}")),
        );
        warnings.extend(self.foreign_keys().iter().filter_map(|key| self.not_followed(key)));
        warnings.extend(self.limits.warnings().iter().cloned());
        if self.strategy == Strategy::Select {
            let apart = self.selection.served.values().filter(|table| !is_transactional(&table.engine));
            warnings.extend(apart.map(|table| {
                format!(
                    "table `{}` is not read at the moment of the others: {} knows no snapshots",
                    table.name, table.engine
                )
            }));
        }
        warnings
    }

    /// Whether all rows of a table are read at one moment, which is that of all others too.
    fn in_snapshot(&self, table: &str) -> bool {
        let served = self.selection.served.get(table);
        self.strategy == Strategy::Select && served.is_some_and(|table| is_transactional(&table.engine))
    }

    /// The columns that nobody has decided about.
    #[must_use]
    pub fn undecided(&self) -> &Undecided {
        &self.undecided
    }

    fn not_followed(&self, key: &ForeignKey) -> Option<String> {
        let left = match &key.references_schema {
            Some(schema) => format!("leads into database `{schema}` and is left out"),
            None if self.selection.served.contains_key(&key.references) => return None,
            None => format!("leads to `{}`, which is not served", key.references),
        };
        let limits = match self.limits.are_given() {
            false => "",
            true => ": it neither restricts rows nor pulls any in",
        };
        Some(format!("foreign key `{}` of `{}` {left}{limits}", key.name, key.table))
    }

    fn foreign_keys(&self) -> Vec<ForeignKey> {
        self.schema
            .foreign_keys
            .iter()
            .filter(|key| self.selection.served.contains_key(&key.table))
            .cloned()
            .collect()
    }

    /// How many tables are served, and how many of them have rules.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (
            self.selection.served.len(),
            self.sanitize.tables().filter(|t| self.selection.served.contains_key(&t.table)).count(),
        )
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        let foreign_keys = self.foreign_keys();
        Manifest {
            protocol: PROTOCOL,
            backfill: env!("CARGO_PKG_VERSION").to_owned(),
            database: self.schema.database.clone(),
            flavour: self.schema.flavour,
            version: self.schema.version,
            server_time: self.server_time.clone(),
            identity: self.identity.clone(),
            table_order: KeyGraph::new(self.selection.served.keys().map(String::as_str), &foreign_keys)
                .table_order(),
            tables: self.selection.served.values().map(|table| self.entry(table)).collect(),
            foreign_keys,
            excluded: self.selection.excluded.clone(),
            left_out: self
                .selection
                .left_out
                .iter()
                .map(|(name, reason)| LeftOut { name: name.clone(), reason: reason.clone() })
                .collect(),
            not_copied: NotCopied {
                views: self.schema.views,
                triggers: self.schema.triggers.len() as u64,
                routines: self.schema.routines,
                events: self.schema.events,
            },
            warnings: self.warnings(),
        }
    }

    /// Counts in the manifest's tables what is of the moment that `after` names for each, or later, where indexes tell.
    ///
    /// # Errors
    /// The source's.
    pub fn count_news(
        &self,
        endpoint: &Endpoint,
        manifest: &mut Manifest,
        after: impl Fn(&str) -> Option<Moment>,
    ) -> Result<()> {
        let wanted = manifest.tables.iter_mut().filter_map(|entry| {
            let table = self.selection.served.get(&entry.table.name)?;
            let since = exactly_since(&self.times(table).ok()?, after(&table.name)?);
            Some((&mut entry.delta_count, (table, since)))
        });
        let (counts, wanted): (Vec<_>, Vec<_>) = wanted.unzip();
        let news = unless_deadlocked(|| news::count(endpoint, &wanted));
        let news = news.map_err(|error| read_hint(error, endpoint))?;
        counts.into_iter().zip(news).for_each(|(count, found)| *count = found);
        Ok(())
    }

    fn entry(&self, table: &Table) -> TableEntry {
        let masks = self.sanitize.for_table(&table.name);
        let sanitized_columns: Vec<String> = masks
            .map(|masks| masks.columns.iter().map(|column| column.name.clone()).collect())
            .unwrap_or_default();
        TableEntry {
            has_timestamps: table.has_timestamps(),
            has_limit: self.limits.restrict(&table.name),
            limited: self.limits.limited(&table.name),
            has_sanitization: masks.is_some(),
            digest: digest(
                table,
                &sanitized_columns,
                masks.map(|masks| masks.columns.as_slice()).unwrap_or_default(),
                self.sanitize.key(),
                &self.limits.text_for(&table.name),
            ),
            sanitized_columns,
            table: table.clone(),
            can_delta: self.times(table).is_ok(),
            delta_count: None,
        }
    }

    /// The plan of a run that was asked for.
    ///
    /// # Errors
    /// `Usage` for an unknown table or column, `Guard` for an excluded one, `Schema` for what cannot be sent; `Config` as
    /// [`Undecided::check`].
    pub fn plan_run(&self, request: &RunRequest) -> Result<RunPlan> {
        if request.tables.is_empty() {
            return Err(Error::usage("a run needs at least one table"));
        }
        let mut seen = BTreeSet::new();
        let mut tables = Vec::with_capacity(request.tables.len());
        for wanted in &request.tables {
            if !seen.insert(wanted.name.clone()) {
                return Err(Error::usage(format!("table `{}` is asked for twice", wanted.name)));
            }
            tables.push(self.plan_table(wanted)?);
        }
        self.undecided.check(|table| seen.contains(table))?;
        let may_part = |child: &str, parent: &str| !(self.in_snapshot(child) && self.in_snapshot(parent));
        let (checks, unchecked) = self.limits.checks(&tables, may_part);
        if !unchecked.is_empty() {
            tracing::debug!(unchecked = unchecked.join("; "), "references that are not checked");
        }
        let subset = self.limits.plan(&self.selection.served, &seen, &self.sanitize)?;
        Ok(RunPlan { tables, subset, checks, leak: self.leak.clone() })
    }

    fn plan_table(&self, wanted: &RunTable) -> Result<TablePlan> {
        let table = self.selection.table(&wanted.name)?;
        let masks = self.sanitize.for_table(&table.name);
        let signature = self.signatures.get(&table.name).cloned().unwrap_or_default();
        let restricted = self.limits.restrict(&table.name);
        let columns = wanted.columns.as_deref();
        let plan = TablePlan::new(table, columns, masks, restricted, self.strategy, signature)?;
        match (self.times(table), wanted.after) {
            (Ok(times), after) => {
                let since = after.map(|after| since(&times, after));
                plan.timed(times, since)
            }
            (Err(_), None) => Ok(plan),
            (Err(why), Some(_)) => {
                Err(Error::usage(format!("table `{}` cannot be asked for with `after`: {why}", wanted.name)))
            }
        }
    }

    /// By which columns a table can be pulled by delta, or why it cannot.
    fn times(&self, table: &Table) -> Result<Times, String> {
        // A row whose key is masked by a function of it replaces the one of last time.
        let masks = self.sanitize.for_table(&table.name);
        let is_stable = |column: &str| masks.is_some_and(|masks| masks.is_stable(column));
        let is_told = |column: &str| self.sanitize.is_told_by(table, column) && !is_stable(column);
        Times::of(table, self.limits.restrict(&table.name), is_told)
    }
}

/// What the leak check of every run does, if there is one.
fn leak_plan(
    settings: &CatalogSettings,
    folds: bool,
    selection: &Selection,
    sanitize: &SanitizePlan,
) -> Result<Option<LeakPlan>> {
    let Some(except) = &settings.leak_check else { return Ok(None) };
    let originals = OriginalsPlan::new(&selection.served, sanitize)?;
    Ok(Some(LeakPlan { originals, except: except.on_server(folds) }))
}
