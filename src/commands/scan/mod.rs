//! `backfill scan`: columns of the source that nobody has decided about. Never a value.

mod list;
mod report;

use super::{Context, rules, serve};
use crate::config::{Config, Overrides};
use crate::error::{Error, Result};
use crate::plan::policy::{Keep, undecided};
use crate::plan::reference::Relation;
use crate::plan::run::Selection;
use crate::plan::sanitize::{Facts, MaskKey, SanitizePlan, plan};
use crate::random;
use crate::scan::values::Tally;
use crate::scan::{self, Found, Ground, Sightings};
use crate::schema::{Column, ForeignKey, Table};
use crate::source::sample::{Sampled, is_sampled};
use crate::source::survey::Survey;
use crate::source::workspace::read_hint;
use clap::Args;
use list::ColumnList;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `scan`.
#[derive(Debug, Clone, Args)]
pub struct ScanArgs {
    /// For CI: fail when any column has neither a rule nor an entry in privacy.keep, sensitive or not
    #[arg(long)]
    pub check: bool,
    /// With --check: columns that are listed in this file pass too
    #[arg(long, value_name = "FILE", requires = "check")]
    pub list: Option<PathBuf>,
    /// With --list: write the columns that need it into the file
    #[arg(long, requires = "list")]
    pub write: bool,
    /// Rows of each table whose values are looked at
    #[arg(long, value_name = "N", default_value_t = SAMPLE_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub sample: u32,
    /// Look at names and types only, read no value
    #[arg(long, conflicts_with = "sample")]
    pub no_sample: bool,
}

/// The exit code that says that something was found.
const FOUND: u8 = 1;
/// Rows of each table whose values are looked at.
const SAMPLE_DEFAULT: u32 = 200;

/// Scans and shows what was found.
///
/// # Errors
/// `Config` when the configuration is invalid or a rule does not fit; `Usage` for a list that cannot be used; `Source` and
/// `Privilege` when the database cannot be read.
pub fn run(args: &ScanArgs, context: &Context) -> Result<ExitCode> {
    let config = context.load(Overrides::default())?;
    let rows = (!args.no_sample).then_some(args.sample);
    let list = args.list.as_deref().map(|path| ColumnList::read(path, args.write)).transpose()?;
    let scanned = scan_rows(&config, rows, list.as_ref().map(|list| &list.known))?;
    for warning in &scanned.warnings {
        context.screen.warn(&format!("warning: {warning}"));
    }
    if let Some(list) = list.filter(|_| args.write) {
        return report::written(&scanned, &list.write(&scanned.found)?, context).map(|()| ExitCode::SUCCESS);
    }
    let is_clean = match args.check {
        true => report::checked(&scanned, args.list.as_deref(), context)?,
        false => report::found(&scanned, context)?,
    };
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// What a scan gives.
pub(super) struct Scanned {
    /// The database.
    pub database: String,
    /// How many tables were looked at.
    pub tables: usize,
    /// How many rows of each were, at most; none: no value was read.
    pub rows: Option<u32>,
    /// What was found.
    pub found: Found,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// Looks at the source that `config` names, values included, under the rules that it has.
///
/// # Errors
/// As [`run`].
pub(super) fn scan(config: &Config) -> Result<Scanned> {
    scan_rows(config, Some(SAMPLE_DEFAULT), None)
}

/// The same with so many rows of each table; `known` columns pass.
fn scan_rows(config: &Config, rows: Option<u32>, known: Option<&Keep>) -> Result<Scanned> {
    let endpoint = config.database()?;
    look(config, rows, known).map_err(|error: Error| read_hint(error, &endpoint))
}

fn look(config: &Config, rows: Option<u32>, known: Option<&Keep>) -> Result<Scanned> {
    let endpoint = config.database()?;
    let exclude = config.exclude_tables()?;
    let rules = rules::planned(config.rules())?;
    let keep = rules::kept(&config.keep())?;
    let relations = config.relations().iter().enumerate().map(|(at, one)| serve::relation(at + 1, one));
    let relations: Vec<ForeignKey> = relations.map(|Relation { key, .. }| key).collect();
    let by_update = config.masks_by_update()?;
    let mut survey = Survey::take(&endpoint)?;
    let folds = survey.facts.folds_table_names();
    let keep = keep.on_server(folds);
    let is_excluded = |name: &str| if folds { exclude.is_match_folded(name) } else { exclude.is_match(name) };
    let selection = Selection::new(&survey.schema, is_excluded);
    let salt = random::hex(16)?;
    let key = config.mask_key()?.as_ref().map(MaskKey::derive).transpose()?;
    let widest = survey.widest_ids(selection.served.values())?;
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
    let masks = plan(&rules, &schema, &facts)?;
    let mut warnings = keep.warnings(&schema);
    let known = known.map(|known| known.on_server(folds)).unwrap_or_default();
    warnings.extend(list::stale(&known, &schema));
    let keep = keep.and(known);
    let tables: Vec<&Table> = selection.served.values().collect();
    let seen = match rows {
        Some(rows) => sample(&mut survey, &tables, (&masks, &keep), rows.into(), &mut warnings)?,
        None => Sightings::default(),
    };
    let ground = Ground {
        schema: &schema,
        served: &selection.served,
        rules: &rules,
        masks: &masks,
        keep: &keep,
        seen: &seen,
        facts: &facts,
    };
    let found = scan::scan(ground, &mut |masks| survey.probe_masks(masks))?;
    Ok(Scanned { database: endpoint.database, tables: tables.len(), rows, found, warnings })
}

/// What values of columns look like that nobody has decided about.
fn sample(
    survey: &mut Survey,
    tables: &[&Table],
    (masks, keep): (&SanitizePlan, &Keep),
    rows: u64,
    warnings: &mut Vec<String>,
) -> Result<Sightings> {
    let mut seen = Sightings::default();
    for table in tables {
        let left = undecided(table, masks.for_table(&table.name), keep);
        let columns: Vec<&Column> = left.filter(|column| is_sampled(column)).collect();
        let mut tallies: Vec<Tally> = columns.iter().map(|column| Tally::new(column)).collect();
        let sampled = survey.sample(table, &columns, rows, &mut |at, value| tallies[at].look(value))?;
        if sampled == Sampled::TookTooLong {
            warnings.push(format!(
                "values of table `{}` were not looked at to the end: the server took too long",
                table.name
            ));
        }
        for (column, tally) in columns.iter().zip(&tallies) {
            if let Some(sighting) = tally.sighting() {
                seen.add(&table.name, &column.name, sighting);
            }
        }
    }
    Ok(seen)
}
