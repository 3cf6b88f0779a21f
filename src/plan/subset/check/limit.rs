//! One entry of `[limits]` against the schema.

use super::{Ground, Named, Report, column, condition};
use crate::plan::problem::toml_key;
use crate::plan::subset::Limit;
use crate::schema::{Column, Table};

/// The limit with the table's own spelling of `order_by`; none if its table is not served or something is wrong.
pub(super) fn check(limit: &Limit, ground: Ground<'_>, report: &mut Report) -> Option<Limit> {
    let heading = format!("[limits] {}", toml_key(&limit.table));
    let table = match ground.table(&limit.table, &heading, report)? {
        Named::Served(table) => table,
        Named::NotServed(_) => return None,
    };
    let problems = report.problems.len();
    let order_by = limit.order_by.as_ref().and_then(|name| order_by(table, name, &heading, report));
    if limit.order_by.is_none() || order_by.is_some() {
        check_age(limit, table, order_by, &heading, report);
    }
    let cuts = limit.max_rows.is_some() || limit.percent.is_some();
    if cuts && limit.order_by.is_none() && table.primary_key.is_empty() {
        report.problem(
            &heading,
            format!("table `{}` has no primary key to order by", table.name),
            "add `order_by`: the column that says which rows come first",
        );
    }
    if let Some(text) = &limit.condition
        && let Err(wrong) = condition::scan(text)
    {
        report.problem(&heading, format!("`where` {}", wrong.what), wrong.fix);
    }
    let good = report.problems.len() == problems;
    good.then(|| Limit { order_by: order_by.map(|column| column.name.clone()), ..limit.clone() })
}

fn order_by<'a>(table: &'a Table, name: &str, heading: &str, report: &mut Report) -> Option<&'a Column> {
    let column = column(table, name, heading, report)?;
    if has_order(column) {
        return Some(column);
    }
    report.problem(
        heading,
        format!(
            "column `{}` of table `{}` is `{}`, which has no order",
            column.name, table.name, column.data_type
        ),
        "order by a number, a date or a text",
    );
    None
}

/// `keep_days` needs a column that says how old a row is.
fn check_age(limit: &Limit, table: &Table, order_by: Option<&Column>, heading: &str, report: &mut Report) {
    if limit.keep_days.is_none() {
        return;
    }
    let fix = "name a DATE, DATETIME or TIMESTAMP column in `order_by`";
    match order_by.or_else(|| table.column("created_at")) {
        Some(column) if column.is_temporal() => {}
        Some(column) => report.problem(
            heading,
            format!(
                "`keep_days` goes by column `{}` of table `{}`, which is `{}`",
                column.name, table.name, column.data_type
            ),
            fix,
        ),
        None => report.problem(
            heading,
            format!("`keep_days` goes by `created_at`, and table `{}` has no such column", table.name),
            fix,
        ),
    }
}

/// Whether the server sorts such values in an order that means something.
fn has_order(column: &Column) -> bool {
    !matches!(
        column.data_type.as_str(),
        "json"
            | "geometry"
            | "point"
            | "linestring"
            | "polygon"
            | "multipoint"
            | "multilinestring"
            | "multipolygon"
            | "geometrycollection"
            | "geomcollection"
            | "vector"
    )
}
