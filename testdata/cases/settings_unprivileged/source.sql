CREATE TABLE Mixed (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, `a "b` VARCHAR(40) NOT NULL DEFAULT 'it''s \\ "so"', c CHAR(10) NOT NULL, e ENUM('x\\y','"') NULL,
  at TIMESTAMP NOT NULL DEFAULT '2000-01-01 00:00:00', f FLOAT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
-- Backslashes and quotes that end nothing, spaces that CHAR loses and PAD_CHAR_TO_FULL_LENGTH brings back, the row 0.
INSERT INTO Mixed VALUES (0, '\\', 'a', 'x\\y', '2024-01-01 00:00:00', 0.1), (1, '\'', '', '"', '2024-07-01 00:00:00', NULL), (2, '\\''"', 'äöü', NULL, '2038-01-19 03:14:07', 1e38),
(3, 'a\0b\n\r\Z', 'x', 'x\\y', '1970-01-01 00:00:01', -0.5), (4, '', 'y', '"', '2000-02-29 12:00:00', 16777216), (7, '%_', '"', NULL, '2001-01-01 00:00:00', 0);
-- Longer than what sorts compare and lists hold under these settings, alike at the beginning.
CREATE TABLE long_keys (k VARCHAR(300) NOT NULL, n INT, UNIQUE KEY (k)) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_bin;
INSERT INTO long_keys VALUES (CONCAT(REPEAT('a', 200), 'c'), 1), (CONCAT(REPEAT('a', 200), 'b'), 2), (CONCAT(REPEAT('a', 200), 'a'), 3), (REPEAT('a', 200), 4), ('', 5);
-- Without a member: warned of by the server, and told apart by the warning's text.
CREATE TABLE no_member (id INT NOT NULL PRIMARY KEY, e ENUM('a','b') NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO no_member VALUES (1, 'a'), (2, ''), (3, 0), (4, 'b');
CREATE TABLE zero_dates (id INT NOT NULL PRIMARY KEY, d DATE NOT NULL, dt DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00', r TIME) ENGINE=InnoDB;
INSERT INTO zero_dates VALUES (1, '0000-00-00', '2024-00-00 00:00:00', '-838:59:59'), (2, '2024-02-00', '0000-00-00 00:00:00', '838:59:59');
CREATE TABLE parents (id INT UNSIGNED NOT NULL PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE children (id INT NOT NULL PRIMARY KEY, p INT UNSIGNED NULL, CONSTRAINT to_parent FOREIGN KEY (p) REFERENCES parents (id) ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB;
INSERT INTO parents VALUES (0), (1), (4294967295);
INSERT INTO children VALUES (1, 0), (2, 4294967295), (3, NULL), (4, 1);
-- More than a packet may have below: read it can be still.
CREATE TABLE big (id INT NOT NULL PRIMARY KEY, b LONGBLOB, t LONGTEXT CHARACTER SET latin1 COLLATE latin1_swedish_ci) ENGINE=InnoDB;
INSERT INTO big VALUES (1, REPEAT(x'00ff275c0a', 500000), NULL), (2, REPEAT('x', 1048576), REPEAT('\'', 1048577)), (3, '', '');
SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,PIPES_AS_CONCAT,IGNORE_SPACE,HIGH_NOT_PRECEDENCE,REAL_AS_FLOAT,NO_UNSIGNED_SUBTRACTION,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,ONLY_FULL_GROUP_BY';
SET GLOBAL time_zone = '+09:30';
SET GLOBAL sql_select_limit = 2;
SET GLOBAL max_join_size = 1;
SET GLOBAL sql_safe_updates = 1;
SET GLOBAL max_sort_length = 64;
SET GLOBAL group_concat_max_len = 4;
SET GLOBAL sql_auto_is_null = 1;
SET GLOBAL sql_quote_show_create = 0;
SET GLOBAL unique_checks = 0;
SET GLOBAL foreign_key_checks = 0;
SET GLOBAL auto_increment_increment = 7;
SET GLOBAL lc_messages = 'ja_JP';
SET GLOBAL lc_time_names = 'fr_FR';
SET GLOBAL div_precision_increment = 0;
SET GLOBAL max_error_count = 0;
SET GLOBAL character_set_connection = 'latin1';
SET GLOBAL character_set_results = 'latin1';
SET GLOBAL max_allowed_packet = 1048576;
SET GLOBAL autocommit = 0;
SET GLOBAL completion_type = 2;
SET GLOBAL TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY;
SET GLOBAL init_connect = 'SET autocommit = 0; SET SESSION sql_mode = ''ANSI_QUOTES,NO_BACKSLASH_ESCAPES''; SET NAMES sjis; SET time_zone = ''-11:00''; SET sql_select_limit = 1; SET foreign_key_checks = 0; USE information_schema';
