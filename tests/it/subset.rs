//! Small graphs whose kept rows can be counted on the fingers, each worked in every way the engine has: children looked
//! up from their parents or walked past, ranges of many rows or of one, all tables or one alone.

use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::subset_by_hand::{CASES, Case, limit};
use crate::subset_select::Selected;
use backfill::db::Role;
use backfill::db::lock::LockKeeper;
use backfill::error::Kind;
use backfill::plan::reference::{Reference, Relation, references};
use backfill::plan::subset::{Limit, Names, Statements, SubsetInputs, SubsetPlan, Way};
use backfill::schema::Table;
use backfill::schema::ddl::{WorkspaceOptions, workspace_table};
use backfill::source::survey::Survey;
use backfill::source::workspace::{Home, Layout, Workspace, Writer, subset};
use backfill::sql::select::Range;
use backfill::sql::{WorkspaceName, WorkspaceTable};
use mysql::prelude::Queryable;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The moment of every run.
const MOMENT: &str = "2024-03-15 12:00:00";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for case in CASES {
            add(
                format!("subset::{}::{}", case.name, short(flavour)),
                Box::new(move |servers| run(case, &Site::new(servers, flavour, flavour))),
            );
        }
        add(
            format!("subset::an_ended_run_stops_at_any_statement::{}", short(flavour)),
            Box::new(move |servers| an_ended_run_stops(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("subset::statements_lock_no_row_of_the_source::{}", short(flavour)),
            Box::new(move |servers| statements_lock_nothing(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn run(case: &Case, site: &Site<'_>) {
    let mut conn = site.source_conn();
    for statement in case.make {
        exec(&mut conn, statement);
    }
    let graph = Graph::of(site, &(case.relations)());
    let limits = (case.limits)();
    let expected: BTreeMap<String, Vec<i64>> =
        case.kept.iter().map(|(table, ids)| ((*table).to_owned(), ids.to_vec())).collect();
    type Change = fn(&mut Table);
    let ways: [(&str, Change); 3] = [
        ("as it is", |_| {}),
        ("looking children up", |table| table.row_count = 1_000_000),
        ("row by row", |table| (table.row_count, table.bytes) = (1, 1 << 30)),
    ];
    for (way, change) in ways {
        let mut served = graph.served.clone();
        served.values_mut().for_each(change);
        assert_eq!(graph.kept(site, &served, &limits, None), expected, "{way}");
    }
    for table in graph.served.keys() {
        let alone = graph.kept(site, &graph.served, &limits, Some(table));
        assert_eq!(alone.get(table), expected.get(table), "`{table}` alone");
    }
}

fn an_ended_run_stops(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let circles = CASES.iter().find(|case| case.name == "circles_of_two_and_three").unwrap();
    for statement in circles.make {
        exec(&mut conn, statement);
    }
    let graph = Graph::of(site, &[]);
    let limits = (circles.limits)();
    let plan = SubsetPlan::new(&graph.inputs(&graph.served, &limits), None).unwrap();
    let endpoint = site.source.endpoint(&site.source_db);
    let keeper = LockKeeper::open(&endpoint, Role::Workspace).unwrap();
    // Twice as many each time, until it is not stopped any more.
    let mut asked_max = 0;
    loop {
        let home = Home::new(&endpoint, Layout::Schema, None).unwrap();
        let mut workspace = Workspace::create(&home, &keeper, "test").unwrap();
        let mut writer = Writer::open(&workspace, "test", &Arc::default()).unwrap();
        let mut asked = 0;
        let go_on = || {
            asked += 1;
            asked <= asked_max
        };
        let outcome = subset::compute(&mut writer, &mut workspace, &endpoint.database, &plan, go_on);
        workspace.drop_now().unwrap();
        match outcome {
            Ok(_) => break,
            Err(error) => assert_eq!(error.kind(), Kind::Busy),
        }
        assert_eq!(asked, asked_max + 1, "it is not asked again");
        asked_max = asked_max * 2 + 1;
    }
    assert!(asked_max > 20, "every statement is asked for");
}

/// A transaction that has run every kind of statement keeps nobody from writing, at the isolation level that workspaces
/// have; at the servers' default level it would.
fn statements_lock_nothing(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let chain = CASES.iter().find(|case| case.name == "chain_down").unwrap();
    for statement in chain.make {
        exec(&mut conn, statement);
    }
    let graph = Graph::of(site, &[]);
    let limits = [limit("users", 2), limit("items", 2)];
    let plan = SubsetPlan::new(&graph.inputs(&graph.served, &limits), None).unwrap();
    let lists = format!("{}_lists", site.source_db);
    exec(&mut conn, &format!("CREATE DATABASE {lists}"));
    let mut places = BTreeMap::new();
    for (at, work) in plan.work_tables().into_iter().enumerate() {
        let place = WorkspaceTable::numbered(&lists, &WorkspaceName::new(7, 1), at);
        let options = WorkspaceOptions {
            key: Some(&[]),
            extra_indexes: &work.structure.indexes,
            row_number: Some("_backfill_row"),
            ..WorkspaceOptions::default()
        };
        let table = workspace_table(&work.structure, &place, site.source.flavour(), &options).unwrap();
        exec(&mut conn, &table.to_string());
        places.insert((work.role, work.table), place);
    }
    let statements = Statements { plan: &plan, names: Names { schema: &site.source_db, places: &places } };
    let texts = every_kind(&plan, statements);
    let mut writer = site.source_conn();
    exec(&mut writer, "SET SESSION innodb_lock_wait_timeout = 1");
    let mut write_beside = |level: &str| -> Vec<bool> {
        exec(&mut conn, &format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}"));
        let mut free = Vec::new();
        for text in &texts {
            exec(&mut conn, "BEGIN");
            exec(&mut conn, text);
            exec(&mut writer, "SET FOREIGN_KEY_CHECKS = 0");
            exec(&mut writer, "BEGIN");
            free.push(["users", "orders", "items"].iter().all(|table| {
                let update = format!("UPDATE {table} SET id = id + 100 ORDER BY id DESC");
                writer.query_drop(update).is_ok()
            }));
            exec(&mut writer, "ROLLBACK");
            exec(&mut conn, "COMMIT");
        }
        free
    };
    assert_eq!(write_beside("READ COMMITTED"), vec![true; texts.len()], "{texts:#?}");
    assert!(write_beside("REPEATABLE READ").contains(&false), "the test does not see locks");
    exec(&mut conn, &format!("DROP DATABASE {lists}"));
}

/// The statements that read the source, each over everything.
fn every_kind(plan: &SubsetPlan, statements: Statements<'_>) -> Vec<String> {
    let whole = Range::default;
    let users = plan.table("users").unwrap().want.as_ref().unwrap();
    let Way::Along(phases) = &users.way else { panic!("users have a primary key") };
    let orders = plan.table("orders").unwrap();
    let items = plan.table("items").unwrap();
    let nulls = orders.edges[0].nulls.as_ref().unwrap();
    [
        statements.wanted("users", users, &phases[0], whole(), Some(2)).unwrap(),
        statements.wanted("items", items.want.as_ref().unwrap(), &phases[0], whole(), Some(2)).unwrap(),
        statements.parents("items", &items.edges[0], whole()).unwrap(),
        statements.parents("orders", &orders.edges[0], whole()).unwrap(),
        statements.kept_by_walk("orders", whole()).unwrap(),
        statements.kept_by_parent("orders", 0, whole()).unwrap(),
        statements.kept_without_parent("orders", 0, nulls, whole()).unwrap(),
    ]
    .iter()
    .map(ToString::to_string)
    .collect()
}

struct Graph {
    served: BTreeMap<String, Table>,
    references: Vec<Reference>,
}

impl Graph {
    fn of(site: &Site<'_>, relations: &[Relation]) -> Self {
        let survey = Survey::take(&site.source.endpoint(&site.source_db)).unwrap();
        let served = survey.schema.tables.clone();
        Self { references: references(&served, &survey.schema.foreign_keys, relations), served }
    }

    fn inputs<'a>(&'a self, served: &'a BTreeMap<String, Table>, limits: &'a [Limit]) -> SubsetInputs<'a> {
        SubsetInputs {
            served,
            references: &self.references,
            limits,
            moment: MOMENT,
            datetime_timezone: "+00:00",
        }
    }

    /// The kept `id`s of restricted tables.
    fn kept(
        &self,
        site: &Site<'_>,
        served: &BTreeMap<String, Table>,
        limits: &[Limit],
        wanted: Option<&String>,
    ) -> BTreeMap<String, Vec<i64>> {
        let inputs = self.inputs(served, limits);
        let wanted: Option<BTreeSet<String>> = wanted.map(|table| BTreeSet::from([table.clone()]));
        let plan = SubsetPlan::new(&inputs, wanted.as_ref()).unwrap();
        let endpoint = site.source.endpoint(&site.source_db);
        let keeper = LockKeeper::open(&endpoint, Role::Workspace).unwrap();
        let home = Home::new(&endpoint, Layout::Schema, None).unwrap();
        let mut workspace = Workspace::create(&home, &keeper, "test").unwrap();
        let mut writer = Writer::open(&workspace, "test", &Arc::default()).unwrap();
        let kept = subset::compute(&mut writer, &mut workspace, &endpoint.database, &plan, || true).unwrap();
        let mut conn = site.source_conn();
        let mut found = BTreeMap::new();
        for table in served.keys() {
            let Some(select) = kept.select(table, &["id"]).unwrap() else { continue };
            let mut ids: Vec<i64> = conn.query(select.to_string()).unwrap();
            ids.sort_unstable();
            found.insert(table.clone(), ids);
        }
        workspace.drop_now().unwrap();
        let mut selected = Selected::find(&endpoint, &plan).unwrap();
        for table in served.keys() {
            if wanted.as_ref().is_some_and(|wanted| !wanted.contains(table)) {
                continue;
            }
            let ids = selected.numbers(table, "id").unwrap().map(|mut ids| {
                ids.sort_unstable();
                ids
            });
            assert_eq!(ids.as_ref(), found.get(table), "`{table}` by strategy `select`");
        }
        found
    }
}
