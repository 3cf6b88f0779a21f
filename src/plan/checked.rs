//! Which references a run checks at its end, and what it has to remember of each row for that.
//!
//! Tables are read at moments of their own, so a row may arrive whose parent came or went in between. A reference is
//! checked if both its ends are sent, and either as they are stored or both by masks that are functions of the value:
//! then masks are equal where values are. Other masks point nowhere by intention, and what is not sent cannot dangle on
//! the target.

use super::reference::Reference;
use super::run::TablePlan;
use super::sanitize::Mask;
use crate::schema::{Column, IndexKind, Table};
use crate::sql::digest::Canon;
use std::collections::BTreeSet;

/// By what a value is compared with one of another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// By the cell of the column at this position among those that are sent, brought to one form.
    Cell(usize, Canon),
    /// By the key that the server sorts its text by, see [`Checks::sort_keys`]: to it 'A' may be 'a'.
    SortKey(usize),
}

/// A column whose text is compared as the server compares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    /// The table's position in the run.
    pub table: usize,
    /// The column's position among those that are sent.
    pub column: usize,
    /// Whether blanks at the end count for nothing.
    pub pads: bool,
}

impl SortKey {
    /// The expression over the column, already quoted. It is equal exactly where the column is: a test tries all common
    /// collations of both servers. MariaDB's `uca1400_…_ai_cs` are coarser than their sort keys.
    #[must_use]
    pub fn expression(self, column: &str) -> String {
        if self.pads { format!("WEIGHT_STRING(RTRIM({column}))") } else { format!("WEIGHT_STRING({column})") }
    }
}

/// A reference that is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What references what.
    pub reference: Reference,
    /// The child's position in the run.
    pub child: usize,
    /// Positions of the referencing columns among those that are sent of the child.
    pub cells: Vec<usize>,
    /// By what they are compared with the key.
    pub compared: Vec<Compared>,
    /// Position of the referenced key in [`Checks::keys`].
    pub key: usize,
    /// Columns that name the child's rows, by position: a key of its own, or without one that can be used the
    /// referencing columns themselves.
    pub identity: Vec<usize>,
    /// The index to look the identity up by; none leaves the choice to the server.
    pub index: Option<String>,
    /// Whether a referencing column holds masks: the source has no index by what is compared.
    pub masked: bool,
    /// Whether a column of the identity does: the source has no index by what names a row.
    pub named_by_masks: bool,
}

/// Columns of a table that references lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The parent's position in the run.
    pub table: usize,
    /// By what its columns are compared.
    pub compared: Vec<Compared>,
    /// Whether no two rows can have the same values.
    pub unique: bool,
    /// Whether the table comes as a delta: older rows were delivered by earlier pulls.
    pub has_earlier: bool,
}

/// Everything that is checked of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checks {
    /// References.
    pub references: Vec<Checked>,
    /// What they lead to.
    pub keys: Vec<Key>,
    /// Text that is compared as the server compares it.
    pub sort_keys: Vec<SortKey>,
}

impl Checks {
    /// What can be checked of `references` in a run of these tables. The second part names what cannot, and why.
    #[must_use]
    pub fn new(tables: &[TablePlan], references: Vec<Reference>) -> (Self, Vec<String>) {
        let mut checks = Self::default();
        let mut unchecked = Vec::new();
        for reference in references {
            let (table, name) = (reference.table.clone(), reference.name.clone());
            if let Err(why) = checks.add(tables, reference) {
                unchecked.extend(why.map(|why| format!("`{name}` of `{table}`: {why}")));
            }
        }
        (checks, unchecked)
    }

    /// `Err(None)` for a reference that needs no check.
    fn add(&mut self, tables: &[TablePlan], reference: Reference) -> Result<(), Option<&'static str>> {
        let position = |name: &str| tables.iter().position(|plan| plan.table.name == name).ok_or(None);
        let (child, parent) = (position(&reference.table)?, position(&reference.references)?);
        let (plan, parent_plan) = (&tables[child], &tables[parent]);
        let when: Vec<&String> = reference.when.iter().map(|(name, _)| name).collect();
        let cells = sent(plan, reference.columns.iter())?;
        let when = sent(plan, when.into_iter())?;
        if when.iter().any(|at| is_masked(plan, *at)) {
            return Err(Some(A_RULE_CHANGES));
        }
        let key_cells = sent(parent_plan, reference.referenced_columns.iter())?;
        let canons = comparable(plan, &cells, parent_plan, &key_cells)?;
        let masked = cells.iter().any(|at| is_masked(plan, *at));
        if !is_led_by_index(&parent_plan.table, &reference.referenced_columns) {
            return Err(Some("no index of the parent begins with the referenced columns"));
        }
        let (identity, index) = match row_key(plan) {
            Some((identity, index)) => (identity, Some(index)),
            None if masked => return Err(Some("without a key of the table no mask leads back to its row")),
            None if is_led_by_index(&plan.table, &reference.columns) => {
                (cells.iter().chain(&when).copied().collect(), None)
            }
            None => return Err(Some("the table has neither a key nor an index for it")),
        };
        let unique = has_unique(&parent_plan.table, &reference.referenced_columns);
        let compared = self.compared(child, plan, &cells, &canons);
        let key = Key {
            table: parent,
            compared: self.compared(parent, parent_plan, &key_cells, &canons),
            unique,
            has_earlier: parent_plan.since.is_some(),
        };
        let key = position_or_push(&mut self.keys, key);
        let named_by_masks = identity.iter().any(|at| is_masked(plan, *at));
        let checked =
            Checked { reference, child, cells, compared, key, identity, index, masked, named_by_masks };
        self.references.push(checked);
        Ok(())
    }

    fn compared(
        &mut self,
        table: usize,
        plan: &TablePlan,
        cells: &[usize],
        canons: &[Option<Canon>],
    ) -> Vec<Compared> {
        let mut compared = Vec::with_capacity(cells.len());
        for (column, canon) in cells.iter().copied().zip(canons) {
            compared.push(match canon {
                Some(canon) => Compared::Cell(column, *canon),
                None => {
                    let collation =
                        plan.table.column(&plan.columns[column].0).and_then(|c| c.collation.as_deref());
                    let key = SortKey { table, column, pads: collation.is_none_or(pads) };
                    Compared::SortKey(position_or_push(&mut self.sort_keys, key))
                }
            });
        }
        compared
    }

    /// Whether rows of the table at this position may turn out to have lost their parents.
    #[must_use]
    pub fn has_child(&self, table: usize) -> bool {
        self.references.iter().any(|checked| checked.child == table)
    }

    /// Positions of the columns that the check needs of a row of the table: those that name it, those that reference,
    /// those that are referenced.
    #[must_use]
    pub fn columns(&self, table: usize) -> Vec<usize> {
        let children = || self.references.iter().filter(|checked| checked.child == table);
        let keys = self.keys.iter().filter(|key| key.table == table);
        let compared = children().map(|checked| &checked.compared).chain(keys.map(|key| &key.compared));
        let compared = compared.flatten().filter_map(|compared| match compared {
            Compared::Cell(column, _) => Some(*column),
            Compared::SortKey(_) => None,
        });
        let own = children().flat_map(|checked| checked.cells.iter().chain(&checked.identity)).copied();
        own.chain(compared).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The sort keys of the table, each with its position.
    pub fn sort_keys_of(&self, table: usize) -> impl Iterator<Item = (usize, SortKey)> {
        self.sort_keys.iter().copied().enumerate().filter(move |(_, key)| key.table == table)
    }
}

fn position_or_push<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

/// Whether a collation passes over blanks at the end: all but the newer ones do.
#[must_use]
pub fn pads(collation: &str) -> bool {
    !(collation.contains("nopad") || collation.contains("0900") || collation == "binary")
}

const A_RULE_CHANGES: &str = "a rule changes one of its columns";

/// Positions of columns that are sent.
fn sent<'a>(
    plan: &TablePlan,
    names: impl Iterator<Item = &'a String>,
) -> Result<Vec<usize>, Option<&'static str>> {
    let position = |name: &String| plan.columns.iter().position(|(sent, _)| sent == name).ok_or(None);
    names.map(position).collect()
}

fn is_masked(plan: &TablePlan, at: usize) -> bool {
    plan.masks.as_ref().is_some_and(|masks| masks.column(&plan.columns[at].0).is_some())
}

/// Whether what is sent of the column is a function of what is stored.
fn follows_value(plan: &TablePlan, at: usize) -> bool {
    let name = &plan.columns[at].0;
    !is_masked(plan, at) || plan.masks.as_ref().is_some_and(|masks| masks.is_stable(name))
}

/// The key that the rows are walked by, if it is sent and what is sent leads back to it.
fn row_key(plan: &TablePlan) -> Option<(Vec<usize>, String)> {
    let walk = plan.walk.as_ref()?;
    let cells = sent(plan, walk.columns.iter()).ok()?;
    cells.iter().all(|at| follows_value(plan, *at)).then(|| (cells, walk.index.clone()))
}

/// The form that each pair of columns is compared in, none for text. The server must be able to look one side's values
/// up in the other's index: declared keys always are of one type, relations may lead from text to numbers.
fn comparable(
    child: &TablePlan,
    cells: &[usize],
    parent: &TablePlan,
    key: &[usize],
) -> Result<Vec<Option<Canon>>, Option<&'static str>> {
    let column = |plan: &TablePlan, at: usize| plan.table.column(&plan.columns[at].0).cloned().ok_or(None);
    let form = |(cell, of): (&usize, &usize)| {
        let form = form_of(&column(child, *cell)?, &column(parent, *of)?).map_err(Some)?;
        match (mask(child, *cell), mask(parent, *of)) {
            (None, None) => Ok(form),
            (Some(own), Some(other))
                if own == other && follows_value(child, *cell) && follows_value(parent, *of) =>
            {
                // Masks are equal byte by byte or not at all.
                Ok(Some(form.unwrap_or(Canon::Bytes)))
            }
            _ => Err(Some(A_RULE_CHANGES)),
        }
    };
    cells.iter().zip(key).map(form).collect()
}

fn mask(plan: &TablePlan, at: usize) -> Option<&Mask> {
    Some(&plan.masks.as_ref()?.column(&plan.columns[at].0)?.mask)
}

fn form_of(a: &Column, b: &Column) -> Result<Option<Canon>, &'static str> {
    if a.is_text() && b.is_text() && a.collation == b.collation {
        return Ok(None);
    }
    let one_type = (a.is_integer() && b.is_integer())
        || (a.is_binary() && b.is_binary())
        || (a.data_type == b.data_type && a.collation == b.collation);
    if !one_type || a.is_text() {
        return Err("the columns' types differ");
    }
    if a.is_binary() {
        return Ok(Some(Canon::Bytes));
    }
    Canon::of(a, b).map(Some).ok_or("the columns' types differ")
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

#[cfg(test)]
mod tests;
