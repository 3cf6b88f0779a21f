//! A look at an SQL condition of the configuration before it is put between parentheses in a statement.
//!
//! The account is the operator's own, so this guards against accidents: a comment or a parenthesis too many would change
//! the statement around it, and a subset must only read. What passes here is tried on the server next.

/// Why a condition is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Reads on from "`where`".
    pub what: String,
    pub fix: &'static str,
}

/// Functions that wait, lock, write or read files.
const FUNCTIONS: [&str; 12] = [
    "BENCHMARK",
    "GET_LOCK",
    "LOAD_FILE",
    "MASTER_POS_WAIT",
    "NEXTVAL",
    "RELEASE_ALL_LOCKS",
    "RELEASE_LOCK",
    "SETVAL",
    "SLEEP",
    "SOURCE_POS_WAIT",
    "WAIT_FOR_EXECUTED_GTID_SET",
    "MASTER_GTID_WAIT",
];

/// Words behind each other that write or lock.
const CLAUSES: [(&str, &str); 5] =
    [("FOR", "UPDATE"), ("FOR", "SHARE"), ("LOCK", "IN"), ("NEXT", "VALUE"), ("INTO", "")];

const READS_ONLY: &str = "a limit only reads: write a condition over the table's columns";

/// Looks at `condition` as a server does with backslash escapes on and `"` for strings.
pub(super) fn scan(condition: &str) -> Result<(), Wrong> {
    let mut scan = Scan { text: condition.as_bytes(), at: 0 };
    let mut depth = 0_u32;
    let mut before = String::new();
    let mut qualified = false;
    while let Some(byte) = scan.next() {
        let behind_dot = std::mem::take(&mut qualified);
        match byte {
            b'`' => {
                let start = scan.at;
                scan.quoted(byte)?;
                let name = &scan.text[start..scan.at - 1];
                check_call(&name.to_ascii_uppercase(), behind_dot, &scan)?;
            }
            b'\'' | b'"' => scan.quoted(byte)?,
            b'.' => qualified = true,
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1).ok_or_else(unbalanced)?,
            b';' => return Err(wrong("has a `;`", "write one condition and nothing behind it")),
            b'#' => return Err(comment()),
            b'-' if scan.peek() == Some(b'-') && scan.dash_comment() => return Err(comment()),
            b'/' if scan.peek() == Some(b'*') => return Err(comment()),
            b'@' => return Err(wrong("has a variable", "write the value, or a column")),
            b'\\' | 0 => return Err(wrong("has a character that stands for nothing there", "remove it")),
            _ if is_word(byte) => {
                let word = scan.word();
                check_word(&before, &word)?;
                check_call(word.as_bytes(), behind_dot, &scan)?;
                before = word;
                continue;
            }
            _ if byte.is_ascii_whitespace() => {
                qualified = behind_dot;
                continue;
            }
            // To servers some of them are blanks.
            _ if byte.is_ascii_control() => return Err(wrong("has a control character", "remove it")),
            _ => {}
        }
        before.clear();
    }
    if depth == 0 { Ok(()) } else { Err(unbalanced()) }
}

/// A name in backticks may be a function's. Behind a dot it is a stored one's: there is no default database, so that no
/// other name leads to one, and it may do anything.
fn check_call(name: &[u8], behind_dot: bool, scan: &Scan<'_>) -> Result<(), Wrong> {
    if !scan.is_before_parenthesis() {
        return Ok(());
    }
    if behind_dot {
        return Err(wrong("calls a stored function", READS_ONLY));
    }
    match FUNCTIONS.iter().find(|known| known.as_bytes() == name) {
        Some(known) => Err(wrong(&format!("calls {known}"), READS_ONLY)),
        None => Ok(()),
    }
}

fn check_word(before: &str, word: &str) -> Result<(), Wrong> {
    if FUNCTIONS.contains(&word) {
        return Err(wrong(&format!("calls {word}"), READS_ONLY));
    }
    let clause = CLAUSES.iter().find(|(first, second)| {
        if second.is_empty() { word == *first } else { before == *first && word == *second }
    });
    match clause {
        Some((first, second)) => {
            Err(wrong(&format!("has {}", format!("{first} {second}").trim_end()), READS_ONLY))
        }
        None => Ok(()),
    }
}

fn wrong(what: &str, fix: &'static str) -> Wrong {
    Wrong { what: what.to_owned(), fix }
}

fn unbalanced() -> Wrong {
    wrong("has a parenthesis without its other half", "close what is open, and nothing else")
}

fn comment() -> Wrong {
    wrong("has a comment", "put it into the configuration file instead, behind a `#`")
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn is_before_parenthesis(&self) -> bool {
        self.text[self.at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'(')
    }

    /// Behind `-` and before `-`: whether a comment begins. It does only with a blank, or at the end.
    fn dash_comment(&self) -> bool {
        self.text.get(self.at + 1).is_none_or(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
    }

    /// Goes behind the closing quote.
    fn quoted(&mut self, quote: u8) -> Result<(), Wrong> {
        while let Some(byte) = self.next() {
            if byte == b'\\' && quote != b'`' {
                self.at += 1;
            } else if byte == quote {
                // A doubled one stands for itself; read on as a string of its own, which ends at the same place.
                return Ok(());
            }
        }
        Err(wrong("has a quote without its other half", "close what is open"))
    }

    /// The word that began one byte before, in capitals.
    fn word(&mut self) -> String {
        let start = self.at - 1;
        while self.peek().is_some_and(is_word) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at]).to_ascii_uppercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn conditions_pass() {
        for condition in [
            "status = 'open'",
            "a = ')' OR b = \"(\" OR `c)` = 1",
            "a = 'it''s' AND b = 'x\\'; -- '",
            "user_id IN (SELECT id FROM users WHERE (active))",
            "a = 1 - -1 AND b = 2--1",
            "SUBSTRING(a FROM 1 FOR 2) = 'x' AND a REGEXP '#|/*'",
            "`sleep` = 1 AND sleeping = 2 AND for_update = 3",
            "name = 'größe' AND größe > 1",
            "a\n>\n1",
            "json_extract(a, '$.b') = 1",
            "t . `a` IN (1, 2) AND 1.5 < ( app.t.b )",
            "`sleep` IN (1)",
        ] {
            assert_eq!(scan(condition), Ok(()), "{condition}");
        }
    }

    #[test]
    fn what_could_break_out_or_write_is_refused() {
        for (condition, what) in [
            ("a = 1)", "has a parenthesis"),
            ("(a = 1", "has a parenthesis"),
            (") OR (1", "has a parenthesis"),
            ("a = 1; DROP TABLE t", "has a `;`"),
            ("a = 1 -- x", "has a comment"),
            ("a = 1 --", "has a comment"),
            ("a = 1 # x", "has a comment"),
            ("a = 1 /* x */", "has a comment"),
            ("a = 1 /*! OR 1 */", "has a comment"),
            ("a = 'x", "has a quote"),
            ("a = 'x\\'", "has a quote"),
            ("a = `x", "has a quote"),
            ("a = \\N", "has a character"),
            ("a = @x", "has a variable"),
            ("(@x := 1)", "has a variable"),
            ("Sleep (5)", "calls SLEEP"),
            ("`sleep` (5)", "calls SLEEP"),
            ("app.touch(id)", "calls a stored function"),
            ("app . `touch` (id)", "calls a stored function"),
            ("`app`.touch(id)", "calls a stored function"),
            ("1 IN (SELECT 1 FROM u FOR\u{b}UPDATE)", "has a control character"),
            ("get_lock('x', 1)", "calls GET_LOCK"),
            ("1 IN (SELECT 1 FROM u FOR  Update)", "has FOR UPDATE"),
            ("1 IN (SELECT 1 FROM u LOCK IN SHARE MODE)", "has LOCK IN"),
            ("1 IN (SELECT 1 INTO OUTFILE 'x')", "has INTO"),
            ("NEXT VALUE FOR s > 1", "has NEXT VALUE"),
        ] {
            let error = scan(condition).unwrap_err();
            assert!(error.what.starts_with(what), "{condition}: {}", error.what);
        }
    }

    /// The condition with `0` for each literal, found by a way of its own. Not with a blank: behind `--` it would look
    /// like a comment.
    fn skeleton(text: &str) -> String {
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if !matches!(c, '\'' | '"' | '`') {
                out.push(c);
                continue;
            }
            while let Some(inside) = chars.next() {
                match inside {
                    '\\' if c != '`' => drop(chars.next()),
                    inside if inside == c => break,
                    _ => {}
                }
            }
            out.push('0');
        }
        out
    }

    proptest! {
        #[test]
        fn what_passes_stays_between_its_parentheses(text in "[a1()'\"`\\\\;#/*@ \\-]{0,24}") {
            if scan(&text).is_ok() {
                let rest = skeleton(&text);
                let mut depth = 0;
                for c in rest.chars() {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    prop_assert!(depth >= 0);
                }
                prop_assert_eq!(depth, 0);
                for bad in [";", "#", "/*", "-- ", "@", "\\"] {
                    prop_assert!(!rest.contains(bad), "{}", bad);
                }
            }
        }
    }
}
