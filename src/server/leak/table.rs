//! The check of one table, row by row.

use super::cell::{Find, Reading, Scratch, look};
use super::originals::Originals;
use super::report::{Finds, TableFinds, leak};
use crate::db::RowCells;
use crate::error::Result;
use crate::plan::policy::Keep;
use crate::plan::run::TablePlan;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Looks at the cells of columns that have no rule.
pub(in crate::server) struct TableCheck<'a> {
    table: &'a str,
    originals: Arc<Originals>,
    columns: Vec<CheckedColumn<'a>>,
    rows: u64,
    is_clean: bool,
    /// Whether the table was read to its end.
    is_whole: bool,
    finds: &'a Finds,
    scratch: Scratch,
}

/// One column, and in how many cells what was found.
pub(super) struct CheckedColumn<'a> {
    pub(super) name: &'a str,
    pub(super) found: BTreeMap<Find, u64>,
    at: usize,
    reading: Reading,
}

impl<'a> TableCheck<'a> {
    /// Nothing was looked at. What is found is in `finds` when the check is dropped.
    pub(super) fn new(
        plan: &'a TablePlan,
        originals: Arc<Originals>,
        except: &Keep,
        finds: &'a Finds,
    ) -> Self {
        let table = plan.table.name.as_str();
        let is_ruled = |name: &str| plan.masks.as_ref().is_some_and(|masks| masks.column(name).is_some());
        let columns = plan.columns.iter().enumerate().filter_map(|(at, (name, _))| {
            let is_looked_at = !is_ruled(name) && !except.covers(table, name);
            let reading = plan.table.column(name).filter(|_| is_looked_at).and_then(Reading::of)?;
            Some(CheckedColumn { name, found: BTreeMap::new(), at, reading })
        });
        let columns = columns.collect();
        let (rows, is_clean, is_whole, scratch) = (0, true, false, Scratch::default());
        Self { table, originals, columns, rows, is_clean, is_whole, finds, scratch }
    }

    /// Looks at a row; says whether the table is clean so far. What is found is counted to the end of the table.
    pub(in crate::server) fn row(&mut self, row: &impl RowCells) -> bool {
        self.rows += 1;
        for column in &mut self.columns {
            let Some(cell) = row.cell(column.at) else { continue };
            if let Some(find) = look(cell, column.reading, &self.originals, &mut self.scratch) {
                *column.found.entry(find).or_default() += 1;
                self.is_clean = false;
            }
        }
        self.is_clean
    }

    /// Whether nothing was found.
    pub(in crate::server) fn is_clean(&self) -> bool {
        self.is_clean
    }

    /// The word on the rows so far.
    ///
    /// # Errors
    /// `Integrity` with what was found where, if anything was.
    pub(in crate::server) fn so_far(&self) -> Result<()> {
        if self.is_clean { Ok(()) } else { Err(leak(&self.found())) }
    }

    /// The last word.
    ///
    /// # Errors
    /// As [`TableCheck::so_far`].
    pub(in crate::server) fn finish(&mut self) -> Result<()> {
        self.is_whole = true;
        self.so_far()
    }

    fn found(&self) -> TableFinds {
        TableFinds::new(self.table, &self.columns, self.rows, self.is_whole)
    }
}

impl Drop for TableCheck<'_> {
    fn drop(&mut self) {
        if !self.is_clean {
            self.finds.add(self.found());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::run::{MaskAt, Strategy};
    use crate::schema::{Column, Table};

    struct Cells(Vec<Option<&'static str>>);

    impl RowCells for Cells {
        fn cell(&self, index: usize) -> Option<&[u8]> {
            self.0.get(index).copied().flatten().map(str::as_bytes)
        }
    }

    fn text(name: &str) -> Column {
        Column { charset: Some("utf8mb4".into()), ..Column::new(name, "text") }
    }

    #[test]
    fn finds_are_counted_by_column_and_kind_and_no_value_is_told() {
        let table =
            Table::new("notes", vec![Column::new("id", "int"), text("body"), text("Seen"), text("tags")]);
        let plan =
            TablePlan::new(&table, None, None, false, Strategy::Copies(MaskAt::Update), Vec::new()).unwrap();
        let mut originals = Originals::new();
        originals.add(b"Anna Berg", &mut Vec::new());
        let except = Keep::new(&["*.seen"]).unwrap();
        let finds = Finds::default();
        let mut check = TableCheck::new(&plan, Arc::new(originals), &except, &finds);
        assert!(check.row(&Cells(vec![Some("1"), Some("hello"), Some("bob@web.de"), None])));
        assert!(check.so_far().is_ok() && check.is_clean());
        assert!(!check.row(&Cells(vec![Some("2"), Some("bob@web.de"), None, Some("Anna Berg")])));
        assert!(!check.row(&Cells(vec![Some("3"), Some("of bob@web.de"), None, None])));
        assert!(!check.row(&Cells(vec![Some("4"), Some("+49 30 1234567"), None, Some("fine")])));
        let so_far = check.so_far().unwrap_err();
        assert!(so_far.what().starts_with("the leak check found in the first 4 rows: an e-mail"), "{so_far}");
        let error = check.finish().unwrap_err();
        assert!(super::super::is_leak(&error));
        let found = "the leak check found in 4 rows: an e-mail address in 2 cells of column `body`, a phone number in 1 cell of \
             column `body`, a value that a rule replaces elsewhere in 1 cell of column `tags`";
        assert_eq!(error.what(), found);
        assert!(error.hint_text().unwrap().contains("`notes.body`, `notes.tags`"), "{:?}", error.hint_text());

        drop(check);
        let table = Table::new("letters", vec![text("body")]);
        let plan =
            TablePlan::new(&table, None, None, false, Strategy::Copies(MaskAt::Update), Vec::new()).unwrap();
        let mut other = TableCheck::new(&plan, Arc::new(Originals::new()), &except, &finds);
        assert!(!other.row(&Cells(vec![Some("bob@web.de")])));
        drop(other);
        let told = finds.tell(error);
        assert_eq!(
            told.what(),
            format!(
                "table `letters`: the leak check found in the first 1 rows: an e-mail address in 1 cell of column `body`; table \
                 `notes`: {found}"
            )
        );
        assert!(super::super::is_leak(&told));
        assert!(told.hint_text().unwrap().contains("`letters.body`, `notes.body`, `notes.tags`"), "{told:?}");
    }
}
