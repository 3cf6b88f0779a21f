//! Where the values are that rules replace: what the leak check has to read before it knows what it looks for.

use super::run::{Strategy, TablePlan};
use super::sanitize::{Mask, MaskKey, Refs, SanitizePlan, TableMasks};
use crate::error::Result;
use crate::schema::{Generated, Table};
use crate::sql::List;
use std::collections::BTreeMap;

/// Bytes of the longest value that is read; a longer one is a text, not a value that turns up elsewhere.
const BYTES_MAX: u64 = 1024;

/// The tables with such values.
#[derive(Debug, Clone, Default)]
pub struct OriginalsPlan {
    tables: Vec<RuledTable>,
    key: Option<MaskKey>,
}

/// A table some of whose columns have rules.
#[derive(Debug, Clone)]
pub struct RuledTable {
    /// How it is walked; none of its columns are read by it.
    pub plan: TablePlan,
    /// The ruled columns.
    pub columns: Vec<String>,
    /// The SELECT list: a ruled column each, its value where the mask replaces it, NULL where it stays.
    pub list: List,
}

impl OriginalsPlan {
    /// Over all tables that are served, whether or not a run asks for them: what is masked here must not leave there.
    ///
    /// # Errors
    /// As [`TablePlan::new`].
    pub fn new(served: &BTreeMap<String, Table>, sanitize: &SanitizePlan) -> Result<Self> {
        let ruled = served.values().filter_map(|table| Some((table, sanitize.for_table(&table.name)?)));
        let tables = ruled.map(|(table, masks)| RuledTable::new(table, masks));
        let tables = tables.filter(|ruled| ruled.as_ref().map_or(true, |ruled| !ruled.list.is_empty()));
        Ok(Self { tables: tables.collect::<Result<_>>()?, key: sanitize.key().cloned() })
    }

    /// The key that conditions of rules may read.
    #[must_use]
    pub fn key(&self) -> Option<&MaskKey> {
        self.key.as_ref()
    }

    /// The tables.
    #[must_use]
    pub fn tables(&self) -> &[RuledTable] {
        &self.tables
    }
}

impl RuledTable {
    fn new(table: &Table, masks: &TableMasks) -> Result<Self> {
        let holds_values = |name: &str, mask: &Mask| {
            let column = table.column(name).filter(|column| column.generated == Generated::No);
            // A document is no value; what is masked inside it is not looked for.
            column.is_some_and(|column| column.is_text() || column.is_binary())
                && !matches!(mask, Mask::Json(_))
        };
        let ruled: Vec<&str> = masks
            .columns
            .iter()
            .filter(|masked| holds_values(&masked.name, &masked.mask))
            .map(|masked| masked.name.as_str())
            .collect();
        Ok(Self {
            plan: TablePlan::new(table, Some(&[]), None, false, Strategy::Select, Vec::new())?,
            list: ruled.iter().filter_map(|name| masks.replaced(name, BYTES_MAX, Refs::Bare)).collect(),
            columns: ruled.into_iter().map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sanitize::fixture::{column, nullable, rule_but, schema, table};
    use super::super::sanitize::{Facts, plan};
    use super::*;

    #[test]
    fn replaced_texts_are_read_and_nothing_else() {
        let users = table(
            "users",
            vec![
                column("id", "bigint"),
                column("mail", "varchar(90)"),
                column("raw", "varbinary(90)"),
                nullable("born", "date"),
            ],
        )
        .key(&["id"])
        .done();
        let visits = table("visits", vec![column("id", "int"), nullable("at", "date")]).key(&["id"]).done();
        let schema = schema(vec![users, visits, table("tags", vec![column("id", "int")]).done()]);
        let rules = [
            rule_but("users", "mail", Mask::Email, &["*@a.com"]),
            rule_but("users", "raw", Mask::Text, &[]),
            rule_but("users", "born", Mask::Null, &[]),
            rule_but("visits", "at", Mask::Null, &[]),
        ];
        let sanitize = plan(&rules, &schema, &Facts { salt: "5a17", ..Facts::default() }).unwrap();
        let originals = OriginalsPlan::new(&schema.tables, &sanitize).unwrap();
        let [users] = originals.tables() else { panic!("{originals:?}") };
        assert_eq!((users.plan.table.name.as_str(), users.plan.columns.len()), ("users", 0));
        assert_eq!(users.plan.walk.as_ref().unwrap().columns, ["id"]);
        assert_eq!(users.columns, ["mail", "raw"]);
        assert_eq!(
            users.list[..],
            [
                "CASE WHEN `mail` LIKE '%@a.com' ESCAPE '|' THEN NULL WHEN OCTET_LENGTH(`mail`) > 1024 THEN NULL \
                 ELSE CONVERT(`mail` USING utf8mb4) END",
                "CASE WHEN OCTET_LENGTH(`raw`) > 1024 THEN NULL ELSE `raw` END",
            ]
        );
    }
}
