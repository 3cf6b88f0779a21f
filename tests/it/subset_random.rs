//! The subset engine against the written meaning of limits: random schemas on both servers, row for row.
//!
//! Each seed makes one batch of graphs in a schema of its own. What differs is made smaller by leaving things out, and
//! then shown with its seed; `BACKFILL_TEST_SEED=7` or `7..9` runs those seeds alone.

use crate::harness::{Add, FLAVOURS, Servers, Site, connect, exec, short};
use crate::subset_graph::{Graph, MOMENT};
use crate::subset_limits::{configured, relation, toml};
use crate::subset_model::{self, Rows, dangling, resolve, restricted, shrunk};
use crate::subset_select::{Selected, assert_refusal, is_refused};
use crate::subset_shape::{Dice, Shape};
use backfill::db::introspect::load_schema;
use backfill::db::lock::LockKeeper;
use backfill::db::{Connection, Endpoint, Role};
use backfill::error::Result;
use backfill::plan::reference::references;
use backfill::plan::run::Selection;
use backfill::plan::subset::check::{self, Checked, check};
use backfill::plan::subset::{SubsetInputs, SubsetPlan, row_alias};
use backfill::schema::Flavour;
use backfill::source::workspace::{Home, Layout, Workspace, Writer, subset};
use backfill::sql::select::Range;
use libtest_mimic::Trial;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Batches on each server, graphs in one, and sets of limits for each.
const BATCHES: u64 = 8;
const GRAPHS: usize = 10;
const ROUNDS: u64 = 3;
/// Those in which strategy `select` has to find the same.
const SELECT_ROUNDS: u64 = 2;
/// Engine runs that making a failing graph smaller may take.
const SMALLER_RUNS: usize = 150;
const ZONES: [(&str, i64); 4] = [("+00:00", 0), ("+05:30", 19_800), ("-11:00", -39_600), ("+14:00", 50_400)];

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("subset_random::keeps_what_the_model_keeps::{}", short(flavour)),
            Box::new(move |servers| engine_follows_model(servers, flavour)),
        );
        add(
            format!("subset_random::pulls_what_the_model_keeps::{}", short(flavour)),
            Box::new(move |servers| {
                // From each family into the other, too.
                let target = if flavour == Flavour::Mysql { Flavour::Mariadb } else { flavour };
                pulls_what_the_model_keeps(&Site::new(servers, flavour, target));
            }),
        );
    }
}

/// What holds for the model itself, over many more graphs than a server can load.
pub fn trials() -> Vec<Trial> {
    vec![Trial::test("subset_random::nothing_dangles_and_a_second_run_changes_nothing", || {
        for seed in 0..3000 {
            let graph = Graph::random(&mut Dice::new(seed), "", 0);
            let kept = resolve(&graph.model);
            assert_eq!(dangling(&graph.model, &kept), [], "seed {seed}");
            if is_repeatable(&graph) {
                let again = resolve(&shrunk(&graph.model, &kept));
                let sizes = |rows: &Rows| rows.iter().map(BTreeSet::len).collect::<Vec<_>>();
                assert_eq!(sizes(&again), sizes(&kept), "seed {seed}");
            }
        }
        Ok(())
    })]
}

/// A share of what is kept is smaller than the share of everything.
fn is_repeatable(graph: &Graph) -> bool {
    graph.model.tables.iter().all(|table| table.limit.as_ref().is_none_or(|limit| limit.percent.is_none()))
}

fn engine_follows_model(servers: &Servers, flavour: Flavour) {
    let seeds = match std::env::var("BACKFILL_TEST_SEED") {
        Ok(given) => given_seeds(&given),
        Err(_) => (0..BATCHES).map(|seed| seed * 2 + u64::from(flavour == Flavour::Mysql)).collect(),
    };
    let ground = Ground::new(servers, flavour);
    for seed in seeds {
        ground.judge(seed);
    }
}

/// `7` or `7..9`.
fn given_seeds(text: &str) -> Vec<u64> {
    let (first, end) = match text.split_once("..") {
        Some((first, end)) => (first.parse().unwrap(), end.parse().unwrap()),
        None => (text.parse::<u64>().unwrap(), text.parse::<u64>().unwrap() + 1),
    };
    (first..end).collect()
}

/// A schema to load graphs into.
struct Ground<'a> {
    servers: &'a Servers,
    flavour: Flavour,
    database: String,
    keeper: LockKeeper,
}

impl Drop for Ground<'_> {
    fn drop(&mut self) {
        if let Ok(mut conn) = self.servers.source(self.flavour).connect() {
            let _ = conn.query_drop(format!("DROP DATABASE IF EXISTS {}", self.database));
        }
    }
}

impl<'a> Ground<'a> {
    fn new(servers: &'a Servers, flavour: Flavour) -> Self {
        let database = "subset_random".to_owned();
        let server = servers.source(flavour);
        exec(&mut server.connect().unwrap(), &format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"));
        let keeper = LockKeeper::open(&server.endpoint(&database), Role::Workspace).unwrap();
        Self { servers, flavour, database, keeper }
    }

    fn endpoint(&self) -> Endpoint {
        self.servers.source(self.flavour).endpoint(&self.database)
    }

    fn conn(&self) -> Conn {
        connect(self.servers.source(self.flavour), &self.database)
    }

    /// Loads the graphs of a seed, runs the engine over all of them with different limits, and compares.
    fn judge(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        let zone = *dice.pick(&ZONES);
        let mut graphs: Vec<Graph> =
            (0..GRAPHS).map(|at| Graph::random(&mut dice, &format!("g{at}"), zone.1)).collect();
        let mut conn = self.conn();
        for graph in &graphs {
            graph.load(&mut conn);
        }
        for round in 0..ROUNDS {
            let case = Case { seed, round, zone: zone.0, strategy: Strategy::Database };
            self.compare(case, &graphs);
            if round + 1 == ROUNDS {
                break;
            }
            for graph in &mut graphs {
                graph.roll_limits(&mut dice);
            }
        }
        self.repeat(Case { seed, round: ROUNDS, zone: zone.0, strategy: Strategy::Database }, &graphs);
        for graph in &graphs {
            graph.drop_tables(&mut conn);
        }
    }

    fn compare(&self, case: Case, graphs: &[Graph]) {
        self.compare_by(Case { strategy: Strategy::Database, ..case }, graphs);
        if case.round < SELECT_ROUNDS {
            self.compare_by(Case { strategy: Strategy::Select, ..case }, graphs);
        }
    }

    fn compare_by(&self, case: Case, graphs: &[Graph]) {
        let wrong = match self.engine(case, graphs) {
            Ok(found) => {
                let mut pairs = graphs.iter().zip(found);
                pairs.find(|(graph, found)| *found != resolve(&graph.model)).map(|(graph, _)| graph)
            }
            // Which graph it is shows when each is run alone.
            Err(_) => Some(graphs.iter().find(|graph| self.fails(case, graph)).unwrap_or(&graphs[0])),
        };
        if let Some(graph) = wrong {
            self.report(case, graph);
        }
    }

    /// With the kept rows only, as a source, everything is kept.
    fn repeat(&self, case: Case, graphs: &[Graph]) {
        let graphs: Vec<Graph> = graphs.iter().filter(|graph| is_repeatable(graph)).cloned().collect();
        let mut conn = self.conn();
        for graph in &graphs {
            delete_others(&mut conn, graph);
        }
        for (graph, found) in graphs.iter().zip(self.engine(case, &graphs).unwrap()) {
            assert_eq!(found, resolve(&graph.model), "{case:?}: a second run\n{}", graph.describe());
        }
    }

    /// Whether the engine gives something else for this graph alone, whose tables are there.
    fn fails(&self, case: Case, graph: &Graph) -> bool {
        !matches!(self.engine(case, std::slice::from_ref(graph)), Ok(found) if found[0] == resolve(&graph.model))
    }

    /// Makes the graph smaller as long as it fails, and panics with it.
    fn report(&self, case: Case, graph: &Graph) {
        let mut conn = self.conn();
        let mut graph = graph.clone();
        let mut runs = 0;
        'smaller: while runs < SMALLER_RUNS {
            for smaller in graph.smaller() {
                graph.drop_tables(&mut conn);
                smaller.load(&mut conn);
                runs += 1;
                if self.fails(case, &smaller) {
                    graph = smaller;
                    continue 'smaller;
                }
                smaller.drop_tables(&mut conn);
            }
            break;
        }
        graph.drop_tables(&mut conn);
        graph.load(&mut conn);
        let found = self.engine(case, std::slice::from_ref(&graph)).map(|mut found| found.remove(0));
        graph.drop_tables(&mut conn);
        panic!(
            "{case:?} on {:?}\n{}\nexpected: {:?}\nfound:    {found:?}",
            self.flavour,
            graph.describe(),
            resolve(&graph.model)
        );
    }

    /// What the engine keeps of the loaded graphs; of tables that are not asked for, what is right.
    fn engine(&self, case: Case, graphs: &[Graph]) -> Result<Vec<Rows>> {
        let endpoint = self.endpoint();
        let mut schema = load_schema(&mut Connection::open(&endpoint, Role::Source)?, &self.database)?;
        for table in schema.tables.values_mut() {
            (table.row_count, table.bytes) = case.size(&table.name);
        }
        let selection = Selection::new(&schema, |_| false);
        let ground = check::Ground { schema: &schema, selection: &selection, is_excluded: &|_| false };
        let checked = checked(graphs, ground)?;
        let references = references(&selection.served, &schema.foreign_keys, &checked.relations);
        let inputs = SubsetInputs {
            served: &selection.served,
            references: &references,
            limits: &checked.limits,
            moment: MOMENT,
            datetime_timezone: case.zone,
        };
        let asked = case.asked(schema.tables.keys());
        let plan = SubsetPlan::new(&inputs, asked.as_ref())?;
        let mut kept = match case.strategy {
            Strategy::Database => KeptBy::Workspace(Box::new(self.in_workspace(&plan)?)),
            Strategy::Select => match Selected::find(&endpoint, &plan) {
                Err(error) if is_refused(&plan) => {
                    assert_refusal(&error);
                    return Ok(graphs.iter().map(|graph| resolve(&graph.model)).collect());
                }
                found => KeptBy::Select(Box::new(found?)),
            },
        };
        let mut found = Vec::new();
        for graph in graphs {
            let restricted = restricted(&graph.model);
            let mut rows = resolve(&graph.model);
            for (at, shape) in graph.shapes.iter().enumerate() {
                assert_eq!(plan.is_restricted(&shape.name), restricted[at], "{}", shape.name);
                if asked.as_ref().is_none_or(|asked| asked.contains(&shape.name)) {
                    let all = || (0..graph.model.tables[at].rows.len()).collect();
                    let kept = match &mut kept {
                        KeptBy::Workspace(held) => kept_rows(&mut self.conn(), shape, &held.1)?,
                        KeptBy::Select(selected) => selected.distinct(&shape.name, "rid")?,
                    };
                    rows[at] = kept.unwrap_or_else(all);
                }
            }
            found.push(rows);
        }
        if let KeptBy::Workspace(held) = kept {
            held.0.drop_now()?;
        }
        Ok(found)
    }

    fn in_workspace(&self, plan: &SubsetPlan) -> Result<(Workspace, subset::KeyTables)> {
        let home = Home::new(&self.endpoint(), Layout::Schema, None)?;
        let mut workspace = Workspace::create(&home, &self.keeper, "test")?;
        let mut writer = Writer::open(&workspace, "test", &Arc::default())?;
        let kept = subset::compute(&mut writer, &mut workspace, &self.database, plan, || true)?;
        Ok((workspace, kept))
    }
}

enum KeptBy {
    Workspace(Box<(Workspace, subset::KeyTables)>),
    Select(Box<Selected>),
}

/// Under which circumstances graphs are run.
#[derive(Debug, Clone, Copy)]
struct Case {
    seed: u64,
    round: u64,
    zone: &'static str,
    strategy: Strategy,
}

/// Where key sets are: in a workspace, or in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    Database,
    Select,
}

impl Case {
    /// Dice that fall alike for the same table, whatever other tables there are.
    fn dice(self, table: &str) -> Dice {
        let name = table.bytes().fold(0, |sum: u64, byte| sum * 31 + u64::from(byte));
        Dice::new((self.seed * 1_000 + self.round) * 1_000_003 + name)
    }

    /// Rows and bytes that the server is said to have told: they decide how rows are looked for, and in how large
    /// ranges.
    fn size(self, table: &str) -> (u64, u64) {
        *self.dice(table).pick(&[
            (0, 0),
            (20, 4_000),
            (1_000_000, 1 << 30),
            (10, 1 << 32),
            (1_000_000, 1 << 60),
        ])
    }

    /// The tables that a run asks for; none: all.
    fn asked<'t>(self, tables: impl Iterator<Item = &'t String>) -> Option<BTreeSet<String>> {
        let chosen = || tables.filter(|table| self.dice(table).roll(3) == 0).cloned().collect();
        (self.round % 2 == 1).then(chosen)
    }
}

/// The numbers of the rows that are kept; none of a table that is whole.
fn kept_rows(conn: &mut Conn, shape: &Shape, kept: &subset::KeyTables) -> Result<Option<BTreeSet<usize>>> {
    let list = kept.get(&shape.name);
    let select = match list {
        Some(_) => Some(kept.rows(&shape.name, Range::default())?),
        None => kept.direct_rows(&shape.name)?,
    };
    let Some(mut select) = select else { return Ok(None) };
    select.list = [format!("{}.`rid`", row_alias())].into();
    let rows: Vec<usize> = conn.query(select.to_string()).unwrap();
    let distinct: BTreeSet<usize> = rows.iter().copied().collect();
    assert_eq!(rows.len(), distinct.len(), "{}: a row is read twice", shape.name);
    if let Some(list) = list {
        assert_eq!(rows.len() as u64, list.rows(), "{}: rows told and rows read", shape.name);
    }
    Ok(Some(distinct))
}

fn delete_others(conn: &mut Conn, graph: &Graph) {
    exec(conn, "SET FOREIGN_KEY_CHECKS = 0");
    for (shape, kept) in graph.shapes.iter().zip(resolve(&graph.model)) {
        let list: Vec<String> = kept.iter().map(ToString::to_string).collect();
        let list = if list.is_empty() { "-1".to_owned() } else { list.join(", ") };
        exec(conn, &format!("DELETE FROM `{}` WHERE rid NOT IN ({list})", shape.name));
    }
}

/// The graphs' limits and relations as the configuration gives them, checked.
fn checked(graphs: &[Graph], ground: check::Ground<'_>) -> Result<Checked> {
    let mut limits = Vec::new();
    let mut relations = Vec::new();
    for graph in graphs {
        for (shape, table) in graph.shapes.iter().zip(&graph.model.tables) {
            limits.extend(table.limit.as_ref().map(|limit| configured(shape, limit)));
        }
        for (at, declared) in graph.declared.iter().enumerate() {
            if !declared {
                relations.push(relation(graph, at, relations.len() + 1));
            }
        }
    }
    check(&limits, &relations, ground)
}

/// The same through the real binary, from the configuration file to the target's tables. The clock is the server's, so
/// nothing goes by age.
fn pulls_what_the_model_keeps(site: &Site<'_>) {
    let mut dice = Dice::new(4711);
    let mut graphs: Vec<Graph> = (0..12).map(|at| Graph::random(&mut dice, &format!("g{at}"), 0)).collect();
    let mut source = site.source_conn();
    for graph in &mut graphs {
        for limit in graph.model.tables.iter_mut().filter_map(|table| table.limit.as_mut()) {
            if limit.age.take().is_some() {
                *limit = subset_model::Limit { all: true, ..Default::default() };
            }
        }
        graph.load(&mut source);
    }
    for strategy in ["database", "select"] {
        let limits = format!("[privacy]\npolicy = \"open\"\n{}", toml(&graphs));
        site.configure_server(&format!("temp_strategy = \"{strategy}\""), &limits);
        let serve = site.serve();
        site.pull(&serve);
        let mut target = site.target_conn();
        for graph in &graphs {
            let mut rows = |shape: &Shape| -> BTreeSet<usize> {
                target.query(format!("SELECT rid FROM `{}`", shape.name)).unwrap().into_iter().collect()
            };
            let found: Rows = graph.shapes.iter().map(&mut rows).collect();
            assert_eq!(found, resolve(&graph.model), "{strategy}: {}", graph.describe());
            // Rows without a key can be told apart in a snapshot only.
            for shape in graph.shapes.iter().filter(|shape| shape.row_key().is_empty()) {
                exec(&mut source, &format!("ALTER TABLE `{}` ENGINE = InnoDB", shape.name));
            }
        }
    }
}
