//! Building every staging table complete and empty, so that what the target refuses (a key without a unique
//! parent, a row too large, a table without primary key, a trigger it would not take back) is refused at once and
//! in full, and taking away again what rows are loaded faster without.

use super::definition::{Definition, IndexDefinition};
use super::keys::{self, ChildKeys};
use super::names::{Ladder, Layout};
use super::patience;
use super::pool::{OnError, each, try_each};
use super::site::{Site, definition, show_create};
use super::staging::{Built, PrepareOptions, fingerprint};
use super::trigger::TriggerRecord;
use crate::db::Connection;
use crate::db::error::server_code;
use crate::error::{Context, Error, Kind, Result};
use crate::plan::load::{LoadPlan, Origin};
use crate::schema::ddl::NAME_MAX;
use crate::schema::{Flavour, ddl};
use crate::sql::{Ident, TableName};
use std::collections::BTreeSet;

/// Refusals that are listed in one message; more are counted.
const LISTED_MAX: usize = 20;

/// Builds all tables of the plan, tries everything that comes after loading, and strips them for loading.
pub(super) fn build(
    site: &Site,
    conn: &mut Connection,
    layout: &Layout,
    plan: &LoadPlan,
    options: PrepareOptions<'_>,
) -> Result<Vec<Built>> {
    let mut numbers: Vec<usize> = (0..plan.tables.len()).collect();
    let parallel = options.parallel;
    let open = || site.connect(Some(site.database()));
    // On the second rung keys are tried under other names, and leave indexes of those names behind.
    let small = if layout.ladder == Ladder::Schemas { Some(options.small) } else { None };
    let is_small = |number: usize| small.is_some_and(|small| small.contains(&plan.tables[number].name));
    let made = each(open, parallel, &numbers, OnError::GoOn, |conn, &number| {
        create(conn, layout, plan, (number, is_small(number)))
    });
    let mut refusals = Refusals::default();
    let mut built: Vec<Built> = Vec::with_capacity(numbers.len());
    for (number, result) in made.into_iter().enumerate() {
        match result {
            Some(Ok(table)) => built.push(table),
            Some(Err(error)) => refusals.add(&plan.tables[number].name, error)?,
            None => return Err(Error::internal("a staging table was not begun")),
        }
    }
    refusals.check()?;
    let children = keys::staged(layout, plan)?;
    let nothing_waits = |number: &usize| built[*number].deferred.is_empty();
    let keeps = |child: &ChildKeys| {
        // A parent in use must not be held by keys of a table that it knows nothing of.
        layout.ladder == Ladder::Schemas
            && child.outside.is_empty()
            && nothing_waits(&child.number)
            && child.parents.iter().all(nothing_waits)
    };
    let (kept, dropped): (Vec<_>, Vec<_>) = children.iter().partition(|child| keeps(child));
    try_keys(conn, plan, &children, &dropped)?;
    numbers.retain(|number| !(is_small(*number) && nothing_waits(number)));
    kept.iter().for_each(|child| built[child.number].has_keys = true);
    try_each(open, parallel, &numbers, |conn, &number| {
        strip(conn, &layout.staged(number, &plan.tables[number].name), is_small(number))
    })?;
    try_triggers(site, conn, layout, plan)?;
    Ok(built)
}

/// What the target refuses, collected.
#[derive(Default)]
struct Refusals {
    list: Vec<String>,
    first: Option<Error>,
}

impl Refusals {
    /// Takes the server's word on one table; any other failure ends the work.
    fn add(&mut self, table: &str, error: Error) -> Result<()> {
        if server_code(&error).is_none() || error.is_retryable() {
            let kind = if patience::is_locked(&error) { Kind::Busy } else { error.kind() };
            return Err(error.with_kind(kind).context(format!("preparing table `{table}`")));
        }
        self.list.push(format!("`{table}`: {}", error.what()));
        self.first.get_or_insert(error);
        Ok(())
    }

    fn check(self) -> Result<()> {
        let Some(first) = self.first else { return Ok(()) };
        let more = match self.list.len().saturating_sub(LISTED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown = &self.list[..self.list.len().min(LISTED_MAX)];
        let what =
            format!("the target refuses {} of its tables: {}{more}", self.list.len(), shown.join("; "));
        let kind = if first.kind() == Kind::Privilege { Kind::Privilege } else { Kind::Schema };
        let error = Error::new(kind, what);
        Err(match hint(&first) {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }
}

fn hint(error: &Error) -> Option<&'static str> {
    Some(match server_code(error)? {
        3750 => {
            "the target demands a primary key: set sql_require_primary_key = OFF there, or exclude the table"
        }
        1173 => {
            "the target demands a primary key: set innodb_force_primary_key = OFF there, or exclude the table"
        }
        6125 => "the target demands unique parent keys: set restrict_fk_on_non_standard_key = OFF there",
        1822 | 3780 => {
            "both ends of a foreign key need one type, character set and collation, and the parent's a unique key: where \
             one of the tables was here before, change it or drop it"
        }
        1901 => {
            "its server does not compute such a column: make the table there without it (its other columns are pulled), or \
             exclude the table"
        }
        1118 => "the table's rows are too large for the target's row format",
        _ => return None,
    })
}

fn create(
    conn: &mut Connection,
    layout: &Layout,
    plan: &LoadPlan,
    (number, is_small): (usize, bool),
) -> Result<Built> {
    let table = &plan.tables[number];
    let staged = layout.staged(number, &table.name);
    let mut built = Built::default();
    match &table.origin {
        Origin::Own => {
            let live = layout.live(&table.name);
            let text = show_create(conn, &live)?;
            let parsed = Definition::parse(&text)?;
            let long = conn.flavour() == Flavour::Mysql && is_too_long_to_copy(&parsed, &staged);
            let copy = if long { layout.passing(number) } else { staged.clone() };
            // LIKE and not the text: MariaDB prints defaults of binary columns with other bytes.
            conn.execute(&format!("CREATE TABLE {copy} LIKE {live}"))?;
            built.replaces = Some(fingerprint(&text));
            if !table.is_swapped() {
                // Its rows go where all indexes are; here they are only found by their key.
                strip(conn, &copy, false)?;
                rename(conn, &copy, &staged)?;
                return Ok(built);
            }
            if conn.flavour() == Flavour::Mysql {
                built.late_checks = name_checks(conn, layout, &parsed, &table.name, &copy)?;
            }
            rename(conn, &copy, &staged)?;
        }
        Origin::Source(source) => {
            let server = (conn.flavour(), conn.version());
            conn.execute(&ddl::create_table(&source.table, &staged, source.flavour, server)?)?;
        }
    }
    let definition = definition(conn, &staged)?;
    built.deferred = waiting(&definition, is_small);
    built.kept_indexes = definition.deferrable().len().saturating_sub(built.deferred.len()) as u64;
    Ok(built)
}

/// The indexes that are built when the rows are in.
fn waiting(definition: &Definition, is_small: bool) -> Vec<IndexDefinition> {
    if is_small { definition.deferrable_if_small() } else { definition.deferrable() }
}

/// Whether MySQL cannot copy a table of this definition under this name: it makes names of CHECKs from the table's.
fn is_too_long_to_copy(definition: &Definition, name: &TableName) -> bool {
    let checks = definition.checks().count();
    checks > 0 && format!("{}_chk_{checks}", name.table()).chars().count() > NAME_MAX
}

fn rename(conn: &mut Connection, from: &TableName, to: &TableName) -> Result<()> {
    if from != to {
        conn.execute(&format!("RENAME TABLE {from} TO {to}"))?;
    }
    Ok(())
}

/// MySQL's LIKE gives CHECKs names of its own: gives them back those of `live`. The ones whose names are taken as
/// long as the old table is beside the new one are returned.
fn name_checks(
    conn: &mut Connection,
    layout: &Layout,
    live: &Definition,
    table: &str,
    staged: &TableName,
) -> Result<Vec<(String, String)>> {
    let copy = definition(conn, staged)?;
    let wanted: Vec<_> = live.checks().collect();
    let got: Vec<_> = copy.checks().collect();
    if wanted.iter().map(|(name, _)| name).eq(got.iter().map(|(name, _)| name)) {
        return Ok(Vec::new());
    }
    let mut clauses: Vec<String> =
        got.iter().map(|(name, _)| format!("DROP CHECK {}", Ident::new(*name))).collect();
    let mut late = Vec::new();
    for (name, text) in wanted {
        match check_name(layout.ladder, name, table, staged.table()) {
            Some(name) => clauses.push(format!("ADD CONSTRAINT {} {text}", Ident::new(name))),
            None => late.push((name.to_owned(), text.to_owned())),
        }
    }
    conn.execute(&format!("ALTER TABLE {staged} {}", clauses.join(", ")))?;
    Ok(late)
}

/// The name that a CHECK can have in staging so that it is `name` after the swap: the server renames its generated
/// names (`{table}_chk_{n}`) with the table.
fn check_name(ladder: Ladder, name: &str, table: &str, staged: &str) -> Option<String> {
    match ladder {
        Ladder::Schemas => Some(name.to_owned()),
        Ladder::Prefixed => {
            let number = name.strip_prefix(table)?.strip_prefix("_chk_")?;
            number.bytes().all(|b| b.is_ascii_digit()).then(|| format!("{staged}_chk_{number}"))
        }
    }
}

/// Adds every foreign key and drops those again that can wait. One connection: two would meet in deadlocks.
fn try_keys(
    conn: &mut Connection,
    plan: &LoadPlan,
    children: &[ChildKeys],
    dropped: &[&ChildKeys],
) -> Result<()> {
    let mut refusals = Refusals::default();
    for child in children {
        if let Err(error) = patience::execute(conn, &child.add, &child.outside) {
            refusals.add(&plan.tables[child.number].name, error)?;
        }
    }
    refusals.check()?;
    for child in dropped {
        patience::execute(conn, &child.drop, &child.outside)?;
    }
    Ok(())
}

/// Drops the indexes that can wait, as they are now: an index that a foreign key once brought with it is replaced by
/// that of a key which was tried under another name.
fn strip(conn: &mut Connection, staged: &TableName, is_small: bool) -> Result<()> {
    let indexes = waiting(&definition(conn, staged)?, is_small);
    if indexes.is_empty() {
        return Ok(());
    }
    let clauses: Vec<String> =
        indexes.iter().map(|index| format!("DROP INDEX {}", Ident::new(index.name.as_str()))).collect();
    conn.execute(&format!("ALTER TABLE {staged} {}", clauses.join(", ")))?;
    Ok(())
}

/// Creates every trigger of the application's tables in the plan once on a scratch table: an account may be allowed to drop
/// one and not to create it.
pub(super) fn try_triggers(
    site: &Site,
    conn: &mut Connection,
    layout: &Layout,
    plan: &LoadPlan,
) -> Result<()> {
    let names: BTreeSet<&str> =
        plan.tables.iter().filter(|t| t.origin == Origin::Own).map(|t| t.name.as_str()).collect();
    let triggers = TriggerRecord::read(conn, site.database(), |table| names.contains(table))?;
    let scratch = layout.scratch();
    // An earlier attempt with the same staging may have died with it.
    conn.execute(&format!("DROP TABLE IF EXISTS {scratch}"))?;
    if triggers.is_empty() {
        return see_triggers(conn, layout, &scratch);
    }
    let tables: BTreeSet<&str> = triggers.iter().map(|t| t.table.as_str()).collect();
    for table in tables {
        conn.execute(&format!("CREATE TABLE {scratch} LIKE {}", layout.live(table)))?;
        let tried = try_on(conn, layout, &scratch, triggers.iter().filter(|t| t.table == table));
        conn.execute(&format!("DROP TABLE IF EXISTS {scratch}"))?;
        tried.context(|| "trying whether the triggers can be created again")?;
    }
    Ok(())
}

fn try_on<'a>(
    conn: &mut Connection,
    layout: &Layout,
    scratch: &TableName,
    triggers: impl Iterator<Item = &'a TriggerRecord>,
) -> Result<()> {
    for (number, trigger) in triggers.enumerate() {
        let name = format!("_backfill_{}_trigger{number}", layout.id);
        trigger.create(conn, &layout.database, &name, scratch)?;
    }
    Ok(())
}

/// Without the right to triggers an account does not see any. A `RENAME` into another schema then fails and nothing
/// is lost; inside one schema the triggers would go with the old table, so there the right is asked for.
fn see_triggers(conn: &mut Connection, layout: &Layout, scratch: &TableName) -> Result<()> {
    if layout.ladder == Ladder::Schemas {
        return Ok(());
    }
    conn.execute(&format!("CREATE TABLE {scratch} (id INT PRIMARY KEY)"))?;
    let name = TableName::qualified(layout.database.as_str(), format!("_backfill_{}_trigger", layout.id));
    let tried =
        conn.execute(&format!("CREATE TRIGGER {name} BEFORE INSERT ON {scratch} FOR EACH ROW SET @x = 1"));
    conn.execute(&format!("DROP TABLE IF EXISTS {scratch}"))?;
    match tried {
        Err(error) if server_code(&error) == Some(1142) => Err(error
            .context("the account cannot see whether the tables have triggers")
            .hint("grant the account TRIGGER on the database")),
        // 1419: it may see them, and there are none.
        _ => Ok(()),
    }
}
