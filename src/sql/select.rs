//! The two statements that may name a source table: `SELECT` and `INSERT … SELECT`. Other statements that only read
//! a table lock its rows even at READ COMMITTED, so there is no way to render one for a source table.

use super::ident::{Ident, TableName, column_list};
use std::fmt;

/// A position in a key: one SQL literal for each key column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound(pub Vec<String>);

/// A key range: after `after` (exclusive) up to `up_to` (inclusive), open where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// Rows behind this position.
    pub after: Option<Bound>,
    /// Rows up to and with this position.
    pub up_to: Option<Bound>,
}

/// A key that rows are walked along: its columns in order, and the index that holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkKey {
    /// The index's name (`PRIMARY` for the primary key).
    pub index: String,
    /// The key's columns.
    pub columns: Vec<String>,
}

impl WalkKey {
    /// The condition that a row lies in `range`; none when the range is open on both ends.
    #[must_use]
    pub fn condition(&self, range: &Range) -> Option<String> {
        let after = range.after.as_ref().map(|bound| self.compare(bound, ">", ">"));
        let up_to = range.up_to.as_ref().map(|bound| self.compare(bound, "<", "<="));
        match (after, up_to) {
            (Some(after), Some(up_to)) => Some(format!("({after}) AND ({up_to})")),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
    }

    /// Row comparison spelled out: neither server uses an index for `(a, b) > (x, y)`.
    fn compare(&self, bound: &Bound, strict: &str, last: &str) -> String {
        let mut terms = Vec::with_capacity(self.columns.len());
        for at in 0..self.columns.len() {
            let mut term = String::new();
            for (column, literal) in self.columns.iter().zip(&bound.0).take(at) {
                term.push_str(&format!("{} = {literal} AND ", Ident::new(column.as_str())));
            }
            let operator = if at + 1 == self.columns.len() { last } else { strict };
            if let (Some(column), Some(literal)) = (self.columns.get(at), bound.0.get(at)) {
                term.push_str(&format!("{} {operator} {literal}", Ident::new(column.as_str())));
            }
            terms.push(if self.columns.len() > 1 { format!("({term})") } else { term });
        }
        terms.join(" OR ")
    }

    /// `` ORDER BY `a`, `b` ``, or all descending.
    fn order(&self, descending: bool) -> String {
        let direction = if descending { " DESC" } else { "" };
        let list: Vec<String> =
            self.columns.iter().map(|column| format!("{}{direction}", Ident::new(column.as_str()))).collect();
        format!(" ORDER BY {}", list.join(", "))
    }
}

/// A plain `SELECT` over one table. `Display` renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// The table.
    pub from: TableName,
    /// The SELECT list: expressions, rendered.
    pub list: Vec<String>,
    /// The key that the rows are walked along, with the range wanted.
    pub walk: Option<(WalkKey, Range)>,
    /// From the key's end instead of its beginning.
    pub descending: bool,
    /// Most rows.
    pub limit: Option<u64>,
    /// Rows to pass over first.
    pub offset: u64,
}

impl Select {
    /// All rows of `from`.
    #[must_use]
    pub fn all(from: TableName, list: Vec<String>) -> Self {
        Self { from, list, walk: None, descending: false, limit: None, offset: 0 }
    }

    /// The next `limit` rows of a walk.
    #[must_use]
    pub fn step(from: TableName, list: Vec<String>, key: &WalkKey, range: Range, limit: u64) -> Self {
        Self { walk: Some((key.clone(), range)), limit: Some(limit), ..Self::all(from, list) }
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SELECT {} FROM {}", self.list.join(", "), self.from)?;
        if let Some((key, range)) = &self.walk {
            // Left alone, the optimizer may pick another index and sort.
            write!(f, " FORCE INDEX ({})", Ident::new(key.index.as_str()))?;
            if let Some(condition) = key.condition(range) {
                write!(f, " WHERE {condition}")?;
            }
            f.write_str(&key.order(self.descending))?;
        }
        if let Some(limit) = self.limit {
            write!(f, " LIMIT {limit}")?;
            if self.offset > 0 {
                write!(f, " OFFSET {}", self.offset)?;
            }
        }
        Ok(())
    }
}

/// `INSERT INTO workspace table … SELECT … FROM source table`. `Display` renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsertSelect {
    /// Where to.
    pub into: TableName,
    /// The columns filled, as many as `select` lists.
    pub columns: Vec<String>,
    /// Where from.
    pub select: Select,
}

impl fmt::Display for InsertSelect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INSERT INTO {} ({}) {}", self.into, column_list(&self.columns), self.select)
    }
}

/// A plain `SELECT` that counts conditions over rows of a workspace table and the same rows, by key, of the table that
/// it was copied from. The two are called [`Compare::COPY`] and [`Compare::SOURCE`]. `Display` renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compare {
    /// The workspace table.
    pub copy: TableName,
    /// The columns of it that conditions read.
    pub read: Vec<String>,
    /// The key to walk it by, and the range.
    pub walk: (WalkKey, Range),
    /// Most rows of the range.
    pub limit: u64,
    /// The source table.
    pub source: TableName,
    /// The index of the source table that has the same key.
    pub index: String,
    /// What is counted: a condition for each number of the result.
    pub conditions: Vec<String>,
}

impl Compare {
    /// The copy's alias.
    pub const COPY: &'static str = "backfill_copy";
    /// The source's alias.
    pub const SOURCE: &'static str = "backfill_source";
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, range) = &self.walk;
        let (copy, source) = (Ident::new(Self::COPY), Ident::new(Self::SOURCE));
        let counts: Vec<String> = self
            .conditions
            .iter()
            .map(|condition| format!("COUNT(CASE WHEN {condition} THEN 1 END)"))
            .collect();
        let mut list = key.columns.clone();
        list.extend(self.read.iter().filter(|name| !key.columns.contains(name)).cloned());
        let list = list.iter().map(|name| Ident::new(name.as_str()).to_string()).collect();
        // LIMIT keeps the rows of the copy a table of their own: few of them, looked up one by one in the source.
        let rows = Select::step(self.copy.clone(), list, key, range.clone(), self.limit);
        let by: Vec<String> = key
            .columns
            .iter()
            .map(|name| Ident::new(name.as_str()))
            .map(|name| format!("{source}.{name} = {copy}.{name}"))
            .collect();
        write!(
            f,
            "SELECT {} FROM ({rows}) AS {copy} STRAIGHT_JOIN {} AS {source} FORCE INDEX ({}) ON {}",
            counts.join(", "),
            self.source,
            Ident::new(self.index.as_str()),
            by.join(" AND ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(columns: &[&str]) -> WalkKey {
        WalkKey { index: "PRIMARY".into(), columns: columns.iter().map(ToString::to_string).collect() }
    }

    fn bound(literals: &[&str]) -> Option<Bound> {
        Some(Bound(literals.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn ranges_are_open_below_and_closed_above() {
        let table = [
            (key(&["a"]), bound(&["1"]), bound(&["9"]), "(`a` > 1) AND (`a` <= 9)"),
            (key(&["a"]), None, bound(&["9"]), "`a` <= 9"),
            (key(&["a", "b"]), bound(&["1", "'x'"]), None, "(`a` > 1) OR (`a` = 1 AND `b` > 'x')"),
            (key(&["a", "b"]), None, bound(&["1", "2"]), "(`a` < 1) OR (`a` = 1 AND `b` <= 2)"),
            (
                key(&["a", "b", "c"]),
                bound(&["1", "2", "3"]),
                None,
                "(`a` > 1) OR (`a` = 1 AND `b` > 2) OR (`a` = 1 AND `b` = 2 AND `c` > 3)",
            ),
        ];
        for (key, after, up_to, expected) in table {
            assert_eq!(key.condition(&Range { after, up_to }).as_deref(), Some(expected));
        }
        assert_eq!(key(&["a"]).condition(&Range::default()), None);
    }

    #[test]
    fn statements_render() {
        let step = Select::step(
            TableName::qualified("app", "t"),
            vec!["`a`".into(), "`f`*1e0".into()],
            &key(&["a"]),
            Range { after: bound(&["7"]), up_to: None },
            10,
        );
        let text =
            "SELECT `a`, `f`*1e0 FROM `app`.`t` FORCE INDEX (`PRIMARY`) WHERE `a` > 7 ORDER BY `a` LIMIT 10";
        assert_eq!(step.to_string(), text);
        let copy = InsertSelect {
            into: TableName::qualified("ws", "t"),
            columns: vec!["a".into(), "f".into()],
            select: step,
        };
        assert_eq!(copy.to_string(), format!("INSERT INTO `ws`.`t` (`a`, `f`) {text}"));
    }
}
