//! Names of workspaces and of their tables: all that is ever written to on a source's server. What is dropped is
//! always recognised by its whole name first, and tables that have such a name are nobody's data.

use super::ident::{Ident, TableName};
use std::fmt;

/// What every workspace name begins with.
const PREFIX: &str = "_backfill_temp_";
/// Hex digits of the random part.
const RANDOM_DIGITS: usize = 8;

/// `_backfill_temp_{unix}_{rand}`: a temp schema, or the beginning of the names of numbered tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkspaceName {
    text: String,
    created: i64,
}

impl WorkspaceName {
    /// A new name; `now` is the database's clock in seconds, `random` must be fresh.
    #[must_use]
    pub fn new(now: i64, random: u32) -> Self {
        Self { text: format!("{PREFIX}{now}_{random:08x}"), created: now }
    }

    /// Recognises a name that [`WorkspaceName::new`] could have made; nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (unix, random) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let digits = |part: &str, hex: bool| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_digit() || (hex && (b'a'..=b'f').contains(&b)))
        };
        if !digits(unix, false) || random.len() != RANDOM_DIGITS || !digits(random, true) {
            return None;
        }
        Some(Self { text: text.to_owned(), created: unix.parse().ok()? })
    }

    /// Recognises the name of a numbered table: a workspace name and `_{number}`.
    #[must_use]
    pub fn parse_table(text: &str) -> Option<Self> {
        let (name, number) = text.rsplit_once('_')?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Self::parse(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When it was made, in seconds since the epoch by the database's clock.
    #[must_use]
    pub fn created(&self) -> i64 {
        self.created
    }

    /// The name of the server-side lock that is held as long as the workspace is in use.
    #[must_use]
    pub fn lock(&self) -> String {
        format!("backfill:{}", self.text)
    }
}

impl fmt::Display for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a table of that name belongs to a workspace, live or dead, of whichever server.
#[must_use]
pub fn is_workspace_table(name: &str) -> bool {
    WorkspaceName::parse_table(name).is_some()
}

/// A table of a workspace, the only kind that can be written to. No value of this type names anything else: either its
/// schema is a workspace, or its own name is a workspace's and a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkspaceTable(TableName);

impl WorkspaceTable {
    /// The table `table` of a workspace that is a schema of its own.
    #[must_use]
    pub fn inside(workspace: &WorkspaceName, table: &str) -> Self {
        Self(TableName::qualified(workspace.as_str(), table))
    }

    /// Table `number` of a workspace whose tables are in `schema`. Numbered, since a prefix could make a table's name
    /// longer than 64 characters.
    #[must_use]
    pub fn numbered(schema: &str, workspace: &WorkspaceName, number: usize) -> Self {
        Self(TableName::qualified(schema, format!("{workspace}_{number}")))
    }

    /// The workspace table that is called `table` in `schema`, and whose it is; none if that is no name of ours.
    #[must_use]
    pub fn recognise(schema: &str, table: &str) -> Option<(WorkspaceName, Self)> {
        Some((WorkspaceName::parse_table(table)?, Self(TableName::qualified(schema, table))))
    }

    /// Its name, to read it by.
    #[must_use]
    pub fn name(&self) -> &TableName {
        &self.0
    }
}

impl fmt::Display for WorkspaceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `CREATE TABLE` of a workspace table. `Display` renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTable {
    table: WorkspaceTable,
    definition: String,
}

impl CreateTable {
    /// `definition` is what follows the name: columns, keys and options.
    #[must_use]
    pub fn new(table: WorkspaceTable, definition: String) -> Self {
        Self { table, definition }
    }
}

impl fmt::Display for CreateTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE TABLE {} {}", self.table, self.definition)
    }
}

/// The statement that drops something of a workspace, and can drop nothing else.
#[must_use]
pub fn drop_schema(name: &WorkspaceName) -> String {
    format!("DROP DATABASE IF EXISTS {}", Ident::new(name.as_str()))
}

/// As [`drop_schema`], one table.
#[must_use]
pub fn drop_table(table: &WorkspaceTable) -> String {
    format!("DROP TABLE IF EXISTS {table}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_whole_names_are_recognised() {
        assert!(WorkspaceName::parse("_backfill_temp_1763824000_00ab12cd").is_some());
        for other in [
            "_backfill_temp_1763824000_00AB12CD",
            "xbackfill_temp_1_00ab12cd",
            "_backfill_temp_1_00ab12c",
            "_backfill_temp_1_00ab12cd9",
            "_backfill_temp__00ab12cd",
            "_backfill_temp_1x_00ab12cd",
            "_backfill_temp_1_00ab12cd_0",
            "app",
            "_backfill_temp_99999999999999999999_00ab12cd",
            "_backfill_load_1_00ab12cd",
        ] {
            assert_eq!(WorkspaceName::parse(other), None, "{other}");
        }
        assert!(WorkspaceName::parse_table("_backfill_temp_1_00ab12cd_17").is_some());
        assert!(WorkspaceName::parse_table("_backfill_temp_1_00ab12cd").is_none());
        for application in
            ["users", "_backfill_temp_1_00ab12cd_", "_backfill_temp_1_00ab12cd_1x", "x_1", "_1"]
        {
            assert_eq!(WorkspaceTable::recognise("app", application), None, "{application}");
        }
    }

    #[test]
    fn statements_name_the_whole_table() {
        let name = WorkspaceName::new(7, 0xab);
        let numbered = WorkspaceTable::numbered("a`pp", &name, 12);
        assert_eq!(drop_table(&numbered), "DROP TABLE IF EXISTS `a``pp`.`_backfill_temp_7_000000ab_12`");
        let inside = WorkspaceTable::inside(&name, "users");
        let create = CreateTable::new(inside, "(`id` int)".to_owned());
        assert_eq!(create.to_string(), "CREATE TABLE `_backfill_temp_7_000000ab`.`users` (`id` int)");
        assert_eq!(drop_schema(&name), "DROP DATABASE IF EXISTS `_backfill_temp_7_000000ab`");
    }

    proptest! {
        #[test]
        fn what_is_made_is_recognised(now in 0i64..4_000_000_000, random: u32, number in 0usize..100_000) {
            let name = WorkspaceName::new(now, random);
            let table = WorkspaceTable::numbered("app", &name, number);
            let text = table.name().table();
            prop_assert!(text.len() <= 64 && is_workspace_table(text));
            prop_assert_eq!(WorkspaceTable::recognise("app", text), Some((name.clone(), table.clone())));
            prop_assert_eq!(WorkspaceName::parse(name.as_str()), Some(name.clone()));
            prop_assert!(name.as_str().len() <= 64 && name.lock().len() <= 64);
        }
    }
}
