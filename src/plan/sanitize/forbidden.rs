//! The proof of masks that are set while rows are read: beside each mask stands the value that must not be sent, so that
//! whoever sends the row can see that it is not.
//!
//! The comparison is not left to the server: a mask that is random gives another value wherever it is named again, and
//! no clause keeps both servers from naming it twice.

use super::identity::Refs;
use super::proof::Fails;
use super::render::TableMasks;
use super::types::Mask;
use crate::sql::Expr;

/// Values of more bytes are compared by their SHA-256, in hex: large ones would be read for nothing but that.
pub const WHOLE_BYTES_MAX: usize = 255;

/// What must not be sent of a ruled column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The column.
    pub column: String,
    /// The item of a SELECT list that gives the value as it is, or its digest beyond [`WHOLE_BYTES_MAX`]; NULL in rows
    /// that may hold theirs.
    pub value: Expr,
    /// When equal values say that the mask failed.
    pub fails: Fails,
}

impl TableMasks {
    /// What must not be sent, of each ruled column for which that can be said.
    #[must_use]
    pub fn forbidden(&self, refs: Refs<'_>) -> Vec<Forbidden> {
        let told = |masked: &&super::render::MaskedColumn| masked.mask != Mask::Null;
        let forbidden = self.columns.iter().filter(told).filter_map(|masked| {
            let (had_value, changed, fails) = self.changes(masked, self.row(masked, refs))?;
            let column = refs.column(&masked.name);
            let whole = if masked.column.data_type == "float" { format!("{column}*1e0") } else { column.clone() };
            let value = format!(
                "CASE WHEN {had_value}{changed} THEN IF(LENGTH({column}) > {WHOLE_BYTES_MAX}, SHA2({column}, 256), \
                 CAST({whole} AS BINARY)) END"
            );
            Some(Forbidden { column: masked.name.clone(), value: self.reading_key(value), fails })
        });
        forbidden.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{column, nullable, rule_but, schema, table};
    use super::super::{Facts, plan};
    use super::*;

    #[test]
    fn what_a_rule_keeps_and_what_it_empties_may_be_sent() {
        let table =
            table("t", vec![column("id", "int"), nullable("mail", "varchar(99)"), nullable("ip", "int")]);
        let rule = |column: &str, mask, exclude: &[&str]| rule_but("t", column, mask, exclude);
        let rules = [rule("mail", Mask::Email, &["*@a.com"]), rule("ip", Mask::Null, &[])];
        let facts = Facts { salt: "5a17", ..Facts::default() };
        let plan = plan(&rules, &schema(vec![table.key(&["id"]).done()]), &facts).unwrap();
        let forbidden = plan.for_table("t").unwrap().forbidden(Refs::Bare);
        let value = "CASE WHEN `mail` IS NOT NULL AND (`mail` LIKE '%@a.com' ESCAPE '|') IS NOT TRUE THEN \
                     IF(LENGTH(`mail`) > 255, SHA2(`mail`, 256), CAST(`mail` AS BINARY)) END";
        let expected = Forbidden { column: "mail".into(), value: value.into(), fails: Fails::Any };
        assert_eq!(forbidden, [expected]);
    }
}
