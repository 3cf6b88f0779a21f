//! Finding journals of swaps that did not come to their end, and taking them there.

use super::journal::{Journal, Progress};
use super::names::{self, Ladder, Layout, Purpose, StagingId};
use super::site::{Site, unless_code};
use super::{doc, finish, lock, patience, swap};
use crate::db::Connection;
use crate::db::lock::is_used;
use crate::error::{Context, Error, Kind, Result};

/// What became of an interrupted swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The schema (or name prefix) that its journal was in.
    pub name: String,
    /// How many tables it was about.
    pub tables: usize,
    /// How many of them rows were to be merged into; the others were to be swapped.
    pub merges: usize,
    /// Whether all of it is done now; otherwise nothing is, and the tables are as they were before.
    pub swapped: bool,
    /// What could not be dropped yet, why, and what to do.
    pub left_behind: Option<String>,
}

/// Takes every interrupted swap of this database to its end. The caller holds the pull lock.
pub(super) fn recover(site: &Site) -> Result<Vec<Recovered>> {
    let mut conn = site.connect(Some(site.database()))?;
    // A killed pull's last statement may still run, and bring a journal or take one on: nothing is looked at before.
    lock::take_swap_lock(&mut conn, site.database())?;
    let mut out = Vec::new();
    for layout in journals(site, &mut conn)? {
        let name = layout.base(Purpose::Old);
        if let Some(recovered) =
            recover_one(site, &mut conn, &layout).context(|| format!("finishing the swap of `{name}`"))?
        {
            let (swapped, left_behind) = (recovered.swapped, recovered.left_behind.as_deref());
            tracing::info!(name, swapped, left_behind, "an interrupted swap was taken to its end");
            out.push(recovered);
        }
    }
    Ok(out)
}

fn recover_one(site: &Site, conn: &mut Connection, layout: &Layout) -> Result<Option<Recovered>> {
    let Some(journal) = read(conn, layout)? else {
        // Nothing is done before the journal is written.
        return Ok(None);
    };
    if site.fold(&journal.layout.database) != site.fold(site.database()) {
        return Ok(None);
    }
    if is_used(conn, &layout.id.lock_name())?.is_some() {
        // To go on would be to finish it some time later, and bring its older rows back.
        return Err(Error::new(Kind::Busy, "the pull that began it is not over")
            .hint("pull again when it is: its connection to the target ends with it"));
    }
    let swapped = match finish::settle(site, conn, &journal) {
        Err(error) if patience::is_locked(&error) => {
            let renamed = finish::progress(site, conn, &journal)? == Progress::After;
            return Err(swap::busy(conn, &journal, renamed)?);
        }
        settled => settled?,
    };
    // With the new tables in place, what cannot be dropped now is no reason to fail.
    let left_behind = if swapped { finish::tidy_up(site, conn, &journal) } else { None };
    let (name, merges) = (layout.base(Purpose::Old), journal.merges.len());
    let tables = journal.moves.len() + merges;
    Ok(Some(Recovered { name, tables, merges, swapped, left_behind }))
}

fn read(conn: &mut Connection, layout: &Layout) -> Result<Option<Journal>> {
    // 1049, 1146: its pull has finished since the journals were listed.
    Ok(unless_code(doc::read::<Journal>(conn, &layout.journal()), &[1049, 1146])?.flatten())
}

/// Where journals are, of both rungs.
fn journals(site: &Site, conn: &mut Connection) -> Result<Vec<Layout>> {
    let layout = |ladder, id: StagingId| Layout { database: site.database().to_owned(), ladder, id };
    let mut out = Vec::new();
    for (name, parsed) in names::schemas(conn)? {
        let own = layout(Ladder::Schemas, parsed.id);
        if parsed.purpose == Purpose::Old && site.tables(conn, &name)?.contains(own.journal().table()) {
            out.push(own);
        }
    }
    for table in site.tables(conn, site.database())? {
        if let Some(parsed) = names::parse(&table) {
            let prefixed = layout(Ladder::Prefixed, parsed.id);
            if prefixed.journal().table() == table {
                out.push(prefixed);
            }
        }
    }
    Ok(out)
}
