//! Which tables of the target take a delta: rows that replace those with the same key while all others stay.

use crate::schema::{ForeignKey, Index, IndexKind, Schema, Table, TableKind};

/// Whether rows with `columns` can be merged into the target's `table`; if not, why, as the end of a sentence about
/// it. Such a table is pulled whole.
///
/// What is asked for makes a merge exact: it is undone as a whole, it knows every row by its key, and it sees which
/// row had a unique value before.
///
/// # Errors
/// The reason.
pub fn can_merge<S: AsRef<str>>(schema: &Schema, table: &str, columns: &[S]) -> Result<(), &'static str> {
    let table = schema.tables.get(table).ok_or("the target does not have it")?;
    let refuse_if = |refused: bool, why| if refused { Err(why) } else { Ok(()) };
    refuse_if(table.kind != TableKind::Base, "it keeps old versions of its rows")?;
    refuse_if(!table.engine.eq_ignore_ascii_case("InnoDB"), "its engine is not InnoDB")?;
    refuse_if(table.primary_key.is_empty(), "it has no primary key")?;
    refuse_if(!table.primary_prefixes.is_empty(), "its primary key is over a part of a column")?;
    let comes = |name: &String| columns.iter().any(|column| same(column.as_ref(), name));
    refuse_if(!table.primary_key.iter().all(comes), "its primary key does not come from the source")?;
    let hidden = |index: &Index| index.unique && !tells_owners(table, index);
    refuse_if(
        table.indexes.iter().any(hidden),
        "it has a unique index over an expression, over a part of a column or over long text",
    )?;
    let by_other_columns =
        |key: &ForeignKey| refers_to(schema, key, table) && !leads_to_primary_key(key, table);
    refuse_if(
        schema.foreign_keys.iter().any(by_other_columns),
        "a foreign key leads to columns of it that are not its primary key",
    )
}

/// Whether comparing whole columns, by the index, finds the rows that have the same value in it.
fn tells_owners(table: &Table, index: &Index) -> bool {
    let is_long = |name: &str| {
        table.column(name).is_none_or(|c| c.data_type.ends_with("text") || c.data_type.ends_with("blob"))
    };
    index.kind == IndexKind::Btree
        && index
            .parts
            .iter()
            .all(|part| part.prefix.is_none() && part.column.as_deref().is_some_and(|name| !is_long(name)))
}

fn refers_to(schema: &Schema, key: &ForeignKey, table: &Table) -> bool {
    key.references == table.name && key.references_schema.as_ref().is_none_or(|name| *name == schema.database)
}

/// Whether the key's parent columns are the primary key, in any order.
fn leads_to_primary_key(key: &ForeignKey, table: &Table) -> bool {
    key.referenced_columns.len() == table.primary_key.len()
        && key.referenced_columns.iter().all(|name| table.primary_key.iter().any(|own| same(own, name)))
}

/// Column names compare without case on every server.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Column, Flavour, IndexPart, Version};

    fn index(column: Option<&str>, prefix: Option<u32>, unique: bool) -> Index {
        let part = IndexPart {
            column: column.map(str::to_owned),
            expression: column.is_none().then(|| "lower(`mail`)".to_owned()),
            prefix,
            descending: false,
        };
        Index { name: "i".into(), unique, kind: IndexKind::Btree, parts: vec![part] }
    }

    fn schema(change: impl FnOnce(&mut Table), keys: Vec<ForeignKey>) -> Schema {
        let columns =
            vec![Column::new("Id", "int"), Column::new("mail", "varchar(90)"), Column::new("body", "text")];
        let mut table = Table::new("users", columns);
        table.primary_key = vec!["Id".into()];
        table.indexes = vec![index(Some("mail"), None, true), index(Some("body"), Some(9), false)];
        change(&mut table);
        Schema {
            database: "app".into(),
            flavour: Flavour::Mysql,
            version: Version(8, 0, 0),
            tables: [("users".to_owned(), table)].into(),
            foreign_keys: keys,
            triggers: Vec::new(),
            views: 0,
            routines: 0,
            events: 0,
        }
    }

    fn key(parent: &str, schema: Option<&str>, column: &str) -> ForeignKey {
        ForeignKey {
            name: "k".into(),
            table: "posts".into(),
            columns: vec!["user".into()],
            references_schema: schema.map(str::to_owned),
            references: parent.into(),
            referenced_columns: vec![column.into()],
            on_delete: "CASCADE".into(),
            on_update: "CASCADE".into(),
        }
    }

    fn reason(change: impl FnOnce(&mut Table), keys: Vec<ForeignKey>) -> &'static str {
        can_merge(&schema(change, keys), "users", &["id", "mail"]).err().unwrap_or("")
    }

    #[test]
    fn an_ordinary_table_takes_a_delta() {
        let fine =
            vec![key("users", Some("app"), "id"), key("users", Some("other"), "mail"), key("x", None, "y")];
        assert_eq!(reason(|_| (), fine), "");
    }

    #[test]
    fn every_reason_is_told() {
        type Change = fn(&mut Table);
        let cases: [(&str, Change); 9] = [
            ("old versions", |t| t.kind = TableKind::SystemVersioned),
            ("engine", |t| t.engine = "MyISAM".into()),
            ("no primary key", |t| t.primary_key.clear()),
            ("part of a column", |t| {
                t.primary_prefixes.insert("Id".into(), 3);
            }),
            ("does not come", |t| t.primary_key.push("body".into())),
            ("unique index", |t| t.indexes.push(index(Some("mail"), Some(9), true))),
            ("unique index", |t| t.indexes.push(index(None, None, true))),
            ("unique index", |t| t.indexes.push(index(Some("body"), None, true))),
            ("unique index", |t| {
                t.indexes.push(Index { kind: IndexKind::Other, ..index(Some("mail"), None, true) });
            }),
        ];
        for (expected, change) in cases {
            let reason = reason(change, Vec::new());
            assert!(reason.contains(expected), "{expected}: {reason}");
        }
        assert!(reason(|_| (), vec![key("users", None, "mail")]).contains("foreign key"));
        assert!(can_merge(&schema(|_| (), Vec::new()), "nowhere", &["id"]).is_err());
    }
}
