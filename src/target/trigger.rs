//! Triggers of the tables that are replaced: read with all that decides their meaning (definer, `sql_mode`,
//! character sets, order), dropped, and created again on the new table.
//!
//! `RENAME` refuses to move a table with triggers into another schema (1435), so there is no other way.

use crate::db::Connection;
use crate::db::error::server_code;
use crate::error::{Context, Error, Kind, Result};
use crate::sql::ident::string_literal;
use crate::sql::{Ident, TableName};
use serde::{Deserialize, Serialize};

/// One trigger, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerRecord {
    /// Its name.
    pub name: String,
    /// The table it is on.
    pub table: String,
    /// The statement's parts.
    pub statement: Statement,
    /// The `sql_mode` it runs under.
    pub sql_mode: String,
    /// The character set its text was written in.
    pub client_charset: String,
    /// The collation of its literals.
    pub connection_collation: String,
}

/// A `CREATE TRIGGER` without the names, which change for a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// `DEFINER=…`; empty without one.
    pub definer: String,
    /// `BEFORE INSERT`.
    pub when: String,
    /// `FOR EACH ROW …`.
    pub body: String,
}

impl Statement {
    /// Takes a statement as `SHOW CREATE TRIGGER` prints it apart; MariaDB prints it as its author wrote it.
    /// None if it is no trigger.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text)?;
        let find = |from: usize, word: &str| (from..tokens.len()).find(|&at| tokens[at].is_word(text, word));
        let create = find(0, "CREATE").filter(|&at| at == 0)?;
        let trigger = find(create, "TRIGGER")?;
        let mut name = trigger + 1;
        if tokens.get(name)?.is_word(text, "IF") {
            name += 3;
        }
        let when = after_name(text, &tokens, name)?;
        let on = find(when, "ON")?;
        let body = after_name(text, &tokens, on + 1)?;
        if !tokens.get(body)?.is_word(text, "FOR") {
            return None;
        }
        let between = |from: usize, to: usize| match (tokens.get(from), tokens.get(to)) {
            (Some(first), Some(last)) if from < to => text[first.start..last.start].trim().to_owned(),
            _ => String::new(),
        };
        let definer = between(create + 1, trigger);
        // `OR REPLACE` would hide that a trigger is still there.
        let definer = find(create, "DEFINER")
            .filter(|&at| at < trigger)
            .map_or(String::new(), |at| if at == create + 1 { definer } else { between(at, trigger) });
        Some(Self { definer, when: between(when, on), body: text[tokens[body].start..].trim().to_owned() })
    }

    /// The statement for a trigger `name` in `schema` on `table`.
    #[must_use]
    pub fn render(&self, schema: &str, name: &str, table: &TableName) -> String {
        let trigger = TableName::qualified(schema, name);
        let definer = if self.definer.is_empty() { String::new() } else { format!("{} ", self.definer) };
        format!("CREATE {definer}TRIGGER {trigger} {} ON {table} {}", self.when, self.body)
    }
}

struct Token {
    start: usize,
    end: usize,
}

impl Token {
    fn is_word(&self, text: &str, word: &str) -> bool {
        text[self.start..self.end].eq_ignore_ascii_case(word)
    }
}

/// The token after a name that may have a schema before it, given that the name begins at token `at`.
fn after_name(text: &str, tokens: &[Token], at: usize) -> Option<usize> {
    tokens.get(at)?;
    let dotted = tokens.get(at + 1).is_some_and(|token| token.is_word(text, "."));
    Some(if dotted { at + 3 } else { at + 1 })
}

/// Words, quoted things and single signs up to the body; comments are skipped.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at += 2 + text[at + 2..].find("*/")? + 2;
                continue;
            }
            b'#' => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            quote @ (b'`' | b'"' | b'\'') => at = quoted_end(bytes, at, quote)?,
            byte if is_word_byte(byte) => {
                while at < bytes.len() && is_word_byte(bytes[at]) {
                    at += 1;
                }
            }
            _ => at += 1,
        }
        out.push(Token { start, end: at });
        // The body is taken as it is, whatever is in it.
        if out.len() >= 2
            && out[out.len() - 1].is_word(text, "EACH")
            && out[out.len() - 2].is_word(text, "FOR")
        {
            return Some(out);
        }
    }
    Some(out)
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

fn quoted_end(bytes: &[u8], open: usize, quote: u8) -> Option<usize> {
    let mut at = open + 1;
    while at < bytes.len() {
        if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return Some(at + 1);
            }
            at += 1;
        }
        at += 1;
    }
    None
}

impl TriggerRecord {
    /// All triggers of `schema` on the tables that `wanted` picks, in firing order.
    ///
    /// # Errors
    /// The server's; `Schema` when a definition cannot be read.
    pub fn read(
        conn: &mut Connection,
        schema: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<TriggerRecord>> {
        let rows: Vec<(String, String)> = conn.query(&format!(
            "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {} \
             ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER",
            string_literal(schema)
        ))?;
        let mut out = Vec::new();
        for (name, table) in rows.into_iter().filter(|(_, table)| wanted(table)) {
            out.push(Self::read_one(conn, schema, name, table)?);
        }
        Ok(out)
    }

    fn read_one(conn: &mut Connection, schema: &str, name: String, table: String) -> Result<Self> {
        type Row = (String, String, Option<String>, String, String);
        let qualified = TableName::qualified(schema, name.as_str());
        // MySQL adds columns at the end over the years; the first six are as old as triggers.
        let row: Option<mysql::Row> = conn.query_first(&format!("SHOW CREATE TRIGGER {qualified}"))?;
        let row = row.ok_or_else(|| Error::internal("a trigger is listed and cannot be shown"))?;
        let cell = |at: usize| row.get_opt::<Option<String>, usize>(at).and_then(Result::ok).flatten();
        let known: Option<Row> = (|| Some((name, cell(1)?, cell(2), cell(3)?, cell(4)?)))();
        let unreadable = || {
            Error::new(Kind::Schema, format!("the definition of trigger {qualified} cannot be read"))
                .hint("grant the account TRIGGER on the database, or drop the trigger")
        };
        let (name, sql_mode, text, client_charset, connection_collation) = known.ok_or_else(unreadable)?;
        let statement = text.as_deref().and_then(Statement::parse).ok_or_else(unreadable)?;
        Ok(Self { name, table, statement, sql_mode, client_charset, connection_collation })
    }

    /// Creates the trigger in `schema` on `table` under the settings that it had; `name` is another one for a
    /// trial. The session's own settings are put back whatever happens.
    ///
    /// # Errors
    /// The server's: `Privilege` with what to grant when the account may not create it.
    pub fn create(&self, conn: &mut Connection, schema: &str, name: &str, table: &TableName) -> Result<()> {
        let (mode, client, collation): (String, String, String) = conn.query_one(
            "SELECT @@SESSION.sql_mode, @@SESSION.character_set_client, @@SESSION.collation_connection",
        )?;
        let created = self.create_here(conn, schema, name, table);
        let restored = set(conn, &mode, &client, &collation);
        created.context(|| format!("creating trigger {} on {table}", Ident::new(self.name.as_str())))?;
        restored
    }

    fn create_here(&self, conn: &mut Connection, schema: &str, name: &str, table: &TableName) -> Result<()> {
        let sql = self.statement.render(schema, name, table);
        // Text outside ASCII is sent as UTF-8, so it is declared as UTF-8; its meaning is the same.
        let as_written = sql.is_ascii() || self.client_charset.starts_with("utf8");
        let client = if as_written { self.client_charset.as_str() } else { "utf8mb4" };
        set(conn, &self.sql_mode, client, &self.connection_collation)?;
        conn.execute(&sql).map(|_| ()).map_err(with_hint)
    }
}

fn set(conn: &mut Connection, mode: &str, client: &str, collation: &str) -> Result<()> {
    conn.execute(&format!(
        "SET SESSION sql_mode = {}, character_set_client = {}, collation_connection = {}",
        string_literal(mode),
        string_literal(client),
        string_literal(collation)
    ))?;
    Ok(())
}

fn with_hint(error: Error) -> Error {
    match server_code(&error) {
        Some(1419) => error.hint(
            "the account may drop a trigger and not create one while the binlog is on: set \
             log_bin_trust_function_creators = 1 on the target, or give the account SUPER",
        ),
        Some(1227) => error.hint(
            "the trigger belongs to another account: grant SET_ANY_DEFINER (MySQL before 8.2: SET_USER_ID; MariaDB: \
             SET USER; for an administrator's trigger also SYSTEM_USER) or give the trigger another definer",
        ),
        Some(1142) => error.hint("grant the account TRIGGER on the database"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_both_servers_are_taken_apart() {
        let table = [
            (
                "CREATE DEFINER=`root`@`localhost` TRIGGER `t``4` BEFORE INSERT ON `parent` FOR EACH ROW set new.n=5",
                ("DEFINER=`root`@`localhost`", "BEFORE INSERT", "FOR EACH ROW set new.n=5"),
            ),
            (
                "CREATE DEFINER=`on`@`%` trigger if not exists app . `t``4` before /* x on y */ insert on /* c */ \
                 `app` . parent\nfor each row begin set @a='ON x'; end",
                ("DEFINER=`on`@`%`", "before /* x on y */ insert", "for each row begin set @a='ON x'; end"),
            ),
            (
                "CREATE TRIGGER a AFTER DELETE ON b FOR EACH ROW BEGIN END",
                ("", "AFTER DELETE", "FOR EACH ROW BEGIN END"),
            ),
            (
                "create or replace definer = current_user trigger \"on\" after update of a, b on \"for\" -- on x\n for each row do 1",
                ("definer = current_user", "after update of a, b", "for each row do 1"),
            ),
        ];
        for (text, (definer, when, body)) in table {
            let statement = Statement::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (&*statement.definer, &*statement.when, &*statement.body),
                (definer, when, body),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_rendered_reads_back_the_same() {
        let text = "CREATE DEFINER=`a`@`b` TRIGGER t BEFORE INSERT ON p FOR EACH ROW set new.n='é`\"'";
        let statement = Statement::parse(text).unwrap();
        let rendered = statement.render("s`x", "other", &TableName::qualified("s`x", "ta`ble"));
        assert_eq!(
            rendered,
            "CREATE DEFINER=`a`@`b` TRIGGER `s``x`.`other` BEFORE INSERT ON `s``x`.`ta``ble` FOR EACH ROW set new.n='é`\"'"
        );
        assert_eq!(Statement::parse(&rendered), Some(statement));
    }

    #[test]
    fn what_is_no_trigger_is_refused() {
        for text in [
            "",
            "CREATE",
            "CREATE TRIGGER",
            "CREATE TABLE t (a int)",
            "CREATE TRIGGER a BEFORE INSERT ON",
            "x CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW c",
            "CREATE TRIGGER `a BEFORE INSERT ON b FOR EACH ROW c",
        ] {
            assert_eq!(Statement::parse(text), None, "{text}");
        }
    }
}
