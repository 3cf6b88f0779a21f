use super::*;
use crate::schema::ddl::tests::{column, index, table};
use crate::schema::{TableKind, Version};

fn named(name: &str, columns: Vec<Column>) -> Table {
    Table { name: name.to_owned(), ..table(columns) }
}

fn schema(tables: Vec<Table>) -> Schema {
    Schema {
        database: "app".to_owned(),
        flavour: Flavour::Mysql,
        version: Version(9, 7, 0),
        tables: tables.into_iter().map(|table| (table.name.clone(), table)).collect(),
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
        views: 0,
        routines: 0,
        events: 0,
    }
}

struct Case {
    source: Vec<Table>,
    target: Vec<Table>,
    views: BTreeSet<String>,
    folds: bool,
    create: bool,
}

impl Case {
    fn new(source: Vec<Table>, target: Vec<Table>) -> Self {
        Self { source, target, views: BTreeSet::new(), folds: false, create: true }
    }

    fn compare(self) -> Comparison {
        let tables: Vec<&Table> = self.source.iter().collect();
        let schema = schema(self.target);
        compare(
            SourceSide { tables: &tables, flavour: Flavour::Mysql },
            TargetSide { schema: &schema, views: &self.views, folds_names: self.folds },
            Allowed { create_missing: self.create, keep: &|name| name == "migrations" },
        )
    }
}

fn lines(comparison: &Comparison, severity: Severity) -> Vec<String> {
    comparison.of(severity).map(ToString::to_string).collect()
}

#[test]
fn equal_tables_are_replaced_without_a_word() {
    let users = || {
        let mut table = named("users", vec![column("id", "int"), column("name", "varchar(9)")]);
        table.primary_key = vec!["id".to_owned()];
        table.indexes = vec![index("n", true, &["name"])];
        table
    };
    let found = Case::new(vec![users()], vec![users(), named("notes", vec![column("a", "int")])]).compare();
    assert_eq!(found.findings, []);
    assert_eq!(found.untouched, ["notes"]);
    assert_eq!(found.tables[0].action, Action::Replace);
    let pair = |name: &str| (name.to_owned(), name.to_owned());
    assert_eq!(found.tables[0].columns, [pair("id"), pair("name")]);
    assert!(found.check().is_ok());
}

#[test]
fn columns_are_matched_by_name_and_the_rest_is_told() {
    let mut computed = column("sum", "int");
    computed.generated = Generated::Virtual;
    let mut other = column("other", "int");
    other.generated = Generated::Stored;
    let source = named(
        "t",
        vec![
            column("B", "bigint"),
            column("gone", "int"),
            column("sum", "int"),
            other,
            column("a", "varchar(9)"),
            column("e", "enum('a','')"),
        ],
    );
    let mut plain = column("other", "int");
    plain.nullable = true;
    let mut extra = column("extra", "int");
    extra.default = Some("1".to_owned());
    let target = named(
        "t",
        vec![
            column("a", "varchar(9)"),
            column("b", "int"),
            column("e", "varchar(9)"),
            computed,
            plain,
            extra,
            column("must", "int"),
        ],
    );
    let found = Case::new(vec![source], vec![target]).compare();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(found.tables[0].columns, [pair("B", "b"), pair("a", "a"), pair("e", "e")]);
    assert_eq!(
        lines(&found, Severity::Note),
        [
            "`t`.`extra`: only on the target: gets its default",
            "`t`.`gone`: the target lacks it: left out",
            "`t`.`sum`: generated here: computed by the target, the source's values are not loaded",
        ]
    );
    assert_eq!(
        lines(&found, Severity::Warning),
        [
            "`t`.`B`: bigint at the source, int here: values that do not fit fail",
            "`t`.`e`: values of no member (index 0) arrive as 0",
        ]
    );
    assert_eq!(
        lines(&found, Severity::Problem),
        [
            "`t`.`must`: only on the target, NOT NULL and without a default",
            "`t`.`other`: generated at the source, which sends no values of it, and plain here: make it generated, or drop it",
        ]
    );
    let error = found.check().unwrap_err();
    assert_eq!(error.kind(), Kind::Schema);
    for severity in [Severity::Problem, Severity::Warning] {
        assert!(lines(&found, severity).iter().all(|line| error.what().contains(line)), "{error}");
    }
}

#[test]
fn text_that_may_not_fit_is_told() {
    let text = |charset: &str, collation: &str| {
        let mut column = column("c", "varchar(9)");
        column.charset = Some(charset.to_owned());
        column.collation = Some(collation.to_owned());
        let mut table = named("t", vec![column]);
        table.primary_key = vec!["c".to_owned()];
        table
    };
    for (from, to, expected) in [
        (("utf8", "utf8_bin"), ("utf8mb3", "utf8mb3_bin"), None),
        (("latin1", "latin1_bin"), ("utf8mb4", "utf8mb4_bin"), Some(Severity::Note)),
        (("utf8mb4", "utf8mb4_bin"), ("utf8mb3", "utf8mb3_bin"), Some(Severity::Warning)),
        (("utf8mb4", "utf8mb4_bin"), ("latin1", "latin1_bin"), Some(Severity::Warning)),
        (("utf8mb4", "utf8mb4_bin"), ("utf8mb4", "utf8mb4_general_ci"), Some(Severity::Warning)),
        (("utf8mb4", "utf8mb4_uca1400_ai_ci"), ("utf8mb4", "utf8mb4_0900_ai_ci"), None),
    ] {
        let found = Case::new(vec![text(from.0, from.1)], vec![text(to.0, to.1)]).compare();
        assert_eq!(
            found.findings.first().map(|f| f.severity),
            expected,
            "{from:?} {to:?} {:?}",
            found.findings
        );
    }
}

#[test]
fn missing_tables_are_created_if_allowed() {
    let source =
        || vec![named("new", vec![column("a", "int")]), named("bad", vec![column("a", "frobnicate")])];
    let found = Case::new(source(), Vec::new()).compare();
    assert!(found.tables.iter().all(|table| table.action == Action::Create));
    assert_eq!(lines(&found, Severity::Problem).len(), 1);
    assert!(lines(&found, Severity::Problem)[0].contains("frobnicate"));
    let refused = Case { create: false, ..Case::new(source(), Vec::new()) }.compare();
    let error = refused.check().unwrap_err();
    assert!(error.what().contains("`bad`") && error.what().contains("`new`"), "{error}");
}

#[test]
fn what_is_no_table_with_rows_of_its_own_is_refused_by_a_guard() {
    let source = || vec![named("t", vec![column("a", "int")])];
    let with = |change: fn(&mut Table)| {
        let mut target = named("t", vec![column("a", "int")]);
        change(&mut target);
        Case::new(source(), vec![target]).compare().check().unwrap_err().kind()
    };
    for engine in ["MRG_MYISAM", "FEDERATED", "CONNECT", "SPIDER", "BLACKHOLE", ""] {
        let mut target = named("t", vec![column("a", "int")]);
        engine.clone_into(&mut target.engine);
        let error = Case::new(source(), vec![target]).compare().check().unwrap_err();
        assert_eq!(error.kind(), Kind::Guard, "{engine}");
    }
    assert_eq!(with(|table| table.kind = TableKind::Sequence), Kind::Guard);
    let view = Case { views: BTreeSet::from(["t".to_owned()]), ..Case::new(source(), Vec::new()) };
    assert_eq!(view.compare().check().unwrap_err().kind(), Kind::Guard);
}

#[test]
fn kept_tables_are_not_touched() {
    let both = || vec![named("migrations", vec![column("a", "int")])];
    assert_eq!(Case::new(both(), both()).compare().tables[0].action, Action::Keep);
    assert_eq!(Case::new(both(), Vec::new()).compare().tables[0].action, Action::Create);
}

#[test]
fn names_fold_only_where_the_target_folds_them() {
    let source = || vec![named("Users", vec![column("a", "int")]), named("users", vec![column("a", "int")])];
    let target = || vec![named("users", vec![column("a", "int")])];
    let apart = Case::new(source(), target()).compare();
    assert_eq!(apart.tables[0].action, Action::Create);
    assert_eq!(lines(&apart, Severity::Warning), ["`Users`: the target has `users`, spelled otherwise"]);
    let folded = Case { folds: true, ..Case::new(source(), target()) }.compare();
    assert_eq!(folded.tables[0].target_name, "users");
    assert_eq!(lines(&folded, Severity::Problem), ["`users`: the target does not tell it from `Users`"]);
}

#[test]
fn keys_that_only_the_target_has_are_told() {
    let mut source = named("t", vec![column("a", "int"), column("b", "int")]);
    let mut target = source.clone();
    source.indexes = vec![index("ab", true, &["b", "a"])];
    target.primary_key = vec!["a".to_owned()];
    target.indexes = vec![index("b_only", true, &["b"]), index("x", true, &["a", "b"])];
    let found = Case::new(vec![source], vec![target]).compare();
    assert_eq!(
        lines(&found, Severity::Warning),
        [
            "`t`: primary key none at the source, a here",
            "`t`: unique key `b_only` is only on the target: duplicates fail",
        ]
    );
}
