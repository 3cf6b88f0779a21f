//! Which references a run checks at its end, and what it has to remember of each row for that.
//!
//! Tables are read at moments of their own, so a row may arrive whose parent came or went in between. A reference is
//! checked if both its ends are sent, as they are stored: what is masked points nowhere by intention, and what is not
//! sent cannot dangle on the target.

use super::reference::Reference;
use super::run::TablePlan;
use crate::schema::{Column, IndexKind, Table};
use std::collections::BTreeSet;

/// A reference that is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What references what.
    pub reference: Reference,
    /// The child's position in the run.
    pub child: usize,
    /// Positions of the referencing columns among those that are sent of the child.
    pub cells: Vec<usize>,
    /// Position of the referenced key in [`Checks::keys`].
    pub key: usize,
    /// Columns that name the child's rows, by position: a key of its own, or without one that can be used the
    /// referencing columns themselves.
    pub identity: Vec<usize>,
    /// The index to look the identity up by; none leaves the choice to the server.
    pub index: Option<String>,
    /// Whether the parent is restricted: then a row without parent never stays.
    pub restricted: bool,
}

/// Columns of a table that references lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The parent's position in the run.
    pub table: usize,
    /// Positions of the columns among those that are sent of it.
    pub cells: Vec<usize>,
    /// Whether no two rows can have the same values.
    pub unique: bool,
}

/// Everything that is checked of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checks {
    /// References.
    pub references: Vec<Checked>,
    /// What they lead to.
    pub keys: Vec<Key>,
}

impl Checks {
    /// What can be checked of `references` in a run of these tables. The second part names what cannot, and why.
    #[must_use]
    pub fn new(
        tables: &[TablePlan],
        references: Vec<Reference>,
        restricted: &BTreeSet<String>,
    ) -> (Self, Vec<String>) {
        let mut checks = Self::default();
        let mut unchecked = Vec::new();
        for reference in references {
            let (table, name) = (reference.table.clone(), reference.name.clone());
            if let Err(why) = checks.add(tables, reference, restricted) {
                unchecked.extend(why.map(|why| format!("`{name}` of `{table}`: {why}")));
            }
        }
        (checks, unchecked)
    }

    /// `Err(None)` for a reference that needs no check.
    fn add(
        &mut self,
        tables: &[TablePlan],
        reference: Reference,
        restricted: &BTreeSet<String>,
    ) -> Result<(), Option<&'static str>> {
        let position = |name: &str| tables.iter().position(|plan| plan.table.name == name).ok_or(None);
        let (child, parent) = (position(&reference.table)?, position(&reference.references)?);
        let (plan, parent_plan) = (&tables[child], &tables[parent]);
        let when: Vec<&String> = reference.when.iter().map(|(name, _)| name).collect();
        let cells = as_stored(plan, reference.columns.iter())?;
        let when = as_stored(plan, when.into_iter())?;
        let key_cells = as_stored(parent_plan, reference.referenced_columns.iter())?;
        comparable(plan, &cells, parent_plan, &key_cells)?;
        if !is_led_by_index(&parent_plan.table, &reference.referenced_columns) {
            return Err(Some("no index of the parent begins with the referenced columns"));
        }
        let (identity, index) = match row_key(plan) {
            Some((identity, index)) => (identity, Some(index)),
            None if is_led_by_index(&plan.table, &reference.columns) => {
                (cells.iter().chain(&when).copied().collect(), None)
            }
            None => return Err(Some("the table has neither a key nor an index for it")),
        };
        let unique = has_unique(&parent_plan.table, &reference.referenced_columns);
        let key = Key { table: parent, cells: key_cells, unique };
        let key = self.keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        });
        let restricted = restricted.contains(&reference.references);
        self.references.push(Checked { reference, child, cells, key, identity, index, restricted });
        Ok(())
    }

    /// Whether rows of the table at this position may turn out to have lost their parents.
    #[must_use]
    pub fn has_child(&self, table: usize) -> bool {
        self.references.iter().any(|checked| checked.child == table)
    }

    /// Positions of the cells that the check needs of a row of the table: those that name it, those that reference,
    /// those that are referenced.
    #[must_use]
    pub fn cells(&self, table: usize) -> Vec<usize> {
        let children = self.references.iter().filter(|checked| checked.child == table);
        let referencing = children.flat_map(|checked| checked.cells.iter().chain(&checked.identity));
        let keys = self.keys.iter().filter(|key| key.table == table).flat_map(|key| &key.cells);
        referencing.chain(keys).copied().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Positions of columns that are sent and not masked.
fn as_stored<'a>(
    plan: &TablePlan,
    names: impl Iterator<Item = &'a String>,
) -> Result<Vec<usize>, Option<&'static str>> {
    let mut cells = Vec::new();
    for name in names {
        cells.push(plan.columns.iter().position(|(sent, _)| sent == name).ok_or(None)?);
        if plan.masks.as_ref().is_some_and(|masks| masks.column(name).is_some()) {
            return Err(Some("a rule changes one of its columns"));
        }
    }
    Ok(cells)
}

/// The key that the rows are walked by, if it is sent as it is.
fn row_key(plan: &TablePlan) -> Option<(Vec<usize>, String)> {
    let walk = plan.walk.as_ref()?;
    let cells = as_stored(plan, walk.columns.iter()).ok()?;
    Some((cells, walk.index.clone()))
}

/// Whether the server can look one side's values up in the other's index. Declared keys always are of one type;
/// relations may lead from text to numbers, where every row would be looked at.
fn comparable(
    child: &TablePlan,
    cells: &[usize],
    parent: &TablePlan,
    key: &[usize],
) -> Result<(), Option<&'static str>> {
    let column = |plan: &TablePlan, at: usize| plan.table.column(&plan.columns[at].0).cloned();
    let alike = cells.iter().zip(key).all(|(cell, key)| match (column(child, *cell), column(parent, *key)) {
        (Some(a), Some(b)) => is_one_type(&a, &b),
        _ => false,
    });
    if alike { Ok(()) } else { Err(Some("the columns' types differ")) }
}

fn is_one_type(a: &Column, b: &Column) -> bool {
    (a.is_integer() && b.is_integer())
        || (a.is_text() && b.is_text() && a.collation == b.collation)
        || (a.is_binary() && b.is_binary())
        || (a.data_type == b.data_type && a.collation == b.collation)
}

/// Whether an index of the table begins with these columns, in any order.
fn is_led_by_index(table: &Table, columns: &[String]) -> bool {
    let leads = |index: &mut dyn Iterator<Item = &String>| {
        let first: BTreeSet<&String> = index.take(columns.len()).collect();
        columns.iter().all(|column| first.contains(column))
    };
    leads(&mut table.primary_key.iter())
        || table.indexes.iter().filter(|index| index.kind == IndexKind::Btree).any(|index| {
            let whole = index.parts.iter().take_while(|part| part.prefix.is_none());
            leads(&mut whole.map_while(|part| part.column.as_ref()))
        })
}

/// Whether a unique index covers no more than these columns, so that no two rows have the same non-NULL values.
fn has_unique(table: &Table, columns: &[String]) -> bool {
    let primary =
        !table.primary_key.is_empty() && table.primary_key.iter().all(|name| columns.contains(name));
    primary
        || table.indexes.iter().filter(|index| index.unique && index.kind == IndexKind::Btree).any(|index| {
            index.parts.iter().all(|part| {
                part.prefix.is_none() && part.column.as_ref().is_some_and(|name| columns.contains(name))
            })
        })
}
