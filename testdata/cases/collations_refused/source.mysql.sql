CREATE TABLE chinese (id INT NOT NULL PRIMARY KEY, a VARCHAR(9) CHARACTER SET gb18030, b INT, c TEXT CHARACTER SET gb18030);
CREATE TABLE chinese_key (a VARCHAR(9) CHARACTER SET gb18030 COLLATE gb18030_bin NOT NULL PRIMARY KEY);
INSERT INTO chinese VALUES (1, '😀', 1, '一'), (2, '㐀', 2, NULL);
INSERT INTO chinese_key VALUES ('一');
-- Two to MySQL, one to the table that the target has.
CREATE TABLE blanks (a VARCHAR(9) COLLATE utf8mb4_0900_ai_ci NOT NULL PRIMARY KEY);
INSERT INTO blanks VALUES ('a'), ('a ');
