//! The production side: a read-only half ([`reader`]), and the [`workspace`], the only writer on the source server.
//!
//! [`reader::Reader`] can only run a [`crate::sql::select::Select`]. [`workspace::Writer`] can only be opened for a
//! [`workspace::Workspace`] and write to a [`crate::sql::WorkspaceTable`], and the only statement of its that names a
//! source table is [`crate::sql::select::InsertSelect`]: every other kind locks rows of the tables that it reads.

mod brief;
pub mod clock;
pub mod masking;
pub mod news;
pub mod reader;
pub mod sample;
pub mod select;
pub mod snapshot;
pub mod survey;
pub mod sweep;
mod walk;
pub mod watch;
pub mod workspace;

pub use walk::{bound, key_forms};
