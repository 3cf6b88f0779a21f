//! The bench data set: a shop of five tables, made by the server itself and the same each time.

use backfill::error::{Error, Kind, Result};
use mysql::Conn;
use mysql::prelude::Queryable;

/// The database that it is in.
pub const DATABASE: &str = "shop";

/// The tables and their rows at scale 1.
pub const TABLES: [(&str, f64); 5] =
    [("users", 400e3), ("products", 20e3), ("orders", 1e6), ("order_items", 3e6), ("activity_log", 1.5e6)];

/// What is masked, as `backfill.toml` says it.
pub const RULES: &str = "[sanitize.users]\nemail = \"email\"\nname = \"name\"\nphone = \"phone\"\npassword = \"hash\"\n\
    address = \"address\"\n[sanitize.orders]\nship_to = \"address\"\n[sanitize.activity_log]\npayload = \"text\"\n\
    ip = \"null\"\n";

const DEFINITIONS: [&str; 5] = [
    "CREATE TABLE users (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(190) NOT NULL, \
     name VARCHAR(120) NOT NULL, phone VARCHAR(40) NULL, password VARCHAR(100) NOT NULL, address VARCHAR(200) NULL, \
     notes TEXT NULL, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, UNIQUE KEY users_email (email), \
     KEY users_created_at (created_at))",
    "CREATE TABLE products (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, sku VARCHAR(40) NOT NULL, \
     details JSON NOT NULL, price DECIMAL(10,2) NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, \
     UNIQUE KEY products_sku (sku), KEY products_created_at (created_at))",
    "CREATE TABLE orders (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id BIGINT UNSIGNED NOT NULL, \
     status ENUM('new','paid','sent','returned') NOT NULL, total DECIMAL(12,2) NOT NULL, ship_to VARCHAR(200) NOT NULL, \
     created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, KEY orders_created_at (created_at), \
     CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id))",
    "CREATE TABLE order_items (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
     order_id BIGINT UNSIGNED NOT NULL, product_id BIGINT UNSIGNED NOT NULL, quantity SMALLINT UNSIGNED NOT NULL, \
     price DECIMAL(10,2) NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, \
     KEY order_items_created_at (created_at), \
     CONSTRAINT order_items_order FOREIGN KEY (order_id) REFERENCES orders (id), \
     CONSTRAINT order_items_product FOREIGN KEY (product_id) REFERENCES products (id))",
    "CREATE TABLE activity_log (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id BIGINT UNSIGNED NULL, \
     payload TEXT NOT NULL, ip VARBINARY(16) NULL, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, \
     KEY activity_log_created_at (created_at), \
     CONSTRAINT activity_log_user FOREIGN KEY (user_id) REFERENCES users (id))",
];

/// What a row of each table is made of: `n` is its number from 1; `{users}` and so on are numbers of rows.
const ROWS: [&str; 5] = [
    "n, CONCAT('user', n, ELT(1 + n % 4, '@example.org', '@example.com', '@mail.example', '@corp.example')), \
     CONCAT(ELT(1 + n % 7, 'Ana', 'Björn', 'Chloé', 'Dmitri', 'Eva', 'Faruk', 'Grace'), ' ', \
     ELT(1 + n DIV 7 % 6, 'Adams', 'Brûlé', 'Castro', 'Dąbrowski', 'Evans', 'Fischer'), ' ', n), \
     IF(n % 5 = 0, NULL, CONCAT('+49 30 ', 1000000 + n)), CONCAT('$2y$10$', LEFT(SHA2(n, 256), 53)), \
     IF(n % 9 = 0, NULL, CONCAT(n % 300, ' Hauptstraße, ', 10000 + n % 80000, ' Berlin')), \
     IF(n % 3 > 0, NULL, CONCAT('said \"it''s fine\" on ', LEFT(SHA2(n + 7, 256), 20 + n % 40))), {at}, {at}",
    "n, CONCAT('SKU-', n), JSON_OBJECT('name', CONCAT('Größe ', n % 60, ' – ', ELT(1 + n % 3, 'blau', '赤', 'vert')), \
     'tags', JSON_ARRAY(n % 7, 'neu', NULL), 'weight', n / 8), 1 + n % 9000 / 100, {at}, {at}",
    "n, 1 + n * 7919 % {users}, ELT(1 + n % 4, 'new', 'paid', 'sent', 'returned'), 5 + n % 90000 / 100, \
     CONCAT(n % 500, ' Lange Gasse, ', 1000 + n % 9000, ' Wien'), {at}, {at}",
    "n, 1 + (n - 1) DIV 3 % {orders}, 1 + n * 104729 % {products}, 1 + n % 5, 1 + n % 9000 / 100, {at}, {at}",
    "n, IF(n % 10 = 0, NULL, 1 + n * 31337 % {users}), \
     LEFT(CONCAT(SHA2(n, 256), ' clicked ', SHA2(n + 1, 256), ' and left'), 60 + n % 91), \
     IF(n % 4 = 0, INET6_ATON(CONCAT('2001:db8::', HEX(n % 65536))), INET6_ATON(CONCAT('10.1.', n % 256, '.', n DIV 256 % 256))), \
     {at}, {at}",
];

/// When a row was made: a minute after the one before it, of the same years for every size.
const AT: &str = "'2020-01-01' + INTERVAL n % 2000000 MINUTE";

/// How many rows a table has.
pub fn rows(table: &str, scale: f64) -> u64 {
    let of = TABLES.iter().find(|(name, _)| *name == table).map_or(0.0, |(_, rows)| *rows);
    (of * scale).max(1.0) as u64
}

/// Makes the data set unless it is there in this size.
pub fn fill(conn: &mut Conn, scale: f64) -> Result<()> {
    let last = TABLES[TABLES.len() - 1].0;
    let done: mysql::Result<Option<u64>> = conn.query_first(format!("SELECT MAX(id) FROM {DATABASE}.{last}"));
    if done.ok().flatten() == Some(rows(last, scale)) {
        return Ok(());
    }
    statements(scale).iter().try_for_each(|statement| {
        conn.query_drop(statement)
            .map_err(|error| Error::new(Kind::Source, "making the bench data set").source(error))
    })
}

fn statements(scale: f64) -> Vec<String> {
    let most = TABLES.iter().map(|(name, _)| rows(name, scale)).max().unwrap_or(1);
    let mut all = vec![
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES', foreign_key_checks = 0, unique_checks = 0, sql_log_bin = 0".into(),
        format!("DROP DATABASE IF EXISTS {DATABASE}"),
        "DROP DATABASE IF EXISTS bench_numbers".into(),
        format!("CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4"),
        "CREATE DATABASE bench_numbers".into(),
        "CREATE TABLE bench_numbers.numbers (n BIGINT UNSIGNED NOT NULL PRIMARY KEY)".into(),
        "INSERT INTO bench_numbers.numbers VALUES (1)".into(),
        format!("USE {DATABASE}"),
    ];
    let mut made = 1;
    while made < most {
        all.push(format!(
            "INSERT INTO bench_numbers.numbers SELECT n + {made} FROM bench_numbers.numbers WHERE n + {made} <= {most}"
        ));
        made *= 2;
    }
    for (((table, _), definition), row) in TABLES.iter().zip(DEFINITIONS).zip(ROWS) {
        all.push(definition.into());
        let mut row = row.replace("{at}", AT);
        for (other, _) in TABLES {
            row = row.replace(&format!("{{{other}}}"), &rows(other, scale).to_string());
        }
        all.push(format!(
            "INSERT INTO {table} SELECT {row} FROM bench_numbers.numbers WHERE n <= {} ORDER BY n",
            rows(table, scale)
        ));
    }
    all.push("DROP DATABASE bench_numbers".into());
    all.extend(TABLES.iter().map(|(table, _)| format!("ANALYZE TABLE {table}")));
    all
}
