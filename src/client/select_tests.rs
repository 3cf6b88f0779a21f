//! Selections over small manifests.

use super::*;
use crate::error::Kind;
use crate::schema::{Column, Flavour, ForeignKey, Generated, Version};
use crate::wire::manifest::{LeftOut, NotCopied, SourceIdentity};

fn column(name: &str) -> Column {
    Column { nullable: true, ..Column::new(name, "int") }
}

fn table(name: &str, columns: &[&str]) -> Table {
    let columns = columns.iter().map(|name| column(name)).collect();
    Table { collation: "utf8mb4_bin".into(), row_count: 10, bytes: 100, ..Table::new(name, columns) }
}

fn entry(name: &str, columns: &[&str]) -> TableEntry {
    TableEntry {
        table: table(name, columns),
        has_timestamps: false,
        has_limit: false,
        limited: None,
        has_sanitization: false,
        sanitized_columns: Vec::new(),
        digest: "d".into(),
        can_delta: false,
        delta_count: None,
    }
}

fn manifest(names: &[&str]) -> Manifest {
    Manifest {
        protocol: 1,
        backfill: "0.1.0".into(),
        database: "app".into(),
        flavour: Flavour::Mysql,
        version: Version(8, 0, 0),
        server_time: "2026-01-01 00:00:00".into(),
        identity: SourceIdentity {
            nonce: "n".into(),
            server_uuid: None,
            server_uid: None,
            cluster_id: None,
            hostname: "db".into(),
            port: 3306,
        },
        tables: names.iter().map(|name| entry(name, &["id", "name"])).collect(),
        foreign_keys: Vec::new(),
        excluded: vec![table("telescope", &["id"])],
        left_out: vec![LeftOut { name: "seq".into(), reason: "sequence".into() }],
        table_order: names.iter().map(|name| (*name).to_owned()).collect(),
        not_copied: NotCopied::default(),
        warnings: Vec::new(),
    }
}

fn schema(tables: Vec<Table>) -> Schema {
    Schema {
        database: "local".into(),
        flavour: Flavour::Mysql,
        version: Version(8, 0, 0),
        tables: tables.into_iter().map(|table| (table.name.clone(), table)).collect(),
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
        views: 0,
        routines: 0,
        events: 0,
    }
}

fn choose(manifest: &Manifest, target: &Schema, folds_names: bool, wishes: Wishes<'_>) -> Result<Selection> {
    select(manifest, TargetSide { schema: target, views: &BTreeSet::new(), folds_names }, wishes)
}

struct Side {
    tables: Vec<String>,
    keep: Patterns,
    exclude: Patterns,
    create_missing: bool,
}

impl Side {
    fn new(tables: &[&str], keep: &[&str], exclude: &[&str]) -> Self {
        Self {
            tables: tables.iter().map(|name| (*name).to_owned()).collect(),
            keep: Patterns::new(keep).unwrap(),
            exclude: Patterns::new(exclude).unwrap(),
            create_missing: true,
        }
    }

    fn wishes(&self) -> Wishes<'_> {
        let Self { tables, keep, exclude, create_missing } = self;
        Wishes { tables, keep, exclude, create_missing: *create_missing }
    }
}

fn names(selection: &Selection) -> Vec<&str> {
    selection.pulled.iter().map(|pulled| pulled.target_name.as_str()).collect()
}

const ALL: &[&str] = &["migrations", "orders", "order_items", "users"];

#[test]
fn without_wishes_everything_comes_but_what_is_kept_or_excluded() {
    let target = schema(vec![table("migrations", &["id", "name"]), table("users", &["id", "name"])]);
    let side = Side::new(&[], &["migrations"], &["order_items"]);
    let selection = choose(&manifest(ALL), &target, false, side.wishes()).unwrap();
    assert_eq!(names(&selection), ["orders", "users"]);
    assert_eq!(selection.pulled.iter().map(|p| p.is_new).collect::<Vec<_>>(), [true, false]);
    assert_eq!(selection.left_alone[0].0, "migrations");
    let empty: Vec<_> = selection.empty.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(empty, ["telescope", "order_items"]);
}

#[test]
fn a_kept_table_is_pulled_where_it_is_missing() {
    let side = Side::new(&[], &["migrations"], &[]);
    let selection = choose(&manifest(&["migrations"]), &schema(vec![]), false, side.wishes()).unwrap();
    assert_eq!(names(&selection), ["migrations"]);
}

#[test]
fn wishes_are_names_or_globs_and_bring_no_others() {
    for (wishes, expected) in [
        (&["users"][..], vec!["users"]),
        (&["order*"], vec!["orders", "order_items"]),
        (&["order_items", "users", "users"], vec!["order_items", "users"]),
    ] {
        let side = Side::new(wishes, &[], &[]);
        let selection = choose(&manifest(ALL), &schema(vec![]), false, side.wishes()).unwrap();
        assert_eq!(names(&selection), expected);
        assert!(selection.empty.is_empty(), "only what was named is made");
    }
}

#[test]
fn a_wish_that_names_nothing_is_refused_with_the_reason() {
    for (wish, what, hint) in [
        ("user", "no table `user`", "did you mean `users`?"),
        ("zzz*", "no table `zzz*`", "--dry-run"),
        ("telescope", "excluded by the server", "on the server"),
        ("orders", "excluded by exclude_tables on this side", "--tables"),
        ("seq", "not served: sequence", ""),
    ] {
        let side = Side::new(&["users", wish], &[], &["orders"]);
        let error = choose(&manifest(ALL), &schema(vec![]), false, side.wishes()).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{wish}");
        assert!(error.what().contains(what), "{wish}: {error}");
        assert!(error.hint_text().unwrap_or_default().contains(hint), "{wish}: {error:?}");
    }
}

#[test]
fn only_columns_of_both_sides_come_along() {
    let mut own = table("users", &["ID", "extra", "computed"]);
    own.columns[2].generated = Generated::Virtual;
    let mut from = manifest(&[]);
    from.tables.push(entry("users", &["id", "name", "computed"]));
    let side = Side::new(&[], &[], &[]);
    let selection = choose(&from, &schema(vec![own.clone()]), false, side.wishes()).unwrap();
    assert_eq!(selection.pulled[0].columns, [("id".to_owned(), "ID".to_owned())]);
    assert_eq!(selection.pulled[0].lost_columns, ["name"]);
    assert!(selection.notes.iter().any(|note| note.contains("name")), "{:?}", selection.notes);

    own.columns[1].nullable = false;
    let error = choose(&from, &schema(vec![own.clone()]), false, side.wishes()).unwrap_err();
    assert_eq!(error.kind(), Kind::Schema);
    assert!(error.what().contains("extra"), "{error}");
    own.columns[1].default = Some("0".into());
    assert!(choose(&from, &schema(vec![own]), false, side.wishes()).is_ok());
}

#[test]
fn names_compare_as_the_target_compares_them() {
    let target = schema(vec![table("users", &["id", "name"])]);
    let side = Side::new(&[], &[], &[]);
    let from = manifest(&["Users"]);
    let folded = choose(&from, &target, true, side.wishes()).unwrap();
    assert_eq!((names(&folded), folded.pulled[0].is_new), (vec!["users"], false));
    let exact = choose(&from, &target, false, side.wishes()).unwrap();
    assert_eq!((names(&exact), exact.pulled[0].is_new), (vec!["Users"], true));
}

#[test]
fn missing_tables_stay_missing_where_that_is_wished() {
    let mut side = Side::new(&[], &[], &[]);
    side.create_missing = false;
    let target = schema(vec![table("users", &["id", "name"])]);
    let selection = choose(&manifest(ALL), &target, false, side.wishes()).unwrap();
    assert_eq!(names(&selection), ["users"]);
    assert_eq!(selection.left_alone.len(), 3);
    assert!(selection.empty.is_empty());
    let error = choose(&manifest(ALL), &schema(vec![]), false, side.wishes()).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

#[test]
fn keys_that_leave_the_set_are_listed() {
    let mut from = manifest(ALL);
    for (name, table, parent) in [("fk_in", "order_items", "orders"), ("fk_out", "orders", "users")] {
        from.foreign_keys.push(ForeignKey {
            name: name.into(),
            table: table.into(),
            columns: vec!["id".into()],
            references_schema: None,
            references: parent.into(),
            referenced_columns: vec!["id".into()],
            on_delete: "RESTRICT".into(),
            on_update: "RESTRICT".into(),
        });
    }
    let side = Side::new(&["order*"], &[], &[]);
    let selection = choose(&from, &schema(vec![]), false, side.wishes()).unwrap();
    let about_keys: Vec<_> = selection.notes.iter().filter(|note| note.contains("foreign key")).collect();
    assert_eq!(about_keys.len(), 1);
    assert!(about_keys[0].contains("fk_out") && about_keys[0].contains("`users`"));
}
