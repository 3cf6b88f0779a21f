//! What a session may run: a statement, and whether it reads the key of masks. That is noted where masks are rendered
//! and goes with them into the statement. Its text does not tell: names and values of a table may spell the variable.

use super::lookup::Lookup;
use super::select::{Compare, InsertSelect, Select};
use std::borrow::Cow;
use std::ops::Deref;

/// An expression: what stands in a SELECT list, a condition, what a column is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    sql: String,
    reads_key: bool,
}

impl Expr {
    /// An expression of masks, which read the key if there is one.
    #[must_use]
    pub fn of_masks(sql: String, has_key: bool) -> Self {
        Self { sql, reads_key: has_key }
    }

    /// Its text.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The same inside a larger one.
    #[must_use]
    pub fn within(self, larger: impl FnOnce(String) -> String) -> Self {
        Self { sql: larger(self.sql), reads_key: self.reads_key }
    }
}

impl From<String> for Expr {
    fn from(sql: String) -> Self {
        Self { sql, reads_key: false }
    }
}

impl From<&str> for Expr {
    fn from(sql: &str) -> Self {
        sql.to_owned().into()
    }
}

/// Expressions side by side: a SELECT list, conditions that are counted, the assignments of an `UPDATE`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    items: Vec<String>,
    reads_key: bool,
}

impl List {
    /// Adds one at the end.
    pub fn push(&mut self, item: impl Into<Expr>) {
        self.extend([item]);
    }
}

impl<T: Into<Expr>> Extend<T> for List {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for Expr { sql, reads_key } in items.into_iter().map(Into::into) {
            self.items.push(sql);
            self.reads_key |= reads_key;
        }
    }
}

impl<T: Into<Expr>> FromIterator<T> for List {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::default();
        list.extend(items);
        list
    }
}

impl<T: Into<Expr>, const N: usize> From<[T; N]> for List {
    fn from(items: [T; N]) -> Self {
        items.into_iter().collect()
    }
}

impl From<Vec<String>> for List {
    fn from(items: Vec<String>) -> Self {
        Self { items, reads_key: false }
    }
}

impl Deref for List {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.items
    }
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    sql: Cow<'a, str>,
    reads_key: bool,
}

impl<'a> Statement<'a> {
    /// One that is made of these expressions.
    #[must_use]
    pub fn of(sql: String, expressions: &List) -> Self {
        Self { sql: sql.into(), reads_key: expressions.reads_key }
    }

    /// Its text.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether only a session that was given the key of masks may run it.
    #[must_use]
    pub fn reads_key(&self) -> bool {
        self.reads_key
    }

    /// The same statement, to be run more than once.
    #[must_use]
    pub fn again(&'a self) -> Self {
        Self { sql: Cow::Borrowed(&self.sql), reads_key: self.reads_key }
    }
}

impl<'a> From<&'a str> for Statement<'a> {
    fn from(sql: &'a str) -> Self {
        Self { sql: sql.into(), reads_key: false }
    }
}

impl<'a> From<&'a String> for Statement<'a> {
    fn from(sql: &'a String) -> Self {
        sql.as_str().into()
    }
}

impl From<&Select> for Statement<'_> {
    fn from(select: &Select) -> Self {
        Self::of(select.to_string(), &select.list)
    }
}

impl From<&InsertSelect> for Statement<'_> {
    fn from(insert: &InsertSelect) -> Self {
        Self::of(insert.to_string(), &insert.select.list)
    }
}

impl From<&Lookup> for Statement<'_> {
    fn from(lookup: &Lookup) -> Self {
        Self::of(lookup.to_string(), &lookup.list)
    }
}

impl From<&Compare> for Statement<'_> {
    fn from(compare: &Compare) -> Self {
        Self::of(compare.to_string(), &compare.conditions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::select::{Bound, Range, WalkKey};
    use crate::sql::{KEY_VARIABLE, TableName, WorkspaceName, WorkspaceTable};

    /// Names and values that spell the variable.
    fn step(list: List) -> Select {
        let key = WalkKey { index: "PRIMARY".into(), columns: vec![KEY_VARIABLE.into()] };
        let range = Range { after: Some(Bound(vec![format!("'{KEY_VARIABLE}'")])), up_to: None };
        Select::step(TableName::qualified("app", KEY_VARIABLE), list, &key, range, 10)
    }

    #[test]
    fn masks_alone_read_the_key() {
        let column = format!("`{KEY_VARIABLE}`");
        let mask = |has_key| Expr::of_masks(column.clone(), has_key).within(|sql| format!("({sql})"));
        for (item, reads_key) in
            [(Expr::from(column.as_str()), false), (mask(false), false), (mask(true), true)]
        {
            let list = List::from([Expr::from("1"), item]);
            let select = step(list.clone());
            let insert = InsertSelect {
                into: WorkspaceTable::inside(&WorkspaceName::new(7, 1), "t"),
                columns: vec!["a".into(), "b".into()],
                select: select.clone(),
                ignore: false,
            };
            let lookup = Lookup {
                child: select.from.clone(),
                index: None,
                parent: select.from.clone(),
                join: Vec::new(),
                list: list.clone(),
                identity: vec![KEY_VARIABLE.into()],
                rows: vec![Bound(vec![format!("'{KEY_VARIABLE}'")])],
                when: vec![(KEY_VARIABLE.into(), KEY_VARIABLE.into())],
            };
            let compare = Compare {
                copy: insert.into.clone(),
                read: vec![KEY_VARIABLE.into()],
                walk: select.walk.clone().unwrap(),
                limit: 1,
                source: select.from.clone(),
                index: KEY_VARIABLE.into(),
                conditions: list,
            };
            let statements: [Statement<'_>; 4] =
                [(&select).into(), (&insert).into(), (&lookup).into(), (&compare).into()];
            for statement in statements {
                assert_eq!(statement.reads_key(), reads_key, "{statement:?}");
                assert_eq!(statement.again(), statement);
                assert!(statement.sql().contains(KEY_VARIABLE));
            }
        }
        assert!(!Statement::from(KEY_VARIABLE).reads_key());
    }
}
