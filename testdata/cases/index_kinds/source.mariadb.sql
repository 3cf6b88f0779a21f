CREATE TABLE long_unique (id INT NOT NULL PRIMARY KEY, t TEXT, b LONGBLOB, v VARCHAR(1000) CHARACTER SET utf8mb4, UNIQUE KEY t (t), UNIQUE KEY b (b), UNIQUE KEY v (v), KEY n (id) COMMENT 'x' IGNORED);
INSERT INTO long_unique VALUES (1, 'a', 'x', 'v'), (2, 'b', NULL, NULL), (3, NULL, 'y', 'w');
CREATE TABLE ignored (id INT NOT NULL PRIMARY KEY, a INT, b INT, KEY a (a) IGNORED, UNIQUE KEY b (b DESC) IGNORED);
INSERT INTO ignored VALUES (1, 2, 3), (2, NULL, NULL);
CREATE TABLE by_prefix (k VARCHAR(100) NOT NULL, t TEXT NOT NULL, n INT, PRIMARY KEY (k(10)), UNIQUE KEY t (t(20)));
INSERT INTO by_prefix VALUES ('a', 'x', 1), ('b', 'y', 2);
