//! Session settings: one list per role, applied to every connection right after it is opened.
//!
//! A *required* setting that the server refuses ends the connection; a *best effort* one is tried and let go when
//! the server does not know it or the account may not set it (the other flavour says 1193, an ordinary account
//! gets 1227).
//!
//! What can be set by one statement is: a pull opens dozens of connections, each with about thirty settings. Where the
//! server refuses such a statement, its settings are tried one by one.

use crate::schema::Flavour;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads production. Text arrives as stored (`character_set_results=NULL`).
    Source,
    /// Writes to a run's workspace, reads production only inside `INSERT … SELECT`.
    Workspace,
    /// Reads and writes the developer's database.
    Target,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) sql: &'static str,
    pub(super) required: bool,
}

const fn required(sql: &'static str) -> Setting {
    Setting { sql, required: true }
}

const fn best_effort(sql: &'static str) -> Setting {
    Setting { sql, required: false }
}

/// Settings of every role.
const COMMON: &[Setting] = &[
    required("SET NAMES utf8mb4"),
    required("SET SESSION time_zone = '+00:00'"),
    required("SET SESSION autocommit = 1"),
    required("SET SESSION completion_type = 0"),
    // A global limit silently cuts every result, and it is the DEFAULT of sessions.
    required("SET SESSION sql_select_limit = 18446744073709551615"),
    required("SET SESSION sql_safe_updates = 0"),
    required("SET SESSION sql_big_selects = 1"),
    // Definitions are taken apart by their quotes.
    required("SET SESSION sql_quote_show_create = 1"),
    // `key IS NULL` would find the row that was inserted last.
    required("SET SESSION sql_auto_is_null = 0"),
    // What is read out of a message, a column's name, is looked for in English; and values are cut out of it.
    required("SET SESSION lc_messages = 'en_US'"),
    required("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    // Connections wait while the other end works, and what a server closes by its own default is missed then.
    best_effort("SET SESSION net_write_timeout = 3600"),
    best_effort("SET SESSION net_read_timeout = 3600"),
    // A connection may wait between two statements; those of snapshots say that they are there, and wait for less.
    best_effort("SET SESSION wait_timeout = 28800"),
    best_effort("SET SESSION group_concat_max_len = 1048576"),
];

/// Walks go on behind the last key that was read. Where the server has to sort for that (a key over prefixes, a HASH
/// index), MariaDB by default compares the first 1024 bytes only, and rows would be passed over.
const SORT_WHOLE: &str = "SET SESSION max_sort_length = 8388608";

/// A server may let nobody write by default.
const READ_WRITE: &str = "SET SESSION TRANSACTION READ WRITE";

/// Switched off, MySQL may not see that a row is there twice, and MariaDB locks whole tables.
const UNIQUE_CHECKS: &str = "SET SESSION unique_checks = 1";

const SOURCE: &[Setting] = &[
    // MySQL does not compare a column with a date that the mode forbids, and tables hold such dates.
    required("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"),
    required(SORT_WHOLE),
    required("SET SESSION character_set_results = NULL"),
    required("SET SESSION lock_wait_timeout = 5"),
    required("SET SESSION innodb_lock_wait_timeout = 5"),
];

const WORKSPACE: &[Setting] = &[
    required("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES'"),
    required(SORT_WHOLE),
    required("SET SESSION character_set_results = NULL"),
    required("SET SESSION lock_wait_timeout = 5"),
    required("SET SESSION innodb_lock_wait_timeout = 5"),
    required("SET SESSION foreign_key_checks = 0"),
    required(READ_WRITE),
    required(UNIQUE_CHECKS),
    best_effort("SET SESSION explicit_defaults_for_timestamp = 1"),
    best_effort("SET SESSION innodb_strict_mode = 0"),
];

/// The mode of the target's sessions: keeps invalid dates and refuses whatever else is not stored as it is written.
pub const TARGET_STRICT: &str =
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES'";
/// The same but for the refusing: what is changed is warned of.
pub const TARGET_NOT_STRICT: &str = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'";

const TARGET: &[Setting] = &[
    required(TARGET_STRICT),
    required("SET SESSION foreign_key_checks = 0"),
    required(READ_WRITE),
    required(UNIQUE_CHECKS),
    required("SET SESSION lock_wait_timeout = 3"),
    required("SET SESSION innodb_lock_wait_timeout = 3"),
    // Every warning of a batch is looked at; the default lists the first 64.
    best_effort("SET SESSION max_error_count = 65535"),
    best_effort("SET SESSION explicit_defaults_for_timestamp = 1"),
    best_effort("SET SESSION innodb_strict_mode = 0"),
];

const MYSQL: &[Setting] = &[
    best_effort("SET SESSION max_execution_time = 0"),
    // Sizes decide how tables are read; MySQL 8 tells those of yesterday.
    best_effort("SET SESSION information_schema_stats_expiry = 0"),
];
const MYSQL_WORKSPACE: &[Setting] = &[
    best_effort("SET SESSION sql_generate_invisible_primary_key = 0"),
    best_effort("SET SESSION sql_require_primary_key = 0"),
];
const MYSQL_TARGET: &[Setting] = &[
    best_effort("SET SESSION sql_generate_invisible_primary_key = 0"),
    best_effort("SET SESSION sql_require_primary_key = 0"),
    best_effort("SET SESSION restrict_fk_on_non_standard_key = 0"),
    best_effort("SET SESSION innodb_ddl_buffer_size = 16777216"),
];
const MARIADB: &[Setting] = &[
    best_effort("SET SESSION max_statement_time = 0"),
    // A snapshot waits between two reads.
    best_effort("SET SESSION idle_transaction_timeout = 0"),
    best_effort("SET SESSION idle_readonly_transaction_timeout = 0"),
    // A global one may forbid to add an index.
    best_effort("SET SESSION alter_algorithm = 'DEFAULT'"),
    // A global one lets sessions see the rows of versioned tables as they were then; for a session, DEFAULT is now.
    best_effort("SET SESSION system_versioning_asof = DEFAULT"),
];

/// Settings that are tried together.
pub(super) type Group = Vec<&'static Setting>;

/// The settings of `role` on a server of `flavour` in as few statements as they can be set by: required ones, those that no
/// list takes, and the others.
pub(super) fn groups(role: Role, flavour: Flavour) -> impl Iterator<Item = Group> {
    let (alone, listed): (Group, Group) =
        settings(role, flavour).partition(|setting| setting.sql.contains(" TRANSACTION "));
    let (required, others): (Group, Group) = listed.into_iter().partition(|setting| setting.required);
    std::iter::once(required).chain(alone.into_iter().map(|setting| vec![setting])).chain([others])
}

/// The one statement for a group.
pub(super) fn statement(group: &Group) -> String {
    let parts: Vec<&str> = group.iter().map(|setting| setting.sql.trim_start_matches("SET ")).collect();
    format!("SET {}", parts.join(", "))
}

fn settings(role: Role, flavour: Flavour) -> impl Iterator<Item = &'static Setting> {
    let own = match role {
        Role::Source => SOURCE,
        Role::Workspace => WORKSPACE,
        Role::Target => TARGET,
    };
    let flavoured = match flavour {
        Flavour::Mysql => MYSQL,
        Flavour::Mariadb => MARIADB,
    };
    let extra = match (role, flavour) {
        (Role::Target, Flavour::Mysql) => MYSQL_TARGET,
        (Role::Workspace, Flavour::Mysql) => MYSQL_WORKSPACE,
        _ => &[],
    };
    COMMON.iter().chain(own).chain(flavoured).chain(extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_go_in_few_statements_and_none_is_lost() {
        for role in [Role::Source, Role::Workspace, Role::Target] {
            for flavour in [Flavour::Mysql, Flavour::Mariadb] {
                let groups: Vec<Group> = groups(role, flavour).collect();
                assert!(groups.len() <= 4, "{role:?} {flavour:?}");
                assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), settings(role, flavour).count());
                let first = statement(&groups[0]);
                assert!(
                    first.starts_with("SET NAMES utf8mb4, SESSION time_zone = '+00:00', SESSION auto"),
                    "{first}"
                );
                assert!(groups[0].iter().all(|setting| setting.required));
            }
        }
    }

    #[test]
    fn every_role_pins_what_changes_the_meaning_of_rows() {
        for role in [Role::Source, Role::Workspace, Role::Target] {
            for flavour in [Flavour::Mysql, Flavour::Mariadb] {
                for needle in ["sql_mode", "time_zone", "NAMES", "sql_select_limit = 1", "lc_messages"] {
                    let found = settings(role, flavour).find(|s| s.sql.contains(needle));
                    assert!(found.is_some_and(|s| s.required), "{role:?} {flavour:?} {needle}");
                }
            }
        }
    }
}
