-- MySQL has no collation of this kind that minds blanks.
CREATE TABLE nopad (a VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_swedish_nopad_ci NOT NULL PRIMARY KEY);
INSERT INTO nopad VALUES ('a'), ('a ');
CREATE TABLE parent (code VARCHAR(9) COLLATE utf8mb4_uca1400_ai_ci NOT NULL PRIMARY KEY);
CREATE TABLE child (id INT NOT NULL PRIMARY KEY, code VARCHAR(9) COLLATE utf8mb4_uca1400_ai_ci, FOREIGN KEY (code) REFERENCES parent (code));
INSERT INTO parent VALUES ('a');
INSERT INTO child VALUES (1, 'a');
