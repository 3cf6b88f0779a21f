//! Limits through the real binary: what a pull and a single dump give, what they cost, what they lock, what they log.

use crate::harness::{Add, FLAVOURS, Site, connect, exec, short};
use crate::oracle;
use crate::srv_http::Http;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::wire::api::{Code, RunPhase};
use mysql::Conn;
use mysql::prelude::Queryable;

const OPEN: &str = "[privacy]\npolicy = \"open\"\n";

pub fn tests(add: &mut Add<'_>) {
    type Case = fn(&Site<'_>);
    let cases: [(&str, Case); 5] = [
        ("lists_in_a_temp_database_go_with_the_run", lists_in_a_temp_database),
        ("a_pull_gives_the_kept_rows_and_one_table_gives_the_same", a_pull_gives_the_kept_rows),
        ("ruled_keys_do_not_reach_a_binlog", ruled_keys_do_not_reach_a_binlog),
        ("rows_that_come_and_go_do_no_harm", rows_that_come_and_go_do_no_harm),
        ("a_limit_that_does_not_fit_any_more_fails_the_run", a_limit_that_does_not_fit_any_more),
    ];
    for flavour in FLAVOURS {
        for (name, case) in cases {
            add(
                format!("srv_subset::{name}::{}", short(flavour)),
                Box::new(move |servers| case(&Site::new(servers, flavour, flavour))),
            );
        }
        add(
            format!("srv_subset::a_limit_costs_what_is_kept::{}", short(flavour)),
            Box::new(move |servers| {
                // Its counters are the server's.
                let source = Server::start(flavour, &Options::default()).unwrap();
                a_limit_costs_what_is_kept(&Site::between(&source, servers.target(flavour)), flavour);
            }),
        );
    }
}

const SHOP: &[&str] = &[
    "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(90) NOT NULL UNIQUE, boss INT, FOREIGN KEY (boss) REFERENCES users (id))",
    "CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, ship_to VARCHAR(90), FOREIGN KEY (user_id) REFERENCES users (id))",
    "CREATE TABLE items (id INT PRIMARY KEY, order_id INT NOT NULL, n INT AS (id * 2) VIRTUAL, FOREIGN KEY (order_id) REFERENCES orders (id))",
    "CREATE TABLE visits (at DATETIME, user_id INT, ip VARCHAR(40), FOREIGN KEY (user_id) REFERENCES users (id))",
    "CREATE TABLE seen (n INT, ip VARCHAR(40))",
    "CREATE TABLE free (id INT PRIMARY KEY)",
    "SET FOREIGN_KEY_CHECKS = 0",
    "INSERT INTO users SELECT a.id, CONCAT('u', a.id, '@canary.org'), a.id - 30 FROM (SELECT seq AS id FROM numbers) a",
    "UPDATE users SET boss = NULL WHERE boss <= 0",
    "INSERT INTO orders SELECT seq, NULLIF(seq % 70, 0), CONCAT('home ', seq) FROM numbers",
    "INSERT INTO items (id, order_id) SELECT seq, seq FROM numbers",
    "INSERT INTO visits SELECT NOW(), NULLIF(seq % 70, 0), '10.9.8.7' FROM numbers",
    "INSERT INTO seen SELECT seq, '10.9.8.7' FROM numbers",
    "INSERT INTO free SELECT seq FROM numbers",
];

fn make_shop(conn: &mut Conn) {
    exec(conn, "CREATE TABLE numbers (seq INT PRIMARY KEY)");
    exec(conn, "INSERT INTO numbers VALUES (1)");
    for step in 0..6 {
        exec(conn, &format!("INSERT INTO numbers SELECT seq + {} FROM numbers", 1 << step));
    }
    for statement in SHOP {
        exec(conn, statement);
    }
    exec(conn, "DROP TABLE numbers");
}

/// Users 63 and 64, their bosses 33, 34, 3 and 4; below them what is theirs or nobody's.
const LIMITS: &str = "[limits]\nusers = { max_rows = 2, order_by = \"mail\", where = \"id < 100\" }\n\
    seen = { max_rows = 5, order_by = \"n\" }\n";
const KEPT_USERS: &str = "(3, 4, 33, 34, 63, 64)";

const RULES: &str = "[sanitize.users]\nmail = \"email\"\n[sanitize.orders]\nship_to = \"address\"\n[sanitize.visits]\nip = \"local_ip\"\n\
    [sanitize.seen]\nip = \"local_ip\"\n";

fn a_pull_gives_the_kept_rows(site: &Site<'_>) {
    let mut conn = site.source_conn();
    make_shop(&mut conn);
    // By mail: `u9@`, `u8@`, … come first. Give the two wanted ones the greatest.
    exec(&mut conn, "UPDATE users SET mail = CONCAT('z', mail) WHERE id > 62");
    for strategy in ["database", "select"] {
        pull_gives_the_kept_rows(site, strategy);
    }
}

fn pull_gives_the_kept_rows(site: &Site<'_>, strategy: &str) {
    let mut conn = site.source_conn();
    site.configure_server(&format!("temp_strategy = \"{strategy}\""), &format!("{LIMITS}{RULES}"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let manifest = http.manifest();
    let limited: Vec<&str> = manifest
        .tables
        .iter()
        .filter(|entry| entry.has_limit)
        .map(|entry| entry.table.name.as_str())
        .collect();
    assert_eq!(limited, ["items", "orders", "seen", "users", "visits"]);
    site.pull(&serve);

    let mut target = site.target_conn();
    let wanted = [
        ("users", format!("id IN {KEPT_USERS}")),
        ("orders", format!("user_id IS NULL OR user_id IN {KEPT_USERS}")),
        (
            "items",
            format!("order_id IN (SELECT id FROM orders WHERE user_id IS NULL OR user_id IN {KEPT_USERS})"),
        ),
        ("visits", format!("user_id IS NULL OR user_id IN {KEPT_USERS}")),
        ("seen", "n > 59".to_owned()),
        ("free", "1 = 1".to_owned()),
    ];
    let ruled = ["users.mail", "orders.ship_to", "visits.ip", "seen.ip"];
    for (table, condition) in &wanted {
        exec(&mut conn, &format!("CREATE TABLE kept LIKE {table}"));
        let columns = if *table == "items" { "(id, order_id) SELECT id, order_id" } else { "SELECT *" };
        exec(&mut conn, &format!("INSERT INTO kept {columns} FROM {table} WHERE {condition}"));
        let as_kept: Vec<String> =
            ruled.iter().map(|column| column.replace(&format!("{table}."), "kept.")).collect();
        let as_kept: Vec<&str> = as_kept.iter().map(String::as_str).collect();
        let expected = oracle::rows(&mut conn, "kept", &as_kept);
        exec(&mut conn, "DROP TABLE kept");
        assert_eq!(oracle::rows(&mut target, table, &ruled), expected, "{table}");
    }
    let raw: Option<u64> = target
        .query_first(
            "SELECT (SELECT COUNT(*) FROM users WHERE mail LIKE '%canary%') + (SELECT COUNT(*) FROM orders WHERE ship_to LIKE 'home%') \
             + (SELECT COUNT(*) FROM visits WHERE ip LIKE '10.%') + (SELECT COUNT(*) FROM seen WHERE ip LIKE '10.%')",
        )
        .unwrap();
    assert_eq!(raw, Some(0), "masked as without limits");

    let counts = |tables: &[&str]| -> Vec<(String, u64)> {
        let run = http.begin(tables);
        let status = http.complete(&run);
        assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
        status.tables.into_iter().map(|table| (table.name, table.rows)).collect()
    };
    let whole = counts(&["free", "items", "orders", "seen", "users", "visits"]);
    for (table, rows) in &whole {
        assert_eq!(counts(&[table]), [(table.clone(), *rows)], "`{table}` alone");
    }
}

/// A table of 131,072 rows with as many children, and a few that are wanted.
fn make_log(conn: &mut Conn) {
    exec(conn, "CREATE TABLE users (id INT PRIMARY KEY)");
    exec(conn, "INSERT INTO users VALUES (0), (1), (2), (3), (4), (5), (6)");
    exec(
        conn,
        "CREATE TABLE log (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id INT, created_at DATETIME NOT NULL, \
         noise INT NOT NULL, KEY (created_at), FOREIGN KEY (user_id) REFERENCES users (id))",
    );
    exec(conn, "INSERT INTO log (user_id, created_at, noise) VALUES (1, '2024-01-01', 1)");
    for step in 0..17 {
        let more = 1 << step;
        exec(
            conn,
            &format!(
                "INSERT INTO log (user_id, created_at, noise) SELECT id % 7, created_at + INTERVAL {more} SECOND, (id * 7919) % 65536 FROM log"
            ),
        );
    }
    exec(
        conn,
        "CREATE TABLE details (id INT NOT NULL PRIMARY KEY, log_id INT, text VARCHAR(90), FOREIGN KEY (log_id) REFERENCES log (id))",
    );
    exec(conn, "INSERT INTO details SELECT id, IF(id % 1000 = 0, NULL, id), 'what happened' FROM log");
    exec(conn, "ANALYZE TABLE users, log, details");
}

/// Rows that the server wrote and read so far, of any table.
fn handled(conn: &mut Conn) -> (u64, u64) {
    let counters: Vec<(String, u64)> = conn.query("SHOW GLOBAL STATUS LIKE 'Handler\\_%'").unwrap();
    let sum = |prefix: &str| {
        let counters = counters.iter().filter(|(name, _)| name.starts_with(prefix));
        counters.map(|(_, count)| count).sum()
    };
    (sum("Handler_write"), sum("Handler_read_"))
}

fn a_limit_costs_what_is_kept(site: &Site<'_>, flavour: Flavour) {
    let mut conn = site.source_conn();
    make_log(&mut conn);
    let rows = 131_072;
    // Order; most rows read: along an index no more than are kept, without one the log's keys once or twice.
    for (strategy, order_by, read_max) in [
        ("database", "created_at", 40_000),
        ("database", "noise", rows * 4),
        ("select", "created_at", 40_000),
        ("select", "noise", rows * 4),
    ] {
        site.configure_server(
            &format!("temp_strategy = \"{strategy}\""),
            &format!("{OPEN}[limits]\nlog = {{ max_rows = 1000, order_by = \"{order_by}\" }}\n"),
        );
        let serve = site.serve();
        let http = Http::new(&serve);
        let kept: Option<u64> = conn
            .query_first(format!(
                "SELECT COUNT(*) FROM details LEFT JOIN (SELECT id FROM log ORDER BY {order_by} DESC, id DESC LIMIT 1000) l \
                 ON l.id = details.log_id WHERE l.id IS NOT NULL OR details.log_id IS NULL"
            ))
            .unwrap();
        let mut cost = || {
            let before = handled(&mut conn);
            let run = http.begin(&["log", "details"]);
            let told: Vec<u64> = http.complete(&run).tables.iter().map(|table| table.rows).collect();
            let after = handled(&mut conn);
            http.delete(&format!("runs/{run}"));
            assert_eq!(told, [1000, kept.unwrap()], "{strategy}, {order_by}");
            (after.0 - before.0, after.1 - before.1)
        };
        // What other tests do on the server counts as well: the least of some runs is nearest to the truth.
        let mut least = cost();
        for _ in 0..3 {
            if least.0 >= 20_000 || least.1 >= read_max {
                let (written, read) = cost();
                least = (least.0.min(written), least.1.min(read));
            }
        }
        let (written, read) = least;
        assert!(written < 20_000, "{strategy}: {written} rows were written, by {order_by} on {flavour}");
        assert!(read < read_max, "{strategy}: {read} rows were read, by {order_by} on {flavour}");
    }
}

/// The key of `people` has a rule. Without limits it is masked on the way; a list of kept keys could not be.
fn ruled_keys_do_not_reach_a_binlog(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE people (mail VARCHAR(90) PRIMARY KEY, n INT)");
    exec(&mut conn, "INSERT INTO people VALUES ('anna@canary.org', 1), ('bert@canary.org', 2)");
    let rest = "[sanitize.people]\nmail = \"email\"\n[limits]\npeople = { max_rows = 1, order_by = \"n\" }\n";
    let account = site.account(&[
        "SELECT ON {db}.*",
        "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON `\\_backfill\\_temp\\_%`.*",
    ]);
    site.configure_server_as(&account.url(&site.source_db), "", rest);
    let serve = site.serve();
    let http = Http::new(&serve);
    let failed = http.finished(&http.begin(&["people"]));
    let error = failed.error.unwrap();
    assert_eq!((failed.phase, error.code), (RunPhase::Failed, Code::ConfigInvalid));
    assert!(error.error.contains("`mail` of table `people`"), "{}", error.error);
    assert!(serve.log().contains("BINLOG ADMIN"), "{}", serve.log());
    drop(serve);

    site.configure_server("", rest);
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["people"]);
    http.complete(&run);
    let dump = http.table(&run, "people");
    assert_eq!(dump.rows, 1);
    assert!(!dump.batches[0].1.contains("canary"));
}

fn rows_that_come_and_go_do_no_harm(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE a (id INT PRIMARY KEY, n INT, KEY (n))");
    exec(&mut conn, "CREATE TABLE b (id INT PRIMARY KEY, a INT, b INT, FOREIGN KEY (b) REFERENCES b (id))");
    for id in 0..200 {
        exec(&mut conn, &format!("INSERT INTO a VALUES ({id}, {id})"));
        exec(&mut conn, &format!("INSERT INTO b VALUES ({id}, {id}, NULL)"));
    }
    site.configure_server(
        "",
        &format!(
            "{OPEN}[limits]\na = {{ max_rows = 100, order_by = \"n\" }}\n[[relations]]\ntable = \"b\"\ncolumns = [\"a\"]\n\
             references = \"a\"\nreferenced_columns = [\"id\"]\n"
        ),
    );
    let serve = site.serve();
    let http = Http::new(&serve);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = connect(site.source, &site.source_db);
            let mut id = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                id = (id + 37) % 200;
                exec(&mut writer, &format!("DELETE FROM a WHERE id = {id}"));
                exec(&mut writer, &format!("UPDATE a SET n = n + 150 WHERE id = {}", (id + 3) % 200));
                exec(&mut writer, &format!("REPLACE INTO a VALUES ({id}, {id})"));
                exec(&mut writer, &format!("UPDATE b SET b = {} WHERE id = {id}", (id + 1) % 200));
            }
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..8 {
                let run = http.begin(&["a", "b"]);
                let status = http.complete(&run);
                assert!(status.tables[0].rows <= 100 && status.tables[0].rows > 90, "{status:?}");
                http.delete(&format!("runs/{run}"));
            }
        }));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        outcome.unwrap();
    });
}

fn a_limit_that_does_not_fit_any_more(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE a (id INT PRIMARY KEY, n INT)");
    exec(&mut conn, "INSERT INTO a VALUES (1, 1), (2, 2)");
    site.configure_server("", &format!("{OPEN}[limits]\na = {{ max_rows = 1, order_by = \"n\" }}\n"));
    let serve = site.serve();
    let http = Http::new(&serve);
    http.complete(&http.begin(&["a"]));
    exec(&mut conn, "ALTER TABLE a DROP COLUMN n");
    let answer = http.post("runs", &serde_json::json!({"tables": [{"name": "a"}]}));
    assert_eq!(answer.code(), Code::ConfigInvalid);
}

fn lists_in_a_temp_database(site: &Site<'_>) {
    let mut conn = site.source_conn();
    make_shop(&mut conn);
    let temp = format!("{}_temp", site.source_db);
    site.configure_server(&format!("temp_database = \"{temp}\""), &format!("{LIMITS}{RULES}"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["items", "users"]);
    let status = http.complete(&run);
    assert!(status.tables.iter().all(|table| table.rows > 0 && table.rows < 64), "{status:?}");
    http.delete(&format!("runs/{run}"));
    drop(serve);
    let left: Vec<String> = conn.query(format!("SHOW TABLES FROM {temp}")).unwrap();
    assert_eq!(left, Vec::<String>::new());
    exec(&mut conn, &format!("DROP DATABASE {temp}"));
}
