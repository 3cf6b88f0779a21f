//! Patterns for names of tables and columns: `*` is any run of characters, `?` is one, `[ab]` and `[a-z]` are one of
//! these, `[!ab]` is one of all others, `{a,b}` is either, and a backslash takes what follows as it is. Characters are
//! those of Unicode, as names have them.

use regex::{Regex, RegexBuilder};
use std::str::Chars;

/// One pattern.
#[derive(Debug, Clone)]
pub struct Glob {
    exact: Regex,
    folded: Regex,
}

impl Glob {
    /// Reads a pattern; none if it is none: a bracket, a brace or a backslash that nothing closes.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let expression = expression(text)?;
        let build = |folds| {
            let mut builder = RegexBuilder::new(&expression);
            builder.dot_matches_new_line(true).case_insensitive(folds).build().ok()
        };
        Some(Self { exact: build(false)?, folded: build(true)? })
    }

    /// Whether it stands for this name.
    #[must_use]
    pub fn is_match(&self, name: &str) -> bool {
        self.exact.is_match(name)
    }

    /// Whether it stands for this name where case makes no difference, which is told by Unicode, character by character.
    #[must_use]
    pub fn is_match_folded(&self, name: &str) -> bool {
        self.folded.is_match(name)
    }
}

/// The pattern that stands for this name alone.
#[must_use]
pub fn escape(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' => pattern.extend(['[', c, ']']),
            '\\' => pattern.push_str("\\\\"),
            other => pattern.push(other),
        }
    }
    pattern
}

/// The regular expression that says the same. Libraries of globs compare bytes, or know no alternatives.
fn expression(glob: &str) -> Option<String> {
    let mut expression = String::from(r"\A");
    let mut open = 0_usize;
    let mut rest = glob.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '\\' => expression.push_str(&literal(rest.next()?)),
            '[' => expression.push_str(&class(&mut rest)?),
            '{' => {
                open += 1;
                expression.push_str("(?:");
            }
            '}' => {
                open = open.checked_sub(1)?;
                expression.push(')');
            }
            ',' if open > 0 => expression.push('|'),
            other => expression.push_str(&literal(other)),
        }
    }
    (open == 0).then(|| expression + r"\z")
}

/// What follows an opening bracket. A closing one that comes first is one of the characters.
fn class(rest: &mut Chars<'_>) -> Option<String> {
    let mut class = String::from("[");
    if matches!(rest.clone().next(), Some('!' | '^')) {
        rest.next();
        class.push('^');
    }
    let mut members = Vec::new();
    loop {
        match rest.next()? {
            ']' if !members.is_empty() => break,
            member => members.push(member),
        }
    }
    let mut members = members.as_slice();
    while let [from, after @ ..] = members {
        class.push_str(&literal(*from));
        members = after;
        if let ['-', to, after @ ..] = members {
            class.push('-');
            class.push_str(&literal(*to));
            members = after;
        }
    }
    class.push(']');
    Some(class)
}

fn literal(c: char) -> String {
    regex::escape(c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_are_over_characters() {
        for (pattern, name, exact, folded) in [
            ("users", "users", true, true),
            ("users", "Users", false, true),
            ("u*s", "us", true, true),
            ("*_?", "log_é", true, true),
            ("log_?", "log_éé", false, false),
            ("?", "日", true, true),
            ("ÜBER*", "übersicht", false, true),
            ("straße_*", "STRAßE_1", false, true),
            ("ΟΔΟΣ*", "οδοσα", false, true),
            ("[a-c]x", "bx", true, true),
            ("[!a-c]x", "bx", false, false),
            ("[^a]", "é", true, true),
            ("[]]", "]", true, true),
            ("[a-]", "-", true, true),
            ("{a,b{c,d}}e", "bde", true, true),
            ("{,x}y", "y", true, true),
            ("a,b", "a,b", true, true),
            ("\\*", "*", true, true),
            ("\\*", "x", false, false),
            ("*a*b*c*", "xxaxxbxxc", true, true),
            ("*a*b", "ab_a", false, false),
            ("", "", true, true),
        ] {
            let glob = Glob::new(pattern).unwrap();
            assert_eq!(
                (glob.is_match(name), glob.is_match_folded(name)),
                (exact, folded),
                "{pattern}: {name}"
            );
        }
    }

    #[test]
    fn what_is_not_closed_is_no_pattern() {
        for bad in ["[a", "[", "[]", "{a", "a}", "{a,[b}", "\\", "[z-a]"] {
            assert!(Glob::new(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_name_stands_for_itself_alone(name in ".{0,12}", other in ".{0,12}") {
            let glob = Glob::new(&escape(&name)).unwrap();
            prop_assert!(glob.is_match(&name) && glob.is_match_folded(&name));
            prop_assert_eq!(glob.is_match(&other), name == other);
        }

        #[test]
        fn no_text_is_too_much(pattern in ".{0,12}", name in ".{0,12}") {
            if let Some(glob) = Glob::new(&pattern) {
                let _ = glob.is_match(&name);
            }
        }
    }
}
