//! What limits mean for each table, told without looking at a row: why only some of its rows are kept, and roughly how
//! many.

use super::{Direction, Limit};
use crate::plan::reference::Reference;
use crate::schema::Table;
use std::collections::{BTreeMap, BTreeSet};

/// Why a table is restricted, and its rows by the server's estimates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The table's own limit in words (`1000 rows by created_at desc`).
    pub limit: Option<String>,
    /// Restricted parents: rows whose parents are not kept are not kept either.
    pub follows: Vec<String>,
    /// Tables whose wanted rows bring the rows along that they refer to.
    pub pulled_in_by: Vec<String>,
    /// Rows expected; only as good as the server's estimate of the table, and without those that are pulled in.
    pub rows_estimate: u64,
}

/// The outlines of the tables that have a limit or are `restricted`.
#[must_use]
pub fn outlines(
    served: &BTreeMap<String, Table>,
    references: &[Reference],
    limits: &[Limit],
    restricted: &BTreeSet<String>,
) -> BTreeMap<String, Outline> {
    let limits: BTreeMap<&str, &Limit> = limits
        .iter()
        .filter(|limit| served.contains_key(&limit.table))
        .map(|limit| (limit.table.as_str(), limit))
        .collect();
    let pulling = pulling(references, &limits, restricted);
    let kept = estimates(served, references, &limits, restricted);
    let outline = |(name, table): (&String, &Table)| {
        let limit = limits.get(name.as_str());
        if limit.is_none() && !restricted.contains(name) {
            return None;
        }
        let parents = references.iter().filter(|r| r.table == *name && restricted.contains(&r.references));
        let children =
            references.iter().filter(|r| r.references == *name && pulling.contains(r.table.as_str()));
        let follows = if limit.is_none() { names(parents.map(|r| &r.references)) } else { Vec::new() };
        let pulled_in_by =
            if restricted.contains(name) { names(children.map(|r| &r.table)) } else { Vec::new() };
        let outline = Outline {
            limit: limit.map(|limit| describe(limit, table)),
            follows,
            pulled_in_by,
            rows_estimate: kept.get(name.as_str()).copied().unwrap_or(table.row_count),
        };
        Some((name.clone(), outline))
    };
    served.iter().filter_map(outline).collect()
}

fn names<'a>(all: impl Iterator<Item = &'a String>) -> Vec<String> {
    all.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The tables with rows that pull in what they refer to: those with a limit, and restricted ones that such rows lead to.
fn pulling<'a>(
    references: &'a [Reference],
    limits: &BTreeMap<&'a str, &'a Limit>,
    restricted: &BTreeSet<String>,
) -> BTreeSet<&'a str> {
    let mut pulling: BTreeSet<&str> = limits.keys().copied().collect();
    loop {
        let before = pulling.len();
        for reference in references.iter().filter(|r| restricted.contains(&r.references)) {
            if pulling.contains(reference.table.as_str()) {
                pulling.insert(&reference.references);
            }
        }
        if pulling.len() == before {
            return pulling;
        }
    }
}

/// Rows that the limits leave of the restricted tables, from top to bottom: a follower keeps the smallest share of its
/// parents'.
fn estimates<'a>(
    served: &'a BTreeMap<String, Table>,
    references: &[Reference],
    limits: &BTreeMap<&str, &Limit>,
    restricted: &BTreeSet<String>,
) -> BTreeMap<&'a str, u64> {
    let rows = |name: &str| served.get(name).map_or(0, |table| table.row_count);
    let mut kept: BTreeMap<&str, u64> = served
        .iter()
        .filter(|(name, _)| restricted.contains(*name))
        .map(|(name, table)| {
            let limit = limits.get(name.as_str());
            (name.as_str(), limit.map_or(table.row_count, |limit| limit.wanted_rows(table.row_count)))
        })
        .collect();
    // Each round settles one more level; tables in a circle stay as they are after as many rounds as there are tables.
    for _ in 0..served.len() {
        let mut changed = false;
        for reference in references.iter().filter(|r| !limits.contains_key(r.table.as_str())) {
            let Some(parent) = kept.get(reference.references.as_str()).copied() else { continue };
            let share = u128::from(rows(&reference.table)) * u128::from(parent)
                / u128::from(rows(&reference.references).max(1));
            let share = u64::try_from(share).unwrap_or(u64::MAX);
            if reference.table != reference.references
                && let Some(own) = kept.get_mut(reference.table.as_str())
                && *own > share
            {
                *own = share;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    kept
}

/// A limit in words.
fn describe(limit: &Limit, table: &Table) -> String {
    if limit.all {
        return "all rows".to_owned();
    }
    let direction = match limit.direction {
        Direction::Asc => "asc",
        Direction::Desc => "desc",
    };
    let order = limit.order_by.clone().unwrap_or_else(|| table.primary_key.join(", "));
    let mut parts = Vec::new();
    if let Some(days) = limit.keep_days {
        let by = limit.order_by.as_deref().unwrap_or("created_at");
        parts.push(format!("last {} by {by}", plural(u64::from(days), "day")));
    }
    if limit.condition.is_some() {
        parts.push("by its condition".to_owned());
    }
    if let Some(percent) = limit.percent {
        parts.push(format!("{percent} %"));
    }
    match limit.max_rows {
        Some(rows) if order.is_empty() => parts.push(plural(rows, "row")),
        Some(rows) => parts.push(format!("{} by {order} {direction}", plural(rows, "row"))),
        None => {}
    }
    parts.join(", ")
}

/// `1 row`, `1000 rows`.
fn plural(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Column;

    fn served(tables: &[(&str, u64)]) -> BTreeMap<String, Table> {
        let table = |(name, rows): &(&str, u64)| {
            let table = Table {
                primary_key: vec!["id".into()],
                row_count: *rows,
                ..Table::new(name, vec![Column::new("id", "int")])
            };
            ((*name).to_owned(), table)
        };
        tables.iter().map(table).collect()
    }

    fn reference(child: &str, parent: &str) -> Reference {
        Reference {
            name: format!("{child}_{parent}"),
            table: child.into(),
            columns: vec!["x".into()],
            references: parent.into(),
            referenced_columns: vec!["id".into()],
            when: Vec::new(),
        }
    }

    fn limit(table: &str, max_rows: u64) -> Limit {
        Limit { table: table.into(), max_rows: Some(max_rows), ..Limit::default() }
    }

    #[test]
    fn each_table_says_why_and_how_many() {
        let served =
            served(&[("users", 1000), ("orders", 5000), ("items", 20_000), ("log", 90), ("other", 7)]);
        let references =
            [reference("orders", "users"), reference("items", "orders"), reference("log", "users")];
        let restricted = ["users", "orders", "items", "log"].map(str::to_owned).into();
        let limits = [limit("users", 100), Limit { order_by: Some("at".into()), ..limit("log", 1500) }];
        let found = outlines(&served, &references, &limits, &restricted);
        let line = |name: &str| {
            let outline = &found[name];
            (
                outline.limit.as_deref(),
                outline.follows.join(","),
                outline.pulled_in_by.join(","),
                outline.rows_estimate,
            )
        };
        assert_eq!(line("items"), (None, "orders".into(), String::new(), 2000));
        assert_eq!(line("log"), (Some("1500 rows by at desc"), String::new(), String::new(), 90));
        assert_eq!(line("orders"), (None, "users".into(), String::new(), 500));
        assert_eq!(line("users"), (Some("100 rows by id desc"), String::new(), "log".into(), 100));
        assert!(!found.contains_key("other"));
    }

    #[test]
    fn circles_and_whole_drivers_end() {
        let served = served(&[("a", 10), ("b", 10), ("c", 30), ("top", 4)]);
        let references =
            [reference("a", "b"), reference("b", "a"), reference("c", "a"), reference("b", "top")];
        let limits = [limit("top", 1), Limit { table: "c".into(), all: true, ..Limit::default() }];
        let restricted = ["a", "b", "top"].map(str::to_owned).into();
        let outlines = outlines(&served, &references, &limits, &restricted);
        assert_eq!(outlines["c"].limit.as_deref(), Some("all rows"));
        assert_eq!(
            (outlines["a"].follows.join(","), outlines["a"].pulled_in_by.join(",")),
            ("b".into(), "b,c".into())
        );
        assert_eq!(outlines["top"].pulled_in_by, ["b"]);
        assert_eq!(outlines["c"].rows_estimate, 30);
    }

    #[test]
    fn limits_are_put_into_words() {
        let table = &served(&[("t", 1)])["t"];
        let days = Limit { keep_days: Some(30), max_rows: Some(2000), ..Limit::default() };
        assert_eq!(describe(&days, table), "last 30 days by created_at, 2000 rows by id desc");
        let share = Limit {
            percent: Some(2.5),
            condition: Some("1".into()),
            direction: Direction::Asc,
            ..Limit::default()
        };
        assert_eq!(describe(&share, table), "by its condition, 2.5 %");
    }
}
