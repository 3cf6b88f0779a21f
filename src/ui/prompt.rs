//! Questions. None is asked without a terminal, and each has a flag that answers it.

use super::Screen;
use super::format::plain;
use crate::error::{Error, Kind, Result};

/// Asks a question that is answered with yes or no; the default is no.
///
/// # Errors
/// `Usage` without a terminal, naming `flag` as the way to say yes; `Interrupted` when the question was left by
/// Ctrl-C.
pub fn confirm(screen: &Screen, question: &str, flag: &str) -> Result<bool> {
    if !screen.can_ask() {
        return Err(Error::usage(format!("\"{question}\" cannot be asked without a terminal"))
            .hint(format!("say yes beforehand with {flag}")));
    }
    let answer = screen
        .bars()
        .suspend(|| dialoguer::Confirm::new().with_prompt(plain(question)).default(false).interact());
    if answer.is_err() {
        // The prompt hides the cursor and shows it again after an answer only.
        let _ = dialoguer::console::Term::stderr().show_cursor();
    }
    answer.map_err(|error| match error {
        dialoguer::Error::IO(io) if io.kind() == std::io::ErrorKind::Interrupted => {
            Error::new(Kind::Interrupted(2), "interrupted; nothing was changed")
        }
        error => Error::new(Kind::Usage, "asking on the terminal").source(error),
    })
}
