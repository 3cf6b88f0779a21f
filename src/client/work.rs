//! The work of a pull that was agreed to: tables are staged, loaded, indexed, checked, and swapped in.

use super::api::Api;
use super::delta;
use super::fetch::{FetchTable, Fetched};
use super::identity;
use super::kept::{Brought, BroughtTable, Kept};
use super::load::{self, Load, Loaded};
use super::run::Pull;
use super::select::{Pulled, Selection};
use super::state::{Fate, unix_now};
use super::summary::{Summary, Verified as ReadBack};
use super::verify::Ledger;
use crate::config::PullConfig;
use crate::error::{Error, Kind, Result};
use crate::plan::load::{PlannedTable, Structure, Wanted, Way};
use crate::schema::{Flavour, Schema, Table};
use crate::target::journal::MergedTable;
use crate::target::staging::{Indexed, Staging, Verified};
use crate::target::sweep::Orphan;
use crate::target::{Claimed, Target};
use crate::wire::api::{Format, RunRequest, RunTable};
use crate::wire::manifest::Manifest;
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

/// A complete staging that could not be swapped is used by a later pull if it is no older than this.
const KEPT_MAX: Duration = Duration::from_secs(24 * 3600);

/// What loading came to.
pub(super) struct Staged {
    staging: Staging<Verified>,
    /// What came.
    pub(super) brought: Brought,
    summary: Summary,
}

/// A pull that was agreed to.
pub(super) struct Work<'a> {
    pub(super) pull: &'a Pull<'a>,
    pub(super) api: &'a Api,
    pub(super) manifest: &'a Manifest,
    pub(super) target: &'a Target,
    pub(super) claimed: &'a Claimed,
}

impl Work<'_> {
    /// What is to be said whatever comes.
    pub(super) fn summary(&self) -> Summary {
        Summary {
            source: self.manifest.database.clone(),
            target: self.pull.config.database.describe(),
            not_copied: self.manifest.not_copied.clone(),
            ..Summary::default()
        }
    }

    /// Everything up to a staging that is complete and counted.
    pub(super) fn stage(&self, schema: &Schema, selection: &Selection) -> Result<Staged> {
        let summary = self.summary();
        let label = label(self.pull.config, self.manifest, selection);
        if !self.pull.fresh
            && let Some(staged) = self.kept(&label, summary.clone())?
        {
            return Ok(staged);
        }
        let plan = self.target.plan(
            schema,
            wanted(selection, self.manifest.flavour),
            &self.manifest.foreign_keys,
        )?;
        let parallel = self.pull.config.parallel;
        let numbers = plan.numbers();
        let planned = |name: &str| numbers.get(name).map(|&number| &plan.tables[number]);
        let tables: Vec<FetchTable> =
            selection.pulled.iter().map(|pulled| fetch_table(pulled, planned(&pulled.target_name))).collect();
        let load = Load {
            work: self,
            selection,
            plan: &plan,
            tables: &tables,
            request: &self.request(&tables),
            data: &label,
        };
        let Loaded { staging, ledger, fetched, binlog, snapshot, notes: told } = load.run()?;
        let mut notes = plan.notes.clone();
        notes.extend(told);
        notes.extend(taken_back(&tables, &fetched));
        let brought = self.brought(&fetched)?;

        self.pull.step(6, "building indexes and foreign keys")?;
        let (staging, built) = staging.build_indexes(parallel)?;
        let verified = match ledger {
            None => {
                self.pull.step(7, "counting the rows")?;
                None
            }
            Some(ledger) => {
                self.pull.step(7, "reading back every row")?;
                Some(self.read_back(&staging, &ledger, brought.rows())?)
            }
        };
        let kept = Kept { data: label, verified: verified.is_some(), brought: brought.clone() };
        let rows = tables.iter().zip(&fetched).map(|(table, came)| (table.target_name.clone(), came.rows));
        let staging = staging.verify(&rows.collect(), &kept.label()?, parallel)?;
        notes.extend(summary.notes);
        let summary = Summary {
            indexes: built.indexes,
            foreign_keys: built.foreign_keys,
            binlog,
            snapshot,
            verified,
            notes,
            ..summary
        };
        Ok(Staged { staging, brought, summary })
    }

    /// What to remember of what was loaded.
    pub(super) fn brought(&self, fetched: &[Fetched]) -> Result<Brought> {
        let table = |came: &Fetched| BroughtTable { rows: came.rows, checkpoint: came.checkpoint };
        Ok(Brought {
            clock: delta::clock(self.manifest)?,
            loaded: unix_now(),
            tables: fetched.iter().map(|came| (came.name.clone(), table(came))).collect(),
        })
    }

    /// The staging of an earlier pull that loaded the same and could not swap, if there is one.
    fn kept(&self, label: &str, summary: Summary) -> Result<Option<Staged>> {
        for orphan in self.claimed.orphans(Duration::ZERO)? {
            let kept = orphan.complete.as_deref().and_then(|text| Kept::read(text, label));
            let is_good = |kept: &Kept| {
                orphan.age_seconds <= KEPT_MAX.as_secs() && (kept.verified || !self.pull.verify)
            };
            let Some(kept) = kept.filter(is_good) else { continue };
            let staging = self.claimed.resume(&orphan)?;
            let minutes = orphan.age_seconds / 60;
            let loaded = if kept.verified { "loaded and verified" } else { "loaded" };
            let note = format!(
                "what a pull had {loaded} {minutes} minutes ago and could not swap was used, without a new download: pull \
                 again for what is newer"
            );
            let notes = vec![note];
            return Ok(Some(Staged {
                staging,
                brought: kept.brought,
                summary: Summary { notes, ..summary },
            }));
        }
        Ok(None)
    }

    /// Compares the staged rows with those that arrived.
    fn read_back(&self, staging: &Staging<Indexed>, ledger: &Ledger, rows: u64) -> Result<ReadBack> {
        let begun = Instant::now();
        let progress = self.pull.progress;
        progress.loading(rows);
        let watch = |table: &str, rows: u64| {
            progress.rows(table, i64::try_from(rows).unwrap_or(i64::MAX));
            self.pull.interrupt.check()
        };
        let compared = staging.reread(&ledger.sent(), self.pull.config.parallel, &watch);
        progress.loaded();
        compared.map(|()| ledger.verified(begun.elapsed()))
    }

    fn request(&self, tables: &[FetchTable]) -> RunRequest {
        let wanted = tables.iter().map(|table| RunTable {
            name: table.name.clone(),
            columns: Some(table.columns.clone()),
            after: table.after,
        });
        RunRequest {
            tables: wanted.collect(),
            format: Format::Sql,
            batch_rows: Some(self.pull.config.chunk_size),
            batch_bytes: Some(self.target.batch_bytes_max()),
        }
    }

    pub(super) fn swap(&self, staged: Staged) -> Result<Summary> {
        let Staged { staging, mut summary, .. } = staged;
        self.claimed.check_alive()?;
        self.pull.step(8, "swapping the new tables in")?;
        let report = staging.swap()?;
        summary.tables = report.tables as u64;
        summary.triggers = report.triggers as u64;
        summary.outside_keys = report.outside_keys.into_iter().map(Into::into).collect();
        summary.notes.extend(report.merged.iter().flat_map(merged));
        summary.notes.extend(report.left_behind);
        Ok(summary)
    }

    /// After a failure: ends a swap that was begun, and drops what was staged, unless a later pull can swap it or go on
    /// with it. Tells what became of the data, if that could be found out.
    pub(super) fn clean_up(&self, error: &Error) -> Option<Fate> {
        let swap_later = error.kind() == Kind::Busy;
        let go_on = load::can_go_on(error);
        let is_kept = |orphan: &Orphan| {
            (swap_later && orphan.complete.is_some()) || (go_on && orphan.loading.is_some())
        };
        let recovered = self.claimed.recover();
        let fate = recovered.as_ref().ok().map(|all| match all.iter().any(|swap| swap.swapped) {
            true => Fate::Completed,
            false => Fate::Undone,
        });
        let cleaned = recovered.and_then(|_| self.claimed.orphans(Duration::ZERO)).and_then(|all| {
            all.iter()
                .filter(|orphan| !is_kept(orphan))
                .try_for_each(|orphan| self.claimed.drop_orphan(orphan))
        });
        if let Err(error) = cleaned {
            tracing::warn!(%error, "something was left on the target; the next pull or `backfill cleanup` drops it");
        }
        fate
    }
}

/// What a merge did beside bringing rows.
fn merged(table: &MergedTable) -> Vec<String> {
    let MergedTable { table, removed, unlinked, .. } = table;
    let rows = |number: &u64| if *number == 1 { "1 row".to_owned() } else { format!("{number} rows") };
    let went = (*removed > 0).then(|| {
        format!(
            "{} of `{table}` went: others have their unique values now, or what they referred to went",
            rows(removed)
        )
    });
    let lost = (*unlinked > 0)
        .then(|| format!("{} of `{table}` refer to nothing now: what they referred to went", rows(unlinked)));
    went.into_iter().chain(lost).collect()
}

/// Says which rows were taken back, if any were.
fn taken_back(tables: &[FetchTable], fetched: &[Fetched]) -> Option<String> {
    let all: u64 = fetched.iter().map(|came| came.removed).sum();
    let removed = tables.iter().zip(fetched).filter(|(_, came)| came.removed > 0);
    let tables: Vec<String> =
        removed.map(|(table, came)| format!("{} of `{}`", came.removed, table.target_name)).collect();
    let rows = if all == 1 { "1 row whose parent" } else { &format!("{all} rows whose parents") };
    (all > 0)
        .then(|| format!("{rows} came or went while the tables were read: left out ({})", tables.join(", ")))
}

fn wanted(selection: &Selection, flavour: Flavour) -> Vec<Wanted> {
    let structure = |table: &Table| Structure { flavour, table: table.clone() };
    let stored = |table: &Table| table.stored_columns().map(|column| column.name.clone()).collect();
    let pulled = selection.pulled.iter().map(|pulled| Wanted {
        name: pulled.target_name.clone(),
        columns: pulled.columns.iter().map(|(_, name)| name.clone()).collect(),
        missing: pulled.is_new.then(|| structure(&pulled.entry.table)),
        way: if pulled.how.after().is_some() { Way::Merge } else { Way::Swap },
    });
    let empty = selection.empty.iter().map(|table| Wanted {
        name: table.name.clone(),
        columns: stored(table),
        missing: Some(structure(table)),
        way: Way::Swap,
    });
    pulled.chain(empty).collect()
}

fn fetch_table(pulled: &Pulled, planned: Option<&PlannedTable>) -> FetchTable {
    FetchTable {
        name: pulled.entry.table.name.clone(),
        target_name: pulled.target_name.clone(),
        columns: pulled.columns.iter().map(|(name, _)| name.clone()).collect(),
        target_columns: pulled.columns.iter().map(|(_, name)| name.clone()).collect(),
        bytes_estimate: pulled.entry.table.bytes,
        transactional: planned.is_some_and(|table| table.transactional),
        after: pulled.how.after(),
        loaded: Default::default(),
    }
}

/// Names the data that a pull would load: the same source, tables, columns, rules and moments.
fn label(config: &PullConfig, manifest: &Manifest, selection: &Selection) -> String {
    let mut hash = Sha256::new();
    let mut put = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    put(config.source_url.as_str());
    put(&identity::source(manifest));
    for pulled in &selection.pulled {
        put(&pulled.target_name);
        put(&pulled.entry.digest);
        put(&pulled.how.after().map(|after| after.to_string()).unwrap_or_default());
        pulled.columns.iter().for_each(|(name, _)| put(name));
    }
    selection.empty.iter().for_each(|table| put(&table.name));
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
