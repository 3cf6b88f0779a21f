//! Connections to MySQL and MariaDB: opening them, their session settings, reading rows and schemas, locks.

mod endpoint;

pub use endpoint::{Endpoint, Tls, TlsMode};
