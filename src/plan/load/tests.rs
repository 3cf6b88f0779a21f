//! Plans of what a pull does to its target.

use super::*;
use crate::schema::{Column, Version};

fn table(name: &str) -> Table {
    Table::new(name, vec![Column::new("id", "int")])
}

fn key(name: &str, table: &str, references: &str) -> ForeignKey {
    ForeignKey {
        name: name.into(),
        table: table.into(),
        columns: vec!["x".into()],
        references_schema: None,
        references: references.into(),
        referenced_columns: vec!["id".into()],
        on_delete: "CASCADE".into(),
        on_update: "NO ACTION".into(),
    }
}

fn schema(names: &[&str], keys: Vec<ForeignKey>) -> Schema {
    Schema {
        database: "app".into(),
        flavour: Flavour::Mysql,
        version: Version(8, 0, 0),
        tables: names.iter().map(|n| ((*n).to_owned(), table(n))).collect(),
        foreign_keys: keys,
        triggers: Vec::new(),
        views: 0,
        routines: 0,
        events: 0,
    }
}

fn wanted(name: &str, missing: bool) -> Wanted {
    Wanted {
        name: name.into(),
        columns: vec!["id".into()],
        missing: missing.then(|| Structure { flavour: Flavour::Mysql, table: table(name) }),
        way: Way::Swap,
    }
}

fn names<'a>(keys: impl IntoIterator<Item = &'a ForeignKey>) -> Vec<&'a str> {
    keys.into_iter().map(|key| key.name.as_str()).collect()
}

#[test]
fn keys_are_sorted_into_inside_outgoing_and_outside() {
    let target = schema(
        &["users", "posts", "audit", "plans"],
        vec![
            key("inside", "posts", "users"),
            key("outgoing", "users", "plans"),
            key("outside", "audit", "users"),
            key("unrelated", "audit", "plans"),
        ],
    );
    let there = OutsideKey { schema: "other".into(), key: key("there", "logs", "users") };
    let far = OutsideKey { schema: "other".into(), key: key("far", "logs", "plans") };
    let source = vec![
        key("inside", "tags", "posts"),
        key("lost", "tags", "nowhere"),
        key("ignored", "posts", "plans"),
    ];
    let wanted = vec![wanted("users", false), wanted("posts", true), wanted("tags", true)];
    let plan = LoadPlan::new(&target, wanted, &source, vec![there, far]).unwrap();
    assert_eq!(names(&plan.keys), ["inside", "outgoing", "inside_2"]);
    assert_eq!(names(plan.outside.iter().map(|o| &o.key)), ["outside", "there"]);
    assert_eq!(plan.notes.len(), 1);
    assert_eq!(plan.tables[1].origin, Origin::Own, "the target's own definition wins");
    assert!(matches!(plan.tables[2].origin, Origin::Source(_)));
    assert_eq!(plan.numbers().get("tags"), Some(&2));
}

#[test]
fn names_that_cannot_be_are_refused() {
    let target = schema(&["users", "_backfill_x"], Vec::new());
    for list in [
        vec![wanted("users", false), wanted("users", false)],
        vec![wanted("_backfill_x", false)],
        vec![wanted("nowhere", false)],
    ] {
        let error = LoadPlan::new(&target, list, &[], Vec::new()).unwrap_err();
        assert_eq!(error.kind(), Kind::Schema);
    }
}

#[test]
fn names_that_differ_in_case_are_two() {
    let target = schema(&["users", "Users"], Vec::new());
    let list = vec![wanted("users", false), wanted("Users", false), wanted("USERS", true)];
    assert_eq!(LoadPlan::new(&target, list, &[], Vec::new()).unwrap().tables.len(), 3);
}

#[test]
fn a_long_taken_name_gives_way_and_still_fits() {
    let long = "é".repeat(64);
    let used = BTreeSet::from([long.clone()]);
    let name = free_name(&long, &used);
    assert_eq!((name.chars().count(), name.ends_with("_2")), (64, true));
}

#[test]
fn actions_come_from_a_list() {
    let parent = TableName::qualified("s", "users");
    let mysql = add_key(&key("k`", "posts", "users"), "k`", &parent, Flavour::Mysql).unwrap();
    let plain = "ADD CONSTRAINT `k``` FOREIGN KEY (`x`) REFERENCES `s`.`users` (`id`)";
    assert_eq!(mysql, format!("{plain} ON DELETE CASCADE"));
    let mariadb = add_key(&key("k`", "posts", "users"), "k`", &parent, Flavour::Mariadb).unwrap();
    assert_eq!(mariadb, format!("{plain} ON DELETE CASCADE ON UPDATE NO ACTION"));
    let bad = ForeignKey { on_delete: "CASCADE, DROP COLUMN x".into(), ..key("k", "posts", "users") };
    assert!(add_key(&bad, "k", &parent, Flavour::Mysql).is_err());
}

fn merge(name: &str) -> Wanted {
    Wanted { way: Way::Merge, ..wanted(name, false) }
}

#[test]
fn a_merged_table_stays_where_it_is() {
    let keys = vec![
        key("stays_to_new", "posts", "users"),
        key("new_to_stays", "tags", "posts"),
        key("between_stays", "posts", "notes"),
        key("outside", "audit", "users"),
        key("to_merged", "audit", "posts"),
    ];
    let mut target = schema(&["users", "posts", "notes", "tags", "audit"], keys);
    for table in target.tables.values_mut() {
        table.primary_key = vec!["id".into()];
    }
    let all = vec![wanted("users", false), merge("posts"), wanted("tags", false), merge("notes")];
    let plan = LoadPlan::new(&target, all, &[], Vec::new()).unwrap();
    assert_eq!(names(&plan.keys), ["new_to_stays"]);
    assert_eq!(names(plan.outside.iter().map(|o| &o.key)), ["stays_to_new", "outside"]);
    assert_eq!(plan.merged().map(|(number, _)| number).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn rows_are_not_merged_where_that_would_not_be_exact() {
    let target = schema(&["users"], Vec::new());
    for name in ["users", "nowhere"] {
        let error = LoadPlan::new(&target, vec![merge(name)], &[], Vec::new()).unwrap_err();
        assert_eq!(error.kind(), Kind::Schema);
        assert!(error.what().contains("cannot be merged"), "{error}");
    }
}
