//! By which key a table is walked in chunks.
//!
//! A walk asks for the next rows behind a position, in the server's own order. That is right only where the server
//! compares a literal the way it sorts the column: an ENUM sorts by its index and compares as text, a FLOAT has no
//! literal that is surely equal, a prefix index does not hold the whole value. Tables without a key that can be
//! trusted are read in one chunk, or copied with a number of their own first.

use crate::schema::{Column, IndexKind, Table};
use crate::sql::select::WalkKey;

/// The key to walk `table` by: the primary key, else the first unique index over whole NOT NULL columns.
#[must_use]
pub fn walk_key(table: &Table) -> Option<WalkKey> {
    let primary = (!table.primary_key.is_empty())
        .then(|| WalkKey { index: "PRIMARY".to_owned(), columns: table.primary_key.clone() });
    let unique =
        table.indexes.iter().filter(|index| index.unique && index.kind == IndexKind::Btree).filter_map(
            |index| {
                let columns = index
                    .parts
                    .iter()
                    .map(|part| if part.prefix.is_none() { part.column.clone() } else { None })
                    .collect::<Option<Vec<_>>>()?;
                Some(WalkKey { index: index.name.clone(), columns })
            },
        );
    primary.into_iter().chain(unique).find(|key| {
        key.columns.iter().all(|name| {
            table.column(name).is_some_and(|column| !column.nullable && sorts_as_it_compares(column))
        })
    })
}

fn sorts_as_it_compares(column: &Column) -> bool {
    column.is_integer()
        || matches!(
            column.data_type.as_str(),
            "decimal" | "char" | "varchar" | "binary" | "varbinary" | "uuid" | "inet4" | "inet6" | "year"
        )
        || column.is_temporal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Index, IndexPart};

    fn column(name: &str, data_type: &str, nullable: bool) -> Column {
        Column { nullable, ..Column::new(name, data_type) }
    }

    fn table(columns: Vec<Column>, primary_key: &[&str], unique: &[(&str, &str, Option<u32>)]) -> Table {
        let index = |(name, column, prefix): &(&str, &str, Option<u32>)| Index {
            name: (*name).into(),
            unique: true,
            kind: IndexKind::Btree,
            parts: vec![IndexPart {
                column: Some((*column).into()),
                expression: None,
                prefix: *prefix,
                descending: false,
            }],
        };
        Table {
            primary_key: primary_key.iter().map(ToString::to_string).collect(),
            indexes: unique.iter().map(index).collect(),
            ..Table::new("t", columns)
        }
    }

    #[test]
    fn the_first_key_that_can_be_trusted_wins() {
        let columns = || {
            vec![
                column("id", "bigint", false),
                column("e", "enum", false),
                column("n", "varchar", true),
                column("v", "varchar", false),
                column("f", "float", false),
            ]
        };
        let index_of = |t: &Table| walk_key(t).map(|key| key.index);
        assert_eq!(index_of(&table(columns(), &["id"], &[("u", "v", None)])).as_deref(), Some("PRIMARY"));
        assert_eq!(index_of(&table(columns(), &["e"], &[("u", "v", None)])).as_deref(), Some("u"));
        assert_eq!(index_of(&table(columns(), &["e", "id"], &[])), None);
        assert_eq!(index_of(&table(columns(), &[], &[("u", "n", None)])), None, "nullable");
        assert_eq!(index_of(&table(columns(), &[], &[("u", "v", Some(4))])), None, "prefix");
        assert_eq!(index_of(&table(columns(), &["f"], &[])), None);
    }
}
