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
//! - `0900` and `uca1400_nopad` of one language differ only in characters that came after Unicode 9;
//! - Bulgarian, Mongolian and Russian equal the plain one, Bosnian and Serbian the Croatian, Galician the Spanish,
//!   both Norwegians the Danish (MySQL has names of their own for them, MariaDB has not);
//! - `unicode_520_nopad` takes no two common characters for equal that `0900_ai_ci` tells apart, the other way
//!   round hundreds, and `general`, Japanese, Chinese, Persian and Sinhala have no neighbour at all.

use super::model::{Flavour, Version};
use crate::error::{Error, Kind, Result};
use std::collections::{BTreeMap, BTreeSet};

/// How well a collation fits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fit {
    /// The very same, perhaps under another name.
    Same,
    /// Equal but for characters that came after Unicode 9.
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
            Self::Equal => "equal but for characters newer than Unicode 9",
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

/// A collation of MySQL's `0900` or MariaDB's `uca1400` family in parts.
struct Uca<'a> {
    charset: &'a str,
    /// MySQL's name of the language; empty for none.
    language: &'a str,
    accents: bool,
    case: bool,
    kana: bool,
    by_code_point: bool,
    pads: bool,
}

impl<'a> Uca<'a> {
    /// The parts of `{charset}_{rest}`.
    fn parse(charset: &'a str, rest: &'a str) -> Option<Self> {
        if let Some((language, strength)) = split_at_word(rest, "0900") {
            return Self { charset, language, pads: false, ..Self::strength(strength)? }
                .known(charset == "utf8mb4");
        }
        let (before, tail) = split_at_word(rest, "uca1400")?;
        let (tail, strength) = tail.split_at_checked(tail.len().checked_sub("ai_ci".len())?)?;
        let tail = tail.strip_suffix('_').unwrap_or(tail);
        let (language, pads) = match tail {
            "nopad" => ("", false),
            _ => tail.strip_suffix("_nopad").map_or((tail, true), |language| (language, false)),
        };
        let language =
            LANGUAGES.iter().find(|(_, maria)| *maria == language).map_or(language, |(mysql, _)| mysql);
        let parts = Self::strength(strength)?;
        let unicode = matches!(charset, "utf8mb3" | "utf8mb4" | "ucs2" | "utf16" | "utf32");
        let plain = before.is_empty() && !parts.kana && !parts.by_code_point;
        Self { charset, language, pads, ..parts }.known(unicode && plain)
    }

    fn known(self, holds: bool) -> Option<Self> {
        let language =
            self.language.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        (holds && language).then_some(self)
    }

    fn strength(text: &str) -> Option<Self> {
        let (accents, case, kana, by_code_point) = match text {
            "ai_ci" => (false, false, false, false),
            "ai_cs" => (false, true, false, false),
            "as_ci" => (true, false, false, false),
            "as_cs" => (true, true, false, false),
            "as_cs_ks" => (true, true, true, false),
            "bin" => (true, true, true, true),
            _ => return None,
        };
        Some(Self { charset: "", language: "", accents, case, kana, by_code_point, pads: false })
    }

    fn render(&self, name: &str, target: Target) -> Option<Mapped> {
        let native = if target.is_mysql() { name.contains("0900") } else { name.contains("uca1400") };
        let alias = ALIASES.iter().find(|(language, _)| *language == self.language);
        if native && self.exists(target, alias.is_some()) {
            return same(name);
        }
        let language = alias.map_or(self.language, |(_, like)| like);
        let pair = LANGUAGES.iter().find(|(mysql, _)| *mysql == language);
        if self.by_code_point || self.kana || (pair.is_none() && !language.is_empty()) {
            return Some(self.code_points(target, self.by_code_point));
        }
        if target.has_uca1400() {
            let language = pair.map_or(String::new(), |(_, maria)| format!("{maria}_"));
            let nopad = if self.pads { "" } else { "nopad_" };
            let strength = strength_name(self.accents, self.case);
            let name = format!("{}_uca1400_{language}{nopad}{strength}", self.charset);
            return Some(Mapped { name, fit: Fit::Equal });
        }
        if target.has_0900() && self.charset == "utf8mb4" {
            return Some(self.as_0900(language));
        }
        if language.is_empty() && !self.accents && !self.case {
            let (nopad, fit) = match (self.pads, target.is_mysql()) {
                (true, _) => ("", Fit::Finer),
                (false, false) => ("nopad_", Fit::Finer),
                (false, true) => ("", Fit::Padded),
            };
            return Some(Mapped { name: format!("{}_unicode_520_{nopad}ci", self.charset), fit });
        }
        Some(self.code_points(target, false))
    }

    /// Whether the target has it under its own name.
    fn exists(&self, target: Target, alias: bool) -> bool {
        match (self.by_code_point, alias && self.language != "ru") {
            (true, _) => target.has_0900_bin(),
            (false, true) => target.has_aliases(),
            (false, false) => target.has_0900() || target.has_uca1400(),
        }
    }

    /// MySQL has `ai_ci` and `as_cs` for every language, `as_ci` for none in particular, `ai_cs` never.
    fn as_0900(&self, language: &str) -> Mapped {
        let (accents, case) = match (self.accents, self.case) {
            (false, false) => (false, false),
            (true, false) if language.is_empty() => (true, false),
            _ => (true, true),
        };
        let exact = !self.pads && (accents, case) == (self.accents, self.case);
        let language = if language.is_empty() { String::new() } else { format!("{language}_") };
        Mapped {
            name: format!("utf8mb4_{language}0900_{}", strength_name(accents, case)),
            fit: if exact { Fit::Equal } else { Fit::Finer },
        }
    }

    fn code_points(&self, target: Target, exact: bool) -> Mapped {
        let (name, pads) = target.by_code_point(self.charset, self.pads);
        let fit = match (pads && !self.pads, exact) {
            (true, _) => Fit::Padded,
            (false, true) => Fit::Same,
            (false, false) => Fit::Finer,
        };
        Mapped { name, fit }
    }
}

fn strength_name(accents: bool, case: bool) -> &'static str {
    match (accents, case) {
        (false, false) => "ai_ci",
        (false, true) => "ai_cs",
        (true, false) => "as_ci",
        (true, true) => "as_cs",
    }
}

/// What stands before and after `word` in a text whose parts are joined by underscores.
fn split_at_word<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let (before, after) = text.split_once(word)?;
    let before = if before.is_empty() { "" } else { before.strip_suffix('_')? };
    Some((before, after.strip_prefix('_')?))
}

/// The mappings as a table for readers: collation, what it becomes and where, what to know.
#[must_use]
pub fn render_table() -> Vec<(String, String, String)> {
    const CURRENT_MYSQL: (Flavour, Version) = (Flavour::Mysql, Version(8, 4, 0));
    const OLD_MYSQL: (Flavour, Version) = (Flavour::Mysql, Version(5, 7, 44));
    const CURRENT_MARIADB: (Flavour, Version) = (Flavour::Mariadb, Version(10, 11, 0));
    const OLD_MARIADB: (Flavour, Version) = (Flavour::Mariadb, Version(10, 6, 1));
    let examples: &[(&str, (Flavour, Version), &str)] = &[
        ("utf8mb4_0900_ai_ci", CURRENT_MARIADB, "MariaDB 10.10 or newer"),
        ("utf8mb4_0900_as_ci", CURRENT_MARIADB, "MariaDB 10.10 or newer"),
        ("utf8mb4_0900_as_cs", CURRENT_MARIADB, "MariaDB 10.10 or newer"),
        ("utf8mb4_0900_bin", CURRENT_MARIADB, "MariaDB"),
        ("utf8mb4_de_pb_0900_ai_ci", CURRENT_MARIADB, "MariaDB 10.10 or newer"),
        ("utf8mb4_ru_0900_ai_ci", CURRENT_MARIADB, "MariaDB 10.10 or newer"),
        ("utf8mb4_nb_0900_ai_ci", CURRENT_MARIADB, "MariaDB 10.10 or newer"),
        ("utf8mb4_ja_0900_as_cs", CURRENT_MARIADB, "MariaDB"),
        ("utf8mb4_zh_0900_as_cs", CURRENT_MARIADB, "MariaDB"),
        ("utf8mb4_0900_ai_ci", OLD_MARIADB, "MariaDB before 10.10"),
        ("utf8mb4_0900_as_cs", OLD_MARIADB, "MariaDB before 10.10"),
        ("utf8mb4_0900_ai_ci", OLD_MYSQL, "MySQL 5.7"),
        ("utf8mb4_uca1400_ai_ci", CURRENT_MYSQL, "MySQL 8 or newer"),
        ("utf8mb4_uca1400_nopad_ai_ci", CURRENT_MYSQL, "MySQL 8 or newer"),
        ("utf8mb4_uca1400_as_cs", CURRENT_MYSQL, "MySQL 8 or newer"),
        ("utf8mb4_uca1400_ai_cs", CURRENT_MYSQL, "MySQL 8 or newer"),
        ("utf8mb4_uca1400_german2_ai_ci", CURRENT_MYSQL, "MySQL 8 or newer"),
        ("utf8mb4_uca1400_persian_ai_ci", CURRENT_MYSQL, "MySQL"),
        ("utf8mb3_uca1400_ai_ci", CURRENT_MYSQL, "MySQL"),
        ("utf8mb4_nopad_bin", CURRENT_MYSQL, "MySQL 8.0.17 or newer"),
        ("utf8mb4_general_nopad_ci", CURRENT_MYSQL, "MySQL"),
        ("latin1_swedish_nopad_ci", CURRENT_MYSQL, "MySQL"),
        ("utf8mb4_croatian_mysql561_ci", CURRENT_MYSQL, "MySQL"),
        ("utf8mb4_thai_520_w2", CURRENT_MYSQL, "MySQL"),
        ("utf8mb4_general_ci", CURRENT_MYSQL, "either"),
        ("gb18030_chinese_ci", CURRENT_MARIADB, "MariaDB"),
    ];
    examples
        .iter()
        .map(|&(from, (flavour, version), place)| match map(from, flavour, version) {
            Ok(mapped) => {
                (from.to_owned(), format!("{} on {place}", mapped.name), mapped.fit.note().to_owned())
            }
            Err(_) => (from.to_owned(), format!("nothing on {place}"), "such tables are refused".to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Fit::{Equal, Finer, Padded, Same};

    const MARIA: (Flavour, Version) = (Flavour::Mariadb, Version(10, 11, 6));
    const MARIA_OLD: (Flavour, Version) = (Flavour::Mariadb, Version(10, 5, 9));
    const MYSQL: (Flavour, Version) = (Flavour::Mysql, Version(9, 7, 0));
    const MYSQL_8: (Flavour, Version) = (Flavour::Mysql, Version(8, 0, 16));
    const MYSQL_5: (Flavour, Version) = (Flavour::Mysql, Version(5, 7, 44));

    #[test]
    fn every_collation_has_one_counterpart_per_target() {
        for (name, (flavour, version), expected, fit) in [
            ("utf8mb4_0900_ai_ci", MARIA, "utf8mb4_uca1400_nopad_ai_ci", Equal),
            ("utf8mb4_0900_as_cs", MARIA, "utf8mb4_uca1400_nopad_as_cs", Equal),
            ("utf8mb4_0900_bin", MARIA, "utf8mb4_nopad_bin", Same),
            ("utf8mb4_de_pb_0900_ai_ci", MARIA, "utf8mb4_uca1400_german2_nopad_ai_ci", Equal),
            ("utf8mb4_es_trad_0900_as_cs", MARIA, "utf8mb4_uca1400_spanish2_nopad_as_cs", Equal),
            ("utf8mb4_bs_0900_ai_ci", MARIA, "utf8mb4_uca1400_croatian_nopad_ai_ci", Equal),
            ("utf8mb4_ru_0900_as_cs", MARIA, "utf8mb4_uca1400_nopad_as_cs", Equal),
            ("utf8mb4_ja_0900_as_cs_ks", MARIA, "utf8mb4_nopad_bin", Finer),
            ("utf8mb4_zh_0900_as_cs", MARIA, "utf8mb4_nopad_bin", Finer),
            ("utf8mb4_0900_ai_ci", MARIA_OLD, "utf8mb4_unicode_520_nopad_ci", Finer),
            ("utf8mb4_0900_as_ci", MARIA_OLD, "utf8mb4_nopad_bin", Finer),
            ("utf8mb4_uca1400_ai_ci", MARIA_OLD, "utf8mb4_unicode_520_ci", Finer),
            ("utf8mb3_general_ci", MARIA_OLD, "utf8_general_ci", Same),
            ("utf8mb3_tolower_ci", MARIA, "utf8mb3_bin", Finer),
            ("utf8mb4_uca1400_ai_ci", MYSQL, "utf8mb4_0900_ai_ci", Finer),
            ("utf8mb4_uca1400_nopad_ai_ci", MYSQL, "utf8mb4_0900_ai_ci", Equal),
            ("utf8mb4_uca1400_nopad_as_ci", MYSQL, "utf8mb4_0900_as_ci", Equal),
            ("utf8mb4_uca1400_nopad_ai_cs", MYSQL, "utf8mb4_0900_as_cs", Finer),
            ("utf8mb4_uca1400_swedish_nopad_as_ci", MYSQL, "utf8mb4_sv_0900_as_cs", Finer),
            ("utf8mb4_uca1400_swedish_nopad_ai_ci", MYSQL, "utf8mb4_sv_0900_ai_ci", Equal),
            ("utf8mb4_uca1400_persian_nopad_ai_ci", MYSQL, "utf8mb4_0900_bin", Finer),
            ("utf8mb4_uca1400_persian_ai_ci", MYSQL, "utf8mb4_bin", Finer),
            ("utf8mb3_uca1400_ai_ci", MYSQL, "utf8mb3_unicode_520_ci", Finer),
            ("utf8mb3_uca1400_as_cs", MYSQL, "utf8mb3_bin", Finer),
            ("utf8mb3_uca1400_nopad_as_cs", MYSQL, "utf8mb3_bin", Padded),
            ("utf8_general_ci", MYSQL, "utf8mb3_general_ci", Same),
            ("utf8mb4_nopad_bin", MYSQL, "utf8mb4_0900_bin", Same),
            ("utf8mb4_nopad_bin", MYSQL_8, "utf8mb4_bin", Padded),
            ("utf8mb4_0900_bin", MYSQL_8, "utf8mb4_bin", Padded),
            ("utf8mb4_nb_0900_ai_ci", MYSQL_8, "utf8mb4_da_0900_ai_ci", Equal),
            ("utf8mb4_ru_0900_ai_ci", MYSQL_8, "utf8mb4_ru_0900_ai_ci", Same),
            ("utf8mb4_ja_0900_as_cs_ks", MYSQL, "utf8mb4_ja_0900_as_cs_ks", Same),
            ("latin1_swedish_nopad_ci", MYSQL, "latin1_swedish_ci", Padded),
            ("utf8mb4_unicode_520_nopad_ci", MYSQL, "utf8mb4_unicode_520_ci", Padded),
            ("utf8mb4_croatian_mysql561_ci", MYSQL, "utf8mb4_croatian_ci", Same),
            ("utf8mb4_thai_520_w2", MYSQL, "utf8mb4_bin", Finer),
            ("utf8mb4_0900_ai_ci", MYSQL_5, "utf8mb4_unicode_520_ci", Padded),
            ("utf8mb4_0900_as_cs", MYSQL_5, "utf8mb4_bin", Padded),
            ("utf8mb4_uca1400_ai_ci", MYSQL_5, "utf8mb4_unicode_520_ci", Finer),
            ("binary", MARIA, "binary", Same),
            ("latin1_swedish_ci", MARIA, "latin1_swedish_ci", Same),
            ("gb18030_chinese_ci", MYSQL, "gb18030_chinese_ci", Same),
        ] {
            let mapped = map(name, flavour, version).unwrap();
            assert_eq!((mapped.name.as_str(), mapped.fit), (expected, fit), "{name} on {flavour} {version}");
        }
    }

    #[test]
    fn what_has_no_counterpart_is_listed() {
        let names = [
            "utf8mb4_bin",
            "gb18030_bin",
            "klingon_ci",
            "utf8mb4_bin; DROP",
            "latin1_0900_ai_ci",
            "latin1_uca1400_ai_ci",
            "",
        ];
        let error = map_all(names, MARIA.0, MARIA.1).unwrap_err();
        assert_eq!(error.kind(), Kind::Schema);
        for name in [
            "gb18030_bin",
            "klingon_ci",
            "utf8mb4_bin; DROP",
            "latin1_0900_ai_ci",
            "latin1_uca1400_ai_ci",
            "``",
        ] {
            assert!(error.what().contains(name), "{name}: {error}");
        }
        assert!(!error.what().contains("`utf8mb4_bin`"));
        assert_eq!(map_all(["utf8mb4_bin"], MARIA.0, MARIA.1).unwrap().len(), 1);
    }

    #[test]
    fn mapping_twice_changes_nothing_more() {
        for (name, _, _) in render_table() {
            for (flavour, version) in [MARIA, MARIA_OLD, MYSQL, MYSQL_8, MYSQL_5] {
                if let Ok(once) = map(&name, flavour, version) {
                    let twice = map(&once.name, flavour, version).unwrap();
                    assert_eq!(twice, Mapped { name: once.name, fit: Same }, "{name} on {flavour} {version}");
                }
            }
        }
    }

    #[test]
    fn character_sets_have_one_name_per_target() {
        assert_eq!(charset("utf8", MYSQL.0, MYSQL.1).unwrap(), "utf8mb3");
        assert_eq!(charset("utf8mb3", MYSQL_5.0, MYSQL_5.1).unwrap(), "utf8");
        assert!(charset("gb18030", MARIA.0, MARIA.1).is_err());
        assert!(charset("latin1 x", MYSQL.0, MYSQL.1).is_err());
    }
}
