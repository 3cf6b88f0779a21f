//! Pieces of SQL text as servers print them: literals, parentheses, numbers. Nothing here is run; what a bad
//! server could have written is refused by [`check_closed`].

use crate::error::{Error, Kind, Result};

/// A string as a literal that is read right with backslash escapes on, as in every session of ours.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{1a}' => out.push_str("\\Z"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// What a backslash and `c` stand for inside a literal.
pub(crate) fn unescaped(c: char) -> char {
    match c {
        '0' => '\0',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'Z' => '\u{1a}',
        other => other,
    }
}

/// The value of a text that is exactly one single-quoted literal; none for anything else.
pub(crate) fn literal_value(text: &str) -> Option<String> {
    let (value, rest) = take_literal(text)?;
    rest.is_empty().then_some(value)
}

/// The value of the literal that `text` begins with, and what follows it.
pub(crate) fn take_literal(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('\'')?.char_indices().peekable();
    let mut value = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.push(unescaped(chars.next()?.1)),
            '\'' if chars.peek().is_some_and(|&(_, next)| next == '\'') => {
                value.push('\'');
                chars.next();
            }
            // One byte for the opening quote, one for this one.
            '\'' => return Some((value, &text[at + 2..])),
            other => value.push(other),
        }
    }
    None
}

/// Whether `text` is a plain decimal number, with sign, fraction and exponent.
pub(crate) fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && (!whole.is_empty() || !fraction.is_empty())
        && exponent.is_none_or(|e| {
            let e = e.strip_prefix(['-', '+']).unwrap_or(e);
            !e.is_empty() && digits(e)
        })
}

/// Whether `text` is `b'0101'`.
pub(crate) fn is_bit_literal(text: &str) -> bool {
    text.strip_prefix("b'")
        .and_then(|rest| rest.strip_suffix('\''))
        .is_some_and(|bits| bits.bytes().all(|b| matches!(b, b'0' | b'1')))
}

/// Whether `text` is `0x6162`.
pub(crate) fn is_hex_literal(text: &str) -> bool {
    text.strip_prefix("0x")
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// `current_timestamp()` or `current_timestamp(3)` for any way in which servers print it; none for other text.
pub(crate) fn current_timestamp(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let rest = lower.strip_prefix("current_timestamp")?;
    match rest {
        "" | "()" => Some("current_timestamp()".to_owned()),
        _ => {
            let digit = rest.strip_prefix('(')?.strip_suffix(')')?;
            matches!(digit, "0" | "1" | "2" | "3" | "4" | "5" | "6")
                .then(|| format!("current_timestamp({digit})"))
        }
    }
}

/// The text without the character set introducers of its strings, `_binary` excepted. MySQL prints one before every
/// string; MariaDB stores an introduced string wrongly in definitions when it holds more than plain ASCII (tried on
/// 10.11: `_utf8mb4'é'` is read back as `xC3xA9`, one with a quote inside is a syntax error).
pub(crate) fn without_introducers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut word: Option<usize> = None;
    walk(text, |at, step| match step {
        Step::Code(c) if c.is_alphanumeric() || matches!(c, '_' | '$') => {
            word.get_or_insert(at);
        }
        Step::Quoted => {
            if let Some(start) = word.take() {
                let introducer = &text[start..];
                if introducer.starts_with('_') && !introducer.to_ascii_lowercase().starts_with("_binary'") {
                    out.push_str(&text[copied..start]);
                    // A quoted part is reported where it begins, so the word ends there.
                    copied = at;
                }
            }
        }
        _ => word = None,
    });
    out.push_str(&text[copied..]);
    out
}

/// One step of a walk over SQL text: a character that is code, or a whole quoted part or comment mark.
enum Step {
    Code(char),
    Quoted,
    Unfinished,
}

/// Walks over `text` and calls `visit` with the byte offset of each step and the step.
fn walk(text: &str, mut visit: impl FnMut(usize, Step)) {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '\'' | '"' | '`') {
            visit(at, Step::Code(c));
            continue;
        }
        let mut closed = false;
        while let Some((_, inner)) = chars.next() {
            if inner == '\\' && c != '`' {
                chars.next();
            } else if inner == c {
                if chars.peek().is_some_and(|&(_, next)| next == c) {
                    chars.next();
                } else {
                    closed = true;
                    break;
                }
            }
        }
        visit(at, if closed { Step::Quoted } else { Step::Unfinished });
    }
}

/// The text without the parentheses around all of it, however many pairs there are.
pub(crate) fn strip_parentheses(text: &str) -> &str {
    let mut inner = text.trim();
    while wrapped(inner) {
        inner = inner[1..inner.len() - 1].trim();
    }
    inner
}

/// Whether the parenthesis that `text` begins with is closed by its last character.
fn wrapped(text: &str) -> bool {
    if !text.starts_with('(') || !text.ends_with(')') {
        return false;
    }
    let mut depth = 0_i64;
    let mut closed_at = None;
    walk(text, |at, step| match step {
        Step::Code('(') => depth += 1,
        Step::Code(')') => {
            depth -= 1;
            if depth == 0 && closed_at.is_none() {
                closed_at = Some(at);
            }
        }
        _ => {}
    });
    closed_at == Some(text.len() - 1)
}

/// Words that no column, check or index needs and a bad server might try: reading files, waiting, other tables.
const FORBIDDEN: &[&str] =
    &["select", "load_file", "sleep", "benchmark", "get_lock", "release_all_locks", "release_lock", "into"];

/// The words of `text` outside quotes, lower case.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    walk(text, |_, step| match step {
        Step::Code(c) if c.is_alphanumeric() || matches!(c, '_' | '$') => {
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        _ => words.push(String::new()),
    });
    words.retain(|word| !word.is_empty());
    words
}

/// Whether an expression asks a MariaDB sequence for its next or last value.
pub(crate) fn uses_sequence(text: &str) -> bool {
    let words = words(text);
    words.iter().any(|word| matches!(word.as_str(), "nextval" | "lastval" | "setval"))
        || words.windows(2).any(|pair| matches!(pair[0].as_str(), "next" | "previous") && pair[1] == "value")
}

/// Refuses an expression that is not complete in itself: unbalanced parentheses or quotes, a statement's end, a
/// comment, control characters. What passes cannot reach beyond the parentheses that it is put into.
///
/// # Errors
/// `Schema`, saying what was found.
pub(crate) fn check_closed(text: &str) -> Result<()> {
    let mut problem = None;
    let mut depth = 0_i64;
    let mut before = ' ';
    walk(text, |_, step| {
        let found = match step {
            Step::Unfinished => Some("a quote that is not closed"),
            Step::Code(';') => Some("a semicolon"),
            Step::Code('#') => Some("a comment"),
            Step::Code('-') if before == '-' => Some("a comment"),
            Step::Code('*') if before == '/' => Some("a comment"),
            Step::Code('/') if before == '*' => Some("a comment"),
            Step::Code('@') => Some("a variable"),
            Step::Code(c) if c.is_control() && !matches!(c, '\n' | '\t' | '\r') => {
                Some("a control character")
            }
            Step::Code('(') => {
                depth += 1;
                None
            }
            Step::Code(')') => {
                depth -= 1;
                (depth < 0).then_some("a parenthesis too many")
            }
            _ => None,
        };
        before = if let Step::Code(c) = step { c } else { ' ' };
        if problem.is_none() {
            problem = found;
        }
    });
    if problem.is_none() && depth > 0 {
        problem = Some("a parenthesis that is not closed");
    }
    if problem.is_none() && text.trim().is_empty() {
        problem = Some("nothing");
    }
    if problem.is_none() && words(text).iter().any(|word| FORBIDDEN.contains(&word.as_str())) {
        problem = Some("a function or keyword that no definition needs");
    }
    match problem {
        None => Ok(()),
        Some(found) => Err(Error::new(Kind::Schema, format!("the expression contains {found}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_plain_decimal_only() {
        for yes in ["0", "-1.50", "10000000000", "1e10", ".5", "5.", "-1E-3", "+7"] {
            assert!(is_number(yes), "{yes}");
        }
        for no in ["", "-", ".", "1e", "0x1", "1 ", "1,2", "nan", "1e1e1", "--1", "1;"] {
            assert!(!is_number(no), "{no}");
        }
    }

    #[test]
    fn current_timestamp_has_one_spelling() {
        for (text, expected) in [
            ("CURRENT_TIMESTAMP", Some("current_timestamp()")),
            ("current_timestamp()", Some("current_timestamp()")),
            ("CURRENT_TIMESTAMP(3)", Some("current_timestamp(3)")),
            ("current_timestamp(9)", None),
            ("current_timestamp(3)+1", None),
            ("now()", None),
        ] {
            assert_eq!(current_timestamp(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn parentheses_are_stripped_only_where_they_hold_everything() {
        for (text, expected) in [
            ("(`a` + 1)", "`a` + 1"),
            ("((1 + 2))", "1 + 2"),
            ("(a) or (b)", "(a) or (b)"),
            ("(')' = a)", "')' = a"),
            ("(`)` = 'it''s \\' (')", "`)` = 'it''s \\' ('"),
            ("f(a)", "f(a)"),
            ("", ""),
        ] {
            assert_eq!(strip_parentheses(text), expected, "{text}");
        }
    }

    #[test]
    fn open_expressions_are_refused() {
        for good in [
            "`a` + 1",
            "concat(`a`,'x;y -- # /*')",
            "`we``ird;` <> \"it;\"",
            "a - -1",
            "json_extract(`d`,'$.a')",
            "case when (`a` > 1) then 2 else 3 end",
            "`select` + `sleep`",
            "concat('select',`selected`)",
        ] {
            assert!(check_closed(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "  ",
            "1) , b int default (2",
            "(1",
            "1;drop table x",
            "1 -- x",
            "1 # x",
            "1 /* x",
            "1 */ x",
            "'abc",
            "`abc",
            "'abc\\'",
            "@@hostname",
            "@a",
            "1\0",
            "(select 1)",
            "LOAD_FILE('/etc/passwd')",
            "sleep (9)",
        ] {
            assert!(check_closed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn introducers_are_taken_away() {
        for (text, expected) in [
            ("concat(`a`,_utf8mb4'é',_latin1'b\\'')", "concat(`a`,'é','b\\'')"),
            ("_binary'x' = _utf8mb3'y'", "_binary'x' = 'y'"),
            ("x'61' = '_utf8mb4' and `_utf8mb4` > a_b", "x'61' = '_utf8mb4' and `_utf8mb4` > a_b"),
            ("a_'x'", "a_'x'"),
        ] {
            assert_eq!(without_introducers(text), expected, "{text}");
        }
    }

    #[test]
    fn sequences_are_seen() {
        for (text, expected) in [
            ("nextval(`app`.`s`)", true),
            ("NEXT VALUE FOR `s`", true),
            ("concat('nextval(')", false),
            ("`nextval` + 1", false),
        ] {
            assert_eq!(uses_sequence(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_text_reads_back(text in ".*") {
            let quoted = quote(&text);
            prop_assert_eq!(literal_value(&quoted), Some(text));
            prop_assert!(check_closed(&quoted).is_ok());
        }

        #[test]
        fn stripping_never_opens_a_closed_expression(text in "[()'`a\\\\ ]{0,12}") {
            if check_closed(&text).is_ok() {
                let inner = strip_parentheses(&text);
                prop_assert!(inner.is_empty() || check_closed(inner).is_ok());
            }
        }
    }
}
