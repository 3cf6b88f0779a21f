//! What may be encoded: tables without rules, sanitized copies, and tables that are read by their masks.

use crate::error::{Error, Result};
use crate::plan::run::{TablePlan, Unruled};
use crate::plan::sanitize::{Forbidden, Refs};
use crate::plan::select_list::SelectList;
use crate::schema::Table;
use crate::source::select::subset::{Kept, Reading};
use crate::source::workspace::Sanitized;
use crate::sql::literal::Form;
use crate::sql::select::WalkKey;
use crate::sql::{Ident, List, TableName};

/// What may be encoded: nothing else leaves this process.
#[derive(Debug)]
pub enum Dumpable<'a> {
    /// A table without rules, read straight from the source.
    Direct(Unruled<'a>, TableName),
    /// A copy whose every row is sanitized.
    Copied(&'a Sanitized),
    /// A table whose ruled columns are masked by the list that it is read with: all of its rows, or those that are kept.
    Masked(SelectList, TableName, Option<&'a Kept>),
}

impl<'a> Dumpable<'a> {
    pub(super) fn name(&self) -> &TableName {
        match self {
            Self::Direct(_, name) | Self::Masked(_, name, _) => name,
            Self::Copied(copy) => copy.table(),
        }
    }

    pub(super) fn walk(&self, plan: &TablePlan) -> Option<WalkKey> {
        match self {
            Self::Direct(..) | Self::Masked(_, _, None) => plan.walk.clone(),
            Self::Copied(copy) => Some(copy.walk().clone()),
            Self::Masked(_, _, Some(_)) => None,
        }
    }

    /// Which rows are sent; a copy has no others.
    pub(super) fn conditions(&self, plan: &TablePlan) -> Vec<String> {
        match self {
            Self::Direct(..) | Self::Masked(..) => {
                plan.since.iter().map(|since| since.condition(None)).collect()
            }
            Self::Copied(_) => Vec::new(),
        }
    }

    /// How the columns that are sent are read.
    pub(super) fn list(&self, plan: &TablePlan) -> Result<List> {
        match self {
            Self::Masked(list, ..) => Ok(list.sent().clone()),
            Self::Direct(..) | Self::Copied(_) => select_list(&plan.table, &plan.columns),
        }
    }

    /// What must not be sent.
    pub(super) fn forbidden(&self) -> &[Forbidden] {
        match self {
            Self::Masked(list, ..) => list.forbidden(),
            Self::Direct(..) | Self::Copied(_) => &[],
        }
    }

    /// The rows that are kept of a restricted table that is read from the source, by this list.
    ///
    /// # Errors
    /// `Internal` when they are not known.
    pub(super) fn kept(&self, plan: &TablePlan, list: &List) -> Result<Option<Reading<'a>>> {
        match self {
            Self::Masked(_, _, Some(kept)) => kept.reading(&plan.table.name, list.clone()),
            Self::Direct(..) | Self::Copied(_) | Self::Masked(_, _, None) => Ok(None),
        }
    }

    /// How columns of the table are named in the statements that read it.
    pub(super) fn refs<'b>(&self, alias: &'b Ident) -> Refs<'b> {
        match self {
            Self::Masked(_, _, Some(_)) => Refs::Of(alias),
            Self::Direct(..) | Self::Copied(_) | Self::Masked(_, _, None) => Refs::Bare,
        }
    }

    /// Where among the columns that are sent the one is found that `name` has in the table that is read; none if it is not
    /// sent, or not as it is there.
    pub(super) fn cell(&self, plan: &TablePlan, name: &str) -> Option<usize> {
        let is_masked = plan.masks.as_ref().is_some_and(|masks| masks.column(name).is_some());
        if is_masked && matches!(self, Self::Masked(..)) {
            return None;
        }
        plan.columns.iter().position(|(column, _)| column == name)
    }
}

/// How the columns that are sent are read of a table that holds them as they are sent.
pub(super) fn select_list(table: &Table, columns: &[(String, Form)]) -> Result<List> {
    columns
        .iter()
        .map(|(name, _)| {
            let column =
                table.column(name).ok_or_else(|| Error::internal(format!("column `{name}` is missing")))?;
            Ok(Form::select_expression(column))
        })
        .collect()
}
