-- 64 KiB of the packet are kept for a statement's head. x'..' doubles bytes, quotes and backslashes are escaped: each column's largest row is near a MiB as a statement.
CREATE TABLE cells (id INT NOT NULL PRIMARY KEY, b LONGBLOB, t LONGTEXT CHARACTER SET latin1 COLLATE latin1_swedish_ci, j JSON) ENGINE=InnoDB;
INSERT INTO cells VALUES
(1, REPEAT(x'00', 491000), NULL, NULL), (2, REPEAT('x', 491000), '', '{}'), (3, NULL, REPEAT('x', 982000), NULL), (4, NULL, REPEAT('\\', 491000), NULL),
(5, NULL, REPEAT('é', 491000), NULL), (6, '', '', '[]'), (7, REPEAT('b', 200000), REPEAT('t', 200000), CONCAT('["', REPEAT('j', 200000), '"]')),
(8, REPEAT(x'ff', 280000), REPEAT('\n', 200000), NULL), (9, NULL, NULL, CONCAT('["', REPEAT('é', 490000), '"]'));
-- Three rows fill a batch by their bytes, long before they do by their number.
CREATE TABLE rows_of_a_third (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, t LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin) ENGINE=InnoDB;
INSERT INTO rows_of_a_third (t) VALUES (REPEAT('a', 327000)), (REPEAT('b', 327000)), (REPEAT('c', 327000)), (REPEAT('d', 328000)), (REPEAT('e', 1)), (REPEAT('f', 327000)), (REPEAT('g', 327000));
CREATE TABLE keyless (b MEDIUMBLOB) ENGINE=InnoDB;
INSERT INTO keyless VALUES (REPEAT('x', 491000)), (REPEAT('x', 491000)), (''), (NULL);
