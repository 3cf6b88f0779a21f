//! What tells that a table of the target is still the one that an earlier pull left: a delta must not go into a table
//! that was made anew, emptied or altered since.

use super::site::{Site, show_create, unless_code};
use super::staging::fingerprint;
use crate::db::Connection;
use crate::error::Result;
use crate::schema::Flavour;
use crate::sql::TableName;
use crate::sql::ident::string_literal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One table, as it can be known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Digest of its definition: columns, indexes, foreign keys, options.
    pub definition: String,
    /// Seconds since the epoch when the server says that it was made; altering it moves that, filling it does not.
    pub created: Option<i64>,
    /// InnoDB's number of it, where the account may see that (`PROCESS`): `TRUNCATE` makes a new one.
    pub number: Option<u64>,
    /// Whether it has no row.
    pub is_empty: bool,
}

impl Fingerprint {
    /// Whether this is, as far as the server tells, the table that `earlier` was taken of, and was not emptied since.
    /// What the account could not see then or cannot see now is not compared. Of a table whose computed columns are being
    /// purged MariaDB now and then does not say when it was made: then its number has to tell.
    #[must_use]
    pub fn is_still(&self, earlier: &Self) -> bool {
        let numbers = self.number.zip(earlier.number);
        let created = match (self.created, earlier.created) {
            (Some(_), None) | (None, Some(_)) => numbers.is_some(),
            (now, then) => now == then,
        };
        self.definition == earlier.definition
            && created
            && numbers.is_none_or(|(now, then)| now == then)
            && (earlier.is_empty || !self.is_empty)
    }
}

/// Of those of `names` that exist.
pub(super) fn read<S: AsRef<str>>(
    site: &Site,
    conn: &mut Connection,
    names: &[S],
) -> Result<BTreeMap<String, Fingerprint>> {
    let made = made(site, conn)?;
    let numbers = numbers(site, conn)?;
    let mut out = BTreeMap::new();
    for name in names {
        let name = name.as_ref();
        let Some(&created) = made.get(&site.fold(name)) else { continue };
        let table = TableName::qualified(site.database(), name);
        let definition = fingerprint(&show_create(conn, &table)?);
        let row: Option<u8> = conn.query_first(&format!("SELECT 1 FROM {table} LIMIT 1"))?;
        let number = file_name(name).and_then(|name| numbers.get(&site.fold(&name)).copied());
        out.insert(name.to_owned(), Fingerprint { definition, created, number, is_empty: row.is_none() });
    }
    Ok(out)
}

/// Folded names of the schema's tables, and when each was made.
fn made(site: &Site, conn: &mut Connection) -> Result<BTreeMap<String, Option<i64>>> {
    let rows: Vec<(String, Option<i64>)> = conn.query(&format!(
        "SELECT TABLE_NAME, UNIX_TIMESTAMP(CREATE_TIME) FROM information_schema.TABLES \
         WHERE TABLE_TYPE <> 'VIEW' AND TABLE_SCHEMA = {}",
        string_literal(site.database())
    ))?;
    Ok(rows.into_iter().map(|(name, created)| (site.fold(&name), created)).collect())
}

/// InnoDB's numbers by the tables' file names; empty where the account may not see them.
fn numbers(site: &Site, conn: &mut Connection) -> Result<BTreeMap<String, u64>> {
    let Some(schema) = file_name(site.database()) else { return Ok(BTreeMap::new()) };
    let list = match conn.flavour() {
        Flavour::Mariadb => "INNODB_SYS_TABLES",
        Flavour::Mysql if conn.version().0 < 8 => "INNODB_SYS_TABLES",
        Flavour::Mysql => "INNODB_TABLES",
    };
    let rows = conn.query::<(String, u64)>(&format!(
        "SELECT SUBSTR(NAME, {}), TABLE_ID FROM information_schema.{list} WHERE LEFT(NAME, {}) = {}",
        schema.len() + 2,
        schema.len() + 1,
        string_literal(&format!("{schema}/"))
    ));
    let rows = unless_code(rows, &[1044, 1109, 1142, 1227])?.unwrap_or_default();
    Ok(rows.into_iter().map(|(name, number)| (site.fold(&name), number)).collect())
}

/// How InnoDB spells a name that has nothing but ASCII; other names have a table of their own for it.
fn file_name(name: &str) -> Option<String> {
    let spell = |c: char| match c {
        '0'..='9' | 'a'..='z' | 'A'..='Z' | '_' => c.to_string(),
        _ => format!("@{:04x}", u32::from(c)),
    };
    name.is_ascii().then(|| name.chars().map(spell).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_innodb_spells_them() {
        assert_eq!(file_name("q-x").as_deref(), Some("q@002dx"));
        assert_eq!(file_name("Users_2").as_deref(), Some("Users_2"));
        assert_eq!(file_name("caf\u{e9}"), None);
    }

    #[test]
    fn what_was_not_seen_is_not_compared() {
        let then = Fingerprint { definition: "d".into(), created: Some(7), number: Some(3), is_empty: false };
        assert!(then.is_still(&then));
        assert!(Fingerprint { number: None, ..then.clone() }.is_still(&then));
        let silent = Fingerprint { created: None, ..then.clone() };
        assert!(silent.is_still(&then) && then.is_still(&silent) && silent.is_still(&silent));
        assert!(then.is_still(&Fingerprint { is_empty: true, ..then.clone() }));
        for other in [
            Fingerprint { definition: "e".into(), ..then.clone() },
            Fingerprint { created: Some(8), ..then.clone() },
            Fingerprint { created: None, number: None, ..then.clone() },
            Fingerprint { created: None, number: Some(4), ..then.clone() },
            Fingerprint { number: Some(4), ..then.clone() },
            Fingerprint { is_empty: true, ..then.clone() },
        ] {
            assert!(!other.is_still(&then), "{other:?}");
        }
    }
}
