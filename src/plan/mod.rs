//! Pure decisions, made before anything is written.

pub mod load;
pub mod sanitize;
