//! Looking at production before anything is planned: its schema, its settings, and whether masks fit. Only `SELECT`s.

use crate::db::flavour::ServerFacts;
use crate::db::introspect::{Signature, load_schema, signatures};
use crate::db::{Connection, Endpoint, Role};
use crate::error::{Context, Error, Kind, Result};
use crate::plan::sanitize::{SanitizePlan, TableMasks, measured_column};
use crate::schema::{Check, Schema, Table};
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
    conn: Connection,
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
    /// that. Two index dives each.
    ///
    /// # Errors
    /// The server's.
    pub fn widest_ids<'a>(
        &mut self,
        tables: impl Iterator<Item = &'a Table>,
    ) -> Result<BTreeMap<String, u64>> {
        let mut widest = BTreeMap::new();
        for table in tables {
            let Some(column) = measured_column(table) else { continue };
            let (name, id) = (self.name(&table.name), Ident::new(column.name.as_str()));
            let (least, greatest): (Option<u64>, Option<u64>) = self
                .conn
                .query_one(&format!("SELECT CHAR_LENGTH(MIN({id})), CHAR_LENGTH(MAX({id})) FROM {name}"))
                .context(|| format!("reading the ids of table `{}`", table.name))?;
            widest.insert(table.name.clone(), least.max(greatest).unwrap_or(1));
        }
        Ok(widest)
    }

    /// Tries every mask on the source, reading only: whether the server can compute it, and whether a CHECK would
    /// refuse what it makes.
    ///
    /// # Errors
    /// `Config` naming table and constraint; the server's.
    pub fn probe_masks(&mut self, plan: &SanitizePlan) -> Result<()> {
        for masks in plan.tables() {
            let name = self.name(&masks.table);
            self.conn
                .query::<mysql::Row>(&masks.probe(&name))
                .map_err(|error| config_unless_lost(error, &masks.table))
                .context(|| format!("trying the masks of table `{}`", masks.table))?;
            self.probe_fit(masks, &name)?;
            let Some(probe) = masks.check_probe(&name) else { continue };
            let row: mysql::Row = self
                .conn
                .query_one(&probe)
                .context(|| format!("trying the CHECKs of table `{}`", masks.table))?;
            for (at, check) in masks.checks.iter().enumerate() {
                let refused: u64 = row.get_opt(at).and_then(Result::ok).unwrap_or(0);
                if refused > 0 {
                    return Err(breaks_check(masks, check));
                }
            }
        }
        Ok(())
    }

    /// Whether results of expressions fit their columns, as far as some rows say.
    fn probe_fit(&mut self, masks: &TableMasks, name: &TableName) -> Result<()> {
        let Some((probe, faults)) = masks.fit_probe(name) else { return Ok(()) };
        let table = &masks.table;
        let row: mysql::Row = self
            .conn
            .query_one(&probe)
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
