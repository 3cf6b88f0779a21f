//! Copying one table into the workspace and sanitizing it there.
//!
//! Rows go over in short key ranges, each a transaction of its own: `INSERT … SELECT` at READ COMMITTED locks no row
//! of the source, and its metadata lock lasts for one range. Masks are set by an `UPDATE` of the same range right
//! after, or, where raw rows must not be written (`mask_at = "copy"`), already in the SELECT list. Only a table whose
//! every range was masked becomes [`Sanitized`], and only that can be read by the encoder.

use super::Writer;
use super::proof::Proof;
use super::subset::KeyTables;
use crate::error::{Context, Error, Kind, Result};
use crate::plan::run::MaskAt;
use crate::plan::sanitize::{Refs, TableMasks};
use crate::plan::subset::row_alias;
use crate::schema::{Column, Table};
use crate::source::masking::{Masking, explain};
use crate::source::walk::{Walk, last_number};
use crate::sql::select::{InsertSelect, Range, Select, WalkKey};
use crate::sql::since::Since;
use crate::sql::{Ident, List, TableName, WorkspaceTable};

/// What to copy, and how.
#[derive(Debug)]
pub struct CopyOrder<'a> {
    /// The source table's structure.
    pub table: &'a Table,
    /// The source table.
    pub from: TableName,
    /// The copy, empty.
    pub into: WorkspaceTable,
    /// The copy's own columns that are filled.
    pub columns: Vec<&'a Column>,
    /// What masks them; none for a table that is copied for another reason.
    pub masks: Option<&'a TableMasks>,
    /// When masks are set.
    pub mask_at: MaskAt,
    /// The key to walk the source by; none copies in one statement.
    pub walk: Option<WalkKey>,
    /// Which rows are kept of a restricted table; none copies all.
    pub kept: Option<&'a KeyTables>,
    /// Which rows are copied of a table that is pulled by delta; none copies all.
    pub since: Option<&'a Since>,
    /// The key to walk the copy by.
    pub copy_walk: WalkKey,
}

/// A copy whose every row is sanitized. Made by [`copy_table`] alone.
#[derive(Debug)]
pub struct Sanitized {
    table: WorkspaceTable,
    walk: WalkKey,
    rows: u64,
}

impl Sanitized {
    /// Where the copy is.
    #[must_use]
    pub fn table(&self) -> &TableName {
        self.table.name()
    }

    /// The key to read it by.
    #[must_use]
    pub fn walk(&self) -> &WalkKey {
        &self.walk
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

/// What [`copy_table`] runs, each statement over the whole table: it does so range by range.
///
/// # Errors
/// `Internal` when the kept rows have no list, or masks cannot be put in order.
pub fn copy_statements(order: &CopyOrder<'_>) -> Result<Vec<String>> {
    let whole = Range::default();
    let Some(kept) = order.kept else {
        let select = match &order.walk {
            Some(key) => select_range(order, key, whole.clone()),
            None => select_wanted(order),
        };
        let mut statements = vec![copying(order, select).to_string()];
        if let (Some(masks), MaskAt::Update) = (order.masks, order.mask_at) {
            let update =
                Writer::update_statement(&order.into, &assignments(masks)?, &order.copy_walk, &whole);
            statements.push(update.sql().to_owned());
        }
        return Ok(statements);
    };
    let table = &order.table.name;
    let select = match kept.get(table) {
        Some(_) => Some(kept.rows(table, whole)?),
        None => kept.direct_rows(table)?,
    };
    let select = select.ok_or_else(|| Error::internal("a table without kept rows was to be cut down"))?;
    Ok(vec![copying(order, Select { list: kept_list(order), ..select }).to_string()])
}

/// One range of rows that were copied and not masked yet.
struct RawRange {
    range: Range,
    rows: u64,
}

/// Copies and sanitizes a table. `go_on` is told the rows so far and says whether to continue.
///
/// # Errors
/// The server's, naming the table; `Config` when a masked value does not fit its column or a CHECK; `Busy` when
/// `go_on` says no.
pub fn copy_table(
    writer: &mut Writer,
    order: &CopyOrder<'_>,
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<Sanitized> {
    if let Some(masks) = order.masks {
        writer.prepare(Masking::of(masks))?;
    }
    let mut proof = Proof::new(order);
    let rows = match (order.kept, &order.walk) {
        (Some(kept), _) => {
            let rows = copy_kept(writer, order, kept, &mut go_on)?;
            // Masked on the way, all by the same expressions.
            proof.look(writer, order, &Range::default())?;
            rows
        }
        (None, None) => {
            let raw = copy_whole(writer, order)?;
            mask_rows(writer, order, &raw, &mut proof)?
        }
        (None, Some(key)) => copy_by_key(writer, order, key, &mut proof, &mut go_on)?,
    };
    proof.finish(order)?;
    Ok(Sanitized { table: order.into.clone(), walk: order.copy_walk.clone(), rows })
}

fn copy_by_key(
    writer: &mut Writer,
    order: &CopyOrder<'_>,
    key: &WalkKey,
    proof: &mut Proof,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<u64> {
    let mut rows = 0;
    // On the source: masked key columns of the copy say nothing about where a range ends.
    let mut walk = Walk::over(order.table, order.from.clone(), key)?;
    while let Some(range) = walk.next(writer)? {
        let raw = copy_range(writer, order, key, range)?;
        walk.worked();
        rows += mask_rows(writer, order, &raw, proof)?;
        if !go_on(rows) {
            return Err(ended());
        }
    }
    Ok(rows)
}

/// Copies the rows that a subset keeps. Masks are always set on the way: which rows of the copy a range of the list
/// became could not be said afterwards.
fn copy_kept(
    writer: &mut Writer,
    order: &CopyOrder<'_>,
    kept: &KeyTables,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<u64> {
    let table = &order.table.name;
    let list = kept_list(order);
    let Some(keys) = kept.get(table) else {
        let direct = kept.direct_rows(table)?;
        let direct = direct.ok_or_else(|| Error::internal("a table without kept rows was to be cut down"))?;
        return copy_rows(writer, order, Select { list, ..direct });
    };
    let mut rows = 0;
    let last = writer.number(&last_number(keys.name().clone()))?;
    let mut walk = Walk::numbers(keys.name().clone(), 0, last).with_rows_of(order.table);
    while let Some(range) = walk.next(writer)? {
        let select = Select { list: list.clone(), ..kept.rows(table, range)? };
        rows += copy_rows(writer, order, select)?;
        walk.worked();
        if !go_on(rows) {
            return Err(ended());
        }
    }
    Ok(rows)
}

fn ended() -> Error {
    Error::new(Kind::Busy, "the run has ended")
}

fn copy_range(writer: &mut Writer, order: &CopyOrder<'_>, key: &WalkKey, range: Range) -> Result<RawRange> {
    let rows = copy_rows(writer, order, select_range(order, key, range.clone()))?;
    Ok(RawRange { range, rows })
}

fn select_range(order: &CopyOrder<'_>, key: &WalkKey, range: Range) -> Select {
    Select { walk: Some((key.clone(), range)), ..select_wanted(order) }
}

/// All rows that are to be copied.
fn select_wanted(order: &CopyOrder<'_>) -> Select {
    let conditions = order.since.iter().map(|since| since.condition(None)).collect();
    Select { conditions, ..Select::all(order.from.clone(), select_list(order)) }
}

fn copy_whole(writer: &mut Writer, order: &CopyOrder<'_>) -> Result<RawRange> {
    let rows = copy_rows(writer, order, select_wanted(order))?;
    Ok(RawRange { range: Range::default(), rows })
}

fn copy_rows(writer: &mut Writer, order: &CopyOrder<'_>, select: Select) -> Result<u64> {
    writer
        .copy(&copying(order, select))
        .map_err(|error| explain(error, &order.table.name, order.masks))
        .context(|| format!("copying table `{}` into the workspace", order.table.name))
}

fn copying(order: &CopyOrder<'_>, select: Select) -> InsertSelect {
    let columns = order.columns.iter().map(|column| column.name.clone()).collect();
    InsertSelect { into: order.into.clone(), columns, select, ignore: false }
}

/// The SELECT list of the copy: masks where they are set here, else the columns as they are.
fn select_list(order: &CopyOrder<'_>) -> List {
    order
        .columns
        .iter()
        .map(|column| match (order.mask_at, order.masks) {
            (MaskAt::Copy, Some(masks)) => masks.select_expression(&column.name, Refs::Bare),
            _ => Ident::new(column.name.as_str()).to_string().into(),
        })
        .collect()
}

/// The SELECT list of a copy of kept rows.
fn kept_list(order: &CopyOrder<'_>) -> List {
    let alias = row_alias();
    let refs = Refs::Of(&alias);
    order
        .columns
        .iter()
        .map(|column| match order.masks {
            Some(masks) => masks.select_expression(&column.name, refs),
            None => refs.column(&column.name).into(),
        })
        .collect()
}

/// Masks the rows of a range that were copied raw, unless they were masked while they were copied, and has a look at
/// them; says how many rows it had.
fn mask_rows(writer: &mut Writer, order: &CopyOrder<'_>, raw: &RawRange, proof: &mut Proof) -> Result<u64> {
    let Some(masks) = order.masks.filter(|_| raw.rows > 0) else { return Ok(raw.rows) };
    if order.mask_at == MaskAt::Update {
        update_rows(writer, order, masks, raw)?;
    }
    proof.look(writer, order, &raw.range)?;
    Ok(raw.rows)
}

/// Masks by UPDATE. The rows are counted, so that no row slips through unmasked.
fn update_rows(writer: &mut Writer, order: &CopyOrder<'_>, masks: &TableMasks, raw: &RawRange) -> Result<()> {
    // The copy is walked by its own key: the source's, or a number of its own over one whole range.
    let masked = writer
        .update(&order.into, &assignments(masks)?, &order.copy_walk, &raw.range)
        .map_err(|error| explain(error, &order.table.name, order.masks))
        .context(|| format!("sanitizing table `{}`", order.table.name))?;
    if masked != raw.rows {
        return Err(Error::internal(format!(
            "sanitizing table `{}` reached {masked} rows of {} copied; nothing of it is served",
            order.table.name, raw.rows
        )));
    }
    Ok(())
}

/// What an UPDATE sets.
fn assignments(masks: &TableMasks) -> Result<List> {
    let all = masks.update_assignments()?.into_iter();
    Ok(all.map(|(column, value)| value.within(|sql| format!("{column} = {sql}"))).collect())
}
