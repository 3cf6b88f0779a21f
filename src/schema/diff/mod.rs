//! What a pull would do to each table, decided before anything is fetched: which tables are created or replaced,
//! which columns are loaded, what does not fit. Everything that is found is reported at once.

mod types;

use super::collation;
use super::ddl;
use super::model::{BEYOND_BMP, Column, Flavour, Generated, Index, Schema, Table, TableKind};
use crate::error::{Error, Kind, Result};
use crate::sql::{Ident, TableName};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Engines whose tables hold their own rows. Others (MERGE, FEDERATED, CONNECT, SPIDER, S3…) write elsewhere.
pub const ENGINES: &[&str] = &["InnoDB", "MyISAM", "Aria", "MEMORY", "ROCKSDB", "TokuDB", "ARCHIVE", "CSV"];

/// Whether tables of that engine hold their own rows.
#[must_use]
pub fn stores_locally(engine: &str) -> bool {
    ENGINES.iter().any(|known| known.eq_ignore_ascii_case(engine))
}

/// Those of them that take part in transactions and snapshots.
const TRANSACTIONAL: &[&str] = &["InnoDB", "ROCKSDB", "TokuDB"];

/// Whether tables of that engine take part in transactions and snapshots.
#[must_use]
pub fn is_transactional(engine: &str) -> bool {
    TRANSACTIONAL.iter().any(|known| known.eq_ignore_ascii_case(engine))
}

/// The tables of a pull as the source announced them.
#[derive(Debug, Clone, Copy)]
pub struct SourceSide<'a> {
    /// What is to be pulled.
    pub tables: &'a [&'a Table],
    /// The family of the source.
    pub flavour: Flavour,
}

/// The database that is written to.
#[derive(Debug, Clone, Copy)]
pub struct TargetSide<'a> {
    /// Its tables.
    pub schema: &'a Schema,
    /// Names of its views (see [`crate::db::introspect::view_names`]).
    pub views: &'a BTreeSet<String>,
    /// Whether its table names compare without case (`lower_case_table_names` is not 0).
    pub folds_names: bool,
}

/// What the configuration allows.
#[derive(Clone, Copy)]
pub struct Allowed<'a> {
    /// Whether tables that the target lacks are created (`client.create_missing_tables`).
    pub create_missing: bool,
    /// Whether a table of that name stays as it is where it exists (`client.keep_tables`).
    pub keep: &'a dyn Fn(&str) -> bool,
}

/// What happens to one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The target lacks it: it is created from the source's structure.
    Create,
    /// All its rows are replaced.
    Replace,
    /// It exists and is kept as it is; nothing is pulled.
    Keep,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Cannot be done.
    Problem,
    /// May fail while loading.
    Warning,
    /// To be known.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The table.
    pub table: String,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// What.
    pub text: String,
    /// Whether it is a guard that refuses, not a schema that does not fit.
    pub guard: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Ident::new(self.table.as_str()))?;
        if let Some(column) = &self.column {
            write!(f, ".{}", Ident::new(column.as_str()))?;
        }
        write!(f, ": {}", self.text)
    }
}

/// One table of the pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableComparison {
    /// Its name at the source.
    pub name: String,
    /// Its name on the target.
    pub target_name: String,
    /// What happens to it.
    pub action: Action,
    /// The columns that are loaded, in the source's order: name at the source, name on the target.
    pub columns: Vec<(String, String)>,
}

/// What a pull would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// In the order in which the source's tables were given.
    pub tables: Vec<TableComparison>,
    /// Tables of the target that the pull does not touch, by name.
    pub untouched: Vec<String>,
    /// All that was found: problems first, then warnings, then notes, each by table and column.
    pub findings: Vec<Finding>,
}

impl Comparison {
    /// The findings of one severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.severity == severity)
    }

    /// Refuses a pull that cannot be done.
    ///
    /// # Errors
    /// `Guard` if a guard refuses, `Schema` otherwise; the message lists every problem, and every warning behind them:
    /// who mends the one looks at the other on the same occasion.
    pub fn check(&self) -> Result<()> {
        let problems: Vec<&Finding> = self.of(Severity::Problem).collect();
        let Some(first) = problems.first() else { return Ok(()) };
        let kind = if problems.iter().any(|problem| problem.guard) { Kind::Guard } else { Kind::Schema };
        let list = |findings: &[&Finding]| -> String {
            findings.iter().map(|finding| format!("\n  {finding}")).collect()
        };
        let mut what = match problems.len() {
            1 => format!("a table cannot be pulled: {first}"),
            many => format!("{many} things keep tables from being pulled:{}", list(&problems)),
        };
        let warnings: Vec<&Finding> = self.of(Severity::Warning).collect();
        if !warnings.is_empty() {
            what.push_str(&format!("\nand rows may fail because of:{}", list(&warnings)));
        }
        Err(Error::new(kind, what)
            .hint("change the tables on the target, or leave them out with exclude_tables or --tables"))
    }
}

/// Compares the tables of a pull with those of the target.
#[must_use]
pub fn compare(source: SourceSide<'_>, target: TargetSide<'_>, allowed: Allowed<'_>) -> Comparison {
    let mut work = Work {
        source,
        target,
        allowed,
        tables: Names::new(target.schema.tables.keys(), target.folds_names),
        views: Names::new(target.views, target.folds_names),
        findings: Vec::new(),
    };
    let tables: Vec<TableComparison> = source.tables.iter().map(|table| work.table(table)).collect();
    work.collisions(&tables);
    let touched: BTreeSet<&str> = tables.iter().map(|table| table.target_name.as_str()).collect();
    let untouched =
        target.schema.tables.keys().filter(|name| !touched.contains(name.as_str())).cloned().collect();
    work.findings.sort();
    Comparison { tables, untouched, findings: work.findings }
}

/// Names of the target by their lower-case form.
struct Names<'a> {
    by_folded: BTreeMap<String, Vec<&'a str>>,
    folds: bool,
}

impl<'a> Names<'a> {
    fn new(names: impl IntoIterator<Item = &'a String>, folds: bool) -> Self {
        let mut by_folded: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in names {
            by_folded.entry(name.to_lowercase()).or_default().push(name);
        }
        Self { by_folded, folds }
    }

    /// The name that means the same thing as `wanted` on the target.
    fn find(&self, wanted: &str) -> Option<&'a str> {
        let alike = self.alike(wanted);
        alike.iter().copied().find(|name| *name == wanted).or(alike.first().copied().filter(|_| self.folds))
    }

    /// The names that differ from `wanted` in case at most.
    fn alike(&self, wanted: &str) -> &[&'a str] {
        self.by_folded.get(&wanted.to_lowercase()).map_or(&[], Vec::as_slice)
    }
}

struct Work<'a> {
    source: SourceSide<'a>,
    target: TargetSide<'a>,
    allowed: Allowed<'a>,
    tables: Names<'a>,
    views: Names<'a>,
    findings: Vec<Finding>,
}

impl Work<'_> {
    fn add(&mut self, severity: Severity, table: &Table, column: Option<&Column>, text: impl Into<String>) {
        self.findings.push(Finding {
            severity,
            table: table.name.clone(),
            column: column.map(|column| column.name.clone()),
            text: text.into(),
            guard: false,
        });
    }

    fn refuse(&mut self, table: &Table, text: impl Into<String>) {
        self.add(Severity::Problem, table, None, text);
        if let Some(last) = self.findings.last_mut() {
            last.guard = true;
        }
    }

    fn table(&mut self, table: &Table) -> TableComparison {
        let mut result = TableComparison {
            name: table.name.clone(),
            target_name: table.name.clone(),
            action: Action::Create,
            columns: Vec::new(),
        };
        if self.views.find(&table.name).is_some() {
            self.refuse(table, "the target has a view of that name");
            return result;
        }
        let existing = self.tables.find(&table.name);
        match existing.and_then(|name| self.target.schema.tables.get(name)) {
            None => self.create(table, &mut result),
            Some(existing) => {
                existing.name.clone_into(&mut result.target_name);
                if (self.allowed.keep)(&table.name) || (self.allowed.keep)(&existing.name) {
                    result.action = Action::Keep;
                    self.add(Severity::Note, table, None, "kept as it is (client.keep_tables)");
                } else {
                    result.action = Action::Replace;
                    self.replace(table, existing, &mut result);
                }
            }
        }
        result
    }

    fn create(&mut self, table: &Table, result: &mut TableComparison) {
        if !self.allowed.create_missing {
            let text = "the target lacks it, and client.create_missing_tables is off";
            self.add(Severity::Problem, table, None, text);
            return;
        }
        if let Some(&twin) = self.tables.alike(&table.name).first() {
            self.add(Severity::Warning, table, None, format!("the target has `{twin}`, spelled otherwise"));
        }
        for column in table.columns.iter().filter(|column| column.has_doubtful_member()) {
            let text = "a member has `?`, as which servers also print characters beyond U+FFFF: if it stands for one, \
                        values of it fail; make the table here first, as the application makes it";
            self.add(Severity::Warning, table, Some(column), text);
        }
        let schema = self.target.schema;
        let place = (schema.flavour, schema.version);
        let name = TableName::bare(table.name.as_str());
        match ddl::create_table_with_notes(table, &name, self.source.flavour, place) {
            Ok(created) => {
                for note in created.notes {
                    self.add(Severity::Note, table, None, format!("created here: {note}"));
                }
            }
            Err(error) => {
                let prefix = format!("creating table `{}`: ", table.name);
                let what = error.what().strip_prefix(&prefix).unwrap_or(error.what()).to_owned();
                self.add(Severity::Problem, table, None, format!("cannot be created here: {what}"));
            }
        }
        result.columns = table.stored_columns().map(|c| (c.name.clone(), c.name.clone())).collect();
        if result.columns.is_empty() {
            self.add(Severity::Problem, table, None, "it has no stored columns");
        }
    }

    fn replace(&mut self, table: &Table, existing: &Table, result: &mut TableComparison) {
        if existing.kind == TableKind::Sequence {
            self.refuse(table, "the target has a sequence of that name");
            return;
        }
        if !stores_locally(&existing.engine) {
            let text = if existing.engine.is_empty() {
                "the target's server cannot open the table".to_owned()
            } else {
                format!("the target's table has the engine {}, which may store elsewhere", existing.engine)
            };
            self.refuse(table, text);
            return;
        }
        for column in &table.columns {
            match (column.generated, existing.column(&column.name)) {
                (Generated::No, Some(there)) if there.generated == Generated::No => {
                    self.pair(table, column, existing, there);
                    result.columns.push((column.name.clone(), there.name.clone()));
                }
                (Generated::No, Some(_)) => {
                    self.add(
                        Severity::Note,
                        table,
                        Some(column),
                        "generated here: computed by the target, the source's values are not loaded",
                    );
                }
                (Generated::No, None) => {
                    self.add(Severity::Note, table, Some(column), "the target lacks it: left out");
                }
                _ => {}
            }
        }
        self.target_only(table, existing);
        self.keys(table, existing);
        if result.columns.is_empty() {
            self.add(Severity::Problem, table, None, "source and target have no stored column in common");
        }
    }

    fn pair(&mut self, table: &Table, column: &Column, existing: &Table, there: &Column) {
        if let Some(misfit) = types::misfit(column, there) {
            self.add(
                Severity::Warning,
                table,
                Some(column),
                format!("{misfit}: values that do not fit fail"),
            );
        }
        if column.has_empty_member() && there.data_type != "enum" {
            let text = "values of no member (index 0) arrive as 0";
            self.add(Severity::Warning, table, Some(column), text);
        }
        if column.nullable && !there.nullable {
            self.add(Severity::Warning, table, Some(column), "NULL is allowed at the source, not here");
        }
        if there.column_type == "json"
            && let Some(note) = ddl::written_anew(column, self.target.schema.flavour)
        {
            self.add(Severity::Note, table, Some(column), note);
        }
        if let (Some(from), Some(to)) = (&column.charset, &there.charset) {
            self.charset(table, column, from, to);
        }
        self.collation(table, column, existing, there);
    }

    fn charset(&mut self, table: &Table, column: &Column, from: &str, to: &str) {
        let one_name = |name: &str| if name == "utf8" { "utf8mb3".to_owned() } else { name.to_owned() };
        let (from, to) = (one_name(from), one_name(to));
        if from == to {
            return;
        }
        let text = format!("{from} at the source, {to} here");
        let holds_all = BEYOND_BMP.contains(&to.as_str())
            || from == "ascii" && !matches!(to.as_str(), "swe7" | "binary")
            || (to == "utf8mb3" || to == "ucs2")
                && from != "utf8mb4"
                && !from.starts_with("utf16")
                && from != "utf32";
        if holds_all {
            self.add(Severity::Note, table, Some(column), text);
        } else {
            let text = format!("{text}: characters that {to} lacks fail");
            self.add(Severity::Warning, table, Some(column), text);
        }
    }

    /// A unique key may take for equal on the target what it told apart at the source.
    fn collation(&mut self, table: &Table, column: &Column, existing: &Table, there: &Column) {
        let (Some(from), Some(to)) = (&column.collation, &there.collation) else { return };
        let schema = self.target.schema;
        let expected = collation::map(from, schema.flavour, schema.version).map(|mapped| mapped.name);
        if from == to || expected.is_ok_and(|name| name == *to) || to.ends_with("_bin") {
            return;
        }
        if in_unique_key(existing, &there.name) {
            let text = format!("in a unique key, with collation {from} at the source and {to} here");
            self.add(Severity::Warning, table, Some(column), text);
        }
    }

    fn target_only(&mut self, table: &Table, existing: &Table) {
        for there in &existing.columns {
            if there.generated != Generated::No || table.column(&there.name).is_some_and(is_stored) {
                continue;
            }
            let filled = there.nullable || there.default.is_some() || there.auto_increment;
            if table.column(&there.name).is_some() {
                let text = "generated at the source, which sends no values of it, and plain here: make it generated, or drop it";
                self.add(Severity::Problem, table, Some(there), text);
            } else if filled {
                self.add(Severity::Note, table, Some(there), "only on the target: gets its default");
            } else {
                let text = "only on the target, NOT NULL and without a default";
                self.add(Severity::Problem, table, Some(there), text);
            }
        }
    }

    fn keys(&mut self, table: &Table, existing: &Table) {
        if !same_columns(&table.primary_key, &existing.primary_key) {
            let shown = |key: &[String]| if key.is_empty() { "none".to_owned() } else { key.join(", ") };
            let (from, to) = (shown(&table.primary_key), shown(&existing.primary_key));
            let text = format!("primary key {from} at the source, {to} here");
            let severity = if existing.primary_key.is_empty() { Severity::Note } else { Severity::Warning };
            self.add(severity, table, None, text);
        }
        for index in existing.indexes.iter().filter(|index| index.unique) {
            if !table.indexes.iter().any(|other| is_as_strict(other, index))
                && !same_columns(&table.primary_key, &whole_columns(index).unwrap_or_default())
            {
                let text = format!("unique key `{}` is only on the target: duplicates fail", index.name);
                self.add(Severity::Warning, table, None, text);
            }
        }
    }

    /// Two tables of the source that are one on the target.
    fn collisions(&mut self, tables: &[TableComparison]) {
        if !self.target.folds_names {
            return;
        }
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for table in tables {
            if let Some(first) = seen.insert(table.name.to_lowercase(), &table.name) {
                self.findings.push(Finding {
                    severity: Severity::Problem,
                    table: table.name.clone(),
                    column: None,
                    text: format!("the target does not tell it from `{first}`"),
                    guard: false,
                });
            }
        }
    }
}

fn is_stored(column: &Column) -> bool {
    column.generated == Generated::No
}

fn same_columns(a: &[String], b: &[String]) -> bool {
    let folded = |names: &[String]| names.iter().map(|name| name.to_lowercase()).collect::<BTreeSet<_>>();
    folded(a) == folded(b)
}

fn in_unique_key(table: &Table, column: &str) -> bool {
    let names = table.indexes.iter().filter(|index| index.unique).flat_map(|index| &index.parts);
    let mut names = names.filter_map(|part| part.column.as_ref()).chain(&table.primary_key);
    names.any(|name| name.eq_ignore_ascii_case(column))
}

/// The columns of an index that is over whole columns only.
fn whole_columns(index: &Index) -> Option<Vec<String>> {
    index.parts.iter().map(|part| part.column.clone().filter(|_| part.prefix.is_none())).collect()
}

/// Whether `other` being unique makes `index` unique.
fn is_as_strict(other: &Index, index: &Index) -> bool {
    if !other.unique {
        return false;
    }
    match (whole_columns(other), whole_columns(index)) {
        (Some(a), Some(b)) => same_columns(&a, &b),
        _ => other.parts == index.parts,
    }
}

impl fmt::Debug for Allowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowed").field("create_missing", &self.create_missing).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
