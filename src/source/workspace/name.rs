//! Names of workspaces. What is dropped is always recognised by its whole name first.

use std::fmt;

/// What every workspace name begins with.
const PREFIX: &str = "_backfill_temp_";
/// Hex digits of the random part.
const RANDOM_DIGITS: usize = 8;

/// `_backfill_temp_{unix}_{rand}`: a temp schema, or the beginning of table names inside `temp_database`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkspaceName {
    text: String,
    created: i64,
}

impl WorkspaceName {
    /// A new name; `now` is the database's clock in seconds, `random` must be fresh.
    #[must_use]
    pub fn new(now: i64, random: u32) -> Self {
        Self { text: format!("{PREFIX}{now}_{random:08x}"), created: now }
    }

    /// Recognises a name that [`WorkspaceName::new`] could have made; nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (unix, random) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let digits = |part: &str, hex: bool| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_digit() || (hex && (b'a'..=b'f').contains(&b)))
        };
        if !digits(unix, false) || random.len() != RANDOM_DIGITS || !digits(random, true) {
            return None;
        }
        Some(Self { text: text.to_owned(), created: unix.parse().ok()? })
    }

    /// Recognises the name of a table inside `temp_database`: a workspace name and `_{number}`.
    #[must_use]
    pub fn parse_table(text: &str) -> Option<Self> {
        let (name, number) = text.rsplit_once('_')?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Self::parse(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When it was made, in seconds since the epoch by the database's clock.
    #[must_use]
    pub fn created(&self) -> i64 {
        self.created
    }

    /// The name of the server-side lock that is held as long as the workspace is in use.
    #[must_use]
    pub fn lock(&self) -> String {
        format!("backfill:{}", self.text)
    }
}

impl fmt::Display for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_whole_names_are_recognised() {
        assert!(WorkspaceName::parse("_backfill_temp_1763824000_00ab12cd").is_some());
        for other in [
            "_backfill_temp_1763824000_00AB12CD",
            "xbackfill_temp_1_00ab12cd",
            "_backfill_temp_1_00ab12c",
            "_backfill_temp_1_00ab12cd9",
            "_backfill_temp__00ab12cd",
            "_backfill_temp_1x_00ab12cd",
            "_backfill_temp_1_00ab12cd_0",
            "app",
            "_backfill_temp_99999999999999999999_00ab12cd",
            "_backfill_load_1_00ab12cd",
        ] {
            assert_eq!(WorkspaceName::parse(other), None, "{other}");
        }
        assert!(WorkspaceName::parse_table("_backfill_temp_1_00ab12cd_17").is_some());
        assert!(WorkspaceName::parse_table("_backfill_temp_1_00ab12cd").is_none());
    }

    proptest! {
        #[test]
        fn what_is_made_is_recognised(now in 0i64..4_000_000_000, random: u32) {
            let name = WorkspaceName::new(now, random);
            prop_assert_eq!(WorkspaceName::parse(name.as_str()), Some(name.clone()));
            prop_assert!(name.as_str().len() <= 64 && name.lock().len() <= 64);
        }
    }
}
