//! What a caller is told of a run that failed: our own words about rules and rows, never a host, an account or a
//! server's message.

use crate::db::error::server_code;
use crate::error::{Error, Kind};
use crate::server::leak::is_leak;
use crate::source::reader::is_schema_change;
use crate::source::watch;
use crate::source::workspace::is_unmasked;
use crate::sql::insert::is_too_large;
use crate::wire::api::Code;

/// Why a run ends when a migration comes between.
pub(super) const SCHEMA_CHANGED: &str = "a table changed its definition while it was read";

const LOST: &str = "the connection to the source database was lost; the server's log says how";

/// The code and the sentence for an error that ended a run.
pub(super) fn for_caller(error: &Error) -> (Code, String) {
    if is_schema_change(error) || (error.kind() == Kind::Schema && error.is_retryable()) {
        return (Code::SchemaChanged, format!("{SCHEMA_CHANGED}; pull again"));
    }
    if watch::gave_way(error) {
        return (Code::SourceUnavailable, hinted(error));
    }
    match error.kind() {
        Kind::Config => (Code::ConfigInvalid, error.to_string()),
        Kind::Integrity if is_unmasked(error) => (Code::MasksFailed, error.to_string()),
        Kind::Integrity if is_leak(error) => (Code::LeakFound, told(error)),
        Kind::Integrity if is_too_large(error) => (Code::RowTooLarge, error.to_string()),
        // A cell that is not what its column can hold; what it holds is not told.
        Kind::Integrity => (Code::Internal, error.to_string()),
        Kind::Source => (Code::SourceUnavailable, source_failed(error).to_owned()),
        Kind::Busy => (Code::RunEnded, "the run was ended".to_owned()),
        Kind::Privilege => (Code::Internal, "the server's database account lacks a right".to_owned()),
        _ => (Code::Internal, "the server failed; its log says why".to_owned()),
    }
}

/// An error of our own words with what to do about it.
pub(super) fn hinted(error: &Error) -> String {
    match error.hint_text() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// As [`hinted`], without the cause.
fn told(error: &Error) -> String {
    format!("{}; {}", error.what(), error.hint_text().unwrap_or_default())
}

/// What went wrong at the source, as far as its error's number tells; what else is in the error is for the log.
fn source_failed(error: &Error) -> &'static str {
    match server_code(error) {
        Some(1205) => {
            "a table of the source stayed locked for longer than a run waits (an ALTER, LOCK TABLES or a backup holds it); pull \
             again when that is done"
        }
        Some(1040 | 1203 | 1226) => "the source database has no connection left for a run; pull again later",
        Some(1317 | 1927 | 3169) => {
            "somebody ended a statement or a connection of the run at the source database; the server's log says which"
        }
        Some(1053) => LOST,
        // What breaks without a number is a connection.
        None if error.is_retryable() => LOST,
        _ => "the source database failed; the server's log says why",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::error::from_mysql;
    use crate::error::Context;
    use crate::sql::insert::RowError;

    #[test]
    fn a_row_is_too_large_only_where_it_is() {
        let table = || "table `t`".to_owned();
        let large: Result<(), Error> = Err(RowError::TooLarge { bytes: 9, most: 8 }.into());
        let large = large.context(table).unwrap_err();
        assert_eq!(for_caller(&large).0, Code::RowTooLarge);
        let damaged = Error::integrity("a value of a numeric column is not a number");
        let damaged: Result<(), Error> = Err(RowError::Cell(damaged).into());
        let (code, message) = for_caller(&damaged.context(table).unwrap_err());
        assert_eq!(
            (code, message.as_str()),
            (Code::Internal, "table `t`: a value of a numeric column is not a number")
        );
    }

    #[test]
    fn what_the_source_said_is_told_by_its_number_alone() {
        for (code, told) in
            [(1205, "stayed locked"), (1040, "no connection left"), (1317, "ended"), (1062, "log says why")]
        {
            let said =
                mysql::MySqlError { state: "HY000".into(), message: "at 10.0.0.7: 'anna'".into(), code };
            let (code, message) = for_caller(&from_mysql(mysql::Error::MySqlError(said), Kind::Source));
            assert_eq!(code, Code::SourceUnavailable);
            assert!(message.contains(told), "{message}");
            assert!(!message.contains("10.0.0.7") && !message.contains("anna"), "{message}");
        }
    }
}
