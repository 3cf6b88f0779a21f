//! The tokenizer of expressions: it lets through what an expression over one row may consist of, and nothing else.

use super::options::shown;
use super::words;
use crate::schema::expression::unescaped;
use crate::schema::expression::{is_hex_literal, is_number};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Token {
    /// Goes to the server as it is.
    Plain(String),
    /// A text; written so that no session setting changes how it is read.
    Text(String),
    /// A word where an operand is expected: a column, or a unit.
    Word(String),
    /// A name in backticks: a column.
    Name(String),
    /// A function's name.
    Call(String),
    /// `{column}`.
    Old,
    /// `{id}`.
    Id,
}

/// Why reading stopped.
pub(super) struct Bad {
    pub why: String,
    pub hint: &'static str,
}

fn bad(why: impl Into<String>, hint: &'static str) -> Bad {
    Bad { why: why.into(), hint }
}

const ONE_ROW: &str = "write an expression of the row's own columns, {column} and {id}: no subqueries, statements, comments or variables";

/// Reads an expression, or says why it is none.
pub(super) fn read(text: &str) -> Result<Vec<Token>, Bad> {
    Reader::new(text).read()
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    tokens: Vec<Token>,
    depth: u32,
    /// Whether an operand is expected next, not an operator.
    operand: bool,
    /// Whether the next word names a type, a character set or a collation.
    name: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.trim().chars().peekable(),
            tokens: Vec::new(),
            depth: 0,
            operand: true,
            name: false,
        }
    }

    fn read(mut self) -> Result<Vec<Token>, Bad> {
        while let Some(c) = self.rest.next() {
            // Names of collations and character sets may be in quotes; nothing behind them is a name any more.
            self.name &= c.is_whitespace() || is_word(c);
            match c {
                ' ' | '\t' | '\r' | '\n' => self.plain(' '),
                '\'' | '"' => {
                    let text = self.text(c)?;
                    self.tokens.push(Token::Text(text));
                    self.operand = false;
                }
                '`' => {
                    let name = self.quoted_name()?;
                    self.tokens.push(Token::Name(name));
                    self.operand = false;
                }
                '{' => self.placeholder()?,
                '0'..='9' => self.number(c)?,
                '.' if self.rest.peek().is_some_and(char::is_ascii_digit) && self.operand => {
                    self.number(c)?;
                }
                c if is_word(c) => self.word(c)?,
                other => self.symbol(other)?,
            }
        }
        if self.depth > 0 {
            return Err(bad("which has an open parenthesis", "close it"));
        }
        Ok(self.tokens)
    }

    fn plain(&mut self, c: char) {
        match self.tokens.last_mut() {
            Some(Token::Plain(text)) if !text.ends_with(is_word) => text.push(c),
            _ => self.tokens.push(Token::Plain(c.to_string())),
        }
    }

    fn symbol(&mut self, c: char) -> Result<(), Bad> {
        let next = self.rest.peek().copied();
        match (c, next) {
            ('(', _) if self.follows_value() => return Err(bad("which calls something unknown", ONE_ROW)),
            ('(', _) => self.depth += 1,
            (')', _) => {
                self.depth = self
                    .depth
                    .checked_sub(1)
                    .ok_or_else(|| bad("which closes a parenthesis that it does not open", "remove it"))?;
            }
            ('-', Some('-')) | ('/', Some('*')) | ('*', Some('/')) | ('#', _) => {
                return Err(bad("which holds a comment, or what may be one", ONE_ROW));
            }
            ('+' | '-' | '*' | '/' | '%' | '=' | '<' | '>' | '!' | '&' | '|' | '^' | '~' | ',', _) => {}
            ('.', _) => {
                return Err(bad(
                    "which names something with a dot",
                    "write columns without table and schema, and functions of the server only",
                ));
            }
            ('@', _) => return Err(bad("which names a variable", ONE_ROW)),
            (';', _) => return Err(bad("which holds a semicolon", ONE_ROW)),
            _ => return Err(bad("which holds a character that no expression has", ONE_ROW)),
        }
        self.plain(c);
        self.operand = c != ')';
        Ok(())
    }

    /// Whether a column or a text is in front: with a parenthesis behind it, that would be a stored function's name.
    fn follows_value(&self) -> bool {
        let blank = |token: &&Token| matches!(token, Token::Plain(text) if text.trim().is_empty());
        let last = self.tokens.iter().rev().find(|token| !blank(token));
        !self.operand && matches!(last, Some(Token::Text(_) | Token::Name(_) | Token::Old | Token::Id))
    }

    fn placeholder(&mut self) -> Result<(), Bad> {
        let mut name = String::new();
        while let Some(c) = self.rest.next_if(char::is_ascii_alphabetic) {
            name.push(c);
        }
        let token = match (name.as_str(), self.rest.next()) {
            ("column", Some('}')) => Token::Old,
            ("id", Some('}')) => Token::Id,
            _ => return Err(bad("which has braces around something else", "there are {column} and {id}")),
        };
        self.tokens.push(token);
        self.operand = false;
        Ok(())
    }

    /// A number; or a column, whose name may begin with digits.
    fn number(&mut self, first: char) -> Result<(), Bad> {
        let mut number = String::from(first);
        let mut before = first;
        let hex = first == '0' && matches!(self.rest.peek(), Some('x' | 'X'));
        while let Some(c) = self.rest.next_if(|c| {
            is_word(*c) || *c == '.' || (!hex && matches!(c, '+' | '-') && matches!(before, 'e' | 'E'))
        }) {
            number.push(c);
            before = c;
        }
        let is_bits = number
            .strip_prefix("0b")
            .is_some_and(|bits| !bits.is_empty() && bits.chars().all(|c| "01".contains(c)));
        if is_number(&number) || is_hex_literal(&number) || is_bits {
            self.tokens.push(Token::Plain(number));
        } else if self.operand && number.chars().all(is_word) {
            self.tokens.push(Token::Word(number));
        } else {
            return Err(unexpected(&number));
        }
        self.operand = false;
        Ok(())
    }

    fn quoted_name(&mut self) -> Result<String, Bad> {
        let mut name = String::new();
        while let Some(c) = self.rest.next() {
            if c == '`' && self.rest.next_if_eq(&'`').is_none() {
                return Ok(name);
            }
            name.push(c);
        }
        Err(bad("which has an open backtick", "close it"))
    }

    /// A text up to its closing quote, without escapes. `\%` and `\_` keep their backslash, as servers read them.
    fn text(&mut self, quote: char) -> Result<String, Bad> {
        let mut text = String::new();
        loop {
            match self.rest.next() {
                None => return Err(bad("which has an open quote", "close it")),
                Some('\\') => match self.rest.next() {
                    None => return Err(bad("which has an open quote", "close it")),
                    Some(c @ ('%' | '_')) => text.extend(['\\', c]),
                    Some(c) => text.push(unescaped(c)),
                },
                Some(c) if c == quote => {
                    if self.rest.next_if_eq(&quote).is_none() {
                        break;
                    }
                    text.push(quote);
                }
                Some(c) => text.push(c),
            }
        }
        if text.contains("{column}") || text.contains("{id}") {
            return Err(bad(
                "which has {column} or {id} inside a text",
                "put texts together by CONCAT('…', {column})",
            ));
        }
        Ok(text)
    }

    fn word(&mut self, first: char) -> Result<(), Bad> {
        let mut word = String::from(first);
        while let Some(c) = self.rest.next_if(|c| is_word(*c)) {
            word.push(c);
        }
        let lower = word.to_lowercase();
        if matches!(lower.as_str(), "select" | "with" | "union" | "exists" | "table" | "values") {
            return Err(bad("which holds a subquery", ONE_ROW));
        }
        if std::mem::take(&mut self.name) {
            self.push_plain(word, false);
            return Ok(());
        }
        match self.after_spaces() {
            Some(quote @ ('\'' | '"')) if self.operand && words::introduces_text(&lower) => {
                self.introduced_text(&word, quote)
            }
            Some('(') if !self.is_keyword(&lower) => self.call(word, &lower),
            _ => self.plain_word(word, &lower),
        }
    }

    /// Reserved words, and units behind an operand.
    fn is_keyword(&self, lower: &str) -> bool {
        let reserved = words::comes_before_operand(lower) && !(lower == "mod" && self.operand);
        reserved || lower == "collate" || (!self.operand && words::comes_behind(lower))
    }

    /// Keywords that are not reserved: where an operand is expected they are columns.
    fn is_column(&self, lower: &str) -> bool {
        let mut words = self.tokens.iter().rev().filter_map(|token| match token {
            Token::Plain(text) if text.trim().is_empty() => None,
            Token::Plain(text) => Some(text.to_lowercase()),
            _ => Some(String::new()),
        });
        self.operand
            && match lower {
                "end" | "escape" => true,
                "unknown" => words.find(|word| word != "not").is_none_or(|word| word != "is"),
                _ => false,
            }
    }

    fn plain_word(&mut self, word: String, lower: &str) -> Result<(), Bad> {
        if self.is_column(lower) {
            self.tokens.push(Token::Word(word));
            self.operand = false;
        } else if words::comes_before_operand(lower) {
            self.push_plain(word, true);
        } else if words::is_operand(lower) {
            self.push_plain(word, false);
        } else if words::comes_before_name(lower) && !self.operand {
            self.name = true;
            self.push_plain(word, true);
        } else if self.operand {
            self.tokens.push(Token::Word(word));
            self.operand = false;
        } else if words::comes_behind(lower) {
            self.name = matches!(lower, "charset" | "returning");
            self.push_plain(word, false);
        } else {
            return Err(unexpected(&word));
        }
        Ok(())
    }

    fn call(&mut self, word: String, lower: &str) -> Result<(), Bad> {
        if words::is_function(lower) {
            self.tokens.push(Token::Call(word));
            return Ok(());
        }
        let Some(name) = shown(&word) else { return Err(bad("which calls something unknown", ONE_ROW)) };
        let guess =
            words::near_function(lower).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Err(bad(
            format!("which calls `{name}`, not a function that rules may use{guess}"),
            "functions that compute a value of their arguments may be used: no stored ones, no aggregates, none that \
             waits, locks, reads files or writes",
        ))
    }

    /// `x'ff'`, `_latin1'…'`, `DATE '…'`: the text has to be a plain literal.
    fn introduced_text(&mut self, word: &str, quote: char) -> Result<(), Bad> {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
        self.rest.next();
        let text = self.text(quote)?;
        if text.contains(['\'', '\\']) || text.chars().any(char::is_control) {
            return Err(bad("which has a text with quotes behind a word", "write the text alone"));
        }
        let space = if word.len() > 1 { " " } else { "" };
        self.push_plain(format!("{word}{space}'{text}'"), false);
        Ok(())
    }

    fn push_plain(&mut self, word: String, operand: bool) {
        self.tokens.push(Token::Plain(word));
        self.operand = operand;
    }

    fn after_spaces(&self) -> Option<char> {
        self.rest.clone().find(|c| !c.is_whitespace())
    }
}

fn unexpected(word: &str) -> Bad {
    match shown(word) {
        Some(word) => bad(format!("in which `{word}` is not expected where it stands"), ONE_ROW),
        None => bad("which is not an expression", ONE_ROW),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}
