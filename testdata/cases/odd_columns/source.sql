CREATE TABLE counter_alone (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY);
INSERT INTO counter_alone VALUES (0), (7), (3);
CREATE TABLE no_row (v VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'a😀', e ENUM('ä','b') NOT NULL DEFAULT 'ä');
CREATE TABLE unseen (seen INT AS (n + 1) VIRTUAL, n INT NULL INVISIBLE, m INT NOT NULL DEFAULT 5 INVISIBLE);
INSERT INTO unseen (n, m) VALUES (1, 2), (NULL, 3), (1, 2);
-- In batches of three, some of which end between rows that are alike in `a`.
CREATE TABLE two_directions (a INT NOT NULL, b VARCHAR(9) COLLATE utf8mb4_general_ci NOT NULL, c INT NULL, PRIMARY KEY (a ASC, b DESC));
INSERT INTO two_directions VALUES
(1, 'a', 1), (1, 'b', 2), (1, 'c', 3), (1, 'D', 4), (1, 'e', 5), (2, '', 6), (2, 'z', 7), (-1, 'y', 8), (-1, 'Ä', 9), (3, 'm', 10), (3, 'n', 11), (3, 'o', 12), (3, 'p', 13), (4, 'x', 14);
CREATE TABLE unique_directions (a INT NOT NULL, b INT NOT NULL, UNIQUE KEY ab (a DESC, b ASC));
INSERT INTO unique_directions VALUES (1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3), (3, 9), (3, 8), (0, 0), (0, 1), (-5, 3);
-- What InnoDB makes of it: MariaDB drops the action, MySQL keeps the words and does nothing.
CREATE TABLE parents (id INT NOT NULL PRIMARY KEY);
CREATE TABLE children (id INT NOT NULL PRIMARY KEY, p INT NULL DEFAULT 1, CONSTRAINT of_parents FOREIGN KEY (p) REFERENCES parents (id) ON DELETE SET DEFAULT);
INSERT INTO parents VALUES (1), (2);
INSERT INTO children VALUES (1, 1), (2, 2), (3, NULL);
