//! Looking at production before anything is planned: its schema, its settings, and whether masks fit. Only `SELECT`s.

use crate::db::error::server_code;
use crate::db::flavour::ServerFacts;
use crate::db::introspect::{Signature, load_schema, signatures};
use crate::db::{Connection, Endpoint, Role};
use crate::error::{Context, Error, Kind, Result};
use crate::plan::reference::Relation;
use crate::plan::sanitize::{SanitizePlan, TableMasks, measured_column};
use crate::plan::subset::check::Checked;
use crate::schema::{Check, Column, Index, IndexKind, Schema, Table};
use crate::source::masking::{self, Masking};
use crate::sql::ident::string_literal;
use crate::sql::{Ident, TableName};
use std::collections::BTreeMap;

/// What a survey finds.
#[derive(Debug)]
pub struct Survey {
    /// The schema.
    pub schema: Schema,
    /// What the tables' columns look like, from before the schema was read.
    pub signatures: BTreeMap<String, Signature>,
    /// The server.
    pub facts: ServerFacts,
    /// The server's clock, UTC, `YYYY-MM-DD HH:MM:SS`.
    pub server_time: String,
    pub(super) conn: Connection,
}

impl Survey {
    /// Connects and looks.
    ///
    /// # Errors
    /// The server's.
    pub fn take(endpoint: &Endpoint) -> Result<Self> {
        let mut conn = Connection::open(endpoint, Role::Source)?;
        let signatures = signatures(&mut conn, &endpoint.database, None)?;
        let schema =
            load_schema(&mut conn, &endpoint.database).context(|| "reading the schema of the source")?;
        let facts = ServerFacts::load(&mut conn)?;
        let server_time = conn.query_one("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:%s')")?;
        Ok(Self { schema, signatures, facts, server_time, conn })
    }

    /// The server's own name.
    #[must_use]
    pub fn server(&self) -> &str {
        self.conn.server()
    }

    /// Characters of the widest identity in use, for each of `tables` whose identity is a number: masks are as long as
    /// that. Two index dives each; where no index begins with the number nothing is said, for that would read the whole
    /// table.
    ///
    /// # Errors
    /// The server's.
    pub fn widest_ids<'a>(
        &mut self,
        tables: impl Iterator<Item = &'a Table>,
    ) -> Result<BTreeMap<String, u64>> {
        let mut widest = BTreeMap::new();
        for table in tables {
            let Some(column) = measured_column(table).filter(|column| leads_an_index(table, column)) else {
                continue;
            };
            let (name, id) = (self.name(&table.name), Ident::new(column.name.as_str()));
            let (least, greatest): (Option<u64>, Option<u64>) = self
                .conn
                .query_one(&format!("SELECT CHAR_LENGTH(MIN({id})), CHAR_LENGTH(MAX({id})) FROM {name}"))
                .context(|| format!("reading the ids of table `{}`", table.name))?;
            widest.insert(table.name.clone(), least.max(greatest).unwrap_or(1));
        }
        Ok(widest)
    }

    /// Tries every mask on the source, reading only: whether the server can compute it, whether what it makes of some rows
    /// fits, and whether a CHECK would refuse that. Where the rows take long the latter is left out, and logged.
    ///
    /// # Errors
    /// `Config` naming table and constraint; the server's.
    pub fn probe_masks(&mut self, plan: &SanitizePlan) -> Result<()> {
        Masking::of_all(plan).prepare(&mut self.conn)?;
        for masks in plan.tables() {
            let name = self.name(&masks.table);
            self.conn
                .query::<mysql::Row>(masks.probe(&name))
                .map_err(|error| config_unless_lost(error, &masks.table))
                .context(|| format!("trying the masks of table `{}`", masks.table))?;
            let tried = self.briefly(|survey| {
                survey.probe_fit(masks, &name)?;
                survey.probe_checks(masks, &name)
            })?;
            if tried.is_none() {
                tracing::warn!(
                    table = masks.table,
                    "the masks were not tried on rows, for that took too long; a run ends where a result does not fit"
                );
            }
        }
        Ok(())
    }

    /// Whether CHECKs would refuse masked rows, as far as some say.
    fn probe_checks(&mut self, masks: &TableMasks, name: &TableName) -> Result<()> {
        let Some(probe) = masks.check_probe(name) else { return Ok(()) };
        let row: mysql::Row = self
            .conn
            .query_one(probe)
            .map_err(|error| masking::explain(error, &masks.table, Some(masks)))
            .context(|| format!("trying the CHECKs of table `{}`", masks.table))?;
        for (at, check) in masks.checks.iter().enumerate() {
            let refused: u64 = row.get_opt(at).and_then(Result::ok).unwrap_or(0);
            if refused > 0 {
                return Err(breaks_check(masks, check));
            }
        }
        Ok(())
    }

    /// Tries every condition of limits and relations on the source, without reading a row: whether the server
    /// understands it.
    ///
    /// # Errors
    /// `Config` naming table and option; the server's.
    pub fn try_conditions(&self, endpoint: &Endpoint, subset: &Checked) -> Result<()> {
        let limits = subset.limits.iter().filter_map(|limit| {
            let place = format!("`where` of [limits] {}", limit.table);
            Some((&limit.table, limit.condition.clone()?, place))
        });
        let relations = subset.relations.iter().filter(|relation| !relation.when.is_empty());
        let relations = relations.map(|Relation { key, when }| {
            let equal = |(column, value): &(String, String)| {
                format!("{} = {}", Ident::new(column.as_str()), string_literal(value))
            };
            let condition = when.iter().map(equal).collect::<Vec<_>>().join(" AND ");
            (&key.table, condition, format!("`when` of {}", key.name))
        });
        let all: Vec<_> = limits.chain(relations).collect();
        if all.is_empty() {
            return Ok(());
        }
        // As where rows are copied: without a default database, so that no bare name is ever written to.
        let mut conn = Connection::open_in(endpoint, Role::Source, None)?;
        for (table, condition, place) in all {
            let query = format!("SELECT 1 FROM {} WHERE ({condition}) LIMIT 0", self.name(table));
            conn.query::<mysql::Row>(&query).map_err(|error| refused(error, table, &place))?;
        }
        Ok(())
    }

    /// Whether results of expressions fit their columns, as far as some rows say.
    fn probe_fit(&mut self, masks: &TableMasks, name: &TableName) -> Result<()> {
        let Some((probe, faults)) = masks.fit_probe(name) else { return Ok(()) };
        let table = &masks.table;
        let row: mysql::Row = self
            .conn
            .query_one(probe)
            .map_err(|error| config_unless_lost(error, table))
            .context(|| format!("trying the expressions of table `{table}`"))?;
        for (at, (column, fault)) in faults.iter().enumerate() {
            let count: u64 = row.get_opt(at).and_then(Result::ok).unwrap_or(0);
            if count > 0 {
                let what = format!(
                    "[sanitize.{table}] {column}: the result of `expression` for column `{column}` of table `{table}` {fault} \
                     in {count} of the rows that were tried"
                );
                return Err(Error::config(what).hint("correct the expression, or widen the column"));
            }
        }
        Ok(())
    }

    fn name(&self, table: &str) -> TableName {
        TableName::qualified(self.schema.database.as_str(), table)
    }
}

/// Whether the least and the greatest value of a column are found without reading the table.
fn leads_an_index(table: &Table, column: &Column) -> bool {
    let leads = |index: &Index| {
        index.kind == IndexKind::Btree
            && index.parts.first().is_some_and(|part| part.column.as_ref() == Some(&column.name))
    };
    table.primary_key.first() == Some(&column.name) || table.indexes.iter().any(leads)
}

/// "No database selected": a table without its database was named.
const NO_DATABASE: u16 = 1046;

fn refused(error: Error, table: &str, place: &str) -> Error {
    if error.is_retryable() {
        return error;
    }
    let hint = match server_code(&error) {
        Some(NO_DATABASE) => "tables in a subquery are named with their database: FROM app.users",
        _ => {
            "correct the condition; tables in a subquery are named with their database, and the account must be able to \
             read them"
        }
    };
    error.with_kind(Kind::Config).context(format!("{place} cannot be asked of table `{table}`")).hint(hint)
}

fn breaks_check(masks: &TableMasks, check: &Check) -> Error {
    let about: Vec<String> = masks
        .columns
        .iter()
        .filter(|column| check.expression.contains(&column.name))
        .map(|column| format!("`{}`", column.name))
        .collect();
    let (table, about) = (&masks.table, about.join(", "));
    Error::config(format!(
        "[sanitize.{table}]: masked values of {about} break the CHECK `{}` of table `{table}`",
        check.name
    ))
    .hint(format!("choose other types for {about}"))
}

fn config_unless_lost(error: Error, table: &str) -> Error {
    if error.is_retryable() || error.kind() == Kind::Privilege {
        return error;
    }
    error.with_kind(Kind::Config).hint(format!("choose other types or patterns under [sanitize.{table}]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::IndexPart;

    #[test]
    fn only_what_an_index_begins_with_is_measured() {
        let id = Column::new("id", "int");
        let part = |name: &str| IndexPart {
            column: Some(name.to_owned()),
            expression: None,
            prefix: None,
            descending: false,
        };
        let index = |kind, columns: &[&str]| Index {
            name: "k".to_owned(),
            unique: false,
            kind,
            parts: columns.iter().map(|name| part(name)).collect(),
        };
        let mut table = Table::new("t", vec![id.clone(), Column::new("a", "int")]);
        assert!(!leads_an_index(&table, &id));
        for (kind, columns, leads) in [
            (IndexKind::Btree, &["id", "a"][..], true),
            (IndexKind::Btree, &["a", "id"], false),
            (IndexKind::Fulltext, &["id"], false),
        ] {
            table.indexes = vec![index(kind, columns)];
            assert_eq!(leads_an_index(&table, &id), leads, "{columns:?}");
        }
        table.primary_key = vec!["id".to_owned()];
        assert!(leads_an_index(&table, &id));
    }
}
