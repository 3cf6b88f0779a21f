//! How statements tell which parent a row has: by cells that name the parent's row among the rows of its table.

use crate::db::RowCells;
use crate::error::Result;
use crate::plan::subset::{Edge, Restricted, SubsetPlan, row_alias};
use crate::schema::{Column, Table};
use crate::source::select::keys::{KeyShape, Keys};
use crate::sql::ident::string_literal;
use crate::sql::select::{Join, JoinKind, Select, column_of};
use crate::sql::{List, TableName};

/// What rows of a table are named by: the table alone stands for its key, with columns for those, which the rows of a
/// table without a key are found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) table: String,
    pub(super) columns: Option<Vec<String>>,
}

impl Name {
    /// Rows by their key, or by their position.
    pub(super) fn of(table: &str) -> Self {
        Self { table: table.to_owned(), columns: None }
    }
}

/// The cells of the key of rows of `alias`.
pub(super) fn key_cells(restricted: &Restricted, alias: Option<&str>) -> Vec<String> {
    restricted.walk.columns.iter().map(|name| column_of(alias, name)).collect()
}

/// The columns whose values name the parent's rows of a reference.
pub(super) fn name_of(plan: &SubsetPlan, edge: &Edge) -> Result<(Name, Vec<Column>)> {
    let parent = plan.table(&edge.reference.references)?;
    let (columns, of) = match parent.base {
        None => (&parent.walk.columns, None),
        Some(_) => (&edge.reference.referenced_columns, Some(edge.reference.referenced_columns.clone())),
    };
    let name = Name { table: edge.reference.references.clone(), columns: of };
    Ok((name, columns_of(&parent.source, columns)))
}

/// Columns of a table by their names.
pub(super) fn columns_of(table: &Table, names: &[String]) -> Vec<Column> {
    names.iter().filter_map(|name| table.column(name)).cloned().collect()
}

/// A column so that its text carries the whole value.
pub(super) fn exact(column: &Column, alias: Option<&str>) -> String {
    let name = column_of(alias, &column.name);
    if column.data_type == "float" { format!("{name}*1e0") } else { name }
}

/// The condition that a row of `alias` references something by that edge; none if all do.
pub(super) fn held(edge: &Edge, alias: Option<&str>) -> Option<String> {
    let column = |name: &String| column_of(alias, name);
    let given = edge.nullable.iter().map(|name| format!("{} IS NOT NULL", column(name)));
    let when = edge.reference.when.iter();
    let when = when.map(|(name, value)| format!("{} = {}", column(name), string_literal(value)));
    let terms: Vec<String> = given.chain(when).collect();
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

/// Where a statement has what names the parents of its rows.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) name: Name,
    shape: KeyShape,
    first: usize,
    held: Option<usize>,
}

impl Link {
    /// Adds to `select`, over rows of a child called `t`, what names their parents by `edge`. What the row itself says
    /// is enough where the parent need not be there.
    pub(super) fn add(
        select: &mut Select,
        context: &Context<'_>,
        edge: &Edge,
        alias: &str,
        must_exist: bool,
    ) -> Result<Self> {
        let (name, columns) = name_of(context.plan, edge)?;
        let own = (!must_exist).then(|| own_columns(context.plan, edge, &columns)).flatten();
        let cells: Vec<String> = match own {
            Some(own) => own.iter().map(|column| column_of(Some(row_alias().as_str()), column)).collect(),
            None => {
                let (row, on) = (row_alias(), edge.reference.referenced_columns.iter());
                select.joins.push(Join {
                    kind: JoinKind::Left,
                    table: context.source(&edge.reference.references),
                    alias: alias.to_owned(),
                    index: context.parent_index(edge)?,
                    on: on
                        .zip(&edge.reference.columns)
                        .map(|(theirs, ours)| {
                            let (theirs, ours) =
                                (column_of(Some(alias), theirs), column_of(Some(row.as_str()), ours));
                            format!("{theirs} = {ours}")
                        })
                        .collect(),
                    inner: None,
                });
                columns.iter().map(|column| exact(column, Some(alias))).collect()
            }
        };
        let first = select.list.len();
        select.list.extend(cells);
        Ok(Self { name, shape: KeyShape::of(&columns), first, held: None })
    }

    /// As [`Link::add`], with a cell that says whether the row references something.
    pub(super) fn add_with_held(
        select: &mut Select,
        context: &Context<'_>,
        edge: &Edge,
        alias: &str,
    ) -> Result<Self> {
        let link = Self::add(select, context, edge, alias, false)?;
        let held = held(edge, Some(row_alias().as_str())).map(|held| {
            select.list.push(format!("({held})"));
            select.list.len() - 1
        });
        Ok(Self { held, ..link })
    }

    /// Whether the row references nothing, or a parent that is among `kept`.
    pub(super) fn is_kept(&self, row: &dyn RowCells, kept: &Keys) -> Result<bool> {
        if self.held.is_some_and(|held| row.cell(held) != Some(b"1")) {
            return Ok(true);
        }
        match self.parent(row)? {
            Some(parent) => kept.contains(&parent),
            None => Ok(false),
        }
    }

    /// What names the parent of a row; none without a parent.
    pub(super) fn parent(&self, row: &dyn RowCells) -> Result<Option<Vec<u8>>> {
        let cells = self.first..self.first + self.shape.cells();
        if cells.clone().any(|at| row.cell(at).is_none()) {
            return Ok(None);
        }
        let mut key = Vec::new();
        self.shape.encode(cells.map(|at| row.cell(at)), &mut key)?;
        Ok(Some(key))
    }
}

/// The child's columns that hold what names the parent, in that order, where the bytes of both say the same.
fn own_columns<'a>(plan: &SubsetPlan, edge: &'a Edge, columns: &[Column]) -> Option<Vec<&'a String>> {
    let child = match plan.table(&edge.reference.table) {
        Ok(child) => &child.source,
        Err(_) => &plan.direct(&edge.reference.table)?.table,
    };
    if columns.len() != edge.reference.referenced_columns.len() {
        return None;
    }
    let own = |column: &Column| {
        let at = edge.reference.referenced_columns.iter().position(|name| *name == column.name)?;
        let own = edge.reference.columns.get(at)?;
        (column.is_integer() && child.column(own)?.is_integer()).then_some(own)
    };
    columns.iter().map(own).collect()
}

/// What statements are made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) plan: &'a SubsetPlan,
    pub(super) database: &'a str,
}

impl Context<'_> {
    pub(super) fn source(&self, table: &str) -> TableName {
        TableName::qualified(self.database, table)
    }

    /// The index that parents are found by. The plan's is one of a copy where the parent has no key.
    pub(super) fn parent_index(&self, edge: &Edge) -> Result<Option<String>> {
        let parent = self.plan.table(&edge.reference.references)?;
        Ok(parent.base.is_none().then(|| edge.parent_index.clone()))
    }

    /// The rows of a table, called `t`.
    pub(super) fn rows(&self, table: &str, list: impl Into<List>) -> Select {
        Select {
            alias: Some(row_alias().as_str().to_owned()),
            ..Select::all(self.source(table), list.into())
        }
    }

    /// The rows of a table under its own name, which conditions of the configuration may use.
    pub(super) fn own_rows(&self, table: &str, list: impl Into<List>) -> Select {
        Select::all(self.source(table), list.into())
    }
}
