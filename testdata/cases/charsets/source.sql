-- Codes are made from bytes; what is none is left out, so nothing here may be refused.
SET SESSION sql_mode = '';
SET SESSION group_concat_max_len = 1000000;
CREATE TABLE bytes (b BINARY(1) NOT NULL PRIMARY KEY);
INSERT INTO bytes WITH RECURSIVE n AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 255) SELECT UNHEX(LPAD(HEX(n), 2, '0')) FROM n;

-- Character sets of one byte: all 256.
CREATE TABLE single (
  b VARBINARY(1) NOT NULL PRIMARY KEY,
  latin1 VARCHAR(1) CHARACTER SET latin1, latin2 VARCHAR(1) CHARACTER SET latin2, latin5 VARCHAR(1) CHARACTER SET latin5,
  latin7 VARCHAR(1) CHARACTER SET latin7, cp1250 VARCHAR(1) CHARACTER SET cp1250, cp1251 VARCHAR(1) CHARACTER SET cp1251,
  cp1256 VARCHAR(1) CHARACTER SET cp1256, cp1257 VARCHAR(1) CHARACTER SET cp1257, cp850 VARCHAR(1) CHARACTER SET cp850,
  cp852 VARCHAR(1) CHARACTER SET cp852, cp866 VARCHAR(1) CHARACTER SET cp866, koi8r VARCHAR(1) CHARACTER SET koi8r,
  koi8u VARCHAR(1) CHARACTER SET koi8u, greek VARCHAR(1) CHARACTER SET greek, hebrew VARCHAR(1) CHARACTER SET hebrew,
  armscii8 VARCHAR(1) CHARACTER SET armscii8, dec8 VARCHAR(1) CHARACTER SET dec8, geostd8 VARCHAR(1) CHARACTER SET geostd8,
  hp8 VARCHAR(1) CHARACTER SET hp8, keybcs2 VARCHAR(1) CHARACTER SET keybcs2, macce VARCHAR(1) CHARACTER SET macce,
  macroman VARCHAR(1) CHARACTER SET macroman, swe7 VARCHAR(1) CHARACTER SET swe7, tis620 VARCHAR(1) CHARACTER SET tis620,
  ascii VARCHAR(1) CHARACTER SET ascii,
  latin1_char CHAR(3) CHARACTER SET latin1, cp1251_char CHAR(3) CHARACTER SET cp1251 NOT NULL,
  latin1_text TEXT CHARACTER SET latin1, cp1251_text MEDIUMTEXT CHARACTER SET cp1251
);
INSERT INTO single SELECT b,
  b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, IF(b < x'80', b, NULL),
  CONCAT('a', b), CONCAT(b, 'a'), CONCAT(b, x'5c', b, x'27', b), CONCAT(x'27', b, x'00', b, x'5c') FROM bytes;

-- Second bytes may be 0x5c. Each code ends a literal once, stands before a quote, and behind a backslash.
CREATE TABLE gbk (
  code VARCHAR(1) CHARACTER SET gbk COLLATE gbk_bin NOT NULL PRIMARY KEY,
  c CHAR(2) CHARACTER SET gbk, v VARCHAR(2) CHARACTER SET gbk COLLATE gbk_bin, t TEXT CHARACTER SET gbk, m MEDIUMTEXT CHARACTER SET gbk
);
INSERT INTO gbk SELECT code, code, code, CONCAT(code, x'27'), CONCAT(x'5c', code)
FROM (SELECT b AS code FROM bytes UNION ALL SELECT CONCAT(h.b, l.b) FROM bytes h, bytes l WHERE h.b > x'80') codes
WHERE CAST(CONVERT(code USING gbk) AS BINARY) = code AND CHAR_LENGTH(CONVERT(code USING gbk)) = 1 AND code <> x'20';
CREATE TABLE sjis (
  code VARCHAR(1) CHARACTER SET sjis COLLATE sjis_bin NOT NULL PRIMARY KEY,
  c CHAR(2) CHARACTER SET sjis, v VARCHAR(2) CHARACTER SET sjis COLLATE sjis_bin, t TEXT CHARACTER SET sjis, m MEDIUMTEXT CHARACTER SET sjis
);
INSERT INTO sjis SELECT code, code, code, CONCAT(code, x'27'), CONCAT(x'5c', code)
FROM (SELECT b AS code FROM bytes UNION ALL SELECT CONCAT(h.b, l.b) FROM bytes h, bytes l WHERE h.b > x'80') codes
WHERE CAST(CONVERT(code USING sjis) AS BINARY) = code AND CHAR_LENGTH(CONVERT(code USING sjis)) = 1 AND code <> x'20';

-- The same for others, a row for each first byte.
CREATE TABLE big5 (first VARBINARY(2) NOT NULL PRIMARY KEY, t TEXT CHARACTER SET big5, m MEDIUMTEXT CHARACTER SET big5);
INSERT INTO big5 SELECT h.b, GROUP_CONCAT(CONCAT(h.b, l.b) ORDER BY l.b SEPARATOR ''), GROUP_CONCAT(CONCAT(x'5c', h.b, l.b, x'27') ORDER BY l.b DESC SEPARATOR '')
FROM bytes h, bytes l
WHERE h.b > x'80' AND CAST(CONVERT(CONCAT(h.b, l.b) USING big5) AS BINARY) = CONCAT(h.b, l.b) AND CHAR_LENGTH(CONVERT(CONCAT(h.b, l.b) USING big5)) = 1
GROUP BY h.b;
CREATE TABLE gb2312 (first VARBINARY(2) NOT NULL PRIMARY KEY, t TEXT CHARACTER SET gb2312, m MEDIUMTEXT CHARACTER SET gb2312);
INSERT INTO gb2312 SELECT h.b, GROUP_CONCAT(CONCAT(h.b, l.b) ORDER BY l.b SEPARATOR ''), GROUP_CONCAT(CONCAT(x'5c', h.b, l.b, x'27') ORDER BY l.b DESC SEPARATOR '')
FROM bytes h, bytes l
WHERE h.b > x'80' AND CAST(CONVERT(CONCAT(h.b, l.b) USING gb2312) AS BINARY) = CONCAT(h.b, l.b) AND CHAR_LENGTH(CONVERT(CONCAT(h.b, l.b) USING gb2312)) = 1
GROUP BY h.b;
CREATE TABLE cp932 (first VARBINARY(2) NOT NULL PRIMARY KEY, t TEXT CHARACTER SET cp932, m MEDIUMTEXT CHARACTER SET cp932);
INSERT INTO cp932 SELECT h.b, GROUP_CONCAT(CONCAT(h.b, l.b) ORDER BY l.b SEPARATOR ''), GROUP_CONCAT(CONCAT(x'5c', h.b, l.b, x'27') ORDER BY l.b DESC SEPARATOR '')
FROM bytes h, bytes l
WHERE h.b > x'80' AND CAST(CONVERT(CONCAT(h.b, l.b) USING cp932) AS BINARY) = CONCAT(h.b, l.b) AND CHAR_LENGTH(CONVERT(CONCAT(h.b, l.b) USING cp932)) = 1
GROUP BY h.b;
CREATE TABLE euckr (first VARBINARY(2) NOT NULL PRIMARY KEY, t TEXT CHARACTER SET euckr, m MEDIUMTEXT CHARACTER SET euckr);
INSERT INTO euckr SELECT h.b, GROUP_CONCAT(CONCAT(h.b, l.b) ORDER BY l.b SEPARATOR ''), GROUP_CONCAT(CONCAT(x'5c', h.b, l.b, x'27') ORDER BY l.b DESC SEPARATOR '')
FROM bytes h, bytes l
WHERE h.b > x'80' AND CAST(CONVERT(CONCAT(h.b, l.b) USING euckr) AS BINARY) = CONCAT(h.b, l.b) AND CHAR_LENGTH(CONVERT(CONCAT(h.b, l.b) USING euckr)) = 1
GROUP BY h.b;
-- These two also have codes of three bytes. The servers do not agree on all of what is valid, so only what both know.
CREATE TABLE ujis (first VARBINARY(2) NOT NULL PRIMARY KEY, t TEXT CHARACTER SET ujis, m MEDIUMTEXT CHARACTER SET ujis);
INSERT INTO ujis SELECT h.b, GROUP_CONCAT(CONCAT(h.b, l.b) ORDER BY l.b SEPARATOR ''), GROUP_CONCAT(CONCAT(x'5c8f', h.b, l.b, x'27') ORDER BY l.b DESC SEPARATOR '')
FROM bytes h, bytes l WHERE h.b BETWEEN x'a1' AND x'fe' AND l.b BETWEEN x'a1' AND x'fe' GROUP BY h.b;
INSERT INTO ujis SELECT x'8e', GROUP_CONCAT(CONCAT(x'8e', b) ORDER BY b SEPARATOR ''), NULL FROM bytes WHERE b BETWEEN x'a1' AND x'df';
CREATE TABLE eucjpms (first VARBINARY(2) NOT NULL PRIMARY KEY, t TEXT CHARACTER SET eucjpms, m MEDIUMTEXT CHARACTER SET eucjpms);
INSERT INTO eucjpms SELECT h.b, GROUP_CONCAT(CONCAT(h.b, l.b) ORDER BY l.b SEPARATOR ''), GROUP_CONCAT(CONCAT(x'5c8f', h.b, l.b, x'27') ORDER BY l.b DESC SEPARATOR '')
FROM bytes h, bytes l WHERE h.b BETWEEN x'a1' AND x'fe' AND l.b BETWEEN x'a1' AND x'fe' GROUP BY h.b;
INSERT INTO eucjpms SELECT x'8e', GROUP_CONCAT(CONCAT(x'8e', b) ORDER BY b SEPARATOR ''), NULL FROM bytes WHERE b BETWEEN x'a1' AND x'df';

-- The whole BMP, a row for each 256 codes; half a pair is a code to ucs2 alone.
CREATE TABLE bmp (
  high BINARY(1) NOT NULL PRIMARY KEY, code VARBINARY(512) NOT NULL,
  ucs2 TEXT CHARACTER SET ucs2, utf16 TEXT CHARACTER SET utf16, utf16le TEXT CHARACTER SET utf16le, utf32 TEXT CHARACTER SET utf32,
  utf8mb3 TEXT CHARACTER SET utf8mb3, utf8mb4 VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci
);
INSERT INTO bmp (high, code, ucs2) SELECT h.b, GROUP_CONCAT(CONCAT(h.b, l.b) ORDER BY l.b SEPARATOR ''), GROUP_CONCAT(CONCAT(h.b, l.b) ORDER BY l.b SEPARATOR '')
FROM bytes h, bytes l GROUP BY h.b;
UPDATE bmp SET utf16 = ucs2, utf16le = ucs2, utf32 = ucs2, utf8mb3 = ucs2, utf8mb4 = ucs2 WHERE high NOT BETWEEN x'd8' AND x'df';
UPDATE bmp SET utf16 = NULL WHERE high BETWEEN x'd8' AND x'df';

-- Of the planes above, the codes whose low byte is a quote, a backslash, NUL, a line end, Ctrl-Z, or a bound.
CREATE TABLE planes (
  plane INT NOT NULL PRIMARY KEY, code BLOB NOT NULL,
  utf32 TEXT CHARACTER SET utf32, utf16 TEXT CHARACTER SET utf16, utf16le TEXT CHARACTER SET utf16le, utf8mb4 TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci
);
INSERT INTO planes (plane, code, utf32) SELECT ORD(p.b), GROUP_CONCAT(CONCAT(x'00', p.b, h.b, l.b) ORDER BY h.b, l.b SEPARATOR ''), GROUP_CONCAT(CONCAT(x'00', p.b, h.b, l.b) ORDER BY h.b, l.b SEPARATOR '')
FROM bytes p, bytes h, bytes l
WHERE p.b BETWEEN x'01' AND x'10' AND l.b IN (x'00', x'09', x'0a', x'0d', x'1a', x'20', x'22', x'27', x'5c', x'7f', x'80', x'ff') GROUP BY p.b;
UPDATE planes SET utf16 = utf32, utf16le = utf32, utf8mb4 = utf32;

DROP TABLE bytes;
SET SESSION sql_mode = 'STRICT_ALL_TABLES';

-- Text in a column that is of another character set than the bytes: UTF-8 in latin1, encoded twice, halves of characters.
CREATE TABLE mistaken (
  id INT NOT NULL PRIMARY KEY,
  latin1 VARCHAR(40) CHARACTER SET latin1, cp1251 TEXT CHARACTER SET cp1251, twice VARCHAR(40) COLLATE utf8mb4_bin, mb3 TEXT CHARACTER SET utf8mb3
);
INSERT INTO mistaken VALUES
(1, x'c3a9e282ac', x'd0b6d187', x'c383c2a9c3a2e2809ac2ac', x'c383c2a9'), (2, x'f09f9880', x'f09f9880', x'c3b0c5b8cb9ce282ac', NULL),
(3, x'c3', x'd0', x'c383', x'c383'), (4, x'efbbbf61', x'efbbbf', x'efbbbf61', x'efbbbf'), (5, x'fffe', x'feff', x'efbfbd', x'efbfbf');

-- Nothing, blanks, and what looks like something else. CHAR has no blanks at its end, the others keep them.
CREATE TABLE edges (
  id INT NOT NULL PRIMARY KEY,
  c CHAR(6) CHARACTER SET latin1, v VARCHAR(20) CHARACTER SET latin1, t TEXT CHARACTER SET latin1,
  c4 CHAR(6) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, v4 VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, t4 MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  cs CHAR(6) CHARACTER SET sjis, vs VARCHAR(20) CHARACTER SET sjis, cu CHAR(6) CHARACTER SET ucs2, vu VARCHAR(20) CHARACTER SET ucs2,
  cb CHAR(6) CHARACTER SET binary, vb VARCHAR(20) CHARACTER SET binary, tb TEXT CHARACTER SET binary, none CHAR(0) CHARACTER SET latin1
);
INSERT INTO edges VALUES
(1, '', '', '', '', '', '', '', '', '', '', '', '', '', ''),
(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(3, ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ''),
(4, 'a  ', 'a  ', 'a  ', 'a  ', 'a  ', 'a  ', 'a  ', 'a  ', 'a  ', 'a  ', 'a  ', 'a  ', 'a  ', NULL),
(5, '  a', '  a', '  a', '  a', '  a', '  a', '  a', '  a', '  a', '  a', '  a', '  a', '  a', ''),
(6, '\0', '\0', '\0', '\0', '\0', '\0', '\0', '\0', '\0', '\0', '\0', '\0', '\0', NULL),
(7, '\0 ', '\0 ', '\0 ', '\0 ', '\0 ', '\0 ', '\0 ', '\0 ', '\0 ', '\0 ', '\0 ', '\0 ', '\0 ', ''),
(8, 'a\t ', 'a\t ', 'a\t ', 'a\t ', 'a\t ', 'a\t ', 'a\t ', 'a\t ', 'a\t ', 'a\t ', 'a\t ', 'a\t ', 'a\t ', NULL),
(9, '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', ''),
(10, '\Z', '\Z', '\Z', '\Z', '\Z', '\Z', '\Z', '\Z', '\Z', '\Z', '\Z', '\Z', '\Z', NULL),
(11, 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', ''),
(12, '\\N', '\\N', '\\N', '\\N', '\\N', '\\N', '\\N', '\\N', '\\N', '\\N', '\\N', '\\N', '\\N', NULL),
(13, '\\', '\\', '\\', '\\', '\\', '\\', '\\', '\\', '\\', '\\', '\\', '\\', '\\', ''),
(14, '\'', '\'', '\'', '\'', '\'', '\'', '\'', '\'', '\'', '\'', '\'', '\'', '\'', NULL),
(15, '"', '"', '"', '"', '"', '"', '"', '"', '"', '"', '"', '"', '"', ''),
(16, '`', '`', '`', '`', '`', '`', '`', '`', '`', '`', '`', '`', '`', NULL),
(17, '\'\'', '\'\'', '\'\'', '\'\'', '\'\'', '\'\'', '\'\'', '\'\'', '\'\'', '\'\'', '\'\'', '\'\'', '\'\'', ''),
(18, '--', '--', '--', '--', '--', '--', '--', '--', '--', '--', '--', '--', '--', NULL),
(19, '/*', '/*', '/*', '/*', '/*', '/*', '/*', '/*', '/*', '/*', '/*', '/*', '/*', ''),
(20, '0x00', '0x00', '0x00', '0x00', '0x00', '0x00', '0x00', '0x00', '0x00', '0x00', '0x00', '0x00', '0x00', NULL),
(21, '%', '%', '%', '%', '%', '%', '%', '%', '%', '%', '%', '%', '%', ''),
(22, '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', NULL);

-- Members, defaults and comments whose bytes have backslashes and quotes in the column's own character set.
CREATE TABLE named (
  id INT NOT NULL PRIMARY KEY,
  es ENUM('表', 'ソ', '', 'a') CHARACTER SET sjis, eg SET('乗', 'b', '誠') CHARACTER SET gbk, el ENUM('é', 'ÿ''', '\\') CHARACTER SET latin1 NOT NULL,
  ds VARCHAR(9) CHARACTER SET sjis NOT NULL DEFAULT '表\'\\' COMMENT '表 é \'', dg VARCHAR(9) CHARACTER SET gbk DEFAULT '乗',
  dl CHAR(9) CHARACTER SET latin1 DEFAULT 'é\\', du VARCHAR(9) CHARACTER SET ucs2 DEFAULT '\\☃'
) COMMENT '乗 \\';
INSERT INTO named (id, es, eg, el) VALUES (1, '表', '乗', 'é'), (2, 'ソ', '乗,誠', 'ÿ\''), (3, '', '', '\\'), (4, NULL, NULL, 'é'), (5, 'a', 'b', 'é');
INSERT INTO named VALUES (6, 'a', 'b', 'é', 'ソ', '誠', 'ÿ', '\'');

-- The catalogs print defaults in three bytes a character. The first of these tables has no rows.
CREATE TABLE defaults (
  id INT NOT NULL PRIMARY KEY,
  four VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci DEFAULT '😀?\n ', wide VARCHAR(9) CHARACTER SET utf16 DEFAULT 'a😀',
  asked VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci DEFAULT '?'
);
CREATE TABLE defaults_needed (id INT NOT NULL PRIMARY KEY, four VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL DEFAULT '👍');
INSERT INTO defaults_needed (id) VALUES (1);
