//! `temp_strategy = "tables"`: copies beside an application's tables, which neither side takes for the application's,
//! and which go whatever happens to their run.

use crate::harness::{Add, FLAVOURS, Serve, Servers, Site, exec, large_table, short, wait_for};
use crate::oracle;
use crate::srv_http::Http;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::wire::api::{Code, RunPhase};
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const RULES: &str = "[sanitize.ruled]\nmail = \"email\"\n";
const TABLES: &str = "temp_strategy = \"tables\"\n";
/// The spool is full after a chunk: the run stands still, its workspace lives.
const TIGHT: &str = "temp_strategy = \"tables\"\nspool_max = \"2MiB\"\n";
/// A workspace of somebody else.
const OTHERS: &str = "_backfill_temp_1_00ab12cd";

pub fn tests(add: &mut Add<'_>) {
    type Case = fn(&Site<'_>);
    let cases: [(&str, Case); 3] = [
        ("runs_share_the_schema_and_leave_it", runs_share_the_schema_and_leave_it),
        ("only_whole_names_are_dropped", only_whole_names_are_dropped),
        ("neither_side_sees_workspace_tables", neither_side_sees_workspace_tables),
    ];
    for flavour in FLAVOURS {
        for (name, case) in cases {
            add(
                format!("srv_tables::{name}::{}", short(flavour)),
                Box::new(move |servers| on_a_server_of_its_own(servers, flavour, case)),
            );
        }
    }
}

/// Of its own: a `serve` of another test would sweep as well.
fn on_a_server_of_its_own(servers: &Servers, flavour: Flavour, case: fn(&Site<'_>)) {
    let options =
        Options { arguments: vec!["--log-bin=bin".into(), "--server-id=15".into()], ..Options::default() };
    let source = Server::start(flavour, &options).unwrap();
    case(&Site::between(&source, servers.target(flavour)));
}

/// The tables of the source that are called like ours.
fn ours(site: &Site<'_>) -> Vec<String> {
    let mut names: Vec<String> = site
        .source_conn()
        .query(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
             AND TABLE_NAME LIKE '\\_backfill\\_%'",
        )
        .unwrap();
    names.sort();
    names
}

/// Whether a live run holds the workspace of that table.
fn is_held(conn: &mut Conn, table: &str) -> bool {
    let workspace = table.rsplit_once('_').unwrap().0;
    let holder: Option<Option<u64>> =
        conn.exec_first("SELECT IS_USED_LOCK(?)", (format!("backfill:{workspace}"),)).unwrap();
    holder.flatten().is_some()
}

fn standing_run(http: &Http) -> String {
    let run = http.begin(&["ruled"]);
    wait_for("the first chunk", || http.status(&run).tables[0].chunks == 1);
    assert_eq!(http.status(&run).phase, RunPhase::Running);
    run
}

/// `backfill cleanup --force` on the serving side; what it dropped.
fn cleanup(site: &Site<'_>, age: &str) -> Vec<String> {
    let output =
        site.command("server").args(["cleanup", "--json", "--force", "--max-age", age]).output().unwrap();
    assert!(output.status.success(), "{}", crate::harness::both(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let dropped = report["dropped"].as_array().unwrap();
    dropped.iter().map(|left| left["name"].as_str().unwrap().to_owned()).collect()
}

fn runs_share_the_schema_and_leave_it(site: &Site<'_>) {
    let mut conn = site.source_conn();
    large_table(&mut conn, "ruled");
    let before = oracle::digest(&mut conn, "ruled", &[]);
    site.configure_server(TIGHT, RULES);
    let mut first = site.serve();
    let http = Http::new(&first);
    let runs = [standing_run(&http), standing_run(&http)];
    let alive = ours(site);
    assert_eq!(alive.len(), 2, "{alive:?}");
    let names: BTreeSet<&str> = alive.iter().map(|table| table.rsplit_once('_').unwrap().0).collect();
    assert_eq!(names.len(), 2, "each run has a name of its own: {alive:?}");
    assert!(alive.iter().all(|table| is_held(&mut conn, table)));
    assert_eq!(http.tables(), ["ruled"]);
    let asked = http.post("runs", &json!({"tables": [{"name": alive[0]}]}));
    assert_eq!(asked.code(), Code::TableUnknown, "{}", asked.text());

    // Neither another server nor a cleanup takes what is alive.
    drop(site.serve());
    assert_eq!(cleanup(site, "0"), Vec::<String>::new());
    assert_eq!(ours(site), alive);
    assert_eq!(http.delete(&format!("runs/{}", runs[0])).status, 204);
    let [left] = ours(site).try_into().unwrap();
    assert!(alive.contains(&left));

    first.kill9();
    wait_for("the server to notice the death", || !is_held(&mut conn, &left));
    assert_eq!(cleanup(site, "60"), Vec::<String>::new(), "it is young");
    let workspace = left.rsplit_once('_').unwrap().0;
    assert_eq!(cleanup(site, "0"), [format!("{workspace} (1 tables in {})", site.source_db)]);
    assert_eq!(ours(site), Vec::<String>::new());

    let mut second = site.serve();
    standing_run(&Http::new(&second));
    second.kill9();
    let [left] = ours(site).try_into().unwrap();
    wait_for("the server to notice the death", || !is_held(&mut conn, &left));
    let mut third = site.serve();
    assert_eq!(ours(site), Vec::<String>::new(), "{}", third.log());
    standing_run(&Http::new(&third));
    assert_eq!(third.stop(), Some(0), "{}", third.log());
    assert_eq!(ours(site), Vec::<String>::new());
    assert_eq!(oracle::digest(&mut conn, "ruled", &[]), before, "production changed");
}

fn only_whole_names_are_dropped(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE ruled (id INT PRIMARY KEY, mail VARCHAR(90))");
    let similar = [
        "_backfill_temp_1_00ab12cd",
        "_backfill_temp_1_00ab12cd_",
        "_backfill_temp_1_00ab12cd_0x",
        "_backfill_temp_1_00AB12CD_0",
        "_backfill_temp_1_00ab12cd_0_0",
        "_backfill_load_1_00ab12cd_0",
        "xbackfill_temp_1_00ab12cd_0",
    ];
    for name in similar.iter().chain(&["_backfill_temp_1_00ab12cd_0", "_backfill_temp_1_00ab12cd_12"]) {
        exec(&mut conn, &format!("CREATE TABLE `{name}` (id INT PRIMARY KEY)"));
    }
    // Whatever the strategy is now: it may have been another one when they were made.
    for server in ["", TABLES] {
        site.configure_server(server, RULES);
        let serve = site.serve();
        let tables = http_tables(&serve);
        for name in similar {
            assert!(tables.contains(name), "{name} is an application's table: {tables:?}");
        }
        assert_eq!(tables.len(), similar.len() + 1, "{tables:?}");
        exec(&mut conn, "CREATE TABLE `_backfill_temp_1_00ab12cd_0` (id INT PRIMARY KEY)");
    }
    assert_eq!(cleanup(site, "60"), [format!("{OTHERS} (1 tables in {})", site.source_db)]);
    assert_eq!(ours(site).len(), similar.len() - 1);
}

fn http_tables(serve: &Serve) -> BTreeSet<String> {
    Http::new(serve).tables().into_iter().collect()
}

fn neither_side_sees_workspace_tables(site: &Site<'_>) {
    let (mut source, mut target) = (site.source_conn(), site.target_conn());
    for conn in [&mut source, &mut target] {
        exec(conn, "CREATE TABLE parents (id INT PRIMARY KEY, mail VARCHAR(90)) ENGINE=InnoDB");
        exec(
            conn,
            "CREATE TABLE ruled (id INT PRIMARY KEY, mail VARCHAR(90), parent INT, \
             CONSTRAINT up FOREIGN KEY (parent) REFERENCES parents (id)) ENGINE=InnoDB",
        );
        exec(conn, "CREATE TRIGGER marked BEFORE INSERT ON ruled FOR EACH ROW SET NEW.id = NEW.id + 100");
        exec(conn, &format!("CREATE TABLE {OTHERS}_3 (id INT PRIMARY KEY, mail VARCHAR(90)) ENGINE=InnoDB"));
        exec(conn, &format!("INSERT INTO {OTHERS}_3 VALUES (1, 'canary@else.where')"));
        // A live run of another server.
        let held: Option<u8> =
            conn.exec_first("SELECT GET_LOCK(?, 0)", (format!("backfill:{OTHERS}"),)).unwrap();
        assert_eq!(held, Some(1));
    }
    exec(&mut target, &format!("CREATE TABLE {OTHERS}_0 LIKE {OTHERS}_3"));
    exec(&mut source, "INSERT INTO parents VALUES (1, 'p@b.c')");
    exec(&mut source, "INSERT INTO ruled VALUES (-99, 'a@b.c', 1), (-98, NULL, NULL)");
    let definitions = |conn: &mut Conn| -> Vec<(String, String)> {
        ["parents", "ruled"]
            .map(|table| conn.query_first(format!("SHOW CREATE TABLE {table}")).unwrap().unwrap())
            .to_vec()
    };
    let before = definitions(&mut source);

    site.configure_server(TABLES, RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    let manifest = http.get("manifest").text();
    assert!(!manifest.contains(OTHERS), "{manifest}");
    let alone = http.get(&format!("dump/{OTHERS}_3"));
    assert_eq!(alone.code(), Code::TableUnknown, "{}", alone.text());
    let dry = site.pull_command(&serve.url, &["--dry-run"]).output().unwrap();
    let told = format!("{}{}", crate::harness::both(&dry), site.pull(&serve));
    assert!(!told.contains("_backfill_temp"), "{told}");

    assert_eq!(oracle::rows(&mut target, "ruled", &["ruled.mail"]).len(), 2);
    let mails: Vec<Option<String>> = target.query("SELECT mail FROM ruled ORDER BY id").unwrap();
    assert!(mails[0].as_ref().is_some_and(|mail| mail.ends_with("@example.test")) && mails[1].is_none());
    let theirs: Vec<String> = target.query("SHOW TABLES").unwrap();
    assert_eq!(theirs.len(), 4, "{theirs:?}");
    for conn in [&mut source, &mut target] {
        let kept: Vec<(i32, String)> = conn.query(format!("SELECT * FROM {OTHERS}_3")).unwrap();
        assert_eq!(kept, [(1, "canary@else.where".to_owned())]);
        let triggers: Vec<String> = conn
            .query("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()")
            .unwrap();
        assert_eq!(triggers, ["marked"]);
    }
    assert_eq!(definitions(&mut source), before, "production changed");
    assert_eq!(ours(site), [format!("{OTHERS}_3")]);

    // Once nobody holds them they are leftovers on the pulling side too: of a restored backup, say.
    exec(&mut target, "DO RELEASE_ALL_LOCKS()");
    let mut command = site.command("client");
    let output = command.args(["cleanup", "--force", "--max-age", "0"]).output().unwrap();
    let told = crate::harness::both(&output);
    assert!(output.status.success() && told.contains(&format!("{OTHERS} (2 tables in")), "{told}");
    let theirs: Vec<String> = target.query("SHOW TABLES").unwrap();
    assert_eq!(theirs, ["parents", "ruled"]);
}
