//! Loading rows into staging.
//!
//! A batch comes as the text after `VALUES`, already scanned to be rows of literals; the statement's head is made
//! here. Every batch must report exactly its rows and no warning: a warning is a value that was changed.

use super::binlog::{self, BinlogChoice, BinlogMode};
use super::names::Layout;
use super::no_member;
use super::reread::{Compared, Origins};
use super::resume::{self, ChunkRows};
use super::site::{Site, unless_code};
use super::staging::{Empty, Staging, numbers};
use crate::db::error::server_code;
use crate::db::{Connection, Done, TARGET_NOT_STRICT, TARGET_STRICT, Warning};
use crate::error::{Context, Error, Result};
use crate::fault::phase;
use crate::sql::digest::TableDigest;
use crate::sql::ident::column_list;
use crate::sql::no_member::NoMember;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Room for the statement's head and the packet's own bytes.
const HEAD_BYTES: u64 = 64 * 1024;

/// A row with this key is there already.
const DUPLICATE: u16 = 1062;

/// What a key says that is there while rows are loaded: mostly the primary key.
const DUPLICATE_HINT: &str = "a key here holds two rows for equal that the source holds apart: look at the collations of \
    its columns on both sides (`backfill pull --dry-run` tells what differs), and at their rules if they are masked";

/// A value was changed: as a note, rounded; of an ENUM, it is no member.
const TRUNCATED: u16 = 1265;

/// Warnings that say nothing about a row: statement not safe for statement-based logging, deprecated syntax or
/// character set aliases, tables with and without transactions (the chunk's mark) in one. And 1300: MySQL warns so of codes
/// that stand for no character, and keeps them; bytes that are no code at all are an error of that number, whether the
/// session is strict or not (tried with every code of every character set).
const HARMLESS: &[u16] = &[1287, 1300, 1592, 1681, 3719, 3778, 6414];

/// What all loaders of one pull share.
#[derive(Debug, Clone)]
pub struct LoadPool {
    site: Arc<Site>,
    layout: Arc<Layout>,
    numbers: Arc<BTreeMap<String, usize>>,
    /// By table number: where its batches may have cells of no member.
    no_members: Arc<BTreeMap<usize, NoMember>>,
    binlog: BinlogChoice,
    loaded: Arc<AtomicBool>,
}

impl Staging<Empty> {
    /// Decides about the binlog and returns what every worker makes its [`Loader`] from. `origins` are the columns that
    /// the rows come from.
    ///
    /// # Errors
    /// `Guard` or `Privilege` when the binlog is to be off and cannot; the server's.
    pub fn load_pool(&self, binlog: BinlogMode, origins: &Origins<'_>) -> Result<LoadPool> {
        let site = Arc::clone(&self.core.site);
        let mut conn = site.connect(None)?;
        let binlog = binlog::choose(&site, &mut conn, binlog)?;
        tracing::info!(off = binlog.off, why = binlog.why, "binlog of the target while loading");
        let about = &self.core.about;
        Ok(LoadPool {
            no_members: Arc::new(no_member::columns(&site, &mut conn, about, origins)?),
            site,
            layout: Arc::new(about.layout.clone()),
            numbers: Arc::new(numbers(&about.plan)),
            binlog,
            loaded: Arc::new(AtomicBool::new(false)),
        })
    }
}

impl LoadPool {
    /// What was decided about the binlog, for the summary.
    #[must_use]
    pub fn binlog(&self) -> &BinlogChoice {
        &self.binlog
    }

    /// A loader with a connection of its own: one per worker.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn loader(&self) -> Result<Loader> {
        let mut conn = self.site.connect(Some(self.site.database()))?;
        // Writers of one table may wait for each other longer than the application may be kept waiting.
        conn.execute("SET SESSION innodb_lock_wait_timeout = 60")?;
        if self.binlog.off {
            conn.execute("SET SESSION sql_log_bin = 0").context(|| "switching the binlog off for loading")?;
        }
        Ok(Loader {
            conn,
            pool: self.clone(),
            packet_max: packet_max(&self.site),
            statement: String::new(),
            in_chunk: false,
            rows: ChunkRows::default(),
        })
    }
}

fn packet_max(site: &Site) -> u64 {
    // The protocol allows 1 GiB; a server that does not tell has at least 1 MiB.
    site.facts.max_allowed_packet.unwrap_or(1 << 20).min(1 << 30)
}

/// Most bytes that the rows of one batch may have for this server.
pub(super) fn batch_bytes_max(site: &Site) -> u64 {
    let packet = packet_max(site);
    packet.saturating_sub(HEAD_BYTES).max(packet / 2)
}

/// Rows that are taken back.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    /// The columns whose values name them, as the target spells them.
    pub columns: &'a [&'a str],
    /// What stands after `IN (` in one statement, scanned to be literals for `columns`.
    pub values: &'a str,
    /// How many rows have these values.
    pub rows: u64,
}

/// Whether a chunk has to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// Yes: it is open now.
    New,
    /// No: it is in already, with these rows.
    In(ChunkRows),
}

/// Writes rows into staging tables, chunk by chunk, over one connection.
pub struct Loader {
    conn: Connection,
    pool: LoadPool,
    packet_max: u64,
    statement: String,
    in_chunk: bool,
    /// What the open chunk has done.
    rows: ChunkRows,
}

impl std::fmt::Debug for Loader {
    // Without the statement, which holds rows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader")
            .field("conn", &self.conn)
            .field("in_chunk", &self.in_chunk)
            .finish_non_exhaustive()
    }
}

impl Loader {
    /// Begins a chunk of `table`, unless it is in already: the connection may have died after its commit and before
    /// the answer. Its mark is set first, in the chunk's own transaction: should a dead pull's connection still be about
    /// to commit the same chunk, this waits for it.
    ///
    /// # Errors
    /// The server's.
    pub fn begin_chunk(&mut self, table: &str, chunk: u32) -> Result<Begun> {
        let number = self.number(table)?;
        let chunks = self.pool.layout.chunks();
        self.conn.execute("START TRANSACTION")?;
        self.in_chunk = true;
        let marked = self.conn.execute(&format!(
            "INSERT INTO {chunks} (table_number, chunk, rows_added, rows_removed) VALUES ({number}, {chunk}, 0, 0)"
        ));
        if unless_code(marked, &[DUPLICATE])?.is_some() {
            self.rows = ChunkRows::default();
            return Ok(Begun::New);
        }
        self.rollback_chunk()?;
        let (added, removed) = self.conn.query_one(&format!(
            "SELECT rows_added, rows_removed FROM {chunks} WHERE table_number = {number} AND chunk = {chunk}"
        ))?;
        Ok(Begun::In(ChunkRows { added, removed }))
    }

    /// Loads one batch: `values` is what follows `VALUES` in one statement, scanned to be `rows` rows of literals for
    /// `columns`.
    ///
    /// # Errors
    /// `Integrity` when the server took another number of rows or changed a value; the server's.
    pub fn load_batch<S: AsRef<str>>(
        &mut self,
        table: &str,
        columns: &[S],
        values: &str,
        rows: u64,
    ) -> Result<()> {
        let number = self.number(table)?;
        let staged = self.pool.layout.staged(number, table);
        self.statement.clear();
        self.statement.push_str("INSERT INTO ");
        self.statement.push_str(&staged.to_string());
        self.statement.push_str(" (");
        self.statement.push_str(&column_list(columns));
        self.statement.push_str(") VALUES ");
        self.statement.push_str(values);
        // One byte for the command; the server would close the connection without saying why.
        let bytes = self.statement.len() as u64 + 1;
        if bytes > self.packet_max {
            return Err(Error::integrity(format!(
                "a batch of table `{table}` has {bytes} bytes, and the target takes {}",
                self.packet_max
            ))
            .hint("raise max_allowed_packet on the target"));
        }
        let tables = Arc::clone(&self.pool.no_members);
        let no_members = tables.get(&number).map(|columns| columns.count(values)).unwrap_or_default();
        self.run_batch(table, columns, rows, no_members)?;
        self.rows.added += rows;
        if !self.pool.loaded.swap(true, Ordering::Relaxed) {
            phase("load.first_batch");
        }
        Ok(())
    }

    /// Takes rows of a staging table back. With `compared`, their digest as they stood there.
    ///
    /// # Errors
    /// `Integrity` when there was another number of such rows; the server's.
    pub fn remove(
        &mut self,
        table: &str,
        removal: &Removal<'_>,
        compared: Option<&Compared>,
    ) -> Result<TableDigest> {
        let number = self.number(table)?;
        let staged = self.pool.layout.staged(number, table);
        let condition =
            format!("FROM {staged} WHERE ({}) IN ({}", column_list(removal.columns), removal.values);
        let context = || format!("taking rows of table `{table}` back");
        let digest = match compared {
            Some(compared) => compared.digest_of(&mut self.conn, &condition).context(context)?,
            None => TableDigest::default(),
        };
        let done = self.conn.execute_batch(&format!("DELETE {condition}")).context(context)?;
        if done.affected != removal.rows {
            return Err(Error::integrity(format!(
                "table `{table}`: {} rows were to be taken back, and the target had {}",
                removal.rows, done.affected
            ))
            .hint("pull again"));
        }
        self.rows.removed += removal.rows;
        Ok(digest)
    }

    /// Runs the statement and looks at what became of it. A strict session takes no cell that holds no member of its ENUM;
    /// with such cells the session is not strict for so long, and has to warn of each of them and of nothing else.
    fn run_batch<S: AsRef<str>>(
        &mut self,
        table: &str,
        columns: &[S],
        rows: u64,
        no_members: BTreeMap<&str, usize>,
    ) -> Result<()> {
        let has_some = !no_members.is_empty();
        if has_some {
            self.conn.execute(TARGET_NOT_STRICT)?;
        }
        let done = self.conn.execute_batch(&self.statement).map_err(|error| match server_code(&error) {
            Some(DUPLICATE) => error.hint(DUPLICATE_HINT),
            _ => error,
        });
        let done = done.context(|| format!("loading table `{table}`"));
        let loaded = done.and_then(|done| self.check(table, columns, rows, done, no_members));
        // After an error too: the chunk may be tried again over this connection.
        let strict = if has_some { self.conn.execute(TARGET_STRICT).map(|_| ()) } else { Ok(()) };
        loaded.and(strict)
    }

    fn check<S: AsRef<str>>(
        &mut self,
        table: &str,
        columns: &[S],
        rows: u64,
        done: Done,
        mut no_members: BTreeMap<&str, usize>,
    ) -> Result<()> {
        let warnings = if done.warnings > 0 { self.conn.warnings()? } else { Vec::new() };
        let mut codes = Vec::new();
        for warning in &warnings {
            match warning.column.as_deref().and_then(|name| no_members.get_mut(name)) {
                Some(left) if warning.code == TRUNCATED && *left > 0 => *left -= 1,
                _ if HARMLESS.contains(&warning.code) || is_about_computed(warning, columns) => {}
                _ => codes.push(warning.code),
            }
        }
        if !codes.is_empty() {
            return Err(warned(table, &codes));
        }
        // MySQL lists only the first 64 for an account that may not ask for more, but it counts them all, and each of
        // these cells is warned of once.
        let unlisted = usize::from(done.warnings).saturating_sub(warnings.len());
        if unlisted > 0 && unlisted == no_members.values().sum::<usize>() {
            no_members.clear();
        } else if unlisted > 0 && warnings.is_empty() {
            return Err(Error::integrity(format!(
                "table `{table}`: the target warns {unlisted} times while loading, and does not say of what"
            ))
            .hint("set max_error_count there to 64 or more"));
        }
        if let Some((column, left)) = no_members.iter().find(|(_, left)| **left > 0) {
            return Err(Error::integrity(format!(
                "table `{table}`: {left} values of ENUM column `{column}` hold no member, and the target has not said so"
            )));
        }
        if done.affected != rows {
            return Err(Error::integrity(format!(
                "table `{table}`: a batch of {rows} rows was loaded as {}",
                done.affected
            )));
        }
        Ok(())
    }

    /// Makes the chunk's rows permanent and notes what it did.
    ///
    /// # Errors
    /// The server's; after a lost connection a new loader's [`Loader::begin_chunk`] knows whether it is in.
    pub fn commit_chunk(&mut self, table: &str, chunk: u32) -> Result<()> {
        let number = self.number(table)?;
        let chunks = self.pool.layout.chunks();
        let ChunkRows { added, removed } = self.rows;
        self.conn.execute(&format!(
            "UPDATE {chunks} SET rows_added = {added}, rows_removed = {removed} \
             WHERE table_number = {number} AND chunk = {chunk}"
        ))?;
        self.conn.execute("COMMIT")?;
        self.in_chunk = false;
        Ok(())
    }

    /// Removes what the open chunk loaded. Rows of tables that are not transactional stay.
    ///
    /// # Errors
    /// The server's; the connection's end does the same.
    pub fn rollback_chunk(&mut self) -> Result<()> {
        self.in_chunk = false;
        // Also where nothing was begun: a connection that is lost is noticed now.
        self.conn.execute("ROLLBACK").map(|_| ())
    }

    /// Empties a table that cannot be rolled back, so that all its chunks can be loaded again.
    ///
    /// # Errors
    /// The server's.
    pub fn restart_table(&mut self, table: &str) -> Result<()> {
        let number = self.number(table)?;
        self.rollback_chunk()?;
        resume::empty(&mut self.conn, &self.pool.layout, number, table)
            .context(|| format!("emptying table `{table}` to load it again"))
    }

    /// The server's number of the connection, for ending it from beside.
    #[must_use]
    pub fn connection_id(&self) -> u32 {
        self.conn.id()
    }

    fn number(&self, table: &str) -> Result<usize> {
        self.pool
            .numbers
            .get(table)
            .copied()
            .ok_or_else(|| Error::internal(format!("table `{table}` is not part of this pull")))
    }
}

/// A generated column may round what it computes (note 1265); only columns that were sent can have been changed.
fn is_about_computed<S: AsRef<str>>(warning: &Warning, sent: &[S]) -> bool {
    let column = warning.column.as_deref();
    warning.is_note
        && warning.code == TRUNCATED
        && column.is_some_and(|name| !sent.iter().any(|s| s.as_ref() == name))
}

fn warned(table: &str, codes: &[u16]) -> Error {
    let mut counted: BTreeMap<u16, usize> = BTreeMap::new();
    for code in codes {
        *counted.entry(*code).or_default() += 1;
    }
    let list: Vec<String> = counted.iter().map(|(code, times)| format!("{code} ({times}x)")).collect();
    Error::integrity(format!(
        "table `{table}`: the target changed values while loading them; its warnings: {}",
        list.join(", ")
    ))
    .hint("the target's columns are narrower than the source's, or have another character set")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_note_about_a_computed_column_is_no_change() {
        let note =
            |column: Option<&str>| Warning { is_note: true, code: 1265, column: column.map(str::to_owned) };
        assert!(is_about_computed(&note(Some("gross")), &["id", "price"]));
        assert!(!is_about_computed(&note(Some("price")), &["id", "price"]));
        assert!(!is_about_computed(&note(None), &["id", "price"]));
        assert!(!is_about_computed(&Warning { is_note: false, ..note(Some("gross")) }, &["id"]));
    }

    #[test]
    fn warnings_are_told_by_number_only() {
        let error = warned("users", &[1265, 1366, 1265]);
        assert_eq!(error.kind(), Kind::Integrity);
        assert!(error.what().ends_with("1265 (2x), 1366 (1x)"), "{error}");
    }
}
