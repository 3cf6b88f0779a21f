//! The options of one entry of `[limits]` or `[[relations]]`: what each may look like, said in one way for both.

use super::keys;
use super::parse::{Walker, integer, shown_key};
use crate::secret::Secret;
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// The longest name of a table or column that either server knows, in characters.
pub(super) const NAME_MAX: usize = 64;

/// One option where it is written. Its readers give `None` after noting what is wrong.
pub(super) struct Written<'w, 't, 'v> {
    pub walker: &'w mut Walker<'t>,
    /// `max_rows` of `limits.users`, quoted, for messages.
    pub name: String,
    pub at: usize,
    pub value: &'v DeValue<'v>,
}

impl<'v> Written<'_, '_, 'v> {
    /// A text that is not blank.
    pub(super) fn text(self, hint: &str) -> Option<&'v str> {
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => self.refuse("must not be empty", hint),
            DeValue::String(text) => Some(text.as_ref()),
            other => self.wrong_shape("a string", other),
        }
    }

    /// The name of a table or column.
    pub(super) fn name(self) -> Option<String> {
        match self.value {
            DeValue::String(text) if is_name(text) => Some(text.to_string()),
            DeValue::String(_) => self.refuse("is not a name that a table or column can have", "correct it"),
            other => self.wrong_shape("a string", other),
        }
    }

    /// Names of columns: at least one, none twice.
    pub(super) fn names(self) -> Option<Vec<String>> {
        const HINT: &str = "write every column once: [\"…\"]";
        let list = self.walker.strings(&self.name, self.at, self.value)?;
        let names: Vec<String> = list.iter().map(Secret::expose).map(str::to_owned).collect();
        let twice = |at: usize| names[..at].iter().any(|name| name.eq_ignore_ascii_case(&names[at]));
        if names.is_empty() {
            self.refuse("must not be empty", HINT)
        } else if !names.iter().all(|name| is_name(name)) {
            self.refuse("has an entry that is not a name that a column can have", "correct it")
        } else if (0..names.len()).any(twice) {
            self.refuse("has a column twice", HINT)
        } else {
            Some(names)
        }
    }

    /// A number within `range`.
    pub(super) fn integer(self, range: RangeInclusive<i64>) -> Option<i64> {
        let DeValue::Integer(number) = self.value else {
            let found = self.value;
            return self.wrong_shape("an integer", found);
        };
        match integer(number).filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None if *range.end() == i64::MAX => {
                self.refuse(&format!("must be {} or more", range.start()), "write such a number")
            }
            None => self.refuse(
                &format!("must be from {} to {}", range.start(), range.end()),
                "write a number in this range",
            ),
        }
    }

    /// A number above 0, up to 100.
    pub(super) fn percent(self) -> Option<f64> {
        let number = match self.value {
            DeValue::Integer(number) => {
                integer(number).and_then(|number| i32::try_from(number).ok()).map(f64::from)
            }
            DeValue::Float(number) => number.as_str().parse().ok(),
            other => return self.wrong_shape("a number", other),
        };
        match number.filter(|number| *number > 0.0 && *number <= 100.0) {
            Some(number) => Some(number),
            None => self.refuse("must be above 0 and up to 100", "it is a share of the table's rows"),
        }
    }

    /// A switch.
    pub(super) fn boolean(self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            other => self.wrong_shape("true or false", other),
        }
    }

    /// A value that a column is compared with, as SQL text.
    pub(super) fn comparand(self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Boolean(flag) => Some(u8::from(*flag).to_string()),
            DeValue::Integer(number) => match integer(number) {
                Some(number) => Some(number.to_string()),
                None => self.refuse("is out of range", "write it as a string"),
            },
            other => self.wrong_shape("a string, an integer or true or false", other),
        }
    }

    pub(super) fn refuse<T>(self, what: &str, hint: &str) -> Option<T> {
        self.walker.refuse(self.at, format!("{} {what}", self.name), hint);
        None
    }

    fn wrong_shape<T>(self, expected: &str, found: &DeValue<'_>) -> Option<T> {
        self.walker.wrong_shape(&self.name, self.at, expected, found);
        None
    }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= NAME_MAX && !text.chars().any(char::is_control)
}

/// A name out of the file, made fit for a message.
pub(super) fn shown(name: &str) -> &str {
    let fits = name.chars().count() <= NAME_MAX && !name.chars().any(char::is_control);
    if fits { name } else { "…" }
}

/// A key of the top of the file, written below a header under which anything may be a name.
pub(super) fn misplaced(name: &str) -> Option<String> {
    if keys::is_top_level(name) { keys::home_of(name) } else { None }
}

/// Notes an option that `entry` (quoted) cannot have.
pub(super) fn unknown_option(
    walker: &mut Walker<'_>,
    at: usize,
    entry: &str,
    option: &str,
    known: &[&'static str],
) {
    let hint = match (keys::nearest(option, known), misplaced(option)) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(place)) => place,
        (None, None) => format!("options are {}", known.join(", ")),
    };
    let what = match shown_key(option) {
        Some(option) => format!("{entry} has an unknown option `{option}`"),
        None => format!("{entry} has an unknown option"),
    };
    walker.refuse(at, what, hint);
}
