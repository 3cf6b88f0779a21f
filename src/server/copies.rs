//! How the copies of a run are made: what a [`TablePlan`] means for the workspace.

use crate::error::{Error, Result};
use crate::plan::run::{MaskAt, ROW_NUMBER_COLUMN, Route, TablePlan};
use crate::schema::ddl::{self, WorkspaceOptions};
use crate::schema::{Check, Column, Flavour, Generated};
use crate::source::workspace::subset::KeyTables;
use crate::source::workspace::{CopyOrder, Logging};
use crate::sql::select::WalkKey;
use crate::sql::workspace::CreateTable;
use crate::sql::{TableName, WorkspaceTable};

/// The order to copy a table from `schema` into `place`; none for a table that is read directly. `kept` are the rows of
/// restricted tables.
///
/// # Errors
/// `Internal` for a restricted table without them.
pub(super) fn order<'a>(
    plan: &'a TablePlan,
    schema: &str,
    place: &WorkspaceTable,
    logging: Logging,
    kept: Option<&'a KeyTables>,
) -> Result<Option<CopyOrder<'a>>> {
    let Route::Copy(mask_at) = plan.route else { return Ok(None) };
    let kept = match plan.restricted {
        true => Some(kept.ok_or_else(|| Error::internal("a restricted table came before its kept rows"))?),
        false => None,
    };
    Ok(Some(CopyOrder {
        table: &plan.table,
        from: TableName::qualified(schema, plan.table.name.as_str()),
        into: place.clone(),
        columns: plan.table.stored_columns().collect(),
        masks: plan.masks.as_ref(),
        // A raw value that is written to a logged workspace is on every replica and in every backup.
        mask_at: if logging == Logging::On { MaskAt::Copy } else { mask_at },
        walk: unlogged_walk(plan, logging),
        kept,
        since: plan.since.as_ref(),
        copy_walk: plan.copy_walk(),
    }))
}

/// The key to copy by, unless its values must not be written down: a statement that copies a range names the range's
/// ends, and the binlog may keep the text of statements beside their rows (`binlog_annotate_row_events`,
/// `binlog_rows_query_log_events`). Then the table is copied by one statement.
fn unlogged_walk(plan: &TablePlan, logging: Logging) -> Option<WalkKey> {
    let is_ruled = |name: &String| plan.masks.as_ref().is_some_and(|masks| masks.column(name).is_some());
    plan.walk.clone().filter(|key| logging == Logging::Off || !key.columns.iter().any(is_ruled))
}

/// The definition of a table's copy.
///
/// # Errors
/// `Schema` when a server of that flavour cannot hold it.
pub(super) fn workspace_ddl(
    plan: &TablePlan,
    place: &WorkspaceTable,
    flavour: Flavour,
) -> Result<CreateTable> {
    let walk = plan.copy_walk();
    let checks = checks_of_copy(plan);
    let options = WorkspaceOptions {
        key: Some(if plan.needs_row_number() { &[] } else { walk.columns.as_slice() }),
        checks: &checks,
        row_number: plan.needs_row_number().then_some(ROW_NUMBER_COLUMN),
        ..WorkspaceOptions::default()
    };
    ddl::workspace_table(&plan.table, place, flavour, &options)
}

/// The CHECKs that masked values have to pass in the copy. Generated columns are not copied, so what mentions one can
/// only be checked by the target.
fn checks_of_copy(plan: &TablePlan) -> Vec<&str> {
    let Some(masks) = &plan.masks else { return Vec::new() };
    let computed = |column: &&Column| column.generated != Generated::No;
    let computed: Vec<&str> =
        plan.table.columns.iter().filter(computed).map(|column| column.name.as_str()).collect();
    let checkable = |check: &&Check| !computed.iter().any(|name| check.expression.contains(name));
    masks.checks.iter().filter(checkable).map(|check| check.name.as_str()).collect()
}
