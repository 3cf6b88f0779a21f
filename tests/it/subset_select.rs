//! What strategy `select` keeps of a plan, for the tests that know what is right.

use backfill::db::{Endpoint, RowCells};
use backfill::error::{Error, Kind, Result};
use backfill::plan::subset::{SubsetPlan, row_alias};
use backfill::source::reader::Reader;
use backfill::source::select::subset::{self, Kept};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Kept rows, found and read inside one snapshot.
pub struct Selected {
    reader: Reader,
    kept: Kept,
    /// Rows that a piece is asked for: with few there are many pieces.
    pub piece: u64,
}

impl Selected {
    pub fn find(endpoint: &Endpoint, plan: &SubsetPlan) -> Result<Self> {
        let mut reader = Reader::open(endpoint, "test", &Arc::default())?;
        assert!(reader.open_snapshot()?, "a snapshot that gives locks back");
        let kept = subset::find(&mut reader, &endpoint.database, plan, &mut || true)?;
        Ok(Self { reader, kept, piece: 7 })
    }

    /// The values of a number column in the kept rows of a table, in the order of reading; none of a table that is whole.
    pub fn numbers(&mut self, table: &str, column: &str) -> Result<Option<Vec<i64>>> {
        let list = vec![format!("{}.`{column}`", row_alias())];
        let Some(mut reading) = self.kept.reading(table, list)? else { return Ok(None) };
        let mut found = Vec::new();
        while let Some(mut piece) = reading.next(self.piece)? {
            let select = piece.select.clone();
            self.reader.read(&select, |rows| {
                while let Some(row) = rows.next_row()? {
                    if piece.keeps(&row)? {
                        found.push(std::str::from_utf8(row.cell(0).unwrap()).unwrap().parse().unwrap());
                    }
                }
                Ok(())
            })?;
        }
        let told = self.kept.rows(table);
        assert!(told.is_none_or(|told| told == found.len() as u64), "{table}: rows told and rows read");
        Ok(Some(found))
    }

    /// As [`Selected::numbers`], each of which must be another.
    pub fn distinct(&mut self, table: &str, column: &str) -> Result<Option<BTreeSet<usize>>> {
        let Some(found) = self.numbers(table, column)? else { return Ok(None) };
        let distinct: BTreeSet<usize> = found.iter().map(|row| usize::try_from(*row).unwrap()).collect();
        assert_eq!(found.len(), distinct.len(), "{table}: a row is read twice");
        Ok(Some(distinct))
    }
}

/// Whether rows cannot be told apart by reading alone: the plan has a table without key and without snapshots.
pub fn is_refused(plan: &SubsetPlan) -> bool {
    plan.tables().any(|(_, table)| table.base.is_some() && table.source.engine != "InnoDB")
}

/// The refusal names what can be done instead.
pub fn assert_refusal(error: &Error) {
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("strategy `select`"), "{error}");
}
