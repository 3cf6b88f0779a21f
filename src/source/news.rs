//! Counting what deltas would bring, where indexes make that cheap.

use crate::db::{Connection, Endpoint, Role};
use crate::error::{Context, Result};
use crate::schema::{IndexKind, Table};
use crate::sql::TableName;
use crate::sql::changed::Changed;
use crate::sql::since::Since;

/// Most rows that are counted: an index entry takes about a microsecond.
pub const NEWS_MAX: u64 = 10_000;

/// For each table how many of its rows are news, [`NEWS_MAX`] standing for so many or more; none where indexes do not
/// tell.
///
/// # Errors
/// The server's.
pub fn count(endpoint: &Endpoint, wanted: &[(&Table, Since)]) -> Result<Vec<Option<u64>>> {
    let mut conn = None;
    let mut counts = Vec::with_capacity(wanted.len());
    for (table, since) in wanted {
        let Some(changed) = by_indexes(&endpoint.database, table, since) else {
            counts.push(None);
            continue;
        };
        let conn = match &mut conn {
            Some(conn) => conn,
            none => none.insert(Connection::open(endpoint, Role::Source)?),
        };
        let (rows, zeros): (u64, u64) = conn
            .query_one(&changed.count(NEWS_MAX))
            .context(|| format!("counting what is new in table `{}`", table.name))?;
        counts.push((zeros < NEWS_MAX).then_some(rows.min(NEWS_MAX)));
    }
    Ok(counts)
}

/// How the rows are found if indexes lead with both columns.
fn by_indexes(database: &str, table: &Table, since: &Since) -> Option<Changed> {
    Some(Changed {
        table: TableName::qualified(database, table.name.as_str()),
        key: table.primary_key.clone(),
        since: since.clone(),
        created_index: leading_index(table, &since.created.name)?,
        updated_index: leading_index(table, &since.updated.name)?,
    })
}

fn leading_index(table: &Table, column: &str) -> Option<String> {
    if table.primary_key.first().is_some_and(|name| name == column) {
        return Some("PRIMARY".to_owned());
    }
    let leads = |index: &&crate::schema::Index| {
        let first = index.parts.first();
        index.kind == IndexKind::Btree
            && first.is_some_and(|part| part.column.as_deref() == Some(column) && part.prefix.is_none())
    };
    table.usable_indexes().find(leads).map(|index| index.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Column, Index, IndexPart};

    #[test]
    fn only_an_index_that_can_be_asked_for_and_begins_with_the_column_counts() {
        let part = |name: &str| IndexPart {
            column: Some(name.to_owned()),
            expression: None,
            prefix: None,
            descending: false,
        };
        let index = |name: &str, columns: &[&str]| Index {
            name: name.to_owned(),
            unique: false,
            kind: IndexKind::Btree,
            parts: columns.iter().map(|column| part(column)).collect(),
        };
        let mut table = Table::new("t", vec![Column::new("id", "int"), Column::new("u", "datetime")]);
        table.primary_key = vec!["id".into()];
        table.indexes = vec![index("behind", &["id", "u"]), index("hidden", &["u"])];
        table.hidden_indexes = vec!["hidden".into()];
        assert_eq!(leading_index(&table, "u"), None);
        table.indexes.push(index("good", &["u", "id"]));
        assert_eq!(leading_index(&table, "u").as_deref(), Some("good"));
        assert_eq!(leading_index(&table, "id").as_deref(), Some("PRIMARY"));
    }
}
