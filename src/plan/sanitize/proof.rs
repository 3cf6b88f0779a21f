//! The proof that masks were set: what has to be counted over a copy and its source, row by row of one key, before
//! anything of the table leaves.
//!
//! A count is wrong only where a mask is known to change every value. Rows change on a live source between the copy
//! and the count, so conditions of rules are decided by what the copy holds; only ruled columns, which the copy no
//! longer has, are taken from the source, and then only together with the fact that both hold the same value.

use super::identity::Refs;
use super::render::{MaskedColumn, TableMasks, same};
use super::types::{Mask, Row, Unchanged};
use crate::schema::Column;
use crate::sql::{Expr, Ident};

/// What to count for one ruled column. Both conditions are about one row of the copy and the same row of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnProof {
    /// The column.
    pub column: String,
    /// The row had a value that had to be masked.
    pub masked: Expr,
    /// It still has that value, although its mask makes another one.
    pub unmasked: Expr,
    /// When the counts say that the mask failed.
    pub fails: Fails,
}

/// When counts say that a mask failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fails {
    /// With the first row that is not masked.
    Any,
    /// When no row of the whole table was: an expression may leave a value here and there.
    All,
}

impl TableMasks {
    /// The proofs of all columns for which there is one, and the columns of the copy that they read beside its key.
    #[must_use]
    pub fn proofs(&self, copy: &Ident, source: &Ident) -> (Vec<ColumnProof>, Vec<String>) {
        let ruled: Vec<String> = self.columns.iter().map(|masked| masked.name.clone()).collect();
        let refs = Refs::Both { copy, source, ruled: &ruled };
        let proofs: Vec<ColumnProof> =
            self.columns.iter().filter_map(|masked| self.proof(masked, refs, copy)).collect();
        let proven = |masked: &&MaskedColumn| proofs.iter().any(|proof| proof.column == masked.name);
        let mut read: Vec<String> = Vec::new();
        for masked in self.columns.iter().filter(proven) {
            for name in self.reads(masked).into_iter().chain([masked.name.clone()]) {
                if !read.iter().any(|seen| same(seen, &name)) {
                    read.push(name);
                }
            }
        }
        (proofs, read)
    }

    fn proof(&self, masked: &MaskedColumn, refs: Refs<'_>, copy: &Ident) -> Option<ColumnProof> {
        let (own, row) = (self.own(masked), self.row(masked, refs));
        // What another ruled column held when the row was copied, nobody knows any more.
        let reads_ruled = masked.condition.as_ref().is_some_and(|condition| {
            condition.reads(&own).iter().any(|name| !same(name, &masked.name) && self.column(name).is_some())
        });
        if reads_ruled {
            return None;
        }
        let before = refs.column(&masked.name);
        let after = Refs::Of(copy).column(&masked.name);
        let (had_value, changed, fails) = self.changes(masked, row)?;
        let same_value = equal(&masked.column, &after, &before);
        Some(ColumnProof {
            column: masked.name.clone(),
            unmasked: self.reading_key(format!("{same_value} AND {had_value}{changed}")),
            masked: self.reading_key(had_value),
            fails,
        })
    }

    /// Whether the row had a value that had to be masked, what has to be true besides (` AND …`, or nothing) so that its
    /// mask makes another one of it, and what it means if it does not; none where nobody knows.
    pub(super) fn changes(&self, masked: &MaskedColumn, row: Row<'_>) -> Option<(String, String, Fails)> {
        let own = self.own(masked);
        let before = row.refs.column(&masked.name);
        let behaviour = masked.behaviour();
        let (unchanged, fails) = match behaviour.unchanged(&masked.column, &own, row) {
            Unchanged::Unknown => return None,
            Unchanged::Never => (None, Fails::Any),
            Unchanged::Sometimes => (None, Fails::All),
            Unchanged::Where(condition) => (Some(condition), Fails::Any),
            Unchanged::WhereMasked => {
                let again = behaviour.value(&masked.column, &own, row);
                (Some(made_again(masked, &again, &before)?), Fails::Any)
            }
        };
        let kept = self.kept(masked, row);
        let kept = if kept.is_empty() { "FALSE".to_owned() } else { kept.join(" OR ") };
        let had_value = format!("{before} IS NOT NULL AND ({kept}) IS NOT TRUE");
        let changed = unchanged.map_or_else(String::new, |sql| format!(" AND ({sql}) IS NOT TRUE"));
        Some((had_value, changed, fails))
    }
}

/// Whether a source's value is what the mask makes of it. None where a column stores a value in another way than it was
/// given: then both may be the same and not look it.
fn made_again(masked: &MaskedColumn, again: &str, before: &str) -> Option<String> {
    let column = &masked.column;
    match column.data_type.as_str() {
        "float" | "year" => None,
        "json" if !matches!(masked.mask, Mask::Json(_)) => None,
        "char" => Some(equal(column, &format!("TRIM(TRAILING ' ' FROM {again})"), before)),
        // By the column's own character set.
        "enum" | "set" | "uuid" | "inet4" | "inet6" => Some(format!("({again}) = {before}")),
        _ => Some(equal(column, &format!("({again})"), before)),
    }
}

/// Whether two values are the same to the last byte; numbers and dates compare as what they are.
fn equal(column: &Column, a: &str, b: &str) -> String {
    if column.is_integer()
        || column.is_temporal()
        || matches!(column.data_type.as_str(), "decimal" | "float" | "double" | "bit" | "year" | "time")
    {
        format!("{a} = {b}")
    } else {
        format!("CAST({a} AS BINARY) = CAST({b} AS BINARY)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{column, nullable, schema, table};
    use super::super::types::{OptionValue, parse};
    use super::super::{Facts, Rule, TableMasks, plan};
    use super::*;

    /// Column, type, options.
    type Written<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

    fn masks(rules: &[Written<'_>]) -> TableMasks {
        let rules: Vec<Rule> = rules
            .iter()
            .map(|(column, kind, options)| {
                let options: Vec<_> = options
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), OptionValue::Text((*value).to_owned())))
                    .collect();
                let parsed = parse(kind, &options).unwrap();
                Rule {
                    table: "t".into(),
                    column: (*column).into(),
                    mask: parsed.mask,
                    exclude: parsed.exclude,
                    condition: parsed.condition,
                }
            })
            .collect();
        let table = table(
            "t",
            vec![column("id", "int"), nullable("mail", "varchar(99)"), column("role", "varchar(99)")],
        )
        .key(&["id"])
        .done();
        let facts = Facts { salt: "5a17", ..Facts::default() };
        plan(&rules, &schema(vec![table]), &facts).unwrap().for_table("t").unwrap().clone()
    }

    fn proofs(masks: &TableMasks) -> (Vec<ColumnProof>, Vec<String>) {
        masks.proofs(&Ident::new("c"), &Ident::new("s"))
    }

    #[test]
    fn random_masks_change_every_value() {
        let (proofs, read) = proofs(&masks(&[("mail", "email", &[])]));
        assert_eq!(read, ["mail"]);
        assert_eq!(proofs[0].masked.sql(), "`s`.`mail` IS NOT NULL AND (FALSE) IS NOT TRUE");
        assert_eq!(
            proofs[0].unmasked.sql(),
            "CAST(`c`.`mail` AS BINARY) = CAST(`s`.`mail` AS BINARY) AND \
             `s`.`mail` IS NOT NULL AND (FALSE) IS NOT TRUE"
        );
        assert_eq!(proofs[0].fails, Fails::Any);
    }

    #[test]
    fn conditions_are_decided_by_the_copy_unless_it_lacks_the_value() {
        let plain = masks(&[("mail", "email", &[("where", "role <> 'staff'")])]);
        let (proofs_of_plain, read) = proofs(&plain);
        assert!(proofs_of_plain[0].masked.sql().contains("(`c`.`role` <> 'staff') IS FALSE"));
        assert_eq!(read, ["role", "mail"]);
        let ruled = masks(&[("mail", "email", &[("where", "role <> 'staff'")]), ("role", "text", &[])]);
        let columns: Vec<_> = proofs(&ruled).0.into_iter().map(|proof| proof.column).collect();
        assert_eq!(columns, ["role"], "nobody knows what `role` was when the row was copied");
    }

    #[test]
    fn a_value_that_is_already_what_the_mask_makes_may_stay() {
        let proof = proofs(&masks(&[("mail", "name", &[])])).0.remove(0);
        let again = "CONVERT(CONCAT(_ascii'User_', `c`.`id`) USING utf8mb4) COLLATE utf8mb4_general_ci";
        assert!(
            proof.unmasked.sql().ends_with(&format!(
                " AND (CAST(({again}) AS BINARY) = CAST(`s`.`mail` AS BINARY)) IS NOT TRUE"
            )),
            "{:?}",
            proof.unmasked
        );
    }

    #[test]
    fn expressions_may_leave_values_here_and_there_or_meet_them_by_chance() {
        for (expression, fails) in [
            ("CONCAT({column}, '')", Some(Fails::All)),
            ("UPPER(mail)", Some(Fails::All)),
            ("CONCAT('x', {id})", Some(Fails::Any)),
            ("IF(RAND() < 0.5, 'a', 'b')", None),
        ] {
            let proofs = proofs(&masks(&[("mail", "sql", &[("expression", expression)])])).0;
            assert_eq!(proofs.first().map(|proof| proof.fails), fails, "{expression}");
        }
    }
}
