//! Pure decisions, made before anything is written.

pub mod checked;
pub mod delta;
pub mod load;
mod nearest;
pub mod originals;
pub mod policy;
mod problem;
pub mod reference;
pub mod run;
pub mod sanitize;
pub mod select_list;
pub mod subset;
pub mod times;
pub mod walk;
