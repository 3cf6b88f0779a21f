//! What a pull sees of its target before it changes anything, over a connection that changes nothing.

use super::delta::OwnTable;
use super::select::Selection;
use crate::db::flavour::ServerFacts;
use crate::db::introspect::view_names;
use crate::db::{Connection, Endpoint, Role};
use crate::error::Result;
use crate::plan::load::can_merge;
use crate::schema::Schema;
use crate::target::{self, Target, guard};
use crate::wire::manifest::Manifest;
use std::collections::{BTreeMap, BTreeSet};

/// The target as it is.
pub(super) struct Sight {
    conn: Connection,
    /// What the server says about itself.
    pub(super) facts: ServerFacts,
    /// None: the database does not exist.
    pub(super) target: Option<Target>,
    /// Names of its views.
    pub(super) views: BTreeSet<String>,
}

impl Sight {
    /// Looks.
    ///
    /// # Errors
    /// `Guard` for a schema of the server itself; the server's, connection failures.
    pub(super) fn of(endpoint: &Endpoint) -> Result<Self> {
        guard::check_schema_name(&endpoint.database)?;
        let mut conn = Connection::open_in(endpoint, Role::Target, None)?;
        let facts = ServerFacts::load(&mut conn)?;
        let target = if target::exists(endpoint)? { Some(Target::open(endpoint)?) } else { None };
        let views = view_names(&mut conn, &endpoint.database)?;
        Ok(Self { conn, facts, target, views })
    }

    /// The target must not be what the manifest comes from.
    ///
    /// # Errors
    /// As [`guard::check_not_source`].
    pub(super) fn check_not_source(&mut self, manifest: &Manifest) -> Result<()> {
        guard::check_not_source(&mut self.conn, &self.facts, &manifest.identity)
    }

    /// The target's tables; none where there is no database yet.
    pub(super) fn schema(&self, endpoint: &Endpoint) -> Result<Schema> {
        match &self.target {
            Some(target) => target.schema(),
            None => Ok(Schema {
                database: endpoint.database.clone(),
                flavour: self.facts.flavour,
                version: self.facts.version,
                tables: BTreeMap::new(),
                foreign_keys: Vec::new(),
                triggers: Vec::new(),
                views: 0,
                routines: 0,
                events: 0,
            }),
        }
    }

    /// What the target has of the tables that are pulled, by their names there.
    pub(super) fn own_tables(
        &self,
        schema: &Schema,
        selection: &Selection,
    ) -> Result<BTreeMap<String, OwnTable>> {
        let Some(target) = &self.target else { return Ok(BTreeMap::new()) };
        let names: Vec<&str> = selection.pulled.iter().map(|pulled| pulled.target_name.as_str()).collect();
        let mut fingerprints = target.fingerprints(&names)?;
        let own = selection.pulled.iter().filter_map(|pulled| {
            let fingerprint = fingerprints.remove(&pulled.target_name)?;
            let columns: Vec<&str> = pulled.columns.iter().map(|(_, name)| name.as_str()).collect();
            let no_merge = can_merge(schema, &pulled.target_name, &columns).err();
            Some((pulled.target_name.clone(), OwnTable { fingerprint, no_merge }))
        });
        Ok(own.collect())
    }
}
