//! No value of a ruled column is ever printed, logged or remembered by the pulling side; passwords and tokens are
//! not either.

use crate::cli_common::{Out, PASSWORD, client, pull, run};
use crate::fixture::{self, RULES};
use crate::harness::{Add, FLAVOURS, Servers, Site, TOKEN, exec, short};
use backfill::schema::Flavour;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("cli_leak::nothing_is_told::{}", short(flavour)),
            Box::new(move |servers| nothing_is_told(servers, flavour)),
        );
    }
}

/// Words that only values of ruled columns have: raw ones, ones that a rule's exception keeps, and masks.
const CANARIES: &[&str] = &[
    "anary-",
    "anna1@",
    "10.99.1.",
    "@canary-mail",
    "0@yourcompany",
    "$2y$10$",
    "text_",
    " Example St",
    "+1555",
    "@example.test",
    "User_",
];

#[track_caller]
fn silent(what: &str, text: &str) {
    for canary in CANARIES.iter().chain(&[TOKEN, PASSWORD]) {
        if let Some(at) = text.find(canary) {
            let line = text[..at].rsplit('\n').next().unwrap_or_default().len();
            let from = at - line;
            panic!("{what}: `{canary}` in: {}", text[from..].lines().next().unwrap_or_default());
        }
    }
}

fn nothing_is_told(servers: &Servers, flavour: Flavour) {
    let site = Site::new(servers, flavour, flavour);
    fixture::load(&mut site.source_conn(), 60);
    fixture::load(&mut site.target_conn(), 20);
    site.configure_server("", RULES);
    let serve = site.serve();
    let loud = ["--yes", "-v", "-v", "--log-format"];
    let told = |what: &str, out: &Out, code: i32| {
        assert_eq!(out.code, Some(code), "{what}:\n{}", out.all());
        silent(what, &out.all());
        let state = std::fs::read_to_string(site.path("client/backfill-state.json")).unwrap();
        silent(&format!("{what}: the state file"), &state);
    };
    told("a pull", &pull(&site, &serve.url, &[&loud[..], &["text"]].concat()), 0);
    told("a pull with JSON logs", &pull(&site, &serve.url, &[&loud[..], &["json", "--json"]].concat()), 0);

    // What the target refuses: its messages quote the value. Each change makes the table unfit in another way.
    let mut conn = site.target_conn();
    exec(&mut conn, "SET FOREIGN_KEY_CHECKS = 0");
    exec(&mut conn, "DELETE FROM users");
    for (what, change, back) in [
        (
            "masked values that are equal under a unique key",
            "ALTER TABLE users ADD UNIQUE KEY one_password (password)",
            "ALTER TABLE users DROP INDEX one_password",
        ),
        (
            "a name that is no number",
            "ALTER TABLE users MODIFY COLUMN name INT NOT NULL",
            "ALTER TABLE users MODIFY COLUMN name VARCHAR(100) NOT NULL",
        ),
        (
            "a note that is no date",
            "ALTER TABLE users MODIFY COLUMN notes DATETIME NULL",
            "ALTER TABLE users MODIFY COLUMN notes TEXT NULL",
        ),
        (
            "a CHECK that fails",
            "ALTER TABLE users ADD CONSTRAINT short_names CHECK (CHAR_LENGTH(notes) < 5)",
            "ALTER TABLE users DROP CONSTRAINT short_names",
        ),
        (
            "a column that is too narrow",
            "ALTER TABLE users MODIFY COLUMN home VARCHAR(3) NULL",
            "ALTER TABLE users MODIFY COLUMN home VARCHAR(120) NULL",
        ),
        (
            "a column of another type",
            "ALTER TABLE users MODIFY COLUMN phone INT NULL",
            "ALTER TABLE users MODIFY COLUMN phone VARCHAR(40) NULL",
        ),
        (
            "a trigger's text",
            "CREATE TRIGGER refuses BEFORE INSERT ON users FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Canary-trigger'",
            "DROP TRIGGER refuses",
        ),
    ] {
        exec(&mut conn, change);
        let out = pull(&site, &serve.url, &[&loud[..], &["text"]].concat());
        if what.contains("trigger") {
            // It does not fire while rows are loaded.
            told(what, &out, 0);
        } else {
            let code = out.code.unwrap_or(-1);
            assert!([6, 8, 10].contains(&code), "{what}: {code}:\n{}", out.all());
            told(what, &out, code);
            assert!(out.stderr.contains("`users`"), "{what}: the table is named:\n{}", out.all());
            let rows = conn.query_first::<u32, _>("SELECT COUNT(*) FROM users").unwrap();
            assert_eq!(rows, Some(0), "{what}: nothing was replaced");
        }
        exec(&mut conn, back);
    }
    told("the pull after all", &pull(&site, &serve.url, &["--yes"]), 0);
    silent("the server's log", &serve.log());
    silent("status", &client(&site, &["status", "--json"]).good("status").all());
    let mut command = site.pull_command(&serve.url, &["--yes"]);
    let url = site.target.url(&site.target_db).replacen("@", &format!(":{PASSWORD}@"), 1);
    silent("a wrong password", &run(command.env("DATABASE_URL", url)).all());
}
