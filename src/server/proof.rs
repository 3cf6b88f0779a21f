//! The proof that masks were set, for tables that are masked while they are read: of every row, the values that are about
//! to be sent are compared with those that must not be. Nothing of a chunk leaves before its rows were looked at.

use crate::db::RowCells;
use crate::error::Result;
use crate::plan::run::TablePlan;
use crate::plan::sanitize::{Fails, Forbidden, WHOLE_BYTES_MAX};
use crate::source::workspace::unmasked;
use crate::sql::List;
use sha2::{Digest, Sha256};

/// What was seen of one table's masks.
#[derive(Debug)]
pub(super) struct Proof {
    table: String,
    columns: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    column: String,
    fails: Fails,
    /// Where its mask is in the SELECT list.
    sent: usize,
    /// Where the value is that must not be sent.
    forbidden: usize,
    masked: u64,
    unmasked: u64,
}

impl Proof {
    /// Nothing seen yet; adds to the SELECT list what must not be sent.
    pub(super) fn new(forbidden: &[Forbidden], plan: &TablePlan, list: &mut List) -> Self {
        let counted = |forbidden: &Forbidden| {
            let sent = plan.columns.iter().position(|(name, _)| *name == forbidden.column)?;
            list.push(forbidden.value.clone());
            let (column, fails) = (forbidden.column.clone(), forbidden.fails);
            Some(Counted { column, fails, sent, forbidden: list.len() - 1, masked: 0, unmasked: 0 })
        };
        Self { table: plan.table.name.clone(), columns: forbidden.iter().filter_map(counted).collect() }
    }

    /// Looks at a row.
    ///
    /// # Errors
    /// `Integrity` for a value of the source that its mask should have changed.
    pub(super) fn row(&mut self, row: &impl RowCells) -> Result<()> {
        for counted in &mut self.columns {
            let Some(forbidden) = row.cell(counted.forbidden) else { continue };
            counted.masked += 1;
            if row.cell(counted.sent).is_some_and(|sent| is_same(sent, forbidden)) {
                counted.unmasked += 1;
                if counted.fails == Fails::Any {
                    return Err(unmasked(&self.table, &counted.column, counted.unmasked, counted.masked));
                }
            }
        }
        Ok(())
    }

    /// Whether the rows so far may leave: an expression may give values back here and there, not all of them.
    ///
    /// # Errors
    /// `Integrity` when no value of a column was masked.
    pub(super) fn check(&self) -> Result<()> {
        let failed = |counted: &&Counted| counted.masked > 0 && counted.unmasked == counted.masked;
        match self.columns.iter().find(failed) {
            Some(counted) => Err(unmasked(&self.table, &counted.column, counted.unmasked, counted.masked)),
            None => Ok(()),
        }
    }

    /// Tells the operator about the values that were given back.
    pub(super) fn finish(&self) {
        for counted in self.columns.iter().filter(|counted| counted.unmasked > 0) {
            tracing::warn!(
                table = self.table,
                column = counted.column,
                unchanged = counted.unmasked,
                of = counted.masked,
                "an expression gave values back as they are"
            );
        }
    }
}

/// Long values are compared by digest.
fn is_same(sent: &[u8], forbidden: &[u8]) -> bool {
    if sent.len() <= WHOLE_BYTES_MAX {
        return sent == forbidden;
    }
    let digest = Sha256::digest(sent);
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().as_bytes() == forbidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::plan::run::Strategy;
    use crate::schema::{Column, Table};
    use crate::source::workspace::is_unmasked;

    struct Cells(Vec<Option<Vec<u8>>>);

    impl RowCells for Cells {
        fn cell(&self, index: usize) -> Option<&[u8]> {
            self.0.get(index)?.as_deref()
        }
    }

    fn proof(fails: Fails) -> Proof {
        let table = Table::new("t", vec![Column::new("id", "int"), Column::new("mail", "varbinary(90)")]);
        let plan = TablePlan::new(&table, None, None, false, Strategy::Select, Vec::new()).unwrap();
        let forbidden = Forbidden { column: "mail".into(), value: "raw".into(), fails };
        let mut list = List::from(["`id`", "mask"]);
        let proof = Proof::new(&[forbidden], &plan, &mut list);
        assert_eq!(list[..], ["`id`", "mask", "raw"]);
        proof
    }

    fn cells(sent: &str, forbidden: Option<&str>) -> Cells {
        let cell = |text: &str| Some(text.as_bytes().to_vec());
        Cells(vec![cell("1"), cell(sent), forbidden.and_then(cell)])
    }

    #[test]
    fn one_value_as_it_was_is_one_too_many() {
        let mut proof = proof(Fails::Any);
        proof.row(&cells("masked", Some("raw"))).unwrap();
        proof.row(&cells("kept", None)).unwrap();
        let error = proof.row(&cells("raw", Some("raw"))).unwrap_err();
        assert!(error.kind() == Kind::Integrity && is_unmasked(&error));
        assert!(error.what().contains("1 of 2 rows of table `t`"), "{error}");
        assert!(!error.to_string().contains("raw"));
    }

    #[test]
    fn an_expression_may_give_back_some_values_and_not_all() {
        let mut proof = proof(Fails::All);
        proof.check().unwrap();
        proof.row(&cells("raw", Some("raw"))).unwrap();
        assert!(is_unmasked(&proof.check().unwrap_err()));
        proof.row(&cells("RAW", Some("raw"))).unwrap();
        proof.check().unwrap();
    }

    #[test]
    fn long_values_are_compared_by_digest() {
        let long = "x".repeat(256);
        let digest = Sha256::digest(long.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert!(is_same(long.as_bytes(), digest.as_bytes()));
        assert!(!is_same("y".repeat(256).as_bytes(), digest.as_bytes()));
        assert!(!is_same(b"x", digest.as_bytes()) && is_same(b"x", b"x"));
    }
}
