//! Tables whose rows have no key to name them by: they are told apart by their position in a scan over the whole table.
//! What decides about them is read in one such scan and kept here: what each row references, and what others may
//! reference it by.

use super::engine::{Engine, Found, PARENT, ROW_BYTES, ordinal};
use super::link::{Name, columns_of, exact, held, name_of};
use crate::error::{Error, Result};
use crate::plan::subset::{Base, Edge, Restricted, Want};
use crate::plan::walk::sorts_as_it_compares;
use crate::schema::Column;
use crate::source::bound;
use crate::source::select::keys::{Growing, KeyShape, Keys, number_key, split_number};
use crate::sql::keyset::{KeyLookup, KeyTable, Passed};
use crate::sql::literal::Form;
use crate::sql::select::{Select, column_of};
use std::collections::BTreeMap;

/// What is known of the rows of a table without a key.
#[derive(Debug)]
pub(super) struct BaseRows {
    /// By position: what `layout` says.
    rows: Keys,
    layout: Layout,
    /// By the columns that references lead to: their values and the row's position.
    named: BTreeMap<Vec<String>, Keys>,
}

/// Which cells are kept of each row, behind its position.
#[derive(Debug, Default)]
struct Layout {
    list: Vec<String>,
    columns: Vec<Column>,
    /// By reference of the table: whether the row has a parent by it, then what it references.
    held: Vec<(Vec<String>, usize, Part)>,
    /// By columns that references lead to.
    named: Vec<(Vec<String>, Part)>,
}

/// Some of the cells.
#[derive(Debug, Clone)]
struct Part {
    first: usize,
    columns: Vec<Column>,
}

impl Layout {
    fn of(restricted: &Restricted, named: Vec<Vec<String>>) -> Self {
        let mut layout = Self::default();
        for edge in &restricted.edges {
            let flag = layout.list.len();
            layout.list.push(held(edge).map_or_else(|| "1".to_owned(), |held| format!("({held})")));
            layout.columns.push(Column::new("held", "int"));
            let part = layout.add(columns_of(&restricted.source, &edge.reference.columns));
            layout.held.push((edge_id(edge), flag, part));
        }
        for names in named {
            let part = layout.add(columns_of(&restricted.source, &names));
            layout.named.push((names, part));
        }
        layout
    }

    fn add(&mut self, columns: Vec<Column>) -> Part {
        let first = self.list.len();
        let row = crate::plan::subset::row_alias();
        self.list.extend(columns.iter().map(|column| exact(column, Some(row.as_str()))));
        self.columns.extend(columns.iter().cloned());
        Part { first, columns }
    }

    fn shape(&self) -> KeyShape {
        KeyShape::number().then(&KeyShape::of(&self.columns))
    }
}

impl Part {
    fn cells<'c>(&self, cells: &'c [Option<Vec<u8>>]) -> &'c [Option<Vec<u8>>] {
        // The position is in front.
        cells.get(self.first + 1..self.first + 1 + self.columns.len()).unwrap_or_default()
    }

    /// The cells as a key; none where one of them is NULL.
    fn key(&self, cells: &[Option<Vec<u8>>]) -> Result<Option<Vec<u8>>> {
        let cells = self.cells(cells);
        if cells.iter().any(Option::is_none) {
            return Ok(None);
        }
        let mut key = Vec::new();
        KeyShape::of(&self.columns).encode(cells.iter().map(Option::as_deref), &mut key)?;
        Ok(Some(key))
    }
}

fn edge_id(edge: &Edge) -> Vec<String> {
    let reference = &edge.reference;
    std::iter::once(&reference.name).chain(&reference.columns).cloned().collect()
}

impl BaseRows {
    fn record(&self, position: u64) -> Result<Vec<Option<Vec<u8>>>> {
        let mut cursor = self.rows.behind(position)?;
        let record = cursor.next()?.ok_or_else(|| Error::internal("a row that was not read"))?;
        self.layout.shape().decode(record)
    }
}

/// Which rows of a scan are wanted.
struct Choice {
    /// Whether the row passes, whether it comes before the last wanted ones, whether it is one of the last.
    list: [String; 3],
    most: Option<u64>,
}

impl Engine<'_> {
    /// Reads what decides about the rows of a table without a key, and lists the wanted ones of a driver.
    pub(super) fn base(&mut self, table: &str) -> Result<()> {
        let plan = self.context.plan;
        let restricted = plan.table(table)?;
        if !restricted.source.engine.eq_ignore_ascii_case("InnoDB") {
            return Err(Error::config(format!(
                "table `{table}` has neither a key that its rows could be told apart by nor an engine with snapshots \
                 ({}), so strategy `select` cannot limit it",
                restricted.source.engine
            ))
            .hint("give it a primary key, exclude it, or use the strategy `database`"));
        }
        let mut named: Vec<Vec<String>> =
            plan.references_to(table).map(|edge| edge.reference.referenced_columns.clone()).collect();
        named.sort();
        named.dedup();
        let layout = Layout::of(restricted, named);
        let choice = match &restricted.base {
            Some(Base::Wanted(want)) => Some(self.choice(table, restricted, want)?),
            _ => None,
        };
        let mut list = layout.list.clone();
        list.extend(choice.iter().flat_map(|choice| choice.list.clone()));
        let select = Select { scan: true, ..self.context.rows(table, list) };
        let (shape, cells) = (layout.shape(), layout.list.len());
        let (mut rows, mut position) = (Growing::new(&self.room), 0_u64);
        let (mut better, mut last) = (Growing::new(&self.room), Vec::new());
        self.read(&select, |row| {
            let number = position.to_string();
            let front = std::iter::once(Some(number.as_bytes()));
            let mut record = Vec::new();
            shape.encode(front.chain((0..cells).map(|at| row.cell(at))), &mut record)?;
            rows.insert(&record)?;
            if let Some(choice) = &choice {
                let is = |at: usize| row.cell(cells + at) == Some(b"1");
                match (is(0), is(1), is(2)) {
                    (true, true, _) => drop(better.insert(&number_key(position))?),
                    (true, false, true) if choice.most.is_none_or(|most| (last.len() as u64) < most) => {
                        last.push(position);
                    }
                    _ => {}
                }
            }
            position += 1;
            Ok(())
        })?;
        let base = BaseRows { rows: rows.finish()?, named: BTreeMap::new(), layout };
        let base = self.name_rows(base)?;
        self.bases.insert(table.to_owned(), base);
        if let Some(choice) = choice {
            let left = choice.most.map_or(u64::MAX, |most| most.saturating_sub(better.rows()));
            let better = better.finish()?;
            let mut cursor = better.cursor();
            while let Some(row) = cursor.next()? {
                self.found(table, row)?;
            }
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            last.iter().take(left).try_for_each(|row| self.found(table, &number_key(*row)).map(|_| ()))?;
        }
        Ok(())
    }

    /// Which rows of a driver are wanted: all that pass, or as many, by what the last of them has in the order's column.
    fn choice(&mut self, table: &str, restricted: &Restricted, want: &Want) -> Result<Choice> {
        let passes = match want.conditions.as_slice() {
            [] => "1".to_owned(),
            conditions => {
                let terms: Vec<String> = conditions.iter().map(|one| format!("({one})")).collect();
                format!("(({}) IS TRUE)", terms.join(" AND "))
            }
        };
        let all = |passes: String| Choice { list: [passes, "1".to_owned(), "0".to_owned()], most: None };
        let mut most = want.limit.max_rows;
        if want.limit.percent.is_some() {
            let mut select = self.context.rows(table, vec!["COUNT(*)".to_owned()]);
            select.conditions.clone_from(&want.conditions);
            most = Some(want.limit.wanted_rows(self.number(&select)?));
        }
        let Some(most) = most else { return Ok(all(passes)) };
        let by = want.ranked_by().and_then(|order| order.first());
        let Some(by) = by.and_then(|name| restricted.source.column(name)).filter(|_| most > 0) else {
            return Ok(Choice { list: [passes, "0".to_owned(), "1".to_owned()], most: Some(most) });
        };
        if !sorts_as_it_compares(by) && !matches!(by.data_type.as_str(), "float" | "double") {
            return Err(Error::config(format!(
                "[limits.{table}]: strategy `select` cannot order a table without a key by column `{}` ({})",
                by.name, by.column_type
            ))
            .hint("order by another column, give the table a primary key, or use the strategy `database`"));
        }
        let row = crate::plan::subset::row_alias();
        let name = column_of(Some(row.as_str()), &by.name);
        let mut select = self.context.rows(table, vec![exact(by, Some(row.as_str()))]);
        select.conditions.clone_from(&want.conditions);
        select.order_by = want.order(std::slice::from_ref(&by.name), |_| name.clone());
        (select.limit, select.offset) = (Some(1), most - 1);
        let mut worst = None;
        self.read(&select, |row| {
            worst = Some(row.cell(0).map(<[u8]>::to_vec));
            Ok(())
        })?;
        let down = want.descending();
        let [better, last] = match worst {
            // Fewer than are wanted.
            None => return Ok(all(passes)),
            Some(None) if down => [format!("({name} IS NOT NULL)"), format!("({name} IS NULL)")],
            Some(None) => ["0".to_owned(), format!("({name} IS NULL)")],
            Some(Some(worst)) => {
                let literal = bound(&[Form::of(by)?], std::iter::once(Some(worst.as_slice())))?;
                let worst = literal.0.into_iter().next().unwrap_or_default();
                let better = match down {
                    true => format!("({name} > {worst})"),
                    false => format!("({name} < {worst} OR {name} IS NULL)"),
                };
                [better, format!("({name} = {worst})")]
            }
        };
        Ok(Choice { list: [passes, better, last], most: Some(most) })
    }

    /// Makes rows quick to find by what references lead to.
    fn name_rows(&mut self, mut base: BaseRows) -> Result<BaseRows> {
        let shape = base.layout.shape();
        for (names, part) in &base.layout.named {
            let mut named = Growing::new(&self.room);
            let mut cursor = base.rows.cursor();
            let mut position = 0;
            while let Some(record) = cursor.next()? {
                if let Some(mut key) = part.key(&shape.decode(record)?)? {
                    key.extend(number_key(position));
                    named.insert(&key)?;
                }
                position += 1;
            }
            base.named.insert(names.clone(), named.finish()?);
        }
        Ok(base)
    }

    /// The rows of a parent without a key that a reference names so; none where the name is the row's key.
    pub(super) fn rows_named(&self, edge: &Edge, name: &[u8]) -> Result<Option<Vec<Vec<u8>>>> {
        let Some(base) = self.bases.get(&edge.reference.references) else { return Ok(None) };
        let mut rows = Vec::new();
        if let Some(named) = base.named.get(&edge.reference.referenced_columns) {
            let mut cursor = named.from(name)?;
            while let Some(position) = cursor.next()?.and_then(|key| key.strip_prefix(name)) {
                rows.push(position.to_vec());
            }
        }
        Ok(Some(rows))
    }

    /// Completes the names of the kept rows of a parent without a key.
    pub(super) fn settle_names(&mut self, edge: &Edge) -> Result<()> {
        let table = &edge.reference.references;
        let (name, _) = name_of(self.context.plan, edge)?;
        let Some(base) = self.bases.get(table).filter(|_| !self.kept.contains_key(&name)) else {
            return Ok(());
        };
        let columns = &edge.reference.referenced_columns;
        let part = base.layout.named.iter().find(|(names, _)| names == columns).map(|(_, part)| part);
        let mut names = Growing::new(&self.room);
        if let (Some(part), Some(kept)) = (part, self.kept.get(&Name::of(table))) {
            let mut cursor = kept.cursor();
            while let Some(row) = cursor.next()? {
                let position = split_number(row).map_or(0, |(position, _)| position);
                if let Some(key) = part.key(&base.record(position)?)? {
                    names.insert(&key)?;
                }
            }
        }
        self.kept.insert(name, names.finish()?);
        Ok(())
    }

    /// As [`Engine::parents`] for rows without a key: what they reference is passed instead.
    pub(super) fn parents_of_base(
        &mut self,
        table: &str,
        edge: &Edge,
        rows: &[Vec<u8>],
    ) -> Result<Vec<Found>> {
        let context = self.context;
        let base = self.bases.get(table).ok_or_else(|| Error::internal("a table that was not read"))?;
        let id = edge_id(edge);
        let parts = base.layout.held.iter().find(|(of, _, _)| *of == id);
        let (_, flag, part) = parts.ok_or_else(|| Error::internal("a reference that was not read"))?;
        let passed = part.columns.iter().map(Passed::of).collect::<Result<_>>()?;
        let (mut keys, mut passing) = (KeyTable::new(passed), Vec::new());
        for (at, row) in rows.iter().enumerate() {
            let position = split_number(row).map_or(0, |(position, _)| position);
            let cells = base.record(position)?;
            if cells.get(flag + 1).and_then(Option::as_deref) == Some(b"1") {
                keys.push(part.cells(&cells).iter().map(Option::as_deref))?;
                passing.push(at);
            }
        }
        if passing.is_empty() {
            return Ok(Vec::new());
        }
        let (_, columns) = name_of(context.plan, edge)?;
        let mut select = Select::all(context.source(&edge.reference.references), vec![KeyTable::ordinal()]);
        select.alias = Some(PARENT.to_owned());
        select.list.extend(columns.iter().map(|column| exact(column, Some(PARENT))));
        select.keys = Some(KeyLookup {
            keys,
            columns: edge.reference.referenced_columns.clone(),
            index: context.parent_index(edge)?,
        });
        let shape = KeyShape::of(&columns);
        let (mut found, mut seen) = (Vec::new(), vec![false; passing.len()]);
        self.read(&select, |row| {
            let at = ordinal(row)?;
            let lost = || Error::internal("a row that belongs to no key");
            *seen.get_mut(at).ok_or_else(lost)? = true;
            let mut parent = Vec::new();
            shape.encode((1..=shape.cells()).map(|at| row.cell(at)), &mut parent)?;
            found.push(Found { row: passing[at], parent: Some(parent) });
            Ok(())
        })?;
        let alone = passing.iter().zip(seen).filter(|(_, seen)| !seen);
        found.extend(alone.map(|(row, _)| Found { row: *row, parent: None }));
        Ok(found)
    }

    /// Lists the rows of a table without a key whose parents are kept.
    pub(super) fn down_of_base(&mut self, table: &str, restricted: &Restricted) -> Result<()> {
        let rows = self.bases.get(table).map_or(0, |base| base.rows.rows());
        let next =
            |_: &Self, done: u64, most: u64| Ok((done..rows.min(done + most)).map(number_key).collect());
        self.batches(ROW_BYTES, next, |engine, _, batch| {
            let mut kept = vec![true; batch.len()];
            for edge in restricted.edges.iter().filter(|edge| !edge.in_cycle) {
                let (name, _) = name_of(engine.context.plan, edge)?;
                // By row that references something: whether a parent is kept.
                let mut has: BTreeMap<usize, bool> = BTreeMap::new();
                for found in engine.parents_of_base(table, edge, batch)? {
                    let is_kept = match (found.parent, engine.kept.get(&name)) {
                        (Some(parent), Some(parents)) => parents.contains(&parent)?,
                        _ => false,
                    };
                    *has.entry(found.row).or_default() |= is_kept;
                }
                has.into_iter().for_each(|(row, has)| kept[row] &= has);
            }
            let kept = batch.iter().zip(kept).filter(|(_, kept)| *kept);
            kept.map(|(row, _)| row).try_for_each(|row| engine.listed(table).insert(row).map(|_| ()))
        })
    }
}
