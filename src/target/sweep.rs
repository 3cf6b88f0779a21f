//! What dead pulls left on the target: found by their whole names, kept while their pull lives, dropped when asked.
//! Interrupted swaps are finished first ([`super::recover`]); here a journal that holds anything is never touched.

use super::journal::Journal;
use super::names::{self, Ladder, Layout, Purpose, StagingId};
use super::resume::Loading;
use super::site::{Site, unless_code};
use super::staging::{About, Claim};
use super::{doc, staging};
use crate::db::Connection;
use crate::db::lock::is_used;
use crate::error::Result;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::time::Duration;

/// Something that a dead pull left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The schema, or the prefix of tables inside the target's.
    pub name: String,
    /// Seconds since its pull began, by the database's clock.
    pub age_seconds: u64,
    /// Loaded completely: what its pull called the data. A pull that wants the same can swap it.
    pub complete: Option<String>,
    /// Loaded partly: from where. A pull that wants the same can go on, see [`super::Claimed::take_over`].
    pub loading: Option<Loading>,
    layout: Layout,
    purpose: Purpose,
}

/// All orphans of this database that are at least `older_than` old, oldest first.
pub(super) fn list(site: &Site, conn: &mut Connection, older_than: Duration) -> Result<Vec<Orphan>> {
    let now: u64 = conn.query_one("SELECT UNIX_TIMESTAMP()")?;
    let mut found = candidates(site, conn)?;
    found.sort_by_key(|(layout, purpose)| (layout.id, *purpose));
    let mut out = Vec::new();
    for (layout, purpose) in found {
        let age_seconds = now.saturating_sub(layout.id.unix);
        if age_seconds < older_than.as_secs() || is_used(conn, &layout.id.lock_name())?.is_some() {
            continue;
        }
        if let Some(Contents { complete, loading }) = ours(site, conn, &layout, purpose)? {
            out.push(Orphan { name: layout.base(purpose), age_seconds, complete, loading, layout, purpose });
        }
    }
    Ok(out)
}

fn candidates(site: &Site, conn: &mut Connection) -> Result<Vec<(Layout, Purpose)>> {
    let layout = |ladder, id: StagingId| Layout { database: site.database().to_owned(), ladder, id };
    let mut out: Vec<(Layout, Purpose)> = names::schemas(conn)?
        .into_iter()
        .map(|(_, parsed)| (layout(Ladder::Schemas, parsed.id), parsed.purpose))
        .collect();
    let prefixed: BTreeSet<(StagingId, Purpose)> = site
        .tables(conn, site.database())?
        .iter()
        .filter_map(|table| names::parse(table))
        .filter(|parsed| parsed.suffix.is_some())
        .map(|parsed| (parsed.id, parsed.purpose))
        .collect();
    let scratch_only = |id: StagingId, conn: &mut Connection| -> Result<bool> {
        Ok(staging::of_layout(site, conn, &layout(Ladder::Prefixed, id), Purpose::Load)?.len() == 1)
    };
    for (id, purpose) in prefixed {
        // The scratch table of a pull with schemas of its own lies here too; it goes with its schema.
        let has_schema = out.iter().any(|(l, p)| l.id == id && *p == purpose);
        if !(has_schema && scratch_only(id, conn)?) {
            out.push((layout(Ladder::Prefixed, id), purpose));
        }
    }
    Ok(out)
}

/// What an orphan says it holds.
#[derive(Debug, Default)]
struct Contents {
    complete: Option<String>,
    loading: Option<Loading>,
}

/// Whether a dead pull of this very database left it and it may go: none if not, else what it says it holds.
fn ours(site: &Site, conn: &mut Connection, layout: &Layout, purpose: Purpose) -> Result<Option<Contents>> {
    let is_here = |claimed: &Layout| site.fold(&claimed.database) == site.fold(site.database());
    match purpose {
        Purpose::Load => {
            let table = layout.about();
            if let Some(about) = record::<About>(conn, &table)? {
                let About { layout, loading, complete, .. } = about;
                return Ok(is_here(&layout).then_some(Contents { complete, loading }));
            }
            if let Some(claim) = record::<Claim>(conn, &table)? {
                return Ok(is_here(&claim.layout).then(Contents::default));
            }
            // Killed before it said whose it is: it holds nothing yet.
            Ok(holds_only(site, conn, layout, purpose, &[table.table(), layout.chunks().table()])?
                .then(Contents::default))
        }
        Purpose::Old => {
            let table = layout.journal();
            if record::<Journal>(conn, &table)?.is_some() {
                return Ok(None);
            }
            Ok(holds_only(site, conn, layout, purpose, &[table.table()])?.then(Contents::default))
        }
    }
}

/// A record that is there and whole; a damaged one counts as none, and what it belongs to is then not empty.
fn record<T: DeserializeOwned>(conn: &mut Connection, table: &crate::sql::TableName) -> Result<Option<T>> {
    match unless_code(doc::read(conn, table), &[1049, 1146]) {
        Ok(found) => Ok(found.flatten()),
        Err(error) if error.kind() == crate::error::Kind::Integrity => Ok(None),
        Err(error) => Err(error),
    }
}

fn holds_only(
    site: &Site,
    conn: &mut Connection,
    layout: &Layout,
    purpose: Purpose,
    expected: &[&str],
) -> Result<bool> {
    let found: Vec<String> = match layout.ladder {
        Ladder::Schemas => site.tables(conn, &layout.base(purpose))?.into_iter().collect(),
        Ladder::Prefixed => {
            let mut names = staging::of_layout(site, conn, layout, purpose)?;
            names.retain(|name| *name != layout.scratch().table());
            names
        }
    };
    Ok(found.iter().all(|name| expected.contains(&name.as_str())))
}

/// Drops one orphan.
pub(super) fn drop(site: &Site, conn: &mut Connection, orphan: &Orphan) -> Result<()> {
    match (orphan.purpose, orphan.layout.ladder) {
        (Purpose::Load, _) => staging::remove(site, conn, &orphan.layout),
        (Purpose::Old, Ladder::Schemas) => staging::drop_schema(conn, &orphan.name).map(|_| ()),
        (Purpose::Old, Ladder::Prefixed) => {
            staging::drop_tables(conn, &orphan.layout, &[orphan.layout.journal().table().to_owned()])
        }
    }
}

impl Orphan {
    /// Where it is.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Staging, not old tables.
    pub(super) fn is_staging(&self) -> bool {
        self.purpose == Purpose::Load
    }
}
