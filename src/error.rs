//! The one error type of the project.
//!
//! Every fallible function of the library returns [`Error`]. It carries a [`Kind`] (which decides the exit code
//! and the HTTP status), a sentence for the person who reads it, a hint that says what to do, and the cause.
//!
//! Two rules hold everywhere an error is made:
//! - `what` is a lower-case fragment that says what failed and where ("copying table `orders`: …");
//! - no row data, token or password ever gets into it. Messages of database servers go through
//!   [`crate::db::error`], which strips quoted values, before they come here.

use std::fmt;

/// `Result` with the error type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a script or a caller needs to tell cases apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The command line asked for something that does not exist or does not fit together.
    Usage,
    /// The configuration is invalid.
    Config,
    /// A guard refused: environment, same database on both ends, an engine that stores elsewhere.
    Guard,
    /// The source database could not be reached or answered with an error.
    Source,
    /// The target database could not be reached or answered with an error.
    Target,
    /// An account lacks a right.
    Privilege,
    /// The two schemas do not fit together.
    Schema,
    /// The backfill server could not be reached or refused the request.
    Remote,
    /// Data arrived damaged, cut short, or was not what was announced.
    Integrity,
    /// Something else holds what is needed: another pull, a lock, too many runs.
    Busy,
    /// The work was done, a hook afterwards failed.
    Hook,
    /// A defect of backfill itself.
    Internal,
    /// A signal ended the work; the number is the signal's (2 for SIGINT, 15 for SIGTERM).
    Interrupted(u8),
}

impl Kind {
    /// The exit code that the program ends with; the README lists them.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Config => 3,
            Self::Guard => 4,
            Self::Source => 5,
            Self::Target => 6,
            Self::Privilege => 7,
            Self::Schema => 8,
            Self::Remote => 9,
            Self::Integrity => 10,
            Self::Busy => 11,
            Self::Hook => 12,
            Self::Internal => 70,
            Self::Interrupted(signal) => 128u8.saturating_add(signal),
        }
    }

    /// The name that programs see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Guard => "guard",
            Self::Source => "source",
            Self::Target => "target",
            Self::Privilege => "privilege",
            Self::Schema => "schema",
            Self::Remote => "remote",
            Self::Integrity => "integrity",
            Self::Busy => "busy",
            Self::Hook => "hook",
            Self::Internal => "internal",
            Self::Interrupted(_) => "interrupted",
        }
    }
}

/// An error with all that its reader needs; boxed, so that `Result` stays small.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    what: String,
    hint: Option<String>,
    retryable: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

impl Error {
    /// An error of `kind`; `what` is a lower-case fragment without a full stop.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, what: what.into(), hint: None, retryable: false, source: None }))
    }

    /// Short for `new(Kind::Usage, …)`.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// Short for `new(Kind::Config, …)`.
    pub fn config(what: impl Into<String>) -> Self {
        Self::new(Kind::Config, what)
    }

    /// Short for `new(Kind::Integrity, …)`.
    pub fn integrity(what: impl Into<String>) -> Self {
        Self::new(Kind::Integrity, what)
    }

    /// Short for `new(Kind::Internal, …)`: a broken invariant of ours.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(Kind::Internal, what)
    }

    /// Says what the reader can do about it: a flag, a grant, a command.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Keeps the cause. Its text is printed, so it must be free of row data and secrets.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Marks the error as one that the same attempt may not meet again (connection lost, deadlock, 503).
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Puts `context` in front of the message: `context: what`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.what = format!("{context}: {}", self.0.what);
        self
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The same error under another kind (a MySQL error is `Source` or `Target` only to its caller).
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The message, without causes and hint.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// What to do about it, if somebody knew.
    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether trying the same again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

/// Adds context to the error of a `Result` without touching the good path.
pub trait Context<T> {
    /// Puts the text made by `context` in front of the error's message.
    fn context<C: fmt::Display>(self, context: impl FnOnce() -> C) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context<C: fmt::Display>(self, context: impl FnOnce() -> C) -> Self {
        self.map_err(|error| error.context(context()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            // One that says nothing only carries something for the program.
            let text = error.to_string();
            if !text.is_empty() {
                write!(f, ": {text}")?;
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        match &self.0.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_documented_exit_code() {
        let table = [
            (Kind::Usage, 2),
            (Kind::Config, 3),
            (Kind::Guard, 4),
            (Kind::Source, 5),
            (Kind::Target, 6),
            (Kind::Privilege, 7),
            (Kind::Schema, 8),
            (Kind::Remote, 9),
            (Kind::Integrity, 10),
            (Kind::Busy, 11),
            (Kind::Hook, 12),
            (Kind::Internal, 70),
            (Kind::Interrupted(2), 130),
            (Kind::Interrupted(15), 143),
        ];
        for (kind, code) in table {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
        }
    }

    #[test]
    fn display_joins_context_and_causes() {
        let io = std::io::Error::other("disk full");
        let error = Error::new(Kind::Target, "writing the journal").source(io).context("swapping");
        assert_eq!(error.to_string(), "swapping: writing the journal: disk full");
    }
}
