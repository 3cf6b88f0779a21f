//! Strategy `select`: nothing is written on the source's server. Which rows a limit keeps is found out by plain
//! `SELECT`s inside one snapshot, and remembered in this process.
//!
//! [`keys`] holds sets of keys that may be larger than memory; [`subset`] fills them and reads by them.

pub mod keys;
pub mod subset;
