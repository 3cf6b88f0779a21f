//! The limit on a server's silence while a connection is set up. The driver has one for whole connections only, and a
//! statement may rightly take hours, so the limit is taken off the socket once the session stands.

use crate::error::{Error, Result};
use mysql::Conn;
use socket2::SockRef;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Lets statements on `conn` take as long as they need.
pub(super) fn lift(conn: &Conn) -> Result<()> {
    // SAFETY: the descriptor is open for as long as `conn`, which is borrowed until the end of this function, and is
    // neither closed nor kept here.
    #[expect(unsafe_code, reason = "the driver hands its socket out as a bare number only")]
    let socket = unsafe { BorrowedFd::borrow_raw(conn.as_raw_fd()) };
    let socket = SockRef::from(&socket);
    socket
        .set_read_timeout(None)
        .and_then(|()| socket.set_write_timeout(None))
        .map_err(|error| Error::internal("taking the time limit off a database connection").source(error))
}

/// Says what it means when the limit was hit; other errors stay as they are.
pub(super) fn explain(error: Error, silence_max: Duration) -> Error {
    if !is_silence(&error) {
        return error;
    }
    let what =
        format!("the server took the connection and then said nothing for {} s", silence_max.as_secs_f32());
    Error::new(error.kind(), what)
        .hint(
            "check that this port is the database's, and that the database is neither stopped nor stuck (a full disk, \
             too many connections); a proxy or tunnel may have no database behind it",
        )
        .retryable()
}

fn is_silence(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<std::io::Error>())
        .is_some_and(|cause| matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}
