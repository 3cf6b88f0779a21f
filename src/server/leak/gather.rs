//! Reads the values that rules replace, before a run's first table is read.

use super::LeakCheck;
use super::originals::Originals;
use crate::db::RowCells;
use crate::error::{Context, Result};
use crate::plan::originals::RuledTable;
use crate::server::run::Run;
use crate::server::steps::Steps;
use crate::source::masking::Masking;
use crate::source::reader::Reader;
use crate::sql::TableName;
use crate::sql::select::Select;
use std::sync::Arc;
use std::time::Instant;

/// Fills the run's check, in short reads of its own. What is written to the source after them is not known to it.
///
/// # Errors
/// The source's; `Busy` when the run was ended.
pub(in crate::server) fn gather(
    check: &LeakCheck,
    reader: &mut Reader,
    run: &Run,
    database: &str,
) -> Result<()> {
    let begun = Instant::now();
    let mut originals = Originals::new();
    reader.prepare(Masking::of_originals(&check.plan.originals))?;
    for source in check.plan.originals.tables() {
        read(source, reader, run, database, &mut originals)
            .context(|| format!("reading the ruled columns of table `{}`", source.plan.table.name))?;
    }
    tracing::info!(
        run = run.id,
        values = originals.len(),
        one_in = originals.one_in(),
        ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "the leak check knows what rules replace"
    );
    if originals.one_in() > 1 {
        tracing::warn!(
            run = run.id,
            "there are more values in ruled columns than the leak check can hold: it looks for one in {} of them, and for \
             whatever has the shape of personal data",
            originals.one_in()
        );
    }
    *check.originals() = Some(Arc::new(originals));
    Ok(())
}

fn read(
    source: &RuledTable,
    reader: &mut Reader,
    run: &Run,
    database: &str,
    originals: &mut Originals,
) -> Result<()> {
    let (plan, values) = (&source.plan, source.list.len());
    let from = TableName::qualified(database, plan.table.name.as_str());
    let mut list = source.list.clone();
    let mut scratch = Vec::new();
    let mut add = |row: &mysql::Row| {
        (0..values).filter_map(|at| row.cell(at)).for_each(|value| originals.add(value, &mut scratch));
    };
    let Some(key) = plan.walk.clone() else {
        return reader.read(&Select::all(from, list), |rows| {
            while let Some(row) = rows.next_row()? {
                if run.is_cancelled() {
                    return Err(Run::cancelled_error());
                }
                add(&row);
            }
            Ok(())
        });
    };
    let mut steps = Steps::new(from, key, plan, |_| None, Vec::new(), &mut list)?;
    loop {
        if run.is_cancelled() {
            return Err(Run::cancelled_error());
        }
        let step = steps.next(reader, &list)?;
        let (count, last) = reader.read(&step.select, |rows| {
            let (mut count, mut last) = (0, None);
            while let Some(row) = rows.next_row()? {
                count += 1;
                add(&row);
                last = Some(row);
            }
            Ok((count, last))
        })?;
        if !steps.go_on(&step, count, last.as_ref())? {
            return Ok(());
        }
    }
}
