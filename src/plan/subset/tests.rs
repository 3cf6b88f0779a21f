use super::*;
use crate::plan::reference::{Reference, Relation, references};
use crate::plan::sanitize::fixture::{column, foreign_key, nullable, table};
use crate::schema::{ForeignKey, Index, IndexKind, IndexPart, Table};
use crate::sql::select::{Bound, Range};
use crate::sql::{WorkspaceName, WorkspaceTable};
use std::collections::{BTreeMap, BTreeSet};

struct Shop {
    served: BTreeMap<String, Table>,
    references: Vec<Reference>,
    limits: Vec<Limit>,
}

impl Shop {
    /// `keys`: child, its column, parent. Every table has `id` and the columns of its keys, with indexes; those that
    /// begin with `n` allow NULL.
    fn new(names: &[&str], keys: &[(&str, &str, &str)], limits: Vec<Limit>) -> Self {
        let made = names.iter().map(|name| {
            let own = keys.iter().filter(|(child, _, _)| child == name);
            let mut columns = vec![column("id", "int(11)")];
            columns.extend(own.clone().map(|(_, name, _)| match name.starts_with('n') {
                true => nullable(name, "int(11)"),
                false => column(name, "int(11)"),
            }));
            let mut made = table(name, columns).key(&["id"]).done();
            made.indexes = own.map(|(_, name, _)| index(name)).collect();
            ((*name).to_owned(), made)
        });
        let served = made.collect();
        let keys: Vec<ForeignKey> =
            keys.iter().map(|(child, name, parent)| foreign_key((child, name), (parent, "id"))).collect();
        Self { references: references(&served, &keys, &[]), served, limits }
    }

    fn inputs(&self) -> SubsetInputs<'_> {
        SubsetInputs {
            served: &self.served,
            references: &self.references,
            limits: &self.limits,
            moment: "2024-03-15 12:00:00",
            datetime_timezone: "+00:00",
        }
    }

    fn plan(&self, wanted: Option<&[&str]>) -> SubsetPlan {
        let wanted: Option<BTreeSet<String>> =
            wanted.map(|names| names.iter().map(ToString::to_string).collect());
        SubsetPlan::new(&self.inputs(), wanted.as_ref()).unwrap()
    }
}

fn index(column: &str) -> Index {
    let part = IndexPart { column: Some(column.into()), expression: None, prefix: None, descending: false };
    Index { name: format!("by_{column}"), unique: false, kind: IndexKind::Btree, parts: vec![part] }
}

fn limit(table: &str) -> Limit {
    Limit { table: table.into(), max_rows: Some(10), ..Limit::default() }
}

fn all(table: &str) -> Limit {
    Limit { table: table.into(), all: true, ..Limit::default() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

const CHAIN: &[(&str, &str, &str)] = &[("orders", "nuser", "users"), ("items", "order", "orders")];

#[test]
fn a_chain_is_worked_from_its_parent() {
    let shop = Shop::new(&["users", "orders", "items", "free"], CHAIN, vec![limit("users")]);
    let plan = shop.plan(None);
    assert!(["users", "orders", "items"].iter().all(|name| plan.is_restricted(name)));
    assert!(!plan.is_restricted("free"));
    let step = |make: fn(String) -> Step, name: &str| make(name.to_owned());
    assert_eq!(
        plan.steps(),
        [
            step(Step::Want, "users"),
            Step::Up(names(&["users"])),
            step(Step::Down, "orders"),
            step(Step::Down, "items"),
        ]
    );
    assert!(shop.plan(Some(&["free"])).is_empty(), "nothing restricts what is asked for");
    assert_eq!(shop.plan(Some(&["orders"])).steps().last(), Some(&step(Step::Down, "orders")));
}

#[test]
fn a_limit_below_restricts_nothing_above_and_may_pull_in_there() {
    let below = Shop::new(&["users", "orders", "items"], CHAIN, vec![limit("items")]);
    let plan = below.plan(None);
    assert!(plan.is_restricted("items") && !plan.is_restricted("orders") && !plan.is_restricted("users"));
    assert_eq!(plan.steps(), [Step::Want("items".into()), Step::Up(names(&["items"]))]);
    assert_eq!(plan.work_tables().len(), 1, "unrestricted parents need no list");

    let both = Shop::new(&["users", "orders", "items"], CHAIN, vec![limit("users"), limit("items")]);
    assert!(both.plan(None).steps().contains(&Step::Up(names(&["items", "orders", "users"]))));
    // For users alone, the wanted items still decide which users are pulled in.
    let alone = both.plan(Some(&["users"]));
    assert!(alone.steps().contains(&Step::Want("items".into())));
    assert!(!alone.steps().contains(&Step::Down("orders".into())));
}

#[test]
fn a_driver_with_all_its_rows_is_whole_and_needs_no_list() {
    let shop = Shop::new(&["users", "orders", "items"], CHAIN, vec![limit("users"), all("orders")]);
    let plan = shop.plan(None);
    assert!(plan.is_restricted("users") && !plan.is_restricted("orders") && !plan.is_restricted("items"));
    assert!(plan.steps().contains(&Step::ParentsOfAll("orders".into())));
    let lists: Vec<String> = plan.work_tables().into_iter().map(|work| work.table).collect();
    assert_eq!(lists, ["users"]);
    assert!(plan.written().any(|written| written == ("orders", "id")), "statements name its ranges");
}

#[test]
fn circles_are_worked_together_and_cut_at_drivers() {
    let keys = &[("a", "nb", "b"), ("b", "na", "a"), ("a", "nr", "r"), ("t", "nt", "t"), ("t", "na", "a")];
    let circle = Shop::new(&["a", "b", "r", "t"], keys, vec![limit("r")]);
    let steps = circle.plan(None).steps().to_vec();
    assert_eq!(
        steps[2..],
        [Step::DownCycle(names(&["a", "b"])), Step::DownCycle(names(&["t"]))],
        "{steps:?}"
    );
    let cut = Shop::new(&["a", "b", "r", "t"], keys, vec![limit("b")]);
    let steps = cut.plan(None).steps().to_vec();
    assert!(steps.contains(&Step::Down("a".into())), "{steps:?}");
}

#[test]
fn a_reference_without_an_index_of_its_parent_is_refused() {
    let mut shop = Shop::new(&["users", "orders"], &CHAIN[..1], vec![limit("users"), limit("orders")]);
    let key = ForeignKey { name: "relation 1".into(), ..foreign_key(("orders", "id"), ("users", "code")) };
    shop.served.get_mut("users").unwrap().columns.push(column("code", "int(11)"));
    shop.references = references(&shop.served, &[], &[Relation { key, when: Vec::new() }]);
    let error = SubsetPlan::new(&shop.inputs(), None).unwrap_err();
    assert!(error.what().contains("`relation 1`") && error.what().contains("`code`"), "{error}");
}

#[test]
fn columns_that_look_like_those_of_a_list_are_refused() {
    let mut shop = Shop::new(&["users"], &[], vec![limit("users")]);
    shop.served.get_mut("users").unwrap().columns.push(column("_backfill_C0", "int(11)"));
    assert!(SubsetPlan::new(&shop.inputs(), None).unwrap_err().what().contains("_backfill_C0"));
}

fn places(plan: &SubsetPlan) -> BTreeMap<(Role, String), WorkspaceTable> {
    let workspace = WorkspaceName::new(7, 1);
    let place = |work: WorkTable| {
        let name = WorkspaceTable::inside(&workspace, &format!("{}_{:?}", work.table, work.role));
        ((work.role, work.table), name)
    };
    plan.work_tables().into_iter().map(place).collect()
}

/// A statement; the workspace is called `ws` in it.
fn text(statement: &impl ToString) -> String {
    statement.to_string().replace("_backfill_temp_7_00000001", "ws")
}

fn behind(number: &str) -> Range {
    Range { after: Some(Bound(vec![number.to_owned()])), up_to: None }
}

#[test]
fn statements_name_the_source_in_plain_copies_only() {
    let mut shop = Shop::new(&["users", "orders", "items"], CHAIN, vec![limit("users"), limit("items")]);
    shop.limits[0].condition = Some("id % 2 = 0".into());
    let plan = shop.plan(None);
    let places = places(&plan);
    let statements = Statements { plan: &plan, names: Names { schema: "app", places: &places } };

    let users = plan.table("users").unwrap();
    let want = users.want.as_ref().unwrap();
    let Way::Along(phases) = &want.way else { panic!("the primary key is an index") };
    assert_eq!(
        text(&statements.wanted("users", want, &phases[0], behind("7"), Some(3)).unwrap()),
        "INSERT IGNORE INTO `ws`.`users_Keys` (`_backfill_c0`) SELECT `id` FROM `app`.`users` FORCE INDEX (`PRIMARY`) \
         WHERE (`id` < 7) AND (id % 2 = 0) ORDER BY `id` DESC LIMIT 3"
    );
    let edge = &plan.table("orders").unwrap().edges[0];
    assert_eq!(
        text(&statements.parents("orders", edge, behind("0")).unwrap()),
        "INSERT IGNORE INTO `ws`.`users_Keys` (`_backfill_c0`) SELECT `p`.`id` FROM `ws`.`orders_Keys` AS `f` \
         FORCE INDEX (`PRIMARY`) STRAIGHT_JOIN `app`.`users` AS `p` FORCE INDEX (`PRIMARY`) ON `p`.`id` = `f`.`_backfill_c1` \
         WHERE `f`.`_backfill_row` > 0 ORDER BY `f`.`_backfill_row`"
    );
    assert_eq!(
        text(&statements.kept_by_walk("orders", behind("7")).unwrap()),
        "INSERT IGNORE INTO `ws`.`orders_Keys` (`_backfill_c0`, `_backfill_c1`) SELECT `t`.`id`, `t`.`nuser` \
         FROM `app`.`orders` AS `t` FORCE INDEX (`PRIMARY`) LEFT JOIN `ws`.`users_Keys` AS `p0` FORCE INDEX (`backfill_key`) \
         ON `p0`.`_backfill_c0` = `t`.`nuser` WHERE (`t`.`id` > 7) AND (`p0`.`_backfill_row` IS NOT NULL OR `t`.`nuser` IS NULL) \
         ORDER BY `t`.`id`"
    );
    assert_eq!(
        text(&statements.kept_by_parent("orders", 0, behind("7")).unwrap()),
        "INSERT IGNORE INTO `ws`.`orders_Keys` (`_backfill_c0`, `_backfill_c1`) SELECT `t`.`id`, `t`.`nuser` \
         FROM `ws`.`users_Keys` AS `f` FORCE INDEX (`PRIMARY`) STRAIGHT_JOIN `app`.`orders` AS `t` FORCE INDEX (`by_nuser`) \
         ON `t`.`nuser` = `f`.`_backfill_c0` WHERE `f`.`_backfill_row` > 7 ORDER BY `f`.`_backfill_row`"
    );
    let nulls = edge.nulls.as_ref().unwrap();
    assert_eq!(
        text(&statements.kept_without_parent("orders", 0, nulls, behind("7")).unwrap().select),
        "SELECT `t`.`id`, `t`.`nuser` FROM `app`.`orders` AS `t` FORCE INDEX (`by_nuser`) \
         WHERE (`t`.`id` > 7) AND (`t`.`nuser` IS NULL) ORDER BY `t`.`id`"
    );
}

#[test]
fn circles_are_worked_without_the_source() {
    let keys = &[("a", "nr", "r"), ("a", "na", "a")];
    let shop = Shop::new(&["a", "r"], keys, vec![limit("r")]);
    let plan = shop.plan(None);
    let places = places(&plan);
    let statements = Statements { plan: &plan, names: Names { schema: "app", places: &places } };
    let edge = plan.table("a").unwrap().edges.iter().find(|edge| edge.in_cycle).unwrap();
    for statement in [
        statements.loose("a", edge, 5, behind("5")).unwrap(),
        statements.loosened("a", edge, 5, behind("0")).unwrap(),
        statements.survivors("a", behind("0")).unwrap(),
    ] {
        let text = text(&statement);
        assert!(text.starts_with("INSERT IGNORE INTO `ws`.`a_") && !text.contains("`app`"), "{text}");
    }
    let candidates = text(&statements.kept_by_walk("a", behind("7")).unwrap());
    assert!(candidates.contains("`ws`.`r_Keys`") && !candidates.contains("`a_Keys` AS"), "{candidates}");
}

#[test]
fn ages_are_read_in_the_columns_own_terms() {
    let aged = |column_type: &str, timezone: &str| {
        let mut shop = Shop::new(&["log"], &[], vec![Limit { keep_days: Some(30), ..limit("log") }]);
        shop.served.get_mut("log").unwrap().columns.push(nullable("created_at", column_type));
        let inputs = SubsetInputs { datetime_timezone: timezone, ..shop.inputs() };
        let plan = SubsetPlan::new(&inputs, None).unwrap();
        plan.table("log").unwrap().want.as_ref().unwrap().conditions[0].clone()
    };
    let cutoff = "`created_at` >= CAST('2024-03-15 12:00:00' AS DATETIME)";
    assert_eq!(aged("timestamp", "-05:30"), format!("{cutoff} - INTERVAL 30 DAY"));
    assert_eq!(aged("datetime", "+00:00"), format!("{cutoff} - INTERVAL 30 DAY"));
    assert_eq!(aged("datetime", "-05:30"), format!("{cutoff} + INTERVAL -330 MINUTE - INTERVAL 30 DAY"));
}

#[test]
fn orders_follow_an_index_only_where_it_has_all_of_them() {
    let way = |change: fn(&mut Table), order_by: &str| {
        let limit = Limit { order_by: Some(order_by.into()), ..limit("log") };
        let mut shop = Shop::new(&["log"], &[], vec![limit]);
        let log = shop.served.get_mut("log").unwrap();
        log.columns.extend([
            nullable("at", "datetime"),
            column("price", "float"),
            column("e", "enum('b','a')"),
        ]);
        log.indexes = ["at", "price", "e"].map(index).into();
        change(log);
        let plan = shop.plan(None);
        match &plan.table("log").unwrap().want.as_ref().unwrap().way {
            Way::Along(phases) => phases.len(),
            Way::Ranked(_) => 0,
        }
    };
    assert_eq!(way(|_| {}, "id"), 1);
    assert_eq!(way(|_| {}, "at"), 2, "NULLs on their own");
    assert_eq!(way(|log| log.columns[1].nullable = false, "at"), 1);
    assert_eq!(way(|log| log.indexes[0].parts[0].descending = true, "at"), 0);
    assert_eq!(way(|log| log.indexes[0].parts[0].prefix = Some(3), "at"), 0);
    assert_eq!(way(|log| log.indexes[0].parts.extend(index("price").parts), "at"), 0, "price before id");
    assert_eq!(way(|log| log.indexes[0].parts.extend(index("id").parts), "at"), 2);
    assert_eq!(way(|log| log.engine = "MyISAM".into(), "at"), 0, "no key behind an index");
    assert_eq!(way(|_| {}, "price"), 0, "no literal is surely equal");
    assert_eq!(way(|_| {}, "e"), 0, "sorts by number, compares as text");
}

#[test]
fn a_share_is_rounded_up_to_whole_rows() {
    let limit = |percent, max_rows| Limit { percent, max_rows, ..Limit::default() };
    for (percent, passing, wanted) in
        [(0.7, 3000, 21), (10.0, 30, 3), (10.0, 31, 4), (100.0, 7, 7), (0.001, 1, 1), (50.0, 0, 0)]
    {
        assert_eq!(limit(Some(percent), None).wanted_rows(passing), wanted, "{percent} of {passing}");
    }
    assert_eq!(limit(Some(50.0), Some(2)).wanted_rows(10), 2);
    assert_eq!(limit(None, Some(2)).wanted_rows(1), 1);
    assert_eq!(limit(None, None).wanted_rows(9), 9);
}
