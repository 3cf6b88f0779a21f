//! Building what loading went without: the indexes of each table in one statement, several tables at a time, then
//! foreign keys when every parent has its indexes, unchecked.

use super::definition::IndexDefinition;
use super::keys;
use super::names::Layout;
use super::patience;
use super::pool::try_each;
use super::staging::{Built, Empty, Indexed, Staging};
use crate::db::Connection;
use crate::db::error::server_code;
use crate::error::{Context, Error, Kind, Result};
use crate::fault::phase;
use crate::sql::TableName;

/// A value that a unique index has already.
const DUPLICATE: u16 = 1062;

/// What was built, with what small tables have from the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuiltCounts {
    /// Indexes.
    pub indexes: u64,
    /// Foreign keys; those of the second rung follow after the swap, before the pull is said to be done.
    pub foreign_keys: u64,
}

impl Staging<Empty> {
    /// Builds the indexes of all tables over `parallel` connections, then the foreign keys.
    ///
    /// # Errors
    /// `Integrity` naming table and index when rows do not fit a unique index, the server's.
    pub fn build_indexes(self, parallel: usize) -> Result<(Staging<Indexed>, BuiltCounts)> {
        phase("load.done");
        let (site, about) = (&self.core.site, &self.core.about);
        let (layout, plan) = (&about.layout, &about.plan);
        let mut waiting: Vec<usize> =
            (0..about.built.len()).filter(|&number| !about.built[number].deferred.is_empty()).collect();
        // The slowest first, as far as the number of indexes tells.
        waiting.sort_by_key(|&number| std::cmp::Reverse(about.built[number].deferred.len()));
        let open = || site.connect(Some(site.database()));
        let counts = try_each(open, parallel, &waiting, |conn, &number| {
            let name = &plan.tables[number].name;
            add_indexes(conn, layout, number, name, &about.built[number])
        })?;
        phase("indexes.built");
        if layout.ladder == super::names::Ladder::Schemas {
            let mut conn = open()?;
            for child in
                keys::staged(layout, plan)?.iter().filter(|child| !about.built[child.number].has_keys)
            {
                patience::execute(&mut conn, &child.add, &child.outside).context(|| {
                    format!("adding the foreign keys of table `{}`", plan.tables[child.number].name)
                })?;
            }
        }
        phase("keys.built");
        let kept: u64 = about.built.iter().map(|table| table.kept_indexes).sum();
        let indexes = counts.into_iter().sum::<u64>() + kept;
        let counts = BuiltCounts { indexes, foreign_keys: plan.keys.len() as u64 };
        Ok((self.into_state(), counts))
    }
}

fn add_indexes(
    conn: &mut Connection,
    layout: &Layout,
    number: usize,
    name: &str,
    built: &Built,
) -> Result<u64> {
    let staged = layout.staged(number, name);
    let (fulltext, others): (Vec<_>, Vec<_>) = built.deferred.iter().partition(|index| index.fulltext);
    if !others.is_empty() {
        add(conn, &staged, &others)
            .map_err(|error| match server_code(&error) {
                Some(DUPLICATE) => duplicate(conn, &staged, &others),
                _ => error,
            })
            .context(|| format!("building the indexes of table `{name}`"))?;
    }
    // InnoDB builds one FULLTEXT index per statement (1795).
    for index in fulltext {
        add(conn, &staged, &[index]).context(|| format!("building the indexes of table `{name}`"))?;
    }
    Ok(built.deferred.len() as u64)
}

fn add(conn: &mut Connection, staged: &TableName, indexes: &[&IndexDefinition]) -> Result<()> {
    let clauses: Vec<String> = indexes.iter().map(|index| format!("ADD {}", index.text)).collect();
    conn.execute(&format!("ALTER TABLE {staged} {}", clauses.join(", ")))?;
    Ok(())
}

/// The server names the index only beside the value, so the unique ones are tried one by one.
fn duplicate(conn: &mut Connection, staged: &TableName, indexes: &[&IndexDefinition]) -> Error {
    let culprit = indexes
        .iter()
        .filter(|index| index.unique)
        .find(|index| add(conn, staged, &[index]).is_err_and(|error| server_code(&error) == Some(DUPLICATE)));
    let index = culprit.map_or("a unique index".to_owned(), |index| format!("unique index `{}`", index.name));
    Error::new(Kind::Integrity, format!("two rows have the same value in {index}")).hint(
        "if a sanitized column is in the index, give it a rule whose values differ; if not, the target's collation \
         may hold values for equal that the source holds apart",
    )
}
