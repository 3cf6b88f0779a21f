//! What was found, and how it is read.

use super::down::{LOOKED_UP_SHARE, children_of, links};
use super::engine::{batch, lookup};
use super::link::{Context, Link, Name};
use crate::db::RowCells;
use crate::error::{Error, Result};
use crate::plan::subset::{Direct, Edge, Restricted, SubsetPlan, row_alias};
use crate::source::select::keys::{Cursor, Keys, split_number};
use crate::sql::List;
use crate::sql::keyset::KEYS_MAX;
use crate::sql::select::{Select, column_of};
use std::collections::BTreeMap;

/// The kept rows of all restricted tables. Threads may share it.
#[derive(Debug)]
pub struct Kept {
    plan: SubsetPlan,
    database: String,
    sets: BTreeMap<Name, Keys>,
}

impl Kept {
    pub(super) fn new(plan: &SubsetPlan, database: &str, sets: BTreeMap<Name, Keys>) -> Self {
        Self { plan: plan.clone(), database: database.to_owned(), sets }
    }

    /// How many rows of a table are kept; none when it is whole, or when that shows only when they are read.
    #[must_use]
    pub fn rows(&self, table: &str) -> Option<u64> {
        self.sets.get(&Name::of(table)).map(Keys::rows)
    }

    /// Reads `list`, expressions over columns of [`row_alias`], of the kept rows of a table; none when the table is
    /// whole.
    ///
    /// # Errors
    /// `Internal` when the plan did not ask for the table.
    pub fn reading(&self, table: &str, list: List) -> Result<Option<Reading<'_>>> {
        if !self.plan.is_restricted(table) {
            return Ok(None);
        }
        let source = match (self.plan.table(table), self.plan.direct(table)) {
            (Ok(restricted), _) if restricted.base.is_some() => {
                Source::Scan(Some(Positions::of(self.set(&Name::of(table))?)?))
            }
            (Ok(restricted), _) => Source::Keys(restricted, self.set(&Name::of(table))?.cursor()),
            (Err(_), Some(direct)) => self.direct(direct)?,
            (Err(error), None) => return Err(error),
        };
        Ok(Some(Reading { kept: self, table: table.to_owned(), list, source }))
    }

    fn set(&self, name: &Name) -> Result<&Keys> {
        let missing =
            || Error::internal(format!("the kept rows of table `{}` were not looked for", name.table));
        self.sets.get(name).ok_or_else(missing)
    }

    fn context(&self) -> Context<'_> {
        Context { plan: &self.plan, database: &self.database }
    }

    /// How a table without a list is read: from parents of which few are kept, if that is possible.
    fn direct<'a>(&'a self, direct: &'a Direct) -> Result<Source<'a>> {
        let mut best: Option<(&Edge, &Keys)> = None;
        for edge in &direct.edges {
            let parent = self.plan.table(&edge.reference.references)?;
            let possible = edge.child_index.is_some()
                && edge.reference.when.is_empty()
                && edge.reference.columns.len() == 1
                && parent.base.is_none();
            let kept = self.set(&Name::of(&edge.reference.references))?;
            let few = kept.rows().saturating_mul(LOOKED_UP_SHARE) <= parent.table.row_count;
            if possible && few && best.is_none_or(|(_, other)| kept.rows() < other.rows()) {
                best = Some((edge, kept));
            }
        }
        Ok(match best {
            Some((edge, kept)) => Source::Children { direct, edge, parents: Some(kept.cursor()) },
            None => Source::Whole(Some(direct)),
        })
    }
}

/// The kept rows of a table, piece by piece.
#[derive(Debug)]
pub struct Reading<'a> {
    kept: &'a Kept,
    table: String,
    list: List,
    source: Source<'a>,
}

/// Where the rows are found.
#[derive(Debug)]
enum Source<'a> {
    /// By their keys.
    Keys(&'a Restricted, Cursor<'a>),
    /// By their positions in a scan.
    Scan(Option<Positions<'a>>),
    /// By their parents' keys, then those without a parent.
    Children { direct: &'a Direct, edge: &'a Edge, parents: Option<Cursor<'a>> },
    /// By looking at all of them.
    Whole(Option<&'a Direct>),
}

impl<'a> Reading<'a> {
    /// The next piece, of about `rows` rows and never more than 10,000 keys; none at the end. Each kept row is in one
    /// piece. A table without a key may be one piece, whatever `rows` says.
    ///
    /// # Errors
    /// `Internal` when a temporary file cannot be read.
    pub fn next(&mut self, rows: u64) -> Result<Option<Piece<'a>>> {
        let rows = rows.clamp(1, KEYS_MAX);
        let kept = self.kept;
        let context = kept.context();
        let all = context.rows(&self.table, self.list.clone());
        match &mut self.source {
            Source::Keys(restricted, cursor) => {
                let keys = batch(cursor, rows)?;
                if keys.is_empty() {
                    return Ok(None);
                }
                let select = Select { keys: Some(lookup(restricted, &keys)?), ..all };
                Ok(Some(Piece { select, filter: Filter::All }))
            }
            Source::Scan(positions) => Ok(positions.take().map(|positions| Piece {
                select: Select { scan: true, ..all },
                filter: Filter::Positions(positions),
            })),
            Source::Whole(direct) => match direct.take() {
                Some(direct) => kept.filtered(all, direct, None).map(Some),
                None => Ok(None),
            },
            Source::Children { direct, edge, parents } => {
                let Some(cursor) = parents else { return Ok(None) };
                let parent = kept.plan.table(&edge.reference.references)?;
                let siblings = (direct.table.row_count / parent.table.row_count.max(1)).max(1);
                let keys = batch(cursor, (rows / siblings).max(1))?;
                if !keys.is_empty() {
                    let select = children_of(context, &self.table, edge, &keys, self.list.clone())?;
                    return kept.filtered(select, direct, Some(edge)).map(Some);
                }
                *parents = None;
                if edge.nullable.is_empty() {
                    return Ok(None);
                }
                let row = row_alias();
                let null = |name: &String| format!("{} IS NULL", column_of(Some(row.as_str()), name));
                let conditions = edge.nullable.iter().map(null).collect();
                kept.filtered(Select { conditions, ..all }, direct, Some(edge)).map(Some)
            }
        }
    }
}

impl Kept {
    /// The rows of a statement whose parents are kept.
    fn filtered<'a>(&'a self, mut select: Select, direct: &Direct, but: Option<&Edge>) -> Result<Piece<'a>> {
        let links = links(&mut select, &self.context(), &direct.edges, but)?;
        let links = links.into_iter().map(|link| Ok((self.set(&link.name)?, link)));
        let filter = Filter::Parents(links.collect::<Result<_>>()?);
        Ok(Piece { select, filter })
    }
}

/// One statement, and which of its rows are kept.
#[derive(Debug)]
pub struct Piece<'a> {
    /// What to read. Behind the expressions of the list others may follow, which only [`Piece::keeps`] needs.
    pub select: Select,
    filter: Filter<'a>,
}

#[derive(Debug)]
enum Filter<'a> {
    All,
    Positions(Positions<'a>),
    Parents(Vec<(&'a Keys, Link)>),
}

impl Piece<'_> {
    /// Whether the row is kept. To be asked once for every row of the statement, in the order of reading.
    ///
    /// # Errors
    /// `Internal` when a temporary file cannot be read.
    pub fn keeps(&mut self, row: &impl RowCells) -> Result<bool> {
        match &mut self.filter {
            Filter::All => Ok(true),
            Filter::Positions(positions) => positions.is_next(),
            Filter::Parents(links) => {
                for (kept, link) in links {
                    if !link.is_kept(row, kept)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }
}

/// Which rows of a scan are kept.
#[derive(Debug)]
struct Positions<'a> {
    kept: Cursor<'a>,
    next: Option<u64>,
    at: u64,
}

impl<'a> Positions<'a> {
    fn of(kept: &'a Keys) -> Result<Self> {
        let mut positions = Self { kept: kept.cursor(), next: None, at: 0 };
        positions.advance()?;
        Ok(positions)
    }

    fn advance(&mut self) -> Result<()> {
        self.next = self.kept.next_key()?.and_then(|key| Some(split_number(key)?.0));
        Ok(())
    }

    /// Whether the row that was just read is kept.
    fn is_next(&mut self) -> Result<bool> {
        let is_kept = self.next == Some(self.at);
        if is_kept {
            self.advance()?;
        }
        self.at += 1;
        Ok(is_kept)
    }
}
