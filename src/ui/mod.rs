//! The only writers to the terminal: progress, tables, prompts, logs.
//!
//! Results go to stdout, everything else to stderr. Text that came from a server or a file is printed with its
//! control characters escaped, so that a table's name cannot move the cursor.

pub mod format;
pub mod log;
pub mod progress;
pub mod prompt;
mod screen;
pub mod table;

pub use screen::Screen;
