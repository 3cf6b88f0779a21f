//! What a `.gitignore` lacks.

use globset::GlobBuilder;

/// Stands above the lines that are added.
const HEADING: &str = "# backfill";

/// One `.gitignore` that concerns a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignoring {
    /// The folder as seen from it: empty, or `tools/backfill/`.
    pub below: String,
    /// Its text.
    pub text: String,
}

/// Those of `names` (files of the folder) that none of these files ignores, the outermost file first.
#[must_use]
pub fn missing<'a>(names: &[&'a str], files: &[Ignoring]) -> Vec<&'a str> {
    names.iter().copied().filter(|name| !is_ignored(name, files)).collect()
}

/// The text with lines for `names`.
#[must_use]
pub fn edit(text: &str, names: &[&str]) -> String {
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = text.to_owned();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push_str(ending);
    }
    if !out.lines().any(|line| line == HEADING) {
        let gap = if out.is_empty() { "" } else { ending };
        out.push_str(&format!("{gap}{HEADING}{ending}"));
    }
    names.iter().for_each(|name| out.push_str(&format!("{name}{ending}")));
    out
}

/// As git decides: the last line that matches wins, and `!` takes back.
fn is_ignored(name: &str, files: &[Ignoring]) -> bool {
    let mut ignored = false;
    for file in files {
        for line in file.text.lines().map(str::trim_end).filter(|line| !line.starts_with('#')) {
            let (pattern, takes_back) = match line.strip_prefix('!') {
                Some(rest) => (rest, true),
                None => (line, false),
            };
            if matches(pattern, name, &file.below) {
                ignored = !takes_back;
            }
        }
    }
    ignored
}

fn matches(pattern: &str, name: &str, below: &str) -> bool {
    // With a slash at its end it concerns folders only.
    if pattern.is_empty() || pattern.ends_with('/') {
        return false;
    }
    let path = format!("{below}{name}");
    let (pattern, text) = if pattern.contains('/') {
        (pattern.trim_start_matches('/'), path.as_str())
    } else {
        (pattern, name)
    };
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_line_covers_is_not_missing() {
        for (below, text, ignored) in [
            ("", ".env\n", true),
            ("", "/.env", true),
            ("", ".env*\r\n", true),
            ("", "**/.env", true),
            ("", ".env.local\n.envrc\n", false),
            ("", "# .env", false),
            ("", ".env\n!.env\n", false),
            ("", ".env/", false),
            ("a/b/", ".env", true),
            ("a/b/", "/.env", false),
            ("a/b/", "a/**/.env", true),
            ("a/b/", "a/*/.env", true),
            ("a/b/", "[", false),
        ] {
            let file = Ignoring { below: below.into(), text: text.into() };
            assert_eq!(missing(&[".env"], &[file]).is_empty(), ignored, "{below:?} {text:?}");
        }
        let outer = Ignoring { below: "a/".into(), text: ".env".into() };
        let inner = Ignoring { below: String::new(), text: "!.env".into() };
        assert_eq!(missing(&[".env"], &[outer, inner]), [".env"]);
    }

    #[test]
    fn lines_are_added_below_what_is_there() {
        assert_eq!(edit("", &[".env"]), "# backfill\n.env\n");
        assert_eq!(edit("/target", &[".env", "x"]), "/target\n\n# backfill\n.env\nx\n");
        assert_eq!(edit("/target\r\n", &[".env"]), "/target\r\n\r\n# backfill\r\n.env\r\n");
        assert_eq!(edit("# backfill\n.env\n", &["x"]), "# backfill\n.env\nx\n");
    }
}
