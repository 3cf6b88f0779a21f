//! What strategy `select` keeps of a plan, for the tests that know what is right.

use backfill::db::{Connection, Endpoint, Role, RowCells};
use backfill::error::{Error, Kind, Result};
use backfill::plan::subset::{SubsetPlan, row_alias};
use backfill::schema::Flavour;
use backfill::source::reader::Reader;
use backfill::source::select::subset::{self, Kept};
use mysql::prelude::Queryable;
use mysql::{Conn, Row};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Kept rows, found and read inside one snapshot.
pub struct Selected {
    reader: Reader,
    kept: Kept,
    /// Rows that a piece is asked for: with few there are many pieces.
    pub piece: u64,
    flavour: Flavour,
}

impl Selected {
    pub fn find(endpoint: &Endpoint, plan: &SubsetPlan) -> Result<Self> {
        let mut reader = Reader::open(endpoint, "test", &Arc::default())?;
        assert!(reader.open_snapshot()?, "a snapshot that gives locks back");
        let kept = subset::find(&mut reader, &endpoint.database, plan, &mut || true)?;
        let flavour = Connection::open(endpoint, Role::Source)?.flavour();
        Ok(Self { reader, kept, piece: 7, flavour })
    }

    /// Ends the search at its first statement, its second, its fourth and so on, until it is not stopped any more; says
    /// how many statements that took.
    pub fn stops_when_asked(endpoint: &Endpoint, plan: &SubsetPlan) -> u64 {
        let mut asked_max = 0;
        loop {
            let mut reader = Reader::open(endpoint, "test", &Arc::default()).unwrap();
            assert!(reader.open_snapshot().unwrap());
            let mut asked = 0;
            let mut go_on = || {
                asked += 1;
                asked <= asked_max
            };
            match subset::find(&mut reader, &endpoint.database, plan, &mut go_on) {
                Ok(_) => return asked,
                Err(error) => assert_eq!(error.kind(), Kind::Busy),
            }
            assert_eq!(asked, asked_max + 1, "it is not asked again");
            asked_max = asked_max * 2 + 1;
        }
    }

    /// Looks at how the server reads the kept rows of a table: each row by the index of its key, driven by the keys.
    pub fn assert_looked_up(&self, conn: &mut Conn, table: &str) {
        let list = vec![format!("{}.`rid`", row_alias())];
        let Some(mut reading) = self.kept.reading(table, list).unwrap() else { return };
        while let Some(piece) = reading.next(10_000).unwrap() {
            let Some(lookup) = &piece.select.keys else { continue };
            let flat = if self.flavour == Flavour::Mysql { "EXPLAIN FORMAT=TRADITIONAL" } else { "EXPLAIN" };
            let rows: Vec<Row> = conn.query(format!("{flat} {}", piece.select)).unwrap();
            let text =
                |row: &Row, name: &str| row.get::<Option<String>, _>(name).flatten().unwrap_or_default();
            let tables: Vec<String> = rows.iter().map(|row| text(row, "table")).collect();
            assert_eq!(tables, ["backfill_keys", row_alias().as_str()], "{table}");
            let last = &rows[1];
            let index = lookup.index.clone().unwrap();
            assert_eq!((text(last, "type"), text(last, "key")), ("eq_ref".to_owned(), index), "{table}");
        }
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
