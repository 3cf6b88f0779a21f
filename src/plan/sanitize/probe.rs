//! Read-only statements that try masks on real rows before anything is copied.

use super::Mask;
use super::identity::Refs;
use super::render::{TableMasks, same};
use super::types::integer_range;
use crate::schema::Column;
use crate::sql::{Expr, Ident, List, Statement, TableName};

/// Rows that a probe looks at.
const PROBED_ROWS: u32 = 1000;

impl TableMasks {
    /// A SELECT of all masks over no row of `source`: it fails where the server cannot combine a mask or a pattern
    /// with the column (collations, mostly).
    #[must_use]
    pub fn probe(&self, source: &TableName) -> Statement<'static> {
        let items: List =
            self.columns.iter().map(|column| self.select_expression(&column.name, Refs::Bare)).collect();
        Statement::of(format!("SELECT {} FROM {source} LIMIT 0", items.join(", ")), &items)
    }

    /// A SELECT that counts, one result column per entry of [`TableMasks::checks`] in that order, how many of at
    /// most 1000 masked rows of `source` the CHECK would refuse. None without such CHECKs. Reads, never locks.
    #[must_use]
    pub fn check_probe(&self, source: &TableName) -> Option<Statement<'static>> {
        if self.checks.is_empty() {
            return None;
        }
        // NULL passes a CHECK, and COUNT and CASE agree.
        let counts: Vec<_> = self
            .checks
            .iter()
            .map(|check| format!("COUNT(CASE WHEN NOT ({}) THEN 1 END)", check.expression))
            .collect();
        // LIMIT keeps the derived table from being merged: random masks are made once per row.
        let items: List = self.probed.iter().map(|name| self.named(name)).collect();
        let mut masked = format!("SELECT {} FROM {source} LIMIT {PROBED_ROWS}", items.join(", "));
        if !self.recomputed.is_empty() {
            let extra: Vec<_> = self
                .recomputed
                .iter()
                .map(|(name, expression)| format!("({expression}) AS {}", Ident::new(name)))
                .collect();
            masked = format!(
                "SELECT `masked`.*, {} FROM ({masked}) AS `masked` LIMIT {PROBED_ROWS}",
                extra.join(", ")
            );
        }
        Some(Statement::of(format!("SELECT {} FROM ({masked}) AS `masked`", counts.join(", ")), &items))
    }

    /// A SELECT that counts, for columns whose results nothing but the database knows, how many of at most 1000 masked
    /// rows of `source` do not fit; and, for each number of the result, the column and what is wrong. None without such
    /// columns.
    #[must_use]
    pub fn fit_probe(&self, source: &TableName) -> Option<(Statement<'static>, Vec<(String, String)>)> {
        let computed = || self.columns.iter().filter(|masked| matches!(masked.mask, Mask::Sql(_)));
        let (conditions, faults): (Vec<_>, Vec<_>) = computed()
            .flat_map(|masked| {
                let misfits = misfits(&masked.column).into_iter();
                misfits.map(|(condition, fault)| (condition, (masked.name.clone(), fault)))
            })
            .unzip();
        if conditions.is_empty() {
            return None;
        }
        let counts: Vec<_> =
            conditions.iter().map(|condition| format!("COUNT(CASE WHEN {condition} THEN 1 END)")).collect();
        let items: List = computed().map(|masked| self.named(&masked.name)).collect();
        let masked = format!("SELECT {} FROM {source} LIMIT {PROBED_ROWS}", items.join(", "));
        let probe = format!("SELECT {} FROM ({masked}) AS `masked`", counts.join(", "));
        Some((Statement::of(probe, &items), faults))
    }

    fn named(&self, column: &str) -> Expr {
        let name = self.columns.iter().find(|masked| same(&masked.name, column)).map_or(column, |m| &m.name);
        self.select_expression(name, Refs::Bare).within(|sql| format!("{sql} AS {}", Ident::new(name)))
    }
}

/// Conditions under which a value does not fit a column, each with what is then wrong.
fn misfits(column: &Column) -> Vec<(String, String)> {
    let value = Ident::new(column.name.as_str());
    let mut misfits = Vec::new();
    if !column.nullable {
        misfits.push((format!("{value} IS NULL"), "is NULL".to_owned()));
    }
    if let (true, Some(most)) = (column.is_text(), column.max_length) {
        let length = if column.data_type.ends_with("text") { "LENGTH" } else { "CHAR_LENGTH" };
        misfits.push((format!("{length}({value}) > {most}"), format!("is longer than {most}")));
    }
    if let Some((least, most)) = integer_range(column) {
        let outside = format!("{value} NOT BETWEEN {least} AND {most}");
        misfits.push((outside, format!("is not from {least} to {most}")));
    }
    misfits
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{column, generated, nullable, rule, schema, table};
    use super::super::{Expression, Facts, Mask, TableMasks, plan};
    use crate::sql::TableName;

    fn masks(table: crate::schema::Table, ruled: &str) -> TableMasks {
        let rule = rule("t", ruled, Mask::Null);
        let facts = Facts { salt: "5a17", ..Facts::default() };
        plan(&[rule], &schema(vec![table]), &facts).unwrap().for_table("t").unwrap().clone()
    }

    #[test]
    fn checks_are_tried_on_masked_rows_under_the_columns_own_names() {
        let table =
            table("t", vec![nullable("Mail", "varchar(99)"), column("kind", "int"), column("x", "int")])
                .check("c1", "`mail` like '%@%' or `kind` = 1")
                .check("c2", "`x` > 0")
                .check("c3", "char_length(`Mail`) > 3")
                .done();
        let masks = masks(table, "mail");
        let names: Vec<_> = masks.checks.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names, ["c1", "c3"]);
        assert_eq!(
            masks.check_probe(&TableName::qualified("app", "t")).unwrap().sql(),
            "SELECT COUNT(CASE WHEN NOT (`mail` like '%@%' or `kind` = 1) THEN 1 END), \
             COUNT(CASE WHEN NOT (char_length(`Mail`) > 3) THEN 1 END) \
             FROM (SELECT NULL AS `Mail`, `kind` AS `kind` FROM `app`.`t` LIMIT 1000) AS `masked`"
        );
        assert_eq!(masks.probe(&TableName::bare("t")).sql(), "SELECT NULL FROM `t` LIMIT 0");
    }

    #[test]
    fn generated_columns_are_computed_from_masked_values() {
        let table = table(
            "t",
            vec![
                nullable("mail", "varchar(99)"),
                generated("low", "varchar(99)", "lower(`mail`)"),
                generated("twice", "int", "`n` * 2"),
                column("n", "int"),
            ],
        )
        .check("c", "`low` <> 'x' and `twice` > 1")
        .done();
        let probe = masks(table, "mail").check_probe(&TableName::bare("t")).unwrap();
        assert!(
            probe.sql().ends_with(
                "FROM (SELECT `masked`.*, (lower(`mail`)) AS `low` FROM \
                 (SELECT NULL AS `mail`, `twice` AS `twice` FROM `t` LIMIT 1000) AS `masked` LIMIT 1000) AS `masked`"
            ),
            "{probe:?}"
        );
    }

    #[test]
    fn tables_without_such_checks_need_no_probe() {
        let table = table("t", vec![nullable("mail", "varchar(99)"), column("n", "int")])
            .check("c", "`n` > 0")
            .done();
        assert_eq!(masks(table, "mail").check_probe(&TableName::bare("t")), None);
    }

    #[test]
    fn results_that_only_the_database_knows_are_tried() {
        let table =
            table("t", vec![column("a", "varchar(5)"), nullable("n", "tinyint"), nullable("x", "int")])
                .done();
        let rule = |column: &str, mask| rule("t", column, mask);
        let sql = |text| Mask::Sql(Expression::parse("expression", text).unwrap());
        let rules = [rule("a", sql("'ab'")), rule("n", sql("x + 1")), rule("x", Mask::Null)];
        let facts = Facts { salt: "5a17", ..Facts::default() };
        let plan = plan(&rules, &schema(vec![table]), &facts).unwrap();
        let masks = plan.for_table("t").unwrap();
        let (probe, faults) = masks.fit_probe(&TableName::bare("t")).unwrap();
        assert!(
            probe.sql().starts_with(
                "SELECT COUNT(CASE WHEN `a` IS NULL THEN 1 END), COUNT(CASE WHEN CHAR_LENGTH(`a`) > 5 THEN 1 END), \
                 COUNT(CASE WHEN `n` NOT BETWEEN -128 AND 127 THEN 1 END) FROM (SELECT "
            ),
            "{probe:?}"
        );
        let names: Vec<_> = faults.iter().map(|(column, fault)| format!("{column} {fault}")).collect();
        assert_eq!(names, ["a is NULL", "a is longer than 5", "n is not from -128 to 127"]);
    }
}
