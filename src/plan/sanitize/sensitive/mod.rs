//! Column names that usually hold personal data, in several languages. For warnings and `scan`: a hint, no proof.

mod names;

use crate::schema::Column;
use names::{ABOUT, ASKING, In, NAMES, OWN_NAMES, PEOPLE};

/// What a column seems to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// An e-mail address.
    Email,
    /// A password or its hash.
    Password,
    /// A token, a key, a code that lets somebody in.
    Secret,
    /// An address in a network.
    IpAddress,
    /// What tells devices apart.
    Device,
    /// What somebody is called.
    PersonName,
    /// A phone number.
    Phone,
    /// When somebody was born.
    BirthDate,
    /// An account at a bank, a card.
    BankAccount,
    /// A number that a state gave somebody.
    NationalId,
    /// What somebody earns.
    Income,
    /// Health, religion, gender and the like.
    Intimate,
    /// Where on earth.
    Place,
    /// A postal code.
    PostalCode,
    /// Where somebody lives.
    Address,
    /// Personal data in the middle of something else.
    Content,
}

impl Category {
    /// In words: "an e-mail address".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Email => "an e-mail address",
            Self::Password => "a password",
            Self::Secret => "a secret",
            Self::IpAddress => "an IP address",
            Self::Device => "what tells devices apart",
            Self::PersonName => "a person's name",
            Self::Phone => "a phone number",
            Self::BirthDate => "a date of birth",
            Self::BankAccount => "a bank account or card",
            Self::NationalId => "an official number of a person",
            Self::Income => "somebody's income",
            Self::Intimate => "something intimate",
            Self::Place => "a place on the map",
            Self::PostalCode => "a postal code",
            Self::Address => "a postal address",
            Self::Content => "a text with personal data in it",
        }
    }
}

/// What the column seems to hold, by its table's name and its own, and by its type.
#[must_use]
pub fn category(table: &str, column: &Column) -> Option<Category> {
    let text = column.is_text() || column.is_binary() || column.data_type == "json";
    let number = matches!(column.data_type.as_str(), "decimal" | "smallint" | "mediumint" | "int" | "bigint");
    let words = words(&column.name);
    let is = |list: &[&str], word: Option<&String>| word.is_some_and(|word| list.contains(&word.as_str()));
    if is(ASKING, words.first()) && words.len() > 1 {
        return None;
    }
    if matches!(column.data_type.as_str(), "inet4" | "inet6") {
        return Some(Category::IpAddress);
    }
    let fits = |types: In| {
        text || (types == In::TextsAndNumbers && number)
            || (types == In::TextsAndDates && column.is_temporal())
    };
    let named = NAMES.iter().find(|(category, types, names)| {
        fits(*types) && holds(&words, names, *category == Category::Email && text)
    });
    let own =
        || text && words.len() == 1 && is(OWN_NAMES, words.first()) && is(PEOPLE, self::words(table).last());
    named.map(|(category, ..)| *category).or_else(|| own().then_some(Category::PersonName))
}

/// Whether the column is called by one of these names: words put together, without accents.
#[must_use]
pub fn is_called(column: &str, names: &[&str]) -> bool {
    holds(&words(column), names, false)
}

/// Whether some words in a row are one of `names`, and the last word of all does not say that the column is only about
/// such a thing. In India an `email_id` is an address (`id_holds`).
fn holds(words: &[String], names: &[&str], id_holds: bool) -> bool {
    let is_about = |last: &String| ABOUT.contains(&last.as_str()) && !(id_holds && last == "id");
    let about = words.last().is_some_and(is_about);
    (1..=3).any(|run| {
        let mut parts = words.windows(run).enumerate();
        parts.any(|(at, part)| names.contains(&part.concat().as_str()) && (!about || at + run == words.len()))
    })
}

/// `firstName`, `first_name`, `FIRST-NAME`: first, name. Digits at the end do not count (`address2`), accents neither.
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
            c.to_lowercase().for_each(|c| word.push_str(&plain(c)));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A lower-case letter without its accent.
fn plain(c: char) -> String {
    let plain = match c {
        'ß' => return "ss".to_owned(),
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'ą' => 'a',
        'ç' | 'ć' => 'c',
        'è' | 'é' | 'ê' | 'ë' | 'ę' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' => 'o',
        'ś' => 's',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ź' | 'ż' => 'z',
        other => other,
    };
    plain.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::column;
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
            assert_eq!(category("t", &column(name, ty)).is_some(), sensitive, "{name} {ty}");
        }
    }

    #[test]
    fn what_is_about_a_value_does_not_hold_it() {
        for (name, ty) in [
            ("emailed_at", "datetime"),
            ("mail_count", "int"),
            ("is_email_verified", "tinyint(1)"),
            ("has_phone", "varchar(5)"),
            ("phone_verified", "tinyint(1)"),
            ("address_id", "char(36)"),
            ("email_template", "varchar(90)"),
            ("token_type", "varchar(20)"),
            ("ip_version", "varchar(2)"),
            ("phone_type", "varchar(9)"),
            ("birth_certificate_path", "varchar(90)"),
            ("password_changed_at", "timestamp"),
            ("name", "varchar(90)"),
            ("trip", "varchar(90)"),
        ] {
            assert_eq!(category("t", &column(name, ty)), None, "{name} {ty}");
        }
    }

    #[test]
    fn names_are_known_in_several_languages() {
        for (name, ty, found) in [
            ("telefono", "varchar(20)", Category::Phone),
            ("handynummer", "varchar(20)", Category::Phone),
            ("Téléphone", "varchar(20)", Category::Phone),
            ("numer_telefonu", "bigint", Category::Phone),
            ("Straße", "varchar(90)", Category::Address),
            ("contraseña", "varchar(90)", Category::Password),
            ("hasło", "varchar(90)", Category::Password),
            ("wachtwoord", "varchar(90)", Category::Password),
            ("mot_de_passe", "varchar(90)", Category::Password),
            ("adresse_mail", "varchar(90)", Category::Email),
            ("correoElectronico", "varchar(90)", Category::Email),
            ("email_id", "varchar(90)", Category::Email),
            ("data_di_nascita", "date", Category::BirthDate),
            ("data_nascimento", "date", Category::BirthDate),
            ("codice_fiscale", "char(16)", Category::NationalId),
            ("tax_id", "varchar(20)", Category::NationalId),
            ("marital_status", "varchar(20)", Category::Intimate),
            ("ip_address", "varbinary(16)", Category::IpAddress),
            ("last_login_ip", "varchar(45)", Category::IpAddress),
            ("code_postal", "varchar(10)", Category::PostalCode),
            ("voornaam", "varchar(50)", Category::PersonName),
            ("client_secret", "varchar(50)", Category::Secret),
        ] {
            assert_eq!(category("t", &column(name, ty)), Some(found), "{name} {ty}");
        }
    }

    #[test]
    fn a_name_alone_is_a_persons_in_a_table_of_people() {
        let name = column("name", "varchar(90)");
        for (table, found) in [
            ("users", true),
            ("adminUsers", true),
            ("KUNDEN", true),
            ("products", false),
            ("user_roles", false),
        ] {
            assert_eq!(category(table, &name).is_some(), found, "{table}");
        }
    }
}
