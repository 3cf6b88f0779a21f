//! The developer side: the only writer of the target database.

pub mod definition;
pub mod names;
mod pool;
pub mod trigger;
