//! Logs: `tracing` events to stderr, as text or JSON, never through the bars.

use crate::error::{Error, Result};
use indicatif::MultiProgress;
use std::io::Write;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Levels for how often `-v` was given; negative for `-q`. A server begins one higher than other commands, whose
/// progress says what its log has to.
fn directives(verbosity: i8) -> &'static str {
    match verbosity {
        // A certificate that is not trusted is told by the command itself.
        ..0 => "error,rustls_platform_verifier=off",
        0 => "warn,rustls_platform_verifier=off",
        1 => "warn,backfill=info",
        2 => "info,backfill=debug",
        3 => "debug,backfill=trace",
        _ => "trace",
    }
}

/// Starts logging to stderr. `BACKFILL_LOG` (an `env-filter` directive list) wins over `verbosity`.
///
/// # Errors
/// `Usage` when `BACKFILL_LOG` cannot be read; `Internal` when logging was started before.
pub fn start(verbosity: i8, format: LogFormat, bars: MultiProgress) -> Result<()> {
    let filter = match std::env::var("BACKFILL_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text)
            .map_err(|error| Error::usage("BACKFILL_LOG is not a list of levels").source(error))?,
        _ => EnvFilter::new(directives(verbosity)),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(BesideBars(bars));
    let started = match format {
        LogFormat::Text => builder.with_target(false).with_ansi(false).compact().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Error::internal("starting the log").source(error))
}

/// Writes whole lines to stderr while the bars are out of the way.
#[derive(Debug, Clone)]
struct BesideBars(MultiProgress);

impl Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| std::io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}

impl<'a> MakeWriter<'a> for BesideBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verbosity_is_a_valid_filter() {
        for verbosity in -2..5 {
            assert!(EnvFilter::try_new(directives(verbosity)).is_ok(), "{verbosity}");
        }
    }
}
