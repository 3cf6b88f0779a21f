//! Texts of the catalog in one form, whichever server wrote them.

use crate::schema::expression::{
    current_timestamp, is_bit_literal, is_hex_literal, is_number, literal_value, quote, strip_parentheses,
};

/// A cell of text. The catalog is UTF-8; what is not (old tables with damaged comments) must not fail everything.
pub(super) fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// An expression as MySQL's catalog gives it, made readable SQL again: MySQL 8 and 9 print it as the inside of a
/// literal (`_utf8mb4\'x\'`) and as UTF-8 taken for latin1, 5.7 does neither.
pub(super) fn mysql_expression(raw: &str) -> String {
    let text = unescape(raw);
    let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    match latin1.map(String::from_utf8) {
        Some(Ok(decoded)) => decoded,
        _ => text,
    }
}

/// Takes one level of backslash escapes away, unless the text has none: inside an escaped text every quote
/// follows a backslash.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => return raw.to_owned(),
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('0') => out.push('\0'),
                Some('Z') => out.push('\u{1a}'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// An expression of either server, without outer parentheses.
pub(super) fn expression(raw: &str, mysql: bool) -> String {
    let text = if mysql { mysql_expression(raw) } else { raw.to_owned() };
    strip_parentheses(&text).to_owned()
}

/// BINARY, VARBINARY and the BLOBs.
pub(super) fn is_binary(data_type: &str) -> bool {
    data_type.ends_with("blob") || data_type.ends_with("binary")
}

fn is_numeric(data_type: &str) -> bool {
    data_type.ends_with("int") || matches!(data_type, "decimal" | "float" | "double" | "year")
}

fn is_temporal(data_type: &str) -> bool {
    matches!(data_type, "date" | "datetime" | "timestamp" | "time")
}

/// MySQL's `COLUMN_DEFAULT`: the bare text of a literal, or an expression if `EXTRA` says so.
/// What it says of a binary default is not all of it: see [`super::binary`].
pub(super) fn mysql_default(raw: &str, data_type: &str, is_expression: bool) -> Option<String> {
    // 5.7 does not mark it as an expression; no literal of these types looks like it.
    if is_temporal(data_type)
        && let Some(now) = current_timestamp(raw)
    {
        return Some(now);
    }
    if is_expression {
        return Some(format!("({})", expression(raw, true)));
    }
    if data_type == "bit" && is_bit_literal(raw) || is_numeric(data_type) && is_number(raw) {
        return Some(raw.to_owned());
    }
    if is_binary(data_type) {
        return None;
    }
    Some(quote(raw))
}

/// MariaDB's `COLUMN_DEFAULT`: SQL text, `NULL` for an explicit or implied NULL. A binary default is printed with
/// `?` for bytes that are no characters; none then (see [`super::binary`]).
pub(super) fn mariadb_default(raw: &str, data_type: &str) -> Option<String> {
    if raw.eq_ignore_ascii_case("null") {
        return None;
    }
    if let Some(value) = literal_value(raw) {
        let lost = is_binary(data_type) && value.contains('?');
        return (!lost).then(|| quote(&value));
    }
    if is_number(raw) || is_bit_literal(raw) || is_hex_literal(raw) {
        return Some(raw.to_owned());
    }
    Some(current_timestamp(raw).unwrap_or_else(|| format!("({})", strip_parentheses(raw))))
}

/// The referential actions in the text of `SHOW CREATE TABLE`: (constraint, on delete, on update).
pub(super) fn referential_actions(create: &str) -> Vec<(String, String, String)> {
    create.lines().filter_map(foreign_key_line).collect()
}

fn foreign_key_line(line: &str) -> Option<(String, String, String)> {
    let rest = line.trim_start().strip_prefix("CONSTRAINT `")?;
    let (name, rest) = take_identifier(rest)?;
    let rest = rest.strip_prefix(" FOREIGN KEY ")?;
    // Whatever the names hold, the actions come after the last column list.
    let tail = &rest[rest.rfind(')')? + 1..];
    Some((name, action(tail, "ON DELETE "), action(tail, "ON UPDATE ")))
}

/// The rest of a quoted identifier whose opening backtick is gone, and what follows it.
fn take_identifier(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '`' if chars.peek().is_some_and(|&(_, next)| next == '`') => {
                name.push('`');
                chars.next();
            }
            '`' => return Some((name, &text[at + 1..])),
            other => name.push(other),
        }
    }
    None
}

/// An action that is not written is RESTRICT: that is what MariaDB leaves out.
fn action(tail: &str, word: &str) -> String {
    let written = tail.find(word).map_or("", |at| &tail[at + word.len()..]);
    let known = ["CASCADE", "SET NULL", "SET DEFAULT", "NO ACTION"];
    known.into_iter().find(|action| written.starts_with(action)).unwrap_or("RESTRICT").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mysql_expressions_become_readable_again() {
        for (raw, expected) in [
            (r"_utf8mb4\'abc\'", "_utf8mb4'abc'"),
            (r"concat(_utf8mb4\'a\',_utf8mb4\'b\\\'\\\\\')", r"concat(_utf8mb4'a',_utf8mb4'b\'\\')"),
            ("concat(`c\u{c3}\u{b6}l`,\\'\u{e2}\u{98}\u{83}\\')", "concat(`cöl`,'☃')"),
            // 5.7 escapes nothing.
            (r"concat(`a`,'b\'\\')", r"concat(`a`,'b\'\\')"),
            ("(`d4` + 1)", "(`d4` + 1)"),
            ("uuid()", "uuid()"),
            ("`ö` + 1", "`ö` + 1"),
        ] {
            assert_eq!(mysql_expression(raw), expected, "{raw}");
        }
    }

    #[test]
    fn mysql_defaults_become_sql() {
        for (raw, data_type, is_expression, expected) in [
            ("it's \\ \"x\"", "varchar", false, "'it''s \\\\ \"x\"'"),
            ("current_timestamp()", "varchar", false, "'current_timestamp()'"),
            ("NULL", "varchar", false, "'NULL'"),
            ("", "varchar", false, "''"),
            ("uuid()", "char", true, "(uuid())"),
            ("_utf8mb4\\'{}\\'", "json", true, "(_utf8mb4'{}')"),
            ("(1 + 2)", "int", true, "(1 + 2)"),
            ("5", "int", false, "5"),
            ("5", "varchar", false, "'5'"),
            ("-1.50", "decimal", false, "-1.50"),
            ("b'101'", "bit", false, "b'101'"),
            ("0x", "varchar", false, "'0x'"),
            ("CURRENT_TIMESTAMP", "datetime", true, "current_timestamp()"),
            ("CURRENT_TIMESTAMP(3)", "datetime", true, "current_timestamp(3)"),
            ("CURRENT_TIMESTAMP", "timestamp", false, "current_timestamp()"),
            ("now()", "datetime", true, "(now())"),
            ("2000-01-01 00:00:00", "timestamp", false, "'2000-01-01 00:00:00'"),
            ("2000", "year", false, "2000"),
        ] {
            let default = mysql_default(raw, data_type, is_expression);
            assert_eq!(default.as_deref(), Some(expected), "{raw} {data_type}");
        }
        assert_eq!(mysql_default("0x61", "binary", false), None);
    }

    #[test]
    fn mariadb_defaults_become_sql() {
        for (raw, data_type, expected) in [
            ("NULL", "int", None),
            ("'NULL'", "varchar", Some("'NULL'")),
            ("'it''s \\\\ \"x\"'", "varchar", Some("'it''s \\\\ \"x\"'")),
            ("'\\n\\0'", "varchar", Some("'\\n\\0'")),
            ("5", "int", Some("5")),
            ("b'101'", "bit", Some("b'101'")),
            ("uuid()", "char", Some("(uuid())")),
            ("(1 + 2)", "int", Some("(1 + 2)")),
            ("concat('a','b')", "varchar", Some("(concat('a','b'))")),
            ("current_timestamp(3)", "datetime", Some("current_timestamp(3)")),
            ("'ab'", "varbinary", Some("'ab'")),
            ("'\\0?\\0'", "binary", None),
            ("'a?'", "varchar", Some("'a?'")),
        ] {
            assert_eq!(mariadb_default(raw, data_type).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn actions_are_read_from_a_definition() {
        let create = "CREATE TABLE `c` (\n  `a` int(11) DEFAULT NULL,\n  \
            CONSTRAINT `f``k` FOREIGN KEY (`x)`, `y`) REFERENCES `p` (`b`, `a`) ON DELETE CASCADE ON UPDATE SET NULL,\n  \
            CONSTRAINT `s` FOREIGN KEY (`p`) REFERENCES `c` (`id`) ON UPDATE NO ACTION,\n  \
            CONSTRAINT `k` CHECK (`a` > 1)\n) ENGINE=InnoDB";
        assert_eq!(
            referential_actions(create),
            vec![
                ("f`k".to_owned(), "CASCADE".to_owned(), "SET NULL".to_owned()),
                ("s".to_owned(), "RESTRICT".to_owned(), "NO ACTION".to_owned()),
            ]
        );
    }
}
