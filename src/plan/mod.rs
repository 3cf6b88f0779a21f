//! Pure decisions, made before anything is written.

pub mod run;
pub mod sanitize;
pub mod walk;
