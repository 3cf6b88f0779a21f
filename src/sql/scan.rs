//! The stream is data, not a program: what a client runs has been looked at byte by byte first.
//!
//! [`scan_insert`] lets through exactly the statements that [`super::insert`] writes: the expected verb, table and
//! column list, then rows of literals, then the end. No function, comment, operator, variable, nested parenthesis
//! or second statement passes, so the worst that a bad server can send is wrong rows for its own table. The
//! client puts its own head in front of [`Scanned::values`]; the server's is not run at all.
//!
//! The few pieces of SQL that a manifest carries (defaults, generated columns, CHECKs) are looked at by
//! `schema::expression`.

use crate::error::{Error, Result};
use crate::sql::TableName;
use crate::sql::insert::{Verb, head};
use crate::sql::literal::{CHARSETS, number_len};
use memchr::{memchr, memchr2};

/// What a statement has to be. Made once per table.
#[derive(Debug, Clone)]
pub struct Expected {
    verb: Verb,
    head: Vec<u8>,
    columns: usize,
}

impl Expected {
    /// A statement of `verb` into the bare `table` with this column list.
    pub fn new<S: AsRef<str>>(verb: Verb, table: &str, columns: impl IntoIterator<Item = S>) -> Self {
        let mut count = 0;
        let head = head(verb, &TableName::bare(table), columns.into_iter().inspect(|_| count += 1));
        Self { verb, head: head.into_bytes(), columns: count }
    }
}

/// A statement that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned<'a> {
    /// How many rows it has, at least one.
    pub rows: u64,
    /// The rows with the end of the statement, `(1,'a'),…;` and a line break: what comes after `VALUES`, or after `IN (`
    /// with the parenthesis that closes it.
    pub values: &'a str,
}

/// Checks that `statement` is exactly one statement of literals as expected. It must stand in a session with
/// backslash escapes on and `utf8mb4` (see [`super::insert::session_preamble`]).
///
/// # Errors
/// [`crate::error::Kind::Integrity`] with the byte position at which the text is something else; never with the text.
pub fn scan_insert<'a>(statement: &'a [u8], expected: &Expected) -> Result<Scanned<'a>> {
    // A byte that is not UTF-8 could make the server's lexer see other borders than this one.
    let text =
        std::str::from_utf8(statement).map_err(|error| refused(error.valid_up_to(), "text in UTF-8"))?;
    if !statement.starts_with(&expected.head) {
        return Err(Error::integrity(
            "a batch does not begin as a statement into the expected table and columns",
        ));
    }
    let mut scan = Scan { text: statement, at: expected.head.len() };
    let mut rows = 0;
    loop {
        scan.row(expected.columns)?;
        rows += 1;
        match scan.peek() {
            Some(b',') => scan.expect(b",\n", "a line break between rows")?,
            _ => break,
        }
    }
    scan.expect(expected.verb.tail(), "a row or the end of the statement")?;
    if scan.at < statement.len() {
        return Err(refused(scan.at, "nothing after the statement"));
    }
    Ok(Scanned { rows, values: &text[expected.head.len()..] })
}

fn refused(at: usize, wanted: &str) -> Error {
    Error::integrity(format!("a batch is not plain rows: {wanted} expected at byte {at}"))
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, wanted: &[u8], what: &str) -> Result<()> {
        if !self.text[self.at..].starts_with(wanted) {
            return Err(refused(self.at, what));
        }
        self.at += wanted.len();
        Ok(())
    }

    fn row(&mut self, columns: usize) -> Result<()> {
        self.expect(b"(", "a row")?;
        for column in 0..columns {
            if column > 0 {
                self.expect(b",", "a comma and the next cell")?;
            }
            self.literal()?;
        }
        self.expect(b")", "the end of the row")
    }

    fn literal(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'\'') => self.string(),
            Some(b'N') => self.expect(b"NULL", "NULL"),
            Some(b'x') => self.hex(),
            Some(b'b') => self.bits(),
            Some(b'_') => self.introduced(),
            _ => match number_len(&self.text[self.at..]) {
                Some(len) => {
                    self.at += len;
                    Ok(())
                }
                None => Err(refused(self.at, "a literal")),
            },
        }
    }

    /// `'…'` with backslash escapes and doubled quotes.
    fn string(&mut self) -> Result<()> {
        let open = self.at;
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let found = memchr2(b'\'', b'\\', rest).ok_or_else(|| refused(open, "a closed string"))?;
            self.at += found + 1;
            if rest[found] == b'\\' {
                // Whatever is escaped is one byte for this scan: the rest of a longer character holds no quote.
                self.at += 1;
                if self.at > self.text.len() {
                    return Err(refused(open, "a closed string"));
                }
            } else if self.peek() == Some(b'\'') {
                self.at += 1;
            } else {
                return Ok(());
            }
        }
    }

    /// `x'…'` with an even number of hexadecimal digits.
    fn hex(&mut self) -> Result<()> {
        let digits = self.quoted_digits()?;
        // Without a way out, so that the compiler makes vector instructions of it.
        let plain = digits
            .iter()
            .fold(true, |plain, &byte| plain & (byte.is_ascii_digit() | matches!(byte | 0x20, b'a'..=b'f')));
        if plain && digits.len().is_multiple_of(2) {
            Ok(())
        } else {
            Err(refused(self.at, "hexadecimal digits"))
        }
    }

    /// `b'…'`.
    fn bits(&mut self) -> Result<()> {
        let digits = self.quoted_digits()?;
        if digits.iter().all(|byte| matches!(byte, b'0' | b'1')) {
            Ok(())
        } else {
            Err(refused(self.at, "binary digits"))
        }
    }

    /// What stands between the quotes after a one-letter prefix; goes behind the closing quote.
    fn quoted_digits(&mut self) -> Result<&[u8]> {
        self.at += 1;
        self.expect(b"'", "a quoted number")?;
        let rest = &self.text[self.at..];
        let len = memchr(b'\'', rest).ok_or_else(|| refused(self.at, "a closed number"))?;
        self.at += len + 1;
        Ok(&rest[..len])
    }

    /// `_charset x'…'`.
    fn introduced(&mut self) -> Result<()> {
        let rest = &self.text[self.at + 1..];
        let known = CHARSETS
            .iter()
            .find(|name| rest.strip_prefix(name.as_bytes()).is_some_and(|after| after.starts_with(b" x'")));
        let name = known.ok_or_else(|| refused(self.at, "a known character set"))?;
        self.at += 1 + name.len() + 1;
        self.hex()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::sql::insert::{BatchLimits, InsertBatch};
    use crate::sql::literal::tests::cell;
    use proptest::prelude::*;

    const HEAD: &str = "INSERT INTO `t` (`a`,`b`) VALUES\n";

    fn expected() -> Expected {
        Expected::new(Verb::Insert, "t", ["a", "b"])
    }

    fn scan(rows: &str) -> Result<u64> {
        scan_insert(format!("{HEAD}{rows}").as_bytes(), &expected()).map(|scanned| scanned.rows)
    }

    #[test]
    fn rows_of_literals_pass() {
        for (rows, count) in [
            ("(1,2);\n", 1),
            ("(NULL,-1.5e-7),\n(x'00fF',b'101');\n", 2),
            ("('a\\'b','it''s'),\n('',x''),\n('\\\\',_latin1 x'e9');\n", 3),
            ("('; DROP TABLE t; -- /*','(),\n(');\n", 1),
            ("('\\é','🦀');\n", 1),
        ] {
            assert_eq!(scan(rows).unwrap(), count, "{rows:?}");
        }
        let none = Expected::new(Verb::Replace, "t", [""; 0]);
        assert_eq!(scan_insert(b"REPLACE INTO `t` () VALUES\n(),\n();\n", &none).unwrap().rows, 2);
    }

    #[test]
    fn what_is_to_go_is_named_by_literals_alone() {
        let expected = Expected::new(Verb::Delete, "t", ["a", "b"]);
        let scan = |text: &str| scan_insert(text.as_bytes(), &expected).map(|scanned| scanned.rows).ok();
        let head = "DELETE FROM `t` WHERE (`a`,`b`) IN (\n";
        assert_eq!(scan(&format!("{head}(1,'x'),\n(2,x'00'));\n")), Some(2));
        for rest in [
            "(1,2);\n",
            ");\n",
            "(1,2)) OR (1=1);\n",
            "(1,2)) OR 1;\n",
            "(SELECT 1,2));\n",
            "(1,`b`));\n",
            "(1,2));\nDELETE FROM `t`;\n",
        ] {
            assert_eq!(scan(&format!("{head}{rest}")), None, "{rest}");
        }
        assert_eq!(scan("DELETE FROM `u` WHERE (`a`,`b`) IN (\n(1,2));\n"), None);
        assert_eq!(scan("DELETE FROM `t` WHERE (`a`) IN (\n(1));\n"), None);
    }

    #[test]
    fn the_values_follow_the_head() {
        let text = format!("{HEAD}(1,2);\n");
        assert_eq!(scan_insert(text.as_bytes(), &expected()).unwrap().values, "(1,2);\n");
    }

    #[test]
    fn anything_else_is_refused() {
        for rows in [
            "",
            ";\n",
            "(1,2)",
            "(1,2);",
            "(1,2);\n\n",
            "(1,2);\nDROP TABLE t;\n",
            "(1,2);\n(1,2);\n",
            "(1,2) ON DUPLICATE KEY UPDATE a=1;\n",
            "(1);\n",
            "(1,2,3);\n",
            "(1,2),(3,4);\n",
            "(1,2),\n;\n",
            "(1, 2);\n",
            "(1,sleep(5));\n",
            "(1,(SELECT 1));\n",
            "(1,(2));\n",
            "(1,2-1);\n",
            "(1,--2\n);\n",
            "(1,@@version);\n",
            "(1,DEFAULT);\n",
            "(1,a);\n",
            "(1,/*!2*/);\n",
            "(1,0x41);\n",
            "(1,1e);\n",
            "(1,.5);\n",
            "(1,x'0');\n",
            "(1,x'0g');\n",
            "(1,x'00' 'a');\n",
            "(1,b'2');\n",
            "(1,'a' 'b');\n",
            "(1,'a\\');\n",
            "(1,'a);\n",
            "(1,'a'');\n",
            "(1,\"a\");\n",
            "(1,_klingon x'00');\n",
            "(1,_utf8mb4 'a');\n",
            "(1,_utf8mb4x'00');\n",
            "(1,_utf8mb4 COLLATE);\n",
            "(1,NULLIF(1,1));\n",
            "(1,null);\n",
            "(1,n'a');\n",
            "(1,2));\n",
        ] {
            let error = scan(rows).unwrap_err();
            assert_eq!(error.kind(), Kind::Integrity, "{rows:?}");
        }
    }

    #[test]
    fn another_verb_table_or_column_list_is_refused() {
        for head in [
            "REPLACE INTO `t` (`a`,`b`) VALUES\n",
            "INSERT INTO `u` (`a`,`b`) VALUES\n",
            "INSERT INTO `x`.`t` (`a`,`b`) VALUES\n",
            "INSERT INTO `t` (`b`,`a`) VALUES\n",
            "INSERT INTO `t` (`a`,`b`) SELECT\n",
            "INSERT IGNORE INTO `t` (`a`,`b`) VALUES\n",
            " INSERT INTO `t` (`a`,`b`) VALUES\n",
        ] {
            assert!(scan_insert(format!("{head}(1,2);\n").as_bytes(), &expected()).is_err(), "{head}");
        }
    }

    #[test]
    fn an_error_gives_the_position_and_not_the_data() {
        let error = scan("('geheim',secret());\n").unwrap_err();
        let at = HEAD.len() + "('geheim',".len();
        assert_eq!(error.what(), format!("a batch is not plain rows: a literal expected at byte {at}"));
        let mut bytes = format!("{HEAD}('").into_bytes();
        bytes.extend_from_slice(b"\xe3', 2);\n");
        assert!(scan_insert(&bytes, &expected()).unwrap_err().what().contains("UTF-8"));
    }

    /// Removes every literal by a way of its own (splitting at quotes) and looks at what is left.
    fn skeleton(text: &str) -> String {
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '\'' {
                out.push(c);
                continue;
            }
            while let Some(inside) = chars.next() {
                match inside {
                    '\\' => drop(chars.next()),
                    '\'' => break,
                    _ => {}
                }
            }
            out.push('S');
        }
        out
    }

    fn statement() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec((cell(), cell()), 1..5).prop_map(|rows| {
            // One form per column holds for the builder only; the scanner takes any literal anywhere.
            let limits = BatchLimits { rows_max: 9, bytes_max: 1 << 20, statement_bytes_max: 1 << 20 };
            let mut out = HEAD.as_bytes().to_vec();
            for (at, (a, b)) in rows.iter().enumerate() {
                let columns = [("a".to_owned(), a.0), ("b".to_owned(), b.0)];
                let mut builder = InsertBatch::new(Verb::Insert, "t", &columns, limits);
                builder.push(|index| Some(if index == 0 { a.1.as_slice() } else { b.1.as_slice() })).unwrap();
                let sql = builder.finish().unwrap().sql;
                out.extend_from_slice(if at == 0 { b"" } else { b",\n" });
                out.extend_from_slice(&sql[HEAD.len()..sql.len() - 2]);
            }
            out.extend_from_slice(b";\n");
            out
        })
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(scan_insert(&bytes, &expected()).is_err());
            let mut with_head = HEAD.as_bytes().to_vec();
            with_head.extend_from_slice(&bytes);
            drop(scan_insert(&with_head, &expected()));
        }

        #[test]
        fn what_passes_after_a_change_is_still_rows_of_literals(
            mut text in statement(),
            changes in proptest::collection::vec(
                (any::<proptest::sample::Index>(), proptest::sample::select(b"'\\(),;x0bN_-.e \n`@/*#A\xc3".to_vec()), 0..3),
                0..4,
            ),
        ) {
            for (at, byte, change) in changes {
                let at = HEAD.len() + at.index(text.len() - HEAD.len());
                match change {
                    0 => text[at] = byte,
                    1 => text.insert(at, byte),
                    _ if text.len() > HEAD.len() + 1 => drop(text.remove(at)),
                    _ => {}
                }
            }
            let Ok(scanned) = scan_insert(&text, &expected()) else { return Ok(()) };
            let skeleton = skeleton(scanned.values);
            let body = skeleton.strip_suffix(";\n").unwrap();
            let mut rows = 0;
            for row in body.split("\n") {
                rows += 1;
                let row = row.strip_suffix(',').unwrap_or(row);
                let cells = row.strip_prefix('(').unwrap().strip_suffix(')').unwrap();
                prop_assert_eq!(cells.split(',').count(), 2);
                for cell in cells.split(',') {
                    let plain = cell == "NULL" || cell.parse::<f64>().is_ok()
                        || ["S", "SS", "xS", "bS"].contains(&cell.trim_start_matches("SS"))
                        || cell.is_empty()
                        || (cell.starts_with('_') && cell.ends_with(" xS"));
                    prop_assert!(plain, "{cell:?}");
                }
            }
            prop_assert_eq!(rows, scanned.rows);
        }
    }
}
