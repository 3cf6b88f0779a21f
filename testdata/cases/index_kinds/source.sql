CREATE TABLE texts (
  id INT NOT NULL PRIMARY KEY, a VARCHAR(200), b TEXT, c LONGTEXT, d VARBINARY(300), e BLOB, n INT,
  KEY a_10 (a(10)), KEY a_b (a(3), b(7), n), UNIQUE KEY b_20 (b(20)), KEY c_5 (c(5)), KEY d_9 (d(9)), UNIQUE KEY e_255 (e(255)),
  FULLTEXT KEY ft_a (a), FULLTEXT KEY ft_ab (a, b), FULLTEXT KEY ft_c (c) COMMENT 'full ''text''',
  KEY n_down (n DESC), KEY mixed (n DESC, a ASC, id DESC), KEY with_comment (n, id) COMMENT 'it''s, (a) \\ KEY `x`
of two lines'
);
INSERT INTO texts VALUES
(1, 'a', 'words of a text', 'more words', x'00ff', x'00', 1), (2, 'a', 'other words of a text', NULL, x'00ff', x'01', NULL), (3, NULL, NULL, '', NULL, NULL, -5);

-- NULL is no duplicate.
CREATE TABLE nullable (a INT, b INT, c VARCHAR(9), UNIQUE KEY a (a), UNIQUE KEY a_b (a, b), UNIQUE KEY (c), UNIQUE (b, c), KEY (a), INDEX (b DESC));
INSERT INTO nullable VALUES (NULL, NULL, NULL), (NULL, NULL, NULL), (1, NULL, 'x'), (2, 1, NULL), (3, 1, NULL);

CREATE TABLE places (id INT NOT NULL PRIMARY KEY, p POINT NOT NULL, g GEOMETRY NOT NULL, SPATIAL KEY p (p), SPATIAL KEY g (g));
INSERT INTO places VALUES (1, POINT(1, 2), ST_GEOMFROMTEXT('LINESTRING(0 0, 1 1, 2 0)')), (2, POINT(-1.5, 1e10), POINT(0, 0));

CREATE TABLE parents (id INT NOT NULL PRIMARY KEY, a INT NOT NULL, b VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, c INT NULL, UNIQUE KEY a_b (a, b), UNIQUE KEY c (c));
INSERT INTO parents VALUES (1, 1, 'x', 10), (2, 1, 'y', NULL), (3, 2, 'x', 30);
CREATE TABLE children (
  id INT NOT NULL PRIMARY KEY, p1 INT, p2 INT, p3 INT, p4 INT, p5 INT, a INT, b VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, c INT,
  CONSTRAINT cascades FOREIGN KEY (p1) REFERENCES parents (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT sets_null FOREIGN KEY (p2) REFERENCES parents (id) ON DELETE SET NULL ON UPDATE SET NULL,
  CONSTRAINT restricts FOREIGN KEY (p3) REFERENCES parents (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT does_nothing FOREIGN KEY (p4) REFERENCES parents (id) ON DELETE NO ACTION ON UPDATE NO ACTION,
  CONSTRAINT says_nothing FOREIGN KEY (p5) REFERENCES parents (id),
  CONSTRAINT `ON DELETE CASCADE` FOREIGN KEY (a, b) REFERENCES parents (a, b) ON DELETE SET NULL ON UPDATE NO ACTION,
  CONSTRAINT to_nullable FOREIGN KEY (c) REFERENCES parents (c) ON UPDATE CASCADE
);
INSERT INTO children VALUES (1, 1, 1, 1, 1, 1, 1, 'x', 10), (2, NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL), (3, 3, 2, 1, 3, 2, 2, 'x', 30);

-- Keys without names, to the table itself, and twice the same.
CREATE TABLE tree (id INT NOT NULL PRIMARY KEY, up INT, up2 INT, FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE, FOREIGN KEY (up2) REFERENCES tree (id), FOREIGN KEY (up) REFERENCES parents (id));
INSERT INTO tree VALUES (1, 1, NULL), (2, 1, 2), (3, 2, 1);

CREATE TABLE chicken (id INT NOT NULL PRIMARY KEY, egg INT);
CREATE TABLE egg (id INT NOT NULL PRIMARY KEY, chicken INT NOT NULL, CONSTRAINT laid_by FOREIGN KEY (chicken) REFERENCES chicken (id));
ALTER TABLE chicken ADD CONSTRAINT out_of FOREIGN KEY (egg) REFERENCES egg (id);
INSERT INTO chicken VALUES (1, NULL), (2, NULL);
INSERT INTO egg VALUES (1, 1), (2, 1);
UPDATE chicken SET egg = 2 WHERE id = 2;

-- What production has had since before the key: rows that point nowhere.
SET FOREIGN_KEY_CHECKS = 0;
INSERT INTO children (id, p1) VALUES (4, 99);
SET FOREIGN_KEY_CHECKS = 1;

CREATE TABLE counted_last (code VARCHAR(9) NOT NULL PRIMARY KEY, n INT NOT NULL AUTO_INCREMENT, m INT, KEY n_m (n, m), KEY m (m));
INSERT INTO counted_last VALUES ('a', 5, 1), ('b', 1, NULL);
