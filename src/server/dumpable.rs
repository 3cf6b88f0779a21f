//! What may be encoded: tables without rules, sanitized copies, and tables that are read by their masks.

use crate::error::{Error, Result};
use crate::plan::run::{TablePlan, Unruled};
use crate::plan::sanitize::Forbidden;
use crate::plan::select_list::SelectList;
use crate::schema::Table;
use crate::source::workspace::Sanitized;
use crate::sql::TableName;
use crate::sql::literal::Form;
use crate::sql::select::WalkKey;

/// What may be encoded: nothing else leaves this process.
#[derive(Debug)]
pub enum Dumpable<'a> {
    /// A table without rules, read straight from the source.
    Direct(Unruled<'a>, TableName),
    /// A copy whose every row is sanitized.
    Copied(&'a Sanitized),
    /// A table whose ruled columns are masked by the list that it is read with.
    Masked(SelectList, TableName),
}

impl Dumpable<'_> {
    pub(super) fn name(&self) -> &TableName {
        match self {
            Self::Direct(_, name) | Self::Masked(_, name) => name,
            Self::Copied(copy) => copy.table(),
        }
    }

    pub(super) fn walk(&self, plan: &TablePlan) -> Option<WalkKey> {
        match self {
            Self::Direct(..) | Self::Masked(..) => plan.walk.clone(),
            Self::Copied(copy) => Some(copy.walk().clone()),
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
    pub(super) fn list(&self, plan: &TablePlan) -> Result<Vec<String>> {
        match self {
            Self::Masked(list, _) => Ok(list.sent().to_vec()),
            Self::Direct(..) | Self::Copied(_) => select_list(&plan.table, &plan.columns),
        }
    }

    /// What must not be sent.
    pub(super) fn forbidden(&self) -> &[Forbidden] {
        match self {
            Self::Masked(list, _) => list.forbidden(),
            Self::Direct(..) | Self::Copied(_) => &[],
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
pub(super) fn select_list(table: &Table, columns: &[(String, Form)]) -> Result<Vec<String>> {
    columns
        .iter()
        .map(|(name, _)| {
            let column =
                table.column(name).ok_or_else(|| Error::internal(format!("column `{name}` is missing")))?;
            Ok(Form::select_expression(column))
        })
        .collect()
}
