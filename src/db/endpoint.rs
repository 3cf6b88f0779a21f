//! Where a database is and who we are there.

use crate::secret::Secret;
use std::path::PathBuf;

/// How a database is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// A unix socket, used instead of host and port.
    pub socket: Option<PathBuf>,
    /// The account.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// The database (schema).
    pub database: String,
    /// Encryption.
    pub tls: Tls,
}

/// Who we are on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's name.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

impl Endpoint {
    /// The same place reached by another account.
    #[must_use]
    pub fn with_account(&self, account: &Account) -> Self {
        let Account { user, password } = account.clone();
        Self { user, password, ..self.clone() }
    }

    /// `host:port/database` or `socket/database`, for messages; never the account's password.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.socket {
            Some(socket) => format!("{}/{}", socket.display(), self.database),
            None => format!("{}:{}/{}", self.host, self.port, self.database),
        }
    }
}

/// Encryption of a database connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// How much is asked for.
    pub mode: TlsMode,
    /// A PEM file with the authorities to trust instead of the built-in ones.
    pub ca: Option<PathBuf>,
}

/// How much encryption is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Never.
    Disable,
    /// If the server offers it; its certificate is not checked.
    #[default]
    Prefer,
    /// Always; the certificate is not checked.
    Require,
    /// Always; the certificate must come from a trusted authority.
    VerifyCa,
    /// As `VerifyCa`, and it must be for this host.
    VerifyIdentity,
}
