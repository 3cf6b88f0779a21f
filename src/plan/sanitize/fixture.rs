//! Small schemas and rules for tests.

use crate::plan::sanitize::{Mask, Rule};
use crate::schema::{
    Check, Column, Flavour, ForeignKey, Generated, Index, IndexKind, IndexPart, Schema, Table, TableKind,
    Version,
};

/// A rule for every row and value.
pub fn rule(table: &str, column: &str, mask: Mask) -> Rule {
    Rule { table: table.into(), column: column.into(), mask, exclude: Vec::new(), condition: None }
}

/// A rule that keeps the values of these patterns.
pub fn rule_but(table: &str, column: &str, mask: Mask, exclude: &[&str]) -> Rule {
    Rule { exclude: exclude.iter().map(ToString::to_string).collect(), ..rule(table, column, mask) }
}

/// A NOT NULL column of that type; character columns are utf8mb4.
pub fn column(name: &str, column_type: &str) -> Column {
    let data_type: String = column_type.chars().take_while(char::is_ascii_alphanumeric).collect();
    let charset = matches!(
        data_type.as_str(),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set"
    );
    let length = column_type.split(['(', ')']).nth(1).and_then(|length| length.parse().ok());
    let max_length = match data_type.as_str() {
        "tinytext" | "tinyblob" => Some(255),
        "text" | "blob" => Some(65_535),
        "mediumtext" => Some(16_777_215),
        "char" | "varchar" | "binary" | "varbinary" => length,
        _ => None,
    };
    Column {
        charset: charset.then(|| "utf8mb4".into()),
        collation: charset.then(|| "utf8mb4_general_ci".into()),
        max_length,
        ..Column::new(name, column_type)
    }
}

/// The same, NULL allowed.
pub fn nullable(name: &str, column_type: &str) -> Column {
    Column { nullable: true, ..column(name, column_type) }
}

/// A VIRTUAL column.
pub fn generated(name: &str, column_type: &str, expression: &str) -> Column {
    Column {
        generated: Generated::Virtual,
        expression: Some(expression.into()),
        ..nullable(name, column_type)
    }
}

pub struct Builder(Table);

pub fn table(name: &str, columns: Vec<Column>) -> Builder {
    Builder(Table::new(name, columns))
}

impl Builder {
    pub fn key(mut self, columns: &[&str]) -> Self {
        self.0.primary_key = columns.iter().map(ToString::to_string).collect();
        self
    }

    /// Parts: `name`, `name(10)` for a prefix, `=expression` for a functional part.
    pub fn unique(mut self, parts: &[&str]) -> Self {
        let parts = parts.iter().map(|part| index_part(part)).collect();
        let name = format!("u{}", self.0.indexes.len());
        self.0.indexes.push(Index { name, unique: true, kind: IndexKind::Btree, parts });
        self
    }

    pub fn check(mut self, name: &str, expression: &str) -> Self {
        self.0.checks.push(Check { name: name.into(), expression: expression.into() });
        self
    }

    pub fn kind(mut self, kind: TableKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub fn done(self) -> Table {
        self.0
    }
}

fn index_part(part: &str) -> IndexPart {
    if let Some(expression) = part.strip_prefix('=') {
        return IndexPart {
            column: None,
            expression: Some(expression.into()),
            prefix: None,
            descending: false,
        };
    }
    let (column, prefix) = match part.split_once('(') {
        Some((column, prefix)) => (column, prefix.trim_end_matches(')').parse().ok()),
        None => (part, None),
    };
    IndexPart { column: Some(column.into()), expression: None, prefix, descending: false }
}

pub fn schema(tables: Vec<Table>) -> Schema {
    Schema {
        database: "app".into(),
        flavour: Flavour::Mariadb,
        version: Version(10, 11, 0),
        tables: tables.into_iter().map(|table| (table.name.clone(), table)).collect(),
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
        views: 0,
        routines: 0,
        events: 0,
    }
}

pub fn foreign_key(child: (&str, &str), parent: (&str, &str)) -> ForeignKey {
    ForeignKey {
        name: format!("{}_{}_fk", child.0, child.1),
        table: child.0.into(),
        columns: vec![child.1.into()],
        references_schema: None,
        references: parent.0.into(),
        referenced_columns: vec![parent.1.into()],
        on_delete: "CASCADE".into(),
        on_update: "CASCADE".into(),
    }
}
