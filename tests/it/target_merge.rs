//! Deltas on the target: staged rows take the places of those with the same key, everything else stays or goes as the
//! unique and foreign keys say, and all of it at once.

use crate::cli_common::structure;
use crate::harness::{Add, FLAVOURS, Site, exec, short, wait_for};
use crate::oracle;
use crate::target_job::Job;
use backfill::error::Kind;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::time::Duration;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        let mut case = |name: &str, test: fn(&Site<'_>, bool)| {
            for (rung, prefixed) in [("own", false), ("prefixed", true)] {
                add(
                    format!("target_merge::{name}::{rung}::{}", short(flavour)),
                    Box::new(move |servers| test(&Site::new(servers, flavour, flavour), prefixed)),
                );
            }
        };
        case("rows_take_their_places", rows_take_their_places);
        case("rows_that_refer_to_removed_ones", rows_that_refer);
        case("with_whole_tables", with_whole_tables);
        case("what_cannot_be_merged", what_cannot_be_merged);
        case("tables_in_use", tables_in_use);
        case("without_the_right_to_lock", without_the_right_to_lock);
    }
}

/// The rows of a query, each as text.
pub fn texts(conn: &mut Conn, query: &str) -> Vec<String> {
    conn.query(query).unwrap()
}

fn all(conn: &mut Conn, statements: &[&str]) {
    statements.iter().for_each(|statement| exec(conn, statement));
}

/// New rows, changed ones and unchanged ones; columns that only the target has, computed ones and those that change
/// by themselves; triggers that must not see any of it.
fn rows_take_their_places(site: &Site<'_>, prefixed: bool) {
    let mut conn = site.target_conn();
    all(
        &mut conn,
        &[
            "CREATE TABLE seen (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(80))",
            "CREATE TABLE t (a INT NOT NULL, b VARCHAR(9) NOT NULL, v INT NULL, twice INT AS (v * 2) STORED, \
             own VARCHAR(9) NOT NULL DEFAULT 'fresh', at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) \
             ON UPDATE CURRENT_TIMESTAMP(3), KEY (v), PRIMARY KEY (a, b))",
            "CREATE TABLE other (id INT AUTO_INCREMENT PRIMARY KEY, body LONGBLOB)",
            "INSERT INTO t (a, b, v, own, at) VALUES (1, 'x', 1, 'mine', '2020-01-01'), (1, 'y', 2, 'mine', '2020-01-01'), \
             (2, 'x', 3, 'mine', '2020-01-01')",
            "INSERT INTO other VALUES (7, 'old')",
            "CREATE TRIGGER gone BEFORE DELETE ON t FOR EACH ROW INSERT INTO seen (what) VALUES ('gone')",
            "CREATE TRIGGER came AFTER INSERT ON t FOR EACH ROW INSERT INTO seen (what) VALUES ('came')",
        ],
    );
    let before = structure(&mut conn);
    let rows =
        ["(1,'X',NULL,'2021-02-03 04:05:06.789')", "(2,'x',3,'2020-01-01')", "(9,'z',-4,'2022-01-01')"];
    let job = Job::new(site)
        .merge("t", "a b v at", &rows)
        .merge("other", "id body", &["(0,x'00ff')", "(9,NULL)"])
        .on_rung(prefixed);
    let report = job.run().unwrap();
    assert_eq!((report.tables, report.triggers, report.left_behind), (2, 2, None));
    let done: Vec<_> =
        report.merged.iter().map(|m| (m.table.as_str(), m.rows, m.replaced, m.removed)).collect();
    assert_eq!(done, [("t", 3, 2, 0), ("other", 2, 0, 0)]);
    let now = texts(&mut conn, "SELECT CONCAT_WS('|', a, b, v, twice, own, at) FROM t ORDER BY a, b");
    assert_eq!(
        now,
        [
            "1|X|fresh|2021-02-03 04:05:06.789",
            "1|y|2|4|mine|2020-01-01 00:00:00.000",
            "2|x|3|6|fresh|2020-01-01 00:00:00.000",
            "9|z|-4|-8|fresh|2022-01-01 00:00:00.000"
        ]
    );
    let now = texts(&mut conn, "SELECT CONCAT(id, IFNULL(HEX(body), '-')) FROM other ORDER BY id");
    assert_eq!(now, ["000FF", "76F6C64", "9-"]);
    assert_eq!(texts(&mut conn, "SELECT what FROM seen"), Vec::<String>::new());
    assert_eq!(structure(&mut conn), before, "something is left, or gone");
    exec(&mut conn, "INSERT INTO t (a, b) VALUES (5, 'q')");
    exec(&mut conn, "INSERT INTO other (body) VALUES ('next')");
    assert_eq!(texts(&mut conn, "SELECT what FROM seen"), ["came"]);
    let next: Option<u64> = conn.query_first("SELECT MAX(id) FROM other").unwrap();
    assert_eq!(next, Some(10), "the next number of AUTO_INCREMENT");
}

/// Drops what a job left, as the next pull does.
pub fn sweep(job: &Job) {
    let claimed = job.claim();
    for orphan in claimed.orphans(Duration::ZERO).unwrap() {
        claimed.drop_orphan(&orphan).unwrap();
    }
}

const FAMILY: &[&str] = &[
    "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(40) NOT NULL UNIQUE, boss INT NULL, \
     CONSTRAINT boss FOREIGN KEY (boss) REFERENCES users (id) ON DELETE SET NULL)",
    "CREATE TABLE posts (id INT PRIMARY KEY, user_id INT NOT NULL, \
     CONSTRAINT posts_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)",
    "CREATE TABLE replies (id INT PRIMARY KEY, post_id INT NULL, of_reply INT NULL, \
     CONSTRAINT replies_post FOREIGN KEY (post_id) REFERENCES posts (id), \
     CONSTRAINT replies_reply FOREIGN KEY (of_reply) REFERENCES replies (id) ON DELETE CASCADE)",
    "CREATE TABLE likes (user_id INT NULL, id INT PRIMARY KEY, \
     at DATETIME NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, \
     CONSTRAINT likes_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL)",
    "CREATE TABLE drafts (id INT PRIMARY KEY, user_id INT NULL, \
     CONSTRAINT drafts_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)",
    "INSERT INTO users VALUES (1, 'a', NULL), (2, 'b', 1), (3, 'c', 2), (4, 'd', 2)",
    "INSERT INTO posts VALUES (10, 1), (20, 2), (21, 2), (30, 3)",
    "INSERT INTO replies VALUES (100, 20, NULL), (101, 10, 100), (102, NULL, 101), (103, 30, NULL), (104, 21, NULL), \
     (105, 10, 104)",
    "INSERT INTO likes VALUES (2, 1, '2020-01-01'), (2, 2, '2020-01-01'), (3, 3, '2020-01-01')",
    "INSERT INTO drafts VALUES (1, 2), (2, 2), (3, 1)",
];

/// User 2 was deleted at the source and user 5 has the address now: what referred to user 2 goes as its keys say,
/// but for rows that are in staging themselves.
fn rows_that_refer(site: &Site<'_>, prefixed: bool) {
    let mut conn = site.target_conn();
    all(&mut conn, FAMILY);
    let before = structure(&mut conn);
    let job = Job::new(site)
        .merge("users", "id mail boss", &["(5,'B',NULL)", "(4,'d2',5)"])
        .merge("replies", "id post_id of_reply", &["(104,10,NULL)"])
        .merge("posts", "id user_id", &[])
        .merge("likes", "id user_id at", &["(2,5,'2024-01-01')"])
        .on_rung(prefixed);
    let report = job.run().unwrap();
    let done: Vec<_> =
        report.merged.iter().map(|m| (m.table.as_str(), m.rows, m.replaced, m.removed, m.unlinked)).collect();
    assert_eq!(
        done,
        [("users", 2, 1, 1, 1), ("replies", 1, 1, 3, 0), ("posts", 0, 0, 2, 0), ("likes", 1, 1, 0, 1)]
    );
    let keys: Vec<_> =
        report.outside_keys.iter().map(|k| (k.table.as_str(), k.name.as_str(), k.dangling)).collect();
    assert_eq!(keys, [("drafts", "drafts_user", Some(2))]);
    let rows =
        |conn: &mut Conn, what: &str| texts(conn, &format!("SELECT CONCAT_WS(' ', {what} ORDER BY id"));
    assert_eq!(
        rows(&mut conn, "id, mail, IFNULL(boss, '-')) FROM users"),
        ["1 a -", "3 c -", "4 d2 5", "5 B -"]
    );
    assert_eq!(rows(&mut conn, "id, user_id) FROM posts"), ["10 1", "30 3"]);
    let replies = rows(&mut conn, "id, IFNULL(post_id, '-'), IFNULL(of_reply, '-')) FROM replies");
    assert_eq!(replies, ["103 30 -", "104 10 -", "105 10 104"]);
    let likes = rows(&mut conn, "id, IFNULL(user_id, '-'), DATE(at)) FROM likes");
    assert_eq!(likes, ["1 - 2020-01-01", "2 5 2024-01-01", "3 3 2020-01-01"]);
    assert_eq!(rows(&mut conn, "id, user_id) FROM drafts"), ["1 2", "2 2", "3 1"]);
    assert_eq!(structure(&mut conn), before);
}

/// Whole tables and deltas in one pull, with keys in both directions and from outside.
fn with_whole_tables(site: &Site<'_>, prefixed: bool) {
    let mut conn = site.target_conn();
    all(&mut conn, FAMILY);
    all(
        &mut conn,
        &[
            "CREATE TRIGGER u BEFORE DELETE ON users FOR EACH ROW SET @seen = 1",
            "CREATE TRIGGER p BEFORE DELETE ON posts FOR EACH ROW SET @seen = 1",
            "CREATE TRIGGER r BEFORE DELETE ON replies FOR EACH ROW SET @seen = 1",
        ],
    );
    let before = structure(&mut conn);
    let job = Job::new(site)
        .swap("posts", "id user_id", &["(10,1)", "(11,5)", "(30,3)"])
        .merge("users", "id mail boss", &["(5,'e',1)"])
        .merge("replies", "id post_id of_reply", &["(106,11,NULL)"])
        .on_rung(prefixed);
    let report = job.run().unwrap();
    assert_eq!((report.tables, report.triggers, report.left_behind), (3, 3, None));
    let keys: Vec<_> =
        report.outside_keys.iter().map(|k| (k.table.as_str(), k.name.as_str(), k.dangling)).collect();
    // Posts 20 and 21 are gone at the source, and with them the rows that the delta could not name.
    assert_eq!(keys, [("replies", "replies_post", Some(2))]);
    assert_eq!(texts(&mut conn, "SELECT id FROM posts ORDER BY 1"), ["10", "11", "30"]);
    assert_eq!(texts(&mut conn, "SELECT id FROM users ORDER BY 1"), ["1", "2", "3", "4", "5"]);
    assert_eq!(structure(&mut conn), before);
    for refused in ["INSERT INTO replies VALUES (1, 20, NULL)", "INSERT INTO posts VALUES (1, 77)"] {
        assert!(conn.query_drop(refused).is_err(), "{refused}");
    }
    all(&mut conn, &["INSERT INTO replies VALUES (1, 11, NULL)", "INSERT INTO posts VALUES (12, 5)"]);
}

/// Two staged rows with one unique value: an error, and nothing is changed. Tables that do not allow it are refused
/// before anything.
fn what_cannot_be_merged(site: &Site<'_>, prefixed: bool) {
    let mut conn = site.target_conn();
    all(&mut conn, FAMILY);
    all(
        &mut conn,
        &[
            "CREATE TABLE heap (id INT PRIMARY KEY) ENGINE=MyISAM",
            "CREATE TABLE wide (id INT PRIMARY KEY, s VARCHAR(90), UNIQUE (s(5)))",
            "CREATE TRIGGER u BEFORE DELETE ON users FOR EACH ROW SET @seen = 1",
        ],
    );
    let picture = |conn: &mut Conn| (oracle::contents(conn, &[]), structure(conn));
    let before = picture(&mut conn);
    let twice = ["(7,'same',NULL)", "(8,'SAME',NULL)"];
    let job = Job::new(site)
        .merge("likes", "id user_id at", &["(1,NULL,NULL)"])
        .merge("users", "id mail boss", &twice)
        .swap("posts", "id user_id", &[])
        .on_rung(prefixed);
    let error = job.run().unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
    assert!(error.to_string().contains("table `users`"), "{error}");
    sweep(&job);
    assert_eq!(picture(&mut conn), before);
    for (table, columns) in [("heap", "id"), ("wide", "id s"), ("likes", "user_id at")] {
        let error = Job::new(site).merge(table, columns, &[]).run().unwrap_err();
        assert_eq!(error.kind(), Kind::Schema, "{error}");
        assert!(error.to_string().contains("cannot be merged"), "{error}");
    }
    assert_eq!(picture(&mut conn), before);
}

/// A transaction of the application's is in the way: `Busy` names it, nothing is changed, and what was loaded is
/// merged later without another download.
fn tables_in_use(site: &Site<'_>, prefixed: bool) {
    let mut conn = site.target_conn();
    all(&mut conn, FAMILY);
    exec(&mut conn, "CREATE TRIGGER u BEFORE DELETE ON users FOR EACH ROW SET @seen = 1");
    exec(&mut conn, "CREATE TABLE lone (id INT PRIMARY KEY)");
    let before = structure(&mut conn);
    let mut application = site.target_conn();
    all(&mut application, &["START TRANSACTION", "UPDATE users SET mail = 'mine' WHERE id = 1"]);
    let job = Job::new(site)
        .merge("users", "id mail boss", &["(1,'theirs',NULL)"])
        .swap("lone", "id", &["(10)"])
        .on_rung(prefixed);
    let error = job.run().unwrap_err();
    assert_eq!(error.kind(), Kind::Busy, "{error}");
    assert!(error.to_string().contains(&format!("connection {} ", application.connection_id())), "{error}");
    exec(&mut application, "COMMIT");
    let claimed = job.claim();
    assert_eq!(claimed.recover().unwrap(), [], "the journal of a swap that gave up is left");
    assert_eq!(texts(&mut conn, "SELECT mail FROM users WHERE id = 1"), ["mine"]);
    // The server may take a moment to miss the connection that had the staging's lock.
    wait_for("the staging to be given up", || !claimed.orphans(Duration::ZERO).unwrap().is_empty());
    let kept = claimed.orphans(Duration::ZERO).unwrap();
    assert_eq!(kept.iter().map(|orphan| orphan.complete.as_deref()).collect::<Vec<_>>(), [Some("a job")]);
    let report = claimed.resume(&kept[0]).unwrap().swap().unwrap();
    assert_eq!((report.tables, report.merged[0].replaced), (2, 1));
    assert_eq!(texts(&mut conn, "SELECT mail FROM users WHERE id = 1"), ["theirs"]);
    assert_eq!(structure(&mut conn), before);
}

/// An account that may not lock tables merges all the same.
fn without_the_right_to_lock(site: &Site<'_>, prefixed: bool) {
    let mut conn = site.target_conn();
    all(&mut conn, FAMILY);
    let user = format!("nolock_{}", site.target_db);
    let mut admin = site.target.connect().unwrap();
    exec(&mut admin, &format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'pw-nolock'"));
    let schemas = if prefixed {
        vec![site.target_db.clone()]
    } else {
        vec![site.target_db.clone(), "`\\_backfill\\_%`".into()]
    };
    for schema in schemas {
        exec(
            &mut admin,
            &format!(
                "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, TRIGGER ON {schema}.* TO '{user}'@'%'"
            ),
        );
    }
    let mut job = Job::new(site)
        .merge("users", "id mail boss", &["(5,'B',NULL)"])
        .merge("posts", "id user_id", &["(10,5)"])
        .swap("drafts", "id user_id", &["(1,5)"])
        .on_rung(prefixed);
    (job.user, job.password) = (user.clone(), "pw-nolock".into());
    let report = job.run().unwrap();
    assert_eq!(report.merged.iter().map(|m| m.removed).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(texts(&mut conn, "SELECT CONCAT(id, mail) FROM users ORDER BY 1"), ["1a", "3c", "4d", "5B"]);
    exec(&mut admin, &format!("DROP USER '{user}'@'%'"));
}
