//! The README says what the program does: every key, every exit code and every collation is in its tables, and the
//! grants that errors name are those that it shows.

use backfill::config::template;
use backfill::error::{Error, Kind};
use backfill::plan::sanitize::{COMMON, TYPES};
use backfill::schema::collation::render_table;
use backfill::source::workspace::{SCHEMA_PATTERN, grant_hint};
use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("readme::every_key_is_in_the_table", || {
            keys();
            Ok(())
        }),
        Trial::test("readme::every_type_is_in_the_table", || {
            types();
            Ok(())
        }),
        Trial::test("readme::every_exit_code_is_in_the_table", || {
            exit_codes();
            Ok(())
        }),
        Trial::test("readme::every_collation_is_in_the_table", || {
            collations();
            Ok(())
        }),
        Trial::test("readme::errors_name_the_grants_that_it_shows", || {
            grants();
            Ok(())
        }),
    ]
}

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The part of the README between two markers.
fn part(name: &str) -> String {
    let readme = readme();
    let begin = readme.find(&format!("<!-- {name} -->")).unwrap();
    let end = readme.find(&format!("<!-- /{name} -->")).unwrap();
    readme[begin..end].to_owned()
}

fn keys() {
    let table = part("keys");
    let mut section = String::new();
    let mut count = 0;
    for line in template().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        }
        let Some((key, _)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ")) else {
            continue;
        };
        if key.contains(' ') {
            continue;
        }
        // What follows the last section are examples of rules.
        if section == "privacy." && key != "policy" {
            continue;
        }
        count += 1;
        assert!(table.contains(&format!("`{section}{key}`")), "{section}{key} is not in the README");
    }
    assert!(count > 25, "the template has {count} keys only: is this test still reading it right?");
}

/// Every type with its options is in the README's table, and named in the template.
fn types() {
    let table = part("types");
    for kind in TYPES {
        let row = table.lines().find(|line| line.starts_with(&format!("| `{}` |", kind.name)));
        let row = row.unwrap_or_else(|| panic!("{} is not in the README", kind.name));
        for option in kind.options {
            assert!(row.contains(&format!("`{}`", option.name)), "{}: {}", kind.name, option.name);
        }
        assert!(template().contains(kind.name), "{} is not in the template", kind.name);
    }
    for option in COMMON {
        assert!(table.contains(&format!("`{}`", option.name)), "{}", option.name);
    }
}

fn exit_codes() {
    let table = part("exit codes");
    let kinds = [
        Kind::Usage,
        Kind::Config,
        Kind::Guard,
        Kind::Source,
        Kind::Target,
        Kind::Privilege,
        Kind::Schema,
        Kind::Remote,
        Kind::Integrity,
        Kind::Busy,
        Kind::Hook,
        Kind::Internal,
    ];
    for kind in kinds {
        let row = format!("| {} | {}:", kind.exit_code(), format!("{kind:?}").to_lowercase());
        assert!(table.contains(&row), "{row} is not in the README");
    }
    assert!(table.contains("| 130, 143 |"));
}

fn collations() {
    let rows: Vec<String> = render_table()
        .into_iter()
        .map(|(from, to, note)| format!("| `{from}` | {to} | {note} |").replace("  ", " "))
        .collect();
    let part = part("collations");
    let shown: Vec<&str> = part.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(shown, rows, "the table should be:\n{}", rows.join("\n"));
}

fn grants() {
    let error = grant_hint(Error::new(Kind::Privilege, "denied"), SCHEMA_PATTERN);
    let hint = error.hint_text().unwrap();
    let grant = &hint[hint.find("GRANT").unwrap()..];
    assert!(readme().contains(&format!("{grant} TO ")), "{grant} is not in the README");
}
