//! From the rules of the configuration to those of the planner, which alone knows types and options.

use crate::config;
use crate::config::{KeepList, RuleOption, RuleValue};
use crate::error::Result;
use crate::plan::policy::Keep;
use crate::plan::sanitize::{OptionValue, Rule, parse};

/// The rules as the planner takes them.
///
/// # Errors
/// `Config` with file and line of the first rule whose type or options are not known.
pub fn planned(rules: &[config::Rule]) -> Result<Vec<Rule>> {
    rules.iter().map(one).collect()
}

/// The columns that are declared harmless, as the planner takes them.
///
/// # Errors
/// `Config` with file and line of the first entry that is no pattern.
pub fn kept(list: &KeepList) -> Result<Keep> {
    Keep::new(&list.patterns).map_err(|at| list.refuse(at))
}

fn one(rule: &config::Rule) -> Result<Rule> {
    let parsed = parse(rule.kind.expose(), &options(&rule.options))
        .map_err(|refusal| rule.refuse(refusal.option.as_deref(), &refusal.what, &refusal.hint))?;
    Ok(Rule {
        table: rule.table.clone(),
        column: rule.column.clone(),
        mask: parsed.mask,
        exclude: parsed.exclude,
        condition: parsed.condition,
    })
}

fn options(given: &[RuleOption]) -> Vec<(String, OptionValue)> {
    given.iter().map(|option| (option.name.clone(), value(&option.value))).collect()
}

fn value(given: &RuleValue) -> OptionValue {
    match given {
        RuleValue::Text(text) => OptionValue::Text(text.expose().to_owned()),
        RuleValue::Integer(number) => OptionValue::Integer(*number),
        RuleValue::Decimal(number) => OptionValue::Decimal(number.expose().to_owned()),
        RuleValue::Boolean(flag) => OptionValue::Boolean(*flag),
        RuleValue::List(items) => OptionValue::List(items.iter().map(value).collect()),
        RuleValue::Table(given) => OptionValue::Table(options(given)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn rule(column: &str, kind: &str, options: Vec<RuleOption>) -> config::Rule {
        config::Rule {
            table: "t".into(),
            column: column.into(),
            kind: Secret::new(kind),
            options,
            file: "backfill.toml".into(),
            line: 3,
        }
    }

    #[test]
    fn refusals_name_file_line_and_rule_and_never_a_value() {
        let days = RuleOption { name: "days".into(), value: RuleValue::Integer(424_242), line: 5 };
        for (rule, message, hint) in [
            (
                rule("a", "emial", Vec::new()),
                "backfill.toml line 3: `sanitize.t.a` has an unknown type",
                "did you mean \"email\"?",
            ),
            (
                rule("a", "shift", vec![days]),
                "backfill.toml line 5: `sanitize.t.a` has `days`, which must be from 1 to 3650",
                "write a number in that range",
            ),
            (
                rule("token", "0123456789abcdef", Vec::new()),
                "backfill.toml line 3: `sanitize.t.token` has an unknown type",
                "`token` belongs at the top of the file, above the first [table]",
            ),
        ] {
            let error = planned(&[rule]).unwrap_err();
            assert_eq!((error.what(), error.hint_text()), (message, Some(hint)));
        }
    }

    #[test]
    fn the_rules_of_the_template_are_right() {
        let folder = tempfile::tempdir().unwrap();
        let rules = config::template().split_once("# [sanitize.users]").unwrap().1;
        let rules = rules.split_once("# [limits]").unwrap().0;
        let rules: String =
            rules.lines().map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
        let kept = rules
            .lines()
            .filter(|line| line.contains(" = {") || line.starts_with('[') || line.contains(" = \"null\""));
        let toml = format!("[sanitize.users]\n{}", kept.map(|line| format!("{line}\n")).collect::<String>());
        std::fs::write(folder.path().join("backfill.toml"), toml).unwrap();
        let sources = config::Sources { directory: folder.path().to_owned(), ..config::Sources::default() };
        let planned = planned(config::Config::load(sources).unwrap().rules()).unwrap();
        assert_eq!(planned.len(), 12);
        assert!(planned.iter().any(|rule| rule.condition.is_some()));
    }
}
