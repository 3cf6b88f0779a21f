//! Makes a plan: what is listed of which table, which references connect the lists, what is done in which order.

use super::index::{leading_index, nulls_walk};
use super::layout::{Layout, is_own_name};
use super::order::Concerned;
use super::plan::{Base, Direct, Edge, Restricted, Step, SubsetInputs, SubsetPlan};
use super::want::Want;
use super::{Limit, base};
use crate::error::{Error, Result};
use crate::plan::reference::Reference;
use crate::plan::walk::walk_key;
use std::collections::BTreeSet;

/// A plan in the making.
pub(super) struct Builder<'a> {
    pub inputs: &'a SubsetInputs<'a>,
    pub concerned: &'a Concerned,
    pub plan: SubsetPlan,
}

impl Builder<'_> {
    /// The plan.
    pub fn build(mut self) -> Result<SubsetPlan> {
        let concerned = self.concerned;
        self.plan.restricted.clone_from(&concerned.restricted);
        let lower: BTreeSet<String> =
            concerned.asked.iter().filter(|name| self.limit(name).is_none()).cloned().collect();
        let groups = Concerned::groups(&lower, self.inputs.references);
        for name in concerned.restricted.iter().filter(|name| concerned.needs(name)) {
            self.add_table(name, &groups)?;
        }
        for reference in self.inputs.references {
            self.add_edge(reference, &groups)?;
        }
        self.steps(&groups);
        Ok(self.plan)
    }

    fn limit(&self, name: &str) -> Option<&Limit> {
        self.inputs.limits.iter().find(|limit| limit.table == name && !limit.all)
    }

    fn add_table(&mut self, name: &str, groups: &[Vec<String>]) -> Result<()> {
        let Some(source) = self.inputs.served.get(name) else { return Ok(()) };
        if let Some(column) = source.columns.iter().find(|column| is_own_name(&column.name)) {
            return Err(Error::config(format!(
                "column `{}` of table `{name}` has a name that limits need for themselves",
                column.name
            ))
            .hint("rename it, or exclude the table"));
        }
        let limit = self.limit(name);
        let key = walk_key(source);
        if key.is_none() && limit.is_none() && !self.needs_list(name, groups) {
            let direct = Direct { table: source.clone(), walk: None, edges: Vec::new() };
            self.plan.direct.insert(name.to_owned(), direct);
            return Ok(());
        }
        let (table, walk, base) = match key {
            Some(key) => (source.clone(), key, None),
            None => {
                let references = self.inputs.references;
                let is_parent = references.iter().any(|reference| reference.references == name);
                let base = match limit {
                    Some(limit) if !is_parent => {
                        Base::Wanted(Box::new(Want::without_key(source, limit, self.inputs)?))
                    }
                    _ => Base::Whole,
                };
                (base::numbered(source, references), base::number_key(), Some(base))
            }
        };
        let want = match (limit, &base) {
            (Some(_), Some(Base::Wanted(_))) | (None, _) => None,
            (Some(limit), _) => Some(Want::new(&table, &walk, limit, self.inputs)?),
        };
        let mut layout = Layout::new(&table, &walk.columns);
        if let Some(columns) = want.as_ref().and_then(Want::ranked_by) {
            layout.add(&table, columns, &[]);
        }
        let cyclic = self.is_cyclic(name, groups);
        let source = source.clone();
        let restricted = Restricted { table, source, base, walk, want, layout, edges: Vec::new(), cyclic };
        self.plan.tables.insert(name.to_owned(), restricted);
        Ok(())
    }

    /// Whether a table without a key is more than the end of references.
    fn needs_list(&self, name: &str, groups: &[Vec<String>]) -> bool {
        let references = self.inputs.references;
        self.is_cyclic(name, groups)
            || references.iter().any(|reference| reference.references == name)
            || references.iter().any(|reference| reference.table == name && !self.is_unique(reference))
    }

    fn is_cyclic(&self, name: &str, groups: &[Vec<String>]) -> bool {
        groups.iter().any(|group| group.len() > 1 && group.iter().any(|member| member == name))
            || (groups.iter().any(|group| group.len() == 1 && group[0] == name)
                && self.inputs.references.iter().any(|r| r.table == name && r.references == name))
    }

    /// Whether at most one parent row can match.
    fn is_unique(&self, reference: &Reference) -> bool {
        let Some(parent) = self.inputs.served.get(&reference.references) else { return false };
        let covers = |key: &[String]| {
            !key.is_empty() && key.iter().all(|name| reference.referenced_columns.contains(name))
        };
        covers(&parent.primary_key)
            || parent.indexes.iter().any(|index| {
                let parts: Option<Vec<String>> = index
                    .parts
                    .iter()
                    .map(|part| part.column.clone().filter(|_| part.prefix.is_none()))
                    .collect();
                index.unique && parts.is_some_and(|parts| covers(&parts))
            })
    }

    fn add_edge(&mut self, reference: &Reference, groups: &[Vec<String>]) -> Result<()> {
        let (child, parent) = (&reference.table, &reference.references);
        if !self.concerned.needs(parent) {
            return Ok(());
        }
        let of_all = self.concerned.all.contains(child);
        if !of_all && !self.concerned.needs(child) {
            return Ok(());
        }
        let in_cycle = groups.iter().any(|group| group.contains(child) && group.contains(parent));
        let Some(parent_table) = self.plan.tables.get_mut(parent) else { return Ok(()) };
        let parent_index = leading_index(&parent_table.table, &reference.referenced_columns);
        let parent_index = parent_index.ok_or_else(|| no_index(reference))?.index;
        let referenced = parent_table.layout.add(&parent_table.table, &reference.referenced_columns, &[]);
        let list_index = parent_table.layout.index(&referenced);
        let Some(source) = self.inputs.served.get(child) else { return Ok(()) };
        let can_be_null = |name: &&String| source.column(name).is_some_and(|column| column.nullable);
        let mut edge = Edge {
            nullable: reference.columns.iter().filter(can_be_null).cloned().collect(),
            reference: reference.clone(),
            held: None,
            referenced,
            list_index,
            held_index: None,
            parent_index,
            child_index: None,
            nulls: None,
            in_cycle,
        };
        let pulled = self.concerned.pulled.contains(child) && self.concerned.pulled.contains(parent);
        if let Some(listed) = self.plan.tables.get_mut(child) {
            let index = leading_index(&listed.table, &reference.columns);
            edge.nulls = nulls_walk(&edge, listed, index.as_ref());
            edge.child_index = index.filter(|index| index.whole).map(|index| index.index);
            if pulled || in_cycle {
                let held = listed.layout.add(&listed.table, &reference.columns, &reference.when);
                edge.held_index = in_cycle.then(|| listed.layout.index(&held));
                edge.held = Some(held);
            }
            listed.edges.push(edge);
        } else if let Some(direct) = self.plan.direct.get_mut(child) {
            let index = leading_index(&direct.table, &reference.columns);
            edge.child_index = index.filter(|index| index.whole).map(|index| index.index);
            direct.edges.push(edge);
        } else if of_all && self.concerned.pulled.contains(parent) {
            let all = self.plan.all.entry(child.clone()).or_insert_with(|| Direct {
                walk: walk_key(source),
                table: source.clone(),
                edges: Vec::new(),
            });
            all.edges.push(edge);
        }
        Ok(())
    }

    fn steps(&mut self, groups: &[Vec<String>]) {
        let plan = &mut self.plan;
        let named = |test: fn(&Restricted) -> bool, step: fn(String) -> Step| {
            let tables = plan.tables.iter().filter(move |(_, restricted)| test(restricted));
            tables.map(move |(name, _)| step(name.clone())).collect::<Vec<_>>()
        };
        let mut steps = named(|restricted| restricted.base.is_some(), Step::Base);
        steps.extend(named(|r| r.want.is_some() || matches!(r.base, Some(Base::Wanted(_))), Step::Want));
        steps.extend(plan.all.keys().cloned().map(Step::ParentsOfAll));
        let mut pulled: Vec<String> = Concerned::groups(&self.concerned.pulled, self.inputs.references)
            .into_iter()
            .flatten()
            .filter(|name| plan.tables.contains_key(name))
            .collect();
        pulled.reverse();
        if !pulled.is_empty() {
            steps.push(Step::Up(pulled));
        }
        for group in groups {
            match group.as_slice() {
                [single] => match plan.tables.get(single) {
                    Some(restricted) if restricted.cyclic => steps.push(Step::DownCycle(group.clone())),
                    Some(_) => steps.push(Step::Down(single.clone())),
                    None => {}
                },
                _ => steps.push(Step::DownCycle(group.clone())),
            }
        }
        plan.steps = steps;
    }
}

fn no_index(reference: &Reference) -> Error {
    Error::config(format!(
        "limits cannot follow `{}`: table `{}` has no index that begins with {}",
        reference.name,
        reference.references,
        reference.referenced_columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    ))
    .hint("add such an index, or remove the relation")
}
