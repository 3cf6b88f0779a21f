//! A small schema with what real applications have: keys of every shape, a foreign-key cycle, a self-reference,
//! generated columns, triggers, odd names and odd values. The same text loads into both families.

use crate::harness::exec;
use mysql::Conn;

const SCHEMA: &[&str] = &[
    "CREATE TABLE teams (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80) NOT NULL, \
     owner_id BIGINT UNSIGNED NULL, KEY owner (owner_id)) ENGINE=InnoDB",
    "CREATE TABLE users (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(190) NOT NULL, \
     name VARCHAR(100) NOT NULL, phone VARCHAR(40) NULL, password VARCHAR(255) NOT NULL, notes TEXT NULL, \
     token VARCHAR(64) NULL, home VARCHAR(120) NULL, last_ip VARCHAR(45) NULL, team_id INT UNSIGNED NULL, \
     role ENUM('admin','staff','o''brien') NOT NULL DEFAULT 'staff', flags SET('a','b','c') NULL, settings JSON NULL, \
     avatar BLOB NULL, legacy VARCHAR(40) CHARACTER SET latin1 NULL, \
     created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), \
     updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, \
     UNIQUE KEY users_email (email), KEY team (team_id), \
     CONSTRAINT users_team FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE SET NULL) ENGINE=InnoDB",
    "ALTER TABLE teams ADD CONSTRAINT teams_owner FOREIGN KEY (owner_id) REFERENCES users (id)",
    "CREATE TABLE categories (id INT NOT NULL PRIMARY KEY, parent_id INT NULL, title VARCHAR(50) NOT NULL, \
     CONSTRAINT categories_parent FOREIGN KEY (parent_id) REFERENCES categories (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "CREATE TABLE variants (product_id INT NOT NULL, sku VARCHAR(20) NOT NULL, price DECIMAL(65,30) NOT NULL, \
     gross DECIMAL(20,4) AS (price * 1.19) STORED, label VARCHAR(60) AS (CONCAT(sku, ' #', product_id)) VIRTUAL, \
     tail INT NULL, PRIMARY KEY (product_id, sku), KEY by_label (label)) ENGINE=InnoDB",
    "CREATE TABLE orders (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id BIGINT UNSIGNED NOT NULL, \
     product_id INT NOT NULL, sku VARCHAR(20) NOT NULL, shipped_at DATETIME NULL, paid_on DATE NULL, \
     took TIME(6) NULL, season YEAR NULL, KEY by_user (user_id), KEY by_variant (product_id, sku), \
     CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id), \
     CONSTRAINT orders_variant FOREIGN KEY (product_id, sku) REFERENCES variants (product_id, sku)) ENGINE=InnoDB",
    "CREATE TABLE `order notes` (`key` VARCHAR(30) NOT NULL, `group` INT NULL, `with ``tick` TEXT NULL, \
     PRIMARY KEY (`key`)) ENGINE=InnoDB",
    "CREATE TABLE measures (at DATETIME NULL, f FLOAT NULL, d DOUBLE NULL, b BIT(13) NULL, v VARBINARY(40) NULL, \
     fix BINARY(8) NULL, p POINT NULL, t TINYINT NULL, u BIGINT UNSIGNED NULL) ENGINE=InnoDB",
    "CREATE TABLE blobs (id BINARY(16) NOT NULL PRIMARY KEY, body LONGBLOB NULL, words LONGTEXT NULL) ENGINE=InnoDB",
    "CREATE TABLE counters (name VARCHAR(40) NOT NULL PRIMARY KEY, value BIGINT NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE empty_one (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
    "CREATE TABLE old_style (id INT NOT NULL PRIMARY KEY, note VARCHAR(40) NULL) ENGINE=MyISAM",
    "CREATE VIEW everybody AS SELECT id, email FROM users",
    "CREATE TRIGGER orders_count AFTER INSERT ON orders FOR EACH ROW \
     INSERT INTO counters VALUES ('orders', 1) ON DUPLICATE KEY UPDATE value = value + 1",
];

/// Makes the schema with its rows; `users` many users.
pub fn load(conn: &mut Conn, users: u32) {
    for statement in SCHEMA {
        exec(conn, statement);
    }
    exec(conn, "SET FOREIGN_KEY_CHECKS = 0");
    exec(conn, "INSERT INTO teams VALUES (1, 'Größe', 1), (2, 'テスト 🦀', 2), (3, '', NULL)");
    for chunk in (1..=users).collect::<Vec<_>>().chunks(500) {
        let rows: Vec<String> = chunk.iter().map(|id| user(*id)).collect();
        exec(
            conn,
            &format!(
                "INSERT INTO users (id, email, name, phone, password, notes, token, home, last_ip, team_id, role, flags, \
                 settings, avatar, legacy, created_at, updated_at) VALUES {}",
                rows.join(",")
            ),
        );
    }
    for statement in [
        "INSERT INTO categories VALUES (1, 2, 'a'), (2, 1, 'b'), (3, 3, 'self'), (-4, NULL, '\\\\ ''quotes'' \\n\\r\\0\\Z')",
        "INSERT INTO variants (product_id, sku, price, tail) VALUES (1, 'a', 1.5, NULL), (1, 'b', -0.000000000000000000000000000001, 2), \
         (2, 'a', 99999999999999999999999999999999999.999999999999999999999999999999 / 100000000000000000000, 3), (-1, '', 0, 0)",
        "INSERT INTO orders VALUES (0, 1, 1, 'a', '0000-00-00 00:00:00', '0000-00-00', '-838:59:59', 0), \
         (5, 2, 2, 'a', '2024-02-31 10:00:00', '1000-01-01', '838:59:58.000001', 2155), (6, 3, 1, 'b', NULL, NULL, NULL, NULL)",
        "INSERT INTO `order notes` VALUES ('Äpfel', 1, 'x'), ('b ', NULL, NULL), ('', 3, '`tick`; DROP TABLE users; -- ')",
        "INSERT INTO measures VALUES ('9999-12-31 23:59:59', 0.0105162525, 1.7976931348623157e308, b'1111111111111', x'00ff27225c0a0d1a', \
         x'0102', ST_GeomFromText('POINT(1.5 -2.25)'), -128, 18446744073709551615), \
         (NULL, 3.4e38, 2.2250738585072014e-308, 0, '', NULL, NULL, 127, 0), (NULL, 16777216, 0.1, NULL, NULL, NULL, NULL, NULL, NULL), \
         (NULL, 16777216, 0.1, NULL, NULL, NULL, NULL, NULL, NULL)",
        "INSERT INTO blobs VALUES (x'00112233445566778899aabbccddeeff', REPEAT(x'00ff5c27', 100000), REPEAT('ä\\\\''\"\\n', 50000)), \
         (x'ff112233445566778899aabbccddeeff', '', ''), (x'27', NULL, NULL)",
        "INSERT INTO counters VALUES ('visits', -9223372036854775808)",
        "INSERT INTO old_style VALUES (1, 'kept'), (2, NULL)",
    ] {
        exec(conn, statement);
    }
    exec(conn, "SET FOREIGN_KEY_CHECKS = 1");
}

fn user(id: u32) -> String {
    let notes =
        if id.is_multiple_of(7) { "NULL".to_owned() } else { format!("'canary-notes-{id} it''s \\\\ \\n'") };
    let domain = if id.is_multiple_of(10) { "yourcompany.com" } else { "canary-mail.example.org" };
    format!(
        "({id}, 'anna{id}@{domain}', 'Canary-Name Müller {id}', '+49 canary-phone {id}', 'canary-password-{id}', {notes}, \
         'canary-token-{id}', 'canary-home {id}', '10.99.1.{}', {}, '{}', 'a,c', '{{\"b\": [1, 2.5, \"é\"], \"a\": {{\"n\": null}}}}', \
         x'89504e470d0a1a0a00', 'caf\u{e9} \u{20ac}', '2024-03-31 02:30:00.123', '2024-10-27 01:30:00')",
        id % 250,
        id % 3 + 1,
        if id.is_multiple_of(5) { "o''brien" } else { "admin" },
    )
}

/// Rules for every ruled column of `users`, of all eight types.
pub const RULES: &str = r#"
[sanitize.users]
email = { type = "email", exclude = ["*@yourcompany.com"] }
name = "name"
phone = "phone"
password = "hash"
notes = "text"
token = "null"
home = "address"
last_ip = "local_ip"
"#;

/// The columns that [`RULES`] mask.
pub const RULED: &[&str] = &[
    "users.email",
    "users.name",
    "users.phone",
    "users.password",
    "users.notes",
    "users.token",
    "users.home",
    "users.last_ip",
];
