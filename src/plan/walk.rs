//! By which key a table is walked in chunks.
//!
//! A walk asks for the next rows behind a position, in the server's own order. That is right only where the server
//! compares a literal the way it sorts the column: an ENUM sorts by its index and compares as text, a FLOAT has no
//! literal that is surely equal, a prefix index does not hold the whole value. Tables without a key that can be
//! trusted are read in one chunk, or copied with a number of their own first.

use crate::schema::{Column, IndexKind, Table};
use crate::sql::select::WalkKey;

/// Most bytes of a key whose columns an ordered index can hold whole. MariaDB makes a HASH of a longer one, and a
/// primary key may hold prefixes: every step would sort the rest of the table, and no copy could have that key.
const KEY_BYTES_MAX: u64 = 3072;

/// The key to walk `table` by: the primary key, else the first unique index over whole NOT NULL columns.
#[must_use]
pub fn walk_key(table: &Table) -> Option<WalkKey> {
    // A key of prefixes is in no order that rows could be read in.
    let primary = (!table.primary_key.is_empty()
        && table.primary_prefixes.is_empty()
        && is_one_direction(table.primary_key.iter().map(|name| table.primary_descending.contains(name))))
    .then(|| WalkKey { index: "PRIMARY".to_owned(), columns: table.primary_key.clone() });
    let unique = table
        .usable_indexes()
        .filter(|index| index.unique && index.kind == IndexKind::Btree)
        .filter(|index| is_one_direction(index.parts.iter().map(|part| part.descending)))
        .filter_map(|index| {
            let columns = index
                .parts
                .iter()
                .map(|part| if part.prefix.is_none() { part.column.clone() } else { None })
                .collect::<Option<Vec<_>>>()?;
            Some(WalkKey { index: index.name.clone(), columns })
        });
    primary.into_iter().chain(unique).find(|key| {
        let columns: Vec<&Column> = key.columns.iter().filter_map(|name| table.column(name)).collect();
        columns.len() == key.columns.len()
            && columns.iter().all(|column| !column.nullable && sorts_as_it_compares(column))
            && columns.iter().map(|column| key_bytes(column)).sum::<u64>() <= KEY_BYTES_MAX
    })
}

/// Whether an index can be read from either end in the order of its columns: with `a ASC, b DESC` both servers would sort
/// the rest of the table at every step.
fn is_one_direction(mut descending: impl Iterator<Item = bool>) -> bool {
    let first = descending.next();
    descending.all(|part| Some(part) == first)
}

/// Bytes of a whole value in an index, at most.
fn key_bytes(column: &Column) -> u64 {
    let of_character = match column.charset.as_deref() {
        Some("utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030") => 4,
        Some("utf8" | "utf8mb3" | "ujis" | "eucjpms") => 3,
        Some("ucs2" | "big5" | "gbk" | "gb2312" | "sjis" | "cp932" | "euckr") => 2,
        _ => 1,
    };
    column.max_length.map_or(0, |length| length.saturating_mul(of_character))
}

/// Whether a literal of this column compares as the column sorts, so that a position in an order can be written down.
#[must_use]
pub fn sorts_as_it_compares(column: &Column) -> bool {
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
        let mut prefixed = table(columns(), &["v"], &[("u", "id", None)]);
        prefixed.primary_prefixes.insert("v".into(), 4);
        assert_eq!(index_of(&prefixed).as_deref(), Some("u"), "a primary key of prefixes");
        let mut mixed = table(columns(), &["id", "v"], &[("u", "v", None)]);
        mixed.primary_descending.push("v".into());
        assert_eq!(index_of(&mixed).as_deref(), Some("u"), "a primary key of two directions");
        mixed.primary_descending.push("id".into());
        assert_eq!(index_of(&mixed).as_deref(), Some("PRIMARY"), "read from its end");
        for (charset, length, walked) in
            [("utf8mb4", 768, true), ("utf8mb4", 769, false), ("latin1", 3072, true)]
        {
            let long = Column {
                charset: Some(charset.into()),
                max_length: Some(length),
                ..column("url", "varchar", false)
            };
            assert_eq!(walk_key(&table(vec![long], &["url"], &[])).is_some(), walked, "{charset} {length}");
        }
    }
}
