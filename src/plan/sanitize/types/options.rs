//! What a rule of the configuration says beside its type, and what is wrong with it.

use super::super::nearest::nearest;

/// The value of one option, as the configuration file shapes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A decimal number, as it is written.
    Decimal(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A list.
    List(Vec<OptionValue>),
    /// A table.
    Table(Vec<(String, OptionValue)>),
}

/// What a type of mask can be told: one line of documentation each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// The name.
    pub name: &'static str,
    /// What it is, for messages and for the README.
    pub shape: &'static str,
}

/// Why what a rule says cannot be meant. Names of options only; values are never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The option that is wrong; none for the type itself.
    pub option: Option<String>,
    /// A fragment that follows the rule's name: "has an unknown type".
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Refusal {
    pub(super) fn of(option: &str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { option: Some(option.to_owned()), what: what.into(), hint: hint.into() }
    }

    pub(super) fn of_type(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { option: None, what: what.into(), hint: hint.into() }
    }
}

/// The options of one rule, taken one by one; what is left at the end is unknown.
#[derive(Debug)]
pub(super) struct Options<'a> {
    given: Vec<(&'a str, &'a OptionValue)>,
}

impl<'a> Options<'a> {
    pub fn new(given: &'a [(String, OptionValue)]) -> Self {
        Self { given: given.iter().map(|(name, value)| (name.as_str(), value)).collect() }
    }

    pub fn take(&mut self, name: &str) -> Option<&'a OptionValue> {
        let at = self.given.iter().position(|(given, _)| *given == name)?;
        Some(self.given.swap_remove(at).1)
    }

    pub fn text(&mut self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(OptionValue::Text(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "a string", other)),
        }
    }

    pub fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.take(name) {
            None => Ok(false),
            Some(OptionValue::Boolean(flag)) => Ok(*flag),
            Some(other) => Err(wrong(name, "true or false", other)),
        }
    }

    /// A whole number from `least` to `most`.
    pub fn number(&mut self, name: &str, least: u32, most: u32) -> Result<Option<u32>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(OptionValue::Integer(number)) => match u32::try_from(*number) {
                Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
                _ => Err(Refusal::of(
                    name,
                    format!("has `{name}`, which must be from {least} to {most}"),
                    "write a number in that range",
                )),
            },
            Some(other) => Err(wrong(name, "a whole number", other)),
        }
    }

    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(OptionValue::List(items)) => items
                .iter()
                .map(|item| match item {
                    OptionValue::Text(text) => Ok(text.clone()),
                    other => Err(wrong(name, "a list of strings", other)),
                })
                .collect(),
            Some(other) => Err(wrong(name, "a list of strings", other)),
        }
    }

    /// Refuses what nobody took.
    pub fn finish(self, type_name: &str, known: &[&str]) -> Result<(), Refusal> {
        let Some((name, _)) = self.given.first() else { return Ok(()) };
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("options of the type `{type_name}` are {}", known.join(", ")),
        };
        let what = match shown(name) {
            Some(name) => format!("has an unknown option `{name}`"),
            None => "has an unknown option".to_owned(),
        };
        Err(Refusal::of(name, what, hint))
    }
}

/// A word that may be shown: one that is too long may be a secret that was pasted in the wrong place.
pub(super) fn shown(word: &str) -> Option<&str> {
    const SHOWN_MAX: usize = 31;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '$';
    (word.len() <= SHOWN_MAX && word.chars().all(plain)).then_some(word)
}

pub(super) fn wrong(name: &str, expected: &str, found: &OptionValue) -> Refusal {
    let found = found.kind();
    let hint = match (expected, found) {
        ("true or false" | "a whole number", "a string") => "write it without quotes",
        ("a list of strings", "a string") => "write it in brackets: [\"…\"]",
        ("a string", "a number" | "a boolean") => "write it in double quotes",
        _ => "the README's table of types shows every option",
    };
    Refusal::of(name, format!("has `{name}`, which must be {expected}, found {found}"), hint)
}

pub(super) fn missing(type_name: &str, name: &str, example: &str) -> Refusal {
    Refusal::of_type(format!("has the type `{type_name}` without `{name}`"), format!("write {example}"))
}

impl OptionValue {
    /// What it is, for messages.
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) | Self::Decimal(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}
