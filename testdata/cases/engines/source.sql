-- Every engine that keeps its rows; the target's is InnoDB.
CREATE TABLE in_myisam (g CHAR(3) NOT NULL, n INT NOT NULL AUTO_INCREMENT, t TEXT, p POINT NOT NULL, PRIMARY KEY (g, n), FULLTEXT KEY t (t), SPATIAL KEY p (p)) ENGINE = MyISAM;
INSERT INTO in_myisam VALUES ('a', 0, 'words', POINT(1, 2)), ('a', 1, 'more words', POINT(-1, 0.5)), ('b', 1, NULL, POINT(0, 0));
CREATE TABLE in_memory (a INT, b VARCHAR(90), KEY b (b) USING HASH, UNIQUE KEY a (a) USING BTREE) ENGINE = MEMORY;
INSERT INTO in_memory VALUES (1, 'x'), (NULL, 'x'), (NULL, NULL);
CREATE TABLE in_csv (a INT NOT NULL, b VARCHAR(90) NOT NULL) ENGINE = CSV;
INSERT INTO in_csv VALUES (1, '"it''s", \\'), (1, ''), (1, '');
