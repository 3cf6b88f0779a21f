//! Named moments of a pull, for logs and for tests that end the process at one of them.
//!
//! A test names a moment in [`KILL_AT`]; the process then ends there with SIGKILL, as a power cut or `kill -9`
//! would end it: no destructor runs, nothing is flushed. Without that variable a moment is one log line.

/// The environment variable with the moment's name; for tests only.
pub const KILL_AT: &str = "BACKFILL_TEST_KILL_AT";

/// Logs that `moment` is reached, and ends the process if a test asked for it.
pub fn phase(moment: &'static str) {
    tracing::debug!(phase = moment, "reached");
    if std::env::var_os(KILL_AT).is_some_and(|wanted| wanted == moment) {
        // SIGKILL cannot be caught; if the system should refuse it, the test sees a process that went on.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
