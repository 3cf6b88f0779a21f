//! What `SHOW CREATE TABLE` prints, line by line, so that two servers can be compared: exactly as far as they are of
//! one family, else but for a list of things that the two families print differently and mean the same.

use mysql::Conn;
use mysql::prelude::Queryable;
use std::collections::BTreeMap;

/// Table name to the lines of its definition.
pub type Definitions = BTreeMap<String, Vec<String>>;

/// The definitions of the tables of the schema that `conn` is in.
pub fn read(conn: &mut Conn) -> Definitions {
    let tables: Vec<String> = conn
        .query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE NOT LIKE '%VIEW%'")
        .unwrap();
    let schema: String = conn.query_first("SELECT DATABASE()").unwrap().unwrap();
    tables
        .into_iter()
        .map(|table| {
            let query = format!("SHOW CREATE TABLE `{}`", table.replace('`', "``"));
            let shown: Option<(String, Vec<u8>)> = conn.query_first(query).unwrap();
            // MariaDB names the schema of a sequence.
            let shown = readable(&shown.unwrap().1).replace(&format!("`{schema}`."), "");
            (table, lines(&shown))
        })
        .collect()
}

/// MariaDB prints defaults of binary columns as they are: bytes that are no text become `\xff`.
fn readable(shown: &[u8]) -> String {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let invalid: String = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("{}{invalid}", chunk.valid())
    };
    shown.utf8_chunks().map(chunk).collect()
}

/// One line each for columns, keys, checks and options; a line for the order of columns.
///
/// Left out: the next AUTO_INCREMENT value; that an index is a BTREE (printed where it was written down); the order of
/// keys (it depends on when each was made); a column's character set and collation if they are the table's own (MySQL
/// prints them where they were written down).
fn lines(shown: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        split(shown).skip(1).map(|line| line.trim().trim_end_matches(',').to_owned()).collect();
    // InnoDB has no other kind.
    lines.iter_mut().for_each(|line| *line = line.replacen(" USING BTREE", "", 1));
    for line in lines.iter_mut().filter(|line| line.starts_with(')')) {
        let words = line.split(' ').filter(|word| !word.starts_with("AUTO_INCREMENT="));
        *line = words.collect::<Vec<_>>().join(" ");
    }
    let own = lines.iter().find(|line| line.starts_with(") ENGINE=")).and_then(|options| {
        let (_, rest) = options.split_once(" DEFAULT CHARSET=")?;
        let (charset, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let collation = rest.strip_prefix("COLLATE=")?.split(' ').next()?;
        Some((format!(" CHARACTER SET {charset}"), format!(" COLLATE {collation}")))
    });
    let columns: Vec<&str> = lines.iter().filter_map(|line| column_name(line)).collect();
    let order = format!("columns: {}", columns.join(", "));
    if let Some((charset, collation)) = own {
        for line in lines.iter_mut().filter(|line| line.starts_with('`')) {
            let other = line.contains(" COLLATE ")
                && !line.contains(&format!("{collation} "))
                && !line.ends_with(&collation);
            if !other {
                *line = line.replacen(&charset, "", 1).replacen(&collation, "", 1);
            }
        }
    }
    lines.push(order);
    lines
}

/// The lines of a text; what is in quotes stays together, since names may have line ends.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let (mut quote, mut escaped) = (None, false);
    text.split(move |c| {
        match (quote, c) {
            _ if escaped => {}
            (None, '`' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        escaped = !escaped && c == '\\' && quote == Some('\'');
        c == '\n' && quote.is_none()
    })
}

/// The quoted name that a column's line begins with, without the outer quotes.
fn column_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix('`')?;
    let mut quotes = name.match_indices('`').map(|(at, _)| at);
    loop {
        let at = quotes.next()?;
        // Two of them are one inside the name.
        if !name[at + 1..].starts_with('`') {
            return Some(&name[..at]);
        }
        quotes.next();
    }
}

/// What differs: `table: - line` for what only `here` has, `table: + line` for what only `there` has.
pub fn differences(here: &Definitions, there: &Definitions, crosses: bool) -> Vec<String> {
    let mut found = Vec::new();
    let names: std::collections::BTreeSet<&String> = here.keys().chain(there.keys()).collect();
    for table in names {
        match (here.get(table), there.get(table)) {
            (Some(here), Some(there)) => {
                let common = |lines: &[String]| -> Vec<String> {
                    lines.iter().map(|line| if crosses { common(line) } else { line.clone() }).collect()
                };
                let (here, mut there) = (common(here), common(there));
                for line in here {
                    match there.iter().position(|other| *other == line) {
                        Some(at) => drop(there.remove(at)),
                        None => found.push(format!("{table}: - {line}")),
                    }
                }
                found.extend(there.into_iter().map(|line| format!("{table}: + {line}")));
            }
            (Some(_), None) => found.push(format!("{table}: - the table")),
            _ => found.push(format!("{table}: + the table")),
        }
    }
    found
}

/// Types of integers, whose width for display MySQL has given up.
const INTEGERS: [&str; 5] = ["tinyint(", "smallint(", "mediumint(", "int(", "bigint("];

/// What each family calls its own way: MariaDB, then MySQL.
const SYNONYMS: [(&str, &str); 4] =
    [("lcase(", "lower("), ("ucase(", "upper("), ("octet_length(", "length("), (" MOD ", " % ")];

/// A line as both families might have printed it.
fn common(line: &str) -> String {
    let mut line = line.to_owned();
    // MySQL hides from older versions what they do not know.
    while let Some(at) = line.find("/*!") {
        let number = line[at + 3..].bytes().take_while(u8::is_ascii_digit).count();
        let rest = line.split_off(at);
        line.push_str(rest[3 + number..].trim_start().replacen("*/", "", 1).trim_end());
    }
    if line.starts_with('`') {
        line = common_column(line);
    }
    if line.starts_with("CONSTRAINT ") {
        // The two mean the same, and each family leaves the other one of them unwritten.
        for action in
            [" ON DELETE NO ACTION", " ON DELETE RESTRICT", " ON UPDATE NO ACTION", " ON UPDATE RESTRICT"]
        {
            line = line.replacen(action, "", 1);
        }
    }
    if line.contains(" AS (")
        || line.contains("CHECK (")
        || line.starts_with('`') && has_default_expression(&line)
    {
        // MySQL names the character set of texts and writes more parentheses.
        line = line.replace("_utf8mb4'", "'").replace("_utf8mb4\\'", "'");
        for (mariadb, mysql) in SYNONYMS {
            line = line.replace(mariadb, mysql);
        }
        line = line.replace(['(', ')'], "");
    }
    // The default of whatever may be NULL.
    line.replacen(" DEFAULT NULL", "", 1)
}

/// MariaDB does not put functions in parentheses.
fn has_default_expression(line: &str) -> bool {
    let default = line.split_once(" DEFAULT ").map(|(_, default)| default);
    let is_literal = |text: &str| text.starts_with(['\'', '-']) || text.starts_with("NULL");
    default.is_some_and(|text| !is_literal(text) && !text.starts_with(|c: char| c.is_ascii_digit()))
}

fn common_column(mut line: String) -> String {
    // JSON is text with a check on MariaDB.
    let name = column_name(&line).unwrap_or_default().to_owned();
    let check = format!(" CHECK (json_valid(`{name}`))");
    if line.contains(&check) {
        line = line.replacen(&check, "", 1).replacen(
            "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            "json",
            1,
        );
    }
    let after = name.len() + 3;
    let rest = line.get(after..).unwrap_or_default();
    let width = INTEGERS.iter().find(|kind| rest.starts_with(**kind)).map(|kind| after + kind.len() - 1);
    if let Some(open) = width.filter(|open| !line[*open..].starts_with("(1)") && !line.contains(" zerofill"))
    {
        let close = open + line[open..].find(')').unwrap();
        line.replace_range(open..=close, "");
    }
    line = line.replacen("` year(4)", "` year", 1);
    // MySQL prints numbers in quotes.
    if let Some((head, rest)) = line.split_once(" DEFAULT ") {
        let (value, tail) = rest.split_once(' ').map_or((rest, None), |(value, tail)| (value, Some(tail)));
        if value.parse::<f64>().is_ok() {
            let tail = tail.map(|tail| format!(" {tail}")).unwrap_or_default();
            line = format!("{head} DEFAULT '{value}'{tail}");
        }
    }
    line = line
        .replace("current_timestamp()", "CURRENT_TIMESTAMP")
        .replace("current_timestamp(", "CURRENT_TIMESTAMP(");
    // MariaDB says it in another place.
    if line.contains(" INVISIBLE") {
        line = format!("{} INVISIBLE", line.replacen(" INVISIBLE", "", 1).trim_end());
    }
    line
}
