//! The definition of a workspace table: our own DDL, never `LIKE` (a copy of a MERGE table writes through to the
//! source), with nothing that could change a value or store it elsewhere.

use crate::schema::{Check, Column, Generated, Table};
use crate::sql::ident::column_list;
use crate::sql::{Ident, TableName};

/// `CREATE TABLE` for a copy of `table`: its stored columns, `key` as the primary key, the given CHECKs. With
/// `row_number`, a column of that name numbers the rows and is the key instead.
#[must_use]
pub fn definition(
    table: &Table,
    place: &TableName,
    key: &[String],
    row_number: Option<&str>,
    checks: &[Check],
) -> String {
    let mut parts: Vec<String> = table.stored_columns().map(column_definition).collect();
    match row_number {
        Some(name) => {
            parts.push(format!("{} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", Ident::new(name)));
        }
        None => parts.push(format!("PRIMARY KEY ({})", column_list(key))),
    }
    // Generated columns are not copied, so what mentions one cannot be checked here; the target checks it again.
    let computed: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| column.generated != Generated::No)
        .map(|column| column.name.as_str())
        .collect();
    let checkable = |check: &&Check| !computed.iter().any(|name| check.expression.contains(name));
    parts.extend(checks.iter().filter(checkable).map(|check| format!("CHECK ({})", check.expression)));
    format!(
        "CREATE TABLE {place} ({}) ENGINE=InnoDB DEFAULT CHARACTER SET {} COLLATE {}",
        parts.join(", "),
        table.charset,
        table.collation
    )
}

fn column_definition(column: &Column) -> String {
    let mut text = format!("{} {}", Ident::new(column.name.as_str()), column.column_type);
    if let (Some(charset), Some(collation)) = (&column.charset, &column.collation)
        && (column.is_text() || matches!(column.data_type.as_str(), "enum" | "set"))
    {
        text.push_str(&format!(" CHARACTER SET {charset} COLLATE {collation}"));
    }
    text.push_str(if column.nullable { " NULL" } else { " NOT NULL" });
    if column.data_type == "timestamp" {
        // Without a default of its own, the first TIMESTAMP of a table may be given ON UPDATE CURRENT_TIMESTAMP.
        text.push_str(if column.nullable { " DEFAULT NULL" } else { " DEFAULT 0" });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::TableKind;

    fn column(name: &str, column_type: &str, nullable: bool) -> Column {
        let data_type = column_type.split('(').next().unwrap_or_default().to_owned();
        Column {
            name: name.into(),
            data_type,
            column_type: column_type.into(),
            charset: None,
            collation: None,
            nullable,
            default: Some("1".into()),
            on_update: Some("current_timestamp()".into()),
            generated: Generated::No,
            expression: None,
            invisible: true,
            auto_increment: true,
            max_length: None,
            srid: None,
            comment: "x".into(),
        }
    }

    fn table() -> Table {
        let mut email = column("email", "varchar(90)", true);
        (email.charset, email.collation) = (Some("latin1".into()), Some("latin1_bin".into()));
        let mut sum = column("sum", "int(11)", true);
        sum.generated = Generated::Virtual;
        Table {
            name: "t".into(),
            kind: TableKind::SystemVersioned,
            engine: "MyISAM".into(),
            charset: "utf8mb4".into(),
            collation: "utf8mb4_bin".into(),
            columns: vec![column("id", "int(11)", false), email, sum, column("at", "timestamp", false)],
            primary_key: vec!["id".into()],
            indexes: vec![],
            checks: vec![],
            row_count: 0,
            bytes: 0,
            partitioned: true,
            comment: String::new(),
            created: None,
        }
    }

    #[test]
    fn nothing_that_acts_by_itself_is_copied() {
        let checks = [
            Check { name: "c".into(), expression: "`id` > 0".into() },
            Check { name: "d".into(), expression: "`sum` > 0".into() },
        ];
        assert_eq!(
            definition(&table(), &TableName::qualified("ws", "t"), &["id".into()], None, &checks),
            "CREATE TABLE `ws`.`t` (`id` int(11) NOT NULL, `email` varchar(90) CHARACTER SET latin1 COLLATE latin1_bin NULL, \
             `at` timestamp NOT NULL DEFAULT 0, PRIMARY KEY (`id`), CHECK (`id` > 0)) \
             ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        );
    }

    #[test]
    fn a_table_without_a_key_is_numbered() {
        let ddl = definition(&table(), &TableName::qualified("ws", "t"), &[], Some("_row"), &[]);
        assert!(ddl.contains("`_row` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY"), "{ddl}");
        assert!(!ddl.contains("`id` int(11) NOT NULL AUTO_INCREMENT"), "{ddl}");
    }
}
