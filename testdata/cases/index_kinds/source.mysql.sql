CREATE TABLE expressions (
  id INT NOT NULL PRIMARY KEY, a VARCHAR(40), n INT, j JSON,
  KEY lowered ((LOWER(a))), UNIQUE KEY summed ((n * 2), id), KEY down ((ABS(n)) DESC, a), KEY quoted ((CONCAT(a, 'it''s \\ `x`'))) COMMENT 'x',
  KEY members ((CAST(j->'$.tags' AS UNSIGNED ARRAY))), KEY unseen (n) INVISIBLE, UNIQUE KEY unseen_unique (a, n) INVISIBLE, KEY two (n, a) COMMENT 'c' INVISIBLE
);
INSERT INTO expressions VALUES (1, 'A', 1, '{"tags": [1, 2, 3]}'), (2, NULL, NULL, NULL), (3, 'b', -1, '{"tags": []}');
CREATE TABLE by_ngram (id INT NOT NULL PRIMARY KEY, t TEXT, FULLTEXT KEY t (t) WITH PARSER ngram);
INSERT INTO by_ngram VALUES (1, '日本語'), (2, NULL);
-- A key over the beginnings of values only.
CREATE TABLE by_prefix (k VARCHAR(100) NOT NULL, t TEXT NOT NULL, n INT, PRIMARY KEY (k(10)), UNIQUE KEY t (t(20)));
INSERT INTO by_prefix VALUES ('a', 'x', 1), ('b', 'y', 2);
