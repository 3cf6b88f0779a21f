//! Types that choose by a seed: from built-in lists, from lists of the configuration, addresses, digits. On real servers,
//! with the binary.

use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::srv_http::load_all;
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;

const KEY: &str = "key-of-the-tests-0123456789-abcdef";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (mask_at, key) in [("update", None), ("copy", Some(KEY))] {
            let how = if key.is_some() { "keyed" } else { "random" };
            add(
                format!("masks_lists::values_are_invented_in_shape::{how}_{}", short(flavour)),
                Box::new(move |servers| {
                    invented(&Site::new(servers, flavour, flavour), flavour, mask_at, key);
                }),
            );
        }
        add(
            format!("masks_lists::what_does_not_fit_is_refused::{}", short(flavour)),
            Box::new(move |servers| refused(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// Column, type, rule, and what holds of every new value `x` (beside being NULL where the old one is). Each column
/// has a twin `x0` that keeps the old value.
const COLUMNS: &[(&str, &str, &str, &str)] = &[
    (
        "first",
        "VARCHAR(9) CHARACTER SET latin1",
        r#"{ type = "first_name", exclude = ["kéep*"] }"#,
        "IF(first0 LIKE 'kéep%', first = first0, first REGEXP '^[A-Z][a-z-]+$')",
    ),
    ("last", "CHAR(9) CHARACTER SET ascii", r#""last_name""#, "last REGEXP '^[A-Z][a-z]+$'"),
    (
        "full",
        "VARCHAR(19) CHARACTER SET utf16",
        r#"{ type = "full_name", where = "id <> 2" }"#,
        "IF(id = 2, full = full0, CONVERT(full USING utf8mb4) REGEXP '^[A-Z][a-z-]+ [A-Z][a-z]+$')",
    ),
    (
        "street",
        "TEXT CHARACTER SET utf32",
        r#""street""#,
        "CONVERT(street USING utf8mb4) REGEXP '^1?[0-9]?[0-9] [A-Z][A-Za-z ]+$'",
    ),
    ("city", "VARBINARY(12)", r#""city""#, "CONVERT(city USING utf8mb4) REGEXP '^[A-Z][A-Za-z ]+$'"),
    (
        "company",
        "VARCHAR(23) CHARACTER SET sjis",
        r#""company""#,
        "CONVERT(company USING utf8mb4) REGEXP '^[A-Z][a-z]+ [A-Z][A-Za-z ]+$'",
    ),
    (
        "plan",
        "ENUM('new','größe','it''s') CHARACTER SET latin1",
        r#"{ type = "pick", values = ["größe", "it's"] }"#,
        "plan IN ('größe', 'it''s')",
    ),
    ("note", "VARCHAR(9)", r#"{ type = "pick", values = ["ä", 5, "日本"] }"#, "note IN ('ä', '5', '日本')"),
    ("score", "TINYINT UNSIGNED", r#"{ type = "pick", values = [0, 255] }"#, "score IN (0, 255)"),
    ("price", "DECIMAL(5,2)", r#"{ type = "pick", values = [-1.5, 999.99] }"#, "price IN (-1.5, 999.99)"),
    (
        "ratio",
        "FLOAT",
        r#"{ type = "pick", values = [0.5, 0.1] }"#,
        "ratio BETWEEN 0.09 AND 0.11 OR ratio = 0.5",
    ),
    (
        "day",
        "DATE",
        r#"{ type = "pick", values = ["2000-02-29", "1999-12-31"] }"#,
        "day IN ('2000-02-29', '1999-12-31')",
    ),
    ("ip", "VARCHAR(45)", r#""ip""#, IP),
    (
        "ip4",
        "VARCHAR(15) CHARACTER SET latin1",
        r#""ip""#,
        "ip4 REGEXP '^(192[.]0[.]2|198[.]51[.]100|203[.]0[.]113)[.][0-9]+$'",
    ),
    ("ip_var", "VARBINARY(16)", r#""ip""#, BYTES),
    (
        "ip_bin",
        "BINARY(16)",
        r#""ip""#,
        "IF(HEX(ip_bin0) LIKE '%000000000000000000000000', HEX(ip_bin) REGEXP '^(C00002|C63364|CB0071)[0-9A-F]{2}0{24}$', HEX(ip_bin) LIKE '20010DB8%')",
    ),
    (
        "ip_int",
        "INT UNSIGNED",
        r#""ip""#,
        "INET_NTOA(ip_int) REGEXP '^(192[.]0[.]2|198[.]51[.]100|203[.]0[.]113)[.][0-9]+$'",
    ),
    ("phone", "VARCHAR(20)", r#""digits""#, "CHAR_LENGTH(phone) = CHAR_LENGTH(phone0)"),
    ("card", "CHAR(19) CHARACTER SET utf16", r#""digits""#, "CHAR_LENGTH(card) = CHAR_LENGTH(card0)"),
    (
        "remark",
        "VARCHAR(200) CHARACTER SET latin1",
        r#""digits""#,
        "CHAR_LENGTH(remark) = CHAR_LENGTH(remark0)",
    ),
    (
        "account",
        "BIGINT UNSIGNED",
        r#""digits""#,
        "account <> account0 AND CHAR_LENGTH(account) = CHAR_LENGTH(account0)",
    ),
    ("small", "TINYINT", r#""digits""#, "small <> small0 AND CHAR_LENGTH(small) = CHAR_LENGTH(small0)"),
    ("big", "BIGINT", r#""digits""#, "big <> big0 AND CHAR_LENGTH(big) = CHAR_LENGTH(big0)"),
    (
        "doc",
        "JSON",
        r#"{ type = "json", paths = { "$.name" = "full_name", "$.ips[*]" = "ip", "$.plan" = { type = "pick", values = [5, "\"é\\"] }, "$.work" = "company" } }"#,
        DOC,
    ),
];

const IP: &str = "CASE WHEN ip0 LIKE '::ffff:%' THEN ip REGEXP '^::ffff:(192[.]0[.]2|198[.]51[.]100|203[.]0[.]113)[.][0-9]+$' \
     WHEN ip0 LIKE '%::%' THEN ip LIKE '2001:db8:%' AND IS_IPV6(ip) ELSE ip REGEXP '^(192[.]0[.]2|198[.]51[.]100|203[.]0[.]113)[.][0-9]+$' END";
const BYTES: &str = "CASE WHEN HEX(ip_var0) LIKE '00000000000000000000FFFF%' THEN HEX(ip_var) REGEXP '^00000000000000000000FFFF(C00002|C63364|CB0071)' \
     WHEN LENGTH(ip_var0) = 16 THEN HEX(ip_var) LIKE '20010DB8%' ELSE HEX(ip_var) REGEXP '^(C00002|C63364|CB0071)' END \
     AND LENGTH(ip_var) = LENGTH(ip_var0)";
const DOC: &str = r#"JSON_UNQUOTE(JSON_EXTRACT(doc, '$.name')) REGEXP '^[A-Z][a-z-]+ [A-Z][a-z]+$'
     AND JSON_UNQUOTE(JSON_EXTRACT(doc, '$.ips[0]')) LIKE '2001:db8:%' AND JSON_UNQUOTE(JSON_EXTRACT(doc, '$.ips[1]')) REGEXP '^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$'
     AND (JSON_TYPE(JSON_EXTRACT(doc, '$.plan')) = 'INTEGER' OR HEX(JSON_UNQUOTE(JSON_EXTRACT(doc, '$.plan'))) = '22C3A95C')
     AND JSON_EXTRACT(doc, '$.other') = 7 AND JSON_CONTAINS_PATH(doc, 'one', '$.work') = 0"#;

/// What only MariaDB has.
const INET: &[(&str, &str, &str, &str)] = &[
    (
        "old4",
        "INET4",
        r#""ip""#,
        "CAST(old4 AS CHAR) REGEXP '^(192[.]0[.]2|198[.]51[.]100|203[.]0[.]113)[.][0-9]+$'",
    ),
    (
        "old6",
        "INET6",
        r#"{ type = "ip", where = "id <> 3" }"#,
        "CASE WHEN id = 3 THEN old6 = old60 WHEN CAST(old60 AS CHAR) LIKE '::ffff:%' THEN CAST(old6 AS CHAR) LIKE '::ffff:%' AND old6 <> '::ffff:10.0.0.1' \
         ELSE CAST(old6 AS CHAR) LIKE '2001:db8:%' END",
    ),
];

const ROWS: &[&str] = &[
    "'canary', 'canary', 'Canary Canary', '1 Canary St', 'Canaryville', 'Canary Ltd', 'new', 'canary', 7, 7, 7, '2024-01-01', 'fe80::1', '10.1.2.3', \
     INET6_ATON('10.0.0.1'), INET6_ATON('10.0.0.1'), INET_ATON('10.0.0.1'), '+49 (30) 1234-5', '4111 1111 1111 1111', 'tel 030/12', 12345678, 7, -9223372036854775808, \
     '{\"name\": \"Canary\", \"ips\": [\"fe80::1\", \"10.0.0.1\"], \"plan\": \"canary\", \"other\": 7}'",
    "'kéep 1', 'canary', 'Canary Kept', 'Canary Way', 'Canaryville', 'Canary', 'größe', 'ä', 255, 999.99, 0.1, '2000-02-29', '::ffff:10.0.0.1', '10.1.2.4', \
     INET6_ATON('::ffff:10.0.0.1'), INET6_ATON('fe80::1'), 0, '٠٣٠ 123', '0', CONCAT('1', REPEAT('ä5', 99)), 18446744073709551615, -128, 9223372036854775807, \
     '{\"name\": \"Canary\", \"ips\": [\"::1\", 5], \"plan\": 5, \"other\": 7}'",
    "'', '', '', '', '', '', 'it''s', '', 0, 0, 0, '1000-01-01', '', '', INET6_ATON('fe80::9'), INET6_ATON('fe80::2'), 4294967295, '', 'none', '', 0, 0, 0, \
     '{\"name\": \"\", \"ips\": [\"a::b:c\", \"x\"], \"plan\": [], \"other\": 7}'",
    "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
];
const INET_ROWS: &[&str] =
    &["'10.0.0.1', '::ffff:10.0.0.1'", "'0.0.0.0', 'fe80::1'", "'255.255.255.255', '::1'", "NULL, NULL"];

fn invented(site: &Site<'_>, flavour: Flavour, mask_at: &str, key: Option<&str>) {
    let with_inet = flavour == Flavour::Mariadb;
    let columns: Vec<_> = COLUMNS.iter().chain(INET.iter().filter(|_| with_inet)).collect();
    let mut source = site.source_conn();
    let twins: Vec<String> =
        columns.iter().map(|(name, ty, ..)| format!("`{name}` {ty} NULL, `{name}0` {ty} NULL")).collect();
    exec(
        &mut source,
        &format!("CREATE TABLE invented (id INT NOT NULL PRIMARY KEY, {}) ENGINE=InnoDB", twins.join(", ")),
    );
    let names: Vec<String> = columns.iter().map(|(name, ..)| format!("`{name}`")).collect();
    for (id, row) in ROWS.iter().enumerate() {
        let inet = if with_inet { format!(", {}", INET_ROWS[id]) } else { String::new() };
        exec(
            &mut source,
            &format!("INSERT INTO invented (id, {}) VALUES ({}, {row}{inet})", names.join(", "), id + 1),
        );
    }
    for step in 0..6 {
        let more = ROWS.len() << step;
        let names = names.join(", ");
        exec(
            &mut source,
            &format!("INSERT INTO invented (id, {names}) SELECT id + {more}, {names} FROM invented"),
        );
    }
    let same: Vec<String> = columns.iter().map(|(name, ..)| format!("`{name}0` = `{name}`")).collect();
    exec(&mut source, &format!("UPDATE invented SET {}", same.join(", ")));
    let rules: String = columns.iter().map(|(name, _, rule, _)| format!("{name} = {rule}\n")).collect();
    let privacy = key.map_or_else(String::new, |key| format!("[privacy]\nkey = \"{key}\"\n"));
    load_all(site, mask_at, &format!("[sanitize.invented]\n{rules}{privacy}"));

    let mut target = site.target_conn();
    let count = |target: &mut Conn, condition: &str| -> u64 {
        let sql = format!("SELECT COUNT(*) FROM invented WHERE {condition}");
        target.query_first(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}")).unwrap()
    };
    for (name, _, _, condition) in &columns {
        assert_eq!(
            count(&mut target, &format!("NOT ((`{name}` IS NULL) = (`{name}0` IS NULL))")),
            0,
            "{name}"
        );
        let broken = count(&mut target, &format!("`{name}0` IS NOT NULL AND ({condition}) IS NOT TRUE"));
        assert_eq!(broken, 0, "{name}: {condition}");
    }
    assert_eq!(count(&mut target, "TRUE"), 4 << 6);
    for name in ["phone", "card", "remark"] {
        let pairs: Vec<(String, String)> = target
            .query(format!(
                "SELECT CONVERT({name}0 USING utf8mb4), CONVERT({name} USING utf8mb4) FROM invented WHERE {name} IS NOT NULL"
            ))
            .unwrap();
        for (old, new) in pairs {
            other_digits(&old, &new);
        }
    }
    // Rows a multiple of four apart had the same values: with a key they have the same again, without one they do not.
    let different = |target: &mut Conn, name: &str, of: &str| -> u64 {
        let sql = format!("SELECT COUNT(DISTINCT HEX(`{name}`)) FROM invented WHERE id > 4 AND {of}");
        target.query_first(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}")).unwrap()
    };
    if key.is_some() {
        for (name, ..) in &columns {
            for group in 0..4 {
                assert!(different(&mut target, name, &format!("id % 4 = {group}")) <= 1, "{name} {group}");
            }
        }
        for name in ["full", "street", "ip", "phone"] {
            assert!(different(&mut target, name, "TRUE") > 1, "{name}");
        }
    } else {
        for name in ["first", "full", "street", "ip", "phone", "account"] {
            assert!(different(&mut target, name, "id % 4 = 1") > 5, "{name}");
        }
    }
}

/// Every digit is another one, up to the 64th character; behind it all are 0. Everything else is as it was.
fn other_digits(old: &str, new: &str) {
    for (at, (before, after)) in old.chars().zip(new.chars()).enumerate() {
        let expected = match (before.is_numeric(), at < 64) {
            (false, _) => after == before,
            (true, true) => after.is_ascii_digit() && after != before,
            (true, false) => after == '0',
        };
        assert!(expected, "`{old}` became `{new}`");
    }
}

fn refused(site: &Site<'_>) {
    let mut source = site.source_conn();
    exec(
        &mut source,
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, name VARCHAR(8) NULL, code VARCHAR(60) NULL, n INT NULL, d DATE NULL, e ENUM('a','b') NULL, \
         v VARBINARY(8) NULL, note TEXT NULL, short VARCHAR(12) NULL, UNIQUE KEY by_code (code)) ENGINE=InnoDB",
    );
    site.configure_server(
        "",
        "[sanitize.t]\nname = \"first_name\"\ncode = \"full_name\"\nn = \"ip\"\nd = \"city\"\n\
         e = { type = \"pick\", values = [\"a\", \"canary\"] }\nv = \"ip\"\nnote = \"digits\"\nshort = \"ip\"\n",
    );
    let (exit, printed) = site.serve_refused();
    assert_eq!(exit, 3, "{printed}");
    for part in [
        "column `name` of table `t` holds 8 characters, results of `first_name` have up to 9",
        "column `code` of table `t` is in the unique index `by_code`, and results of `full_name` are not distinct",
        "use `email`, `text`, `token` or `null`",
        "column `n` of table `t` is `int",
        "which cannot hold addresses as numbers",
        "column `d` of table `t` is `date`, which cannot hold results of `city`",
        "column `e` of table `t` is `enum` and takes one of its members; number 2 of `values` is something else",
        "column `v` of table `t` is `varbinary`, which cannot hold results of `ip`",
        "column `note` of table `t` holds 65535 characters: `digits` is for numbers",
        "column `short` of table `t` holds 12 characters, results of `ip` have up to 13",
    ] {
        assert!(printed.contains(part), "`{part}` is not in:\n{printed}");
    }
    assert!(!printed.contains("canary"), "{printed}");
}
