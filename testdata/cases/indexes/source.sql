CREATE TABLE parents (a INT NOT NULL, b VARCHAR(20) NOT NULL, c INT NOT NULL, PRIMARY KEY (a, b), UNIQUE KEY c (c), KEY backwards (b DESC, a ASC), KEY part (b(3)), KEY `order` (c, a), KEY `it``s` (a, c));
INSERT INTO parents VALUES (1, 'x', 10), (1, 'y', 11), (-2, 'x', 12);
CREATE TABLE children (
  id INT NOT NULL PRIMARY KEY, a INT NULL, b VARCHAR(20) NULL, c INT NULL, self INT NULL, KEY both_ (a, b), KEY self (self),
  CONSTRAINT to_both FOREIGN KEY (a, b) REFERENCES parents (a, b) ON DELETE CASCADE ON UPDATE CASCADE, CONSTRAINT to_c FOREIGN KEY (c) REFERENCES parents (c) ON DELETE SET NULL,
  CONSTRAINT to_self FOREIGN KEY (self) REFERENCES children (id)
);
INSERT INTO children VALUES (1, 1, 'x', 10, NULL), (2, 1, NULL, NULL, 1), (3, NULL, 'z', 12, 3);
CREATE TABLE words (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(200) NULL, body TEXT NULL, raw BLOB NULL, l VARCHAR(50) CHARACTER SET latin1 NULL,
  FULLTEXT KEY title (title), FULLTEXT KEY both_ (title, body), KEY body (body(20)), KEY raw (raw(7)), UNIQUE KEY l (l(10), id), KEY hash_like (title) USING BTREE
);
INSERT INTO words (title, body, raw, l) VALUES ('Quick brown fox', 'jumps over', x'00ff', 'é'), (NULL, NULL, NULL, NULL), ('', '', '', ''), ('日本語', REPEAT('long ', 5000), REPEAT('x', 1000), 'ß');
CREATE TABLE places (id INT NOT NULL PRIMARY KEY, p POINT NOT NULL, g GEOMETRY NULL, SPATIAL KEY p (p));
INSERT INTO places VALUES (1, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('LINESTRING(0 0,1 1)')), (2, ST_GeomFromText('POINT(-180 90)'), NULL);
-- The key that rows lie by is a unique one; the others that come first allow NULL or hold a part.
CREATE TABLE no_primary (n INT NULL, a VARCHAR(300) NOT NULL, b INT NOT NULL, UNIQUE KEY nullable (n), UNIQUE KEY part (a(5)), UNIQUE KEY whole (b, a), KEY plain (a));
INSERT INTO no_primary VALUES (NULL, 'aaaaa', 1), (NULL, 'bbbbb', 1), (1, 'ccccc1', 2);
