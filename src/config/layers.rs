//! One setting out of the layers: flag > environment > `.env` > file > default. Inside a layer the specific
//! variable wins. Every value remembers where it came from, so that messages can name the place and never
//! need the value.

use super::env::Vars;
use super::keys;
use super::parse::{FileSettings, Raw};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Where a value came from; `Display` is the subject of a message about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Flag(&'static str),
    Environment(&'static str),
    DotEnv(&'static str, PathBuf),
    File(&'static str, PathBuf, usize),
}

impl Origin {
    /// An error about the value from here.
    pub(super) fn error(&self, what: impl fmt::Display) -> Error {
        let kind = if matches!(self, Self::Flag(_)) { Kind::Usage } else { Kind::Config };
        Error::new(kind, format!("{self} {what}"))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "`{flag}`"),
            Self::Environment(name) => write!(f, "`{name}`"),
            Self::DotEnv(name, file) => write!(f, "`{name}` in {}", file.display()),
            Self::File(path, file, line) => write!(f, "`{path}` ({} line {line})", file.display()),
        }
    }
}

/// A value and where it came from.
#[derive(Clone)]
pub(super) struct Setting<T> {
    pub value: T,
    pub origin: Origin,
}

/// The layers below the flags.
#[derive(Default)]
pub(super) struct Layers {
    pub environment: Vars,
    pub dot_env: Vars,
    /// As messages show it.
    pub dot_env_file: PathBuf,
    pub file: FileSettings,
}

/// One of the two layers of variables.
#[derive(Clone, Copy)]
pub(super) struct VarLayer<'a> {
    vars: &'a Vars,
    file: Option<&'a Path>,
}

impl VarLayer<'_> {
    /// The first of `names` that is set.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<Setting<Secret>> {
        names.iter().find_map(|name| {
            self.vars.get(name).map(|value| Setting { value: value.clone(), origin: self.origin(name) })
        })
    }

    pub(super) fn origin(&self, name: &'static str) -> Origin {
        match self.file {
            None => Origin::Environment(name),
            Some(file) => Origin::DotEnv(name, file.to_owned()),
        }
    }
}

impl Layers {
    /// The environment, then `.env`.
    pub(super) fn variables(&self) -> [VarLayer<'_>; 2] {
        [
            VarLayer { vars: &self.environment, file: None },
            VarLayer { vars: &self.dot_env, file: Some(&self.dot_env_file) },
        ]
    }

    fn in_file(&self, path: &'static str) -> Option<Setting<&Raw>> {
        debug_assert!(keys::KEYS.iter().any(|key| key.path == path), "{path} is not a key");
        let (raw, line) = self.file.values.get(path)?;
        Some(Setting { value: raw, origin: Origin::File(path, self.file.file.clone(), *line) })
    }

    fn in_variables(&self, names: &[&'static str]) -> Option<Setting<Secret>> {
        self.variables().iter().find_map(|layer| layer.first(names))
    }

    /// Text from the variables `names` or the key `path`; never empty.
    pub(super) fn text(&self, names: &[&'static str], path: &'static str) -> Result<Option<Setting<Secret>>> {
        if let Some(setting) = self.in_variables(names) {
            return Ok(Some(setting));
        }
        match self.in_file(path) {
            Some(Setting { value: Raw::Text(text), origin }) if text.is_empty() => {
                Err(origin.error("must not be empty").hint("leave the key out to have the default"))
            }
            Some(Setting { value: Raw::Text(text), origin }) => {
                Ok(Some(Setting { value: text.clone(), origin }))
            }
            _ => Ok(None),
        }
    }

    /// Strings from the variables `names` (one) or the key `path` (one or a list).
    pub(super) fn list(&self, names: &[&'static str], path: &'static str) -> Option<Setting<Vec<Secret>>> {
        if let Some(Setting { value, origin }) = self.in_variables(names) {
            return Some(Setting { value: vec![value], origin });
        }
        match self.in_file(path)? {
            Setting { value: Raw::List(list), origin } => Some(Setting { value: list.clone(), origin }),
            Setting { value: Raw::Text(text), origin } => Some(Setting { value: vec![text.clone()], origin }),
            _ => None,
        }
    }

    /// A number within `range`; `flag` is the command line's, which wins.
    pub(super) fn number<T: TryFrom<i64> + TryInto<i64> + Copy>(
        &self,
        flag: Option<(&'static str, T)>,
        path: &'static str,
        default: T,
        range: RangeInclusive<i64>,
    ) -> Result<T> {
        let (number, origin) = if let Some((name, number)) = flag {
            (number.try_into().ok(), Origin::Flag(name))
        } else {
            match self.in_file(path) {
                Some(Setting { value: Raw::Integer(number), origin }) => (Some(*number), origin),
                _ => return Ok(default),
            }
        };
        number
            .filter(|number| range.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| origin.error(format!("must be from {} to {}", range.start(), range.end())))
            .map_err(|error| error.hint("write a number in this range, or leave it out to have the default"))
    }

    /// A switch, from the variables `names` or the key `path`.
    pub(super) fn boolean(&self, names: &[&'static str], path: &'static str, default: bool) -> Result<bool> {
        if let Some(Setting { value, origin }) = self.in_variables(names) {
            return match value.expose().trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(true),
                "false" | "0" | "no" | "off" => Ok(false),
                _ => Err(origin
                    .error("must be true or false")
                    .hint("true, 1, yes and on switch it on; false, 0, no and off switch it off")),
            };
        }
        match self.in_file(path) {
            Some(Setting { value: Raw::Boolean(value), .. }) => Ok(*value),
            _ => Ok(default),
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        names: &[&'static str],
        path: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>> {
        let Some(Setting { value, origin }) = self.text(names, path)? else { return Ok(None) };
        let word = value.expose().trim();
        if let Some(found) = words.iter().find(|(known, _)| *known == word) {
            return Ok(Some(found.1));
        }
        let known: Vec<&'static str> = words.iter().map(|(known, _)| *known).collect();
        let quoted: Vec<String> = known.iter().map(|word| format!("\"{word}\"")).collect();
        let hint = match keys::nearest(word, &known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "correct it, or leave it out to have the default".to_owned(),
        };
        Err(origin.error(format!("must be {}", quoted.join(" or "))).hint(hint))
    }

    /// A number of bytes.
    pub(super) fn size(&self, path: &'static str, default: u64, least: u64) -> Result<u64> {
        let Some(Setting { value, origin }) = self.in_file(path) else { return Ok(default) };
        let size = match value {
            Raw::Integer(bytes) => u64::try_from(*bytes).ok(),
            Raw::Text(text) => super::values::parse_size(text.expose()),
            _ => None,
        };
        size.filter(|size| *size >= least).ok_or_else(|| {
            origin
                .error(format!("must be a size of at least {} MiB", least >> 20))
                .hint("write a number of bytes, or a string such as \"512MiB\" or \"1GiB\"")
        })
    }
}
