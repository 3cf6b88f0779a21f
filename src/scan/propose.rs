//! Which masks suit what a column seems to hold, the best one first.

use crate::error::{Error, Result};
use crate::plan::sanitize::{Category, OptionValue, Rule, is_called, parse};
use crate::schema::Column;
use std::fmt::Write;

/// A type and its options, as a rule has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    kind: &'static str,
    options: Vec<(&'static str, OptionValue)>,
}

/// Fewest characters of a hash that rows can be told apart by.
const HASH_CHARS_MIN: u64 = 16;
/// Hex digits of the hash that `SHA2(…, 256)` gives.
const HASH_CHARS: u64 = 64;

impl Proposal {
    fn plain(kind: &'static str) -> Self {
        Self { kind, options: Vec::new() }
    }

    fn with(kind: &'static str, option: &'static str, value: OptionValue) -> Self {
        Self { kind, options: vec![(option, value)] }
    }

    fn number(kind: &'static str, option: &'static str, number: i64) -> Self {
        Self::with(kind, option, OptionValue::Integer(number))
    }

    fn sql(expression: impl Into<String>) -> Self {
        Self::with("sql", "expression", OptionValue::Text(expression.into()))
    }

    /// The rule for a column.
    ///
    /// # Errors
    /// `Internal` if the planner does not know the type or an option.
    pub fn rule(&self, table: &str, column: &str) -> Result<Rule> {
        let options: Vec<_> =
            self.options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let parsed = parse(self.kind, &options)
            .map_err(|refusal| Error::internal(format!("a proposed rule {}", refusal.what)))?;
        Ok(Rule {
            table: table.to_owned(),
            column: column.to_owned(),
            mask: parsed.mask,
            exclude: parsed.exclude,
            condition: parsed.condition,
        })
    }

    /// As the configuration has it, behind `column = `.
    #[must_use]
    pub fn toml(&self) -> String {
        if self.options.is_empty() {
            return format!("\"{}\"", self.kind);
        }
        let mut out = format!("{{ type = \"{}\"", self.kind);
        for (name, value) in &self.options {
            // Nothing that is proposed has more than these.
            let value = match value {
                OptionValue::Integer(number) => number.to_string(),
                OptionValue::Boolean(flag) => flag.to_string(),
                OptionValue::Text(text) => toml_edit::Value::from(text.as_str()).to_string(),
                OptionValue::Decimal(_) | OptionValue::List(_) | OptionValue::Table(_) => continue,
            };
            // Writing to a string cannot fail.
            let _ = write!(out, ", {name} = {value}");
        }
        out.push_str(" }");
        out
    }
}

/// What columns with a part of a name are called, or of an address: as in the list of names that look sensitive.
const FIRST_NAMES: &[&str] =
    &["firstname", "givenname", "middlename", "vorname", "prenom", "voornaam", "imie"];
const LAST_NAMES: &[&str] = &[
    "lastname",
    "surname",
    "familyname",
    "maidenname",
    "nachname",
    "familienname",
    "geburtsname",
    "nomdefamille",
    "apellido",
    "apellidos",
    "cognome",
    "sobrenome",
    "achternaam",
    "nazwisko",
];
const USER_NAMES: &[&str] = &["username", "nickname"];
const STREETS: &[&str] =
    &["street", "streetaddress", "strasse", "calle", "rue", "rua", "straat", "ulica", "indirizzo"];
const BIRTHPLACES: &[&str] = &["birthplace", "geburtsort"];

/// The type for a column with a person's name.
fn name_type(column: &str) -> &'static str {
    let by_name = [(FIRST_NAMES, "first_name"), (LAST_NAMES, "last_name"), (USER_NAMES, "name")];
    by_name.iter().find(|(names, _)| is_called(column, names)).map_or("full_name", |(_, kind)| *kind)
}

/// What could be done about such a column, the best first. Not all of it fits every column.
pub(super) fn proposals(category: Category, column: &Column) -> Vec<Proposal> {
    let plain = Proposal::plain;
    let mut all = match category {
        Category::Email => vec![plain("email"), plain("text")],
        Category::Password => vec![plain("hash")],
        // Those of lists are not distinct: in a unique index they are refused.
        Category::PersonName => vec![plain(name_type(&column.name)), plain("name")],
        Category::Phone => vec![plain("phone"), plain("digits")],
        Category::BirthDate => vec![Proposal::number("shift", "days", 180)],
        Category::BankAccount if column.is_integer() => vec![plain("digits")],
        Category::BankAccount => vec![Proposal::number("keep", "first", 2)],
        Category::Income => vec![Proposal::number("noise", "percent", 20)],
        Category::PostalCode => vec![Proposal::number("truncate", "length", 2)],
        Category::Address if is_called(&column.name, STREETS) => vec![plain("street"), plain("address")],
        Category::Address => vec![plain("address")],
        // In bytes an address has a form of its own, which that of a text is not.
        Category::IpAddress if column.is_text() => vec![plain("ip"), plain("local_ip")],
        Category::IpAddress => vec![plain("ip")],
        Category::NationalId if column.is_integer() => vec![plain("digits")],
        Category::NationalId | Category::Device => vec![plain("token")],
        Category::Intimate if is_called(&column.name, BIRTHPLACES) => vec![plain("city")],
        Category::Secret | Category::Intimate | Category::Place => Vec::new(),
        Category::Content if column.is_text() => vec![plain("text")],
        Category::Content => Vec::new(),
    };
    all.push(plain("null"));
    match category {
        Category::Email | Category::Phone => all.push(plain("name")),
        Category::Secret => all.push(plain("token")),
        _ => {}
    }
    all.extend(anything(column));
    all
}

/// For columns that neither suit a type of their own nor may be NULL.
fn anything(column: &Column) -> Vec<Proposal> {
    let length = column.max_length.unwrap_or(HASH_CHARS);
    let value = |value| Proposal::with("fixed", "value", value);
    if column.data_type == "json" {
        return vec![value(OptionValue::Text("{}".to_owned()))];
    }
    if column.is_text() {
        let hash = (length >= HASH_CHARS_MIN)
            .then(|| Proposal::sql(format!("LEFT(SHA2({{id}}, 256), {})", length.min(HASH_CHARS))));
        return [Proposal::plain("text")]
            .into_iter()
            .filter(|_| length >= HASH_CHARS_MIN)
            .chain([value(OptionValue::Text(String::new()))])
            .chain(hash)
            .collect();
    }
    if column.is_binary() {
        let digits = (length * 2).min(HASH_CHARS);
        let hash = (digits >= HASH_CHARS_MIN)
            .then(|| Proposal::sql(format!("UNHEX(LEFT(SHA2({{id}}, 256), {digits}))")));
        return hash.into_iter().chain([value(OptionValue::Text(String::new()))]).collect();
    }
    match column.data_type.as_str() {
        "inet4" => vec![value(OptionValue::Text("192.168.0.1".to_owned()))],
        "inet6" => vec![value(OptionValue::Text("fd00::1".to_owned()))],
        _ if column.is_temporal() => vec![value(OptionValue::Text("1970-01-01".to_owned()))],
        _ => vec![value(OptionValue::Integer(0)), Proposal::sql("{id}")],
    }
}
