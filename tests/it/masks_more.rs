//! Types with options, rules for some rows, rules for any table, and the proof that a copy is masked: on real servers,
//! with the binary.

use crate::harness::{Add, FLAVOURS, Site, both, exec, short};
use crate::oracle;
use crate::srv_http::{Http, load_all};
use backfill::plan::sanitize::{Facts, Mask, Rule, TableMasks, parse, plan};
use backfill::sql::select::{Compare, Range, WalkKey};
use backfill::sql::{Ident, TableName, WorkspaceName, WorkspaceTable};
use backfill::wire::api::{Code, RunPhase};
use mysql::Conn;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for mask_at in ["update", "copy"] {
            add(
                format!("masks_more::types_with_options::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| types_with_options(&Site::new(servers, flavour, flavour), mask_at)),
            );
            add(
                format!("masks_more::documents::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| documents(&Site::new(servers, flavour, flavour), mask_at)),
            );
            add(
                format!("masks_more::rows_that_where_leaves_out_stay::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| some_rows(&Site::new(servers, flavour, flavour), mask_at)),
            );
            add(
                format!("masks_more::expressions_know_rows_by_any_key::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| natural_key(&Site::new(servers, flavour, flavour), mask_at)),
            );
            add(
                format!("masks_more::a_mask_that_masks_nothing_is_caught::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| caught(&Site::new(servers, flavour, flavour), mask_at)),
            );
        }
        add(
            format!("masks_more::rules_for_any_table::{}", short(flavour)),
            Box::new(move |servers| any_table(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("masks_more::what_does_not_fit_is_refused::{}", short(flavour)),
            Box::new(move |servers| refused(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("masks_more::the_proof_tells_masked_from_raw::{}", short(flavour)),
            Box::new(move |servers| proof(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn count(conn: &mut Conn, from: &str) -> u64 {
    let sql = format!("SELECT COUNT(*) FROM {from}");
    conn.query_first(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}")).unwrap()
}

fn all_hold(site: &Site<'_>, table: &str, conditions: &[&str]) {
    let mut target = site.target_conn();
    let rows = count(&mut target, table);
    assert_eq!(rows, count(&mut site.source_conn(), table), "{table}");
    for condition in conditions {
        let held = count(&mut target, &format!("{table} WHERE {condition}"));
        assert_eq!(held, rows, "{table}: {condition}");
    }
}

/// Columns in pairs: `x` is ruled, `x0` holds the same and is not.
const PAIRS: &[(&str, &str)] = &[
    ("iban", "VARCHAR(40) CHARACTER SET latin1"),
    ("pin", "CHAR(6) CHARACTER SET utf16"),
    ("note", "TEXT"),
    ("zip", "VARCHAR(10)"),
    ("login", "VARCHAR(60)"),
    ("plan", "VARCHAR(20)"),
    ("state", "ENUM('new','it''s','paid')"),
    ("active", "TINYINT(1)"),
    ("price", "DECIMAL(8,3)"),
    ("born", "DATE"),
    ("seen", "DATETIME(3)"),
    ("stamp", "TIMESTAMP"),
    ("pay", "DECIMAL(10,2)"),
    ("votes", "BIGINT UNSIGNED"),
    ("age", "TINYINT UNSIGNED"),
    ("lat", "DOUBLE"),
    ("size", "FLOAT"),
    ("score", "INT"),
];

const TYPES: &str = r##"[sanitize.more]
iban = { type = "keep", first = 2, last = 4, exclude = ["DE9*"] }
pin = { type = "keep", last = 2, mask = "#" }
note = { type = "truncate", length = 3 }
zip = { type = "sql", expression = "CONCAT(LEFT({column}, 2), '000')" }
login = { type = "sql", expression = "CONCAT('user', {id}, '-', LOWER(`kind`), \" it's \\\\\")" }
plan = { type = "fixed", value = "it's free" }
state = { type = "fixed", value = "it's" }
active = { type = "fixed", value = true }
price = { type = "fixed", value = 9.99 }
born = { type = "shift", days = 30 }
seen = { type = "shift", days = 3 }
stamp = { type = "shift", days = 300 }
pay = { type = "noise", percent = 10 }
votes = { type = "noise", percent = 1 }
age = { type = "noise", percent = 20 }
lat = { type = "noise", percent = 5 }
size = { type = "noise", percent = 100 }
score = { type = "sql", expression = "id * 2 + CHAR_LENGTH(kind)" }
"##;

fn types_with_options(site: &Site<'_>, mask_at: &str) {
    let mut source = site.source_conn();
    let pairs: Vec<String> =
        PAIRS.iter().map(|(name, ty)| format!("{name} {ty} NULL, {name}0 {ty} NULL")).collect();
    exec(
        &mut source,
        &format!(
            "CREATE TABLE more (id INT NOT NULL PRIMARY KEY, kind VARCHAR(20) NOT NULL, {}, \
             touched TIMESTAMP NOT NULL DEFAULT '2001-02-03 04:05:06' ON UPDATE CURRENT_TIMESTAMP) ENGINE=InnoDB",
            pairs.join(", ")
        ),
    );
    exec(&mut source, "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'");
    let names: Vec<&str> = PAIRS.iter().map(|(name, _)| *name).collect();
    let insert = format!("INSERT INTO more (id, kind, {}) ", names.join(", "));
    exec(
        &mut source,
        &format!(
            "{insert} VALUES (1, 'A', 'DE12345678', 'äöü', 'été 🦀 x', '12345', 'anna', 'pro', 'paid', 0, 1.5, '2000-02-29', \
             '2000-02-29 10:11:12.123', '2000-02-29 10:11:12', 100, 1000, 50, 1.5, 2.5, 7), \
             (2, 'B', 'DE9999', '', '', '', '', '', 'new', 1, 0, '0000-00-00', '0000-00-00', '0000-00-00', 0, 0, 0, 0, 0, 0), \
             (3, 'C', 'abcdef', '12', 'ab', '1', 'x', 'it''s free', 'it''s', 1, 9.99, '2024-02-30', '2024-02-30 10:00:00', \
              '1970-01-01 00:00:01', 99999999.99, 18446744073709551615, 255, 1.7e308, 3.4e38, 2147483647), \
             (4, 'D', 'abcdefg', '123', 'abcd', '12', 'y', 'z', 'paid', -1, -99999.999, '9999-12-31', '9999-12-31 23:59:59.999', \
              '2038-01-19 03:14:07', -99999999.99, 1, 1, -1e-10, 1e-10, -2147483648), \
             (5, 'E', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
             (6, 'F', 'x', 'x', 'x', 'x', 'x', 'x', 'new', 1, 1, '2024-05-00', '0001-01-01', '2000-01-01', 0.01, 99, 3, 90, 1, 1)"
        ),
    );
    for step in 0..9 {
        let shift = 10 << step;
        exec(
            &mut source,
            &format!(
                "{insert} SELECT id + {shift}, kind, CONCAT(iban, id), pin, CONCAT(note, id), CONCAT(zip, '9'), login, plan, state, active, price, \
                 IF(born > '1900-01-01' AND born < '2100-01-01' AND DAY(born) < 29, born + INTERVAL {step} DAY, born), seen, stamp, pay, votes, \
                 age, lat, size, score FROM more WHERE id <= {shift}"
            ),
        );
    }
    let same: Vec<String> = names.iter().map(|name| format!("{name}0 = {name}")).collect();
    exec(&mut source, &format!("UPDATE more SET {}, touched = touched", same.join(", ")));
    load_all(site, mask_at, TYPES);
    let nulls: Vec<String> =
        names.iter().map(|name| format!("({name} IS NULL) = ({name}0 IS NULL)")).collect();
    let conditions = [
        "touched = '2001-02-03 04:05:06'",
        "iban IS NULL OR iban = CASE WHEN iban0 LIKE 'DE9%' THEN iban0 WHEN CHAR_LENGTH(iban0) > 6 THEN \
         CONCAT(LEFT(iban0, 2), REPEAT('*', CHAR_LENGTH(iban0) - 6), RIGHT(iban0, 4)) ELSE REPEAT('*', CHAR_LENGTH(iban0)) END",
        "pin IS NULL OR pin = IF(CHAR_LENGTH(pin0) > 2, CONCAT(REPEAT('#', CHAR_LENGTH(pin0) - 2), RIGHT(pin0, 2)), \
         REPEAT('#', CHAR_LENGTH(pin0)))",
        "note IS NULL OR note = LEFT(note0, 3)",
        "zip IS NULL OR zip = CONCAT(LEFT(zip0, 2), '000')",
        "login IS NULL OR login = CONCAT('user', id, '-', LOWER(kind), ' it''s ', CHAR(92))",
        "plan IS NULL OR plan = 'it''s free'",
        "state IS NULL OR state = 'it''s'",
        "active IS NULL OR active = 1",
        "price IS NULL OR price = 9.99",
        "born IS NULL OR IF(YEAR(born0) = 0 OR DAY(born0) = 0, born = 0, born <> born0 AND (born0 = '2024-02-30' OR \
         ABS(DATEDIFF(born, born0)) BETWEEN 1 AND 30))",
        "born IS NULL OR born0 <> '2024-02-30' OR ABS(DATEDIFF(born, '2024-02-29')) BETWEEN 1 AND 30",
        "seen IS NULL OR IF(YEAR(seen0) = 0, seen = 0, seen0 = '2024-02-30 10:00:00' OR \
         (ABS(DATEDIFF(seen, seen0)) BETWEEN 1 AND 3 AND TIME(seen) = TIME(seen0)))",
        "stamp IS NULL OR IF(YEAR(stamp0) = 0, stamp = 0, ABS(DATEDIFF(stamp, stamp0)) BETWEEN 1 AND 300 AND TIME(stamp) = TIME(stamp0))",
        "pay IS NULL OR IF(pay0 = 0, pay = 0, pay <> pay0 AND ABS(pay - pay0) <= GREATEST(0.01, ABS(pay0) * 0.1001))",
        "votes IS NULL OR IF(votes0 = 0, votes = 0, votes <> votes0 AND \
         ABS(CAST(votes AS DECIMAL(30)) - CAST(votes0 AS DECIMAL(30))) <= GREATEST(1, votes0 * 0.0101))",
        "age IS NULL OR IF(age0 = 0, age = 0, age <> age0 AND ABS(age * 1e0 - age0) <= GREATEST(1, age0 * 0.2 + 0.5))",
        "lat IS NULL OR IF(lat0 = 0, lat = 0, lat <> lat0 AND ABS(lat - lat0) <= ABS(lat0) * 0.0501)",
        "size IS NULL OR IF(size0 = 0, size = 0, size <> size0 AND ABS(size - size0) <= ABS(size0) * 1.0001)",
        "score IS NULL OR score = id * 2 + 1",
    ];
    let conditions: Vec<&str> = conditions.into_iter().chain(nulls.iter().map(String::as_str)).collect();
    let mut target = site.target_conn();
    exec(&mut target, "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'");
    all_hold(site, "more", &conditions);
    let ruled: Vec<String> = names.iter().map(|name| format!("more.{name}")).collect();
    let except: Vec<&str> = ruled.iter().map(String::as_str).collect();
    assert!(
        oracle::contents(&mut source, &except) == oracle::contents(&mut target, &except),
        "columns without a rule changed"
    );
    assert!(
        count(&mut target, "more WHERE pay > pay0") > 0 && count(&mut target, "more WHERE pay < pay0") > 0
    );
}

const DOCUMENTS: &str = r#"[sanitize.docs]
doc = { type = "json", paths = { "$.email" = "email", "$.\"full name\"" = "name", "$.tags[*].name" = "text", "$.secret" = "null", "$.pets[0]" = { type = "fixed", value = "Rex \"é\"" }, "$.n" = { type = "fixed", value = 5 }, "$.flag" = { type = "fixed", value = false } } }
words = { type = "json", paths = { "$.a.b" = "phone" } }
"#;

fn documents(site: &Site<'_>, mask_at: &str) {
    let mut source = site.source_conn();
    exec(
        &mut source,
        "CREATE TABLE docs (id INT NOT NULL PRIMARY KEY, doc JSON NULL, words LONGTEXT NULL) ENGINE=InnoDB",
    );
    let many: Vec<String> = (0..65).map(|n| format!("{{\"name\": \"secret{n}\"}}")).collect();
    let rows = [
        (
            r#"{"email": "anna@real.de", "full name": "Anna", "tags": [{"name": "secret a", "x": 1}, {"name": null}, {"x": 2}, 7], "big": 12345678901234567, "f": 1.5, "é": "ü"}"#,
            r#"{"a": {"b": "030 123", "c": [1, 2]}}"#,
        ),
        (
            r#"{"secret": {"deep": "secret"}, "pets": ["secret", "Tom"], "n": "secret", "flag": "secret"}"#,
            "no document: secret",
        ),
        (r#"{"email": null, "other": true}"#, ""),
        ("[1, \"kept\", null]", "{\"a\": \"kept\"}"),
        ("\"kept\"", "5"),
        ("null", "null"),
    ];
    for (id, (doc, words)) in rows.iter().enumerate() {
        source.exec_drop("INSERT INTO docs VALUES (?, ?, ?)", (id + 1, doc, words)).unwrap();
    }
    source
        .exec_drop(
            "INSERT INTO docs VALUES (100, ?, NULL), (101, NULL, NULL)",
            (format!("{{\"tags\": [{}]}}", many.join(",")),),
        )
        .unwrap();
    // MariaDB keeps documents as they are written: keys twice, keys with escapes.
    let twice = r#"{"email": "x", "email": "secret"}"#;
    let escaped = r#"{"\u0065mail": "secret", "k": 1}"#;
    let escaped_many = format!("{{\"\\u0074ags\": [{}]}}", many.join(","));
    source.exec_drop("INSERT INTO docs VALUES (104, ?, NULL)", (escaped_many,)).unwrap();
    source
        .exec_drop(
            "INSERT INTO docs VALUES (102, ?, ?), (103, ?, NULL)",
            (twice, r#"{"a":{"b":1},"a":{"b":"secret"}}"#, escaped),
        )
        .unwrap();
    load_all(site, mask_at, DOCUMENTS);
    let mut target = site.target_conn();
    assert_eq!(count(&mut target, "docs WHERE doc LIKE '%secret%' AND id <> 2 OR words LIKE '%secret%'"), 0);
    let mail = "JSON_UNQUOTE(JSON_EXTRACT(doc, '$.email')) REGEXP '^[0-9a-f-]{36}@example[.]test$'";
    for (id, condition) in [
        (1, mail),
        (1, "JSON_UNQUOTE(JSON_EXTRACT(doc, '$.\"full name\"')) = 'User_1'"),
        (1, "JSON_UNQUOTE(JSON_EXTRACT(doc, '$.tags[0].name')) REGEXP '^text_[0-9a-f]{32}$'"),
        (1, "JSON_TYPE(JSON_EXTRACT(doc, '$.tags[1].name')) = 'NULL'"),
        (1, "JSON_LENGTH(doc, '$.tags') = 4 AND JSON_EXTRACT(doc, '$.tags[3]') = 7"),
        (1, "JSON_CONTAINS_PATH(doc, 'one', '$.tags[2].name', '$.secret', '$.n') = 0"),
        (1, "JSON_EXTRACT(doc, '$.big') = 12345678901234567 AND JSON_EXTRACT(doc, '$.f') = 1.5"),
        (1, "JSON_UNQUOTE(JSON_EXTRACT(doc, '$.\"é\"')) = 'ü'"),
        (
            1,
            "JSON_UNQUOTE(JSON_EXTRACT(words, '$.a.b')) = '+15550000001' AND JSON_LENGTH(words, '$.a.c') = 2",
        ),
        (2, "JSON_TYPE(JSON_EXTRACT(doc, '$.secret')) = 'NULL' AND JSON_EXTRACT(doc, '$.n') = 5"),
        (
            2,
            "JSON_TYPE(JSON_EXTRACT(doc, '$.flag')) = 'BOOLEAN' AND JSON_TYPE(JSON_EXTRACT(doc, '$.n')) = 'INTEGER'",
        ),
        (
            2,
            "JSON_UNQUOTE(JSON_EXTRACT(doc, '$.pets[0]')) = 'Rex \"é\"' AND JSON_UNQUOTE(JSON_EXTRACT(doc, '$.pets[1]')) = 'Tom'",
        ),
        (2, "words = '{}'"),
        (3, "JSON_TYPE(JSON_EXTRACT(doc, '$.email')) = 'NULL' AND words = '{}'"),
        (4, "JSON_LENGTH(doc) = 3 AND JSON_UNQUOTE(JSON_EXTRACT(words, '$.a')) = 'kept'"),
        (5, "JSON_UNQUOTE(doc) = 'kept' AND words = '5'"),
        (6, "JSON_TYPE(doc) = 'NULL' AND words = 'null'"),
        (100, "JSON_LENGTH(doc) = 0 AND words IS NULL"),
        (101, "doc IS NULL"),
    ] {
        assert_eq!(
            count(&mut target, &format!("docs WHERE id = {id} AND {condition}")),
            1,
            "{id}: {condition}"
        );
    }
}

fn some_rows(site: &Site<'_>, mask_at: &str) {
    let mut source = site.source_conn();
    exec(
        &mut source,
        "CREATE TABLE people (id INT NOT NULL PRIMARY KEY, role VARCHAR(20) NULL, mail VARCHAR(90) NOT NULL, name VARCHAR(90) NOT NULL, \
         phone VARCHAR(90) NULL, edited DATETIME NULL ON UPDATE CURRENT_TIMESTAMP) ENGINE=InnoDB",
    );
    exec(
        &mut source,
        "INSERT INTO people VALUES (1, 'staff', 'a@corp.example', 'Anna', '1', NULL), (2, 'customer', 'b@real.de', 'Bert', '2', NULL), \
         (3, NULL, 'c@real.de', 'Carl', '3', NULL), (4, 'STAFF', 'd@real.de', 'Dora', '4', NULL), (5, 'staff', 'e@keep.example', 'Emil', NULL, NULL)",
    );
    load_all(
        site,
        mask_at,
        "[sanitize.people]\nmail = { type = \"email\", where = \"role <> 'staff'\", exclude = [\"*@keep.example\"] }\n\
         name = { type = \"name\", where = \"mail NOT LIKE '%@corp.example'\" }\n\
         phone = { type = \"null\", where = \"name <> 'Bert'\" }\n",
    );
    all_hold(
        site,
        "people",
        &[
            "edited IS NULL",
            "CASE WHEN id IN (1, 4, 5) THEN mail REGEXP '^[ade]@' ELSE mail REGEXP '^[0-9a-f-]{36}@example[.]test$' END",
            "CASE WHEN id = 1 THEN name = 'Anna' ELSE name = CONCAT('User_', id) END",
            "CASE WHEN id = 2 THEN phone = '2' ELSE phone IS NULL END",
        ],
    );
}

/// Many ranges of a key that is a text: its hash stands for the row, distinct in a unique index.
fn natural_key(site: &Site<'_>, mask_at: &str) {
    let mut source = site.source_conn();
    exec(
        &mut source,
        "CREATE TABLE people (code VARCHAR(40) CHARACTER SET latin1 NOT NULL PRIMARY KEY, n INT NOT NULL, login VARCHAR(60) NOT NULL, \
         note VARCHAR(60) NULL, edited DATETIME NULL ON UPDATE CURRENT_TIMESTAMP, UNIQUE KEY by_login (login)) ENGINE=InnoDB",
    );
    exec(&mut source, "INSERT INTO people VALUES ('k0', 0, 'anna0', 'secret 0', NULL)");
    for step in 0..14 {
        let more = 1 << step;
        exec(
            &mut source,
            &format!(
                "INSERT INTO people SELECT CONCAT('k', n + {more}), n + {more}, CONCAT('anna', n + {more}), CONCAT('secret ', n + {more}), NULL \
                 FROM people"
            ),
        );
    }
    load_all(
        site,
        mask_at,
        "[sanitize.people]\nlogin = { type = \"sql\", expression = \"CONCAT('user-', {id})\" }\n\
         note = { type = \"sql\", expression = \"CONCAT('of ', login)\", where = \"n MOD 3 <> 0\" }\n",
    );
    all_hold(
        site,
        "people",
        &[
            "edited IS NULL AND code = CONCAT('k', n)",
            "login REGEXP '^user-[0-9a-f]{20,32}$'",
            "note = IF(n % 3 = 0, CONCAT('secret ', n), CONCAT('of anna', n))",
        ],
    );
    let mut target = site.target_conn();
    let distinct: Option<u64> = target.query_first("SELECT COUNT(DISTINCT login) FROM people").unwrap();
    assert_eq!(distinct, Some(1 << 14));
    let log = site.serve().log();
    assert!(log.contains("`by_login` of table `people` depends on masked values that may collide"), "{log}");
}

fn caught(site: &Site<'_>, mask_at: &str) {
    let mut source = site.source_conn();
    exec(
        &mut source,
        "CREATE TABLE people (id INT NOT NULL PRIMARY KEY, mail VARCHAR(90) NULL) ENGINE=InnoDB",
    );
    exec(
        &mut source,
        "INSERT INTO people VALUES (1, 'canary-1@real.de'), (2, 'canary-2@real.de'), (3, NULL)",
    );
    let rule = "[sanitize.people]\nmail = { type = \"sql\", expression = \"CONCAT({column}, '')\" }\n";
    site.configure_server(&format!("mask_at = \"{mask_at}\""), rule);
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["people"]);
    let status = http.finished(&run);
    assert_eq!(status.phase, RunPhase::Failed);
    let error = status.error.unwrap();
    assert_eq!(error.code, Code::MasksFailed);
    assert!(error.error.contains("2 of 2 rows of table `people`"), "{}", error.error);
    assert!(error.error.contains("column `mail`"), "{}", error.error);
    let stream = http.get(&format!("dump/people?run={run}"));
    assert_eq!(stream.code(), Code::MasksFailed);
    site.structure_to_target();
    let pulled = site.pull_command(&serve.url, &["--yes"]).output().unwrap();
    let printed = both(&pulled);
    assert_eq!(pulled.status.code(), Some(10), "{printed}");
    for text in [printed, serve.log(), error.error, stream.text()] {
        assert!(!text.contains("canary"), "{text}");
    }
    drop(serve);
    // What a mask makes may be there already, in whatever way its column stores it.
    exec(
        &mut source,
        "CREATE TABLE done (id INT NOT NULL PRIMARY KEY, e ENUM('größe','b') CHARACTER SET latin1 NULL, c CHAR(9) NULL, f FLOAT NULL, \
         d DOUBLE NULL, n DECIMAL(9,4) NULL, y YEAR NULL, j JSON NULL, t TIMESTAMP(3) NULL, v VARCHAR(9) CHARACTER SET latin1 NULL, \
         name VARCHAR(90) NULL, b BINARY(9) NULL) ENGINE=InnoDB",
    );
    exec(
        &mut source,
        "INSERT INTO done VALUES (1, 'größe', 'a', 0.1, 0.1, 0.1, 1970, '[1,2]', '2000-01-01 00:00:00', 'ä', 'User_1', 'x')",
    );
    site.configure_server(
        &format!("mask_at = \"{mask_at}\""),
        "[sanitize.done]\ne = { type = \"fixed\", value = \"größe\" }\nc = { type = \"fixed\", value = \"a \" }\n\
         f = { type = \"fixed\", value = 0.1 }\nd = { type = \"fixed\", value = 0.1 }\nn = { type = \"fixed\", value = 0.1 }\n\
         y = { type = \"sql\", expression = \"70\" }\nj = { type = \"fixed\", value = \"[1,2]\" }\n\
         t = { type = \"fixed\", value = \"2000-01-01\" }\nv = { type = \"fixed\", value = \"ä\" }\nname = \"name\"\n\
         b = { type = \"fixed\", value = \"x\" }\n",
    );
    let serve = site.serve();
    let http = Http::new(&serve);
    http.complete(&http.begin(&["done"]));
    drop(serve);
    // One value that an expression leaves is no proof of a bad one.
    site.configure_server(
        &format!("mask_at = \"{mask_at}\""),
        "[sanitize.people]\nmail = { type = \"sql\", expression = \"IF(id = 1, {column}, 'x')\" }\n",
    );
    let serve = site.serve();
    let http = Http::new(&serve);
    http.complete(&http.begin(&["people"]));
}

fn any_table(site: &Site<'_>) {
    let mut source = site.source_conn();
    for (table, columns) in [
        ("a", "id INT NOT NULL PRIMARY KEY, Token VARCHAR(90) NULL"),
        ("b", "id INT NOT NULL PRIMARY KEY, token VARCHAR(90) NULL, n VARCHAR(9) NULL"),
        ("c", "id INT NOT NULL PRIMARY KEY, token VARCHAR(90) NOT NULL"),
        ("d", "id INT NOT NULL PRIMARY KEY, token INT NOT NULL"),
    ] {
        exec(&mut source, &format!("CREATE TABLE {table} ({columns}) ENGINE=InnoDB"));
    }
    exec(&mut source, "INSERT INTO a VALUES (1, 'secret')");
    exec(&mut source, "INSERT INTO b VALUES (1, 'secret', 'kept')");
    exec(&mut source, "INSERT INTO c VALUES (1, 'secret')");
    exec(&mut source, "INSERT INTO d VALUES (1, 5)");
    let star = "[sanitize.\"*\"]\nTOKEN = \"null\"\nno_such_column = \"null\"\n";
    site.configure_server("", star);
    let (exit, printed) = site.serve_refused();
    assert_eq!(exit, 3, "{printed}");
    for part in
        ["[sanitize.\"*\"] TOKEN: column `token` of table `c` is NOT NULL", "table `d`", "under [sanitize.d]"]
    {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    load_all(
        site,
        "update",
        &format!(
            "exclude_tables = [\"d\"]\n{star}[sanitize.c]\ntoken = {{ type = \"fixed\", value = \"none\" }}\n"
        ),
    );
    let mut target = site.target_conn();
    assert_eq!(count(&mut target, "a WHERE token IS NULL"), 1);
    assert_eq!(count(&mut target, "b WHERE token IS NULL AND n = 'kept'"), 1);
    assert_eq!(count(&mut target, "c WHERE token = 'none'"), 1);
    let serve = site.serve();
    assert!(serve.log().contains("no_such_column protects nothing"), "{}", serve.log());
}

fn refused(site: &Site<'_>) {
    let mut source = site.source_conn();
    exec(
        &mut source,
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, code VARCHAR(20) NULL, n TINYINT NULL, d DATE NULL, \
         twice INT AS (id * 2) VIRTUAL, UNIQUE KEY by_code (code)) ENGINE=InnoDB",
    );
    exec(&mut source, "INSERT INTO t (id, name, code, n) VALUES (1, 'canary-name', 'canary-code', 1)");
    for (rule, named) in [
        (r#"name = { type = "sql", expression = "(SELECT 'x')" }"#, "`expression`"),
        (r#"name = { type = "sql", expression = "SLEEP(1)" }"#, "calls `SLEEP`"),
        (r#"name = { type = "sql", expression = " ( {column} ) " }"#, "gives every value back"),
        (r#"name = { type = "sql", expression = "`name`" }"#, "nothing but itself"),
        (r#"name = { type = "sql", expression = "CONCAT(nmae, 'x')" }"#, "did you mean `name`"),
        (r#"name = { type = "sql", expression = "CONCAT(twice, 'x')" }"#, "generated column `twice`"),
        (r#"name = { type = "sql", expression = "CONCAT({column}" }"#, "line 10"),
        (r#"name = { type = "sql", expression = "IF({column}, 'x')" }"#, "trying the masks"),
        (r#"name = { type = "sql", expression = "REPEAT('x', 21)" }"#, "is longer than 20"),
        (r#"name = { type = "sql", expression = "NULLIF(id, 1)" }"#, "is NULL"),
        (r#"n = { type = "sql", expression = "id + 127" }"#, "from -128 to 127"),
        (r#"name = { type = "text", where = "name" }"#, "nothing but the column `name`"),
        (r#"name = { type = "keep", frist = 1, last = 1 }"#, "did you mean `first`"),
        (
            r#"name = { type = "fixed", value = "canary, but longer than the column" }"#,
            "20 characters at most",
        ),
        (r#"code = { type = "keep", last = 4 }"#, "results of `keep` are not distinct"),
        (r#"n = { type = "fixed", value = 128 }"#, "from -128 to 127"),
        (r#"d = { type = "noise", percent = 5 }"#, "cannot hold results of `noise`"),
        (r#"n = { type = "shift", days = 0 }"#, "from 1 to 3650"),
    ] {
        site.configure_server("", &format!("[sanitize.t]\n{rule}\n"));
        let (exit, printed) = site.serve_refused();
        assert_eq!(exit, 3, "{rule}: {printed}");
        assert!(printed.contains(named), "{rule}: `{named}` is not in:\n{printed}");
        assert!(!printed.contains("canary"), "{rule}: {printed}");
    }
    // Masks that read each other cannot be set by an UPDATE.
    let rules = "[sanitize.t]\nname = { type = \"text\", where = \"code <> 'x'\" }\ncode = { type = \"null\", where = \"name <> 'x'\" }\n";
    exec(&mut source, "ALTER TABLE t MODIFY name VARCHAR(90) NOT NULL");
    site.configure_server("mask_at = \"update\"", rules);
    let (exit, printed) = site.serve_refused();
    assert!(
        exit == 3 && printed.contains("read each other") && printed.contains("`name`, `code`"),
        "{printed}"
    );
    site.configure_server("mask_at = \"copy\"", rules);
    drop(site.serve());
}

fn table_masks(site: &Site<'_>, options: &[(&str, &str)]) -> TableMasks {
    let schema = {
        let endpoint = site.source.endpoint(&site.source_db);
        let mut conn = backfill::db::Connection::open(&endpoint, backfill::db::Role::Source).unwrap();
        backfill::db::introspect::load_schema(&mut conn, &site.source_db).unwrap()
    };
    let rule = |column: &str, mask: Mask, condition| Rule {
        table: "s".into(),
        column: column.into(),
        mask,
        exclude: if column == "mail" { vec!["*@keep.example".into()] } else { Vec::new() },
        condition,
    };
    let sql = |text: &str| {
        let given = [("expression".to_owned(), backfill::plan::sanitize::OptionValue::Text(text.to_owned()))];
        parse("sql", &given).unwrap().mask
    };
    let mut rules = vec![rule("mail", Mask::Email, None), rule("name", Mask::Name, None)];
    rules.extend(options.iter().map(|(column, text)| rule(column, sql(text), None)));
    let facts = Facts { salt: "00ff", by_update: true, ..Facts::default() };
    plan(&rules, &schema, &facts).unwrap().for_table("s").unwrap().clone()
}

/// Counts of a comparison: for each column how many rows had to be masked and how many are not.
fn counts(conn: &mut Conn, masks: &TableMasks) -> Vec<(u64, u64)> {
    let (proofs, read) = masks.proofs(&Ident::new(Compare::COPY), &Ident::new(Compare::SOURCE));
    let copy = WorkspaceTable::inside(&WorkspaceName::new(7, 1), "c");
    let compare = Compare {
        copy: copy.clone(),
        read,
        walk: (WalkKey { index: "PRIMARY".into(), columns: vec!["a".into(), "b".into()] }, Range::default()),
        limit: 1000,
        source: TableName::bare("s"),
        index: "PRIMARY".into(),
        conditions: proofs.into_iter().flat_map(|proof| [proof.masked, proof.unmasked]).collect(),
    };
    let row: mysql::Row =
        conn.query_first(compare.to_string().replace(&copy.to_string(), "c")).unwrap().unwrap();
    let numbers: Vec<u64> = (0..row.len()).map(|at| row.get(at).unwrap()).collect();
    numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect()
}

fn proof(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let columns = "(a INT NOT NULL, b VARCHAR(9) NOT NULL, mail VARCHAR(90) NULL, name VARCHAR(90) NULL, note VARCHAR(90) NULL, PRIMARY KEY (a, b)) ENGINE=InnoDB";
    exec(&mut conn, &format!("CREATE TABLE s {columns}"));
    exec(
        &mut conn,
        "INSERT INTO s VALUES (1, 'x', 'a@real.de', 'Anna', 'fixed'), (1, 'y', 'b@keep.example', 'Bert', 'other'), (2, 'x', NULL, NULL, NULL)",
    );
    let masks = table_masks(site, &[("note", "'fixed'")]);
    exec(&mut conn, &format!("CREATE TABLE c {columns}"));
    exec(&mut conn, "INSERT INTO c SELECT * FROM s");
    // Raw: what had to be masked and is not, but for values that their mask would leave.
    assert_eq!(counts(&mut conn, &masks), [(1, 1), (2, 2), (2, 1)]);
    let set: Vec<String> = masks
        .update_assignments()
        .unwrap()
        .iter()
        .map(|(name, mask)| format!("{name} = {}", mask.sql()))
        .collect();
    exec(&mut conn, &format!("UPDATE c SET {}", set.join(", ")));
    assert_eq!(counts(&mut conn, &masks), [(1, 0), (2, 0), (2, 0)]);
    // The source moves on meanwhile: no alarm. One row that was missed: an alarm.
    exec(&mut conn, "UPDATE s SET mail = 'new@real.de', name = 'Beate' WHERE b = 'y'");
    assert_eq!(counts(&mut conn, &masks).iter().map(|pair| pair.1).sum::<u64>(), 0);
    exec(&mut conn, "UPDATE c SET name = 'Anna' WHERE a = 1 AND b = 'x'");
    assert_eq!(counts(&mut conn, &masks)[1], (2, 1));
}
