//! A table's definition as `SHOW CREATE TABLE` prints it, taken apart so that every index and CHECK can be issued
//! again word for word: comments, visibility, expressions, DESC, parsers, periods. Pure.
//!
//! Only used on what the target itself prints under our session settings (backticks, backslash escapes).

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The parts of one table's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Columns, keys and constraints, in order.
    pub elements: Vec<Element>,
    /// What follows the closing parenthesis: engine, charset, comment, partitions.
    pub options: String,
}

/// One line between the outer parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A column.
    Column {
        /// Its name.
        name: String,
        /// Everything after the name.
        text: String,
    },
    /// The primary key.
    PrimaryKey {
        /// The whole text.
        text: String,
    },
    /// Any other index.
    Index(IndexDefinition),
    /// A CHECK constraint with a name (a column's own CHECK is part of its column).
    Check {
        /// Its name.
        name: String,
        /// Everything after the name: `CHECK (…)`.
        text: String,
    },
    /// A foreign key; the catalog says more reliably what it is.
    ForeignKey,
    /// `PERIOD FOR …` and whatever comes next.
    Other,
}

/// An index other than the primary key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDefinition {
    /// Its name.
    pub name: String,
    /// UNIQUE.
    pub unique: bool,
    /// FULLTEXT: the server builds these one at a time.
    pub fulltext: bool,
    /// The whole text, as it goes after `ADD`.
    pub text: String,
}

impl Definition {
    /// Takes the text of `SHOW CREATE TABLE` apart.
    ///
    /// # Errors
    /// `Internal` when the text is not what MySQL and MariaDB print for a table.
    pub fn parse(text: &str) -> Result<Self> {
        let unknown =
            || Error::internal("the definition of a table of the target is written in a way not known");
        if !text.starts_with("CREATE ") {
            return Err(unknown());
        }
        let open = top_level(text, 0, b'(').ok_or_else(unknown)?;
        let close = closing(text, open).ok_or_else(unknown)?;
        let elements = split(&text[open + 1..close])
            .into_iter()
            .map(|part| element(part.trim()).ok_or_else(unknown))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { elements, options: text[close + 1..].trim().to_owned() })
    }

    /// All indexes but the primary key.
    pub fn indexes(&self) -> impl Iterator<Item = &IndexDefinition> {
        self.elements.iter().filter_map(|e| match e {
            Element::Index(index) => Some(index),
            _ => None,
        })
    }

    /// All named CHECKs as (name, text).
    pub fn checks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.elements.iter().filter_map(|e| match e {
            Element::Check { name, text } => Some((name.as_str(), text.as_str())),
            _ => None,
        })
    }

    /// Whether old versions of rows are kept: then an index cannot be added once there are rows (4119).
    #[must_use]
    pub fn is_versioned(&self) -> bool {
        bare(&self.options).contains("WITH SYSTEM VERSIONING")
    }

    /// Two definitions of the same table compare equal by this text unless somebody changed the table; the next
    /// AUTO_INCREMENT value, which every insert moves, is left out.
    #[must_use]
    pub fn fingerprint(text: &str) -> String {
        let at = bare(text).find(" AUTO_INCREMENT=");
        match at {
            Some(at) => {
                let rest = text[at + 16..].trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{}{rest}", &text[..at])
            }
            None => text.to_owned(),
        }
    }

    /// The indexes that can wait until the rows are in. Those that cannot: the one that AUTO_INCREMENT needs, the
    /// key that rows are clustered by when there is no primary key, the first FULLTEXT (it adds a column), and
    /// all of a versioned table.
    #[must_use]
    pub fn deferrable(&self) -> Vec<IndexDefinition> {
        if self.is_versioned() {
            return Vec::new();
        }
        let kept = [self.clustering(), self.auto_increment_index(), self.indexes().find(|i| i.fulltext)];
        self.indexes().filter(|index| !kept.iter().flatten().any(|k| k.name == index.name)).cloned().collect()
    }

    /// As [`Definition::deferrable`], for a table whose rows are few: its plain indexes are there from the start. A unique
    /// one waits, since building it tells which of them two rows violate; so does whatever a value is computed for, since
    /// that may make the server warn, and a warning while rows are loaded is an error.
    #[must_use]
    pub fn deferrable_if_small(&self) -> Vec<IndexDefinition> {
        let mut indexes = self.deferrable();
        if self.columns_with("GENERATED ALWAYS").is_empty() {
            indexes.retain(|index| !is_plain(&index.text));
        }
        indexes
    }

    fn primary_key(&self) -> Option<&str> {
        self.elements.iter().find_map(|e| match e {
            Element::PrimaryKey { text } => Some(text.as_str()),
            _ => None,
        })
    }

    fn columns_with(&self, words: &str) -> Vec<&str> {
        let has = |text: &str| bare(text).contains(words);
        self.elements
            .iter()
            .filter_map(|e| match e {
                Element::Column { name, text } if has(text) => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }

    fn clustering(&self) -> Option<&IndexDefinition> {
        if self.primary_key().is_some() {
            return None;
        }
        let not_null = self.columns_with("NOT NULL");
        self.indexes().find(|index| {
            let parts = parts(&index.text);
            index.unique
                && !parts.is_empty()
                && parts.iter().all(|p| p.as_deref().is_some_and(|name| not_null.contains(&name)))
        })
    }

    fn auto_increment_index(&self) -> Option<&IndexDefinition> {
        let column = self.columns_with("AUTO_INCREMENT").first().copied()?;
        let leads = |text: &str| parts(text).first().is_some_and(|p| p.as_deref() == Some(column));
        if self.primary_key().is_some_and(leads) {
            return None;
        }
        if let Some(clustering) = self.clustering().filter(|index| leads(&index.text)) {
            return Some(clustering);
        }
        // MyISAM and Aria also count inside a key's later columns.
        let holds = |text: &str| parts(text).iter().any(|p| p.as_deref() == Some(column));
        self.indexes()
            .find(|index| leads(&index.text))
            .or_else(|| self.indexes().find(|index| holds(&index.text)))
    }
}

fn element(text: &str) -> Option<Element> {
    if let Some((name, rest)) = identifier(text) {
        return Some(Element::Column { name, text: rest.trim().to_owned() });
    }
    if text.starts_with("PRIMARY KEY") {
        return Some(Element::PrimaryKey { text: text.to_owned() });
    }
    if let Some(rest) = text.strip_prefix("CONSTRAINT ") {
        let (name, rest) = identifier(rest)?;
        return Some(if rest.trim_start().starts_with("CHECK") {
            Element::Check { name, text: rest.trim().to_owned() }
        } else {
            Element::ForeignKey
        });
    }
    for (word, unique, fulltext) in [
        ("KEY ", false, false),
        ("UNIQUE KEY ", true, false),
        ("FULLTEXT KEY ", false, true),
        ("SPATIAL KEY ", false, false),
        ("VECTOR KEY ", false, false),
    ] {
        if let Some((name, _)) = text.strip_prefix(word).and_then(identifier) {
            return Some(Element::Index(IndexDefinition { name, unique, fulltext, text: text.to_owned() }));
        }
    }
    Some(Element::Other)
}

/// The whole columns of an index; none for a prefix, an expression or a period.
fn parts(index: &str) -> Vec<Option<String>> {
    let range = top_level(index, 0, b'(').and_then(|open| Some((open, closing(index, open)?)));
    let Some((open, close)) = range else { return Vec::new() };
    split(&index[open + 1..close])
        .into_iter()
        .map(|part| {
            let (name, rest) = identifier(part.trim())?;
            matches!(rest.trim(), "" | "ASC" | "DESC").then_some(name)
        })
        .collect()
}

/// Whether an index is an ordinary one, neither unique nor over an expression.
fn is_plain(index: &str) -> bool {
    let range = top_level(index, 0, b'(').and_then(|open| Some((open, closing(index, open)?)));
    let is_column = |part: &str| identifier(part.trim()).is_some();
    index.starts_with("KEY ")
        && range.is_some_and(|(open, close)| split(&index[open + 1..close]).into_iter().all(is_column))
}

/// A backquoted name at the start, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    if !text.starts_with('`') {
        return None;
    }
    let end = skip_quoted(text.as_bytes(), 0);
    let inner = text.get(1..end.checked_sub(1)?)?;
    Some((inner.replace("``", "`"), &text[end..]))
}

/// The text without what is quoted or in parentheses, byte for byte in place.
fn bare(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut depth, mut at) = (vec![b' '; bytes.len()], 0_usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\'' | b'"' | b'`' => {
                at = skip_quoted(bytes, at);
                continue;
            }
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            byte if depth == 0 && byte.is_ascii() => out[at] = byte,
            _ => {}
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Just after the quoted text that begins at `at`. Quotes are doubled, and in strings also escaped.
fn skip_quoted(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote != b'`' => at += 2,
            byte if byte == quote => {
                if bytes.get(at + 1) != Some(&quote) {
                    return at + 1;
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Where `wanted` first stands outside quotes and parentheses, from `from` on.
fn top_level(text: &str, from: usize, wanted: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, from);
    while at < bytes.len() {
        match bytes[at] {
            byte if byte == wanted && depth == 0 => return Some(at),
            b'\'' | b'"' | b'`' => {
                at = skip_quoted(bytes, at);
                continue;
            }
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The parenthesis that closes the one at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    top_level(text, open + 1, b')')
}

fn split(body: &str) -> Vec<&str> {
    let (mut out, mut from) = (Vec::new(), 0);
    while let Some(comma) = top_level(body, from, b',') {
        out.push(&body[from..comma]);
        from = comma + 1;
    }
    out.push(&body[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HARD: &str = "CREATE TABLE `b` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `c` varchar(20) DEFAULT 'o''ne\\\\il\\n' COMMENT 'it''s, (a) `q` \\\\ \"x\" KEY `no` (`c`),',
  `e` enum('a,b','c)','d''e') DEFAULT NULL,
  `AUTO_INCREMENT` int DEFAULT NULL COMMENT 'AUTO_INCREMENT NOT NULL',
  `g` int GENERATED ALWAYS AS ((length(`c`) + 1)) STORED,
  PRIMARY KEY (`id`),
  UNIQUE KEY `u` (`c`,`e` DESC),
  KEY `we``ird, (k)` (`c`(3) DESC) COMMENT 'idx, ) comment',
  KEY `fn` ((lower(`c`)),`id` DESC) /*!80000 INVISIBLE */,
  FULLTEXT KEY `ft` (`c`) /*!50100 WITH PARSER `ngram` */ ,
  FULLTEXT KEY `ft2` (`c`),
  PERIOD FOR `pp` (`a`, `b`),
  CONSTRAINT `ch` CHECK ((`c` <> _utf8mb3'x),')),
  CONSTRAINT `ne` CHECK ((`g` > 3)) /*!80016 NOT ENFORCED */,
  CONSTRAINT `fk` FOREIGN KEY (`g`) REFERENCES `o` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=77 DEFAULT CHARSET=utf8mb4 COMMENT='tbl '' AUTO_INCREMENT=5 c'
/*!50100 PARTITION BY RANGE (`y`) (PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB) */";

    #[test]
    fn every_element_of_a_hard_definition_is_found() {
        let definition = Definition::parse(HARD).unwrap();
        let names: Vec<_> = definition.indexes().map(|i| i.name.as_str()).collect();
        assert_eq!(names, ["u", "we`ird, (k)", "fn", "ft", "ft2"]);
        assert_eq!(
            definition.indexes().nth(1).map(|i| i.text.as_str()),
            Some("KEY `we``ird, (k)` (`c`(3) DESC) COMMENT 'idx, ) comment'")
        );
        let checks: Vec<_> = definition.checks().map(|(name, _)| name).collect();
        assert_eq!(checks, ["ch", "ne"]);
        assert_eq!(definition.elements.iter().filter(|e| matches!(e, Element::Column { .. })).count(), 5);
        assert_eq!(definition.elements.iter().filter(|e| matches!(e, Element::ForeignKey)).count(), 1);
        assert!(definition.options.starts_with("ENGINE=InnoDB"));
        assert!(!definition.is_versioned());
        let waits: Vec<_> = definition.deferrable().into_iter().map(|i| i.name).collect();
        assert_eq!(waits, ["u", "we`ird, (k)", "fn", "ft2"], "the first FULLTEXT stays");
        let waits = |text: &str| {
            let definition = Definition::parse(text).unwrap();
            definition.deferrable_if_small().into_iter().map(|i| i.name).collect::<Vec<_>>()
        };
        assert_eq!(waits(HARD), ["u", "we`ird, (k)", "fn", "ft2"], "a column is computed");
        assert_eq!(waits(&HARD.replace("GENERATED ALWAYS", "")), ["u", "fn", "ft2"]);
    }

    #[test]
    fn only_the_next_auto_increment_value_is_left_out_of_a_fingerprint() {
        let fingerprint = Definition::fingerprint(HARD);
        assert_eq!(fingerprint, HARD.replace(" AUTO_INCREMENT=77", ""));
        assert_eq!(Definition::fingerprint(&fingerprint), fingerprint);
    }

    fn waiting(elements: &str, options: &str) -> Vec<String> {
        let text = format!("CREATE TABLE `t` (\n{elements}\n) ENGINE=InnoDB{options}");
        Definition::parse(&text).unwrap().deferrable().into_iter().map(|i| i.name).collect()
    }

    #[test]
    fn what_rows_need_from_the_start_does_not_wait() {
        let table = [
            ("`a` int NOT NULL, PRIMARY KEY (`a`), KEY `k` (`a`)", "", vec!["k"]),
            // clustered by the first unique key that has no NULL and no prefix
            (
                "`a` int NOT NULL, `b` int DEFAULT NULL, UNIQUE KEY `n` (`b`), UNIQUE KEY `p` (`a`(3)), \
                 UNIQUE KEY `c` (`a`), UNIQUE KEY `d` (`a`)",
                "",
                vec!["n", "p", "d"],
            ),
            // the counter's index
            (
                "`a` int NOT NULL AUTO_INCREMENT, `b` int NOT NULL, PRIMARY KEY (`b`), KEY `x` (`b`), \
                 KEY `y` (`a`,`b`), KEY `z` (`a`)",
                "",
                vec!["x", "z"],
            ),
            (
                "`a` int NOT NULL AUTO_INCREMENT, `b` int NOT NULL, PRIMARY KEY (`b`,`a`), KEY `x` (`b`,`a`)",
                "",
                vec![],
            ),
            ("`a` int NOT NULL AUTO_INCREMENT, UNIQUE KEY `u` (`a`), KEY `k` (`a`)", "", vec!["k"]),
            ("`a` int NOT NULL, KEY `k` (`a`)", " WITH SYSTEM VERSIONING", vec![]),
            ("`a` int NOT NULL, KEY `k` (`a`)", " COMMENT=' WITH SYSTEM VERSIONING'", vec!["k"]),
        ];
        for (elements, options, expected) in table {
            assert_eq!(waiting(elements, options), expected, "{elements}");
        }
    }

    #[test]
    fn views_and_rubbish_are_refused() {
        for text in ["", "CREATE VIEW x", "CREATE TABLE `t", "CREATE TABLE `t` (`a` int", "SELECT (1)"] {
            assert!(Definition::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_comment_never_changes_the_structure(comment in "[ -~\\n]{0,40}") {
            let quoted = comment.replace('\\', "\\\\").replace('\'', "''");
            let text = format!(
                "CREATE TABLE `t` (\n  `a` int NOT NULL COMMENT '{quoted}',\n  KEY `k` (`a`) COMMENT '{quoted}'\n) \
                 ENGINE=InnoDB COMMENT='{quoted}'"
            );
            let definition = Definition::parse(&text).unwrap();
            prop_assert_eq!(definition.elements.len(), 2);
            prop_assert_eq!(definition.indexes().count(), 1);
            prop_assert!(!definition.is_versioned());
        }
    }
}
