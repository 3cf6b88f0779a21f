//! What the tests of the pulling side share: a small application, its structure as text, and what a run printed.

use crate::harness::{Serve, Site, TOKEN, exec};
use crate::oracle::{self, Contents};
use mysql::Conn;
use mysql::prelude::Queryable;
use std::collections::BTreeSet;
use std::process::{Command, Output};

/// A password that some accounts of the tests have; it must never be printed.
pub const PASSWORD: &str = "pw-Canary-Zx81-hunter2";

/// The pulled tables of [`small`].
pub const PULLED: [&str; 3] = ["children", "parents", "tags"];

/// How a run of the program ended and what it printed.
pub struct Out {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Out {
    /// Of a finished program. Whatever it did, it printed no secret.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let out =
            Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        for secret in [TOKEN, PASSWORD] {
            assert!(!out.all().contains(secret), "a secret is printed:\n{}", out.all());
        }
        out
    }

    /// Both streams.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// It ended well.
    #[track_caller]
    pub fn good(self, what: &str) -> Self {
        assert_eq!(self.code, Some(0), "{what}:\n{}", self.all());
        self
    }

    /// It ended with `code` and an error and a hint that say `words`.
    #[track_caller]
    pub fn refused(self, what: &str, code: i32, words: &[&str]) -> Self {
        let all = self.all();
        assert_eq!(self.code, Some(code), "{what}:\n{all}");
        assert!(self.stderr.contains("error: "), "{what}: no error line:\n{all}");
        for word in words {
            assert!(self.stderr.contains(word), "{what}: `{word}` is not in:\n{all}");
        }
        self
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Out {
    Out::of(&command.output().unwrap())
}

/// `backfill pull` with arguments, to its end.
pub fn pull(site: &Site<'_>, url: &str, arguments: &[&str]) -> Out {
    run(&mut site.pull_command(url, arguments))
}

/// `backfill` on the pulling side with arguments, to its end.
pub fn client(site: &Site<'_>, arguments: &[&str]) -> Out {
    run(site.command("client").args(arguments))
}

const SMALL: &[&str] = &[
    "CREATE TABLE parents (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) NOT NULL, \
     email VARCHAR(120) NOT NULL, note TEXT NULL, created_at DATETIME NULL, updated_at DATETIME NULL, \
     UNIQUE KEY parents_email (email), KEY parents_name (name)) ENGINE=InnoDB",
    "CREATE TABLE children (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, parent_id INT NOT NULL, qty INT NULL, \
     label VARCHAR(40) NULL, KEY children_label (label), KEY children_parent (parent_id), \
     CONSTRAINT children_parent FOREIGN KEY (parent_id) REFERENCES parents (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "CREATE TABLE tags (name VARCHAR(30) NOT NULL PRIMARY KEY, weight INT NULL) ENGINE=InnoDB",
];

/// A small application: parents, twice as many children, tags. `mark` is in every row, so that two fillings differ.
pub fn small(conn: &mut Conn, parents: u32, mark: &str) {
    SMALL.iter().for_each(|statement| exec(conn, statement));
    fill(conn, parents, mark);
}

/// Empties the tables of [`small`] and fills them again.
pub fn refill(conn: &mut Conn, parents: u32, mark: &str) {
    exec(conn, "SET FOREIGN_KEY_CHECKS = 0");
    exec(conn, "DELETE FROM children");
    exec(conn, "DELETE FROM parents");
    exec(conn, "DELETE FROM tags");
    fill(conn, parents, mark);
    exec(conn, "SET FOREIGN_KEY_CHECKS = 1");
}

fn fill(conn: &mut Conn, parents: u32, mark: &str) {
    let row = |id: u32| {
        format!("({id}, 'name-{mark}-{id}', '{mark}{id}@canary.example', 'note {mark} {id}', NOW(), NOW())")
    };
    let rows: Vec<String> = (1..=parents).map(row).collect();
    exec(conn, &format!("INSERT INTO parents VALUES {}", rows.join(",")));
    let rows: Vec<String> =
        (1..=parents * 2).map(|id| format!("({id}, {}, {id}, '{mark}')", id.div_ceil(2))).collect();
    exec(conn, &format!("INSERT INTO children VALUES {}", rows.join(",")));
    exec(conn, &format!("INSERT INTO tags VALUES ('{mark}', 1), ('b', NULL), ('tag {mark}', 3)"));
}

/// What only the target has: triggers on a pulled table, a view, tables of its own, one of which refers to a pulled
/// one.
pub fn decorate(conn: &mut Conn) {
    for statement in [
        "CREATE TABLE audit (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(80) NOT NULL) ENGINE=InnoDB",
        "CREATE TABLE bookmarks (id INT NOT NULL PRIMARY KEY, parent_id INT NULL, tag VARCHAR(30) NULL, \
         CONSTRAINT bookmarks_parent FOREIGN KEY (parent_id) REFERENCES parents (id) ON UPDATE CASCADE, \
         CONSTRAINT bookmarks_tag FOREIGN KEY (tag) REFERENCES tags (name)) ENGINE=InnoDB",
        "CREATE TABLE scratchpad (id INT NOT NULL PRIMARY KEY, line TEXT NULL) ENGINE=MyISAM",
        "INSERT INTO audit VALUES (1, 'before')",
        "INSERT INTO bookmarks VALUES (1, 1, 'b'), (2, NULL, NULL)",
        "INSERT INTO scratchpad VALUES (1, 'mine')",
        "CREATE VIEW family AS SELECT p.id, p.name, c.qty FROM parents p JOIN children c ON c.parent_id = p.id",
        "CREATE TRIGGER parents_first AFTER INSERT ON parents FOR EACH ROW INSERT INTO audit (what) VALUES (CONCAT('first ', NEW.id))",
        "CREATE TRIGGER parents_second AFTER INSERT ON parents FOR EACH ROW INSERT INTO audit (what) VALUES (CONCAT('second ', NEW.id))",
        "CREATE TRIGGER tags_gone BEFORE DELETE ON tags FOR EACH ROW INSERT INTO audit (what) VALUES ('tag gone')",
    ] {
        exec(conn, statement);
    }
}

/// Everything about a schema but its rows, as text: tables, keys, triggers with all that makes them up, views.
pub fn structure(conn: &mut Conn) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let tables: Vec<(String, String)> = conn
        .query("SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()")
        .unwrap();
    for (table, kind) in tables {
        if kind == "VIEW" {
            out.insert(format!("view {table}"));
            continue;
        }
        let (_, text): (String, String) =
            conn.query_first(format!("SHOW CREATE TABLE `{}`", table.replace('`', "``"))).unwrap().unwrap();
        for line in text.lines() {
            let words = line.split_whitespace().filter(|word| !word.starts_with("AUTO_INCREMENT="));
            let line = words.collect::<Vec<_>>().join(" ");
            out.insert(format!("{table}: {}", line.trim_end_matches(',')));
        }
    }
    let triggers: Vec<(String, String, String, String, String, String, u32)> = conn
        .query(
            "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION), ACTION_STATEMENT, \
             DEFINER, SQL_MODE, ACTION_ORDER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()",
        )
        .unwrap();
    out.extend(triggers.into_iter().map(|trigger| format!("trigger {trigger:?}")));
    let keys: Vec<(String, String, String, String, String)> = conn
        .query(
            "SELECT CONSTRAINT_NAME, TABLE_NAME, CONCAT(UNIQUE_CONSTRAINT_SCHEMA = DATABASE(), '.', REFERENCED_TABLE_NAME), \
             UPDATE_RULE, DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()",
        )
        .unwrap();
    out.extend(keys.into_iter().map(|key| format!("key {key:?}")));
    out
}

/// Rows and structure of the target.
pub fn picture(site: &Site<'_>) -> (Contents, BTreeSet<String>) {
    let mut conn = site.target_conn();
    (oracle::contents(&mut conn, &[]), structure(&mut conn))
}

/// The rows of [`PULLED`] alone.
pub fn pulled_rows(conn: &mut Conn) -> Contents {
    PULLED.iter().map(|table| ((*table).to_owned(), oracle::rows(conn, table, &[]))).collect()
}

/// Schemas and tables of the program's that belong to this site's target. Other tests share the server, so a schema
/// counts by what its record says.
pub fn leftovers(site: &Site<'_>) -> Vec<String> {
    let mut conn = site.target_conn();
    let mut found: Vec<String> = conn
        .query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_backfill\\_%'")
        .unwrap();
    let records: Vec<(String, String)> = conn
        .query(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE '\\_backfill\\_%' \
             AND TABLE_NAME IN ('_backfill_about', '_backfill_journal')",
        )
        .unwrap();
    let whose = format!("\"database\":\"{}\"", site.target_db);
    for (schema, table) in records {
        // Another test's schema may be dropped between the two questions.
        let parts: Vec<String> =
            conn.query(format!("SELECT part FROM `{schema}`.`{table}` ORDER BY seq")).unwrap_or_default();
        if parts.concat().contains(&whose) {
            found.push(schema);
        }
    }
    found
}

/// The target is complete and nothing of ours is left there.
#[track_caller]
pub fn expect_tidy(site: &Site<'_>, structure_before: &BTreeSet<String>, what: &str) {
    let now = structure(&mut site.target_conn());
    let lost: Vec<_> = structure_before.difference(&now).collect();
    let new: Vec<_> = now.difference(structure_before).collect();
    assert!(lost.is_empty() && new.is_empty(), "{what}: lost {lost:#?}\nnew {new:#?}");
    assert_eq!(leftovers(site), Vec::<String>::new(), "{what}: left behind");
}

/// The pulled tables hold what the source holds.
#[track_caller]
pub fn expect_equal(site: &Site<'_>, what: &str) {
    assert_eq!(pulled_rows(&mut site.source_conn()), pulled_rows(&mut site.target_conn()), "{what}");
}

/// A user with `grants` (each `… ON …`, without GRANT and TO) and [`PASSWORD`]; its URL for the target's schema.
pub fn account(site: &Site<'_>, name: &str, grants: &[String]) -> String {
    let user = format!("{name}_{}", site.target_db);
    let mut conn = site.target_conn();
    exec(&mut conn, &format!("DROP USER IF EXISTS '{user}'@'%'"));
    exec(&mut conn, &format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'"));
    for grant in grants {
        exec(&mut conn, &format!("GRANT {grant} TO '{user}'@'%'"));
    }
    let url = site.target.url(&site.target_db);
    let (_, rest) = url.split_once('@').unwrap();
    format!("mysql://{user}:{PASSWORD}@{rest}")
}

/// A served small source and a target that already has the tables, with its own things.
pub fn ready<'a>(site: Site<'a>) -> (Site<'a>, Serve) {
    small(&mut site.source_conn(), 40, "src");
    small(&mut site.target_conn(), 15, "dst");
    decorate(&mut site.target_conn());
    // Pulls that are killed here leave runs behind that would keep the next ones out for a while.
    site.configure_server("max_runs = 50", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    (site, serve)
}
