//! `[privacy]`: what happens to columns without a rule. Which columns there are is the planner's to know.

use super::layers::Setting;
use super::{Config, MASK_KEY_MIN, env};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// `privacy.policy`: what happens to columns without a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// They are served, and nothing is said.
    Open,
    /// They are served; those that look sensitive are named.
    Warn,
    /// They are refused, unless `keep` declares them harmless.
    Strict,
}

/// `privacy.keep` or `privacy.leak_check_except` as it was written: patterns over `table.column`, not yet checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeepList {
    /// The patterns.
    pub patterns: Vec<String>,
    /// Where they stand; empty without any.
    origin: String,
}

impl KeepList {
    /// The error that the pattern at this position, from 0, is none. The pattern itself may be anything, and is not shown.
    #[must_use]
    pub fn refuse(&self, at: usize) -> Error {
        Error::config(format!("{}: entry {} is not a pattern for columns", self.origin, at + 1)).hint(
            "write \"TABLE.COLUMN\", such as \"orders.status\", \"products.*\" or \"*.created_at\"; `*` is any run of \
             characters, `?` is one; brackets and braces have to be closed",
        )
    }
}

impl Config {
    /// What happens to columns without a rule.
    ///
    /// # Errors
    /// `Kind::Config` for an unknown word, and where nothing would be masked and nobody said that this is meant.
    pub fn policy(&self) -> Result<Policy> {
        let words = [("open", Policy::Open), ("warn", Policy::Warn), ("strict", Policy::Strict)];
        let policy = self.layers.choice(&[], "privacy.policy", &words)?.unwrap_or(Policy::Warn);
        // Under "strict" every column has to be named in one way or the other.
        if self.rules().is_empty() && policy == Policy::Warn {
            return Err(Error::config("there is no sanitize rule, so every column would be served as it is")
                .hint(
                    "write rules in [sanitize.TABLE], or policy = \"open\" in [privacy] if that is meant",
                ));
        }
        Ok(policy)
    }

    /// Columns that are declared harmless.
    #[must_use]
    pub fn keep(&self) -> KeepList {
        self.layers.list(&[], "privacy.keep").map(|setting| column_list(&setting)).unwrap_or_default()
    }

    /// Whether columns without a rule are looked at for leaks; then which are not.
    ///
    /// # Errors
    /// `Kind::Config` for exceptions to a check that is off.
    pub fn leak_check(&self) -> Result<Option<KeepList>> {
        let is_on = self.layers.boolean(&[], "privacy.leak_check", false)?;
        match self.layers.list(&[], "privacy.leak_check_except") {
            Some(setting) if !is_on => Err(setting
                .origin
                .error("has no effect: `privacy.leak_check` is false")
                .hint("set leak_check = true in [privacy], or leave it out")),
            except => Ok(is_on.then(|| except.map(|setting| column_list(&setting)).unwrap_or_default())),
        }
    }

    /// The key of masks, if there is one.
    ///
    /// # Errors
    /// `Kind::Config` for one that is too short to keep anything secret.
    pub fn mask_key(&self) -> Result<Option<Secret>> {
        let Some(Setting { value, origin }) = self.layers.text(&[env::MASK_KEY], "privacy.key")? else {
            return Ok(None);
        };
        let key = Secret::new(value.expose().trim());
        if key.expose().chars().count() < MASK_KEY_MIN {
            return Err(origin.error(format!("has fewer than {MASK_KEY_MIN} characters")).hint(
                "make one with `openssl rand -hex 32`, and keep it: with another key every mask is another one",
            ));
        }
        Ok(Some(key))
    }
}

fn column_list(setting: &Setting<Vec<Secret>>) -> KeepList {
    let patterns = setting.value.iter().map(Secret::expose).map(str::to_owned).collect();
    KeepList { patterns, origin: setting.origin.to_string() }
}
