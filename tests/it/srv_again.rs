//! A source refuses a statement now and then that it would take a moment later: MySQL ends statements with a deadlock
//! (1213) while others create and drop tables beside. No run ends for that.

use crate::between::Between;
use crate::harness::{Add, FLAVOURS, Site, exec, short, wait_for};
use crate::srv_http::Http;
use backfill::wire::api::{Code, RunPhase};
use std::collections::BTreeSet;

const DEADLOCK: u16 = 1213;
/// One table of each way: read directly with rows to look up, copied for its rule, cut down by a limit.
const TABLES: [&str; 3] = ["nodes", "people", "visits"];
const RULES: &str = "[sanitize.people]\nmail = \"email\"\n\
    [limits]\nvisits = { max_rows = 3, order_by = \"at\" }\n";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("srv_again::a_deadlock_ends_no_run::{}", short(flavour)),
            Box::new(move |servers| a_deadlock_ends_no_run(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("srv_again::a_table_that_goes_while_the_schema_is_read::{}", short(flavour)),
            Box::new(move |servers| {
                a_table_that_goes_while_the_schema_is_read(&Site::new(servers, flavour, flavour));
            }),
        );
    }
}

fn prepare(site: &Site<'_>) -> Between {
    let mut conn = site.source_conn();
    exec(&mut conn, "SET SESSION foreign_key_checks = 0");
    for statement in [
        "CREATE TABLE nodes (id INT PRIMARY KEY, up INT NULL, updated_at TIMESTAMP NULL, \
         created_at TIMESTAMP NULL, FOREIGN KEY (up) REFERENCES nodes (id)) ENGINE=InnoDB",
        "INSERT INTO nodes (id, up) VALUES (1, 1), (2, 77), (3, 2), (4, 78)",
        "CREATE TABLE people (id INT PRIMARY KEY, mail VARCHAR(90)) ENGINE=InnoDB",
        "INSERT INTO people VALUES (1, 'a@b.c'), (2, NULL), (3, 'd@e.f')",
        "CREATE TABLE visits (id INT PRIMARY KEY, at INT NOT NULL, person INT NOT NULL, \
         FOREIGN KEY (person) REFERENCES people (id)) ENGINE=InnoDB",
        "INSERT INTO visits VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 1)",
    ] {
        exec(&mut conn, statement);
    }
    let endpoint = site.source.endpoint(&site.source_db);
    let between = Between::before(endpoint.port);
    let port = between.port;
    let url = format!("mysql://{}@{}:{port}/{}", endpoint.user, endpoint.host, site.source_db);
    site.configure_server_as(&url, "", RULES);
    between
}

/// Whether a statement of this kind uses a table: others cannot meet a deadlock.
fn uses_a_table(kind: &str) -> bool {
    let changes = ["INSERT", "UPDATE", "DELETE", "CREATE", "DROP"];
    kind.contains(" FROM ") || changes.iter().any(|verb| kind.starts_with(verb))
}

/// Whatever statement of a run is refused once: the run completes with the same rows.
fn a_deadlock_ends_no_run(site: &Site<'_>) {
    let between = prepare(site);
    let serve = site.serve();
    let http = Http::new(&serve);
    let rows = |what: &str| {
        let run = http.begin(&TABLES);
        let status = http.finished(&run);
        assert_eq!(status.phase, RunPhase::Complete, "{what}: {:?}\n{}", status.error, serve.log());
        let rows = TABLES.map(|table| http.table(&run, table).rows);
        http.delete(&format!("runs/{run}"));
        rows
    };
    between.take_kinds();
    let expected = rows("without refusals");
    assert_eq!(expected, [4, 3, 3]);
    let kinds: BTreeSet<String> =
        between.take_kinds().into_iter().filter(|kind| uses_a_table(kind)).collect();
    for needed in ["information_schema.COLUMNS", "`nodes` AS c", "INSERT INTO", "CREATE TABLE", "INNODB_TRX"]
    {
        assert!(kinds.iter().any(|kind| kind.contains(needed)), "{needed}: {kinds:#?}");
    }
    for kind in &kinds {
        between.refuse(kind, DEADLOCK, 1);
        // A look at the clock serves for a second.
        wait_for(&format!("the statement {kind}"), || {
            assert_eq!(rows(kind), expected, "{kind}");
            between.left() == 0
        });
    }
    // One that refuses for ever ends the run, and the log says by which statement.
    let lookup = kinds.iter().find(|kind| kind.contains("`nodes` AS c")).unwrap();
    between.refuse(lookup, DEADLOCK, u32::MAX);
    let run = http.begin(&TABLES);
    let status = http.finished(&run);
    assert_eq!(status.error.unwrap().code, Code::SourceUnavailable, "{}", serve.log());
    assert!(
        serve.log().contains("looking for parents of rows of table `nodes`: ERROR 1213"),
        "{}",
        serve.log()
    );
}

/// A table with a foreign key is dropped after its keys were listed and before their actions are: the others are served.
fn a_table_that_goes_while_the_schema_is_read(site: &Site<'_>) {
    let between = prepare(site);
    let serve = site.serve();
    let http = Http::new(&serve);
    between.take_kinds();
    assert_eq!(http.tables().len(), 3);
    let kinds = between.take_kinds();
    let actions = kinds.iter().find(|kind| kind.contains("REFERENTIAL_CONSTRAINTS")).unwrap();
    let mut conn = site.source_conn();
    between.before_next(actions, move || exec(&mut conn, "DROP TABLE nodes"));
    let told = http.tables();
    assert!(["people", "visits"].iter().all(|name| told.iter().any(|table| table == name)), "{told:?}");
    assert_eq!(http.tables(), ["people", "visits"]);
}
