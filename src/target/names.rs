//! The names of everything that a pull makes on the target, and where it puts them.
//!
//! One id `{unix}_{rand}` names a pull's staging, its old tables and its lock. On the first rung of the ladder
//! there are two schemas, `_backfill_load_{id}` and `_backfill_old_{id}`, whose tables keep their names; on the
//! second, tables inside the target's own schema, numbered because a name has 64 characters at most.

use crate::db::Connection;
use crate::error::Result;
use crate::plan::load::RESERVED;
use crate::sql::TableName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a pull is called: the database's clock and 32 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StagingId {
    /// Seconds since the epoch by the target's clock.
    pub unix: u64,
    /// Tells two pulls of the same second apart.
    pub rand: u32,
}

impl fmt::Display for StagingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{:08x}", self.unix, self.rand)
    }
}

impl StagingId {
    /// The name of the lock that the pull holds as long as it lives.
    #[must_use]
    pub fn lock_name(self) -> String {
        format!("{RESERVED}load_{self}")
    }
}

/// What a schema or table of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// New tables before the swap.
    Load,
    /// Old tables after the swap, and the journal.
    Old,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Old => "old",
        }
    }
}

/// A name of ours, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Staging or old tables.
    pub purpose: Purpose,
    /// Whose.
    pub id: StagingId,
    /// What follows the id: none for a schema, `12`, `journal`, … for a table.
    pub suffix: Option<String>,
}

/// Takes a schema's or table's name apart; none unless the whole name is one of ours.
#[must_use]
pub fn parse(name: &str) -> Option<Parsed> {
    let rest = name.strip_prefix(RESERVED)?;
    let (purpose, rest) = [Purpose::Load, Purpose::Old]
        .into_iter()
        .find_map(|p| Some((p, rest.strip_prefix(p.word())?.strip_prefix('_')?)))?;
    let mut parts = rest.split('_');
    let (unix, rand, suffix) = (parts.next()?, parts.next()?, parts.next());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let hex = |text: &str| text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let numbered = |text: &str| text.strip_prefix(EVICTED).is_some_and(digits);
    let known = |text: &str| digits(text) || numbered(text) || SUPPORT.contains(&text);
    if !digits(unix) || unix.len() > 12 || !hex(rand) || parts.next().is_some() || !suffix.is_none_or(known) {
        return None;
    }
    let id = StagingId { unix: unix.parse().ok()?, rand: u32::from_str_radix(rand, 16).ok()? };
    Some(Parsed { purpose, id, suffix: suffix.map(str::to_owned) })
}

/// All schemas of the server whose names are ours.
pub(super) fn schemas(conn: &mut Connection) -> Result<Vec<(String, Parsed)>> {
    let names: Vec<String> = conn.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")?;
    let ours = |name: String| parse(&name).filter(|p| p.suffix.is_none()).map(|parsed| (name, parsed));
    Ok(names.into_iter().filter_map(ours).collect())
}

const ABOUT: &str = "about";
const CHUNKS: &str = "chunks";
const JOURNAL: &str = "journal";
const SCRATCH: &str = "scratch";
/// With a table's number behind it.
const EVICTED: &str = "evicted";
const SUPPORT: &[&str] = &[ABOUT, CHUNKS, JOURNAL, SCRATCH];

/// Which rung of the ladder a pull stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ladder {
    /// Schemas of its own.
    Schemas,
    /// Tables with a prefix inside the target's schema: the account may not create schemas.
    Prefixed,
}

/// Where everything of one pull is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The target's schema.
    pub database: String,
    /// Which rung.
    pub ladder: Ladder,
    /// Whose.
    pub id: StagingId,
}

impl Layout {
    /// The schema (first rung) or name prefix (second) for `purpose`.
    #[must_use]
    pub fn base(&self, purpose: Purpose) -> String {
        format!("{RESERVED}{}_{}", purpose.word(), self.id)
    }

    /// The schema in which tables of `purpose` are.
    #[must_use]
    pub fn schema(&self, purpose: Purpose) -> String {
        match self.ladder {
            Ladder::Schemas => self.base(purpose),
            Ladder::Prefixed => self.database.clone(),
        }
    }

    fn place(&self, purpose: Purpose, number: usize, table: &str) -> TableName {
        match self.ladder {
            Ladder::Schemas => TableName::qualified(self.base(purpose), table),
            Ladder::Prefixed => {
                TableName::qualified(self.database.as_str(), format!("{}_{number}", self.base(purpose)))
            }
        }
    }

    fn support(&self, purpose: Purpose, what: &str) -> TableName {
        match self.ladder {
            Ladder::Schemas => TableName::qualified(self.base(purpose), format!("{RESERVED}{what}")),
            Ladder::Prefixed => {
                TableName::qualified(self.database.as_str(), format!("{}_{what}", self.base(purpose)))
            }
        }
    }

    /// The table's own place.
    #[must_use]
    pub fn live(&self, table: &str) -> TableName {
        TableName::qualified(self.database.as_str(), table)
    }

    /// Where table number `number` is loaded.
    #[must_use]
    pub fn staged(&self, number: usize, table: &str) -> TableName {
        self.place(Purpose::Load, number, table)
    }

    /// Where table number `number` goes when the new one takes its place.
    #[must_use]
    pub fn old(&self, number: usize, table: &str) -> TableName {
        self.place(Purpose::Old, number, table)
    }

    /// What the staging is, for later pulls and for cleaning up.
    #[must_use]
    pub fn about(&self) -> TableName {
        self.support(Purpose::Load, ABOUT)
    }

    /// Which chunks are in.
    #[must_use]
    pub fn chunks(&self) -> TableName {
        self.support(Purpose::Load, CHUNKS)
    }

    /// Keys of rows that a merge into table number `number` removes.
    #[must_use]
    pub fn evicted(&self, number: usize) -> TableName {
        self.support(Purpose::Load, &format!("{EVICTED}{number}"))
    }

    /// What the swap has to finish.
    #[must_use]
    pub fn journal(&self) -> TableName {
        self.support(Purpose::Old, JOURNAL)
    }

    /// Where a table is made whose own name is too long for the time being; on the first rung only.
    #[must_use]
    pub fn passing(&self, number: usize) -> TableName {
        self.support(Purpose::Load, &format!("passing{number}"))
    }

    /// A table in the target's own schema on which triggers are tried.
    #[must_use]
    pub fn scratch(&self) -> TableName {
        TableName::qualified(self.database.as_str(), format!("{}_{SCRATCH}", self.base(Purpose::Load)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: StagingId = StagingId { unix: 1_763_826_407, rand: 0x00ab_12cd };

    fn layout(ladder: Ladder) -> Layout {
        Layout { database: "app".into(), ladder, id: ID }
    }

    #[test]
    fn both_rungs_name_their_tables() {
        let own = layout(Ladder::Schemas);
        assert_eq!(own.staged(3, "users").to_string(), "`_backfill_load_1763826407_00ab12cd`.`users`");
        assert_eq!(own.old(3, "users").to_string(), "`_backfill_old_1763826407_00ab12cd`.`users`");
        assert_eq!(own.journal().to_string(), "`_backfill_old_1763826407_00ab12cd`.`_backfill_journal`");
        let prefixed = layout(Ladder::Prefixed);
        assert_eq!(prefixed.staged(3, "users").to_string(), "`app`.`_backfill_load_1763826407_00ab12cd_3`");
        assert_eq!(prefixed.journal().to_string(), "`app`.`_backfill_old_1763826407_00ab12cd_journal`");
        assert_eq!(own.scratch(), prefixed.scratch());
    }

    #[test]
    fn every_name_that_is_made_is_recognised() {
        let prefixed = layout(Ladder::Prefixed);
        for name in [
            prefixed.about(),
            prefixed.chunks(),
            prefixed.scratch(),
            prefixed.staged(12_345, "x"),
            prefixed.evicted(7),
        ] {
            let parsed = parse(name.table()).unwrap();
            assert_eq!((parsed.purpose, parsed.id), (Purpose::Load, ID));
            assert!(parsed.suffix.is_some());
            assert!(name.table().len() <= 64);
        }
        let schema = parse(&prefixed.base(Purpose::Old)).unwrap();
        assert_eq!(schema, Parsed { purpose: Purpose::Old, id: ID, suffix: None });
    }

    #[test]
    fn near_misses_are_not_ours() {
        for name in [
            "",
            "_backfill_",
            "_backfill_load_",
            "_backfill_load_1_",
            "_backfill_load_1_00ab12c",
            "_backfill_load_1_00AB12CD",
            "_backfill_load_1_00ab12cd_",
            "_backfill_load_1_00ab12cd_users",
            "_backfill_load_1_00ab12cd_1_2",
            "_backfill_load_1_00ab12cd_evicted",
            "_backfill_load_1_00ab12cd_evictedx",
            "_backfill_load_x_00ab12cd",
            "_backfill_load_+1_00ab12cd",
            "_backfill_keep_1_00ab12cd",
            "xbackfill_load_1_00ab12cd",
            "my_backfill_load_1_00ab12cd",
            "_backfill_load_1_00ab12cd\n",
            "_backfill_load_9999999999999_00ab12cd",
        ] {
            assert_eq!(parse(name), None, "{name:?}");
        }
    }
}
