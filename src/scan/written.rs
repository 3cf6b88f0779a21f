//! Proposals as lines of a `backfill.toml`.

use super::propose::Proposal;
use super::{Finding, Found};
use crate::plan::policy::pattern_of;
use toml_edit::{Key, Value};

/// The lines that add every proposal, one table after the other; empty without any.
#[must_use]
pub fn lines(findings: &[Finding]) -> String {
    let proposed = |finding: &&Finding| finding.proposal.is_ok();
    let mut out = String::new();
    let mut table = None;
    for finding in findings.iter().filter(proposed) {
        if table != Some(&finding.table) {
            let gap = if out.is_empty() { "" } else { "\n" };
            out.push_str(&format!("{gap}[sanitize.{}]\n", key(&finding.table)));
            table = Some(&finding.table);
        }
        let rule = finding.proposal.as_ref().map(Proposal::toml).unwrap_or_default();
        out.push_str(&format!("{} = {rule}\n", key(&finding.column)));
    }
    out
}

/// The lines that declare everything harmless that nothing speaks against; columns that no rule fits stand among them, but
/// as comments. Empty where there is neither.
#[must_use]
pub fn keep_lines(found: &Found) -> String {
    let unmasked = found.sensitive.iter().filter_map(|one| Some((one, one.proposal.as_ref().err()?)));
    let unmasked = unmasked.map(|(one, why)| {
        let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let entry = entry(&one.table, &one.column).replace('\n', " ");
        (one.table.as_str(), format!("# {entry}  looks like {}; no rule fits: {why}", one.category.words()))
    });
    let others = found.others.iter().map(|one| (one.table.as_str(), entry(&one.table, &one.column)));
    let mut entries: Vec<(&str, String)> = unmasked.chain(others).collect();
    if entries.is_empty() {
        return String::new();
    }
    entries.sort_by_key(|(table, _)| *table);
    let entries: String = entries.iter().map(|(_, entry)| format!("    {entry}\n")).collect();
    format!("[privacy]\nkeep = [\n{entries}]\n")
}

fn entry(table: &str, column: &str) -> String {
    format!("{},", Value::from(pattern_of(table, column)))
}

fn key(name: &str) -> String {
    Key::new(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::policy::Keep;
    use crate::plan::sanitize::Category;
    use crate::scan::propose::proposals;
    use crate::scan::{Reason, Unremarkable};
    use crate::schema::Column;

    #[test]
    fn lines_are_valid_toml_whatever_names_are() {
        let finding = |table: &str, column: &str| Finding {
            table: table.to_owned(),
            column: column.to_owned(),
            column_type: "varchar(99)".to_owned(),
            category: Category::Email,
            reasons: vec![Reason::Name],
            proposal: Ok(proposals(Category::BankAccount, &Column::new("x", "varchar(99)")).remove(0)),
        };
        let none = Finding { proposal: Err("why".to_owned()), ..finding("a", "no") };
        let names = ["users", "order notes", "quote\"d", "new\nline", "größe", "a.b", "\u{1}", ""];
        let all: Vec<Finding> = names
            .iter()
            .flat_map(|name| [finding(name, name), finding(name, "mail")])
            .chain([none])
            .collect();
        let text = lines(&all);
        let parsed: toml::Table = toml::from_str(&text).unwrap();
        let tables = parsed["sanitize"].as_table().unwrap();
        assert_eq!(tables.len(), names.len(), "{text}");
        for name in names {
            assert_eq!(tables[name][name]["type"].as_str(), Some("keep"), "{text}");
        }
        assert!(
            text.starts_with("[sanitize.users]\nusers = { type = \"keep\", first = 2 }\nmail = "),
            "{text}"
        );
    }

    #[test]
    fn what_is_kept_is_valid_toml_and_covers_its_columns() {
        let names =
            ["users", "quote\"d", "new\nline", "größe", "a.b", "\u{1}", "st*r", "a[b]", "back\\slash"];
        let other = |table: &str, column: &str| Unremarkable {
            table: table.to_owned(),
            column: column.to_owned(),
            column_type: "int".to_owned(),
        };
        let unmasked = |name: &str| Finding {
            table: name.to_owned(),
            column: "mail\nx".to_owned(),
            column_type: "varchar(99)".to_owned(),
            category: Category::Email,
            reasons: vec![Reason::Name],
            proposal: Err("a\nb".to_owned()),
        };
        let found = Found {
            sensitive: names.iter().map(|name| unmasked(name)).collect(),
            others: names.iter().map(|name| other(name, name)).collect(),
        };
        let text = keep_lines(&found);
        let parsed: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let kept = parsed["privacy"]["keep"].as_array().unwrap();
        let kept: Vec<&str> = kept.iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(kept.len(), names.len(), "{text}");
        let keep = Keep::new(&kept).unwrap();
        for name in names {
            assert!(keep.covers(name, name), "{text}");
            assert!(!keep.covers(name, "mail\nx"), "{text}");
        }
        assert!(text.contains("looks like an e-mail address; no rule fits: a b\n"), "{text}");
        assert_eq!(keep_lines(&Found::default()), "");
    }
}
