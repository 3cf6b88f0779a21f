//! Errors of the driver and of servers, made safe to print.
//!
//! Server messages quote row data ("Duplicate entry 'anna@example.com' for key …", "Incorrect string value: …",
//! "near '…'"), so a message is kept word for word only if its number is on a short list of messages that name
//! nothing but schema objects and accounts; from all others everything between the first and the last quote is cut.

use crate::error::{Error, Kind};
use std::fmt;

/// A server's error with its message stripped of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// The error's number, `ER_…`.
    pub code: u16,
    /// The SQLSTATE.
    pub state: String,
    /// The message, safe to print.
    pub message: String,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR {} ({}): {}", self.code, self.state, self.message)
    }
}

impl std::error::Error for ServerError {}

/// Messages with these numbers hold names of objects and accounts, never values.
const NAMES_ONLY: &[u16] = &[
    1044, // access denied for user to database
    1045, // access denied for user (using password)
    1046, // no database selected
    1048, // column cannot be NULL
    1049, // unknown database
    1050, // table exists
    1051, // unknown table
    1054, // unknown column
    1061, // duplicate key name
    1068, // multiple primary key defined
    1071, // key too long
    1072, // key column does not exist
    1075, // only one auto column, must be a key
    1091, // cannot drop, check that it exists
    1101, // BLOB cannot have a default
    1113, // a table must have columns
    1118, // row size too large
    1142, // command denied for table
    1143, // command denied for column
    1146, // table does not exist
    1170, // BLOB key without length
    1193, // unknown system variable
    1227, // access denied, privilege needed
    1264, // out of range for column
    1290, // running with option --…
    1305, // function does not exist
    1359, // trigger exists
    1360, // trigger does not exist
    1364, // field has no default
    1370, // routine access denied
    1406, // too long for column
    1410, // not allowed to create a user
    1419, // no SUPER and binlog on
    1442, // table used by the statement that fired the trigger
    1665, // cannot log in statement format
    1698, // access denied without a password
    1792, // read only transaction
    1795, // only one FULLTEXT at a time
    1822, // missing index for constraint
    1826, // duplicate foreign key name
    1836, // running in read-only mode
    3750, // primary key required
    3780, // incompatible foreign key columns
    3819, // check constraint violated (names it)
    4025, // MariaDB: constraint failed (names it)
    6125, // missing unique key for foreign key
];

/// Numbers that mean a missing right.
const PRIVILEGE: &[u16] = &[1044, 1045, 1142, 1143, 1227, 1370, 1410, 1419, 1698, 1873, 3118, 3159];

/// Numbers that another attempt may not meet: deadlock, lock wait, too many connections, shutdown, killed.
const RETRYABLE: &[u16] = &[1040, 1053, 1158, 1159, 1160, 1161, 1205, 1213, 1927, 2006, 2013, 3024];

/// Numbers that mean that there is no room: disk full, table full, and MySQL's for no room while a table is defined.
const FULL: &[u16] = &[1021, 1114, 3664, 3675];
const FULL_HINT: &str =
    "the database has no room left: make some on its disk (or let its tablespace grow) and try again";

/// Other errors are about a full disk when they quote the system's number for it, or MariaDB's for a full tablespace.
fn is_full(code: u16, message: &str) -> bool {
    FULL.contains(&code)
        || ["errno: 28 ", "Errcode: 28 ", "error 28 ", "errno: 135 "]
            .iter()
            .any(|text| message.contains(text))
}

/// Turns a driver error into ours: `kind` unless the number means a missing right; nothing of a row survives.
#[must_use]
pub fn from_mysql(error: mysql::Error, kind: Kind) -> Error {
    match error {
        mysql::Error::MySqlError(error) => from_server(error.code, &error.state, &error.message, kind),
        mysql::Error::IoError(error) => broken(error, kind),
        mysql::Error::CodecError(error) => {
            match std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<std::io::Error>()) {
                // In the middle of an exchange the driver wraps what the socket says.
                Some(cause) => broken(std::io::Error::new(cause.kind(), cause.to_string()), kind),
                None => Error::new(kind, format!("the database sent what the driver cannot read ({error})"))
                    .retryable(),
            }
        }
        mysql::Error::DriverError(error) => {
            Error::new(kind, format!("the database connection failed ({error})")).retryable()
        }
        mysql::Error::UrlError(_) => Error::internal("the driver was given a URL"),
        mysql::Error::TlsError(error) => Error::new(kind, format!("TLS with the database failed ({error})"))
            .hint("check database.tls and database.ca, or that the server has TLS"),
        // Both carry row data, which must not be printed.
        mysql::Error::FromValueError(_) | mysql::Error::FromRowError(_) => {
            Error::internal("the database answered a query with a type that was not expected")
        }
    }
}

fn broken(error: std::io::Error, kind: Kind) -> Error {
    Error::new(kind, "the database connection broke")
        .source(error)
        .hint("the database may have been restarted, or have ended the connection; try again")
        .retryable()
}

fn from_server(code: u16, state: &str, message: &str, kind: Kind) -> Error {
    let kind = if PRIVILEGE.contains(&code) { Kind::Privilege } else { kind };
    let error = ServerError { code, state: state.to_owned(), message: strip_values(code, message) };
    let wrapped = Error::new(kind, error.to_string()).source(Cause(error));
    let wrapped = if is_full(code, message) { wrapped.hint(FULL_HINT) } else { wrapped };
    if RETRYABLE.contains(&code) { wrapped.retryable() } else { wrapped }
}

/// Carries the [`ServerError`] for [`server_code`] without printing it a second time.
#[derive(Debug)]
struct Cause(ServerError);

impl fmt::Display for Cause {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Cause {}

/// The server's error number behind an error made by [`from_mysql`]; none if it came from elsewhere.
#[must_use]
pub fn server_code(error: &Error) -> Option<u16> {
    std::error::Error::source(error)?.downcast_ref::<Cause>().map(|cause| cause.0.code)
}

/// The message without anything that may be a value.
fn strip_values(code: u16, message: &str) -> String {
    if NAMES_ONLY.contains(&code) {
        return message.to_owned();
    }
    // A trigger's SIGNAL may say anything.
    if code == 1644 {
        return "a trigger or routine raised an error (its text is not shown: it may hold row data)"
            .to_owned();
    }
    match (message.find(['\'', '"']), message.rfind(['\'', '"'])) {
        (Some(first), Some(last)) if first < last => {
            format!("{}'…'{}", &message[..first], &message[last + 1..])
        }
        (Some(first), _) => format!("{}'…'", &message[..first]),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_stripped_and_names_are_kept() {
        let table = [
            (1062, "Duplicate entry 'anna@example.com' for key 'users.email'", "Duplicate entry '…'"),
            (1062, "Duplicate entry 'o'neil' for key 'k'", "Duplicate entry '…'"),
            (
                1366,
                "Incorrect string value: '\\xF0\\x9F' for column `a`.`b`.`c` at row 1",
                "Incorrect string value: '…' for column `a`.`b`.`c` at row 1",
            ),
            (1064, "You have an error near 'x' at line 1", "You have an error near '…' at line 1"),
            (1146, "Table 'app.users' doesn't exist", "Table 'app.users' doesn't exist"),
            (1292, "Truncated incorrect DOUBLE value: 'half", "Truncated incorrect DOUBLE value: '…'"),
            (1690, "out of range", "out of range"),
            (1048, "Column 'a' cannot be null", "Column 'a' cannot be null"),
        ];
        for (code, message, stripped) in table {
            assert_eq!(strip_values(code, message), stripped, "{code}");
        }
        assert!(!strip_values(1644, "anna").contains("anna"));
    }

    #[test]
    fn numbers_decide_kind_and_retry() {
        let denied = from_server(1142, "42000", "SELECT command denied", Kind::Source);
        assert_eq!(denied.kind(), Kind::Privilege);
        assert!(!denied.is_retryable());
        let deadlock = from_server(1213, "40001", "Deadlock found", Kind::Target);
        assert_eq!(deadlock.kind(), Kind::Target);
        assert!(deadlock.is_retryable());
        assert_eq!(server_code(&deadlock), Some(1213));
        assert_eq!(server_code(&Error::usage("x")), None);
    }

    #[test]
    fn no_room_is_told_whatever_the_number() {
        let is_told = |code, message: &str| {
            let hint = from_server(code, "HY000", message, Kind::Target).hint_text().map(str::to_owned);
            hint.is_some_and(|hint| hint.contains("no room"))
        };
        assert!(is_told(1114, "The table 'users' is full"));
        assert!(is_told(3, "Error writing file '/tmp/MLfd=4' (Errcode: 28 \"No space left on device\")"));
        assert!(is_told(1005, "Can't create table `app`.`t` (errno: 28 \"No space left on device\")"));
        assert!(is_told(1030, "Got error 28 \"No space left on device\" from storage engine InnoDB"));
        assert!(!is_told(1005, "Can't create table `app`.`t` (errno: 150 \"Foreign key constraint\")"));
    }
}
