//! Limits: which rows of a table are wanted, and what follows from that for the tables around it. *Up*: every wanted
//! row pulls in the rows that it references. *Down*: a table without a limit loses the rows whose parents are not kept.
//!
//! [`SubsetPlan`] decides which tables need a list of the keys that they keep and in which order those lists are
//! made; `source::workspace::subset` makes them.

mod base;
mod build;
pub mod check;
mod index;
mod layout;
mod order;
mod outline;
mod plan;
mod render;
mod want;

pub use layout::Layout;
pub use outline::{Outline, outlines};
pub use plan::{Base, Direct, Edge, Restricted, Role, Step, SubsetInputs, SubsetPlan, WorkTable};
pub use render::{Names, Statements, row_alias};
pub use want::{Phase, Want, Way};

/// In which direction a limit's order goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first, NULLs before everything.
    Asc,
    /// Greatest first, NULLs behind everything.
    #[default]
    Desc,
}

/// One entry of `[limits]`: which rows of a table are wanted. `wanted` is what passes `keep_days` and `condition`, in
/// order, cut by `percent` and `max_rows`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limit {
    /// The table.
    pub table: String,
    /// Every row, and every parent that it needs; nothing else is given then.
    pub all: bool,
    /// Most rows.
    pub max_rows: Option<u64>,
    /// The column to order by; none orders by the primary key.
    pub order_by: Option<String>,
    /// The order's direction, of ties by primary key too.
    pub direction: Direction,
    /// Only rows whose `order_by`, else `created_at`, lies within so many days before the server's clock.
    pub keep_days: Option<u32>,
    /// Only rows for which this SQL condition is true (`where`).
    pub condition: Option<String>,
    /// Of the rows that pass `keep_days` and `condition`, at most this share: above 0, up to 100, rounded up to whole
    /// rows.
    pub percent: Option<f64>,
}

impl Limit {
    /// Of so many rows that pass `keep_days` and `condition`, how many are wanted.
    #[must_use]
    pub fn wanted_rows(&self, passing: u64) -> u64 {
        let share = self.percent.map_or(passing, |percent| share(percent, passing));
        share.min(self.max_rows.unwrap_or(u64::MAX))
    }
}

/// `percent` of `rows`, rounded up. In millionths of a percent, so that 0.7 % of 3,000 rows are 21 on every machine.
fn share(percent: f64, rows: u64) -> u64 {
    const MILLION: u128 = 1_000_000;
    // Checked to lie above 0 and at most 100 where it is configured.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let parts = (percent.clamp(0.0, 100.0) * 1e6).round() as u128;
    u64::try_from((u128::from(rows) * parts).div_ceil(100 * MILLION)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
