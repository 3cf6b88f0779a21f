//! Which rows of a table a pull needs: only those that changed since the last one, all of them, or none. Pure: what
//! the last pull left, what the source says and what the target has now go in; a way and its reason come out.
//!
//! A delta is only right when nothing but rows of the source changed since: whatever else did, on either side, makes
//! the table whole again. Rows that the source deleted are seen by a whole pull only.

use crate::wire::manifest::TableEntry;
use crate::wire::moment::Moment;
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// How much earlier than last time the source's clock may be: clocks are set right by seconds now and then.
const CLOCK_SLACK_MAX: Duration = Duration::from_secs(60);
/// What is written at a moment says so, or an earlier one by at most so much: `DATETIME` columns may be written in a zone
/// that is twelve hours behind UTC, clocks are put back by an hour in autumn, and a run may have begun a while before its
/// clock was looked at (a pull goes on with what another had begun).
const BEHIND_MAX: Duration = Duration::from_secs(14 * 3600);

/// What the last pull noted of a table's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last<'a> {
    /// Up to here its rows were read for sure, the overlap not yet subtracted; none where no delta can go by it.
    pub checkpoint: Option<Moment>,
    /// The manifest's digest of its columns, keys and rules.
    pub digest: &'a str,
    /// Digest of the pulled columns' names.
    pub columns: &'a str,
    /// The source's clock.
    pub clock: Moment,
}

impl Last<'_> {
    /// From when on a delta asks for rows; none if the table comes whole.
    #[must_use]
    pub fn since(&self, overlap: Duration) -> Option<Moment> {
        self.checkpoint.map(|checkpoint| checkpoint.before(overlap))
    }

    /// From when on rows are counted to find out whether any are new: none are if the count is 0. Usually this is where
    /// a delta begins. Where nobody had written for so long at the last pull that whatever is written since says a later
    /// moment than the checkpoint, only rows behind it count: else the newest one would be news for ever.
    #[must_use]
    pub fn news_since(&self, overlap: Duration) -> Option<Moment> {
        let checkpoint = self.checkpoint?;
        let is_settled = checkpoint < self.clock.before(BEHIND_MAX).before(overlap);
        Some(if is_settled { checkpoint.after(Moment::TICK) } else { checkpoint.before(overlap) })
    }
}

/// The target's table now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here<'a> {
    /// There is none.
    Missing,
    /// There is one.
    Table {
        /// Whether it is the one that the last pull left, neither altered nor emptied.
        is_still: bool,
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
    pub last: Option<Last<'a>>,
    /// Whether the last pull into this target was from another source. The news were counted by what that one left, then,
    /// and say nothing about this one.
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
    /// The target's table is not the one that the last pull left, or was emptied.
    TargetChanged,
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
            Self::NoTimes => "it lacks created_at, updated_at or a primary key to go by",
            Self::Restricted => "its limits or rules leave nothing to go by",
            Self::First => "never pulled into this database",
            Self::OtherSource => "the last pull was from another database",
            Self::SourceChanged => "its columns, keys, rules or limits changed at the source",
            Self::ColumnsChanged => "other columns are pulled than last time",
            Self::ClockBack => "the source's clock went back",
            Self::TargetChanged => "the table here was made anew, altered or emptied since the last pull",
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
        Ok((_, after)) if facts.other_source => How::Delta { after },
        Ok((last, after)) => match (facts.entry.delta_count, last.news_since(facts.overlap)) {
            (Some(0), Some(since)) => How::Nothing { since },
            _ => How::Delta { after },
        },
    }
}

/// From when on rows have to be merged, or why that is not enough.
fn merged<'a>(facts: &Facts<'a>) -> Result<(Last<'a>, Moment), Why> {
    let demand = |holds: bool, why: Why| if holds { Ok(()) } else { Err(why) };
    demand(!facts.full, Why::Asked)?;
    let Here::Table { is_still, merges } = facts.here else { return Err(Why::New) };
    demand(facts.entry.can_delta, why_not(facts.entry))?;
    let last = facts.last.ok_or(if facts.other_source { Why::OtherSource } else { Why::First })?;
    demand(last.digest == facts.entry.digest, Why::SourceChanged)?;
    demand(last.columns == facts.columns, Why::ColumnsChanged)?;
    let earliest = last.clock.before(facts.overlap.min(CLOCK_SLACK_MAX));
    demand(facts.clock >= earliest, Why::ClockBack)?;
    demand(is_still, Why::TargetChanged)?;
    merges.map_err(|why| Why::CannotMerge(why.to_owned()))?;
    let after = last.since(facts.overlap).ok_or(Why::NoCheckpoint)?;
    Ok((last, after))
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

    fn last() -> Last<'static> {
        Last {
            checkpoint: Some(moment("2026-11-22 09:59:58.5")),
            digest: "digest",
            columns: "columns",
            clock: moment("2026-11-22 10:00:00"),
        }
    }

    fn facts(entry: &TableEntry) -> Facts<'_> {
        Facts {
            entry,
            columns: "columns",
            last: Some(last()),
            other_source: false,
            here: Here::Table { is_still: true, merges: Ok(()) },
            full: false,
            clock: moment("2026-11-22 11:00:00"),
            overlap: OVERLAP,
        }
    }

    #[test]
    fn a_delta_begins_an_overlap_before_its_checkpoint() {
        let how = decide(&facts(&entry()));
        assert_eq!(how.to_string(), "delta since 2026-11-22 09:54:58.500000");
        assert_eq!(how.after(), last().since(OVERLAP));
    }

    #[test]
    fn whatever_else_changed_makes_a_table_whole() {
        let plain = entry();
        let base = facts(&plain);
        let here = |is_still, merges| Here::Table { is_still, merges };
        let cannot = TableEntry { can_delta: false, ..entry() };
        let timeless = TableEntry { has_timestamps: false, ..cannot.clone() };
        let altered = TableEntry { digest: "other".into(), ..entry() };
        let lost = Some(Last { checkpoint: None, ..last() });
        let table = [
            (Facts { full: true, ..base }, Why::Asked),
            (Facts { here: Here::Missing, ..base }, Why::New),
            (Facts { entry: &cannot, ..base }, Why::Restricted),
            (Facts { entry: &timeless, ..base }, Why::NoTimes),
            (Facts { last: None, ..base }, Why::First),
            (Facts { last: None, other_source: true, ..base }, Why::OtherSource),
            (Facts { entry: &altered, ..base }, Why::SourceChanged),
            (Facts { columns: "fewer", ..base }, Why::ColumnsChanged),
            (Facts { clock: moment("2026-11-22 09:58:59"), ..base }, Why::ClockBack),
            (Facts { here: here(false, Ok(())), ..base }, Why::TargetChanged),
            (Facts { here: here(true, Err("no")), ..base }, Why::CannotMerge("no".into())),
            (Facts { last: lost, ..base }, Why::NoCheckpoint),
        ];
        for (facts, why) in table {
            assert_eq!(decide(&facts), How::Whole(why));
        }
    }

    #[test]
    fn a_clock_that_was_set_right_by_seconds_did_not_go_back() {
        let entry = entry();
        let at = |clock, overlap| {
            decide(&Facts { clock: moment(clock), overlap, ..facts(&entry) }).after().is_some()
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
        assert_eq!(decide(&facts(&quiet)), How::Nothing { since: moment("2026-11-22 09:54:58.5") });
        assert!(decide(&facts(&busy)).after().is_some());
        let elsewhere = Facts { other_source: true, ..facts(&quiet) };
        assert!(decide(&elsewhere).after().is_some(), "nobody counted by what this source's last pull left");
        let changed = Facts { columns: "fewer", ..facts(&quiet) };
        assert_eq!(decide(&changed), How::Whole(Why::ColumnsChanged), "a reason to be whole comes first");
    }

    #[test]
    fn the_newest_row_is_news_only_until_the_source_was_quiet() {
        let news = |checkpoint: &str| {
            let last = Last { checkpoint: Some(moment(checkpoint)), ..last() };
            last.news_since(OVERLAP).unwrap().to_string()
        };
        assert_eq!(news("2026-11-22 09:59:00"), "2026-11-22 09:54:00");
        assert_eq!(news("2026-11-21 19:55:00"), "2026-11-21 19:50:00", "in a zone far west it is recent");
        assert_eq!(news("2026-11-21 19:54:59"), "2026-11-21 19:54:59.000001");
    }
}
