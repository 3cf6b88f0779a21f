//! Setting variables in the text of a `.env` that belongs to somebody else: whatever is not one of them stays byte for
//! byte, and what is written reads back as it was meant.

use crate::config::EnvEntry;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Stands above the variables that are added.
const HEADING: &str = "# backfill";

/// A variable as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// The value.
    pub value: Secret,
}

/// A text with variables set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: Secret,
    /// Variables that were not there, or empty.
    pub added: Vec<&'static str>,
    /// Variables that had another value.
    pub changed: Vec<&'static str>,
}

/// Sets `variables` in `text`, whose entries are `entries`. What has its value already stays as it is written; of a name
/// that is set more than once the last one counts.
///
/// # Errors
/// `Usage` for a value that no line can hold.
pub fn set(text: &str, entries: &[EnvEntry], variables: &[Variable]) -> Result<Edited> {
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let (mut added, mut changed, mut new) = (Vec::new(), Vec::new(), Vec::new());
    for Variable { name, value } in variables {
        let assignment = format!("{name}={}", quoted(name, value.expose())?);
        let Some(entry) = entries.iter().rev().find(|entry| entry.name == *name) else {
            added.push(*name);
            new.push(assignment);
            continue;
        };
        if entry.value == *value {
            continue;
        }
        let list = if entry.value.is_empty() { &mut added } else { &mut changed };
        list.push(*name);
        let first = &lines[entry.lines.start];
        let before: String = first.chars().take_while(|c| c.is_whitespace()).collect();
        let export = if first.trim_start().starts_with("export ") { "export " } else { "" };
        let after = if lines[entry.lines.end - 1].ends_with('\n') { ending } else { "" };
        lines[entry.lines.start] = format!("{before}{export}{assignment}{after}");
        // Lines keep their numbers until the end.
        lines[entry.lines.start + 1..entry.lines.end].iter_mut().for_each(String::clear);
    }
    let mut out = lines.concat();
    if !new.is_empty() {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push_str(ending);
        }
        if !out.lines().any(|line| line == HEADING) {
            let gap = if out.is_empty() { "" } else { ending };
            out.push_str(&format!("{gap}{HEADING}{ending}"));
        }
        for line in new {
            out.push_str(&format!("{line}{ending}"));
        }
    }
    Ok(Edited { text: Secret::new(out), added, changed })
}

/// A value as it is written: bare where every reader takes it so, else in single quotes, which mean the same to all of
/// them, else in double quotes.
fn quoted(name: &str, value: &str) -> Result<String> {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=?&~".contains(c);
    if value.chars().any(char::is_control) {
        return Err(Error::usage(format!(
            "the value for `{name}` has a line end or another control character"
        )));
    }
    if !value.is_empty() && value.chars().all(is_bare) {
        return Ok(value.to_owned());
    }
    if !value.contains(['\'', '\\']) {
        return Ok(format!("'{value}'"));
    }
    let mut out = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::env_entries;
    use proptest::prelude::*;
    use std::path::Path;

    fn entries(text: &str) -> Vec<EnvEntry> {
        env_entries(text, Path::new(".env")).unwrap()
    }

    fn edit(text: &str, variables: &[(&'static str, &str)]) -> Edited {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| Variable { name, value: (*value).into() }).collect();
        set(text, &entries(text), &variables).unwrap()
    }

    fn text_of(edited: &Edited) -> &str {
        edited.text.expose()
    }

    #[test]
    fn only_our_lines_are_added_or_changed() {
        for (before, after) in [
            ("", "# backfill\nDB_HOST=h\n"),
            ("A=1", "A=1\n\n# backfill\nDB_HOST=h\n"),
            ("A=1\r\n# c\r\n", "A=1\r\n# c\r\n\r\n# backfill\r\nDB_HOST=h\r\n"),
            ("DB_HOST=h", "DB_HOST=h"),
            ("DB_HOST='h' # mine\nB=2", "DB_HOST='h' # mine\nB=2"),
            ("DB_HOST=\nB=2\n", "DB_HOST=h\nB=2\n"),
            ("DB_HOST=old\nDB_HOST=older\nB=2", "DB_HOST=old\nDB_HOST=h\nB=2"),
            ("  export DB_HOST=\"o\nld\" # x\nB=2\n", "  export DB_HOST=h\nB=2\n"),
            ("B=2\nDB_HOST=old", "B=2\nDB_HOST=h"),
            ("# backfill\nB=2\n", "# backfill\nB=2\nDB_HOST=h\n"),
            (
                "# DB_HOST=x\nnot a line of ours\n\n",
                "# DB_HOST=x\nnot a line of ours\n\n\n# backfill\nDB_HOST=h\n",
            ),
            ("\u{feff}A=1\nDB_HOST=old\n", "\u{feff}A=1\nDB_HOST=h\n"),
        ] {
            let edited = edit(before, &[("DB_HOST", "h")]);
            assert_eq!(text_of(&edited), after, "{before:?}");
            let again = edit(after, &[("DB_HOST", "h")]);
            assert_eq!((text_of(&again), &again.added, &again.changed), (after, &vec![], &vec![]));
        }
    }

    #[test]
    fn what_is_replaced_is_told_apart_from_what_is_new() {
        let edited = edit(
            "DB_HOST=\nDB_PORT=1\nDB_USERNAME=u\n",
            &[("DB_HOST", "h"), ("DB_PORT", "2"), ("DB_USERNAME", "u"), ("DB_DATABASE", "d")],
        );
        assert_eq!((edited.added, edited.changed), (vec!["DB_HOST", "DB_DATABASE"], vec!["DB_PORT"]));
    }

    #[test]
    fn what_no_line_can_hold_is_refused_without_being_shown() {
        let variable = Variable { name: "DB_PASSWORD", value: "s3cret\nx".into() };
        let error = set("", &[], &[variable]).unwrap_err();
        assert!(!format!("{error:?}").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn every_value_reads_back(value in "[^\\p{Cc}]{1,40}", around in "(A=1|# c|B='x y'|\\n){0,3}", crlf: bool) {
            let before = around.replace("A=1", "A=1\n").replace("# c", "# c\n").replace("x y'", "x y'\n");
            let before = if crlf { before.replace('\n', "\r\n") } else { before };
            let edited = edit(&before, &[("DB_PASSWORD", &value), ("DB_HOST", "h")]);
            let text = text_of(&edited);
            prop_assert!(text.starts_with(&before));
            let read = entries(text);
            let last = |name: &str| read.iter().rev().find(|entry| entry.name == name).map(|entry| entry.value.expose().to_owned());
            prop_assert_eq!(last("DB_PASSWORD"), Some(value.clone()));
            let again = edit(text, &[("DB_PASSWORD", &value), ("DB_HOST", "h")]);
            prop_assert_eq!(text_of(&again), text);
            // And replaced by another value, it is that one.
            let replaced = edit(text, &[("DB_PASSWORD", "n")]);
            prop_assert_eq!(entries(text_of(&replaced)).iter().rev().find(|e| e.name == "DB_PASSWORD").map(|e| e.value.expose().to_owned()), Some("n".to_owned()));
        }
    }
}
