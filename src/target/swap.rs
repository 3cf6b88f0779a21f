//! The swap: first one transaction that merges all deltas, then one `RENAME` that takes every old table away and puts
//! every new one in its place, with what has to happen before and after. A journal, written first, lets any later
//! pull finish it.

use super::finish::{self, MovedKey};
use super::journal::{Journal, MergedTable, Move, Progress};
use super::merge::Merging;
use super::names::{Ladder, Purpose};
use super::rehearse::try_triggers;
use super::site::{Site, show_create, unless_code};
use super::staging::{About, RECORD_VERSION, Staging, Verified, create_schema, fingerprint};
use super::trigger::TriggerRecord;
use super::{blockers, doc, evict, lock, outside, patience};
use crate::db::Connection;
use crate::db::introspect::load_schema;
use crate::error::{Context, Error, Kind, Result};
use crate::fault::phase;
use crate::schema::{Flavour, Version};
use std::collections::BTreeSet;
use std::time::Duration;

/// Pauses after attempts that met a lock; one attempt more than pauses. Each waits as long as the session's
/// `lock_wait_timeout` says, three seconds.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(6)];

/// `RENAME` is allowed under `LOCK TABLES` from here on; MariaDB refuses it (1192).
const RENAMES_LOCKED: Version = Version(8, 0, 13);

/// What a swap did, for the summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwapReport {
    /// Tables that were replaced, made or merged into.
    pub tables: usize,
    /// What the merge did, for each table that it was about.
    pub merged: Vec<MergedTable>,
    /// Triggers that were created again.
    pub triggers: usize,
    /// Keys of tables that stayed, which lead to new tables now or to rows that the merge removed. A child in this
    /// schema may have been altered for it: what [`super::Target::fingerprints`] said about it is out of date.
    pub outside_keys: Vec<MovedKey>,
    /// What could not be dropped yet, why, and what to do.
    pub left_behind: Option<String>,
}

impl Staging<Verified> {
    /// Merges the deltas and swaps the new tables in.
    ///
    /// # Errors
    /// `Busy` naming who holds the tables, or when this pull's locks are gone: staging is kept and can be swapped by a
    /// later pull. `Schema` when a table
    /// was changed since staging was made. `Integrity` when rows to merge have the same value in a unique index.
    /// Otherwise the server's. Unless the message says that new data is in place, the old one is, complete.
    pub fn swap(self) -> Result<SwapReport> {
        let (site, about) = (&self.core.site, &self.core.about);
        self.core.lock.check()?;
        let mut conn = site.connect(Some(site.database()))?;
        lock::take_swap_lock(&mut conn, site.database())?;
        // Whoever pulled since may have dropped staging; that is said better here than by what fails without it.
        lock::check_still_ours(&mut conn, &self.core.lock, site.database())?;
        check_unchanged(site, &mut conn, about)?;
        let (mut journal, merging) = write_down(site, &mut conn, about)?;
        phase("swap.journal_written");
        if !journal.merges.is_empty() {
            phase("merge.journal_written");
        }
        // From here on a pull that takes the lost locks finds the journal, and waits for this connection to end.
        if let Err(error) = lock::check_still_ours(&mut conn, &self.core.lock, site.database()) {
            if let Err(second) = finish::settle(site, &mut conn, &journal) {
                tracing::warn!(error = %second, "the journal is left for the next pull or `backfill cleanup`");
            }
            return Err(error);
        }
        match attempt_all(site, &mut conn, &mut journal, &merging) {
            Ok(()) => {}
            Err(error) => (conn, journal) = after_failure(site, conn, journal, error)?,
        }
        let mut outside_keys = finish::dangling(&mut conn, &journal);
        outside_keys.extend(evict::dangling(&mut conn, &merging, site.database()));
        let report = SwapReport {
            tables: journal.moves.len() + journal.merges.len(),
            merged: journal.merged.clone().unwrap_or_default(),
            triggers: journal.triggers.len(),
            outside_keys,
            left_behind: None,
        };
        phase("swap.journal_done");
        let left_behind = finish::tidy_up(site, &mut conn, &journal);
        Ok(SwapReport { left_behind, ..report })
    }
}

/// Nobody may have changed a table since its copy was made: the swap would undo a migration.
fn check_unchanged(site: &Site, conn: &mut Connection, about: &About) -> Result<()> {
    let changed = changed(site, conn, about)?;
    if changed.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Schema,
        format!("the target changed while its data was loaded (a migration?): {}", changed.join(", ")),
    )
    .hint("nothing was replaced; pull again"))
}

/// Tables that are not what they were when their copies were made, for messages.
pub(super) fn changed(site: &Site, conn: &mut Connection, about: &About) -> Result<Vec<String>> {
    let there = site.tables(conn, site.database())?;
    let mut changed = Vec::new();
    for (table, built) in about.plan.tables.iter().zip(&about.built) {
        let is_there = there.contains(&site.fold(&table.name));
        let same = match &built.replaces {
            None => !is_there,
            Some(digest) if is_there => {
                fingerprint(&show_create(conn, &about.layout.live(&table.name))?) == *digest
            }
            Some(_) => false,
        };
        if !same {
            changed.push(format!("`{}`", table.name));
        }
    }
    Ok(changed)
}

fn write_down(site: &Site, conn: &mut Connection, about: &About) -> Result<(Journal, Merging)> {
    let (layout, plan) = (&about.layout, &about.plan);
    try_triggers(site, conn, layout, plan)?;
    // As it is now: somebody may have added a key since the plan was made.
    let schema = load_schema(conn, site.database())?;
    let elsewhere = outside::elsewhere(conn, site.database())?;
    let merging = Merging::new(&schema, &elsewhere, layout, plan);
    evict::create(conn, &merging.tables)?;
    let moves: Vec<Move> = plan
        .tables
        .iter()
        .zip(&about.built)
        .enumerate()
        .filter(|(_, (table, _))| table.is_swapped())
        .map(|(number, (table, built))| Move {
            number,
            table: table.name.clone(),
            replaces: built.replaces.is_some(),
        })
        .collect();
    let changed: BTreeSet<&str> = plan
        .tables
        .iter()
        .zip(&about.built)
        .filter(|(_, built)| built.replaces.is_some())
        .map(|(table, _)| table.name.as_str())
        .collect();
    let triggers = TriggerRecord::read(conn, site.database(), |table| changed.contains(table))?;
    let prefixed = layout.ladder == Ladder::Prefixed;
    let late = plan.tables.iter().zip(&about.built).flat_map(|(table, built)| {
        built.late_checks.iter().map(|(name, text)| (table.name.clone(), name.clone(), text.clone()))
    });
    let journal = Journal {
        version: RECORD_VERSION,
        layout: layout.clone(),
        triggers,
        merges: plan.merged().map(|(number, table)| (number, table.name.clone())).collect(),
        merged: None,
        outside: plan.outside_now(&schema, elsewhere),
        keys: if prefixed { plan.keys.clone() } else { Vec::new() },
        checks: late.collect(),
        moves,
        tidying: false,
    };
    if !prefixed {
        create_schema(conn, site.database(), &layout.base(Purpose::Old))?;
    }
    doc::create(conn, &layout.journal())?;
    doc::write(conn, &layout.journal(), &journal).context(|| "writing the journal of the swap")?;
    Ok((journal, merging))
}

fn attempt_all(site: &Site, conn: &mut Connection, journal: &mut Journal, merging: &Merging) -> Result<()> {
    let mut pauses = PAUSES.iter();
    loop {
        let Err(error) = attempt(site, conn, journal, merging) else { return Ok(()) };
        // After the RENAME only the outside keys may wait, and they are tried again by the same code.
        let renamed =
            journal.is_merged() && finish::progress(site, conn, journal).is_ok_and(|p| p == Progress::After);
        if !patience::is_locked(&error) {
            return Err(error);
        }
        if !renamed {
            finish::back(site, conn, journal)?;
        }
        match pauses.next() {
            Some(pause) => {
                tracing::info!(%error, seconds = pause.as_secs(), "the tables are in use; trying again");
                std::thread::sleep(*pause);
            }
            None => return Err(busy(conn, journal, renamed)?),
        }
    }
}

/// Says who is in the way of a swap, how far that has come, and what to do.
pub(super) fn busy(conn: &mut Connection, journal: &Journal, renamed: bool) -> Result<Error> {
    let who = blockers::describe(conn, &journal.contended(), &[conn.id()])?;
    let finishes =
        "end these connections or their transactions; the next pull or `backfill cleanup` finishes";
    let (what, hint) = match (renamed, journal.merged.is_some()) {
        (true, _) => (
            "the new tables are in place, but foreign keys of other tables still lead to the old ones",
            finishes,
        ),
        (false, true) => {
            ("the deltas are in place, but the tables that came whole cannot be swapped yet", finishes)
        }
        (false, false) => (
            "the tables are in use and cannot be swapped",
            "end these connections or their transactions and pull again: what was loaded is kept and swapped then",
        ),
    };
    Ok(Error::new(Kind::Busy, format!("{what}: {who}")).hint(hint))
}

/// One try, from the first lock to the last key.
fn attempt(site: &Site, conn: &mut Connection, journal: &mut Journal, merging: &Merging) -> Result<()> {
    let mut locked = lock_tables(conn, journal, merging)?;
    let done = merge_and_swap(site, conn, journal, merging, &mut locked);
    if locked {
        let unlocked = conn.execute("UNLOCK TABLES");
        done?;
        unlocked?;
        return Ok(());
    }
    done
}

fn merge_and_swap(
    site: &Site,
    conn: &mut Connection,
    journal: &mut Journal,
    merging: &Merging,
    locked: &mut bool,
) -> Result<()> {
    if !journal.is_merged() {
        merging.apply(site, conn, journal)?;
    }
    if finish::progress(site, conn, journal)? == Progress::Before {
        if *locked && !renames_locked(conn) {
            conn.execute("UNLOCK TABLES")?;
            *locked = false;
        }
        finish::rename_all(conn, journal)?;
    }
    finish::forward(site, conn, journal)
}

fn renames_locked(conn: &Connection) -> bool {
    conn.flavour() == Flavour::Mysql && conn.version() >= RENAMES_LOCKED
}

/// Locks every table of the swap, on MySQL until its end, so that no row is written while its trigger is away. MariaDB
/// does not rename locked tables: there the locks are given back when everything is merged. Without anything to merge
/// they are only tried there, so that triggers are not dropped for a `RENAME` that would then have to wait.
/// Without the right to lock it goes without. A swap that is nothing but its `RENAME` needs no locks, and thousands of
/// them would take MySQL as long as the `RENAME` itself.
fn lock_tables(conn: &mut Connection, journal: &Journal, merging: &Merging) -> Result<bool> {
    let (renames, merges) = (renames_locked(conn) && !journal.is_rename_only(), !journal.is_merged());
    if !renames && !merges && journal.triggers.is_empty() {
        return Ok(false);
    }
    let tables = if renames { journal.tables_to_lock() } else { journal.contended().into_iter().collect() };
    let mut list: Vec<String> = tables.iter().map(|table| format!("{table} WRITE")).collect();
    if merges {
        list.extend(merging.locks(journal));
    }
    if list.is_empty() {
        return Ok(false);
    }
    // 1044, 1142: no right to lock. 1146: an earlier attempt has renamed already. 1785: with GTIDs enforced, MySQL does
    // not lock transactional and other tables together.
    let got =
        unless_code(conn.execute(&format!("LOCK TABLES {}", list.join(", "))), &[1044, 1142, 1146, 1785])
            .context(|| "locking the tables")?;
    if got.is_some() && !renames && !merges {
        conn.execute("UNLOCK TABLES")?;
        return Ok(false);
    }
    Ok(got.is_some())
}

/// A failure that is not a lock: finds out over a fresh connection which side of the merge and the `RENAME` it is on,
/// and goes to that side's end. Returns a connection and the journal if the new data is in place.
fn after_failure(
    site: &Site,
    conn: Connection,
    journal: Journal,
    error: Error,
) -> Result<(Connection, Journal)> {
    // Its statement may still run; its locks are free when it is over.
    drop(conn);
    let settled = (|| {
        let mut conn = site.connect(Some(site.database()))?;
        lock::take_swap_lock(&mut conn, site.database())?;
        // Whether the transaction was committed, only its own note tells.
        let journal = doc::read(&mut conn, &journal.layout.journal())?.unwrap_or(journal);
        finish::settle(site, &mut conn, &journal).map(|settled| (conn, journal, settled))
    })();
    match settled {
        Ok((conn, journal, true)) => {
            tracing::warn!(%error, "the swap was finished after an error");
            Ok((conn, journal))
        }
        Ok((_, _, false)) => Err(error),
        Err(second) => {
            tracing::error!(error = %second, "the swap could not be finished now");
            let what = "the swap was interrupted; the next pull or `backfill cleanup` takes it to its end";
            Err(error.context(what))
        }
    }
}
