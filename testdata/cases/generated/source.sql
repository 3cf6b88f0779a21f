CREATE TABLE computed (
  v1 INT AS (a + 1) VIRTUAL, a INT NOT NULL, s1 INT AS (a * 2) STORED, b VARCHAR(20) NULL,
  v2 VARCHAR(60) AS (CONCAT(b, ' generated always as (', a, ')')) VIRTUAL, c INT NULL, s2 INT AS (s1 + c) STORED,
  `generated` INT NULL COMMENT 'GENERATED ALWAYS AS (a) STORED', PRIMARY KEY (a), KEY v1 (v1), UNIQUE KEY s1 (s1)
);
INSERT INTO computed (a, b, c, `generated`) VALUES (1, 'x', 5, 1), (-7, NULL, NULL, 2), (3, '', -1, NULL), (1000000000, 'it''s', 0, 4);

CREATE TABLE only_computed (n INT AS (1 + 1) STORED, one INT NULL);
INSERT INTO only_computed (one) VALUES (1), (2), (2);

-- The only key is over generated columns.
CREATE TABLE keyed_by (a VARCHAR(30) NOT NULL, l VARCHAR(30) AS (LOWER(a)) STORED, n INT AS (LENGTH(a)) VIRTUAL, UNIQUE KEY l (l), KEY n (n));
INSERT INTO keyed_by (a) VALUES ('B'), ('a'), ('C c'), ('Ö');

CREATE TABLE unseen (id INT NOT NULL PRIMARY KEY, a INT NOT NULL DEFAULT 7 INVISIBLE, b VARCHAR(9) NULL INVISIBLE, c INT NULL, g INT AS (c + 1) VIRTUAL INVISIBLE);
INSERT INTO unseen (id, a, b, c) VALUES (1, 10, 'hidden', 1), (2, 20, NULL, NULL);
INSERT INTO unseen (id) VALUES (3);

CREATE TABLE unseen_key (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY, t VARCHAR(9) NOT NULL);
INSERT INTO unseen_key (id, t) VALUES (0, 'zero'), (5, 'five'), (18446744073709551613, 'last');

-- Texts inside expressions, and functions that each family prints its own way.
CREATE TABLE expressions (
  id INT NOT NULL PRIMARY KEY, a INT NULL, t VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL, l VARCHAR(20) CHARACTER SET latin1 NULL, d DATETIME(3) NULL, j JSON NULL,
  q VARCHAR(90) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin AS (CONCAT(t, ' it''s "q" \\ `b` -- ; ) ä')) STORED,
  kind VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin AS (CASE WHEN a > 10 THEN 'big' WHEN a IS NULL THEN 'none' ELSE IF(a = 0, 'zero', 'small') END) STORED,
  ratio DECIMAL(20,10) AS (a / 3) STORED, part INT AS (a DIV 3) VIRTUAL, rest INT AS (a MOD 3) VIRTUAL, bits BIGINT UNSIGNED AS ((a | 8) ^ 5) STORED,
  up VARCHAR(20) CHARACTER SET latin1 AS (UPPER(l)) STORED, head VARCHAR(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin AS (SUBSTR(t, 1, 3)) STORED, day DATE AS (CAST(d AS DATE)) STORED,
  later DATETIME(3) AS (d + INTERVAL 1 DAY) STORED, month INT AS (EXTRACT(YEAR_MONTH FROM d)) STORED,
  name VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin AS (JSON_UNQUOTE(JSON_EXTRACT(j, '$.name'))) VIRTUAL, sha CHAR(64) CHARACTER SET ascii AS (SHA2(t, 256)) STORED, hex VARBINARY(20) AS (UNHEX(LPAD(HEX(a), 8, '0'))) STORED,
  liked BOOLEAN AS (t LIKE '%\\_x%') STORED, listed BOOLEAN AS (a IN (1, 2, 3) AND NOT (a BETWEEN 2 AND 2)) STORED, KEY name (name), UNIQUE KEY sha (sha)
);
INSERT INTO expressions (id, a, t, l, d, j) VALUES
(1, 1, 'x', 'grüße', '2024-02-29 23:59:59.999', '{"name": "Ann \\"A\\" \\u00e9"}'), (2, NULL, NULL, NULL, NULL, NULL), (3, 0, '', '', '9999-12-30 00:00:00', '{"name": null}'),
(4, 100, 'a_x''s', 'ÿ', '1000-01-01', '{}'), (5, 2, '日本語テキスト🦀', 'ß', '2024-12-31 12:00:00.5', '[]'), (6, 2147483646, '\\', 'é', '2000-01-01', '{"name": "x"}');
