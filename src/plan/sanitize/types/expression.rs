//! SQL of the configuration: the expression of a `sql` mask, the condition of `where`. Read by a tokenizer of our own,
//! so that nothing but an expression over the row's own columns reaches a server.

use super::super::render::same;
use super::options::{Refusal, shown};
use super::tokens::{Bad, Token, read};
use super::words;
use super::{Own, Row};
use crate::sql::ident::string_literal;

/// Longest expression, in bytes.
const LENGTH_MAX: usize = 8192;

/// A checked expression. Which of its words are columns is known once the table is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expression {
    tokens: Vec<Token>,
}

impl Expression {
    /// Reads the text of `option`.
    ///
    /// # Errors
    /// What is not an expression of one row, or more than that.
    pub fn parse(option: &str, text: &str) -> Result<Self, Refusal> {
        let refuse = |why: String, hint: &str| Refusal::of(option, format!("has `{option}`, {why}"), hint);
        if text.len() > LENGTH_MAX {
            let why = format!("which is longer than {LENGTH_MAX} bytes");
            return Err(refuse(why, "write a shorter expression"));
        }
        let tokens = read(text).map_err(|Bad { why, hint }| refuse(why, hint))?;
        if tokens.is_empty() {
            return Err(refuse("which is empty".to_owned(), "write an SQL expression"));
        }
        Ok(Self { tokens })
    }

    /// Whether it is nothing but the old value, parentheses aside.
    pub(in crate::plan::sanitize) fn is_own_value(&self, own: &str) -> bool {
        let mut rest = self.tokens.iter().filter(
            |token| !matches!(token, Token::Plain(text) if text.chars().all(|c| "() \t\r\n".contains(c))),
        );
        let first = rest.next().and_then(|token| token.column(own));
        first.is_some_and(|name| same(name, own)) && rest.next().is_none()
    }

    /// The one column that it consists of; none for anything longer.
    pub(in crate::plan::sanitize) fn only_column<'a>(&'a self, own: &'a str) -> Option<&'a str> {
        match self.tokens.as_slice() {
            [one] => one.column(own),
            _ => None,
        }
    }

    /// The columns that it reads, of those that the table has.
    pub(in crate::plan::sanitize) fn reads(&self, own: &Own<'_>) -> Vec<String> {
        let mut read: Vec<String> = Vec::new();
        for token in &self.tokens {
            let Some(found) = token.column(own.name).and_then(|name| own.stored(name)) else { continue };
            if !read.iter().any(|name| name == found) {
                read.push(found.to_owned());
            }
        }
        read
    }

    /// Whether it names the row's identity.
    pub(in crate::plan::sanitize) fn reads_identity(&self) -> bool {
        self.tokens.contains(&Token::Id)
    }

    /// Whether it may give another result for the same row.
    pub(super) fn varies(&self) -> bool {
        self.tokens
            .iter()
            .any(|token| matches!(token, Token::Call(word) | Token::Plain(word) if words::is_varying(&word.trim().to_lowercase())))
    }

    /// The first name that is none of the table's stored columns, fit to be shown.
    pub(in crate::plan::sanitize) fn unknown_column(&self, own: &Own<'_>) -> Option<&str> {
        let unknown = self.tokens.iter().find_map(|token| match token {
            Token::Name(name) if own.stored(name).is_none() => Some(name),
            Token::Word(word) if own.stored(word).is_none() && !is_unit(word) => Some(word),
            _ => None,
        })?;
        Some(shown(unknown).unwrap_or("…"))
    }

    /// Its SQL, in parentheses.
    pub(in crate::plan::sanitize) fn sql(&self, own: &Own<'_>, row: Row<'_>) -> String {
        let mut sql = String::from("(");
        for token in &self.tokens {
            match token {
                Token::Plain(text) | Token::Call(text) => sql.push_str(text),
                Token::Text(text) => sql.push_str(&literal(text)),
                Token::Old => sql.push_str(&row.refs.column(own.name)),
                Token::Id => sql.push_str(&row.identity.sql(row.refs, row.salt, row.hex, None)),
                Token::Word(word) => match own.stored(word) {
                    Some(column) => sql.push_str(&row.refs.column(column)),
                    None => sql.push_str(word),
                },
                Token::Name(name) => sql.push_str(&row.refs.column(own.stored(name).unwrap_or(name))),
            }
        }
        sql.push(')');
        sql
    }
}

impl Token {
    /// The column that it may be.
    fn column<'a>(&'a self, own: &'a str) -> Option<&'a str> {
        match self {
            Self::Old => Some(own),
            Self::Name(name) | Self::Word(name) => Some(name),
            _ => None,
        }
    }
}

fn is_unit(word: &str) -> bool {
    words::comes_behind(&word.to_lowercase())
}

/// Reads the same whatever the connection's character set and `sql_mode`.
pub(super) fn literal(text: &str) -> String {
    if text.is_ascii() {
        return string_literal(text);
    }
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("_utf8mb4 x'{hex}'")
}

#[cfg(test)]
mod tests {
    use super::super::super::identity::{Identity, Refs};
    use super::*;
    use crate::schema::Flavour;
    use proptest::prelude::*;

    fn columns() -> Vec<String> {
        ["id", "Name", "role", "day", "my col"].map(str::to_owned).to_vec()
    }

    fn sql(text: &str) -> Result<String, String> {
        let expression = Expression::parse("expression", text).map_err(|refusal| refusal.what)?;
        let table = columns();
        let own = Own { name: "Name", table: &table };
        if let Some(name) = expression.unknown_column(&own) {
            return Err(format!("unknown {name}"));
        }
        let alias = crate::sql::Ident::new("s");
        let row = Row {
            identity: &Identity::Random,
            refs: Refs::Of(&alias),
            salt: "_ascii'5a17'",
            keyed: None,
            hex: 12,
            flavour: Flavour::Mariadb,
        };
        Ok(expression.sql(&own, row))
    }

    #[test]
    fn columns_and_placeholders_become_references() {
        for (text, expected) in [
            ("{column}", "(`s`.`Name`)"),
            ("CONCAT(name, 'x')", "(CONCAT(`s`.`Name`, 'x'))"),
            ("`my col` + 1", "(`s`.`my col` + 1)"),
            ("UPPER ( ROLE )", "(UPPER ( `s`.`role` ))"),
            ("'it''s' 'a\\'b'", "(_utf8mb4 x'69742773' _utf8mb4 x'612762')"),
            ("\"double\"", "('double')"),
            ("role LIKE 'a\\_%' ESCAPE '|'", "(`s`.`role` LIKE _utf8mb4 x'615c5f25' ESCAPE '|')"),
            ("'日'", "(_utf8mb4 x'e697a5')"),
            ("x'ff'", "(x'ff')"),
            ("DATE '2000-01-01'", "(DATE '2000-01-01')"),
            ("_latin1'x'", "(_latin1 'x')"),
            (
                "CASE WHEN role IS NOT NULL AND id IN (1, 2) THEN 'a' ELSE NULL END",
                "(CASE WHEN `s`.`role` IS NOT NULL AND `s`.`id` IN (1, 2) THEN 'a' ELSE NULL END)",
            ),
            ("NOW() - INTERVAL day DAY", "(NOW() - INTERVAL `s`.`day` DAY)"),
            ("EXTRACT(YEAR FROM role)", "(EXTRACT(YEAR FROM `s`.`role`))"),
            (
                "CAST({column} AS CHAR(10) CHARACTER SET latin1) COLLATE latin1_bin",
                "(CAST(`s`.`Name` AS CHAR(10) CHARACTER SET latin1) COLLATE latin1_bin)",
            ),
            ("CONVERT(name USING utf8mb4)", "(CONVERT(`s`.`Name` USING utf8mb4))"),
            ("id MOD 2 = 1e-5 + .5", "(`s`.`id` MOD 2 = 1e-5 + .5)"),
            ("name->>'$.a'", "(`s`.`Name`->>'$.a')"),
            ("name COLLATE 'latin1_bin' = role", "(`s`.`Name` COLLATE 'latin1_bin' = `s`.`role`)"),
            ("TRIM(LEADING '0' FROM name)", "(TRIM(LEADING '0' FROM `s`.`Name`))"),
        ] {
            assert_eq!(sql(text).as_deref(), Ok(expected), "{text}");
        }
        assert!(sql("CONCAT('u', {id})").unwrap().contains("SHA2("));
    }

    #[test]
    fn whatever_is_more_than_an_expression_of_the_row_is_refused() {
        for (text, why) in [
            ("(SELECT 1)", "subquery"),
            ("EXISTS (SELECT 1)", "subquery"),
            ("name; DROP TABLE users", "semicolon"),
            ("name -- x", "comment"),
            ("name /* x */", "comment"),
            ("name # x", "comment"),
            ("@x", "variable"),
            ("@@version", "variable"),
            ("(@a := 1)", "variable"),
            ("name := 1", "character"),
            ("users.name", "dot"),
            ("app.mask(name)", "dot"),
            ("mask(name)", "calls `mask`, not a function"),
            ("SLEEP(9)", "calls `SLEEP`"),
            ("LOAD_FILE('/etc/passwd')", "calls `LOAD_FILE`"),
            ("GET_LOCK('x', 1)", "calls `GET_LOCK`"),
            ("NEXTVAL(s)", "calls `NEXTVAL`"),
            ("name COLLATE 'utf8mb4_bin' = SLEEP(9)", "calls `SLEEP`"),
            ("CONVERT(name USING 'utf8mb4') = mask(1)", "calls `mask`"),
            ("CAST(name AS (mask(1)))", "calls `AS`"),
            ("`name` ('x')", "calls something unknown"),
            ("{column}('x')", "calls something unknown"),
            ("2fa + 1", "unknown 2fa"),
            ("1.2fa", "not an expression"),
            ("COUNT(*)", "calls `COUNT`"),
            ("concatt(name)", "did you mean `concat`"),
            ("name)", "closes a parenthesis"),
            ("(name", "open parenthesis"),
            ("'x", "open quote"),
            ("`x", "open backtick"),
            ("CONCAT('{column}')", "inside a text"),
            ("{colum}", "braces"),
            ("{d '2000-01-01'}", "braces"),
            ("?", "character"),
            ("name \\N", "character"),
            ("", "empty"),
            ("name role", "`role` is not expected"),
            ("name OVER (id)", "calls `OVER`"),
            ("nmae", "unknown nmae"),
            ("twice + 1", "unknown twice"),
            ("0123456789abcdef0123456789abcdef", ""),
        ] {
            match sql(text) {
                Err(found) => assert!(found.contains(why), "{text}: {found}"),
                Ok(sql) => assert!(why.is_empty(), "{text}: {sql}"),
            }
        }
        let long = Expression::parse("where", &"1+".repeat(5000)).unwrap_err();
        assert!(long.what.contains("longer than"), "{long:?}");
    }

    #[test]
    fn what_an_expression_reads_is_known() {
        let mut table = columns();
        table.extend(["end", "escape", "unknown", "2fa"].map(str::to_owned));
        let own = Own { name: "Name", table: &table };
        for (text, reads, alone, varies) in [
            ("CONCAT({column}, ROLE, `role`)", vec!["Name", "role"], false, false),
            ("'role'", vec![], false, false),
            ("IF(RAND() < 0.5, id, 0)", vec!["id"], false, true),
            (
                "CASE END WHEN 'x' THEN escape ELSE (unknown) END",
                vec!["end", "escape", "unknown"],
                false,
                false,
            ),
            (
                "(id > 1) IS UNKNOWN OR (id > 1) IS NOT UNKNOWN OR id LIKE 'x' ESCAPE 'y'",
                vec!["id"],
                false,
                false,
            ),
            ("NOT unknown", vec!["unknown"], false, false),
            ("2fa + 1e5 + 1.5E-3 + 0x2f + 0b01 + .5", vec!["2fa"], false, false),
            ("CURRENT_DATE", vec![], false, true),
            (" ( {column} ) ", vec!["Name"], true, false),
            ("`NAME`", vec!["Name"], true, false),
            ("{column} + 0", vec!["Name"], false, false),
        ] {
            let expression = Expression::parse("expression", text).unwrap();
            assert_eq!(expression.reads(&own), reads, "{text}");
            assert_eq!(expression.is_own_value("Name"), alone, "{text}");
            assert_eq!(expression.varies(), varies, "{text}");
        }
    }

    proptest! {
        /// Whatever is typed: no panic, and what passes has its parentheses in balance and nothing that ends it.
        #[test]
        fn what_passes_is_closed(text in "[a-z'\"`(){};@#*/ ,.\\\\-]{0,24}") {
            if let Ok(sql) = sql(&text) {
                let outside: String = sql.split('\'').step_by(2).collect();
                prop_assert!(!outside.contains(';') && !outside.contains('@') && !outside.contains('#'));
                prop_assert!(!outside.contains("--") && !outside.contains("/*"));
            }
        }
    }
}
