//! Tables of random schemas: their columns, keys and values.

use crate::subset_graph::MOMENT;
use crate::subset_model::{Table, Value};

/// A small random generator (SplitMix64): reproducible, and no statistics hang on it.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to one below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.next() % sides as u64).unwrap()
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }

    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        least + i64::try_from(self.roll(usize::try_from(most - least + 1).unwrap())).unwrap()
    }
}

/// What values a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Unsigned,
    Text,
    /// At most, or exactly, so many bytes.
    Bytes(usize, bool),
    Time,
    Date,
    /// The other sign of this column.
    Minus(usize),
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub sql: &'static str,
    pub kind: Kind,
    pub nullable: bool,
}

/// What a table looks like. Column 0 is `rid`, the row's number, part of no key.
#[derive(Debug, Clone)]
pub struct Shape {
    pub name: String,
    pub columns: Vec<Column>,
    pub primary: Vec<usize>,
    pub uniques: Vec<Vec<usize>>,
    pub indexes: Vec<Vec<usize>>,
    pub engine: &'static str,
}

const TEXT: &str = "VARCHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";

impl Shape {
    /// The columns that tell rows apart: the primary key, else a unique key without NULL.
    pub fn row_key(&self) -> &Vec<usize> {
        let whole = |key: &&Vec<usize>| key.iter().all(|at| !self.columns[*at].nullable);
        let unique = self.uniques.iter().find(whole);
        if self.primary.is_empty() { unique.unwrap_or(&self.primary) } else { &self.primary }
    }

    fn column(&mut self, name: &str, sql: &'static str, kind: Kind, nullable: bool) -> usize {
        self.columns.push(Column { name: name.to_owned(), sql, kind, nullable });
        self.columns.len() - 1
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Columns of these types, each another one.
    pub fn alike(&self, wanted: &[Column]) -> Option<Vec<usize>> {
        let mut found: Vec<usize> = Vec::new();
        for column in wanted {
            let at = (1..self.columns.len()).rev().find(|at| {
                self.columns[*at].sql == column.sql && !found.contains(at) && self.columns[*at].is_stored()
            })?;
            found.push(at);
        }
        Some(found)
    }

    pub fn add_columns(&mut self, dice: &mut Dice, wanted: Vec<Column>, declared: bool) -> Vec<usize> {
        let nullable = dice.chance(75);
        wanted
            .into_iter()
            .map(|column| {
                let name = format!("f{}", self.columns.len());
                // A relation may connect integers of different widths.
                let (sql, kind) = match column.kind {
                    Kind::Int | Kind::Unsigned if !declared && dice.chance(30) => ("BIGINT", Kind::Int),
                    kind => (column.sql, kind),
                };
                self.column(&name, sql, kind, nullable)
            })
            .collect()
    }

    pub fn when(&self, dice: &mut Dice) -> Vec<(usize, Value)> {
        let text = |dice: &mut Dice| Value::Text((*dice.pick(&["a", "B", "ab"])).to_owned());
        match (self.find("s"), self.find("n")) {
            (Some(s), Some(n)) if dice.chance(20) => {
                vec![(s, text(dice)), (n, Value::Int(dice.between(0, 2)))]
            }
            (Some(s), _) if dice.chance(60) => vec![(s, text(dice))],
            (_, Some(n)) => vec![(n, Value::Int(dice.between(0, 2)))],
            _ => Vec::new(),
        }
    }

    pub fn list(&self, columns: &[usize]) -> String {
        let names: Vec<String> = columns.iter().map(|at| format!("`{}`", self.columns[*at].name)).collect();
        names.join(", ")
    }

    pub fn stored(&self) -> Vec<usize> {
        (0..self.columns.len()).filter(|at| self.columns[*at].is_stored()).collect()
    }

    pub fn row(&self, row: &[Value]) -> String {
        let cells: Vec<String> = self.stored().into_iter().map(|at| literal(&row[at])).collect();
        format!("({})", cells.join(", "))
    }
}

impl Column {
    pub fn is_stored(&self) -> bool {
        !matches!(self.kind, Kind::Minus(_))
    }

    pub fn definition(&self, shape: &Shape) -> String {
        let null = if self.nullable { "NULL" } else { "NOT NULL" };
        match self.kind {
            Kind::Minus(of) => {
                format!("`{}` {} AS (-`{}`) VIRTUAL", self.name, self.sql, shape.columns[of].name)
            }
            _ => format!("`{}` {} {null}", self.name, self.sql),
        }
    }
}

/// A table without references.
pub fn shape(dice: &mut Dice, name: String) -> Shape {
    let mut shape = Shape {
        name,
        columns: Vec::new(),
        primary: Vec::new(),
        uniques: Vec::new(),
        indexes: Vec::new(),
        engine: if dice.chance(92) { "InnoDB" } else { "MyISAM" },
    };
    shape.column("rid", "INT", Kind::Int, false);
    match dice.roll(12) {
        0..4 => {
            let (sql, kind) = *dice.pick(&[
                ("INT", Kind::Int),
                ("BIGINT UNSIGNED", Kind::Unsigned),
                ("SMALLINT", Kind::Int),
            ]);
            shape.primary = vec![shape.column("id", sql, kind, false)];
        }
        4..6 => {
            let a = shape.column("a", "INT", Kind::Int, false);
            let b = shape.column("b", TEXT, Kind::Text, false);
            shape.primary = if dice.chance(50) { vec![a, b] } else { vec![b, a] };
        }
        6..8 => shape.primary = vec![shape.column("code", TEXT, Kind::Text, false)],
        8 => shape.primary = vec![shape.column("id", "VARBINARY(4)", Kind::Bytes(4, false), false)],
        9 => shape.primary = vec![shape.column("id", "BINARY(3)", Kind::Bytes(3, true), false)],
        10 => {
            let key = vec![shape.column("k", "INT", Kind::Int, false)];
            shape.uniques.push(key);
        }
        _ => {}
    }
    if dice.chance(30) {
        let (sql, kind) = *dice.pick(&[("INT", Kind::Int), (TEXT, Kind::Text)]);
        let unique = vec![shape.column("u", sql, kind, dice.chance(70))];
        shape.uniques.push(unique);
    }
    add_plain(dice, &mut shape);
    shape
}

/// Columns to order by, to ask conditions of, and to tell age by.
fn add_plain(dice: &mut Dice, shape: &mut Shape) {
    let n = shape.column("n", "INT", Kind::Int, dice.chance(70));
    let mut orders = vec![n];
    if dice.chance(15) {
        shape.column("g", "INT", Kind::Minus(n), true);
    }
    if dice.chance(60) {
        orders.push(shape.column("s", TEXT, Kind::Text, true));
    }
    if dice.chance(60) {
        let name = *dice.pick(&["created_at", "at"]);
        let (sql, kind) =
            *dice.pick(&[("DATETIME", Kind::Time), ("TIMESTAMP", Kind::Time), ("DATE", Kind::Date)]);
        orders.push(shape.column(name, sql, kind, true));
    }
    for order in orders {
        match dice.roll(4) {
            0 => shape.indexes.push(vec![order]),
            1 if !shape.primary.contains(&order) => {
                let mut columns = vec![order];
                columns.extend(&shape.primary);
                shape.indexes.push(columns);
            }
            _ => {}
        }
    }
}

pub fn add_rows(dice: &mut Dice, shape: &Shape, table: &mut Table) {
    let count = if dice.chance(8) { 0 } else { dice.roll(15) };
    for _ in 0..count {
        let mut row: Vec<Value> = Vec::new();
        for column in &shape.columns {
            let cell = match column.kind {
                Kind::Minus(of) => match row[of] {
                    Value::Int(number) => Value::Int(-number),
                    _ => Value::Null,
                },
                _ if column.nullable && dice.chance(20) => Value::Null,
                kind => value(dice, kind),
            };
            row.push(cell);
        }
        table.rows.push(row);
    }
}

/// Few different values, so that there are ties and references that meet.
pub fn value(dice: &mut Dice, kind: Kind) -> Value {
    match kind {
        Kind::Int | Kind::Minus(_) => Value::Int(dice.between(-3, 12)),
        Kind::Unsigned => Value::Int(dice.between(0, 15)),
        Kind::Text => {
            let length = dice.roll(3);
            let text: String = (0..length).map(|_| *dice.pick(&['a', 'b', 'A', 'B', '1'])).collect();
            Value::Text(if dice.chance(8) { format!("{text} ") } else { text })
        }
        Kind::Bytes(most, exactly) => {
            let length = if exactly { most } else { dice.roll(most) };
            Value::Bytes((0..length).map(|_| *dice.pick(&[0x00, 0x20, 0x27, 0x5c, 0xff])).collect())
        }
        Kind::Time => Value::Time(dice.between(-12, 2) * 43_200 + *dice.pick(&[0, 0, -1, 1, 3600])),
        Kind::Date => Value::Time(dice.between(-6, 1) * 86_400 - 43_200),
    }
}

/// The same value in other letters, where the collation does not mind.
pub fn respelled(dice: &mut Dice, value: &Value) -> Value {
    match value {
        Value::Text(text) if dice.chance(40) => Value::Text(match dice.roll(3) {
            0 => text.to_ascii_lowercase(),
            1 => text.to_ascii_uppercase(),
            _ => format!("{} ", text.trim_end()),
        }),
        other => other.clone(),
    }
}

/// What a unique key takes for the same.
pub fn identity(value: &Value) -> String {
    match value {
        Value::Text(text) => text.trim_end().to_ascii_uppercase(),
        other => format!("{other:?}"),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => format!("'{text}'"),
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{digits}'")
        }
        Value::Time(seconds) => format!("'{MOMENT}' + INTERVAL {seconds} SECOND"),
    }
}
