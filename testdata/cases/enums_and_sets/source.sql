CREATE TABLE members (
  id INT NOT NULL PRIMARY KEY,
  quoted ENUM('o''brien','"','\\','a,b','`','--','%','_','(',')',');','NULL','ä','日本','x y') NULL,
  numbers ENUM('2','1','0','10') NOT NULL DEFAULT '1',
  latin ENUM('é','ß','z') CHARACTER SET latin1 COLLATE latin1_bin NULL,
  wide ENUM('é','日') CHARACTER SET utf16 COLLATE utf16_general_ci NULL,
  bytes ENUM('a','A') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  s SET('o''brien','"','\\','`','a b','ä') NULL,
  n SET('2','1','0') NOT NULL DEFAULT '1,0'
);
INSERT INTO members VALUES
(1, 'o''brien', '2', 'é', 'é', 'a', 'o''brien', '2'), (2, '"', '1', 'ß', '日', 'A', '"', '1'), (3, '\\', '0', 'z', NULL, NULL, '\\', '0'),
(4, 'a,b', '10', NULL, NULL, NULL, '`', '2,1,0'), (5, '`', '2', NULL, NULL, NULL, 'a b,ä', ''), (6, '--', '2', NULL, NULL, NULL, '', '2,0'),
(7, '%', '2', NULL, NULL, NULL, NULL, ''), (8, '_', '2', NULL, NULL, NULL, 'o''brien,",\\,`,a b,ä', ''), (9, '(', '2', NULL, NULL, NULL, NULL, ''),
(10, ')', '2', NULL, NULL, NULL, NULL, ''), (11, ');', '2', NULL, NULL, NULL, NULL, ''), (12, 'NULL', '2', NULL, NULL, NULL, NULL, ''),
(13, 'ä', '2', NULL, NULL, NULL, NULL, ''), (14, '日本', '2', NULL, NULL, NULL, NULL, ''), (15, 'x y', '2', NULL, NULL, NULL, NULL, ''),
(16, NULL, '2', NULL, NULL, NULL, NULL, '');
INSERT INTO members (id) VALUES (17);

CREATE TABLE many (id INT NOT NULL PRIMARY KEY, s SET('a00','a01','a02','a03','a04','a05','a06','a07','a08','a09','a10','a11','a12','a13','a14','a15',
'a16','a17','a18','a19','a20','a21','a22','a23','a24','a25','a26','a27','a28','a29','a30','a31','a32','a33','a34','a35','a36','a37','a38','a39',
'a40','a41','a42','a43','a44','a45','a46','a47','a48','a49','a50','a51','a52','a53','a54','a55','a56','a57','a58','a59','a60','a61','a62','a63') NOT NULL);
INSERT INTO many VALUES (1, 0), (2, 1), (3, 9223372036854775808), (4, 18446744073709551615), (5, 9223372036854775807), (6, 4611686018427387905);

-- What a session that is not strict made of values that are no member: they look like the empty text and are not it.
CREATE TABLE no_member (id INT NOT NULL PRIMARY KEY, plain ENUM('a','b') NOT NULL, with_empty ENUM('a','','0','1') NULL, first ENUM('','é') CHARACTER SET latin1 NOT NULL,
  wide ENUM('a','') CHARACTER SET utf16 NOT NULL DEFAULT '', t TEXT NOT NULL);
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO no_member VALUES
(1, 'a', 'a', 'é', 'a', ''), (2, '', '', '', '', ''), (3, 0, 0, 0, 0, ''), (4, 'wrong', 'wrong', 'wrong', 'wrong', ''), (5, 'b', '0', '', '', ''''''),
(6, 0, '1', 'é', 'a', 'x'), (7, 'a', NULL, 'é', 'a', '');
-- More of them than a server lists warnings by default.
INSERT INTO no_member SELECT 100 + n, IF(n < 100, 0, 'a'), IF(n > 50, 0, ''), 0, 0, '' FROM
  (WITH RECURSIVE numbers AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 199) SELECT n FROM numbers) numbers;
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES';

-- Codes of no character beside cells of no member: MySQL warns of both.
CREATE TABLE no_character (id INT NOT NULL PRIMARY KEY, g VARCHAR(9) CHARACTER SET greek COLLATE greek_bin NULL, e ENUM('a','b') NOT NULL);
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO no_character VALUES (1, x'd2', 0), (2, x'61d2', 'a'), (3, x'c1', ''), (4, NULL, 'b');
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES';

-- An empty member of a SET leaves no trace in the text if it is alone.
CREATE TABLE empty_member (id INT NOT NULL PRIMARY KEY, s SET('a','','b') NULL);
INSERT INTO empty_member VALUES (1, 'a'), (2, 2), (3, 3), (4, 7), (5, 'a,b'), (6, 0), (7, NULL);

-- No catalog prints these members: the target's table is there already.
CREATE TABLE moods (id INT NOT NULL PRIMARY KEY, mood ENUM('😀','x') NOT NULL DEFAULT 'x', more SET('y','👍') NULL);
INSERT INTO moods VALUES (1, '😀', '👍'), (2, 'x', 'y,👍'), (3, '😀', NULL);

-- They sort by their index and compare as text.
CREATE TABLE by_enum (e ENUM('z','a','m') NOT NULL, n INT NOT NULL, PRIMARY KEY (e, n));
INSERT INTO by_enum VALUES ('z', 1), ('z', 2), ('a', 1), ('m', -1), ('m', 3);
CREATE TABLE by_set (s SET('z','a','m') NOT NULL PRIMARY KEY, n INT NULL);
INSERT INTO by_set VALUES ('', 0), ('z', 1), ('a', 2), ('m', 3), ('z,m', 4), ('z,a,m', 5);
