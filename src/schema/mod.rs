//! What a database holds, as plain data: tables, columns, keys. Pure; filled by [`crate::db::introspect`],
//! sent in the manifest, compared and rendered by the modules below.

pub mod collation;
pub mod ddl;
pub mod diff;
pub(crate) mod expression;
pub mod graph;
mod model;

pub use model::{
    BEYOND_BMP, Check, Column, Flavour, ForeignKey, Generated, Index, IndexKind, IndexPart, Schema, Table,
    TableKind, Trigger, Version,
};
