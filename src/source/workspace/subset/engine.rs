//! Working the steps of a plan one after the other.

use crate::error::{Context, Result};
use crate::plan::subset::{Role, Statements, Step};
use crate::source::walk::{Walk, Walker, check, last_number};
use crate::source::workspace::Writer;
use crate::sql::TableName;
use crate::sql::select::{InsertSelect, Range, Select};
use std::collections::BTreeMap;

/// Works a plan.
pub struct Engine<'a> {
    pub(super) writer: &'a mut Writer,
    pub(super) statements: Statements<'a>,
    go_on: &'a mut dyn FnMut() -> bool,
    rows: BTreeMap<(Role, String), u64>,
}

impl<'a> Engine<'a> {
    /// About to begin.
    pub fn new(
        writer: &'a mut Writer,
        statements: Statements<'a>,
        go_on: &'a mut dyn FnMut() -> bool,
    ) -> Self {
        Self { writer, statements, go_on, rows: BTreeMap::new() }
    }

    /// How many rows were written to a working table.
    pub fn rows(&self, role: Role, table: &str) -> u64 {
        self.rows.get(&(role, table.to_owned())).copied().unwrap_or(0)
    }

    /// How many rows were written to each working table.
    pub fn into_rows(self) -> BTreeMap<(Role, String), u64> {
        self.rows
    }

    /// Works all steps.
    ///
    /// # Errors
    /// The server's; `Busy` when the run has ended.
    pub fn run(&mut self) -> Result<()> {
        self.create_tables()?;
        let plan = self.statements.plan;
        for step in plan.steps() {
            match step {
                Step::Base(table) => self.base(table),
                Step::Want(table) => self.want(table),
                Step::ParentsOfAll(table) => self.parents_of_all(table),
                Step::Up(tables) => self.up(tables),
                Step::Down(table) => self.down(table),
                Step::DownCycle(tables) => self.down_cycle(tables),
            }
            .context(|| step.to_string())?;
        }
        Ok(())
    }

    fn create_tables(&mut self) -> Result<()> {
        let tables = self.statements.create_tables(self.writer.flavour())?;
        tables.iter().try_for_each(|table| self.writer.create_table(table))
    }

    /// Runs one statement that fills a working table; says how many rows it added.
    pub(super) fn add(&mut self, role: Role, table: &str, statement: &InsertSelect) -> Result<u64> {
        self.check()?;
        let added = self.writer.copy(statement)?;
        *self.rows.entry((role, table.to_owned())).or_default() += added;
        Ok(added)
    }

    /// A number that a `SELECT` gives.
    pub(super) fn number(&mut self, select: &Select) -> Result<u64> {
        self.check()?;
        self.writer.number(select)
    }

    /// Works the rows of a list behind number `after` up to `until`.
    pub(super) fn walk_numbers(
        &mut self,
        list: TableName,
        after: u64,
        until: u64,
        mut work: impl FnMut(&mut Self, Range) -> Result<()>,
    ) -> Result<()> {
        self.walk(Walk::numbers(list, after, until), |engine, range| work(engine, range).map(|()| false))
    }

    /// The greatest number in a list so far; 0 without rows.
    pub(super) fn last_number(&mut self, list: TableName) -> Result<u64> {
        self.number(&last_number(list))
    }

    fn parents_of_all(&mut self, table: &str) -> Result<()> {
        let statements = self.statements;
        let all = statements.plan.all(table)?;
        let work = |engine: &mut Self, range: Range| {
            for edge in &all.edges {
                let statement = statements.parents_of_all(all, edge, range.clone())?;
                engine.add(Role::Keys, &edge.reference.references, &statement)?;
            }
            Ok(false)
        };
        match &all.walk {
            Some(key) => {
                let from = TableName::qualified(statements.names.schema, table);
                self.walk(Walk::over(&all.table, from, key)?, work)
            }
            None => work(self, Range::default()).map(|_| ()),
        }
    }

    /// Lists parents of listed rows until there are no more.
    fn up(&mut self, tables: &[String]) -> Result<()> {
        let statements = self.statements;
        let mut done: BTreeMap<&str, u64> = BTreeMap::new();
        loop {
            let mut news = false;
            for table in tables {
                let list = statements.names.name(Role::Keys, table)?;
                let after = done.get(table.as_str()).copied().unwrap_or(0);
                let until = self.last_number(list.clone())?;
                for edge in statements.plan.table(table)?.edges.iter().filter(|edge| edge.held.is_some()) {
                    self.walk_numbers(list.clone(), after, until, |engine, range| {
                        let statement = statements.parents(table, edge, range)?;
                        engine.add(Role::Keys, &edge.reference.references, &statement).map(|_| ())
                    })?;
                }
                news |= until > after;
                done.insert(table, until);
            }
            if !news {
                return Ok(());
            }
        }
    }
}

impl Walker for Engine<'_> {
    type Conn = Writer;

    fn conn(&mut self) -> &mut Writer {
        self.writer
    }

    fn check(&mut self) -> Result<()> {
        check(&mut *self.go_on)
    }
}
