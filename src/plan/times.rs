//! Which tables can be pulled by delta, and the two columns that say when their rows were made and changed.

use crate::schema::{Column, Generated, Table};

/// The columns that a delta goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// `created_at`, as the schema spells it.
    pub created: TimeColumn,
    /// `updated_at`.
    pub updated: TimeColumn,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeColumn {
    /// Its name as the schema spells it.
    pub name: String,
    /// What its values mean.
    pub reckoning: Reckoning,
    /// Digits of a second's fraction that it keeps.
    pub digits: u8,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// What the values of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reckoning {
    /// Points in time: TIMESTAMP, read as UTC.
    Utc,
    /// What some clock on a wall showed: DATETIME. Which clock, and whether it is put back in autumn, nobody says.
    Local,
}

impl Times {
    /// The columns of a table that can be pulled by delta. `is_told` says whether a column has a rule or is computed
    /// from one that has.
    ///
    /// The engine does not matter. Without snapshots the clock is read before the table's first row, and what is written
    /// while it is read is of that moment or later (checkpoints allow for clocks that say another hour), for the next delta to
    /// bring; only late commits need more, and
    /// engines without snapshots have none.
    ///
    /// # Errors
    /// Why the table cannot be: words to go behind its name.
    pub fn of(table: &Table, restricted: bool, is_told: impl Fn(&str) -> bool) -> Result<Self, String> {
        if restricted {
            // Which rows a limit keeps changes with other rows: a delta would bring those that came and leave those that
            // have to go.
            return Err("limits keep only some of its rows".to_owned());
        }
        if table.primary_key.is_empty() {
            // REPLACE would add each row once more.
            return Err("it has no primary key".to_owned());
        }
        if let Some(name) = table.primary_key.iter().find(|name| is_told(name)) {
            // Under a key that is masked anew a row does not replace the one of last time.
            return Err(format!("a rule changes `{name}` of its primary key"));
        }
        let time = |name: &str| {
            let column = table.column(name).ok_or_else(|| format!("it has no column `{name}`"))?;
            if is_told(&column.name) {
                return Err(format!("column `{}` has a rule", column.name));
            }
            TimeColumn::of(column)
        };
        Ok(Self { created: time("created_at")?, updated: time("updated_at")? })
    }

    /// Both columns.
    pub fn columns(&self) -> impl Iterator<Item = &TimeColumn> {
        [&self.created, &self.updated].into_iter()
    }
}

impl TimeColumn {
    fn of(column: &Column) -> Result<Self, String> {
        let reckoning = match column.data_type.as_str() {
            "timestamp" => Reckoning::Utc,
            "datetime" => Reckoning::Local,
            // A DATE has no time of day: a day's rows would come again and again, or be lost.
            _ => return Err(format!("column `{}` is neither TIMESTAMP nor DATETIME", column.name)),
        };
        if column.generated != Generated::No {
            // What is computed of other columns does not tell when a row was written.
            return Err(format!("column `{}` is generated", column.name));
        }
        let digits = column.column_type.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        Ok(Self {
            name: column.name.clone(),
            reckoning,
            digits: digits.and_then(|(digits, _)| digits.trim().parse().ok()).unwrap_or(0),
            nullable: column.nullable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(created: Column, updated: Column) -> Table {
        let columns = vec![Column::new("id", "int"), created, updated];
        Table { primary_key: vec!["id".into()], ..Table::new("t", columns) }
    }

    fn good() -> Table {
        let created = Column { nullable: true, ..Column::new("Created_AT", "timestamp") };
        table(created, Column::new("UPDATED_at", "datetime(6)"))
    }

    #[test]
    fn names_may_have_any_case_and_types_any_precision() {
        let times = Times::of(&good(), false, |_| false).unwrap();
        let column = |name: &str, reckoning, digits, nullable| TimeColumn {
            name: name.to_owned(),
            reckoning,
            digits,
            nullable,
        };
        assert_eq!(times.created, column("Created_AT", Reckoning::Utc, 0, true));
        assert_eq!(times.updated, column("UPDATED_at", Reckoning::Local, 6, false));
        let other = Table { engine: "MyISAM".into(), ..good() };
        assert_eq!(Times::of(&other, false, |_| false), Ok(times));
    }

    #[test]
    fn every_refusal_says_why() {
        let why = |table: &Table, restricted, ruled: &str| {
            Times::of(table, restricted, |name| name == ruled).unwrap_err()
        };
        assert!(why(&good(), true, "").contains("limits"));
        assert!(why(&Table { primary_key: Vec::new(), ..good() }, false, "").contains("no primary key"));
        assert!(why(&good(), false, "id").contains("`id` of its primary key"));
        assert!(why(&good(), false, "UPDATED_at").contains("`UPDATED_at` has a rule"));
        let (a, b) = (Column::new("created_at", "datetime"), Column::new("updated_at", "datetime"));
        let day = Column::new("updated_at", "date");
        assert!(why(&table(a.clone(), day), false, "").contains("`updated_at` is neither"));
        let missing = Column::new("changed_at", "datetime");
        assert!(why(&table(a.clone(), missing), false, "").contains("no column `updated_at`"));
        let computed = Column { generated: Generated::Stored, ..b };
        assert!(why(&table(a, computed), false, "").contains("`updated_at` is generated"));
    }
}
