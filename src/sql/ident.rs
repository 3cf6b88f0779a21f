//! Names in SQL text. [`Ident`] and [`TableName`] are the only way a name gets into a statement.

use std::fmt;

/// One identifier. `Display` writes it quoted with backticks, backticks inside doubled, which is right under
/// every `sql_mode` (`ANSI_QUOTES` only adds double quotes as a second form).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ident(String);

impl Ident {
    /// Any text can be quoted; whether such a thing exists is the server's to say.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The bare name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find('`') {
            write!(f, "{}``", &rest[..at])?;
            rest = &rest[at + 1..];
        }
        write!(f, "{rest}`")
    }
}

/// A table's name, with or without its schema. `Display` writes `` `schema`.`table` ``.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    schema: Option<Ident>,
    table: Ident,
}

impl TableName {
    /// A name that the connection's default schema resolves.
    pub fn bare(table: impl Into<String>) -> Self {
        Self { schema: None, table: Ident::new(table) }
    }

    /// A name inside `schema`.
    pub fn qualified(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { schema: Some(Ident::new(schema)), table: Ident::new(table) }
    }

    /// The bare table name.
    #[must_use]
    pub fn table(&self) -> &str {
        self.table.as_str()
    }

    /// The schema, if the name has one.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_ref().map(Ident::as_str)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.table),
            None => write!(f, "{}", self.table),
        }
    }
}

/// `` `a`, `b` ``: names as a quoted, comma-separated list.
pub fn column_list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(&Ident::new(name.as_ref()).to_string());
    }
    list
}

/// A string as an SQL literal that reads the same with and without `NO_BACKSLASH_ESCAPES`: hexadecimal with an
/// introducer where the text holds a quote, a backslash or a control character, quoted otherwise.
/// For names and settings, not for rows (see [`super::literal`]).
#[must_use]
pub fn string_literal(text: &str) -> String {
    if text.chars().all(|c| c != '\'' && c != '\\' && !c.is_control()) {
        return format!("'{text}'");
    }
    let mut out = String::with_capacity(text.len() * 2 + 12);
    out.push_str("_utf8mb4 x'");
    for byte in text.as_bytes() {
        out.push_str(&format!("{byte:02x}"));
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_survives_every_character() {
        for (name, quoted) in [
            ("users", "`users`"),
            ("or`der", "`or``der`"),
            ("``", "``````"),
            ("a.b", "`a.b`"),
            ("naïve 🦀", "`naïve 🦀`"),
            ("x\ny", "`x\ny`"),
        ] {
            assert_eq!(Ident::new(name).to_string(), quoted);
        }
        assert_eq!(TableName::qualified("a", "b").to_string(), "`a`.`b`");
        assert_eq!(column_list(["a", "b"]), "`a`, `b`");
    }

    #[test]
    fn string_literals_never_depend_on_backslash_mode() {
        assert_eq!(string_literal("plain é"), "'plain é'");
        assert_eq!(string_literal("o'neil"), "_utf8mb4 x'6f276e65696c'");
        assert_eq!(string_literal("a\\"), "_utf8mb4 x'615c'");
    }
}
