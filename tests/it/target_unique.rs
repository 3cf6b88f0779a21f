//! Unique values that moved between rows, in every way: whatever a delta holds, each of its rows is there afterwards,
//! byte for byte, and of the others exactly those are gone whose values it took.

use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::target_job::Job;
use mysql::Conn;
use mysql::prelude::Queryable;

/// Rounds of the random test; each has tables, rows and a delta of its own.
const ROUNDS: u64 = 12;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("target_unique::any_move::{}", short(flavour)),
            Box::new(move |servers| any_move(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("target_unique::cycles_by_hand::{}", short(flavour)),
            Box::new(move |servers| cycles_by_hand(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// A row: a composite key that compares without case, and four columns under three unique indexes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    id: u64,
    part: String,
    word: Option<String>,
    pair: (Option<u64>, u64),
    raw: u64,
}

impl Row {
    fn is_same_key(&self, other: &Self) -> bool {
        self.id == other.id && self.part.eq_ignore_ascii_case(&other.part)
    }

    /// Whether both cannot be in the table.
    fn excludes(&self, other: &Self) -> bool {
        let words = self.word.as_ref().zip(other.word.as_ref());
        self.is_same_key(other)
            || words.is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
            || (self.pair == other.pair && self.pair.0.is_some())
            || self.raw == other.raw
    }

    fn literal(&self) -> String {
        let word = self.word.as_ref().map_or("NULL".to_owned(), |word| format!("'{word}'"));
        let first = self.pair.0.map_or("NULL".to_owned(), |n| n.to_string());
        format!("({},'{}',{word},{first},{},x'{:02x}')", self.id, self.part, self.pair.1, self.raw)
    }

    fn text(&self) -> String {
        let first = self.pair.0.map_or("-".to_owned(), |n| n.to_string());
        let word = self.word.clone().unwrap_or("-".to_owned());
        format!("{} {} {word} {first} {} {:02X}", self.id, self.part, self.pair.1, self.raw)
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn spelled(&mut self, word: &str) -> String {
        if self.below(2) == 0 { word.to_uppercase() } else { word.to_owned() }
    }

    fn row(&mut self, span: u64) -> Row {
        let (id, part) = (self.below(span), ["k", "l"][usize::from(self.below(4) == 0)]);
        let word = format!("w{}x", self.below(span));
        Row {
            id,
            part: self.spelled(part),
            word: (self.below(5) > 0).then(|| self.spelled(&word)),
            pair: ((self.below(4) > 0).then(|| self.below(span)), self.below(3)),
            raw: self.below(span + 20),
        }
    }

    /// Rows that can be in one table.
    fn rows(&mut self, count: usize, span: u64) -> Vec<Row> {
        let mut out: Vec<Row> = Vec::new();
        for _ in 0..count * 4 {
            let row = self.row(span);
            if out.len() < count && !out.iter().any(|other| other.excludes(&row)) {
                out.push(row);
            }
        }
        out
    }
}

const TABLE: &str = "CREATE TABLE t (id INT NOT NULL, part VARCHAR(9) NOT NULL, word VARCHAR(20) NULL, a INT NULL, \
    b INT NOT NULL, raw VARBINARY(4) NOT NULL, PRIMARY KEY (id, part), UNIQUE KEY (word), UNIQUE KEY (a, b), \
    UNIQUE KEY (raw)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
const COLUMNS: &str = "id part word a b raw";

fn fill(conn: &mut Conn, rows: &[Row]) {
    exec(conn, "DROP TABLE IF EXISTS t");
    exec(conn, TABLE);
    let list: Vec<String> = rows.iter().map(Row::literal).collect();
    exec(conn, &format!("INSERT INTO t VALUES {}", list.join(",")));
}

fn merge(site: &Site<'_>, rows: &[Row], prefixed: bool) -> (u64, u64, u64) {
    let literals: Vec<String> = rows.iter().map(Row::literal).collect();
    let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
    let report = Job::new(site).merge("t", COLUMNS, &literals).on_rung(prefixed).run().unwrap();
    let done = &report.merged[0];
    (done.rows, done.replaced, done.removed)
}

fn found(conn: &mut Conn) -> Vec<String> {
    let mut rows: Vec<String> = conn
        .query("SELECT CONCAT_WS(' ', id, part, IFNULL(word, '-'), IFNULL(a, '-'), b, HEX(raw)) FROM t")
        .unwrap();
    rows.sort();
    rows
}

/// What has to come out: the delta, and every old row that nothing in it excludes.
fn expected(old: &[Row], delta: &[Row]) -> (Vec<String>, u64, u64) {
    let stays = |row: &&Row| !delta.iter().any(|new| new.excludes(row));
    let mut rows: Vec<String> = old.iter().filter(stays).chain(delta).map(Row::text).collect();
    rows.sort();
    let replaced = old.iter().filter(|row| delta.iter().any(|new| new.is_same_key(row))).count();
    let removed = old.len() + delta.len() - rows.len() - replaced;
    (rows, replaced as u64, removed as u64)
}

fn any_move(site: &Site<'_>) {
    let mut conn = site.target_conn();
    let mut removed_ever = 0;
    for round in 0..ROUNDS {
        let mut dice = Dice(round);
        let span = 12 + round * 3;
        let old = dice.rows(40, span);
        let delta = dice.rows(8 + usize::try_from(round).unwrap(), span);
        fill(&mut conn, &old);
        let (rows, replaced, removed) = expected(&old, &delta);
        assert_eq!(
            merge(site, &delta, round % 2 == 0),
            (delta.len() as u64, replaced, removed),
            "round {round}: {old:?} {delta:?}"
        );
        assert_eq!(found(&mut conn), rows, "round {round}: {old:?} {delta:?}");
        removed_ever += removed;
    }
    assert!(removed_ever > 20, "too few values moved to prove anything: {removed_ever}");
}

/// All rows hand their values on in a ring, in both directions, and in pairs.
fn cycles_by_hand(site: &Site<'_>) {
    let mut conn = site.target_conn();
    let row = |id: u64, value: u64| Row {
        id,
        part: "k".into(),
        word: Some(format!("w{value}")),
        pair: (Some(value), 1),
        raw: value,
    };
    let old: Vec<Row> = (0..9).map(|n| row(n, n)).collect();
    type Turn = fn(u64) -> u64;
    let turns: [Turn; 4] =
        [|n| (n + 1) % 9, |n| (n + 8) % 9, |n| 8 - n, |n| if n % 3 == 0 { n } else { 9 - n }];
    for turn in turns {
        let delta: Vec<Row> = (0..9).map(|n| row(n, turn(n))).collect();
        fill(&mut conn, &old);
        let (rows, _, removed) = expected(&old, &delta);
        assert_eq!((merge(site, &delta, false), removed), ((9, 9, 0), 0));
        assert_eq!(found(&mut conn), rows);
        // The same delta again changes nothing, nor does one half of it.
        merge(site, &delta, false);
        merge(site, &delta[..5], false);
        assert_eq!(found(&mut conn), rows);
    }
}
