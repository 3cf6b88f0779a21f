-- What stays is older than the newest row of its table by more than the overlap: no delta brings it again.
CREATE TABLE numbers (
  id BIGINT UNSIGNED NOT NULL PRIMARY KEY, i TINYINT, u BIGINT UNSIGNED, d DECIMAL(65,30), f FLOAT, e DOUBLE, b1 BIT(1), b64 BIT(64), y YEAR,
  created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, UNIQUE KEY u (u), KEY (updated_at)
);
INSERT INTO numbers VALUES
(0, 0, 0, 0, 0, 0, 0, 0, 0, '2025-02-01', '2025-02-01'), (1, 1, 1, 1, 1, 1, 1, 1, 2000, '2025-01-01', '2025-01-01'),
(9223372036854775808, -128, 18446744073709551615, '-99999999999999999999999999999999999.999999999999999999999999999999', -3.4e38, 5e-324, 1, x'8000000000000000', 1901, '2025-01-01', '2025-01-01');

CREATE TABLE `per%cent/``ta.ble` (
  `the key` VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, `*/ -- it's` VARBINARY(30), `select` BINARY(4), utf16 VARCHAR(9) CHARACTER SET utf16, sjis TEXT CHARACTER SET sjis,
  latin CHAR(9) CHARACTER SET latin1, blob_ MEDIUMBLOB, t LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, Created_At TIMESTAMP NULL, UPDATED_at TIMESTAMP(6) NULL, PRIMARY KEY (`the key`)
);
INSERT INTO `per%cent/``ta.ble` VALUES ('a', x'00', x'00', 'é', x'835c', x'e9', x'00', 'é', '2025-02-01', '2025-02-01'), ('B', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2025-01-01', '2025-01-01'),
('é', x'', x'', '', '', '', '', '', '2025-01-01', '2025-01-01');

CREATE TABLE moments (
  d DATE NOT NULL, t TIME(6) NOT NULL, ts TIMESTAMP(3) NULL, dt DATETIME(6), n INT, created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (d, t)
);
INSERT INTO moments VALUES ('0000-00-00', '-838:59:59', 0, '2023-02-31 12:00:00', 1, '2025-02-01', '2025-02-01'), ('9999-12-31', '00:00:00.000001', NULL, NULL, 1, '2025-01-01', '2025-01-01');

-- Computed and unseen ones among them; a table's own parent.
CREATE TABLE computed (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, twice INT GENERATED ALWAYS AS (n * 2) VIRTUAL, n INT, text_ VARCHAR(20) CHARACTER SET latin1 GENERATED ALWAYS AS (CONCAT('n', n)) STORED, hidden INT NULL INVISIBLE, up INT,
  created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, UNIQUE KEY text_ (text_), KEY (twice), CONSTRAINT up_to FOREIGN KEY (up) REFERENCES computed (id)
);
INSERT INTO computed (id, n, hidden, up, created_at, updated_at) VALUES (0, 0, NULL, NULL, '2025-02-01', '2025-02-01'), (1, 1, 1, 0, '2025-01-01', '2025-01-01'), (2, 2, 2, 1, '2025-01-01', '2025-01-01');

CREATE TABLE documents (id INT NOT NULL PRIMARY KEY, j JSON, name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(j, '$.name'))) STORED, created_at DATETIME, updated_at DATETIME, KEY name (name));
INSERT INTO documents (id, j, created_at, updated_at) VALUES (1, '{"name": "a"}', '2025-01-01', '2025-01-01'), (2, NULL, '2025-02-01', '2025-02-01');

-- Cells of no member (index 0) that come at first, that come by the delta, and that stay; in the key beside the empty
-- member, which looks the same.
CREATE TABLE members (e ENUM('a','b') NOT NULL, w ENUM('a','','0') NULL, s SET('x','y') NOT NULL, n INT NOT NULL, k ENUM('é','','z') CHARACTER SET latin1 NOT NULL, created_at DATETIME, updated_at DATETIME, PRIMARY KEY (n, k));
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO members VALUES
(0, 0, 0, 1, 'z', '2025-02-01', '2025-02-01'), ('a', '', 'x', 1, 0, '2025-01-01', '2025-01-01'), ('b', '0', 'x,y', 1, '', '2025-01-01', '2025-01-01'),
('b', 'a', 'x', 2, 0, '2025-01-01', '2025-01-01'), ('a', 'a', '', 2, '', '2025-01-01', '2025-01-01');
