//! The rows of tables without a limit whose parents are kept.

use super::engine::Engine;
use crate::error::Result;
use crate::plan::subset::{Edge, Restricted, Role};
use crate::source::walk::{Walk, Walker};
use crate::sql::select::Range;
use std::collections::BTreeMap;

/// Children are looked up from a list of parents when it has at most this share of them: looking up costs more for
/// each row than walking past it.
const LOOKED_UP_SHARE: u64 = 4;

impl Engine<'_> {
    /// Lists the rows of a table whose parents are kept. Inside a circle the other members' rows do not count yet.
    pub(super) fn down(&mut self, table: &str) -> Result<()> {
        let statements = self.statements;
        let restricted = statements.plan.table(table)?;
        if let Some(by) = self.looked_up(restricted) {
            return self.down_from_parents(table, by);
        }
        let walk = Walk::over(&restricted.table, statements.rows_of(table)?, &restricted.walk)?;
        self.walk(walk, |engine, range| {
            engine.add(Role::Keys, table, &statements.kept_by_walk(table, range)?)?;
            Ok(false)
        })
    }

    /// The reference that children are best looked up by; none where walking the table is better.
    fn looked_up(&self, restricted: &Restricted) -> Option<usize> {
        let possible = |edge: &Edge| {
            !edge.in_cycle
                && edge.child_index.is_some()
                && edge.reference.when.is_empty()
                && (edge.nullable.is_empty() || edge.nulls.is_some())
        };
        let candidates = restricted.edges.iter().enumerate().filter(|(_, edge)| possible(edge));
        let share = |edge: &Edge| (self.kept_rows(&edge.reference.references), self.parent_rows(edge));
        candidates
            .map(|(at, edge)| (share(edge), at))
            .filter(|((kept, all), _)| kept.saturating_mul(LOOKED_UP_SHARE) <= *all && *all > 0)
            .min_by(|((kept, all), _), ((other_kept, other_all), _)| {
                let (one, other) =
                    (u128::from(*kept) * u128::from(*other_all), u128::from(*other_kept) * u128::from(*all));
                one.cmp(&other)
            })
            .map(|(_, at)| at)
    }

    /// How many rows the parent has, as the server estimates it.
    fn parent_rows(&self, edge: &Edge) -> u64 {
        let parent = self.statements.plan.table(&edge.reference.references);
        parent.map_or(0, |parent| parent.table.row_count)
    }

    fn kept_rows(&self, table: &str) -> u64 {
        let cyclic = self.statements.plan.table(table).is_ok_and(|restricted| restricted.cyclic);
        self.rows(if cyclic { Role::Kept } else { Role::Keys }, table)
    }

    fn down_from_parents(&mut self, table: &str, by: usize) -> Result<()> {
        let statements = self.statements;
        let restricted = statements.plan.table(table)?;
        let Some(edge) = restricted.edges.get(by) else { return Ok(()) };
        let parents = statements.kept(&edge.reference.references)?;
        let until = self.last_number(parents.clone())?;
        let siblings = restricted.table.row_count / self.parent_rows(edge).max(1);
        self.walk(Walk::numbers(parents, 0, until).with_weight(siblings), |engine, range| {
            engine.add(Role::Keys, table, &statements.kept_by_parent(table, by, range)?)?;
            Ok(false)
        })?;
        let Some(nulls) = &edge.nulls else { return Ok(()) };
        let mut bounds = statements.rows_without_parent(table, by, nulls, Range::default())?;
        bounds.list = restricted
            .walk
            .columns
            .iter()
            .map(|name| crate::sql::Ident::new(name.as_str()).to_string())
            .collect();
        self.walk(Walk::along(&restricted.table, bounds)?, |engine, range| {
            engine.add(Role::Keys, table, &statements.kept_without_parent(table, by, nulls, range)?)?;
            Ok(false)
        })
    }

    /// Lists the rows of tables in a circle whose parents are kept: all that may stay first, then by levels those that
    /// lose a parent, then what is left.
    pub(super) fn down_cycle(&mut self, tables: &[String]) -> Result<()> {
        let statements = self.statements;
        let mut pinned = BTreeMap::new();
        for table in tables {
            // What was pulled in stays, whatever becomes of its parents.
            let list = statements.names.name(Role::Keys, table)?;
            pinned.insert(table.as_str(), self.last_number(list)?);
            self.down(table)?;
        }
        for table in tables {
            let list = statements.names.name(Role::Keys, table)?;
            let until = self.last_number(list.clone())?;
            let pinned = pinned.get(table.as_str()).copied().unwrap_or(0);
            for edge in circle_edges(statements.plan.table(table)?) {
                self.walk_numbers(list.clone(), pinned, until, |engine, range| {
                    let statement = statements.loose(table, edge, pinned, range)?;
                    engine.add(Role::Removed, table, &statement).map(|_| ())
                })?;
            }
        }
        self.loosen(tables, &pinned)?;
        for table in tables {
            let list = statements.names.name(Role::Keys, table)?;
            let until = self.last_number(list.clone())?;
            self.walk_numbers(list, 0, until, |engine, range| {
                engine.add(Role::Kept, table, &statements.survivors(table, range)?).map(|_| ())
            })?;
        }
        Ok(())
    }

    /// Takes away the children of what was taken away, until nothing more is.
    fn loosen(&mut self, tables: &[String], pinned: &BTreeMap<&str, u64>) -> Result<()> {
        let statements = self.statements;
        let mut done: BTreeMap<&str, u64> = BTreeMap::new();
        loop {
            let mut news = false;
            for parent in tables {
                let list = statements.names.name(Role::Removed, parent)?;
                let after = done.get(parent.as_str()).copied().unwrap_or(0);
                let until = self.last_number(list.clone())?;
                for child in tables {
                    let edges = circle_edges(statements.plan.table(child)?)
                        .filter(|edge| edge.reference.references == *parent);
                    let pinned = pinned.get(child.as_str()).copied().unwrap_or(0);
                    for edge in edges {
                        self.walk_numbers(list.clone(), after, until, |engine, range| {
                            let statement = statements.loosened(child, edge, pinned, range)?;
                            engine.add(Role::Removed, child, &statement).map(|_| ())
                        })?;
                    }
                }
                news |= until > after;
                done.insert(parent, until);
            }
            if !news {
                return Ok(());
            }
        }
    }
}

fn circle_edges(restricted: &Restricted) -> impl Iterator<Item = &Edge> {
    restricted.edges.iter().filter(|edge| edge.in_cycle)
}
