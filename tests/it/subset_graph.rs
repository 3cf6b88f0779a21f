//! Random schemas with rows, references and limits, for judging the subset engine: the same seed makes the same graph.

use crate::harness::exec;
use crate::subset_model::{Age, Condition, Limit, Model, Reference, Table, Value};
use mysql::Conn;
use std::collections::HashSet;
use std::fmt::Write as _;

/// The moment of every run; times in rows are seconds from it.
pub const MOMENT: &str = "2024-03-15 12:00:00";

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

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }

    fn between(&mut self, least: i64, most: i64) -> i64 {
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
    sql: &'static str,
    pub kind: Kind,
    nullable: bool,
}

/// What a table looks like. Column 0 is `rid`, the row's number, part of no key.
#[derive(Debug, Clone)]
pub struct Shape {
    pub name: String,
    pub columns: Vec<Column>,
    pub primary: Vec<usize>,
    uniques: Vec<Vec<usize>>,
    indexes: Vec<Vec<usize>>,
    engine: &'static str,
}

/// A schema with rows and limits. Shapes and the model's tables go together, links and its references too.
#[derive(Debug, Clone)]
pub struct Graph {
    pub shapes: Vec<Shape>,
    pub model: Model,
    /// Whether the reference is a declared foreign key; relations otherwise.
    pub declared: Vec<bool>,
}

const TEXT: &str = "VARCHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";

impl Graph {
    /// A graph of one to seven tables whose names begin with `prefix`.
    pub fn random(dice: &mut Dice, prefix: &str, zone: i64) -> Self {
        let mut graph =
            Self { shapes: Vec::new(), model: Model { zone, ..Model::default() }, declared: Vec::new() };
        for number in 0..=dice.roll(7) {
            graph.shapes.push(shape(dice, format!("{prefix}t{number}")));
            graph.model.tables.push(Table::default());
        }
        for _ in 0..dice.roll(graph.shapes.len() * 2 + 2) {
            graph.add_reference(dice);
        }
        for (shape, table) in graph.shapes.iter_mut().zip(&mut graph.model.tables) {
            add_rows(dice, shape, table);
            table.key.clone_from(shape.row_key());
        }
        graph.fill_references(dice);
        for at in 0..graph.shapes.len() {
            graph.drop_doubles(at);
        }
        graph.roll_limits(dice);
        graph
    }

    /// Sets other limits.
    pub fn roll_limits(&mut self, dice: &mut Dice) {
        for (shape, table) in self.shapes.iter().zip(&mut self.model.tables) {
            table.limit = dice.chance(45).then(|| limit(dice, shape));
        }
    }

    fn add_reference(&mut self, dice: &mut Dice) {
        // Circles are where the difficulties are: a table with itself, or back along another reference.
        let (child, parent) = match (dice.roll(10), self.model.references.as_slice()) {
            (0, _) => {
                let table = dice.roll(self.shapes.len());
                (table, table)
            }
            (1 | 2, known @ [_, ..]) => {
                let reference = dice.pick(known);
                (reference.parent, reference.child)
            }
            _ => (dice.roll(self.shapes.len()), dice.roll(self.shapes.len())),
        };
        let keys: Vec<Vec<usize>> = [&self.shapes[parent].primary]
            .into_iter()
            .chain(&self.shapes[parent].uniques)
            .filter(|key| !key.is_empty())
            .cloned()
            .collect();
        if keys.is_empty() {
            return;
        }
        let parent_columns = dice.pick(&keys).clone();
        let innodb = |at: usize| self.shapes[at].engine == "InnoDB";
        let declared = dice.chance(70) && innodb(child) && innodb(parent);
        let wanted: Vec<Column> =
            parent_columns.iter().map(|at| self.shapes[parent].columns[*at].clone()).collect();
        let reused = if dice.chance(25) { self.shapes[child].alike(&wanted) } else { None };
        let columns = match reused {
            Some(columns) if (child, &columns) != (parent, &parent_columns) => columns,
            _ => self.shapes[child].add_columns(dice, wanted, declared),
        };
        let when = if declared || dice.chance(40) { Vec::new() } else { self.shapes[child].when(dice) };
        self.model.references.push(Reference { child, columns, parent, parent_columns, when });
        self.declared.push(declared);
    }

    /// Most rows reference an existing parent; some none, some a missing one.
    fn fill_references(&mut self, dice: &mut Dice) {
        for reference in self.model.references.clone() {
            let shape = &self.shapes[reference.child];
            // Keys that serve as references keep their own values.
            if !reference.columns.iter().all(|at| shape.columns[*at].name.starts_with('f')) {
                continue;
            }
            for row in 0..self.model.tables[reference.child].rows.len() {
                let parents = &self.model.tables[reference.parent].rows;
                let parent = if parents.is_empty() || dice.chance(12) {
                    None
                } else {
                    Some(dice.pick(parents).clone())
                };
                for (own, theirs) in reference.columns.iter().zip(&reference.parent_columns) {
                    let column = &shape.columns[*own];
                    let value = match &parent {
                        _ if column.nullable && dice.chance(18) => Value::Null,
                        Some(parent) => respelled(dice, &parent[*theirs]),
                        None => value(dice, column.kind),
                    };
                    let value = if value == Value::Null && !column.nullable {
                        self::value(dice, column.kind)
                    } else {
                        value
                    };
                    self.model.tables[reference.child].rows[row][*own] = value;
                }
            }
        }
    }

    /// Leaves the first of rows with the same key, and numbers them.
    fn drop_doubles(&mut self, at: usize) {
        let shape = &self.shapes[at];
        let mut seen: HashSet<(usize, Vec<String>)> = HashSet::new();
        let keys: Vec<&Vec<usize>> =
            [&shape.primary].into_iter().chain(&shape.uniques).filter(|key| !key.is_empty()).collect();
        let rows = &mut self.model.tables[at].rows;
        rows.retain(|row| {
            keys.iter().enumerate().all(|(number, key)| {
                let values: Vec<String> = key.iter().map(|column| identity(&row[*column])).collect();
                key.iter().any(|column| row[*column] == Value::Null) || seen.insert((number, values))
            })
        });
        self.number(at);
    }

    fn number(&mut self, at: usize) {
        for (number, row) in self.model.tables[at].rows.iter_mut().enumerate() {
            row[0] = Value::Int(i64::try_from(number).unwrap());
        }
    }

    /// Makes the tables with their rows in the schema of `conn`.
    pub fn load(&self, conn: &mut Conn) {
        exec(conn, "SET FOREIGN_KEY_CHECKS = 0");
        for sql in self.statements() {
            exec(conn, &sql);
        }
    }

    /// Removes the tables.
    pub fn drop_tables(&self, conn: &mut Conn) {
        exec(conn, "SET FOREIGN_KEY_CHECKS = 0");
        let names: Vec<String> = self.shapes.iter().map(|shape| format!("`{}`", shape.name)).collect();
        exec(conn, &format!("DROP TABLE IF EXISTS {}", names.join(", ")));
    }

    fn statements(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for (at, (shape, table)) in self.shapes.iter().zip(&self.model.tables).enumerate() {
            statements.push(format!(
                "CREATE TABLE `{}` ({}) ENGINE={}",
                shape.name,
                self.definitions(at).join(", "),
                shape.engine
            ));
            let rows: Vec<String> = table.rows.iter().map(|row| shape.row(row)).collect();
            if !rows.is_empty() {
                statements.push(format!(
                    "INSERT INTO `{}` ({}) VALUES {}",
                    shape.name,
                    shape.list(&shape.stored()),
                    rows.join(", ")
                ));
            }
        }
        statements
    }

    fn definitions(&self, at: usize) -> Vec<String> {
        let shape = &self.shapes[at];
        let mut parts: Vec<String> = shape.columns.iter().map(|column| column.definition(shape)).collect();
        if !shape.primary.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", shape.list(&shape.primary)));
        }
        parts.extend(shape.uniques.iter().map(|key| format!("UNIQUE KEY ({})", shape.list(key))));
        parts.extend(shape.indexes.iter().map(|key| format!("KEY ({})", shape.list(key))));
        for (reference, declared) in self.model.references.iter().zip(&self.declared) {
            if *declared && reference.child == at {
                let parent = &self.shapes[reference.parent];
                parts.push(format!(
                    "FOREIGN KEY ({}) REFERENCES `{}` ({})",
                    shape.list(&reference.columns),
                    parent.name,
                    parent.list(&reference.parent_columns)
                ));
            }
        }
        parts
    }

    /// Smaller graphs of the same kind, each without one thing.
    pub fn smaller(&self) -> Vec<Self> {
        let mut found = Vec::new();
        for at in (0..self.shapes.len()).rev() {
            let used = |reference: &Reference| reference.child == at || reference.parent == at;
            if self.shapes.len() > 1 && !self.model.references.iter().any(used) {
                found.push(self.without_table(at));
            }
        }
        for at in 0..self.model.references.len() {
            let mut graph = self.clone();
            graph.model.references.remove(at);
            graph.declared.remove(at);
            found.push(graph);
        }
        for (at, table) in self.model.tables.iter().enumerate() {
            let mut change = |edit: &dyn Fn(&mut Table)| {
                let mut graph = self.clone();
                edit(&mut graph.model.tables[at]);
                graph.number(at);
                found.push(graph);
            };
            if table.limit.is_some() {
                change(&|table| table.limit = None);
            }
            let half = table.rows.len() / 2;
            if half > 1 {
                change(&|table| drop(table.rows.drain(half..)));
                change(&|table| drop(table.rows.drain(..half)));
            }
            for row in 0..table.rows.len() {
                change(&|table| drop(table.rows.remove(row)));
            }
        }
        found
    }

    fn without_table(&self, at: usize) -> Self {
        let mut graph = self.clone();
        graph.shapes.remove(at);
        graph.model.tables.remove(at);
        for reference in &mut graph.model.references {
            for end in [&mut reference.child, &mut reference.parent] {
                *end -= usize::from(*end > at);
            }
        }
        graph
    }

    /// Everything, for a message.
    pub fn describe(&self) -> String {
        let mut text = self.statements().join(";\n");
        for (shape, table) in self.shapes.iter().zip(&self.model.tables) {
            if let Some(limit) = &table.limit {
                write!(text, "\nlimit of {}: {limit:?}", shape.name).unwrap();
            }
        }
        for (reference, declared) in self.model.references.iter().zip(&self.declared) {
            if !declared {
                let (child, parent) = (&self.shapes[reference.child], &self.shapes[reference.parent]);
                write!(
                    text,
                    "\nrelation: {} ({}) to {} ({}) when {:?}",
                    child.name,
                    child.list(&reference.columns),
                    parent.name,
                    parent.list(&reference.parent_columns),
                    reference.when
                )
                .unwrap();
            }
        }
        text
    }
}

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
    fn alike(&self, wanted: &[Column]) -> Option<Vec<usize>> {
        let mut found: Vec<usize> = Vec::new();
        for column in wanted {
            let at = (1..self.columns.len()).rev().find(|at| {
                self.columns[*at].sql == column.sql && !found.contains(at) && self.columns[*at].is_stored()
            })?;
            found.push(at);
        }
        Some(found)
    }

    fn add_columns(&mut self, dice: &mut Dice, wanted: Vec<Column>, declared: bool) -> Vec<usize> {
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

    fn when(&self, dice: &mut Dice) -> Vec<(usize, Value)> {
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

    fn list(&self, columns: &[usize]) -> String {
        let names: Vec<String> = columns.iter().map(|at| format!("`{}`", self.columns[*at].name)).collect();
        names.join(", ")
    }

    fn stored(&self) -> Vec<usize> {
        (0..self.columns.len()).filter(|at| self.columns[*at].is_stored()).collect()
    }

    fn row(&self, row: &[Value]) -> String {
        let cells: Vec<String> = self.stored().into_iter().map(|at| literal(&row[at])).collect();
        format!("({})", cells.join(", "))
    }
}

impl Column {
    fn is_stored(&self) -> bool {
        !matches!(self.kind, Kind::Minus(_))
    }

    fn definition(&self, shape: &Shape) -> String {
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
fn shape(dice: &mut Dice, name: String) -> Shape {
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

fn add_rows(dice: &mut Dice, shape: &Shape, table: &mut Table) {
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
fn value(dice: &mut Dice, kind: Kind) -> Value {
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
fn respelled(dice: &mut Dice, value: &Value) -> Value {
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
fn identity(value: &Value) -> String {
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

fn limit(dice: &mut Dice, shape: &Shape) -> Limit {
    if dice.chance(20) {
        return Limit { all: true, ..Limit::default() };
    }
    let mut limit = Limit { ascending: dice.chance(50), ..Limit::default() };
    if dice.chance(25) {
        limit.age = age(dice, shape, &mut limit.order_by);
    }
    if dice.chance(25) {
        limit.condition = condition(dice, shape);
    }
    if dice.chance(20) {
        limit.percent = Some(*dice.pick(&[1, 10, 33, 50, 99, 100]));
    }
    let none = limit.age.is_none() && limit.condition.is_none() && limit.percent.is_none();
    if none || dice.chance(50) {
        limit.max_rows = Some(dice.roll(9));
    }
    if limit.age.is_none() {
        limit.order_by = order_by(dice, shape, &limit);
    }
    // Nothing else tells rows without a key apart.
    if shape.row_key().is_empty() && (limit.max_rows.is_some() || limit.percent.is_some()) {
        limit.age = None;
        limit.order_by = Some(0);
    }
    limit
}

fn order_by(dice: &mut Dice, shape: &Shape, limit: &Limit) -> Option<usize> {
    let cuts = limit.max_rows.is_some() || limit.percent.is_some();
    let needed = cuts && shape.primary.is_empty();
    (needed || dice.chance(65)).then(|| dice.roll(shape.columns.len()))
}

fn age(dice: &mut Dice, shape: &Shape, order_by: &mut Option<usize>) -> Option<Age> {
    let column = shape.columns.iter().position(|column| matches!(column.kind, Kind::Time | Kind::Date))?;
    // Without a primary key a cut needs a column to order by.
    if shape.columns[column].name != "created_at" || shape.primary.is_empty() || dice.chance(60) {
        *order_by = Some(column);
    }
    let days = u32::try_from(1 + dice.roll(6)).unwrap();
    Some(Age { column, days, utc: shape.columns[column].sql == "TIMESTAMP" })
}

fn condition(dice: &mut Dice, shape: &Shape) -> Option<Condition> {
    let n = shape.find("n")?;
    Some(match (dice.roll(3), shape.find("s")) {
        (0, Some(s)) => Condition::TextIs(s, (*dice.pick(&["a", "B", "ab"])).to_owned()),
        (1, Some(s)) => Condition::IsNull(s),
        _ => Condition::AtLeast(n, dice.between(-2, 9)),
    })
}

/// The condition as the configuration has it.
pub fn condition_sql(condition: &Condition, shape: &Shape) -> String {
    let name = |at: &usize| format!("`{}`", shape.columns[*at].name);
    match condition {
        Condition::IsNull(at) => format!("{} IS NULL", name(at)),
        Condition::AtLeast(at, least) => format!("{} >= {least} OR 1 = 0", name(at)),
        Condition::TextIs(at, text) => format!("{} = '{text}'", name(at)),
    }
}

/// The value as `when` has it.
pub fn when_text(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is not for `when`"),
    }
}
