//! Which rows of a table a pull needs: only those that changed since the last one, all of them, or none. Pure: what
//! the last pull left, what the source says and what the target has now go in; a way and its reason come out.
//!
//! A delta is only right when nothing but rows of the source changed since: whatever else did, on either side, makes
//! the table whole again. Rows that the source deleted are seen by a whole pull only.

use crate::wire::manifest::TableEntry;
use crate::wire::moment::Moment;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// How much earlier than last time the source's clock may be: clocks are set right by seconds now and then.
const CLOCK_SLACK_MAX: Duration = Duration::from_secs(60);
/// A `DATETIME` column may be written in any zone: so far behind UTC at most.
const ZONE_MAX: Duration = Duration::from_secs(12 * 3600);
/// The smallest step between two moments.
const TICK: Duration = Duration::from_micros(1);

/// One table as the last pull left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRecord {
    /// Up to here its rows were read for sure, the overlap not yet subtracted; none where no delta can go by it.
    pub checkpoint: Option<Moment>,
    /// The manifest's digest of its columns, keys and rules.
    pub digest: String,
    /// Digest of the pulled columns' names.
    pub columns: String,
    /// The target's table after the pull; none where it could not be told.
    pub fingerprint: Option<String>,
    /// The source's clock at that pull.
    pub clock: Moment,
    /// When every row of it was pulled, seconds since the epoch: rows that the source deleted since are still here.
    pub pulled_whole: i64,
    /// The pull.
    pub sync: String,
}

impl TableRecord {
    /// From when on a delta asks for rows; none if the table comes whole.
    #[must_use]
    pub fn since(&self, overlap: Duration) -> Option<Moment> {
        self.checkpoint.map(|checkpoint| checkpoint.before(overlap))
    }

    /// From when on rows are counted to find out whether any are new: none are if the count is 0. Usually this is where
    /// a delta begins. Where the source had been quiet for so long at the last pull that everything older was
    /// committed, whatever zone the columns are written in, only rows after the checkpoint count: else the newest one
    /// would be news for ever.
    #[must_use]
    pub fn news_since(&self, overlap: Duration) -> Option<Moment> {
        let checkpoint = self.checkpoint?;
        let is_settled = checkpoint < self.clock.before(ZONE_MAX).before(overlap);
        Some(if is_settled { checkpoint.after(TICK) } else { checkpoint.before(overlap) })
    }
}

/// The target's table now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here<'a> {
    /// There is none.
    Missing,
    /// There is one.
    Table {
        /// What it is known by; none if that cannot be told.
        fingerprint: Option<&'a str>,
        /// Whether it has no rows.
        is_empty: bool,
        /// Whether rows can be merged into it, or why not.
        merges: Result<(), &'a str>,
    },
}

/// What the decision about a table depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The source's table.
    pub entry: &'a TableEntry,
    /// Digest of the columns to be pulled.
    pub columns: &'a str,
    /// What the last pull from this source into this target left.
    pub record: Option<&'a TableRecord>,
    /// Whether the last pull into this target was from another source.
    pub other_source: bool,
    /// The target's table.
    pub here: Here<'a>,
    /// `--full`.
    pub full: bool,
    /// The source's clock.
    pub clock: Moment,
    /// `client.delta_overlap`.
    pub overlap: Duration,
}

/// How a table's rows come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// All of them, and they replace the table.
    Whole(Why),
    /// Those of this moment or later, merged into the table.
    Delta {
        /// The moment.
        after: Moment,
    },
    /// None: nothing is new since.
    Nothing {
        /// Since when.
        since: Moment,
    },
}

impl How {
    /// From when on rows are asked for; none for all of them.
    #[must_use]
    pub fn after(&self) -> Option<Moment> {
        match self {
            Self::Delta { after } => Some(*after),
            Self::Whole(_) | Self::Nothing { .. } => None,
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(why) => write!(f, "whole: {why}"),
            Self::Delta { after } => write!(f, "delta since {after}"),
            Self::Nothing { since } => write!(f, "nothing new since {since}"),
        }
    }
}

/// Why a table comes whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// `--full`.
    Asked,
    /// The target lacks it.
    New,
    /// The table cannot be asked for by time.
    NoTimes,
    /// It can, and not with its limits or rules.
    Restricted,
    /// It was never pulled into this target.
    First,
    /// The last pull was from another database.
    OtherSource,
    /// Its columns, keys, rules or limits changed at the source.
    SourceChanged,
    /// The pulled columns are others.
    ColumnsChanged,
    /// The source's clock is earlier than it was.
    ClockBack,
    /// The target's table is not as the last pull left it, or that cannot be told.
    TargetChanged,
    /// The target's table has no rows any more.
    Emptied,
    /// No row said how far the last pull had read.
    NoCheckpoint,
    /// Rows cannot be merged into the target's table.
    CannotMerge(String),
}

impl Why {
    /// Whether that is as it always is, not for something that happened since the last pull.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        matches!(self, Self::Asked | Self::New | Self::NoTimes | Self::Restricted | Self::First)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked for",
            Self::New => "not here yet",
            Self::NoTimes => "no created_at, updated_at and primary key to go by",
            Self::Restricted => "its limits or rules leave nothing to go by",
            Self::First => "never pulled into this database",
            Self::OtherSource => "the last pull was from another database",
            Self::SourceChanged => "its columns, keys, rules or limits changed at the source",
            Self::ColumnsChanged => "other columns are pulled than last time",
            Self::ClockBack => "the source's clock went back",
            Self::TargetChanged => "the table here was changed since the last pull",
            Self::Emptied => "the table here was emptied since the last pull",
            Self::NoCheckpoint => "the last pull brought no row with a time",
            Self::CannotMerge(why) => why,
        })
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Decides how a table's rows come.
#[must_use]
pub fn decide(facts: &Facts<'_>) -> How {
    match merged(facts) {
        Err(why) => How::Whole(why),
        Ok((record, after)) => match (facts.entry.delta_count, record.news_since(facts.overlap)) {
            (Some(0), Some(since)) => How::Nothing { since },
            _ => How::Delta { after },
        },
    }
}

/// From when on rows have to be merged, or why that is not enough.
fn merged<'a>(facts: &Facts<'a>) -> Result<(&'a TableRecord, Moment), Why> {
    let demand = |holds: bool, why: Why| if holds { Ok(()) } else { Err(why) };
    demand(!facts.full, Why::Asked)?;
    let Here::Table { fingerprint, is_empty, merges } = facts.here else { return Err(Why::New) };
    demand(facts.entry.can_delta, why_not(facts.entry))?;
    let first = if facts.other_source { Why::OtherSource } else { Why::First };
    let record = facts.record.ok_or(first)?;
    demand(record.digest == facts.entry.digest, Why::SourceChanged)?;
    demand(record.columns == facts.columns, Why::ColumnsChanged)?;
    let earliest = record.clock.before(facts.overlap.min(CLOCK_SLACK_MAX));
    demand(facts.clock >= earliest, Why::ClockBack)?;
    demand(fingerprint.is_some() && fingerprint == record.fingerprint.as_deref(), Why::TargetChanged)?;
    demand(!is_empty || record.checkpoint.is_none(), Why::Emptied)?;
    merges.map_err(|why| Why::CannotMerge(why.to_owned()))?;
    let after = record.since(facts.overlap).ok_or(Why::NoCheckpoint)?;
    Ok((record, after))
}

/// Why a table cannot be asked for by time.
fn why_not(entry: &TableEntry) -> Why {
    let has_times = entry.has_timestamps && !entry.table.primary_key.is_empty();
    if has_times { Why::Restricted } else { Why::NoTimes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Column, Table};

    const OVERLAP: Duration = Duration::from_secs(300);

    fn moment(text: &str) -> Moment {
        text.parse().unwrap()
    }

    fn entry() -> TableEntry {
        let mut table = Table::new("users", vec![Column::new("id", "int")]);
        table.primary_key = vec!["id".into()];
        TableEntry {
            table,
            has_timestamps: true,
            has_limit: false,
            limited: None,
            has_sanitization: false,
            sanitized_columns: Vec::new(),
            digest: "digest".into(),
            can_delta: true,
            delta_count: None,
        }
    }

    fn record() -> TableRecord {
        TableRecord {
            checkpoint: Some(moment("2026-11-22 09:59:58.5")),
            digest: "digest".into(),
            columns: "columns".into(),
            fingerprint: Some("print".into()),
            clock: moment("2026-11-22 10:00:00"),
            pulled_whole: 0,
            sync: "a".into(),
        }
    }

    const HERE: Here<'_> = Here::Table { fingerprint: Some("print"), is_empty: false, merges: Ok(()) };

    fn facts<'a>(entry: &'a TableEntry, record: &'a TableRecord) -> Facts<'a> {
        Facts {
            entry,
            columns: "columns",
            record: Some(record),
            other_source: false,
            here: HERE,
            full: false,
            clock: moment("2026-11-22 11:00:00"),
            overlap: OVERLAP,
        }
    }

    #[test]
    fn a_delta_begins_an_overlap_before_its_checkpoint() {
        let (entry, record) = (entry(), record());
        let how = decide(&facts(&entry, &record));
        assert_eq!(how.to_string(), "delta since 2026-11-22 09:54:58.500000");
        assert_eq!(how.after(), record.since(OVERLAP));
    }

    #[test]
    fn whatever_else_changed_makes_a_table_whole() {
        let (plain, left) = (entry(), record());
        let base = facts(&plain, &left);
        let here = |fingerprint, is_empty, merges| Here::Table { fingerprint, is_empty, merges };
        let cannot = TableEntry { can_delta: false, ..entry() };
        let timeless = TableEntry { has_timestamps: false, ..cannot.clone() };
        let altered = TableEntry { digest: "other".into(), ..entry() };
        let lost = TableRecord { checkpoint: None, ..record() };
        let blind = TableRecord { fingerprint: None, ..record() };
        let table = [
            (Facts { full: true, ..base }, Why::Asked),
            (Facts { here: Here::Missing, ..base }, Why::New),
            (Facts { entry: &cannot, ..base }, Why::Restricted),
            (Facts { entry: &timeless, ..base }, Why::NoTimes),
            (Facts { record: None, ..base }, Why::First),
            (Facts { record: None, other_source: true, ..base }, Why::OtherSource),
            (Facts { entry: &altered, ..base }, Why::SourceChanged),
            (Facts { columns: "fewer", ..base }, Why::ColumnsChanged),
            (Facts { clock: moment("2026-11-22 09:58:59"), ..base }, Why::ClockBack),
            (Facts { here: here(Some("other"), false, Ok(())), ..base }, Why::TargetChanged),
            (Facts { here: here(None, false, Ok(())), ..base }, Why::TargetChanged),
            (Facts { here: here(None, false, Ok(())), record: Some(&blind), ..base }, Why::TargetChanged),
            (Facts { here: here(Some("print"), true, Ok(())), ..base }, Why::Emptied),
            (Facts { here: here(Some("print"), false, Err("no")), ..base }, Why::CannotMerge("no".into())),
            (Facts { record: Some(&lost), ..base }, Why::NoCheckpoint),
            (
                Facts { record: Some(&lost), here: here(Some("print"), true, Ok(())), ..base },
                Why::NoCheckpoint,
            ),
        ];
        for (facts, why) in table {
            assert_eq!(decide(&facts), How::Whole(why));
        }
    }

    #[test]
    fn a_clock_that_was_set_right_by_seconds_did_not_go_back() {
        let (entry, record) = (entry(), record());
        let at = |clock, overlap| {
            let how = decide(&Facts { clock: moment(clock), overlap, ..facts(&entry, &record) });
            how.after().is_some()
        };
        assert!(at("2026-11-22 09:59:00", OVERLAP));
        assert!(!at("2026-11-22 09:58:59", OVERLAP));
        assert!(
            !at("2026-11-22 09:59:58", Duration::from_secs(1)),
            "never more than the overlap makes up for"
        );
    }

    #[test]
    fn a_table_without_news_is_left_alone() {
        let quiet = TableEntry { delta_count: Some(0), ..entry() };
        let busy = TableEntry { delta_count: Some(1), ..entry() };
        let record = record();
        assert_eq!(decide(&facts(&quiet, &record)), How::Nothing { since: moment("2026-11-22 09:54:58.5") });
        assert!(decide(&facts(&busy, &record)).after().is_some());
        let changed = Facts { columns: "fewer", ..facts(&quiet, &record) };
        assert_eq!(decide(&changed), How::Whole(Why::ColumnsChanged), "a reason to be whole comes first");
    }

    #[test]
    fn the_newest_row_is_news_only_until_the_source_was_quiet() {
        let news = |checkpoint: &str| {
            let record = TableRecord { checkpoint: Some(moment(checkpoint)), ..record() };
            record.news_since(OVERLAP).unwrap().to_string()
        };
        assert_eq!(news("2026-11-22 09:59:00"), "2026-11-22 09:54:00");
        assert_eq!(news("2026-11-21 21:55:00"), "2026-11-21 21:50:00", "in a zone far west it is recent");
        assert_eq!(news("2026-11-21 21:54:59"), "2026-11-21 21:54:59.000001");
    }
}
