//! Random schemas with rows, references and limits, for judging the subset engine: the same seed makes the same graph.

use crate::harness::exec;
use crate::subset_limits::limit;
use crate::subset_model::{Model, Reference, Table, Value};
use crate::subset_shape::{Column, Dice, Shape, add_rows, identity, respelled, shape, value};
use mysql::Conn;
use std::collections::HashSet;
use std::fmt::Write as _;

/// The moment of every run; times in rows are seconds from it.
pub const MOMENT: &str = "2024-03-15 12:00:00";

/// A schema with rows and limits. Shapes and the model's tables go together, links and its references too.
#[derive(Debug, Clone)]
pub struct Graph {
    pub shapes: Vec<Shape>,
    pub model: Model,
    /// Whether the reference is a declared foreign key; relations otherwise.
    pub declared: Vec<bool>,
}

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
        let declared = dice.chance(60) && innodb(child) && innodb(parent);
        let wanted: Vec<Column> =
            parent_columns.iter().map(|at| self.shapes[parent].columns[*at].clone()).collect();
        let reused = if dice.chance(25) { self.shapes[child].alike(&wanted) } else { None };
        let columns = match reused {
            Some(columns) if (child, &columns) != (parent, &parent_columns) => columns,
            _ => self.shapes[child].add_columns(dice, wanted, declared),
        };
        let when = if declared || dice.chance(30) { Vec::new() } else { self.shapes[child].when(dice) };
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
