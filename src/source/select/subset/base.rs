//! Tables whose rows have no key to name them by: they are told apart by their position in a scan over the whole table.
//! What decides about them is read in one such scan and kept here: what each row references, and what others may
//! reference it by.

use super::engine::{Engine, ROW_BYTES};
use super::link::{Name, columns_of, exact, held, name_of};
use crate::error::{Error, Result};
use crate::plan::subset::{Base, Edge, Restricted, Want};
use crate::plan::walk::sorts_as_it_compares;
use crate::schema::Column;
use crate::source::bound;
use crate::source::select::keys::{Growing, KeyShape, Keys, number_key, split_number};
use crate::sql::literal::Form;
use crate::sql::select::{Select, column_of};
use std::collections::BTreeMap;

/// What is known of the rows of a table without a key.
#[derive(Debug)]
pub(super) struct BaseRows {
    /// By position: what `layout` says.
    rows: Keys,
    pub(super) layout: Layout,
    /// By the columns that references lead to: their values and the row's position.
    named: BTreeMap<Vec<String>, Keys>,
}

/// Which cells are kept of each row, behind its position.
#[derive(Debug, Default)]
pub(super) struct Layout {
    list: Vec<String>,
    columns: Vec<Column>,
    /// By reference of the table: whether the row has a parent by it, then what it references.
    pub(super) held: Vec<(Vec<String>, usize, Part)>,
    /// By columns that references lead to.
    named: Vec<(Vec<String>, Part)>,
}

/// Some of the cells.
#[derive(Debug, Clone)]
pub(super) struct Part {
    first: usize,
    pub(super) columns: Vec<Column>,
}

impl Layout {
    fn of(restricted: &Restricted, named: Vec<Vec<String>>) -> Self {
        let mut layout = Self::default();
        for edge in &restricted.edges {
            let flag = layout.list.len();
            layout.list.push(held(edge, None).map_or_else(|| "1".to_owned(), |held| format!("({held})")));
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
        self.list.extend(columns.iter().map(|column| exact(column, None)));
        self.columns.extend(columns.iter().cloned());
        Part { first, columns }
    }

    fn shape(&self) -> KeyShape {
        KeyShape::number().then(&KeyShape::of(&self.columns))
    }
}

impl Part {
    pub(super) fn cells<'c>(&self, cells: &'c [Option<Vec<u8>>]) -> &'c [Option<Vec<u8>>] {
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

pub(super) fn edge_id(edge: &Edge) -> Vec<String> {
    let reference = &edge.reference;
    std::iter::once(&reference.name).chain(&reference.columns).cloned().collect()
}

impl BaseRows {
    /// The cells of the row at that position, behind the position.
    pub(super) fn record(&self, position: u64) -> Result<Vec<Option<Vec<u8>>>> {
        let mut cursor = self.rows.behind(position)?;
        let record = cursor.next_key()?.ok_or_else(|| Error::internal("a row that was not read"))?;
        self.layout.shape().decode(record)
    }
}

/// The rows of a parent that a reference names so: the name is the row's key, but where rows have none.
pub(super) fn each_named(
    bases: &BTreeMap<String, BaseRows>,
    edge: &Edge,
    name: &[u8],
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let Some(base) = bases.get(&edge.reference.references) else { return each(name) };
    let Some(named) = base.named.get(&edge.reference.referenced_columns) else { return Ok(()) };
    let mut cursor = named.from(name)?;
    while let Some(position) = cursor.next_key()?.and_then(|key| key.strip_prefix(name)) {
        each(position)?;
    }
    Ok(())
}

/// What compares with literals of a form as the column sorts; none where nothing does.
fn comparable(column: &Column) -> Option<(String, Form)> {
    let name = column_of(None, &column.name);
    match column.data_type.as_str() {
        "enum" | "set" | "bit" => Some((format!("{name} + 0"), Form::Number)),
        "float" => Some((exact(column, None), Form::Float)),
        "double" => Some((name, Form::Float)),
        "time" => Some((name, Form::Quoted)),
        _ if sorts_as_it_compares(column) => Some((name, Form::of(column).ok()?)),
        _ => None,
    }
}

/// Which rows of a scan are wanted.
struct Choice {
    /// Whether the row passes, whether it comes before the last wanted ones, whether it is one of the last.
    list: [String; 3],
    most: Option<u64>,
    /// Whether of the last ones those count first that are read last.
    down: bool,
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
        let want = match &restricted.base {
            Some(Base::Wanted(want)) => Some(&**want),
            _ => restricted.want.as_ref(),
        };
        let choice = want.map(|want| self.choice(table, restricted, want)).transpose()?;
        let mut list = layout.list.clone();
        list.extend(choice.iter().flat_map(|choice| choice.list.clone()));
        let select = Select { scan: true, ..self.context.own_rows(table, list) };
        let (shape, cells) = (layout.shape(), layout.list.len());
        let (mut rows, mut position) = (Growing::new(&self.room), 0_u64);
        let mut better = Growing::new(&self.room);
        let mut last = Growing::new(&self.room);
        self.asker.read(&select, |row| {
            let number = position.to_string();
            let front = std::iter::once(Some(number.as_bytes()));
            let mut record = Vec::new();
            shape.encode(front.chain((0..cells).map(|at| row.cell(at))), &mut record)?;
            rows.insert(&record)?;
            if let Some(choice) = &choice {
                let is = |at: usize| row.cell(cells + at) == Some(b"1");
                if is(0) && is(1) {
                    better.insert(&number_key(position))?;
                } else if is(0) && is(2) && (choice.down || choice.most.is_none_or(|most| last.rows() < most))
                {
                    last.insert(&number_key(position))?;
                }
            }
            position += 1;
            Ok(())
        })?;
        let base = BaseRows { rows: rows.finish()?, named: BTreeMap::new(), layout };
        let base = self.name_rows(base)?;
        self.bases.insert(table.to_owned(), base);
        let Some(choice) = choice else { return Ok(()) };
        let left = choice.most.map_or(u64::MAX, |most| most.saturating_sub(better.rows()));
        let last = last.finish()?;
        let pass_over = if choice.down { last.rows().saturating_sub(left) } else { 0 };
        self.pull_in_all(table, &better.finish()?, 0, u64::MAX)?;
        self.pull_in_all(table, &last, pass_over, left)
    }

    /// Lists some of these rows, behind the first `pass_over`.
    fn pull_in_all(&mut self, table: &str, rows: &Keys, pass_over: u64, most: u64) -> Result<()> {
        let (mut cursor, mut left) = (rows.behind(pass_over)?, most);
        while left > 0
            && let Some(row) = cursor.next_key()?
        {
            self.lists.pull_in(table, row)?;
            left -= 1;
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
        let down = want.descending();
        let all = |passes| Choice { list: [passes, "1".to_owned(), "0".to_owned()], most: None, down };
        let mut most = want.limit.max_rows;
        if want.limit.percent.is_some() {
            let mut select = self.context.own_rows(table, ["COUNT(*)"]);
            select.conditions.clone_from(&want.conditions);
            most = Some(want.limit.wanted_rows(self.asker.number(&select)?));
        }
        let Some(most) = most else { return Ok(all(passes)) };
        let Some(by) =
            want.limit.order_by.as_ref().and_then(|name| restricted.source.column(name)).filter(|_| most > 0)
        else {
            return Ok(Choice { list: [passes, "0".to_owned(), "1".to_owned()], most: Some(most), down });
        };
        let (name, form) = comparable(by).ok_or_else(|| {
            Error::config(format!(
                "[limits.{table}]: strategy `select` cannot order a table without a key by column `{}` ({})",
                by.name, by.column_type
            ))
            .hint("order by another column, give the table a primary key, or use the strategy `database`")
        })?;
        let mut select = self.context.own_rows(table, [name.clone()]);
        select.conditions.clone_from(&want.conditions);
        select.order_by = want.order(std::slice::from_ref(&by.name), |_| name.clone());
        (select.limit, select.offset) = (Some(1), most - 1);
        let mut worst = None;
        self.asker.read(&select, |row| {
            worst = Some(row.cell(0).map(<[u8]>::to_vec));
            Ok(())
        })?;
        let [better, last] = match worst {
            // Fewer than are wanted.
            None => return Ok(all(passes)),
            Some(None) if down => [format!("({name} IS NOT NULL)"), format!("({name} IS NULL)")],
            Some(None) => ["0".to_owned(), format!("({name} IS NULL)")],
            Some(Some(worst)) => {
                let literal = bound(&[form], std::iter::once(Some(worst.as_slice())))?;
                let worst = literal.0.into_iter().next().unwrap_or_default();
                let worst = if by.data_type == "time" { format!("CAST({worst} AS TIME(6))") } else { worst };
                let better = match down {
                    true => format!("({name} > {worst})"),
                    false => format!("({name} < {worst} OR {name} IS NULL)"),
                };
                [better, format!("({name} = {worst})")]
            }
        };
        Ok(Choice { list: [passes, better, last], most: Some(most), down })
    }

    /// Makes rows quick to find by what references lead to.
    fn name_rows(&mut self, mut base: BaseRows) -> Result<BaseRows> {
        let shape = base.layout.shape();
        for (names, part) in &base.layout.named {
            let mut named = Growing::new(&self.room);
            let mut cursor = base.rows.cursor();
            let mut position = 0;
            while let Some(record) = cursor.next_key()? {
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
            while let Some(row) = cursor.next_key()? {
                let position = split_number(row).map_or(0, |(position, _)| position);
                if let Some(key) = part.key(&base.record(position)?)? {
                    names.insert(&key)?;
                }
            }
        }
        self.kept.insert(name, names.finish()?);
        Ok(())
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
                let found = engine.parents_of_base(table, edge, batch)?;
                let parents = engine.kept.get(&name);
                found.each(|row, parent| {
                    let is_kept = parent.zip(parents).map_or(Ok(false), |(one, kept)| kept.contains(one))?;
                    *has.entry(row).or_default() |= is_kept;
                    Ok(())
                })?;
                has.into_iter().for_each(|(row, has)| kept[row] &= has);
            }
            let kept = batch.iter().zip(kept).filter(|(_, kept)| *kept);
            kept.map(|(row, _)| row).try_for_each(|row| engine.lists.keep(table, row).map(|_| ()))
        })
    }
}
