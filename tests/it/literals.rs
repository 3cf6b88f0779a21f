//! Values made by chance go through the program's literals into real servers and come back as the same bytes.

use crate::harness::{Add, FLAVOURS, Servers, exec, short};
use backfill::schema::{Column, Flavour};
use backfill::sql::insert::session_preamble;
use backfill::sql::literal::Form;
use mysql::prelude::Queryable;
use mysql::{Conn, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;

/// Rows of one statement, and statements: enough for every kind of byte in every place, in less than a second.
const ROWS: usize = 60;
const STATEMENTS: u32 = 12;

/// What a session may have been before the program's own settings; none of it may matter behind them.
const ODD: [&str; 3] = [
    "SET NAMES latin1, SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', SESSION time_zone = '+05:30'",
    "SET NAMES gbk, SESSION sql_mode = 'ANSI,PAD_CHAR_TO_FULL_LENGTH,NO_ZERO_DATE'",
    "SET SESSION sql_mode = '', SESSION character_set_client = sjis, SESSION collation_connection = utf8mb4_bin",
];

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("literals::what_is_written_is_what_comes_back::{}", short(flavour)),
            Box::new(move |servers| come_back(servers, flavour)),
        );
    }
}

/// A column: name, type, character set, and cells that it can hold as a server would send them.
type Kind = (&'static str, &'static str, Option<&'static str>, BoxedStrategy<Vec<u8>>);

fn kinds(flavour: Flavour) -> Vec<Kind> {
    let text = || "[\0-\u{2ff}'\"\\\\;\u{1a}\r\n\u{3000}-\u{30ff}\u{1f600}-\u{1f64f}\u{10ffff}]{0,40}";
    let bytes = || vec(prop_oneof![2 => any::<u8>(), 1 => select(b"'\"\\\0\n\r\x1a;%_ ".to_vec())], 0..60);
    let wide = |from: fn(&str) -> Vec<u8>| text().prop_map(move |text| from(&text)).boxed();
    // MariaDB has no -0.
    let zero = move |float: f64| if float == 0.0 && flavour == Flavour::Mariadb { 0.0 } else { float };
    vec![
        ("small", "bigint", None, any::<i64>().prop_map(|n| printed(&n)).boxed()),
        ("large", "bigint unsigned", None, any::<u64>().prop_map(|n| printed(&n)).boxed()),
        (
            "money",
            "decimal(65,30)",
            None,
            "(-?[1-9][0-9]{0,34}|0)\\.[0-9]{29}[1-9]".prop_map(String::into_bytes).boxed(),
        ),
        ("f", "float", None, proptest::num::f32::NORMAL.prop_map(move |f| printed(&zero(f.into()))).boxed()),
        (
            "d",
            "double",
            None,
            (proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO)
                .prop_map(move |d| format!("{:e}", zero(d)).into_bytes())
                .boxed(),
        ),
        ("bits", "bit(64)", None, any::<u64>().prop_map(|bits| bits.to_be_bytes().to_vec()).boxed()),
        ("raw", "varbinary(60)", None, bytes().boxed()),
        ("raw_long", "mediumblob", None, bytes().boxed()),
        ("four", "varchar(40)", Some("utf8mb4"), text().prop_map(String::into_bytes).boxed()),
        (
            "three",
            "text",
            Some("utf8mb3"),
            text().prop_map(|text| text.replace(|c| c > '\u{ffff}', "").into_bytes()).boxed(),
        ),
        ("west", "varchar(60)", Some("latin1"), bytes().boxed()),
        (
            "padded",
            "char(60)",
            Some("cp1251"),
            bytes().prop_map(|bytes| bytes.trim_ascii_end().to_vec()).boxed(),
        ),
        ("big", "varchar(60)", Some("gbk"), codes(0x80, &[(0x81, 0xfe)], &[(0x40, 0x7e), (0x80, 0xfe)])),
        (
            "japan",
            "mediumtext",
            Some("sjis"),
            codes(0x80, &[(0x81, 0x9f), (0xe0, 0xfc)], &[(0x40, 0x7e), (0x80, 0xfc)]),
        ),
        (
            "wide",
            "varchar(60)",
            Some("utf16"),
            wide(|text| text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ),
        (
            "wide_le",
            "text",
            Some("utf16le"),
            wide(|text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ),
        (
            "widest",
            "text",
            Some("utf32"),
            wide(|text| text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()),
        ),
        (
            "day",
            "date",
            None,
            "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|30)|0000-00-00".prop_map(String::into_bytes).boxed(),
        ),
        (
            "moment",
            "datetime(6)",
            None,
            "[1-9][0-9]{3}-0[1-9]-[12][0-9] [01][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}"
                .prop_map(String::into_bytes)
                .boxed(),
        ),
        (
            "span",
            "time(6)",
            None,
            "-?[0-7][0-9]{2}:[0-5][0-9]:[0-5][0-9]\\.[0-9]{5}[1-9]"
                .prop_map(|text| two_digits(&text))
                .boxed(),
        ),
        (
            "y",
            "year",
            None,
            prop_oneof![Just("0000".to_owned()), (1901..=2155).prop_map(|y: i32| y.to_string())]
                .prop_map(String::into_bytes)
                .boxed(),
        ),
    ]
}

fn printed(value: &impl ToString) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Hours have two digits where they need no third.
fn two_digits(time: &str) -> Vec<u8> {
    let (sign, digits) = time.strip_prefix('-').map_or(("", time), |digits| ("-", digits));
    format!("{sign}{}", digits.strip_prefix('0').unwrap_or(digits)).into_bytes()
}

/// Text of codes of one byte below `ascii` and of two in these ranges, which both servers take for codes.
fn codes(ascii: u8, first: &[(u8, u8)], second: &[(u8, u8)]) -> BoxedStrategy<Vec<u8>> {
    let within =
        |ranges: &[(u8, u8)]| select(ranges.iter().flat_map(|&(from, to)| from..=to).collect::<Vec<u8>>());
    let backslash = within(first).prop_map(|first| vec![first, b'\\']);
    let pair = (within(first), within(second)).prop_map(|(first, second)| vec![first, second]);
    let code = prop_oneof![(0..ascii).prop_map(|byte| vec![byte]), Just(vec![b'\'']), backslash, pair];
    vec(code, 0..30).prop_map(|codes| codes.concat()).boxed()
}

fn come_back(servers: &Servers, flavour: Flavour) {
    let kinds = kinds(flavour);
    let columns: Vec<Column> = kinds
        .iter()
        .map(|(name, column_type, charset, _)| Column {
            charset: charset.map(str::to_owned),
            nullable: true,
            ..Column::new(name, column_type)
        })
        .collect();
    let mut conn = servers.target(flavour).connect().unwrap();
    let table = format!("literals_{}.t", short(flavour));
    exec(&mut conn, &format!("CREATE DATABASE literals_{}", short(flavour)));
    let defined: Vec<String> = columns.iter().map(defined).collect();
    exec(&mut conn, &format!("CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY, {})", defined.join(", ")));
    let cells: Vec<_> = kinds.into_iter().map(|(.., cell)| proptest::option::weighted(0.95, cell)).collect();
    let config =
        Config { cases: STATEMENTS, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    // The same values in every run: a failure is one for everybody.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let session = RefCell::new((conn, ODD.iter().cycle()));
    runner
        .run(&vec(cells, ROWS), |rows| {
            let (conn, odd) = &mut *session.borrow_mut();
            exec(conn, odd.next().unwrap());
            let found = through(conn, &table, &columns, &rows);
            for (at, (wanted, found)) in rows.iter().zip(&found).enumerate() {
                for ((column, wanted), found) in columns.iter().zip(wanted).zip(found) {
                    let (wanted, found) = (meaning(column, wanted), meaning(column, found));
                    prop_assert_eq!(wanted, found, "row {} column {}", at, &column.name);
                }
            }
            Ok(())
        })
        .unwrap();
    exec(&mut session.into_inner().0, &format!("DROP DATABASE literals_{}", short(flavour)));
}

fn defined(column: &Column) -> String {
    let charset = column.charset.as_ref().map(|name| format!(" CHARACTER SET {name}")).unwrap_or_default();
    format!("{} {}{charset} NULL", column.name, column.column_type)
}

type Cells = Vec<Option<Vec<u8>>>;

/// Writes the rows by one statement and reads them as the program reads its source.
fn through(conn: &mut Conn, table: &str, columns: &[Column], rows: &[Cells]) -> Vec<Cells> {
    for setting in session_preamble().split(";\n").filter(|setting| !setting.is_empty()) {
        exec(conn, setting);
    }
    exec(conn, &format!("DELETE FROM {table}"));
    let mut statement = format!("INSERT INTO {table} VALUES ").into_bytes();
    for (id, row) in rows.iter().enumerate() {
        statement.extend_from_slice(if id == 0 { b"(" } else { b",(" });
        statement.extend_from_slice(id.to_string().as_bytes());
        for (column, cell) in columns.iter().zip(row) {
            statement.push(b',');
            Form::of(column).unwrap().write(cell.as_deref(), &mut statement).unwrap();
        }
        statement.push(b')');
    }
    exec(conn, &String::from_utf8(statement).unwrap());
    exec(conn, "SET SESSION character_set_results = NULL");
    let list: Vec<String> = columns.iter().map(Form::select_expression).collect();
    let rows: Vec<mysql::Row> =
        conn.query(format!("SELECT {} FROM {table} ORDER BY id", list.join(", "))).unwrap();
    let cell = |value| match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(bytes),
        other => panic!("the text protocol has no {other:?}"),
    };
    rows.into_iter().map(|row| row.unwrap().into_iter().map(cell).collect()).collect()
}

/// Numbers of one value may be written in several ways; all else is its bytes.
fn meaning(column: &Column, cell: &Option<Vec<u8>>) -> Option<String> {
    let cell = cell.as_ref()?;
    let number = || std::str::from_utf8(cell).unwrap().parse::<f64>().unwrap();
    Some(match column.data_type.as_str() {
        "float" => format!("{:08x}", (number() as f32).to_bits()),
        "double" => format!("{:016x}", number().to_bits()),
        _ => cell.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}
