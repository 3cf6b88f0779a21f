//! How the wanted rows of a driver are read.

use super::{Direction, Limit, SubsetInputs};
use crate::error::{Error, Result};
use crate::plan::walk::sorts_as_it_compares;
use crate::schema::{Column, IndexKind, Table};
use crate::sql::Ident;
use crate::sql::ident::string_literal;
use crate::sql::select::WalkKey;

/// More days than a DATETIME reaches back would make the cutoff NULL.
const DAYS_MAX: u32 = 700_000;

/// Which rows of a driver are wanted, and how they are found.
#[derive(Debug, Clone)]
pub struct Want {
    /// The limit.
    pub limit: Limit,
    /// What rows have to pass, over bare column names.
    pub conditions: Vec<String>,
    /// In which order they are found.
    pub way: Way,
    /// The index of their age, where the order is another: if no more rows are young enough than are wanted, they
    /// are all wanted, and no order has to be walked through old ones.
    pub young: Option<Phase>,
}

/// In which order wanted rows are found.
#[derive(Debug, Clone)]
pub enum Way {
    /// Along indexes that have the limit's order (or any, where nothing cuts): the first rows that pass are wanted.
    Along(Vec<Phase>),
    /// No index has the order: of each range of the key the best rows are noted, and the best of those are wanted.
    /// The columns of the order, most significant first.
    Ranked(Vec<String>),
}

/// One walk along an index.
#[derive(Debug, Clone)]
pub struct Phase {
    /// The index and the columns of positions in it.
    pub key: WalkKey,
    /// What holds for the part of the index that is walked.
    pub conditions: Vec<String>,
}

impl Want {
    /// How the rows of `table` are found, which `key` identifies.
    ///
    /// # Errors
    /// `Config` when a column is missing.
    pub fn new(table: &Table, key: &WalkKey, limit: &Limit, inputs: &SubsetInputs<'_>) -> Result<Self> {
        let aged = aged_column(table, limit)?;
        let age = aged.map(|(column, days)| age_condition(column, days, inputs));
        let mut conditions: Vec<String> = age.iter().cloned().collect();
        conditions.extend(limit.condition.clone());
        let young = aged.and_then(|(column, _)| index_with_order(table, key, column)).zip(age);
        let young = young.map(|(key, age)| Phase { key, conditions: vec![age] });
        if !cuts(limit) {
            let whole = || Phase { key: key.clone(), conditions: Vec::new() };
            let way = Way::Along(vec![young.unwrap_or_else(whole)]);
            return Ok(Self { limit: limit.clone(), conditions, way, young: None });
        }
        let young = young.filter(|_| limit.order_by.is_none() && limit.percent.is_none());
        Ok(Self { limit: limit.clone(), conditions, way: ordered(table, key, limit)?, young })
    }

    /// As [`Want::new`] for rows without a key, which one statement finds: nothing settles ties.
    ///
    /// # Errors
    /// As [`Want::new`].
    pub fn without_key(table: &Table, limit: &Limit, inputs: &SubsetInputs<'_>) -> Result<Self> {
        let aged = aged_column(table, limit)?;
        let mut conditions: Vec<String> =
            aged.map(|(column, days)| age_condition(column, days, inputs)).into_iter().collect();
        conditions.extend(limit.condition.clone());
        let by = limit.order_by.as_deref().map(|name| column(table, limit, name)).transpose()?;
        let order = by.map(|column| column.name.clone()).into_iter().collect();
        Ok(Self { limit: limit.clone(), conditions, way: Way::Ranked(order), young: None })
    }

    /// The columns of the order, where no index has it.
    #[must_use]
    pub fn ranked_by(&self) -> Option<&[String]> {
        match &self.way {
            Way::Ranked(columns) => Some(columns),
            Way::Along(_) => None,
        }
    }

    /// The columns whose values statements hold, as ends of ranges or to choose the best rows by.
    pub fn columns_named(&self) -> impl Iterator<Item = &str> {
        let (phases, ranked) = match &self.way {
            Way::Along(phases) => (phases.as_slice(), [].as_slice()),
            Way::Ranked(columns) => ([].as_slice(), columns.as_slice()),
        };
        let walked = phases.iter().chain(&self.young).flat_map(|phase| &phase.key.columns);
        walked.chain(ranked).map(String::as_str)
    }

    /// Whether no index has the order.
    #[must_use]
    pub fn is_ranked(&self) -> bool {
        self.ranked_by().is_some()
    }

    /// Whether the rows are found from the end of indexes.
    #[must_use]
    pub fn descending(&self) -> bool {
        cuts(&self.limit) && self.limit.direction == Direction::Desc
    }

    /// Whether not all rows that pass are wanted.
    #[must_use]
    pub fn cuts(&self) -> bool {
        cuts(&self.limit)
    }

    /// What the best rows come first by, rendered over `name` of each column of the order.
    #[must_use]
    pub fn order(&self, columns: &[String], name: impl Fn(&str) -> String) -> Vec<String> {
        let direction = if self.descending() { " DESC" } else { "" };
        columns.iter().map(|column| format!("{}{direction}", name(column))).collect()
    }
}

fn cuts(limit: &Limit) -> bool {
    limit.max_rows.is_some() || limit.percent.is_some()
}

fn column<'a>(table: &'a Table, limit: &Limit, name: &str) -> Result<&'a Column> {
    table.column(name).ok_or_else(|| {
        Error::config(format!("[limits.{}]: table `{}` has no column `{name}`", limit.table, table.name))
    })
}

/// The column that `keep_days` counts by.
fn aged_column<'a>(table: &'a Table, limit: &Limit) -> Result<Option<(&'a Column, u32)>> {
    let Some(days) = limit.keep_days else { return Ok(None) };
    Ok(Some((column(table, limit, limit.order_by.as_deref().unwrap_or("created_at"))?, days)))
}

fn age_condition(column: &Column, days: u32, inputs: &SubsetInputs<'_>) -> String {
    let moment = format!("CAST({} AS DATETIME)", string_literal(inputs.moment));
    let local = if column.data_type == "timestamp" || inputs.datetime_timezone == "+00:00" {
        moment
    } else {
        // Not by CONVERT_TZ: MariaDB knows no offset beyond +13:00 and makes NULL of it.
        format!("{moment} + INTERVAL {} MINUTE", minutes(inputs.datetime_timezone))
    };
    format!("{} >= {local} - INTERVAL {} DAY", Ident::new(column.name.as_str()), days.min(DAYS_MAX))
}

/// Minutes of an offset such as `-05:30`.
fn minutes(offset: &str) -> i64 {
    let (sign, rest) = offset.split_at_checked(1).unwrap_or(("+", offset));
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let number = |digits: &str| digits.parse::<i64>().unwrap_or(0);
    let ahead = number(hours) * 60 + number(minutes);
    if sign == "-" { -ahead } else { ahead }
}

fn ordered(table: &Table, key: &WalkKey, limit: &Limit) -> Result<Way> {
    // Without a primary key the rows' own key settles ties.
    let ties = if table.primary_key.is_empty() { &key.columns } else { &table.primary_key };
    let along_key = *ties == key.columns;
    let Some(order_by) = &limit.order_by else {
        return Ok(match along_key {
            true => Way::Along(vec![Phase { key: key.clone(), conditions: Vec::new() }]),
            false => Way::Ranked(ties.clone()),
        });
    };
    let by = column(table, limit, order_by)?;
    if along_key && key.columns.first() == Some(&by.name) {
        return Ok(Way::Along(vec![Phase { key: key.clone(), conditions: Vec::new() }]));
    }
    if let Some(along) = index_with_order(table, key, by) {
        return Ok(Way::Along(phases(along, key, by, limit.direction)));
    }
    let mut columns = vec![by.name.clone()];
    columns.extend(ties.iter().filter(|name| **name != by.name).cloned());
    Ok(Way::Ranked(columns))
}

/// NULLs are the lowest. A position among them is one of the key alone.
fn phases(along: WalkKey, key: &WalkKey, by: &Column, direction: Direction) -> Vec<Phase> {
    if !by.nullable {
        return vec![Phase { key: along, conditions: Vec::new() }];
    }
    let name = Ident::new(by.name.as_str());
    let nulls = Phase {
        key: WalkKey { index: along.index.clone(), columns: key.columns.clone() },
        conditions: vec![format!("{name} IS NULL")],
    };
    let others = Phase { key: along, conditions: vec![format!("{name} IS NOT NULL")] };
    match direction {
        Direction::Asc => vec![nulls, others],
        Direction::Desc => vec![others, nulls],
    }
}

/// An index that orders by `by`, then by the primary key, with the columns of positions in it: InnoDB has the primary
/// key behind the columns of every index.
fn index_with_order(table: &Table, key: &WalkKey, by: &Column) -> Option<WalkKey> {
    if key.columns != table.primary_key
        || !table.primary_descending.is_empty()
        || !table.engine.eq_ignore_ascii_case("InnoDB")
        || !sorts_as_it_compares(by)
    {
        return None;
    }
    let index = table.usable_indexes().find(|index| {
        let parts: Option<Vec<&String>> = index
            .parts
            .iter()
            .map(|part| part.column.as_ref().filter(|_| part.prefix.is_none() && !part.descending))
            .collect();
        index.kind == IndexKind::Btree
            && parts.is_some_and(|parts| {
                let (first, rest) = parts.split_first().map_or((None, [].as_slice()), |(f, r)| (Some(*f), r));
                first == Some(&by.name)
                    && rest.iter().zip(&key.columns).all(|(part, own)| *part == own)
                    && rest.len() <= key.columns.len()
            })
    })?;
    let mut columns = vec![by.name.clone()];
    columns.extend(key.columns.iter().filter(|name| **name != by.name).cloned());
    Some(WalkKey { index: index.name.clone(), columns })
}
