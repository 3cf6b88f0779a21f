-- Both have these. `utf8` is a name of utf8mb3.
CREATE TABLE alike (
  id INT NOT NULL PRIMARY KEY, a VARCHAR(9) CHARACTER SET utf8, b VARCHAR(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci, c VARCHAR(9) COLLATE utf8mb4_unicode_ci,
  d VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_german2_ci, e ENUM('a', 'ä') COLLATE utf8mb4_bin, UNIQUE KEY b (b), UNIQUE KEY c (c), UNIQUE KEY d (d)
) CHARACTER SET utf8 COLLATE utf8_unicode_ci;
INSERT INTO alike VALUES (1, 'é', 'é', 'é', 'é', 'ä'), (2, 'é', 'f', 'f', 'ss', 'a'), (3, '', '', '', '', NULL), (4, NULL, NULL, NULL, NULL, NULL);
