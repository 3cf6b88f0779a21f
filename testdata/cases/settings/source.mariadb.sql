-- Rows of today are read all the same.
CREATE TABLE versioned (id INT NOT NULL PRIMARY KEY, n INT NULL) ENGINE = InnoDB WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1, 1), (2, 2);
UPDATE versioned SET n = 3 WHERE id = 2;
SET GLOBAL system_versioning_asof = '2001-02-03 04:05:06';
