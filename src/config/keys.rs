//! Every key of `backfill.toml` in one table: its place, its shape, and whether this version enforces it.
//! A key that is not enforced yet is refused by name, because a setting that is silently ignored is a leak
//! waiting to happen.

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

/// Whether this version enforces a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Built,
    NotYet(&'static NotYet),
}

/// Something that the design has and this version lacks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotYet {
    /// What is missing, for "is not supported by this version: …".
    pub feature: &'static str,
    /// What to do meanwhile.
    pub hint: &'static str,
}

/// One key; `path` is `table.name`, or the bare name at the top of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub path: &'static str,
    pub shape: Shape,
    pub status: Status,
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

    pub(super) fn is_built(&self) -> bool {
        self.status == Status::Built
    }
}

const fn built(path: &'static str, shape: Shape) -> Key {
    Key { path, shape, status: Status::Built }
}

const fn not_yet(path: &'static str, what: &'static NotYet) -> Key {
    Key { path, shape: Shape::Text, status: Status::NotYet(what) }
}

const SNAPSHOT_LOCK: NotYet = NotYet {
    feature: "locking tables while snapshots open",
    hint: "leave it out: no table of the source is locked",
};
pub(super) const SELECT_STRATEGY: NotYet = NotYet {
    feature: "masking without a workspace",
    hint: "use \"database\" and let the account create a schema, or prepare one and name it in `temp_database`",
};

/// Every key that this version or the design knows.
pub(super) const KEYS: &[Key] = &[
    built("token", Shape::TextOrList),
    built("environment", Shape::Text),
    built("exclude_tables", Shape::List),
    built("database.url", Shape::Text),
    built("database.tls", Shape::Text),
    built("database.ca", Shape::Text),
    built("server.enabled", Shape::Boolean),
    built("server.bind", Shape::Text),
    built("server.route_prefix", Shape::Text),
    built("server.threads", Shape::Integer),
    built("server.temp_strategy", Shape::Text),
    built("server.temp_database", Shape::Text),
    built("server.temp_username", Shape::Text),
    built("server.temp_password", Shape::Text),
    built("server.chunk_size", Shape::Integer),
    built("server.allow_ips", Shape::List),
    built("server.max_runs", Shape::Integer),
    built("server.idle_timeout", Shape::Integer),
    built("server.stall_timeout", Shape::Integer),
    built("server.spool_max", Shape::Size),
    built("server.mask_at", Shape::Text),
    built("server.compression_level", Shape::Integer),
    built("server.allow_http", Shape::Boolean),
    built("server.tls_cert", Shape::Text),
    built("server.tls_key", Shape::Text),
    not_yet("server.snapshot_lock", &SNAPSHOT_LOCK),
    built("server.datetime_timezone", Shape::Text),
    built("client.source_url", Shape::Text),
    built("client.allowed_environments", Shape::List),
    built("client.timeout", Shape::Integer),
    built("client.parallel", Shape::Integer),
    built("client.chunk_size", Shape::Integer),
    built("client.state_file", Shape::Text),
    built("client.create_missing_tables", Shape::Boolean),
    built("client.keep_tables", Shape::List),
    built("client.allow_http", Shape::Boolean),
    built("client.binlog", Shape::Text),
    built("client.delta_overlap", Shape::Integer),
    built("privacy.policy", Shape::Text),
    built("privacy.key", Shape::Text),
    built("privacy.keep", Shape::List),
    built("privacy.leak_check", Shape::Boolean),
    built("privacy.leak_check_except", Shape::List),
    built("hooks.sync_completed", Shape::Text),
    built("hooks.sync_failed", Shape::Text),
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
    let all: Vec<&str> =
        KEYS.iter().filter(|key| key.is_built()).map(Key::name).chain(all_tables()).collect();
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
    let keys = KEYS.iter().filter(|key| key.table() == table && key.is_built()).map(Key::name);
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
