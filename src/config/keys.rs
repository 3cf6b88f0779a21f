//! Every key of `backfill.toml` in one table: its place and its shape. Any other is refused, because a setting that is
//! silently ignored is a leak waiting to happen.

/// What a value may look like. Ranges and meanings are checked later, by the command that uses the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    TextOrList,
    List,
    Integer,
    Boolean,
    /// Bytes: an integer, or a string with a unit.
    Size,
}

impl Shape {
    /// For "must be …".
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::TextOrList => "a string or a list of strings",
            Self::List => "a list of strings",
            Self::Integer => "an integer",
            Self::Boolean => "true or false",
            Self::Size => "a size such as \"1GiB\" or a number of bytes",
        }
    }
}

/// One key; `path` is `table.name`, or the bare name at the top of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub path: &'static str,
    pub shape: Shape,
}

impl Key {
    /// The table that the key is in; empty at the top of the file.
    pub(super) fn table(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(table, _)| table)
    }

    /// The key inside its table.
    pub(super) fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }
}

const fn key(path: &'static str, shape: Shape) -> Key {
    Key { path, shape }
}

/// Every key.
pub(super) const KEYS: &[Key] = &[
    key("token", Shape::TextOrList),
    key("environment", Shape::Text),
    key("exclude_tables", Shape::List),
    key("database.url", Shape::Text),
    key("database.tls", Shape::Text),
    key("database.ca", Shape::Text),
    key("server.enabled", Shape::Boolean),
    key("server.bind", Shape::Text),
    key("server.route_prefix", Shape::Text),
    key("server.threads", Shape::Integer),
    key("server.temp_strategy", Shape::Text),
    key("server.temp_database", Shape::Text),
    key("server.temp_username", Shape::Text),
    key("server.temp_password", Shape::Text),
    key("server.chunk_size", Shape::Integer),
    key("server.allow_ips", Shape::List),
    key("server.max_runs", Shape::Integer),
    key("server.idle_timeout", Shape::Integer),
    key("server.stall_timeout", Shape::Integer),
    key("server.spool_max", Shape::Size),
    key("server.mask_at", Shape::Text),
    key("server.compression_level", Shape::Integer),
    key("server.allow_http", Shape::Boolean),
    key("server.tls_cert", Shape::Text),
    key("server.tls_key", Shape::Text),
    key("server.snapshot_lock", Shape::Text),
    key("server.datetime_timezone", Shape::Text),
    key("client.source_url", Shape::Text),
    key("client.allowed_environments", Shape::List),
    key("client.timeout", Shape::Integer),
    key("client.parallel", Shape::Integer),
    key("client.chunk_size", Shape::Integer),
    key("client.state_file", Shape::Text),
    key("client.create_missing_tables", Shape::Boolean),
    key("client.keep_tables", Shape::List),
    key("client.allow_http", Shape::Boolean),
    key("client.binlog", Shape::Text),
    key("client.delta_overlap", Shape::Integer),
    key("privacy.policy", Shape::Text),
    key("privacy.key", Shape::Text),
    key("privacy.keep", Shape::List),
    key("privacy.leak_check", Shape::Boolean),
    key("privacy.leak_check_except", Shape::List),
    key("hooks.sync_completed", Shape::Text),
    key("hooks.sync_failed", Shape::Text),
];

/// Tables whose keys are in [`KEYS`].
pub(super) const TABLES: &[&str] = &["database", "server", "client", "privacy", "hooks"];

/// The table of rules; its keys are names of tables and columns.
pub(super) const SANITIZE: &str = "sanitize";

/// The table of limits; its keys are names of tables.
pub(super) const LIMITS: &str = "limits";

/// The list of relations.
pub(super) const RELATIONS: &str = "relations";

/// What an entry of [`LIMITS`] may say.
pub(super) const LIMIT_OPTIONS: &[&str] =
    &["max_rows", "order_by", "direction", "keep_days", "where", "percent", "all"];

/// What an entry of [`RELATIONS`] may say; all but the last are required.
pub(super) const RELATION_OPTIONS: &[&str] =
    &["table", "columns", "references", "referenced_columns", "when"];

/// The key at `path`.
pub(super) fn find(table: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.table() == table && key.name() == name)
}

/// What to say about `name`, which does not exist in `table` (empty: the top of the file).
pub(super) fn advice(table: &str, name: &str) -> String {
    if let Some(place) = home_of(name) {
        return place;
    }
    let own: Vec<&str> = names_of(table);
    if let Some(near) = nearest(name, &own) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<&str> = KEYS.iter().map(Key::name).chain(all_tables()).collect();
    if let Some(place) = nearest(name, &all).and_then(home_of) {
        return format!("perhaps: {place}");
    }
    let place = if table.is_empty() { "at the top of the file".to_owned() } else { format!("in [{table}]") };
    format!("valid {place}: {}", own.join(", "))
}

/// Where a key or table of that exact name belongs.
pub(super) fn home_of(name: &str) -> Option<String> {
    if name == RELATIONS {
        return Some("[[relations]] stands on a line of its own, not in another table".to_owned());
    }
    if all_tables().any(|table| table == name) {
        return Some(format!("[{name}] is a table of its own, not part of another one"));
    }
    if LIMIT_OPTIONS.contains(&name) {
        return Some(format!("`{name}` belongs to a table in [limits]: TABLE = {{ {name} = … }}"));
    }
    let homes: Vec<&str> = KEYS.iter().filter(|key| key.name() == name).map(Key::table).collect();
    match homes.as_slice() {
        [] => None,
        [""] => Some(format!("`{name}` belongs at the top of the file, above the first [table]")),
        tables => {
            let tables: Vec<String> = tables.iter().map(|table| format!("[{table}]")).collect();
            Some(format!("`{name}` belongs in {}", tables.join(" or ")))
        }
    }
}

/// Whether `name` is a key at the top of the file.
pub(super) fn is_top_level(name: &str) -> bool {
    find("", name).is_some()
}

fn all_tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().copied().chain([SANITIZE, LIMITS, RELATIONS])
}

fn names_of(table: &str) -> Vec<&'static str> {
    let keys = KEYS.iter().filter(|key| key.table() == table).map(Key::name);
    if table.is_empty() { keys.chain(all_tables()).collect() } else { keys.collect() }
}

/// The candidate that `word` is a likely misspelling of. Never `word` itself is returned, so a value that was
/// written where a name belongs cannot get out through it.
pub(super) fn nearest(word: &str, candidates: &[&'static str]) -> Option<&'static str> {
    let word = word.trim().to_lowercase().replace('-', "_");
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_a_known_table_and_listed_once() {
        for key in KEYS {
            assert!(key.table().is_empty() || TABLES.contains(&key.table()), "{}", key.path);
            assert_eq!(KEYS.iter().filter(|other| other.path == key.path).count(), 1, "{}", key.path);
        }
    }

    #[test]
    fn advice_says_where_a_key_belongs_or_what_was_meant() {
        let table = [
            ("server", "token", "`token` belongs at the top of the file, above the first [table]"),
            ("", "threads", "`threads` belongs in [server]"),
            ("", "chunk_size", "`chunk_size` belongs in [server] or [client]"),
            ("server", "parallel", "`parallel` belongs in [client]"),
            ("server", "tls_cert", "`tls_cert` belongs in [server]"),
            ("database", "server", "[server] is a table of its own, not part of another one"),
            ("server", "thraeds", "did you mean `threads`?"),
            ("server", "Chunk-Size", "did you mean `chunk_size`?"),
            ("", "tokn", "did you mean `token`?"),
            ("", "sanitise", "did you mean `sanitize`?"),
            ("", "treads", "perhaps: `threads` belongs in [server]"),
            ("database", "paralel", "perhaps: `parallel` belongs in [client]"),
            ("server", "relations", "[[relations]] stands on a line of its own, not in another table"),
            ("", "limit", "did you mean `limits`?"),
            ("server", "max_rows", "`max_rows` belongs to a table in [limits]: TABLE = { max_rows = … }"),
            ("database", "hostname", "valid in [database]: url, tls, ca"),
            (
                "",
                "quux",
                "valid at the top of the file: token, environment, exclude_tables, database, server, client, \
                 privacy, hooks, sanitize, limits, relations",
            ),
        ];
        for (place, name, expected) in table {
            assert_eq!(advice(place, name), expected, "{name} in [{place}]");
        }
    }
}
