//! Knowing a target's table again: what leaves it the same, and what makes it another.

use crate::harness::{Add, FLAVOURS, Site, connect, exec, short};
use crate::target_job::Job;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::target::Target;
use backfill::target::fingerprint::Fingerprint;
use mysql::Conn;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("target_known::what_leaves_a_table_the_same::{}", short(flavour)),
            Box::new(move |servers| the_same(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("target_known::what_makes_another_table::{}", short(flavour)),
            Box::new(move |servers| another(&Site::new(servers, flavour, flavour))),
        );
        add(format!("target_known::a_restart::{}", short(flavour)), Box::new(move |_| restart(flavour)));
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE parents (id INT AUTO_INCREMENT PRIMARY KEY, v INT NULL, KEY (v))",
    "CREATE TABLE `odd-child é` (id INT PRIMARY KEY, p INT, CONSTRAINT p FOREIGN KEY (p) REFERENCES parents (id))",
    "CREATE TABLE lone (id INT PRIMARY KEY)",
    "INSERT INTO parents VALUES (1, 1), (2, 2)",
    "INSERT INTO lone VALUES (1)",
];

fn of(job: &Job, name: &str) -> Fingerprint {
    job.target().fingerprints(&[name, "nowhere"]).unwrap().remove(name).unwrap()
}

fn ready(conn: &mut Conn) {
    TABLES.iter().for_each(|statement| exec(conn, statement));
}

fn the_same(site: &Site<'_>) {
    let mut conn = site.target_conn();
    ready(&mut conn);
    let job = Job::new(site);
    let before = of(&job, "parents");
    assert!(before.number.is_some() && before.created.is_some() && !before.is_empty);
    for statement in [
        "INSERT INTO parents (v) VALUES (3)",
        "DELETE FROM parents WHERE id = 1",
        "UPDATE parents SET v = 9",
        "ANALYZE TABLE parents",
        "FLUSH TABLES",
        "CREATE TRIGGER t BEFORE INSERT ON parents FOR EACH ROW SET @seen = 1",
        "DROP TRIGGER t",
    ] {
        exec(&mut conn, statement);
        assert!(of(&job, "parents").is_still(&before), "{statement}");
    }
    // Emptied rows count as another table only where there were rows.
    let empty = of(&job, "odd-child é");
    assert!(empty.is_empty && empty.number.is_none());
    exec(&mut conn, "INSERT INTO `odd-child é` VALUES (1, 2)");
    assert!(of(&job, "odd-child é").is_still(&empty));

    // What a pull leaves, read when it is done, is known by the next one, whatever that one does to other tables.
    job.clone().swap("parents", "id v", &["(1,1)", "(2,2)"]).run().unwrap();
    let swapped = of(&job, "parents");
    assert!(!swapped.is_still(&before), "a table that was swapped in is another one");
    job.clone().swap("lone", "id", &["(5)"]).merge("parents", "id v", &["(7,7)"]).run().unwrap();
    assert!(of(&job, "parents").is_still(&swapped));
}

fn another(site: &Site<'_>) {
    let mut conn = site.target_conn();
    let job = Job::new(site);
    for change in [
        &["ALTER TABLE lone ADD COLUMN x INT NULL"][..],
        &["ALTER TABLE lone COMMENT 'x'"],
        &["TRUNCATE TABLE lone"],
        &["DELETE FROM lone"],
        &["TRUNCATE TABLE lone", "INSERT INTO lone VALUES (1)"],
        &["DROP TABLE lone", "CREATE TABLE lone (id INT PRIMARY KEY)", "INSERT INTO lone VALUES (1)"],
        &["RENAME TABLE lone TO gone", "CREATE TABLE lone LIKE gone", "INSERT INTO lone SELECT * FROM gone"],
    ] {
        exec(&mut conn, "DROP TABLE IF EXISTS `odd-child é`, parents, lone, gone");
        ready(&mut conn);
        let before = of(&job, "lone");
        assert!(of(&job, "lone").is_still(&before));
        change.iter().for_each(|statement| exec(&mut conn, statement));
        assert!(!of(&job, "lone").is_still(&before), "{change:?}");
    }
}

/// A server's restart changes nothing.
fn restart(flavour: Flavour) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { folder: Some(folder.path().join("server")), ..Options::default() };
    let mut before = None;
    for round in 0..2 {
        let server = Server::start(flavour, &options).unwrap();
        if round == 0 {
            exec(&mut server.connect().unwrap(), "CREATE DATABASE known");
            ready(&mut connect(&server, "known"));
        }
        let target = Target::open(&server.endpoint("known")).unwrap();
        let now = target.fingerprints(&["lone", "parents"]).unwrap();
        let before = before.get_or_insert_with(|| now.clone());
        assert!(now.iter().all(|(name, table)| table.is_still(&before[name])), "{before:?} {now:?}");
    }
}
