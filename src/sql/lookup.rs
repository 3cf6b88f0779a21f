//! A short `SELECT` that finds rows of a child table by literals and says which parent each has now. One statement
//! over both tables: on transactional engines it sees both at the same moment.

use super::ident::{Ident, TableName, string_literal};
use super::select::Bound;
use super::statement::List;
use std::fmt;

/// Rows of a child, each beside its parents. `Display` renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The child.
    pub child: TableName,
    /// The index that `identity` is looked up by; none leaves the choice to the server.
    pub index: Option<String>,
    /// The parent.
    pub parent: TableName,
    /// The referencing columns and those that they reference.
    pub join: Vec<(String, String)>,
    /// What is read: expressions over columns of the child, `c.…`, and of the parent, `p.…`, which are NULL where there
    /// is none.
    pub list: List,
    /// The child's columns that name the rows wanted.
    pub identity: Vec<String>,
    /// Their values, at least one.
    pub rows: Vec<Bound>,
    /// Only rows whose columns have these values.
    pub when: Vec<(String, String)>,
}

impl Lookup {
    fn of_child(column: &str) -> String {
        format!("c.{}", Ident::new(column))
    }

    /// Spelled out for several columns: not every version looks `(a, b) IN …` up in an index.
    fn row(&self, row: &Bound) -> String {
        let terms: Vec<String> = self
            .identity
            .iter()
            .zip(&row.0)
            .map(|(column, literal)| format!("{} = {literal}", Self::of_child(column)))
            .collect();
        format!("({})", terms.join(" AND "))
    }
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SELECT {} FROM {} AS c", self.list.join(", "), self.child)?;
        if let Some(index) = &self.index {
            write!(f, " FORCE INDEX ({})", Ident::new(index.as_str()))?;
        }
        let on: Vec<String> = self
            .join
            .iter()
            .map(|(own, other)| format!("p.{} = {}", Ident::new(other.as_str()), Self::of_child(own)))
            .collect();
        write!(f, " LEFT JOIN {} AS p ON {} WHERE ", self.parent, on.join(" AND "))?;
        match self.identity.as_slice() {
            [one] => {
                let values: Vec<&str> = self.rows.iter().flat_map(|row| &row.0).map(String::as_str).collect();
                write!(f, "{} IN ({})", Self::of_child(one), values.join(", "))?;
            }
            _ => {
                let rows: Vec<String> = self.rows.iter().map(|row| self.row(row)).collect();
                write!(f, "({})", rows.join(" OR "))?;
            }
        }
        for (column, value) in &self.when {
            write!(f, " AND {} = {}", Self::of_child(column), string_literal(value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(identity: &[&str], rows: &[&[&str]]) -> Lookup {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Lookup {
            child: TableName::qualified("app", "orders"),
            index: Some("PRIMARY".into()),
            parent: TableName::qualified("app", "users"),
            join: vec![("user_id".into(), "id".into())],
            list: ["c.`id`", "c.`f`*1e0", "p.`id`"].into(),
            identity: names(identity),
            rows: rows.iter().map(|row| Bound(names(row))).collect(),
            when: Vec::new(),
        }
    }

    #[test]
    fn one_statement_names_rows_and_parents() {
        let head = "SELECT c.`id`, c.`f`*1e0, p.`id` FROM `app`.`orders` AS c FORCE INDEX (`PRIMARY`) \
                    LEFT JOIN `app`.`users` AS p ON p.`id` = c.`user_id` WHERE ";
        let one = lookup(&["id"], &[&["1"], &["2"]]);
        assert_eq!(one.to_string(), format!("{head}c.`id` IN (1, 2)"));
        let when = vec![("kind".to_owned(), "App\\Post".to_owned())];
        let two = Lookup { when, ..lookup(&["a", "b"], &[&["1", "'x'"], &["2", "'y'"]]) };
        assert_eq!(
            two.to_string(),
            format!(
                "{head}((c.`a` = 1 AND c.`b` = 'x') OR (c.`a` = 2 AND c.`b` = 'y')) \
                 AND c.`kind` = _utf8mb4 x'4170705c506f7374'"
            )
        );
    }
}
