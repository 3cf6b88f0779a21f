//! Tests of which references are checked.

use super::*;
use crate::plan::reference::references;
use crate::plan::run::{MaskAt, Strategy};
use crate::plan::sanitize::fixture::{foreign_key, rule, schema};
use crate::plan::sanitize::{self, Facts, MaskKey, Rule, Token};
use crate::schema::{Generated, Index, IndexPart};
use std::collections::BTreeMap;

fn index(unique: bool, columns: &[&str]) -> Index {
    let part = |name: &&str| IndexPart {
        column: Some((*name).into()),
        expression: None,
        prefix: None,
        descending: false,
    };
    Index { name: "i".into(), unique, kind: IndexKind::Btree, parts: columns.iter().map(part).collect() }
}

fn text(name: &str, collation: &str) -> Column {
    Column {
        charset: Some("utf8mb4".into()),
        collation: Some(collation.into()),
        max_length: Some(30),
        ..Column::new(name, "varchar(30)")
    }
}

/// `parents (id, code)` and `children (id, parent_id, code)`.
fn tables() -> [Table; 2] {
    let (ci, nopad) = ("utf8mb4_unicode_ci", "utf8mb4_0900_ai_ci");
    let parents = Table {
        primary_key: vec!["id".into()],
        indexes: vec![index(false, &["code", "id"])],
        ..Table::new("parents", vec![Column::new("id", "int"), text("code", ci), text("other", nopad)])
    };
    let children = Table {
        primary_key: vec!["id".into()],
        indexes: vec![index(false, &["parent_id"])],
        ..Table::new(
            "children",
            vec![Column::new("id", "int"), Column::new("parent_id", "bigint"), text("code", ci)],
        )
    };
    [parents, children]
}

fn checks(tables: &[Table; 2], columns: Option<&[&str]>, key: (&str, &str)) -> (Checks, Vec<String>) {
    let served: BTreeMap<_, _> = tables.iter().map(|t| (t.name.clone(), t.clone())).collect();
    let keys = [foreign_key(("children", key.0), ("parents", key.1))];
    let columns: Option<Vec<String>> = columns.map(|c| c.iter().map(ToString::to_string).collect());
    let plan = |table: &Table, columns: Option<&[String]>| {
        TablePlan::new(table, columns, None, false, Strategy::Copies(MaskAt::Update), Vec::new()).unwrap()
    };
    let plans = [plan(&tables[0], None), plan(&tables[1], columns.as_deref())];
    Checks::new(&plans, references(&served, &keys, &[]))
}

#[test]
fn numbers_are_compared_as_numbers_and_text_as_the_server_does() {
    let (numbers, unchecked) = checks(&tables(), None, ("parent_id", "id"));
    assert_eq!(unchecked, [""; 0]);
    let checked = &numbers.references[0];
    assert_eq!((checked.child, &checked.cells, &checked.identity), (1, &vec![1], &vec![0]));
    assert_eq!(checked.compared, [Compared::Cell(1, Canon::Number)]);
    assert_eq!((checked.index.as_deref(), numbers.keys[0].unique), (Some("PRIMARY"), true));
    assert_eq!((numbers.columns(0), numbers.columns(1)), (vec![0], vec![0, 1]));
    assert!(numbers.has_child(1) && !numbers.has_child(0));

    let (texts, _) = checks(&tables(), None, ("code", "code"));
    let key = |table, column| SortKey { table, column, pads: true };
    assert_eq!(texts.sort_keys, [key(1, 2), key(0, 1)]);
    assert_eq!(texts.references[0].compared, [Compared::SortKey(0)]);
    assert_eq!((&texts.keys[0].compared, texts.keys[0].unique), (&vec![Compared::SortKey(1)], false));
    assert_eq!(texts.sort_keys_of(0).collect::<Vec<_>>(), [(1, key(0, 1))]);
    assert_eq!(key(0, 1).expression("`c`"), "WEIGHT_STRING(RTRIM(`c`))");
    assert!(!pads("utf8mb4_0900_ai_ci") && !pads("utf8mb4_uca1400_nopad_ai_ci") && pads("latin1_bin"));
}

#[test]
fn what_could_not_be_looked_up_is_named() {
    let why = |tables: &[Table; 2], key| checks(tables, None, key).1.join("; ");
    assert!(why(&tables(), ("code", "id")).ends_with("`children`: the columns' types differ"));
    assert!(why(&tables(), ("code", "other")).ends_with("the columns' types differ"));
    let mut unindexed = tables();
    unindexed[0].indexes.clear();
    assert!(why(&unindexed, ("code", "code")).contains("no index of the parent"));
    let mut keyless = tables();
    keyless[1].primary_key.clear();
    assert!(why(&keyless, ("code", "code")).contains("neither a key nor an index"));
    let (by_value, unchecked) = checks(&keyless, None, ("parent_id", "id"));
    assert_eq!(unchecked, [""; 0]);
    assert_eq!((&by_value.references[0].identity, &by_value.references[0].index), (&vec![1], &None));
}

/// As [`tables`] with these rules, by table and column, and a key.
fn masked(rules: &[(&str, &str, Mask)], key: (&str, &str)) -> (Checks, Vec<String>) {
    let mut tables = tables();
    tables[0].columns[1].collation = Some("utf8mb4_bin".into());
    tables[1].columns[2].collation = Some("utf8mb4_bin".into());
    tables[0].columns[0].column_type = "int(10) unsigned zerofill".into();
    tables[1].columns[1].column_type = "int(10) unsigned zerofill".into();
    tables[1].columns[1].data_type = "int".into();
    let mask_key = MaskKey::derive(&"a key".into()).unwrap();
    let facts = Facts { salt: "5a17", key: Some(&mask_key), ..Facts::default() };
    let rules: Vec<Rule> =
        rules.iter().map(|(table, column, mask)| rule(table, column, mask.clone())).collect();
    let sanitize = sanitize::plan(&rules, &schema(tables.to_vec()), &facts).unwrap();
    let plan = |table: &Table| {
        let masks = sanitize.for_table(&table.name);
        TablePlan::new(table, None, masks, false, Strategy::Copies(MaskAt::Update), Vec::new()).unwrap()
    };
    let served: BTreeMap<_, _> = tables.iter().map(|t| (t.name.clone(), t.clone())).collect();
    let keys = [foreign_key(("children", key.0), ("parents", key.1))];
    Checks::new(&[plan(&tables[0]), plan(&tables[1])], references(&served, &keys, &[]))
}

#[test]
fn masks_are_compared_where_they_follow_the_values_of_both_ends() {
    let token = || Mask::Token(Token::default());
    let both = [("parents", "code", token()), ("children", "code", token())];
    let (texts, unchecked) = masked(&both, ("code", "code"));
    assert_eq!(unchecked, [""; 0]);
    let checked = &texts.references[0];
    assert_eq!(checked.compared, [Compared::Cell(2, Canon::Bytes)]);
    assert!(checked.masked && !checked.named_by_masks);
    let key = [both[0].clone(), both[1].clone(), ("children", "id", token())];
    assert!(masked(&key, ("code", "code")).0.references[0].named_by_masks);
    let numbers = [("parents", "id", token()), ("children", "parent_id", token())];
    let (numbers, unchecked) = masked(&numbers, ("parent_id", "id"));
    assert_eq!(unchecked, [""; 0], "the zeros of ZEROFILL are no part of a number");
    assert_eq!(numbers.references[0].compared, [Compared::Cell(1, Canon::Number)]);
    let one = [("children", "code", Mask::Email)];
    assert!(masked(&one, ("code", "code")).1[0].ends_with("a rule changes one of its columns"));
}

#[test]
fn what_is_not_sent_needs_no_check() {
    let none = (Checks::default(), Vec::new());
    assert_eq!(checks(&tables(), Some(&["id", "code"]), ("parent_id", "id")), none);
    let mut generated = tables();
    generated[1].columns[1].generated = Generated::Stored;
    assert_eq!(checks(&generated, None, ("parent_id", "id")), none);
    // Without its key a row is named by what it references.
    let (checks, _) = checks(&tables(), Some(&["parent_id"]), ("parent_id", "id"));
    assert_eq!((&checks.references[0].identity, &checks.references[0].index), (&vec![0], &None));
}
