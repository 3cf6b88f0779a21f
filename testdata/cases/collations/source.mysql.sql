-- Each table has a key under one collation and of each class of equal values one: INSERT IGNORE keeps the first.
-- A collation at the target that takes two of them for equal has a duplicate.
SET SESSION sql_mode = '';
CREATE TABLE texts (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, class INT NOT NULL);
INSERT INTO texts WITH RECURSIVE n AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 255)
SELECT CONVERT(UNHEX(LPAD(HEX(block.b * 256 + n), 8, '0')) USING utf32), 1
FROM n, (SELECT 0 AS b UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 30 UNION SELECT 31 UNION SELECT 33 UNION SELECT 36 UNION SELECT 48 UNION SELECT 78 UNION SELECT 251 UNION SELECT 255 UNION SELECT 502) block
WHERE block.b * 256 + n BETWEEN 32 AND 126 OR block.b * 256 + n BETWEEN 160 AND 1319 OR block.b BETWEEN 30 AND 31 OR block.b * 256 + n BETWEEN 8448 AND 8585
  OR block.b * 256 + n BETWEEN 9312 AND 9471 OR block.b * 256 + n BETWEEN 12353 AND 12543 OR block.b = 78 OR block.b * 256 + n BETWEEN 64256 AND 64262
  OR block.b * 256 + n BETWEEN 65281 AND 65374 OR block.b * 256 + n BETWEEN 128512 AND 128591;
-- What only some take for equal: strengths, contractions and expansions, blanks and what sorts below them at the end.
INSERT INTO texts VALUES ('ss', 1), ('SS', 1), ('ae', 1), ('AE', 1), ('oe', 1), ('ue', 1), ('aa', 1), ('Aa', 1), ('ch', 1), ('Ch', 1), ('ll', 1), ('ij', 1), ('dž', 1), ('lj', 1),
('résumé', 1), ('resume', 1), ('RESUME', 1), ('cote', 1), ('côte', 1), ('coté', 1), ('ハハ', 1), ('はは', 1), ('ﾊﾊ', 1), ('か', 1), ('が', 1), ('一', 1), ('😀😀', 1), ('😀😁', 1), ('👍🏽', 1), ('👍', 1), ('', 1);
INSERT INTO texts VALUES (' ', 2), ('a ', 2), ('a  ', 2), ('A ', 2), ('é ', 2), ('😀 ', 2), ('ss ', 2), ('a\t', 1), ('a\0', 1), ('a\n', 1);

CREATE TABLE utf8mb4_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_0900_ai_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_0900_as_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_0900_as_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_0900_as_cs (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_cs NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_0900_as_cs SELECT t FROM texts;
CREATE TABLE utf8mb4_0900_bin (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_0900_bin SELECT t FROM texts;
CREATE TABLE utf8mb4_de_pb_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_de_pb_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_de_pb_0900_ai_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_sv_0900_as_cs (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_sv_0900_as_cs NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_sv_0900_as_cs SELECT t FROM texts;
CREATE TABLE utf8mb4_es_trad_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_es_trad_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_es_trad_0900_ai_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_ru_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_ru_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_ru_0900_ai_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_nb_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_nb_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_nb_0900_ai_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_bs_0900_as_cs (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bs_0900_as_cs NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_bs_0900_as_cs SELECT t FROM texts;
CREATE TABLE utf8mb4_tr_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_tr_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_tr_0900_ai_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_ja_0900_as_cs (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_ja_0900_as_cs NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_ja_0900_as_cs SELECT t FROM texts;
CREATE TABLE utf8mb4_ja_0900_as_cs_ks (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_ja_0900_as_cs_ks NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_ja_0900_as_cs_ks SELECT t FROM texts;
CREATE TABLE utf8mb4_zh_0900_as_cs (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_zh_0900_as_cs NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_zh_0900_as_cs SELECT t FROM texts;
CREATE TABLE utf8mb4_unicode_520_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_unicode_520_ci SELECT t FROM texts;
CREATE TABLE utf8mb3_general_ci (t VARCHAR(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb3_general_ci SELECT t FROM texts WHERE CONVERT(CONVERT(t USING utf8mb3) USING utf8mb4) = t;
CREATE TABLE utf8mb3_tolower_ci (t VARCHAR(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_tolower_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb3_tolower_ci SELECT t FROM texts WHERE CONVERT(CONVERT(t USING utf8mb3) USING utf8mb4) = t;
CREATE TABLE utf8mb4_sl_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_sl_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_sl_0900_ai_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_sk_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_sk_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_sk_0900_ai_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_lt_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_lt_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_lt_0900_ai_ci SELECT t FROM texts;
CREATE TABLE utf8mb4_sv_0900_ai_ci (t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_sv_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT IGNORE INTO utf8mb4_sv_0900_ai_ci SELECT t FROM texts;
DROP TABLE texts;

-- Both ends of a foreign key become alike, whatever they become; 'a' and 'a ' are two parents where blanks count.
CREATE TABLE parent (code VARCHAR(9) COLLATE utf8mb4_0900_as_cs NOT NULL, tag VARCHAR(9) COLLATE utf8mb4_0900_ai_ci NOT NULL, PRIMARY KEY (code, tag), UNIQUE KEY tag (tag)) COLLATE utf8mb4_0900_ai_ci;
CREATE TABLE child (id INT NOT NULL PRIMARY KEY, code VARCHAR(9) COLLATE utf8mb4_0900_as_cs, tag VARCHAR(9) COLLATE utf8mb4_0900_ai_ci, own VARCHAR(9) COLLATE utf8mb4_0900_ai_ci,
  CONSTRAINT both_parts FOREIGN KEY (code, tag) REFERENCES parent (code, tag) ON DELETE CASCADE ON UPDATE CASCADE, CONSTRAINT one_part FOREIGN KEY (own) REFERENCES parent (tag) ON DELETE CASCADE ON UPDATE CASCADE) COLLATE utf8mb4_0900_as_cs;
INSERT INTO parent VALUES ('a', 'x'), ('ä', 'y'), ('a', '😀'), ('ß', '😁'), ('ss', 'z');
INSERT INTO child VALUES (1, 'a', 'x', '😀'), (2, 'ä', 'y', '😁'), (3, 'a', '😀', NULL), (4, NULL, 'q', 'x'), (5, 'ß', '😁', 'y');
INSERT INTO parent VALUES ('a ', 'x ');
INSERT INTO child VALUES (6, 'a ', 'x ', 'x ');
