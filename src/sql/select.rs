//! The two statements that may name a source table: `SELECT` and `INSERT … SELECT`. Other statements that only read
//! a table lock its rows even at READ COMMITTED, so there is no way to render one for a source table.

use super::ident::{Ident, TableName, column_list};
use super::keyset::KeyLookup;
use super::statement::List;
use super::workspace::{WorkspaceTable, is_workspace_table};
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
        self.render(range, None, false)
    }

    /// As [`WalkKey::condition`], with columns of `alias`, and for a walk that begins at the key's end: what lies
    /// behind a position then is smaller.
    fn render(&self, range: &Range, alias: Option<&str>, descending: bool) -> Option<String> {
        let (behind, before) = if descending { ("<", ">") } else { (">", "<") };
        let after = range.after.as_ref().map(|bound| self.compare(bound, alias, behind, behind));
        let up_to =
            range.up_to.as_ref().map(|bound| self.compare(bound, alias, before, &format!("{before}=")));
        match (after, up_to) {
            (Some(after), Some(up_to)) => Some(format!("({after}) AND ({up_to})")),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
    }

    /// Row comparison spelled out: neither server uses an index for `(a, b) > (x, y)`.
    fn compare(&self, bound: &Bound, alias: Option<&str>, strict: &str, last: &str) -> String {
        let mut terms = Vec::with_capacity(self.columns.len());
        for at in 0..self.columns.len() {
            let mut term = String::new();
            for (column, literal) in self.columns.iter().zip(&bound.0).take(at) {
                term.push_str(&format!("{} = {literal} AND ", column_of(alias, column)));
            }
            let operator = if at + 1 == self.columns.len() { last } else { strict };
            if let (Some(column), Some(literal)) = (self.columns.get(at), bound.0.get(at)) {
                term.push_str(&format!("{} {operator} {literal}", column_of(alias, column)));
            }
            terms.push(if self.columns.len() > 1 { format!("({term})") } else { term });
        }
        terms.join(" OR ")
    }

    /// `` `a`, `b` ``, or all descending.
    fn order(&self, alias: Option<&str>, descending: bool) -> String {
        let direction = if descending { " DESC" } else { "" };
        let list: Vec<String> =
            self.columns.iter().map(|column| format!("{}{direction}", column_of(alias, column))).collect();
        list.join(", ")
    }
}

/// `` `alias`.`column` ``, or the column alone.
#[must_use]
pub fn column_of(alias: Option<&str>, column: &str) -> String {
    match alias {
        Some(alias) => format!("{}.{}", Ident::new(alias), Ident::new(column)),
        None => Ident::new(column).to_string(),
    }
}

/// How another table is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// Its matching rows, looked up for each row so far, whatever the optimizer thinks.
    Straight,
    /// Its matching rows, or NULLs.
    Left,
}

/// Another table of a [`Select`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// How.
    pub kind: JoinKind,
    /// The table.
    pub table: TableName,
    /// What it is called in the statement.
    pub alias: String,
    /// The index that its rows are looked up by.
    pub index: Option<String>,
    /// Rendered conditions, all of which a match fulfils.
    pub on: Vec<String>,
    /// A table that is joined to this one first; only with [`JoinKind::Left`].
    pub inner: Option<Box<Join>>,
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            JoinKind::Straight => " STRAIGHT_JOIN ",
            JoinKind::Left => " LEFT JOIN ",
        })?;
        let open = if self.inner.is_some() { "(" } else { "" };
        write!(f, "{open}{} AS {}", self.table, Ident::new(self.alias.as_str()))?;
        if let Some(index) = &self.index {
            write!(f, " FORCE INDEX ({})", Ident::new(index.as_str()))?;
        }
        if let Some(inner) = &self.inner {
            write!(f, "{inner})")?;
        }
        write!(f, " ON {}", self.on.join(" AND "))
    }
}

/// A plain `SELECT` over one table, or over a table and others that are joined to it. `Display` renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// The table.
    pub from: TableName,
    /// What it is called in the statement; needed where others are joined.
    pub alias: Option<String>,
    /// The keys that name its rows, where it is not walked: they drive the statement.
    pub keys: Option<KeyLookup>,
    /// Whether the table is read in its own order, by no index.
    pub scan: bool,
    /// Other tables.
    pub joins: Vec<Join>,
    /// The SELECT list.
    pub list: List,
    /// Conditions, rendered, all of which a row fulfils.
    pub conditions: Vec<String>,
    /// The key that the rows are walked along, with the range wanted.
    pub walk: Option<(WalkKey, Range)>,
    /// From the key's end instead of its beginning.
    pub descending: bool,
    /// What the rows are ordered by, rendered; empty: the key.
    pub order_by: Vec<String>,
    /// Most rows.
    pub limit: Option<u64>,
    /// Rows to pass over first.
    pub offset: u64,
}

impl Select {
    /// The table of `schema` that is read, workspace tables aside; none if only those are.
    #[must_use]
    pub fn source_table(&self, schema: &str) -> Option<&TableName> {
        self.tables().find(|table| table.schema() == Some(schema) && !is_workspace_table(table.table()))
    }

    /// The tables that are read, but for those that are joined to a joined one.
    pub fn tables(&self) -> impl Iterator<Item = &TableName> {
        std::iter::once(&self.from).chain(self.joins.iter().map(|join| &join.table))
    }

    /// All rows of `from`.
    #[must_use]
    pub fn all(from: TableName, list: List) -> Self {
        Self {
            from,
            alias: None,
            keys: None,
            scan: false,
            joins: Vec::new(),
            list,
            conditions: Vec::new(),
            walk: None,
            descending: false,
            order_by: Vec::new(),
            limit: None,
            offset: 0,
        }
    }

    /// The next `limit` rows of a walk.
    #[must_use]
    pub fn step(from: TableName, list: List, key: &WalkKey, range: Range, limit: u64) -> Self {
        Self { walk: Some((key.clone(), range)), limit: Some(limit), ..Self::all(from, list) }
    }

    fn write_conditions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alias = self.alias.as_deref();
        let walked = self.walk.as_ref().and_then(|(key, range)| key.render(range, alias, self.descending));
        if let ([], Some(walked)) = (self.conditions.as_slice(), &walked) {
            return write!(f, " WHERE {walked}");
        }
        for (at, condition) in walked.iter().chain(&self.conditions).enumerate() {
            write!(f, "{} ({condition})", if at == 0 { " WHERE" } else { " AND" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SELECT {} FROM ", self.list.join(", "))?;
        if let Some(lookup) = &self.keys {
            write!(f, "{} STRAIGHT_JOIN ", lookup.keys)?;
        }
        write!(f, "{}", self.from)?;
        if let Some(alias) = &self.alias {
            write!(f, " AS {}", Ident::new(alias.as_str()))?;
        }
        if self.scan {
            f.write_str(" USE INDEX ()")?;
        }
        if let Some((key, _)) = &self.walk {
            // Left alone, the optimizer may pick another index and sort.
            write!(f, " FORCE INDEX ({})", Ident::new(key.index.as_str()))?;
        }
        if let Some(lookup) = &self.keys {
            if let Some(index) = &lookup.index {
                write!(f, " FORCE INDEX ({})", Ident::new(index.as_str()))?;
            }
            write!(f, " ON {}", lookup.condition(self.alias.as_deref()))?;
        }
        for join in &self.joins {
            write!(f, "{join}")?;
        }
        self.write_conditions(f)?;
        if !self.order_by.is_empty() {
            write!(f, " ORDER BY {}", self.order_by.join(", "))?;
        } else if let Some((key, _)) = &self.walk {
            write!(f, " ORDER BY {}", key.order(self.alias.as_deref(), self.descending))?;
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
    pub into: WorkspaceTable,
    /// The columns filled, as many as `select` lists.
    pub columns: Vec<String>,
    /// Where from.
    pub select: Select,
    /// Whether rows that are there already are passed over.
    pub ignore: bool,
}

impl fmt::Display for InsertSelect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ignore = if self.ignore { " IGNORE" } else { "" };
        write!(f, "INSERT{ignore} INTO {} ({}) {}", self.into, column_list(&self.columns), self.select)
    }
}

/// A plain `SELECT` that counts conditions over rows of a workspace table and the same rows, by key, of the table that
/// it was copied from. The two are called [`Compare::COPY`] and [`Compare::SOURCE`]. `Display` renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compare {
    /// The workspace table.
    pub copy: WorkspaceTable,
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
    pub conditions: List,
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
        let rows = Select::step(self.copy.name().clone(), list, key, range.clone(), self.limit);
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
mod tests;
