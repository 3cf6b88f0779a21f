//! The script of a pull, from the first guard to the last line of the history.
//!
//! Up to the swap nothing of the application's is touched: whatever fails or is interrupted before leaves the data as
//! it was, and what was staged is dropped.

use super::api::{Api, Remote};
use super::delta::{self, Past};
use super::failure::same_protocol;
use super::kept::Brought;
use super::outage::Patience;
use super::select::{Selection, Wishes, select};
use super::sight::Sight;
use super::state::{Begun, Mode, Pair, Records, State, TargetRecord, outcome_of, read_history, unix_now};
use super::summary::{Preview, Summary};
use super::work::Work;
use super::{Interrupt, Progress, aftermath, identity};
use crate::config::PullConfig;
use crate::db::unless_deadlocked;
use crate::error::{Context, Error, Kind, Result};
use crate::schema::Schema;
use crate::schema::diff::TargetSide;
use crate::target::fingerprint::Fingerprint;
use crate::target::{self, Claimed, Target, guard};
use crate::wire::manifest::Manifest;
use std::collections::BTreeMap;
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
    /// `--full`: bring every row, whatever was pulled before.
    pub full: bool,
    /// `--verify`: read back what was loaded, before it is swapped in.
    pub verify: bool,
    /// `--fresh`: nothing of an earlier pull is used.
    pub fresh: bool,
    /// Who listens.
    pub progress: &'a dyn Progress,
    /// Who may stop it.
    pub interrupt: &'a Interrupt,
}

/// What will be done, decided before anything is changed.
struct Decided {
    manifest: Manifest,
    schema: Schema,
    selection: Selection,
    pair: Pair,
    /// Tables that have rows which no pull brought, and are to be replaced.
    strangers: Vec<String>,
}

/// What is there once everything is in place.
struct Came {
    brought: Brought,
    /// Tables that stayed, as they were before.
    stayed: BTreeMap<String, Fingerprint>,
}

/// What the target's tables are known by. A target that does not answer is no reason to fail: without fingerprints the
/// next pull brings its tables whole.
fn fingerprints(target: &Target, names: &[String]) -> BTreeMap<String, Fingerprint> {
    if names.is_empty() {
        return BTreeMap::new();
    }
    target.fingerprints(names).unwrap_or_else(|error| {
        tracing::warn!(%error, "the target's tables cannot be looked at: the next pull brings them whole");
        BTreeMap::new()
    })
}

impl Pull<'_> {
    /// What a pull would do. Changes nothing anywhere.
    ///
    /// # Errors
    /// As [`Pull::run`], as far as it goes.
    pub fn preview(&self) -> Result<Preview> {
        self.check_environment()?;
        let history = read_history(&self.config.state_file)?;
        self.remark(history.remark);
        let mut sight = unless_deadlocked(|| Sight::of(&self.config.database))?;
        let past = self.past(&history.records, &sight);
        let manifest = self.manifest(&self.api(), &past)?;
        sight.check_not_source(&manifest)?;
        let Decided { manifest, selection, strangers, .. } = self.decide(&sight, &past, manifest)?;
        Ok(Preview::new(&manifest, self.config.database.describe(), selection, &strangers))
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

        self.step(2, &format!("looking at the target {}", self.config.database.describe()))?;
        let mut sight = unless_deadlocked(|| Sight::of(&self.config.database))?;
        let past = self.past(state.records(), &sight);
        let api = self.api();
        self.step(3, &format!("asking {} for the manifest", api.base()))?;
        let manifest = self.manifest(&api, &past)?;
        sight.check_not_source(&manifest)?;
        let claimed = self.claim(&sight, &mut state)?;
        let decided = self.decide(&sight, &past, manifest)?;
        if let Some(question) = self.question(&sight, &decided)
            && !confirm(&question)?
        {
            return Ok(None);
        }
        let (target, claimed) = match (sight.target, claimed) {
            (Some(target), Some(claimed)) => (target, claimed),
            _ => self.create_database()?,
        };
        let id = state.begin(self.begun(&decided, &self.config.database.describe()))?;
        let work =
            Work { pull: self, api: &api, manifest: &decided.manifest, target: &target, claimed: &claimed };
        match self.bring(&work, &mut state, &id, (&past, &decided)) {
            Ok((mut summary, came)) => {
                let left = self.left(&past, &decided, &target, &came, &id);
                summary.checkpoint = left.tables.values().filter_map(|table| table.checkpoint).min();
                if let Err(error) = state.complete(&id, summary.rows, begun.elapsed(), left) {
                    summary.notes.push(format!("the data is in place, the history is not written: {error}"));
                }
                summary.id = id;
                summary.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                let Decided { manifest, selection, .. } = decided;
                let left = selection.left_alone.iter().map(|(table, why)| format!("`{table}`: {why}"));
                summary.notes.extend(left.chain(selection.notes).chain(manifest.warnings));
                Ok(Some(summary))
            }
            Err(error) => {
                self.tell_misfits(&error, &decided.selection);
                let fate = work.clean_up(&error);
                if let Err(second) = state.fail(&id, outcome_of(&error), fate, begun.elapsed()) {
                    tracing::warn!(error = %second, "the history is not written");
                }
                Err(error)
            }
        }
    }

    /// Everything from the first byte to the last table in place.
    fn bring(
        &self,
        work: &Work<'_>,
        state: &mut State,
        id: &str,
        (past, decided): (&Past, &Decided),
    ) -> Result<(Summary, Came)> {
        let selection = &decided.selection;
        let (mut summary, came) = if selection.pulled.is_empty() && selection.empty.is_empty() {
            (work.summary(), Came { brought: work.brought(&[])?, stayed: BTreeMap::new() })
        } else {
            let staged = work.stage(&decided.schema, selection)?;
            let brought = staged.brought.clone();
            let stayed = fingerprints(work.target, &past.staying(&decided.pair, selection));
            state.swapping(id)?;
            (work.swap(staged)?, Came { brought, stayed })
        };
        summary.fill(selection, &|name| came.brought.tables.get(name).map_or(0, |table| table.rows));
        Ok((summary, came))
    }

    fn begun<'b>(&self, decided: &'b Decided, target: &'b str) -> Begun<'b> {
        let selection = &decided.selection;
        Begun {
            mode: delta::mode(selection),
            source: &decided.manifest.database,
            target,
            tables: (selection.pulled.len() + selection.empty.len()) as u64,
            unchanged: selection.unchanged.len() as u64,
            selected: !self.tables.is_empty(),
        }
    }

    fn past(&self, records: &Records, sight: &Sight) -> Past {
        let target = identity::target(&sight.facts, &self.config.database);
        Past::new(records, target, self.config.delta_overlap, self.full)
    }

    /// What to remember of this pull.
    fn left(&self, past: &Past, decided: &Decided, target: &Target, came: &Came, id: &str) -> TargetRecord {
        let pulled = &decided.selection.pulled;
        let names = pulled.iter().map(|pulled| &pulled.target_name).chain(came.stayed.keys());
        let now = fingerprints(target, &names.cloned().collect::<Vec<_>>());
        TargetRecord {
            pair: decided.pair.clone(),
            target_name: self.config.database.describe(),
            source_name: decided.manifest.database.clone(),
            used: unix_now(),
            tables: past.left(pulled, &decided.pair, &came.brought, (&came.stayed, &now), id),
        }
    }

    /// Begins a step, unless somebody wants to stop.
    pub(super) fn step(&self, number: u32, what: &str) -> Result<()> {
        self.interrupt.check()?;
        self.progress.step(number, STEPS, what);
        Ok(())
    }

    /// The target names one column of one row that it does not take, and the next attempt meets the next one: tells all
    /// that may be the reason.
    fn tell_misfits(&self, error: &Error, selection: &Selection) {
        let is_refused = matches!(error.kind(), Kind::Target | Kind::Integrity) && !error.is_retryable();
        if is_refused && !selection.misfits.is_empty() {
            self.progress.note("where the target's tables may not take what the source's hold:");
            selection.misfits.iter().for_each(|misfit| self.progress.note(&format!("  {misfit}")));
        }
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

    fn manifest(&self, api: &Api, past: &Past) -> Result<Manifest> {
        let patience = Patience::new(self.config.timeout, self.progress, self.interrupt);
        let news = past.news();
        let manifest = patience.first_contact(|| api.manifest_after(&news))?;
        same_protocol(manifest.protocol, api.base())?;
        tracing::info!(
            server = manifest.backfill,
            source = manifest.database,
            tables = manifest.tables.len(),
            "manifest received"
        );
        Ok(manifest)
    }

    /// Makes sure that nobody else pulls into the target, and ends what a dead pull left in the middle.
    fn claim(&self, sight: &Sight, state: &mut State) -> Result<Option<Claimed>> {
        let Some(target) = &sight.target else { return Ok(None) };
        let claimed = target.claim()?;
        let recovered = claimed.recover()?;
        let notes = aftermath::notes(state, &self.config.database.describe(), &recovered);
        if !notes.is_empty() {
            // Even if this pull goes no further: what is recovered now the next one will not find.
            state.keep()?;
        }
        notes.iter().for_each(|note| self.progress.note(note));
        Ok(Some(claimed))
    }

    fn create_database(&self) -> Result<(Target, Claimed)> {
        target::create(&self.config.database)?;
        let target = Target::open(&self.config.database)?;
        let claimed = target.claim()?;
        Ok((target, claimed))
    }

    /// Decides which tables come and how.
    fn decide(&self, sight: &Sight, past: &Past, manifest: Manifest) -> Result<Decided> {
        let schema = sight.schema(&self.config.database)?;
        let wishes = Wishes {
            tables: self.tables,
            keep: &self.config.keep_tables,
            exclude: &self.config.exclude_tables,
            create_missing: self.config.create_missing_tables,
        };
        let folds_names = sight.facts.folds_table_names();
        let side = TargetSide { schema: &schema, views: &sight.views, folds_names };
        let mut selection = select(&manifest, side, wishes)?;
        let pair = Pair { target: past.target().to_owned(), source: identity::source(&manifest) };
        let own = sight.own_tables(&schema, &selection)?;
        past.decide(&mut selection, &manifest, &pair, &own)?;
        let strangers = past.strangers(&selection, &own);
        Ok(Decided { manifest, schema, selection, pair, strangers })
    }

    /// What has to be answered with yes: every full pull, and whatever replaces data that no pull brought.
    fn question(&self, sight: &Sight, decided: &Decided) -> Option<String> {
        let Decided { selection, strangers, .. } = decided;
        let endpoint = &self.config.database;
        let host = match &endpoint.socket {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", endpoint.host, endpoint.port),
        };
        let name = &endpoint.database;
        if delta::mode(selection) == Mode::Delta {
            let list = strangers.iter().map(|table| format!("`{table}`")).collect::<Vec<_>>().join(", ");
            return (!strangers.is_empty()).then(|| {
                format!("replace tables of `{name}` on {host} whose rows no pull brought ({list})?")
            });
        }
        let new = selection.pulled.iter().filter(|pulled| pulled.is_new).count() + selection.empty.len();
        let replaced = selection.pulled.len() + selection.empty.len() - new;
        let tables = |number: usize| format!("{number} {}", if number == 1 { "table" } else { "tables" });
        Some(match (&sight.target, replaced, new) {
            (None, _, new) => format!("create database `{name}` on {host} with {}?", tables(new)),
            (Some(_), 0, new) => format!("create {} in `{name}` on {host}?", tables(new)),
            (Some(_), replaced, 0) => format!("replace {} of `{name}` on {host}?", tables(replaced)),
            (Some(_), replaced, new) => {
                format!("replace {} of `{name}` on {host} and create {new}?", tables(replaced))
            }
        })
    }
}
