//! What stands in the SELECT list for the columns of a table that is masked while it is read. Made of a plan alone, so
//! that no ruled column of it can be read for sending but by its mask.

use crate::error::{Error, Result};
use crate::plan::run::TablePlan;
use crate::plan::sanitize::{Forbidden, Refs};
use crate::sql::literal::Form;
use crate::sql::{Expr, List};

/// The SELECT list of a table whose ruled columns are masked by it.
#[derive(Debug, Clone)]
pub struct SelectList {
    sent: List,
    forbidden: Vec<Forbidden>,
}

impl SelectList {
    /// The list for what `plan` sends.
    ///
    /// # Errors
    /// `Internal` for a column that the table lacks.
    pub fn new(plan: &TablePlan, refs: Refs<'_>) -> Result<Self> {
        let sent = plan.columns.iter().map(|(name, _)| item(plan, name, refs)).collect::<Result<_>>()?;
        let is_sent = |forbidden: &Forbidden| plan.columns.iter().any(|(name, _)| *name == forbidden.column);
        let mut forbidden = plan.masks.as_ref().map_or_else(Vec::new, |masks| masks.forbidden(refs));
        forbidden.retain(is_sent);
        Ok(Self { sent, forbidden })
    }

    /// The items of the columns that are sent, in the plan's order.
    #[must_use]
    pub fn sent(&self) -> &List {
        &self.sent
    }

    /// What must not be among them.
    #[must_use]
    pub fn forbidden(&self) -> &[Forbidden] {
        &self.forbidden
    }
}

/// The item of a column: its mask, if it is ruled.
///
/// # Errors
/// `Internal` for a column that the table lacks.
pub fn item(plan: &TablePlan, name: &str, refs: Refs<'_>) -> Result<Expr> {
    let column =
        plan.table.column(name).ok_or_else(|| Error::internal(format!("column `{name}` is missing")))?;
    Ok(match &plan.masks {
        Some(masks) if masks.column(name).is_some() => {
            let value = masks.select_expression(name, refs);
            value.within(|sql| Form::select_value(column, format!("({sql})")))
        }
        _ => Form::select_column(column, refs.column(name)).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::run::Strategy;
    use crate::plan::sanitize::fixture::{column, rule, schema, table};
    use crate::plan::sanitize::{Facts, Mask, plan};

    #[test]
    fn a_ruled_column_is_never_read_as_it_is() {
        let columns = vec![column("id", "int"), column("mail", "varchar(99)"), column("f", "float")];
        let table = table("t", columns).key(&["id"]).done();
        let rule = |column: &str, mask| rule("t", column, mask);
        let rules = [rule("mail", Mask::Email)];
        let facts = Facts { salt: "5a17", ..Facts::default() };
        let plan = plan(&rules, &schema(vec![table.clone()]), &facts).unwrap();
        let of = |columns: Option<&[String]>| {
            let seen = Vec::new();
            let plan =
                TablePlan::new(&table, columns, plan.for_table("t"), false, Strategy::Select, seen).unwrap();
            SelectList::new(&plan, Refs::Bare).unwrap()
        };
        let all = of(None);
        assert_eq!((all.sent()[0].as_str(), all.sent()[2].as_str()), ("`id`", "`f`*1e0"));
        assert!(all.sent()[1].starts_with("(CASE WHEN `mail` IS NULL THEN NULL ELSE "));
        assert_eq!(all.forbidden().len(), 1);
        let unsent = of(Some(&["id".to_owned()]));
        assert_eq!((unsent.sent().len(), unsent.forbidden().len()), (1, 0));
    }
}
