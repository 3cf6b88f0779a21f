//! Proposals as lines of a `backfill.toml`.

use super::Finding;
use super::propose::Proposal;
use toml_edit::Key;

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

fn key(name: &str) -> String {
    Key::new(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sanitize::Category;
    use crate::scan::propose::proposals;
    use crate::schema::Column;

    #[test]
    fn lines_are_valid_toml_whatever_names_are() {
        let finding = |table: &str, column: &str| Finding {
            table: table.to_owned(),
            column: column.to_owned(),
            column_type: "varchar(99)".to_owned(),
            category: Category::Email,
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
}
