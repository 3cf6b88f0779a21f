//! SQL text: names, literals, statements. Pure; no connection in sight.

pub mod ident;

pub use ident::{Ident, TableName};
