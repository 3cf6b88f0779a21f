//! The sweep against a database that lives in this file: whatever was delivered and whatever the source has become.

use super::sweep::{Candidate, Cells, Found, Now, Removals, sweep};
use super::*;
use crate::plan::checked::{Checked, Key};
use crate::plan::reference::Reference;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Cells of one row: a key of its own, then what it references. Text: 'A' means 'a' as well.
type Row = Vec<Option<String>>;
type Tables = Vec<Vec<Row>>;

struct TestRow<'a>(&'a Row);

impl RowCells for TestRow<'_> {
    fn cell(&self, index: usize) -> Option<&[u8]> {
        self.0.get(index)?.as_ref().map(String::as_bytes)
    }
}

fn equal(a: Option<&String>, b: Option<&String>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b))
}

fn bytes(cell: Option<&String>) -> Option<Vec<u8>> {
    cell.map(|cell| cell.as_bytes().to_vec())
}

/// The source as it is now.
struct Model<'a> {
    checks: &'a Checks,
    tables: &'a Tables,
}

impl Now for Model<'_> {
    fn find(&mut self, checked: &Checked, rows: &[Candidate]) -> Result<Vec<Found>> {
        let key = &self.checks.keys[checked.key];
        let cells =
            |row: &Row, at: &[usize]| at.iter().map(|at| bytes(row[*at].as_ref())).collect::<Option<Cells>>();
        let mut found = Vec::new();
        for row in &self.tables[checked.child] {
            let (Some(identity), Some(referencing)) =
                (cells(row, &checked.identity), cells(row, &checked.cells))
            else {
                continue;
            };
            if !rows.iter().any(|wanted| wanted.identity == identity) {
                continue;
            }
            let mut parents: Vec<_> = self.tables[key.table]
                .iter()
                .filter(|parent| equal(parent[key.cells[0]].as_ref(), row[checked.cells[0]].as_ref()))
                .map(|parent| cells(parent, &key.cells))
                .collect();
            if parents.is_empty() {
                parents.push(None);
            }
            found.extend(parents.into_iter().map(|parent| Found {
                identity: identity.clone(),
                referencing: referencing.clone(),
                parent,
            }));
        }
        Ok(found)
    }
}

/// Table, columns and values of what goes, and how many rows.
#[derive(Default)]
struct Gone(Vec<(usize, Vec<usize>, Cells, u64)>);

impl Removals for Gone {
    fn remove(&mut self, checked: &Checked, identity: &[Vec<u8>], rows: u64) -> Result<()> {
        self.0.push((checked.child, checked.identity.clone(), identity.to_vec(), rows));
        Ok(())
    }
}

/// Child table, its cell, parent table, parent's cell.
fn checks(references: &[(usize, usize, usize, usize)], keyless: &[usize], restricted: &[usize]) -> Checks {
    let mut checks = Checks::default();
    for &(child, cell, table, of) in references {
        let key = Key { table, cells: vec![of], unique: of == 0 && !keyless.contains(&table) };
        let at = checks.keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            checks.keys.push(key);
            checks.keys.len() - 1
        });
        let is_keyless = keyless.contains(&child);
        checks.references.push(Checked {
            reference: Reference {
                name: String::new(),
                table: String::new(),
                columns: Vec::new(),
                references: String::new(),
                referenced_columns: Vec::new(),
                when: Vec::new(),
            },
            child,
            cells: vec![cell],
            key: at,
            identity: vec![if is_keyless { cell } else { 0 }],
            index: (!is_keyless).then(|| "PRIMARY".to_owned()),
            restricted: restricted.contains(&table),
        });
    }
    checks
}

/// What is left of `delivered`; panics where the counts do not add up.
fn swept(checks: &Checks, delivered: &Tables, source: &Tables) -> Tables {
    let references = References::new(checks.clone(), delivered.len());
    for (at, rows) in delivered.iter().enumerate() {
        let mut recorder = Recorder::new(&references, at, &mut vec![String::new(); 3]);
        rows.iter().for_each(|row| recorder.row(&TestRow(row)).unwrap());
        recorder.finish().unwrap();
    }
    let mut gone = Gone::default();
    let count = sweep(&references, &mut Model { checks, tables: source }, &mut gone).unwrap();
    let mut left = delivered.clone();
    for (table, cells, values, rows) in &gone.0 {
        let before = left[*table].len();
        left[*table].retain(|row| {
            !cells
                .iter()
                .zip(values)
                .all(|(cell, value)| row[*cell].as_ref().is_some_and(|c| c.as_bytes() == value))
        });
        assert_eq!((before - left[*table].len()) as u64, *rows, "announced rows");
    }
    let before: usize = delivered.iter().map(Vec::len).sum();
    let after: usize = left.iter().map(Vec::len).sum();
    assert_eq!((before - after) as u64, count);
    left
}

/// The same by the rule alone, again and again until nothing changes.
fn expected(checks: &Checks, delivered: &Tables, source: &Tables) -> Tables {
    let mut left = delivered.clone();
    loop {
        let now = left.clone();
        for checked in &checks.references {
            let key = &checks.keys[checked.key];
            let (cell, of) = (checked.cells[0], key.cells[0]);
            left[checked.child].retain(|row| {
                let Some(value) = &row[cell] else { return true };
                let has = |spelling: &String| now[key.table].iter().any(|p| p[of].as_ref() == Some(spelling));
                if has(value) {
                    return true;
                }
                let same = |other: &&Row| {
                    checked.identity.iter().chain(&checked.cells).all(|at| other[*at] == row[*at])
                };
                if source[checked.child].iter().find(same).is_none() {
                    return false;
                }
                let parents: Vec<&String> = source[key.table]
                    .iter()
                    .filter_map(|parent| parent[of].as_ref())
                    .filter(|spelling| spelling.eq_ignore_ascii_case(value))
                    .collect();
                parents.iter().any(|spelling| has(spelling)) || (parents.is_empty() && !checked.restricted)
            });
        }
        if left == now {
            return left;
        }
    }
}

fn row(cells: &[&str]) -> Row {
    cells.iter().map(|cell| (!cell.is_empty()).then(|| (*cell).to_owned())).collect()
}

#[test]
fn what_goes_takes_its_children_along_and_what_dangled_stays() {
    // 0: parents; 1: children (1 -> 0); 2: grandchildren (1 -> 1), and of themselves (2 -> 0).
    let checks = checks(&[(1, 1, 0, 0), (2, 1, 1, 0), (2, 2, 2, 0)], &[], &[]);
    let children = |rows: &[&[&str]]| rows.iter().map(|cells| row(cells)).collect::<Vec<_>>();
    let delivered = vec![
        children(&[&["1", "", ""]]),
        children(&[&["10", "1", ""], &["11", "2", ""], &["12", "9", ""], &["13", "", ""]]),
        children(&[
            &["20", "10", ""],
            &["21", "11", ""],
            &["22", "12", ""],
            &["23", "", "21"],
            &["24", "", "23"],
            &["25", "", "20"],
        ]),
    ];
    // Parent 2 and child 11 came while the tables were read; 12 dangled all along.
    let mut source = delivered.clone();
    source[0].push(row(&["2", "", ""]));
    let left = swept(&checks, &delivered, &source);
    let keys = |table: &[Row]| table.iter().map(|row| row[0].clone().unwrap()).collect::<Vec<_>>();
    assert_eq!(keys(&left[1]), ["10", "12", "13"]);
    assert_eq!(keys(&left[2]), ["20", "22", "25"]);
}

#[test]
fn below_a_restricted_parent_nothing_dangles() {
    let delivered = vec![vec![], vec![row(&["10", "1", ""])]];
    let open = checks(&[(1, 1, 0, 0)], &[], &[]);
    let restricted = checks(&[(1, 1, 0, 0)], &[], &[0]);
    assert_eq!(swept(&open, &delivered, &delivered), delivered);
    assert_eq!(swept(&restricted, &delivered, &delivered)[1], Vec::<Row>::new());
}

#[test]
fn what_only_some_rows_reference_is_asked_of_those() {
    let mut checks = checks(&[(1, 1, 0, 0)], &[], &[]);
    checks.references[0].reference.when = vec![("kind".into(), "P".into())];
    let references = References::new(checks.clone(), 2);
    let mut list = vec!["`id`".to_owned(), "`ref`".to_owned()];
    let mut recorder = Recorder::new(&references, 1, &mut list);
    assert_eq!(list[2], "(`kind` = 'P')");
    for cells in [["10", "1", "1"], ["11", "2", "0"], ["12", "3", ""]] {
        recorder.row(&TestRow(&row(&cells))).unwrap();
    }
    recorder.finish().unwrap();
    Recorder::new(&references, 0, &mut list).finish().unwrap();
    let mut gone = Gone::default();
    sweep(&references, &mut Model { checks: &checks, tables: &vec![vec![]; 2] }, &mut gone).unwrap();
    assert_eq!(gone.0, [(1, vec![0], vec![b"10".to_vec()], 1)]);
}

fn tables() -> impl Strategy<Value = (Tables, Tables)> {
    // Few keys, in two spellings, so that much collides.
    let cell = proptest::option::weighted(0.8, proptest::sample::select(vec!["a", "A", "b", "B", "c", "d"]));
    let row = (proptest::sample::select(vec!["a", "A", "b", "c", "d", "e"]), cell.clone(), cell);
    let table = proptest::collection::vec(row, 0..7).prop_map(|rows| {
        let mut keys = BTreeSet::new();
        rows.into_iter()
            .filter(|(key, ..)| keys.insert(key.to_lowercase()))
            .map(|(key, a, b)| vec![Some(key.to_owned()), a.map(str::to_owned), b.map(str::to_owned)])
            .collect::<Vec<Row>>()
    });
    let tables = proptest::collection::vec(table, 3);
    // Most rows are at the source as they were delivered.
    let fates = proptest::collection::vec(proptest::bool::weighted(0.7), 21);
    (tables.clone(), tables, fates).prop_map(|(delivered, other, fates)| {
        let mut source = other;
        for (at, rows) in delivered.iter().enumerate() {
            for (number, row) in rows.iter().enumerate() {
                if fates[(at * 7 + number) % fates.len()] {
                    source[at].retain(|there| !equal(there[0].as_ref(), row[0].as_ref()));
                    source[at].push(row.clone());
                }
            }
        }
        (delivered, source)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn exactly_what_must_not_stay_goes(
        (delivered, source) in tables(),
        keyless in proptest::collection::vec(0usize..3, 0..2),
        restricted in proptest::collection::vec(0usize..3, 0..2),
    ) {
        // A chain, a cycle and a reference of a table to itself.
        let checks = checks(&[(1, 1, 0, 0), (1, 2, 1, 0), (2, 1, 1, 0), (0, 1, 2, 0)], &keyless, &restricted);
        let left = swept(&checks, &delivered, &source);
        prop_assert_eq!(&left, &expected(&checks, &delivered, &source));
        for checked in &checks.references {
            let key = &checks.keys[checked.key];
            for row in &left[checked.child] {
                let Some(value) = &row[checked.cells[0]] else { continue };
                let has = |tables: &Tables| tables[key.table].iter().any(|p| equal(p[0].as_ref(), Some(value)));
                let dangles_there = !checked.restricted && !has(&source);
                prop_assert!(has(&left) || dangles_there, "{row:?}");
            }
        }
    }
}
