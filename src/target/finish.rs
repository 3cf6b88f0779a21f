//! Finishing a swap: the same code whether it follows the `RENAME` at once or a pull that comes after a crash.
//! Every step asks the server first whether it is done, so all of them can be repeated.

use super::journal::{Found, Journal, Move, Progress, rename};
use super::names::{Ladder, Purpose};
use super::site::Site;
use super::staging::{self, drop_schema, drop_tables, of_layout};
use super::trigger::TriggerRecord;
use super::{doc, keys, names, outside};
use crate::db::Connection;
use crate::db::error::server_code;
use crate::error::{Context, Error, Result};
use crate::fault::phase;
use crate::plan::load::{OutsideKey, add_key};
use crate::schema::Flavour;
use crate::sql::ident::string_literal;
use crate::sql::{Ident, TableName};
use std::collections::BTreeMap;

/// A foreign key of a table that stayed: it was led to a new parent, or a merge removed rows that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedKey {
    /// The child table, with its schema where it is another one.
    pub table: String,
    /// The key's name.
    pub name: String,
    /// The parent.
    pub references: String,
    /// Rows of the child that lead nowhere now; none if they could not be counted.
    pub dangling: Option<u64>,
}

/// Where the tables of the journal are now.
pub(super) fn progress(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<Progress> {
    let layout = &journal.layout;
    let found = Found {
        live: site.tables(conn, &layout.database)?,
        staged: site.tables(conn, &layout.schema(Purpose::Load))?,
        old: site.tables(conn, &layout.schema(Purpose::Old))?,
    };
    journal.progress(&found, |name| site.fold(name))
}

/// Gives the application's tables, wherever the swap is, the triggers back that they lack.
pub(super) fn back(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    place_triggers(site, conn, journal)
}

/// The `RENAME`. On the first rung it moves tables between schemas, which no table with triggers can do.
pub(super) fn rename_all(conn: &mut Connection, journal: &Journal) -> Result<()> {
    if journal.layout.ladder == Ladder::Schemas {
        drop_triggers(conn, &journal.layout.database, &journal.triggers_of(false))?;
        phase("swap.triggers_dropped");
    }
    conn.execute(&journal.rename()).context(|| "swapping the tables")?;
    phase("swap.renamed");
    Ok(())
}

/// Between the moves of a `RENAME` that a dying server left half done: does the rest.
pub(super) fn complete(conn: &mut Connection, left: &[(TableName, TableName)]) -> Result<()> {
    conn.execute(&rename(left)).map(|_| ()).context(|| "completing an interrupted swap")
}

/// After the `RENAME`: gives the new tables triggers, keys and checks, and leads other tables' keys to them.
pub(super) fn forward(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    place_triggers(site, conn, journal)?;
    phase("swap.triggers_created");
    if journal.layout.ladder == Ladder::Prefixed {
        take_names_over(site, conn, journal)?;
    }
    lead_outside_keys(site, conn, journal)
}

/// Every trigger of the journal on the table of its name. Created in firing order, after those that are there.
fn place_triggers(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    if journal.triggers.is_empty() {
        return Ok(());
    }
    let layout = &journal.layout;
    let on_table = triggers_by_name(conn, &layout.database)?;
    let live = site.tables(conn, &layout.database)?;
    let is_ours =
        |table: &str| names::parse(table).is_some_and(|p| p.id == layout.id && p.purpose == Purpose::Old);
    // On the second rung triggers went with the old tables.
    for trigger in journal.triggers.iter().rev() {
        if on_table.get(&trigger.name).is_some_and(|table| is_ours(table)) {
            drop_trigger(conn, &layout.database, &trigger.name)?;
        }
    }
    for trigger in &journal.triggers {
        match on_table.get(&trigger.name) {
            Some(table) if site.fold(table) == site.fold(&trigger.table) => {}
            _ if !live.contains(&site.fold(&trigger.table)) => {
                tracing::warn!(trigger = trigger.name, table = trigger.table, "the trigger's table is gone");
            }
            Some(table) if !is_ours(table) => tracing::warn!(
                trigger = trigger.name,
                table,
                "another trigger has taken the name; this one is not created again"
            ),
            _ => trigger.create(conn, &layout.database, &trigger.name, &layout.live(&trigger.table))?,
        }
    }
    Ok(())
}

fn triggers_by_name(conn: &mut Connection, schema: &str) -> Result<BTreeMap<String, String>> {
    let rows: Vec<(String, String)> = conn.query(&format!(
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {}",
        string_literal(schema)
    ))?;
    Ok(rows.into_iter().collect())
}

/// Drops triggers in reverse firing order: what is left at any moment is a beginning of the list, so that creating
/// the rest behind it restores the order.
pub(super) fn drop_triggers(conn: &mut Connection, schema: &str, triggers: &[&TriggerRecord]) -> Result<()> {
    for trigger in triggers.iter().rev() {
        drop_trigger(conn, schema, &trigger.name)?;
    }
    Ok(())
}

fn drop_trigger(conn: &mut Connection, schema: &str, name: &str) -> Result<()> {
    let trigger = TableName::qualified(schema, name);
    conn.execute(&format!("DROP TRIGGER IF EXISTS {trigger}")).map(|_| ())
}

/// Second rung: takes the names of keys and CHECKs from the old tables and gives them to the new ones.
fn take_names_over(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    let layout = &journal.layout;
    for step in journal.moves.iter().filter(|step| step.replaces) {
        let old = layout.old(step.number, &step.table);
        let names: Vec<String> = references(conn, &layout.database, old.table())?.into_keys().collect();
        if !names.is_empty() {
            conn.execute(&keys::drop_statement(&old, &names))?;
        }
        for (_, name, _) in journal.checks.iter().filter(|(table, ..)| *table == step.table) {
            if has_check(conn, &layout.database, old.table(), name)? {
                conn.execute(&format!("ALTER TABLE {old} DROP CHECK {}", Ident::new(name.as_str())))?;
            }
        }
    }
    let live = site.tables(conn, &layout.database)?;
    for key in journal.keys.iter().filter(|key| live.contains(&site.fold(&key.table))) {
        let there = references(conn, &layout.database, &site.fold(&key.table))?;
        if !there.contains_key(&key.name) {
            let clause = add_key(key, &key.name, &keys::live_parent(layout, key), conn.flavour())?;
            conn.execute(&format!("ALTER TABLE {} {clause}", layout.live(&key.table)))?;
        }
    }
    let present = |table: &str| live.contains(&site.fold(table));
    for (table, name, text) in journal.checks.iter().filter(|(table, ..)| present(table)) {
        if !has_check(conn, &layout.database, &site.fold(table), name)? {
            let (live, name) = (layout.live(table), Ident::new(name.as_str()));
            conn.execute(&format!("ALTER TABLE {live} ADD CONSTRAINT {name} {text}"))?;
        }
    }
    Ok(())
}

/// The foreign keys of a table: name to (schema, table) of the parent.
fn references(
    conn: &mut Connection,
    schema: &str,
    table: &str,
) -> Result<BTreeMap<String, (String, String)>> {
    let rows: Vec<(String, String, String)> = conn.query(&format!(
        "SELECT DISTINCT CONSTRAINT_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME \
         FROM information_schema.KEY_COLUMN_USAGE \
         WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND REFERENCED_TABLE_NAME IS NOT NULL",
        string_literal(schema),
        string_literal(table)
    ))?;
    Ok(rows.into_iter().map(|(name, schema, table)| (name, (schema, table))).collect())
}

fn has_check(conn: &mut Connection, schema: &str, table: &str, name: &str) -> Result<bool> {
    let found: Option<u8> = conn.query_first(&format!(
        "SELECT 1 FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {} AND TABLE_NAME = {} \
         AND CONSTRAINT_NAME = {} AND CONSTRAINT_TYPE = 'CHECK'",
        string_literal(schema),
        string_literal(table),
        string_literal(name)
    ))?;
    Ok(found.is_some())
}

/// Leads the keys of other tables from the old parents, which they followed, to the new ones. A statement cannot
/// drop a key and add one of the same name (1826), so each goes over a name of ours: at no moment does the child
/// go without a key.
fn lead_outside_keys(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    let layout = &journal.layout;
    let passing = |number: usize| format!("_backfill_{}_key{number}", layout.id);
    let mut open = Vec::new();
    for (number, outside) in journal.outside.iter().enumerate() {
        let key = &outside.key;
        let there = references(conn, &outside.schema, &site.fold(&key.table))?;
        let is_new = |(schema, table): &(String, String)| {
            site.fold(schema) == site.fold(&layout.database) && site.fold(table) == site.fold(&key.references)
        };
        let has_passing = there.contains_key(&passing(number));
        match there.get(&key.name) {
            Some(parent) if is_new(parent) && !has_passing => continue,
            _ if !exists(conn, outside)? => {
                tracing::warn!(table = key.table, key = key.name, "the table of this foreign key is gone");
                continue;
            }
            Some(parent) if !is_new(parent) && !has_passing => {
                let add = add_key(key, &passing(number), &layout.live(&key.references), conn.flavour())?;
                alter(conn, outside, &format!("DROP FOREIGN KEY {}, {add}", Ident::new(key.name.as_str())))?;
            }
            _ => {}
        }
        open.push((number, outside));
    }
    phase("swap.outside_keys_dropped");
    for (number, outside) in open {
        let key = &outside.key;
        let there = references(conn, &outside.schema, &site.fold(&key.table))?;
        let mut clauses = Vec::new();
        if there.contains_key(&passing(number)) {
            clauses.push(format!("DROP FOREIGN KEY {}", Ident::new(passing(number))));
        }
        if !there.contains_key(&key.name) {
            clauses.push(add_key(key, &key.name, &layout.live(&key.references), conn.flavour())?);
        }
        if !clauses.is_empty() {
            alter(conn, outside, &clauses.join(", "))?;
        }
    }
    phase("swap.outside_keys_added");
    Ok(())
}

fn child(outside: &OutsideKey) -> TableName {
    TableName::qualified(outside.schema.as_str(), outside.key.table.as_str())
}

fn alter(conn: &mut Connection, outside: &OutsideKey, clauses: &str) -> Result<()> {
    let table = child(outside);
    conn.execute(&format!("ALTER TABLE {table} {clauses}"))
        .context(|| format!("leading foreign key `{}` of {table} to the new table", outside.key.name))?;
    Ok(())
}

fn exists(conn: &mut Connection, outside: &OutsideKey) -> Result<bool> {
    let found: Option<u8> = conn.query_first(&format!(
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        string_literal(&outside.schema),
        string_literal(&outside.key.table)
    ))?;
    Ok(found.is_some())
}

/// Counts the rows of other tables that lead nowhere now.
pub(super) fn dangling(conn: &mut Connection, journal: &Journal) -> Vec<MovedKey> {
    let database = &journal.layout.database;
    let moved = |outside: &OutsideKey, dangling| MovedKey {
        table: child_name(outside, database),
        name: outside.key.name.clone(),
        references: outside.key.references.clone(),
        dangling,
    };
    journal
        .outside
        .iter()
        .map(|outside| {
            let counted = conn.query_one::<u64>(&dangling_query(outside, &journal.layout));
            moved(
                outside,
                counted.inspect_err(|error| tracing::warn!(%error, "counting rows without parent")).ok(),
            )
        })
        .collect()
}

/// The child table, with its schema where it is not `database`.
pub(super) fn child_name(outside: &OutsideKey, database: &str) -> String {
    match outside.schema == database {
        true => outside.key.table.clone(),
        false => format!("{}.{}", outside.schema, outside.key.table),
    }
}

fn dangling_query(outside: &OutsideKey, layout: &names::Layout) -> String {
    let key = &outside.key;
    let column = |alias: &str, name: &String| format!("{alias}.{}", Ident::new(name.as_str()));
    let joined: Vec<String> = key
        .columns
        .iter()
        .zip(&key.referenced_columns)
        .map(|(child, parent)| format!("{} = {}", column("p", parent), column("c", child)))
        .collect();
    let given: Vec<String> =
        key.columns.iter().map(|name| format!("{} IS NOT NULL", column("c", name))).collect();
    format!(
        "SELECT COUNT(*) FROM {} c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
        child(outside),
        given.join(" AND "),
        layout.live(&key.references),
        joined.join(" AND ")
    )
}

/// Drops the old tables. Only called when every new table is in its place. Foreign keys are checked meanwhile: what
/// still leads to an old table belongs to somebody whom the account does not see, and must not be left without parent.
fn drop_old(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    let olds: Vec<TableName> = old_tables(site, conn, journal)?.into_iter().map(|(old, _)| old).collect();
    if olds.is_empty() {
        return Ok(());
    }
    if conn.flavour() == Flavour::Mariadb {
        // It checks the list table by table: keys between the old tables would count.
        for old in &olds {
            drop_keys(conn, old)?;
        }
    }
    let list: Vec<String> = olds.iter().map(TableName::to_string).collect();
    conn.execute("SET SESSION foreign_key_checks = 1")?;
    let dropped = conn.execute(&format!("DROP TABLE IF EXISTS {}", list.join(", ")));
    conn.execute("SET SESSION foreign_key_checks = 0")?;
    dropped.map(|_| ()).map_err(|error| match server_code(&error) {
        Some(1217 | 1451 | 3730) => Error::new(
            error.kind(),
            "the new tables are in place; tables that this account does not see have foreign keys to the old ones, \
             which are kept for them",
        )
        .hint("grant the account ALTER, REFERENCES and SELECT on them; the next pull or `backfill cleanup` then does the rest"),
        _ => error.context("dropping the old tables"),
    })
}

fn drop_keys(conn: &mut Connection, table: &TableName) -> Result<()> {
    let names: Vec<String> =
        references(conn, table.schema().unwrap_or_default(), table.table())?.into_keys().collect();
    if !names.is_empty() {
        conn.execute(&keys::drop_statement(table, &names))?;
    }
    Ok(())
}

/// Drops the journal and what it was in, which must hold nothing else any more.
pub(super) fn drop_journal(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    let layout = &journal.layout;
    let table = layout.journal();
    match layout.ladder {
        Ladder::Prefixed => {
            let left = of_layout(site, conn, layout, Purpose::Old)?;
            refuse_leftovers(&layout.base(Purpose::Old), &left, table.table())?;
            drop_tables(conn, layout, &[table.table().to_owned()])
        }
        Ladder::Schemas => {
            let schema = layout.base(Purpose::Old);
            let left: Vec<String> = site.tables(conn, &schema)?.into_iter().collect();
            refuse_leftovers(&schema, &left, table.table())?;
            drop_schema(conn, &schema).map(|_| ())
        }
    }
}

fn refuse_leftovers(place: &str, found: &[String], journal: &str) -> Result<()> {
    let left: Vec<&str> = found.iter().map(String::as_str).filter(|name| *name != journal).collect();
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::integrity(format!(
        "`{place}` holds tables that the swap did not put there: {}",
        left.join(", ")
    ))
    .hint("look at them, and drop the schema by hand if nothing in it is needed"))
}

/// Takes a swap to its end from wherever it is; `true` if the new data is in place.
pub(super) fn settle(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<bool> {
    if journal.tidying {
        return Ok(true);
    }
    // No table is moved before the merge is committed.
    let progress = if journal.is_merged() { progress(site, conn, journal)? } else { Progress::Before };
    match progress {
        Progress::Before if journal.merged.is_none() => {
            back(site, conn, journal)?;
            drop_journal(site, conn, journal)?;
            return Ok(false);
        }
        Progress::Before => rename_all(conn, journal)?,
        Progress::Between(left) => complete(conn, &left)?,
        Progress::After => {}
    }
    forward(site, conn, journal)?;
    Ok(true)
}

/// After [`settle`] said `true`: removes what is left of the swap. Staging goes first, while the journal still says
/// that it was swapped: on its own its record would say that there is something complete to swap. The journal goes
/// last.
///
/// Says what could not be removed, why and what to do: the work is done, so that is no reason to fail.
pub(super) fn tidy_up(site: &Site, conn: &mut Connection, journal: &Journal) -> Option<String> {
    let error = tidy(site, conn, journal).err()?;
    let hint = error.hint_text().unwrap_or("the next pull or `backfill cleanup` drops it");
    Some(format!("{} is left behind: {error}; {hint}", journal.layout.base(Purpose::Old)))
}

fn tidy(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<()> {
    let mut journal = Journal { tidying: true, ..journal.clone() };
    journal.outside.extend(late_keys(site, conn, &journal)?);
    // Old tables do not go all at once on every server: half of them gone would look like a swap without a way out.
    doc::write(conn, &journal.layout.journal(), &journal)?;
    lead_outside_keys(site, conn, &journal)?;
    staging::remove(site, conn, &journal.layout)?;
    phase("swap.staging_dropped");
    drop_old(site, conn, &journal)?;
    phase("swap.old_dropped");
    drop_journal(site, conn, &journal)
}

/// Keys that still lead to old tables: their tables were out of the account's sight when the journal was written.
fn late_keys(site: &Site, conn: &mut Connection, journal: &Journal) -> Result<Vec<OutsideKey>> {
    let olds: Vec<(TableName, String)> =
        old_tables(site, conn, journal)?.into_iter().map(|(old, step)| (old, step.table.clone())).collect();
    let mut late = outside::to_old_tables(conn, &journal.layout.database, &olds)?;
    late.retain(|found| !journal.outside.contains(found));
    Ok(late)
}

/// The old tables that are still there.
fn old_tables<'a>(
    site: &Site,
    conn: &mut Connection,
    journal: &'a Journal,
) -> Result<Vec<(TableName, &'a Move)>> {
    let layout = &journal.layout;
    let there = site.tables(conn, &layout.schema(Purpose::Old))?;
    let olds = journal.moves.iter().filter(|step| step.replaces);
    let olds = olds.map(|step| (layout.old(step.number, &step.table), step));
    Ok(olds.filter(|(old, _)| there.contains(&site.fold(old.table()))).collect())
}
