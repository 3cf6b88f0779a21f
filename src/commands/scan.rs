//! `backfill scan`: columns of the source that look sensitive and have no rule. Never a value.

use super::{Context, rules, serve};
use crate::config::{Config, Overrides};
use crate::error::Result;
use crate::plan::reference::Relation;
use crate::plan::run::Selection;
use crate::plan::sanitize::{Facts, MaskKey, plan};
use crate::random;
use crate::scan::{self, Finding, Ground};
use crate::schema::{ForeignKey, Table};
use crate::source::survey::Survey;
use crate::source::workspace::read_hint;
use crate::ui::format::plural;
use crate::ui::table::{Align, Table as Grid};
use serde::Serialize;
use std::process::ExitCode;

/// The exit code that says that something was found.
const FOUND: u8 = 1;

/// Scans and shows what was found.
///
/// # Errors
/// `Config` when the configuration is invalid or a rule does not fit; `Source` and `Privilege` when the database cannot
/// be read.
pub fn run(context: &Context) -> Result<ExitCode> {
    let config = context.load(Overrides::default())?;
    let scanned = scan(&config)?;
    show(&scanned, context)?;
    Ok(if scanned.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// What a scan gives.
pub(super) struct Scanned {
    /// The database.
    pub database: String,
    /// How many tables were looked at.
    pub tables: usize,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Looks at the source that `config` names, under the rules that it has.
///
/// # Errors
/// As [`run`].
pub(super) fn scan(config: &Config) -> Result<Scanned> {
    let endpoint = config.database()?;
    look(config).map_err(|error| read_hint(error, &endpoint))
}

fn look(config: &Config) -> Result<Scanned> {
    let endpoint = config.database()?;
    let exclude = config.exclude_tables()?;
    let rules = rules::planned(config.rules())?;
    let relations = config.relations().iter().enumerate().map(|(at, one)| serve::relation(at + 1, one));
    let relations: Vec<ForeignKey> = relations.map(|Relation { key, .. }| key).collect();
    let by_update = config.masks_by_update()?;
    let mut survey = Survey::take(&endpoint)?;
    let folds = survey.facts.folds_table_names();
    let is_excluded = |name: &str| if folds { exclude.is_match_folded(name) } else { exclude.is_match(name) };
    let selection = Selection::new(&survey.schema, is_excluded);
    let salt = random::hex(16)?;
    let key = config.mask_key()?.as_ref().map(MaskKey::derive).transpose()?;
    let measured = |table: &&Table| {
        !scan::unruled(table, &rules).is_empty() || rules.iter().any(|rule| scan::concerns(rule, table))
    };
    let widest = survey.widest_ids(selection.served.values().filter(measured))?;
    let excluded = rules.iter().map(|rule| &rule.table).filter(|name| is_excluded(name));
    let excluded = excluded.chain(selection.excluded.iter().map(|table| &table.name)).cloned().collect();
    let facts = Facts {
        salt: &salt,
        key: key.as_ref(),
        widest_id_digits: widest,
        excluded,
        relations: &relations,
        by_update,
    };
    let schema = survey.schema.clone();
    // What is wrong with the rules that there are is told as `serve` tells it.
    plan(&rules, &schema, &facts)?;
    let ground = Ground { schema: &schema, served: &selection.served, rules: &rules, facts: &facts };
    let findings = scan::scan(ground, &mut |masks| survey.probe_masks(masks))?;
    Ok(Scanned { database: endpoint.database, tables: selection.served.len(), findings })
}

/// The findings as a table.
pub(super) fn grid(findings: &[Finding]) -> Grid {
    let mut grid = Grid::new(&[
        ("Table", Align::Left),
        ("Column", Align::Left),
        ("Type", Align::Left),
        ("Looks like", Align::Left),
        ("Rule that fits", Align::Left),
    ]);
    for finding in findings {
        grid.row(vec![
            finding.table.clone(),
            finding.column.clone(),
            finding.column_type.clone(),
            finding.category.words().to_owned(),
            finding.proposal.as_ref().map_or_else(|why| format!("none: {why}"), scan::Proposal::toml),
        ]);
    }
    grid
}

fn show(scanned: &Scanned, context: &Context) -> Result<()> {
    let Scanned { database, tables, findings } = scanned;
    let screen = &context.screen;
    let looked = format!("{} of `{database}`", plural(*tables as u64, "table"));
    let lines = scan::lines(findings);
    if findings.is_empty() {
        screen.result(&format!("Looked at {looked}: every column that looks sensitive has a rule."))?;
    } else {
        screen.table(&grid(findings))?;
        let columns = plural(findings.len() as u64, "column");
        screen
            .result(&format!("\nSensitive by name and type, and without a rule: {columns}, in {looked}."))?;
    }
    if !lines.is_empty() {
        screen.result(
            "To mask them, add to backfill.toml (where a [sanitize.TABLE] is there already, below it):\n",
        )?;
        screen.result(lines.trim_end())?;
    }
    screen.json(&Report {
        database,
        tables: *tables,
        columns: findings.iter().map(ReportedColumn::of).collect(),
        toml: &lines,
    })
}

#[derive(Serialize)]
struct Report<'a> {
    database: &'a str,
    tables: usize,
    columns: Vec<ReportedColumn<'a>>,
    toml: &'a str,
}

#[derive(Serialize)]
struct ReportedColumn<'a> {
    table: &'a str,
    column: &'a str,
    #[serde(rename = "type")]
    column_type: &'a str,
    looks_like: &'static str,
    /// As TOML.
    rule: Option<String>,
    no_rule_because: Option<&'a str>,
}

impl<'a> ReportedColumn<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            table: &finding.table,
            column: &finding.column,
            column_type: &finding.column_type,
            looks_like: finding.category.words(),
            rule: finding.proposal.as_ref().ok().map(scan::Proposal::toml),
            no_rule_because: finding.proposal.as_ref().err().map(String::as_str),
        }
    }
}
