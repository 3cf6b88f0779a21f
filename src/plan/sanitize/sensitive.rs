//! Column names that usually hold personal data, in several languages. For warnings and `scan`: a hint, no proof.

use super::{Facts, TableMasks};
use crate::schema::{Column, Generated, Schema, TableKind};
use std::collections::BTreeMap;

/// Names of text columns: single words, or words of a name put together (`first_name`, `firstName`).
const TEXTS: &[&str] = &[
    "email",
    "mail",
    "correo",
    "courriel",
    "mailaddress",
    "emailaddress",
    "password",
    "passwd",
    "passwort",
    "kennwort",
    "contrasena",
    "motdepasse",
    "senha",
    "pwd",
    "token",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "otp",
    "totp",
    "recoverycodes",
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "givenname",
    "familyname",
    "maidenname",
    "middlename",
    "vorname",
    "nachname",
    "familienname",
    "prenom",
    "apellido",
    "apellidos",
    "cognome",
    "sobrenome",
    "username",
    "address",
    "addr",
    "adresse",
    "anschrift",
    "direccion",
    "indirizzo",
    "endereco",
    "street",
    "strasse",
    "postcode",
    "zipcode",
    "postalcode",
    "plz",
    "ip",
    "ipaddress",
    "ipaddr",
    "useragent",
    "creditcard",
    "cardnumber",
    "cvv",
    "cvc",
    "bic",
    "accountnumber",
    "kontonummer",
    "geburtsort",
    "birthplace",
    "gender",
    "geschlecht",
    "religion",
    "diagnosis",
    "diagnose",
    "latitude",
    "longitude",
];

/// Names of columns that are sensitive as texts and as numbers.
const TEXTS_OR_NUMBERS: &[&str] = &[
    "phone",
    "telephone",
    "telefon",
    "telefono",
    "tel",
    "mobile",
    "handy",
    "cell",
    "fax",
    "phonenumber",
    "ssn",
    "socialsecurity",
    "iban",
    "taxid",
    "steuernummer",
    "steuerid",
    "passport",
    "ausweis",
    "dni",
    "nif",
    "cpf",
    "salary",
    "gehalt",
    "salario",
];

/// Names of columns that are sensitive as texts and as dates.
const TEXTS_OR_DATES: &[&str] = &[
    "birth",
    "birthday",
    "birthdate",
    "dob",
    "geburt",
    "geburtsdatum",
    "geburtstag",
    "naissance",
    "nacimiento",
    "nascita",
    "nascimento",
];

/// Whether the column's name and type suggest personal data.
#[must_use]
pub fn looks_sensitive(column: &Column) -> bool {
    let text = column.is_text() || column.is_binary() || column.data_type == "json";
    let number = column.is_integer() || column.data_type == "decimal";
    let words = words(&column.name);
    let named = |names: &[&str]| {
        (1..=3).any(|run| words.windows(run).any(|part| names.contains(&part.concat().as_str())))
    };
    (text && named(TEXTS))
        || ((text || number) && named(TEXTS_OR_NUMBERS) && words.last().is_none_or(|word| word != "id"))
        || ((text || column.is_temporal()) && named(TEXTS_OR_DATES))
        || (matches!(column.data_type.as_str(), "inet4" | "inet6") && !words.is_empty())
}

/// `firstName`, `first_name`, `FIRST-NAME`: first, name. Digits at the end do not count (`address2`).
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        lower_before = c.is_lowercase();
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// One warning per table with unruled columns that look sensitive.
pub(super) fn warnings(
    schema: &Schema,
    facts: &Facts<'_>,
    masks: &BTreeMap<String, TableMasks>,
) -> Vec<String> {
    schema
        .tables
        .values()
        .filter(|table| table.kind != TableKind::Sequence && !facts.excluded.contains(&table.name))
        .filter_map(|table| {
            let ruled = masks.get(&table.name);
            let found: Vec<_> = table
                .columns
                .iter()
                .filter(|column| column.generated == Generated::No && looks_sensitive(column))
                .filter(|column| ruled.is_none_or(|masks| masks.column(&column.name).is_none()))
                .map(|column| format!("`{}`", column.name))
                .collect();
            (!found.is_empty()).then(|| {
                format!("table `{}` has no rule for what looks sensitive: {}", table.name, found.join(", "))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{column, generated, nullable, schema, table};
    use super::super::{Mask, Rule, plan};
    use super::*;

    #[test]
    fn names_and_types_decide_together() {
        for (name, ty, sensitive) in [
            ("email", "varchar(99)", true),
            ("e_mail", "varchar(99)", true),
            ("contactEmail", "text", true),
            ("email_verified_at", "timestamp", false),
            ("email_id", "int", false),
            ("mailing_status", "varchar(9)", false),
            ("first_name", "varchar(99)", true),
            ("name", "varchar(99)", false),
            ("address2", "varchar(99)", true),
            ("address_id", "bigint", false),
            ("remember_token", "varchar(100)", true),
            ("tokens_used", "int", false),
            ("telefon_privat", "varchar(20)", true),
            ("phone", "bigint", true),
            ("phone_id", "bigint", false),
            ("PASSWORT", "varchar(99)", true),
            ("date_of_birth", "date", true),
            ("geburtsdatum", "date", true),
            ("iban", "varbinary(34)", true),
            ("ip_address", "varchar(45)", true),
            ("shipping", "varchar(45)", false),
            ("description", "text", false),
        ] {
            assert_eq!(looks_sensitive(&column(name, ty)), sensitive, "{name} {ty}");
        }
    }

    #[test]
    fn unruled_columns_are_named_once_per_table() {
        let schema = schema(vec![
            table("a", vec![column("email", "varchar(99)"), column("phone", "varchar(99)")]).done(),
            table("b", vec![nullable("iban", "varchar(99)"), generated("mail", "text", "`iban`")]).done(),
            table("c", vec![column("email", "varchar(99)")]).done(),
        ]);
        let rule = Rule {
            table: "a".into(),
            column: "phone".into(),
            mask: Mask::Text,
            exclude: Vec::new(),
            condition: None,
        };
        let excluded = [String::from("c")].into();
        let facts = Facts { salt: "5a17", excluded, ..Facts::default() };
        let plan = plan(&[rule], &schema, &facts).unwrap();
        assert_eq!(
            plan.unruled(),
            [
                "table `a` has no rule for what looks sensitive: `email`",
                "table `b` has no rule for what looks sensitive: `iban`"
            ]
        );
    }
}
