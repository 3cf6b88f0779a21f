//! The handle on stdout, stderr and the keyboard.

use super::format::plain;
use super::progress::{self, TerminalProgress};
use super::table::Table;
use crate::client::Progress;
use crate::error::{Error, Kind, Result};
use indicatif::MultiProgress;
use std::io::{IsTerminal, Write};

/// Columns of a terminal that does not say how wide it is.
const WIDTH_UNKNOWN: u16 = 100;

/// What a command may do to the terminal. Cloning gives another handle on the same one.
#[derive(Debug, Clone)]
pub struct Screen {
    json: bool,
    quiet: bool,
    stdout_terminal: bool,
    stderr_terminal: bool,
    stdin_terminal: bool,
    bars: MultiProgress,
}

impl Screen {
    /// The real terminal. With `json`, stdout is for one JSON object; with `quiet`, stderr is for errors and
    /// warnings.
    #[must_use]
    pub fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            stdout_terminal: std::io::stdout().is_terminal(),
            stderr_terminal: std::io::stderr().is_terminal(),
            stdin_terminal: std::io::stdin().is_terminal(),
            bars: MultiProgress::new(),
        }
    }

    /// Whether the result is wanted as JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody sits there who can be asked.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        self.stdin_terminal && self.stderr_terminal && !self.json
    }

    /// Whether the result is read by somebody who sits there, and kept nowhere.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.stdout_terminal && !self.json
    }

    /// The bars, for those that write to stderr beside them.
    #[must_use]
    pub fn bars(&self) -> MultiProgress {
        self.bars.clone()
    }

    /// One piece of the result for people; nothing under `--json`.
    ///
    /// # Errors
    /// `Internal` when stdout cannot be written; a reader that went away is no error.
    pub fn result(&self, text: &str) -> Result<()> {
        if self.json { Ok(()) } else { write_stdout(&plain(text)) }
    }

    /// A table of the result for people; nothing under `--json`.
    ///
    /// # Errors
    /// As [`Screen::result`].
    pub fn table(&self, table: &Table) -> Result<()> {
        let width = self.stdout_terminal.then(|| {
            dialoguer::console::Term::stdout().size_checked().map_or(WIDTH_UNKNOWN, |(_, columns)| columns)
        });
        self.result(&table.render(width))
    }

    /// The result for programs: one object; nothing without `--json`.
    ///
    /// # Errors
    /// As [`Screen::result`].
    pub fn json<T: serde::Serialize>(&self, value: &T) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(value)
            .map_err(|error| Error::internal("writing the result as JSON").source(error))?;
        write_stdout(&text)
    }

    /// Bytes of the result as they are (a template, a man page), whatever the form asked for.
    ///
    /// # Errors
    /// As [`Screen::result`].
    pub fn raw(&self, bytes: &[u8]) -> Result<()> {
        let mut out = std::io::stdout().lock();
        stdout_result(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// A remark on stderr, between the bars if there are any.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// A remark on stderr that `--quiet` does not keep back.
    pub fn warn(&self, text: &str) {
        self.bars.suspend(|| {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(std::io::stderr().lock(), "{}", plain(text));
        });
    }

    /// The program's one error: as text, or as one JSON object on stdout under `--json`.
    pub fn error(&self, error: &Error) {
        if self.json {
            let object = serde_json::json!({"error": {
                "kind": error.kind().name(),
                "exit_code": error.kind().exit_code(),
                "message": error.to_string(),
                "hint": error.hint_text(),
            }});
            let _ = write_stdout(&object.to_string());
        }
        self.warn(&format!("backfill: error: {error}"));
        if let Some(hint) = error.hint_text() {
            self.warn(&format!("hint: {hint}"));
        }
        if error.kind() == Kind::Internal {
            self.warn("hint: this is a defect of backfill; please report it with the lines above");
        }
    }

    /// How a pull shows where it is: bars on a terminal, lines elsewhere, nothing with `--quiet`.
    #[must_use]
    pub fn progress(&self) -> Box<dyn Progress> {
        if self.quiet {
            Box::new(progress::Silent)
        } else if self.stderr_terminal {
            Box::new(TerminalProgress::new(self.bars.clone()))
        } else {
            Box::new(progress::LineProgress::new(self.clone()))
        }
    }
}

fn write_stdout(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    stdout_result(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// A reader that has seen enough (`backfill status | head -1`) is a normal end.
fn stdout_result(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::internal("writing to stdout").source(error))
        }
        _ => Ok(()),
    }
}
