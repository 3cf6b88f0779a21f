//! Where workspaces are made, by which account, and which rights that takes.

use crate::db::{Account, Connection, Endpoint, Role};
use crate::error::{Error, Kind, Result};
use crate::schema::{Flavour, Version};
use crate::source::reader::Reader;
use crate::source::watch::Statements;
use crate::sql::Ident;
use std::sync::Arc;

/// What rights on the schemas of all runs are granted on.
const SCHEMA_PATTERN: &str = "`\\_backfill\\_temp\\_%`";
/// What a workspace takes: made, filled, masked, read, dropped.
const RIGHTS: &str = "SELECT, INSERT, UPDATE, CREATE, DROP";

/// How workspaces are laid out on the source's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Each is a schema of its own.
    Schema,
    /// Numbered tables inside this schema, which is for nothing else, made when missing and never dropped.
    Shared {
        /// The schema.
        temp_database: String,
    },
    /// Numbered tables beside the source's own.
    Tables,
}

/// Whose account the workspace is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The one that reads the source.
    Main,
    /// One of its own.
    Temp,
}

/// Where workspaces are made, and as whom.
#[derive(Debug, Clone)]
pub struct Home {
    endpoint: Endpoint,
    layout: Layout,
    whose: Whose,
}

impl Home {
    /// Workspaces beside `source`, made with its account or with another one.
    ///
    /// # Errors
    /// `Config` when the schema for workspaces is the source itself.
    pub fn new(source: &Endpoint, layout: Layout, temp_account: Option<&Account>) -> Result<Self> {
        if let Layout::Shared { temp_database } = &layout
            && temp_database.to_lowercase() == source.database.to_lowercase()
        {
            return Err(Error::config("server.temp_database is the source database itself")
                .hint("name another database, or leave temp_database out"));
        }
        let (endpoint, whose) = match temp_account {
            None => (source.clone(), Whose::Main),
            Some(account) => (source.with_account(account), Whose::Temp),
        };
        Ok(Self { endpoint, layout, whose })
    }

    /// How workspaces are laid out.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The source's schema.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.endpoint.database
    }

    /// Where the server is, with the workspace's account.
    pub(in crate::source) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A connection with the workspace's account, without a default schema.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub(in crate::source) fn connect(&self) -> Result<Connection> {
        Connection::open_in(&self.endpoint, Role::Workspace, None).map_err(|error| self.whose(error))
    }

    /// A connection that reads copies: the workspace's account, so that the source's needs no right on them.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_reader(&self, run: &str, statements: &Arc<Statements>) -> Result<Reader> {
        Reader::open(&self.endpoint, run, statements).map_err(|error| self.whose(error))
    }

    /// Names the settings of an account that the server refuses.
    fn whose(&self, error: Error) -> Error {
        match (self.whose, error.kind()) {
            (Whose::Temp, Kind::Privilege) => error.context("the account of server.temp_username").hint(
                "check server.temp_username and server.temp_password (BACKFILL_TEMP_USERNAME, \
                 BACKFILL_TEMP_PASSWORD), and that the account may come from this host",
            ),
            _ => error,
        }
    }

    /// Everything that the workspace's account must be granted, without the account: `GRANT … ON …`.
    #[must_use]
    pub fn grants(&self) -> Vec<String> {
        let source = Ident::new(self.source());
        let read = read_grant(self.source());
        match &self.layout {
            Layout::Schema => vec![read, format!("GRANT {RIGHTS} ON {SCHEMA_PATTERN}.*")],
            Layout::Shared { temp_database } => {
                vec![read, format!("GRANT {RIGHTS} ON {}.*", Ident::new(temp_database.as_str()))]
            }
            Layout::Tables => vec![format!("GRANT {RIGHTS} ON {source}.*")],
        }
    }

    /// As [`Home::hint`] where a right on a schema of our own is missing: under `partial_revokes` (MySQL) nobody can be
    /// granted a pattern of schemas.
    pub(super) fn pattern_hint(&self, conn: &mut Connection, error: Error) -> Error {
        let literal = conn.query_first::<u8>("SELECT @@GLOBAL.partial_revokes");
        if error.kind() != Kind::Privilege || !matches!(literal, Ok(Some(1))) {
            return self.hint(error);
        }
        error.hint(format!(
            "with partial_revokes=ON this server takes the `%` in {SCHEMA_PATTERN} literally: set \
             server.temp_database = \"backfill_work\", and GRANT {RIGHTS} ON `backfill_work`.* to the account `{}`",
            self.endpoint.user
        ))
    }

    /// Names the statements that grant what is missing, or what else is in the way.
    #[must_use]
    pub fn hint(&self, error: Error) -> Error {
        if error.kind() == Kind::Privilege && error.hint_text().is_none() {
            let setting = match self.whose {
                Whose::Main => "DATABASE_URL",
                Whose::Temp => "server.temp_username",
            };
            return error.hint(needs(&self.endpoint.user, setting, &self.grants()));
        }
        // 1290 and 1836: the server or its whole group is read-only.
        if matches!(crate::db::error::server_code(&error), Some(1290 | 1836)) {
            return error.hint(
                "rules need a place for masked copies: serve from a server that takes writes, such as the primary",
            );
        }
        error
    }
}

/// What the account that reads the source must be granted, without the account: `GRANT … ON …`.
#[must_use]
pub fn read_grant(database: &str) -> String {
    format!("GRANT SELECT ON {}.*", Ident::new(database))
}

/// The right that keeps copies out of the binary log.
#[must_use]
pub fn binlog_right(flavour: Flavour, version: Version) -> &'static str {
    match flavour {
        Flavour::Mariadb if version >= Version(10, 5, 2) => "BINLOG ADMIN",
        Flavour::Mysql if version >= Version(8, 0, 14) => "SESSION_VARIABLES_ADMIN",
        Flavour::Mariadb | Flavour::Mysql => "SUPER",
    }
}

fn needs(user: &str, setting: &str, grants: &[String]) -> String {
    format!("the account `{user}` of {setting} needs {}", grants.join(", and "))
}

/// Names the statement that lets the source's account read, if that is what an error is about.
#[must_use]
pub fn read_hint(error: Error, source: &Endpoint) -> Error {
    match error.kind() == Kind::Privilege && error.hint_text().is_none() {
        true => error.hint(needs(&source.user, "DATABASE_URL", &[read_grant(&source.database)])),
        false => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Tls;

    fn source() -> Endpoint {
        Endpoint {
            host: "h".to_owned(),
            port: 1,
            socket: None,
            user: "main".to_owned(),
            password: "a".into(),
            database: "app".to_owned(),
            tls: Tls::default(),
        }
    }

    #[test]
    fn a_missing_right_is_named_for_the_account_that_lacks_it() {
        let temp = Account { user: "temp".to_owned(), password: "b".into() };
        let shared = || Layout::Shared { temp_database: "work".to_owned() };
        let table = [
            (Layout::Schema, None, "`main` of DATABASE_URL", "ON `\\_backfill\\_temp\\_%`.*"),
            (shared(), None, "`main` of DATABASE_URL", "ON `work`.*"),
            (Layout::Tables, None, "`main` of DATABASE_URL", "DROP ON `app`.*"),
            (Layout::Tables, Some(&temp), "`temp` of server.temp_username", "DROP ON `app`.*"),
        ];
        for (layout, account, who, on) in table {
            let home = Home::new(&source(), layout, account).unwrap();
            let error = home.hint(Error::new(Kind::Privilege, "denied"));
            let hint = error.hint_text().unwrap();
            assert!(hint.contains(who) && hint.contains(on), "{hint}");
            assert!(home.hint(Error::new(Kind::Source, "gone")).hint_text().is_none());
        }
        let error = read_hint(Error::new(Kind::Privilege, "denied"), &source());
        assert!(error.hint_text().unwrap().ends_with("needs GRANT SELECT ON `app`.*"));
    }

    #[test]
    fn the_source_is_no_place_for_workspaces() {
        let layout = Layout::Shared { temp_database: "APP".to_owned() };
        assert_eq!(Home::new(&source(), layout, None).unwrap_err().kind(), Kind::Config);
    }
}
