//! Limits: which rows of a table are wanted, and what follows from that for the tables around it (DESIGN 5.2 of the
//! project's contract in short: *up*, every wanted row pulls in the rows that it references; *down*, a table without
//! a limit loses the rows whose parents are not kept).

pub mod check;

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
