//! The masks on real servers: both forms, assorted keys and character sets, both backslash modes.

use crate::harness::{Add, FLAVOURS, Servers, short};
use crate::tables::{column, nullable, rule, rule_but, schema, table};
use backfill::plan::sanitize::{Facts, Mask, Refs, TableMasks, plan};
use backfill::schema::{Column, Flavour, Table};
use backfill::sql::{Ident, List, TableName};
use mysql::prelude::Queryable;
use mysql::{Conn, Row};

pub fn tests(add: &mut Add<'_>) {
    type Case = fn(&Servers, Flavour);
    let cases: [(&str, Case); 4] = [
        ("work_for_every_key", every_shape),
        ("random_values_are_made_per_row", many_rows),
        ("check_probes_agree_with_the_server", probes),
        ("ruled_keys_are_read_before_they_change", ruled_keys),
    ];
    for (name, case) in cases {
        for flavour in FLAVOURS {
            add(
                format!("masks::{name}::{}", short(flavour)),
                Box::new(move |servers| case(servers, flavour)),
            );
        }
    }
}

const ROWS: u32 = 300;
const MODES: [&str; 2] = [
    "NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES",
    "NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_BACKSLASH_ESCAPES",
];

/// A connection in a database of its own, which is dropped at the end.
struct Lab {
    conn: Conn,
    database: String,
    mariadb: bool,
}

impl Lab {
    fn open(servers: &Servers, flavour: Flavour, test: &str) -> Self {
        let mut conn = servers.source(flavour).connect().unwrap();
        let database = format!("backfill_sanitize_{test}");
        conn.query_drop(format!("CREATE DATABASE `{database}` CHARACTER SET utf8mb4")).unwrap();
        conn.query_drop(format!("USE `{database}`")).unwrap();
        conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").unwrap();
        conn.query_drop("SET time_zone = '+00:00'").unwrap();
        conn.query_drop("CREATE TABLE d (d INT PRIMARY KEY)").unwrap();
        conn.query_drop("INSERT INTO d VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)").unwrap();
        Self { conn, database, mariadb: flavour == Flavour::Mariadb }
    }

    /// Runs a statement that must not warn, but for MySQL's word that utf8mb3 is deprecated.
    fn run(&mut self, sql: &str) {
        self.conn.query_drop(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
        let mut warnings: Vec<Row> = self.conn.query("SHOW WARNINGS").unwrap();
        warnings.retain(|row| !matches!(row.get(1), Some(1287_u32 | 3778)));
        assert!(warnings.is_empty(), "{warnings:?}\n{sql}");
    }

    fn count(&mut self, sql: &str) -> u64 {
        self.conn.query_first(sql).unwrap_or_else(|error| panic!("{error}\n{sql}")).unwrap()
    }

    fn recreate(&mut self, name: &str, like: &Table) {
        let _ = self.conn.query_drop(format!("DROP TABLE IF EXISTS {name}"));
        let sql = create(name, like);
        self.conn.query_drop(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.conn.query_drop(format!("DROP DATABASE IF EXISTS `{}`", self.database));
    }
}

fn create(name: &str, table: &Table) -> String {
    let mut parts: Vec<String> = table.columns.iter().map(definition).collect();
    if !table.primary_key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", table.primary_key.join(", ")));
    }
    for index in &table.indexes {
        let columns: Vec<_> = index.parts.iter().filter_map(|part| part.column.clone()).collect();
        parts.push(format!("UNIQUE KEY ({})", columns.join(", ")));
    }
    parts.push("KEY by_number (n)".into());
    for check in &table.checks {
        parts.push(format!("CONSTRAINT {name}_{} CHECK ({})", check.name, check.expression));
    }
    format!("CREATE TABLE {name} ({}) ENGINE=InnoDB", parts.join(", "))
}

fn definition(column: &Column) -> String {
    let charset = match (&column.charset, &column.collation) {
        (Some(charset), Some(collation)) => format!(" CHARACTER SET {charset} COLLATE {collation}"),
        _ => String::new(),
    };
    let null = if column.nullable { "NULL" } else { "NOT NULL" };
    format!("`{}` {}{charset} {null}", column.name, column.column_type)
}

fn in_charset(column: Column, charset: &str, collation: &str) -> Column {
    Column { charset: Some(charset.into()), collation: Some(collation.into()), ..column }
}

/// The ruled columns: mask, column, pattern, and a value (of row `n`) that the pattern keeps.
fn ruled() -> Vec<(Mask, Column, &'static str, &'static str)> {
    let text = |name: &str, charset: &str, collation: &str| {
        in_charset(nullable(name, "varchar(80)"), charset, collation)
    };
    let hash = Mask::Hash { unusable: false };
    vec![
        (
            Mask::Email,
            text("c_email", "utf8mb4", "utf8mb4_unicode_ci"),
            "*@KEEP.example",
            "CONCAT(n, '@keep.example')",
        ),
        (
            Mask::Email,
            text("c_mail", "latin1", "latin1_german2_ci"),
            "ä|_%'*",
            "CONCAT(_utf8mb4 x'c3a4', '|_%''', n)",
        ),
        (Mask::Email, text("c_cp", "cp1250", "cp1250_general_ci"), "keep*", "CONCAT('KEEP', n)"),
        (
            Mask::Name,
            text("c_name", "utf8mb3", "utf8mb3_bin"),
            "keep\\*",
            "CONCAT('keep', CHAR(92 USING ascii), n)",
        ),
        (Mask::Phone, text("c_phone", "ascii", "ascii_bin"), "+49*", "CONCAT('+49', n)"),
        (
            Mask::Text,
            text("c_text", "utf16", "utf16_bin"),
            "日*本",
            "CONCAT(_utf8mb4 x'e697a5', n, _utf8mb4 x'e69cac')",
        ),
        (hash, nullable("c_hash", "varbinary(60)"), "kéep*", "CONCAT(_utf8mb4 x'6bc3a96570', n)"),
        (
            Mask::Address,
            text("c_address", "sjis", "sjis_japanese_ci"),
            "表*",
            "CONCAT(_utf8mb4 x'e8a1a8', n)",
        ),
        (Mask::LocalIp, text("c_ip", "utf32", "utf32_general_ci"), "10.*", "CONCAT('10.', n)"),
        (Mask::Text, nullable("c_bin", "binary(60)"), "keep*", "CONCAT('keep', n)"),
        (
            Mask::Text,
            in_charset(nullable("c_char", "char(80)"), "utf8mb4", "utf8mb4_bin"),
            "keep*",
            "CONCAT('keep', n)",
        ),
        (
            Mask::Email,
            in_charset(nullable("c_long", "mediumtext"), "latin1", "latin1_bin"),
            "keep*",
            "CONCAT('keep', n)",
        ),
        (Mask::Null, nullable("c_null", "varchar(80)"), "keep*", "CONCAT('keep', n)"),
    ]
}

/// Key columns, the SQL that fills them from `n`, and whether they are the primary key.
fn shapes(mariadb: bool) -> Vec<(Vec<(Column, &'static str)>, bool)> {
    let utf16 = in_charset(column("k", "varchar(20)"), "utf16", "utf16_general_ci");
    let sjis = in_charset(column("k", "varchar(20)"), "sjis", "sjis_japanese_ci");
    let latin1 = in_charset(column("k", "enum('a','ü')"), "latin1", "latin1_swedish_ci");
    let mut shapes = vec![
        (vec![(column("Nr", "bigint(20) unsigned"), "18446744073709551615 - n")], true),
        (vec![(column("id", "int(10) unsigned zerofill"), "n * 1000")], true),
        (vec![(column("id", "int"), "CAST(n AS SIGNED) - 150")], true),
        (vec![(utf16, "CONCAT(_utf8mb4 x'c3b1', n)")], true),
        (vec![(sjis, "CONCAT(_utf8mb4 x'e8a1a8', n)")], true),
        (vec![(column("k", "varchar(20)"), "CONCAT('K', n)")], true),
        (vec![(column("k", "binary(16)"), "UNHEX(CONCAT('00275C0D', LPAD(HEX(n), 24, '0')))")], true),
        (
            vec![
                (column("k", "varbinary(16)"), "UNHEX(RPAD('', 2 + n % 30, '0')) "),
                (column("m", "int"), "n"),
            ],
            true,
        ),
        (vec![(column("k", "decimal(20,6)"), "n / 7 - 20")], true),
        (vec![(column("k", "datetime(6)"), "'2020-01-01' + INTERVAL n MICROSECOND")], true),
        (vec![(column("k", "timestamp(3)"), "'2020-01-01 00:00:00.001' + INTERVAL n SECOND")], true),
        (vec![(column("k", "bit(20)"), "n")], true),
        (vec![(column("k", "float"), "1 + n * 2e-7")], true),
        (vec![(column("k", "double"), "1e0 / (n + 3)")], true),
        (vec![(latin1, "1 + n % 2"), (column("m", "smallint"), "150 - CAST(n AS SIGNED)")], true),
        (vec![(column("a", "varchar(20)"), "n DIV 17"), (column("b", "varchar(20)"), "n % 17")], true),
        (vec![(nullable("id", "int"), "NULLIF(n, 7)")], false),
        (vec![(column("x", "int"), "n")], false),
    ];
    if mariadb {
        let uuid = "CONCAT('00000000-0000-1000-8000-', LPAD(HEX(n), 12, '0'))";
        shapes.push((vec![(column("k", "uuid"), uuid)], true));
        shapes.push((vec![(column("k", "inet6"), "CONCAT('::', HEX(n))")], true));
    }
    shapes
}

fn build(shape: &[(Column, &'static str)], is_key: bool) -> (Table, TableMasks) {
    let keys: Vec<&str> = shape.iter().map(|(column, _)| column.name.as_str()).collect();
    let mut columns: Vec<Column> = shape.iter().map(|(column, _)| column.clone()).collect();
    columns.push(column("n", "int"));
    columns.extend(ruled().into_iter().map(|(_, column, ..)| column));
    let mut builder = table("s", columns);
    if is_key {
        builder = builder.key(&keys);
    }
    // Name, phone and address are unique where the identity is.
    let unique: &[&str] = if is_key {
        &["c_email", "c_name", "c_phone", "c_text", "c_address"]
    } else {
        &["c_email", "c_text"]
    };
    let table = unique.iter().fold(builder, |builder, name| builder.unique(&[name])).done();
    let rules: Vec<_> = ruled()
        .into_iter()
        .map(|(mask, column, pattern, _)| rule_but("s", &column.name, mask, &[pattern]))
        .collect();
    let facts = Facts { salt: "00ff5a17", by_update: true, ..Facts::default() };
    let plan = plan(&rules, &schema(vec![table.clone()]), &facts).unwrap();
    (table, plan.for_table("s").unwrap().clone())
}

/// Rows of the source: n = 0 has NULL everywhere, every tenth a value to keep, others one to mask.
fn fill(lab: &mut Lab, table: &Table, shape: &[(Column, &'static str)], rows: u32) {
    lab.recreate("s", table);
    let mut items: Vec<String> = shape.iter().map(|(_, sql)| (*sql).to_owned()).collect();
    items.push("n".into());
    items.extend(ruled().iter().map(|(_, _, _, keep)| {
        format!("CASE WHEN n = 0 THEN NULL WHEN n % 10 = 0 THEN {keep} ELSE CONCAT('old', n) END")
    }));
    let numbers = "SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d AS n FROM d a, d b, d c, d e, d f";
    lab.conn.query_drop("SET sql_mode = ''").unwrap();
    let sql =
        format!("INSERT INTO s SELECT {} FROM ({numbers}) x WHERE n < {rows} ORDER BY n", items.join(", "));
    lab.conn.query_drop(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    assert_eq!(lab.count("SELECT COUNT(*) FROM s"), u64::from(rows));
}

/// Masks by UPDATE into `u`, by SELECT into `c`.
fn mask(lab: &mut Lab, table: &Table, masks: &TableMasks, mode: &str) {
    lab.recreate("u", table);
    lab.recreate("c", table);
    lab.conn.query_drop(format!("SET sql_mode = '{mode}'")).unwrap();
    lab.run(masks.probe(&TableName::bare("s")).sql());
    lab.run("INSERT INTO u SELECT * FROM s");
    let set: Vec<_> = masks
        .update_assignments()
        .unwrap()
        .iter()
        .map(|(name, mask)| format!("{name} = {}", mask.sql()))
        .collect();
    lab.run(&format!("UPDATE u SET {}", set.join(", ")));
    let alias = Ident::new("the`row");
    let list: List =
        table.columns.iter().map(|column| masks.select_expression(&column.name, Refs::Of(&alias))).collect();
    lab.run(&format!("INSERT INTO c SELECT {} FROM s AS {alias} JOIN d ON d.d = 0", list.join(", ")));
}

/// `per_row`: the table has neither key nor `id`, so that masks with an identity differ between the two forms.
fn verify(lab: &mut Lab, masks: &TableMasks, label: &str, per_row: bool) {
    let rows = lab.count("SELECT COUNT(*) FROM s");
    let kept = lab.count("SELECT COUNT(*) FROM s WHERE n > 0 AND n % 10 = 0");
    for masked in &masks.columns {
        let (name, label) = (&masked.name, format!("{label} {} {}", masked.name, masked.mask));
        for copy in ["u", "c"] {
            let join = format!("FROM s JOIN {copy} m ON m.n = s.n");
            let same = format!("CAST(m.{name} AS BINARY) = CAST(s.{name} AS BINARY)");
            assert_eq!(lab.count(&format!("SELECT COUNT(*) {join}")), rows, "{label} rows");
            let nulls = lab.count(&format!("SELECT COUNT(*) FROM {copy} WHERE {name} IS NULL"));
            let expected = if masked.mask == Mask::Null { rows - kept } else { 1 };
            assert_eq!(nulls, expected, "{label} {copy} NULLs");
            let stayed = lab.count(&format!("SELECT COUNT(*) {join} WHERE s.n % 10 = 0 AND {same}"));
            assert_eq!(stayed, kept, "{label} {copy} kept");
            let raw = lab.count(&format!("SELECT COUNT(*) {join} WHERE s.n % 10 <> 0 AND {same}"));
            assert_eq!(raw, 0, "{label} {copy} not masked");
            let wrong = lab.count(&format!(
                "SELECT COUNT(*) FROM {copy} WHERE n % 10 <> 0 AND NOT TRIM(TRAILING _utf8mb4 x'00' FROM \
                 CONVERT({name} USING utf8mb4)) REGEXP '{}'",
                shape(&masked.mask)
            ));
            assert_eq!(wrong, 0, "{label} {copy} shape");
            if !matches!(masked.mask, Mask::Null | Mask::Hash { .. } | Mask::LocalIp) {
                let distinct = lab.count(&format!("SELECT COUNT(DISTINCT {name}) FROM {copy}"));
                assert_eq!(distinct, rows - 1, "{label} {copy} distinct");
            }
        }
        if matches!(masked.mask, Mask::Name | Mask::Phone | Mask::Address | Mask::Hash { .. } | Mask::Null) {
            let differ = lab.count(&format!(
                "SELECT COUNT(*) FROM u JOIN c ON c.n = u.n WHERE NOT u.{name} <=> c.{name}"
            ));
            let per_row = per_row && matches!(masked.mask, Mask::Name | Mask::Phone | Mask::Address);
            // Row 7 has no `id` in the table without key.
            assert!(differ <= 1 || per_row, "{label}: the two forms differ in {differ} rows");
        }
    }
}

fn shape(mask: &Mask) -> &'static str {
    match mask {
        Mask::Email => "^[-0-9a-f]{36}@example[.]test$",
        Mask::Name => "^User_-?[0-9a-f]{1,32}$",
        Mask::Phone => "^[+]1555([0-9]{7,20}|0+-[0-9]+|[0-9a-f]{12,32})$",
        Mask::Text => "^text_[0-9a-f]{32}$",
        Mask::Hash { .. } => "^[$]2y[$]10[$].{53}$",
        Mask::Address => "^-?[0-9a-f]{1,32} Example St$",
        Mask::LocalIp => "^192[.]168[.][0-9]{1,3}[.][0-9]{1,3}$",
        _ => "^$",
    }
}

/// The items of a SELECT list have the character set and collation of their columns.
fn verify_types(lab: &mut Lab, table: &Table, masks: &TableMasks) {
    for column in table.columns.iter().filter(|column| column.is_text()) {
        if masks.column(&column.name).is_none_or(|masked| masked.mask == Mask::Null) {
            continue;
        }
        let mask = masks.select_expression(&column.name, Refs::Bare);
        let item = mask.sql();
        let sql = format!("SELECT CHARSET(v), COLLATION(v) FROM (SELECT {item} AS v FROM s LIMIT 1) x");
        let (charset, collation): (String, String) = lab.conn.query_first(sql).unwrap().unwrap();
        assert_eq!(
            (Some(charset), Some(collation)),
            (column.charset.clone(), column.collation.clone()),
            "{}",
            column.name
        );
    }
}

fn every_shape(servers: &Servers, flavour: Flavour) {
    let mut lab = Lab::open(servers, flavour, "shapes");
    for (shape, is_key) in shapes(lab.mariadb) {
        let label = format!("{:?}", shape.iter().map(|(c, _)| c.column_type.as_str()).collect::<Vec<_>>());
        let (table, masks) = build(&shape, is_key);
        fill(&mut lab, &table, &shape, ROWS);
        for mode in MODES {
            mask(&mut lab, &table, &masks, mode);
            verify(&mut lab, &masks, &label, !is_key && shape[0].0.name != "id");
        }
        verify_types(&mut lab, &table, &masks);
    }
}

fn many_rows(servers: &Servers, flavour: Flavour) {
    let mut lab = Lab::open(servers, flavour, "many");
    let (shape, is_key) = shapes(false).remove(2);
    let (table, masks) = build(&shape, is_key);
    fill(&mut lab, &table, &shape, 20_001);
    for mode in MODES {
        mask(&mut lab, &table, &masks, mode);
        verify(&mut lab, &masks, "20001 rows", false);
    }
}

/// A mask that reads a ruled key sees the old key in both forms.
fn ruled_keys(servers: &Servers, flavour: Flavour) {
    let mut lab = Lab::open(servers, flavour, "keys");
    let columns = vec![column("n", "int"), column("mail", "varchar(80)"), column("c_name", "varchar(80)")];
    let table = table("s", columns).key(&["mail"]).unique(&["c_name"]).done();
    let rule = |column: &str, mask| rule("s", column, mask);
    let rules = [rule("mail", Mask::Email), rule("c_name", Mask::Name)];
    let facts = Facts { salt: "00", by_update: true, ..Facts::default() };
    let plan = plan(&rules, &schema(vec![table.clone()]), &facts).unwrap();
    lab.recreate("s", &table);
    lab.run("INSERT INTO s SELECT d, CONCAT('anna', d, '@real.de'), CONCAT('Anna ', d) FROM d");
    mask(&mut lab, &table, plan.for_table("s").unwrap(), MODES[0]);
    let equal = "SELECT COUNT(*) FROM u JOIN c ON c.n = u.n WHERE c.c_name = u.c_name";
    assert_eq!(lab.count(equal), 10);
    let distinct = "SELECT COUNT(DISTINCT mail, c_name) FROM u WHERE mail LIKE '%@example.test'";
    assert_eq!(lab.count(distinct), 10);
}

/// The probe counts what a CHECK would refuse, and the server agrees.
fn probes(servers: &Servers, flavour: Flavour) {
    let mut lab = Lab::open(servers, flavour, "probes");
    for (condition, refused) in [("c_email like '%@%.%'", false), ("c_email like '%@x.de'", true)] {
        let table = table("s", vec![column("n", "int"), nullable("c_email", "varchar(80)")])
            .key(&["n"])
            .check("chk", condition)
            .done();
        lab.recreate("s", &table);
        lab.run("INSERT INTO s VALUES (1, 'a@x.de'), (2, NULL), (3, 'b@x.de')");
        let rule = rule_but("s", "c_email", Mask::Email, &["b*"]);
        let facts = Facts { salt: "00", ..Facts::default() };
        let plan = plan(&[rule], &schema(vec![table]), &facts).unwrap();
        let masks = plan.for_table("s").unwrap();
        let violations = lab.count(masks.check_probe(&TableName::bare("s")).unwrap().sql());
        assert_eq!(violations, u64::from(refused), "{condition}");
        let (name, mask) = masks.update_assignments().unwrap().remove(0);
        assert_eq!(lab.conn.query_drop(format!("UPDATE s SET {name} = {}", mask.sql())).is_err(), refused);
    }
}
