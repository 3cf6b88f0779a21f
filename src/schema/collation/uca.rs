//! The two families with names of a system: MySQL's `0900`, MariaDB's `uca1400`.

use super::{ALIASES, Fit, LANGUAGES, Mapped, Target, same};

/// Languages in whose `ai_ci` MySQL tells letters apart that MariaDB takes for equal, by MySQL's name: `đ` and `d` in
/// Slovenian, `ř` and `r` in Slovak, `œ` and `oe` in Danish, `ô` and `o` in Swedish, `ch` and `c` in Lithuanian.
const COARSER_ON_MARIADB: &[&str] = &["da", "lt", "sk", "sl", "sv", TURKISH];

/// The same the other way round: `y` and `i` in Latvian and Lithuanian, `ü` and `ű` in Swedish, `z` and `ż` in Estonian.
const COARSER_ON_MYSQL: &[&str] = &["da", "et", "la", "lt", "lv", "sv", TURKISH];

/// Takes the capitals of `î` and `ï` for letters of the dotless `ı` on MySQL alone, so that case tells them apart.
const TURKISH: &str = "tr";

/// On MySQL `ș` is `ş` even where accents and case count.
const ROMANIAN: &str = "ro";

/// A collation of MySQL's `0900` or MariaDB's `uca1400` family in parts.
pub(super) struct Uca<'a> {
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
    pub(super) fn parse(charset: &'a str, rest: &'a str) -> Option<Self> {
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

    pub(super) fn render(&self, name: &str, target: Target) -> Option<Mapped> {
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
            return Some(self.as_uca1400(language, pair.map_or("", |(_, maria)| maria)));
        }
        if target.has_0900() && self.charset == "utf8mb4" {
            return Some(self.as_0900(target, language, native));
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

    /// `language` under MySQL's name, `named` under MariaDB's.
    fn as_uca1400(&self, language: &str, named: &str) -> Mapped {
        let coarser = !self.accents && !self.case && COARSER_ON_MARIADB.contains(&language);
        let strength = if coarser {
            strength_name(true, language == TURKISH)
        } else {
            strength_name(self.accents, self.case)
        };
        let named = if named.is_empty() { String::new() } else { format!("{named}_") };
        let nopad = if self.pads { "" } else { "nopad_" };
        Mapped {
            name: format!("{}_uca1400_{named}{nopad}{strength}", self.charset),
            fit: if coarser { Fit::Finer } else { Fit::Equal },
        }
    }

    /// MySQL has `ai_ci` and `as_cs` for every language, `as_ci` for none in particular, `ai_cs` never.
    /// `native`: it is of MySQL, though of a newer one.
    fn as_0900(&self, target: Target, language: &str, native: bool) -> Mapped {
        if language == ROMANIAN && self.accents && !native {
            return self.code_points(target, false);
        }
        let (accents, case) = match (self.accents, self.case) {
            (false, false) if COARSER_ON_MYSQL.contains(&language) && !native => (true, true),
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
