CREATE TABLE t (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, c CHAR(9) NULL, v VARCHAR(40) NOT NULL DEFAULT 'it''s \\ "q"', e ENUM('a\\b','"','''') NULL, at TIMESTAMP NULL, since TIMESTAMP NOT NULL DEFAULT '2000-01-01 00:00:00',
  d DATE NULL, b VARBINARY(9) NOT NULL DEFAULT x'275c', g VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin AS (CONCAT(v, '\\ "x" || ''y''')) STORED, j JSON NULL
) ENGINE = InnoDB;
INSERT INTO t (id, c, v, e, at, since, d, j) VALUES
(0, 'a', '\\', 'a\\b', '2024-03-31 02:30:00', '2024-01-01', '0000-00-00', '{"a": "\\\\"}'), (1, '', '"', '"', NULL, '1970-01-01 00:00:01', '2023-02-31', NULL), (2, ' a', '''', '''', '2038-01-19 03:14:07', '2024-01-01', NULL, '[1]'),
(3, NULL, 'x || y', NULL, NULL, '2024-01-01', NULL, '"\\""'), (4, 'abcdefghi', '%_\\%', NULL, NULL, '2024-01-01', '9999-12-31', NULL);
CREATE TABLE keyless (n INT NULL, w VARCHAR(40) NULL) ENGINE = InnoDB;
INSERT INTO keyless VALUES (1, 'a'), (2, 'b'), (3, 'c'), (3, 'c'), (NULL, NULL);
-- Alike for longer than this server compares in a sort.
CREATE TABLE alike (name VARCHAR(200) NOT NULL PRIMARY KEY, n INT NULL) ENGINE = InnoDB;
INSERT INTO alike VALUES ('the same beginning 1', 1), ('the same beginning 2', 2), ('the same beginning 3', 3), ('the same beginning 4', 4), ('the same beginning 5', 5);
CREATE TABLE children (id INT NOT NULL PRIMARY KEY, t_id INT NULL, KEY t_id (t_id), CONSTRAINT children_t FOREIGN KEY (t_id) REFERENCES t (id) ON DELETE CASCADE) ENGINE = InnoDB;
INSERT INTO children VALUES (1, 0), (2, 4), (3, NULL);

-- What no option of a server sets, for every connection that comes.
SET GLOBAL sql_select_limit = 2;
SET GLOBAL sql_safe_updates = 1;
SET GLOBAL sql_big_selects = 0;
SET GLOBAL sql_quote_show_create = 0;
