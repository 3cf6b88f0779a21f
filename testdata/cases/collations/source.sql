-- What each family's own collations are tried with. A column of each is under a key, and of each class of equal values it
-- has one: UPDATE IGNORE keeps the first. A collation at the target that takes two of them for equal has a duplicate.
CREATE TABLE texts (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, class INT NOT NULL);
INSERT INTO texts (t, class) WITH RECURSIVE n AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 255)
SELECT CONVERT(UNHEX(LPAD(HEX(block.b * 256 + n), 8, '0')) USING utf32), 1
FROM n, (SELECT 0 AS b UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 30 UNION SELECT 31 UNION SELECT 33 UNION SELECT 36 UNION SELECT 48 UNION SELECT 78 UNION SELECT 251 UNION SELECT 255 UNION SELECT 502) block
WHERE block.b * 256 + n BETWEEN 32 AND 126 OR block.b * 256 + n BETWEEN 160 AND 1319 OR block.b BETWEEN 30 AND 31 OR block.b * 256 + n BETWEEN 8448 AND 8585
  OR block.b * 256 + n BETWEEN 9312 AND 9471 OR block.b * 256 + n BETWEEN 12353 AND 12543 OR block.b = 78 OR block.b * 256 + n BETWEEN 64256 AND 64262
  OR block.b * 256 + n BETWEEN 65281 AND 65374 OR block.b * 256 + n BETWEEN 128512 AND 128591;
-- What only some take for equal: strengths, contractions and expansions, blanks and what sorts below them at the end.
INSERT INTO texts (t, class) VALUES ('ss', 1), ('SS', 1), ('ae', 1), ('AE', 1), ('oe', 1), ('ue', 1), ('aa', 1), ('Aa', 1), ('ch', 1), ('Ch', 1), ('ll', 1), ('ij', 1), ('dž', 1), ('lj', 1),
('résumé', 1), ('resume', 1), ('RESUME', 1), ('cote', 1), ('côte', 1), ('coté', 1), ('ハハ', 1), ('はは', 1), ('ﾊﾊ', 1), ('か', 1), ('が', 1), ('一', 1), ('😀😀', 1), ('😀😁', 1), ('👍🏽', 1), ('👍', 1), ('', 1);
INSERT INTO texts (t, class) VALUES (' ', 2), ('a ', 2), ('a  ', 2), ('A ', 2), ('é ', 2), ('😀 ', 2), ('ss ', 2), ('a\t', 1), ('a\0', 1), ('a\n', 1);

-- Both have these. `utf8` is a name of utf8mb3.
CREATE TABLE alike (
  id INT NOT NULL PRIMARY KEY, a VARCHAR(9) CHARACTER SET utf8, b VARCHAR(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci, c VARCHAR(9) COLLATE utf8mb4_unicode_ci,
  d VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_german2_ci, e ENUM('a', 'ä') COLLATE utf8mb4_bin, UNIQUE KEY b (b), UNIQUE KEY c (c), UNIQUE KEY d (d)
) CHARACTER SET utf8 COLLATE utf8_unicode_ci;
INSERT INTO alike VALUES (1, 'é', 'é', 'é', 'é', 'ä'), (2, 'é', 'f', 'f', 'ss', 'a'), (3, '', '', '', '', NULL), (4, NULL, NULL, NULL, NULL, NULL);
