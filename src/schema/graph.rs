//! The graph of foreign keys: which tables depend on which, in which order they can be handled, where they form
//! cycles, and which keys lead out of the set.
//!
//! Everything is deterministic: the same tables and keys give the same answers, in whatever order they come.

use super::model::{ForeignKey, Schema};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::unionfind::UnionFind;
use petgraph::visit::EdgeRef;
use petgraph::{Direction, Incoming, Outgoing};
use std::collections::{BTreeMap, BTreeSet};

/// Where a foreign key of the set leads that does not lead to a table of the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    /// To another schema.
    OtherSchema,
    /// To a table that is excluded or does not exist.
    OtherTable,
}

/// Tables and the foreign keys between them. Edges go from child to parent; several keys between two tables are
/// several edges, a key of a table to itself is an edge too.
#[derive(Debug, Clone)]
pub struct KeyGraph<'a> {
    graph: DiGraph<&'a str, &'a ForeignKey>,
    nodes: BTreeMap<&'a str, NodeIndex>,
    outside: Vec<(Outside, &'a ForeignKey)>,
}

impl<'a> KeyGraph<'a> {
    /// The graph of `tables`. Keys of other tables are ignored, keys of these tables to others are kept apart.
    pub fn new(
        tables: impl IntoIterator<Item = &'a str>,
        keys: impl IntoIterator<Item = &'a ForeignKey>,
    ) -> Self {
        let names: BTreeSet<&str> = tables.into_iter().collect();
        let mut graph = DiGraph::new();
        let nodes: BTreeMap<&str, NodeIndex> =
            names.into_iter().map(|name| (name, graph.add_node(name))).collect();
        let mut keys: Vec<&ForeignKey> =
            keys.into_iter().filter(|key| nodes.contains_key(key.table.as_str())).collect();
        keys.sort_by_key(|key| (&key.table, &key.name));
        let mut outside = Vec::new();
        for key in keys {
            let parent = nodes.get(key.references.as_str());
            match (&key.references_schema, parent, nodes.get(key.table.as_str())) {
                (Some(_), _, _) => outside.push((Outside::OtherSchema, key)),
                (None, Some(&parent), Some(&child)) => {
                    graph.add_edge(child, parent, key);
                }
                (None, _, _) => outside.push((Outside::OtherTable, key)),
            }
        }
        Self { graph, nodes, outside }
    }

    /// The graph of all tables of a schema.
    #[must_use]
    pub fn of(schema: &'a Schema) -> Self {
        Self::new(schema.tables.keys().map(String::as_str), &schema.foreign_keys)
    }

    /// All tables, parents before children, otherwise by name. Where a cycle leaves no such order, the table
    /// of it with the fewest parents still to come goes first, by name among equals.
    #[must_use]
    pub fn table_order(&self) -> Vec<String> {
        let groups = kosaraju_scc(&self.graph);
        let mut group_of = vec![0; self.graph.node_count()];
        for (number, group) in groups.iter().enumerate() {
            for node in group {
                group_of[node.index()] = number;
            }
        }
        // How many parent groups each group waits for; every edge counts, as every edge is counted off.
        let mut waiting = vec![0_usize; groups.len()];
        for edge in self.graph.edge_references() {
            let (child, parent) = (group_of[edge.source().index()], group_of[edge.target().index()]);
            waiting[child] += usize::from(child != parent);
        }
        let first_name = |number: usize| groups[number].iter().map(|&node| self.graph[node]).min();
        let mut ready: BTreeSet<(Option<&str>, usize)> =
            (0..groups.len()).filter(|&g| waiting[g] == 0).map(|g| (first_name(g), g)).collect();
        let mut order = Vec::with_capacity(self.graph.node_count());
        while let Some((_, number)) = ready.pop_first() {
            order.extend(self.inside_cycle(&groups[number]));
            for &node in &groups[number] {
                for edge in self.graph.edges_directed(node, Incoming) {
                    let child = group_of[edge.source().index()];
                    if child != number {
                        waiting[child] -= 1;
                        if waiting[child] == 0 {
                            ready.insert((first_name(child), child));
                        }
                    }
                }
            }
        }
        order
    }

    /// The tables of one strongly connected group in the order of [`Self::table_order`].
    fn inside_cycle(&self, group: &[NodeIndex]) -> Vec<String> {
        let mut left: BTreeSet<NodeIndex> = group.iter().copied().collect();
        let mut order = Vec::with_capacity(group.len());
        while !left.is_empty() {
            let parents_left = |node: NodeIndex| {
                self.graph.neighbors(node).filter(|p| *p != node && left.contains(p)).count()
            };
            let next = left.iter().copied().min_by_key(|&node| (parents_left(node), self.graph[node]));
            let Some(next) = next else { break };
            left.remove(&next);
            order.push(self.graph[next].to_owned());
        }
        order
    }

    /// The groups of tables that keys connect, in either direction; tables without keys are groups of one. Each
    /// group and the list of groups are ordered by name.
    #[must_use]
    pub fn components(&self) -> Vec<Vec<String>> {
        let mut sets = UnionFind::<usize>::new(self.graph.node_count());
        for edge in self.graph.edge_references() {
            sets.union(edge.source().index(), edge.target().index());
        }
        let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        // By name, so that groups come out in the order of their first names.
        let mut firsts: Vec<usize> = Vec::new();
        for (&name, node) in &self.nodes {
            let set = sets.find(node.index());
            if !groups.contains_key(&set) {
                firsts.push(set);
            }
            groups.entry(set).or_default().push(name.to_owned());
        }
        firsts.into_iter().filter_map(|set| groups.remove(&set)).collect()
    }

    /// The groups of tables that depend on each other in a circle, and tables that reference themselves (groups of
    /// one). Each group and the list are ordered by name.
    #[must_use]
    pub fn cycles(&self) -> Vec<Vec<String>> {
        let mut cycles: Vec<Vec<String>> = kosaraju_scc(&self.graph)
            .into_iter()
            .filter(|group| match group.as_slice() {
                [single] => self.graph.contains_edge(*single, *single),
                _ => true,
            })
            .map(|group| {
                let mut names: Vec<String> =
                    group.into_iter().map(|node| self.graph[node].to_owned()).collect();
                names.sort();
                names
            })
            .collect();
        cycles.sort();
        cycles
    }

    /// The keys of `table` to tables of the set (itself included), by name.
    #[must_use]
    pub fn parents(&self, table: &str) -> Vec<&'a ForeignKey> {
        self.keys(table, Outgoing)
    }

    /// The keys of tables of the set (itself included) to `table`, by table and name.
    #[must_use]
    pub fn children(&self, table: &str) -> Vec<&'a ForeignKey> {
        self.keys(table, Incoming)
    }

    fn keys(&self, table: &str, direction: Direction) -> Vec<&'a ForeignKey> {
        let Some(&node) = self.nodes.get(table) else { return Vec::new() };
        let mut keys: Vec<&ForeignKey> =
            self.graph.edges_directed(node, direction).map(|edge| *edge.weight()).collect();
        keys.sort_by_key(|key| (&key.table, &key.name));
        keys
    }

    /// The keys of the set's tables that lead out of it, by table and name.
    #[must_use]
    pub fn outside(&self) -> &[(Outside, &'a ForeignKey)] {
        &self.outside
    }
}

/// All tables of a schema, parents first (see [`KeyGraph::table_order`]).
#[must_use]
pub fn table_order(schema: &Schema) -> Vec<String> {
    KeyGraph::of(schema).table_order()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(table: &str, references: &str, name: &str) -> ForeignKey {
        ForeignKey {
            name: name.to_owned(),
            table: table.to_owned(),
            columns: vec!["a".to_owned(), "b".to_owned()],
            references_schema: None,
            references: references.to_owned(),
            referenced_columns: vec!["a".to_owned(), "b".to_owned()],
            on_delete: "RESTRICT".to_owned(),
            on_update: "RESTRICT".to_owned(),
        }
    }

    fn keys(pairs: &[(&str, &str)]) -> Vec<ForeignKey> {
        pairs.iter().enumerate().map(|(at, (child, parent))| key(child, parent, &format!("k{at}"))).collect()
    }

    #[test]
    fn parents_come_first_then_names() {
        let keys = keys(&[("a_items", "orders"), ("orders", "users"), ("orders", "users"), ("log", "users")]);
        let graph = KeyGraph::new(["a_items", "b_free", "log", "orders", "users"], &keys);
        assert_eq!(graph.table_order(), ["b_free", "users", "log", "orders", "a_items"]);
        assert_eq!(
            graph.components(),
            [vec!["a_items", "log", "orders", "users"], vec!["b_free"]]
                .map(|group| group.iter().map(ToString::to_string).collect::<Vec<_>>())
        );
        assert!(graph.cycles().is_empty());
        assert_eq!(graph.parents("orders").len(), 2);
        assert_eq!(graph.children("users").len(), 3);
    }

    #[test]
    fn cycles_are_broken_where_fewest_parents_are_missing() {
        let keys =
            keys(&[("c", "a"), ("a", "b"), ("b", "c"), ("b", "a"), ("d", "d"), ("e", "c"), ("b", "z")]);
        let graph = KeyGraph::new(["a", "b", "c", "d", "e", "z"], &keys);
        assert_eq!(graph.table_order(), ["d", "z", "a", "c", "b", "e"]);
        assert_eq!(
            graph.cycles(),
            [vec!["a", "b", "c"], vec!["d"]]
                .map(|group| group.iter().map(ToString::to_string).collect::<Vec<_>>())
        );
    }

    #[test]
    fn keys_that_lead_out_are_kept_apart() {
        let mut keys = keys(&[("a", "gone"), ("a", "b"), ("other", "a")]);
        keys.push(ForeignKey { references_schema: Some("billing".to_owned()), ..key("a", "b", "far") });
        let graph = KeyGraph::new(["a", "b"], &keys);
        let outside: Vec<_> = graph.outside().iter().map(|(why, key)| (*why, key.name.as_str())).collect();
        assert_eq!(outside, [(Outside::OtherSchema, "far"), (Outside::OtherTable, "k0")]);
        assert_eq!(graph.parents("a").len(), 1);
        assert_eq!(graph.children("a").len(), 0);
    }

    /// Whether `to` can be reached from `from` along keys.
    fn reaches(pairs: &[(usize, usize)], from: usize, to: usize) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut queue = vec![from];
        while let Some(at) = queue.pop() {
            for (child, parent) in pairs {
                if *child == at && seen.insert(*parent) {
                    queue.push(*parent);
                }
            }
        }
        seen.contains(&to)
    }

    proptest! {
        #[test]
        fn every_parent_outside_a_cycle_precedes_its_children(
            pairs in proptest::collection::vec((0..9_usize, 0..9_usize), 0..24),
            turn in 0..24_usize,
        ) {
            let names: Vec<String> = (0..9).map(|n| format!("t{n}")).collect();
            let mut keys: Vec<ForeignKey> = pairs
                .iter()
                .enumerate()
                .map(|(at, (child, parent))| key(&names[*child], &names[*parent], &format!("k{at}")))
                .collect();
            let order = KeyGraph::new(names.iter().map(String::as_str), &keys).table_order();
            let mut sorted = order.clone();
            sorted.sort();
            prop_assert_eq!(&sorted, &names);
            let place = |n: usize| order.iter().position(|name| *name == names[n]);
            for &(child, parent) in &pairs {
                if !reaches(&pairs, parent, child) {
                    prop_assert!(place(parent) < place(child));
                }
            }
            let by = turn.min(keys.len());
            keys.rotate_left(by);
            prop_assert_eq!(order, KeyGraph::new(names.iter().rev().map(String::as_str), &keys).table_order());
        }
    }
}
