-- MariaDB reads 31 levels, MySQL 100.
CREATE TABLE nested (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO nested VALUES (1, '{}'), (2, CONCAT(REPEAT('[', 32), '"secret"', REPEAT(']', 32)));
