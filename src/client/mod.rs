//! Talks to a backfill server and feeds the target.
//!
//! [`run`] is the script of a pull, `work` what it does once it was agreed to; [`select`] and `delta` decide, [`fetch`] moves rows,
//! [`state`] remembers, and [`hooks`] tell others.

mod aftermath;
mod api;
mod delta;
mod failure;
pub mod fetch;
pub mod hooks;
mod identity;
mod interrupt;
mod kept;
mod link;
mod load;
mod outage;
mod progress;
mod retry;
pub mod run;
pub mod select;
mod sight;
pub mod state;
pub mod summary;
mod verify;
mod work;

pub use api::{Api, Remote};
pub use interrupt::Interrupt;
pub use progress::Progress;
