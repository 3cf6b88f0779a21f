//! What the server has and would send, as of now: schema, selection, checked rules. Made at start, for every manifest
//! and for every run, since migrations happen while a server runs.

use crate::config::Patterns;
use crate::db::Endpoint;
use crate::db::introspect::Signature;
use crate::error::{Error, Result};
use crate::plan::checked::Checks;
use crate::plan::reference::references;
use crate::plan::run::{MaskAt, Selection, TablePlan};
use crate::plan::sanitize::{Facts, Rule, SanitizePlan, plan};
use crate::random;
use crate::schema::graph::KeyGraph;
use crate::schema::{ForeignKey, Schema, Table};
use crate::source::survey::Survey;
use crate::wire::PROTOCOL;
use crate::wire::api::{RunRequest, RunTable};
use crate::wire::manifest::{LeftOut, Manifest, NotCopied, SourceIdentity, TableEntry};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// `max_allowed_packet` where a server does not tell it: the smallest default of any version.
const PACKET_BYTES_DEFAULT: u64 = 4 << 20;

/// What a catalog is made by.
#[derive(Debug, Clone)]
pub struct CatalogSettings {
    /// The source.
    pub endpoint: Endpoint,
    /// Excluded tables.
    pub exclude: Patterns,
    /// The rules.
    pub rules: Vec<Rule>,
    /// When masks are set.
    pub mask_at: MaskAt,
    /// Whether unruled columns that look sensitive are named.
    pub warn: bool,
    /// Name of the lock that this server holds on the source.
    pub nonce: String,
}

/// The source as it is now, and the plan for it.
#[derive(Debug)]
pub struct Catalog {
    schema: Schema,
    selection: Selection,
    sanitize: SanitizePlan,
    signatures: BTreeMap<String, Signature>,
    identity: SourceIdentity,
    server_time: String,
    mask_at: MaskAt,
    warn: bool,
    /// The source server's own name.
    pub server: String,
    /// The source's packet limit in bytes.
    pub packet_bytes_max: u64,
    /// Connections that the source allows altogether; none where it does not say.
    pub connections_max: Option<u64>,
}

impl Catalog {
    /// Looks at the source and checks every rule against it.
    ///
    /// # Errors
    /// `Config` when a rule does not fit (any more); the source's.
    pub fn take(settings: &CatalogSettings) -> Result<Self> {
        let mut survey = Survey::take(&settings.endpoint)?;
        let folds = survey.facts.folds_table_names();
        let is_excluded = |name: &str| match folds {
            // Such a server may have stored other letters than those that the table was made with.
            true => settings.exclude.is_match_folded(name),
            false => settings.exclude.is_match(name),
        };
        let selection = Selection::new(&survey.schema, is_excluded);
        let salt = random::hex(16)?;
        let ruled: BTreeSet<&str> = settings.rules.iter().map(|rule| rule.table.as_str()).collect();
        let widest = survey
            .widest_ids(selection.served.values().filter(|table| ruled.contains(table.name.as_str())))?;
        let excluded = settings.rules.iter().map(|rule| &rule.table).filter(|name| is_excluded(name));
        let excluded = excluded.chain(selection.excluded.iter().map(|table| &table.name)).cloned().collect();
        let facts = Facts {
            salt: &salt,
            widest_id_digits: widest,
            excluded,
            relations: &[],
            by_update: settings.mask_at == MaskAt::Update,
        };
        let sanitize = plan(&settings.rules, &survey.schema, &facts)?;
        survey.probe_masks(&sanitize)?;
        Ok(Self {
            identity: survey.facts.identity(&settings.nonce),
            server: survey.server().to_owned(),
            packet_bytes_max: survey.facts.max_allowed_packet.unwrap_or(PACKET_BYTES_DEFAULT),
            connections_max: survey.facts.max_connections,
            server_time: survey.server_time,
            schema: survey.schema,
            signatures: survey.signatures,
            selection,
            sanitize,
            mask_at: settings.mask_at,
            warn: settings.warn,
        })
    }

    /// Whether a table has rules, so that a workspace will be needed.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.sanitize.tables().next().is_some()
    }

    /// What the operator should know.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = if self.warn { self.sanitize.warnings().to_vec() } else { Vec::new() };
        warnings.extend(
            self.selection
                .left_out
                .iter()
                .map(|(name, reason)| format!("table `{name}` is not served: {reason}")),
        );
        warnings.extend(self.foreign_keys().iter().filter_map(|key| self.not_followed(key)));
        warnings
    }

    fn not_followed(&self, key: &ForeignKey) -> Option<String> {
        if let Some(schema) = &key.references_schema {
            return Some(format!(
                "foreign key `{}` of `{}` leads into database `{schema}` and is left out",
                key.name, key.table
            ));
        }
        let left = !self.selection.served.contains_key(&key.references);
        left.then(|| {
            format!(
                "foreign key `{}` of `{}` leads to `{}`, which is not served",
                key.name, key.table, key.references
            )
        })
    }

    fn foreign_keys(&self) -> Vec<ForeignKey> {
        self.schema
            .foreign_keys
            .iter()
            .filter(|key| self.selection.served.contains_key(&key.table))
            .cloned()
            .collect()
    }

    /// How many tables are served, and how many of them have rules.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (
            self.selection.served.len(),
            self.sanitize.tables().filter(|t| self.selection.served.contains_key(&t.table)).count(),
        )
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        let foreign_keys = self.foreign_keys();
        Manifest {
            protocol: PROTOCOL,
            backfill: env!("CARGO_PKG_VERSION").to_owned(),
            database: self.schema.database.clone(),
            flavour: self.schema.flavour,
            version: self.schema.version,
            server_time: self.server_time.clone(),
            identity: self.identity.clone(),
            table_order: KeyGraph::new(self.selection.served.keys().map(String::as_str), &foreign_keys)
                .table_order(),
            tables: self.selection.served.values().map(|table| self.entry(table)).collect(),
            foreign_keys,
            excluded: self.selection.excluded.clone(),
            left_out: self
                .selection
                .left_out
                .iter()
                .map(|(name, reason)| LeftOut { name: name.clone(), reason: reason.clone() })
                .collect(),
            not_copied: NotCopied {
                views: self.schema.views,
                triggers: self.schema.triggers.len() as u64,
                routines: self.schema.routines,
                events: self.schema.events,
            },
            warnings: self.warnings(),
        }
    }

    fn entry(&self, table: &Table) -> TableEntry {
        let masks = self.sanitize.for_table(&table.name);
        let sanitized_columns: Vec<String> = masks
            .map(|masks| masks.columns.iter().map(|column| column.name.clone()).collect())
            .unwrap_or_default();
        TableEntry {
            has_timestamps: table.has_timestamps(),
            has_limit: false,
            has_sanitization: masks.is_some(),
            digest: digest(
                table,
                &sanitized_columns,
                masks.map(|masks| masks.columns.as_slice()).unwrap_or_default(),
            ),
            sanitized_columns,
            table: table.clone(),
        }
    }

    /// The plan of a run that was asked for.
    ///
    /// # Errors
    /// `Usage` for an unknown table or column, `Guard` for an excluded one, `Schema` for what cannot be sent.
    pub fn plan_run(&self, request: &RunRequest) -> Result<Vec<TablePlan>> {
        if request.tables.is_empty() {
            return Err(Error::usage("a run needs at least one table"));
        }
        let mut seen = BTreeSet::new();
        request
            .tables
            .iter()
            .map(|wanted| {
                if !seen.insert(&wanted.name) {
                    return Err(Error::usage(format!("table `{}` is asked for twice", wanted.name)));
                }
                self.plan_table(wanted)
            })
            .collect()
    }

    /// What is checked of a run of these tables, and in words what is not.
    #[must_use]
    pub fn checks(&self, tables: &[TablePlan]) -> (Checks, Vec<String>) {
        let references = references(&self.selection.served, &self.schema.foreign_keys, &[]);
        Checks::new(tables, references, &BTreeSet::new())
    }

    fn plan_table(&self, wanted: &RunTable) -> Result<TablePlan> {
        let table = self.selection.table(&wanted.name)?;
        let masks = self.sanitize.for_table(&table.name);
        let signature = self.signatures.get(&table.name).cloned().unwrap_or_default();
        TablePlan::new(table, wanted.columns.as_deref(), masks, self.mask_at, signature)
    }
}

/// Changes whenever a delta of the table could not be trusted: with its columns, keys or rules.
fn digest(table: &Table, sanitized: &[String], masks: &[crate::plan::sanitize::MaskedColumn]) -> String {
    #[derive(Serialize)]
    struct Digested<'a> {
        columns: &'a [crate::schema::Column],
        primary_key: &'a [String],
        indexes: &'a [crate::schema::Index],
        rules: Vec<(&'a str, String, Vec<&'a str>)>,
    }
    // Not by the masks' names: options of theirs make other values.
    let rules = sanitized
        .iter()
        .zip(masks)
        .map(|(name, masked)| (name.as_str(), format!("{:?}", masked.mask), masked.exclude().collect()));
    let digested = Digested {
        columns: &table.columns,
        primary_key: &table.primary_key,
        indexes: &table.indexes,
        rules: rules.collect(),
    };
    // Plain structures of text and numbers always serialize.
    let json = serde_json::to_vec(&digested).unwrap_or_default();
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sanitize::Mask;
    use crate::schema::{Column, Flavour, Version};
    use std::collections::BTreeMap;

    #[test]
    fn a_digest_tells_every_rule_from_every_other() {
        let text = Column { nullable: true, ..Column::new("secret", "varchar(99)") };
        let text = Column {
            charset: Some("utf8mb4".into()),
            collation: Some("utf8mb4_bin".into()),
            max_length: Some(99),
            ..text
        };
        let table = Table::new("t", vec![Column::new("id", "int"), text]);
        let schema = Schema {
            database: "app".into(),
            flavour: Flavour::Mariadb,
            version: Version(10, 11, 0),
            tables: BTreeMap::from([("t".to_owned(), table.clone())]),
            foreign_keys: Vec::new(),
            triggers: Vec::new(),
            views: 0,
            routines: 0,
            events: 0,
        };
        let facts = Facts { salt: "5a17", ..Facts::default() };
        let digest_of = |mask: Option<Mask>, exclude: &[&str]| {
            let rule = |mask| Rule {
                table: "t".into(),
                column: "secret".into(),
                mask,
                exclude: exclude.iter().map(ToString::to_string).collect(),
            };
            let rules: Vec<Rule> = mask.map(rule).into_iter().collect();
            let plan = plan(&rules, &schema, &facts).unwrap();
            let masks = plan.for_table("t").map(|masks| masks.columns.as_slice()).unwrap_or_default();
            let names: Vec<String> = masks.iter().map(|masked| masked.name.clone()).collect();
            digest(&table, &names, masks)
        };
        let all: BTreeSet<String> = [
            digest_of(None, &[]),
            digest_of(Some(Mask::Null), &[]),
            digest_of(Some(Mask::Null), &["a*"]),
            digest_of(Some(Mask::Hash { unusable: false }), &[]),
            digest_of(Some(Mask::Hash { unusable: true }), &[]),
        ]
        .into();
        assert_eq!(all.len(), 5);
        assert_eq!(digest_of(Some(Mask::Null), &[]), digest_of(Some(Mask::Null), &[]));
    }
}
