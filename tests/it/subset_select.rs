//! What strategy `select` keeps of a plan, for the tests that know what is right; and what only it has to get right.

use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::subset_by_hand::limit;
use backfill::db::{Endpoint, RowCells};
use backfill::error::{Error, Kind, Result};
use backfill::plan::reference::references;
use backfill::plan::subset::{Direction, Limit, SubsetInputs, SubsetPlan, row_alias};
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::source::reader::Reader;
use backfill::source::select::subset::{self, Kept};
use backfill::source::survey::Survey;
use mysql::prelude::Queryable;
use mysql::{Conn, Row};
use std::collections::BTreeSet;
use std::sync::Arc;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("subset_select::rows_keep_their_places_in_a_snapshot::{}", short(flavour)),
            Box::new(move |servers| rows_keep_their_places(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("subset_select::rows_that_nothing_tells_apart_are_refused::{}", short(flavour)),
            Box::new(move |servers| rows_without_places(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("subset_select::the_best_rows_are_found_without_an_index::{}", short(flavour)),
            Box::new(move |servers| best_rows(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("subset_select::long_keys_fit_into_small_packets::{}", short(flavour)),
            Box::new(move |servers| {
                let arguments = vec!["--max-allowed-packet=1M".to_owned()];
                let source = Server::start(flavour, &Options { arguments, ..Options::default() }).unwrap();
                long_keys(&Site::between(&source, servers.target(flavour)));
            }),
        );
    }
}

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
        let list = [format!("{}.`rid`", row_alias())].into();
        let Some(mut reading) = self.kept.reading(table, list).unwrap() else { return };
        while let Some(piece) = reading.next(10_000).unwrap() {
            let Some(lookup) = &piece.select.keys else { continue };
            let flat = if self.reader.version().0 == Flavour::Mysql {
                "EXPLAIN FORMAT=TRADITIONAL"
            } else {
                "EXPLAIN"
            };
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
        let list = [format!("{}.`{column}`", row_alias())].into();
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

/// Finds the kept rows of the site's source.
fn find(site: &Site<'_>, limits: &[Limit]) -> Result<Selected> {
    Selected::find(&site.source.endpoint(&site.source_db), &plan(site, limits)?)
}

fn plan(site: &Site<'_>, limits: &[Limit]) -> Result<SubsetPlan> {
    let endpoint = site.source.endpoint(&site.source_db);
    let schema = Survey::take(&endpoint).unwrap().schema;
    let references = references(&schema.tables, &schema.foreign_keys, &[]);
    let inputs = SubsetInputs {
        served: &schema.tables,
        references: &references,
        limits,
        moment: "2024-03-15 12:00:00",
        datetime_timezone: "+00:00",
    };
    SubsetPlan::new(&inputs, None)
}

/// Rows that are told apart by their position, and rows that are found by their keys, while others write.
fn rows_keep_their_places(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(
        &mut conn,
        "CREATE TABLE users (rid INT NOT NULL PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE) ENGINE=InnoDB",
    );
    // Narrow indexes, which a scan could be tempted to read instead: in another order.
    exec(
        &mut conn,
        "CREATE TABLE visits (rid INT NOT NULL, code VARCHAR(20) NULL, other TINYINT NULL, pad VARCHAR(200) NOT NULL, \
         KEY (other), KEY (rid), FOREIGN KEY (code) REFERENCES users (code)) ENGINE=InnoDB",
    );
    exec(&mut conn, "SET FOREIGN_KEY_CHECKS = 0");
    for first in (1..=2_000).step_by(500) {
        let users: Vec<String> = (first..first + 500).map(|id| format!("({id}, 'Code {id}')")).collect();
        exec(&mut conn, &format!("INSERT INTO users VALUES {}", users.join(", ")));
        let visit = |id: i32| {
            format!("({}, 'CODE {}', {}, REPEAT('x', 150))", 2_001 - id, id * 7 % 2_000 + 1, id % 5)
        };
        let visits: Vec<String> = (first..first + 500).map(visit).collect();
        exec(&mut conn, &format!("INSERT INTO visits VALUES {}", visits.join(", ")));
    }
    let limits = [
        limit("users", 900),
        Limit {
            condition: Some("other > 0".to_owned()),
            order_by: Some("other".to_owned()),
            ..limit("visits", 700)
        },
    ];
    let mut selected = find(site, &limits).unwrap();
    let quiet = ["users", "visits"].map(|table| selected.numbers(table, "rid").unwrap().unwrap());
    let others = |other: i64| quiet[1].iter().filter(|rid| (2_001 - **rid) % 5 == other).count();
    assert_eq!([4, 3, 2, 1, 0].map(others), [400, 300, 0, 0, 0], "a scan has another order");
    for statement in [
        "DELETE FROM visits WHERE rid % 3 = 0",
        "UPDATE visits SET other = 9, code = NULL WHERE rid % 4 = 0",
        "INSERT INTO visits SELECT rid, code, other, pad FROM visits",
        "DELETE FROM users WHERE rid % 2 = 0",
        "INSERT INTO users VALUES (100000, 'new')",
    ] {
        exec(&mut conn, statement);
    }
    let under_writes = ["users", "visits"].map(|table| selected.numbers(table, "rid").unwrap().unwrap());
    assert!(under_writes == quiet, "what was written after the snapshot shows");
}

/// Without a key and without snapshots a row has neither a name nor a place. What hangs below a limit is looked at row by
/// row, and needs neither.
fn rows_without_places(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE users (rid INT NOT NULL PRIMARY KEY)");
    exec(&mut conn, "CREATE TABLE visits (rid INT NOT NULL, n INT) ENGINE=MyISAM");
    let error = find(site, &[limit("users", 1), limit("visits", 1)]).err().unwrap();
    assert_refusal(&error);
    assert!(error.to_string().contains("table `visits`") && error.to_string().contains("MyISAM"), "{error}");
    assert!(error.hint_text().unwrap().contains("strategy `database`"), "{error}");
    assert!(find(site, &[limit("users", 1)]).is_ok());
}

/// Rows of `pages`, in the order of their keys, which are almost as long as a key can be.
const PAGES: i64 = 2048;

/// Pages with values to order by that repeat, or are not there, and no index on any.
fn make_pages(conn: &mut Conn) {
    exec(
        conn,
        "CREATE TABLE pages (rid INT NOT NULL, url VARCHAR(750) CHARACTER SET latin1 NOT NULL PRIMARY KEY, \
         title VARCHAR(20) NOT NULL, score INT NULL, price DECIMAL(6,2) NULL, seen DATETIME(3) NULL) ENGINE=InnoDB",
    );
    exec(conn, "INSERT INTO pages VALUES (0, '', '', 0, 0, NOW())");
    for doubling in 0..PAGES.ilog2() {
        let more = 1 << doubling;
        exec(
            conn,
            &format!("INSERT INTO pages SELECT rid + {more}, rid + {more}, '', 0, 0, NOW() FROM pages"),
        );
    }
    exec(
        conn,
        "UPDATE pages SET url = RPAD(LPAD(rid, 5, '0'), 740, 'x'), title = CONCAT('T', LPAD(rid * 37 % 2048, 5, '0')), \
         score = NULLIF(rid * 7 % 60 - 30, 3), price = NULLIF((rid * 7 % 60 - 30) / 4, 0.75), \
         seen = TIMESTAMPADD(MICROSECOND, NULLIF(rid * 7 % 60 - 30, 3) * 1000, '2024-01-01')",
    );
}

/// More rows than can be chosen among by their keys, by numbers and dates: the table is read in ranges. NULL comes
/// behind everything, ties go by the key.
fn best_rows(site: &Site<'_>) {
    make_pages(&mut site.source_conn());
    let value = |rid: &i64| Some(rid * 7 % 60 - 30).filter(|value| *value != 3);
    let mut ascending: Vec<i64> = (0..PAGES).collect();
    ascending.sort_by_key(|rid| (value(rid), *rid));
    for (column, direction, rows) in [
        ("score", Direction::Desc, 300),
        ("score", Direction::Asc, 300),
        ("score", Direction::Asc, 20),
        ("price", Direction::Desc, 45),
        ("price", Direction::Asc, 900),
        ("seen", Direction::Desc, 2030),
        ("seen", Direction::Asc, 6_000),
    ] {
        let limit = Limit { order_by: Some(column.to_owned()), direction, ..limit("pages", rows) };
        let mut expected = ascending.clone();
        if direction == Direction::Desc {
            expected.reverse();
        }
        expected.truncate(usize::try_from(rows).unwrap());
        expected.sort_unstable();
        let mut found =
            find(site, std::slice::from_ref(&limit)).unwrap().numbers("pages", "rid").unwrap().unwrap();
        found.sort_unstable();
        assert_eq!(found, expected, "{limit:?}");
    }
    let statements = |column: &str| {
        let limit = Limit { order_by: Some(column.to_owned()), ..limit("pages", 6_000) };
        Selected::stops_when_asked(&site.source.endpoint(&site.source_db), &plan(site, &[limit]).unwrap())
    };
    assert_eq!(statements("title"), 1, "what the server alone can order it sorts");
    assert!(statements("score") > 4, "a number does not need that");
}

/// The keys of many rows do not fit into one statement: neither those that the best are chosen by, nor those that rows
/// without a key reference.
fn long_keys(site: &Site<'_>) {
    let mut conn = site.source_conn();
    make_pages(&mut conn);
    exec(
        &mut conn,
        "CREATE TABLE visits (rid INT NOT NULL, url VARCHAR(750) CHARACTER SET latin1 NULL, \
         FOREIGN KEY (url) REFERENCES pages (url)) ENGINE=InnoDB",
    );
    exec(&mut conn, "INSERT INTO visits SELECT rid, IF(rid % 10, url, NULL) FROM pages");
    for rows in [20, 900] {
        let limit = Limit { order_by: Some("title".to_owned()), ..limit("pages", rows) };
        let mut selected = find(site, &[limit]).unwrap();
        let wanted = |rid: &i64| rid * 37 % PAGES >= PAGES - i64::try_from(rows).unwrap();
        let visited = |rid: &i64| wanted(rid) || rid % 10 == 0;
        let mut kept = |table| {
            let mut rows = selected.numbers(table, "rid").unwrap().unwrap();
            rows.sort_unstable();
            rows
        };
        assert_eq!(kept("pages"), (0..PAGES).filter(wanted).collect::<Vec<_>>(), "{rows} rows");
        assert_eq!(kept("visits"), (0..PAGES).filter(visited).collect::<Vec<_>>(), "visits of {rows} rows");
    }
}
