//! From the rules of the configuration to those of the planner, which alone knows types and options.

use crate::config;
use crate::config::{RuleOption, RuleValue};
use crate::error::Result;
use crate::plan::sanitize::{OptionValue, Rule, parse};

/// The rules as the planner takes them.
///
/// # Errors
/// `Config` with file and line of the first rule whose type or options are not known.
pub fn planned(rules: &[config::Rule]) -> Result<Vec<Rule>> {
    rules.iter().map(one).collect()
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
