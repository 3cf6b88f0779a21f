//! Pure decisions, made before anything is written.

pub mod sanitize;
