//! The swap: one `RENAME` that takes every old table away and puts every new one in its place, with what has to
//! happen before and after it. A journal, written first, lets any later pull finish it.

use super::finish::{self, MovedKey};
use super::journal::{Journal, Move, Progress};
use super::names::{Ladder, Purpose};
use super::rehearse::try_triggers;
use super::site::{Site, show_create, unless_code};
use super::staging::{About, RECORD_VERSION, Staging, Verified, create_schema, fingerprint};
use super::trigger::TriggerRecord;
use super::{blockers, doc, lock, outside, patience};
use crate::db::Connection;
use crate::error::{Context, Error, Kind, Result};
use crate::fault::phase;
use crate::schema::{Flavour, Version};
use crate::sql::TableName;
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
    /// Tables that are new data now.
    pub tables: usize,
    /// Triggers that were created again.
    pub triggers: usize,
    /// Keys of other tables that lead to the new tables now.
    pub outside_keys: Vec<MovedKey>,
    /// What could not be dropped yet, why, and what to do.
    pub left_behind: Option<String>,
}

impl Staging<Verified> {
    /// Swaps the new tables in.
    ///
    /// # Errors
    /// `Busy` naming who holds the tables: staging is kept and can be swapped by a later pull. `Schema` when a table
    /// was changed since staging was made. Otherwise the server's. Unless the message says that the new tables
    /// are in place, the old ones are, complete.
    pub fn swap(self) -> Result<SwapReport> {
        let (site, about) = (&self.core.site, &self.core.about);
        self.core.lock.check()?;
        let mut conn = site.connect(Some(site.database()))?;
        lock::take_swap_lock(&mut conn, site.database())?;
        check_unchanged(site, &mut conn, about)?;
        let journal = write_down(site, &mut conn, about)?;
        phase("swap.journal_written");
        match attempt_all(site, &mut conn, &journal) {
            Ok(()) => {}
            Err(error) => conn = after_failure(site, conn, &journal, error)?,
        }
        let report = SwapReport {
            tables: journal.moves.len(),
            triggers: journal.triggers.len(),
            outside_keys: finish::dangling(&mut conn, &journal),
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

fn write_down(site: &Site, conn: &mut Connection, about: &About) -> Result<Journal> {
    let (layout, plan) = (&about.layout, &about.plan);
    try_triggers(site, conn, layout, plan)?;
    let moves: Vec<Move> = plan
        .tables
        .iter()
        .zip(&about.built)
        .enumerate()
        .map(|(number, (table, built))| Move {
            number,
            table: table.name.clone(),
            replaces: built.replaces.is_some(),
        })
        .collect();
    let replaced: BTreeSet<&str> =
        moves.iter().filter(|step| step.replaces).map(|step| step.table.as_str()).collect();
    let triggers = TriggerRecord::read(conn, site.database(), |table| replaced.contains(table))?;
    let outside = outside::read(site, conn, plan)?;
    let prefixed = layout.ladder == Ladder::Prefixed;
    let late = plan.tables.iter().zip(&about.built).flat_map(|(table, built)| {
        built.late_checks.iter().map(|(name, text)| (table.name.clone(), name.clone(), text.clone()))
    });
    let journal = Journal {
        version: RECORD_VERSION,
        layout: layout.clone(),
        triggers,
        outside,
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
    Ok(journal)
}

fn attempt_all(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    let mut pauses = PAUSES.iter();
    loop {
        let Err(error) = attempt(site, conn, journal) else { return Ok(()) };
        // After the RENAME only the outside keys may wait, and they are tried again by the same code.
        let renamed = finish::progress(site, conn, journal).is_ok_and(|p| p == Progress::After);
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

fn busy(conn: &mut Connection, journal: &Journal, renamed: bool) -> Result<Error> {
    let who = blockers::describe(conn, &journal.contended(), &[conn.id()])?;
    let what = if renamed {
        format!(
            "the new tables are in place, but foreign keys of other tables still lead to the old ones: {who}"
        )
    } else {
        format!("the tables are in use and cannot be swapped: {who}")
    };
    let hint = if renamed {
        "end these connections or their transactions; the next pull or `backfill cleanup` finishes"
    } else {
        "end these connections or their transactions and pull again: what was loaded is kept and swapped then"
    };
    Ok(Error::new(Kind::Busy, what).hint(hint))
}

/// One try, from the first lock to the last key.
fn attempt(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    let locked = lock_tables(conn, journal)?;
    let done = swap_now(site, conn, journal);
    if locked {
        let unlocked = conn.execute("UNLOCK TABLES");
        done?;
        unlocked?;
        return Ok(());
    }
    done
}

fn swap_now(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    if finish::progress(site, conn, journal)? == Progress::Before {
        if journal.layout.ladder == Ladder::Schemas {
            finish::drop_triggers(conn, &journal.layout.database, &journal.triggers)?;
            phase("swap.triggers_dropped");
        }
        conn.execute(&journal.rename()).context(|| "swapping the tables")?;
        phase("swap.renamed");
    }
    finish::forward(site, conn, journal)
}

/// Locks every table of the swap, on MySQL until its end, so that no row is written while its trigger is away. MariaDB
/// does not rename locked tables: there the lock is only tried and given back, so that triggers are not dropped
/// for a `RENAME` that would then have to wait. Without the right to lock it goes without.
fn lock_tables(conn: &mut Connection, journal: &Journal) -> Result<bool> {
    let keeps = conn.flavour() == Flavour::Mysql && conn.version() >= RENAMES_LOCKED;
    if !keeps && journal.triggers.is_empty() {
        return Ok(false);
    }
    let tables = if keeps { journal.tables_to_lock() } else { journal.contended() };
    let list: Vec<String> = tables.iter().map(|table: &TableName| format!("{table} WRITE")).collect();
    if list.is_empty() {
        return Ok(false);
    }
    // 1044, 1142: no right to lock. 1146: an earlier attempt has renamed already. 1785: with GTIDs enforced, MySQL does
    // not lock transactional and other tables together.
    let got =
        unless_code(conn.execute(&format!("LOCK TABLES {}", list.join(", "))), &[1044, 1142, 1146, 1785])
            .context(|| "locking the tables")?;
    if got.is_some() && !keeps {
        conn.execute("UNLOCK TABLES")?;
        return Ok(false);
    }
    Ok(got.is_some())
}

/// A failure that is not a lock: finds out over a fresh connection which side of the `RENAME` it is on, and goes
/// to that side's end. Returns a connection if the new tables are in place.
fn after_failure(site: &Site, conn: Connection, journal: &Journal, error: Error) -> Result<Connection> {
    // Its statement may still run; its locks are free when it is over.
    drop(conn);
    let settled = (|| {
        let mut conn = site.connect(Some(site.database()))?;
        lock::take_swap_lock(&mut conn, site.database())?;
        finish::settle(site, &mut conn, journal).map(|renamed| (conn, renamed))
    })();
    match settled {
        Ok((conn, true)) => {
            tracing::warn!(%error, "the swap was finished after an error");
            Ok(conn)
        }
        Ok((_, false)) => Err(error),
        Err(second) => {
            tracing::error!(error = %second, "the swap could not be finished now");
            let what = "the swap was interrupted; the next pull or `backfill cleanup` takes it to its end";
            Err(error.context(what))
        }
    }
}
