//! The application of the soak: its tables, and writers that never rest. They write as applications do: every change
//! sets `updated_at`, some rows have no times at all, some transactions stay open for a while.

use crate::harness::{connect, exec};
use crate::subset_shape::Dice;
use backfill::sandbox::Server;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Tables that come by their times. The row with the id 1 is the soak's own, see [`mark`].
pub const DELTAS: [&str; 4] = ["users", "posts", "events", "people"];
/// The one that always comes whole.
pub const WHOLE: &str = "tags";
/// Foreign keys: child, column, parent.
pub const KEYS: [(&str, &str, &str); 4] = [
    ("posts", "user_id", "users"),
    ("events", "post_id", "posts"),
    ("people", "user_id", "users"),
    ("tags", "post_id", "posts"),
];

/// Rules, and what they make different on both ends.
pub const RULES: &str = "[sanitize.people]\nmail = \"email\"\nphone = \"null\"\n";
pub const RULED: &[&str] = &["people.mail", "people.phone"];
/// In every value that a rule has to change.
pub const CANARY: &str = "@canary.example";

/// Rows that every table has before the first pull, and about the most it ever has.
const SEEDED: i64 = 40;
const MOST: i64 = 1500;

const TABLES: &[&str] = &[
    "CREATE TABLE users (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, mail VARCHAR(90) NOT NULL, name VARCHAR(60) NULL, \
     created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, UNIQUE KEY users_mail (mail), KEY (created_at), \
     KEY (updated_at)) ENGINE=InnoDB",
    "CREATE TABLE posts (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id INT NOT NULL, name VARCHAR(60) NULL, \
     created_at DATETIME(3) NULL, updated_at DATETIME(3) NULL, KEY posts_user (user_id), KEY (created_at), \
     KEY (updated_at), CONSTRAINT posts_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "CREATE TABLE events (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, post_id INT NULL, name VARCHAR(60) NULL, \
     created_at TIMESTAMP(6) NULL, updated_at TIMESTAMP(6) NULL, KEY events_post (post_id), \
     CONSTRAINT events_post FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "CREATE TABLE people (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id INT NOT NULL, name VARCHAR(60) NULL, \
     mail VARCHAR(90) NOT NULL, phone VARCHAR(90) NULL, created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, \
     KEY people_user (user_id), \
     CONSTRAINT people_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "CREATE TABLE tags (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, post_id INT NULL, name VARCHAR(60) NULL, \
     KEY tags_post (post_id), CONSTRAINT tags_post FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE SET NULL) \
     ENGINE=InnoDB",
];

/// Makes the tables with rows of last year.
pub fn create(conn: &mut Conn) {
    TABLES.iter().for_each(|statement| exec(conn, statement));
    for id in 1..=SEEDED {
        let old = "'2025-01-01 10:00:00', '2025-01-01 10:00:00'";
        exec(conn, &format!("INSERT INTO users VALUES ({id}, 'first-{id}', 'old', {old})"));
        exec(conn, &format!("INSERT INTO posts VALUES ({id}, {id}, 'old', {old})"));
        exec(conn, &format!("INSERT INTO events VALUES ({id}, {id}, 'old', {old})"));
        exec(
            conn,
            &format!("INSERT INTO people VALUES ({id}, {id}, 'old', '{id}{CANARY}', '{id}{CANARY}', {old})"),
        );
        exec(conn, &format!("INSERT INTO tags VALUES ({id}, {id}, 'old')"));
    }
}

/// Things of the target's own: a pull that fired these triggers would be seen.
pub fn decorate(target: &mut Conn) {
    exec(target, "CREATE TABLE audit (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(80))");
    for (name, event, table) in [
        ("users_in", "AFTER INSERT", "users"),
        ("users_up", "BEFORE UPDATE", "users"),
        ("users_out", "AFTER DELETE", "users"),
        ("people_in", "BEFORE INSERT", "people"),
        ("tags_in", "AFTER INSERT", "tags"),
    ] {
        exec(
            target,
            &format!(
                "CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW INSERT INTO audit (what) VALUES ('{name}')"
            ),
        );
    }
}

/// Writes a number into a row of every table, in one transaction: what a pull brought can be told by it.
pub fn mark(conn: &mut Conn, number: u32) {
    exec(conn, "START TRANSACTION");
    for table in DELTAS {
        exec(
            conn,
            &format!("UPDATE {table} SET name = 'mark {number}', updated_at = {} WHERE id = 1", now(table)),
        );
    }
    exec(conn, &format!("UPDATE {WHOLE} SET name = 'mark {number}' WHERE id = 1"));
    exec(conn, "COMMIT");
}

/// The clock as exactly as the table's columns take it.
fn now(table: &str) -> &'static str {
    match table {
        "posts" => "NOW(3)",
        "events" => "NOW(6)",
        _ => "NOW()",
    }
}

/// Writers at work; they stop when dropped.
pub struct Writers {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u32>>,
}

impl Writers {
    /// Two of them, in this schema.
    pub fn start(server: &Server, database: &str, seed: u64, deletes: bool) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let thread = |number: u64| {
            let (conn, over) = (connect(server, database), Arc::clone(&over));
            let mut writer = Writer { conn, dice: Dice::new(seed ^ (number << 32)), deletes };
            std::thread::spawn(move || {
                let mut written = 0;
                while !over.load(Ordering::Relaxed) {
                    written += u32::from(writer.write());
                    // The pace of an application, not that of a load.
                    writer.pause(30);
                }
                written
            })
        };
        let threads = [1, 2].map(thread).into();
        Self { over, threads }
    }

    /// Lets them end their transactions; gives how many they wrote.
    pub fn stop(mut self) -> u32 {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).map(|thread| thread.join().unwrap()).sum()
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // What it failed with is told already.
            let _ = thread.join();
        }
    }
}

struct Writer {
    conn: Conn,
    dice: Dice,
    deletes: bool,
}

impl Writer {
    fn pause(&mut self, most: i64) {
        std::thread::sleep(Duration::from_millis(self.dice.between(0, most).unsigned_abs()));
    }

    /// One transaction. False if it had to give way to the other writer.
    fn write(&mut self) -> bool {
        let mut statements = Vec::new();
        for _ in 0..self.dice.between(1, 4) {
            self.change(&mut statements);
        }
        let stays_open = self.dice.chance(4);
        let done = self.transaction(&statements, stays_open);
        match done {
            Ok(()) => true,
            // A deadlock, a lock that took too long, or a parent that another writer has just removed.
            Err(mysql::Error::MySqlError(error)) if [1205, 1213, 1452].contains(&error.code) => {
                exec(&mut self.conn, "ROLLBACK");
                false
            }
            Err(error) => panic!("{error}\nin one of: {statements:#?}"),
        }
    }

    fn transaction(&mut self, statements: &[String], stays_open: bool) -> mysql::Result<()> {
        self.conn.query_drop("START TRANSACTION")?;
        for statement in statements {
            self.conn.query_drop(statement)?;
        }
        if stays_open {
            // Longer than the overlap: the server has to see it.
            self.pause(5000);
        }
        let end = if self.dice.chance(5) { "ROLLBACK" } else { "COMMIT" };
        self.conn.query_drop(end)
    }

    /// A row that the soak's own is not.
    fn some(&mut self, table: &str) -> i64 {
        let most: Option<Option<i64>> =
            self.conn.query_first(format!("SELECT MAX(id) FROM {table}")).unwrap();
        let id = self.dice.between(2, most.flatten().unwrap());
        let found: Option<i64> = self
            .conn
            .query_first(format!("SELECT id FROM {table} WHERE id >= {id} ORDER BY id LIMIT 1"))
            .unwrap();
        found.unwrap()
    }

    /// Both times of a new row: most have them, some lack one or both.
    fn times(&mut self, table: &str) -> String {
        let now = now(table);
        match self.dice.roll(10) {
            0 => "NULL, NULL".into(),
            1 => format!("{now}, NULL"),
            2 => format!("NULL, {now}"),
            _ => format!("{now}, {now}"),
        }
    }

    fn change(&mut self, statements: &mut Vec<String>) {
        let (user, post, word) = (self.some("users"), self.some("posts"), self.dice.roll(1_000_000));
        let table = *self.dice.pick(&["users", "posts", "events", "people", "tags"]);
        let id = self.some(table);
        let now = now(table);
        let deletes = self.deletes && self.dice.chance(15);
        statements.push(match self.dice.roll(10) {
            _ if deletes => format!("DELETE FROM {table} WHERE id = {id} AND id > {SEEDED}"),
            0..4 if id < MOST => self.insert(table, user, post, word),
            4 => return self.move_a_mail(statements),
            5 => format!("UPDATE posts SET user_id = {user}, updated_at = NOW(3) WHERE id = {post}"),
            6 => {
                format!("UPDATE tags SET post_id = {} WHERE id = {}", self.some("posts"), self.some("tags"))
            }
            _ if table == WHOLE => format!("UPDATE {table} SET name = '{word}' WHERE id = {id}"),
            _ => format!("UPDATE {table} SET name = '{word}', updated_at = {now} WHERE id = {id}"),
        });
    }

    fn insert(&mut self, table: &str, user: i64, post: i64, word: usize) -> String {
        let times = self.times(table);
        match table {
            "users" => format!("INSERT INTO users VALUES (NULL, UUID(), '{word}', {times})"),
            "posts" => format!("INSERT INTO posts VALUES (NULL, {user}, '{word}', {times})"),
            "events" => format!("INSERT INTO events VALUES (NULL, {post}, '{word}', {times})"),
            "people" => format!(
                "INSERT INTO people VALUES (NULL, {user}, '{word}', '{word}{CANARY}', '{word}{CANARY}', {times})"
            ),
            _ => format!("INSERT INTO tags VALUES (NULL, {post}, '{word}')"),
        }
    }

    /// A unique value goes from one row to another, which gives its own back or loses it.
    fn move_a_mail(&mut self, statements: &mut Vec<String>) {
        let (from, to) = (self.some("users"), self.some("users"));
        if from == to {
            return;
        }
        let set = |id: i64, mail: &str| {
            format!("UPDATE users SET mail = {mail}, updated_at = NOW() WHERE id = {id}")
        };
        statements.extend([
            format!("SELECT mail INTO @from FROM users WHERE id = {from} FOR UPDATE"),
            format!("SELECT mail INTO @to FROM users WHERE id = {to} FOR UPDATE"),
            set(from, "UUID()"),
            set(to, "@from"),
        ]);
        if self.dice.chance(50) {
            statements.push(set(from, "@to"));
        }
    }
}
