//! Every check of a rule that needs no row: what fails here would fail later, in the middle of a copy or a load.

mod fit;
mod references;
mod unique;

pub(super) use fit::known_columns;
use references::Side;

use super::identity::Identity;
use super::mentions::mentions;
use super::pattern::Pattern;
use super::problem::{Problem, heading};
use super::render::{MaskedColumn, TableMasks, same};
use super::resolve::{Resolved, Ruled};
use super::types::{Mask, Own, Pieces, Place, Reading, ascii};
use super::{Facts, Report};
use crate::schema::{Flavour, Generated, Schema, Table};
use crate::secret::Secret;
use crate::sql::KEY_VARIABLE;
use std::collections::BTreeMap;

/// The masks of one table; none if a rule of it cannot be applied.
pub(super) fn table(
    ruled: &[Ruled<'_>],
    resolved: &Resolved<'_>,
    schema: &Schema,
    facts: &Facts<'_>,
    report: &mut Report,
) -> Option<TableMasks> {
    let before = report.problems.len();
    let table = ruled.first()?.table;
    let is_ruled = |name: &str| ruled.iter().any(|other| same(&other.column.name, name));
    let identity = Identity::of(table, is_ruled, facts.widest_id_digits.get(&table.name).copied());
    let keys = unique::keys(table);
    let stored: Vec<String> = table.stored_columns().map(|column| column.name.clone()).collect();
    let columns: Vec<MaskedColumn> = ruled
        .iter()
        .filter_map(|one| {
            let keyed = keyed(one, schema, resolved, facts, report);
            warn_if_all_stay(one, report);
            let in_unique_index = keys.iter().any(|key| key.has(&one.column.name));
            let place = Place {
                one,
                own: Own { name: &one.column.name, table: &stored },
                identity: &identity,
                in_unique_index,
                keyed: keyed.is_some(),
            };
            match fit::digits(&place) {
                Ok(hex) => {
                    warn_if_short(one, keyed, hex, report);
                    Some(masked(one, hex, keyed))
                }
                Err(problem) => {
                    report.problems.push(problem);
                    None
                }
            }
        })
        .collect();
    unique::check(ruled, &columns, &identity, &keys, report);
    if report.problems.len() > before {
        return None;
    }
    let masks = assemble(table, columns, identity, facts, schema.flavour, stored);
    if facts.by_update
        && let Err(error) = masks.update_assignments()
    {
        let fix = error.hint_text().unwrap_or_default();
        report.problems.push(Problem::new(ruled.first()?.rule, error.what(), fix));
    }
    Some(masks)
}

/// How old values are read where masks are functions of them.
fn keyed(
    one: &Ruled<'_>,
    schema: &Schema,
    resolved: &Resolved<'_>,
    facts: &Facts<'_>,
    report: &mut Report,
) -> Option<Reading> {
    let side = references::check(one, schema, resolved, facts, &mut report.problems);
    facts.key?;
    match side {
        Side::Key => Reading::of_key(one.column),
        Side::None => Some(Reading::of(one.column)),
    }
}

fn masked(one: &Ruled<'_>, hex: u64, keyed: Option<Reading>) -> MaskedColumn {
    MaskedColumn {
        name: one.column.name.clone(),
        mask: one.rule.mask.clone(),
        kept: one.rule.exclude.iter().map(|text| Pattern::new(text)).collect(),
        condition: one.rule.condition.clone(),
        column: one.column.clone(),
        hex,
        keyed,
    }
}

/// Masks of a short column have fewer digits than those of others.
fn warn_if_short(one: &Ruled<'_>, keyed: Option<Reading>, hex: u64, report: &mut Report) {
    let mask = &one.rule.mask;
    let most = match mask {
        Mask::Token(token) => u64::from(token.length),
        mask => mask.pieces(true).map_or(0, Pieces::most_digits),
    };
    if keyed.is_some() && mask.follows_value() && hex < most {
        report.warnings.push(format!(
            "{}: `{}`.`{}` is short, so its masks have {hex} digits and not {most}: they do not match those of other columns",
            heading(one.rule),
            one.table.name,
            one.column.name
        ));
    }
}

/// Phone numbers in a unique index need more digits than others have, so equal ones do not match.
pub(super) fn warn_of_unlike_phones(tables: &BTreeMap<String, TableMasks>, report: &mut Report) {
    let phones = tables.values().flat_map(|masks| {
        let phones =
            masks.columns.iter().filter(|masked| masked.mask == Mask::Phone && masked.keyed.is_some());
        phones.map(|masked| (masked.hex, format!("`{}`.`{}`", masks.table, masked.name)))
    });
    let mut by_digits: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    phones.for_each(|(digits, name)| by_digits.entry(digits).or_default().push(name));
    let (Some((short, few)), Some((long, many))) = (by_digits.first_key_value(), by_digits.last_key_value())
    else {
        return;
    };
    if short < long {
        report.warnings.push(format!(
            "`phone` of {} has {long} digits, because a unique index needs them, and that of {} has {short}: the same number \
             has two masks, and joins over these columns find nothing; `token` would be the same in all",
            many.join(", "),
            few.join(", ")
        ));
    }
}

fn warn_if_all_stay(one: &Ruled<'_>, report: &mut Report) {
    if one.rule.exclude.iter().any(|text| Pattern::new(text).matches_all()) {
        report.warnings.push(format!(
            "{}: exclude = [\"*\"] keeps every value of `{}`.`{}` as it is",
            heading(one.rule),
            one.table.name,
            one.column.name
        ));
    }
}

/// What salts the hashes of natural keys: the key of masks, which statements only name, or a salt of this plan.
fn salt_sql(facts: &Facts<'_>) -> String {
    match facts.key {
        Some(_) => format!("{KEY_VARIABLE}, {}", ascii("identity:")),
        None => ascii(facts.salt),
    }
}

fn assemble(
    table: &Table,
    columns: Vec<MaskedColumn>,
    identity: Identity,
    facts: &Facts<'_>,
    flavour: Flavour,
    stored: Vec<String>,
) -> TableMasks {
    let is_ruled = |name: &str| columns.iter().any(|column| same(&column.name, name));
    let depends = |expression: &str| columns.iter().any(|column| mentions(expression, &column.name));
    let (recomputed, plain): (Vec<_>, Vec<_>) = table.columns.iter().partition(|column| {
        column.generated != Generated::No && column.expression.as_deref().is_some_and(depends)
    });
    let checks: Vec<_> = table
        .checks
        .iter()
        .filter(|check| {
            depends(&check.expression)
                || recomputed.iter().any(|column| mentions(&check.expression, &column.name))
        })
        .cloned()
        .collect();
    let needed_by_checks = |name: &str| checks.iter().any(|check| mentions(&check.expression, name));
    let recomputed: Vec<(String, String)> = recomputed
        .into_iter()
        .filter(|column| needed_by_checks(&column.name))
        .filter_map(|column| Some((column.name.clone(), column.expression.clone()?)))
        .collect();
    let probed = plain
        .into_iter()
        .map(|column| column.name.clone())
        .filter(|name| needed_by_checks(name) || recomputed.iter().any(|(_, sql)| mentions(sql, name)))
        .collect();
    TableMasks {
        table: table.name.clone(),
        changes_key: table.row_key().iter().any(|name| is_ruled(name)),
        columns,
        checks,
        identity,
        salt: Secret::new(salt_sql(facts)),
        key: facts.key.cloned(),
        stored,
        flavour,
        probed,
        recomputed,
    }
}
