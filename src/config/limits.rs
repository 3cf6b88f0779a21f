//! `[limits]`: which rows of a table are wanted. Only the shape is checked here; whether table and columns exist is
//! the subset planner's to say, with the schema at hand.

use super::entry::{Written, misplaced, shown, unknown_option};
use super::keys::LIMIT_OPTIONS;
use super::parse::{Walker, kind_of};
use toml::de::{DeTable, DeValue};

/// A century: more is a mistake, and the server's dates end somewhere.
const KEEP_DAYS_MAX: u32 = 36_500;

/// In which direction a limit's order goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Greatest first.
    #[default]
    Desc,
}

/// One entry of `[limits]` as it was written. With `all` it has nothing else; otherwise at least one of `max_rows`,
/// `keep_days`, `condition` and `percent`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limit {
    /// The table, in the case of the file.
    pub table: String,
    /// Every row.
    pub all: bool,
    /// Most rows.
    pub max_rows: Option<u64>,
    /// The column to order by.
    pub order_by: Option<String>,
    /// The order's direction.
    pub direction: Direction,
    /// Days before now, from 1 to 36,500.
    pub keep_days: Option<u32>,
    /// An SQL condition (`where`), not blank.
    pub condition: Option<String>,
    /// A share of the rows, above 0, up to 100.
    pub percent: Option<f64>,
    /// The line of the file, from 1.
    pub line: usize,
}

/// Reads the value of `limits`.
pub(super) fn read(walker: &mut Walker<'_>, at: usize, value: &DeValue<'_>, limits: &mut Vec<Limit>) {
    let DeValue::Table(tables) = value else {
        return walker.wrong_shape("`limits`", at, "a table of tables", value);
    };
    for (table, options) in tables {
        let (at, table) = (table.span().start, table.get_ref().as_ref());
        match options.get_ref() {
            DeValue::Table(options) => limits.extend(read_limit(walker, at, table, options)),
            other => {
                let what =
                    format!("`limits.{}` must be a table of options, found {}", shown(table), kind_of(other));
                let hint = misplaced(table)
                    .unwrap_or_else(|| "write TABLE = { max_rows = 1000 } below [limits]".to_owned());
                walker.refuse(at, what, hint);
            }
        }
    }
}

fn read_limit(walker: &mut Walker<'_>, at: usize, table: &str, options: &DeTable<'_>) -> Option<Limit> {
    let entry = format!("`limits.{}`", shown(table));
    let mut limit = Limit { table: table.to_owned(), line: walker.line(at), ..Limit::default() };
    let mut good = true;
    for (option, value) in options {
        let (at, option) = (option.span().start, option.get_ref().as_ref());
        if !LIMIT_OPTIONS.contains(&option) {
            unknown_option(walker, at, &entry, option, LIMIT_OPTIONS);
            good = false;
            continue;
        }
        let name = format!("`{option}` of {entry}");
        good &=
            read_option(&mut limit, option, Written { walker, name, at, value: value.get_ref() }).is_some();
    }
    (good && is_whole(walker, at, &entry, &limit, options)).then_some(limit)
}

/// Sets one option of `limit`; `None` if it is not as it must be, which is noted.
fn read_option(limit: &mut Limit, option: &str, written: Written<'_, '_, '_>) -> Option<()> {
    match option {
        "all" => limit.all = written.boolean()?,
        "max_rows" => limit.max_rows = u64::try_from(written.integer(0..=i64::MAX)?).ok(),
        "keep_days" => limit.keep_days = u32::try_from(written.integer(1..=KEEP_DAYS_MAX.into())?).ok(),
        "percent" => limit.percent = Some(written.percent()?),
        "where" => {
            let hint = "write an SQL condition such as \"status = 'open'\", or leave it out";
            limit.condition = Some(written.text(hint)?.to_owned());
        }
        "direction" => limit.direction = direction(written)?,
        // The only one that is left.
        _ => limit.order_by = Some(order_by(written)?),
    }
    Some(())
}

fn direction(written: Written<'_, '_, '_>) -> Option<Direction> {
    match written.value {
        DeValue::String(word) if word == "asc" => Some(Direction::Asc),
        DeValue::String(word) if word == "desc" => Some(Direction::Desc),
        _ => written.refuse("must be \"asc\" or \"desc\"", "leave it out for \"desc\", greatest first"),
    }
}

/// One column. That it has words of SQL around it is the likeliest mistake.
fn order_by(written: Written<'_, '_, '_>) -> Option<String> {
    if let DeValue::String(text) = written.value {
        let last = text.trim_end().to_lowercase();
        if last.ends_with(" desc") || last.ends_with(" asc") || text.contains(['`', ',']) {
            return written.refuse(
                "must be the bare name of one column",
                "the direction goes into `direction`; ties are broken by the primary key",
            );
        }
    }
    written.name()
}

/// Whether the options that are there make a limit.
fn is_whole(walker: &mut Walker<'_>, at: usize, entry: &str, limit: &Limit, options: &DeTable<'_>) -> bool {
    if limit.all {
        let alone = options.len() == 1;
        if !alone {
            let what = format!("{entry} has `all = true` and other options, which contradict it");
            walker.refuse(at, what, "leave the other options out, or `all`");
        }
        return alone;
    }
    let cuts = limit.max_rows.is_some()
        || limit.keep_days.is_some()
        || limit.condition.is_some()
        || limit.percent.is_some();
    if !cuts {
        let what = format!("{entry} has no `max_rows`");
        let hint = "add `max_rows`, or one of `keep_days`, `where`, `percent` and `all = true`";
        walker.refuse(at, what, hint);
    }
    cuts
}
