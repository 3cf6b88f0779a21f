//! `serve --plan` and the notes of `pull --dry-run`: what they tell is what happens, and telling it does nothing.

use crate::cli_common::{Out, run};
use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::srv_http::Http;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("cli_plan::what_is_told_is_what_happens::{}", short(flavour)),
            Box::new(move |servers| what_is_told_happens(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_plan::dry_runs_say_why_tables_are_limited::{}", short(flavour)),
            Box::new(move |servers| dry_run_notes(&Site::new(servers, flavour, flavour))),
        );
    }
}

const SHOP: &[&str] = &[
    "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(90) NOT NULL, created_at DATETIME NULL)",
    "CREATE TABLE orders (id INT PRIMARY KEY, user_id INT NULL, ship_to VARCHAR(90), KEY (user_id), \
     CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id))",
    "CREATE TABLE visits (id INT PRIMARY KEY, user_id INT NULL, KEY (user_id), \
     CONSTRAINT visits_user FOREIGN KEY (user_id) REFERENCES users (id))",
    "CREATE TABLE notes (text VARCHAR(90) NOT NULL)",
    "CREATE TABLE free (id INT PRIMARY KEY)",
    "INSERT INTO users VALUES (1, 'a@canary.org', NULL), (2, 'b@canary.org', NOW()), (3, 'c@canary.org', NOW()), (4, 'd@canary.org', NULL)",
    "INSERT INTO orders VALUES (1, 1, 'home 1'), (2, 3, 'home 2'), (3, NULL, 'home 3'), (4, 4, 'home 4'), (5, 4, 'home 5')",
    "INSERT INTO visits VALUES (1, 4), (2, 2), (3, 2), (4, 1)",
    "INSERT INTO notes VALUES ('x'), ('y')",
    "INSERT INTO free VALUES (1), (2)",
];

const RULES: &str = "[sanitize.users]\nmail = { type = \"email\", exclude = [\"*@work.example\"] }\n\
    [sanitize.orders]\nship_to = { type = \"fixed\", value = \"x\" }\n[sanitize.notes]\ntext = \"text\"\n\
    [limits]\nusers = { max_rows = 1 }\nvisits = { max_rows = 2, order_by = \"user_id\", direction = \"asc\" }\n";

fn shop(site: &Site<'_>) {
    let mut conn = site.source_conn();
    SHOP.iter().for_each(|statement| exec(&mut conn, statement));
    exec(&mut conn, "ANALYZE TABLE users, orders, visits, notes, free");
    site.configure_server("", RULES);
}

fn plan(site: &Site<'_>, arguments: &[&str]) -> Out {
    run(site.command("server").args(["serve", "--plan"]).args(arguments)).good("the plan")
}

/// The statements are run by hand, once each: this graph has no level that a second round would add to. They keep the
/// rows that a run keeps.
fn what_is_told_happens(site: &Site<'_>) {
    shop(site);
    let mut conn = site.source_conn();
    let tables = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE '\\_backfill\\_temp\\_0%'";
    let told = plan(site, &["--sql"]).stdout;
    assert_eq!(conn.query::<(String, String), _>(tables).unwrap(), [], "the plan made something");
    assert!(!told.contains("canary") && !told.contains("home"), "{told}");
    let (lines, script) = told.split_once("\n-- ").unwrap();
    for (table, way) in
        [("users", "masked while copied"), ("notes", "copied, masked by UPDATE"), ("free", "read directly")]
    {
        let line = lines.lines().find(|line| line.starts_with(table)).unwrap();
        assert!(line.contains(way), "{line}");
    }
    let limited = |table: &str| lines.lines().find(|line| line.starts_with(table)).unwrap().to_owned();
    assert!(limited("users").contains("1 row by id desc; more pulled in by visits"), "{lines}");
    let masked = lines.lines().find(|line| line.contains("email, keeps *@work.example"));
    assert!(masked.is_some_and(|line| line.starts_with("users")), "{lines}");
    assert!(limited("orders").contains("follows users"), "{lines}");
    assert!(lines.contains("would read 5 tables"), "{lines}");

    // Under its made-up name the workspace would be an old one to every server that starts meanwhile.
    let workspace = format!("told_of_{}", site.source_db);
    let script = script.replace("_backfill_temp_0_00000000", &workspace);
    exec(&mut conn, &format!("CREATE DATABASE {workspace}"));
    let script: String = format!("-- {script}")
        .lines()
        .filter(|line| !line.starts_with("--"))
        .map(|line| format!("{line}\n"))
        .collect();
    for statement in script.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        conn.query_drop(statement).unwrap_or_else(|error| panic!("{error}\n{statement}"));
    }
    let names = ["users", "orders", "visits", "notes"];
    let by_hand = names.map(|table| -> u64 {
        conn.query_first(format!("SELECT COUNT(*) FROM {workspace}.{table}")).unwrap().unwrap()
    });
    let raw: Option<u64> = conn
        .query_first(format!("SELECT COUNT(*) FROM {workspace}.users WHERE mail LIKE '%canary%'"))
        .unwrap();
    assert_eq!((by_hand, raw), ([3, 4, 2, 2], Some(0)));
    exec(&mut conn, &format!("DROP DATABASE {workspace}"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let done = http.complete(&http.begin(&names));
    assert_eq!(done.tables.iter().map(|table| table.rows).collect::<Vec<_>>(), by_hand);

    let json: serde_json::Value =
        serde_json::from_str(plan(site, &["--json"]).stdout.lines().last().unwrap()).unwrap();
    assert_eq!(json["tables"].as_array().unwrap().len(), 5);
    assert!(json["limits"][0]["statements"][0].as_str().unwrap().starts_with("CREATE TABLE"));

    // Where nothing is written, nothing else is told.
    site.configure_server("temp_strategy = \"select\"", RULES);
    let told = plan(site, &["--sql"]).stdout;
    for (table, way) in [("users", "masked while read"), ("visits", "read by key"), ("free", "read directly")]
    {
        let line = told.lines().find(|line| line.starts_with(table)).unwrap();
        assert!(line.contains(way), "{line}");
    }
    let masked = told.lines().filter(|line| line.starts_with("SELECT") && line.contains("@example.test"));
    assert_eq!(masked.count(), 1, "{told}");
    assert!(!["CREATE ", "INSERT ", "UPDATE ", "canary"].iter().any(|word| told.contains(word)), "{told}");
}

fn dry_run_notes(site: &Site<'_>) {
    shop(site);
    let serve = site.serve();
    let out = run(&mut site.pull_command(&serve.url, &["--dry-run"])).good("a dry run");
    let line = |table: &str| out.stdout.lines().find(|line| line.starts_with(table)).unwrap().to_owned();
    assert!(line("orders").contains("follows users"), "{}", out.stdout);
    assert!(line("users").contains("pulled in by visits"), "{}", out.stdout);
    assert!(line("visits").contains("2 rows by user_id asc"), "{}", out.stdout);
    assert!(!line("free").contains("yes"), "{}", out.stdout);
}
