//! Collations between the families and versions.
//!
//! A column must keep a collation under which its unique keys still hold: what the target takes for equal must be
//! equal at the source too. So a collation that the target lacks is replaced by its twin where there is one, else by
//! one that tells *more* values apart (a search may then find less, a load never fails), and only where the target
//! has nothing that minds trailing spaces by one that pads ([`Fit::Padded`]: a unique key over values that differ
//! in trailing spaces only then fails while loading, loudly).
//!
//! [`map`] depends on nothing but the name and the target, so both ends of a foreign key are mapped alike.
//!
//! Measured on MariaDB 10.11 and MySQL 9.7 by comparing the weights of every code point up to U+2FFFF and of 40
//! contractions under each pair:
//! - the 26 `utf8mb4` collations of the same name agree everywhere;
//! - `0900` and `uca1400_nopad` without a language, Esperanto, Spanish and Vietnamese differ only in characters that came
//!   after Unicode 9;
//! - those of other languages also differ in letters with two marks (`ǟ`, `ṧ`, `ế`) and in U+212B for `Å`, which count as
//!   rare too, and in letters of everyday (`uca` lists the languages): there the target gets a finer strength;
//! - Bulgarian, Mongolian and Russian equal the plain one, Bosnian and Serbian the Croatian, Galician the Spanish,
//!   both Norwegians the Danish (MySQL has names of their own for them, MariaDB has not);
//! - `unicode_520_nopad` takes no two common characters for equal that `0900_ai_ci` tells apart, the other way
//!   round hundreds, and `general`, Japanese, Chinese, Persian and Sinhala have no neighbour at all.

mod table;
mod uca;

pub use table::render_table;

use super::model::{Flavour, Version};
use crate::error::{Error, Kind, Result};
use std::collections::{BTreeMap, BTreeSet};
use uca::Uca;

/// How well a collation fits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fit {
    /// The very same, perhaps under another name.
    Same,
    /// Equal but for characters that came after Unicode 9, and in languages of their own for letters with two marks.
    Equal,
    /// Tells more values apart: unique keys hold, some searches find less.
    Finer,
    /// Ignores trailing spaces, which the original minds.
    Padded,
}

impl Fit {
    /// What the reader should know; empty for [`Fit::Same`].
    #[must_use]
    pub fn note(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Equal => "equal but for rare characters: newer than Unicode 9, letters with two marks",
            Self::Finer => "tells more values apart: unique keys hold, some comparisons find less",
            Self::Padded => {
                "ignores trailing spaces: a unique key over values that differ in them alone fails"
            }
        }
    }
}

/// A collation of the target and how well it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Its name.
    pub name: String,
    /// How well it fits.
    pub fit: Fit,
}

/// Character sets that both families have, `utf8mb3` under its new name.
const CHARSETS: &[&str] = &[
    "armscii8", "ascii", "big5", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866",
    "cp932", "dec8", "eucjpms", "euckr", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8", "keybcs2",
    "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7", "tis620",
    "ucs2", "ujis", "utf16", "utf16le", "utf32", "utf8mb3", "utf8mb4",
];

/// Languages with a collation of their own in both families: MySQL's name, MariaDB's name.
const LANGUAGES: &[(&str, &str)] = &[
    ("cs", "czech"),
    ("da", "danish"),
    ("de_pb", "german2"),
    ("eo", "esperanto"),
    ("es", "spanish"),
    ("es_trad", "spanish2"),
    ("et", "estonian"),
    ("hr", "croatian"),
    ("hu", "hungarian"),
    ("is", "icelandic"),
    ("la", "roman"),
    ("lt", "lithuanian"),
    ("lv", "latvian"),
    ("pl", "polish"),
    ("ro", "romanian"),
    ("sk", "slovak"),
    ("sl", "slovenian"),
    ("sv", "swedish"),
    ("tr", "turkish"),
    ("vi", "vietnamese"),
];

/// Languages of MySQL that compare like another: the language, and like which one (empty: like no special one).
const ALIASES: &[(&str, &str)] = &[
    ("bg", ""),
    ("bs", "hr"),
    ("gl", "es"),
    ("mn_cyrl", ""),
    ("nb", "da"),
    ("nn", "da"),
    ("ru", ""),
    ("sr_latn", "hr"),
];

/// What a target can do.
#[derive(Clone, Copy)]
struct Target {
    flavour: Flavour,
    version: Version,
}

impl Target {
    fn is_mysql(self) -> bool {
        self.flavour == Flavour::Mysql
    }

    fn has_uca1400(self) -> bool {
        !self.is_mysql() && self.version >= Version(10, 10, 1)
    }

    fn has_0900(self) -> bool {
        self.is_mysql() && self.version >= Version(8, 0, 1)
    }

    fn has_0900_bin(self) -> bool {
        self.is_mysql() && self.version >= Version(8, 0, 17)
    }

    /// MySQL has Bulgarian, Norwegian and others only since then.
    fn has_aliases(self) -> bool {
        self.is_mysql() && self.version >= Version(8, 0, 30)
    }

    /// Whether names begin with `utf8mb3_` rather than `utf8_`.
    fn says_utf8mb3(self) -> bool {
        self.version >= if self.is_mysql() { Version(8, 0, 30) } else { Version(10, 6, 1) }
    }

    /// The collation by code point, with the wanted padding where there is one.
    fn by_code_point(self, charset: &str, pads: bool) -> (String, bool) {
        match (pads, self.is_mysql()) {
            (true, _) => (format!("{charset}_bin"), true),
            (false, false) => (format!("{charset}_nopad_bin"), false),
            (false, true) if charset == "utf8mb4" && self.has_0900_bin() => {
                ("utf8mb4_0900_bin".to_owned(), false)
            }
            (false, true) => (format!("{charset}_bin"), true),
        }
    }
}

/// The character set that a collation is of: its name up to the first underscore.
#[must_use]
pub fn charset_of(collation: &str) -> &str {
    collation.split_once('_').map_or(collation, |(charset, _)| charset)
}

/// The name of a character set on the target: `utf8` and `utf8mb3` are one thing under two names.
///
/// # Errors
/// `Schema` when the target has no such character set.
pub fn charset(name: &str, flavour: Flavour, version: Version) -> Result<String> {
    let target = Target { flavour, version };
    match name {
        "utf8" | "utf8mb3" => Ok(if target.says_utf8mb3() { "utf8mb3" } else { "utf8" }.to_owned()),
        "gb18030" if target.is_mysql() => Ok(name.to_owned()),
        _ if CHARSETS.contains(&name) => Ok(name.to_owned()),
        _ => Err(no_such("character set", name, target)),
    }
}

/// The collation that stands for `name` on a server of that family and version.
///
/// # Errors
/// `Schema` when the name is no collation or the target has nothing like it.
pub fn map(name: &str, flavour: Flavour, version: Version) -> Result<Mapped> {
    let target = Target { flavour, version };
    let canonical = match name.strip_prefix("utf8_") {
        Some(rest) => format!("utf8mb3_{rest}"),
        None => name.to_owned(),
    };
    let plain = canonical.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    charset(charset_of(&canonical), flavour, version)
        .ok()
        .filter(|_| plain)
        .and_then(|_| translate(&canonical, target))
        .map(|mapped| spell(mapped, target))
        .ok_or_else(|| no_such("collation", name, target))
}

/// [`map`] for many names, with one error that lists all which the target has nothing for.
///
/// # Errors
/// As [`map`].
pub fn map_all<'a>(
    names: impl IntoIterator<Item = &'a str>,
    flavour: Flavour,
    version: Version,
) -> Result<BTreeMap<String, Mapped>> {
    let mut mapped = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for name in names {
        match map(name, flavour, version) {
            Ok(found) => {
                mapped.insert(name.to_owned(), found);
            }
            Err(_) => {
                unknown.insert(format!("`{}`", printable(name)));
            }
        }
    }
    if unknown.is_empty() {
        return Ok(mapped);
    }
    let list = unknown.into_iter().collect::<Vec<_>>().join(", ");
    Err(Error::new(Kind::Schema, format!("{flavour} {version} has no collation like {list}"))
        .hint("change these columns at the source, exclude their tables, or create the tables on the target"))
}

fn no_such(what: &str, name: &str, target: Target) -> Error {
    let Target { flavour, version } = target;
    Error::new(Kind::Schema, format!("{flavour} {version} has no {what} like `{}`", printable(name)))
}

/// A name that came over the network, fit for a message.
fn printable(name: &str) -> String {
    name.chars().take(64).map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn spell(mapped: Mapped, target: Target) -> Mapped {
    match mapped.name.strip_prefix("utf8mb3_") {
        Some(rest) if !target.says_utf8mb3() => Mapped { name: format!("utf8_{rest}"), fit: mapped.fit },
        _ => mapped,
    }
}

fn same(name: &str) -> Option<Mapped> {
    Some(Mapped { name: name.to_owned(), fit: Fit::Same })
}

fn translate(name: &str, target: Target) -> Option<Mapped> {
    let charset = charset_of(name);
    let rest = name.strip_prefix(charset)?.strip_prefix('_').unwrap_or("");
    if rest.contains("0900") || rest.contains("uca1400") {
        return Uca::parse(charset, rest)?.render(name, target);
    }
    match (rest, target.is_mysql()) {
        ("croatian_mysql561_ci", true) => {
            Some(Mapped { name: format!("{charset}_croatian_ci"), fit: Fit::Same })
        }
        ("myanmar_ci" | "thai_520_w2", true) | ("tolower_ci", false) => {
            Some(Mapped { name: format!("{charset}_bin"), fit: Fit::Finer })
        }
        ("nopad_bin", true) => {
            let (name, pads) = target.by_code_point(charset, false);
            Some(Mapped { name, fit: if pads { Fit::Padded } else { Fit::Same } })
        }
        (_, true) if rest.contains("_nopad_") => {
            Some(Mapped { name: name.replacen("_nopad_", "_", 1), fit: Fit::Padded })
        }
        _ => same(name),
    }
}

#[cfg(test)]
mod tests;
