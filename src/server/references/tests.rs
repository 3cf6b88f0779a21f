//! The sweep against a database that lives in this file: whatever was delivered and whatever the source has become.

use super::sweep::{Candidate, Cells, Found, Now, Parent, Removals, sweep};
use super::*;
use crate::plan::checked::{Checked, Key};
use crate::plan::reference::Reference;
use crate::sql::digest::Canon;
use crate::wire::moment::Moment;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Cells of one row: a key of its own, then what it references. Text: 'A' means 'a' as well.
type Row = Vec<Option<String>>;
type Tables = Vec<Vec<Row>>;

/// A row as it is read: its cells, and what its text is sorted by.
struct TestRow(Row);

impl TestRow {
    fn new(checks: &Checks, table: usize, row: &Row) -> Self {
        let sorted =
            checks.sort_keys_of(table).map(|(_, key)| row[key.column].as_ref().map(|t| t.to_lowercase()));
        Self(row.iter().cloned().chain(sorted).collect())
    }
}

impl RowCells for TestRow {
    fn cell(&self, index: usize) -> Option<&[u8]> {
        self.0.get(index)?.as_ref().map(String::as_bytes)
    }
}

fn equal(a: Option<&String>, b: Option<&String>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b))
}

#[test]
fn a_number_is_one_number_however_it_is_written() {
    let references = References::new(Checks::default(), 0);
    let hash = |text: &str, canon| {
        references.hash(&[Compared::Cell(0, canon)], |_| Some(text.as_bytes()), &mut Vec::new()).unwrap()
    };
    assert_eq!(hash("00042", Canon::Number), hash("42", Canon::Number));
    assert_ne!(hash("00042", Canon::Bytes), hash("42", Canon::Bytes));
    assert_ne!(hash("42", Canon::Number), hash("420", Canon::Number));
}

fn bytes(cell: Option<&String>) -> Option<Vec<u8>> {
    cell.map(|cell| cell.as_bytes().to_vec())
}

/// The source as it is now.
struct Model<'a> {
    checks: &'a Checks,
    tables: &'a Tables,
    /// Of these tables earlier pulls have delivered the row with key 'd'.
    earlier: &'a [usize],
}

impl Model<'_> {
    fn is_earlier(&self, table: usize, row: &Row) -> bool {
        self.earlier.contains(&table) && row[0].as_deref() == Some("d")
    }
}

impl Now for Model<'_> {
    fn find(&mut self, checked: &Checked, rows: &[Candidate]) -> Result<Vec<Found>> {
        let key = &self.checks.keys[checked.key];
        let cells =
            |row: &Row, at: &[usize]| at.iter().map(|at| bytes(row[*at].as_ref())).collect::<Option<Cells>>();
        let of = column(self.checks, key.compared[0]);
        let compared = |parent: &Row| match key.compared[0] {
            Compared::Cell(..) => parent[of].clone(),
            Compared::SortKey(_) => parent[of].as_ref().map(|text| text.to_lowercase()),
        };
        let key_table = key.table;
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
                .filter(|parent| equal(parent[of].as_ref(), row[checked.cells[0]].as_ref()))
                .map(|parent| {
                    let key = vec![bytes(compared(parent).as_ref())?];
                    Some(Parent { key, is_earlier: self.is_earlier(key_table, parent) })
                })
                .collect();
            if parents.is_empty() {
                parents.push(None);
            }
            found.extend(parents.into_iter().map(|parent| Found {
                identity: identity.clone(),
                referencing: Some(referencing.clone()),
                parent,
                moment: None,
            }));
        }
        Ok(found)
    }

    fn earlier(&mut self, checked: &Checked, values: &[Cells]) -> Result<Vec<Cells>> {
        let key = &self.checks.keys[checked.key];
        let of = column(self.checks, key.compared[0]);
        let is_wanted =
            |cell: &String| values.iter().any(|value| value[0].eq_ignore_ascii_case(cell.as_bytes()));
        let parents = self.tables[key.table].iter().filter(|parent| self.is_earlier(key.table, parent));
        let cells = parents.filter_map(|parent| parent[of].clone()).filter(is_wanted);
        let compared = |cell: String| match key.compared[0] {
            Compared::Cell(..) => cell,
            Compared::SortKey(_) => cell.to_lowercase(),
        };
        Ok(cells.map(|cell| vec![compared(cell).into_bytes()]).collect())
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

    fn comes_again(&mut self, _: &Checked, _: Moment) {}
}

/// The column that is compared.
fn column(checks: &Checks, compared: Compared) -> usize {
    match compared {
        Compared::Cell(column, _) => column,
        Compared::SortKey(at) => checks.sort_keys[at].column,
    }
}

/// Child table, its cell, parent table, parent's cell. By sort keys 'A' and 'a' have one hash, else two.
fn checks(references: &[(usize, usize, usize, usize)], keyless: &[usize], sorted: bool) -> Checks {
    let mut checks = Checks::default();
    for &(child, cell, table, of) in references {
        let mut compared = |table, column| {
            let key = SortKey { table, column, pads: true };
            if !sorted {
                return Compared::Cell(column, Canon::Bytes);
            }
            Compared::SortKey(checks.sort_keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                checks.sort_keys.push(key);
                checks.sort_keys.len() - 1
            }))
        };
        let (own, other) = (compared(child, cell), compared(table, of));
        let key = Key {
            table,
            compared: vec![other],
            unique: of == 0 && !keyless.contains(&table),
            has_earlier: true,
        };
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
            compared: vec![own],
            key: at,
            identity: vec![if is_keyless { cell } else { 0 }],
            index: (!is_keyless).then(|| "PRIMARY".to_owned()),
            masked: false,
            named_by_masks: false,
        });
    }
    checks
}

/// What is left of `delivered`; panics where the counts do not add up.
fn swept(delivered: &Tables, source: &mut Model<'_>) -> Tables {
    let checks = source.checks;
    let references = References::new(checks.clone(), delivered.len());
    for (at, rows) in delivered.iter().enumerate() {
        let columns = ["k", "a", "b"].map(|name| (name.to_owned(), Form::Utf8));
        let mut recorder = Recorder::new(&references, at, &columns, Refs::Bare, &mut [""; 3].into());
        rows.iter().for_each(|row| recorder.row(&TestRow::new(checks, at, row)).unwrap());
        recorder.finish().unwrap();
    }
    let mut gone = Gone::default();
    let count = sweep(&references, source, &mut gone).unwrap();
    let mut left = delivered.clone();
    for (table, cells, values, rows) in &gone.0 {
        let before = left[*table].len();
        // A target compares as the source does.
        let is_named = |cell: &Option<String>, value: &[u8]| {
            let value = std::str::from_utf8(value).unwrap();
            let folds = !checks.sort_keys.is_empty();
            cell.as_ref().is_some_and(|cell| cell == value || (folds && cell.eq_ignore_ascii_case(value)))
        };
        left[*table]
            .retain(|row| !cells.iter().zip(values).all(|(cell, value)| is_named(&row[*cell], value)));
        assert_eq!((before - left[*table].len()) as u64, *rows, "announced rows");
    }
    let before: usize = delivered.iter().map(Vec::len).sum();
    let after: usize = left.iter().map(Vec::len).sum();
    assert_eq!((before - after) as u64, count);
    left
}

/// The same by the rule alone, again and again until nothing changes.
fn expected(delivered: &Tables, model: &Model<'_>) -> Tables {
    let (checks, source) = (model.checks, model.tables);
    let sorted = !checks.sort_keys.is_empty();
    let one_value = |a: &String, b: &String| if sorted { a.eq_ignore_ascii_case(b) } else { a == b };
    let mut left = delivered.clone();
    loop {
        let now = left.clone();
        for checked in &checks.references {
            let key = &checks.keys[checked.key];
            let (cell, of) = (checked.cells[0], column(checks, key.compared[0]));
            let parents = |tables: &Tables, is: &dyn Fn(&String) -> bool| {
                tables[key.table].iter().filter_map(|parent| parent[of].as_ref()).any(is)
            };
            let is_earlier = |parent: &&Row| model.is_earlier(key.table, parent);
            let earlier =
                || source[key.table].iter().filter(is_earlier).filter_map(|parent| parent[of].as_ref());
            let has = |value: &String| parents(&now, &|other: &String| one_value(other, value));
            let had = |value: &String| earlier().any(|other| one_value(other, value));
            // What the source says about a row without parent.
            let stays = |row: &Row| {
                let Some(value) = &row[cell] else { return false };
                let same = |other: &Row| {
                    checked.identity.iter().chain(&checked.cells).all(|at| other[*at] == row[*at])
                };
                let folded = |other: &String| other.eq_ignore_ascii_case(value);
                source[checked.child].iter().any(same)
                    && (parents(source, &|other: &String| folded(other) && has(other))
                        || earlier().any(folded)
                        || !parents(source, &folded))
            };
            let rows = &delivered[checked.child];
            left[checked.child].retain(|row| {
                let Some(value) = &row[cell] else { return true };
                let others =
                    || rows.iter().filter(|other| other[cell].as_ref().is_some_and(|o| one_value(o, value)));
                has(value)
                    || had(value)
                    || if checked.index.is_some() { stays(row) } else { others().any(stays) }
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
    let checks = checks(&[(1, 1, 0, 0), (2, 1, 1, 0), (2, 2, 2, 0)], &[], false);
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
    let left = swept(&delivered, &mut Model { checks: &checks, tables: &source, earlier: &[] });
    let keys = |table: &[Row]| table.iter().map(|row| row[0].clone().unwrap()).collect::<Vec<_>>();
    assert_eq!(keys(&left[1]), ["10", "12", "13"]);
    assert_eq!(keys(&left[2]), ["20", "22", "25"]);
}

#[test]
fn what_only_some_rows_reference_is_asked_of_those() {
    let mut checks = checks(&[(1, 1, 0, 0)], &[], false);
    checks.references[0].reference.when = vec![("kind".into(), "P".into())];
    let references = References::new(checks.clone(), 2);
    let mut list = List::from(["`id`", "`ref`"]);
    let columns = ["id", "ref"].map(|name| (name.to_owned(), Form::Number));
    let mut recorder = Recorder::new(&references, 1, &columns, Refs::Bare, &mut list);
    assert_eq!(list[2], "(`kind` = 'P')");
    for cells in [["10", "1", "1"], ["11", "2", "0"], ["12", "3", ""]] {
        recorder.row(&TestRow(row(&cells))).unwrap();
    }
    recorder.finish().unwrap();
    Recorder::new(&references, 0, &columns, Refs::Bare, &mut list).finish().unwrap();
    let mut gone = Gone::default();
    sweep(&references, &mut Model { checks: &checks, tables: &vec![vec![]; 2], earlier: &[] }, &mut gone)
        .unwrap();
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
        (mut delivered, source) in tables(),
        keyless in proptest::collection::vec(0usize..3, 0..2),
        earlier in proptest::collection::vec(0usize..3, 0..2),
        sorted: bool,
    ) {
        // A chain, a cycle and a reference of a table to itself.
        let checks = checks(&[(1, 1, 0, 0), (1, 2, 1, 0), (2, 1, 1, 0), (0, 1, 2, 0)], &keyless, sorted);
        let mut model = Model { checks: &checks, tables: &source, earlier: &earlier };
        for table in &earlier {
            // What earlier pulls delivered does not come again.
            delivered[*table].retain(|row| !model.is_earlier(*table, row));
        }
        let left = swept(&delivered, &mut model);
        prop_assert_eq!(&left, &expected(&delivered, &model));
        for checked in &checks.references {
            let key = &checks.keys[checked.key];
            for row in &left[checked.child] {
                let Some(value) = &row[checked.cells[0]] else { continue };
                let has = |tables: &Tables| tables[key.table].iter().any(|p| equal(p[0].as_ref(), Some(value)));
                let dangles_there = !has(&source);
                let came_before = earlier.contains(&key.table) && value.eq_ignore_ascii_case("d");
                prop_assert!(has(&left) || dangles_there || came_before, "{row:?}");
            }
        }
    }
}
