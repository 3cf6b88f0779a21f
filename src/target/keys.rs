//! Foreign keys of the tables in staging: where each one points, and the statements that add and drop them.

use super::names::{Ladder, Layout};
use crate::error::Result;
use crate::plan::load::{LoadPlan, add_key};
use crate::schema::ForeignKey;
use crate::sql::{Ident, TableName};
use std::collections::HashMap;

/// The keys of one child table in staging, added in one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChildKeys {
    /// The child's number in the plan.
    pub(super) number: usize,
    /// The names that they have in staging.
    pub(super) names: Vec<String>,
    /// The numbers of the staged tables that they lead to.
    pub(super) parents: Vec<usize>,
    /// Tables in use that they lead to: adding them waits for whoever uses those.
    pub(super) outside: Vec<TableName>,
    /// The statement that adds them.
    pub(super) add: String,
    /// The statement that drops them.
    pub(super) drop: String,
}

/// All keys of the plan, by child, as they are made in staging: parents that are swapped in are the staged ones.
pub(super) fn staged(layout: &Layout, plan: &LoadPlan) -> Result<Vec<ChildKeys>> {
    let numbers = plan.numbers();
    let swapped = |name: &str| numbers.get(name).copied().filter(|&number| plan.tables[number].is_swapped());
    let mut keys: HashMap<&str, Vec<&ForeignKey>> = HashMap::new();
    for key in &plan.keys {
        keys.entry(key.table.as_str()).or_default().push(key);
    }
    let mut out = Vec::new();
    let mut trial = 0_usize;
    for (number, table) in plan.tables.iter().enumerate() {
        let (mut names, mut clauses, mut outside) = (Vec::new(), Vec::new(), Vec::new());
        let mut parents = Vec::new();
        for key in keys.remove(table.name.as_str()).unwrap_or_default() {
            // Names are unique inside a schema, so on the second rung they are tried under another one.
            let name = match layout.ladder {
                Ladder::Schemas => key.name.clone(),
                Ladder::Prefixed => format!("_backfill_{}_fk{trial}", layout.id),
            };
            trial += 1;
            let (parent, staged) = match (foreign_schema(layout, key), swapped(&key.references)) {
                (Some(schema), _) => (TableName::qualified(schema, key.references.as_str()), None),
                (None, Some(number)) => (layout.staged(number, &key.references), Some(number)),
                (None, None) => (layout.live(&key.references), None),
            };
            clauses.push(add_key(key, &name, &parent, plan.flavour)?);
            names.push(name);
            match staged {
                Some(number) => parents.push(number),
                None => outside.push(parent),
            }
        }
        if names.is_empty() {
            continue;
        }
        let child = layout.staged(number, &table.name);
        let add = format!("ALTER TABLE {child} {}", clauses.join(", "));
        let drop = drop_statement(&child, &names);
        out.push(ChildKeys { number, names, parents, outside, add, drop });
    }
    Ok(out)
}

/// The parent's schema if it is not the target's.
fn foreign_schema<'a>(layout: &Layout, key: &'a ForeignKey) -> Option<&'a str> {
    key.references_schema.as_deref().filter(|schema| *schema != layout.database)
}

/// The parent where it is after the swap.
pub(super) fn live_parent(layout: &Layout, key: &ForeignKey) -> TableName {
    let schema = foreign_schema(layout, key).unwrap_or(&layout.database);
    TableName::qualified(schema, key.references.as_str())
}

/// `ALTER TABLE … DROP FOREIGN KEY …, …`.
pub(super) fn drop_statement<S: AsRef<str>>(child: &TableName, names: &[S]) -> String {
    let clauses: Vec<String> =
        names.iter().map(|name| format!("DROP FOREIGN KEY {}", Ident::new(name.as_ref()))).collect();
    format!("ALTER TABLE {child} {}", clauses.join(", "))
}
