//! Talks to a backfill server and feeds the target.

mod api;
mod failure;
pub mod fetch;
mod interrupt;
mod progress;
pub mod state;

pub use api::{Api, Remote};
pub use interrupt::Interrupt;
pub use progress::Progress;
