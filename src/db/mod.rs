//! Connections to MySQL and MariaDB: opening them, their session settings, reading rows and schemas, locks.
//!
//! Nothing here knows what a connection is for beyond its [`Role`]; who may run which statement is decided by
//! [`crate::source`] and [`crate::target`].

mod again;
mod connect;
mod deadline;
mod endpoint;
pub mod error;
pub mod flavour;
mod identify;
pub mod introspect;
pub mod kill;
pub mod lock;
mod rows;
mod session;
pub mod sessions;

pub use again::{pause, unless_deadlocked, unless_met};
pub use connect::{Connection, Done, Warning};
pub use endpoint::{Account, Endpoint, Tls, TlsMode};
pub use rows::{RowCells, Rows};
pub use session::{Role, TARGET_NOT_STRICT, TARGET_STRICT};
