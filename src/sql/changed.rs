//! Finding the rows of a delta by indexes that lead with the two columns which say when: as many index entries are read
//! as there are such rows, however large the table is.

use super::ident::{Ident, TableName};
use super::since::{Since, ZERO};

/// The rows of a table that [`Since`] picks, found by indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The table.
    pub table: TableName,
    /// Its primary key.
    pub key: Vec<String>,
    /// Which rows.
    pub since: Since,
    /// An index that begins with the column of when a row was made.
    pub created_index: String,
    /// One that begins with that of when it was changed.
    pub updated_index: String,
}

impl Changed {
    /// A statement that counts the rows, up to about `limit`; no part of it reads more entries of an index. The second
    /// number says how many rows have a zero date for when they were made: with `limit` of them or more the first one is
    /// too small, maybe.
    #[must_use]
    pub fn count(&self, limit: u64) -> String {
        let key = self.key_list();
        let mut parts: Vec<String> = Vec::new();
        for (column, index) in self.columns() {
            let name = Ident::new(column.name.as_str());
            parts.push(self.part(&key, index, &format!("{name} >= TIMESTAMP'{}'", column.from), limit));
            if column.nullable {
                parts.push(self.part(&key, index, &format!("{name} IS NULL"), limit));
            }
        }
        let (created, updated) =
            (Ident::new(self.since.created.name.as_str()), Ident::new(self.since.updated.name.as_str()));
        let zero = format!("{created} = {ZERO}");
        let also = format!("{key}, {updated} AS backfill_updated");
        let both = self.part(&also, &self.created_index, &zero, limit);
        parts.push(format!("(SELECT {key} FROM {both} AS zero WHERE backfill_updated = {ZERO})"));
        let zeros = self.part("1", &self.created_index, &zero, limit);
        format!(
            "SELECT COUNT(*), (SELECT COUNT(*) FROM {zeros} AS zeros) FROM ({}) AS changed",
            parts.join(" UNION ")
        )
    }

    fn columns(&self) -> [(&super::since::SinceColumn, &str); 2] {
        [(&self.since.created, &self.created_index), (&self.since.updated, &self.updated_index)]
    }

    fn part(&self, list: &str, index: &str, condition: &str, limit: u64) -> String {
        let (table, index) = (&self.table, Ident::new(index));
        format!("(SELECT {list} FROM {table} FORCE INDEX ({index}) WHERE {condition} LIMIT {limit})")
    }

    fn key_list(&self) -> String {
        let names: Vec<String> = self.key.iter().map(|name| Ident::new(name.as_str()).to_string()).collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::since::SinceColumn;

    #[test]
    fn every_part_reads_one_index_to_its_limit() {
        let column = |name: &str, nullable| SinceColumn {
            name: name.to_owned(),
            from: "2026-11-22 10:00:00".to_owned(),
            nullable,
        };
        let changed = Changed {
            table: TableName::qualified("app", "t"),
            key: vec!["a".into(), "b".into()],
            since: Since { created: column("c", false), updated: column("u", true) },
            created_index: "by_c".into(),
            updated_index: "by_u".into(),
        };
        let from = "FROM `app`.`t` FORCE INDEX";
        let zero = "'0000-00-00 00:00:00'";
        assert_eq!(
            changed.count(9),
            format!(
                "SELECT COUNT(*), (SELECT COUNT(*) FROM (SELECT 1 {from} (`by_c`) WHERE `c` = {zero} LIMIT 9) AS zeros) FROM (\
                 (SELECT `a`, `b` {from} (`by_c`) WHERE `c` >= TIMESTAMP'2026-11-22 10:00:00' LIMIT 9) UNION \
                 (SELECT `a`, `b` {from} (`by_u`) WHERE `u` >= TIMESTAMP'2026-11-22 10:00:00' LIMIT 9) UNION \
                 (SELECT `a`, `b` {from} (`by_u`) WHERE `u` IS NULL LIMIT 9) UNION \
                 (SELECT `a`, `b` FROM (SELECT `a`, `b`, `u` AS backfill_updated {from} (`by_c`) WHERE `c` = {zero} LIMIT 9) \
                 AS zero WHERE backfill_updated = {zero})) AS changed"
            )
        );
    }
}
