//! Ways by which raw values of ruled columns might get out, and by which a configuration might make production do more
//! than be read.

use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::srv_http::Http;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::wire::api::RunPhase;
use mysql::Conn;
use mysql::prelude::Queryable;

const OPEN: &str = "[privacy]\npolicy = \"open\"\n";

pub fn tests(add: &mut Add<'_>) {
    type Case = fn(&Site<'_>);
    let logged: [(&str, Case); 3] = [
        ("limits_by_an_index_over_a_ruled_column_are_not_logged", computed_order_with_index),
        ("limits_by_what_is_computed_of_a_ruled_column_are_not_logged", computed_order),
        ("ruled_dates_that_limits_count_by_are_not_logged", ruled_dates),
    ];
    let cases: [(&str, Case); 3] = [
        ("conditions_over_columns_named_like_keywords_see_the_row_as_it_was", columns_named_like_keywords),
        ("conditions_of_limits_call_nothing_that_acts", conditions_that_act),
        ("expressions_call_nothing_behind_a_quoted_collation", expressions_that_act),
    ];
    for flavour in FLAVOURS {
        for (name, case) in logged {
            add(
                format!("review_leaks::{name}::{}", short(flavour)),
                Box::new(move |servers| {
                    // Its binlog keeps the text of statements beside their rows.
                    let annotate = match flavour {
                        Flavour::Mariadb => "--binlog-annotate-row-events=ON",
                        Flavour::Mysql => "--binlog-rows-query-log-events=ON",
                    };
                    let arguments = ["--log-bin=bin", "--server-id=17", annotate];
                    let options =
                        Options { arguments: arguments.map(str::to_owned).to_vec(), ..Options::default() };
                    let source = Server::start(flavour, &options).unwrap();
                    case(&Site::between(&source, servers.target(flavour)));
                }),
            );
        }
        for (name, case) in cases {
            add(
                format!("review_leaks::{name}::{}", short(flavour)),
                Box::new(move |servers| case(&Site::new(servers, flavour, flavour))),
            );
        }
    }
}

/// Runs a pull of `people` by an account that may not keep its workspace out of the binlog; gives everything that was
/// logged meanwhile, and whether the run refused to go on because of that.
fn logged(site: &Site<'_>, conn: &mut Conn, rest: &str) -> (Vec<u8>, bool) {
    let account = site
        .account(&["SELECT ON {db}.*", "SELECT, INSERT, UPDATE, CREATE, DROP ON `\\_backfill\\_temp\\_%`.*"]);
    exec(conn, "FLUSH BINARY LOGS");
    let before = binlog_files(conn);
    site.configure_server_as(&account.url(&site.source_db), "", rest);
    let serve = site.serve();
    let http = Http::new(&serve);
    let status = http.finished(&http.begin(&["people"]));
    let refused = status.error.is_some_and(|error| error.error.contains("the server logs what is written"));
    assert_eq!(refused, status.phase == RunPhase::Failed, "{}", serve.log());
    drop(serve);
    exec(conn, "FLUSH BINARY LOGS");
    let now = binlog_files(conn).into_iter();
    let read = |file| std::fs::read(file).unwrap();
    (now.filter(|file| !before[..before.len() - 1].contains(file)).flat_map(read).collect(), refused)
}

/// Paths of the server's binlog files, oldest first.
fn binlog_files(conn: &mut Conn) -> Vec<String> {
    let base: Option<String> = conn.query_first("SELECT @@log_bin_basename").unwrap();
    let base = base.unwrap();
    let folder = base.rsplit_once('/').unwrap().0;
    let rows: Vec<mysql::Row> = conn.query("SHOW BINARY LOGS").unwrap();
    rows.iter().map(|row| format!("{folder}/{}", row.get::<String, _>(0).unwrap())).collect()
}

fn holds(log: &[u8], needle: &str) -> bool {
    memchr::memmem::find(log, needle.as_bytes()).is_some()
}

fn people(conn: &mut Conn, more: &str) {
    exec(
        conn,
        &format!(
            "CREATE TABLE people (id INT PRIMARY KEY, mail VARCHAR(90) NOT NULL, created_at DATETIME(6) NOT NULL, \
             low VARCHAR(90) AS (LOWER(mail)) STORED{more}) ENGINE=InnoDB"
        ),
    );
    for id in 1..40 {
        exec(
            conn,
            &format!(
                "INSERT INTO people (id, mail, created_at) \
                 VALUES ({id}, 'Leaked{id}@canary.org', NOW() - INTERVAL {id} MINUTE + INTERVAL 926535 MICROSECOND)"
            ),
        );
    }
}

const BY_LOW: &str =
    "[sanitize.people]\nmail = \"email\"\n[limits]\npeople = { max_rows = 3, order_by = \"low\" }\n";

fn computed_order_with_index(site: &Site<'_>) {
    let mut conn = site.source_conn();
    people(&mut conn, ", KEY (low)");
    let (log, refused) = logged(site, &mut conn, BY_LOW);
    assert!(!holds(&log, "@canary.org"), "a ruled value is in the binlog");
    assert!(refused);
}

fn computed_order(site: &Site<'_>) {
    let mut conn = site.source_conn();
    people(&mut conn, "");
    let (log, refused) = logged(site, &mut conn, BY_LOW);
    assert!(!holds(&log, "@canary.org"), "a ruled value is in the binlog");
    assert!(refused);
    // What is not made of it is no reason to refuse.
    let by_id = BY_LOW.replace("\"low\"", "\"id\"");
    let (log, refused) = logged(site, &mut conn, &by_id);
    assert!(!refused && holds(&log, "@example.test") && !holds(&log, "@canary.org"));
}

fn ruled_dates(site: &Site<'_>) {
    let mut conn = site.source_conn();
    people(&mut conn, ", KEY (created_at)");
    // More rows than a statement takes at a time.
    for step in 0..9 {
        let (by, seconds) = (40 << step, 1 << step);
        exec(
            &mut conn,
            &format!(
                "INSERT INTO people (id, mail, created_at) \
                 SELECT id + {by}, mail, created_at - INTERVAL {seconds} SECOND FROM people"
            ),
        );
    }
    let rest = "[sanitize.people]\ncreated_at = { type = \"shift\", days = 9 }\nmail = \"email\"\n[limits]\n\
                people = { max_rows = 3, keep_days = 5 }\n";
    let (log, refused) = logged(site, &mut conn, &rest.replace("max_rows = 3, ", ""));
    assert!(!holds(&log, ".926535"), "a ruled date is in the binlog");
    assert!(refused);
    let (log, refused) = logged(site, &mut conn, &rest.replace("max_rows = 3", "max_rows = 30000"));
    assert!(!holds(&log, ".926535") && refused);
}

fn conditions_that_act(site: &Site<'_>) {
    let mut conn = site.source_conn();
    people(&mut conn, "");
    exec(&mut conn, "CREATE TABLE touched (id INT PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB");
    exec(&mut conn, "INSERT INTO touched VALUES (1, 0)");
    exec(&mut conn, "SET GLOBAL log_bin_trust_function_creators = 1");
    exec(
        &mut conn,
        "CREATE FUNCTION touch (one INT) RETURNS INT MODIFIES SQL DATA \
         BEGIN UPDATE touched SET n = n + 1; RETURN one; END",
    );
    let database = &site.source_db;
    for condition in [
        format!("{database}.touch(id) > 0"),
        format!("`{database}` . `touch` (id) > 0"),
        "`sleep`(0) = 0".to_owned(),
        "`GET_LOCK` ('of the application', 0) = 1".to_owned(),
        format!("id IN (SELECT id FROM {database}.people FOR\\u000bUPDATE)"),
    ] {
        let rest = format!("{OPEN}[limits]\npeople = {{ max_rows = 3, where = \"{condition}\" }}\n");
        site.configure_server("", &rest);
        let (code, printed) = site.serve_refused();
        assert_eq!(code, 3, "{condition}: {printed}");
        assert!(printed.contains("[limits] people: `where` "), "{condition}: {printed}");
    }
    // Columns and tables may be named by their database, and in backticks.
    let good = format!(
        "`people`.`id` IN (1, 2) AND EXISTS (SELECT 1 FROM `{database}`.`touched` AS `sleep` WHERE (`sleep`.`id` = 1))"
    );
    site.configure_server("", &format!("{OPEN}[limits]\npeople = {{ max_rows = 3, where = \"{good}\" }}\n"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["people"]);
    http.complete(&run);
    assert_eq!(http.table(&run, "people").rows, 2);
    assert_eq!(conn.query_first("SELECT n FROM touched").unwrap(), Some(0), "the source was written to");
}

fn expressions_that_act(site: &Site<'_>) {
    let mut conn = site.source_conn();
    people(&mut conn, "");
    for expression in [
        "CONCAT({id}, 'x' COLLATE 'utf8mb4_bin', SLEEP(0))",
        "CONCAT(CONVERT({id} USING 'utf8mb4'), GET_LOCK('of the application', 0))",
        "CONCAT({id}, `mail`('x'))",
    ] {
        let rest = format!("[sanitize.people]\nmail = {{ type = \"sql\", expression = \"{expression}\" }}\n");
        site.configure_server("", &rest);
        let (code, printed) = site.serve_refused();
        assert_eq!(code, 3, "{expression}: {printed}");
        assert!(printed.contains("mail"), "{expression}: {printed}");
        assert!(printed.contains("has `expression`"), "{expression}: {printed}");
    }
    for expression in [
        "CONCAT('x' COLLATE 'utf8mb4_bin', {id})",
        "CONCAT(CAST({id} AS CHAR(20) CHARACTER SET utf8mb4) COLLATE utf8mb4_bin, CONVERT('y' USING 'utf8mb4'))",
    ] {
        let rest = format!("[sanitize.people]\nmail = {{ type = \"sql\", expression = \"{expression}\" }}\n");
        site.configure_server("", &rest);
        let serve = site.serve();
        let http = Http::new(&serve);
        let run = http.begin(&["people"]);
        http.complete(&run);
        assert!(!http.table(&run, "people").batches[0].1.contains("canary"), "{expression}");
    }
}

/// `end`, `unknown`, `escape` and `2fa` are names that need no quotes. Without a key nothing else than the order of assignments
/// keeps a condition from seeing what a mask made.
const NAMES: [&str; 4] = ["end", "unknown", "escape", "2fa"];

fn columns_named_like_keywords(site: &Site<'_>) {
    let mut conn = site.source_conn();
    for name in NAMES {
        exec(&mut conn, &format!("CREATE TABLE of_{name} (`{name}` DATE, note VARCHAR(90)) ENGINE=InnoDB"));
        exec(&mut conn, &format!("INSERT INTO of_{name} VALUES ('2020-02-02', 'canary'), (NULL, 'canary')"));
    }
    let rule = |name: &str| {
        format!(
            "[sanitize.of_{name}]\n{name} = {{ type = \"fixed\", value = \"2000-01-01\" }}\n\
             note = {{ type = \"text\", where = \"CASE WHEN ({name} > '2010-01-01') IS UNKNOWN THEN 1 ELSE {name} > '2010-01-01' END\" }}\n"
        )
    };
    let rules: String = NAMES.map(rule).concat();
    let tables = NAMES.map(|name| format!("of_{name}"));
    for mask_at in ["update", "copy"] {
        site.configure_server(&format!("mask_at = \"{mask_at}\""), &rules);
        let serve = site.serve();
        let http = Http::new(&serve);
        let run = http.begin(&tables);
        http.complete(&run);
        for table in &tables {
            let dump = http.table(&run, table);
            assert_eq!(dump.rows, 2);
            let sql = &dump.batches[0].1;
            assert!(!sql.contains("canary") && sql.contains("2000-01-01"), "{table} by {mask_at}: {sql}");
        }
    }
}
