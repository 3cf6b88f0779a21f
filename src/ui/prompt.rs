//! Questions. None is asked without a terminal, and each has a flag that answers it.

use super::Screen;
use super::format::plain;
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

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
    asked(screen, || dialoguer::Confirm::new().with_prompt(plain(question)).default(false).interact())
}

/// Asks which of `items`; the one at `offered` is taken by Enter.
///
/// # Errors
/// As [`confirm`], but that the caller has looked for a terminal.
pub fn choose(screen: &Screen, question: &str, items: &[&str], offered: usize) -> Result<usize> {
    let items: Vec<_> = items.iter().map(|item| plain(item)).collect();
    asked(screen, || {
        dialoguer::Select::new().with_prompt(plain(question)).items(&items).default(offered).interact()
    })
}

/// Asks which of `items`, all of them offered; gives positions.
///
/// # Errors
/// As [`choose`].
pub fn several(screen: &Screen, question: &str, items: &[String]) -> Result<Vec<usize>> {
    let items: Vec<_> = items.iter().map(|item| (plain(item), true)).collect();
    asked(screen, || {
        dialoguer::MultiSelect::new().with_prompt(plain(question)).items_checked(items.clone()).interact()
    })
}

/// Asks for a line of text.
///
/// # Errors
/// As [`choose`].
pub fn line(screen: &Screen, question: &str, offered: Option<&str>) -> Result<String> {
    asked(screen, || {
        let mut input = dialoguer::Input::<String>::new().with_prompt(plain(question));
        if let Some(offered) = offered {
            input = input.default(offered.to_owned());
        }
        input.interact_text()
    })
}

/// Asks for a line that is not shown.
///
/// # Errors
/// As [`choose`].
pub fn secret(screen: &Screen, question: &str) -> Result<Secret> {
    asked(screen, || dialoguer::Password::new().with_prompt(plain(question)).interact()).map(Secret::new)
}

fn asked<T>(screen: &Screen, ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T> {
    let answer = screen.bars().suspend(ask);
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
