//! Small things around sockets: the limit on open files and request ids.

use crate::error::{Error, Kind, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that the program needs besides its connections: databases, spool files, logs, standard streams.
const OTHER_FILES: u64 = 128;

/// Files that one connection costs: the client's socket, the gate's end inside, two handles of the other end, and
/// a share for what the answer opens.
const FILES_PER_CONNECTION: u64 = 6;

/// Raises the soft limit on open files to the hard limit and returns the limit that holds now.
///
/// # Errors
/// `Kind::Internal` when the system refuses; the old limit then still holds.
pub fn raise_file_limit() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return Ok(limit.current.unwrap_or(u64::MAX));
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_err(|error| {
        Error::new(Kind::Internal, "raising the limit on open files")
            .hint("set the limit outside: `ulimit -n`, or `LimitNOFILE` in a systemd unit")
            .source(std::io::Error::from(error))
    })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// How many of `wanted` connections fit under a limit of `files` open files; one at least.
#[must_use]
pub fn connections_within(files: u64, wanted: usize) -> usize {
    let fitting = files.saturating_sub(OTHER_FILES) / FILES_PER_CONNECTION;
    usize::try_from(fitting).unwrap_or(usize::MAX).min(wanted).max(1)
}

/// Eight random hex digits that tie an answer to its log lines.
#[must_use]
pub fn new_request_id() -> String {
    // An id without randomness still names a request, only not uniquely.
    format!("{:08x}", getrandom::u32().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_limit() {
        let files = raise_file_limit().unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(limit.current.unwrap_or(u64::MAX), files);
    }

    #[test]
    fn connections_fit_under_the_file_limit() {
        let table = [(1_048_576, 256), (1024, 149), (140, 2), (64, 1), (0, 1)];
        for (files, connections) in table {
            assert_eq!(connections_within(files, 256), connections, "{files}");
        }
    }

    #[test]
    fn request_ids_are_eight_hex_digits_and_differ() {
        let (a, b) = (new_request_id(), new_request_id());
        assert!(a.len() == 8 && a.bytes().all(|byte| byte.is_ascii_hexdigit()), "{a}");
        assert_ne!(a, b);
    }
}
