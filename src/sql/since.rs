//! The condition that picks the rows of a delta: those that say they were made or changed at a moment or later, and
//! those that do not say when.

use super::select::column_of;
use std::fmt::Write as _;

/// A zero date: stored where nobody said when.
pub(super) const ZERO: &str = "'0000-00-00 00:00:00'";

/// Rows that were made or changed since a moment, as far as two columns of theirs tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// When a row was made.
    pub created: SinceColumn,
    /// When it was changed last.
    pub updated: SinceColumn,
}

/// One of the two columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinceColumn {
    /// Its name as the schema spells it.
    pub name: String,
    /// The moment as the column would spell it, no finer: a row of the same second must not be passed over because its
    /// column has no fractions.
    pub from: String,
    /// Whether it may be NULL.
    pub nullable: bool,
}

impl Since {
    /// The condition over columns of `alias`, or of the only table. It is never NULL: of a row of the table, its
    /// negation is true for exactly the others.
    ///
    /// Rows where either column is NULL are always among them. A zero date in one column leaves it to the other; where
    /// both are zero, nothing says that the row is old. NOT NULL columns are not compared with NULL: both servers take
    /// zero dates of such DATETIME columns for it, and those of TIMESTAMP columns not.
    #[must_use]
    pub fn condition(&self, alias: Option<&str>) -> String {
        let columns = [&self.created, &self.updated];
        let names = columns.map(|column| column_of(alias, &column.name));
        let mut condition = String::new();
        for (column, name) in columns.iter().zip(&names) {
            // A typed literal, so that an index on the column is of use. Writing to a String never fails.
            let _ = write!(condition, "{name} >= TIMESTAMP'{}' OR ", column.from);
            if column.nullable {
                let _ = write!(condition, "{name} IS NULL OR ");
            }
        }
        let [created, updated] = names;
        condition + &format!("({created} = {ZERO} AND {updated} = {ZERO})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_column_may_tell_and_neither_need() {
        let column = |name: &str, fraction: &str, nullable| SinceColumn {
            name: name.to_owned(),
            from: format!("2026-11-22 10:00:00{fraction}"),
            nullable,
        };
        let since =
            Since { created: column("Created_At", "", true), updated: column("updated_at", ".5", false) };
        assert_eq!(
            since.condition(None),
            "`Created_At` >= TIMESTAMP'2026-11-22 10:00:00' OR `Created_At` IS NULL \
             OR `updated_at` >= TIMESTAMP'2026-11-22 10:00:00.5' \
             OR (`Created_At` = '0000-00-00 00:00:00' AND `updated_at` = '0000-00-00 00:00:00')"
        );
        assert!(since.condition(Some("p")).starts_with("`p`.`Created_At` >= TIMESTAMP'"));
    }
}
