//! How far the rows of a table have been read for sure: from there the next delta goes on.
//!
//! A checkpoint is a moment *in the terms of the table's own columns*, so that it can be compared with them. Rows may
//! come to light later that say they are older than the moment of reading: those of transactions that were open then,
//! those that a replica had not received. And a DATETIME says what some clock on a wall showed, which may be half a day
//! from UTC. So a checkpoint is what the table's own rows prove, never later than the source's clock:
//!
//! | rows delivered | TIMESTAMP | DATETIME |
//! |---|---|---|
//! | some | the greatest value up to the clock, at most the start of the oldest open transaction | the greatest value up to the clock, less the age of the oldest open transaction, less how long the reading took, less an hour |
//! | none, or none that tells | of the whole table: the clock less a day, less that age; of a delta: nothing new | the same |
//!
//! - Values in the future are passed over: a row of the year 9999 says nothing about what was read. DATETIME values of
//!   zones east of UTC may be passed over for some hours; then older ones are the greatest.
//! - The hour is for zones that are put back an hour in autumn: what is written then looks older than what was. Of a table
//!   that has been quiet for so long that no zone shows such a time any more, nothing is taken off.
//! - A table that is not read at one moment may be changed behind the reading. West of UTC what is written then says a time
//!   before the clock, and rows further on may say a later one: so what the reading took is taken off.
//! - The day is for zones (at most twelve hours behind UTC) and for replicas that lag. After a delta without rows what was
//!   true before still is, and the next one costs as little.
//! - Of a delta only values from its beginning on count: rows without one of the two come always, however old the other is.
//! - Of a table with a column of each kind the smaller of both holds, each by its own values.
//! - Rows that were taken back at the end have to come again: the checkpoint is before each of them.
//!
//! All values are compared as the server writes them, which sorts them; zero dates and days that no calendar has are
//! passed over.

use crate::db::RowCells;
use crate::error::{Context, Result};
use crate::plan::run::TablePlan;
use crate::plan::times::{Reckoning, TimeColumn, Times};
use crate::source::clock::Clock;
use crate::sql::since::{Since, SinceColumn};
use crate::sql::{Ident, List};
use crate::wire::moment::Moment;
use std::time::{Duration, Instant};

/// How far clocks on walls are put back.
const AUTUMN: Duration = Duration::from_secs(60 * 60);
/// No clock on a wall shows a time again that UTC has passed so long ago: zones are at most twelve hours behind.
const SETTLED: Duration = Duration::from_secs(13 * 60 * 60);
/// What is surely read where no row tells.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The condition for rows of `after` or later, and for those of the same second where a column has no fractions.
#[must_use]
pub fn since(times: &Times, after: Moment) -> Since {
    since_each(times, |column| after.floor(column.digits))
}

/// The condition for rows that say they are of that very moment or later.
#[must_use]
pub fn exactly_since(times: &Times, after: Moment) -> Since {
    since_each(times, |_| after)
}

fn since_each(times: &Times, from: impl Fn(&TimeColumn) -> Moment) -> Since {
    let column = |column: &TimeColumn| SinceColumn {
        name: column.name.clone(),
        from: from(column).to_string(),
        nullable: column.nullable,
    };
    Since { created: column(&times.created), updated: column(&times.updated) }
}

/// When a reading began, by the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The source's clock, UTC.
    now: Moment,
    /// How long the oldest transaction that was open had been at work.
    oldest_open: Duration,
    /// When that was, by this machine.
    at: Instant,
    /// From when on no row is read as it is only then; none for as long as they are.
    read: Option<Instant>,
}

impl Begun {
    /// At this look at the source's clock.
    ///
    /// # Errors
    /// `Internal` when the source told no time.
    pub fn new(clock: &Clock) -> Result<Self> {
        let now = clock.now.parse().context(|| "reading the source's clock")?;
        Ok(Self { now, oldest_open: clock.oldest_open, at: Instant::now(), read: None })
    }

    /// What is written from now on is not seen any more: all rows were copied, or a snapshot was opened.
    #[must_use]
    pub fn read(self) -> Self {
        Self { read: Some(Instant::now()), ..self }
    }

    /// For how long rows were read that could change meanwhile, in whole minutes: for less the hour is enough.
    fn lasted(&self) -> Duration {
        let lasted = self.read.unwrap_or_else(Instant::now).saturating_duration_since(self.at);
        Duration::from_secs(lasted.as_secs() / 60 * 60)
    }
}

/// The greatest values of a table that passed.
#[derive(Debug)]
pub struct Passed {
    begun: Begun,
    is_delta: bool,
    /// The clock as the server writes it.
    until: String,
    columns: Vec<PassedColumn>,
}

#[derive(Debug)]
struct PassedColumn {
    cell: usize,
    reckoning: Reckoning,
    /// Where a delta begins; empty for a whole table.
    from: String,
    /// Empty before the first.
    greatest: Vec<u8>,
}

impl Passed {
    /// Nothing passed yet of a table with these times; adds to the SELECT list what is not sent of both columns.
    #[must_use]
    pub fn new(begun: Begun, plan: &TablePlan, times: &Times, list: &mut List) -> Self {
        let from = plan.since.as_ref().map(|since| [&since.created.from, &since.updated.from]);
        let column = |(at, column): (usize, &TimeColumn)| {
            let sent = plan.columns.iter().position(|(name, _)| *name == column.name);
            let cell = sent.unwrap_or(list.len());
            if sent.is_none() {
                list.push(Ident::new(column.name.as_str()).to_string());
            }
            let from = from.map_or_else(String::new, |both| both[at].clone());
            PassedColumn { cell, reckoning: column.reckoning, from, greatest: Vec::new() }
        };
        let columns = times.columns().enumerate().map(column).collect();
        Self { begun, is_delta: plan.since.is_some(), until: begun.now.to_string(), columns }
    }

    /// Takes a row in.
    pub fn row(&mut self, row: &impl RowCells) {
        for column in &mut self.columns {
            if let Some(cell) = row.cell(column.cell)
                && cell > column.greatest.as_slice()
                && cell >= column.from.as_bytes()
                && cell <= self.until.as_bytes()
                && !cell.starts_with(b"0000")
            {
                column.greatest.clear();
                column.greatest.extend_from_slice(cell);
            }
        }
    }

    /// How far the table is read; none where a delta brought nothing that tells.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Moment> {
        let proven: Vec<Option<Moment>> =
            [Reckoning::Utc, Reckoning::Local].into_iter().filter_map(|one| self.proven_by(one)).collect();
        let all: Option<Vec<Moment>> = proven.iter().copied().collect();
        match all {
            Some(all) => all.into_iter().min(),
            None if self.is_delta => None,
            None => {
                let day = self.begun.now.before(DAY).before(self.begun.oldest_open);
                proven.into_iter().flatten().chain([day]).min()
            }
        }
    }

    /// What the values of one kind prove; none if the table has no such column.
    fn proven_by(&self, reckoning: Reckoning) -> Option<Option<Moment>> {
        let columns = || self.columns.iter().filter(|column| column.reckoning == reckoning);
        columns().next()?;
        let greatest = columns().filter_map(PassedColumn::moment).max();
        Some(greatest.map(|greatest| self.proven(reckoning, greatest)))
    }

    fn proven(&self, reckoning: Reckoning, greatest: Moment) -> Moment {
        let Begun { now, oldest_open, .. } = self.begun;
        match reckoning {
            Reckoning::Utc => greatest.min(now.before(oldest_open)),
            Reckoning::Local if greatest < now.before(SETTLED).before(oldest_open) => greatest,
            Reckoning::Local => greatest.before(oldest_open).before(self.begun.lasted()).before(AUTUMN),
        }
    }
}

impl PassedColumn {
    fn moment(&self) -> Option<Moment> {
        std::str::from_utf8(&self.greatest).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::run::{MaskAt, Strategy};
    use crate::schema::{Column, Table};

    struct Cells(Vec<Option<&'static str>>);

    impl RowCells for Cells {
        fn cell(&self, index: usize) -> Option<&[u8]> {
            self.0.get(index)?.map(str::as_bytes)
        }
    }

    fn moment(text: &str) -> Moment {
        text.parse().unwrap()
    }

    fn times(created: Reckoning, updated: Reckoning) -> Times {
        let column =
            |name: &str, reckoning| TimeColumn { name: name.into(), reckoning, digits: 6, nullable: true };
        Times { created: column("created_at", created), updated: column("updated_at", updated) }
    }

    /// At noon, beside a transaction of so many minutes.
    fn checkpoint(
        kinds: [Reckoning; 2],
        open_minutes: u64,
        rows: &[[Option<&'static str>; 2]],
        is_delta: bool,
    ) -> Option<String> {
        checkpoint_after(Duration::ZERO, kinds, open_minutes, rows, is_delta)
    }

    /// The same after a reading that took so long.
    fn checkpoint_after(
        lasted: Duration,
        kinds: [Reckoning; 2],
        open_minutes: u64,
        rows: &[[Option<&'static str>; 2]],
        is_delta: bool,
    ) -> Option<String> {
        let at = Instant::now();
        let begun = Begun {
            now: moment("2026-11-22 12:00:00.5"),
            oldest_open: Duration::from_secs(open_minutes * 60),
            at,
            read: Some(at + lasted),
        };
        let columns = ["created_at", "updated_at"].map(|name| Column::new(name, "datetime"));
        let table = Table::new("t", columns.into());
        let unsent = Some([].as_slice());
        let mut plan =
            TablePlan::new(&table, unsent, None, false, Strategy::Copies(MaskAt::Update), Vec::new())
                .unwrap();
        let times = times(kinds[0], kinds[1]);
        plan.since = is_delta.then(|| since(&times, moment("2026-11-22 09:00:00")));
        let mut list = List::from(["1"]);
        let mut passed = Passed::new(begun, &plan, &times, &mut list);
        assert_eq!(list[..], ["1", "`created_at`", "`updated_at`"]);
        for [created, updated] in rows {
            passed.row(&Cells(vec![Some("1"), *created, *updated]));
        }
        passed.checkpoint().map(|checkpoint| checkpoint.to_string())
    }

    const UTC: [Reckoning; 2] = [Reckoning::Utc; 2];
    const LOCAL: [Reckoning; 2] = [Reckoning::Local; 2];
    const MIXED: [Reckoning; 2] = [Reckoning::Local, Reckoning::Utc];

    #[test]
    fn the_rows_prove_how_far_they_were_read() {
        let rows = [
            [Some("2026-11-22 11:00:00"), Some("2026-11-22 11:30:00.250000")],
            [Some("2026-11-22 11:30:00"), None],
            [Some("0000-00-00 00:00:00"), Some("9999-12-31 23:59:59")],
            [Some("2026-11-22 12:00:00.500001"), Some("2026-11-22 09:00:00")],
        ];
        let of = |kinds, open| checkpoint(kinds, open, &rows, false);
        assert_eq!(of(UTC, 0).as_deref(), Some("2026-11-22 11:30:00.250000"));
        assert_eq!(of(UTC, 10).as_deref(), Some("2026-11-22 11:30:00.250000"), "it began after that row");
        assert_eq!(of(UTC, 40).as_deref(), Some("2026-11-22 11:20:00.500000"), "its own start");
        assert_eq!(of(LOCAL, 0).as_deref(), Some("2026-11-22 10:30:00.250000"), "an hour less");
        assert_eq!(of(LOCAL, 10).as_deref(), Some("2026-11-22 10:20:00.250000"), "and its age");
        assert_eq!(of(MIXED, 0).as_deref(), Some("2026-11-22 10:30:00"), "each by its own values");
        assert_eq!(checkpoint(UTC, 0, &rows, true), of(UTC, 0));
        let unknown = [[Some("2026-11-22 08:59:59"), None]];
        assert_eq!(checkpoint(UTC, 0, &unknown, true), None, "such rows come always");
        let settled =
            |open, updated| checkpoint(LOCAL, open, &[[Some("2026-01-01 00:00:00"), Some(updated)]], false);
        let quiet = Some("2026-11-21 22:50:00");
        assert_eq!(settled(5, "2026-11-21 22:50:00").as_deref(), quiet, "quiet for so long");
        assert_eq!(settled(15, "2026-11-21 22:50:00").as_deref(), Some("2026-11-21 21:35:00"));
    }

    #[test]
    fn what_changes_behind_a_long_reading_comes_again() {
        // Noon by UTC, seven o'clock there. The reading begins, row 1 is passed, and changed at five past seven; the last
        // row is changed after two hours and read then.
        let rows = [[Some("2026-11-21 07:00:00"), Some("2026-11-22 09:00:00")]];
        let after = |minutes: u64, kinds| {
            checkpoint_after(Duration::from_secs(minutes * 60 + 59), kinds, 0, &rows, false)
        };
        assert_eq!(after(120, LOCAL).as_deref(), Some("2026-11-22 06:00:00"));
        assert_eq!(after(0, LOCAL).as_deref(), Some("2026-11-22 08:00:00"), "the hour makes up for seconds");
        assert_eq!(
            after(120, UTC).as_deref(),
            Some("2026-11-22 09:00:00"),
            "nothing says less than the clock"
        );
    }

    #[test]
    fn where_no_row_tells_a_day_is_left() {
        let future = [[Some("9999-12-31 23:59:59"), None], [Some("0000-00-00 00:00:00"), None]];
        for kinds in [UTC, LOCAL, MIXED] {
            for rows in [&[][..], &future] {
                let day = "2026-11-21 11:50:00.500000";
                assert_eq!(checkpoint(kinds, 10, rows, false).as_deref(), Some(day));
                assert_eq!(checkpoint(kinds, 10, rows, true), None, "what was true before still is");
            }
        }
        let of = |updated| checkpoint(MIXED, 0, &[[None, Some(updated)]], false);
        assert_eq!(of("2026-11-20 10:00:00").as_deref(), Some("2026-11-20 10:00:00"));
        assert_eq!(of("2026-11-22 10:00:00").as_deref(), Some("2026-11-21 12:00:00.500000"));
        assert_eq!(checkpoint(MIXED, 0, &[[None, Some("2026-11-22 10:00:00")]], true), None);
    }

    #[test]
    fn a_moment_is_no_finer_than_its_column() {
        let mut times = times(Reckoning::Utc, Reckoning::Local);
        times.created.digits = 0;
        let since = since(&times, moment("2026-11-22 10:00:00.75"));
        assert_eq!(since.created.from, "2026-11-22 10:00:00");
        assert_eq!(since.updated.from, "2026-11-22 10:00:00.750000");
    }
}
