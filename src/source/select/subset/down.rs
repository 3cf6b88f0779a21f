//! The rows of tables without a limit whose parents are kept.

use super::engine::{Engine, key_at, key_shape, lookup};
use super::link::{Context, Link, Name, key_cells};
use crate::error::Result;
use crate::plan::subset::{Edge, Restricted, row_alias};
use crate::source::select::keys::Keys;
use crate::source::walk::{Walk, Walker};
use crate::sql::List;
use crate::sql::select::{Join, JoinKind, Range, Select, column_of};

/// Children are looked up from their parents when at most one of so many parents is kept: looking up costs more for each
/// row than walking past it.
pub(super) const LOOKED_UP_SHARE: u64 = 4;
/// What a parent counts for, times the children that it has on the average, when the first batch is cut.
const PARENT_BYTES: u64 = 100;
/// What parents are called that children are looked up from.
const FROM: &str = "f";

impl Engine<'_> {
    /// Lists the rows of a table whose parents are kept. Inside a circle the other members' rows do not count yet.
    pub(super) fn down(&mut self, table: &str) -> Result<()> {
        let context = self.context;
        let restricted = context.plan.table(table)?;
        self.settle_parents(&restricted.edges)?;
        if restricted.base.is_some() {
            return self.down_of_base(table, restricted);
        }
        if let Some(edge) = self.looked_up(restricted) {
            return self.down_from_parents(table, restricted, edge);
        }
        let walk = Walk::over(&restricted.table, context.source(table), &restricted.walk)?;
        self.walk(walk, |engine, range| {
            let mut select = context.rows(table, key_cells(restricted, Some(row_alias().as_str())));
            select.walk = Some((restricted.walk.clone(), range));
            engine.list_kept(restricted, select, None)?;
            Ok(false)
        })
    }

    /// The reference that children are best looked up by; none where walking the table is better.
    fn looked_up<'p>(&self, restricted: &'p Restricted) -> Option<&'p Edge> {
        let possible = |edge: &&Edge| {
            !edge.in_cycle
                && edge.child_index.is_some()
                && edge.reference.when.is_empty()
                && (edge.nullable.is_empty() || edge.nulls.is_some())
                && self.context.plan.table(&edge.reference.references).is_ok_and(|p| p.base.is_none())
        };
        let share = |edge: &Edge| {
            let all = self.context.plan.table(&edge.reference.references);
            let kept = self.kept.get(&Name::of(&edge.reference.references)).map_or(0, Keys::rows);
            (kept, all.map_or(0, |parent| parent.table.row_count))
        };
        let candidates = restricted.edges.iter().filter(possible).map(|edge| (share(edge), edge));
        candidates
            .filter(|((kept, all), _)| kept.saturating_mul(LOOKED_UP_SHARE) <= *all && *all > 0)
            .min_by(|((kept, all), _), ((other_kept, other_all), _)| {
                let (one, other) =
                    (u128::from(*kept) * u128::from(*other_all), u128::from(*other_kept) * u128::from(*all));
                one.cmp(&other)
            })
            .map(|(_, edge)| edge)
    }

    fn down_from_parents(&mut self, table: &str, restricted: &Restricted, by: &Edge) -> Result<()> {
        let context = self.context;
        let parent = context.plan.table(&by.reference.references)?;
        let siblings = restricted.table.row_count / parent.table.row_count.max(1);
        let name = Name::of(&by.reference.references);
        let bytes = PARENT_BYTES.saturating_mul(siblings.max(1));
        let next = |engine: &Self, done, rows| engine.kept_batch(&name, done, rows);
        self.batches(bytes, next, |engine, _, parents| {
            let select =
                children_of(context, table, by, parents, key_cells(restricted, Some(row_alias().as_str())))?;
            engine.list_kept(restricted, select, Some(by))
        })?;
        let Some(nulls) = &by.nulls else { return Ok(()) };
        let alias = row_alias();
        let mut bounds = context.rows(table, key_cells(restricted, Some(row_alias().as_str())));
        let null = |name: &String| format!("{} IS NULL", column_of(Some(alias.as_str()), name));
        bounds.conditions = vec![by.nullable.iter().map(null).collect::<Vec<_>>().join(" OR ")];
        bounds.walk = Some((nulls.clone(), Range::default()));
        self.walk(Walk::along(&restricted.table, bounds.clone())?, |engine, range| {
            let select = Select { walk: Some((nulls.clone(), range)), ..bounds.clone() };
            engine.list_kept(restricted, select, Some(by))?;
            Ok(false)
        })
    }

    /// Lists the rows of a statement whose other parents are kept; in front of its list is the key of the rows.
    fn list_kept(&mut self, restricted: &Restricted, mut select: Select, but: Option<&Edge>) -> Result<()> {
        let links = links(&mut select, &self.context, &restricted.edges, but)?;
        let shape = key_shape(restricted);
        let (kept, lists) = (&self.kept, &mut self.lists);
        self.asker.read(&select, |row| {
            for link in &links {
                let parents = kept.get(&link.name);
                if !parents.map_or(Ok(false), |parents| link.is_kept(row, parents))? {
                    return Ok(());
                }
            }
            // Where one of several parents has to be kept, a row comes with each combination of them.
            lists.keep(&restricted.table.name, &key_at(&shape, row, 0)?).map(|_| ())
        })
    }
}

/// Adds to `select` what tells whether the parents of its rows are kept, but for those inside a circle.
pub(super) fn links(
    select: &mut Select,
    context: &Context<'_>,
    edges: &[Edge],
    but: Option<&Edge>,
) -> Result<Vec<Link>> {
    let outside = edges.iter().enumerate();
    let outside =
        outside.filter(|(_, edge)| !edge.in_cycle && but.is_none_or(|but| !std::ptr::eq(*edge, but)));
    outside.map(|(at, edge)| Link::add_with_held(select, context, edge, &format!("p{at}"))).collect()
}

/// The children, called `t`, of some parents.
pub(super) fn children_of(
    context: Context<'_>,
    table: &str,
    by: &Edge,
    parents: &[Vec<u8>],
    list: impl Into<List>,
) -> Result<Select> {
    let parent = &by.reference.references;
    let mut select = Select::all(context.source(parent), list.into());
    select.alias = Some(FROM.to_owned());
    select.keys = Some(lookup(context.plan.table(parent)?, parents)?);
    let on = by.reference.columns.iter().zip(&by.reference.referenced_columns);
    let (alias, from) = (row_alias(), Some(FROM));
    select.joins.push(Join {
        kind: JoinKind::Straight,
        table: context.source(table),
        alias: alias.as_str().to_owned(),
        index: by.child_index.clone(),
        on: on
            .map(|(own, theirs)| {
                format!("{} = {}", column_of(Some(alias.as_str()), own), column_of(from, theirs))
            })
            .collect(),
        inner: None,
    });
    Ok(select)
}
