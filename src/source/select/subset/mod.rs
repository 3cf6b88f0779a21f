//! Finding out which rows of the restricted tables are kept, without writing anything: the steps of a [`SubsetPlan`]
//! worked by `SELECT`s over one connection, and sets of keys in this process.
//!
//! ```ignore
//! reader.open_snapshot()?;
//! let kept = subset::find(&mut reader, &endpoint.database, &plan, &mut || !run.has_ended())?;
//! // Any connection whose snapshot is of the same moment.
//! match kept.reading(&table.name, list)? {
//!     // Not restricted: the table is read whole.
//!     None => {}
//!     // `list` is over columns of `plan::subset::row_alias()`.
//!     Some(mut reading) => {
//!         while let Some(mut piece) = reading.next(pace.rows())? {
//!             let read = piece.select.clone();
//!             reader.read(&read, |rows| {
//!                 while let Some(row) = rows.next_row()? {
//!                     // Cells behind those of `list` are for `keeps` alone.
//!                     if piece.keeps(&row)? { send(&row) }
//!                 }
//!                 Ok(())
//!             })?;
//!         }
//!     }
//! }
//! ```
//!
//! Values are compared by the server, as its columns compare: a statement joins the child's rows to those of the parent
//! and gives the parent's own key, as the parent's row spells it. So keys of one table are equal exactly where their
//! bytes are, and only such keys are remembered.
//!
//! A table without a key that can be walked has rows without names. If others reference it, or a limit cuts it, its rows
//! are told apart by their position in a scan over the whole table, which is the same in every scan of one snapshot.

mod base;
mod circle;
mod down;
mod engine;
mod kept;
mod link;
mod lists;
mod parents;
mod ranking;
mod want;

pub use kept::{Kept, Piece, Reading};

use crate::error::{Error, Result};
use crate::plan::subset::SubsetPlan;
use crate::source::reader::Reader;
use crate::sql::keyset;
use engine::Engine;
use link::Context;

/// Finds the kept rows of the restricted tables of `database`, as `reader`'s snapshot sees them. Between two statements
/// `go_on` is asked whether to.
///
/// # Errors
/// The server's; `Busy` when `go_on` says no; `Config` when a table's rows cannot be told apart, naming the strategy
/// that can; `Internal` when a temporary file cannot be written.
pub fn find(
    reader: &mut Reader,
    database: &str,
    plan: &SubsetPlan,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Kept> {
    let (flavour, version) = reader.version();
    if !plan.is_empty() && !keyset::is_supported(flavour, version) {
        return Err(Error::config(format!(
            "limits with strategy `select` need JSON_TABLE, which {flavour} {version} does not have"
        ))
        .hint("MariaDB has it from 10.6 on and MySQL from 8.0.4 on; or use the strategy `database`"));
    }
    Engine::new(reader, Context { plan, database }, go_on).run()
}
