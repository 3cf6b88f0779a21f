//! What a pull tells when it is over, and what a dry run tells instead.

use super::select::{Pulled, Selection};
use crate::target::finish::MovedKey;
use crate::wire::manifest::{Limited, Manifest, NotCopied};
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
    /// What else is to be said.
    pub note: String,
}

/// What a pull would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
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

/// What else there is to say about a table: whether it is new, what it loses, why only some rows come.
fn note(pulled: &Pulled) -> String {
    let fate = match (pulled.is_new, pulled.lost_columns.is_empty()) {
        (true, _) => Some("new".to_owned()),
        (false, true) => None,
        (false, false) => Some(format!("without {}", pulled.lost_columns.join(", "))),
    };
    let limited = pulled.entry.limited.as_ref().map(Limited::note);
    fate.into_iter().chain(limited).collect::<Vec<_>>().join("; ")
}

impl Preview {
    /// Puts a selection into words.
    pub(super) fn new(manifest: &Manifest, target: String, selection: Selection) -> Self {
        let pulled = selection.pulled.into_iter().map(|pulled| PreviewTable {
            note: note(&pulled),
            rows_estimate: Some(pulled.entry.rows_expected()),
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
            note,
        };
        let empty =
            selection.empty.into_iter().map(|t| without_rows(t.name, "new, excluded: made empty".into()));
        let left = selection.left_alone.into_iter().map(|(table, why)| without_rows(table, why));
        Self {
            source: manifest.database.clone(),
            target,
            tables: pulled.chain(empty).chain(left).collect(),
            not_copied: manifest.not_copied.clone(),
            notes: selection.notes.into_iter().chain(manifest.warnings.clone()).collect(),
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

/// What a pull did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The pull's id in the history.
    pub id: String,
    /// `full`.
    pub mode: &'static str,
    /// The source database.
    pub source: String,
    /// The target, `host:port/database`.
    pub target: String,
    /// Tables in place.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// Rows by table.
    pub tables_rows: BTreeMap<String, u64>,
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
    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }
}
