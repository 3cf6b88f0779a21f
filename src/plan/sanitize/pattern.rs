//! The patterns of `exclude`: `*` is any run of characters, everything else literal.

use crate::sql::ident::string_literal;

/// One pattern. Compared by the server with `LIKE`, hence by the column's own collation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether every value matches.
    pub fn matches_all(&self) -> bool {
        !self.0.is_empty() && self.0.chars().all(|c| c == '*')
    }

    /// `column LIKE '…' ESCAPE '|'`: the backslash, which LIKE takes by default, means nothing under
    /// `NO_BACKSLASH_ESCAPES`.
    pub fn like(&self, column: &str) -> String {
        format!("{column} LIKE {} ESCAPE '|'", literal(&self.like_text()))
    }

    fn like_text(&self) -> String {
        let mut like = String::with_capacity(self.0.len() + 4);
        for c in self.0.chars() {
            match c {
                '*' => like.push('%'),
                '%' | '_' | '|' => like.extend(['|', c]),
                other => like.push(other),
            }
        }
        like
    }

    /// Whether the character set can hold the pattern. Both servers refuse to compare a column with a literal that
    /// its character set lacks, so such a pattern must not get that far. True where we do not know the set.
    pub fn fits_charset(&self, charset: &str) -> bool {
        let holds: fn(char) -> bool = match charset {
            "ascii" => |c| c.is_ascii(),
            "latin1" => is_latin1,
            "utf8" | "utf8mb3" | "ucs2" => |c| (c as u32) < 0x1_0000,
            _ => |_| true,
        };
        self.0.chars().all(holds)
    }

    /// Whether some text matches this and has that shape. Letters compare without case; a character outside ASCII
    /// is taken to equal any letter or digit, because collations may equate them.
    pub fn overlaps(&self, shape: &[Token]) -> bool {
        let one = |c| if c == '*' { Token::Any } else { Token::One(c) };
        overlap(&self.0.to_lowercase().chars().map(one).collect::<Vec<_>>(), shape)
    }
}

/// What a text is made of, as far as [`Pattern::overlaps`] tells texts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Any run of characters, or none.
    Any,
    /// Any run of digits and minus signs, or none.
    Digits,
    /// This character, in lower case.
    One(char),
}

impl Token {
    fn is_run(self) -> bool {
        !matches!(self, Self::One(_))
    }

    /// Whether a run takes (a part of) the other.
    fn takes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (Self::Digits, Self::Any | Self::Digits) => true,
            (Self::Digits, Self::One(c)) => c.is_numeric() || c == '-',
            (Self::One(_), _) => false,
        }
    }

    fn equals(self, other: Self) -> bool {
        let (Self::One(a), Self::One(b)) = (self, other) else { return false };
        let folds = |a: char, b: char| !a.is_ascii() && (!b.is_ascii() || b.is_ascii_alphanumeric());
        a == b || folds(a, b) || folds(b, a)
    }
}

/// The servers' latin1 is Windows' code page 1252.
fn is_latin1(c: char) -> bool {
    let above = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";
    (c as u32) < 0x80 || ('\u{a0}'..='\u{ff}').contains(&c) || above.contains(c)
}

/// Reads the same whatever the connection's character set and `sql_mode`.
fn literal(text: &str) -> String {
    if text.is_ascii() {
        return string_literal(text);
    }
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("_utf8mb4 x'{hex}'")
}

/// Row by row: `reach[j]` says whether what was read of `a` and the first `j` of `b` can be the same text.
fn overlap(a: &[Token], b: &[Token]) -> bool {
    let mut reach = vec![true; b.len() + 1];
    for j in 0..b.len() {
        reach[j + 1] = reach[j] && b[j].is_run();
    }
    for &x in a {
        let mut next = vec![reach[0] && x.is_run(); b.len() + 1];
        for (j, &y) in b.iter().enumerate() {
            let without_x = reach[j + 1] && (x.is_run() || y.takes(x));
            let without_y = next[j] && (y.is_run() || x.takes(y));
            next[j + 1] = without_x || without_y || (reach[j] && x.equals(y));
        }
        reach = next;
    }
    reach[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_star_is_special() {
        for (pattern, sql) in [
            ("*@yourcompany.com", "`email` LIKE '%@yourcompany.com' ESCAPE '|'"),
            ("50%_|*", "`email` LIKE '50|%|_||%' ESCAPE '|'"),
            ("", "`email` LIKE '' ESCAPE '|'"),
            ("o'neil*", "`email` LIKE _utf8mb4 x'6f276e65696c25' ESCAPE '|'"),
            ("a\\*", "`email` LIKE _utf8mb4 x'615c25' ESCAPE '|'"),
            ("é*", "`email` LIKE _utf8mb4 x'c3a925' ESCAPE '|'"),
        ] {
            assert_eq!(Pattern::new(pattern).like("`email`"), sql);
        }
    }

    #[test]
    fn charsets_that_lack_a_character_are_known() {
        for (pattern, charset, fits) in [
            ("*@é.de", "latin1", true),
            ("€*", "latin1", true),
            ("日*", "latin1", false),
            ("\u{81}*", "latin1", false),
            ("é*", "ascii", false),
            ("日*", "utf8mb3", true),
            ("🦀*", "utf8mb3", false),
            ("🦀*", "utf8mb4", true),
            ("🦀*", "utf16", true),
            ("日*", "sjis", true),
        ] {
            assert_eq!(Pattern::new(pattern).fits_charset(charset), fits, "{pattern} {charset}");
        }
    }

    fn shape(text: &str) -> Vec<Token> {
        let token = |c| match c {
            '*' => Token::Any,
            '#' => Token::Digits,
            c => Token::One(c),
        };
        text.to_lowercase().chars().map(token).collect()
    }

    #[test]
    fn overlaps_are_found() {
        for (pattern, text, expected) in [
            ("*@x.com", "User_#", false),
            ("*", "User_#", true),
            ("admin*", "User_#", false),
            ("user_7", "User_#", true),
            ("user_x", "User_#", false),
            ("*7", "User_#", true),
            ("*r_*-7", "User_#", true),
            ("üser_*", "User_#", true),
            ("+1555*", "+1555#", true),
            ("+49*", "+1555#", false),
            ("Main St *", "# Example St", false),
            ("* St", "# Example St", true),
            ("表*", "# Example St", false),
            ("７ Example St", "# Example St", true),
            ("* Main St", "# Example St", false),
            ("", "*", true),
            ("", "User_#", false),
            ("a*b*c", "ab*bc", true),
            ("a*b", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).overlaps(&shape(text)), expected, "{pattern} {text}");
        }
        assert!(Pattern::new("**").matches_all());
        assert!(!Pattern::new("").matches_all());
        assert!(!Pattern::new("*a").matches_all());
    }

    fn matches(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                matches(&pattern[1..], text) || (!text.is_empty() && matches(pattern, &text[1..]))
            }
            (Some(p), Some(t)) => p == t && matches(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest! {
        /// A text that matches both proves an overlap, whichever the patterns.
        #[test]
        fn no_overlap_is_missed(a in "[ab*]{0,6}", b in "[ab*]{0,6}", text in "[ab]{0,6}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            if matches(&chars(&a), &chars(&text)) && matches(&chars(&b), &chars(&text)) {
                prop_assert!(Pattern::new(&a).overlaps(&shape(&b)));
            }
        }

        /// Without a star a pattern is one text: overlap is then exactly a match.
        #[test]
        fn one_text_overlaps_what_it_matches(text in "[ab]{0,6}", pattern in "[ab*]{0,6}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                Pattern::new(&text).overlaps(&shape(&pattern)),
                matches(&chars(&pattern), &chars(&text))
            );
        }

        /// LIKE's own wildcards only ever stand for a star.
        #[test]
        fn wildcards_of_like_are_escaped(text in "[a%_|*]{0,12}") {
            let like = Pattern::new(&text).like_text();
            let mut stars = 0;
            let mut chars = like.chars();
            while let Some(c) = chars.next() {
                match c {
                    '|' => prop_assert!(matches!(chars.next(), Some('%' | '_' | '|'))),
                    '%' => stars += 1,
                    other => prop_assert_ne!(other, '_'),
                }
            }
            prop_assert_eq!(stars, text.matches('*').count());
        }
    }
}
