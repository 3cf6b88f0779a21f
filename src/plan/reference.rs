//! What references what: declared foreign keys and `[[relations]]`, as far as both ends are served. Limits follow
//! them, and a run checks at its end that none of them dangles.

use crate::schema::{ForeignKey, Table};
use std::collections::BTreeMap;

/// A foreign key that the schema does not declare: one entry of `[[relations]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Child, parent and their columns. The name is made up: `relation 1` for the first entry.
    pub key: ForeignKey,
    /// The rows that it holds for: those whose columns have these values. Empty: all.
    pub when: Vec<(String, String)>,
}

/// One reference that is followed, from a child table to its parent. Names are spelled as the tables spell them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The constraint's name, or the relation's.
    pub name: String,
    /// The child.
    pub table: String,
    /// The child's columns. A row in which one of them is NULL references nothing.
    pub columns: Vec<String>,
    /// The parent; a table may be its own.
    pub references: String,
    /// The parent's columns, in the order of `columns`.
    pub referenced_columns: Vec<String>,
    /// The child's rows that it holds for: those whose columns have these values. Empty: all.
    pub when: Vec<(String, String)>,
}

/// The references between the tables of `served`, in the order (child, name). Foreign keys into other schemas and to
/// tables that are not served are not followed.
#[must_use]
pub fn references(
    served: &BTreeMap<String, Table>,
    foreign_keys: &[ForeignKey],
    relations: &[Relation],
) -> Vec<Reference> {
    let declared = foreign_keys.iter().map(|key| (key, [].as_slice()));
    let related = relations.iter().map(|relation| (&relation.key, relation.when.as_slice()));
    let mut found: Vec<Reference> =
        declared.chain(related).filter_map(|(key, when)| follow(served, key, when)).collect();
    found.sort_by(|a, b| (&a.table, &a.name).cmp(&(&b.table, &b.name)));
    found
}

fn follow(
    served: &BTreeMap<String, Table>,
    key: &ForeignKey,
    when: &[(String, String)],
) -> Option<Reference> {
    if key.references_schema.is_some() {
        return None;
    }
    let (child, parent) = (served.get(&key.table)?, served.get(&key.references)?);
    let spelled = |table: &Table, names: &[String]| -> Option<Vec<String>> {
        names.iter().map(|name| table.column(name).map(|column| column.name.clone())).collect()
    };
    Some(Reference {
        name: key.name.clone(),
        table: child.name.clone(),
        columns: spelled(child, &key.columns)?,
        references: parent.name.clone(),
        referenced_columns: spelled(parent, &key.referenced_columns)?,
        when: when
            .iter()
            .map(|(name, value)| Some((child.column(name)?.name.clone(), value.clone())))
            .collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sanitize::fixture::foreign_key;
    use crate::schema::Column;

    fn served(names: &[&str]) -> BTreeMap<String, Table> {
        let columns = || vec![Column::new("id", "int"), Column::new("Kind", "varchar(9)")];
        names.iter().map(|name| ((*name).to_owned(), Table::new(name, columns()))).collect()
    }

    #[test]
    fn only_what_stays_inside_is_followed() {
        let mut abroad = foreign_key(("c", "id"), ("p", "id"));
        abroad.references_schema = Some("other".into());
        let keys = [foreign_key(("c", "id"), ("gone", "id")), abroad, foreign_key(("c", "ID"), ("p", "id"))];
        let relation = Relation {
            key: ForeignKey { name: "relation 1".into(), ..foreign_key(("p", "id"), ("p", "id")) },
            when: vec![("kind".into(), "P".into())],
        };
        let found = references(&served(&["c", "p"]), &keys, &[relation]);
        let told: Vec<_> = found.iter().map(|r| (r.table.as_str(), r.columns[0].as_str(), &r.when)).collect();
        assert_eq!(told, [("c", "id", &vec![]), ("p", "id", &vec![("Kind".to_owned(), "P".to_owned())])]);
    }
}
