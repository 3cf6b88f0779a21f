//! What a case's folder says.

use crate::harness::{FLAVOURS, short};
use backfill::schema::Flavour;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// From which server to which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Direction {
    pub source: Flavour,
    pub target: Flavour,
}

impl Direction {
    /// All four.
    pub fn all() -> Vec<Self> {
        let from = |source| FLAVOURS.map(|target| Self { source, target });
        FLAVOURS.into_iter().flat_map(from).collect()
    }

    /// `mariadb_to_mysql`.
    pub fn name(self) -> String {
        format!("{}_to_{}", short(self.source), short(self.target))
    }

    /// Whether the two ends are of different families.
    pub fn crosses(self) -> bool {
        self.source != self.target
    }
}

impl TryFrom<String> for Direction {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = Self::all().into_iter().find(|direction| direction.name() == name);
        known.ok_or_else(|| format!("`{name}` is no direction"))
    }
}

/// What a case's folder may hold.
const FILES: [&str; 10] = [
    "case.toml",
    "source.sql",
    "source.mariadb.sql",
    "source.mysql.sql",
    "target.sql",
    "target.mariadb.sql",
    "target.mysql.sql",
    "changes.sql",
    "changes.mariadb.sql",
    "changes.mysql.sql",
];

/// `case.toml`. What its keys mean is told in `testdata/cases/README.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    about: String,
    #[serde(default = "everywhere")]
    pub directions: Vec<Direction>,
    #[serde(default)]
    pub serve: toml::Table,
    #[serde(default)]
    pub pull: toml::Table,
    #[serde(default)]
    pub arguments: Vec<String>,
    #[serde(default)]
    pub source_options: Vec<String>,
    #[serde(default)]
    pub target_options: Vec<String>,
    #[serde(default)]
    pub source_grants: Vec<String>,
    #[serde(default)]
    pub target_grants: Vec<String>,
    #[serde(default = "yes")]
    pub copied: bool,
    #[serde(default)]
    pub expect: Vec<Expectation>,
    #[serde(skip)]
    folder: PathBuf,
}

/// `[[expect]]`: what is to be seen at the target.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    #[serde(default = "everywhere")]
    pub directions: Vec<Direction>,
    #[serde(default)]
    pub refused: Vec<String>,
    #[serde(default)]
    pub definitions: String,
    #[serde(default)]
    pub except: Vec<String>,
    #[serde(default)]
    pub says: Vec<String>,
    #[serde(default)]
    pub holds: Vec<Holds>,
}

/// A query and its rows, cells between ` | `.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holds {
    pub query: String,
    pub gives: Vec<String>,
}

fn everywhere() -> Vec<Direction> {
    Direction::all()
}

fn yes() -> bool {
    true
}

impl Case {
    /// Reads a folder's `case.toml`.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join("case.toml");
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|error| told(&error))?;
        let mut case: Self = toml::from_str(&text).map_err(|error| told(&error))?;
        folder.clone_into(&mut case.folder);
        let unstated = |expected: &Expectation| !expected.except.is_empty() && expected.holds.is_empty();
        if case.expect.iter().any(unstated) {
            return Err(told(&"columns of `except` need a `holds` that tells what they become"));
        }
        if case.about.trim().is_empty() {
            return Err(told(&"`about` says nothing"));
        }
        for entry in std::fs::read_dir(folder).map_err(|error| told(&error))? {
            let name = entry.map_err(|error| told(&error))?.file_name().to_string_lossy().into_owned();
            if !FILES.contains(&name.as_str()) {
                return Err(told(&format!("`{name}` beside it is nothing that is read")));
            }
        }
        Ok(case)
    }

    /// What is to be seen in a direction: all entries for it together.
    pub fn expected(&self, direction: Direction) -> Expectation {
        let mut all = Expectation::default();
        for one in self.expect.iter().filter(|one| one.directions.contains(&direction)) {
            all.refused.extend(one.refused.iter().cloned());
            all.definitions.push_str(&one.definitions);
            all.definitions.push('\n');
            all.except.extend(one.except.iter().cloned());
            all.says.extend(one.says.iter().cloned());
            all.holds.extend(one.holds.iter().cloned());
        }
        all
    }

    /// The statements of `{name}.sql` and of the file for that family alone, in this order.
    pub fn statements(&self, name: &str, flavour: Flavour) -> Vec<String> {
        let files = [format!("{name}.sql"), format!("{name}.{}.sql", short(flavour))];
        files
            .iter()
            .map(|name| self.folder.join(name))
            .filter(|path| path.exists())
            .flat_map(|path| statements(&std::fs::read_to_string(path).unwrap()))
            .collect()
    }
}

/// A statement ends with the line that ends with `;`.
fn statements(text: &str) -> Vec<String> {
    let (mut all, mut open) = (Vec::new(), Vec::new());
    for line in text.lines() {
        if open.is_empty() && (line.trim().is_empty() || line.starts_with("--")) {
            continue;
        }
        open.push(line);
        if let Some(last) = line.trim_end().strip_suffix(';') {
            *open.last_mut().unwrap() = last;
            all.push(std::mem::take(&mut open).join("\n"));
        }
    }
    assert!(open.is_empty(), "a statement without `;` at the end of its last line: {open:?}");
    all
}
