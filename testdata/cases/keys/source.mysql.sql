-- MariaDB's generated columns may always be NULL.
CREATE TABLE by_generated (n INT NOT NULL, g INT GENERATED ALWAYS AS (n * 2) STORED NOT NULL, UNIQUE KEY g (g));
INSERT INTO by_generated (n) VALUES (-5), (-1), (0), (1), (2), (3), (70), (71), (900);
