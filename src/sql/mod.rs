//! SQL text: names, literals, statements. Pure; no connection in sight.

pub mod cells;
pub mod changed;
pub mod digest;
pub mod ident;
pub mod insert;
pub mod keyset;
pub mod literal;
pub mod lookup;
pub mod no_member;
pub mod scan;
pub mod select;
pub mod since;
pub mod statement;
pub mod workspace;

/// The user variable that holds the key of masks. In a session that was not given it, it is NULL, and so would be all
/// that is made with it.
pub const KEY_VARIABLE: &str = "@backfill_key";

pub use ident::{Ident, TableName};
pub use statement::{Expr, List, Statement};
pub use workspace::{WorkspaceName, WorkspaceTable};
