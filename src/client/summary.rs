//! What a pull tells when it is over, and what a dry run tells instead.

use super::delta;
use super::select::{Pulled, Selection};
use super::state::Mode;
use crate::plan::delta::{How, Why};
use crate::target::finish::MovedKey;
use crate::wire::manifest::{Limited, Manifest, NotCopied};
use crate::wire::moment::Moment;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// One line of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewTable {
    /// The table's name.
    pub table: String,
    /// Rows as the source estimates them; none where none come.
    pub rows_estimate: Option<u64>,
    /// Columns with a rule.
    pub sanitized: Vec<String>,
    /// Whether a limit restricts it.
    pub limited: bool,
    /// Whether it has `created_at` and `updated_at`.
    pub timestamps: bool,
    /// How its rows would come; none where none come.
    pub how: Option<TableHow>,
    /// What else is to be said.
    pub note: String,
}

/// How a table's rows come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableHow {
    /// `full`, `delta` or `unchanged`.
    pub mode: &'static str,
    /// Only rows of this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Moment>,
    /// Why all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

impl From<&How> for TableHow {
    fn from(how: &How) -> Self {
        let (mode, after, why) = match how {
            How::Whole(why) => ("full", None, Some(why.clone())),
            How::Delta { after } => ("delta", Some(*after), None),
            How::Nothing { since } => ("unchanged", Some(*since), None),
        };
        Self { mode, after, why }
    }
}

/// What a pull would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// `full` or `delta`.
    pub mode: &'static str,
    /// The source database.
    pub source: String,
    /// The target, `host:port/database`.
    pub target: String,
    /// All tables of the source that are served or excluded.
    pub tables: Vec<PreviewTable>,
    /// Things of the source that are never copied.
    pub not_copied: NotCopied,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// What else there is to say about a table: how it comes, what it loses, why only some rows come.
fn note(pulled: &Pulled, mode: Mode) -> String {
    let how = match &pulled.how {
        _ if pulled.is_new => Some("new".to_owned()),
        How::Whole(Why::Asked) => None,
        // Where everything comes whole, that needs no reason unless something happened.
        How::Whole(why) if mode == Mode::Full && why.is_usual() => None,
        how => Some(how.to_string()),
    };
    let lost = (!pulled.is_new && !pulled.lost_columns.is_empty())
        .then(|| format!("without {}", pulled.lost_columns.join(", ")));
    let limited = pulled.entry.limited.as_ref().map(Limited::note);
    [how, lost, limited].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Rows that will come, roughly; none where that is not known.
fn rows_expected(pulled: &Pulled) -> Option<u64> {
    match pulled.how {
        How::Whole(_) => Some(pulled.entry.rows_expected()),
        How::Delta { .. } => pulled.entry.delta_count,
        How::Nothing { .. } => Some(0),
    }
}

impl Preview {
    /// Puts a selection into words.
    pub(super) fn new(
        manifest: &Manifest,
        target: String,
        selection: Selection,
        strangers: &[String],
    ) -> Self {
        let mode = delta::mode(&selection);
        let mut pulled: Vec<Pulled> = selection.pulled.into_iter().chain(selection.unchanged).collect();
        pulled.sort_by(|a, b| a.name().cmp(b.name()));
        let pulled = pulled.into_iter().map(|pulled| PreviewTable {
            note: note(&pulled, mode),
            rows_estimate: rows_expected(&pulled),
            how: Some((&pulled.how).into()),
            sanitized: pulled.entry.sanitized_columns,
            limited: pulled.entry.has_limit,
            timestamps: pulled.entry.has_timestamps,
            table: pulled.target_name,
        });
        let without_rows = |table: String, note: String| PreviewTable {
            table,
            rows_estimate: None,
            sanitized: Vec::new(),
            limited: false,
            timestamps: false,
            how: None,
            note,
        };
        let empty =
            selection.empty.into_iter().map(|t| without_rows(t.name, "new, excluded: made empty".into()));
        let left = selection.left_alone.into_iter().map(|(table, why)| without_rows(table, why));
        let asks = strangers.iter().filter(|_| mode == Mode::Delta);
        let asks = asks.map(|table| {
            format!("`{table}` has rows that no pull brought: a pull asks before it replaces them")
        });
        Self {
            mode: mode.word(),
            source: manifest.database.clone(),
            target,
            tables: pulled.chain(empty).chain(left).collect(),
            not_copied: manifest.not_copied.clone(),
            notes: asks.chain(selection.notes).chain(manifest.warnings.clone()).collect(),
        }
    }
}

/// A foreign key of a table outside the pull that leads to the new rows now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutsideKey {
    /// The child table.
    pub table: String,
    /// The key's name.
    pub name: String,
    /// The new parent.
    pub references: String,
    /// Rows of the child that lead nowhere; none where they could not be counted.
    pub dangling: Option<u64>,
}

impl From<MovedKey> for OutsideKey {
    fn from(key: MovedKey) -> Self {
        let MovedKey { table, name, references, dangling } = key;
        Self { table, name, references, dangling }
    }
}

/// A table that was not compared whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partly {
    /// Its name.
    pub table: String,
    /// How many columns were loaded.
    pub columns: u64,
    /// Those of them that the target may store in another way, so that they were not compared.
    pub left_out: Vec<String>,
}

/// What was read back and found as it had arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Tables.
    pub tables: u64,
    /// Rows.
    pub rows: u64,
    /// How long reading took, milliseconds.
    pub duration_ms: u64,
    /// Tables that were not compared whole.
    pub partly: Vec<Partly>,
}

/// A table that a pull replaced or brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SummaryTable {
    /// Its name on the target.
    pub table: String,
    /// How its rows came.
    #[serde(flatten)]
    pub how: TableHow,
    /// Rows that came.
    pub rows: u64,
}

/// What a pull did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The pull's id in the history.
    pub id: String,
    /// `full` or `delta`.
    pub mode: &'static str,
    /// The source database.
    pub source: String,
    /// The target, `host:port/database`.
    pub target: String,
    /// Tables replaced or brought up to date.
    pub tables: u64,
    /// Rows that came.
    pub rows: u64,
    /// Rows that came, by the tables' names on the target.
    pub tables_rows: BTreeMap<String, u64>,
    /// How each table came.
    pub pulled: Vec<SummaryTable>,
    /// Tables left as they are, since nothing in them is new.
    pub unchanged: Vec<String>,
    /// Up to where the source was read at least, of all tables that the next delta goes on from.
    pub checkpoint: Option<Moment>,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
    /// Indexes built after loading.
    pub indexes: u64,
    /// Foreign keys added after loading.
    pub foreign_keys: u64,
    /// Triggers of the target that were put back.
    pub triggers: u64,
    /// Whether the target's binlog recorded the load, and why; none where the target writes none.
    pub binlog: Option<String>,
    /// By what means the source read all tables at one moment; none where each is of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// With `--verify`: what was read back. None when an earlier pull did that (see the notes), and without it.
    pub verified: Option<Verified>,
    /// Keys of tables outside the pull.
    pub outside_keys: Vec<OutsideKey>,
    /// Things of the source that are never copied.
    pub not_copied: NotCopied,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Summary {
    /// Puts in how each table comes; `rows` are those that came, by the tables' names at the source.
    pub(super) fn fill(&mut self, selection: &Selection, rows: &dyn Fn(&str) -> u64) {
        self.mode = delta::mode(selection).word();
        self.pulled = selection
            .pulled
            .iter()
            .map(|pulled| SummaryTable {
                table: pulled.target_name.clone(),
                how: (&pulled.how).into(),
                rows: rows(pulled.name()),
            })
            .collect();
        self.rows = self.pulled.iter().map(|table| table.rows).sum();
        let empty = selection.empty.iter().map(|table| (table.name.clone(), 0));
        let came = self.pulled.iter().map(|table| (table.table.clone(), table.rows));
        self.tables_rows = came.chain(empty).collect();
        self.unchanged = selection.unchanged.iter().map(|pulled| pulled.target_name.clone()).collect();
    }

    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }
}
