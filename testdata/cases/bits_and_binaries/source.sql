CREATE TABLE bits (id INT NOT NULL PRIMARY KEY, b1 BIT, b7 BIT(7), b8 BIT(8) NOT NULL DEFAULT b'10', b9 BIT(9), b31 BIT(31), b63 BIT(63), b64 BIT(64) DEFAULT b'101');
INSERT INTO bits VALUES
(1, 0, 0, 0, 0, 0, 0, 0),
(2, 1, b'1111111', x'ff', b'111111111', b'1111111111111111111111111111111', x'7fffffffffffffff', x'ffffffffffffffff'),
(3, NULL, NULL, 0, NULL, NULL, NULL, NULL),
-- As bytes these are quotes, backslashes, NUL, Ctrl-Z, line ends.
(4, 1, 0x27, 0x5c, 0x100, 0x00275c0a, 0x00275c001a0d0a22, 0x27275c5c001a0d0a),
(5, 0, 0x0a, 0x1a, 0x027, 0x5c, 0x27, 0x8000000000000000);
INSERT INTO bits (id) VALUES (6);

CREATE TABLE by_bits (b BIT(64) NOT NULL PRIMARY KEY, n INT);
INSERT INTO by_bits VALUES (0, 1), (1, 2), (0x27, 3), (x'7fffffffffffffff', 4), (x'8000000000000000', 5), (x'ffffffffffffffff', 6);

CREATE TABLE padded (id BINARY(4) NOT NULL PRIMARY KEY, b BINARY(3), v VARBINARY(8), none_b BINARY(0), none_v VARBINARY(0));
INSERT INTO padded VALUES
(x'00', x'', x'', x'', x''), (x'27', x'00', x'00', NULL, NULL), (x'20', x'20', x'20', x'', NULL), (x'200001', x'2000', x'2000', NULL, x''),
(x'5c27', x'5c275c', x'5c2700', NULL, NULL), (x'ffffffff', NULL, NULL, NULL, NULL), (x'1a0d0a00', x'1a', x'0a0d1a00', NULL, NULL),
(x'61', x'61', x'61', NULL, NULL), (x'41', x'41', x'41', NULL, NULL), (x'efbfbd', x'c328', x'f0288cbc', NULL, NULL);

CREATE TABLE blobs (id INT NOT NULL PRIMARY KEY, t TINYBLOB, b BLOB, m MEDIUMBLOB, l LONGBLOB, d VARBINARY(10) NOT NULL DEFAULT 'a\'\\b');
INSERT INTO blobs (id, t, b, m, l) VALUES
(1, x'', x'', x'', x''), (2, NULL, NULL, NULL, NULL), (3, 'NULL', '\\N', '0', '\0'),
(4, x'27', x'5c', x'275c275c', x'2727'), (5, ''');', '-- ', '/* */', '\');\nDROP TABLE blobs; -- '),
(6, x'00', x'0000', x'1a', x'0d0a'), (7, 'x\'00\'', '0x00', '_binary', '\\x00\\'),
(8, REPEAT(x'ff', 255), REPEAT(x'00', 65535), REPEAT(x'275c', 50000), REPEAT(x'00ff275c', 100000));
INSERT INTO blobs VALUES (9, x'28', x'c328', x'e28228', x'f0288cbc', x'000102030405060708ff');

-- Every byte behind those that mean something to a parser, and before them.
CREATE TABLE pairs (b VARBINARY(2) NOT NULL PRIMARY KEY);
INSERT IGNORE INTO pairs
SELECT IF(side.s, CONCAT(special.b, UNHEX(LPAD(HEX(n), 2, '0'))), CONCAT(UNHEX(LPAD(HEX(n), 2, '0')), special.b))
FROM (WITH RECURSIVE numbers AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 255) SELECT n FROM numbers) numbers,
  (SELECT x'00' AS b UNION SELECT x'27' UNION SELECT x'5c' UNION SELECT x'1a' UNION SELECT x'0a' UNION SELECT x'0d' UNION SELECT x'c3') special,
  (SELECT 0 AS s UNION SELECT 1) side;

-- Written as hexadecimal the first of these just fits into a batch of a MiB, and the next does not.
CREATE TABLE large (id INT NOT NULL PRIMARY KEY, b LONGBLOB);
INSERT INTO large VALUES (1, REPEAT(x'27', 524200)), (2, REPEAT(x'5c', 524288)), (3, REPEAT(x'00', 1100000)), (4, x'00'), (5, REPEAT(x'1a', 524287));
