//! Runs and servers that end, in every way: workspaces go with them, and nothing else does.
//!
//! Each test has a source server of its own: a `serve` of another test, on a shared one, would sweep as well.

use crate::harness::{Add, FLAVOURS, Servers, Site, exec, large_table, short, wait_for, workspaces_with};
use crate::srv_http::Http;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::wire::api::{Code, RunPhase, TablePhase};
use mysql::Conn;
use mysql::prelude::Queryable;

const RULES: &str = "[sanitize.ruled]\nmail = \"email\"\n";
/// The spool is full after a chunk: the run stands still, its workspace lives.
const TIGHT: &str = "spool_max = \"1MiB\"\nmax_runs = 1\n";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("srv_kill::workspaces_go_with_their_runs::{}", short(flavour)),
            Box::new(move |servers| {
                on_a_server_of_its_own(servers, flavour, |site| {
                    large_table(&mut site.source_conn(), "ruled");
                    a_killed_server_leaves_what_the_next_removes(site);
                    live_workspaces_of_others_stay(site);
                    a_signal_ends_runs(site);
                    delete_drops_before_it_answers(site);
                    a_run_that_nobody_asks_about_ends(site);
                });
            }),
        );
        add(
            format!("srv_kill::an_abandoned_run_makes_room::{}", short(flavour)),
            Box::new(move |servers| an_abandoned_run_makes_room(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("srv_kill::sweeps_drop_nothing_that_only_looks_similar::{}", short(flavour)),
            Box::new(move |servers| on_a_server_of_its_own(servers, flavour, similar_names_stay)),
        );
    }
}

/// A client that was killed does not keep others out until `idle_timeout`; one that still asks keeps its place.
fn an_abandoned_run_makes_room(site: &Site<'_>) {
    exec(&mut site.source_conn(), "CREATE TABLE t (id INT PRIMARY KEY)");
    site.configure_server("max_runs = 1", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["t"]);
    let another = || http.post("runs", &serde_json::json!({"tables": [{"name": "t"}]}));
    let refused = another();
    assert_eq!((refused.status, refused.code()), (503, Code::TooManyRuns));
    assert_eq!(http.status(&run).run, run, "it is there as long as somebody asks");
    wait_for("the abandoned run's place", || another().status == 201);
    assert_eq!(http.get(&format!("runs/{run}")).code(), Code::RunGone);
}

fn on_a_server_of_its_own(servers: &Servers, flavour: Flavour, test: impl Fn(&Site<'_>)) {
    let options =
        Options { arguments: vec!["--log-bin=bin".into(), "--server-id=13".into()], ..Options::default() };
    let source = Server::start(flavour, &options).unwrap();
    test(&Site::between(&source, servers.target(flavour)));
}

fn workspaces(site: &Site<'_>) -> Vec<String> {
    workspaces_with(&mut site.source_conn(), "ruled")
}

/// Begins a run that stands still with a whole workspace.
fn standing_run(http: &Http) -> String {
    let run = http.begin(&["ruled"]);
    wait_for("the first chunk", || http.status(&run).tables[0].chunks == 1);
    assert_eq!(http.status(&run).phase, RunPhase::Running);
    run
}

/// Fetches chunks until the run is complete.
fn fetch_all(http: &Http, run: &str) {
    let mut chunk = 0;
    wait_for("the run to complete", || {
        let status = http.status(run);
        while chunk < status.tables[0].chunks {
            http.chunk(run, "ruled", chunk);
            chunk += 1;
        }
        status.phase == RunPhase::Complete
    });
}

fn a_killed_server_leaves_what_the_next_removes(site: &Site<'_>) {
    site.configure_server("", RULES);
    let mut serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["ruled"]);
    wait_for("the copy", || !workspaces(site).is_empty());
    assert!(http.status(&run).tables[0].phase >= TablePhase::Copy);
    serve.kill9();
    let left = workspaces(site);
    let [workspace] = left.as_slice() else { panic!("{left:?}") };
    let mut conn = site.source_conn();
    wait_for("the server to notice the death", || {
        conn.exec_first::<Option<u64>, _, _>("SELECT IS_USED_LOCK(?)", (format!("backfill:{workspace}"),))
            .unwrap()
            .flatten()
            .is_none()
    });
    let serve = site.serve();
    assert_eq!(workspaces(site), Vec::<String>::new(), "{}", serve.log());
    assert_eq!(Http::new(&serve).get(&format!("runs/{run}")).code(), Code::RunGone);
}

fn live_workspaces_of_others_stay(site: &Site<'_>) {
    site.configure_server(TIGHT, RULES);
    let first = site.serve();
    let http = Http::new(&first);
    let run = standing_run(&http);
    let alive = workspaces(site);
    assert_eq!(alive.len(), 1);
    let second = site.serve();
    assert_eq!(workspaces(site), alive);
    let other = Http::new(&second);
    let others = standing_run(&other);
    assert_eq!(workspaces(site).len(), 2, "{}\nsecond:\n{}", first.log(), second.log());
    drop(second);
    wait_for("the lock of the killed server to be free", || {
        let third = site.serve();
        drop(third);
        workspaces(site) == alive
    });
    fetch_all(&http, &run);
    assert_eq!(workspaces(site), Vec::<String>::new());
    assert_eq!(http.get(&format!("runs/{others}")).code(), Code::RunGone);
}

fn a_signal_ends_runs(site: &Site<'_>) {
    site.configure_server(TIGHT, RULES);
    let mut serve = site.serve();
    standing_run(&Http::new(&serve));
    assert_eq!(serve.stop(), Some(0), "{}", serve.log());
    assert_eq!(workspaces(site), Vec::<String>::new());
    let mut serve = site.serve();
    Http::new(&serve).begin(&["ruled"]);
    wait_for("the copy", || !workspaces(site).is_empty());
    assert_eq!(serve.stop(), Some(0), "{}", serve.log());
    assert_eq!(workspaces(site), Vec::<String>::new());
}

fn delete_drops_before_it_answers(site: &Site<'_>) {
    site.configure_server(TIGHT, RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = standing_run(&http);
    assert_eq!(workspaces(site).len(), 1);
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    assert_eq!(workspaces(site), Vec::<String>::new());
    let run = http.begin(&["ruled"]);
    wait_for("the copy", || !workspaces(site).is_empty());
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    assert_eq!(workspaces(site), Vec::<String>::new());
}

fn a_run_that_nobody_asks_about_ends(site: &Site<'_>) {
    site.configure_server(&format!("{TIGHT}idle_timeout = 1\n"), RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["ruled"]);
    wait_for("the copy", || !workspaces(site).is_empty());
    wait_for("the run to be forgotten", || workspaces(site).is_empty());
    wait_for("its end", || serve.log().contains("nobody asked about it any more"));
    assert_eq!(http.get(&format!("runs/{run}")).code(), Code::RunGone);
}

fn similar_names_stay(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE ruled (id INT PRIMARY KEY, mail VARCHAR(90))");
    let similar = [
        "_backfill_temp_x",
        "_backfill_temp_1",
        "_backfill_temp_1_00ab12cd_keep",
        "_backfill_temp_1_00ab12c",
        "_backfill_temp_1x_00ab12cd",
        "xbackfill_temp_1_00ab12cd",
        "_backfillxtempx1x00ab12cd",
        "_backfill_load_1_00ab12cd",
        "backfill_temp_1_00ab12cd",
    ];
    let orphan = "_backfill_temp_1_00ab12cd";
    for name in similar.iter().chain([&orphan]) {
        exec(&mut conn, &format!("CREATE DATABASE `{name}`"));
        exec(&mut conn, &format!("CREATE TABLE `{name}`.t (id INT)"));
    }
    exec(&mut conn, "CREATE DATABASE scratch");
    let tables =
        ["t", "_backfill_temp_1_00ab12cd", "_backfill_temp_1_00ab12cd_0x", "xbackfill_temp_1_00ab12cd_0"];
    for name in tables.iter().chain([&"_backfill_temp_1_00ab12cd_0"]) {
        exec(&mut conn, &format!("CREATE TABLE scratch.`{name}` (id INT)"));
    }
    let names = |conn: &mut Conn, query: &str| {
        let mut names: Vec<String> = conn.query(query).unwrap();
        names.sort();
        names
    };
    for server in ["", "temp_database = \"scratch\""] {
        site.configure_server(server, RULES);
        drop(site.serve());
        let schemas = names(&mut conn, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA");
        for name in similar {
            assert!(schemas.iter().any(|schema| schema == name), "{name} was dropped");
        }
        assert!(!schemas.iter().any(|schema| schema == orphan), "{orphan} was left");
    }
    let mut expected = tables.map(str::to_owned).to_vec();
    expected.sort();
    let left =
        names(&mut conn, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'scratch'");
    assert_eq!(left, expected);
}
