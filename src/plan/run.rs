//! The plan of a run: which tables are sent, by which way each travels, which columns, walked by which key.

use crate::error::{Error, Kind, Result};
use crate::plan::sanitize::TableMasks;
use crate::plan::times::Times;
use crate::plan::walk::walk_key;
use crate::schema::diff::stores_locally;
use crate::schema::{Generated, Schema, Table, TableKind};
use crate::sql::literal::Form;
use crate::sql::select::WalkKey;
use crate::sql::since::Since;
use std::collections::{BTreeMap, BTreeSet};

/// Tables without a key to walk that are larger than this are copied first and walked by a number of their own:
/// one long read would hold the table's metadata lock for too long.
const KEYLESS_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Name of the number that the copy of a table without a usable key is walked by.
pub const ROW_NUMBER_COLUMN: &str = "_backfill_row";

/// When masks are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskAt {
    /// By `UPDATE`s on the copy.
    Update,
    /// In the SELECT list of the copy: no raw value is ever written.
    Copy,
}

/// How rows travel that are not sent as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Through copies in a workspace.
    Copies(MaskAt),
    /// Masked while they are read: nothing is written.
    Select,
}

/// What a run does with one table.
#[derive(Debug, Clone)]
pub struct TablePlan {
    /// The source table's structure.
    pub table: Table,
    /// The columns that are sent, in order, and how each is written.
    pub columns: Vec<(String, Form)>,
    /// The key to walk the source by.
    pub walk: Option<WalkKey>,
    /// By which way its rows travel.
    pub route: Route,
    /// What masks them; none for a table without rules.
    pub masks: Option<TableMasks>,
    /// Whether limits keep only some of its rows.
    pub restricted: bool,
    /// What each column looked like when the plan was made; a stored one that looks otherwise after the rows were read
    /// ends the run.
    pub columns_seen: Vec<(String, String)>,
    /// The columns that say when its rows were made and changed; none if it cannot be pulled by delta.
    pub times: Option<Times>,
    /// Which of its rows are sent; none: all, or what limits keep.
    pub since: Option<Since>,
}

/// By which way rows travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Read straight from the source.
    Direct,
    /// Copied into the workspace and read there.
    Copy(MaskAt),
    /// Read straight from the source, with masks in the SELECT list.
    Masked,
}

/// Proof that a table has no rule, is whole, and may be read straight from the source.
#[derive(Debug, Clone, Copy)]
pub struct Unruled<'a> {
    plan: &'a TablePlan,
}

impl<'a> Unruled<'a> {
    /// The table.
    #[must_use]
    pub fn table(self) -> &'a Table {
        &self.plan.table
    }
}

impl TablePlan {
    /// The plan for sending `columns` of `table` (none: all that are not generated).
    ///
    /// # Errors
    /// `Usage` when a column does not exist or is generated; `Schema` when a type cannot be sent.
    pub fn new(
        table: &Table,
        columns: Option<&[String]>,
        masks: Option<&TableMasks>,
        restricted: bool,
        strategy: Strategy,
        columns_seen: Vec<(String, String)>,
    ) -> Result<Self> {
        let route = route(table, masks, restricted, strategy);
        // Copies have no generated columns, so none to walk by.
        let whole = route != Route::Direct && strategy != Strategy::Select;
        let walk = walk_key(table).filter(|key| !whole || key.columns.iter().all(|n| is_stored(table, n)));
        Ok(Self {
            columns: planned_columns(table, columns)?,
            walk,
            route,
            masks: masks.cloned(),
            restricted,
            table: table.clone(),
            columns_seen,
            times: None,
            since: None,
        })
    }

    /// The same for a table with these times, of which only the rows of `since` are sent.
    ///
    /// # Errors
    /// `Usage` when rows would be sent that cannot replace those of last time, for want of their key.
    pub fn timed(self, times: Times, since: Option<Since>) -> Result<Self> {
        let is_sent = |name: &&String| self.columns.iter().any(|(sent, _)| sent == *name);
        let unsent = |name: &&String| is_stored(&self.table, name) && !is_sent(name);
        if since.is_some()
            && let Some(name) = self.table.primary_key.iter().find(unsent)
        {
            let table = &self.table.name;
            let what =
                format!("`after` needs column `{name}` of table `{table}`, which is of its primary key");
            return Err(Error::usage(what));
        }
        Ok(Self { times: Some(times), since, ..self })
    }

    /// Whether a table whose columns look like `now`, in table order, can have been read by this plan: every column that
    /// is stored is as it was, and where it was among them. Names alone may have changed places, and with them what is
    /// masked. New columns do no harm, they are not read.
    #[must_use]
    pub fn fits(&self, now: &[(String, String)]) -> bool {
        let stored: BTreeSet<&str> = self.table.stored_columns().map(|column| column.name.as_str()).collect();
        let of_stored = |seen: &&(String, String)| stored.contains(seen.0.as_str());
        let then: Vec<_> = self.columns_seen.iter().filter(of_stored).collect();
        then.len() == stored.len() && now.iter().filter(of_stored).eq(then)
    }

    /// The proof that the table may be read directly; none if it has rules or is restricted.
    #[must_use]
    pub fn unruled(&self) -> Option<Unruled<'_>> {
        (self.masks.is_none() && !self.restricted).then_some(Unruled { plan: self })
    }

    /// Whether the copy needs a number of its own to be walked by.
    #[must_use]
    pub fn needs_row_number(&self) -> bool {
        self.walk.is_none()
    }

    /// The key that the copy is walked by.
    #[must_use]
    pub fn copy_walk(&self) -> WalkKey {
        match &self.walk {
            Some(key) => WalkKey { index: "PRIMARY".to_owned(), columns: key.columns.clone() },
            None => WalkKey { index: "PRIMARY".to_owned(), columns: vec![ROW_NUMBER_COLUMN.to_owned()] },
        }
    }
}

fn route(table: &Table, masks: Option<&TableMasks>, restricted: bool, strategy: Strategy) -> Route {
    let as_it_is = masks.is_none() && !restricted;
    match strategy {
        Strategy::Select if as_it_is => Route::Direct,
        Strategy::Select => Route::Masked,
        Strategy::Copies(_) if as_it_is && !is_copied_unruled(table) => Route::Direct,
        Strategy::Copies(_) if restricted => Route::Copy(MaskAt::Copy),
        Strategy::Copies(mask_at) => Route::Copy(mask_at_for(table, masks, mask_at)),
    }
}

fn is_stored(table: &Table, column: &str) -> bool {
    table.column(column).is_some_and(|column| column.generated == Generated::No)
}

/// A table whose walking key has a rule is masked while it is copied: afterwards the key that says which rows a range
/// had would be gone.
fn mask_at_for(table: &Table, masks: Option<&TableMasks>, wanted: MaskAt) -> MaskAt {
    let key_is_ruled = walk_key(table).is_some_and(|key| {
        key.columns.iter().any(|name| masks.is_some_and(|masks| masks.column(name).is_some()))
    });
    if key_is_ruled { MaskAt::Copy } else { wanted }
}

fn planned_columns(table: &Table, wanted: Option<&[String]>) -> Result<Vec<(String, Form)>> {
    let planned = |column: &crate::schema::Column| {
        let form = Form::of(column).map_err(|error| error.context(format!("table `{}`", table.name)))?;
        Ok((column.name.clone(), form))
    };
    let Some(wanted) = wanted else {
        return table.stored_columns().map(planned).collect();
    };
    let mut columns = Vec::with_capacity(wanted.len());
    for name in wanted {
        let column = table.stored_columns().find(|column| column.name == *name).ok_or_else(|| {
            Error::usage(format!("table `{}` has no column `{name}` that can be sent", table.name))
        })?;
        if columns.iter().any(|(seen, _)| seen == name) {
            return Err(Error::usage(format!(
                "column `{name}` of table `{}` is asked for twice",
                table.name
            )));
        }
        columns.push(planned(column)?);
    }
    Ok(columns)
}

/// Whether a table is copied into the workspace although it has no rule: it is large, and there is no key to read it by
/// in short pieces.
#[must_use]
pub fn is_copied_unruled(table: &Table) -> bool {
    table.bytes > KEYLESS_BYTES_MAX && walk_key(table).is_none()
}

/// Why a table is not served; none if it is.
#[must_use]
pub fn left_out_reason(table: &Table) -> Option<String> {
    if table.kind == TableKind::Sequence {
        return Some("a sequence".to_owned());
    }
    if table.engine.is_empty() {
        return Some("the server cannot open it".to_owned());
    }
    if !stores_locally(&table.engine) {
        return Some(format!("engine {} stores elsewhere", table.engine));
    }
    None
}

/// The tables of a schema as the configuration sorts them.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Served, by name.
    pub served: BTreeMap<String, Table>,
    /// Excluded by the configuration.
    pub excluded: Vec<Table>,
    /// Not served for what they are: name and reason.
    pub left_out: Vec<(String, String)>,
}

impl Selection {
    /// Sorts the tables of `schema`.
    pub fn new(schema: &Schema, is_excluded: impl Fn(&str) -> bool) -> Self {
        let mut selection = Self::default();
        for table in schema.tables.values() {
            if let Some(reason) = left_out_reason(table) {
                selection.left_out.push((table.name.clone(), reason));
            } else if is_excluded(&table.name) {
                selection.excluded.push(table.clone());
            } else {
                selection.served.insert(table.name.clone(), table.clone());
            }
        }
        selection
    }

    /// The served table of that name.
    ///
    /// # Errors
    /// `Guard` when it is excluded, `Usage` when there is none.
    pub fn table(&self, name: &str) -> Result<&Table> {
        if let Some(table) = self.served.get(name) {
            return Ok(table);
        }
        if self.excluded.iter().any(|table| table.name == name) {
            return Err(Error::new(
                Kind::Guard,
                format!("table `{name}` is excluded by the server's configuration"),
            ));
        }
        if let Some((_, reason)) = self.left_out.iter().find(|(left_out, _)| left_out == name) {
            return Err(Error::new(Kind::Guard, format!("table `{name}` is not served: {reason}")));
        }
        Err(Error::usage(format!("there is no table `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Column;

    const COPIES: Strategy = Strategy::Copies(MaskAt::Update);

    #[test]
    fn a_new_column_does_no_harm_and_a_changed_or_missing_one_does() {
        let table = Table::new("t", vec![Column::new("id", "int"), Column::new("f", "float")]);
        let seen = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let then = seen(&[("id", "int"), ("f", "float")]);
        let plan = TablePlan::new(&table, None, None, false, COPIES, then.clone()).unwrap();
        assert!(plan.fits(&then));
        assert!(plan.fits(&seen(&[("id", "int"), ("f", "float"), ("more", "int")])));
        assert!(!plan.fits(&seen(&[("id", "int"), ("f", "double")])));
        assert!(!plan.fits(&seen(&[("id", "int")])));
        assert!(plan.fits(&seen(&[("more", "int"), ("id", "int"), ("more still", "int"), ("f", "float")])));
        assert!(!plan.fits(&seen(&[("f", "float"), ("id", "int")])), "names may have changed places");
        assert!(plan.unruled().is_some());
        let cut = TablePlan::new(&table, None, None, true, COPIES, then.clone()).unwrap();
        assert!(cut.unruled().is_none() && cut.route == Route::Copy(MaskAt::Copy));
        let read = TablePlan::new(&table, None, None, true, Strategy::Select, then.clone()).unwrap();
        assert!(read.unruled().is_none() && read.route == Route::Masked);
        let unseen = TablePlan::new(&table, None, None, false, COPIES, Vec::new()).unwrap();
        assert!(!unseen.fits(&[]), "nothing seen is nothing known");
    }
}
