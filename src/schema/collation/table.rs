//! The mappings in words.

use super::map;
use crate::schema::{Flavour, Version};

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
        ("utf8mb4_tr_0900_ai_ci", CURRENT_MARIADB, "MariaDB 10.10 or newer"),
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
        ("utf8mb4_uca1400_swedish_ai_ci", CURRENT_MYSQL, "MySQL 8 or newer"),
        ("utf8mb4_uca1400_romanian_as_cs", CURRENT_MYSQL, "MySQL 8 or newer"),
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
