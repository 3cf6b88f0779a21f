//! What limits mean, written down a second time: from rows in memory to the rows that are kept, by loops that say what
//! the contract says and are made for nothing else. It shares no code with the engine that it judges.

use libtest_mimic::Trial;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    Null,
    Int(i64),
    /// In a collation that tells neither case nor trailing blanks apart; ASCII letters and digits.
    Text(String),
    Bytes(Vec<u8>),
    /// Seconds from the moment of the run.
    Time(i64),
}

/// A condition on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    IsNull(usize),
    AtLeast(usize, i64),
    TextIs(usize, String),
}

/// `keep_days`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Age {
    pub column: usize,
    pub days: u32,
    /// Whether the column tells UTC, as a TIMESTAMP does.
    pub utc: bool,
}

/// A limit. With `all` it has nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limit {
    pub all: bool,
    pub max_rows: Option<usize>,
    pub order_by: Option<usize>,
    pub ascending: bool,
    pub age: Option<Age>,
    pub condition: Option<Condition>,
    pub percent: Option<usize>,
}

#[derive(Debug, Clone, Default)]
pub struct Table {
    pub rows: Vec<Vec<Value>>,
    /// The columns that settle ties.
    pub key: Vec<usize>,
    pub limit: Option<Limit>,
}

/// A foreign key or relation; tables and columns by their numbers.
#[derive(Debug, Clone)]
pub struct Reference {
    pub child: usize,
    pub columns: Vec<usize>,
    pub parent: usize,
    pub parent_columns: Vec<usize>,
    pub when: Vec<(usize, Value)>,
}

#[derive(Debug, Clone, Default)]
pub struct Model {
    pub tables: Vec<Table>,
    pub references: Vec<Reference>,
    /// How far the wall clock of DATETIME columns is ahead of UTC, in seconds.
    pub zone: i64,
}

/// The numbers of rows, by table.
pub type Rows = Vec<BTreeSet<usize>>;

/// The rows that are kept.
pub fn resolve(model: &Model) -> Rows {
    let pulled = up(model);
    let restricted = restricted(model);
    let mut kept: Rows = model
        .tables
        .iter()
        .zip(&pulled)
        .map(|(table, pulled)| match table.limit {
            Some(_) => pulled.clone(),
            None => (0..table.rows.len()).collect(),
        })
        .collect();
    // Down: every other table loses, until stable, each row whose parent in a restricted table is not kept.
    loop {
        let mut lost = Vec::new();
        for reference in model.references.iter().filter(|reference| restricted[reference.parent]) {
            let child = reference.child;
            if model.tables[child].limit.is_some() {
                continue;
            }
            for &row in kept[child].difference(&pulled[child]) {
                let parents = parents(model, reference, row);
                if parents.is_some_and(|parents| parents.is_disjoint(&kept[reference.parent])) {
                    lost.push((child, row));
                }
            }
        }
        if lost.is_empty() {
            return kept;
        }
        for (table, row) in lost {
            kept[table].remove(&row);
        }
    }
}

/// Every wanted row and the parents that it references, those theirs, until nothing is added.
fn up(model: &Model) -> Rows {
    let mut rows: Rows = model.tables.iter().map(|table| wanted(table, model.zone)).collect();
    loop {
        let mut added = false;
        for reference in &model.references {
            for row in rows[reference.child].clone() {
                for parent in parents(model, reference, row).unwrap_or_default() {
                    added |= rows[reference.parent].insert(parent);
                }
            }
        }
        if !added {
            return rows;
        }
    }
}

/// Tables with a limit other than `all`, and those below one that are not themselves `all`.
pub fn restricted(model: &Model) -> Vec<bool> {
    let is_all = |table: &Table| table.limit.as_ref().is_some_and(|limit| limit.all);
    let mut restricted: Vec<bool> =
        model.tables.iter().map(|table| table.limit.is_some() && !is_all(table)).collect();
    loop {
        let below = model.references.iter().find(|reference| {
            restricted[reference.parent]
                && !restricted[reference.child]
                && !is_all(&model.tables[reference.child])
        });
        match below {
            Some(reference) => restricted[reference.child] = true,
            None => return restricted,
        }
    }
}

/// The rows that a table's limit picks; none without one.
fn wanted(table: &Table, zone: i64) -> BTreeSet<usize> {
    let Some(limit) = &table.limit else { return BTreeSet::new() };
    let mut passing: Vec<usize> = (0..table.rows.len())
        .filter(|row| young_enough(limit, &table.rows[*row], zone) && holds(limit, &table.rows[*row]))
        .collect();
    passing.sort_by(|a, b| {
        let columns = limit.order_by.iter().chain(&table.key);
        let order = columns
            .map(|&column| compare(&table.rows[*a][column], &table.rows[*b][column]))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal);
        if limit.ascending { order } else { order.reverse() }
    });
    if let Some(percent) = limit.percent {
        passing.truncate((passing.len() * percent).div_ceil(100));
    }
    passing.truncate(limit.max_rows.unwrap_or(usize::MAX));
    passing.into_iter().collect()
}

fn young_enough(limit: &Limit, row: &[Value], zone: i64) -> bool {
    let Some(age) = &limit.age else { return true };
    let now = if age.utc { 0 } else { zone };
    matches!(row[age.column], Value::Time(at) if at >= now - i64::from(age.days) * 86_400)
}

fn holds(limit: &Limit, row: &[Value]) -> bool {
    match &limit.condition {
        None => true,
        Some(Condition::IsNull(column)) => row[*column] == Value::Null,
        Some(Condition::AtLeast(column, least)) => {
            matches!(row[*column], Value::Int(number) if number >= *least)
        }
        Some(Condition::TextIs(column, text)) => equal(&row[*column], &Value::Text(text.clone())),
    }
}

/// The parents of a row by one reference; `None` if it references nothing.
pub fn parents(model: &Model, reference: &Reference, row: usize) -> Option<BTreeSet<usize>> {
    let child = &model.tables[reference.child].rows[row];
    let holds = reference.when.iter().all(|(column, value)| equal(&child[*column], value));
    if !holds || reference.columns.iter().any(|column| child[*column] == Value::Null) {
        return None;
    }
    let is_parent = |parent: &Vec<Value>| {
        let pairs = reference.columns.iter().zip(&reference.parent_columns);
        pairs.into_iter().all(|(own, theirs)| equal(&child[*own], &parent[*theirs]))
    };
    let rows = model.tables[reference.parent].rows.iter().enumerate();
    Some(rows.filter(|(_, parent)| is_parent(parent)).map(|(at, _)| at).collect())
}

/// What a row references that is there, but not among `kept`: child, row and reference.
pub fn dangling(model: &Model, kept: &Rows) -> Vec<(usize, usize, usize)> {
    let mut found = Vec::new();
    for (at, reference) in model.references.iter().enumerate() {
        for &row in &kept[reference.child] {
            let parents = parents(model, reference, row).unwrap_or_default();
            if !parents.is_empty() && parents.is_disjoint(&kept[reference.parent]) {
                found.push((reference.child, row, at));
            }
        }
    }
    found
}

/// The model with the kept rows only, and their former numbers.
pub fn shrunk(model: &Model, kept: &Rows) -> Model {
    let mut smaller = model.clone();
    for (table, kept) in smaller.tables.iter_mut().zip(kept) {
        table.rows = kept.iter().map(|row| table.rows[*row].clone()).collect();
    }
    smaller
}

fn equal(a: &Value, b: &Value) -> bool {
    *a != Value::Null && *b != Value::Null && compare(a, b).is_eq()
}

/// NULLs are lowest.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Int(a), Value::Int(b)) | (Value::Time(a), Value::Time(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => fold(a).cmp(&fold(b)),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (a, b) => panic!("{a:?} and {b:?} are of different types"),
    }
}

fn fold(text: &str) -> String {
    text.trim_end_matches(' ').to_ascii_uppercase()
}

/// The tests of this file: the contract's sentences on hand-made rows.
pub fn trials() -> Vec<Trial> {
    type Case = (&'static str, fn());
    let cases: [Case; 10] = [
        ("wanted_rows_are_the_first_in_order", wanted_in_order),
        ("nulls_are_lowest_and_ties_go_by_key_in_the_same_direction", nulls_and_ties),
        ("age_condition_percent_and_cap_apply_in_this_order", filters),
        ("up_goes_through_other_limits", up_through_limits),
        ("tables_below_lose_what_references_nothing_kept", down),
        ("parents_of_a_driver_stay_whole", parents_whole),
        ("all_pulls_in_every_parent_that_it_needs", all_pulls),
        ("what_up_pulled_in_stays", pulled_stays),
        ("dangling_rows_stay_under_whole_parents_only", dangling_rows),
        ("cycles_and_self_references_end", cycles),
    ];
    let trial = |(name, case): Case| {
        Trial::test(format!("subset_model::{name}"), move || {
            case();
            Ok(())
        })
    };
    cases.into_iter().map(trial).collect()
}

/// Rows of small numbers; -1 is NULL. Column 0 is the key.
fn table(rows: &[&[i64]], limit: Option<Limit>) -> Table {
    let value = |number: &i64| if *number == -1 { Value::Null } else { Value::Int(*number) };
    Table { rows: rows.iter().map(|row| row.iter().map(value).collect()).collect(), key: vec![0], limit }
}

/// From column `column` of `child` to the key of `parent`.
fn reference(child: usize, column: usize, parent: usize) -> Reference {
    Reference { child, columns: vec![column], parent, parent_columns: vec![0], when: Vec::new() }
}

fn at_most(rows: usize) -> Option<Limit> {
    Some(Limit { max_rows: Some(rows), ..Limit::default() })
}

fn all() -> Option<Limit> {
    Some(Limit { all: true, ..Limit::default() })
}

fn expect(tables: Vec<Table>, references: Vec<Reference>, kept: &[&[usize]]) {
    let model = Model { tables, references, zone: 0 };
    let found = resolve(&model);
    let expected: Rows = kept.iter().map(|rows| rows.iter().copied().collect()).collect();
    assert_eq!(found, expected);
    assert!(dangling(&model, &found).is_empty());
}

fn wanted_in_order() {
    let rows: &[&[i64]] = &[&[1, 5], &[2, 9], &[3, 7]];
    let limit = |order_by, ascending| Some(Limit { order_by, ascending, ..at_most(2).unwrap() });
    expect(vec![table(rows, at_most(2))], vec![], &[&[1, 2]]);
    expect(vec![table(rows, limit(None, true))], vec![], &[&[0, 1]]);
    expect(vec![table(rows, limit(Some(1), false))], vec![], &[&[1, 2]]);
    expect(vec![table(rows, limit(Some(1), true))], vec![], &[&[0, 2]]);
    expect(vec![table(rows, at_most(0))], vec![], &[&[]]);
    expect(vec![table(rows, at_most(9))], vec![], &[&[0, 1, 2]]);
}

fn nulls_and_ties() {
    let rows: &[&[i64]] = &[&[1, -1], &[2, 4], &[3, 4], &[4, 4], &[5, -1]];
    let limit = |max, ascending| Some(Limit { order_by: Some(1), ascending, ..at_most(max).unwrap() });
    expect(vec![table(rows, limit(2, false))], vec![], &[&[2, 3]]);
    expect(vec![table(rows, limit(4, false))], vec![], &[&[1, 2, 3, 4]]);
    expect(vec![table(rows, limit(1, true))], vec![], &[&[0]]);
    expect(vec![table(rows, limit(3, true))], vec![], &[&[0, 1, 4]]);
    let texts = ["b", "B ", "a"].map(|text| vec![Value::Text(text.to_owned()), Value::Int(1)]);
    let mut table = Table { rows: texts.to_vec(), key: vec![0], limit: at_most(1) };
    table.rows[1][0] = Value::Text("C".to_owned());
    expect(vec![table], vec![], &[&[1]]);
}

fn filters() {
    let day = 86_400;
    let rows = [-3 * day, -2 * day, -day, 0, 5].map(|at| vec![Value::Int(at), Value::Time(at)]);
    let with_null = rows.into_iter().chain([vec![Value::Int(9), Value::Null]]).collect::<Vec<_>>();
    let aged = |utc, change: fn(&mut Limit)| {
        let mut limit =
            Limit { age: Some(Age { column: 1, days: 2, utc }), order_by: Some(1), ..Limit::default() };
        change(&mut limit);
        vec![Table { rows: with_null.clone(), key: vec![0], limit: Some(limit) }]
    };
    expect(aged(false, |_| ()), vec![], &[&[1, 2, 3, 4]]);
    expect(aged(false, |limit| limit.percent = Some(50)), vec![], &[&[3, 4]]);
    expect(aged(false, |limit| limit.percent = Some(51)), vec![], &[&[2, 3, 4]]);
    expect(aged(false, |limit| (limit.percent, limit.max_rows) = (Some(51), Some(1))), vec![], &[&[4]]);
    expect(aged(false, |limit| limit.condition = Some(Condition::AtLeast(0, 0))), vec![], &[&[3, 4]]);
    for (utc, kept) in [(true, [1, 2, 3, 4].as_slice()), (false, &[2, 3, 4])] {
        let model = Model { tables: aged(utc, |_| ()), references: vec![], zone: 3600 };
        assert_eq!(resolve(&model), [kept.iter().copied().collect::<BTreeSet<_>>()]);
    }
}

fn up_through_limits() {
    // The wanted line needs user 1, who is not among the wanted, and that one's team.
    let teams = table(&[&[1], &[2]], at_most(0));
    let users = table(&[&[1, 1], &[2, 2], &[3, -1]], at_most(1));
    let lines = table(&[&[1, 2], &[2, 1]], at_most(1));
    expect(vec![teams, users, lines], vec![reference(1, 1, 0), reference(2, 1, 1)], &[&[0], &[0, 2], &[1]]);
}

fn down() {
    let users = table(&[&[1], &[2]], at_most(1));
    let orders = table(&[&[1, 1], &[2, 2], &[3, -1]], None);
    let items = table(&[&[1, 1], &[2, 2], &[3, 3]], None);
    expect(
        vec![users, orders, items],
        vec![reference(1, 1, 0), reference(2, 1, 1)],
        &[&[1], &[1, 2], &[1, 2]],
    );
    // A child of two parents has to have both.
    let two = [table(&[&[1], &[2]], at_most(1)), table(&[&[1], &[2]], at_most(1))];
    let reviews = table(&[&[1, 2, 2], &[2, 1, 2], &[3, 2, 1], &[4, 2, -1]], None);
    let [users, products] = two;
    expect(
        vec![users, products, reviews],
        vec![reference(2, 1, 0), reference(2, 2, 1)],
        &[&[1], &[1], &[0, 3]],
    );
    // Of a partly NULL key nothing is left; `when` says where a key holds.
    let parent = Table { key: vec![0, 1], ..table(&[&[1, 1], &[2, 2]], at_most(1)) };
    let child = table(&[&[1, 1, 1], &[2, 1, -1], &[3, 2, 2]], None);
    let composite = Reference { columns: vec![1, 2], parent_columns: vec![0, 1], ..reference(1, 0, 0) };
    expect(vec![parent, child], vec![composite], &[&[1], &[1, 2]]);
    let posts = table(&[&[1], &[2]], at_most(1));
    let comments = table(&[&[1, 1, 7], &[2, 1, 8], &[3, 2, 7]], None);
    let relation = Reference { when: vec![(2, Value::Int(7))], ..reference(1, 1, 0) };
    expect(vec![posts, comments], vec![relation], &[&[1], &[1, 2]]);
}

fn parents_whole() {
    let users = table(&[&[1], &[2]], None);
    let orders = table(&[&[1, 1], &[2, 2]], at_most(1));
    let apart = table(&[&[1], &[2]], None);
    expect(vec![users, orders, apart], vec![reference(1, 1, 0)], &[&[0, 1], &[1], &[0, 1]]);
}

fn all_pulls() {
    let users = table(&[&[1], &[2], &[3]], at_most(1));
    let orders = table(&[&[1, 1], &[2, -1]], all());
    let items = table(&[&[1, 1], &[2, 2]], None);
    expect(
        vec![users, orders, items],
        vec![reference(1, 1, 0), reference(2, 1, 1)],
        &[&[0, 2], &[0, 1], &[0, 1]],
    );
}

fn pulled_stays() {
    // The log line wants order 1, whose user comes along through the limit; order 2 falls.
    let users = table(&[&[1], &[2], &[3]], at_most(1));
    let orders = table(&[&[1, 1], &[2, 2]], None);
    let log = table(&[&[1, 1]], all());
    expect(vec![users, orders, log], vec![reference(1, 1, 0), reference(2, 1, 1)], &[&[0, 2], &[0], &[0]]);
}

fn dangling_rows() {
    let whole = table(&[&[1]], None);
    let child = table(&[&[1, 1], &[2, 9]], None);
    let apart = table(&[&[1]], at_most(0));
    expect(vec![whole, child, apart], vec![reference(1, 1, 0)], &[&[0], &[0, 1], &[]]);
    let cut = table(&[&[1]], at_most(1));
    let child = table(&[&[1, 1], &[2, 9]], None);
    expect(vec![cut, child], vec![reference(1, 1, 0)], &[&[0], &[0]]);
    let cut = table(&[&[1]], at_most(1));
    let driver = table(&[&[1, 1], &[2, 9]], all());
    let below = table(&[&[1, 9]], None);
    expect(vec![cut, driver, below], vec![reference(1, 1, 0), reference(2, 1, 1)], &[&[0], &[0, 1], &[0]]);
}

fn cycles() {
    let categories = table(&[&[1, -1], &[2, 1], &[3, 2], &[4, 1]], at_most(1));
    expect(vec![categories], vec![reference(0, 1, 0)], &[&[0, 3]]);
    // Without a limit of its own, a circle falls or stands as a whole.
    let gate = table(&[&[1], &[2]], at_most(1));
    let a = table(&[&[1, 1, -1], &[2, 2, -1], &[3, 3, 1], &[4, 4, 2]], None);
    let b = table(&[&[1, 2], &[2, 1], &[3, 3], &[4, 4]], None);
    expect(
        vec![gate, a, b],
        vec![reference(1, 1, 2), reference(2, 1, 1), reference(1, 2, 0)],
        &[&[1], &[0, 1, 3], &[0, 1, 3]],
    );
    let itself = table(&[&[1, 1, 1], &[2, 1, -1], &[3, 3, 2], &[4, 3, 1]], None);
    let gate = table(&[&[1], &[2]], at_most(1));
    expect(vec![itself, gate], vec![reference(0, 1, 0), reference(0, 2, 1)], &[&[2], &[1]]);
}
