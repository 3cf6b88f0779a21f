//! What has to be done for a subset, and in which order.

use super::layout::{Layout, is_own_name, numbers};
use super::order::Concerned;
use super::want::Want;
use super::{Limit, base};
use crate::error::{Error, Result};
use crate::plan::reference::Reference;
use crate::plan::walk::walk_key;
use crate::schema::{IndexKind, Table};
use crate::sql::select::WalkKey;
use std::collections::{BTreeMap, BTreeSet};

/// What a subset is planned from.
#[derive(Debug, Clone, Copy)]
pub struct SubsetInputs<'a> {
    /// The served tables by name.
    pub served: &'a BTreeMap<String, Table>,
    /// The references between them.
    pub references: &'a [Reference],
    /// At most one limit per table; those of tables that are not served do nothing.
    pub limits: &'a [Limit],
    /// The server's clock, UTC, `YYYY-MM-DD HH:MM:SS`: one moment for the whole run, from which `keep_days` counts.
    pub moment: &'a str,
    /// The time zone that DATETIME and DATE columns are written in: an offset such as `+00:00`.
    pub datetime_timezone: &'a str,
}

/// Which tables are restricted, and how their kept rows are found.
#[derive(Debug, Clone, Default)]
pub struct SubsetPlan {
    restricted: BTreeSet<String>,
    pub(super) tables: BTreeMap<String, Restricted>,
    pub(super) direct: BTreeMap<String, Direct>,
    pub(super) all: BTreeMap<String, Direct>,
    steps: Vec<Step>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Copies the rows of a table without a key: all of them, or the wanted ones.
    Base(String),
    /// Lists the wanted rows of a driver.
    Want(String),
    /// Lists the parents of all rows of a table with `all = true`.
    ParentsOfAll(String),
    /// Lists the parents of the rows listed so far in these tables, until there are no more. Children come first.
    Up(Vec<String>),
    /// Adds the rows of a table whose parents are kept.
    Down(String),
    /// The same for tables that reference each other in a circle, or themselves.
    DownCycle(Vec<String>),
}

/// A table of which a list of rows is made.
#[derive(Debug, Clone)]
pub struct Restricted {
    /// The structure of what rows are read from: the source table, or a copy with a number for each row.
    pub table: Table,
    /// Which rows are copied first; none for a table that has a key.
    pub base: Option<Base>,
    /// The key that identifies rows.
    pub walk: WalkKey,
    /// For a driver.
    pub want: Option<Want>,
    /// What the list holds.
    pub layout: Layout,
    /// The references to other such tables.
    pub edges: Vec<Edge>,
    /// Whether it is part of a circle.
    pub cyclic: bool,
}

/// Which rows of a table without a key are copied.
#[derive(Debug, Clone)]
pub enum Base {
    /// All.
    Whole,
    /// The wanted ones, since nothing else can be kept.
    Wanted(Box<Want>),
}

/// A table whose rows are looked at without a list of them.
#[derive(Debug, Clone)]
pub struct Direct {
    /// Its structure.
    pub table: Table,
    /// The key to walk it by.
    pub walk: Option<WalkKey>,
    /// Its references to tables with a list.
    pub edges: Vec<Edge>,
}

/// A reference to a table with a list.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The reference.
    pub reference: Reference,
    /// Those of the child's columns that can be NULL.
    pub nullable: Vec<String>,
    /// Where the child's list has them; none if it does not need them.
    pub held: Option<Vec<usize>>,
    /// Where the parent's list has the referenced columns.
    pub referenced: Vec<usize>,
    /// The parent's list's index over them.
    pub list_index: String,
    /// The child's list's index over its columns; only in circles.
    pub held_index: Option<String>,
    /// The index by which parents are found in their own table.
    pub parent_index: String,
    /// The index by which children are found in their own table.
    pub child_index: Option<String>,
    /// How to walk the child's rows that reference nothing, where that is possible.
    pub nulls: Option<WalkKey>,
    /// Whether both tables are part of the same circle.
    pub in_cycle: bool,
}

/// What a table of the workspace is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The rows of a table without a key.
    Base,
    /// Rows among which the wanted ones are chosen.
    Ranked,
    /// The list of rows; in a circle those that may be kept.
    Keys,
    /// Numbers of rows of that list that are not kept; only in circles.
    Removed,
    /// What is left; only in circles.
    Kept,
}

/// A table that the workspace needs.
#[derive(Debug, Clone)]
pub struct WorkTable {
    /// What for.
    pub role: Role,
    /// For which table.
    pub table: String,
    /// Its columns and indexes; rows are numbered by [`ROW_NUMBER_COLUMN`](crate::plan::run::ROW_NUMBER_COLUMN).
    pub structure: Table,
}

impl SubsetPlan {
    /// The plan for finding the kept rows of the restricted tables among `wanted`, or of all without it.
    ///
    /// # Errors
    /// `Config` when a limit cannot be worked: a column does not exist, a referenced column has no index.
    pub fn new(inputs: &SubsetInputs<'_>, wanted: Option<&BTreeSet<String>>) -> Result<Self> {
        let concerned = Concerned::new(inputs, wanted);
        Builder { inputs, concerned: &concerned, plan: Self::default() }.build()
    }

    /// Whether only some rows of that table are kept. All others are whole.
    #[must_use]
    pub fn is_restricted(&self, table: &str) -> bool {
        self.restricted.contains(table)
    }

    /// Whether there is nothing to find out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.direct.is_empty()
    }

    /// What is done, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// A table with a list.
    ///
    /// # Errors
    /// `Internal` when it has none.
    pub fn table(&self, name: &str) -> Result<&Restricted> {
        self.tables.get(name).ok_or_else(|| Error::internal(format!("table `{name}` has no list of rows")))
    }

    /// All tables with a list.
    pub fn tables(&self) -> impl Iterator<Item = (&String, &Restricted)> {
        self.tables.iter()
    }

    /// The table whose parents are all needed.
    ///
    /// # Errors
    /// `Internal` when it is not one.
    pub fn all(&self, name: &str) -> Result<&Direct> {
        self.all.get(name).ok_or_else(|| Error::internal(format!("table `{name}` has no `all`")))
    }

    /// Restricted tables without a list: their kept rows are copied by condition.
    #[must_use]
    pub fn direct(&self, name: &str) -> Option<&Direct> {
        self.direct.get(name)
    }

    /// The tables that the workspace needs.
    #[must_use]
    pub fn work_tables(&self) -> Vec<WorkTable> {
        let mut found = Vec::new();
        for (name, restricted) in &self.tables {
            let mut add = |role, structure| found.push(WorkTable { role, table: name.clone(), structure });
            if restricted.base.is_some() {
                add(Role::Base, base::without_number(&restricted.table));
            }
            if restricted.want.as_ref().is_some_and(Want::is_ranked) {
                add(Role::Ranked, restricted.layout.heap(name));
            }
            add(Role::Keys, restricted.layout.structure(name));
            if restricted.cyclic {
                add(Role::Removed, numbers(name));
                add(Role::Kept, restricted.layout.structure(name));
            }
        }
        found
    }

    /// The source columns whose values are written into the workspace, or into statements that write there.
    pub fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        let listed = self.tables.iter().flat_map(|(name, restricted)| {
            let copied = restricted.table.columns.iter().filter(|_| restricted.base.is_some());
            let copied = copied.map(|column| column.name.as_str());
            let ordered = restricted.want.as_ref().and_then(|want| want.limit.order_by.as_deref());
            let held = restricted.layout.columns_held();
            held.chain(ordered).chain(copied).map(|column| (name.as_str(), column))
        });
        // Statements name the ends of ranges.
        let walked = self.all.iter().flat_map(|(name, all)| {
            let columns = all.walk.iter().flat_map(|key| &key.columns);
            columns.map(|column| (name.as_str(), column.as_str()))
        });
        listed.chain(walked)
    }
}

struct Builder<'a> {
    inputs: &'a SubsetInputs<'a>,
    concerned: &'a Concerned,
    plan: SubsetPlan,
}

impl Builder<'_> {
    fn build(mut self) -> Result<SubsetPlan> {
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
        let restricted = Restricted { table, base, walk, want, layout, edges: Vec::new(), cyclic };
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

/// An index whose first parts are among some columns.
struct Leading {
    index: String,
    /// Whether it has all of them in front.
    whole: bool,
    /// Whether it has nothing else.
    exact: bool,
}

/// The index that finds rows by `columns` best.
fn leading_index(table: &Table, columns: &[String]) -> Option<Leading> {
    let primary = (!table.primary_key.is_empty())
        .then(|| ("PRIMARY", table.primary_key.iter().map(|name| Some(name.as_str())).collect::<Vec<_>>()));
    let others = table.indexes.iter().filter(|index| index.kind == IndexKind::Btree).map(|index| {
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
fn nulls_walk(edge: &Edge, child: &Restricted, index: Option<&Leading>) -> Option<WalkKey> {
    let index = index.filter(|index| index.exact && index.index != "PRIMARY")?;
    let one = edge.reference.columns.len() == 1 && edge.nullable.len() == 1;
    let ordered = child.walk.index == "PRIMARY"
        && child.table.primary_key == child.walk.columns
        && child.table.engine.eq_ignore_ascii_case("InnoDB");
    (one && ordered).then(|| WalkKey { index: index.index.clone(), columns: child.walk.columns.clone() })
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
