//! Patterns for names of tables and columns: `*` is any run of characters, `?` is one, `[ab]` and `[a-z]` are one of
//! these, `[!ab]` is one of all others, `{a,b}` is either, and a backslash takes what follows as it is. Characters are
//! those of Unicode, as names have them.

/// Most ways in which alternatives may go together.
const WAYS_MAX: usize = 1000;

/// One pattern.
#[derive(Debug, Clone)]
pub struct Glob {
    exact: Vec<Way>,
    folded: Vec<Way>,
}

/// A pattern without alternatives.
type Way = Vec<Token>;

#[derive(Debug, Clone)]
enum Token {
    Run,
    One,
    Literal(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Run | Self::One => true,
            Self::Literal(literal) => *literal == c,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated
            }
        }
    }
}

impl Glob {
    /// Reads a pattern; none if it is none: a bracket, a brace or a backslash that nothing closes.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        Some(Self { exact: read(text.chars().collect())?, folded: read(fold(text))? })
    }

    /// Whether it stands for this name.
    #[must_use]
    pub fn is_match(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        self.exact.iter().any(|way| is_match(way, &name))
    }

    /// Whether it stands for this name where case makes no difference.
    #[must_use]
    pub fn is_match_folded(&self, name: &str) -> bool {
        let name = fold(name);
        self.folded.iter().any(|way| is_match(way, &name))
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

/// Character by character, as servers compare names: what stands beside a letter does not matter.
fn fold(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn read(text: Vec<char>) -> Option<Vec<Way>> {
    let mut text = Text { text, at: 0 };
    let ways = text.ways(false)?;
    (text.at == text.text.len()).then_some(ways)
}

/// A pattern being read.
struct Text {
    text: Vec<char>,
    at: usize,
}

impl Text {
    fn next(&mut self) -> Option<char> {
        let c = self.text.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    /// Up to the end of the text, or of an alternative.
    fn ways(&mut self, inside: bool) -> Option<Vec<Way>> {
        let mut ways: Vec<Way> = vec![Vec::new()];
        while let Some(c) = self.next() {
            let token = match c {
                '*' => Token::Run,
                '?' => Token::One,
                '\\' => Token::Literal(self.next()?),
                '[' => self.class()?,
                '{' => {
                    let each = self.alternatives()?;
                    if ways.len() * each.len() > WAYS_MAX {
                        return None;
                    }
                    let with = |way: &Way| {
                        each.iter().map(|more| [way.as_slice(), more].concat()).collect::<Vec<_>>()
                    };
                    ways = ways.iter().flat_map(with).collect();
                    continue;
                }
                ',' | '}' if inside => {
                    self.at -= 1;
                    break;
                }
                '}' => return None,
                literal => Token::Literal(literal),
            };
            ways.iter_mut().for_each(|way| way.push(token.clone()));
        }
        Some(ways)
    }

    fn alternatives(&mut self) -> Option<Vec<Way>> {
        let mut all = Vec::new();
        loop {
            all.extend(self.ways(true)?);
            match self.next()? {
                ',' => {}
                _ => return Some(all),
            }
        }
    }

    /// A bracket that comes first is one of the characters.
    fn class(&mut self) -> Option<Token> {
        let negated = matches!(self.text.get(self.at), Some('!' | '^'));
        self.at += usize::from(negated);
        let begin = self.at;
        let end = begin + 1 + self.text.get(begin + 1..)?.iter().position(|c| *c == ']')?;
        let mut ranges = Vec::new();
        let mut rest = &self.text[begin..end];
        while let [from, ..] = rest {
            let (to, taken) = match rest {
                [_, '-', to, ..] => (to, 3),
                _ => (from, 1),
            };
            if to < from {
                return None;
            }
            ranges.push((*from, *to));
            rest = &rest[taken..];
        }
        self.at = end + 1;
        Some(Token::Class { negated, ranges })
    }
}

/// What the last run took is given back a character at a time: the one before it need not be looked at again.
fn is_match(way: &[Token], name: &[char]) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut run: Option<(usize, usize)> = None;
    while at < name.len() {
        match way.get(token) {
            Some(Token::Run) => {
                run = Some((token + 1, at));
                token += 1;
            }
            Some(one) if one.takes(name[at]) => {
                token += 1;
                at += 1;
            }
            _ => {
                let Some((after, taken)) = run else { return false };
                run = Some((after, taken + 1));
                (token, at) = (after, taken + 1);
            }
        }
    }
    way[token..].iter().all(|token| matches!(token, Token::Run))
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
        let many = "{a,b}".repeat(10);
        for bad in ["[a", "[", "[]", "{a", "a}", "{a,[b}", "\\", "[z-a]", &many] {
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
