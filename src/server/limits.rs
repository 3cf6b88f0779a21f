//! The limits of a catalog: what they restrict, and the plan that they give a run.

use crate::error::Result;
use crate::plan::checked::Checks;
use crate::plan::reference::{Reference, references};
use crate::plan::run::TablePlan;
use crate::plan::sanitize::SanitizePlan;
use crate::plan::subset::check::Checked;
use crate::plan::subset::{Outline, SubsetInputs, SubsetPlan, outlines};
use crate::schema::{ForeignKey, Table};
use crate::server::run::RunSubset;
use crate::wire::manifest::Limited;
use std::collections::{BTreeMap, BTreeSet};

/// Limits and relations that fit the source as it is now.
#[derive(Debug)]
pub struct CheckedLimits {
    checked: Checked,
    references: Vec<Reference>,
    moment: String,
    datetime_timezone: String,
    whole: SubsetPlan,
    outlines: BTreeMap<String, Outline>,
}

impl CheckedLimits {
    /// What `checked` means for the tables that are served. `moment` is the source's clock, UTC.
    ///
    /// # Errors
    /// `Config` when a limit cannot be worked.
    pub fn new(
        checked: Checked,
        served: &BTreeMap<String, Table>,
        foreign_keys: &[ForeignKey],
        moment: &str,
        datetime_timezone: &str,
    ) -> Result<Self> {
        let mut limits = Self {
            references: references(served, foreign_keys, &checked.relations),
            checked,
            moment: moment.to_owned(),
            datetime_timezone: datetime_timezone.to_owned(),
            whole: SubsetPlan::default(),
            outlines: BTreeMap::new(),
        };
        limits.whole = SubsetPlan::new(&limits.inputs(served), None)?;
        let restricted = served.keys().filter(|name| limits.restrict(name)).cloned().collect();
        limits.outlines = outlines(served, &limits.references, &limits.checked.limits, &restricted);
        Ok(limits)
    }

    /// What the user should know.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.checked.warnings
    }

    /// Whether a table has a limit.
    #[must_use]
    pub fn are_given(&self) -> bool {
        !self.checked.limits.is_empty()
    }

    /// Whether not all rows of that table are kept.
    #[must_use]
    pub fn restrict(&self, table: &str) -> bool {
        self.whole.is_restricted(table)
    }

    /// Why only some rows of that table are kept, and roughly how many; none for a whole table without a limit.
    #[must_use]
    pub fn limited(&self, table: &str) -> Option<Limited> {
        let Outline { limit, follows, pulled_in_by, rows_estimate } = self.outlines.get(table)?.clone();
        Some(Limited { limit, follows, pulled_in_by, rows: rows_estimate })
    }

    /// Everything that decides about the rows of a table; empty when it is whole.
    #[must_use]
    pub fn text_for(&self, table: &str) -> String {
        if !self.restrict(table) {
            return String::new();
        }
        format!("{:?} {:?} {}", self.checked, self.references, self.datetime_timezone)
    }

    /// The plan for the kept rows of these tables.
    ///
    /// # Errors
    /// As [`CheckedLimits::new`].
    pub fn plan(
        &self,
        served: &BTreeMap<String, Table>,
        wanted: &BTreeSet<String>,
        sanitize: &SanitizePlan,
    ) -> Result<RunSubset> {
        let plan = SubsetPlan::new(&self.inputs(served), Some(wanted))?;
        let is_ruled = |(table, column): &(&str, &str)| {
            served.get(*table).is_some_and(|table| sanitize.is_told_by(table, column))
        };
        let ruled: BTreeSet<String> = plan
            .written()
            .filter(is_ruled)
            .map(|(table, column)| format!("`{column}` of table `{table}`"))
            .collect();
        Ok(RunSubset { plan, ruled: ruled.into_iter().collect() })
    }

    /// What is checked at the end of a run of these tables, of references whose ends may be read at two moments, which
    /// `may_part` says of both; and in words what is not.
    #[must_use]
    pub fn checks(
        &self,
        tables: &[TablePlan],
        may_part: impl Fn(&str, &str) -> bool,
    ) -> (Checks, Vec<String>) {
        let references = self.references.iter().filter(|one| may_part(&one.table, &one.references));
        Checks::new(tables, references.cloned().collect())
    }

    fn inputs<'a>(&'a self, served: &'a BTreeMap<String, Table>) -> SubsetInputs<'a> {
        SubsetInputs {
            served,
            references: &self.references,
            limits: &self.checked.limits,
            moment: &self.moment,
            datetime_timezone: &self.datetime_timezone,
        }
    }
}
