//! `backfill serve --plan`: what pulls of this configuration would do to the source, told and not done.

use super::Context;
use crate::error::Result;
use crate::server::explain::{Explained, ExplainedTable};
use crate::ui::format::{bytes, estimate, plural};
use crate::ui::table::{Align, Table};

/// Shows the plan; with its statements if `sql`.
///
/// # Errors
/// `Internal` when standard output cannot be written.
pub fn show(explained: &Explained, database: &str, sql: bool, context: &Context) -> Result<()> {
    let screen = &context.screen;
    screen.table(&table_of(&explained.tables))?;
    screen.result("")?;
    if explained.tables.iter().any(|table| !table.masks.is_empty()) {
        screen.table(&masks_of(&explained.tables))?;
        screen.result("")?;
    }
    screen.result(&sentence(&explained.tables, database))?;
    if let Some(read) = &explained.leak_check {
        screen.result(&leak_check(read.len()))?;
    }
    for warning in &explained.warnings {
        screen.result(&format!("- {warning}"))?;
    }
    if sql && !screen.is_json() {
        screen.result(&statements(explained))?;
    }
    screen.json(explained)
}

fn table_of(tables: &[ExplainedTable]) -> Table {
    let mut table = Table::new(&[
        ("Table", Align::Left),
        ("Rows", Align::Right),
        ("Bytes", Align::Right),
        ("Read", Align::Left),
        ("Limited", Align::Left),
    ]);
    for line in tables {
        table.row(vec![
            line.table.clone(),
            estimate(line.rows_estimate),
            format!("~{}", bytes(line.bytes_estimate)),
            line.way.to_owned(),
            if line.limited.is_empty() { "-".to_owned() } else { line.limited.clone() },
        ]);
    }
    table
}

/// A line for each masked column.
fn masks_of(tables: &[ExplainedTable]) -> Table {
    let mut masks =
        Table::new(&[("Table", Align::Left), ("Column", Align::Left), ("Masked by", Align::Left)]);
    for table in tables {
        for mask in &table.masks {
            masks.row(vec![table.table.clone(), mask.column.clone(), mask.by.clone()]);
        }
    }
    masks
}

fn sentence(tables: &[ExplainedTable], database: &str) -> String {
    let sum = |number: fn(&ExplainedTable) -> u64, of: &dyn Fn(&&ExplainedTable) -> bool| {
        tables.iter().filter(of).map(number).fold(0, u64::saturating_add)
    };
    let all = |_: &&ExplainedTable| true;
    let copied = |table: &&ExplainedTable| table.way != "read directly";
    format!(
        "A whole pull of `{database}` would read {} with {} rows (~{}), and write ~{} of copies on its server. Nothing was done.",
        plural(tables.len() as u64, "table"),
        estimate(sum(|table| table.rows_estimate, &all)),
        bytes(sum(|table| table.bytes_estimate, &all)),
        bytes(sum(|table| table.bytes_estimate, &copied)),
    )
}

fn leak_check(tables: usize) -> String {
    let tables = plural(tables as u64, "table");
    format!(
        "The leak check is on: a pull first reads the ruled columns of {tables} once more, and then looks at every text \
         without a rule."
    )
}

/// What would be run, as a script that could be read by a DBA.
fn statements(explained: &Explained) -> String {
    let mut text = String::from(
        "\n-- Each statement is shown over the whole table. A run works in short ranges of the key, each a transaction of\n\
         -- its own, in a workspace that is named anew every time and dropped at the end.\n",
    );
    let mut part = |heading: &str, statements: &[String]| {
        text.push_str(&format!("\n-- {heading}\n"));
        statements.iter().for_each(|statement| text.push_str(&format!("{statement};\n")));
    };
    explained.leak_check.iter().for_each(|read| part("the leak check: what rules replace", read));
    explained.limits.iter().for_each(|step| part(&format!("limits: {}", step.step), &step.statements));
    explained
        .tables
        .iter()
        .for_each(|table| part(&format!("table `{}`: {}", table.table, table.way), &table.statements));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::explain::{ExplainedMask, ExplainedStep};

    fn explained() -> Explained {
        let table = |name: &str, way, limited: &str, masks: &[(&str, &str)]| ExplainedTable {
            table: name.into(),
            rows_estimate: 1200,
            bytes_estimate: 3 << 20,
            way,
            limited: limited.into(),
            masks: masks
                .iter()
                .map(|(column, by)| ExplainedMask { column: (*column).into(), by: (*by).into() })
                .collect(),
            statements: vec![format!("SELECT 1 FROM `{name}`")],
        };
        Explained {
            tables: vec![
                table("users", "copied, masked by UPDATE", "", &[("email", "email"), ("name", "name")]),
                table("log", "copied", "1000 rows by id desc", &[]),
                table("free", "read directly", "", &[]),
            ],
            limits: vec![ExplainedStep { step: "finding".into(), statements: vec!["INSERT".into()] }],
            leak_check: Some(vec!["SELECT 2".into()]),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn each_table_has_a_line_and_each_statement_its_end() {
        let explained = explained();
        let text = table_of(&explained.tables).render(None);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["Table", "Rows", "Bytes", "Read", "Limited"]);
        assert_eq!(lines[2][..3], ["log", "~1,200", "~3.0"]);
        let text = masks_of(&explained.tables).render(None);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1..], [["users", "email", "email"], ["users", "name", "name"]]);
        let text = sentence(&explained.tables, "app");
        assert!(
            text.contains("3 tables with ~3,600 rows (~9.0 MiB)") && text.contains("~6.0 MiB of copies"),
            "{text}"
        );
        let text = statements(&explained);
        assert!(text.contains("\n-- limits: finding\nINSERT;\n"), "{text}");
        assert!(text.contains("\n-- the leak check: what rules replace\nSELECT 2;\n"), "{text}");
        assert!(text.ends_with("-- table `free`: read directly\nSELECT 1 FROM `free`;\n"), "{text}");
    }
}
