//! Adding settings and rules to the text of a `backfill.toml`; whatever is there stays as it is, comments included.

use crate::config::template;
use crate::error::{Error, Result};
use toml_edit::{DocumentMut, Item, TableLike, Value};

/// Stands above the rules that are added.
pub const MARKER: &str = "# Added by `backfill install`: columns that look sensitive. Check them, and change what you know better.";

/// A key of `[server]`: its name, how the template has it, its value.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// Its value as TOML.
    pub value: Value,
}

/// A rule to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRule {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The rule as TOML, behind `column = `.
    pub toml: String,
}

/// The table of the server's settings.
const SERVER: &str = "server";
/// The table of rules.
const SANITIZE: &str = "sanitize";

/// The text with these settings of `[server]` and these rules; a new file begins as the template.
///
/// # Errors
/// `Config` when the text is not TOML.
pub fn edit(text: Option<&str>, settings: &[Setting], rules: &[NewRule]) -> Result<String> {
    let mut out = text.map_or_else(|| template().to_owned(), str::to_owned);
    let ending = if out.contains("\r\n") { "\r\n" } else { "\n" };
    for setting in settings {
        out = set(&out, setting)?;
    }
    out = add(&out, rules)?;
    // What came in with such line ends goes out with them, whatever was added.
    Ok(if ending == "\n" { out } else { out.replace("\r\n", "\n").replace('\n', "\r\n") })
}

fn parse(text: &str) -> Result<DocumentMut> {
    // Its message quotes the line, which may be the token's.
    text.parse().map_err(|_| Error::config("backfill.toml is not TOML").hint("correct it first"))
}

fn set(text: &str, setting: &Setting) -> Result<String> {
    let Setting { key, value } = setting;
    let mut document = parse(text)?;
    let line = format!("{key} = {}", value.to_string().trim());
    match document.get_mut(SERVER).and_then(Item::as_table_like_mut) {
        None => Ok(appended(text, &format!("[{SERVER}]\n{line}\n"))),
        Some(server) if server.contains_key(key) => {
            let is_same = |old: &Value| old.to_string().trim() == value.to_string().trim();
            if server.get(key).and_then(Item::as_value).is_some_and(is_same) {
                return Ok(text.to_owned());
            }
            replace(server, key, value);
            Ok(document.to_string())
        }
        Some(server) => match uncommented(text, key, &line) {
            Some(text) => Ok(text),
            None => {
                server.insert(key, Item::Value(value.clone()));
                Ok(document.to_string())
            }
        },
    }
}

/// Another value with the blanks and the comment of the old one.
fn replace(table: &mut dyn TableLike, key: &str, value: &Value) {
    if let Some(old) = table.get_mut(key).and_then(Item::as_value_mut) {
        let decor = old.decor().clone();
        *old = value.clone();
        *old.decor_mut() = decor;
    }
}

/// The text with the commented default of a key of `[server]` replaced, if it stands there as in the template.
fn uncommented(text: &str, key: &str, line: &str) -> Option<String> {
    let commented = |line: &str| line.starts_with(&format!("# {key} = "));
    let default = template().lines().find(|line| commented(line))?;
    let mut section = "";
    let mut at = 0;
    for piece in text.split_inclusive('\n') {
        let trimmed = piece.trim_end();
        if trimmed.starts_with('[') {
            section = trimmed;
        } else if section == "[server]" && trimmed == default {
            let (before, rest) = text.split_at(at);
            return Some(format!("{before}{line}{}", &rest[default.len()..]));
        }
        at += piece.len();
    }
    None
}

fn add(text: &str, rules: &[NewRule]) -> Result<String> {
    let mut document = parse(text)?;
    let mut new: Vec<&NewRule> = Vec::new();
    let mut has_inserted = false;
    for rule in rules {
        let value: Value =
            rule.toml.parse().map_err(|_| Error::internal("a rule to be added is not TOML"))?;
        let all = document.get_mut(SANITIZE);
        let is_inline = all.as_ref().is_some_and(|all| all.is_value());
        let Some(all) = all.and_then(Item::as_table_like_mut) else {
            new.push(rule);
            continue;
        };
        match all.get_mut(&rule.table).and_then(Item::as_table_like_mut) {
            Some(table) if table.contains_key(&rule.column) => {}
            Some(table) => {
                table.insert(&rule.column, Item::Value(value));
                has_inserted = true;
            }
            // A header cannot add to a table that is written in one line.
            None if is_inline => {
                let mut table = toml_edit::InlineTable::new();
                table.insert(&rule.column, value);
                all.insert(&rule.table, Item::Value(table.into()));
                has_inserted = true;
            }
            None => new.push(rule),
        }
    }
    // Writing a document may spell keys in another way: without a need it is not done.
    let text = if has_inserted { document.to_string() } else { text.to_owned() };
    if new.is_empty() {
        return Ok(text);
    }
    let mut sections = String::new();
    let mut table = None;
    for rule in new {
        if table != Some(&rule.table) {
            let gap = if sections.is_empty() { "" } else { "\n" };
            sections.push_str(&format!("{gap}[{SANITIZE}.{}]\n", toml_edit::Key::new(&rule.table)));
            table = Some(&rule.table);
        }
        sections.push_str(&format!("{} = {}\n", toml_edit::Key::new(&rule.column), rule.toml));
    }
    let marker = if text.lines().any(|line| line == MARKER) { String::new() } else { format!("{MARKER}\n") };
    Ok(appended(&text, &format!("{marker}{sections}")))
}

fn appended(text: &str, section: &str) -> String {
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    format!("{text}{gap}{section}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enabled() -> Setting {
        Setting { key: "enabled", value: true.into() }
    }

    fn rule(table: &str, column: &str) -> NewRule {
        NewRule { table: table.into(), column: column.into(), toml: "\"email\"".into() }
    }

    fn value(text: &str) -> toml::Table {
        toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn a_new_file_is_the_template_with_its_own_lines_switched_on() {
        let strategy = Setting { key: "temp_strategy", value: "tables".into() };
        let text =
            edit(None, &[enabled(), strategy], &[rule("users", "email"), rule("users", "mail")]).unwrap();
        let expected = template()
            .replace("# enabled = false", "enabled = true")
            .replace("# temp_strategy = \"database\"", "temp_strategy = \"tables\"");
        let rules = format!("\n{MARKER}\n[sanitize.users]\nemail = \"email\"\nmail = \"email\"\n");
        assert_eq!(text, format!("{expected}{rules}"));
        assert_eq!(edit(None, &[], &[]).unwrap(), template());
    }

    #[test]
    fn what_is_there_stays_byte_for_byte() {
        for text in [
            "# mine\ntoken = 'x' # keep\n\n[server]   # here\nenabled = true\n",
            "[server]\nbind=\"127.0.0.1:1\"\n[sanitize.users]\nemail = { type = \"email\" } # why\n# end",
            "sanitize = { users = { email = \"email\" } }\n[server]\n",
            "[sanitize]\nusers.email = \"email\"\n",
            "[\"sanitize\".\"users\"]\r\nemail = \"email\"\r\n",
            "",
        ] {
            let rules = [rule("users", "email"), rule("users", "mail"), rule("order notes", "mail")];
            let after = edit(Some(text), &[enabled()], &rules).unwrap();
            for line in text.lines().filter(|line| !line.starts_with("sanitize = ")) {
                assert!(after.lines().any(|other| other == line), "{line:?} is gone:\n{after}");
            }
            let read = value(&after);
            assert_eq!(read["server"]["enabled"].as_bool(), Some(true), "{after}");
            assert_eq!(read["sanitize"]["users"]["mail"].as_str(), Some("email"), "{after}");
            assert_eq!(read["sanitize"]["order notes"]["mail"].as_str(), Some("email"), "{after}");
            assert_eq!(edit(Some(&after), &[enabled()], &rules).unwrap(), after, "a second time");
            assert_eq!(after.contains("\r\n"), text.contains("\r\n"));
            assert_eq!(
                after.matches(MARKER).count(),
                usize::from(!text.starts_with("sanitize =")),
                "{after}"
            );
        }
    }

    #[test]
    fn a_value_is_replaced_with_its_comment_left_in_place() {
        let after = edit(Some("[server]\nenabled = false # for now\n"), &[enabled()], &[]).unwrap();
        assert_eq!(after, "[server]\nenabled = true # for now\n");
    }

    #[test]
    fn rules_that_are_there_are_not_changed() {
        let text = "[sanitize.users]\nemail = \"text\"\n";
        assert_eq!(edit(Some(text), &[], &[rule("users", "email")]).unwrap(), text);
    }

    #[test]
    fn what_is_no_toml_is_refused_without_being_shown() {
        let error = edit(Some("token = s3cret"), &[enabled()], &[]).unwrap_err();
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}
