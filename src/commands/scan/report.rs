//! What a scan found, for people and for programs.

use super::list::Written;
use super::{Context, Scanned};
use crate::error::Result;
use crate::scan::{self, Finding, Reason, Unremarkable};
use crate::ui::format::plural;
use crate::ui::table::{Align, Table as Grid};
use serde::Serialize;
use std::path::Path;

const COLUMNS: [(&str, Align); 6] = [
    ("Table", Align::Left),
    ("Column", Align::Left),
    ("Type", Align::Left),
    ("Looks like", Align::Left),
    ("Because of", Align::Left),
    ("Rule that fits", Align::Left),
];

/// The findings as a table.
fn grid(findings: &[Finding]) -> Grid {
    let mut grid = Grid::new(&COLUMNS);
    findings.iter().for_each(|finding| grid.row(cells(finding)));
    grid
}

fn cells(finding: &Finding) -> Vec<String> {
    vec![
        finding.table.clone(),
        finding.column.clone(),
        finding.column_type.clone(),
        finding.category.words().to_owned(),
        finding.reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join("; "),
        finding.proposal.as_ref().map_or_else(|why| format!("none: {why}"), scan::Proposal::toml),
    ]
}

/// Shows the columns that look sensitive; says whether there are none.
pub(super) fn found(scanned: &Scanned, context: &Context) -> Result<bool> {
    let screen = &context.screen;
    let findings = &scanned.found.sensitive;
    let lines = scan::lines(findings);
    if findings.is_empty() {
        screen.result(&format!(
            "Looked at {}: every column that looks sensitive has a rule, or is kept.",
            scanned.looked_at()
        ))?;
    } else {
        screen.table(&grid(findings))?;
        let columns = plural(findings.len() as u64, "column");
        screen
            .result(&format!("\nLook sensitive, and have no rule: {columns}, in {}.", scanned.looked_at()))?;
    }
    if !lines.is_empty() {
        screen.result(
            "To mask them, add to backfill.toml (where a [sanitize.TABLE] is there already, below it):\n",
        )?;
        screen.result(lines.trim_end())?;
    }
    if !findings.is_empty() {
        screen.result("\nWhat is harmless as it is goes into `keep` in [privacy], as \"TABLE.COLUMN\".")?;
    }
    screen.json(&scanned.report(&lines, false))?;
    Ok(findings.is_empty())
}

/// Shows every column that nobody has decided about; says whether there are none.
pub(super) fn checked(scanned: &Scanned, list: Option<&Path>, context: &Context) -> Result<bool> {
    let screen = &context.screen;
    let found = &scanned.found;
    let rules = scan::lines(&found.sensitive);
    let keep = scan::keep_lines(found);
    let gap = if rules.is_empty() || keep.is_empty() { "" } else { "\n" };
    let lines = format!("{rules}{gap}{keep}");
    let listed = list.map_or_else(String::new, |path| format!(", nor a line in {}", path.display()));
    if found.is_empty() {
        let or = list.map_or_else(String::new, |path| format!(", or is listed in {}", path.display()));
        screen.result(&format!(
            "Looked at {}: every column has a rule, or is kept{or}.",
            scanned.looked_at()
        ))?;
    } else {
        let mut grid = grid(&found.sensitive);
        for Unremarkable { table, column, column_type } in &found.others {
            let dash = || "-".to_owned();
            grid.row(vec![table.clone(), column.clone(), column_type.clone(), dash(), dash(), dash()]);
        }
        screen.table(&grid)?;
        let count = found.columns().len();
        let (columns, verb) = (plural(count as u64, "column"), if count == 1 { "has" } else { "have" });
        screen.result(&format!(
            "\n{columns} of {} {verb} neither a rule nor an entry in `keep` of [privacy]{listed}.",
            scanned.looked_at()
        ))?;
        screen.result(
            "Decide about each; these lines for backfill.toml are a beginning (below the [table]s and in the list `keep` \
             that are there already):\n",
        )?;
        screen.result(lines.trim_end())?;
    }
    screen.json(&scanned.report(&lines, true))?;
    Ok(found.is_empty())
}

/// Tells what was written into the list.
pub(super) fn written(scanned: &Scanned, written: &Written, context: &Context) -> Result<()> {
    let Written { path, columns, added, removed } = written;
    let screen = &context.screen;
    added.iter().try_for_each(|line| screen.result(&format!("+ {line}")))?;
    screen.result(&format!(
        "Wrote {}: {} without a rule ({} new, {removed} gone), of {}.",
        path.display(),
        plural(*columns as u64, "column"),
        added.len(),
        scanned.looked_at()
    ))?;
    screen.json(&WrittenReport {
        list: path.display().to_string(),
        columns: *columns,
        added,
        removed: *removed,
    })
}

impl Scanned {
    /// "12 tables of `app` (up to 200 rows of each)".
    fn looked_at(&self) -> String {
        let rows = match self.rows {
            Some(rows) => format!("names, types, up to {} of each", plural(rows.into(), "row")),
            None => "names and types".to_owned(),
        };
        format!("{} of `{}` ({rows})", plural(self.tables as u64, "table"), self.database)
    }

    fn report<'a>(&'a self, lines: &'a str, with_others: bool) -> Report<'a> {
        let others = self.found.others.iter().filter(|_| with_others).map(ReportedColumn::of_other);
        Report {
            database: &self.database,
            tables: self.tables,
            sampled_rows: self.rows.unwrap_or(0),
            columns: self.found.sensitive.iter().map(ReportedColumn::of).chain(others).collect(),
            toml: lines,
            warnings: &self.warnings,
        }
    }
}

#[derive(Serialize)]
struct WrittenReport<'a> {
    list: String,
    columns: usize,
    added: &'a [String],
    removed: usize,
}

#[derive(Serialize)]
struct Report<'a> {
    database: &'a str,
    tables: usize,
    sampled_rows: u32,
    columns: Vec<ReportedColumn<'a>>,
    toml: &'a str,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct ReportedColumn<'a> {
    table: &'a str,
    column: &'a str,
    #[serde(rename = "type")]
    column_type: &'a str,
    /// None for a column that nothing speaks against.
    looks_like: Option<&'static str>,
    because_of: Vec<String>,
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
            looks_like: Some(finding.category.words()),
            because_of: finding.reasons.iter().map(Reason::to_string).collect(),
            rule: finding.proposal.as_ref().ok().map(scan::Proposal::toml),
            no_rule_because: finding.proposal.as_ref().err().map(String::as_str),
        }
    }

    fn of_other(other: &'a Unremarkable) -> Self {
        Self {
            table: &other.table,
            column: &other.column,
            column_type: &other.column_type,
            looks_like: None,
            because_of: Vec::new(),
            rule: None,
            no_rule_because: None,
        }
    }
}
