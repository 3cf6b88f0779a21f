//! The catalogue of hostile schemas: every folder of `testdata/cases` is pulled in all directions, and what arrives is
//! compared with what was there, row by row and definition by definition. The folder's README says how a case looks.

mod case;
mod definition;
mod proof;

use crate::cli_common::{self, Out, leftovers};
use crate::harness::{Account, Add, Serve, Servers, Site, exec};
use crate::oracle::{self, Contents, Json};
use backfill::fault::{FIRST_STEP, SMALL_BYTES};
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use case::{Case, Direction, Expectation, Holds};
use definition::Definitions;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases")
}

pub fn tests(add: &mut Add<'_>) {
    let entries = std::fs::read_dir(folder()).into_iter().flatten();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "there are no cases in {}", folder().display());
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        match Case::read(&folder) {
            Ok(case) => {
                let case = Arc::new(case);
                for direction in case.directions.iter().copied() {
                    let case = Arc::clone(&case);
                    add(
                        format!("cases::{name}::{}", direction.name()),
                        Box::new(move |servers| passes(&case, direction, servers)),
                    );
                }
            }
            Err(error) => add(format!("cases::{name}"), Box::new(move |_| panic!("{error}"))),
        }
    }
    proof::tests(add);
}

fn passes(case: &Case, direction: Direction, servers: &Servers) {
    let own = |flavour, arguments: &[String]| {
        let options = Options { arguments: arguments.to_vec(), ..Options::default() };
        (!arguments.is_empty()).then(|| Server::start(flavour, &options).unwrap())
    };
    let source = own(direction.source, &case.source_options);
    let target = own(direction.target, &case.target_options);
    let source = source.as_ref().unwrap_or_else(|| servers.source(direction.source));
    let target = target.as_ref().unwrap_or_else(|| servers.target(direction.target));
    let mut site = Site::between(source, target);
    let account = |server, database: &str, grants: &[String]| {
        (!grants.is_empty()).then(|| Account::new(server, database, grants))
    };
    let reader = account(source, &site.source_db, &case.source_grants);
    let writer = account(target, &site.target_db, &case.target_grants);
    if let Some(account) = &reader {
        site.source_url = account.url(&site.source_db);
    }
    if let Some(account) = &writer {
        site.target_url = account.url(&site.target_db);
    }
    let expected = case.expected(direction);
    load(case, "source", &site.source_db, site.source_conn(), direction.source);
    load(case, "target", &site.target_db, site.target_conn(), direction.target);
    let before = Seen::at(&mut site.target_conn(), &[], Json::AsStored);
    configure(&site, case, &toml::Table::new());
    let serve = site.serve();
    let mut said = String::new();
    let out = pull(&site, &serve, case, &[]);
    if !expected.refused.is_empty() {
        is_refused(&site, &out, &expected, &before);
        return;
    }
    let mut arrives = |out: &Out, serve: &Serve, sent: &Seen| {
        assert_eq!(out.code, Some(0), "the pull failed:\n{}\nserver:\n{}", out.all(), serve.log());
        let found = differences(&site, direction, &expected, sent, &before);
        assert!(found.is_empty(), "what arrived is not what was there:\n{}", found.join("\n"));
        said.push_str(&out.all());
    };
    let mut sent = expected.sent(&site, direction);
    arrives(&out, &serve, &sent);
    if !case.statements("changes", direction.source).is_empty() {
        run(case, "changes", &mut site.source_conn(), direction.source);
        sent = expected.sent(&site, direction);
        arrives(&pull(&site, &serve, case, &[]), &serve, &sent);
    }
    drop(serve);
    // Once more, now over tables that exist, by another way, and read back.
    let other_way =
        if case.copied { limited(&mut site.source_conn(), direction) } else { toml::Table::new() };
    configure(&site, case, &other_way);
    let serve = Serve::start(site.command("server").env(FIRST_STEP, "2").args(["-v", "serve"]));
    arrives(&pull(&site, &serve, case, &["--full", "--verify"]), &serve, &sent);
    for text in &expected.says {
        assert!(said.contains(text), "`{text}` is not in:\n{said}");
    }
}

/// Makes what one side has.
fn load(case: &Case, side: &str, database: &str, mut conn: Conn, flavour: Flavour) {
    // Collations that only one family has are for the cases that are about them.
    exec(&mut conn, &format!("ALTER DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"));
    run(case, side, &mut conn, flavour);
}

/// Runs the statements of these files, in a strict session.
fn run(case: &Case, files: &str, conn: &mut Conn, flavour: Flavour) {
    exec(conn, "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES'");
    case.statements(files, flavour).iter().for_each(|statement| exec(conn, statement));
}

/// Writes both configurations; what `more` has wins over the case's for the server.
fn configure(site: &Site<'_>, case: &Case, more: &toml::Table) {
    let (mut server, mut rest) = apart(&case.serve, "server");
    let (more_server, more_rest) = apart(more, "server");
    server.extend(more_server);
    rest.extend(more_rest);
    if !rest.contains_key("privacy") {
        rest.insert("privacy".into(), toml::Value::Table(table("policy", "open")));
    }
    site.configure_server(&server.to_string(), &rest.to_string());
    let (client, rest) = apart(&case.pull, "client");
    site.configure_client(&client.to_string(), &rest.to_string());
}

fn table(key: &str, value: impl Into<toml::Value>) -> toml::Table {
    [(key.to_owned(), value.into())].into_iter().collect()
}

/// The table under `key`, and the rest.
fn apart(configuration: &toml::Table, key: &str) -> (toml::Table, toml::Table) {
    let mut rest = configuration.clone();
    match rest.remove(key) {
        Some(toml::Value::Table(table)) => (table, rest),
        _ => (toml::Table::new(), rest),
    }
}

/// Limits that keep every row and let no table be read as it is: inside a family by copies in a workspace, across by
/// strategy `select`, so that each source is read both ways.
fn limited(source: &mut Conn, direction: Direction) -> toml::Table {
    let tables: Vec<String> = source
        .query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')")
        .unwrap();
    let limits: toml::Table =
        tables.into_iter().map(|name| (name, toml::Value::Table(table("where", "1 = 1")))).collect();
    let mut configuration = table("limits", limits);
    if direction.crosses() {
        configuration.insert("server".into(), toml::Value::Table(table("temp_strategy", "select")));
    }
    configuration
}

fn pull(site: &Site<'_>, serve: &Serve, case: &Case, more: &[&str]) -> Out {
    let mut arguments = vec!["--yes"];
    arguments.extend(case.arguments.iter().map(String::as_str));
    arguments.extend(more);
    let mut pull = site.pull_command(&serve.url, &arguments);
    if !more.is_empty() {
        // As large tables are: without their indexes and keys, which are built when the rows are in.
        pull.env(SMALL_BYTES, "0");
    }
    cli_common::run(&mut pull)
}

/// The pull was refused with all the texts, and the target is what it was.
fn is_refused(site: &Site<'_>, out: &Out, expected: &Expectation, before: &Seen) {
    assert!(out.code.is_some_and(|code| code != 0), "the pull was not refused:\n{}", out.all());
    for text in &expected.refused {
        assert!(out.all().contains(text), "`{text}` is not in:\n{}", out.all());
    }
    let now = Seen::at(&mut site.target_conn(), &[], Json::AsStored);
    assert_eq!(before, &now, "something was written at the target");
    assert_eq!(leftovers(site), Vec::<String>::new(), "something was left at the target");
}

/// What a database holds.
#[derive(Debug, PartialEq)]
struct Seen {
    rows: Contents,
    definitions: Definitions,
}

impl Seen {
    fn at(conn: &mut Conn, except: &[&str], json: Json) -> Self {
        Self { rows: oracle::contents_with(conn, except, json), definitions: definition::read(conn) }
    }
}

/// Most rows of a table that a failure tells, of those that are missing and of those that were not there.
const TOLD_MAX: usize = 8;

impl Expectation {
    /// What the source holds, as far as it is compared.
    fn sent(&self, site: &Site<'_>, direction: Direction) -> Seen {
        self.seen(&mut site.source_conn(), direction)
    }

    fn seen(&self, conn: &mut Conn, direction: Direction) -> Seen {
        let except: Vec<&str> = self.except.iter().map(String::as_str).collect();
        Seen::at(conn, &except, if direction.crosses() { Json::Parsed } else { Json::AsStored })
    }
}

/// Compares both ends; one line for each difference.
fn differences(
    site: &Site<'_>,
    direction: Direction,
    expected: &Expectation,
    sent: &Seen,
    before: &Seen,
) -> Vec<String> {
    let mut conn = site.target_conn();
    let target = expected.seen(&mut conn, direction);
    let mut found = differing_rows(sent, &target, before);
    found.extend(differing_definitions(sent, &target, before, direction, expected));
    found.extend(expected.holds.iter().filter_map(|holds| unheld(&mut conn, holds)));
    found
}

/// Rows that only one end has. A table that only the target has is to be what it was before.
fn differing_rows(source: &Seen, target: &Seen, before: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    for (table, there) in &target.rows {
        // Some servers keep names of tables in lower case.
        let folded = || source.rows.iter().find(|(name, _)| name.to_lowercase() == *table);
        let here =
            source.rows.get(table).or_else(|| before.rows.get(table)).or(folded().map(|(_, rows)| rows));
        let mut there = there.clone();
        let mut missing = Vec::new();
        for row in here.into_iter().flatten() {
            match there.binary_search(row) {
                Ok(at) => drop(there.remove(at)),
                Err(_) => missing.push(row),
            }
        }
        for (what, rows) in [("is missing", &missing), ("was not there", &there.iter().collect())] {
            found.extend(
                rows.iter().take(TOLD_MAX).map(|row| format!("{table}: a row {what}: {}", short(row))),
            );
            if let Some(more) = rows.len().checked_sub(TOLD_MAX + 1) {
                found.push(format!("{table}: {} more", more + 1));
            }
        }
    }
    found
}

fn short(row: &str) -> String {
    row.chars().take(600).collect()
}

/// Lines that differ from what is expected to. A table that was there before is to be what it was.
fn differing_definitions(
    source: &Seen,
    target: &Seen,
    before: &Seen,
    direction: Direction,
    expected: &Expectation,
) -> Vec<String> {
    let old = |table: &String| before.definitions.contains_key(table);
    let (there, made): (Definitions, Definitions) =
        target.definitions.clone().into_iter().partition(|(table, _)| old(table));
    let wanted = source.definitions.clone().into_iter().filter(|(table, _)| !old(table)).collect();
    let mut seen = definition::differences(&before.definitions, &there, false);
    seen.extend(definition::differences(&wanted, &made, direction.crosses()));
    let mut found = Vec::new();
    for line in expected.definitions.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match seen.iter().position(|difference| difference == line) {
            Some(at) => drop(seen.remove(at)),
            None => found.push(format!("expected to differ: {line}")),
        }
    }
    found.extend(seen.into_iter().map(|line| format!("differs: {line}")));
    found
}

/// What a query gives at the target, if that is not what is expected.
fn unheld(conn: &mut Conn, holds: &Holds) -> Option<String> {
    let rows: Vec<mysql::Row> = conn.query(&holds.query).unwrap();
    let cell = |value: mysql::Value| match value {
        mysql::Value::NULL => "NULL".to_owned(),
        mysql::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => format!("{other:?}"),
    };
    let rows: Vec<String> = rows
        .into_iter()
        .map(|row| row.unwrap().into_iter().map(cell).collect::<Vec<_>>().join(" | "))
        .collect();
    (rows != holds.gives).then(|| format!("{}\n  gives {rows:#?}\n  not {:#?}", holds.query, holds.gives))
}
