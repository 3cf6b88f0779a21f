//! The developer side: the only writer of the target database.

pub mod definition;
mod doc;
pub mod guard;
pub mod indexes;
mod keys;
pub mod load;
pub mod names;
mod pool;
mod rehearse;
mod site;
pub mod staging;
pub mod trigger;
pub mod verify;
