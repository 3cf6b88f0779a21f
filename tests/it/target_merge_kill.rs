//! A merge that dies: whatever the moment, the next pull finds the old data, or completes the new one.

use crate::cli_common::{leftovers, structure};
use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::oracle;
use crate::target_job::Job;
use crate::target_merge::sweep;
use mysql::Conn;
use mysql::prelude::Queryable;

/// The moments of a merge, in order, and those of the swap that follows it.
pub const MERGE: &[&str] =
    &["merge.journal_written", "merge.triggers_dropped", "merge.replaced", "merge.committed"];
const AFTER: &[&str] = &[
    "swap.triggers_dropped",
    "swap.renamed",
    "swap.triggers_created",
    "swap.outside_keys_dropped",
    "swap.outside_keys_added",
    "swap.journal_done",
    "swap.staging_dropped",
    "swap.old_dropped",
];

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (rung, prefixed) in [("own", false), ("prefixed", true)] {
            for (what, swaps) in [("merges_alone", false), ("with_whole_tables", true)] {
                add(
                    format!("target_merge_kill::{what}::{rung}::{}", short(flavour)),
                    Box::new(move |servers| {
                        at_moments(&Site::new(servers, flavour, flavour), prefixed, swaps);
                    }),
                );
            }
        }
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE seen (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(80))",
    "CREATE TABLE plans (id INT PRIMARY KEY, name VARCHAR(40))",
    "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(40) NOT NULL UNIQUE, plan INT NULL, \
     at DATETIME NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, \
     CONSTRAINT users_plan FOREIGN KEY (plan) REFERENCES plans (id))",
    "CREATE TABLE posts (id INT PRIMARY KEY, user_id INT NOT NULL, \
     CONSTRAINT posts_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)",
    "CREATE TABLE stamps (id INT PRIMARY KEY, plan INT NULL, user_id INT NULL, \
     CONSTRAINT stamps_plan FOREIGN KEY (plan) REFERENCES plans (id), \
     CONSTRAINT stamps_user FOREIGN KEY (user_id) REFERENCES users (id))",
    "CREATE TRIGGER users_1 BEFORE INSERT ON users FOR EACH ROW INSERT INTO seen (what) VALUES ('first')",
    "CREATE TRIGGER users_2 BEFORE INSERT ON users FOR EACH ROW INSERT INTO seen (what) VALUES ('second')",
    "CREATE TRIGGER plans_1 AFTER DELETE ON plans FOR EACH ROW INSERT INTO seen (what) VALUES ('plan')",
    "CREATE TRIGGER posts_1 AFTER DELETE ON posts FOR EACH ROW INSERT INTO seen (what) VALUES ('post')",
];

/// The same rows before every round.
const ROWS: &[&str] = &[
    "SET FOREIGN_KEY_CHECKS = 0",
    "DELETE FROM users",
    "DELETE FROM posts",
    "DELETE FROM plans",
    "DELETE FROM stamps",
    "INSERT INTO plans VALUES (1, 'free'), (2, 'paid')",
    "INSERT INTO users VALUES (1, 'a', 1, '2020-01-01'), (2, 'b', 2, '2020-01-01'), (3, 'c', NULL, '2020-01-01')",
    "INSERT INTO posts VALUES (10, 1), (20, 2), (30, 3)",
    "INSERT INTO stamps VALUES (1, 1, 1), (2, 2, 2)",
    "DELETE FROM seen",
    "SET FOREIGN_KEY_CHECKS = 1",
];

fn at_moments(site: &Site<'_>, prefixed: bool, swaps: bool) {
    let mut conn = site.target_conn();
    TABLES.iter().for_each(|statement| exec(&mut conn, statement));
    let whole = structure(&mut conn);
    let job = Job::new(site)
        .merge("users", "id mail plan at", &["(1,'b',3,'2024-01-01')", "(4,'a',1,'2024-01-01')"])
        .merge("posts", "id user_id", &["(40,4)", "(10,4)"])
        .on_rung(prefixed);
    let job = if swaps { job.swap("plans", "id name", &["(1,'free')", "(3,'team')"]) } else { job };

    ROWS.iter().for_each(|statement| exec(&mut conn, statement));
    let old = oracle::contents(&mut conn, &[]);
    job.run().unwrap();
    let new = oracle::contents(&mut conn, &[]);
    assert_ne!(old, new);
    let mail = "SELECT CONCAT_WS(' ', id, mail, plan, at) FROM users ORDER BY id";
    let users: Vec<String> = conn.query(mail).unwrap();
    assert_eq!(users, ["1 b 3 2024-01-01 00:00:00", "3 c 2020-01-01 00:00:00", "4 a 1 2024-01-01 00:00:00"]);

    let committed = MERGE.len() - 1;
    for (at, moment) in MERGE.iter().chain(AFTER).enumerate() {
        let is_own_rename = ["swap.triggers_dropped", "swap.renamed"].contains(moment);
        if is_own_rename && (!swaps || (prefixed && *moment == "swap.triggers_dropped")) {
            continue;
        }
        ROWS.iter().for_each(|statement| exec(&mut conn, statement));
        job.run_and_die(moment);
        let recovered = job.claim().recover().unwrap();
        let expected = if at < committed { &old } else { &new };
        // A swap that is done but for its journal needs nothing any more.
        let kept: Vec<bool> = recovered.iter().map(|r| r.swapped).collect();
        assert_eq!(kept, [at >= committed], "{moment}");
        assert_eq!((recovered[0].merges, recovered[0].tables), (2, 2 + usize::from(swaps)), "{moment}");
        sweep(&job);
        assert!(contents(&mut conn) == *expected, "{moment}: {:#?}", contents(&mut conn));
        assert_eq!(structure(&mut conn), whole, "{moment}");
        assert_eq!(leftovers(site), Vec::<String>::new(), "{moment}");
        keys_and_triggers_work(&mut conn, moment);
    }
}

fn contents(conn: &mut Conn) -> oracle::Contents {
    oracle::contents(conn, &[])
}

/// Triggers fire in their order, keys hold in all directions. Leaves no trace.
fn keys_and_triggers_work(conn: &mut Conn, moment: &str) {
    exec(conn, "START TRANSACTION");
    exec(conn, "INSERT INTO users VALUES (77, 'x', 1, NULL)");
    let fired: Vec<String> = conn.query("SELECT what FROM seen ORDER BY id").unwrap();
    assert_eq!(fired, ["first", "second"], "{moment}");
    for refused in [
        "INSERT INTO users VALUES (78, 'y', 99, NULL)",
        "INSERT INTO posts VALUES (78, 99)",
        "INSERT INTO stamps VALUES (78, 99, NULL)",
        "INSERT INTO stamps VALUES (78, NULL, 99)",
        "INSERT INTO users VALUES (79, 'x', NULL, NULL)",
    ] {
        assert!(conn.query_drop(refused).is_err(), "{moment}: {refused}");
    }
    exec(conn, "INSERT INTO stamps VALUES (78, 1, 77)");
    exec(conn, "ROLLBACK");
}
