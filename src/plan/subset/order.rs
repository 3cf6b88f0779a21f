//! Which tables a subset concerns, and in which order they are worked.

use super::SubsetInputs;
use crate::plan::reference::Reference;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};

type Names = BTreeSet<String>;

/// The tables of a subset by what has to be found out about them.
#[derive(Debug, Clone, Default)]
pub struct Concerned {
    /// Tables of which not all rows are kept.
    pub restricted: Names,
    /// Tables with `all = true`.
    pub all: Names,
    /// Restricted tables whose kept rows are asked for, and those that decide about them from above.
    pub asked: Names,
    /// Restricted tables whose wanted or pulled-in rows are needed.
    pub pulled: Names,
}

impl Concerned {
    /// Sorts the tables of `inputs`; `wanted` are those whose rows are asked for.
    #[must_use]
    pub fn new(inputs: &SubsetInputs<'_>, wanted: Option<&Names>) -> Self {
        let limits = inputs.limits.iter().filter(|limit| inputs.served.contains_key(&limit.table));
        let (all, limited): (Vec<_>, Vec<_>) = limits.partition(|limit| limit.all);
        let names = |limits: Vec<&super::Limit>| -> Names {
            limits.iter().map(|limit| limit.table.clone()).collect()
        };
        let (all, limited) = (names(all), names(limited));
        let references = inputs.references;
        let restricted = reach(&limited, references, down, |table| !all.contains(table));
        let is_restricted = |table: &str| restricted.contains(table);
        let asked = match wanted {
            None => restricted.clone(),
            Some(wanted) => {
                let wanted = wanted.iter().filter(|table| is_restricted(table)).cloned().collect();
                reach(&wanted, references, up, is_restricted)
            }
        };
        let matters = reach(&asked, references, down, is_restricted);
        let from_all = references.iter().filter(|reference| all.contains(&reference.table));
        let mut pulling: Names = limited.intersection(&matters).cloned().collect();
        pulling.extend(from_all.map(|r| r.references.clone()).filter(|table| matters.contains(table)));
        let pulled = reach(&pulling, references, up, |table| matters.contains(table));
        Self { restricted, all, asked, pulled }
    }

    /// Whether anything has to be found out about that table.
    #[must_use]
    pub fn needs(&self, table: &str) -> bool {
        self.asked.contains(table) || self.pulled.contains(table)
    }

    /// Groups of `tables` that depend on each other in a circle, and single ones; parents first.
    #[must_use]
    pub fn groups(tables: &Names, references: &[Reference]) -> Vec<Vec<String>> {
        let mut graph = DiGraph::<&str, ()>::new();
        let nodes: BTreeMap<&str, NodeIndex> =
            tables.iter().map(|name| (name.as_str(), graph.add_node(name))).collect();
        for reference in references {
            if let (Some(child), Some(parent)) =
                (nodes.get(reference.table.as_str()), nodes.get(reference.references.as_str()))
            {
                graph.update_edge(*child, *parent, ());
            }
        }
        // Edges lead from child to parent, and groups come out in the order in which the last edges are left.
        let groups = kosaraju_scc(&graph).into_iter();
        groups
            .map(|group| {
                let mut names: Vec<String> = group.into_iter().map(|node| graph[node].to_owned()).collect();
                names.sort();
                names
            })
            .collect()
    }
}

fn up(reference: &Reference) -> (&str, &str) {
    (&reference.table, &reference.references)
}

fn down(reference: &Reference) -> (&str, &str) {
    (&reference.references, &reference.table)
}

/// `from` and what is reached from it along references, as far as tables are `allowed`.
fn reach(
    from: &Names,
    references: &[Reference],
    along: impl Fn(&Reference) -> (&str, &str),
    allowed: impl Fn(&str) -> bool,
) -> Names {
    let mut steps: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for reference in references {
        let (start, end) = along(reference);
        steps.entry(start).or_default().push(end);
    }
    let mut reached = from.clone();
    let mut queue: Vec<&str> = from.iter().map(String::as_str).collect();
    while let Some(at) = queue.pop() {
        for next in steps.get(at).into_iter().flatten() {
            if allowed(next) && reached.insert((*next).to_owned()) {
                queue.push(next);
            }
        }
    }
    reached
}
