//! Which index finds rows by some columns.

use super::plan::{Edge, Restricted};
use crate::schema::{IndexKind, Table};
use crate::sql::select::WalkKey;

/// An index whose first parts are among some columns.
pub(super) struct Leading {
    pub index: String,
    /// Whether it has all of them in front.
    pub whole: bool,
    /// Whether it has nothing else.
    pub exact: bool,
}

/// The index that finds rows by `columns` best.
pub(super) fn leading_index(table: &Table, columns: &[String]) -> Option<Leading> {
    let primary = (!table.primary_key.is_empty())
        .then(|| ("PRIMARY", table.primary_key.iter().map(|name| Some(name.as_str())).collect::<Vec<_>>()));
    let others = table.usable_indexes().filter(|index| index.kind == IndexKind::Btree).map(|index| {
        let parts = index.parts.iter();
        let whole = |part: &crate::schema::IndexPart| part.prefix.is_none();
        (index.name.as_str(), parts.map(|part| part.column.as_deref().filter(|_| whole(part))).collect())
    });
    let usable = |parts: &[Option<&str>]| {
        let among = |part: &&Option<&str>| {
            part.is_some_and(|part| columns.iter().any(|column| column.eq_ignore_ascii_case(part)))
        };
        parts.iter().take_while(among).count()
    };
    primary
        .into_iter()
        .chain(others)
        .map(|(name, parts): (&str, Vec<Option<&str>>)| (usable(&parts), parts.len(), name))
        .filter(|(usable, _, _)| *usable > 0)
        // The first among equals.
        .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)).then(b.2.cmp(a.2)))
        .map(|(usable, parts, name)| Leading {
            index: name.to_owned(),
            whole: usable == columns.len(),
            exact: usable == columns.len() && parts == usable,
        })
}

/// Rows without a parent lie together in an index over that one column, in the order of the primary key.
pub(super) fn nulls_walk(edge: &Edge, child: &Restricted, index: Option<&Leading>) -> Option<WalkKey> {
    let index = index.filter(|index| index.exact && index.index != "PRIMARY")?;
    let one = edge.reference.columns.len() == 1 && edge.nullable.len() == 1;
    let ordered = child.walk.index == "PRIMARY"
        && child.table.primary_key == child.walk.columns
        && child.table.engine.eq_ignore_ascii_case("InnoDB");
    (one && ordered).then(|| WalkKey { index: index.index.clone(), columns: child.walk.columns.clone() })
}
